//! An SS-MIX2 storage in a temporary folder.

use sekisho_ingest::{Source, SsMix2Storage};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A prescription for a patient, as a hospital's system writes it.
pub fn prescription(patient: &str, drug: &str) -> Vec<u8> {
    prescription_on("20260401", patient, drug)
}

fn prescription_on(day: &str, patient: &str, drug: &str) -> Vec<u8> {
    let lines = [
        "MSH|^~\\&|HIS|SEND|GW|RCV|20260401120000.12||RDE^O11|1|P|2.5||||||~ISO IR87||ISO 2022-1994".to_owned(),
        format!("PID|0001||{patient}^^^^PI||SEKISHO^TARO^^^^^L^A||19480405|M"),
        format!("ORC|NW|1||1|||||{day}103045||||||||01^NAIKA^99XY1"),
        format!("RXE||1^{drug}^HOT9|1||TAB^TAB^MR9P|||||15|TAB^TAB^MR9P"),
    ];
    format!("{}\r", lines.join("\r")).into_bytes()
}

fn day(order: u32) -> String {
    format!("202604{:02}", 1 + order % 28)
}

/// One hospital's storage.
pub struct Storage {
    pub source: SsMix2Storage,
}

impl Storage {
    pub fn new(below: &Path, source_id: &str, facility: &str) -> Self {
        let root = below.join(source_id);
        fs::create_dir(&root).unwrap();
        Self {
            source: SsMix2Storage {
                root,
                facility: facility.parse().unwrap(),
                source_id: source_id.parse().unwrap(),
            },
        }
    }

    /// It as a node is given it.
    pub fn of_node(&self) -> Arc<dyn Source> {
        Arc::new(self.source.clone())
    }

    /// Where a prescription of a patient lies.
    pub fn path(&self, patient: &str, order: u32) -> PathBuf {
        let (first, second) = (&patient[..3], &patient[3..6]);
        let day = day(order);
        self.source.root.join(format!(
            "{first}/{second}/{patient}/{day}/OMP-01/{patient}_{day}_OMP-01_{order:015}_{day}110000000_01_1"
        ))
    }

    /// Writes a prescription; its bytes.
    pub fn put(&self, patient: &str, order: u32) -> Vec<u8> {
        let bytes = prescription_on(&day(order), patient, &format!("DRUG {order}"));
        self.write(patient, order, &bytes);
        bytes
    }

    pub fn write(&self, patient: &str, order: u32, bytes: &[u8]) {
        let path = self.path(patient, order);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}
