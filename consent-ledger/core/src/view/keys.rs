//! The keys of the state's tables. Parts of variable length end with a zero byte, which no id contains; indices
//! are big endian, so that keys sort as they do.

use crate::record;
use sekisho_domain::{
    AgreementId, EntryIndex, FacilityId, KeyId, NetworkId, NoticeAbout, Pattern, PractitionerId,
    RequestId, SubjectId, TimeMs,
};

pub(crate) fn key_of_network_key(network: &NetworkId, id: Option<&KeyId>) -> Vec<u8> {
    let id: &[u8] = id.map_or(&[], |id| id.as_bytes().as_slice());
    record::key(&[network.as_str().as_bytes(), b"\0", id])
}

pub(crate) fn policy_key(network: &NetworkId, version: u32) -> Vec<u8> {
    record::key(&[network.as_str().as_bytes(), b"\0", &version.to_be_bytes()])
}

pub(crate) fn agreement_key(id: &AgreementId, version: u32) -> Vec<u8> {
    record::key(&[id.as_str().as_bytes(), b"\0", &version.to_be_bytes()])
}

pub(crate) fn pair_key(a: &NetworkId, b: &NetworkId, id: Option<&AgreementId>) -> Vec<u8> {
    let (first, second) = if a < b { (a, b) } else { (b, a) };
    let id = id.map_or("", AgreementId::as_str);
    record::key(&[
        first.as_str().as_bytes(),
        b"\0",
        second.as_str().as_bytes(),
        b"\0",
        id.as_bytes(),
    ])
}

pub(crate) fn transfer_key(access: EntryIndex, release: bool) -> Vec<u8> {
    record::key(&[&record::index_key(access), &[u8::from(!release)]])
}

pub(crate) fn request_key(network: &NetworkId, id: &RequestId) -> Vec<u8> {
    record::key(&[network.as_str().as_bytes(), b"\0", id.as_bytes()])
}

pub(crate) fn subject_key(network: &NetworkId, subject: &SubjectId) -> Vec<u8> {
    record::key(&[network.as_str().as_bytes(), b"\0", subject.as_bytes()])
}

/// What a notice is about, as far as the key tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoticeKind {
    Purposes = 1,
    Joining = 2,
}

impl NoticeKind {
    pub fn of(about: &NoticeAbout) -> Self {
        match about {
            NoticeAbout::Purposes { .. } => Self::Purposes,
            NoticeAbout::Joining { .. } => Self::Joining,
        }
    }
}

pub(crate) fn notice_key(
    network: &NetworkId,
    kind: NoticeKind,
    index: Option<EntryIndex>,
) -> Vec<u8> {
    let index = index.map(record::index_key);
    let tail: &[u8] = index.as_ref().map_or(&[], |i| i.as_slice());
    record::key(&[network.as_str().as_bytes(), b"\0", &[kind as u8], tail])
}

pub(crate) fn review_due_key(network: &NetworkId, due: TimeMs, access: EntryIndex) -> Vec<u8> {
    record::key(&[
        network.as_str().as_bytes(),
        b"\0",
        &due.0.to_be_bytes(),
        &record::index_key(access),
    ])
}

pub(crate) fn alert_key(
    network: &NetworkId,
    pattern: Pattern,
    practitioner: &PractitionerId,
) -> Vec<u8> {
    let network = network.as_str().as_bytes();
    record::key(&[network, b"\0", &[pattern.number()], &practitioner.0])
}

/// `area` is a prefecture's two digits or a municipality's five.
pub(crate) fn facility_of_area_key(
    network: &NetworkId,
    area: &str,
    facility: Option<&FacilityId>,
) -> Vec<u8> {
    let facility = facility.map_or("", FacilityId::as_str);
    record::key(&[
        network.as_str().as_bytes(),
        b"\0",
        area.as_bytes(),
        b"\0",
        facility.as_bytes(),
    ])
}
