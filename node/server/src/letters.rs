//! Letters between two nodes about a patient who is searched for: HPKE as for documents ([`crate::sealing`]), one
//! message each, padded so that its length says nothing; see `docs/spec/patient-search.md`.
//!
//! Who is looked for must not be read by whoever carries the question, and what was found by nobody but the asker. A key
//! is made for one search, kept for as long as a question may take, and given to one letter only.

use crate::NodeError;
use crate::bounds::{SEARCH_KEY_MS, SEARCH_KEYS_MAX};
use crate::cipher::AesGcm256;
use crate::environment::{Environment, NoRandomness};
use crate::sealing::{Draw, Encapsulated, Public, Reader, SealingFault};
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, OpModeR, OpModeS, Serializable, setup_receiver, setup_sender_with_rng};
use prost::Message;
use sekisho_domain::{EntryIndex, TimeMs};
use sekisho_ledger::letter::SealedLetter;
use sekisho_ledger::sealed::KEY_BYTES;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// What `info` of RFC 9180 begins with here.
const INFO: &[u8] = b"sekisho sealed letter v1";
/// Bytes of every letter's content, so that no length tells one from another. Demographics fit, if not with every address
/// at its longest: whoever asks is told before anything is signed.
pub(crate) const LETTER_BYTES: usize = 2048;
/// Bytes of the length before the message.
const LENGTH_BYTES: usize = 2;

fn info(letter: &SealedLetter) -> Vec<u8> {
    [INFO, &Sha256::digest(letter.header())].concat()
}

/// Whether a message fits into a letter.
///
/// # Errors
/// [`NodeError::Invalid`] where it is too long.
pub(crate) fn fits(message: &impl Message) -> Result<(), NodeError> {
    length(message).map(drop)
}

fn length(message: &impl Message) -> Result<u16, NodeError> {
    let length = u16::try_from(message.encoded_len()).ok();
    let length = length.filter(|length| usize::from(*length) <= LETTER_BYTES - LENGTH_BYTES);
    length.ok_or(NodeError::Invalid(
        "what is known of the patient does not fit into a letter: leave out older addresses or numbers",
    ))
}

/// The message as every letter's content is: its length in two bytes, itself, zeroes up to [`LETTER_BYTES`].
fn padded(message: &impl Message) -> Result<Vec<u8>, NodeError> {
    let mut plain = length(message)?.to_be_bytes().to_vec();
    plain.extend(message.encode_to_vec());
    plain.resize(LETTER_BYTES, 0);
    Ok(plain)
}

fn unpadded<M: Message + Default>(plain: &[u8]) -> Option<M> {
    let (length, rest) = plain.split_first_chunk::<LENGTH_BYTES>()?;
    let message = rest.get(..usize::from(u16::from_be_bytes(*length)))?;
    (plain.len() == LETTER_BYTES)
        .then(|| M::decode(message).ok())
        .flatten()
}

/// Seals a message to a key; sets the letter's encapsulated key and content.
pub(crate) fn write(
    letter: &mut SealedLetter,
    reader: &[u8; KEY_BYTES],
    message: &impl Message,
    environment: &dyn Environment,
) -> Result<(), NodeError> {
    let plain = padded(message)?;
    let reader = Public::from_bytes(reader).map_err(|_| SealingFault::Key)?;
    let mut draw = Draw::of(environment);
    let sealed = setup_sender_with_rng::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
        &OpModeS::Base,
        &reader,
        &info(letter),
        &mut draw,
    );
    if draw.failed() {
        return Err(NoRandomness.into());
    }
    let (encapsulated, mut context) = sealed.map_err(|_| SealingFault::Key)?;
    letter.encapsulated_key = encapsulated.to_bytes().into();
    let sealed = context.seal(&plain, &[]);
    letter.sealed = sealed.map_err(|_| SealingFault::TooLong)?;
    Ok(())
}

/// Opens a letter that was believed.
pub(crate) fn open<M: Message + Default>(
    reader: &Reader,
    letter: &SealedLetter,
) -> Result<M, NodeError> {
    let encapsulated = Encapsulated::from_bytes(&letter.encapsulated_key);
    let encapsulated = encapsulated.map_err(|_| SealingFault::Key)?;
    let context = setup_receiver::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        reader.secret(),
        &encapsulated,
        &info(letter),
    );
    let mut context = context.map_err(|_| SealingFault::Key)?;
    let plain = context.open(&letter.sealed, &[]);
    let plain = plain.map_err(|_| SealingFault::Chunk)?;
    unpadded(&plain).ok_or(NodeError::Invalid("a letter cannot be read"))
}

/// Keys given out for searches, each until its letter comes or it is too late.
#[derive(Default)]
pub(crate) struct SearchKeys(Mutex<BTreeMap<EntryIndex, (TimeMs, Reader)>>);

impl SearchKeys {
    /// Keeps a key for the letter of one search; an earlier one for the same search is forgotten.
    ///
    /// # Errors
    /// [`NodeError::Overloaded`] where as many searches are under way as may be.
    pub fn keep(&self, access: EntryIndex, reader: Reader, now: TimeMs) -> Result<(), NodeError> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        keys.retain(|_, (until, _)| now < *until);
        if keys.len() >= SEARCH_KEYS_MAX && !keys.contains_key(&access) {
            return Err(NodeError::Overloaded {
                what: "searches for patients",
                max: SEARCH_KEYS_MAX,
            });
        }
        keys.insert(access, (now.plus_ms(SEARCH_KEY_MS), reader));
        Ok(())
    }

    /// The key for a search's letter; given once.
    pub fn take(&self, access: EntryIndex, now: TimeMs) -> Option<Reader> {
        let mut keys = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, reader) = keys.remove(&access)?;
        (now < until).then_some(reader)
    }
}

#[cfg(test)]
#[path = "letters_test.rs"]
mod tests;
