//! What every source of documents is, whatever it holds: it brings an index up to date, and it vouches at release that
//! a document's bytes are those of the patient the index names.
//!
//! ```text
//! Source ──ingest──▶ DocumentIndex                     when told, again and again
//! Source ──release──▶ Checked | Withheld               for each document that leaves
//!          opened where it lies, hashed, compared with the index, and read once more for whom it is about
//! ```
//! Promises kept here: P10 (what is read stays where it is), P12 (what is read whole is bounded). A wrong chart is the
//! worst error there is, so the check at release believes neither the index nor the check at ingest.

use crate::error::Error;
use crate::guard::WrongPatient;
use crate::report::{Progress, Report};
use crate::storage::SsMix2Storage;
use sekisho_documents::{Checked, Contents, ContentsError, DocumentEntry, DocumentIndex, SourceId};
use sekisho_domain::{Category, FacilityId, Hash};
use sekisho_identity::Demographics;
use sha2::{Digest, Sha256};
use std::fmt::Debug;
use std::path::Path;
use std::time::Duration;

/// Pause between two walks of a folder: it is listed within seconds.
const FOLDER_PAUSE: Duration = Duration::from_secs(30);

/// Why a document does not leave its source now. Displays name no patient.
#[derive(Debug, thiserror::Error)]
pub enum Withheld {
    /// It is not where and what it was when it was indexed, or cannot be read.
    #[error(transparent)]
    Contents(#[from] ContentsError),
    /// It is not shown to be the patient's.
    #[error(transparent)]
    Patient(#[from] WrongPatient),
    /// The path under which it lies is another patient's.
    #[error("the document's path names another patient")]
    Path,
}

/// In what capacity a document says who its patient is. What counts more stands behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Says {
    /// Billing, weeks later, and without an address.
    Claim,
    /// A document of something else, whose header names its patient.
    Document,
    /// What the facility's register has of the patient: written for nothing else, and all of it.
    Register,
}

/// One source of documents. Held to one suite of tests, whatever it reads.
pub trait Source: Debug + Send + Sync {
    /// The node's name for it.
    fn id(&self) -> &SourceId;

    /// Whose documents it holds.
    fn facility(&self) -> &FacilityId;

    /// What kind of source it is, as configurations name it.
    fn kind(&self) -> &'static str;

    /// The folder its documents lie in; none where they are fetched.
    fn root(&self) -> Option<&Path>;

    /// The SS-MIX2 storage it is, where it is one: such a one can be followed folder by folder.
    fn storage(&self) -> Option<&SsMix2Storage> {
        None
    }

    /// How long a running node waits between two readings of all of it, where nobody tells of its changes: as long as
    /// such a reading may burden what it reads.
    fn pause(&self) -> Duration {
        FOLDER_PAUSE
    }

    /// A digest of everything its entries depend on besides the documents: settings and reader's version. Where it
    /// differs from the one an index was built with, the index is not complete.
    fn digest(&self) -> Hash;

    /// Reads what is new or changed and forgets what is gone. Safe to run again at any time and after any
    /// interruption; one at a time for each source.
    ///
    /// # Errors
    /// The source as a whole cannot be listed, or the index fails. What was applied before stays.
    fn ingest(
        &self,
        index: &dyn DocumentIndex,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Report, Error>;

    /// The guard: whether a document's bytes name the patient of its entry and nobody else.
    ///
    /// # Errors
    /// [`WrongPatient`] with the reason for which the document would be quarantined.
    fn verify(&self, entry: &DocumentEntry, bytes: &[u8]) -> Result<(), WrongPatient>;

    /// Whether a document says who its patient is, so that charts can be brought together by it; and how much that
    /// counts beside what others say.
    fn says_who(&self, entry: &DocumentEntry) -> Option<Says> {
        (entry.kind.category == Category::Demographics).then_some(Says::Register)
    }

    /// What a document that [says so](Source::says_who) says of its patient; nothing where it is not shown to be the
    /// patient's or cannot be read.
    fn demographics(&self, entry: &DocumentEntry, bytes: &[u8]) -> Option<Demographics> {
        crate::demographics(bytes, &entry.local_patient_id).ok()
    }

    /// Opens a document, checks that it is what was indexed and [whose](Source::verify) it is, to be released from
    /// byte `from` on. Reads all of it: blocks.
    ///
    /// # Errors
    /// [`Withheld`], if anything is not as it was or cannot be read.
    fn release(
        &self,
        contents: &Contents,
        entry: &DocumentEntry,
        from: u64,
    ) -> Result<Checked, Withheld> {
        let (checked, bytes) = contents.open(entry)?.check_whole(from)?;
        self.verify(entry, &bytes)?;
        Ok(checked)
    }
}

/// A digest over texts and bytes, each preceded by its length.
pub(crate) fn digest_of(parts: &[&[u8]]) -> Hash {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    Hash(hash.finalize().into())
}
