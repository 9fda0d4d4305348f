//! SS-MIX2 storage, standardised or extended, as a [`Source`].

use crate::error::Error;
use crate::guard::WrongPatient;
use crate::ingest::ingest;
use crate::release::{names_itself, path_names_patient, verify_document};
use crate::report::{Progress, Report};
use crate::source::{Source, Withheld, digest_of};
use crate::storage::{Layout, READER_VERSION, SsMix2Storage};
use sekisho_documents::{Checked, Contents, DocumentEntry, DocumentIndex, SourceId};
use sekisho_domain::{FacilityId, Hash};
use std::path::Path;

impl Source for SsMix2Storage {
    fn id(&self) -> &SourceId {
        &self.source_id
    }

    fn facility(&self) -> &FacilityId {
        &self.facility
    }

    fn kind(&self) -> &'static str {
        match self.layout {
            Layout::Standardised => "ss-mix2-standardised",
            Layout::Extended => "ss-mix2-extended",
        }
    }

    fn storage(&self) -> Option<&SsMix2Storage> {
        Some(self)
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
            &self.settings(),
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
        verify_document(entry, bytes)
    }

    /// A message or a CDA document names its patient itself, so it is read whole, once, and let go of again. What else a
    /// storage holds names nobody; there the path does.
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
        if !names_itself(entry) {
            return Ok(opened.check(from)?);
        }
        let (checked, bytes) = opened.check_whole(from)?;
        self.verify(entry, &bytes)?;
        Ok(checked)
    }
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
