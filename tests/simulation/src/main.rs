//! Runs many seeds, or one again.

use clap::Parser;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use sekisho_replica::simulation::Planted;
use sekisho_simulation::schedule::Kind;
use sekisho_simulation::{Failure, Options, Summary, is_seeded, run};
use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

/// The ledger's replicas in a simulated world.
#[derive(Debug, Parser)]
struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Only this one.
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// Write every event to standard error.
    #[arg(long)]
    trace: bool,
    /// Put a fault back.
    #[arg(long, value_parser = planted())]
    plant: Option<Planted>,
    /// Let this alone go wrong, often, with short logs.
    #[arg(long, value_parser = kind())]
    about: Option<Kind>,
}

/// Any kind of fault, by its name.
fn kind() -> impl TypedValueParser<Value = Kind> {
    PossibleValuesParser::new(Kind::ALL.map(Kind::word)).try_map(|word| {
        let found = Kind::ALL.into_iter().find(|kind| kind.word() == word);
        found.ok_or("no such fault")
    })
}

/// Any of the faults, by its name.
fn planted() -> impl TypedValueParser<Value = Planted> {
    PossibleValuesParser::new(Planted::ALL.map(Planted::name)).try_map(|name| {
        let found = Planted::ALL.into_iter().find(|fault| fault.name() == name);
        found.ok_or("no such fault")
    })
}

/// Everything that was run.
#[derive(Default)]
struct Total {
    seeds: u64,
    failed: Vec<Failure>,
    steps: u64,
    leaves: u64,
    answers: u64,
    leaders: u64,
    simulated_s: u64,
    counts: BTreeMap<&'static str, u64>,
}

impl Total {
    fn add(&mut self, summary: &Summary) {
        self.steps += summary.steps;
        self.leaves += summary.leaves;
        self.answers += summary.answers;
        self.leaders += summary.leaders;
        self.simulated_s += summary.time.as_secs();
        for (kind, count) in &summary.counts {
            *self.counts.entry(kind).or_default() += count;
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if std::env::var_os("RUST_LOG").is_some() {
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(std::io::stderr)
            .init();
    }
    let mut out = std::io::stdout();
    let seeds = match arguments.seed {
        Some(seed) => seed..seed + 1,
        None => arguments.from..arguments.from.saturating_add(arguments.seeds),
    };
    if !is_seeded() {
        // A reader may have gone; the run goes on.
        let _ = writeln!(
            out,
            "built without tests/simulation/seeded.toml: a seed does not give the same run twice"
        );
    }
    let (mut total, began) = (Total::default(), Instant::now());
    for seed in seeds {
        let one = Options {
            seed,
            shown: arguments.trace,
            planted: arguments.plant,
            about: arguments.about,
        };
        total.seeds += 1;
        match run(one) {
            Ok(summary) => {
                total.add(&summary);
                if arguments.seed.is_some() {
                    let _ = writeln!(out, "digest {}", summary.digest);
                }
            }
            Err(failure) => {
                let _ = writeln!(out, "{failure}");
                total.failed.push(failure);
            }
        }
        if total.seeds.is_multiple_of(20) {
            let (seeds, failed) = (total.seeds, total.failed.len());
            let s = began.elapsed().as_secs();
            let _ = writeln!(out, "{seeds} seeds, {failed} failed, {s} s");
        }
    }
    let Total {
        seeds,
        failed,
        steps,
        leaves,
        answers,
        leaders,
        simulated_s,
        counts,
    } = &total;
    let _ = writeln!(
        out,
        "{seeds} seeds, {} failed: {steps} steps, {leaves} leaves, {answers} answers, {leaders} leaders, \
         {simulated_s} s simulated in {} s",
        failed.len(),
        began.elapsed().as_secs()
    );
    for (kind, count) in counts {
        let _ = writeln!(out, "{count:>10}  {kind}");
    }
    match failed.is_empty() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
