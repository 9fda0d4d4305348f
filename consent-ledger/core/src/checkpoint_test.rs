#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use super::*;
use crate::merkle::{MemoryTree, consistency_proof, inclusion_proof, leaf_hash};
use proptest::prelude::*;

const ORIGIN: &str = "sekisho.example/ledger";

fn name(i: u8) -> KeyName {
    format!("replica-{i}").parse().expect("a key name")
}

fn signer(i: u8) -> SigningKey {
    SigningKey::from_secret(&[i; 32])
}

fn voters(n: u8) -> Vec<(KeyName, PublicKey)> {
    (1..=n).map(|i| (name(i), signer(i).public_key())).collect()
}

fn checkpoint() -> Checkpoint {
    Checkpoint::new(ORIGIN, 7, Hash([7; 32])).expect("a checkpoint")
}

fn cosignature(i: u8) -> NoteSignature {
    cosign(
        &checkpoint(),
        &name(i),
        &signer(i),
        1_700_000_000 + u64::from(i),
    )
    .expect("a time")
}

fn note(signatures: Vec<NoteSignature>) -> Note {
    Note::new(checkpoint().text(), signatures).expect("a note")
}

fn who(verified: &VerifiedCheckpoint) -> Vec<String> {
    verified
        .cosigners()
        .iter()
        .map(|cosigner| cosigner.name().to_string())
        .collect()
}

#[test]
fn the_text_is_that_of_the_specification() {
    // C2SP tlog-checkpoint, the example.
    let text =
        "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
    let checkpoint = Checkpoint::parse(text, Extensions::Refuse).expect("a checkpoint");
    assert_eq!(
        (checkpoint.origin(), checkpoint.size()),
        ("example.com/behind-the-sofa", 20_852_163)
    );
    assert_eq!(
        checkpoint.root().to_string(),
        "0ac5186a91863e8e1d90c808014aa89bf5da8e3ee1d9f07630f0378f68f1ab62"
    );
    assert_eq!(checkpoint.text(), text);

    let extended = format!("{text}first\nsecond\n");
    assert_eq!(
        Checkpoint::parse(&extended, Extensions::Refuse),
        Err(ProofError::CheckpointForm("it has extension lines"))
    );
    let kept = Checkpoint::parse(&extended, Extensions::Keep).expect("a checkpoint");
    assert_eq!(
        (kept.extensions(), kept.text()),
        (
            ["first".to_owned(), "second".to_owned()].as_slice(),
            extended
        )
    );
}

#[test]
fn what_is_not_in_the_form_is_refused() {
    let root = "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=";
    let long = "o".repeat(ORIGIN_BYTES_MAX + 1);
    for (text, fault) in [
        (String::new(), "newline"),
        ("o\n1\n".into(), "three lines"),
        (format!("o\n1\n{root}"), "newline"),
        (format!("\n1\n{root}\n"), "origin"),
        (format!("{long}\n1\n{root}\n"), "origin"),
        (format!("o\u{9b}\n1\n{root}\n"), "origin"),
        (format!("o\n\n{root}\n"), "size"),
        (format!("o\n01\n{root}\n"), "size"),
        (format!("o\n00\n{root}\n"), "size"),
        (format!("o\n+1\n{root}\n"), "size"),
        (format!("o\n-1\n{root}\n"), "size"),
        (format!("o\n1 \n{root}\n"), "size"),
        (format!("o\n0x1\n{root}\n"), "size"),
        (format!("o\n\u{ff11}\n{root}\n"), "size"),
        (format!("o\n18446744073709551616\n{root}\n"), "size"),
        (format!("o\n0\n{root}\n"), "empty tree"),
        (format!("o\n1\n{}\n", &root[..43]), "base64"),
        (format!("o\n1\n{}J=\n", &root[..42]), "base64"),
        (format!("o\n1\n{root} \n"), "base64"),
        ("o\n1\n\n".into(), "32 bytes"),
        ("o\n1\nCsUY\n".into(), "32 bytes"),
        (format!("o\n1\n{root}\n\n"), "extension line is empty"),
        (format!("o\n1\n{root}\nx\n\n"), "extension line is empty"),
    ] {
        let refused = Checkpoint::parse(&text, Extensions::Keep).expect_err(fault);
        assert!(
            matches!(refused, ProofError::CheckpointForm(_)) && refused.to_string().contains(fault),
            "{text:?}: {refused}"
        );
    }
    let size = TREE_SIZE_MAX + 1;
    let refused = ProofError::TreeTooLarge {
        size,
        max: TREE_SIZE_MAX,
    };
    assert_eq!(
        Checkpoint::parse(&format!("o\n{size}\n{root}\n"), Extensions::Keep),
        Err(refused)
    );
    assert!(Checkpoint::new("o", TREE_SIZE_MAX, Hash([0; 32])).is_ok());
    assert!(Checkpoint::new("o", 0, merkle::empty_root()).is_ok());
    assert!(Checkpoint::new("o\nO", 1, Hash([0; 32])).is_err());
}

#[test]
fn a_quorum_is_counted_by_voter() {
    let voters = voters(5);
    for (signers, got) in [
        (vec![], 0),
        (vec![1, 2], 2),
        (vec![1, 1, 1, 1], 1),
        (vec![2, 1, 2, 1], 2),
        (vec![1, 6, 7, 8], 1),
    ] {
        let mut signatures: Vec<_> = signers.iter().map(|&i| cosignature(i)).collect();
        signatures.push(cosignature(9));
        assert_eq!(
            verify_quorum(&note(signatures), ORIGIN, &voters, 3),
            Err(ProofError::QuorumShort {
                got,
                voters: 5,
                needed: 3
            }),
            "{signers:?}"
        );
    }
    for (signers, expected) in [
        (vec![5, 1, 3], "1 3 5"),
        (vec![1, 2, 3, 4, 5], "1 2 3 4 5"),
        (vec![4, 4, 9, 2, 1], "1 2 4"),
    ] {
        let verified = verify_quorum(
            &note(signers.iter().map(|&i| cosignature(i)).collect()),
            ORIGIN,
            &voters,
            3,
        )
        .expect("enough");
        assert_eq!(who(&verified).join(" ").replace("replica-", ""), expected);
        assert_eq!(
            (verified.origin(), verified.size(), verified.root()),
            (ORIGIN, 7, Hash([7; 32]))
        );
        for cosigner in verified.cosigners() {
            let i = voters
                .iter()
                .position(|(name, _)| name == cosigner.name())
                .expect("a voter") as u64
                + 1;
            assert_eq!(cosigner.time_s(), Some(1_700_000_000 + i));
        }
    }
}

#[test]
fn one_wrong_cosignature_of_a_voter_refuses_the_whole() {
    let voters = voters(3);
    let mut wrong = cosignature(3);
    wrong.bytes[40] ^= 1;
    let refused = ProofError::NoteSignatureWrong {
        name: "replica-3".into(),
        source: Box::new(ProofError::SignatureWrong {
            key: signer(3).key_id(),
        }),
    };
    for signatures in [
        vec![cosignature(1), cosignature(2), wrong.clone()],
        vec![
            wrong.clone(),
            cosignature(3),
            cosignature(2),
            cosignature(1),
        ],
    ] {
        assert_eq!(
            verify_quorum(&note(signatures), ORIGIN, &voters, 2),
            Err(refused.clone())
        );
    }
    // The signature of one voter under the name of another is by no known key.
    let mut borrowed = cosignature(1);
    borrowed.name = name(2);
    let short = ProofError::QuorumShort {
        got: 1,
        voters: 3,
        needed: 2,
    };
    assert_eq!(
        verify_quorum(
            &note(vec![cosignature(1), borrowed.clone()]),
            ORIGIN,
            &voters,
            2
        ),
        Err(short)
    );
    // With the other's key hash as well it claims to be the other's, and is not.
    borrowed.key_hash = cosignature(2).key_hash;
    assert!(matches!(
        verify_quorum(&note(vec![cosignature(1), borrowed]), ORIGIN, &voters, 2),
        Err(ProofError::NoteSignatureWrong { name, .. }) if name == "replica-2"
    ));
    // A plain signature is not a cosignature, even by the voter's key.
    let plain = note::sign(&checkpoint().text(), &name(2), &signer(2));
    assert!(matches!(
        verify_quorum(&note(vec![cosignature(1), plain]), ORIGIN, &voters, 2),
        Err(ProofError::QuorumShort { got: 1, .. })
    ));
}

#[test]
fn another_ledger_or_another_text_is_refused() {
    let voters = voters(3);
    let signed = note(vec![cosignature(1), cosignature(2)]);
    assert_eq!(
        verify_quorum(&signed, "other", &voters, 2),
        Err(ProofError::OriginMismatch {
            expected: "other".into(),
            got: ORIGIN.into()
        })
    );
    let text = format!("{}extension\n", checkpoint().text());
    let extended = (1..=2)
        .map(|i| note::cosign(&text, &name(i), &signer(i), 1).expect("a time"))
        .collect();
    assert_eq!(
        verify_quorum(
            &Note::new(text, extended).expect("a note"),
            ORIGIN,
            &voters,
            2
        ),
        Err(ProofError::CheckpointForm("it has extension lines"))
    );
}

#[test]
fn voters_of_whom_no_quorum_can_be_told_are_refused() {
    let three = voters(3);
    for (voters, needed) in [(&three[..], 0), (&three, 4), (&[], 1), (&voters(129), 65)] {
        assert!(
            matches!(
                Quorum::new(ORIGIN, voters, needed),
                Err(ProofError::Quorum(_))
            ),
            "{needed} of {}",
            voters.len()
        );
    }
    let same_name = [three[0].clone(), (name(1), three[1].1)];
    let same_key = [three[0].clone(), (name(2), three[0].1)];
    for (voters, whose) in [(same_name, "replica-1"), (same_key, "replica-2")] {
        assert!(
            matches!(Quorum::new(ORIGIN, &voters, 1), Err(ProofError::VoterTwice(name)) if name == whose)
        );
    }
    let weak = [(name(1), PublicKey([0; 32]))];
    assert!(matches!(
        Quorum::new(ORIGIN, &weak, 1),
        Err(ProofError::KeyWeak(_))
    ));
    for (n, needed) in [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (6, 4)] {
        assert_eq!(
            Quorum::majority(ORIGIN, &voters(n)).map(|quorum| quorum.needed()),
            Ok(needed),
            "{n} voters"
        );
    }
}

#[test]
fn proofs_are_checked_against_verified_checkpoints() {
    let mut tree = MemoryTree::new();
    let mut checkpoints = Vec::new();
    for i in 0..9u8 {
        tree.append(leaf_hash(&[i])).expect("far below the bound");
        for origin in [ORIGIN, "other"] {
            let checkpoint =
                Checkpoint::new(origin, tree.size(), tree.root()).expect("a checkpoint");
            let signature = cosign(&checkpoint, &name(1), &signer(1), 1).expect("a time");
            let note = Note::new(checkpoint.text(), vec![signature]).expect("a note");
            checkpoints.push(verify_quorum(&note, origin, &voters(1), 1).expect("cosigned"));
        }
    }
    let (five, nine, other) = (&checkpoints[8], &checkpoints[16], &checkpoints[17]);
    let included = inclusion_proof(&tree, 3, 9).expect("in memory");
    assert_eq!(
        nine.verify_inclusion(&leaf_hash(&[3]), 3, &included),
        Ok(())
    );
    assert!(
        nine.verify_inclusion(&leaf_hash(&[4]), 3, &included)
            .is_err()
    );
    let consistent = consistency_proof(&tree, 5, 9).expect("in memory");
    assert_eq!(nine.verify_continues(five, &consistent), Ok(()));
    assert!(matches!(
        five.verify_continues(nine, &consistent),
        Err(ProofError::SizesReversed { .. })
    ));
    assert!(matches!(
        other.verify_continues(five, &consistent),
        Err(ProofError::OriginMismatch { .. })
    ));
}

proptest! {
    #[test]
    fn a_made_checkpoint_parses_to_itself(origin in "[a-z/. ]{1,20}", size in 1..=TREE_SIZE_MAX, root in any::<[u8; 32]>()) {
        let made = Checkpoint::new(origin, size, Hash(root)).expect("a checkpoint");
        prop_assert_eq!(Checkpoint::parse(&made.text(), Extensions::Refuse), Ok(made));
    }

    #[test]
    fn any_text_is_refused_or_kept(text in "[a\n]{0,3}\n?[0-9]{0,3}\n(CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=)?\n[a\n]{0,4}") {
        if let Ok(checkpoint) = Checkpoint::parse(&text, Extensions::Keep) {
            prop_assert_eq!(checkpoint.text(), text);
        }
    }
}
