//! Accounts on disk: one file of redb beside the node's own.
//!
//! ```text
//! accounts   name -> account (JSON)
//! questions  number (8, BE) -> what a patient asks about an access, and the answers (JSON)
//! open_questions  number (8, BE) -> nothing, of those without an answer
//! questions_of    (account, number) -> nothing
//! practitioners  local identifier -> name of the account
//! handles    handle (16) -> name, of accounts with passkeys
//! changes    number (8, BE) -> who added, stopped or reset whose account (changes.rs)
//! readings   number (8, BE) -> who read which page about what, and when (JSON)
//! ```
//! Calls block on the disk.

use super::changes::{self, CHANGES};
use super::{Account, By, Change, Done, Handle, Hashed, Holder, Second};
use redb::{Database, ReadableDatabase, ReadableTable, TableDefinition};
use sekisho_domain::TimeMs;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

const ACCOUNTS: TableDefinition<'static, &str, &[u8]> = TableDefinition::new("accounts");
const HANDLES: TableDefinition<'static, &[u8], &str> = TableDefinition::new("handles");
const READINGS: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("readings");

const PRACTITIONERS: TableDefinition<'static, &str, &str> = TableDefinition::new("practitioners");

/// Most accounts: the staff of a prefecture's hospitals and its patients who ask.
pub const ACCOUNTS_MAX: u64 = 2_000_000;

/// Why accounts cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum AccountsFault {
    /// Another process has them open: the node, most likely.
    #[error("{0} is open in another process; stop it, or use the operator's page")]
    InUse(PathBuf),
    /// The database failed.
    #[error("the accounts' database failed")]
    Database(#[source] Box<redb::Error>),
    /// A row is not what was written.
    #[error("an account's record is damaged")]
    Damaged(#[source] serde_json::Error),
    /// There is no such account.
    #[error("there is no such account")]
    Absent,
    /// The machine gave no random bytes.
    #[error("the system gave no random bytes")]
    NoRandomness,
    /// The name is taken.
    #[error("there is an account of this name already")]
    Taken,
    /// The name cannot be one.
    #[error("a name is 1 to {max} printable ASCII characters without spaces", max = Account::NAME_BYTES_MAX)]
    Name,
    /// The shown name cannot be one.
    #[error("a shown name has 1 to {max} bytes and no control characters", max = Account::SHOWN_BYTES_MAX)]
    Shown,
    /// As many as there may be.
    #[error("there are {ACCOUNTS_MAX} accounts, the most there may be")]
    Full,
}

pub(super) fn failed(error: impl Into<redb::Error>) -> AccountsFault {
    AccountsFault::Database(Box::new(error.into()))
}

/// That somebody read a page whose reading is itself recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reading {
    /// When.
    pub time: TimeMs,
    /// Who, by account.
    pub account: String,
    /// Which page, by its path's pattern.
    pub page: String,
    /// About which ledger index, where it is about one.
    pub about: Option<u64>,
}

/// Which rows of a numbered list are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The last ones.
    Newest,
    /// Those right before a number.
    Before(u64),
    /// Those right after a number.
    After(u64),
}

fn change_in<T>(
    txn: &redb::WriteTransaction,
    name: &str,
    change: impl FnOnce(&mut Account) -> (bool, T),
) -> Result<T, AccountsFault> {
    let mut table = txn.open_table(ACCOUNTS).map_err(failed)?;
    let row = table
        .get(name)
        .map_err(failed)?
        .ok_or(AccountsFault::Absent)?
        .value()
        .to_vec();
    let mut account: Account = serde_json::from_slice(&row).map_err(AccountsFault::Damaged)?;
    let (changed, answer) = change(&mut account);
    if changed {
        let bytes = serde_json::to_vec(&account).map_err(AccountsFault::Damaged)?;
        table.insert(name, bytes.as_slice()).map_err(failed)?;
    }
    Ok(answer)
}

/// The accounts of one portal.
pub struct Accounts(pub(super) Database);

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Accounts(..)")
    }
}

impl Accounts {
    /// Opens the file, making it where there is none.
    ///
    /// # Errors
    /// [`AccountsFault::InUse`], or the database failed.
    pub fn open(path: &Path) -> Result<Self, AccountsFault> {
        let database = Database::create(path).map_err(|e| match e {
            redb::DatabaseError::DatabaseAlreadyOpen => AccountsFault::InUse(path.into()),
            e => failed(e),
        })?;
        let txn = database.begin_write().map_err(failed)?;
        txn.open_table(ACCOUNTS).map_err(failed)?;
        txn.open_table(HANDLES).map_err(failed)?;
        txn.open_table(READINGS).map_err(failed)?;
        txn.open_table(CHANGES).map_err(failed)?;
        super::questions::prepare(&txn)?;
        txn.open_table(PRACTITIONERS).map_err(failed)?;
        txn.commit().map_err(failed)?;
        Ok(Self(database))
    }

    /// The account of a name.
    ///
    /// # Errors
    /// The database failed.
    pub fn get(&self, name: &str) -> Result<Option<Account>, AccountsFault> {
        let txn = self.0.begin_read().map_err(failed)?;
        let table = txn.open_table(ACCOUNTS).map_err(failed)?;
        let row = table.get(name).map_err(failed)?;
        row.map(|row| serde_json::from_slice(row.value()).map_err(AccountsFault::Damaged))
            .transpose()
    }

    /// The account a passkey names.
    ///
    /// # Errors
    /// The database failed.
    pub fn by_handle(&self, handle: &Handle) -> Result<Option<Account>, AccountsFault> {
        let name = {
            let txn = self.0.begin_read().map_err(failed)?;
            let table = txn.open_table(HANDLES).map_err(failed)?;
            let row = table.get(handle.as_slice()).map_err(failed)?;
            row.map(|row| row.value().to_owned())
        };
        name.map_or(Ok(None), |name| self.get(&name))
    }

    /// The handle of an account, which is made where there is none.
    ///
    /// # Errors
    /// [`AccountsFault::Absent`], [`AccountsFault::NoRandomness`], or the database failed.
    pub fn handle(&self, name: &str) -> Result<Handle, AccountsFault> {
        let mut fresh = Handle::default();
        getrandom::fill(&mut fresh).map_err(|_| AccountsFault::NoRandomness)?;
        let txn = self.0.begin_write().map_err(failed)?;
        let handle = change_in(&txn, name, |account| match account.handle {
            Some(handle) => (false, handle),
            None => {
                account.handle = Some(fresh);
                (true, fresh)
            }
        })?;
        txn.open_table(HANDLES)
            .map_err(failed)?
            .insert(handle.as_slice(), name)
            .map_err(failed)?;
        txn.commit().map_err(failed)?;
        Ok(handle)
    }

    /// Up to `max` accounts behind a name, in their order.
    ///
    /// # Errors
    /// The database failed.
    pub fn list(&self, after: &str, max: usize) -> Result<Vec<Account>, AccountsFault> {
        let mut listed = self.list_from(after, max.saturating_add(1))?;
        listed.retain(|account| account.name != after);
        listed.truncate(max);
        Ok(listed)
    }

    /// Up to `max` accounts from a name on, in their order.
    ///
    /// # Errors
    /// The database failed.
    pub fn list_from(&self, from: &str, max: usize) -> Result<Vec<Account>, AccountsFault> {
        let txn = self.0.begin_read().map_err(failed)?;
        let table = txn.open_table(ACCOUNTS).map_err(failed)?;
        let rows = table.range(from..).map_err(failed)?;
        rows.take(max)
            .map(|row| {
                serde_json::from_slice(row.map_err(failed)?.1.value())
                    .map_err(AccountsFault::Damaged)
            })
            .collect()
    }

    /// Adds an account.
    ///
    /// # Errors
    /// [`AccountsFault::Taken`], a name that cannot be one, or the database failed.
    pub fn add(&self, account: &Account, by: &By) -> Result<(), AccountsFault> {
        let printable = account.name.bytes().all(|b| b.is_ascii_graphic());
        if !(1..=Account::NAME_BYTES_MAX).contains(&account.name.len()) || !printable {
            return Err(AccountsFault::Name);
        }
        let control = account.shown.chars().any(char::is_control);
        if !(1..=Account::SHOWN_BYTES_MAX).contains(&account.shown.len()) || control {
            return Err(AccountsFault::Shown);
        }
        let txn = self.0.begin_write().map_err(failed)?;
        {
            let mut table = txn.open_table(ACCOUNTS).map_err(failed)?;
            if redb::ReadableTableMetadata::len(&table).map_err(failed)? >= ACCOUNTS_MAX {
                return Err(AccountsFault::Full);
            }
            let bytes = serde_json::to_vec(account).map_err(AccountsFault::Damaged)?;
            if table
                .insert(account.name.as_str(), bytes.as_slice())
                .map_err(failed)?
                .is_some()
            {
                return Err(AccountsFault::Taken);
            }
        }
        if let Holder::Clinician { practitioner, .. } = &account.holder {
            let mut table = txn.open_table(PRACTITIONERS).map_err(failed)?;
            table
                .insert(practitioner.as_str(), account.name.as_str())
                .map_err(failed)?;
        }
        let added = Change::new(by, &account.name, account.holder.kind(), Done::Added);
        changes::keep(&txn, &added)?;
        txn.commit().map_err(failed)
    }

    /// Changes an account in one step; `change` says whether there is anything to write.
    ///
    /// # Errors
    /// [`AccountsFault::Absent`], or the database failed.
    pub fn change<T>(
        &self,
        name: &str,
        change: impl FnOnce(&mut Account) -> (bool, T),
    ) -> Result<T, AccountsFault> {
        let txn = self.0.begin_write().map_err(failed)?;
        let answer = change_in(&txn, name, change)?;
        txn.commit().map_err(failed)?;
        Ok(answer)
    }

    /// The same by somebody else than the account's holder: what was changed is kept as `done`.
    fn change_by(
        &self,
        name: &str,
        by: &By,
        done: Done,
        change: impl FnOnce(&mut Account) -> bool,
    ) -> Result<(), AccountsFault> {
        let txn = self.0.begin_write().map_err(failed)?;
        let kind = change_in(&txn, name, |account| {
            let changed = change(account);
            (changed, changed.then(|| account.holder.kind()))
        })?;
        if let Some(kind) = kind {
            changes::keep(&txn, &Change::new(by, name, kind, done))?;
        }
        txn.commit().map_err(failed)
    }

    /// Nobody signs in with it any more.
    ///
    /// # Errors
    /// [`AccountsFault::Absent`], or the database failed.
    pub fn disable(&self, name: &str, by: &By) -> Result<(), AccountsFault> {
        self.change_by(name, by, Done::Disabled, |account| {
            !std::mem::replace(&mut account.disabled, true)
        })
    }

    /// Takes it back, with everything as it was.
    ///
    /// # Errors
    /// [`AccountsFault::Absent`], or the database failed.
    pub fn enable(&self, name: &str, by: &By) -> Result<(), AccountsFault> {
        self.change_by(name, by, Done::Enabled, |account| {
            std::mem::replace(&mut account.disabled, false)
        })
    }

    /// Begins anew for somebody who lost their means: this password, to be changed at once where it is temporary; codes are
    /// set up again, passkeys are gone.
    ///
    /// # Errors
    /// [`AccountsFault::Absent`], or the database failed.
    pub fn reset(
        &self,
        name: &str,
        password: Hashed,
        temporary: bool,
        by: &By,
    ) -> Result<(), AccountsFault> {
        self.change_by(name, by, Done::Reset, |account| {
            account.password = Some(password);
            account.temporary = temporary;
            account.second = Second::Missing;
            account.passkeys.clear();
            true
        })
    }

    /// Takes a one-time code: whether it is right, of now and not taken before. Written before it counts, so that no
    /// code is taken twice.
    ///
    /// # Errors
    /// [`AccountsFault::Absent`], or the database failed.
    pub fn take_code(&self, name: &str, code: &str, now_s: u64) -> Result<bool, AccountsFault> {
        self.change(name, |account| match &mut account.second {
            Second::Totp { secret, taken } => match secret.check(code, now_s, *taken) {
                Ok(Some(step)) => {
                    *taken = Some(step);
                    (true, true)
                }
                Ok(None) | Err(_) => (false, false),
            },
            Second::Missing | Second::Waived => (false, false),
        })
    }

    /// The account of one of the network's practitioners, by the local identifier.
    ///
    /// # Errors
    /// The database failed.
    pub fn of_practitioner(&self, local_id: &str) -> Result<Option<Account>, AccountsFault> {
        let name = {
            let txn = self.0.begin_read().map_err(failed)?;
            let table = txn.open_table(PRACTITIONERS).map_err(failed)?;
            let row = table.get(local_id).map_err(failed)?;
            row.map(|row| row.value().to_owned())
        };
        name.map_or(Ok(None), |name| self.get(&name))
    }

    /// Records that a page was read.
    ///
    /// # Errors
    /// The database failed; the page is then not shown.
    pub fn read(&self, reading: &Reading) -> Result<(), AccountsFault> {
        let txn = self.0.begin_write().map_err(failed)?;
        {
            let mut table = txn.open_table(READINGS).map_err(failed)?;
            let next = table
                .last()
                .map_err(failed)?
                .map_or(0, |(n, _)| n.value() + 1);
            let bytes = serde_json::to_vec(reading).map_err(AccountsFault::Damaged)?;
            table.insert(next, bytes.as_slice()).map_err(failed)?;
        }
        txn.commit().map_err(failed)
    }

    /// Readings with their numbers, newest first.
    ///
    /// # Errors
    /// The database failed.
    pub fn readings(&self, part: Part, max: usize) -> Result<Vec<(u64, Reading)>, AccountsFault> {
        let txn = self.0.begin_read().map_err(failed)?;
        let table = txn.open_table(READINGS).map_err(failed)?;
        let decoded =
            |row: Result<(redb::AccessGuard<'_, u64>, redb::AccessGuard<'_, &[u8]>), _>| {
                let (number, row) = row.map_err(failed)?;
                let reading =
                    serde_json::from_slice(row.value()).map_err(AccountsFault::Damaged)?;
                Ok((number.value(), reading))
            };
        let rows = match part {
            Part::Newest => table.iter(),
            Part::Before(number) => table.range(..number),
            Part::After(number) => table.range(number.saturating_add(1)..),
        };
        let rows = rows.map_err(failed)?;
        match part {
            Part::After(_) => {
                let mut all = rows.take(max).map(decoded).collect::<Result<Vec<_>, _>>()?;
                all.reverse();
                Ok(all)
            }
            _ => rows.rev().take(max).map(decoded).collect(),
        }
    }
}

#[cfg(test)]
#[path = "accounts_test.rs"]
mod tests;
