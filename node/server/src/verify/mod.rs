//! The viewing side's eyes: what a broker hands on is believed only as far as the ledger and the disclosing nodes'
//! signatures bear it out (P8).
//!
//! What the ledger denied is `Denied` with the ledger's reason, whatever the broker says. What it permitted counts as
//! answered only with that network's signed statement about exactly the documents that came, all within the permit;
//! otherwise that network's end is `Malformed` and nothing of its answer is shown. How long a network was waited for,
//! and that it could not be reached, is the broker's own word: it can delay or withhold, never falsify. What a permit
//! stands on, and whether it is only a drill, is the own replica's word too.

mod find;
mod retrieve;

pub use find::{Ended, FindCheck};
pub use retrieve::{Received, RetrieveCheck};

use crate::ledger::{LedgerFault, Snapshot};
use sekisho_domain::{
    AccessRecord, Category, Decision, DenyReason, FacilityId, Footing, Hash, NetworkId,
    NetworkOutcome,
};
use sekisho_ledger::{Permit, Statement};
use sekisho_proto::v1;

/// What the ledger decided for one asked network.
enum Decided {
    Permit(Permit),
    /// What its end is, whatever the broker says.
    Denied(NetworkOutcome),
}

impl Decided {
    /// What the permit stands on, if there is one.
    fn footing(&self) -> Option<Footing> {
        match self {
            Self::Permit(permit) => Some(permit.terms().footing),
            Self::Denied(_) => None,
        }
    }
}

/// A patient without a link is one that network does not know (P9); every other denial is told as it is.
fn denied(reason: DenyReason) -> Decided {
    Decided::Denied(match reason {
        DenyReason::SubjectNotLinked => NetworkOutcome::PatientUnknown,
        reason => NetworkOutcome::Denied { reason },
    })
}

fn decided(record: &AccessRecord) -> Vec<(NetworkId, Decided)> {
    record
        .decisions
        .iter()
        .map(|(network, decision)| {
            // As it was when decided: an answer that was on its way when a permit ran out still counts.
            let decided = match (decision, Permit::of(record, network, record.time)) {
                (Decision::Deny(denial), _) => denied(denial.reason),
                (Decision::Permit(_), Ok(permit)) => Decided::Permit(permit),
                (Decision::Permit(_), Err(_)) => Decided::Denied(NetworkOutcome::Malformed),
            };
            (network.clone(), decided)
        })
        .collect()
}

/// Whether a document, as described, is one of that network's and within the permit.
fn covered(
    snapshot: &Snapshot<'_>,
    permit: &Permit,
    document: &v1::DocumentEntry,
) -> Result<bool, LedgerFault> {
    let (Ok(category), Ok(facility)) = (
        Category::from_number(document.category.into()),
        document.facility.parse::<FacilityId>(),
    ) else {
        return Ok(false);
    };
    let registered = snapshot
        .view()
        .facility(&facility)?
        .filter(|record| record.value.network == *permit.network());
    Ok(registered.is_some_and(|r| permit.covers(category, &facility, r.value.registered)))
}

/// Whether the network's node signed that it answered exactly this to exactly this request.
fn stated(
    snapshot: &Snapshot<'_>,
    record: &AccessRecord,
    network: &NetworkId,
    statement: Option<&v1::Envelope>,
    outcome: &NetworkOutcome,
    answer_hash: Hash,
) -> Result<Result<(), String>, LedgerFault> {
    let Some(envelope) = statement else {
        return Ok(Err("there is no statement".to_owned()));
    };
    let verified = Statement::verify(
        snapshot.view(),
        snapshot.checks(),
        envelope,
        record.index,
        &record.request_id,
        network,
    )?;
    Ok(match verified {
        Err(fault) => Err(fault.to_string()),
        Ok(statement) if statement.outcome != *outcome => {
            Err("the node stated another outcome".to_owned())
        }
        Ok(statement) if statement.answer_hash != answer_hash => {
            Err("the node stated another answer".to_owned())
        }
        Ok(_) => Ok(()),
    })
}

/// An end as it is handed on.
fn end(
    network: &NetworkId,
    outcome: &NetworkOutcome,
    elapsed_ms: u64,
    statement: Option<v1::Envelope>,
    footing: Option<Footing>,
) -> v1::NetworkEnd {
    v1::NetworkEnd {
        network: network.to_string(),
        outcome: Some(outcome.into()),
        elapsed_ms,
        statement,
        footing: footing.map_or(0, |footing| footing.number().into()),
    }
}

/// The decisions as the own replica has them.
pub(crate) fn decisions(record: &AccessRecord) -> v1::Decided {
    v1::Decided {
        index: record.index.0,
        time_ms: record.time.0,
        decisions: record.decisions.iter().map(Into::into).collect(),
    }
}
