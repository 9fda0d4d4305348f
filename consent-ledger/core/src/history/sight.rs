//! Who could have seen a document of this kind, of this patient, at this moment.

use super::members::{self, Kinds, Pair, Way};
use super::{Heard, HistoryError, PRACTITIONERS_MAX, Supposed};
use crate::record::CoreError;
use crate::store::StateRead;
use crate::view::View;
use sekisho_domain::{
    Basis, Category, Codes, Decision, DenyReason, DisasterId, FacilityId, FacilityKind, Footing,
    Grounds, PractitionerId, Purpose, ReservationId, Role, SubjectRef, TimeMs, Withheld,
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// Everybody who could have seen it, in as few lines as say the same.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Seen {
    /// Who could have.
    pub sights: Vec<Sight>,
    /// Who could have, had the patient not refused.
    pub kept_out: Vec<KeptOut>,
    /// How many requests were decided to find out.
    pub decisions: u64,
}

/// Who could have seen it, on what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sight {
    /// Whose documents: the patient as the disclosing network knows them.
    pub disclosing: SubjectRef,
    /// The patient as the network that could have looked knows them.
    pub viewing: SubjectRef,
    /// What it would have stood on.
    pub footing: Footing,
    /// The declaration, in a disaster or drill.
    pub disaster: Option<DisasterId>,
    /// Only this practitioner; none: whoever has one of the professions.
    pub practitioner: Option<PractitionerId>,
    /// From which facilities.
    pub facilities: BTreeMap<FacilityId, FacilityKind>,
    /// By which professions, for which purposes.
    pub asked: Vec<Asked>,
    /// The agreements and consents it rests on, each covering the category, and whose documents it covers.
    pub bases: Vec<Basis>,
    /// Which facilities' documents of the category reservations held back all the same.
    pub withheld: Vec<Withheld>,
}

/// Professions that could have asked, each for each of these purposes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// The professions.
    pub roles: Codes<Role>,
    /// The purposes.
    pub purposes: Codes<Purpose>,
}

/// Who was kept out by reservations alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct KeptOut {
    /// Whose documents.
    pub disclosing: SubjectRef,
    /// The patient as the network that was kept out knows them.
    pub viewing: SubjectRef,
    /// The declaration, in a disaster or drill.
    pub disaster: Option<DisasterId>,
    /// Only this practitioner; none: everybody.
    pub practitioner: Option<PractitionerId>,
    /// From which facilities.
    pub facilities: BTreeMap<FacilityId, FacilityKind>,
    /// By which professions, for which purposes.
    pub asked: Vec<Asked>,
    /// The reservations that each alone would have kept them out.
    pub reservations: BTreeSet<ReservationId>,
}

/// Who could have seen documents of a category of this patient: of the network whose subject it is, and of those
/// that have it linked. `view` is the state at `time`. Sealed reservations are not on the ledger and not looked at.
///
/// # Errors
/// The state cannot be read, or there is more of something than is looked at.
pub fn who_could_see<S: StateRead>(
    view: View<'_, S>,
    of: &SubjectRef,
    category: Category,
    time: TimeMs,
    heard: Heard<'_>,
) -> Result<Seen, HistoryError<S::Error>> {
    let facilities = members::facilities(view)?;
    let ways = members::ways(&members::disasters(view, time)?);
    let mut disclosing = vec![of.clone()];
    disclosing.extend(members::linked(view, of)?);
    let mut pairs = Vec::new();
    for disclosing in disclosing {
        let linked = members::linked(view, &disclosing)?;
        pairs.push((disclosing.clone(), disclosing.clone()));
        pairs.extend(linked.into_iter().map(|v| (disclosing.clone(), v)));
    }
    let count = |kinds: &Kinds| kinds.values().map(Vec::len).sum::<usize>() as u64;
    let of_pair = |(_, viewing): &(SubjectRef, SubjectRef)| facilities.get(&viewing.network);
    let all: u64 = pairs.iter().filter_map(of_pair).map(count).sum();
    let mut seen = Seen::default();
    let mut done = 0;
    for pair in &pairs {
        let Some(kinds) = of_pair(pair) else { continue };
        let (disclosing, viewing) = pair;
        let pair = Pair {
            disclosing,
            viewing,
        };
        let mut looking = Looking::at(view, pair, category, time)?;
        for (kind, facilities) in kinds {
            let hopeful = looking.hopeful(&ways, facilities)?;
            for facility in facilities {
                looking.barred.clear();
                for way in &hopeful {
                    looking.look((facility, *kind), *way)?;
                }
                done += 1;
                heard(done, all);
            }
        }
        seen.decisions += looking.decisions;
        looking.conclude(&mut seen);
    }
    Ok(seen)
}

/// What one request would have come to, as far as a line says it.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Came {
    Seen(Footing, Vec<Basis>, Vec<Withheld>),
    /// By these reservations.
    KeptOut(BTreeSet<ReservationId>),
}

/// What many requests have in common: one line.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    came: Came,
    disaster: Option<DisasterId>,
    practitioner: Option<PractitionerId>,
}

type Places = BTreeMap<(FacilityId, FacilityKind), BTreeSet<(Role, Purpose)>>;

/// One pair of networks being gone through.
struct Looking<'a, S> {
    view: View<'a, S>,
    pair: Pair<'a>,
    category: Category,
    time: TimeMs,
    named: BTreeSet<PractitionerId>,
    anybody: PractitionerId,
    lines: Vec<(Line, Places)>,
    /// What keeps the facility out that is being looked at, by purpose and practitioner.
    barred: BTreeMap<(Purpose, PractitionerId), BTreeSet<ReservationId>>,
    decisions: u64,
}

impl<'a, S: StateRead> Looking<'a, S> {
    fn at(
        view: View<'a, S>,
        pair: Pair<'a>,
        category: Category,
        time: TimeMs,
    ) -> Result<Self, HistoryError<S::Error>> {
        let mut named = members::named(view, pair.disclosing)?;
        named.extend(members::named(view, pair.viewing)?);
        if named.len() > PRACTITIONERS_MAX {
            return Err(HistoryError::TooMany {
                what: "practitioners named in this patient's consents and reservations",
                max: PRACTITIONERS_MAX,
            });
        }
        Ok(Self {
            view,
            pair,
            category,
            time,
            anybody: members::anybody(&named),
            named,
            lines: Vec::new(),
            barred: BTreeMap::new(),
            decisions: 0,
        })
    }

    fn decide(
        &mut self,
        who: (&FacilityId, PractitionerId),
        way: Way,
    ) -> Result<Decision, CoreError<S::Error>> {
        self.decisions += 1;
        let categories = Some([self.category].into());
        self.pair.decide(self.view, who, way, categories, self.time)
    }

    /// The ways that do not fail for every facility of a kind alike: what fails one by its kind, its network or the
    /// patient fails them all.
    fn hopeful(
        &mut self,
        ways: &[Way],
        facilities: &[FacilityId],
    ) -> Result<Vec<Way>, CoreError<S::Error>> {
        let Some(first) = facilities.first() else {
            return Ok(Vec::new());
        };
        let mut hopeful = Vec::new();
        for way in ways {
            let decision = self.decide((first, self.anybody), *way)?;
            if !matches!(decision, Decision::Deny(denial) if is_common(denial.reason)) {
                hopeful.push(*way);
            }
        }
        Ok(hopeful)
    }

    fn look(
        &mut self,
        (facility, kind): (&FacilityId, FacilityKind),
        way: Way,
    ) -> Result<(), CoreError<S::Error>> {
        let came = self.came((facility, self.anybody), way)?;
        for named in self.named.clone() {
            let theirs = self.came((facility, named), way)?;
            if theirs != came {
                self.add(theirs, Some(named), (facility, kind), way);
            }
        }
        self.add(came, None, (facility, kind), way);
        Ok(())
    }

    fn came(
        &mut self,
        who: (&FacilityId, PractitionerId),
        way: Way,
    ) -> Result<Option<Came>, CoreError<S::Error>> {
        Ok(match self.decide(who, way)? {
            Decision::Permit(terms) => Some(Came::Seen(terms.footing, terms.bases, terms.withheld)),
            Decision::Deny(denial) if denial.reason == DenyReason::ReservedByPatient => {
                let key = (way.purpose, who.1);
                let by = match self.barred.get(&key) {
                    Some(by) => by.clone(),
                    None => self.reservations(who, way)?,
                };
                self.barred.insert(key, by.clone());
                Some(Came::KeptOut(by))
            }
            Decision::Deny(_) => None,
        })
    }

    fn add(
        &mut self,
        came: Option<Came>,
        practitioner: Option<PractitionerId>,
        (facility, kind): (&FacilityId, FacilityKind),
        way: Way,
    ) {
        let Some(came) = came else { return };
        let line = Line {
            came,
            disaster: match way.grounds {
                Grounds::Disaster { declaration, .. } => Some(declaration),
                _ => None,
            },
            practitioner,
        };
        let at = match self.lines.iter().position(|(known, _)| *known == line) {
            Some(at) => at,
            None => {
                self.lines.push((line, Places::new()));
                self.lines.len() - 1
            }
        };
        if let Some((_, places)) = self.lines.get_mut(at) {
            let asked = places.entry((facility.clone(), kind)).or_default();
            asked.insert((way.role, way.purpose));
        }
    }

    fn conclude(self, seen: &mut Seen) {
        for (line, places) in self.lines {
            // Facilities from which the same could be asked, together.
            let mut alike: BTreeMap<_, BTreeMap<FacilityId, FacilityKind>> = BTreeMap::new();
            for ((facility, kind), asked) in places {
                alike.entry(asked).or_default().insert(facility, kind);
            }
            for (asked, facilities) in alike {
                let asked = condensed(&asked);
                let (disclosing, viewing) =
                    (self.pair.disclosing.clone(), self.pair.viewing.clone());
                let (disaster, practitioner) = (line.disaster, line.practitioner);
                match &line.came {
                    Came::Seen(footing, bases, withheld) => seen.sights.push(Sight {
                        disclosing,
                        viewing,
                        footing: *footing,
                        disaster,
                        practitioner,
                        facilities,
                        asked,
                        bases: bases.clone(),
                        withheld: withheld.clone(),
                    }),
                    Came::KeptOut(reservations) => seen.kept_out.push(KeptOut {
                        disclosing,
                        viewing,
                        disaster,
                        practitioner,
                        facilities,
                        asked,
                        reservations: reservations.clone(),
                    }),
                }
            }
        }
    }

    /// The reservations that each alone keep them out.
    fn reservations(
        &self,
        who: (&FacilityId, PractitionerId),
        way: Way,
    ) -> Result<BTreeSet<ReservationId>, CoreError<S::Error>> {
        let subjects: BTreeSet<_> = [self.pair.disclosing, self.pair.viewing].into();
        let mut alone = BTreeSet::new();
        for subject in &subjects {
            let (network, id) = (&subject.network, &subject.subject);
            for given in self.view.reservations_of(network, id)? {
                if given.cleared.is_some() || !given.reservation.period.contains(self.time) {
                    continue;
                }
                let id = ReservationId(given.set);
                let mut supposed = Supposed::over(self.view.0);
                for other in &subjects {
                    supposed.only_reservation(other, (other == subject).then_some(id))?;
                }
                let (view, categories) = (View(&supposed), Some([self.category].into()));
                let decision = self.pair.decide(view, who, way, categories, self.time)?;
                if matches!(decision, Decision::Deny(d) if d.reason == DenyReason::ReservedByPatient)
                {
                    alone.insert(id);
                }
            }
        }
        Ok(alone)
    }
}

/// Whether a request of another facility of this kind and network would fail as well.
fn is_common(reason: DenyReason) -> bool {
    use DenyReason as R;
    reason <= R::CategoryNotGranted
        || matches!(
            reason,
            R::DisasterNotDeclared
                | R::SubjectNotLinked
                | R::SubjectDeceased
                | R::NoConsentPolicy
                | R::ExplicitConsentNotRequired
                | R::PurposesNotPosted
        )
}

/// Professions with the same purposes, together.
fn condensed(asked: &BTreeSet<(Role, Purpose)>) -> Vec<Asked> {
    let mut of_role: BTreeMap<Role, Codes<Purpose>> = BTreeMap::new();
    for (role, purpose) in asked {
        of_role.entry(*role).or_default().insert(*purpose);
    }
    let mut alike: BTreeMap<Codes<Purpose>, Codes<Role>> = BTreeMap::new();
    for (role, purposes) in of_role {
        alike.entry(purposes).or_default().insert(role);
    }
    alike
        .into_iter()
        .map(|(purposes, roles)| Asked { roles, purposes })
        .collect()
}
