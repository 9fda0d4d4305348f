//! Who read officers' pages.

use super::{Asked, ROWS_MAX};
use crate::accounts::Part;
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
    older: Option<u64>,
    newer: Option<u64>,
}

pub async fn page(asked: Asked) -> Result<Response, Fault> {
    let part = match (asked.said_index("before"), asked.said_index("after")) {
        (Some(number), _) => Part::Before(number.0),
        (None, Some(number)) => Part::After(number.0),
        (None, None) => Part::Newest,
    };
    let readings = asked
        .portal
        .accounts(move |accounts| accounts.readings(part, ROWS_MAX));
    let readings = readings.await?;
    let (first, last) = (readings.first(), readings.last());
    // Numbers begin at 0, and this very reading is the last one.
    let older = last.map(|(number, _)| *number).filter(|n| *n > 0);
    let newer = first.map(|(number, _)| *number);
    let page = asked.page("officer-readings");
    let lines = readings.into_iter().map(|(_, reading)| Line {
        time: page.moment(reading.time),
        account: reading.account,
        page: reading.page,
        about: reading.about,
    });
    html(&Readings {
        lines: lines.collect(),
        older,
        newer: newer.filter(|_| part != Part::Newest),
        page,
    })
}
