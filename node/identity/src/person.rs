//! Charts brought together to persons, from judgements and from what people decided.
//!
//! Whatever people said holds: a person never has two charts that somebody said are apart, and what somebody linked is
//! linked unless that would break it; of two decisions on a pair the later counts, and one that was undone counts for
//! nothing. Machine links come after them, the surest first. A link that would put two charts into one person that are
//! apart (said by people, or by a rule) is left out and goes to review, saying which two.
//!
//! A function of its arguments and nothing else: taking a decision back gives exactly the persons of before, and a
//! decision changes no person but those that hold its charts or are linked to them.

use crate::explain::Said;
use crate::judge::Band;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Most charts of one person; beyond it something joined strangers (a default number, a test patient), and a person
/// looks.
pub const PERSON_CHARTS_MAX: usize = 64;
/// Most characters of a decision's reason and author.
pub const REASON_CHARS_MAX: usize = 500;

/// What somebody said of two charts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// One person.
    Link,
    /// Two persons.
    Apart,
    /// What was said before is taken back: the machine's judgement counts again.
    Undo,
}

/// A decision of somebody. Kept for good: an undone one stays, with the one that undid it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision<C> {
    /// One chart.
    pub a: C,
    /// The other.
    pub b: C,
    /// What was said.
    pub verdict: Verdict,
    /// Who said it.
    pub who: String,
    /// When, milliseconds since 1970.
    pub at_ms: u64,
    /// Why, in their words.
    pub why: String,
}

impl<C> std::fmt::Debug for Decision<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Decision({:?} at {}, withheld)",
            self.verdict, self.at_ms
        )
    }
}

/// What a machine judged of two charts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Edge<C> {
    /// One chart.
    pub a: C,
    /// The other.
    pub b: C,
    /// The band.
    pub band: Band,
    /// The score, in bits: surer links come first.
    pub score: f64,
    /// Whether a rule decided: charts that a rule keeps apart are not joined through a third.
    pub by_rule: bool,
}

/// Why a pair waits for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt<C> {
    /// The judgement itself says so.
    Judged,
    /// Linked, but it would join these two, which are apart.
    WouldJoin(C, C),
    /// Linked, but the person would have more than [`PERSON_CHARTS_MAX`] charts.
    TooManyCharts,
}

impl<C> Doubt<C> {
    /// In words, for people who decide.
    pub fn sentence(&self) -> Said {
        let (ja, en) = match self {
            Self::Judged => (
                "判定だけでは決められない",
                "the judgement alone does not decide",
            ),
            Self::WouldJoin(..) => (
                "つなぐと、別人とされた二つの診療録が同じ人になる",
                "linking them would make one person of two charts that are apart",
            ),
            Self::TooManyCharts => (
                "つなぐと、一人の診療録が多くなりすぎる（仮番号・試験患者の可能性）",
                "linking them would give one person too many charts; perhaps a default number or a test patient",
            ),
        };
        Said::new(ja, en)
    }
}

/// A pair that waits for a person.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Waiting<C> {
    /// One chart.
    pub a: C,
    /// The other.
    pub b: C,
    /// Why.
    pub doubt: Doubt<C>,
    /// The machine's score; none where people linked what contradicts what people said.
    pub score: Option<f64>,
}

/// The persons.
#[derive(Debug, Clone, PartialEq)]
pub struct Persons<C> {
    /// Each person's charts; every chart is in exactly one. Ordered by their first chart.
    pub persons: Vec<BTreeSet<C>>,
    /// Pairs that wait, in order.
    pub waiting: Vec<Waiting<C>>,
}

/// A pair in its one order.
fn pair<C: Ord + Clone>(a: &C, b: &C) -> (C, C) {
    if a <= b {
        (a.clone(), b.clone())
    } else {
        (b.clone(), a.clone())
    }
}

/// Makes persons. Edges and decisions of charts that are not among `charts` are left out, as are such of a chart with
/// itself. Of several edges of a pair the last counts; decisions count by time, then by their order.
pub fn group<C: Ord + Clone>(
    charts: &BTreeSet<C>,
    edges: &[Edge<C>],
    decisions: &[Decision<C>],
) -> Persons<C> {
    let known = |a: &C, b: &C| a != b && charts.contains(a) && charts.contains(b);
    let mut ordered: Vec<&Decision<C>> = decisions.iter().filter(|d| known(&d.a, &d.b)).collect();
    ordered.sort_by_key(|d| d.at_ms);
    // Of each pair the last word, with its place in time.
    let mut said: BTreeMap<(C, C), (usize, Verdict)> = BTreeMap::new();
    for (n, decision) in ordered.into_iter().enumerate() {
        let pair = pair(&decision.a, &decision.b);
        match decision.verdict {
            Verdict::Undo => said.remove(&pair),
            verdict => said.insert(pair, (n, verdict)),
        };
    }
    let mut judged: BTreeMap<(C, C), &Edge<C>> = BTreeMap::new();
    for edge in edges.iter().filter(|e| known(&e.a, &e.b)) {
        judged.insert(pair(&edge.a, &edge.b), edge);
    }

    let mut groups = Groups::new(charts);
    for (pair, (_, verdict)) in &said {
        if *verdict == Verdict::Apart {
            groups.keep_apart(pair, Force::Said);
        }
    }
    for (pair, edge) in &judged {
        if edge.band == Band::Apart && edge.by_rule && !said.contains_key(pair) {
            groups.keep_apart(pair, Force::Rule);
        }
    }
    let mut waiting = Vec::new();
    // What people linked, the latest first: where their words contradict each other the newer ones hold.
    let mut linked: Vec<(&(C, C), usize)> = said
        .iter()
        .filter(|(_, (_, verdict))| *verdict == Verdict::Link)
        .map(|(pair, (n, _))| (pair, *n))
        .collect();
    linked.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    for ((a, b), _) in linked {
        if let Err(doubt) = groups.join(a, b, Force::Said) {
            waiting.push(Waiting {
                a: a.clone(),
                b: b.clone(),
                doubt,
                score: None,
            });
        }
    }
    let mut sure: Vec<(&(C, C), &Edge<C>)> = Vec::new();
    for (pair, edge) in judged.iter().filter(|(pair, _)| !said.contains_key(*pair)) {
        match edge.band {
            Band::Link => sure.push((pair, edge)),
            Band::Review => waiting.push(Waiting {
                a: pair.0.clone(),
                b: pair.1.clone(),
                doubt: Doubt::Judged,
                score: Some(edge.score),
            }),
            Band::Apart => {}
        }
    }
    sure.sort_by(|(p, x), (q, y)| y.score.total_cmp(&x.score).then_with(|| p.cmp(q)));
    for ((a, b), edge) in sure {
        if let Err(doubt) = groups.join(a, b, Force::Rule) {
            waiting.push(Waiting {
                a: a.clone(),
                b: b.clone(),
                doubt,
                score: Some(edge.score),
            });
        }
    }
    // What waits for nothing: two charts that came together in another way.
    waiting.retain(|w| w.doubt != Doubt::Judged || groups.root(&w.a) != groups.root(&w.b));
    waiting.sort_by(|x, y| (&x.a, &x.b).cmp(&(&y.a, &y.b)));
    Persons {
        persons: groups.into_sets(),
        waiting,
    }
}

/// Who keeps two charts apart, or joins them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Force {
    /// A rule: people's links go over it.
    Rule,
    /// People.
    Said,
}

/// Charts while they are joined; each group is named by one of its charts.
struct Groups<C> {
    root: BTreeMap<C, C>,
    members: BTreeMap<C, BTreeSet<C>>,
    apart: BTreeMap<C, BTreeMap<C, Force>>,
}

impl<C: Ord + Clone> Groups<C> {
    fn new(charts: &BTreeSet<C>) -> Self {
        let alone = |c: &C| (c.clone(), BTreeSet::from([c.clone()]));
        Self {
            root: charts.iter().map(|c| (c.clone(), c.clone())).collect(),
            members: charts.iter().map(alone).collect(),
            apart: BTreeMap::new(),
        }
    }

    fn keep_apart(&mut self, (a, b): &(C, C), force: Force) {
        for (one, other) in [(a, b), (b, a)] {
            let others = self.apart.entry(one.clone()).or_default();
            others.insert(other.clone(), force);
        }
    }

    fn root(&self, chart: &C) -> Option<&C> {
        self.root.get(chart)
    }

    /// Joins the groups of two charts, unless two charts in them are apart by at least this force.
    fn join(&mut self, a: &C, b: &C, force: Force) -> Result<(), Doubt<C>> {
        let (Some(x), Some(y)) = (self.root.get(a).cloned(), self.root.get(b).cloned()) else {
            return Ok(());
        };
        if x == y {
            return Ok(());
        }
        let empty = BTreeSet::new();
        let of = |root: &C| self.members.get(root).unwrap_or(&empty);
        let (large, small) = if of(&x).len() >= of(&y).len() {
            (x, y)
        } else {
            (y, x)
        };
        for member in of(&small) {
            let others = self.apart.get(member).into_iter().flatten();
            let mut against =
                others.filter(|(other, by)| **by >= force && of(&large).contains(*other));
            if let Some((other, _)) = against.next() {
                let (a, b) = pair(member, other);
                return Err(Doubt::WouldJoin(a, b));
            }
        }
        if of(&large).len() + of(&small).len() > PERSON_CHARTS_MAX {
            return Err(Doubt::TooManyCharts);
        }
        let moved = self.members.remove(&small).unwrap_or_default();
        for chart in &moved {
            self.root.insert(chart.clone(), large.clone());
        }
        self.members.entry(large).or_default().extend(moved);
        Ok(())
    }

    fn into_sets(self) -> Vec<BTreeSet<C>> {
        let mut sets: Vec<BTreeSet<C>> = self.members.into_values().collect();
        sets.sort();
        sets
    }
}

#[cfg(test)]
#[path = "person_test.rs"]
mod tests;
