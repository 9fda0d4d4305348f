//! What people decided about whose chart is whose, cards given to patients, and links other networks asked for. None of
//! it can be rebuilt from a source.
//!
//! A decision is never changed: taking it back is written beside it, with who and why. Decisions name charts, not
//! pseudonyms, so erasing a subject leaves them; cards and proposals name pseudonyms, and go.

use super::{
    CARDS, Change, DECISIONS, NodeStore, PROPOSALS, StoreError, format, patients, subjects,
};
use crate::bounds::{DECISIONS_MAX, PROPOSALS_MAX};
use redb::{ReadableTable, ReadableTableMetadata, WriteTransaction};
use sekisho_documents::Patient;
use sekisho_domain::{EntryIndex, NetworkId, SubjectId, SubjectRef, TimeMs};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::sync::atomic::Ordering;

const DECISION: &str = "a decision about charts";
const PROPOSAL: &str = "a proposed link";
const CARD: &str = "a patient's card";

/// Who said something, why and when.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Local identifier of who.
    pub who: String,
    /// Why, in their words.
    pub why: String,
    /// When.
    pub at: TimeMs,
}

impl std::fmt::Debug for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Said({}, words withheld)", self.at)
    }
}

/// What somebody decided about two charts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredDecision {
    /// One chart.
    pub a: Patient,
    /// The other.
    pub b: Patient,
    /// Whether they are one person's.
    pub same: bool,
    /// Who says so.
    pub said: Said,
    /// Who took it back.
    pub undone: Option<Said>,
}

/// A link that another network's search gave rise to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredProposal {
    /// The search's access request.
    pub access: EntryIndex,
    /// Whether a rule or a card says that it is this patient.
    pub certain: bool,
    /// Whether it was found under a disaster declaration, where nobody here may be reached.
    pub disaster: bool,
    /// How each item fitted: codes.
    pub agreed: Vec<(String, String)>,
    /// When it was found.
    pub at: TimeMs,
    /// Whether this network searched, and found the other's patient; otherwise the other did.
    pub here: bool,
    /// Who here looked at both, by local identifier.
    pub confirmed_by: Vec<String>,
}

/// What this network found and what another did are two things, though they are about the same two.
fn proposal_key(own: &SubjectId, other: &SubjectRef, here: bool) -> Vec<u8> {
    let network = other.network.as_str().as_bytes();
    let subjects = [own.as_bytes().as_slice(), other.subject.as_bytes()].concat();
    [&subjects, [here.into()].as_slice(), network].concat()
}

fn proposal_of(key: &[u8]) -> Option<(SubjectId, SubjectRef)> {
    let (own, rest) = key.split_at_checked(SubjectId::LEN)?;
    let (other, rest) = rest.split_at_checked(SubjectId::LEN)?;
    let (_, network) = rest.split_first()?;
    let network: NetworkId = std::str::from_utf8(network).ok()?.parse().ok()?;
    let other = SubjectRef {
        network,
        subject: SubjectId::try_from(other).ok()?,
    };
    Some((SubjectId::try_from(own).ok()?, other))
}

/// Under what a card is kept: never its secret itself.
fn card_key(secret: &[u8]) -> [u8; 32] {
    Sha256::digest([b"sekisho card v1".as_slice(), secret].concat()).into()
}

impl NodeStore {
    /// Keeps a decision and what charts become whose by it, both or neither; its number.
    ///
    /// # Errors
    /// [`StoreError::Moved`], [`StoreError::Full`], [`StoreError::Erased`]; or the database failed.
    pub fn put_decision(
        &self,
        decision: &StoredDecision,
        charts: &[Change],
    ) -> Result<u64, StoreError> {
        self.write(|txn| {
            patients::change(txn, charts)?;
            let id = {
                let table = txn.open_table(DECISIONS).map_err(StoreError::database)?;
                table.len().map_err(StoreError::database)?
            };
            if id >= DECISIONS_MAX {
                return Err(StoreError::Full {
                    what: DECISION,
                    max: DECISIONS_MAX,
                });
            }
            format::put(txn, DECISIONS, DECISION, &id.to_be_bytes(), decision)?;
            Ok(id)
        })
    }

    /// Takes a decision back, with what charts become whose by that; it as it was.
    ///
    /// # Errors
    /// [`StoreError::NoSuchDecision`], also for one taken back before; [`StoreError::Moved`], [`StoreError::Full`],
    /// [`StoreError::Erased`]; or the database failed.
    pub fn undo_decision(
        &self,
        id: u64,
        said: &Said,
        charts: &[Change],
    ) -> Result<StoredDecision, StoreError> {
        self.write(|txn| {
            patients::change(txn, charts)?;
            let key = id.to_be_bytes();
            let known = format::get_in::<StoredDecision>(txn, DECISIONS, DECISION, &key)?;
            let standing = known.filter(|decision| decision.undone.is_none());
            let decision = standing.ok_or(StoreError::NoSuchDecision(id))?;
            let undone = StoredDecision {
                undone: Some(said.clone()),
                ..decision.clone()
            };
            format::put(txn, DECISIONS, DECISION, &key, &undone)?;
            Ok(decision)
        })
    }

    /// Every decision, oldest first, with its number.
    ///
    /// # Errors
    /// The database failed.
    pub fn decisions(&self) -> Result<Vec<(u64, StoredDecision)>, StoreError> {
        let txn = self.read()?;
        let table = txn.open_table(DECISIONS).map_err(StoreError::database)?;
        let rows = table.iter().map_err(StoreError::database)?;
        rows.map(|row| {
            let (key, value) = row.map_err(StoreError::database)?;
            let id = key.value().try_into().map(u64::from_be_bytes);
            let id = id.map_err(|_| StoreError::Damaged(DECISION))?;
            Ok((id, format::decode(DECISION, value.value())?))
        })
        .collect()
    }

    /// Keeps a proposed link; one that stands already is replaced. The oldest make room for more.
    ///
    /// # Errors
    /// [`StoreError::Erased`]; or the database failed.
    pub fn put_proposal(
        &self,
        own: &SubjectId,
        other: &SubjectRef,
        proposal: &StoredProposal,
    ) -> Result<(), StoreError> {
        self.write(|txn| {
            subjects::check(txn, own)?;
            make_room(txn)?;
            let key = proposal_key(own, other, proposal.here);
            format::put(txn, PROPOSALS, PROPOSAL, &key, proposal)
        })?;
        self.proposals_written.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    /// How many links are proposed.
    ///
    /// # Errors
    /// The database failed.
    pub fn proposals_total(&self) -> Result<u64, StoreError> {
        let txn = self.read()?;
        let table = txn.open_table(PROPOSALS).map_err(StoreError::database)?;
        table.len().map_err(StoreError::database)
    }

    /// How often proposals have changed since the store was opened.
    pub fn proposals_written(&self) -> u64 {
        self.proposals_written.load(Ordering::SeqCst)
    }

    /// Every proposed link: the own subject, the other network's, and what it rests on.
    ///
    /// # Errors
    /// The database failed.
    #[allow(clippy::type_complexity, reason = "a row as it stands")]
    pub fn proposals(&self) -> Result<Vec<(SubjectId, SubjectRef, StoredProposal)>, StoreError> {
        let txn = self.read()?;
        let table = txn.open_table(PROPOSALS).map_err(StoreError::database)?;
        let rows = table.iter().map_err(StoreError::database)?;
        rows.map(|row| {
            let (key, value) = row.map_err(StoreError::database)?;
            let pair = proposal_of(key.value()).ok_or(StoreError::Damaged(PROPOSAL))?;
            Ok((pair.0, pair.1, format::decode(PROPOSAL, value.value())?))
        })
        .collect()
    }

    /// What this network found by a search of its own that may be linked, if it is kept.
    ///
    /// # Errors
    /// The database failed.
    pub fn found_here(
        &self,
        own: &SubjectId,
        other: &SubjectRef,
    ) -> Result<Option<StoredProposal>, StoreError> {
        let key = proposal_key(own, other, true);
        format::get(&self.read()?, PROPOSALS, PROPOSAL, &key)
    }

    /// Forgets a link that another network proposed, or that this one found.
    ///
    /// # Errors
    /// The database failed.
    pub fn forget_proposal(
        &self,
        own: &SubjectId,
        other: &SubjectRef,
        here: bool,
    ) -> Result<(), StoreError> {
        self.write(|txn| {
            let mut table = txn.open_table(PROPOSALS).map_err(StoreError::database)?;
            let key = proposal_key(own, other, here);
            table.remove(key.as_slice()).map_err(StoreError::database)?;
            Ok(())
        })
    }

    /// Makes a secret the patient's card, in the place of the one before.
    ///
    /// # Errors
    /// [`StoreError::Erased`]; or the database failed.
    pub fn put_card(&self, subject: &SubjectId, secret: &[u8]) -> Result<(), StoreError> {
        self.write(|txn| {
            subjects::check(txn, subject)?;
            for earlier in subjects::ids(txn, subject, subjects::CARD)? {
                let mut cards = txn.open_table(CARDS).map_err(StoreError::database)?;
                let removed = cards.remove(earlier.as_slice());
                removed.map_err(StoreError::database)?;
                drop(cards);
                subjects::remove(txn, subject, subjects::CARD, &earlier)?;
            }
            let key = card_key(secret);
            format::put(txn, CARDS, CARD, &key, subject)?;
            subjects::put(txn, subject, subjects::CARD, &key)
        })
    }

    /// Whose card has this secret.
    ///
    /// # Errors
    /// The database failed.
    pub fn card(&self, secret: &[u8]) -> Result<Option<SubjectId>, StoreError> {
        format::get(&self.read()?, CARDS, CARD, &card_key(secret))
    }
}

/// Takes the oldest proposals out where there are as many as may be.
fn make_room(txn: &WriteTransaction) -> Result<(), StoreError> {
    let mut table = txn.open_table(PROPOSALS).map_err(StoreError::database)?;
    if table.len().map_err(StoreError::database)? < PROPOSALS_MAX {
        return Ok(());
    }
    let mut oldest: Option<(TimeMs, Vec<u8>)> = None;
    for row in table.iter().map_err(StoreError::database)? {
        let (key, value) = row.map_err(StoreError::database)?;
        let proposal: StoredProposal = format::decode(PROPOSAL, value.value())?;
        if oldest.as_ref().is_none_or(|(at, _)| proposal.at < *at) {
            oldest = Some((proposal.at, key.value().to_vec()));
        }
    }
    if let Some((_, key)) = oldest {
        table.remove(key.as_slice()).map_err(StoreError::database)?;
    }
    Ok(())
}

#[cfg(test)]
#[path = "links_test.rs"]
mod tests;
