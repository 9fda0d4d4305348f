//! `sekisho subject`: a patient as the ledger knows one, and links with other networks' patients.

use super::At;
use super::args::PatientArg;
use crate::ops;
use crate::ui::{Exit, Failure};
use clap::{Args, Subcommand};
use sekisho_domain::SubjectRef;
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
    Unlink(LinkArgs),
}

#[derive(Debug, Args)]
pub(super) struct LinkArgs {
    /// The patient: FACILITY/LOCALID of this network, or the pseudonym
    #[arg(long, value_name = "PATIENT")]
    patient: PatientArg,
    /// The other network's pseudonym, as its `subject show` prints it
    #[arg(long, value_name = "NETWORK:PSEUDONYM")]
    with: SubjectRef,
}

impl LinkArgs {
    fn message(&self) -> v1::LinkSubject {
        v1::LinkSubject {
            patient: Some(self.patient.message()),
            other: Some(v1::SubjectRef::from(&self.with)),
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
        Command::Link(args) => {
            let done = ops::record(&at.session()?, Record::LinkSubject(args.message())).await?;
            let other = &args.with.network;
            let ja = format!(
                "{other} の患者との対応づけを記録しました。{other} も同じことを記録すると有効になります"
            );
            let en = format!(
                "The link with {other} is recorded; it holds once {other} records the same"
            );
            at.recorded(&done.accepted()?, &json!({ "with": args.with }), &ja, &en);
            Ok(Exit::Done)
        }
        Command::Unlink(args) => {
            let done = ops::record(&at.session()?, Record::UnlinkSubject(args.message())).await?;
            let other = &args.with.network;
            let ja = format!("{other} の患者との対応づけを取り消しました");
            let en = format!("The link with {other} is taken back");
            at.recorded(&done.accepted()?, &json!({ "with": args.with }), &ja, &en);
            Ok(Exit::Done)
        }
    }
}
