use super::*;
use crate::fixture_test::encode;
use proptest::prelude::*;

fn content(segments: &str) -> Content {
    let text = format!("MSH|^~\\&|A|B|C|D|20260401||ADT^A08|1|P|2.5\r{segments}\r");
    read(&encode(&text)).unwrap()
}

#[test]
fn a_person_and_their_insurance() {
    let c = content(
        "PID|1||9013^^^^PI||カンジャ^タロウ^^^^^L^P~患者^太郎^^^^^L^I||19480405|M|||^^^^422-8033^JPN^H^静岡県静岡市登呂１||\
         ^PRN^PH^^^^^^^^^054-000-0000~090-0000-0000|^WPN^PH^^^^^^^^^054-111-1111\r\
         IN1|1|C0^国保^JHSD0001|1130012||||||| ７０|１２３|20200401|99991231||||SEL^本人^HL70063",
    );
    let p = &c.person;
    assert_eq!(
        (
            p.name.family.as_str(),
            p.name.given.as_str(),
            p.kana.given.as_str()
        ),
        ("患者", "太郎", "タロウ")
    );
    assert_eq!(
        (p.birth_date.as_deref(), p.sex),
        (Some("19480405"), Some('M'))
    );
    assert_eq!(
        (p.postcode.as_str(), p.address.as_str()),
        ("422-8033", "静岡県静岡市登呂１")
    );
    assert_eq!(p.phones, ["054-000-0000", "090-0000-0000", "054-111-1111"]);
    let i = &c.insurances[0];
    assert_eq!(
        (
            i.insurer_8().as_deref(),
            i.symbol.as_str(),
            i.number.as_str()
        ),
        (Some("01130012"), "７０", "１２３")
    );
    assert_eq!((i.relation.as_str(), i.from.is_some()), ("SEL", true));
    assert!(!format!("{c:?} {p:?} {i:?} {:?}", p.name).contains("患者"));
    // A shifted PID gives no birth date rather than a wrong one.
    assert_eq!(content("PID|1||9||X||M|19480405").person.birth_date, None);
    let parts = content("PID|1||9||X||||||一丁目^^佐賀市^佐賀県").person;
    assert_eq!(
        (parts.name.family.as_str(), parts.address.as_str()),
        ("X", "佐賀県佐賀市一丁目")
    );
    for not in ["", "123456789", "12a"] {
        assert_eq!(
            Insurance {
                insurer: not.to_owned(),
                ..Insurance::default()
            }
            .insurer_8(),
            None
        );
    }
}

#[test]
fn prescriptions_injections_and_what_was_given() {
    let c = content(
        "PID|1||9\rORC|NW|7||7_01\rRXE||108665201^ダーゼン錠^HOT9|1||TAB^錠^MR9P|||||15|TAB^錠^MR9P||||||||3^TAB&錠&MR9P\r\
         TQ1|||1013044400000000&内服・１日３回毎食後&JAMISDP01|||5^d|20260401\rRXR|PO^口^HL70162\r\
         ORC|NW|8\rRXE||00^一般^99I02|1||ML\rRXC|B|62^輸液^HOT9|1|HON^本^MR9P\rRXC|A|63^薬^HOT9|2|A^管^MR9P\r\
         ORC|OK|9\rRXA|0|1|20260402|20260403|64^注^HOT9|1|A^管^MR9P",
    );
    let [pill, drip, given] = c.prescriptions.as_slice() else {
        panic!("{}", c.prescriptions.len())
    };
    assert_eq!((pill.order.as_str(), pill.group.as_str()), ("7", "7_01"));
    assert_eq!(
        (
            pill.drugs[0].drug.name.as_str(),
            pill.drugs[0].dose.unit.as_str()
        ),
        ("ダーゼン錠", "錠")
    );
    assert_eq!(
        (
            pill.dispensed.number.as_str(),
            pill.daily.number.as_str(),
            pill.daily.unit.as_str()
        ),
        ("15", "3", "錠")
    );
    assert_eq!(
        (
            pill.usage.as_str(),
            pill.duration.as_str(),
            pill.route.name.as_str()
        ),
        ("内服・１日３回毎食後", "5 d", "口")
    );
    let names: Vec<_> = drip.drugs.iter().map(|d| d.drug.name.as_str()).collect();
    assert_eq!((names, drip.is_given), (vec!["輸液", "薬"], false));
    assert!(given.is_given && given.from < given.until);
}

#[test]
fn results_diagnoses_and_allergies() {
    let c = content(
        "PID|1||9\rSPM|1|||023^血清^JC10\rOBX|1|NM|3A010^総蛋白^JC10^10222^ＴＰ^99X03||7.4|g/dL|6.7-8.3|H|||F|||20260401\r\
         OBX|2|ST|5A^抗体^JC10||< 0.5|||||||\rOBX|3|SN|5A^x^JC10||>^200\rOBX|4|CWE|5A^型^JC10||1^Ａ型^99|||LL\r\
         PRB|AD|20260401|20054174^胃炎^MDCDX2|1|||20260301||20260331|K297^^I10||||N^回復せず^HL70241||20260201|慢性|1^主診断^JHSD0007\r\
         IAM|1|DA^薬剤^HL70127|J9FA^ピーナッツ^J-FAGY|SV^重^HL70128|発疹|A|||||20200101\rAL1|1|FA|J9^卵^J-FAGY\rIAM|2|DA",
    );
    let values: Vec<_> = c
        .results
        .iter()
        .map(|r| (r.value.as_str(), r.number.as_deref(), r.flag))
        .collect();
    assert_eq!(
        values,
        [
            ("7.4", Some("7.4"), Some(Flag::High)),
            ("< 0.5", None, None),
            ("> 200", None, None),
            ("Ａ型", None, Some(Flag::VeryLow)),
        ]
    );
    let first = &c.results[0];
    assert_eq!(
        (
            first.unit.as_str(),
            first.range.as_str(),
            first.specimen.name.as_str()
        ),
        ("g/dL", "6.7-8.3", "血清")
    );
    assert_eq!(
        (first.local_name.as_str(), first.status.as_str()),
        ("ＴＰ", "F")
    );
    let d = &c.diagnoses[0];
    assert_eq!(
        (
            d.disease.name.as_str(),
            d.icd10.as_str(),
            d.outcome.name.as_str()
        ),
        ("胃炎", "K297", "回復せず")
    );
    assert!(d.onset < d.established && d.established < d.resolved);
    assert_eq!((d.text.as_str(), d.rank.code.as_str()), ("慢性", "1"));
    let substances: Vec<_> = c
        .allergies
        .iter()
        .map(|a| a.substance.name.as_str())
        .collect();
    assert_eq!(
        (substances, c.allergies[0].onset.is_some()),
        (vec!["ピーナッツ", "卵"], true)
    );
}

/// Every message of the samples that are there gives its values, in as many as it has segments.
#[test]
fn the_public_samples_give_their_values() {
    let root = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/testdata/ssmix2"
    );
    let mut seen = [0usize; 5];
    let mut folders = vec![std::path::PathBuf::from(root)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else if let Ok(c) = read(&std::fs::read(entry.path()).unwrap()) {
                assert!(
                    !c.person.name.family.is_empty(),
                    "{}",
                    entry.path().display()
                );
                let counts = [
                    c.insurances.len(),
                    c.allergies.len(),
                    c.diagnoses.len(),
                    c.prescriptions.len(),
                    c.results.len(),
                ];
                seen.iter_mut()
                    .zip(counts)
                    .for_each(|(all, here)| *all += here);
            }
        }
    }
    if seen == [0; 5] {
        println!("left out: typed values of the public samples (no test data)");
        return;
    }
    let [insurances, _, diagnoses, prescriptions, results] = seen;
    assert!(
        insurances > 5 && diagnoses > 5 && prescriptions > 20 && results > 200,
        "{seen:?}"
    );
}

proptest! {
    #[test]
    fn is_total(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "((PID|ORC|RXE|RXA|RXC|TQ1|OBX|PRB|IAM|IN1|SPM)[|^~&0-9A-Z患]{0,60}\r){0,8}") {
        let text = format!("MSH|^~\\&|A|B|C|D|20260401||ADT^A08|1|P|2.5\rPID|1||9\r{text}");
        let _ = (read(&bytes), read(text.as_bytes()), read(&encode(&text)));
    }
}
