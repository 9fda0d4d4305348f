//! Two networks for real: two replicas that agree, two nodes, a broker, mutual TLS between all, files on disk.
//! A patient of Saga visits Kurume.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod people;
mod site;

use people::*;
use sekisho_documents::UniqueId;
use sekisho_domain::*;
use sekisho_ledger::{agreement_digest, bundle};
use sekisho_proto::v1;
use sekisho_proto::v1::node_service_client::NodeServiceClient;
use sekisho_proto::v1::operator_service_client::OperatorServiceClient;
use sekisho_transport::{Identity, TransportKey, outgoing};
use site::*;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::net::TcpListener;
use tonic::Code;
use v1::find_documents_event::Event as Found;
use v1::retrieve_document_event::Event as Got;

const PATIENCE: Duration = Duration::from_secs(40);
const SAGA: &str = "saga";
const KURUME: &str = "kurume";
const SAGA_HOSPITAL: &str = "4111234567";
const KURUME_HOSPITAL: &str = "4011234567";
/// None of these may be seen outside the node.
const PATIENT: &str = "0009013";
const PRACTITIONER: &str = "DR-TSUBAKI-77";
const DRUG: &str = "AMLODIPINE-MARKER";

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_of_saga_visits_kurume() {
    let log = listen_to_logs();
    let dirs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let root = dirs[1].path().join("std01");
    std::fs::create_dir(&root).unwrap();
    let written: Vec<_> = (1..=3).map(|day| write_prescription(&root, day)).collect();

    // Kurume's id sorts first.
    let identities = [0, 1].map(|_| Identity::new(TransportKey::generate().unwrap()).unwrap());
    let mut listeners = Vec::new();
    for _ in 0..2 {
        listeners.push(TcpListener::bind("127.0.0.1:0").await.unwrap());
    }
    let names = [(KURUME, 1u8), (SAGA, 2u8)];
    let genesis = Genesis {
        created: TimeMs(now() - 1000),
        networks: names
            .iter()
            .map(|(name, number)| FoundingNetwork {
                id: name.parse().unwrap(),
                name: format!("ネットワーク {name}"),
                governance_key: governance(*number).public_key(),
            })
            .collect(),
        replicas: names
            .iter()
            .zip(&identities)
            .zip(&listeners)
            .map(|(((name, number), identity), listener)| FoundingReplica {
                id: ReplicaId((*number).into()),
                network: name.parse().unwrap(),
                endpoint: listener.local_addr().unwrap().to_string(),
                transport_key: identity.public(),
                checkpoint_key: checkpoint_key(*number).public_key(),
            })
            .collect(),
    };
    let mut sites = Vec::new();
    for (((site, identity), listener), dir) in
        names.into_iter().zip(identities).zip(listeners).zip(dirs)
    {
        sites.push(Site::start(&genesis, site, identity, listener, dir).await);
    }
    let (saga, kurume) = (sites.pop().unwrap(), sites.pop().unwrap());
    for site in [&saga, &kurume] {
        site.replica.wait_ready(patience()).await.unwrap();
    }
    found(&genesis, &saga, &kurume).await;
    until("the sources are read", async || {
        saga.node.answers_documents()
    })
    .await;

    // The two secretariats say that it is the same patient.
    let here = subject(&kurume, local(KURUME_HOSPITAL, "K-1")).await;
    let there = subject(&saga, local(SAGA_HOSPITAL, PATIENT)).await;
    let link = |patient, network: &str, subject: &[u8]| {
        v1::record_request::Record::LinkSubject(v1::LinkSubject {
            patient,
            other: Some(v1::SubjectRef {
                network: network.to_owned(),
                subject: subject.to_vec(),
            }),
        })
    };
    let from_kurume = link(local(KURUME_HOSPITAL, "K-1"), SAGA, &there);
    assert!(was_accepted(&record(&kurume, 1, from_kurume).await));
    let from_saga = link(local(SAGA_HOSPITAL, PATIENT), KURUME, &here);
    assert!(was_accepted(&record(&saga, 2, from_saga).await));

    // Before consent nothing is shown.
    let before = find(&kurume).await;
    let denied = NetworkOutcome::Denied {
        reason: DenyReason::NoViewingConsent,
    };
    assert_eq!(outcome_of(&before, SAGA), denied);
    assert!(!before.iter().any(|e| matches!(e, Found::Documents(_))));

    let facilities = v1::FacilitySet {
        facilities: vec![KURUME_HOSPITAL.to_owned()],
    };
    let consent = v1::record_request::Record::GrantConsent(v1::GrantConsent {
        patient: local(KURUME_HOSPITAL, "K-1"),
        side: Side::Viewing.number().into(),
        facilities: Some(v1::grant_consent::Facilities::ListedFacilities(facilities)),
        capture: Capture::Written.number().into(),
        recorded_by: KURUME_HOSPITAL.to_owned(),
        evidence_note: "同意書 12".to_owned(),
        ..Default::default()
    });
    let consented = record(&kurume, 3, consent).await;
    assert!(was_accepted(&consented));

    let events = find(&kurume).await;
    assert_eq!(
        outcome_of(&events, SAGA),
        NetworkOutcome::Answered { count: 3 }
    );
    let Some(Found::Summary(summary)) = events.last() else {
        panic!("no summary")
    };
    assert_eq!(
        summary.asked,
        summary.outcomes.iter().map(|o| o.networks).sum::<u32>()
    );
    let documents: Vec<_> = events
        .iter()
        .filter_map(|e| match e {
            Found::Documents(page) if page.network == SAGA => Some(page.documents.clone()),
            _ => None,
        })
        .flatten()
        .collect();
    let newest = &documents[0];
    newest.unique_id.parse::<UniqueId>().unwrap();

    let got = retrieve(&kurume, &newest.unique_id).await;
    let [
        Got::Decided(decided),
        Got::Header(header),
        Got::Chunk(chunk),
        Got::End(_),
    ] = &got[..]
    else {
        panic!("{} events", got.len())
    };
    assert_eq!((header, chunk), (newest, &written[2]));

    // Evidence of both sides comes to the ledger by itself; the bundle proves it offline.
    let waiting = || saga.node.outbox_total().unwrap() + kurume.node.outbox_total().unwrap();
    until("the outboxes are empty", async || waiting() == 0).await;
    let export = v1::ExportBundleRequest {
        access: decided.index,
    };
    let reply = kurume
        .people()
        .export_bundle(outgoing(export, patience()))
        .await;
    let bytes = reply.unwrap().into_inner().bundle;
    let verified = bundle::verify(&bytes, &genesis).unwrap();
    assert_eq!(verified.access.request.viewing.as_str(), KURUME);
    let mut flipped = bytes.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    assert!(bundle::verify(&flipped, &genesis).is_err());

    // Nobody but the own people may use the operator's calls, nobody but the viewing network may ask the node.
    let mut foreign = OperatorServiceClient::new(saga.channel_to(&kurume));
    let request = v1::SubjectRequest {
        patient: local(KURUME_HOSPITAL, "K-1"),
        create: false,
    };
    let refused = foreign
        .subject(outgoing(request, patience()))
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    let mut itself = NodeServiceClient::new(saga.channel_to(&saga));
    let request = v1::AnswerFindRequest {
        access: decided.index,
        request_id: vec![0; 16],
        filter: None,
    };
    let refused = itself
        .answer_find(outgoing(request, patience()))
        .await
        .unwrap_err();
    assert_eq!(
        (refused.code(), refused.message()),
        (Code::PermissionDenied, "not permitted")
    );

    // After the withdrawal the next request is denied.
    let withdraw = v1::record_request::Record::WithdrawConsent(v1::ConsentWithdraw {
        consent: consented.index,
        way: Withdrawal::Written.number().into(),
        recorded_by: KURUME_HOSPITAL.to_owned(),
        evidence: Vec::new(),
    });
    assert!(was_accepted(&record(&kurume, 4, withdraw).await));
    let withdrawn = NetworkOutcome::Denied {
        reason: DenyReason::ConsentWithdrawn,
    };
    assert_eq!(outcome_of(&find(&kurume).await, SAGA), withdrawn);

    let secrets = [here, there].map(hex::encode);
    let unique_id = newest.unique_id.clone();
    let dirs = [saga.stop().await, kurume.stop().await];

    let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(
        text.contains("answer_find") && text.contains("answered"),
        "the log was listened to"
    );
    let forbidden = [
        PATIENT,
        PRACTITIONER,
        DRUG,
        "K-1\"",
        &unique_id,
        &secrets[0],
        &secrets[1],
    ];
    for secret in forbidden {
        let line = text.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "{secret} is in the log");
    }
    // Contents stay in the hospital's files (P10).
    for dir in dirs {
        assert_eq!(
            files_with(dir.path(), DRUG.as_bytes(), "std01"),
            Vec::<String>::new()
        );
    }
}

/// A prescription in the form and at the place SS-MIX2 gives it; its bytes.
fn write_prescription(root: &Path, day: u32) -> Vec<u8> {
    let date = format!("202604{day:02}");
    let lines = [
        "MSH|^~\\&|HIS|SEND|GW|RCV|20260401120000.12||RDE^O11|1|P|2.5||||||~ISO IR87||ISO 2022-1994".to_owned(),
        format!("PID|0001||{PATIENT}^^^^PI||SEKISHO^TARO^^^^^L^A||19480405|M"),
        format!("ORC|NW|1||1|||||{date}103045||||||||01^NAIKA^99XY1"),
        format!("RXE||1^{DRUG}^HOT9|1||TAB^TAB^MR9P|||||15|TAB^TAB^MR9P"),
    ];
    let bytes = format!("{}\r", lines.join("\r")).into_bytes();
    let folder = root.join(format!("000/901/{PATIENT}/{date}/OMP-01"));
    std::fs::create_dir_all(&folder).unwrap();
    let name = format!("{PATIENT}_{date}_OMP-01_000000000000001_{date}110000000_01_1");
    std::fs::write(folder.join(name), &bytes).unwrap();
    bytes
}

/// What the two networks agreed, and where they are.
async fn found(genesis: &Genesis, saga: &Site, kurume: &Site) {
    let period = Period {
        from: genesis.created,
        until: None,
    };
    for site in [saga, kurume] {
        let key = governance(site.number);
        let (facility, kind) = match site.name {
            SAGA => (SAGA_HOSPITAL, FacilityKind::Hospital),
            _ => (KURUME_HOSPITAL, FacilityKind::Hospital),
        };
        let public_key = node_key(site.number).public_key();
        let rule = Rule {
            scope: Scope::EachFacility,
            capture: [Capture::Written].into(),
            new_facility: NewFacility::NeedsConsent(Capture::Written),
            withdrawal: [Withdrawal::Written].into(),
        };
        let bodies = [
            Body::KeyAdd {
                purpose: KeyPurpose::Node,
                public_key,
                endpoint: None,
            },
            Body::FacilityRegister {
                facility: facility.parse().unwrap(),
                kind,
                name: format!("病院 {facility}"),
                municipality: None,
            },
            Body::ConsentPolicyPublish(ConsentPolicy {
                version: 1,
                valid_from: genesis.created,
                text_hash: Hash([1; 32]),
                disclosing: None,
                viewing: Some(rule),
                voids_earlier: false,
                emergency: None,
            }),
        ];
        for body in bodies {
            site.say(genesis, &key, body).await;
        }
    }
    let agreement = Agreement {
        id: "saga-kurume".parse().unwrap(),
        version: 1,
        parties: [SAGA, KURUME].map(|n| n.parse().unwrap()).into(),
        grants: vec![Grant {
            disclosing: SAGA.parse().unwrap(),
            viewing: KURUME.parse().unwrap(),
            categories: Codes::all(),
            purposes: [Purpose::Treat].into(),
            facility_kinds: [FacilityKind::Hospital].into(),
            roles: [Role::Physician].into(),
            consent_rule: ConsentRule::Viewing,
            valid: period,
        }],
        retention: Retention::AsOwnRecord,
        settlement: Settlement::EachOwn,
        valid: period,
        text_hash: Hash([2; 32]),
    };
    let signature = Body::AgreementSign {
        id: agreement.id.clone(),
        version: 1,
        digest: agreement_digest(&agreement),
    };
    let proposal = Body::AgreementPropose(agreement);
    saga.say(genesis, &governance(saga.number), proposal).await;
    kurume
        .say(genesis, &governance(kurume.number), signature)
        .await;
}

async fn until(what: &str, condition: impl AsyncFn() -> bool) {
    let wait = async {
        while !condition().await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.expect(what);
}

/// Everything that is logged or traced, at every level.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn listen_to_logs() -> Log {
    let log = Log::default();
    let writer = log.clone();
    tracing_subscriber::fmt()
        .with_env_filter("sekisho=trace")
        .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
        .with_writer(move || writer.clone())
        .init();
    log
}

/// The files below a folder that hold these bytes, but for one folder.
fn files_with(dir: &Path, bytes: &[u8], except: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().map(Result::unwrap) {
        if entry.file_name() == except {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            found.extend(files_with(&entry.path(), bytes, except));
        } else if std::fs::read(entry.path())
            .unwrap()
            .windows(bytes.len())
            .any(|w| w == bytes)
        {
            found.push(entry.path().display().to_string());
        }
    }
    found
}
