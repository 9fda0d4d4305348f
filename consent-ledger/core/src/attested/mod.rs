//! What a voter says about rows of the state, signed, and what two voters say alike: for a node without a replica of
//! its own, which believes no voter alone (docs/spec/state-replies.md).
//!
//! ```text
//! Ed25519 by the voter's checkpoint key over
//!   "sekisho/state/v1\n" | ledger id (32 bytes) | nonce (16 bytes) | SHA-256(questions) | SHA-256(meta row, answers)
//! ```
//! In both hashes each list is preceded by its length and each string of bytes by its own (8 bytes, big endian).
//! [`Attested`] has private fields: only [`Attested::check`] makes one.

mod agree;

pub use agree::{Agreed, Apart, Differs, agree, settle};

use crate::ProofError;
use crate::record::{self, Record};
use crate::signature::{Signature, SigningKey, VerifyingKey};
use crate::store::{Row, StateRead, Table};
use crate::view::{META_KEY, Meta};
use sekisho_domain::{LedgerId, NetworkId, PublicKey, ReplicaId};
use sekisho_proto::v1;
use sha2::{Digest, Sha256};
use std::convert::Infallible;

/// Questions of one request: those of an answer about many facilities, some times over. With keys of the usual length
/// they fit into what a replica takes at once.
pub const QUESTIONS_MAX: usize = 512;
/// Bytes of the rows of one reply: every key of a large federation, below gRPC's 4 MiB.
pub const REPLY_BYTES_MAX: usize = 3 * 1024 * 1024;
/// Longest key that is asked for: beyond every key there is.
const KEY_BYTES_MAX: usize = 1_024;
/// Rows read from the store at a time, so that a question about many is bounded before they are all in memory.
const ROWS_AT_ONCE: usize = 64;
/// What each row counts beside its bytes, as it travels.
const ROW_BYTES: usize = 16;

/// Bytes of a [`Nonce`].
pub const NONCE_BYTES: usize = 16;
/// Random, and never used twice: an old reply answers no new request.
pub type Nonce = [u8; NONCE_BYTES];

/// One question to a table.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Question {
    /// The table; not [`Table::Meta`], whose one row comes with every reply.
    pub table: Table,
    /// The row's key, or what keys begin with.
    pub key: Vec<u8>,
    /// For the rows whose keys begin with it: from which key on, and how many at most.
    pub scan: Option<(Vec<u8>, u32)>,
}

impl Question {
    /// Whether rows that were there once are never written again: leaves, and what follows from them for good.
    pub fn is_final(&self) -> bool {
        let tables = [Table::Leaf, Table::TreeNode, Table::RestsOn, Table::Access];
        self.scan.is_none() && tables.contains(&self.table)
    }

    /// Whether these rows can answer it.
    fn fits(&self, rows: &[Row]) -> bool {
        match &self.scan {
            None => rows.len() <= 1 && rows.iter().all(|(key, _)| *key == self.key),
            Some((from, max)) => {
                let ascending = rows.windows(2).all(|pair| match pair {
                    [(a, _), (b, _)] => a < b,
                    _ => true,
                });
                let inside = |(key, _): &Row| key.starts_with(&self.key) && key >= from;
                ascending && rows.len() as u64 <= u64::from(*max) && rows.iter().all(inside)
            }
        }
    }
}

impl From<&Question> for v1::StateQuestion {
    fn from(question: &Question) -> Self {
        let scan = question.scan.clone();
        Self {
            table: question.table as u32,
            key: question.key.clone(),
            scan: scan.map(|(from, max)| v1::StateScan { from, max }),
        }
    }
}

impl TryFrom<v1::StateQuestion> for Question {
    type Error = AskFault;
    fn try_from(wire: v1::StateQuestion) -> Result<Self, AskFault> {
        let known = Table::ALL.into_iter().find(|t| *t as u32 == wire.table);
        let table = known.filter(|t| *t != Table::Meta);
        let table = table.ok_or(AskFault::Table(wire.table))?;
        let scan = wire.scan.map(|scan| (scan.from, scan.max));
        let from = scan.as_ref().map_or(0, |(from, _)| from.len());
        let got = wire.key.len().max(from);
        if got > KEY_BYTES_MAX {
            return Err(AskFault::Key(got));
        }
        let key = wire.key;
        Ok(Self { table, key, scan })
    }
}

/// A request, parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    /// Binds the reply to this request.
    pub nonce: Nonce,
    /// How many leaves must be applied.
    pub min_size: u64,
    /// What is asked.
    pub questions: Vec<Question>,
}

/// Why a request is not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AskFault {
    /// A nonce of another length.
    #[error("the nonce has {0} bytes instead of {NONCE_BYTES}")]
    Nonce(usize),
    /// Too many questions.
    #[error("{0} questions at once, at most {QUESTIONS_MAX} are answered")]
    Questions(usize),
    /// A table that is none, or whose row comes anyway.
    #[error("{0} is not the number of a table that is asked for")]
    Table(u32),
    /// A key that cannot be one.
    #[error("a key of {0} bytes, at most {KEY_BYTES_MAX} are looked up")]
    Key(usize),
    /// The rows are more than one reply carries.
    #[error("the rows are more than the {REPLY_BYTES_MAX} bytes of a reply")]
    TooLarge,
    /// There is nothing to ask.
    #[error("the ledger has not been founded")]
    NotFounded,
}

impl From<&Ask> for v1::StateRequest {
    fn from(ask: &Ask) -> Self {
        Self {
            nonce: ask.nonce.to_vec(),
            min_size: ask.min_size,
            questions: ask.questions.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<v1::StateRequest> for Ask {
    type Error = AskFault;
    fn try_from(wire: v1::StateRequest) -> Result<Self, AskFault> {
        let nonce = Nonce::try_from(wire.nonce.as_slice());
        let nonce = nonce.map_err(|_| AskFault::Nonce(wire.nonce.len()))?;
        if wire.questions.len() > QUESTIONS_MAX {
            return Err(AskFault::Questions(wire.questions.len()));
        }
        let questions = wire.questions.into_iter().map(TryInto::try_into);
        Ok(Self {
            nonce,
            min_size: wire.min_size,
            questions: questions.collect::<Result<_, _>>()?,
        })
    }
}

/// Hashes strings and lists unambiguously.
#[derive(Default)]
struct Lengths(Sha256);

impl Lengths {
    fn number(&mut self, number: usize) {
        self.0.update((number as u64).to_be_bytes());
    }
    fn bytes(&mut self, bytes: &[u8]) {
        self.number(bytes.len());
        self.0.update(bytes);
    }
}

/// What is signed.
fn message(ledger: &LedgerId, ask: &Ask, meta: &[u8], answers: &[Vec<Row>]) -> Vec<u8> {
    let mut asked = Lengths::default();
    asked.number(ask.questions.len());
    for question in &ask.questions {
        asked.number(question.table as usize);
        asked.bytes(&question.key);
        match &question.scan {
            None => asked.number(0),
            Some((from, max)) => {
                asked.number(1);
                asked.bytes(from);
                asked.number(*max as usize);
            }
        }
    }
    let mut said = Lengths::default();
    said.bytes(meta);
    said.number(answers.len());
    for rows in answers {
        said.number(rows.len());
        for (key, value) in rows {
            said.bytes(key);
            said.bytes(value);
        }
    }
    [
        b"sekisho/state/v1\n".as_slice(),
        &ledger.0,
        &ask.nonce,
        &asked.0.finalize(),
        &said.0.finalize(),
    ]
    .concat()
}

/// Answers a request from one consistent state and signs that with the replica's checkpoint key. Whether so many
/// leaves are applied is the caller's to wait for.
///
/// # Errors
/// Storage failed; or, inside, [`AskFault`].
pub fn attest<S: StateRead>(
    state: &S,
    ledger: &LedgerId,
    ask: &Ask,
    key: &SigningKey,
) -> Result<Result<v1::StateReply, AskFault>, S::Error> {
    let Some(meta) = state.get(Table::Meta, META_KEY)? else {
        return Ok(Err(AskFault::NotFounded));
    };
    let mut room = REPLY_BYTES_MAX;
    let mut answers = Vec::with_capacity(ask.questions.len());
    for question in &ask.questions {
        match rows(state, question, &mut room)? {
            Some(rows) => answers.push(rows),
            None => return Ok(Err(AskFault::TooLarge)),
        }
    }
    let signature = key.sign(&message(ledger, ask, &meta, &answers));
    let row = |(key, value)| v1::StateRow { key, value };
    let answer = |rows: Vec<Row>| v1::StateAnswer {
        rows: rows.into_iter().map(row).collect(),
    };
    Ok(Ok(v1::StateReply {
        meta,
        answers: answers.into_iter().map(answer).collect(),
        signature: signature.0.to_vec(),
    }))
}

/// The rows that answer a question; none where there is no room for them.
fn rows<S: StateRead>(
    state: &S,
    question: &Question,
    room: &mut usize,
) -> Result<Option<Vec<Row>>, S::Error> {
    let mut found: Vec<Row> = Vec::new();
    let mut take = |rows: Vec<Row>, found: &mut Vec<Row>| {
        for row in rows {
            let left = room.checked_sub(row.0.len() + row.1.len() + ROW_BYTES)?;
            *room = left;
            found.push(row);
        }
        Some(())
    };
    let Some((from, max)) = &question.scan else {
        let value = state.get(question.table, &question.key)?;
        let row = value.map(|value| (question.key.clone(), value));
        return Ok(take(row.into_iter().collect(), &mut found).map(|()| found));
    };
    let mut from = from.clone();
    loop {
        let left = (*max as usize)
            .saturating_sub(found.len())
            .min(ROWS_AT_ONCE);
        let page = state.scan(question.table, &question.key, &from, left)?;
        let full = page.len() == left && left > 0;
        if take(page, &mut found).is_none() {
            return Ok(None);
        }
        match found.last() {
            // The key right behind the last.
            Some((last, _)) if full => from = [last.as_slice(), b"\0"].concat(),
            _ => return Ok(Some(found)),
        }
    }
}

/// A voter, as it is known from the founding file or by what two others said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voter {
    /// Which replica.
    pub replica: ReplicaId,
    /// The network that runs it.
    pub network: NetworkId,
    /// Its checkpoint key.
    pub key: PublicKey,
}

/// Why a reply is not that voter's word about this request.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SaidFault {
    /// The signature does not hold over this request, these rows, this ledger.
    #[error("the signature does not hold")]
    Signature(#[source] ProofError),
    /// Not as many answers as questions.
    #[error("{got} answers to {asked} questions")]
    Answers {
        /// How many came.
        got: usize,
        /// How many were asked for.
        asked: usize,
    },
    /// Rows that do not answer the question.
    #[error("the rows do not answer question {0}")]
    Rows(usize),
    /// Where the ledger stands cannot be read.
    #[error("where the ledger stands cannot be read: {0}")]
    Meta(String),
    /// It stands for another ledger.
    #[error("it is about ledger {0}")]
    OtherLedger(LedgerId),
    /// It says itself that it has not got that far.
    #[error("it has {got} leaves, {asked} were asked for")]
    TooEarly {
        /// How many it has.
        got: u64,
        /// How many were asked for.
        asked: u64,
    },
}

/// What one voter said to one request, and signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attested {
    by: Voter,
    meta: Meta,
    answers: Vec<Vec<Row>>,
}

impl Attested {
    /// Checks that a reply is this voter's word to this request about this ledger.
    ///
    /// # Errors
    /// [`SaidFault`], the first thing that is wrong.
    pub fn check(
        reply: v1::StateReply,
        ask: &Ask,
        ledger: &LedgerId,
        by: &Voter,
    ) -> Result<Self, SaidFault> {
        let rows = |answer: v1::StateAnswer| -> Vec<Row> {
            let rows = answer.rows.into_iter();
            rows.map(|row| (row.key, row.value)).collect()
        };
        let answers: Vec<_> = reply.answers.into_iter().map(rows).collect();
        let holds = VerifyingKey::parse(&by.key).and_then(|key| {
            let signature = Signature::try_from(reply.signature.as_slice())?;
            key.verify(&message(ledger, ask, &reply.meta, &answers), &signature)
        });
        holds.map_err(SaidFault::Signature)?;
        let (got, asked) = (answers.len(), ask.questions.len());
        if got != asked {
            return Err(SaidFault::Answers { got, asked });
        }
        let mut each = ask.questions.iter().zip(&answers);
        if let Some(wrong) = each.position(|(question, rows)| !question.fits(rows)) {
            return Err(SaidFault::Rows(wrong));
        }
        let meta = record::decode::<Infallible, Meta>(Table::Meta, META_KEY, &reply.meta);
        let meta = meta.map_err(|e| SaidFault::Meta(e.to_string()))?.value;
        if meta.ledger != *ledger {
            return Err(SaidFault::OtherLedger(meta.ledger));
        }
        if meta.size < ask.min_size {
            let (got, asked) = (meta.size, ask.min_size);
            return Err(SaidFault::TooEarly { got, asked });
        }
        let by = by.clone();
        Ok(Self { by, meta, answers })
    }

    /// Who said it.
    pub fn by(&self) -> &Voter {
        &self.by
    }

    /// Where the ledger stands there.
    pub fn meta(&self) -> &Meta {
        &self.meta
    }
}

/// Where the ledger stands, as the row of the state.
///
/// # Errors
/// It cannot be written, which no value of the type is known for.
pub fn meta_row(meta: &Meta) -> Result<Row, String> {
    let row = record::encode(&Record::founded(meta.clone()));
    row.map(|row| (META_KEY.to_vec(), row))
        .map_err(|e| e.to_string())
}

#[cfg(test)]
#[path = "../attested_test.rs"]
mod tests;
