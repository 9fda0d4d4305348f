#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use super::*;
use crate::signature::SigningKey;
use curve25519_dalek::constants::EIGHT_TORSION;
use curve25519_dalek::edwards::CompressedEdwardsY;
use proptest::prelude::*;
use proptest::sample::Index;
use sekisho_domain::PublicKey;

/// The order of the prime-order group, l, in little-endian order.
const L: [u8; 32] = [
    0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde, 0x14,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
];

/// The one answer of all five ways to check.
fn answer(public: &PublicKey, message: &[u8], signature: &Signature) -> bool {
    let key = VerifyingKey::parse(public).expect("not of small order");
    let theirs = ed25519_dalek::Signature::from_bytes(&signature.0);
    let strict = key.0.verify_strict(message, &theirs).is_ok();
    assert_eq!(key.verify(message, signature).is_ok(), strict);
    let plain = ReadyKey::new(&key);
    let table = plain.with_table();
    let checks = [
        (&plain, message, signature),
        (&table, message, signature),
        (&plain.with_table_for(None), message, signature),
        (&table.without_table(), message, signature),
    ];
    assert_eq!(verify_many(&checks), [strict; 4], "{signature:?}");
    strict
}

/// A signature made with scalars known: R = r·B + torsion, S = r + k·a.
fn made(public: &PublicKey, a: &Scalar, r: &Scalar, torsion: usize, message: &[u8]) -> Signature {
    let point = EdwardsPoint::mul_base(r) + EIGHT_TORSION[torsion];
    let encoded = point.compress().to_bytes();
    let k = challenge(&encoded, public, message);
    joined(encoded, (r + k * a).to_bytes())
}

fn challenge(r: &[u8; 32], public: &PublicKey, message: &[u8]) -> Scalar {
    let hash = Sha512::new()
        .chain_update(r)
        .chain_update(public.0)
        .chain_update(message);
    Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
}

fn joined(r: [u8; 32], s: [u8; 32]) -> Signature {
    Signature([r, s].concat().try_into().expect("64 bytes"))
}

/// The point that R would have to be.
fn expected(key: &ReadyKey, message: &[u8], signature: &Signature) -> Option<EdwardsPoint> {
    let held = ed25519_dalek::Signature::from_bytes(&signature.0);
    Some(key.sum(&key.scalars(message, &held)?))
}

fn halves(signature: &Signature) -> ([u8; 32], [u8; 32]) {
    let held = ed25519_dalek::Signature::from_bytes(&signature.0);
    (*held.r_bytes(), *held.s_bytes())
}

/// S + l, which fits into 32 bytes and is not reduced.
fn plus_l(signature: &Signature) -> Signature {
    let (r, mut s) = halves(signature);
    let mut carry = 0;
    for (byte, l) in s.iter_mut().zip(L) {
        let whole = u16::from(*byte) + u16::from(l) + carry;
        *byte = whole as u8;
        carry = whole >> 8;
    }
    assert_eq!(carry, 0);
    joined(r, s)
}

fn public_of(a: &Scalar, torsion: usize) -> PublicKey {
    let point = EdwardsPoint::mul_base(a) + EIGHT_TORSION[torsion];
    PublicKey(point.compress().to_bytes())
}

#[test]
fn scalars_at_the_edges_are_answered_as_by_verify_strict() {
    let small = |n: u8| Scalar::from(n);
    let edges = [small(1), small(2), small(255), -small(1), -small(2)];
    for a in &edges {
        let public = public_of(a, 0);
        for r in &edges {
            let good = made(&public, a, r, 0, b"edge");
            assert!(answer(&public, b"edge", &good));
            assert!(!answer(&public, b"edges", &good));
            assert!(!answer(&public, b"edge", &plus_l(&good)));
        }
        // S of 0, 1, l - 1, l, l + 1 and all ones, with an R that S alone would give, and with the identity for R.
        let l_and_one = {
            let mut bytes = L;
            bytes[0] += 1;
            bytes
        };
        let values = [
            [0; 32],
            small(1).to_bytes(),
            (-small(1)).to_bytes(),
            L,
            l_and_one,
            [0xff; 32],
        ];
        for s in values {
            let base = EdwardsPoint::mul_base(&Scalar::from_bytes_mod_order(s));
            for r in [base, EdwardsPoint::default()] {
                assert!(!answer(
                    &public,
                    b"edge",
                    &joined(r.compress().to_bytes(), s)
                ));
            }
        }
    }
}

/// With a key of mixed order the equation holds for some R of small or of mixed order: only the latter is accepted.
#[test]
fn points_of_small_and_mixed_order_are_answered_as_by_verify_strict() {
    let a = Scalar::from_bytes_mod_order([7; 32]);
    let (mut mixed, mut equal) = (0, 0);
    for of_key in 0..8 {
        let public = public_of(&a, of_key);
        for of_r in 0..8 {
            for message in 0..4_u8 {
                let small = made(&public, &a, &Scalar::ZERO, of_r, &[message]);
                assert!(!answer(&public, &[message], &small));
                let point = ReadyKey::new(&VerifyingKey::parse(&public).expect("a key"));
                let found = expected(&point, &[message], &small).expect("reduced");
                equal += u32::from(found.compress().to_bytes() == halves(&small).0);
                let r = Scalar::from(1000 + u64::from(message));
                let holds = answer(
                    &public,
                    &[message],
                    &made(&public, &a, &r, of_r, &[message]),
                );
                mixed += u32::from(holds && of_r != 0);
                assert!(
                    of_key != 0 || holds == (of_r == 0),
                    "no cofactor is cleared"
                );
            }
        }
    }
    assert!(
        mixed > 10 && equal > 10,
        "{mixed} hold, {equal} by R alone fail"
    );
}

/// y + p in the place of y. Such an R is in no list of small order: what refuses it is that bytes are compared, not points.
#[test]
fn an_r_that_is_not_canonical_never_holds() {
    let a = Scalar::from_bytes_mod_order([7; 32]);
    let mut equal = 0;
    for of_key in 1..8 {
        let public = public_of(&a, of_key);
        let key = ReadyKey::new(&VerifyingKey::parse(&public).expect("a key"));
        for (low, high) in [(0xed, 0x7f), (0xed, 0xff), (0xee, 0x7f)] {
            let mut r = [0xff; 32];
            (r[0], r[31]) = (low, high);
            let point = CompressedEdwardsY(r).decompress().expect("a point");
            for message in 0..16_u8 {
                let k = challenge(&r, &public, &[message]);
                let signature = joined(r, (k * a).to_bytes());
                assert!(!answer(&public, &[message], &signature));
                equal += u32::from(expected(&key, &[message], &signature) == Some(point));
            }
        }
    }
    assert!(equal > 10, "{equal} are the point of R");
}

#[test]
fn many_are_answered_each_by_itself_and_in_order() {
    assert_eq!(verify_many(&[]), Vec::<bool>::new());
    let signers: Vec<SigningKey> = (0..5_u8)
        .map(|n| SigningKey::from_secret(&[n; 32]))
        .collect();
    let keys: Vec<ReadyKey> = signers
        .iter()
        .map(|signer| VerifyingKey::parse(&signer.public_key()).expect("a strong key"))
        .map(|key| ReadyKey::new(&key))
        .enumerate()
        .map(|(n, key)| match n % 3 {
            0 => key.with_table(),
            1 => key.with_table_for(None),
            _ => key,
        })
        .collect();
    let wrong = Signature([0xff; 64]);
    for bad in [
        vec![],
        vec![0],
        vec![99],
        vec![3, 50, 51, 98],
        (0..100).collect(),
    ] {
        let messages: Vec<[u8; 1]> = (0..100).map(|n| [n]).collect();
        let signatures: Vec<Signature> = (0..100_usize)
            .map(|n| match bad.contains(&n) {
                false => signers[n % 5].sign(&messages[n]),
                // Not reduced, another's, and over another message.
                true => [
                    wrong,
                    signers[(n + 1) % 5].sign(&messages[n]),
                    signers[n % 5].sign(b""),
                ][n % 3],
            })
            .collect();
        let checks: Vec<(&ReadyKey, &[u8], &Signature)> = (0..100)
            .map(|n| (&keys[n % 5], &messages[n][..], &signatures[n]))
            .collect();
        let expected: Vec<bool> = (0..100).map(|n| !bad.contains(&n)).collect();
        assert_eq!(verify_many(&checks), expected, "{bad:?} are bad");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_signature_and_any_spoilt_one_are_answered_as_by_verify_strict(
        secret: [u8; 32],
        message in proptest::collection::vec(any::<u8>(), 0..200),
        bits in proptest::collection::vec(any::<Index>(), 4),
        other: [u8; 64],
        nonce: [u8; 32],
        torsion in 1..8_usize,
    ) {
        let signer = SigningKey::from_secret(&secret);
        let public = signer.public_key();
        let good = signer.sign(&message);
        prop_assert!(answer(&public, &message, &good));
        prop_assert!(!answer(&public, &message, &plus_l(&good)));
        prop_assert!(!answer(&public, &message, &Signature(other)));
        for bit in bits {
            let (in_r, in_s) = (bit.index(256), 256 + bit.index(256));
            for bit in [in_r, in_s] {
                let mut spoilt = good;
                spoilt.0[bit / 8] ^= 1 << (bit % 8);
                prop_assert!(!answer(&public, &message, &spoilt));
            }
            if !message.is_empty() {
                let bit = bit.index(message.len() * 8);
                let mut spoilt = message.clone();
                spoilt[bit / 8] ^= 1 << (bit % 8);
                prop_assert!(!answer(&public, &spoilt, &good));
            }
        }
        let (r, s) = halves(&good);
        for point in EIGHT_TORSION {
            prop_assert!(!answer(&public, &message, &joined(point.compress().to_bytes(), s)));
        }
        let moved = CompressedEdwardsY(r).decompress().expect("R is a point")
            + EIGHT_TORSION[torsion];
        prop_assert!(!answer(&public, &message, &joined(moved.compress().to_bytes(), s)));

        let (a, r) = (Scalar::from_bytes_mod_order(secret), Scalar::from_bytes_mod_order(nonce));
        let public = public_of(&a, 0);
        prop_assert!(answer(&public, &message, &made(&public, &a, &r, 0, &message)));
        prop_assert!(!answer(&public, &message, &made(&public, &a, &r, torsion, &message)));
        let public = public_of(&a, torsion);
        answer(&public, &message, &made(&public, &a, &r, torsion, &message));
    }
}
