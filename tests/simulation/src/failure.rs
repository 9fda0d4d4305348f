//! What a simulation found.

use crate::schedule::Kind;
use std::error::Error;
use std::fmt;

/// An error with what led to it.
pub fn chain(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        said = format!("{said}: {error}");
        source = error.source();
    }
    said
}

/// A promise that was not kept, or a world that could not be set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Which promise.
    pub invariant: &'static str,
    /// How it was broken.
    pub what: String,
    /// When, in simulated milliseconds.
    pub at_ms: u64,
    /// The seed.
    pub seed: u64,
    /// What was planted, by the name the command line has for it.
    pub planted: Option<&'static str>,
    /// What alone went wrong, if it was asked for.
    pub about: Option<Kind>,
}

impl Failure {
    /// A broken promise.
    pub fn new(invariant: &'static str, what: impl Into<String>) -> Self {
        Self {
            invariant,
            what: what.into(),
            at_ms: 0,
            seed: 0,
            planted: None,
            about: None,
        }
    }

    /// The world could not be set up.
    pub fn world(error: impl fmt::Display) -> Self {
        Self::new("world", error.to_string())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            invariant,
            what,
            at_ms,
            seed,
            planted,
            about,
        } = self;
        writeln!(f, "seed {seed}, after {at_ms} ms: {invariant}: {what}")?;
        write!(
            f,
            "replay: cargo --config tests/simulation/seeded.toml run --locked -p sekisho-simulation -- \
             --seed {seed} --trace"
        )?;
        if let Some(planted) = planted {
            write!(f, " --plant {planted}")?;
        }
        if let Some(about) = about {
            write!(f, " --about {}", about.word())?;
        }
        Ok(())
    }
}

impl Error for Failure {}
