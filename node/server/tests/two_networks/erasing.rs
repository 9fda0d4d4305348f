//! A patient leaves both networks (P11): a scan of every file of both nodes and both replicas finds what was the
//! person's in the nodes before, and nowhere after; and every proof made before still holds.

use crate::*;
use sekisho_ledger::bundle::{self, PRACTITIONER};
use sekisho_ledger::tlog::{Receipt, Witnesses};
use std::collections::BTreeMap;
use v1::record_request::Record;

const GUARDIAN: &str = "GUARDIAN-MARKER 後見人の登記事項証明書";

/// What is the person's, by a name for it.
type Marks = BTreeMap<String, Vec<u8>>;

/// The files below a folder that hold a mark, by mark; the hospital's own files are not the node's.
fn scan(dir: &Path, marks: &Marks) -> BTreeMap<String, Vec<String>> {
    let found = |mark: &Vec<u8>| files_with(dir, mark, "std01");
    let all = marks.iter().map(|(name, mark)| (name.clone(), found(mark)));
    all.filter(|(_, files)| !files.is_empty()).collect()
}

async fn bundle_of(site: &Site, access: u64) -> Vec<u8> {
    let export = v1::ExportBundleRequest { access };
    let reply = site
        .people()
        .export_bundle(outgoing(export, patience()))
        .await;
    reply.unwrap().into_inner().bundle
}

async fn open(site: &Site, seal: u64) -> Result<v1::OpenSealReply, tonic::Status> {
    let request = v1::OpenSealRequest { seal };
    let reply = site.people().open_seal(outgoing(request, patience())).await;
    reply.map(tonic::Response::into_inner)
}

async fn erase(site: &Site, patient: Option<v1::Patient>, withdraw: bool) -> v1::EraseSubjectReply {
    let request = v1::EraseSubjectRequest {
        patient,
        request_id: vec![0xe5; 16],
        withdraw_first: withdraw.then(|| v1::WithdrawAll {
            way: Withdrawal::Written.number().into(),
            recorded_by: KURUME_HOSPITAL.to_owned(),
        }),
    };
    let reply = site
        .people()
        .erase_subject(outgoing(request, patience()))
        .await;
    reply.unwrap().into_inner()
}

/// Fills the first entry bundle, so that the leaves about the patient stand in a file that never changes again.
async fn seal_a_bundle(genesis: &Genesis, site: &Site) {
    let notice = Notice {
        about: NoticeAbout::Purposes {
            facility: None,
            purposes: [Purpose::Treat].into(),
        },
        period: Period {
            from: genesis.created,
            until: None,
        },
        text_hash: Hash([3; 32]),
    };
    let key = governance(site.number);
    let posts = (0..256).map(|_| site.say(genesis, &key, Body::NoticePost(notice.clone())));
    futures::future::join_all(posts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_leaves_and_nothing_of_the_person_is_left() {
    let log = listen_to_logs();
    let Together {
        genesis,
        saga,
        kurume,
        ..
    } = Together::start().await;
    let (there, _) = linked(&saga, &kurume).await;
    consent(&kurume).await;

    // At Saga somebody speaks for the patient, and a reservation is sealed that is not against this visit.
    let guardian = Record::RegisterProxy(v1::RegisterProxy {
        patient: local(SAGA_HOSPITAL, PATIENT),
        kind: ProxyKind::Guardian.number().into(),
        period: None,
        recorded_by: SAGA_HOSPITAL.to_owned(),
        evidence_note: GUARDIAN.to_owned(),
    });
    let proxy = record(&saga, 5, guardian).await;
    assert!(was_accepted(&proxy));
    let sealed = Record::SetReservation(v1::SetReservation {
        patient: local(SAGA_HOSPITAL, PATIENT),
        viewer: Some(v1::set_reservation::Viewer::ViewerFacility(
            SAGA_HOSPITAL.to_owned(),
        )),
        recorded_by: SAGA_HOSPITAL.to_owned(),
        proxy: Some(proxy.index),
        sealed: true,
        ..Default::default()
    });
    let seal = record(&saga, 6, sealed).await;
    assert!(was_accepted(&seal));

    let events = find(&kurume).await;
    assert_eq!(
        outcome_of(&events, SAGA),
        NetworkOutcome::Answered { count: 3 }
    );
    let newest = events.iter().find_map(|event| match event {
        Found::Documents(page) => Some(page.documents[0].clone()),
        _ => None,
    });
    let unique_id = newest.unwrap().unique_id;
    let got = retrieve(&kurume, &unique_id).await;
    let Got::Decided(decided) = &got[0] else {
        panic!("no decision")
    };
    let access = decided.index;
    let waiting = || saga.node.outbox_total().unwrap() + kurume.node.outbox_total().unwrap();
    until("the outboxes are empty", async || waiting() == 0).await;

    seal_a_bundle(&genesis, &saga).await;

    // The proofs of before, and every salt the nodes keep: bundles show them, an officer opens the seal.
    let before = [
        bundle_of(&saga, access).await,
        bundle_of(&kurume, access).await,
    ];
    let opened = open(&saga, seal.index).await.unwrap();
    let mut at_saga = Marks::from([
        ("the local id at Saga".to_owned(), PATIENT.into()),
        ("the guardian".to_owned(), GUARDIAN.into()),
        (
            "the salt of the sealed reservation".to_owned(),
            opened.salt.clone(),
        ),
        ("the sealed reservation".to_owned(), opened.value.clone()),
    ]);
    let mut at_kurume = Marks::from([
        ("the local id at Kurume".to_owned(), KURUME_PATIENT.into()),
        ("the evidence".to_owned(), EVIDENCE.into()),
        ("the document".to_owned(), unique_id.clone().into_bytes()),
    ]);
    for (site, marks, bytes) in [
        (&saga, &mut at_saga, &before[0]),
        (&kurume, &mut at_kurume, &before[1]),
    ] {
        let openings = bundle::verify(bytes, &genesis).unwrap().openings;
        for (index, opening) in openings.iter().filter(|(_, o)| o.label() != PRACTITIONER) {
            let name = format!("{}: the salt of {} at {index}", site.name, opening.label());
            marks.insert(name, opening.salt().as_bytes().to_vec());
        }
    }
    let marks: Marks = at_saga
        .clone()
        .into_iter()
        .chain(at_kurume.clone())
        .collect();
    assert_eq!(marks.len(), at_saga.len() + at_kurume.len());
    assert!(marks.len() >= 10, "{:?}", marks.keys());

    // The hospital's own retention has ended; it removes its files, and the index follows.
    std::fs::remove_dir_all(saga.dir.path().join("std01/000")).unwrap();
    let ingest = v1::IngestRequest { rebuild: false };
    let ingest = saga.people().ingest(outgoing(ingest, patience())).await;
    drain(&mut ingest.unwrap().into_inner()).await;

    // The nodes hold the person, each its own part; sled keeps in its old pages even what it no longer indexes.
    let (node, index) = ("node.redb".to_owned(), "documents".to_owned());
    for (site, own) in [(&saga, &at_saga), (&kurume, &at_kurume)] {
        let found = scan(site.dir.path(), own);
        assert!(found.keys().eq(own.keys()), "{}: {found:?}", site.name);
        assert!(
            found
                .values()
                .all(|files| files.iter().any(|f| f.ends_with(&node))),
            "{found:?}"
        );
        assert!(
            scan(&site.dir.path().join("replica"), &marks).is_empty(),
            "{}",
            site.name
        );
    }
    let indexed = scan(&saga.dir.path().join(&index), &at_saga);
    assert!(indexed.contains_key("the local id at Saga"), "{indexed:?}");

    // Consents that stand are in the way, unless they are withdrawn with it.
    let patient = || local(KURUME_HOSPITAL, KURUME_PATIENT);
    let standing = v1::EraseSubjectRequest {
        patient: patient(),
        request_id: vec![0xe4; 16],
        withdraw_first: None,
    };
    let refused = kurume
        .people()
        .erase_subject(outgoing(standing, patience()))
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::AlreadyExists);
    let erased = erase(&kurume, patient(), true).await;
    assert_eq!((erased.withdrawn.len(), erased.charts), (1, 1));
    let erased = erase(&saga, local(SAGA_HOSPITAL, PATIENT), false).await;
    assert_eq!((erased.sealed_reservations, erased.charts), (1, 1));

    // While they run, and after they stopped.
    let none = BTreeMap::new();
    for site in [&saga, &kurume] {
        assert_eq!(scan(site.dir.path(), &marks), none, "{}", site.name);
    }
    // Every proof of before holds, and so do new ones, which open nothing of the person any more.
    let openings = |bytes: &[u8]| bundle::verify(bytes, &genesis).unwrap().openings;
    for bytes in &before {
        assert!(openings(bytes).len() >= 2);
    }
    let receipt = Receipt::parse(opened.receipt.as_bytes()).unwrap();
    receipt.verify(&genesis, &Witnesses::default()).unwrap();
    assert!(openings(&bundle_of(&saga, access).await).is_empty());
    let left = openings(&bundle_of(&kurume, access).await);
    let labels: Vec<_> = left.iter().map(|(_, opening)| opening.label()).collect();
    assert_eq!(labels, [PRACTITIONER], "who asked is not about the patient");
    let closed = open(&saga, seal.index).await;
    assert_eq!(closed.unwrap_err().code(), Code::NotFound);

    let dirs = [saga.stop().await, kurume.stop().await];
    for dir in &dirs {
        assert_eq!(scan(dir.path(), &marks), none);
        // What the scan went through: log, state and snapshots in the one, sealed leaves and tiles in the others. The
        // leaves about the patient are there, under a pseudonym whose person nobody can name any more.
        let pseudonym = Marks::from([("the pseudonym".to_owned(), there.clone())]);
        let found = scan(&dir.path().join("replica"), &pseudonym);
        for file in ["ledger.redb", "tiles/tile/entries/000"] {
            let holds = |files: &Vec<String>| files.iter().any(|f| f.ends_with(file));
            assert!(found.values().any(holds), "{file}: {found:?}");
        }
    }
    let text = log.text();
    for secret in [PATIENT, KURUME_PATIENT, EVIDENCE, GUARDIAN, &unique_id] {
        let line = text.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} is in the log");
    }
}
