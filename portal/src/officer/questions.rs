//! What patients ask about accesses: those that wait first, then those with an answer, and answering one.

use super::{Asked, ROWS_MAX};
use crate::accounts::{Answer, Question};
use crate::fault::Fault;
use crate::form::Sent;
use crate::guard::see_other;
use crate::page::{Page, html};
use askama::Template;
use axum::response::Response;

/// Characters of a question that a list shows.
const SHORT_CHARS: usize = 80;

struct Line {
    number: u64,
    time: String,
    about: u64,
    short: String,
}

#[derive(Template)]
#[template(path = "officer-questions.html")]
struct Questions<'a> {
    page: Page<'a>,
    open: Vec<Line>,
    answered: Vec<Line>,
    /// Where more of each begin.
    next: Option<u64>,
    older: Option<u64>,
}

struct Said {
    time: String,
    account: String,
    text: String,
}

#[derive(Template)]
#[template(path = "officer-question.html")]
struct QuestionPage<'a> {
    page: Page<'a>,
    number: u64,
    about: u64,
    asked: Said,
    answers: Vec<Said>,
    /// When who asked saw the answer that stands.
    seen: bool,
    full: bool,
}

pub async fn page(asked: Asked) -> Result<Response, Fault> {
    let number = |name: &str| asked.said_index(name).map(|index| index.0);
    let (from, before) = (number("from"), number("before"));
    let read = asked.portal.accounts(move |accounts| {
        let open = accounts.unanswered(from.unwrap_or(0), ROWS_MAX + 1)?;
        let answered = accounts.answered(before.unwrap_or(u64::MAX), ROWS_MAX + 1)?;
        Ok((open, answered))
    });
    let (mut open, mut answered) = read.await?;
    let next = open.get(ROWS_MAX).map(|(number, _)| *number);
    open.truncate(ROWS_MAX);
    let more = answered.len() > ROWS_MAX;
    answered.truncate(ROWS_MAX);
    let older = answered.last().filter(|_| more).map(|(number, _)| *number);
    let page = asked.page("officer-questions");
    let line = |(number, question): &(u64, Question)| Line {
        number: *number,
        time: page.moment(question.time),
        about: question.about,
        short: short(&question.text),
    };
    html(&Questions {
        open: open.iter().map(line).collect(),
        answered: answered.iter().map(line).collect(),
        next,
        older,
        page,
    })
}

fn short(text: &str) -> String {
    let mut short: String = text.chars().take(SHORT_CHARS).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

pub async fn one(asked: Asked) -> Result<Response, Fault> {
    let number = asked.number()?;
    let question = asked.question(number).await?.ok_or(Fault::NotFound)?;
    let page = asked.page("officer-question");
    let answers = question.answers.iter().map(|answer| Said {
        time: page.moment(answer.time),
        account: answer.account.clone(),
        text: answer.text.clone(),
    });
    html(&QuestionPage {
        number,
        about: question.about,
        asked: Said {
            time: page.moment(question.time),
            account: question.account.clone(),
            text: question.text.clone(),
        },
        answers: answers.collect(),
        seen: !question.is_news(),
        full: question.answers.len() >= Question::ANSWERS_MAX,
        page,
    })
}

pub async fn answer(asked: Asked, sent: Sent) -> Result<Response, Fault> {
    let number = asked.number()?;
    asked.question(number).await?.ok_or(Fault::NotFound)?;
    let text = sent.field("answer").to_owned();
    if text.is_empty() || text.len() > Question::TEXT_BYTES_MAX {
        return Err(Fault::Entered("officer-fault-answer"));
    }
    let known = sent.field("known").parse();
    let known = known.map_err(|_| Fault::Entered("officer-fault-answered"))?;
    let answer = Answer {
        time: asked.portal.environment.now(),
        account: asked.visitor.person()?.account.clone(),
        text,
    };
    let taken = asked
        .portal
        .accounts(move |accounts| accounts.answer(number, known, answer));
    match taken.await? {
        true => Ok(see_other(&format!("/officer/questions/{number}"))),
        false => Err(Fault::Entered("officer-fault-answered")),
    }
}
