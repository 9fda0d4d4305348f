//! One patient's consents and reservations, as derived from the ledger's leaves.

use crate::commands::At;
use crate::commands::args::PatientArg;
use crate::commands::show::Table;
use crate::ops;
use crate::ui::{Exit, Failure};
use clap::Args;
use sekisho_domain::{DomainError, EntryIndex, Side};
use sekisho_ledger::CoreError;
use sekisho_ledger::record::GivenReservation;
use sekisho_proto::v1;
use sekisho_words::{consent_row, reservation_row};
use serde_json::json;
use std::convert::Infallible;

#[derive(Debug, Args)]
pub(in crate::commands) struct ListArgs {
    /// The patient: FACILITY/LOCALID of this network, or the pseudonym
    #[arg(long, value_name = "PATIENT")]
    patient: PatientArg,
}

pub(super) async fn run(args: &ListArgs, at: &At) -> Result<Exit, Failure> {
    let session = at.session()?;
    let subject = ops::subject(&session, args.patient.message(), false).await?;
    let replayed = at.replayed(&session).await?;
    let view = replayed.view();
    let read = |e: CoreError<Infallible>| ops::unreadable(&e);
    let mut consents = Vec::new();
    for side in Side::ALL {
        consents.extend(
            view.consents_of(&subject.network, &subject.subject, *side)
                .map_err(read)?,
        );
    }
    consents.sort_by_key(|consent| consent.granted);
    let reservations = view
        .reservations_of(&subject.network, &subject.subject)
        .map_err(read)?;
    let pick = |ja, en| at.ui.pick(ja, en);
    let mut text = format!(
        "{}: {subject}\n",
        pick("患者（仮名）", "patient (pseudonym)")
    );
    let mut table = Table::new([
        pick("番号", "index"),
        pick("側", "side"),
        pick("施設", "facilities"),
        pick("限定", "limits"),
        pick("種類", "categories"),
        pick("目的", "purposes"),
        pick("期間", "period"),
        pick("状態", "state"),
    ]);
    consents
        .iter()
        .for_each(|consent| table.row(consent_row(consent, at.ui.language)));
    text.push_str(&format!("\n{}\n", pick("■ 同意", "Consents")));
    text.push_str(&shown(&table, at));
    let mut table = Table::new([
        pick("番号", "index"),
        pick("閲覧者", "viewer"),
        pick("文書の施設", "documents of"),
        pick("種類", "categories"),
        pick("目的", "purposes"),
        pick("期間", "period"),
        pick("状態", "state"),
    ]);
    for reservation in &reservations {
        let [viewer, documents, categories, purposes, period, state] =
            reservation_row(reservation, at.ui.language);
        table.row([
            reservation.set.to_string(),
            viewer,
            documents,
            categories,
            purposes,
            period,
            state,
        ]);
    }
    text.push_str(&format!(
        "\n{}\n",
        pick("■ 留保（拒否）", "Reservations (refusals)")
    ));
    text.push_str(&shown(&table, at));
    let sealed = ops::sealed_reservations(&session, args.patient.message()).await?;
    let mut table = Table::new([
        pick("番号", "index"),
        pick("閲覧者", "viewer"),
        pick("文書の施設", "documents of"),
        pick("種類", "categories"),
        pick("目的", "purposes"),
        pick("期間", "period"),
        pick("状態", "state"),
    ]);
    let mut sealed_objects = Vec::new();
    for one in &sealed {
        let given = unsealed(one)?;
        let [viewer, documents, categories, purposes, period, _] =
            reservation_row(&given, at.ui.language);
        let state = match (one.seal, one.lifted) {
            (None, _) => pick(
                "台帳に未記録（効力なし）",
                "not on the ledger (does not hold)",
            ),
            (Some(_), true) => pick("解除済み", "lifted"),
            (Some(_), false) => pick("有効な留保", "set"),
        };
        table.row([
            one.seal
                .map_or_else(|| "-".to_owned(), |seal| seal.to_string()),
            viewer,
            documents,
            categories,
            purposes,
            period,
            state.to_owned(),
        ]);
        sealed_objects.push(
            json!({ "index": one.seal, "reservation": given.reservation, "lifted": one.lifted }),
        );
    }
    if !table.is_empty() {
        text.push_str(&format!(
            "\n{}\n{table}",
            pick(
                "■ 封をした留保（このノードだけが内容を持つ）",
                "Sealed reservations (only this node knows what they say)"
            )
        ));
    }
    let reservations: Vec<_> = reservations
        .iter()
        .map(|given| json!({ "index": given.set, "reservation": given.reservation, "cleared": given.cleared }))
        .collect();
    at.ui.result(&json!({ "subject": subject, "leaves": replayed.size, "consents": consents, "reservations": reservations, "sealed": sealed_objects }), text);
    Ok(Exit::Done)
}

/// A sealed reservation as the node keeps it.
fn unsealed(sealed: &v1::SealedReservation) -> Result<GivenReservation, Failure> {
    let reservation = sealed.reservation.clone();
    let reservation = reservation.ok_or(DomainError::Missing("the reservation"));
    let reservation = reservation.and_then(TryInto::try_into);
    Ok(GivenReservation {
        reservation: reservation.map_err(|e| {
            Failure::of(Exit::Unverified, "応答を読むことが", "read the answer", &e)
        })?,
        set: EntryIndex(sealed.seal.unwrap_or_default()),
        cleared: None,
    })
}

fn shown(table: &Table, at: &At) -> String {
    match table.is_empty() {
        true => format!("{}\n", at.ui.pick("  ありません", "  none")),
        false => table.to_string(),
    }
}
