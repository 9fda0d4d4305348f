//! What a chart says of its patient, bounded; and the reading of its smaller parts.
//!
//! `Debug` of everything here says how much there is and never what: names, birth dates and numbers must reach no log.

use crate::{Date, Insured};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Most addresses of one chart: home, registered, and what was before.
pub const ADDRESSES_MAX: usize = 4;
/// Most telephone numbers of one chart.
pub const PHONES_MAX: usize = 8;
/// Most insurances of one chart: the main one, public ones beside it, and former ones.
pub const INSURED_MAX: usize = 8;
/// Most characters of one text (a name, an address, a number): HL7 gives an address 250.
pub const TEXT_CHARS_MAX: usize = 250;

/// What a chart says of its patient. Everything may be missing.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Unchecked")]
pub struct Demographics {
    /// The name in kanji, as on papers.
    pub kanji: Option<Name>,
    /// The name in kana, of any width.
    pub kana: Option<Name>,
    /// The day of birth.
    pub birth: Option<Date>,
    /// The sex.
    pub sex: Option<Sex>,
    /// Addresses, the current one first; at most [`ADDRESSES_MAX`].
    pub addresses: Vec<Address>,
    /// Telephone numbers as written; at most [`PHONES_MAX`].
    pub phones: Vec<String>,
    /// Insurances; at most [`INSURED_MAX`].
    pub insured: Vec<Insured>,
}

/// A name in one script. Where a feed does not part it, `family` holds all of it and `given` is empty.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Name {
    /// The family name.
    pub family: String,
    /// The given name.
    pub given: String,
}

/// An address as written.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Address {
    /// The postal code.
    pub postal: Option<String>,
    /// The address in one line.
    pub text: String,
}

/// Administrative sex, HL7 table 0001; unknown is its absence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sex {
    /// Male.
    Male,
    /// Female.
    Female,
    /// Other.
    Other,
}

/// A bound that demographics broke; it never repeats their content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A list is too long.
    #[error("{what}: {count}, at most {max}")]
    TooMany {
        /// Which list.
        what: &'static str,
        /// How many there are.
        count: usize,
        /// How many there may be.
        max: usize,
    },
    /// A text is too long.
    #[error("{what} has more than {TEXT_CHARS_MAX} characters")]
    TooLong {
        /// Which text.
        what: &'static str,
    },
}

impl Name {
    /// A name of two parts.
    pub fn new(family: impl Into<String>, given: impl Into<String>) -> Self {
        Self {
            family: family.into(),
            given: given.into(),
        }
    }

    /// A name in one text, parted at its first space (of any width) if it has one. None where there is nothing.
    pub fn whole(text: &str) -> Option<Self> {
        let text = text.trim();
        let (family, given) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        (!family.is_empty()).then(|| Self::new(family, given.trim()))
    }

    /// Both parts trimmed; one part alone that holds a space is parted there. None where there is nothing.
    pub fn read(family: &str, given: &str) -> Option<Self> {
        match (family.trim(), given.trim()) {
            ("", given) => Self::whole(given),
            (family, "") => Self::whole(family),
            (family, given) => Some(Self::new(family, given)),
        }
    }
}

impl Address {
    /// An address, trimmed. None where neither a code nor a text is given.
    pub fn read(postal: &str, text: &str) -> Option<Self> {
        let (postal, text) = (postal.trim(), text.trim());
        let postal = (!postal.is_empty()).then(|| postal.to_owned());
        let text = text.to_owned();
        (postal.is_some() || !text.is_empty()).then_some(Self { postal, text })
    }
}

impl Sex {
    /// Reads the codes of feeds: M, F, O (HL7); 1, 2 (NSIPS, claims); 男, 女. Everything else is unknown.
    pub fn read(text: &str) -> Option<Self> {
        match text.trim() {
            "M" | "m" | "Ｍ" | "1" | "１" | "男" | "男性" => Some(Self::Male),
            "F" | "f" | "Ｆ" | "2" | "２" | "女" | "女性" => Some(Self::Female),
            "O" | "o" | "Ｏ" => Some(Self::Other),
            _ => None,
        }
    }
}

impl Demographics {
    /// Checks every bound. All functions of this crate take anything; what is kept should keep within them.
    ///
    /// # Errors
    /// The first bound that is broken.
    pub fn check(&self) -> Result<(), Fault> {
        let lists = [
            ("addresses", self.addresses.len(), ADDRESSES_MAX),
            ("telephone numbers", self.phones.len(), PHONES_MAX),
            ("insurances", self.insured.len(), INSURED_MAX),
        ];
        for (what, count, max) in lists {
            if count > max {
                return Err(Fault::TooMany { what, count, max });
            }
        }
        let names = self.kanji.iter().chain(&self.kana);
        let names = names.flat_map(|n| [("a name", &n.family), ("a name", &n.given)]);
        let addresses = self.addresses.iter().flat_map(|a| {
            let postal = a.postal.iter().map(|postal| ("a postal code", postal));
            postal.chain([("an address", &a.text)])
        });
        let phones = self
            .phones
            .iter()
            .map(|phone| ("a telephone number", phone));
        let insured = self.insured.iter().flat_map(|i| {
            let parts = [&i.insurer, &i.symbol, &i.number].into_iter();
            parts
                .chain(&i.branch)
                .map(|part| ("an insurance number", part))
        });
        for (what, text) in names.chain(addresses).chain(phones).chain(insured) {
            if text.chars().nth(TEXT_CHARS_MAX).is_some() {
                return Err(Fault::TooLong { what });
            }
        }
        Ok(())
    }
}

/// As it comes from outside, before its bounds are checked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Unchecked {
    #[serde(default)]
    kanji: Option<Name>,
    #[serde(default)]
    kana: Option<Name>,
    #[serde(default)]
    birth: Option<Date>,
    #[serde(default)]
    sex: Option<Sex>,
    #[serde(default)]
    addresses: Vec<Address>,
    #[serde(default)]
    phones: Vec<String>,
    #[serde(default)]
    insured: Vec<Insured>,
}

impl TryFrom<Unchecked> for Demographics {
    type Error = Fault;

    fn try_from(read: Unchecked) -> Result<Self, Fault> {
        let demographics = Self {
            kanji: read.kanji,
            kana: read.kana,
            birth: read.birth,
            sex: read.sex,
            addresses: read.addresses,
            phones: read.phones,
            insured: read.insured,
        };
        demographics.check()?;
        Ok(demographics)
    }
}

impl fmt::Debug for Demographics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Demographics")
            .field("kanji", &self.kanji.is_some())
            .field("kana", &self.kana.is_some())
            .field("birth", &self.birth.is_some())
            .field("sex", &self.sex.is_some())
            .field("addresses", &self.addresses.len())
            .field("phones", &self.phones.len())
            .field("insured", &self.insured.len())
            .finish()
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Name(withheld)")
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Address(withheld)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn somebody() -> Demographics {
        Demographics {
            kanji: Name::whole("架空　花子"),
            kana: Name::read("カクウ", "ハナコ"),
            birth: Date::read("19500102").ok(),
            sex: Sex::read("2"),
            addresses: Address::read("830-0001", "福岡県久留米市見本町1-2-3")
                .into_iter()
                .collect(),
            phones: vec!["0942-00-1234".to_owned()],
            insured: Insured::read("1130012", "７０", "123456", "01")
                .into_iter()
                .collect(),
        }
    }

    #[test]
    fn debug_withholds_and_json_keeps() {
        let one = somebody();
        let shown = format!(
            "{one:?} {:?} {:?} {:?}",
            one.kanji, one.addresses, one.insured
        );
        for secret in [
            "架空",
            "ハナコ",
            "1950",
            "見本",
            "0942",
            "123456",
            "1130012",
        ] {
            assert!(!shown.contains(secret), "{shown}");
        }
        let json = serde_json::to_string(&one).unwrap();
        assert_eq!(serde_json::from_str::<Demographics>(&json).unwrap(), one);
        assert_eq!(
            serde_json::from_str::<Demographics>("{}").unwrap(),
            Demographics::default()
        );
    }

    #[test]
    fn bounds_hold_where_it_comes_from_outside() {
        let many = format!("{{\"phones\":[{}]}}", ["\"1\""; PHONES_MAX + 1].join(","));
        let error = serde_json::from_str::<Demographics>(&many).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("telephone numbers: 9, at most 8"),
            "{error}"
        );
        let mut long = somebody();
        long.addresses[0].text = "町".repeat(TEXT_CHARS_MAX + 1);
        assert_eq!(long.check(), Err(Fault::TooLong { what: "an address" }));
        assert!(serde_json::from_str::<Demographics>("{\"weight\":1}").is_err());
    }

    #[test]
    fn parts_are_read_as_feeds_hold_them() {
        assert_eq!(Name::whole("架空　花子"), Some(Name::new("架空", "花子")));
        assert_eq!(Name::read("架空 花子", ""), Some(Name::new("架空", "花子")));
        assert_eq!(Name::read("", " "), None);
        for (code, sex) in [
            ("M", Some(Sex::Male)),
            ("2", Some(Sex::Female)),
            ("O", Some(Sex::Other)),
            ("U", None),
            ("", None),
        ] {
            assert_eq!(Sex::read(code), sex, "{code}");
        }
    }
}
