//! Learning a network's own weights, without being told who is who, and what they would change.
//!
//! How each pair of charts agrees is counted once ([`Tally`]); everything here follows from the counts alone, so nothing
//! of anybody is in it. Weights that cannot be trusted are refused rather than given ([`Unlearnt`]): too little was seen,
//! or what was found are not persons, for learning finds *some* two kinds of pairs in whatever it is given.

use crate::compare::{Item, Level, Levels, compare};
use crate::explain::Said;
use crate::fold::Folded;
use crate::judge::{Band, band_of};
use crate::model::{LEARNING_PAIRS_MIN, Model, ModelFault, Pairs};
use std::collections::BTreeMap;

/// How often each way of agreeing was seen among pairs.
pub type Tally = BTreeMap<Levels, u64>;

/// Version of items, levels and what they mean: weights learnt under another mean something else.
pub const WEIGHTS_VERSION: u8 = 1;
/// Fewest pairs taken for one person's from which weights are learnt: of a level that one in a hundred has, five.
pub const ONE_PERSON_PAIRS_MIN: u64 = 500;
/// Charts among which strangers are drawn; a million pairs of so many hold few twice.
pub const STRANGERS_CHARTS_MAX: usize = 20_000;
/// Random pairs looked at.
const RANDOM_PAIRS: usize = 1_000_000;
/// Of one person's pairs at least so many have the same given name, birth date and sex: whoever was found otherwise are
/// families or namesakes.
const OWN_SAME_MIN: f64 = 0.8;

/// Weights that were learnt.
#[derive(Debug, Clone, PartialEq)]
pub struct Learning {
    /// The weights.
    pub model: Model,
    /// Pairs learnt from: those that share a block key and that no rule keeps apart.
    pub pairs: u64,
    /// Of them taken for one person's.
    pub one_person: u64,
    /// Rounds it took.
    pub rounds: u32,
}

/// Why there are no weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unlearnt {
    /// Too few pairs.
    #[error("{0} pairs of charts are too few to learn from, at least {LEARNING_PAIRS_MIN}")]
    TooFewPairs(u64),
    /// Too few that look like one person's.
    #[error(
        "{0} pairs of charts look like one person's, too few to learn from, at least {ONE_PERSON_PAIRS_MIN}"
    )]
    TooFewOfOnePerson(u64),
    /// It went on and on.
    #[error("the weights did not settle in {0} rounds")]
    NotConverged(u32),
    /// An item would speak against itself, or those found are not persons.
    #[error("the weights of {0:?} contradict what it means")]
    Implausible(Item),
}

impl Unlearnt {
    /// A short name, for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooFewPairs(_) => "too-few-pairs",
            Self::TooFewOfOnePerson(_) => "too-few-of-one-person",
            Self::NotConverged(_) => "not-converged",
            Self::Implausible(_) => "implausible",
        }
    }

    /// In words, for people who asked.
    pub fn sentence(&self) -> Said {
        let (ja, en) = match self {
            Self::TooFewPairs(pairs) => (
                format!(
                    "比べられる診療録の組が {pairs} しかなく、学習できません（{LEARNING_PAIRS_MIN} 以上必要）"
                ),
                format!(
                    "{pairs} pairs of charts are too few to learn from; at least {LEARNING_PAIRS_MIN} are needed"
                ),
            ),
            Self::TooFewOfOnePerson(pairs) => (
                format!(
                    "同じ人と見られる組が {pairs} しかなく、学習できません（{ONE_PERSON_PAIRS_MIN} 以上必要）"
                ),
                format!(
                    "{pairs} pairs look like one person's, too few to learn from; at least {ONE_PERSON_PAIRS_MIN} are needed"
                ),
            ),
            Self::NotConverged(rounds) => (
                format!("{rounds} 回繰り返しても重みが定まりませんでした"),
                format!("the weights did not settle in {rounds} rounds"),
            ),
            Self::Implausible(item) => {
                let Said { ja, en } = item.name();
                (
                    format!(
                        "学習した「{ja}」の重みが意味に反します（同じ人の組ではなく、家族などを見つけた可能性）"
                    ),
                    format!(
                        "the weights learnt of the {en} contradict what it means: those found may be families, not persons"
                    ),
                )
            }
        };
        Said { ja, en }
    }
}

/// Learns from what was counted: `near` among pairs that share a block key, `strangers` among random ones.
///
/// # Errors
/// [`Unlearnt`].
pub fn learn_weights(near: &Tally, strangers: &Tally, charts: u64) -> Result<Learning, Unlearnt> {
    let (mut pairs, mut random) = (Pairs::default(), Pairs::default());
    near.iter().for_each(|(levels, n)| pairs.add(levels, *n));
    strangers
        .iter()
        .for_each(|(levels, n)| random.add_random(levels, *n));
    let fewest = pairs.count().min(random.count());
    let (model, learnt) = Model::learn(&pairs, &random, charts).map_err(|fault| match fault {
        ModelFault::TooFew(pairs) => Unlearnt::TooFewPairs(pairs),
        _ => Unlearnt::TooFewPairs(fewest),
    })?;
    if !learnt.converged {
        return Err(Unlearnt::NotConverged(learnt.rounds));
    }
    let one_person = (learnt.share * pairs.count() as f64).round() as u64;
    if one_person < ONE_PERSON_PAIRS_MIN {
        return Err(Unlearnt::TooFewOfOnePerson(one_person));
    }
    match Item::ALL.into_iter().find(|item| !plausible(&model, *item)) {
        Some(item) => Err(Unlearnt::Implausible(item)),
        None => Ok(Learning {
            model,
            pairs: pairs.count(),
            one_person,
            rounds: learnt.rounds,
        }),
    }
}

/// Whether agreement in an item speaks for one person and another value against; and whether those taken for one person
/// mostly agree in what a person keeps.
fn plausible(model: &Model, item: Item) -> bool {
    let Some(field) = model.parameters.fields.get(item as usize) else {
        return false;
    };
    let of = |shares: &[f64], levels: &[Level]| -> f64 {
        let places = levels.iter().filter_map(|level| level.place());
        places.filter_map(|at| shares.get(at)).sum()
    };
    let same = [Level::Exact, Level::Folded];
    let (m, u) = (of(&field.m, &same), of(&field.u, &same));
    let (m_apart, u_apart) = (of(&field.m, &[Level::Apart]), of(&field.u, &[Level::Apart]));
    let kept = matches!(item, Item::Given | Item::Birth | Item::Sex);
    m > u && m_apart < u_apart && (!kept || m >= OWN_SAME_MIN)
}

/// How strangers agree: pairs scattered over all charts, the same each time, those left out that the standard weights do
/// not take for strangers. Give at most [`STRANGERS_CHARTS_MAX`] charts, drawn from all.
pub fn strangers(charts: &[&Folded]) -> Tally {
    let count = charts.len().max(1);
    let usual = Model::standard();
    let mut tally = Tally::new();
    for n in 0..RANDOM_PAIRS {
        let (a, b) = (n % count, (scattered(n as u64) % count as u64) as usize);
        if a != b
            && let (Some(a), Some(b)) = (charts.get(a), charts.get(b))
        {
            // Among few charts even random pairs hold some of one person, who would be taken for alike strangers.
            let levels = compare(a, b);
            if band_of(&levels, &usual).0 == Band::Apart {
                *tally.entry(levels).or_default() += 1;
            }
        }
    }
    tally
}

/// How many pairs are in which band by one model and by another.
pub fn changes(tally: &Tally, before: &Model, after: &Model) -> BTreeMap<(Band, Band), u64> {
    let mut changes = BTreeMap::new();
    for (levels, count) in tally {
        let bands = (band_of(levels, before).0, band_of(levels, after).0);
        *changes.entry(bands).or_default() += count;
    }
    changes
}

/// A number scattered over all numbers (the finaliser of splitmix64), so that neighbours' charts are not compared more
/// often than others.
const fn scattered(n: u64) -> u64 {
    let z = n.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use Level::{Apart, Close, Exact, Folded as Same, Missing, Partial};

    /// Persons and strangers of a small network: name, birth date, sex and telephone, most of them right.
    fn persons() -> Tally {
        Tally::from([
            ([Exact, Exact, Exact, Exact, Same, Exact, Exact], 900),
            ([Exact, Same, Exact, Exact, Same, Missing, Apart], 80),
            ([Apart, Exact, Exact, Exact, Apart, Exact, Partial], 10),
            ([Exact, Exact, Close, Exact, Same, Apart, Exact], 10),
            // Born on the same day, and nothing else.
            ([Apart, Apart, Exact, Exact, Apart, Apart, Apart], 2_000),
            ([Apart, Apart, Exact, Apart, Apart, Apart, Apart], 2_000),
        ])
    }

    fn strangers() -> Tally {
        Tally::from([
            ([Apart, Apart, Apart, Exact, Apart, Apart, Apart], 500_000),
            ([Apart, Apart, Apart, Apart, Apart, Apart, Apart], 500_000),
            ([Exact, Apart, Apart, Exact, Apart, Apart, Apart], 2_000),
            ([Apart, Exact, Apart, Exact, Partial, Apart, Apart], 2_000),
        ])
    }

    #[test]
    fn what_is_learnt_tells_what_it_rests_on_and_what_it_changes() {
        let learning = learn_weights(&persons(), &strangers(), 10_000).unwrap();
        // Another given name and another sex are a rule's matter.
        assert_eq!(learning.pairs, 3_000);
        assert!(
            (990..=1_010).contains(&learning.one_person),
            "{}",
            learning.one_person
        );
        assert_eq!(learning.model.check(), Ok(()));
        let standard = Model::standard();
        let changes = changes(&persons(), &standard, &learning.model);
        assert_eq!(changes.values().sum::<u64>(), 5_000);
        assert!(changes[&(Band::Link, Band::Link)] >= 980, "{changes:?}");
    }

    #[test]
    fn what_cannot_be_trusted_is_refused_and_says_why() {
        let few = Tally::from([([Exact; Item::COUNT], 999)]);
        let apart = Tally::from([([Apart; Item::COUNT], 5_000)]);
        let families = Tally::from([
            ([Exact, Apart, Missing, Exact, Exact, Exact, Missing], 3_000),
            ([Exact, Apart, Missing, Apart, Exact, Exact, Missing], 3_000),
        ]);
        let strange = Tally::from([([Exact; Item::COUNT], 5_000)]);
        let cases = [
            ("few", few, strangers(), Unlearnt::TooFewPairs(999)),
            ("no persons", apart, strangers(), Unlearnt::TooFewPairs(0)),
            (
                "strangers alike",
                persons(),
                strange,
                Unlearnt::Implausible(Item::Family),
            ),
        ];
        for (what, near, random, expected) in cases {
            let refused = learn_weights(&near, &random, 10_000).unwrap_err();
            assert_eq!(refused, expected, "{what}");
        }
        let refused = learn_weights(&families, &strangers(), 10_000).unwrap_err();
        assert!(
            matches!(
                refused,
                Unlearnt::TooFewOfOnePerson(_) | Unlearnt::Implausible(Item::Given)
            ),
            "{refused:?}"
        );
        let all = [
            Unlearnt::TooFewPairs(1),
            Unlearnt::TooFewOfOnePerson(1),
            Unlearnt::NotConverged(1),
            Unlearnt::Implausible(Item::Sex),
        ];
        for one in all {
            let said = one.sentence();
            assert!(!said.ja.is_ascii() && said.en.is_ascii(), "{said:?}");
        }
    }
}
