//! The strict signature rule: C2SP CCTV, Wycheproof, ed25519-speccheck.

use crate::{hex, json, set};
use sekisho_domain::PublicKey;
use sekisho_ledger::signature::{ReadyKey, Signature, VerifyingKey, verify_many};
use serde_json::Value;

/// Whether the signature holds, with a key that may be verified with. Checked in each way there is, with one answer.
fn holds(key: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let (Ok(key), Ok(signature)) = (PublicKey::try_from(key), Signature::try_from(signature))
    else {
        return false;
    };
    let Ok(key) = VerifyingKey::parse(&key) else {
        return false;
    };
    let holds = key.verify(message, &signature).is_ok();
    let plain = ReadyKey::new(&key);
    let table = plain.with_table();
    let checks = [&plain, &table].map(|key| (key, message, &signature));
    assert_eq!(verify_many(&checks), [holds; 2], "{key:?} {signature:?}");
    let theirs = ed25519_dalek::VerifyingKey::from_bytes(&key.public_key().0)
        .and_then(|key| key.verify_strict(message, &signature.0.into()));
    assert_eq!(theirs.is_ok(), holds, "{key:?} {signature:?}");
    holds
}

/// Whether the ledger would let the key in.
fn registers(key: &[u8]) -> bool {
    PublicKey::try_from(key).is_ok_and(|key| VerifyingKey::register(&key).is_ok())
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

#[test]
fn cctv_edge_cases() {
    let Some(folder) = set("cctv-ed25519/ed25519") else {
        return;
    };
    let vectors = json(&folder.join("ed25519vectors.json"));
    let (mut accepted, mut of_registered_keys) = (0, 0);
    for vector in list(&vectors) {
        let (key, signature) = (hex(&vector["key"]), hex(&vector["sig"]));
        if !holds(
            &key,
            vector["msg"].as_str().expect("a text").as_bytes(),
            &signature,
        ) {
            continue;
        }
        accepted += 1;
        of_registered_keys += usize::from(registers(&key));
        for flag in list(&vector["flags"]) {
            let ambiguous = [
                "low_order_R",
                "low_order_A",
                "non_canonical_R",
                "non_canonical_A",
                "low_order_residue",
            ];
            assert!(
                !ambiguous.contains(&flag.as_str().expect("a text")),
                "{vector}"
            );
        }
    }
    // 42 of the 43 are by keys of mixed order, which the ledger does not let in.
    assert_eq!(
        (list(&vectors).len(), accepted, of_registered_keys),
        (914, 43, 1)
    );
}

#[test]
fn wycheproof_all() {
    let Some(folder) = set("wycheproof/testvectors_v1") else {
        return;
    };
    let vectors = json(&folder.join("ed25519_test.json"));
    let (mut valid, mut invalid) = (0, 0);
    for group in list(&vectors["testGroups"]) {
        let key = hex(&group["publicKey"]["pk"]);
        for test in list(&group["tests"]) {
            let expected = match test["result"].as_str() {
                Some("valid") => true,
                Some("invalid") => false,
                other => panic!("{other:?} is not a result we know"),
            };
            assert_eq!(
                holds(&key, &hex(&test["msg"]), &hex(&test["sig"])),
                expected,
                "{test}"
            );
            assert!(!expected || registers(&key), "{test}");
            if expected { valid += 1 } else { invalid += 1 }
        }
    }
    assert_eq!((valid, invalid), (88, 63));
    assert_eq!(vectors["numberOfTests"], 151);
}

/// The row "Dalek strict" of the set's table of results: case 3 alone.
#[test]
fn speccheck_cases() {
    let Some(folder) = set("ed25519-speccheck") else {
        return;
    };
    let cases = json(&folder.join("cases.json"));
    let accepted: Vec<bool> = list(&cases)
        .iter()
        .map(|case| {
            holds(
                &hex(&case["pub_key"]),
                &hex(&case["message"]),
                &hex(&case["signature"]),
            )
        })
        .collect();
    let expected: Vec<bool> = (0..12).map(|case| case == 3).collect();
    assert_eq!(accepted, expected);
}
