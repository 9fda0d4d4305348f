//! Sealing a document to the node that may read it: HPKE (RFC 9180) in base mode, DHKEM(X25519, HKDF-SHA256),
//! HKDF-SHA256, AES-256-GCM; see `docs/spec/sealed-documents.md`.
//!
//! Base mode says nothing about who sealed: that is what the signed [`SealedDocument`] is for, which names the
//! encapsulated key. Each chunk is sealed with its number and whether it is the last, so that none can be moved,
//! left out or cut off.

use crate::cipher::AesGcm256;
use crate::environment::{Environment, NoRandomness};
use hpke::aead::{AeadCtxR, AeadCtxS, AeadTag};
use hpke::kdf::HkdfSha256;
use hpke::kem::{Kem as _, X25519HkdfSha256};
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable, OpModeR, OpModeS, Serializable, setup_receiver, setup_sender_with_rng};
use prost::Message;
use sekisho_domain::{LedgerId, NetworkId, RequestId};
use sekisho_ledger::sealed::{KEY_BYTES, SealedDocument, SealingKey, TAG_BYTES};
use sekisho_ledger::signature::SigningKey;
use sekisho_proto::v1;
use sha2::{Digest, Sha256};
use std::convert::Infallible;
use zeroize::Zeroizing;

pub(crate) type Secret = <X25519HkdfSha256 as hpke::Kem>::PrivateKey;
pub(crate) type Public = <X25519HkdfSha256 as hpke::Kem>::PublicKey;
pub(crate) type Encapsulated = <X25519HkdfSha256 as hpke::Kem>::EncappedKey;

/// What `info` of RFC 9180 begins with here.
const INFO: &[u8] = b"sekisho sealed document v1";

/// A document cannot be sealed, or opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SealingFault {
    /// The reader's key is none.
    #[error("the reader's key is not a point to seal to")]
    Key,
    /// The system gave no random bytes.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
    /// What was sealed does not open: altered, moved, or sealed to somebody else.
    #[error("a sealed chunk does not open")]
    Chunk,
    /// More chunks than one key can seal.
    #[error("a document of too many chunks")]
    TooLong,
}

/// The environment's random bytes as the library draws them. A failure is remembered, and what was made with it is
/// thrown away.
pub(crate) struct Draw<'a> {
    environment: &'a dyn Environment,
    failed: bool,
}

impl<'a> Draw<'a> {
    pub fn of(environment: &'a dyn Environment) -> Self {
        Self {
            environment,
            failed: false,
        }
    }
    /// Whether what was drawn is to be thrown away.
    pub fn failed(&self) -> bool {
        self.failed
    }
}

impl TryRng for Draw<'_> {
    type Error = Infallible;
    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }
    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }
    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.failed |= self.environment.fill(bytes).is_err();
        Ok(())
    }
}

impl TryCryptoRng for Draw<'_> {}

/// What both sides know of a sealed document before its chunks: its header without the key.
fn info(header: &SealedDocument) -> Vec<u8> {
    let known = v1::SealedDocument {
        ledger: header.ledger.0.to_vec(),
        access: header.access.0,
        request_id: header.request_id.0.to_vec(),
        network: header.network.to_string(),
        document: Some(header.document.clone()),
        encapsulated_key: Vec::new(),
        from_chunk: header.from_chunk,
    };
    [INFO, &Sha256::digest(known.encode_to_vec())].concat()
}

/// A chunk's place: its number, and whether it is the last.
fn place(chunk: u64, last: bool) -> [u8; 9] {
    let mut place = [0; 9];
    place[..8].copy_from_slice(&chunk.to_be_bytes());
    place[8] = last.into();
    place
}

/// Seals the chunks of one document.
pub(crate) struct Sealer(AeadCtxS<AesGcm256, HkdfSha256, X25519HkdfSha256>);

impl Sealer {
    /// Sets the header's encapsulated key.
    pub fn to(
        reader: &[u8; KEY_BYTES],
        header: &mut SealedDocument,
        environment: &dyn Environment,
    ) -> Result<Self, SealingFault> {
        let reader = Public::from_bytes(reader).map_err(|_| SealingFault::Key)?;
        let mut draw = Draw::of(environment);
        let sealed = setup_sender_with_rng::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &reader,
            &info(header),
            &mut draw,
        );
        if draw.failed {
            return Err(NoRandomness.into());
        }
        let (encapsulated, context) = sealed.map_err(|_| SealingFault::Key)?;
        header.encapsulated_key = encapsulated.to_bytes().into();
        Ok(Self(context))
    }

    /// Seals a chunk where it is. Chunks are sealed in the order in which they are sent.
    pub fn seal_in_place(
        &mut self,
        chunk: &mut Vec<u8>,
        number: u64,
        last: bool,
    ) -> Result<(), SealingFault> {
        let place = place(number, last);
        let tag = self
            .0
            .seal_inout_detached(chunk.as_mut_slice().into(), &place);
        chunk.extend_from_slice(&tag.map_err(|_| SealingFault::TooLong)?.to_bytes());
        Ok(())
    }

    #[cfg(test)]
    pub fn seal(&mut self, plain: &[u8], number: u64, last: bool) -> Result<Vec<u8>, SealingFault> {
        let mut chunk = plain.to_vec();
        self.seal_in_place(&mut chunk, number, last)?;
        Ok(chunk)
    }
}

/// A key made for one retrieval; forgotten with it.
pub(crate) struct Reader {
    secret: Secret,
    public: [u8; KEY_BYTES],
}

impl Reader {
    pub fn new(environment: &dyn Environment) -> Result<Self, NoRandomness> {
        let mut seed = Zeroizing::new([0; KEY_BYTES]);
        environment.fill(seed.as_mut_slice())?;
        let (secret, public) = X25519HkdfSha256::derive_keypair(seed.as_slice());
        let public = public.to_bytes().into();
        Ok(Self { secret, public })
    }

    /// What opens letters sealed to it.
    pub fn secret(&self) -> &Secret {
        &self.secret
    }

    /// What is sealed to.
    pub fn public(&self) -> &[u8; KEY_BYTES] {
        &self.public
    }

    /// Says, signed, that this is the key to seal to.
    pub fn signed(
        &self,
        ledger: LedgerId,
        request_id: RequestId,
        network: &NetworkId,
        node: &SigningKey,
    ) -> v1::Envelope {
        let key = SealingKey {
            ledger,
            request_id,
            network: network.clone(),
            public_key: self.public,
        };
        key.sign(node)
    }

    /// Opens what was sealed to it under a header that was believed.
    pub fn opener(&self, header: &SealedDocument) -> Result<Opener, SealingFault> {
        let encapsulated = Encapsulated::from_bytes(&header.encapsulated_key);
        let encapsulated = encapsulated.map_err(|_| SealingFault::Key)?;
        let context = setup_receiver::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &self.secret,
            &encapsulated,
            &info(header),
        );
        context.map(Opener).map_err(|_| SealingFault::Key)
    }
}

/// Opens the chunks of one document, in the order in which they were sealed.
pub(crate) struct Opener(AeadCtxR<AesGcm256, HkdfSha256, X25519HkdfSha256>);

impl Opener {
    /// Opens a chunk where it is. What does not open is nothing any more.
    pub fn open_in_place(
        &mut self,
        chunk: &mut Vec<u8>,
        number: u64,
        last: bool,
    ) -> Result<(), SealingFault> {
        let plain = chunk.len().checked_sub(TAG_BYTES);
        let tag = chunk.split_off(plain.ok_or(SealingFault::Chunk)?);
        let tag = AeadTag::from_bytes(&tag).map_err(|_| SealingFault::Chunk)?;
        let place = place(number, last);
        let plain = chunk.as_mut_slice().into();
        let opened = self.0.open_inout_detached(plain, &place, &tag);
        opened.map_err(|_| SealingFault::Chunk)
    }

    #[cfg(test)]
    pub fn open(
        &mut self,
        sealed: &[u8],
        number: u64,
        last: bool,
    ) -> Result<Vec<u8>, SealingFault> {
        let mut chunk = sealed.to_vec();
        self.open_in_place(&mut chunk, number, last)?;
        Ok(chunk)
    }
}

#[cfg(test)]
#[path = "sealing_test.rs"]
mod tests;
