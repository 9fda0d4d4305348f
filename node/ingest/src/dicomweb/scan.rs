//! Brings an index up to date with a PACS: every study of its list, and forgets those that are not in it any more.

use super::client::Unanswered;
use super::study::{Study, first, is_uid};
use super::{DicomWebSource, STUDY_FIELDS, THUMBNAIL};
use crate::error::Error;
use crate::formats::{Confidentiality, Facts, entry};
use crate::report::{Progress, Report};
use sekisho_documents::{
    Availability, BATCH_CHANGES_MAX, Change, Code, Counters, Digests, DocumentIndex, FileOutcome,
    FileRecord, Fingerprint, LocalPatientId, OperatorText, PAGE_ENTRIES_MAX, QuarantineReason,
    SeenPatients, SourceLocation, Title,
};
use sekisho_domain::{Category, TimeMs};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// Studies asked for at a time.
const PAGE_STUDIES: usize = 100;
/// Most studies of a PACS: a large hospital makes some hundred thousand a year.
const STUDIES_MAX: usize = 4_000_000;
/// Most images of a series among which the middle one is looked for.
const IMAGES_MAX: usize = 1000;
/// Modalities that are no pictures of the patient.
const NO_PICTURES: [&str; 8] = ["SR", "PR", "KO", "DOC", "SEG", "RTSTRUCT", "RTPLAN", "ECG"];

pub(super) struct Scan<'a> {
    source: &'a DicomWebSource,
    index: &'a dyn DocumentIndex,
    progress: &'a mut dyn FnMut(Progress),
    report: Report,
    batch: Vec<Change>,
    /// Paths of studies met.
    met: BTreeSet<String>,
}

/// Whether a path is one that this makes: `studies/<uid>`, with or without `series/<uid>/instances/<uid>`.
pub(super) fn is_path(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        ["studies", study] => is_uid(study),
        ["studies", study, "series", series, "instances", image] => {
            is_uid(study) && is_uid(series) && is_uid(image)
        }
        _ => false,
    }
}

impl<'a> Scan<'a> {
    pub fn new(
        source: &'a DicomWebSource,
        index: &'a dyn DocumentIndex,
        progress: &'a mut dyn FnMut(Progress),
    ) -> Self {
        let report = Report::new(&source.source_id, &source.facility);
        Self {
            source,
            index,
            progress,
            report,
            batch: Vec::new(),
            met: BTreeSet::new(),
        }
    }

    pub fn run(mut self) -> Result<Report, Error> {
        loop {
            let offset = self.report.files;
            let page = format!("studies?limit={PAGE_STUDIES}&offset={offset}&{STUDY_FIELDS}");
            let studies = self.source.list(&page).map_err(|e| self.failed(&e))?;
            if studies.is_empty() {
                break;
            }
            (self.progress)(Progress::Listed {
                files: studies.len(),
            });
            for json in &studies {
                self.report.files += 1;
                self.study(Study::of(json))?;
            }
            if self.met.len() > STUDIES_MAX {
                return Err(Error::TooManyDocuments {
                    source_id: self.source.source_id.clone(),
                    max: STUDIES_MAX,
                });
            }
            let files = self.report.files;
            (self.progress)(Progress::Patient {
                patients: 0,
                files,
                quarantined: self.report.quarantined_total(),
            });
        }
        self.apply()?;
        self.settle()?;
        self.apply()?;
        self.index.flush()?;
        Ok(self.report)
    }

    /// A PACS that does not answer is a source that cannot be listed: nothing is forgotten.
    fn failed(&self, fault: &Unanswered) -> Error {
        Error::Pacs {
            source_id: self.source.source_id.clone(),
            reason: self.source.words(fault),
        }
    }

    fn study(&mut self, listed: Study) -> Result<(), Error> {
        let digest: [u8; 32] = Sha256::digest(listed.document()).into();
        let fingerprint = Fingerprint {
            size_bytes: listed.instances,
            modified_ns: digest.first_chunk().copied().map_or(0, i64::from_be_bytes),
            reader: super::READER_VERSION,
        };
        let path = if is_uid(&listed.uid) {
            format!("studies/{}", listed.uid)
        } else {
            let name = digest.iter().take(8).map(|b| format!("{b:02x}"));
            format!("unnamed/{}", name.collect::<String>())
        };
        let location = SourceLocation::new(self.source.source_id.clone(), path.clone())?;
        if !self.met.insert(path) {
            return self.of_one_uid(&listed, location);
        }
        let known = self.known(&location)?;
        let known = known.filter(|k| k.fingerprint == fingerprint);
        if known.as_ref().is_some_and(|k| !passes(&k.outcome)) {
            self.report.unchanged += 1;
            return Ok(());
        }
        let read = self.read(&listed, location.clone())?;
        if known.is_some_and(|k| read == [(location.clone(), k.outcome)]) {
            // It could not be read, and still cannot.
            self.report.unchanged += 1;
            return Ok(());
        }
        self.report.changed += 1;
        self.forget_below(&location)?;
        for (location, outcome) in read {
            self.change(Change::Put(FileRecord {
                location,
                fingerprint,
                outcome,
            }))?;
        }
        Ok(())
    }

    /// A study of a UID that was met. Where it is another patient's, the PACS would answer either when it is asked for
    /// the UID: so neither is answered. Where it is not, it moved in the list while that was read.
    fn of_one_uid(&mut self, listed: &Study, location: SourceLocation) -> Result<(), Error> {
        self.apply()?;
        let known = self.known(&location)?;
        let Some((known, FileOutcome::Document(entry))) =
            known.as_ref().map(|known| (known, &known.outcome))
        else {
            self.report.unchanged += 1;
            return Ok(());
        };
        if entry.local_patient_id.as_str() == listed.patient_id {
            self.report.unchanged += 1;
            return Ok(());
        }
        self.report.changed += 1;
        self.forget_below(&location)?;
        let outcome = refused(
            QuarantineReason::SeveralPatients,
            entry.local_patient_id.as_str(),
        );
        let fingerprint = known.fingerprint;
        self.change(Change::Put(FileRecord {
            location,
            fingerprint,
            outcome,
        }))
    }

    fn known(&self, location: &SourceLocation) -> Result<Option<FileRecord>, Error> {
        let found = self
            .index
            .files(&location.source_id, &location.path, None, 1)?;
        Ok(found.into_iter().find(|k| k.location == *location))
    }

    /// Forgets the thumbnails a study had.
    fn forget_below(&mut self, location: &SourceLocation) -> Result<(), Error> {
        let below = format!("{}/", location.path);
        let source_id = &location.source_id;
        let below = self
            .index
            .files(source_id, &below, None, PAGE_ENTRIES_MAX)?;
        for record in below {
            self.change(Change::Forget(record.location))?;
        }
        Ok(())
    }

    /// The documents of a study, or why it has none.
    fn read(
        &mut self,
        listed: &Study,
        location: SourceLocation,
    ) -> Result<Vec<(SourceLocation, FileOutcome)>, Error> {
        let refused = |location, reason| Ok(vec![(location, refused(reason, &listed.patient_id))]);
        let (patient, time) = match checked(listed) {
            Ok(checked) => checked,
            Err(reason) => return refused(location, reason),
        };
        let study = match self.source.study(&listed.uid) {
            // As it was listed: one that changes just now is read at the next ingest.
            Ok(study) if study.patient_id == listed.patient_id => study,
            Ok(_) => return refused(location, QuarantineReason::MessagePatientMismatch),
            Err(Unanswered::Several) => {
                return refused(location, QuarantineReason::SeveralPatients);
            }
            Err(_) => return refused(location, QuarantineReason::Unreadable),
        };
        let facts = study_facts(&study, patient, time);
        let bytes = study.document();
        self.report.read_bytes += bytes.len() as u64;
        let mut documents = vec![(location.clone(), self.document(&facts, &location, &bytes))];
        if let Some((path, bytes)) = thumbnail(self.source, &study) {
            self.report.read_bytes += bytes.len() as u64;
            let at = SourceLocation::new(location.source_id, path)?;
            let outcome = self.document(&thumbnail_facts(&facts), &at, &bytes);
            documents.push((at, outcome));
        }
        Ok(documents)
    }

    fn document(&self, facts: &Facts, at: &SourceLocation, bytes: &[u8]) -> FileOutcome {
        let (facility, digests) = (&self.source.facility, Digests::of(bytes));
        let approved = Availability::Approved;
        let entry = entry::entry(facts, facility, at.clone(), digests, approved);
        FileOutcome::Document(Box::new(entry))
    }

    /// Forgets what is of no study any more, and counts the rest.
    fn settle(&mut self) -> Result<(), Error> {
        let mut counters = Counters::default();
        let mut patients: BTreeSet<LocalPatientId> = BTreeSet::new();
        let mut after: Option<String> = None;
        loop {
            let source_id = &self.source.source_id;
            let page = self
                .index
                .files(source_id, "", after.as_deref(), PAGE_ENTRIES_MAX)?;
            after = page.last().map(|r| r.location.path.clone());
            let full = page.len() == PAGE_ENTRIES_MAX;
            for file in page {
                let mut parts = file.location.path.splitn(3, '/');
                let study = [parts.next(), parts.next()]
                    .map(Option::unwrap_or_default)
                    .join("/");
                if self.met.contains(&study) {
                    counters.add(&file.outcome);
                    if let FileOutcome::Document(entry) = &file.outcome {
                        patients.insert(entry.local_patient_id.clone());
                    }
                } else {
                    self.report.forgotten += 1;
                    self.change(Change::Forget(file.location))?;
                }
            }
            if !full {
                break;
            }
        }
        self.report.patients = patients.len() as u64;
        self.report.kinds = counters.kinds;
        self.report.quarantined = counters.quarantined;
        Ok(())
    }

    fn change(&mut self, change: Change) -> Result<(), Error> {
        if self.batch.len() == BATCH_CHANGES_MAX {
            self.apply()?;
        }
        self.batch.push(change);
        Ok(())
    }

    fn apply(&mut self) -> Result<(), Error> {
        if !self.batch.is_empty() {
            self.index.apply(&self.batch)?;
            self.batch.clear();
        }
        Ok(())
    }
}

/// A study kept back; of its patient, what it says.
fn refused(reason: QuarantineReason, patient: &str) -> FileOutcome {
    let patients = SeenPatients {
        message: Some(OperatorText::new(patient)),
        ..SeenPatients::default()
    };
    FileOutcome::Quarantined { reason, patients }
}

/// Whether a study was kept back for something its list need not show the end of.
fn passes(outcome: &FileOutcome) -> bool {
    use QuarantineReason::{SeveralPatients, Unreadable};
    matches!(
        outcome,
        FileOutcome::Quarantined {
            reason: Unreadable | SeveralPatients,
            ..
        }
    )
}

fn checked(study: &Study) -> Result<(LocalPatientId, TimeMs), QuarantineReason> {
    if !is_uid(&study.uid) {
        return Err(QuarantineReason::BadName);
    }
    if study.patient_id.is_empty() {
        return Err(QuarantineReason::NoPatient);
    }
    let patient = study
        .patient_id
        .parse()
        .map_err(|_| QuarantineReason::MissingValue)?;
    let time = study.time().ok_or(QuarantineReason::MissingValue)?;
    Ok((patient, time))
}

/// The middle image of the first series that has pictures: where it is, and the PACS' small rendering of it.
fn thumbnail(source: &DicomWebSource, study: &Study) -> Option<(String, Vec<u8>)> {
    let mut series = study.series.iter().filter(|s| is_uid(&s.uid));
    let series = series.find(|s| !NO_PICTURES.contains(&s.modality.as_str()))?;
    let below = format!("studies/{}/series/{}", study.uid, series.uid);
    let images = source
        .list(&format!("{below}/instances?limit={IMAGES_MAX}"))
        .ok()?;
    let mut images: Vec<(u64, String)> = images
        .iter()
        .map(|image| {
            (
                first(image, "00200013").parse().unwrap_or(0),
                first(image, "00080018"),
            )
        })
        .filter(|(_, uid)| is_uid(uid))
        .collect();
    images.sort();
    let (_, middle) = images.get(images.len() / 2)?;
    let path = format!("{below}/instances/{middle}");
    let bytes = source
        .get(&format!("{path}/{THUMBNAIL}"), "image/jpeg")
        .ok()?;
    bytes.starts_with(b"\xff\xd8").then_some((path, bytes))
}

fn study_facts(study: &Study, patient: LocalPatientId, time: TimeMs) -> Facts {
    let category = if study.modalities == ["ES"] {
        Category::Endoscopy
    } else {
        Category::Imaging
    };
    Facts {
        patient,
        category,
        data_kind: "DICOM-STUDY",
        type_code: Code::new(
            "18748-4",
            "http://loinc.org",
            "画像検査",
            "Diagnostic imaging study",
        ),
        format_code: Code::new(
            "urn:sekisho:dicom:study",
            "urn:sekisho:format",
            "DICOM検査の情報",
            "Facts of a DICOM study",
        ),
        mime_type: "application/json",
        title: Title::new(
            "画像検査（画像は所蔵施設にあります）",
            "Image study (the images stay where they are)",
        ),
        creation: time,
        service_start: time,
        service_stop: time,
        practice_setting: None,
        confidentiality: Confidentiality::Normal,
        series: study.uid.clone(),
        version: time.0,
        ends: false,
    }
}

fn thumbnail_facts(of: &Facts) -> Facts {
    Facts {
        data_kind: "DICOM-THUMBNAIL",
        format_code: Code::new(
            "urn:sekisho:dicom:thumbnail",
            "urn:sekisho:format",
            "縮小画像（診断用ではありません）",
            "Thumbnail (not for diagnosis)",
        ),
        mime_type: "image/jpeg",
        title: Title::new(
            "縮小画像（診断用ではありません）",
            "Thumbnail (not for diagnosis)",
        ),
        ..of.clone()
    }
}
