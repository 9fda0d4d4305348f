//! What patients ask the officer about accesses, and the answers.
//!
//! An answer that was given is never lost: a correction is written behind it, and the last one stands.

use super::store::{Accounts, AccountsFault, failed};
use redb::{ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use sekisho_documents::Patient;
use sekisho_domain::TimeMs;
use serde::{Deserialize, Serialize};

const QUESTIONS: TableDefinition<'static, u64, &[u8]> = TableDefinition::new("questions");
const OPEN_QUESTIONS: TableDefinition<'static, u64, ()> = TableDefinition::new("open_questions");
const QUESTIONS_OF: TableDefinition<'static, (&str, u64), ()> =
    TableDefinition::new("questions_of");

/// What a patient asks the officer about an access.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// When it was asked.
    pub time: TimeMs,
    /// By which account.
    pub account: String,
    /// About which access, by its ledger index.
    pub about: u64,
    /// Whose records were looked at: the patient's own, or those of somebody they speak for.
    #[serde(default)]
    pub chart: Option<Patient>,
    /// What.
    pub text: String,
    /// The answers, at most [`Question::ANSWERS_MAX`]: the last one stands, those before it were corrected and are kept.
    #[serde(default)]
    pub answers: Vec<Answer>,
    /// When who asked last saw the answer that stood then.
    #[serde(default)]
    pub seen: Option<TimeMs>,
}

/// What an officer answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// When.
    pub time: TimeMs,
    /// By which account.
    pub account: String,
    /// What.
    pub text: String,
}

impl Question {
    /// Longest question or answer, in bytes: a page.
    pub const TEXT_BYTES_MAX: usize = 4_000;
    /// An answer, and its corrections: beyond it people talk to each other.
    pub const ANSWERS_MAX: usize = 20;
    /// Questions of one account that wait for an answer.
    pub const OPEN_MAX: usize = 20;

    /// There is an answer that who asked has not seen.
    pub fn is_news(&self) -> bool {
        self.answers
            .last()
            .is_some_and(|answer| self.seen < Some(answer.time))
    }
}

/// Makes the tables where they are not there yet.
pub(super) fn prepare(txn: &WriteTransaction) -> Result<(), AccountsFault> {
    txn.open_table(QUESTIONS).map_err(failed)?;
    txn.open_table(OPEN_QUESTIONS).map_err(failed)?;
    txn.open_table(QUESTIONS_OF).map_err(failed)?;
    Ok(())
}

fn question_in(
    table: &impl ReadableTable<u64, &'static [u8]>,
    number: u64,
) -> Result<Option<Question>, AccountsFault> {
    let row = table.get(number).map_err(failed)?;
    row.map(|row| serde_json::from_slice(row.value()).map_err(AccountsFault::Damaged))
        .transpose()
}

impl Accounts {
    /// Keeps a patient's question.
    ///
    /// # Errors
    /// The database failed.
    pub fn ask(&self, question: &Question) -> Result<(), AccountsFault> {
        let txn = self.0.begin_write().map_err(failed)?;
        {
            let mut table = txn.open_table(QUESTIONS).map_err(failed)?;
            let last = table.last().map_err(failed)?;
            let next = last.map_or(1, |(n, _)| n.value() + 1);
            let bytes = serde_json::to_vec(question).map_err(AccountsFault::Damaged)?;
            table.insert(next, bytes.as_slice()).map_err(failed)?;
            let mut open = txn.open_table(OPEN_QUESTIONS).map_err(failed)?;
            open.insert(next, ()).map_err(failed)?;
            let mut of = txn.open_table(QUESTIONS_OF).map_err(failed)?;
            let key = (question.account.as_str(), next);
            of.insert(key, ()).map_err(failed)?;
        }
        txn.commit().map_err(failed)
    }

    /// A question.
    ///
    /// # Errors
    /// The database failed.
    pub fn question(&self, number: u64) -> Result<Option<Question>, AccountsFault> {
        let txn = self.0.begin_read().map_err(failed)?;
        let table = txn.open_table(QUESTIONS).map_err(failed)?;
        question_in(&table, number)
    }

    /// How many wait for an answer.
    ///
    /// # Errors
    /// The database failed.
    pub fn open_questions(&self) -> Result<u64, AccountsFault> {
        let txn = self.0.begin_read().map_err(failed)?;
        let table = txn.open_table(OPEN_QUESTIONS).map_err(failed)?;
        redb::ReadableTableMetadata::len(&table).map_err(failed)
    }

    /// Those that wait for an answer, from a number on, oldest first.
    ///
    /// # Errors
    /// The database failed.
    pub fn unanswered(&self, from: u64, max: usize) -> Result<Vec<(u64, Question)>, AccountsFault> {
        let txn = self.0.begin_read().map_err(failed)?;
        let open = txn.open_table(OPEN_QUESTIONS).map_err(failed)?;
        let table = txn.open_table(QUESTIONS).map_err(failed)?;
        let mut all = Vec::new();
        for row in open.range(from..).map_err(failed)?.take(max) {
            let number = row.map_err(failed)?.0.value();
            all.extend(question_in(&table, number)?.map(|question| (number, question)));
        }
        Ok(all)
    }

    /// Those with an answer before a number, newest first.
    ///
    /// # Errors
    /// The database failed.
    pub fn answered(&self, before: u64, max: usize) -> Result<Vec<(u64, Question)>, AccountsFault> {
        let txn = self.0.begin_read().map_err(failed)?;
        let table = txn.open_table(QUESTIONS).map_err(failed)?;
        let mut all = Vec::new();
        for row in table.range(..before).map_err(failed)?.rev() {
            let (number, row) = row.map_err(failed)?;
            let question: Question =
                serde_json::from_slice(row.value()).map_err(AccountsFault::Damaged)?;
            if !question.answers.is_empty() {
                all.push((number.value(), question));
            }
            if all.len() == max {
                break;
            }
        }
        Ok(all)
    }

    /// What an account asked, newest first.
    ///
    /// # Errors
    /// The database failed.
    pub fn questions_of(
        &self,
        account: &str,
        max: usize,
    ) -> Result<Vec<(u64, Question)>, AccountsFault> {
        let txn = self.0.begin_read().map_err(failed)?;
        let of = txn.open_table(QUESTIONS_OF).map_err(failed)?;
        let table = txn.open_table(QUESTIONS).map_err(failed)?;
        let mut all = Vec::new();
        let rows = of
            .range((account, 0)..=(account, u64::MAX))
            .map_err(failed)?;
        for row in rows.rev().take(max) {
            let number = row.map_err(failed)?.0.value().1;
            all.extend(question_in(&table, number)?.map(|question| (number, question)));
        }
        Ok(all)
    }

    /// Answers a question, or corrects its answer. `known` is how many answers the officer had read: where there is another
    /// by now, or as many as there may be, nothing is written, and the answer is false.
    ///
    /// # Errors
    /// [`AccountsFault::Absent`], or the database failed.
    pub fn answer(&self, number: u64, known: usize, answer: Answer) -> Result<bool, AccountsFault> {
        self.change_question(number, |question| {
            let takes = question.answers.len() == known && known < Question::ANSWERS_MAX;
            if takes {
                question.answers.push(answer);
            }
            takes
        })
    }

    /// Who asked has seen the answer of this time.
    ///
    /// # Errors
    /// [`AccountsFault::Absent`], or the database failed.
    pub fn see_answer(&self, number: u64, of: TimeMs) -> Result<bool, AccountsFault> {
        self.change_question(number, |question| {
            let news = question.seen < Some(of);
            if news {
                question.seen = Some(of);
            }
            news
        })
    }

    /// Changes a question where `change` says so, and says that too.
    fn change_question(
        &self,
        number: u64,
        change: impl FnOnce(&mut Question) -> bool,
    ) -> Result<bool, AccountsFault> {
        let txn = self.0.begin_write().map_err(failed)?;
        let changed = {
            let mut table = txn.open_table(QUESTIONS).map_err(failed)?;
            let mut question = question_in(&table, number)?.ok_or(AccountsFault::Absent)?;
            let changed = change(&mut question);
            if changed {
                let bytes = serde_json::to_vec(&question).map_err(AccountsFault::Damaged)?;
                table.insert(number, bytes.as_slice()).map_err(failed)?;
            }
            if !question.answers.is_empty() {
                let mut open = txn.open_table(OPEN_QUESTIONS).map_err(failed)?;
                open.remove(number).map_err(failed)?;
            }
            changed
        };
        txn.commit().map_err(failed)?;
        Ok(changed)
    }
}

#[cfg(test)]
#[path = "questions_test.rs"]
mod tests;
