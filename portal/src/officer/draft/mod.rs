//! Agreements drafted here: a form, and everything about what it says before anybody signs it.

mod fields;

#[cfg(test)]
mod fields_test;

use super::{Asked, signing};
use crate::fault::Fault;
use crate::form::Sent;
use crate::page::{Page, html};
use askama::Template;
use axum::http::StatusCode;
use axum::response::Response;
use fields::{FaultAt, Fields, GrantFields};
use sekisho_domain::{Agreement, AgreementId, NetworkId};
use sekisho_ledger::record::AgreementVersion;
use sekisho_ledger::unsigned::{Act, UNSIGNED_BYTES_MAX, Unsigned};
use sekisho_node::LedgerFault;

#[derive(Template)]
#[template(path = "officer-draft.html")]
struct Form<'a> {
    page: Page<'a>,
    fields: Fields,
    faults: Vec<String>,
    networks: Vec<(NetworkId, String)>,
}

/// The empty form; with `of`, the last version of that agreement, to be changed.
pub async fn page(asked: Asked) -> Result<Response, Fault> {
    let own = &asked.portal.settings.network;
    let fields = match asked.said("of") {
        "" => Fields::empty(own),
        id => {
            let id = id.parse().map_err(|_| Fault::NotFound)?;
            let (agreement, ..) = signing::latest(&asked.portal, id).await?;
            Fields::of(&agreement.agreement)
        }
    };
    show(&asked, fields, &[]).await
}

/// What is done with the form: filled in from an agreement, made longer, or looked at.
pub async fn sent(asked: Asked, sent: Sent) -> Result<Response, Fault> {
    match sent.field("do") {
        "edit" => show(&asked, Fields::of(&object(sent.field("object"))?), &[]).await,
        "add" => {
            let mut fields = Fields::sent(&sent);
            if fields.grants.len() < Agreement::GRANTS_MAX {
                fields.grants.push(GrantFields::default());
            }
            show(&asked, fields, &[]).await
        }
        _ => check(&asked, Fields::sent(&sent)).await,
    }
}

/// An agreement as `sekisho agreement draft --object` writes it, or as our own pages carry it.
fn object(text: &str) -> Result<Agreement, Fault> {
    let bounded = Some(text).filter(|text| text.len() <= UNSIGNED_BYTES_MAX);
    let agreement = bounded.and_then(|text| serde_json::from_str(text).ok());
    agreement.ok_or(Fault::Entered("officer-fault-object"))
}

async fn check(asked: &Asked, fields: Fields) -> Result<Response, Fault> {
    let last = match fields.id.parse::<AgreementId>() {
        Ok(id) => last_version(asked, id).await?,
        Err(_) => None,
    };
    if last.as_ref().is_some_and(|(_, terminated)| *terminated) {
        let ended = ("officer-draft-fault-ended", None);
        return show(asked, fields, &[ended]).await;
    }
    let last = last.map(|(last, _)| last.agreement);
    match fields.agreement(last.as_ref(), &asked.portal.settings.network) {
        Err(faults) => show(asked, fields, &faults).await,
        Ok(agreement) => {
            let (ledger, lineage) = signing::meant(&asked.portal).await?;
            let unsigned = Unsigned {
                ledger,
                lineage,
                act: Act::Propose,
                agreement,
            };
            signing::show(asked, &unsigned, signing::Beside::default()).await
        }
    }
}

/// The last version of this agreement, and whether it was terminated; none where there is no such agreement yet.
async fn last_version(
    asked: &Asked,
    id: AgreementId,
) -> Result<Option<(AgreementVersion, bool)>, Fault> {
    match signing::latest(&asked.portal, id).await {
        Ok(last) => Ok(Some(last)),
        Err(Fault::NotFound) => Ok(None),
        Err(fault) => Err(fault),
    }
}

async fn show(asked: &Asked, fields: Fields, faults: &[FaultAt]) -> Result<Response, Fault> {
    let networks = asked.portal.ask(|snapshot| {
        let all = snapshot.view().networks().map_err(LedgerFault::from)?;
        Ok(all.into_iter().map(|(id, of)| (id, of.name)).collect())
    });
    let page = asked.page("officer-draft");
    let told = |(fault, at): &FaultAt| match at {
        Some(n) => page.with2(
            "officer-draft-fault-at",
            "number",
            *n,
            "fault",
            page.t(fault),
        ),
        None => page.t(fault),
    };
    let mut response = html(&Form {
        faults: faults.iter().map(told).collect(),
        networks: networks.await?,
        fields,
        page,
    })?;
    if !faults.is_empty() {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}
