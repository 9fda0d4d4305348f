//! Notices, proxies, deaths and sealed reservations.

use super::consents::is_or_was_of;
use super::{At, Effect, require};
use crate::chart::Chart;
use crate::envelope::Authentic;
use crate::record::{self, Death, KnownProxy, PostedNotice, Record, Sealed};
use crate::store::{StateWrite, Table};
use crate::view::{NOTICES_MAX, NoticeKind, RECORD_CHANGES_MAX, View, notice_key};
use sekisho_domain::{
    Commitment, FacilityId, KeyPurpose, Notice, NoticeAbout, NoticeId, Proxy, ProxyEndReason,
    ProxyId, ProxyKind, RefusalReason, SealId, SubjectId, SubjectRef, TimeMs,
};

/// Whether a notice of purposes is posted at this facility.
pub(super) fn is_posted_at(notice: &PostedNotice, place: &FacilityId) -> bool {
    match &notice.notice.about {
        NoticeAbout::Purposes { facility, .. } => facility.as_ref().is_none_or(|f| f == place),
        NoticeAbout::Joining { .. } => false,
    }
}

pub(super) fn post_notice<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    notice: &Notice,
) -> Effect<S> {
    require!(by.author().purpose == KeyPurpose::Governance, NotAuthorised);
    require!(!notice.period.has_ended(at.time), InvalidContent);
    let network = &by.author().network;
    let place = match &notice.about {
        NoticeAbout::Purposes { facility, .. } => facility.as_ref(),
        NoticeAbout::Joining { facility } => Some(facility),
    };
    if let Some(place) = place {
        let member = View(&*state).facility_of(place, network)?;
        require!(member.is_some(), FacilityUnknown);
    }
    let kind = NoticeKind::of(&notice.about);
    let prefix = notice_key(network, kind, None);
    let posted = record::scan::<_, PostedNotice>(state, Table::Notice, &prefix, NOTICES_MAX)?;
    require!(posted.len() < NOTICES_MAX, TooMany);
    let value = PostedNotice {
        notice: notice.clone(),
        posted: at.index,
        stands_from: notice.period.from.max(at.time),
        removed: None,
    };
    let key = notice_key(network, kind, Some(at.index));
    record::put(state, Table::Notice, &key, &Record::made(at.index, value))?;
    state
        .put(Table::NoticeAt, &record::index_key(at.index), key)
        .map_err(record::CoreError::Store)?;
    Ok(Ok(()))
}

pub(super) fn remove_notice<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    notice: NoticeId,
) -> Effect<S> {
    require!(by.author().purpose == KeyPurpose::Governance, NotAuthorised);
    let Some(record) = View(&*state).notice(notice)? else {
        return Ok(Err(RefusalReason::NotFound));
    };
    let kind = NoticeKind::of(&record.value.notice.about);
    let key = notice_key(&by.author().network, kind, Some(notice.0));
    // It stands under its own network's key: another network's governance finds none there.
    let own = state
        .get(Table::Notice, &key)
        .map_err(record::CoreError::Store)?;
    require!(own.is_some(), NotAuthorised);
    require!(record.value.removed.is_none(), Ended);
    let removed = PostedNotice {
        removed: Some(at.index),
        ..record.value.clone()
    };
    record::put(
        state,
        Table::Notice,
        &key,
        &record.changed(at.index, removed),
    )?;
    Ok(Ok(()))
}

pub(super) fn register_proxy<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    proxy: &Proxy,
) -> Effect<S> {
    require!(
        by.author().purpose == KeyPurpose::Node && by.author().network == proxy.network,
        NotAuthorised
    );
    require!(!proxy.period.has_ended(at.time), InvalidContent);
    let end = match (proxy.kind, proxy.period.until) {
        (ProxyKind::Guardian, None) => true,
        (_, None) => false,
        (ProxyKind::Parent, Some(until)) => is_first_of_april(until),
        (_, Some(_)) => true,
    };
    require!(end, InvalidContent);
    let view = View(&*state);
    require!(
        view.facility_of(&proxy.recorded_by, &proxy.network)?
            .is_some(),
        FacilityUnknown
    );
    let subject = SubjectRef {
        network: proxy.network.clone(),
        subject: proxy.subject,
    };
    require!(!view.is_deceased(&subject)?, SubjectDeceased);
    let known = KnownProxy {
        proxy: proxy.clone(),
        ended: None,
    };
    record::put(
        state,
        Table::Proxy,
        &record::index_key(at.index),
        &Record::made(at.index, known),
    )?;
    Ok(Ok(()))
}

/// Whether an instant is 1 April, 00:00 in Japan (UTC+9, no daylight saving), of a year from 1970 on.
fn is_first_of_april(time: TimeMs) -> bool {
    const DAY_MS: u64 = 24 * 60 * 60 * 1000;
    const OFFSET_MS: u64 = 9 * 60 * 60 * 1000;
    // Whole 400-year cycles leave the calendar as it is; the day of the cycle is counted from 1 March, so that a
    // leap day comes last (Howard Hinnant's civil-from-days).
    const CYCLE_DAYS: u64 = 146_097;
    const TO_FIRST_OF_MARCH_2000: u64 = CYCLE_DAYS - 11_017;
    let local = time.0.saturating_add(OFFSET_MS);
    if !local.is_multiple_of(DAY_MS) {
        return false;
    }
    let of_cycle = (local / DAY_MS + TO_FIRST_OF_MARCH_2000) % CYCLE_DAYS;
    let year = (of_cycle - of_cycle / 1_460 + of_cycle / 36_524 - of_cycle / 146_096) / 365;
    let of_year = of_cycle - (365 * year + year / 4 - year / 100);
    of_year == 31
}

pub(super) fn end_proxy<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    proxy: ProxyId,
    reason: ProxyEndReason,
    recorded_by: &FacilityId,
) -> Effect<S> {
    let view = View(&*state);
    let Some(record) = view.proxy(proxy)? else {
        return Ok(Err(RefusalReason::NotFound));
    };
    let network = &record.value.proxy.network;
    require!(
        by.author().purpose == KeyPurpose::Node && by.author().network == *network,
        NotAuthorised
    );
    require!(is_or_was_of(view, recorded_by, network)?, FacilityUnknown);
    require!(record.value.ended.is_none(), Ended);
    let ended = KnownProxy {
        ended: Some((reason, at.index)),
        ..record.value.clone()
    };
    record::put(
        state,
        Table::Proxy,
        &record::index_key(proxy.0),
        &record.changed(at.index, ended),
    )?;
    Ok(Ok(()))
}

/// Says that a subject has died, or takes it back.
pub(super) fn record_death<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    subject: &SubjectId,
    recorded_by: &FacilityId,
    died: bool,
) -> Effect<S> {
    require!(by.author().purpose == KeyPurpose::Node, NotAuthorised);
    let network = &by.author().network;
    let view = View(&*state);
    require!(is_or_was_of(view, recorded_by, network)?, FacilityUnknown);
    let subject = SubjectRef {
        network: network.clone(),
        subject: *subject,
    };
    let before = view.death(&subject)?;
    let recorded = before.as_ref().is_some_and(|r| r.value.recorded.is_some());
    if died {
        require!(!recorded, AlreadyExists);
        let changes = before.as_ref().map_or(0, |r| r.sources.len());
        require!(changes < RECORD_CHANGES_MAX, TooMany);
    } else {
        require!(recorded, NotFound);
    }
    let value = Death {
        recorded: died.then_some(at.index),
    };
    let record = match before {
        None => Record::made(at.index, value),
        Some(before) => before.changed(at.index, value),
    };
    Chart::set_death(state, &subject, record)?;
    Ok(Ok(()))
}

pub(super) fn seal<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    sealed: &Commitment,
) -> Effect<S> {
    require!(by.author().purpose == KeyPurpose::Node, NotAuthorised);
    let value = Sealed {
        network: by.author().network.clone(),
        sealed: *sealed,
        lifted: None,
    };
    record::put(
        state,
        Table::Seal,
        &record::index_key(at.index),
        &Record::made(at.index, value),
    )?;
    Ok(Ok(()))
}

pub(super) fn unseal<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    seal: SealId,
) -> Effect<S> {
    let Some(record) = View(&*state).seal(seal)? else {
        return Ok(Err(RefusalReason::NotFound));
    };
    require!(
        by.author().purpose == KeyPurpose::Node && by.author().network == record.value.network,
        NotAuthorised
    );
    require!(record.value.lifted.is_none(), Ended);
    let lifted = Sealed {
        lifted: Some(at.index),
        ..record.value.clone()
    };
    record::put(
        state,
        Table::Seal,
        &record::index_key(seal.0),
        &record.changed(at.index, lifted),
    )?;
    Ok(Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_april_is_known_in_every_kind_of_year() {
        const DAY_MS: u64 = 24 * 60 * 60 * 1000;
        // Days since 1970-01-01 of 1 April: 1970, 2000 (a leap year), 2026, 2028 (a leap year), 2100 (none).
        let april = [90u64, 11_048, 20_544, 21_275, 47_572];
        for day in april {
            let midnight = TimeMs(day * DAY_MS - 9 * 60 * 60 * 1000);
            assert!(is_first_of_april(midnight), "{day}");
            assert!(!is_first_of_april(TimeMs(midnight.0 + 1)), "{day}");
            for other in [day - 1, day + 1, day + 30, day + 364] {
                let midnight = TimeMs(other * DAY_MS - 9 * 60 * 60 * 1000);
                assert!(!is_first_of_april(midnight), "{other}");
            }
        }
    }
}
