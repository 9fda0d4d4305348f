//! The store's contract, reopened at every step.

use super::{FailingDisk, Kept, NodeStore, Settled, StoreError, StoredRequest, TransferKind};
use crate::testing::{PATIENT, SAGA_HOSPITAL, SAGA_OTHER, STRANGER, chart, network};
use redb::ReadableTable;
use sekisho_domain::{
    Commitment, EntryIndex, Hash, LedgerId, PractitionerId, RefusalReason, RequestId, SubjectId,
    TimeMs, Transfer,
};
use sekisho_ledger::commitment::{Opening, Salt};
use sekisho_proto::v1;
use std::path::Path;

const FIRST: SubjectId = SubjectId([1; 16]);
const SECOND: SubjectId = SubjectId([2; 16]);
const NOW: TimeMs = TimeMs(1_790_000_000_000);

fn open(dir: &tempfile::TempDir) -> NodeStore {
    NodeStore::open(&dir.path().join("node.redb")).unwrap()
}

fn opening(label: &str, byte: u8, value: &[u8]) -> Opening {
    Opening::new(label, Salt::from_bytes([byte; 32]), value.to_vec()).unwrap()
}

fn transfer(access: u64, content: u8) -> Transfer {
    Transfer {
        access: EntryIndex(access),
        disclosing: network("saga"),
        document: Commitment([1; 32]),
        content: Commitment([content; 32]),
    }
}

fn record(store: &NodeStore, access: u64, id: u8) -> RequestId {
    let id = RequestId([id; 16]);
    let release = TransferKind::Release;
    store
        .record_transfer(release, &transfer(access, 2), &FIRST, &[], id, NOW)
        .unwrap()
}

#[test]
fn a_chart_keeps_its_subject_and_a_subject_its_charts() {
    let dir = tempfile::tempdir().unwrap();
    let (at_hospital, at_other) = (chart(SAGA_HOSPITAL, PATIENT), chart(SAGA_OTHER, PATIENT));
    let store = open(&dir);
    assert_eq!(store.subject_of(&at_hospital).unwrap(), None);
    assert!(store.charts_of(&FIRST).unwrap().is_empty());
    assert!(matches!(
        store.add_chart(FIRST, &at_other),
        Err(StoreError::NoSuchSubject)
    ));
    assert_eq!(
        store.subject_or(&at_hospital, FIRST).unwrap(),
        (FIRST, true)
    );
    assert_eq!(
        store.subject_or(&at_hospital, SECOND).unwrap(),
        (FIRST, false)
    );
    drop(store);

    let store = open(&dir);
    store.add_chart(FIRST, &at_other).unwrap();
    store.add_chart(FIRST, &at_other).unwrap();
    let stranger = chart(SAGA_HOSPITAL, STRANGER);
    assert_eq!(store.subject_or(&stranger, SECOND).unwrap(), (SECOND, true));
    assert!(matches!(
        store.add_chart(SECOND, &at_other),
        Err(StoreError::ChartTaken)
    ));
    drop(store);

    let store = open(&dir);
    assert_eq!(
        store.charts_of(&FIRST).unwrap(),
        [at_hospital.clone(), at_other.clone()]
    );
    assert_eq!(store.charts_of(&SECOND).unwrap(), [stranger]);
    assert_eq!(store.subject_of(&at_other).unwrap(), Some(FIRST));
    for n in 0..crate::bounds::CHARTS_MAX - 2 {
        store
            .add_chart(FIRST, &chart(SAGA_HOSPITAL, &format!("N{n}")))
            .unwrap();
    }
    let beyond = store.add_chart(FIRST, &chart(SAGA_HOSPITAL, "one-more"));
    assert!(matches!(beyond, Err(StoreError::Full { .. })));
}

#[test]
fn openings_and_requests_are_read_back_as_they_were() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let (id, practitioner) = (RequestId([7; 16]), opening("practitioner", 3, b"dr-1"));
    let request = StoredRequest {
        asked: Hash([9; 32]),
        envelope: v1::Envelope {
            payload_type: "t".to_owned(),
            payload: vec![1, 2, 3],
            signatures: Vec::new(),
        },
    };
    assert_eq!(store.request(&id).unwrap(), None);
    let kept = Kept {
        about: &FIRST,
        openings: std::slice::from_ref(&practitioner),
        sealed: None,
    };
    store.put_request(&id, &request, &kept).unwrap();
    drop(store);
    let store = open(&dir);
    assert_eq!(store.request(&id).unwrap(), Some(request));
    assert_eq!(
        store.opening(&practitioner.commitment()).unwrap(),
        Some(practitioner)
    );
    assert_eq!(store.opening(&Commitment([0; 32])).unwrap(), None);
}

#[test]
fn a_transfer_waits_in_the_outbox_until_it_is_settled() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    let first = record(&store, 10, 1);
    assert_eq!(
        record(&store, 10, 2),
        first,
        "the same release is recorded once"
    );
    let other = store.record_transfer(
        TransferKind::Release,
        &transfer(10, 3),
        &FIRST,
        &[],
        RequestId([3; 16]),
        NOW,
    );
    assert!(matches!(
        other,
        Err(StoreError::OtherTransfer(EntryIndex(10)))
    ));
    let receipt = RequestId([4; 16]);
    let content = opening("content", 5, b"hash");
    store
        .record_transfer(
            TransferKind::Receipt,
            &transfer(10, 2),
            &FIRST,
            std::slice::from_ref(&content),
            receipt,
            NOW,
        )
        .unwrap();
    drop(store);

    let store = open(&dir);
    let waiting = store.pending(0, 10).unwrap();
    let ids: Vec<_> = waiting.iter().map(|p| p.request_id).collect();
    assert_eq!(
        (ids, store.pending_total().unwrap()),
        (vec![first, receipt], 2)
    );
    assert_eq!(store.pending(0, 1).unwrap(), waiting[..1]);
    assert_eq!(
        store.pending(waiting[0].sequence, 10).unwrap(),
        waiting[1..]
    );
    assert!(store.opening(&content.commitment()).unwrap().is_some());
    let settled = Settled {
        index: EntryIndex(11),
        refused: Some(RefusalReason::NotPermitted),
    };
    store.settle(&[(waiting[0].clone(), settled)]).unwrap();
    drop(store);

    let store = open(&dir);
    assert_eq!(store.pending(0, 10).unwrap(), waiting[1..]);
    let stored = store
        .transfer(TransferKind::Release, EntryIndex(10))
        .unwrap()
        .unwrap();
    assert_eq!((stored.settled, stored.recorded), (Some(settled), NOW));
    assert_eq!(
        record(&store, 10, 9),
        first,
        "settled, it is still recorded once"
    );
    assert_eq!(store.pending_total().unwrap(), 1);
    assert_eq!(
        store
            .transfer(TransferKind::Release, EntryIndex(9))
            .unwrap(),
        None
    );
}

#[test]
fn what_was_ingested_is_remembered_until_taken_back() {
    let dir = tempfile::tempdir().unwrap();
    let digest = Some(Hash([4; 32]));
    assert_eq!(open(&dir).ingested().unwrap(), None);
    open(&dir).set_ingested(digest).unwrap();
    assert_eq!(open(&dir).ingested().unwrap(), digest);
    open(&dir).set_ingested(None).unwrap();
    assert_eq!(open(&dir).ingested().unwrap(), None);
}

#[test]
fn a_store_in_use_and_one_of_another_version_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.redb");
    let store = NodeStore::open(&path).unwrap();
    assert!(matches!(NodeStore::open(&path), Err(StoreError::InUse(_))));
    store
        .write(|txn| {
            let mut meta = txn.open_table(super::META).unwrap();
            meta.insert(super::FORMAT_KEY, [9].as_slice()).unwrap();
            Ok(())
        })
        .unwrap();
    drop(store);
    let refused = NodeStore::open(&path).unwrap_err();
    assert!(
        matches!(
            refused,
            StoreError::Format {
                found: 9,
                supported: 2,
                ..
            }
        ),
        "{refused}"
    );
    assert!(NodeStore::open(Path::new("/nowhere/at/all")).is_err());
}

#[test]
fn nothing_is_recorded_on_a_disk_that_fails() {
    let disk = FailingDisk::default();
    let store = disk.store().unwrap();
    record(&store, 1, 1);
    disk.fail();
    let release = TransferKind::Release;
    let failed = store.record_transfer(
        release,
        &transfer(2, 2),
        &FIRST,
        &[],
        RequestId([2; 16]),
        NOW,
    );
    assert!(matches!(failed, Err(StoreError::Database(_))), "{failed:?}");
    let again = store.subject_or(&chart(SAGA_HOSPITAL, PATIENT), FIRST);
    assert!(again.is_err(), "no write is taken after one that failed");
}

/// The bytes on disk, worked out from the module's picture: facility and id, then version and length before the id.
#[test]
fn the_layout_never_changes_unnoticed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir);
    store
        .subject_or(&chart(SAGA_HOSPITAL, PATIENT), FIRST)
        .unwrap();
    let txn = store.read().unwrap();
    let table = txn.open_table(super::PATIENTS).unwrap();
    let value = table.get(b"41112345670009013".as_slice()).unwrap().unwrap();
    let mut expected = vec![1, 16];
    expected.extend([1; 16]);
    assert_eq!(value.value(), expected);

    // Of each later table the one row there is: key and value.
    let pseudonym = PractitionerId([4; 16]);
    store.practitioner_or("dr-1", pseudonym).unwrap();
    let sealed = opening("sealed", 3, b"reservation");
    let request = StoredRequest {
        asked: Hash([9; 32]),
        envelope: v1::Envelope::default(),
    };
    let kept = Kept {
        about: &FIRST,
        openings: std::slice::from_ref(&sealed),
        sealed: Some(&sealed.commitment()),
    };
    store
        .put_request(&RequestId([7; 16]), &request, &kept)
        .unwrap();
    let commitment = sealed.commitment().0;
    let version = [1u8].as_slice();
    type Row<'a> = (super::Table, [&'a [u8]; 3], [&'a [u8]; 3]);
    let cases: [Row<'_>; 4] = [
        (
            super::PRACTITIONERS,
            [b"dr-1", b"", b""],
            [version, &[16], &[4; 16]],
        ),
        (
            super::PSEUDONYMS,
            [&[4; 16], b"", b""],
            [version, &[4], b"dr-1"],
        ),
        (
            super::SEALED,
            [&[1; 16], &[7; 16], b""],
            [version, &[32], &commitment],
        ),
        (
            super::OF_SUBJECT,
            [&[1; 16], &[0], &[7; 16]],
            [version, b"", b""],
        ),
    ];
    let row = |store: &NodeStore, table: super::Table| {
        let txn = store.read().unwrap();
        let open = txn.open_table(table).unwrap();
        let (key, value) = open.iter().unwrap().next().unwrap().unwrap();
        (key.value().to_vec(), value.value().to_vec())
    };
    for (table, key, value) in cases {
        assert_eq!(row(&store, table), (key.concat(), value.concat()));
    }
    store.erase(&FIRST, NOW).unwrap();
    let (key, value) = row(&store, super::ERASED);
    let mut expected = vec![1];
    expected.extend(postcard::to_stdvec(&NOW.0).unwrap());
    assert_eq!((key, value), (vec![1; 16], expected));
}

#[test]
fn another_nodes_memory_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, other) = (LedgerId([1; 32]), LedgerId([2; 32]));
    open(&dir).belong_to(&network("saga"), &ledger).unwrap();
    open(&dir).belong_to(&network("saga"), &ledger).unwrap();
    for (id, ledger) in [("yame", ledger), ("saga", other)] {
        let refused = open(&dir).belong_to(&network(id), &ledger);
        assert!(
            matches!(refused, Err(StoreError::OtherNode { .. })),
            "{id} on {ledger}"
        );
    }
}
