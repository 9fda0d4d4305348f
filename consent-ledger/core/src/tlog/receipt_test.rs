//! Receipts of every grade, and each thing that can be wrong with one.

use super::{Acknowledgement, Grade, Receipt, ReceiptFault, Witnesses, acknowledged};
use crate::ProofError;
use crate::checkpoint::{Checkpoint, Extensions};
use crate::merkle::leaf_hash;
use crate::note::{self, KeyName, Note, NoteKey, SignatureKind};
use crate::signature::SigningKey;
use crate::testing::{World, genesis, key};
use crate::{View, tree};
use sekisho_domain::{EntryIndex, KeyPurpose};

/// A small ledger: the founding of these networks alone makes one leaf each.
pub(super) fn world() -> World {
    World::of(&["iwami", "kurume", "saga"])
}

pub(super) fn witness(n: u8) -> (KeyName, SigningKey) {
    let name = format!("witness-{n}.example").parse().unwrap();
    (name, SigningKey::from_secret(&[0xa0 + n; 32]))
}

fn witness_key(n: u8) -> NoteKey {
    let (name, key) = witness(n);
    NoteKey::new(name, SignatureKind::Cosignature, &key.public_key()).unwrap()
}

/// The checkpoint of a majority, cosigned by so many witnesses too.
pub(super) fn witnessed(world: &World, witnesses: u8) -> (Note, u64) {
    let (text, size) = world.checkpoint(2);
    let note = Note::parse(text.as_bytes()).unwrap();
    let checkpoint = Checkpoint::parse(note.text(), Extensions::Refuse).unwrap();
    let mut signatures = note.signatures().to_vec();
    for n in 0..witnesses {
        let (name, key) = witness(n);
        let time_s = 1_790_000_100 + u64::from(n);
        signatures.push(crate::checkpoint::cosign(&checkpoint, &name, &key, time_s).unwrap());
    }
    (Note::new(note.text(), signatures).unwrap(), size)
}

pub(super) fn sealed(world: &World, index: u64, witnesses: u8) -> Receipt {
    let (checkpoint, size) = witnessed(world, witnesses);
    let index = EntryIndex(index);
    Receipt::Sealed {
        index,
        leaf: View(&world.state).leaf(index).unwrap().unwrap(),
        hashes: tree::inclusion_proof(&world.state, index, size).unwrap(),
        checkpoint,
    }
}

pub(super) fn committed(world: &World, index: u64) -> Receipt {
    let index = EntryIndex(index);
    let leaf = View(&world.state).leaf(index).unwrap().unwrap();
    let by = key("saga", KeyPurpose::Checkpoint);
    let signature = by.sign(&acknowledged(&world.ledger, index, &leaf_hash(&leaf)));
    Receipt::Committed {
        index,
        leaf,
        acknowledgement: Acknowledgement {
            by: by.key_id(),
            signature,
        },
    }
}

#[test]
fn each_grade_is_told_and_every_file_reads_back() {
    let world = world();
    let of = |keys: &[u8], needed| {
        Witnesses::new(keys.iter().map(|&n| witness_key(n)).collect(), needed).unwrap()
    };
    let nobody = Witnesses::default();
    for index in 0..3 {
        for (case, receipt, witnesses, grade, seen) in [
            (
                "acknowledged",
                committed(&world, index),
                &nobody,
                Grade::Committed,
                0,
            ),
            (
                "acknowledged, witnesses known",
                committed(&world, index),
                &of(&[0], 1),
                Grade::Committed,
                0,
            ),
            (
                "a majority",
                sealed(&world, index, 0),
                &nobody,
                Grade::Sealed,
                0,
            ),
            (
                "witnesses nobody trusts",
                sealed(&world, index, 2),
                &nobody,
                Grade::Sealed,
                0,
            ),
            (
                "one of two that are needed",
                sealed(&world, index, 1),
                &of(&[0, 1], 2),
                Grade::Sealed,
                1,
            ),
            (
                "one of two that are trusted",
                sealed(&world, index, 1),
                &of(&[0, 1], 1),
                Grade::Witnessed,
                1,
            ),
            (
                "both",
                sealed(&world, index, 2),
                &of(&[0, 1], 2),
                Grade::Witnessed,
                2,
            ),
        ] {
            let text = receipt.to_string();
            let read = Receipt::parse(text.as_bytes()).unwrap();
            assert_eq!(read, receipt, "{case}");
            let verified = read.verify(&world.genesis, witnesses).unwrap();
            assert_eq!(verified.grade(), grade, "{case}");
            assert_eq!(verified.witnesses().len(), seen, "{case}");
            assert_eq!(verified.leaf().index, EntryIndex(index), "{case}");
            let is_sealed = grade >= Grade::Sealed;
            assert_eq!(verified.checkpoint().is_some(), is_sealed, "{case}");
            assert_eq!(verified.acknowledged_by().is_none(), is_sealed, "{case}");
        }
    }
}

#[test]
fn each_thing_that_is_wrong_is_named() {
    let world = world();
    let fault = |receipt: &Receipt, witnesses: &Witnesses| {
        let read = Receipt::parse(receipt.to_string().as_bytes())?;
        read.verify(&world.genesis, witnesses)
            .map(|verified| verified.grade())
    };
    let nobody = Witnesses::default();
    let alter = |receipt: Receipt, change: &dyn Fn(&mut Receipt)| {
        let mut receipt = receipt;
        change(&mut receipt);
        fault(&receipt, &nobody)
    };

    let other = World::of(&["kurume", "saga"]);
    let found = other.ledger;
    assert!(matches!(
        fault(&sealed(&other, 0, 0), &nobody),
        Err(ReceiptFault::OtherLedger { found: f, .. }) if f == found
    ));
    let moved = alter(sealed(&world, 1, 0), &|receipt| {
        if let Receipt::Sealed { index, .. } = receipt {
            *index = EntryIndex(2);
        }
    });
    assert_eq!(
        moved,
        Err(ReceiptFault::OtherIndex {
            said: 2,
            leaf: EntryIndex(1)
        })
    );
    let unproved = alter(sealed(&world, 1, 0), &|receipt| {
        if let Receipt::Sealed { hashes, .. } = receipt {
            hashes[0].0[0] ^= 1;
        }
    });
    assert!(
        matches!(
            unproved,
            Err(ReceiptFault::Inclusion(ProofError::RootMismatch { .. }))
        ),
        "{unproved:?}"
    );
    let shortened = alter(sealed(&world, 1, 0), &|receipt| {
        if let Receipt::Sealed { hashes, .. } = receipt {
            hashes.pop();
        }
    });
    assert!(
        matches!(
            shortened,
            Err(ReceiptFault::Inclusion(ProofError::ProofLength { .. }))
        ),
        "{shortened:?}"
    );
    let alone = alter(sealed(&world, 1, 0), &|receipt| {
        if let Receipt::Sealed { checkpoint, .. } = receipt {
            *checkpoint =
                Note::new(checkpoint.text(), checkpoint.signatures()[..1].to_vec()).unwrap();
        }
    });
    let short = ProofError::QuorumShort {
        got: 1,
        voters: 3,
        needed: 2,
    };
    assert_eq!(alone, Err(ReceiptFault::Checkpoint(short)));
    let stranger = alter(committed(&world, 1), &|receipt| {
        if let Receipt::Committed {
            acknowledgement, ..
        } = receipt
        {
            acknowledgement.by = key("saga", KeyPurpose::Governance).key_id();
        }
    });
    let strange = key("saga", KeyPurpose::Governance).key_id();
    assert_eq!(stranger, Err(ReceiptFault::StrangeKey(strange)));
    let borrowed = alter(committed(&world, 1), &|receipt| {
        if let Receipt::Committed { index, leaf, .. } = receipt
            && let Receipt::Committed {
                index: i, leaf: l, ..
            } = committed(&world, 2)
        {
            (*index, *leaf) = (i, l);
        }
    });
    assert!(matches!(
        borrowed,
        Err(ReceiptFault::Acknowledgement(
            ProofError::SignatureWrong { .. }
        ))
    ));

    // A witness that is none, and one whose signature was altered.
    let voter = key("saga", KeyPurpose::Checkpoint).public_key();
    let voting: KeyName = "outside.example".parse().unwrap();
    let voting = NoteKey::new(voting, SignatureKind::Cosignature, &voter).unwrap();
    let voting = Witnesses::new(vec![voting], 1).unwrap();
    assert!(matches!(
        fault(&sealed(&world, 1, 1), &voting),
        Err(ReceiptFault::WitnessVotes(_))
    ));
    let mut forged = sealed(&world, 1, 1);
    if let Receipt::Sealed { checkpoint, .. } = &mut forged {
        let mut signatures = checkpoint.signatures().to_vec();
        signatures.last_mut().unwrap().bytes[20] ^= 1;
        *checkpoint = Note::new(checkpoint.text(), signatures).unwrap();
    }
    let trusted = Witnesses::new(vec![witness_key(0)], 1).unwrap();
    assert_eq!(fault(&forged, &nobody), Ok(Grade::Sealed));
    assert!(matches!(
        fault(&forged, &trusted),
        Err(ReceiptFault::Witness(ProofError::NoteSignatureWrong { .. }))
    ));
}

/// Every altered byte of a receipt is refused, save in signatures of keys nobody asked about.
#[test]
fn no_byte_of_a_receipt_can_be_altered() {
    let world = world();
    for receipt in [committed(&world, 2), sealed(&world, 2, 0)] {
        let text = receipt.to_string().into_bytes();
        let mut refused = 0;
        for at in 0..text.len() {
            let mut altered = text.clone();
            altered[at] ^= 1;
            let read = Receipt::parse(&altered).and_then(|receipt| {
                receipt.verify(
                    &genesis(&["iwami", "kurume", "saga"]),
                    &Witnesses::default(),
                )
            });
            assert!(
                read.is_err(),
                "byte {at} of {}",
                String::from_utf8_lossy(&text)
            );
            refused += 1;
        }
        assert_eq!(refused, text.len());
    }
}

#[test]
fn witnesses_that_can_not_be_counted_are_refused() {
    let (name, key) = witness(1);
    let plain = NoteKey::new(name.clone(), SignatureKind::Ed25519, &key.public_key()).unwrap();
    let twin = NoteKey::new(
        "twin.example".parse().unwrap(),
        SignatureKind::Cosignature,
        &key.public_key(),
    )
    .unwrap();
    for (keys, needed) in [
        (vec![], 1),
        (vec![witness_key(1)], 0),
        (vec![witness_key(1)], 2),
        (vec![plain], 1),
        (vec![witness_key(1), witness_key(1)], 1),
        (vec![witness_key(1), twin], 1),
    ] {
        assert!(
            Witnesses::new(keys.clone(), needed).is_err(),
            "{keys:?}, {needed}"
        );
    }
    // A signature without time is not a cosignature, whoever made it.
    let world = world();
    let (checkpoint, size) = witnessed(&world, 0);
    let mut signatures = checkpoint.signatures().to_vec();
    signatures.push(note::sign(checkpoint.text(), &name, &key));
    let index = EntryIndex(0);
    let receipt = Receipt::Sealed {
        index,
        leaf: View(&world.state).leaf(index).unwrap().unwrap(),
        hashes: tree::inclusion_proof(&world.state, index, size).unwrap(),
        checkpoint: Note::new(checkpoint.text(), signatures).unwrap(),
    };
    let trusted = Witnesses::new(vec![witness_key(1)], 1).unwrap();
    let verified = receipt.verify(&world.genesis, &trusted).unwrap();
    assert_eq!(verified.grade(), Grade::Sealed);
}
