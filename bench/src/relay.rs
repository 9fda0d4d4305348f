//! A longer way between replicas: a relay before each of them passes on what comes, both ways, a fixed time later, and
//! where it is said no faster than a line of so many bytes a second.
//!
//! It works on connections, not on packets: what TCP would do over such a way by itself (its handshake, its slow
//! beginning, what it sends again) is not there. The runtime's timers have a millisecond, which a way of five would
//! feel: what is due is told by a timer of the system's. All relays are one thread: they are no part of what is
//! measured, and take no more of the machine than they must.

use crate::BenchError;
use crate::processor::one_thread;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// Bytes read at a time.
const PIECE_BYTES: usize = 64 * 1024;
/// Pieces on their way in one direction of a connection; beyond them nothing more is read.
const PIECES_MAX: usize = 1_024;
/// Pieces on their way, by when they are due and a number.
#[derive(Default)]
struct Due {
    waiting: BTreeMap<(Instant, u64), oneshot::Sender<()>>,
    number: u64,
}

/// What lies between two ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Line {
    pub one_way: Duration,
    /// What it carries each way; none: whatever comes. Every connection has a line to itself.
    pub bytes_a_second: Option<f64>,
}

impl From<Duration> for Line {
    fn from(one_way: Duration) -> Self {
        Self {
            one_way,
            bytes_a_second: None,
        }
    }
}

impl Line {
    /// How long so many bytes take to get onto it.
    fn takes(&self, bytes: usize) -> Duration {
        let rate = self.bytes_a_second.unwrap_or(f64::INFINITY);
        Duration::from_secs_f64(bytes as f64 / rate)
    }
}

/// Tells when a moment has come.
#[derive(Clone)]
pub(crate) struct Pacer(Arc<Alarm>);

/// The timer, set to the next moment there is.
struct Alarm {
    timer: AsyncFd<OwnedFd>,
    due: Mutex<Due>,
}

impl Pacer {
    /// One that works as long as the runtime in which it is started.
    pub(crate) fn start() -> Result<Self, BenchError> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let failed = || BenchError::system("a timer");
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags);
        let timer = timer.map_err(|error| failed()(error.into()))?;
        #[expect(
            deprecated,
            reason = "what replaces it is unsafe, for the sake of types that do not own what they read"
        )]
        let timer = AsyncFd::new(timer).map_err(failed())?;
        let alarm = Arc::new(Alarm {
            timer,
            due: Mutex::default(),
        });
        let ringing = Arc::clone(&alarm);
        tokio::spawn(async move { while ringing.ring().await.is_ok() {} });
        Ok(Self(alarm))
    }

    async fn until(&self, at: Instant) {
        let Some(woken) = self.0.ask(at) else {
            return;
        };
        let _ = woken.await;
    }
}

impl Alarm {
    /// What is told at the moment; none if it is over already.
    fn ask(&self, at: Instant) -> Option<oneshot::Receiver<()>> {
        if at <= Instant::now() {
            return None;
        }
        let (wake, woken) = oneshot::channel();
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        due.number += 1;
        let place = (at, due.number);
        due.waiting.insert(place, wake);
        if due.waiting.first_key_value().map(|(first, _)| *first) == Some(place) {
            // A timer that cannot be set keeps nobody waiting.
            if self.set(at).is_err() {
                due.waiting.remove(&place);
            }
        }
        Some(woken)
    }

    fn set(&self, at: Instant) -> io::Result<()> {
        // Zero would turn it off.
        let left = at - Instant::now();
        let left = left.max(Duration::from_nanos(1));
        let left = Timespec::try_from(left).map_err(io::Error::other)?;
        let once = Itimerspec {
            it_interval: Timespec::default(),
            it_value: left,
        };
        timerfd_settime(self.timer.get_ref(), TimerfdTimerFlags::empty(), &once)?;
        Ok(())
    }

    /// Waits for the next moment, and tells those who wait for it.
    async fn ring(&self) -> io::Result<()> {
        let mut rung = self.timer.readable().await?;
        let read = rung.try_io(|timer| Ok(rustix::io::read(timer.get_ref(), &mut [0; 8])?));
        let Ok(read) = read else {
            return Ok(());
        };
        read?;
        let mut due = self.due.lock().unwrap_or_else(PoisonError::into_inner);
        let later = due.waiting.split_off(&(Instant::now(), u64::MAX));
        let now = std::mem::replace(&mut due.waiting, later);
        if let Some(((next, _), _)) = due.waiting.first_key_value() {
            self.set(*next)?;
        }
        drop(due);
        for wake in now.into_values() {
            // A line that is gone need not be told.
            let _ = wake.send(());
        }
        Ok(())
    }
}

/// Relays that run; they end with it.
pub(crate) struct Relays {
    runtime: Runtime,
    pacer: Pacer,
}

impl Relays {
    pub(crate) fn new() -> Result<Self, BenchError> {
        let runtime = one_thread("relays")?;
        let pacer = {
            let _on = runtime.enter();
            Pacer::start()?
        };
        Ok(Self { runtime, pacer })
    }

    /// Passes on what comes to the listener, as this line would.
    pub(crate) fn add(
        &self,
        listener: TcpListener,
        to: SocketAddr,
        line: Line,
    ) -> Result<(), BenchError> {
        let failed = || BenchError::system("a socket");
        listener.set_nonblocking(true).map_err(failed())?;
        let _on = self.runtime.enter();
        let listener = tokio::net::TcpListener::from_std(listener).map_err(failed())?;
        let pacer = self.pacer.clone();
        self.runtime.spawn(async move {
            while let Ok((from, _)) = listener.accept().await {
                tokio::spawn(join(from, to, line, pacer.clone()));
            }
        });
        Ok(())
    }
}

/// Whoever connected finds the connection closed if the other end is not there.
pub(crate) async fn join(from: TcpStream, to: SocketAddr, line: Line, pacer: Pacer) {
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
        pass(from_read, to_write, line, &pacer),
        pass(to_read, from_write, line, &pacer)
    );
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, line: Line, pacer: &Pacer) {
    let (sender, mut pieces) = mpsc::channel::<(Instant, Vec<u8>)>(PIECES_MAX);
    let reading = async move {
        let mut piece = vec![0; PIECE_BYTES];
        // Until when the line is taken by what came before.
        let mut taken = Instant::now();
        while let Ok(length @ 1..) = from.read(&mut piece).await {
            taken = taken.max(Instant::now()) + line.takes(length);
            let due = taken + line.one_way;
            if sender.send((due, piece[..length].to_vec())).await.is_err() {
                return;
            }
        }
    };
    let writing = async move {
        while let Some((due, piece)) = pieces.recv().await {
            pacer.until(due).await;
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
            .add(near, far.local_addr().unwrap(), one_way.into())
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

    #[test]
    fn no_faster_than_the_line() {
        let line = Line {
            one_way: Duration::from_millis(5),
            bytes_a_second: Some(1e6),
        };
        let relays = Relays::new().unwrap();
        let far = TcpListener::bind("127.0.0.1:0").unwrap();
        let near = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = near.local_addr().unwrap();
        relays.add(near, far.local_addr().unwrap(), line).unwrap();
        std::thread::spawn(move || {
            let (mut socket, _) = far.accept().unwrap();
            socket.write_all(&[7; 200_000]).unwrap();
        });
        let begun = std::time::Instant::now();
        let mut socket = std::net::TcpStream::connect(address).unwrap();
        let mut all = Vec::new();
        socket.read_to_end(&mut all).unwrap();
        assert_eq!(all, [7; 200_000]);
        assert!(begun.elapsed() >= Duration::from_millis(205));
    }

    #[tokio::test]
    async fn moments_come_in_order_and_not_too_early() {
        let pacer = Pacer::start().unwrap();
        let (begun, told) = (Instant::now(), Mutex::new(Vec::new()));
        let one = async |ms| {
            let due = begun + Duration::from_millis(ms);
            pacer.until(due).await;
            assert!(Instant::now() >= due);
            told.lock().unwrap().push(ms);
        };
        tokio::join!(one(40), one(0), one(20), one(60));
        // What is asked for after a pause is heard as well.
        tokio::time::sleep(Duration::from_millis(40)).await;
        one(150).await;
        assert_eq!(*told.lock().unwrap(), [0, 20, 40, 60, 150]);
    }
}
