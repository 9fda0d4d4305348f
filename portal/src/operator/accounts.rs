//! Accounts kept here: added, stopped, given back and begun anew by the operator, without stopping the node.
//!
//! Each change asks for a second factor of the last minutes, and is kept with who made it; officers read that too.

use crate::accounts::{
    Account, AccountsFault, By, Change, Hashed, Holder, Kind, PasswordFault, one_time,
};
use crate::fault::Fault;
use crate::form::Sent;
use crate::guard::see_other;
use crate::page::{Page, Visitor, answered, html};
use crate::sessions::Session;
use crate::signin::chart;
use crate::state::Portal;
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::Response;
use sekisho_documents::Patient;
use sekisho_domain::{FacilityId, Role};
use serde::Deserialize;
use std::collections::BTreeSet;

/// Accounts, or changes, on one page.
const ROWS: usize = 50;
/// Most facilities looked at for this network's own.
const FACILITIES_MAX: usize = 100_000;
/// Most people one patient speaks for.
const REPRESENTED_MAX: usize = 20;
/// Longest local identifier of a practitioner, in bytes.
const PRACTITIONER_BYTES_MAX: usize = 64;

#[derive(Template)]
#[template(path = "operator-accounts.html")]
struct ListPage<'a> {
    page: Page<'a>,
    from: String,
    rows: Vec<Row>,
    /// The name the next page begins behind.
    more: Option<String>,
    kinds: [Kind; 4],
}

struct Row {
    name: String,
    shown: String,
    kind: Kind,
    disabled: bool,
    waiting: bool,
    passkeys: usize,
    /// The identity provider keeps the password.
    elsewhere: bool,
    own: bool,
}

#[derive(Template)]
#[template(path = "operator-account-new.html")]
struct NewPage<'a> {
    page: Page<'a>,
    kind: Kind,
    named: String,
    roles: Vec<(&'static str, &'a str)>,
    facilities: Vec<(String, String)>,
}

#[derive(Template)]
#[template(path = "operator-account-done.html")]
struct DonePage<'a> {
    page: Page<'a>,
    name: String,
    /// Shown this once.
    password: Option<String>,
}

#[derive(Template)]
#[template(path = "operator-changes.html")]
struct ChangesPage<'a> {
    page: Page<'a>,
    rows: Vec<(String, Change)>,
    older: Option<u64>,
    /// Where this page is.
    here: &'static str,
}

#[derive(Deserialize)]
pub(super) struct From {
    #[serde(default)]
    from: String,
    #[serde(default)]
    after: String,
}

pub(super) async fn list(
    State(portal): State<Portal>,
    visitor: Visitor,
    Query(From { from, after }): Query<From>,
) -> Response {
    answered(&portal, &visitor, async {
        let own = visitor.person()?.account.clone();
        let (begin, behind) = (from.clone(), after);
        let mut listed = portal
            .accounts(move |accounts| match behind.is_empty() {
                true => accounts.list_from(&begin, ROWS + 1),
                false => accounts.list(&behind, ROWS + 1),
            })
            .await?;
        let further = listed.len() > ROWS;
        listed.truncate(ROWS);
        let more = listed
            .last()
            .filter(|_| further)
            .map(|last| form_urlencoded::byte_serialize(last.name.as_bytes()).collect());
        let rows = listed.into_iter().map(|account| Row {
            kind: account.holder.kind(),
            disabled: account.disabled,
            waiting: account.temporary,
            passkeys: account.passkeys.len(),
            elsewhere: account.name.starts_with(Account::PROVIDER),
            own: account.name == own,
            name: account.name,
            shown: account.shown,
        });
        html(&ListPage {
            page: Page::new(&portal, &visitor, "operator-accounts"),
            from,
            rows: rows.collect(),
            more,
            kinds: Kind::ALL,
        })
    })
    .await
}

fn kind_of(code: &str) -> Result<Kind, Fault> {
    let mut all = Kind::ALL.into_iter();
    all.find(|kind| kind.code() == code).ok_or(Fault::NotFound)
}

pub(super) async fn new(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(code): Path<String>,
) -> Response {
    answered(&portal, &visitor, async {
        let kind = kind_of(&code)?;
        let page = Page::new(&portal, &visitor, "operator-account-new");
        let roles = Role::ALL.iter();
        let roles = roles.map(|role| (role.code(), page.pick(role.ja(), role.en())));
        html(&NewPage {
            kind,
            named: page.t(&format!("operator-kind-{}", kind.code())),
            roles: roles.collect(),
            facilities: facilities(&portal).await?,
            page,
        })
    })
    .await
}

/// This network's own facilities, by code and name.
async fn facilities(portal: &Portal) -> Result<Vec<(String, String)>, Fault> {
    let own = portal.settings.network.clone();
    let all = portal.ask(move |snapshot| {
        let all = snapshot.view().facilities(FACILITIES_MAX)?;
        let all = all
            .into_iter()
            .filter(|(_, of)| of.network == own && of.left.is_none());
        Ok(all.map(|(id, of)| (id.to_string(), of.name)).collect())
    });
    Ok(all.await?)
}

fn practitioner(sent: &Sent) -> Result<String, Fault> {
    let id = sent.field("practitioner");
    let fits =
        (1..=PRACTITIONER_BYTES_MAX).contains(&id.len()) && !id.chars().any(char::is_control);
    match fits {
        true => Ok(id.to_owned()),
        false => Err(Fault::Entered("operator-fault-practitioner")),
    }
}

fn holder(kind: Kind, sent: &Sent) -> Result<Holder, Fault> {
    Ok(match kind {
        Kind::Clinician => {
            let profession = sent.field("profession").parse();
            let facilities: Result<BTreeSet<FacilityId>, _> =
                sent.all("facility").map(str::parse).collect();
            Holder::Clinician {
                practitioner: practitioner(sent)?,
                profession: profession.map_err(|_| Fault::Entered("operator-fault-profession"))?,
                facilities: facilities
                    .ok()
                    .filter(|all| !all.is_empty())
                    .ok_or(Fault::Entered("operator-fault-facility"))?,
            }
        }
        Kind::Patient => {
            let fault = || Fault::Entered("operator-fault-chart");
            let represents = sent.field("represents").lines().map(str::trim);
            let represents = represents.filter(|line| !line.is_empty());
            let represents: Option<Vec<Patient>> = represents.map(chart).collect();
            Holder::Patient {
                chart: chart(sent.field("chart")).ok_or_else(fault)?,
                represents: represents
                    .filter(|all| all.len() <= REPRESENTED_MAX)
                    .ok_or_else(fault)?,
            }
        }
        Kind::Officer => Holder::Officer {
            practitioner: practitioner(sent)?,
        },
        Kind::Operator => Holder::Operator,
    })
}

/// Who changes an account, if they have just shown who they are; else the way to show it.
fn by(portal: &Portal, visitor: &Visitor) -> Result<Result<By, Response>, Fault> {
    let now = portal.environment.now();
    let fresh = visitor
        .session
        .as_ref()
        .is_some_and(|s: &Session| s.is_fresh(now));
    let by = By::account(&visitor.person()?.account, now);
    Ok(match fresh {
        true => Ok(by),
        false => Err(see_other("/signin/again?to=/operator/accounts")),
    })
}

/// A password to be given out once, and its hash.
async fn made(portal: &Portal) -> Result<(String, Hashed), Fault> {
    let made = one_time().map_err(|_| Fault::Stopping)?;
    let _place = portal.limits.hash().await.ok_or(Fault::Stopping)?;
    let of = made.clone();
    let hashed = tokio::task::spawn_blocking(move || Hashed::of(&of)).await;
    let hashed = hashed.map_err(|_| Fault::Stopping)?;
    Ok((made, hashed.map_err(|_: PasswordFault| Fault::Stopping)?))
}

pub(super) async fn add(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(code): Path<String>,
    sent: Sent,
) -> Response {
    answered(&portal, &visitor, async {
        let kind = kind_of(&code)?;
        let by = match by(&portal, &visitor)? {
            Ok(by) => by,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let holder = holder(kind, &sent)?;
        let name = sent.field("name").to_owned();
        let (password, hashed) = match name.starts_with(Account::PROVIDER) {
            true => (None, None),
            false => {
                let (made, hashed) = made(&portal).await?;
                (Some(made), Some(hashed))
            }
        };
        let mut account = Account::new(&name, sent.field("shown"), holder, hashed);
        account.temporary = password.is_some();
        portal
            .accounts(move |accounts| accounts.add(&account, &by))
            .await?;
        done(&portal, &visitor, "operator-account-added", name, password)
    })
    .await
}

fn done(
    portal: &Portal,
    visitor: &Visitor,
    title: &'static str,
    name: String,
    password: Option<String>,
) -> Result<Response, Fault> {
    let page = Page::new(portal, visitor, title);
    html(&DonePage {
        page,
        name,
        password,
    })
}

/// The named account, which is not that of who asks: nobody shuts themselves out.
fn named(visitor: &Visitor, sent: &Sent) -> Result<String, Fault> {
    let name = sent.field("name").to_owned();
    match name == visitor.person()?.account {
        true => Err(Fault::Entered("operator-fault-own")),
        false => Ok(name),
    }
}

pub(super) async fn change(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(what): Path<String>,
    sent: Sent,
) -> Response {
    let changed = async {
        let by = match by(&portal, &visitor)? {
            Ok(by) => by,
            Err(elsewhere) => return Ok(elsewhere),
        };
        let name = named(&visitor, &sent)?;
        match what.as_str() {
            "disable" => portal.disable(&name, by).await?,
            "enable" => {
                let of = name.clone();
                portal
                    .accounts(move |accounts| accounts.enable(&of, &by))
                    .await?;
            }
            "reset" if !name.starts_with(Account::PROVIDER) => {
                let (password, hashed) = made(&portal).await?;
                portal.reset(&name, hashed, by).await?;
                let title = "operator-account-reset-done";
                return done(&portal, &visitor, title, name, Some(password));
            }
            _ => return Err(Fault::NotFound),
        }
        Ok(see_other("/operator/accounts"))
    };
    let changed = async {
        changed.await.map_err(|fault| match fault {
            Fault::Accounts(AccountsFault::Absent) => Fault::NotFound,
            fault => fault,
        })
    };
    answered(&portal, &visitor, changed).await
}

#[derive(Deserialize)]
pub(super) struct Before {
    before: Option<u64>,
}

pub(super) async fn changes(
    State(portal): State<Portal>,
    visitor: Visitor,
    Query(Before { before }): Query<Before>,
) -> Response {
    let made = changes_page(&portal, &visitor, "/operator/accounts/changes", before);
    answered(&portal, &visitor, made).await
}

/// Who changed whose account, for operators and for officers; `here` is where this page is.
pub(crate) async fn changes_page(
    portal: &Portal,
    visitor: &Visitor,
    here: &'static str,
    before: Option<u64>,
) -> Result<Response, Fault> {
    let mut rows = portal
        .accounts(move |accounts| accounts.changes(before, ROWS + 1))
        .await?;
    let further = rows.len() > ROWS;
    rows.truncate(ROWS);
    let older = rows.last().filter(|_| further).map(|(number, _)| *number);
    let page = Page::new(portal, visitor, "operator-changes");
    let rows = rows
        .into_iter()
        .map(|(_, change)| (page.moment(change.by.time), change));
    html(&ChangesPage {
        rows: rows.collect(),
        older,
        here,
        page,
    })
}
