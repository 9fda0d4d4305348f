//! `/account`: what somebody signed in keeps of themselves: password, passkeys, sessions.
//!
//! What would let another in is changed only by who has just shown who they are; afterwards the other sessions end.

use crate::accounts::{Account, Hashed, PASSKEYS_MAX, Passkey, PasswordFault};
use crate::fault::Fault;
use crate::form::Sent;
use crate::guard::see_other;
use crate::page::{Page, Visitor, answered, html};
use crate::pages::{Open, Route, get, post};
use crate::sessions::{Pending, Shown, Token, Way};
use crate::signin::passkeys::{Challenge, json};
use crate::state::Portal;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use serde_json::json;
use webauthn_rs::prelude::{RegisterPublicKeyCredential, Uuid};

pub(crate) fn routes() -> Vec<Route> {
    vec![
        get("/account", Open::SignedIn, show),
        post("/account/password", Open::SignedIn, change_password),
        post("/account/passkeys/begin", Open::SignedIn, begin_passkey),
        post("/account/passkeys", Open::SignedIn, add_passkey),
        post("/account/passkeys/remove", Open::SignedIn, remove_passkey),
        post("/account/sessions/end", Open::SignedIn, end_sessions),
    ]
}

/// Longest name of a passkey, in characters.
const LABEL_CHARS_MAX: usize = 40;

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage<'a> {
    page: Page<'a>,
    /// None: the identity provider keeps it.
    account: Option<Account>,
    passkeys: Vec<Row>,
    has_passkeys: bool,
    /// Since when, last used, whether this one.
    sessions: Vec<(String, String, bool)>,
}

/// A passkey, as it is shown.
struct Row {
    id: String,
    label: String,
    since: String,
    used: String,
}

async fn show(State(portal): State<Portal>, visitor: Visitor) -> Response {
    answered(&portal, &visitor, async {
        let now = portal.environment.now();
        let person = visitor.person()?;
        let account = match by_provider(&visitor) {
            true => None,
            false => Some(mine(&portal, &visitor).await?),
        };
        let token = visitor.token.as_ref().ok_or(Fault::Forbidden)?;
        let page = Page::new(&portal, &visitor, "signin-account-title");
        let passkeys = account.iter().flat_map(|account| &account.passkeys);
        let passkeys = passkeys.map(|passkey| Row {
            id: passkey.id(),
            label: passkey.label.clone(),
            since: page.moment(passkey.since),
            used: passkey.used.map(|at| page.moment(at)).unwrap_or_default(),
        });
        let passkeys = passkeys.collect();
        let sessions = portal.sessions.list_of(&person.account, token, now);
        let told = |s: Shown| (page.moment(s.since), page.moment(s.used), s.this);
        let sessions = sessions.into_iter().map(told).collect();
        html(&AccountPage {
            page,
            account,
            passkeys,
            has_passkeys: portal.webauthn.is_some(),
            sessions,
        })
    })
    .await
}

fn by_provider(visitor: &Visitor) -> bool {
    let way = visitor.session.as_ref().map(|session| &session.way);
    matches!(way, Some(Way::Provider(_)))
}

/// The account of who is signed in, kept here.
async fn mine(portal: &Portal, visitor: &Visitor) -> Result<Account, Fault> {
    if by_provider(visitor) {
        return Err(Fault::Forbidden);
    }
    let name = visitor.person()?.account.clone();
    let account = portal.accounts(move |accounts| accounts.get(&name)).await?;
    account.filter(|a| !a.disabled).ok_or(Fault::Forbidden)
}

/// Their account, if they have just shown who they are; else the way to show it.
async fn mine_freshly(
    portal: &Portal,
    visitor: &Visitor,
) -> Result<Result<(Account, Token), Response>, Fault> {
    let account = mine(portal, visitor).await?;
    let (session, token) = (visitor.session.as_ref(), visitor.token.clone());
    let fresh = session.is_some_and(|s| s.is_fresh(portal.environment.now()));
    match (fresh, token) {
        (true, Some(token)) => Ok(Ok((account, token))),
        _ => Ok(Err(see_other("/signin/again?to=/account"))),
    }
}

/// Hashes a new password, typed twice.
///
/// # Errors
/// [`Fault::Entered`]: what is wrong with it.
pub(crate) async fn new_password(
    portal: &Portal,
    sent: &Sent,
    account: &Account,
) -> Result<Hashed, Fault> {
    let new = sent.raw("new").to_owned();
    if new != sent.raw("repeated") {
        return Err(Fault::Entered("signin-password-differs"));
    }
    let name = account.name.to_ascii_lowercase();
    if new.to_ascii_lowercase().contains(&name) && new.len() < name.len() + 8 {
        return Err(Fault::Entered("signin-password-name"));
    }
    let _place = portal.limits.hash().await.ok_or(Fault::Stopping)?;
    let before = account.password.clone();
    let hashed = tokio::task::spawn_blocking(move || {
        let same = before.is_some_and(|before| before.is(&new));
        (same, Hashed::of(&new))
    });
    match hashed.await.map_err(|_| Fault::Stopping)? {
        (true, _) => Err(Fault::Entered("signin-password-same")),
        (_, Ok(hashed)) => Ok(hashed),
        (_, Err(PasswordFault::TooShort)) => Err(Fault::Entered("signin-password-short")),
        (_, Err(PasswordFault::TooLong)) => Err(Fault::Entered("signin-password-long")),
        (_, Err(PasswordFault::Hash(_))) => Err(Fault::Stopping),
    }
}

async fn change_password(State(portal): State<Portal>, visitor: Visitor, sent: Sent) -> Response {
    answered(&portal, &visitor, async {
        let (account, token) = match mine_freshly(&portal, &visitor).await? {
            Ok(mine) => mine,
            Err(elsewhere) => return Ok(elsewhere),
        };
        if !crate::signin::is_password(&portal, &account, sent.raw("password")).await? {
            return Err(Fault::Entered("signin-password-wrong"));
        }
        let hashed = new_password(&portal, &sent, &account).await?;
        let name = account.name.clone();
        portal
            .accounts(move |accounts| {
                accounts.change(&name, |account| {
                    account.password = Some(hashed);
                    account.temporary = false;
                    (true, ())
                })
            })
            .await?;
        portal.sessions.end_others_of(&account.name, &token);
        Ok(see_other("/account"))
    })
    .await
}

async fn begin_passkey(State(portal): State<Portal>, visitor: Visitor, _: Sent) -> Response {
    answered(&portal, &visitor, async {
        let webauthn = portal.webauthn.as_ref().ok_or(Fault::NotFound)?;
        let (account, token) = match mine_freshly(&portal, &visitor).await? {
            Ok(mine) => mine,
            // The script follows no redirect; the page then asks to show it again.
            Err(_) => return Err(Fault::ShowAgain),
        };
        if account.passkeys.len() >= PASSKEYS_MAX {
            return Err(Fault::Entered("signin-passkey-full"));
        }
        let name = account.name.clone();
        let handle = portal
            .accounts(move |accounts| accounts.handle(&name))
            .await?;
        let have = account.passkeys.iter().map(|p| p.key.cred_id().clone());
        let begun = webauthn.start_passkey_registration(
            Uuid::from_bytes(handle),
            &account.name,
            &account.shown,
            Some(have.collect()),
        );
        let (creation, state) = begun.map_err(|_| Fault::Stopping)?;
        portal.sessions.ask(&token, Pending::NewPasskey(state));
        let mut public_key =
            serde_json::to_value(creation.public_key).map_err(|_| Fault::Stopping)?;
        // Sign-in begins without a name, so the device must find the key by itself.
        public_key["authenticatorSelection"]["residentKey"] = json!("required");
        public_key["authenticatorSelection"]["requireResidentKey"] = json!(true);
        json(&Challenge {
            public_key,
            form_token: visitor.form_token(),
        })
    })
    .await
}

async fn add_passkey(State(portal): State<Portal>, visitor: Visitor, sent: Sent) -> Response {
    answered(&portal, &visitor, async {
        let webauthn = portal.webauthn.as_ref().ok_or(Fault::NotFound)?;
        let (account, token) = match mine_freshly(&portal, &visitor).await? {
            Ok(mine) => mine,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let wrong = Fault::Entered("signin-passkey-not-made");
        let asked = portal.sessions.asked(&token);
        let Some(Pending::NewPasskey(state)) = asked.as_deref() else {
            return Err(wrong);
        };
        let made = serde_json::from_str::<RegisterPublicKeyCredential>(sent.raw("credential"));
        let key = made
            .ok()
            .and_then(|made| webauthn.finish_passkey_registration(&made, state).ok());
        let Some(key) = key else { return Err(wrong) };
        let label = sent.field("label").chars().filter(|c| !c.is_control());
        let label: String = label.take(LABEL_CHARS_MAX).collect();
        let since = portal.environment.now();
        let label = match label.is_empty() {
            true => sekisho_words::moment(since, visitor.language),
            false => label,
        };
        let added = portal
            .accounts(move |accounts| {
                accounts.change(&account.name, |account| {
                    let known = account
                        .passkeys
                        .iter()
                        .any(|p| p.key.cred_id() == key.cred_id());
                    let added = !known && account.passkeys.len() < PASSKEYS_MAX;
                    if added {
                        account.passkeys.push(Passkey {
                            label,
                            since,
                            used: None,
                            key,
                        });
                    }
                    (added, added)
                })
            })
            .await?;
        match added {
            true => Ok(see_other("/account")),
            false => Err(Fault::Entered("signin-passkey-full")),
        }
    })
    .await
}

async fn remove_passkey(State(portal): State<Portal>, visitor: Visitor, sent: Sent) -> Response {
    answered(&portal, &visitor, async {
        let (account, _) = match mine_freshly(&portal, &visitor).await? {
            Ok(mine) => mine,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let id = sent.field("id").to_owned();
        let left = portal
            .accounts(move |accounts| {
                accounts.change(&account.name, |account| {
                    // The last way in is not thrown away.
                    let last = account.passkeys.len() == 1 && account.password.is_none();
                    if !last {
                        account.passkeys.retain(|passkey| passkey.id() != id);
                    }
                    (!last, !last)
                })
            })
            .await?;
        match left {
            true => Ok(see_other("/account")),
            false => Err(Fault::Entered("signin-passkey-last")),
        }
    })
    .await
}

async fn end_sessions(State(portal): State<Portal>, visitor: Visitor, _: Sent) -> Response {
    answered(&portal, &visitor, async {
        let account = &visitor.person()?.account;
        let token = visitor.token.as_ref().ok_or(Fault::Forbidden)?;
        portal.sessions.end_others_of(account, token);
        Ok(see_other("/account"))
    })
    .await
}

#[cfg(test)]
#[path = "account_test.rs"]
mod tests;
