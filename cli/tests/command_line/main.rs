//! The command line as people and scripts meet it, run as the real program: what needs no network, and what is
//! said when there is none. Commands that work on a running network are tested with whole processes in `tests/`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod founding;
mod kept;
mod offline;
mod unreachable;
mod usage;

use sekisho_harness::{Ended, Program};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Long enough for a busy machine; none of these commands takes a second.
const LIMIT: Duration = Duration::from_secs(60);

fn program() -> Program {
    // Neither the tester's configuration nor language decides.
    Program::at(env!("CARGO_BIN_EXE_sekisho")).with("SEKISHO_CONFIG", "")
}

fn run(args: &[&str]) -> Ended {
    program().run(args, LIMIT)
}

/// Runs in English and in Japanese, expecting the same exit code; and with `--json`, whose one object is
/// returned when it failed, and must say the same in both languages.
fn fails(args: &[&str], code: i32, en: &str, ja: &str) -> Value {
    for (language, expected) in [("en", en), ("ja", ja)] {
        let ended = run(&[args, &["--lang", language]].concat()).expect(code);
        assert!(
            ended.err.contains(expected),
            "{args:?}: {expected:?} in {:?}",
            ended.err
        );
        assert_eq!(ended.out, "", "{args:?}: nothing was done, nothing is said");
    }
    let object = run(&[args, &["--json"]].concat()).expect(code).json();
    let error = &object["error"];
    assert_eq!(error["exit"], code, "{object:#}");
    assert!(error["en"].as_str().unwrap().contains(en), "{object:#}");
    assert!(error["ja"].as_str().unwrap().contains(ja), "{object:#}");
    object
}

fn text(path: impl AsRef<Path>) -> String {
    path.as_ref().to_str().unwrap().to_owned()
}

/// A network made by `network init`, in a folder of its own.
struct Made {
    _dir: tempfile::TempDir,
    folder: PathBuf,
}

impl Made {
    fn new(id: &str, replica: u32, listen: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(id);
        let made = Self { _dir: dir, folder };
        made.init(id, replica, listen).expect(0);
        made
    }

    fn init(&self, id: &str, replica: u32, listen: &str) -> Ended {
        let (replica, folder) = (replica.to_string(), text(&self.folder));
        let names = ["network", "init", "--id", id, "--name", "見本ネット"];
        let rest = [
            "--listen",
            listen,
            "--replica",
            &replica,
            "--dir",
            &folder,
            "--json",
        ];
        run(&[names.as_slice(), &rest].concat())
    }

    fn file(&self, name: &str) -> String {
        text(self.folder.join(name))
    }

    /// Founds a ledger of this network alone.
    fn founded(self) -> Self {
        let (card, genesis) = (self.file("card.json"), self.file("genesis.json"));
        run(&["network", "found", "--card", &card, "--out", &genesis]).expect(0);
        self
    }
}
