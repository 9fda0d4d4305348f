//! The attributes of one document (IHE ITI TF-3 §4.2.3.2, XDS DocumentEntry).

use crate::digest::PieceHashes;
use crate::{Error, SourceLocation};
use sekisho_domain::{Category, FacilityId, Hash, TimeMs};
use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Longest local patient id, in bytes: SS-MIX2 allows 15, pharmacies' and insurers' formats up to 20; twice that
/// with an assigning prefix still fits.
pub const LOCAL_PATIENT_ID_BYTES_MAX: usize = 64;

/// A patient's id inside one facility: printable ASCII, exact (no zero padding, no case folding).
/// Never shown by `Debug`, never leaves the node.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct LocalPatientId(String);

impl LocalPatientId {
    /// The text of the id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LocalPatientId {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let ok = (1..=LOCAL_PATIENT_ID_BYTES_MAX).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_graphic() && b != b'/');
        if ok {
            Ok(Self(text.to_owned()))
        } else {
            Err(Error::LocalPatientId {
                bytes: text.len(),
                max: LOCAL_PATIENT_ID_BYTES_MAX,
            })
        }
    }
}

impl fmt::Debug for LocalPatientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalPatientId(withheld)")
    }
}

impl<'de> Deserialize<'de> for LocalPatientId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// What identifies one order or event of a source through all its versions
/// (SS-MIX2 index key: 患者ID + 診療日 + データ種別 + オーダNo). The condition flag is no part of it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct IndexKey<'a> {
    /// 患者ID.
    pub local_patient_id: &'a LocalPatientId,
    /// 診療日, `yyyyMMdd` or `-`.
    pub care_date: &'a str,
    /// データ種別.
    pub data_kind: &'a str,
    /// オーダNo.
    pub order_no: &'a str,
}

/// A document's unique id (XDS uniqueId), written `urn:uuid:` and a version 8 UUID (RFC 9562 §5.8).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UniqueId([u8; 16]);

impl UniqueId {
    /// Derives the id of one version of a document: the first 128 bits of SHA-256 over facility, index key,
    /// 発生日時 and content hash, each preceded by its length.
    ///
    /// The same file gives the same id however often an index is rebuilt, whatever its condition flag. The
    /// content hash is in it for two reasons: other bytes are another document (ITI TF-3 §4.2.3.2.26 ties an
    /// id to its hash), and without it a stranger could find a local patient id by trying them all.
    pub fn derive(
        facility: &FacilityId,
        key: &IndexKey<'_>,
        occurred: &str,
        content: &Hash,
    ) -> Self {
        let mut hasher = Sha256::new();
        let parts: [&[u8]; 8] = [
            b"sekisho document unique id v1",
            facility.as_str().as_bytes(),
            key.local_patient_id.as_str().as_bytes(),
            key.care_date.as_bytes(),
            key.data_kind.as_bytes(),
            key.order_no.as_bytes(),
            occurred.as_bytes(),
            content.as_bytes(),
        ];
        for part in parts {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
        let digest: [u8; 32] = hasher.finalize().into();
        let mut id = [0u8; 16];
        id.copy_from_slice(&digest[..16]);
        id[6] = (id[6] & 0x0f) | 0x80;
        id[8] = (id[8] & 0x3f) | 0x80;
        Self(id)
    }

    /// The 16 bytes of the UUID.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The id of 16 bytes read back from a store or a message.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for UniqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = hex::encode(self.0);
        let (a, rest) = text.split_at(8);
        let (b, rest) = rest.split_at(4);
        let (c, rest) = rest.split_at(4);
        let (d, e) = rest.split_at(4);
        write!(f, "urn:uuid:{a}-{b}-{c}-{d}-{e}")
    }
}

impl fmt::Debug for UniqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UniqueId({self})")
    }
}

impl FromStr for UniqueId {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self, Error> {
        let refuse = || Error::UniqueId(text.chars().take(80).collect());
        let uuid = text.strip_prefix("urn:uuid:").ok_or_else(refuse)?;
        let digits: String = uuid.split('-').collect();
        let mut bytes = [0u8; 16];
        hex::decode_to_slice(&digits, &mut bytes).map_err(|_| refuse())?;
        let id = Self(bytes);
        // One spelling only: an id is compared as text elsewhere.
        if id.to_string() == text {
            Ok(id)
        } else {
            Err(refuse())
        }
    }
}

impl Serialize for UniqueId {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        if s.is_human_readable() {
            s.collect_str(self)
        } else {
            Serialize::serialize(&self.0, s)
        }
    }
}

impl<'de> Deserialize<'de> for UniqueId {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        if d.is_human_readable() {
            String::deserialize(d)?
                .parse()
                .map_err(serde::de::Error::custom)
        } else {
            <[u8; 16]>::deserialize(d).map(Self)
        }
    }
}

/// A coded value with its names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Code {
    /// The code.
    pub code: String,
    /// The coding system, a URI.
    pub system: String,
    /// Japanese name; empty where none is known.
    pub ja: String,
    /// English name; empty where none is known.
    pub en: String,
}

impl Code {
    /// A coded value.
    pub fn new(
        code: impl Into<String>,
        system: impl Into<String>,
        ja: impl Into<String>,
        en: impl Into<String>,
    ) -> Self {
        Self {
            code: code.into(),
            system: system.into(),
            ja: ja.into(),
            en: en.into(),
        }
    }

    /// XDS classCode (IHE ITI TF-3 §4.2.3.2.3): the category, in a system of our own.
    pub fn of_category(category: Category) -> Self {
        Self::new(
            category.code(),
            "urn:sekisho:category",
            category.ja(),
            category.en(),
        )
    }
}

/// A text in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Title {
    /// Japanese.
    pub ja: String,
    /// English.
    pub en: String,
}

impl Title {
    /// A text in both languages.
    pub fn new(ja: impl Into<String>, en: impl Into<String>) -> Self {
        Self {
            ja: ja.into(),
            en: en.into(),
        }
    }
}

/// XDS availabilityStatus. A deleted document has none: it is not answered at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Availability {
    /// In force (`urn:oasis:names:tc:ebxml-regrep:StatusType:Approved`).
    Approved,
    /// Superseded by a later version (`…:StatusType:Deprecated`).
    Deprecated,
}

/// What documents of one kind have alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentKind {
    /// The source's own kind, e.g. `OMP-01`.
    pub data_kind: String,
    /// The kind of information, by which consents and agreements select.
    pub category: Category,
    /// classCode: the category.
    pub class_code: Code,
    /// typeCode: LOINC where one fits.
    pub type_code: Code,
    /// formatCode, e.g. `urn:jami:ss-mix2:standardised:OMP-01`.
    pub format_code: Code,
    /// mimeType of the bytes.
    pub mime_type: String,
    /// languageCode (BCP 47).
    pub language: String,
    /// confidentialityCode (HL7 v3 Confidentiality).
    pub confidentiality: Code,
    /// title: the kind's names; never clinical data.
    pub title: Title,
}

/// The XDS attributes of one document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DocumentEntry {
    /// uniqueId.
    pub unique_id: UniqueId,
    /// The facility whose document it is (authorInstitution, healthcareFacility).
    pub facility: FacilityId,
    /// The patient inside that facility (sourcePatientId). Never leaves the node.
    pub local_patient_id: LocalPatientId,
    /// What it has alike with others of its kind; those read together share it.
    pub kind: Arc<DocumentKind>,
    /// creationTime.
    pub creation: TimeMs,
    /// serviceStartTime.
    pub service_start: TimeMs,
    /// serviceStopTime, not before the start.
    pub service_stop: TimeMs,
    /// practiceSettingCode: 診療科コード, absent where the source has `-`.
    pub practice_setting: Option<Arc<Code>>,
    /// hash: SHA-256 of the bytes. (XDS.b itself asks for SHA-1, which proves nothing any more.)
    pub hash: Hash,
    /// size in bytes.
    pub size_bytes: u64,
    /// Of a large document, what each of its pieces is. Never leaves the node.
    pub pieces: PieceHashes,
    /// availabilityStatus.
    pub status: Availability,
    /// Where the bytes are. Never leaves the node.
    pub location: SourceLocation,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facility() -> FacilityId {
        "4111234567".parse().unwrap()
    }

    fn id_of(patient: &str, order: &str, occurred: &str, content: u8) -> UniqueId {
        let patient: LocalPatientId = patient.parse().unwrap();
        let key = IndexKey {
            local_patient_id: &patient,
            care_date: "20260401",
            data_kind: "OMP-01",
            order_no: order,
        };
        UniqueId::derive(&facility(), &key, occurred, &Hash([content; 32]))
    }

    #[test]
    fn unique_ids_are_stable_distinct_and_name_nobody() {
        let id = id_of("0009013", "000000000000001", "20260401090000000", 1);
        assert_eq!(
            id,
            id_of("0009013", "000000000000001", "20260401090000000", 1)
        );
        let others = [
            id_of("0009014", "000000000000001", "20260401090000000", 1),
            id_of("0009013", "000000000000002", "20260401090000000", 1),
            id_of("0009013", "000000000000001", "20260401090000001", 1),
            id_of("0009013", "000000000000001", "20260401090000000", 2),
            // The parts' lengths are hashed, so that text cannot move from one part to the next.
            id_of("00090130", "00000000000001", "20260401090000000", 1),
        ];
        for other in others {
            assert_ne!(id, other);
        }
        let text = id.to_string();
        assert!(!text.contains("0009013"));
        assert_eq!(text.len(), "urn:uuid:".len() + 36);
        assert_eq!(&text[23..24], "8", "version 8 in {text}");
        assert_eq!(text.parse::<UniqueId>().unwrap(), id);
    }

    #[test]
    fn unique_ids_have_one_spelling() {
        let text = id_of("1", "1", "1", 1).to_string();
        let bad = [
            text.to_uppercase(),
            text.replace("urn:uuid:", ""),
            text.replacen('-', "", 1),
            format!("{text}0"),
            String::from("urn:uuid:"),
            String::from("urn:uuid:é"),
        ];
        for text in bad {
            assert!(text.parse::<UniqueId>().is_err(), "{text}");
        }
    }

    #[test]
    fn local_patient_ids_are_bounded_and_withheld() {
        let long = "1".repeat(LOCAL_PATIENT_ID_BYTES_MAX + 1);
        for bad in ["", "1 2", "1/2", "患者", "1\n", long.as_str()] {
            let error = bad.parse::<LocalPatientId>().unwrap_err().to_string();
            assert!(bad.len() < 3 || !error.contains(bad), "{error}");
        }
        let id: LocalPatientId = "0009013".parse().unwrap();
        assert!(!format!("{id:?}").contains("0009013"));
        let location = SourceLocation::new("std01".parse().unwrap(), "000/901/0009013/x").unwrap();
        assert!(!format!("{location:?}").contains("0009013"));
    }
}
