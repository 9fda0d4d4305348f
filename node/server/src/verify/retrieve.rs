//! Checking one retrieved document, piece by piece.
//!
//! The disclosing node's signature on the header comes first, and names the key its chunks are sealed with: a chunk
//! that opens is that node's, whole and in its place. The last one is kept back until the node's statement about all
//! of it holds and the content is the one the header names. So a document is never whole before it is verified.

use super::{Decided, covered, decided, end, stated};
use crate::ledger::{LedgerFault, Snapshot};
use crate::sealing::{Opener, Reader};
use sekisho_domain::{AccessRecord, NetworkId, NetworkOutcome};
use sekisho_ledger::AnswerHash;
use sekisho_ledger::sealed::{ChunkTags, SealedDocument, chunks_of};
use sekisho_proto::v1;
use sha2::{Digest, Sha256};

/// One document while it comes in, in one part or, after a cut, in several.
pub struct RetrieveCheck {
    record: AccessRecord,
    network: NetworkId,
    decided: Decided,
    unique_id: String,
    reader: Reader,
    document: Option<Coming>,
    /// The part that is coming in.
    part: Option<Part>,
    spoiled: Option<&'static str>,
}

/// What there is of the document.
struct Coming {
    entry: v1::DocumentEntry,
    chunks: u64,
    /// The next one to come.
    next: u64,
    content: Sha256,
    bytes: u64,
    /// The last chunk's content, kept back.
    last: Option<Vec<u8>>,
}

/// What one answer brings of it.
struct Part {
    header: Vec<u8>,
    opener: Opener,
    tags: ChunkTags,
}

/// What a retrieval ended in.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// The end as it is handed on.
    pub end: v1::NetworkEnd,
    /// The same, typed.
    pub outcome: NetworkOutcome,
    /// The last piece of the document, where all of it is verified.
    pub last: Option<Vec<u8>>,
}

impl RetrieveCheck {
    /// Begins with the request as the own replica has it decided; none if it does not ask this network.
    pub(crate) fn new(
        record: AccessRecord,
        network: &NetworkId,
        unique_id: String,
        reader: Reader,
    ) -> Option<Self> {
        let (network, decided) = decided(&record).into_iter().find(|(n, _)| n == network)?;
        Some(Self {
            record,
            network,
            decided,
            unique_id,
            reader,
            document: None,
            part: None,
            spoiled: None,
        })
    }

    /// Takes a part's signed header. The document's entry, where it is the first.
    ///
    /// # Errors
    /// The own replica's state cannot be read.
    pub fn header(
        &mut self,
        snapshot: &Snapshot<'_>,
        envelope: &v1::Envelope,
    ) -> Result<Option<v1::DocumentEntry>, LedgerFault> {
        let verified = SealedDocument::verify(
            snapshot.view(),
            envelope,
            self.record.index,
            &self.record.request_id,
            &self.network,
        )?;
        let Ok(header) = verified else {
            self.spoil("its header is not one that network signed for this request");
            return Ok(None);
        };
        let Decided::Permit(permit) = &self.decided else {
            self.spoil("the ledger denied it");
            return Ok(None);
        };
        if header.document.unique_id != self.unique_id {
            self.spoil("it is another document");
        } else if !covered(snapshot, permit, &header.document)? {
            self.spoil("the document is not covered by the permit");
        } else if self.part.is_some() {
            self.spoil("there is a second header");
        } else if header.from_chunk != self.next_chunk() {
            self.spoil("it is another part than the one asked for");
        } else if (self.document.as_ref()).is_some_and(|known| known.entry != header.document) {
            self.spoil("the document has changed since its first part");
        }
        let opener = self.reader.opener(&header);
        let (None, Ok(opener)) = (self.spoiled, opener) else {
            self.spoil("its key cannot be opened");
            return Ok(None);
        };
        self.part = Some(Part {
            header: envelope.payload.clone(),
            opener,
            tags: ChunkTags::default(),
        });
        if self.document.is_some() {
            return Ok(None);
        }
        self.document = Some(Coming {
            entry: header.document.clone(),
            chunks: chunks_of(header.document.size_bytes),
            next: 0,
            content: Sha256::new(),
            bytes: 0,
            last: None,
        });
        Ok(Some(header.document))
    }

    /// Opens a chunk; its content, unless it is the last, which is kept back.
    pub fn chunk(&mut self, mut chunk: Vec<u8>) -> Option<Vec<u8>> {
        if self.spoiled.is_some() {
            return None;
        }
        let (Some(document), Some(part)) = (&mut self.document, &mut self.part) else {
            self.spoil("there is content before the header");
            return None;
        };
        if document.next == document.chunks {
            self.spoil("there is more content than the header announces");
            return None;
        }
        let is_last = document.next + 1 == document.chunks;
        part.tags.chunk(&chunk);
        if part
            .opener
            .open_in_place(&mut chunk, document.next, is_last)
            .is_err()
        {
            self.spoil("a chunk does not open");
            return None;
        }
        document.next += 1;
        if is_last {
            document.last = Some(chunk);
            return None;
        }
        document.bytes = document.bytes.saturating_add(chunk.len() as u64);
        document.content.update(&chunk);
        Some(chunk)
    }

    /// The next chunk to ask for: all before it came and opened.
    pub fn next_chunk(&self) -> u64 {
        self.document.as_ref().map_or(0, |document| document.next)
    }

    /// The connection was cut and the rest is asked for again: what came so far stays, but for the last chunk, which
    /// comes again with its end. False where nothing good can come any more.
    pub fn resume(&mut self) -> bool {
        self.part = None;
        if let Some(document) = &mut self.document
            && document.last.take().is_some()
        {
            document.next -= 1;
        }
        self.spoiled.is_none()
    }

    /// Judges the end.
    ///
    /// # Errors
    /// The own replica's state cannot be read.
    pub fn end(
        &mut self,
        snapshot: &Snapshot<'_>,
        wire: v1::NetworkEnd,
    ) -> Result<Received, LedgerFault> {
        let claimed = wire.outcome.map(NetworkOutcome::try_from);
        let claimed = match (&self.decided, claimed) {
            (Decided::Denied(outcome), _) => {
                return Ok(self.without_document(outcome, wire.elapsed_ms));
            }
            (Decided::Permit(_), Some(Ok(NetworkOutcome::Denied { .. }))) => {
                let why = "the broker denies what the ledger permits";
                return Ok(self.malformed(why, wire.elapsed_ms));
            }
            (Decided::Permit(_), Some(Ok(claimed))) => claimed,
            (Decided::Permit(_), None | Some(Err(_))) => {
                return Ok(self.malformed("the broker names no outcome", wire.elapsed_ms));
            }
        };
        if !matches!(
            claimed,
            NetworkOutcome::Answered { .. } | NetworkOutcome::PatientUnknown
        ) {
            return Ok(self.without_document(&claimed, wire.elapsed_ms));
        }
        match self.answered(snapshot, wire.statement.as_ref(), &claimed)? {
            Err(why) => Ok(self.malformed(&why, wire.elapsed_ms)),
            Ok(()) => Ok(Received {
                end: end(
                    &self.network,
                    &claimed,
                    wire.elapsed_ms,
                    wire.statement,
                    self.decided.footing(),
                ),
                outcome: claimed,
                last: self.document.take().and_then(|document| document.last),
            }),
        }
    }

    /// Ends without the broker having said how: with the ledger's denial, or with what happened to the answer.
    pub fn close(&self, happened: &NetworkOutcome, elapsed_ms: u64) -> Received {
        match &self.decided {
            Decided::Denied(outcome) => self.without_document(outcome, elapsed_ms),
            Decided::Permit(_) => self.without_document(happened, elapsed_ms),
        }
    }

    fn answered(
        &mut self,
        snapshot: &Snapshot<'_>,
        statement: Option<&v1::Envelope>,
        claimed: &NetworkOutcome,
    ) -> Result<Result<(), String>, LedgerFault> {
        if let Some(why) = self.spoiled {
            return Ok(Err(why.to_owned()));
        }
        let mut hash = AnswerHash::default();
        if let Some(document) = &self.document {
            let last = document.last.as_deref().unwrap_or_default();
            let content = document.content.clone().chain_update(last).finalize();
            let bytes = document.bytes.saturating_add(last.len() as u64);
            let entry = &document.entry;
            let whole = document.last.is_some() && bytes == entry.size_bytes;
            if !whole || entry.hash != content.as_slice() {
                return Ok(Err(
                    "the content is not the one the header announces".to_owned()
                ));
            }
            let Some(part) = self.part.take() else {
                return Ok(Err("its last part has no header".to_owned()));
            };
            hash.sealed(&part.header, &part.tags.finish());
        }
        let counted = match claimed {
            NetworkOutcome::Answered { count } => *count,
            _ => 0,
        };
        if counted != u64::from(self.document.is_some()) {
            return Ok(Err("the count is not that of the documents".to_owned()));
        }
        stated(
            snapshot,
            &self.record,
            &self.network,
            statement,
            claimed,
            hash.finish(),
        )
    }

    fn malformed(&self, why: &str, elapsed_ms: u64) -> Received {
        tracing::warn!(request_id = %self.record.request_id, network = %self.network, why, "an answer is not valid");
        self.without_document(&NetworkOutcome::Malformed, elapsed_ms)
    }

    fn without_document(&self, outcome: &NetworkOutcome, elapsed_ms: u64) -> Received {
        Received {
            end: end(
                &self.network,
                outcome,
                elapsed_ms,
                None,
                self.decided.footing(),
            ),
            outcome: outcome.clone(),
            last: None,
        }
    }

    fn spoil(&mut self, why: &'static str) {
        self.spoiled.get_or_insert(why);
    }
}

#[cfg(test)]
#[path = "retrieve_test.rs"]
mod tests;
