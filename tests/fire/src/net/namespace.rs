//! A network namespace, gone with its owner.

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::fs::File;
use std::os::fd::AsFd;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// Names begin so, before the process id: what [`sweep`] looks for.
const PREFIX: &str = "sekisho-fire-";

/// A network namespace.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

/// Runs `ip`; panics, with what it said, if it fails.
pub(super) fn ip(arguments: &[&str]) {
    let run = Command::new("ip")
        .args(arguments)
        .output()
        .expect("the program `ip` runs");
    assert!(
        run.status.success(),
        "ip {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&run.stderr)
    );
}

impl Namespace {
    /// A new one, with nothing in it but loopback.
    pub fn create() -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PREFIX}{}-{number}", std::process::id());
        ip(&["netns", "add", &name]);
        let namespace = Self { name };
        ip(&["-n", namespace.name(), "link", "set", "lo", "up"]);
        namespace
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Moves the calling thread into it, for good.
    pub fn enter(&self) {
        self.handle().enter();
    }

    /// What another thread needs to enter it.
    pub fn handle(&self) -> Handle {
        Handle(File::open(Path::new("/run/netns").join(&self.name)).expect("its file"))
    }
}

/// A way into a namespace.
#[derive(Debug)]
pub struct Handle(File);

impl Handle {
    /// Moves the calling thread there, for good.
    pub fn enter(&self) {
        move_into_link_name_space(self.0.as_fd(), Some(LinkNameSpaceType::Network))
            .expect("a thread may enter it");
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip")
            .args(["netns", "delete", &self.name])
            .output();
    }
}

/// Deletes what a killed run left.
pub fn sweep() {
    let Ok(names) = std::fs::read_dir("/run/netns") else {
        return;
    };
    for name in names.filter_map(|entry| entry.ok()?.file_name().into_string().ok()) {
        let process = name
            .strip_prefix(PREFIX)
            .and_then(|rest| rest.split('-').next());
        if process.is_some_and(|id| !Path::new("/proc").join(id).exists()) {
            let _ = Command::new("ip").args(["netns", "delete", &name]).output();
        }
    }
}
