//! Enforcement as plain functions, over real decisions of the core, real files and a real ingest.

use super::*;
use crate::testing::{
    KURUME, KURUME_HOSPITAL, PATIENT, SAGA, SAGA_HOSPITAL, SAGA_OTHER, STRANGER, Setting, Storage,
    TOTTORI, chart, network, prescription,
};
use sekisho_documents::{Change, FileOutcome, FileRecord, Fingerprint, MemoryIndex};
use sekisho_domain::{Body, Period, Reservation, ViewerSelector};
use sekisho_ingest::ingest;
use sekisho_ledger::testing::facility;
use std::fs;

/// Kurume asks for Saga's documents; the record of it.
fn asked(
    setting: &Setting,
    change: impl FnOnce(&mut sekisho_domain::AccessRequest),
) -> AccessRecord {
    let index = setting.ledger.with(|world| {
        let mut request = world.request(KURUME, KURUME_HOSPITAL, setting.kurume_subject, &[SAGA]);
        change(&mut request);
        world.ask(&request).0
    });
    setting.ledger.access(index)
}

fn claim(record: &AccessRecord) -> (NetworkId, RequestId) {
    (network(KURUME), record.request_id)
}

fn allowed(record: &AccessRecord) -> Permit {
    let (caller, request_id) = claim(record);
    let claim = Claim {
        caller: &caller,
        request_id,
        action: record.request.action,
    };
    permit(Some(record), &network(SAGA), claim, record.time).unwrap()
}

fn index(storages: &[&Storage]) -> MemoryIndex {
    let index = MemoryIndex::default();
    for storage in storages {
        ingest(&storage.source, &index, &mut |_| {}).unwrap();
    }
    index
}

/// The scope of a permit over both hospitals, registered where the ledger has them.
fn scope(setting: &Setting, permit: Permit) -> Scope {
    let facilities = setting.ledger.with(|world| {
        let view = sekisho_ledger::View(&world.state);
        [SAGA_HOSPITAL, SAGA_OTHER]
            .map(|code| {
                let code = facility(code);
                let registered = view.facility(&code).unwrap().unwrap().value.registered;
                (code, registered)
            })
            .into()
    });
    let charts = [chart(SAGA_HOSPITAL, PATIENT), chart(SAGA_OTHER, PATIENT)];
    Scope::new(permit, charts, facilities)
}

fn documents(scope: &Scope, index: &MemoryIndex) -> Vec<DocumentEntry> {
    let (page, next) = scope
        .page(index, &Filter::default(), None, usize::MAX)
        .unwrap();
    assert_eq!(next, None);
    page
}

#[test]
fn only_the_very_request_by_the_very_network_in_time_is_a_claim() {
    let setting = Setting::new();
    let record = asked(&setting, |_| {});
    let denied = asked(&setting, |r| r.subject = sekisho_domain::SubjectId([9; 16]));
    let (caller, request_id) = claim(&record);
    let stranger = network(TOTTORI);
    let expires = match &record.decisions[0].1 {
        sekisho_domain::Decision::Permit(terms) => terms.expires,
        other => panic!("{other:?}"),
    };
    let good = Claim {
        caller: &caller,
        request_id,
        action: Action::FindDocuments,
    };
    let of_denied = Claim {
        request_id: denied.request_id,
        ..good
    };
    let saga = network(SAGA);
    type Case<'a> = (
        &'a str,
        Option<&'a AccessRecord>,
        &'a NetworkId,
        Claim<'a>,
        TimeMs,
    );
    let cases: [Case<'_>; 8] = [
        ("no record", None, &saga, good, record.time),
        (
            "another network's caller",
            Some(&record),
            &saga,
            Claim {
                caller: &stranger,
                ..good
            },
            record.time,
        ),
        (
            "a forged request id",
            Some(&record),
            &saga,
            Claim {
                request_id: RequestId([0; 16]),
                ..good
            },
            record.time,
        ),
        (
            "another request's id",
            Some(&record),
            &saga,
            of_denied,
            record.time,
        ),
        (
            "another action",
            Some(&record),
            &saga,
            Claim {
                action: Action::RetrieveDocument,
                ..good
            },
            record.time,
        ),
        (
            "a network not asked",
            Some(&record),
            &stranger,
            good,
            record.time,
        ),
        (
            "denied by the ledger",
            Some(&denied),
            &saga,
            of_denied,
            denied.time,
        ),
        ("expired", Some(&record), &saga, good, expires),
    ];
    for (case, record, own, claim, now) in cases {
        let refused = permit(record, own, claim, now).unwrap_err();
        assert!(matches!(refused, NodeError::Forbidden), "{case}: {refused}");
    }
    assert!(permit(Some(&record), &saga, good, TimeMs(expires.0 - 1)).is_ok());
}

#[test]
fn only_covered_documents_of_the_subject_are_seen() {
    let setting = Setting::new();
    for order in 1..=3 {
        setting.hospital.put(PATIENT, order);
        setting.other.put(PATIENT, order);
        setting.hospital.put(STRANGER, order);
    }
    let index = index(&[&setting.hospital, &setting.other]);
    let all = scope(&setting, allowed(&asked(&setting, |_| {})));
    let found = documents(&all, &index);
    assert_eq!(found.len(), 6);
    assert!(found.iter().all(|e| e.local_patient_id.as_str() == PATIENT));
    assert!(found.is_sorted_by_key(|e| std::cmp::Reverse(e.service_start)));

    // Another category.
    let labs = asked(&setting, |r| {
        r.categories = Some([Category::LabResult].into())
    });
    let labs = scope(&setting, allowed(&labs));
    assert!(documents(&labs, &index).is_empty());

    // A stranger's document, named by its id.
    let stranger = index
        .find(&Query::of(chart(SAGA_HOSPITAL, STRANGER)))
        .unwrap();
    let (theirs, own) = (&stranger.entries[0], &found[0]);
    let by_id = |scope: &Scope, id: String| scope.document(&index, &id).unwrap();
    assert!(by_id(&all, own.unique_id.to_string()).is_some());
    for (case, scope, id) in [
        ("a stranger's", &all, theirs.unique_id.to_string()),
        ("another category's", &labs, own.unique_id.to_string()),
        (
            "none",
            &all,
            "urn:uuid:00000000-0000-8000-8000-000000000000".to_owned(),
        ),
        ("no id at all", &all, "0009013".to_owned()),
    ] {
        assert_eq!(by_id(scope, id), None, "{case}");
    }

    // Another facility: the patient reserves it.
    setting.ledger.with(|world| {
        world.accept(
            SAGA,
            Body::ReservationSet(Reservation {
                network: network(SAGA),
                subject: setting.saga_subject,
                viewer: ViewerSelector::Anyone,
                disclosing_facilities: Some([facility(SAGA_OTHER)].into()),
                categories: None,
                period: Period {
                    from: world.time,
                    until: None,
                },
                recorded_by: facility(SAGA_HOSPITAL),
                purposes: None,
                proxy: None,
            }),
        );
    });
    let reserved = scope(&setting, allowed(&asked(&setting, |_| {})));
    let found = documents(&reserved, &index);
    assert_eq!(found.len(), 3);
    assert!(found.iter().all(|e| e.facility == facility(SAGA_HOSPITAL)));
}

#[test]
fn a_facility_the_network_does_not_have_is_left_out() {
    let setting = Setting::new();
    setting.hospital.put(PATIENT, 1);
    setting.other.put(PATIENT, 2);
    let index = index(&[&setting.hospital, &setting.other]);
    let permit = allowed(&asked(&setting, |_| {}));
    let charts = [chart(SAGA_HOSPITAL, PATIENT), chart(SAGA_OTHER, PATIENT)];
    let only = [(facility(SAGA_HOSPITAL), EntryIndex(1))].into();
    let found = documents(&Scope::new(permit, charts, only), &index);
    assert_eq!(
        found
            .iter()
            .map(|e| e.facility.as_str())
            .collect::<Vec<_>>(),
        [SAGA_HOSPITAL]
    );
}

#[test]
fn pages_follow_each_other_without_gap_or_repetition() {
    let setting = Setting::new();
    for order in 1..=10 {
        setting.hospital.put(PATIENT, order);
    }
    let index = index(&[&setting.hospital]);
    let scope = scope(&setting, allowed(&asked(&setting, |_| {})));
    let whole = documents(&scope, &index);
    assert_eq!(whole.len(), 10);
    for size in [1, 3, 5, 10] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let (page, next) = scope.page(&index, &Filter::default(), after, size).unwrap();
            assert!(page.len() <= size);
            found.extend(page);
            after = next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, whole, "pages of {size}");
    }
    let middle = whole[4].service_start;
    let late = Filter {
        service_from: Some(middle),
        ..Filter::default()
    };
    let early = Filter {
        service_until: Some(middle),
        ..Filter::default()
    };
    for (filter, expected) in [(late, &whole[..5]), (early, &whole[5..])] {
        let (page, _) = scope.page(&index, &filter, None, usize::MAX).unwrap();
        assert_eq!(page, expected);
    }
}

/// What would leave.
fn whole(
    storage: &Storage,
    contents: &Contents,
    entry: &DocumentEntry,
) -> Result<Option<Vec<u8>>, NodeError> {
    let Some(checked) = content(&[storage.of_node()], contents, entry, 0)? else {
        return Ok(None);
    };
    let mut bytes = Vec::new();
    assert!(checked.pieces()?.next(&mut bytes)?);
    Ok(Some(bytes))
}

#[test]
fn content_is_given_only_while_it_is_what_was_indexed_and_names_the_patient() {
    let setting = Setting::new();
    let storage = &setting.hospital;
    let bytes = storage.put(PATIENT, 1);
    let quarantined = prescription(STRANGER, "DRUG 2");
    storage.write(PATIENT, 2, &quarantined);
    let index = index(&[storage]);
    let scope = scope(&setting, allowed(&asked(&setting, |_| {})));
    let contents = Contents::new([(
        storage.source.source_id.clone(),
        storage.source.root.clone(),
    )]);
    let found = documents(&scope, &index);
    assert_eq!(found.len(), 1, "the misfiled message is quarantined");
    let entry = &found[0];
    assert_eq!(whole(storage, &contents, entry).unwrap().unwrap(), bytes);

    // The index says another patient than path and message: nothing leaves, though the bytes are as indexed.
    let wrong = |change: fn(&mut DocumentEntry)| {
        let mut entry = entry.clone();
        change(&mut entry);
        whole(storage, &contents, &entry).unwrap()
    };
    assert_eq!(
        wrong(|e| e.local_patient_id = STRANGER.parse().unwrap()),
        None
    );
    assert_eq!(wrong(|e| e.size_bytes += 1), None);

    // The message names another patient than index and path, and was indexed so.
    let misfiled = DocumentEntry {
        hash: sekisho_domain::Hash(<sha2::Sha256 as sha2::Digest>::digest(&quarantined).into()),
        size_bytes: quarantined.len() as u64,
        location: sekisho_documents::SourceLocation::new(
            storage.source.source_id.clone(),
            storage
                .path(PATIENT, 2)
                .strip_prefix(&storage.source.root)
                .unwrap()
                .to_str()
                .unwrap(),
        )
        .unwrap(),
        ..entry.clone()
    };
    let fingerprint = Fingerprint {
        size_bytes: misfiled.size_bytes,
        modified_ns: 0,
        reader: 1,
    };
    index
        .apply(&[Change::Put(FileRecord {
            location: misfiled.location.clone(),
            fingerprint,
            outcome: FileOutcome::Document(Box::new(misfiled.clone())),
        })])
        .unwrap();
    assert_eq!(whole(storage, &contents, &misfiled).unwrap(), None);

    // The message is the patient's, but lies in a stranger's folder, and was indexed so.
    let bytes = storage.put(PATIENT, 1);
    storage.write(STRANGER, 3, &bytes);
    let astray = DocumentEntry {
        location: sekisho_documents::SourceLocation::new(
            storage.source.source_id.clone(),
            storage
                .path(STRANGER, 3)
                .strip_prefix(&storage.source.root)
                .unwrap()
                .to_str()
                .unwrap(),
        )
        .unwrap(),
        ..entry.clone()
    };
    assert_eq!(whole(storage, &contents, &astray).unwrap(), None);

    let path = storage.path(PATIENT, 1);
    fs::write(&path, prescription(PATIENT, "DRUG X")).unwrap();
    assert_eq!(
        whole(storage, &contents, entry).unwrap(),
        None,
        "changed after indexing"
    );
    fs::remove_file(&path).unwrap();
    assert_eq!(
        whole(storage, &contents, entry).unwrap(),
        None,
        "gone after indexing"
    );
    let unknown = Contents::new([]);
    assert!(
        whole(storage, &unknown, entry).is_err(),
        "a root that is not there is a fault, not an absence"
    );
    assert!(
        content(&[setting.other.of_node()], &contents, entry, 0).is_err(),
        "and so is a source"
    );
}

#[test]
fn only_what_is_no_message_is_believed_by_its_path_alone() {
    let setting = Setting::new();
    let storage = &setting.hospital;
    storage.put(PATIENT, 1);
    let index = index(&[storage]);
    let found = index.find(&Query::of(chart(SAGA_HOSPITAL, PATIENT)));
    let of_path = found.unwrap().entries[0].clone();
    // A message of somebody else's, filed here, as the index might wrongly describe it.
    let bytes = prescription(STRANGER, "DRUG 1");
    storage.write(PATIENT, 1, &bytes);
    let contents = Contents::new([(
        storage.source.source_id.clone(),
        storage.source.root.clone(),
    )]);
    let standardised = of_path.kind.format_code.code.clone();
    let cases = [
        (
            of_path.kind.mime_type.as_str(),
            standardised.as_str(),
            false,
        ),
        ("application/pdf", standardised.as_str(), false),
        ("APPLICATION/HL7-V2", "urn:other", false),
        ("x-application/hl7-v2+er7 ; a=b", "urn:other", false),
        ("application/pdf", "urn:other", true),
    ];
    for (mime_type, format, leaves) in cases {
        let mut entry = of_path.clone();
        entry.hash = sekisho_domain::Hash(<sha2::Sha256 as sha2::Digest>::digest(&bytes).into());
        entry.size_bytes = bytes.len() as u64;
        Arc::make_mut(&mut entry.kind).mime_type = mime_type.to_owned();
        Arc::make_mut(&mut entry.kind).format_code.code = format.to_owned();
        let left = whole(storage, &contents, &entry).unwrap();
        assert_eq!(left.is_some(), leaves, "{mime_type} {format}");
        entry.local_patient_id = STRANGER.parse().unwrap();
        assert_eq!(
            whole(storage, &contents, &entry).unwrap(),
            None,
            "{mime_type}"
        );
    }
}
