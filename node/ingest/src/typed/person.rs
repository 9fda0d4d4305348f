//! Who a message is about (PID), and how they are insured (IN1, ZI1).

use crate::message::{Message, Segment};
use crate::time;
use sekisho_domain::TimeMs;

/// Digits of an insurer's number, leading zeros included.
const INSURER_DIGITS: usize = 8;

/// A name in one script.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct PersonName {
    /// Family name; all of it where the message does not part it.
    pub family: String,
    /// Given name.
    pub given: String,
}

/// Who a message is about.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Person {
    /// In kanji (XPN-8 `I`).
    pub name: PersonName,
    /// In kana (XPN-8 `P`).
    pub kana: PersonName,
    /// Date of birth, `yyyyMMdd`.
    pub birth_date: Option<String>,
    /// `M`, `F`, `O` or `U`.
    pub sex: Option<char>,
    /// Postal code, as sent.
    pub postcode: String,
    /// Address, as sent.
    pub address: String,
    /// Telephone numbers at home and at work, as sent.
    pub phones: Vec<String>,
}

/// One insurance.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Insurance {
    /// 保険種別 (JHSD0001).
    pub kind: String,
    /// 保険者番号, as sent.
    pub insurer: String,
    /// 記号.
    pub symbol: String,
    /// 番号.
    pub number: String,
    /// 本人・家族 (HL7 table 0063).
    pub relation: String,
    /// Since when.
    pub from: Option<TimeMs>,
    /// Until when.
    pub until: Option<TimeMs>,
}

impl Insurance {
    /// 保険者番号 with the leading zeros some systems lose; none where it is no number of at most eight digits.
    pub fn insurer_8(&self) -> Option<String> {
        let is_number = (1..=INSURER_DIGITS).contains(&self.insurer.len())
            && self.insurer.bytes().all(|b| b.is_ascii_digit());
        is_number.then(|| format!("{:0>INSURER_DIGITS$}", self.insurer))
    }
}

macro_rules! withheld {
    ($($name:ident)+) => {$(
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(concat!(stringify!($name), "(withheld)"))
            }
        }
    )+};
}
withheld! { PersonName Person Insurance }

pub(super) fn of(message: &Message<'_>) -> Person {
    let Some(pid) = message.first("PID") else {
        return Person::default();
    };
    let is_day = |text: &&str| time::is_day(text);
    let sex = pid.raw(8, 1).chars().next();
    Person {
        name: name(&pid, "I")
            .or_else(|| name(&pid, ""))
            .unwrap_or_default(),
        kana: name(&pid, "P").unwrap_or_default(),
        birth_date: Some(pid.raw(7, 1)).filter(is_day).map(str::to_owned),
        sex: sex.filter(|sex| matches!(sex, 'M' | 'F' | 'O' | 'U')),
        postcode: pid.text(11, 5),
        address: address(&pid),
        phones: [13, 14]
            .iter()
            .flat_map(|field| phones(&pid, *field))
            .collect(),
    }
}

/// By its representation, not by its place: sites write them in either order.
fn name(pid: &Segment<'_, '_>, representation: &str) -> Option<PersonName> {
    let repeat = (1..=pid.repeats(5)).find(|r| pid.raw_of(5, *r, 8) == representation)?;
    Some(PersonName {
        family: pid.text_of(5, repeat, 1),
        given: pid.text_of(5, repeat, 2),
    })
}

fn address(pid: &Segment<'_, '_>) -> String {
    let whole = pid.text(11, 8);
    if !whole.is_empty() {
        return whole;
    }
    // Street, other designation, city, prefecture: from the largest down, as it is written.
    [4, 3, 1, 2]
        .iter()
        .map(|part| pid.text(11, *part))
        .collect()
}

fn phones(pid: &Segment<'_, '_>, field: usize) -> Vec<String> {
    let number = |repeat| {
        let unformatted = pid.text_of(field, repeat, 12);
        if unformatted.is_empty() {
            pid.text_of(field, repeat, 1)
        } else {
            unformatted
        }
    };
    (1..=pid.repeats(field))
        .map(number)
        .filter(|n| !n.is_empty())
        .collect()
}

pub(super) fn insurances(message: &Message<'_>) -> Vec<Insurance> {
    let segments = message
        .segments()
        .filter(|s| matches!(s.name(), "IN1" | "ZI1"));
    segments
        .map(|s| Insurance {
            kind: s.text(2, 1),
            insurer: s.text(3, 1),
            symbol: s.text(10, 1),
            number: s.text(11, 1),
            relation: s.text(17, 1),
            from: time::parse(s.raw(12, 1)),
            until: time::parse(s.raw(13, 1)),
        })
        .collect()
}
