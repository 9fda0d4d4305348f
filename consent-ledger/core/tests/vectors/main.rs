//! The tree, the signature rule and the notes against public test vectors.
//!
//! The vectors lie beside the workspace, in `../shared/testdata/ledger`, with their provenance. Where they
//! are absent each test names the set it left out and passes: the same properties are covered by the small
//! vectors in the crate's own tests. Where they are present every count is exact, so that a set that
//! shrank, or a file that no longer parses, does not pass unnoticed.
#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod ed25519;
mod merkle;
mod notes;
mod tiles;

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// The folder of a set, or `None` after saying that it was left out.
fn set(name: &str) -> Option<PathBuf> {
    let root = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/testdata/ledger"
    );
    let folder = Path::new(root).join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("left out: public vectors {name}");
    None
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&text(path)).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file below a folder, in the order of their paths.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
    {
        let path = entry.expect("a readable folder").path();
        if path.is_dir() {
            files.extend(self::files(&path))
        } else {
            files.push(path)
        }
    }
    files.sort();
    files
}

fn base64(value: &Value) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD
        .decode(value.as_str().expect("a string"))
        .expect("base64")
}

fn hex(value: &Value) -> Vec<u8> {
    hex::decode(value.as_str().expect("a string")).expect("hexadecimal")
}
