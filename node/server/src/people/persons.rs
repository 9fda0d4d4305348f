//! Persons: the charts that links and decisions bring together, and the one pseudonym they share.

use crate::NodeError;
use crate::store::{Change, Directory, NodeStore, Said, StoreError, StoredDecision};
use sekisho_documents::Patient;
use sekisho_domain::SubjectId;
use sekisho_identity::{
    Band, Decision, Edge, Folded, Judgement, Verdict, Why, group, judge_folded,
};
use std::collections::{BTreeMap, BTreeSet};

/// Times something is looked up and kept anew where whose charts are whose changed meanwhile.
const ATTEMPTS_MAX: usize = 4;

/// Decisions that stand, by chart. Read once for as many charts as are looked at.
pub(crate) struct Known {
    all: Vec<(u64, StoredDecision)>,
    linked: BTreeMap<Patient, Vec<Patient>>,
}

impl Known {
    pub fn read(store: &NodeStore) -> Result<Self, NodeError> {
        Ok(Self::of(store.decisions()?))
    }

    /// All decisions there are, oldest first.
    fn of(all: Vec<(u64, StoredDecision)>) -> Self {
        let mut linked: BTreeMap<Patient, Vec<Patient>> = BTreeMap::new();
        let standing = all.iter().filter(|(_, d)| d.undone.is_none() && d.same);
        for (_, decision) in standing {
            for (one, other) in [(&decision.a, &decision.b), (&decision.b, &decision.a)] {
                linked.entry(one.clone()).or_default().push(other.clone());
            }
        }
        Self { all, linked }
    }

    /// What was decided about any of these charts, those taken back too, oldest first.
    pub fn about(&self, charts: &BTreeSet<Patient>) -> Vec<(u64, &StoredDecision)> {
        let about = |d: &StoredDecision| charts.contains(&d.a) || charts.contains(&d.b);
        let about = self.all.iter().filter(|(_, d)| about(d));
        about.map(|(id, decision)| (*id, decision)).collect()
    }

    /// Whether people have said whether these two are one person's.
    pub fn said(&self, a: &Patient, b: &Patient) -> bool {
        let pair = |d: &StoredDecision| (&d.a, &d.b) == (a, b) || (&d.a, &d.b) == (b, a);
        self.all.iter().any(|(_, d)| d.undone.is_none() && pair(d))
    }

    /// What stands of two charts: the last word about each pair.
    pub fn words(&self) -> BTreeMap<(Patient, Patient), bool> {
        let standing = self.all.iter().filter(|(_, d)| d.undone.is_none());
        let words = standing.map(|(_, d)| {
            let (a, b) = (d.a.clone(), d.b.clone());
            (if a <= b { (a, b) } else { (b, a) }, d.same)
        });
        words.collect()
    }

    fn standing(&self, charts: &BTreeSet<Patient>) -> Vec<Decision<Patient>> {
        let about = self.about(charts).into_iter();
        let standing = about.filter(|(_, d)| d.undone.is_none());
        standing
            .map(|(_, d)| Decision {
                a: d.a.clone(),
                b: d.b.clone(),
                verdict: if d.same {
                    Verdict::Link
                } else {
                    Verdict::Apart
                },
                who: d.said.who.clone(),
                at_ms: d.said.at.0,
                why: d.said.why.clone(),
            })
            .collect()
    }
}

/// A chart's person.
pub(crate) struct Person {
    /// Their charts; the one asked for is among them.
    pub charts: BTreeSet<Patient>,
    /// How those that were compared compare.
    pub judgements: Vec<(Patient, Patient, Judgement)>,
}

/// The person of a chart, as links and decisions have it. A chart nothing is known of is a person alone.
pub(crate) fn person(
    directory: &Directory,
    known: &Known,
    chart: &Patient,
) -> Result<Person, NodeError> {
    let linked = |one: &Patient| known.linked.get(one).cloned().unwrap_or_default();
    let around = directory.around(chart, &linked)?;
    let mut folded = BTreeMap::new();
    for one in &around {
        if let Some(record) = directory.chart(one)? {
            folded.insert(one.clone(), Folded::of(&record.demographics));
        }
    }
    let model = directory.model();
    let (mut edges, mut judgements) = (Vec::new(), Vec::new());
    for (a, x) in &folded {
        for (b, y) in
            folded.range::<Patient, _>((std::ops::Bound::Excluded(a), std::ops::Bound::Unbounded))
        {
            let judged = judge_folded(x, y, &model);
            edges.push(Edge {
                a: a.clone(),
                b: b.clone(),
                band: judged.band,
                score: judged.score,
                by_rule: matches!(judged.why, Why::Rule(_)),
            });
            judgements.push((a.clone(), b.clone(), judged));
        }
    }
    let persons = group(&around, &edges, &known.standing(&around)).persons;
    let alone = || [chart.clone()].into();
    let charts: BTreeSet<Patient> = persons
        .into_iter()
        .find(|charts| charts.contains(chart))
        .unwrap_or_else(alone);
    judgements.retain(|(a, b, judged)| {
        charts.contains(a) && charts.contains(b) && judged.band != Band::Apart
    });
    Ok(Person { charts, judgements })
}

/// The charts of some pseudonyms, as they are and as they are to be.
struct Held {
    before: BTreeMap<SubjectId, BTreeSet<Patient>>,
    now: BTreeMap<SubjectId, BTreeSet<Patient>>,
}

impl Held {
    /// Of every pseudonym that one of these charts has.
    fn of<'a>(
        store: &NodeStore,
        charts: impl IntoIterator<Item = &'a Patient>,
    ) -> Result<Self, NodeError> {
        let mut before = BTreeMap::new();
        for chart in charts {
            if let Some(subject) = store.subject_of(chart)?
                && !before.contains_key(&subject)
            {
                before.insert(subject, store.charts_of(&subject)?.into_iter().collect());
            }
        }
        let now = before.clone();
        Ok(Self { before, now })
    }

    /// Those that some of these charts have.
    fn subjects(&self, charts: &BTreeSet<Patient>) -> BTreeSet<SubjectId> {
        let held = self.now.iter();
        let held = held.filter(|(_, held)| !held.is_disjoint(charts));
        held.map(|(subject, _)| *subject).collect()
    }

    fn set(&mut self, subject: SubjectId, charts: BTreeSet<Patient>) {
        for held in self.now.values_mut() {
            held.retain(|chart| !charts.contains(chart));
        }
        self.now.insert(subject, charts);
    }

    /// Gives a person's charts the one pseudonym they have, if they have one. Two of them stay as they are until somebody
    /// decides.
    fn join(&mut self, person: &BTreeSet<Patient>) {
        let subjects = self.subjects(person);
        let mut held = subjects.into_iter();
        if let (Some(subject), None) = (held.next(), held.next()) {
            let mut charts = self.now.get(&subject).cloned().unwrap_or_default();
            charts.extend(person.iter().cloned());
            self.set(subject, charts);
        }
    }

    /// What is to be otherwise than it is.
    fn changes(&self) -> Vec<Change> {
        let change = |(subject, now): (&SubjectId, &BTreeSet<Patient>)| Change {
            subject: *subject,
            before: self.before.get(subject).cloned().unwrap_or_default(),
            now: now.clone(),
        };
        let changes = self.now.iter().map(change);
        changes.filter(|c| c.before != c.now).collect()
    }
}

/// Gives the charts of a chart's person the one pseudonym they have, if they have one.
pub(crate) fn settle(
    store: &NodeStore,
    directory: &Directory,
    known: &Known,
    chart: &Patient,
) -> Result<(), NodeError> {
    let person = person(directory, known, chart)?.charts;
    steadily(|| {
        let mut held = Held::of(store, &person)?;
        held.join(&person);
        Ok(store.change_charts(&held.changes())?)
    })
}

/// Does what rests on whose charts are whose, again where that changed meanwhile.
fn steadily<T>(work: impl Fn() -> Result<T, NodeError>) -> Result<T, NodeError> {
    let mut attempt = 1;
    loop {
        match work() {
            Err(NodeError::Store(StoreError::Moved)) if attempt < ATTEMPTS_MAX => attempt += 1,
            done => return done,
        }
    }
}

/// What a decision came to.
pub(crate) struct Decided {
    pub id: u64,
    pub person_a: BTreeSet<Patient>,
    pub person_b: BTreeSet<Patient>,
    /// A pseudonym that has no charts any more.
    pub left: Option<SubjectId>,
}

/// Whether something a patient refused stands under a pseudonym.
type Reserved<'a> = &'a dyn Fn(&SubjectId) -> Result<bool, NodeError>;

/// Keeps somebody's decision about two charts, with what becomes of both persons' pseudonyms, both or neither.
///
/// `a`'s person keeps its pseudonym; charts that have others go over to it. Refused, with nothing kept, where something
/// stands under one of the others, which would then no longer hold (P4).
pub(crate) fn decide(
    store: &NodeStore,
    directory: &Directory,
    (a, b): (&Patient, &Patient),
    (same, said): (bool, Said),
    reserved: Reserved<'_>,
) -> Result<Decided, NodeError> {
    if a == b {
        return Err(NodeError::Invalid("the two charts are one"));
    }
    for chart in [a, b] {
        if directory.chart(chart)?.is_none() && store.subject_of(chart)?.is_none() {
            return Err(NodeError::NoSuchChart);
        }
    }
    let decision = StoredDecision {
        a: a.clone(),
        b: b.clone(),
        same,
        said,
        undone: None,
    };
    steadily(|| {
        let mut all = store.decisions()?;
        // Its number comes with being kept; until then it is the last word.
        all.push((u64::MAX, decision.clone()));
        let (held, decided) = settled(store, directory, &Known::of(all), (a, b), reserved)?;
        let id = store.put_decision(&decision, &held.changes())?;
        Ok(Decided { id, ..decided })
    })
}

/// Takes a decision back, with what becomes of both persons' pseudonyms; refused as [`decide`] is.
pub(crate) fn undo(
    store: &NodeStore,
    directory: &Directory,
    (id, said): (u64, &Said),
    reserved: Reserved<'_>,
) -> Result<Decided, NodeError> {
    steadily(|| {
        let mut all = store.decisions()?;
        let standing = all
            .iter_mut()
            .find(|(of, d)| *of == id && d.undone.is_none());
        let (_, decision) = standing.ok_or(StoreError::NoSuchDecision(id))?;
        decision.undone = Some(said.clone());
        let (a, b) = (decision.a.clone(), decision.b.clone());
        let (held, decided) = settled(store, directory, &Known::of(all), (&a, &b), reserved)?;
        store.undo_decision(id, said, &held.changes())?;
        Ok(Decided { id, ..decided })
    })
}

/// What both charts' persons and their pseudonyms are by these decisions; nothing is kept.
fn settled(
    store: &NodeStore,
    directory: &Directory,
    known: &Known,
    (a, b): (&Patient, &Patient),
    reserved: Reserved<'_>,
) -> Result<(Held, Decided), NodeError> {
    let person_a = person(directory, known, a)?.charts;
    let person_b = person(directory, known, b)?.charts;
    let mut held = Held::of(store, person_a.union(&person_b))?;
    if person_a == person_b {
        let subjects = held.subjects(&person_a);
        if let Some(kept) = store.subject_of(a)?.or(subjects.first().copied()) {
            for other in subjects.iter().filter(|other| **other != kept) {
                if reserved(other)? {
                    return Err(NodeError::Reserved);
                }
            }
            held.set(kept, person_a.clone());
        }
    } else {
        // Two persons under one pseudonym: it stays with a's. What b's person needs is made when somebody asks for it.
        for subject in held.subjects(&person_a) {
            let charts = held.now.get(&subject).cloned().unwrap_or_default();
            held.set(subject, charts.difference(&person_b).cloned().collect());
        }
        held.join(&person_a);
        held.join(&person_b);
    }
    let left = held.now.iter().find(|(_, charts)| charts.is_empty());
    let left = left.map(|(subject, _)| *subject);
    let decided = Decided {
        id: 0,
        person_a,
        person_b,
        left,
    };
    Ok((held, decided))
}

#[cfg(test)]
#[path = "persons_test.rs"]
mod tests;
