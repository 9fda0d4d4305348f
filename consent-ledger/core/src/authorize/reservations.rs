//! Check 31: what the patient refused. It always wins over what rests on consent, emergency or disaster.

use super::reach::{Reach, earlier};
use super::{Asking, Patient};
use crate::chart::looked_at;
use crate::record::{CoreError, GivenReservation};
use crate::store::StateRead;
use crate::view::{RESERVATION_NAMES_MAX, RESERVATIONS_MAX, View};
use sekisho_domain::{PermitTerms, TimeMs, Withheld};

/// What is left to be seen.
pub(super) struct Narrowed {
    pub reaches: Vec<Reach>,
    pub withheld: Vec<Withheld>,
    /// When a reservation begins that does not hold yet.
    pub until: Option<TimeMs>,
}

impl Narrowed {
    /// Where no reservation is looked at.
    pub fn nothing(reaches: Vec<Reach>) -> Self {
        Self {
            reaches,
            withheld: Vec::new(),
            until: None,
        }
    }
}

/// Takes what is reserved out of what was consented. Reservations of documents of some facilities stay as
/// `withheld`, for the node to keep back document by document. None if nothing remains.
pub(super) fn narrow<S: StateRead>(
    view: View<'_, S>,
    asking: &Asking<'_>,
    patient: &Patient<'_>,
    mut reaches: Vec<Reach>,
) -> Result<Option<Narrowed>, CoreError<S::Error>> {
    let mut withheld = Vec::new();
    let mut until = None;
    for chart in patient.charts() {
        let set = chart.reservations(view.0)?.into_iter();
        let reservations: Vec<_> = set.map(|given| looked_at(view.0, given)).collect();
        let named: usize = reservations.iter().map(|g| g.reservation.names()).sum();
        if reservations.len() > RESERVATIONS_MAX || named > RESERVATION_NAMES_MAX {
            // More than can be looked at: the patient clearly does not want to be seen.
            return Ok(None);
        }
        for given in reservations
            .into_iter()
            .filter(|given| concerns(given, asking))
        {
            let reservation = &given.reservation;
            if reservation.period.from > asking.time {
                until = earlier(until, Some(reservation.period.from));
                continue;
            }
            match (&reservation.categories, &reservation.disclosing_facilities) {
                (None, None) => return Ok(None),
                (Some(categories), None) => {
                    reaches.iter_mut().for_each(|reach| {
                        reach.categories = reach.categories.difference(categories)
                    });
                    reaches.retain(|reach| !reach.categories.is_empty());
                }
                (categories, facilities @ Some(_)) => {
                    let new = Withheld {
                        categories: *categories,
                        facilities: facilities.clone(),
                    };
                    if !withheld.contains(&new) {
                        withheld.push(new);
                    }
                }
            }
        }
    }
    let fits = !reaches.is_empty() && withheld.len() <= PermitTerms::WITHHELD_MAX;
    Ok(fits.then_some(Narrowed {
        reaches,
        withheld,
        until,
    }))
}

/// Whether it holds against this request, now or later.
fn concerns(given: &GivenReservation, asking: &Asking<'_>) -> bool {
    given.cleared.is_none()
        && !given.reservation.period.has_ended(asking.time)
        && given.reservation.is_against(asking.request)
}
