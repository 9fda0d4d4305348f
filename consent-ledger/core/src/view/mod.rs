//! Typed questions to the state. Everything that reads the ledger reads it through here.

mod keys;
mod life;

pub(crate) use keys::*;
pub use life::{AUTHORITIES_MAX, NOTICES_MAX};

use crate::record::{self, CoreError, Record};
use crate::record::{
    AgreementHead, AgreementVersion, Facility, GivenConsent, GivenReservation, Key, Link, Network,
    Policy,
};
use crate::record::{RecordedTransfer, Requested};
use crate::store::{StateRead, Table};
use sekisho_domain::{
    AccessRecord, AgreementId, ConsentId, EntryIndex, FacilityId, Hash, KeyId, KeyPurpose,
    LedgerId, NetworkId, RequestId, ReservationId, Side, SubjectId, SubjectRef, TimeMs,
};
use serde::{Deserialize, Serialize};

/// Members one ledger may have (architecture §5: a handful to some tens).
pub const NETWORKS_MAX: usize = 64;
/// Keys one network may register over time.
pub const KEYS_MAX: usize = 64;
/// Consents of one subject and side over time: one a month for forty years.
pub const CONSENTS_MAX: usize = 512;
/// Reservations of one subject over time that a decision looks at; beyond it nothing is permitted.
pub const RESERVATIONS_MAX: usize = 512;
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
        record::get(self.0, Table::Key, id.as_bytes())
    }
    /// Every key not revoked, of one purpose.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn keys(self, purpose: KeyPurpose) -> Answer<Vec<(KeyId, Key)>, S> {
        let max = NETWORKS_MAX * KEYS_MAX;
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
        let prefix = record::key(&[network.as_str().as_bytes(), b"\0"]);
        let rows = record::scan(self.0, Table::ConsentPolicy, &prefix, POLICY_VERSIONS_MAX)?;
        Ok(rows.into_iter().map(|(_, r)| r.value).collect())
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
        let policies = self.policies(network)?;
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
        self.indexed(Table::ConsentAt, id.0, Table::ConsentOfSubject)
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
        let prefix = consent_of_subject_key(network, subject, side, None);
        let rows = record::scan(self.0, Table::ConsentOfSubject, &prefix, CONSENTS_MAX)?;
        Ok(rows.into_iter().map(|(_, r)| r.value).collect())
    }
    /// A reservation.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn reservation(self, id: ReservationId) -> Answer<Option<Record<GivenReservation>>, S> {
        self.indexed(Table::ReservationAt, id.0, Table::ReservationOfSubject)
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
        let prefix = reservation_of_subject_key(network, subject, None);
        let max = RESERVATIONS_MAX + 1;
        let rows = record::scan(self.0, Table::ReservationOfSubject, &prefix, max)?;
        Ok(rows.into_iter().map(|(_, r)| r.value).collect())
    }
    /// What was said about two subjects being the same patient.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn link(self, a: &SubjectRef, b: &SubjectRef) -> Answer<Option<Record<Link>>, S> {
        record::get(self.0, Table::Link, &link_key(a, b))
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
        let prefix = link_prefix(subject, other);
        let rows = record::scan::<_, Link>(self.0, Table::Link, &prefix, LINKS_MAX)?;
        rows.into_iter()
            .map(|(key, record)| {
                let id = SubjectId::try_from(key.get(prefix.len()..).unwrap_or_default())
                    .map_err(|e| CoreError::corrupt(Table::Link, &key, e))?;
                Ok((id, record.value))
            })
            .collect()
    }
    /// The subject of another network that both networks say is this patient.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn linked(self, subject: &SubjectRef, other: &NetworkId) -> Answer<Option<SubjectId>, S> {
        let both = |link: &Link| {
            link.said_by.contains_key(&subject.network) && link.said_by.contains_key(other)
        };
        Ok(self
            .links_of(subject, other)?
            .into_iter()
            .find(|(_, link)| both(link))
            .map(|(id, _)| id))
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
