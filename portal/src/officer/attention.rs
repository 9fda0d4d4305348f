//! The first page: what needs somebody now, then the latest accesses and the form that finds others.

use super::Asked;
use super::alerts::{self, Alert};
use super::list::Form;
use super::reviews::{self, Owed};
use super::rows::{Shown, shown};
use super::unmatched::{self, Loose};
use crate::accesses::{Turn, Wanted};
use crate::fault::Fault;
use crate::page::{Page, html};
use askama::Template;
use axum::response::Response;
use sekisho_domain::TimeMs;

/// Of each thing, as many as a first page shows; its own page has the others.
const FIRST_MAX: usize = 5;
/// Reviews counted; beyond it the page says there are more.
const COUNTED_MAX: usize = 1_000;
/// Accesses on the first page.
const LATEST_MAX: usize = 20;
/// Alerts of so many days need attention; the command line's too.
const ALERT_MS: u64 = 30 * 86_400_000;

#[derive(Template)]
#[template(path = "officer-attention.html")]
struct Attention<'a> {
    page: Page<'a>,
    overdue: usize,
    owing: usize,
    owed: Vec<Owed>,
    unmatched: usize,
    loose: Vec<Loose>,
    raised: usize,
    questions: u64,
    alerts: Vec<Alert>,
    rows: Vec<Shown>,
    behind: u64,
    form: Form,
}

pub async fn page(asked: Asked) -> Result<Response, Fault> {
    let mut owed = reviews::owed(&asked, COUNTED_MAX).await?;
    let (overdue, owing) = (owed.iter().filter(|it| it.overdue).count(), owed.len());
    owed.truncate(FIRST_MAX);
    let mut found = unmatched::unmatched(&asked, false).await?;
    let unmatched = found.len();
    found.truncate(FIRST_MAX);
    let since = TimeMs(asked.portal.environment.now().0.saturating_sub(ALERT_MS));
    let (mut raised, _) = alerts::raised(&asked, None, false, super::ROWS_MAX).await?;
    raised.retain(|it| since <= it.time);
    let count = raised.len();
    raised.truncate(FIRST_MAX);
    let latest = asked
        .portal
        .accesses(|accesses| accesses.find(&Wanted::default(), Turn::Newest, LATEST_MAX))
        .await?;
    let questions = asked.portal.accounts(|accounts| accounts.open_questions());
    let questions = questions.await?;
    let page = asked.page("officer-attention");
    html(&Attention {
        overdue,
        owing,
        owed,
        unmatched,
        loose: self::unmatched::shown(&found, &page),
        raised: count,
        questions,
        alerts: alerts::shown(&asked, &raised).await?,
        rows: shown(&asked, &latest.rows).await?,
        behind: asked.portal.rows.behind(),
        form: Form::of(&asked).await?,
        page,
    })
}
