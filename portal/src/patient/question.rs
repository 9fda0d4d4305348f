//! One access, questions about it to the officer of this network, and the answers.

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

/// Questions of one account that are looked at, newest first: far more than anybody asks.
const MINE_MAX: usize = 200;
/// Of them those a page lists.
const LISTED_MAX: usize = 10;

#[derive(Template)]
#[template(path = "patient-access.html")]
struct AccessPage<'a> {
    page: Page<'a>,
    looked: Looked,
    asked: bool,
    questions: Vec<Asked>,
}

/// A question, and the answer that stands.
struct Asked {
    when: String,
    text: String,
    answer: Option<Answered>,
}

struct Answered {
    when: String,
    text: String,
    corrected: bool,
}

/// A question in a list.
pub(super) struct Mine {
    pub about: u64,
    pub when: String,
    pub answered: bool,
    /// The answer has not been seen yet.
    pub news: bool,
}

/// What this account asked about these records, newest first.
async fn questions(
    portal: &Portal,
    visitor: &Visitor,
    about: &About,
) -> Result<Vec<(u64, Question)>, Fault> {
    let account = visitor.person()?.account.clone();
    let asked = portal
        .accounts(move |accounts| accounts.questions_of(&account, MINE_MAX))
        .await?;
    let of_these = |(_, question): &(u64, Question)| question.chart.as_ref() == Some(&about.chart);
    Ok(asked.into_iter().filter(of_these).collect())
}

/// The latest of them, as lists show them.
pub(super) async fn mine(page: &Page<'_>, about: &About) -> Result<Vec<Mine>, Fault> {
    let all = questions(page.portal, page.visitor, about).await?;
    let one = |(_, question): &(u64, Question)| Mine {
        about: question.about,
        when: page.moment(question.time),
        answered: !question.answers.is_empty(),
        news: question.is_news(),
    };
    Ok(all.iter().take(LISTED_MAX).map(one).collect())
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
    answered(&portal, &visitor, async {
        let about = about(&portal, &visitor).await?;
        let page = Page::new(&portal, &visitor, "patient-access-title");
        let looked = one(&page, &about, index).await?;
        show(page, &about, looked, false).await
    })
    .await
}

async fn show(
    page: Page<'_>,
    about: &About,
    looked: Looked,
    asked: bool,
) -> Result<Response, Fault> {
    let mut all = questions(page.portal, page.visitor, about).await?;
    all.retain(|(_, question)| question.about == looked.index);
    let told = |(_, question): &(u64, Question)| Asked {
        when: page.moment(question.time),
        text: question.text.clone(),
        answer: question.answers.last().map(|answer| Answered {
            when: page.moment(answer.time),
            text: answer.text.clone(),
            corrected: question.answers.len() > 1,
        }),
    };
    let questions = all.iter().map(told).collect();
    for (number, question) in all.iter().filter(|(_, question)| question.is_news()) {
        if let Some(of) = question.answers.last().map(|answer| answer.time) {
            let number = *number;
            let seen = page.portal.accounts(move |a| a.see_answer(number, of));
            seen.await?;
        }
    }
    html(&AccessPage {
        page,
        looked,
        asked,
        questions,
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
        let looked = one(&page, &about, index).await?;
        let text = sent.field("question").to_owned();
        if text.is_empty() || text.len() > Question::TEXT_BYTES_MAX {
            return Err(Fault::Entered("patient-fault-question"));
        }
        let account = visitor.person()?.account.clone();
        let of = account.clone();
        let before = portal.accounts(move |accounts| accounts.questions_of(&of, MINE_MAX));
        let open = before
            .await?
            .into_iter()
            .filter(|(_, q)| q.answers.is_empty());
        if open.count() >= Question::OPEN_MAX {
            return Err(Fault::Entered("patient-fault-questions"));
        }
        let question = Question {
            time: portal.environment.now(),
            account,
            about: index,
            chart: Some(about.chart.clone()),
            text,
            answers: Vec::new(),
            seen: None,
        };
        portal
            .accounts(move |accounts| accounts.ask(&question))
            .await?;
        show(page, &about, looked, true).await
    })
    .await
}
