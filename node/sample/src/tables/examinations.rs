//! Imaging, endoscopy and physiology. JJ1017 and JLAC10 codes are those of the guideline's samples; the
//! others are local.

/// One examination.
#[derive(Debug)]
pub(crate) struct Examination {
    pub(crate) code: &'static str,
    pub(crate) name: &'static str,
    pub(crate) system: &'static str,
    /// DICOM modality.
    pub(crate) modality: &'static str,
    /// The single exposures or parts: code, name.
    pub(crate) parts: &'static [(&'static str, &'static str)],
    pub(crate) findings: &'static [&'static str],
}

/// Radiology (OMG-01, OMG-11).
pub(crate) const IMAGING: &[Examination] = &[
    Examination {
        code: "1000000000000000",
        name: "Ｘ線単純撮影",
        system: "JJ1017",
        modality: "CR",
        parts: &[
            (
                "10000002000102000000010000000000",
                "胸部.Ｘ線単純撮影.立位正面(A→P)",
            ),
            (
                "10000002000106000000010000000000",
                "胸部.Ｘ線単純撮影.立位側面(L→R)",
            ),
        ],
        findings: &[
            "右下肺野に淡い浸潤影",
            "異常所見なし",
            "心拡大なし・胸水なし",
        ],
    },
    Examination {
        code: "1000000000000000",
        name: "Ｘ線単純撮影",
        system: "JJ1017",
        modality: "CR",
        parts: &[
            (
                "10000002500102000000010000000000",
                "腹部.Ｘ線単純撮影.立位正面(A→P)",
            ),
            (
                "10000002500602000000010000000000",
                "腹部.Ｘ線単純撮影.左側臥位正面(A→P)",
            ),
        ],
        findings: &["鏡面像なし", "小腸ガス像を軽度に認める"],
    },
    Examination {
        code: "R2001",
        name: "頭部単純ＣＴ",
        system: "99X07",
        modality: "CT",
        parts: &[("R2001-1", "頭部.ＣＴ.単純")],
        findings: &["出血・占拠性病変なし", "右側脳室周囲に陳旧性梗塞巣"],
    },
    Examination {
        code: "99A000000000000",
        name: "経皮的超音波検査",
        system: "JJ1017",
        modality: "US",
        parts: &[("R3001-1", "腹部.経皮的超音波検査")],
        findings: &["脂肪肝を認める", "胆のう結石（径８ｍｍ）"],
    },
];

/// Endoscopy (OMG-02, OMG-12).
pub(crate) const ENDOSCOPY: &[Examination] = &[
    Examination {
        code: "S1001",
        name: "上部消化管内視鏡検査",
        system: "99X08",
        modality: "ES",
        parts: &[("S1001-1", "食道・胃・十二指腸.内視鏡.観察")],
        findings: &["慢性胃炎、胃体部に萎縮", "逆流性食道炎（Ｇｒａｄｅ　Ａ）"],
    },
    Examination {
        code: "S2001",
        name: "下部消化管内視鏡検査",
        system: "99X08",
        modality: "ES",
        parts: &[
            ("S2001-1", "大腸.内視鏡.観察"),
            ("S2001-2", "大腸.内視鏡.生検"),
        ],
        findings: &["横行結腸に径４ｍｍのポリープ", "異常所見なし"],
    },
];

/// Physiology (OMG-03, OMG-13): code, name, code of the finding.
pub(crate) const ECG: (&str, &str, &str) = ("9A110", "標準１２誘導心電図", "9A100&IMP");

/// Findings of an electrocardiogram.
pub(crate) const ECG_FINDINGS: &[&str] = &[
    "正常範囲の心電図",
    "心房細動",
    "左室肥大の疑い",
    "完全右脚ブロック",
    "Ｔ波の軽度平低化",
];
