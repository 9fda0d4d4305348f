//! Consent policies, consents, reservations and subject links.

use super::life::is_posted_at;
use super::{At, Effect, require};
use crate::chart::{Act, Chart, Place, Said};
use crate::envelope::Authentic;
use crate::record::{self, CoreError, GivenReservation, Link, Policy, Record};
use crate::store::{StateRead, StateWrite, Table};
use crate::view::{
    CONSENT_NAMES_MAX, CONSENTS_MAX, LINKS_MAX, POLICY_VERSIONS_MAX, RECORD_CHANGES_MAX,
    RESERVATION_NAMES_MAX, RESERVATIONS_MAX, View, policy_key,
};
use sekisho_domain::{
    Capture, Commitment, Consent, ConsentId, ConsentPolicy, FacilityId, FacilitySelector,
    KeyPurpose, Nature, NetworkId, NewFacility, ProxyId, Purpose, RefusalReason, Reservation,
    ReservationId, Rule, Scope, Side, SubjectId, SubjectRef,
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
    require!(
        consent
            .purposes
            .is_none_or(|set| set.iter().all(may_be_consented)),
        InvalidContent
    );
    let view = View(&*state);
    let subject = SubjectRef {
        network: consent.network.clone(),
        subject: consent.subject,
    };
    require!(!view.is_deceased(&subject)?, SubjectDeceased);
    require!(speaks_for(view, consent.proxy, &subject, at)?, ProxyInvalid);
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
    if consent.capture == Capture::NoticeWithOptOut {
        let notices = view.notices_of_purposes(&consent.network)?;
        let posted = notices
            .iter()
            .any(|notice| notice.stands(at.time) && is_posted_at(notice, &consent.recorded_by));
        require!(posted, NoticeNotPosted);
    }
    if let FacilitySelector::Listed(set) = &consent.facilities {
        for facility in set {
            require!(
                view.facility_of(facility, &consent.network)?.is_some(),
                FacilityUnknown
            );
        }
    }
    let given = view.consents_of(&consent.network, &consent.subject, consent.side)?;
    require!(given.len() < CONSENTS_MAX, TooMany);
    let named: usize = given.iter().map(|given| given.consent.names()).sum();
    require!(named + consent.names() <= CONSENT_NAMES_MAX, TooMany);
    Place::Consent.put(state, at.index, &subject)?;
    let act = Record::made(at.index, Act::new(consent, at.index, at.time));
    Chart::edit_acts(state, &subject, consent.side, |acts| acts.push(act))?;
    Ok(Ok(()))
}

/// What rests on consent; and disasters, for drills open nothing else.
fn may_be_consented(purpose: Purpose) -> bool {
    purpose.nature() == Nature::Ordinary || purpose == Purpose::Disaster
}

/// Whether the patient acts, or somebody who speaks for this patient now.
fn speaks_for<S: StateRead>(
    view: View<'_, S>,
    proxy: Option<ProxyId>,
    subject: &SubjectRef,
    at: At,
) -> Result<bool, CoreError<S::Error>> {
    let Some(id) = proxy else {
        return Ok(true);
    };
    Ok(view.proxy(id)?.is_some_and(|known| {
        let of = (&known.value.proxy.network, known.value.proxy.subject);
        of == (&subject.network, subject.subject) && known.value.holds(at.time)
    }))
}

/// Whether the rule knows such an act of consent: taken this way, reaching this far. What a patient limits
/// further is always known.
fn provides_for(rule: &Rule, consent: &Consent) -> bool {
    let listed = match &consent.facilities {
        FacilitySelector::All => None,
        FacilitySelector::Listed(set) => Some(set),
    };
    // A visited facility takes the consent for itself alone.
    let own = listed.is_some_and(|set| set.len() == 1 && set.contains(&consent.recorded_by));
    let one = |of: usize| of == 1;
    let reach = match rule.scope {
        Scope::AllFacilities => listed.is_none(),
        Scope::ListedFacilities => listed.is_some(),
        Scope::EachFacility => own,
        Scope::EachPractitioner => {
            let names_one = consent.practitioners.as_ref().is_some_and(|p| one(p.len()));
            names_one && (own || (consent.side == Side::Disclosing && listed.is_some()))
        }
        Scope::FacilityPair => {
            listed.is_some_and(|set| one(set.len()))
                && consent.counterpart.as_ref().is_some_and(|c| one(c.len()))
        }
    };
    // What a facility that joins later needs: a consent for it alone, or for it among others.
    let added = match rule.new_facility {
        NewFacility::NeedsConsent(capture) => {
            matches!(rule.scope, Scope::AllFacilities | Scope::ListedFacilities)
                && listed.is_some()
                && consent.capture == capture
        }
        NewFacility::WhenCardPresented => own && consent.capture == Capture::CardPresented,
        NewFacility::FacilityChoice => own && rule.capture.contains(&consent.capture),
        NewFacility::NotCovered | NewFacility::AfterNotice { .. } => false,
    };
    (reach && rule.capture.contains(&consent.capture)) || added
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
    let subject = SubjectRef {
        network: network.clone(),
        subject: record.value.consent.subject,
    };
    Chart::edit_acts(state, &subject, record.value.consent.side, |acts| {
        let mut acts = acts.iter_mut();
        if let Some(act) = acts.find(|act| act.value.granted == consent.0) {
            act.sources.push(at.index);
            act.value.withdrawn = Some(at.index);
            act.value.withdrawal_evidence = Some(*evidence);
        }
    })?;
    Ok(Ok(()))
}

/// What narrows may come through a facility that has left: the patient's word does not wait for the paperwork.
pub(super) fn is_or_was_of<S: StateRead>(
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
    let subject = SubjectRef {
        network: network.clone(),
        subject: reservation.subject,
    };
    require!(
        speaks_for(View(&*state), reservation.proxy, &subject, at)?,
        ProxyInvalid
    );
    // One beyond the bound is let in: from then on nothing is permitted (see `authorize`), which is what a
    // patient who reserves that often wants. More would only cost space.
    let max = RESERVATIONS_MAX + 1;
    let set = View(&*state).reservations_of(network, &reservation.subject)?;
    require!(set.len() < max, TooMany);
    let named: usize = set.iter().map(|given| given.reservation.names()).sum();
    require!(named <= RESERVATION_NAMES_MAX, TooMany);
    let given = GivenReservation {
        reservation: reservation.clone(),
        set: at.index,
        cleared: None,
    };
    Place::Reservation.put(state, at.index, &subject)?;
    let given = Record::made(at.index, given);
    Chart::edit_reservations(state, &subject, |set| set.push(given))?;
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
    let subject = SubjectRef {
        network: network.clone(),
        subject: record.value.reservation.subject,
    };
    Chart::edit_reservations(state, &subject, |set| {
        let mut set = set.iter_mut();
        if let Some(given) = set.find(|given| given.value.set == reservation.0) {
            given.sources.push(at.index);
            given.value.cleared = Some(at.index);
        }
    })?;
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

/// Written in both charts, so that either network finds it.
fn put_link<S: StateWrite>(
    state: &mut S,
    at: At,
    before: Option<Record<Link>>,
    link: Link,
    own: &SubjectRef,
    other: &SubjectRef,
) -> Effect<S> {
    let mut sources = before.map(|r| r.sources).unwrap_or_default();
    sources.push(at.index);
    for (one, far) in [(own, other), (other, own)] {
        let said = Said {
            other: far.clone(),
            here: link.said_by.get(&one.network).copied(),
            there: link.said_by.get(&far.network).copied(),
        };
        let said = Record {
            sources: sources.clone(),
            value: said,
        };
        Chart::set_link(state, one, said)?;
    }
    Ok(Ok(()))
}
