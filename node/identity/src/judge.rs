//! A judgement of two charts: its band, what decided, and the evidence of each item in words.

use crate::compare::{Item, Level, Levels, compare};
use crate::explain::{Said, sentence, sentence_of_rule};
use crate::fold::Folded;
use crate::model::Model;
use crate::rules::{self, Rule};
use crate::{Demographics, fellegi};
use serde::{Deserialize, Serialize};

/// What is to be done with a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Band {
    /// One person.
    Link,
    /// A person looks.
    Review,
    /// Two persons.
    Apart,
}

/// What decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// A rule, before or against the score.
    Rule(Rule),
    /// The score.
    Score,
}

/// One item's part in a judgement. Holds no value of anybody.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Which item.
    pub item: Item,
    /// How far it agrees.
    pub level: Level,
    /// Its weight in bits: positive speaks for one person.
    pub bits: f64,
}

impl Evidence {
    /// In words.
    pub fn sentence(&self) -> Said {
        sentence(self.item, self.level)
    }
}

/// A judgement of two charts. Holds no value of anybody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// What is to be done.
    pub band: Band,
    /// What decided.
    pub why: Why,
    /// The logarithm (base 2) of the odds that the two are one person, by the model.
    pub score: f64,
    /// Each item's evidence, in the order of [`Item::ALL`].
    pub fields: Vec<Evidence>,
}

impl Judgement {
    /// How likely the two are one person, by the model; a rule may know better.
    pub fn probability(&self) -> f64 {
        fellegi::probability(self.score)
    }

    /// What decided and what each item says, in words; missing items are left out.
    pub fn sentences(&self) -> Vec<Said> {
        let why = match self.why {
            Why::Rule(rule) => sentence_of_rule(rule),
            Why::Score => Said::of_score(self.band, self.score),
        };
        let fields = self.fields.iter().filter(|e| e.level != Level::Missing);
        let fields = fields.map(|evidence| {
            let said = evidence.sentence();
            Said {
                ja: format!("{}（{:+.1}）", said.ja, evidence.bits),
                en: format!("{} ({:+.1})", said.en, evidence.bits),
            }
        });
        [why].into_iter().chain(fields).collect()
    }

    /// The level of an item.
    pub fn level(&self, item: Item) -> Level {
        self.fields
            .get(item as usize)
            .map_or(Level::Missing, |evidence| evidence.level)
    }
}

/// Judges two charts. Symmetric.
pub fn judge(a: &Demographics, b: &Demographics, model: &Model) -> Judgement {
    judge_folded(&Folded::of(a), &Folded::of(b), model)
}

/// Judges two charts that were folded before, as whoever compares many does.
pub fn judge_folded(a: &Folded, b: &Folded, model: &Model) -> Judgement {
    judge_levels(&compare(a, b), model)
}

/// Judges how two charts agree.
pub fn judge_levels(levels: &Levels, model: &Model) -> Judgement {
    let (bits, score) = model.weigh(levels);
    let (band, why) = decide(levels, score, model);
    let fields = Item::ALL.into_iter().zip(levels).zip(bits);
    Judgement {
        band,
        why,
        score,
        fields: fields
            .map(|((item, level), bits)| Evidence {
                item,
                level: *level,
                bits,
            })
            .collect(),
    }
}

/// The band alone, without the evidence.
pub fn band_of(levels: &Levels, model: &Model) -> (Band, Why) {
    let (_, score) = model.weigh(levels);
    decide(levels, score, model)
}

fn decide(levels: &Levels, score: f64, model: &Model) -> (Band, Why) {
    if let Some((band, rule)) = rules::decide(levels) {
        return (band, Why::Rule(rule));
    }
    match model.band(score) {
        Band::Link => match rules::forbids_link(levels) {
            Some(rule) => (Band::Review, Why::Rule(rule)),
            None => (Band::Link, Why::Score),
        },
        band => (band, Why::Score),
    }
}

#[cfg(test)]
#[path = "judge_test.rs"]
mod tests;

#[cfg(test)]
#[path = "judge_laws_test.rs"]
mod laws;
