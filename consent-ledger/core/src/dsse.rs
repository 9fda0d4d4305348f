//! What is signed when an entry is signed: the pre-authentication encoding of DSSE v1.0.0.
//!
//! ```text
//! "DSSEv1" SP len(type) SP type SP len(body) SP body      lengths in bytes, ASCII decimal
//! ```
//!
//! The type is signed with the body, so bytes signed as one kind of payload never pass as another. The
//! body is kept exactly as it was signed: nothing is encoded again to check it. How an envelope travels
//! is `sekisho-proto`'s business; whose signatures an entry needs is decided in `apply`.
//! Source: github.com/secure-systems-lab/dsse, protocol.md.

use crate::ProofError;
use crate::signature::{Signature, SigningKey, VerifyingKey};
use std::io::Write;

/// Room for what stands before a body, beside the payload type: the version, two numbers, spaces.
const HEAD_BYTES: usize = 52;

/// The pre-authentication encoding of a payload type and a body.
pub fn pae(payload_type: &str, body: &[u8]) -> Vec<u8> {
    let (type_length, length) = (payload_type.len(), body.len());
    let mut encoded = Vec::with_capacity(HEAD_BYTES + type_length + length);
    // Nothing fails where memory grows.
    let _ = write!(encoded, "DSSEv1 {type_length} {payload_type} {length} ");
    encoded.extend_from_slice(body);
    encoded
}

/// Signs a body as a payload of the type.
pub fn sign(key: &SigningKey, payload_type: &str, body: &[u8]) -> Signature {
    key.sign(&pae(payload_type, body))
}

/// Checks a signature over a body as a payload of the type.
///
/// # Errors
/// [`ProofError::SignatureWrong`] with the key's id.
pub fn verify(
    key: &VerifyingKey,
    payload_type: &str,
    body: &[u8],
    signature: &Signature,
) -> Result<(), ProofError> {
    key.verify(&pae(payload_type, body), signature)
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_that_of_the_specification() {
        let cases: [(&str, &[u8], &[u8]); 4] = [
            // protocol.md, "Test Vectors".
            (
                "http://example.com/HelloWorld",
                b"hello world",
                b"DSSEv1 29 http://example.com/HelloWorld 11 hello world",
            ),
            ("", b"", b"DSSEv1 0  0 "),
            ("t", b"\x00\xff ", b"DSSEv1 1 t 3 \x00\xff "),
            // Lengths count bytes, not characters.
            (
                "\u{95a2}",
                "\u{6240}".as_bytes(),
                b"DSSEv1 3 \xe9\x96\xa2 3 \xe6\x89\x80",
            ),
        ];
        for (payload_type, body, expected) in cases {
            assert_eq!(pae(payload_type, body), expected, "{payload_type:?}");
        }
    }

    #[test]
    fn type_and_body_are_both_signed() {
        let signer = SigningKey::from_secret(&[7; 32]);
        let key = VerifyingKey::parse(&signer.public_key()).expect("an honest key");
        let signature = sign(&signer, "type", b"body");
        assert_eq!(verify(&key, "type", b"body", &signature), Ok(()));
        let wrong = Err(ProofError::SignatureWrong {
            key: signer.key_id(),
        });
        for (payload_type, body) in [
            ("typf", b"body".as_slice()),
            ("type", b"bodz"),
            ("type 4 b", b"ody"),
            ("", b""),
        ] {
            assert_eq!(
                verify(&key, payload_type, body, &signature),
                wrong,
                "{payload_type:?}"
            );
        }
        assert_eq!(
            key.verify(b"body", &signature),
            wrong,
            "the body alone is not what is signed"
        );
    }
}
