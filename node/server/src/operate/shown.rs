//! Who a patient is, as the charts of this network's own facilities say: for its own people, to see that it is whom they
//! mean.

use super::subject::Named;
use crate::NodeError;
use crate::blocking::blocking;
use crate::node::Inner;
use crate::people::{self, Known};
use sekisho_documents::Patient;
use sekisho_identity::Demographics;
use sekisho_proto::v1;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A patient's charts here, and what they say of the patient.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// Every chart that is this person's.
    pub charts: BTreeSet<Patient>,
    /// What the chart asked for says; else the first other one that says something.
    pub demographics: Option<Demographics>,
}

/// # Errors
/// [`NodeError::NoSuchPatient`], [`NodeError::NoSuchChart`], or a store failed.
pub(super) async fn shown(
    inner: &Arc<Inner>,
    patient: Option<v1::Patient>,
) -> Result<Shown, NodeError> {
    let named = Named::try_from(patient)?;
    let inner = Arc::clone(inner);
    blocking(move || {
        let one = match named {
            Named::Chart(chart) => Some(chart),
            Named::Subject(subject) => inner.store.charts_of(&subject)?.into_iter().next(),
        };
        of_chart(&inner, &one.ok_or(NodeError::NoSuchPatient)?)
    })
    .await
}

/// Of one chart's patient. Blocks.
pub(super) fn of_chart(inner: &Inner, one: &Patient) -> Result<Shown, NodeError> {
    let (store, directory) = (&inner.store, &inner.directory);
    let subject = store.subject_of(one)?;
    if subject.is_none() && directory.chart(one)?.is_none() {
        return Err(NodeError::NoSuchChart);
    }
    let mut charts = people::person(directory, &Known::read(store)?, one)?.charts;
    if let Some(subject) = &subject {
        charts.extend(store.charts_of(subject)?);
    }
    let mut demographics = directory.chart(one)?;
    for chart in &charts {
        if demographics.is_some() {
            break;
        }
        demographics = directory.chart(chart)?;
    }
    let demographics = demographics.map(|record| record.demographics);
    Ok(Shown {
        charts,
        demographics,
    })
}
