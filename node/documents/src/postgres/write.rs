//! Batches and what becomes of whole generations; each a transaction.

use super::View;
use super::pool::{Attempt, Fault};
use super::rows::{Columns, Key};
use crate::applied::Applied;
use crate::layout::{decode, encode, file_key, record_key};
use crate::{Change, Error, FileRecord};
use futures::future::try_join_all;
use std::collections::BTreeMap;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Transaction};

/// Rows of an old generation removed in one transaction: some megabytes, well within a statement's time.
const OLD_ROWS: i64 = 5_000;

/// The one row, held until the transaction ends: batches follow one another, whatever the isolation.
struct Held {
    generation: i64,
    applied: Applied,
    beside: Option<Applied>,
}

async fn hold(transaction: &Transaction<'_>, holder: &[u8]) -> Result<Held, Fault> {
    let row = transaction
        .query_typed_opt(
            "SELECT holder, generation, applied, beside FROM sekisho_index WHERE id = 1 FOR UPDATE",
            &[],
        )
        .await?
        .ok_or(Error::Corrupt { what: "store" })?;
    let held_by: Vec<u8> = row.try_get(0)?;
    if held_by != holder {
        return Err(Error::TakenOver.into());
    }
    let beside: Option<Vec<u8>> = row.try_get(3)?;
    Ok(Held {
        generation: row.try_get(1)?,
        applied: decode(row.try_get(2)?, "counters")?,
        beside: beside.map(|bytes| decode(&bytes, "counters")).transpose()?,
    })
}

/// Applies a batch. To apply it twice is as good as once.
pub(super) fn apply<'a>(
    client: &'a mut Client,
    view: View,
    holder: &'a [u8],
    changes: &'a [Change],
) -> Attempt<'a, ()> {
    Box::pin(async move {
        let transaction = client.transaction().await?;
        let held = hold(&transaction, holder).await?;
        let (generation, applied, column) = match view {
            View::Live => (held.generation, Some(held.applied), "applied"),
            View::Beside => (held.generation + 1, held.beside, "beside"),
        };
        // The building this batch belongs to was given up.
        let applied = applied.ok_or(Error::TakenOver)?;
        let before = known(&transaction, generation, changes).await?;
        let (applied, outcomes) = applied.after(changes, before)?;
        let (mut put, mut gone) = (Columns::default(), Vec::new());
        for (key, outcome) in outcomes {
            match outcome {
                Some(record) => put.push(&record)?,
                None => gone.push(Key::of(record_key(&key))),
            }
        }
        if !put.head.is_empty() {
            upsert(&transaction, generation, &put).await?;
        }
        // Sent one after the other without waiting for answers in between.
        try_join_all(gone.iter().map(|key| forget(&transaction, generation, key))).await?;
        let update = format!("UPDATE sekisho_index SET {column} = $1 WHERE id = 1");
        let applied = encode(&applied)?;
        transaction
            .execute_typed(&update, &[(&applied, Type::BYTEA)])
            .await?;
        transaction.commit().await?;
        Ok(())
    })
}

/// What the index has of the files a batch touches.
async fn known(
    transaction: &Transaction<'_>,
    generation: i64,
    changes: &[Change],
) -> Result<BTreeMap<Vec<u8>, FileRecord>, Fault> {
    let heads = changes
        .iter()
        .map(|change| Key::of(record_key(&file_key(change.location()))).head);
    let heads: Vec<Vec<u8>> = heads.collect();
    let rows = transaction
        .query_typed(
            "SELECT head, rest, record FROM sekisho_file WHERE generation = $1 AND head = ANY ($2)",
            &[(&generation, Type::INT8), (&heads, Type::BYTEA_ARRAY)],
        )
        .await?;
    let mut before = BTreeMap::new();
    for row in rows {
        let (head, rest) = (row.try_get(0)?, row.try_get(1)?);
        let record = decode(row.try_get(2)?, "file record")?;
        // Without the tag that tells files and parts apart.
        before.insert(Key { head, rest }.whole().split_off(1), record);
    }
    Ok(before)
}

async fn upsert(
    transaction: &Transaction<'_>,
    generation: i64,
    put: &Columns,
) -> Result<(), tokio_postgres::Error> {
    transaction
        .execute_typed(
            "INSERT INTO sekisho_file
                 (generation, head, rest, rest_hash, chart, place, unique_id, quarantined, record)
             SELECT $1, head, rest, rest_hash, chart, place, unique_id, quarantined, record
             FROM unnest($2::bytea[], $3::bytea[], $4::bytea[], $5::bytea[], $6::bytea[], $7::bytea[], $8::boolean[],
                 $9::bytea[]) AS put (head, rest, rest_hash, chart, place, unique_id, quarantined, record)
             ON CONFLICT (generation, head, rest_hash) DO UPDATE SET
                 rest = excluded.rest, chart = excluded.chart, place = excluded.place,
                 unique_id = excluded.unique_id, quarantined = excluded.quarantined, record = excluded.record",
            &[
                (&generation, Type::INT8),
                (&put.head, Type::BYTEA_ARRAY),
                (&put.rest, Type::BYTEA_ARRAY),
                (&put.rest_hash, Type::BYTEA_ARRAY),
                (&put.chart, Type::BYTEA_ARRAY),
                (&put.place, Type::BYTEA_ARRAY),
                (&put.unique_id, Type::BYTEA_ARRAY),
                (&put.quarantined, Type::BOOL_ARRAY),
                (&put.record, Type::BYTEA_ARRAY),
            ],
        )
        .await
        .map(drop)
}

async fn forget(
    transaction: &Transaction<'_>,
    generation: i64,
    key: &Key,
) -> Result<(), tokio_postgres::Error> {
    transaction
        .execute_typed(
            "DELETE FROM sekisho_file WHERE generation = $1 AND head = $2 AND rest_hash = $3",
            &[
                (&generation, Type::INT8),
                (&key.head, Type::BYTEA),
                (&key.rest_hash(), Type::BYTEA),
            ],
        )
        .await
        .map(drop)
}

/// What is done with the index as a whole, in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// Empties the view.
    Clear(View),
    /// Begins building beside, or goes on with it.
    Build,
    /// What was built takes the place of the index.
    Take,
    /// What was being built is given up.
    GiveUp,
}

/// Does it; the rows that are no part of the index any more are left to [`remove_old`].
pub(super) fn turn<'a>(client: &'a mut Client, holder: &'a [u8], turn: Turn) -> Attempt<'a, ()> {
    Box::pin(async move {
        let transaction = client.transaction().await?;
        let held = hold(&transaction, holder).await?;
        let (by, applied, beside) = match turn {
            // Past what may be being built, so that none of its rows comes to be read.
            Turn::Clear(View::Live) => (2, Some(Applied::default()), None),
            Turn::Build => (0, Some(held.applied), Some(held.beside.unwrap_or_default())),
            Turn::Take => match held.beside {
                Some(beside) => (1, Some(beside), None),
                None => return Err(Error::NothingBeside.into()),
            },
            Turn::Clear(View::Beside) | Turn::GiveUp => (0, Some(held.applied), None),
        };
        let applied = applied.map(|applied| encode(&applied)).transpose()?;
        let beside = beside.map(|beside| encode(&beside)).transpose()?;
        transaction
            .execute_typed(
                "UPDATE sekisho_index SET generation = generation + $1, applied = $2, beside = $3 WHERE id = 1",
                &[
                    (&i64::from(by), Type::INT8),
                    (&applied, Type::BYTEA),
                    (&beside, Type::BYTEA),
                ],
            )
            .await?;
        transaction.commit().await?;
        Ok(())
    })
}

/// Removes some rows that are no part of the index; whether there may be more.
pub(super) fn remove_old<'a>(client: &'a mut Client, holder: &'a [u8]) -> Attempt<'a, bool> {
    Box::pin(async move {
        let transaction = client.transaction().await?;
        let held = hold(&transaction, holder).await?;
        let last = held.generation + i64::from(held.beside.is_some());
        let old = transaction
            .query_typed_opt(
                "SELECT generation FROM sekisho_file WHERE generation < $1 OR generation > $2 LIMIT 1",
                &[(&held.generation, Type::INT8), (&last, Type::INT8)],
            )
            .await?;
        let Some(old) = old else {
            return Ok(false);
        };
        let old: i64 = old.try_get(0)?;
        transaction
            .execute_typed(
                "DELETE FROM sekisho_file WHERE generation = $1 AND (head, rest_hash) IN
                     (SELECT head, rest_hash FROM sekisho_file WHERE generation = $1 LIMIT $2)",
                &[(&old, Type::INT8), (&OLD_ROWS, Type::INT8)],
            )
            .await?;
        transaction.commit().await?;
        Ok(true)
    })
}
