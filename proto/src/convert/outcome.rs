//! Outcomes of entries and of asked networks.

use super::{
    bounded, categories_in, categories_out, facilities_in, facilities_out, numbers, required,
    some_codes,
};
use crate::v1;
use sekisho_domain::{
    AccessRequest, Basis, Category, ConsentId, Decision, Denial, DenyReason, DisclosingFacilities,
    DomainError, EntryIndex, Footing, NetworkId, NetworkOutcome, Outcome, PermitTerms,
    RefusalReason, TimeMs, Withheld,
};

impl From<&Outcome> for v1::Outcome {
    fn from(o: &Outcome) -> Self {
        use v1::outcome::Outcome as Wire;
        Self {
            outcome: Some(match o {
                Outcome::Accepted => Wire::Accepted(v1::Everything {}),
                Outcome::Refused(reason) => Wire::Refused(reason.number().into()),
                Outcome::Decided(decisions) => Wire::Decided(v1::Decisions {
                    decisions: decisions_out(decisions),
                }),
            }),
        }
    }
}

impl TryFrom<v1::Outcome> for Outcome {
    type Error = DomainError;
    fn try_from(o: v1::Outcome) -> Result<Self, DomainError> {
        use v1::outcome::Outcome as Wire;
        Ok(match required(o.outcome, "the outcome")? {
            Wire::Accepted(_) => Self::Accepted,
            Wire::Refused(reason) => Self::Refused(RefusalReason::from_number(reason.into())?),
            Wire::Decided(decided) => Self::Decided(decisions_in(decided.decisions)?),
        })
    }
}

fn decisions_out(decisions: &[(NetworkId, Decision)]) -> Vec<v1::NetworkDecision> {
    decisions.iter().map(Into::into).collect()
}

fn decisions_in(
    decisions: Vec<v1::NetworkDecision>,
) -> Result<Vec<(NetworkId, Decision)>, DomainError> {
    bounded(
        &decisions,
        AccessRequest::TARGETS_MAX,
        "the decisions of a request",
    )?;
    decisions.into_iter().map(TryInto::try_into).collect()
}

impl From<&(NetworkId, Decision)> for v1::NetworkDecision {
    fn from((network, decision): &(NetworkId, Decision)) -> Self {
        use v1::network_decision::Decision as Wire;
        Self {
            network: network.to_string(),
            decision: Some(match decision {
                Decision::Permit(terms) => Wire::Permit(terms.into()),
                Decision::Deny(denial) => Wire::Deny(v1::Denial {
                    reason: denial.reason.number().into(),
                    agreement: denial.agreement.as_ref().map(Into::into),
                }),
            }),
        }
    }
}

impl TryFrom<v1::NetworkDecision> for (NetworkId, Decision) {
    type Error = DomainError;
    fn try_from(d: v1::NetworkDecision) -> Result<Self, DomainError> {
        use v1::network_decision::Decision as Wire;
        let decision = match required(d.decision, "the decision")? {
            Wire::Permit(terms) => Decision::Permit(terms.try_into()?),
            Wire::Deny(denial) => Decision::Deny(Denial {
                reason: DenyReason::from_number(denial.reason.into())?,
                agreement: denial.agreement.map(TryInto::try_into).transpose()?,
            }),
        };
        Ok((d.network.parse()?, decision))
    }
}

impl From<&PermitTerms> for v1::PermitTerms {
    fn from(t: &PermitTerms) -> Self {
        Self {
            subject: t.subject.0.to_vec(),
            bases: t.bases.iter().map(Into::into).collect(),
            withheld: t
                .withheld
                .iter()
                .map(|w| v1::Withheld {
                    categories: categories_out(w.categories.as_ref()),
                    facilities: w.facilities.as_ref().map(facilities_out),
                })
                .collect(),
            expires_ms: t.expires.0,
            footing: t.footing.number().into(),
        }
    }
}

impl TryFrom<v1::PermitTerms> for PermitTerms {
    type Error = DomainError;
    fn try_from(t: v1::PermitTerms) -> Result<Self, DomainError> {
        bounded(&t.bases, Self::BASES_MAX, "the bases of a permit")?;
        bounded(
            &t.withheld,
            Self::WITHHELD_MAX,
            "what is withheld from a permit",
        )?;
        if t.bases.is_empty() {
            return Err(DomainError::Missing("a basis of the permit"));
        }
        let footing = Footing::from_number(t.footing.into())?;
        let unfit = |consents: &[u64]| match footing {
            Footing::Consent => consents.is_empty(),
            // A search in a drill rests on none.
            Footing::DisasterDrill => false,
            _ => !consents.is_empty(),
        };
        if t.bases.iter().any(|b| unfit(&b.consents)) {
            return Err(DomainError::Invalid(
                "a basis rests on consents where the permit stands on consent, and on none where it does not",
            ));
        }
        Ok(Self {
            footing,
            subject: t.subject.as_slice().try_into()?,
            bases: t
                .bases
                .into_iter()
                .map(TryInto::try_into)
                .collect::<Result<_, _>>()?,
            withheld: t
                .withheld
                .into_iter()
                .map(|w| {
                    Ok(Withheld {
                        categories: categories_in(w.categories)?,
                        facilities: w.facilities.map(facilities_in).transpose()?,
                    })
                })
                .collect::<Result<_, DomainError>>()?,
            expires: TimeMs(t.expires_ms),
        })
    }
}

impl From<&Basis> for v1::Basis {
    fn from(b: &Basis) -> Self {
        use v1::basis::Facilities;
        Self {
            agreement: b.grant.as_ref().map(|(agreement, _)| agreement.into()),
            grant: b.grant.as_ref().map_or(0, |(_, position)| *position),
            consents: b.consents.iter().map(|c| c.0.0).collect(),
            categories: numbers!(b.categories),
            facilities: Some(match &b.facilities {
                DisclosingFacilities::All => Facilities::All(v1::Everything {}),
                DisclosingFacilities::RegisteredBefore(index) => {
                    Facilities::RegisteredBefore(index.0)
                }
                DisclosingFacilities::Listed(set) => Facilities::Listed(facilities_out(set)),
            }),
        }
    }
}

impl TryFrom<v1::Basis> for Basis {
    type Error = DomainError;
    fn try_from(b: v1::Basis) -> Result<Self, DomainError> {
        use v1::basis::Facilities;
        let position = b.grant;
        bounded(&b.consents, Self::CONSENTS_MAX, "the consents of a basis")?;
        if b.agreement.is_none() && position != 0 {
            return Err(DomainError::Invalid(
                "a basis without an agreement has no position in one",
            ));
        }
        Ok(Self {
            grant: b
                .agreement
                .map(|a| Ok::<_, DomainError>((a.try_into()?, position)))
                .transpose()?,
            consents: b
                .consents
                .into_iter()
                .map(|c| ConsentId(EntryIndex(c)))
                .collect(),
            categories: some_codes(
                &b.categories,
                Category::from_number,
                "the categories of a basis",
            )?,
            facilities: match required(b.facilities, "the facilities of a basis")? {
                Facilities::All(_) => DisclosingFacilities::All,
                Facilities::RegisteredBefore(index) => {
                    DisclosingFacilities::RegisteredBefore(EntryIndex(index))
                }
                Facilities::Listed(set) => DisclosingFacilities::Listed(facilities_in(set)?),
            },
        })
    }
}

impl From<&NetworkOutcome> for v1::NetworkOutcome {
    fn from(o: &NetworkOutcome) -> Self {
        use v1::network_outcome::Outcome as Wire;
        let everything = v1::Everything {};
        Self {
            outcome: Some(match o {
                NetworkOutcome::Answered { count } => Wire::Answered(*count),
                NetworkOutcome::Denied { reason } => Wire::Denied(reason.number().into()),
                NetworkOutcome::PatientUnknown => Wire::PatientUnknown(everything),
                NetworkOutcome::TimedOut { waited_ms } => Wire::TimedOutMs(*waited_ms),
                NetworkOutcome::Unreachable => Wire::Unreachable(everything),
                NetworkOutcome::Malformed => Wire::Malformed(everything),
                NetworkOutcome::Suspended => Wire::Suspended(everything),
                NetworkOutcome::Stale => Wire::Stale(everything),
            }),
        }
    }
}

impl TryFrom<v1::NetworkOutcome> for NetworkOutcome {
    type Error = DomainError;
    fn try_from(o: v1::NetworkOutcome) -> Result<Self, DomainError> {
        use v1::network_outcome::Outcome as Wire;
        Ok(match required(o.outcome, "the network's outcome")? {
            Wire::Answered(count) => Self::Answered { count },
            Wire::Denied(reason) => Self::Denied {
                reason: DenyReason::from_number(reason.into())?,
            },
            Wire::PatientUnknown(_) => Self::PatientUnknown,
            Wire::TimedOutMs(waited_ms) => Self::TimedOut { waited_ms },
            Wire::Unreachable(_) => Self::Unreachable,
            Wire::Malformed(_) => Self::Malformed,
            Wire::Suspended(_) => Self::Suspended,
            Wire::Stale(_) => Self::Stale,
        })
    }
}
