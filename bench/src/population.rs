//! A ledger with as many subjects and consents as asked for, made by the core's own `apply` from real entries, whose
//! signatures alone are not checked: what is measured here is not signatures, and ten million of them take an hour.
//!
//! Entries are made over the cores ahead of `apply`, as a replica's signature checks run ahead of it.

use crate::BenchError;
use crate::federation::{BEGIN, FIRST_REQUEST, Federation, Member};
use crate::held::{Held, Keep};
use sekisho_domain::{
    AccessRequest, Body, ConsentId, Decision, DenyReason, EntryIndex, Outcome, PublicKey, TimeMs,
};
use sekisho_ledger::signature::Signature;
use sekisho_ledger::store::{MemoryState, StateRead, StateWrite};
use sekisho_ledger::{Applied, SignatureCheck, View, apply_batch, authorize, found};
use sekisho_proto::v1;
use std::io::Write;
use std::sync::mpsc::sync_channel;

/// The stamped time of every entry and of every decision.
pub(crate) const NOW: TimeMs = TimeMs(BEGIN.0 + 60_000);
/// Entries of one batch, as a replica's.
pub(crate) const BATCH_ENTRIES: u64 = 512;
/// Batches made ahead by each thread.
const BATCHES_AHEAD: usize = 4;
/// Persons asked about in each case, at most: enough that their rows do not all stay in the nearest cache.
const ASKED_MAX: u64 = 4_096;
/// A person is asked about in at most one in so many.
const ASKED_ONE_IN: u64 = 4;

/// Takes every signature for a good one.
pub(crate) struct Unchecked;

impl SignatureCheck for Unchecked {
    fn holds(&self, _: &PublicKey, _: &[u8], _: &Signature) -> bool {
        true
    }
}

/// What is asked, and what must come of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Case {
    Permit,
    Withdrawn,
    NoConsent,
    BothSides,
    OwnDocuments,
}

impl Case {
    pub(crate) const ALL: [Self; 5] = [
        Self::Permit,
        Self::Withdrawn,
        Self::NoConsent,
        Self::BothSides,
        Self::OwnDocuments,
    ];

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Permit => "permit by a viewing consent",
            Self::Withdrawn => "deny: consents withdrawn",
            Self::NoConsent => "deny: no consent",
            Self::BothSides => "permit by consents of both sides",
            Self::OwnDocuments => "permit of a network's own documents",
        }
    }

    fn is(self, decision: &Decision) -> bool {
        let consents = match decision {
            Decision::Permit(terms) => terms.bases.first().map_or(0, |basis| basis.consents.len()),
            Decision::Deny(_) => 0,
        };
        match (self, decision) {
            (Self::Permit | Self::OwnDocuments, Decision::Permit(_)) => consents == 1,
            (Self::BothSides, Decision::Permit(_)) => consents == 2,
            (Self::Withdrawn, Decision::Deny(d)) => d.reason == DenyReason::ConsentWithdrawn,
            (Self::NoConsent, Decision::Deny(d)) => d.reason == DenyReason::NoViewingConsent,
            _ => false,
        }
    }
}

/// How many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Numbers {
    /// Subjects that have consented; two for each person: east's and north's.
    pub subjects: u64,
    /// Consents: at least as many as subjects.
    pub consents: u64,
}

impl Numbers {
    /// The largest federation the surveys lead one to expect.
    pub const FULL: Self = Self {
        subjects: 3_000_000,
        consents: 10_000_000,
    };
    /// As many for each subject, a tenth of it.
    pub const TENTH: Self = Self {
        subjects: 300_000,
        consents: 1_000_000,
    };

    fn check(self) -> Result<Self, BenchError> {
        let enough = self.subjects >= 2 * ASKED_ONE_IN && self.consents >= self.subjects;
        match enough {
            true => Ok(self),
            false => Err(BenchError::Wrong {
                what: "the numbers",
                expected: format!(
                    "at least {} subjects, and as many consents as subjects",
                    2 * ASKED_ONE_IN
                ),
                got: format!("{} subjects, {} consents", self.subjects, self.consents),
            }),
        }
    }
}

/// Who is on the ledger, and in which order it was said.
///
/// Every person consents that east's first hospital looks and that north discloses; then, visit after visit, that
/// another of east's hospitals looks. Spread among them those asked about; beyond them persons without any consent.
pub(crate) struct Population {
    pub(crate) federation: Federation,
    persons: u64,
    consents: u64,
    /// Persons asked about in each case.
    pub(crate) asked: u64,
    /// Where the founders' acts end.
    first_consent: u64,
}

impl Population {
    /// With one replica, that need not run.
    pub(crate) fn of(numbers: Numbers) -> Result<Self, BenchError> {
        let Numbers { subjects, consents } = numbers.check()?;
        let federation = Federation::at(&["127.0.0.1:1".to_owned()])?;
        let persons = subjects / 2;
        let first_consent = federation.founding_acts(NOW)?.len() as u64;
        Ok(Self {
            federation,
            persons,
            consents,
            asked: ASKED_MAX.min(persons / ASKED_ONE_IN),
            first_consent,
        })
    }

    /// The consents; four pairs of links (west's for three cases, north's for one); the withdrawals.
    fn entries(&self) -> u64 {
        self.consents + 8 * self.asked + self.asked * self.rounds()
    }

    /// How often everybody consents; not all of them in the last round.
    fn rounds(&self) -> u64 {
        self.consents.div_ceil(self.persons)
    }

    fn person(&self, case: Case, n: u64) -> u64 {
        let n = n % self.asked;
        let spread = n * (self.persons / self.asked);
        match case {
            Case::Permit | Case::BothSides | Case::OwnDocuments => spread,
            Case::Withdrawn => spread + 1,
            Case::NoConsent => self.persons + n,
        }
    }

    /// The n-th consent, and whose: round by round, so that what belongs together is not said together.
    fn consent(&self, n: u64) -> (&Member, Body) {
        let f = &self.federation;
        let (round, person) = (n / self.persons, n % self.persons);
        match round {
            0 => (&f.east, f.viewing_consent(person)),
            1 => (&f.north, f.disclosing_consent(person)),
            visit => (&f.east, f.viewing_consent_at(person, visit - 1)),
        }
    }

    /// The n-th withdrawal; none where the person did not consent in that round, or not to look.
    fn withdrawal(&self, n: u64) -> Option<(&Member, Body)> {
        let (round, nth) = (n / self.asked, n % self.asked);
        let ordinal = round * self.persons + self.person(Case::Withdrawn, nth);
        let given = round != 1 && ordinal < self.consents;
        let consent = ConsentId(EntryIndex(self.first_consent + ordinal));
        given.then(|| (&self.federation.east, self.federation.withdrawal(consent)))
    }

    /// What the n-th entry says, and who; none where there is nothing to say.
    fn says(&self, n: u64) -> Option<(&Member, Body)> {
        let f = &self.federation;
        let Some(n) = n.checked_sub(self.consents) else {
            return Some(self.consent(n));
        };
        let Some(n) = n.checked_sub(8 * self.asked) else {
            let (pair, east_says) = (n / 2, n.is_multiple_of(2));
            let (kind, nth) = (pair / self.asked, pair % self.asked);
            let (case, other) = match kind {
                0 => (Case::Permit, &f.west),
                1 => (Case::Withdrawn, &f.west),
                2 => (Case::NoConsent, &f.west),
                _ => (Case::BothSides, &f.north),
            };
            let person = self.person(case, nth);
            let (own, far) = if east_says {
                (&f.east, other)
            } else {
                (other, &f.east)
            };
            return Some((own, f.link(own, far, person)));
        };
        self.withdrawal(n)
    }

    fn batch(&self, number: u64) -> Vec<v1::Envelope> {
        let range = number * BATCH_ENTRIES..((number + 1) * BATCH_ENTRIES).min(self.entries());
        let says = range.filter_map(|n| Some((n, self.says(n)?)));
        says.map(|(n, (member, body))| {
            self.federation
                .node_says_unsigned(member, FIRST_REQUEST + n, NOW, body)
        })
        .collect()
    }

    /// Puts it all into effect in an empty state, and checks that all of it took effect.
    pub(crate) fn build(&self, keep: Keep, progress: &mut dyn Write) -> Result<Held, BenchError> {
        let mut state = Held::new(keep);
        found(&mut state, &self.federation.genesis).map_err(BenchError::core::<MemoryState>)?;
        let mut next = accepted(&mut state, self.federation.founding_acts(NOW)?, 0)?;
        let (batches, threads) = (
            self.entries().div_ceil(BATCH_ENTRIES),
            std::thread::available_parallelism().map_or(1, usize::from) as u64,
        );
        std::thread::scope(|scope| {
            let makers: Vec<_> = (0..threads)
                .map(|thread| {
                    let (ready, taken) = sync_channel(BATCHES_AHEAD);
                    scope.spawn(move || {
                        // Ends early if nobody takes them any more.
                        (thread..batches)
                            .step_by(threads as usize)
                            .try_for_each(|number| ready.send(self.batch(number)))
                    });
                    taken
                })
                .collect();
            for (number, taken) in (0..batches).zip((0..makers.len()).cycle()) {
                let envelopes = makers[taken].recv().map_err(|_| BenchError::Wrong {
                    what: "a thread that makes entries",
                    expected: "a batch".to_owned(),
                    got: "its end".to_owned(),
                })?;
                next = accepted(&mut state, envelopes, next)?;
                if number % 1_024 == 1_023 {
                    // Progress nobody can see is no reason to stop.
                    let _ = writeln!(progress, "  {} entries", (number + 1) * BATCH_ENTRIES);
                }
            }
            Ok::<_, BenchError>(())
        })?;
        Ok(state)
    }

    /// The payloads of the first consents, at most `max`.
    pub(crate) fn first_consents(&self, max: u64) -> Vec<Vec<u8>> {
        let all = (0..self.consents.min(max)).map(|n| (n, self.consent(n)));
        all.map(|(n, (member, body))| {
            let request = FIRST_REQUEST + n;
            let envelope = self
                .federation
                .node_says_unsigned(member, request, NOW, body);
            envelope.payload
        })
        .collect()
    }

    /// The requests of a case, no two neighbours alike.
    pub(crate) fn requests(&self, case: Case) -> Vec<AccessRequest> {
        let target = match case {
            Case::BothSides => &self.federation.north,
            Case::OwnDocuments => &self.federation.east,
            _ => &self.federation.west,
        };
        (0..self.asked)
            .map(|n| self.federation.request(self.person(case, n), target))
            .collect()
    }

    /// The n-th of a day's entries, to be applied beside all the rest: of sixteen, eleven requests (of all cases in
    /// turn), three consents, a reservation, and one network's word for a link.
    fn mixed(&self, n: u64) -> (&Member, Body) {
        let f = &self.federation;
        let (sixteen, of) = (n / 16, n % 16);
        // Far apart, and none of those asked about: their number has no divisor in common with the steps.
        let person = (sixteen * 7_919 + 3) % self.persons;
        match of {
            0..11 => {
                let case = Case::ALL[(of as usize + sixteen as usize) % Case::ALL.len()];
                let target = match case {
                    Case::BothSides => &f.north,
                    Case::OwnDocuments => &f.east,
                    _ => &f.west,
                };
                let request = f.request(self.person(case, n), target);
                (&f.east, Body::AccessRequest(request))
            }
            11 => (&f.east, f.viewing_consent_at(person, sixteen)),
            12 => (&f.east, f.viewing_consent_at(person, sixteen + 1)),
            // North's blanket consent of one more person.
            13 => (&f.north, f.disclosing_consent(person)),
            14 => (&f.north, f.reservation(person)),
            _ => (&f.west, f.link(&f.west, &f.east, 2 * self.persons + n)),
        }
    }

    /// A day's entries in batches, each request and its number fresh.
    pub(crate) fn mixed_batches(&self, from: u64, batches: u64) -> Vec<v1::Batch> {
        let first = FIRST_REQUEST + self.entries();
        (from..from + batches)
            .map(|number| v1::Batch {
                time_ms: NOW.0,
                envelopes: (number * BATCH_ENTRIES..(number + 1) * BATCH_ENTRIES)
                    .map(|n| {
                        let (member, body) = self.mixed(n);
                        self.federation
                            .node_says_unsigned(member, first + n, NOW, body)
                    })
                    .collect(),
            })
            .collect()
    }
}

/// Checks that every request of a case is decided as the case says.
pub(crate) fn check<S: StateRead>(
    state: &S,
    case: Case,
    requests: &[AccessRequest],
) -> Result<(), BenchError> {
    for request in requests {
        let decided = authorize(View(state), request, NOW).map_err(BenchError::core::<S>)?;
        match decided.as_slice() {
            [(_, decision)] if case.is(decision) => {}
            other => {
                return Err(BenchError::Wrong {
                    what: "a decision",
                    expected: case.title().to_owned(),
                    got: format!("{other:?}"),
                });
            }
        }
    }
    Ok(())
}

/// Applies entries that must all take effect; the index of the next.
fn accepted<S: StateWrite>(
    state: &mut S,
    envelopes: Vec<v1::Envelope>,
    first: u64,
) -> Result<u64, BenchError> {
    let batch = v1::Batch {
        time_ms: NOW.0,
        envelopes,
    };
    let applied = apply_batch(state, &batch, &Unchecked).map_err(BenchError::core::<S>)?;
    for (expected, applied) in (first..).zip(&applied) {
        match applied {
            Applied::Leaf {
                index,
                outcome: Outcome::Accepted,
                ..
            } if index.0 == expected => {}
            other => {
                return Err(BenchError::Wrong {
                    what: "an entry",
                    expected: format!("it takes effect at index {expected}"),
                    got: format!("{other:?}"),
                });
            }
        }
    }
    Ok(first + applied.len() as u64)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use sekisho_ledger::store::Table;

    const SMALL: Numbers = Numbers {
        subjects: 1_000,
        consents: 3_333,
    };

    fn built(keep: Keep) -> (Population, Held) {
        let population = Population::of(SMALL).unwrap();
        let state = population.build(keep, &mut std::io::sink()).unwrap();
        (population, state)
    }

    #[test]
    fn every_case_is_decided_as_it_says_and_no_other() {
        let (population, state) = built(Keep::All);
        let consents = state.scan(Table::ConsentAt, b"", b"", usize::MAX).unwrap();
        assert_eq!(consents.len(), 3_333);
        for case in Case::ALL {
            let requests = population.requests(case);
            assert_eq!(requests.len(), 125, "{case:?}");
            check(&state, case, &requests).unwrap();
            for other in Case::ALL {
                let alike = |a, b| {
                    let both = [Case::Permit, Case::OwnDocuments];
                    both.contains(&a) && both.contains(&b)
                };
                let passes = check(&state, other, &requests).is_ok();
                assert_eq!(
                    passes,
                    other == case || alike(case, other),
                    "{case:?} as {other:?}"
                );
            }
        }
    }

    #[test]
    fn what_is_left_out_changes_no_decision_and_no_leaf() {
        let (population, mut whole) = built(Keep::All);
        let (_, mut lean) = built(Keep::Deciding);
        for table in Table::ALL {
            let rows = |state: &Held| state.scan(table, b"", b"", usize::MAX).unwrap();
            let (all, kept) = (rows(&whole), rows(&lean));
            match table {
                Table::Leaf | Table::RestsOn | Table::Request => assert_eq!(kept, [], "{table:?}"),
                Table::TreeNode => assert!(!kept.is_empty() && kept.len() < 32),
                _ => assert!(all == kept, "{table:?}"),
            }
        }
        for batch in population.mixed_batches(0, 2) {
            let one = apply_batch(&mut whole, &batch, &Unchecked).unwrap();
            let other = apply_batch(&mut lean, &batch, &Unchecked).unwrap();
            assert_eq!(one, other, "the same leaf hashes at the same places");
            let took_effect = |applied: &Applied| {
                matches!(
                    applied,
                    Applied::Leaf {
                        outcome: Outcome::Accepted | Outcome::Decided(_),
                        ..
                    }
                )
            };
            assert!(one.iter().all(took_effect), "{one:?}");
        }
    }

    #[test]
    fn numbers_that_mean_nothing_are_refused() {
        for (subjects, consents) in [(0, 0), (7, 100), (100, 99)] {
            let numbers = Numbers { subjects, consents };
            assert!(Population::of(numbers).is_err(), "{numbers:?}");
        }
    }
}
