//! The fuzzers' corpus begins with the documents these tests use. `SEKISHO_WRITE_CORPUS=1` writes it again; what fuzzing
//! added stays.

use super::samples_test::{self as samples, cp932};
use std::path::Path;

const FACILITY: &str = "4110000001";
const PATIENTS: [&str; 2] = ["0009013", "0009014"];

fn seeds() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let of = |text: String| text.into_bytes();
    let one = PATIENTS[0];
    let pdf = samples::pdf(one, 1);
    let sidecar = samples::sidecar(FACILITY, one, 1, &pdf);
    let two = {
        let text = samples::dispensing(FACILITY, one, 1, 'A');
        let (head, records) = text.split_once("\r\n").unwrap();
        let other = records.replace(one, PATIENTS[1]);
        format!("{head}\r\n{records}{other}")
    };
    vec![
        ("fhir", "referral", of(samples::referral(FACILITY, one, 1))),
        (
            "fhir",
            "results",
            of(samples::collection_of(FACILITY, one, "Observation")),
        ),
        ("cda", "summary", of(samples::summary(FACILITY, one, 1))),
        // The PDF's length in two bytes, the PDF, its sidecar.
        ("pdf", "report", {
            let length = u16::try_from(pdf.len()).unwrap().to_be_bytes();
            [&length[..], &pdf, sidecar.as_bytes()].concat()
        }),
        ("nsips", "two-patients", cp932(&two)),
        (
            "uke",
            "two-claims",
            cp932(&samples::claims(FACILITY, &PATIENTS, 4)),
        ),
        (
            "csv",
            "two-rows",
            cp932(&samples::vitals(FACILITY, &PATIENTS)),
        ),
        ("csv-mapping", "vitals", of(samples::MAPPING.to_owned())),
    ]
}

#[test]
fn the_corpus_begins_with_these_documents() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (target, name, bytes) in seeds() {
        let path = folder.join(target).join(name);
        if std::env::var_os("SEKISHO_WRITE_CORPUS").is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        let there = std::fs::read(&path).unwrap_or_default();
        assert!(
            there == bytes,
            "{target}/{name} is another: SEKISHO_WRITE_CORPUS=1"
        );
    }
}
