//! Documents larger than anything a source holds today, streamed from their file.
//!
//! No reader makes such an entry yet: these tests put one in the index by hand, over a real file.

use super::*;
use crate::bounds::{ANSWERS_OF_ONE, READ_AHEAD, STREAM_AHEAD};
use crate::testing::{SAGA_HOSPITAL, bounded};
use sekisho_documents::{
    Change, Digests, FILE_BYTES_MAX, FileOutcome, FileRecord, Fingerprint, IndexKey, Query,
    SourceLocation, UniqueId,
};
use sekisho_ledger::sealed::PLAIN_BYTES;
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;
use tokio_stream::StreamExt;

const CHUNKS: usize = 10;
/// Its last chunk is not a full one.
const SIZE: usize = (CHUNKS - 1) * PLAIN_BYTES + 12_345;

struct Large {
    setting: Setting,
    node: Node,
    unique_id: String,
    path: PathBuf,
    bytes: Vec<u8>,
}

impl Large {
    async fn new() -> Self {
        assert!(SIZE as u64 > FILE_BYTES_MAX);
        let setting = Setting::new();
        setting.hospital.put(PATIENT, 1);
        let node = setting.saga().await;
        let mut seed = Sha256::digest(b"a large document");
        let bytes: Vec<u8> = (0..SIZE.div_ceil(32))
            .flat_map(|_| {
                seed = Sha256::digest(seed);
                seed
            })
            .take(SIZE)
            .collect();
        setting.hospital.write(PATIENT, 7, &bytes);
        let path = setting.hospital.path(PATIENT, 7);
        let index = node.0.index.as_ref();
        let known = index.find(&Query::of(chart(SAGA_HOSPITAL, PATIENT)));
        let mut entry = known.unwrap().entries[0].clone();
        let digests = Digests::of(&bytes);
        (entry.hash, entry.size_bytes) = (digests.hash, digests.size_bytes);
        entry.pieces = digests.pieces;
        Arc::make_mut(&mut entry.kind).mime_type = "application/pdf".to_owned();
        Arc::make_mut(&mut entry.kind).format_code.code = "urn:example:large".to_owned();
        let key = IndexKey {
            local_patient_id: &entry.local_patient_id,
            care_date: "20260408",
            data_kind: "large",
            order_no: "7",
        };
        entry.unique_id = UniqueId::derive(&entry.facility, &key, "", &entry.hash);
        let source = &setting.hospital.source;
        let below = path.strip_prefix(&source.root).unwrap().to_str().unwrap();
        entry.location = SourceLocation::new(source.source_id.clone(), below).unwrap();
        let unique_id = entry.unique_id.to_string();
        let record = FileRecord {
            location: entry.location.clone(),
            fingerprint: Fingerprint {
                size_bytes: entry.size_bytes,
                modified_ns: 0,
                reader: 1,
            },
            outcome: FileOutcome::Document(Box::new(entry)),
        };
        index.apply(&[Change::Put(record)]).unwrap();
        Self {
            setting,
            node,
            unique_id,
            path,
            bytes,
        }
    }

    fn ask(&self) -> AccessRecord {
        ask_for(&self.setting, &self.unique_id)
    }

    async fn stream(
        &self,
        record: &AccessRecord,
        from_chunk: u64,
    ) -> crate::answer::retrieve::Stream {
        let mut request = retrieve_of(&self.setting, record, &self.unique_id);
        request.seal_to.as_mut().unwrap().from_chunk = from_chunk;
        let asked = self.node.disclosing();
        let stream = asked.retrieve(network(KURUME), request, patience()).await;
        stream.unwrap()
    }

    /// Changes the file in place.
    fn edit(&self, at: u64, bytes: &[u8]) {
        let mut file = fs::OpenOptions::new().write(true).open(&self.path).unwrap();
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(bytes).unwrap();
    }
}

#[tokio::test]
async fn a_document_of_many_chunks_leaves_whole_from_any_chunk_on() {
    let large = Large::new().await;
    let record = large.ask();
    for from in [0, 1, CHUNKS - 1] {
        let events = all(large.stream(&record, from as u64).await).await;
        let events: Vec<_> = events.into_iter().map(|e| e.event.unwrap()).collect();
        let (header, content, hash) = opened(&large.setting, &record, &events);
        assert_eq!(header.from_chunk, from as u64);
        assert!(
            content == large.bytes[from * PLAIN_BYTES..],
            "from chunk {from}"
        );
        let Some(Got::Statement(envelope)) = events.last() else {
            panic!("no statement")
        };
        let statement = statement_of(&large.setting, &record, envelope);
        assert_eq!(
            (statement.outcome, statement.answer_hash),
            (NetworkOutcome::Answered { count: 1 }, hash)
        );
    }
    until(async || large.node.outbox_total().unwrap() == 0).await;
    assert_eq!(releases(&large.setting).len(), 1, "one release for all");
}

#[tokio::test]
async fn what_changes_in_place_while_it_is_sent_never_ends_and_is_no_answer() {
    type Edit = fn(&Large);
    let edits: [(&str, Edit); 4] = [
        ("a byte of a chunk not read yet", |large| {
            large.edit(((CHUNKS - 2) * PLAIN_BYTES) as u64, b"x");
        }),
        ("the last byte", |large| large.edit(SIZE as u64 - 1, b"x")),
        ("truncated", |large| {
            let file = fs::OpenOptions::new().write(true).open(&large.path);
            file.unwrap()
                .set_len(((CHUNKS - 2) * PLAIN_BYTES) as u64)
                .unwrap();
        }),
        ("grown", |large| large.edit(SIZE as u64, b"x")),
    ];
    // What may have been read already: in the stream, ready, and in hand on both sides.
    const { assert!(STREAM_AHEAD + READ_AHEAD + 2 < CHUNKS - 2) };
    for (n, (case, edit)) in edits.into_iter().enumerate() {
        let large = Large::new().await;
        let record = large.ask();
        // Its release is recorded and its first chunks are ready; nobody takes them yet.
        let stream = large.stream(&record, 0).await;
        edit(&large);
        let events: Vec<_> = bounded(stream.collect()).await;
        let (last, before) = events.split_last().unwrap();
        let status = last.as_ref().unwrap_err();
        assert_eq!(
            (status.code(), status.message()),
            (
                tonic::Code::Unavailable,
                "the document has changed since it was indexed"
            ),
            "{case}"
        );
        let chunk = |event: &&Result<v1::AnswerRetrieveEvent, _>| {
            let event = event.as_ref().unwrap().event.as_ref().unwrap();
            assert!(!matches!(event, Got::Statement(_)), "{case}: a statement");
            matches!(event, Got::Chunk(_))
        };
        let sent = before.iter().filter(chunk).count();
        assert!((1..CHUNKS).contains(&sent), "{case}: {sent} of {CHUNKS}");

        // It was released, as the record says. Whoever asks now is told that there is no such document, at once where its
        // first or last piece is another, else once it was looked at again.
        let is_in_between = n == 0;
        let is_gone = async || {
            let again: Vec<_> = bounded(large.stream(&large.ask(), 0).await.collect()).await;
            let only = again.first().unwrap().as_ref().unwrap();
            again.len() == 1 && matches!(only.event, Some(Got::Statement(_)))
        };
        if is_in_between {
            until(is_gone).await;
        } else {
            assert!(is_gone().await, "{case}");
        }
        until(async || large.node.outbox_total().unwrap() == 0).await;
        let released = releases(&large.setting).len();
        assert!(
            released == 1 || is_in_between && released > 1,
            "{case}: {released}"
        );
    }
}

#[tokio::test]
async fn what_vanishes_or_is_replaced_while_it_is_sent_is_still_what_was_checked() {
    let large = Large::new().await;
    let record = large.ask();
    let streams = [
        large.stream(&record, 0).await,
        large.stream(&record, 0).await,
    ];
    fs::remove_file(&large.path).unwrap();
    fs::write(&large.path, b"another").unwrap();
    for stream in streams {
        let events = all(stream).await;
        let events: Vec<_> = events.into_iter().map(|e| e.event.unwrap()).collect();
        let (_, content, _) = opened(&large.setting, &record, &events);
        assert!(content == large.bytes);
    }
}

#[tokio::test]
async fn whoever_leaves_in_the_middle_holds_nothing_any_more() {
    let large = Large::new().await;
    let record = large.ask();
    let mut stream = large.stream(&record, 0).await;
    for _ in 0..3 {
        bounded(stream.next()).await.unwrap().unwrap();
    }
    drop(stream);
    let free = async || {
        let slots: Vec<_> = (0..ANSWERS_OF_ONE)
            .map(|_| large.node.0.answer_place(&network(KURUME)))
            .collect();
        slots.iter().all(Result::is_ok)
    };
    until(free).await;
}
