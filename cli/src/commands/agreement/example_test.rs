//! The example in words.

use super::{EXAMPLE, parse};
use sekisho_ledger::record::{AgreementHead, AgreementVersion};
use sekisho_words::{Names, agreement, standing};
use std::path::Path;

#[test]
fn the_words_say_each_direction_and_the_one_that_is_missing() {
    let mut example = parse(EXAMPLE, Path::new(".")).unwrap();
    example.grants.truncate(1);
    let words = agreement(&example, &Names::default());
    assert!(
        words
            .en
            .contains("1. azaleanet may see documents of pikapikalink"),
        "{}",
        words.en
    );
    assert!(
        words
            .en
            .contains("x  pikapikalink may not see documents of azaleanet"),
        "{}",
        words.en
    );
    assert!(
        words
            .ja
            .contains("×  pikapikalink は azaleanet の文書を閲覧できません"),
        "{}",
        words.ja
    );
    assert!(
        words.ja.contains("必要な同意：閲覧側の同意"),
        "{}",
        words.ja
    );
}

#[test]
fn the_standing_names_who_has_not_signed() {
    let agreement = parse(EXAMPLE, Path::new(".")).unwrap();
    let index = sekisho_domain::EntryIndex;
    let mut latest = AgreementVersion {
        digest: agreement.text_hash,
        signed: [("pikapikalink".parse().unwrap(), index(4))].into(),
        agreement,
    };
    let mut head = AgreementHead {
        latest: 1,
        ..AgreementHead::default()
    };
    let said = |head: &AgreementHead, latest: &AgreementVersion| {
        standing(head, latest, &Names::default()).en
    };
    assert_eq!(said(&head, &latest), "version 1 waits for azaleanet");
    latest.signed.insert("azaleanet".parse().unwrap(), index(5));
    head.signed.push(1);
    assert_eq!(said(&head, &latest), "version 1 signed by all");
    head.suspended = Some(index(9));
    assert_eq!(said(&head, &latest), "suspended at ledger index 9");
    head.terminated = Some(index(11));
    assert_eq!(said(&head, &latest), "terminated at ledger index 11");
}
