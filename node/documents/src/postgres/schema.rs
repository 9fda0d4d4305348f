//! The tables, and how they are made and brought up to date.
//!
//! Keys are bytes, in the order of [`crate::layout`]: they compare alike whatever the database's encoding and collation,
//! and on every database that speaks PostgreSQL's protocol. Nothing here needs an extension, a sequence, an advisory
//! lock or `LISTEN`.
//!
//! ```text
//! sekisho_index  one row: format, records, owner, holder, generation, applied, beside
//! sekisho_file   generation, head, rest, rest_hash → chart, place, unique_id, quarantined, record
//! ```
//! A file's key is split: `head` is its first [`super::rows::HEAD_BYTES`], `rest` what is left, almost always nothing:
//! an index row of PostgreSQL holds 2.7 kB, a path may have four. Rows of the generation the one row names are the
//! index; those of the next are the one being built beside it.

use super::pool::{Attempt, Fault};
use crate::Error;
use crate::applied::Applied;
use crate::layout::{FORMAT_VERSION, encode};
use tokio_postgres::Client;
use tokio_postgres::types::Type;

/// Version of the tables. Each step of [`MIGRATIONS`] leads to the next.
pub const POSTGRES_SCHEMA: i16 = 1;

/// Statements that lead from each version of the tables to the next, from none to the first.
const MIGRATIONS: [&str; POSTGRES_SCHEMA as usize] = ["
    CREATE TABLE sekisho_file (
        generation bigint NOT NULL,
        head bytea NOT NULL,
        rest bytea NOT NULL,
        rest_hash bytea NOT NULL,
        chart bytea,
        place bytea,
        unique_id bytea,
        quarantined boolean NOT NULL,
        record bytea NOT NULL,
        PRIMARY KEY (generation, head, rest_hash)
    );
    CREATE INDEX sekisho_file_chart ON sekisho_file (generation, chart, place);
    CREATE INDEX sekisho_file_unique_id ON sekisho_file (generation, unique_id);
    CREATE INDEX sekisho_file_quarantined ON sekisho_file (generation, head) WHERE quarantined;
"];

const INDEX_TABLE: &str = "
    CREATE TABLE IF NOT EXISTS sekisho_index (
        id smallint PRIMARY KEY CHECK (id = 1),
        format smallint NOT NULL,
        records smallint NOT NULL,
        owner text NOT NULL,
        holder bytea NOT NULL,
        generation bigint NOT NULL,
        applied bytea NOT NULL,
        beside bytea
    )";

/// Makes the tables or brings them up to date, and takes the index for one node's process. What another version stored
/// is dropped: it is read again from the sources.
pub(super) fn take<'a>(
    client: &'a mut Client,
    owner: &'a str,
    holder: &'a [u8],
) -> Attempt<'a, ()> {
    Box::pin(async move {
        client.batch_execute(INDEX_TABLE).await?;
        let transaction = client.transaction().await?;
        transaction
            .execute_typed(
                "INSERT INTO sekisho_index (id, format, records, owner, holder, generation, applied)
                 VALUES (1, 0, $1, $2, $3, 0, $4) ON CONFLICT (id) DO NOTHING",
                &[
                    (&i16::from(FORMAT_VERSION), Type::INT2),
                    (&owner, Type::TEXT),
                    (&holder, Type::BYTEA),
                    (&encode(&Applied::default())?, Type::BYTEA),
                ],
            )
            .await?;
        let row = transaction
            .query_typed_one(
                "SELECT format, records, owner FROM sekisho_index WHERE id = 1 FOR UPDATE",
                &[],
            )
            .await?;
        let (format, records): (i16, i16) = (row.try_get(0)?, row.try_get(1)?);
        let found: String = row.try_get(2)?;
        if found != owner {
            return Err(Error::Owned { owner: found }.into());
        }
        let Some(steps) = usize::try_from(format)
            .ok()
            .and_then(|from| MIGRATIONS.get(from..))
        else {
            return Err(Fault::Index(Error::Schema {
                found: format,
                supported: POSTGRES_SCHEMA,
            }));
        };
        for step in steps {
            transaction.batch_execute(step).await?;
        }
        transaction
            .execute_typed(
                "UPDATE sekisho_index SET format = $1, holder = $2 WHERE id = 1",
                &[(&POSTGRES_SCHEMA, Type::INT2), (&holder, Type::BYTEA)],
            )
            .await?;
        if records != i16::from(FORMAT_VERSION) {
            tracing::warn!(
                found = records,
                supported = FORMAT_VERSION,
                "the document index was written by another version and is built again"
            );
            transaction
                .execute_typed(
                    "UPDATE sekisho_index
                     SET generation = generation + 2, applied = $1, beside = NULL, records = $2 WHERE id = 1",
                    &[
                        (&encode(&Applied::default())?, Type::BYTEA),
                        (&i16::from(FORMAT_VERSION), Type::INT2),
                    ],
                )
                .await?;
        }
        transaction.commit().await?;
        Ok(())
    })
}
