//! Every check of one decision, with the state as it was: the ledger is applied again from its first leaf up to there.

use super::Asked;
use crate::fault::Fault;
use crate::page::{Page, html};
use crate::state::Portal;
use askama::Template;
use axum::response::Response;
use sekisho_domain::{Body, EntryIndex};
use sekisho_ledger::history::{Replay, Why, why};
use sekisho_node::{LedgerFault, NodeError};
use sekisho_words::Names;
use std::sync::Arc;
use std::time::Duration;

/// Leaves applied again for a page: about a minute of one processor, and some hundred megabytes while it lasts. Beyond it
/// the page names the command that does it with all the machine's means.
pub const LEAVES_MAX: u64 = 100_000;
/// How long an officer waits for another's explanation.
const WAIT: Duration = Duration::from_secs(30);
/// Leaves read at once.
const CHUNK: usize = 512;

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
    let access = portal.ask(move |snapshot| {
        let access = snapshot.view().access(index);
        Ok(access.map_err(LedgerFault::from)?)
    });
    access.await?.ok_or(Fault::NotFound)?;
    if index.0 > LEAVES_MAX {
        return Ok(Explained::TooLong);
    }
    let waited = tokio::time::timeout(WAIT, portal.replays.acquire()).await;
    let _place = waited
        .map_err(|_| NodeError::Late)?
        .map_err(|_| Fault::Stopping)?;
    let genesis = Arc::clone(&portal.genesis);
    let mut replay = blocking(move || Ok(Replay::begin(&genesis)?)).await?;
    loop {
        let from = EntryIndex(replay.size());
        let leaves = portal.ask(move |snapshot| {
            let leaves = snapshot.view().leaves(from, CHUNK);
            Ok(leaves.map_err(LedgerFault::from)?)
        });
        let leaves = leaves.await?;
        if leaves.is_empty() {
            return Err(Fault::NotFound);
        }
        let (onwards, explained) = blocking(move || {
            for bytes in &leaves {
                let leaf = replay.next(bytes)?;
                if leaf.index == index {
                    let explained = explained(&replay, &leaf)?;
                    return Ok((replay, Some(explained)));
                }
                replay.apply(leaf, bytes)?;
            }
            Ok((replay, None))
        })
        .await?;
        if let Some(explained) = explained {
            return Ok(explained);
        }
        replay = onwards;
    }
}

fn explained(replay: &Replay, leaf: &sekisho_ledger::Leaf) -> Result<Explained, Failure> {
    let Body::AccessRequest(request) = &leaf.entry.body else {
        return Ok(Explained::Done(Vec::new(), Box::default()));
    };
    let why = why(replay.view(), request, leaf.time)?;
    let names = Names::of(replay.view())?;
    Ok(Explained::Done(why, Box::new(names)))
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A leaf that does not lead to what was recorded is the replica's fault, and is told as one.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Fault> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|_| Fault::Stopping)?;
    done.map_err(|error| LedgerFault::State(error).into())
}
