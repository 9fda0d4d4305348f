//! Whole populations for measuring patient matching: households of invented people, each written down by several
//! facilities with the errors that occur (clinical-formats §6.4), and the truth beside it. No files: some hundred
//! thousand charts in memory, as the text feeds hold. Nothing here is shared with what matches, so that one checks
//! the other.

mod household;
mod spelling;
mod writing;

use crate::Day;
use crate::report::Sex;
use crate::rng::Rng;
use household::Household;
use serde::Serialize;
use writing::Habit;

/// Most persons of one population; some five million charts.
pub const PERSONS_MAX: u32 = 2_000_000;
/// Most facilities of one population.
pub const PLACES_MAX: u32 = 5_000;

/// In what a chart differs from a person's other charts, or what makes the person easy to mistake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// Kana or digits of another width.
    Width,
    /// A long vowel written in another way (オオノ, オーノ).
    LongVowel,
    /// Small kana written large (キヨウコ).
    SmallKana,
    /// ヴ written as バ行.
    VForB,
    /// A kanji by a variant of it (髙, 高).
    Variant,
    /// A kanji that the system could not write (■).
    Unreadable,
    /// A slip in the kana of a name.
    KanaSlip,
    /// Kanji or kana of the name missing.
    ScriptMissing,
    /// Family and given name in one field, without a space.
    NotParted,
    /// A former family name.
    SurnameChange,
    /// A former insurance.
    InsurerChange,
    /// An insured number without its branch.
    MissingBranch,
    /// No insurance at all.
    InsuranceMissing,
    /// A slip in the birth date.
    BirthSlip,
    /// A birth date of an era.
    EraDate,
    /// An address in another notation.
    AddressNotation,
    /// A former address.
    Moved,
    /// The household's telephone instead of the person's own.
    FamilyPhone,
    /// Another telephone number than before.
    PhoneChange,
    /// No telephone number.
    PhoneMissing,
    /// One of twins.
    Twin,
    /// One of siblings who are no twins.
    Sibling,
}

impl ErrorClass {
    /// All of them.
    pub const ALL: [Self; 22] = [
        Self::Width,
        Self::LongVowel,
        Self::SmallKana,
        Self::VForB,
        Self::Variant,
        Self::Unreadable,
        Self::KanaSlip,
        Self::ScriptMissing,
        Self::NotParted,
        Self::SurnameChange,
        Self::InsurerChange,
        Self::MissingBranch,
        Self::InsuranceMissing,
        Self::BirthSlip,
        Self::EraDate,
        Self::AddressNotation,
        Self::Moved,
        Self::FamilyPhone,
        Self::PhoneChange,
        Self::PhoneMissing,
        Self::Twin,
        Self::Sibling,
    ];

    /// Its name, as JSON and tables have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Width => "width",
            Self::LongVowel => "long_vowel",
            Self::SmallKana => "small_kana",
            Self::VForB => "v_for_b",
            Self::Variant => "variant",
            Self::Unreadable => "unreadable",
            Self::KanaSlip => "kana_slip",
            Self::ScriptMissing => "script_missing",
            Self::NotParted => "not_parted",
            Self::SurnameChange => "surname_change",
            Self::InsurerChange => "insurer_change",
            Self::MissingBranch => "missing_branch",
            Self::InsuranceMissing => "insurance_missing",
            Self::BirthSlip => "birth_slip",
            Self::EraDate => "era_date",
            Self::AddressNotation => "address_notation",
            Self::Moved => "moved",
            Self::FamilyPhone => "family_phone",
            Self::PhoneChange => "phone_change",
            Self::PhoneMissing => "phone_missing",
            Self::Twin => "twin",
            Self::Sibling => "sibling",
        }
    }
}

/// What population to invent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PopulationSpec {
    /// Everything follows from it.
    pub seed: u64,
    /// Persons; at most [`PERSONS_MAX`].
    pub persons: u32,
    /// Facilities they go to, each with a system's habits; at most [`PLACES_MAX`].
    pub places: u32,
    /// Among a thousand births in a household how many are twins; in Japan some ten, more here so that they are
    /// measured.
    pub twins_permille: u32,
}

impl PopulationSpec {
    /// The usual numbers.
    pub const fn new(seed: u64, persons: u32) -> Self {
        Self {
            seed,
            persons,
            places: 40,
            twins_permille: 60,
        }
    }
}

/// A chart's demographics as a feed holds them; what is missing is empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Written {
    /// Family and given name in kanji.
    pub kanji: (String, String),
    /// Family and given name in kana.
    pub kana: (String, String),
    /// Birth date, in the facility's notation.
    pub birth: String,
    /// The day that notation means: the person's, but for a slip.
    pub birth_day: Option<Day>,
    /// Sex, in the facility's code.
    pub sex: &'static str,
    /// Postal code.
    pub postal: String,
    /// Address in one line.
    pub address: String,
    /// Telephone numbers.
    pub phones: Vec<String>,
    /// Insurer, symbol, number, branch.
    pub insured: [String; 4],
}

/// One chart with the truth of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Whose it is.
    pub person: u32,
    /// The person's sex.
    pub sex: Sex,
    /// The person's birth date.
    pub birth: Day,
    /// The person's present family and given name, in kanji and in kana.
    pub name: [(String, String); 2],
    /// Which household the person was born into.
    pub household: u32,
    /// Where it is kept.
    pub place: u32,
    /// What it says.
    pub written: Written,
    /// Its error classes, in order, each once.
    pub classes: Vec<ErrorClass>,
}

/// Invents a population and writes every person down at one to four facilities. The same specification gives the same
/// records on every machine; numbers beyond the bounds are brought to them.
pub fn population(spec: &PopulationSpec) -> Vec<Record> {
    let persons = spec.persons.min(PERSONS_MAX);
    let places = spec.places.clamp(1, PLACES_MAX);
    let habits: Vec<Habit> = (0..places).map(|n| Habit::of(spec.seed, n)).collect();
    let mut records = Vec::with_capacity(persons as usize * 5 / 2);
    let (mut person, mut number) = (0, 0);
    while person < persons {
        let household = Household::invent(spec.seed, number, spec.twins_permille);
        for member in household.members.iter().take((persons - person) as usize) {
            let name = [person.to_string()];
            let mut rng = Rng::of(spec.seed, &["appearances", &name[0]]);
            let times = [1, 2, 2, 3, 4][rng.below(5) as usize];
            let mut chosen: Vec<u32> = Vec::new();
            while chosen.len() < times.min(places as usize) {
                let place = rng.below(places);
                if !chosen.contains(&place) {
                    chosen.push(place);
                }
            }
            for place in chosen {
                let habit = &habits[place as usize];
                let (written, classes) = writing::write(&household, member, habit, &mut rng);
                let family = member
                    .families
                    .last()
                    .map_or_else(Default::default, |f| f.1.clone());
                let given = member.given.clone();
                records.push(Record {
                    person,
                    sex: member.sex,
                    birth: member.birth,
                    name: [(family.0, given.0), (family.1, given.1)],
                    household: number,
                    place,
                    written,
                    classes,
                });
            }
            person += 1;
        }
        number += 1;
    }
    records
}

/// The last day anybody is written down.
const LAST_DAY: Day = Day::of(2026, 9, 30);

#[cfg(test)]
#[path = "population_test.rs"]
mod tests;
