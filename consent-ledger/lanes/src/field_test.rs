#![allow(clippy::expect_used, reason = "a test fails by panicking")]
#![allow(unsafe_code, reason = "instructions that were asked for")]

use super::*;
use crate::Lanes;
use proptest::prelude::*;

/// The largest limb there is between operations, and the largest a multiplication takes.
const LARGEST: u64 = (1 << 51) + (1 << 15) - 1;
const LARGEST_TIMES: u64 = (1 << 52) - 1;

/// p, in words of 64 bits, lowest first.
const P: [u64; 4] = [u64::MAX - 18, u64::MAX, u64::MAX, u64::MAX >> 1];

/// Numbers below p by their words: added bit by bit and word by word, with nothing of what is tested.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Slow([u64; 4]);

impl Slow {
    fn plus(self, other: Self) -> Self {
        let mut carry = 0;
        let mut sum = [0; 4];
        for (word, (a, b)) in sum.iter_mut().zip(self.0.into_iter().zip(other.0)) {
            let whole = u128::from(a) + u128::from(b) + carry;
            *word = whole as u64;
            carry = whole >> 64;
        }
        // Both are below 2^255: nothing is carried out.
        assert_eq!(carry, 0);
        let mut less = [0; 4];
        let mut borrow = false;
        for (word, (a, b)) in less.iter_mut().zip(sum.into_iter().zip(P)) {
            let (first, under) = a.overflowing_sub(b);
            let (second, under_too) = first.overflowing_sub(u64::from(borrow));
            (*word, borrow) = (second, under || under_too);
        }
        Self(if borrow { sum } else { less })
    }

    fn negative(self) -> Self {
        // (p - 1) · n = -n.
        let mut less_one = P;
        less_one[0] -= 1;
        self.times(Self(less_one))
    }

    fn times(self, other: Self) -> Self {
        (0..256).rev().fold(Self([0; 4]), |sum, bit| {
            let twice = sum.plus(sum);
            if other.0[bit / 64] >> (bit % 64) & 1 == 1 {
                twice.plus(self)
            } else {
                twice
            }
        })
    }

    fn of(limbs: [u64; 5]) -> Self {
        let shift = Self([1 << 51, 0, 0, 0]);
        limbs.into_iter().rev().fold(Self([0; 4]), |sum, limb| {
            sum.times(shift).plus(Self([limb, 0, 0, 0]))
        })
    }

    fn bytes(self) -> [u8; 32] {
        let bytes: Vec<u8> = self.0.into_iter().flat_map(u64::to_le_bytes).collect();
        bytes.try_into().expect("32 bytes")
    }
}

/// All operations of numbers in all lanes, each compared with the slow one.
fn check(numbers: [[u64; 5]; 8], others: [[u64; 5]; 8]) {
    if Lanes::detect().is_none() {
        eprintln!("left out: this processor has no AVX-512 IFMA");
        return;
    }
    // SAFETY: it has, or the test had ended.
    let results = unsafe { operations(numbers, others) };
    for lane in 0..8 {
        let (a, b) = (Slow::of(numbers[lane]), Slow::of(others[lane]));
        let [kept, sum, less, product, negative] = results.map(|lanes| lanes[lane]);
        for limb in [kept, sum, less, product].concat() {
            assert!(limb <= LARGEST, "{limb:x}");
        }
        let numbers = [kept, sum, less, product, negative].map(bytes_of);
        let slow = [
            a,
            a.plus(b),
            a.plus(b.negative()),
            a.times(b),
            a.times(b.negative()),
        ];
        assert_eq!(numbers, slow.map(Slow::bytes), "{a:?} {b:?}");
    }
}

/// The first as they are, sums, differences, products, and products with the second's negatives.
#[target_feature(enable = "avx512f,avx512ifma")]
fn operations(a: [[u64; 5]; 8], b: [[u64; 5]; 8]) -> [[[u64; 5]; 8]; 5] {
    let (a, b) = (Eight::from_limbs(a), Eight::from_limbs(b));
    let negative = Eight(b.negated());
    [a, a.add(b), a.sub(b), a.mul(b), a.mul(negative)].map(|lanes| lanes.to_limbs())
}

#[test]
fn limbs_at_the_edges_carry_as_they_should() {
    let p = [LIMB - 18, LIMB, LIMB, LIMB, LIMB];
    let one_less = [LIMB - 19, LIMB, LIMB, LIMB, LIMB];
    let one_more = [LIMB - 17, LIMB, LIMB, LIMB, LIMB];
    let edges = [
        [0; 5],
        [1, 0, 0, 0, 0],
        p,
        one_less,
        one_more,
        [LIMB; 5],
        [LARGEST; 5],
        [0, 0, 0, 0, LARGEST],
    ];
    for by in 0..8 {
        let mut others = edges;
        others.rotate_left(by);
        check(edges, others);
    }
}

#[test]
fn a_product_of_the_largest_limbs_fits() {
    if Lanes::detect().is_none() {
        return;
    }
    #[target_feature(enable = "avx512f,avx512ifma")]
    fn square(limbs: [u64; 5]) -> [u64; 5] {
        let number = Eight::same(limbs);
        number.mul(number).to_limbs()[7]
    }
    // SAFETY: the processor has them, or the test had ended.
    let square = unsafe { square([LARGEST_TIMES; 5]) };
    let slow = Slow::of([LARGEST_TIMES; 5]);
    assert_eq!(bytes_of(square), slow.times(slow).bytes());
}

#[test]
fn numbers_are_read_and_written_below_p() {
    for (limbs, first) in [
        ([LIMB - 18, LIMB, LIMB, LIMB, LIMB], 0),
        ([LIMB; 5], 18),
        ([LIMB + 1, LIMB, LIMB, LIMB, LIMB], 19),
    ] {
        let mut bytes = [0; 32];
        bytes[0] = first;
        assert_eq!(bytes_of(limbs), bytes);
    }
    let most = [LARGEST_TIMES; 5];
    assert_eq!(bytes_of(most), Slow::of(most).bytes());
}

fn limbs(largest: u64) -> impl Strategy<Value = [[u64; 5]; 8]> {
    proptest::array::uniform8(proptest::array::uniform5(0..=largest))
}

proptest! {
    #[test]
    fn all_operations_are_those_of_the_field(a in limbs(LARGEST), b in limbs(LARGEST)) {
        check(a, b);
    }

    #[test]
    fn a_number_is_read_and_written(words: [u64; 4]) {
        let bytes: Vec<u8> = words.into_iter().flat_map(u64::to_le_bytes).collect();
        let bytes: [u8; 32] = bytes.try_into().expect("32 bytes");
        let limbs = limbs_of(&bytes);
        prop_assert!(limbs.iter().all(|&limb| limb <= LIMB));
        prop_assert_eq!(bytes_of(limbs), Slow::of(limbs).bytes());
        let mut same = bytes;
        same[31] &= 0x7f;
        if limbs[4] < LIMB {
            prop_assert_eq!(bytes_of(limbs), same);
        }
    }

    #[test]
    fn an_inverse_times_its_number_is_one(numbers in proptest::collection::vec(limbs(LARGEST), 0..5)) {
        if Lanes::detect().is_none() {
            return Ok(());
        }
        #[target_feature(enable = "avx512f,avx512ifma")]
        fn products(numbers: &[[[u64; 5]; 8]]) -> Vec<[[u64; 5]; 8]> {
            let numbers: Vec<Eight> = numbers.iter().map(|n| Eight::from_limbs(*n)).collect();
            let inverses = Eight::inverses(&numbers);
            numbers.iter().zip(inverses).map(|(n, inverse)| n.mul(inverse).to_limbs()).collect()
        }
        // SAFETY: the processor has them, or the test had ended.
        let products = unsafe { products(&numbers) };
        prop_assert_eq!(products.len(), numbers.len());
        for product in products.concat() {
            prop_assert_eq!(bytes_of(product), Slow([1, 0, 0, 0]).bytes());
        }
    }
}
