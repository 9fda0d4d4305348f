//! One trace across the broker, with codes and times in it and nothing about the patient.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "shared; no file needs all of it")]
mod support;

use opentelemetry::trace::{TraceContextExt as _, TracerProvider as _};
use opentelemetry_sdk::trace::SdkTracerProvider;
use sekisho_broker::Limits;
use sekisho_broker::testing::{Conduct, VIEWING, subject};
use std::io;
use std::sync::{Arc, Mutex};
use support::{PATIENCE, Scene, id, linked};
use tokio::time::timeout;
use tracing::Instrument as _;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// Everything said in spans and logs.
#[derive(Clone, Default)]
struct Said(Arc<Mutex<Vec<u8>>>);

impl Said {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Said {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_trace_spans_caller_broker_and_nodes_and_names_no_patient() {
    const DOCUMENT: &str = "2.25.777888999";
    let said = Said::default();
    let writer = said.clone();
    let provider = SdkTracerProvider::builder().build();
    let everything = || Targets::new().with_target("sekisho", LevelFilter::TRACE);
    let log = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_span_events(FmtSpan::CLOSE)
        .with_writer(move || writer.clone());
    let own = Targets::new()
        .with_target("sekisho", LevelFilter::TRACE)
        .with_target("tracing", LevelFilter::INFO);
    tracing_subscriber::registry()
        .with(
            tracing_opentelemetry::layer()
                .with_tracer(provider.tracer("test"))
                .with_filter(own),
        )
        .with(log.with_filter(everything()))
        .init();

    let networks = [
        ("saga", Conduct::Answers),
        ("shimane", Conduct::BadFacility),
        ("yame", Conduct::Refuses(tonic::Code::Internal)),
    ];
    let (world, nodes) = linked(&networks).await;
    let scene = Scene::start(world, Limits::default()).await;
    let caller = tracing::info_span!("caller");
    let context = caller.context();
    let parent = context.span().span_context().clone();
    assert!(parent.is_valid());
    let asked = async {
        let found = scene
            .find(&["saga", "shimane", "yame"], PATIENCE)
            .await
            .unwrap();
        scene.retrieve("saga", DOCUMENT, PATIENCE).await.unwrap();
        found
    };
    let found = asked.instrument(caller).await;

    let mut spans = Vec::new();
    for metadata in nodes.iter().flat_map(|node| node.metadata()) {
        let traceparent = metadata
            .get("traceparent")
            .unwrap()
            .to_str()
            .unwrap()
            .to_owned();
        let parts: Vec<&str> = traceparent.split('-').collect();
        assert_eq!(parts[1], parent.trace_id().to_string(), "one trace");
        assert_ne!(
            parts[2],
            parent.span_id().to_string(),
            "of the broker's own spans"
        );
        spans.push(parts[2].to_owned());
    }
    spans.sort();
    spans.dedup();
    assert_eq!(spans.len(), 4, "each asked network has a span of its own");

    // The last spans close a moment after their stream was read.
    let whole = async {
        while said.text().matches("close").count() < 6 {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, whole)
        .await
        .expect("two requests and four asked networks");
    let said = said.text();
    let index = format!("index={}", found.decided.index);
    for wanted in [
        "network=saga outcome=\"answered\" elapsed_ms=",
        "network=shimane outcome=\"malformed\" elapsed_ms=",
        "network=yame outcome=\"malformed\" elapsed_ms=",
        "viewing=kurume",
        &index,
        "it sent a document of no well-formed facility",
    ] {
        assert!(said.contains(wanted), "{wanted} is not in\n{said}");
    }
    let subjects = [VIEWING, "saga", "shimane", "yame"].map(|n| subject(&id(n)).to_string());
    let practitioner = "05".repeat(32);
    let secrets = [
        DOCUMENT,
        "saga-1",
        "西病棟",
        "検体検査結果",
        "laboratory",
        &practitioner,
    ];
    for secret in subjects.iter().map(String::as_str).chain(secrets) {
        assert!(!said.contains(secret), "{secret} is in\n{said}");
    }
}
