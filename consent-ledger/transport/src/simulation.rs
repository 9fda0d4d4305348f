//! What a deterministic simulation puts in the place of the machine's clock and of connections.
//!
//! Nothing here has an effect on a thread that has not called [`begin`].

use crate::{PeerDirectory, PeerIdentity};
use sekisho_domain::{PublicKey, TimeMs};
use std::cell::Cell;
use std::sync::Arc;
use tokio::time::Instant;

thread_local! {
    static BEGAN: Cell<Option<(Instant, TimeMs)>> = const { Cell::new(None) };
}

/// Lets this thread's time go as its runtime's does, from `time` on.
pub fn begin(time: TimeMs) {
    BEGAN.set(Some((Instant::now(), time)));
}

/// Gives this thread the machine's time again.
pub fn end() {
    BEGAN.set(None);
}

/// Simulated time, on a thread that has some.
pub fn now() -> Option<TimeMs> {
    let (instant, time) = BEGAN.get()?;
    let since_ms = u64::try_from(instant.elapsed().as_millis()).unwrap_or(u64::MAX);
    Some(time.plus_ms(since_ms))
}

/// What a request carries that came over a connection whose other end proved to hold `key`.
pub fn identity(key: PublicKey, directory: Arc<dyn PeerDirectory>) -> PeerIdentity {
    PeerIdentity::new(key, None, directory)
}
