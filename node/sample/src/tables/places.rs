//! Prefectures and some of their cities, which are real, and towns and hospitals, which are not.

/// A city with what its addresses and telephone numbers begin with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct City {
    pub(crate) prefecture: u32,
    pub(crate) name: &'static str,
    pub(crate) postal: &'static str,
    pub(crate) area_code: &'static str,
}

const fn city(
    prefecture: u32,
    name: &'static str,
    postal: &'static str,
    area_code: &'static str,
) -> City {
    City {
        prefecture,
        name,
        postal,
        area_code,
    }
}

/// Cities of the prefectures samples are mostly made for.
pub(crate) const CITIES: &[City] = &[
    city(31, "鳥取市", "680", "0857"),
    city(31, "米子市", "683", "0859"),
    city(31, "倉吉市", "682", "0858"),
    city(32, "松江市", "690", "0852"),
    city(32, "出雲市", "693", "0853"),
    city(32, "浜田市", "697", "0855"),
    city(40, "久留米市", "830", "0942"),
    city(40, "八女市", "834", "0943"),
    city(40, "筑後市", "833", "0942"),
    city(41, "佐賀市", "840", "0952"),
    city(41, "唐津市", "847", "0955"),
    city(41, "鳥栖市", "841", "0942"),
    city(41, "嬉野市", "843", "0954"),
];

/// What stands for a city elsewhere.
pub(crate) const ELSEWHERE: City = city(0, "見本市", "999", "0999");

/// Invented towns, most with a kanji that holds a delimiter byte.
pub(crate) const TOWNS: &[&str] = &[
    "架空町",
    "見本町",
    "本養町",
    "万寿原町",
    "府内新町",
    "王子台",
    "宮ノ本町",
    "朋友町",
    "飾万町",
    "勇見町",
    "櫓下町",
    "笠懸台",
    "爪先町",
    "時計町",
    "麦畑町",
    "空想台",
];

/// Words hospital names are made of; no hospital is meant.
pub(crate) const HOSPITALS: &[&str] = &[
    "ほたるがわ病院",
    "つきみぐさ病院",
    "かぜまち総合病院",
    "ゆきあかり病院",
    "そらまめ医療センター",
    "はなむしろ総合病院",
    "見本町王子台病院",
    "うぐいす坂医療センター",
];

/// Departments by the claims code (診療科コード, also JHSR): code, name.
pub(crate) const DEPARTMENTS: &[(&str, &str)] = &[
    ("01", "内科"),
    ("06", "消化器科"),
    ("08", "循環器科"),
    ("10", "外科"),
    ("11", "整形外科"),
    ("19", "皮膚科"),
    ("20", "ひ尿器科"),
    ("26", "眼科"),
    ("27", "耳鼻いんこう科"),
];

/// The row of a department's code.
pub(crate) fn department(code: &str) -> (&'static str, &'static str) {
    DEPARTMENTS
        .iter()
        .copied()
        .find(|(c, _)| *c == code)
        .unwrap_or(("01", "内科"))
}
