//! One patient's consents and reservations, as derived from the ledger's leaves.

use crate::commands::At;
use crate::commands::args::PatientArg;
use crate::commands::show::{Table, consent_row, reservation_row};
use crate::ops::{self, Replayed};
use crate::ui::{Exit, Failure};
use clap::Args;
use sekisho_domain::{Body, EntryIndex, ReservationId, Side, SubjectRef};
use sekisho_ledger::record::GivenReservation;
use sekisho_ledger::{CoreError, Leaf};
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
    let reservations = reservations(&replayed, &subject)?;
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
    for (index, reservation) in &reservations {
        let [viewer, documents, categories, purposes, period, state] =
            reservation_row(reservation, at.ui.language);
        table.row([
            index.to_string(),
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
    let reservations: Vec<_> = reservations
        .iter()
        .map(|(index, given)| json!({ "index": index, "reservation": given.reservation, "cleared": given.cleared }))
        .collect();
    at.ui.result(&json!({ "subject": subject, "leaves": replayed.size, "consents": consents, "reservations": reservations }), text);
    Ok(Exit::Done)
}

fn shown(table: &Table, at: &At) -> String {
    match table.is_empty() {
        true => format!("{}\n", at.ui.pick("  ありません", "  none")),
        false => table.to_string(),
    }
}

/// A subject's reservations with their ids, which are the indices of the leaves that set them.
fn reservations(
    replayed: &Replayed,
    subject: &SubjectRef,
) -> Result<Vec<(EntryIndex, GivenReservation)>, Failure> {
    let view = replayed.view();
    let read = |e: CoreError<Infallible>| ops::unreadable(&e);
    let mut found = Vec::new();
    for index in (0..replayed.size).map(EntryIndex) {
        let leaf = view.leaf(index).map_err(read)?.unwrap_or_default();
        let leaf = Leaf::decode(&leaf).map_err(|e| {
            Failure::of(Exit::Unverified, "台帳を読むことが", "read the ledger", &e)
        })?;
        let of_subject = matches!(&leaf.entry.body, Body::ReservationSet(set)
            if set.network == subject.network && set.subject == subject.subject);
        // One that was refused set nothing.
        let given = match of_subject {
            true => view.reservation(ReservationId(index)).map_err(read)?,
            false => None,
        };
        found.extend(given.map(|record| (index, record.value)));
    }
    Ok(found)
}
