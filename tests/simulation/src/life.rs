//! One start of one replica, until its machine or process ends.

use std::sync::Arc;
use tokio::sync::watch;

/// Ends when the power is cut or the process killed. What still runs of it in memory afterwards reaches neither disk
/// nor network, which is as good as not running. All clones are one.
#[derive(Debug, Clone)]
pub struct Life(Arc<watch::Sender<bool>>);

impl Default for Life {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }
}

impl Life {
    /// Ends it.
    pub fn end(&self) {
        self.0.send_replace(true);
    }

    /// Whether it is over.
    pub fn is_over(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits for its end.
    pub async fn over(&self) {
        // The sender is this one's own.
        let _ = self.0.subscribe().wait_for(|over| *over).await;
    }
}
