//! Agreements: proposed, signed by every party, suspended, ended.

use super::{At, Effect, require};
use crate::envelope::Authentic;
use crate::record::{self, AgreementHead, AgreementVersion, CoreError, Record};
use crate::store::{StateWrite, Table};
use crate::view::{AGREEMENTS_OF_PAIR_MAX, View, agreement_key, pair_key};
use prost::Message;
use sekisho_domain::{Agreement, AgreementId, Hash, KeyPurpose, RefusalReason};
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
    require!(by.author().purpose == KeyPurpose::Governance, NotAuthorised);
    require!(agreement.parties.contains(&by.author().network), NotAParty);
    let view = View(&*state);
    for party in &agreement.parties {
        require!(view.network(party)?.is_some(), NotFound);
    }
    let head = view.agreement_head(&agreement.id)?;
    if let Some(head) = &head {
        require!(head.value.terminated.is_none(), Ended);
        // Whoever proposes the next version is a party of the last one: strangers cannot take over an id.
        let last = view.agreement(&agreement.id, head.value.latest)?;
        require!(
            last.is_some_and(|l| l.value.agreement.parties.contains(&by.author().network)),
            NotAParty
        );
    }
    let latest = head.as_ref().map_or(0, |h| h.value.latest);
    require!(
        latest.checked_add(1) == Some(agreement.version),
        WrongVersion
    );
    for (a, b) in pairs(agreement) {
        let known = view.agreements_of(a, b)?;
        require!(
            known.len() < AGREEMENTS_OF_PAIR_MAX || known.contains(&agreement.id),
            TooMany
        );
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
    for (a, b) in pairs(agreement) {
        state
            .put(
                Table::AgreementOfPair,
                &pair_key(a, b, Some(&agreement.id)),
                b"",
            )
            .map_err(CoreError::Store)?;
    }
    let version = AgreementVersion {
        agreement: agreement.clone(),
        digest: agreement_digest(agreement),
        signed: [(by.author().network.clone(), at.index)].into(),
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

fn pairs(
    agreement: &Agreement,
) -> impl Iterator<Item = (&sekisho_domain::NetworkId, &sekisho_domain::NetworkId)> {
    let parties = &agreement.parties;
    parties
        .iter()
        .flat_map(move |a| parties.iter().filter(move |b| a < *b).map(move |b| (a, b)))
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
    let mut signed = record.value.clone();
    signed.signed.insert(network.clone(), at.index);
    let by_all = signed
        .agreement
        .parties
        .iter()
        .all(|party| signed.signed.contains_key(party));
    record::put(
        state,
        Table::Agreement,
        &agreement_key(id, version),
        &record.changed(at.index, signed),
    )?;
    if by_all {
        let mut in_force = head.value.clone();
        in_force.signed.push(version);
        in_force.suspended = None;
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

/// Any party of the last version, or of one in force, can stop it at once.
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
    let mut party = false;
    for version in head.value.signed.iter().chain([&head.value.latest]) {
        let version = view.agreement(id, *version)?;
        party |= version.is_some_and(|v| v.value.agreement.parties.contains(&by.author().network));
    }
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
