//! Questions about what happens around consents: authorities, notices, proxies, deaths, emergencies, disasters.

use super::keys::{NoticeKind, alert_key, facility_of_area_key, key_of_network_key, notice_key};
use super::{Answer, Records, View, text_key};
use crate::chart::Chart;
use crate::record::{
    self, Authority, CoreError, Death, DeclaredDisaster, EmergencyAccess, KnownProxy, PostedNotice,
    Record, Sealed,
};
use crate::store::{StateRead, Table};
use sekisho_domain::{
    AreaCode, DisasterId, EntryIndex, NetworkId, NoticeId, Pattern, PractitionerId, ProxyId,
    SealId, SubjectRef,
};
use std::sync::Arc;

/// Notices of one kind one network may post over time: as many as the largest has facilities, some times over.
pub const NOTICES_MAX: usize = 1024;
/// Disaster authorities one ledger may have over time: some for each prefecture.
pub const AUTHORITIES_MAX: usize = 128;

impl<S: StateRead> View<'_, S> {
    /// A disaster authority, ended or not.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn authority(self, id: &NetworkId) -> Answer<Option<Record<Authority>>, S> {
        record::get(self.0, Table::Authority, id.as_str().as_bytes())
    }
    /// Every disaster authority, by id.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn authorities(self) -> Answer<Vec<(NetworkId, Authority)>, S> {
        let rows = record::scan(self.0, Table::Authority, b"", AUTHORITIES_MAX)?;
        rows.into_iter()
            .map(|(key, record)| Ok((text_key(Table::Authority, &key)?, record.value)))
            .collect()
    }
    /// A notice, standing or not.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn notice(self, id: NoticeId) -> Answer<Option<Record<PostedNotice>>, S> {
        self.indexed(Table::NoticeAt, id.0, Table::Notice)
    }
    /// A network's notices of purposes, oldest first, standing or not.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn notices_of_purposes(self, network: &NetworkId) -> Answer<Vec<PostedNotice>, S> {
        Ok(self.purposes_posted(network)?.iter().cloned().collect())
    }
    /// The same, not copied.
    pub(crate) fn purposes_posted(
        self,
        network: &NetworkId,
    ) -> Answer<Arc<Records<PostedNotice>>, S> {
        let prefix = notice_key(network, NoticeKind::Purposes, None);
        self.records(Table::Notice, &prefix, NOTICES_MAX)
    }
    /// A network's notices of facilities that joined, oldest first, standing or not.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn notices_of_joining(self, network: &NetworkId) -> Answer<Vec<PostedNotice>, S> {
        Ok(self.joinings_posted(network)?.iter().cloned().collect())
    }
    /// The same, not copied.
    pub(crate) fn joinings_posted(
        self,
        network: &NetworkId,
    ) -> Answer<Arc<Records<PostedNotice>>, S> {
        let prefix = notice_key(network, NoticeKind::Joining, None);
        self.records(Table::Notice, &prefix, NOTICES_MAX)
    }
    /// A proxy, ended or not.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn proxy(self, id: ProxyId) -> Answer<Option<Record<KnownProxy>>, S> {
        record::get(self.0, Table::Proxy, &record::index_key(id.0))
    }
    /// What is recorded of a subject's death.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn death(self, subject: &SubjectRef) -> Answer<Option<Record<Death>>, S> {
        let death = Chart::read(self.0, subject)?.death(self.0)?;
        if let Some(record) = &death {
            self.0.used(&record.sources);
        }
        Ok(death)
    }
    /// Whether a subject is recorded as having died.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn is_deceased(self, subject: &SubjectRef) -> Answer<bool, S> {
        let death = self.death(subject)?;
        Ok(death.is_some_and(|r| r.value.recorded.is_some()))
    }
    /// A sealed reservation, lifted or not.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn seal(self, id: SealId) -> Answer<Option<Record<Sealed>>, S> {
        record::get(self.0, Table::Seal, &record::index_key(id.0))
    }
    /// Some sealed reservations, in their order; looked at together.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn seals(self, ids: &[SealId]) -> Answer<Vec<Option<Record<Sealed>>>, S> {
        let keys = ids.iter().map(|id| record::index_key(id.0).to_vec());
        let keys: Vec<_> = keys.collect();
        self.0.ahead(Table::Seal, &keys).map_err(CoreError::Store)?;
        ids.iter().map(|id| self.seal(*id)).collect()
    }
    /// An access by break-glass and what became of it.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn emergency(self, access: EntryIndex) -> Answer<Option<Record<EmergencyAccess>>, S> {
        record::get(self.0, Table::Emergency, &record::index_key(access))
    }
    /// A network's accesses by break-glass that nobody has judged for good, the soonest due first, at most `max`.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn reviews_due(
        self,
        network: &NetworkId,
        max: usize,
    ) -> Answer<Vec<(EntryIndex, EmergencyAccess)>, S> {
        let prefix = key_of_network_key(network, None);
        let rows = self
            .0
            .scan(Table::ReviewDue, &prefix, &prefix, max)
            .map_err(CoreError::Store)?;
        rows.iter()
            .map(|(key, _)| {
                let damaged = || CoreError::corrupt(Table::ReviewDue, key, "it points at nothing");
                let tail = key.len().checked_sub(8).and_then(|at| key.get(at..));
                let index = tail.and_then(|tail| <[u8; 8]>::try_from(tail).ok());
                let index = EntryIndex(u64::from_be_bytes(index.ok_or_else(damaged)?));
                let access = self.emergency(index)?.ok_or_else(damaged)?;
                Ok((index, access.value))
            })
            .collect()
    }
    /// The last access that an alert of this pattern on a practitioner names.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn alerted(
        self,
        viewing: &NetworkId,
        pattern: Pattern,
        practitioner: &PractitionerId,
    ) -> Answer<Option<EntryIndex>, S> {
        let key = alert_key(viewing, pattern, practitioner);
        Ok(record::get(self.0, Table::Alert, &key)?.map(|last| last.value))
    }
    /// A declared disaster, ended or not.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn disaster(self, id: DisasterId) -> Answer<Option<Record<DeclaredDisaster>>, S> {
        record::get(self.0, Table::Disaster, &record::index_key(id.0))
    }
    /// Declared disasters, oldest first, at most `max`.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn disasters(self, max: usize) -> Answer<Vec<(DisasterId, DeclaredDisaster)>, S> {
        let rows = record::scan::<_, DeclaredDisaster>(self.0, Table::Disaster, b"", max)?;
        rows.into_iter()
            .map(|(key, record)| {
                let index = <[u8; 8]>::try_from(key.as_slice())
                    .map_err(|e| CoreError::corrupt(Table::Disaster, &key, e))?;
                let id = DisasterId(EntryIndex(u64::from_be_bytes(index)));
                Ok((id, record.value))
            })
            .collect()
    }
    /// Whether a network has a facility in one of the areas.
    ///
    /// # Errors
    /// See [`View::meta`].
    pub fn is_in_area<'a>(
        self,
        network: &NetworkId,
        areas: impl IntoIterator<Item = &'a AreaCode>,
    ) -> Answer<bool, S> {
        for area in areas {
            let prefix = facility_of_area_key(network, area.as_str(), None);
            if !record::scan::<_, ()>(self.0, Table::FacilityOfArea, &prefix, 1)?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
