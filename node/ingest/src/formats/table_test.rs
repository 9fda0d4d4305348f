use super::*;
use crate::formats::samples_test::{MAPPING, cp932, vitals};
use proptest::prelude::*;

const FACILITY: &str = "4110000001";
type Read = Result<(String, usize), QuarantineReason>;

fn try_read(mapping: &str, bytes: &[u8]) -> Result<Vec<(Part, Read)>, QuarantineReason> {
    let facility = FACILITY.parse().unwrap();
    let context = Context {
        facility: &facility,
        patient_system: None,
        is_part: false,
    };
    let mapping = Mapping::parse(mapping).unwrap();
    let found = read(context, &mapping, bytes).map_err(|refusal| refusal.reason)?;
    let read = found.into_iter().map(|found| {
        let part = found.part;
        let lines = |b: &[u8]| b.iter().filter(|b| **b == b'\n').count();
        let at = |n: u64| usize::try_from(n).unwrap();
        let body = &bytes[at(part.offset_bytes)..at(part.offset_bytes + part.size_bytes)];
        let read = match found.read {
            Ok(facts) => Ok((facts.patient.as_str().to_owned(), lines(body))),
            Err(refusal) => Err(refusal.reason),
        };
        (part, read)
    });
    Ok(read.collect())
}

fn outcomes(mapping: &str, text: &str) -> Result<Vec<Read>, QuarantineReason> {
    let read = try_read(mapping, &cp932(text))?;
    Ok(read.into_iter().map(|(_, read)| read).collect())
}

#[test]
fn rows_of_one_patient_and_time_are_one_document() {
    let head = vitals(FACILITY, &[]);
    let row = |patient: &str, time: &str, value: &str| {
        format!("{patient},{FACILITY},{time},{value},2026/04/01 10:00,0\r\n")
    };
    let text = [
        head.as_str(),
        &row("0009013", "2026/4/1 9:05", "120"),
        &row("0009013", "2026/4/1 9:05", "\"121\r\n再検\""),
        &row("0009013", "2026/4/1 9:30", "118"),
        &row("0009014", "2026/4/1 9:30", "表示\"不可\""),
        &row("0009013", "2026/4/1 9:05", "119"),
    ]
    .concat();
    let one = |patient: &str, lines| Ok((patient.to_owned(), lines));
    assert_eq!(
        outcomes(MAPPING, &text).unwrap(),
        [
            one("0009013", 3),
            one("0009013", 1),
            one("0009014", 1),
            one("0009013", 1)
        ]
    );
    // Each document alone, behind the head, is the same document.
    let bytes = cp932(&text);
    for (part, read) in try_read(MAPPING, &bytes).unwrap() {
        let at = |n: u64| usize::try_from(n).unwrap();
        let alone = [
            &bytes[..at(part.head_bytes)],
            &bytes[at(part.offset_bytes)..at(part.offset_bytes + part.size_bytes)],
        ]
        .concat();
        let again = try_read(MAPPING, &alone).unwrap();
        assert_eq!(again.len(), 1);
        assert_eq!(again[0].1, read);
        assert_eq!(again[0].0.document_bytes(), alone.len() as u64);
    }
}

#[test]
fn a_bad_row_is_kept_back_alone_and_a_bad_head_keeps_back_all() {
    use QuarantineReason::*;
    let good = vitals(FACILITY, &["0009013", "0009014", "0009015"]);
    let cases = [
        ("no patient", good.replace("0009014,", ","), NoPatient),
        (
            "a patient that is none",
            good.replace("0009014", "患者"),
            MissingValue,
        ),
        (
            "another facility",
            good.replace("0009014,4110000001", "0009014,4110000002"),
            OtherFacility,
        ),
        (
            "no date",
            good.replace(
                "0009014,4110000001,2026/04/01",
                "0009014,4110000001,2026/13/01",
            ),
            MissingValue,
        ),
        (
            "a column less",
            good.replace("0009014,4110000001,", "0009014,"),
            Truncated,
        ),
        (
            "a column more",
            good.replace("0009014,", "0009014,x,"),
            Truncated,
        ),
        (
            "a long field",
            good.replace(
                "0009014,4110000001",
                &format!("0009014,{}", "1".repeat(40_000)),
            ),
            FieldTooLong,
        ),
    ];
    for (case, text, reason) in cases {
        assert_ne!(text, good, "{case}");
        let read = outcomes(MAPPING, &text).unwrap();
        assert_eq!((read.len(), &read[1]), (3, &Err(reason)), "{case}");
        assert!(read[0].is_ok() && read[2].is_ok(), "{case}");
    }
    let of = |text: &str| outcomes(MAPPING, text).err();
    assert_eq!(
        of(&good.replace("患者番号,施設", "施設,患者番号")),
        Some(NotTheFormat)
    );
    assert_eq!(of(&good.replace("患者番号", "患者ID")), Some(NotTheFormat));
    assert_eq!(of(&vitals(FACILITY, &[])), Some(Truncated));
    let mut bytes = cp932(&good);
    bytes[1] = 0xff;
    assert_eq!(try_read(MAPPING, &bytes).err(), Some(BadText));
}

#[test]
fn utf8_with_its_mark_is_read_in_place() {
    let mapping = MAPPING.replace("windows-31j", "utf-8");
    let text = format!("\u{feff}{}", vitals(FACILITY, &["0009013", "0009014"]));
    let read = try_read(&mapping, text.as_bytes()).unwrap();
    assert_eq!(read.len(), 2);
    let (part, _) = &read[1];
    let at = usize::try_from(part.offset_bytes).unwrap();
    assert!(text[at..].starts_with("0009014"), "{}", &text[at..]);
}

#[test]
fn days_and_times_in_every_form_seen() {
    let cases = [
        ("20260401", Some(1_774_969_200_000)),
        ("2026/04/01", Some(1_774_969_200_000)),
        ("2026-4-1", Some(1_774_969_200_000)),
        ("2026/4/1 9:05", Some(1_775_001_900_000)),
        ("2026-04-01T09:05:30", Some(1_775_001_930_000)),
        ("20260401090530", Some(1_775_001_930_000)),
        ("20260401 09:05", Some(1_775_001_900_000)),
        ("2026/4/1 9", None),
        ("2026/4", None),
        ("2026/02/30", None),
        ("2026/4/1 9:05:30:1", None),
        ("", None),
        ("昨日", None),
    ];
    for (text, expected) in cases {
        assert_eq!(instant(text).map(|t| t.0), expected, "{text}");
    }
}

proptest! {
    /// Documents of a file do not overlap, and begin behind the head.
    #[test]
    fn parts_lie_apart(at in 0usize..2000, bytes in prop::collection::vec(prop::sample::select(b"\",\r\n1a\x82".to_vec()), 0..20)) {
        let mut file = cp932(&vitals(FACILITY, &["0009013", "0009014", "0009015"]));
        let at = at % file.len();
        file.splice(at..at, bytes);
        if let Ok(read) = try_read(MAPPING, &file) {
            let mut end = 0;
            for (part, _) in read {
                prop_assert!(part.is_well_formed(), "{part:?}");
                prop_assert!(part.offset_bytes >= end.max(part.head_bytes));
                end = part.offset_bytes + part.size_bytes;
            }
            prop_assert!(end <= file.len() as u64);
        }
    }
    #[test]
    fn is_total(bytes in prop::collection::vec(any::<u8>(), 0..300), text in ".{0,30}") {
        let _ = try_read(MAPPING, &bytes);
        let _ = instant(&text);
    }
}

#[test]
fn rows_say_who_their_patient_is_where_the_mapping_tells_how() {
    let mapping = r#"version = 1
name = "visits"
category = "other-document"
title = { ja = "来院", en = "Visits" }
encoding = "utf-8"
columns = ["番号", "日", "姓", "名", "カナ", "生年月日", "性別", "郵便", "住所1", "住所2", "電話", "携帯", "保険者", "記号", "保番", "枝"]
patient = "番号"
date = "日"
document = ["日"]
[person]
kanji = ["姓", "名"]
kana = "カナ"
birth = "生年月日"
sex = "性別"
postal = "郵便"
address = ["住所1", "住所2"]
phone = ["電話", "携帯"]
insurer = "保険者"
symbol = "記号"
number = "保番"
branch = "枝"
"#;
    let parsed = Mapping::parse(mapping).unwrap();
    let head = format!("{}\n", parsed.columns.join(","));
    let of = |rows: &str| demographics(&parsed, format!("{head}{rows}").as_bytes()).unwrap();
    let full = "1,20260401,関所,太郎,セキショ タロウ,昭和23年4月5日,男,840-0801,佐賀市,駅前1-2,0952-00-1234,090-0000-1234,1410016,70,123,1\n";
    let said = of(full);
    assert_eq!(said.kanji, Name::read("関所", "太郎"));
    assert_eq!(said.kana, Name::read("セキショ", "タロウ"));
    assert_eq!(
        (said.birth, said.sex),
        (Date::new(1948, 4, 5), Some(Sex::Male))
    );
    assert_eq!(
        said.addresses,
        [Address::read("840-0801", "佐賀市駅前1-2").unwrap()]
    );
    assert_eq!(said.phones, ["0952-00-1234", "090-0000-1234"]);
    let insured = Insured::read("01410016", "70", "123", "01").unwrap();
    assert_eq!(said.insured, [insured]);
    // What one row leaves out or garbles another may say; the same said twice is said once.
    let gaps = "1,20260401,,,,19481345,9,,,,なし,,,,,\n";
    assert_eq!(of(&format!("{gaps}{full}{full}")), said);
    assert_eq!(of(gaps), Demographics::default());
    // The rows of such a document are a document all the same.
    let read = try_read(mapping, format!("{head}{gaps}").as_bytes()).unwrap();
    assert!(matches!(read.as_slice(), [(_, Ok(_))]));
    let plain = Mapping::parse(MAPPING).unwrap();
    let rows = cp932(&vitals(FACILITY, &["0009013"]));
    assert_eq!(demographics(&plain, &rows), None);
}
