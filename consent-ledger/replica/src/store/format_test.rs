use super::*;
use crate::raft::Member;
use crate::store::import::Imported;
use openraft::Membership;
use openraft::{CommittedLeaderId, EntryPayload};
use std::collections::{BTreeMap, BTreeSet};

fn log_id() -> LogId {
    LogId::new(CommittedLeaderId::new(3, 2), 300)
}

/// What is on disk must be read by every later version; a change here takes a new [`VERSION`].
#[test]
fn stored_bytes_are_these() {
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let member = Member {
        network: "a".into(),
        endpoint: "b:1".into(),
    };
    let membership = Membership::new(vec![BTreeSet::from([2])], BTreeMap::from([(2, member)]));
    let stored = StoredMembership::new(Some(log_id()), membership.clone());
    let cases = [
        (
            "log id",
            encode(&log_id_record(&log_id())),
            "010803100218ac02",
        ),
        (
            "blank entry",
            encode_entry(&Entry {
                log_id: log_id(),
                payload: EntryPayload::Blank,
            }),
            "010a070803100218ac021200",
        ),
        (
            "membership",
            encode(&membership_record(&stored)),
            "010a070803100218ac0212110a030a010212 0a080212016 11a03623a31",
        ),
        (
            "identity",
            encode(&Identity {
                ledger: vec![0xaa, 0xbb],
                replica: 7,
            }),
            "010a02aabb1007",
        ),
        (
            "cosigned",
            encode(&Cosigned {
                size: 5,
                root: vec![0xcc],
            }),
            "0108051201cc",
        ),
        (
            "imported",
            encode(&Imported {
                complete: true,
                size: 300,
                passed: 5,
                time_ms: 7,
            }),
            "01080110ac0218052007",
        ),
    ];
    for (what, bytes, expected) in cases {
        assert_eq!(hex(&bytes), expected.replace(' ', ""), "{what}");
    }
    assert_eq!(from_membership_record(membership_record(&stored)), stored);
}

#[test]
fn other_versions_and_places_are_refused() {
    let mut bytes = encode_entry(&Entry {
        log_id: log_id(),
        payload: EntryPayload::Blank,
    });
    assert!(decode_entry(Some(300), &bytes).is_ok());
    assert!(matches!(
        decode_entry(Some(301), &bytes),
        Err(ReplicaError::Damaged(_))
    ));
    bytes[0] = 2;
    assert!(matches!(
        decode_entry(Some(300), &bytes),
        Err(ReplicaError::Format {
            got: 2,
            expected: 1,
            ..
        })
    ));
    assert!(matches!(
        decode_entry(Some(300), &[]),
        Err(ReplicaError::Damaged(_))
    ));
    assert!(matches!(
        decode_entry(Some(300), &[1, 0xff]),
        Err(ReplicaError::Damaged(_))
    ));
}
