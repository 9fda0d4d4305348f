//! Persons: the charts that links and decisions bring together, and the one pseudonym they share.

use crate::NodeError;
use crate::store::{Directory, NodeStore, Said, StoredDecision};
use sekisho_documents::Patient;
use sekisho_domain::SubjectId;
use sekisho_identity::{
    Band, Decision, Edge, Folded, Judgement, Verdict, Why, group, judge_folded,
};
use std::collections::{BTreeMap, BTreeSet};

/// Decisions that stand, by chart. Read once for as many charts as are looked at.
pub(crate) struct Known {
    all: Vec<(u64, StoredDecision)>,
    linked: BTreeMap<Patient, Vec<Patient>>,
}

impl Known {
    pub fn read(store: &NodeStore) -> Result<Self, NodeError> {
        let all = store.decisions()?;
        let mut linked: BTreeMap<Patient, Vec<Patient>> = BTreeMap::new();
        let standing = all.iter().filter(|(_, d)| d.undone.is_none() && d.same);
        for (_, decision) in standing {
            for (one, other) in [(&decision.a, &decision.b), (&decision.b, &decision.a)] {
                linked.entry(one.clone()).or_default().push(other.clone());
            }
        }
        Ok(Self { all, linked })
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

/// Gives the charts of a chart's person the one pseudonym they have, if they have one. Two of them stay as they are until
/// somebody decides.
pub(crate) fn settle(
    store: &NodeStore,
    directory: &Directory,
    known: &Known,
    chart: &Patient,
) -> Result<(), NodeError> {
    let person = person(directory, known, chart)?.charts;
    let subjects = subjects(store, &person)?;
    let mut held = subjects.iter();
    if let (Some(subject), None) = (held.next(), held.next()) {
        let mut charts: BTreeSet<Patient> = store.charts_of(subject)?.into_iter().collect();
        let before = charts.len();
        charts.extend(person);
        if charts.len() > before {
            store.set_charts(*subject, &charts)?;
        }
    }
    Ok(())
}

fn subjects(
    store: &NodeStore,
    charts: &BTreeSet<Patient>,
) -> Result<BTreeSet<SubjectId>, NodeError> {
    let mut subjects = BTreeSet::new();
    for chart in charts {
        subjects.extend(store.subject_of(chart)?);
    }
    Ok(subjects)
}

/// What a decision came to.
pub(crate) struct Decided {
    pub id: u64,
    pub person_a: BTreeSet<Patient>,
    pub person_b: BTreeSet<Patient>,
    /// A pseudonym that has no charts any more.
    pub left: Option<SubjectId>,
}

/// Keeps somebody's decision about two charts and settles both persons' pseudonyms.
///
/// `a`'s person keeps its pseudonym; where two had one each, `b`'s charts go over to it. Refused, with nothing kept, where
/// `reserved` says that something stands under `b`'s pseudonym which would then no longer hold (P4).
pub(crate) fn decide(
    store: &NodeStore,
    directory: &Directory,
    (a, b): (&Patient, &Patient),
    (same, said): (bool, Said),
    reserved: &dyn Fn(&SubjectId) -> Result<bool, NodeError>,
) -> Result<Decided, NodeError> {
    if a == b {
        return Err(NodeError::Invalid("the two charts are one"));
    }
    for chart in [a, b] {
        if directory.chart(chart)?.is_none() && store.subject_of(chart)?.is_none() {
            return Err(NodeError::NoSuchChart);
        }
    }
    let (own, other) = (store.subject_of(a)?, store.subject_of(b)?);
    if let (true, Some(own), Some(other)) = (same, own, other)
        && own != other
        && reserved(&other)?
    {
        return Err(NodeError::Reserved);
    }
    let decision = StoredDecision {
        a: a.clone(),
        b: b.clone(),
        same,
        said,
        undone: None,
    };
    let id = store.put_decision(&decision)?;
    settle_both(store, directory, id, (a, b))
}

/// Settles the pseudonyms of both charts' persons after a decision, or after one was taken back.
pub(crate) fn settle_both(
    store: &NodeStore,
    directory: &Directory,
    id: u64,
    (a, b): (&Patient, &Patient),
) -> Result<Decided, NodeError> {
    let known = Known::read(store)?;
    let person_a = person(directory, &known, a)?.charts;
    let person_b = person(directory, &known, b)?.charts;
    let mut left = None;
    if person_a == person_b {
        let (own, others) = (store.subject_of(a)?, subjects(store, &person_a)?);
        if let Some(kept) = own.or_else(|| others.first().copied()) {
            left = others.into_iter().find(|other| *other != kept);
            store.set_charts(kept, &person_a)?;
        }
    } else {
        // Two persons under one pseudonym: it stays with a's. What b's person needs is made when somebody asks for it.
        for subject in subjects(store, &person_a)? {
            let charts: BTreeSet<Patient> = store.charts_of(&subject)?.into_iter().collect();
            if !charts.is_disjoint(&person_b) {
                let stay = charts.difference(&person_b).cloned().collect();
                store.set_charts(subject, &stay)?;
            }
        }
        settle(store, directory, &known, a)?;
        settle(store, directory, &known, b)?;
    }
    Ok(Decided {
        id,
        person_a,
        person_b,
        left,
    })
}

#[cfg(test)]
#[path = "persons_test.rs"]
mod tests;
