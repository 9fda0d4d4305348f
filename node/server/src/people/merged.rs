//! What all charts of a person say of them, put together to look for them elsewhere.

use crate::NodeError;
use crate::node::Inner;
use sekisho_documents::Patient;
use sekisho_identity::{ADDRESSES_MAX, Demographics, INSURED_MAX, PHONES_MAX};

/// What these charts say of their person: names, birth date and sex of the first that has them; every address, telephone
/// number and insurance. Blocks.
///
/// # Errors
/// [`NodeError::Invalid`] where they say nothing; the store failed.
pub(crate) fn merged(inner: &Inner, charts: &[Patient]) -> Result<Demographics, NodeError> {
    let mut all = Demographics::default();
    for chart in charts {
        let Some(record) = inner.directory.chart(chart)? else {
            continue;
        };
        let one = record.demographics;
        all.kanji = all.kanji.take().or(one.kanji);
        all.kana = all.kana.take().or(one.kana);
        all.birth = all.birth.or(one.birth);
        all.sex = all.sex.or(one.sex);
        join(&mut all.addresses, one.addresses, ADDRESSES_MAX);
        join(&mut all.phones, one.phones, PHONES_MAX);
        join(&mut all.insured, one.insured, INSURED_MAX);
    }
    if all == Demographics::default() {
        return Err(NodeError::Invalid(
            "no chart here says who the patient is; say it with the request",
        ));
    }
    Ok(all)
}

fn join<T: PartialEq>(all: &mut Vec<T>, more: Vec<T>, max: usize) {
    for one in more {
        if all.len() < max && !all.contains(&one) {
            all.push(one);
        }
    }
}
