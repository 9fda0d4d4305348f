//! Image studies of a PACS, through DICOMweb. The images stay there: of each study the index knows two documents, its
//! facts and, where the PACS renders one, a thumbnail; both are fetched again when they are released.
//!
//! ```text
//! QIDO-RS  GET studies?…             every study: unchanged, or its facts and where its thumbnail is
//! release  GET studies?StudyInstanceUID=…, …/series     the facts again: the hash indexed, and the patient indexed
//!          GET …/rendered?viewport=…                    the thumbnail again: the hash indexed
//! ```
//! Sources: DICOM PS3.18 §10.4 (WADO-RS, rendered resources), §10.6 (QIDO-RS).

mod client;
#[cfg(test)]
mod dicomweb_test;
#[cfg(test)]
mod pacs_test;
#[cfg(test)]
mod place_test;
#[cfg(test)]
mod relay_test;
mod scan;
mod study;

pub use client::{Login, ServiceRoot, Trust};

use crate::error::Error;
use crate::formats::json::Json;
use crate::guard::WrongPatient;
use crate::report::{Progress, Report};
use crate::source::{Source, Withheld, digest_of};
use client::{Unanswered, get};
use sekisho_documents::{
    Checked, Contents, ContentsError, DocumentEntry, DocumentIndex, Opened, OperatorText,
    QuarantineReason, SourceId,
};
use sekisho_domain::{FacilityId, Hash};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};
use study::{Series, Study};

/// Version of what this reader makes of a study.
const READER_VERSION: u16 = 1;
const DICOM_JSON: &str = "application/dicom+json";
/// Pause between two lists of all studies: a large PACS answers thousands of pages for one.
const LIST_PAUSE: Duration = Duration::from_secs(15 * 60);
/// Widest and highest a thumbnail is asked for, in pixels: to recognise a study by, not to read it.
const THUMBNAIL: &str = "rendered?viewport=256,256";
/// What is asked for of studies and series beyond what every PACS tells.
const STUDY_FIELDS: &str = "includefield=00081030,00080061,00201208,00100040,00100030";
const SERIES_FIELDS: &str = "includefield=0008103E,00180015,00201209";

/// The studies of one facility's PACS.
#[derive(Debug, Clone)]
pub struct DicomWebSource {
    /// Where it answers.
    pub service: ServiceRoot,
    /// Whose certificates it may have; needed where it answers over TLS.
    pub trust: Option<Trust>,
    /// As whom it is asked, where it asks.
    pub login: Option<Login>,
    /// Whose studies they are.
    pub facility: FacilityId,
    /// The node's name for it.
    pub source_id: SourceId,
}

impl DicomWebSource {
    fn get(&self, below: &str, accept: &'static str) -> Result<Vec<u8>, Unanswered> {
        let (trust, login) = (self.trust.as_ref(), self.login.as_ref());
        get(&self.service, trust, login, below, accept)
    }

    /// Which PACS, and what it does.
    fn words(&self, fault: &Unanswered) -> String {
        format!("the PACS at {} {fault}", self.service)
    }

    /// A list of QIDO-RS; an empty answer is an empty list.
    fn list(&self, below: &str) -> Result<Vec<Json>, Unanswered> {
        let bytes = self.get(below, DICOM_JSON)?;
        if bytes.is_empty() {
            return Ok(Vec::new());
        }
        match Json::parse(&bytes) {
            Ok(Json::List(list)) => Ok(list),
            Ok(_) => Err(Unanswered::Garbled("not-a-list")),
            Err(reason) => Err(Unanswered::Garbled(reason.code())),
        }
    }

    /// A study with its series, as the PACS tells them now.
    fn study(&self, uid: &str) -> Result<Study, Unanswered> {
        let found = self.list(&format!("studies?StudyInstanceUID={uid}&{STUDY_FIELDS}"))?;
        let mut studies = found.iter().map(Study::of).filter(|study| study.uid == uid);
        let mut study = studies.next().ok_or(Unanswered::Absent)?;
        if studies.next().is_some() {
            return Err(Unanswered::Several);
        }
        let series = self.list(&format!("studies/{uid}/series?{SERIES_FIELDS}"))?;
        study.series = series.iter().map(Series::of).collect();
        study.series.sort();
        Ok(study)
    }
}

impl Source for DicomWebSource {
    fn id(&self) -> &SourceId {
        &self.source_id
    }

    fn facility(&self) -> &FacilityId {
        &self.facility
    }

    fn kind(&self) -> &'static str {
        "dicomweb"
    }

    fn root(&self) -> Option<&Path> {
        None
    }

    fn pause(&self) -> Duration {
        LIST_PAUSE
    }

    fn digest(&self) -> Hash {
        digest_of(&[
            self.kind().as_bytes(),
            &READER_VERSION.to_be_bytes(),
            self.source_id.as_str().as_bytes(),
            self.facility.as_str().as_bytes(),
            self.service.to_string().as_bytes(),
        ])
    }

    fn ingest(
        &self,
        index: &dyn DocumentIndex,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Report, Error> {
        let started = Instant::now();
        let span = tracing::info_span!("ingest", source = %self.source_id, kind = self.kind());
        let _entered = span.enter();
        let mut report = scan::Scan::new(self, index, progress).run()?;
        report.duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(report)
    }

    /// The facts of a study name the patient; a thumbnail names nobody, so of it the bytes alone never suffice.
    fn verify(&self, entry: &DocumentEntry, bytes: &[u8]) -> Result<(), WrongPatient> {
        let facts = Json::parse(bytes)?;
        same_patient(entry, facts.text("patientID"))
    }

    fn release(
        &self,
        _contents: &Contents,
        entry: &DocumentEntry,
        from: u64,
    ) -> Result<Checked, Withheld> {
        let location = &entry.location;
        let failed = |fault: Unanswered| match fault {
            Unanswered::Absent => ContentsError::Vanished(location.clone()),
            fault => ContentsError::Io {
                location: location.clone(),
                source: io::Error::other(self.words(&fault)),
            },
        };
        let below = location.path.strip_prefix("studies/");
        let below = below.ok_or_else(|| ContentsError::Escapes(location.clone()))?;
        let (uid, rest) = below.split_once('/').unwrap_or((below, ""));
        if !scan::is_path(&location.path) {
            return Err(ContentsError::Escapes(location.clone()).into());
        }
        // Whose study it is now, whatever of it is asked for.
        let study = self.study(uid).map_err(failed)?;
        same_patient(entry, &study.patient_id)?;
        let bytes = if rest.is_empty() {
            study.document()
        } else {
            let at = format!("{}/{THUMBNAIL}", location.path);
            self.get(&at, "image/jpeg").map_err(failed)?
        };
        if bytes.len() as u64 != entry.size_bytes {
            return Err(ContentsError::Changed(location.clone()).into());
        }
        Ok(Opened::fetched(bytes, entry).check(from)?)
    }
}

fn same_patient(entry: &DocumentEntry, found: &str) -> Result<(), WrongPatient> {
    match found {
        "" => Err(QuarantineReason::NoPatient.into()),
        id if id == entry.local_patient_id.as_str() => Ok(()),
        id => Err(WrongPatient {
            reason: QuarantineReason::MessagePatientMismatch,
            found: Some(OperatorText::new(id)),
        }),
    }
}
