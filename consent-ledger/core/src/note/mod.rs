//! Signed notes (C2SP signed-note): a text that people can read, with any number of signatures.
//!
//! ```text
//! ┌ text ─────────────────────┐  ends in a newline
//! │ …                         │
//! └───────────────────────────┘
//!                                an empty line, the last one of the note
//! — name base64(id || signature)     one line a signature; id = 4 bytes
//! ```
//!
//! A note is parsed strictly: what is not in exactly this form is refused, so that formatting a parsed
//! note gives the same bytes again and a note has one hash. Whose signatures count is told from outside:
//! [`Note::verify`] takes the known keys, and never learns one from the note. What a text means is left
//! to [`crate::checkpoint`].

mod key;
#[cfg(test)]
#[path = "note_test.rs"]
mod tests;

pub(crate) use key::cosign;
pub use key::{COSIGNATURE_TIME_S_MAX, KeyHash, NoteKey, SignatureKind, Verified, sign};

use crate::ProofError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::str::FromStr;

/// Largest note. The specification asks for at least 16 signatures of up to 5 kB each, in base64.
pub const NOTE_BYTES_MAX: usize = 256 * 1024;
/// Most signatures on a note: a cosignature of every replica of a federation of some tens of networks,
/// those of outside witnesses, and room.
pub const NOTE_SIGNATURES_MAX: usize = 128;
/// Longest key name, bytes: that of a DNS name, which names like to be.
pub const KEY_NAME_BYTES_MAX: usize = 255;

/// Opens a signature line: em dash, space.
const LINE_START: &str = "\u{2014} ";

/// The name of a key on notes: 1 to 255 bytes without Unicode spaces, plus signs and control characters.
/// Best a schema-less URL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyName(String);

impl KeyName {
    /// The text of the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for KeyName {
    type Err = ProofError;
    fn from_str(text: &str) -> Result<Self, ProofError> {
        let refused = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        if !(1..=KEY_NAME_BYTES_MAX).contains(&text.len()) || text.contains(refused) {
            return Err(ProofError::KeyName(text.chars().take(80).collect()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One signature of a note, not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteSignature {
    /// Whose it claims to be.
    pub name: KeyName,
    /// Which key and which kind of signature; see [`NoteKey::hash`].
    pub key_hash: KeyHash,
    /// The bytes after the key hash, at least one; their form depends on the kind.
    pub bytes: Vec<u8>,
}

impl NoteSignature {
    fn parse(line: &str) -> Result<Self, &'static str> {
        let rest = line
            .strip_prefix(LINE_START)
            .ok_or("it does not begin with an em dash and a space")?;
        let (name, encoded) = rest
            .split_once(' ')
            .ok_or("it has no space after the key name")?;
        let name = name.parse().map_err(|_| "the key name is not one")?;
        // Strict: one encoding for any bytes, padding and unused bits included.
        let bytes = STANDARD
            .decode(encoded)
            .map_err(|_| "the signature is not base64")?;
        match bytes.split_first_chunk() {
            Some((key_hash, rest)) if !rest.is_empty() => Ok(Self {
                name,
                key_hash: *key_hash,
                bytes: rest.to_vec(),
            }),
            _ => Err("the signature is shorter than 5 bytes"),
        }
    }
}

impl fmt::Display for NoteSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let encoded = STANDARD.encode([&self.key_hash[..], &self.bytes].concat());
        writeln!(f, "{LINE_START}{} {encoded}", self.name)
    }
}

/// A note with at least one signature, none of them checked. `Display` gives the note's bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

impl Note {
    /// A note of a text and its signatures.
    ///
    /// # Errors
    /// Those of [`Note::parse`].
    pub fn new(
        text: impl Into<String>,
        signatures: Vec<NoteSignature>,
    ) -> Result<Self, ProofError> {
        let text = text.into();
        check_characters(&text)?;
        if !text.ends_with('\n') {
            return Err(ProofError::NoteForm("the text does not end in a newline"));
        }
        if signatures
            .iter()
            .any(|signature| signature.bytes.is_empty())
        {
            return Err(ProofError::NoteForm("a signature is empty"));
        }
        check_count(signatures.len())?;
        let note = Self { text, signatures };
        check_bytes(note.to_string().len())?;
        Ok(note)
    }

    /// Parses a note.
    ///
    /// # Errors
    /// [`ProofError::NoteSize`], [`ProofError::NoteForm`], [`ProofError::NoteSignatures`] or
    /// [`ProofError::NoteSignatureLine`].
    pub fn parse(bytes: &[u8]) -> Result<Self, ProofError> {
        check_bytes(bytes.len())?;
        let note = str::from_utf8(bytes).map_err(|_| ProofError::NoteForm("it is not UTF-8"))?;
        check_characters(note)?;
        let (before, lines) = note.rsplit_once("\n\n").ok_or(ProofError::NoteForm(
            "no empty line parts text and signatures",
        ))?;
        let lines = lines.strip_suffix('\n').ok_or(ProofError::NoteForm(
            "it does not end in a newline, or has no signature",
        ))?;
        check_count(lines.split('\n').count())?;
        let signatures = lines
            .split('\n')
            .enumerate()
            .map(|(i, line)| {
                NoteSignature::parse(line)
                    .map_err(|fault| ProofError::NoteSignatureLine { line: i + 1, fault })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            text: format!("{before}\n"),
            signatures,
        })
    }

    /// The text, with its final newline. Unchecked: see [`Note::verify`].
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The signatures, in the note's order.
    pub fn signatures(&self) -> &[NoteSignature] {
        &self.signatures
    }

    /// Checks every signature that claims to be by one of the known keys; the others are ignored, as
    /// they may be by keys we have not heard of. Returns those that hold, each key at most once, in the
    /// order of the keys; there may be none.
    ///
    /// # Errors
    /// [`ProofError::NoteSignatureWrong`] if a single one by a known key does not hold.
    pub fn verify(&self, keys: &[NoteKey]) -> Result<Vec<Verified>, ProofError> {
        let mut verified = Vec::new();
        for key in keys {
            let mut latest: Option<Verified> = None;
            for signature in self
                .signatures
                .iter()
                .filter(|signature| key.is_named_by(signature))
            {
                let time_s = key.verify(&self.text, signature).map_err(|source| {
                    ProofError::NoteSignatureWrong {
                        name: key.name().to_string(),
                        source: Box::new(source),
                    }
                })?;
                if latest
                    .as_ref()
                    .is_none_or(|earlier| earlier.time_s < time_s)
                {
                    latest = Some(Verified {
                        name: key.name().clone(),
                        key: key.public_key(),
                        time_s,
                    });
                }
            }
            verified.extend(latest);
        }
        Ok(verified)
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        self.signatures
            .iter()
            .try_for_each(|signature| signature.fmt(f))
    }
}

fn check_bytes(got: usize) -> Result<(), ProofError> {
    if got > NOTE_BYTES_MAX {
        Err(ProofError::NoteSize {
            got,
            max: NOTE_BYTES_MAX,
        })
    } else {
        Ok(())
    }
}

fn check_count(got: usize) -> Result<(), ProofError> {
    if (1..=NOTE_SIGNATURES_MAX).contains(&got) {
        return Ok(());
    }
    Err(ProofError::NoteSignatures {
        got,
        max: NOTE_SIGNATURES_MAX,
    })
}

fn check_characters(text: &str) -> Result<(), ProofError> {
    if text.bytes().any(|b| b < b' ' && b != b'\n') {
        return Err(ProofError::NoteForm(
            "it holds a control character other than newline",
        ));
    }
    Ok(())
}
