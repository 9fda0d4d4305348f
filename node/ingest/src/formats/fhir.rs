//! HL7 FHIR R4 documents (Bundle of type `document`: referral, discharge summary, check-up, prescription) and
//! JP-CLINS collections (Bundle of type `collection`).
//!
//! A Bundle is of one patient: it holds exactly one Patient, and whatever in it names a subject or patient names that
//! one. The facility's number of the patient is told by the system of JP Core,
//! `urn:oid:1.2.392.100495.20.3.51.1` + the facility's ten digits; a number of another facility is never taken.
//!
//! Sources: FHIR R4 §3.3 (documents), HS038/HS039/HS037 and JP-CLINS implementation guides (document type codes of
//! `http://jpfhir.jp/fhir/Common/CodeSystem/doc-typecodes`), JP Core 1.1.2.

use super::json::Json;
use super::{Confidentiality, Context, Facts, Found, refused};
use crate::name::Refusal;
use crate::time;
use sekisho_documents::{
    Code, LocalPatientId, OperatorText, QuarantineReason, SeenPatients, Title,
};
use sekisho_domain::{Category, TimeMs};

/// JP Core's system of a facility's patients' numbers, without the facility.
const PATIENT_SYSTEM: &str = "urn:oid:1.2.392.100495.20.3.51.1";
/// How deep references are looked for: as deep as a document may be.
const DEPTH_MAX: usize = 64;
/// Elements that say whom a resource is about.
const ABOUT: [&str; 3] = ["subject", "patient", "beneficiary"];

/// Document types: code, category, names.
#[rustfmt::skip]
const TYPES: &[(&str, Category, &str, &str)] = &[
    ("57133-1", Category::Referral, "診療情報提供書", "Referral note"),
    ("18842-5", Category::DischargeSummary, "退院時サマリー", "Discharge summary"),
    ("57833-6", Category::Prescription, "処方箋", "Prescription"),
    ("53576-5", Category::CheckUp, "健診結果報告書", "Health check-up report"),
    ("JPGCHKUP01", Category::CheckUp, "健診結果報告書", "Health check-up report"),
    ("JPMCHKUP01", Category::CheckUp, "特定健診結果報告書", "Specific health check-up report"),
];

/// What a collection of one kind of resource is.
#[rustfmt::skip]
const RESOURCES: &[(&str, Category, &str, &str)] = &[
    ("AllergyIntolerance", Category::Allergy, "アレルギー情報", "Allergies"),
    ("Condition", Category::Diagnosis, "傷病名情報", "Diagnoses"),
    ("Observation", Category::LabResult, "検査情報", "Laboratory results"),
    ("MedicationRequest", Category::Prescription, "処方情報", "Prescriptions"),
];

/// The one document of a file.
pub(super) fn read(context: Context<'_>, bytes: &[u8]) -> Result<Vec<Found>, Refusal> {
    let bundle = Json::parse(bytes).map_err(refused)?;
    Ok(Found::whole(bytes, facts(context, &bundle)?))
}

fn facts(context: Context<'_>, bundle: &Json) -> Result<Facts, Refusal> {
    if bundle.text("resourceType") != "Bundle" {
        return Err(refused(QuarantineReason::NotTheFormat));
    }
    let (patient, address) = patient(context, bundle)?;
    check_about(bundle, &address).map_err(|reason| Refusal {
        reason,
        patients: SeenPatients {
            message: Some(OperatorText::new(patient.as_str())),
            ..SeenPatients::default()
        },
    })?;
    match bundle.text("type") {
        "document" => document(bundle, patient),
        "collection" => collection(bundle, patient),
        _ => Err(refused(QuarantineReason::NotTheFormat)),
    }
}

/// The resources of a Bundle.
pub(crate) fn resources(bundle: &Json) -> impl Iterator<Item = (&str, &Json)> {
    let entries = bundle.list("entry").iter();
    entries.filter_map(|entry| Some((entry.text("fullUrl"), entry.get("resource")?)))
}

/// Where the Patient is, as references have it.
struct Address {
    full_url: String,
    id: String,
}

impl Address {
    fn is(&self, reference: &str) -> bool {
        let relative = reference.strip_prefix("Patient/");
        (!self.full_url.is_empty() && reference == self.full_url)
            || (!self.id.is_empty() && relative == Some(self.id.as_str()))
    }
}

/// The Bundle's one Patient: the facility's number of the person, and where it is.
fn patient(context: Context<'_>, bundle: &Json) -> Result<(LocalPatientId, Address), Refusal> {
    let mut patients = resources(bundle).filter(|(_, r)| r.text("resourceType") == "Patient");
    let Some((full_url, patient)) = patients.next() else {
        return Err(refused(QuarantineReason::NoPatient));
    };
    if patients.next().is_some() {
        return Err(refused(QuarantineReason::SeveralPatients));
    }
    let own = match context.patient_system {
        Some(system) => system.to_owned(),
        None => format!("{PATIENT_SYSTEM}{}", context.facility),
    };
    let (mut found, mut of_others) = (None, false);
    for identifier in patient.list("identifier") {
        let (system, value) = (identifier.text("system"), identifier.text("value"));
        if system == own {
            if found.is_some_and(|held| held != value) {
                return Err(refused(QuarantineReason::SeveralPatients));
            }
            found = Some(value);
        } else {
            of_others |= system.starts_with(PATIENT_SYSTEM);
        }
    }
    let reason = if of_others {
        QuarantineReason::OtherFacility
    } else {
        QuarantineReason::NoPatient
    };
    let id = found.and_then(|id| id.parse().ok());
    let address = Address {
        full_url: full_url.to_owned(),
        id: patient.text("id").to_owned(),
    };
    id.map(|id| (id, address)).ok_or_else(|| refused(reason))
}

/// Everything that names a subject or patient, at any depth, names this one, and by a reference that can be followed.
fn check_about(bundle: &Json, address: &Address) -> Result<(), QuarantineReason> {
    fn walk(json: &Json, address: &Address, depth: usize) -> Result<(), QuarantineReason> {
        if depth > DEPTH_MAX {
            return Err(QuarantineReason::BadJson);
        }
        match json {
            Json::Object(fields) => {
                for (name, value) in fields {
                    if ABOUT.contains(&name.as_str()) && matches!(value, Json::Object(_)) {
                        let reference = value.text("reference");
                        let of_patient = value.get("reference").is_some()
                            || value.get("identifier").is_some()
                            || value.text("type") == "Patient";
                        if of_patient && !address.is(reference) {
                            return Err(QuarantineReason::MessagePatientMismatch);
                        }
                    }
                    if name == "reference"
                        && value.as_text().contains("Patient/")
                        && !address.is(value.as_text())
                    {
                        return Err(QuarantineReason::MessagePatientMismatch);
                    }
                    if name == "contained" && has_patient(value) {
                        return Err(QuarantineReason::SeveralPatients);
                    }
                    walk(value, address, depth + 1)?;
                }
                Ok(())
            }
            Json::List(values) => values
                .iter()
                .try_for_each(|value| walk(value, address, depth + 1)),
            Json::Plain(_) | Json::Text(_) => Ok(()),
        }
    }
    walk(bundle, address, 0)
}

fn has_patient(contained: &Json) -> bool {
    let Json::List(resources) = contained else {
        return false;
    };
    (resources.iter()).any(|resource| resource.text("resourceType") == "Patient")
}

/// A document: what it is says its Composition, which comes first.
fn document(bundle: &Json, patient: LocalPatientId) -> Result<Facts, Refusal> {
    let missing = || refused(QuarantineReason::MissingValue);
    let (_, composition) = resources(bundle).next().ok_or_else(missing)?;
    if composition.text("resourceType") != "Composition" || composition.get("subject").is_none() {
        return Err(missing());
    }
    let codings = composition.at(&["type"]).map(|t| t.list("coding"));
    let coding = codings.and_then(|c| c.first()).ok_or_else(missing)?;
    let code = coding.text("code");
    if code.is_empty() {
        return Err(missing());
    }
    let known = TYPES.iter().find(|(of, ..)| *of == code);
    let (category, ja, en) = known.map_or(
        (
            Category::OtherDocument,
            "その他の文書（FHIR）",
            "Other document (FHIR)",
        ),
        |(_, category, ja, en)| (*category, *ja, *en),
    );
    let creation = instant(composition.text("date")).ok_or_else(missing)?;
    let period = composition
        .list("event")
        .first()
        .and_then(|e| e.get("period"));
    let at = |name| period.and_then(|p| instant(p.text(name)));
    let start = at("start").unwrap_or(creation);
    let ends = composition.text("status") == "entered-in-error";
    let system = coding.text("system");
    Ok(Facts {
        category,
        data_kind: "FHIR-DOCUMENT",
        type_code: Code::new(code, system, ja, en),
        format_code: format_code(&format!("document:{code}")),
        confidentiality: Confidentiality::of(composition.text("confidentiality")),
        ends,
        ..common(
            bundle,
            patient,
            (ja, en),
            (start, at("end").unwrap_or(start)),
            creation,
        )?
    })
}

/// A collection: of which kind its resources are says what it is.
fn collection(bundle: &Json, patient: LocalPatientId) -> Result<Facts, Refusal> {
    let missing = || refused(QuarantineReason::MissingValue);
    let creation = instant(bundle.text("timestamp")).ok_or_else(missing)?;
    let mut kinds = RESOURCES.iter().filter(|(kind, ..)| {
        resources(bundle).any(|(_, resource)| resource.text("resourceType") == *kind)
    });
    let Some((kind, category, ja, en)) = kinds.next() else {
        return Err(refused(QuarantineReason::UnknownKind));
    };
    if kinds.next().is_some() {
        // Consents and agreements select by category: what is of several is of none.
        return Err(refused(QuarantineReason::KindMismatch));
    }
    let of_kind = resources(bundle).filter(|(_, r)| r.text("resourceType") == *kind);
    let mut times: Vec<TimeMs> = of_kind
        .filter_map(|(_, r)| {
            let fields = [
                "effectiveDateTime",
                "authoredOn",
                "recordedDate",
                "onsetDateTime",
            ];
            fields.iter().find_map(|field| instant(r.text(field)))
        })
        .collect();
    times.sort();
    let start = times.first().copied().unwrap_or(creation);
    let stop = times.last().copied().unwrap_or(start);
    Ok(Facts {
        category: *category,
        data_kind: "FHIR-COLLECTION",
        type_code: Code::new(*kind, "http://hl7.org/fhir/resource-types", *ja, *en),
        format_code: format_code(&format!("collection:{kind}")),
        ..common(bundle, patient, (ja, en), (start, stop), creation)?
    })
}

fn common(
    bundle: &Json,
    patient: LocalPatientId,
    (ja, en): (&str, &str),
    (service_start, service_stop): (TimeMs, TimeMs),
    creation: TimeMs,
) -> Result<Facts, Refusal> {
    // A Bundle's identifier stays through its versions; without one, each is a document of its own.
    let identifier = bundle.get("identifier");
    let value = identifier.map(|i| i.text("value")).unwrap_or_default();
    if value.is_empty() {
        return Err(refused(QuarantineReason::MissingValue));
    }
    let system = identifier.map(|i| i.text("system")).unwrap_or_default();
    let stamp = instant(bundle.text("timestamp")).unwrap_or(creation);
    Ok(Facts {
        patient,
        category: Category::OtherDocument,
        data_kind: "FHIR-DOCUMENT",
        type_code: Code::new("", "", "", ""),
        format_code: Code::new("", "", "", ""),
        mime_type: "application/fhir+json",
        title: Title::new(ja, en),
        creation,
        service_start,
        service_stop,
        practice_setting: None,
        confidentiality: Confidentiality::Normal,
        series: format!("{system}|{value}"),
        version: stamp.0,
        ends: false,
    })
}

fn format_code(of: &str) -> Code {
    Code::new(
        format!("urn:sekisho:fhir:{of}"),
        "urn:sekisho:format",
        "HL7 FHIR R4",
        "HL7 FHIR R4",
    )
}

/// A FHIR date or dateTime: `2026`, `2026-04`, `2026-04-01`, or with a time and its offset.
pub(super) fn instant(text: &str) -> Option<TimeMs> {
    let (date, clock) = text.split_once('T').unwrap_or((text, ""));
    let mut parts = date.split('-');
    let part = |text: Option<&str>, length: usize, otherwise: &str| -> Option<String> {
        match text {
            None => Some(otherwise.to_owned()),
            Some(t) => {
                (t.len() == length && t.bytes().all(|b| b.is_ascii_digit())).then(|| t.to_owned())
            }
        }
    };
    let year = part(Some(parts.next()?), 4, "")?;
    let month = part(parts.next(), 2, "01")?;
    let day = part(parts.next(), 2, "01")?;
    if parts.next().is_some() {
        return None;
    }
    let zone = clock.find(['+', '-', 'Z']).unwrap_or(clock.len());
    let (clock, zone) = clock.split_at_checked(zone)?;
    let zone = match zone {
        "Z" => "+0000".to_owned(),
        zone => zone.replace(':', ""),
    };
    time::parse(&format!(
        "{year}{month}{day}{}{zone}",
        clock.replace(':', "")
    ))
}

#[cfg(test)]
#[path = "fhir_test.rs"]
mod tests;
