//! The second factor: a one-time code after a password, set up at the first sign-in, and shown again where a page asks.

use super::{To, enter, stage, with_to};
use crate::accounts::{Second, Secret};
use crate::fault::Fault;
use crate::form::Sent;
use crate::guard::see_other;
use crate::page::{Page, Visitor, answered, html};
use crate::pages::{Open, Route, get, post};
use crate::sessions::{Stage, Way};
use crate::state::Portal;
use crate::statics::local;
use askama::Template;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::Response;

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/signin/code", Open::Everybody, ask_code),
        post("/signin/code", Open::Everybody, check_code),
        get("/signin/enrol", Open::Everybody, ask_enrol),
        post("/signin/enrol", Open::Everybody, check_enrol),
        get("/signin/again", Open::SignedIn, ask_again),
        post("/signin/again", Open::SignedIn, check_again),
    ]
}

#[derive(Template)]
#[template(path = "signin-code.html")]
struct CodePage<'a> {
    page: Page<'a>,
    action: &'static str,
    to: String,
    wrong: bool,
    waived: bool,
    has_passkeys: bool,
}

#[derive(Template)]
#[template(path = "signin-enrol.html")]
struct EnrolPage<'a> {
    page: Page<'a>,
    url: String,
    typed: String,
    to: String,
    wrong: bool,
}

async fn ask_code(
    State(portal): State<Portal>,
    visitor: Visitor,
    Query(To { to }): Query<To>,
) -> Response {
    match stage(&visitor) {
        Some(Stage::Code(_)) => {
            answered(&portal, &visitor, async {
                code_page(&portal, &visitor, AT_FIRST, &to, false)
            })
            .await
        }
        _ => see_other("/signin"),
    }
}

/// Where a code is sent that follows a password.
const AT_FIRST: (&str, bool) = ("/signin/code", false);

fn code_page(
    portal: &Portal,
    visitor: &Visitor,
    (action, waived): (&'static str, bool),
    to: &str,
    wrong: bool,
) -> Result<Response, Fault> {
    let page = Page::new(portal, visitor, "signin-code-title");
    let mut response = html(&CodePage {
        page,
        action,
        to: local(to),
        wrong,
        waived,
        // At first a passkey needs no password before it; the page before offers it.
        has_passkeys: action != AT_FIRST.0 && portal.webauthn.is_some(),
    })?;
    if wrong {
        *response.status_mut() = StatusCode::UNAUTHORIZED;
    }
    Ok(response)
}

/// Whether a code is right; a wrong one counts as a wrong try.
async fn takes(portal: &Portal, name: &str, code: &str) -> Result<bool, Fault> {
    let now = portal.environment.now();
    portal
        .limits
        .may_try(name, None, now)
        .map_err(Fault::TooOften)?;
    let (of, code) = (name.to_owned(), code.to_owned());
    let right = portal
        .accounts(move |accounts| accounts.take_code(&of, &code, now.0 / 1000))
        .await?;
    match right {
        true => portal.limits.right(name),
        false => portal.limits.wrong(name, now),
    }
    Ok(right)
}

async fn check_code(State(portal): State<Portal>, visitor: Visitor, sent: Sent) -> Response {
    let Some(Stage::Code(name)) = stage(&visitor).cloned() else {
        return see_other("/signin");
    };
    answered(&portal, &visitor, async {
        if !takes(&portal, &name, sent.field("code")).await? {
            return code_page(&portal, &visitor, AT_FIRST, sent.field("to"), true);
        }
        let account = portal.accounts(move |accounts| accounts.get(&name)).await?;
        let account = account
            .filter(|account| !account.disabled)
            .ok_or(Fault::Forbidden)?;
        enter(&portal, &visitor, &account, &local(sent.field("to")))
    })
    .await
}

async fn ask_enrol(
    State(portal): State<Portal>,
    visitor: Visitor,
    Query(To { to }): Query<To>,
) -> Response {
    let Some(Stage::Enrol(name, secret)) = stage(&visitor) else {
        return see_other("/signin");
    };
    answered(&portal, &visitor, async {
        enrol_page(&portal, &visitor, name, secret, &to, false)
    })
    .await
}

fn enrol_page(
    portal: &Portal,
    visitor: &Visitor,
    name: &str,
    secret: &Secret,
    to: &str,
    wrong: bool,
) -> Result<Response, Fault> {
    let (url, typed) = secret
        .enrolment("Sekisho", name)
        .map_err(|_| Fault::Stopping)?;
    let page = Page::new(portal, visitor, "signin-enrol-title");
    let mut response = html(&EnrolPage {
        page,
        url,
        typed,
        to: local(to),
        wrong,
    })?;
    if wrong {
        *response.status_mut() = StatusCode::UNAUTHORIZED;
    }
    Ok(response)
}

async fn check_enrol(State(portal): State<Portal>, visitor: Visitor, sent: Sent) -> Response {
    let Some(Stage::Enrol(name, secret)) = stage(&visitor).cloned() else {
        return see_other("/signin");
    };
    answered(&portal, &visitor, async {
        let now = portal.environment.now();
        portal
            .limits
            .may_try(&name, None, now)
            .map_err(Fault::TooOften)?;
        let step = secret
            .check(sent.field("code"), now.0 / 1000, None)
            .map_err(|_| Fault::Stopping)?;
        let Some(step) = step else {
            portal.limits.wrong(&name, now);
            return enrol_page(&portal, &visitor, &name, &secret, sent.field("to"), true);
        };
        portal.limits.right(&name);
        let account = portal
            .accounts(move |accounts| {
                accounts.change(&name, |account| {
                    let first = account.second == Second::Missing && !account.disabled;
                    if first {
                        account.second = Second::Totp {
                            secret,
                            taken: Some(step),
                        };
                    }
                    (first, first.then(|| account.clone()))
                })
            })
            .await?;
        enter(
            &portal,
            &visitor,
            &account.ok_or(Fault::Forbidden)?,
            &local(sent.field("to")),
        )
    })
    .await
}

async fn ask_again(
    State(portal): State<Portal>,
    visitor: Visitor,
    Query(To { to }): Query<To>,
) -> Response {
    if let Some(Way::Provider(_)) = visitor.session.as_ref().map(|session| &session.way) {
        return see_other(&with_to("/signin/provider/again", &local(&to)));
    }
    answered(&portal, &visitor, async {
        let again = ("/signin/again", is_waived(&portal, &visitor).await?);
        code_page(&portal, &visitor, again, &to, false)
    })
    .await
}

/// Whether somebody has no second factor to show: an account of a demo.
async fn is_waived(portal: &Portal, visitor: &Visitor) -> Result<bool, Fault> {
    let name = visitor.person()?.account.clone();
    let account = portal.accounts(move |accounts| accounts.get(&name)).await?;
    Ok(account.is_some_and(|account| account.second == Second::Waived && !account.disabled))
}

/// Somebody signed in shows the second factor again, as an emergency asks for.
async fn check_again(State(portal): State<Portal>, visitor: Visitor, sent: Sent) -> Response {
    answered(&portal, &visitor, async {
        let name = visitor.person()?.account.clone();
        let waived = is_waived(&portal, &visitor).await?;
        if !waived && !takes(&portal, &name, sent.field("code")).await? {
            let again = ("/signin/again", false);
            return code_page(&portal, &visitor, again, sent.field("to"), true);
        }
        if let Some(token) = &visitor.token {
            portal.sessions.refresh(token, portal.environment.now());
        }
        Ok(see_other(&local(sent.field("to"))))
    })
    .await
}
