//! Sets of codes, as one machine word: what agreements, consents and reservations select by.

use serde::de::{SeqAccess, Visitor};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::marker::PhantomData;

/// A value of a closed code list with numbers 1 to 63.
pub trait Code: Copy + Eq + Serialize + for<'de> Deserialize<'de> + fmt::Debug + 'static {
    /// Every value, in the order of their numbers.
    const ALL: &'static [Self];
    /// The number on the wire and on disk, 1 to 63.
    fn number(self) -> u8;
}

/// A set of values of one code list, in the order of their numbers. Copied like a number.
pub struct Codes<T> {
    bits: u64,
    of: PhantomData<T>,
}

impl<T: Code> Codes<T> {
    /// No value.
    pub const fn new() -> Self {
        Self {
            bits: 0,
            of: PhantomData,
        }
    }
    /// Every value of the list.
    pub fn all() -> Self {
        T::ALL.iter().copied().collect()
    }
    const fn of_bits(bits: u64) -> Self {
        Self {
            bits,
            of: PhantomData,
        }
    }
    /// Puts a value in.
    pub fn insert(&mut self, value: T) {
        self.bits |= bit(value);
    }
    /// Takes a value out.
    pub fn remove(&mut self, value: T) {
        self.bits &= !bit(value);
    }
    /// Whether the value is in it.
    pub fn contains(&self, value: &T) -> bool {
        self.bits & bit(*value) != 0
    }
    /// How many values are in it.
    pub fn len(&self) -> usize {
        self.bits.count_ones() as usize
    }
    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.bits == 0
    }
    /// What is in both.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Self {
        Self::of_bits(self.bits & other.bits)
    }
    /// What is in one or both.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self::of_bits(self.bits | other.bits)
    }
    /// What is in this one and not in the other.
    #[must_use]
    pub fn difference(&self, other: &Self) -> Self {
        Self::of_bits(self.bits & !other.bits)
    }
    /// Whether all of it is in the other.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.bits & !other.bits == 0
    }
    /// Whether nothing of it is in the other.
    pub fn is_disjoint(&self, other: &Self) -> bool {
        self.bits & other.bits == 0
    }
    /// The values, in the order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = T> + Clone + use<T> {
        let bits = self.bits;
        T::ALL
            .iter()
            .copied()
            .filter(move |value| bits & bit(*value) != 0)
    }
}

fn bit<T: Code>(value: T) -> u64 {
    1u64.checked_shl(value.number().into()).unwrap_or(0)
}

impl<T> Clone for Codes<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Codes<T> {}
impl<T> PartialEq for Codes<T> {
    fn eq(&self, other: &Self) -> bool {
        self.bits == other.bits
    }
}
impl<T> Eq for Codes<T> {}
impl<T> PartialOrd for Codes<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Codes<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.bits.cmp(&other.bits)
    }
}
impl<T> std::hash::Hash for Codes<T> {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.bits.hash(state);
    }
}
impl<T: Code> Default for Codes<T> {
    fn default() -> Self {
        Self::new()
    }
}
impl<T: Code> fmt::Debug for Codes<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}
impl<T: Code> FromIterator<T> for Codes<T> {
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut set = Self::new();
        set.extend(values);
        set
    }
}
impl<T: Code> Extend<T> for Codes<T> {
    fn extend<I: IntoIterator<Item = T>>(&mut self, values: I) {
        values.into_iter().for_each(|value| self.insert(value));
    }
}
impl<T: Code, const N: usize> From<[T; N]> for Codes<T> {
    fn from(values: [T; N]) -> Self {
        values.into_iter().collect()
    }
}
impl<T: Code> IntoIterator for Codes<T> {
    type Item = T;
    type IntoIter = Box<dyn Iterator<Item = T>>;
    fn into_iter(self) -> Self::IntoIter {
        Box::new(self.iter())
    }
}

/// For people a list of codes; on disk the values' bits.
impl<T: Code> Serialize for Codes<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if !s.is_human_readable() {
            return s.serialize_u64(self.bits);
        }
        let mut list = s.serialize_seq(Some(self.len()))?;
        for value in self.iter() {
            list.serialize_element(&value)?;
        }
        list.end()
    }
}

impl<'de, T: Code> Deserialize<'de> for Codes<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if d.is_human_readable() {
            return d.deserialize_seq(List(PhantomData));
        }
        let set = Self::of_bits(u64::deserialize(d)?);
        if set.is_subset(&Self::all()) {
            Ok(set)
        } else {
            Err(serde::de::Error::custom("a set holds an unknown code"))
        }
    }
}

struct List<T>(PhantomData<T>);

impl<'de, T: Code> Visitor<'de> for List<T> {
    type Value = Codes<T>;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of codes")
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Codes<T>, A::Error> {
        let mut set = Codes::new();
        while let Some(value) = list.next_element()? {
            set.insert(value);
        }
        Ok(set)
    }
}
