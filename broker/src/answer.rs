//! What makes a node's messages an answer: form, bounds, and a statement that fits. Pure (P8, P12).
//!
//! Nothing collected here is an answer before [`Claim::fits`] said so of the statement its network signed.

use crate::limits::{CHUNK_BYTES_MAX, Limits};
use prost::Message as _;
use sekisho_domain::{Category, FacilityId, Hash, NetworkOutcome};
use sekisho_ledger::sealed::{ChunkTags, SealedDocument, sealed_bytes};
use sekisho_ledger::{AnswerHash, Statement};
use sekisho_proto::{EntryInPlace, v1};

/// Why what a node sent is no valid answer, in words without any of what it sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);

type Checked<T> = Result<T, Malformed>;

/// What was received, as far as a statement must fit it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    documents: u64,
    hash: Hash,
}

impl Claim {
    /// Checks a verified statement against what came with it.
    ///
    /// # Errors
    /// [`Malformed`] if its count or hash differs.
    pub fn fits(&self, statement: &Statement) -> Checked<()> {
        let said = match statement.outcome {
            NetworkOutcome::Answered { count } => Some(count),
            NetworkOutcome::PatientUnknown => Some(0),
            _ => None,
        };
        if said != Some(self.documents) {
            return Err(Malformed(
                "its statement counts other documents than it sent",
            ));
        }
        if statement.answer_hash != self.hash {
            return Err(Malformed(
                "its statement is about other content than it sent",
            ));
        }
        Ok(())
    }
}

/// The answer to `AnswerFind`, held until it is complete.
#[derive(Debug)]
pub struct Finding {
    documents_max: usize,
    bytes_max: usize,
    pages: Vec<v1::DocumentPage>,
    documents: usize,
    bytes: usize,
    hash: AnswerHash,
    statement: Option<v1::Envelope>,
}

impl Finding {
    /// An answer of at most `documents_max` documents, within the broker's limits.
    pub fn within(limits: &Limits, documents_max: usize) -> Self {
        Self {
            documents_max: documents_max.min(limits.documents_max),
            bytes_max: limits.answer_bytes_max,
            pages: Vec::new(),
            documents: 0,
            bytes: 0,
            hash: AnswerHash::default(),
            statement: None,
        }
    }

    /// Takes the next event.
    ///
    /// # Errors
    /// [`Malformed`], the first thing that is wrong with it.
    pub fn take(&mut self, event: v1::AnswerFindEvent) -> Checked<()> {
        use v1::answer_find_event::Event;
        if self.statement.is_some() {
            return Err(Malformed("it sent more after its statement"));
        }
        match event.event {
            Some(Event::Page(page)) => self.page(page),
            Some(Event::Statement(statement)) => {
                self.statement = Some(statement);
                Ok(())
            }
            None => Err(Malformed("it sent an event of no known kind")),
        }
    }

    fn page(&mut self, page: v1::DocumentPage) -> Checked<()> {
        // Every page costs something, so that empty ones have an end too.
        self.bytes = self.bytes.saturating_add(page.encoded_len().max(1));
        if self.bytes > self.bytes_max {
            return Err(Malformed("its answer is over the bound of bytes"));
        }
        self.documents = self.documents.saturating_add(page.documents.len());
        if self.documents > self.documents_max {
            return Err(Malformed("its answer is over the bound of documents"));
        }
        for encoded in &page.documents {
            let entry = EntryInPlace::read(encoded)
                .map_err(|_| Malformed("it sent a document's entry that is none"))?;
            well_formed(&entry)?;
            self.hash.entry(encoded);
        }
        if !page.documents.is_empty() {
            self.pages.push(page);
        }
        Ok(())
    }

    /// The end of the node's stream: its statement, what it must fit, and the pages to show if it does.
    ///
    /// # Errors
    /// [`Malformed`] if there was no statement.
    pub fn ended(self) -> Checked<(v1::Envelope, Claim, Vec<v1::DocumentPage>)> {
        let statement = self.statement.ok_or(NO_STATEMENT)?;
        let claim = Claim {
            documents: self.documents as u64,
            hash: self.hash.finish(),
        };
        Ok((statement, claim, self.pages))
    }
}

/// The answer to `AnswerRetrieve`, checked while it passes through. What it says is sealed to the caller.
#[derive(Debug)]
pub struct Retrieving {
    unique_id: String,
    from_chunk: u64,
    bytes_max: u64,
    /// Its header's payload, and the bytes of sealed chunks that are still to come.
    header: Option<(Vec<u8>, u64)>,
    tags: ChunkTags,
    statement: Option<v1::Envelope>,
}

/// A part of a document that may be passed on.
#[derive(Debug, PartialEq)]
pub enum Part {
    /// Its signed header, first.
    Sealed(v1::Envelope),
    /// A sealed piece of its content.
    Chunk(Vec<u8>),
}

impl Retrieving {
    /// The document with this unique id from a chunk on, within the broker's limits.
    pub fn within(limits: &Limits, unique_id: String, from_chunk: u64) -> Self {
        Self {
            unique_id,
            from_chunk,
            bytes_max: limits.document_bytes_max,
            header: None,
            tags: ChunkTags::default(),
            statement: None,
        }
    }

    /// Takes the next event; a part of the document is handed back to be passed on.
    ///
    /// # Errors
    /// [`Malformed`], the first thing that is wrong with it.
    pub fn take(&mut self, event: v1::AnswerRetrieveEvent) -> Checked<Option<Part>> {
        use v1::answer_retrieve_event::Event;
        if self.statement.is_some() {
            return Err(Malformed("it sent more after its statement"));
        }
        match event.event {
            Some(Event::Sealed(header)) => self.header(header).map(Some),
            Some(Event::Chunk(chunk)) => self.chunk(chunk).map(Some),
            Some(Event::Statement(statement)) => {
                self.statement = Some(statement);
                Ok(None)
            }
            None => Err(Malformed("it sent an event of no known kind")),
        }
    }

    /// Who signed it is for the caller to check, who must believe it; here, that it is one.
    fn header(&mut self, envelope: v1::Envelope) -> Checked<Part> {
        if self.header.is_some() {
            return Err(Malformed("it sent a second header"));
        }
        let header = SealedDocument::parse(&envelope)
            .map_err(|_| Malformed("its document's header is none"))?;
        well_formed(&(&header.document).into())?;
        if header.document.unique_id != self.unique_id {
            return Err(Malformed("it sent another document than the one asked for"));
        }
        if header.document.size_bytes > self.bytes_max {
            return Err(Malformed("its document is over the bound of bytes"));
        }
        if header.from_chunk != self.from_chunk {
            return Err(Malformed("it sent another part than the one asked for"));
        }
        let left = sealed_bytes(header.document.size_bytes, header.from_chunk)
            .ok_or(Malformed("it sent a part that its document does not have"))?;
        self.header = Some((envelope.payload.clone(), left));
        Ok(Part::Sealed(envelope))
    }

    fn chunk(&mut self, chunk: Vec<u8>) -> Checked<Part> {
        let Some((_, left)) = &mut self.header else {
            return Err(Malformed("it sent content before the header"));
        };
        if chunk.is_empty() || chunk.len() > CHUNK_BYTES_MAX {
            return Err(Malformed("it sent an empty chunk, or one over the bound"));
        }
        *left = left
            .checked_sub(chunk.len() as u64)
            .ok_or(Malformed("it sent more content than its header says"))?;
        self.tags.chunk(&chunk);
        Ok(Part::Chunk(chunk))
    }

    /// The end of the node's stream: its statement and what it must fit.
    ///
    /// # Errors
    /// [`Malformed`] if there was no statement, or not all of the content.
    pub fn ended(self) -> Checked<(v1::Envelope, Claim)> {
        let statement = self.statement.ok_or(NO_STATEMENT)?;
        let mut hash = AnswerHash::default();
        let documents = match self.header {
            None => 0,
            Some((_, left)) if left > 0 => {
                return Err(Malformed("it sent less content than its header says"));
            }
            Some((header, _)) => {
                hash.sealed(&header, &self.tags.finish());
                1
            }
        };
        let hash = hash.finish();
        Ok((statement, Claim { documents, hash }))
    }
}

const NO_STATEMENT: Malformed = Malformed("it ended without a statement");

/// Checks that the coded parts of an entry are of their kinds.
fn well_formed(entry: &EntryInPlace<'_>) -> Checked<()> {
    if entry.unique_id.is_empty() {
        return Err(Malformed("it sent a document without a unique id"));
    }
    Category::from_number(entry.category.into())
        .map_err(|_| Malformed("it sent a document of no known category"))?;
    entry
        .facility
        .parse::<FacilityId>()
        .map_err(|_| Malformed("it sent a document of no well-formed facility"))?;
    Hash::try_from(entry.hash)
        .map(drop)
        .map_err(|_| Malformed("it sent a document without a SHA-256 hash"))
}

#[cfg(test)]
#[path = "answer_test.rs"]
mod tests;
