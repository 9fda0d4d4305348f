#![allow(clippy::expect_used, reason = "a test fails by panicking")]

use super::*;
use crate::signature::SigningKey;
use proptest::prelude::*;

fn name(text: &str) -> KeyName {
    text.parse().expect("a key name")
}

fn signer(seed: u8) -> SigningKey {
    SigningKey::from_secret(&[seed; 32])
}

fn key(text: &str, kind: SignatureKind, seed: u8) -> NoteKey {
    NoteKey::new(name(text), kind, &signer(seed).public_key()).expect("an honest key")
}

fn raw(text: &str, bytes: usize) -> NoteSignature {
    NoteSignature {
        name: name(text),
        key_hash: [1, 2, 3, 4],
        bytes: vec![5; bytes],
    }
}

/// The example of C2SP signed-note and its key.
const EXAMPLE: &str = "This is an example message.\n\n\u{2014} example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n";
const EXAMPLE_KEY: &str = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k";

#[test]
fn the_specification_example_verifies() {
    let note = Note::parse(EXAMPLE.as_bytes()).expect("a note");
    let key: NoteKey = EXAMPLE_KEY.parse().expect("a verifier key");
    assert_eq!(note.text(), "This is an example message.\n");
    assert_eq!(note.to_string(), EXAMPLE);
    assert_eq!(
        (key.to_string().as_str(), key.kind()),
        (EXAMPLE_KEY, SignatureKind::Ed25519)
    );
    let verified = note.verify(std::slice::from_ref(&key)).expect("holds");
    assert_eq!(
        verified,
        [Verified {
            name: name("example.com/foo"),
            key: key.public_key(),
            time_s: None
        }]
    );

    let other =
        Note::new("This is another message.\n", note.signatures().to_vec()).expect("a note");
    let refused = other.verify(&[key]).expect_err("another text");
    assert!(
        matches!(&refused, ProofError::NoteSignatureWrong { name, .. } if name == "example.com/foo"),
        "{refused}"
    );
}

#[test]
fn what_is_not_in_the_form_is_refused() {
    let sig = "\u{2014} n AQIDBAU=\n";
    let not_a_note: &[(&[u8], &str)] = &[
        (b"", "no empty line"),
        (b"text\n", "no empty line"),
        (b"text\n\n", "does not end in a newline"),
        ("\u{2014} n AQIDBAU=\n".as_bytes(), "no empty line"),
        (
            "t\n\n\u{2014} n AQIDBAU=".as_bytes(),
            "does not end in a newline",
        ),
        (b"t\n\n\xff\n", "not UTF-8"),
        (
            "t\r\n\n\u{2014} n AQIDBAU=\n".as_bytes(),
            "control character",
        ),
        (
            "t\0\n\n\u{2014} n AQIDBAU=\n".as_bytes(),
            "control character",
        ),
    ];
    for (bytes, fault) in not_a_note {
        let refused = Note::parse(bytes).expect_err(fault);
        assert!(
            matches!(refused, ProofError::NoteForm(_)) && refused.to_string().contains(fault),
            "{refused}: {fault}"
        );
    }
    let bad_lines = [
        ("- n AQIDBAU=", "em dash"),
        ("\u{2014}n AQIDBAU=", "em dash"),
        ("\u{2014} AQIDBAU=", "no space"),
        ("\u{2014}  AQIDBAU=", "key name"),
        ("\u{2014} a+b AQIDBAU=", "key name"),
        ("\u{2014} a\u{3000}b AQIDBAU=", "key name"),
        ("\u{2014} n AQIDBAU", "base64"),
        ("\u{2014} n AQIDBAV=", "base64"),
        ("\u{2014} n AQIDBAU= ", "base64"),
        ("\u{2014} n m AQIDBAU=", "base64"),
        ("\u{2014} n AQIDBAU=AQIDBAU=", "base64"),
        ("\u{2014} n AQID-_U=", "base64"),
        ("\u{2014} n ", "shorter"),
        ("\u{2014} n AQIDBA==", "shorter"),
    ];
    for (line, fault) in bad_lines {
        for (note, place) in [
            (format!("t\n\n{line}\n{sig}"), 1),
            (format!("t\n\n{sig}{line}\n"), 2),
        ] {
            let refused = Note::parse(note.as_bytes()).expect_err(line);
            assert!(
                matches!(refused, ProofError::NoteSignatureLine { line, .. } if line == place)
                    && refused.to_string().contains(fault),
                "{line:?}: {refused}"
            );
        }
    }
    assert!(
        Note::parse(format!("t\n\n{sig}").as_bytes()).is_ok(),
        "the lines around are sound"
    );
}

#[test]
fn notes_have_bounds() {
    let lines = |n: usize| format!("t\n\n{}", raw("n", 1).to_string().repeat(n));
    assert_eq!(
        Note::parse(lines(NOTE_SIGNATURES_MAX).as_bytes()).map(|n| n.signatures().len()),
        Ok(NOTE_SIGNATURES_MAX)
    );
    let refused = ProofError::NoteSignatures {
        got: NOTE_SIGNATURES_MAX + 1,
        max: NOTE_SIGNATURES_MAX,
    };
    assert_eq!(
        Note::parse(lines(NOTE_SIGNATURES_MAX + 1).as_bytes()),
        Err(refused.clone())
    );
    assert_eq!(
        Note::new("t\n", vec![raw("n", 1); NOTE_SIGNATURES_MAX + 1]),
        Err(refused)
    );
    assert!(matches!(
        Note::new("t\n", vec![]),
        Err(ProofError::NoteSignatures { got: 0, .. })
    ));
    assert!(matches!(
        Note::new("t", vec![raw("n", 1)]),
        Err(ProofError::NoteForm(_))
    ));
    assert!(matches!(
        Note::new("t\n", vec![raw("n", 0)]),
        Err(ProofError::NoteForm(_))
    ));

    let around = Note::new("\n", vec![raw("n", 1)])
        .expect("a note")
        .to_string()
        .len();
    let largest = "a".repeat(NOTE_BYTES_MAX - around) + "\n";
    let note = Note::new(&largest, vec![raw("n", 1)]).expect("as large as can be");
    assert_eq!(Note::parse(note.to_string().as_bytes()), Ok(note));
    let refused = ProofError::NoteSize {
        got: NOTE_BYTES_MAX + 1,
        max: NOTE_BYTES_MAX,
    };
    assert_eq!(
        Note::new(format!("a{largest}"), vec![raw("n", 1)]),
        Err(refused.clone())
    );
    assert_eq!(Note::parse(&vec![b'a'; NOTE_BYTES_MAX + 1]), Err(refused));
    // What the specification asks for: 16 signatures of a post-quantum size.
    assert!(Note::new("t\n", vec![raw("n", 5_000); 16]).is_ok());
}

#[test]
fn unknown_keys_are_ignored_and_known_ones_must_hold() {
    let text = "text\n";
    let known = [
        key("a", SignatureKind::Ed25519, 1),
        key("b", SignatureKind::Cosignature, 2),
    ];
    let a = sign(text, &name("a"), &signer(1));
    let b = |time_s| cosign(text, &name("b"), &signer(2), time_s).expect("a time");
    let names = |signatures: Vec<NoteSignature>| {
        Note::new(text, signatures)
            .expect("a note")
            .verify(&known)
            .map(|verified| {
                verified
                    .iter()
                    .map(|v| format!("{} {:?}", v.name(), v.time_s()))
                    .collect::<Vec<_>>()
                    .join(", ")
            })
    };
    let same_hash = NoteSignature {
        name: name("c"),
        ..a.clone()
    };
    let same_name = sign(text, &name("a"), &signer(3));
    let other_kind = cosign(text, &name("a"), &signer(1), 7).expect("a time");
    for (signatures, expected) in [
        (vec![raw("x", 9)], ""),
        (
            vec![same_hash.clone(), same_name.clone(), other_kind.clone()],
            "",
        ),
        (vec![raw("x", 9), a.clone()], "a None"),
        (
            vec![b(5), same_name, a.clone(), a.clone(), other_kind, same_hash],
            "a None, b Some(5)",
        ),
        (vec![b(5), b(9), b(7)], "b Some(9)"),
    ] {
        assert_eq!(names(signatures).as_deref(), Ok(expected));
    }
    let cut = |signature: &NoteSignature, len: usize| NoteSignature {
        bytes: signature.bytes[..len].to_vec(),
        ..signature.clone()
    };
    let late = |time_s: u64| {
        let mut signature = b(5);
        signature.bytes[..8].copy_from_slice(&time_s.to_be_bytes());
        signature
    };
    let signature_wrong = |seed| ProofError::SignatureWrong {
        key: signer(seed).key_id(),
    };
    for (wrong, whose, why) in [
        (
            cut(&a, 63),
            "a",
            ProofError::SignatureLength { got_bytes: 63 },
        ),
        (
            cut(&b(5), 7),
            "b",
            ProofError::SignatureLength { got_bytes: 7 },
        ),
        (
            cut(&b(5), 71),
            "b",
            ProofError::SignatureLength { got_bytes: 63 },
        ),
        (late(6), "b", signature_wrong(2)),
        (
            late(1 << 63),
            "b",
            ProofError::CosignatureTime {
                time_s: 1 << 63,
                max: COSIGNATURE_TIME_S_MAX,
            },
        ),
        (
            sign("other\n", &name("a"), &signer(1)),
            "a",
            signature_wrong(1),
        ),
    ] {
        let expected = Err(ProofError::NoteSignatureWrong {
            name: whose.into(),
            source: Box::new(why),
        });
        assert_eq!(
            names(vec![a.clone(), wrong.clone(), b(5)]),
            expected,
            "beside sound ones"
        );
        assert_eq!(names(vec![wrong]), expected, "alone");
    }
    assert!(cosign(text, &name("b"), &signer(2), COSIGNATURE_TIME_S_MAX).is_ok());
    assert!(cosign(text, &name("b"), &signer(2), COSIGNATURE_TIME_S_MAX + 1).is_err());
}

#[test]
fn verifier_keys_are_read_strictly() {
    for kind in [SignatureKind::Ed25519, SignatureKind::Cosignature] {
        let key = key("example.com/x", kind, 4);
        assert_eq!(key.to_string().parse(), Ok(key));
    }
    let weak = "example.com/foo+00000000+AQEAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    assert!(matches!(
        weak.parse::<NoteKey>(),
        Err(ProofError::KeyWeak(_))
    ));
    for (text, fault) in [
        ("", "not name+hash+key"),
        ("example.com/foo+530d903a", "not name+hash+key"),
        (
            "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "hash",
        ),
        (
            "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "hash",
        ),
        (
            "example.com/fop+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "hash",
        ),
        (
            "example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "neither",
        ),
        ("example.com/foo+530d903a+", "neither"),
        (
            "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3Q==",
            "32 bytes",
        ),
        (
            "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2",
            "base64",
        ),
        (
            "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
            "key name",
        ),
    ] {
        let refused = text.parse::<NoteKey>().expect_err(text);
        assert!(refused.to_string().contains(fault), "{text}: {refused}");
    }
}

#[test]
fn key_names() {
    let longest = "a".repeat(KEY_NAME_BYTES_MAX);
    for ok in ["a", "example.com/log42", "\u{95a2}\u{6240}", "-", &longest] {
        assert!(ok.parse::<KeyName>().is_ok(), "{ok}");
    }
    for bad in [
        "",
        " ",
        "a b",
        "a\u{2003}b",
        "a+b",
        "a\nb",
        "a\u{9b}b",
        &(longest.clone() + "a"),
    ] {
        assert!(
            matches!(bad.parse::<KeyName>(), Err(ProofError::KeyName(_))),
            "{bad:?}"
        );
    }
}

proptest! {
    /// Whatever parses, formats to the same bytes; whatever was made, parses to the same note.
    #[test]
    fn one_note_has_one_form(
        text in "([a-c\u{2014} ]{0,3}\n){1,4}", names in prop::collection::vec("[a-c/]{1,3}", 1..4),
        bytes in prop::collection::vec(any::<u8>(), 1..80),
    ) {
        let signature = |text: &String| NoteSignature { name: name(text), key_hash: [0; 4], bytes: bytes.clone() };
        let note = Note::new(text, names.iter().map(signature).collect()).expect("a note");
        let parsed = Note::parse(note.to_string().as_bytes());
        prop_assert_eq!(parsed.as_ref(), Ok(&note));
    }

    #[test]
    fn any_bytes_are_refused_or_kept(bytes in "(\u{2014}? ?[ab]{0,2} ?(AAAAAAA=|AAAAAAB=)?\n{0,2}){0,6}") {
        if let Ok(note) = Note::parse(bytes.as_bytes()) {
            prop_assert_eq!(note.to_string(), bytes);
        }
    }

    #[test]
    fn a_flipped_bit_is_never_unnoticed(place in any::<prop::sample::Index>(), bit in 0u8..8) {
        let mut bytes = EXAMPLE.as_bytes().to_vec();
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        let key: NoteKey = EXAMPLE_KEY.parse().expect("a verifier key");
        match Note::parse(&bytes).and_then(|note| note.verify(&[key])) {
            Err(_) => {}
            // The name or the key hash: now it is by somebody we do not know.
            Ok(verified) => prop_assert!(verified.is_empty()),
        }
    }
}
