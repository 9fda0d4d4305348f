//! A storage in a temporary folder, written as a hospital's system writes one.

use crate::{Progress, Report, SsMix2Storage, ingest};
use encoding_rs::ISO_2022_JP;
use sekisho_documents::{
    DocumentIndex, LocalPatientId, MemoryIndex, Page, Patient, QuarantineReason, Query, Statuses,
};
use std::fs;
use std::path::PathBuf;

pub const PATIENT: &str = "0009013";

/// ISO-2022-JP, each line back in ASCII at its end.
pub fn encode(text: &str) -> Vec<u8> {
    let lines = text.split('\r').map(|line| {
        // The WHATWG table has the full-width tilde where JIS has the wave dash.
        let line = line.replace('〜', "～");
        let (bytes, _, unmappable) = ISO_2022_JP.encode(&line);
        assert!(!unmappable, "{line}");
        bytes.into_owned()
    });
    lines.collect::<Vec<_>>().join(&b'\r')
}

/// A message of a type for a patient, with the segments behind PID.
pub fn message(message_type: &str, patient: &str, segments: &[&str]) -> Vec<u8> {
    let mut lines = vec![
        format!(
            "MSH|^~\\&|HIS|SEND|GW|RCV|20260401120000.12||{message_type}|1|P|2.5||||||~ISO IR87||ISO 2022-1994"
        ),
        format!("PID|0001||{patient}^^^^PI||関所^太郎^^^^^L^I~セキショ^タロウ^^^^^L^P||19480405|M"),
    ];
    lines.extend(segments.iter().map(|s| (*s).to_owned()));
    encode(&format!("{}\r", lines.join("\r")))
}

/// A prescription of one drug.
pub fn prescription(patient: &str, drug: &str) -> Vec<u8> {
    let rxe = format!("RXE||1^{drug}^HOT9|1||TAB^錠^MR9P|||||15|TAB^錠^MR9P");
    message(
        "RDE^O11",
        patient,
        &["ORC|NW|1||1|||||20260401103045||||||||01^内科^99XY1", &rxe],
    )
}

/// The path of a prescription of [`PATIENT`] on 2026-04-01.
pub fn path(order: &str, occurred: &str, flag: u8) -> String {
    format!(
        "000/901/{PATIENT}/20260401/OMP-01/{PATIENT}_20260401_OMP-01_{order}_{occurred}_01_{flag}"
    )
}

pub const FIRST: &str = "20260401110000000";
pub const SECOND: &str = "20260401120000000";

pub struct Fixture {
    pub dir: tempfile::TempDir,
    pub storage: SsMix2Storage,
    pub index: Box<dyn DocumentIndex>,
}

impl Fixture {
    pub fn new() -> Self {
        Self::with(Box::new(MemoryIndex::default()))
    }

    pub fn with(index: Box<dyn DocumentIndex>) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("4111234567");
        fs::create_dir(&root).unwrap();
        let mut storage = SsMix2Storage::new(
            root,
            "4111234567".parse().unwrap(),
            "std01".parse().unwrap(),
        );
        // Tests act between one file and the next.
        storage.readers = 1;
        Self {
            dir,
            storage,
            index,
        }
    }

    pub fn full(&self, path: &str) -> PathBuf {
        self.storage.root.join(path)
    }

    pub fn write(&self, path: &str, bytes: &[u8]) {
        let full = self.full(path);
        fs::create_dir_all(full.parent().unwrap()).unwrap();
        fs::write(full, bytes).unwrap();
    }

    pub fn rename(&self, from: &str, to: &str) {
        fs::rename(self.full(from), self.full(to)).unwrap();
    }

    pub fn ingest(&self) -> Report {
        self.ingest_with(&mut |_| {})
    }

    /// Ingests and checks what holds after every ingest: the report is what the index holds, and a second run
    /// changes nothing.
    pub fn ingest_with(&self, progress: &mut dyn FnMut(Progress)) -> Report {
        let report = ingest(&self.storage, &*self.index, progress).unwrap();
        let counters = self.index.counters().unwrap();
        assert_eq!(
            (&report.kinds, &report.quarantined),
            (&counters.kinds, &counters.quarantined)
        );
        let again = ingest(&self.storage, &*self.index, &mut |_| {}).unwrap();
        assert_eq!(
            (again.changed, again.forgotten, again.vanished),
            (0, 0, 0),
            "a second run changes nothing"
        );
        assert_eq!(
            (&again.kinds, &again.quarantined),
            (&counters.kinds, &counters.quarantined)
        );
        report
    }

    pub fn find(&self, patient: &str, statuses: Statuses) -> Page {
        let local_patient_id: LocalPatientId = patient.parse().unwrap();
        let patient = Patient {
            facility: self.storage.facility.clone(),
            local_patient_id,
        };
        self.index
            .find(&Query {
                statuses,
                ..Query::of(patient)
            })
            .unwrap()
    }

    /// Documents answered for [`PATIENT`]: in force, and superseded.
    pub fn answered(&self) -> (usize, usize) {
        let in_force = self.find(PATIENT, Statuses::Approved).entries.len();
        let all = self
            .find(PATIENT, Statuses::ApprovedAndDeprecated)
            .entries
            .len();
        (in_force, all - in_force)
    }

    /// The operator's list as (file name, reason).
    pub fn quarantine(&self) -> Vec<(String, QuarantineReason)> {
        let list = self.index.quarantined(None, 1000).unwrap();
        list.into_iter()
            .map(|q| {
                (
                    q.location.path.rsplit('/').next().unwrap().to_owned(),
                    q.reason,
                )
            })
            .collect()
    }

    pub fn reasons(&self) -> Vec<QuarantineReason> {
        self.quarantine()
            .into_iter()
            .map(|(_, reason)| reason)
            .collect()
    }
}
