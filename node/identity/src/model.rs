//! The model a score rests on: weights of each item and level, and where the bands begin. Learnt from a network's own
//! charts, or [`Model::standard`] until there are enough.
//!
//! What people who live together share (family name, address, telephone, the family's insurance) is not independent:
//! all of it together counts at most [`Model::household_bits_max`]. Among the pairs to learn from are none that the
//! rules keep apart, for a model is asked only where they are silent, and families would be taken for persons.

use crate::compare::{Item, Level, Levels};
use crate::fellegi::{Field, Learnt, MISSING, Parameters, Patterns, Strangers, learn, odds_bits};
use crate::judge::Band;
use crate::rules;
use serde::{Deserialize, Serialize};

/// Odds of ten thousand to one: one false link in ten thousand at the band's very edge.
const LINK_BITS: f64 = 13.3;
/// Odds of a thousand to one against: below it a person's look would be wasted nearly always.
const REVIEW_BITS: f64 = 0.0;
/// What a household shares is worth at most this: odds of a million to one.
const HOUSEHOLD_BITS_MAX: f64 = 20.0;
/// Charts of a network where nothing is known of it: a prefecture's network of middle size.
const CHARTS_USUAL: f64 = 100_000.0;
/// Counted for each level beside what was seen among random pairs, so that no weight exceeds what was looked at.
const RANDOM_SMOOTHING: f64 = 0.5;
/// How much of the standard stays in what was learnt.
const STANDARD_SHARE: f64 = 0.02;
/// Fewest pairs at hand from which a model may be learnt.
pub const LEARNING_PAIRS_MIN: u64 = 1_000;

/// Weights and bands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Model {
    /// How likely each level of each item is; items in the order of [`Item::ALL`], levels of [`Level::ALL`].
    pub parameters: Parameters,
    /// Scores from here link.
    pub link_bits: f64,
    /// Scores from here up to `link_bits` wait for a person.
    pub review_bits: f64,
    /// The most that all a household shares counts.
    pub household_bits_max: f64,
}

/// A model that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ModelFault {
    /// Not a field for each item, or not a probability for each level.
    #[error("a model has {} items with {} levels each", Item::COUNT, Level::COUNT)]
    Shape,
    /// A number that is no probability, or bands in the wrong order.
    #[error("a model's probabilities lie between 0 and 1, and a link takes more than a review")]
    Numbers,
    /// Too few pairs to learn from.
    #[error("{0} pairs are too few to learn from, at least {LEARNING_PAIRS_MIN}")]
    TooFew(u64),
}

/// As it is stored, before it is checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    parameters: Parameters,
    link_bits: f64,
    review_bits: f64,
    household_bits_max: f64,
}

impl TryFrom<Unchecked> for Model {
    type Error = ModelFault;

    fn try_from(read: Unchecked) -> Result<Self, ModelFault> {
        let model = Self {
            parameters: read.parameters,
            link_bits: read.link_bits,
            review_bits: read.review_bits,
            household_bits_max: read.household_bits_max,
        };
        model.check()?;
        Ok(model)
    }
}

/// m and u of an item's five levels.
fn field(m: [f64; Level::COUNT], u: [f64; Level::COUNT]) -> Field {
    Field {
        m: m.to_vec(),
        u: u.to_vec(),
    }
}

impl Model {
    /// What is used until a network's own charts have taught better: rounded from what generated
    /// charts taught (`docs/identity.md`); what these do not show (a slip in a telephone number) is set by hand.
    pub fn standard() -> Self {
        let fields = vec![
            field(
                [0.64, 0.335, 0.005, 0.01, 0.01],
                [0.002, 0.0012, 2e-5, 0.000_35, 0.996_43],
            ),
            field(
                [0.63, 0.355, 0.003, 0.009, 0.003],
                [0.0011, 0.0006, 0.000_15, 0.0006, 0.997_55],
            ),
            field(
                [0.976, 5e-7, 0.02, 0.002, 0.002],
                [4e-5, 5e-7, 0.0012, 0.0028, 0.995_96],
            ),
            field(
                [0.999, 5e-7, 5e-7, 5e-7, 0.001],
                [0.505, 5e-7, 5e-7, 5e-7, 0.495],
            ),
            field(
                [0.11, 0.80, 0.02, 0.02, 0.05],
                [4e-6, 4e-5, 5e-6, 0.0006, 0.999_351],
            ),
            field(
                [0.74, 5e-7, 0.01, 5e-7, 0.25],
                [2e-5, 5e-7, 0.000_11, 5e-7, 0.999_869],
            ),
            field(
                [0.19, 0.13, 0.005, 0.595, 0.08],
                [5e-7, 5e-7, 1e-5, 3e-5, 0.999_959],
            ),
        ];
        Self {
            parameters: Parameters {
                prior: 1.0 / CHARTS_USUAL,
                fields,
            },
            link_bits: LINK_BITS,
            review_bits: REVIEW_BITS,
            household_bits_max: HOUSEHOLD_BITS_MAX,
        }
    }

    /// The same with another bound for linking and for reviewing, in bits.
    pub fn with_bands(self, link_bits: f64, review_bits: f64) -> Self {
        Self {
            link_bits,
            review_bits,
            ..self
        }
    }

    /// The same for a network of so many charts: among more, a chance agreement is likelier.
    pub fn for_charts(mut self, charts: u64) -> Self {
        self.parameters.prior = 1.0 / (charts.max(2) as f64);
        self
    }

    /// Learns from pairs: `candidates` those that block keys brought together (rules' apart left out: use [`Pairs`]),
    /// `random` such as were drawn among all. `charts` is how many charts there are.
    ///
    /// # Errors
    /// There are too few pairs.
    pub fn learn(
        candidates: &Pairs,
        random: &Pairs,
        charts: u64,
    ) -> Result<(Self, Learnt), ModelFault> {
        for pairs in [candidates.count, random.count] {
            if pairs < LEARNING_PAIRS_MIN {
                return Err(ModelFault::TooFew(pairs));
            }
        }
        let mut start = Self::standard();
        for (at, field) in start.parameters.fields.iter_mut().enumerate() {
            field.u = random.shares(at);
        }
        let charts = charts.max(2) as f64;
        let learnt = learn(
            &candidates.patterns,
            &start.parameters,
            Strangers::Kept,
            charts * (charts - 1.0) / 2.0,
        );
        let mut model = Self {
            parameters: learnt.parameters.clone(),
            ..start
        };
        // What the charts at hand never showed is not impossible.
        let usual = Self::standard().parameters.fields;
        for (field, usual) in model.parameters.fields.iter_mut().zip(&usual) {
            for (m, usual) in field.m.iter_mut().zip(&usual.m) {
                *m = *m * (1.0 - STANDARD_SHARE) + usual * STANDARD_SHARE;
            }
        }
        Ok((model, learnt))
    }

    /// Checks what came from outside.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self) -> Result<(), ModelFault> {
        let fields = &self.parameters.fields;
        let shaped = |field: &Field| field.m.len() == Level::COUNT && field.u.len() == Level::COUNT;
        if fields.len() != Item::COUNT || !fields.iter().all(shaped) {
            return Err(ModelFault::Shape);
        }
        let probabilities = fields.iter().flat_map(|f| f.m.iter().chain(&f.u));
        let mut all = probabilities.chain([&self.parameters.prior]);
        let bands = self.link_bits.is_finite()
            && self.review_bits.is_finite()
            && self.household_bits_max >= 0.0
            && self.review_bits <= self.link_bits;
        if bands && all.all(|p| (0.0..=1.0).contains(p)) {
            Ok(())
        } else {
            Err(ModelFault::Numbers)
        }
    }

    /// The weight of each item in bits, what a household shares bounded; and the score with the prior.
    pub(crate) fn weigh(&self, levels: &Levels) -> ([f64; Item::COUNT], f64) {
        let mut bits = [0.0; Item::COUNT];
        for ((bits, field), level) in bits.iter_mut().zip(&self.parameters.fields).zip(levels) {
            if let Some(at) = level.place() {
                *bits = field.bits(at as u8);
            }
        }
        let shared = |item: Item| match item {
            Item::Family | Item::Address | Item::Phone => true,
            Item::Insured => matches!(rules::level(levels, item), Level::Partial | Level::Close),
            _ => false,
        };
        let household = || Item::ALL.into_iter().filter(|item| shared(*item));
        let sum: f64 = household().map(|item| bits[item as usize].max(0.0)).sum();
        if sum > self.household_bits_max {
            for item in household() {
                if bits[item as usize] > 0.0 {
                    bits[item as usize] *= self.household_bits_max / sum;
                }
            }
        }
        (
            bits,
            odds_bits(self.parameters.prior) + bits.iter().sum::<f64>(),
        )
    }

    /// The band of a score.
    pub(crate) fn band(&self, score: f64) -> Band {
        if score >= self.link_bits {
            Band::Link
        } else if score >= self.review_bits {
            Band::Review
        } else {
            Band::Apart
        }
    }
}

/// Pairs to learn from, counted by how they agree. What the rules keep apart is left out of [`Pairs::add`].
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Pairs {
    patterns: Patterns,
    count: u64,
}

impl Pairs {
    /// Adds pairs that block keys brought together and that agree alike, unless a rule keeps them apart.
    pub fn add(&mut self, levels: &Levels, pairs: u64) {
        if !matches!(rules::decide(levels), Some((Band::Apart, _))) {
            self.add_random(levels, pairs);
        }
    }

    /// Adds pairs drawn among all that agree alike.
    pub fn add_random(&mut self, levels: &Levels, pairs: u64) {
        let pattern = levels
            .iter()
            .map(|l| l.place().map_or(MISSING, |at| at as u8));
        *self.patterns.entry(pattern.collect()).or_default() += pairs;
        self.count += pairs;
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How often each level of an item was seen, smoothed.
    fn shares(&self, item: usize) -> Vec<f64> {
        let mut counts = [RANDOM_SMOOTHING; Level::COUNT];
        for (pattern, count) in &self.patterns {
            let at = pattern.get(item).map_or(usize::MAX, |at| usize::from(*at));
            if let Some(counted) = counts.get_mut(at) {
                *counted += *count as f64;
            }
        }
        let sum: f64 = counts.iter().sum();
        counts.iter().map(|count| count / sum).collect()
    }
}
