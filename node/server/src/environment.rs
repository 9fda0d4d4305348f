//! Where time and randomness come from: handed in, so that a test can fix both.

use sekisho_domain::{RequestId, TimeMs};
use sekisho_ledger::commitment::Salt;
use std::time::{SystemTime, UNIX_EPOCH};

/// The machine gave no random bytes: nothing that needs a secret can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system gave no random bytes")]
pub struct NoRandomness;

/// A clock and a source of random bytes.
pub trait Environment: Send + Sync + 'static {
    /// Now.
    fn now(&self) -> TimeMs;
    /// Fills the buffer with bytes nobody can foresee.
    ///
    /// # Errors
    /// [`NoRandomness`].
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness>;
}

/// This machine's clock and random source.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEnvironment;

impl Environment for SystemEnvironment {
    fn now(&self) -> TimeMs {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        TimeMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoRandomness> {
        getrandom::fill(bytes).map_err(|_| NoRandomness)
    }
}

/// Fresh random bytes of an id.
pub(crate) fn random<const N: usize>(
    environment: &dyn Environment,
) -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0; N];
    environment.fill(&mut bytes)?;
    Ok(bytes)
}

/// A fresh request id.
pub(crate) fn request_id(environment: &dyn Environment) -> Result<RequestId, NoRandomness> {
    Ok(RequestId::fresh(environment.now(), random(environment)?))
}

/// A fresh salt.
pub(crate) fn salt(environment: &dyn Environment) -> Result<Salt, NoRandomness> {
    random(environment).map(Salt::from_bytes)
}
