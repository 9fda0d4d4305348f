//! One access: who asked whom for what, what was decided and on what it rests, and what went over.

use super::rows::{Known, grounds};
use super::{Asked, ROWS_MAX};
use crate::fault::Fault;
use crate::page::{Page, html};
use askama::Template;
use axum::response::Response;
use sekisho_domain::{
    AccessRecord, Action, Body, Category, Decision, EntryIndex, PractitionerId, TimeMs,
};
use sekisho_ledger::record::{EmergencyAccess, RecordedTransfer};
use sekisho_node::{LedgerFault, NodeError, Operating};
use sekisho_proto::v1;
use sekisho_words::{Words, basis, decision, entry, names_of, outcome};

/// A leaf in one line.
pub struct Line {
    pub index: u64,
    pub time: String,
    pub what: String,
    pub by: String,
    pub outcome: String,
}

struct Decided {
    network: String,
    permitted: bool,
    said: String,
    bases: Vec<Based>,
    withheld: usize,
    expires: Option<String>,
}

/// One basis of a permit.
struct Based {
    said: String,
    /// The agreement, to open.
    agreement: Option<String>,
    categories: String,
}

struct Emergency {
    due: String,
    overdue: bool,
    review: Option<String>,
    told: Option<String>,
}

#[derive(Template)]
#[template(path = "officer-access.html")]
struct AccessPage<'a> {
    page: Page<'a>,
    index: u64,
    time: String,
    viewing: String,
    facility: String,
    role: String,
    who: String,
    /// Who it is, where it is one of this network's own.
    local: Option<String>,
    purpose: String,
    grounds: String,
    action: String,
    categories: String,
    decided: Vec<Decided>,
    rests_on: Vec<Line>,
    rests_on_more: usize,
    transfers: Vec<Line>,
    emergency: Option<Emergency>,
}

struct Read {
    access: AccessRecord,
    transfers: Vec<RecordedTransfer>,
    lines: Vec<RawLine>,
    more: usize,
    emergency: Option<EmergencyAccess>,
    known: Known,
}

struct RawLine {
    index: EntryIndex,
    time: TimeMs,
    what: Words,
    by: String,
    outcome: Words,
    transfer: bool,
}

/// Who stands behind a pseudonym of this network's; none if nobody here does.
pub async fn local(node: &Operating, who: &PractitionerId) -> Result<Option<String>, Fault> {
    let practitioner = v1::practitioner::Practitioner::Pseudonym(who.0.to_vec());
    let request = v1::PractitionerRequest {
        practitioner: Some(v1::Practitioner {
            practitioner: Some(practitioner),
        }),
        create: false,
    };
    match node.practitioner_of(request).await {
        Ok(reply) => Ok(Some(reply.local_id)),
        Err(NodeError::NoSuchPractitioner) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn read(asked: &Asked, index: EntryIndex) -> Result<Read, Fault> {
    let read = asked.portal.ask(move |snapshot| {
        let view = snapshot.view();
        let Some(access) = view.access(index).map_err(LedgerFault::from)? else {
            return Ok(None);
        };
        let transfers = view.transfers(index).map_err(LedgerFault::from)?;
        let rests_on = view.rests_on(index).map_err(LedgerFault::from)?;
        let more = rests_on.len().saturating_sub(ROWS_MAX);
        let on = rests_on.into_iter().take(ROWS_MAX).map(|i| (i, false));
        let over = transfers.iter().map(|t| (t.index, true));
        let mut lines = Vec::new();
        for (index, transfer) in on.chain(over) {
            let Some(leaf) = snapshot.leaf(index)? else {
                continue;
            };
            let key = view.key(&leaf.entry.author).map_err(LedgerFault::from)?;
            lines.push(RawLine {
                index,
                time: leaf.time,
                what: entry(&leaf.entry.body),
                by: key
                    .map(|key| key.value.network.to_string())
                    .unwrap_or_default(),
                outcome: outcome(&leaf.outcome),
                transfer: transfer
                    && matches!(leaf.entry.body, Body::Release(_) | Body::Receipt(_)),
            });
        }
        let emergency = view.emergency(index).map_err(LedgerFault::from)?;
        let known = Known::of(snapshot, [access.request.facility.clone()].into())?;
        Ok(Some(Read {
            access,
            transfers,
            lines,
            more,
            emergency: emergency.map(|record| record.value),
            known,
        }))
    });
    read.await?.ok_or(Fault::NotFound)
}

pub async fn page(asked: Asked) -> Result<Response, Fault> {
    let index = asked.index()?;
    let read = read(&asked, index).await?;
    let request = &read.access.request;
    let own = request.viewing == asked.portal.settings.network;
    let local = match own {
        true => local(&asked.portal.node, &request.practitioner_id).await?,
        false => None,
    };
    let page = asked.page("officer-access");
    let categories = request.categories.as_ref();
    let categories = categories.map(|set| names_of!(Category, set));
    let categories = categories.unwrap_or_else(|| Words::new("すべて", "all"));
    let line = |line: &RawLine| Line {
        index: line.index.0,
        time: page.moment(line.time),
        what: page.pick(&line.what.ja, &line.what.en).to_owned(),
        by: line.by.clone(),
        outcome: page.pick(&line.outcome.ja, &line.outcome.en).to_owned(),
    };
    let of = |transfer: bool| read.lines.iter().filter(move |l| l.transfer == transfer);
    debug_assert!(read.transfers.len() >= of(true).count());
    let now = asked.portal.environment.now();
    html(&AccessPage {
        index: index.0,
        time: page.moment(read.access.time),
        viewing: read.known.names.name(&request.viewing),
        facility: read.known.facility(&request.facility),
        role: page.pick(request.role.ja(), request.role.en()).to_owned(),
        who: request.practitioner_id.to_string(),
        local,
        purpose: page
            .pick(request.purpose.ja(), request.purpose.en())
            .to_owned(),
        grounds: grounds(&request.grounds, &page),
        action: page
            .pick(Action::ja(request.action), Action::en(request.action))
            .to_owned(),
        categories: page.pick(&categories.ja, &categories.en).to_owned(),
        decided: decided(&read, &page),
        rests_on: of(false).map(line).collect(),
        rests_on_more: read.more,
        transfers: of(true).map(line).collect(),
        emergency: read.emergency.as_ref().map(|it| emergency(it, now, &page)),
        page,
    })
}

fn decided(read: &Read, page: &Page<'_>) -> Vec<Decided> {
    let one = |(network, of): &(_, Decision)| {
        let said = decision(network, of);
        let (bases, withheld, expires) = match of {
            Decision::Deny(_) => (Vec::new(), 0, None),
            Decision::Permit(terms) => {
                let bases = terms.bases.iter().map(|it| {
                    let (said, categories) = (basis(it), names_of!(Category, &it.categories));
                    Based {
                        said: page.pick(&said.ja, &said.en).to_owned(),
                        agreement: it
                            .grant
                            .as_ref()
                            .map(|(agreement, _)| agreement.id.to_string()),
                        categories: page.pick(&categories.ja, &categories.en).to_owned(),
                    }
                });
                (
                    bases.collect(),
                    terms.withheld.len(),
                    Some(page.moment(terms.expires)),
                )
            }
        };
        Decided {
            network: read.known.names.name(network),
            permitted: matches!(of, Decision::Permit(_)),
            said: page.pick(&said.ja, &said.en).to_owned(),
            bases,
            withheld,
            expires,
        }
    };
    read.access.decisions.iter().map(one).collect()
}

fn emergency(of: &EmergencyAccess, now: TimeMs, page: &Page<'_>) -> Emergency {
    let review = of.review.map(|(verdict, _, index)| {
        page.with2(
            "officer-at-index",
            "what",
            page.pick(verdict.ja(), verdict.en()),
            "index",
            index.0,
        )
    });
    let told = of.told.map(|(way, index)| {
        let way = page.pick(way.ja(), way.en());
        page.with2("officer-at-index", "what", way, "index", index.0)
    });
    Emergency {
        due: page.moment(of.due),
        overdue: of.is_overdue(now),
        review,
        told,
    }
}
