//! Who read officers' pages.

use super::{Asked, ROWS_MAX};
use crate::fault::Fault;
use crate::page::{Page, html};
use askama::Template;
use axum::response::Response;

struct Line {
    time: String,
    account: String,
    page: String,
    about: Option<u64>,
}

#[derive(Template)]
#[template(path = "officer-readings.html")]
struct Readings<'a> {
    page: Page<'a>,
    lines: Vec<Line>,
    max: usize,
}

pub async fn page(asked: Asked) -> Result<Response, Fault> {
    let readings = asked
        .portal
        .accounts(|accounts| accounts.readings(ROWS_MAX));
    let readings = readings.await?;
    let page = asked.page("officer-readings");
    let lines = readings.into_iter().map(|reading| Line {
        time: page.moment(reading.time),
        account: reading.account,
        page: reading.page,
        about: reading.about,
    });
    html(&Readings {
        lines: lines.collect(),
        max: ROWS_MAX,
        page,
    })
}
