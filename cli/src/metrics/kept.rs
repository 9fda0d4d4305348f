//! What is counted as it happens.

use super::names::Names;
use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Opts, Registry,
};
use sekisho_broker::End;
use sekisho_domain::{Action, NetworkId, NetworkOutcome};
use sekisho_ingest::Report;
use sekisho_node::IngestReport;
use std::time::Duration;
use tonic::Code;

/// Upper bounds of every histogram, in seconds: from an answer of the same machine to the longest deadline. Eleven
/// bounds keep a histogram of each of two hundred networks at some 2,800 rows.
const SECONDS: [f64; 11] = [
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0,
];

/// What is counted of one gRPC service's calls.
#[derive(Debug, Clone)]
pub struct Calls {
    ended: IntCounterVec,
    under_way: IntGaugeVec,
    took: HistogramVec,
    not_taken: IntCounterVec,
}

impl Calls {
    /// A call began.
    pub fn began(&self, service: &'static str) {
        if let Ok(under_way) = self.under_way.get_metric_with_label_values(&[service]) {
            under_way.inc();
        }
    }

    /// A call that began has ended.
    pub fn ended(&self, service: &'static str, code: Code, took: Duration) {
        if let Ok(under_way) = self.under_way.get_metric_with_label_values(&[service]) {
            under_way.dec();
        }
        let ended = self
            .ended
            .get_metric_with_label_values(&[service, name_of(code)]);
        if let Ok(ended) = ended {
            ended.inc();
        }
        if let Ok(histogram) = self.took.get_metric_with_label_values(&[service]) {
            histogram.observe(took.as_secs_f64());
        }
    }

    /// A call was refused because the process is about to stop.
    pub fn not_taken(&self, service: &'static str) {
        if let Ok(not_taken) = self.not_taken.get_metric_with_label_values(&[service]) {
            not_taken.inc();
        }
    }
}

/// Every counter and histogram of a process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    names: Names,
    calls: Calls,
    outcomes: IntCounterVec,
    ask_took: HistogramVec,
    request_took: HistogramVec,
    decide_took: Histogram,
    answers: IntCounterVec,
    sent: IntCounterVec,
    received: IntCounterVec,
    ingests: IntCounterVec,
    ingest_files: IntCounterVec,
    ingest_bytes: IntCounterVec,
}

impl Metrics {
    /// All at nought.
    ///
    /// # Errors
    /// Two have the same name, or a name is none: a fault of this file.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let new = Maker(&registry);
        Ok(Self {
            calls: Calls {
                ended: new.counter(
                    "sekisho_grpc_calls_total",
                    "gRPC calls that ended, by service and gRPC status code.",
                    &["service", "code"],
                )?,
                under_way: new.gauge(
                    "sekisho_grpc_calls_under_way",
                    "gRPC calls under way.",
                    &["service"],
                )?,
                took: new.seconds(
                    "sekisho_grpc_call_seconds",
                    "Time from a gRPC call's arrival to the end of its answer.",
                    &["service"],
                )?,
                not_taken: new.counter(
                    "sekisho_grpc_calls_not_taken_total",
                    "gRPC calls refused because this process is about to stop.",
                    &["service"],
                )?,
            },
            outcomes: new.counter(
                "sekisho_broker_outcomes_total",
                "What asked networks ended in, by asking and asked network.",
                &["asking", "asked", "outcome"],
            )?,
            ask_took: new.seconds(
                "sekisho_broker_ask_seconds",
                "Time from asking a network to its outcome.",
                &["asked"],
            )?,
            request_took: new.seconds(
                "sekisho_broker_request_seconds",
                "Time from a request's arrival to the end of its answer.",
                &["action"],
            )?,
            decide_took: new.second(
                "sekisho_broker_decide_seconds",
                "Time from a request's arrival to the ledger's decision, applied here.",
            )?,
            answers: new.counter(
                "sekisho_node_answers_total",
                "Answers this node signed, by asking network and outcome.",
                &["asking", "outcome"],
            )?,
            sent: new.counter(
                "sekisho_node_content_sent_bytes_total",
                "Bytes of document contents that left for a network.",
                &["to"],
            )?,
            received: new.counter(
                "sekisho_node_content_received_bytes_total",
                "Bytes of document contents that came from a network, verified.",
                &["from"],
            )?,
            ingests: new.counter(
                "sekisho_node_ingest_runs_total",
                "Times all sources were read to the end.",
                &[],
            )?,
            ingest_files: new.counter(
                "sekisho_node_ingest_files_total",
                "Files met when sources were read.",
                &["state"],
            )?,
            ingest_bytes: new.counter(
                "sekisho_node_ingest_read_bytes_total",
                "Bytes read from sources.",
                &[],
            )?,
            names: Names::default(),
            registry,
        })
    }

    /// Which networks may be named.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// What is counted of gRPC calls.
    pub fn calls(&self) -> Calls {
        self.calls.clone()
    }

    pub(super) fn registry(&self) -> &Registry {
        &self.registry
    }
}

impl sekisho_broker::Observe for Metrics {
    fn decided(&self, took: Duration) {
        self.decide_took.observe(took.as_secs_f64());
    }

    fn ended(&self, end: End<'_>) {
        let (asking, asked) = (self.names.label(end.asking), self.names.label(end.asked));
        count(&self.outcomes, &[asking, asked, end.outcome.code()], 1);
        let Some(took_ms) = end.took_ms else { return };
        if let Ok(histogram) = self.ask_took.get_metric_with_label_values(&[asked]) {
            histogram.observe(Duration::from_millis(took_ms).as_secs_f64());
        }
    }

    fn answered(&self, action: Action, took: Duration) {
        let action = match action {
            Action::FindDocuments => "find",
            Action::RetrieveDocument => "retrieve",
            Action::FindPatients => "search",
        };
        if let Ok(histogram) = self.request_took.get_metric_with_label_values(&[action]) {
            histogram.observe(took.as_secs_f64());
        }
    }
}

impl sekisho_node::Observe for Metrics {
    fn answered(&self, asking: &NetworkId, outcome: &NetworkOutcome) {
        let asking = self.names.label(asking);
        count(&self.answers, &[asking, outcome.code()], 1);
    }

    fn sent(&self, to: &NetworkId, bytes: usize) {
        count(&self.sent, &[self.names.label(to)], bytes as u64);
    }

    fn received(&self, from: &NetworkId, bytes: usize) {
        count(&self.received, &[self.names.label(from)], bytes as u64);
    }

    fn ingested(&self, report: &IngestReport) {
        let sum = |of: fn(&Report) -> u64| report.sources.iter().map(of).sum::<u64>();
        count(&self.ingests, &[], 1);
        for (state, files) in [
            ("changed", sum(|source| source.changed)),
            ("unchanged", sum(|source| source.unchanged)),
            ("ignored", sum(|source| source.ignored)),
            ("forgotten", sum(|source| source.forgotten)),
        ] {
            count(&self.ingest_files, &[state], files);
        }
        count(&self.ingest_bytes, &[], sum(|source| source.read_bytes));
    }
}

/// A wrong number of labels is a fault of this file, which its test finds; it must not stop anybody's request.
fn count(counter: &IntCounterVec, labels: &[&str], by: u64) {
    if let Ok(counter) = counter.get_metric_with_label_values(labels) {
        counter.inc_by(by);
    }
}

/// Makes and registers.
struct Maker<'a>(&'a Registry);

impl Maker<'_> {
    fn counter(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntCounterVec, prometheus::Error> {
        let made = IntCounterVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(made.clone()))?;
        Ok(made)
    }

    fn gauge(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntGaugeVec, prometheus::Error> {
        let made = IntGaugeVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(made.clone()))?;
        Ok(made)
    }

    fn seconds(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<HistogramVec, prometheus::Error> {
        let options = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
        let made = HistogramVec::new(options, labels)?;
        self.0.register(Box::new(made.clone()))?;
        Ok(made)
    }

    fn second(&self, name: &str, help: &str) -> Result<Histogram, prometheus::Error> {
        let options = HistogramOpts::new(name, help).buckets(SECONDS.to_vec());
        let made = Histogram::with_opts(options)?;
        self.0.register(Box::new(made.clone()))?;
        Ok(made)
    }
}

/// A gRPC status code as a label.
fn name_of(code: Code) -> &'static str {
    match code {
        Code::Ok => "ok",
        Code::Cancelled => "cancelled",
        Code::Unknown => "unknown",
        Code::InvalidArgument => "invalid-argument",
        Code::DeadlineExceeded => "deadline-exceeded",
        Code::NotFound => "not-found",
        Code::AlreadyExists => "already-exists",
        Code::PermissionDenied => "permission-denied",
        Code::ResourceExhausted => "resource-exhausted",
        Code::FailedPrecondition => "failed-precondition",
        Code::Aborted => "aborted",
        Code::OutOfRange => "out-of-range",
        Code::Unimplemented => "unimplemented",
        Code::Internal => "internal",
        Code::Unavailable => "unavailable",
        Code::DataLoss => "data-loss",
        Code::Unauthenticated => "unauthenticated",
    }
}
