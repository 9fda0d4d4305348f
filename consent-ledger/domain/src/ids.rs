//! Identifiers, times and hashes. Each is a newtype, so that one cannot stand for another.

use crate::DomainError;
use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

fn is_slug(text: &str, max: usize) -> bool {
    !text.is_empty()
        && text.len() <= max
        && !text.starts_with('-')
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Reads a text without keeping it.
struct Text<T>(PhantomData<T>);

impl<T: FromStr<Err = DomainError>> Visitor<'_> for Text<T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $max:literal, $ok:expr) => {
        $(#[$doc])*
        // Kept in place: copied and compared like a number, for each decision looks at dozens. Zeros behind it.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name {
            text: [u8; $max],
            length: u8,
        }

        impl $name {
            /// The text of the id.
            pub fn as_str(&self) -> &str {
                let text = self.text.get(..self.length.into()).unwrap_or_default();
                std::str::from_utf8(text).unwrap_or_default()
            }
        }
        impl FromStr for $name {
            type Err = DomainError;
            fn from_str(text: &str) -> Result<Self, DomainError> {
                let ok: fn(&str) -> bool = $ok;
                let mut id = Self { text: [0; $max], length: 0 };
                match (id.text.get_mut(..text.len()), u8::try_from(text.len())) {
                    (Some(place), Ok(length)) if ok(text) => {
                        place.copy_from_slice(text.as_bytes());
                        id.length = length;
                        Ok(id)
                    }
                    _ => Err(DomainError::$name(text.chars().take(80).collect())),
                }
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), self.as_str())
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(self.as_str())
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                d.deserialize_str(Text(PhantomData))
            }
        }
    };
}

text_id! {
    /// A regional medical network, an organisation: 1 to 40 characters of `a-z 0-9 -`.
    NetworkId, 40, |t| is_slug(t, 40)
}
text_id! {
    /// An agreement between networks, the same for all its versions: 1 to 64 characters of `a-z 0-9 -`.
    AgreementId, 64, |t| is_slug(t, 64)
}
text_id! {
    /// A facility's 10-digit code: prefecture 2, fee table (1 medical, 3 dental, 4 pharmacy, 6 home nursing)
    /// or class (2, 9 where there is no insurance code) 1, number 7 (MHLW, JP Core 1.2).
    FacilityId, 10, |t| t.len() == 10 && t.bytes().all(|b| b.is_ascii_digit())
}

text_id! {
    /// A prefecture (JIS X 0401, 2 digits, 01 to 47) or a municipality (JIS X 0402, 5 digits): where a facility
    /// stands, or what a disaster's area is made of.
    AreaCode, 5, |t| matches!(t.len(), 2 | 5) && t.bytes().all(|b| b.is_ascii_digit())
        && t.get(..2).and_then(|p| p.parse::<u8>().ok()).is_some_and(|p| (1..=47).contains(&p))
}

impl AreaCode {
    /// The prefecture's two digits.
    pub fn prefecture(&self) -> &str {
        self.as_str().get(..2).unwrap_or_default()
    }
    /// Whether it is a whole prefecture.
    pub fn is_prefecture(&self) -> bool {
        self.length == 2
    }
}

impl FacilityId {
    /// The two digits of its prefecture (JIS X 0401).
    pub fn prefecture(&self) -> &str {
        self.as_str().get(..2).unwrap_or_default()
    }
}

/// Reads bytes without keeping them.
struct Bytes<T>(PhantomData<T>);

impl<'b, T: for<'a> TryFrom<&'a [u8], Error = DomainError>> Visitor<'b> for Bytes<T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("bytes")
    }
    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<T, E> {
        T::try_from(bytes).map_err(E::custom)
    }
}

macro_rules! byte_id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;
            /// The bytes.
            pub fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }
        impl TryFrom<&[u8]> for $name {
            type Error = DomainError;
            fn try_from(bytes: &[u8]) -> Result<Self, DomainError> {
                bytes.try_into().map(Self).map_err(|_| DomainError::Length {
                    what: stringify!($name), expected_bytes: $len, got_bytes: bytes.len(),
                })
            }
        }
        impl FromStr for $name {
            type Err = DomainError;
            fn from_str(text: &str) -> Result<Self, DomainError> {
                let mut bytes = [0u8; $len];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| DomainError::Hex {
                    what: stringify!($name), value: text.chars().take(80).collect(), expected_bytes: $len,
                })?;
                Ok(Self(bytes))
            }
        }
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), hex::encode(self.0))
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                if s.is_human_readable() { s.serialize_str(&hex::encode(self.0)) } else { s.serialize_bytes(&self.0) }
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                if d.is_human_readable() {
                    d.deserialize_str(Text(PhantomData))
                } else {
                    d.deserialize_bytes(Bytes(PhantomData))
                }
            }
        }
    };
}

byte_id! {
    /// A ledger: the SHA-256 of its genesis file's canonical bytes.
    LedgerId, 32
}
byte_id! {
    /// A public key's id: the SHA-256 of its 32 bytes.
    KeyId, 32
}
byte_id! {
    /// An Ed25519 public key (RFC 8032), not yet checked to be a strong one.
    PublicKey, 32
}
byte_id! {
    /// The client's id of one request, unlike any other; one request id has one outcome (P5).
    RequestId, 16
}

impl RequestId {
    /// Random bytes of a fresh one.
    pub const RANDOM_BYTES: usize = 10;

    /// A fresh one, made at an instant: a UUID of version 7 (RFC 9562 §5.7), which begins with that instant in
    /// milliseconds. Ids made one after the other stand next to each other in a ledger's tables, where ids in no order
    /// would each have a page of the disk written for itself. Whoever reads an id takes any sixteen bytes.
    #[must_use]
    pub fn fresh(at: TimeMs, random: [u8; Self::RANDOM_BYTES]) -> Self {
        let [.., a, b, c, d, e, f] = at.0.to_be_bytes();
        let [g, h, i, j, k, l, m, n, o, p] = random;
        Self([
            a,
            b,
            c,
            d,
            e,
            f,
            0x70 | g & 0x0f,
            h,
            0x80 | i & 0x3f,
            j,
            k,
            l,
            m,
            n,
            o,
            p,
        ])
    }
}
byte_id! {
    /// A patient as the ledger knows one: a random pseudonym, meaningful only inside one network's node.
    SubjectId, 16
}
byte_id! {
    /// A practitioner as the ledger knows one: a random pseudonym, meaningful only inside one network's node.
    PractitionerId, 16
}
byte_id! {
    /// A salted commitment: opens only with the salt, which stays with the parties (P11).
    Commitment, 32
}
byte_id! {
    /// A SHA-256 hash: of a leaf, a tree node or a text.
    Hash, 32
}

/// A subject, with the network whose pseudonym it is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SubjectRef {
    /// The network whose node can map the pseudonym to a person.
    pub network: NetworkId,
    /// The pseudonym.
    pub subject: SubjectId,
}

impl fmt::Display for SubjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.network, self.subject)
    }
}

impl FromStr for SubjectRef {
    type Err = DomainError;
    fn from_str(text: &str) -> Result<Self, DomainError> {
        let (network, subject) = text.split_once(':').ok_or(DomainError::Invalid(
            "a subject is written NETWORK:PSEUDONYM (32 hexadecimal digits)",
        ))?;
        Ok(Self {
            network: network.parse()?,
            subject: subject.parse()?,
        })
    }
}

/// One Raft member of the consent ledger. Never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReplicaId(pub u64);

impl ReplicaId {
    /// Ids of each lineage: more than it will ever have leaves.
    const OF_LINEAGE: u64 = 1 << 48;

    /// The id of a replica that an entry allocates: the entry's index in the first lineage. After a recovery the
    /// lineage counts too, so that an id given by an entry that was lost is never given again.
    pub fn allocated(lineage: u64, at: EntryIndex) -> Self {
        let before = lineage.saturating_sub(1).saturating_mul(Self::OF_LINEAGE);
        Self(before.saturating_add(at.0))
    }

    /// The index of the entry that allocated it; of a founder, which none did, any number.
    pub fn index(self) -> u64 {
        self.0 % Self::OF_LINEAGE
    }
}

impl FromStr for ReplicaId {
    type Err = DomainError;
    fn from_str(text: &str) -> Result<Self, DomainError> {
        let not_one = DomainError::Invalid("a replica's id is a decimal number");
        text.parse().map(Self).map_err(|_| not_one)
    }
}

impl fmt::Display for ReplicaId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// The position of a leaf in the tree, from 0: what people call the ledger index. Not a Raft log index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct EntryIndex(pub u64);

impl fmt::Display for EntryIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Milliseconds since 1970-01-01T00:00:00Z, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TimeMs(pub u64);

impl TimeMs {
    /// The time `ms` later, or the greatest time there is.
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

impl fmt::Display for TimeMs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A half-open period: from (included) until (excluded); no end means until withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Period {
    /// First instant covered.
    pub from: TimeMs,
    /// First instant no longer covered.
    pub until: Option<TimeMs>,
}

impl Period {
    /// A period, refused where it would cover no instant.
    ///
    /// # Errors
    /// [`DomainError::Invalid`] if `until` is not after `from`.
    pub fn new(from: TimeMs, until: Option<TimeMs>) -> Result<Self, DomainError> {
        match until {
            Some(until) if until <= from => {
                Err(DomainError::Invalid("a period must end after it starts"))
            }
            _ => Ok(Self { from, until }),
        }
    }
    /// Whether the instant lies in the period.
    pub fn contains(&self, at: TimeMs) -> bool {
        self.from <= at && !self.has_ended(at)
    }
    /// Whether the period lies wholly before the instant or ends at it.
    pub fn has_ended(&self, at: TimeMs) -> bool {
        self.until.is_some_and(|until| until <= at)
    }
}
