//! Waiting for a condition, within a deadline.

use std::thread;
use std::time::{Duration, Instant};

/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// Waits until `look` finds something; panics after `limit`, saying what was waited for.
pub async fn until<T, F: Future<Output = Option<T>>>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> F,
) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(
            began.elapsed() < limit,
            "waited {limit:?} for this in vain: {what}"
        );
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// The same without a runtime.
pub fn eventually<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(
            began.elapsed() < limit,
            "waited {limit:?} for this in vain: {what}"
        );
        thread::sleep(LOOK_EVERY);
    }
}
