//! The `sekisho` program: run to its end, or kept running and stopped by its own process id.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// The program under test.
#[derive(Debug, Clone)]
pub struct Program {
    path: PathBuf,
    environment: Vec<(String, String)>,
}

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Ended {
    /// The exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// How long it took.
    pub took: Duration,
}

impl Ended {
    /// Standard output as the one JSON object it must be.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|e| panic!("not one JSON object ({e}): {}\n{}", self.out, self.err))
    }
    /// Asserts the exit code, showing everything otherwise.
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "standard output:\n{}\nstandard error:\n{}",
            self.out,
            self.err
        );
        self
    }
}

impl Program {
    /// The program at a path: `env!("CARGO_BIN_EXE_sekisho")` in a test of its package.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            environment: vec![("LC_ALL".to_owned(), "C.UTF-8".to_owned())],
        }
    }

    /// With an environment variable.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    fn command(&self, args: &[&str], dir: Option<&Path>) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(args)
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::null());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some(dir) = dir {
            command.current_dir(dir);
        }
        command
    }

    /// Runs to the end; panics if that takes longer than `limit`.
    pub fn run(&self, args: &[&str], limit: Duration) -> Ended {
        self.run_in(args, None, limit)
    }

    /// The same in a folder.
    pub fn run_in(&self, args: &[&str], dir: Option<&Path>, limit: Duration) -> Ended {
        let began = Instant::now();
        let mut child = self.command(args, dir).spawn().expect("the program starts");
        let (out, err) = (drain(child.stdout.take()), drain(child.stderr.take()));
        let code = loop {
            if let Some(status) = child.try_wait().expect("the program can be waited for") {
                break status.code();
            }
            if began.elapsed() > limit {
                let _ = child.kill();
                let _ = child.wait();
                let (out, err) = (join(out), join(err));
                panic!(
                    "{args:?} took longer than {limit:?}\nstandard output:\n{out}\nstandard error:\n{err}"
                );
            }
            thread::park_timeout(Duration::from_millis(5));
        };
        Ended {
            code,
            out: join(out),
            err: join(err),
            took: began.elapsed(),
        }
    }

    /// Starts and waits for a line of standard error that contains `ready`; panics if it ends or takes too long.
    pub fn start(&self, args: &[&str], ready: &str, limit: Duration) -> Running {
        let began = Instant::now();
        let mut child = self
            .command(args, None)
            .spawn()
            .expect("the program starts");
        let out = drain(child.stdout.take());
        let lines = child.stderr.take().expect("standard error");
        let (sender, heard) = std::sync::mpsc::channel();
        thread::spawn(move || {
            BufReader::new(lines)
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        let said = Arc::new(Mutex::new(String::new()));
        loop {
            match heard.recv_timeout(limit.saturating_sub(began.elapsed())) {
                Ok(line) => {
                    keep(&said, &line);
                    if line.contains(ready) {
                        // The rest is read as well, so that the program never waits for its reader.
                        let kept = Arc::clone(&said);
                        thread::spawn(move || {
                            heard.into_iter().for_each(|line| keep(&kept, &line))
                        });
                        return Running {
                            child,
                            said,
                            _out: out,
                        };
                    }
                }
                Err(_) => {
                    let _ = child.kill();
                    let _ = child.wait();
                    let seen = said.lock().unwrap_or_else(PoisonError::into_inner);
                    panic!("{args:?} did not say {ready:?} within {limit:?}:\n{seen}");
                }
            }
        }
    }
}

fn keep(said: &Mutex<String>, line: &str) {
    let mut said = said.lock().unwrap_or_else(PoisonError::into_inner);
    said.push_str(line);
    said.push('\n');
}

/// A running program; ended when dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    said: Arc<Mutex<String>>,
    _out: thread::JoinHandle<String>,
}

impl Running {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }
    /// What it has said on standard error until now.
    pub fn said(&self) -> String {
        let said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        said.clone()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn drain<R: Read + Send + 'static>(pipe: Option<R>) -> thread::JoinHandle<String> {
    let mut pipe = pipe.expect("a pipe");
    thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn join(reader: thread::JoinHandle<String>) -> String {
    reader.join().expect("the reader ends")
}
