//! What a draft opens without consent, and the ministry's rule: only when asked for, and only what both sides allow.

use super::draft_test::{WRITTEN, own, profile, rule, valid};
use super::*;
use crate::facts::built_in;
use crate::profile::Field;
use sekisho_domain::{Capture, FacilityKind, Purpose, Role, Scope};

fn asking(emergency: bool, disaster: bool) -> Terms {
    Terms {
        emergency: emergency.then(proposed_ceiling),
        disaster: disaster.then(proposed_ceiling),
        ..Terms::narrowest(valid())
    }
}

fn pair() -> [NetworkProfile; 2] {
    let each = || Some(rule(Scope::EachFacility, WRITTEN));
    [own("d", each(), each()), own("v", each(), each())]
}

fn first(parties: [NetworkProfile; 2], terms: Terms) -> Granted {
    let drawn = draft(parties.to_vec(), None, terms).unwrap();
    let of_d = drawn.granted().find(|(d, _)| d.disclosing.as_str() == "d");
    of_d.unwrap().1.clone()
}

/// Whatever is named among the aims, nothing is opened without consent that nobody asked for.
#[test]
fn nothing_opens_without_consent_unless_asked_for() {
    let facts = built_in().unwrap();
    let parties = ["mhlw-168=listed-facilities", "mhlw-171"].map(|name| {
        let (id, way) = name.split_once('=').unwrap_or((name, ""));
        let of = facts.network(id).unwrap();
        let chosen = way.parse().ok().map(|w| NetworkProfile::choosing(of, w));
        chosen.map_or_else(|| NetworkProfile::of(of), Result::unwrap)
    });
    for (emergency, disaster) in [(false, false), (true, false), (false, true), (true, true)] {
        let drawn = draft(parties.to_vec(), None, asking(emergency, disaster)).unwrap();
        let granted: Vec<_> = drawn.granted().map(|(_, g)| g).collect();
        assert!(!granted.is_empty());
        for of in granted {
            for (on, asked) in [
                (Exception::Emergency, emergency),
                (Exception::Disaster, disaster),
            ] {
                assert_eq!(of.exception(on).is_some(), asked, "{on:?}");
                // Both name both among their aims: mentioned, where not asked for.
                assert_eq!(
                    of.could_add.iter().any(|(of, _)| *of == on),
                    !asked,
                    "{on:?}"
                );
            }
            let consented = |g: &&Grant| g.consent_rule != ConsentRule::NotNeeded;
            assert!(of.consented().eq(of.grants.iter().filter(consented)));
            assert!(of.grants.iter().all(|g| g.check().is_ok()));
        }
    }
}

/// Where only one of the two names it, nothing is said; what is said names both rows.
#[test]
fn what_both_name_among_their_aims_is_mentioned() {
    let facts = built_in().unwrap();
    let mentioned = |a: &str, b: &str| {
        let parties = vec![profile(&facts, a), profile(&facts, b)];
        let drawn = draft(parties, None, asking(false, false)).unwrap();
        let granted = drawn.granted().flat_map(|(_, g)| g.could_add.clone());
        granted.collect::<Vec<_>>()
    };
    // 信州メディカルネット and ism-Link both name emergencies, only ism-Link disasters.
    let both = mentioned("mhlw-111", "mhlw-116");
    assert_eq!(both.len(), 2);
    assert!(both.iter().all(|(on, _)| *on == Exception::Emergency));
    let said = &both[0].1.en;
    for row in [
        "mhlw-111: nationwide survey of 2016, sheet",
        "mhlw-116: nationwide",
    ] {
        assert!(said.contains(row), "{said}");
    }
    // One names emergencies, the other disasters.
    assert_eq!(mentioned("jmari-0364", "mhlw-066"), vec![]);
}

#[test]
fn an_emergency_opens_a_minimum_of_what_is_shared() {
    let [mut d, mut v] = pair();
    v.viewing_kinds = Field::chosen(Some(Codes::all()));
    let both = first([d.clone(), v.clone()], asking(true, true));
    let emergency = both.exception(Exception::Emergency).unwrap();
    // Of diagnosis, imaging and prescription; images can wait.
    let shared = Codes::from([Category::Diagnosis, Category::Prescription]);
    assert_eq!(emergency.categories, shared);
    assert_eq!(emergency.purposes, [Purpose::BreakGlass].into());
    use FacilityKind::{Ambulance, Clinic, Hospital, Pharmacy};
    assert_eq!(
        emergency.facility_kinds,
        [Hospital, Clinic, Ambulance].into()
    );
    assert_eq!(emergency.roles, Grant::BREAK_GLASS_ROLES.into());
    let disaster = both.exception(Exception::Disaster).unwrap();
    assert_eq!(disaster.categories, shared);
    let kinds = [Hospital, Clinic, Pharmacy, Ambulance];
    assert_eq!(disaster.facility_kinds, kinds.into());

    // Named by the parties: still only what is shared.
    let named = Terms {
        emergency: Some([Category::Imaging, Category::Meal].into()),
        ..Terms::narrowest(valid())
    };
    let wider = first([d.clone(), v.clone()], named);
    let emergency = wider.exception(Exception::Emergency).unwrap();
    assert_eq!(emergency.categories, [Category::Imaging].into());

    // No more than the disclosing network opens to its own facilities.
    d.emergency = Field::chosen(Some([Category::Diagnosis].into()));
    let own = first([d.clone(), v.clone()], asking(true, false));
    let emergency = own.exception(Exception::Emergency).unwrap();
    assert_eq!(emergency.categories, [Category::Diagnosis].into());
    // Nor in a profession one of the two does not let look.
    d.roles = Field::chosen(Some([Role::Physician, Role::Nurse].into()));
    let narrow = first([d.clone(), v.clone()], asking(true, false));
    let emergency = narrow.exception(Exception::Emergency).unwrap();
    assert_eq!(emergency.roles, [Role::Physician].into());

    let lacking = |d: &NetworkProfile, v: &NetworkProfile| {
        let granted = first([d.clone(), v.clone()], asking(true, false));
        assert_eq!(granted.exception(Exception::Emergency), None);
        let said = granted.not_covered.iter().map(|w| w.en.clone());
        said.filter(|s| s.contains("asked for")).collect::<String>()
    };
    d.emergency = Field::chosen(Some([Category::Vaccination].into()));
    assert!(
        lacking(&d, &v).contains("d opens none of these even"),
        "{}",
        lacking(&d, &v)
    );
    d.emergency = Field::not_asked();
    d.categories = Field::chosen(Some([Category::Imaging].into()));
    assert!(
        lacking(&d, &v).contains("d shares none of"),
        "{}",
        lacking(&d, &v)
    );
    d.categories = Field::chosen(Some([Category::Diagnosis].into()));
    d.roles = Field::chosen(Some([Role::Pharmacist].into()));
    assert!(
        lacking(&d, &v).contains("v has no facility"),
        "{}",
        lacking(&d, &v)
    );
}

/// With many parties the groups of facilities make room; where even that does not do, the draft is refused.
#[test]
fn many_parties_with_everything_asked_for_still_fit_one_agreement() {
    let each = || Some(rule(Scope::EachFacility, WRITTEN));
    let of = |n: usize| -> Vec<_> {
        let ids = (0..n).map(|n| format!("n-{n}"));
        ids.map(|id| own(&id, each(), each())).collect()
    };
    let five = draft(of(5), None, asking(true, true)).unwrap();
    // 20 directions: hospitals, emergencies and disasters in each; pharmacies find no room, which is said.
    let (_, granted) = five.granted().next().unwrap();
    assert_eq!(five.agreement().unwrap().grants.len(), 60);
    let said = granted.not_covered.iter().map(|w| w.en.as_str());
    assert!(said.into_iter().any(|s| s.contains("64 grants: pharmacy")));
    assert_eq!(
        draft(of(6), None, asking(true, true)),
        Err(DraftError::TooMany(6))
    );
}

#[test]
fn the_ministrys_rule_is_asked_for_where_both_policies_admit_it() {
    let posting = [Capture::Written, Capture::NoticeWithOptOut];
    let notice = || Some(rule(Scope::AllFacilities, &posting));
    let blanket = || Some(rule(Scope::AllFacilities, WRITTEN));
    let each = || Some(rule(Scope::EachFacility, WRITTEN));
    let oral = || Some(rule(Scope::EachFacility, &[Capture::Oral]));
    let listed = || Some(rule(Scope::ListedFacilities, &posting));
    let judged = [Capture::Written, Capture::PhysicianJudgement];
    let judged = || Some(rule(Scope::EachFacility, &judged));
    type Sides = [Option<sekisho_domain::Rule>; 2];
    let cases: [(&str, Sides, Sides, &[&str]); 8] = [
        (
            "posted or written",
            [notice(), notice()],
            [each(), each()],
            &[],
        ),
        (
            "explicit at once",
            [notice(), notice()],
            [blanket(), blanket()],
            &[],
        ),
        ("no act, as strict", [None, each()], [None, each()], &[]),
        (
            "no act, looser",
            [None, each()],
            [None, oral()],
            &["d disclosing"],
        ),
        (
            "written only",
            [each(), each()],
            [each(), each()],
            &["d disclosing"],
        ),
        (
            "posted for a list",
            [listed(), each()],
            [each(), each()],
            &["d disclosing"],
        ),
        (
            "not explicit",
            [notice(), notice()],
            [judged(), judged()],
            &["v viewing"],
        ),
        (
            "neither",
            [each(), each()],
            [each(), None],
            &["d disclosing", "v viewing"],
        ),
    ];
    for (name, d, v, refused) in cases {
        let ([d0, d1], [v0, v1]) = (d, v);
        let parties = vec![own("d", d0, d1), own("v", v0, v1)];
        let terms = Terms {
            recipient: true,
            ..Terms::narrowest(valid())
        };
        let one_way = [(parties[0].id.clone(), parties[1].id.clone())];
        let drawn = draft(parties, Some(&one_way), terms).unwrap();
        match &drawn.directions[0].outcome {
            Ok(granted) => {
                assert_eq!(refused, &[] as &[&str], "{name}");
                let rule = ConsentRule::RecipientConsentWithProviderReservation;
                assert!(granted.grants.iter().all(|g| g.consent_rule == rule));
                let said = &drawn.explain()[0].ja;
                for part in [
                    "施設に掲示している",
                    "受診のときに同意",
                    "留保（拒否）していない",
                ] {
                    assert!(said.contains(part), "{name}: {said}");
                }
            }
            Err(hindrances) => {
                let found: Vec<_> = hindrances
                    .iter()
                    .map(|h| match h {
                        Hindrance::NoRecipientRule(no) => format!("{} {}", no.network, no.side),
                        other => panic!("{name}: {other:?}"),
                    })
                    .collect();
                assert_eq!(found, refused, "{name}");
            }
        }
    }
}

/// Golden: link-30 again, with everything asked for. To write it anew: `SEKISHO_GOLDEN=write`.
#[test]
fn the_agreement_with_emergencies_and_disasters_is_golden() {
    let facts = built_in().unwrap();
    let parties = ["mhlw-111", "mhlw-116"].map(|id| profile(&facts, id));
    let drawn = draft(parties.to_vec(), None, asking(true, true)).unwrap();
    let (text, agreement) = (drawn.text().unwrap(), drawn.agreement().unwrap());
    let object = format!("{}\n", serde_json::to_string_pretty(&agreement).unwrap());
    super::draft_test::golden(&[
        ("agreement-without-consent.md", &text),
        ("agreement-without-consent.json", &object),
    ]);
    let count = |of: Purpose| {
        agreement
            .grants
            .iter()
            .filter(|g| g.purposes.contains(&of))
            .count()
    };
    assert_eq!(
        (count(Purpose::BreakGlass), count(Purpose::Disaster)),
        (2, 2)
    );
}
