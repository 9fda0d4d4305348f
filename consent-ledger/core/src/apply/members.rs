//! Networks, keys and facilities.

use super::{At, Effect, require};
use crate::envelope::Authentic;
use crate::record::{self, Admission, Facility, Key, Network, Record};
use crate::signature::VerifyingKey;
use crate::store::{StateWrite, Table};
use crate::view::{
    KEYS_MAX, NETWORKS_MAX, RECORD_CHANGES_MAX, View, admission_key, key_of_network_key,
};
use sekisho_domain::{FacilityId, FacilityKind, KeyId, KeyPurpose, NetworkId, PublicKey};
use std::collections::BTreeMap;

/// A majority of members, the new one not counted, must say the same of the network. What differs is counted
/// apart: one member's slip of the pen, or malice, does not keep a network out.
pub(super) fn admit_network<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    network: &NetworkId,
    name: &str,
    governance_key: &PublicKey,
) -> Effect<S> {
    require!(by.author().purpose == KeyPurpose::Governance, NotAuthorised);
    let view = View(&*state);
    require!(view.network(network)?.is_none(), AlreadyExists);
    let members = view.networks()?.len();
    require!(members < NETWORKS_MAX, TooMany);
    let Ok(key) = VerifyingKey::register(governance_key) else {
        return Ok(Err(sekisho_domain::RefusalReason::WeakKey));
    };
    require!(view.key(&key.key_id())?.is_none(), AlreadyExists);

    let table_key = network.as_str().as_bytes();
    let admission_key = admission_key(network, name, &key.key_id());
    let pending = record::get::<_, Admission>(&*state, Table::Admission, &admission_key)?;
    let pending = pending.unwrap_or_else(|| {
        Record::founded(Admission {
            name: name.to_owned(),
            governance_key: *governance_key,
            said_by: BTreeMap::new(),
        })
    });
    require!(
        !pending.value.said_by.contains_key(&by.author().network),
        AlreadyExists
    );
    let mut admission = pending.value.clone();
    admission
        .said_by
        .insert(by.author().network.clone(), at.index);
    let enough = admission.said_by.len() * 2 > members;
    let record = pending.changed(at.index, admission);
    if enough {
        let sources = record.sources.clone();
        let member = Record {
            sources: sources.clone(),
            value: Network {
                name: name.to_owned(),
            },
        };
        record::put(state, Table::Network, table_key, &member)?;
        let governance = Key {
            network: network.clone(),
            purpose: KeyPurpose::Governance,
            public_key: *governance_key,
            endpoint: None,
            revoked: None,
        };
        put_key(
            state,
            &Record {
                sources,
                value: governance,
            },
        )?;
    }
    record::put(state, Table::Admission, &admission_key, &record)?;
    Ok(Ok(()))
}

pub(crate) fn put_key<S: StateWrite>(
    state: &mut S,
    key: &Record<Key>,
) -> Result<(), record::CoreError<S::Error>> {
    let id = crate::signature::key_id(&key.value.public_key);
    record::put(state, Table::Key, id.as_bytes(), key)?;
    let of_network = key_of_network_key(&key.value.network, Some(&id));
    state
        .put(Table::KeyOfNetwork, &of_network, b"")
        .map_err(record::CoreError::Store)
}

pub(super) fn add_key<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    purpose: KeyPurpose,
    public_key: &PublicKey,
    endpoint: Option<&String>,
) -> Effect<S> {
    require!(by.author().purpose == KeyPurpose::Governance, NotAuthorised);
    require!(
        (purpose == KeyPurpose::Transport) == endpoint.is_some(),
        InvalidContent
    );
    let Ok(key) = VerifyingKey::register(public_key) else {
        return Ok(Err(sekisho_domain::RefusalReason::WeakKey));
    };
    require!(View(&*state).key(&key.key_id())?.is_none(), AlreadyExists);
    let network = &by.author().network;
    let prefix = key_of_network_key(network, None);
    let keys = state
        .scan(Table::KeyOfNetwork, &prefix, &prefix, KEYS_MAX)
        .map_err(record::CoreError::Store)?;
    require!(keys.len() < KEYS_MAX, TooMany);
    let value = Key {
        network: network.clone(),
        purpose,
        public_key: *public_key,
        endpoint: endpoint.cloned(),
        revoked: None,
    };
    put_key(state, &Record::made(at.index, value))?;
    Ok(Ok(()))
}

/// A governance key cannot revoke itself: its successor does, so that no network locks itself out.
pub(super) fn revoke_key<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    key: &KeyId,
) -> Effect<S> {
    require!(
        by.author().purpose == KeyPurpose::Governance && by.entry().author != *key,
        NotAuthorised
    );
    let Some(record) = View(&*state).key(key)? else {
        return Ok(Err(sekisho_domain::RefusalReason::NotFound));
    };
    require!(record.value.network == by.author().network, NotAuthorised);
    require!(record.value.revoked.is_none(), Ended);
    let revoked = Key {
        revoked: Some(at.index),
        ..record.value.clone()
    };
    record::put(
        state,
        Table::Key,
        key.as_bytes(),
        &record.changed(at.index, revoked),
    )?;
    Ok(Ok(()))
}

pub(super) fn register_facility<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    facility: &FacilityId,
    kind: FacilityKind,
    name: &str,
) -> Effect<S> {
    require!(by.author().purpose == KeyPurpose::Governance, NotAuthorised);
    let before = View(&*state).facility(facility)?;
    require!(
        before.as_ref().is_none_or(|r| r.value.left.is_some()),
        AlreadyExists
    );
    require!(
        before
            .as_ref()
            .is_none_or(|r| r.sources.len() < RECORD_CHANGES_MAX),
        TooMany
    );
    let network = by.author().network.clone();
    let value = Facility {
        network,
        kind,
        name: name.to_owned(),
        registered: at.index,
        left: None,
    };
    let record = match before {
        None => Record::made(at.index, value),
        Some(record) => record.changed(at.index, value),
    };
    record::put(
        state,
        Table::Facility,
        facility.as_str().as_bytes(),
        &record,
    )?;
    Ok(Ok(()))
}

pub(super) fn leave_facility<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    facility: &FacilityId,
) -> Effect<S> {
    require!(by.author().purpose == KeyPurpose::Governance, NotAuthorised);
    let Some(record) = View(&*state).facility(facility)? else {
        return Ok(Err(sekisho_domain::RefusalReason::NotFound));
    };
    require!(record.value.network == by.author().network, NotAuthorised);
    require!(record.value.left.is_none(), Ended);
    let left = Facility {
        left: Some(at.index),
        ..record.value.clone()
    };
    record::put(
        state,
        Table::Facility,
        facility.as_str().as_bytes(),
        &record.changed(at.index, left),
    )?;
    Ok(Ok(()))
}
