//! What may be seen and what it rests on, as acts and grants add to it.

use sekisho_domain::{
    AgreementRef, Basis, Category, Codes, ConsentId, DisclosingFacilities, EntryIndex, FacilityId,
    FacilitySelector, TimeMs,
};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// Facilities of the disclosing network; of listed ones, when each was registered. Lists are shared: every grant
/// looks at those of every act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Places {
    All,
    RegisteredBefore(EntryIndex),
    Listed(Rc<BTreeMap<FacilityId, EntryIndex>>),
}

impl Places {
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::All, _) => true,
            (Self::RegisteredBefore(wide), Self::RegisteredBefore(narrow)) => wide >= narrow,
            (Self::RegisteredBefore(wide), Self::Listed(narrow)) => {
                narrow.values().all(|registered| registered < wide)
            }
            (Self::Listed(wide), Self::Listed(narrow)) => {
                narrow.keys().all(|place| wide.contains_key(place))
            }
            _ => false,
        }
    }

    /// What is in both; none if nothing is.
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        let listed = match (self, other) {
            (Self::All, one) | (one, Self::All) => return Some(one.clone()),
            (Self::RegisteredBefore(a), Self::RegisteredBefore(b)) => {
                return Some(Self::RegisteredBefore(*a.min(b)));
            }
            (Self::RegisteredBefore(index), Self::Listed(list))
            | (Self::Listed(list), Self::RegisteredBefore(index)) => list
                .iter()
                .filter(|(_, registered)| *registered < index)
                .map(|(place, registered)| (place.clone(), *registered))
                .collect::<BTreeMap<_, _>>(),
            (Self::Listed(a), Self::Listed(b)) => a
                .iter()
                .filter(|(place, _)| b.contains_key(*place))
                .map(|(place, registered)| (place.clone(), *registered))
                .collect(),
        };
        (!listed.is_empty()).then(|| Self::Listed(Rc::new(listed)))
    }
}

/// Documents of some categories and facilities, the consents that let them be seen and, once they are put
/// together, the grant.
#[derive(Debug, Clone)]
pub(super) struct Reach {
    pub grant: Option<(AgreementRef, u32)>,
    pub consents: BTreeSet<ConsentId>,
    pub categories: Codes<Category>,
    pub places: Places,
    /// First instant at which something it rests on no longer holds.
    pub until: Option<TimeMs>,
}

impl Reach {
    /// Where no consent is asked for.
    pub fn without_consent(categories: Codes<Category>) -> Self {
        Self {
            grant: None,
            consents: BTreeSet::new(),
            categories,
            places: Places::All,
            until: None,
        }
    }

    /// Whether it lets everything be seen that the other does.
    fn covers(&self, other: &Self) -> bool {
        other.categories.is_subset(&self.categories) && self.places.covers(&other.places)
    }

    /// What both let be seen, resting on the consents of both; none if that is nothing.
    pub fn meet(&self, other: &Self) -> Option<Self> {
        let categories = self.categories.intersection(&other.categories);
        if categories.is_empty() {
            return None;
        }
        Some(Self {
            grant: self.grant.clone(),
            consents: self.consents.union(&other.consents).copied().collect(),
            categories,
            places: self.places.intersection(&other.places)?,
            until: earlier(self.until, other.until),
        })
    }

    /// Takes in another list of facilities for the same categories under the same grant, if the list stays
    /// within what a consent's may hold: a patient who consents at each facility gets one basis, not forty.
    fn takes_in(&mut self, other: &Self) -> bool {
        let (Places::Listed(own), Places::Listed(more)) = (&mut self.places, &other.places) else {
            return false;
        };
        let new = more.keys().filter(|place| !own.contains_key(*place));
        let fits = own.len() + new.count() <= FacilitySelector::LISTED_MAX;
        let same = self.grant == other.grant && self.categories == other.categories;
        if fits && same {
            let own = Rc::make_mut(own);
            own.extend(more.iter().map(|(place, index)| (place.clone(), *index)));
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
            facilities: match self.places {
                Places::All => DisclosingFacilities::All,
                Places::RegisteredBefore(index) => DisclosingFacilities::RegisteredBefore(index),
                Places::Listed(list) => {
                    DisclosingFacilities::Listed(list.keys().cloned().collect())
                }
            },
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
