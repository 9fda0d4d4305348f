//! Accesses by what is looked for.

use super::rows::{Shown, shown};
use super::{Asked, ROWS_MAX};
use crate::accesses::{Turn, Wanted, Window};
use crate::fault::Fault;
use crate::page::{Page, html};
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use sekisho_domain::{NetworkId, Purpose};
use sekisho_node::LedgerFault;
use sekisho_words::Day;

/// The form as it was filled in.
#[derive(Default)]
pub struct Form {
    pub from: String,
    pub to: String,
    pub network: String,
    pub facility: String,
    pub purpose: String,
    pub decided: String,
    pub who: String,
    /// Networks on the ledger, with their names.
    pub networks: Vec<(NetworkId, String)>,
    /// What cannot be so, each as a message.
    pub faults: Vec<&'static str>,
}

#[derive(Template)]
#[template(path = "officer-accesses.html")]
struct Accesses<'a> {
    page: Page<'a>,
    form: Form,
    rows: Vec<Shown>,
    stopped: bool,
    behind: u64,
    older: Option<String>,
    newer: Option<String>,
}

impl Form {
    /// The form, empty but for the networks.
    pub async fn of(asked: &Asked) -> Result<Self, Fault> {
        let networks = asked.portal.ask(|snapshot| {
            let all = snapshot.view().networks().map_err(LedgerFault::from)?;
            Ok(all
                .into_iter()
                .map(|(id, network)| (id, network.name))
                .collect())
        });
        Ok(Self {
            networks: networks.await?,
            ..Self::default()
        })
    }

    fn filled(mut self, asked: &Asked) -> (Self, Wanted) {
        let text = |name: &str| asked.said(name).to_owned();
        self.from = text("from");
        self.to = text("to");
        self.network = text("network");
        self.facility = text("facility");
        self.purpose = text("purpose");
        self.decided = text("decided");
        self.who = text("who");
        let mut faults = Vec::new();
        let day = |text: &str| text.parse::<Day>().ok();
        let wanted = Wanted {
            window: Window {
                from: read(&self.from, "officer-fault-day", &mut faults, day).map(Day::start),
                until: read(&self.to, "officer-fault-day", &mut faults, day).map(Day::end),
            },
            network: read(&self.network, "officer-fault-network", &mut faults, |t| {
                t.parse().ok()
            }),
            facility: read(&self.facility, "officer-fault-facility", &mut faults, |t| {
                t.parse().ok()
            }),
            purpose: read(&self.purpose, "officer-fault-purpose", &mut faults, |t| {
                t.parse::<Purpose>().ok()
            }),
            permitted: read(
                &self.decided,
                "officer-fault-decided",
                &mut faults,
                |t| match t {
                    "permitted" => Some(true),
                    "denied" => Some(false),
                    _ => None,
                },
            ),
            practitioner: read(&self.who, "officer-fault-who", &mut faults, |t| {
                t.parse().ok()
            }),
        };
        faults.dedup();
        self.faults = faults;
        (self, wanted)
    }

    /// The same list from elsewhere on.
    fn link(&self, turn: &str, index: u64) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        for (name, value) in [
            ("from", &self.from),
            ("to", &self.to),
            ("network", &self.network),
            ("facility", &self.facility),
            ("purpose", &self.purpose),
            ("decided", &self.decided),
            ("who", &self.who),
        ] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        query.append_pair(turn, &index.to_string());
        format!("/officer/accesses?{}", query.finish())
    }
}

/// What a field says, if it says something; what cannot be so is told.
fn read<T>(
    text: &str,
    fault: &'static str,
    faults: &mut Vec<&'static str>,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    if text.is_empty() {
        return None;
    }
    let parsed = parse(text);
    if parsed.is_none() {
        faults.push(fault);
    }
    parsed
}

pub async fn page(asked: Asked) -> Result<Response, Fault> {
    let (form, wanted) = Form::of(&asked).await?.filled(&asked);
    let turn = match (asked.said_index("before"), asked.said_index("after")) {
        (Some(index), _) => Turn::Before(index),
        (None, Some(index)) => Turn::After(index),
        (None, None) => Turn::Newest,
    };
    let page = asked.page("officer-accesses");
    if !form.faults.is_empty() {
        let mut response = html(&Accesses {
            page,
            form,
            rows: Vec::new(),
            stopped: false,
            behind: 0,
            older: None,
            newer: None,
        })?;
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        return Ok(response);
    }
    let found = asked
        .portal
        .accesses(move |accesses| accesses.find(&wanted, turn, ROWS_MAX))
        .await?;
    html(&Accesses {
        page,
        rows: shown(&asked, &found.rows).await?,
        stopped: found.stopped,
        behind: asked.portal.rows.behind(),
        older: found.older.map(|index| form.link("before", index.0)),
        newer: found.newer.map(|index| form.link("after", index.0)),
        form,
    })
}
