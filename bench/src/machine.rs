//! What the numbers were taken on, as far as it bears on them. No names of hosts, no paths.

use crate::BenchError;
use serde_json::{Value, json};
use std::fs;
use std::io::{self, Write};
use std::path::Path;

/// The kind of machine, from `/proc`. What is not known there is `"unknown"`.
#[derive(Debug, Clone, PartialEq)]
pub struct Machine {
    /// The processor's model.
    pub cpu: String,
    /// Processors this program may use.
    pub cores: usize,
    /// The kernel's name and release.
    pub kernel: String,
    /// The type of file system the temporary directories are on.
    pub filesystem: String,
    /// Processes ready to run, averaged over the minute before: beyond 0, others were at work.
    pub load_before: f64,
}

impl Machine {
    /// This one, now.
    pub fn here() -> Self {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let or_unknown = |text: Option<String>| text.unwrap_or_else(|| "unknown".to_owned());
        let kernel = read("/proc/sys/kernel/osrelease").trim().to_owned();
        Self {
            cpu: or_unknown(cpu_model(&read("/proc/cpuinfo"))),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            kernel: or_unknown(
                (!kernel.is_empty()).then(|| format!("{} {kernel}", std::env::consts::OS)),
            ),
            filesystem: or_unknown(filesystem(
                &read("/proc/self/mounts"),
                &std::env::temp_dir(),
            )),
            load_before: read("/proc/loadavg")
                .split_whitespace()
                .next()
                .and_then(|load| load.parse().ok())
                .unwrap_or_default(),
        }
    }

    /// Says what makes the numbers worth less.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn warn(&self, to: &mut dyn Write) -> io::Result<()> {
        if cfg!(debug_assertions) {
            writeln!(to, "warning: not built with --release")?;
        }
        if ["tmpfs", "ramfs"].contains(&self.filesystem.as_str()) {
            writeln!(
                to,
                "warning: temporary files are kept in memory, so fsync costs nothing; set TMPDIR to a disk"
            )?;
        }
        if self.load_before > 0.5 {
            writeln!(
                to,
                "warning: others are at work here (load {:.1} on {} cores); only the ratios hold, and roughly",
                self.load_before, self.cores
            )?;
        }
        Ok(())
    }

    /// As in the report.
    pub fn json(&self) -> Value {
        json!({
            "cpu": self.cpu,
            "cores": self.cores,
            "kernel": self.kernel,
            "filesystem": self.filesystem,
            "load_before": self.load_before,
        })
    }
}

/// The bytes of memory this process holds now.
///
/// # Errors
/// The system does not say.
pub(crate) fn resident_bytes() -> Result<u64, BenchError> {
    resident_bytes_of(std::process::id())
}

/// The bytes of memory a process holds now.
///
/// # Errors
/// The system does not say: there is none.
pub(crate) fn resident_bytes_of(process: u32) -> Result<u64, BenchError> {
    bytes_of(process, "VmRSS:")
}

/// The most bytes of memory a process ever held.
///
/// # Errors
/// The system does not say: there is none.
pub(crate) fn peak_bytes_of(process: u32) -> Result<u64, BenchError> {
    bytes_of(process, "VmHWM:")
}

fn bytes_of(process: u32, line: &str) -> Result<u64, BenchError> {
    let what = "the resident memory";
    let status = fs::read_to_string(format!("/proc/{process}/status"));
    let status = status.map_err(BenchError::system(what))?;
    let kib = kib_of(&status, line).ok_or_else(|| BenchError::Wrong {
        what,
        expected: format!("a line {line} in the process's status"),
        got: "none".to_owned(),
    })?;
    Ok(kib * 1024)
}

fn kib_of(status: &str, line: &str) -> Option<u64> {
    let value = status.lines().find_map(|it| it.strip_prefix(line))?;
    value.trim().strip_suffix(" kB")?.trim().parse().ok()
}

fn cpu_model(cpuinfo: &str) -> Option<String> {
    cpuinfo
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.trim() == "model name")
        .map(|(_, model)| model.trim().to_owned())
}

/// The type of the mount the path is on: the last of those with the longest prefix.
fn filesystem(mounts: &str, of: &Path) -> Option<String> {
    mounts
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace().skip(1);
            Some((words.next()?, words.next()?))
        })
        .filter(|(point, _)| of.starts_with(point))
        .max_by_key(|(point, _)| Path::new(point).components().count())
        .map(|(_, kind)| kind.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resident_memory_is_what_the_system_says() {
        assert_eq!(
            kib_of("VmSize:\t 9 kB\nVmRSS:\t  2048 kB\n", "VmRSS:"),
            Some(2_048)
        );
        assert_eq!(kib_of("VmSize:\t 9 kB\n", "VmRSS:"), None);
        let bytes = resident_bytes().ok();
        assert!(bytes.is_some_and(|bytes| bytes > 1_000_000), "{bytes:?}");
    }

    #[test]
    fn the_first_processor_names_the_model() {
        let text =
            "processor\t: 0\nmodel\t\t: 17\nmodel name\t: Example CPU 9\nmodel name\t: Other\n";
        assert_eq!(cpu_model(text).as_deref(), Some("Example CPU 9"));
        assert_eq!(cpu_model("processor\t: 0\n"), None);
    }

    #[test]
    fn the_innermost_mount_counts() {
        let mounts = "/dev/a / ext4 rw 0 0\ntmpfs /tmp tmpfs rw 0 0\n/dev/b /tmp/disk xfs rw 0 0\n";
        for (path, kind) in [
            ("/var/x", "ext4"),
            ("/tmp/x", "tmpfs"),
            ("/tmp/disk/x", "xfs"),
            ("/tmpx", "ext4"),
        ] {
            assert_eq!(
                filesystem(mounts, Path::new(path)).as_deref(),
                Some(kind),
                "{path}"
            );
        }
        assert_eq!(filesystem("", Path::new("/")), None);
    }
}
