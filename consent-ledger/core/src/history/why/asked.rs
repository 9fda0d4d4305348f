//! One request to one network, asked again and again with something supposed away.

use super::{Fact, Stage, StageKind, Standing, Why};
use crate::history::{HistoryError, Supposed, members};
use crate::record::{AgreementHead, AgreementVersion, CoreError, GivenConsent, GivenReservation};
use crate::store::StateRead;
use crate::view::{View, standing_policy};
use sekisho_domain::{
    AccessRequest, AgreementId, AgreementRef, ConsentId, ConsentRule, Decision, DenyReason,
    Grounds, NetworkId, NoticeAbout, NoticeId, ReservationId, Side, SubjectRef, TimeMs,
};
use std::collections::BTreeSet;

/// One request to one network.
pub(super) struct Asked<'a, S> {
    view: View<'a, S>,
    request: &'a AccessRequest,
    target: &'a NetworkId,
    time: TimeMs,
    decision: Decision,
    viewing: SubjectRef,
    /// The patient as the network asked knows them, if it does.
    disclosing: Option<SubjectRef>,
}

/// A grant and the rule it has.
type Granted = (AgreementRef, u32, ConsentRule);
type Facts<S> = Result<Vec<Fact>, CoreError<<S as StateRead>::Error>>;

impl<'a, S: StateRead> Asked<'a, S> {
    pub fn at(
        view: View<'a, S>,
        request: &'a AccessRequest,
        target: &'a NetworkId,
        time: TimeMs,
    ) -> Result<Self, CoreError<S::Error>> {
        let viewing = SubjectRef {
            network: request.viewing.clone(),
            subject: request.subject,
        };
        let subject = match *target == request.viewing {
            true => Some(request.subject),
            false => view.linked(&viewing, target)?,
        };
        Ok(Self {
            view,
            request,
            target,
            time,
            decision: members::decide(view, request, time)?,
            viewing,
            disclosing: subject.map(|subject| SubjectRef {
                network: target.clone(),
                subject,
            }),
        })
    }

    fn is_own(&self) -> bool {
        *self.target == self.request.viewing
    }

    pub fn explained(self) -> Result<Why, HistoryError<S::Error>> {
        let drill = match self.request.grounds {
            Grounds::Disaster { declaration, .. } => {
                let declared = self.view.disaster(declaration)?;
                declared.is_some_and(|d| d.value.disaster.drill)
            }
            _ => false,
        };
        let nature = self.request.purpose.nature();
        let failed = match &self.decision {
            Decision::Permit(_) => None,
            Decision::Deny(denial) => Some(denial.reason),
        };
        let mut stages = Vec::new();
        for stage in StageKind::ALL {
            let standing = match failed {
                Some(reason) if StageKind::of(reason) == stage => Standing::Failed(reason),
                Some(reason) if StageKind::of(reason) < stage => Standing::NotReached,
                _ if stage.is_asked(nature, drill) => Standing::Passed,
                _ => Standing::NotNeeded,
            };
            let facts = match standing {
                Standing::NotNeeded | Standing::NotReached => Vec::new(),
                _ => self.facts(stage)?,
            };
            stages.push(Stage {
                stage,
                standing,
                facts,
            });
        }
        Ok(Why {
            network: self.target.clone(),
            decision: self.decision,
            stages,
        })
    }

    fn facts(&self, stage: StageKind) -> Facts<S> {
        match stage {
            StageKind::Members => self.members(),
            StageKind::Agreements => self.agreements(),
            StageKind::Disaster => self.disaster(),
            StageKind::Patient => self.patient(),
            StageKind::Policies => self.policies(),
            StageKind::Consents => self.consents(),
            StageKind::Reservations => self.reservations(),
        }
    }

    fn members(&self) -> Facts<S> {
        let mut facts = Vec::new();
        if let Some(member) = self.view.network(self.target)? {
            facts.push(Fact::Member {
                network: self.target.clone(),
                by: member.sources,
            });
        }
        if let Some(known) = self.view.facility(&self.request.facility)? {
            let facility = known.value;
            facts.push(Fact::Facility {
                facility: self.request.facility.clone(),
                kind: facility.kind,
                network: facility.network,
                registered: facility.registered,
                left: facility.left,
            });
        }
        Ok(facts)
    }

    fn agreements(&self) -> Facts<S> {
        if self.is_own() {
            let policy = self.view.policy_at(self.target, self.time)?;
            return Ok(vec![Fact::Own {
                emergency: policy.and_then(|p| p.policy.emergency),
            }]);
        }
        let mut facts = Vec::new();
        for id in self
            .view
            .agreements_of(self.target, &self.request.viewing)?
        {
            let Some((head, version)) = self.counting(&id)? else {
                continue;
            };
            let agreement = &version.agreement;
            let of = AgreementRef {
                id: id.clone(),
                version: agreement.version,
            };
            let unsigned = agreement.parties.iter();
            facts.push(Fact::Agreement {
                agreement: of.clone(),
                unsigned: unsigned
                    .filter(|p| !version.signed.contains_key(p))
                    .cloned()
                    .collect(),
                signed: version.signed.clone(),
                valid: agreement.valid,
                suspended: head.suspended,
                terminated: head.terminated,
            });
            for (position, grant) in (0..).zip(&agreement.grants) {
                if grant.disclosing != *self.target || grant.viewing != self.request.viewing {
                    continue;
                }
                let mut supposed = Supposed::over(self.view.0);
                let between = (self.target, &self.request.viewing);
                supposed.only_grant(between, &of, position, None)?;
                facts.push(Fact::Grant {
                    agreement: of.clone(),
                    grant: position,
                    rule: grant.consent_rule,
                    against: self.against(View(&supposed))?,
                });
            }
        }
        Ok(facts)
    }

    /// The version that counts: the highest signed by all that has begun; else the next; else the last proposed.
    fn counting(
        &self,
        id: &AgreementId,
    ) -> Result<Option<(AgreementHead, AgreementVersion)>, CoreError<S::Error>> {
        let Some(head) = self.view.agreement_head(id)?.map(|r| r.value) else {
            return Ok(None);
        };
        let mut counting: Option<AgreementVersion> = None;
        for number in head.signed.iter().rev() {
            let Some(version) = self.view.agreement(id, *number)?.map(|r| r.value) else {
                continue;
            };
            let from = version.agreement.valid.from;
            let sooner = |so_far: &AgreementVersion| from < so_far.agreement.valid.from;
            if from <= self.time {
                counting = Some(version);
                break;
            }
            if counting.as_ref().is_none_or(sooner) {
                counting = Some(version);
            }
        }
        if counting.is_none() {
            let last = self.view.agreement(id, head.latest)?;
            counting = last.map(|r| r.value);
        }
        Ok(counting.map(|version| (head, version)))
    }

    /// What would stand against the request in another state.
    fn against<T: StateRead>(
        &self,
        supposed: View<'_, T>,
    ) -> Result<Option<DenyReason>, CoreError<T::Error>> {
        Ok(match members::decide(supposed, self.request, self.time)? {
            Decision::Permit(_) => None,
            Decision::Deny(denial) => Some(denial.reason),
        })
    }

    fn disaster(&self) -> Facts<S> {
        let Grounds::Disaster { declaration, .. } = self.request.grounds else {
            return Ok(Vec::new());
        };
        let Some(declared) = self.view.disaster(declaration)?.map(|r| r.value) else {
            return Ok(Vec::new());
        };
        let disaster = declared.disaster;
        Ok(vec![Fact::Disaster {
            declaration,
            authority: declared.authority,
            kind: disaster.kind,
            area: disaster.area,
            from: disaster.from,
            until: disaster.until,
            drill: disaster.drill,
            ended: declared.ended,
        }])
    }

    /// The patient as the networks know them, each once.
    fn subjects(&self) -> BTreeSet<SubjectRef> {
        let both = [Some(self.viewing.clone()), self.disclosing.clone()];
        both.into_iter().flatten().collect()
    }

    fn patient(&self) -> Facts<S> {
        let mut facts = Vec::new();
        if !self.is_own() {
            for (subject, link) in self.view.links_of(&self.viewing, self.target)? {
                facts.push(Fact::Link {
                    own: self.viewing.clone(),
                    other: SubjectRef {
                        network: self.target.clone(),
                        subject,
                    },
                    said_by: link.said_by,
                });
            }
        }
        for subject in self.subjects() {
            let death = self.view.death(&subject)?;
            if let Some(recorded) = death.and_then(|d| d.value.recorded) {
                facts.push(Fact::Death { subject, recorded });
            }
        }
        Ok(facts)
    }

    fn policies(&self) -> Facts<S> {
        let mut facts = Vec::new();
        for (side, network) in [
            (Side::Disclosing, self.target),
            (Side::Viewing, &self.request.viewing),
        ] {
            let policies = self.view.policies(network)?;
            let Some((policy, _)) = standing_policy(&policies, self.time) else {
                continue;
            };
            facts.push(Fact::Policy {
                network: network.clone(),
                side,
                version: policy.policy.version,
                effective_from: policy.effective_from,
                rule: match side {
                    Side::Disclosing => policy.policy.disclosing.clone(),
                    Side::Viewing => policy.policy.viewing.clone(),
                },
            });
        }
        for posted in self.view.notices_of_purposes(self.target)? {
            if !posted.stands(self.time) {
                continue;
            }
            if let NoticeAbout::Purposes { facility, purposes } = posted.notice.about {
                facts.push(Fact::Notice {
                    notice: NoticeId(posted.posted),
                    network: self.target.clone(),
                    facility,
                    purposes,
                });
            }
        }
        Ok(facts)
    }

    fn consents(&self) -> Facts<S> {
        let mut facts = Vec::new();
        let sides = [
            (Side::Disclosing, self.disclosing.as_ref()),
            (Side::Viewing, Some(&self.viewing)),
        ];
        for (side, subject) in sides {
            let Some(subject) = subject else { continue };
            let of = self
                .view
                .consents_of(&subject.network, &subject.subject, side)?;
            for given in of {
                if let Some(against) = self.against_act(subject, &given)? {
                    facts.push(consent(subject, &given, against));
                }
            }
        }
        Ok(facts)
    }

    /// What stands against an act by itself: of the grants that look at its side, the one that goes furthest with it.
    /// None where none looks at its side.
    #[expect(
        clippy::option_option,
        reason = "no grant looks at it; nothing stands against it; this does"
    )]
    fn against_act(
        &self,
        subject: &SubjectRef,
        given: &GivenConsent,
    ) -> Result<Option<Option<DenyReason>>, CoreError<S::Error>> {
        let (side, act) = (given.consent.side, ConsentId(given.granted));
        let mut furthest: Option<Option<DenyReason>> = None;
        let mut consider = |against: Option<DenyReason>| {
            // Nothing against it is further than anything.
            furthest = Some(match (furthest, against) {
                (Some(None), _) | (_, None) => None,
                (Some(Some(so_far)), Some(reason)) => Some(so_far.max(reason)),
                (None, Some(reason)) => Some(reason),
            });
        };
        if self.is_own() {
            let mut supposed = Supposed::over(self.view.0);
            supposed.only_rule(self.target, side)?;
            supposed.only_act(subject, side, act)?;
            supposed.only_reservation(subject, None)?;
            consider(self.against(View(&supposed))?);
            return Ok(furthest);
        }
        for (agreement, position, rule) in self.candidates()? {
            let rule = match (rule, side) {
                (ConsentRule::Both | ConsentRule::Either, Side::Disclosing)
                | (ConsentRule::Disclosing, Side::Disclosing) => ConsentRule::Disclosing,
                (ConsentRule::Both | ConsentRule::Either, Side::Viewing)
                | (ConsentRule::Viewing, Side::Viewing) => ConsentRule::Viewing,
                (ConsentRule::RecipientConsentWithProviderReservation, Side::Viewing) => rule,
                // A drill opens what was consented to disclose, whatever the rule.
                (ConsentRule::NotNeeded, Side::Disclosing) => rule,
                _ => continue,
            };
            let mut supposed = Supposed::over(self.view.0);
            let between = (self.target, &self.request.viewing);
            supposed.only_grant(between, &agreement, position, Some(rule))?;
            supposed.only_act(subject, side, act)?;
            for subject in self.subjects() {
                supposed.only_reservation(&subject, None)?;
            }
            consider(self.against(View(&supposed))?);
        }
        Ok(furthest)
    }

    /// The grants that got as far as the patient.
    fn candidates(&self) -> Result<Vec<Granted>, CoreError<S::Error>> {
        let far = |against: &Option<DenyReason>| {
            against.is_none_or(|reason| StageKind::of(reason) > StageKind::Agreements)
        };
        let facts = self.agreements()?.into_iter();
        Ok(facts
            .filter_map(|fact| match fact {
                Fact::Grant {
                    agreement,
                    grant,
                    rule,
                    against,
                } if far(&against) => Some((agreement, grant, rule)),
                _ => None,
            })
            .collect())
    }

    fn reservations(&self) -> Facts<S> {
        let subjects = self.subjects();
        let mut without = Supposed::over(self.view.0);
        for subject in &subjects {
            without.only_reservation(subject, None)?;
        }
        let free = members::decide(View(&without), self.request, self.time)?;
        let mut facts = Vec::new();
        for subject in &subjects {
            let (network, id) = (&subject.network, &subject.subject);
            for given in self.view.reservations_of(network, id)? {
                if !self.stands(&given) {
                    continue;
                }
                let reservation = ReservationId(given.set);
                let mut only = Supposed::over(self.view.0);
                for other in &subjects {
                    only.only_reservation(other, (other == subject).then_some(reservation))?;
                }
                let decision = members::decide(View(&only), self.request, self.time)?;
                facts.push(Fact::Reservation {
                    reservation,
                    subject: subject.clone(),
                    narrows: !alike(&free, &decision),
                });
            }
        }
        Ok(facts)
    }

    fn stands(&self, given: &GivenReservation) -> bool {
        given.cleared.is_none() && given.reservation.period.contains(self.time)
    }
}

/// Whether two decisions let the same be seen, however long.
fn alike(one: &Decision, other: &Decision) -> bool {
    match (one, other) {
        (Decision::Permit(a), Decision::Permit(b)) => {
            (&a.bases, &a.withheld) == (&b.bases, &b.withheld)
        }
        (Decision::Deny(a), Decision::Deny(b)) => a == b,
        _ => false,
    }
}

fn consent(subject: &SubjectRef, given: &GivenConsent, against: Option<DenyReason>) -> Fact {
    Fact::Consent {
        consent: ConsentId(given.granted),
        subject: subject.clone(),
        side: given.consent.side,
        policy_version: given.consent.policy_version,
        period: given.consent.period,
        withdrawn: given.withdrawn,
        against,
    }
}
