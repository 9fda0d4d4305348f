//! A sealed reservation, opened for an officer by the node that keeps it.

use crate::commands::{At, private};
use crate::ops;
use crate::ui::{Exit, Failure};
use clap::Args;
use sekisho_domain::{EntryIndex, Reservation};
use sekisho_ledger::record::GivenReservation;
use sekisho_words::reservation_row;
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::commands) struct SealArgs {
    /// The seal's ledger index
    #[arg(value_name = "INDEX")]
    index: u64,
    /// Where to write it
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(super) async fn run(args: &SealArgs, at: &At) -> Result<Exit, Failure> {
    private::check_absent(&args.out)?;
    let opened = ops::open_seal(&at.session()?, EntryIndex(args.index)).await?;
    let reservation = opened
        .reservation
        .ok_or(sekisho_domain::DomainError::Missing("the reservation"))
        .and_then(Reservation::try_from)
        .map_err(|e| Failure::of(Exit::Unverified, "応答を読むことが", "read the answer", &e))?;
    let given = GivenReservation {
        reservation: reservation.clone(),
        set: EntryIndex(args.index),
        cleared: None,
    };
    let [viewer, documents, categories, purposes, period, _] =
        reservation_row(&given, at.ui.language);
    // What opens the commitment, and the proof that the commitment stood on the ledger: all an officer needs.
    let file = json!({
        "seal": args.index, "label": "sealed", "salt": hex::encode(&opened.salt), "value": hex::encode(&opened.value),
        "reservation": reservation, "receipt": opened.receipt,
    });
    let text = format!("{file:#}\n");
    private::write(&args.out, text.as_bytes())?;
    let (name, index) = (args.out.display(), args.index);
    let said = [viewer, documents, categories, purposes, period].join(" / ");
    let ja = format!(
        "封をした留保 {index} 番を {name} に書きました（本人だけが読めるファイル）：{said}"
    );
    let en =
        format!("Wrote sealed reservation {index} to {name}, readable by its owner only: {said}");
    at.ui.result(
        &json!({ "seal": index, "out": args.out, "reservation": reservation }),
        at.ui.pick(&ja, &en),
    );
    Ok(Exit::Done)
}
