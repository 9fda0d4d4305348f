//! A folder of one facility's files of one format, as a [`Source`].

use super::mapping::Mapping;
use super::pdf::Sidecar;
use super::scan::Scan;
use super::{
    Context, DIVIDED_BYTES_MAX, Found, cda, cda_patient, fhir, fhir_patient, nsips, pdf, refused,
    table, uke,
};
use crate::error::Error;
use crate::guard::WrongPatient;
use crate::name::Refusal;
use crate::report::{Progress, Report};
use crate::source::{Says, Source, Withheld, digest_of};
use sekisho_documents::{
    Checked, Contents, DocumentEntry, DocumentIndex, FILE_BYTES_MAX, LocalPatientId, OperatorText,
    Part, QuarantineReason, SourceId,
};
use sekisho_domain::{FacilityId, Hash};
use sekisho_identity::Demographics;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// Version of what these readers make of a file. Raise it whenever entries come out differently.
const READER_VERSION: u16 = 1;

/// One format of files.
#[derive(Debug, Clone)]
pub enum Format {
    /// HL7 FHIR documents and JP-CLINS collections, JSON.
    Fhir,
    /// HL7 CDA R2 documents.
    Cda,
    /// PDF, each with a sidecar.
    Pdf,
    /// NSIPS 01.06, in CP932.
    Nsips,
    /// UKE: medical fee claims, in CP932.
    Uke,
    /// CSV with a mapping.
    Csv(Arc<Mapping>),
}

impl Format {
    /// Its name in configurations.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Fhir => "fhir",
            Self::Cda => "cda",
            Self::Pdf => "pdf",
            Self::Nsips => "nsips",
            Self::Uke => "uke",
            Self::Csv(_) => "csv",
        }
    }

    /// Everything of its settings that entries depend on.
    fn settings(&self) -> Vec<u8> {
        match self {
            Self::Fhir | Self::Cda | Self::Pdf | Self::Nsips | Self::Uke => Vec::new(),
            Self::Csv(mapping) => mapping.digest().as_bytes().to_vec(),
        }
    }

    /// Largest file read.
    pub(crate) fn bytes_max(&self) -> u64 {
        match self {
            Self::Fhir | Self::Cda => FILE_BYTES_MAX,
            Self::Pdf => pdf::PDF_BYTES_MAX,
            Self::Nsips | Self::Uke | Self::Csv(_) => DIVIDED_BYTES_MAX,
        }
    }

    /// Whether each document has a sidecar beside it.
    pub(crate) fn has_sidecars(&self) -> bool {
        matches!(self, Self::Pdf)
    }

    /// The documents of a file's bytes.
    pub(crate) fn read(
        &self,
        context: Context<'_>,
        bytes: &[u8],
        sidecar: Option<&[u8]>,
    ) -> Result<Vec<Found>, Refusal> {
        if bytes.is_empty() {
            return Err(refused(QuarantineReason::TooShort));
        }
        match self {
            Self::Fhir => fhir::read(context, bytes),
            Self::Cda => cda::read(context, bytes),
            Self::Pdf => pdf::read(context, bytes, sidecar),
            Self::Nsips => nsips::read(context, bytes),
            Self::Uke => uke::read(context, bytes),
            Self::Csv(mapping) => table::read(context, mapping, bytes),
        }
    }
}

/// Whose a document is, or why it is refused.
pub type Whose = Result<LocalPatientId, QuarantineReason>;

/// The name of a document's sidecar.
pub(crate) fn sidecar_of(path: &str) -> String {
    format!("{path}.json")
}

/// A folder of files of one format, of one facility; folders in it are read too.
#[derive(Debug, Clone)]
pub struct FolderSource {
    /// The folder.
    pub root: PathBuf,
    /// Whose documents they are.
    pub facility: FacilityId,
    /// The node's name for it.
    pub source_id: SourceId,
    /// What its files are.
    pub format: Format,
    /// The system by which FHIR and CDA documents tell the facility's patients' numbers, where it is not the one of
    /// JP Core, `urn:oid:1.2.392.100495.20.3.51.1` and the facility's ten digits.
    pub patient_system: Option<String>,
}

impl FolderSource {
    pub(crate) fn context(&self) -> Context<'_> {
        Context {
            facility: &self.facility,
            patient_system: self.patient_system.as_deref(),
            is_part: false,
        }
    }

    /// What marks a file as read with these settings.
    pub(crate) fn reader(&self) -> u16 {
        let [first, second, ..] = self.digest().0;
        u16::from_be_bytes([first, second])
    }

    /// The documents a reader finds in a file's bytes: each one's place, and whose it is or why it is refused. What
    /// reading does with a file, without the file.
    ///
    /// # Errors
    /// Why the whole file is refused.
    pub fn documents_in(
        &self,
        bytes: &[u8],
        sidecar: Option<&[u8]>,
    ) -> Result<Vec<(Part, Whose)>, QuarantineReason> {
        let found = self.format.read(self.context(), bytes, sidecar);
        let found = found.map_err(|refusal| refusal.reason)?;
        let whose = found.into_iter().map(|found| match found.read {
            Ok(facts) => (found.part, Ok(facts.patient)),
            Err(refusal) => (found.part, Err(refusal.reason)),
        });
        Ok(whose.collect())
    }

    /// The guard on one document's bytes: they are one document, all of them, and this patient's.
    ///
    /// # Errors
    /// [`WrongPatient`] with the reason.
    pub fn one_patient(
        &self,
        patient: &LocalPatientId,
        bytes: &[u8],
        sidecar: Option<&[u8]>,
    ) -> Result<(), WrongPatient> {
        let context = Context {
            is_part: true,
            ..self.context()
        };
        let found = self.format.read(context, bytes, sidecar);
        let found = found.map_err(of_refusal)?;
        let [Found { part, read }] = found.as_slice() else {
            return Err(QuarantineReason::SeveralPatients.into());
        };
        if part.document_bytes() != bytes.len() as u64 {
            return Err(QuarantineReason::SeveralPatients.into());
        }
        match read {
            Ok(facts) if facts.patient == *patient => Ok(()),
            Ok(facts) => Err(WrongPatient {
                reason: QuarantineReason::MessagePatientMismatch,
                found: Some(OperatorText::new(facts.patient.as_str())),
            }),
            Err(refusal) => Err(of_refusal(refusal.clone())),
        }
    }

    /// What one document's bytes say of this patient; nothing where they are not shown to be the patient's, or the
    /// format says nothing of patients.
    pub fn demographics_of(&self, patient: &LocalPatientId, bytes: &[u8]) -> Option<Demographics> {
        self.one_patient(patient, bytes, None).ok()?;
        match &self.format {
            Format::Fhir => fhir_patient::demographics(bytes),
            Format::Cda => cda_patient::demographics(bytes),
            Format::Nsips => nsips::demographics(bytes),
            Format::Uke => uke::demographics(bytes),
            Format::Csv(mapping) => table::demographics(mapping, bytes),
            Format::Pdf => None,
        }
    }
}

fn of_refusal(refusal: Refusal) -> WrongPatient {
    WrongPatient {
        reason: refusal.reason,
        found: refusal.patients.message,
    }
}

impl Source for FolderSource {
    fn id(&self) -> &SourceId {
        &self.source_id
    }

    fn says_who(&self, _: &DocumentEntry) -> Option<Says> {
        match &self.format {
            // Each of these has its patient's own resource, or record, in it.
            Format::Fhir | Format::Cda | Format::Nsips => Some(Says::Document),
            Format::Uke => Some(Says::Claim),
            Format::Csv(mapping) => mapping.person.as_ref().map(|_| Says::Document),
            Format::Pdf => None,
        }
    }

    fn demographics(&self, entry: &DocumentEntry, bytes: &[u8]) -> Option<Demographics> {
        self.demographics_of(&entry.local_patient_id, bytes)
    }

    fn facility(&self) -> &FacilityId {
        &self.facility
    }

    fn kind(&self) -> &'static str {
        self.format.kind()
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
            self.patient_system
                .as_deref()
                .unwrap_or_default()
                .as_bytes(),
            &self.format.settings(),
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
        let mut report = Scan::new(self, index, progress)?.run()?;
        report.duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        tracing::info!(
            files = report.files,
            changed = report.changed,
            documents = report.documents(),
            quarantined = report.quarantined_total(),
            forgotten = report.forgotten,
            duration_ms = report.duration_ms,
            "ingested"
        );
        Ok(report)
    }

    /// Documents with sidecars name nobody themselves: of them the bytes alone never suffice.
    fn verify(&self, entry: &DocumentEntry, bytes: &[u8]) -> Result<(), WrongPatient> {
        self.one_patient(&entry.local_patient_id, bytes, None)
    }

    fn release(
        &self,
        contents: &Contents,
        entry: &DocumentEntry,
        from: u64,
    ) -> Result<Checked, Withheld> {
        let opened = contents.open(entry)?;
        if !self.format.has_sidecars() {
            let (checked, bytes) = opened.check_whole(from)?;
            self.verify(entry, &bytes)?;
            return Ok(checked);
        }
        let mut location = entry.location.file();
        location.path = sidecar_of(&location.path);
        let sidecar = contents.read(&location)?;
        let sidecar = Sidecar::parse(self.context(), &sidecar).map_err(of_refusal)?;
        if sidecar.patient != entry.local_patient_id {
            return Err(Withheld::Patient(WrongPatient {
                reason: QuarantineReason::MessagePatientMismatch,
                found: Some(OperatorText::new(sidecar.patient.as_str())),
            }));
        }
        if sidecar.sha256 != entry.hash {
            return Err(Withheld::Patient(QuarantineReason::SidecarMismatch.into()));
        }
        Ok(opened.check(from)?)
    }
}
