//! A snapshot's bytes: rows by ascending key, one behind the other.
//!
//! ```text
//! "sekisho/snapshot/v1\n"
//! row*    key length (4, big endian) | value length (4, big endian) | key | value     by ascending key
//! end     ff ff ff ff | number of rows (8, big endian)
//! ```

use crate::ReplicaError;
use std::io::{self, Write};

const MAGIC: &[u8] = b"sekisho/snapshot/v1\n";
const END: u32 = u32::MAX;
/// Longest key or value: far above any row, far below what would exhaust memory.
const ROW_BYTES_MAX: u32 = 16 * 1024 * 1024;

/// Writes rows as a snapshot.
pub(super) struct Writer<W> {
    sink: W,
    rows: u64,
}

impl<W: Write> Writer<W> {
    pub fn begin(mut sink: W) -> io::Result<Self> {
        sink.write_all(MAGIC)?;
        Ok(Self { sink, rows: 0 })
    }

    /// The next row. Its key comes after the one before.
    pub fn row(&mut self, key: &[u8], value: &[u8]) -> io::Result<()> {
        let length = |bytes: &[u8]| match u32::try_from(bytes.len()) {
            Ok(length) if length <= ROW_BYTES_MAX => Ok(length.to_be_bytes()),
            _ => Err(io::Error::other("a row too long for a snapshot")),
        };
        self.sink.write_all(&length(key)?)?;
        self.sink.write_all(&length(value)?)?;
        self.sink.write_all(key)?;
        self.sink.write_all(value)?;
        self.rows += 1;
        Ok(())
    }

    pub fn end(mut self) -> io::Result<()> {
        self.sink.write_all(&END.to_be_bytes())?;
        self.sink.write_all(&self.rows.to_be_bytes())
    }
}

/// Takes a snapshot's bytes as they come and checks that they are one.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// What has come and is not a whole row yet.
    held: Vec<u8>,
    begun: bool,
    /// The last row's key.
    key: Vec<u8>,
    rows: u64,
    over: bool,
}

enum Part<'a> {
    Row { key: &'a [u8], value: &'a [u8] },
    End { rows: u64 },
}

fn word(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (word, rest) = bytes.split_first_chunk()?;
    Some((u32::from_be_bytes(*word), rest))
}

/// The first part of some bytes and what follows it; none if not all of it is there.
fn part(bytes: &[u8]) -> Result<Option<(Part<'_>, &[u8])>, &'static str> {
    let Some((key_length, rest)) = word(bytes) else {
        return Ok(None);
    };
    if key_length == END {
        let rows = rest.split_first_chunk();
        let end = |rows: &[u8; 8]| Part::End {
            rows: u64::from_be_bytes(*rows),
        };
        return Ok(rows.map(|(rows, rest)| (end(rows), rest)));
    }
    let Some((value_length, rest)) = word(rest) else {
        return Ok(None);
    };
    if key_length.max(value_length) > ROW_BYTES_MAX {
        return Err("a key or value longer than any is");
    }
    let row = rest.split_at_checked(key_length as usize);
    Ok(row.and_then(|(key, rest)| {
        let (value, rest) = rest.split_at_checked(value_length as usize)?;
        Some((Part::Row { key, value }, rest))
    }))
}

impl Reader {
    /// The next bytes. Calls `each` with the rows that end in them.
    ///
    /// # Errors
    /// [`ReplicaError::NoSnapshot`], or what `each` returns.
    pub fn take(
        &mut self,
        piece: &[u8],
        mut each: impl FnMut(&[u8], &[u8]) -> Result<(), ReplicaError>,
    ) -> Result<(), ReplicaError> {
        let mut held = std::mem::take(&mut self.held);
        held.extend_from_slice(piece);
        let mut rest = held.as_slice();
        if !self.begun && rest.len() >= MAGIC.len() {
            let after = rest.strip_prefix(MAGIC);
            rest = after.ok_or_else(|| self.wrong("it does not begin as one"))?;
            self.begun = true;
        }
        while self.begun && !self.over {
            let Some((part, after)) = part(rest).map_err(|why| self.wrong(why))? else {
                break;
            };
            match part {
                Part::Row { key, value } => {
                    if self.rows > 0 && key <= self.key.as_slice() {
                        return Err(self.wrong("its key does not come after the one before"));
                    }
                    each(key, value)?;
                    self.rows += 1;
                    self.key.clear();
                    self.key.extend_from_slice(key);
                }
                Part::End { rows } if rows == self.rows => self.over = true,
                Part::End { .. } => return Err(self.wrong("another number of rows is told")),
            }
            rest = after;
        }
        if self.over && !rest.is_empty() {
            return Err(self.wrong("more follows behind its end"));
        }
        let done = held.len() - rest.len();
        held.drain(..done);
        self.held = held;
        Ok(())
    }

    /// No more bytes come.
    ///
    /// # Errors
    /// [`ReplicaError::NoSnapshot`] if more should have come.
    pub fn finish(self) -> Result<(), ReplicaError> {
        if self.over {
            Ok(())
        } else {
            Err(self.wrong("it is cut off"))
        }
    }

    fn wrong(&self, why: &'static str) -> ReplicaError {
        let row = self.rows;
        ReplicaError::NoSnapshot { row, why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    fn written<'a>(rows: impl IntoIterator<Item = (&'a [u8], &'a [u8])>) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer = Writer::begin(&mut bytes).unwrap();
        for (key, value) in rows {
            writer.row(key, value).unwrap();
        }
        writer.end().unwrap();
        bytes
    }

    type Rows = Vec<(Vec<u8>, Vec<u8>)>;

    fn read<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Result<Rows, ReplicaError> {
        let (mut reader, mut rows) = (Reader::default(), Rows::new());
        for piece in pieces {
            reader.take(piece, |key, value| {
                rows.push((key.to_vec(), value.to_vec()));
                Ok(())
            })?;
        }
        reader.finish().map(|()| rows)
    }

    fn why(bytes: &[u8]) -> (u64, &'static str) {
        let whole = read([bytes]).unwrap_err();
        let byte_by_byte = read(bytes.chunks(1)).unwrap_err();
        assert_eq!(whole.to_string(), byte_by_byte.to_string());
        match whole {
            ReplicaError::NoSnapshot { row, why } => (row, why),
            other => panic!("{other}"),
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_in_whatever_pieces(
            rows: BTreeMap<Vec<u8>, Vec<u8>>, size in 1_usize..40, cut: prop::sample::Index, bit in 0..8_u32
        ) {
            let bytes = written(rows.iter().map(|(key, value)| (key.as_slice(), value.as_slice())));
            let rows: Rows = rows.into_iter().collect();
            prop_assert_eq!(&read(bytes.chunks(size)).unwrap(), &rows);
            let cut = cut.index(bytes.len());
            prop_assert!(read(bytes[..cut].chunks(size)).is_err(), "cut off");
            let mut other = bytes;
            other[cut] ^= 1u8 << bit;
            // It may still be a snapshot, of something else.
            prop_assert!(read(other.chunks(size)).ok() != Some(rows));
        }
    }

    #[test]
    fn what_is_none_is_told_with_its_place() {
        let good = written([(&b"a"[..], &b"1"[..]), (b"b", b"")]);
        let with = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            bytes
        };
        // A key's or a value's length of 4 bytes each, a key of one byte, a value of one, then the next row.
        let first = MAGIC.len();
        assert_eq!(why(&with(0, b'S')), (0, "it does not begin as one"));
        let long = (0, "a key or value longer than any is");
        assert_eq!(
            (why(&with(first, 2)), why(&with(first + 4, 2))),
            (long, long)
        );
        let second_key = first + 10 + 8;
        let order = "its key does not come after the one before";
        assert_eq!(why(&with(second_key, b'a')), (1, order));
        assert_eq!(why(&with(second_key, b'A')), (1, order));
        let last = good.len() - 1;
        assert_eq!(why(&with(last, 3)), (2, "another number of rows is told"));
        assert_eq!(why(&good[..last]), (2, "it is cut off"));
        let more = [good.as_slice(), b"\0"].concat();
        assert_eq!(why(&more), (2, "more follows behind its end"));
        assert_eq!(why(b""), (0, "it is cut off"));
    }
}
