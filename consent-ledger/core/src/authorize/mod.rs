//! The decision: may this network answer this request now?
//!
//! A total, pure function of the state, the request and the stamped time. For each asked network the checks
//! run in the order of [`DenyReason`]'s numbers, and the first that fails is the reason:
//!
//! 1: the asked network is a member; 2: the asking facility is registered;
//!
//! 3 to 12: an agreement between the two, in force, not suspended, in its period, granting this direction, this
//! purpose, this kind of facility, this profession, and at least one of the categories asked for (a network
//! asking for its own documents needs none of these; in an emergency its own policy takes their place) (P3);
//!
//! 13 and 14: for a disaster, its declaration holds, and the asking facility or the asked network is in its area;
//!
//! 15: the patient is linked; 16: and has not died;
//!
//! 17 to 19: the needed consent policies are published, and the provider's purposes posted where the grant's rule
//! needs that;
//!
//! 20 to 30: the consents the grant's rule needs are given, not withdrawn or voided, in their period, by somebody who
//! still speaks for the patient, and reach this facility, practitioner, purpose and category;
//!
//! 31: no reservation of the patient stands against it.
//!
//! What a purpose rests on besides a grant is its nature: consent (15 to 31); a stated emergency, or a declared
//! disaster, in place of consent (no 16 to 30: a record of death may be somebody else's; but 31 holds); a law, which
//! no reservation stops either (no 16 to 31). In a drill nothing is opened that the patient has not consented to for
//! disasters by name.
//!
//! A request to find patients is about somebody the asked network may or may not know, so 15 and 17 to 30 are left out,
//! 16 and 31 look at the asking network's patient alone, and the only category is demographics. Of whom the asked node
//! then tells is what [`if_linked`] permits: all of the law, as if that patient were linked (P9).
//!
//! Several agreements, grants and consents may each allow something: a permit is the union of what they allow,
//! so that ending one never widens another (P4). Where none allows anything, the reason is that of the one that
//! came furthest; where a rule needs both sides' consent and both fail, the check that stands first.
//!
//! A permit never outlives what it rests on: it expires at the first instant at which a consent, grant,
//! agreement, proxy, notice or declaration ends, or a newer version of an agreement or policy, or a reservation,
//! begins.

mod agreements;
mod consents;
mod grounds;
mod missing;
mod reach;
mod reservations;

#[cfg(test)]
mod boundary_test;
#[cfg(test)]
mod laws_test;
#[cfg(test)]
mod missing_test;
#[cfg(test)]
mod models_test;
#[cfg(test)]
mod reasons_test;
#[cfg(test)]
mod scene;

pub use missing::{Missing, Outlook, outlook};

use crate::chart::{Chart, looked_at};
use crate::record::CoreError;
use crate::store::StateRead;
use crate::view::View;
use reach::Reach;
use reservations::Narrowed;
use sekisho_domain::{
    AccessRecord, AccessRequest, Action, AreaCode, Category, Codes, Decision, Denial, DenyReason,
    DisclosingFacilities, EntryIndex, FacilityId, Footing, NetworkId, PermitTerms, Side, SubjectId,
    SubjectRef, TimeMs,
};

/// How long a permit lasts at most: results stay pageable for an hour, and a withdrawal bites soon after.
pub const PERMIT_MS_MAX: u64 = 60 * 60 * 1000;

/// Decides an access request for every asked network, in the order of their ids.
///
/// # Errors
/// Storage failed; a refusal is never an error.
pub fn authorize<S: StateRead>(
    view: View<'_, S>,
    request: &AccessRequest,
    time: TimeMs,
) -> Result<Vec<(NetworkId, Decision)>, CoreError<S::Error>> {
    request
        .targets
        .iter()
        .map(|target| {
            let patient = match request.action {
                Action::FindPatients => Whom::Anybody,
                Action::FindDocuments | Action::RetrieveDocument => Whom::Linked,
            };
            let decision = decide(view, request, target, patient, time)?;
            Ok((target.clone(), decision))
        })
        .collect()
}

/// Whether a network's patient may be told of to who searches: what would be decided if this were the patient searched
/// for, and linked. A node asks it of each patient a search could find, and keeps silent about all others (P9).
///
/// `request` is one to find patients, as the ledger decided it; `subject` one of `target`'s.
///
/// # Errors
/// Storage failed; a refusal is never an error.
pub fn if_linked<S: StateRead>(
    view: View<'_, S>,
    request: &AccessRequest,
    target: &NetworkId,
    subject: SubjectId,
    time: TimeMs,
) -> Result<Decision, CoreError<S::Error>> {
    decide(view, request, target, Whom::Known(subject), time)
}

/// Which of the asked network's patients a decision is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whom {
    /// The one both networks say is the same as the asking network's.
    Linked,
    /// This one.
    Known(SubjectId),
    /// Whoever it will be: the patient is being searched for.
    Anybody,
}

fn decide<S: StateRead>(
    view: View<'_, S>,
    request: &AccessRequest,
    target: &NetworkId,
    patient: Whom,
    time: TimeMs,
) -> Result<Decision, CoreError<S::Error>> {
    let deny = |reason| Ok(denied(reason));
    if !view.is_member(target)? {
        return deny(DenyReason::NotAMember);
    }
    let Some(facility) = view.member(&request.facility, &request.viewing)? else {
        return deny(DenyReason::FacilityNotRegistered);
    };
    let asking = Asking {
        request,
        target,
        time,
        kind: facility.kind,
        registered: facility.registered,
        municipality: facility.municipality,
    };

    let candidates = match agreements::candidates(view, &asking)? {
        Ok(candidates) => candidates,
        Err(denial) => return Ok(Decision::Deny(denial)),
    };
    let footing = match grounds::footing(view, &asking)? {
        Ok(footing) => footing,
        Err(reason) => return deny(reason),
    };
    let viewing = SubjectRef {
        network: request.viewing.clone(),
        subject: request.subject,
    };
    let own = Chart::read(view.0, &viewing)?;
    let subject = match patient {
        Whom::Anybody => {
            let own = (&viewing, &own);
            return search(view, &asking, own, &candidates, footing);
        }
        Whom::Known(subject) => Some(subject),
        Whom::Linked if asking.is_own() => Some(request.subject),
        Whom::Linked => view.linked_in(&own, target)?,
    };
    let Some(subject) = subject else {
        return deny(DenyReason::SubjectNotLinked);
    };
    let disclosing = SubjectRef {
        network: target.clone(),
        subject,
    };
    let other = match asking.is_own() {
        true => None,
        false => Some(Chart::read(view.0, &disclosing)?),
    };
    let patient = Patient {
        disclosing: (&disclosing, other.as_ref().unwrap_or(&own)),
        viewing: (&viewing, &own),
    };
    let by_consent = matches!(footing.kind, Footing::Consent | Footing::DisasterDrill);
    if by_consent && patient.has_died(view)? {
        return deny(DenyReason::SubjectDeceased);
    }

    let mut allowed = Vec::new();
    let mut furthest: Option<Denial> = None;
    let mut acts = consents::Acts::new(view, &asking, &patient);
    for candidate in &candidates {
        let consented = match footing.kind {
            Footing::Consent => acts.evaluate(candidate)?,
            Footing::DisasterDrill => acts.for_drill(candidate)?,
            Footing::BreakGlass | Footing::Disaster | Footing::Law | Footing::Agreement => {
                Ok(vec![Reach::without_consent(candidate.categories)])
            }
        };
        match consented {
            Ok(consented) => consented
                .into_iter()
                .for_each(|consented| grant(&mut allowed, candidate, &footing, consented)),
            Err(reason) => further(
                &mut furthest,
                Denial {
                    reason,
                    agreement: candidate.agreement(),
                },
            ),
        }
    }
    if allowed.is_empty() {
        // No candidate without a reason, and there is at least one candidate.
        return Ok(Decision::Deny(furthest.unwrap_or(Denial {
            reason: DenyReason::NoViewingConsent,
            agreement: None,
        })));
    }
    permit(view, &asking, &patient, footing.kind, subject, allowed)
}

/// A search for a patient another network may know: who of its patients it is, is not known yet, so nothing that
/// depends on it is looked at here. What may be told is demographics only, and of whom, the asked node decides
/// ([`if_linked`]).
fn search<S: StateRead>(
    view: View<'_, S>,
    asking: &Asking<'_>,
    own: (&SubjectRef, &Chart),
    candidates: &[agreements::Candidate],
    footing: grounds::Ground,
) -> Result<Decision, CoreError<S::Error>> {
    let patient = Patient {
        disclosing: own,
        viewing: own,
    };
    let kind = match footing.kind {
        Footing::Consent => Footing::Agreement,
        kind => kind,
    };
    let of_the_living = matches!(kind, Footing::Agreement | Footing::DisasterDrill);
    if of_the_living && patient.has_died(view)? {
        return Ok(denied(DenyReason::SubjectDeceased));
    }
    let mut allowed = Vec::new();
    for candidate in candidates {
        let told = Reach::without_consent(candidate.categories);
        grant(&mut allowed, candidate, &footing, told);
    }
    let subject = asking.request.subject;
    permit(view, asking, &patient, kind, subject, allowed)
}

/// Adds what a candidate lets be seen, until the first of what it rests on ends.
fn grant(
    allowed: &mut Vec<Reach>,
    candidate: &agreements::Candidate,
    footing: &grounds::Ground,
    consented: Reach,
) {
    let ends = [consented.until, candidate.until, footing.until];
    let granted = Reach {
        grant: candidate.grant.clone(),
        until: ends.into_iter().flatten().min(),
        ..consented
    };
    reach::add(allowed, granted, PermitTerms::BASES_MAX);
}

/// What the patient's reservations leave of what is allowed.
fn permit<S: StateRead>(
    view: View<'_, S>,
    asking: &Asking<'_>,
    patient: &Patient<'_>,
    footing: Footing,
    subject: SubjectId,
    allowed: Vec<Reach>,
) -> Result<Decision, CoreError<S::Error>> {
    let narrowed = match footing {
        Footing::Law => Some(Narrowed::nothing(allowed)),
        _ => reservations::narrow(view, asking, patient, allowed)?,
    };
    let Some(narrowed) = narrowed else {
        return Ok(denied(DenyReason::ReservedByPatient));
    };
    let ends = narrowed.reaches.iter().map(|reach| reach.until);
    let end = ends.chain([narrowed.until]).flatten().min();
    let latest = asking.time.plus_ms(PERMIT_MS_MAX);
    Ok(Decision::Permit(PermitTerms {
        footing,
        subject,
        bases: narrowed
            .reaches
            .into_iter()
            .map(Reach::into_basis)
            .collect(),
        withheld: narrowed.withheld,
        expires: end.map_or(latest, |end| end.min(latest)),
    }))
}

fn denied(reason: DenyReason) -> Decision {
    Decision::Deny(Denial {
        reason,
        agreement: None,
    })
}

/// The patient as the two networks know them; twice the same where a network asks for its own documents.
struct Patient<'a> {
    disclosing: (&'a SubjectRef, &'a Chart),
    viewing: (&'a SubjectRef, &'a Chart),
}

impl<'a> Patient<'a> {
    fn side(&self, side: Side) -> (&'a SubjectRef, &'a Chart) {
        match side {
            Side::Disclosing => self.disclosing,
            Side::Viewing => self.viewing,
        }
    }
    /// Each chart once.
    fn charts(&self) -> impl Iterator<Item = &'a Chart> {
        let other = (self.viewing.0 != self.disclosing.0).then_some(self.viewing.1);
        [self.disclosing.1].into_iter().chain(other)
    }
    fn has_died<S: StateRead>(&self, view: View<'_, S>) -> Result<bool, CoreError<S::Error>> {
        let mut died = false;
        for chart in self.charts() {
            let death = chart.death(view.0)?;
            let death = death.map(|record| looked_at(view.0, record));
            died |= death.is_some_and(|death| death.recorded.is_some());
        }
        Ok(died)
    }
}

/// What stays the same while one network's decision is made.
struct Asking<'a> {
    request: &'a AccessRequest,
    target: &'a NetworkId,
    time: TimeMs,
    kind: sekisho_domain::FacilityKind,
    /// When the asking facility was registered.
    registered: EntryIndex,
    /// Where it stands, if that was said.
    municipality: Option<AreaCode>,
}

impl Asking<'_> {
    /// Those of them that are asked for.
    fn categories(&self, of: &Codes<Category>) -> Codes<Category> {
        let of = match self.request.action {
            // A search tells who a patient is, and nothing else.
            Action::FindPatients => of.intersection(&[Category::Demographics].into()),
            Action::FindDocuments | Action::RetrieveDocument => *of,
        };
        match &self.request.categories {
            Some(asked) => of.intersection(asked),
            None => of,
        }
    }
    /// Whether a network asks for its own documents.
    fn is_own(&self) -> bool {
        *self.target == self.request.viewing
    }
}

/// Keeps the denial whose check stands later in the order; the first of equals.
fn further(furthest: &mut Option<Denial>, denial: Denial) {
    if furthest
        .as_ref()
        .is_none_or(|so_far| so_far.reason < denial.reason)
    {
        *furthest = Some(denial);
    }
}

/// Proof that the ledger permitted one network to answer one request. Only a decision makes one:
/// node and document code take a `Permit`, never a flag.
#[derive(Debug, Clone)]
pub struct Permit {
    access: EntryIndex,
    network: NetworkId,
    terms: PermitTerms,
}

/// Why the ledger's record of a request is no permit for this network now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotPermitted {
    /// The network was not among the asked ones.
    #[error("the request at index {0} does not ask this network")]
    NotAsked(EntryIndex),
    /// The ledger denied it.
    #[error("the ledger denied it: {}", .0.reason.en())]
    Denied(Denial),
    /// The permit has run out.
    #[error("the permit at index {access} expired at {expires}, it is {now}")]
    Expired {
        /// The request.
        access: EntryIndex,
        /// When it ended.
        expires: TimeMs,
        /// The asking clock.
        now: TimeMs,
    },
}

impl Permit {
    /// The permit an applied access record holds for a network, at this time.
    ///
    /// # Errors
    /// [`NotPermitted`], saying why there is none.
    pub fn of(
        record: &AccessRecord,
        network: &NetworkId,
        now: TimeMs,
    ) -> Result<Self, NotPermitted> {
        match record.decisions.iter().find(|(asked, _)| asked == network) {
            None => Err(NotPermitted::NotAsked(record.index)),
            Some((_, Decision::Deny(denial))) => Err(NotPermitted::Denied(denial.clone())),
            Some((_, Decision::Permit(terms))) if terms.expires <= now => {
                Err(NotPermitted::Expired {
                    access: record.index,
                    expires: terms.expires,
                    now,
                })
            }
            Some((_, Decision::Permit(terms))) => Ok(Self {
                access: record.index,
                network: network.clone(),
                terms: terms.clone(),
            }),
        }
    }
    /// The access request's index.
    pub fn access(&self) -> EntryIndex {
        self.access
    }
    /// The network that may answer.
    pub fn network(&self) -> &NetworkId {
        &self.network
    }
    /// The terms.
    pub fn terms(&self) -> &PermitTerms {
        &self.terms
    }
    /// Whether a document of this category, of this facility registered at that index, may be shown.
    pub fn covers(
        &self,
        category: Category,
        facility: &FacilityId,
        registered: EntryIndex,
    ) -> bool {
        covers(&self.terms, category, facility, registered)
    }
}

/// Whether these terms let a document of this category be shown, of this facility registered at that index.
pub fn covers(
    terms: &PermitTerms,
    category: Category,
    facility: &FacilityId,
    registered: EntryIndex,
) -> bool {
    let based = terms.bases.iter().any(|basis| {
        basis.categories.contains(&category)
            && match &basis.facilities {
                DisclosingFacilities::All => true,
                DisclosingFacilities::RegisteredBefore(index) => registered < *index,
                DisclosingFacilities::Listed(set) => set.contains(facility),
            }
    });
    let withheld = terms.withheld.iter().any(|w| {
        w.categories
            .as_ref()
            .is_none_or(|set| set.contains(&category))
            && w.facilities
                .as_ref()
                .is_none_or(|set| set.contains(facility))
    });
    based && !withheld
}
