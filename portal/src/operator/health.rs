//! How this node and its replica are.

use super::trouble::{Trouble, lag, troubles};
use crate::fault::Fault;
use crate::page::{Page, Visitor, answered, html};
use crate::state::Portal;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::{LedgerId, TimeMs};
use sekisho_ingest::follow::Sight;
use sekisho_node::Health;
use sekisho_proto::v1;

struct Ledger {
    id: String,
    replica: u64,
    role: String,
    leader: String,
    term: u64,
    applied: String,
    size: u64,
    published: u64,
    last: String,
    quorum: Option<u64>,
    lineage: u64,
    members: Vec<Member>,
    refused: Vec<(String, u64)>,
}

struct Member {
    replica: u64,
    network: String,
    endpoint: String,
    votes: bool,
    in_group: bool,
    lag: Option<u64>,
}

struct Source {
    id: String,
    sight: String,
}

#[derive(Template)]
#[template(path = "operator-health.html")]
struct HealthPage<'a> {
    page: Page<'a>,
    /// The moment all of it was asked.
    time: String,
    troubles: Vec<Trouble>,
    ledger: Option<Ledger>,
    ready: bool,
    outbox: u64,
    documents: u64,
    files: u64,
    kinds: Vec<(String, u64, u64, u64)>,
    quarantined: Vec<(&'static str, &'static str, u64)>,
    sources: Vec<Source>,
    metrics: Option<String>,
}

/// What this portal knows of how things are.
pub async fn asked(portal: &Portal) -> Result<(Option<v1::StatusReply>, Health), Fault> {
    let status = portal.standing.status().await;
    Ok((status, portal.node.health().await?))
}

pub async fn page(State(portal): State<Portal>, visitor: Visitor) -> Response {
    answered(&portal, &visitor, made(&portal, &visitor)).await
}

async fn made(portal: &Portal, visitor: &Visitor) -> Result<Response, Fault> {
    let (status, health) = asked(portal).await?;
    let page = Page::new(portal, visitor, "operator-health");
    let now = portal.environment.now();
    let troubles = troubles(status.as_ref(), &health, portal.rows.behind(), now);
    let kinds = health.documents.kinds.iter().map(|(kind, counts)| {
        let counts = (counts.approved, counts.deprecated, counts.deleted);
        (kind.clone(), counts.0, counts.1, counts.2)
    });
    let quarantined = health.documents.quarantined.iter();
    let sources = health.sources.iter().map(|source| Source {
        id: source.id.to_string(),
        sight: sight(source.sight, &page),
    });
    html(&HealthPage {
        time: page.moment(now),
        troubles,
        ledger: status.as_ref().map(|status| ledger(status, &page)),
        ready: health.ready,
        outbox: health.outbox,
        documents: health.documents.documents(),
        files: health.documents.files(),
        kinds: kinds.collect(),
        quarantined: quarantined
            .map(|(reason, n)| (reason.code(), page.pick(reason.ja(), reason.en()), *n))
            .collect(),
        sources: sources.collect(),
        metrics: portal.standing.metrics(),
        page,
    })
}

fn sight(sight: Option<Sight>, page: &Page<'_>) -> String {
    match sight {
        None => page.t("operator-sight-none"),
        Some(Sight::Polled) => page.t("operator-sight-polled"),
        Some(Sight::Watched { folders }) => page.with("operator-sight-watched", "count", folders),
        Some(Sight::Partly { folders, unwatched }) => page.with2(
            "operator-sight-partly",
            "count",
            folders,
            "others",
            unwatched,
        ),
    }
}

fn ledger(status: &v1::StatusReply, page: &Page<'_>) -> Ledger {
    let own = status.members.iter().find(|m| m.replica == status.replica);
    let role = match status.leader {
        _ if !status.ready => "operator-role-starting",
        None => "operator-role-no-leader",
        Some(leader) if leader == status.replica => "operator-role-leader",
        Some(_) if own.is_some_and(|m| m.voter) => "operator-role-follower",
        Some(_) => "operator-role-learner",
    };
    let leader = status.leader.map(|leader| {
        let of = status.members.iter().find(|m| m.replica == leader);
        match of {
            Some(of) => format!("{leader} ({})", of.network),
            None => leader.to_string(),
        }
    });
    Ledger {
        id: LedgerId::try_from(status.ledger.as_slice())
            .map(|id| id.to_string())
            .unwrap_or_default(),
        replica: status.replica,
        role: page.t(role),
        leader: leader.unwrap_or_else(|| "–".to_owned()),
        term: status.term,
        applied: format!("{} / {}", status.log_applied, status.log_last),
        size: status.tree_size,
        published: status.published_size,
        last: page.moment(TimeMs(status.time_ms)),
        quorum: status.quorum_ack_ms,
        lineage: status.lineage,
        members: status
            .members
            .iter()
            .map(|member| Member {
                replica: member.replica,
                network: member.network.clone(),
                endpoint: member.endpoint.clone(),
                votes: member.voter,
                in_group: member.in_group,
                lag: lag(status, member),
            })
            .collect(),
        refused: status
            .refused
            .iter()
            .map(|of| (of.kind.clone(), of.count))
            .collect(),
    }
}
