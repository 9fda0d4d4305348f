//! Documents one side let go and the other does not say it got, or the other way round.

use super::{Asked, ROWS_MAX};
use crate::accesses::Row;
use crate::fault::Fault;
use crate::page::{Page, html};
use askama::Template;
use axum::response::Response;
use sekisho_ledger::history::{Mismatch, Recorded, Transfers, Unmatched};

/// Retrievals with half a record that are looked at: far more than there are where officers look at them.
const LOOSE_MAX: usize = 2_000;

/// A retrieval that does not fit.
pub struct Loose {
    pub access: u64,
    pub viewing: String,
    pub disclosing: String,
    pub release: Option<String>,
    pub receipt: Option<String>,
    pub mismatch: String,
}

#[derive(Template)]
#[template(path = "officer-unmatched.html")]
struct UnmatchedPage<'a> {
    page: Page<'a>,
    rows: Vec<Loose>,
    all: bool,
    /// How many more there are.
    more: usize,
    behind: u64,
}

/// Those of this network, or of all: oldest first.
pub async fn unmatched(asked: &Asked, all: bool) -> Result<Vec<Unmatched>, Fault> {
    let rows = asked
        .portal
        .accesses(|accesses| accesses.loose(LOOSE_MAX))
        .await?;
    let own = asked.portal.settings.network.clone();
    let now = asked.portal.environment.now();
    let found = asked.portal.ask(move |snapshot| {
        // The same rule as the command line's, over the few leaves it can be about.
        let mut transfers = Transfers::default();
        for Row {
            index,
            release,
            receipt,
            ..
        } in &rows
        {
            let mut halves = [*release, *receipt];
            halves.sort();
            for at in [Some(*index)].into_iter().chain(halves).flatten() {
                if let Some(leaf) = snapshot.leaf(at)? {
                    transfers.take(&leaf);
                }
            }
        }
        Ok(transfers.unmatched(now))
    });
    let found = found.await?.into_iter();
    Ok(found
        .filter(|it| all || it.viewing == own || it.disclosing == own)
        .collect())
}

/// Those in words.
pub fn shown(found: &[Unmatched], page: &Page<'_>) -> Vec<Loose> {
    let side = |recorded: &Option<Recorded>| {
        recorded.as_ref().map(|it| {
            let time = page.moment(it.time);
            page.with2("officer-at-index", "what", time, "index", it.index.0)
        })
    };
    let one = |it: &Unmatched| Loose {
        access: it.access.0,
        viewing: it.viewing.to_string(),
        disclosing: it.disclosing.to_string(),
        release: side(&it.release),
        receipt: side(&it.receipt),
        mismatch: page.t(match it.mismatch {
            Mismatch::ReleaseOnly => "officer-mismatch-release-only",
            Mismatch::ReceiptOnly => "officer-mismatch-receipt-only",
            Mismatch::Different => "officer-mismatch-different",
        }),
    };
    found.iter().map(one).collect()
}

pub async fn page(asked: Asked) -> Result<Response, Fault> {
    let all = asked.said("all") == "1";
    let mut found = unmatched(&asked, all).await?;
    let more = found.len().saturating_sub(ROWS_MAX);
    found.truncate(ROWS_MAX);
    let page = asked.page("officer-unmatched");
    html(&UnmatchedPage {
        rows: shown(&found, &page),
        all,
        more,
        behind: asked.portal.rows.behind(),
        page,
    })
}
