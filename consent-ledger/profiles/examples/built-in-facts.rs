//! Writes the built-in copy of the facts anew from the data files:
//! `cargo run -p sekisho-profiles --example built-in-facts -- DIRECTORY > consent-ledger/profiles/data/surveys.facts`
#![allow(clippy::print_stdout, reason = "writing is what it is for")]

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args_os().nth(1).ok_or("which directory?")?;
    let file = |name| std::fs::read(PathBuf::from(&directory).join(name));
    let facts =
        sekisho_profiles::import::facts(&file("networks.json")?, &file("interconnections.json")?)?;
    print!("{}", sekisho_profiles::facts::write(&facts));
    Ok(())
}
