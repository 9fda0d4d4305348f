//! The command line: one benchmark a call; the result on standard output, everything else on standard error.

use crate::{BenchError, Machine, Report, Row, authorize, ledger};
use std::error::Error;
use std::io::{self, Write};

/// Exit code where a benchmark could not be run to its end, or its result not be written.
pub const EXIT_FAILED: u8 = 3;
/// Exit code for arguments that mean nothing.
pub const EXIT_WRONG_USE: u8 = 2;

struct Benchmark {
    name: &'static str,
    about: &'static str,
    run: fn(&mut dyn Write) -> Result<Vec<Row>, BenchError>,
}

const BENCHMARKS: [Benchmark; 2] = [
    Benchmark {
        name: "authorize",
        about: "decisions per second over one million consents, in memory and on disk, against strict \
                signature checks and against the same decisions over one thousand consents",
        run: |progress| authorize::run(&authorize::Sizes::FULL, progress),
    },
    Benchmark {
        name: "ledger",
        about: "committed access requests per second and their latency at three durable replicas with 1, 16, \
                64 and 256 clients, against the machine's signature checks and its disk's fdatasync",
        run: |progress| ledger::run(&ledger::Sizes::FULL, progress),
    },
];

/// Runs the command line's arguments (without the program's name) and returns the exit code.
pub fn command(args: &[String], out: &mut dyn Write, err: &mut dyn Write) -> u8 {
    let (json, names): (Vec<_>, Vec<_>) = args.iter().partition(|arg| *arg == "--json");
    let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
    let done = match names.as_slice() {
        ["list" | "--help" | "-h" | "help"] => listed(out).map(|()| 0),
        [name] => match BENCHMARKS.iter().find(|benchmark| benchmark.name == *name) {
            Some(benchmark) => measured(benchmark, !json.is_empty(), out, err),
            None => wrong(&format!("there is no benchmark {name:?}"), err),
        },
        [] => wrong("name one benchmark", err),
        _ => wrong("name one benchmark at a time", err),
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
        "{why}\nusage: sekisho-bench NAME [--json]\n       sekisho-bench list\nbenchmarks:"
    )?;
    listed(err)?;
    Ok(EXIT_WRONG_USE)
}

fn measured(
    benchmark: &Benchmark,
    json: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<u8> {
    let machine = Machine::here();
    machine.warn(err)?;
    match (benchmark.run)(err) {
        Ok(rows) => {
            let report = Report {
                bench: benchmark.name,
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
            let mut text = error.to_string();
            let mut cause = error.source();
            while let Some(error) = cause {
                text = format!("{text}: {error}");
                cause = error.source();
            }
            writeln!(err, "{} could not be measured: {text}", benchmark.name)?;
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
        assert_eq!(names, ["authorize", "ledger"]);
    }

    #[test]
    fn what_does_not_exist_is_wrong_use_and_names_what_does() {
        for args in [&["ledgers"][..], &[], &["--json"], &["list", "ledger"]] {
            let (code, out, err) = call(args);
            assert_eq!((code, out.as_str()), (EXIT_WRONG_USE, ""), "{args:?}");
            assert!(
                err.contains("authorize ") && err.contains("ledger "),
                "{err}"
            );
        }
    }
}
