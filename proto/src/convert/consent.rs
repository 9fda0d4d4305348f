//! Consents and reservations.

use super::{
    categories_in, categories_out, facilities_in, facilities_out, purposes_in, purposes_out,
    required,
};
use crate::v1;
use sekisho_domain::{
    Capture, Consent, DomainError, FacilitySelector, Reservation, Side, ViewerSelector,
};

impl From<&Consent> for v1::Consent {
    fn from(c: &Consent) -> Self {
        use v1::consent::Facilities;
        Self {
            network: c.network.to_string(),
            subject: c.subject.0.to_vec(),
            side: c.side.number().into(),
            facilities: Some(match &c.facilities {
                FacilitySelector::All => Facilities::AllFacilities(v1::Everything {}),
                FacilitySelector::Listed(set) => Facilities::ListedFacilities(facilities_out(set)),
            }),
            categories: categories_out(c.categories.as_ref()),
            purposes: purposes_out(c.purposes.as_ref()),
            period: Some(c.period.into()),
            capture: c.capture.number().into(),
            recorded_by: c.recorded_by.to_string(),
            policy_version: c.policy_version,
            evidence: c.evidence.0.to_vec(),
        }
    }
}

impl TryFrom<v1::Consent> for Consent {
    type Error = DomainError;
    fn try_from(c: v1::Consent) -> Result<Self, DomainError> {
        use v1::consent::Facilities;
        Ok(Self {
            network: c.network.parse()?,
            subject: c.subject.as_slice().try_into()?,
            side: Side::from_number(c.side.into())?,
            facilities: match required(c.facilities, "the consent's facilities")? {
                Facilities::AllFacilities(_) => FacilitySelector::All,
                Facilities::ListedFacilities(set) => FacilitySelector::Listed(facilities_in(set)?),
            },
            categories: categories_in(c.categories)?,
            purposes: purposes_in(c.purposes)?,
            period: required(c.period, "the consent's period")?.try_into()?,
            capture: Capture::from_number(c.capture.into())?,
            recorded_by: c.recorded_by.parse()?,
            policy_version: c.policy_version,
            evidence: c.evidence.as_slice().try_into()?,
        })
    }
}

impl From<&Reservation> for v1::Reservation {
    fn from(r: &Reservation) -> Self {
        use v1::reservation::Viewer;
        Self {
            network: r.network.to_string(),
            subject: r.subject.0.to_vec(),
            viewer: Some(match &r.viewer {
                ViewerSelector::Anyone => Viewer::Anyone(v1::Everything {}),
                ViewerSelector::Network(network) => Viewer::ViewerNetwork(network.to_string()),
                ViewerSelector::Facility(facility) => Viewer::ViewerFacility(facility.to_string()),
            }),
            disclosing_facilities: r.disclosing_facilities.as_ref().map(facilities_out),
            categories: categories_out(r.categories.as_ref()),
            period: Some(r.period.into()),
            recorded_by: r.recorded_by.to_string(),
        }
    }
}

impl TryFrom<v1::Reservation> for Reservation {
    type Error = DomainError;
    fn try_from(r: v1::Reservation) -> Result<Self, DomainError> {
        use v1::reservation::Viewer;
        Ok(Self {
            network: r.network.parse()?,
            subject: r.subject.as_slice().try_into()?,
            viewer: match required(r.viewer, "whom the reservation keeps out")? {
                Viewer::Anyone(_) => ViewerSelector::Anyone,
                Viewer::ViewerNetwork(network) => ViewerSelector::Network(network.parse()?),
                Viewer::ViewerFacility(facility) => ViewerSelector::Facility(facility.parse()?),
            },
            disclosing_facilities: r.disclosing_facilities.map(facilities_in).transpose()?,
            categories: categories_in(r.categories)?,
            period: required(r.period, "the reservation's period")?.try_into()?,
            recorded_by: r.recorded_by.parse()?,
        })
    }
}
