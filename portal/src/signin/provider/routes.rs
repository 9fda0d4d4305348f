//! To the identity provider and back.

use super::{Back, Provider, Refusal};
use crate::fault::Fault;
use crate::guard::see_other;
use crate::page::{Page, Visitor, answered, html};
use crate::pages::{Open, Route, get};
use crate::sessions::{Pending, Stage, Way};
use crate::signin::{To, home_or, with_cookie};
use crate::state::Portal;
use crate::statics::local;
use askama::Template;
use axum::extract::{Query, State};
use axum::http::header::{HeaderName, HeaderValue};
use axum::response::Response;
use std::sync::Arc;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        get("/signin/provider", Open::Everybody, go),
        get("/signin/provider/again", Open::SignedIn, go_again),
        get("/signin/provider/back", Open::Everybody, back),
    ]
}

fn provider(portal: &Portal) -> Result<&Provider, Fault> {
    portal.provider.as_ref().ok_or(Fault::NotFound)
}

/// A link leads here, not a form: browsers hold a form's redirects to this site (CSP `form-action`).
async fn go(
    State(portal): State<Portal>,
    visitor: Visitor,
    Query(To { to }): Query<To>,
) -> Response {
    if let Some(kind) = visitor.kind() {
        return see_other(kind.home());
    }
    answered(&portal, &visitor, async {
        let provider = provider(&portal)?;
        let now = portal.environment.now();
        let address = visitor.address;
        portal
            .limits
            .may_come(address, now)
            .map_err(Fault::TooOften)?;
        let begun = provider.begin(local(&to), None, now).await;
        let (url, away) = begun.map_err(|refusal| provider.counted(refusal))?;
        let begun = portal
            .sessions
            .begin(Stage::Stranger, visitor.token.as_ref(), now);
        let (token, _) = begun.ok_or(Fault::Stopping)?;
        portal.sessions.ask(&token, Pending::Away(away));
        with_cookie(&portal, see_other(&url), &token)
    })
    .await
}

/// Somebody signed in shows again who they are.
async fn go_again(
    State(portal): State<Portal>,
    visitor: Visitor,
    Query(To { to }): Query<To>,
) -> Response {
    answered(&portal, &visitor, async {
        let provider = provider(&portal)?;
        let now = portal.environment.now();
        let account = visitor.person()?.account.clone();
        let begun = provider.begin(local(&to), Some(account), now).await;
        let (url, away) = begun.map_err(|refusal| provider.counted(refusal))?;
        let token = visitor.token.as_ref().ok_or(Fault::Forbidden)?;
        portal.sessions.ask(token, Pending::Away(away));
        Ok(see_other(&url))
    })
    .await
}

async fn back(
    State(portal): State<Portal>,
    visitor: Visitor,
    Query(back): Query<Back>,
) -> Response {
    answered(&portal, &visitor, async {
        let provider = provider(&portal)?;
        let asked = visitor
            .token
            .as_ref()
            .and_then(|token| portal.sessions.asked(token));
        let Some(Pending::Away(away)) = asked.as_deref() else {
            return Err(provider.counted(Refusal::Stale));
        };
        let known = provider.back(&portal, away, &back).await;
        let known = known.map_err(|refusal| provider.counted(refusal))?;
        let now = portal.environment.now();
        if let (Some(_), Some(token)) = (&away.again, &visitor.token) {
            portal.sessions.refresh(token, known.shown_at);
            return Ok(see_other(&away.to));
        }
        let to = home_or(&known.person.holder, &away.to);
        let way = (Way::Provider(known.token), known.shown_at);
        let stage = Stage::In(Arc::new(known.person));
        let begun = portal
            .sessions
            .begin_by(stage, way, visitor.token.as_ref(), now);
        let (token, _) = begun.ok_or(Fault::Stopping)?;
        with_cookie(&portal, see_other(&to), &token)
    })
    .await
}

#[derive(Template)]
#[template(path = "signed-out.html")]
struct SignedOutPage<'a> {
    page: Page<'a>,
    to: String,
}

/// Signed out here; the browser goes on to end the provider's session. By a header and a link, not a redirect, which a
/// browser would not follow from a form.
pub(crate) async fn signed_out(
    portal: &Portal,
    visitor: &Visitor,
    token: &str,
) -> Result<Option<Response>, Fault> {
    let Some(provider) = &portal.provider else {
        return Ok(None);
    };
    let now = portal.environment.now();
    let origin = &portal.settings.origin;
    let Some(to) = provider.end_session(token, origin, now).await else {
        return Ok(None);
    };
    let nobody = Visitor {
        session: None,
        token: None,
        ..visitor.clone()
    };
    let page = Page::new(portal, &nobody, "signin-out-title");
    let refresh = HeaderValue::from_str(&format!("0; url={to}"));
    let mut response = html(&SignedOutPage { page, to })?;
    if let Ok(refresh) = refresh {
        let name = HeaderName::from_static("refresh");
        response.headers_mut().insert(name, refresh);
    }
    Ok(Some(response))
}
