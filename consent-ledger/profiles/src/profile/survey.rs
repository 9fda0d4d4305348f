//! From the facts of the surveys to a profile.

use super::{Field, NetworkProfile, RuleFields, Said, Standing, report};
use crate::facts::{Answered, Answers, Count, Doubt, NetworkFacts, Row};
use crate::mapping::{self, Assumption, Meant, Way};
use crate::vocabulary::{Aim, Direction, Kind, State, SurveyCode};
use sekisho_domain::{Category, Code, Codes, FacilityKind, NewFacility, Scope};
use std::collections::BTreeSet;

impl NetworkProfile {
    /// The profile of a surveyed network.
    pub fn of(facts: &NetworkFacts) -> Self {
        let (ways, offered) = ways(facts);
        Self::with(facts, ways, offered)
    }
    /// The same, where the network has chosen one of the ways it offers.
    ///
    /// # Errors
    /// It does not offer this way; the ways it offers.
    pub fn choosing(facts: &NetworkFacts, way: Way) -> Result<Self, Vec<Way>> {
        let (mut ways, offered) = ways(facts);
        if !offered.contains(&way) {
            return Err(offered);
        }
        if ways.value.is_none() {
            (ways.value, ways.standing) = (Some(way), Standing::Chosen);
        }
        Ok(Self::with(facts, ways, offered))
    }

    fn with(facts: &NetworkFacts, ways: Field<Way>, offered: Vec<Way>) -> Self {
        let way = ways.value;
        // Where it is not known which acts there are, both are wanting.
        let side = |reach: fn(&Way) -> Option<Scope>| match way {
            Some(way) => reach(&way).map(|scope| rule(facts, &ways, Some((way, scope)))),
            None => Some(rule(facts, &ways, None)),
        };
        let (disclosing, viewing) = (side(|way| way.disclosing), side(|way| way.viewing));
        let (categories, planned) = categories(facts);
        Self {
            id: facts.id.clone(),
            name: facts.name.clone(),
            prefecture: facts.prefecture.clone(),
            members: facts.members.clone(),
            disclosing,
            viewing,
            ways,
            offered,
            voids_earlier: false,
            emergency: Field::not_asked(),
            categories,
            planned,
            disclosing_kinds: disclosing_kinds(facts),
            viewing_kinds: viewing_kinds(facts),
            direction: direction(facts),
            roles: Field::not_asked(),
            purposes: Field::not_asked(),
            secondary: secondary(facts),
            aims: aims(facts),
            background: report::background(facts),
        }
    }
}

fn said<T: SurveyCode>(marks: &[(T, State, &Row)]) -> Vec<Said> {
    let said = |(code, state, row): &(T, State, &Row)| Said {
        code: code.code(),
        ja: code.ja(),
        en: code.en(),
        state: *state,
        row: (*row).clone(),
    };
    marks.iter().map(said).collect()
}

/// The ways of consenting, by each survey; a value only where exactly one is in use and no survey says otherwise.
fn ways(facts: &NetworkFacts) -> (Field<Way>, Vec<Way>) {
    let modes = facts.marks(|a| &a.modes);
    let recoded = facts.marks(|a| &a.recoded);
    let pickups = facts.marks(|a| &a.pickup);
    let mut out = [said(&modes), said(&recoded), said(&pickups)].concat();
    let in_use = |state: &State| *state == State::InUse;
    let mut asked: BTreeSet<Way> = BTreeSet::new();
    let mut open = !facts.in_words(|a| &a.modes).is_empty() && modes.is_empty();
    for (mode, ..) in modes.iter().filter(|(_, state, _)| in_use(state)) {
        match mapping::mode(*mode) {
            Some(way) => drop(asked.insert(way)),
            None if !recoded.is_empty() => {
                asked.extend(recoded.iter().map(|(code, ..)| mapping::recoded(*code)));
            }
            None => {
                let rules = facts.marks(|a| &a.new_facility);
                let closed = |(rule, ..): &(_, _, _)| mapping::closed(*rule);
                let ways: Vec<_> = rules.iter().filter_map(closed).collect();
                if !ways.is_empty() {
                    out.extend(said(&rules));
                }
                open |= ways.is_empty();
                asked.extend(ways);
            }
        }
    }
    let picked: BTreeSet<Way> = pickups
        .iter()
        .map(|(code, ..)| mapping::pickup(*code))
        .collect();
    // One survey may say how a consent is taken where the other does not: that is no contradiction.
    let agree = |a: &Way, b: &Way| {
        (a.disclosing, a.viewing) == (b.disclosing, b.viewing)
            && (a.capture == b.capture || a.capture.is_none() || b.capture.is_none())
    };
    let meets = picked.iter().any(|p| asked.iter().any(|a| agree(a, p)));
    let contradicted = !picked.is_empty() && !asked.is_empty() && !meets;
    let mut all: Vec<Way> = picked.iter().copied().collect();
    for way in &asked {
        if !all.iter().any(|kept| agree(kept, way)) {
            all.push(*way);
        }
    }
    let standing = match all.len() {
        _ if contradicted => Standing::Contradicted,
        1 if !open => Standing::Stated,
        0 if open => Standing::InWords,
        0 if modes.iter().any(|(_, state, _)| !in_use(state)) => Standing::PlannedOnly,
        0 => Standing::NotAnswered,
        _ => Standing::SeveralWays,
    };
    let field = Field {
        value: all
            .first()
            .copied()
            .filter(|_| standing == Standing::Stated),
        standing,
        said: out,
    };
    (field, all)
}

/// The rule of one side, from the way chosen and the answers that hold for both sides.
fn rule(facts: &NetworkFacts, ways: &Field<Way>, way: Option<(Way, Scope)>) -> RuleFields {
    let scope = way.map(|(_, scope)| scope);
    let mut capture = one(facts, |a| &a.enrolment, mapping::enrolment);
    if let Some(by) = way.and_then(|(way, _)| way.capture) {
        capture = Field {
            value: Some([by].into()),
            standing: Standing::Stated,
            said: capture.said,
        };
    }
    let withdrawal = one(
        facts,
        |a| &a.withdrawal,
        |code| {
            mapping::withdrawal(code).map(|value| Meant {
                value,
                assumed: None,
            })
        },
    );
    RuleFields {
        scope: Field {
            value: scope,
            standing: ways.standing,
            said: ways.said.clone(),
        },
        capture,
        new_facility: narrowest(
            one(facts, |a| &a.new_facility, mapping::new_facility),
            scope,
        ),
        withdrawal,
    }
}

/// Where nothing usable is said of new facilities: a consent that names its facility, or its practitioner, cannot
/// reach one that joins later; elsewhere the narrowest is assumed. How far it reaches must be known for either.
pub(super) fn narrowest(field: Field<NewFacility>, scope: Option<Scope>) -> Field<NewFacility> {
    if field.value.is_some() || scope.is_none() {
        return field;
    }
    let named = matches!(
        scope,
        Some(Scope::EachFacility | Scope::EachPractitioner | Scope::FacilityPair)
    );
    Field {
        value: Some(NewFacility::NotCovered),
        standing: if named {
            Standing::Follows
        } else {
            Standing::Assumed(Assumption::NewFacilityNotCovered)
        },
        said: field.said,
    }
}

/// A question with one answer.
fn one<C: SurveyCode, T: PartialEq>(
    facts: &NetworkFacts,
    of: impl Fn(&Answers) -> &Answered<C> + Copy,
    meaning: impl Fn(C) -> Option<Meant<T>>,
) -> Field<T> {
    let marks = facts.marks(of);
    let mut values = Vec::new();
    for (code, state, _) in &marks {
        if let (State::InUse, Some(meant)) = (state, meaning(*code))
            && !values.contains(&meant)
        {
            values.push(meant);
        }
    }
    let standing = match values.as_slice() {
        [Meant { assumed: None, .. }] => Standing::Stated,
        [
            Meant {
                assumed: Some(rule),
                ..
            },
        ] => Standing::Assumed(*rule),
        [] if !marks.is_empty() || !facts.in_words(of).is_empty() => Standing::InWords,
        [] => Standing::NotAnswered,
        _ => Standing::Contradicted,
    };
    let value = match values.len() {
        1 => values.pop().map(|meant| meant.value),
        _ => None,
    };
    Field {
        value,
        standing,
        said: said(&marks),
    }
}

/// Several codes that add up to a set, in use and planned.
fn set<T: Code>(
    said: Vec<Said>,
    values: Vec<(Codes<T>, State)>,
    words: bool,
) -> (Field<Codes<T>>, Field<Codes<T>>) {
    let of = |state: State| {
        let of_state = values.iter().filter(|(_, s)| *s == state);
        let sets = of_state.map(|(set, _)| *set);
        sets.fold(Codes::new(), |all: Codes<T>, set| all.union(&set))
    };
    let field = |value: Codes<T>, otherwise: Standing, said| Field {
        standing: if value.is_empty() {
            otherwise
        } else {
            Standing::Stated
        },
        value: (!value.is_empty()).then_some(value),
        said,
    };
    let (used, planned) = (
        of(State::InUse),
        of(State::Planned).difference(&of(State::InUse)),
    );
    let otherwise = match (planned.is_empty(), words || !said.is_empty()) {
        (false, _) => Standing::PlannedOnly,
        (true, true) => Standing::InWords,
        (true, false) => Standing::NotAnswered,
    };
    let (now, later) = said.into_iter().partition(|s| s.state == State::InUse);
    (
        field(used, otherwise, now),
        field(planned, Standing::NotAnswered, later),
    )
}

fn categories(facts: &NetworkFacts) -> (Field<Codes<Category>>, Field<Codes<Category>>) {
    let items = facts.marks(|a| &a.items);
    let services = facts.marks(|a| &a.services);
    let mut values: Vec<_> = items
        .iter()
        .map(|(item, state, _)| (mapping::item(*item), *state))
        .collect();
    values.extend(
        services
            .iter()
            .map(|(service, state, _)| (Codes::from([mapping::service(*service)]), *state)),
    );
    let words = !facts.in_words(|a| &a.items).is_empty();
    set([said(&items), said(&services)].concat(), values, words)
}

fn disclosing_kinds(facts: &NetworkFacts) -> Field<Codes<FacilityKind>> {
    let systems = facts.marks(|a| &a.source_systems);
    let sources = facts.marks(|a| &a.data_sources);
    let mut values: Vec<_> = systems
        .iter()
        .map(|(system, state, _)| {
            (
                mapping::source_system(*system).into_iter().collect(),
                *state,
            )
        })
        .collect();
    values.extend(
        sources.iter().map(|(source, state, _)| {
            (mapping::data_source(*source).into_iter().collect(), *state)
        }),
    );
    let words = !facts.in_words(|a| &a.source_systems).is_empty();
    set([said(&systems), said(&sources)].concat(), values, words).0
}

/// Kinds counted at least once at the latest date, as far as they are told apart; what was counted before is kept
/// beside it, as said.
fn viewing_kinds(facts: &NetworkFacts) -> Field<Codes<FacilityKind>> {
    let mut counts: Vec<(&Count, &Row)> = Vec::new();
    for sheet in &facts.sheets {
        let counted = sheet.counts.iter().filter(|c| !c.facilities.is_empty());
        counts.extend(counted.map(|count| (count, &sheet.row)));
    }
    // Dates are `2017-02-24` or `2019-03`; a count "before" the programme has no date and stands first.
    let date = |count: &Count| Some(count.as_of.clone()).filter(|d| d.starts_with("20"));
    counts.sort_by_key(|(count, _)| date(count));
    let kinds = |(count, row): &(&Count, &Row)| {
        let some = count.facilities.iter().filter(|(_, n)| **n > 0);
        let marks: Vec<_> = some.map(|(kind, _)| (*kind, State::InUse, *row)).collect();
        said(&marks)
    };
    let value: Codes<FacilityKind> = match counts.last() {
        Some((count, _)) => {
            let some = count.facilities.iter().filter(|(_, n)| **n > 0);
            let sure = some.filter(|(kind, _)| match count.doubt {
                Doubt::None => true,
                Doubt::CareColumns => **kind != Kind::NursingCare,
                Doubt::Facilities => false,
            });
            sure.filter_map(|(kind, _)| mapping::kind(*kind)).collect()
        }
        None => Codes::new(),
    };
    let out: Vec<_> = counts.iter().flat_map(kinds).collect();
    let standing = match (value.is_empty(), out.is_empty()) {
        (false, _) => Standing::Stated,
        (true, false) => Standing::InWords,
        (true, true) => Standing::NotAnswered,
    };
    Field {
        value: (!value.is_empty()).then_some(value),
        standing,
        said: out,
    }
}

/// Bidirectional where that is marked at all: some facilities then disclose and look.
fn direction(facts: &NetworkFacts) -> Field<Direction> {
    let marks = facts.marks(|a| &a.direction);
    let in_use = |of: Direction| {
        let is =
            |(code, state, _): &(Direction, State, &Row)| *code == of && *state == State::InUse;
        marks.iter().any(is).then_some(of)
    };
    let value = in_use(Direction::Bidirectional).or(in_use(Direction::ViewOnly));
    let words = !facts.in_words(|a| &a.direction).is_empty();
    Field {
        standing: match value {
            Some(_) => Standing::Stated,
            None if !marks.is_empty() => Standing::PlannedOnly,
            None if words => Standing::InWords,
            None => Standing::NotAnswered,
        },
        value,
        said: said(&marks),
    }
}

fn secondary(facts: &NetworkFacts) -> Field<Codes<sekisho_domain::Purpose>> {
    let uses = facts.marks(|a| &a.secondary_use);
    let values = uses
        .iter()
        .map(|(of, state, _)| (mapping::secondary_use(*of).into_iter().collect(), *state))
        .collect();
    set(said(&uses), values, false).0
}

fn aims(facts: &NetworkFacts) -> Field<BTreeSet<Aim>> {
    let marks = facts.marks(|a| &a.aims);
    let value: BTreeSet<_> = marks.iter().map(|(aim, ..)| *aim).collect();
    let words = !facts.in_words(|a| &a.aims).is_empty();
    Field {
        standing: match (value.is_empty(), words) {
            (false, _) => Standing::Stated,
            (true, true) => Standing::InWords,
            (true, false) => Standing::NotAnswered,
        },
        value: (!value.is_empty()).then_some(value),
        said: said(&marks),
    }
}
