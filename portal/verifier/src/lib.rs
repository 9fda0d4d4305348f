//! Checks a proof bundle in a browser, with nothing but the bundle and the founding file; and has an officer read in words
//! what is about to be said of an agreement before it is signed there.
//!
//! Bytes go in and out one by one, through functions of numbers alone: no pointer crosses the border, so nothing here is
//! unsafe but the names under which the functions are found.
//!
//! ```text
//! begin(0) put(byte)…   the bundle            begin(1) put(byte)…   the founding file, JSON
//! begin(2) put(byte)…   what is to be signed, JSON (`sekisho_ledger::unsigned`)
//! begin(3) put(byte)…   the key file: 32 bytes
//! begin(4) put(byte)…   16 random bytes, then the time in milliseconds: 8 bytes, the lowest first
//! verify(language), read(language), sign() → length of the answer, 0 Japanese, 1 English      get(n) → its n-th byte
//! ```
//! Answers are JSON: `{"verified": true, "text": "…", "index": n}` or `{"verified": false, "text": "…"}`;
//! `{"text": "…"}` or `{"fault": "…"}`; `{"envelope": "…", "key": "…"}` or `{"fault": "…"}`. The key is wiped once it has signed.

use sekisho_domain::{Genesis, Language, LedgerId, RequestId, TimeMs};
use sekisho_ledger::bundle::{self, BUNDLE_BYTES_MAX};
use sekisho_ledger::signature::SigningKey;
use sekisho_ledger::unsigned::{Act, UNSIGNED_BYTES_MAX, Unsigned, to_text};
use sekisho_ledger::{check_genesis, ledger_id};
use sekisho_words::{Names, Words, agreement, fault, proof};
use serde::Deserialize;
use serde_json::json;
use std::cell::RefCell;

/// The largest founding file that is looked at.
const GENESIS_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Of a key file (RFC 8032 §5.1.5).
const SECRET_BYTES: usize = 32;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GenesisFile {
    ledger: LedgerId,
    genesis: Genesis,
}

/// The answer to a bundle and a founding file.
pub fn answer(bundle: &[u8], genesis: &[u8], language: Language) -> String {
    let object = match checked(bundle, genesis) {
        Ok(verified) => {
            let text = proof(&verified, language);
            json!({ "verified": true, "text": text, "index": verified.access.index, "ledger": verified.ledger })
        }
        Err(words) => json!({ "verified": false, "text": language.pick(words.ja, words.en) }),
    };
    object.to_string()
}

fn checked(bundle: &[u8], genesis: &[u8]) -> Result<bundle::Verified, Words> {
    let file: GenesisFile = serde_json::from_slice(genesis).map_err(|e| {
        Words::new(
            format!("創設ファイルを読めません（{e}）"),
            format!("the founding file cannot be read ({e})"),
        )
    })?;
    let altered = || {
        Words::new(
            "創設ファイルの内容が、書かれている台帳IDと一致しません。改変されています",
            "the founding file does not found the ledger it names; it was altered",
        )
    };
    if ledger_id(&file.genesis) != file.ledger || !check_genesis(&file.genesis).is_empty() {
        return Err(altered());
    }
    bundle::verify(bundle, &file.genesis).map_err(|e| fault(&e))
}

/// What is about to be signed, in words; of networks the ids alone, which is what the ledger goes by.
pub fn reading(unsigned: &[u8], language: Language) -> String {
    let object = match serde_json::from_slice::<Unsigned>(unsigned) {
        Ok(unsigned) => {
            let words = agreement(&unsigned.agreement, &Names::default());
            let act = match unsigned.act {
                Act::Propose => language.pick("提案して署名する：", "Propose, and sign:"),
                Act::Sign => language.pick("署名する：", "Sign:"),
            };
            json!({ "text": format!("{act}\n{}", language.pick(words.ja, words.en)) })
        }
        Err(e) => json!({ "fault": e.to_string() }),
    };
    object.to_string()
}

/// The same signed: the envelope as text, and by which key.
pub fn signed(unsigned: &[u8], key: &[u8], once: &[u8]) -> String {
    let sign = || {
        let unsigned: Unsigned = serde_json::from_slice(unsigned).map_err(|e| e.to_string())?;
        let secret = key.try_into().map_err(|_| "key".to_owned())?;
        let (request_id, time) = once.split_at_checked(RequestId::LEN).ok_or("once")?;
        let request_id = RequestId::try_from(request_id).map_err(|e| e.to_string())?;
        let time = time.try_into().map_err(|_| "time".to_owned())?;
        let key = SigningKey::from_secret(secret);
        let envelope = unsigned.sign(&key, request_id, TimeMs(u64::from_le_bytes(time)));
        Ok::<_, String>(json!({ "envelope": to_text(&envelope), "key": key.key_id() }))
    };
    let object = sign().unwrap_or_else(|fault| json!({ "fault": fault }));
    object.to_string()
}

const GIVEN_BYTES_MAX: [usize; 5] = [
    // One more than may be, so that what is too long is refused when it is looked at.
    BUNDLE_BYTES_MAX + 1,
    GENESIS_BYTES_MAX,
    UNSIGNED_BYTES_MAX + 1,
    SECRET_BYTES + 1,
    RequestId::LEN + size_of::<u64>() + 1,
];

thread_local! {
    static GIVEN: RefCell<[Vec<u8>; 5]> = const { RefCell::new([const { Vec::new() }; 5]) };
    static AT: RefCell<usize> = const { RefCell::new(0) };
    static ANSWER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What follows is this one of what is given, from its beginning.
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
pub extern "C" fn begin(which: u32) {
    let which = usize::try_from(which).unwrap_or(usize::MAX);
    AT.with(|at| *at.borrow_mut() = which);
    GIVEN.with(|given| {
        if let Some(bytes) = given.borrow_mut().get_mut(which) {
            bytes.clear();
        }
    });
}

/// One more byte of it; what is beyond the bound is not kept, and refused when it is looked at.
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
pub extern "C" fn put(byte: u32) {
    let at = AT.with(|at| *at.borrow());
    let most = GIVEN_BYTES_MAX.get(at).copied().unwrap_or(0);
    GIVEN.with(|given| {
        if let Some(bytes) = given
            .borrow_mut()
            .get_mut(at)
            .filter(|bytes| bytes.len() < most)
        {
            bytes.push(byte.to_le_bytes()[0]);
        }
    });
}

/// Verifies the bundle; the length of the answer, in bytes.
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
pub extern "C" fn verify(language: u32) -> u32 {
    told(|[bundle, genesis, ..]| answer(bundle, genesis, of(language)))
}

/// Says in words what is to be signed; the length of the answer, in bytes.
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
pub extern "C" fn read(language: u32) -> u32 {
    told(|[_, _, unsigned, ..]| reading(unsigned, of(language)))
}

/// Signs it, and wipes the key; the length of the answer, in bytes.
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
pub extern "C" fn sign() -> u32 {
    let length = told(|[_, _, unsigned, key, once]| signed(unsigned, key, once));
    GIVEN.with(|given| {
        let [.., key, once] = &mut *given.borrow_mut();
        key.fill(0);
        key.clear();
        once.clear();
    });
    length
}

fn of(language: u32) -> Language {
    match language {
        0 => Language::Ja,
        _ => Language::En,
    }
}

fn told(answer: impl FnOnce(&[Vec<u8>; 5]) -> String) -> u32 {
    let answer = GIVEN.with(|given| answer(&given.borrow()));
    ANSWER.with(|kept| {
        *kept.borrow_mut() = answer.into_bytes();
        u32::try_from(kept.borrow().len()).unwrap_or(0)
    })
}

/// One byte of the answer.
#[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
pub extern "C" fn get(n: u32) -> u32 {
    let n = usize::try_from(n).unwrap_or(usize::MAX);
    ANSWER.with(|kept| kept.borrow().get(n).copied().map_or(0, u32::from))
}
