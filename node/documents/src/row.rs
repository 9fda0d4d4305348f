//! A file's record as sled has it: without what its key says, and without what many records have alike.

use crate::common::{Alike, Common};
use crate::digest::PieceHashes;
use crate::layout::location_of;
use crate::{
    Availability, Code, DocumentEntry, Error, FileOutcome, FileRecord, Fingerprint, LocalPatientId,
    Title, UniqueId,
};
use sekisho_domain::{Category, FacilityId, Hash, TimeMs};
use serde::{Deserialize, Serialize};

/// The value of a file's row.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct FileRow {
    /// By which other rows name the file.
    pub number: u64,
    fingerprint: Fingerprint,
    outcome: OutcomeRow,
}

#[derive(Debug, Serialize, Deserialize)]
enum OutcomeRow {
    Document(DocumentRow),
    Other(FileOutcome),
}

/// A document's own attributes. Where it is, the key says.
#[derive(Debug, Serialize, Deserialize)]
struct DocumentRow {
    kind: Alike,
    place: Alike,
    unique_id: UniqueId,
    local_patient_id: LocalPatientId,
    creation: TimeMs,
    service_start: TimeMs,
    service_stop: TimeMs,
    hash: Hash,
    size_bytes: u64,
    pieces: PieceHashes,
    status: Availability,
}

/// What documents of one kind have alike.
#[derive(Debug, Serialize, Deserialize)]
struct Kind {
    data_kind: String,
    category: Category,
    class_code: Code,
    type_code: Code,
    format_code: Code,
    mime_type: String,
    language: String,
    confidentiality: Code,
    title: Title,
}

/// What documents of one department have alike.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    facility: FacilityId,
    practice_setting: Option<Code>,
}

impl FileRow {
    /// The row of a record, whose alike parts are taken up where they are new. A document's own location is its record's.
    ///
    /// # Errors
    /// [`Error::Encode`].
    pub fn encode(number: u64, record: FileRecord, common: &mut Common) -> Result<Vec<u8>, Error> {
        let outcome = match record.outcome {
            FileOutcome::Document(entry) => OutcomeRow::Document(document(*entry, common)?),
            other => OutcomeRow::Other(other),
        };
        let row = Self {
            number,
            fingerprint: record.fingerprint,
            outcome,
        };
        postcard::to_allocvec(&row).map_err(Error::Encode)
    }

    /// # Errors
    /// [`Error::Corrupt`].
    pub fn decode(row: &[u8]) -> Result<Self, Error> {
        postcard::from_bytes(row).map_err(|_| Error::Corrupt {
            what: "file record",
        })
    }

    /// The record of the file with this key.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub fn record(self, file_key: &[u8], common: &Common) -> Result<FileRecord, Error> {
        let location = location_of(file_key)?;
        let outcome = match self.outcome {
            OutcomeRow::Document(row) => {
                FileOutcome::Document(Box::new(row.entry(location.clone(), common)?))
            }
            OutcomeRow::Other(other) => other,
        };
        Ok(FileRecord {
            location,
            fingerprint: self.fingerprint,
            outcome,
        })
    }

    /// The numbers of the parts that are kept once.
    pub fn kept(&self) -> impl Iterator<Item = u32> {
        let parts = match &self.outcome {
            OutcomeRow::Document(row) => [Some(&row.kind), Some(&row.place)],
            OutcomeRow::Other(_) => [None, None],
        };
        parts.into_iter().flatten().filter_map(|part| match part {
            Alike::Kept(number) => Some(*number),
            Alike::Here(_) => None,
        })
    }
}

fn document(entry: DocumentEntry, common: &mut Common) -> Result<DocumentRow, Error> {
    let DocumentEntry {
        unique_id,
        facility,
        local_patient_id,
        category,
        data_kind,
        class_code,
        type_code,
        format_code,
        mime_type,
        language,
        creation,
        service_start,
        service_stop,
        practice_setting,
        confidentiality,
        hash,
        size_bytes,
        pieces,
        status,
        title,
        location: _,
    } = entry;
    Ok(DocumentRow {
        kind: common.alike(&Kind {
            data_kind,
            category,
            class_code,
            type_code,
            format_code,
            mime_type,
            language,
            confidentiality,
            title,
        })?,
        place: common.alike(&Place {
            facility,
            practice_setting,
        })?,
        unique_id,
        local_patient_id,
        creation,
        service_start,
        service_stop,
        hash,
        size_bytes,
        pieces,
        status,
    })
}

impl DocumentRow {
    fn entry(
        self,
        location: crate::SourceLocation,
        common: &Common,
    ) -> Result<DocumentEntry, Error> {
        let kind: Kind = common.part(&self.kind)?;
        let place: Place = common.part(&self.place)?;
        Ok(DocumentEntry {
            unique_id: self.unique_id,
            facility: place.facility,
            local_patient_id: self.local_patient_id,
            category: kind.category,
            data_kind: kind.data_kind,
            class_code: kind.class_code,
            type_code: kind.type_code,
            format_code: kind.format_code,
            mime_type: kind.mime_type,
            language: kind.language,
            creation: self.creation,
            service_start: self.service_start,
            service_stop: self.service_stop,
            practice_setting: place.practice_setting,
            confidentiality: kind.confidentiality,
            hash: self.hash,
            size_bytes: self.size_bytes,
            pieces: self.pieces,
            status: self.status,
            title: kind.title,
            location,
        })
    }
}

#[cfg(test)]
#[path = "row_test.rs"]
mod tests;
