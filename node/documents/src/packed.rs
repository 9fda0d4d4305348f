//! Rows packed into blocks.
//!
//! sled keeps a page for every nine to sixteen rows, however short they are, and some hundred bytes of memory for every
//! page, whether it is read or not. So rows that stand next to each other share one of sled's: a block.
//!
//! ```text
//! key     where the block begins: it holds every row from there on and before the next block of its tag, the first
//!         byte; the first block of a tag begins at the tag itself
//! value   version byte, then each row in order: bytes its key shares with the key before, the other ones,
//!         bytes its value shares with the value before, the other ones; in postcard
//! ```

use crate::Error;
use crate::layout::{FORMAT_VERSION, behind};
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::ops::Range;

/// Bytes beyond which a block is divided; one row may be longer. Larger blocks are fewer pages, but a row put among
/// others writes its whole block anew.
pub(crate) const BLOCK_BYTES: usize = 1024;

const CORRUPT: Error = Error::Corrupt { what: "block" };

/// A key and a value.
pub(crate) type Row = (Vec<u8>, Vec<u8>);

/// Rows by key.
pub(crate) type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// What becomes of rows: a value, or none any more.
pub(crate) type Writes = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// A row's value.
///
/// # Errors
/// A storage error.
pub(crate) fn get(db: &sled::Tree, key: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    let Some((_, stored)) = covering(db, key)? else {
        return Ok(None);
    };
    let mut reading = Reading::of(&stored)?;
    Ok((reading.reaches(key)? && reading.key == key).then_some(reading.value))
}

/// Those rows that there are of some keys in order.
///
/// # Errors
/// A storage error.
pub(crate) fn get_each(
    db: &sled::Tree,
    keys: impl IntoIterator<Item = Vec<u8>>,
) -> Result<Rows, Error> {
    let (mut found, mut keys) = (Rows::new(), keys.into_iter().peekable());
    while let Some(key) = keys.next() {
        let Some((_, stored)) = covering(db, &key)? else {
            continue;
        };
        let mut reading = Reading::of(&stored)?;
        let mut wanted = reading.reaches(&key)?.then_some(key);
        while let Some(key) = wanted {
            if reading.key == key {
                found.insert(key, reading.value.clone());
            }
            wanted = match keys.peek() {
                Some(next) if reading.reaches(next)? => keys.next(),
                _ => None,
            };
        }
    }
    Ok(found)
}

/// Rows from one key on and before another, in order.
///
/// # Errors
/// A storage error, at once or in the place of rows.
pub(crate) fn range(
    db: &sled::Tree,
    keys: Range<Vec<u8>>,
) -> Result<impl Iterator<Item = Result<Row, Error>>, Error> {
    let first = match covering(db, &keys.start)? {
        Some((from, _)) => from,
        None => keys.start.as_slice().into(),
    };
    let rows = db
        .range(first..keys.end.as_slice().into())
        .flat_map(|block| {
            let rows = block.map_err(Error::from);
            match rows.and_then(|(_, stored)| rows_of(&stored)) {
                Ok(rows) => rows.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            }
        });
    Ok(rows.filter(move |row| row.as_ref().map_or(true, |(key, _)| keys.contains(key))))
}

/// The last key up to one, of the same tag.
///
/// # Errors
/// A storage error.
pub(crate) fn last(db: &sled::Tree, key: Vec<u8>) -> Result<Option<Vec<u8>>, Error> {
    Ok(match covering(db, &key)? {
        Some((_, stored)) => decode(&stored)?
            .range(..=key)
            .next_back()
            .map(|(key, _)| key.clone()),
        None => None,
    })
}

/// The batch that writes rows, each in its block.
///
/// # Errors
/// A storage error.
pub(crate) fn batch(db: &sled::Tree, writes: Writes) -> Result<sled::Batch, Error> {
    let (mut batch, mut writes) = (sled::Batch::default(), writes.into_iter().peekable());
    while let Some((key, _)) = writes.peek() {
        let mut block = Block::of(db, key)?;
        while let Some((key, value)) = writes.next_if(|(key, _)| block.covers(key)) {
            match value {
                Some(value) => block.rows.insert(key, value),
                None => block.rows.remove(&key),
            };
        }
        block.put(&mut batch)?;
    }
    Ok(batch)
}

/// The last block of the same tag that begins at a key or before it.
fn covering(db: &sled::Tree, key: &[u8]) -> Result<Option<(sled::IVec, sled::IVec)>, Error> {
    let last = db.get_lt(behind(key.to_vec()))?;
    Ok(last.filter(|(from, _)| from.first() == key.first()))
}

/// All rows from one place on and before another.
struct Block {
    from: sled::IVec,
    until: sled::IVec,
    rows: Rows,
    /// None where there is none yet.
    stored: Option<sled::IVec>,
}

impl Block {
    /// The block a row is in or would be in.
    fn of(db: &sled::Tree, key: &[u8]) -> Result<Self, Error> {
        let tag = *key.first().ok_or(Error::Corrupt { what: "key" })?;
        let (from, stored) = match covering(db, key)? {
            Some((from, stored)) => (from, Some(stored)),
            None => (sled::IVec::from(&[tag]), None),
        };
        let next = db.get_gt(&from)?.map(|(next, _)| next);
        let next = next.filter(|next| next.first() == Some(&tag));
        Ok(Self {
            from,
            until: next.unwrap_or_else(|| sled::IVec::from(&[tag + 1])),
            rows: stored
                .as_deref()
                .map(decode)
                .transpose()?
                .unwrap_or_default(),
            stored,
        })
    }

    fn covers(&self, key: &[u8]) -> bool {
        key < &*self.until
    }

    /// Puts its rows in the place of those stored, divided where they are too many.
    fn put(self, batch: &mut sled::Batch) -> Result<(), Error> {
        let mut blocks = divided(&self.rows)?.into_iter();
        match (blocks.next(), self.stored) {
            (Some((_, block)), Some(stored)) if *stored == block => {}
            (Some((_, block)), _) => batch.insert(self.from, block),
            (None, Some(_)) => batch.remove(self.from),
            (None, None) => {}
        }
        for (from, block) in blocks {
            batch.insert(from, block);
        }
        Ok(())
    }
}

/// The key of a block's first row, and the block.
type Keyed<'a> = (&'a [u8], Vec<u8>);

/// Rows as blocks of about the same size.
fn divided(rows: &Rows) -> Result<Vec<Keyed<'_>>, Error> {
    let whole = encoded(rows, usize::MAX)?;
    let bytes = whole.first().map_or(0, |(_, block)| block.len());
    match bytes.div_ceil(BLOCK_BYTES) {
        0 | 1 => Ok(whole),
        blocks => encoded(rows, bytes / blocks),
    }
}

/// Rows as blocks, each ended by the row that brings it to so many bytes.
fn encoded(rows: &Rows, bytes: usize) -> Result<Vec<Keyed<'_>>, Error> {
    let mut blocks: Vec<Keyed<'_>> = Vec::new();
    let mut before: (&[u8], &[u8]) = (&[], &[]);
    for (key, value) in rows {
        let block = match blocks.pop_if(|(_, block)| block.len() < bytes) {
            Some(block) => block,
            None => {
                before = (&[], &[]);
                (key.as_slice(), vec![FORMAT_VERSION])
            }
        };
        let (shared_key, shared_value) = (shared(key, before.0), shared(value, before.1));
        let row = (
            shared_key,
            Bytes(&key[shared_key..]),
            shared_value,
            Bytes(&value[shared_value..]),
        );
        let extended = postcard::to_extend(&row, block.1).map_err(Error::Encode)?;
        blocks.push((block.0, extended));
        before = (key, value);
    }
    Ok(blocks)
}

fn decode(stored: &[u8]) -> Result<Rows, Error> {
    Ok(rows_of(stored)?.into_iter().collect())
}

fn rows_of(stored: &[u8]) -> Result<Vec<Row>, Error> {
    let (mut rows, mut reading) = (Vec::new(), Reading::of(stored)?);
    while reading.next()? {
        rows.push((reading.key.clone(), reading.value.clone()));
    }
    Ok(rows)
}

/// A block read row by row.
struct Reading<'a> {
    rest: &'a [u8],
    key: Vec<u8>,
    value: Vec<u8>,
}

impl<'a> Reading<'a> {
    fn of(stored: &'a [u8]) -> Result<Self, Error> {
        match stored.split_first() {
            Some((&FORMAT_VERSION, rest)) => Ok(Self {
                rest,
                key: Vec::new(),
                value: Vec::new(),
            }),
            _ => Err(CORRUPT),
        }
    }

    /// Goes to the first row that is not before a key, unless it is there; false if there is none.
    fn reaches(&mut self, key: &[u8]) -> Result<bool, Error> {
        while self.key.as_slice() < key {
            if !self.next()? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Goes to the next row; false behind the last.
    fn next(&mut self) -> Result<bool, Error> {
        if self.rest.is_empty() {
            return Ok(false);
        }
        type Differing<'a> = (usize, &'a [u8], usize, &'a [u8]);
        let row = postcard::take_from_bytes::<Differing<'_>>(self.rest);
        let ((shared_key, key, shared_value, value), rest) = row.map_err(|_| CORRUPT)?;
        if shared_key > self.key.len() || shared_value > self.value.len() {
            return Err(CORRUPT);
        }
        self.key.truncate(shared_key);
        self.key.extend_from_slice(key);
        self.value.truncate(shared_value);
        self.value.extend_from_slice(value);
        self.rest = rest;
        Ok(true)
    }
}

/// How many bytes two begin with alike.
fn shared(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}

/// Bytes as serde has them: not a list of numbers.
struct Bytes<'a>(&'a [u8]);

impl Serialize for Bytes<'_> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_bytes(self.0)
    }
}

#[cfg(test)]
#[path = "packed_test.rs"]
mod tests;
