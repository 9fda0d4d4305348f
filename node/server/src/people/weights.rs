//! The weights in force, brought to the directory and, through it, to pseudonyms.

use super::persons::{Known, settle};
use crate::NodeError;
use crate::bounds::DIRECTORY_BATCH;
use crate::store::{Directory, NodeStore, StoreError};
use sekisho_documents::Patient;

/// Has the directory judge by the weights in force, and gives whoever is linked by them now the pseudonym their person
/// has. Does nothing where nothing has changed since, and ends what was cut off. How many pairs that share a pseudonym
/// are no longer linked, and wait for somebody: charts part by decision only. Blocks.
pub(crate) fn weigh(store: &NodeStore, directory: &Directory) -> Result<u64, NodeError> {
    let together = |a: &Patient, b: &Patient| -> Result<bool, StoreError> {
        let subject = store.subject_of(a)?;
        Ok(subject.is_some() && subject == store.subject_of(b)?)
    };
    let weighed = directory.weigh_with(&store.weights_in_force()?, &together)?;
    if directory.unsettled()? {
        let known = Known::read(store)?;
        let mut after: Option<Patient> = None;
        loop {
            let charts = store.charts_named(after.as_ref(), DIRECTORY_BATCH)?;
            let Some(last) = charts.last() else { break };
            after = Some(last.clone());
            for chart in &charts {
                settle(store, directory, &known, chart)?;
            }
        }
        directory.settled()?;
    }
    Ok(weighed.waiting)
}

#[cfg(test)]
#[path = "weights_test.rs"]
mod tests;
