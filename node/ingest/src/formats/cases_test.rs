//! How documents of each kind of source are written, for the suite in `contract_test`.

use super::samples_test as samples;
use super::*;
use crate::fixture_test as ssmix2;
use crate::{Layout, Source, SsMix2Storage};
use std::fs;
use std::path::{Path, PathBuf};

pub const FACILITY: &str = "4110000001";
pub const ONE: &str = "0009013";
pub const OTHER: &str = "0009014";

/// How documents of one kind of source are written.
pub struct Case {
    pub name: &'static str,
    pub source: fn(&Path) -> Box<dyn Source>,
    /// Writes a version (1 to 9) of a patient's document; where to.
    pub put: fn(&Path, patient: &str, version: u8) -> PathBuf,
    /// Deletes it as its source deletes, if it has a way of its own.
    pub end: Option<fn(&Path, patient: &str)>,
    /// Whether an earlier version stays, superseded.
    pub supersedes: bool,
    /// Whether the format says where a document ends: without that, one that lost its last fields is a document.
    pub has_end: bool,
    /// Bytes of another patient's document that a careless system writes in the place of this one's.
    pub in_place_of: fn(&Path, patient: &str, other: &str),
}

pub fn folder(root: &Path, format: Format) -> Box<dyn Source> {
    Box::new(FolderSource {
        root: root.to_owned(),
        facility: FACILITY.parse().unwrap(),
        source_id: "s".parse().unwrap(),
        format,
        patient_system: None,
    })
}

pub fn write(path: PathBuf, bytes: impl AsRef<[u8]>) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

pub fn ssmix2_path(root: &Path, patient: &str, version: u8, flag: u8) -> PathBuf {
    let (first, second) = (&patient[..3], &patient[3..6]);
    root.join(format!(
        "{first}/{second}/{patient}/20260401/OMP-01/{patient}_20260401_OMP-01_000000000000001_2026040{version}110000000_01_{flag}"
    ))
}

/// A content folder of extended storage.
pub fn extended_path(root: &Path, patient: &str, version: u8, flag: u8) -> PathBuf {
    let (first, second) = (&patient[..3], &patient[3..6]);
    let kind = "^サマリ^^18842-5^退院時サマリー^LN";
    root.join(format!(
        "{first}/{second}/{patient}/20260401/{kind}/{patient}_20260401_{kind}_K1_2026040{version}110000000_01_{flag}"
    ))
}

pub const CASES: &[Case] = &[
    Case {
        name: "ss-mix2-standardised",
        source: |root| {
            Box::new(SsMix2Storage::new(
                root.to_owned(),
                FACILITY.parse().unwrap(),
                "s".parse().unwrap(),
            ))
        },
        put: |root, patient, version| {
            let before = ssmix2_path(root, patient, version - 1, 1);
            if before.exists() {
                fs::rename(&before, ssmix2_path(root, patient, version - 1, 2)).unwrap();
            }
            let drug = format!("DRUG {version}");
            write(
                ssmix2_path(root, patient, version, 1),
                ssmix2::prescription(patient, &drug),
            )
        },
        end: Some(|root, patient| {
            let from = ssmix2_path(root, patient, 1, 1);
            fs::rename(from, ssmix2_path(root, patient, 1, 0)).unwrap();
        }),
        supersedes: true,
        has_end: false,
        in_place_of: |root, patient, other| {
            let bytes = ssmix2::prescription(other, "DRUG 1");
            write(ssmix2_path(root, patient, 1, 1), bytes);
        },
    },
    Case {
        name: "ss-mix2-extended",
        source: |root| {
            let mut storage = SsMix2Storage::new(
                root.to_owned(),
                FACILITY.parse().unwrap(),
                "s".parse().unwrap(),
            );
            storage.layout = Layout::Extended;
            Box::new(storage)
        },
        put: |root, patient, version| {
            let before = extended_path(root, patient, version - 1, 1);
            if before.exists() {
                fs::rename(&before, extended_path(root, patient, version - 1, 2)).unwrap();
            }
            let text = samples::summary(FACILITY, patient, version);
            let folder = extended_path(root, patient, version, 1);
            write(folder.join("main_document.xml"), text)
        },
        end: Some(|root, patient| {
            let from = extended_path(root, patient, 1, 1);
            fs::rename(from, extended_path(root, patient, 1, 0)).unwrap();
        }),
        supersedes: true,
        has_end: true,
        in_place_of: |root, patient, other| {
            let text = samples::summary(FACILITY, other, 1);
            let folder = extended_path(root, patient, 1, 1);
            write(folder.join("main_document.xml"), text);
        },
    },
    Case {
        name: "fhir",
        source: |root| folder(root, Format::Fhir),
        put: |root, patient, version| {
            let bundle = samples::referral(FACILITY, patient, version);
            write(root.join(format!("2026/{patient}-{version}.json")), bundle)
        },
        end: Some(|root, patient| {
            let bundle = samples::referral(FACILITY, patient, 9);
            let ended = bundle.replace("\"status\":\"final\"", "\"status\":\"entered-in-error\"");
            write(root.join(format!("2026/{patient}-9.json")), ended);
        }),
        supersedes: true,
        has_end: true,
        in_place_of: |root, patient, other| {
            let bundle = samples::referral(FACILITY, other, 1);
            write(root.join(format!("2026/{patient}-1.json")), bundle);
        },
    },
    Case {
        name: "cda",
        source: |root| folder(root, Format::Cda),
        put: |root, patient, version| {
            let text = samples::summary(FACILITY, patient, version);
            write(root.join(format!("{patient}-{version}.xml")), text)
        },
        end: None,
        supersedes: true,
        has_end: true,
        in_place_of: |root, patient, other| {
            let text = samples::summary(FACILITY, other, 1);
            write(root.join(format!("{patient}-1.xml")), text);
        },
    },
    Case {
        name: "pdf",
        source: |root| folder(root, Format::Pdf),
        put: |root, patient, version| {
            let bytes = samples::pdf(patient, version);
            let sidecar = samples::sidecar(FACILITY, patient, version, &bytes);
            let path = root.join(format!("{patient}-{version}.pdf"));
            write(path.with_extension("pdf.json"), sidecar);
            write(path, bytes)
        },
        end: Some(|root, patient| {
            let bytes = samples::pdf(patient, 1);
            let sidecar = samples::sidecar(FACILITY, patient, 1, &bytes);
            let ended = sidecar.replace("\"final\"", "\"deleted\"");
            let ended = ended.replace("2026-04-01T", "2026-04-02T");
            write(root.join(format!("{patient}-9.pdf.json")), ended);
            write(root.join(format!("{patient}-9.pdf")), bytes);
        }),
        supersedes: true,
        has_end: true,
        // Over the PDF only, as a careless copy does; its sidecar still says the first patient.
        in_place_of: |root, patient, other| {
            write(
                root.join(format!("{patient}-1.pdf")),
                samples::pdf(other, 1),
            );
        },
    },
    Case {
        name: "nsips",
        source: |root| folder(root, Format::Nsips),
        put: |root, patient, version| {
            let change = if version == 1 { 'A' } else { 'U' };
            let text = samples::dispensing(FACILITY, patient, version, change);
            let path = root.join(format!("{patient}-{version}.txt"));
            write(path, samples::cp932(&text))
        },
        end: Some(|root, patient| {
            let text = samples::dispensing(FACILITY, patient, 9, 'D');
            let path = root.join(format!("{patient}-9.txt"));
            write(path, samples::cp932(&text));
        }),
        supersedes: true,
        has_end: false,
        in_place_of: |root, patient, other| {
            let text = samples::dispensing(FACILITY, other, 1, 'A');
            let path = root.join(format!("{patient}-1.txt"));
            write(path, samples::cp932(&text));
        },
    },
    Case {
        name: "uke",
        source: |root| folder(root, Format::Uke),
        put: |root, patient, version| {
            // The same month's claim, sent again with a later month's.
            let text = samples::claims(FACILITY, &[patient], 1);
            let text = text.replace(",202602,00,", &format!(",20260{version},00,"));
            let path = root.join(format!("{patient}-{version}.UKE"));
            write(path, samples::cp932(&text))
        },
        end: None,
        supersedes: true,
        has_end: true,
        in_place_of: |root, patient, other| {
            let text = samples::claims(FACILITY, &[other], 1);
            let path = root.join(format!("{patient}-1.UKE"));
            write(path, samples::cp932(&text));
        },
    },
    Case {
        name: "csv",
        source: |root| {
            let mapping = Mapping::parse(samples::MAPPING).unwrap();
            folder(root, Format::Csv(mapping.into()))
        },
        put: |root, patient, version| {
            let text = samples::vitals(FACILITY, &[patient]);
            let text = text.replace("10:00", &format!("10:0{version}"));
            let path = root.join(format!("{patient}-{version}.csv"));
            write(path, samples::cp932(&text))
        },
        end: Some(|root, patient| {
            let text = samples::vitals(FACILITY, &[patient]);
            let text = text.replace("10:00,0", "10:09,1");
            write(root.join(format!("{patient}-9.csv")), samples::cp932(&text));
        }),
        supersedes: true,
        has_end: false,
        in_place_of: |root, patient, other| {
            let text = samples::vitals(FACILITY, &[other]);
            write(root.join(format!("{patient}-1.csv")), samples::cp932(&text));
        },
    },
];
