//! UKE: medical fee claims (レセプト電算処理, 医科). Billing data of low clinical trust: a claim comes weeks late, is of
//! a month, and names diagnoses for billing. Titles and format codes say so.
//!
//! ```text
//! IR,審査支払機関,都道府県,点数表 1,医療機関コード,…,請求年月,…     the head of every claim of the file
//! RE,番号,種別,診療年月,氏名,男女,生年月日,…,カルテ番号等(13),…     one claim from here …
//! HO | KO | SN | SY | SI | IY | TO | CO | SJ …
//! RE,…  or  GO,…                                                    … to here
//! ```
//! A file ends with GO: one that does not was cut off, and none of its claims is taken.
//!
//! Years and months are written in eras (`GYYMM`, older files) or in the Christian era (`YYYYMM`): told by length.
//! Claims by DPC (BU records), dental ones and pharmacies' have other layouts and are not read.
//!
//! Source: オンライン又は光ディスク等による請求に係る記録条件仕様（医科用）, records IR, RE, HO, SN, SY.

use super::lines::{Record, records};
use super::{Confidentiality, Context, Facts, Found, refused, said};
use crate::name::Refusal;
use crate::time;
use sekisho_documents::{
    Code, LocalPatientId, OperatorText, Part, QuarantineReason, SeenPatients, Title,
};
use sekisho_domain::{Category, TimeMs};
use sekisho_identity::{Date, Demographics, Insured, Name, Sex};

/// RE: カルテ番号等, the facility's number of the patient.
const RE_PATIENT: usize = 13;
/// RE: 氏名, 男女区分, 生年月日, and カタカナ（氏名）, which may be left out.
const RE_NAME: usize = 4;
const RE_SEX: usize = 5;
const RE_BIRTH: usize = 6;
const RE_KANA: usize = 36;
/// SN: 負担者種別 of an insurer, and 枝番.
const SN_INSURER: &str = "1";
const SN_BRANCH: usize = 6;
/// IR: 請求年月.
const IR_MONTH: usize = 7;
/// IR: マルチボリューム識別情報.
const IR_VOLUME: usize = 8;
/// 点数表 of medical claims.
const MEDICAL: &str = "1";
/// The last year before each era: 明治, 大正, 昭和, 平成, 令和.
const ERAS: [u16; 5] = [1867, 1911, 1925, 1988, 2018];

/// Each claim of a file.
pub(super) fn read(context: Context<'_>, bytes: &[u8]) -> Result<Vec<Found>, Refusal> {
    let mut records = records(bytes);
    let header = records
        .next()
        .ok_or_else(|| refused(QuarantineReason::TooShort))?;
    if let Err(reason) = header.fields {
        return Err(refused(reason));
    }
    if header.kind() != "IR" || header.field(3) != MEDICAL {
        return Err(refused(QuarantineReason::NotTheFormat));
    }
    if [header.field(2), header.field(3), header.field(4)].concat() != context.facility.as_str() {
        return Err(refused(QuarantineReason::OtherFacility));
    }
    let (billed, _) =
        month(header.field(IR_MONTH)).ok_or_else(|| refused(QuarantineReason::MissingValue))?;
    // One of several volumes has its end in the last one.
    let mut has_end = context.is_part || !matches!(header.field(IR_VOLUME), "" | "00");
    let mut claims: Vec<Vec<Record>> = Vec::new();
    for record in records {
        match record.kind() {
            "RE" => claims.push(vec![record]),
            // The sums of the file; nothing follows.
            "GO" => {
                has_end = true;
                break;
            }
            _ => match claims.last_mut() {
                Some(claim) => claim.push(record),
                None => {
                    let reason = record.fields.err().unwrap_or(QuarantineReason::NoPatient);
                    return Err(refused(reason));
                }
            },
        }
    }
    if claims.is_empty() || !has_end {
        return Err(refused(QuarantineReason::Truncated));
    }
    Ok(claims
        .iter()
        .map(|claim| Found {
            part: part(&header, claim),
            read: facts(billed, claim),
        })
        .collect())
}

fn part(header: &Record, claim: &[Record]) -> Part {
    let start = claim.first().map_or(0, |r| r.at.start);
    let end = claim.last().map_or(0, |r| r.at.end);
    Part {
        offset_bytes: start as u64,
        size_bytes: (end - start) as u64,
        head_bytes: header.at.end as u64,
    }
}

fn facts(billed: TimeMs, claim: &[Record]) -> Result<Facts, Refusal> {
    let Some(common) = claim.first() else {
        return Err(refused(QuarantineReason::Truncated));
    };
    let patient = common.field(RE_PATIENT);
    let refuse = |reason| Refusal {
        reason,
        patients: SeenPatients {
            message: (!patient.is_empty()).then(|| OperatorText::new(patient)),
            ..SeenPatients::default()
        },
    };
    if let Some(reason) = claim.iter().find_map(|r| r.fields.as_ref().err()) {
        return Err(refuse(*reason));
    }
    if common.len() <= RE_PATIENT {
        return Err(refuse(QuarantineReason::Truncated));
    }
    let patient: LocalPatientId = match patient {
        "" => return Err(refuse(QuarantineReason::NoPatient)),
        id => id
            .parse()
            .map_err(|_| refuse(QuarantineReason::MissingValue))?,
    };
    if claim.iter().any(|r| r.kind() == "BU") {
        return Err(refuse(QuarantineReason::NotTheFormat));
    }
    let cares = claim
        .iter()
        .any(|r| matches!(r.kind(), "SI" | "IY" | "TO" | "SY"));
    if !cares {
        return Err(refuse(QuarantineReason::Truncated));
    }
    let of_month = month(common.field(3)).ok_or_else(|| refuse(QuarantineReason::MissingValue))?;
    let (start, stop) = of_month;
    // Who changes insurers within a month has two claims of it.
    let insurer = claim.iter().find(|r| matches!(r.kind(), "HO" | "KO"));
    let insurer = insurer.map(|r| r.field(1)).unwrap_or_default();
    let marked = (
        "診療報酬明細書（請求データ・診療の記録ではありません）",
        "Medical fee claim (billing data, not a clinical record)",
    );
    Ok(Facts {
        patient,
        category: Category::OtherDocument,
        data_kind: "UKE",
        type_code: Code::new("medical-fee-claim", "urn:sekisho:type", marked.0, marked.1),
        format_code: Code::new(
            "urn:sekisho:uke:billing",
            "urn:sekisho:format",
            "レセプト電算処理（請求データ、臨床的な信頼性は低い）",
            "UKE (billing data of low clinical trust)",
        ),
        mime_type: "text/csv; charset=windows-31j",
        title: Title::new(marked.0, marked.1),
        creation: billed,
        service_start: start,
        service_stop: stop,
        practice_setting: None,
        confidentiality: Confidentiality::Normal,
        series: format!("{}-{}-{insurer}", common.field(3), common.field(2)),
        version: billed.0,
        ends: false,
    })
}

/// Who a claim's patient is, by its records RE, HO and SN: names, sex, birth date, and the insured person's number. The
/// bearer of public expenses (KO) is left out: its numbers are no person's among several payers.
pub(super) fn demographics(bytes: &[u8]) -> Option<Demographics> {
    let claim: Vec<Record> = records(bytes).skip_while(|r| r.kind() != "RE").collect();
    let common = claim.first()?;
    let mut said = Demographics {
        birth: Date::read(common.field(RE_BIRTH)).ok(),
        sex: Sex::read(common.field(RE_SEX)),
        ..Demographics::default()
    };
    let name = |n: usize| Name::whole(said::text(common.field(n)));
    said::name(&mut said, name(RE_NAME), None);
    said::name(&mut said, name(RE_KANA), Some(true));
    let branch = claim
        .iter()
        .find(|r| r.kind() == "SN" && r.field(1) == SN_INSURER)
        .map_or("", |r| r.field(SN_BRANCH));
    if let Some(insurer) = claim.iter().find(|r| r.kind() == "HO") {
        let [insurer, symbol, number] = [1, 2, 3].map(|n| said::text(insurer.field(n)));
        said::insured(&mut said, Insured::read(insurer, symbol, number, branch));
    }
    Some(said)
}

/// A month's first and last instant.
fn month(text: &str) -> Option<(TimeMs, TimeMs)> {
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let (year, month): (u16, u16) = match text.len() {
        5 => {
            let (era, rest) = text.split_at(1);
            let (year, month) = rest.split_at(2);
            let before = ERAS.get(era.parse::<usize>().ok()?.checked_sub(1)?)?;
            (before + year.parse::<u16>().ok()?, month.parse().ok()?)
        }
        6 => {
            let (year, month) = text.split_at(4);
            (year.parse().ok()?, month.parse().ok()?)
        }
        _ => return None,
    };
    let first = |year: u16, month: u16| time::parse(&format!("{year:04}{month:02}01"));
    let start = first(year, month)?;
    let next = if month == 12 {
        first(year.checked_add(1)?, 1)
    } else {
        first(year, month + 1)
    };
    let next = next?;
    Some((start, TimeMs(next.0.saturating_sub(1))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::samples_test::{claims, cp932};
    use proptest::prelude::*;

    const FACILITY: &str = "4110000001";

    fn try_read(text: &str) -> Result<Vec<Result<String, QuarantineReason>>, QuarantineReason> {
        let facility = FACILITY.parse().unwrap();
        let context = Context {
            facility: &facility,
            patient_system: None,
            is_part: false,
        };
        let found = read(context, &cp932(text)).map_err(|refusal| refusal.reason)?;
        let read = found.into_iter().map(|found| match found.read {
            Ok(facts) => {
                assert!(
                    facts.title.ja.contains("請求データ"),
                    "billing data is marked"
                );
                Ok(facts.patient.as_str().to_owned())
            }
            Err(refusal) => Err(refusal.reason),
        });
        Ok(read.collect())
    }

    #[test]
    fn each_claim_is_a_document_and_one_bad_one_spoils_no_other() {
        use QuarantineReason::*;
        let good = claims(FACILITY, &["0009013", "0009014", "0009015"], 4);
        let ids = |n: usize| -> Vec<Result<String, QuarantineReason>> {
            ["0009013", "0009014", "0009015"][..n]
                .iter()
                .map(|id| Ok((*id).to_owned()))
                .collect()
        };
        assert_eq!(try_read(&good).unwrap(), ids(3));
        let cases = [
            ("no number", good.replace(",0009014,", ",,"), NoPatient),
            (
                "a number that is none",
                good.replace("0009014", "患者"),
                MissingValue,
            ),
            (
                "no month",
                good.replace("RE,2,1112,202604", "RE,2,1112,20260"),
                MissingValue,
            ),
            ("DPC", good.replace("RE,3", "BU,1\r\nRE,3"), NotTheFormat),
        ];
        for (case, text, reason) in cases {
            assert_ne!(text, good, "{case}");
            let mut expected = ids(3);
            expected[1] = Err(reason);
            assert_eq!(try_read(&text).unwrap(), expected, "{case}");
        }
        let of = |text: String| try_read(&text).err();
        assert_eq!(of(good.replace("IR,", "YK,")), Some(NotTheFormat));
        assert_eq!(of(good.replace("0000001", "0000002")), Some(OtherFacility));
        assert_eq!(of(good.replace("RE,", "XX,")), Some(NoPatient));
    }

    #[test]
    fn a_claim_says_who_its_patient_is() {
        let text = claims(FACILITY, &["0009013"], 4);
        let of = |text: &str| demographics(&cp932(text)).unwrap();
        let said = of(&text);
        assert_eq!(
            (&said.kanji, &said.kana),
            (&Name::read("関所", "太郎"), &None)
        );
        assert_eq!(
            (said.birth, said.sex),
            (Date::new(1948, 4, 5), Some(Sex::Male))
        );
        let insured = |branch: &str| Insured::read("01410016", "７０", "123", branch).unwrap();
        assert_eq!(said.insured, [insured("")]);
        // With a kana name, an era, and what was confirmed of the insurance.
        let kana = format!("0009013,{}セキショタロウ,", ",".repeat(22));
        let full = text
            .replace("0009013,,,,,,,", &kana)
            .replace("19480405", "3230405");
        let full = full.replace("SY,", "SN,2,01,,,,99,,\r\nSN,1,01,,,,2,,\r\nSY,");
        let said = of(&full);
        assert_eq!(said.kana, Name::whole("セキショタロウ"));
        assert_eq!(said.birth, Date::new(1948, 4, 5));
        assert_eq!(said.insured, [insured("02")]);
        // A name in kana alone; what is damaged is left out alone, and the claim is a claim all the same.
        let bad = text.replace("関所　太郎,1,19480405", "セキショ　タロウ,9,19481345");
        let bad = bad.replace("HO,01410016,７０,123,", "HO,01410016,７０,,");
        let said = of(&bad);
        let kana = Name::read("セキショ", "タロウ");
        assert_eq!(
            said,
            Demographics {
                kana,
                ..Demographics::default()
            }
        );
        assert_eq!(try_read(&bad).unwrap(), [Ok("0009013".to_owned())]);
        assert_eq!(demographics(b"IR,1\r\n"), None);
    }

    #[test]
    fn months_of_eras_and_of_years_are_told_by_their_length() {
        let cases = [
            ("50804", Some(1_774_969_200_000)),
            ("202604", Some(1_774_969_200_000)),
            ("43104", Some(1_554_044_400_000)),
            ("202613", None),
            ("60804", None),
            ("00804", None),
            ("2026", None),
            ("２０２６", None),
        ];
        for (text, expected) in cases {
            assert_eq!(month(text).map(|(start, _)| start.0), expected, "{text}");
        }
        let (start, stop) = month("202612").unwrap();
        assert_eq!(stop.0 - start.0, 31 * 86_400_000 - 1);
    }

    proptest! {
        #[test]
        fn is_total(at in 0usize..2000, byte in any::<u8>(), text in "[0-9]{0,7}") {
            let mut bytes = cp932(&claims(FACILITY, &["0009013", "0009014"], 4));
            let at = at % bytes.len();
            bytes[at] = byte;
            let facility = FACILITY.parse().unwrap();
            let context = Context { facility: &facility, patient_system: None, is_part: false };
            let _ = read(context, &bytes);
            let _ = read(context, &bytes[..at]);
            let _ = month(&text);
        }
    }
}
