//! Work that waits for a disk, off the async threads.

use crate::NodeError;

/// Runs blocking work and gives its result.
///
/// # Errors
/// The work's own; [`NodeError::ShutDown`] if the runtime is going away.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, NodeError> + Send + 'static,
) -> Result<T, NodeError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // Only a panic, or a runtime that is going away, ends such a task without a result.
        Err(_) => Err(NodeError::ShutDown),
    }
}
