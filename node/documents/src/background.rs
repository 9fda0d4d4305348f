//! Asynchronous work for callers that wait: clients of other servers, behind the crate's plain functions.
//!
//! The work runs on threads of its own, so that a caller may be any thread, one of another runtime too.

use std::future::Future;
use std::sync::mpsc;
use tokio::runtime::{Builder, Runtime};

/// Threads of one adapter: they only wait for the network.
const THREADS: usize = 2;

/// Threads that carry out one adapter's requests.
#[derive(Debug)]
pub(crate) struct Background(Option<Runtime>);

impl Background {
    /// Starts them.
    ///
    /// # Errors
    /// The system gives no threads.
    pub fn start(name: &str) -> std::io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name(name)
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// Carries out work and waits for it; none if it ended without a result.
    pub fn wait<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (done, result) = mpsc::sync_channel(1);
        self.0.as_ref()?.spawn(async move {
            // Whoever waited may be gone.
            let _ = done.send(work.await);
        });
        result.recv().ok()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // Waits for nothing: the last handle may be dropped where waiting is not allowed.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
