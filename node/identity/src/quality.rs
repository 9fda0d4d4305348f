//! How good matching is, measured against charts of which the truth is known: by class of error, for links and
//! reviews, and for the block keys. And all pairs that block keys bring together among charts in memory.
//!
//! Counting is by pairs of charts. A pair is of a class if either chart is; precision is of the links, recall of the
//! pairs of one person, the share of reviews is their number against the pairs of one person.

use crate::block::{BLOCK_CHARTS_MAX, BlockKey, block_keys_folded};
use crate::compare::compare;
use crate::fellegi::Learnt;
use crate::fold::Folded;
use crate::judge::{Band, Why, band_of, judge_folded};
use crate::learning::strangers;
use crate::model::{Model, ModelFault, Pairs};
use crate::person::{Edge, group};
use std::collections::BTreeMap;

/// A chart whose person is known.
#[derive(Debug, Clone)]
pub struct Labelled {
    /// The chart.
    pub chart: Folded,
    /// Whose it is.
    pub person: u32,
    /// Its classes, one bit each.
    pub classes: u32,
}

/// All pairs of charts that share a block key, each once and in order; keys with more than [`BLOCK_CHARTS_MAX`] charts
/// bring nobody together, and are counted.
pub fn candidates<'a>(charts: impl Iterator<Item = &'a Folded>) -> (Vec<(u32, u32)>, usize) {
    let mut blocks: BTreeMap<BlockKey, Vec<u32>> = BTreeMap::new();
    for (n, chart) in (0u32..).zip(charts) {
        for key in block_keys_folded(chart) {
            blocks.entry(key).or_default().push(n);
        }
    }
    let (mut pairs, mut left_out) = (Vec::new(), 0);
    for block in blocks.into_values() {
        if block.len() > BLOCK_CHARTS_MAX {
            left_out += 1;
            continue;
        }
        for (n, a) in block.iter().enumerate() {
            pairs.extend(block.iter().skip(n + 1).map(|b| (*a, *b)));
        }
    }
    pairs.sort_unstable();
    pairs.dedup();
    (pairs, left_out)
}

/// Counts of one class, or of all.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pairs of one person there are.
    pub pairs: u64,
    /// Of them brought together by block keys.
    pub found: u64,
    /// Of them linked.
    pub linked: u64,
    /// Of them waiting for a person.
    pub reviewed: u64,
    /// Pairs of two persons that were linked: safety events.
    pub linked_wrongly: u64,
    /// Pairs of two persons that wait for a person.
    pub reviewed_wrongly: u64,
}

impl Counts {
    /// The share of links that are right; 1 where there are none.
    pub fn precision(&self) -> f64 {
        share(self.linked, self.linked + self.linked_wrongly)
    }

    /// The share of pairs of one person that are linked.
    pub fn recall(&self) -> f64 {
        share(self.linked, self.pairs)
    }

    /// Pairs that wait for a person, against the pairs of one person.
    pub fn review(&self) -> f64 {
        if self.pairs == 0 {
            return 0.0;
        }
        (self.reviewed + self.reviewed_wrongly) as f64 / self.pairs as f64
    }

    /// The share of pairs of one person that block keys bring together.
    pub fn completeness(&self) -> f64 {
        share(self.found, self.pairs)
    }

    /// Adds others' counts.
    pub fn add(&mut self, other: &Self) {
        self.pairs += other.pairs;
        self.found += other.found;
        self.linked += other.linked;
        self.reviewed += other.reviewed;
        self.linked_wrongly += other.linked_wrongly;
        self.reviewed_wrongly += other.reviewed_wrongly;
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 {
        1.0
    } else {
        part as f64 / whole as f64
    }
}

/// What was measured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quality {
    /// All pairs.
    pub all: Counts,
    /// Pairs by the bit of their class.
    pub classes: BTreeMap<u32, Counts>,
    /// Pairs judged.
    pub judged: u64,
}

impl Quality {
    /// Adds what was measured of another population.
    pub fn add(&mut self, other: &Self) {
        self.all.add(&other.all);
        self.judged += other.judged;
        for (class, counts) in &other.classes {
            self.classes.entry(*class).or_default().add(counts);
        }
    }

    fn count(&mut self, classes: u32, what: impl Fn(&mut Counts)) {
        what(&mut self.all);
        for bit in (0..u32::BITS).filter(|bit| classes & (1 << bit) != 0) {
            what(self.classes.entry(bit).or_default());
        }
    }
}

/// Measures a model on charts of which the truth is known.
pub fn measure(charts: &[Labelled], model: &Model) -> Quality {
    let mut quality = Quality::default();
    let mut persons: BTreeMap<u32, Vec<&Labelled>> = BTreeMap::new();
    for chart in charts {
        persons.entry(chart.person).or_default().push(chart);
    }
    for same in persons.values() {
        for (n, a) in same.iter().enumerate() {
            for b in same.iter().skip(n + 1) {
                quality.count(a.classes | b.classes, |counts| counts.pairs += 1);
            }
        }
    }
    let (pairs, _) = candidates(charts.iter().map(|c| &c.chart));
    for (a, b) in pairs {
        let (Some(a), Some(b)) = (charts.get(a as usize), charts.get(b as usize)) else {
            continue;
        };
        quality.judged += 1;
        let (band, _) = band_of(&compare(&a.chart, &b.chart), model);
        let one_person = a.person == b.person;
        quality.count(a.classes | b.classes, |counts| {
            counts.found += u64::from(one_person);
            match (band, one_person) {
                (Band::Link, true) => counts.linked += 1,
                (Band::Link, false) => counts.linked_wrongly += 1,
                (Band::Review, true) => counts.reviewed += 1,
                (Band::Review, false) => counts.reviewed_wrongly += 1,
                (Band::Apart, _) => {}
            }
        });
    }
    quality
}

/// Measures the persons that [`group`] makes of a model's judgements: all pairs of charts within a person, those that
/// came together through a third too.
pub fn measure_persons(charts: &[Labelled], model: &Model) -> Counts {
    let (pairs, _) = candidates(charts.iter().map(|c| &c.chart));
    let edges = pairs.into_iter().filter_map(|(a, b)| {
        let (x, y) = (charts.get(a as usize)?, charts.get(b as usize)?);
        let judgement = judge_folded(&x.chart, &y.chart, model);
        let by_rule = matches!(judgement.why, Why::Rule(_));
        (judgement.band != Band::Apart || by_rule).then_some(Edge {
            a,
            b,
            band: judgement.band,
            score: judgement.score,
            by_rule,
        })
    });
    let edges: Vec<Edge<u32>> = edges.collect();
    let all = (0u32..).zip(charts).map(|(n, _)| n).collect();
    let persons = group(&all, &edges, &[]).persons;
    let mut counts = Counts::default();
    let of = |n: &u32| charts.get(*n as usize).map(|c| c.person);
    for person in &persons {
        for (n, a) in person.iter().enumerate() {
            for b in person.iter().skip(n + 1) {
                if of(a) == of(b) {
                    counts.linked += 1;
                } else {
                    counts.linked_wrongly += 1;
                }
            }
        }
    }
    let mut sizes: BTreeMap<u32, u64> = BTreeMap::new();
    for chart in charts {
        *sizes.entry(chart.person).or_default() += 1;
    }
    counts.pairs = sizes.values().map(|n| n * n.saturating_sub(1) / 2).sum();
    counts
}

/// Learns a model from charts, without their truth: candidates from block keys, strangers from pairs
/// scattered over all, the same each time.
///
/// # Errors
/// There are too few charts to learn from.
pub fn learn_model<'a>(
    charts: impl Iterator<Item = &'a Folded>,
) -> Result<(Model, Learnt), ModelFault> {
    let charts: Vec<&Folded> = charts.collect();
    let (mut near, mut random) = (Pairs::default(), Pairs::default());
    let (pairs, _) = candidates(charts.iter().copied());
    for (a, b) in pairs {
        if let (Some(a), Some(b)) = (charts.get(a as usize), charts.get(b as usize)) {
            near.add(&compare(a, b), 1);
        }
    }
    for (levels, count) in strangers(&charts) {
        random.add_random(&levels, count);
    }
    Model::learn(&near, &random, charts.len().max(1) as u64)
}
