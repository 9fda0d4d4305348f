//! P9, the ledger's part: a sealed reservation shows nothing.

use super::erasure::{KURUME, SAGA, holds, opening};
use crate::answer::{AnswerFault, AnswerHash, Statement};
use crate::bundle;
use crate::commitment::Opening;
use crate::testing::{World, grant, key, network, subject};
use crate::{Leaf, Strict, View, tree};
use prost::Message;
use sekisho_domain::*;

/// What is the same for every patient: the time, the outcomes and the sizes of the leaves.
fn seen_from_outside(world: &World) -> Vec<(TimeMs, Outcome, usize)> {
    let size = tree::size(&world.state).unwrap();
    let leaves = (0..size).map(|n| View(&world.state).leaf(EntryIndex(n)).unwrap().unwrap());
    leaves
        .map(|bytes| {
            let leaf = Leaf::decode(&bytes).unwrap();
            (leaf.time, leaf.outcome, bytes.len())
        })
        .collect()
}

#[test]
fn p9_a_sealed_reservation_looks_like_anybody_elses_and_changes_no_decision() {
    let story = |sealed: Option<&Opening>, purposes: &[Purpose]| {
        let mut world = World::unsigned(&["kurume", "saga"]);
        world.hospital("saga", SAGA);
        world.hospital("kurume", KURUME);
        world.policy("kurume", None, Some(Scope::EachFacility));
        world.agree("link", vec![grant("saga", "kurume", ConsentRule::Viewing)]);
        for patient in [1, 2] {
            world.link(
                ("saga", subject(patient)),
                ("kurume", subject(10 + patient)),
            );
            world.consent_to_visit("kurume", subject(10 + patient), KURUME);
        }
        if let Some(opening) = sealed {
            let sealed = opening.commitment();
            world.accept("saga", Body::ReservationSeal { sealed });
        }
        let mut decisions = Vec::new();
        for patient in [1, 2] {
            for purpose in purposes {
                let request = AccessRequest {
                    purpose: *purpose,
                    ..world.request("kurume", KURUME, subject(10 + patient), &["saga"])
                };
                decisions.push(world.ask(&request).1);
            }
        }
        (world, decisions)
    };
    let purposes = [Purpose::Treat, Purpose::CoordinationOfCare];
    let of = |patient: &str, n| opening(bundle::SEALED, patient, n);
    let (one, decided) = story(Some(&of("患者一の留保", 1)), &purposes);
    let (other, _) = story(Some(&of("患者二の留保、長い理由のあるもの", 2)), &purposes);
    assert_eq!(seen_from_outside(&one), seen_from_outside(&other));
    let (_, undisturbed) = story(None, &purposes);
    assert_eq!(decided, undisturbed);
    // The leaf of the seal names no subject.
    let leaves = (0..tree::size(&one.state).unwrap())
        .map(|n| View(&one.state).leaf(EntryIndex(n)).unwrap().unwrap());
    let seals: Vec<_> = leaves
        .filter(|bytes| {
            matches!(
                Leaf::decode(bytes).unwrap().entry.body,
                Body::ReservationSeal { .. }
            )
        })
        .collect();
    assert_eq!(seals.len(), 1);
    for patient in [1, 2, 11, 12] {
        assert!(!holds(&seals[0], subject(patient).as_bytes()));
    }
}

/// What a node signs when it shows nothing: one word, as long as any other such word, whether it knows no such patient
/// or everything is sealed; and no other word for nothing counts.
#[test]
fn p9_there_is_one_signed_word_for_nothing() {
    let world = World::of(&["kurume", "saga"]);
    let node = key("saga", KeyPurpose::Node);
    let (access, request_id, saga) = (EntryIndex(100), RequestId([1; 16]), network("saga"));
    let statement = |access, outcome| Statement {
        ledger: world.ledger,
        access,
        request_id,
        network: saga.clone(),
        outcome,
        answer_hash: AnswerHash::default().finish(),
    };
    let verify = |outcome| {
        let envelope = statement(access, outcome).sign(&node);
        Statement::verify(
            View(&world.state),
            &Strict,
            &envelope,
            access,
            &request_id,
            &saga,
        )
        .unwrap()
    };
    let nothing = NetworkOutcome::PatientUnknown;
    assert_eq!(verify(nothing.clone()).unwrap().outcome, nothing);
    let sizes = [100, 101, 120].map(|access| {
        let envelope = statement(EntryIndex(access), nothing.clone()).sign(&node);
        envelope.encoded_len()
    });
    assert_eq!(sizes, [sizes[0]; 3]);
    let reason = DenyReason::ReservedByPatient;
    for other in [
        NetworkOutcome::Denied { reason },
        NetworkOutcome::TimedOut { waited_ms: 1 },
        NetworkOutcome::Unreachable,
        NetworkOutcome::Malformed,
        NetworkOutcome::Suspended,
        NetworkOutcome::Stale,
    ] {
        let code = other.code();
        assert_eq!(verify(other).unwrap_err(), AnswerFault::Outcome(code));
    }
}
