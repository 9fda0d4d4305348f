//! Fellegi–Sunter over any fields: how likely each level of agreement is among pairs of one person (m) and of two
//! (u), and learning both, and the share of pairs of one person, by expectation maximisation.
//!
//! Deterministic: patterns come in order, the start is given, the number of rounds is bounded. A level that was never
//! seen keeps a small probability (one in a million), so that no weight is infinite. Fields are taken to be independent
//! among each class; where they are not, whoever scores bounds what depends on one another.
//!
//! Source: Fellegi, Sunter (1969); Winkler, "Using the EM Algorithm for Weight Computation" (1988).

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A field's place in a pattern that is missing in one of the two.
pub const MISSING: u8 = u8::MAX;
/// Most rounds of learning; some twenty are usual.
pub const ROUNDS_MAX: u32 = 200;
/// Learning has converged when no probability moves further in a round.
pub const CONVERGED_BELOW: f64 = 1e-6;
/// Added to each level's count, as a share of all.
const SMOOTHING: f64 = 1e-6;

/// How likely each level of one field is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Field {
    /// Among pairs of one person.
    pub m: Vec<f64>,
    /// Among pairs of two persons.
    pub u: Vec<f64>,
}

impl Field {
    /// The weight of a level in bits: positive speaks for one person. 0 for what is missing or unknown.
    pub fn bits(&self, level: u8) -> f64 {
        let at = usize::from(level);
        match (self.m.get(at), self.u.get(at)) {
            (Some(m), Some(u)) if *m > 0.0 && *u > 0.0 => (m / u).log2(),
            _ => 0.0,
        }
    }
}

/// All that a score rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    /// The share of pairs that are of one person.
    pub prior: f64,
    /// Each field.
    pub fields: Vec<Field>,
}

impl Parameters {
    /// The logarithm (base 2) of the odds that a pair of this pattern is one person.
    pub fn score(&self, pattern: &[u8]) -> f64 {
        let bits = self
            .fields
            .iter()
            .zip(pattern)
            .map(|(field, level)| field.bits(*level));
        odds_bits(self.prior) + bits.sum::<f64>()
    }
}

/// The logarithm (base 2) of the odds of a probability.
pub fn odds_bits(probability: f64) -> f64 {
    let p = probability.clamp(1e-15, 1.0 - 1e-15);
    (p / (1.0 - p)).log2()
}

/// The probability of odds given as their logarithm (base 2).
pub fn probability(bits: f64) -> f64 {
    1.0 / (1.0 + (-bits).exp2())
}

/// Pairs counted by pattern: for each field its level, or [`MISSING`].
pub type Patterns = BTreeMap<Vec<u8>, u64>;

/// What is learnt of pairs of two persons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strangers {
    /// From the pairs at hand, as the others.
    Learnt,
    /// Nothing: the start's are kept, which were counted among random pairs.
    Kept,
}

/// The end of learning.
#[derive(Debug, Clone, PartialEq)]
pub struct Learnt {
    /// What was learnt.
    pub parameters: Parameters,
    /// Rounds it took.
    pub rounds: u32,
    /// Whether it converged within [`ROUNDS_MAX`].
    pub converged: bool,
    /// The share of the pairs at hand that are of one person.
    pub share: f64,
}

/// Learns from pairs by expectation maximisation. `pairs_in_all` counts the pairs that were not compared too, none of
/// which is taken to be one person; give the number of pairs at hand where all were.
pub fn learn(
    patterns: &Patterns,
    start: &Parameters,
    strangers: Strangers,
    pairs_in_all: f64,
) -> Learnt {
    let at_hand: f64 = patterns.values().map(|count| *count as f64).sum();
    let all = pairs_in_all.max(at_hand).max(1.0);
    let mut now = start.clone();
    let mut learnt = Learnt {
        parameters: start.clone(),
        rounds: 0,
        converged: patterns.is_empty(),
        share: 0.0,
    };
    while !learnt.converged && learnt.rounds < ROUNDS_MAX {
        let mut sums = Sums::new(&now);
        for (pattern, count) in patterns {
            sums.add(pattern, *count as f64, probability(now.score(pattern)));
        }
        let next = sums.parameters(&now, strangers, all);
        let moved = distance(&now, &next);
        learnt.rounds += 1;
        learnt.share = sums.matches / at_hand.max(1.0);
        learnt.converged = moved < CONVERGED_BELOW;
        now = next;
    }
    learnt.parameters = now;
    learnt
}

/// Levels counted among pairs, each pair by how likely it is of the class.
struct Sums {
    matches: f64,
    m: Vec<Vec<f64>>,
    u: Vec<Vec<f64>>,
}

impl Sums {
    fn new(like: &Parameters) -> Self {
        let zeros = || like.fields.iter().map(|f| vec![0.0; f.m.len()]).collect();
        Self {
            matches: 0.0,
            m: zeros(),
            u: zeros(),
        }
    }

    fn add(&mut self, pattern: &[u8], count: f64, one_person: f64) {
        self.matches += count * one_person;
        let fields = self.m.iter_mut().zip(&mut self.u).zip(pattern);
        for ((m, u), level) in fields {
            if let (Some(m), Some(u)) = (
                m.get_mut(usize::from(*level)),
                u.get_mut(usize::from(*level)),
            ) {
                *m += count * one_person;
                *u += count * (1.0 - one_person);
            }
        }
    }

    fn parameters(&self, before: &Parameters, strangers: Strangers, all: f64) -> Parameters {
        let fields = before.fields.iter().zip(self.m.iter().zip(&self.u));
        Parameters {
            prior: (self.matches / all).clamp(1e-12, 1.0 - 1e-12),
            fields: fields
                .map(|(before, (m, u))| Field {
                    m: shares(m, &before.m),
                    u: match strangers {
                        Strangers::Learnt => shares(u, &before.u),
                        Strangers::Kept => before.u.clone(),
                    },
                })
                .collect(),
        }
    }
}

/// Counts as shares; what was before where nothing was counted.
fn shares(counts: &[f64], before: &[f64]) -> Vec<f64> {
    let sum: f64 = counts.iter().sum();
    if sum <= 0.0 {
        return before.to_vec();
    }
    let whole = sum * (1.0 + SMOOTHING * counts.len() as f64);
    counts
        .iter()
        .map(|count| (count + sum * SMOOTHING) / whole)
        .collect()
}

/// The furthest any probability moved.
fn distance(a: &Parameters, b: &Parameters) -> f64 {
    let fields = a.fields.iter().zip(&b.fields);
    let moved = fields.flat_map(|(a, b)| {
        let m = a.m.iter().zip(&b.m);
        m.chain(a.u.iter().zip(&b.u)).map(|(a, b)| (a - b).abs())
    });
    moved.fold((a.prior - b.prior).abs(), f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Three fields of three levels.
    fn truth() -> Parameters {
        Parameters {
            prior: 0.1,
            fields: vec![
                Field {
                    m: vec![0.9, 0.07, 0.03],
                    u: vec![0.02, 0.08, 0.9],
                },
                Field {
                    m: vec![0.8, 0.15, 0.05],
                    u: vec![0.05, 0.15, 0.8],
                },
                Field {
                    m: vec![0.95, 0.02, 0.03],
                    u: vec![0.3, 0.1, 0.6],
                },
            ],
        }
    }

    /// The pairs that follow from parameters, without chance.
    fn expected(of: &Parameters, pairs: f64) -> Patterns {
        let mut patterns = Patterns::new();
        for n in 0..27u8 {
            let pattern = vec![n % 3, n / 3 % 3, n / 9];
            let share = |pick: fn(&Field) -> &Vec<f64>| -> f64 {
                let fields = of.fields.iter().zip(&pattern);
                fields
                    .map(|(f, level)| pick(f)[usize::from(*level)])
                    .product()
            };
            let all = of.prior * share(|f| &f.m) + (1.0 - of.prior) * share(|f| &f.u);
            patterns.insert(pattern, (all * pairs).round() as u64);
        }
        patterns
    }

    fn start() -> Parameters {
        let field = Field {
            m: vec![0.7, 0.2, 0.1],
            u: vec![0.1, 0.2, 0.7],
        };
        Parameters {
            prior: 0.3,
            fields: vec![field; 3],
        }
    }

    #[test]
    fn learning_finds_the_weights_that_made_the_pairs() {
        let pairs = 1e9;
        let learnt = learn(
            &expected(&truth(), pairs),
            &start(),
            Strangers::Learnt,
            pairs,
        );
        assert!(learnt.converged, "{learnt:?}");
        assert!(distance(&learnt.parameters, &truth()) < 1e-3, "{learnt:#?}");
        assert!((learnt.share - 0.1).abs() < 1e-3);
    }

    #[test]
    fn a_kept_side_stays_and_pairs_not_compared_count() {
        let pairs = 1e9;
        let mut from = start();
        for (mine, true_) in from.fields.iter_mut().zip(truth().fields) {
            mine.u = true_.u;
        }
        let learnt = learn(
            &expected(&truth(), pairs),
            &from,
            Strangers::Kept,
            pairs * 100.0,
        );
        assert_eq!(learnt.parameters.fields[0].u, truth().fields[0].u);
        assert!(learnt.parameters.prior < 0.002, "{learnt:?}");
    }

    proptest! {
        #[test]
        fn learning_is_total_and_gives_probabilities(
            pairs in proptest::collection::btree_map(
                proptest::collection::vec(prop_oneof![0u8..5, Just(MISSING)], 0..5), 0u64..1000, 0..20)
        ) {
            let learnt = learn(&pairs, &start(), Strangers::Learnt, 0.0);
            prop_assert!(learnt.rounds <= ROUNDS_MAX);
            for field in &learnt.parameters.fields {
                for p in field.m.iter().chain(&field.u) {
                    prop_assert!(p.is_finite() && (0.0..=1.0).contains(p));
                }
            }
        }
    }
}
