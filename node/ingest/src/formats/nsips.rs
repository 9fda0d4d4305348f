//! NSIPS 01.06: what a pharmacy's systems pass each other of a prescription that was dispensed.
//!
//! ```text
//! VER0106nn,送信日時,…,都道府県,点数表 4,薬局コード,薬局名,…      the head of every document of the file
//! 1,患者コード,カナ,漢字,性別,生年月日,…                          one document from here …
//! 2,受付番号,枝番,A 新規 | U 更新 | D 削除,交付日,…,調剤日,…
//! 3,Rp番号,用法コード,用法,…,日数     4,番号,Rp番号,…,YJ,レセ電,…,名称,…,数量,…,単位     5 to 8 fees
//! 1,…                                                              … to here
//! ```
//! A prescription is known by 受付番号 and 枝番; what was sent last is in force, and after a deletion nothing is.
//!
//! Source: the fields of NSIPS 1.06.03 as public validators and readers of it have them; the specification itself is
//! not public.

use super::lines::{Record, records};
use super::{Confidentiality, Context, Facts, Found, refused, said};
use crate::name::Refusal;
use crate::time;
use sekisho_documents::{
    Code, LocalPatientId, OperatorText, Part, QuarantineReason, SeenPatients, Title,
};
use sekisho_domain::{Category, TimeMs};
use sekisho_identity::{Address, Date, Demographics, Insured, Name, Sex};

/// How the header begins in every revision that is read.
const VERSION: &str = "VER0106";
/// Fewest fields of a record that is whole.
#[rustfmt::skip]
const FIELDS_MIN: &[(&str, usize)] = &[("1", 6), ("2", 15), ("3", 12), ("4", 19)];

/// Each patient's records in a file.
pub(super) fn read(context: Context<'_>, bytes: &[u8]) -> Result<Vec<Found>, Refusal> {
    let mut records = records(bytes).peekable();
    let header = records
        .next()
        .ok_or_else(|| refused(QuarantineReason::TooShort))?;
    if let Err(reason) = header.fields {
        return Err(refused(reason));
    }
    if !header.kind().starts_with(VERSION) {
        return Err(refused(QuarantineReason::NotTheFormat));
    }
    let sent =
        time::parse(header.field(1)).ok_or_else(|| refused(QuarantineReason::MissingValue))?;
    let pharmacy = [header.field(4), header.field(5), header.field(6)].concat();
    if pharmacy != context.facility.as_str() {
        return Err(refused(QuarantineReason::OtherFacility));
    }
    let mut groups: Vec<Vec<Record>> = Vec::new();
    for record in records {
        match groups.last_mut() {
            Some(group) if record.kind() != "1" => group.push(record),
            None if record.kind() != "1" => {
                // Before the first patient there is nothing but the head: whose this is nobody says.
                let reason = record.fields.err().unwrap_or(QuarantineReason::NoPatient);
                return Err(refused(reason));
            }
            _ => groups.push(vec![record]),
        }
    }
    if groups.is_empty() {
        return Err(refused(QuarantineReason::Truncated));
    }
    Ok(groups
        .iter()
        .map(|group| Found {
            part: part(&header, group),
            read: facts(&header, sent, group),
        })
        .collect())
}

fn part(header: &Record, group: &[Record]) -> Part {
    let start = group.first().map_or(0, |r| r.at.start);
    let end = group.last().map_or(0, |r| r.at.end);
    Part {
        offset_bytes: start as u64,
        size_bytes: (end - start) as u64,
        head_bytes: header.at.end as u64,
    }
}

fn facts(header: &Record, sent: TimeMs, group: &[Record]) -> Result<Facts, Refusal> {
    let patient = group.first().map(|r| r.field(1)).unwrap_or_default();
    let refuse = |reason| Refusal {
        reason,
        patients: SeenPatients {
            message: (!patient.is_empty()).then(|| OperatorText::new(patient)),
            ..SeenPatients::default()
        },
    };
    for record in group {
        if let Err(reason) = &record.fields {
            return Err(refuse(*reason));
        }
        let min = FIELDS_MIN.iter().find(|(kind, _)| *kind == record.kind());
        if min.is_some_and(|(_, min)| record.len() < *min) {
            return Err(refuse(QuarantineReason::Truncated));
        }
    }
    let patient: LocalPatientId = match patient {
        "" => return Err(refuse(QuarantineReason::NoPatient)),
        id => id
            .parse()
            .map_err(|_| refuse(QuarantineReason::MissingValue))?,
    };
    let mut prescriptions = group.iter().filter(|r| r.kind() == "2");
    let prescription = prescriptions
        .next()
        .ok_or_else(|| refuse(QuarantineReason::Truncated))?;
    if prescriptions.next().is_some() {
        return Err(refuse(QuarantineReason::SeveralMessages));
    }
    let ends = match prescription.field(3) {
        "A" | "U" => false,
        "D" => true,
        _ => return Err(refuse(QuarantineReason::MissingValue)),
    };
    if prescription.field(1).is_empty() {
        return Err(refuse(QuarantineReason::MissingValue));
    }
    if !ends && !group.iter().any(|r| r.kind() == "4") {
        return Err(refuse(QuarantineReason::Truncated));
    }
    let dispensed = [7, 4]
        .iter()
        .find_map(|n| time::parse(prescription.field(*n)));
    let dispensed = dispensed.ok_or_else(|| refuse(QuarantineReason::MissingValue))?;
    let version = header.kind().get(3..).unwrap_or_default();
    Ok(Facts {
        patient,
        category: Category::Dispensing,
        data_kind: "NSIPS",
        type_code: Code::new(
            "60593-1",
            "http://loinc.org",
            "調剤情報",
            "Medication dispensed.extended Document",
        ),
        format_code: Code::new(
            format!("urn:sekisho:nsips:{version}"),
            "urn:sekisho:format",
            "NSIPS",
            "NSIPS",
        ),
        mime_type: "text/csv; charset=windows-31j",
        title: Title::new("調剤情報", "Medication dispensed"),
        creation: sent,
        service_start: dispensed,
        service_stop: dispensed,
        practice_setting: None,
        confidentiality: Confidentiality::Normal,
        series: format!("{}-{}", prescription.field(1), prescription.field(2)),
        version: sent.0,
        ends,
    })
}

/// Who a document's patient is, by its record 1: names, sex, birth date, address, and the insured person's number. Its
/// telephone numbers are left out: public readers do not agree where they stand.
pub(super) fn demographics(bytes: &[u8]) -> Option<Demographics> {
    let patient = records(bytes).find(|record| record.kind() == "1")?;
    let of = |n: usize| said::text(patient.field(n));
    Some(Demographics {
        kanji: Name::whole(of(3)),
        kana: Name::whole(of(2)),
        birth: Date::read(of(5)).ok(),
        sex: Sex::read(of(4)),
        addresses: Address::read(of(6), of(7)).into_iter().collect(),
        insured: Insured::read(of(14), of(16), of(17), "")
            .into_iter()
            .collect(),
        ..Demographics::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::samples_test::{cp932, dispensing};
    use proptest::prelude::*;

    const FACILITY: &str = "4140000001";

    fn try_read(text: &str) -> Result<Vec<Result<String, QuarantineReason>>, QuarantineReason> {
        let facility = FACILITY.parse().unwrap();
        let context = Context {
            facility: &facility,
            patient_system: None,
            is_part: false,
        };
        let found = read(context, &cp932(text)).map_err(|refusal| refusal.reason)?;
        let read = found.into_iter().map(|found| match found.read {
            Ok(facts) => Ok(facts.patient.as_str().to_owned()),
            Err(refusal) => Err(refusal.reason),
        });
        Ok(read.collect())
    }

    #[test]
    fn a_dispensing_says_who_its_patient_is() {
        let text = dispensing("4140000001", "00012345", 1, 'A');
        let said = demographics(&cp932(&text)).unwrap();
        assert_eq!(said.kanji, Name::read("関所", "太郎"));
        assert_eq!(said.kana, Name::read("ｾｷｼｮ", "ﾀﾛｳ"));
        assert_eq!(said.birth, Date::new(1948, 4, 5));
        assert_eq!(said.sex, Some(Sex::Male));
        assert_eq!(said.addresses.len(), 1);
        let insured = Insured::read("01410016", "７０", "123", "");
        assert_eq!(said.insured, insured.into_iter().collect::<Vec<_>>());
        assert_eq!(demographics(b"VER010603,2026\r\n"), None);
    }

    #[test]
    fn each_patient_of_a_file_is_one_document_and_one_bad_one_spoils_no_other() {
        use QuarantineReason::*;
        let (head, one) = {
            let text = dispensing(FACILITY, "0009013", 1, 'A');
            let (head, one) = text.split_once("\r\n").unwrap();
            (format!("{head}\r\n"), one.to_owned())
        };
        let two = one.replace("0009013", "0009014");
        let bad = [
            ("no number", two.replace("1,0009014,", "1,,"), NoPatient),
            (
                "a number that is none",
                two.replace("0009014", "患者"),
                MissingValue,
            ),
            (
                "cut off in the drug",
                two.split(",錠").next().unwrap().to_owned() + "\r\n",
                Truncated,
            ),
            (
                "without drugs",
                two.split("\r\n4,").next().unwrap().to_owned() + "\r\n",
                Truncated,
            ),
            (
                "neither A, U nor D",
                two.replace(",41,A,", ",41,X,"),
                MissingValue,
            ),
            (
                "two prescriptions",
                two.clone() + two.split_once("\r\n").unwrap().1,
                SeveralMessages,
            ),
            ("no date", two.replace("20260401", ""), MissingValue),
        ];
        for (case, bad, reason) in bad {
            assert_ne!(bad, two, "{case}");
            let three = one.replace("0009013", "0009015");
            let read = try_read(&format!("{head}{one}{bad}{three}")).unwrap();
            let expected = [
                Ok("0009013".to_owned()),
                Err(reason),
                Ok("0009015".to_owned()),
            ];
            assert_eq!(read, expected, "{case}");
        }
        let of = |text: &str| try_read(text).err();
        assert_eq!(
            of(&format!("{}{one}", head.replace("VER01", "VER02"))),
            Some(NotTheFormat)
        );
        assert_eq!(
            of(&format!("{}{one}", head.replace("0000001", "0000002"))),
            Some(OtherFacility)
        );
        assert_eq!(
            of(&format!("{head}{}", one.split_once("\r\n").unwrap().1)),
            Some(NoPatient)
        );
        assert_eq!(of(&head), Some(Truncated));
    }

    proptest! {
        #[test]
        fn is_total(at in 0usize..2000, byte in any::<u8>()) {
            let mut bytes = cp932(&dispensing(FACILITY, "0009013", 1, 'A'));
            let at = at % bytes.len();
            bytes[at] = byte;
            let facility = FACILITY.parse().unwrap();
            let context = Context { facility: &facility, patient_system: None, is_part: false };
            let _ = read(context, &bytes);
            let _ = read(context, &bytes[..at]);
        }
    }
}
