//! Block keys: two charts are compared only if they share one, so that nobody compares all with all.
//!
//! Each way in which charts of one person differ leaves another key the same: a changed family name leaves the birth
//! date, a slip in the birth date the name, a moved house the telephone number. A key is its kind and 16 bytes of a
//! SHA-256 of what it stands for: 17 stable bytes, to be stored in a database and compared, from which nothing can be
//! read at a glance (a telephone number could still be guessed from it by trying all: keep keys as carefully as
//! charts).

use crate::compare::Item;
use crate::fold::{Folded, Part, UNREADABLE};
use crate::{ADDRESSES_MAX, Demographics, INSURED_MAX, PHONES_MAX};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::fmt;

/// Bytes of a key.
pub const BLOCK_KEY_BYTES: usize = 17;
/// Most keys of a chart.
pub const BLOCK_KEYS_MAX: usize = 3 + INSURED_MAX + PHONES_MAX + 2 * ADDRESSES_MAX;
/// Most charts under one key that should be compared with each other. A nursing home's telephone number brings
/// hundreds together of whom nothing is learnt; whoever is one person with another of them shares another key too.
pub const BLOCK_CHARTS_MAX: usize = 500;

/// Version of what keys are made of; changes with folding, so that stored keys are made again.
pub const BLOCK_VERSION: u8 = 2;

/// A block key. Ordered, fixed in length, the same on every machine.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BlockKey([u8; BLOCK_KEY_BYTES]);

/// What a key stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
enum Kind {
    Birth = 1,
    Insured = 2,
    Kana = 3,
    Kanji = 4,
    Phone = 5,
    PostalAndGiven = 6,
    HouseAndGiven = 7,
}

impl BlockKey {
    fn of(kind: Kind, parts: &[&str]) -> Self {
        let mut hash = Sha256::new();
        hash.update([BLOCK_VERSION, kind as u8]);
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part.as_bytes());
        }
        let mut key = [0; BLOCK_KEY_BYTES];
        key[0] = kind as u8;
        let digest = hash.finalize();
        for (to, from) in key.iter_mut().skip(1).zip(digest.iter()) {
            *to = *from;
        }
        Self(key)
    }

    /// Its bytes.
    pub const fn as_bytes(&self) -> &[u8; BLOCK_KEY_BYTES] {
        &self.0
    }

    /// A key from its bytes.
    pub const fn from_bytes(bytes: [u8; BLOCK_KEY_BYTES]) -> Self {
        Self(bytes)
    }

    /// The item it mostly rests on.
    pub const fn item(&self) -> Item {
        match self.0[0] {
            1 => Item::Birth,
            2 => Item::Insured,
            5 => Item::Phone,
            6 | 7 => Item::Address,
            _ => Item::Family,
        }
    }
}

impl fmt::Debug for BlockKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BlockKey({:?}, withheld)", self.item())
    }
}

/// The keys of a chart; at most [`BLOCK_KEYS_MAX`].
pub fn block_keys(one: &Demographics) -> BTreeSet<BlockKey> {
    block_keys_folded(&Folded::of(one))
}

/// The keys of a folded chart. A table of postal codes changes none of them.
pub fn block_keys_folded(one: &Folded) -> BTreeSet<BlockKey> {
    let mut keys = BTreeSet::new();
    let text = |part: &Option<Part>| part.as_ref().map_or(String::new(), |p| p.folded.clone());
    if let Some(birth) = one.birth {
        keys.insert(BlockKey::of(Kind::Birth, &[&birth.to_string()]));
    }
    for (insurer, symbol, number) in one.insured.iter().map(|i| &i.family) {
        keys.insert(BlockKey::of(Kind::Insured, &[insurer, symbol, number]));
    }
    // The whole name, so that it does not matter where a feed parts it.
    let kana = text(&one.family_kana) + &text(&one.given_kana);
    if !kana.is_empty() {
        keys.insert(BlockKey::of(Kind::Kana, &[&kana]));
    }
    let kanji = text(&one.family_kanji) + &text(&one.given_kanji);
    if !kanji.is_empty() && !kanji.contains(UNREADABLE) {
        keys.insert(BlockKey::of(Kind::Kanji, &[&kanji]));
    }
    for phone in &one.phones {
        keys.insert(BlockKey::of(Kind::Phone, &[phone]));
    }
    let given = text(&one.given_kana);
    let given = if given.is_empty() {
        text(&one.given_kanji)
    } else {
        given
    };
    for address in one
        .addresses
        .iter()
        .map(|a| &a.folded)
        .filter(|_| !given.is_empty())
    {
        if let Some(postal) = &address.postal {
            keys.insert(BlockKey::of(Kind::PostalAndGiven, &[postal, &given]));
        }
        if !address.town.is_empty() && !address.numbers.is_empty() {
            let numbers: Vec<String> = address.numbers.iter().map(u32::to_string).collect();
            let house = [address.town.as_str(), &numbers.join("-"), &given];
            keys.insert(BlockKey::of(Kind::HouseAndGiven, &house));
        }
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Address, Date, Insured, Name};

    fn one(kana: &str, birth: &str, phone: &str, address: &str) -> Demographics {
        Demographics {
            kana: Name::whole(kana),
            birth: Date::read(birth).ok(),
            phones: vec![phone.to_owned()],
            addresses: Address::read("", address).into_iter().collect(),
            insured: Insured::read("1130012", "70", "123", "")
                .into_iter()
                .collect(),
            ..Demographics::default()
        }
    }

    #[test]
    fn each_kind_of_difference_leaves_another_key_the_same() {
        let a = one("ｶｸｳ ﾊﾅｺ", "19500102", "0942-00-1234", "久留米市見本町1-2-3");
        let shared = |b: &Demographics| block_keys(&a).intersection(&block_keys(b)).count();
        assert_eq!(shared(&a), 5);
        for (b, what) in [
            (one("ミホン ハナコ", "19500102", "", ""), "family name"),
            (one("カクウ ハナコ", "19510102", "", ""), "birth date"),
            (
                one("ミホン ハナエ", "", "+81 942-00-1234", ""),
                "all but the telephone",
            ),
        ] {
            assert!(shared(&b) >= 1, "{what}");
        }
        assert!(block_keys(&Demographics::default()).is_empty());
    }

    #[test]
    fn keys_are_stable_bounded_and_withheld() {
        let keys = block_keys(&one(
            "カクウ ハナコ",
            "19500102",
            "0942001234",
            "久留米市見本町1-2-3",
        ));
        let bytes: String = keys
            .iter()
            .take(1)
            .flat_map(|k| k.as_bytes().map(|b| format!("{b:02x}")))
            .collect();
        // Stored by networks: where this changes, BLOCK_VERSION does.
        assert_eq!(bytes, GOLDEN);
        let many = Demographics {
            phones: (0..100).map(|n| format!("090-0000-{n:04}")).collect(),
            ..Demographics::default()
        };
        assert_eq!(block_keys(&many).len(), PHONES_MAX);
        let shown = format!("{keys:?}");
        assert!(
            shown.contains("withheld") && !shown.contains("1950"),
            "{shown}"
        );
        for key in keys {
            assert_eq!(BlockKey::from_bytes(*key.as_bytes()), key);
        }
    }

    const GOLDEN: &str = "012b30ec7ed0d8acd3daf83e0c6a26cc52";
}
