//! Recording consents, withdrawals and reservations. The node signs; the ledger decides whether its network's
//! consent policy provides for it.

use crate::commands::At;
use crate::commands::args::{
    PatientArg, PractitionerArg, category_set, codes_of, facility_set, from_now, purpose_set,
};
use crate::ops;
use crate::ui::{Exit, Failure};
use clap::Args;
use sekisho_domain::{Capture, Category, FacilityId, NetworkId, Purpose, Side, Withdrawal};
use sekisho_proto::v1;
use sekisho_proto::v1::record_request::Record;
use sekisho_words::Day;
use serde_json::json;

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("reach").args(["all", "facility"]).required(true))]
pub(in crate::commands) struct GrantArgs {
    /// The patient: FACILITY/LOCALID of this network, or the pseudonym
    #[arg(long, value_name = "PATIENT")]
    patient: PatientArg,
    /// Letting documents out, or letting a facility see others'
    #[arg(long, value_name = "SIDE", value_parser = codes_of!(Side))]
    side: Side,
    /// It reaches all facilities of this network
    #[arg(long)]
    all: bool,
    /// It reaches this facility of this network; once for each
    #[arg(long, value_name = "CODE")]
    facility: Vec<FacilityId>,
    /// The facility that took it
    #[arg(long, value_name = "CODE")]
    recorded_by: FacilityId,
    /// How it was taken
    #[arg(long, value_name = "CAPTURE", value_parser = codes_of!(Capture))]
    capture: Capture,
    /// Only towards this facility at the other end, of any network; once for each. Else any
    #[arg(long, value_name = "CODE")]
    to_facility: Vec<FacilityId>,
    /// Only this practitioner may look: the id used in this network, or any network's pseudonym; once for each
    #[arg(long, value_name = "ID")]
    practitioner: Vec<PractitionerArg>,
    /// Who gave it for the patient, by the ledger index of `consent proxy register`; else the patient
    #[arg(long, value_name = "INDEX")]
    proxy: Option<u64>,
    /// Only this kind of information; once for each. Else all kinds
    #[arg(long, value_name = "CATEGORY", value_parser = codes_of!(Category))]
    category: Vec<Category>,
    /// Only this purpose of use; once for each. Else all purposes
    #[arg(long, value_name = "PURPOSE", value_parser = codes_of!(Purpose))]
    purpose: Vec<Purpose>,
    /// The last day it holds; else until it is withdrawn
    #[arg(long, value_name = "YYYY-MM-DD")]
    until: Option<Day>,
    /// Where the evidence is kept; stays in the node, the ledger gets a salted commitment
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
}

#[derive(Debug, Args)]
pub(in crate::commands) struct WithdrawArgs {
    /// The consent's ledger index
    #[arg(value_name = "INDEX")]
    index: u64,
    /// The facility that took the withdrawal
    #[arg(long, value_name = "CODE")]
    recorded_by: FacilityId,
    /// How it was withdrawn
    #[arg(long, value_name = "WAY", value_parser = codes_of!(Withdrawal))]
    way: Withdrawal,
    /// Where the evidence is kept; stays in the node, the ledger gets a salted commitment
    #[arg(long, value_name = "TEXT", default_value = "")]
    note: String,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("viewer").args(["anyone", "viewer_network", "viewer_facility", "practitioner"]).required(true))]
pub(in crate::commands) struct ReserveArgs {
    /// The patient: FACILITY/LOCALID of this network, or the pseudonym
    #[arg(long, value_name = "PATIENT")]
    patient: PatientArg,
    /// Nobody may look
    #[arg(long)]
    anyone: bool,
    /// Nobody of this network may look
    #[arg(long, value_name = "ID")]
    viewer_network: Option<NetworkId>,
    /// This facility may not look
    #[arg(long, value_name = "CODE")]
    viewer_facility: Option<FacilityId>,
    /// This practitioner may not look: the id used in this network, or any network's pseudonym
    #[arg(long, value_name = "ID")]
    practitioner: Option<PractitionerArg>,
    /// Only documents of this facility are held back; once for each. Else of all
    #[arg(long, value_name = "CODE")]
    disclosing_facility: Vec<FacilityId>,
    /// Only this kind of information is held back; once for each. Else all kinds
    #[arg(long, value_name = "CATEGORY", value_parser = codes_of!(Category))]
    category: Vec<Category>,
    /// Only from use for this purpose; once for each. Else from all, emergencies too. BTG: what an emergency may not open
    #[arg(long, value_name = "PURPOSE", value_parser = codes_of!(Purpose))]
    purpose: Vec<Purpose>,
    /// Sealed: stays in this network's node, which enforces it for its own documents; no other network learns of it
    #[arg(long)]
    sealed: bool,
    /// Who made it for the patient, by the ledger index of `consent proxy register`; else the patient
    #[arg(long, value_name = "INDEX")]
    proxy: Option<u64>,
    /// The last day it holds; else until it is lifted
    #[arg(long, value_name = "YYYY-MM-DD")]
    until: Option<Day>,
    /// The facility that took it
    #[arg(long, value_name = "CODE")]
    recorded_by: FacilityId,
}

#[derive(Debug, Args)]
pub(in crate::commands) struct ClearArgs {
    /// The reservation's ledger index
    #[arg(value_name = "INDEX")]
    index: u64,
    /// The facility that took it
    #[arg(long, value_name = "CODE")]
    recorded_by: FacilityId,
}

pub(super) async fn grant(args: GrantArgs, at: &At) -> Result<Exit, Failure> {
    use v1::grant_consent::Facilities;
    let facilities = match facility_set(&args.facility) {
        Some(listed) if !args.all => Facilities::ListedFacilities(listed),
        _ => Facilities::AllFacilities(v1::Everything {}),
    };
    let record = Record::GrantConsent(v1::GrantConsent {
        patient: Some(args.patient.message()),
        side: args.side.number().into(),
        facilities: Some(facilities),
        categories: category_set(&args.category),
        purposes: purpose_set(&args.purpose),
        period: Some(from_now(args.until)?),
        capture: args.capture.number().into(),
        recorded_by: args.recorded_by.to_string(),
        evidence_note: args.note,
        counterpart: facility_set(&args.to_facility),
        practitioners: args.practitioner.iter().map(|p| p.message()).collect(),
        proxy: args.proxy,
    });
    let ja = format!(
        "同意（{}、{}）を記録しました",
        args.side.ja(),
        args.capture.ja()
    );
    let en = format!(
        "The consent ({}, {}) is recorded",
        args.side.en(),
        args.capture.en()
    );
    put(record, &ja, &en, at).await
}

pub(super) async fn withdraw(args: WithdrawArgs, at: &At) -> Result<Exit, Failure> {
    let record = Record::WithdrawConsent(v1::ConsentWithdraw {
        consent: args.index,
        way: args.way.number().into(),
        recorded_by: args.recorded_by.to_string(),
        // The note itself on its way to the node, which keeps it and puts a commitment in its place.
        evidence: args.note.into_bytes(),
    });
    let ja = format!("同意 {} 番の撤回を記録しました", args.index);
    let en = format!("The withdrawal of consent {} is recorded", args.index);
    put(record, &ja, &en, at).await
}

pub(super) async fn reserve(args: ReserveArgs, at: &At) -> Result<Exit, Failure> {
    use v1::set_reservation::Viewer;
    let viewer = match (args.viewer_network, args.viewer_facility, args.practitioner) {
        (Some(network), ..) => Viewer::ViewerNetwork(network.to_string()),
        (None, Some(facility), _) => Viewer::ViewerFacility(facility.to_string()),
        (None, None, Some(id)) => Viewer::ViewerPractitioner(id.message()),
        (None, None, None) => Viewer::Anyone(v1::Everything {}),
    };
    let sealed = args.sealed;
    let record = Record::SetReservation(v1::SetReservation {
        patient: Some(args.patient.message()),
        viewer: Some(viewer),
        disclosing_facilities: facility_set(&args.disclosing_facility),
        categories: category_set(&args.category),
        period: Some(from_now(args.until)?),
        recorded_by: args.recorded_by.to_string(),
        purposes: purpose_set(&args.purpose),
        proxy: args.proxy,
        sealed,
    });
    let (ja, en) = match sealed {
        true => (
            "留保（拒否）に封をしました。台帳には照合用の値だけが載り、内容はこのネットワークのノードだけが持ちます",
            "The reservation is sealed: the ledger has only a commitment, this network's node keeps and enforces it",
        ),
        false => ("留保（拒否）を記録しました", "The reservation is recorded"),
    };
    put(record, ja, en, at).await
}

pub(super) async fn unseal(index: u64, at: &At) -> Result<Exit, Failure> {
    let record = Record::UnsealReservation(v1::ReservationUnseal { seal: index });
    let ja = format!("封をした留保 {index} 番の解除を記録しました");
    let en = format!("The sealed reservation {index} is lifted");
    put(record, &ja, &en, at).await
}

pub(super) async fn clear(args: ClearArgs, at: &At) -> Result<Exit, Failure> {
    let record = Record::ClearReservation(v1::ReservationClear {
        reservation: args.index,
        recorded_by: args.recorded_by.to_string(),
    });
    let ja = format!("留保 {} 番の解除を記録しました", args.index);
    let en = format!("Reservation {} is lifted", args.index);
    put(record, &ja, &en, at).await
}

pub(super) async fn put(record: Record, ja: &str, en: &str, at: &At) -> Result<Exit, Failure> {
    let done = ops::record(&at.session()?, record).await?.accepted()?;
    at.recorded(&done, &json!({}), ja, en);
    Ok(Exit::Done)
}
