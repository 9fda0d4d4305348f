//! What is owed after an access by break-glass, and declared disasters.

use super::{At, Effect, require};
use crate::envelope::Authentic;
use crate::record::{self, CoreError, DeclaredDisaster, EmergencyAccess, Record};
use crate::store::{StateRead, StateWrite, Table};
use crate::view::{RECORD_CHANGES_MAX, View, review_due_key};
use sekisho_domain::{
    AccessRecord, AreaCode, Decision, Disaster, DisasterId, EntryIndex, FacilityId, Footing,
    KeyPurpose, NetworkId, RefusalReason, Review, TimeMs, Told,
};
use std::collections::BTreeSet;

/// Notes what an access owes, where a network was permitted to answer by break-glass.
pub(super) fn owe<S: StateWrite>(
    state: &mut S,
    access: &AccessRecord,
) -> Result<(), CoreError<S::Error>> {
    let by_break_glass = |decision: &Decision| matches!(decision, Decision::Permit(terms) if terms.footing == Footing::BreakGlass);
    if !access.decisions.iter().any(|(_, d)| by_break_glass(d)) {
        return Ok(());
    }
    let due = access.time.plus_ms(Review::DUE_MS);
    let owed = EmergencyAccess {
        viewing: access.request.viewing.clone(),
        subject: access.request.subject,
        practitioner: access.request.practitioner_id,
        due,
        review: None,
        told: None,
    };
    state
        .put(
            Table::ReviewDue,
            &review_due_key(&owed.viewing, due, access.index),
            Vec::new(),
        )
        .map_err(CoreError::Store)?;
    record::put(
        state,
        Table::Emergency,
        &record::index_key(access.index),
        &Record::made(access.index, owed),
    )
}

/// A second person judges: an officer of the network that asked, and not who asked. A late review counts.
pub(super) fn review<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    review: &Review,
) -> Effect<S> {
    require!(by.author().purpose == KeyPurpose::Officer, NotAuthorised);
    let Some(record) = View(&*state).emergency(review.access)? else {
        return Ok(Err(RefusalReason::NotFound));
    };
    let before = &record.value;
    require!(by.author().network == before.viewing, NotAuthorised);
    require!(review.reviewer != before.practitioner, SecondPersonNeeded);
    require!(!before.is_reviewed(), Ended);
    require!(record.sources.len() < RECORD_CHANGES_MAX, TooMany);
    let reviewed = EmergencyAccess {
        review: Some((review.verdict, review.reviewer, at.index)),
        ..before.clone()
    };
    if reviewed.is_reviewed() {
        let key = review_due_key(&before.viewing, before.due, review.access);
        state
            .delete(Table::ReviewDue, &key)
            .map_err(CoreError::Store)?;
    }
    record::put(
        state,
        Table::Emergency,
        &record::index_key(review.access),
        &record.changed(at.index, reviewed),
    )?;
    Ok(Ok(()))
}

pub(super) fn tell_patient<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    access: EntryIndex,
    way: Told,
    recorded_by: &FacilityId,
) -> Effect<S> {
    let view = View(&*state);
    let Some(record) = view.emergency(access)? else {
        return Ok(Err(RefusalReason::NotFound));
    };
    let network = &record.value.viewing;
    require!(
        by.author().purpose == KeyPurpose::Node && by.author().network == *network,
        NotAuthorised
    );
    require!(
        view.facility_of(recorded_by, network)?.is_some(),
        FacilityUnknown
    );
    require!(record.value.told.is_none(), AlreadyExists);
    let told = EmergencyAccess {
        told: Some((way, at.index)),
        ..record.value.clone()
    };
    record::put(
        state,
        Table::Emergency,
        &record::index_key(access),
        &record.changed(at.index, told),
    )?;
    Ok(Ok(()))
}

/// Only within the prefectures the members admitted the authority for.
fn may_declare<S: StateRead>(
    view: View<'_, S>,
    by: &Authentic,
    area: &BTreeSet<AreaCode>,
) -> Result<Result<(), RefusalReason>, CoreError<S::Error>> {
    require!(by.author().purpose == KeyPurpose::Authority, NotAuthorised);
    let Some(authority) = view.authority(&by.author().network)? else {
        return Ok(Err(RefusalReason::NotAuthorised));
    };
    require!(authority.value.ended.is_none(), NotAuthorised);
    let own: BTreeSet<&str> = authority
        .value
        .prefectures
        .iter()
        .map(AreaCode::as_str)
        .collect();
    require!(
        area.iter().all(|area| own.contains(area.prefecture())),
        NotAuthorised
    );
    Ok(Ok(()))
}

/// The last instant a declaration made or prolonged now may reach.
fn latest_end(from: TimeMs, at: At) -> TimeMs {
    from.max(at.time).plus_ms(Disaster::PERIOD_MS_MAX)
}

pub(super) fn declare<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    disaster: &Disaster,
) -> Effect<S> {
    if let Err(reason) = may_declare(View(&*state), by, &disaster.area)? {
        return Ok(Err(reason));
    }
    require!(
        at.time < disaster.until && disaster.until <= latest_end(disaster.from, at),
        InvalidContent
    );
    let declared = DeclaredDisaster {
        authority: by.author().network.clone(),
        disaster: disaster.clone(),
        ended: None,
    };
    record::put(
        state,
        Table::Disaster,
        &record::index_key(at.index),
        &Record::made(at.index, declared),
    )?;
    Ok(Ok(()))
}

/// The author's own declaration, not ended and not over.
fn own<S: StateRead>(
    view: View<'_, S>,
    by: &Authentic,
    at: At,
    id: DisasterId,
) -> Result<Result<Record<DeclaredDisaster>, RefusalReason>, CoreError<S::Error>> {
    require!(by.author().purpose == KeyPurpose::Authority, NotAuthorised);
    let Some(record) = view.disaster(id)? else {
        return Ok(Err(RefusalReason::NotFound));
    };
    let by: &NetworkId = &by.author().network;
    require!(record.value.authority == *by, NotAuthorised);
    let over = record.value.ended.is_some() || record.value.disaster.until <= at.time;
    require!(!over, Ended);
    Ok(Ok(record))
}

pub(super) fn extend<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    id: DisasterId,
    until: TimeMs,
) -> Effect<S> {
    let record = match own(View(&*state), by, at, id)? {
        Ok(record) => record,
        Err(reason) => return Ok(Err(reason)),
    };
    if let Err(reason) = may_declare(View(&*state), by, &record.value.disaster.area)? {
        return Ok(Err(reason));
    }
    let disaster = &record.value.disaster;
    require!(
        disaster.until < until && until <= latest_end(disaster.from, at),
        InvalidContent
    );
    require!(record.sources.len() < RECORD_CHANGES_MAX, TooMany);
    let mut extended = record.value.clone();
    extended.disaster.until = until;
    record::put(
        state,
        Table::Disaster,
        &record::index_key(id.0),
        &record.changed(at.index, extended),
    )?;
    Ok(Ok(()))
}

pub(super) fn end<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    id: DisasterId,
) -> Effect<S> {
    let record = match own(View(&*state), by, at, id)? {
        Ok(record) => record,
        Err(reason) => return Ok(Err(reason)),
    };
    let ended = DeclaredDisaster {
        ended: Some(at.index),
        ..record.value.clone()
    };
    record::put(
        state,
        Table::Disaster,
        &record::index_key(id.0),
        &record.changed(at.index, ended),
    )?;
    Ok(Ok(()))
}
