//! What is known of one subject, in one row: a decision reads two of them and nothing else that grows with the
//! number of patients.

use crate::record::{self, CoreError, Death, GivenConsent, GivenReservation, Link, Record};
use crate::store::{StateRead, StateWrite, Table};
use crate::view::subject_key;
use sekisho_domain::{
    Capture, Category, Codes, Commitment, Consent, EntryIndex, FacilityId, FacilitySelector,
    NetworkId, Period, PractitionerId, ProxyId, Purpose, Side, SubjectRef, TimeMs,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// What is known of one subject, each part as it is stored: most questions look at one or two. Whoever looks at a
/// part says so.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chart {
    row: Vec<u8>,
    /// Where in the row each part stands.
    parts: [Range<usize>; Part::ALL.len()],
}

/// A part of a chart: postcard of what stands beside it, by itself; no bytes where nothing was ever said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    /// `Option<Record<Death>>`.
    Death,
    /// Subjects of other networks somebody said are the same patient, ordered: `Vec<Record<Said>>`.
    Links,
    /// Consents to disclosure, oldest first, withdrawn ones too: `Vec<Record<Act>>`.
    Disclosing,
    /// Consents to viewing: `Vec<Record<Act>>`.
    Viewing,
    /// Oldest first, lifted ones too: `Vec<Record<GivenReservation>>`.
    Reservations,
}

impl Part {
    /// In the order in which they stand in the row.
    const ALL: [Self; 5] = [
        Self::Death,
        Self::Links,
        Self::Disclosing,
        Self::Viewing,
        Self::Reservations,
    ];
}

impl From<Side> for Part {
    fn from(side: Side) -> Self {
        match side {
            Side::Disclosing => Self::Disclosing,
            Side::Viewing => Self::Viewing,
        }
    }
}

/// A consent as a chart keeps it: the network, the subject and the side are the chart's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Act {
    pub granted: EntryIndex,
    pub granted_at: TimeMs,
    pub withdrawn: Option<EntryIndex>,
    pub withdrawal_evidence: Option<Commitment>,
    pub facilities: FacilitySelector,
    pub counterpart: Option<BTreeSet<FacilityId>>,
    pub practitioners: Option<BTreeSet<PractitionerId>>,
    pub categories: Option<Codes<Category>>,
    pub purposes: Option<Codes<Purpose>>,
    pub period: Period,
    pub capture: Capture,
    pub recorded_by: FacilityId,
    pub proxy: Option<ProxyId>,
    pub policy_version: u32,
    pub evidence: Commitment,
}

impl Act {
    pub fn new(consent: &Consent, granted: EntryIndex, granted_at: TimeMs) -> Self {
        Self {
            granted,
            granted_at,
            withdrawn: None,
            withdrawal_evidence: None,
            facilities: consent.facilities.clone(),
            counterpart: consent.counterpart.clone(),
            practitioners: consent.practitioners.clone(),
            categories: consent.categories,
            purposes: consent.purposes,
            period: consent.period,
            capture: consent.capture,
            recorded_by: consent.recorded_by.clone(),
            proxy: consent.proxy,
            policy_version: consent.policy_version,
            evidence: consent.evidence,
        }
    }

    pub fn given(self, subject: &SubjectRef, side: Side) -> GivenConsent {
        GivenConsent {
            consent: Consent {
                network: subject.network.clone(),
                subject: subject.subject,
                side,
                facilities: self.facilities,
                counterpart: self.counterpart,
                practitioners: self.practitioners,
                categories: self.categories,
                purposes: self.purposes,
                period: self.period,
                capture: self.capture,
                recorded_by: self.recorded_by,
                proxy: self.proxy,
                policy_version: self.policy_version,
                evidence: self.evidence,
            },
            granted: self.granted,
            granted_at: self.granted_at,
            withdrawn: self.withdrawn,
            withdrawal_evidence: self.withdrawal_evidence,
        }
    }
}

/// What was said about the chart's subject and another network's being the same patient.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Said {
    pub other: SubjectRef,
    /// By the chart's network.
    pub here: Option<EntryIndex>,
    /// By the other.
    pub there: Option<EntryIndex>,
}

impl Said {
    pub fn holds(&self) -> bool {
        self.here.is_some() && self.there.is_some()
    }

    pub fn link(&self, own: &NetworkId) -> Link {
        let here = self.here.map(|index| (own.clone(), index));
        let there = self.there.map(|index| (self.other.network.clone(), index));
        Link {
            said_by: BTreeMap::from_iter(here.into_iter().chain(there)),
        }
    }
}

type Answer<T, S> = Result<T, CoreError<<S as StateRead>::Error>>;

fn key(subject: &SubjectRef) -> Vec<u8> {
    subject_key(&subject.network, &subject.subject)
}

impl Chart {
    pub fn read<S: StateRead>(state: &S, subject: &SubjectRef) -> Answer<Self, S> {
        let key = key(subject);
        let Some(row) = state.get(Table::Chart, &key).map_err(CoreError::Store)? else {
            return Ok(Self::default());
        };
        Self::of(row).map_err(|why| CoreError::corrupt(Table::Chart, &key, why))
    }

    /// A record without sources whose value is each part's bytes, each with its length before it.
    fn of(row: Vec<u8>) -> Result<Self, String> {
        let (_, mut rest) = record::sources(&row)?;
        let mut parts = Part::ALL.map(|_| 0..0);
        for part in &mut parts {
            let (bytes, behind) =
                postcard::take_from_bytes::<&[u8]>(rest).map_err(|e| e.to_string())?;
            let end = row.len().saturating_sub(behind.len());
            *part = end.saturating_sub(bytes.len())..end;
            rest = behind;
        }
        match rest {
            [] => Ok(Self { row, parts }),
            _ => Err(format!("{} bytes stand behind it", rest.len())),
        }
    }

    fn bytes(&self, part: Part) -> &[u8] {
        let place = self.parts.get(part as usize).cloned().unwrap_or_default();
        self.row.get(place).unwrap_or_default()
    }

    fn part<S: StateRead, T: DeserializeOwned + Default>(&self, part: Part) -> Answer<T, S> {
        match self.bytes(part) {
            [] => Ok(T::default()),
            bytes => postcard::from_bytes(bytes)
                .map_err(|e| CoreError::corrupt(Table::Chart, &[], format!("{part:?}: {e}"))),
        }
    }

    /// Writes the chart with one part changed.
    fn write<S: StateWrite, T: Serialize>(
        &self,
        state: &mut S,
        subject: &SubjectRef,
        changed: Part,
        value: &T,
    ) -> Answer<(), S> {
        let key = key(subject);
        let damaged = |e: postcard::Error| CoreError::corrupt(Table::Chart, &key, e);
        let changed_to = postcard::to_allocvec(value).map_err(damaged)?;
        let parts = Part::ALL.map(|part| {
            let bytes = if part == changed {
                &changed_to
            } else {
                self.bytes(part)
            };
            Bytes(bytes)
        });
        record::put(state, Table::Chart, &key, &Record::founded(parts))
    }

    pub fn death<S: StateRead>(&self, _: &S) -> Answer<Option<Record<Death>>, S> {
        self.part::<S, _>(Part::Death)
    }

    pub fn links<S: StateRead>(&self, _: &S) -> Answer<Vec<Record<Said>>, S> {
        self.part::<S, _>(Part::Links)
    }

    pub fn acts<S: StateRead>(&self, _: &S, side: Side) -> Answer<Vec<Record<Act>>, S> {
        self.part::<S, _>(side.into())
    }

    pub fn reservations<S: StateRead>(&self, _: &S) -> Answer<Vec<Record<GivenReservation>>, S> {
        self.part::<S, _>(Part::Reservations)
    }

    /// Changes a subject's consents of one side.
    pub fn edit_acts<S: StateWrite>(
        state: &mut S,
        subject: &SubjectRef,
        side: Side,
        change: impl FnOnce(&mut Vec<Record<Act>>),
    ) -> Answer<(), S> {
        let chart = Self::read(state, subject)?;
        let mut acts = chart.acts(state, side)?;
        change(&mut acts);
        chart.write(state, subject, side.into(), &acts)
    }

    /// Changes a subject's reservations.
    pub fn edit_reservations<S: StateWrite>(
        state: &mut S,
        subject: &SubjectRef,
        change: impl FnOnce(&mut Vec<Record<GivenReservation>>),
    ) -> Answer<(), S> {
        let chart = Self::read(state, subject)?;
        let mut reservations = chart.reservations(state)?;
        change(&mut reservations);
        chart.write(state, subject, Part::Reservations, &reservations)
    }

    pub fn set_death<S: StateWrite>(
        state: &mut S,
        subject: &SubjectRef,
        death: Record<Death>,
    ) -> Answer<(), S> {
        let chart = Self::read(state, subject)?;
        chart.write(state, subject, Part::Death, &Some(death))
    }

    pub fn set_link<S: StateWrite>(
        state: &mut S,
        subject: &SubjectRef,
        link: Record<Said>,
    ) -> Answer<(), S> {
        let chart = Self::read(state, subject)?;
        let mut links = chart.links(state)?;
        match links.binary_search_by(|known| known.value.other.cmp(&link.value.other)) {
            Ok(at) => {
                if let Some(known) = links.get_mut(at) {
                    *known = link;
                }
            }
            Err(at) => links.insert(at, link),
        }
        chart.write(state, subject, Part::Links, &links)
    }
}

/// A part's bytes, written with their length before them.
struct Bytes<'a>(&'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_bytes(self.0)
    }
}

/// Says that a record was looked at, and hands out its value.
pub(crate) fn looked_at<S: StateRead, T>(state: &S, record: Record<T>) -> T {
    state.used(&record.sources);
    record.value
}

/// In which chart something stands that people name by its index: whose subject it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Consent,
    Reservation,
}

impl Place {
    fn table(self) -> Table {
        match self {
            Self::Consent => Table::ConsentAt,
            Self::Reservation => Table::ReservationAt,
        }
    }

    pub fn put<S: StateWrite>(
        self,
        state: &mut S,
        index: EntryIndex,
        subject: &SubjectRef,
    ) -> Answer<(), S> {
        let record = Record::founded(subject.clone());
        record::put(state, self.table(), &record::index_key(index), &record)
    }

    pub fn find<S: StateRead>(self, state: &S, index: EntryIndex) -> Answer<Option<SubjectRef>, S> {
        let record = record::peek(state, self.table(), &record::index_key(index))?;
        Ok(record.map(|r| r.value))
    }
}
