//! Patterns of accesses that members point out to officers. None is taken that the accesses themselves do not show.

use super::{At, Effect, require};
use crate::envelope::Authentic;
use crate::patterns::{Look, shows};
use crate::record::{self, Record};
use crate::store::{StateWrite, Table};
use crate::view::{View, alert_key};
use sekisho_domain::{KeyPurpose, RefusalReason, SecurityAlert};

pub(super) fn raise<S: StateWrite>(
    state: &mut S,
    by: &Authentic,
    at: At,
    alert: &SecurityAlert,
) -> Effect<S> {
    require!(by.author().purpose == KeyPurpose::Node, NotAuthorised);
    let author = &by.author().network;
    let view = View(&*state);
    let mut looks = Vec::new();
    for index in &alert.accesses {
        let Some(access) = view.access(*index)? else {
            return Ok(Err(RefusalReason::NotFound));
        };
        let request = &access.request;
        require!(
            request.viewing == alert.viewing && request.practitioner_id == alert.practitioner,
            InvalidContent
        );
        // Who has a part in it: its own practitioner, or its own patients each time.
        require!(
            *author == alert.viewing || request.targets.contains(author),
            NotAuthorised
        );
        looks.push(Look::of(*index, access.time, request, &access.decisions));
    }
    require!(shows(alert.pattern, &looks), InvalidContent);
    let last = view.alerted(&alert.viewing, alert.pattern, &alert.practitioner)?;
    let (Some(first), Some(newest)) = (looks.first(), looks.last()) else {
        return Ok(Err(RefusalReason::InvalidContent));
    };
    // Each access is pointed out once.
    require!(last.is_none_or(|last| first.index > last), AlreadyExists);
    let key = alert_key(&alert.viewing, alert.pattern, &alert.practitioner);
    let record = Record::made(at.index, newest.index);
    record::put(state, Table::Alert, &key, &record)?;
    Ok(Ok(()))
}
