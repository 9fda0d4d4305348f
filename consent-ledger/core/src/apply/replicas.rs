//! Replicas: who copies the ledger, and who of them votes.
//!
//! The ledger is the law: consensus follows it. A replica is allocated by its own network, which costs nobody
//! anything, for it does not vote. A network has its first vote by its own word, so that it can replace a machine
//! it lost; every further one by a majority of the members, so that nobody votes more than the others agreed to.
//! A network retires its own replicas, and a majority of members anybody's: one that is dead, or hostile.

use super::members::{majority, put_key};
use super::{At, Effect, require};
use crate::envelope::{Authentic, SignatureCheck, authenticate, form};
use crate::leaf::Leaf;
use crate::record::{self, Key, Record, Replica};
use crate::signature::{VerifyingKey, key_id};
use crate::store::{StateRead, StateWrite, Table};
use crate::view::{KEYS_MAX, REPLICAS_OF_NETWORK_MAX, View, key_of_network_key, replica_key};
use crate::{CoreError, REPLICAS_MAX};
use sekisho_domain::{
    Body, EntryIndex, KeyPurpose, NetworkId, PublicKey, Recovery, RefusalReason, ReplicaId,
};
use std::collections::BTreeSet;

/// A replica as an entry describes it.
pub(super) struct Place<'a> {
    pub network: &'a NetworkId,
    pub endpoint: &'a str,
    pub transport_key: &'a PublicKey,
    pub checkpoint_key: &'a PublicKey,
}

pub(super) fn allocate<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    endpoint: &str,
    transport_key: &PublicKey,
    checkpoint_key: &PublicKey,
) -> Effect<S> {
    require!(by.author().purpose == KeyPurpose::Governance, NotAuthorised);
    let network = &by.author().network;
    let id = ReplicaId::allocated(at.lineage, at.index);
    // A founder may have a number as its id that is an index as well.
    let view = View(&*state);
    require!(view.replica(id)?.is_none(), AlreadyExists);
    let standing = view.replicas_standing()?;
    let own = standing.iter().filter(|(_, r)| r.network == *network);
    require!(
        own.count() < REPLICAS_OF_NETWORK_MAX && standing.len() < REPLICAS_MAX,
        TooMany
    );
    let place = Place {
        network,
        endpoint,
        transport_key,
        checkpoint_key,
    };
    place_replica(state, at, id, &place, &standing, None)
}

/// Registers a replica's keys and gives it its place.
pub(super) fn place_replica<S: StateWrite>(
    state: &mut S,
    at: At,
    id: ReplicaId,
    place: &Place<'_>,
    standing: &[(ReplicaId, Replica)],
    votes_from: Option<u64>,
) -> Effect<S> {
    let view = View(&*state);
    let Ok(checkpoint) = VerifyingKey::register(place.checkpoint_key) else {
        return Ok(Err(RefusalReason::WeakKey));
    };
    require!(
        place.checkpoint_key != place.transport_key && view.key(&checkpoint.key_id())?.is_none(),
        AlreadyExists
    );
    let mut new = vec![(KeyPurpose::Checkpoint, place.checkpoint_key, None)];
    match view.key(&key_id(place.transport_key))? {
        // A process of the network, as which it is known already, takes a replica up.
        Some(known) => {
            let known = known.value;
            let own = known.network == *place.network && known.purpose == KeyPurpose::Transport;
            let free = |(_, r): &(_, Replica)| r.transport_key != *place.transport_key;
            require!(
                own && known.revoked.is_none() && standing.iter().all(free),
                AlreadyExists
            );
        }
        None => {
            if VerifyingKey::register(place.transport_key).is_err() {
                return Ok(Err(RefusalReason::WeakKey));
            }
            let endpoint = Some(place.endpoint.to_owned());
            new.push((KeyPurpose::Transport, place.transport_key, endpoint));
        }
    }
    let prefix = key_of_network_key(place.network, None);
    let keys = state
        .scan(Table::KeyOfNetwork, &prefix, &prefix, KEYS_MAX)
        .map_err(CoreError::Store)?;
    require!(keys.len() + new.len() <= KEYS_MAX, TooMany);
    for (purpose, public_key, endpoint) in new {
        let value = Key {
            network: place.network.clone(),
            purpose,
            public_key: *public_key,
            endpoint,
            revoked: None,
        };
        put_key(state, &Record::made(at.index, value))?;
    }
    let value = Replica {
        network: place.network.clone(),
        endpoint: place.endpoint.to_owned(),
        transport_key: *place.transport_key,
        checkpoint_key: *place.checkpoint_key,
        votes_from,
        retired: None,
    };
    let record = Record::made(at.index, value);
    record::put(state, Table::Replica, &replica_key(id), &record)?;
    Ok(Ok(()))
}

/// The place that a leaf gives a replica, where `state` has not come to that leaf: for a replica that was away, and must
/// let in who leads before it can be told who that is. None where the leaf is nothing of the kind.
///
/// A network gives its own replicas their places, by its word alone: so a governance key that `state` knows is all there
/// is to ask for. Whether a rule stood against it shows when the leaf is applied.
///
/// # Errors
/// Storage failed or is damaged.
pub fn place_to_come<S: StateRead>(
    state: &S,
    leaf: &Leaf,
    check: &dyn SignatureCheck,
) -> Result<Option<(ReplicaId, Replica)>, CoreError<S::Error>> {
    let view = View(state);
    let (Some(meta), Ok(formed)) = (view.meta()?, form(&leaf.envelope)) else {
        return Ok(None);
    };
    let id = ReplicaId::allocated(meta.lineage, leaf.index);
    if leaf.index.0 < meta.size || view.replica(id)?.is_some() {
        return Ok(None);
    }
    let by = match authenticate(view, &meta, &leaf.envelope, formed, leaf.time, check)? {
        Ok(by) if by.author().purpose == KeyPurpose::Governance => by,
        _ => return Ok(None),
    };
    let Body::ReplicaAllocate {
        endpoint,
        transport_key,
        checkpoint_key,
    } = &by.entry().body
    else {
        return Ok(None);
    };
    let network = &by.author().network;
    let own = |key: &Key| key.network == *network && key.purpose == KeyPurpose::Transport;
    let known = view.key(&key_id(transport_key))?.map(|record| record.value);
    if known.is_some_and(|key| key.revoked.is_some() || !own(&key)) {
        return Ok(None);
    }
    let place = Replica {
        network: network.clone(),
        endpoint: endpoint.clone(),
        transport_key: *transport_key,
        checkpoint_key: *checkpoint_key,
        votes_from: None,
        retired: None,
    };
    Ok(Some((id, place)))
}

/// The replica, if it still takes part.
fn standing<S: StateRead>(
    state: &S,
    id: ReplicaId,
) -> Result<Result<Record<Replica>, RefusalReason>, CoreError<S::Error>> {
    Ok(match View(state).replica(id)? {
        None => Err(RefusalReason::NotFound),
        Some(record) if record.value.retired.is_some() => Err(RefusalReason::Ended),
        Some(record) => Ok(record),
    })
}

/// The entries by which it is decided: this one alone, or those of a majority; none yet.
fn decided<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    alone: bool,
) -> super::members::Agreed<S> {
    if alone {
        Ok(Ok(Some(vec![at.index])))
    } else {
        majority(state, by, at)
    }
}

pub(super) fn promote<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    id: ReplicaId,
) -> Effect<S> {
    require!(by.author().purpose == KeyPurpose::Governance, NotAuthorised);
    let mut record = match standing(&*state, id)? {
        Ok(record) => record,
        Err(reason) => return Ok(Err(reason)),
    };
    require!(record.value.votes_from.is_none(), AlreadyExists);
    let network = record.value.network.clone();
    let voters = View(&*state).replicas_standing()?;
    let voters = voters.iter().filter(|(_, r)| r.votes_from.is_some());
    let first = !voters.into_iter().any(|(_, r)| r.network == network);
    let alone = first && by.author().network == network;
    let sources = match decided(state, by, at, alone)? {
        Ok(Some(sources)) => sources,
        Ok(None) => return Ok(Ok(())),
        Err(reason) => return Ok(Err(reason)),
    };
    record.sources.extend(sources);
    // The tree with this leaf is the first whose voter it is.
    record.value.votes_from = Some(at.index.0.saturating_add(1));
    record::put(state, Table::Replica, &replica_key(id), &record)?;
    Ok(Ok(()))
}

pub(super) fn retire<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    id: ReplicaId,
) -> Effect<S> {
    require!(by.author().purpose == KeyPurpose::Governance, NotAuthorised);
    let record = match standing(&*state, id)? {
        Ok(record) => record,
        Err(reason) => return Ok(Err(reason)),
    };
    // Without a voter there would be nobody to put anything in order.
    let others = View(&*state).replicas_standing()?;
    let votes = |(other, r): &(ReplicaId, Replica)| *other != id && r.votes_from.is_some();
    require!(others.iter().any(votes), InvalidContent);
    let alone = by.author().network == record.value.network;
    let sources = match decided(state, by, at, alone)? {
        Ok(Some(sources)) => sources,
        Ok(None) => return Ok(Ok(())),
        Err(reason) => return Ok(Err(reason)),
    };
    end(state, at, id, record, sources)?;
    Ok(Ok(()))
}

/// Retires a replica: its checkpoint key ends with it. Its transport key is the network's, whose node may use it as
/// well: the network revokes it if it must go.
pub(super) fn end<S: StateWrite>(
    state: &mut S,
    at: At,
    id: ReplicaId,
    mut record: Record<Replica>,
    sources: Vec<EntryIndex>,
) -> Result<(), CoreError<S::Error>> {
    let key = key_id(&record.value.checkpoint_key);
    if let Some(mut known) = View(&*state).key(&key)?
        && known.value.revoked.is_none()
    {
        known.sources.extend(sources.iter().copied());
        known.value.revoked = Some(at.index);
        record::put(state, Table::Key, key.as_bytes(), &known)?;
    }
    record.sources.extend(sources);
    record.value.retired = Some(at.index);
    record::put(state, Table::Replica, &replica_key(id), &record)
}

/// Begins the next lineage. That `root` is the root of the first `size` leaves is for whoever holds these leaves to
/// check before it is put in order, and for everybody by the tree's proofs: the rules look at what a proof bundle
/// holds as well.
pub(super) fn recover<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    recovery: &Recovery,
) -> Effect<S> {
    require!(by.author().purpose == KeyPurpose::Governance, NotAuthorised);
    require!(recovery.size == at.index.0, InvalidContent);
    let view = View(&*state);
    let networks = view.networks()?;
    let governing = by
        .signers()
        .iter()
        .filter(|key| key.purpose == KeyPurpose::Governance);
    let signed: BTreeSet<_> = governing.map(|key| &key.network).collect();
    require!(3 * signed.len() >= 2 * networks.len(), NotAuthorised);
    for seat in &recovery.seats {
        require!(view.network(&seat.network)?.is_some(), NotFound);
    }
    for (id, _) in view.replicas_standing()? {
        if let Some(record) = View(&*state).replica(id)? {
            end(state, at, id, record, vec![at.index])?;
        }
    }
    let first = ReplicaId::allocated(at.lineage + 1, at.index);
    for (place, seat) in (0..).zip(&recovery.seats) {
        let id = ReplicaId(first.0 + place);
        let standing = View(&*state).replicas_standing()?;
        let seat = Place {
            network: &seat.network,
            endpoint: &seat.endpoint,
            transport_key: &seat.transport_key,
            checkpoint_key: &seat.checkpoint_key,
        };
        let votes_from = Some(at.index.0 + 1);
        if let Err(reason) = place_replica(state, at, id, &seat, &standing, votes_from)? {
            return Ok(Err(reason));
        }
    }
    let lineage = (at.lineage + 1).to_be_bytes();
    record::put(state, Table::Lineage, &lineage, &Record::made(at.index, ()))?;
    Ok(Ok(()))
}
