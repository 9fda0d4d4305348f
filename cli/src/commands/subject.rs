//! `sekisho subject`: a patient as the ledger knows one, and links with other networks' patients.

use super::At;
use super::args::{PatientArg, codes_of};
use crate::ops;
use crate::ui::{Exit, Failure};
use clap::{Args, Subcommand};
use sekisho_domain::{FacilityId, SubjectRef, Withdrawal};
use sekisho_proto::v1;
use sekisho_proto::v1::record_request::Record;
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show the pseudonym under which the ledger knows a patient, written NETWORK:PSEUDONYM
    #[command(
        after_help = "Example:\n  sekisho subject show --patient 4110100015/00001234 --create"
    )]
    Show {
        /// The patient: FACILITY/LOCALID of this network, or the pseudonym
        #[arg(long, value_name = "PATIENT")]
        patient: PatientArg,
        /// Make a pseudonym where there is none yet
        #[arg(long)]
        create: bool,
    },
    /// Say that a patient is the same person as another network's; holds once both networks say so
    #[command(
        after_help = "Example:\n  sekisho subject link --patient 4110100015/00001234 \\\n    \
                      --with azaleanet:00112233445566778899aabbccddeeff"
    )]
    Link(LinkArgs),
    /// Take that word back; the link no longer holds
    #[command(
        after_help = "Example:\n  sekisho subject unlink --patient 4110100015/00001234 \\\n    \
                      --with azaleanet:00112233445566778899aabbccddeeff"
    )]
    Unlink(PairArgs),
    /// Record that a patient has died: no consent of theirs holds any longer
    #[command(
        after_help = "Example:\n  sekisho subject died --patient 4110100015/00001234 --recorded-by 4110100015"
    )]
    Died(DeathArgs),
    /// Take a record of death back: it was somebody else's
    #[command(
        after_help = "Example:\n  sekisho subject retract-death --patient 4110100015/00001234 --recorded-by 4110100015"
    )]
    RetractDeath(DeathArgs),
    /// Destroy everything in this network that ties a pseudonym to a person; the ledger's proofs still hold. Cannot be undone
    #[command(
        after_help = "Example:\n  sekisho subject erase --patient 4110100015/00001234 --withdraw-way written --withdraw-by 4110100015 --yes"
    )]
    Erase(EraseArgs),
}

#[derive(Debug, Args)]
pub(super) struct DeathArgs {
    /// The patient: FACILITY/LOCALID of this network, or the pseudonym
    #[arg(long, value_name = "PATIENT")]
    patient: PatientArg,
    /// The facility that was told
    #[arg(long, value_name = "CODE")]
    recorded_by: FacilityId,
}

impl DeathArgs {
    fn message(&self) -> v1::RecordDeath {
        v1::RecordDeath {
            patient: Some(self.patient.message()),
            recorded_by: self.recorded_by.to_string(),
        }
    }
}

#[derive(Debug, Args)]
pub(super) struct EraseArgs {
    /// The patient: FACILITY/LOCALID of this network, or the pseudonym
    #[arg(long, value_name = "PATIENT")]
    patient: PatientArg,
    /// Withdraw the consents that still stand first: in this way
    #[arg(long, value_name = "WAY", value_parser = codes_of!(Withdrawal), requires = "withdraw_by")]
    withdraw_way: Option<Withdrawal>,
    /// The facility that took the withdrawal
    #[arg(long, value_name = "CODE", requires = "withdraw_way")]
    withdraw_by: Option<FacilityId>,
    /// Yes, destroy it for good
    #[arg(long, required = true)]
    yes: bool,
}

#[derive(Debug, Args)]
pub(super) struct PairArgs {
    /// The patient: FACILITY/LOCALID of this network, or the pseudonym
    #[arg(long, value_name = "PATIENT")]
    patient: PatientArg,
    /// The other network's pseudonym, as its `subject show` prints it
    #[arg(long, value_name = "NETWORK:PSEUDONYM")]
    with: SubjectRef,
}

#[derive(Debug, Args)]
pub(super) struct LinkArgs {
    #[command(flatten)]
    pair: PairArgs,
    /// Who looked at both and says so; twice where a search in a disaster found who it may be
    #[arg(long, value_name = "ID")]
    confirmed_by: Vec<String>,
}

impl PairArgs {
    fn message(&self, confirmed_by: Vec<String>) -> v1::LinkSubject {
        v1::LinkSubject {
            patient: Some(self.patient.message()),
            other: Some(v1::SubjectRef::from(&self.with)),
            confirmed_by,
        }
    }
}

pub(super) async fn run(command: Command, at: &At) -> Result<Exit, Failure> {
    match command {
        Command::Show { patient, create } => {
            let subject = ops::subject(&at.session()?, patient.message(), create).await?;
            let object = json!({ "network": subject.network, "subject": subject.subject, "written": subject.to_string() });
            at.ui.result(&object, &subject);
            Ok(Exit::Done)
        }
        Command::Link(LinkArgs { pair, confirmed_by }) => {
            let link = Record::LinkSubject(pair.message(confirmed_by));
            let done = ops::record(&at.session()?, link).await?;
            let other = &pair.with.network;
            let ja = format!(
                "{other} の患者との対応づけを記録しました。{other} も同じことを記録すると有効になります。その照会で確実とされていれば先方のノードが自ら記録し、そうでなければ先方の人が確かめます"
            );
            let en = format!(
                "The link with {other} is recorded; it holds once {other} says the same. Its node does so by itself where the search was certain, else somebody there confirms"
            );
            at.recorded(&done.accepted()?, &json!({ "with": pair.with }), &ja, &en);
            Ok(Exit::Done)
        }
        Command::Unlink(pair) => {
            let unlink = Record::UnlinkSubject(pair.message(Vec::new()));
            let done = ops::record(&at.session()?, unlink).await?;
            let other = &pair.with.network;
            let ja = format!("{other} の患者との対応づけを取り消しました");
            let en = format!("The link with {other} is taken back");
            at.recorded(&done.accepted()?, &json!({ "with": pair.with }), &ja, &en);
            Ok(Exit::Done)
        }
        Command::Died(args) => {
            let done = ops::record(&at.session()?, Record::RecordDeath(args.message())).await?;
            let ja = "患者の死亡を記録しました。法令による利用目的を除き、もう閲覧されません";
            let en = "The death is recorded; nothing is seen any longer but by law";
            at.recorded(&done.accepted()?, &json!({}), ja, en);
            Ok(Exit::Done)
        }
        Command::RetractDeath(args) => {
            let done = ops::record(&at.session()?, Record::RetractDeath(args.message())).await?;
            let ja = "死亡の記録を取り消しました";
            at.recorded(
                &done.accepted()?,
                &json!({}),
                ja,
                "The record of death is taken back",
            );
            Ok(Exit::Done)
        }
        Command::Erase(args) => erase(args, at).await,
    }
}

async fn erase(args: EraseArgs, at: &At) -> Result<Exit, Failure> {
    let withdraw_first = args
        .withdraw_way
        .zip(args.withdraw_by)
        .map(|(way, by)| v1::WithdrawAll {
            way: way.number().into(),
            recorded_by: by.to_string(),
        });
    let erased = ops::erase(&at.session()?, args.patient.message(), withdraw_first).await?;
    let subject = hex::encode(&erased.subject);
    let withdrawn = erased.withdrawn.len();
    let v1::EraseSubjectReply {
        charts,
        requests,
        openings,
        sealed_reservations: sealed,
        ..
    } = erased;
    let (ja, en) = match erased.erased_before {
        true => (
            format!("仮名 {subject} に結びつくものは、すでに消去されています"),
            format!("nothing is left that ties the pseudonym {subject} to a person"),
        ),
        false => (
            format!(
                "仮名 {subject} を人に結びつけるものを消去しました：診療録の対応 {charts}、照会の控え {requests}、照合値の中身 {openings}、封をした留保 {sealed}。先に撤回した同意 {withdrawn} 件。台帳の証拠はそのまま成り立ちます"
            ),
            format!(
                "What tied the pseudonym {subject} to a person is destroyed: {charts} chart(s), {requests} request(s), {openings} opening(s), {sealed} sealed reservation(s); {withdrawn} consent(s) withdrawn first. The ledger's proofs still hold"
            ),
        ),
    };
    let object = json!({
        "subject": subject, "erased_ms": erased.erased_ms, "erased_before": erased.erased_before, "withdrawn": erased.withdrawn,
        "charts": charts, "requests": requests, "openings": openings, "sealed_reservations": sealed,
    });
    at.ui.result(&object, at.ui.pick(&ja, &en));
    Ok(Exit::Done)
}
