//! The other verifier, as a process that answers as it is asked.

use sekisho_domain::{Decision, Genesis};
use sekisho_ledger::bundle::{BundleFault, Verified};
use sekisho_ledger::ledger_id;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

/// Questions on their way: enough to keep both verifiers busy, few enough to stay small.
const WAITING_MAX: usize = 32;

/// Where the interpreter is named, if not `python3`.
pub const PYTHON_VARIABLE: &str = "SEKISHO_PYTHON";

/// The process.
#[derive(Debug)]
pub struct Other {
    child: Child,
    questions: Option<SyncSender<Vec<u8>>>,
    answers: Lines<BufReader<ChildStdout>>,
    writer: Option<JoinHandle<()>>,
}

/// Tells people something while tests run, past the harness, which keeps what a passing test prints.
#[macro_export]
macro_rules! tell {
    ($($words:tt)*) => {
        std::io::Write::write_fmt(&mut std::io::stderr(), format_args!("{}\n", format_args!($($words)*)))
            .expect("the standard error output is open")
    };
}

impl Other {
    /// It; none where this machine cannot run it, which is said. Under CI that is a failure.
    ///
    /// # Panics
    /// Under CI, saying what is missing.
    pub fn here() -> Option<Self> {
        match Self::start() {
            Ok(other) => Some(other),
            Err(why) if std::env::var("CI").is_ok_and(|ci| ci == "true") => panic!("{why}"),
            Err(why) => {
                tell!("left out: the second verifier of proof bundles: {why}");
                None
            }
        }
    }

    /// Starts it.
    ///
    /// # Errors
    /// Why it cannot run on this machine, in words.
    pub fn start() -> Result<Self, String> {
        let python = std::env::var(PYTHON_VARIABLE).unwrap_or_else(|_| "python3".to_owned());
        let probe =
            "import sys; assert sys.version_info >= (3, 9), sys.version; import cryptography";
        let probed = Command::new(&python).args(["-c", probe]).output();
        let probed = probed.map_err(|error| format!("{python} cannot be started: {error}"))?;
        if !probed.status.success() {
            let said = String::from_utf8_lossy(&probed.stderr);
            let last = said.lines().last().unwrap_or_default().to_owned();
            return Err(format!(
                "{python} lacks what tests/conformance/requirements.txt names: {last}"
            ));
        }
        let mut child = Command::new(&python)
            .args(["-m", "verifier", "--batch"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("the verifier does not start: {error}"))?;
        let mut input = child.stdin.take().expect("piped");
        let answers = BufReader::new(child.stdout.take().expect("piped")).lines();
        let (questions, waiting) = sync_channel::<Vec<u8>>(WAITING_MAX);
        let writer = std::thread::spawn(move || {
            for question in waiting {
                if input.write_all(&question).is_err() {
                    return; // It has ended; whoever waits for an answer finds out.
                }
            }
        });
        Ok(Self {
            child,
            questions: Some(questions),
            answers,
            writer: Some(writer),
        })
    }

    /// Asks about a bundle; answers come in the order of the questions.
    pub fn ask(&mut self, genesis: &str, bundle: &[u8]) {
        let mut question = Vec::with_capacity(genesis.len() + bundle.len() + 8);
        for part in [genesis.as_bytes(), bundle] {
            let length = u32::try_from(part.len()).expect("below 4 GiB");
            question.extend(length.to_be_bytes());
            question.extend(part);
        }
        let sent = self.questions.as_ref().map(|q| q.send(question));
        sent.expect("open").expect("the other verifier has ended");
    }

    /// The next answer.
    pub fn answer(&mut self) -> Value {
        let line = self.answers.next().expect("the other verifier has ended");
        serde_json::from_str(&line.expect("its output can be read")).expect("JSON")
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        // Its input ends, and so does it.
        self.questions = None;
        let _ = self.writer.take().map(JoinHandle::join);
        let _ = self.child.wait();
    }
}

/// Our report, in the form of `docs/spec/proof-bundle.md` 9.
pub fn report(verified: &Result<Verified, BundleFault>) -> Value {
    match verified {
        Err(fault) => json!({"verified": false, "fault": fault.code(), "at": fault.at()}),
        Ok(verified) => {
            let decisions =
                verified
                    .access
                    .decisions
                    .iter()
                    .map(|(network, decision)| match decision {
                        Decision::Permit(_) => json!({"network": network, "decision": "permit"}),
                        Decision::Deny(denial) => {
                            json!({"network": network, "decision": "deny", "reason": denial.reason})
                        }
                    });
            let transfers = verified.transfers.iter().map(|t| {
                let kind = if t.release { "release" } else { "receipt" };
                json!({"index": t.index, "kind": kind})
            });
            json!({
                "verified": true,
                "ledger": verified.ledger,
                "access": verified.access.index,
                "size": verified.checkpoint.size(),
                "decisions": decisions.collect::<Vec<_>>(),
                "transfers": transfers.collect::<Vec<_>>(),
                "openings": verified.openings.len(),
            })
        }
    }
}

/// The founding file as people exchange it (`docs/spec/proof-bundle.md` 3).
pub fn founding_file(genesis: &Genesis) -> String {
    json!({"ledger": ledger_id(genesis), "genesis": genesis}).to_string()
}
