//! The wrong-patient guard: a message must name exactly the patient it is filed under.
//!
//! It runs when a file is indexed and again, on the very bytes, when they are about to leave.

use crate::message::{Message, decode_strictly};
use sekisho_documents::{FILE_BYTES_MAX, LocalPatientId, OperatorText, QuarantineReason};

/// The bytes do not prove to be this patient's. The id found is for the operator's list only.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("document is not shown to be the patient's: {reason}")]
pub struct WrongPatient {
    /// Why.
    pub reason: QuarantineReason,
    /// The id the message has instead, if it has one.
    pub found: Option<OperatorText>,
}

impl From<QuarantineReason> for WrongPatient {
    fn from(reason: QuarantineReason) -> Self {
        Self {
            reason,
            found: None,
        }
    }
}

/// Checks that a message's bytes name the expected patient and nobody else.
///
/// Ids are compared exactly: `00123` and `123` can be two people of one facility.
///
/// # Errors
/// [`WrongPatient`] with the reason for which the file would be quarantined.
pub fn verify_patient(bytes: &[u8], expected: &LocalPatientId) -> Result<(), WrongPatient> {
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(QuarantineReason::TooLarge.into());
    }
    let decoded = decode_strictly(bytes)?;
    let message = Message::parse(&decoded.text)?;
    check_patient(&message, expected)
}

/// Every PID segment's PID-3 must name the patient, in each repetition that is a facility's id (type PI or none).
pub(crate) fn check_patient(
    message: &Message<'_>,
    expected: &LocalPatientId,
) -> Result<(), WrongPatient> {
    let mut named = false;
    for pid in message.named("PID") {
        let mut named_here = false;
        for repeat in 1..=pid.repeats(3) {
            let id = pid.raw_of(3, repeat, 1);
            if id.is_empty() || !matches!(pid.raw_of(3, repeat, 5), "" | "PI") {
                continue;
            }
            if id != expected.as_str() {
                let found = Some(OperatorText::new(id));
                return Err(WrongPatient {
                    reason: QuarantineReason::MessagePatientMismatch,
                    found,
                });
            }
            named_here = true;
        }
        if !named_here {
            return Err(QuarantineReason::NoPatient.into());
        }
        named = true;
    }
    if named {
        Ok(())
    } else {
        Err(QuarantineReason::NoPatient.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(pids: &[&str]) -> Option<QuarantineReason> {
        let mut bytes = b"MSH|^~\\&|A|B|C|D|20240101||ADT^A08|1|P|2.5".to_vec();
        for pid in pids {
            bytes.extend_from_slice(b"\r");
            bytes.extend_from_slice(pid.as_bytes());
        }
        verify_patient(&bytes, &"0009013".parse().unwrap())
            .err()
            .map(|e| e.reason)
    }

    #[test]
    fn only_the_expected_patient_passes() {
        use QuarantineReason::*;
        let cases: &[(&str, &[&str], Option<QuarantineReason>)] = &[
            ("typed", &["PID|1||0009013^^^^PI"], None),
            ("not typed", &["PID|1||0009013"], None),
            ("with spaces", &["PID|1|| 0009013 "], None),
            (
                "with another kind of number",
                &["PID|1||0009013^^^^PI~777^^^^SS"],
                None,
            ),
            (
                "twice the same",
                &["PID|1||0009013", "PID|2||0009013"],
                None,
            ),
            (
                "another",
                &["PID|1||0009014^^^^PI"],
                Some(MessagePatientMismatch),
            ),
            (
                "zeroes lost",
                &["PID|1||9013^^^^PI"],
                Some(MessagePatientMismatch),
            ),
            (
                "a longer id",
                &["PID|1||00090130"],
                Some(MessagePatientMismatch),
            ),
            (
                "in a subcomponent",
                &["PID|1||0009013&0009014"],
                Some(MessagePatientMismatch),
            ),
            (
                "escaped",
                &["PID|1||0009013\\.br\\"],
                Some(MessagePatientMismatch),
            ),
            (
                "two ids of the facility",
                &["PID|1||0009013^^^^PI~0009014^^^^PI"],
                Some(MessagePatientMismatch),
            ),
            (
                "a second patient",
                &["PID|1||0009013", "PID|2||0009014"],
                Some(MessagePatientMismatch),
            ),
            (
                "a second one without id",
                &["PID|1||0009013", "PID|2||"],
                Some(NoPatient),
            ),
            (
                "hidden behind a bad line",
                &["PID|1||0009013", "!", "PID|2||0009014"],
                Some(Truncated),
            ),
            (
                "only another kind of number",
                &["PID|1||0009013^^^^SS"],
                Some(NoPatient),
            ),
            ("null", &["PID|1||\"\""], Some(NoPatient)),
            ("empty", &["PID|1"], Some(NoPatient)),
            ("no PID", &["PV1|1"], Some(NoPatient)),
            (
                "a second message",
                &["PID|1||0009013", "MSH|^~\\&|"],
                Some(SeveralMessages),
            ),
        ];
        for (case, pids, expected) in cases {
            assert_eq!(check(pids), *expected, "{case}");
        }
    }

    #[test]
    fn the_refusal_keeps_the_id_and_does_not_show_it() {
        let bytes = b"MSH|^~\\&|A|B|C|D|20240101||ADT^A08|1|P|2.5\rPID|1||0009014";
        let refused = verify_patient(bytes, &"0009013".parse().unwrap()).unwrap_err();
        assert_eq!(refused.found, Some(OperatorText::new("0009014")));
        assert!(!format!("{refused} {refused:?}").contains("9014"));
    }

    proptest! {
        #[test]
        fn is_total(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(verify_patient(&bytes, &"1".parse().unwrap()).is_err());
        }
    }
}
