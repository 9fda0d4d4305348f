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

/// What is known of one subject, each part as it is stored: most questions look at one or two. Whoever looks at a
/// part says so.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chart {
    parts: Parts,
}

/// The row: postcard of each part, by itself.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Parts {
    /// `Option<Record<Death>>`.
    death: Bytes,
    /// Subjects of other networks somebody said are the same patient; ordered. `Vec<Record<Said>>`.
    links: Bytes,
    /// Consents to disclosure, oldest first, withdrawn ones too. `Vec<Record<Act>>`.
    disclosing: Bytes,
    /// Consents to viewing, oldest first, withdrawn ones too. `Vec<Record<Act>>`.
    viewing: Bytes,
    /// Oldest first, lifted ones too. `Vec<Record<GivenReservation>>`.
    reservations: Bytes,
}

/// A part's bytes; none where nothing was ever said.
#[derive(Debug, Clone, Default)]
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        // Postcard hands out the row's own bytes.
        <&[u8]>::deserialize(d).map(|bytes| Self(bytes.to_vec()))
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

type Part<T, S> = Result<T, CoreError<<S as StateRead>::Error>>;

fn decode<S: StateRead, T: DeserializeOwned + Default>(bytes: &Bytes) -> Part<T, S> {
    if bytes.0.is_empty() {
        return Ok(T::default());
    }
    postcard::from_bytes(&bytes.0).map_err(|e| CoreError::corrupt(Table::Chart, &[], e))
}

fn encode<S: StateRead, T: Serialize>(value: &T) -> Part<Bytes, S> {
    let bytes = postcard::to_allocvec(value);
    bytes
        .map(Bytes)
        .map_err(|e| CoreError::corrupt(Table::Chart, &[], e))
}

impl Chart {
    pub fn read<S: StateRead>(state: &S, subject: &SubjectRef) -> Part<Self, S> {
        let key = subject_key(&subject.network, &subject.subject);
        let row = record::peek::<_, Parts>(state, Table::Chart, &key)?;
        let parts = row.map(|record| record.value).unwrap_or_default();
        Ok(Self { parts })
    }

    fn write<S: StateWrite>(self, state: &mut S, subject: &SubjectRef) -> Part<(), S> {
        let key = subject_key(&subject.network, &subject.subject);
        record::put(state, Table::Chart, &key, &Record::founded(self.parts))
    }

    pub fn death<S: StateRead>(&self, _: &S) -> Part<Option<Record<Death>>, S> {
        decode::<S, _>(&self.parts.death)
    }

    pub fn links<S: StateRead>(&self, _: &S) -> Part<Vec<Record<Said>>, S> {
        decode::<S, _>(&self.parts.links)
    }

    pub fn acts<S: StateRead>(&self, _: &S, side: Side) -> Part<Vec<Record<Act>>, S> {
        decode::<S, _>(match side {
            Side::Disclosing => &self.parts.disclosing,
            Side::Viewing => &self.parts.viewing,
        })
    }

    pub fn reservations<S: StateRead>(&self, _: &S) -> Part<Vec<Record<GivenReservation>>, S> {
        decode::<S, _>(&self.parts.reservations)
    }

    /// Changes a subject's consents of one side.
    pub fn edit_acts<S: StateWrite>(
        state: &mut S,
        subject: &SubjectRef,
        side: Side,
        change: impl FnOnce(&mut Vec<Record<Act>>),
    ) -> Part<(), S> {
        let mut chart = Self::read(state, subject)?;
        let mut acts = chart.acts(state, side)?;
        change(&mut acts);
        *match side {
            Side::Disclosing => &mut chart.parts.disclosing,
            Side::Viewing => &mut chart.parts.viewing,
        } = encode::<S, _>(&acts)?;
        chart.write(state, subject)
    }

    /// Changes a subject's reservations.
    pub fn edit_reservations<S: StateWrite>(
        state: &mut S,
        subject: &SubjectRef,
        change: impl FnOnce(&mut Vec<Record<GivenReservation>>),
    ) -> Part<(), S> {
        let mut chart = Self::read(state, subject)?;
        let mut reservations = chart.reservations(state)?;
        change(&mut reservations);
        chart.parts.reservations = encode::<S, _>(&reservations)?;
        chart.write(state, subject)
    }

    pub fn set_death<S: StateWrite>(
        state: &mut S,
        subject: &SubjectRef,
        death: Record<Death>,
    ) -> Part<(), S> {
        let mut chart = Self::read(state, subject)?;
        chart.parts.death = encode::<S, _>(&Some(death))?;
        chart.write(state, subject)
    }

    pub fn set_link<S: StateWrite>(
        state: &mut S,
        subject: &SubjectRef,
        link: Record<Said>,
    ) -> Part<(), S> {
        let mut chart = Self::read(state, subject)?;
        let mut links = chart.links(state)?;
        match links.binary_search_by(|known| known.value.other.cmp(&link.value.other)) {
            Ok(at) => {
                if let Some(known) = links.get_mut(at) {
                    *known = link;
                }
            }
            Err(at) => links.insert(at, link),
        }
        chart.parts.links = encode::<S, _>(&links)?;
        chart.write(state, subject)
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
    ) -> Part<(), S> {
        let record = Record::founded(subject.clone());
        record::put(state, self.table(), &record::index_key(index), &record)
    }

    pub fn find<S: StateRead>(self, state: &S, index: EntryIndex) -> Part<Option<SubjectRef>, S> {
        let record = record::peek(state, self.table(), &record::index_key(index))?;
        Ok(record.map(|r| r.value))
    }
}
