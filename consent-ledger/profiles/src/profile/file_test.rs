use super::*;
use crate::facts::built_in;

const GOOD: &str = r#"form = 1
id = "mamenet"
name = "まめネット"
prefecture = "32"

[consent]
acts = ["disclosing", "viewing"]
voids_earlier = true

[consent.disclosing]
scope = "all-facilities"
capture = ["written"]
new_facility = { after-notice = { days = 30 } }
withdrawal = ["written"]

[consent.viewing]
scope = "each-facility"
capture = ["written", "card-presented"]
withdrawal = ["written", "oral"]

[sharing]
categories = ["diagnosis", "prescription"]
viewing_kinds = ["hospital"]
roles = ["physician"]
purposes = ["TREAT"]
emergency = ["allergy"]
"#;

#[test]
fn a_file_says_what_the_network_says() {
    let profile = parse(GOOD.as_bytes()).unwrap();
    assert_eq!(profile.missing(), vec![]);
    assert_eq!(profile.to_confirm(), vec![]);
    let text = sekisho_domain::Hash([7; 32]);
    let policy = profile.policy(3, sekisho_domain::TimeMs(9), text).unwrap();
    assert_eq!(
        (policy.version, policy.valid_from.0, policy.voids_earlier),
        (3, 9, true)
    );
    let disclosing = policy.disclosing.unwrap();
    assert_eq!(
        disclosing.new_facility,
        NewFacility::AfterNotice { days: 30 }
    );
    let viewing = policy.viewing.unwrap();
    assert_eq!(viewing.scope, Scope::EachFacility);
    // It names its facility: nothing else is possible for one that joins.
    assert_eq!(viewing.new_facility, NewFacility::NotCovered);
    assert_eq!(policy.emergency, Some([Category::Allergy].into()));
    assert_eq!(parse(write(&profile).as_bytes()).unwrap(), profile);
}

#[test]
fn one_act_alone_is_a_policy_and_no_word_on_acts_is_none() {
    let one = GOOD.replacen("\"disclosing\", ", "", 1);
    let cut = one.find("[consent.disclosing]").unwrap()..one.find("[consent.viewing]").unwrap();
    let mut one = one;
    one.replace_range(cut, "");
    let profile = parse(one.as_bytes()).unwrap();
    assert_eq!(
        (profile.disclosing.is_none(), profile.missing()),
        (true, vec![])
    );
    let none = one.replacen("acts = [\"viewing\"]", "", 1);
    let needs: Vec<_> = parse(none.as_bytes())
        .unwrap()
        .missing()
        .iter()
        .map(|m| m.need)
        .collect();
    use crate::profile::Need::{Capture, NewFacility, Scope, Withdrawal};
    assert_eq!(needs, [Scope, Capture, Withdrawal, NewFacility]);
}

#[test]
fn what_is_no_profile_is_refused_with_its_place() {
    let cases = [
        ("form = 1", "form = 2", "form: form 2 is not known"),
        (
            "form = 1",
            "colour = 1",
            "line 1: \"colour = 1\": unknown field `colour`",
        ),
        (
            "\"mamenet\"",
            "\"まめ\"",
            "line 2: \"id = \\\"まめ\\\"\": network id",
        ),
        (
            "name = \"まめネット\"",
            "name = \" a\"",
            "name: a name must be",
        ),
        (
            "\"32\"",
            "\"32203\"",
            "prefecture: it must be the two digits",
        ),
        (
            "\"32\"",
            "\"48\"",
            "line 4: \"prefecture = \\\"48\\\"\": area",
        ),
        (
            "\"all-facilities\"",
            "\"anywhere\"",
            "line 11: \"scope = \\\"anywhere\\\"\": \"anywhere\" is not a scope",
        ),
        (
            "days = 30",
            "days = 0",
            "consent.disclosing: new_facility: a notice of 0 days",
        ),
        ("days = 30", "weeks = 4", "line 13:"),
        (
            "[\"written\"]\nnew",
            "[]\nnew",
            "consent.disclosing: an empty list",
        ),
        (
            "[\"disclosing\", \"viewing\"]",
            "[\"viewing\"]",
            "consent.disclosing: consent.acts does not name disclosing",
        ),
        (
            "[\"disclosing\", \"viewing\"]",
            "[]",
            "consent.acts: at least one act",
        ),
        (
            "[\"TREAT\"]",
            "[\"BTG\"]",
            "sharing.purposes: BTG does not rest on consent",
        ),
        (
            "[\"physician\"]",
            "[\"doctor\"]",
            "line 24: \"roles = [\\\"doctor\\\"]\": \"doctor\" is not a role",
        ),
        ("[sharing]", "[sharing", "line 21:"),
        ("prefecture = \"32\"", "", "line "),
    ];
    for (from, to, expected) in cases {
        let changed = GOOD.replacen(from, to, 1);
        assert_ne!(changed, GOOD, "{from}");
        let error = parse(changed.as_bytes()).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{expected}: {error}");
    }
    let long = vec![b'#'; FILE_BYTES_MAX + 1];
    assert_eq!(
        parse(&long),
        Err(FileError::TooLong {
            got_bytes: FILE_BYTES_MAX + 1
        })
    );
    assert_eq!(parse(b"form\xff"), Err(FileError::Utf8 { at: 4 }));
    assert!(
        parse(b"")
            .unwrap_err()
            .to_string()
            .contains("missing field `form`")
    );
}

/// What a surveyed network exports is a profile file of the same values, without those only assumed.
#[test]
fn every_surveyed_network_exports_a_file_that_reads_back() {
    for facts in built_in().unwrap().networks {
        let profile = NetworkProfile::of(&facts);
        let file = write(&profile);
        let back = parse(file.as_bytes()).unwrap_or_else(|e| panic!("{}: {e}\n{file}", facts.id));
        assert_eq!(
            back.categories.value, profile.categories.value,
            "{}",
            facts.id
        );
        assert_eq!(
            back.viewing_kinds.value, profile.viewing_kinds.value,
            "{}",
            facts.id
        );
        for (before, after) in [
            (&profile.disclosing, &back.disclosing),
            (&profile.viewing, &back.viewing),
        ] {
            let (Some(before), Some(after)) = (before, after) else {
                assert_eq!(before.is_none(), after.is_none(), "{}", facts.id);
                continue;
            };
            assert_eq!(before.scope.value, after.scope.value, "{}", facts.id);
            assert_eq!(
                before.withdrawal.value, after.withdrawal.value,
                "{}",
                facts.id
            );
            if let Standing::Assumed(_) = before.capture.standing {
                assert_eq!(
                    after.capture.value, None,
                    "{}: an assumption became a word",
                    facts.id
                );
            } else {
                assert_eq!(before.capture.value, after.capture.value, "{}", facts.id);
            }
        }
    }
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { failure_persistence: None, ..Default::default() })]

    /// Whatever the bytes, there is a profile or an error, and what is a profile is written and read back as it is.
    #[test]
    fn a_file_of_any_bytes_is_a_profile_or_an_error(
        cuts in proptest::collection::vec((proptest::prelude::any::<proptest::sample::Index>(), 0..4u8, proptest::prelude::any::<u8>()), 0..6),
    ) {
        let mut bytes = GOOD.as_bytes().to_vec();
        for (at, what, byte) in cuts {
            let at = at.index(bytes.len().max(1));
            match what {
                _ if bytes.is_empty() => bytes.push(byte),
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => {
                    bytes.remove(at);
                }
                _ => bytes.truncate(at),
            }
        }
        if let Ok(profile) = parse(&bytes) {
            proptest::prop_assert_eq!(parse(write(&profile).as_bytes()).unwrap(), profile);
        }
    }
}
