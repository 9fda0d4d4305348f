//! The pure core as the ledger of one process, with the faults a network adds.

use crate::ledger::{Checkpoint, Committed, Ledger, LedgerFault, Question, Snapshot};
use sekisho_domain::{AccessRecord, Body, EntryIndex, TimeMs};
use sekisho_ledger::testing::World;
use sekisho_ledger::{Applied, Leaf, Strict, View};
use sekisho_proto::v1;
use sekisho_transport::Deadline;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const UP: u8 = 0;
const DOWN: u8 = 1;
const MUTE: u8 = 2;
/// Shorter than elsewhere, for thousands of trials, and longer than these tests' charts take.
const PACE_MS: u64 = 4;

/// A real ledger without replication.
pub struct CoreLedger {
    world: Mutex<World>,
    state: AtomicU8,
    pace_ms: AtomicU64,
}

impl CoreLedger {
    pub fn new(networks: &[&str]) -> Arc<Self> {
        Arc::new(Self {
            world: Mutex::new(World::of(networks)),
            state: AtomicU8::new(UP),
            pace_ms: AtomicU64::new(PACE_MS),
        })
    }
    pub fn with<T>(&self, work: impl FnOnce(&mut World) -> T) -> T {
        work(&mut self.world.lock().unwrap())
    }
    /// For charts that take long to read.
    pub fn set_pace(&self, pace: Duration) {
        let pace = u64::try_from(pace.as_millis()).unwrap();
        self.pace_ms.store(pace, Ordering::SeqCst);
    }
    pub fn now(&self) -> TimeMs {
        self.with(|world| world.time)
    }
    /// Takes nothing.
    pub fn down(&self) {
        self.state.store(DOWN, Ordering::SeqCst);
    }
    /// Takes entries, and every answer is lost.
    pub fn mute(&self) {
        self.state.store(MUTE, Ordering::SeqCst);
    }
    pub fn up(&self) {
        self.state.store(UP, Ordering::SeqCst);
    }
    pub fn access(&self, index: EntryIndex) -> AccessRecord {
        self.with(|world| View(&world.state).access(index).unwrap().unwrap())
    }
    /// The bodies of all leaves, in order.
    pub fn bodies(&self) -> Vec<Body> {
        self.with(|world| {
            let view = View(&world.state);
            let size = view.meta().unwrap().unwrap().size;
            (0..size)
                .map(|i| {
                    let bytes = view.leaf(EntryIndex(i)).unwrap().unwrap();
                    Leaf::decode(&bytes).unwrap().entry.body
                })
                .collect()
        })
    }
}

#[tonic::async_trait]
impl Ledger for CoreLedger {
    async fn submit(
        &self,
        envelope: v1::Envelope,
        _deadline: Deadline,
    ) -> Result<Committed, LedgerFault> {
        let state = self.state.load(Ordering::SeqCst);
        if state == DOWN {
            return Err(LedgerFault::Unavailable("no quorum".into()));
        }
        let applied = self.with(|world| world.apply(&envelope));
        if state == MUTE {
            return Err(LedgerFault::Unknown);
        }
        let (index, duplicate) = match applied {
            Applied::Leaf { index, .. } => (index, false),
            Applied::Duplicate { index } => (index, true),
            Applied::Invalid(sekisho_ledger::EntryFault::RequestIdReused) => {
                return Err(LedgerFault::RequestIdReused);
            }
            Applied::Invalid(fault) => return Err(LedgerFault::NotTaken(Box::new(fault))),
        };
        let bytes = self.with(|world| View(&world.state).leaf(index).unwrap().unwrap());
        let leaf = Leaf::decode(&bytes).unwrap();
        Ok(Committed {
            index,
            time: leaf.time,
            outcome: leaf.outcome,
            duplicate,
        })
    }

    async fn wait_applied(
        &self,
        index: EntryIndex,
        _deadline: Deadline,
    ) -> Result<(), LedgerFault> {
        let size = self.with(|world| View(&world.state).meta().unwrap().unwrap().size);
        if index.0 < size {
            Ok(())
        } else {
            Err(LedgerFault::Behind(index))
        }
    }

    fn pace(&self) -> Duration {
        Duration::from_millis(self.pace_ms.load(Ordering::SeqCst))
    }

    async fn read(&self, question: Question) -> Result<(), LedgerFault> {
        let state = self.with(|world| world.state.clone());
        Snapshot::show(&state, &Strict, question);
        Ok(())
    }

    async fn checkpoint(
        &self,
        min_size: u64,
        _deadline: Deadline,
    ) -> Result<Checkpoint, LedgerFault> {
        let (note, size) = self.with(|world| world.checkpoint(world.genesis.replicas.len()));
        assert!(size >= min_size);
        Ok(Checkpoint { note, size })
    }
}
