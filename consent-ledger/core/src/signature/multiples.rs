//! Multiples of one point, looked up and added: a scalar multiplication without a doubling.
//!
//! With windows of `bits` bits, row `i` holds 1 to 2^(bits - 1) times 2^(bits · i) · P. A scalar is written with one digit
//! a row, from -2^(bits - 1) + 1 to 2^(bits - 1); the digit's size says which point of its row, its sign whether that point
//! is added or subtracted. Whole numbers throughout: for a point of any order the result is the scalar's own multiple.
//!
//! Time and memory accesses depend on the scalar. It is for what everybody may know: signatures, never secrets.

use curve25519_dalek::{EdwardsPoint, Scalar};

/// One more than the 253 bits of a scalar below the group's order: room for the last carry.
const SCALAR_BITS: usize = 254;

/// The multiples of one point that are needed to multiply it by any scalar, in whatever form they are added.
#[derive(Clone)]
pub(super) struct Multiples<P> {
    bits: usize,
    points: Vec<P>,
}

impl Multiples<EdwardsPoint> {
    /// For windows of 2 to 16 bits: as many additions as there are points.
    pub(super) fn new(point: EdwardsPoint, bits: usize) -> Self {
        let rows = SCALAR_BITS.div_ceil(bits);
        let mut points = Vec::with_capacity(rows << (bits - 1));
        let mut first = point;
        for _ in 0..rows {
            let mut multiple = first;
            for _ in 1..1 << (bits - 1) {
                points.push(multiple);
                multiple += first;
            }
            points.push(multiple);
            first = multiple + multiple;
        }
        Self { bits, points }
    }

    /// The same in another form.
    pub(super) fn map<P>(self, f: impl FnOnce(&[EdwardsPoint]) -> Vec<P>) -> Multiples<P> {
        Multiples {
            bits: self.bits,
            points: f(&self.points),
        }
    }
}

impl<P> Multiples<P> {
    /// What sums to the scalar's multiple: points, and whether each is to be subtracted.
    pub(super) fn terms(&self, scalar: &Scalar) -> impl Iterator<Item = (&P, bool)> {
        let rows = self.points.chunks_exact(1 << (self.bits - 1));
        digits(scalar, self.bits)
            .zip(rows)
            .filter_map(|(digit, row)| {
                let place = (digit.unsigned_abs() as usize).checked_sub(1)?;
                Some((row.get(place)?, digit < 0))
            })
    }
}

/// The sum of some terms.
pub(super) fn sum(terms: &[(EdwardsPoint, bool)]) -> EdwardsPoint {
    terms
        .iter()
        .fold(EdwardsPoint::default(), |sum, (point, negative)| {
            if *negative { sum - point } else { sum + point }
        })
}

/// The digits of a scalar, lowest first: Σ digit · 2^(bits · i), each from -2^(bits - 1) + 1 to 2^(bits - 1).
///
/// What a window and the carry from below hold beyond 2^(bits - 1) is taken from the next window. The last one ends at or
/// above bit 253, which no scalar has: it is at most 2^(bits - 1) with the carry, and carries nothing further.
fn digits(scalar: &Scalar, bits: usize) -> impl Iterator<Item = i32> {
    let bytes = scalar.to_bytes();
    let mut carry = 0;
    (0..SCALAR_BITS.div_ceil(bits)).map(move |row| {
        let whole = window(&bytes, row * bits, bits) + carry;
        carry = i32::from(whole > 1 << (bits - 1));
        whole - (carry << bits)
    })
}

/// Up to 16 bits of a little-endian number, from bit `at` on; zero beyond its end.
fn window(bytes: &[u8; 32], at: usize, bits: usize) -> i32 {
    let byte = |place: usize| bytes.get(place).map_or(0, |&byte| i32::from(byte));
    let place = at / 8;
    let three = byte(place) | byte(place + 1) << 8 | byte(place + 2) << 16;
    three >> (at % 8) & ((1 << bits) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
    use proptest::prelude::*;

    /// 0, 1, l - 1, the powers of two on both sides of each window's end, and halves that carry all the way up.
    fn edges() -> Vec<Scalar> {
        let mut edges = vec![Scalar::ZERO, Scalar::ONE, -Scalar::ONE, -Scalar::from(2_u8)];
        let mut power = Scalar::ONE;
        for _ in 0..252 {
            power += power;
            edges.extend([power, power - Scalar::ONE, power + Scalar::ONE, -power]);
        }
        for byte in [0x7f, 0x80, 0x81, 0xaa, 0x55, 0xff] {
            let mut bytes = [byte; 32];
            bytes[31] = 0x0f;
            edges.extend(Option::<Scalar>::from(Scalar::from_canonical_bytes(bytes)));
        }
        edges
    }

    fn check_digits(scalar: Scalar) {
        for bits in 2..=16 {
            let half = 1 << (bits - 1);
            let found: Vec<i32> = digits(&scalar, bits).collect();
            assert!(found.iter().all(|&digit| -half < digit && digit <= half));
            let back = found.iter().rev().fold(Scalar::ZERO, |sum, &digit| {
                let size = Scalar::from(digit.unsigned_abs());
                let shifted = sum * Scalar::from(1_u32 << bits);
                shifted + if digit < 0 { -size } else { size }
            });
            assert_eq!(back, scalar, "{bits} bits of {scalar:?}");
            // As whole numbers too, not only modulo l: the digits above zero less those below make the bytes again.
            assert_eq!(bytes_of(&found, bits), scalar.to_bytes());
        }
    }

    /// The number of some digits, in 256 bits with carries and borrows.
    fn bytes_of(digits: &[i32], bits: usize) -> [u8; 32] {
        let mut number = [0_i64; 300];
        for (row, &digit) in digits.iter().enumerate() {
            number[row * bits] += i64::from(digit);
        }
        let mut bytes = [0; 32];
        let mut carry = 0;
        for (at, bit) in number.iter().enumerate() {
            let whole = bit + carry;
            let here = whole.rem_euclid(2);
            carry = (whole - here) / 2;
            if at < 256 {
                bytes[at / 8] |= u8::try_from(here << (at % 8)).unwrap();
            } else {
                assert_eq!(here, 0);
            }
        }
        assert_eq!(carry, 0);
        bytes
    }

    #[test]
    fn the_digits_of_scalars_at_the_edges_make_them_again() {
        edges().into_iter().for_each(check_digits);
    }

    #[test]
    fn the_multiples_are_those_of_a_scalar_multiplication_for_points_of_any_order() {
        let mixed = ED25519_BASEPOINT_POINT + EIGHT_TORSION[1];
        for point in [ED25519_BASEPOINT_POINT, mixed, EIGHT_TORSION[3]] {
            for bits in [2, 5, 6, 7, 10] {
                let multiples = Multiples::new(point, bits);
                for scalar in edges()
                    .into_iter()
                    .step_by(7)
                    .chain(edges().into_iter().take(4))
                {
                    let terms: Vec<_> = multiples.terms(&scalar).map(|(&p, n)| (p, n)).collect();
                    assert_eq!(sum(&terms), point * scalar, "{bits} bits, {scalar:?}");
                }
            }
        }
    }

    proptest! {
        #[test]
        fn the_digits_of_any_scalar_make_it_again(bytes: [u8; 32]) {
            check_digits(Scalar::from_bytes_mod_order(bytes));
        }
    }
}
