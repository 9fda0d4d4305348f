//! Who speaks for a patient: parents, guardians, families, chosen proxies.

use super::record::put;
use crate::commands::At;
use crate::commands::args::{PatientArg, codes_of, from_now};
use crate::commands::show::Table;
use crate::ops::{self, Until};
use crate::ui::{Exit, Failure};
use clap::{Args, Subcommand};
use sekisho_domain::{Body, FacilityId, ProxyEndReason, ProxyId, ProxyKind};
use sekisho_ledger::record::KnownProxy;
use sekisho_proto::v1;
use sekisho_proto::v1::record_request::Record;
use sekisho_words::{Day, period};
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(in crate::commands) enum Command {
    /// Record who speaks for a patient, and until when
    #[command(
        after_help = "Example:\n  sekisho consent proxy register --patient 4010200014/00001234 --kind parent --until 2033-03-31 \\\n    \
                      --recorded-by 4010200014"
    )]
    Register(RegisterArgs),
    /// Record that somebody no longer speaks for a patient; what they consented to ends with it
    #[command(
        after_help = "Example:\n  sekisho consent proxy end 57 --reason came-of-age --recorded-by 4010200014"
    )]
    End {
        /// The proxy's ledger index
        #[arg(value_name = "INDEX")]
        index: u64,
        /// Why
        #[arg(long, value_name = "REASON", value_parser = codes_of!(ProxyEndReason))]
        reason: ProxyEndReason,
        /// The facility that was told
        #[arg(long, value_name = "CODE")]
        recorded_by: FacilityId,
    },
    /// List who speaks or spoke for a patient, checked leaf by leaf
    #[command(after_help = "Example:\n  sekisho consent proxy list --patient 4010200014/00001234")]
    List {
        /// The patient: FACILITY/LOCALID of this network, or the pseudonym
        #[arg(long, value_name = "PATIENT")]
        patient: PatientArg,
    },
}

#[derive(Debug, Args)]
pub(in crate::commands) struct RegisterArgs {
    /// The patient: FACILITY/LOCALID of this network, or the pseudonym
    #[arg(long, value_name = "PATIENT")]
    patient: PatientArg,
    /// As whom
    #[arg(long, value_name = "KIND", value_parser = codes_of!(ProxyKind))]
    kind: ProxyKind,
    /// The last day; only a guardian may go without. A parent's is a 31 March, on or before the child comes of age
    #[arg(long, value_name = "YYYY-MM-DD")]
    until: Option<Day>,
    /// The facility that was shown the evidence
    #[arg(long, value_name = "CODE")]
    recorded_by: FacilityId,
    /// Who it is and what was shown; stays in the node, the ledger gets a salted commitment
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
}

pub(super) async fn run(command: Command, at: &At) -> Result<Exit, Failure> {
    match command {
        Command::Register(args) => register(args, at).await,
        Command::End {
            index,
            reason,
            recorded_by,
        } => {
            let record = Record::EndProxy(v1::ProxyEnd {
                proxy: index,
                reason: reason.number().into(),
                recorded_by: recorded_by.to_string(),
            });
            let ja = format!("代理人 {index} 番の終了（{}）を記録しました", reason.ja());
            let en = format!("Proxy {index} has ended ({})", reason.en());
            put(record, &ja, &en, at).await
        }
        Command::List { patient } => list(&patient, at).await,
    }
}

/// What the ledger would refuse, said with what to write instead.
fn check(kind: ProxyKind, until: Option<Day>) -> Result<(), Failure> {
    match (kind, until) {
        (ProxyKind::Guardian, None) => Ok(()),
        (_, None) => Err(Failure::usage(
            "--until が必要です。期限のない代理は後見人だけです",
            "--until is needed; only a guardian may speak without end",
        )),
        (ProxyKind::Parent, Some(day)) if !day.to_string().ends_with("-03-31") => {
            Err(Failure::usage(
                format!(
                    "親権者の期限 {day} は3月31日にしてください（成年に達する日以前の年度末。正確な日を書くと生年月日が分かってしまいます）"
                ),
                format!(
                    "a parent's --until is a 31 March, on or before the child comes of age: {day} would tell a birth date"
                ),
            ))
        }
        _ => Ok(()),
    }
}

async fn register(args: RegisterArgs, at: &At) -> Result<Exit, Failure> {
    check(args.kind, args.until)?;
    let record = Record::RegisterProxy(v1::RegisterProxy {
        patient: Some(args.patient.message()),
        kind: args.kind.number().into(),
        period: Some(from_now(args.until)?),
        recorded_by: args.recorded_by.to_string(),
        evidence_note: args.note,
    });
    let ja = format!("代理人（{}）を記録しました", args.kind.ja());
    let en = format!("The proxy ({}) is recorded", args.kind.en());
    put(record, &ja, &en, at).await
}

async fn list(patient: &PatientArg, at: &At) -> Result<Exit, Failure> {
    let session = at.session()?;
    let subject = ops::subject(&session, patient.message(), false).await?;
    let mut indices = Vec::new();
    let now = at
        .past(&session, Until::Now, |_, leaf| {
            if matches!(&leaf.entry.body, Body::ProxyRegister(proxy)
                if proxy.network == subject.network && proxy.subject == subject.subject)
            {
                indices.push(ProxyId(leaf.index));
            }
            Ok(())
        })
        .await?;
    let pick = |ja, en| at.ui.pick(ja, en);
    let mut table = Table::new([
        pick("番号", "index"),
        pick("続柄", "as"),
        pick("期間", "period"),
        pick("施設", "recorded by"),
        pick("状態", "state"),
    ]);
    let mut objects = Vec::new();
    for id in indices {
        // One that was refused is none.
        let known = now.view().proxy(id).map_err(|e| ops::unreadable(&e))?;
        let Some(known) = known.map(|record| record.value) else {
            continue;
        };
        let valid = period(&known.proxy.period);
        table.row([
            id.to_string(),
            pick(
                ProxyKind::ja(known.proxy.kind),
                ProxyKind::en(known.proxy.kind),
            )
            .to_owned(),
            at.ui.language.pick(valid.ja, valid.en),
            known.proxy.recorded_by.to_string(),
            state(&known, at),
        ]);
        objects.push(json!({
            "index": id, "proxy": known.proxy, "ended": known.ended, "holds": known.holds(ops::now()),
        }));
    }
    let text = match table.is_empty() {
        true => pick("代理人の記録はありません", "nobody speaks for this patient").to_owned(),
        false => table.to_string(),
    };
    at.ui.result(
        &json!({ "subject": subject, "proxies": objects, "leaves": now.size }),
        text,
    );
    Ok(Exit::Done)
}

fn state(known: &KnownProxy, at: &At) -> String {
    match known.ended {
        Some((reason, index)) => at.ui.language.pick(
            format!("終了（{index} 番、{}）", reason.ja()),
            format!("ended ({index}, {})", reason.en()),
        ),
        None if known.holds(ops::now()) => at.ui.pick("有効", "holds").to_owned(),
        None => at.ui.pick("期間外", "over").to_owned(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_parents_end_tells_no_birth_date_and_only_guardians_have_none() {
        let day = |text: &str| Some(text.parse::<Day>().unwrap());
        let cases = [
            (ProxyKind::Parent, day("2033-03-31"), true),
            (ProxyKind::Parent, day("2033-05-12"), false),
            (ProxyKind::Parent, None, false),
            (ProxyKind::Guardian, None, true),
            (ProxyKind::Guardian, day("2033-05-12"), true),
            (ProxyKind::FamilyOfIncapable, None, false),
            (ProxyKind::Appointed, day("2033-05-12"), true),
        ];
        for (kind, until, fits) in cases {
            assert_eq!(check(kind, until).is_ok(), fits, "{kind} {until:?}");
        }
    }
}
