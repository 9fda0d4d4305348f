//! Ours and the verifier in Python come to the same on every bundle: the same verdict, and of one that does not hold
//! the same fault at the same place.
//!
//! ```text
//! SEKISHO_CONFORMANCE_TOWNS=400    how many ledgers, with some 25 bundles each; 96 if not said
//! SEKISHO_CONFORMANCE_SEED=7       which; another each time if not said
//! ```
#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use prost::Message;
use sekisho_conformance::dice::Dice;
use sekisho_conformance::forge::{self, Forger};
use sekisho_conformance::other::{Other, founding_file, report};
use sekisho_conformance::tell;
use sekisho_conformance::town::Town;
use sekisho_domain::{Decision, Genesis, Outcome};
use sekisho_ledger::bundle::{build, verify};
use sekisho_proto::v1;
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};
use std::hash::{BuildHasher, RandomState};

/// About a minute.
const TOWNS: u64 = 96;
/// Questions ahead of answers.
const AHEAD: usize = 24;

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable}={text} is not a number")),
    )
}

/// What was asked and how we answered.
struct Asked {
    what: String,
    founding: String,
    bundle: Vec<u8>,
    ours: Value,
}

struct Comparison {
    other: Other,
    asked: VecDeque<Asked>,
    /// By what we found: how many.
    found: BTreeMap<String, u64>,
    /// By what was done to the bundle: how many were refused, of how many.
    forged: BTreeMap<String, (u64, u64)>,
    seed: u64,
}

impl Comparison {
    fn new(other: Other, seed: u64) -> Self {
        Self {
            other,
            asked: VecDeque::new(),
            found: BTreeMap::new(),
            forged: BTreeMap::new(),
            seed,
        }
    }

    /// Asks both.
    fn ask(&mut self, what: &str, genesis: &Genesis, bundle: Vec<u8>) -> Value {
        let founding = founding_file(genesis);
        self.other.ask(&founding, &bundle);
        let ours = report(&verify(&bundle, genesis));
        let code = ours["fault"].as_str().unwrap_or("verified").to_owned();
        *self.found.entry(code).or_default() += 1;
        let forged = self.forged.entry(what.to_owned()).or_default();
        forged.0 += u64::from(ours["verified"] == false);
        forged.1 += 1;
        self.asked.push_back(Asked {
            what: what.to_owned(),
            founding,
            bundle,
            ours: ours.clone(),
        });
        while self.asked.len() > AHEAD {
            self.compare();
        }
        ours
    }

    fn compare(&mut self) {
        let Some(asked) = self.asked.pop_front() else {
            return;
        };
        let theirs = self.other.answer();
        if theirs == asked.ours {
            return;
        }
        let kept = std::env::temp_dir().join("sekisho-conformance");
        std::fs::create_dir_all(&kept).unwrap();
        std::fs::write(kept.join("bundle"), &asked.bundle).unwrap();
        std::fs::write(kept.join("genesis.json"), &asked.founding).unwrap();
        panic!(
            "the verifiers differ on a bundle with: {}\n  ours:   {}\n  theirs: {theirs}\nkept in {}; again: SEKISHO_CONFORMANCE_SEED={}",
            asked.what,
            asked.ours,
            kept.display(),
            self.seed,
        );
    }

    fn finish(&mut self) {
        while !self.asked.is_empty() {
            self.compare();
        }
    }
}

#[derive(Default)]
struct Met {
    denials: BTreeMap<&'static str, u64>,
    refusals: BTreeMap<&'static str, u64>,
    footings: BTreeMap<&'static str, u64>,
    leaves: u64,
}

impl Met {
    fn see(&mut self, outcome: &Outcome) {
        self.leaves += 1;
        match outcome {
            Outcome::Accepted => {}
            Outcome::Refused(reason) => *self.refusals.entry(reason.code()).or_default() += 1,
            Outcome::Decided(decisions) => {
                for (_, decision) in decisions {
                    match decision {
                        Decision::Permit(terms) => {
                            *self.footings.entry(terms.footing.code()).or_default() += 1;
                        }
                        Decision::Deny(denial) => {
                            *self.denials.entry(denial.reason.code()).or_default() += 1;
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn two_verifiers_agree() {
    let Some(other) = Other::here() else { return };
    let seed =
        number("SEKISHO_CONFORMANCE_SEED").unwrap_or_else(|| RandomState::new().hash_one(0) >> 16);
    let towns = number("SEKISHO_CONFORMANCE_TOWNS").unwrap_or(TOWNS);
    tell!("SEKISHO_CONFORMANCE_SEED={seed} SEKISHO_CONFORMANCE_TOWNS={towns}");
    let mut comparison = Comparison::new(other, seed);
    let mut met = Met::default();
    for n in 0..towns {
        let effort = if n % 8 == 0 { &THOROUGH } else { &QUICK };
        compare_town(&mut comparison, &mut met, seed.wrapping_add(n), effort);
    }
    comparison.finish();

    let all: u64 = comparison.found.values().sum();
    tell!(
        "{all} bundles of {towns} ledgers with {} leaves, the same report on each:",
        met.leaves
    );
    for (code, times) in &comparison.found {
        tell!("  {code:18}{times:8}");
    }
    tell!("what was done, refused of all:");
    for (what, (refused, all)) in &comparison.forged {
        tell!("  {what:32}{refused:8} of {all}");
    }
    for (kind, of, met) in [
        ("permits by footing", 5, &met.footings),
        ("denials by reason", 31, &met.denials),
        ("refusals by reason", 18, &met.refusals),
    ] {
        tell!("{kind}, {} of {of}: {met:?}", met.len());
    }
    assert!(
        comparison.found["verified"] > all / 20,
        "too few good ones to mean anything"
    );
    assert!(
        comparison.found["outcome"] > all / 20,
        "too few that only a replay can tell"
    );
}

/// How much is done with one ledger.
struct Effort {
    accesses: usize,
    /// Forgeries of each access's file.
    files: usize,
    /// Forgeries of the ledger under each.
    ledgers: usize,
}

const THOROUGH: Effort = Effort {
    accesses: 4,
    files: 12,
    ledgers: 20,
};
/// For the sake of the decisions in it.
const QUICK: Effort = Effort {
    accesses: 1,
    files: 2,
    ledgers: 4,
};

fn compare_town(comparison: &mut Comparison, met: &mut Met, seed: u64, effort: &Effort) {
    let mut dice = Dice::of(seed ^ 0x5eed);
    let said = 20 + dice.below(150);
    let town = Town::of(seed, said);
    let forger = Forger::of(&town);
    let genesis = &town.world.genesis;
    for index in 0..forger.leaves().all.len() as u64 {
        met.see(&forger.leaves().read(index).outcome);
    }
    let (note, size) = town.world.checkpoint(genesis.replicas.len());

    let mut accesses = town.accesses.clone();
    while accesses.len() > effort.accesses {
        accesses.swap_remove(dice.below(accesses.len()));
    }
    for access in accesses {
        // What is needed, as it is built; and all there is.
        let built = build(&town.world.state, access, &note, size, &[]).expect("it is built");
        let built = v1::ProofBundle::decode(built.as_slice()).unwrap();
        let needed: Vec<u64> = built.leaves.iter().map(|l| l.index).collect();
        let shown = forger.leaves().bundle(&needed, access.0, &town.openings);
        let whole = forger.leaves().whole(access.0);
        let whole = forger.leaves().bundle(&whole, access.0, &town.openings);
        for (what, good) in [
            ("nothing: as built", built),
            ("nothing: with openings", shown.clone()),
            ("nothing: all leaves", whole.clone()),
        ] {
            let ours = comparison.ask(what, genesis, good.encode_to_vec());
            let code = ours["fault"].as_str();
            // What was received can be another thing than what was released: that is for the officer to see.
            assert!(
                matches!(code, None | Some("transfers-differ")),
                "a good bundle is refused: {ours}; {what}; access {access}; SEKISHO_CONFORMANCE_SEED={seed}"
            );
        }
        for _ in 0..effort.files {
            let good = if dice.chance(50) { &shown } else { &whole };
            let (what, forged) = forge::file(&mut dice, &town, forger.leaves(), good);
            comparison.ask(what, genesis, forged);
        }
        for _ in 0..effort.ledgers {
            let good = if dice.chance(40) { &shown } else { &whole };
            let (what, forged) = forger.ledger(&mut dice, good);
            comparison.ask(what, genesis, forged);
        }
        let mut another = genesis.clone();
        another.created.0 += 1;
        comparison.ask("another founding file", &another, shown.encode_to_vec());
    }
}
