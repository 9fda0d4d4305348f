//! A ledger with as many consents as asked for, made the real way: every entry is signed, its signature
//! checked by the strict rule, and put into effect by the core's own `apply`.
//!
//! Signing and checking are spread over the cores ahead of `apply`, as a replica does it; `apply` is then told
//! of exactly the signatures that were found to hold.

use crate::BenchError;
use crate::federation::{BEGIN, FIRST_REQUEST, Federation, Member};
use sekisho_domain::{
    AccessRequest, Body, ConsentId, Decision, DenyReason, EntryIndex, Outcome, PublicKey, TimeMs,
};
use sekisho_ledger::signature::Signature;
use sekisho_ledger::store::{MemoryState, StateRead};
use sekisho_ledger::{Applied, SignatureCheck, Strict, View, apply_batch, authorize, dsse, found};
use sekisho_proto::v1;
use std::collections::HashMap;
use std::io::Write;
use std::sync::mpsc::sync_channel;

/// The stamped time of every entry and of every decision.
pub(crate) const NOW: TimeMs = TimeMs(BEGIN.0 + 60_000);
/// Entries of one batch, as a replica's.
const BATCH_ENTRIES: u64 = 512;
/// Batches signed ahead by each thread.
const BATCHES_AHEAD: usize = 4;
/// Persons asked about in each case, at most: enough that their rows do not all stay in the nearest cache.
const ASKED_MAX: u64 = 4_096;
/// A person is asked about in at most one in so many.
const ASKED_ONE_IN: u64 = 4;

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
            Self::Withdrawn => "deny: consent withdrawn",
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

/// Who is on the ledger, and in which order it was said. Half as many persons as consents, each with one to look
/// (east) and one to disclose (north); spread among them those asked about, and beyond them persons without any.
pub(crate) struct Population {
    pub(crate) federation: Federation,
    persons: u64,
    /// Persons asked about in each case.
    asked: u64,
    /// Where the founders' acts end.
    first_consent: u64,
}

impl Population {
    /// With this many consents (an even number, at least 8), and one replica, that need not run.
    pub(crate) fn of(consents: u64) -> Result<Self, BenchError> {
        let federation = Federation::at(&["127.0.0.1:1".to_owned()])?;
        let persons = consents / 2;
        let first_consent = federation.founding_acts(NOW)?.len() as u64;
        Ok(Self {
            federation,
            persons,
            asked: ASKED_MAX.min(persons / ASKED_ONE_IN),
            first_consent,
        })
    }

    /// Entries after the founders' acts: the consents; four pairs of links (west's for three cases, north's for
    /// one); the withdrawals.
    fn entries(&self) -> u64 {
        2 * self.persons + 8 * self.asked + self.asked
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

    /// What the n-th entry says, and who.
    fn says(&self, n: u64) -> (&Member, Body) {
        let f = &self.federation;
        let consents = 2 * self.persons;
        if n < consents {
            let person = n / 2;
            return if n.is_multiple_of(2) {
                (&f.east, f.viewing_consent(person))
            } else {
                (&f.north, f.disclosing_consent(person))
            };
        }
        let n = n - consents;
        if n < 8 * self.asked {
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
            return (own, f.link(own, far, person));
        }
        let person = self.person(Case::Withdrawn, n - 8 * self.asked);
        let consent = EntryIndex(self.first_consent + 2 * person);
        (&f.east, f.withdrawal(ConsentId(consent)))
    }

    fn batch(&self, number: u64) -> Signed {
        let range = number * BATCH_ENTRIES..((number + 1) * BATCH_ENTRIES).min(self.entries());
        let mut signed = Signed::default();
        for n in range {
            let (member, body) = self.says(n);
            let envelope = self
                .federation
                .node_says(member, FIRST_REQUEST + n, NOW, body);
            signed.check(&member.node.public_key(), &envelope);
            signed.envelopes.push(envelope);
        }
        signed
    }

    /// Puts it all into effect in an empty state, and checks that all of it took effect.
    pub(crate) fn build(&self, progress: &mut dyn Write) -> Result<MemoryState, BenchError> {
        let mut state = MemoryState::default();
        found(&mut state, &self.federation.genesis).map_err(BenchError::core::<MemoryState>)?;
        let founding = Signed {
            envelopes: self.federation.founding_acts(NOW)?,
            held: HashMap::new(),
        };
        apply(&mut state, founding, 0)?;
        let (batches, threads) = (
            self.entries().div_ceil(BATCH_ENTRIES),
            std::thread::available_parallelism().map_or(1, usize::from) as u64,
        );
        std::thread::scope(|scope| {
            let signers: Vec<_> = (0..threads)
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
            for (number, taken) in (0..batches).zip((0..signers.len()).cycle()) {
                let signed = signers[taken].recv().map_err(|_| BenchError::Wrong {
                    what: "a thread that signs entries",
                    expected: "a batch".to_owned(),
                    got: "its end".to_owned(),
                })?;
                apply(
                    &mut state,
                    signed,
                    self.first_consent + number * BATCH_ENTRIES,
                )?;
                if number % 256 == 255 {
                    // Progress nobody can see is no reason to stop.
                    let _ = writeln!(progress, "  {} entries", (number + 1) * BATCH_ENTRIES);
                }
            }
            Ok::<_, BenchError>(())
        })?;
        Ok(state)
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

/// A batch whose signatures are checked.
#[derive(Default)]
struct Signed {
    envelopes: Vec<v1::Envelope>,
    /// By signature: the key it holds by, and the message.
    held: HashMap<[u8; Signature::LEN], (PublicKey, Vec<u8>)>,
}

impl Signed {
    fn check(&mut self, key: &PublicKey, envelope: &v1::Envelope) {
        let message = dsse::pae(&envelope.payload_type, &envelope.payload);
        for signature in &envelope.signatures {
            if let Ok(signature) = Signature::try_from(signature.signature.as_slice())
                && Strict.holds(key, &message, &signature)
            {
                self.held.insert(signature.0, (*key, message.clone()));
            }
        }
    }
}

impl SignatureCheck for Signed {
    fn holds(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        match self.held.get(&signature.0) {
            Some((by, of)) if by == key && of == message => true,
            _ => Strict.holds(key, message, signature),
        }
    }
}

fn apply(state: &mut MemoryState, mut signed: Signed, first: u64) -> Result<(), BenchError> {
    let batch = v1::Batch {
        time_ms: NOW.0,
        envelopes: std::mem::take(&mut signed.envelopes),
    };
    let applied = apply_batch(state, &batch, &signed).map_err(BenchError::core::<MemoryState>)?;
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
    Ok(())
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use sekisho_ledger::store::Table;

    #[test]
    fn every_case_is_decided_as_it_says_and_no_other() {
        let population = Population::of(1_000).unwrap();
        let state = population.build(&mut std::io::sink()).unwrap();
        let consents = state.scan(Table::ConsentAt, b"", b"", usize::MAX).unwrap();
        assert_eq!(consents.len(), 1_000);
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
    fn signatures_checked_ahead_change_no_byte_of_the_state() {
        let population = Population::of(16).unwrap();
        let ahead = population.build(&mut std::io::sink()).unwrap();
        let mut state = MemoryState::default();
        found(&mut state, &population.federation.genesis).unwrap();
        let mut envelopes = population.federation.founding_acts(NOW).unwrap();
        envelopes.extend(population.batch(0).envelopes);
        for envelope in envelopes {
            let batch = v1::Batch {
                time_ms: NOW.0,
                envelopes: vec![envelope],
            };
            apply_batch(&mut state, &batch, &Strict).unwrap();
        }
        assert!(state == ahead, "the same rows");
    }

    #[test]
    fn a_signature_not_checked_ahead_is_checked() {
        let population = Population::of(16).unwrap();
        let mut signed = population.batch(0);
        let envelope = signed.envelopes.first().unwrap().clone();
        let (key, message) = (
            population.federation.east.node.public_key(),
            dsse::pae(&envelope.payload_type, &envelope.payload),
        );
        let signature = Signature::try_from(envelope.signatures[0].signature.as_slice()).unwrap();
        assert!(signed.holds(&key, &message, &signature));
        assert!(!signed.holds(&key, b"another message", &signature));
        signed.held.clear();
        assert!(signed.holds(&key, &message, &signature));
    }
}
