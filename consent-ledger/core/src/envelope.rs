//! Envelopes: making one, and checking that one is authentic and in time.
//!
//! What fails here leaves no trace in the tree: anybody can send bytes. What passes is a member's word.

use crate::dsse;
use crate::record::{CoreError, Key};
use crate::signature::{Signature, SigningKey, VerifyingKey};
use crate::store::StateRead;
use crate::view::{Meta, View};
use prost::Message;
use sekisho_domain::{
    Body, DomainError, Entry, Hash, KeyId, LedgerId, PublicKey, Recovery, TimeMs,
};
use sekisho_proto::{ENTRY_TYPE, v1};
use sha2::{Digest, Sha256};

/// Why an envelope is not an authentic entry for this ledger now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EntryFault {
    /// Another payload type.
    #[error("payload type {0:?} is not {ENTRY_TYPE}")]
    PayloadType(String),
    /// Too long.
    #[error("payload of {got_bytes} bytes is over the bound of {max_bytes}")]
    TooLarge {
        /// Bytes given.
        got_bytes: usize,
        /// The bound.
        max_bytes: usize,
    },
    /// Too many or no signatures.
    #[error("{got} signatures; an envelope carries 1 to {max}")]
    SignatureCount {
        /// Signatures given.
        got: usize,
        /// The bound.
        max: usize,
    },
    /// Not a protobuf entry.
    #[error("the payload is not an entry: {0}")]
    Protobuf(String),
    /// Not the encoding this schema writes.
    #[error("the payload is not the canonical encoding of the entry it decodes to")]
    NotCanonical,
    /// A value that does not fit its type.
    #[error("in the entry: {0}")]
    Domain(#[from] DomainError),
    /// Meant for another ledger.
    #[error("the entry is for ledger {got}, this is {expected}")]
    WrongLedger {
        /// The ledger it names.
        got: LedgerId,
        /// This ledger.
        expected: LedgerId,
    },
    /// Meant for another lineage.
    #[error("the entry is for lineage {got}, this is {expected}")]
    WrongLineage {
        /// The lineage it names.
        got: u64,
        /// This lineage.
        expected: u64,
    },
    /// Before or after its window.
    #[error("the entry holds from {not_before} until {not_after}, it is {now}")]
    OutsideWindow {
        /// First instant.
        not_before: TimeMs,
        /// First instant no longer.
        not_after: TimeMs,
        /// The stamped time.
        now: TimeMs,
    },
    /// A key nobody registered.
    #[error("key {0} is not on the ledger")]
    UnknownKey(KeyId),
    /// A key that was revoked before.
    #[error("key {0} is revoked")]
    RevokedKey(KeyId),
    /// The author has not signed.
    #[error("there is no signature by the author's key {0}")]
    AuthorSignatureMissing(KeyId),
    /// A signature that does not hold.
    #[error("the signature by key {0} does not hold")]
    BadSignature(KeyId),
    /// The request id was used for something else.
    #[error("the request id was used before, for a different entry")]
    RequestIdReused,
    /// Genesis has not been applied.
    #[error("the ledger has not been founded")]
    NotFounded,
}

/// How signatures are checked. Every implementation answers as [`Strict`] does; it may remember.
pub trait SignatureCheck {
    /// Whether the Ed25519 signature over the message holds, by `verify_strict`.
    fn holds(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool;
}

/// Checks each time.
#[derive(Debug, Clone, Copy)]
pub struct Strict;

impl SignatureCheck for Strict {
    fn holds(&self, key: &PublicKey, message: &[u8], signature: &Signature) -> bool {
        VerifyingKey::parse(key).is_ok_and(|key| key.verify(message, signature).is_ok())
    }
}

/// Signs an entry. `signers` are the author's key first, then those that sign with it.
pub fn sign_entry(entry: &Entry, signers: &[&SigningKey]) -> v1::Envelope {
    seal(ENTRY_TYPE, v1::Entry::from(entry).encode_to_vec(), signers)
}

/// Signs any payload as a DSSE envelope.
pub fn seal(payload_type: &str, payload: Vec<u8>, signers: &[&SigningKey]) -> v1::Envelope {
    let signatures = signers
        .iter()
        .map(|key| v1::Signature {
            key_id: key.key_id().0.to_vec(),
            signature: dsse::sign(key, payload_type, &payload).0.to_vec(),
        })
        .collect();
    v1::Envelope {
        payload_type: payload_type.to_owned(),
        payload,
        signatures,
    }
}

/// An entry in the right form; not yet known to be anybody's.
#[derive(Debug, Clone)]
pub struct Formed {
    /// The entry.
    pub entry: Entry,
    /// SHA-256 of the payload.
    pub payload_hash: Hash,
}

/// Reads an envelope's entry, checking form and bounds only.
///
/// # Errors
/// [`EntryFault`], the first thing that is wrong.
pub fn form(envelope: &v1::Envelope) -> Result<Formed, EntryFault> {
    if envelope.payload_type != ENTRY_TYPE {
        return Err(EntryFault::PayloadType(
            envelope.payload_type.chars().take(80).collect(),
        ));
    }
    let (got_bytes, max_bytes) = (envelope.payload.len(), Entry::BODY_BYTES_MAX);
    if got_bytes > max_bytes {
        return Err(EntryFault::TooLarge {
            got_bytes,
            max_bytes,
        });
    }
    let (got, max) = (envelope.signatures.len(), Recovery::SIGNATURES_MAX);
    if got == 0 || got > max {
        return Err(EntryFault::SignatureCount { got, max });
    }
    let wire = v1::Entry::decode(envelope.payload.as_slice())
        .map_err(|e| EntryFault::Protobuf(e.to_string()))?;
    let entry = Entry::try_from(wire)?;
    let max = match &entry.body {
        Body::Recovery(_) => Recovery::SIGNATURES_MAX,
        _ => Entry::SIGNATURES_MAX,
    };
    if got > max {
        return Err(EntryFault::SignatureCount { got, max });
    }
    // Compared with what the *domain* value encodes to: sets unsorted or with doubles are refused as well.
    if v1::Entry::from(&entry).encode_to_vec() != envelope.payload {
        return Err(EntryFault::NotCanonical);
    }
    Ok(Formed {
        entry,
        payload_hash: Hash(Sha256::digest(&envelope.payload).into()),
    })
}

/// An entry its author really signed, for this ledger and now. Only [`authenticate`] makes one.
#[derive(Debug, Clone)]
pub struct Authentic {
    entry: Entry,
    author: Key,
    /// Of a recovery, which rests on all of them; else empty.
    signers: Vec<Key>,
}

impl Authentic {
    /// The entry.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }
    /// The key that signed it.
    pub fn author(&self) -> &Key {
        &self.author
    }
    /// Every key that signed a recovery; of other entries none is told.
    pub fn signers(&self) -> &[Key] {
        &self.signers
    }
}

/// Checks that an entry is for this ledger, within its window at `now`, and that every signature it carries,
/// the author's among them, is by a registered key that has not been revoked.
///
/// # Errors
/// Storage failed; or, inside, [`EntryFault`], the first thing that is wrong.
pub fn authenticate<S: StateRead>(
    view: View<'_, S>,
    meta: &Meta,
    envelope: &v1::Envelope,
    formed: Formed,
    now: TimeMs,
    check: &dyn SignatureCheck,
) -> Result<Result<Authentic, EntryFault>, CoreError<S::Error>> {
    let entry = formed.entry;
    if entry.ledger != meta.ledger {
        return Ok(Err(EntryFault::WrongLedger {
            got: entry.ledger,
            expected: meta.ledger,
        }));
    }
    let recovers = matches!(entry.body, Body::Recovery(_));
    // A recovery is the first entry of the lineage it begins.
    let expected = meta.lineage.saturating_add(u64::from(recovers));
    if entry.lineage != expected {
        return Ok(Err(EntryFault::WrongLineage {
            got: entry.lineage,
            expected,
        }));
    }
    if !recovers && (now < entry.not_before || now >= entry.not_after) {
        return Ok(Err(EntryFault::OutsideWindow {
            not_before: entry.not_before,
            not_after: entry.not_after,
            now,
        }));
    }
    let message = dsse::pae(&envelope.payload_type, &envelope.payload);
    let (mut author, mut signers) = (None, Vec::new());
    for signature in &envelope.signatures {
        let id = match KeyId::try_from(signature.key_id.as_slice()) {
            Ok(id) => id,
            Err(fault) => return Ok(Err(fault.into())),
        };
        let Some(key) = view.key(&id)?.map(|record| record.value) else {
            return Ok(Err(EntryFault::UnknownKey(id)));
        };
        if key.revoked.is_some() {
            return Ok(Err(EntryFault::RevokedKey(id)));
        }
        let holds = Signature::try_from(signature.signature.as_slice())
            .is_ok_and(|signature| check.holds(&key.public_key, &message, &signature));
        if !holds {
            return Ok(Err(EntryFault::BadSignature(id)));
        }
        if recovers {
            signers.push(key.clone());
        }
        if id == entry.author {
            author = Some(key);
        }
    }
    Ok(match author {
        Some(author) => Ok(Authentic {
            entry,
            author,
            signers,
        }),
        None => Err(EntryFault::AuthorSignatureMissing(entry.author)),
    })
}

/// What an envelope is before it goes through Raft.
#[derive(Debug, Clone)]
#[expect(
    clippy::large_enum_variant,
    reason = "one at a time, and soon taken apart"
)]
pub enum Admitted {
    /// An authentic entry the ledger does not know yet.
    Fresh(Authentic),
    /// The ledger has this very entry already, at this index (P5).
    Known(sekisho_domain::EntryIndex),
}

/// The check before Raft: would this envelope be an authentic entry if it were applied now, or has it been?
///
/// # Errors
/// Storage failed; or, inside, [`EntryFault`], the first thing that is wrong.
pub fn admit<S: StateRead>(
    state: &S,
    envelope: &v1::Envelope,
    now: TimeMs,
    check: &dyn SignatureCheck,
) -> Result<Result<Admitted, EntryFault>, CoreError<S::Error>> {
    let view = View(state);
    let Some(meta) = view.meta()? else {
        return Ok(Err(EntryFault::NotFounded));
    };
    let formed = match form(envelope) {
        Err(fault) => return Ok(Err(fault)),
        Ok(formed) => formed,
    };
    let Some(author) = view.key(&formed.entry.author)? else {
        return Ok(Err(EntryFault::UnknownKey(formed.entry.author)));
    };
    match view.requested(&author.value.network, &formed.entry.request_id)? {
        Some(known) if known.payload_hash == formed.payload_hash => {
            Ok(Ok(Admitted::Known(known.index)))
        }
        Some(_) => Ok(Err(EntryFault::RequestIdReused)),
        None => Ok(authenticate(view, &meta, envelope, formed, now, check)?.map(Admitted::Fresh)),
    }
}
