//! What a test needs of the machine, and what it says where that is missing.

use std::path::Path;
use tokio::sync::{Mutex, MutexGuard};

/// Something not every machine gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Superuser rights: mounts and namespaces.
    Root,
    /// The kernel's file systems in user space.
    Fuse,
    /// The kernel's network devices in user space.
    Tun,
    /// Network namespaces, and the `ip` program that makes them.
    Namespaces,
}

impl Need {
    fn missing(self) -> Option<&'static str> {
        let there = |path: &str| Path::new(path).exists();
        match self {
            Self::Root => (!rustix::process::geteuid().is_root()).then_some("needs root"),
            Self::Fuse => (!there("/dev/fuse")).then_some("needs /dev/fuse"),
            Self::Tun => (!there("/dev/net/tun")).then_some("needs /dev/net/tun"),
            Self::Namespaces => {
                let made = there("/proc/self/ns/net")
                    && std::process::Command::new("ip")
                        .args(["netns", "list"])
                        .output()
                        .is_ok_and(|run| run.status.success());
                (!made).then_some("needs network namespaces and the program `ip` (iproute2)")
            }
        }
    }
}

/// Whether a test must be left out here; says so, with the reason. Under `CI=true` that is a failure.
pub fn left_out(test: &str, needs: &[Need]) -> bool {
    let reasons: Vec<_> = needs.iter().filter_map(|need| need.missing()).collect();
    if reasons.is_empty() {
        crate::net::sweep();
        crate::disk::sweep();
        return false;
    }
    let reasons = reasons.join("; ");
    assert!(
        std::env::var_os("CI").is_none_or(|ci| ci != "true"),
        "{test} cannot be left out here: {reasons}"
    );
    println!("{test} left out: {reasons}");
    true
}

/// How often a loop turns: the environment's number, or the default, which keeps an ordinary run short.
pub fn count(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text
            .parse()
            .unwrap_or_else(|_| panic!("{variable} is a number, not {text:?}")),
        Err(_) => default,
    }
}

static TURN: Mutex<()> = Mutex::const_new(());

/// One test of a program at a time: each starts several processes, which want the machine for themselves.
pub async fn alone() -> MutexGuard<'static, ()> {
    TURN.lock().await
}

/// The same outside a runtime.
pub fn alone_here() -> MutexGuard<'static, ()> {
    TURN.blocking_lock()
}
