//! Everything that stands between a request and a permit, not only the first check that fails: for people who prepare
//! what a patient who moved will need. Decides nothing; where nothing is missing, [`super::authorize`] permits, and only
//! then.
//!
//! Of a patient the other network has not linked, nothing is looked at that stands there: what is missing of it is
//! likely, not known (P9).

use super::agreements::{self, Candidate};
use super::consents::{Acts, meets, posted};
use super::{Asking, Patient, grounds, permit};
use crate::authorize::reach::Reach;
use crate::chart::Chart;
use crate::record::CoreError;
use crate::store::StateRead;
use crate::view::View;
use sekisho_domain::{
    AccessRequest, AgreementRef, Capture, Category, Codes, ConsentRule, Decision, DenyReason,
    Footing, NetworkId, Side, SubjectRef, TimeMs,
};

/// One thing that is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The check that fails.
    pub reason: DenyReason,
    /// Whose act is missing, where it is a consent or a policy about consents.
    pub side: Option<Side>,
    /// The agreement that says so.
    pub agreement: Option<AgreementRef>,
    /// Whether it is known; not where it is about a patient who is not linked yet.
    pub known: bool,
}

/// What there is, and what is missing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outlook {
    /// What the agreements grant of what is asked for, whatever the patient consented to.
    pub granted: Codes<Category>,
    /// What is missing, in the order of the checks; of several ways to a permit, the one that misses least.
    pub missing: Vec<Missing>,
}

fn of(reason: DenyReason, side: Option<Side>) -> Missing {
    Missing {
        reason,
        side,
        agreement: None,
        known: true,
    }
}

/// What a request to find documents of `target` would need now.
///
/// # Errors
/// Storage failed.
pub fn outlook<S: StateRead>(
    view: View<'_, S>,
    request: &AccessRequest,
    target: &NetworkId,
    time: TimeMs,
) -> Result<Outlook, CoreError<S::Error>> {
    let mut outlook = Outlook::default();
    let missing = &mut outlook.missing;
    if !view.is_member(target)? {
        missing.push(of(DenyReason::NotAMember, None));
    }
    let facility = view.member(&request.facility, &request.viewing)?;
    if facility.is_none() {
        missing.push(of(DenyReason::FacilityNotRegistered, None));
    }
    let viewing = SubjectRef {
        network: request.viewing.clone(),
        subject: request.subject,
    };
    let own = Chart::read(view.0, &viewing)?;
    let is_own = *target == request.viewing;
    let linked = match is_own {
        true => Some(request.subject),
        false => view.linked_in(&own, target)?,
    };
    let unlinked = linked
        .is_none()
        .then(|| of(DenyReason::SubjectNotLinked, None));
    let Some(facility) = facility.filter(|_| missing.is_empty()) else {
        missing.extend(unlinked);
        return Ok(outlook);
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
        Err(denial) => {
            missing.push(Missing {
                agreement: denial.agreement,
                ..of(denial.reason, None)
            });
            missing.extend(unlinked);
            return Ok(outlook);
        }
    };
    for candidate in &candidates {
        let both = outlook.granted.iter().chain(candidate.categories.iter());
        outlook.granted = both.collect();
    }
    let footing = match grounds::footing(view, &asking)? {
        Ok(footing) => footing,
        Err(reason) => {
            missing.push(of(reason, None));
            missing.extend(unlinked);
            return Ok(outlook);
        }
    };
    missing.extend(unlinked);
    // Nobody there has this pseudonym: what is read of somebody not linked is nothing.
    let disclosing = SubjectRef {
        network: target.clone(),
        subject: linked.unwrap_or(request.subject),
    };
    let other = match (is_own, linked) {
        (true, _) => None,
        (false, Some(_)) => Some(Chart::read(view.0, &disclosing)?),
        (false, None) => Some(Chart::default()),
    };
    let patient = Patient {
        disclosing: (&disclosing, other.as_ref().unwrap_or(&own)),
        viewing: (&viewing, &own),
    };
    let by_consent = matches!(footing.kind, Footing::Consent | Footing::DisasterDrill);
    if by_consent && patient.has_died(view)? {
        missing.push(of(DenyReason::SubjectDeceased, None));
    }
    let mut least: Option<(Vec<Missing>, &Candidate)> = None;
    let mut acts = Acts::new(view, &asking, &patient);
    for candidate in &candidates {
        let mut lacking = match footing.kind {
            Footing::Consent => lacking(&mut acts, candidate, view, &asking)?,
            Footing::DisasterDrill => {
                let drill = acts.for_drill(candidate)?.err();
                drill
                    .map(|reason| of(reason, Some(Side::Disclosing)))
                    .into_iter()
                    .collect()
            }
            _ => Vec::new(),
        };
        for one in &mut lacking {
            one.agreement = candidate.agreement();
            one.known = linked.is_some() || one.side != Some(Side::Disclosing);
        }
        if least
            .as_ref()
            .is_none_or(|(so_far, _)| lacking.len() < so_far.len())
        {
            least = Some((lacking, candidate));
        }
    }
    let Some((lacking, candidate)) = least else {
        return Ok(outlook);
    };
    // Whether what is allowed would be reserved: with the consents there are, or else as if all were given.
    let mut allowed = Vec::new();
    for candidate in &candidates {
        let consented = match footing.kind {
            Footing::Consent => acts.evaluate(candidate)?,
            Footing::DisasterDrill => acts.for_drill(candidate)?,
            _ => Ok(vec![Reach::without_consent(candidate.categories)]),
        };
        for reach in consented.into_iter().flatten() {
            super::grant(&mut allowed, candidate, &footing, reach);
        }
    }
    if allowed.is_empty() {
        allowed.push(Reach::without_consent(candidate.categories));
    }
    outlook.missing.extend(lacking);
    let decided = permit(
        view,
        &asking,
        &patient,
        footing.kind,
        disclosing.subject,
        allowed,
    )?;
    if let Decision::Deny(denial) = decided {
        outlook.missing.push(of(denial.reason, None));
    }
    outlook.missing.sort_by_key(|missing| missing.reason);
    Ok(outlook)
}

/// What a candidate's rule lacks, of both sides where it needs both; of either where one is enough, the one that came
/// further.
fn lacking<S: StateRead>(
    acts: &mut Acts<'_, S>,
    candidate: &Candidate,
    view: View<'_, S>,
    asking: &Asking<'_>,
) -> Result<Vec<Missing>, CoreError<S::Error>> {
    use Side::{Disclosing, Viewing};
    let Err(reason) = acts.evaluate(candidate)? else {
        return Ok(Vec::new());
    };
    let categories = candidate.categories;
    let disclosing = acts.side(Disclosing)?.within(categories, |_| true).err();
    let viewing = acts.side(Viewing)?.within(categories, |_| true).err();
    let disclosing = disclosing.map(|reason| of(reason, Some(Disclosing)));
    let viewing = viewing.map(|reason| of(reason, Some(Viewing)));
    let mut lacking: Vec<Missing> = match candidate.rule {
        Some(ConsentRule::Disclosing) => disclosing.into_iter().collect(),
        Some(ConsentRule::Viewing) => viewing.into_iter().collect(),
        Some(ConsentRule::Both) | None => disclosing.into_iter().chain(viewing).collect(),
        Some(ConsentRule::Either) => {
            let further = disclosing
                .into_iter()
                .chain(viewing)
                .max_by_key(|m| m.reason);
            further.into_iter().collect()
        }
        Some(ConsentRule::RecipientConsentWithProviderReservation) => {
            let side = acts.side(Viewing)?;
            let explicit =
                |rule: &sekisho_domain::Rule| rule.capture.iter().all(Capture::is_explicit);
            let mut lacking = Vec::new();
            match &side.rule {
                None => lacking.push(of(DenyReason::NoConsentPolicy, Some(Viewing))),
                Some(rule) if !explicit(rule) => {
                    lacking.push(of(DenyReason::ExplicitConsentNotRequired, Some(Viewing)));
                }
                Some(_) => {
                    let posted = posted(view, asking)?;
                    if posted.is_empty() {
                        lacking.push(of(DenyReason::PurposesNotPosted, None));
                    }
                    match side.within(categories, |taken| taken.at_visit) {
                        Err(reason) => lacking.push(of(reason, Some(Viewing))),
                        Ok(consented) if lacking.is_empty() => {
                            lacking.extend(meets(&posted, &consented).err().map(|r| of(r, None)));
                        }
                        Ok(_) => {}
                    }
                }
            }
            lacking
        }
        Some(ConsentRule::NotNeeded) => Vec::new(),
    };
    // Each side is there, but not for the same: the law's own reason.
    if lacking.is_empty() {
        lacking.push(of(reason, None));
    }
    Ok(lacking)
}
