//! The peers: what the machine itself can do, measured by the same means and in the same run as ours.

use crate::BenchError;
use crate::federation::Federation;
use sekisho_domain::PublicKey;
use sekisho_ledger::signature::Signature;
use sekisho_ledger::{SignatureCheck, Strict, dsse};
use sekisho_proto::v1;
use std::fs::File;
use std::hint::black_box;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// Different signatures checked in turn, so that none is checked with all branches foretold.
const SIGNATURES: u64 = 256;
/// Operations between two looks at the clock.
const BETWEEN_LOOKS: usize = 16;
/// Bytes appended before each fdatasync: about one access request.
const APPENDED_BYTES: usize = 512;
/// Fewest fdatasyncs a percentile is taken over, however slow the disk.
const SYNCS_MIN: usize = 100;
/// Most of them: the file stays under 5 MB.
const SYNCS_MAX: usize = 10_000;

/// Calls `work` with ascending numbers until the time is over; how often it was called a second.
pub(crate) fn rate(
    slice: Duration,
    mut work: impl FnMut(usize) -> Result<(), BenchError>,
) -> Result<f64, BenchError> {
    let begun = Instant::now();
    let mut done = 0;
    loop {
        for n in done..done + BETWEEN_LOOKS {
            work(n)?;
        }
        done += BETWEEN_LOOKS;
        let elapsed = begun.elapsed();
        if elapsed >= slice {
            return Ok(done as f64 / elapsed.as_secs_f64());
        }
    }
}

/// Calls `work` with ascending numbers until the time is over; the microseconds of each call, the clock's own
/// reading among them.
pub(crate) fn each_us(
    slice: Duration,
    mut work: impl FnMut(usize) -> Result<(), BenchError>,
) -> Result<Vec<f64>, BenchError> {
    let (begun, mut each) = (Instant::now(), Vec::new());
    for n in 0.. {
        let one = Instant::now();
        work(n)?;
        each.push(one.elapsed().as_secs_f64() * 1_000_000.0);
        if begun.elapsed() >= slice {
            break;
        }
    }
    Ok(each)
}

struct Signed {
    key: PublicKey,
    message: Vec<u8>,
    signature: Signature,
}

/// Strict Ed25519 checks of signed access requests, exactly as the ledger makes them.
pub(crate) struct Checks(Vec<Signed>);

impl Checks {
    /// Of a federation's own requests.
    pub(crate) fn of(federation: &Federation) -> Result<Self, BenchError> {
        (0..SIGNATURES)
            .map(|n| {
                let envelope: v1::Envelope = federation.yardstick_request(n);
                let signature = envelope.signatures.first();
                let bytes = signature.map_or(&[][..], |signature| &signature.signature);
                Ok(Signed {
                    key: federation.east.node.public_key(),
                    message: dsse::pae(&envelope.payload_type, &envelope.payload),
                    signature: Signature::try_from(bytes)?,
                })
            })
            .collect::<Result<_, BenchError>>()
            .map(Self)
    }

    fn check(&self, n: usize) -> Result<(), BenchError> {
        let signed = &self.0[n % self.0.len()];
        let holds = Strict.holds(black_box(&signed.key), &signed.message, &signed.signature);
        if holds {
            Ok(())
        } else {
            Err(BenchError::Wrong {
                what: "a signature check",
                expected: "it holds".to_owned(),
                got: "it does not".to_owned(),
            })
        }
    }

    /// A second, by one thread.
    pub(crate) fn one_core(&self, slice: Duration) -> Result<f64, BenchError> {
        rate(slice, |n| self.check(n))
    }

    /// The microseconds of each, by one thread.
    pub(crate) fn each_us(&self, slice: Duration) -> Result<Vec<f64>, BenchError> {
        each_us(slice, |n| self.check(n))
    }

    /// A second, by as many threads as there are cores, together.
    pub(crate) fn all_cores(&self, slice: Duration) -> Result<f64, BenchError> {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..cores)
                .map(|_| scope.spawn(|| self.one_core(slice)))
                .collect();
            threads
                .into_iter()
                .map(|thread| {
                    thread.join().unwrap_or_else(|_| {
                        Err(BenchError::Wrong {
                            what: "a thread that checks signatures",
                            expected: "it ends".to_owned(),
                            got: "it panicked".to_owned(),
                        })
                    })
                })
                .sum()
        })
    }
}

/// Milliseconds of each fdatasync after an append to a growing file in this directory.
pub(crate) fn fdatasync_ms(directory: &Path, slice: Duration) -> Result<Vec<f64>, BenchError> {
    let failed = || BenchError::system("an append to a file");
    let path = directory.join("yardstick");
    let mut file = File::create(&path).map_err(failed())?;
    let (bytes, begun) = ([0x5a; APPENDED_BYTES], Instant::now());
    let mut each = Vec::new();
    while each.len() < SYNCS_MAX && (each.len() < SYNCS_MIN || begun.elapsed() < slice) {
        let one = Instant::now();
        file.write_all(&bytes).map_err(failed())?;
        file.sync_data().map_err(failed())?;
        each.push(one.elapsed().as_secs_f64() * 1000.0);
    }
    drop(file);
    std::fs::remove_file(&path).map_err(failed())?;
    Ok(each)
}
