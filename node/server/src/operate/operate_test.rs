//! The network's people, their node, a broker that may lie, and Saga's node: over the real core.

use crate::bounds::{PRACTITIONER_BYTES_MAX, WINDOW_AFTER_MS};
use crate::store::{FailingDisk, TransferKind};
use crate::testing::{
    KURUME, KURUME_HOSPITAL, PATIENT, SAGA, SAGA_HOSPITAL, Setting, TOTTORI, TamperingBroker, all,
    network, patience, until,
};
use crate::{Node, NodeError};
use sekisho_domain::{Body, EntryIndex, NetworkOutcome, SubjectId};
use sekisho_ledger::bundle;
use sekisho_proto::{ErrorCode, v1};
use std::sync::Arc;
use v1::find_documents_event::Event as Found;
use v1::retrieve_document_event::Event as Got;

struct Case {
    setting: Setting,
    saga: Node,
    kurume: Node,
    broker: Arc<TamperingBroker>,
}

impl Case {
    async fn new() -> Self {
        let setting = Setting::new();
        (1..=3).for_each(|order| drop(setting.hospital.put(PATIENT, order)));
        let saga = setting.saga().await;
        let broker = TamperingBroker::new(&setting.ledger, saga.disclosing());
        let kurume = setting.kurume(broker.channel().await).await;
        Self {
            setting,
            saga,
            kurume,
            broker,
        }
    }

    async fn find(&self, request: v1::FindRequest) -> Result<Vec<Found>, NodeError> {
        let stream = self
            .kurume
            .operating()
            .find_documents(request, patience())
            .await?;
        Ok(all(stream)
            .await
            .into_iter()
            .map(|e| e.event.unwrap())
            .collect())
    }

    async fn retrieve(&self, request: v1::RetrieveRequest) -> Result<Vec<Got>, NodeError> {
        let stream = self
            .kurume
            .operating()
            .retrieve_document(request, patience())
            .await?;
        Ok(all(stream)
            .await
            .into_iter()
            .map(|e| e.event.unwrap())
            .collect())
    }

    async fn record(&self, request: v1::RecordRequest) -> Result<v1::RecordReply, NodeError> {
        self.kurume
            .operating()
            .record_entry(request, patience())
            .await
    }

    async fn documents(&self) -> Vec<v1::DocumentEntry> {
        documents(&self.find(find()).await.unwrap())
    }
}

fn patient() -> Option<v1::Patient> {
    let local = v1::patient::Local {
        facility: KURUME_HOSPITAL.to_owned(),
        local_id: "K-1".to_owned(),
    };
    Some(v1::Patient {
        patient: Some(v1::patient::Patient::Local(local)),
    })
}

fn find() -> v1::FindRequest {
    v1::FindRequest {
        patient: patient(),
        practitioner: "dr-7".to_owned(),
        role: 1,
        facility: KURUME_HOSPITAL.to_owned(),
        purpose: 1,
        ..Default::default()
    }
}

fn retrieve(unique_id: &str) -> v1::RetrieveRequest {
    v1::RetrieveRequest {
        patient: patient(),
        practitioner: "dr-7".to_owned(),
        role: 1,
        facility: KURUME_HOSPITAL.to_owned(),
        purpose: 1,
        network: SAGA.to_owned(),
        unique_id: unique_id.to_owned(),
        request_id: Vec::new(),
    }
}

fn documents(events: &[Found]) -> Vec<v1::DocumentEntry> {
    let pages = events.iter().filter_map(|event| match event {
        Found::Documents(page) => Some(page.documents.clone()),
        _ => None,
    });
    pages.flatten().collect()
}

/// Each network's outcome, in the order they came.
fn outcomes(events: &[Found]) -> Vec<(String, NetworkOutcome)> {
    let ends = events.iter().filter_map(|event| match event {
        Found::End(end) => Some((end.network.clone(), end.outcome?.try_into().unwrap())),
        _ => None,
    });
    ends.collect()
}

#[tokio::test]
async fn every_member_is_asked_and_each_outcome_is_the_true_one() {
    let case = Case::new().await;
    let events = case.find(find()).await.unwrap();
    let Found::Decided(decided) = &events[0] else {
        panic!("{:?}", events[0])
    };
    assert_eq!(decided.decisions.len(), 3, "all members");
    let mut outcomes = outcomes(&events);
    outcomes.sort_by(|a, b| a.0.cmp(&b.0));
    let codes: Vec<_> = outcomes
        .iter()
        .map(|(n, o)| (n.as_str(), o.code()))
        .collect();
    // Kurume asks itself too; this broker knows no node of it and leaves it open.
    assert_eq!(
        codes,
        [
            (KURUME, "malformed"),
            (SAGA, "answered"),
            (TOTTORI, "denied")
        ]
    );
    assert_eq!(documents(&events).len(), 3);
    let Some(Found::Summary(summary)) = events.last() else {
        panic!("the summary comes last")
    };
    assert_eq!(
        summary.asked,
        summary.outcomes.iter().map(|o| o.networks).sum::<u32>()
    );
    let access = case.setting.ledger.access(EntryIndex(decided.index));
    let opened = case
        .kurume
        .0
        .store
        .opening(&access.request.practitioner)
        .unwrap()
        .unwrap();
    assert_eq!(
        (opened.label(), opened.value()),
        ("practitioner", b"dr-7".as_slice())
    );
}

#[tokio::test]
async fn a_broker_that_alters_drops_or_adds_is_noticed() {
    let case = Case::new().await;
    type Page = fn(&mut Vec<v1::DocumentEntry>);
    let cases: [(&str, Page); 3] = [
        ("alters", |page| page[0].title_en.push('!')),
        ("drops", |page| drop(page.pop())),
        ("adds", |page| page.push(page[0].clone())),
    ];
    let only_saga = || v1::FindRequest {
        targets: vec![SAGA.to_owned()],
        ..find()
    };
    for (name, change) in cases {
        case.broker.tamper_finds(move |mut events| {
            for event in &mut events {
                if let Some(Found::Documents(page)) = &mut event.event {
                    change(&mut page.documents);
                }
            }
            events
        });
        let events = case.find(only_saga()).await.unwrap();
        assert_eq!(
            outcomes(&events),
            [(SAGA.to_owned(), NetworkOutcome::Malformed)],
            "{name}"
        );
        assert!(documents(&events).is_empty(), "{name}");
    }
    case.broker
        .tamper_finds(|events| events.into_iter().take(1).collect());
    let events = case.find(only_saga()).await.unwrap();
    assert_eq!(
        outcomes(&events),
        [(SAGA.to_owned(), NetworkOutcome::Malformed)],
        "says nothing more"
    );
    case.broker.tamper_finds(|mut events| {
        if let Some(Found::Decided(decided)) = &mut events[0].event {
            decided.index -= 1;
        }
        events
    });
    let refused = case.find(only_saga()).await.unwrap_err();
    assert!(
        matches!(refused, NodeError::BrokerInvalid(_)),
        "another request's decision: {refused}"
    );
}

#[tokio::test]
async fn a_document_is_handed_over_with_release_and_receipt_that_agree() {
    let case = Case::new().await;
    let header = case.documents().await.remove(0);
    let events = case.retrieve(retrieve(&header.unique_id)).await.unwrap();
    let [
        Got::Decided(decided),
        Got::Header(got),
        Got::Chunk(chunk),
        Got::End(end),
    ] = &events[..]
    else {
        panic!("{events:?}")
    };
    assert_eq!((got, end.network.as_str()), (&header, SAGA));
    assert_eq!(
        chunk,
        &std::fs::read(case.setting.hospital.path(PATIENT, 3)).unwrap()
    );
    until(async || case.kurume.outbox_total().unwrap() + case.saga.outbox_total().unwrap() == 0)
        .await;
    let (mut releases, mut receipts) = (Vec::new(), Vec::new());
    for body in case.setting.ledger.bodies() {
        match body {
            Body::Release(transfer) => releases.push(transfer),
            Body::Receipt(transfer) => receipts.push(transfer),
            _ => {}
        }
    }
    assert_eq!((releases.len(), &releases), (1, &receipts));

    let reply = case
        .kurume
        .operating()
        .bundle_of(EntryIndex(decided.index), patience())
        .await
        .unwrap();
    let genesis = case.setting.ledger.with(|world| world.genesis.clone());
    let verified = bundle::verify(&reply.bundle, &genesis).unwrap();
    assert_eq!(verified.access.index, EntryIndex(decided.index));
    let bundle: v1::ProofBundle = prost::Message::decode(reply.bundle.as_slice()).unwrap();
    let mut labels: Vec<_> = bundle.openings.iter().map(|o| o.label.as_str()).collect();
    labels.sort_unstable();
    assert_eq!(
        labels,
        [
            "content",
            "content",
            "document",
            "document",
            "document",
            "practitioner"
        ]
    );
    let none = case
        .kurume
        .operating()
        .bundle_of(EntryIndex(0), patience())
        .await
        .unwrap_err();
    assert_eq!(none.code(), ErrorCode::NotFound);
}

#[tokio::test]
async fn nothing_of_a_document_that_was_touched_is_handed_over() {
    let case = Case::new().await;
    let header = case.documents().await.remove(0);
    case.broker.tamper_retrieves(|mut events| {
        for event in &mut events {
            if let Some(Got::Chunk(chunk)) = &mut event.event {
                *chunk.last_mut().unwrap() ^= 1;
            }
        }
        events
    });
    let events = case.retrieve(retrieve(&header.unique_id)).await.unwrap();
    let [Got::Decided(decided), Got::End(end)] = &events[..] else {
        panic!("{events:?}")
    };
    let outcome: NetworkOutcome = end.outcome.unwrap().try_into().unwrap();
    assert_eq!(outcome, NetworkOutcome::Malformed);
    let access = EntryIndex(decided.index);
    assert_eq!(
        case.kurume
            .0
            .store
            .transfer(TransferKind::Receipt, access)
            .unwrap(),
        None
    );
    assert!(
        case.saga
            .0
            .store
            .transfer(TransferKind::Release, access)
            .unwrap()
            .is_some()
    );
}

#[tokio::test]
async fn without_a_durable_receipt_nothing_is_handed_over() {
    let case = Case::new().await;
    let header = case.documents().await.remove(0);
    let disk = FailingDisk::default();
    let store = disk.store().unwrap();
    let chart = crate::testing::chart(KURUME_HOSPITAL, "K-1");
    store
        .subject_or(&chart, case.setting.kurume_subject)
        .unwrap();
    let kurume = crate::testing::node(
        KURUME,
        &case.setting.ledger,
        &crate::testing::Fixed::new("failing", case.setting.ledger.now()),
        store,
        &[],
        case.broker.channel().await,
    )
    .await;
    case.broker.tamper_retrieves(move |events| {
        disk.fail();
        events
    });
    let stream = kurume
        .operating()
        .retrieve_document(retrieve(&header.unique_id), patience())
        .await
        .unwrap();
    let events: Vec<_> = tokio_stream::StreamExt::collect(stream).await;
    assert_eq!(events.len(), 2, "the decision and the failure: {events:?}");
    assert_eq!(
        events[1].as_ref().unwrap_err().code(),
        tonic::Code::Internal
    );
}

#[tokio::test]
async fn a_request_id_has_one_entry_however_often_it_is_sent() {
    let case = Case::new().await;
    let request = v1::FindRequest {
        request_id: vec![7; 16],
        ..find()
    };
    let index = |events: &[Found]| match &events[0] {
        Found::Decided(decided) => decided.index,
        other => panic!("{other:?}"),
    };
    let first = index(&case.find(request.clone()).await.unwrap());
    let filtered = v1::FindRequest {
        filter: Some(v1::Filter {
            max: 1,
            ..Default::default()
        }),
        ..request.clone()
    };
    let again = case.find(filtered).await.unwrap();
    assert_eq!((index(&again), documents(&again).len()), (first, 1));
    let other = v1::FindRequest {
        practitioner: "dr-8".to_owned(),
        ..request
    };
    let refused = case.find(other).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Conflict);

    let header = &documents(&again)[0];
    let retrieve = v1::RetrieveRequest {
        request_id: vec![8; 16],
        ..retrieve(&header.unique_id)
    };
    for _ in 0..2 {
        assert_eq!(case.retrieve(retrieve.clone()).await.unwrap().len(), 4);
    }
    until(async || case.kurume.outbox_total().unwrap() + case.saga.outbox_total().unwrap() == 0)
        .await;
    let transfers = case.setting.ledger.bodies().into_iter();
    let transfers = transfers.filter(|b| matches!(b, Body::Release(_) | Body::Receipt(_)));
    assert_eq!(transfers.count(), 2);
}

fn grant(id: u8) -> v1::RecordRequest {
    let facilities = v1::FacilitySet {
        facilities: vec![KURUME_HOSPITAL.to_owned()],
    };
    v1::RecordRequest {
        request_id: vec![id; 16],
        record: Some(v1::record_request::Record::GrantConsent(v1::GrantConsent {
            patient: patient(),
            side: 2,
            facilities: Some(v1::grant_consent::Facilities::ListedFacilities(facilities)),
            capture: 1,
            recorded_by: KURUME_HOSPITAL.to_owned(),
            evidence_note: "form 12 in the archive".to_owned(),
            ..Default::default()
        })),
    }
}

fn accepted(reply: &v1::RecordReply) -> bool {
    matches!(
        &reply.outcome,
        Some(v1::Outcome {
            outcome: Some(v1::outcome::Outcome::Accepted(_))
        })
    )
}

#[tokio::test]
async fn a_consent_is_recorded_once_and_its_evidence_stays_here() {
    let case = Case::new().await;
    let first = case.record(grant(1)).await.unwrap();
    assert!(accepted(&first) && !first.duplicate, "{first:?}");
    let again = case.record(grant(1)).await.unwrap();
    assert!(again.duplicate && again.index == first.index, "{again:?}");
    let Body::ConsentGrant(consent) = &case.setting.ledger.bodies()[first.index as usize] else {
        panic!("no consent")
    };
    assert_eq!(
        (consent.policy_version, consent.subject),
        (1, case.setting.kurume_subject)
    );
    assert_eq!(consent.period.from, case.setting.ledger.now());
    let opened = case
        .kurume
        .0
        .store
        .opening(&consent.evidence)
        .unwrap()
        .unwrap();
    assert_eq!(opened.value(), b"form 12 in the archive");

    let withdraw = v1::RecordRequest {
        request_id: vec![2; 16],
        record: Some(v1::record_request::Record::WithdrawConsent(
            v1::ConsentWithdraw {
                consent: first.index,
                way: 1,
                recorded_by: KURUME_HOSPITAL.to_owned(),
                evidence: b"a letter".to_vec(),
            },
        )),
    };
    assert!(accepted(&case.record(withdraw.clone()).await.unwrap()));
    let twice = v1::RecordRequest {
        request_id: vec![3; 16],
        ..withdraw
    };
    assert!(
        !accepted(&case.record(twice).await.unwrap()),
        "a refusal is an answer, not an error"
    );
}

#[tokio::test]
async fn a_record_whose_window_passed_unseen_is_signed_again_and_taken_once() {
    let case = Case::new().await;
    case.setting.ledger.down();
    let failed = case.record(grant(1)).await.unwrap_err();
    assert_eq!(failed.code(), ErrorCode::Unavailable);
    case.setting.ledger.up();
    case.setting
        .ledger
        .with(|world| world.time = world.time.plus_ms(WINDOW_AFTER_MS + 1000));
    let late = case.record(grant(1)).await.unwrap_err();
    assert_eq!(
        late.code(),
        ErrorCode::Invalid,
        "this machine's clock has not moved: {late}"
    );

    let environment = crate::testing::Fixed::new("kurume later", case.setting.ledger.now());
    let store = {
        let Case {
            kurume, setting, ..
        } = &case;
        kurume.shutdown().await.unwrap();
        setting.dir.path().join("kurume.redb")
    };
    let Case {
        setting, kurume, ..
    } = case;
    drop(kurume);
    let store = crate::store::NodeStore::open(&store).unwrap();
    let nowhere = crate::testing::nowhere();
    let kurume =
        crate::testing::node(KURUME, &setting.ledger, &environment, store, &[], nowhere).await;
    let done = kurume
        .operating()
        .record_entry(grant(1), patience())
        .await
        .unwrap();
    assert!(accepted(&done) && !done.duplicate);
    let again = kurume
        .operating()
        .record_entry(grant(1), patience())
        .await
        .unwrap();
    assert!(again.duplicate && again.index == done.index);
}

#[tokio::test]
async fn pseudonyms_are_made_on_request_and_links_use_them() {
    let case = Case::new().await;
    let operating = case.kurume.operating();
    let local = v1::patient::Local {
        facility: KURUME_HOSPITAL.to_owned(),
        local_id: "K-2".to_owned(),
    };
    let patient = Some(v1::Patient {
        patient: Some(v1::patient::Patient::Local(local)),
    });
    let ask = |create| {
        operating.subject_of(v1::SubjectRequest {
            patient: patient.clone(),
            create,
        })
    };
    assert_eq!(ask(false).await.unwrap_err().code(), ErrorCode::NotFound);
    let made = ask(true).await.unwrap();
    let again = ask(true).await.unwrap();
    assert_eq!(
        (made.created, again.created, &made.subject),
        (true, false, &again.subject)
    );
    let subject = SubjectId::try_from(made.subject.as_slice()).unwrap();
    let by_subject = |bytes: Vec<u8>| {
        Some(v1::Patient {
            patient: Some(v1::patient::Patient::Subject(bytes)),
        })
    };
    let link = |id: u8, patient| v1::RecordRequest {
        request_id: vec![id; 16],
        record: Some(v1::record_request::Record::LinkSubject(v1::LinkSubject {
            patient,
            other: Some(v1::SubjectRef {
                network: SAGA.to_owned(),
                subject: vec![3; 16],
            }),
        })),
    };
    let linked = case
        .record(link(1, by_subject(made.subject)))
        .await
        .unwrap();
    let bodies = case.setting.ledger.bodies();
    assert!(
        matches!(&bodies[linked.index as usize], Body::SubjectLink { own, .. } if *own == subject)
    );
    let stranger = case
        .record(link(2, by_subject(vec![9; 16])))
        .await
        .unwrap_err();
    assert_eq!(stranger.code(), ErrorCode::NotFound);
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused_before_anything_is_signed() {
    let case = Case::new().await;
    let before = case.setting.ledger.bodies().len();
    let cases = [
        (
            "no patient",
            v1::FindRequest {
                patient: None,
                ..find()
            },
        ),
        (
            "no practitioner",
            v1::FindRequest {
                practitioner: String::new(),
                ..find()
            },
        ),
        (
            "a long practitioner",
            v1::FindRequest {
                practitioner: "x".repeat(PRACTITIONER_BYTES_MAX + 1),
                ..find()
            },
        ),
        ("no role", v1::FindRequest { role: 0, ..find() }),
        (
            "a bad target",
            v1::FindRequest {
                targets: vec!["No Network".to_owned()],
                ..find()
            },
        ),
        (
            "a short request id",
            v1::FindRequest {
                request_id: vec![1; 15],
                ..find()
            },
        ),
    ];
    for (name, request) in cases {
        assert_eq!(
            case.find(request).await.unwrap_err().code(),
            ErrorCode::Invalid,
            "{name}"
        );
    }
    let long_id = case.retrieve(retrieve(&"x".repeat(300))).await.unwrap_err();
    let no_id = case
        .record(v1::RecordRequest {
            request_id: Vec::new(),
            ..grant(1)
        })
        .await
        .unwrap_err();
    for error in [long_id, no_id] {
        assert_eq!(error.code(), ErrorCode::Invalid, "{error}");
    }
    assert_eq!(case.setting.ledger.bodies().len(), before);
    let operating = case.kurume.operating();
    assert!(operating.allow(&network(KURUME)).is_ok());
    assert!(matches!(
        operating.allow(&network(SAGA)),
        Err(NodeError::Forbidden)
    ));
}

#[tokio::test]
async fn the_sources_are_read_again_on_request_and_reported() {
    let case = Case::new().await;
    case.setting.hospital.put(PATIENT, 9);
    let rebuilt = case
        .saga
        .operating()
        .ingest_sources(v1::IngestRequest { rebuild: true })
        .unwrap();
    let events = all(rebuilt).await;
    let Some(v1::ingest_event::Event::ReportJson(report)) =
        events.last().and_then(|e| e.event.clone())
    else {
        panic!("{events:?}")
    };
    let report: crate::IngestReport = serde_json::from_str(&report).unwrap();
    assert_eq!(
        report
            .sources
            .iter()
            .map(|s| s.documents())
            .collect::<Vec<_>>(),
        [4, 0]
    );
    assert!(events.len() >= 3, "progress for each source: {events:?}");
    assert!(case.saga.answers_documents());
    assert_eq!(case.documents().await.len(), 4);
    std::fs::remove_dir_all(&case.setting.other.source.root).unwrap();
    let gone = case
        .saga
        .operating()
        .ingest_sources(v1::IngestRequest { rebuild: true })
        .unwrap();
    let events: Vec<_> = tokio_stream::StreamExt::collect(gone).await;
    assert!(events.last().unwrap().is_err() && !case.saga.answers_documents());
    let refused = case
        .find(v1::FindRequest {
            targets: vec![SAGA.to_owned()],
            ..find()
        })
        .await;
    assert!(refused.is_err(), "an index half built does not answer (P8)");
    let _ = SAGA_HOSPITAL;
}
