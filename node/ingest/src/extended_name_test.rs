use super::*;
use proptest::prelude::*;

const SAMPLE: &str = "012/345/0123456789/20160101/L-OBSERVATIONS^OBSERVATIONS^99ZL01/\
                      0123456789_20160101_L-OBSERVATIONS^OBSERVATIONS^99ZL01_000000020160101_201601011500321_1";
const FULL: &str = "012/345/0123456789/20160101/L_1^覚_書^99ZZZ/\
                    0123456789_20160101_L_1^覚_書^99ZZZ_KEY_1_20160101150032123_01_2";

#[test]
fn the_nho_sample_and_a_full_name_are_read() {
    let name = StoredContent::of_path(SAMPLE).unwrap();
    assert_eq!(
        (name.key.as_str(), name.occurred.as_str()),
        ("000000020160101", "201601011500321")
    );
    assert_eq!(
        (name.has_department_part, name.department.as_deref()),
        (false, None)
    );
    assert_eq!(name.flag, ConditionFlag::Valid);
    assert_eq!(name.kind.code(), "L-OBSERVATIONS");

    let name = StoredContent::of_path(FULL).unwrap();
    assert_eq!(
        (name.key.as_str(), name.department.as_deref()),
        ("KEY_1", Some("01"))
    );
    assert_eq!(
        (name.flag, name.kind_by_code),
        (ConditionFlag::Superseded, false)
    );
    let by_code = FULL.replace("_L_1^覚_書^99ZZZ_", "_L_1_");
    assert!(StoredContent::of_path(&by_code).unwrap().kind_by_code);
    let undated = FULL.replace("20160101/", "-/").replace("_20160101_", "_-_");
    assert_eq!(StoredContent::of_path(&undated).unwrap().care_date, "-");
}

#[test]
fn names_that_disagree_or_say_too_little_are_refused() {
    use QuarantineReason::*;
    let cases = [
        (
            "another patient's folder",
            FULL.replace("/0123456789/", "/0123456780/"),
            PathPatientMismatch,
        ),
        (
            "upper folders",
            FULL.replace("012/345", "012/346"),
            PathPatientMismatch,
        ),
        (
            "another day's folder",
            FULL.replace("/20160101/", "/20160102/"),
            PathMismatch,
        ),
        ("another kind", FULL.replace("/L_1^", "/L_2^"), PathMismatch),
        ("no code", FULL.replace("L_1^", "^"), UnknownKind),
        ("no flag", FULL.replace("_01_2", "_01"), BadName),
        ("flag 3", FULL.replace("_01_2", "_01_3"), BadName),
        ("no time", FULL.replace("_20160101150032123", ""), BadName),
        (
            "no such time",
            FULL.replace("20160101150032123", "20161301150032123"),
            BadName,
        ),
        ("no key", FULL.replace("_KEY_1_", "_"), BadName),
        (
            "long key",
            FULL.replace("KEY_1", &"K".repeat(KEY_CHARS_MAX + 1)),
            BadName,
        ),
        (
            "long department",
            FULL.replace("_01_2", "_012345_2"),
            BadName,
        ),
        ("a level more", format!("{FULL}/x"), Misplaced),
        (
            "only an id",
            "012/345/0123456789/20160101/L_1/0123456789".to_owned(),
            BadName,
        ),
    ];
    for (case, path, reason) in cases {
        let refused = StoredContent::of_path(&path).map(|_| ()).unwrap_err();
        assert_eq!(refused.reason, reason, "{case}");
    }
}

proptest! {
    #[test]
    fn is_total(path in ".{0,120}", name in "([^/]{0,12}/){5}[^/]{0,20}(_[^/]{0,18}){6}") {
        let _ = (StoredContent::of_path(&path), StoredContent::of_path(&name));
    }

    /// Whatever kind, key and department: the parts come back.
    #[test]
    fn parts_come_back(
        kind in "[A-Z_]{1,6}(\\^[あ-ん_]{0,4}){0,2}", key in "[0-9A-Z_]{1,20}", department in prop::option::of("[0-9A-Z]{2,3}"),
        flag in 0u8..3,
    ) {
        let part = department.as_ref().map_or(String::new(), |d| format!("_{d}"));
        let path = format!("012/345/0123456/-/{kind}/0123456_-_{kind}_{key}_20160101150032123{part}_{flag}");
        let name = StoredContent::of_path(&path).unwrap();
        prop_assert_eq!((name.key, name.department), (key, department));
    }
}
