//! Signing in with an account kept here: name and password, then a one-time code; or a passkey ([`passkeys`]), or the
//! network's identity provider ([`provider`]).
//!
//! ```text
//! /signin ──right──▶ /signin/code ──right──▶ in
//!              │ └─▶ /signin/enrol ──right──▶ in         the first time
//!              └───▶ /signin/password ──new──▶ as above  where the password was given out
//! ```
//! A wrong name and a wrong password are told of alike, and take as long.

mod code;
pub(crate) mod passkeys;
mod provider;

pub(crate) use provider::{Away, Provider};
pub use provider::{Entitled, Mapping, ProviderSettings, Refusal, chart};

use crate::accounts::{Account, Hashed, Holder, Second, Secret};
use crate::fault::Fault;
use crate::form::Sent;
use crate::guard::{see_other, session_cookie};
use crate::page::{Page, Visitor, answered, html};
use crate::pages::{Open, Route, get, post};
use crate::sessions::{Person, Stage, Token, Way};
use crate::state::Portal;
use crate::statics::local;
use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::http::header::{HeaderValue, SET_COOKIE};
use axum::response::Response;
use serde::Deserialize;
use std::sync::{Arc, LazyLock};

pub(crate) fn routes() -> Vec<Route> {
    let mut all = vec![
        get("/signin", Open::Everybody, ask),
        post("/signin", Open::Everybody, check),
        get("/signin/password", Open::Everybody, ask_password),
        post("/signin/password", Open::Everybody, check_password),
        post("/signout", Open::SignedIn, leave),
    ];
    all.extend(code::routes());
    all.extend(passkeys::routes());
    all.extend(provider::routes());
    all
}

#[derive(Deserialize)]
pub(crate) struct To {
    #[serde(default)]
    to: String,
}

#[derive(Template)]
#[template(path = "signin.html")]
struct SignInPage<'a> {
    page: Page<'a>,
    to: String,
    wrong: Option<&'static str>,
    has_provider: bool,
    has_passkeys: bool,
    ready: Vec<Account>,
}

#[derive(Template)]
#[template(path = "signin-password.html")]
struct PasswordPage<'a> {
    page: Page<'a>,
    to: String,
    fault: Option<&'static str>,
}

/// What is compared with where there is no such account, so that it takes as long.
static NOBODY: LazyLock<Option<Hashed>> =
    LazyLock::new(|| Hashed::of("nobody's password at all").ok());

/// Before anybody is served: the first who types a name nobody has waits no longer than the others.
pub(crate) fn prepare() {
    LazyLock::force(&NOBODY);
}

async fn ask(
    State(portal): State<Portal>,
    visitor: Visitor,
    Query(To { to }): Query<To>,
) -> Response {
    if let Some(kind) = visitor.kind() {
        return see_other(kind.home());
    }
    answered(
        &portal,
        &visitor,
        sign_in_page(&portal, &visitor, &to, None),
    )
    .await
}

pub(crate) async fn sign_in_page(
    portal: &Portal,
    visitor: &Visitor,
    to: &str,
    wrong: Option<&'static str>,
) -> Result<Response, Fault> {
    let ready = match portal.settings.demo {
        true => portal.accounts(|accounts| accounts.list("", 20)).await?,
        false => Vec::new(),
    };
    let page = Page::new(portal, visitor, "signin-title");
    let mut response = html(&SignInPage {
        page,
        to: local(to),
        wrong,
        has_provider: portal.provider.is_some(),
        has_passkeys: portal.webauthn.is_some(),
        ready,
    })?;
    if wrong.is_some() {
        *response.status_mut() = StatusCode::UNAUTHORIZED;
    }
    Ok(response)
}

async fn check(State(portal): State<Portal>, visitor: Visitor, sent: Sent) -> Response {
    answered(&portal, &visitor, async {
        let (name, password) = (
            sent.field("name").to_owned(),
            sent.raw("password").to_owned(),
        );
        let now = portal.environment.now();
        let address = visitor.address;
        portal
            .limits
            .may_try(&name, address, now)
            .map_err(Fault::TooOften)?;
        let account = {
            let name = name.clone();
            portal.accounts(move |accounts| accounts.get(&name)).await?
        };
        let account = account.filter(|account| !account.disabled);
        let hashed = account.as_ref().and_then(|a| a.password.clone());
        let usable = hashed.is_some();
        let right = hashes_to(&portal, hashed.or_else(|| NOBODY.clone()), password).await?;
        let Some(account) = account.filter(|_| right && usable) else {
            portal.limits.wrong(&name, now);
            let wrong = Some("signin-wrong");
            return sign_in_page(&portal, &visitor, sent.field("to"), wrong).await;
        };
        let to = local(sent.field("to"));
        match account.temporary {
            true => {
                let to = with_to("/signin/password", &to);
                next(&portal, &visitor, Stage::Change(name), &to)
            }
            false => after_password(&portal, &visitor, &account, &to),
        }
    })
    .await
}

/// Whether a password is the one hashed; few are hashed at once.
async fn hashes_to(
    portal: &Portal,
    hashed: Option<Hashed>,
    password: String,
) -> Result<bool, Fault> {
    let _place = portal.limits.hash().await.ok_or(Fault::Stopping)?;
    let same = move || hashed.is_some_and(|hashed| hashed.is(&password));
    let same = tokio::task::spawn_blocking(same).await;
    same.map_err(|_| Fault::Stopping)
}

/// Whether this is the account's password; a wrong one counts as a wrong try.
pub(crate) async fn is_password(
    portal: &Portal,
    account: &Account,
    password: &str,
) -> Result<bool, Fault> {
    let now = portal.environment.now();
    let waits = portal.limits.may_try(&account.name, None, now);
    waits.map_err(Fault::TooOften)?;
    let right = hashes_to(portal, account.password.clone(), password.to_owned()).await?;
    if !right {
        portal.limits.wrong(&account.name, now);
    }
    Ok(right)
}

/// What comes after a password that is right and one's own.
fn after_password(
    portal: &Portal,
    visitor: &Visitor,
    account: &Account,
    to: &str,
) -> Result<Response, Fault> {
    let name = account.name.clone();
    match account.second {
        Second::Totp { .. } => {
            let to = with_to("/signin/code", to);
            next(portal, visitor, Stage::Code(name), &to)
        }
        Second::Missing => {
            let secret = Secret::fresh().map_err(|_| Fault::Stopping)?;
            let to = with_to("/signin/enrol", to);
            next(portal, visitor, Stage::Enrol(name, secret), &to)
        }
        Second::Waived => {
            portal.limits.right(&name);
            enter(portal, visitor, account, to)
        }
    }
}

async fn ask_password(
    State(portal): State<Portal>,
    visitor: Visitor,
    Query(To { to }): Query<To>,
) -> Response {
    match stage(&visitor) {
        Some(Stage::Change(_)) => {
            answered(&portal, &visitor, async {
                password_page(&portal, &visitor, &to, None)
            })
            .await
        }
        _ => see_other("/signin"),
    }
}

fn password_page(
    portal: &Portal,
    visitor: &Visitor,
    to: &str,
    fault: Option<&'static str>,
) -> Result<Response, Fault> {
    let page = Page::new(portal, visitor, "signin-password-title");
    let to = local(to);
    let mut response = html(&PasswordPage { page, to, fault })?;
    if fault.is_some() {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

async fn check_password(State(portal): State<Portal>, visitor: Visitor, sent: Sent) -> Response {
    let Some(Stage::Change(name)) = stage(&visitor).cloned() else {
        return see_other("/signin");
    };
    answered(&portal, &visitor, async {
        let account = {
            let name = name.clone();
            portal.accounts(move |accounts| accounts.get(&name)).await?
        };
        let given = account.filter(|a| !a.disabled && a.temporary);
        let given = given.ok_or(Fault::Forbidden)?;
        let hashed = match crate::account::new_password(&portal, &sent, &given).await {
            Ok(hashed) => hashed,
            Err(Fault::Entered(id)) => {
                return password_page(&portal, &visitor, sent.field("to"), Some(id));
            }
            Err(fault) => return Err(fault),
        };
        let account = portal
            .accounts(move |accounts| {
                accounts.change(&name, |account| {
                    // It was right a moment ago; somebody may have been given another since.
                    let still = account.password == given.password && !account.disabled;
                    if still {
                        account.password = Some(hashed);
                        account.temporary = false;
                    }
                    (still, still.then(|| account.clone()))
                })
            })
            .await?;
        let account = account.ok_or(Fault::Forbidden)?;
        after_password(&portal, &visitor, &account, &local(sent.field("to")))
    })
    .await
}

fn with_to(path: &str, to: &str) -> String {
    if to == "/" {
        path.to_owned()
    } else {
        format!("{path}?to={to}")
    }
}

/// The next step, under a new token.
pub(crate) fn next(
    portal: &Portal,
    visitor: &Visitor,
    stage: Stage,
    to: &str,
) -> Result<Response, Fault> {
    let now = portal.environment.now();
    let begun = portal.sessions.begin(stage, visitor.token.as_ref(), now);
    let (token, _) = begun.ok_or(Fault::Stopping)?;
    with_cookie(portal, see_other(to), &token)
}

/// An answer that gives the browser its session.
pub(crate) fn with_cookie(
    portal: &Portal,
    mut response: Response,
    token: &Token,
) -> Result<Response, Fault> {
    let cookie = HeaderValue::from_str(&session_cookie(portal, Some(token)));
    let cookie = cookie.map_err(|_| Fault::Stopping)?;
    response.headers_mut().insert(SET_COOKIE, cookie);
    Ok(response)
}

/// Where somebody wanted to go, or else their first page.
pub(crate) fn home_or(holder: &Holder, to: &str) -> String {
    match to {
        "/" => holder.kind().home().to_owned(),
        to => to.to_owned(),
    }
}

fn enter(
    portal: &Portal,
    visitor: &Visitor,
    account: &Account,
    to: &str,
) -> Result<Response, Fault> {
    let to = home_or(&account.holder, to);
    next(
        portal,
        visitor,
        Stage::In(Arc::new(Person::of(account))),
        &to,
    )
}

fn stage(visitor: &Visitor) -> Option<&Stage> {
    visitor.session.as_ref().map(|session| &session.stage)
}

async fn leave(State(portal): State<Portal>, visitor: Visitor, _: Sent) -> Response {
    if let Some(token) = &visitor.token {
        portal.sessions.end(token);
    }
    let mut response = match visitor.session.as_ref().map(|session| &session.way) {
        Some(Way::Provider(token)) => {
            let there = provider::signed_out(&portal, &visitor, token).await;
            there.ok().flatten().unwrap_or_else(|| see_other("/signin"))
        }
        _ => see_other("/signin"),
    };
    if let Ok(cookie) = HeaderValue::from_str(&session_cookie(&portal, None)) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

#[cfg(test)]
#[path = "signin_test.rs"]
mod tests;
