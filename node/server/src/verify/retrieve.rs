//! Checking one retrieved document.

use super::{Decided, covered, decided, end, stated};
use crate::bounds::{CHUNK_BYTES_MAX, RETRIEVE_BYTES_MAX};
use crate::ledger::{LedgerFault, Snapshot};
use sekisho_domain::{AccessRecord, Hash, NetworkId, NetworkOutcome};
use sekisho_ledger::AnswerHash;
use sekisho_proto::v1;
use sha2::{Digest, Sha256};

/// One document while it comes in. All of it is kept back until it is verified.
pub struct RetrieveCheck {
    record: AccessRecord,
    network: NetworkId,
    decided: Decided,
    unique_id: String,
    header: Option<v1::DocumentEntry>,
    content: Vec<u8>,
    spoiled: Option<&'static str>,
}

/// What a retrieval ended in.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// The end as it is handed on.
    pub end: v1::NetworkEnd,
    /// The same, typed.
    pub outcome: NetworkOutcome,
    /// The document, if one came: its entry, its bytes and their SHA-256.
    pub document: Option<(v1::DocumentEntry, Vec<u8>, Hash)>,
}

impl RetrieveCheck {
    /// Begins with the request as the own replica has it decided; none if it does not ask this network.
    pub fn new(record: AccessRecord, network: &NetworkId, unique_id: String) -> Option<Self> {
        let (network, decided) = decided(&record).into_iter().find(|(n, _)| n == network)?;
        Some(Self {
            record,
            network,
            decided,
            unique_id,
            header: None,
            content: Vec::new(),
            spoiled: None,
        })
    }

    /// Takes the document's entry.
    pub fn header(&mut self, header: v1::DocumentEntry) {
        if self.header.is_some() {
            self.spoil("there is a second header");
        } else if header.unique_id != self.unique_id {
            self.spoil("it is another document");
        } else if header.size_bytes > RETRIEVE_BYTES_MAX as u64 {
            self.spoil("the document is too large");
        } else {
            self.header = Some(header);
        }
    }

    /// Takes a piece of its content.
    pub fn chunk(&mut self, chunk: &[u8]) {
        let announced = self.header.as_ref().map_or(0, |h| h.size_bytes);
        let length = self.content.len().saturating_add(chunk.len());
        if chunk.len() > CHUNK_BYTES_MAX || length as u64 > announced {
            self.spoil("there is more content than the header announces");
        }
        if self.spoiled.is_none() {
            self.content.extend_from_slice(chunk);
        }
    }

    /// Judges the end.
    ///
    /// # Errors
    /// The own replica's state cannot be read.
    pub fn end(
        self,
        snapshot: &Snapshot<'_>,
        wire: v1::NetworkEnd,
    ) -> Result<Received, LedgerFault> {
        if wire.network != self.network.as_str() {
            return Ok(self.malformed("the end is of another network", wire.elapsed_ms));
        }
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
        let content_hash = Hash(Sha256::digest(&self.content).into());
        match self.answered(snapshot, wire.statement.as_ref(), &claimed, &content_hash)? {
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
                document: self.header.map(|h| (h, self.content, content_hash)),
            }),
        }
    }

    /// Ends without the broker having said how: with the ledger's denial, or with what happened to the answer.
    pub fn close(self, happened: &NetworkOutcome, elapsed_ms: u64) -> Received {
        match &self.decided {
            Decided::Denied(outcome) => self.without_document(outcome, elapsed_ms),
            Decided::Permit(_) => self.without_document(happened, elapsed_ms),
        }
    }

    fn answered(
        &self,
        snapshot: &Snapshot<'_>,
        statement: Option<&v1::Envelope>,
        claimed: &NetworkOutcome,
        content_hash: &Hash,
    ) -> Result<Result<(), String>, LedgerFault> {
        if let Some(why) = self.spoiled {
            return Ok(Err(why.to_owned()));
        }
        let Decided::Permit(permit) = &self.decided else {
            return Ok(Err("the ledger denied it".to_owned()));
        };
        let mut hash = AnswerHash::default();
        let documents = u64::from(self.header.is_some());
        if let Some(header) = &self.header {
            if header.hash != content_hash.0 || header.size_bytes != self.content.len() as u64 {
                return Ok(Err(
                    "the content is not the one the header announces".to_owned()
                ));
            }
            if !covered(snapshot, permit, header)? {
                return Ok(Err("the document is not covered by the permit".to_owned()));
            }
            hash.entry(header);
            hash.content(content_hash);
        }
        let counted = match claimed {
            NetworkOutcome::Answered { count } => *count,
            _ => 0,
        };
        if counted != documents {
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
            document: None,
        }
    }

    fn spoil(&mut self, why: &'static str) {
        self.spoiled.get_or_insert(why);
        self.content = Vec::new();
    }
}

#[cfg(test)]
#[path = "retrieve_test.rs"]
mod tests;
