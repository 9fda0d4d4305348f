//! What the records of many documents have alike, kept once: the attributes of a kind of document, of a department.
//!
//! A record names such a part by its number. Nothing here is meant to be personal; as it comes out of files all the same, a
//! part that no record names any more goes with the next compaction (P11).

use crate::Error;
use crate::layout::{COMMON_TAG, decode, encode, tagged};
use crate::packed::Row;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

/// Most parts kept once: a storage has some tens of kinds, and as many departments for each facility. What comes beyond
/// stands in each record.
pub(crate) const COMMON_MAX: usize = 4096;
/// Longest part kept once, in bytes; with the number of them, what they take of memory at most, and as much again decoded.
pub(crate) const COMMON_BYTES_MAX: usize = 2048;

/// A part of a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Alike {
    /// Kept once, under this number.
    Kept(u32),
    /// Kept in the record.
    Here(Vec<u8>),
}

/// A part kept once: its bytes, and what they say once somebody has read it, shared by all who do.
#[derive(Debug, Clone)]
struct Kept {
    bytes: Arc<[u8]>,
    said: OnceLock<Arc<dyn Any + Send + Sync>>,
}

/// The parts kept once, as the index has them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Common {
    by_number: BTreeMap<u32, Kept>,
    numbers: BTreeMap<Arc<[u8]>, u32>,
}

/// What a part can say.
pub(crate) trait Said: DeserializeOwned + Any + Send + Sync {}

impl<T: DeserializeOwned + Any + Send + Sync> Said for T {}

impl Kept {
    fn said<T: Said>(&self) -> Option<Arc<T>> {
        let said = match self.said.get() {
            Some(said) => Arc::clone(said),
            None => {
                let read: T = postcard::from_bytes(&self.bytes).ok()?;
                Arc::clone(self.said.get_or_init(|| Arc::new(read)))
            }
        };
        said.downcast().ok()
    }
}

impl Common {
    /// Takes up a stored part: its key and value.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub fn take_up(&mut self, key: &[u8], value: &[u8]) -> Result<(), Error> {
        let number = key.get(1..).and_then(|number| number.try_into().ok());
        let number = number.ok_or(Error::Corrupt { what: "key" })?;
        let part: Vec<u8> = decode(value, "part of records")?;
        self.keep(u32::from_be_bytes(number), part.into());
        Ok(())
    }

    fn keep(&mut self, number: u32, part: Arc<[u8]>) {
        let kept = Kept {
            bytes: Arc::clone(&part),
            said: OnceLock::new(),
        };
        self.by_number.insert(number, kept);
        self.numbers.insert(part, number);
    }

    fn next(&self) -> u32 {
        let last = self.by_number.last_key_value();
        last.map_or(0, |(number, _)| number + 1)
    }

    /// A part, kept once unless it is too long or there are too many.
    ///
    /// # Errors
    /// [`Error::Encode`].
    pub fn alike<T: Serialize>(&mut self, part: &T) -> Result<Alike, Error> {
        let part = postcard::to_allocvec(part).map_err(Error::Encode)?;
        if let Some(number) = self.numbers.get(part.as_slice()) {
            return Ok(Alike::Kept(*number));
        }
        if part.len() > COMMON_BYTES_MAX || self.numbers.len() >= COMMON_MAX {
            return Ok(Alike::Here(part));
        }
        let number = self.next();
        self.keep(number, part.into());
        Ok(Alike::Kept(number))
    }

    /// The part a record has.
    ///
    /// # Errors
    /// [`Error::Corrupt`], also where it is kept and is not there.
    pub fn part<T: Said>(&self, alike: &Alike) -> Result<Arc<T>, Error> {
        let part = match alike {
            Alike::Kept(number) => self.by_number.get(number).and_then(Kept::said),
            Alike::Here(part) => postcard::from_bytes(part).ok().map(Arc::new),
        };
        part.ok_or(Error::Corrupt {
            what: "part of records",
        })
    }

    /// How many parts are kept.
    #[cfg(test)]
    pub fn kept(&self) -> usize {
        self.by_number.len()
    }

    /// The rows of what is kept here and was not kept before.
    ///
    /// # Errors
    /// [`Error::Encode`].
    pub fn added_to(&self, before: &Self) -> Result<Vec<Row>, Error> {
        let added = self.by_number.range(before.next()..);
        added
            .map(|(number, part)| Ok((common_key(*number), encode(&part.bytes.to_vec())?)))
            .collect()
    }
}

/// The key of a part kept once.
pub(crate) fn common_key(number: u32) -> Vec<u8> {
    tagged(COMMON_TAG, &number.to_be_bytes())
}
