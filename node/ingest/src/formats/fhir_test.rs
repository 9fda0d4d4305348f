use super::*;
use crate::formats::samples_test::{collection_of, referral};
use proptest::prelude::*;

const FACILITY: &str = "4110000001";

fn try_read(bundle: &str) -> Result<Facts, QuarantineReason> {
    let facility = FACILITY.parse().unwrap();
    let context = Context {
        facility: &facility,
        patient_system: None,
        is_part: false,
    };
    let found = read(context, bundle.as_bytes()).map_err(|refusal| refusal.reason)?;
    assert_eq!(found.len(), 1);
    found[0].read.clone().map_err(|refusal| refusal.reason)
}

#[test]
fn documents_and_collections_are_what_their_types_say() {
    let facts = try_read(&referral(FACILITY, "0009013", 1)).unwrap();
    assert_eq!(facts.patient.as_str(), "0009013");
    assert_eq!(facts.category, Category::Referral);
    assert_eq!(facts.type_code.code, "57133-1");
    assert_eq!(facts.format_code.code, "urn:sekisho:fhir:document:57133-1");
    for (code, category) in [
        ("18842-5", Category::DischargeSummary),
        ("JPGCHKUP01", Category::CheckUp),
        ("57833-6", Category::Prescription),
        ("99999-9", Category::OtherDocument),
    ] {
        let of = referral(FACILITY, "0009013", 1).replace("57133-1", code);
        assert_eq!(try_read(&of).unwrap().category, category, "{code}");
    }
    for (kind, category) in [
        ("AllergyIntolerance", Category::Allergy),
        ("Condition", Category::Diagnosis),
        ("Observation", Category::LabResult),
        ("MedicationRequest", Category::Prescription),
    ] {
        let of = collection_of(FACILITY, "0009013", kind);
        assert_eq!(try_read(&of).unwrap().category, category, "{kind}");
    }
}

#[test]
fn whom_it_is_about_is_said_once_and_everywhere_alike() {
    use QuarantineReason::*;
    let good = referral(FACILITY, "0009013", 1);
    let own = format!("{PATIENT_SYSTEM}{FACILITY}");
    let cases = [
        ("another facility's number", good.replace(&own, &format!("{PATIENT_SYSTEM}4110000002")), OtherFacility),
        ("no number of a facility", good.replace(&own, "urn:other"), NoPatient),
        ("no Patient", good.replace("\"Patient\"", "\"Person\""), NoPatient),
        ("two Patients", good.replace("\"Condition\"", "\"Patient\""), SeveralPatients),
        (
            "two numbers",
            good.replace(
                "\"identifier\":[{\"system\":\"urn:oid",
                &format!("\"identifier\":[{{\"system\":\"{own}\",\"value\":\"1\"}},{{\"system\":\"urn:oid"),
            ),
            SeveralPatients,
        ),
        (
            "a subject elsewhere",
            good.replacen("\"subject\":{\"reference\":\"urn:uuid:p\"", "\"subject\":{\"reference\":\"urn:uuid:q\"", 1),
            MessagePatientMismatch,
        ),
        (
            "a subject by identifier only",
            good.replacen("\"subject\":{\"reference\":\"urn:uuid:p\"", "\"subject\":{\"identifier\":{\"value\":\"1\"}", 1),
            MessagePatientMismatch,
        ),
        (
            "a reference to another Patient deep inside",
            good.replace("\"note\":[", "\"note\":[{\"authorReference\":{\"reference\":\"Patient/other\"}},"),
            MessagePatientMismatch,
        ),
        (
            "a contained Patient",
            good.replace("\"note\":[", "\"contained\":[{\"resourceType\":\"Patient\"}],\"note\":["),
            SeveralPatients,
        ),
        ("a number that is none", good.replace("0009013", "０００９"), NoPatient),
        ("no identifier of the Bundle", good.replace("\"identifier\":{", "\"identified\":{"), MissingValue),
        ("no date", good.replace("\"date\":", "\"dated\":"), MissingValue),
        ("a transaction", good.replace("\"document\"", "\"transaction\""), NotTheFormat),
        ("no Bundle", good.replace("\"Bundle\"", "\"Binder\""), NotTheFormat),
        (
            "a collection of several kinds",
            collection_of(FACILITY, "0009013", "Condition").replace(
                "\"entry\":[",
                "\"entry\":[{\"fullUrl\":\"urn:uuid:z\",\"resource\":{\"resourceType\":\"Observation\"}},",
            ),
            KindMismatch,
        ),
    ];
    for (case, bundle, expected) in cases {
        assert_ne!(bundle, good, "{case}");
        assert_eq!(try_read(&bundle).err(), Some(expected), "{case}");
    }
}

#[test]
fn dates_may_be_coarse_and_have_offsets() {
    let cases = [
        ("2026-04-01T09:00:00+09:00", Some(1_775_001_600_000)),
        ("2026-04-01T00:00:00Z", Some(1_775_001_600_000)),
        ("2026-04-01T09:00:00.250+09:00", Some(1_775_001_600_250)),
        ("2026-04-01", Some(1_774_969_200_000)),
        ("2026-04", Some(1_774_969_200_000)),
        ("2026", Some(1_767_193_200_000)),
        ("2026-4-1", None),
        ("2026-02-30", None),
        ("", None),
        ("昨日", None),
    ];
    for (text, expected) in cases {
        assert_eq!(instant(text).map(|t| t.0), expected, "{text}");
    }
}

proptest! {
    #[test]
    fn is_total(at in 0usize..4000, byte in any::<u8>(), text in ".{0,40}") {
        let mut bundle = referral(FACILITY, "0009013", 1).into_bytes();
        let at = at % bundle.len();
        bundle[at] = byte;
        let facility = FACILITY.parse().unwrap();
        let context = Context { facility: &facility, patient_system: None, is_part: false };
        let _ = read(context, &bundle);
        let _ = read(context, &bundle[..at]);
        let _ = instant(&text);
    }
}
