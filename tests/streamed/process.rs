//! What a process of this machine holds.

use memchr::memmem;
use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::process::Command;

/// Bytes looked through at a time.
const WINDOW: usize = 64 << 10;

/// A line of the process's status that is a number of kilobytes, in bytes.
pub fn resident(process: u32, line: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let found = status.lines().find_map(|it| it.strip_prefix(line)).unwrap();
    let kib = found.trim().strip_suffix(" kB").unwrap();
    kib.trim().parse::<u64>().unwrap() << 10
}

/// The highest memory it had counts from now on; where the system does not do that, since its start.
pub fn forget_peak(process: u32) {
    let _ = fs::write(format!("/proc/{process}/clear_refs"), "5");
}

/// Why the memory of a process this one started cannot be looked into here, if it cannot.
pub fn unreadable(process: u32) -> Option<std::io::Error> {
    File::open(format!("/proc/{process}/mem")).err()
}

/// How often the bytes are in the memory of a process this one started; what it only reads from its program's and
/// libraries' files is left out.
pub fn holds(process: u32, needle: &[u8]) -> usize {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let memory = File::open(format!("/proc/{process}/mem")).unwrap();
    let finder = memmem::Finder::new(needle);
    let (mut found, mut looked) = (0, 0_u64);
    let mut window = vec![0; WINDOW + needle.len() - 1];
    let zeros = vec![0; window.len()];
    for map in maps.lines() {
        let mut words = map.split_whitespace();
        let (range, mode) = (words.next().unwrap(), words.next().unwrap());
        let program = !mode.contains('w') && (map.contains(".so") || map.contains("/sekisho"));
        if !mode.starts_with('r') || program || map.contains("[v") {
            continue;
        }
        let (from, to) = range.split_once('-').unwrap();
        let number = |hex| u64::from_str_radix(hex, 16).unwrap();
        let (mut at, to) = (number(from), number(to));
        while at < to {
            // Pages that are gone by now, or belong to a device, cannot be read.
            let end = (to - at).min(window.len() as u64) as usize;
            let read = memory.read_at(&mut window[..end], at).unwrap_or(0);
            looked += read as u64;
            // Memory that was never written to is most of it.
            if window[..read] != zeros[..read] {
                found += finder.find_iter(&window[..read]).count();
            }
            at += WINDOW as u64;
        }
    }
    assert!(looked > 1 << 20, "the memory of {process} can be read");
    found
}

/// Sends a signal, by its name.
pub fn signal(process: u32, name: &str) {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &process.to_string()])
        .status();
    assert!(sent.unwrap().success());
}
