//! Finding somebody by demographics: for another network ([`search`]) and under a declared disaster ([`evacuee`]).
//!
//! [`search`] answers one, several or none, and never whom: of several it says which further items would decide. A sole
//! candidate that is not sure is answered as several are, so that nobody learns of a stranger by asking with half of
//! his data. [`evacuee`] is for people who look at a short list under a disaster's rules; it tolerates errors and
//! explains each of its candidates. Neither keeps anything.

use crate::compare::{Item, Level, compare};
use crate::fold::Folded;
use crate::judge::{Band, Judgement, judge_levels};
use crate::model::Model;
use std::collections::{BTreeMap, BTreeSet};

/// Most candidates an evacuee search lists: what two people can go through at a shelter's desk.
pub const EVACUEES_MAX: usize = 10;

/// What is asked of a candidate: who, and a chart of theirs. A person with several charts comes once with each.
pub type Candidate<'a, I> = (I, &'a Folded);

/// The answer to a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found<I> {
    /// One person, surely.
    One(I),
    /// Several, or one who is not sure enough; with more it could be told. What each item would do is not said of whom.
    Several {
        /// Items that would decide, the best first; those that were asked with are named again only where nothing else
        /// would decide and they may be mistaken. Empty where nothing would.
        deciding: Vec<Item>,
    },
    /// Nobody.
    None,
}

/// The best judgement of each person, by score.
fn best_of_each<I: Ord + Clone>(
    sought: &Folded,
    candidates: &[Candidate<'_, I>],
    model: &Model,
) -> BTreeMap<I, Judgement> {
    let mut best: BTreeMap<I, Judgement> = BTreeMap::new();
    for (id, chart) in candidates {
        let judgement = judge_levels(&compare(sought, chart), model);
        // A person is who one of the charts is; the order of bands is link, review, apart.
        let better = best
            .get(id)
            .is_none_or(|held| (judgement.band, -judgement.score) < (held.band, -held.score));
        if better {
            best.insert(id.clone(), judgement);
        }
    }
    best
}

/// Who is sought, among candidates that block keys found.
pub fn search<I: Ord + Clone>(
    sought: &Folded,
    candidates: &[Candidate<'_, I>],
    model: &Model,
) -> Found<I> {
    let best = best_of_each(sought, candidates, model);
    let plausible: BTreeMap<&I, &Judgement> =
        best.iter().filter(|(_, j)| j.band != Band::Apart).collect();
    let mut linked = plausible.iter().filter(|(_, j)| j.band == Band::Link);
    let (Some((id, sure)), None) = (linked.next(), linked.next()) else {
        return if plausible.is_empty() {
            Found::None
        } else {
            Found::Several {
                deciding: deciding(sought, candidates, &plausible),
            }
        };
    };
    // Only one of them is whom is sought: as much surer than each other as a link takes by itself.
    let others = plausible.iter().filter(|(other, _)| *other != id);
    if others
        .clone()
        .all(|(_, other)| sure.score - other.score >= model.link_bits)
    {
        Found::One((*id).clone())
    } else {
        Found::Several {
            deciding: deciding(sought, candidates, &plausible),
        }
    }
}

/// Items that were not given, and would tell the plausible apart (or make the only one sure).
fn deciding<I: Ord>(
    sought: &Folded,
    candidates: &[Candidate<'_, I>],
    plausible: &BTreeMap<&I, &Judgement>,
) -> Vec<Item> {
    let charts: Vec<&Candidate<'_, I>> = candidates
        .iter()
        .filter(|(id, _)| plausible.contains_key(id))
        .collect();
    // Of each item: by how many pairs of persons it differs.
    let mut differing: BTreeMap<Item, BTreeSet<(&I, &I)>> = BTreeMap::new();
    let mut agreeing: BTreeSet<(Item, &I, &I)> = BTreeSet::new();
    for (a, x) in &charts {
        for (b, y) in charts.iter().filter(|(b, _)| a < b) {
            for (item, level) in Item::ALL.into_iter().zip(compare(x, y)) {
                match level {
                    Level::Apart | Level::Close => {
                        differing.entry(item).or_default().insert((a, b));
                    }
                    Level::Missing => {}
                    _ => {
                        agreeing.insert((item, a, b));
                    }
                }
            }
        }
    }
    let given = compare(sought, sought);
    let missing = |item: Item| {
        given.get(item as usize) == Some(&Level::Missing)
            // Known of both scripts is more than known of one.
            || matches!(item, Item::Family | Item::Given) && sought.lacks_a_script()
    };
    let mut items: Vec<(usize, Item)> = Vec::new();
    for item in Item::ALL.into_iter().filter(|item| missing(*item)) {
        let decides = if plausible.len() == 1 {
            usize::from(charts.iter().any(|(_, chart)| chart.adds(item, sought)))
        } else {
            let pairs = differing.get(&item).into_iter().flatten();
            pairs
                .filter(|(a, b)| !agreeing.contains(&(item, *a, *b)))
                .count()
        };
        if decides > 0 {
            items.push((decides, item));
        }
    }
    // The most telling first; among equals, what a person can say most easily.
    items.sort_by_key(|(decides, item)| (std::cmp::Reverse(*decides), *item));
    items.into_iter().map(|(_, item)| item).collect()
}

impl Folded {
    /// Whether an item is known.
    fn knows(&self, item: Item) -> bool {
        match item {
            Item::Family => self.family_kanji.is_some() || self.family_kana.is_some(),
            Item::Given => self.given_kanji.is_some() || self.given_kana.is_some(),
            Item::Birth => self.birth.is_some(),
            Item::Sex => self.sex.is_some(),
            Item::Address => !self.addresses.is_empty(),
            Item::Phone => !self.phones.is_empty(),
            Item::Insured => !self.insured.is_empty(),
        }
    }

    /// Whether it knows of an item what the other does not.
    fn adds(&self, item: Item, to: &Self) -> bool {
        let script = |mine: &Option<_>, theirs: &Option<_>| mine.is_some() && theirs.is_none();
        match item {
            Item::Family => {
                script(&self.family_kanji, &to.family_kanji)
                    || script(&self.family_kana, &to.family_kana)
            }
            Item::Given => {
                script(&self.given_kanji, &to.given_kanji)
                    || script(&self.given_kana, &to.given_kana)
            }
            _ => self.knows(item) && !to.knows(item),
        }
    }

    /// Whether the name is known in one script alone.
    fn lacks_a_script(&self) -> bool {
        self.family_kanji.is_some() != self.family_kana.is_some()
    }
}

/// A candidate of an evacuee search.
#[derive(Debug, Clone, PartialEq)]
pub struct Evacuee<I> {
    /// Who.
    pub id: I,
    /// How they agree with whom is sought, explained item by item. Its band is what a network would do by itself; here
    /// people decide.
    pub judgement: Judgement,
}

/// A short list of who may be sought, the likeliest first, tolerant of error: a name heard and written down in kana, a
/// birth date off by a slip, a town instead of an address. At most [`EVACUEES_MAX`], one line a person.
pub fn evacuee<I: Ord + Clone>(
    sought: &Folded,
    candidates: &[Candidate<'_, I>],
    model: &Model,
) -> Vec<Evacuee<I>> {
    let mut best: BTreeMap<I, (f64, Judgement)> = BTreeMap::new();
    for (id, chart) in candidates {
        let judgement = judge_levels(&compare(sought, chart), model);
        let Some(rank) = rank(&judgement) else {
            continue;
        };
        if best.get(id).is_none_or(|(held, _)| *held < rank) {
            best.insert(id.clone(), (rank, judgement));
        }
    }
    let mut list: Vec<(f64, Evacuee<I>)> = best
        .into_iter()
        .map(|(id, (rank, judgement))| (rank, Evacuee { id, judgement }))
        .collect();
    list.sort_by(|(a, x), (b, y)| b.total_cmp(a).then_with(|| x.id.cmp(&y.id)));
    list.truncate(EVACUEES_MAX);
    list.into_iter().map(|(_, evacuee)| evacuee).collect()
}

/// How likely a candidate is worth a look; none where name and birth date leave nothing to look at.
fn rank(judgement: &Judgement) -> Option<f64> {
    let of = |item| judgement.level(item);
    let alike = |item| !matches!(of(item), Level::Apart | Level::Missing);
    let (family, given) = (alike(Item::Family), alike(Item::Given));
    let birth = of(Item::Birth);
    let listed = match birth {
        // Name changed or heard wrongly in one part.
        Level::Exact => family || given,
        Level::Close | Level::Partial | Level::Missing => {
            given && (family || of(Item::Family) == Level::Missing)
        }
        // A birth date that somebody else gave may be far off; then all of the name and the place agree.
        _ => family && given && alike(Item::Address),
    };
    // An address left behind and an insurance not at hand say little of an evacuee.
    let lenient = judgement.fields.iter().map(|evidence| match evidence.item {
        Item::Address | Item::Phone | Item::Insured => evidence.bits.max(0.0),
        _ => evidence.bits,
    });
    listed.then(|| lenient.sum())
}

#[cfg(test)]
#[path = "search_test.rs"]
mod tests;
