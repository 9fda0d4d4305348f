//! The replicated state machine: the core's `apply` over the store.

use super::import::Imported;
use super::snapshot::{SnapshotData, View};
use super::state::Change;
use super::{Cosigned, Store};
use crate::checked::Checked;
use crate::config::{AT_ONCE_MAX, FLUSHES_BEHIND_MAX};
use crate::directory::Directory;
use crate::raft::{Applieds, Entry, LogId, Member, Storage, StoredMembership, TypeConfig};
use crate::{ReplicaError, state_error};
use openraft::storage::{RaftStateMachine, Snapshot};
use openraft::{EntryPayload, OptionalSend, RaftSnapshotBuilder, SnapshotMeta, StorageIOError};
use sekisho_ledger::store::StateRead;
use sekisho_ledger::{Applied, SignatureCheck, apply_batch};
use sekisho_proto::v1;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Applies committed entries. Answers each batch with what its envelopes came to.
pub(crate) struct Machine {
    store: Store,
    checked: Arc<Checked>,
    directory: Arc<Directory>,
    /// Whether a flush is under way.
    flushing: Arc<AtomicBool>,
}

impl Machine {
    pub(crate) fn new(store: Store, checked: Arc<Checked>, directory: Arc<Directory>) -> Self {
        Self {
            store,
            checked,
            directory,
            flushing: Arc::default(),
        }
    }

    /// Begins to write away what was applied, unless that is under way.
    fn flush(&self) {
        if self.flushing.swap(true, Ordering::AcqRel) {
            return;
        }
        let (store, flushing) = (self.store.clone(), Arc::clone(&self.flushing));
        tokio::spawn(async move {
            // A failure has poisoned the store, which says so.
            let _ = store.write(Store::flush).await;
            flushing.store(false, Ordering::Release);
        });
    }
}

/// Applies a batch, save what an imported state holds already.
pub(super) fn apply(
    state: &mut Change,
    batch: &v1::Batch,
    imported: Option<&mut Imported>,
    checked: &dyn SignatureCheck,
) -> Result<Vec<Applied>, ReplicaError> {
    let mut applied = match imported {
        Some(imported) => imported.pass(&*state, batch)?,
        None => Vec::new(),
    };
    let rest = match applied.len() {
        0 => return apply_batch(state, batch, checked).map_err(state_error),
        passed => batch.envelopes.get(passed..).unwrap_or_default(),
    };
    if rest.is_empty() {
        return Ok(applied);
    }
    let rest = v1::Batch {
        time_ms: batch.time_ms,
        envelopes: rest.to_vec(),
    };
    applied.extend(apply_batch(state, &rest, checked).map_err(state_error)?);
    Ok(applied)
}

impl Store {
    /// Applies entries, all together or not at all. In memory: see the module's documentation. Blocks.
    fn apply(
        &self,
        entries: Vec<Entry>,
        checked: &Checked,
        directory: &Directory,
    ) -> Result<Vec<Applieds>, ReplicaError> {
        if self.unflushed() >= FLUSHES_BEHIND_MAX {
            // Memory is bounded: whoever applies faster than the disk writes waits for it.
            self.flush()?;
        }
        let (applieds, keys_changed) = self.change(|state, now| {
            let mut applieds = Vec::with_capacity(entries.len());
            for entry in &entries {
                applieds.push(match &entry.payload {
                    EntryPayload::Normal(proposal) if !proposal.batch().envelopes.is_empty() => {
                        Applieds(apply(
                            state,
                            proposal.batch(),
                            now.imported.as_mut(),
                            checked,
                        )?)
                    }
                    EntryPayload::Membership(membership) => {
                        now.membership =
                            StoredMembership::new(Some(entry.log_id), membership.clone());
                        Applieds::default()
                    }
                    EntryPayload::Normal(_) | EntryPayload::Blank => Applieds::default(),
                });
            }
            if let Some(last) = entries.last() {
                now.log_id = Some(last.log_id);
            }
            Ok(applieds)
        })?;
        // Keys first: whoever has learned that a revocation is applied must find the key gone.
        if keys_changed {
            directory.reload(&self.read_state()?)?;
        }
        self.publish_size()?;
        Ok(applieds)
    }

    /// Tells waiters how many leaves there are.
    pub(super) fn publish_size(&self) -> Result<(), ReplicaError> {
        let size = sekisho_ledger::tree::size(&self.read_state()?).map_err(state_error)?;
        self.0
            .size
            .send_if_modified(|known| std::mem::replace(known, size) != size);
        Ok(())
    }

    /// Refuses a snapshot of another ledger, or whose tree is not the continuation of one this replica
    /// cosigned.
    pub(super) fn check_installed<S: StateRead<Error = ReplicaError>>(
        &self,
        state: &S,
        cosigned: Option<&Cosigned>,
    ) -> Result<(), ReplicaError> {
        let meta = sekisho_ledger::View(state).meta().map_err(state_error)?;
        let meta = meta.ok_or(ReplicaError::Damaged("a snapshot without a ledger"))?;
        if meta.ledger != self.0.ledger {
            return Err(ReplicaError::OtherLedger {
                found: meta.ledger,
                expected: self.0.ledger,
            });
        }
        match cosigned {
            Some(last) if last.size > meta.size => Err(ReplicaError::OwnFork { size: last.size }),
            Some(last) => {
                let root = sekisho_ledger::tree::root(state, last.size).map_err(state_error)?;
                if root.0.as_slice() == last.root {
                    Ok(())
                } else {
                    Err(ReplicaError::OwnFork { size: last.size })
                }
            }
            None => Ok(()),
        }
    }
}

impl RaftStateMachine<TypeConfig> for Machine {
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> Storage<(Option<LogId>, StoredMembership)> {
        let applied = self.store.applied();
        applied.map_err(|error| StorageIOError::read_state_machine(&error).into())
    }

    async fn apply<I>(&mut self, entries: I) -> Storage<Vec<Applieds>>
    where
        I: IntoIterator<Item = Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries: Vec<Entry> = entries.into_iter().collect();
        if let Some(last) = entries.last() {
            let durable = self.store.wait_durable(last.log_id.index).await;
            durable.map_err(|error| StorageIOError::write_state_machine(&error))?;
        }
        let (checked, directory) = (Arc::clone(&self.checked), Arc::clone(&self.directory));
        let many = entries.iter().map(|entry| match &entry.payload {
            EntryPayload::Normal(proposal) => proposal.batch().envelopes.len(),
            EntryPayload::Blank | EntryPayload::Membership(_) => 0,
        });
        let few = many.sum::<usize>() <= AT_ONCE_MAX && self.store.unflushed() == 0;
        let apply = move |store: &Store| store.apply(entries, &checked, &directory);
        let applied = if few {
            // Memory only, or nearly so.
            self.store.guard(|| apply(&self.store))
        } else {
            self.store.write(apply).await
        };
        let applied = applied.map_err(|error| StorageIOError::write_state_machine(&error))?;
        if self.store.unflushed() > 0 {
            self.flush();
        }
        Ok(applied)
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        Builder {
            view: self.store.view(),
        }
    }

    async fn begin_receiving_snapshot(&mut self) -> Storage<Box<SnapshotData>> {
        Ok(Box::new(SnapshotData::Nothing))
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta<u64, Member>,
        snapshot: Box<SnapshotData>,
    ) -> Storage<()> {
        let (store, directory, meta) = (
            self.store.clone(),
            Arc::clone(&self.directory),
            meta.clone(),
        );
        #[cfg(feature = "simulation")]
        if crate::simulation::is_planted(crate::simulation::Planted::PurgeUnwaited) {
            // The order that the fault makes possible, always.
            tokio::time::sleep(std::time::Duration::from_millis(8)).await;
        }
        let installed = store
            .write(move |store| {
                store.install(&meta, &snapshot)?;
                // Keys first, as where entries are applied.
                directory.reload(&store.read_state()?)?;
                store.publish_size()
            })
            .await;
        // A purge may be waiting for this, and must see a failure as the store's end.
        self.store.set_installing(false);
        installed.map_err(|error| StorageIOError::write_snapshot(None, &error).into())
    }

    async fn get_current_snapshot(&mut self) -> Storage<Option<Snapshot<TypeConfig>>> {
        let view = self
            .store
            .view()
            .map_err(|error| StorageIOError::read_snapshot(None, &error))?;
        // Before anything is applied there is nothing a peer could not do for itself.
        Ok(view.meta().last_log_id.is_some().then(|| snapshot(view)))
    }
}

/// Builds a snapshot of the state as it was when this was made.
pub(crate) struct Builder {
    view: Result<View, ReplicaError>,
}

impl RaftSnapshotBuilder<TypeConfig> for Builder {
    async fn build_snapshot(&mut self) -> Storage<Snapshot<TypeConfig>> {
        match &self.view {
            Ok(view) => Ok(snapshot(view.clone())),
            Err(error) => Err(StorageIOError::read_snapshot(None, error).into()),
        }
    }
}

fn snapshot(view: View) -> Snapshot<TypeConfig> {
    Snapshot {
        meta: view.meta().clone(),
        snapshot: Box::new(SnapshotData::View(view)),
    }
}
