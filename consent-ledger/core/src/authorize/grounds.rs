//! Checks 13 and 14, and what a request stands on: consent, an emergency, a disaster or a law.

use super::Asking;
use crate::record::CoreError;
use crate::store::StateRead;
use crate::view::View;
use sekisho_domain::{AreaCode, DenyReason, Footing, Grounds, TimeMs};

/// What a permit would stand on, and until when.
pub(super) struct Ground {
    pub kind: Footing,
    pub until: Option<TimeMs>,
}

pub(super) fn footing<S: StateRead>(
    view: View<'_, S>,
    asking: &Asking<'_>,
) -> Result<Result<Ground, DenyReason>, CoreError<S::Error>> {
    let timeless = |kind| Ok(Ok(Ground { kind, until: None }));
    let declaration = match asking.request.grounds {
        Grounds::Ordinary => return timeless(Footing::Consent),
        Grounds::Emergency(_) => return timeless(Footing::BreakGlass),
        Grounds::Law(_) => return timeless(Footing::Law),
        Grounds::Disaster { declaration, .. } => declaration,
    };
    let declared = view.disaster(declaration)?.map(|r| r.value);
    let Some(declared) = declared.filter(|d| d.holds(asking.time)) else {
        return Ok(Err(DenyReason::DisasterNotDeclared));
    };
    let authority = view.authority(&declared.authority)?;
    if authority.is_none_or(|a| a.value.ended.is_some()) {
        return Ok(Err(DenyReason::DisasterNotDeclared));
    }
    let area = &declared.disaster.area;
    let here = |code: &AreaCode| {
        code.as_str() == asking.request.facility.prefecture()
            || asking.municipality.as_ref() == Some(code)
    };
    if !area.iter().any(here) && !view.is_in_area(asking.target, area)? {
        return Ok(Err(DenyReason::OutsideDisasterArea));
    }
    let kind = if declared.disaster.drill {
        Footing::DisasterDrill
    } else {
        Footing::Disaster
    };
    Ok(Ok(Ground {
        kind,
        until: Some(declared.disaster.until),
    }))
}
