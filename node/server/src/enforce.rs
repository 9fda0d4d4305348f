//! What the ledger's decision lets out of this node: plain functions over the access record, the document index and
//! the network's facilities. No network, no clock.
//!
//! Everything that does not fit is [`NodeError::Forbidden`], the same for every cause, and a document that is not
//! covered is treated exactly as one that does not exist (P9).

use crate::NodeError;
use crate::bounds::PAGE_ENTRIES_MAX;
use sekisho_documents::{
    Checked, Contents, ContentsError, Cursor, DocumentEntry, DocumentIndex, Patient, Query,
    Statuses, UniqueId,
};
use sekisho_domain::{
    AccessRecord, AccessRequest, Action, Category, Codes, EntryIndex, FacilityId, NetworkId,
    RequestId, Reservation, SubjectId, TimeMs, Withheld,
};
use sekisho_ingest::{Source, Withheld as OfSource};
use sekisho_ledger::Permit;
use sekisho_proto::v1;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a sealed reservation that holds takes from the answer to a request, if it is against this request: against
/// who asks and why, at this time. As with open ones, no reservation stands in the way of a law.
pub fn sealed_from(
    reservation: &Reservation,
    request: &AccessRequest,
    time: TimeMs,
) -> Option<Withheld> {
    let holds = reservation.is_against(request) && reservation.period.contains(time);
    holds.then(|| Withheld {
        categories: reservation.categories,
        facilities: reservation.disclosing_facilities.clone(),
    })
}

fn holds_back(withheld: &Withheld, entry: &DocumentEntry) -> bool {
    let category = withheld.categories;
    let facilities = withheld.facilities.as_ref();
    category.is_none_or(|set| set.contains(&entry.kind.category))
        && facilities.is_none_or(|set| set.contains(&entry.facility))
}

/// Who claims to ask for what, as it came over the wire.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The network of the caller's connection.
    pub caller: &'a NetworkId,
    /// The request id the caller names.
    pub request_id: RequestId,
    /// What the caller asks for.
    pub action: Action,
}

/// The permit behind a claim, if the ledger's record is about exactly this claim and permits it now.
///
/// # Errors
/// [`NodeError::Forbidden`], whatever does not fit.
pub fn permit(
    record: Option<&AccessRecord>,
    own: &NetworkId,
    claim: Claim<'_>,
    now: TimeMs,
) -> Result<Permit, NodeError> {
    let record = record
        .filter(|record| {
            record.request.viewing == *claim.caller
                && record.request_id == claim.request_id
                && record.request.action == claim.action
        })
        .ok_or(NodeError::Forbidden)?;
    Permit::of(record, own, now).map_err(|_| NodeError::Forbidden)
}

/// What one permit lets out: of these charts, what its terms cover.
#[derive(Debug, Clone)]
pub struct Scope {
    permit: Permit,
    charts: BTreeSet<Patient>,
    /// The network's present facilities, with the index at which each was registered.
    facilities: BTreeMap<FacilityId, EntryIndex>,
    /// What the patient's sealed reservations hold back.
    sealed: Vec<Withheld>,
}

/// Narrows what is asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filter {
    /// Only documents whose service had not ended before this instant.
    pub service_from: Option<TimeMs>,
    /// Only documents whose service started before this instant.
    pub service_until: Option<TimeMs>,
    /// At most this many documents; none means the node's own bound.
    pub max: Option<usize>,
}

impl From<Option<v1::Filter>> for Filter {
    fn from(wire: Option<v1::Filter>) -> Self {
        wire.map_or_else(Self::default, |f| Self {
            service_from: f.service_from_ms.map(TimeMs),
            service_until: f.service_until_ms.map(TimeMs),
            max: (f.max > 0).then(|| usize::try_from(f.max).unwrap_or(usize::MAX)),
        })
    }
}

impl Scope {
    /// The subject's charts under a permit. `facilities` are the network's present ones: documents of others are
    /// not covered.
    pub fn new(
        permit: Permit,
        charts: impl IntoIterator<Item = Patient>,
        facilities: BTreeMap<FacilityId, EntryIndex>,
    ) -> Self {
        Self {
            permit,
            charts: charts.into_iter().collect(),
            facilities,
            sealed: Vec::new(),
        }
    }

    /// The same without what sealed reservations hold back: to whoever asks, those documents do not exist.
    pub fn without(mut self, sealed: Vec<Withheld>) -> Self {
        self.sealed = sealed;
        self
    }

    /// The subject, as this network knows it.
    pub fn subject(&self) -> &SubjectId {
        &self.permit.terms().subject
    }

    /// Whether a document is one of the subject's, within the permit's terms, and not sealed.
    pub fn covers(&self, entry: &DocumentEntry) -> bool {
        let chart = Patient {
            facility: entry.facility.clone(),
            local_patient_id: entry.local_patient_id.clone(),
        };
        self.charts.contains(&chart)
            && self.facilities.get(&entry.facility).is_some_and(|at| {
                self.permit
                    .covers(entry.kind.category, &entry.facility, *at)
            })
            && !self.sealed.iter().any(|sealed| holds_back(sealed, entry))
    }

    /// One page of the covered documents behind a place, newest service first, superseded ones with the rest; at
    /// most `max` and [`PAGE_ENTRIES_MAX`]. Also the place behind it, if there may be more.
    ///
    /// # Errors
    /// The index failed.
    pub fn page(
        &self,
        index: &dyn DocumentIndex,
        filter: &Filter,
        after: Option<Cursor>,
        max: usize,
    ) -> Result<(Vec<DocumentEntry>, Option<Cursor>), NodeError> {
        let categories: Codes<Category> = self
            .permit
            .terms()
            .bases
            .iter()
            .flat_map(|basis| basis.categories.iter())
            .collect();
        let mut query = Query {
            patients: self.charts.iter().cloned().collect(),
            categories: Some(categories),
            facilities: None,
            service_from: filter.service_from,
            service_until: filter.service_until,
            statuses: Statuses::ApprovedAndDeprecated,
            limit: PAGE_ENTRIES_MAX,
            after,
        };
        let mut page = Vec::new();
        loop {
            let found = index.find(&query)?;
            for entry in found.entries {
                if !self.covers(&entry) {
                    continue;
                }
                page.push(entry);
                if page.len() == max.min(PAGE_ENTRIES_MAX) {
                    let place = page.last().map(Cursor::of);
                    return Ok((page, place));
                }
            }
            if found.next.is_none() {
                return Ok((page, None));
            }
            query.after = found.next;
        }
    }

    /// The document of a unique id, if it is covered.
    ///
    /// # Errors
    /// The index failed.
    pub fn document(
        &self,
        index: &dyn DocumentIndex,
        unique_id: &str,
    ) -> Result<Option<DocumentEntry>, NodeError> {
        let Ok(unique_id) = unique_id.parse::<UniqueId>() else {
            return Ok(None);
        };
        Ok(index.get(&unique_id)?.filter(|entry| self.covers(entry)))
    }
}

/// A document, if its bytes are still the ones indexed and its source [vouches](Source::release) that they are of the
/// patient the index names; it may leave from byte `from` on. None where not: there is no such document any more.
///
/// Reads all of it: blocks.
///
/// # Errors
/// [`ContentsError`] where the source cannot be read: whether the document is there is not known.
pub fn content(
    sources: &[Arc<dyn Source>],
    contents: &Contents,
    entry: &DocumentEntry,
    from: u64,
) -> Result<Option<Checked>, NodeError> {
    let source_id = &entry.location.source_id;
    let source = sources.iter().find(|source| source.id() == source_id);
    let source = source.ok_or_else(|| ContentsError::UnknownSource(source_id.clone()))?;
    match source.release(contents, entry, from) {
        Ok(checked) => Ok(Some(checked)),
        Err(OfSource::Contents(
            fault @ (ContentsError::Changed(_)
            | ContentsError::Vanished(_)
            | ContentsError::Escapes(_)
            | ContentsError::NotAFile(_)
            | ContentsError::TooLarge { .. }),
        )) => {
            tracing::warn!(%fault, source = %source_id, "a document is withheld until the next ingest");
            Ok(None)
        }
        Err(OfSource::Contents(fault)) => Err(fault.into()),
        Err(fault @ (OfSource::Patient(_) | OfSource::Path)) => {
            tracing::error!(%fault, source = %source_id, "a document is withheld: wrong patient");
            Ok(None)
        }
    }
}

#[cfg(test)]
#[path = "enforce_test.rs"]
mod tests;
