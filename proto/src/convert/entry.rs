//! Entries.

use super::{areas_in, areas_out, required};
use crate::v1;
use sekisho_domain::{
    AreaCode, Body, ConsentId, DisasterId, DomainError, Entry, EntryIndex, FacilityKind,
    KeyPurpose, NoticeId, ProxyEndReason, ProxyId, ReplicaId, ReservationId, SealId, TimeMs, Told,
    Withdrawal, check_endpoint, check_name,
};
use std::collections::BTreeSet;

/// As many prefectures as there are.
const PREFECTURES_MAX: usize = 47;

fn prefectures(areas: &[String]) -> Result<BTreeSet<AreaCode>, DomainError> {
    let areas = areas_in(areas, PREFECTURES_MAX)?;
    if areas.iter().all(AreaCode::is_prefecture) {
        Ok(areas)
    } else {
        Err(DomainError::Invalid(
            "an authority is one of whole prefectures",
        ))
    }
}

fn municipality(code: String) -> Result<AreaCode, DomainError> {
    let code: AreaCode = code.parse()?;
    if code.is_prefecture() {
        return Err(DomainError::Invalid(
            "a facility's municipality has 5 digits (JIS X 0402)",
        ));
    }
    Ok(code)
}

fn name(text: String) -> Result<String, DomainError> {
    check_name(&text).map(|()| text)
}

fn endpoint(text: String) -> Result<String, DomainError> {
    check_endpoint(&text).map(|()| text)
}

impl From<&Entry> for v1::Entry {
    fn from(e: &Entry) -> Self {
        Self {
            ledger: e.ledger.0.to_vec(),
            lineage: e.lineage,
            author: e.author.0.to_vec(),
            request_id: e.request_id.0.to_vec(),
            claimed_time_ms: e.claimed_time.0,
            not_before_ms: e.not_before.0,
            not_after_ms: e.not_after.0,
            body: Some((&e.body).into()),
        }
    }
}

impl TryFrom<v1::Entry> for Entry {
    type Error = DomainError;
    fn try_from(e: v1::Entry) -> Result<Self, DomainError> {
        if e.not_after_ms <= e.not_before_ms
            || e.not_after_ms - e.not_before_ms > Self::WINDOW_MS_MAX
        {
            return Err(DomainError::Invalid(
                "an entry's window must end after it starts, and within 5 minutes",
            ));
        }
        Ok(Self {
            ledger: e.ledger.as_slice().try_into()?,
            lineage: e.lineage,
            author: e.author.as_slice().try_into()?,
            request_id: e.request_id.as_slice().try_into()?,
            claimed_time: TimeMs(e.claimed_time_ms),
            not_before: TimeMs(e.not_before_ms),
            not_after: TimeMs(e.not_after_ms),
            body: required(e.body, "the entry's body")?.try_into()?,
        })
    }
}

impl From<&Body> for v1::entry::Body {
    fn from(body: &Body) -> Self {
        match body {
            Body::NetworkAdmit {
                network,
                name,
                governance_key,
            } => Self::NetworkAdmit(v1::NetworkAdmit {
                network: network.to_string(),
                name: name.clone(),
                governance_key: governance_key.0.to_vec(),
            }),
            Body::KeyAdd {
                purpose,
                public_key,
                endpoint,
            } => Self::KeyAdd(v1::KeyAdd {
                purpose: purpose.number().into(),
                public_key: public_key.0.to_vec(),
                endpoint: endpoint.clone(),
            }),
            Body::KeyRevoke { key } => Self::KeyRevoke(v1::KeyRevoke {
                key: key.0.to_vec(),
            }),
            Body::FacilityRegister {
                facility,
                kind,
                name,
                municipality,
            } => Self::FacilityRegister(v1::FacilityRegister {
                facility: facility.to_string(),
                kind: kind.number().into(),
                name: name.clone(),
                municipality: municipality.as_ref().map(ToString::to_string),
            }),
            Body::FacilityLeave { facility } => Self::FacilityLeave(v1::FacilityLeave {
                facility: facility.to_string(),
            }),
            Body::ConsentPolicyPublish(policy) => Self::ConsentPolicyPublish(policy.into()),
            Body::AgreementPropose(agreement) => Self::AgreementPropose(agreement.into()),
            Body::AgreementSign {
                id,
                version,
                digest,
            } => Self::AgreementSign(v1::AgreementSign {
                id: id.to_string(),
                version: *version,
                digest: digest.0.to_vec(),
            }),
            Body::AgreementSuspend { id } => {
                Self::AgreementSuspend(v1::AgreementSuspend { id: id.to_string() })
            }
            Body::AgreementTerminate { id } => {
                Self::AgreementTerminate(v1::AgreementTerminate { id: id.to_string() })
            }
            Body::ConsentGrant(consent) => Self::ConsentGrant(consent.into()),
            Body::ConsentWithdraw {
                consent,
                way,
                recorded_by,
                evidence,
            } => Self::ConsentWithdraw(v1::ConsentWithdraw {
                consent: consent.0.0,
                way: way.number().into(),
                recorded_by: recorded_by.to_string(),
                evidence: evidence.0.to_vec(),
            }),
            Body::ReservationSet(reservation) => Self::ReservationSet(reservation.into()),
            Body::ReservationClear {
                reservation,
                recorded_by,
            } => Self::ReservationClear(v1::ReservationClear {
                reservation: reservation.0.0,
                recorded_by: recorded_by.to_string(),
            }),
            Body::SubjectLink { own, other } => Self::SubjectLink(v1::SubjectLink {
                own: own.0.to_vec(),
                other: Some(other.into()),
            }),
            Body::SubjectUnlink { own, other } => Self::SubjectUnlink(v1::SubjectUnlink {
                own: own.0.to_vec(),
                other: Some(other.into()),
            }),
            Body::AccessRequest(request) => Self::AccessRequest(request.into()),
            Body::Release(transfer) => Self::Release(transfer.into()),
            Body::Receipt(transfer) => Self::Receipt(transfer.into()),
            Body::AuthorityAdmit {
                authority,
                name,
                key,
                prefectures,
            } => Self::AuthorityAdmit(v1::AuthorityAdmit {
                authority: authority.to_string(),
                name: name.clone(),
                key: key.0.to_vec(),
                prefectures: areas_out(prefectures),
            }),
            Body::AuthorityEnd { authority } => Self::AuthorityEnd(v1::AuthorityEnd {
                authority: authority.to_string(),
            }),
            Body::NoticePost(notice) => Self::NoticePost(notice.into()),
            Body::NoticeRemove { notice } => {
                Self::NoticeRemove(v1::NoticeRemove { notice: notice.0.0 })
            }
            Body::ProxyRegister(proxy) => Self::ProxyRegister(proxy.into()),
            Body::ProxyEnd {
                proxy,
                reason,
                recorded_by,
            } => Self::ProxyEnd(v1::ProxyEnd {
                proxy: proxy.0.0,
                reason: reason.number().into(),
                recorded_by: recorded_by.to_string(),
            }),
            Body::DeathRecord {
                subject,
                recorded_by,
            } => Self::DeathRecord(v1::DeathRecord {
                subject: subject.0.to_vec(),
                recorded_by: recorded_by.to_string(),
            }),
            Body::DeathRetract {
                subject,
                recorded_by,
            } => Self::DeathRetract(v1::DeathRecord {
                subject: subject.0.to_vec(),
                recorded_by: recorded_by.to_string(),
            }),
            Body::ReservationSeal { sealed } => Self::ReservationSeal(v1::ReservationSeal {
                sealed: sealed.0.to_vec(),
            }),
            Body::ReservationUnseal { seal } => {
                Self::ReservationUnseal(v1::ReservationUnseal { seal: seal.0.0 })
            }
            Body::EmergencyReview(review) => Self::EmergencyReview(review.into()),
            Body::PatientTold {
                access,
                way,
                recorded_by,
            } => Self::PatientTold(v1::PatientTold {
                access: access.0,
                way: way.number().into(),
                recorded_by: recorded_by.to_string(),
            }),
            Body::SecurityAlert(alert) => Self::SecurityAlert(alert.into()),
            Body::DisasterDeclare(disaster) => Self::DisasterDeclare(disaster.into()),
            Body::DisasterExtend { declaration, until } => {
                Self::DisasterExtend(v1::DisasterExtend {
                    declaration: declaration.0.0,
                    until_ms: until.0,
                })
            }
            Body::DisasterEnd { declaration } => Self::DisasterEnd(v1::DisasterEnd {
                declaration: declaration.0.0,
            }),
            Body::ReplicaAllocate {
                endpoint,
                transport_key,
                checkpoint_key,
            } => Self::ReplicaAllocate(v1::ReplicaAllocate {
                endpoint: endpoint.clone(),
                transport_key: transport_key.0.to_vec(),
                checkpoint_key: checkpoint_key.0.to_vec(),
            }),
            Body::ReplicaPromote { replica } => {
                Self::ReplicaPromote(v1::ReplicaPromote { replica: replica.0 })
            }
            Body::ReplicaRetire { replica } => {
                Self::ReplicaRetire(v1::ReplicaRetire { replica: replica.0 })
            }
            Body::Recovery(recovery) => Self::Recovery(recovery.into()),
        }
    }
}

impl TryFrom<v1::entry::Body> for Body {
    type Error = DomainError;
    fn try_from(body: v1::entry::Body) -> Result<Self, DomainError> {
        use v1::entry::Body as Wire;
        Ok(match body {
            Wire::NetworkAdmit(m) => Self::NetworkAdmit {
                network: m.network.parse()?,
                name: name(m.name)?,
                governance_key: m.governance_key.as_slice().try_into()?,
            },
            Wire::KeyAdd(m) => Self::KeyAdd {
                purpose: KeyPurpose::from_number(m.purpose.into())?,
                public_key: m.public_key.as_slice().try_into()?,
                endpoint: m.endpoint.map(endpoint).transpose()?,
            },
            Wire::KeyRevoke(m) => Self::KeyRevoke {
                key: m.key.as_slice().try_into()?,
            },
            Wire::FacilityRegister(m) => Self::FacilityRegister {
                facility: m.facility.parse()?,
                kind: FacilityKind::from_number(m.kind.into())?,
                name: name(m.name)?,
                municipality: m.municipality.map(municipality).transpose()?,
            },
            Wire::FacilityLeave(m) => Self::FacilityLeave {
                facility: m.facility.parse()?,
            },
            Wire::ConsentPolicyPublish(m) => Self::ConsentPolicyPublish(m.try_into()?),
            Wire::AgreementPropose(m) => Self::AgreementPropose(m.try_into()?),
            Wire::AgreementSign(m) => Self::AgreementSign {
                id: m.id.parse()?,
                version: m.version,
                digest: m.digest.as_slice().try_into()?,
            },
            Wire::AgreementSuspend(m) => Self::AgreementSuspend { id: m.id.parse()? },
            Wire::AgreementTerminate(m) => Self::AgreementTerminate { id: m.id.parse()? },
            Wire::ConsentGrant(m) => Self::ConsentGrant(m.try_into()?),
            Wire::ConsentWithdraw(m) => Self::ConsentWithdraw {
                consent: ConsentId(EntryIndex(m.consent)),
                way: Withdrawal::from_number(m.way.into())?,
                recorded_by: m.recorded_by.parse()?,
                evidence: m.evidence.as_slice().try_into()?,
            },
            Wire::ReservationSet(m) => Self::ReservationSet(m.try_into()?),
            Wire::ReservationClear(m) => Self::ReservationClear {
                reservation: ReservationId(EntryIndex(m.reservation)),
                recorded_by: m.recorded_by.parse()?,
            },
            Wire::SubjectLink(m) => Self::SubjectLink {
                own: m.own.as_slice().try_into()?,
                other: required(m.other, "the other subject")?.try_into()?,
            },
            Wire::SubjectUnlink(m) => Self::SubjectUnlink {
                own: m.own.as_slice().try_into()?,
                other: required(m.other, "the other subject")?.try_into()?,
            },
            Wire::AccessRequest(m) => Self::AccessRequest(m.try_into()?),
            Wire::Release(m) => Self::Release(m.try_into()?),
            Wire::Receipt(m) => Self::Receipt(m.try_into()?),
            Wire::AuthorityAdmit(m) => Self::AuthorityAdmit {
                authority: m.authority.parse()?,
                name: name(m.name)?,
                key: m.key.as_slice().try_into()?,
                prefectures: prefectures(&m.prefectures)?,
            },
            Wire::AuthorityEnd(m) => Self::AuthorityEnd {
                authority: m.authority.parse()?,
            },
            Wire::NoticePost(m) => Self::NoticePost(m.try_into()?),
            Wire::NoticeRemove(m) => Self::NoticeRemove {
                notice: NoticeId(EntryIndex(m.notice)),
            },
            Wire::ProxyRegister(m) => Self::ProxyRegister(m.try_into()?),
            Wire::ProxyEnd(m) => Self::ProxyEnd {
                proxy: ProxyId(EntryIndex(m.proxy)),
                reason: ProxyEndReason::from_number(m.reason.into())?,
                recorded_by: m.recorded_by.parse()?,
            },
            Wire::DeathRecord(m) => Self::DeathRecord {
                subject: m.subject.as_slice().try_into()?,
                recorded_by: m.recorded_by.parse()?,
            },
            Wire::DeathRetract(m) => Self::DeathRetract {
                subject: m.subject.as_slice().try_into()?,
                recorded_by: m.recorded_by.parse()?,
            },
            Wire::ReservationSeal(m) => Self::ReservationSeal {
                sealed: m.sealed.as_slice().try_into()?,
            },
            Wire::ReservationUnseal(m) => Self::ReservationUnseal {
                seal: SealId(EntryIndex(m.seal)),
            },
            Wire::EmergencyReview(m) => Self::EmergencyReview(m.try_into()?),
            Wire::PatientTold(m) => Self::PatientTold {
                access: EntryIndex(m.access),
                way: Told::from_number(m.way.into())?,
                recorded_by: m.recorded_by.parse()?,
            },
            Wire::SecurityAlert(m) => Self::SecurityAlert(m.try_into()?),
            Wire::DisasterDeclare(m) => Self::DisasterDeclare(m.try_into()?),
            Wire::DisasterExtend(m) => Self::DisasterExtend {
                declaration: DisasterId(EntryIndex(m.declaration)),
                until: TimeMs(m.until_ms),
            },
            Wire::DisasterEnd(m) => Self::DisasterEnd {
                declaration: DisasterId(EntryIndex(m.declaration)),
            },
            Wire::ReplicaAllocate(m) => Self::ReplicaAllocate {
                endpoint: endpoint(m.endpoint)?,
                transport_key: m.transport_key.as_slice().try_into()?,
                checkpoint_key: m.checkpoint_key.as_slice().try_into()?,
            },
            Wire::ReplicaPromote(m) => Self::ReplicaPromote {
                replica: ReplicaId(m.replica),
            },
            Wire::ReplicaRetire(m) => Self::ReplicaRetire {
                replica: ReplicaId(m.replica),
            },
            Wire::Recovery(m) => Self::Recovery(m.try_into()?),
        })
    }
}
