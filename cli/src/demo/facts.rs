//! The five networks of the demo: what the public surveys say of each, and the invented people and places.
//!
//! Facts (MHLW survey FY2019, nationwide survey of 2016, MHLW collection of cases 2017): names, prefectures, links,
//! how far a consent reaches and that it is withdrawn in writing, except for 八女筑後, whose sheet leaves consent
//! unanswered: there the demo takes its neighbour's way. Filled in by the demo: that consent is taken in writing (the
//! surveys say "explicit"), the rule on new facilities where none was answered (a consent of its own, the narrowest),
//! and what the agreements grant. Facilities and patients are invented; 見本 in a name says so.

use sekisho_domain::{
    Capture, Category, ConsentPolicy, ConsentRule, FacilityId, FacilityKind, Grant, Hash,
    NetworkId, NewFacility, Period, Purpose, Role, Rule, Scope, TimeMs, Withdrawal,
};
use sekisho_sample::Vendor;

/// One network.
pub struct NetworkFacts {
    /// Its id on the demo's ledger.
    pub id: &'static str,
    /// What people call it.
    pub name: &'static str,
    /// The same in Latin letters.
    pub name_en: &'static str,
    /// Where.
    pub place: &'static str,
    /// Two invented hospitals: code, name, maker of the system.
    pub hospitals: [(&'static str, &'static str, Vendor); 2],
    /// How a patient lets documents out; none where the network asks for no such act.
    pub disclosing: Option<Scope>,
    /// How a patient lets a facility look.
    pub viewing: Option<Scope>,
}

/// ピカピカリンク, アザレアネット, 八女筑後, まめネット, おしどりネット.
pub const NETWORKS: [NetworkFacts; 5] = [
    NetworkFacts {
        id: "pikapikalink",
        name: "ピカピカリンク",
        name_en: "Pikapika Link",
        place: "佐賀県",
        hospitals: [
            ("4110100015", "佐賀見本病院", Vendor::Asagi),
            ("4110100023", "唐津見本医療センター", Vendor::Botan),
        ],
        disclosing: None,
        viewing: Some(Scope::EachFacility),
    },
    NetworkFacts {
        id: "azaleanet",
        name: "アザレアネット",
        name_en: "Azalea Net",
        place: "福岡県久留米",
        hospitals: [
            ("4010200014", "久留米見本病院", Vendor::Chidori),
            ("4010200022", "筑後川見本病院", Vendor::Donguri),
        ],
        disclosing: None,
        viewing: Some(Scope::EachFacility),
    },
    NetworkFacts {
        id: "yamechikugo",
        name: "八女筑後医療情報ネットワーク",
        name_en: "Yame-Chikugo Medical Information Network",
        place: "福岡県八女・筑後",
        hospitals: [
            ("4010300012", "八女見本病院", Vendor::Enju),
            ("4010300020", "筑後見本病院", Vendor::Fuyo),
        ],
        disclosing: None,
        viewing: Some(Scope::EachFacility),
    },
    NetworkFacts {
        id: "mamenet",
        name: "まめネット",
        name_en: "Mame Net",
        place: "島根県",
        hospitals: [
            ("3210100013", "松江見本病院", Vendor::Asagi),
            ("3210100021", "出雲見本病院", Vendor::Chidori),
        ],
        // 公開同意は一括、閲覧同意は個別.
        disclosing: Some(Scope::AllFacilities),
        viewing: Some(Scope::EachFacility),
    },
    NetworkFacts {
        id: "oshidorinet",
        name: "おしどりネット",
        name_en: "Oshidori Net",
        place: "鳥取県",
        hospitals: [
            ("3110100011", "米子見本病院", Vendor::Botan),
            ("3110100029", "鳥取見本病院", Vendor::Donguri),
        ],
        // The patient designates the facilities.
        disclosing: Some(Scope::ListedFacilities),
        viewing: None,
    },
];

/// One agreement: its id, and its grants as (disclosing, viewing, rule).
pub struct LinkFacts {
    /// The agreement's id.
    pub id: &'static str,
    /// The parties; the first proposes.
    pub parties: [&'static str; 2],
    /// Who may see whose documents, by which consents.
    pub grants: &'static [(&'static str, &'static str, ConsentRule)],
}

/// The links the surveys state.
pub const LINKS: [LinkFacts; 3] = [
    LinkFacts {
        id: "pikapika-azalea",
        parties: ["pikapikalink", "azaleanet"],
        grants: &[
            ("pikapikalink", "azaleanet", ConsentRule::Viewing),
            ("azaleanet", "pikapikalink", ConsentRule::Viewing),
        ],
    },
    LinkFacts {
        id: "azalea-yamechikugo",
        parties: ["azaleanet", "yamechikugo"],
        grants: &[
            ("azaleanet", "yamechikugo", ConsentRule::Viewing),
            ("yamechikugo", "azaleanet", ConsentRule::Viewing),
        ],
    },
    // One-sided: まめネット reads おしどりネット, not the other way round.
    LinkFacts {
        id: "mame-oshidori",
        parties: ["mamenet", "oshidorinet"],
        grants: &[("oshidorinet", "mamenet", ConsentRule::Both)],
    },
];

/// A network's facts by id.
pub fn of(id: &str) -> Option<&'static NetworkFacts> {
    NETWORKS.iter().find(|n| n.id == id)
}

/// A network's name for people, with its place.
pub fn called(id: &NetworkId) -> String {
    of(id.as_str()).map_or_else(|| id.to_string(), |n| format!("{}（{}）", n.name, n.place))
}

impl NetworkFacts {
    /// The network's consent policy.
    pub fn policy(&self, valid_from: TimeMs, text_hash: Hash) -> ConsentPolicy {
        let rule = |scope| Rule {
            scope,
            capture: [Capture::Written].into(),
            new_facility: NewFacility::NeedsConsent(Capture::Written),
            withdrawal: [Withdrawal::Written].into(),
        };
        ConsentPolicy {
            version: 1,
            valid_from,
            text_hash,
            disclosing: self.disclosing.map(rule),
            viewing: self.viewing.map(rule),
            voids_earlier: false,
            emergency: None,
        }
    }
}

/// A grant of treatment by physicians of hospitals and clinics, of everything but progress and nursing notes. What
/// the real agreements say is not public; these limits are the demo's, to show that an agreement has some.
pub fn grant(
    disclosing: NetworkId,
    viewing: NetworkId,
    consent_rule: ConsentRule,
    valid: Period,
) -> Grant {
    let kept = [Category::ProgressNote, Category::NursingNote];
    Grant {
        disclosing,
        viewing,
        categories: Category::ALL
            .iter()
            .copied()
            .filter(|c| !kept.contains(c))
            .collect(),
        purposes: [Purpose::Treat, Purpose::CoordinationOfCare].into(),
        facility_kinds: [FacilityKind::Hospital, FacilityKind::Clinic].into(),
        roles: [Role::Physician].into(),
        consent_rule,
        valid,
    }
}

/// Who travels: the hospitals each invented traveller is a patient of, in the order of the demo's story.
pub const TRAVELLERS: [&[&str]; 3] = [
    // Moved from Saga to Kurume, has been to Yame as well.
    &["4110100015", "4010200014", "4010300012"],
    // The same way, but has not consented when the story begins.
    &["4110100015", "4010200014", "4010300012"],
    // Lives at the border of Tottori and Shimane.
    &["3110100011", "3210100013"],
];

/// A facility's id.
///
/// # Errors
/// Never for the codes above; a test parses them all.
pub fn facility(code: &str) -> Result<FacilityId, sekisho_domain::DomainError> {
    code.parse()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn every_id_parses_and_every_reference_is_known() {
        let codes: Vec<_> = NETWORKS
            .iter()
            .flat_map(|n| n.hospitals.iter().map(|(code, ..)| *code))
            .collect();
        for network in &NETWORKS {
            let _: NetworkId = network.id.parse().unwrap();
            assert!(network.disclosing.is_some() || network.viewing.is_some());
        }
        assert!(codes.iter().all(|code| facility(code).is_ok()));
        for link in &LINKS {
            let _: sekisho_domain::AgreementId = link.id.parse().unwrap();
            assert!(
                link.grants
                    .iter()
                    .all(|(d, v, _)| link.parties.contains(d) && link.parties.contains(v))
            );
        }
        assert!(
            TRAVELLERS
                .iter()
                .flat_map(|t| t.iter())
                .all(|code| codes.contains(code))
        );
    }
}
