//! Logs for the operator, and one trace across every hop.
//!
//! Logs go to standard error, filtered by `RUST_LOG`. Spans go to an OpenTelemetry collector over
//! OTLP/gRPC where the standard variables name one: `OTEL_EXPORTER_OTLP_ENDPOINT` or
//! `OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`, unless `OTEL_SDK_DISABLED=true` or `OTEL_TRACES_EXPORTER=none`
//! (OpenTelemetry specification, "Environment Variable Specification"; the exporter and the sampler read
//! the rest of them). Between processes the W3C trace context travels in each request's metadata, also
//! where no collector is named.
//!
//! What may be in a span or a log line is its writer's duty: codes, counts, times, network and ledger
//! ids; never a person's data.

use crate::TransportError;
use crate::limits::TELEMETRY_FLUSH_TIMEOUT;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::propagation::TraceContextPropagator;
use opentelemetry_sdk::trace::SdkTracerProvider;
use sekisho_domain::NetworkId;
use std::env;
use std::io::IsTerminal as _;
use tokio::runtime::Runtime;
use tonic::metadata::{AsciiMetadataKey, KeyRef, MetadataMap};
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::filter::{EnvFilter, LevelFilter, Targets};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

/// Variable that filters log lines, in `tracing_subscriber::EnvFilter`'s syntax.
const LOG_FILTER_VAR: &str = "RUST_LOG";

/// Filter where `RUST_LOG` is unset: our own crates' news, the others' warnings.
/// openraft warns about every vote that another one overtook, which is how elections go.
const LOG_FILTER_DEFAULT: &str = "warn,openraft=error,sekisho=info";

/// Every crate of this workspace starts with it, and only their spans leave the process. The exporter
/// is itself a gRPC client: exporting tonic's, h2's and its own spans would feed it for ever.
const OWN_TARGET: &str = "sekisho";

/// Keeps telemetry going; dropping it sends what is left, within [`TELEMETRY_FLUSH_TIMEOUT`].
#[must_use = "telemetry ends when the guard is dropped"]
pub struct Guard {
    provider: SdkTracerProvider,
    /// The exporter's own, so that the last spans still leave when the program's runtime is gone or
    /// its only thread is the one that waits here.
    runtime: Option<Runtime>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Err(error) = self.provider.shutdown_with_timeout(TELEMETRY_FLUSH_TIMEOUT) {
            tracing::warn!(%error, "the last spans may not have reached the collector");
        }
        if let Some(runtime) = self.runtime.take() {
            // Not waiting: this may run inside another runtime, which must not be blocked twice.
            runtime.shutdown_background();
        }
    }
}

/// Sets up logs and traces for this process, from the environment.
///
/// `service_name` and `network` describe the process in each trace (`service.name`, unless
/// `OTEL_SERVICE_NAME` or `OTEL_RESOURCE_ATTRIBUTES` say otherwise, and `sekisho.network`).
///
/// # Errors
/// [`TransportError::LogFilter`] if `RUST_LOG` does not parse, [`TransportError::Exporter`] if a
/// collector is named that cannot be used, [`TransportError::AlreadyInitialised`] at the second call.
pub fn init(service_name: &str, network: Option<&NetworkId>) -> Result<Guard, TransportError> {
    let filter = log_filter(variable(LOG_FILTER_VAR))?;
    let mut builder = SdkTracerProvider::builder().with_resource(resource(service_name, network));
    let mut runtime = None;
    if exports_traces(variable) {
        let own = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("telemetry")
            .enable_all()
            .build()
            .map_err(TransportError::Runtime)?;
        let entered = own.enter();
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_tonic()
            .build()
            .map_err(TransportError::Exporter)?;
        drop(entered);
        builder = builder.with_batch_exporter(exporter);
        runtime = Some(own);
    }
    let provider = builder.build();
    let guard = Guard { provider, runtime };
    let traces = tracing_opentelemetry::layer()
        .with_tracer(guard.provider.tracer("sekisho"))
        .with_filter(Targets::new().with_target(OWN_TARGET, LevelFilter::DEBUG));
    let logs = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal())
        .with_filter(filter);
    tracing_subscriber::registry()
        .with(traces)
        .with(logs)
        .try_init()
        .map_err(|_| TransportError::AlreadyInitialised)?;
    Ok(guard)
}

/// The header of a span's context (W3C Trace Context §3.2).
const TRACEPARENT: &str = "traceparent";

/// Puts the current span's context on an outgoing request (W3C Trace Context: `traceparent`,
/// `tracestate`). Does nothing outside a trace.
pub fn inject(metadata: &mut MetadataMap) {
    TraceContextPropagator::new()
        .inject_context(&Span::current().context(), &mut Outgoing(metadata));
}

/// The current span's context as the value of a `traceparent` header; empty outside a trace.
pub fn traceparent() -> String {
    let mut metadata = MetadataMap::new();
    inject(&mut metadata);
    let value = metadata.get(TRACEPARENT).and_then(|v| v.to_str().ok());
    value.unwrap_or_default().to_owned()
}

/// Makes a span part of the trace that such a value names, if it names one. Call it before the span is first entered.
pub fn set_remote_traceparent(span: &Span, traceparent: &str) {
    let mut metadata = MetadataMap::new();
    if let Ok(value) = traceparent.parse() {
        metadata.insert(TRACEPARENT, value);
        set_remote_parent(span, &metadata);
    }
}

/// The span context a request carries; an empty context where there is none or it does not parse.
pub fn remote_parent(metadata: &MetadataMap) -> Context {
    TraceContextPropagator::new().extract_with_context(&Context::new(), &Carried(metadata))
}

/// Makes a handler's span part of its caller's trace. Call it before the span is first entered.
pub fn set_remote_parent(span: &Span, metadata: &MetadataMap) {
    // Fails only for a span that started already or is not traced: then there is no parent to set.
    let _ = span.set_parent(remote_parent(metadata));
}

struct Outgoing<'a>(&'a mut MetadataMap);

impl Injector for Outgoing<'_> {
    fn set(&mut self, key: &str, value: String) {
        if let (Ok(key), Ok(value)) = (key.parse::<AsciiMetadataKey>(), value.parse()) {
            self.0.insert(key, value);
        }
    }
}

struct Carried<'a>(&'a MetadataMap);

impl Extractor for Carried<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.get(key).and_then(|value| value.to_str().ok())
    }
    fn keys(&self) -> Vec<&str> {
        self.0
            .keys()
            .filter_map(|key| match key {
                KeyRef::Ascii(key) => Some(key.as_str()),
                KeyRef::Binary(_) => None,
            })
            .collect()
    }
}

fn variable(name: &str) -> Option<String> {
    // OpenTelemetry: an empty variable is an unset one.
    env::var(name).ok().filter(|value| !value.is_empty())
}

fn exports_traces(variable: impl Fn(&str) -> Option<String>) -> bool {
    let disabled =
        variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let none = variable("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none");
    let named = variable(opentelemetry_otlp::OTEL_EXPORTER_OTLP_TRACES_ENDPOINT)
        .or_else(|| variable(opentelemetry_otlp::OTEL_EXPORTER_OTLP_ENDPOINT))
        .is_some();
    named && !disabled && !none
}

fn log_filter(value: Option<String>) -> Result<EnvFilter, TransportError> {
    let value = value.unwrap_or_else(|| LOG_FILTER_DEFAULT.to_owned());
    EnvFilter::try_new(&value).map_err(|source| TransportError::LogFilter { value, source })
}

fn resource(service_name: &str, network: Option<&NetworkId>) -> Resource {
    let named_by_environment = variable("OTEL_SERVICE_NAME").is_some()
        || variable("OTEL_RESOURCE_ATTRIBUTES").is_some_and(|list| list.contains("service.name="));
    let mut builder = Resource::builder();
    if !named_by_environment {
        builder = builder.with_service_name(service_name.to_owned());
    }
    if let Some(network) = network {
        builder = builder.with_attribute(KeyValue::new(
            "sekisho.network",
            network.as_str().to_owned(),
        ));
    }
    builder.build()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use opentelemetry::trace::TraceContextExt as _;

    #[test]
    fn spans_leave_only_where_a_collector_is_named_and_not_forbidden() {
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4317");
        let traces = (
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "http://127.0.0.1:4317",
        );
        let cases: [(&[(&str, &str)], bool); 7] = [
            (&[], false),
            (&[endpoint], true),
            (&[traces], true),
            (&[endpoint, ("OTEL_SDK_DISABLED", "TRUE")], false),
            (&[endpoint, ("OTEL_SDK_DISABLED", "false")], true),
            (&[traces, ("OTEL_TRACES_EXPORTER", "none")], false),
            (&[traces, ("OTEL_TRACES_EXPORTER", "otlp")], true),
        ];
        for (variables, expected) in cases {
            let variable = |name: &str| {
                variables
                    .iter()
                    .find(|(n, _)| *n == name)
                    .map(|(_, value)| (*value).to_owned())
            };
            assert_eq!(exports_traces(variable), expected, "{variables:?}");
        }
    }

    #[test]
    fn a_log_filter_that_does_not_parse_is_named() {
        assert_eq!(
            log_filter(None).unwrap().to_string(),
            "openraft=error,sekisho=info,warn"
        );
        let error = log_filter(Some("sekisho=loud".to_owned())).unwrap_err();
        assert!(error.to_string().contains("sekisho=loud"), "{error}");
    }

    #[test]
    fn a_parent_is_read_or_absent_never_wrong() {
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let cases = [
            (Some(parent), Some("0af7651916cd43dd8448eb211c80319c")),
            (None, None),
            (Some(""), None),
            (
                Some("00-00000000000000000000000000000000-b7ad6b7169203331-01"),
                None,
            ),
            (
                Some("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"),
                None,
            ),
            (
                Some("ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
                None,
            ),
        ];
        for (header, trace) in cases {
            let mut metadata = MetadataMap::new();
            if let Some(header) = header {
                metadata.insert("traceparent", header.parse().unwrap());
            }
            let context = remote_parent(&metadata);
            let span = context.span().span_context().clone();
            assert_eq!(
                span.is_valid()
                    .then(|| span.trace_id().to_string())
                    .as_deref(),
                trace,
                "{header:?}"
            );
        }
    }

    #[test]
    fn outside_a_trace_nothing_is_added() {
        let mut metadata = MetadataMap::new();
        inject(&mut metadata);
        assert!(metadata.is_empty());
    }
}
