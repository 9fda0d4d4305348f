//! Agreements: proposed, signed by every party, suspended, ended.

use super::{At, Effect, require};
use crate::envelope::Authentic;
use crate::record::{self, AgreementHead, AgreementVersion, CoreError, Record};
use crate::store::{StateRead, StateWrite, Table};
use crate::view::{AGREEMENT_VERSIONS_MAX, AGREEMENTS_OF_PAIR_MAX, View, agreement_key, pair_key};
use prost::Message;
use sekisho_domain::{Agreement, AgreementId, Hash, KeyPurpose, NetworkId, RefusalReason};
use sekisho_proto::v1;
use sha2::{Digest, Sha256};

/// What a party signs: SHA-256 of the proposed version's encoding.
pub fn agreement_digest(agreement: &Agreement) -> Hash {
    Hash(Sha256::digest(v1::Agreement::from(agreement).encode_to_vec()).into())
}

pub(super) fn propose<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    agreement: &Agreement,
) -> Effect<S> {
    let author = &by.author().network;
    require!(by.author().purpose == KeyPurpose::Governance, NotAuthorised);
    require!(agreement.parties.contains(author), NotAParty);
    let view = View(&*state);
    for party in &agreement.parties {
        require!(view.network(party)?.is_some(), NotFound);
    }
    let head = view.agreement_head(&agreement.id)?;
    if let Some(head) = &head {
        require!(head.value.terminated.is_none(), Ended);
        // Strangers cannot take over an id; nor can one party lock the others out by proposing without them.
        let last = view.agreement(&agreement.id, head.value.latest)?;
        require!(
            last.is_some_and(|l| l.value.agreement.parties.contains(author))
                || is_party(view, &head.value, &agreement.id, author, at)?,
            NotAParty
        );
    }
    let latest = head.as_ref().map_or(0, |h| h.value.latest);
    require!(
        latest.checked_add(1) == Some(agreement.version),
        WrongVersion
    );
    require!(agreement.version <= AGREEMENT_VERSIONS_MAX, TooMany);
    if let Err(reason) = list_for_pairs(state, agreement, author)? {
        return Ok(Err(reason));
    }
    let value = AgreementHead {
        latest: agreement.version,
        ..head.as_ref().map(|h| h.value.clone()).unwrap_or_default()
    };
    let record = match head {
        None => Record::made(at.index, value),
        Some(head) => head.changed(at.index, value),
    };
    record::put(
        state,
        Table::AgreementHead,
        agreement.id.as_str().as_bytes(),
        &record,
    )?;
    let version = AgreementVersion {
        agreement: agreement.clone(),
        digest: agreement_digest(agreement),
        signed: [(author.clone(), at.index)].into(),
    };
    let key = agreement_key(&agreement.id, agreement.version);
    record::put(
        state,
        Table::Agreement,
        &key,
        &Record::made(at.index, version),
    )?;
    Ok(Ok(()))
}

/// Lists the agreement for each pair of this party and another. Only who signs is listed, so that nobody fills
/// up the agreements two others may have.
fn list_for_pairs<S: StateWrite>(
    state: &mut S,
    agreement: &Agreement,
    party: &NetworkId,
) -> Effect<S> {
    let others = || agreement.parties.iter().filter(|other| *other != party);
    for other in others() {
        let known = View(&*state).agreements_of(party, other)?;
        require!(
            known.len() < AGREEMENTS_OF_PAIR_MAX || known.contains(&agreement.id),
            TooMany
        );
    }
    for other in others() {
        let key = pair_key(party, other, Some(&agreement.id));
        state
            .put(Table::AgreementOfPair, &key, Vec::new())
            .map_err(CoreError::Store)?;
    }
    Ok(Ok(()))
}

pub(super) fn sign<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    id: &AgreementId,
    version: u32,
    digest: &Hash,
) -> Effect<S> {
    require!(by.author().purpose == KeyPurpose::Governance, NotAuthorised);
    let view = View(&*state);
    let (Some(head), Some(record)) = (view.agreement_head(id)?, view.agreement(id, version)?)
    else {
        return Ok(Err(RefusalReason::NotFound));
    };
    let network = &by.author().network;
    require!(record.value.agreement.parties.contains(network), NotAParty);
    require!(head.value.terminated.is_none(), Ended);
    require!(head.value.latest == version, WrongVersion);
    require!(record.value.digest == *digest, DigestMismatch);
    require!(!record.value.signed.contains_key(network), AlreadyExists);
    if let Err(reason) = list_for_pairs(state, &record.value.agreement, network)? {
        return Ok(Err(reason));
    }
    let mut signed = record.value.clone();
    signed.signed.insert(network.clone(), at.index);
    let by_all = signed
        .agreement
        .parties
        .iter()
        .all(|party| signed.signed.contains_key(party));
    let signed_at = signed.signed.values().min().copied();
    record::put(
        state,
        Table::Agreement,
        &agreement_key(id, version),
        &record.changed(at.index, signed),
    )?;
    if by_all {
        let mut in_force = head.value.clone();
        in_force.signed.push(version);
        // A suspension is lifted by a version that every party signed knowing of it, and by that version alone:
        // what was suspended does not come back while the new one has not begun.
        if in_force.suspended.is_some() && signed_at > in_force.suspended {
            in_force.suspended = None;
            in_force.signed = vec![version];
        }
        record::put(
            state,
            Table::AgreementHead,
            id.as_str().as_bytes(),
            &head.changed(at.index, in_force),
        )?;
    }
    Ok(Ok(()))
}

/// How an agreement stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Suspended,
    Terminated,
}

/// Whether a network is a party of a version that is in force or about to be; of the last proposal, where no
/// version has ever been signed by all.
fn is_party<S: StateRead>(
    view: View<'_, S>,
    head: &AgreementHead,
    id: &AgreementId,
    network: &NetworkId,
    at: At,
) -> Result<bool, CoreError<S::Error>> {
    let versions = if head.signed.is_empty() {
        std::slice::from_ref(&head.latest)
    } else {
        head.signed.as_slice()
    };
    for version in versions.iter().rev() {
        let Some(version) = view.agreement(id, *version)?.map(|r| r.value.agreement) else {
            continue;
        };
        if version.parties.contains(network) {
            return Ok(true);
        }
        if version.valid.from <= at.time {
            break;
        }
    }
    Ok(false)
}

/// Any party can stop it at once; who was dropped from it, or is only asked to join, cannot.
pub(super) fn end<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    id: &AgreementId,
    end: End,
) -> Effect<S> {
    require!(by.author().purpose == KeyPurpose::Governance, NotAuthorised);
    let view = View(&*state);
    let Some(head) = view.agreement_head(id)? else {
        return Ok(Err(RefusalReason::NotFound));
    };
    let party = is_party(view, &head.value, id, &by.author().network, at)?;
    require!(party, NotAParty);
    require!(head.value.terminated.is_none(), Ended);
    let mut ended = head.value.clone();
    match end {
        End::Suspended => {
            require!(ended.suspended.is_none(), AlreadyExists);
            ended.suspended = Some(at.index);
        }
        End::Terminated => ended.terminated = Some(at.index),
    }
    record::put(
        state,
        Table::AgreementHead,
        id.as_str().as_bytes(),
        &head.changed(at.index, ended),
    )?;
    Ok(Ok(()))
}
