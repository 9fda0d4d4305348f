//! Who keeps a ledger, from the leaves about it alone: who reads a whole ledger, as an export, learns on the way whose
//! cosignatures its checkpoint needs, without the rest of the state.

use crate::apply::replay;
use crate::envelope::form;
use crate::genesis::found;
use crate::leaf::Leaf;
use crate::note::KeyName;
use crate::record::CoreError;
use crate::store::MemoryState;
use crate::view::{Meta, View};
use crate::{EntryFault, record::Replica};
use sekisho_domain::{
    Body, EntryIndex, Genesis, Hash, KeyPurpose, NetworkId, Outcome, PublicKey, ReplicaId, TimeMs,
};
use sekisho_proto::v1;
use std::convert::Infallible;

/// Why a leaf about members, keys or replicas is not what its entry leads to.
#[derive(Debug, thiserror::Error)]
pub enum RosterFault {
    /// It is not authentic.
    #[error("leaf {index}: {fault}")]
    NotAuthentic {
        /// The leaf.
        index: EntryIndex,
        /// Why not.
        fault: EntryFault,
    },
    /// It has another outcome than its entry leads to.
    #[error("leaf {0} has another outcome than its entry leads to")]
    Outcome(EntryIndex),
    /// What was read contradicts itself.
    #[error(transparent)]
    State(#[from] CoreError<Infallible>),
}

/// Members, keys and replicas as far as the leaves have been read.
#[derive(Debug)]
pub struct Roster {
    state: MemoryState,
    meta: Meta,
}

impl Roster {
    /// That of a ledger without leaves.
    ///
    /// # Errors
    /// The founding file has faults.
    pub fn founded(genesis: &Genesis) -> Result<Self, RosterFault> {
        let mut state = MemoryState::default();
        found(&mut state, genesis)?;
        let meta = View(&state).meta()?;
        let meta = meta.ok_or_else(|| CoreError::Tree("nothing was founded".to_owned()))?;
        Ok(Self { state, meta })
    }

    /// Reads the next leaf; those in between that are about something else may be left out.
    ///
    /// # Errors
    /// [`RosterFault`].
    pub fn read(&mut self, leaf: &Leaf) -> Result<(), RosterFault> {
        if !Self::is_about(&leaf.entry.body) {
            return Ok(());
        }
        let index = leaf.index;
        match replay(&mut self.state, &mut self.meta, leaf)? {
            Err(fault) => Err(RosterFault::NotAuthentic { index, fault }),
            Ok(outcome) if outcome != leaf.outcome => Err(RosterFault::Outcome(index)),
            Ok(_) => Ok(()),
        }
    }

    /// Whether an entry can change whose word counts. What such an entry comes to rests on others of these kinds only.
    pub fn is_about(body: &Body) -> bool {
        matches!(
            body,
            Body::NetworkAdmit { .. }
                | Body::AuthorityAdmit { .. }
                | Body::AuthorityEnd { .. }
                | Body::KeyAdd { .. }
                | Body::KeyRevoke { .. }
                | Body::ReplicaAllocate { .. }
                | Body::ReplicaPromote { .. }
                | Body::ReplicaRetire { .. }
                | Body::Recovery(_)
        )
    }

    /// Whose cosignatures make a checkpoint of the tree of this size, which must have been read to its end.
    ///
    /// # Errors
    /// What was read contradicts itself.
    pub fn voters(&self, size: u64) -> Result<Vec<(KeyName, PublicKey)>, RosterFault> {
        Ok(View(&self.state).checkpoint_voters(size)?)
    }

    /// What an entry would come to as the leaf behind those read, without effect.
    ///
    /// # Errors
    /// What was read contradicts itself; or, inside, it is not authentic.
    pub fn would(
        &self,
        envelope: &v1::Envelope,
        index: EntryIndex,
        time: TimeMs,
    ) -> Result<Result<Outcome, EntryFault>, RosterFault> {
        let formed = match form(envelope) {
            Ok(formed) => formed,
            Err(fault) => return Ok(Err(fault)),
        };
        let leaf = Leaf {
            index,
            time,
            envelope: envelope.clone(),
            entry: formed.entry,
            outcome: Outcome::Accepted,
            state_digest: Hash([0; 32]),
        };
        let (mut state, mut meta) = (self.state.clone(), self.meta.clone());
        Ok(replay(&mut state, &mut meta, &leaf)?)
    }

    /// Members with their governance keys that are not revoked.
    ///
    /// # Errors
    /// What was read contradicts itself.
    pub fn governance(&self) -> Result<Vec<(NetworkId, PublicKey)>, RosterFault> {
        let keys = View(&self.state).keys(KeyPurpose::Governance)?;
        let of = keys
            .into_iter()
            .map(|(_, key)| (key.network, key.public_key));
        Ok(of.collect())
    }

    /// The lineage so far.
    pub fn lineage(&self) -> u64 {
        self.meta.lineage
    }

    /// Every replica there ever was, by id.
    ///
    /// # Errors
    /// What was read contradicts itself.
    pub fn replicas(&self) -> Result<Vec<(ReplicaId, Replica)>, RosterFault> {
        Ok(View(&self.state).replicas()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::golden_test::story::story;
    use crate::store::{StateRead, Table};

    #[test]
    fn it_learns_from_a_few_leaves_what_all_of_them_say() {
        let (world, ..) = story();
        let mut roster = Roster::founded(&world.genesis).unwrap();
        let leaves = world.state.scan(Table::Leaf, b"", b"", usize::MAX).unwrap();
        let size = leaves.len() as u64;
        let mut read = 0;
        for (_, bytes) in &leaves {
            let leaf = Leaf::decode(bytes).unwrap();
            read += u64::from(Roster::is_about(&leaf.entry.body));
            roster.read(&leaf).unwrap();
        }
        assert!(read < size / 2, "{read} of {size}");
        let all = View(&world.state);
        assert_eq!(roster.replicas().unwrap(), all.replicas().unwrap());
        for size in 0..=size {
            let voters = roster.voters(size).unwrap();
            assert_eq!(voters, all.checkpoint_voters(size).unwrap(), "{size}");
        }
        // A leaf that says it came to something else.
        let mut roster = Roster::founded(&world.genesis).unwrap();
        let found = leaves.iter().map(|(_, bytes)| Leaf::decode(bytes).unwrap());
        let mut found = found.filter(|leaf| Roster::is_about(&leaf.entry.body));
        let mut leaf = found.next().unwrap();
        leaf.outcome = sekisho_domain::Outcome::Refused(sekisho_domain::RefusalReason::Ended);
        let refused = roster.read(&leaf);
        assert!(
            matches!(refused, Err(RosterFault::Outcome(_))),
            "{refused:?}"
        );
    }
}
