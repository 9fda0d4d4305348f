//! PDF documents, each with a sidecar beside it: `report.pdf` and `report.pdf.json`.
//!
//! A PDF names nobody in a form that can be trusted, so everything is said by the sidecar, and the sidecar is bound to
//! the PDF's very bytes by their SHA-256: a PDF that is replaced, or a sidecar that comes to lie beside another one, is
//! kept from answers.
//!
//! ```json
//! { "version": 1, "sha256": "…64 hex digits…", "patient": "0009013", "facility": "4110000001",
//!   "category": "imaging-report", "type": { "code": "18748-4", "system": "http://loinc.org" },
//!   "document": "RAD-2026-000123", "created": "2026-04-01T10:00:00+09:00",
//!   "service_start": "2026-03-31T15:20:00+09:00", "service_end": "2026-03-31T15:40:00+09:00",
//!   "department": { "code": "29", "name": "放射線科" }, "confidentiality": "N", "status": "final" }
//! ```
//! Required: `version`, `sha256`, `patient`, `facility`, `category`, `document` (what stays the same through its
//! versions), `created` (the greatest is in force). `status` is `final` or `deleted`. Anything else is refused, so
//! that a slip in a name is found.

use super::fhir::instant;
use super::json::Json;
use super::{Confidentiality, Context, Facts, Found, refused};
use crate::name::Refusal;
use sekisho_documents::{
    Code, LocalPatientId, OperatorText, QuarantineReason, SeenPatients, Title,
};
use sekisho_domain::{Category, Hash, TimeMs};
use sha2::{Digest, Sha256};

/// Largest PDF, in bytes: scanned letters of many pages.
pub(crate) const PDF_BYTES_MAX: u64 = 64 << 20;
/// Longest identifier of a document, in bytes.
const DOCUMENT_BYTES_MAX: usize = 256;
const VERSION: &str = "1";

const NAMES: [&str; 13] = [
    "version",
    "sha256",
    "patient",
    "facility",
    "category",
    "type",
    "document",
    "created",
    "service_start",
    "service_end",
    "department",
    "confidentiality",
    "status",
];

/// A sidecar, checked.
#[derive(Debug)]
pub(crate) struct Sidecar {
    pub sha256: Hash,
    pub patient: LocalPatientId,
    category: Category,
    type_code: Option<Code>,
    document: String,
    created: TimeMs,
    service_start: TimeMs,
    service_end: TimeMs,
    department: Option<Code>,
    confidentiality: Confidentiality,
    deleted: bool,
}

/// The one document of a file, as its sidecar has it.
pub(super) fn read(
    context: Context<'_>,
    bytes: &[u8],
    sidecar: Option<&[u8]>,
) -> Result<Vec<Found>, Refusal> {
    let Some(sidecar) = sidecar else {
        return Err(refused(QuarantineReason::Unpaired));
    };
    if !bytes.starts_with(b"%PDF-") {
        return Err(refused(QuarantineReason::NotTheFormat));
    }
    let sidecar = Sidecar::parse(context, sidecar)?;
    if Hash(Sha256::digest(bytes).into()) != sidecar.sha256 {
        return Err(sidecar.refused(QuarantineReason::SidecarMismatch));
    }
    Ok(Found::whole(bytes, sidecar.facts()))
}

impl Sidecar {
    /// Reads a sidecar.
    pub fn parse(context: Context<'_>, bytes: &[u8]) -> Result<Self, Refusal> {
        let json = Json::parse(bytes).map_err(refused)?;
        let missing = || refused(QuarantineReason::MissingValue);
        let Json::Object(fields) = &json else {
            return Err(refused(QuarantineReason::NotTheFormat));
        };
        if fields.keys().any(|name| !NAMES.contains(&name.as_str()))
            || json.text("version") != VERSION
        {
            return Err(refused(QuarantineReason::NotTheFormat));
        }
        let patient: LocalPatientId = match json.text("patient") {
            "" => return Err(refused(QuarantineReason::NoPatient)),
            id => id.parse().map_err(|_| missing())?,
        };
        if json.text("facility") != context.facility.as_str() {
            return Err(refused(QuarantineReason::OtherFacility));
        }
        let sha256 = json.text("sha256").parse::<Hash>().map_err(|_| missing())?;
        let category = Category::ALL
            .iter()
            .find(|c| c.code() == json.text("category"));
        let document = json.text("document");
        if document.is_empty() || document.len() > DOCUMENT_BYTES_MAX {
            return Err(missing());
        }
        let created = instant(json.text("created")).ok_or_else(missing)?;
        let at = |name: &str, otherwise: TimeMs| match json.get(name) {
            Some(text) => instant(text.as_text()).ok_or_else(missing),
            None => Ok(otherwise),
        };
        let service_start = at("service_start", created)?;
        let service_end = at("service_end", service_start)?;
        let deleted = match json.text("status") {
            "" | "final" => false,
            "deleted" => true,
            _ => return Err(missing()),
        };
        let coded = |name: &str, system: &str| {
            let of = json.get(name)?;
            let system = match of.text("system") {
                "" => system,
                own => own,
            };
            Some(Code::new(of.text("code"), system, of.text("name"), ""))
        };
        Ok(Self {
            sha256,
            patient,
            category: *category.ok_or_else(missing)?,
            type_code: coded("type", "http://loinc.org").filter(|code| !code.code.is_empty()),
            document: document.to_owned(),
            created,
            service_start,
            service_end,
            department: coded("department", "urn:oid:1.2.392.200250.2.2.2"),
            confidentiality: Confidentiality::of(json.text("confidentiality")),
            deleted,
        })
    }

    /// A refusal that names this patient to the operator.
    fn refused(&self, reason: QuarantineReason) -> Refusal {
        Refusal {
            reason,
            patients: SeenPatients {
                message: Some(OperatorText::new(self.patient.as_str())),
                ..SeenPatients::default()
            },
        }
    }

    fn facts(self) -> Facts {
        let category = self.category;
        let kind = || Code::of_category(category);
        Facts {
            patient: self.patient,
            category,
            data_kind: "PDF",
            type_code: self.type_code.unwrap_or_else(kind),
            format_code: Code::new("urn:sekisho:pdf", "urn:sekisho:format", "PDF", "PDF"),
            mime_type: "application/pdf",
            title: Title::new(category.ja(), category.en()),
            creation: self.created,
            service_start: self.service_start,
            service_stop: self.service_end,
            practice_setting: self.department,
            confidentiality: self.confidentiality,
            series: self.document,
            version: self.created.0,
            ends: self.deleted,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::samples_test::{pdf, sidecar};
    use proptest::prelude::*;

    const FACILITY: &str = "4110000001";

    fn try_read(bytes: &[u8], sidecar: &str) -> Result<Facts, QuarantineReason> {
        let facility = FACILITY.parse().unwrap();
        let context = Context {
            facility: &facility,
            patient_system: None,
            is_part: false,
        };
        let found = read(context, bytes, Some(sidecar.as_bytes())).map_err(|r| r.reason)?;
        found[0].read.clone().map_err(|r| r.reason)
    }

    #[test]
    fn a_sidecar_is_about_these_bytes_and_says_everything() {
        use QuarantineReason::*;
        let bytes = pdf("0009013", 1);
        let good = sidecar(FACILITY, "0009013", 1, &bytes);
        let facts = try_read(&bytes, &good).unwrap();
        assert_eq!(
            (facts.category, facts.patient.as_str()),
            (Category::ImagingReport, "0009013")
        );
        assert_eq!(facts.type_code.code, "18748-4");
        let cases = [
            (
                "other bytes",
                good.replace(&good[30..40], "0000000000"),
                SidecarMismatch,
            ),
            (
                "another facility",
                good.replace(FACILITY, "4110000002"),
                OtherFacility,
            ),
            ("no patient", good.replace("0009013\"", "\""), NoPatient),
            (
                "a patient with a space",
                good.replace("0009013\"", "9 013\""),
                MissingValue,
            ),
            (
                "a category there is not",
                good.replace("imaging-report", "imaging-reports"),
                MissingValue,
            ),
            (
                "a time that is none",
                good.replace("2026-03-31", "2026-03-32"),
                MissingValue,
            ),
            (
                "a name that is not known",
                good.replace("\"status\"", "\"state\""),
                NotTheFormat,
            ),
            (
                "a status that is not known",
                good.replace("\"final\"", "\"draft\""),
                MissingValue,
            ),
            (
                "another version",
                good.replace("\"version\":1", "\"version\":2"),
                NotTheFormat,
            ),
            (
                "a patient twice",
                good.replace("{", "{\"patient\":\"1\","),
                BadJson,
            ),
        ];
        for (case, text, expected) in cases {
            assert_ne!(text, good, "{case}");
            assert_eq!(
                try_read(&bytes, &text).err(),
                Some(expected),
                "{case}: {text}"
            );
        }
        assert_eq!(try_read(b"%PDE-", &good).err(), Some(NotTheFormat));
    }

    proptest! {
        #[test]
        fn is_total(at in 0usize..4000, byte in any::<u8>()) {
            let bytes = pdf("0009013", 1);
            let mut of = sidecar(FACILITY, "0009013", 1, &bytes).into_bytes();
            let at = at % of.len();
            of[at] = byte;
            let facility = FACILITY.parse().unwrap();
            let context = Context { facility: &facility, patient_system: None, is_part: false };
            let _ = read(context, &bytes, Some(&of));
        }
    }
}
