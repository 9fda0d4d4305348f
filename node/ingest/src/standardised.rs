//! SS-MIX2 standardised storage as a [`Source`].

use crate::error::Error;
use crate::guard::{WrongPatient, verify_patient};
use crate::ingest::{READER_VERSION, SsMix2Storage, ingest};
use crate::report::{Progress, Report};
use crate::source::{Source, Withheld, digest_of};
use sekisho_documents::{Checked, Contents, DocumentEntry, DocumentIndex, SourceId};
use sekisho_domain::{FacilityId, Hash};
use std::path::Path;

/// How the format codes of SS-MIX2's standardised storage begin.
const STANDARDISED: &str = "urn:jami:ss-mix2:standardised:";

impl Source for SsMix2Storage {
    fn id(&self) -> &SourceId {
        &self.source_id
    }

    fn facility(&self) -> &FacilityId {
        &self.facility
    }

    fn kind(&self) -> &'static str {
        "ss-mix2-standardised"
    }

    fn root(&self) -> Option<&Path> {
        Some(&self.root)
    }

    fn digest(&self) -> Hash {
        digest_of(&[
            self.kind().as_bytes(),
            &READER_VERSION.to_be_bytes(),
            self.source_id.as_str().as_bytes(),
            self.facility.as_str().as_bytes(),
            self.root.as_os_str().as_encoded_bytes(),
        ])
    }

    fn ingest(
        &self,
        index: &dyn DocumentIndex,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Report, Error> {
        ingest(self, index, progress)
    }

    fn verify(&self, entry: &DocumentEntry, bytes: &[u8]) -> Result<(), WrongPatient> {
        verify_patient(bytes, &entry.local_patient_id)
    }

    /// A message names its patient itself, so it is read whole, once, and let go of again. What else a storage may
    /// hold one day names nobody; there the path does.
    fn release(
        &self,
        contents: &Contents,
        entry: &DocumentEntry,
        from: u64,
    ) -> Result<Checked, Withheld> {
        if !path_names_patient(entry) {
            return Err(Withheld::Path);
        }
        let opened = contents.open(entry)?;
        if !is_message(entry) {
            return Ok(opened.check(from)?);
        }
        let (checked, bytes) = opened.check_whole(from)?;
        self.verify(entry, &bytes)?;
        Ok(checked)
    }
}

/// Whether a document is an HL7 v2 message: by its media type, whose parameters do not count, and all of SS-MIX2's
/// standardised storage, whatever is said of it.
fn is_message(entry: &DocumentEntry) -> bool {
    let essence = entry.mime_type.split(';').next().unwrap_or_default();
    let known = ["application/hl7-v2", "x-application/hl7-v2+er7"];
    known
        .iter()
        .any(|kind| essence.trim().eq_ignore_ascii_case(kind))
        || entry.format_code.code.starts_with(STANDARDISED)
}

/// SS-MIX2 standardised storage names the patient twice in a path: `…/<患者ID>/<診療日>/<データ種別>/<患者ID>_…`.
fn path_names_patient(entry: &DocumentEntry) -> bool {
    let id = entry.local_patient_id.as_str();
    let mut parts = entry.location.path.rsplit('/');
    let file = parts.next().unwrap_or_default();
    let folder = parts.nth(2).unwrap_or_default();
    folder == id
        && file
            .strip_prefix(id)
            .is_some_and(|rest| rest.starts_with('_'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture_test::{FIRST, Fixture, PATIENT, path, prescription};

    #[test]
    fn the_path_must_name_the_patient_in_both_places() {
        let cases = [
            (
                "000/901/0009013/20260401/OMP-01/0009013_20260401_OMP-01_1_1_1",
                true,
            ),
            (
                "000/901/0009014/20260401/OMP-01/0009013_20260401_OMP-01_1_1_1",
                false,
            ),
            (
                "000/901/0009013/20260401/OMP-01/0009014_20260401_OMP-01_1_1_1",
                false,
            ),
            (
                "000/901/0009013/20260401/OMP-01/00090130_20260401_OMP-01_1_1_1",
                false,
            ),
            ("0009013_1", false),
            ("", false),
        ];
        let fixture = Fixture::new();
        fixture.write(&path("1", FIRST, 1), &prescription(PATIENT, "DRUG"));
        fixture.ingest();
        let found = fixture.find(PATIENT, sekisho_documents::Statuses::Approved);
        for (path, names) in cases {
            let mut entry = found.entries[0].clone();
            entry.location.path = path.to_owned();
            assert_eq!(path_names_patient(&entry), names, "{path}");
        }
    }
}
