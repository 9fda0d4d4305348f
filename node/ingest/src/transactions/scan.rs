//! One stretch of a transaction file.

use sekisho_documents::LocalPatientId;
use std::collections::BTreeSet;

/// How a message begins. It does not occur inside a two-byte character run but by an accident of one in 2^63.
const START: &[u8] = b"MSH|^~\\&|";
/// How far behind its beginning a message's PID line has ended: MSH, EVN and a note are some hundred bytes each.
const PID_WITHIN_BYTES: usize = 16 << 10;
/// Longest head of a record that is waited behind for its message, in bytes: the index database's columns together
/// have 1 KiB.
const HEAD_BYTES_MAX: usize = 4 << 10;
/// Longest message that is waited for, in bytes: a year's results have less.
const MESSAGE_BYTES_MAX: usize = 512 << 10;

/// What a stretch of a transaction file says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scan {
    /// The patients touched.
    pub patients: BTreeSet<LocalPatientId>,
    /// Bytes that need not be read again. What is behind them may be the beginning of a record.
    pub consumed_bytes: usize,
    /// Messages and stretches that name nobody who could be looked for.
    pub unnamed: u64,
}

/// Reads a stretch that begins anywhere; `is_last` if nothing will follow it, because the writer has gone on to
/// another file.
pub fn scan(bytes: &[u8], is_last: bool) -> Scan {
    let mut scan = Scan::default();
    let Some(first) = find(bytes, START) else {
        // The head of a record, or a record of another kind.
        if is_last || bytes.len() > HEAD_BYTES_MAX {
            scan.consumed_bytes = bytes.len();
            scan.unnamed = u64::from(bytes.iter().any(u8::is_ascii_graphic));
        }
        return scan;
    };
    let mut rest = bytes.get(first..).unwrap_or_default();
    let mut at = first;
    loop {
        let behind = rest.get(START.len()..).unwrap_or_default();
        let next = find(behind, START).map(|n| n + START.len());
        let message = rest.get(..next.unwrap_or(rest.len())).unwrap_or_default();
        match patient_of(message) {
            Found::Patient(patient) => drop(scan.patients.insert(patient)),
            Found::Nobody => scan.unnamed += 1,
            Found::NotYet if next.is_some() || is_last || message.len() > PID_WITHIN_BYTES => {
                scan.unnamed += 1
            }
            Found::NotYet => {
                scan.consumed_bytes = at;
                return scan;
            }
        }
        match next {
            Some(next) => {
                at += next;
                rest = rest.get(next..).unwrap_or_default();
            }
            None => {
                // What follows may belong to this message: it is read again from its beginning, unless it is the last
                // or longer than any message is.
                let is_over = is_last || message.len() > MESSAGE_BYTES_MAX;
                scan.consumed_bytes = if is_over { bytes.len() } else { at };
                return scan;
            }
        }
    }
}

enum Found {
    Patient(LocalPatientId),
    Nobody,
    /// Its PID line has not ended.
    NotYet,
}

fn patient_of(message: &[u8]) -> Found {
    let is_end = |b: &u8| matches!(b, b'\r' | b'\n');
    let mut lines = message.split(is_end).peekable();
    while let Some(line) = lines.next() {
        if !line.starts_with(b"PID|") {
            continue;
        }
        if lines.peek().is_none() {
            return Found::NotYet;
        }
        let id = line.split(|b| *b == b'|').nth(3).unwrap_or_default();
        let id = id
            .split(|b| matches!(b, b'^' | b'~' | b'&'))
            .next()
            .unwrap_or_default();
        let id = std::str::from_utf8(id).ok().map(str::trim);
        return match id.and_then(|id| id.parse().ok()) {
            Some(id) => Found::Patient(id),
            None => Found::Nobody,
        };
    }
    Found::NotYet
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    let first = *what.first()?;
    let mut from = 0;
    while let Some(at) = bytes.get(from..)?.iter().position(|b| *b == first) {
        if bytes.get(from + at..)?.starts_with(what) {
            return Some(from + at);
        }
        from += at + 1;
    }
    None
}

#[cfg(test)]
#[path = "../scan_test.rs"]
mod tests;
