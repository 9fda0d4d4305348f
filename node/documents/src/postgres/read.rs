//! Questions, each answered from one state of the index.

use super::View;
use super::pool::{Attempt, Fault};
use super::rows::Key;
use crate::index::counts_over;
use crate::layout::{chart_prefix, decode, place};
use crate::{Cursor, DocumentEntry, Error, FileOutcome, FileRecord, Query, UniqueId};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, GenericClient, IsolationLevel, Row};

/// Rows read beyond those asked for: copies, and documents that a filter leaves out.
const ROWS_MORE: usize = 64;

/// The generation of the rows that a view reads, in a statement whose first parameter is its offset.
macro_rules! of_view {
    ($statement:literal) => {
        concat!(
            $statement,
            " generation = (SELECT generation + $1 FROM sekisho_index WHERE id = 1)"
        )
    };
}

/// Records within two ranges of keys.
#[derive(Debug)]
pub(super) struct Ranges {
    pub view: View,
    /// From a key on and before another.
    pub keys: [(Key, Key); 2],
    pub limit: i64,
    /// Only quarantined ones.
    pub quarantined: bool,
}

pub(super) async fn records(client: &Client, ranges: &Ranges) -> Result<Vec<FileRecord>, Fault> {
    let statement = match ranges.quarantined {
        true => concat!(
            of_view!("(SELECT record FROM sekisho_file WHERE quarantined AND"),
            " AND (head, rest) >= ($2, $3) AND (head, rest) < ($4, $5) ORDER BY head, rest LIMIT $6)",
            of_view!(" UNION ALL (SELECT record FROM sekisho_file WHERE quarantined AND"),
            " AND (head, rest) >= ($7, $8) AND (head, rest) < ($9, $10) ORDER BY head, rest LIMIT $6)"
        ),
        false => concat!(
            of_view!("(SELECT record FROM sekisho_file WHERE"),
            " AND (head, rest) >= ($2, $3) AND (head, rest) < ($4, $5) ORDER BY head, rest LIMIT $6)",
            of_view!(" UNION ALL (SELECT record FROM sekisho_file WHERE"),
            " AND (head, rest) >= ($7, $8) AND (head, rest) < ($9, $10) ORDER BY head, rest LIMIT $6)"
        ),
    };
    let [(from, until), (from_also, until_also)] = &ranges.keys;
    let rows = client
        .query_typed(
            statement,
            &[
                (&ranges.view.offset(), Type::INT8),
                (&from.head, Type::BYTEA),
                (&from.rest, Type::BYTEA),
                (&until.head, Type::BYTEA),
                (&until.rest, Type::BYTEA),
                (&ranges.limit, Type::INT8),
                (&from_also.head, Type::BYTEA),
                (&from_also.rest, Type::BYTEA),
                (&until_also.head, Type::BYTEA),
                (&until_also.rest, Type::BYTEA),
            ],
        )
        .await?;
    let record = |row: &Row| Ok(decode(row.try_get(0)?, "file record")?);
    rows.iter().map(record).collect()
}

fn document(row: &Row, column: usize) -> Result<DocumentEntry, Fault> {
    let record: FileRecord = decode(row.try_get(column)?, "file record")?;
    match record.outcome {
        FileOutcome::Document(entry) => Ok(*entry),
        _ => Err(Error::Corrupt { what: "reference" }.into()),
    }
}

pub(super) async fn get(
    client: &Client,
    view: View,
    unique_id: &UniqueId,
) -> Result<Option<DocumentEntry>, Fault> {
    let rows = client
        .query_typed(
            concat!(
                of_view!("SELECT record FROM sekisho_file WHERE"),
                " AND unique_id = $2"
            ),
            &[
                (&view.offset(), Type::INT8),
                (&unique_id.as_bytes().as_slice(), Type::BYTEA),
            ],
        )
        .await?;
    let mut best: Option<DocumentEntry> = None;
    for row in &rows {
        let entry = document(row, 0)?;
        if best.as_ref().is_none_or(|held| counts_over(&entry, held)) {
            best = Some(entry);
        }
    }
    Ok(best)
}

/// How much was applied to a view, as it is stored.
pub(super) async fn applied(client: &Client, view: View) -> Result<Option<Vec<u8>>, Fault> {
    let column = match view {
        View::Live => "applied",
        View::Beside => "beside",
    };
    let statement = format!("SELECT {column} FROM sekisho_index WHERE id = 1");
    let row = client.query_typed_opt(&statement, &[]).await?;
    let row = row.ok_or(Error::Corrupt { what: "store" })?;
    Ok(row.try_get(0)?)
}

/// The documents a query is about behind its cursor, in order: at least one more than its limit if there are.
///
/// One statement sees one state of the index. Only where its rows are not enough, a transaction that keeps one state
/// reads on from the beginning.
pub(super) async fn find(
    client: &mut Client,
    view: View,
    query: &Query,
) -> Result<Vec<DocumentEntry>, Fault> {
    let mut charts = Charts::of(view, query);
    if charts.keys.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = Found::default();
    if charts.step(&*client, query, &mut found).await? {
        return Ok(found.ended(query));
    }
    let transaction = client
        .build_transaction()
        .isolation_level(IsolationLevel::RepeatableRead)
        .read_only(true)
        .start()
        .await?;
    (charts, found) = (Charts::of(view, query), Found::default());
    while !charts.step(&transaction, query, &mut found).await? {}
    transaction.commit().await?;
    Ok(found.ended(query))
}

/// Where the reading of some charts is.
struct Charts {
    view: View,
    keys: Vec<Vec<u8>>,
    /// Place and key of the last row read.
    after: (Vec<u8>, Key),
    rows: i64,
}

impl Charts {
    fn of(view: View, query: &Query) -> Self {
        let behind_all = Key {
            head: vec![0xff],
            rest: Vec::new(),
        };
        let place = query
            .after
            .as_ref()
            .map_or_else(Vec::new, |after| place(after).to_vec());
        Self {
            view,
            keys: query.charts().into_iter().map(chart_prefix).collect(),
            after: (place, behind_all),
            rows: i64::try_from(query.limit + 1 + ROWS_MORE).unwrap_or(i64::MAX),
        }
    }

    /// Reads some rows; whether that was all that is needed.
    async fn step(
        &mut self,
        client: &impl GenericClient,
        query: &Query,
        found: &mut Found,
    ) -> Result<bool, Fault> {
        let (place, key) = &self.after;
        let rows = client
            .query_typed(
                concat!(
                    of_view!("SELECT place, head, rest, record FROM sekisho_file WHERE"),
                    " AND chart = ANY ($2) AND place >= $3 AND (place, head, rest) > ($3, $4, $5)",
                    " ORDER BY place, head, rest LIMIT $6"
                ),
                &[
                    (&self.view.offset(), Type::INT8),
                    (&self.keys, Type::BYTEA_ARRAY),
                    (place, Type::BYTEA),
                    (&key.head, Type::BYTEA),
                    (&key.rest, Type::BYTEA),
                    (&self.rows, Type::INT8),
                ],
            )
            .await?;
        for row in &rows {
            found.add(document(row, 3)?, query);
            if found.entries.len() > query.limit {
                return Ok(true);
            }
        }
        if let Some(last) = rows.last() {
            let key = Key {
                head: last.try_get(1)?,
                rest: last.try_get(2)?,
            };
            self.after = (last.try_get(0)?, key);
        }
        Ok(i64::try_from(rows.len()).is_ok_and(|read| read < self.rows))
    }
}

/// What was found, of copies the one that counts.
#[derive(Default)]
struct Found {
    entries: Vec<DocumentEntry>,
    /// The last one read, of which further copies may follow: they stand side by side.
    last: Option<DocumentEntry>,
}

impl Found {
    fn add(&mut self, entry: DocumentEntry, query: &Query) {
        match &mut self.last {
            Some(held) if held.unique_id == entry.unique_id => {
                if counts_over(&entry, held) {
                    *held = entry;
                }
            }
            last => {
                let before = last.replace(entry);
                self.entries.extend(before.filter(|e| query.matches(e)));
            }
        }
    }

    fn ended(mut self, query: &Query) -> Vec<DocumentEntry> {
        self.entries.extend(self.last.filter(|e| query.matches(e)));
        debug_assert!(self.entries.is_sorted_by_key(|e| Cursor::of(e).rank()));
        self.entries
    }
}

/// Has the server write the tables' files anew. Where the database has no such thing, its name.
pub(super) fn write_anew(client: &mut Client) -> Attempt<'_, Option<String>> {
    Box::pin(async move {
        for table in ["sekisho_file", "sekisho_index"] {
            match client
                .batch_execute(&format!("VACUUM (FULL) {table}"))
                .await
            {
                Ok(()) => {}
                Err(error)
                    if [&SqlState::SYNTAX_ERROR, &SqlState::FEATURE_NOT_SUPPORTED]
                        .iter()
                        .any(|code| error.code() == Some(*code)) =>
                {
                    let version = client.query_typed_one("SELECT version()", &[]).await?;
                    return Ok(Some(version.try_get(0)?));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(None)
    })
}
