//! The agreements: what stands, who signed which version, and what one version changes against another.

use super::Asked;
use crate::fault::Fault;
use crate::page::{Page, html};
use askama::Template;
use axum::response::Response;
use sekisho_domain::AgreementId;
use sekisho_ledger::record::{AgreementHead, AgreementVersion};
use sekisho_ledger::{AGREEMENT_VERSIONS_MAX, AGREEMENTS_OF_PAIR_MAX, NETWORKS_MAX};
use sekisho_node::LedgerFault;
use sekisho_profiles::diff::diff;
use sekisho_words::{Names, agreement as words, standing};

/// As many as a ledger's members can have between each two of them.
const AGREEMENTS_MAX: usize = NETWORKS_MAX * NETWORKS_MAX / 2 * AGREEMENTS_OF_PAIR_MAX;

struct Line {
    id: String,
    latest: u32,
    parties: Vec<String>,
    state: String,
}

#[derive(Template)]
#[template(path = "officer-agreements.html")]
struct Agreements<'a> {
    page: Page<'a>,
    lines: Vec<Line>,
}

struct Version {
    version: u32,
    /// Signed by all, and the last such.
    in_force: bool,
    said: String,
    signed: Vec<(String, u64)>,
    waiting: Vec<String>,
}

#[derive(Template)]
#[template(path = "officer-agreement.html")]
struct AgreementPage<'a> {
    page: Page<'a>,
    id: String,
    state: String,
    versions: Vec<Version>,
    terminated: bool,
    /// This network has not signed the last version yet.
    owes: bool,
    /// The version before and the one after, and who gains and who loses.
    diff: Option<(u32, u32, String)>,
}

type Read = (AgreementHead, Vec<AgreementVersion>);

pub async fn page(asked: Asked) -> Result<Response, Fault> {
    let read = asked.portal.ask(|snapshot| {
        let view = snapshot.view();
        let names = Names::of(view).map_err(LedgerFault::from)?;
        let mut all = Vec::new();
        for (id, head) in view.agreements(AGREEMENTS_MAX).map_err(LedgerFault::from)? {
            let latest = view
                .agreement(&id, head.latest)
                .map_err(LedgerFault::from)?;
            all.extend(latest.map(|latest| (id, head, latest.value)));
        }
        Ok((names, all))
    });
    let (names, all) = read.await?;
    let page = asked.page("officer-agreements");
    let lines = all.iter().map(|(id, head, latest)| {
        let state = standing(head, latest, &names);
        Line {
            id: id.to_string(),
            latest: head.latest,
            parties: latest
                .agreement
                .parties
                .iter()
                .map(|p| names.name(p))
                .collect(),
            state: page.pick(&state.ja, &state.en).to_owned(),
        }
    });
    html(&Agreements {
        lines: lines.collect(),
        page,
    })
}

pub async fn one(asked: Asked) -> Result<Response, Fault> {
    let id: AgreementId = asked.segment("id").parse().map_err(|_| Fault::NotFound)?;
    let of = id.clone();
    let read = asked.portal.ask(move |snapshot| {
        let view = snapshot.view();
        let names = Names::of(view).map_err(LedgerFault::from)?;
        let Some(head) = view.agreement_head(&of).map_err(LedgerFault::from)? else {
            return Ok((names, None));
        };
        let mut versions = Vec::new();
        for version in 1..=head.value.latest.min(AGREEMENT_VERSIONS_MAX) {
            let found = view.agreement(&of, version).map_err(LedgerFault::from)?;
            versions.extend(found.map(|record| record.value));
        }
        Ok((names, Some((head.value, versions))))
    });
    let (names, found) = read.await?;
    let (head, versions): Read = found.ok_or(Fault::NotFound)?;
    let page = asked.page("officer-agreement");
    let latest = versions.last().ok_or(Fault::NotFound)?;
    let state = standing(&head, latest, &names);
    let shown = versions.iter().rev().map(|of| {
        let said = words(&of.agreement, &names);
        let unsigned = of
            .agreement
            .parties
            .iter()
            .filter(|p| !of.signed.contains_key(p));
        Version {
            version: of.agreement.version,
            in_force: head.signed.last() == Some(&of.agreement.version),
            said: asked.visitor.language.pick(said.ja, said.en),
            signed: of
                .signed
                .iter()
                .map(|(p, index)| (names.name(p), index.0))
                .collect(),
            waiting: unsigned.map(|p| names.name(p)).collect(),
        }
    });
    let own = &asked.portal.settings.network;
    let owes = latest.agreement.parties.contains(own) && !latest.signed.contains_key(own);
    html(&AgreementPage {
        terminated: head.terminated.is_some(),
        owes,
        id: id.to_string(),
        state: page.pick(&state.ja, &state.en).to_owned(),
        versions: shown.collect(),
        diff: compared(&asked, &versions),
        page,
    })
}

/// The two versions that were asked for; else the last and the one before it.
fn compared(asked: &Asked, versions: &[AgreementVersion]) -> Option<(u32, u32, String)> {
    let number = |name: &str| asked.said(name).parse::<u32>().ok();
    let latest = versions.last()?.agreement.version;
    let (from, to) = (
        number("from").unwrap_or(latest.saturating_sub(1)),
        number("to").unwrap_or(latest),
    );
    let of = |version: u32| {
        let found = versions.iter().find(|v| v.agreement.version == version);
        found.map(|v| &v.agreement)
    };
    let (before, after) = (of(from)?, of(to)?);
    let said = diff(Some(before), after).words();
    Some((from, to, asked.visitor.language.pick(said.ja, said.en)))
}
