//! One root of SS-MIX2 storage, and how it is read.

use crate::follow::Follow;
use crate::quirks::Quirks;
use sekisho_documents::SourceId;
use sekisho_domain::{Category, FacilityId};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Version of what this reader makes of a file. Raise it whenever entries come out differently: every file is then
/// read again.
pub const READER_VERSION: u16 = 2;

/// Most threads that read one storage, where nothing else is said: the index takes batches one after the other, and the
/// node answers beside them.
const READERS_MAX: usize = 4;

/// Which of the two storages of SS-MIX2 lies below a root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// 標準化ストレージ: one HL7 v2.5 message a file, of 36 kinds.
    #[default]
    Standardised,
    /// 拡張ストレージ: one folder a document, of the site's own kinds.
    Extended,
}

/// One root of SS-MIX2 storage. A facility may have several, each with its own source id.
#[derive(Debug, Clone)]
pub struct SsMix2Storage {
    /// The folder that holds the patients' folders.
    pub root: PathBuf,
    /// Whose storage it is.
    pub facility: FacilityId,
    /// The node's name for this root.
    pub source_id: SourceId,
    /// What lies below it.
    pub layout: Layout,
    /// The root of its transaction storage (トランザクションストレージ), where it has one: what changed, in order.
    pub transactions: Option<PathBuf>,
    /// Categories of extended storage's local kinds, by the kind's code; they come before what is known of standard
    /// codes.
    pub kinds: BTreeMap<String, Category>,
    /// Which deviations from the specification are taken.
    pub quirks: Quirks,
    /// Threads that read patients side by side.
    pub readers: usize,
    /// How a running node keeps up with it; none: only when it is told to.
    pub follow: Option<Follow>,
}

impl SsMix2Storage {
    /// A standardised storage, read as is usual.
    pub fn new(root: impl Into<PathBuf>, facility: FacilityId, source_id: SourceId) -> Self {
        Self {
            root: root.into(),
            facility,
            source_id,
            layout: Layout::default(),
            transactions: None,
            kinds: BTreeMap::new(),
            quirks: Quirks::default(),
            readers: std::thread::available_parallelism()
                .map_or(1, usize::from)
                .min(READERS_MAX),
            follow: Some(Follow::default()),
        }
    }

    /// Names this reader together with the settings that change what it makes of a file: where it differs from the one
    /// a file was read with, the file is read again.
    pub(crate) fn reader(&self) -> u16 {
        let usual = self.layout == Layout::Standardised && self.kinds.is_empty();
        if usual && self.quirks == Quirks::default() {
            return READER_VERSION;
        }
        let mut hash = Sha256::new();
        hash.update(READER_VERSION.to_be_bytes());
        hash.update(self.settings());
        let [first, second, ..] = <[u8; 32]>::from(hash.finalize());
        match u16::from_be_bytes([first, second]) {
            READER_VERSION => READER_VERSION.wrapping_add(1),
            other => other,
        }
    }

    /// Everything entries depend on besides files, root, facility and name: as bytes, the same for the same settings.
    pub fn settings(&self) -> Vec<u8> {
        let mut settings = vec![match self.layout {
            Layout::Standardised => 0,
            Layout::Extended => 1,
        }];
        settings.extend(self.quirks.bits().to_be_bytes());
        for (kind, category) in &self.kinds {
            settings.extend((kind.len() as u64).to_be_bytes());
            settings.extend(kind.as_bytes());
            settings.extend(category.code().as_bytes());
            settings.push(0);
        }
        settings
    }
}
