//! Where a deterministic simulation takes the place of clock, randomness, threads, network and disk.
//!
//! The replica itself is the real one. What it reaches the world through is exchanged here: messages to other
//! replicas go to a [`Network`], files to a [`Disk`](crate::Disk), work that waits for the disk runs in the
//! task that asked for it, and openraft's election timeouts come from a seed. The simulation itself
//! (`tests/simulation`) is no part of this crate, and the feature `simulation` is on in no binary. Where it is
//! compiled in, it has no effect on a thread that has not called [`begin`].

mod line;
mod observe;
mod planted;

pub use line::{Answer, Call, Line, Network};
pub use observe::{LogEntry, Observed};
pub use planted::{Planted, is_lying};
pub(crate) use planted::{forget_requests, is_planted, lie_if};

use crate::ReplicaError;
use sekisho_domain::TimeMs;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

/// Bytes of one piece of a snapshot: so few that it has several.
const PIECE_BYTES: usize = 16 * 1024;
/// Of so many pieces of work for a thread, one begins late.
const LATE_OF: u64 = 6;
/// By so much at most.
const LATE_MAX: Duration = Duration::from_millis(8);
/// Of so many syncs nobody need wait for, one finds the disk busy.
const BUSY_OF: u64 = 4;
/// For so long at most.
const BUSY_MAX: Duration = Duration::from_millis(300);

/// What one start of a replica has in the place of the machine's.
#[derive(Clone)]
pub struct World {
    /// How it reaches the others.
    pub network: Arc<dyn Network>,
}

impl World {
    /// The way to whoever answers at an endpoint.
    pub(crate) fn line(&self, endpoint: &str) -> Line {
        Line::simulated(Arc::clone(&self.network), endpoint)
    }
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").finish_non_exhaustive()
    }
}

struct Simulated {
    random: u64,
    planted: Option<Planted>,
}

thread_local! {
    static SIMULATED: RefCell<Option<Simulated>> = const { RefCell::new(None) };
    /// Time that the work under way has cost so far.
    static COST: Cell<Duration> = const { Cell::new(Duration::ZERO) };
}

/// Ends the simulation on this thread when it is dropped.
#[derive(Debug)]
#[must_use]
pub struct Begun(());

impl Drop for Begun {
    fn drop(&mut self) {
        SIMULATED.with_borrow_mut(Option::take);
        sekisho_transport::simulation::end();
    }
}

/// Begins a simulation on this thread, inside a runtime of one thread whose time is paused.
pub fn begin(seed: u64, time: TimeMs, planted: Option<Planted>) -> Begun {
    SIMULATED.set(Some(Simulated {
        random: seed,
        planted,
    }));
    COST.set(Duration::ZERO);
    sekisho_transport::simulation::begin(time);
    Begun(())
}

/// Whether this thread simulates.
pub(crate) fn is_on() -> bool {
    SIMULATED.with_borrow(Option::is_some)
}

/// The next random number of this thread's simulation (splitmix64), if there is one.
pub(crate) fn random() -> Option<u64> {
    SIMULATED.with_borrow_mut(|simulated| {
        let state = &mut simulated.as_mut()?.random;
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Some(z ^ (z >> 31))
    })
}

/// Lets the work under way take so much longer: a simulated disk says here how long it was busy. What the work did
/// is done; it is reported when the time is over.
pub fn cost(time: Duration) {
    COST.set(COST.get() + time);
}

/// Does work that waits for the disk in the task that asked for it, and reports it when its time is over.
pub(crate) async fn work<T>(
    work: impl FnOnce() -> Result<T, ReplicaError>,
) -> Result<T, ReplicaError> {
    // Others run meanwhile, as they would beside a thread, and threads do not begin in the order they were asked in.
    match random() {
        Some(n) if n % LATE_OF == 0 => {
            let late = LATE_MAX.mul_f64((n >> 32) as f64 / f64::from(u32::MAX));
            tokio::time::sleep(late).await;
        }
        _ => tokio::task::yield_now().await,
    }
    COST.set(Duration::ZERO);
    let done = work();
    planted::lie_no_more();
    let cost = COST.take();
    if !cost.is_zero() {
        tokio::time::sleep(cost).await;
    }
    done
}

/// Lets a disk be busy before it does something nobody need wait for, where this thread simulates.
pub(crate) async fn busy() {
    if let Some(n) = random()
        && n % BUSY_OF == 0
    {
        tokio::time::sleep(BUSY_MAX.mul_f64((n >> 32) as f64 / f64::from(u32::MAX))).await;
    }
}

/// Gives out what `dump` writes, piece by piece, without a thread.
pub(crate) fn pieces(
    dump: impl FnOnce(&mut Vec<u8>) -> Result<(), ReplicaError>,
) -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(1);
    let mut bytes = Vec::new();
    // A fault ends it early, as it ends the real one.
    let _ = dump(&mut bytes);
    tokio::spawn(async move {
        for piece in bytes.chunks(PIECE_BYTES) {
            if sender.send(piece.to_vec()).await.is_err() {
                break;
            }
        }
    });
    receiver
}
