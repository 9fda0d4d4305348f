//! Check 22: what the patient refused. It always wins.

use super::Asking;
use crate::record::{CoreError, GivenReservation};
use crate::store::StateRead;
use crate::view::{RESERVATIONS_MAX, View};
use sekisho_domain::{Basis, PermitTerms, SubjectRef, ViewerSelector, Withheld};

type Narrowed = Option<(Vec<Basis>, Vec<Withheld>)>;

/// Takes what is reserved out of the bases. Reservations of one document kind at one facility stay as
/// `withheld`, for the node to keep back document by document. None if nothing remains.
pub(super) fn narrow<S: StateRead>(
    view: View<'_, S>,
    asking: &Asking<'_>,
    disclosing: &SubjectRef,
    viewing: &SubjectRef,
    mut bases: Vec<Basis>,
) -> Result<Narrowed, CoreError<S::Error>> {
    let mut withheld = Vec::new();
    let both = if disclosing == viewing {
        vec![disclosing]
    } else {
        vec![disclosing, viewing]
    };
    for subject in both {
        let reservations = view.reservations_of(&subject.network, &subject.subject)?;
        if reservations.len() > RESERVATIONS_MAX {
            // More than can be looked at: the patient clearly does not want to be seen.
            return Ok(None);
        }
        for given in reservations.iter().filter(|given| holds(given, asking)) {
            let reservation = &given.reservation;
            match (&reservation.categories, &reservation.disclosing_facilities) {
                (None, None) => return Ok(None),
                (Some(categories), None) => {
                    bases
                        .iter_mut()
                        .for_each(|basis| basis.categories.retain(|c| !categories.contains(c)));
                    bases.retain(|basis| !basis.categories.is_empty());
                }
                (categories, facilities @ Some(_)) => {
                    withheld.push(Withheld {
                        categories: categories.clone(),
                        facilities: facilities.clone(),
                    });
                }
            }
        }
    }
    let fits = !bases.is_empty() && withheld.len() <= PermitTerms::WITHHELD_MAX;
    Ok(fits.then_some((bases, withheld)))
}

fn holds(given: &GivenReservation, asking: &Asking<'_>) -> bool {
    let viewer = match &given.reservation.viewer {
        ViewerSelector::Anyone => true,
        ViewerSelector::Network(network) => *network == asking.request.viewing,
        ViewerSelector::Facility(facility) => *facility == asking.request.facility,
    };
    given.cleared.is_none() && given.reservation.period.contains(asking.time) && viewer
}
