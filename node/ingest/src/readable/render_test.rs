use super::*;
use crate::fixture_test::{PATIENT, message};
use proptest::prelude::*;

/// The table's rows as `heading=value` of what is not empty, in Japanese.
fn rows(table: &Table) -> Vec<String> {
    let row = |row: &Vec<String>| {
        assert_eq!(row.len(), table.headings.len(), "{}", table.title.en);
        let named = table
            .headings
            .iter()
            .zip(row)
            .filter(|(_, v)| !v.is_empty());
        named
            .map(|(h, v)| format!("{}={v}", h.ja))
            .collect::<Vec<_>>()
            .join(" ")
    };
    table.rows.iter().map(row).collect()
}

fn shown(message_type: &str, segments: &[&str]) -> Readable {
    render(&message(message_type, PATIENT, segments))
}

const ORC: &str =
    "ORC|NW|0001||1|||||20260401103045|||110^医師^一郎^^^^^^^L^^^^^I|||||01^内科^99XY1||||関所病院";

#[test]
fn the_header_names_patient_and_order() {
    let readable = shown("RDE^O11", &[ORC, "RXE||1^薬^HOT9|1"]);
    let header: Vec<String> = readable
        .header
        .iter()
        .map(|i| format!("{}={}", i.name.ja, i.value))
        .collect();
    assert_eq!(
        header,
        [
            "患者ID=0009013",
            "氏名=関所 太郎",
            "カナ氏名=セキショ タロウ",
            "生年月日=1948-04-05",
            "性別=男性 M",
            "作成日時=2026-04-01 12:00",
            "オーダ番号=0001",
            "医療機関=関所病院",
            "診療科=内科",
            "医師=医師 一郎",
        ]
    );
    assert_eq!(readable.title, Title::new("処方オーダ", "Prescription"));
}

#[test]
fn prescriptions_show_dose_usage_and_days() {
    let readable = shown(
        "RDE^O11",
        &[
            "AL1|1|DA^薬剤アレルギー^HL70127|1^ペニシリン^99XYZ",
            ORC,
            "RXE||108665201^ダーゼン錠（５mg)^HOT9|1||TAB^錠^MR9P|||||15|TAB^錠^MR9P||||20260401||||3^TAB&錠&MR9P||OHP^外来処方^MR9P",
            "NTE|1||粉砕\\.br\\一包化",
            "TQ1|1||1013044400000000&内服・経口・１日３回朝昼夕食後&JAMISDP01|||5^d|2026040100",
            "RXR|PO^口^HL70162",
            &ORC.replace("||1||", "||2||"),
            "RXE||^頓服薬^|1||包||||||||||||||||",
        ],
    );
    assert_eq!(
        rows(&readable.tables[0]),
        [
            "Rp=1 薬剤=ダーゼン錠（５mg) 1回量=1 単位=錠 1日量=3 錠 用法=内服・経口・１日３回朝昼夕食後 日数・回数=5日分 総量=15 錠 開始=2026-04-01 00:00 経路=口",
            "Rp=2 薬剤=頓服薬 1回量=1 単位=包",
        ]
    );
    assert_eq!(
        rows(&readable.tables[1]),
        ["分類=薬剤アレルギー アレルゲン=ペニシリン"]
    );
    assert_eq!(
        rows(&readable.tables[2]),
        ["対象=RXE コメント=粉砕\n一包化"]
    );
}

#[test]
fn injections_show_every_component() {
    let readable = shown(
        "RDE^O11",
        &[
            ORC,
            "RXE||00^一般^99I02|510||ML^ミリリットル^MR9P|INJ^注射剤^MR9P|^５時間一定速度で^99IC6||||||||||||||||102|ml/hr^ミリリッター／時間^ISO+",
            "TQ1|1||||||202604010800|202604011300",
            "RXR|IV^静脈内^HL70162||IVP^点滴ポンプ^HL70164",
            "RXC|B|1^ソリタ−Ｔ３号輸液^HOT9|1|HON^本^MR9P",
            "RXC|A|2^アドナ注^HOT9|1|AMP^アンプル^MR9P",
        ],
    );
    assert_eq!(readable.title.ja, "注射オーダ");
    let rest = "総投与量=510 ミリリットル 速度=102 ミリリッター／時間 経路=静脈内 点滴ポンプ 開始=2026-04-01 08:00 終了=2026-04-01 13:00 指示=５時間一定速度で";
    assert_eq!(
        rows(&readable.tables[0]),
        [
            format!("番号=1 区分=基剤 B 薬剤=ソリタ−Ｔ３号輸液 量=1 単位=本 {rest}"),
            format!("番号=1 区分=混注 A 薬剤=アドナ注 量=1 単位=アンプル {rest}"),
        ]
    );
}

#[test]
fn administrations_are_listed_with_or_without_an_order() {
    let rxa = "RXA|0|1|202604010830|202604010831|1^ダーゼン錠^HOT9|2|TAB^錠^MR9P|||200^看護^花子^^^^^^^L^^^^^I||||||||||NA";
    let expected = "薬剤=ダーゼン錠 量=2 単位=錠 開始=2026-04-01 08:30 終了=2026-04-01 08:31 経路=口 実施者=看護 花子 状態=未実施 NA";
    assert_eq!(
        rows(&shown("RAS^O17", &[ORC, rxa, "RXR|PO^口"]).tables[0]),
        [expected]
    );
    assert_eq!(
        rows(&shown("RAS^O17", &[rxa]).tables[0]),
        [expected.replace("経路=口 ", "")]
    );
}

#[test]
fn results_show_value_unit_range_and_flag() {
    let readable = shown(
        "OUL^R22",
        &[
            &format!("SPM|1|||023^血清^JC10{}202604010700", "|".repeat(13)),
            "OBR|1|1||E002^生化学的検査^99O03",
            "OBX|1|NM|3A010000002327101^総蛋白^JC10^10222^ＴＰ^99X03||8.9|g/dL^g/dL^ISO+|6.5-8.2|H|||F",
            "OBX|2|ST|5C070^ＣＲＰ^JC10||< 0.5|mg/dL|||||P",
            "OBX|3|SN|1^尿糖||>^5^^|||A|||C",
            "OBX|4|CWE|5H010^血液型-ABO式^JC10||A^A型^JSHR002||||||F",
            "OBX|5|TX|9A100^所見^JC10||一行目~二行目\\.br\\三行目||||||F",
            "OBR|2|1||E003^未着の検査^99O03",
        ],
    );
    let place = "材料=血清 採取=2026-04-01 07:00 検査=生化学的検査";
    assert_eq!(
        rows(&readable.tables[0]),
        [
            format!("項目=総蛋白 値=8.9 単位=g/dL 基準値=6.5-8.2 判定=H 高 {place}"),
            format!("項目=ＣＲＰ 値=< 0.5 単位=mg/dL 状態=P 中間 {place}"),
            format!("項目=尿糖 値=>5 判定=A 異常 状態=C 訂正 {place}"),
            format!("項目=血液型-ABO式 値=A型 {place}"),
            format!("項目=所見 値=一行目\n二行目\n三行目 {place}"),
            "材料=血清 採取=2026-04-01 07:00 検査=未着の検査".to_owned(),
        ]
    );
}

#[test]
fn a_suspected_diagnosis_is_not_shown_as_a_certain_one() {
    let prb = "PRB|AD|20260401|20054174^胃癌^MDCDX2|1|||20260401|||C169^^I10^O^外来時^JHSD0004||||N^回復せず^HL70241||20260301|術後|1^主診断^JHSD0007";
    let readable = shown(
        "PPR^ZD1",
        &[
            prb,
            "ZPR|4011^急性^MDCDX2|20054174^胃癌^MDCDX2|8002^の疑い^MDCDX2||||経過観察",
            "PRB|AD|20260401|2^高血圧症^MDCDX2|2",
        ],
    );
    assert_eq!(
        rows(&readable.tables[0]),
        [
            "病名=胃癌 接頭語=急性 接尾語=の疑い ICD-10=C169 区分=主診断 発症=2026-03-01 開始=2026-04-01 転帰=回復せず 備考=経過観察、術後",
            "病名=高血圧症",
        ]
    );
}

#[test]
fn charts_and_encounters() {
    let allergy = shown(
        "ADT^A60",
        &[
            "PV1|1|O",
            "IAM|1|DA^薬剤アレルギー^HL70127|1^ペニシリン^99XYZ|SV^重度^HL70128|発疹|A|||||20200101",
        ],
    );
    assert_eq!(
        rows(&allergy.tables[0]),
        ["分類=薬剤アレルギー アレルゲン=ペニシリン 重症度=重度 反応=発疹 発現=2020-01-01 処理=A"]
    );

    let person = shown(
        "ADT^A08",
        &[
            "NK1|1|関所^花子^^^^^L^I|SPO^配偶者^HL70063|^^^^840-0041^JPN^H^佐賀県佐賀市城内９−９−９",
            "PV1|1|O",
            "OBX|1|NM|9N001^身長^JC10||167.8|cm^cm^ISO+|||||F",
            "AL1|1|FA^食物アレルギー^HL70127|J9FA21180000^ピーナッツ^J-FAGY",
            "IN1|1|67^国民健康保険^JHSD0001|00410018|佐賀市||||||７０|1234567~~01|20260401|||||SEL^本人^HL70063",
        ],
    );
    let all: Vec<String> = person.tables.iter().flat_map(rows).collect();
    assert!(
        all.contains(
            &"氏名=関所 花子 続柄=配偶者 住所=840-0041 佐賀県佐賀市城内９−９−９".to_owned()
        ),
        "{all:?}"
    );
    assert!(
        all.contains(&"項目=身長 値=167.8 単位=cm".to_owned()),
        "{all:?}"
    );
    assert!(
        all.contains(&"分類=食物アレルギー アレルゲン=ピーナッツ".to_owned()),
        "{all:?}"
    );
    assert!(
        all.iter().any(|r| r.starts_with(
            "種別=国民健康保険 保険者番号=00410018 保険者=佐賀市 記号=７０ 番号=1234567"
        )),
        "{all:?}"
    );

    let pv1 = format!(
        "PV1|1|I|32^302^1^^^N||||220^医師^一郎^^^^^^^L^^^^^I|||01^内科{}202604011600",
        "|".repeat(34)
    );
    let stay = shown("ADT^A01", &[&pv1]);
    assert_eq!(stay.title.ja, "入院実施");
    let values: Vec<String> = stay.tables[0].rows.iter().map(|r| r.join("=")).collect();
    assert_eq!(
        values,
        [
            "区分 Class=入院 I",
            "場所 Location=32-302-1-N",
            "診療科 Department=内科",
            "担当医 Attending physician=医師 一郎",
            "開始 Start=2026-04-01 16:00"
        ]
    );
    assert_eq!(shown("ADT^A13", &[&pv1]).title.ja, "退院実施（取消）");
}

#[test]
fn other_kinds_are_listed_whole() {
    let meal = shown("OMD^O03", &["ORC|NW|1", "ODS|D||001^^99XY3|塩分控えめ"]);
    let listed = rows(&meal.tables[0]);
    assert!(
        listed.contains(&"セグメント=ODS 項目=4 値=塩分控えめ".to_owned()),
        "{listed:?}"
    );
    let imaging = shown(
        "OMI^Z23",
        &[
            "ORC|NW|1",
            "OBR|1|1||9A^胸部^JJ1017",
            "OBX|1|TX|1^所見||異常なし",
            "IPC|A1|P1|1.2.392.1114.1",
        ],
    );
    let listed: Vec<String> = imaging.tables.iter().flat_map(rows).collect();
    assert!(
        listed.contains(&"項目=所見 値=異常なし 検査=胸部".to_owned()),
        "{listed:?}"
    );
    assert!(
        listed.contains(&"セグメント=IPC 項目=3 値=1.2.392.1114.1".to_owned()),
        "{listed:?}"
    );
}

#[test]
fn a_message_cannot_play_with_the_screen() {
    let readable = shown("OMD^O03", &["ORC|NW|\x07\u{8}[31m", "NTE|1||a\\X1B\\b"]);
    assert!(
        !readable
            .text(Language::Ja)
            .contains(|c: char| c.is_control() && c != '\n')
    );
    assert_eq!(value("\u{202e}abc\u{1b}[2J\n次\u{2066}"), "abc [2J\n次");
    assert_eq!(
        value(&"あ".repeat(VALUE_CHARS_MAX + 1)).chars().count(),
        VALUE_CHARS_MAX + 1
    );
}

#[test]
fn long_tables_are_cut_with_a_note() {
    let segments = vec!["OBX|1|NM|1^項目||1"; ROWS_MAX + 1];
    let readable = shown("ORU^R01", &segments);
    assert_eq!(readable.tables[0].rows.len(), ROWS_MAX);
    assert!(readable.notes[0].en.contains("cut"), "{:?}", readable.notes);
}

#[test]
fn what_is_no_message_is_shown_with_the_reason() {
    let readable = render(b"Dear colleague, thank you\nfor your referral");
    assert_eq!(readable.title.en, "Unreadable document");
    assert_eq!(
        readable.tables[0].rows,
        [["Dear colleague, thank you"], ["for your referral"]]
    );
    assert_eq!(readable.notes[0].en, QuarantineReason::NotHl7.en());
    let undecodable = render("MSH|^~\\&|患者".as_bytes());
    assert_eq!(undecodable.notes.len(), 1, "{:?}", undecodable.notes);
    assert_eq!(render(b"").notes[0].ja, QuarantineReason::TooShort.ja());
}

#[test]
fn text_is_aligned_in_both_languages() {
    let readable = shown(
        "OUL^R22",
        &[
            "OBR|1|1||1^生化学",
            "OBX|1|NM|1^総蛋白||8.9|g/dL||H",
            "OBX|2|NM|2^CRP||10.25|mg/dL",
        ],
    );
    let text = readable.text(Language::Ja);
    let table: Vec<&str> = text.lines().skip_while(|l| !l.starts_with('■')).collect();
    assert_eq!(
        table,
        [
            "■ 検査・観察",
            "  項目    値     単位   判定  検査",
            "  総蛋白  8.9    g/dL   H 高  生化学",
            "  CRP     10.25  mg/dL        生化学",
        ]
    );
    let text = readable.text(Language::En);
    assert!(
        text.starts_with("Laboratory results\n") && text.contains("Name          関所 太郎"),
        "{text}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn is_total(
        bytes in prop::collection::vec(any::<u8>(), 0..300),
        kind in 0..crate::DataKind::ALL.len(),
        body in "([A-Z]{2}[A-Z0-9][|^~&\\\\A-Z0-9患 \"]{0,40}\r){0,8}",
    ) {
        let _ = render(&bytes).text(Language::Ja);
        let types = crate::DataKind::ALL[kind].inserts;
        let segments = ["ORC", "RXE", "RXC", "RXA", "TQ1", "OBR", "OBX", "PRB", "ZPR", "IAM", "AL1", "IN1", "PV1", "NTE"];
        let mut text = format!("MSH|^~\\&|A|B|C|D|2026||{}|1|P|2.5\r{body}", types[0]);
        for (n, line) in body.split('\r').filter(|l| l.len() > 3).enumerate() {
            if let Some(rest) = line.char_indices().nth(3).and_then(|(at, _)| line.get(at..)) {
                text.push_str(&format!("{}|{rest}\r", segments[(n + kind) % segments.len()]));
            }
        }
        let readable = render(&crate::fixture_test::encode(&text));
        for table in &readable.tables {
            prop_assert!(table.rows.iter().all(|r| r.len() == table.headings.len()));
        }
        prop_assert!(!readable.text(Language::En).contains(|c: char| c.is_control() && c != '\n'));
    }
}
