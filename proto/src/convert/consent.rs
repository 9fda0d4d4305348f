//! Consents and reservations.

use super::{
    bounded, categories_in, categories_out, facilities_in, facilities_out, purposes_in,
    purposes_out, required,
};
use crate::v1;
use sekisho_domain::{
    Capture, Consent, DomainError, EntryIndex, FacilitySelector, PractitionerId, ProxyId,
    Reservation, Side, ViewerSelector,
};
use std::collections::BTreeSet;

fn practitioners_in(set: v1::PractitionerSet) -> Result<BTreeSet<PractitionerId>, DomainError> {
    bounded(
        &set.practitioners,
        Consent::PRACTITIONERS_MAX,
        "the list of practitioners",
    )?;
    if set.practitioners.is_empty() {
        return Err(DomainError::Missing("a practitioner of the list"));
    }
    set.practitioners
        .iter()
        .map(|p| p.as_slice().try_into())
        .collect()
}

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
            counterpart: c.counterpart.as_ref().map(facilities_out),
            practitioners: c.practitioners.as_ref().map(|set| v1::PractitionerSet {
                practitioners: set.iter().map(|p| p.0.to_vec()).collect(),
            }),
            proxy: c.proxy.map(|p| p.0.0),
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
            counterpart: c.counterpart.map(facilities_in).transpose()?,
            practitioners: c.practitioners.map(practitioners_in).transpose()?,
            proxy: c.proxy.map(|p| ProxyId(EntryIndex(p))),
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
                ViewerSelector::Practitioner(who) => Viewer::ViewerPractitioner(who.0.to_vec()),
            }),
            disclosing_facilities: r.disclosing_facilities.as_ref().map(facilities_out),
            categories: categories_out(r.categories.as_ref()),
            period: Some(r.period.into()),
            recorded_by: r.recorded_by.to_string(),
            purposes: purposes_out(r.purposes.as_ref()),
            proxy: r.proxy.map(|p| p.0.0),
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
                Viewer::ViewerPractitioner(who) => {
                    ViewerSelector::Practitioner(who.as_slice().try_into()?)
                }
            },
            disclosing_facilities: r.disclosing_facilities.map(facilities_in).transpose()?,
            categories: categories_in(r.categories)?,
            period: required(r.period, "the reservation's period")?.try_into()?,
            recorded_by: r.recorded_by.parse()?,
            purposes: purposes_in(r.purposes)?,
            proxy: r.proxy.map(|p| ProxyId(EntryIndex(p))),
        })
    }
}
