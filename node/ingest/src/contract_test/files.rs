//! The eight kinds of source that read a folder's files: how documents of each are written.

use super::{FACILITY, Held, Kind, ONE, OTHER, Place, holds};
use crate::fixture_test as ssmix2;
use crate::formats::samples_test as samples;
use crate::{FolderSource, Format, Layout, Mapping, QuarantineReason, Says, Source, SsMix2Storage};
use sekisho_documents::Statuses;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How documents of one kind are written to a folder.
struct Files {
    name: &'static str,
    source: fn(&Path) -> Box<dyn Source>,
    /// Writes a version of a patient's document; where to.
    put: fn(&Path, patient: &str, version: u8) -> PathBuf,
    /// Deletes it, if the kind has a way of its own.
    delete: Option<fn(&Path, patient: &str)>,
    says: Option<Says>,
    /// Whether the format says where a document ends.
    has_end: bool,
    /// Writes another patient's document in the place of this one's, as a careless system does.
    confuse: fn(&Path, patient: &str, other: &str),
}

/// Every file, and what is in it.
type Tree = BTreeMap<PathBuf, Vec<u8>>;

/// A folder of a test's own.
struct Folder {
    dir: tempfile::TempDir,
    files: &'static Files,
    /// Where each patient's first version is.
    first: RefCell<BTreeMap<String, PathBuf>>,
    /// What there was before each step.
    before: RefCell<Vec<Tree>>,
}

impl Folder {
    fn of(files: &'static Files) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("root")).unwrap();
        Self {
            dir,
            files,
            first: RefCell::default(),
            before: RefCell::default(),
        }
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    fn tree(&self) -> Tree {
        let (mut open, mut tree) = (vec![self.root()], Tree::new());
        while let Some(folder) = open.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => open.push(path),
                    false => drop(tree.insert(path.clone(), fs::read(path).unwrap())),
                }
            }
        }
        tree
    }

    fn step(&self) {
        let tree = self.tree();
        self.before.borrow_mut().push(tree);
    }

    fn first(&self, patient: &str) -> PathBuf {
        self.first.borrow()[patient].clone()
    }
}

/// Writes a file at a time none has been written at yet, so that it is told from what it was.
fn write_later(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
    let file = fs::OpenOptions::new().write(true).open(path).unwrap();
    file.set_modified(SystemTime::now() + Duration::from_secs(3))
        .unwrap();
}

impl Place for Folder {
    fn source(&self) -> Box<dyn Source> {
        (self.files.source)(&self.root())
    }

    fn put(&self, patient: &str, version: u8) {
        self.step();
        let path = (self.files.put)(&self.root(), patient, version);
        if version == 1 {
            self.first.borrow_mut().insert(patient.to_owned(), path);
        }
    }

    fn delete(&self, patient: &str) {
        self.step();
        (self.files.delete.unwrap())(&self.root(), patient);
    }

    fn undo(&self) {
        let (now, before) = (self.tree(), self.before.borrow_mut().pop().unwrap());
        for path in now.keys().filter(|path| !before.contains_key(*path)) {
            fs::remove_file(path).unwrap();
            // A content folder goes with its document.
            if path.parent() != Some(&self.root()) {
                let _ = fs::remove_dir(path.parent().unwrap());
            }
        }
        for (path, bytes) in before {
            if now.get(&path) != Some(&bytes) {
                write_later(&path, &bytes);
            }
        }
    }

    fn bytes(&self, patient: &str) -> Vec<u8> {
        fs::read(self.first(patient)).unwrap()
    }

    fn replace(&self, patient: &str, bytes: &[u8]) {
        self.step();
        write_later(&self.first(patient), bytes);
    }

    fn confuse(&self, patient: &str, other: &str) {
        self.step();
        (self.files.confuse)(&self.root(), patient, other);
        let path = self.first(patient);
        let bytes = fs::read(&path).unwrap();
        write_later(&path, &bytes);
    }

    fn astray(&self, path: &str) -> Vec<String> {
        ["../root/", "/", "./"]
            .map(|climb| format!("{climb}{path}"))
            .into()
    }

    fn away(&self) {
        fs::rename(self.root(), self.dir.path().join("away")).unwrap();
    }
}

fn holds_of(files: &'static Files) {
    let kind = Kind {
        name: files.name,
        supersedes: true,
        deletes: files.delete.is_some(),
        has_end: files.has_end,
        says: files.says,
        documents: 1,
    };
    let at = |place: &str| (files.source)(Path::new("/").join(place).as_path());
    holds(&kind, &at, &mut || Box::new(Folder::of(files)));
    no_link_is_followed(files);
}

/// Beyond the contract: what only a folder has.
fn no_link_is_followed(files: &'static Files) {
    let name = files.name;
    let outside = Folder::of(files);
    outside.put(ONE, 1);
    let folder = Folder::of(files);
    folder.put(OTHER, 1);
    let target = outside.first(ONE);
    let inside = folder
        .root()
        .join(target.strip_prefix(outside.root()).unwrap());
    fs::create_dir_all(inside.parent().unwrap()).unwrap();
    symlink(&target, &inside).unwrap();
    let held = Held::of(&folder);
    let report = held.ingest(name);
    // A content folder whose only document is such a link has no document.
    let reasons = report.quarantined.keys().copied();
    let reasons: Vec<_> = reasons
        .filter(|reason| *reason != QuarantineReason::NoMainDocument)
        .collect();
    assert_eq!(reasons, [QuarantineReason::EscapesRoot], "{name}");
    assert_eq!(
        held.found(ONE, Statuses::ApprovedAndDeprecated),
        [],
        "{name}"
    );
    // A real file, indexed, then replaced by the link.
    fs::remove_file(&inside).unwrap();
    folder.put(ONE, 1);
    held.ingest(name);
    let entry = held.found(ONE, Statuses::Approved)[0].clone();
    fs::remove_file(&inside).unwrap();
    symlink(&target, &inside).unwrap();
    assert!(held.release(&entry).is_err(), "{name}: through a link");
}

fn folder(root: &Path, format: Format) -> Box<dyn Source> {
    Box::new(FolderSource {
        root: root.to_owned(),
        facility: FACILITY.parse().unwrap(),
        source_id: "s".parse().unwrap(),
        format,
        patient_system: None,
    })
}

fn ssmix2_source(root: &Path, layout: Layout) -> Box<dyn Source> {
    let (facility, source_id) = (FACILITY.parse().unwrap(), "s".parse().unwrap());
    let mut storage = SsMix2Storage::new(root.to_owned(), facility, source_id);
    storage.layout = layout;
    Box::new(storage)
}

fn write(path: PathBuf, bytes: impl AsRef<[u8]>) -> PathBuf {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

fn ssmix2_path(root: &Path, patient: &str, version: u8, flag: u8) -> PathBuf {
    let (first, second) = (&patient[..3], &patient[3..6]);
    root.join(format!(
        "{first}/{second}/{patient}/20260401/OMP-01/{patient}_20260401_OMP-01_000000000000001_2026040{version}110000000_01_{flag}"
    ))
}

/// A content folder of extended storage.
fn extended_path(root: &Path, patient: &str, version: u8, flag: u8) -> PathBuf {
    let (first, second) = (&patient[..3], &patient[3..6]);
    let kind = "^サマリ^^18842-5^退院時サマリー^LN";
    root.join(format!(
        "{first}/{second}/{patient}/20260401/{kind}/{patient}_20260401_{kind}_K1_2026040{version}110000000_01_{flag}"
    ))
}

static SS_MIX2_STANDARDISED: Files = Files {
    name: "ss-mix2-standardised",
    source: |root| ssmix2_source(root, Layout::Standardised),
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
    delete: Some(|root, patient| {
        let from = ssmix2_path(root, patient, 1, 1);
        fs::rename(from, ssmix2_path(root, patient, 1, 0)).unwrap();
    }),
    says: None,
    has_end: false,
    confuse: |root, patient, other| {
        let bytes = ssmix2::prescription(other, "DRUG 1");
        write(ssmix2_path(root, patient, 1, 1), bytes);
    },
};

static SS_MIX2_EXTENDED: Files = Files {
    name: "ss-mix2-extended",
    source: |root| ssmix2_source(root, Layout::Extended),
    put: |root, patient, version| {
        let before = extended_path(root, patient, version - 1, 1);
        if before.exists() {
            fs::rename(&before, extended_path(root, patient, version - 1, 2)).unwrap();
        }
        let text = samples::summary(FACILITY, patient, version);
        let folder = extended_path(root, patient, version, 1);
        write(folder.join("main_document.xml"), text)
    },
    delete: Some(|root, patient| {
        let from = extended_path(root, patient, 1, 1);
        fs::rename(from, extended_path(root, patient, 1, 0)).unwrap();
    }),
    says: None,
    has_end: true,
    confuse: |root, patient, other| {
        let text = samples::summary(FACILITY, other, 1);
        let folder = extended_path(root, patient, 1, 1);
        write(folder.join("main_document.xml"), text);
    },
};

static FHIR: Files = Files {
    name: "fhir",
    source: |root| folder(root, Format::Fhir),
    put: |root, patient, version| {
        let bundle = samples::referral(FACILITY, patient, version);
        write(root.join(format!("2026/{patient}-{version}.json")), bundle)
    },
    delete: Some(|root, patient| {
        let bundle = samples::referral(FACILITY, patient, 9);
        let ended = bundle.replace("\"status\":\"final\"", "\"status\":\"entered-in-error\"");
        write(root.join(format!("2026/{patient}-9.json")), ended);
    }),
    says: Some(Says::Document),
    has_end: true,
    confuse: |root, patient, other| {
        let bundle = samples::referral(FACILITY, other, 1);
        write(root.join(format!("2026/{patient}-1.json")), bundle);
    },
};

static CDA: Files = Files {
    name: "cda",
    source: |root| folder(root, Format::Cda),
    put: |root, patient, version| {
        let text = samples::summary(FACILITY, patient, version);
        write(root.join(format!("{patient}-{version}.xml")), text)
    },
    delete: None,
    says: Some(Says::Document),
    has_end: true,
    confuse: |root, patient, other| {
        let text = samples::summary(FACILITY, other, 1);
        write(root.join(format!("{patient}-1.xml")), text);
    },
};

static PDF: Files = Files {
    name: "pdf",
    source: |root| folder(root, Format::Pdf),
    put: |root, patient, version| {
        let bytes = samples::pdf(patient, version);
        let sidecar = samples::sidecar(FACILITY, patient, version, &bytes);
        let path = root.join(format!("{patient}-{version}.pdf"));
        write(path.with_extension("pdf.json"), sidecar);
        write(path, bytes)
    },
    delete: Some(|root, patient| {
        let bytes = samples::pdf(patient, 1);
        let sidecar = samples::sidecar(FACILITY, patient, 1, &bytes);
        let ended = sidecar.replace("\"final\"", "\"deleted\"");
        let ended = ended.replace("2026-04-01T", "2026-04-02T");
        write(root.join(format!("{patient}-9.pdf.json")), ended);
        write(root.join(format!("{patient}-9.pdf")), bytes);
    }),
    says: None,
    has_end: true,
    // Over the PDF only, as a careless copy does; its sidecar still says the first patient.
    confuse: |root, patient, other| {
        write(
            root.join(format!("{patient}-1.pdf")),
            samples::pdf(other, 1),
        );
    },
};

static NSIPS: Files = Files {
    name: "nsips",
    source: |root| folder(root, Format::Nsips),
    put: |root, patient, version| {
        let change = if version == 1 { 'A' } else { 'U' };
        let text = samples::dispensing(FACILITY, patient, version, change);
        let path = root.join(format!("{patient}-{version}.txt"));
        write(path, samples::cp932(&text))
    },
    delete: Some(|root, patient| {
        let text = samples::dispensing(FACILITY, patient, 9, 'D');
        let path = root.join(format!("{patient}-9.txt"));
        write(path, samples::cp932(&text));
    }),
    says: Some(Says::Document),
    has_end: false,
    confuse: |root, patient, other| {
        let text = samples::dispensing(FACILITY, other, 1, 'A');
        let path = root.join(format!("{patient}-1.txt"));
        write(path, samples::cp932(&text));
    },
};

static UKE: Files = Files {
    name: "uke",
    source: |root| folder(root, Format::Uke),
    put: |root, patient, version| {
        // The same month's claim, sent again with a later month's.
        let text = samples::claims(FACILITY, &[patient], 1);
        let text = text.replace(",202602,00,", &format!(",20260{version},00,"));
        let path = root.join(format!("{patient}-{version}.UKE"));
        write(path, samples::cp932(&text))
    },
    delete: None,
    says: Some(Says::Claim),
    has_end: true,
    confuse: |root, patient, other| {
        let text = samples::claims(FACILITY, &[other], 1);
        let path = root.join(format!("{patient}-1.UKE"));
        write(path, samples::cp932(&text));
    },
};

/// The same with columns that say who the patient is.
fn of_persons(text: &str) -> String {
    let person = "[person]\nkanji = \"氏名\"\nbirth = \"生年月日\"\n";
    text.replace("\"削除\"]", "\"削除\", \"氏名\", \"生年月日\"]")
        .replace("value = \"1\" }\n", &format!("value = \"1\" }}\n{person}"))
        .replace("削除\r\n", "削除,氏名,生年月日\r\n")
        .replace(",0\r\n", ",0,関所　太郎,19480405\r\n")
        .replace(",1\r\n", ",1,関所　太郎,19480405\r\n")
}

static CSV: Files = Files {
    name: "csv",
    source: |root| {
        let mapping = Mapping::parse(&of_persons(samples::MAPPING)).unwrap();
        folder(root, Format::Csv(mapping.into()))
    },
    put: |root, patient, version| {
        let text = samples::vitals(FACILITY, &[patient]);
        let text = text.replace("10:00", &format!("10:0{version}"));
        let path = root.join(format!("{patient}-{version}.csv"));
        write(path, samples::cp932(&of_persons(&text)))
    },
    delete: Some(|root, patient| {
        let text = samples::vitals(FACILITY, &[patient]);
        let text = text.replace("10:00,0", "10:09,1");
        write(
            root.join(format!("{patient}-9.csv")),
            samples::cp932(&of_persons(&text)),
        );
    }),
    says: Some(Says::Document),
    has_end: false,
    confuse: |root, patient, other| {
        let text = samples::vitals(FACILITY, &[other]);
        write(
            root.join(format!("{patient}-1.csv")),
            samples::cp932(&of_persons(&text)),
        );
    },
};

#[test]
fn ss_mix2_standardised() {
    holds_of(&SS_MIX2_STANDARDISED);
}

#[test]
fn ss_mix2_extended() {
    holds_of(&SS_MIX2_EXTENDED);
}

#[test]
fn fhir() {
    holds_of(&FHIR);
}

#[test]
fn cda() {
    holds_of(&CDA);
}

#[test]
fn pdf() {
    holds_of(&PDF);
}

#[test]
fn nsips() {
    holds_of(&NSIPS);
}

#[test]
fn uke() {
    holds_of(&UKE);
}

#[test]
fn csv() {
    holds_of(&CSV);
}

#[test]
fn no_two_kinds_have_one_digest() {
    let kinds = [
        &SS_MIX2_STANDARDISED,
        &SS_MIX2_EXTENDED,
        &FHIR,
        &CDA,
        &PDF,
        &NSIPS,
        &UKE,
        &CSV,
    ];
    let digests = kinds.map(|kind| (kind.source)(Path::new("/a")).digest());
    let digests: std::collections::BTreeSet<_> = digests.into_iter().collect();
    assert_eq!(digests.len(), kinds.len());
}
