//! What is asked of ledger and node at each scrape.

use super::kept::Metrics;
use super::page::Page;
use crate::side::Side;
use prometheus::TextEncoder;
use sekisho_documents::{Counters, QuarantineReason};
use sekisho_domain::NetworkId;
use sekisho_light::Standing;
use sekisho_node::{Node, NodeError};
use sekisho_portal::{Portal, Refusal};
use sekisho_replica::Status;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::watch;

/// Why a scrape has no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    /// The node's store or index.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// A fault of this module.
    #[error(transparent)]
    Page(#[from] prometheus::Error),
    /// A thread of ours ended.
    #[error("the node could not be asked")]
    Ended(#[from] tokio::task::JoinError),
}

/// What a running process can be asked.
pub struct Source {
    /// What is counted as it happens.
    pub metrics: Arc<Metrics>,
    /// The network it belongs to.
    pub network: NetworkId,
    /// Where it has its ledger from.
    pub side: Side,
    /// Its node, if it runs one.
    pub node: Option<Node>,
    /// Its pages, if it serves them.
    pub portal: Option<Portal>,
    /// Whether its health is SERVING.
    pub serving: watch::Receiver<bool>,
    /// When it was started.
    pub started: SystemTime,
}

impl Source {
    /// Everything, as Prometheus reads it.
    pub(super) async fn text(&self) -> Result<String, Failed> {
        let page = Page::default();
        match &self.side {
            Side::Replica(replica) => {
                let status = replica.status().await;
                self.process(&page, status.is_err())?;
                // Without its store the replica has stopped, which is told.
                if let Ok(status) = status {
                    ledger(&page, &status)?;
                }
            }
            Side::Light(light) => {
                self.process(&page, false)?;
                voters(&page, &light.standing())?;
            }
        }
        if let Some(node) = self.node.clone() {
            let asked = tokio::task::spawn_blocking(move || Holding::of(&node));
            asked.await??.tell(&page)?;
        }
        if let Some(portal) = &self.portal {
            sign_in(&page, &portal.refused())?;
        }
        let mut families = page.families();
        families.extend(self.metrics.registry().gather());
        families.sort_by(|a, b| a.name().cmp(b.name()));
        Ok(TextEncoder::new().encode_to_string(&families)?)
    }

    /// Has the networks that are on the ledger now named in labels, and no others.
    pub async fn know_members(&self) {
        match self.side.members().await {
            Some(members) => self.metrics.names().set(members),
            // Its store failed, or too few voters answer, which is told elsewhere; the names known stay.
            None => tracing::debug!("the members cannot be read"),
        }
    }

    fn process(&self, page: &Page, unreadable: bool) -> Result<(), prometheus::Error> {
        page.gauges(
            "sekisho_build_info",
            "The program's version; always 1.",
            "version",
            [(env!("CARGO_PKG_VERSION"), 1.0)],
        )?;
        page.gauges(
            "sekisho_network_info",
            "The network this process belongs to; always 1.",
            "network",
            [(self.network.as_str(), 1.0)],
        )?;
        let started = self.started.duration_since(UNIX_EPOCH).unwrap_or_default();
        page.gauge(
            "process_start_time_seconds",
            "When the process was started, in seconds since 1970.",
            started.as_secs_f64(),
        )?;
        page.whether(
            "sekisho_serving",
            "Whether gRPC health of the whole process is SERVING.",
            *self.serving.borrow(),
        )?;
        page.whether(
            "sekisho_ledger_stopped",
            "Whether the replica takes nothing more: it is being stopped, or its store failed.",
            unreadable || self.side.is_stopped(),
        )
    }
}

/// What was turned away, by kind: every one, so that the first of a kind is seen as a rise from nought.
pub(super) const REFUSALS: [&str; 21] = [
    "malformed",
    "other-ledger",
    "outside-window",
    "unknown-key",
    "bad-signature",
    "request-id-reused",
    "overloaded",
    "displaced",
    "not-now",
    "not-a-replica",
    "other-replica",
    "leader-clock",
    "leader-forged",
    "snapshot-behind",
    "snapshot-broken",
    "connection-handshake",
    "connection-slow",
    "connection-gave-way",
    "connection-too-many",
    "connection-too-many-of-one",
    "connection-unread",
];

/// What a replica is to the others; one of these at a time.
pub(super) const ROLES: [&str; 5] = ["starting", "leader", "follower", "learner", "no-leader"];

fn role(status: &Status) -> &'static str {
    let voter = |m: &&sekisho_replica::MemberStatus| m.replica == status.replica && m.voter;
    match status.leader {
        _ if !status.ready => "starting",
        Some(leader) if leader == status.replica => "leader",
        None => "no-leader",
        Some(_) if status.members.iter().any(|m| voter(&m)) => "follower",
        Some(_) => "learner",
    }
}

fn seconds(ms: u64) -> f64 {
    Duration::from_millis(ms).as_secs_f64()
}

/// Where the replica stands.
pub(super) fn ledger(page: &Page, status: &Status) -> Result<(), prometheus::Error> {
    let of = role(status);
    page.gauges(
        "sekisho_ledger_role",
        "1 for what this replica is to the others, 0 for what it is not.",
        "role",
        ROLES.map(|role| (role, if role == of { 1.0 } else { 0.0 })),
    )?;
    page.whether(
        "sekisho_ledger_ready",
        "Whether the replica has caught up since its start.",
        status.ready,
    )?;
    for (name, help, value) in [
        (
            "sekisho_ledger_term",
            "Raft term; grows by one with each election.",
            status.term as f64,
        ),
        (
            "sekisho_ledger_log_last_index",
            "Last index of the Raft log here.",
            status.log_last as f64,
        ),
        (
            "sekisho_ledger_log_applied_index",
            "Last index of the Raft log that is applied here.",
            status.log_applied as f64,
        ),
        (
            "sekisho_ledger_tree_leaves",
            "Leaves applied here.",
            status.tree_size as f64,
        ),
        (
            "sekisho_ledger_published_leaves",
            "Leaves under the last checkpoint that a majority cosigned.",
            status.published_size as f64,
        ),
        (
            "sekisho_ledger_last_entry_time_seconds",
            "The ledger's time of the last entries, in seconds since 1970.",
            seconds(status.time.0),
        ),
        (
            "sekisho_ledger_alarms",
            "What an operator must look at (`sekisho ledger status` says what).",
            status.alarms.len() as f64,
        ),
        (
            "sekisho_ledger_voters",
            "Replicas that vote, as this one knows.",
            status.members.iter().filter(|m| m.voter).count() as f64,
        ),
    ] {
        page.gauge(name, help, value)?;
    }
    page.whether(
        "sekisho_ledger_membership_waits",
        "On the leader: whether the group is not yet what the ledger says.",
        status.waits.is_some(),
    )?;
    if let Some(ms) = status.quorum_ack_ms {
        page.gauge(
            "sekisho_ledger_quorum_ack_age_seconds",
            "On the leader: time since a majority last acknowledged it.",
            seconds(ms),
        )?;
    }
    let counts: BTreeMap<_, _> = status.refused.iter().copied().collect();
    page.counters(
        "sekisho_ledger_refusals_total",
        "What the replica turned away, by kind (docs/operate/refusals.md).",
        "kind",
        REFUSALS.map(|kind| (kind, counts.get(kind).copied().unwrap_or_default())),
    )
}

/// How it stands with the voters of a process without a replica.
/// Who was not let in with the identity provider; nothing where there is none.
pub(super) fn sign_in(page: &Page, refused: &[(Refusal, u64)]) -> Result<(), prometheus::Error> {
    page.counters(
        "sekisho_portal_signin_refusals_total",
        "Who came back from the identity provider and was not let in, by reason.",
        "refusal",
        refused
            .iter()
            .map(|(reason, count)| (reason.code(), *count)),
    )
}

pub(super) fn voters(page: &Page, standing: &Standing) -> Result<(), prometheus::Error> {
    for (name, help, value) in [
        (
            "sekisho_light_voters_named",
            "Voters the configuration names.",
            standing.named as f64,
        ),
        (
            "sekisho_light_voters",
            "Those of them that vote, as two last said.",
            standing.voting as f64,
        ),
        (
            "sekisho_light_tree_leaves",
            "Leaves that two voters were seen to have.",
            standing.leaves as f64,
        ),
    ] {
        page.gauge(name, help, value)?;
    }
    page.whether(
        "sekisho_light_agreed",
        "Whether two voters told the same within the last 15 seconds.",
        standing.ready,
    )?;
    let contradicted = standing.contradicted.iter();
    let contradicted: Vec<_> = contradicted.map(|(id, n)| (id.to_string(), *n)).collect();
    page.counters(
        "sekisho_light_contradictions_total",
        "How often a voter contradicted two others, or what came from it was not its signed word.",
        "replica",
        contradicted.iter().map(|(id, n)| (id.as_str(), *n)),
    )
}

/// What a node holds.
pub(super) struct Holding {
    pub sources_read: bool,
    pub outbox: u64,
    pub documents: Counters,
}

impl Holding {
    /// Blocks.
    fn of(node: &Node) -> Result<Self, NodeError> {
        Ok(Self {
            sources_read: node.answers_documents(),
            outbox: node.outbox_total()?,
            documents: node.documents()?,
        })
    }

    pub fn tell(&self, page: &Page) -> Result<(), prometheus::Error> {
        page.whether(
            "sekisho_node_sources_read",
            "Whether every source has been read, so that documents are answered.",
            self.sources_read,
        )?;
        page.gauge(
            "sekisho_node_outbox_entries",
            "Releases and receipts that are not on the ledger yet.",
            self.outbox as f64,
        )?;
        page.gauge(
            "sekisho_node_documents",
            "Documents that can be answered.",
            self.documents.documents() as f64,
        )?;
        let of = |reason: &QuarantineReason| self.documents.quarantined.get(reason);
        page.gauges(
            "sekisho_node_quarantined_files",
            "Files kept from answers, by reason.",
            "reason",
            QuarantineReason::ALL.iter().map(|reason| {
                let files = of(reason).copied().unwrap_or_default();
                (reason.code(), files as f64)
            }),
        )
    }
}
