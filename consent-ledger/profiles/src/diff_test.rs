use super::*;
use proptest::prelude::*;
use proptest::sample::select;
use sekisho_domain::{Code, Grant, Hash, Retention, Settlement, TimeMs};

fn agreement(version: u32, grants: Vec<Grant>) -> Agreement {
    Agreement {
        id: "a-b".parse().unwrap(),
        version,
        parties: grants
            .iter()
            .flat_map(|g| [g.disclosing.clone(), g.viewing.clone()])
            .collect(),
        grants,
        retention: Retention::NotKept,
        settlement: Settlement::EachOwn,
        valid: Period {
            from: TimeMs(1_806_505_200_000),
            until: None,
        },
        text_hash: Hash([1; 32]),
    }
}

fn grant(disclosing: &str, viewing: &str) -> Grant {
    Grant {
        disclosing: disclosing.parse().unwrap(),
        viewing: viewing.parse().unwrap(),
        categories: [Category::Diagnosis, Category::Prescription].into(),
        purposes: [Purpose::Treat].into(),
        facility_kinds: [FacilityKind::Hospital, FacilityKind::Clinic].into(),
        roles: [Role::Physician].into(),
        consent_rule: ConsentRule::Both,
        valid: Period {
            from: TimeMs(1_806_505_200_000),
            until: None,
        },
    }
}

#[test]
fn a_version_says_who_gains_and_who_loses() {
    let before = agreement(1, vec![grant("a", "b"), grant("b", "a")]);
    let mut wider = grant("a", "b");
    wider.categories.insert(Category::Imaging);
    wider.roles.insert(Role::Nurse);
    let mut oral = grant("b", "a");
    oral.consent_rule = ConsentRule::Viewing;
    oral.facility_kinds = [FacilityKind::Hospital].into();
    let mut after = agreement(2, vec![wider, oral]);
    after.retention = Retention::Days(30);
    let diff = diff(Some(&before), &after);
    let words = diff.words();
    let expected = "\
+ documents of a → b: nurse at hospital, clinic, for treatment: diagnosis, prescription, imaging [both sides' consent (from 2027-04-01)]
+ documents of a → b: physician at hospital, clinic, for treatment: imaging [both sides' consent (from 2027-04-01)]
- documents of b → a: physician at clinic, for treatment: diagnosis, prescription [both sides' consent (from 2027-04-01)]
~ documents of b → a: physician at hospital, for treatment: diagnosis, prescription [the viewing side's consent (from 2027-04-01)], before: both sides' consent (from 2027-04-01)
  version: 1 → 2
  retention: not kept → at most 30 days
";
    let lines = |text: &str| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(lines(&words.en), lines(expected), "{}", words.en);
    assert_eq!(words.ja.lines().count(), 6);
    let same = super::diff(Some(&after), &after);
    assert_eq!(same, Diff::default());
    assert_eq!(same.words().en, "nobody gains or loses access\n");
}

#[test]
fn a_party_that_joins_and_one_that_leaves_are_named() {
    let before = agreement(1, vec![grant("a", "b")]);
    let after = agreement(2, vec![grant("a", "c")]);
    let diff = diff(Some(&before), &after);
    assert_eq!(diff.joined, ["c".parse().unwrap()].into());
    assert_eq!(diff.left, ["b".parse().unwrap()].into());
    assert_eq!(
        (diff.gained.len(), diff.lost.len(), diff.changed.len()),
        (1, 1, 0)
    );
    let new = super::diff(None, &after);
    assert_eq!(
        (new.joined.len(), new.gained.len(), new.lost.len()),
        (2, 1, 0)
    );
}

fn codes<T: Code>(max: usize) -> impl Strategy<Value = Codes<T>> {
    let some = T::ALL.get(..max.min(T::ALL.len())).unwrap();
    proptest::collection::vec(select(some), 1..4).prop_map(|v| v.into_iter().collect())
}

fn some_grant() -> impl Strategy<Value = Grant> {
    let ends = select(&[("a", "b"), ("b", "a"), ("a", "c")][..]);
    let rule = select(&[ConsentRule::Both, ConsentRule::Viewing][..]);
    (ends, codes(5), codes(2), codes(3), codes(3), rule, 0..2u64).prop_map(
        |((d, v), categories, purposes, facility_kinds, roles, consent_rule, later)| {
            let valid = Period {
                from: TimeMs(1_806_505_200_000 + later),
                until: None,
            };
            Grant {
                categories,
                purposes,
                facility_kinds,
                roles,
                consent_rule,
                valid,
                ..grant(d, v)
            }
        },
    )
}

/// Every single access of the lines, in one set; none stands in two lines.
fn cells_of(
    lines: &[Access],
) -> BTreeSet<(NetworkId, NetworkId, Category, FacilityKind, Role, Purpose)> {
    let mut cells = BTreeSet::new();
    for line in lines {
        for c in line.categories.iter() {
            for k in line.facility_kinds.iter() {
                for r in line.roles.iter() {
                    for p in line.purposes.iter() {
                        let new = cells.insert((
                            line.disclosing.clone(),
                            line.viewing.clone(),
                            c,
                            k,
                            r,
                            p,
                        ));
                        assert!(new, "{line:?} says it twice");
                    }
                }
            }
        }
    }
    cells
}

fn allows(
    of: &Agreement,
    cell: &(NetworkId, NetworkId, Category, FacilityKind, Role, Purpose),
) -> Conditions {
    let (d, v, c, k, r, p) = cell;
    let grants = of.grants.iter().filter(|g| {
        g.disclosing == *d
            && g.viewing == *v
            && g.categories.contains(c)
            && g.facility_kinds.contains(k)
            && g.roles.contains(r)
            && g.purposes.contains(p)
    });
    grants.map(|g| (g.consent_rule, g.valid)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// The lines cover exactly the single accesses that differ.
    #[test]
    fn the_lines_are_exactly_the_difference(
        before in proptest::collection::vec(some_grant(), 1..4),
        after in proptest::collection::vec(some_grant(), 1..4),
    ) {
        let (before, after) = (agreement(1, before), agreement(2, after));
        let diff = diff(Some(&before), &after);
        let changed: Vec<_> = diff.changed.iter().map(|c| c.access.clone()).collect();
        let (gained, lost, changed) = (cells_of(&diff.gained), cells_of(&diff.lost), cells_of(&changed));
        // Beyond these codes no grant of this test says anything, so no line may either.
        let all = gained.iter().chain(&lost).chain(&changed);
        let mut outside = all.filter(|(_, _, c, k, r, p)| c.number() > 6 || k.number() > 4 || r.number() > 4 || p.number() > 3);
        prop_assert!(outside.next().is_none());
        for (d, v) in [("a", "b"), ("b", "a"), ("a", "c"), ("c", "a")] {
            let (d, v): (NetworkId, NetworkId) = (d.parse().unwrap(), v.parse().unwrap());
            for c in &Category::ALL[..6] { for k in &FacilityKind::ALL[..4] { for r in &Role::ALL[..4] { for p in &Purpose::ALL[..3] {
                let cell = (d.clone(), v.clone(), *c, *k, *r, *p);
                let (was, is) = (allows(&before, &cell), allows(&after, &cell));
                let expected = (
                    was.is_empty() && !is.is_empty(),
                    !was.is_empty() && is.is_empty(),
                    !was.is_empty() && !is.is_empty() && was != is,
                );
                let found = (gained.contains(&cell), lost.contains(&cell), changed.contains(&cell));
                prop_assert_eq!(found, expected, "{:?}", cell);
            }}}}
        }
    }
}

/// Emergencies and disasters are lines of their own, in words, with a warning; taking them back warns of nothing.
#[test]
fn access_without_consent_stands_apart_and_is_warned_of() {
    let without = |purpose: Purpose| Grant {
        purposes: [purpose].into(),
        consent_rule: ConsentRule::NotNeeded,
        ..grant("d", "v")
    };
    let before = agreement(1, vec![grant("d", "v")]);
    let after = agreement(
        2,
        vec![
            grant("d", "v"),
            without(Purpose::BreakGlass),
            without(Purpose::Disaster),
        ],
    );
    let found = diff(Some(&before), &after);
    let purposes: Vec<_> = found.gained.iter().map(|a| a.purposes).collect();
    assert_eq!(
        purposes,
        [[Purpose::BreakGlass].into(), [Purpose::Disaster].into()]
    );
    let words = found.words();
    for part in [
        "72時間以内に別の者が確認",
        "宣言された区域と期間",
        "患者への周知が必要です",
    ] {
        assert!(words.ja.contains(part), "{part}: {}", words.ja);
    }
    assert!(
        words.en.contains("for emergencies: diagnosis"),
        "{}",
        words.en
    );
    let back = diff(Some(&after), &before);
    assert_eq!(back.lost.len(), 2);
    assert!(!back.words().ja.contains("周知"), "{}", back.words().ja);
}
