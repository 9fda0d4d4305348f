//! Typed questions to the state. Everything that reads the ledger reads it through here.

mod keys;
mod life;
mod replicas;

pub(crate) use keys::*;
pub use life::{AUTHORITIES_MAX, NOTICES_MAX};
pub use replicas::REPLICAS_OF_NETWORK_MAX;
pub(crate) use replicas::replica_key;

use crate::chart::{Chart, Place, looked_at};
use crate::genesis::REPLICAS_MAX;
use crate::record::{self, CoreError, Record};
use crate::record::{
    AgreementHead, AgreementVersion, Facility, GivenConsent, GivenReservation, Key, Link, Network,
    Policy,
};
use crate::record::{RecordedTransfer, Requested};
use crate::store::{StateRead, Table};
use sekisho_domain::{
    AccessRecord, AgreementId, AreaCode, ConsentId, EntryIndex, FacilityId, FacilityKind, Hash,
    KeyId, KeyPurpose, LedgerId, NetworkId, RequestId, ReservationId, Side, SubjectId, SubjectRef,
    TimeMs,
};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

/// Members one ledger may have (architecture §5: a handful to some tens).
pub const NETWORKS_MAX: usize = 64;
/// Keys one network may register over time.
pub const KEYS_MAX: usize = 64;
/// Consents of one subject and side over time: one a month for forty years.
pub const CONSENTS_MAX: usize = 512;
/// Facilities and practitioners all consents of one subject and side may name together, over time: sixteen of the
/// longest lists. A decision looks each of them up, and every entry about the subject writes them again.
pub const CONSENT_NAMES_MAX: usize = 4096;
/// Reservations of one subject over time that a decision looks at; beyond it nothing is permitted.
pub const RESERVATIONS_MAX: usize = 512;
/// Facilities all reservations of one subject may name together, over time; beyond it nothing is permitted.
pub const RESERVATION_NAMES_MAX: usize = 4096;
/// Agreements one pair of networks may have over time.
pub const AGREEMENTS_OF_PAIR_MAX: usize = 32;
/// Versions one agreement may have: a new one each month for twenty years.
pub const AGREEMENT_VERSIONS_MAX: u32 = 256;
/// Entries one facility's or link's record may come from: leaving and joining again, unsaying and saying again.
/// Every reader of the record looks at all of them, and a proof bundle carries them.
pub const RECORD_CHANGES_MAX: usize = 256;
/// Versions of a consent policy a decision looks at.
pub const POLICY_VERSIONS_MAX: usize = 256;
/// Claims of one subject's sameness with subjects of one other network.
pub const LINKS_MAX: usize = 64;
/// Documents released under one access request (today one).
pub const TRANSFERS_MAX: usize = 64;

/// A place where a network is reached. Those registered later are greater; those of the founding file, which have no
/// entry, are the least.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct TransportAddress {
    /// The entry that registered the key.
    pub registered: Option<EntryIndex>,
    /// The transport key.
    pub key: KeyId,
    /// Whose it is.
    pub network: NetworkId,
    /// `host:port`.
    pub endpoint: String,
}

/// Where the ledger stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// Which ledger.
    pub ledger: LedgerId,
    /// Which lineage of it.
    pub lineage: u64,
    /// How many leaves the tree has.
    pub size: u64,
    /// The stamped time of the last batch.
    pub time: TimeMs,
    /// Running digest of every write (ledger notes, T7).
    pub digest: Hash,
}

/// The key under which [`Meta`] stands.
pub(crate) const META_KEY: &[u8] = b"meta";

/// The state, typed.
#[derive(Debug)]
pub struct View<'a, S>(pub &'a S);

impl<S> Clone for View<'_, S> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<S> Copy for View<'_, S> {}

/// What rules look at of a facility.
#[derive(Debug, Clone)]
pub(crate) struct Member {
    pub kind: FacilityKind,
    pub registered: EntryIndex,
    pub municipality: Option<AreaCode>,
}

/// Records that are only ever looked at together.
#[derive(Debug)]
pub(crate) struct Records<T> {
    sources: Vec<EntryIndex>,
    values: Vec<T>,
}

impl<T> Records<T> {
    fn of(rows: Vec<(Vec<u8>, Record<T>)>) -> Self {
        let mut all = Self {
            sources: Vec::new(),
            values: Vec::new(),
        };
        for (_, record) in rows {
            all.sources.extend(record.sources);
            all.values.push(record.value);
        }
        all
    }
}

impl<T> Deref for Records<T> {
    type Target = [T];
    fn deref(&self) -> &[T] {
        &self.values
    }
}

type Answer<T, S> = Result<T, CoreError<<S as StateRead>::Error>>;

impl<S: StateRead> View<'_, S> {
    /// Where the ledger stands; none before genesis.
    ///
    /// # Errors
    /// Storage failed or is damaged; so for every question here.
    pub fn meta(self) -> Answer<Option<Meta>, S> {
        Ok(record::get(self.0, Table::Meta, META_KEY)?.map(|r| r.value))
    }
    /// A member.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn network(self, id: &NetworkId) -> Answer<Option<Record<Network>>, S> {
        record::get(self.0, Table::Network, id.as_str().as_bytes())
    }
    /// Every member, by id.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn networks(self) -> Answer<Vec<(NetworkId, Network)>, S> {
        let rows = record::scan(self.0, Table::Network, b"", NETWORKS_MAX)?;
        rows.into_iter()
            .map(|(key, record)| Ok((text_key(Table::Network, &key)?, record.value)))
            .collect()
    }
    /// A key, revoked or not.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn key(self, id: &KeyId) -> Answer<Option<Record<Key>>, S> {
        let read = || record::peek::<_, Key>(self.0, Table::Key, id.as_bytes());
        let key = self.kept(Table::Key, id.as_bytes(), read)?;
        if let Some(record) = key.as_ref() {
            self.0.used(&record.sources);
        }
        Ok(Option::clone(&key))
    }
    /// Every key not revoked, of one purpose.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn keys(self, purpose: KeyPurpose) -> Answer<Vec<(KeyId, Key)>, S> {
        // Authorities have keys as well, and the founding file's come besides.
        let max = (NETWORKS_MAX + AUTHORITIES_MAX) * KEYS_MAX + 2 * REPLICAS_MAX + NETWORKS_MAX;
        let rows = record::scan::<_, Key>(self.0, Table::Key, b"", max)?;
        rows.into_iter()
            .filter(|(_, record)| record.value.purpose == purpose && record.value.revoked.is_none())
            .map(|(key, record)| {
                let id = KeyId::try_from(key.as_slice())
                    .map_err(|e| CoreError::corrupt(Table::Key, &key, e))?;
                Ok((id, record.value))
            })
            .collect()
    }
    /// Where networks are reached: every transport key not revoked that has an address.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn transport_addresses(self) -> Answer<Vec<TransportAddress>, S> {
        let mut found = Vec::new();
        for (id, key) in self.keys(KeyPurpose::Transport)? {
            if let Some(endpoint) = key.endpoint {
                let record = self.key(&id)?;
                found.push(TransportAddress {
                    registered: record.and_then(|record| record.sources.first().copied()),
                    key: id,
                    network: key.network,
                    endpoint,
                });
            }
        }
        Ok(found)
    }
    /// A facility, present or past.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn facility(self, id: &FacilityId) -> Answer<Option<Record<Facility>>, S> {
        record::get(self.0, Table::Facility, id.as_str().as_bytes())
    }
    /// A facility that is a present member of this network.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn facility_of(self, id: &FacilityId, network: &NetworkId) -> Answer<Option<Facility>, S> {
        let present = |f: &Facility| f.network == *network && f.left.is_none();
        Ok(self.facility(id)?.map(|r| r.value).filter(present))
    }
    /// What rules look at of a facility that is a present member of this network.
    pub(crate) fn member(self, id: &FacilityId, network: &NetworkId) -> Answer<Option<Member>, S> {
        let key = id.as_str().as_bytes();
        let read = || record::peek::<_, Facility>(self.0, Table::Facility, key);
        let facility = self.kept(Table::Facility, key, read)?;
        let Some(record) = facility.as_ref() else {
            return Ok(None);
        };
        self.0.used(&record.sources);
        let facility = &record.value;
        let present = facility.network == *network && facility.left.is_none();
        Ok(present.then(|| Member {
            kind: facility.kind,
            registered: facility.registered,
            municipality: facility.municipality.clone(),
        }))
    }
    /// What is kept of a common table under a key; else what `read` finds.
    fn kept<T: Any + Send + Sync>(
        self,
        table: Table,
        key: &[u8],
        read: impl FnOnce() -> Answer<T, S>,
    ) -> Answer<Arc<T>, S> {
        match self.0.kept() {
            Some(kept) => kept.get_or(table, key, read),
            None => read().map(Arc::new),
        }
    }
    /// Whether a network is a member.
    pub(crate) fn is_member(self, id: &NetworkId) -> Answer<bool, S> {
        let key = id.as_str().as_bytes();
        let read = || record::peek::<_, Network>(self.0, Table::Network, key);
        let network = self.kept(Table::Network, key, read)?;
        if let Some(record) = network.as_ref() {
            self.0.used(&record.sources);
        }
        Ok(network.is_some())
    }
    /// The facilities of the ledger, at most `max`, by code.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn facilities(self, max: usize) -> Answer<Vec<(FacilityId, Facility)>, S> {
        let rows = record::scan(self.0, Table::Facility, b"", max)?;
        rows.into_iter()
            .map(|(key, record)| Ok((text_key(Table::Facility, &key)?, record.value)))
            .collect()
    }
    /// One version of a network's consent policy.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn policy(self, network: &NetworkId, version: u32) -> Answer<Option<Policy>, S> {
        Ok(
            record::get(self.0, Table::ConsentPolicy, &policy_key(network, version))?
                .map(|r| r.value),
        )
    }
    /// Every version of a network's consent policy, ascending.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn policies(self, network: &NetworkId) -> Answer<Vec<Policy>, S> {
        Ok(self.policies_kept(network)?.iter().cloned().collect())
    }
    /// The same, not copied.
    pub(crate) fn policies_kept(self, network: &NetworkId) -> Answer<Arc<Records<Policy>>, S> {
        let prefix = key_of_network_key(network, None);
        self.records(Table::ConsentPolicy, &prefix, POLICY_VERSIONS_MAX)
    }
    /// Every record of a common table under a prefix.
    fn records<T: DeserializeOwned + Send + Sync + 'static>(
        self,
        table: Table,
        prefix: &[u8],
        max: usize,
    ) -> Answer<Arc<Records<T>>, S> {
        let read = || Ok(Records::of(record::peek_scan(self.0, table, prefix, max)?));
        let records = self.kept(table, prefix, read)?;
        self.0.used(&records.sources);
        Ok(records)
    }
    /// The version of a network's consent policy that holds at this time: the highest that has begun.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn policy_at(self, network: &NetworkId, time: TimeMs) -> Answer<Option<Policy>, S> {
        Ok(self
            .policy_standing(network, time)?
            .map(|(policy, _)| policy))
    }
    /// The same, with the instant at which a newer version takes its place.
    pub(crate) fn policy_standing(
        self,
        network: &NetworkId,
        time: TimeMs,
    ) -> Answer<Option<(Policy, Option<TimeMs>)>, S> {
        let policies = self.policies_kept(network)?;
        Ok(standing_policy(&policies, time).map(|(policy, until)| (policy.clone(), until)))
    }
    /// What is in force of an agreement.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn agreement_head(self, id: &AgreementId) -> Answer<Option<Record<AgreementHead>>, S> {
        record::get(self.0, Table::AgreementHead, id.as_str().as_bytes())
    }
    /// One version of an agreement.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn agreement(
        self,
        id: &AgreementId,
        version: u32,
    ) -> Answer<Option<Record<AgreementVersion>>, S> {
        record::get(self.0, Table::Agreement, &agreement_key(id, version))
    }
    /// Every agreement, at most `max`, by id.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn agreements(self, max: usize) -> Answer<Vec<(AgreementId, AgreementHead)>, S> {
        let rows = record::scan(self.0, Table::AgreementHead, b"", max)?;
        rows.into_iter()
            .map(|(key, record)| Ok((text_key(Table::AgreementHead, &key)?, record.value)))
            .collect()
    }
    /// The agreements two networks are both party of, by id, with what a decision looks at of each. The caller says
    /// what it looked at.
    pub(crate) fn between(self, a: &NetworkId, b: &NetworkId) -> Answer<Arc<Vec<Between>>, S> {
        self.kept(Table::AgreementOfPair, &pair_key(a, b, None), || {
            let ids = self.agreements_of(a, b)?;
            ids.into_iter().map(|id| Between::read(self, id)).collect()
        })
    }
    /// The agreements two networks are both party of, by id.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn agreements_of(self, a: &NetworkId, b: &NetworkId) -> Answer<Vec<AgreementId>, S> {
        let prefix = pair_key(a, b, None);
        let rows = self
            .0
            .scan(
                Table::AgreementOfPair,
                &prefix,
                &prefix,
                AGREEMENTS_OF_PAIR_MAX,
            )
            .map_err(CoreError::Store)?;
        rows.iter()
            .map(|(key, _)| {
                text_key(
                    Table::AgreementOfPair,
                    key.get(prefix.len()..).unwrap_or_default(),
                )
            })
            .collect()
    }
    /// A consent.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn consent(self, id: ConsentId) -> Answer<Option<Record<GivenConsent>>, S> {
        let Some(subject) = Place::Consent.find(self.0, id.0)? else {
            return Ok(None);
        };
        let chart = Chart::read(self.0, &subject)?;
        for side in Side::ALL {
            let acts = chart.acts(self.0, *side)?;
            if let Some(act) = acts.into_iter().find(|act| act.value.granted == id.0) {
                self.0.used(&act.sources);
                return Ok(Some(Record {
                    sources: act.sources,
                    value: act.value.given(&subject, *side),
                }));
            }
        }
        Err(points_at_nothing(Table::ConsentAt, id.0))
    }
    /// A subject's consents of one side, oldest first, withdrawn ones too.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn consents_of(
        self,
        network: &NetworkId,
        subject: &SubjectId,
        side: Side,
    ) -> Answer<Vec<GivenConsent>, S> {
        let subject = of_network(network, subject);
        let acts = Chart::read(self.0, &subject)?.acts(self.0, side)?;
        let acts = acts.into_iter().map(|act| looked_at(self.0, act));
        Ok(acts.map(|act| act.given(&subject, side)).collect())
    }
    /// A reservation.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn reservation(self, id: ReservationId) -> Answer<Option<Record<GivenReservation>>, S> {
        let Some(subject) = Place::Reservation.find(self.0, id.0)? else {
            return Ok(None);
        };
        let set = Chart::read(self.0, &subject)?.reservations(self.0)?;
        match set.into_iter().find(|given| given.value.set == id.0) {
            Some(record) => {
                self.0.used(&record.sources);
                Ok(Some(record))
            }
            None => Err(points_at_nothing(Table::ReservationAt, id.0)),
        }
    }
    /// A subject's reservations, oldest first, lifted ones too; at most one more than [`RESERVATIONS_MAX`].
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn reservations_of(
        self,
        network: &NetworkId,
        subject: &SubjectId,
    ) -> Answer<Vec<GivenReservation>, S> {
        let chart = Chart::read(self.0, &of_network(network, subject))?;
        let set = chart.reservations(self.0)?.into_iter();
        Ok(set.map(|given| looked_at(self.0, given)).collect())
    }
    /// What was said about two subjects being the same patient.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn link(self, a: &SubjectRef, b: &SubjectRef) -> Answer<Option<Record<Link>>, S> {
        let links = Chart::read(self.0, a)?.links(self.0)?;
        let link = links.into_iter().find(|link| link.value.other == *b);
        Ok(link.map(|link| {
            self.0.used(&link.sources);
            let value = link.value.link(&a.network);
            Record {
                sources: link.sources,
                value,
            }
        }))
    }
    /// The subjects of another network that somebody said are this patient, with who said so.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn links_of(
        self,
        subject: &SubjectRef,
        other: &NetworkId,
    ) -> Answer<Vec<(SubjectId, Link)>, S> {
        let links = Chart::read(self.0, subject)?.links(self.0)?.into_iter();
        let to = links.filter(|link| link.value.other.network == *other);
        Ok(to
            .map(|link| {
                let said = looked_at(self.0, link);
                (said.other.subject, said.link(&subject.network))
            })
            .collect())
    }
    /// The subject of another network that both networks say is this patient.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn linked(self, subject: &SubjectRef, other: &NetworkId) -> Answer<Option<SubjectId>, S> {
        self.linked_in(&Chart::read(self.0, subject)?, other)
    }
    /// The same, of a chart that was read already.
    pub(crate) fn linked_in(
        self,
        chart: &Chart,
        other: &NetworkId,
    ) -> Answer<Option<SubjectId>, S> {
        let mut linked = None;
        for link in chart.links(self.0)? {
            if link.value.other.network == *other {
                self.0.used(&link.sources);
                if linked.is_none() && link.value.holds() {
                    linked = Some(link.value.other.subject);
                }
            }
        }
        Ok(linked)
    }
    /// What became of some of a network's request ids, in their order; looked at together.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn requested_all(
        self,
        by: &NetworkId,
        ids: &[RequestId],
    ) -> Answer<Vec<Option<Requested>>, S> {
        let keys: Vec<_> = ids.iter().map(|id| request_key(by, id)).collect();
        self.0
            .ahead(Table::Request, &keys)
            .map_err(CoreError::Store)?;
        ids.iter().map(|id| self.requested(by, id)).collect()
    }
    /// What became of a network's request id.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn requested(self, by: &NetworkId, id: &RequestId) -> Answer<Option<Requested>, S> {
        Ok(record::get(self.0, Table::Request, &request_key(by, id))?.map(|r| r.value))
    }
    /// An access request and its decisions.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn access(self, index: EntryIndex) -> Answer<Option<AccessRecord>, S> {
        Ok(record::get(self.0, Table::Access, &record::index_key(index))?.map(|r| r.value))
    }
    /// The releases and receipts under an access request.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn transfers(self, access: EntryIndex) -> Answer<Vec<RecordedTransfer>, S> {
        let rows = record::scan(
            self.0,
            Table::Transfer,
            &record::index_key(access),
            TRANSFERS_MAX,
        )?;
        Ok(rows.into_iter().map(|(_, r)| r.value).collect())
    }
    /// The encoded leaf at an index.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn leaf(self, index: EntryIndex) -> Answer<Option<Vec<u8>>, S> {
        self.0
            .get(Table::Leaf, &record::index_key(index))
            .map_err(CoreError::Store)
    }

    /// Encoded leaves from an index on, in order, at most `max`.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn leaves(self, from: EntryIndex, max: usize) -> Answer<Vec<Vec<u8>>, S> {
        let rows = self.0.scan(Table::Leaf, b"", &record::index_key(from), max);
        let leaves = rows.map_err(CoreError::Store)?.into_iter();
        Ok(leaves.map(|(_, leaf)| leaf).collect())
    }

    /// The leaves a leaf rests on directly: those that made the records it read when it was applied.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn rests_on(self, index: EntryIndex) -> Answer<Vec<EntryIndex>, S> {
        let record = record::get::<_, ()>(self.0, Table::RestsOn, &record::index_key(index))?;
        Ok(record.map(|r| r.sources).unwrap_or_default())
    }

    /// The record an index points at.
    fn indexed<T: serde::de::DeserializeOwned>(
        self,
        at: Table,
        index: EntryIndex,
        table: Table,
    ) -> Answer<Option<Record<T>>, S> {
        let index = record::index_key(index);
        let Some(key) = self.0.get(at, &index).map_err(CoreError::Store)? else {
            return Ok(None);
        };
        match record::get(self.0, table, &key)? {
            Some(record) => Ok(Some(record)),
            None => Err(CoreError::corrupt(at, &index, "it points at nothing")),
        }
    }
}

fn of_network(network: &NetworkId, subject: &SubjectId) -> SubjectRef {
    SubjectRef {
        network: network.clone(),
        subject: *subject,
    }
}

fn points_at_nothing<E: std::error::Error + 'static>(
    table: Table,
    index: EntryIndex,
) -> CoreError<E> {
    CoreError::corrupt(table, &record::index_key(index), "it points at nothing")
}

/// What a decision looks at of an agreement.
#[derive(Debug)]
pub(crate) struct Between {
    pub id: AgreementId,
    pub head: Record<AgreementHead>,
    /// Those every party signed, and the last one proposed.
    versions: BTreeMap<u32, Record<AgreementVersion>>,
}

impl Between {
    fn read<S: StateRead>(view: View<'_, S>, id: AgreementId) -> Answer<Self, S> {
        let head = record::peek(view.0, Table::AgreementHead, id.as_str().as_bytes())?;
        let head = head.unwrap_or_else(|| Record::founded(AgreementHead::default()));
        let mut versions = BTreeMap::new();
        for version in head.value.signed.iter().chain([&head.value.latest]) {
            let key = agreement_key(&id, *version);
            if let Some(record) = record::peek(view.0, Table::Agreement, &key)? {
                versions.insert(*version, record);
            }
        }
        Ok(Self { id, head, versions })
    }

    /// A version, and that it was looked at.
    pub fn version<S: StateRead>(
        &self,
        view: View<'_, S>,
        version: u32,
    ) -> Option<&AgreementVersion> {
        let record = self.versions.get(&version)?;
        view.0.used(&record.sources);
        Some(&record.value)
    }
}

/// Of versions in ascending order the highest that has begun, and the instant at which a newer one does.
pub(crate) fn standing_policy(
    policies: &[Policy],
    time: TimeMs,
) -> Option<(&Policy, Option<TimeMs>)> {
    let mut until = None;
    for policy in policies.iter().rev() {
        if policy.effective_from <= time {
            return Some((policy, until));
        }
        until = [until, Some(policy.effective_from)]
            .into_iter()
            .flatten()
            .min();
    }
    None
}

fn text_key<
    T: std::str::FromStr<Err = sekisho_domain::DomainError>,
    E: std::error::Error + 'static,
>(
    table: Table,
    key: &[u8],
) -> Result<T, CoreError<E>> {
    let text = std::str::from_utf8(key).map_err(|e| CoreError::corrupt(table, key, e))?;
    text.parse().map_err(|e| CoreError::corrupt(table, key, e))
}
