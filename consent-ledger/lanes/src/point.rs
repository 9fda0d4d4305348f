//! Points in the lanes. The curve is -x² + y² = 1 + d·x²·y²; d is no square, so the one formula of addition holds for all
//! pairs of points, of whatever order (Hisil, Wong, Carter, Dawson 2008, §3.1).

use crate::Pick;
use crate::field::{Eight, bytes_of, limbs_of};
use curve25519_dalek::EdwardsPoint;
use curve25519_dalek::constants::ED25519_BASEPOINT_POINT;
use std::arch::x86_64::*;

const ONE: [u64; 5] = [1, 0, 0, 0, 0];
/// d = -121665/121666 (RFC 8032 §5.1), in little-endian order.
const D: [u8; 32] = [
    0xa3, 0x78, 0x59, 0x13, 0xca, 0x4d, 0xeb, 0x75, 0xab, 0xd8, 0x41, 0x41, 0x4d, 0x0a, 0x70, 0x00,
    0x98, 0xe8, 0x79, 0x77, 0x79, 0x40, 0xc7, 0x8c, 0x73, 0xfe, 0x6f, 0x2b, 0xee, 0x6c, 0x03, 0x52,
];
/// x of the base point (RFC 8032 §5.1), in little-endian order.
const BASE_X: [u8; 32] = [
    0x1a, 0xd5, 0x25, 0x8f, 0x60, 0x2d, 0x56, 0xc9, 0xb2, 0xa7, 0x25, 0x95, 0x60, 0xc7, 0x2c, 0x69,
    0x5c, 0xdc, 0xd6, 0xfd, 0x31, 0xe2, 0xa4, 0xc0, 0xfe, 0x53, 0x6e, 0xcd, 0xd3, 0x36, 0x69, 0x21,
];

/// A point ready to be added: five limbs of y + x, five of y - x, five of 2·d·x·y, and nothing.
#[derive(Clone, Copy, Debug)]
pub struct Entry([__m512i; 2]);

/// Eight points ready to be added.
#[derive(Clone, Copy)]
struct Niels {
    plus: Eight,
    minus: Eight,
    product: Eight,
}

impl Niels {
    /// The identity in all lanes.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn identity() -> Self {
        Self {
            plus: Eight::same(ONE),
            minus: Eight::same(ONE),
            product: Eight::same([0; 5]),
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn to_entries(self) -> [Entry; 8] {
        let ([p, m, t], zero) = (
            [self.plus.0, self.minus.0, self.product.0],
            _mm512_setzero_si512(),
        );
        let first = transposed([p[0], p[1], p[2], p[3], p[4], m[0], m[1], m[2]]);
        let second = transposed([m[3], m[4], t[0], t[1], t[2], t[3], t[4], zero]);
        let entry = |lane: usize| Entry([first[lane], second[lane]]);
        [
            entry(0),
            entry(1),
            entry(2),
            entry(3),
            entry(4),
            entry(5),
            entry(6),
            entry(7),
        ]
    }

    /// What was picked, in each lane; a point -P has y + x and y - x of P the other way around, and 2·d·x·y negative.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn picked(picks: [Pick<'_>; 8]) -> Self {
        let row = |half: usize| transposed(picks.map(|pick| pick.entry.0[half]));
        let ([a, b, c, d, e, f, g, h], [i, j, k, l, m, n, o, _]) = (row(0), row(1));
        let (plus, minus) = ([a, b, c, d, e], [f, g, h, i, j]);
        let product = Eight([k, l, m, n, o]);
        let negative = (0..8).fold(0, |mask, lane| {
            mask | u8::from(picks[lane].negative) << lane
        });
        Self {
            plus: Eight(either(negative, plus, minus)),
            minus: Eight(either(negative, minus, plus)),
            product: Eight(either(negative, product.0, product.negated())),
        }
    }
}

/// In each lane what `no` has, or, where the mask has a one, what `yes` has.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn either(mask: u8, no: [__m512i; 5], yes: [__m512i; 5]) -> [__m512i; 5] {
    let mut limbs = no;
    for (limb, yes) in limbs.iter_mut().zip(yes) {
        *limb = _mm512_mask_blend_epi64(mask, *limb, yes);
    }
    limbs
}

/// Rows for columns.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn transposed(rows: [__m512i; 8]) -> [__m512i; 8] {
    let [a, b, c, d, e, f, g, h] = rows;
    // Pairs of rows: of each pair of columns the one, then the other.
    let low = |a, b| _mm512_unpacklo_epi64(a, b);
    let high = |a, b| _mm512_unpackhi_epi64(a, b);
    // Quarters of 128 bits: 0 and 2 of both, or 1 and 3.
    let even = |a, b| _mm512_shuffle_i64x2(a, b, 0b10_00_10_00);
    let odd = |a, b| _mm512_shuffle_i64x2(a, b, 0b11_01_11_01);
    let four = |[p, q, r, s]: [__m512i; 4]| {
        let (upper_even, lower_even) = (even(p, q), even(r, s));
        let (upper_odd, lower_odd) = (odd(p, q), odd(r, s));
        [
            even(upper_even, lower_even),
            even(upper_odd, lower_odd),
            odd(upper_even, lower_even),
            odd(upper_odd, lower_odd),
        ]
    };
    let [r0, r2, r4, r6] = four([low(a, b), low(c, d), low(e, f), low(g, h)]);
    let [r1, r3, r5, r7] = four([high(a, b), high(c, d), high(e, f), high(g, h)]);
    [r0, r1, r2, r3, r4, r5, r6, r7]
}

/// Eight sums so far: x = X/Z, y = Y/Z, x·y = T/Z.
#[derive(Clone, Copy)]
struct Sum {
    x: Eight,
    y: Eight,
    z: Eight,
    t: Eight,
}

impl Sum {
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn identity() -> Self {
        let (zero, one) = (Eight::same([0; 5]), Eight::same(ONE));
        Self {
            x: zero,
            y: one,
            z: one,
            t: zero,
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn add(self, point: &Niels) -> Self {
        self.add_over(point, self.z)
    }

    /// Adds points over a Z of their own: `z` is the product of both.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn add_over(self, point: &Niels, z: Eight) -> Self {
        let a = self.y.sub(self.x).mul(point.minus);
        let b = self.y.add(self.x).mul(point.plus);
        let c = self.t.mul(point.product);
        let d = z.add(z);
        let (e, f, g, h) = (b.sub(a), d.sub(c), d.add(c), b.add(a));
        Self {
            x: e.mul(f),
            y: g.mul(h),
            z: f.mul(g),
            t: e.mul(h),
        }
    }

    /// Adds to each lane the one so many further on.
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn add_lane(self, further: i64) -> Self {
        let [x, y, z, t] = [self.x, self.y, self.z, self.t].map(|n| n.shifted(further));
        let product = t.mul(Eight::same(limbs_of(&D)));
        let other = Niels {
            plus: y.add(x),
            minus: y.sub(x),
            product: product.add(product),
        };
        self.add_over(&other, self.z.mul(z))
    }
}

/// Sums, eight by eight, encoded.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(crate) fn encoded_sums(sums: &[Vec<Pick<'_>>]) -> Vec<[u8; 32]> {
    let [zero, ..] = Niels::identity().to_entries();
    let none = Pick {
        entry: &zero,
        negative: false,
    };
    let mut terms = Vec::new();
    let mut points = Vec::with_capacity(sums.len().div_ceil(8));
    for eight in sums.chunks(8) {
        // Each sum has so many lanes to itself, with a part of its terms in each.
        let lanes = 8 / eight.len().next_power_of_two();
        let longest = eight.iter().map(Vec::len).max().unwrap_or_default();
        // Brought together before the first is added: the processor fetches them at once, not one after the other.
        terms.clear();
        terms.extend((0..longest.div_ceil(lanes)).map(|at| {
            let mut picks = [none; 8];
            for (picks, sum) in picks.chunks_exact_mut(lanes).zip(eight) {
                let rest = sum.get(at * lanes..).unwrap_or_default();
                for (pick, term) in picks.iter_mut().zip(rest) {
                    *pick = *term;
                }
            }
            Niels::picked(picks)
        }));
        let mut parts = terms
            .iter()
            .fold(Sum::identity(), |sum, point| sum.add(point));
        let mut further = lanes / 2;
        while further > 0 {
            parts = parts.add_lane(further as i64);
            further /= 2;
        }
        points.push(parts);
    }
    // The formula is complete: no Z is zero.
    let z: Vec<Eight> = points.iter().map(|point| point.z).collect();
    let mut encoded = Vec::with_capacity(sums.len());
    for ((point, inverse), eight) in points.iter().zip(Eight::inverses(&z)).zip(sums.chunks(8)) {
        let x = point.x.mul(inverse).to_limbs();
        let y = point.y.mul(inverse).to_limbs();
        let lanes = 8 / eight.len().next_power_of_two();
        let first_of_each = x.into_iter().zip(y).step_by(lanes);
        encoded.extend(first_of_each.take(eight.len()).map(|(x, y)| {
            let mut bytes = bytes_of(y);
            bytes[31] |= bytes_of(x)[0] << 7;
            bytes
        }));
    }
    encoded
}

/// Points made ready to be added.
///
/// Their y is in their encoding. Their x, of which that has one bit only, is told by the y of another sum: with the base
/// point (x', y') the sum's is y'' = (y·y' + x·x') / (1 - d·x·x'·y·y'), so x·x' = (y'' - y·y') / (1 + d·y''·y·y').
/// What is divided by is never zero: otherwise y'' = y·y' too, and -1/d were a square; -1 is one and d is not.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(crate) fn niels(points: &[EdwardsPoint]) -> Vec<Entry> {
    let count = points.len();
    let mut points = points.to_vec();
    points.resize(count.next_multiple_of(8), EdwardsPoint::default());
    let y = y_of(&points);
    for point in &mut points {
        *point += ED25519_BASEPOINT_POINT;
    }
    let y_moved = y_of(&points);
    let (d, one) = (Eight::same(limbs_of(&D)), Eight::same(ONE));
    let base_x = Eight::same(limbs_of(&BASE_X));
    let base_y = Eight::same(limbs_of(&ED25519_BASEPOINT_POINT.compress().to_bytes()));
    let divisor = |(y, moved): (&Eight, &Eight)| {
        let both = d.mul(*moved).mul(*y).mul(base_y);
        one.add(both).mul(base_x)
    };
    let divisors: Vec<Eight> = y.iter().zip(&y_moved).map(divisor).collect();
    let mut entries = Vec::with_capacity(points.len());
    for ((y, moved), inverse) in y.iter().zip(y_moved).zip(Eight::inverses(&divisors)) {
        let x = moved.sub(y.mul(base_y)).mul(inverse);
        let product = d.mul(x).mul(*y);
        let ready = Niels {
            plus: y.add(x),
            minus: y.sub(x),
            product: product.add(product),
        };
        entries.extend(ready.to_entries());
    }
    entries.truncate(count);
    entries
}

/// The y of some points, eight by eight.
#[target_feature(enable = "avx512f,avx512ifma")]
fn y_of(points: &[EdwardsPoint]) -> Vec<Eight> {
    let encoded = EdwardsPoint::compress_batch_alloc(points);
    let limbs: Vec<[u64; 5]> = encoded.iter().map(|y| limbs_of(y.as_bytes())).collect();
    let (eights, _) = limbs.as_chunks::<8>();
    eights
        .iter()
        .map(|eight| Eight::from_limbs(*eight))
        .collect()
}

#[cfg(test)]
#[path = "point_test.rs"]
mod tests;
