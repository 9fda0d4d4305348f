use super::*;

const FACILITY: &str = "4111234567";

/// What is tried, the ids of each recordTarget (root, extension), and why it is refused.
type Case<'a> = (
    &'a str,
    &'a [&'a [(&'a str, &'a str)]],
    Option<QuarantineReason>,
);

fn document(targets: &[&[(&str, &str)]]) -> String {
    let targets: String = targets
        .iter()
        .map(|ids| {
            let ids: String = ids
                .iter()
                .map(|(root, id)| format!("<id root=\"{root}\" extension=\"{id}\"/>"))
                .collect();
            format!("<recordTarget><patientRole>{ids}</patientRole></recordTarget>")
        })
        .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ClinicalDocument xmlns=\"urn:hl7-org:v3\">\
         <effectiveTime value=\"20260402\"/>{targets}<documentationOf><serviceEvent><effectiveTime>\
         <low value=\"20260301\"/><high value=\"20260331\"/></effectiveTime></serviceEvent></documentationOf>\
         </ClinicalDocument>"
    )
}

fn checked(text: &str) -> Option<QuarantineReason> {
    let wrong = check(
        text.as_bytes(),
        &FACILITY.parse().unwrap(),
        &"0009013".parse().unwrap(),
    );
    wrong.err().map(|w| w.reason)
}

#[test]
fn only_the_paths_patient_passes() {
    use QuarantineReason::*;
    let own = format!("{LOCAL_ID_ROOT}{FACILITY}");
    let others = format!("{LOCAL_ID_ROOT}4111234568");
    let number = OTHER_NUMBER_ROOTS[2];
    let (own, others) = (own.as_str(), others.as_str());
    let cases: &[Case<'_>] = &[
        ("its own id", &[&[(own, "0009013")]], None),
        (
            "an id of the site's own OID",
            &[&[("1.2.3", "0009013")]],
            None,
        ),
        (
            "with another facility's id and a number",
            &[&[(own, "0009013"), (others, "777"), (number, "1")]],
            None,
        ),
        (
            "another patient",
            &[&[(own, "0009014")]],
            Some(MessagePatientMismatch),
        ),
        (
            "zeroes lost",
            &[&[(own, "9013")]],
            Some(MessagePatientMismatch),
        ),
        (
            "two patients in one",
            &[&[(own, "0009013"), (own, "0009014")]],
            Some(MessagePatientMismatch),
        ),
        (
            "an unknown id that differs",
            &[&[(own, "0009013"), ("1.2.3", "777")]],
            Some(MessagePatientMismatch),
        ),
        (
            "a second target",
            &[&[(own, "0009013")], &[(own, "0009014")]],
            Some(MessagePatientMismatch),
        ),
        (
            "a second target without id",
            &[&[(own, "0009013")], &[]],
            Some(NoPatient),
        ),
        (
            "only another facility's",
            &[&[(others, "0009013")]],
            Some(NoPatient),
        ),
        ("only a number", &[&[(number, "0009013")]], Some(NoPatient)),
        ("an empty id", &[&[(own, "")]], Some(NoPatient)),
        ("no target", &[], Some(NoPatient)),
    ];
    for (case, targets, expected) in cases {
        assert_eq!(checked(&document(targets)), *expected, "{case}");
    }
    let good = document(&[&[(own, "0009013")]]);
    assert_eq!(
        checked(&good.replace("urn:hl7-org:v3", "urn:other")),
        Some(KindMismatch)
    );
    assert_eq!(
        checked(&good.replace("ClinicalDocument", "Clinical")),
        Some(KindMismatch)
    );
    assert_eq!(checked(&good[..good.len() - 5]), Some(BadXml));
    let dtd = good.replace(
        "<ClinicalDocument",
        "<!DOCTYPE ClinicalDocument><ClinicalDocument",
    );
    assert_eq!(checked(&dtd), Some(BadXml));
    // Inside a section, a recordTarget is nobody's.
    let inside = good
        .replace("<recordTarget>", "<x><recordTarget>")
        .replace("</recordTarget>", "</recordTarget></x>");
    assert_eq!(checked(&inside), Some(NoPatient));
}

#[test]
fn the_header_gives_the_times() {
    let own = format!("{LOCAL_ID_ROOT}{FACILITY}");
    let text = document(&[&[(own.as_str(), "0009013")]]);
    let header = read(
        text.as_bytes(),
        &FACILITY.parse().unwrap(),
        &"0009013".parse().unwrap(),
    )
    .unwrap();
    assert_eq!(header.written, time::parse("20260402"));
    assert_eq!(
        header.service,
        (time::parse("20260301"), time::parse("20260331"))
    );
}
