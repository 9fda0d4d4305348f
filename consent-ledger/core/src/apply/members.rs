//! Networks, authorities, keys and facilities.

use super::{At, Effect, require};
use crate::envelope::Authentic;
use crate::record::{self, Authority, Facility, Key, Network, Record, Said};
use crate::signature::VerifyingKey;
use crate::store::{StateRead, StateWrite, Table};
use crate::view::{
    AUTHORITIES_MAX, KEYS_MAX, NETWORKS_MAX, RECORD_CHANGES_MAX, View, facility_of_area_key,
    key_of_network_key,
};
use prost::Message;
use sekisho_domain::{
    AreaCode, EntryIndex, FacilityId, FacilityKind, KeyId, KeyPurpose, NetworkId, PublicKey,
    RefusalReason,
};
use sekisho_proto::v1;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// What more than half of the members have said, and by which entries; none yet.
pub(super) type Agreed<S> = Result<
    Result<Option<Vec<EntryIndex>>, RefusalReason>,
    record::CoreError<<S as StateRead>::Error>,
>;

/// Notes that a member says this; `Some` with all that said so once it is a majority, the new one not counted.
/// What differs in the least is counted apart: one member's slip of the pen, or malice, keeps nobody out. What was
/// said with a key that has been revoked since counts for nothing, and may be said again: so a member takes back what
/// a thief said.
pub(super) fn majority<S: StateWrite>(state: &mut S, by: &Authentic, at: At) -> Agreed<S> {
    let said: v1::entry::Body = (&by.entry().body).into();
    let said = v1::Entry {
        body: Some(said),
        ..v1::Entry::default()
    };
    let key = Sha256::digest(said.encode_to_vec());
    let before = record::get::<_, Said>(&*state, Table::Admission, &key)?;
    let before = before.unwrap_or_else(|| Record::founded(Said::default()));
    let mut said = before.value.clone();
    let view = View(&*state);
    let mut standing = BTreeMap::new();
    for (member, (index, key)) in said.by {
        if view.key(&key)?.is_some_and(|k| k.value.revoked.is_none()) {
            standing.insert(member, (index, key));
        }
    }
    said.by = standing;
    let own = (at.index, by.entry().author);
    if said.by.insert(by.author().network.clone(), own).is_some() {
        return Ok(Err(RefusalReason::AlreadyExists));
    }
    let members = view.networks()?.len();
    let enough = said.by.len() * 2 > members;
    let record = before.changed(at.index, said);
    let sources = record.sources.clone();
    if enough {
        // Said and done.
        state
            .delete(Table::Admission, &key)
            .map_err(record::CoreError::Store)?;
    } else {
        record::put(state, Table::Admission, &key, &record)?;
    }
    Ok(Ok(enough.then_some(sources)))
}

/// Whether the id belongs to a network or an authority already: they share one name space.
fn is_taken<S: StateRead>(
    view: View<'_, S>,
    id: &NetworkId,
) -> Result<bool, record::CoreError<S::Error>> {
    Ok(view.network(id)?.is_some() || view.authority(id)?.is_some())
}

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
    require!(!is_taken(view, network)?, AlreadyExists);
    require!(view.networks()?.len() < NETWORKS_MAX, TooMany);
    let Ok(key) = VerifyingKey::register(governance_key) else {
        return Ok(Err(RefusalReason::WeakKey));
    };
    require!(view.key(&key.key_id())?.is_none(), AlreadyExists);
    let sources = match majority(state, by, at)? {
        Ok(Some(sources)) => sources,
        Ok(None) => return Ok(Ok(())),
        Err(reason) => return Ok(Err(reason)),
    };
    let member = Record {
        sources: sources.clone(),
        value: Network {
            name: name.to_owned(),
        },
    };
    record::put(state, Table::Network, network.as_str().as_bytes(), &member)?;
    put_first_key(
        state,
        sources,
        network,
        KeyPurpose::Governance,
        governance_key,
    )?;
    Ok(Ok(()))
}

fn put_first_key<S: StateWrite>(
    state: &mut S,
    sources: Vec<EntryIndex>,
    of: &NetworkId,
    purpose: KeyPurpose,
    public_key: &PublicKey,
) -> Result<(), record::CoreError<S::Error>> {
    let value = Key {
        network: of.clone(),
        purpose,
        public_key: *public_key,
        endpoint: None,
        revoked: None,
    };
    put_key(state, &Record { sources, value })
}

pub(super) fn admit_authority<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    authority: &NetworkId,
    name: &str,
    public_key: &PublicKey,
    prefectures: &BTreeSet<AreaCode>,
) -> Effect<S> {
    require!(by.author().purpose == KeyPurpose::Governance, NotAuthorised);
    let view = View(&*state);
    require!(!is_taken(view, authority)?, AlreadyExists);
    require!(view.authorities()?.len() < AUTHORITIES_MAX, TooMany);
    let Ok(key) = VerifyingKey::register(public_key) else {
        return Ok(Err(RefusalReason::WeakKey));
    };
    require!(view.key(&key.key_id())?.is_none(), AlreadyExists);
    let sources = match majority(state, by, at)? {
        Ok(Some(sources)) => sources,
        Ok(None) => return Ok(Ok(())),
        Err(reason) => return Ok(Err(reason)),
    };
    let value = Authority {
        name: name.to_owned(),
        prefectures: prefectures.clone(),
        ended: None,
    };
    let record = Record {
        sources: sources.clone(),
        value,
    };
    record::put(
        state,
        Table::Authority,
        authority.as_str().as_bytes(),
        &record,
    )?;
    put_first_key(state, sources, authority, KeyPurpose::Authority, public_key)?;
    Ok(Ok(()))
}

/// An authority that was ended declares nothing more, and what it declared no longer holds.
pub(super) fn end_authority<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    authority: &NetworkId,
) -> Effect<S> {
    require!(by.author().purpose == KeyPurpose::Governance, NotAuthorised);
    let Some(mut record) = View(&*state).authority(authority)? else {
        return Ok(Err(RefusalReason::NotFound));
    };
    require!(record.value.ended.is_none(), Ended);
    let sources = match majority(state, by, at)? {
        Ok(Some(sources)) => sources,
        Ok(None) => return Ok(Ok(())),
        Err(reason) => return Ok(Err(reason)),
    };
    record.sources.extend(sources);
    record.value.ended = Some(at.index);
    record::put(
        state,
        Table::Authority,
        authority.as_str().as_bytes(),
        &record,
    )?;
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
        .put(Table::KeyOfNetwork, &of_network, Vec::new())
        .map_err(record::CoreError::Store)
}

/// A network's governance key rules over its keys, an authority's key over the authority's.
fn rules_over(by: &Authentic, purpose: KeyPurpose) -> bool {
    match by.author().purpose {
        KeyPurpose::Governance => purpose != KeyPurpose::Authority,
        KeyPurpose::Authority => purpose == KeyPurpose::Authority,
        _ => false,
    }
}

pub(super) fn add_key<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    purpose: KeyPurpose,
    public_key: &PublicKey,
    endpoint: Option<&String>,
) -> Effect<S> {
    require!(rules_over(by, purpose), NotAuthorised);
    require!(
        (purpose == KeyPurpose::Transport) == endpoint.is_some(),
        InvalidContent
    );
    let Ok(key) = VerifyingKey::register(public_key) else {
        return Ok(Err(RefusalReason::WeakKey));
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

/// A governance or authority key cannot revoke itself: its successor does, so that nobody locks themselves out.
pub(super) fn revoke_key<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    key: &KeyId,
) -> Effect<S> {
    let ruler = matches!(
        by.author().purpose,
        KeyPurpose::Governance | KeyPurpose::Authority
    );
    require!(ruler && by.entry().author != *key, NotAuthorised);
    let Some(record) = View(&*state).key(key)? else {
        return Ok(Err(RefusalReason::NotFound));
    };
    require!(
        record.value.network == by.author().network && rules_over(by, record.value.purpose),
        NotAuthorised
    );
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
    municipality: Option<&AreaCode>,
) -> Effect<S> {
    require!(by.author().purpose == KeyPurpose::Governance, NotAuthorised);
    require!(
        municipality.is_none_or(|m| m.prefecture() == facility.prefecture()),
        InvalidContent
    );
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
        municipality: municipality.cloned(),
    };
    for area in areas(facility, &value) {
        let key = facility_of_area_key(&value.network, &area, Some(facility));
        record::put(
            state,
            Table::FacilityOfArea,
            &key,
            &Record::made(at.index, ()),
        )?;
    }
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

/// Where a facility stands: its prefecture, and its municipality where it was said.
fn areas(facility: &FacilityId, value: &Facility) -> Vec<String> {
    let municipality = value.municipality.as_ref().map(ToString::to_string);
    [Some(facility.prefecture().to_owned()), municipality]
        .into_iter()
        .flatten()
        .collect()
}

pub(super) fn leave_facility<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    facility: &FacilityId,
) -> Effect<S> {
    require!(by.author().purpose == KeyPurpose::Governance, NotAuthorised);
    let Some(record) = View(&*state).facility(facility)? else {
        return Ok(Err(RefusalReason::NotFound));
    };
    require!(record.value.network == by.author().network, NotAuthorised);
    require!(record.value.left.is_none(), Ended);
    for area in areas(facility, &record.value) {
        let key = facility_of_area_key(&record.value.network, &area, Some(facility));
        state
            .delete(Table::FacilityOfArea, &key)
            .map_err(record::CoreError::Store)?;
    }
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
