//! A file's record as sled has it: without what its key says, and without what many records have alike.

use crate::common::{Alike, Common};
use crate::digest::PieceHashes;
use crate::layout::location_of;
use crate::{
    Availability, Code, DocumentEntry, Error, FileOutcome, FileRecord, Fingerprint, LocalPatientId,
    UniqueId,
};
use sekisho_domain::{FacilityId, Hash, TimeMs};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

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

/// What documents of one department have alike.
#[derive(Debug, Serialize, Deserialize)]
struct Place {
    facility: FacilityId,
    practice_setting: Option<Arc<Code>>,
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
        kind,
        creation,
        service_start,
        service_stop,
        practice_setting,
        hash,
        size_bytes,
        pieces,
        status,
        location: _,
    } = entry;
    Ok(DocumentRow {
        kind: common.alike(&kind)?,
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
        let place: Arc<Place> = common.part(&self.place)?;
        Ok(DocumentEntry {
            unique_id: self.unique_id,
            facility: place.facility.clone(),
            local_patient_id: self.local_patient_id,
            kind: common.part(&self.kind)?,
            creation: self.creation,
            service_start: self.service_start,
            service_stop: self.service_stop,
            practice_setting: place.practice_setting.clone(),
            hash: self.hash,
            size_bytes: self.size_bytes,
            pieces: self.pieces,
            status: self.status,
            location,
        })
    }
}

#[cfg(test)]
#[path = "row_test.rs"]
mod tests;
