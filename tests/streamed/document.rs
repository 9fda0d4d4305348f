//! Documents larger than anything a reader takes, put into an index by hand over real files.

use sekisho_documents::{
    Change, Digests, DocumentEntry, DocumentIndex, FileOutcome, FileRecord, Fingerprint, IndexKey,
    Patient, Query, SledIndex, SourceLocation, UniqueId,
};
use sekisho_domain::Category;
use sekisho_ingest::{READER_VERSION, SsMix2Storage, ingest};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

/// Without optimisation a minute, the longest deadline, is not enough for more on a busy machine; it is still twice what
/// a process may grow by.
pub const LARGE_BYTES: usize = if cfg!(debug_assertions) {
    128 << 20
} else {
    256 << 20
};
pub const MARKED_BYTES: usize = 32 << 20;
/// In each 4 KiB of the marked document, after its marker.
pub const TEXT: &str = "関所の検査の見本：この文は閲覧する側のほかでは読めません";

/// A document that was put into Saga's index by hand.
pub struct Document {
    pub id: String,
    pub hash: [u8; 32],
    /// What is in it again and again.
    pub marker: Vec<u8>,
    path: PathBuf,
}

impl Document {
    /// Changes its file in place.
    pub fn edit_last_byte(&self) {
        let mut options = std::fs::OpenOptions::new();
        let file = options.read(true).write(true).open(&self.path).unwrap();
        let last = file.metadata().unwrap().len() - 1;
        let mut byte = [0];
        file.read_exact_at(&mut byte, last).unwrap();
        file.write_all_at(&[!byte[0]], last).unwrap();
    }
}

/// Puts three documents beside the patient's prescriptions, and into Saga's index: a large one, a marked one, and one to be
/// edited.
pub fn documents(dir: &Path, (there, patient): (&str, &str)) -> [Document; 3] {
    let index = SledIndex::open(&dir.join("saga/data/index")).unwrap();
    let storage = SsMix2Storage::new(
        dir.join("ssmix2").join(there),
        there.parse().unwrap(),
        there.parse().unwrap(),
    );
    ingest(&storage, &index, &mut |_| {}).unwrap();
    let chart = Patient {
        facility: storage.facility.clone(),
        local_patient_id: patient.parse().unwrap(),
    };
    let page = index.find(&Query::of(chart)).unwrap();
    let mut known = page.entries.into_iter();
    let like = known
        .find(|e| e.kind.category == Category::Prescription)
        .unwrap();
    let mut noise = vec![0; LARGE_BYTES];
    getrandom::fill(&mut noise).unwrap();
    let large = put(&index, &storage, &like, 9001, &noise);
    noise.truncate(MARKED_BYTES);
    let mut marker = vec![0; 64];
    getrandom::fill(&mut marker).unwrap();
    for block in noise.chunks_mut(4096) {
        block[..64].copy_from_slice(&marker);
        block[64..64 + TEXT.len()].copy_from_slice(TEXT.as_bytes());
    }
    let mut marked = put(&index, &storage, &like, 9002, &noise);
    marked.marker = marker;
    noise.reverse();
    let edited = put(&index, &storage, &like, 9003, &noise);
    index.flush().unwrap();
    [large, marked, edited]
}

fn put(
    index: &SledIndex,
    storage: &SsMix2Storage,
    like: &DocumentEntry,
    order: u32,
    bytes: &[u8],
) -> Document {
    let (folder, name) = like.location.path.rsplit_once('/').unwrap();
    let mut parts: Vec<_> = name.split('_').collect();
    let order = format!("{order:015}");
    parts[3] = &order;
    let below = format!("{folder}/{}", parts.join("_"));
    let path = storage.root.join(&below);
    std::fs::write(&path, bytes).unwrap();
    let mut entry = like.clone();
    entry.location = SourceLocation::new(storage.source_id.clone(), &*below).unwrap();
    let digests = Digests::of(bytes);
    (entry.hash, entry.size_bytes) = (digests.hash, digests.size_bytes);
    entry.pieces = digests.pieces;
    Arc::make_mut(&mut entry.kind).mime_type = "application/octet-stream".to_owned();
    Arc::make_mut(&mut entry.kind).format_code.code = "urn:example:large".to_owned();
    let key = IndexKey {
        local_patient_id: &like.local_patient_id,
        care_date: "-",
        data_kind: "large",
        order_no: &order,
    };
    entry.unique_id = UniqueId::derive(&entry.facility, &key, "", &entry.hash);
    // As the walk sees it: unchanged, so that it stays what the index says.
    let modified = path.metadata().unwrap().modified().unwrap();
    let since = modified.duration_since(UNIX_EPOCH).unwrap();
    let fingerprint = Fingerprint {
        size_bytes: entry.size_bytes,
        modified_ns: i64::try_from(since.as_nanos()).unwrap(),
        reader: READER_VERSION,
    };
    let document = Document {
        id: entry.unique_id.to_string(),
        hash: *entry.hash.as_bytes(),
        marker: Vec::new(),
        path,
    };
    let record = FileRecord {
        location: entry.location.clone(),
        fingerprint,
        outcome: FileOutcome::Document(Box::new(entry)),
    };
    index.apply(&[Change::Put(record)]).unwrap();
    document
}
