//! Keys of sorted maps.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::ops::Deref;

/// The bytes that are compared first.
const HEAD: usize = size_of::<u128>();

/// A key of a sorted map, in its place there up to `SHORT` bytes (16 to 255): a lookup costs what it misses in the
/// processor's cache, and comparing costs a call unless the first bytes tell.
#[derive(Clone)]
pub struct InPlace<const SHORT: usize>(Place<SHORT>);

#[derive(Clone)]
enum Place<const SHORT: usize> {
    /// Zeros behind it.
    Short {
        length: u8,
        bytes: [u8; SHORT],
    },
    Long(Box<[u8]>),
}

impl<const SHORT: usize> InPlace<SHORT> {
    /// A key of parts, one behind the other.
    pub fn of(parts: &[&[u8]]) -> Self {
        // Else a short key would have no head, and a long one of the same beginning would.
        const { assert!(SHORT >= HEAD && SHORT <= 255) };
        let all = parts.iter().map(|part| part.len()).sum::<usize>();
        let mut bytes = [0; SHORT];
        let (Some(mut place), Ok(length)) = (bytes.get_mut(..all), u8::try_from(all)) else {
            return Self(Place::Long(parts.concat().into()));
        };
        for part in parts {
            let here = std::mem::take(&mut place).split_at_mut_checked(part.len());
            if let Some((here, rest)) = here {
                here.copy_from_slice(part);
                place = rest;
            }
        }
        Self(Place::Short { length, bytes })
    }

    /// The first bytes as a number, with zeros where there are none: of two keys whose heads differ, the one with the
    /// smaller is the smaller.
    fn head(&self) -> u128 {
        let bytes: &[u8] = match &self.0 {
            Place::Short { bytes, .. } => bytes,
            Place::Long(bytes) => bytes,
        };
        bytes
            .first_chunk()
            .map_or(0, |head| u128::from_be_bytes(*head))
    }
}

impl<const SHORT: usize> From<&[u8]> for InPlace<SHORT> {
    fn from(key: &[u8]) -> Self {
        Self::of(&[key])
    }
}

impl<const SHORT: usize> Deref for InPlace<SHORT> {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match &self.0 {
            Place::Short { length, bytes } => bytes.get(..(*length).into()).unwrap_or_default(),
            Place::Long(bytes) => bytes,
        }
    }
}

impl<const SHORT: usize> Borrow<[u8]> for InPlace<SHORT> {
    fn borrow(&self) -> &[u8] {
        self
    }
}
impl<const SHORT: usize> PartialEq for InPlace<SHORT> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}
impl<const SHORT: usize> Eq for InPlace<SHORT> {}
impl<const SHORT: usize> PartialOrd for InPlace<SHORT> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<const SHORT: usize> Ord for InPlace<SHORT> {
    /// As their bytes are ordered.
    fn cmp(&self, other: &Self) -> Ordering {
        let heads = self.head().cmp(&other.head());
        heads.then_with(|| (**self).cmp(&**other))
    }
}
impl<const SHORT: usize> fmt::Debug for InPlace<SHORT> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&**self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    /// Bytes of which many begin alike, end early, or in zeros.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        (0..3usize, vec(0..3u8, 0..24))
            .prop_map(|(alike, rest)| [vec![1; 8 * alike], rest].concat())
    }

    proptest! {
        #[test]
        fn keys_are_ordered_as_their_bytes_are(a in bytes(), b in bytes()) {
            let key = |of: &[u8]| InPlace::<20>::from(of);
            prop_assert_eq!(key(&a).cmp(&key(&b)), a.cmp(&b));
            prop_assert_eq!(key(&a) == key(&b), a == b);
            prop_assert_eq!(&*key(&a), a.as_slice());
            prop_assert_eq!(InPlace::<20>::of(&[&a, &b]), key(&[a, b].concat()));
        }
    }
}
