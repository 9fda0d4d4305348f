use super::*;
use proptest::prelude::*;

fn record(head: &str, patient: &str) -> Vec<u8> {
    let message = crate::fixture_test::message("RDE^O11", patient, &["ORC|NW|1", "RXE||1^錠剤|1"]);
    [head.as_bytes(), &message].concat()
}

fn names(scan: &Scan) -> Vec<&str> {
    scan.patients.iter().map(LocalPatientId::as_str).collect()
}

#[test]
fn whatever_the_records_head_the_patients_are_named() {
    for head in [
        "",
        "INS",
        "INS,20260401,0009013,",
        "20260401110000000\tDEL\t00000241\r\n",
        "INS\0\0",
    ] {
        let file = [
            record(head, "0009013"),
            record(head, "0009014"),
            record(head, "0009013"),
        ]
        .concat();
        let heard = scan(&file, false);
        assert_eq!(
            (names(&heard), heard.unnamed),
            (vec!["0009013", "0009014"], 0),
            "{head:?}"
        );
        assert_eq!(
            heard.consumed_bytes + record("", "0009013").len(),
            file.len(),
            "{head:?}"
        );
        assert_eq!(scan(&file, true).consumed_bytes, file.len(), "{head:?}");
    }
}

#[test]
fn a_torn_tail_waits_and_is_given_up_when_nothing_follows() {
    let (first, second) = (record("INS", "0009013"), record("DEL", "0009014"));
    let file = [first.clone(), second.clone()].concat();
    let begins = first.len() + "DEL".len();
    let pid_ends = begins
        + second
            .windows(5)
            .position(|w| w == b"|M\r\x4f\x52")
            .unwrap()
        - 1;
    for cut in [begins + START.len(), begins + 60, pid_ends] {
        let torn = &file[..cut];
        let heard = scan(torn, false);
        assert_eq!(
            (names(&heard), heard.consumed_bytes, heard.unnamed),
            (vec!["0009013"], begins, 0),
            "{cut}"
        );
        assert_eq!(scan(torn, true).unnamed, 1, "{cut}");
    }
    assert_eq!(names(&scan(&file, false)), ["0009013", "0009014"]);
}

#[test]
fn what_names_nobody_is_counted() {
    let no_pid = b"INSMSH|^~\\&|A|B\rORC|1\rINSMSH|^~\\&|A|B\rPID|1||0009013\r";
    let heard = scan(no_pid, false);
    assert_eq!((names(&heard), heard.unnamed), (vec!["0009013"], 1));
    let empty = b"MSH|^~\\&|A|B\rPID|1||\rMSH|^~\\&|A|B\rPID|1||../../x\r";
    assert_eq!(scan(empty, true).unnamed, 2);
    let other = [
        b"INS<ClinicalDocument/>".to_vec(),
        vec![b' '; HEAD_BYTES_MAX],
    ]
    .concat();
    assert_eq!(
        (
            scan(&other, false).unnamed,
            scan(&other[..HEAD_BYTES_MAX], false).unnamed
        ),
        (1, 0)
    );
    assert_eq!(scan(b"INS<ClinicalDocument/>", true).unnamed, 1);
    assert_eq!(scan(b"\r\n\x1a\0", true).unnamed, 0);
    let endless = [b"MSH|^~\\&|".to_vec(), vec![b'x'; PID_WITHIN_BYTES]].concat();
    assert_eq!(scan(&endless, false).unnamed, 1);
}

proptest! {
    /// However the file is cut into stretches, the same patients are named.
    #[test]
    fn stretches_lose_nothing(patients in prop::collection::vec("[0-9]{7}", 1..8), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        let file: Vec<u8> = patients.iter().flat_map(|p| record("INS", p)).collect();
        let mut ends: Vec<usize> = cuts.iter().map(|c| c.index(file.len() + 1)).chain([file.len()]).collect();
        ends.sort_unstable();
        let (mut at, mut named) = (0, BTreeSet::new());
        for end in ends {
            let heard = scan(&file[at..end], end == file.len());
            prop_assert_eq!(heard.unnamed, 0);
            at += heard.consumed_bytes;
            named.extend(heard.patients);
        }
        let expected: BTreeSet<LocalPatientId> = patients.iter().map(|p| p.parse().unwrap()).collect();
        prop_assert_eq!(named, expected);
    }

    #[test]
    fn is_total(bytes in prop::collection::vec(any::<u8>(), 0..200), tail in "(MSH\\|\\^~\\\\&\\||PID\\||[|\r\nA9^])*", last in any::<bool>()) {
        for bytes in [bytes.clone(), [bytes, tail.into_bytes()].concat()] {
            prop_assert!(scan(&bytes, last).consumed_bytes <= bytes.len());
        }
    }
}
