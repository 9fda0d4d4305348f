//! A store filled from an export instead of from peers, before its replica first runs.
//!
//! ```text
//! found, "imported" { complete: false }      a replica does not start on it
//! leaves, a transaction at a time            each is applied again and must come out as the same bytes
//! "imported" { size, root, complete: true }  and "cosigned", so that no other tree is ever signed
//! ```
//!
//! The state is then as of a number of leaves, but of no Raft log id. When the log arrives from its beginning,
//! what the state holds already is passed over ([`Imported::pass`]); when a snapshot arrives instead, it must
//! continue the imported tree ([`Store::check_installed`](super::Store)).

use super::format::{Cosigned, Record};
use super::open::{database, identity};
use super::{COSIGNED, Change, IMPORTED, ReadState};
use crate::config::Config;
use crate::disk::Folder;
use crate::{ReplicaError, state_error};
use prost::Message;
use redb::{Database, ReadableDatabase};
use sekisho_domain::{EntryIndex, Genesis, Hash, TimeMs};
use sekisho_ledger::store::{Kept, StateRead, StateWrite};
use sekisho_ledger::{Applied, EntryFault, Leaf, Strict, View, apply_batch, ledger_id, tree};
use sekisho_proto::v1;

/// How far an import is, and how much of it the Raft log has told again.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Imported {
    #[prost(bool, tag = "1")]
    pub complete: bool,
    /// Leaves imported.
    #[prost(uint64, tag = "2")]
    pub size: u64,
    /// Of these, leaves whose envelopes the Raft log has brought.
    #[prost(uint64, tag = "3")]
    pub passed: u64,
    /// The stamped time of the last batch the Raft log has brought.
    #[prost(uint64, tag = "4")]
    pub time_ms: u64,
}

impl Imported {
    /// Passes over the beginning of a batch that the imported state holds already. Says what each of its
    /// envelopes came to when it was first applied, as far as that left a trace; the rest of the batch is new.
    ///
    /// An envelope became the next leaf if it is that leaf's, at that leaf's time. Nothing else is possible:
    /// what an envelope comes to depends on the state and the stamped time alone, and until the next leaf the
    /// state does not change. Whatever else stands before the last imported leaf came to nothing then, and must
    /// not be judged again by a state that has moved on.
    pub fn pass<S: StateRead<Error = ReplicaError>>(
        &mut self,
        state: &S,
        batch: &v1::Batch,
    ) -> Result<Vec<Applied>, ReplicaError> {
        self.time_ms = self.time_ms.max(batch.time_ms);
        let mut applied = Vec::new();
        for envelope in &batch.envelopes {
            if self.passed >= self.size {
                break;
            }
            let index = EntryIndex(self.passed);
            let leaf = View(state).leaf(index).map_err(state_error)?;
            let leaf = Leaf::decode(&leaf.ok_or(ReplicaError::Damaged("a leaf"))?)
                .map_err(|_| ReplicaError::Damaged("a leaf"))?;
            let is_it = leaf.envelope == *envelope && leaf.time == TimeMs(self.time_ms);
            applied.push(if is_it {
                self.passed += 1;
                Applied::Duplicate { index }
            } else {
                Applied::Invalid(EntryFault::RequestIdReused)
            });
        }
        Ok(applied)
    }
}

/// What applying a leaf's entry again came to.
pub(crate) enum Again {
    /// These bytes, the same or others.
    Leaf(Vec<u8>),
    /// No leaf: the entry is not authentic.
    Invalid(EntryFault),
    /// An earlier leaf has the same entry.
    Duplicate(EntryIndex),
}

/// Applies a leaf's entry at the leaf's time.
pub(crate) fn apply_again<S: StateWrite<Error = ReplicaError>>(
    state: &mut S,
    leaf: &Leaf,
) -> Result<Again, ReplicaError> {
    let batch = v1::Batch {
        time_ms: leaf.time.0,
        envelopes: vec![leaf.envelope.clone()],
    };
    let applied = apply_batch(state, &batch, &Strict).map_err(state_error)?;
    Ok(match applied.into_iter().next() {
        Some(Applied::Leaf { index, .. }) => {
            let bytes = View(&*state).leaf(index).map_err(state_error)?;
            Again::Leaf(bytes.ok_or(ReplicaError::Damaged("a leaf"))?)
        }
        Some(Applied::Duplicate { index }) => Again::Duplicate(index),
        Some(Applied::Invalid(fault)) => Again::Invalid(fault),
        None => return Err(ReplicaError::Damaged("a batch of one")),
    })
}

/// A store being filled.
pub(crate) struct Import {
    database: Database,
    created: TimeMs,
}

impl Import {
    /// Opens the store of a replica that has never run: an empty one, or one whose import was interrupted.
    ///
    /// # Errors
    /// [`ReplicaError::HasRun`], or whatever the disk says.
    pub fn open(config: &Config, genesis: &Genesis) -> Result<Self, ReplicaError> {
        let file = |action| {
            move |source| ReplicaError::File {
                path: config.data_dir.clone(),
                action,
                source,
            }
        };
        let has_run = || ReplicaError::HasRun(config.data_dir.clone());
        if config.marker.try_exists().map_err(file("read"))? {
            return Err(has_run());
        }
        let disk = Folder::create(&config.data_dir).map_err(file("created"))?;
        let database = database(&disk, config, genesis, Some(&Imported::default()))?;
        let ours = identity(&database)?.is_some_and(|whose| {
            whose.ledger == ledger_id(genesis).0 && whose.replica == config.replica.0
        });
        let txn = database.begin_read().map_err(ReplicaError::database)?;
        let imported: Option<Imported> = Record::get(&txn, IMPORTED)?;
        if !ours || imported.is_none_or(|imported| imported.complete) {
            return Err(has_run());
        }
        Ok(Self {
            database,
            created: genesis.created,
        })
    }

    /// How many leaves there are already.
    pub fn size(&self) -> Result<u64, ReplicaError> {
        tree::size(&self.state()?).map_err(state_error)
    }

    /// The root over the leaves there are.
    pub fn root(&self) -> Result<Hash, ReplicaError> {
        tree::root(&self.state()?, self.size()?).map_err(state_error)
    }

    /// The state that the leaves there are lead to.
    pub fn state(&self) -> Result<ReadState, ReplicaError> {
        ReadState::open(&self.database.begin_read().map_err(ReplicaError::database)?)
    }

    /// Applies leaves in one durable transaction. `Err` inside: the place among them of the first that does not
    /// come out as it is, and why; nothing of them is then kept.
    pub fn append(
        &self,
        leaves: &[Leaf],
        bytes: &[Vec<u8>],
    ) -> Result<Result<(), Differs>, ReplicaError> {
        let mut state = self.change()?;
        for (place, (leaf, bytes)) in leaves.iter().zip(bytes).enumerate() {
            let why = match apply_again(&mut state, leaf)? {
                Again::Leaf(again) if again == *bytes => continue,
                Again::Leaf(_) => "applying its entry leads to another leaf".to_owned(),
                Again::Duplicate(index) => format!("leaf {index} has the same entry"),
                Again::Invalid(fault) => fault.to_string(),
            };
            return Ok(Err(Differs { place, why }));
        }
        self.keep(state)?;
        Ok(Ok(()))
    }

    /// Applies a batch in one durable transaction: what begins a lineage, which no Raft log brings.
    pub fn say(&self, batch: &v1::Batch) -> Result<Vec<Applied>, ReplicaError> {
        let mut state = self.change()?;
        let applied = apply_batch(&mut state, batch, &Strict).map_err(state_error)?;
        self.keep(state)?;
        Ok(applied)
    }

    fn change(&self) -> Result<Change, ReplicaError> {
        Ok(Change::of(self.state()?, Kept::default()))
    }

    fn keep(&self, state: Change) -> Result<(), ReplicaError> {
        let txn = super::durable(&self.database)?;
        state.write_to(&txn)?;
        txn.commit().map_err(ReplicaError::database)
    }

    /// Makes it the store of a replica that may start.
    pub fn complete(self, size: u64, root: Hash) -> Result<(), ReplicaError> {
        // The group's log begins where the lineage does: what is before it no log brings.
        let state = self.state()?;
        let begin = View(&state).lineage_begin().map_err(state_error)?;
        let before = begin.checked_sub(1).map(EntryIndex);
        let leaf = before.map(|before| View(&state).leaf(before)).transpose();
        let leaf = leaf.map_err(state_error)?.flatten();
        let leaf = leaf.map(|leaf| Leaf::decode(&leaf)).transpose();
        let leaf = leaf.map_err(|_| ReplicaError::Damaged("a leaf"))?;
        drop(state);
        let txn = super::durable(&self.database)?;
        let imported = Imported {
            complete: true,
            size,
            passed: begin,
            // No leaf is stamped with an earlier one.
            time_ms: leaf.map_or(self.created, |leaf| leaf.time).0,
        };
        Record::put(&txn, IMPORTED, &imported)?;
        let cosigned = Cosigned {
            size,
            root: root.0.to_vec(),
        };
        Record::put(&txn, COSIGNED, &cosigned)?;
        txn.commit().map_err(ReplicaError::database)
    }
}

/// A leaf that does not follow from its entry.
pub(crate) struct Differs {
    /// Its place among those given.
    pub place: usize,
    /// Why not.
    pub why: String,
}

#[cfg(test)]
#[path = "import_test.rs"]
mod tests;
