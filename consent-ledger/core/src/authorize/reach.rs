//! What may be seen and what it rests on, as acts and grants add to it.

use sekisho_domain::{
    AgreementRef, Basis, Category, ConsentId, DisclosingFacilities, FacilitySelector, TimeMs,
};
use std::collections::BTreeSet;

/// Documents of some categories and facilities, the consents that let them be seen and, once they are put
/// together, the grant.
#[derive(Debug, Clone)]
pub(super) struct Reach {
    pub grant: Option<(AgreementRef, u32)>,
    pub consents: BTreeSet<ConsentId>,
    pub categories: BTreeSet<Category>,
    pub facilities: DisclosingFacilities,
    /// First instant at which something it rests on no longer holds.
    pub until: Option<TimeMs>,
}

impl Reach {
    /// Whether it lets everything be seen that the other does.
    fn covers(&self, other: &Self) -> bool {
        use DisclosingFacilities::{All, Listed, RegisteredBefore};
        let facilities = match (&self.facilities, &other.facilities) {
            (All, _) => true,
            (RegisteredBefore(wide), RegisteredBefore(narrow)) => wide >= narrow,
            (Listed(wide), Listed(narrow)) => narrow.is_subset(wide),
            _ => false,
        };
        facilities && other.categories.is_subset(&self.categories)
    }

    /// Takes in another list of facilities for the same categories under the same grant, if the list stays
    /// within what a consent's may hold: a patient who consents at each facility gets one basis, not forty.
    fn takes_in(&mut self, other: &Self) -> bool {
        use DisclosingFacilities::Listed;
        let (Listed(own), Listed(more)) = (&mut self.facilities, &other.facilities) else {
            return false;
        };
        let fits = own.union(more).count() <= FacilitySelector::LISTED_MAX;
        let same = self.grant == other.grant && self.categories == other.categories;
        if fits && same {
            own.extend(more.iter().cloned());
            self.consents.extend(&other.consents);
            self.until = earlier(self.until, other.until);
        }
        fits && same
    }

    pub fn into_basis(self) -> Basis {
        Basis {
            grant: self.grant,
            consents: self.consents.into_iter().collect(),
            categories: self.categories,
            facilities: self.facilities,
        }
    }
}

/// Adds what is not covered yet; drops what it covers. At most `max` are kept: what is left out beyond it only
/// narrows what may be seen.
pub(super) fn add(reaches: &mut Vec<Reach>, new: Reach, max: usize) {
    if reaches.iter().any(|kept| kept.covers(&new)) {
        return;
    }
    reaches.retain(|kept| !new.covers(kept));
    if reaches.iter_mut().any(|kept| kept.takes_in(&new)) {
        return;
    }
    if reaches.len() < max {
        reaches.push(new);
    }
}

/// The earlier of two ends, where none means never.
pub(super) fn earlier(a: Option<TimeMs>, b: Option<TimeMs>) -> Option<TimeMs> {
    [a, b].into_iter().flatten().min()
}
