use super::*;
use crate::fixture_test::{FIRST, Fixture, PATIENT, path, prescription};
use crate::{Layout, QuarantineReason};

#[test]
fn the_table_is_whole() {
    let mut codes = std::collections::BTreeSet::new();
    for quirk in Quirk::ALL {
        assert!(codes.insert(quirk.code()), "{} twice", quirk.code());
        assert_eq!(Quirk::named(quirk.code()), Some(*quirk));
        for text in [quirk.ja(), quirk.en(), quirk.seen(), quirk.does()] {
            assert!(!text.is_empty(), "{}", quirk.code());
        }
    }
    assert!(Quirk::ALL.len() <= 32, "a set is 32 bits");
    assert_eq!(Quirk::named("no-such"), None);
}

/// Each deviation planted in a message that has none: it is met, and nothing else is.
#[test]
fn each_planted_deviation_is_met_alone() {
    let clean = "MSH|^~\\&|HIS|SEND|GW|RCV|20260401120000.123||RDE^O11|1|P|2.5||||||~ISO IR87||ISO 2022-1994\r\
                 PID|0001||0009013^^^^PI||関所^太郎^^^^^L^I||19480405|M|||^^^^840-0000^JPN^H\r\
                 PV1|0001|O|01||||110^医師^一郎|||01\r\
                 ORC|NW|1||1|||||20260401103045||||||||01^内科^99XY1\r\
                 OBX|1|NM|3A010000002327101^総蛋白^JC10||7\r\
                 RXE||1^錠^HOT9|1||TAB^錠^MR9P\r";
    let good = "000/901/0009013/20260401/OMP-01/0009013_20260401_OMP-01_000000000000001_20260401110000000_01_1";
    let cases: &[(Quirk, &str, &str)] = &[
        (Quirk::LineFeeds, "\r", "\n"),
        (Quirk::CharacterSetName, "ISO IR87", "ISOIR87"),
        (Quirk::CharacterSetName, "ISO 2022-1994", "ISO2022-1994"),
        (Quirk::TimeFraction, "120000.123", "120000.3399"),
        (Quirk::UntypedPatientId, "0009013^^^^PI", "0009013"),
        (Quirk::ShiftedPid, "19480405|M", "|19480405|M"),
        (Quirk::PlainPostcode, "840-0000", "8400000"),
        (Quirk::DepartmentMoved, "|||01\r", "|01||\r"),
        (Quirk::JoinedName, "110^医師^一郎", "110^医師一郎"),
        (
            Quirk::AnalyteCodeLength,
            "3A010000002327101",
            "3A0100000023271",
        ),
        (Quirk::CancelInForce, "ORC|NW", "ORC|CA"),
    ];
    let met = |text: &str, path: &str| -> Vec<&'static str> {
        let fixture = Fixture::new();
        fixture.write(path, &crate::fixture_test::encode(text));
        let report = fixture.ingest();
        assert_eq!(report.quarantined_total(), 0, "{path}");
        let codes = report.quirks.into_keys();
        codes
            .map(|code| Quirk::named(&code).unwrap().code())
            .collect()
    };
    assert_eq!(met(clean, good), Vec::<&str>::new());
    for (quirk, from, to) in cases {
        assert!(clean.contains(from), "{from}");
        let text = if *quirk == Quirk::LineFeeds {
            clean.replace('\r', "\n")
        } else {
            clean.replacen(from, to, 1)
        };
        assert_eq!(met(&text, good), [quirk.code()], "{to}");
    }
    let names = [
        (
            Quirk::OrderNoLength,
            good.replace("000000000000001", "0000000000001"),
        ),
        (
            Quirk::OrderNoPlaceholder,
            good.replace("000000000000001", "999999999999999"),
        ),
        (
            Quirk::OccurredLength,
            good.replace("20260401110000000", "20260401110000"),
        ),
    ];
    for (quirk, path) in names {
        assert_eq!(met(clean, &path), [quirk.code()], "{path}");
    }
    let short =
        "1/-/123/20260401/OMP-01/123_20260401_OMP-01_000000000000001_20260401110000000_01_1";
    assert_eq!(
        met(&clean.replace("0009013", "123"), short),
        ["short-patient-id"]
    );
}

#[test]
fn what_a_source_refuses_is_quarantined_and_comes_back_when_taken() {
    let mut fixture = Fixture::new();
    fixture.write(&path("1", FIRST, 1), &prescription(PATIENT, "錠"));
    let usual = fixture.ingest();
    assert_eq!(usual.quirks["order-no-length"], 1);
    fixture.storage.quirks = Quirks::default().with(Quirk::OrderNoLength, false);
    let refused = fixture.ingest();
    assert_eq!(
        refused.quarantined,
        [(QuarantineReason::Deviation, 1)].into()
    );
    assert_eq!((refused.documents(), fixture.answered()), (0, (0, 0)));
    fixture.storage.quirks = Quirks::default();
    assert_eq!(fixture.ingest().documents(), 1);
}

#[test]
fn every_setting_names_another_reader() {
    let fixture = Fixture::new();
    let usual = fixture.storage.clone();
    let mut readers = std::collections::BTreeSet::from([usual.reader()]);
    let mut other = usual.clone();
    other.layout = Layout::Extended;
    assert!(readers.insert(other.reader()));
    other
        .kinds
        .insert("L1".into(), sekisho_domain::Category::Operation);
    assert!(readers.insert(other.reader()));
    other.quirks = other.quirks.with(Quirk::DocumentByPath, true);
    assert!(readers.insert(other.reader()));
}

/// The table operators read is the one the reader has.
#[test]
fn the_documentation_lists_every_deviation_as_it_is() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../docs/operate/storages.md"
    );
    let text = std::fs::read_to_string(path).unwrap();
    for quirk in Quirk::ALL {
        let taken = if quirk.is_taken_by_default() {
            "yes"
        } else {
            "**no**"
        };
        let row = format!(
            "| `{}` | {} | {} | {} | {taken} |",
            quirk.code(),
            quirk.en(),
            quirk.seen(),
            quirk.does()
        );
        assert!(
            text.contains(&row),
            "docs/operate/storages.md lacks this row:\n{row}"
        );
    }
}
