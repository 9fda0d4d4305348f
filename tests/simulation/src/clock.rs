//! Clocks that go wrong.

use sekisho_domain::TimeMs;
use sekisho_replica::Clock;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// A replica's clock: simulated time, and by how much it is off. All clones are one.
#[derive(Debug, Clone, Default)]
pub struct SimClock {
    off_ms: Arc<AtomicI64>,
}

impl SimClock {
    /// Sets by how much it is off.
    pub fn set_off(&self, off_ms: i64) {
        self.off_ms.store(off_ms, Ordering::Relaxed);
    }
}

impl Clock for SimClock {
    fn now(&self) -> TimeMs {
        let now = sekisho_transport::simulation::now().unwrap_or(TimeMs(0));
        TimeMs(
            now.0
                .saturating_add_signed(self.off_ms.load(Ordering::Relaxed)),
        )
    }
}
