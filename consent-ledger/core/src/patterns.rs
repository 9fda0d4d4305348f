//! Accesses that look unlike ordinary work, for officers to look at: one practitioner and many patients, asking again
//! and again against patients' will, a burst at night.
//!
//! One rule serves twice: [`shows`] says whether accesses show a pattern, which `apply` asks of every alert, so that none
//! can be made up; and [`Watch`] finds such accesses in leaves as they come, which a node does. A pattern accuses nobody and
//! changes no decision. Searches under a declared disaster are not counted: there, many patients *are* the work.

mod seen;

pub use seen::Seen;

use seen::against_will;
use sekisho_domain::{
    AccessRequest, Decision, EntryIndex, NetworkId, Pattern, PractitionerId, Purpose,
    SecurityAlert, SubjectId, TimeMs,
};
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Within how long the accesses of a pattern lie, in milliseconds: an hour.
pub const WINDOW_MS: u64 = HOUR_MS;
/// Different patients within the window that make [`Pattern::ManyPatients`]: more than an outpatient clinic sees.
pub const MANY_PATIENTS: usize = 50;
/// Requests within the window, each denied by the patient's will, that make [`Pattern::RepeatedDenials`].
pub const REPEATED_DENIALS: usize = 10;
/// Different patients within the window, between midnight and [`NIGHT_UNTIL_HOUR`], that make [`Pattern::NightBurst`].
pub const NIGHT_PATIENTS: usize = 15;
/// The hour, in Japan, at which the night ends.
pub const NIGHT_UNTIL_HOUR: u64 = 5;
/// Accesses of one practitioner within the window that a [`Watch`] keeps: the latest.
pub const KEPT_MAX: usize = 512;
/// Practitioners that a [`Watch`] keeps accesses of; beyond, those who asked longest ago are forgotten first.
pub const PRACTITIONERS_MAX: usize = 100_000;

const HOUR_MS: u64 = 60 * 60 * 1000;
/// Japan is nine hours ahead, all year.
const JAPAN_HOURS: u64 = 9;

/// What a pattern looks at of one access request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Look {
    /// Its index.
    pub index: EntryIndex,
    /// When it was put in order.
    pub time: TimeMs,
    /// The patient, as the asking network knows them.
    pub subject: SubjectId,
    /// Whether it counts: not under a declared disaster.
    ordinary: bool,
    /// Whether nobody was permitted to answer, and somebody not for the patient's own will.
    against_will: bool,
}

impl Look {
    /// What stands in a decided request.
    pub fn of(
        index: EntryIndex,
        time: TimeMs,
        request: &AccessRequest,
        decisions: &[(NetworkId, Decision)],
    ) -> Self {
        let denied = decisions.iter().map(|(_, decision)| match decision {
            Decision::Permit(_) => None,
            Decision::Deny(denial) => Some(denial.reason),
        });
        Self {
            index,
            time,
            subject: request.subject,
            ordinary: request.purpose != Purpose::Disaster,
            against_will: against_will(denied),
        }
    }

    fn at_night(&self) -> bool {
        (self.time.0 / HOUR_MS + JAPAN_HOURS) % 24 < NIGHT_UNTIL_HOUR
    }

    fn is_of(&self, pattern: Pattern) -> bool {
        self.ordinary
            && match pattern {
                Pattern::ManyPatients => true,
                Pattern::RepeatedDenials => self.against_will,
                Pattern::NightBurst => self.at_night(),
            }
    }
}

/// How many accesses make a pattern; an alert names exactly so many.
pub fn accesses_of(pattern: Pattern) -> usize {
    match pattern {
        Pattern::ManyPatients => MANY_PATIENTS,
        Pattern::RepeatedDenials => REPEATED_DENIALS,
        Pattern::NightBurst => NIGHT_PATIENTS,
    }
}

/// Whether each access must be about another patient.
fn of_different_patients(pattern: Pattern) -> bool {
    pattern != Pattern::RepeatedDenials
}

/// Whether these accesses of one practitioner, in their order, show a pattern.
pub fn shows(pattern: Pattern, looks: &[Look]) -> bool {
    let (Some(first), Some(last)) = (looks.first(), looks.last()) else {
        return false;
    };
    let patients: BTreeSet<_> = looks.iter().map(|look| look.subject).collect();
    looks.len() == accesses_of(pattern)
        && last.time.0.saturating_sub(first.time.0) <= WINDOW_MS
        && looks.iter().all(|look| look.is_of(pattern))
        && (!of_different_patients(pattern) || patients.len() == looks.len())
}

/// The latest accesses that show a pattern, in their order.
fn newest(
    pattern: Pattern,
    looks: &VecDeque<Look>,
    after: Option<EntryIndex>,
) -> Option<Vec<Look>> {
    let mut patients = BTreeSet::new();
    let mut found: Vec<Look> = looks
        .iter()
        .rev()
        .take_while(|look| after.is_none_or(|after| look.index > after))
        .filter(|look| look.is_of(pattern))
        .filter(|look| !of_different_patients(pattern) || patients.insert(look.subject))
        .take(accesses_of(pattern))
        .cloned()
        .collect();
    found.reverse();
    shows(pattern, &found).then_some(found)
}

/// One practitioner of one network.
type Who = (NetworkId, PractitionerId);

/// What a practitioner did within the window, and up to where it is pointed out already.
#[derive(Default)]
struct Recent {
    looks: VecDeque<Look>,
    raised: BTreeMap<Pattern, EntryIndex>,
}

/// Finds patterns in leaves, taken in order.
#[derive(Default)]
pub struct Watch(BTreeMap<Who, Recent>);

impl Watch {
    /// Takes the next leaf; the alerts that it completes. What a later alert could say again is not found twice.
    pub fn take(&mut self, seen: Seen) -> Vec<SecurityAlert> {
        match seen {
            Seen::Access {
                viewing,
                practitioner,
                look,
            } => self.look((viewing, practitioner), look),
            Seen::Alert(alert) => {
                let who = (alert.viewing, alert.practitioner);
                if let (Some(recent), Some(last)) = (self.0.get_mut(&who), alert.accesses.last()) {
                    let raised = recent.raised.entry(alert.pattern).or_insert(*last);
                    *raised = (*raised).max(*last);
                }
                Vec::new()
            }
            Seen::Other => Vec::new(),
        }
    }

    fn look(&mut self, who: Who, look: Look) -> Vec<SecurityAlert> {
        let (viewing, practitioner) = who.clone();
        if self.0.len() >= PRACTITIONERS_MAX && !self.0.contains_key(&who) {
            self.forget(look.time);
        }
        let recent = self.0.entry(who).or_default();
        let begin = look.time.0.saturating_sub(WINDOW_MS);
        while recent
            .looks
            .front()
            .is_some_and(|old| old.time.0 < begin || recent.looks.len() >= KEPT_MAX)
        {
            recent.looks.pop_front();
        }
        recent.looks.push_back(look);
        let mut alerts = Vec::new();
        for pattern in Pattern::ALL {
            let after = recent.raised.get(pattern).copied();
            let Some(found) = newest(*pattern, &recent.looks, after) else {
                continue;
            };
            let accesses: Vec<_> = found.iter().map(|look| look.index).collect();
            recent
                .raised
                .extend(accesses.last().map(|last| (*pattern, *last)));
            alerts.push(SecurityAlert {
                pattern: *pattern,
                viewing: viewing.clone(),
                practitioner,
                accesses,
            });
        }
        alerts
    }

    /// Forgets whoever has not asked within the window; if that is nobody, whoever asked longest ago.
    fn forget(&mut self, now: TimeMs) {
        let begin = now.0.saturating_sub(WINDOW_MS);
        let last = |recent: &Recent| recent.looks.back().map_or(TimeMs(0), |look| look.time);
        self.0.retain(|_, recent| last(recent).0 >= begin);
        if self.0.len() >= PRACTITIONERS_MAX {
            let oldest = self.0.iter().min_by_key(|(_, recent)| last(recent));
            if let Some(who) = oldest.map(|(who, _)| who.clone()) {
                self.0.remove(&who);
            }
        }
    }
}

#[cfg(test)]
#[path = "patterns_test.rs"]
mod tests;
