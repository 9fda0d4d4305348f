//! The program as a process: started, watched, frozen, killed.

use rustix::process::{Pid, Signal, kill_process};
use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// Ends the program when the pipe on its standard input closes, so that none outlives its test.
const END_WITH_STDIN: &str = "SEKISHO_END_WITH_STDIN";
/// Bytes of a process's output shown when something failed.
const TAIL_BYTES: usize = 4_000;

/// The program to break: that of `SEKISHO_BINARY`, or the one Cargo built for this package's tests.
pub fn program(built: &str) -> PathBuf {
    std::env::var_os("SEKISHO_BINARY").map_or_else(|| PathBuf::from(built), PathBuf::from)
}

/// A running process; killed when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `serve` with a configuration file, in a network namespace if one is named. What it says goes to
    /// the end of `log`.
    pub fn serve(program: &Path, config: &Path, namespace: Option<&str>, log: &Path) -> Self {
        let mut command = match namespace {
            None => Command::new(program),
            Some(name) => {
                // `ip` becomes the program: the process id is the program's.
                let mut command = Command::new("ip");
                command.args(["netns", "exec", name]).arg(program);
                command
            }
        };
        let out = || -> File {
            let mut options = OpenOptions::new();
            let file = options.create(true).append(true).open(log);
            file.expect("a log file")
        };
        let child = command
            .args(["serve", "--config"])
            .arg(config)
            .env(END_WITH_STDIN, "1")
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::piped())
            .stdout(out())
            .stderr(out())
            .spawn()
            .expect("the program starts");
        Self {
            child,
            log: log.to_owned(),
        }
    }

    /// How it ended, if it did.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("it can be waited for")
    }

    /// SIGKILL, and waits until nothing of it is left.
    pub fn kill(mut self) {
        self.child.kill().expect("it can be killed");
        self.child.wait().expect("it ends");
    }

    /// SIGTERM: it is to stop as an operator would have it.
    pub fn terminate(&self) {
        self.signal(Signal::TERM);
    }

    /// SIGSTOP.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// SIGCONT.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).expect("it takes signals");
    }

    /// The end of what it said.
    pub fn said(&self) -> String {
        let bytes = std::fs::read(&self.log).unwrap_or_default();
        let tail = &bytes[bytes.len().saturating_sub(TAIL_BYTES)..];
        String::from_utf8_lossy(tail).into_owned()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
