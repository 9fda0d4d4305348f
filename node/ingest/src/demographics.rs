//! Who a chart says its patient is: names, birth date, sex, addresses, telephones and insurances of an SS-MIX2
//! message, as values that patients are matched by. ADT-00 has all of it (PID, IN1); PPR-01 brings insurances too
//! (ZI1).
//!
//! Fields: PID-5 names by their representation (I kanji, P kana), PID-7, PID-8, PID-11 (free address in XAD-8),
//! PID-13 and PID-14 (XTN-12), IN1/ZI1-3 insurer, -10 symbol, -11 number; JAMI specification 1.2, clinical-formats
//! §1.5. Deviations of public samples that are read: a name type shifted by a component, birth date and sex shifted
//! by a field, symbol, number and branch as repetitions of IN1-10, the branch as second component of IN1-11.

use crate::guard::{WrongPatient, check_patient};
use crate::message::{Message, Segment, decode_strictly};
use sekisho_documents::{FILE_BYTES_MAX, LocalPatientId, QuarantineReason};
use sekisho_identity::{
    ADDRESSES_MAX, Address, Date, Demographics, INSURED_MAX, Insured, Name, PHONES_MAX, Sex,
    TEXT_CHARS_MAX,
};

/// Reads what a message says of its patient, who must be the one it is filed under. What cannot be read is left out.
///
/// # Errors
/// [`WrongPatient`] with the reason for which the file would be quarantined.
pub fn demographics(bytes: &[u8], expected: &LocalPatientId) -> Result<Demographics, WrongPatient> {
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(QuarantineReason::TooLarge.into());
    }
    let decoded = decode_strictly(bytes)?;
    let message = Message::parse(&decoded.text)?;
    check_patient(&message, expected)?;
    let mut read = Demographics::default();
    if let Some(pid) = message.first("PID") {
        patient(&pid, &mut read);
    }
    for segment in message.named("IN1").chain(message.named("ZI1")) {
        let insured = insured(&segment);
        let new = insured.filter(|one| !read.insured.contains(one));
        read.insured
            .extend(new.filter(|_| read.insured.len() < INSURED_MAX));
    }
    Ok(read)
}

fn patient(pid: &Segment<'_, '_>, read: &mut Demographics) {
    for repeat in 1..=pid.repeats(5) {
        let name = Name::read(&text(pid, 5, repeat, 1), &text(pid, 5, repeat, 2));
        // XPN-8; senders shift it by a component.
        let marked = |what: &str| (6..=16).any(|c| pid.raw_of(5, repeat, c) == what);
        let slot = if marked("P") || (repeat > 1 && !marked("I")) {
            &mut read.kana
        } else {
            &mut read.kanji
        };
        *slot = slot.take().or(name);
    }
    // Shifted by one in a public sample (OMG-13).
    for (birth, sex) in [(7, 8), (8, 9)] {
        let date = Date::read(pid.raw(birth, 1)).ok();
        if read.birth.is_none() && date.is_some() {
            read.birth = date;
            read.sex = Sex::read(pid.raw(sex, 1));
        }
    }
    read.sex = read.sex.or_else(|| Sex::read(pid.raw(8, 1)));
    for repeat in 1..=pid.repeats(11) {
        let free = text(pid, 11, repeat, 8);
        let line = if free.is_empty() {
            // State, city, other designation, street.
            [4, 3, 2, 1].map(|c| text(pid, 11, repeat, c)).concat()
        } else {
            free
        };
        let address = Address::read(&text(pid, 11, repeat, 5), &line);
        let new = address.filter(|one| !read.addresses.contains(one));
        read.addresses
            .extend(new.filter(|_| read.addresses.len() < ADDRESSES_MAX));
    }
    for field in [13, 14] {
        for repeat in 1..=pid.repeats(field) {
            let number = [12, 1].map(|c| text(pid, field, repeat, c));
            let number = number
                .into_iter()
                .find(|n| n.chars().any(|c| c.is_numeric()));
            let new = number.filter(|one| !read.phones.contains(one));
            read.phones
                .extend(new.filter(|_| read.phones.len() < PHONES_MAX));
        }
    }
}

fn insured(segment: &Segment<'_, '_>) -> Option<Insured> {
    let insurer = text(segment, 3, 1, 1);
    let first = text(segment, 10, 1, 1);
    // Symbol, number and branch as repetitions of one field.
    if segment.repeats(10) > 1 {
        let [number, branch] = [2, 3].map(|repeat| text(segment, 10, repeat, 1));
        return Insured::read(&insurer, &first, &number, &branch);
    }
    let [number, branch] = [1, 2].map(|component| text(segment, 11, 1, component));
    Insured::read(&insurer, &first, &number, &branch)
}

/// A component, within the bound of demographics.
fn text(segment: &Segment<'_, '_>, field: usize, repeat: usize, component: usize) -> String {
    let text = segment.text_of(field, repeat, component);
    text.chars().take(TEXT_CHARS_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture_test::encode;
    use proptest::prelude::*;

    const HEADER: &str = "MSH|^~\\&|A|B|C|D|20240101||ADT^A08|1|P|2.5";

    fn read(segments: &[&str]) -> Demographics {
        let lines: Vec<&str> = [HEADER].iter().chain(segments).copied().collect();
        demographics(&encode(&lines.join("\r")), &"9013".parse().unwrap()).unwrap()
    }

    #[test]
    fn the_guidelines_sample_is_read() {
        let one = read(&[
            "PID|0001||9013^^^^PI||患者^太郎^^^^^L^I~カンジャ^タロウ^^^^^L^P||19480405|M|||\
             ^^^^422-8033^JPN^H^静岡県静岡市登呂１－３－５||^PRN^PH^^^^^^^^^054-000-0000~^EMR^PH^^^^^^^^^03-5999-9999|\
             ^WPN^PH^^^^^^^^^03-3599-9993",
            "IN1|1|67^国民健康保険退職者^JHSD0001|1130012|||||||７０|123456^01|20091201",
            "IN1|2|67^国民健康保険退職者^JHSD0001|67999991",
        ]);
        assert_eq!(one.kanji, Some(Name::new("患者", "太郎")));
        assert_eq!(one.kana, Some(Name::new("カンジャ", "タロウ")));
        assert_eq!(one.birth, Date::new(1948, 4, 5));
        assert_eq!(one.sex, Some(Sex::Male));
        assert_eq!(
            one.addresses,
            [Address::read("422-8033", "静岡県静岡市登呂１−３−５").unwrap()]
        );
        assert_eq!(one.phones, ["054-000-0000", "03-5999-9999", "03-3599-9993"]);
        assert_eq!(
            one.insured,
            [Insured::read("01130012", "７０", "123456", "01").unwrap()]
        );
    }

    #[test]
    fn deviations_of_samples_are_read() {
        let one = read(&[
            "PID|0001||9013||仮吉田^真綾^^^^L^I~カリヨシダ^マアヤ^^^^^L^P|||19390417|F||^^横瀬町^埼玉県||\"\"",
            "ZI1|1|C0|447805|名称||||||123~1234567~01|雇用者名",
            "ZI1|1|C0|447805|名称||||||123~1234567~01|雇用者名",
        ]);
        assert_eq!(one.kanji, Some(Name::new("仮吉田", "真綾")));
        assert_eq!(
            (one.birth, one.sex),
            (Date::new(1939, 4, 17), Some(Sex::Female))
        );
        assert_eq!(one.addresses, [Address::read("", "埼玉県横瀬町").unwrap()]);
        assert!(one.phones.is_empty());
        assert_eq!(
            one.insured,
            [Insured::read("00447805", "123", "1234567", "1").unwrap()]
        );
        let unmarked = read(&["PID|1||9013||患者^太郎~カンジャ^タロウ||19480405|U"]);
        assert_eq!(unmarked.kana, Some(Name::new("カンジャ", "タロウ")));
        assert_eq!(unmarked.sex, None);
    }

    #[test]
    fn another_patients_message_is_refused() {
        let bytes = encode(&format!("{HEADER}\rPID|1||9014||患者^太郎"));
        assert!(demographics(&bytes, &"9013".parse().unwrap()).is_err());
    }

    proptest! {
        #[test]
        fn what_is_read_is_within_bounds(pid in "[\\^~|A-Z0-9\"]{0,400}", in1 in "[\\^~|A-Z0-9\"]{0,200}") {
            let bytes = encode(&format!("{HEADER}\rPID|1||9013||{pid}\rIN1|1|{in1}"));
            if let Ok(read) = demographics(&bytes, &"9013".parse().unwrap()) {
                prop_assert_eq!(read.check(), Ok(()));
            }
        }
    }
}
