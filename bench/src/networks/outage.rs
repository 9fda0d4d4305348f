//! Lines that do not serve: one that hangs, one that comes and goes.

use crate::BenchError;
use crate::relay::{Pacer, join};
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;
use tokio::io::{copy, sink};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout_at};

/// Takes every connection, and what comes on it, and never answers.
pub(super) async fn hang(listener: TcpListener) -> Result<(), BenchError> {
    let socket = || BenchError::system("a socket");
    listener.set_nonblocking(true).map_err(socket())?;
    let listener = tokio::net::TcpListener::from_std(listener).map_err(socket())?;
    let mut lines = JoinSet::new();
    loop {
        let (mut from, _) = listener.accept().await.map_err(socket())?;
        lines.spawn(async move { copy(&mut from, &mut sink()).await });
        while lines.try_join_next().is_some() {}
    }
}

/// A relay that is there for so long, and then for as long is not: its connections are cut and nobody listens.
pub(super) async fn flap(
    at: SocketAddr,
    to: SocketAddr,
    one_way: Duration,
    every: Duration,
) -> Result<(), BenchError> {
    let pacer = Pacer::start()?;
    loop {
        let listener = tokio::net::TcpListener::bind(at).await;
        let listener = listener.map_err(BenchError::system("a socket"))?;
        let (until, mut lines) = (Instant::now() + every, JoinSet::new());
        while let Ok(Ok((from, _))) = timeout_at(until, listener.accept()).await {
            lines.spawn(join(from, to, one_way.into(), pacer.clone()));
        }
        drop(listener);
        lines.shutdown().await;
        sleep(every).await;
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::time::timeout;

    const PATIENCE: Duration = Duration::from_secs(20);

    #[tokio::test]
    async fn one_line_hangs_and_the_other_comes_and_goes() {
        let mute = TcpListener::bind("127.0.0.1:0").unwrap();
        let at = mute.local_addr().unwrap();
        tokio::spawn(hang(mute));
        let mut socket = TcpStream::connect(at).await.unwrap();
        socket.write_all(b"anybody?").await.unwrap();
        let answer = timeout(Duration::from_millis(50), socket.read_u8()).await;
        assert!(answer.is_err(), "{answer:?}");

        let far = TcpListener::bind("127.0.0.1:0").unwrap();
        let to = far.local_addr().unwrap();
        let at = SocketAddr::from((crate::child::loopback(), 7_399));
        let way = Duration::from_millis(1);
        tokio::spawn(flap(at, to, way, Duration::from_millis(30)));
        let turns = async {
            let (mut there, mut away) = (0, 0);
            while there < 2 || away < 2 {
                match TcpStream::connect(at).await {
                    // Cut before long, with nothing said.
                    Ok(mut line) => {
                        there += 1;
                        assert!(line.read_u8().await.is_err());
                    }
                    Err(_) => away += 1,
                }
            }
        };
        timeout(PATIENCE, turns).await.unwrap();
    }
}
