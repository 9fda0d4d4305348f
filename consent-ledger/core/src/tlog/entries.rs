//! The bytes of entry bundles: each entry after its length (2 bytes, big endian).

use super::TILE_WIDTH;

/// What is wrong with an entry bundle, and at which byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EntriesFault {
    /// It ends within an entry.
    #[error("the bundle ends at byte {end} within entry {entry}, which begins at byte {offset}")]
    Truncated {
        /// The entry's place in the bundle, from 0.
        entry: u16,
        /// Where it begins: at its length.
        offset: usize,
        /// Where the bundle ends.
        end: usize,
    },
    /// It ends before its last entry.
    #[error("the bundle ends at byte {offset} after {got} of {expected} entries")]
    TooFew {
        /// Entries its name says.
        expected: u16,
        /// Entries there are.
        got: u16,
        /// Where it ends.
        offset: usize,
    },
    /// There is more after its last entry.
    #[error("{more} bytes follow the last entry, from byte {offset} on")]
    TooMuch {
        /// Where the last entry ends.
        offset: usize,
        /// How many bytes follow.
        more: usize,
    },
    /// An entry no bundle can hold.
    #[error("an entry of {got_bytes} bytes is over the bound of 65535")]
    TooLong {
        /// The entry's length.
        got_bytes: usize,
    },
}

/// Adds an entry to a bundle.
///
/// # Errors
/// [`EntriesFault::TooLong`]; the bundle is then unchanged.
pub fn write_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), EntriesFault> {
    let length = u16::try_from(entry.len()).map_err(|_| EntriesFault::TooLong {
        got_bytes: entry.len(),
    })?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// The bundle of these entries.
///
/// # Errors
/// [`EntriesFault::TooLong`].
pub fn write_entries<B: AsRef<[u8]>>(
    entries: impl IntoIterator<Item = B>,
) -> Result<Vec<u8>, EntriesFault> {
    let mut bundle = Vec::new();
    for entry in entries {
        write_entry(&mut bundle, entry.as_ref())?;
    }
    Ok(bundle)
}

/// The entries of a bundle that is `width` entries wide.
///
/// # Errors
/// [`EntriesFault`] where the bytes are not exactly so many entries.
pub fn entries(bundle: &[u8], width: u16) -> Result<Vec<&[u8]>, EntriesFault> {
    match entries_parsed(bundle, width) {
        (entries, None) => Ok(entries),
        (_, Some(fault)) => Err(fault),
    }
}

/// The entries of a bundle up to the first fault, and that fault.
pub fn entries_parsed(bundle: &[u8], width: u16) -> (Vec<&[u8]>, Option<EntriesFault>) {
    let mut entries = Vec::with_capacity(width.min(TILE_WIDTH).into());
    let mut rest = bundle;
    for entry in 0..width {
        let offset = bundle.len() - rest.len();
        if rest.is_empty() {
            let fault = EntriesFault::TooFew {
                expected: width,
                got: entry,
                offset,
            };
            return (entries, Some(fault));
        }
        let read = rest
            .split_first_chunk()
            .and_then(|(length, after)| after.split_at_checked(u16::from_be_bytes(*length).into()));
        let Some((read, after)) = read else {
            let end = bundle.len();
            return (
                entries,
                Some(EntriesFault::Truncated { entry, offset, end }),
            );
        };
        entries.push(read);
        rest = after;
    }
    let (offset, more) = (bundle.len() - rest.len(), rest.len());
    let fault = (more > 0).then_some(EntriesFault::TooMuch { offset, more });
    (entries, fault)
}

/// Where the entry after these begins in a bundle: at its length, which its bytes follow.
pub fn entry_offset<B: AsRef<[u8]>>(before: impl IntoIterator<Item = B>) -> usize {
    before
        .into_iter()
        .map(|entry| 2 + entry.as_ref().len())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bundle_is_lengths_and_bytes() {
        let bundle = write_entries([b"abc".as_slice(), b"", b"\xff"]).unwrap();
        assert_eq!(bundle, b"\0\x03abc\0\0\0\x01\xff");
        assert_eq!(
            entries(&bundle, 3).unwrap(),
            [b"abc".as_slice(), b"", b"\xff"]
        );
        let long = vec![1; 65_535];
        let bundle = write_entries([&long]).unwrap();
        assert_eq!(entries(&bundle, 1).unwrap(), [&long]);
        let too_long = write_entries([vec![1; 65_536]]);
        assert_eq!(too_long, Err(EntriesFault::TooLong { got_bytes: 65_536 }));
    }

    #[test]
    fn a_fault_says_where_it_is() {
        let bundle = b"\0\x03abc\0\x02de".as_slice();
        let truncated = |entry, offset, end| Err(EntriesFault::Truncated { entry, offset, end });
        for (bytes, width, expected) in [
            (&bundle[..8], 2, truncated(1, 5, 8)),
            (&bundle[..6], 2, truncated(1, 5, 6)),
            (&bundle[..4], 1, truncated(0, 0, 4)),
            (&bundle[..1], 1, truncated(0, 0, 1)),
            (
                bundle,
                3,
                Err(EntriesFault::TooFew {
                    expected: 3,
                    got: 2,
                    offset: 9,
                }),
            ),
            (
                b"",
                1,
                Err(EntriesFault::TooFew {
                    expected: 1,
                    got: 0,
                    offset: 0,
                }),
            ),
            (bundle, 1, Err(EntriesFault::TooMuch { offset: 5, more: 4 })),
        ] {
            assert_eq!(entries(bytes, width), expected, "{bytes:?} as {width}");
        }
        assert_eq!(entries_parsed(&bundle[..8], 2).0, [b"abc"]);
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(leaves in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 1..=256)) {
            let bundle = write_entries(&leaves).unwrap();
            let width = leaves.len() as u16;
            prop_assert_eq!(entries(&bundle, width).unwrap(), leaves.iter().collect::<Vec<_>>());
            for (at, leaf) in leaves.iter().enumerate() {
                let offset = entry_offset(&leaves[..at]);
                prop_assert_eq!(&bundle[offset + 2..offset + 2 + leaf.len()], leaf.as_slice());
            }
        }

        #[test]
        fn whatever_is_read_is_written_the_same(bytes in proptest::collection::vec(0u8..6, 0..200), width in 1u16..=256) {
            if let Ok(read) = entries(&bytes, width) {
                prop_assert_eq!(write_entries(read).unwrap(), bytes);
            }
        }
    }
}
