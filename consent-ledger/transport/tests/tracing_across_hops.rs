//! One trace over a real hop, seen by a real OTLP/gRPC receiver.
//!
//! Telemetry belongs to a process and is set up from its environment, so the hop runs in a process of
//! its own: this test binary again, with the standard variables set.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "shared; no file needs all of it")]
mod support;

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::Span;
use sekisho_transport::{ServerLimits, telemetry};
use std::net::SocketAddr;
use std::process::Stdio;
use support::{Client, Members, PATIENCE, Running, id, identity, network};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::mpsc;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};
use tracing::Instrument as _;

/// An OTLP/gRPC receiver that hands on what it gets.
struct Collector(mpsc::UnboundedSender<ExportTraceServiceRequest>);

#[tonic::async_trait]
impl TraceService for Collector {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        self.0
            .send(request.into_inner())
            .map_err(|_| Status::unavailable("the test is over"))?;
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

async fn collector() -> (
    SocketAddr,
    mpsc::UnboundedReceiver<ExportTraceServiceRequest>,
) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, received) = mpsc::unbounded_channel();
    let service = TraceServiceServer::new(Collector(sender));
    tokio::spawn(
        tonic::transport::Server::builder()
            .add_service(service)
            .serve_with_incoming(TcpListenerStream::new(listener)),
    );
    (address, received)
}

fn child(name: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--ignored", "--exact", name])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    for (variable, _) in
        std::env::vars().filter(|(name, _)| name.starts_with("OTEL_") || name == "RUST_LOG")
    {
        command.env_remove(variable);
    }
    command
}

async fn run(mut command: Command) -> String {
    let output = tokio::time::timeout(PATIENCE, command.output())
        .await
        .unwrap()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "{}\n{said}",
        String::from_utf8_lossy(&output.stdout)
    );
    said
}

fn attribute(resource: &Resource, key: &str) -> Option<String> {
    let value = resource
        .attributes
        .iter()
        .find(|a| a.key == key)?
        .value
        .clone()?
        .value?;
    match value {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

#[tokio::test]
async fn one_trace_spans_both_sides_of_a_hop_and_reaches_the_collector() {
    let (address, mut received) = collector().await;
    let mut command = child("asks_and_answers");
    command
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://{address}"))
        .env("RUST_LOG", "sekisho_test=info");
    let said = run(command).await;
    assert!(
        said.contains("a line for the operator"),
        "logs go to standard error: {said}"
    );

    // The child has ended, so everything it sent has been received.
    let mut spans: Vec<Span> = Vec::new();
    while let Ok(request) = received.try_recv() {
        for of_resource in request.resource_spans {
            let resource = of_resource.resource.unwrap();
            assert_eq!(
                attribute(&resource, "service.name").as_deref(),
                Some("sekisho-test")
            );
            assert_eq!(
                attribute(&resource, "sekisho.network").as_deref(),
                Some("saga")
            );
            spans.extend(
                of_resource
                    .scope_spans
                    .into_iter()
                    .flat_map(|scope| scope.spans),
            );
        }
    }
    let mut names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["answering", "asking"],
        "ours alone: neither h2's, tonic's nor the exporter's"
    );
    let named = |name: &str| spans.iter().find(|span| span.name == name).unwrap();
    let (asking, answering) = (named("asking"), named("answering"));
    assert_eq!(answering.trace_id, asking.trace_id);
    assert_eq!(answering.parent_span_id, asking.span_id);
    assert!(asking.parent_span_id.is_empty());
}

#[tokio::test]
async fn the_environment_names_the_service_and_can_forbid_export() {
    let (address, mut received) = collector().await;
    let endpoint = format!("http://{address}");
    let mut forbidden = child("asks_and_answers");
    forbidden
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &endpoint)
        .env("OTEL_SDK_DISABLED", "true");
    run(forbidden).await;
    assert!(received.try_recv().is_err(), "disabled");
    let mut named = child("asks_and_answers");
    named
        .env("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &endpoint)
        .env("OTEL_SERVICE_NAME", "named-outside");
    run(named).await;
    let request = received.try_recv().unwrap();
    let resource = request.resource_spans[0].resource.clone().unwrap();
    assert_eq!(
        attribute(&resource, "service.name").as_deref(),
        Some("named-outside")
    );
}

#[tokio::test]
async fn an_absent_collector_holds_nobody_up() {
    // Bound and never accepted from: the exporter connects and hears nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut command = child("asks_and_answers");
    command.env(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        format!("http://{}", silent.local_addr().unwrap()),
    );
    let began = std::time::Instant::now();
    run(command).await;
    assert!(began.elapsed() < 3 * sekisho_transport::limits::TELEMETRY_FLUSH_TIMEOUT);
}

/// The child: a client asks a server over mutual TLS, in one process, each in its own span. A runtime
/// of one thread, the hardest for an exporter to end on.
#[tokio::test]
#[ignore = "run by the tests above, in a process of its own"]
async fn asks_and_answers() {
    let guard = telemetry::init("sekisho-test", Some(&id("saga"))).unwrap();
    assert!(telemetry::init("again", None).is_err(), "once a process");
    let (saga, kurume) = (identity(), identity());
    let members = Members::of(&[(&saga, "saga"), (&kurume, "kurume")]);
    let server = Running::start(&saga, members.clone(), ServerLimits::default()).await;
    let client = Client::new(server.address, network("saga"), &kurume, members);
    let asking = tracing::info_span!(target: "sekisho_test", "asking");
    assert_eq!(
        client.ask("whoami").instrument(asking).await.unwrap(),
        "kurume"
    );
    tracing::info_span!(target: "h2", "of another crate").in_scope(|| {});
    tracing::info!(target: "sekisho_test", "a line for the operator");
    drop(client);
    server.stop().await;
    drop(guard);
}
