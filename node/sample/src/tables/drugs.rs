//! Drugs, their usual doses and usages. HOT9 only for codes printed in public examples (the SS-MIX2
//! guideline's messages, JP Core's HOT9 fragment); all others are local.

/// How a drug is taken: code, text, coding system, times a day.
#[derive(Debug)]
pub(crate) struct Usage {
    pub(crate) code: &'static str,
    pub(crate) text: &'static str,
    pub(crate) system: &'static str,
    pub(crate) times: u32,
}

const fn usage(code: &'static str, text: &'static str, system: &'static str, times: u32) -> Usage {
    Usage {
        code,
        text,
        system,
        times,
    }
}

/// After three meals; JAMI standard usage, as in the guideline's samples.
pub(crate) const THRICE: Usage = usage(
    "1013044400000000",
    "内服・経口・１日３回朝昼夕食後",
    "JAMISDP01",
    3,
);
const TWICE: Usage = usage(
    "1012040400000000",
    "内服・経口・１日２回朝夕食後",
    "JAMISDP01",
    2,
);
const MORNING: Usage = usage("U101", "内服・経口・１日１回朝食後", "99X02", 1);
const BEDTIME: Usage = usage("U102", "内服・経口・１日１回就寝前", "99X02", 1);
const AS_NEEDED: Usage = usage("U201", "頓服・急な発熱時・疼痛時", "99X02", 1);
const SKIN: Usage = usage("U301", "外用・１日２回患部に塗布", "99X02", 2);
const PATCH: Usage = usage("U302", "外用・１日１回右膝・左膝・本人が貼付", "99X02", 1);

/// A unit of dose, `code^text^system` (MERIT-9 where public).
pub(crate) type Unit = (&'static str, &'static str, &'static str);
pub(crate) const TAB: Unit = ("TAB", "錠", "MR9P");
const CAP: Unit = ("CAP", "カプセル", "MR9P");
const MG: Unit = ("MG", "ミリグラム", "MR9P");
pub(crate) const AMP: Unit = ("AMP", "アンプル", "MR9P");
pub(crate) const HON: Unit = ("HON", "本", "MR9P");
const SACHET: Unit = ("PAC", "包", "99X09");
const TUBE: Unit = ("TUB", "本", "99X09");
const SHEET: Unit = ("SHT", "枚", "99X09");

/// One drug.
#[derive(Debug)]
pub(crate) struct Drug {
    pub(crate) code: &'static str,
    pub(crate) system: &'static str,
    pub(crate) name: &'static str,
    pub(crate) unit: Unit,
    /// Units each time.
    pub(crate) dose: u32,
    pub(crate) usage: Usage,
    /// Days of an acute course; 0 for a drug taken for good.
    pub(crate) course_days: u32,
}

const HOT9: &str = "HOT9";
const LOCAL: &str = "99X01";

const fn drug(
    code: &'static str,
    system: &'static str,
    name: &'static str,
    unit: Unit,
    dose: u32,
    usage: Usage,
    course_days: u32,
) -> Drug {
    Drug {
        code,
        system,
        name,
        unit,
        dose,
        usage,
        course_days,
    }
}

/// Drugs that are prescribed.
#[rustfmt::skip] // One row a line.
pub(crate) const DRUGS: &[Drug] = &[
    drug("103835401", HOT9, "ムコダイン錠２５０ｍｇ", TAB, 2, THRICE, 5),
    drug("110626901", HOT9, "パンスポリンＴ錠１００　１００ｍｇ", TAB, 2, THRICE, 5),
    drug("100607002", HOT9, "アレビアチン１０倍散", MG, 50, TWICE, 0),
    drug("100795402", HOT9, "ボルタレン錠２５ｍｇ", TAB, 1, THRICE, 7),
    drug("900010101", LOCAL, "アムロジピン錠５ｍｇ", TAB, 1, MORNING, 0),
    drug("900010201", LOCAL, "カンデサルタン錠８ｍｇ", TAB, 1, MORNING, 0),
    drug("900010301", LOCAL, "ビソプロロールフマル酸塩錠２．５ｍｇ", TAB, 1, MORNING, 0),
    drug("900010401", LOCAL, "フロセミド錠２０ｍｇ", TAB, 1, MORNING, 0),
    drug("900010501", LOCAL, "スピロノラクトン錠２５ｍｇ", TAB, 1, MORNING, 0),
    drug("900010601", LOCAL, "アスピリン腸溶錠１００ｍｇ", TAB, 1, MORNING, 0),
    drug("900010701", LOCAL, "エドキサバン錠３０ｍｇ", TAB, 1, MORNING, 0),
    drug("900020101", LOCAL, "アトルバスタチン錠１０ｍｇ", TAB, 1, MORNING, 0),
    drug("900020201", LOCAL, "メトホルミン塩酸塩錠２５０ｍｇ", TAB, 1, TWICE, 0),
    drug("900020301", LOCAL, "シタグリプチン錠５０ｍｇ", TAB, 1, MORNING, 0),
    drug("900020401", LOCAL, "グリメピリド錠１ｍｇ", TAB, 1, MORNING, 0),
    drug("900020501", LOCAL, "フェブキソスタット錠２０ｍｇ", TAB, 1, MORNING, 0),
    drug("900020601", LOCAL, "レボチロキシンナトリウム錠５０μｇ", TAB, 1, MORNING, 0),
    drug("900030101", LOCAL, "ランソプラゾールＯＤ錠１５ｍｇ", TAB, 1, MORNING, 0),
    drug("900030201", LOCAL, "レバミピド錠１００ｍｇ", TAB, 1, THRICE, 14),
    drug("900030301", LOCAL, "酸化マグネシウム錠３３０ｍｇ", TAB, 1, THRICE, 0),
    drug("900030401", LOCAL, "ウルソデオキシコール酸錠１００ｍｇ", TAB, 1, THRICE, 0),
    drug("900030501", LOCAL, "大建中湯エキス顆粒", SACHET, 2, THRICE, 14),
    drug("900040101", LOCAL, "アセトアミノフェン錠２００ｍｇ", TAB, 2, AS_NEEDED, 5),
    drug("900040201", LOCAL, "ロキソプロフェンナトリウム錠６０ｍｇ", TAB, 1, AS_NEEDED, 5),
    drug("900040301", LOCAL, "ケトプロフェンテープ４０ｍｇ", SHEET, 1, PATCH, 14),
    drug("900040401", LOCAL, "アレンドロン酸錠３５ｍｇ", TAB, 1, MORNING, 28),
    drug("900050101", LOCAL, "クラリスロマイシン錠２００ｍｇ", TAB, 1, TWICE, 5),
    drug("900050201", LOCAL, "アモキシシリンカプセル２５０ｍｇ", CAP, 1, THRICE, 7),
    drug("900050301", LOCAL, "レボフロキサシン錠５００ｍｇ", TAB, 1, MORNING, 5),
    drug("900050401", LOCAL, "オセルタミビルカプセル７５ｍｇ", CAP, 1, TWICE, 5),
    drug("900060101", LOCAL, "フェキソフェナジン塩酸塩錠６０ｍｇ", TAB, 1, TWICE, 14),
    drug("900060201", LOCAL, "モンテルカスト錠１０ｍｇ", TAB, 1, BEDTIME, 0),
    drug("900060301", LOCAL, "デキストロメトルファン臭化水素酸塩錠１５ｍｇ", TAB, 1, THRICE, 5),
    drug("900070101", LOCAL, "ゾルピデム酒石酸塩錠５ｍｇ", TAB, 1, BEDTIME, 0),
    drug("900070201", LOCAL, "葛根湯エキス顆粒", SACHET, 1, THRICE, 5),
    drug("900080101", LOCAL, "タムスロシン塩酸塩ＯＤ錠０．２ｍｇ", TAB, 1, MORNING, 0),
    drug("900080201", LOCAL, "クエン酸第一鉄ナトリウム錠５０ｍｇ", TAB, 1, TWICE, 28),
    drug("900090101", LOCAL, "ヘパリン類似物質油性クリーム０．３％", TUBE, 1, SKIN, 14),
    drug("900090201", LOCAL, "ベタメタゾン吉草酸エステル軟膏", TUBE, 1, SKIN, 14),
];

/// What is given into a vein: code, name, coding system.
pub(crate) const INFUSIONS: &[(&str, &str, &str)] = &[
    ("107750602", "ソリタ－Ｔ３号輸液５００ｍＬ", HOT9),
    ("900100101", "生理食塩液５００ｍＬ", LOCAL),
    ("900100201", "糖加酢酸リンゲル液５００ｍＬ", LOCAL),
];

/// What is added to an infusion.
pub(crate) const ADDITIVES: &[(&str, &str, &str)] = &[
    ("108010001", "アドナ注（静脈用）５０ｍｇ／１０ｍＬ", HOT9),
    ("900110101", "セファゾリンナトリウム注射用１ｇ", LOCAL),
    ("900110201", "混合ビタミン注射液", LOCAL),
];

/// The drug of a code.
pub(crate) fn drug_of(code: &str) -> Option<&'static Drug> {
    DRUGS.iter().find(|d| d.code == code)
}
