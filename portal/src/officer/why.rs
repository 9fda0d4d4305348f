//! Every check of one decision, with the state as it was: the ledger is applied again from its first leaf up to there.

use super::Asked;
use super::replay::{Failure, LEAVES_MAX, blocking, replayed};
use crate::fault::Fault;
use crate::page::{Page, html};
use crate::state::Portal;
use askama::Template;
use axum::response::Response;
use sekisho_domain::{Body, EntryIndex};
use sekisho_ledger::history::{Replay, Why, why};
use sekisho_node::LedgerFault;
use sekisho_words::Names;

#[derive(Template)]
#[template(path = "officer-why.html")]
struct WhyPage<'a> {
    page: Page<'a>,
    index: u64,
    /// Leaves that were applied again; none where it would be too many.
    leaves: Option<u64>,
    max: u64,
    /// One text for each asked network.
    said: Vec<String>,
}

/// What the ledger's own rules say of a decision, from nothing but its leaves.
pub enum Explained {
    Done(Vec<Why>, Box<Names>),
    TooLong,
}

pub async fn page(asked: Asked) -> Result<Response, Fault> {
    let index = asked.index()?;
    let explained = explain(&asked.portal, index).await?;
    let page = asked.page("officer-why");
    let (leaves, said) = match &explained {
        Explained::TooLong => (None, Vec::new()),
        Explained::Done(all, names) => {
            let said = all.iter().map(|one| {
                let said = sekisho_words::why(one, names, asked.visitor.language);
                asked.visitor.language.pick(said.ja, said.en)
            });
            (Some(index.0), said.collect())
        }
    };
    html(&WhyPage {
        page,
        index: index.0,
        leaves,
        max: LEAVES_MAX,
        said,
    })
}

async fn explain(portal: &Portal, index: EntryIndex) -> Result<Explained, Fault> {
    let read = portal.ask(move |snapshot| {
        let view = snapshot.view();
        if view.access(index).map_err(LedgerFault::from)?.is_none() {
            return Ok(None);
        }
        let leaf = view.leaf(index).map_err(LedgerFault::from)?;
        Ok(leaf)
    });
    let bytes = read.await?.ok_or(Fault::NotFound)?;
    let Some(replayed) = replayed(portal, index, LEAVES_MAX).await? else {
        return Ok(Explained::TooLong);
    };
    blocking(move || {
        let leaf = replayed.replay.next(&bytes)?;
        explained(&replayed.replay, &leaf)
    })
    .await
}

fn explained(replay: &Replay, leaf: &sekisho_ledger::Leaf) -> Result<Explained, Failure> {
    let Body::AccessRequest(request) = &leaf.entry.body else {
        return Ok(Explained::Done(Vec::new(), Box::default()));
    };
    let why = why(replay.view(), request, leaf.time)?;
    let names = Names::of(replay.view())?;
    Ok(Explained::Done(why, Box::new(names)))
}
