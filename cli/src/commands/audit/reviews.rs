//! What is owed after accesses by break-glass: a second person's review, and telling the patient.

use crate::commands::At;
use crate::commands::args::codes_of;
use crate::commands::show::Table;
use crate::keys;
use crate::ops::{self, Until};
use crate::ui::{Exit, Failure};
use clap::Args;
use sekisho_domain::{Body, EntryIndex, FacilityId, Grounds, KeyPurpose, Review, Told, Verdict};
use sekisho_ledger::record::EmergencyAccess;
use sekisho_proto::v1;
use sekisho_proto::v1::record_request::Record;
use sekisho_words::moment;
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(in crate::commands) struct ReviewsArgs {
    /// Only those whose review is overdue
    #[arg(long, conflicts_with = "all")]
    overdue: bool,
    /// Those that owe nothing any longer, too
    #[arg(long)]
    all: bool,
}

#[derive(Debug, Args)]
pub(in crate::commands) struct ReviewArgs {
    /// The access request's ledger index
    #[arg(value_name = "INDEX")]
    index: u64,
    /// What was found
    #[arg(long, value_name = "VERDICT", value_parser = codes_of!(Verdict))]
    verdict: Verdict,
    /// Who judges, by the id used in this network; not who asked
    #[arg(long, value_name = "ID")]
    reviewer: String,
    /// The reasons; stay in the node, the ledger gets a salted commitment
    #[arg(long, value_name = "TEXT")]
    note: String,
    /// The officer's key file; else officer.key in the key folder
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(in crate::commands) struct ToldArgs {
    /// The access request's ledger index
    #[arg(value_name = "INDEX")]
    index: u64,
    /// How the patient was told
    #[arg(long, value_name = "WAY", value_parser = codes_of!(Told))]
    way: Told,
    /// The facility that told them
    #[arg(long, value_name = "CODE")]
    recorded_by: FacilityId,
}

/// Lists this network's accesses by break-glass. Refused, for those who watch it, if a review is overdue.
pub(super) async fn list(args: &ReviewsArgs, at: &At) -> Result<Exit, Failure> {
    let session = at.session()?;
    let mut asked = Vec::new();
    let now = at
        .past(&session, Until::Now, |_, leaf| {
            if let Body::AccessRequest(request) = &leaf.entry.body
                && let Grounds::Emergency(reason) = request.grounds
                && request.viewing == session.network
            {
                asked.push((leaf.index, leaf.time, reason, request.facility.clone()));
            }
            Ok(())
        })
        .await?;
    let clock = ops::now();
    let pick = |ja, en| at.ui.pick(ja, en);
    let mut table = Table::new([
        pick("番号", "index"),
        pick("日時", "time"),
        pick("施設", "facility"),
        pick("理由", "reason"),
        pick("審査の期限", "review due"),
        pick("審査", "review"),
        pick("患者への通知", "patient told"),
    ]);
    let (mut objects, mut overdue, mut owing) = (Vec::new(), 0, 0);
    for (index, time, reason, facility) in asked {
        // One that was denied everywhere opened nothing and owes nothing.
        let access = now
            .view()
            .emergency(index)
            .map_err(|e| ops::unreadable(&e))?;
        let Some(access) = access.map(|record| record.value) else {
            continue;
        };
        let late = access.is_overdue(clock);
        let owes = !access.is_reviewed() || access.told.is_none();
        overdue += usize::from(late);
        owing += usize::from(owes);
        objects.push(json!({
            "index": index, "time_ms": time, "facility": facility, "reason": reason, "due_ms": access.due,
            "overdue": late, "reviewed": access.is_reviewed(), "access": access,
        }));
        if (args.overdue && !late) || (!args.all && !owes) {
            continue;
        }
        table.row([
            index.to_string(),
            moment(time, at.ui.language),
            facility.to_string(),
            pick(reason.ja(), reason.en()).to_owned(),
            moment(access.due, at.ui.language),
            reviewed(&access, late, at),
            told(&access, at),
        ]);
    }
    let sum = at.ui.language.pick(
        format!("未了 {owing} 件、うち審査の期限を過ぎたもの {overdue} 件"),
        format!("{owing} owing something, {overdue} with an overdue review"),
    );
    let text = match table.is_empty() {
        true => sum,
        false => format!("{table}\n{sum}"),
    };
    at.ui.result(
        &json!({
            "network": session.network, "accesses": objects, "owing": owing, "overdue": overdue, "leaves": now.size,
        }),
        text,
    );
    Ok(match overdue {
        0 => Exit::Done,
        _ => Exit::Refused,
    })
}

fn reviewed(access: &EmergencyAccess, late: bool, at: &At) -> String {
    let (ja, en) = match access.review {
        Some((verdict, _, index)) => (
            format!("{}（{index} 番）", verdict.ja()),
            format!("{} ({index})", verdict.en()),
        ),
        None => ("未了".to_owned(), "owed".to_owned()),
    };
    match late {
        true => at
            .ui
            .language
            .pick(format!("★期限超過：{ja}"), format!("OVERDUE: {en}")),
        false => at.ui.language.pick(ja, en),
    }
}

fn told(access: &EmergencyAccess, at: &At) -> String {
    match access.told {
        Some((way, index)) => at.ui.language.pick(
            format!("{}（{index} 番）", way.ja()),
            format!("{} ({index})", way.en()),
        ),
        None => at.ui.pick("未了", "owed").to_owned(),
    }
}

pub(super) async fn review(args: ReviewArgs, at: &At) -> Result<Exit, Failure> {
    let session = at.session()?;
    let key = match &args.key {
        Some(path) => keys::signing_at(path)?,
        None => keys::signing(&session.keys, KeyPurpose::Officer)?,
    };
    let access = EntryIndex(args.index);
    let reviewer = ops::practitioner(&session, &args.reviewer).await?;
    let review = Review {
        access,
        reviewer,
        verdict: args.verdict,
        evidence: ops::keep_note(&session, access, &args.note).await?,
    };
    let body = Body::EmergencyReview(review.clone());
    let done = ops::say(&session, &key, body).await?.accepted()?;
    let (index, verdict) = (args.index, args.verdict);
    let ja = format!(
        "緊急時の閲覧 {index} 番の審査（{}）を記録しました",
        verdict.ja()
    );
    let en = format!(
        "The review of emergency access {index} ({}) is recorded",
        verdict.en()
    );
    at.recorded(&done, &json!({ "review": review }), &ja, &en);
    Ok(Exit::Done)
}

pub(super) async fn tell(args: &ToldArgs, at: &At) -> Result<Exit, Failure> {
    let record = Record::TellPatient(v1::PatientTold {
        access: args.index,
        way: args.way.number().into(),
        recorded_by: args.recorded_by.to_string(),
    });
    let done = ops::record(&at.session()?, record).await?.accepted()?;
    let (index, way) = (args.index, args.way);
    let ja = format!(
        "緊急時の閲覧 {index} 番を患者に知らせたこと（{}）を記録しました",
        way.ja()
    );
    let en = format!(
        "It is recorded that the patient was told of emergency access {index} {}",
        way.en()
    );
    at.recorded(&done, &json!({ "access": index }), &ja, &en);
    Ok(Exit::Done)
}
