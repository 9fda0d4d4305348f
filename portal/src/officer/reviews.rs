//! Accesses by break-glass that a second person has yet to judge.

use super::rows::Known;
use super::{Asked, ROWS_MAX};
use crate::fault::Fault;
use crate::page::{Page, html};
use askama::Template;
use axum::response::Response;
use sekisho_domain::{EntryIndex, Grounds};
use sekisho_ledger::record::EmergencyAccess;
use sekisho_node::LedgerFault;

/// An access that owes its review.
pub struct Owed {
    pub index: u64,
    pub time: String,
    pub facility: String,
    pub reason: String,
    pub due: String,
    pub overdue: bool,
    /// What an officer found so far, without closing it.
    pub review: Option<String>,
    pub told: Option<String>,
}

#[derive(Template)]
#[template(path = "officer-reviews.html")]
struct Reviews<'a> {
    page: Page<'a>,
    owed: Vec<Owed>,
    overdue: usize,
    /// Whether there are more than are shown.
    more: bool,
}

/// This network's accesses that owe a review, the soonest due first, at most `max`.
pub async fn owed(asked: &Asked, max: usize) -> Result<Vec<Owed>, Fault> {
    let own = asked.portal.settings.network.clone();
    let read = asked.portal.ask(move |snapshot| {
        let view = snapshot.view();
        let due = view.reviews_due(&own, max).map_err(LedgerFault::from)?;
        let (mut all, mut facilities) = (Vec::new(), std::collections::BTreeSet::new());
        for (index, emergency) in due {
            if let Some(access) = view.access(index).map_err(LedgerFault::from)? {
                facilities.insert(access.request.facility.clone());
                all.push((index, emergency, access));
            }
        }
        Ok((all, Known::of(snapshot, facilities)?))
    });
    let (all, known) = read.await?;
    let (page, now) = (
        asked.page("officer-reviews"),
        asked.portal.environment.now(),
    );
    let one = |(index, emergency, access): &(EntryIndex, EmergencyAccess, _)| {
        let access: &sekisho_domain::AccessRecord = access;
        let reason = match access.request.grounds {
            Grounds::Emergency(reason) => page.pick(reason.ja(), reason.en()),
            _ => "",
        };
        Owed {
            index: index.0,
            time: page.moment(access.time),
            facility: known.facility(&access.request.facility),
            reason: reason.to_owned(),
            due: page.moment(emergency.due),
            overdue: emergency.is_overdue(now),
            review: emergency
                .review
                .map(|(verdict, ..)| page.pick(verdict.ja(), verdict.en()).to_owned()),
            told: emergency
                .told
                .map(|(way, _)| page.pick(way.ja(), way.en()).to_owned()),
        }
    };
    Ok(all.iter().map(one).collect())
}

pub async fn page(asked: Asked) -> Result<Response, Fault> {
    let mut owed = owed(&asked, ROWS_MAX + 1).await?;
    let more = owed.len() > ROWS_MAX;
    owed.truncate(ROWS_MAX);
    html(&Reviews {
        page: asked.page("officer-reviews"),
        overdue: owed.iter().filter(|it| it.overdue).count(),
        owed,
        more,
    })
}
