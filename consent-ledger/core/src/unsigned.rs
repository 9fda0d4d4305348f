//! What a network is about to say of an agreement, as a file (JSON): made where the ledger is, read in words and signed where
//! the governance key is, which need not be the same machine.
//!
//! ```text
//! { "ledger": "…", "lineage": 1, "act": "propose" | "sign", "agreement": { … } }
//! ```
//! Who signs believes nothing but the agreement that was decoded and shown: the entry is made from it anew, its digest
//! computed. What comes back is the envelope in base64, to be put in order within [`Entry::WINDOW_MS_MAX`].

use crate::agreement_digest;
use crate::envelope::sign_entry;
use crate::signature::SigningKey;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message;
use sekisho_domain::{Agreement, Body, DomainError, Entry, LedgerId, RequestId, TimeMs};
use sekisho_proto::v1;
use serde::{Deserialize, Serialize};

/// How far the clock of who signs may be ahead, in milliseconds.
const CLOCK_AHEAD_MS: u64 = 60_000;
/// Longest file, in bytes: far more than the JSON of any agreement that fits into an entry.
pub const UNSIGNED_BYTES_MAX: usize = 96 * 1024;
/// Longest signed envelope as text: a payload and its signatures in base64.
pub const ENVELOPE_CHARS_MAX: usize = 2 * Entry::BODY_BYTES_MAX;

/// What is done with the agreement.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// It is proposed, which signs it for the network that proposes.
    Propose,
    /// The version that was proposed is signed.
    Sign,
}

/// An act nobody has signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "File")]
pub struct Unsigned {
    /// The ledger it is for.
    pub ledger: LedgerId,
    /// Its lineage.
    pub lineage: u64,
    /// What is done.
    pub act: Act,
    /// With which agreement; it could be on the wire.
    pub agreement: Agreement,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    ledger: LedgerId,
    lineage: u64,
    act: Act,
    agreement: Agreement,
}

impl TryFrom<File> for Unsigned {
    type Error = DomainError;
    fn try_from(file: File) -> Result<Self, DomainError> {
        Ok(Self {
            ledger: file.ledger,
            lineage: file.lineage,
            act: file.act,
            agreement: v1::Agreement::from(&file.agreement).try_into()?,
        })
    }
}

impl Unsigned {
    /// What the entry says.
    pub fn body(&self) -> Body {
        let agreement = &self.agreement;
        match self.act {
            Act::Propose => Body::AgreementPropose(agreement.clone()),
            Act::Sign => Body::AgreementSign {
                id: agreement.id.clone(),
                version: agreement.version,
                digest: agreement_digest(agreement),
            },
        }
    }

    /// Signs it now, to be put in order within the longest window there may be.
    pub fn sign(&self, key: &SigningKey, request_id: RequestId, now: TimeMs) -> v1::Envelope {
        let not_before = TimeMs(now.0.saturating_sub(CLOCK_AHEAD_MS));
        let entry = Entry {
            ledger: self.ledger,
            lineage: self.lineage,
            author: key.key_id(),
            request_id,
            claimed_time: now,
            not_before,
            not_after: not_before.plus_ms(Entry::WINDOW_MS_MAX),
            body: self.body(),
        };
        sign_entry(&entry, &[key])
    }
}

/// A signed envelope as text, to be carried by hand.
pub fn to_text(envelope: &v1::Envelope) -> String {
    STANDARD.encode(envelope.encode_to_vec())
}

/// The envelope in a text, whatever white space is in it; none if there is none. Nothing of it is checked.
pub fn from_text(text: &str) -> Option<v1::Envelope> {
    let text: String = text.split_ascii_whitespace().collect();
    let bytes = match text.len() {
        1..=ENVELOPE_CHARS_MAX => STANDARD.decode(text).ok()?,
        _ => return None,
    };
    v1::Envelope::decode(bytes.as_slice()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{World, grant, key};
    use crate::{Applied, form};
    use sekisho_domain::{ConsentRule, KeyPurpose, RefusalReason};

    #[test]
    fn what_was_signed_elsewhere_takes_effect_here() {
        let mut world = World::of(&["saga", "kurume"]);
        let mut agreement = world.agree("a", vec![grant("saga", "kurume", ConsentRule::Viewing)]);
        agreement.version = 2;
        let propose = Unsigned {
            ledger: world.ledger,
            lineage: 1,
            act: Act::Propose,
            agreement,
        };
        // As a file, and back.
        let file = serde_json::to_string(&propose).unwrap();
        assert!(file.len() < UNSIGNED_BYTES_MAX);
        let read: Unsigned = serde_json::from_str(&file).unwrap();
        assert_eq!(read, propose);
        let saga = key("saga", KeyPurpose::Governance);
        let text = to_text(&read.sign(&saga, RequestId([7; 16]), world.time));
        let wrapped = format!(" {}\r\n{} \n", &text[..76], &text[76..]);
        let envelope = from_text(&wrapped).unwrap();
        assert_eq!(form(&envelope).unwrap().entry.body, propose.body());
        let applied = world.apply(&envelope);
        assert!(matches!(applied, Applied::Leaf { .. }), "{applied:?}");
        let sign = Unsigned {
            act: Act::Sign,
            ..propose
        };
        let kurume = key("kurume", KeyPurpose::Governance);
        let late = world.time.plus_ms(Entry::WINDOW_MS_MAX);
        let envelope = sign.sign(&kurume, RequestId([8; 16]), late);
        assert!(matches!(world.apply(&envelope), Applied::Invalid(_)));
        let envelope = sign.sign(&kurume, RequestId([9; 16]), world.time);
        assert!(matches!(world.apply(&envelope), Applied::Leaf { .. }));
        assert_eq!(
            world.refusal("kurume", sign.body()),
            Some(RefusalReason::AlreadyExists),
            "it is signed"
        );
    }

    #[test]
    fn what_could_not_be_on_the_wire_is_not_read() {
        let mut world = World::of(&["saga", "kurume"]);
        let agreement = world.agree("a", vec![grant("saga", "kurume", ConsentRule::Viewing)]);
        let good = Unsigned {
            ledger: world.ledger,
            lineage: 1,
            act: Act::Sign,
            agreement,
        };
        let file = serde_json::to_string(&good).unwrap();
        for (from, to) in [
            ("\"viewing\":\"kurume\"", "\"viewing\":\"tottori\""),
            ("\"act\":\"sign\"", "\"act\":\"end\""),
            ("\"act\":", "\"also\":1,\"act\":"),
        ] {
            let other = file.replacen(from, to, 1);
            assert_ne!(other, file, "{from}");
            assert!(serde_json::from_str::<Unsigned>(&other).is_err(), "{to}");
        }
        let long = "A".repeat(ENVELOPE_CHARS_MAX + 4);
        for text in ["", " \n", "???", "AAAA AAA", &long] {
            assert_eq!(from_text(text), None, "{:?}", &text[..text.len().min(9)]);
        }
    }
}
