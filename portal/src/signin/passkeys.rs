//! Passkeys (WebAuthn Level 2): sign-in without a name, a password or a code, because the device has checked who holds it.
//!
//! ```text
//! /signin/passkey/begin ──challenge──▶ browser ──asks its owner──▶ /signin/passkey ──▶ in
//! /account/passkeys/begin ──────────▶ browser ──makes a key─────▶ /account/passkeys        (account/mod.rs)
//! ```
//! A challenge waits in the browser's session and is taken once. The key is found by what the device says, so nobody
//! learns from a name whether there is such an account. Where the portal's name is an address in numbers there are none:
//! browsers bind passkeys to names.

use crate::accounts::Account;
use crate::fault::Fault;
use crate::form::Sent;
use crate::guard::see_other;
use crate::page::{Visitor, answered};
use crate::pages::{Open, Route, post};
use crate::sessions::{Pending, Person, Stage};
use crate::signin::{home_or, next, sign_in_page, with_cookie};
use crate::state::Portal;
use crate::statics::local;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::Arc;
use webauthn_rs::prelude::{PublicKeyCredential, Url, Webauthn, WebauthnBuilder};

pub(crate) fn routes() -> Vec<Route> {
    vec![
        post("/signin/passkey/begin", Open::Everybody, begin),
        post("/signin/passkey", Open::Everybody, check),
    ]
}

/// Checks passkeys of this origin; none where browsers make none for it.
pub(crate) fn of_origin(origin: &str) -> Option<Webauthn> {
    let url = Url::parse(origin).ok()?;
    let host = url.domain()?;
    if url.scheme() != "https" && host != "localhost" {
        return None;
    }
    let builder = WebauthnBuilder::new(host, &url).ok()?.rp_name("Sekisho");
    builder.build().ok()
}

/// What the script gets.
#[derive(Serialize)]
pub(crate) struct Challenge<'a, T> {
    /// For `navigator.credentials`.
    #[serde(rename = "publicKey")]
    pub public_key: T,
    /// What the form carries from now on.
    pub form_token: &'a str,
}

/// It as an answer.
pub(crate) fn json(challenge: &impl Serialize) -> Result<Response, Fault> {
    let bytes = serde_json::to_vec(challenge).map_err(|_| Fault::Stopping)?;
    let kind = HeaderValue::from_static("application/json");
    Ok(([(CONTENT_TYPE, kind)], bytes).into_response())
}

async fn begin(State(portal): State<Portal>, visitor: Visitor, _: Sent) -> Response {
    answered(&portal, &visitor, async {
        let webauthn = portal.webauthn.as_ref().ok_or(Fault::NotFound)?;
        let now = portal.environment.now();
        portal
            .limits
            .may_come(visitor.address, now)
            .map_err(Fault::TooOften)?;
        let begun = webauthn.start_discoverable_authentication();
        let (request, state) = begun.map_err(|_| Fault::Stopping)?;
        let pending = Pending::Passkey(state);
        let public_key = request.public_key;
        if let (Some(token), Some(_)) = (&visitor.token, &visitor.session) {
            portal.sessions.ask(token, pending);
            let form_token = visitor.form_token();
            return json(&Challenge {
                public_key,
                form_token,
            });
        }
        let begun = portal.sessions.begin(Stage::Stranger, None, now);
        let (token, session) = begun.ok_or(Fault::Stopping)?;
        portal.sessions.ask(&token, pending);
        let form_token = &session.form_token;
        let answer = json(&Challenge {
            public_key,
            form_token,
        })?;
        with_cookie(&portal, answer, &token)
    })
    .await
}

async fn check(State(portal): State<Portal>, visitor: Visitor, sent: Sent) -> Response {
    answered(&portal, &visitor, async {
        let to = local(sent.field("to"));
        let Some(account) = shown(&portal, &visitor, sent.raw("credential")).await? else {
            let again = visitor.person().is_ok();
            return match again {
                true => Err(Fault::SignIn(
                    StatusCode::UNAUTHORIZED,
                    "signin-passkey-wrong",
                )),
                false => sign_in_page(&portal, &visitor, &to, Some("signin-passkey-wrong")).await,
            };
        };
        let now = portal.environment.now();
        match (visitor.person(), &visitor.token) {
            // Somebody signed in shows again who they are.
            (Ok(person), Some(token)) if person.account == account.name => {
                portal.sessions.refresh(token, now);
                Ok(see_other(&to))
            }
            (Ok(_), _) => Err(Fault::SignIn(StatusCode::FORBIDDEN, "signin-passkey-other")),
            (Err(_), _) => {
                portal.limits.right(&account.name);
                let to = home_or(&account.holder, &to);
                let stage = Stage::In(Arc::new(Person::of(&account)));
                next(&portal, &visitor, stage, &to)
            }
        }
    })
    .await
}

/// Whose passkey answered the challenge this browser was given, if it is one of ours.
async fn shown(
    portal: &Portal,
    visitor: &Visitor,
    credential: &str,
) -> Result<Option<Account>, Fault> {
    let webauthn = portal.webauthn.as_ref().ok_or(Fault::NotFound)?;
    let asked = visitor
        .token
        .as_ref()
        .and_then(|token| portal.sessions.asked(token));
    let Some(Pending::Passkey(state)) = asked.as_deref() else {
        return Ok(None);
    };
    let Ok(credential) = serde_json::from_str::<PublicKeyCredential>(credential) else {
        return Ok(None);
    };
    let Ok((handle, id)) = webauthn.identify_discoverable_authentication(&credential) else {
        return Ok(None);
    };
    let (handle, id) = (handle.into_bytes(), id.to_vec());
    let account = portal
        .accounts(move |accounts| accounts.by_handle(&handle))
        .await?;
    let Some(account) = account.filter(|account| !account.disabled) else {
        return Ok(None);
    };
    let key = account.passkeys.iter().find(|k| *k.key.cred_id() == id);
    let Some(key) = key.map(|passkey| passkey.key.clone()) else {
        return Ok(None);
    };
    let finished = webauthn.finish_discoverable_authentication_v2(&credential, state.clone(), &key);
    let Ok(result) = finished else {
        return Ok(None);
    };
    if !result.user_verified() {
        return Ok(None);
    }
    // Written before it counts: a copied key whose counter ran back is told (WebAuthn §7.2 step 21).
    let now = portal.environment.now();
    let name = account.name.clone();
    portal
        .accounts(move |accounts| {
            accounts.change(&name, |account| {
                let disabled = account.disabled;
                let key = account.passkeys.iter_mut().find(|k| *k.key.cred_id() == id);
                let Some(key) = key.filter(|_| !disabled) else {
                    return (false, None);
                };
                key.key.update_credential(&result);
                key.used = Some(now);
                (true, Some(account.clone()))
            })
        })
        .await
}

#[cfg(test)]
#[path = "passkeys_test.rs"]
mod tests;
