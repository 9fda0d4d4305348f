#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use super::*;

fn key(hex: &str) -> PublicKey {
    hex.parse().expect("32 bytes")
}

/// RFC 8032 §7.1, tests 1 to 3: secret, public key, message, signature.
const RFC_8032: [[&str; 4]; 3] = [
    [
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ],
    [
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ],
    [
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ],
];

#[test]
fn signing_and_verifying_are_those_of_rfc_8032() {
    for [secret, public, message, signature] in RFC_8032 {
        let secret: [u8; 32] = hex::decode(secret)
            .expect("hex")
            .try_into()
            .expect("32 bytes");
        let message = hex::decode(message).expect("hex");
        let expected =
            Signature::try_from(hex::decode(signature).expect("hex").as_slice()).expect("64 bytes");
        let signer = SigningKey::from_secret(&secret);
        assert_eq!(signer.public_key(), key(public));
        assert_eq!(signer.sign(&message), expected, "{public}");
        let verifier = VerifyingKey::register(&key(public)).expect("a strong key");
        assert_eq!(verifier.verify(&message, &expected), Ok(()));

        let wrong = Err(ProofError::SignatureWrong {
            key: signer.key_id(),
        });
        for bit in [0, 255, 256, 500] {
            let mut flipped = expected;
            flipped.0[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                verifier.verify(&message, &flipped),
                wrong,
                "{public} bit {bit}"
            );
        }
        assert_eq!(
            verifier.verify(&[&message[..], b"x"].concat(), &expected),
            wrong
        );
    }
}

#[test]
fn keys_that_could_mean_two_things_are_refused() {
    // Small-order points (y = 0, 1, -1, and one of order 8), two with y + p for y, one y off the curve,
    // and an honest point plus one of small order.
    type Refusal = fn(PublicKey) -> ProofError;
    let cases: [(&str, Refusal); 9] = [
        (
            "0000000000000000000000000000000000000000000000000000000000000000",
            ProofError::KeyWeak,
        ),
        (
            "0100000000000000000000000000000000000000000000000000000000000000",
            ProofError::KeyWeak,
        ),
        (
            "0100000000000000000000000000000000000000000000000000000000000080",
            ProofError::KeyWeak,
        ),
        (
            "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            ProofError::KeyWeak,
        ),
        (
            "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
            ProofError::KeyWeak,
        ),
        (
            "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
            ProofError::KeyNotCanonical,
        ),
        (
            "f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
            ProofError::KeyNotCanonical,
        ),
        (
            "0200000000000000000000000000000000000000000000000000000000000000",
            ProofError::KeyNotOnCurve,
        ),
        (
            "cdb267ce40c5cd45306fa5d2f29731459387dbf9eb933b7bd5aed9a765b88d4d",
            ProofError::KeyMixedOrder,
        ),
    ];
    for (text, expected) in cases {
        let expected = expected(key(text));
        assert_eq!(
            VerifyingKey::register(&key(text)),
            Err(expected.clone()),
            "{text}"
        );
        let parses = matches!(expected, ProofError::KeyMixedOrder(_));
        assert_eq!(VerifyingKey::parse(&key(text)).is_ok(), parses, "{text}");
    }
}

#[test]
fn reduced_means_that_the_encoding_is_what_the_point_encodes_to() {
    for low in 0..=255u8 {
        for (middle, high) in [(0xff, 0x7f), (0xff, 0xff), (0xff, 0x7e), (0xfe, 0x7f)] {
            let mut bytes = [middle; 32];
            (bytes[0], bytes[31]) = (low, high);
            let Ok(point) = ed25519_dalek::VerifyingKey::from_bytes(&bytes) else {
                continue;
            };
            let mut encoded = point.to_edwards().compress().to_bytes();
            // The sign bit of x = 0 is the small-order check's business.
            encoded[31] = encoded[31] & 0x7f | bytes[31] & 0x80;
            assert_eq!(
                is_reduced(&bytes),
                encoded == bytes,
                "{}",
                hex::encode(bytes)
            );
        }
    }
}

#[test]
fn a_signature_is_64_bytes() {
    for len in [0, 63, 65, 128] {
        assert_eq!(
            Signature::try_from(vec![0; len].as_slice()),
            Err(ProofError::SignatureLength { got_bytes: len })
        );
    }
}

#[test]
fn a_secret_is_not_shown() {
    let signer = SigningKey::from_secret(&[0xab; 32]);
    assert_eq!(
        format!("{signer:?}"),
        format!("SigningKey(of {})", signer.key_id())
    );
    assert!(!format!("{signer:?}").contains("abab"));
}

/// With a key of mixed order somebody can make signatures whose R is of small order and satisfies the equation.
#[test]
fn an_r_of_small_order_never_holds_as_the_strict_rule_says() {
    use curve25519_dalek::{EdwardsPoint, Scalar};
    use sha2::Sha512;
    let secret = Scalar::from_bytes_mod_order([7; 32]);
    let (mut lenient, mut strict) = (0, 0);
    for torsion in EIGHT_TORSION.iter().skip(1) {
        let point = EdwardsPoint::mul_base(&secret) + torsion;
        let public = PublicKey(point.compress().to_bytes());
        let verifier = VerifyingKey::parse(&public).expect("not of small order");
        for message in 0..64_u8 {
            for r in EIGHT_TORSION {
                let r = r.compress().to_bytes();
                let hash = Sha512::new()
                    .chain_update(r)
                    .chain_update(public.0)
                    .chain_update([message]);
                let k = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
                let signature = Signature(
                    [r, (k * secret).to_bytes()]
                        .concat()
                        .try_into()
                        .expect("64"),
                );
                let theirs = ed25519_dalek::Signature::from_bytes(&signature.0);
                lenient += u32::from(verifier.0.verify(&[message], &theirs).is_ok());
                strict += u32::from(verifier.0.verify_strict(&[message], &theirs).is_ok());
                assert!(verifier.verify(&[message], &signature).is_err());
            }
        }
    }
    assert!(lenient > 100, "{lenient} satisfy the equation");
    assert_eq!(strict, 0);
}
