use super::fields::*;
use sekisho_domain::{
    Agreement, ConsentRule, Grant, Hash, NetworkId, Period, Purpose, Retention, Role, Settlement,
};
use sekisho_ledger::testing::{grant, network};
use sekisho_words::Day;

fn agreement() -> Agreement {
    let day = |text: &str| text.parse::<Day>().unwrap();
    let valid = Period::new(day("2026-04-01").start(), Some(day("2029-03-31").end())).unwrap();
    let within = Period::new(day("2027-01-01").start(), valid.until).unwrap();
    let of = |valid, rule| Grant {
        valid,
        ..grant("saga", "kurume", rule)
    };
    Agreement {
        id: "saga-kurume".parse().unwrap(),
        version: 3,
        parties: ["saga", "kurume"].map(network).into(),
        grants: vec![
            of(valid, ConsentRule::Viewing),
            of(within, ConsentRule::Both),
        ],
        retention: Retention::Days(30),
        settlement: Settlement::Shared,
        valid,
        text_hash: Hash([8; 32]),
    }
}

fn own() -> NetworkId {
    network("saga")
}

#[test]
fn an_agreement_comes_out_of_the_form_as_it_went_in() {
    let agreement = agreement();
    let fields = Fields::of(&agreement);
    assert_eq!(fields.until, "2029-03-31");
    assert_eq!(
        (&*fields.grants[0].from, &*fields.grants[1].from),
        ("", "2027-01-01")
    );
    let before = Agreement {
        version: 2,
        ..agreement.clone()
    };
    assert_eq!(
        fields.agreement(Some(&before), &own()),
        Ok(agreement.clone())
    );
    // Made within a day, as by a machine: it does not move to the day's beginning.
    let mut within = before;
    within.valid.from = within.valid.from.plus_ms(3_600_000);
    within.grants[0].valid = within.valid;
    let next = Fields::of(&within)
        .agreement(Some(&within), &own())
        .unwrap();
    assert_eq!((next.valid, next.version), (within.valid, 3));
    let fresh = Fields::of(&within).agreement(None, &own()).unwrap();
    assert_eq!((fresh.valid, fresh.version), (agreement.valid, 1));
}

#[test]
fn everything_that_cannot_be_so_is_told_at_once() {
    let mut empty = Fields::empty(&own());
    let all = empty.agreement(None, &own()).unwrap_err();
    let ids: Vec<_> = all
        .iter()
        .map(|(id, at)| (id.trim_start_matches("officer-draft-fault-"), *at))
        .collect();
    let expected = [
        ("id", None),
        ("parties", None),
        ("period", None),
        ("text", None),
        ("sides", Some(1)),
        ("categories", Some(1)),
        ("purposes", Some(1)),
        ("kinds", Some(1)),
        ("roles", Some(1)),
        ("rule", Some(1)),
    ];
    assert_eq!(ids, expected);
    empty.grants.clear();
    let all = empty.agreement(None, &own()).unwrap_err();
    assert!(all.contains(&("officer-draft-fault-grants", None)));
}

#[test]
fn each_fault_is_told_where_it_is() {
    type Change = fn(&mut Fields);
    let cases: [(Change, FaultAt); 12] = [
        (|f| f.id = "UPPER".into(), ("officer-draft-fault-id", None)),
        (
            |f| f.parties = ["kurume".into(), "tottori".into()].into(),
            ("officer-draft-fault-parties", None),
        ),
        (
            |f| f.until = "2026-03-31".into(),
            ("officer-draft-fault-period", None),
        ),
        (|f| f.text = "00".into(), ("officer-draft-fault-text", None)),
        (|f| f.days = "0".into(), ("officer-draft-fault-days", None)),
        (
            |f| f.settlement = "me".into(),
            ("officer-draft-fault-settlement", None),
        ),
        (
            |f| f.grants[1].viewing = "saga".into(),
            ("officer-draft-fault-sides", Some(2)),
        ),
        (
            |f| f.grants[1].viewing = "tottori".into(),
            ("officer-draft-fault-sides", Some(2)),
        ),
        (
            |f| f.grants[0].purposes = Default::default(),
            ("officer-draft-fault-purposes", Some(1)),
        ),
        (
            |f| f.grants[1].from = "2030-01-01".into(),
            ("officer-draft-fault-period", Some(2)),
        ),
        (
            |f| f.grants[0].purposes.insert(Purpose::BreakGlass),
            ("officer-draft-fault-nature", Some(1)),
        ),
        (
            |f| {
                f.grants[0].purposes = [Purpose::BreakGlass].into();
                f.grants[0].roles = [Role::Nurse].into();
                f.grants[0].rule = "not-needed".into();
            },
            ("officer-draft-fault-glass", Some(1)),
        ),
    ];
    for (change, expected) in cases {
        let mut fields = Fields::of(&agreement());
        change(&mut fields);
        let faults = fields.agreement(None, &own()).unwrap_err();
        assert!(faults.contains(&expected), "{expected:?}: {faults:?}");
    }
}
