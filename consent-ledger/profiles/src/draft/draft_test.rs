//! Drafts between real networks: which can be drawn up, what the others lack, and what is drawn up exactly.

use super::*;
use crate::facts::{Facts, built_in};
use crate::profile::{Field, Need, parse};
use sekisho_domain::{Capture, NewFacility, Purpose, Role, Rule, Scope, Side, TimeMs, Withdrawal};
use std::collections::BTreeMap;

/// 2027-04-01 to 2030-03-31 in Japan.
pub(super) fn valid() -> Period {
    Period {
        from: TimeMs(1_806_505_200_000),
        until: Some(TimeMs(1_901_199_600_000)),
    }
}

pub(super) fn profile(facts: &Facts, id: &str) -> NetworkProfile {
    NetworkProfile::of(facts.network(id).unwrap_or_else(|| panic!("{id}")))
}

fn drawn(parties: Vec<NetworkProfile>) -> Draft {
    draft(parties, None, Terms::narrowest(valid())).unwrap()
}

/// A complete profile of one's own.
pub(super) fn own(id: &str, disclosing: Option<Rule>, viewing: Option<Rule>) -> NetworkProfile {
    let head = format!("form = 1\nid = \"{id}\"\nname = \"{id}\"\nprefecture = \"32\"\n");
    let sharing = "[sharing]\ncategories = [\"diagnosis\", \"imaging\", \"prescription\"]\nviewing_kinds = [\"hospital\", \"pharmacy\"]\n";
    let mut profile = parse(format!("{head}{sharing}").as_bytes()).unwrap();
    let fields = |rule: Rule| crate::profile::RuleFields {
        scope: Field::chosen(Some(rule.scope)),
        capture: Field::chosen(Some(rule.capture)),
        new_facility: Field::chosen(Some(rule.new_facility)),
        withdrawal: Field::chosen(Some(rule.withdrawal)),
    };
    (profile.disclosing, profile.viewing) = (disclosing.map(fields), viewing.map(fields));
    profile
}

pub(super) fn rule(scope: Scope, capture: &[Capture]) -> Rule {
    Rule {
        scope,
        capture: capture.iter().copied().collect(),
        new_facility: NewFacility::NotCovered,
        withdrawal: [Withdrawal::Written].into(),
    }
}

pub(super) const WRITTEN: &[Capture] = &[Capture::Written];

/// The rule of each pair of policies, and where they do not meet, who would have to ask for an act of its own.
#[test]
fn the_rule_satisfies_both_policies() {
    use ConsentRule::{Both, Disclosing, RecipientConsentWithProviderReservation, Viewing};
    use Scope::{AllFacilities, EachFacility, EachPractitioner, FacilityPair, ListedFacilities};
    let all = || Some(rule(AllFacilities, WRITTEN));
    let each = || Some(rule(EachFacility, WRITTEN));
    let oral = || Some(rule(EachFacility, &[Capture::Oral]));
    let notice = || Some(rule(AllFacilities, &[Capture::NoticeWithOptOut]));
    let of = |scope| Some(rule(scope, WRITTEN));
    // Policies of both: (disclosing, viewing) of D, and of V.
    type Policy = (Option<Rule>, Option<Rule>);
    type Case<'a> = (
        &'a str,
        Policy,
        Policy,
        Result<ConsentRule, (&'a str, Side)>,
    );
    let cases: [Case; 14] = [
        ("one act each", (each(), each()), (each(), each()), Ok(Both)),
        (
            "blanket and each",
            (all(), all()),
            (each(), each()),
            Ok(Both),
        ),
        (
            "まめネット and a list",
            (all(), each()),
            (of(ListedFacilities), of(ListedFacilities)),
            Ok(Both),
        ),
        (
            "physicians",
            (of(EachPractitioner), of(EachPractitioner)),
            (all(), all()),
            Ok(Both),
        ),
        (
            "posted, and explicit at the visit",
            (notice(), notice()),
            (each(), each()),
            Ok(RecipientConsentWithProviderReservation),
        ),
        (
            "posted, and explicit at once",
            (notice(), notice()),
            (all(), all()),
            Ok(Both),
        ),
        (
            "posted on both sides",
            (notice(), notice()),
            (notice(), notice()),
            Ok(Both),
        ),
        (
            "only viewing acts, as strict",
            (None, each()),
            (None, each()),
            Ok(Viewing),
        ),
        (
            "only viewing acts, wider",
            (None, each()),
            (None, all()),
            Err(("d", Side::Disclosing)),
        ),
        (
            "only viewing acts, oral for written",
            (None, each()),
            (None, oral()),
            Err(("d", Side::Disclosing)),
        ),
        (
            "only viewing acts, narrower",
            (None, all()),
            (None, of(FacilityPair)),
            Ok(Viewing),
        ),
        (
            "only disclosing acts",
            (each(), None),
            (all(), None),
            Ok(Disclosing),
        ),
        (
            "only disclosing acts, wider",
            (all(), None),
            (each(), None),
            Err(("v", Side::Viewing)),
        ),
        (
            "nobody asks",
            (None, each()),
            (each(), None),
            Err(("d", Side::Disclosing)),
        ),
    ];
    for (name, d, v, expected) in cases {
        let found = meet::meet(&own("d", d.0, d.1), &own("v", v.0, v.1));
        let found = found.map(|m| m.rule);
        let found = found.as_ref().map_err(|no| (no.network.as_str(), no.side));
        assert_eq!(found, expected.as_ref().map_err(|e| *e), "{name}");
    }
}

#[test]
fn a_looser_act_of_the_other_is_said_and_not_hidden() {
    let mame = own(
        "mame",
        Some(rule(Scope::AllFacilities, WRITTEN)),
        Some(rule(Scope::EachFacility, WRITTEN)),
    );
    let blanket = own(
        "blanket",
        Some(rule(Scope::AllFacilities, WRITTEN)),
        Some(rule(Scope::AllFacilities, WRITTEN)),
    );
    let found = meet::meet(&mame, &blanket).unwrap();
    let said: Vec<_> = found.differences.iter().map(|w| w.en.as_str()).collect();
    assert_eq!(
        said,
        [
            "an act of viewing is \"each facility visited, written\" inside mame and \"all facilities at once, written\" in blanket: mame must agree that blanket's holds in this direction"
        ]
    );
    assert_eq!(meet::meet(&blanket, &mame).unwrap().differences, vec![]);
}

/// The links the surveys state between two of their networks: 8 directions of 48 can be drawn up from the surveys
/// alone; the others say what is missing and from whom.
#[test]
fn the_stated_links_are_drawn_up_or_say_what_is_missing() {
    let facts = built_in().unwrap();
    let mut granted: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut directions = 0;
    for link in &facts.links {
        let (Some(a), Some(b)) = (&link.a, &link.b) else {
            continue;
        };
        let draft = drawn(vec![
            profile(&facts, a.as_str()),
            profile(&facts, b.as_str()),
        ]);
        for direction in &draft.directions {
            directions += 1;
            match &direction.outcome {
                Ok(_) => granted
                    .entry(&link.id)
                    .or_default()
                    .push(format!("{}→{}", direction.disclosing, direction.viewing)),
                Err(hindrances) => {
                    assert!(!hindrances.is_empty(), "{}", link.id);
                    let named = |h: &Hindrance| match h {
                        Hindrance::Missing(m) => {
                            [&direction.disclosing, &direction.viewing].contains(&&m.network)
                        }
                        _ => false,
                    };
                    assert!(hindrances.iter().all(named), "{}: {hindrances:?}", link.id);
                }
            }
        }
    }
    let expected = [
        ("link-01", vec!["mhlw-204→jmari-0183"]),
        (
            "link-24",
            vec!["jmari-0364→mhlw-066", "mhlw-066→jmari-0364"],
        ),
        ("link-30", vec!["mhlw-111→mhlw-116", "mhlw-116→mhlw-111"]),
        ("link-31", vec!["jmari-0401→jmari-0102"]),
        (
            "link-34",
            vec!["jmari-0029→jmari-0365", "jmari-0365→jmari-0029"],
        ),
    ];
    let expected: BTreeMap<_, Vec<String>> = expected
        .into_iter()
        .map(|(id, of)| (id, of.into_iter().map(str::to_owned).collect()))
        .collect();
    assert_eq!((granted, directions), (expected, 48));
}

/// まめネット reads おしどりネット: once おしどりネット has said which of its two ways it signs for.
#[test]
fn a_way_chosen_makes_the_one_sided_link_possible() {
    let facts = built_in().unwrap();
    let (mame, oshidori) = (
        profile(&facts, "まめネット"),
        profile(&facts, "おしどりネット"),
    );
    let one_way = [(oshidori.id.clone(), mame.id.clone())];
    let terms = || Terms::narrowest(valid());
    let open = draft(vec![mame.clone(), oshidori], Some(&one_way), terms()).unwrap();
    let Err(hindrances) = &open.directions[0].outcome else {
        panic!("{open:?}")
    };
    let [Hindrance::Missing(missing)] = hindrances.as_slice() else {
        panic!("{hindrances:?}")
    };
    assert_eq!(
        (missing.network.as_str(), missing.need),
        ("mhlw-168", Need::Scope)
    );
    assert_eq!((open.agreement(), open.text()), (None, None));

    let chosen = NetworkProfile::choosing(
        facts.network("おしどりネット").unwrap(),
        "listed-facilities".parse().unwrap(),
    )
    .unwrap();
    let drawn = draft(vec![mame, chosen], Some(&one_way), terms()).unwrap();
    let agreement = drawn.agreement().unwrap();
    assert!(
        agreement
            .grants
            .iter()
            .all(|g| g.disclosing.as_str() == "mhlw-168" && g.consent_rule == ConsentRule::Both)
    );
    let said = &drawn.explain()[0].ja;
    for part in [
        "おしどりネット で、文書を開示することに同意",
        "施設を指定して同意",
        "受診した施設ごとに同意",
        "留保",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    let text = drawn.text().unwrap();
    assert!(
        text.contains("- `mhlw-171` の文書を `mhlw-168` が閲覧すること"),
        "{text}"
    );
}

/// The four networks of 山形県 and 秋田県's: what each lacks; and once each has said it, 20 directions in one agreement.
#[test]
fn yamagata_and_akita_in_one_agreement() {
    let facts = built_in().unwrap();
    let ids = ["mhlw-057", "mhlw-058", "mhlw-059", "mhlw-060", "mhlw-055"];
    let parties: Vec<_> = ids.iter().map(|id| profile(&facts, id)).collect();
    let open = drawn(parties.clone());
    // Only 秋田 and 置賜 have answered everything one direction needs.
    let granted: Vec<_> = open
        .granted()
        .map(|(d, _)| (d.disclosing.as_str(), d.viewing.as_str()))
        .collect();
    assert_eq!(
        (open.directions.len(), granted),
        (20, vec![("mhlw-055", "mhlw-059")])
    );
    let lacking: BTreeMap<_, Vec<_>> = parties
        .iter()
        .map(|p| (p.id.as_str(), p.missing().iter().map(|m| m.need).collect()))
        .collect();
    use Need::{
        Capture as C, Categories, NewFacility as N, Scope as S, ViewingKinds, Withdrawal as W,
    };
    let expected = [
        ("mhlw-055", vec![ViewingKinds]),
        ("mhlw-057", vec![C, W, ViewingKinds]),
        ("mhlw-058", vec![S, C, W, N, Categories, ViewingKinds]),
        ("mhlw-059", vec![]),
        ("mhlw-060", vec![S]),
    ];
    assert_eq!(lacking, expected.into());

    let said = ids.map(|id| {
        own(
            id,
            Some(rule(Scope::EachFacility, WRITTEN)),
            Some(rule(Scope::EachFacility, WRITTEN)),
        )
    });
    let drawn = drawn(said.to_vec());
    assert_eq!(drawn.granted().count(), 20);
    let agreement = drawn.agreement().unwrap();
    // Hospitals and pharmacies in each direction.
    assert_eq!((agreement.parties.len(), agreement.grants.len()), (5, 40));
    assert_eq!(
        agreement.id.as_str(),
        "mhlw-055-mhlw-057-mhlw-058-mhlw-059-mhlw-060"
    );
    let many: Vec<_> = (0..8)
        .map(|n| {
            own(
                &format!("n-{n}"),
                Some(rule(Scope::EachFacility, WRITTEN)),
                Some(rule(Scope::EachFacility, WRITTEN)),
            )
        })
        .collect();
    let eight = draft(many.clone(), None, Terms::narrowest(valid()))
        .unwrap()
        .agreement()
        .unwrap();
    assert!(eight.grants.len() <= Agreement::GRANTS_MAX);
    let nine = [many, vec![own("n-8", None, None)]].concat();
    assert_eq!(
        draft(nine, None, Terms::narrowest(valid())),
        Err(DraftError::TooMany(9))
    );
}

#[test]
fn parties_that_are_none_are_refused() {
    let facts = built_in().unwrap();
    let one = profile(&facts, "mhlw-171");
    let terms = || Terms::narrowest(valid());
    assert_eq!(
        draft(vec![one.clone()], None, terms()),
        Err(DraftError::TooFew(1))
    );
    let twice = draft(vec![one.clone(), one.clone()], None, terms());
    assert_eq!(twice, Err(DraftError::Twice(one.id.clone())));
    let other = profile(&facts, "mhlw-204");
    let third: NetworkId = "mhlw-001".parse().unwrap();
    let odd = draft(
        vec![one.clone(), other],
        Some(&[(one.id, third.clone())]),
        terms(),
    );
    assert_eq!(odd, Err(DraftError::NotAParty(third)));
}

/// What a profile file says of professions and purposes narrows the draft, from either side.
#[test]
fn what_a_network_says_of_professions_narrows_the_draft() {
    let each = || Some(rule(Scope::EachFacility, WRITTEN));
    let (mut d, mut v) = (own("d", each(), each()), own("v", each(), each()));
    let roles = |draft: &Draft| {
        draft
            .granted()
            .flat_map(|(_, g)| g.grants.iter())
            .fold(Codes::new(), |all: Codes<Role>, g| all.union(&g.roles))
    };
    assert_eq!(
        roles(&drawn(vec![d.clone(), v.clone()])),
        [Role::Physician, Role::Nurse, Role::Pharmacist].into()
    );
    d.roles = Field::chosen(Some([Role::Physician, Role::Dentist].into()));
    v.purposes = Field::chosen(Some([Purpose::Treat].into()));
    let narrow = drawn(vec![d.clone(), v.clone()]);
    assert_eq!(roles(&narrow), [Role::Physician].into());
    let agreement = narrow.agreement().unwrap();
    assert!(
        agreement
            .grants
            .iter()
            .all(|g| g.purposes == [Purpose::Treat].into())
    );
    v.roles = Field::chosen(Some([Role::Clerk].into()));
    let none = drawn(vec![d, v]);
    assert_eq!(none.granted().count(), 0);
    let said = none.directions[0].outcome.as_ref().unwrap_err()[0]
        .words()
        .en;
    assert_eq!(said, "the two have no professions in common");
}

/// Compares with the committed files; writes them anew where `SEKISHO_GOLDEN` says so.
pub(super) fn golden(files: &[(&str, &String)]) {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("golden");
    for (name, content) in files {
        let path = here.join(name);
        if std::env::var_os("SEKISHO_GOLDEN").is_some_and(|v| v == "write") {
            std::fs::create_dir_all(&here).unwrap();
            std::fs::write(&path, content).unwrap();
        }
        assert_eq!(**content, std::fs::read_to_string(&path).unwrap(), "{name}");
    }
}

/// Golden: ism-Link and 信州メディカルネット (link-30), both directions. To write it anew: `SEKISHO_GOLDEN=write`.
#[test]
fn the_standard_agreement_is_golden() {
    let facts = built_in().unwrap();
    let draft = drawn(vec![
        profile(&facts, "mhlw-116"),
        profile(&facts, "mhlw-111"),
    ]);
    let text = draft.text().unwrap();
    let agreement = draft.agreement().unwrap();
    let object = format!("{}\n", serde_json::to_string_pretty(&agreement).unwrap());
    golden(&[("agreement.md", &text), ("agreement.json", &object)]);
    let digest: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    assert_eq!(agreement.text_hash, Hash(digest));
    assert_eq!(
        serde_json::from_str::<Agreement>(&object).unwrap(),
        agreement
    );
    assert_eq!(
        drawn(vec![
            profile(&facts, "mhlw-111"),
            profile(&facts, "mhlw-116")
        ])
        .text(),
        Some(text)
    );
}

/// All 413 networks with all others: nothing is granted that is not shared, nor to who takes no part, and every
/// direction that is not granted says why.
#[test]
fn every_pair_of_all_networks_is_drawn_up_or_says_why_not() {
    let facts = built_in().unwrap();
    let all: Vec<_> = facts.networks.iter().map(NetworkProfile::of).collect();
    let mut rules: BTreeMap<ConsentRule, usize> = BTreeMap::new();
    let (mut open, mut pairs) = (0, 0);
    let terms = Terms::narrowest(valid());
    for d in &all {
        for v in all.iter().filter(|v| v.id != d.id) {
            pairs += 1;
            match direction::direction(d, v, &terms, 3) {
                Err(hindrances) => {
                    assert!(!hindrances.is_empty(), "{} {}", d.id, v.id);
                    open += 1;
                }
                Ok(granted) => {
                    *rules.entry(granted.rule).or_default() += 1;
                    let (shared, kinds) =
                        (d.categories.value.unwrap(), v.viewing_kinds.value.unwrap());
                    for grant in &granted.grants {
                        grant.check().unwrap();
                        assert!(
                            grant.categories.is_subset(&shared)
                                && grant.facility_kinds.is_subset(&kinds)
                        );
                    }
                }
            }
        }
    }
    let expected = [
        (ConsentRule::Both, 6341),
        (ConsentRule::RecipientConsentWithProviderReservation, 111),
    ];
    assert_eq!(
        (pairs, open, rules),
        (413 * 412, 413 * 412 - 6341 - 111, expected.into())
    );
}
