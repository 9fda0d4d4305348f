//! The header of a CDA R2 document, as far as an index needs it, and the wrong-patient guard on it.
//!
//! Source: HL7 CDA R2 §4.2 (header); JAHIS 診療文書構造化記述規約 共通編 1.0; MHLW OIDs of local patient ids
//! (1.2.392.100495.20.3.51.1 followed by the facility's ten digits).

use crate::guard::WrongPatient;
use crate::time;
use crate::xml;
use roxmltree::{Document, Node};
use sekisho_documents::{LocalPatientId, OperatorText, QuarantineReason};
use sekisho_domain::{FacilityId, TimeMs};

const NAMESPACE: &str = "urn:hl7-org:v3";
/// OIDs of patients' ids at a facility begin so; the facility's ten digits follow.
const LOCAL_ID_ROOT: &str = "1.2.392.100495.20.3.51.1";
/// Numbers that are of the person, not of a chart: insurer, symbol, number and the public payers'.
const OTHER_NUMBER_ROOTS: [&str; 5] = [
    "1.2.392.100495.20.3.61",
    "1.2.392.100495.20.3.62",
    "1.2.392.100495.20.3.63",
    "1.2.392.100495.20.3.71",
    "1.2.392.100495.20.3.72",
];

/// What an index takes from a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Header {
    /// Start and end of the service, where stated.
    pub service: (Option<TimeMs>, Option<TimeMs>),
    /// effectiveTime.
    pub written: Option<TimeMs>,
}

/// Reads a document's header after checking whose it is.
pub(crate) fn read(
    bytes: &[u8],
    facility: &FacilityId,
    expected: &LocalPatientId,
) -> Result<Header, WrongPatient> {
    let text = xml::decode(bytes).map_err(QuarantineReason::from)?;
    let tree = xml::parse(&text).map_err(QuarantineReason::from)?;
    let root = root(&tree)?;
    guard(root, facility, expected)?;
    let time_of = |node: Option<Node<'_, '_>>| {
        node.and_then(|n| n.attribute("value"))
            .and_then(time::parse)
    };
    let event = path(root, &["documentationOf", "serviceEvent", "effectiveTime"]).or_else(|| {
        path(
            root,
            &["componentOf", "encompassingEncounter", "effectiveTime"],
        )
    });
    let low = event.and_then(|e| child(e, "low"));
    let high = event.and_then(|e| child(e, "high"));
    Ok(Header {
        service: (time_of(low.or(event)), time_of(high)),
        written: time_of(child(root, "effectiveTime")),
    })
}

/// Checks that a document names the expected patient and nobody else.
///
/// # Errors
/// [`WrongPatient`] with the reason for which it would be quarantined.
pub(crate) fn check(
    bytes: &[u8],
    facility: &FacilityId,
    expected: &LocalPatientId,
) -> Result<(), WrongPatient> {
    read(bytes, facility, expected).map(drop)
}

fn root<'a, 't>(tree: &'a Document<'t>) -> Result<Node<'a, 't>, QuarantineReason> {
    let root = tree.root_element();
    if root.has_tag_name((NAMESPACE, "ClinicalDocument")) {
        Ok(root)
    } else {
        Err(QuarantineReason::KindMismatch)
    }
}

/// Every recordTarget must name the patient: at least one id, and none that is another one's here.
///
/// Ids under another facility's OID, and numbers of insurers, say nothing about this facility's chart. Any other id
/// must be the patient's: what cannot be told apart from a local id is taken for one.
fn guard(
    root: Node<'_, '_>,
    facility: &FacilityId,
    expected: &LocalPatientId,
) -> Result<(), WrongPatient> {
    let mut named = false;
    for target in children(root, "recordTarget") {
        let mut named_here = false;
        for id in children(target, "patientRole").flat_map(|role| children(role, "id")) {
            let extension = id.attribute("extension").unwrap_or_default().trim();
            if extension.is_empty()
                || !is_of_chart(id.attribute("root").unwrap_or_default(), facility)
            {
                continue;
            }
            if extension != expected.as_str() {
                return Err(WrongPatient {
                    reason: QuarantineReason::MessagePatientMismatch,
                    found: Some(OperatorText::new(extension)),
                });
            }
            named_here = true;
        }
        if !named_here {
            return Err(QuarantineReason::NoPatient.into());
        }
        named = true;
    }
    if named {
        Ok(())
    } else {
        Err(QuarantineReason::NoPatient.into())
    }
}

fn is_of_chart(root: &str, facility: &FacilityId) -> bool {
    let root = root.trim();
    match root.strip_prefix(LOCAL_ID_ROOT) {
        Some(of) => of == facility.as_str(),
        None => !OTHER_NUMBER_ROOTS.contains(&root),
    }
}

fn children<'a, 't: 'a>(
    node: Node<'a, 't>,
    name: &'static str,
) -> impl Iterator<Item = Node<'a, 't>> {
    node.children()
        .filter(move |n| n.has_tag_name((NAMESPACE, name)))
}

fn child<'a, 't: 'a>(node: Node<'a, 't>, name: &'static str) -> Option<Node<'a, 't>> {
    children(node, name).next()
}

fn path<'a, 't: 'a>(node: Node<'a, 't>, names: &[&'static str]) -> Option<Node<'a, 't>> {
    names.iter().try_fold(node, |node, name| child(node, name))
}

#[cfg(test)]
#[path = "../cda_test.rs"]
mod tests;
