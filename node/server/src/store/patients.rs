//! Which charts are whose: (facility, local patient id) ↔ subject.

use super::{CHARTS, NodeStore, PATIENTS, StoreError, format, subjects};
use crate::bounds::CHARTS_MAX;
use redb::{ReadableTable, WriteTransaction};
use sekisho_documents::{LocalPatientId, Patient};
use sekisho_domain::{FacilityId, SubjectId};
use std::collections::BTreeSet;

const WHAT: &str = "a patient's pseudonym";
/// A facility's code has a fixed length, so no separator is needed behind it.
const FACILITY_BYTES: usize = 10;

fn chart_key(patient: &Patient) -> Vec<u8> {
    [
        patient.facility.as_str().as_bytes(),
        patient.local_patient_id.as_str().as_bytes(),
    ]
    .concat()
}

fn patient(key: &[u8]) -> Result<Patient, StoreError> {
    let damaged = || StoreError::Damaged("a chart");
    let text = std::str::from_utf8(key).map_err(|_| damaged())?;
    let (facility, id) = text.split_at_checked(FACILITY_BYTES).ok_or_else(damaged)?;
    Ok(Patient {
        facility: facility.parse::<FacilityId>().map_err(|_| damaged())?,
        local_patient_id: id.parse::<LocalPatientId>().map_err(|_| damaged())?,
    })
}

impl NodeStore {
    /// The pseudonym of the person a chart is about, if there is one yet.
    ///
    /// # Errors
    /// The database failed.
    pub fn subject_of(&self, patient: &Patient) -> Result<Option<SubjectId>, StoreError> {
        format::get(&self.read()?, PATIENTS, WHAT, &chart_key(patient))
    }

    /// The pseudonym of the person a chart is about; `fresh` becomes it where there is none. Also answers whether
    /// it was made now.
    ///
    /// # Errors
    /// [`StoreError::Erased`]; or the database failed.
    pub fn subject_or(
        &self,
        patient: &Patient,
        fresh: SubjectId,
    ) -> Result<(SubjectId, bool), StoreError> {
        self.write(
            |txn| match format::get_in(txn, PATIENTS, WHAT, &chart_key(patient))? {
                Some(known) => Ok((known, false)),
                None => {
                    // Who found it before it was erased must not bring it back.
                    subjects::check(txn, &fresh)?;
                    put(txn, patient, fresh)?;
                    Ok((fresh, true))
                }
            },
        )
    }

    /// Says that another chart is about a known person as well. Saying it again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NoSuchSubject`], [`StoreError::ChartTaken`], [`StoreError::Full`] above [`CHARTS_MAX`] charts;
    /// or the database failed.
    pub fn add_chart(&self, subject: SubjectId, patient: &Patient) -> Result<(), StoreError> {
        self.write(|txn| {
            let charts = {
                let table = txn.open_table(CHARTS).map_err(StoreError::database)?;
                format::keys_under(&table, subject.as_bytes(), CHARTS_MAX)?.len()
            };
            match format::get_in::<SubjectId>(txn, PATIENTS, WHAT, &chart_key(patient))? {
                Some(known) if known == subject => Ok(()),
                Some(_) => Err(StoreError::ChartTaken),
                None if charts == 0 => Err(StoreError::NoSuchSubject),
                None if charts >= CHARTS_MAX => Err(StoreError::Full {
                    what: "charts of one person",
                    max: CHARTS_MAX as u64,
                }),
                None => put(txn, patient, subject),
            }
        })
    }

    /// Says whose some charts are, all or none of it.
    ///
    /// # Errors
    /// [`StoreError::Moved`], [`StoreError::Erased`], [`StoreError::Full`] above [`CHARTS_MAX`] charts; or the database
    /// failed.
    pub fn change_charts(&self, changes: &[Change]) -> Result<(), StoreError> {
        self.write(|txn| change(txn, changes))
    }

    /// Up to `max` charts that have a pseudonym, behind one, in their order.
    ///
    /// # Errors
    /// The database failed.
    pub fn charts_named(
        &self,
        after: Option<&Patient>,
        max: usize,
    ) -> Result<Vec<Patient>, StoreError> {
        let txn = self.read()?;
        let table = txn.open_table(PATIENTS).map_err(StoreError::database)?;
        let mut from = after.map(chart_key).unwrap_or_default();
        // Behind a key is the key with anything more.
        from.extend(after.map(|_| 0));
        let rows = table
            .range(from.as_slice()..)
            .map_err(StoreError::database)?;
        rows.take(max)
            .map(|row| patient(row.map_err(StoreError::database)?.0.value()))
            .collect()
    }

    /// A person's charts, at most [`CHARTS_MAX`]; empty for a subject this node does not know.
    ///
    /// # Errors
    /// The database failed.
    pub fn charts_of(&self, subject: &SubjectId) -> Result<Vec<Patient>, StoreError> {
        let txn = self.read()?;
        let table = txn.open_table(CHARTS).map_err(StoreError::database)?;
        charts_in(&table, subject)
    }
}

/// What a pseudonym's charts were when somebody looked, and what they are to be: these, whosever they were, and no others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The pseudonym.
    pub subject: SubjectId,
    /// Its charts as they were.
    pub before: BTreeSet<Patient>,
    /// Its charts as they are to be.
    pub now: BTreeSet<Patient>,
}

/// See [`NodeStore::change_charts`]. Refused where a chart is not whose it was: what was found out no longer holds.
pub(super) fn change(txn: &WriteTransaction, changes: &[Change]) -> Result<(), StoreError> {
    for change in changes {
        let table = txn.open_table(CHARTS).map_err(StoreError::database)?;
        let held: BTreeSet<_> = charts_in(&table, &change.subject)?.into_iter().collect();
        if held != change.before {
            return Err(StoreError::Moved);
        }
    }
    for chart in changes.iter().flat_map(|c| c.now.difference(&c.before)) {
        let of = format::get_in::<SubjectId>(txn, PATIENTS, WHAT, &chart_key(chart))?;
        let known = |of| changes.iter().any(|change| change.subject == of);
        if of.is_some_and(|of| !known(of)) {
            return Err(StoreError::Moved);
        }
    }
    changes
        .iter()
        .try_for_each(|change| set(txn, change.subject, &change.now))
}

fn charts_in(
    table: &impl ReadableTable<&'static [u8], &'static [u8]>,
    subject: &SubjectId,
) -> Result<Vec<Patient>, StoreError> {
    format::keys_under(table, subject.as_bytes(), CHARTS_MAX)?
        .iter()
        .map(|key| patient(key.get(SubjectId::LEN..).unwrap_or_default()))
        .collect()
}

fn set(
    txn: &WriteTransaction,
    subject: SubjectId,
    charts: &BTreeSet<Patient>,
) -> Result<(), StoreError> {
    if charts.len() > CHARTS_MAX {
        return Err(StoreError::Full {
            what: "charts of one person",
            max: CHARTS_MAX as u64,
        });
    }
    subjects::check(txn, &subject)?;
    let before = {
        let table = txn.open_table(CHARTS).map_err(StoreError::database)?;
        charts_in(&table, &subject)?
    };
    for chart in before {
        if !charts.contains(&chart) {
            remove(txn, &chart, subject)?;
        }
    }
    for chart in charts {
        match format::get_in::<SubjectId>(txn, PATIENTS, WHAT, &chart_key(chart))? {
            Some(known) if known == subject => {}
            Some(other) => {
                remove(txn, chart, other)?;
                put(txn, chart, subject)?;
            }
            None => put(txn, chart, subject)?,
        }
    }
    Ok(())
}

fn put(txn: &WriteTransaction, patient: &Patient, subject: SubjectId) -> Result<(), StoreError> {
    let chart = chart_key(patient);
    format::put(txn, PATIENTS, WHAT, &chart, &subject)?;
    let key = [subject.as_bytes().as_slice(), &chart].concat();
    format::put(txn, CHARTS, "a chart", &key, &())
}

fn remove(txn: &WriteTransaction, patient: &Patient, subject: SubjectId) -> Result<(), StoreError> {
    let chart = chart_key(patient);
    let mut patients = txn.open_table(PATIENTS).map_err(StoreError::database)?;
    patients
        .remove(chart.as_slice())
        .map_err(StoreError::database)?;
    let mut charts = txn.open_table(CHARTS).map_err(StoreError::database)?;
    let key = [subject.as_bytes().as_slice(), &chart].concat();
    charts
        .remove(key.as_slice())
        .map_err(StoreError::database)?;
    Ok(())
}
