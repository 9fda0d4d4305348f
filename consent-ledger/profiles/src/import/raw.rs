//! The data files' own form, as far as it is used.

use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Deserialize)]
pub(super) struct RawNetwork {
    pub id: String,
    pub name: String,
    pub aliases: Vec<String>,
    pub prefecture_code: String,
    #[serde(default)]
    pub unnamed: bool,
    #[serde(default)]
    pub member_ids: Vec<String>,
    pub sources: Vec<RawSource>,
    pub area: Option<RawArea>,
    pub lifecycle: RawLifecycle,
    #[serde(default)]
    pub scale: Vec<RawScale>,
    pub consent: Option<RawConsent>,
    pub sharing: Option<RawSharing>,
    pub content: Option<RawContent>,
    pub services: Option<RawItems>,
    pub secondary_use: Option<RawItems>,
    pub context: Option<RawContext>,
}

#[derive(Deserialize)]
pub(super) struct RawSource {
    pub r#ref: String,
    pub survey: String,
    pub join_confidence: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct RawArea {
    pub observations: Vec<RawObservation>,
}

#[derive(Deserialize)]
pub(super) struct RawObservation {
    pub src: String,
    pub class: String,
}

#[derive(Deserialize)]
pub(super) struct RawLifecycle {
    pub status_2016: Option<String>,
    pub status_src: Option<String>,
    pub start_observations: Vec<RawStart>,
}

#[derive(Deserialize)]
pub(super) struct RawStart {
    pub src: String,
    pub year: u16,
}

#[derive(Deserialize)]
pub(super) struct RawScale {
    pub src: String,
    pub as_of: String,
    pub note: Option<String>,
    pub registered_patients: Option<u64>,
    pub participating_medical_institutions: Option<u64>,
    pub disclosing_medical_institutions: Option<u64>,
    pub accessing_medical_institutions_per_month: Option<u64>,
    #[serde(default)]
    pub facilities: BTreeMap<String, u64>,
    #[serde(default)]
    pub bidirectional_facilities: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
pub(super) struct RawMark {
    pub code: String,
    pub state: String,
}

/// A question with one answer, and sometimes words.
#[derive(Deserialize)]
pub(super) struct RawAnswer {
    pub code: String,
    pub text: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct RawPickup {
    pub src: String,
    pub mode: String,
}

#[derive(Deserialize)]
pub(super) struct RawConsent {
    pub src: Option<String>,
    #[serde(default)]
    pub facility_participation: Vec<RawMark>,
    pub facility_participation_text: Option<String>,
    #[serde(default)]
    pub care_facility_participation: Vec<RawMark>,
    pub care_facility_participation_text: Option<String>,
    #[serde(default)]
    pub patient_modes: Vec<RawMark>,
    pub patient_modes_text: Option<String>,
    #[serde(default)]
    pub patient_modes_recoded: Vec<String>,
    pub enrolment: Option<RawAnswer>,
    pub withdrawal: Option<RawAnswer>,
    pub new_facility_rule: Option<RawAnswer>,
    pub pickup: Option<RawPickup>,
}

#[derive(Deserialize)]
pub(super) struct RawSharing {
    pub src: String,
    pub direction: Vec<RawMark>,
    pub direction_text: Option<String>,
}

#[derive(Deserialize)]
pub(super) struct RawContent {
    pub src: Option<String>,
    #[serde(default)]
    pub items: Vec<RawMark>,
    pub items_text: Option<String>,
    #[serde(default)]
    pub source_systems: Vec<RawMark>,
    pub source_systems_text: Option<String>,
    #[serde(default)]
    pub pickup_data_sources: Vec<String>,
}

#[derive(Deserialize)]
pub(super) struct RawItems {
    pub src: String,
    pub items: Vec<RawMark>,
}

#[derive(Deserialize)]
pub(super) struct RawContext {
    pub src: String,
    #[serde(default)]
    pub purposes: Vec<String>,
    pub purposes_text: Option<String>,
}
