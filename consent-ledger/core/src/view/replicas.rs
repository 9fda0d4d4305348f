//! Questions about the ledger's replicas.

use super::{Answer, KEYS_MAX, NETWORKS_MAX, View};
use crate::ProofError;
use crate::genesis::{REPLICAS_MAX, voter_name};
use crate::note::KeyName;
use crate::record::{self, CoreError, Record, Replica};
use crate::store::{StateRead, Table};
use sekisho_domain::{EntryIndex, PublicKey, ReplicaId};

/// Replicas of one network that take part at a time: two sites of three, and as many being replaced.
pub const REPLICAS_OF_NETWORK_MAX: usize = 8;
/// Replicas there ever were: each has a checkpoint key of its own, and keys are bounded.
const REPLICAS_EVER_MAX: usize = REPLICAS_MAX + NETWORKS_MAX * KEYS_MAX;

pub(crate) fn replica_key(id: ReplicaId) -> [u8; 8] {
    id.0.to_be_bytes()
}

impl<S: StateRead> View<'_, S> {
    /// A replica, retired or not.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn replica(self, id: ReplicaId) -> Answer<Option<Record<Replica>>, S> {
        record::get(self.0, Table::Replica, &replica_key(id))
    }

    /// Every replica there ever was, by id.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn replicas(self) -> Answer<Vec<(ReplicaId, Replica)>, S> {
        let rows = record::scan::<_, Replica>(self.0, Table::Replica, b"", REPLICAS_EVER_MAX)?;
        rows.into_iter()
            .map(|(key, record)| {
                let id = <[u8; 8]>::try_from(key.as_slice())
                    .map_err(|e| CoreError::corrupt(Table::Replica, &key, e))?;
                Ok((ReplicaId(u64::from_be_bytes(id)), record.value))
            })
            .collect()
    }

    /// Those that take part, by id.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn replicas_standing(self) -> Answer<Vec<(ReplicaId, Replica)>, S> {
        let mut replicas = self.replicas()?;
        replicas.retain(|(_, replica)| replica.retired.is_none());
        Ok(replicas)
    }

    /// The voters of the tree of this size, by id: whose cosignatures make a checkpoint of it. Only of a tree that is
    /// not larger than this state's.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn voters_of(self, size: u64) -> Answer<Vec<(ReplicaId, Replica)>, S> {
        let mut replicas = self.replicas()?;
        replicas.retain(|(_, replica)| replica.votes_in(size));
        Ok(replicas)
    }

    /// The first leaf of the ledger's present lineage that is not part of what it continues: 0 in the first, in a later
    /// one that behind the recovery which began it.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn lineage_begin(self) -> Answer<u64, S> {
        let lineage = self.meta()?.map_or(1, |meta| meta.lineage);
        let recovery = record::get::<_, ()>(self.0, Table::Lineage, &lineage.to_be_bytes())?;
        let by = recovery.and_then(|record| record.sources.last().copied());
        Ok(by.map_or(0, |EntryIndex(by)| by + 1))
    }

    /// The replicas that begin the present lineage: the founders, or those of the recovery.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn first_voters(self) -> Answer<Vec<(ReplicaId, Replica)>, S> {
        let begin = self.lineage_begin()?;
        let mut replicas = self.replicas()?;
        replicas.retain(|(_, replica)| replica.votes_from == Some(begin));
        Ok(replicas)
    }

    /// The same as they appear on checkpoints: `replica-ID.NETWORK` and the key.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn checkpoint_voters(self, size: u64) -> Answer<Vec<(KeyName, PublicKey)>, S> {
        let named = |(id, replica): (ReplicaId, Replica)| -> Result<_, ProofError> {
            Ok((voter_name(id, &replica.network)?, replica.checkpoint_key))
        };
        let voters = self.voters_of(size)?.into_iter().map(named);
        let voters: Result<_, _> = voters.collect();
        voters.map_err(|e| CoreError::Tree(e.to_string()))
    }
}
