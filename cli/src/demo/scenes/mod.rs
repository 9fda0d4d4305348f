//! The seven scenes, in the order of the story.

mod agree;
mod consent;
mod outage;
mod proof;
mod setup;

use super::facts::{self, LINKS};
use super::stage::Stage;
use super::story::{Scene, ToldScene};
use crate::ops::{self, Found, Retrieved, Session};
use crate::ui::{Failure, Ui};
use sekisho_domain::{
    ConsentId, DenyReason, DomainError, EntryIndex, NetworkId, NetworkOutcome, Purpose, Role,
};
use sekisho_proto::v1;

/// How many scenes there are.
pub const COUNT: usize = 7;
/// The hospital of Kurume the physician works at.
pub const KURUME: &str = "4010200014";
/// The hospital of Matsue.
pub const MATSUE: &str = "3210100013";
/// The hospital of Yonago.
pub const YONAGO: &str = "3110100011";
/// The proof bundle's file.
pub const BUNDLE: &str = "access.sekisho-proof";

/// The travellers of the story, by their number.
const MOVED: usize = 0;
const HESITANT: usize = 1;
const BORDER: usize = 2;

/// What later scenes need to know of earlier ones.
#[derive(Default)]
struct Memory {
    consent: Option<ConsentId>,
    asked_at: Option<EntryIndex>,
    document: Option<v1::DocumentEntry>,
    retrieved_at: Option<EntryIndex>,
}

/// Plays all scenes.
///
/// # Errors
/// Something the demo itself needs failed; a scene that ends differently is no error but told.
pub async fn play(ui: Ui, stage: &mut Stage) -> Result<Vec<ToldScene>, Failure> {
    let mut memory = Memory::default();
    setup::prepare(ui, stage).await?;
    Ok(vec![
        agree::agreements(ui, stage).await?,
        consent::one_list(ui, stage, &mut memory).await?,
        consent::before_consent(ui, stage, &memory).await?,
        agree::one_sided(ui, stage).await?,
        consent::withdrawn(ui, stage, &memory).await?,
        outage::failing(ui, stage).await?,
        proof::offline(ui, stage, &memory).await?,
    ])
}

fn id<T: std::str::FromStr<Err = DomainError>>(text: &str) -> Result<T, Failure> {
    text.parse()
        .map_err(|e: DomainError| Failure::usage(e.to_string(), e.to_string()))
}

/// A physician's request to find a patient's documents for treatment.
async fn ask(
    session: &Session,
    patient: v1::Patient,
    facility: &str,
    targets: &[&str],
) -> Result<Found, Failure> {
    let request = v1::FindRequest {
        patient: Some(patient),
        practitioner: format!("dr-{facility}"),
        role: Role::Physician.number().into(),
        facility: facility.to_owned(),
        purpose: Purpose::Treat.number().into(),
        categories: None,
        targets: targets.iter().map(ToString::to_string).collect(),
        filter: None,
        request_id: Vec::new(),
        grounds: None,
    };
    ops::find(session, request, |_| {}).await
}

/// The same physician's request to open one document.
async fn open(
    session: &Session,
    patient: v1::Patient,
    facility: &str,
    network: &NetworkId,
    unique_id: &str,
) -> Result<Retrieved, Failure> {
    let request = v1::RetrieveRequest {
        patient: Some(patient),
        practitioner: format!("dr-{facility}"),
        role: Role::Physician.number().into(),
        facility: facility.to_owned(),
        purpose: Purpose::Treat.number().into(),
        network: network.to_string(),
        unique_id: unique_id.to_owned(),
        request_id: Vec::new(),
        grounds: None,
    };
    ops::retrieve(session, request).await
}

/// What a network ended in.
fn outcome<'a>(found: &'a Found, network: &str) -> Option<&'a NetworkOutcome> {
    found
        .ends
        .iter()
        .find(|end| end.network.as_str() == network)
        .map(|end| &end.outcome)
}

fn answered(found: &Found, network: &str) -> bool {
    matches!(outcome(found, network), Some(NetworkOutcome::Answered { count }) if *count > 0)
}

fn denied(found: &Found, network: &str, why: DenyReason) -> bool {
    matches!(outcome(found, network), Some(NetworkOutcome::Denied { reason }) if *reason == why)
}
