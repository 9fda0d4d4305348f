//! On what grounds somebody asks, checked before anything is signed.

use crate::NodeError;
use sekisho_domain::{Grounds, Nature, Purpose};
use sekisho_proto::v1;
use v1::access_request::Grounds as Wire;
use v1::find_request::Grounds as OfFind;
use v1::retrieve_request::Grounds as OfRetrieve;
use v1::search_request::Grounds as OfSearch;

pub(super) fn of_find(grounds: OfFind) -> Wire {
    match grounds {
        OfFind::Emergency(reason) => Wire::Emergency(reason),
        OfFind::Disaster(disaster) => Wire::Disaster(disaster),
        OfFind::Law(basis) => Wire::Law(basis),
    }
}

pub(super) fn of_search(grounds: OfSearch) -> Wire {
    match grounds {
        OfSearch::Emergency(reason) => Wire::Emergency(reason),
        OfSearch::Disaster(disaster) => Wire::Disaster(disaster),
        OfSearch::Law(basis) => Wire::Law(basis),
    }
}

pub(super) fn of_retrieve(grounds: OfRetrieve) -> Wire {
    match grounds {
        OfRetrieve::Emergency(reason) => Wire::Emergency(reason),
        OfRetrieve::Disaster(disaster) => Wire::Disaster(disaster),
        OfRetrieve::Law(basis) => Wire::Law(basis),
    }
}

macro_rules! sent {
    ($name:ident, $message:ident) => {
        /// Grounds as they travel in such a request; none stands for consent.
        pub fn $name(grounds: Grounds) -> Option<v1::$message::Grounds> {
            use v1::$message::Grounds as Sent;
            match grounds.into() {
                Wire::Ordinary(_) => None,
                Wire::Emergency(reason) => Some(Sent::Emergency(reason)),
                Wire::Disaster(disaster) => Some(Sent::Disaster(disaster)),
                Wire::Law(basis) => Some(Sent::Law(basis)),
            }
        }
    };
}
sent!(to_find, find_request);
sent!(to_search, search_request);
sent!(to_retrieve, retrieve_request);

/// The grounds of a request; none means the patient's consent.
///
/// # Errors
/// [`NodeError::Grounds`] where the purpose needs others; a code outside its list.
pub(super) fn check(purpose: i32, grounds: Option<Wire>) -> Result<Grounds, NodeError> {
    let purpose = Purpose::from_number(purpose.into())?;
    let grounds = grounds.map_or(Ok(Grounds::Ordinary), Grounds::try_from)?;
    let given = match grounds {
        Grounds::Ordinary => Nature::Ordinary,
        Grounds::Emergency(_) => Nature::BreakGlass,
        Grounds::Disaster { .. } => Nature::Disaster,
        Grounds::Law(_) => Nature::Law,
    };
    if given == purpose.nature() {
        return Ok(grounds);
    }
    Err(NodeError::Grounds {
        purpose,
        needs: name(purpose.nature()),
        given: name(given),
    })
}

fn name(nature: Nature) -> &'static str {
    match nature {
        Nature::Ordinary => "the patient's consent",
        Nature::BreakGlass => "the reason of an emergency",
        Nature::Disaster => "a declared disaster",
        Nature::Law => "a law",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sekisho_domain::{DisasterConsent, DisasterId, EmergencyReason, EntryIndex, LegalBasis};

    #[test]
    fn each_purpose_takes_its_own_grounds_and_no_others() {
        let all = [
            (Nature::Ordinary, None, Grounds::Ordinary),
            (
                Nature::BreakGlass,
                Some(Wire::Emergency(3)),
                Grounds::Emergency(EmergencyReason::NoTime),
            ),
            (
                Nature::Disaster,
                Some(Wire::Disaster(v1::DisasterGrounds {
                    declaration: 7,
                    consent: 2,
                })),
                Grounds::Disaster {
                    declaration: DisasterId(EntryIndex(7)),
                    consent: DisasterConsent::NotPossible,
                },
            ),
            (
                Nature::Law,
                Some(Wire::Law(1)),
                Grounds::Law(LegalBasis::InfectiousDiseases),
            ),
        ];
        for purpose in Purpose::ALL {
            for (nature, wire, grounds) in &all {
                let checked = check(purpose.number().into(), *wire);
                if *nature == purpose.nature() {
                    assert_eq!(checked.unwrap(), *grounds, "{purpose}");
                } else {
                    let refused = checked.unwrap_err();
                    assert_eq!(refused.code(), sekisho_proto::ErrorCode::Invalid);
                    assert!(refused.to_string().contains(purpose.code()), "{refused}");
                }
            }
        }
        let refused = check(Purpose::BreakGlass.number().into(), None).unwrap_err();
        assert_eq!(
            refused.to_string(),
            "the purpose BTG rests on the reason of an emergency, the request gives the patient's consent"
        );
        for (purpose, wire) in [(0, None), (6, Some(Wire::Emergency(9)))] {
            assert!(matches!(check(purpose, wire), Err(NodeError::Domain(_))));
        }
    }
}
