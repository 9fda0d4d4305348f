//! What all pages have in common: who looks, in which language, and the frame around the content.

use crate::accounts::Holder;
use crate::fault::Fault;
use crate::guard::{COOKIE_LANGUAGE, LARGE, NORMAL, cookie};
use crate::messages::{Messages, Put};
use crate::sessions::{Person, Session, Token};
use crate::state::Portal;
use askama::Template;
use axum::extract::FromRequestParts;
use axum::http::header::{ACCEPT_LANGUAGE, CONTENT_TYPE, RETRY_AFTER};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use sekisho_domain::{Language, TimeMs};
use std::sync::Arc;

/// Whoever asks for a page.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// The language they read.
    pub language: Language,
    /// They chose large text.
    pub large: bool,
    /// What their browser sent, whether or not it is worth anything.
    pub token: Option<Token>,
    /// Their session.
    pub session: Option<Session>,
    /// Where they come from, where that is known.
    pub address: Option<std::net::IpAddr>,
    /// What they look at, path and query; a form's address only if there is a page at it.
    pub here: String,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(withheld)")
    }
}

impl<S: Sync> FromRequestParts<S> for Visitor {
    type Rejection = StatusCode;
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        // The guard puts it there; without it, nothing is shown.
        parts
            .extensions
            .get::<Self>()
            .cloned()
            .ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

impl Visitor {
    /// Who is signed in.
    ///
    /// # Errors
    /// [`Fault::Forbidden`] if nobody is: the guard lets nobody else through to where this is asked.
    pub fn person(&self) -> Result<&Arc<Person>, Fault> {
        self.session
            .as_ref()
            .and_then(Session::person)
            .ok_or(Fault::Forbidden)
    }

    /// What the forms of this session carry; empty without one.
    pub fn form_token(&self) -> &str {
        self.session
            .as_ref()
            .map_or("", |session| &session.form_token)
    }
}

/// The language of a visitor: as chosen here, else as the browser prefers, else Japanese.
pub(crate) fn language(headers: &HeaderMap) -> Language {
    if let Some(chosen) = cookie(headers, COOKIE_LANGUAGE).and_then(|code| code.parse().ok()) {
        return chosen;
    }
    let preferred = headers
        .get(ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok());
    let mut tags = preferred
        .unwrap_or_default()
        .split(',')
        .map(|tag| tag.trim().to_ascii_lowercase());
    match tags.find(|tag| tag.starts_with("ja") || tag.starts_with("en")) {
        Some(tag) if tag.starts_with("en") => Language::En,
        _ => Language::Ja,
    }
}

/// The frame of a page, and how it speaks.
pub struct Page<'a> {
    /// The portal it is of.
    pub portal: &'a Portal,
    /// Whoever looks.
    pub visitor: &'a Visitor,
    /// The title's message.
    pub title: &'static str,
}

impl<'a> Page<'a> {
    /// A page with this title.
    pub fn new(portal: &'a Portal, visitor: &'a Visitor, title: &'static str) -> Self {
        Self {
            portal,
            visitor,
            title,
        }
    }

    /// The visitor's messages.
    pub fn messages(&self) -> &Messages {
        self.portal.messages(self.visitor.language)
    }

    /// A message.
    pub fn t(&self, id: &str) -> String {
        self.messages().text(id)
    }

    /// A message with one value.
    pub fn with(&self, id: &str, name: &str, value: impl Put) -> String {
        self.messages().with(id, &[(name, &value)])
    }

    /// A message with two values.
    pub fn with2(
        &self,
        id: &str,
        one: &str,
        value: impl Put,
        other: &str,
        second: impl Put,
    ) -> String {
        self.messages().with(id, &[(one, &value), (other, &second)])
    }

    /// Of two texts, the one in the visitor's language.
    pub fn pick<'t>(&self, ja: &'t str, en: &'t str) -> &'t str {
        self.visitor.language.pick(ja, en)
    }

    /// A moment, in both calendars.
    pub fn moment(&self, time: TimeMs) -> String {
        sekisho_words::moment(time, self.visitor.language)
    }

    /// `ja` or `en`.
    pub fn code(&self) -> &'static str {
        self.visitor.language.pick("ja", "en")
    }

    /// The other language's code.
    pub fn other_code(&self) -> &'static str {
        self.visitor.language.pick("en", "ja")
    }

    /// What is looked at, as a value of a query.
    pub fn here(&self) -> String {
        form_urlencoded::byte_serialize(self.visitor.here.as_bytes()).collect()
    }

    /// The shown name of who is signed in.
    pub fn shown(&self) -> Option<&str> {
        let person = self.visitor.session.as_ref().and_then(Session::person);
        person.map(|person| person.shown.as_str())
    }

    /// Where somebody can go: paths and messages.
    pub fn places(&self) -> &'static [(&'static str, &'static str)] {
        let person = self.visitor.session.as_ref().and_then(Session::person);
        match person.map(|person| &person.holder) {
            Some(Holder::Clinician { .. }) => crate::clinician::PLACES,
            Some(Holder::Patient { .. }) => crate::patient::PLACES,
            Some(Holder::Officer { .. }) => crate::officer::PLACES,
            Some(Holder::Operator) => crate::operator::PLACES,
            None => &[],
        }
    }

    /// What the forms of this session carry.
    pub fn form_token(&self) -> &str {
        self.visitor.form_token()
    }

    /// Whether this is a demo.
    pub fn demo(&self) -> bool {
        self.portal.settings.demo
    }

    /// The network's name; its id until the ledger has told it.
    pub fn network(&self) -> &str {
        self.portal.name()
    }

    /// Whether the text is large.
    pub fn large(&self) -> bool {
        self.visitor.large
    }

    /// The other size of text, as an address names it, and the message that offers it.
    pub fn other_size(&self) -> (&'static str, &'static str) {
        match self.visitor.large {
            true => (NORMAL, "common-text-normal"),
            false => (LARGE, "common-text-large"),
        }
    }
}

/// A page as it is sent.
///
/// # Errors
/// It could not be written.
pub fn html(page: &impl Template) -> Result<Response, Fault> {
    let text = page.render()?;
    let headers = [(
        CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    )];
    Ok((headers, text).into_response())
}

#[derive(Template)]
#[template(path = "fault.html")]
struct FaultPage<'a> {
    page: Page<'a>,
    said: String,
}

/// A page that says why there is no page. What went wrong inside is logged here, once.
pub fn fault(portal: &Portal, visitor: &Visitor, fault: &Fault) -> Response {
    let (status, id) = fault.said();
    if status.is_server_error() {
        tracing::warn!(error = %chain(fault), status = status.as_u16(), "a page could not be shown");
    }
    let page = Page::new(portal, visitor, "common-fault-title");
    let said = match fault {
        Fault::TooOften(seconds) => page.with(id, "seconds", *seconds),
        _ => page.t(id),
    };
    let body = html(&FaultPage { page, said });
    let mut response = body.unwrap_or_else(|_| StatusCode::INTERNAL_SERVER_ERROR.into_response());
    *response.status_mut() = status;
    if let Fault::TooOften(seconds) = fault {
        response
            .headers_mut()
            .insert(RETRY_AFTER, HeaderValue::from(*seconds));
    }
    response
}

/// An error with its causes.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        source = cause.source();
    }
    text
}

/// What a handler gives: its page, or the page of its fault.
pub async fn answered(
    portal: &Portal,
    visitor: &Visitor,
    page: impl Future<Output = Result<Response, Fault>>,
) -> Response {
    match page.await {
        Ok(response) => response,
        Err(error) => fault(portal, visitor, &error),
    }
}
