//! A longer way between replicas: a relay before each of them passes on what comes, both ways, a fixed time later.
//!
//! It works on connections, not on packets: what TCP would do over such a way by itself (its handshake, its slow
//! beginning, what it sends again) is not there. Timers here have a millisecond, so a way is up to one longer.

use crate::BenchError;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// Bytes read at a time.
const PIECE_BYTES: usize = 64 * 1024;
/// Pieces on their way in one direction of a connection; beyond them nothing more is read.
const PIECES_MAX: usize = 1_024;

/// Relays that run; they end with it.
pub(crate) struct Relays {
    runtime: Runtime,
}

impl Relays {
    pub(crate) fn new() -> Result<Self, BenchError> {
        let runtime = Runtime::new().map_err(BenchError::system("a runtime"))?;
        Ok(Self { runtime })
    }

    /// Passes on what comes to the listener, each piece `one_way` after it came.
    pub(crate) fn add(
        &self,
        listener: TcpListener,
        to: SocketAddr,
        one_way: Duration,
    ) -> Result<(), BenchError> {
        let failed = || BenchError::system("a socket");
        listener.set_nonblocking(true).map_err(failed())?;
        let _on = self.runtime.enter();
        let listener = tokio::net::TcpListener::from_std(listener).map_err(failed())?;
        self.runtime.spawn(async move {
            while let Ok((from, _)) = listener.accept().await {
                tokio::spawn(join(from, to, one_way));
            }
        });
        Ok(())
    }
}

/// Whoever connected finds the connection closed if the other end is not there.
pub(crate) async fn join(from: TcpStream, to: SocketAddr, one_way: Duration) {
    let Ok(to) = TcpStream::connect(to).await else {
        return;
    };
    for socket in [&from, &to] {
        // Without it small pieces would wait for company.
        if socket.set_nodelay(true).is_err() {
            return;
        }
    }
    let ((from_read, from_write), (to_read, to_write)) = (from.into_split(), to.into_split());
    tokio::join!(
        pass(from_read, to_write, one_way),
        pass(to_read, from_write, one_way)
    );
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, one_way: Duration) {
    let (sender, mut pieces) = mpsc::channel::<(Instant, Vec<u8>)>(PIECES_MAX);
    let reading = async move {
        let mut piece = vec![0; PIECE_BYTES];
        while let Ok(length @ 1..) = from.read(&mut piece).await {
            let due = Instant::now() + one_way;
            if sender.send((due, piece[..length].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let writing = async move {
        while let Some((due, piece)) = pieces.recv().await {
            sleep_until(due).await;
            if to.write_all(&piece).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(reading, writing);
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use std::io::{Read, Write};

    #[test]
    fn everything_comes_in_order_and_not_too_early() {
        let (relays, one_way) = (Relays::new().unwrap(), Duration::from_millis(20));
        let far = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = near.local_addr().unwrap();
        relays
            .add(near, far.local_addr().unwrap(), one_way)
            .unwrap();
        let echo = std::thread::spawn(move || {
            let (mut socket, _) = far.accept().unwrap();
            let mut all = [0; 4];
            socket.read_exact(&mut all).unwrap();
            socket.write_all(&all).unwrap();
        });
        let mut socket = std::net::TcpStream::connect(address).unwrap();
        let begun = std::time::Instant::now();
        socket.write_all(b"ab").unwrap();
        socket.write_all(b"cd").unwrap();
        let mut answer = Vec::new();
        socket.read_to_end(&mut answer).unwrap();
        assert_eq!(answer, b"abcd");
        assert!(begun.elapsed() >= one_way * 2);
        echo.join().unwrap();
    }
}
