//! Proxies, notices, reviews and disasters.

use super::{areas_in, areas_out, numbers, required, some_codes};
use crate::v1;
use sekisho_domain::{
    Disaster, DisasterKind, DomainError, EntryIndex, Nature, Notice, NoticeAbout, Pattern, Proxy,
    ProxyKind, Purpose, Review, SecurityAlert, TimeMs, Verdict,
};

impl From<&Proxy> for v1::Proxy {
    fn from(p: &Proxy) -> Self {
        Self {
            network: p.network.to_string(),
            subject: p.subject.0.to_vec(),
            kind: p.kind.number().into(),
            period: Some(p.period.into()),
            recorded_by: p.recorded_by.to_string(),
            evidence: p.evidence.0.to_vec(),
        }
    }
}

impl TryFrom<v1::Proxy> for Proxy {
    type Error = DomainError;
    fn try_from(p: v1::Proxy) -> Result<Self, DomainError> {
        Ok(Self {
            network: p.network.parse()?,
            subject: p.subject.as_slice().try_into()?,
            kind: ProxyKind::from_number(p.kind.into())?,
            period: required(p.period, "the proxy's period")?.try_into()?,
            recorded_by: p.recorded_by.parse()?,
            evidence: p.evidence.as_slice().try_into()?,
        })
    }
}

impl From<&Notice> for v1::Notice {
    fn from(n: &Notice) -> Self {
        use v1::notice::About;
        Self {
            about: Some(match &n.about {
                NoticeAbout::Purposes { facility, purposes } => {
                    About::Purposes(v1::PurposesNotice {
                        facility: facility.as_ref().map(ToString::to_string),
                        purposes: numbers!(purposes),
                    })
                }
                NoticeAbout::Joining { facility } => About::JoiningFacility(facility.to_string()),
            }),
            period: Some(n.period.into()),
            text_hash: n.text_hash.0.to_vec(),
        }
    }
}

impl TryFrom<v1::Notice> for Notice {
    type Error = DomainError;
    fn try_from(n: v1::Notice) -> Result<Self, DomainError> {
        use v1::notice::About;
        let about = match required(n.about, "what the notice is about")? {
            About::Purposes(p) => {
                let purposes =
                    some_codes(&p.purposes, Purpose::from_number, "the notice's purposes")?;
                if purposes.iter().any(|p| p.nature() != Nature::Ordinary) {
                    return Err(DomainError::Invalid(
                        "a notice of purposes names purposes that rest on consent",
                    ));
                }
                NoticeAbout::Purposes {
                    facility: p.facility.map(|f| f.parse()).transpose()?,
                    purposes,
                }
            }
            About::JoiningFacility(facility) => NoticeAbout::Joining {
                facility: facility.parse()?,
            },
        };
        Ok(Self {
            about,
            period: required(n.period, "the notice's period")?.try_into()?,
            text_hash: n.text_hash.as_slice().try_into()?,
        })
    }
}

impl From<&Review> for v1::Review {
    fn from(r: &Review) -> Self {
        Self {
            access: r.access.0,
            reviewer: r.reviewer.0.to_vec(),
            verdict: r.verdict.number().into(),
            evidence: r.evidence.0.to_vec(),
        }
    }
}

impl TryFrom<v1::Review> for Review {
    type Error = DomainError;
    fn try_from(r: v1::Review) -> Result<Self, DomainError> {
        Ok(Self {
            access: EntryIndex(r.access),
            reviewer: r.reviewer.as_slice().try_into()?,
            verdict: Verdict::from_number(r.verdict.into())?,
            evidence: r.evidence.as_slice().try_into()?,
        })
    }
}

impl From<&SecurityAlert> for v1::SecurityAlert {
    fn from(a: &SecurityAlert) -> Self {
        Self {
            pattern: a.pattern.number().into(),
            viewing: a.viewing.to_string(),
            practitioner_id: a.practitioner.0.to_vec(),
            accesses: a.accesses.iter().map(|index| index.0).collect(),
        }
    }
}

impl TryFrom<v1::SecurityAlert> for SecurityAlert {
    type Error = DomainError;
    fn try_from(a: v1::SecurityAlert) -> Result<Self, DomainError> {
        if !(1..=Self::ACCESSES_MAX).contains(&a.accesses.len()) {
            return Err(DomainError::Invalid("an alert names 1 to 64 accesses"));
        }
        if !a.accesses.is_sorted_by(|before, after| before < after) {
            return Err(DomainError::Invalid(
                "an alert's accesses must be ascending, each named once",
            ));
        }
        Ok(Self {
            pattern: Pattern::from_number(a.pattern.into())?,
            viewing: a.viewing.parse()?,
            practitioner: a.practitioner_id.as_slice().try_into()?,
            accesses: a.accesses.into_iter().map(EntryIndex).collect(),
        })
    }
}

impl From<&Disaster> for v1::Disaster {
    fn from(d: &Disaster) -> Self {
        Self {
            kind: d.kind.number().into(),
            area: areas_out(&d.area),
            from_ms: d.from.0,
            until_ms: d.until.0,
            drill: d.drill,
        }
    }
}

impl TryFrom<v1::Disaster> for Disaster {
    type Error = DomainError;
    fn try_from(d: v1::Disaster) -> Result<Self, DomainError> {
        if d.until_ms <= d.from_ms || d.until_ms - d.from_ms > Self::PERIOD_MS_MAX {
            return Err(DomainError::Invalid(
                "a declaration must end after it starts, and within 7 days",
            ));
        }
        Ok(Self {
            kind: DisasterKind::from_number(d.kind.into())?,
            area: areas_in(&d.area, Self::AREAS_MAX)?,
            from: TimeMs(d.from_ms),
            until: TimeMs(d.until_ms),
            drill: d.drill,
        })
    }
}
