//! What a running process tells Prometheus, at a plain-HTTP address of this machine.
//!
//! ```text
//! broker, node ──Observe──▶ Metrics ─┐ counters and histograms, kept
//! Door (each gRPC call) ───Calls──▶  ┤
//! replica, node ──at each scrape──▶ page: gauges as they are now ──▶ text ──▶ GET /metrics
//! ```
//! A label is one of a list written here, or a network that is a member of the ledger ([`Names`]); anything else is
//! `other`. No patient, practitioner, facility, document or free text is ever a label: `docs/operate/metrics.md` lists
//! every metric with its labels, and a test compares.

mod http;
mod kept;
mod names;
mod now;
mod page;

pub use http::{check_address, serve};
pub use kept::{Calls, Metrics};
pub use names::{Names, OTHER};
pub use now::Source;

/// Where the metrics are, of the address they are served at.
pub fn url(address: std::net::SocketAddr) -> String {
    format!("http://{address}{PATH}")
}

#[cfg(test)]
pub(crate) fn kept_text(metrics: &Metrics) -> String {
    let families = metrics.registry().gather();
    prometheus::TextEncoder::new()
        .encode_to_string(&families)
        .unwrap_or_default()
}

/// The one path that is answered.
const PATH: &str = "/metrics";

#[cfg(test)]
#[expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#[path = "metrics_test.rs"]
mod tests;
