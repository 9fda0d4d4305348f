//! The code lists of `codes.proto` and of the domain are the same, both ways.

use crate::v1;
use sekisho_domain as domain;

/// `CamelCase` as `CAMEL_CASE`.
fn screaming(name: &str) -> String {
    let mut out = String::new();
    for (n, c) in name.chars().enumerate() {
        if n > 0 && c.is_ascii_uppercase() {
            out.push('_');
        }
        out.push(c.to_ascii_uppercase());
    }
    out
}

#[test]
fn every_list_has_the_same_numbers_and_names_on_the_wire() {
    macro_rules! same {
        ($($list:ident)+) => {$(
            let prefix = screaming(stringify!($list));
            for value in domain::$list::ALL {
                let wire = v1::$list::try_from(i32::from(value.number())).unwrap();
                // The domain's variants are named as the wire's; Debug shows the variant.
                let expected = format!("{prefix}_{}", screaming(&format!("{value:?}")));
                assert_eq!(wire.as_str_name(), expected);
                assert_eq!(v1::$list::from_str_name(&expected), Some(wire));
            }
            // Every number the wire knows, the domain knows, but for 0.
            for number in -1..=300 {
                let wire = v1::$list::try_from(number).is_ok();
                let known = domain::$list::from_number(number.into()).is_ok();
                assert_eq!(wire, known || number == 0, "{} {number}", stringify!($list));
            }
            assert!(v1::$list::default().as_str_name().ends_with("_UNSPECIFIED"));
        )+};
    }
    same!(
        Category Purpose FacilityKind Role Capture Withdrawal Side ConsentRule Scope KeyPurpose Action
        EmergencyReason DisasterConsent LegalBasis Footing ProxyKind ProxyEndReason Verdict Told Pattern DisasterKind
        Settlement DenyReason RefusalReason
    );
    // And there is no list in codes.proto that this test does not know.
    let lists = include_str!("../sekisho/v1/codes.proto")
        .lines()
        .filter(|line| line.starts_with("enum "))
        .count();
    assert_eq!(lists, 24);
}
