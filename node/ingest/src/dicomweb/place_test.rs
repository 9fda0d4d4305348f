//! A PACS as a place of the contract every source is held to. What is damaged there is what it answers.

use super::pacs_test::{Pacs, image};
use super::relay_test::{Passes, Relay};
use super::{DICOM_JSON, DicomWebSource, STUDY_FIELDS};
use crate::Source;
use crate::contract_test::{Kind, ONE, Place, holds};
use std::cell::RefCell;

/// What was done, so that it can be undone.
enum Step {
    Put(String),
    Deleted(Vec<u8>),
    Replaced,
}

struct Studies<'p> {
    pacs: &'p Pacs,
    relay: Relay,
    steps: RefCell<Vec<Step>>,
}

/// The number of the one study of a patient.
fn study_of(patient: &str) -> u32 {
    if patient == ONE { 1 } else { 2 }
}

fn first_image(patient: &str, study: u32) -> Vec<u8> {
    image(patient, study, 1, 1)
}

/// How the study is asked for.
fn asked(patient: &str) -> String {
    let uid = format!("1.2.826.0.1.3680043.10.9999.1.{}.0", study_of(patient));
    format!("studies?StudyInstanceUID={uid}&{STUDY_FIELDS}")
}

impl Studies<'_> {
    fn step(&self, step: Step) {
        self.steps.borrow_mut().push(step);
    }

    fn read(&self) -> DicomWebSource {
        let authority = self.relay.address.to_string();
        self.pacs.source_at("http", &authority, None)
    }

    /// Deletes the study of a patient's first image.
    fn gone(&self, patient: &str) -> Vec<u8> {
        let first = first_image(patient, study_of(patient));
        let stored = self.pacs.put(&first);
        let study = stored["ParentStudy"].as_str().unwrap();
        self.pacs.delete(&format!("/studies/{study}"));
        first
    }
}

impl Place for Studies<'_> {
    fn source(&self) -> Box<dyn Source> {
        Box::new(self.read())
    }

    fn put(&self, patient: &str, version: u8) {
        let shade = version + 4 * study_of(patient) as u8;
        let number = version.into();
        let image = match version {
            1 => first_image(patient, study_of(patient)),
            _ => image(patient, study_of(patient), number, shade),
        };
        let stored = self.pacs.put(&image);
        self.step(Step::Put(stored["ID"].as_str().unwrap().to_owned()));
    }

    fn delete(&self, patient: &str) {
        let first = self.gone(patient);
        self.step(Step::Deleted(first));
    }

    fn undo(&self) {
        match self.steps.borrow_mut().pop().unwrap() {
            Step::Put(image) => self.pacs.delete(&format!("/instances/{image}")),
            Step::Deleted(image) => drop(self.pacs.put(&image)),
            Step::Replaced => self.relay.set(Passes::All),
        }
    }

    fn bytes(&self, patient: &str) -> Vec<u8> {
        self.read().get(&asked(patient), DICOM_JSON).unwrap()
    }

    fn replace(&self, patient: &str, bytes: &[u8]) {
        let path = format!("/dicom-web/{}", asked(patient));
        self.relay.set(Passes::But(path, bytes.to_vec()));
        self.step(Step::Replaced);
    }

    fn confuse(&self, patient: &str, other: &str) {
        self.gone(patient);
        self.pacs.put(&first_image(other, study_of(patient)));
    }

    fn astray(&self, path: &str) -> Vec<String> {
        ["studies/../../instances", "instances", "studies"]
            .map(str::to_owned)
            .into_iter()
            .chain(["/series", "?x=y", "/../1", "/"].map(|end| format!("{path}{end}")))
            .collect()
    }

    fn away(&self) {
        self.relay.set(Passes::Nothing);
    }
}

#[test]
fn dicomweb() {
    let Some(pacs) = Pacs::start() else {
        return;
    };
    let kind = Kind {
        name: "dicomweb",
        // A study that grew is another document.
        supersedes: false,
        deletes: true,
        has_end: true,
        // It names its patient, but is not fetched for that.
        says: None,
        // Facts and a thumbnail.
        documents: 2,
    };
    let at = |place: &str| -> Box<dyn Source> {
        Box::new(pacs.source_at("http", &format!("{place}:80"), None))
    };
    holds(&kind, &at, &mut || {
        pacs.clear();
        Box::new(Studies {
            pacs: &pacs,
            relay: Relay::before(pacs.address),
            steps: RefCell::default(),
        })
    });
}
