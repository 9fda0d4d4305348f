//! A receiver of traces over OTLP/gRPC, as an operator would run one.

use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

/// One span as it arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedSpan {
    /// `service.name` of the process that made it.
    pub service: String,
    /// Its trace, 16 bytes.
    pub trace: Vec<u8>,
    /// Its id, 8 bytes.
    pub id: Vec<u8>,
    /// Its parent's id; empty for a root.
    pub parent: Vec<u8>,
    /// Its name.
    pub name: String,
    /// Every text it carries: attributes, events, status. Numbers are left out: measured nanoseconds would now and
    /// then equal somebody's eight-digit id.
    pub texts: Vec<String>,
}

/// Receives until the test ends.
#[derive(Debug, Clone)]
pub struct Collector {
    address: SocketAddr,
    spans: Arc<Mutex<Vec<ReceivedSpan>>>,
}

#[derive(Clone)]
struct Service(Arc<Mutex<Vec<ReceivedSpan>>>);

#[tonic::async_trait]
impl TraceService for Service {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let mut spans = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for resource in request.into_inner().resource_spans {
            let attributes = resource.resource.map(|r| r.attributes).unwrap_or_default();
            let service = attributes
                .iter()
                .find(|a| a.key == "service.name")
                .map(|a| text(a.value.as_ref()));
            for span in resource.scope_spans.into_iter().flat_map(|s| s.spans) {
                let mut texts: Vec<_> = span.attributes.iter().map(pair).collect();
                for event in &span.events {
                    texts.push(event.name.clone());
                    texts.extend(event.attributes.iter().map(pair));
                }
                texts.extend(span.status.map(|s| s.message));
                texts.extend(attributes.iter().map(pair));
                spans.push(ReceivedSpan {
                    service: service.clone().unwrap_or_default(),
                    trace: span.trace_id,
                    id: span.span_id,
                    parent: span.parent_span_id,
                    name: span.name,
                    texts,
                });
            }
        }
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

fn pair(attribute: &KeyValue) -> String {
    format!("{}={}", attribute.key, text(attribute.value.as_ref()))
}

fn text(value: Option<&AnyValue>) -> String {
    match value.and_then(|v| v.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => text.clone(),
        Some(any_value::Value::BytesValue(bytes)) => String::from_utf8_lossy(bytes).into_owned(),
        Some(any_value::Value::ArrayValue(array)) => {
            array.values.iter().map(|v| text(Some(v)) + " ").collect()
        }
        Some(any_value::Value::KvlistValue(list)) => {
            list.values.iter().map(|p| pair(p) + " ").collect()
        }
        _ => String::new(),
    }
}

impl Collector {
    /// Starts receiving on a port of loopback, on a thread of its own.
    pub fn start() -> Self {
        let spans = Arc::new(Mutex::new(Vec::new()));
        let (sender, address) = std::sync::mpsc::channel();
        let service = TraceServiceServer::new(Service(Arc::clone(&spans)))
            .max_decoding_message_size(64 * 1024 * 1024);
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async move {
                let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
                sender
                    .send(listener.local_addr().expect("an address"))
                    .expect("the test waits");
                let server = tonic::transport::Server::builder().add_service(service);
                server
                    .serve_with_incoming(TcpListenerStream::new(listener))
                    .await
                    .expect("the receiver serves");
            });
        });
        Self {
            address: address.recv().expect("the receiver starts"),
            spans,
        }
    }

    /// For `OTEL_EXPORTER_OTLP_ENDPOINT`.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything received so far.
    pub fn spans(&self) -> Vec<ReceivedSpan> {
        self.spans
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
