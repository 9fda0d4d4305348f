//! Whether what clients saw could have happened one after the other (linearizability, Herlihy and Wing 1990).
//!
//! One person's consents are one object: granted consents are added, withdrawn ones removed, a look is permitted as
//! long as there is one. Objects are checked one by one, which is enough (locality). The search is Wing and Gong's
//! (1993) with Lowe's memory of what was tried (2017): take any operation that began before every other one left
//! ended, see whether the object would have answered so, go on with the rest.
//!
//! Home-made: stateright's tester brings a model checker and a web server along, and the whole search is shorter
//! than an adapter to it would be. [`out_of_order`] adds what only a log can be asked: its order is real time's.

use std::collections::{BTreeSet, HashSet};

/// What a client did to a person's consents, and what it was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// A consent was given.
    Grant(u64),
    /// That consent was withdrawn.
    Withdraw(u64),
    /// Somebody asked, and was permitted or not.
    Look {
        /// The decision.
        permitted: bool,
    },
}

/// One operation in real time; any clock, as long as it is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Operation {
    /// What was done.
    pub act: Act,
    /// When it was asked for.
    pub from: u64,
    /// When the answer was there; none if there was none: it may have happened at any time since, or not at all.
    pub until: Option<u64>,
}

/// What a history is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// There is an order that explains it.
    Linearizable,
    /// There is none.
    Impossible,
    /// Not found within the bound of the search.
    Undecided,
}

/// States looked at before the search is given up; thousands are usual for hundreds of operations.
const STATES_MAX: usize = 2_000_000;

/// Judges the history of one person.
pub fn judge(history: &[Operation]) -> Verdict {
    let mut operations = history.to_vec();
    operations.sort_by_key(|operation| operation.from);
    let mut search = Search {
        left: vec![true; operations.len()],
        operations,
        consents: BTreeSet::new(),
        tried: HashSet::new(),
    };
    match search.explained() {
        true => Verdict::Linearizable,
        false if search.tried.len() >= STATES_MAX => Verdict::Undecided,
        false => Verdict::Impossible,
    }
}

struct Search {
    operations: Vec<Operation>,
    left: Vec<bool>,
    consents: BTreeSet<u64>,
    tried: HashSet<(Vec<bool>, Vec<u64>)>,
}

impl Search {
    fn explained(&mut self) -> bool {
        let left = || {
            let operations = self.operations.iter().zip(&self.left);
            operations.filter(|(_, left)| **left).map(|(o, _)| *o)
        };
        // Whatever has no end need not have happened.
        let Some(first_end) = left().filter_map(|operation| operation.until).min() else {
            return true;
        };
        let state = (
            self.left.clone(),
            self.consents.iter().copied().collect::<Vec<_>>(),
        );
        if self.tried.len() >= STATES_MAX || !self.tried.insert(state) {
            return false;
        }
        for n in 0..self.operations.len() {
            let operation = self.operations[n];
            if operation.from > first_end {
                break;
            }
            if !self.left[n] {
                continue;
            }
            let before = self.consents.clone();
            if self.done(operation.act) {
                self.left[n] = false;
                if self.explained() {
                    return true;
                }
                self.left[n] = true;
            }
            self.consents = before;
        }
        false
    }

    /// Does it; whether the object answers so.
    fn done(&mut self, act: Act) -> bool {
        match act {
            Act::Grant(consent) => self.consents.insert(consent),
            Act::Withdraw(consent) => self.consents.remove(&consent),
            Act::Look { permitted } => permitted != self.consents.is_empty(),
        }
    }
}

/// An entry's place on the ledger, and when its client asked for it and knew it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// Its place.
    pub index: u64,
    /// When it was asked for.
    pub from: u64,
    /// When its place was known.
    pub until: u64,
}

/// Two entries of which one was known before the other was asked for, and yet stands behind it.
pub fn out_of_order(entries: &[Placed]) -> Option<(Placed, Placed)> {
    let (mut by_start, mut by_end) = (entries.to_vec(), entries.to_vec());
    by_start.sort_by_key(|entry| entry.from);
    by_end.sort_by_key(|entry| entry.until);
    let mut ended = by_end.into_iter().peekable();
    let mut last: Option<Placed> = None;
    for entry in by_start {
        while let Some(earlier) = ended.next_if(|earlier| earlier.until < entry.from) {
            if last.is_none_or(|last| last.index < earlier.index) {
                last = Some(earlier);
            }
        }
        if let Some(last) = last
            && last.index >= entry.index
        {
            return Some((last, entry));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const YES: Act = Act::Look { permitted: true };
    const NO: Act = Act::Look { permitted: false };

    /// Acts with their times; an end of 0 is none.
    fn history(acts: &[(Act, u64, u64)]) -> Vec<Operation> {
        let operation = |(act, from, until): &(Act, u64, u64)| Operation {
            act: *act,
            from: *from,
            until: (*until > 0).then_some(*until),
        };
        acts.iter().map(operation).collect()
    }

    #[test]
    fn histories_that_can_be_and_that_cannot() {
        use Act::{Grant, Withdraw};
        use Verdict::{Impossible, Linearizable};
        type Case = (&'static str, &'static [(Act, u64, u64)], Verdict);
        let cases: [Case; 14] = [
            ("nothing", &[], Linearizable),
            ("nobody consented", &[(NO, 1, 2)], Linearizable),
            ("a permit out of nothing", &[(YES, 1, 2)], Impossible),
            (
                "consented, then permitted",
                &[(Grant(1), 1, 2), (YES, 3, 4)],
                Linearizable,
            ),
            (
                "consented, then denied",
                &[(Grant(1), 1, 2), (NO, 3, 4)],
                Impossible,
            ),
            (
                "both at once, either way",
                &[(Grant(1), 1, 5), (YES, 2, 3), (NO, 2, 4)],
                Linearizable,
            ),
            (
                "permitted after a withdrawal",
                &[(Grant(1), 1, 2), (Withdraw(1), 3, 4), (YES, 5, 6)],
                Impossible,
            ),
            (
                "permitted, then denied, then permitted, under one withdrawal",
                &[
                    (Grant(1), 1, 2),
                    (Withdraw(1), 3, 20),
                    (YES, 4, 5),
                    (NO, 6, 7),
                    (YES, 8, 9),
                ],
                Impossible,
            ),
            (
                "permitted, then denied, under one withdrawal",
                &[
                    (Grant(1), 1, 2),
                    (Withdraw(1), 3, 20),
                    (YES, 4, 5),
                    (NO, 6, 7),
                    (NO, 8, 9),
                ],
                Linearizable,
            ),
            (
                "one of two consents withdrawn",
                &[
                    (Grant(1), 1, 2),
                    (Grant(2), 1, 2),
                    (Withdraw(1), 3, 4),
                    (YES, 5, 6),
                ],
                Linearizable,
            ),
            (
                "an unanswered grant may have happened",
                &[(Grant(1), 1, 0), (NO, 2, 3), (YES, 4, 5)],
                Linearizable,
            ),
            (
                "but cannot be undone by itself",
                &[(Grant(1), 1, 0), (YES, 2, 3), (NO, 4, 5)],
                Impossible,
            ),
            (
                "an unanswered withdrawal need not have happened",
                &[(Grant(1), 1, 2), (Withdraw(1), 3, 0), (YES, 40, 50)],
                Linearizable,
            ),
            (
                "nothing happens before it is asked for",
                &[(YES, 1, 2), (Grant(1), 3, 4)],
                Impossible,
            ),
        ];
        for (case, acts, verdict) in cases {
            assert_eq!(judge(&history(acts)), verdict, "{case}");
        }
    }

    #[test]
    fn many_at_once_are_judged_and_one_false_answer_is_found() {
        // Ten clients, each granting, looking and withdrawing in overlapping rounds.
        let mut acts = Vec::new();
        for round in 0..40u64 {
            let at = round * 100;
            acts.push((Act::Grant(round), at + 1, at + 40));
            acts.push((Act::Withdraw(round), at + 60, at + 99));
            for client in 0..4 {
                acts.push((YES, at + 45 + client, at + 55 + client));
                acts.push((YES, at + 10 + client, at + 50));
            }
            acts.push((NO, at + 70, at + 120));
        }
        assert_eq!(judge(&history(&acts)), Verdict::Linearizable);
        acts[37 * 11 + 2].0 = NO;
        assert!(matches!(acts[37 * 11 + 2], (NO, from, _) if from == 37 * 100 + 45));
        assert_eq!(judge(&history(&acts)), Verdict::Impossible);
    }

    #[test]
    fn the_ledgers_order_is_real_times() {
        let placed = |index, from, until| Placed { index, from, until };
        let good = [
            placed(3, 1, 9),
            placed(1, 2, 3),
            placed(2, 4, 5),
            placed(7, 10, 11),
        ];
        assert_eq!(out_of_order(&good), None);
        let bad = [placed(3, 1, 3), placed(2, 4, 5)];
        assert_eq!(out_of_order(&bad), Some((bad[0], bad[1])));
    }
}
