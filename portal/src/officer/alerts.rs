//! Accesses that were pointed out.

use super::access::local;
use super::{Asked, ROWS_MAX};
use crate::accesses::Raised;
use crate::fault::Fault;
use crate::page::{Page, html};
use askama::Template;
use axum::response::Response;
use sekisho_domain::{EntryIndex, NetworkId, PractitionerId};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

/// An alert in words.
pub struct Alert {
    pub index: u64,
    pub time: String,
    pub viewing: String,
    pub who: String,
    pub local: Option<String>,
    pub pattern: String,
    pub accesses: Vec<u64>,
}

#[derive(Template)]
#[template(path = "officer-alerts.html")]
struct Alerts<'a> {
    page: Page<'a>,
    alerts: Vec<Alert>,
    all: bool,
    older: Option<u64>,
    behind: u64,
}

/// Alerts before an index, newest first: those about this network's practitioners and about what this network was asked,
/// or all. And the index before which there may be more.
pub async fn raised(
    asked: &Asked,
    before: Option<EntryIndex>,
    all: bool,
    max: usize,
) -> Result<(Vec<Raised>, Option<u64>), Fault> {
    let own = asked.portal.settings.network.clone();
    asked
        .portal
        .accesses(move |accesses| {
            let raised = accesses.alerts(before, max)?;
            let full = raised.len() == max;
            let older = raised.last().filter(|_| full).map(|last| last.index.0);
            let mut found = Vec::new();
            for it in raised {
                if all || concerns(accesses, &it, &own)? {
                    found.push(it);
                }
            }
            Ok((found, older))
        })
        .await
}

fn concerns(
    accesses: &crate::accesses::Accesses,
    raised: &Raised,
    own: &NetworkId,
) -> Result<bool, crate::accesses::AccessesFault> {
    if raised.alert.viewing == *own {
        return Ok(true);
    }
    for index in &raised.alert.accesses {
        let row = accesses.row(*index)?;
        if row.is_some_and(|row| row.targets.iter().any(|t| t.network == *own)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Those in words, and whom they are about where that is somebody of this network.
pub async fn shown(asked: &Asked, raised: &[Raised]) -> Result<Vec<Alert>, Fault> {
    let own = &asked.portal.settings.network;
    let mut known = BTreeMap::<PractitionerId, Option<String>>::new();
    for it in raised.iter().filter(|it| it.alert.viewing == *own) {
        let who = it.alert.practitioner;
        if let Entry::Vacant(place) = known.entry(who) {
            place.insert(local(&asked.portal.node, &who).await?);
        }
    }
    let page = asked.page("officer-alerts");
    let one = |it: &Raised| Alert {
        index: it.index.0,
        time: page.moment(it.time),
        viewing: it.alert.viewing.to_string(),
        who: it.alert.practitioner.to_string(),
        local: known.get(&it.alert.practitioner).cloned().flatten(),
        pattern: page
            .pick(it.alert.pattern.ja(), it.alert.pattern.en())
            .to_owned(),
        accesses: it.alert.accesses.iter().map(|index| index.0).collect(),
    };
    Ok(raised.iter().map(one).collect())
}

pub async fn page(asked: Asked) -> Result<Response, Fault> {
    let all = asked.said("all") == "1";
    let (found, older) = raised(&asked, asked.said_index("before"), all, ROWS_MAX).await?;
    html(&Alerts {
        alerts: shown(&asked, &found).await?,
        all,
        older,
        behind: asked.portal.rows.behind(),
        page: asked.page("officer-alerts"),
    })
}
