use super::*;
use crate::environment::SystemEnvironment;
use sekisho_domain::{LedgerId, RequestId};
use sekisho_proto::v1;
use v1::patient_search::By;

fn letter() -> SealedLetter {
    SealedLetter {
        ledger: LedgerId([1; 32]),
        request_id: RequestId([2; 16]),
        from: "kurume".parse().unwrap(),
        to: "saga".parse().unwrap(),
        encapsulated_key: [0; KEY_BYTES],
        sealed: Vec::new(),
        reply_key: None,
    }
}

fn search(chars: usize) -> v1::PatientSearch {
    let kana = v1::PersonName {
        family: "ア".repeat(chars),
        given: String::new(),
    };
    let person = v1::Demographics {
        kana: Some(kana),
        ..Default::default()
    };
    v1::PatientSearch {
        by: Some(By::Person(person)),
    }
}

#[test]
fn a_letter_is_opened_by_its_reader_alone_as_it_was_written() {
    let (reader, other) = (
        Reader::new(&SystemEnvironment).unwrap(),
        Reader::new(&SystemEnvironment).unwrap(),
    );
    let mut written = letter();
    write(
        &mut written,
        reader.public(),
        &search(5),
        &SystemEnvironment,
    )
    .unwrap();
    let read: v1::PatientSearch = open(&reader, &written).unwrap();
    assert_eq!(read.by, search(5).by);
    assert!(open::<v1::PatientSearch>(&other, &written).is_err());
    let changes: [fn(&mut SealedLetter); 4] = [
        |l| l.request_id = RequestId([9; 16]),
        |l| l.to = "yame".parse().unwrap(),
        |l| l.reply_key = Some([9; KEY_BYTES]),
        |l| l.sealed[3] ^= 1,
    ];
    for (n, change) in changes.into_iter().enumerate() {
        let mut altered = written.clone();
        change(&mut altered);
        assert!(open::<v1::PatientSearch>(&reader, &altered).is_err(), "{n}");
    }
}

#[test]
fn every_letter_is_equally_long_or_refused() {
    let reader = Reader::new(&SystemEnvironment).unwrap();
    let mut lengths = std::collections::BTreeSet::new();
    let mut refused = 0;
    for chars in 0..720 {
        let mut written = letter();
        match write(
            &mut written,
            reader.public(),
            &search(chars),
            &SystemEnvironment,
        ) {
            Ok(()) => _ = lengths.insert(written.sealed.len()),
            Err(_) => refused += 1,
        }
    }
    let nobody = v1::PatientFinding::default();
    let mut written = letter();
    write(&mut written, reader.public(), &nobody, &SystemEnvironment).unwrap();
    lengths.insert(written.sealed.len());
    assert_eq!(lengths.len(), 1, "{lengths:?}");
    // Only what is as long as a letter itself.
    assert!((1..60).contains(&refused), "{refused} refused");
}

#[test]
fn a_key_is_given_once_and_in_time_and_there_are_so_many() {
    let keys = SearchKeys::default();
    let reader = || Reader::new(&SystemEnvironment).unwrap();
    let now = TimeMs(1_000);
    keys.keep(EntryIndex(1), reader(), now).unwrap();
    assert!(keys.take(EntryIndex(1), now).is_some());
    assert!(keys.take(EntryIndex(1), now).is_none());
    keys.keep(EntryIndex(1), reader(), now).unwrap();
    assert!(
        keys.take(EntryIndex(1), now.plus_ms(SEARCH_KEY_MS))
            .is_none()
    );
    for n in 0..SEARCH_KEYS_MAX as u64 {
        keys.keep(EntryIndex(n), reader(), now).unwrap();
    }
    let next = EntryIndex(SEARCH_KEYS_MAX as u64);
    assert!(matches!(
        keys.keep(next, reader(), now),
        Err(NodeError::Overloaded { .. })
    ));
    // One that is asked for again takes no more room; those that are too late make some.
    keys.keep(EntryIndex(3), reader(), now).unwrap();
    keys.keep(next, reader(), now.plus_ms(SEARCH_KEY_MS))
        .unwrap();
}
