//! A line between two machines that can break.

use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// What can happen to the connections there are. New ones pass.
#[derive(Clone, Default)]
pub(super) struct Mishap {
    /// They break.
    pub cut: Arc<Notify>,
    /// They stay open and pass nothing more on, as when a machine between forgets them.
    pub silence: Arc<Notify>,
}

/// Passes connections on to an address, until a mishap.
pub(super) struct Relay {
    pub address: SocketAddr,
    task: JoinHandle<()>,
}

impl Relay {
    pub(super) async fn to(there: SocketAddr, at: SocketAddr, mishap: Mishap) -> Self {
        let listener = TcpListener::bind(at).await.unwrap();
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            let mut lines = tokio::task::JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let mishap = mishap.clone();
                lines.spawn(async move {
                    let Ok(mut far) = TcpStream::connect(there).await else {
                        return;
                    };
                    tokio::select! {
                        _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                        () = mishap.cut.notified() => {}
                        () = mishap.silence.notified() => std::future::pending().await,
                    }
                });
            }
        });
        Self { address, task }
    }

    /// Breaks all connections; once it is done, nobody listens.
    pub(super) async fn stop(&mut self) {
        self.task.abort();
        let _ = (&mut self.task).await;
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}
