//! Checking the answers of one query for documents.

use super::{Decided, covered, decided, end, stated};
use crate::bounds::{ANSWER_ENTRIES_MAX, FIND_BYTES_MAX, PAGE_ENTRIES_MAX};
use crate::ledger::{LedgerFault, Snapshot};
use prost::Message as _;
use sekisho_domain::{AccessRecord, EntryIndex, Footing, NetworkId, NetworkOutcome};
use sekisho_ledger::AnswerHash;
use sekisho_proto::v1;
use std::collections::BTreeMap;

/// One query's answers while they come in: fed with what the broker sends, it gives what may be shown.
pub struct FindCheck {
    record: AccessRecord,
    open: BTreeMap<NetworkId, Open>,
    outcomes: BTreeMap<NetworkId, NetworkOutcome>,
    kept_bytes: usize,
}

struct Open {
    decided: Decided,
    documents: Vec<v1::DocumentEntry>,
    /// Over them as they came.
    hash: AnswerHash,
    bytes: usize,
    /// Why nothing this network sends can count any more.
    spoiled: Option<&'static str>,
}

/// What one network ended in, verified, with its documents.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// The network.
    pub network: NetworkId,
    /// The outcome.
    pub outcome: NetworkOutcome,
    /// Its documents; none unless it answered.
    pub documents: Vec<v1::DocumentEntry>,
    /// Time from the question to its end, in milliseconds.
    pub elapsed_ms: u64,
    /// The node's own word, where the outcome rests on it.
    pub statement: Option<v1::Envelope>,
    /// What the permit stands on, if there is one: a drill is told apart by it.
    pub footing: Option<Footing>,
}

impl Ended {
    /// Its end as it is handed on.
    pub(crate) fn end(&self) -> v1::NetworkEnd {
        end(
            &self.network,
            &self.outcome,
            self.elapsed_ms,
            self.statement.clone(),
            self.footing,
        )
    }

    /// The events that say so: its documents in pages, then its end.
    pub fn into_events(self) -> Vec<v1::FindEvent> {
        use v1::find_event::Event;
        let (network, end) = (self.network.to_string(), self.end());
        let (mut documents, mut events) = (self.documents.into_iter(), Vec::new());
        while documents.len() > 0 {
            events.push(Event::Documents(v1::FoundDocuments {
                network: network.clone(),
                documents: documents.by_ref().take(PAGE_ENTRIES_MAX).collect(),
            }));
        }
        events.push(Event::End(end));
        let event = |event| v1::FindEvent { event: Some(event) };
        events.into_iter().map(event).collect()
    }
}

impl Open {
    fn take(&mut self, documents: &[Vec<u8>]) -> Result<(), &'static str> {
        for encoded in documents {
            let entry = v1::DocumentEntry::decode(encoded.as_slice());
            self.documents
                .push(entry.map_err(|_| "a document's entry is none")?);
            self.hash.entry(encoded);
        }
        Ok(())
    }
}

impl FindCheck {
    /// Begins with the request as the own replica has it decided.
    pub fn new(record: AccessRecord) -> Self {
        let open = decided(&record).into_iter().map(|(network, decided)| {
            let open = Open {
                decided,
                documents: Vec::new(),
                hash: AnswerHash::default(),
                bytes: 0,
                spoiled: None,
            };
            (network, open)
        });
        Self {
            open: open.collect(),
            record,
            outcomes: BTreeMap::new(),
            kept_bytes: 0,
        }
    }

    /// The access request's index.
    pub(crate) fn access(&self) -> EntryIndex {
        self.record.index
    }

    /// Keeps documents until their network's statement is there.
    pub fn documents(&mut self, wire: v1::NetworkDocuments) {
        let open = wire
            .network
            .parse::<NetworkId>()
            .ok()
            .and_then(|network| self.open.get_mut(&network));
        let Some(open) = open.filter(|open| open.spoiled.is_none()) else {
            tracing::warn!(request_id = %self.record.request_id, "the broker sent documents nobody waits for");
            return;
        };
        let bytes: usize = wire.documents.iter().map(Vec::len).sum();
        let taken = if open.documents.len().saturating_add(wire.documents.len())
            > ANSWER_ENTRIES_MAX
            || self.kept_bytes.saturating_add(bytes) > FIND_BYTES_MAX
        {
            Err("there are more documents than an answer may have")
        } else {
            open.take(&wire.documents)
        };
        match taken {
            Ok(()) => {
                self.kept_bytes += bytes;
                open.bytes += bytes;
            }
            Err(why) => {
                self.kept_bytes -= open.bytes;
                open.bytes = 0;
                open.documents = Vec::new();
                open.spoiled = Some(why);
            }
        }
    }

    /// Judges a network's end. None for one that is not, or no longer, waited for.
    ///
    /// # Errors
    /// The own replica's state cannot be read.
    pub fn end(
        &mut self,
        snapshot: &Snapshot<'_>,
        wire: v1::NetworkEnd,
    ) -> Result<Option<Ended>, LedgerFault> {
        let known = wire
            .network
            .parse::<NetworkId>()
            .ok()
            .and_then(|network| self.open.remove_entry(&network));
        let Some((network, open)) = known else {
            tracing::warn!(request_id = %self.record.request_id, "the broker sent an end nobody waits for");
            return Ok(None);
        };
        self.kept_bytes -= open.bytes;
        let claimed = wire.outcome.map(NetworkOutcome::try_from);
        let outcome = match (&open.decided, claimed) {
            (Decided::Denied(outcome), _) => outcome.clone(),
            (Decided::Permit(permit), Some(Ok(claimed))) => match &claimed {
                NetworkOutcome::Answered { .. } | NetworkOutcome::PatientUnknown => {
                    let statement = wire.statement.as_ref();
                    match self.answered(snapshot, permit, &open, statement, &claimed)? {
                        Ok(()) => claimed,
                        Err(why) => self.malformed(&network, &why),
                    }
                }
                NetworkOutcome::Denied { .. } => {
                    self.malformed(&network, "the broker denies what the ledger permits")
                }
                NetworkOutcome::TimedOut { .. }
                | NetworkOutcome::Unreachable
                | NetworkOutcome::Malformed
                | NetworkOutcome::Suspended
                | NetworkOutcome::Stale => claimed,
            },
            (Decided::Permit(_), None | Some(Err(_))) => {
                self.malformed(&network, "the broker names no outcome")
            }
        };
        Ok(Some(self.ended(
            network,
            outcome,
            open,
            wire.elapsed_ms,
            wire.statement,
        )))
    }

    /// Ends every network the broker left open: with the ledger's denial, or with what happened to the answers.
    pub fn close(&mut self, happened: &NetworkOutcome, elapsed_ms: u64) -> Vec<Ended> {
        std::mem::take(&mut self.open)
            .into_iter()
            .map(|(network, open)| {
                let outcome = match &open.decided {
                    Decided::Denied(outcome) => outcome.clone(),
                    Decided::Permit(_) => happened.clone(),
                };
                self.ended(network, outcome, open, elapsed_ms, None)
            })
            .collect()
    }

    /// Whether every asked network has ended.
    pub fn is_complete(&self) -> bool {
        self.open.is_empty()
    }

    /// How many were asked and what they ended in: counted here, not taken from the broker.
    pub fn summary(&self, elapsed_ms: u64) -> v1::Summary {
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        for outcome in self.outcomes.values() {
            *counts.entry(outcome.code()).or_default() += 1;
        }
        v1::Summary {
            asked: u32::try_from(self.record.decisions.len()).unwrap_or(u32::MAX),
            outcomes: counts
                .into_iter()
                .map(|(outcome, networks)| v1::OutcomeCount {
                    outcome: outcome.to_owned(),
                    networks,
                })
                .collect(),
            elapsed_ms,
            result: None,
        }
    }

    fn answered(
        &self,
        snapshot: &Snapshot<'_>,
        permit: &sekisho_ledger::Permit,
        open: &Open,
        statement: Option<&v1::Envelope>,
        claimed: &NetworkOutcome,
    ) -> Result<Result<(), String>, LedgerFault> {
        if let Some(why) = open.spoiled {
            return Ok(Err(why.to_owned()));
        }
        let count = match claimed {
            NetworkOutcome::Answered { count } => *count,
            _ => 0,
        };
        if count != open.documents.len() as u64 {
            return Ok(Err("the count is not that of the documents".to_owned()));
        }
        for document in &open.documents {
            if !covered(snapshot, permit, document)? {
                return Ok(Err("a document is not covered by the permit".to_owned()));
            }
        }
        let network = permit.network();
        stated(
            snapshot,
            &self.record,
            network,
            statement,
            claimed,
            open.hash.clone().finish(),
        )
    }

    fn malformed(&self, network: &NetworkId, why: &str) -> NetworkOutcome {
        tracing::warn!(request_id = %self.record.request_id, %network, why, "an answer is not valid");
        NetworkOutcome::Malformed
    }

    fn ended(
        &mut self,
        network: NetworkId,
        outcome: NetworkOutcome,
        open: Open,
        elapsed_ms: u64,
        statement: Option<v1::Envelope>,
    ) -> Ended {
        self.outcomes.insert(network.clone(), outcome.clone());
        let footing = open.decided.footing();
        let (documents, statement) = match (&open.decided, &outcome) {
            (Decided::Permit(_), NetworkOutcome::Answered { .. }) => (open.documents, statement),
            (Decided::Permit(_), NetworkOutcome::PatientUnknown) => (Vec::new(), statement),
            _ => (Vec::new(), None),
        };
        Ended {
            network,
            outcome,
            documents,
            elapsed_ms,
            statement,
            footing,
        }
    }
}

#[cfg(test)]
#[path = "find_test.rs"]
mod tests;
