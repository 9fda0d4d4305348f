//! Rows put into the database in the order of their keys.
//!
//! Most of what is applied is new and has a number: leaves, hashes of the tree, accesses. In the order of their keys such
//! rows come in runs with no older row between them. redb's cursor packs a run into full pages; put one by one, each row
//! is looked up from the root, and each page splits in two halves of which one is never filled again.

use crate::ReplicaError;
use redb::{CursorError, CursorMut, ReadableTable, Table};
use std::ops::Bound;

/// Rows a run has at least: for fewer, taking the page apart costs more than it saves.
const RUN_MIN: usize = 16;

/// Rows put one by one, at most, before it is looked again whether a run follows.
const BETWEEN_LOOKS_MAX: usize = 64;

/// Bytes a cursor gathers before it makes pages of them: so few that their memory is still near the processor, and is
/// taken from the system once and not for each run.
const GATHERED_BYTES_MAX: usize = 128 * 1024;

pub(super) type Rows<'txn> = Table<'txn, &'static [u8], &'static [u8]>;

/// Puts rows, or removes those without a value. Their keys ascend.
pub(super) fn put<'a>(
    rows: &mut Rows<'_>,
    mut changed: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)> + Clone,
) -> Result<(), ReplicaError> {
    let (mut pause, mut since_look) = (0, 0);
    while let Some((key, value)) = changed.next() {
        match value {
            Some(value) => rows.insert(key, value).map(drop),
            None => rows.remove(key).map(drop),
        }
        .map_err(ReplicaError::database)?;
        if since_look < pause {
            since_look += 1;
            continue;
        }
        let run = run(rows, key, changed.clone())?;
        since_look = 0;
        pause = if run >= RUN_MIN {
            pack(rows, key, changed.by_ref().take(run))?;
            0
        } else {
            ((pause + 1) * 2).min(BETWEEN_LOOKS_MAX)
        };
    }
    Ok(())
}

/// How many of the rows to be put come before the one that stands behind `key`.
fn run<'a>(
    rows: &Rows<'_>,
    key: &[u8],
    changed: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
) -> Result<usize, ReplicaError> {
    let mut gap = rows
        .lower_bound(Bound::Excluded(key))
        .map_err(ReplicaError::database)?;
    let next = gap.peek_next().map_err(ReplicaError::database)?;
    Ok(changed
        .take_while(|(key, _)| next.as_ref().is_none_or(|(next, _)| *key < next.value()))
        .count())
}

/// Puts rows into the gap behind `key`, where none stands that would have to be removed.
fn pack<'a>(
    rows: &mut Rows<'_>,
    mut key: &'a [u8],
    run: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
) -> Result<(), ReplicaError> {
    let mut run = run.peekable();
    while run.peek().is_some() {
        let mut gap = Gap(rows
            .lower_bound_mut(Bound::Excluded(key))
            .map_err(ReplicaError::database)?);
        let mut gathered_bytes = 0;
        while gathered_bytes < GATHERED_BYTES_MAX
            && let Some((next, value)) = run.next()
        {
            if let Some(value) = value {
                if !gap.put(next, value)? {
                    return Err(ReplicaError::Damaged("the order of rows"));
                }
                gathered_bytes += next.len() + value.len();
            }
            key = next;
        }
        gap.close()?;
    }
    Ok(())
}

/// A place between two rows, or at an end, that rows are put into one behind the other.
pub(super) struct Gap<'t>(CursorMut<'t, &'static [u8], &'static [u8]>);

impl<'t> Gap<'t> {
    /// The place behind all rows.
    pub(super) fn at_the_end(rows: &'t mut Rows<'_>) -> Result<Self, ReplicaError> {
        let end = rows.upper_bound_mut(Bound::<&[u8]>::Unbounded);
        Ok(Self(end.map_err(ReplicaError::database)?))
    }

    /// Puts a row; false, and nothing done, unless its key is above the one before and below the one behind the gap.
    pub(super) fn put(&mut self, key: &[u8], value: &[u8]) -> Result<bool, ReplicaError> {
        match self.0.insert_before(key, value) {
            Ok(()) => Ok(true),
            Err(CursorError::UnorderedKey) => Ok(false),
            Err(error) => Err(ReplicaError::database(error)),
        }
    }

    /// Has all of them put.
    pub(super) fn close(self) -> Result<(), ReplicaError> {
        self.0.close().map_err(ReplicaError::database)
    }
}

#[cfg(test)]
#[path = "rows_test.rs"]
mod tests;
