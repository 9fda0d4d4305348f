//! Eight numbers modulo p = 2^255 - 19, one in each lane.
//!
//! A number is Σ limb_i · 2^(51 · i) of five limbs; it may be written in more than one way. **Every limb of an [`Eight`] is
//! below 2^51 + 2^15**, which each operation ends with ([`carried`]) and begins with: a limb less is taken from is above it
//! ([`TWICE_P`]), and a multiplication reads no more than 52 bits of one.

use std::arch::x86_64::*;

/// Eight numbers.
#[derive(Clone, Copy)]
pub(crate) struct Eight(pub(crate) [__m512i; 5]);

const LIMB: u64 = (1 << 51) - 1;
/// 2 · p: what is added before a subtraction. Its limbs are above those of whatever is subtracted.
const TWICE_P: [u64; 5] = [2 * (LIMB - 18), 2 * LIMB, 2 * LIMB, 2 * LIMB, 2 * LIMB];

impl Eight {
    /// One number in each lane.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn from_limbs(n: [[u64; 5]; 8]) -> Self {
        let row = |i: usize| {
            let lane = |of: usize| n[of][i].cast_signed();
            _mm512_setr_epi64(
                lane(0),
                lane(1),
                lane(2),
                lane(3),
                lane(4),
                lane(5),
                lane(6),
                lane(7),
            )
        };
        Self([row(0), row(1), row(2), row(3), row(4)])
    }

    /// The same number in all lanes.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn same(limbs: [u64; 5]) -> Self {
        Self::from_limbs([limbs; 8])
    }

    /// The number of each lane.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn to_limbs(self) -> [[u64; 5]; 8] {
        let mut limbs = [[0; 5]; 8];
        for (i, row) in self.0.into_iter().enumerate() {
            let (low, high) = (
                _mm512_castsi512_si256(row),
                _mm512_extracti64x4_epi64(row, 1),
            );
            let lanes = [
                _mm256_extract_epi64(low, 0),
                _mm256_extract_epi64(low, 1),
                _mm256_extract_epi64(low, 2),
                _mm256_extract_epi64(low, 3),
                _mm256_extract_epi64(high, 0),
                _mm256_extract_epi64(high, 1),
                _mm256_extract_epi64(high, 2),
                _mm256_extract_epi64(high, 3),
            ];
            for (limbs, lane) in limbs.iter_mut().zip(lanes) {
                limbs[i] = lane.cast_unsigned();
            }
        }
        limbs
    }

    /// In each lane what is so many lanes further on; after the last comes the first.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn shifted(self, further: i64) -> Self {
        let own = _mm512_setr_epi64(0, 1, 2, 3, 4, 5, 6, 7);
        let places = _mm512_add_epi64(own, _mm512_set1_epi64(further));
        // Of a place's number the lowest three bits count.
        Self(self.0.map(|limb| _mm512_permutexvar_epi64(places, limb)))
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn add(self, other: Self) -> Self {
        let mut sum = self.0;
        for (limb, other) in sum.iter_mut().zip(other.0) {
            *limb = _mm512_add_epi64(*limb, other);
        }
        carried(sum)
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn sub(self, other: Self) -> Self {
        let mut sum = self.0;
        for (limb, less) in sum.iter_mut().zip(other.negated()) {
            *limb = _mm512_add_epi64(*limb, less);
        }
        carried(sum)
    }

    /// 2 · p less each number: a number's negative, in limbs of up to 2^52 - 2, so it may be multiplied as it is.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn negated(self) -> [__m512i; 5] {
        let mut less = self.0;
        for (limb, twice) in less.iter_mut().zip(TWICE_P) {
            *limb = _mm512_sub_epi64(_mm512_set1_epi64(twice.cast_signed()), *limb);
        }
        less
    }

    /// Schoolbook multiplication. A product of two limbs has a lower part of 52 bits, of weight 2^(51 · (i + j)), and a
    /// higher one, of twice the weight of the next limb. Each column has at most five of either: below 15 · 2^52. From 2^255
    /// on a column counts 19 times (2^255 = 19 modulo p) for the one five below: below 20 · 15 · 2^52 < 2^61 in all.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn mul(self, other: Self) -> Self {
        let zero = _mm512_setzero_si512();
        let (mut low, mut high) = ([zero; 10], [zero; 10]);
        for i in 0..5 {
            for j in 0..5 {
                low[i + j] = _mm512_madd52lo_epu64(low[i + j], self.0[i], other.0[j]);
                high[i + j + 1] = _mm512_madd52hi_epu64(high[i + j + 1], self.0[i], other.0[j]);
            }
        }
        let mut limbs = [zero; 5];
        for (i, limb) in limbs.iter_mut().enumerate() {
            let here = _mm512_add_epi64(low[i], _mm512_slli_epi64(high[i], 1));
            let over = _mm512_add_epi64(low[i + 5], _mm512_slli_epi64(high[i + 5], 1));
            let over_3 = _mm512_add_epi64(over, _mm512_slli_epi64(over, 1));
            let over_19 = _mm512_add_epi64(over_3, _mm512_slli_epi64(over, 4));
            *limb = _mm512_add_epi64(here, over_19);
        }
        carried(limbs)
    }

    /// Squared `times` times.
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn squared(self, times: usize) -> Self {
        (0..times).fold(self, |n, _| n.mul(n))
    }

    /// The inverse, n^(p - 2): the exponent has 250 ones, then 01011. Zero's is zero.
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn inverse(self) -> Self {
        let ones_2 = self.squared(1).mul(self);
        let ones_4 = ones_2.squared(2).mul(ones_2);
        let ones_5 = ones_4.squared(1).mul(self);
        let ones_10 = ones_5.squared(5).mul(ones_5);
        let ones_20 = ones_10.squared(10).mul(ones_10);
        let ones_40 = ones_20.squared(20).mul(ones_20);
        let ones_50 = ones_40.squared(10).mul(ones_10);
        let ones_100 = ones_50.squared(50).mul(ones_50);
        let ones_200 = ones_100.squared(100).mul(ones_100);
        let ones_250 = ones_200.squared(50).mul(ones_50);
        let then_01 = ones_250.squared(2).mul(self);
        then_01.squared(3).mul(ones_2)
    }

    /// The inverses of some numbers, by one inversion. None of them may be zero.
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(crate) fn inverses(numbers: &[Self]) -> Vec<Self> {
        let mut product = Self::same([1, 0, 0, 0, 0]);
        let mut before = Vec::with_capacity(numbers.len());
        for number in numbers {
            before.push(product);
            product = product.mul(*number);
        }
        let mut inverse = product.inverse();
        for (before, number) in before.iter_mut().zip(numbers).rev() {
            *before = before.mul(inverse);
            inverse = inverse.mul(*number);
        }
        before
    }
}

/// A number of limbs below 2^61 in limbs below 2^51 + 2^15: what a limb has from bit 51 on, less than 2^10, goes to the next,
/// of the last 19 times to the first.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn carried(limbs: [__m512i; 5]) -> Eight {
    let mask = _mm512_set1_epi64(LIMB.cast_signed());
    let nineteen = _mm512_set1_epi64(19);
    let [a, b, c, d, e] = limbs.map(|limb| _mm512_and_si512(limb, mask));
    let [from_a, from_b, from_c, from_d, from_e] = limbs.map(|limb| _mm512_srli_epi64(limb, 51));
    Eight([
        _mm512_madd52lo_epu64(a, from_e, nineteen),
        _mm512_add_epi64(b, from_a),
        _mm512_add_epi64(c, from_b),
        _mm512_add_epi64(d, from_c),
        _mm512_add_epi64(e, from_d),
    ])
}

/// The limbs of 255 bits in little-endian order; bit 255 is passed over.
pub(crate) fn limbs_of(bytes: &[u8; 32]) -> [u64; 5] {
    let from = |bit: usize| {
        let mut eight = [0; 8];
        let rest = &bytes[bit / 8..];
        let some = rest.len().min(8);
        eight[..some].copy_from_slice(&rest[..some]);
        u64::from_le_bytes(eight) >> (bit % 8) & LIMB
    };
    [from(0), from(51), from(102), from(153), from(204)]
}

/// The one number below p, in little-endian order.
pub(crate) fn bytes_of(limbs: [u64; 5]) -> [u8; 32] {
    // Below 2^255 + 19 after one round of carries, below 2^255 after the second.
    let [mut a, mut b, mut c, mut d, mut e] = round(round(limbs));
    // Whether it is p or more: then adding 19 reaches 2^255.
    let over = [b, c, d, e]
        .into_iter()
        .fold((a + 19) >> 51, |carry, limb| (limb + carry) >> 51);
    a += 19 * over;
    b += a >> 51;
    c += b >> 51;
    d += c >> 51;
    e += d >> 51;
    [a, b, c, d, e] = [a, b, c, d, e].map(|limb| limb & LIMB);
    let words = [
        a | b << 51,
        b >> 13 | c << 38,
        c >> 26 | d << 25,
        d >> 39 | e << 12,
    ];
    let mut bytes = [0; 32];
    for (eight, word) in bytes.chunks_exact_mut(8).zip(words) {
        eight.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

/// Each limb's carry to the next, one after the other, and the last one's to the first.
fn round([a, b, c, d, e]: [u64; 5]) -> [u64; 5] {
    let b = b + (a >> 51);
    let c = c + (b >> 51);
    let d = d + (c >> 51);
    let e = e + (d >> 51);
    let [a, b, c, d, rest] = [a, b, c, d, e].map(|limb| limb & LIMB);
    [a + 19 * (e >> 51), b, c, d, rest]
}

#[cfg(test)]
#[path = "field_test.rs"]
mod tests;
