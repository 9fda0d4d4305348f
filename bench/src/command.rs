//! The command line: one benchmark a call; the result on standard output, everything else on standard error.

use crate::{
    BenchError, Machine, Numbers, Report, Row, authorize, builds, etcd, exchange, failover, group,
    growth, identity, indexed, ingested, ledger, postgres, queries, retrieve, sites, withdrawal,
};
use std::io::{self, Write};
use std::path::PathBuf;

/// Exit code where a benchmark could not be run to its end, or its result not be written.
pub const EXIT_FAILED: u8 = 3;
/// Exit code for arguments that mean nothing.
pub const EXIT_WRONG_USE: u8 = 2;

struct Benchmark {
    name: &'static str,
    about: &'static str,
    /// Its options, as usage shows them.
    options: &'static str,
    /// Reads the options; what to run.
    plan: fn(&[&str]) -> Result<Plan, String>,
}

type Plan = Box<dyn Fn(&mut dyn Write) -> Result<Vec<Row>, BenchError>>;

/// The option that makes every run short: to see that it works, not how fast.
const QUICK: &str = "--quick";

const BENCHMARKS: [Benchmark; 14] = [
    Benchmark {
        name: "authorize",
        about: "decisions per second and how long one takes over one million consents (--full: ten), memory of a \
                consent, and entries applied per second, against strict signature checks, a small ledger, the \
                consents' own bytes, and what three replicas commit",
        options: "[--full | --subjects N --consents N] [--disk CONSENTS] [--no-apply]",
        plan: plan_authorize,
    },
    Benchmark {
        name: "ledger",
        about: "committed access requests per second and their latency at three durable replicas with 1, 16, \
                64 and 256 clients, against the machine's signature checks and its disk's fdatasync",
        options: "",
        plan: |options| match options.first() {
            Some(option) => Err(format!("ledger takes no {option}")),
            None => Ok(Box::new(|progress| {
                ledger::run(&ledger::Sizes::FULL, progress)
            })),
        },
    },
    Benchmark {
        name: "etcd",
        about: "committed access requests per second and their latency at three replicas, signatures verified on \
                each, with 1, 8, 64 and 256 clients, against puts of three etcd members on the same disk (--tls: \
                that speak mutual TLS as ours do)",
        options: "[--quick | --unchecked] [--tls]",
        plan: |options| {
            let (tls, options) = tls(options);
            let sizes = if options == ["--unchecked"] {
                etcd::Sizes::UNCHECKED
            } else if quick("etcd", &options)? {
                etcd::Sizes::QUICK
            } else {
                etcd::Sizes::FULL
            };
            let sizes = etcd::Sizes { tls, ..sizes };
            Ok(Box::new(move |progress| {
                etcd::run(&sizes, &itself()?, progress)
            }))
        },
    },
    Benchmark {
        name: "postgres",
        about: "committed access requests per second at three replicas with 64 clients, against rows that a \
                PostgreSQL primary commits with a quorum of two standbys on the same disk (--tls: over mutual TLS, \
                as ours)",
        options: "[--quick] [--tls]",
        plan: |options| {
            let (tls, options) = tls(options);
            let sizes = if quick("postgres", &options)? {
                postgres::Sizes::QUICK
            } else {
                postgres::Sizes::FULL
            };
            let sizes = postgres::Sizes { tls, ..sizes };
            Ok(Box::new(move |progress| {
                postgres::run(&sizes, &itself()?, progress)
            }))
        },
    },
    Benchmark {
        name: "builds",
        about: "committed access requests per second, their latency and their processor time at three replicas of this \
                build, against three of another build of this program, by turns",
        options: "PROGRAM [--quick]",
        plan: plan_builds,
    },
    Benchmark {
        name: "withdrawal",
        about: "from the submission of a withdrawal until each of three replicas' own state denies, on loopback and \
                with 20 ms between replicas, against one fdatasync and one round trip",
        options: "[--quick]",
        plan: |options| {
            let sizes = if quick("withdrawal", options)? {
                withdrawal::Sizes::QUICK
            } else {
                withdrawal::Sizes::FULL
            };
            Ok(Box::new(move |progress| withdrawal::run(&sizes, progress)))
        },
    },
    Benchmark {
        name: "failover",
        about: "from the SIGKILL of the leader's process until a survivor commits the next request, against the \
                election timeout",
        options: "[--quick]",
        plan: |options| {
            let sizes = if quick("failover", options)? {
                failover::Sizes::QUICK
            } else {
                failover::Sizes::FULL
            };
            Ok(Box::new(move |progress| {
                failover::run(&sizes, &itself()?, progress)
            }))
        },
    },
    Benchmark {
        name: "growth",
        about: "one replica fed with 200,000 signed entries (--entries: more): disk, memory, start-up, latency, \
                snapshots, fsck and a new replica's catching up, against the same at 0 entries",
        options: "[--quick | --entries N]",
        plan: plan_growth,
    },
    Benchmark {
        name: "retrieve",
        about: "documents of 10 MiB and 1 GiB sealed from process to process, directly and through a broker, also \
                30 ms apart, against plain TLS of the same bytes, and what each process grows by",
        options: "[--quick]",
        plan: |options| {
            let sizes = if quick("retrieve", options)? {
                retrieve::Sizes::QUICK
            } else {
                retrieve::Sizes::FULL
            };
            Ok(Box::new(move |progress| {
                retrieve::run(&sizes, &itself()?, progress)
            }))
        },
    },
    Benchmark {
        name: "queries",
        about: "one query for documents to 8, 47 and 218 networks, each 10 ms away, against a bare gRPC echo over the \
                same way and the ledger's commit; with lines that hang or come and go; what the broker adds",
        options: "[--quick]",
        plan: |options| {
            let sizes = if quick("queries", options)? {
                queries::Sizes::QUICK
            } else {
                queries::Sizes::FULL
            };
            Ok(Box::new(move |progress| queries::run(&sizes, progress)))
        },
    },
    Benchmark {
        name: "federation",
        about: "queries a second end to end with 5 networks, each a process, and 64 clients, against the requests that \
                their ledger commits by itself",
        options: "[--quick | --documents N]",
        plan: plan_federation,
    },
    Benchmark {
        name: "index",
        about: "documents of one patient found among 5 million (--documents: more or fewer) in a node's index, p50 and \
                p99 of 50 documents, against 2 ms and an index of 50,000; disk of a document",
        options: "[--quick | --documents N]",
        plan: plan_index,
    },
    Benchmark {
        name: "identity",
        about: "patient matching on invented populations: precision and recall for each class of error against the \
                aims, pairs judged per second against a plain comparison of names, and FEBRL4 against a baseline",
        options: "[--quick] [--persons N] [--febrl FOLDER | --no-febrl]",
        plan: plan_identity,
    },
    Benchmark {
        name: "ingest",
        about: "a hospital's storage of 200,000 files (--files: more or fewer) read into a node's index, warm and cold, \
                against find and cat over the same tree; memory against 50,000 files; how soon a change is seen",
        options: "[--quick | --files N]",
        plan: plan_ingest,
    },
];

fn plan_builds(options: &[&str]) -> Result<Plan, String> {
    let (other, sizes) = match options {
        [] => return Err("builds needs another build of this program".to_owned()),
        [option, ..] if option.starts_with('-') => {
            return Err(format!("builds needs a program, not {option}"));
        }
        [other, options @ ..] if quick("builds", options)? => (other, builds::Sizes::QUICK),
        [other, ..] => (other, builds::Sizes::FULL),
    };
    let other = PathBuf::from(other);
    Ok(Box::new(move |progress| {
        builds::run(&sizes, &itself()?, &other, progress)
    }))
}

fn plan_ingest(options: &[&str]) -> Result<Plan, String> {
    let mut sizes = ingested::Sizes::USUAL;
    match options {
        ["--files", value] => {
            sizes.files = number("--files", Some(value))?.max(4);
            // As the usual ones are to each other.
            sizes.few = sizes.files / 4;
        }
        ["--files"] => sizes.files = number("--files", None)?,
        options if quick("ingest", options)? => sizes = ingested::Sizes::QUICK,
        _ => {}
    }
    Ok(Box::new(move |progress| {
        ingested::run(&sizes, &itself()?, progress)
    }))
}

fn plan_federation(options: &[&str]) -> Result<Plan, String> {
    let mut sizes = exchange::Sizes::FULL;
    match options {
        ["--documents", value] => sizes.documents = number("--documents", Some(value))?,
        ["--documents"] => sizes.documents = number("--documents", None)?,
        options if quick("federation", options)? => sizes = exchange::Sizes::QUICK,
        _ => {}
    }
    Ok(Box::new(move |progress| {
        exchange::run(&sizes, &itself()?, progress)
    }))
}

fn plan_index(options: &[&str]) -> Result<Plan, String> {
    let mut sizes = indexed::Sizes::USUAL;
    match options {
        ["--documents", value] => sizes.documents = number("--documents", Some(value))?.max(1),
        ["--documents"] => sizes.documents = number("--documents", None)?,
        options if quick("index", options)? => sizes = indexed::Sizes::QUICK,
        _ => {}
    }
    Ok(Box::new(move |progress| indexed::run(&sizes, progress)))
}

fn plan_growth(options: &[&str]) -> Result<Plan, String> {
    let mut sizes = growth::Sizes::USUAL;
    match options {
        [] => {}
        ["--entries", value] => sizes.entries = number("--entries", Some(value))?.max(1),
        ["--entries"] => sizes.entries = number("--entries", None)?,
        options if quick("growth", options)? => sizes = growth::Sizes::QUICK,
        _ => {}
    }
    Ok(Box::new(move |progress| {
        growth::run(&sizes, &itself()?, progress)
    }))
}

fn plan_identity(options: &[&str]) -> Result<Plan, String> {
    let mut sizes = identity::Sizes::USUAL;
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match *option {
            QUICK => sizes = identity::Sizes::QUICK,
            "--persons" => {
                let persons = number(option, options.next().copied())?;
                sizes.persons =
                    u32::try_from(persons).map_err(|_| "--persons: too many".to_owned())?;
            }
            "--febrl" => {
                let folder = options.next().ok_or("--febrl needs a folder")?;
                sizes.febrl = identity::Febrl::Folder(folder.into());
            }
            "--no-febrl" => sizes.febrl = identity::Febrl::LeftOut,
            other => return Err(format!("identity takes no {other}")),
        }
    }
    Ok(Box::new(move |progress| identity::run(&sizes, progress)))
}

/// An option's number, with or without commas.
fn number(option: &str, value: Option<&str>) -> Result<u64, String> {
    let value = value.ok_or(format!("{option} needs a number"))?;
    let plain = value.replace([',', '_'], "");
    plain
        .parse()
        .map_err(|_| format!("{option} {value}: not a number"))
}

/// Whether a benchmark's only option was given.
fn quick(name: &str, options: &[&str]) -> Result<bool, String> {
    match options {
        [] => Ok(false),
        [option] if *option == QUICK => Ok(true),
        [QUICK, option, ..] | [option, ..] => Err(format!("{name} takes no {option}")),
    }
}

/// Whether an option has the peer speak mutual TLS, and the other options.
fn tls<'a>(options: &[&'a str]) -> (bool, Vec<&'a str>) {
    let (tls, others) = options.iter().partition::<Vec<_>, _>(|o| **o == "--tls");
    (!tls.is_empty(), others)
}

/// This program, which the replicas' processes are too.
fn itself() -> Result<PathBuf, BenchError> {
    std::env::current_exe().map_err(BenchError::system("its own program"))
}

fn plan_authorize(options: &[&str]) -> Result<Plan, String> {
    let mut sizes = authorize::Sizes::USUAL;
    let mut options = options.iter();
    while let Some(option) = options.next() {
        let mut number = || number(option, options.next().copied());
        match *option {
            "--full" => sizes.large = Numbers::FULL,
            "--subjects" => sizes.large.subjects = number()?,
            "--consents" => sizes.large.consents = number()?,
            "--disk" => {
                let consents = number()?;
                // As many for each subject as in the large numbers.
                let subjects = (consents * 3 / 10).max(8);
                sizes.disk = Some(Numbers { subjects, consents });
            }
            "--no-apply" => sizes.apply = false,
            other => return Err(format!("authorize takes no {other}")),
        }
    }
    Ok(Box::new(move |progress| authorize::run(&sizes, progress)))
}

/// Runs the command line's arguments (without the program's name) and returns the exit code.
pub fn command(args: &[String], out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let (json, words): (Vec<_>, Vec<_>) = args.iter().partition(|arg| *arg == "--json");
    let words: Vec<&str> = words.into_iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        ["list" | "--help" | "-h" | "help"] => listed(out).map(|()| 0),
        [group::REPLICA, rest @ ..] => group::serve(rest, err),
        [retrieve::SITE, rest @ ..] => retrieve::serve(rest, err),
        [sites::SITE, rest @ ..] => sites::serve(rest, err),
        [ingested::MEMORY, rest @ ..] => ingested::serve(rest, out, err),
        [name, options @ ..] => match BENCHMARKS.iter().find(|benchmark| benchmark.name == *name) {
            Some(benchmark) => match (benchmark.plan)(options) {
                Ok(plan) => measured(benchmark.name, &plan, !json.is_empty(), out, err),
                Err(why) => wrong(&why, err),
            },
            None => wrong(&format!("there is no benchmark {name:?}"), err),
        },
        [] => wrong("name one benchmark", err),
    };
    // Nobody reads what we write: nothing is left to be said, but it is no success.
    done.unwrap_or(EXIT_FAILED)
}

fn listed(to: &mut dyn Write) -> io::Result<()> {
    BENCHMARKS
        .iter()
        .try_for_each(|b| writeln!(to, "{:<10} {}", b.name, b.about))
}

fn wrong(why: &str, err: &mut dyn Write) -> io::Result<u8> {
    writeln!(
        err,
        "{why}\nusage: sekisho-bench NAME [OPTIONS] [--json]\n       sekisho-bench list"
    )?;
    for benchmark in BENCHMARKS.iter().filter(|b| !b.options.is_empty()) {
        writeln!(
            err,
            "       sekisho-bench {} {}",
            benchmark.name, benchmark.options
        )?;
    }
    writeln!(err, "benchmarks:")?;
    listed(err)?;
    Ok(EXIT_WRONG_USE)
}

fn measured(
    name: &'static str,
    plan: &Plan,
    json: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<u8> {
    let machine = Machine::here();
    machine.warn(err)?;
    match plan(err) {
        Ok(rows) => {
            let report = Report {
                bench: name,
                machine,
                rows,
            };
            if json {
                writeln!(out, "{}", report.json())?;
            } else {
                write!(out, "{report}")?;
            }
            out.flush()?;
            Ok(0)
        }
        Err(error) => {
            let text = error.chain();
            writeln!(err, "{name} could not be measured: {text}")?;
            Ok(EXIT_FAILED)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(args: &[&str]) -> (u8, String, String) {
        let args: Vec<String> = args.iter().map(ToString::to_string).collect();
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let code = command(&args, &mut out, &mut err);
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        (code, text(&out), text(&err))
    }

    #[test]
    fn list_names_each_benchmark_with_a_sentence() {
        let (code, out, err) = call(&["list"]);
        assert_eq!((code, err.as_str()), (0, ""));
        let names: Vec<_> = out
            .lines()
            .filter_map(|line| line.split_once(' '))
            .map(|(name, about)| {
                assert!(about.len() > 40, "{name} says what it measures: {about}");
                name
            })
            .collect();
        let all: Vec<_> = BENCHMARKS.iter().map(|benchmark| benchmark.name).collect();
        assert_eq!(names, all);
    }

    #[test]
    fn what_does_not_exist_is_wrong_use_and_names_what_does() {
        for args in [
            &["ledgers"][..],
            &[],
            &["--json"],
            &["list", "ledger"],
            &["ledger", "--full"],
            &["authorize", "--fast"],
            &["authorize", "--subjects"],
            &["authorize", "--consents", "many"],
            &["etcd", "--full"],
            &["postgres", "--quick", "--quick"],
            &["builds"],
            &["builds", "--quick"],
            &["builds", "sekisho-bench", "--full"],
            &["withdrawal", "--far"],
            &["failover", "7"],
            &["retrieve", "--fast"],
            &["growth", "--entries"],
            &["growth", "--entries", "some"],
            &["growth", "--quick", "--entries", "7"],
            &["queries", "--networks"],
            &["federation", "5"],
            &["federation", "--documents"],
            &["ingest", "--files"],
            &["index", "--documents"],
            &["index", "--quick", "--documents", "7"],
            &["identity", "--persons"],
            &["identity", "--febrl"],
            &["identity", "--fast"],
        ] {
            let (code, out, err) = call(args);
            assert_eq!((code, out.as_str()), (EXIT_WRONG_USE, ""), "{args:?}");
            assert!(
                err.contains("authorize ") && err.contains("ledger "),
                "{err}"
            );
        }
    }
}
