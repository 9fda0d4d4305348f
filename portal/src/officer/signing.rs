//! What is about to be said of an agreement: read in words, compared, tried, signed where the key is, and put in order.
//!
//! The governance key is nowhere near this server. Its owner signs in the browser, with the ledger's own code compiled to
//! WebAssembly, or with `sekisho agreement sign --file` on any machine; what comes here is the signed envelope, checked as
//! the ledger checks it. See `docs/decisions/0026-signing-agreements.md`.

use super::Asked;
use super::replay::{blocking, replayed};
use crate::fault::Fault;
use crate::form::Sent;
use crate::page::{Page, html};
use crate::state::Portal;
use crate::verify::with_wasm;
use askama::Template;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, HeaderValue};
use axum::response::{IntoResponse, Response};
use sekisho_domain::{AgreementId, EntryIndex, KeyPurpose, LedgerId, Outcome};
use sekisho_ledger::record::AgreementVersion;
use sekisho_ledger::unsigned::{Act, UNSIGNED_BYTES_MAX, Unsigned, from_text};
use sekisho_ledger::{Admitted, EntryFault, Strict, admit, form};
use sekisho_node::{Committed, LedgerFault};
use sekisho_profiles::diff::diff;
use sekisho_profiles::preview::{Preview, PreviewError, preview};
use sekisho_proto::v1;
use sekisho_transport::Deadline;
use sekisho_words::{Names, agreement as words, moment};
use std::time::Duration;

/// Time to put an entry in order, sent again while it is not known whether it was (P5).
const SUBMIT: Duration = Duration::from_secs(20);
const AGAIN: Duration = Duration::from_millis(250);
/// Leaves of a ledger on which a page tries an agreement: some thousand patients, a minute at most. Beyond it the page
/// names the command.
const TRIED_LEAVES_MAX: u64 = 20_000;

/// What is shown beside what is to be signed.
#[derive(Default)]
pub struct Beside {
    effect: Option<Effect>,
    /// Why what was sent was not taken.
    fault: Option<String>,
}

/// What it would change for patients.
enum Effect {
    TooLong,
    /// The ledger would refuse it.
    Refused(String),
    Of(String, Vec<Change>),
}

/// What is counted of each direction.
const COUNTS: [&str; 7] = [
    "officer-effect-patients",
    "officer-effect-before",
    "officer-effect-after",
    "officer-effect-gained",
    "officer-effect-lost",
    "officer-effect-wider",
    "officer-effect-narrower",
];

struct Change {
    disclosing: String,
    viewing: String,
    counts: [usize; COUNTS.len()],
}

#[derive(Template)]
#[template(path = "officer-sign.html")]
struct SignPage<'a> {
    page: Page<'a>,
    id: String,
    version: u32,
    proposes: bool,
    ja: String,
    en: String,
    /// Against the version before, if there is one.
    diff: Option<(u32, String)>,
    /// Where this network has signed it already.
    signed: Option<u64>,
    is_party: bool,
    beside: Beside,
    /// The agreement, to be changed again.
    object: String,
    unsigned: String,
    /// The network's keys that may sign it.
    keys: Vec<String>,
}

#[derive(Template)]
#[template(path = "officer-signed.html")]
struct SignedPage<'a> {
    page: Page<'a>,
    id: String,
    version: u32,
    index: u64,
    time: String,
    /// Why it has no effect, if it has none.
    refused: Option<String>,
    waiting: Vec<String>,
}

/// The ledger something said here is meant for.
pub async fn meant(portal: &Portal) -> Result<(LedgerId, u64), Fault> {
    let meta = portal.ask(|snapshot| {
        let meta = snapshot.view().meta();
        Ok(meta.map_err(LedgerFault::from)?)
    });
    let meta = meta.await?.ok_or(Fault::NotFound)?;
    Ok((meta.ledger, meta.lineage))
}

/// The last version of an agreement that is on the ledger, and whether the agreement was terminated.
pub async fn latest(portal: &Portal, id: AgreementId) -> Result<(AgreementVersion, bool), Fault> {
    let read = portal.ask(move |snapshot| {
        let view = snapshot.view();
        let Some(head) = view.agreement_head(&id).map_err(LedgerFault::from)? else {
            return Ok(None);
        };
        let latest = view.agreement(&id, head.value.latest);
        let latest = latest.map_err(LedgerFault::from)?;
        Ok(latest.map(|latest| (latest.value, head.value.terminated.is_some())))
    });
    read.await?.ok_or(Fault::NotFound)
}

/// What the last version of an agreement says, to be signed.
pub async fn page(asked: Asked) -> Result<Response, Fault> {
    let id = asked.segment("id").parse().map_err(|_| Fault::NotFound)?;
    let (version, terminated) = latest(&asked.portal, id).await?;
    if terminated {
        return Err(Fault::Entered("officer-draft-fault-ended"));
    }
    let (ledger, lineage) = meant(&asked.portal).await?;
    let unsigned = Unsigned {
        ledger,
        lineage,
        act: Act::Sign,
        agreement: version.agreement,
    };
    show(&asked, &unsigned, Beside::default()).await
}

/// What a form carries on.
fn carried(sent: &Sent) -> Result<Unsigned, Fault> {
    let text = sent.field("unsigned");
    let bounded = Some(text).filter(|text| text.len() <= UNSIGNED_BYTES_MAX);
    let unsigned = bounded.and_then(|text| serde_json::from_str(text).ok());
    unsigned.ok_or(Fault::Entered("officer-fault-unsigned"))
}

fn json(of: &impl serde::Serialize) -> Result<String, Fault> {
    serde_json::to_string(of).map_err(|_| Fault::Entered("officer-fault-unsigned"))
}

/// The page of it.
pub async fn show(asked: &Asked, unsigned: &Unsigned, beside: Beside) -> Result<Response, Fault> {
    let own = asked.portal.settings.network.clone();
    let of = unsigned.clone();
    let network = own.clone();
    let read = asked.portal.ask(move |snapshot| {
        let view = snapshot.view();
        let names = Names::of(view).map_err(LedgerFault::from)?;
        let version = of.agreement.version;
        let agreement = |version| {
            let found = view.agreement(&of.agreement.id, version);
            found.map_err(LedgerFault::from)
        };
        let before = match version.checked_sub(1).filter(|before| *before > 0) {
            Some(before) => agreement(before)?,
            None => None,
        };
        let same = agreement(version)?.map(|record| record.value);
        let same = same.filter(|same| same.agreement == of.agreement);
        let keys = view.keys(KeyPurpose::Governance);
        let keys = keys.map_err(LedgerFault::from)?.into_iter();
        let keys = keys.filter(|(_, key)| key.network == network && key.revoked.is_none());
        let keys: Vec<_> = keys.map(|(id, _)| id.to_string()).collect();
        let signed = same.and_then(|same| same.signed.get(&network).copied());
        Ok((names, before.map(|record| record.value), signed, keys))
    });
    let (names, before, signed, keys) = read.await?;
    let agreement = &unsigned.agreement;
    let said = words(agreement, &names);
    let diff = before.map(|before| {
        let said = diff(Some(&before.agreement), agreement).words();
        let said = asked.visitor.language.pick(said.ja, said.en);
        (before.agreement.version, said)
    });
    let faulty = beside.fault.is_some();
    let mut response = html(&SignPage {
        page: asked.page("officer-sign"),
        id: agreement.id.to_string(),
        version: agreement.version,
        proposes: unsigned.act == Act::Propose,
        ja: said.ja,
        en: said.en,
        diff,
        signed: signed.map(|index| index.0),
        is_party: agreement.parties.contains(&own),
        beside,
        object: json(agreement)?,
        unsigned: json(unsigned)?,
        keys,
    })?;
    if faulty {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(with_wasm(response))
}

/// The file that is signed elsewhere.
pub async fn file(_: Asked, sent: Sent) -> Result<Response, Fault> {
    let unsigned = carried(&sent)?;
    let (id, version) = (&unsigned.agreement.id, unsigned.agreement.version);
    let name = format!("attachment; filename=\"sekisho-{id}-v{version}.json\"");
    let name = HeaderValue::from_str(&name).map_err(|_| Fault::NotFound)?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (CONTENT_DISPOSITION, name),
    ];
    Ok((headers, json(&unsigned)?).into_response())
}

/// What it would change for the patients on the ledger, tried on a copy of it.
pub async fn effect(asked: Asked, sent: Sent) -> Result<Response, Fault> {
    let unsigned = carried(&sent)?;
    let size = asked.portal.ask(|snapshot| {
        let meta = snapshot.view().meta().map_err(LedgerFault::from)?;
        Ok(EntryIndex(meta.map_or(0, |meta| meta.size)))
    });
    let replayed = replayed(&asked.portal, size.await?, TRIED_LEAVES_MAX).await?;
    let effect = match replayed {
        None => Effect::TooLong,
        Some(replayed) => {
            let agreement = unsigned.agreement.clone();
            let tried = blocking(move || {
                let names = Names::of(replayed.replay.view())?;
                let (state, _) = replayed.replay.end()?;
                Ok((preview(&state, &agreement, |_, _, _| ()), names))
            });
            let (tried, names) = tried.await?;
            told(&asked, tried, &names)?
        }
    };
    let beside = Beside {
        effect: Some(effect),
        fault: None,
    };
    show(&asked, &unsigned, beside).await
}

fn told(
    asked: &Asked,
    tried: Result<Preview, PreviewError>,
    names: &Names,
) -> Result<Effect, Fault> {
    let page = asked.page("officer-sign");
    match tried {
        Ok(preview) => {
            let one = |of: &sekisho_profiles::preview::Change| Change {
                disclosing: names.name(&of.disclosing),
                viewing: names.name(&of.viewing),
                counts: [
                    of.patients,
                    of.visible_before,
                    of.visible_after,
                    of.gained,
                    of.lost,
                    of.wider,
                    of.narrower,
                ],
            };
            let changes = preview.directions.iter().map(one).collect();
            Ok(Effect::Of(page.moment(preview.at), changes))
        }
        Err(PreviewError::Refused { network, reason }) => {
            let reason = page.pick(reason.ja(), reason.en());
            let network = names.name(&network);
            let said = page.with2(
                "officer-effect-refused",
                "network",
                network,
                "reason",
                reason,
            );
            Ok(Effect::Refused(said))
        }
        Err(PreviewError::NotAMember(network)) => {
            let said = page.with("officer-effect-stranger", "network", network.to_string());
            Ok(Effect::Refused(said))
        }
        Err(PreviewError::NotTaken { .. }) => {
            Ok(Effect::Refused(page.t("officer-effect-not-taken")))
        }
        Err(error) => Err(LedgerFault::State(Box::new(error)).into()),
    }
}

/// Puts what was signed in order, if it is exactly what was read, by a governance key of this network's.
pub async fn submit(asked: Asked, sent: Sent) -> Result<Response, Fault> {
    let unsigned = carried(&sent)?;
    let envelope = match checked(&asked, &unsigned, sent.field("envelope")).await? {
        Ok(envelope) => envelope,
        Err(fault) => return refused(&asked, &unsigned, fault).await,
    };
    match in_order(&asked.portal, envelope).await {
        Ok(done) => recorded(&asked, &unsigned, &done).await,
        Err(LedgerFault::NotTaken(_)) => {
            refused(&asked, &unsigned, "officer-envelope-not-taken").await
        }
        Err(fault) => Err(fault.into()),
    }
}

async fn refused(
    asked: &Asked,
    unsigned: &Unsigned,
    fault: &'static str,
) -> Result<Response, Fault> {
    let beside = Beside {
        effect: None,
        fault: Some(asked.page("officer-sign").t(fault)),
    };
    show(asked, unsigned, beside).await
}

/// Checks in this order: an entry, of this very act, by a governance key of this network's, authentic now.
async fn checked(
    asked: &Asked,
    unsigned: &Unsigned,
    text: &str,
) -> Result<Result<v1::Envelope, &'static str>, Fault> {
    let Some(envelope) = from_text(text) else {
        return Ok(Err("officer-envelope-none"));
    };
    let entry = match form(&envelope) {
        Ok(formed) => formed.entry,
        Err(_) => return Ok(Err("officer-envelope-none")),
    };
    if entry.body != unsigned.body() {
        return Ok(Err("officer-envelope-other"));
    }
    let (own, now) = (
        asked.portal.settings.network.clone(),
        asked.portal.environment.now(),
    );
    let read = asked.portal.ask(move |snapshot| {
        let key = snapshot
            .view()
            .key(&entry.author)
            .map_err(LedgerFault::from)?;
        let ours = key.is_some_and(|record| {
            record.value.network == own && record.value.purpose == KeyPurpose::Governance
        });
        if !ours {
            return Ok(Err("officer-envelope-key"));
        }
        let admitted = admit(snapshot, &envelope, now, &Strict).map_err(LedgerFault::from)?;
        Ok(match admitted {
            Ok(Admitted::Fresh(_) | Admitted::Known(_)) => Ok(envelope),
            Err(fault) => Err(said(&fault)),
        })
    });
    Ok(read.await?)
}

fn said(fault: &EntryFault) -> &'static str {
    match fault {
        EntryFault::WrongLedger { .. } | EntryFault::WrongLineage { .. } => {
            "officer-envelope-ledger"
        }
        EntryFault::OutsideWindow { .. } => "officer-envelope-late",
        EntryFault::UnknownKey(_) => "officer-envelope-key",
        EntryFault::RevokedKey(_) => "officer-envelope-revoked",
        EntryFault::AuthorSignatureMissing(_) | EntryFault::BadSignature(_) => {
            "officer-envelope-signature"
        }
        EntryFault::RequestIdReused => "officer-envelope-reused",
        _ => "officer-envelope-none",
    }
}

async fn in_order(portal: &Portal, envelope: v1::Envelope) -> Result<Committed, LedgerFault> {
    let deadline = Deadline::after(SUBMIT);
    let done = loop {
        match portal.ledger.submit(envelope.clone(), deadline).await {
            Err(LedgerFault::Unknown) if AGAIN < deadline.remaining() => {
                tokio::time::sleep(AGAIN).await;
            }
            done => break done?,
        }
    };
    portal.ledger.wait_applied(done.index, deadline).await?;
    Ok(done)
}

async fn recorded(asked: &Asked, unsigned: &Unsigned, done: &Committed) -> Result<Response, Fault> {
    let id = unsigned.agreement.id.clone();
    let version = unsigned.agreement.version;
    let read = asked.portal.ask(move |snapshot| {
        let view = snapshot.view();
        let names = Names::of(view).map_err(LedgerFault::from)?;
        let found = view.agreement(&id, version).map_err(LedgerFault::from)?;
        Ok((names, found.map(|record| record.value)))
    });
    let (names, found) = read.await?;
    let waiting = found.iter().flat_map(|of| {
        let parties = of.agreement.parties.iter();
        parties.filter(|party| !of.signed.contains_key(party))
    });
    let page = asked.page("officer-signed");
    let refused = match &done.outcome {
        Outcome::Refused(reason) => Some(page.pick(reason.ja(), reason.en()).to_owned()),
        _ => None,
    };
    html(&SignedPage {
        id: unsigned.agreement.id.to_string(),
        version,
        index: done.index.0,
        time: moment(done.time, asked.visitor.language),
        refused,
        waiting: waiting.map(|party| names.name(party)).collect(),
        page,
    })
}
