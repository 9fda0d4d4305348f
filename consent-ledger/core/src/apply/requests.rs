//! Access requests, decided here, and what was released and received under them.

use super::{At, Effect, require};
use crate::authorize::authorize;
use crate::envelope::Authentic;
use crate::record::{self, CoreError, Record, RecordedTransfer};
use crate::store::{StateWrite, Table};
use crate::view::{View, transfer_key};
use sekisho_domain::{
    AccessRecord, AccessRequest, Action, Decision, KeyPurpose, Outcome, RefusalReason, Transfer,
};

pub(super) fn decide<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    request: &AccessRequest,
) -> Result<Outcome, CoreError<S::Error>> {
    if by.author().purpose != KeyPurpose::Node || by.author().network != request.viewing {
        return Ok(Outcome::Refused(RefusalReason::NotAuthorised));
    }
    let decisions = authorize(View(&*state), request, at.time)?;
    let record = AccessRecord {
        index: at.index,
        time: at.time,
        request_id: by.entry().request_id,
        author: by.entry().author,
        request: request.clone(),
        decisions,
    };
    let record = Record::made(at.index, record);
    record::put(state, Table::Access, &record::index_key(at.index), &record)?;
    super::emergencies::owe(state, &record.value)?;
    Ok(Outcome::Decided(record.value.decisions))
}

/// A release or receipt stands only on a permit to retrieve exactly this document.
pub(super) fn transfer<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    transfer: &Transfer,
    release: bool,
) -> Effect<S> {
    require!(by.author().purpose == KeyPurpose::Node, NotAuthorised);
    let Some(access) = View(&*state).access(transfer.access)? else {
        return Ok(Err(RefusalReason::NotFound));
    };
    let party = if release {
        &transfer.disclosing
    } else {
        &access.request.viewing
    };
    require!(by.author().network == *party, NotAuthorised);
    let permitted = access.decisions.iter().any(|(network, decision)| {
        *network == transfer.disclosing && matches!(decision, Decision::Permit(_))
    });
    let asked = access.request.action == Action::RetrieveDocument
        && access.request.document == Some(transfer.document);
    require!(permitted && asked, NotPermitted);
    let key = transfer_key(transfer.access, release);
    require!(
        state
            .get(Table::Transfer, &key)
            .map_err(CoreError::Store)?
            .is_none(),
        AlreadyExists
    );
    let recorded = RecordedTransfer {
        index: at.index,
        transfer: transfer.clone(),
    };
    record::put(
        state,
        Table::Transfer,
        &key,
        &Record::made(at.index, recorded),
    )?;
    Ok(Ok(()))
}
