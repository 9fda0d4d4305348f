//! Two networks for real: two replicas that agree, two nodes, a broker, mutual TLS between all, files on disk.
//! A patient of Saga visits Kurume.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod erasing;
mod founding;
mod observed;
mod people;
mod site;

use founding::*;
use observed::Told;
use people::*;
use sekisho_documents::UniqueId;
use sekisho_domain::*;
use sekisho_ledger::bundle;
use sekisho_proto::v1;
use sekisho_proto::v1::node_service_client::NodeServiceClient;
use sekisho_proto::v1::operator_service_client::OperatorServiceClient;
use sekisho_transport::outgoing;
use site::*;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use tonic::Code;
use v1::find_event::Event as Found;
use v1::retrieve_event::Event as Got;

const PATIENCE: Duration = Duration::from_secs(40);
const SAGA: &str = "saga";
const KURUME: &str = "kurume";
const SAGA_HOSPITAL: &str = "4111234567";
const KURUME_HOSPITAL: &str = "4011234567";
/// None of these may be seen outside the node.
const PATIENT: &str = "0009013";
const KURUME_PATIENT: &str = "KRM-0077123";
const PRACTITIONER: &str = "DR-TSUBAKI-77";
const EVIDENCE: &str = "同意書 12";
const DRUG: &str = "AMLODIPINE-MARKER";

#[tokio::test(flavor = "multi_thread")]
async fn a_patient_of_saga_visits_kurume() {
    let log = listen_to_logs();
    let Together {
        genesis,
        saga,
        kurume,
        written,
    } = Together::start().await;
    let (there, here) = linked(&saga, &kurume).await;
    let (saga_told, kurume_told) = (Told::by(&saga.node), Told::by(&kurume.node));

    // Before consent nothing is shown.
    let before = find(&kurume).await;
    let denied = NetworkOutcome::Denied {
        reason: DenyReason::NoViewingConsent,
    };
    assert_eq!(outcome_of(&before, SAGA), denied);
    assert!(!before.iter().any(|e| matches!(e, Found::Documents(_))));

    let consented = consent(&kurume).await;

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
    let (own, list_and_document, bytes) = (1, 2, chunk.len());
    let sums = |of: &[(&str, usize)]| of.iter().map(|(w, sum)| ((*w).to_owned(), *sum)).collect();
    let expected: std::collections::BTreeMap<_, _> = sums(&[
        ("answered kurume", list_and_document),
        ("sent kurume", bytes),
        ("sources", 1),
    ]);
    assert_eq!(*saga_told.sums(), expected);
    // Its own documents were asked for too; it has no source.
    let expected = sums(&[
        ("answered kurume", own),
        ("received saga", bytes),
        ("sources", 0),
    ]);
    assert_eq!(*kurume_told.sums(), expected);

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
        patient: local(KURUME_HOSPITAL, KURUME_PATIENT),
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

    let text = log.text();
    assert!(
        text.contains("answer_find") && text.contains("answered"),
        "the log was listened to"
    );
    let forbidden = [
        PATIENT,
        PRACTITIONER,
        DRUG,
        KURUME_PATIENT,
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

impl Log {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// One for all tests of the process.
fn listen_to_logs() -> Log {
    static LOG: OnceLock<Log> = OnceLock::new();
    let listen = || {
        let log = Log::default();
        let writer = log.clone();
        tracing_subscriber::fmt()
            .with_env_filter("sekisho=trace")
            .with_span_events(tracing_subscriber::fmt::format::FmtSpan::FULL)
            .with_writer(move || writer.clone())
            .init();
        log
    };
    LOG.get_or_init(listen).clone()
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
