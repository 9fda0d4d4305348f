//! One access, and a question about it to the officer of this network.

use super::accesses::{Looked, looked};
use super::{About, about};
use crate::accounts::Question;
use crate::fault::Fault;
use crate::form::Sent;
use crate::page::{Page, Visitor, answered, html};
use crate::state::Portal;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;

/// Longest question, in bytes: a page.
const QUESTION_BYTES_MAX: usize = 4_000;

#[derive(Template)]
#[template(path = "patient-access.html")]
struct AccessPage<'a> {
    page: Page<'a>,
    looked: Looked,
    asked: bool,
}

/// One of this patient's accesses; of nobody else's.
async fn one(page: &Page<'_>, about: &About, index: u64) -> Result<Looked, Fault> {
    let (looked, _) = looked(page, about, Some(index.saturating_add(1)), 1).await?;
    looked
        .into_iter()
        .find(|looked| looked.index == index)
        .ok_or(Fault::NotFound)
}

pub(super) async fn form(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(index): Path<u64>,
) -> Response {
    answered(&portal, &visitor, show(&portal, &visitor, index, false)).await
}

async fn show(
    portal: &Portal,
    visitor: &Visitor,
    index: u64,
    asked: bool,
) -> Result<Response, Fault> {
    let about = about(portal, visitor).await?;
    let page = Page::new(portal, visitor, "patient-access-title");
    let looked = one(&page, &about, index).await?;
    html(&AccessPage {
        looked,
        asked,
        page,
    })
}

pub(super) async fn ask(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(index): Path<u64>,
    sent: Sent,
) -> Response {
    answered(&portal, &visitor, async {
        let about = about(&portal, &visitor).await?;
        let page = Page::new(&portal, &visitor, "patient-access-title");
        one(&page, &about, index).await?;
        let text = sent.field("question").to_owned();
        if text.is_empty() || text.len() > QUESTION_BYTES_MAX {
            return Err(Fault::Entered("patient-fault-question"));
        }
        let question = Question {
            time: portal.environment.now(),
            account: visitor.person()?.account.clone(),
            about: index,
            text,
            answer: None,
        };
        portal
            .accounts(move |accounts| accounts.ask(&question))
            .await?;
        show(&portal, &visitor, index, true).await
    })
    .await
}
