//! HL7 CDA R2 documents.
//!
//! Whom a document is about says its one `recordTarget`: the id whose root is the facility's, in JP Core's and the
//! CDA guides' form `1.2.392.100495.20.3.51.1` + the facility's ten digits, or the root that is configured. XML is
//! read within the bounds of [`crate::xml`]: no document types, no entities.
//!
//! Sources: HL7 CDA R2 (2005) §4.2; HS008, HS032; JAHIS CDA guides for the codes.

use super::{Confidentiality, Context, Facts, Found, refused};
use crate::name::Refusal;
use crate::time;
use crate::xml;
use roxmltree::Node;
use sekisho_documents::{Code, LocalPatientId, QuarantineReason, Title};
use sekisho_domain::Category;

const NAMESPACE: &str = "urn:hl7-org:v3";
/// OID of a facility's patients' numbers, without the facility.
const PATIENT_ROOT: &str = "1.2.392.100495.20.3.51.1";

/// Document types: code, category, names.
#[rustfmt::skip]
const TYPES: &[(&str, Category, &str, &str)] = &[
    ("57133-1", Category::Referral, "診療情報提供書", "Referral note"),
    ("MD0020730", Category::Referral, "診療情報提供書", "Referral note"),
    ("18842-5", Category::DischargeSummary, "退院時サマリー", "Discharge summary"),
    ("11506-3", Category::ProgressNote, "経過記録", "Progress note"),
    ("34108-1", Category::ProgressNote, "外来経過記録", "Outpatient note"),
    ("34112-3", Category::ProgressNote, "入院経過記録", "Inpatient note"),
    ("34746-8", Category::NursingNote, "看護記録", "Nursing note"),
    ("18748-4", Category::ImagingReport, "画像診断報告書", "Diagnostic imaging report"),
    ("11502-2", Category::LabResult, "検体検査報告書", "Laboratory report"),
    ("11504-8", Category::Operation, "手術記録", "Operation note"),
    ("18751-8", Category::Endoscopy, "内視鏡検査報告書", "Endoscopy report"),
    ("53576-5", Category::CheckUp, "健診結果報告書", "Health check-up report"),
    ("57833-6", Category::Prescription, "処方箋", "Prescription"),
];

/// The one document of a file.
pub(super) fn read(context: Context<'_>, bytes: &[u8]) -> Result<Vec<Found>, Refusal> {
    let text = xml::decode(bytes).map_err(|error| refused(error.into()))?;
    let document = xml::parse(&text).map_err(|error| refused(error.into()))?;
    Ok(Found::whole(
        bytes,
        facts(context, document.root_element())?,
    ))
}

fn facts(context: Context<'_>, root: Node<'_, '_>) -> Result<Facts, Refusal> {
    if root.tag_name().name() != "ClinicalDocument"
        || root.tag_name().namespace() != Some(NAMESPACE)
    {
        return Err(refused(QuarantineReason::NotTheFormat));
    }
    let missing = || refused(QuarantineReason::MissingValue);
    let patient = patient(context, root)?;
    let code = child(root, "code").ok_or_else(missing)?;
    let (code, system) = (attribute(code, "code"), attribute(code, "codeSystem"));
    let creation = child(root, "effectiveTime").and_then(|t| time::parse(attribute(t, "value")));
    let creation = creation.ok_or_else(missing)?;
    let id = child(root, "id").map(instance).filter(|id| id != "^");
    let id = id.ok_or_else(missing)?;
    if code.is_empty() {
        return Err(missing());
    }
    let known = TYPES.iter().find(|(of, ..)| *of == code);
    let (category, ja, en) = known.map_or(
        (
            Category::OtherDocument,
            "その他の文書（CDA）",
            "Other document (CDA)",
        ),
        |(_, category, ja, en)| (*category, *ja, *en),
    );
    let (start, stop) = service(root);
    let start = start.unwrap_or(creation);
    // Versions of one document share a setId and count; without one, each document is its own.
    let number =
        child(root, "versionNumber").and_then(|n| attribute(n, "value").parse::<u64>().ok());
    let (series, version) = match (child(root, "setId"), number) {
        (Some(set), Some(number)) => (instance(set), number),
        _ => (id, creation.0),
    };
    let confidentiality = child(root, "confidentialityCode").map(|c| attribute(c, "code"));
    Ok(Facts {
        patient,
        category,
        data_kind: "CDA",
        type_code: Code::new(code, format!("urn:oid:{system}"), ja, en),
        format_code: Code::new(
            format!("urn:sekisho:cda:{code}"),
            "urn:sekisho:format",
            "HL7 CDA R2",
            "HL7 CDA R2",
        ),
        mime_type: "text/xml",
        title: Title::new(ja, en),
        creation,
        service_start: start,
        service_stop: stop.unwrap_or(start),
        practice_setting: None,
        confidentiality: Confidentiality::of(confidentiality.unwrap_or_default()),
        series,
        version,
        ends: false,
    })
}

fn patient(context: Context<'_>, root: Node<'_, '_>) -> Result<LocalPatientId, Refusal> {
    let mut targets = children(root, "recordTarget");
    let Some(target) = targets.next() else {
        return Err(refused(QuarantineReason::NoPatient));
    };
    if targets.next().is_some() || children(target, "patientRole").count() > 1 {
        return Err(refused(QuarantineReason::SeveralPatients));
    }
    let own = match context.patient_system {
        Some(system) => system.trim_start_matches("urn:oid:").to_owned(),
        None => format!("{PATIENT_ROOT}{}", context.facility),
    };
    let (mut found, mut of_others) = (None, false);
    let role = child(target, "patientRole");
    for id in role.iter().flat_map(|role| children(*role, "id")) {
        let (root, extension) = (attribute(id, "root"), attribute(id, "extension"));
        if root == own {
            if found.is_some_and(|held| held != extension) {
                return Err(refused(QuarantineReason::SeveralPatients));
            }
            found = Some(extension);
        } else {
            of_others |= root.starts_with(PATIENT_ROOT);
        }
    }
    let reason = if of_others {
        QuarantineReason::OtherFacility
    } else {
        QuarantineReason::NoPatient
    };
    let id = found.and_then(|id| id.parse().ok());
    id.ok_or_else(|| refused(reason))
}

/// When the service took place: the event that is documented, else the encounter.
fn service(
    root: Node<'_, '_>,
) -> (
    Option<sekisho_domain::TimeMs>,
    Option<sekisho_domain::TimeMs>,
) {
    let event = child(root, "documentationOf").and_then(|d| child(d, "serviceEvent"));
    let encounter = child(root, "componentOf").and_then(|c| child(c, "encompassingEncounter"));
    let times = [event, encounter].into_iter().flatten();
    let Some(period) = times.into_iter().find_map(|of| child(of, "effectiveTime")) else {
        return (None, None);
    };
    let at = |name| child(period, name).and_then(|t| time::parse(attribute(t, "value")));
    let single = time::parse(attribute(period, "value"));
    (at("low").or(single), at("high").or(single))
}

/// An instance identifier as one text.
fn instance(id: Node<'_, '_>) -> String {
    format!("{}^{}", attribute(id, "root"), attribute(id, "extension"))
}

/// The first child of a name.
pub(crate) fn child<'a, 'i>(node: Node<'a, 'i>, name: &str) -> Option<Node<'a, 'i>> {
    children(node, name).next()
}

/// The children of a name, in CDA's namespace.
pub(crate) fn children<'a, 'i: 'a>(
    node: Node<'a, 'i>,
    name: &str,
) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |c| {
        c.is_element() && c.tag_name().name() == name && c.tag_name().namespace() == Some(NAMESPACE)
    })
}

/// An attribute's value; empty where there is none.
pub(crate) fn attribute<'a>(node: Node<'a, '_>, name: &str) -> &'a str {
    node.attribute(name).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::samples_test::summary;
    use proptest::prelude::*;

    const FACILITY: &str = "4110000001";

    fn try_read(text: &str) -> Result<Facts, QuarantineReason> {
        let facility = FACILITY.parse().unwrap();
        let context = Context {
            facility: &facility,
            patient_system: None,
            is_part: false,
        };
        let found = read(context, text.as_bytes()).map_err(|refusal| refusal.reason)?;
        found[0].read.clone().map_err(|refusal| refusal.reason)
    }

    #[test]
    fn the_header_says_what_it_is() {
        let facts = try_read(&summary(FACILITY, "0009013", 2)).unwrap();
        assert_eq!(facts.patient.as_str(), "0009013");
        assert_eq!(facts.category, Category::DischargeSummary);
        assert_eq!(
            (facts.series.as_str(), facts.version),
            ("1.2.3^S-0009013", 2)
        );
        assert!(facts.service_start < facts.service_stop);
        let other = summary(FACILITY, "0009013", 2).replace("18842-5", "MD0020730");
        assert_eq!(try_read(&other).unwrap().category, Category::Referral);
    }

    #[test]
    fn whom_it_is_about_is_said_once() {
        use QuarantineReason::*;
        let good = summary(FACILITY, "0009013", 1);
        let target = {
            let (_, after) = good.split_once("<recordTarget>").unwrap();
            let (target, _) = after.split_once("</recordTarget>").unwrap();
            format!("<recordTarget>{target}</recordTarget>")
        };
        let own = format!("{PATIENT_ROOT}{FACILITY}");
        let cases = [
            ("none", good.replace(&target, ""), NoPatient),
            (
                "two",
                good.replace(&target, &target.repeat(2)),
                SeveralPatients,
            ),
            (
                "another facility's",
                good.replace(&own, &format!("{PATIENT_ROOT}4110000002")),
                OtherFacility,
            ),
            ("nobody's", good.replace(&own, "1.2.3.4"), NoPatient),
            (
                "two numbers",
                good.replace(
                    "<patientRole>",
                    &format!("<patientRole><id root=\"{own}\" extension=\"1\"/>"),
                ),
                SeveralPatients,
            ),
            (
                "another namespace",
                good.replace("urn:hl7-org:v3", "urn:other"),
                NotTheFormat,
            ),
            (
                "no time",
                good.replacen("<effectiveTime ", "<time ", 1),
                MissingValue,
            ),
            ("a document type", format!("<!DOCTYPE a>{good}"), BadXml),
        ];
        for (case, text, expected) in cases {
            assert_ne!(text, good, "{case}");
            assert_eq!(try_read(&text).err(), Some(expected), "{case}");
        }
    }

    proptest! {
        #[test]
        fn is_total(at in 0usize..4000, byte in any::<u8>()) {
            let mut bytes = summary(FACILITY, "0009013", 1).into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            let facility = FACILITY.parse().unwrap();
            let context = Context { facility: &facility, patient_system: None, is_part: false };
            let _ = read(context, &bytes);
            let _ = read(context, &bytes[..at]);
        }
    }
}
