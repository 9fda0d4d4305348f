//! An extended storage's life, seen from the index.

use crate::fixture_test::{Fixture, PATIENT, message};
use crate::{Layout, QuarantineReason, Quirk};
use sekisho_documents::{DocumentEntry, Statuses};
use sekisho_domain::Category;
use std::fs;

const SUMMARY: &str = "^サマリ^^18842-5^退院時サマリー^LN";
const VITALS: &str = "L-OBSERVATIONS^OBSERVATIONS^99ZL01";
const FIRST: &str = "20260401110000000";
const SECOND: &str = "20260401120000000";

fn extended() -> Fixture {
    let mut fixture = Fixture::new();
    fixture.storage.layout = Layout::Extended;
    fixture
}

fn folder(kind: &str, key: &str, occurred: &str, flag: u8) -> String {
    format!(
        "000/901/{PATIENT}/20260401/{kind}/{PATIENT}_20260401_{kind}_{key}_{occurred}_01_{flag}"
    )
}

fn cda(patient: &str) -> Vec<u8> {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><ClinicalDocument xmlns=\"urn:hl7-org:v3\"><code code=\"18842-5\"/>\
         <recordTarget><patientRole><id root=\"1.2.392.100495.20.3.51.14111234567\" extension=\"{patient}\"/>\
         </patientRole></recordTarget></ClinicalDocument>"
    )
    .into_bytes()
}

fn vitals(patient: &str) -> Vec<u8> {
    let observation =
        "OBX|1|NM|9A761000000000001^拡張期血圧^JC10||58|mm(hg)||||F|||||20260401080000";
    message(
        "ORU^R30",
        patient,
        &[
            "ORC|SC|1",
            "OBR|1|1||01^バイタル^99ABC|||20260401150000",
            observation,
        ],
    )
}

fn entries(fixture: &Fixture) -> Vec<DocumentEntry> {
    fixture
        .find(PATIENT, Statuses::ApprovedAndDeprecated)
        .entries
}

#[test]
fn documents_attachments_and_their_life() {
    let fixture = extended();
    let first = folder(SUMMARY, "K1", FIRST, 1);
    fixture.write(&format!("{first}/main_document.xml"), &cda(PATIENT));
    fixture.write(&format!("{first}/scan.pdf"), b"%PDF-1.7 invented");
    fixture.write(&format!("{first}/style.css"), b"p{}");
    fixture.write(
        &format!("{}/main_document.hl7", folder(VITALS, "K2", FIRST, 1)),
        &vitals(PATIENT),
    );
    let report = fixture.ingest();
    assert_eq!(
        (
            report.documents(),
            report.quarantined_total(),
            report.ignored
        ),
        (3, 0, 1)
    );
    let found = entries(&fixture);
    let one = |media: &str| {
        found
            .iter()
            .find(|e| e.kind.mime_type.starts_with(media))
            .unwrap()
    };
    assert_eq!(one("text/xml").kind.category, Category::DischargeSummary);
    assert_eq!(
        one("application/pdf").kind.title.ja,
        "退院時サマリー（添付）"
    );
    assert_eq!(one("application/hl7-v2").kind.category, Category::Vitals);
    assert_eq!(
        one("text/xml").practice_setting.as_ref().unwrap().code,
        "01"
    );

    // A second version supersedes the first, its attachment with it.
    fixture.rename(&first, &folder(SUMMARY, "K1", FIRST, 2));
    fixture.write(
        &format!("{}/main_document.xml", folder(SUMMARY, "K1", SECOND, 1)),
        &cda(PATIENT),
    );
    fixture.ingest();
    assert_eq!(fixture.answered(), (2, 2));

    // Deleted by renaming alone.
    for (occurred, flag) in [(FIRST, 2), (SECOND, 1)] {
        fixture.rename(
            &folder(SUMMARY, "K1", occurred, flag),
            &folder(SUMMARY, "K1", occurred, 0),
        );
    }
    let report = fixture.ingest();
    assert_eq!(
        (fixture.answered(), report.kinds["18842-5"].deleted),
        ((1, 0), 2)
    );
    fs::remove_dir_all(fixture.full("000")).unwrap();
    assert_eq!(fixture.ingest().forgotten, 3);
}

#[test]
fn whoever_a_document_names_must_be_the_paths_patient() {
    let fixture = extended();
    let at = |key: &str, kind: &str| folder(kind, key, FIRST, 1);
    fixture.write(
        &format!("{}/main_document.xml", at("K1", SUMMARY)),
        &cda("0009014"),
    );
    fixture.write(&format!("{}/scan.pdf", at("K1", SUMMARY)), b"%PDF");
    fixture.write(
        &format!("{}/main_document.hl7", at("K2", VITALS)),
        &vitals("0009014"),
    );
    fixture.write(&format!("{}/main_document.pdf", at("K3", SUMMARY)), b"%PDF");
    fixture.write(&format!("{}/note.txt", at("K4", SUMMARY)), b"alone");
    let bomb = b"<!DOCTYPE l [<!ENTITY a \"b\">]><ClinicalDocument xmlns=\"urn:hl7-org:v3\">&a;</ClinicalDocument>";
    fixture.write(&format!("{}/main_document.xml", at("K5", SUMMARY)), bomb);
    let misfiled = at("K6", SUMMARY).replace(&format!("/{PATIENT}_"), "/0009014_");
    fixture.write(&format!("{misfiled}/main_document.xml"), &cda(PATIENT));
    fixture.write(&format!("000/901/{PATIENT}/20260401/{SUMMARY}/stray"), b"");
    let report = fixture.ingest();
    use QuarantineReason::*;
    let expected = [
        (Misplaced, 1),
        (PathPatientMismatch, 1),
        (MessagePatientMismatch, 3),
        (NoPatient, 1),
        (BadXml, 1),
        (NoMainDocument, 1),
    ];
    assert_eq!(report.quarantined, expected.into());
    assert_eq!(entries(&fixture), []);
}

#[test]
fn an_operator_may_vouch_for_documents_that_name_nobody_and_for_local_kinds() {
    let mut fixture = extended();
    let local = "L777^手術所見^99ZZZ";
    fixture.write(
        &format!("{}/main_document.pdf", folder(local, "K1", FIRST, 1)),
        b"%PDF",
    );
    assert_eq!(fixture.ingest().documents(), 0);
    fixture.storage.quirks = fixture.storage.quirks.with(Quirk::DocumentByPath, true);
    fixture
        .storage
        .kinds
        .insert("L777".to_owned(), Category::Operation);
    let report = fixture.ingest();
    assert_eq!(
        (report.documents(), report.quirks["document-by-path"]),
        (1, 1)
    );
    let entry = entries(&fixture).remove(0);
    assert_eq!(
        (entry.kind.category, entry.kind.title.ja.as_str()),
        (Category::Operation, "手術所見")
    );
}

#[test]
fn large_attachments_are_hashed_in_pieces() {
    use sha2::Digest;
    let fixture = extended();
    let at = folder(SUMMARY, "K1", FIRST, 1);
    fixture.write(&format!("{at}/main_document.xml"), &cda(PATIENT));
    let large = vec![7u8; 9 << 20];
    fixture.write(&format!("{at}/image.dcm"), &large);
    assert_eq!(fixture.ingest().documents(), 2);
    let entry = entries(&fixture)
        .into_iter()
        .find(|e| e.kind.mime_type == "application/dicom")
        .unwrap();
    assert_eq!(entry.size_bytes, large.len() as u64);
    assert_eq!(entry.hash.as_bytes()[..], sha2::Sha256::digest(&large)[..]);
    assert_eq!(entry.pieces, sekisho_documents::Digests::of(&large).pieces);
    // Main documents are read whole, so they are smaller.
    fixture.write(&format!("{at}/main_document.xml"), &large);
    assert_eq!(fixture.ingest().quarantined[&QuarantineReason::TooLarge], 2);
}
