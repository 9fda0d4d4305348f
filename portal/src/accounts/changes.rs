//! Who added, stopped or reset whose account: kept with the change itself, in one transaction.
//!
//! Whoever keeps accounts could make themselves a clinician; therefore the officer sees each change.

use super::Kind;
use super::store::{Accounts, AccountsFault, failed};
use redb::{ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use sekisho_domain::TimeMs;
use serde::{Deserialize, Serialize};

/// number (8, BE) -> [`Change`] (JSON)
pub(super) const CHANGES: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("changes");

/// Who changes accounts, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct By {
    /// The account of who did it, or [`By::COMMAND`].
    pub account: String,
    /// When.
    pub time: TimeMs,
}

impl By {
    /// `sekisho portal account` on the node's machine: no account has a name with spaces.
    pub const COMMAND: &str = "sekisho portal account";

    /// Somebody with an account.
    pub fn account(name: &str, time: TimeMs) -> Self {
        Self {
            account: name.to_owned(),
            time,
        }
    }

    /// The command line.
    pub fn command(time: TimeMs) -> Self {
        Self::account(Self::COMMAND, time)
    }
}

/// What was done to an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Done {
    /// It was added.
    Added,
    /// Nobody signs in with it any more.
    Disabled,
    /// That was taken back.
    Enabled,
    /// It has a new password and a second factor to set up.
    Reset,
}

impl Done {
    /// In message ids.
    pub fn code(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Disabled => "disabled",
            Self::Enabled => "enabled",
            Self::Reset => "reset",
        }
    }
}

/// A change of an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// By whom and when.
    pub by: By,
    /// Whose account.
    pub account: String,
    /// What it is for: `clinician`, `patient`, `officer` or `operator`.
    pub kind: String,
    /// What was done.
    pub done: Done,
}

impl Change {
    pub(super) fn new(by: &By, account: &str, kind: Kind, done: Done) -> Self {
        Self {
            by: by.clone(),
            account: account.to_owned(),
            kind: kind.code().to_owned(),
            done,
        }
    }
}

/// Keeps a change, in the transaction that makes it.
pub(super) fn keep(txn: &WriteTransaction, change: &Change) -> Result<(), AccountsFault> {
    let mut table = txn.open_table(CHANGES).map_err(failed)?;
    let last = table.last().map_err(failed)?.map(|(n, _)| n.value());
    let bytes = serde_json::to_vec(change).map_err(AccountsFault::Damaged)?;
    let next = last.map_or(0, |n| n + 1);
    table.insert(next, bytes.as_slice()).map_err(failed)?;
    Ok(())
}

impl Accounts {
    /// Up to `max` changes with their numbers, newest first, only those before the number `before`.
    ///
    /// # Errors
    /// The database failed.
    pub fn changes(
        &self,
        before: Option<u64>,
        max: usize,
    ) -> Result<Vec<(u64, Change)>, AccountsFault> {
        let txn = self.0.begin_read().map_err(failed)?;
        let table = txn.open_table(CHANGES).map_err(failed)?;
        let rows = table.range(..before.unwrap_or(u64::MAX)).map_err(failed)?;
        rows.rev()
            .take(max)
            .map(|row| {
                let (number, value) = row.map_err(failed)?;
                let change = serde_json::from_slice(value.value());
                Ok((number.value(), change.map_err(AccountsFault::Damaged)?))
            })
            .collect()
    }
}
