//! Which deviations a file shows.

use super::{Met, Quirk};
use crate::extended::StoredContent;
use crate::kind::DataKind;
use crate::message::Message;
use crate::name::StoredName;

/// Order numbers as long as the specification has them.
const ORDER_NO_CHARS: usize = 15;
/// 発生日時 with milliseconds.
const OCCURRED_DIGITS: usize = 17;
/// Characters of an id that make the two upper folders.
const FOLDER_CHARS: usize = 6;
/// Characters of a JLAC10 code.
const JLAC10_CHARS: usize = 17;

pub(crate) fn of_name(name: &StoredName) -> Met {
    let mut met = of_parts(name.local_patient_id.as_str(), &name.occurred);
    let has_orders = !name.kind.code.starts_with("ADT") && name.kind.code != "PPR-01";
    met.note(Quirk::OrderNoLength, name.order_no.len() != ORDER_NO_CHARS);
    met.note(
        Quirk::OrderNoPlaceholder,
        has_orders && name.order_no.bytes().all(|b| b == b'9'),
    );
    met
}

pub(crate) fn of_content_name(name: &StoredContent) -> Met {
    let mut met = of_parts(name.local_patient_id.as_str(), &name.occurred);
    met.note(Quirk::NoDepartment, !name.has_department_part);
    met.note(Quirk::KindByCode, name.kind_by_code);
    met
}

fn of_parts(patient: &str, occurred: &str) -> Met {
    let mut met = Met::default();
    met.note(
        Quirk::ShortPatientId,
        patient.chars().count() < FOLDER_CHARS,
    );
    met.note(Quirk::OccurredLength, occurred.len() != OCCURRED_DIGITS);
    met
}

pub(crate) fn of_bytes(bytes: &[u8]) -> Met {
    let mut met = Met::default();
    let frame = |b: Option<&u8>| matches!(b, Some(0x00 | 0x0b | 0x1a | 0x1c));
    met.note(Quirk::Framed, frame(bytes.first()) || frame(bytes.last()));
    met.note(Quirk::LineFeeds, bytes.contains(&b'\n'));
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|b| *b == 0x1b) {
        rest = rest.get(at + 1..).unwrap_or_default();
        met.note(Quirk::JisRoman, rest.starts_with(b"(J"));
        met.note(Quirk::HalfKana, rest.starts_with(b"(I"));
        met.note(Quirk::JisSupplement, rest.starts_with(b"$(D"));
    }
    met
}

/// `kind` is that of standardised storage; extended storage has none here.
pub(crate) fn of_message(message: &Message<'_>, kind: Option<&DataKind>) -> Met {
    let mut met = Met::default();
    if let Some(msh) = message.first("MSH") {
        let sets = [msh.raw_of(18, 1, 1), msh.raw_of(18, 2, 1), msh.raw(20, 1)];
        met.note(
            Quirk::CharacterSetName,
            sets.iter()
                .any(|set| matches!(*set, "ISOIR87" | "ISO2022-1994")),
        );
        let fraction = msh.raw(7, 1).split_once('.').map_or(0, |(_, f)| f.len());
        met.note(Quirk::TimeFraction, fraction != 3);
        let is_visit = kind.is_some_and(|k| k.code == "ADT-12");
        met.note(
            Quirk::VisitAsAdmission,
            is_visit && (msh.raw(9, 1), msh.raw(9, 2)) == ("ADT", "A01"),
        );
    }
    if let Some(pid) = message.first("PID") {
        met.note(Quirk::UntypedPatientId, pid.raw_of(3, 1, 5).is_empty());
        let day = |text: &str| text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit());
        met.note(Quirk::ShiftedPid, !day(pid.raw(7, 1)) && day(pid.raw(8, 1)));
        let post = pid.raw(11, 5);
        met.note(Quirk::PlainPostcode, post.len() == 7 && !post.contains('-'));
    }
    if let Some(pv1) = message.first("PV1") {
        met.note(
            Quirk::DepartmentMoved,
            pv1.raw(10, 1).is_empty() && is_department(pv1.raw(8, 1)),
        );
        met.note(
            Quirk::JoinedName,
            !pv1.raw(7, 2).is_empty() && pv1.raw(7, 3).is_empty(),
        );
    }
    let analyte = |s: crate::message::Segment<'_, '_>| {
        s.raw(3, 3) == "JC10" && s.raw(3, 1).len() != JLAC10_CHARS
    };
    met.note(Quirk::AnalyteCodeLength, message.named("OBX").any(analyte));
    met
}

/// A 統一診療科コード has two or three characters; a physician's number, which PV1-8 is for, has more or a name.
fn is_department(code: &str) -> bool {
    (2..=3).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_alphanumeric())
}
