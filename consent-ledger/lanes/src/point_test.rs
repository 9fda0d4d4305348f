#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use crate::{Lanes, Pick};
use curve25519_dalek::constants::{ED25519_BASEPOINT_POINT, EIGHT_TORSION};
use curve25519_dalek::{EdwardsPoint, Scalar};
use proptest::prelude::*;
use proptest::sample::Index;

/// Some sums in the lanes, each compared with curve25519-dalek's.
fn check(points: &[EdwardsPoint], sums: &[Vec<(usize, bool)>]) {
    let Some(lanes) = Lanes::detect() else {
        eprintln!("left out: this processor has no AVX-512 IFMA");
        return;
    };
    let entries = lanes.entries(points);
    assert_eq!(entries.len(), points.len());
    let picks: Vec<Vec<Pick<'_>>> = sums
        .iter()
        .map(|sum| {
            let pick = |&(at, negative): &(usize, bool)| Pick {
                entry: &entries[at],
                negative,
            };
            sum.iter().map(pick).collect()
        })
        .collect();
    let slow: Vec<[u8; 32]> = sums
        .iter()
        .map(|sum| {
            let sum = sum
                .iter()
                .fold(EdwardsPoint::default(), |sum, &(at, negative)| {
                    if negative {
                        sum - points[at]
                    } else {
                        sum + points[at]
                    }
                });
            sum.compress().to_bytes()
        })
        .collect();
    assert_eq!(lanes.sums(&picks), slow);
}

/// The identity, the other points of small order, the base point and its negative (with which the sum that tells x is the
/// identity), and points that differ from these by one of small order.
fn odd_points() -> Vec<EdwardsPoint> {
    let base = ED25519_BASEPOINT_POINT;
    let mut points = EIGHT_TORSION.to_vec();
    for point in EIGHT_TORSION {
        points.extend([base + point, point - base, base + base + point]);
    }
    points
}

#[test]
fn points_of_every_order_are_added_to_each_other() {
    let points = odd_points();
    let all = 0..points.len();
    for at in all.clone() {
        let sums: Vec<_> = all
            .clone()
            .flat_map(|other| {
                [false, true]
                    .map(|negative| vec![(at, negative), (other, !negative), (other, negative)])
            })
            .collect();
        check(&points, &sums);
    }
}

#[test]
fn there_may_be_none() {
    check(&[], &[]);
    check(&[], &vec![vec![]; 9]);
    check(&odd_points(), &[]);
}

proptest! {
    #[test]
    fn sums_of_any_length_are_those_of_dalek(
        scalars in proptest::collection::vec(any::<[u8; 32]>(), 1..20),
        sums in proptest::collection::vec(proptest::collection::vec(any::<(Index, bool)>(), 0..12), 0..30),
    ) {
        let points: Vec<EdwardsPoint> = scalars
            .iter()
            .map(|bytes| EdwardsPoint::mul_base(&Scalar::from_bytes_mod_order(*bytes)) + EIGHT_TORSION[usize::from(bytes[0] % 8)])
            .collect();
        let sums: Vec<Vec<(usize, bool)>> = sums
            .iter()
            .map(|sum| sum.iter().map(|(at, negative)| (at.index(points.len()), *negative)).collect())
            .collect();
        check(&points, &sums);
    }
}
