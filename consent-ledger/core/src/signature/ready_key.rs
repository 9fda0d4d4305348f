//! Many signatures at once, and keys that are used again and again: the same answers as [`VerifyingKey::verify`], sooner.

use super::multiples::{Multiples, sum};
use super::{SMALL_ORDER, Signature, VerifyingKey};
use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use curve25519_dalek::{EdwardsPoint, Scalar};
use sekisho_lanes::{Entry, Lanes, Pick};
use sha2::{Digest, Sha512};
use std::fmt;
use std::sync::LazyLock;

/// Bits of a window of the base point's table: 26 additions a check, and 2 MiB for the process.
const BASE_BITS: usize = 10;
/// The same for the lanes: 32 additions, and 512 KiB. There an addition costs less than to fetch what is added from far away.
const BASE_BITS_IN_LANES: usize = 8;
/// Bits of a window of a key's table: 43 additions a check, and 215 KiB a key; 172 KiB for the lanes.
const KEY_BITS: usize = 6;

/// The most points there are to add: of both tables together.
const TERMS_MAX: usize = 80;

static BASE: LazyLock<Multiples<EdwardsPoint>> =
    LazyLock::new(|| Multiples::new(ED25519_BASEPOINT_POINT, BASE_BITS));
/// The same for the lanes, where the processor has them.
static BASE_IN_LANES: LazyLock<Option<(Lanes, Multiples<Entry>)>> = LazyLock::new(|| {
    let lanes = Lanes::detect()?;
    let base = Multiples::new(ED25519_BASEPOINT_POINT, BASE_BITS_IN_LANES);
    Some((lanes, base.map(|points| lanes.entries(points))))
});

/// A key ready for [`verify_many`], with a table of its multiples or without. The table takes as long to make as some
/// fifteen checks save with it, and 215 KiB of memory.
#[derive(Clone)]
pub struct ReadyKey {
    bytes: [u8; 32],
    /// -A, as the equation has it.
    negated: EdwardsPoint,
    table: Option<Table>,
}

#[derive(Clone)]
enum Table {
    Points(Multiples<EdwardsPoint>),
    InLanes(Multiples<Entry>),
}

impl ReadyKey {
    /// The key without a table.
    pub fn new(key: &VerifyingKey) -> Self {
        Self {
            bytes: key.0.to_bytes(),
            negated: -key.0.to_edwards(),
            table: None,
        }
    }

    /// The same key with a table.
    #[must_use]
    pub fn with_table(&self) -> Self {
        self.with_table_for(Lanes::detect())
    }

    fn with_table_for(&self, lanes: Option<Lanes>) -> Self {
        let points = Multiples::new(self.negated, KEY_BITS);
        let table = match lanes {
            Some(lanes) => Table::InLanes(points.map(|points| lanes.entries(points))),
            None => Table::Points(points),
        };
        Self {
            table: Some(table),
            ..*self
        }
    }

    /// The same key without a table.
    #[must_use]
    pub fn without_table(&self) -> Self {
        Self {
            table: None,
            ..*self
        }
    }

    /// Whether it has a table.
    pub fn has_table(&self) -> bool {
        self.table.is_some()
    }

    /// The scalars of the R that a signature would have to have, S·B - k·A (RFC 8032 §5.1.7): S and k. `None` where S is
    /// not reduced.
    fn scalars(&self, message: &[u8], signature: &ed25519_dalek::Signature) -> Option<[Scalar; 2]> {
        let s = Option::<Scalar>::from(Scalar::from_canonical_bytes(*signature.s_bytes()))?;
        let hash = Sha512::new()
            .chain_update(signature.r_bytes())
            .chain_update(self.bytes)
            .chain_update(message);
        let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
        Some([s, k])
    }

    /// S·B - k·A, without the lanes.
    fn sum(&self, [s, k]: &[Scalar; 2]) -> EdwardsPoint {
        let Some(Table::Points(multiples)) = &self.table else {
            return EdwardsPoint::vartime_double_scalar_mul_basepoint(k, &self.negated, s);
        };
        // Copied, so that the processor fetches all of them at once instead of waiting for each when it is added.
        let mut terms = Vec::with_capacity(TERMS_MAX);
        terms.extend(
            BASE.terms(s)
                .chain(multiples.terms(k))
                .map(|(&p, negative)| (p, negative)),
        );
        sum(&terms)
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
/// inversion, with which the points computed are encoded, and where the processor has [`Lanes`] eight by keys with a table
/// are computed together.
pub fn verify_many(checks: &[(&ReadyKey, &[u8], &Signature)]) -> Vec<bool> {
    let held = |signature: &Signature| ed25519_dalek::Signature::from_bytes(&signature.0);
    let (mut alone, mut points) = (Vec::new(), Vec::new());
    let (mut together, mut sums) = (Vec::new(), Vec::new());
    for (at, (key, message, signature)) in checks.iter().enumerate() {
        // What S or k is missing for never holds.
        let Some(scalars) = key.scalars(message, &held(signature)) else {
            continue;
        };
        if let (Some(Table::InLanes(multiples)), Some((_, base))) = (&key.table, &*BASE_IN_LANES) {
            let [s, k] = &scalars;
            let terms = base.terms(s).chain(multiples.terms(k));
            together.push(at);
            let mut picks = Vec::with_capacity(TERMS_MAX);
            picks.extend(terms.map(|(entry, negative)| Pick { entry, negative }));
            sums.push(picks);
        } else {
            alone.push(at);
            points.push(key.sum(&scalars));
        }
    }
    let mut expected = vec![None; checks.len()];
    let encoded = EdwardsPoint::compress_batch_alloc(&points);
    for (at, encoded) in alone.into_iter().zip(encoded) {
        expected[at] = Some(encoded.to_bytes());
    }
    if let Some((lanes, _)) = &*BASE_IN_LANES {
        for (at, encoded) in together.into_iter().zip(lanes.sums(&sums)) {
            expected[at] = Some(encoded);
        }
    }
    // An encoding made here is the canonical one, so an R that is not canonical equals none.
    checks
        .iter()
        .zip(expected)
        .map(|((_, _, signature), expected)| {
            let r = *held(signature).r_bytes();
            expected == Some(r) && !SMALL_ORDER.contains(&r)
        })
        .collect()
}

#[cfg(test)]
#[path = "ready_key_test.rs"]
mod tests;
