//! Laboratory tests. JLAC10 where the whole code is believed known (the SS-MIX2 guideline's messages, the specific
//! health check-up, common chemistry); some were not checked against a list. The others are local only.

/// What a test's result looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scale {
    /// A number with so many decimals.
    Number(u32),
    /// A number with so many decimals, `<` below the detection limit (the least of the range).
    Limited(u32),
    /// (-), (±), 1+, 2+, 3+.
    Plus,
}

/// One test; bounds are in units of the last decimal.
#[derive(Debug)]
pub(crate) struct Lab {
    /// 17 characters, or empty where only the local code is known.
    pub(crate) jlac10: &'static str,
    pub(crate) local: &'static str,
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) scale: Scale,
    /// Reference range of men: least and greatest.
    pub(crate) male: (u32, u32),
    /// Reference range of women.
    pub(crate) female: (u32, u32),
    pub(crate) specimen: &'static Specimen,
}

/// What is examined: JLAC10 material code, name, group code, group name.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Specimen {
    pub(crate) code: &'static str,
    pub(crate) name: &'static str,
    pub(crate) group: (&'static str, &'static str),
}

const BLOOD: &Specimen = &Specimen {
    code: "019",
    name: "全血(添加物入り)",
    group: ("E001", "血液学的検査"),
};
const SERUM: &Specimen = &Specimen {
    code: "023",
    name: "血清",
    group: ("E002", "生化学的検査"),
};
const PLASMA: &Specimen = &Specimen {
    code: "022",
    name: "血漿",
    group: ("E003", "凝固・血糖検査"),
};
const URINE: &Specimen = &Specimen {
    code: "001",
    name: "尿(含むその他)",
    group: ("E004", "尿検査"),
};

/// Specimens in the order in which they are reported.
pub(crate) const SPECIMENS: [&Specimen; 4] = [BLOOD, SERUM, PLASMA, URINE];

const fn lab(
    codes: (&'static str, &'static str),
    name: &'static str,
    unit: &'static str,
    scale: Scale,
    ranges: [u32; 4],
    specimen: &'static Specimen,
) -> Lab {
    Lab {
        jlac10: codes.0,
        local: codes.1,
        name,
        unit,
        scale,
        male: (ranges[0], ranges[1]),
        female: (ranges[2], ranges[3]),
        specimen,
    }
}

use Scale::{Limited, Number, Plus};

/// The tests; the ranges are the common ones of Japanese hospitals, rounded.
#[rustfmt::skip] // One row a line.
pub(crate) const LABS: &[Lab] = &[
    lab(("2A010000001930101", "20001"), "白血球数", "10*2/uL", Number(0), [33, 86, 33, 86], BLOOD),
    lab(("2A020000001930101", "20002"), "赤血球数", "10*4/uL", Number(0), [435, 555, 386, 492], BLOOD),
    lab(("2A030000001930101", "20003"), "血色素量", "g/dL", Number(1), [137, 168, 116, 148], BLOOD),
    lab(("2A040000001930102", "20004"), "ヘマトクリット", "%", Number(1), [407, 501, 351, 444], BLOOD),
    lab(("2A050000001930101", "20005"), "血小板数", "10*4/uL", Number(1), [158, 348, 158, 348], BLOOD),
    lab(("3A010000002327101", "10222"), "総蛋白", "g/dL", Number(1), [66, 81, 66, 81], SERUM),
    lab(("3A015000002327101", "10223"), "アルブミン", "g/dL", Number(1), [41, 51, 41, 51], SERUM),
    lab(("3J010000002327101", "10213"), "総ビリルビン", "mg/dL", Number(1), [4, 15, 4, 15], SERUM),
    lab(("3B035000002327201", "10207"), "ＡＳＴ（ＧＯＴ）", "U/L", Number(0), [13, 30, 13, 30], SERUM),
    lab(("3B045000002327201", "10208"), "ＡＬＴ（ＧＰＴ）", "U/L", Number(0), [10, 42, 7, 23], SERUM),
    lab(("3B050000002327201", "10206"), "ＬＤＨ", "U/L", Number(0), [124, 222, 124, 222], SERUM),
    lab(("3B090000002327101", "10209"), "γ－ＧＴＰ", "U/L", Number(0), [13, 64, 9, 32], SERUM),
    lab(("", "10210"), "ＡＬＰ", "U/L", Number(0), [38, 113, 38, 113], SERUM),
    lab(("", "10211"), "ＣＫ", "U/L", Number(0), [59, 248, 41, 153], SERUM),
    lab(("3C025000002327201", "10231"), "尿素窒素", "mg/dL", Number(1), [80, 200, 80, 200], SERUM),
    lab(("3C015000002327101", "10232"), "クレアチニン", "mg/dL", Number(2), [65, 107, 46, 79], SERUM),
    lab(("3C020000002327101", "10233"), "尿酸", "mg/dL", Number(1), [37, 78, 26, 55], SERUM),
    lab(("", "10241"), "ナトリウム", "mmol/L", Number(0), [138, 145, 138, 145], SERUM),
    lab(("", "10242"), "カリウム", "mmol/L", Number(1), [36, 48, 36, 48], SERUM),
    lab(("", "10243"), "クロール", "mmol/L", Number(0), [101, 108, 101, 108], SERUM),
    lab(("", "10244"), "カルシウム", "mg/dL", Number(1), [88, 101, 88, 101], SERUM),
    lab(("3F015000002327101", "10251"), "中性脂肪", "mg/dL", Number(0), [40, 149, 30, 117], SERUM),
    lab(("3F070000002327101", "10252"), "ＨＤＬコレステロール", "mg/dL", Number(0), [38, 90, 48, 103], SERUM),
    lab(("3F077000002327101", "10253"), "ＬＤＬコレステロール", "mg/dL", Number(0), [65, 139, 65, 139], SERUM),
    lab(("5C070000002306201", "10261"), "ＣＲＰ", "mg/dL", Limited(2), [2, 14, 2, 14], SERUM),
    lab(("", "10271"), "ＴＳＨ", "uIU/mL", Number(2), [50, 500, 50, 500], SERUM),
    lab(("", "10272"), "ＦＴ４", "ng/dL", Number(2), [90, 170, 90, 170], SERUM),
    lab(("", "10281"), "ＢＮＰ", "pg/mL", Limited(1), [40, 184, 40, 184], PLASMA),
    lab(("3D046000001906202", "10291"), "ヘモグロビンＡ１ｃ（ＮＧＳＰ）", "%", Number(1), [49, 60, 49, 60], BLOOD),
    lab(("", "10292"), "血糖", "mg/dL", Number(0), [73, 109, 73, 109], PLASMA),
    lab(("2B100000002231101", "30058"), "フィブリノゲン", "mg/dL", Number(0), [200, 400, 200, 400], PLASMA),
    lab(("1A010000000191111", "40001"), "尿蛋白定性", "", Plus, [0, 0, 0, 0], URINE),
    lab(("1A020000000191111", "40002"), "尿糖定性", "", Plus, [0, 0, 0, 0], URINE),
    lab(("", "40003"), "尿潜血", "", Plus, [0, 0, 0, 0], URINE),
];

/// The tests by their local codes, in the order of the table.
pub(crate) fn panel(codes: &[&str]) -> Vec<&'static Lab> {
    LABS.iter().filter(|l| codes.contains(&l.local)).collect()
}

/// What is measured whatever the disease.
pub(crate) const BASIC: &[&str] = &[
    "20001", "20002", "20003", "20004", "20005", "10222", "10207", "10208", "10231", "10232",
    "10241", "10242", "10243", "10261",
];
