//! Clients at each replica of its own, and what they saw when: consents, withdrawals, requests with their decision,
//! and later questions by request id.

use crate::linear::{Act, Operation, Placed, Verdict, judge, out_of_order};
use crate::{Acknowledged, Answer, Book, Caller, Dice};
use sekisho_domain::{ConsentId, Decision, EntryIndex, Outcome, RequestId};
use sekisho_proto::v1;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a client waits for an answer.
const PATIENCE: Duration = Duration::from_secs(3);
/// A client's pause between two visits.
const PAUSE: Duration = Duration::from_millis(30);
/// Persons in one history.
pub(crate) const PERSONS: u64 = 6;

/// What a client asks, and for whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ask {
    Grant,
    Withdraw(u64),
    Look,
}

/// A submission nobody answered.
struct Open {
    person: u64,
    ask: Ask,
    from: u64,
    id: RequestId,
    envelope: v1::Envelope,
}

/// A submission that had an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Visit {
    station: usize,
    from: u64,
    /// Whether it is on the ledger.
    done: bool,
}

#[derive(Default)]
struct Pages {
    operations: BTreeMap<u64, Vec<Operation>>,
    placed: Vec<Placed>,
    open: Vec<Open>,
    visits: Vec<Visit>,
    /// Consents given, by person, and not yet withdrawn by anybody.
    consents: BTreeMap<u64, Vec<u64>>,
    /// Entries known to be at a place, for questions by request id.
    known: Vec<(RequestId, EntryIndex)>,
    questions: u64,
}

/// What all clients of one scenario saw.
pub struct History {
    began: Instant,
    persons_from: u64,
    book: Arc<Book>,
    pages: Mutex<Pages>,
}

/// What became of a history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Visits {
    /// Operations judged.
    pub operations: usize,
    /// Submissions nobody answered at first.
    pub open: usize,
    /// Submissions refused.
    pub refused: usize,
    /// Questions by request id that were answered with the leaf.
    pub questions: u64,
}

impl History {
    /// An empty one about persons of its own.
    pub fn new(scenario: u64, book: &Arc<Book>) -> Arc<Self> {
        Arc::new(Self {
            began: Instant::now(),
            persons_from: scenario * PERSONS,
            book: Arc::clone(book),
            pages: Mutex::default(),
        })
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Now, on the history's clock.
    pub fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }

    /// Links the persons' pseudonyms, so that a consent is what decides.
    pub async fn introduce(&self, caller: &Caller, dice: &mut Dice) {
        for person in self.persons_from..self.persons_from + PERSONS {
            for (id, envelope) in caller.town().links(person) {
                let told = crate::group::submitted(caller, &envelope, dice).await;
                assert_eq!(told.outcome, Outcome::Accepted, "a link");
                self.book.acknowledged(id, &told);
            }
        }
    }

    /// How many submissions a station made after a moment that are, or are not, on the ledger.
    pub fn visits(&self, stations: &[usize], since: u64, done: bool) -> usize {
        // Panics if a client has failed.
        self.book.count();
        let pages = self.pages();
        let counted = pages.visits.iter().filter(|visit| {
            stations.contains(&visit.station) && visit.from > since && visit.done == done
        });
        counted.count()
    }

    /// A client at a replica, until told to stop.
    pub async fn visit(
        self: Arc<Self>,
        caller: Caller,
        station: usize,
        dice: Dice,
        stop: Arc<AtomicBool>,
    ) {
        let mut dice = dice;
        let _watch = self.book.watch();
        while !stop.load(Ordering::Relaxed) {
            if dice.below(5) == 0 {
                self.question(&caller, station, &mut dice).await;
            } else {
                self.ask(&caller, station, &mut dice).await;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn ask(&self, caller: &Caller, station: usize, dice: &mut Dice) {
        let person = self.persons_from + dice.below(PERSONS);
        let ask = match dice.below(5) {
            0 => Ask::Grant,
            1 | 2 => match self.pages().consents.entry(person).or_default().pop() {
                Some(consent) => Ask::Withdraw(consent),
                None => Ask::Grant,
            },
            _ => Ask::Look,
        };
        let (id, envelope) = match ask {
            Ask::Grant => caller.town().consent(person),
            Ask::Withdraw(consent) => caller.town().withdrawal(ConsentId(EntryIndex(consent))),
            Ask::Look => caller.town().request(person),
        };
        let from = self.now();
        let answer = caller.submit(station, &envelope, PATIENCE).await;
        let done = matches!(answer, Answer::Done(_));
        match answer {
            Answer::Done(told) => self.told(person, ask, from, id, &told),
            Answer::NotSent => {
                self.book.not_sent(id);
                if let Ask::Withdraw(consent) = ask {
                    self.pages()
                        .consents
                        .entry(person)
                        .or_default()
                        .push(consent);
                }
            }
            Answer::Unknown => {
                self.book.unknown(id);
                self.pages().open.push(Open {
                    person,
                    ask,
                    from,
                    id,
                    envelope,
                });
            }
        }
        self.pages().visits.push(Visit {
            station,
            from,
            done,
        });
    }

    fn told(&self, person: u64, ask: Ask, from: u64, id: RequestId, told: &Acknowledged) {
        let until = self.now();
        self.book.acknowledged(id, told);
        let index = told.index.0;
        let act = match (ask, &told.outcome) {
            (Ask::Grant, Outcome::Accepted) => Act::Grant(index),
            (Ask::Withdraw(consent), Outcome::Accepted) => Act::Withdraw(consent),
            (Ask::Look, Outcome::Decided(decisions)) => Act::Look {
                permitted: decisions
                    .iter()
                    .all(|(_, decision)| matches!(decision, Decision::Permit(_))),
            },
            (ask, outcome) => panic!("{ask:?} came to {outcome:?}"),
        };
        let mut pages = self.pages();
        if matches!(act, Act::Grant(_)) {
            pages.consents.entry(person).or_default().push(index);
        }
        pages.operations.entry(person).or_default().push(Operation {
            act,
            from,
            until: Some(until),
        });
        pages.placed.push(Placed { index, from, until });
        pages.known.push((id, told.index));
    }

    /// Asks the replica what became of an entry somebody was told about. It may not have applied it yet; if it has,
    /// it is at that place.
    async fn question(&self, caller: &Caller, station: usize, dice: &mut Dice) {
        let known = {
            let pages = self.pages();
            let at = dice.below(pages.known.len() as u64) as usize;
            pages.known.get(at).copied()
        };
        let Some((id, place)) = known else { return };
        if let Ok(Some((index, _, _))) = caller.outcome_of(station, id).await {
            assert_eq!(index, place, "request {id} at two places");
            self.pages().questions += 1;
        }
    }

    /// Finds out what became of submissions nobody answered: half are submitted again, half are looked for on every
    /// replica, which must stand still and equal meanwhile.
    pub async fn close(&self, caller: &Caller, dice: &mut Dice) {
        let open = std::mem::take(&mut self.pages().open);
        let (again, looked_for): (Vec<_>, Vec<_>) =
            open.into_iter().partition(|_| dice.below(2) == 0);
        for Open {
            person,
            ask,
            from,
            id,
            ..
        } in looked_for
        {
            let mut answers = Vec::new();
            for replica in 0..caller.replicas() {
                let answer = caller.outcome_of(replica, id).await;
                answers.push(answer.unwrap_or_else(|code| panic!("replica {replica}: {code:?}")));
            }
            assert!(
                answers.windows(2).all(|pair| pair[0] == pair[1]),
                "{id} came out in several ways: {answers:?}"
            );
            match answers.into_iter().flatten().next() {
                Some((index, leaf_hash, outcome)) => {
                    let told = Acknowledged {
                        index,
                        leaf_hash,
                        outcome,
                        by: caller.town().members[0].acknowledges_with(),
                    };
                    self.told(person, ask, from, id, &told);
                }
                None => self.book.never(id),
            }
        }
        for Open {
            person,
            ask,
            from,
            id,
            envelope,
        } in again
        {
            let told = crate::group::submitted(caller, &envelope, dice).await;
            self.told(person, ask, from, id, &told);
        }
    }

    /// Judges each person's history, and the ledger's order against real time; panics at what cannot have been.
    pub fn judge(&self, open: usize) -> Visits {
        let pages = self.pages();
        for (person, operations) in &pages.operations {
            let verdict = judge(operations);
            assert!(
                verdict == Verdict::Linearizable,
                "the history of person {person} is {verdict:?}: {operations:#?}"
            );
        }
        let bad = out_of_order(&pages.placed);
        assert!(
            bad.is_none(),
            "the ledger's order is not real time's: {bad:?}"
        );
        Visits {
            operations: pages.operations.values().map(Vec::len).sum(),
            open,
            refused: pages.visits.iter().filter(|visit| !visit.done).count() - open,
            questions: pages.questions,
        }
    }

    /// Submissions nobody answered so far.
    pub fn open(&self) -> usize {
        self.pages().open.len()
    }
}
