//! What more one patient's consents let be seen after a change.

use super::{Change, Gain};
use crate::history::HistoryError;
use crate::history::members::{self, Kinds, Pair, Way};
use crate::record::{CoreError, Facility};
use crate::store::StateRead;
use crate::view::View;
use sekisho_domain::{
    Basis, Category, Codes, Decision, DisclosingFacilities, FacilityId, FacilityKind,
    FacilitySelector, Grounds, Nature, NetworkId, PermitTerms, PractitionerId, Purpose, Role, Side,
    SubjectRef, TimeMs, ViewerSelector,
};
use std::collections::{BTreeMap, BTreeSet};

/// Two states compared for one change, at the instant from which it counts.
pub(super) struct Comparing<'a, S, T> {
    before: View<'a, S>,
    after: View<'a, T>,
    change: &'a Change,
    time: TimeMs,
    facilities: BTreeMap<NetworkId, Kinds>,
    ways: BTreeMap<(NetworkId, NetworkId), Vec<(FacilityKind, Way)>>,
}

/// Whose documents, seen by whom.
type Direction<'d> = (&'d NetworkId, &'d NetworkId);

impl<'a, S: StateRead, T: StateRead<Error = S::Error>> Comparing<'a, S, T> {
    pub fn of(
        before: View<'a, S>,
        after: View<'a, T>,
        change: &'a Change,
        time: TimeMs,
        directions: &BTreeSet<Direction<'_>>,
    ) -> Result<Self, HistoryError<S::Error>> {
        let mut comparing = Self {
            before,
            after,
            change,
            time,
            facilities: members::facilities(after)?,
            ways: BTreeMap::new(),
        };
        for (disclosing, viewing) in directions {
            let ways = comparing.ways_between(disclosing, viewing)?;
            let pair = ((*disclosing).clone(), (*viewing).clone());
            comparing.ways.insert(pair, ways);
        }
        Ok(comparing)
    }

    /// The kinds of facility and ways of asking that some agreement could allow in this direction.
    fn ways_between(
        &self,
        disclosing: &NetworkId,
        viewing: &NetworkId,
    ) -> Result<Vec<(FacilityKind, Way)>, CoreError<S::Error>> {
        let mut grants = Vec::new();
        if disclosing != viewing {
            for id in self.after.agreements_of(disclosing, viewing)? {
                let head = self.after.agreement_head(&id)?.map(|r| r.value);
                for number in head.map(|h| h.signed).unwrap_or_default() {
                    let version = self.after.agreement(&id, number)?;
                    grants.extend(version.into_iter().flat_map(|v| v.value.agreement.grants));
                }
            }
        }
        grants.retain(|g| g.disclosing == *disclosing && g.viewing == *viewing);
        let granted = |kind: FacilityKind, role: Role, purpose: Purpose| {
            disclosing == viewing
                || grants.iter().any(|g| {
                    g.facility_kinds.contains(&kind)
                        && g.roles.contains(&role)
                        && g.purposes.contains(&purpose)
                })
        };
        let mut ways = Vec::new();
        for (kind, role) in FacilityKind::ALL
            .iter()
            .flat_map(|k| Role::ALL.iter().map(move |r| (*k, *r)))
        {
            for purpose in Purpose::ALL.iter().copied() {
                let way = Way {
                    role,
                    purpose,
                    grounds: Grounds::Ordinary,
                };
                if purpose.nature() == Nature::Ordinary && granted(kind, role, purpose) {
                    ways.push((kind, way));
                }
            }
        }
        Ok(ways)
    }

    pub fn gains(
        &self,
        subject: &SubjectRef,
        directions: &BTreeSet<Direction<'_>>,
    ) -> Result<Vec<Gain>, HistoryError<S::Error>> {
        let mut gains = Vec::new();
        for (disclosing, viewing) in directions {
            let of = |network: &NetworkId| -> Result<Option<SubjectRef>, CoreError<S::Error>> {
                if *network == subject.network {
                    return Ok(Some(subject.clone()));
                }
                let linked = self.after.linked(subject, network)?;
                Ok(linked.map(|subject| SubjectRef {
                    network: network.clone(),
                    subject,
                }))
            };
            let (Some(disclosing), Some(viewing)) = (of(disclosing)?, of(viewing)?) else {
                continue;
            };
            let pair = Pair {
                disclosing: &disclosing,
                viewing: &viewing,
            };
            gains.extend(self.gain(pair)?);
        }
        Ok(gains)
    }

    fn gain(&self, pair: Pair<'_>) -> Result<Option<Gain>, HistoryError<S::Error>> {
        let (disclosing, viewing) = (&pair.disclosing.network, &pair.viewing.network);
        let ways = self.ways.get(&(disclosing.clone(), viewing.clone()));
        let mut gain = Gain {
            disclosing: disclosing.clone(),
            viewing: viewing.clone(),
            categories: Codes::new(),
            purposes: Codes::new(),
            roles: Codes::new(),
            consents: BTreeSet::new(),
        };
        let mut practitioners = members::named(self.after, pair.disclosing)?;
        practitioners.extend(members::named(self.after, pair.viewing)?);
        let anybody = members::anybody(&practitioners);
        practitioners.insert(anybody);
        let places = self.places(pair)?;
        for (kind, facility) in &places {
            let of_kind = ways.into_iter().flatten().filter(|(k, _)| k == kind);
            for (_, way) in of_kind {
                for practitioner in &practitioners {
                    self.compare(pair, (facility, *practitioner), *way, &mut gain)?;
                }
            }
        }
        Ok((!gain.categories.is_empty()).then_some(gain))
    }

    fn compare(
        &self,
        pair: Pair<'_>,
        who: (&FacilityId, PractitionerId),
        way: Way,
        gain: &mut Gain,
    ) -> Result<(), CoreError<S::Error>> {
        let Decision::Permit(after) = pair.decide(self.after, who, way, None, self.time)? else {
            return Ok(());
        };
        let before = match pair.decide(self.before, who, way, None, self.time)? {
            Decision::Permit(terms) => Some(terms),
            Decision::Deny(_) => None,
        };
        let network = &pair.disclosing.network;
        for basis in &after.bases {
            let new = self.new_in(basis, before.as_ref(), network)?;
            if !new.is_empty() {
                gain.categories = gain.categories.union(&new);
                gain.purposes.insert(way.purpose);
                gain.roles.insert(way.role);
                gain.consents.extend(&basis.consents);
            }
        }
        Ok(())
    }

    /// The facilities that can make a difference to this patient: the one that joined; else those the patient's acts
    /// name, and of each kind the first no reservation names. Of two of a kind that no act names, what the later one
    /// may see the earlier may.
    fn places(
        &self,
        pair: Pair<'_>,
    ) -> Result<BTreeSet<(FacilityKind, FacilityId)>, CoreError<S::Error>> {
        let Some(kinds) = self.facilities.get(&pair.viewing.network) else {
            return Ok(BTreeSet::new());
        };
        let mut named = BTreeSet::new();
        let mut reserved = BTreeSet::new();
        for (side, of) in [
            (Side::Disclosing, pair.disclosing),
            (Side::Viewing, pair.viewing),
        ] {
            for given in self.after.consents_of(&of.network, &of.subject, side)? {
                let consent = given.consent;
                if let FacilitySelector::Listed(set) = consent.facilities {
                    named.extend(set);
                }
                named.extend(consent.counterpart.into_iter().flatten());
            }
            for given in self.after.reservations_of(&of.network, &of.subject)? {
                if let ViewerSelector::Facility(id) = given.reservation.viewer {
                    reserved.insert(id);
                }
            }
        }
        if let Change::FacilityJoined { facility, .. } = self.change {
            named.insert(facility.clone());
        }
        let mut places = BTreeSet::new();
        for facility in named {
            let member = self.after.facility_of(&facility, &pair.viewing.network)?;
            places.extend(member.map(|member| (member.kind, facility)));
        }
        for (kind, facilities) in kinds {
            let first = facilities.iter().find(|f| !reserved.contains(*f));
            places.extend(first.map(|facility| (*kind, facility.clone())));
        }
        Ok(places)
    }

    /// Which of a basis' categories let documents be seen that could not be before.
    fn new_in(
        &self,
        basis: &Basis,
        before: Option<&PermitTerms>,
        network: &NetworkId,
    ) -> Result<Codes<Category>, CoreError<S::Error>> {
        let Some(before) = before else {
            return Ok(basis.categories);
        };
        // The documents of a facility that joined could not be seen before it did.
        if let Change::FacilityJoined {
            network: of,
            facility,
            ..
        } = self.change
            && of == network
        {
            let joined = self.after.facility_of(facility, network)?;
            let known = self.before.facility_of(facility, network)?;
            let sees = |terms: &PermitTerms, category, member: &Facility| {
                terms.bases.iter().any(|b| {
                    b.categories.contains(&category) && reaches(&b.facilities, facility, member)
                })
            };
            if let Some(member) = joined
                && reaches(&basis.facilities, facility, &member)
            {
                let new =
                    |category: &Category| known.is_none() || !sees(before, *category, &member);
                return Ok(basis.categories.iter().filter(new).collect());
            }
        }
        let mut new = Codes::new();
        for category in basis.categories.iter() {
            let known = before
                .bases
                .iter()
                .filter(|b| b.categories.contains(&category));
            if !self.covered(&basis.facilities, known.map(|b| &b.facilities), network)? {
                new.insert(category);
            }
        }
        Ok(new)
    }

    fn covered<'f>(
        &self,
        places: &DisclosingFacilities,
        by: impl Iterator<Item = &'f DisclosingFacilities> + Clone,
        network: &NetworkId,
    ) -> Result<bool, CoreError<S::Error>> {
        use DisclosingFacilities::{All, Listed, RegisteredBefore};
        let whole = |other: &DisclosingFacilities| match (other, places) {
            (All, _) => true,
            (RegisteredBefore(wide), RegisteredBefore(narrow)) => wide >= narrow,
            _ => false,
        };
        if by.clone().any(whole) {
            return Ok(true);
        }
        let Listed(places) = places else {
            return Ok(false);
        };
        for place in places {
            let Some(member) = self.after.facility_of(place, network)? else {
                continue;
            };
            if !by.clone().any(|other| reaches(other, place, &member)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Whether a facility's documents are among these.
fn reaches(places: &DisclosingFacilities, facility: &FacilityId, member: &Facility) -> bool {
    match places {
        DisclosingFacilities::All => true,
        DisclosingFacilities::RegisteredBefore(index) => member.registered < *index,
        DisclosingFacilities::Listed(set) => set.contains(facility),
    }
}
