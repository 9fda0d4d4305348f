//! A document's entry looked at where it lies, for whoever passes it on as it came (`exchange.proto`, DocumentPage).
//!
//! A broker passes on some twenty entries of each network, each with some twenty strings that it has no use for. Reading
//! one here takes no memory, and accepts exactly what [`v1::DocumentEntry`] decodes from; a test compares the two.

use crate::v1;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// What a broker looks at of a [`v1::DocumentEntry`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EntryInPlace<'a> {
    /// `unique_id`.
    pub unique_id: &'a str,
    /// `facility`.
    pub facility: &'a str,
    /// `category`, by number.
    pub category: i32,
    /// `hash`.
    pub hash: &'a [u8],
}

/// The bytes are no encoded `DocumentEntry`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the bytes are no document's entry")]
pub struct NoEntry;

impl<'a> EntryInPlace<'a> {
    /// Reads all of the entry, also what is not handed out.
    ///
    /// # Errors
    /// [`NoEntry`] where `v1::DocumentEntry::decode` has one.
    pub fn read(mut encoded: &'a [u8]) -> Result<Self, NoEntry> {
        let mut entry = Self::default();
        while !encoded.is_empty() {
            let (tag, wire) = key(&mut encoded)?;
            match tag {
                1 => entry.unique_id = text(wire, &mut encoded)?,
                2 => entry.facility = text(wire, &mut encoded)?,
                // As protobuf has it: an enum is an int32, the low half of its varint.
                3 => entry.category = number(wire, &mut encoded)? as i32,
                4 | 5 | 6 | 12 | 13 => coded(piece(wire, &mut encoded)?)?,
                7 | 8 | 16 | 17 => drop(text(wire, &mut encoded)?),
                9 | 10 | 11 | 15 | 18 => drop(number(wire, &mut encoded)?),
                14 => entry.hash = piece(wire, &mut encoded)?,
                _ => skip(tag, wire, &mut encoded)?,
            }
        }
        Ok(entry)
    }
}

impl<'a> From<&'a v1::DocumentEntry> for EntryInPlace<'a> {
    fn from(entry: &'a v1::DocumentEntry) -> Self {
        Self {
            unique_id: &entry.unique_id,
            facility: &entry.facility,
            category: entry.category,
            hash: &entry.hash,
        }
    }
}

/// A `Coded` is three strings.
fn coded(mut encoded: &[u8]) -> Result<(), NoEntry> {
    while !encoded.is_empty() {
        let (tag, wire) = key(&mut encoded)?;
        match tag {
            1..=3 => drop(text(wire, &mut encoded)?),
            _ => skip(tag, wire, &mut encoded)?,
        }
    }
    Ok(())
}

fn key(from: &mut &[u8]) -> Result<(u32, WireType), NoEntry> {
    decode_key(from).map_err(|_| NoEntry)
}

fn number(wire: WireType, from: &mut &[u8]) -> Result<u64, NoEntry> {
    if wire != WireType::Varint {
        return Err(NoEntry);
    }
    decode_varint(from).map_err(|_| NoEntry)
}

fn piece<'a>(wire: WireType, from: &mut &'a [u8]) -> Result<&'a [u8], NoEntry> {
    if wire != WireType::LengthDelimited {
        return Err(NoEntry);
    }
    let length = decode_varint(from).map_err(|_| NoEntry)?;
    let length = usize::try_from(length).map_err(|_| NoEntry)?;
    let (piece, rest) = from.split_at_checked(length).ok_or(NoEntry)?;
    *from = rest;
    Ok(piece)
}

fn text<'a>(wire: WireType, from: &mut &'a [u8]) -> Result<&'a str, NoEntry> {
    std::str::from_utf8(piece(wire, from)?).map_err(|_| NoEntry)
}

/// A field of a later version.
fn skip(tag: u32, wire: WireType, from: &mut &[u8]) -> Result<(), NoEntry> {
    skip_field(wire, tag, from, DecodeContext::default()).map_err(|_| NoEntry)
}
