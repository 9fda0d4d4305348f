//! Why a process stops.

use crate::side::Side;
use tokio::signal::unix::{SignalKind, signal};

/// A signal from the operator, the end of whoever started this process for itself, or the replica's own end.
pub(super) async fn stop_requested(side: Side) {
    tokio::select! {
        signal = interrupted() => tracing::info!(signal, "stopping"),
        () = parent_ended() => tracing::info!("stopping because the process that started this one ended"),
        () = side.stopped() => tracing::error!("stopping because the replica did"),
    }
}

/// Waits for SIGINT or SIGTERM.
pub(crate) async fn interrupted() -> &'static str {
    let terminate = async {
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => drop(terminate.recv().await),
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => "SIGINT",
        () = terminate => "SIGTERM",
    }
}

/// Set by the demo for its five processes, and by tests for a demo, so that none outlives who started it however that
/// ends: they stop when the pipe on their standard input closes.
pub(crate) const END_WITH_STDIN: &str = "SEKISHO_END_WITH_STDIN";

pub(crate) async fn parent_ended() {
    if std::env::var_os(END_WITH_STDIN).is_none() {
        return std::future::pending().await;
    }
    // A thread of its own: reading standard input cannot be cancelled, and must not hold up the runtime's end.
    let (sender, ended) = tokio::sync::oneshot::channel();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin().lock(), &mut std::io::sink());
        let _ = sender.send(());
    });
    let _ = ended.await;
}
