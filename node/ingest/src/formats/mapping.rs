//! The mapping file of a CSV source: which column says what.
//!
//! ```toml
//! version = 1
//! name = "vitals"                       # in reports and format codes: a-z, 0-9, -
//! category = "vitals"
//! title = { ja = "バイタル", en = "Vital signs" }
//! type = { code = "8716-3", system = "http://loinc.org" }      # optional
//! encoding = "windows-31j"              # or "utf-8"
//! columns = ["患者番号", "施設", "測定日時", "収縮期血圧", "削除"]  # the file's first row, exactly
//! patient = "患者番号"
//! facility = "施設"                     # optional: must hold the source's facility
//! date = "測定日時"
//! document = ["測定日時"]               # rows of one patient that are alike in these are one document
//! updated = "更新日時"                  # optional: which of two versions is newer
//! deleted = { column = "削除", value = "1" }                    # optional
//!
//! [person]                              # optional: what the rows say of their patient, each of it optional
//! kanji = ["姓", "名"]                  # one column, or family name and given name
//! kana = "カナ氏名"
//! birth = "生年月日"
//! sex = "性別"
//! postal = "郵便番号"
//! address = ["住所1", "住所2"]          # written one behind the other
//! phone = ["電話番号", "携帯電話"]
//! insurer = "保険者番号"
//! symbol = "記号"
//! number = "番号"
//! branch = "枝番"
//! ```

use sekisho_documents::{Code, Title};
use sekisho_domain::{Category, Hash};
use serde::Deserialize;
use sha2::{Digest, Sha256};

/// Largest mapping file, in bytes: some hundred columns.
pub const MAPPING_BYTES_MAX: usize = 64 << 10;
/// Most columns of a file.
const COLUMNS_MAX: usize = 512;
/// Longest name of a mapping.
const NAME_CHARS_MAX: usize = 32;
const VERSION: u32 = 1;

/// Why a mapping file cannot be used: what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// It is not TOML of this form.
    #[error("the mapping is not of the form that is read: {0}")]
    Form(String),
    /// It is larger than [`MAPPING_BYTES_MAX`].
    #[error("the mapping has {0} bytes, at most {MAPPING_BYTES_MAX} are read")]
    TooLarge(usize),
    /// It is of another version.
    #[error("the mapping has version {0}; write version = 1")]
    Version(u32),
    /// Its name breaks the rule.
    #[error("name {0:?} must be 1 to {NAME_CHARS_MAX} characters of a-z, 0-9 and '-'")]
    Name(String),
    /// It names a category there is not.
    #[error("category {0:?} is none; see `sekisho agreement` for the categories")]
    Category(String),
    /// It names an encoding that is not read.
    #[error("encoding {0:?} is not read; write \"windows-31j\" or \"utf-8\"")]
    Encoding(String),
    /// It names a column that is not among `columns`.
    #[error("{0:?} is not one of the columns")]
    Column(String),
    /// Its columns are none, too many, or one stands twice.
    #[error("columns must be 1 to {COLUMNS_MAX}, each with a name of its own")]
    Columns,
    /// A name is in no column or in more than two.
    #[error("person.{0} must be one column, or two: family name and given name")]
    NameColumns(&'static str),
    /// It says nothing of its patients that they could be known by.
    #[error("person must name a column of kanji, kana or number; else leave it out")]
    Person,
    /// No column tells documents of a patient apart.
    #[error("document must name at least one column")]
    Document,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    version: u32,
    name: String,
    category: String,
    title: Names,
    r#type: Option<Coded>,
    encoding: String,
    columns: Vec<String>,
    patient: String,
    facility: Option<String>,
    date: String,
    document: Vec<String>,
    updated: Option<String>,
    deleted: Option<Marked>,
    person: Option<RawPerson>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPerson {
    kanji: Option<Columns>,
    kana: Option<Columns>,
    birth: Option<String>,
    sex: Option<String>,
    postal: Option<String>,
    address: Option<Columns>,
    phone: Option<Columns>,
    insurer: Option<String>,
    symbol: Option<String>,
    number: Option<String>,
    branch: Option<String>,
}

/// A column, or several.
#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a column or a list of columns")]
enum Columns {
    One(String),
    Several(Vec<String>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Names {
    ja: String,
    en: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Coded {
    code: String,
    system: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Marked {
    column: String,
    value: String,
}

/// A checked mapping; columns are told by their place.
#[derive(Debug, Clone)]
pub struct Mapping {
    pub(crate) name: String,
    pub(crate) category: Category,
    pub(crate) title: Title,
    pub(crate) type_code: Option<Code>,
    pub(crate) is_utf8: bool,
    pub(crate) columns: Vec<String>,
    pub(crate) patient: usize,
    pub(crate) facility: Option<usize>,
    pub(crate) date: usize,
    pub(crate) document: Vec<usize>,
    pub(crate) updated: Option<usize>,
    pub(crate) deleted: Option<(usize, String)>,
    pub(crate) person: Option<Person>,
    digest: Hash,
}

/// Columns that say who a row's patient is.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    /// One column, or family name and given name; none where it is not told.
    pub kanji: Vec<usize>,
    pub kana: Vec<usize>,
    pub birth: Option<usize>,
    pub sex: Option<usize>,
    pub postal: Option<usize>,
    pub address: Vec<usize>,
    pub phone: Vec<usize>,
    /// Insurer, symbol, number, branch.
    pub insured: [Option<usize>; 4],
}

impl Mapping {
    /// Reads a mapping file.
    ///
    /// # Errors
    /// [`MappingError`], naming the first thing that is wrong.
    pub fn parse(text: &str) -> Result<Self, MappingError> {
        if text.len() > MAPPING_BYTES_MAX {
            return Err(MappingError::TooLarge(text.len()));
        }
        let raw: Raw =
            toml::from_str(text).map_err(|e| MappingError::Form(e.message().to_owned()))?;
        if raw.version != VERSION {
            return Err(MappingError::Version(raw.version));
        }
        let name_is_good = (1..=NAME_CHARS_MAX).contains(&raw.name.len())
            && (raw.name.bytes())
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
        if !name_is_good {
            return Err(MappingError::Name(raw.name));
        }
        let category = raw.category.parse::<Category>();
        let category = category.map_err(|_| MappingError::Category(raw.category))?;
        let is_utf8 = match raw.encoding.as_str() {
            "utf-8" => true,
            "windows-31j" => false,
            _ => return Err(MappingError::Encoding(raw.encoding)),
        };
        let names: std::collections::BTreeSet<&String> = raw.columns.iter().collect();
        if names.len() != raw.columns.len() || !(1..=COLUMNS_MAX).contains(&names.len()) {
            return Err(MappingError::Columns);
        }
        let place = |name: &String| {
            let place = raw.columns.iter().position(|column| column == name);
            place.ok_or_else(|| MappingError::Column(name.clone()))
        };
        if raw.document.is_empty() {
            return Err(MappingError::Document);
        }
        let person = raw.person.as_ref().map(|person| person.placed(&place));
        Ok(Self {
            patient: place(&raw.patient)?,
            facility: raw.facility.as_ref().map(place).transpose()?,
            date: place(&raw.date)?,
            document: raw.document.iter().map(place).collect::<Result<_, _>>()?,
            updated: raw.updated.as_ref().map(place).transpose()?,
            deleted: match &raw.deleted {
                Some(of) => Some((place(&of.column)?, of.value.clone())),
                None => None,
            },
            person: person.transpose()?,
            name: raw.name,
            category,
            title: Title::new(&raw.title.ja, &raw.title.en),
            type_code: raw
                .r#type
                .map(|of| Code::new(of.code, of.system, raw.title.ja, raw.title.en)),
            is_utf8,
            columns: raw.columns,
            digest: Hash(Sha256::digest(text).into()),
        })
    }

    /// A digest of all it says.
    pub(crate) fn digest(&self) -> Hash {
        self.digest
    }
}

/// Where a column is.
type Place<'p> = &'p dyn Fn(&String) -> Result<usize, MappingError>;

impl RawPerson {
    fn placed(&self, place: Place<'_>) -> Result<Person, MappingError> {
        let one = |column: &Option<String>| column.as_ref().map(place).transpose();
        let [insurer, symbol, number, branch] =
            [&self.insurer, &self.symbol, &self.number, &self.branch].map(one);
        let person = Person {
            kanji: name("kanji", &self.kanji, place)?,
            kana: name("kana", &self.kana, place)?,
            birth: one(&self.birth)?,
            sex: one(&self.sex)?,
            postal: one(&self.postal)?,
            address: several(&self.address, place)?,
            phone: several(&self.phone, place)?,
            insured: [insurer?, symbol?, number?, branch?],
        };
        let [_, _, number, _] = person.insured;
        if person.kanji.is_empty() && person.kana.is_empty() && number.is_none() {
            return Err(MappingError::Person);
        }
        Ok(person)
    }
}

fn several(columns: &Option<Columns>, place: Place<'_>) -> Result<Vec<usize>, MappingError> {
    match columns {
        None => Ok(Vec::new()),
        Some(Columns::One(column)) => Ok(vec![place(column)?]),
        Some(Columns::Several(columns)) => columns.iter().map(place).collect(),
    }
}

fn name(
    key: &'static str,
    columns: &Option<Columns>,
    place: Place<'_>,
) -> Result<Vec<usize>, MappingError> {
    let places = several(columns, place)?;
    match (columns, places.len()) {
        (None, _) | (_, 1 | 2) => Ok(places),
        _ => Err(MappingError::NameColumns(key)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::samples_test::MAPPING;

    #[test]
    fn a_mapping_says_what_is_wrong_with_it() {
        let good = Mapping::parse(MAPPING).unwrap();
        assert_eq!(
            (good.patient, good.date, good.category),
            (0, 2, Category::Vitals)
        );
        let cases = [
            ("another version", "version = 1", "version = 2", "version 2"),
            (
                "a name with a space",
                "\"vitals\"\ncategory",
                "\"vital signs\"\ncategory",
                "vital signs",
            ),
            (
                "no category",
                "category = \"vitals\"",
                "category = \"vital\"",
                "\"vital\"",
            ),
            ("an encoding", "windows-31j", "euc-jp", "euc-jp"),
            (
                "a column there is not",
                "patient = \"患者番号\"",
                "patient = \"患者\"",
                "\"患者\"",
            ),
            (
                "a column twice",
                "\"施設\", \"測定日時\"",
                "\"患者番号\", \"測定日時\"",
                "name of its own",
            ),
            ("a setting there is not", "date =", "dates =", "dates"),
            (
                "nothing tells documents apart",
                "document = [\"測定日時\"]",
                "document = []",
                "at least one",
            ),
        ];
        for (case, from, to, said) in cases {
            let text = MAPPING.replace(from, to);
            assert_ne!(text, MAPPING, "{case}");
            let error = Mapping::parse(&text).unwrap_err().to_string();
            assert!(error.contains(said), "{case}: {error}");
        }
        for (person, said) in [
            ("birth = \"測定日時\"", "person must name a column"),
            ("kanji = \"氏名\"", "\"氏名\" is not one"),
            ("kanji = []", "person.kanji must be one column, or two"),
            ("kana = 1", "a column or a list of columns"),
            ("kana = [\"施設\", \"施設\", \"施設\"]", "person.kana must"),
            ("number = \"施設\"\nweight = \"施設\"", "weight"),
        ] {
            let text = format!("{MAPPING}[person]\n{person}\n");
            let error = Mapping::parse(&text).unwrap_err().to_string();
            assert!(error.contains(said), "{person}: {error}");
        }
    }
}
