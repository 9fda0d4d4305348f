//! `sekisho patient`: whose chart is whose in this network; looking for a patient in others; a patient who moved.
//!
//! What is known of a person comes from a file or standard input, never from the command line, which others on the
//! machine can read.

mod learn;
mod moved;
mod people;
mod search;

use super::At;
use super::args::{Asking, PatientArg};
use crate::ui::{Exit, Failure};
use clap::{Args, Subcommand};
use sekisho_domain::{Capture, FacilityId, NetworkId, Purpose, Role};
use std::path::PathBuf;

use super::args::codes_of;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Show which charts are one patient's, why, and what people decided about them
    #[command(after_help = "Example:\n  sekisho patient show --patient 4110100015/00001234")]
    Show {
        /// The patient: FACILITY/LOCALID of this network, or the pseudonym
        #[arg(long, value_name = "PATIENT")]
        patient: PatientArg,
    },
    /// List pairs of charts that may be one patient's and wait for somebody to decide
    #[command(after_help = "Example:\n  sekisho patient reviews --max 20")]
    Reviews {
        /// How many pairs, 1 to 1000
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1000))]
        max: u32,
        /// Where the page before ended, as it printed it; else the first page
        #[arg(long, value_name = "PLACE")]
        after: Option<String>,
    },
    /// Decide that two charts are one patient's; kept with who and why, and can be undone
    #[command(
        after_help = "Example:\n  sekisho patient same 4110100015/00001234 4110100023/77 --by clerk-3 --why \"asked at the desk\""
    )]
    Same(DecideArgs),
    /// Decide that two charts are two patients'; their documents part again
    #[command(
        after_help = "Example:\n  sekisho patient apart 4110100015/00001234 4110100023/77 --by clerk-3 --why \"twins\""
    )]
    Apart(DecideArgs),
    /// Take a decision about two charts back, by its number
    #[command(
        after_help = "Example:\n  sekisho patient undo 12 --by clerk-3 --why \"wrong chart\""
    )]
    Undo {
        /// The decision's number, as `patient show` prints it
        id: u64,
        #[command(flatten)]
        said: SaidArgs,
    },
    /// Look for a patient in other networks, by what is known of them or by a card
    #[command(
        after_help = "Example:\n  sekisho patient find --patient 4110100015/00001234 --facility 4110100015 \\\n    \
                      --practitioner dr-sato --role physician --purpose TREAT\n  \
                      sekisho patient find … --person - < person.json\n  sekisho patient find … --card card.txt"
    )]
    Find(FindArgs),
    /// Make a card (QR code text) for a patient; shown in another network it finds exactly this patient
    #[command(after_help = "Example:\n  sekisho patient card --patient 4110100015/00001234")]
    Card {
        /// The patient: FACILITY/LOCALID of this network, or the pseudonym
        #[arg(long, value_name = "PATIENT")]
        patient: PatientArg,
    },
    /// List links that other networks found and this one has not confirmed; confirm with `subject link`
    #[command(after_help = "Example:\n  sekisho patient proposals")]
    Proposals,
    /// Learn from this network's own charts how much each item says of who is who; shows it, and changes nothing unless told
    #[command(after_help = "Example:\n  sekisho patient learn\n  \
                      sekisho patient learn --apply --by clerk-3 --why \"looked through with the vendor\"")]
    Learn(LearnArgs),
    /// Show what a patient who moved here lets this network see of another's documents, and all that is missing
    #[command(
        after_help = "Example:\n  sekisho patient move --patient 4110100015/00001234 --from azaleanet \\\n    \
                      --facility 4110100015 --role physician --purpose TREAT\n  \
                      sekisho patient move … --prepare --by clerk-3 --why \"moved in April\" --practitioner dr-sato --capture written"
    )]
    Move(MoveArgs),
}

#[derive(Debug, Args)]
pub(super) struct SaidArgs {
    /// Who decides, by the id used in this network
    #[arg(long, value_name = "ID")]
    by: String,
    /// Why, in a few words
    #[arg(long, value_name = "TEXT")]
    why: String,
}

#[derive(Debug, Args)]
pub(super) struct LearnArgs {
    /// Put what is learnt in force; charts are compared again. What people decided stands
    #[arg(long, requires_all = ["by", "why"])]
    apply: bool,
    /// Take the weights in force back; those before them are in force again
    #[arg(long, requires_all = ["by", "why"], conflicts_with = "apply")]
    undo: bool,
    /// Who decides, by the id used in this network
    #[arg(long, value_name = "ID")]
    by: Option<String>,
    /// Why, in a few words
    #[arg(long, value_name = "TEXT")]
    why: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct DecideArgs {
    /// One chart: FACILITY/LOCALID of this network; where both have a pseudonym, its own stays
    a: PatientArg,
    /// The other chart
    b: PatientArg,
    #[command(flatten)]
    said: SaidArgs,
}

#[derive(Debug, Args)]
pub(super) struct FindArgs {
    #[command(flatten)]
    asking: Asking,
    /// Ask only this network; once for each. Else every other member
    #[arg(long, value_name = "ID")]
    network: Vec<NetworkId>,
    /// What is known of the patient, as JSON (docs/identity.md); - reads standard input. Else what the charts here say
    #[arg(long, value_name = "FILE", conflicts_with = "card")]
    person: Option<PathBuf>,
    /// What the patient's card says; - reads standard input
    #[arg(long, value_name = "FILE")]
    card: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(super) struct MoveArgs {
    /// The patient: FACILITY/LOCALID of this network, or the pseudonym
    #[arg(long, value_name = "PATIENT")]
    patient: PatientArg,
    /// The network whose documents are to be seen here
    #[arg(long, value_name = "ID")]
    from: NetworkId,
    /// The facility the patient is seen at now, one of this network's
    #[arg(long, value_name = "CODE")]
    facility: FacilityId,
    /// The profession in which somebody there would ask
    #[arg(long, value_name = "ROLE", value_parser = codes_of!(Role))]
    role: Role,
    /// Why
    #[arg(long, value_name = "PURPOSE", value_parser = codes_of!(Purpose), default_value = "TREAT")]
    purpose: Purpose,
    /// Do what is missing and this network may do by itself; run again, it does only what is still missing
    #[arg(long, requires_all = ["by", "why"])]
    prepare: bool,
    /// Who prepares it, by the id used in this network; kept with the link
    #[arg(long, value_name = "ID", requires = "prepare")]
    by: Option<String>,
    /// Why, in a few words; kept in this network as the consent's evidence
    #[arg(long, value_name = "TEXT", requires = "prepare")]
    why: Option<String>,
    /// Who looks for the patient in the other network, where nobody was found yet; else nobody is searched
    #[arg(long, value_name = "ID", requires = "prepare")]
    practitioner: Option<String>,
    /// The patient consents to viewing at this facility, now: how it was taken; else no consent is recorded
    #[arg(long, value_name = "CAPTURE", value_parser = codes_of!(Capture), requires = "prepare")]
    capture: Option<Capture>,
}

pub(super) async fn run(command: Command, at: &At) -> Result<Exit, Failure> {
    match command {
        Command::Show { patient } => people::show(&patient, at).await,
        Command::Reviews { max, after } => people::reviews(max, after.as_deref(), at).await,
        Command::Same(args) => people::decide(args, true, at).await,
        Command::Apart(args) => people::decide(args, false, at).await,
        Command::Undo { id, said } => people::undo(id, said, at).await,
        Command::Find(args) => search::find(args, at).await,
        Command::Card { patient } => search::card(&patient, at).await,
        Command::Proposals => search::proposals(at).await,
        Command::Learn(args) => learn::run(args, at).await,
        Command::Move(args) => moved::run(args, at).await,
    }
}

fn written(chart: Option<&sekisho_proto::v1::Chart>) -> String {
    chart.map_or_else(String::new, |c| format!("{}/{}", c.facility, c.local_id))
}
