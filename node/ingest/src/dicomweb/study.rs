//! What is shown of a study: facts the PACS tells about it (QIDO-RS), as one JSON document that is the same as long as
//! they are. The images stay in the PACS.
//!
//! Source: DICOM PS3.18 §10.6 (QIDO-RS), PS3.18 Annex F (DICOM JSON model).

use crate::formats::json::Json;
use crate::time;
use sekisho_domain::TimeMs;
use serde::Serialize;

/// Longest value kept, in characters: descriptions are at most 64 (LO).
const VALUE_CHARS_MAX: usize = 256;
/// Longest UID, in characters (PS3.5 §9.1).
const UID_CHARS_MAX: usize = 64;

/// A study's facts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Study {
    #[serde(rename = "studyInstanceUID")]
    pub uid: String,
    #[serde(rename = "patientID")]
    pub patient_id: String,
    pub patient_name: String,
    pub patient_birth_date: String,
    pub patient_sex: String,
    pub study_date: String,
    pub study_time: String,
    pub accession_number: String,
    pub description: String,
    pub modalities: Vec<String>,
    pub instances: u64,
    pub series: Vec<Series>,
}

/// A series' facts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Series {
    pub number: u64,
    #[serde(rename = "seriesInstanceUID")]
    pub uid: String,
    pub modality: String,
    pub description: String,
    pub body_part: String,
    pub instances: u64,
}

impl Study {
    /// A study of a PACS' list, without its series.
    pub fn of(json: &Json) -> Self {
        let mut modalities = all(json, "00080061");
        modalities.sort();
        Self {
            uid: first(json, "0020000D"),
            patient_id: first(json, "00100020"),
            patient_name: first(json, "00100010"),
            patient_birth_date: first(json, "00100030"),
            patient_sex: first(json, "00100040"),
            study_date: first(json, "00080020"),
            study_time: first(json, "00080030"),
            accession_number: first(json, "00080050"),
            description: first(json, "00081030"),
            modalities,
            instances: first(json, "00201208").parse().unwrap_or(0),
            series: Vec::new(),
        }
    }

    /// When it was made; none where the PACS does not say.
    pub fn time(&self) -> Option<TimeMs> {
        let clock: String = self
            .study_time
            .chars()
            .take_while(char::is_ascii_digit)
            .take(6)
            .collect();
        time::parse(&format!("{}{clock}", self.study_date))
            .or_else(|| time::parse(&self.study_date))
    }

    /// The document.
    pub fn document(&self) -> Vec<u8> {
        // Texts, numbers and lists: nothing that could fail to be written.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

impl Series {
    /// A series of a PACS' list.
    pub fn of(json: &Json) -> Self {
        Self {
            number: first(json, "00200011").parse().unwrap_or(0),
            uid: first(json, "0020000E"),
            modality: first(json, "00080060"),
            description: first(json, "0008103E"),
            body_part: first(json, "00180015"),
            instances: first(json, "00201209").parse().unwrap_or(0),
        }
    }
}

/// Whether a text is a UID, so that it may stand in a path.
pub(crate) fn is_uid(text: &str) -> bool {
    (1..=UID_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        && !text.split('.').any(str::is_empty)
}

/// The first value of an attribute; of a name, its groups one behind the other.
pub(crate) fn first(json: &Json, tag: &str) -> String {
    all(json, tag).into_iter().next().unwrap_or_default()
}

fn all(json: &Json, tag: &str) -> Vec<String> {
    let values = json
        .get(tag)
        .map(|attribute| attribute.list("Value"))
        .unwrap_or_default();
    let texts = values.iter().map(|value| match value {
        Json::Object(_) => {
            let groups = ["Alphabetic", "Ideographic", "Phonetic"].map(|group| value.text(group));
            let groups: Vec<&str> = groups.into_iter().filter(|g| !g.is_empty()).collect();
            groups.join(" = ")
        }
        value => value.as_text().to_owned(),
    });
    texts
        .map(|text| {
            text.chars()
                .filter(|c| !c.is_control())
                .take(VALUE_CHARS_MAX)
                .collect()
        })
        .collect()
}
