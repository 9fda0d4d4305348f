//! Tables of what must be one and what must stay two, and the laws of folding.

use super::*;
use crate::Address;
use proptest::prelude::*;

#[test]
fn kana_spellings_are_one() {
    for (a, b) in [
        ("ﾀｶﾊｼ", "タカハシ"),
        ("たかはし", "タカハシ"),
        ("タカ ハシ", "タカ　ハシ"),
        ("オオノ", "オーノ"),
        ("オウノ", "オオノ"),
        ("ユウコ", "ユーコ"),
        ("ｻﾄｳ", "サトー"),
        ("ケイコ", "ケーコ"),
        ("ヴァイオレット", "バイオレット"),
        ("ｳﾞｨｵﾗ", "ビオラ"),
        ("エヴ", "エブ"),
        ("ジュンイチロウ", "ジユンイチロウ"),
        ("ハットリ", "ハツトリ"),
        ("チヂワ", "チジワ"),
        ("コヅカ", "コズカ"),
        ("カヲル", "カオル"),
        ("スヱ", "スエ"),
        ("ﾊﾟﾌﾞﾛ", "パブロ"),
        ("マリア・クララ", "マリアクララ"),
    ] {
        assert_eq!(kana(a), kana(b), "{a} {b}");
    }
    for (a, b) in [
        ("ヤマザキ", "ヤマサキ"),
        ("ハバ", "ハハ"),
        ("ケイコ", "ケコ"),
        ("イイダ", "イダ"),
        ("ユミ", "ルミ"),
        ("アキ", "アキラ"),
    ] {
        assert_ne!(kana(a), kana(b), "{a} {b}");
    }
}

#[test]
fn kanji_variants_are_one_and_what_cannot_be_read_fits() {
    for (a, b) in [
        ("髙橋", "高橋"),
        ("宮﨑", "宮崎"),
        ("濵田", "浜田"),
        ("齋藤", "斉藤"),
        ("斎藤", "齊藤"),
        ("渡邊", "渡辺"),
        ("渡邉", "渡辺"),
        ("𠮷田", "吉田"),
        ("佐々木", "佐佐木"),
        ("神﨑", "神崎"),
        ("廣瀨", "広瀬"),
        ("櫻井", "桜井"),
        ("さくら", "サクラ"),
        ("ヴァスケス", "バスケス"),
        ("架空　花子", "架空花子"),
    ] {
        assert_eq!(kanji(a), kanji(b), "{a} {b}");
    }
    for (a, b, same) in [
        ("■橋", "高橋", true),
        ("宮〓", "宮崎", true),
        ("■■", "高橋", false),
        ("■橋", "石川", false),
        ("■田", "吉田町", false),
    ] {
        assert_eq!(same_kanji(&kanji(a), &kanji(b)), same, "{a} {b}");
        assert_eq!(same_kanji(&kanji(b), &kanji(a)), same, "{b} {a}");
    }
    assert_ne!(kanji("大田"), kanji("太田"));
}

fn at(text: &str) -> FoldedAddress {
    address(&Address {
        postal: None,
        text: text.to_owned(),
    })
}

#[test]
fn notations_of_one_address_are_one() {
    let one = at("福岡県久留米市見本町1-2-3");
    assert_eq!(
        (
            one.prefecture,
            one.city.as_str(),
            one.town.as_str(),
            one.numbers.as_slice()
        ),
        (Some(40), "久留米市", "見本町", &[1, 2, 3][..])
    );
    for text in [
        "福岡県久留米市見本町１−２−３",
        "福岡県久留米市見本町1丁目2番3号",
        "福岡県久留米市見本町一丁目２番３号",
        "福岡県 久留米市 見本町 １丁目２－３",
        "福岡県久留米市見本町1ー2ー3",
        "福岡県久留米市見本町1‐2‐3 架空ハイツ203",
        "福岡県久留米市大字見本町1番地2の3",
        "福岡縣久留米市見本町1-2-3-203",
    ] {
        assert_eq!(at(text), one, "{text}");
    }
    let without = at("久留米市見本町1-2-3");
    assert_eq!(
        FoldedAddress {
            prefecture: None,
            ..one
        },
        without
    );
}

#[test]
fn municipalities_are_found_by_their_endings() {
    for (text, city, town, numbers) in [
        ("三重県四日市市見本町5", "四日市市", "見本町", &[5][..]),
        ("千葉県市川市架空2-3", "市川市", "架空", &[2, 3]),
        ("石川県野々市市見本4丁目", "野々市市", "見本", &[4]),
        (
            "福岡県福岡市博多区架空町二丁目十一番",
            "福岡市博多区",
            "架空町",
            &[2, 11],
        ),
        ("東京都千代田区千代田1-1", "千代田区", "千代田", &[1, 1]),
        (
            "福岡県三井郡大刀洗町架空123番地4",
            "大刀洗町",
            "架空",
            &[123, 4],
        ),
        ("大刀洗町", "", "大刀洗町", &[]),
        (
            "北海道札幌市中央区北一条西二丁目3",
            "札幌市中央区",
            "北1条西",
            &[2, 3],
        ),
        ("愛知県蒲郡市見本が丘1", "蒲郡市", "見本ケ丘", &[1]),
        (
            "京都府京都市下京区三条架空町5の2",
            "京都市下京区",
            "3条架空町",
            &[5, 2],
        ),
    ] {
        let folded = at(text);
        assert_eq!(
            (
                folded.city.as_str(),
                folded.town.as_str(),
                folded.numbers.as_slice()
            ),
            (city, town, numbers),
            "{text}"
        );
    }
}

#[test]
fn phones_and_codes_are_their_digits() {
    for (a, b) in [
        ("0942-00-1234", "０９４２（００）１２３４"),
        ("0942 00 1234", "+81 942-00-1234"),
        ("090-0000-1234", "+81-(0)90-0000-1234"),
        ("0081 90 0000 1234", "09000001234"),
    ] {
        assert_eq!(phone(a), phone(b), "{a} {b}");
        assert!(phone(a).is_some(), "{a}");
    }
    assert_eq!(phone("内線 123"), None);
    assert_eq!(postal_code("〒830-0001").as_deref(), Some("8300001"));
    assert_eq!(postal_code("830"), None);
    assert_eq!(insured_part("００７０"), "70");
    assert_eq!(insured_part("久留米-12"), "久留米12");
}

#[test]
fn a_table_of_postal_codes_fills_in_and_is_checked() {
    let row = |code: &str, kana: &str, city: &str, town: &str| {
        format!(
            "40203,\"830  \",\"{code}\",\"ﾌｸｵｶｹﾝ\",\"ｸﾙﾒｼ\",\"{kana}\",\"福岡県\",\"{city}\",\"{town}\",0,0,1,0,0,0\r\n"
        )
    };
    let rows = [
        row(
            "8300000",
            "ｲｶﾆｹｲｻｲｶﾞﾅｲﾊﾞｱｲ",
            "久留米市",
            "以下に掲載がない場合",
        ),
        row("8300001", "ﾐﾎﾝﾏﾁ", "久留米市", "見本町（１～３丁目、"),
        row("8300001", "ﾐﾎﾝﾏﾁ", "久留米市", "５丁目）"),
        row("8301201", "ｶｸｳ", "三井郡大刀洗町", "架空"),
    ]
    .concat();
    let (cp932, _, faulty) = encoding_rs::SHIFT_JIS.encode(&rows);
    assert!(!faulty);
    let table = PostalTable::read(&cp932).unwrap();
    assert_eq!(PostalTable::read(rows.as_bytes()), Ok(table.clone()));
    assert_eq!((table.len(), table.places("8300001").len()), (3, 1));
    let by =
        |postal: &str, text: &str| address_by(&Address::read(postal, text).unwrap(), Some(&table));
    let whole = by("8300001", "福岡県久留米市見本町1-2-3");
    for text in [
        "見本町1丁目2-3",
        "久留米市見本町１−２−３",
        "大字見本町1-2-3",
    ] {
        assert_eq!(by("830-0001", text), whole, "{text}");
    }
    let district = by("8301201", "三井郡大刀洗町大字架空5");
    assert_eq!(district, by("8301201", "大刀洗町架空5"));
    // A code that is not the text's is not believed.
    assert_eq!(by("8300001", "佐賀県佐賀市架空町1").city, "佐賀市");
    for (bytes, fault) in [
        (&b"a,b"[..], PostalFault::Line(1)),
        (b"\"\xff\xff", PostalFault::Encoding),
        (
            "1,2,123456,4,5,6,福岡県,久留米市,見本町".as_bytes(),
            PostalFault::Line(1),
        ),
    ] {
        assert_eq!(PostalTable::read(bytes), Err(fault));
    }
}

proptest! {
    #[test]
    fn folding_what_is_folded_changes_nothing(text in "\\PC{0,40}") {
        let once = kana(&text);
        prop_assert_eq!(kana(&once), once);
        let once = kanji(&text);
        prop_assert_eq!(kanji(&once), once);
        let once = line_of(&text);
        prop_assert_eq!(line_of(&once), once);
        if let Some(once) = phone(&text) {
            prop_assert_eq!(phone(&once), Some(once));
        }
    }

    #[test]
    fn folding_kana_is_idempotent_where_it_matters(text in "[ァ-ヶーヴ゛゜ｦ-ﾟあ-ん]{0,12}") {
        let once = kana(&text);
        prop_assert_eq!(kana(&once), once);
    }

    #[test]
    fn addresses_are_total_and_bounded(text in "[一二三十百千丁目番地号の県市区町村郡条字大0-9０-９ー−-]{0,60}", code in "\\PC{0,9}") {
        let folded = address(&Address { postal: Some(code), text });
        prop_assert!(folded.numbers.len() <= 3);
    }

    #[test]
    fn a_table_is_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = PostalTable::read(&bytes);
    }
}

fn line_of(text: &str) -> String {
    super::address::line(text)
}

/// Found by folding all 124,526 rows of the public table (docs/identity.md).
#[test]
fn towns_with_long_marks_and_numbers_in_their_names_keep_them() {
    let cases = [
        (
            "札幌市白石区流通センター1-2-3",
            "流通センター",
            &[1, 2, 3][..],
        ),
        ("久留米市見本町1ー2ー3", "見本町", &[1, 2, 3]),
        ("久留米市見本町ー1", "見本町", &[1]),
        ("十和田市東三番町1-2", "東3番町", &[1, 2]),
        ("十和田市東３番町１番２号", "東3番町", &[1, 2]),
        ("夕張郡長沼町西３線北4番地", "西3線北", &[4]),
        ("夕張郡長沼町12線34番地", "", &[12, 34]),
        ("久留米市見本町三番2号", "見本町", &[3, 2]),
    ];
    for (text, town, numbers) in cases {
        let folded = address(&Address::read("", text).unwrap());
        assert_eq!(
            (folded.town.as_str(), &folded.numbers[..]),
            (town, numbers),
            "{text}"
        );
    }
    let row = "01103,\"007  \",\"0070034\",\"ホッカイドウ\",\"サッポロシヒガシク\",\"ヒガシカリキジュウヨジョウ\",\"北海道\",\"札幌市東区\",\"東雁来十四条\",1,0,1,0,0,0";
    let table = PostalTable::read(row.as_bytes()).unwrap();
    for text in [
        "東雁来十四条1-2",
        "札幌市東区東雁来14条1-2",
        "北海道札幌市東区東雁来１４条1-2",
    ] {
        let folded = address_by(&Address::read("0070034", text).unwrap(), Some(&table));
        let found = (
            folded.prefecture,
            folded.city.as_str(),
            folded.town.as_str(),
        );
        assert_eq!(found, (Some(1), "札幌市東区", "東雁来14条"), "{text}");
    }
}
