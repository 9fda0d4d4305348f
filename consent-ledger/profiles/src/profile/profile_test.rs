//! Each consent model of the surveys, with the network named and the row cited; and all networks together.

use super::*;
use crate::facts::{Facts, built_in};
use crate::mapping::Assumption;
use std::collections::BTreeMap;

fn profile(facts: &Facts, id: &str) -> NetworkProfile {
    NetworkProfile::of(facts.network(id).unwrap_or_else(|| panic!("{id}")))
}

struct Case {
    network: &'static str,
    name: &'static str,
    /// The row the way of consenting stands in.
    row: &'static str,
    disclosing: Scope,
    viewing: Scope,
    capture: &'static [Capture],
    new_facility: NewFacility,
    withdrawal: &'static [Withdrawal],
}

const WRITTEN: &[Withdrawal] = &[Withdrawal::Written];

/// One network for each way of consenting that a survey states alone.
#[test]
fn each_model_of_the_surveys_is_a_policy() {
    use NewFacility::{NeedsConsent, NotCovered, WhenCardPresented};
    let cases = [
        Case {
            network: "mhlw-171",
            name: "まめネット",
            row: "pickup#6",
            disclosing: Scope::AllFacilities,
            viewing: Scope::EachFacility,
            capture: &[Capture::Written],
            new_facility: NotCovered,
            withdrawal: WRITTEN,
        },
        Case {
            network: "jmari-0312",
            name: "スワンネット",
            row: "2016#0312",
            disclosing: Scope::ListedFacilities,
            viewing: Scope::ListedFacilities,
            capture: &[Capture::Written],
            new_facility: NeedsConsent(Capture::Written),
            withdrawal: WRITTEN,
        },
        Case {
            network: "mhlw-204",
            name: "ピカピカリンク",
            row: "pickup#2",
            disclosing: Scope::EachFacility,
            viewing: Scope::EachFacility,
            capture: &[Capture::Written],
            new_facility: NotCovered,
            withdrawal: WRITTEN,
        },
        Case {
            network: "jmari-0183",
            name: "アザレアネット",
            row: "2016#0183",
            disclosing: Scope::EachFacility,
            viewing: Scope::EachFacility,
            capture: &[Capture::Written],
            new_facility: NeedsConsent(Capture::Written),
            withdrawal: WRITTEN,
        },
        Case {
            network: "jmari-1055",
            name: "しるくネット",
            row: "2016#1055",
            disclosing: Scope::EachPractitioner,
            viewing: Scope::EachPractitioner,
            capture: &[Capture::Written],
            new_facility: NotCovered,
            // "Case by case" decides nothing: see the other test.
            withdrawal: &[],
        },
        Case {
            network: "jmari-0364",
            name: "どこでも連絡帳",
            row: "2016#0364",
            disclosing: Scope::EachPractitioner,
            viewing: Scope::EachPractitioner,
            capture: &[Capture::Written],
            new_facility: NotCovered,
            withdrawal: &[Withdrawal::ViaPhysician],
        },
        Case {
            network: "jmari-0073",
            name: "Aケアカード",
            row: "2016#0073",
            disclosing: Scope::AllFacilities,
            viewing: Scope::AllFacilities,
            capture: &[Capture::Written],
            new_facility: WhenCardPresented,
            withdrawal: WRITTEN,
        },
        Case {
            network: "jmari-1088",
            name: "在宅医療介護ICT連携情報共有システム",
            row: "2016#1088",
            disclosing: Scope::ListedFacilities,
            viewing: Scope::ListedFacilities,
            capture: &[Capture::PhysicianJudgement],
            new_facility: NotCovered,
            withdrawal: &[Withdrawal::ViaPhysician],
        },
        Case {
            network: "jmari-0110",
            name: "REMEMB'R",
            row: "2016#0110",
            disclosing: Scope::ListedFacilities,
            viewing: Scope::ListedFacilities,
            capture: &[Capture::Written, Capture::NoticeWithOptOut],
            new_facility: NewFacility::FacilityChoice,
            withdrawal: &[Withdrawal::Written, Withdrawal::Oral],
        },
        Case {
            network: "jmari-1012",
            name: "不明",
            row: "2016#1012",
            disclosing: Scope::EachFacility,
            viewing: Scope::EachFacility,
            capture: &[Capture::Contract],
            new_facility: NeedsConsent(Capture::Oral),
            withdrawal: &[Withdrawal::NotProvided],
        },
    ];
    let facts = built_in().unwrap();
    for case in cases {
        let of = facts.network(case.network).unwrap();
        let named = of.name.contains(case.name) || of.aliases.iter().any(|a| a == case.name);
        assert!(named, "{} is not {}: {of:?}", case.network, case.name);
        let profile = NetworkProfile::of(of);
        let cited = profile
            .ways
            .said
            .iter()
            .any(|s| s.row.to_string() == case.row);
        assert!(cited, "{}: {:?}", case.name, profile.ways);
        let sides = [
            (&profile.disclosing, case.disclosing),
            (&profile.viewing, case.viewing),
        ];
        for (side, scope) in sides {
            let side = side.as_ref().unwrap();
            assert_eq!(side.scope.value, Some(scope), "{}", case.name);
            let capture: Codes<Capture> = case.capture.iter().copied().collect();
            assert_eq!(side.capture.value, Some(capture), "{}", case.name);
            assert_eq!(
                side.new_facility.value,
                Some(case.new_facility),
                "{}",
                case.name
            );
            let ways: Codes<Withdrawal> = case.withdrawal.iter().copied().collect();
            let ways = Some(ways).filter(|w| !w.is_empty());
            assert_eq!(side.withdrawal.value, ways, "{}", case.name);
        }
    }
}

/// Where a survey leaves it open, the profile says how, and gives no value to act on.
#[test]
fn what_is_open_stays_open() {
    let facts = built_in().unwrap();
    let cases = [
        // Each physician by the survey of 2016, a list of facilities by the picked-up case.
        ("あじさいネット", Need::Scope, Standing::Contradicted),
        // All at once; by the picked-up case at once for disclosing only.
        (
            "おきなわ津梁ネットワーク",
            Need::Scope,
            Standing::Contradicted,
        ),
        // The patient says which, or may object afterwards.
        ("おしどりネット", Need::Scope, Standing::SeveralWays),
        ("うすき石仏ねっと", Need::Scope, Standing::SeveralWays),
        ("エキサイネット", Need::Scope, Standing::SeveralWays),
        // Between particular facilities only, each facility, or each physician.
        ("カルナ", Need::Scope, Standing::SeveralWays),
        ("はち丸ネットワーク", Need::Scope, Standing::PlannedOnly),
        ("しるくネット", Need::Withdrawal, Standing::InWords),
        ("jmari-0069", Need::Scope, Standing::NotAnswered),
        ("mhlw-061", Need::Members, Standing::NotAsked),
    ];
    for (name, need, standing) in cases {
        let missing = profile(&facts, name).missing();
        let found = missing.iter().find(|m| m.need == need);
        assert_eq!(
            found.map(|m| m.standing),
            Some(standing),
            "{name}: {missing:?}"
        );
    }
    // Both sides of each contradiction are kept.
    let okinawa = profile(&facts, "おきなわ津梁ネットワーク").ways.said;
    let said: Vec<_> = okinawa
        .iter()
        .map(|s| (s.row.to_string(), s.code))
        .collect();
    let expected = [
        ("2016#0529".to_owned(), "blanket_all_facilities"),
        (
            "pickup#9".to_owned(),
            "blanket_disclosure_per_visit_viewing",
        ),
    ];
    assert_eq!(said, expected);
}

/// A network that says what was open is complete: the two acts of おきなわ津梁, and スワンネット's new system.
#[test]
fn a_network_completes_its_survey_by_a_file() {
    let facts = built_in().unwrap();
    let exported = write(&profile(&facts, "jmari-0312"));
    assert!(
        exported.contains("# 2016#0312: blanket_all_facilities (planned)"),
        "{exported}"
    );
    let said = exported
        .replace("# capture = [\"written\"]", "capture = [\"written\"]")
        .replace("[consent]", "[consent]\nvoids_earlier = true");
    let swan = parse(said.as_bytes()).unwrap();
    assert_eq!((swan.missing(), swan.to_confirm()), (vec![], vec![]));
    let policy = swan.policy(2, TimeMs(0), Hash([0; 32])).unwrap();
    assert!(policy.voids_earlier);

    let exported = write(&profile(&facts, "mhlw-218"));
    let rule = |scope: &str| {
        format!(
            "scope = \"{scope}\"\ncapture = [\"written\"]\nnew_facility = \"not-covered\"\nwithdrawal = [\"written\"]\n"
        )
    };
    let (head, sharing) = exported.split_once("\n[consent]").unwrap();
    let sharing = &sharing[sharing.find("[sharing]").unwrap()..];
    let said = format!(
        "{head}\n[consent]\nacts = [\"disclosing\", \"viewing\"]\n[consent.disclosing]\n{}[consent.viewing]\n{}{sharing}",
        rule("all-facilities"),
        rule("each-facility"),
    );
    let okinawa = parse(said.as_bytes()).unwrap();
    let scopes = [Side::Disclosing, Side::Viewing].map(|s| okinawa.rule(s).unwrap().scope);
    assert_eq!(scopes, [Scope::AllFacilities, Scope::EachFacility]);
}

#[test]
fn explicit_consent_is_assumed_to_be_written_and_says_so() {
    let facts = built_in().unwrap();
    let azalea = profile(&facts, "jmari-0183");
    let confirm: Vec<_> = azalea
        .to_confirm()
        .iter()
        .map(|m| (m.need, m.standing))
        .collect();
    assert_eq!(
        confirm,
        [(
            Need::Capture,
            Standing::Assumed(Assumption::ExplicitIsWritten)
        )]
    );
    let sado = profile(&facts, "mhlw-100").disclosing.unwrap();
    assert_eq!(sado.new_facility.value, Some(NewFacility::NotCovered));
    assert_eq!(
        sado.new_facility.standing,
        Standing::Assumed(Assumption::NoticeDaysUnknown)
    );
}

/// All 413: how many could sign today, and what the others lack.
#[test]
fn every_network_has_a_profile_or_says_what_is_missing() {
    let facts = built_in().unwrap();
    let mut lacking: BTreeMap<&str, usize> = BTreeMap::new();
    let mut complete = 0;
    for of in &facts.networks {
        let profile = NetworkProfile::of(of);
        let missing = profile.missing();
        complete += usize::from(missing.is_empty());
        missing
            .iter()
            .for_each(|m| *lacking.entry(m.need.code()).or_default() += 1);
        let policy = profile.policy(1, TimeMs(0), Hash([0; 32]));
        assert_eq!(
            policy.is_ok(),
            profile.missing_policy().is_empty(),
            "{}",
            of.id
        );
        if let Ok(policy) = policy {
            let rules = [policy.disclosing, policy.viewing];
            assert!(rules.iter().any(Option::is_some), "{}", of.id);
            for rule in rules.iter().flatten() {
                assert!(
                    !rule.capture.is_empty() && !rule.withdrawal.is_empty(),
                    "{}",
                    of.id
                );
            }
        }
        for line in profile.report() {
            let words = line.words();
            assert!(!words.ja.is_empty() && !words.en.is_empty(), "{}", of.id);
        }
        // A value stands only on something said, or says that it does not.
        let sided = [&profile.disclosing, &profile.viewing];
        for side in sided.into_iter().flatten() {
            let stated = side.scope.value.is_some() == (side.scope.standing == Standing::Stated);
            assert!(
                stated && (side.scope.value.is_none() || !side.scope.said.is_empty()),
                "{}",
                of.id
            );
        }
    }
    let expected = [
        ("capture", 247),
        ("categories", 245),
        ("members", 1),
        ("new-facility", 257),
        ("scope", 309),
        ("viewing-kinds", 256),
        ("withdrawal", 251),
    ];
    assert_eq!((complete, lacking), (73, expected.into()));
}
