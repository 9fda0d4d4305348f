//! Consent policies, consents, reservations and subject links.

use super::{At, Effect, require};
use crate::envelope::Authentic;
use crate::record::{self, CoreError, GivenConsent, GivenReservation, Link, Policy, Record};
use crate::store::{StateRead, StateWrite, Table};
use crate::view::{
    CONSENTS_MAX, LINKS_MAX, POLICY_VERSIONS_MAX, RECORD_CHANGES_MAX, RESERVATIONS_MAX, View,
    consent_of_subject_key, link_key, policy_key, reservation_of_subject_key,
};
use sekisho_domain::{
    Commitment, Consent, ConsentId, ConsentPolicy, FacilityId, FacilitySelector, KeyPurpose,
    NetworkId, RefusalReason, Reservation, ReservationId, Rule, Scope, Side, SubjectId, SubjectRef,
};

pub(super) fn publish_policy<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    policy: &ConsentPolicy,
) -> Effect<S> {
    require!(by.author().purpose == KeyPurpose::Governance, NotAuthorised);
    let network = &by.author().network;
    let published = View(&*state).policies(network)?;
    require!(published.len() < POLICY_VERSIONS_MAX, TooMany);
    let latest = published.last().map_or(0, |p| p.policy.version);
    require!(latest.checked_add(1) == Some(policy.version), WrongVersion);
    let effective_from = policy.valid_from.max(at.time);
    let record = Record::made(
        at.index,
        Policy {
            policy: policy.clone(),
            effective_from,
        },
    );
    record::put(
        state,
        Table::ConsentPolicy,
        &policy_key(network, policy.version),
        &record,
    )?;
    Ok(Ok(()))
}

/// A consent counts only as the network's own policy provides for it.
pub(super) fn grant<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    consent: &Consent,
) -> Effect<S> {
    require!(
        by.author().purpose == KeyPurpose::Node && by.author().network == consent.network,
        NotAuthorised
    );
    require!(!consent.period.has_ended(at.time), InvalidContent);
    let view = View(&*state);
    require!(
        view.facility_of(&consent.recorded_by, &consent.network)?
            .is_some(),
        FacilityUnknown
    );
    let Some(policy) = view.policy_at(&consent.network, at.time)?.map(|p| p.policy) else {
        return Ok(Err(RefusalReason::NoConsentPolicy));
    };
    require!(policy.version == consent.policy_version, WrongVersion);
    let rule = match consent.side {
        Side::Disclosing => policy.disclosing,
        Side::Viewing => policy.viewing,
    };
    require!(
        rule.is_some_and(|rule| provides_for(&rule, consent)),
        PolicyForbids
    );
    if let FacilitySelector::Listed(set) = &consent.facilities {
        for facility in set {
            require!(
                view.facility_of(facility, &consent.network)?.is_some(),
                FacilityUnknown
            );
        }
    }
    let prefix = consent_of_subject_key(&consent.network, &consent.subject, consent.side, None);
    let given = state
        .scan(Table::ConsentOfSubject, &prefix, &prefix, CONSENTS_MAX)
        .map_err(CoreError::Store)?;
    require!(given.len() < CONSENTS_MAX, TooMany);

    let key = consent_of_subject_key(
        &consent.network,
        &consent.subject,
        consent.side,
        Some(at.index),
    );
    state
        .put(Table::ConsentOfSubject, &key, b"")
        .map_err(CoreError::Store)?;
    let given = GivenConsent {
        consent: consent.clone(),
        granted: at.index,
        withdrawn: None,
        withdrawal_evidence: None,
    };
    record::put(
        state,
        Table::Consent,
        &record::index_key(at.index),
        &Record::made(at.index, given),
    )?;
    Ok(Ok(()))
}

/// Whether the rule knows such an act of consent: taken this way, reaching this far.
fn provides_for(rule: &Rule, consent: &Consent) -> bool {
    let reach = match (rule.scope, &consent.facilities) {
        (Scope::AllFacilities, FacilitySelector::All)
        | (Scope::ListedFacilities, FacilitySelector::Listed(_)) => true,
        // A visited facility takes the consent for itself alone.
        (Scope::EachFacility, FacilitySelector::Listed(set)) => {
            set.len() == 1 && set.contains(&consent.recorded_by)
        }
        _ => false,
    };
    reach && rule.capture.contains(&consent.capture)
}

/// A patient's withdrawal is never refused for its form: whatever way it came, and though the facility that
/// took it has left since, it holds from here on.
pub(super) fn withdraw<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    consent: ConsentId,
    recorded_by: &FacilityId,
    evidence: &Commitment,
) -> Effect<S> {
    let view = View(&*state);
    let Some(record) = view.consent(consent)? else {
        return Ok(Err(RefusalReason::NotFound));
    };
    let network = &record.value.consent.network;
    require!(
        by.author().purpose == KeyPurpose::Node && by.author().network == *network,
        NotAuthorised
    );
    require!(is_or_was_of(view, recorded_by, network)?, FacilityUnknown);
    require!(record.value.withdrawn.is_none(), Ended);
    let withdrawn = GivenConsent {
        withdrawn: Some(at.index),
        withdrawal_evidence: Some(*evidence),
        ..record.value.clone()
    };
    record::put(
        state,
        Table::Consent,
        &record::index_key(consent.0),
        &record.changed(at.index, withdrawn),
    )?;
    Ok(Ok(()))
}

/// What narrows may come through a facility that has left: the patient's word does not wait for the paperwork.
fn is_or_was_of<S: StateRead>(
    view: View<'_, S>,
    facility: &FacilityId,
    network: &NetworkId,
) -> Result<bool, CoreError<S::Error>> {
    Ok(view
        .facility(facility)?
        .is_some_and(|r| r.value.network == *network))
}

pub(super) fn reserve<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    reservation: &Reservation,
) -> Effect<S> {
    let network = &reservation.network;
    require!(
        by.author().purpose == KeyPurpose::Node && by.author().network == *network,
        NotAuthorised
    );
    require!(!reservation.period.has_ended(at.time), InvalidContent);
    require!(
        is_or_was_of(View(&*state), &reservation.recorded_by, network)?,
        FacilityUnknown
    );
    // One beyond the bound is let in: from then on nothing is permitted (see `authorize`), which is what a
    // patient who reserves that often wants. More would only cost space.
    let prefix = reservation_of_subject_key(network, &reservation.subject, None);
    let max = RESERVATIONS_MAX + 1;
    let set = state
        .scan(Table::ReservationOfSubject, &prefix, &prefix, max)
        .map_err(CoreError::Store)?;
    require!(set.len() < max, TooMany);

    let key = reservation_of_subject_key(network, &reservation.subject, Some(at.index));
    state
        .put(Table::ReservationOfSubject, &key, b"")
        .map_err(CoreError::Store)?;
    let given = GivenReservation {
        reservation: reservation.clone(),
        cleared: None,
    };
    record::put(
        state,
        Table::Reservation,
        &record::index_key(at.index),
        &Record::made(at.index, given),
    )?;
    Ok(Ok(()))
}

pub(super) fn clear_reservation<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    reservation: ReservationId,
    recorded_by: &FacilityId,
) -> Effect<S> {
    let view = View(&*state);
    let Some(record) = view.reservation(reservation)? else {
        return Ok(Err(RefusalReason::NotFound));
    };
    let network = &record.value.reservation.network;
    require!(
        by.author().purpose == KeyPurpose::Node && by.author().network == *network,
        NotAuthorised
    );
    require!(
        view.facility_of(recorded_by, network)?.is_some(),
        FacilityUnknown
    );
    require!(record.value.cleared.is_none(), Ended);
    let cleared = GivenReservation {
        cleared: Some(at.index),
        ..record.value.clone()
    };
    record::put(
        state,
        Table::Reservation,
        &record::index_key(reservation.0),
        &record.changed(at.index, cleared),
    )?;
    Ok(Ok(()))
}

/// One subject is at most one subject of another network: a second confirmed link would mix two charts.
pub(super) fn link<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    own: &SubjectId,
    other: &SubjectRef,
) -> Effect<S> {
    let network = &by.author().network;
    require!(by.author().purpose == KeyPurpose::Node, NotAuthorised);
    require!(other.network != *network, InvalidContent);
    let view = View(&*state);
    require!(view.network(&other.network)?.is_some(), NotFound);
    let own = SubjectRef {
        network: network.clone(),
        subject: *own,
    };
    for (one, far) in [(&own, other), (other, &own)] {
        let claims = view.links_of(one, &far.network)?;
        require!(
            claims
                .iter()
                .all(|(id, link)| *id == far.subject || !holds(link)),
            AlreadyExists
        );
        require!(
            claims.len() < LINKS_MAX || claims.iter().any(|(id, _)| *id == far.subject),
            TooMany
        );
    }
    let before = view.link(&own, other)?;
    require!(
        before
            .as_ref()
            .is_none_or(|r| !r.value.said_by.contains_key(network)),
        AlreadyExists
    );
    require!(
        before
            .as_ref()
            .is_none_or(|r| r.sources.len() < RECORD_CHANGES_MAX),
        TooMany
    );
    let mut link = before.as_ref().map(|r| r.value.clone()).unwrap_or_default();
    link.said_by.insert(network.clone(), at.index);
    put_link(state, at, before, link, &own, other)
}

pub(super) fn unlink<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    own: &SubjectId,
    other: &SubjectRef,
) -> Effect<S> {
    let network = &by.author().network;
    require!(by.author().purpose == KeyPurpose::Node, NotAuthorised);
    let own = SubjectRef {
        network: network.clone(),
        subject: *own,
    };
    let Some(before) = View(&*state).link(&own, other)? else {
        return Ok(Err(RefusalReason::NotFound));
    };
    let mut link = before.value.clone();
    require!(link.said_by.remove(network).is_some(), Ended);
    put_link(state, at, Some(before), link, &own, other)
}

fn holds(link: &Link) -> bool {
    link.said_by.len() == 2
}

/// Written under both subjects, so that either network finds it.
fn put_link<S: StateWrite>(
    state: &mut S,
    at: At,
    before: Option<Record<Link>>,
    link: Link,
    own: &SubjectRef,
    other: &SubjectRef,
) -> Effect<S> {
    let record = match before {
        None => Record::made(at.index, link),
        Some(before) => before.changed(at.index, link),
    };
    record::put(state, Table::Link, &link_key(own, other), &record)?;
    record::put(state, Table::Link, &link_key(other, own), &record)?;
    Ok(Ok(()))
}
