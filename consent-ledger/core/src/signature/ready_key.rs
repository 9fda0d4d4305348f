//! Many signatures at once, and keys that are used again and again: the same answers as [`VerifyingKey::verify`], sooner.

use super::multiples::{Multiples, sum};
use super::{SMALL_ORDER, Signature, VerifyingKey};
use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::{EdwardsPoint, Scalar};
use sha2::{Digest, Sha512};
use std::fmt;
use std::sync::LazyLock;

/// Bits of a window of the base point's table: 26 additions a check, and 2 MiB for the process.
const BASE_BITS: usize = 10;
/// Bits of a window of a key's table: 43 additions a check, and 215 KiB a key.
const KEY_BITS: usize = 6;

static BASE: LazyLock<Multiples> =
    LazyLock::new(|| Multiples::new(ED25519_BASEPOINT_POINT, BASE_BITS));

/// A key ready for [`verify_many`], with a table of its multiples or without. The table takes as long to make as some
/// fifteen checks save with it, and 215 KiB of memory.
#[derive(Clone)]
pub struct ReadyKey {
    bytes: [u8; 32],
    /// -A, as the equation has it.
    negated: EdwardsPoint,
    multiples: Option<Multiples>,
}

impl ReadyKey {
    /// The key without a table.
    pub fn new(key: &VerifyingKey) -> Self {
        Self {
            bytes: key.0.to_bytes(),
            negated: -key.0.to_edwards(),
            multiples: None,
        }
    }

    /// The same key with a table.
    #[must_use]
    pub fn with_table(&self) -> Self {
        Self {
            multiples: Some(Multiples::new(self.negated, KEY_BITS)),
            ..*self
        }
    }

    /// The same key without a table.
    #[must_use]
    pub fn without_table(&self) -> Self {
        Self {
            multiples: None,
            ..*self
        }
    }

    /// Whether it has a table.
    pub fn has_table(&self) -> bool {
        self.multiples.is_some()
    }

    /// The R that a signature with this S would have to have, S·B - k·A (RFC 8032 §5.1.7); `None` where S is not reduced.
    fn expected(&self, message: &[u8], r: &[u8; 32], s: &[u8; 32]) -> Option<EdwardsPoint> {
        let s = Option::<Scalar>::from(Scalar::from_canonical_bytes(*s))?;
        let hash = Sha512::new()
            .chain_update(r)
            .chain_update(self.bytes)
            .chain_update(message);
        let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
        let Some(multiples) = &self.multiples else {
            return Some(EdwardsPoint::vartime_double_scalar_mul_basepoint(
                &k,
                &self.negated,
                &s,
            ));
        };
        let mut terms = Vec::with_capacity(80);
        BASE.terms(&s, &mut terms);
        multiples.terms(&k, &mut terms);
        Some(sum(&terms))
    }
}

impl fmt::Debug for ReadyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = if self.has_table() { ", table" } else { "" };
        write!(f, "ReadyKey({}{table})", hex::encode(self.bytes))
    }
}

/// Whether each signature holds over its message by the rule of [`VerifyingKey::verify`], in the order given.
///
/// This is no batch verification: every equation is computed and compared by itself. What the checks share is one field
/// inversion, with which the points computed are encoded.
pub fn verify_many(checks: &[(&ReadyKey, &[u8], &Signature)]) -> Vec<bool> {
    let signatures = checks
        .iter()
        .map(|(_, _, signature)| ed25519_dalek::Signature::from_bytes(&signature.0));
    // In the place of what there is not stands the identity: it is of small order, so it never holds.
    let expected: Vec<EdwardsPoint> = checks
        .iter()
        .zip(signatures.clone())
        .map(|((key, message, _), held)| key.expected(message, held.r_bytes(), held.s_bytes()))
        .map(Option::unwrap_or_default)
        .collect();
    // An encoding made here is the canonical one, so an R that is not canonical equals none.
    EdwardsPoint::compress_batch_alloc(&expected)
        .iter()
        .zip(signatures)
        .map(|(expected, held)| {
            expected.as_bytes() == held.r_bytes() && !SMALL_ORDER.contains(held.r_bytes())
        })
        .collect()
}

#[cfg(test)]
#[path = "ready_key_test.rs"]
mod tests;
