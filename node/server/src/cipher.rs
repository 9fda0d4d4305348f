//! AES-256-GCM of RFC 9180 (`0x0002`) by ring: the cipher TLS uses here, some five times as fast as the one `hpke`
//! brings along, and the same bytes.

use aead::consts::{U12, U16, U32};
use aead::inout::InOutBuf;
use aead::{AeadCore, AeadInOut, Error, Key, KeyInit, KeySizeUser, Nonce, Tag, TagPosition};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, UnboundKey};

/// For `hpke`, in the place of its `AesGcm256`.
pub(crate) struct AesGcm256;

impl hpke::aead::Aead for AesGcm256 {
    type AeadImpl = Cipher;
    const AEAD_ID: u16 = 0x0002;
}

/// A key to seal or open with. `hpke` counts the nonces (RFC 9180 §5.2).
#[derive(Clone)]
pub(crate) struct Cipher(Option<LessSafeKey>);

impl KeySizeUser for Cipher {
    type KeySize = U32;
}

impl KeyInit for Cipher {
    fn new(key: &Key<Self>) -> Self {
        // Of its one length a key is always one; were it not, nothing would be sealed with it.
        Self(
            UnboundKey::new(&AES_256_GCM, key)
                .ok()
                .map(LessSafeKey::new),
        )
    }
}

impl AeadCore for Cipher {
    type NonceSize = U12;
    type TagSize = U16;
    const TAG_POSITION: TagPosition = TagPosition::Postfix;
}

impl AeadInOut for Cipher {
    fn encrypt_inout_detached(
        &self,
        nonce: &Nonce<Self>,
        aad: &[u8],
        buffer: InOutBuf<'_, '_, u8>,
    ) -> Result<Tag<Self>, Error> {
        let key = self.0.as_ref().ok_or(Error)?;
        let nonce = ring::aead::Nonce::assume_unique_for_key((*nonce).into());
        let plain = buffer.into_out_with_copied_in();
        let sealed = key.seal_in_place_separate_tag(nonce, Aad::from(aad), plain);
        Tag::<Self>::try_from(sealed.map_err(|_| Error)?.as_ref()).map_err(|_| Error)
    }

    fn decrypt_inout_detached(
        &self,
        nonce: &Nonce<Self>,
        aad: &[u8],
        buffer: InOutBuf<'_, '_, u8>,
        tag: &Tag<Self>,
    ) -> Result<(), Error> {
        let key = self.0.as_ref().ok_or(Error)?;
        let nonce = ring::aead::Nonce::assume_unique_for_key((*nonce).into());
        let sealed = buffer.into_out_with_copied_in();
        let tag = ring::aead::Tag::from(<[u8; 16]>::from(*tag));
        let opened = key.open_in_place_separate_tag(nonce, Aad::from(aad), tag, sealed, 0..);
        opened.map(drop).map_err(|_| Error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The one `hpke` brings along.
    type Theirs = <hpke::aead::AesGcm256 as hpke::aead::Aead>::AeadImpl;

    proptest! {
        #[test]
        fn it_seals_and_opens_what_the_other_does(
            key in any::<[u8; 32]>(),
            nonce in any::<[u8; 12]>(),
            aad in proptest::collection::vec(any::<u8>(), 0..40),
            plain in proptest::collection::vec(any::<u8>(), 0..300),
            at in any::<proptest::sample::Index>(),
        ) {
            let (ours, theirs) = (Cipher::new(&key.into()), Theirs::new(&key.into()));
            let mut sealed = [plain.clone(), plain.clone()];
            let [one, other] = &mut sealed;
            let tag = ours.encrypt_inout_detached(&nonce.into(), &aad, one.as_mut_slice().into()).unwrap();
            let same = theirs.encrypt_inout_detached(&nonce.into(), &aad, other.as_mut_slice().into()).unwrap();
            prop_assert_eq!(tag, same);
            prop_assert_eq!(&sealed[0], &sealed[1]);
            let open = |bytes: &[u8], tag: [u8; 16]| {
                let mut bytes = bytes.to_vec();
                let opened = ours.decrypt_inout_detached(&nonce.into(), &aad, bytes.as_mut_slice().into(), &tag.into());
                opened.map(|()| bytes)
            };
            prop_assert_eq!(open(&sealed[0], tag.into()), Ok(plain.clone()));
            let mut wrong: [u8; 16] = tag.into();
            wrong[at.index(16)] ^= 1;
            prop_assert!(open(&sealed[0], wrong).is_err());
            if !plain.is_empty() {
                let mut altered = sealed[0].clone();
                altered[at.index(plain.len())] ^= 0x80;
                prop_assert!(open(&altered, tag.into()).is_err());
            }
        }
    }
}
