//! Checks a proof bundle in a browser, with nothing but the bundle and the founding file.
//!
//! Bytes go in and out one by one, through functions of numbers alone: no pointer crosses the border, so nothing here is
//! unsafe but the names under which the functions are found.
//!
//! ```text
//! begin(0) put(byte)…   the bundle      begin(1) put(byte)…   the founding file, JSON
//! verify(language) → length of the answer, 0 Japanese, 1 English        get(n) → its n-th byte
//! ```
//! The answer is JSON: `{"verified": true, "text": "…", "index": n}` or `{"verified": false, "text": "…"}`.

use sekisho_domain::{Genesis, Language, LedgerId};
use sekisho_ledger::bundle::{self, BUNDLE_BYTES_MAX};
use sekisho_ledger::{check_genesis, ledger_id};
use sekisho_words::{Words, fault, proof};
use serde::Deserialize;
use serde_json::json;
use std::cell::RefCell;

/// The largest founding file that is looked at.
const GENESIS_BYTES_MAX: usize = 4 * 1024 * 1024;

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

thread_local! {
    static GIVEN: RefCell<[Vec<u8>; 2]> = const { RefCell::new([Vec::new(), Vec::new()]) };
    static AT: RefCell<usize> = const { RefCell::new(0) };
    static ANSWER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What follows is the bundle (0) or the founding file (1), from its beginning.
#[unsafe(no_mangle)]
pub extern "C" fn begin(which: u32) {
    let which = usize::from(which != 0);
    AT.with(|at| *at.borrow_mut() = which);
    GIVEN.with(|given| {
        if let Some(bytes) = given.borrow_mut().get_mut(which) {
            bytes.clear();
        }
    });
}

/// One more byte of it; what is beyond the bound is not kept, and refused when it is verified.
#[unsafe(no_mangle)]
pub extern "C" fn put(byte: u32) {
    let at = AT.with(|at| *at.borrow());
    let most = [BUNDLE_BYTES_MAX + 1, GENESIS_BYTES_MAX]
        .get(at)
        .copied()
        .unwrap_or(0);
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

/// Verifies what was given; the length of the answer, in bytes.
#[unsafe(no_mangle)]
pub extern "C" fn verify(language: u32) -> u32 {
    let language = if language == 0 {
        Language::Ja
    } else {
        Language::En
    };
    let answer = GIVEN.with(|given| {
        let [bundle, genesis] = &*given.borrow();
        answer(bundle, genesis, language)
    });
    ANSWER.with(|kept| {
        *kept.borrow_mut() = answer.into_bytes();
        u32::try_from(kept.borrow().len()).unwrap_or(0)
    })
}

/// One byte of the answer.
#[unsafe(no_mangle)]
pub extern "C" fn get(n: u32) -> u32 {
    let n = usize::try_from(n).unwrap_or(usize::MAX);
    ANSWER.with(|kept| kept.borrow().get(n).copied().map_or(0, u32::from))
}
