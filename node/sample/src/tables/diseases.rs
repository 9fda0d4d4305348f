//! Diseases with what goes with them, so that a chart holds together: department, drugs, tests that
//! are measured and tests that are out of range. ICD-10 (2013) codes are public; disease key numbers
//! (病名管理番号) only where published in the guideline or its samples.

/// One disease.
#[derive(Debug)]
pub(crate) struct Disease {
    pub(crate) name: &'static str,
    pub(crate) icd10: &'static str,
    /// Disease key number (MDCDX2), or a local number.
    pub(crate) code: (&'static str, &'static str),
    pub(crate) department: &'static str,
    /// Codes in the drug table.
    pub(crate) drugs: &'static [&'static str],
    /// Local codes of tests measured besides the basic ones.
    pub(crate) tests: &'static [&'static str],
    /// Local codes of tests above their range, each among the basic ones or `tests`.
    pub(crate) raised: &'static [&'static str],
    /// Local codes of tests below their range.
    pub(crate) lowered: &'static [&'static str],
    /// Whether it ends by itself.
    pub(crate) acute: bool,
}

#[expect(
    clippy::too_many_arguments,
    reason = "one row a disease reads as a table"
)]
const fn disease(
    name: &'static str,
    icd10: &'static str,
    code: &'static str,
    department: &'static str,
    acute: bool,
    drugs: &'static [&'static str],
    tests: &'static [&'static str],
    raised: &'static [&'static str],
) -> Disease {
    // Eight digits are key numbers, the local ones begin with a letter.
    let system = if code.len() == 8 { "MDCDX2" } else { "99X05" };
    Disease {
        name,
        icd10,
        code: (code, system),
        department,
        drugs,
        tests,
        raised,
        lowered: &[],
        acute,
    }
}

/// The diseases.
#[rustfmt::skip] // One row a line.
pub(crate) const DISEASES: &[Disease] = &[
    disease("高血圧症", "I10", "20061746", "08", false, &["900010101", "900010201"], &["10251", "10253"], &[]),
    disease("胃炎", "K297", "20054174", "06", true, &["900030201", "900030101"], &[], &[]),
    disease("２型糖尿病", "E11", "D003", "01", false, &["900020201", "900020301"], &["10291", "10292", "40001", "40002"], &["10291", "10292", "40002"]),
    disease("糖尿病性腎症第２期", "E112", "D004", "01", false, &["900020301", "900010201"], &["10291", "10292", "40001"], &["10291", "10232", "40001"]),
    disease("脂質異常症", "E785", "D005", "01", false, &["900020101"], &["10251", "10252", "10253"], &["10253", "10251"]),
    disease("高尿酸血症", "E790", "D006", "01", false, &["900020501"], &["10233"], &["10233"]),
    disease("慢性心不全", "I509", "D007", "08", false, &["900010301", "900010401", "900010501"], &["10281"], &["10281"]),
    disease("心房細動", "I48", "D008", "08", false, &["900010701", "900010301"], &["10281"], &["10281"]),
    disease("狭心症", "I209", "D009", "08", false, &["900010601", "900020101"], &["10211", "10253"], &[]),
    disease("陳旧性脳梗塞", "I693", "D010", "01", false, &["900010601"], &["10253"], &[]),
    disease("甲状腺機能低下症", "E039", "D011", "01", false, &["900020601"], &["10271", "10272"], &["10271"]),
    disease("慢性腎臓病", "N189", "D012", "01", false, &["900010201"], &["10244", "10233", "40001"], &["10232", "10231", "40001"]),
    Disease {
        lowered: &["20003", "20004"],
        ..disease("鉄欠乏性貧血", "D509", "D013", "01", false, &["900080201"], &[], &[])
    },
    disease("急性上気道炎", "J069", "D014", "01", true, &["103835401", "900040101", "900070201"], &[], &["10261"]),
    disease("急性気管支炎", "J209", "D015", "01", true, &["103835401", "900050101", "900060301"], &[], &["10261", "20001"]),
    disease("肺炎", "J189", "D016", "01", true, &["110626901", "103835401"], &[], &["10261", "20001"]),
    disease("インフルエンザ", "J111", "D017", "01", true, &["900050401", "900040101"], &[], &["10261"]),
    disease("気管支喘息", "J459", "D018", "01", false, &["900060201"], &[], &[]),
    disease("アレルギー性鼻炎", "J304", "D019", "27", false, &["900060101"], &[], &[]),
    disease("逆流性食道炎", "K210", "D020", "06", false, &["900030101"], &[], &[]),
    disease("便秘症", "K590", "D021", "06", false, &["900030301"], &[], &[]),
    disease("脂肪肝", "K760", "D022", "06", false, &["900030401"], &["10209", "10251"], &["10208", "10209"]),
    disease("急性腸炎", "A09", "D023", "06", true, &["900030201", "900040101"], &[], &["10261"]),
    disease("術後癒着性腸閉塞", "K565", "D024", "10", true, &["900030501"], &["10206"], &["20001"]),
    disease("変形性膝関節症", "M179", "D025", "11", false, &["900040301", "900040201"], &[], &[]),
    disease("腰部脊柱管狭窄症", "M4806", "D026", "11", false, &["100795402", "900030201"], &[], &[]),
    disease("骨粗鬆症", "M819", "D027", "11", false, &["900040401"], &["10210", "10244"], &[]),
    disease("不眠症", "G470", "D028", "01", false, &["900070101"], &[], &[]),
    disease("症候性てんかん", "G408", "D029", "01", false, &["100607002"], &["10210"], &[]),
    disease("前立腺肥大症", "N40", "D030", "20", false, &["900080101"], &["40003"], &[]),
    disease("膀胱炎", "N309", "D031", "20", true, &["900050301"], &["40001", "40003"], &["40003"]),
    disease("皮脂欠乏性湿疹", "L853", "D032", "19", true, &["900090101", "900090201"], &[], &[]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::{drugs, labs, places};

    #[test]
    fn every_reference_between_the_tables_holds() {
        for d in DISEASES {
            assert!(
                d.drugs.iter().all(|c| drugs::drug_of(c).is_some()),
                "{}",
                d.name
            );
            assert!(!d.drugs.is_empty(), "{}", d.name);
            assert_eq!(labs::panel(d.tests).len(), d.tests.len(), "{}", d.name);
            assert!(
                d.raised
                    .iter()
                    .all(|c| d.tests.contains(c) || labs::BASIC.contains(c)),
                "{}",
                d.name
            );
            assert_eq!(
                places::department(d.department).0,
                d.department,
                "{}",
                d.name
            );
        }
        assert_eq!(labs::panel(labs::BASIC).len(), labs::BASIC.len());
    }

    #[test]
    fn codes_are_unique_and_of_their_length() {
        let unique = |codes: Vec<&str>| {
            let set: std::collections::BTreeSet<&str> = codes.iter().copied().collect();
            assert_eq!(set.len(), codes.len());
        };
        unique(drugs::DRUGS.iter().map(|d| d.code).collect());
        unique(labs::LABS.iter().map(|l| l.local).collect());
        unique(DISEASES.iter().map(|d| d.code.0).collect());
        assert!(drugs::DRUGS.iter().all(|d| d.code.len() == 9));
        assert!(labs::LABS.iter().all(|l| matches!(l.jlac10.len(), 0 | 17)));
    }
}
