//! A server as a process of its own: what it says is kept, and it is gone when its owner is.

use crate::BenchError;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Bytes of a process's last words shown when it ended too early.
const TAIL_BYTES: u64 = 2_000;
/// Pause between two looks at something that is waited for.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(5);

/// A running process; killed when dropped.
pub(crate) struct Server {
    child: Child,
    name: &'static str,
    log: PathBuf,
}

impl Server {
    /// Starts it, with a pipe on its standard input and what it says in a file.
    pub(crate) fn start(
        name: &'static str,
        command: &mut Command,
        log: &Path,
    ) -> Result<Self, BenchError> {
        let failed = || BenchError::system("a process");
        let mut options = File::options();
        let out = options.create(true).append(true).open(log);
        let out = out.map_err(failed())?;
        let child = command
            .stdin(Stdio::piped())
            .stdout(out.try_clone().map_err(failed())?)
            .stderr(out)
            .spawn()
            .map_err(|fault| {
                let program = Path::new(command.get_program()).display();
                failed()(io::Error::new(fault.kind(), format!("{program}: {fault}")))
            })?;
        Ok(Self {
            child,
            name,
            log: log.to_owned(),
        })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// An error, with what it said last, if it has ended.
    pub(crate) fn check(&mut self) -> Result<(), BenchError> {
        match self
            .child
            .try_wait()
            .map_err(BenchError::system("a wait"))?
        {
            None => Ok(()),
            Some(status) => Err(BenchError::Wrong {
                what: self.name,
                expected: "it runs".to_owned(),
                got: format!("it ended ({status}); {}", last_words(&self.log)),
            }),
        }
    }

    /// Writes a line to its standard input.
    pub(crate) fn say(&mut self, line: &str) -> Result<(), BenchError> {
        let said = match &mut self.child.stdin {
            Some(stdin) => writeln!(stdin, "{line}"),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        };
        said.map_err(BenchError::system("a word to a process"))
    }

    /// SIGKILL; returns when nothing of it is left.
    pub(crate) fn kill(mut self) -> Result<(), BenchError> {
        self.child.kill().map_err(BenchError::system("a kill"))?;
        self.child.wait().map_err(BenchError::system("a wait"))?;
        Ok(())
    }

    /// Closes its standard input, which is what it takes for the order to end, and waits until it has.
    pub(crate) fn stop(mut self, patience: Duration) -> Result<(), BenchError> {
        drop(self.child.stdin.take());
        let begun = Instant::now();
        loop {
            match self
                .child
                .try_wait()
                .map_err(BenchError::system("a wait"))?
            {
                Some(status) if status.success() => return Ok(()),
                Some(status) => {
                    return Err(BenchError::Wrong {
                        what: self.name,
                        expected: "it stops well".to_owned(),
                        got: format!("{status}; {}", last_words(&self.log)),
                    });
                }
                None if begun.elapsed() > patience => {
                    return Err(BenchError::TooSlow {
                        what: "stopping a process",
                        max_s: patience.as_secs(),
                    });
                }
                None => std::thread::sleep(LOOK_EVERY),
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The end of a log file.
pub(crate) fn last_words(log: &Path) -> String {
    let read = || -> io::Result<String> {
        let mut file = File::open(log)?;
        let from = file.metadata()?.len().saturating_sub(TAIL_BYTES);
        file.seek(SeekFrom::Start(from))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).trim().to_owned())
    };
    match read() {
        Ok(words) if !words.is_empty() => format!("its last words: {words}"),
        _ => "it said nothing".to_owned(),
    }
}

/// A program on the search path.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| fs::metadata(file).is_ok_and(|it| it.is_file()))
}

/// A command for a server that does not end by itself when this program is killed: util-linux's `setpriv`, where it
/// is there, has the kernel end it then. Whatever ends this program otherwise takes it along anyway.
pub(crate) fn server_command(server: impl AsRef<OsStr>) -> Command {
    let mut command = match program("setpriv") {
        None => Command::new(server),
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL", "--"]).arg(server);
            command
        }
    };
    // As deploy/systemd has it.
    command.env("MIMALLOC_ALLOW_THP", "0");
    command
}

/// A loopback address nobody else of this machine uses: of this process and of one of its groups of servers. Below
/// the ports the system gives to connections, none of which can take a server's while it is down.
pub(crate) fn loopback() -> Ipv4Addr {
    static GROUPS: AtomicU32 = AtomicU32::new(0);
    let group = GROUPS.fetch_add(1, Ordering::Relaxed) % 32;
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    let [_, _, _, group] = (group + 1).to_be_bytes();
    // Half of the process id's 22 bits in the second byte, with the first of 127.64 to 127.127.
    Ipv4Addr::new(127, 64 + high % 64, middle, low ^ group.reverse_bits())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_gone_with_its_owner_and_its_last_words_are_told() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let mut command = Command::new("sh");
        command.args(["-c", "echo no room >&2; exit 4"]);
        let mut server = Server::start("the example", &mut command, &log).unwrap();
        let begun = Instant::now();
        let said = loop {
            match server.check() {
                Err(error) => break error.to_string(),
                Ok(()) => assert!(begun.elapsed() < Duration::from_secs(20)),
            }
        };
        assert!(said.contains("it ended (exit status: 4)"), "{said}");
        assert!(said.ends_with("its last words: no room"), "{said}");

        let cat = Server::start("the example", &mut Command::new("cat"), &log).unwrap();
        cat.stop(Duration::from_secs(20)).unwrap();
        let cat = Server::start("the example", &mut server_command("cat"), &log).unwrap();
        let process = Path::new("/proc").join(cat.id().to_string());
        assert!(process.exists());
        drop(cat);
        assert!(!process.exists());
    }

    #[test]
    fn no_two_groups_share_an_address() {
        let mut all: Vec<_> = (0..32).map(|_| loopback()).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 32);
        assert!(program("sh").is_some() && program("no-such-program").is_none());
    }
}
