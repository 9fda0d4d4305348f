//! What becomes of one file's message.

use super::*;
use crate::fixture_test::*;
use proptest::prelude::*;
use sekisho_documents::Statuses;
use sekisho_domain::Category;

/// The entry of one file at this path.
fn entry_of(path: &str, bytes: &[u8]) -> Result<DocumentEntry, QuarantineReason> {
    let fixture = Fixture::new();
    fixture.write(path, bytes);
    fixture.ingest();
    match fixture.find(PATIENT, Statuses::Approved).entries.pop() {
        Some(entry) => Ok(entry),
        None => Err(fixture.reasons()[0]),
    }
}

fn path_of(kind: &str, date: &str) -> String {
    format!("000/901/{PATIENT}/{date}/{kind}/{PATIENT}_{date}_{kind}_1_20260401110000000_09A_1")
}

#[test]
fn an_entry_carries_the_xds_attributes() {
    let bytes = prescription(PATIENT, "ダーゼン錠（５ｍｇ）");
    let entry = entry_of(&path("000000000000001", FIRST, 1), &bytes).unwrap();
    assert_eq!(entry.kind.category, Category::Prescription);
    assert_eq!(
        (
            entry.kind.class_code.code.as_str(),
            entry.kind.type_code.code.as_str()
        ),
        ("prescription", "57833-6")
    );
    assert_eq!(
        entry.kind.format_code.code,
        "urn:jami:ss-mix2:standardised:OMP-01"
    );
    assert_eq!(
        (entry.kind.title.ja.as_str(), entry.kind.title.en.as_str()),
        ("処方オーダ", "Prescription")
    );
    let department = entry.practice_setting.unwrap();
    assert_eq!(
        (department.code.as_str(), department.ja.as_str()),
        ("01", "内科")
    );
    assert_eq!(
        (entry.kind.confidentiality.code.as_str(), entry.status),
        ("N", Availability::Approved)
    );
    assert_eq!(entry.size_bytes, bytes.len() as u64);
    // 2026-04-01 11:00 and 10:30:45 in Japan.
    assert_eq!(entry.creation, TimeMs(1_775_008_800_000));
    assert_eq!(
        (entry.service_start, entry.service_stop),
        (TimeMs(1_775_007_045_000), TimeMs(1_775_007_045_000))
    );
    assert!(!entry.unique_id.to_string().contains(PATIENT));
    assert_eq!(entry.location.path, path("000000000000001", FIRST, 1));
}

#[test]
fn service_times_come_from_the_kinds_field() {
    let day = 1_774_969_200_000; // 2026-04-01 00:00 in Japan
    let hour = 3_600_000;
    let (pv1, pv2) = (
        |n: usize, t: &str| format!("PV1|1|I{}{t}", "|".repeat(n - 2)),
        |n: usize, t: &str| format!("PV2{}{t}", "|".repeat(n)),
    );
    type Case = (&'static str, &'static str, Vec<String>, (u64, u64));
    let cases: Vec<Case> = vec![
        (
            "OMP-11",
            "RAS^O17",
            vec!["RXA|0|1|202604010800|202604010930|1^薬".into()],
            (day + 8 * hour, day + 9 * hour + hour / 2),
        ),
        // Several specimens: first is the start, latest the stop.
        (
            "OML-11",
            "OUL^R22",
            vec![
                format!("SPM|1{}202604010600", "|".repeat(16)),
                format!("SPM|2{}202604010700", "|".repeat(16)),
                "OBR|1".into(),
            ],
            (day + 6 * hour, day + 7 * hour),
        ),
        (
            "OMG-13",
            "ORU^R01",
            vec!["OBR|1|1||9A110^心電図|||202604010900|202604011000".into()],
            (day + 9 * hour, day + 10 * hour),
        ),
        (
            "ADT-22",
            "ADT^A01",
            vec![pv1(44, "202604011300")],
            (day + 13 * hour, day + 13 * hour),
        ),
        (
            "ADT-52",
            "ADT^A03",
            vec![pv1(45, "202604011400")],
            (day + 14 * hour, day + 14 * hour),
        ),
        (
            "ADT-21",
            "ADT^A14",
            vec!["PV1|1|I".into(), pv2(8, "20260401")],
            (day, day),
        ),
        (
            "ADT-51",
            "ADT^A16",
            vec!["PV1|1|I".into(), pv2(9, "2026040115")],
            (day + 15 * hour, day + 15 * hour),
        ),
        (
            "ADT-42",
            "ADT^A02",
            vec!["EVN||||||202604011600".into(), "PV1|1|I".into()],
            (day + 16 * hour, day + 16 * hour),
        ),
        // An order whose second part is dated years back: the start stays the first.
        (
            "OMP-02",
            "RDE^O11",
            vec![
                "ORC|NW|1|||||||20260401".into(),
                "RXE||1^薬".into(),
                "ORC|NW|1|||||||20090401".into(),
                "RXE||1^薬".into(),
            ],
            (day, day),
        ),
        // Nothing stated: 診療日.
        ("OMD", "OMD^O03", vec!["ORC|NW|1".into()], (day, day)),
        ("ADT-12", "ADT^A01", vec!["PV1|1|O".into()], (day, day)),
        (
            "OMG-11",
            "OMI^Z23",
            vec!["OBR|1||||||no date".into()],
            (day, day),
        ),
    ];
    for (kind, message_type, segments, expected) in cases {
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let bytes = message(message_type, PATIENT, &segments);
        let entry =
            entry_of(&path_of(kind, "20260401"), &bytes).unwrap_or_else(|r| panic!("{kind}: {r}"));
        assert_eq!(
            (entry.service_start.0, entry.service_stop.0),
            expected,
            "{kind}"
        );
    }
    // No 診療日 either: 発生日時.
    let bytes = message("PPR^ZD1", PATIENT, &["PRB|AD|20260401|1^胃炎^MDCDX2|1"]);
    let entry = entry_of(&path_of("PPR-01", "-"), &bytes).unwrap();
    assert_eq!(entry.service_start, entry.creation);
}

/// A cancellation in force is no document, and takes what is older with it; what is newer stays.
#[test]
fn a_cancellation_filed_as_in_force_deletes_what_is_older() {
    let mut cancels = 0;
    for kind in crate::DataKind::ALL {
        let date = if kind.service_start.is_some() {
            "20260401"
        } else {
            "-"
        };
        let segments: Vec<String> = kind.needs.iter().map(|s| format!("{s}|1")).collect();
        let mut segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let at = |occurred: &str, flag: u8| {
            let path = path_of(kind.code, date).replace("20260401110000000", occurred);
            format!("{}{flag}", path.trim_end_matches('1'))
        };
        let insert = message(kind.inserts[0], PATIENT, &segments);
        let message_type = match kind.cancels.first() {
            Some(cancel) => cancel,
            None if segments.iter().any(|s| s.starts_with("ORC")) => {
                segments.retain(|s| !s.starts_with("ORC"));
                segments.insert(0, "ORC|CA|1");
                kind.inserts[0]
            }
            None => continue,
        };
        cancels += 1;
        let fixture = Fixture::new();
        fixture.write(&at("20260401100000000", 2), &insert);
        fixture.write(
            &at("20260401110000000", 1),
            &message(message_type, PATIENT, &segments),
        );
        let report = fixture.ingest();
        assert_eq!(fixture.answered(), (0, 0), "{} {message_type}", kind.code);
        assert_eq!(
            report.kinds[kind.code].deleted, 2,
            "{} {message_type}",
            kind.code
        );
        assert_eq!(report.quirks["cancel-in-force"], 1);
        // Ordered again afterwards.
        fixture.write(&at("20260401120000000", 1), &insert);
        fixture.ingest();
        assert_eq!(fixture.answered(), (1, 0), "{} {message_type}", kind.code);
    }
    assert!(cancels > 10, "{cancels}");
}

#[test]
fn every_kind_is_read_under_each_of_its_message_types() {
    for kind in crate::DataKind::ALL {
        let date = if kind.service_start.is_some() {
            "20260401"
        } else {
            "-"
        };
        let segments: Vec<String> = kind.needs.iter().map(|s| format!("{s}|1")).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        for message_type in kind.inserts {
            let entry = entry_of(
                &path_of(kind.code, date),
                &message(message_type, PATIENT, &segments),
            );
            let entry = entry.unwrap_or_else(|r| panic!("{} {message_type}: {r}", kind.code));
            assert_eq!(
                (entry.kind.category, entry.kind.data_kind.as_str()),
                (kind.category, kind.code)
            );
        }
        for message_type in ["ACK^A01", "MDM^T02", "ADT", ""] {
            let refused = entry_of(
                &path_of(kind.code, date),
                &message(message_type, PATIENT, &segments),
            );
            assert_eq!(
                refused.unwrap_err(),
                QuarantineReason::KindMismatch,
                "{} {message_type}",
                kind.code
            );
        }
        if let Some(missing) = kind.needs.first() {
            let rest: Vec<&str> = segments
                .iter()
                .copied()
                .filter(|s| !s.starts_with(missing))
                .collect();
            let refused = entry_of(
                &path_of(kind.code, date),
                &message(kind.inserts[0], PATIENT, &rest),
            );
            assert_eq!(
                refused.unwrap_err(),
                QuarantineReason::Truncated,
                "{} without {missing}",
                kind.code
            );
        }
    }
}

#[test]
fn broken_messages_are_quarantined_with_the_reason() {
    use QuarantineReason::*;
    let whole = prescription(PATIENT, "錠剤");
    let kanji = whole.windows(3).position(|w| w == b"\x1b$B").unwrap() + 4;
    let in_last_kanji = whole.windows(3).rposition(|w| w == b"\x1b$B").unwrap() + 4;
    let mut several = whole.clone();
    several.extend_from_slice(&whole);
    let (sjis, _, _) = encoding_rs::SHIFT_JIS.encode("患者");
    let cases: Vec<(&str, Vec<u8>, QuarantineReason)> = vec![
        ("empty", vec![], TooShort),
        ("two bytes", b"MS".to_vec(), TooShort),
        ("padding only", vec![0; 100], TooShort),
        ("cut in the header", whole[..20].to_vec(), NoPatient),
        ("cut inside the name", whole[..kanji].to_vec(), Truncated),
        (
            "cut inside the last kanji",
            whole[..in_last_kanji].to_vec(),
            Truncated,
        ),
        (
            "cut behind the patient",
            message("RDE^O11", PATIENT, &[]),
            Truncated,
        ),
        (
            "a picture",
            b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR................".to_vec(),
            Undecodable,
        ),
        (
            "prose",
            b"Dear colleague, thank you for your referral".to_vec(),
            NotHl7,
        ),
        (
            "Shift_JIS",
            [&whole[..], b"NTE|1||", &sjis[..], b"\r"].concat(),
            Undecodable,
        ),
        (
            "UTF-8",
            [&whole[..], "NTE|1||患者\r".as_bytes()].concat(),
            Undecodable,
        ),
        ("two messages", several, SeveralMessages),
        (
            "a torn line",
            [&whole[..], b"\n\x01garbage\rNTE|1||x\r"].concat(),
            Truncated,
        ),
        (
            "another patient",
            prescription("0009014", "錠剤"),
            MessagePatientMismatch,
        ),
        ("nobody", prescription("", "錠剤"), NoPatient),
        (
            "another kind",
            message("OUL^R22", PATIENT, &["OBR|1"]),
            KindMismatch,
        ),
    ];
    for (case, bytes, expected) in cases {
        assert_eq!(
            entry_of(&path("1", FIRST, 1), &bytes).err(),
            Some(expected),
            "{case}"
        );
    }
    assert!(entry_of(&path("1", FIRST, 1), &whole).is_ok());
}

#[test]
fn kanji_that_hold_delimiters_do_not_move_fields() {
    // All of 剤 (3a 5e 3a … 5e is ^), 次 (3c 21), 縫 (4b 25), 毎 (4b 68), 錠 (3e 7b), 部 (49 74), 療 (4e 45), 倍 (47 5c is \).
    let drug = "倍散剤倉澄療養マウリヤ〜−";
    let bytes = prescription(PATIENT, drug);
    let inside = bytes
        .iter()
        .filter(|b| matches!(b, b'|' | b'^' | b'~' | b'\\' | b'&'))
        .count();
    let outside = String::from_utf8_lossy(&prescription(PATIENT, "x"))
        .matches(['|', '^', '~', '\\', '&'])
        .count();
    assert!(
        inside > outside,
        "the fixture must hold delimiter bytes inside kanji"
    );
    assert!(entry_of(&path("1", FIRST, 1), &bytes).is_ok());
    let readable = crate::render(&bytes);
    assert_eq!(readable.tables[0].rows[0][1], drug);
    assert_eq!(readable.tables[0].rows[0][3], "錠");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    /// However a message is damaged: it is refused, or it still names its patient and nobody else.
    #[test]
    fn damage_never_moves_a_message_to_another_patient(
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 0..6),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let mut bytes = prescription(PATIENT, "錠剤");
        for (at, byte, what) in edits {
            let at = at.index(bytes.len());
            match what {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let storage = SsMix2Storage::new("/", "4111234567".parse().unwrap(), "std01".parse().unwrap());
        let path = path("1", FIRST, 1);
        let name = StoredName::of_path(&path).unwrap();
        let location = SourceLocation::new(storage.source_id.clone(), path).unwrap();
        match document(&storage, &location, &name, Availability::Approved, &bytes) {
            Ok(_) => {
                let expected = name.local_patient_id.clone();
                prop_assert_eq!(crate::verify_patient(&bytes, &expected), Ok(()));
                prop_assert!(crate::verify_patient(&bytes, &"0009014".parse().unwrap()).is_err());
            }
            Err(refusal) => prop_assert_eq!(refusal.patients.folder, name.patients().folder),
        }
    }
}
