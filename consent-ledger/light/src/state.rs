//! The state as a question sees it: rows are fetched as they are looked at, and belong to one moment.
//!
//! With each row that is not known yet, those shown before are asked for again, so that all are of one reply of each
//! voter. If one of them is no longer what it was, the question has seen what is not so and fails: it is asked again by
//! whoever asked it. Leaves and what follows from them for good are not asked for twice.

use crate::limits::READ_MAX;
use crate::{Light, LightError};
use sekisho_ledger::Meta;
use sekisho_ledger::attested::{Question, meta_row};
use sekisho_ledger::store::{Row, StateRead, Table};
use sekisho_transport::Deadline;
use std::cell::RefCell;
use std::collections::BTreeMap;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

/// The state of the ledger as two voters say it is.
pub struct LightState {
    light: Light,
    runtime: Handle,
    deadline: Deadline,
    /// Nobody waits for the answer any more.
    left: CancellationToken,
    known: RefCell<Shown>,
}

#[derive(Default)]
struct Shown {
    meta: Option<Meta>,
    rows: BTreeMap<Question, Vec<Row>>,
    /// The first thing that went wrong: what a question answers after it is nothing.
    fault: Option<LightError>,
}

impl Light {
    /// Asks a question of one consistent state, off the async threads. Dropped, it ends there and at the voters too.
    ///
    /// # Errors
    /// [`LightError`] where anything the question looked at could not be told; then what it answered is not given.
    pub async fn read<T: Send + 'static>(
        &self,
        question: impl FnOnce(&LightState) -> T + Send + 'static,
    ) -> Result<T, LightError> {
        let left = CancellationToken::new();
        let state = LightState {
            light: self.clone(),
            runtime: Handle::current(),
            deadline: Deadline::after(READ_MAX),
            left: left.clone(),
            known: RefCell::default(),
        };
        let _waits = left.drop_guard();
        let asked = tokio::task::spawn_blocking(move || {
            let answer = question(&state);
            match state.known.into_inner().fault {
                Some(fault) => Err(fault),
                None => Ok(answer),
            }
        });
        match asked.await {
            Ok(answer) => answer,
            Err(ended) => Err(LightError::Fault(ended.to_string())),
        }
    }
}

impl LightState {
    fn rows(&self, question: Question) -> Result<Vec<Row>, LightError> {
        if let Some(rows) = self.known.borrow().rows.get(&question) {
            return Ok(rows.clone());
        }
        let done = self.fetch(vec![question]);
        let mut news = done.inspect_err(|fault| self.failed(fault))?;
        Ok(news.pop().unwrap_or_default())
    }

    fn failed(&self, fault: &LightError) {
        let mut known = self.known.borrow_mut();
        known.fault.get_or_insert_with(|| fault.clone());
    }

    /// Fetches what is asked, with what was shown before; the rows of each new question.
    fn fetch(&self, new: Vec<Question>) -> Result<Vec<Vec<Row>>, LightError> {
        let again = |(question, rows): (&Question, &Vec<Row>)| {
            let final_row = question.is_final() && !rows.is_empty();
            (!final_row).then(|| question.clone())
        };
        let mut questions: Vec<_> = self.known.borrow().rows.iter().filter_map(again).collect();
        let shown = questions.len();
        questions.extend(new);
        let asked = self.light.ask(&questions, 0, self.deadline);
        let asked = self.left.run_until_cancelled(asked);
        let agreed = self.runtime.block_on(asked).ok_or(LightError::Left)??;
        let mut known = self.known.borrow_mut();
        known.meta.get_or_insert(agreed.meta);
        let mut news = Vec::new();
        for (n, (question, rows)) in questions.into_iter().zip(agreed.answers).enumerate() {
            if n >= shown {
                news.push(rows.clone());
                known.rows.insert(question, rows);
            } else if known.rows.get(&question) != Some(&rows) {
                return Err(LightError::Moved);
            }
        }
        Ok(news)
    }
}

impl StateRead for LightState {
    type Error = LightError;
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, LightError> {
        if table == Table::Meta {
            if self.known.borrow().meta.is_none() {
                self.fetch(Vec::new())
                    .inspect_err(|fault| self.failed(fault))?;
            }
            let known = self.known.borrow();
            let row = known.meta.as_ref().map(meta_row).transpose();
            let row = row.map_err(LightError::Fault)?;
            return Ok(row.filter(|(of, _)| of == key).map(|(_, value)| value));
        }
        let rows = self.rows(one(table, key))?;
        Ok(rows.into_iter().next().map(|(_, value)| value))
    }
    fn ahead(&self, table: Table, keys: &[Vec<u8>]) -> Result<(), LightError> {
        let mut new: Vec<_> = keys.iter().map(|key| one(table, key)).collect();
        new.retain(|question| !self.known.borrow().rows.contains_key(question));
        let done = self.fetch(new);
        done.map(drop).inspect_err(|fault| self.failed(fault))
    }
    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: &[u8],
        max: usize,
    ) -> Result<Vec<Row>, LightError> {
        let max = u32::try_from(max).unwrap_or(u32::MAX);
        self.rows(Question {
            table,
            key: prefix.to_vec(),
            scan: Some((from.to_vec(), max)),
        })
    }
}

fn one(table: Table, key: &[u8]) -> Question {
    Question {
        table,
        key: key.to_vec(),
        scan: None,
    }
}
