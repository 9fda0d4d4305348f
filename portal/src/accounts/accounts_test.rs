//! What is kept of accounts, and what is refused.

use super::*;
use crate::accounts::{By, Hashed, Holder, Secret};

fn account(name: &str) -> Account {
    let password = Hashed::of("correct horse battery").unwrap();
    Account::new(name, "見本 花子", Holder::Operator, Some(password))
}

#[test]
fn accounts_stay_and_a_name_is_taken_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("portal.redb");
    let accounts = Accounts::open(&path).unwrap();
    accounts
        .add(&account("b@example.jp"), &By::command(TimeMs(0)))
        .unwrap();
    accounts
        .add(&account("a"), &By::command(TimeMs(0)))
        .unwrap();
    assert!(matches!(
        accounts.add(&account("a"), &By::command(TimeMs(0))),
        Err(AccountsFault::Taken)
    ));
    let long = "x".repeat(Account::NAME_BYTES_MAX + 1);
    for bad in ["", "a b", "名前", "a\n", long.as_str()] {
        assert!(
            matches!(
                accounts.add(&account(bad), &By::command(TimeMs(0))),
                Err(AccountsFault::Name)
            ),
            "{bad:?}"
        );
    }
    let unshown = Account {
        shown: "x\u{7}".to_owned(),
        ..account("c")
    };
    assert!(matches!(
        accounts.add(&unshown, &By::command(TimeMs(0))),
        Err(AccountsFault::Shown)
    ));
    assert!(matches!(
        Accounts::open(&path),
        Err(AccountsFault::InUse(_))
    ));
    drop(accounts);
    let accounts = Accounts::open(&path).unwrap();
    let names: Vec<_> = accounts
        .list("", 10)
        .unwrap()
        .into_iter()
        .map(|a| a.name)
        .collect();
    assert_eq!(names, ["a", "b@example.jp"]);
    assert_eq!(accounts.list("a", 10).unwrap().len(), 1);
    assert_eq!(accounts.get("nobody").unwrap(), None);
    assert!(matches!(
        accounts.change("nobody", |_| (true, ())),
        Err(AccountsFault::Absent)
    ));
}

#[test]
fn a_code_is_taken_once_and_only_in_its_time() {
    let dir = tempfile::tempdir().unwrap();
    let accounts = Accounts::open(&dir.path().join("portal.redb")).unwrap();
    accounts
        .add(&account("a"), &By::command(TimeMs(0)))
        .unwrap();
    let now_s = 1_800_000_015;
    assert!(
        !accounts.take_code("a", "123456", now_s).unwrap(),
        "no second factor yet"
    );
    let secret = Secret::fresh().unwrap();
    accounts
        .change("a", |a| {
            a.second = Second::Totp {
                secret: secret.clone(),
                taken: None,
            };
            (true, ())
        })
        .unwrap();
    let code = secret.code(now_s).unwrap();
    assert!(!accounts.take_code("a", "", now_s).unwrap());
    assert!(!accounts.take_code("a", &format!("{code}0"), now_s).unwrap());
    assert!(
        !accounts.take_code("a", &code, now_s + 120).unwrap(),
        "too late"
    );
    let spaced = format!("{} {}", &code[..3], &code[3..]);
    assert!(
        accounts.take_code("a", &spaced, now_s + 30).unwrap(),
        "a clock half a minute off"
    );
    assert!(
        !accounts.take_code("a", &code, now_s + 30).unwrap(),
        "not twice"
    );
    let earlier = secret.code(now_s - 30).unwrap();
    assert!(
        !accounts.take_code("a", &earlier, now_s).unwrap(),
        "nor one from before it"
    );
    assert!(
        accounts
            .take_code("a", &secret.code(now_s + 60).unwrap(), now_s + 60)
            .unwrap()
    );
}

#[test]
fn readings_are_kept_newest_first() {
    let dir = tempfile::tempdir().unwrap();
    let accounts = Accounts::open(&dir.path().join("portal.redb")).unwrap();
    for n in 0..5 {
        let reading = Reading {
            time: TimeMs(n),
            account: "o".into(),
            page: "/officer".into(),
            about: Some(n),
        };
        accounts.read(&reading).unwrap();
    }
    for (part, expected) in [
        (Part::Newest, vec![4, 3, 2]),
        (Part::Before(2), vec![1, 0]),
        (Part::Before(0), vec![]),
        (Part::After(0), vec![3, 2, 1]),
        (Part::After(4), vec![]),
        (Part::After(u64::MAX), vec![]),
    ] {
        let found = accounts.readings(part, 3).unwrap();
        let times: Vec<_> = found.into_iter().map(|(_, r)| r.time.0).collect();
        assert_eq!(times, expected, "{part:?}");
    }
}

#[test]
fn practitioners_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let accounts = Accounts::open(&dir.path().join("portal.redb")).unwrap();
    let holder = Holder::Clinician {
        practitioner: "dr-7".into(),
        profession: sekisho_domain::Role::Physician,
        facilities: ["4010200014".parse().unwrap()].into(),
    };
    accounts
        .add(
            &Account {
                holder,
                ..account("doctor")
            },
            &By::command(TimeMs(0)),
        )
        .unwrap();
    assert_eq!(
        accounts
            .of_practitioner("dr-7")
            .unwrap()
            .map(|a| a.name)
            .as_deref(),
        Some("doctor")
    );
    assert_eq!(accounts.of_practitioner("dr-8").unwrap(), None);
}
