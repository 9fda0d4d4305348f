//! Arguments that several commands take, and how their texts become values.

use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};
use sekisho_domain::{
    Category, DisasterConsent, DisasterId, DomainError, EmergencyReason, EntryIndex, FacilityId,
    Grounds, LegalBasis, Nature, Period, PractitionerId, Purpose, Role, SubjectId, SubjectRef,
    TimeMs,
};
use sekisho_proto::v1;
use std::collections::BTreeSet;
use std::error::Error;
use std::str::FromStr;

use crate::ops;
use crate::ui::Failure;
use sekisho_words::Day;

/// A parser of a closed code list that names all its values in help, in both languages.
pub(super) fn codes<T>(
    all: &'static [T],
    code: fn(T) -> &'static str,
    ja: fn(T) -> &'static str,
    en: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T>
where
    T: Copy + FromStr<Err: Error + Send + Sync> + Send + Sync + 'static,
{
    let named = |v: &T| PossibleValue::new(code(*v)).help(format!("{} / {}", ja(*v), en(*v)));
    PossibleValuesParser::new(all.iter().map(named)).try_map(|text| text.parse::<T>())
}

/// [`codes`] of one of the domain's code lists.
macro_rules! codes_of {
    ($list:ty) => {
        $crate::commands::args::codes(<$list>::ALL, <$list>::code, <$list>::ja, <$list>::en)
    };
}
pub(super) use codes_of;

/// A patient of this network, as people name one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PatientArg {
    /// By a facility's own id.
    Local(FacilityId, String),
    /// By the network's pseudonym.
    Subject(SubjectId),
}

/// Why a text names no patient; does not repeat it, for it may be a local id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum PatientFault {
    #[error(
        "a patient is written FACILITY/LOCALID, or as the pseudonym that `subject show` prints"
    )]
    Form,
    #[error(transparent)]
    Facility(#[from] DomainError),
}

impl FromStr for PatientArg {
    type Err = PatientFault;
    fn from_str(text: &str) -> Result<Self, PatientFault> {
        match text.split_once('/') {
            Some((_, "")) => Err(PatientFault::Form),
            Some((facility, local)) => Ok(Self::Local(facility.parse()?, local.to_owned())),
            // Another network's pseudonym is nobody's here, and the node says so.
            None => match text.parse::<SubjectRef>() {
                Ok(subject) => Ok(Self::Subject(subject.subject)),
                Err(_) => text
                    .parse()
                    .map(Self::Subject)
                    .map_err(|_| PatientFault::Form),
            },
        }
    }
}

impl PatientArg {
    /// As it travels to the node.
    pub(super) fn message(&self) -> v1::Patient {
        use v1::patient::{Local, Patient};
        let patient = match self {
            Self::Local(facility, local_id) => Patient::Local(Local {
                facility: facility.to_string(),
                local_id: local_id.clone(),
            }),
            Self::Subject(subject) => Patient::Subject(subject.0.to_vec()),
        };
        v1::Patient {
            patient: Some(patient),
        }
    }
}

/// Who asks, about whom, where and why.
#[derive(Debug, Args)]
pub(super) struct Asking {
    /// The patient: FACILITY/LOCALID of this network, or the pseudonym
    #[arg(long, value_name = "PATIENT")]
    pub patient: PatientArg,
    /// The facility the patient is visiting, one of this network's
    #[arg(long, value_name = "CODE")]
    pub facility: FacilityId,
    /// Who asks, by the id used in this network; the ledger gets only a salted commitment to it
    #[arg(long, value_name = "ID")]
    pub practitioner: String,
    /// The profession in which that person asks
    #[arg(long, value_name = "ROLE", value_parser = codes_of!(Role))]
    pub role: Role,
    /// Why that person asks; follows from --break-glass and --disaster
    #[arg(long, value_name = "PURPOSE", value_parser = codes_of!(Purpose), required_unless_present_any = ["break_glass", "disaster"])]
    pub purpose: Option<Purpose>,
    /// Without consent, in an emergency, for this reason: a second person reviews it within 72 hours, the patient is told
    #[arg(long, value_name = "REASON", value_parser = codes_of!(EmergencyReason), conflicts_with_all = ["disaster", "law"])]
    pub break_glass: Option<EmergencyReason>,
    /// Under this declaration of a disaster, by its ledger index
    #[arg(long, value_name = "INDEX", requires = "asked", conflicts_with = "law")]
    pub disaster: Option<u64>,
    /// In a disaster: how the patient was asked
    #[arg(long, value_name = "HOW", value_parser = codes_of!(DisasterConsent), requires = "disaster")]
    pub asked: Option<DisasterConsent>,
    /// By law: which; with --purpose PUBHLTH, HLEGAL or THREAT
    #[arg(long, value_name = "BASIS", value_parser = codes_of!(LegalBasis))]
    pub law: Option<LegalBasis>,
}

impl Asking {
    /// The purpose of use and what it rests on besides a grant.
    ///
    /// # Errors
    /// The two do not fit each other.
    pub(super) fn purpose(&self) -> Result<(Purpose, Grounds), Failure> {
        let (implied, grounds) = match (self.break_glass, self.disaster, self.asked, self.law) {
            (Some(reason), ..) => (Some(Purpose::BreakGlass), Grounds::Emergency(reason)),
            (None, Some(index), Some(consent), _) => (
                Some(Purpose::Disaster),
                Grounds::Disaster {
                    declaration: DisasterId(EntryIndex(index)),
                    consent,
                },
            ),
            (.., Some(basis)) => (None, Grounds::Law(basis)),
            _ => (None, Grounds::Ordinary),
        };
        let Some(purpose) = self.purpose.or(implied) else {
            return Err(Failure::usage(
                "--purpose が必要です",
                "--purpose is needed",
            ));
        };
        let needed = match purpose.nature() {
            Nature::Ordinary => ("なし", "none of --break-glass, --disaster and --law"),
            Nature::BreakGlass => ("--break-glass REASON", "--break-glass REASON"),
            Nature::Disaster => (
                "--disaster INDEX --asked HOW",
                "--disaster INDEX --asked HOW",
            ),
            Nature::Law => ("--law BASIS", "--law BASIS"),
        };
        let fits = match grounds {
            Grounds::Ordinary => Nature::Ordinary,
            Grounds::Emergency(_) => Nature::BreakGlass,
            Grounds::Disaster { .. } => Nature::Disaster,
            Grounds::Law(_) => Nature::Law,
        };
        if purpose.nature() == fits {
            return Ok((purpose, grounds));
        }
        Err(Failure::usage(
            format!(
                "利用目的 {purpose}（{}）の根拠として指定するもの：{}",
                purpose.ja(),
                needed.0
            ),
            format!(
                "purpose {purpose} ({}) goes with {}",
                purpose.en(),
                needed.1
            ),
        ))
    }
}

/// Categories as they travel; none stands for all.
pub(super) fn category_set(categories: &[Category]) -> Option<v1::CategorySet> {
    let set: BTreeSet<_> = categories.iter().map(|c| i32::from(c.number())).collect();
    (!set.is_empty()).then(|| v1::CategorySet {
        categories: set.into_iter().collect(),
    })
}

/// Purposes as they travel; none stands for all.
pub(super) fn purpose_set(purposes: &[Purpose]) -> Option<v1::PurposeSet> {
    let set: BTreeSet<_> = purposes.iter().map(|p| i32::from(p.number())).collect();
    (!set.is_empty()).then(|| v1::PurposeSet {
        purposes: set.into_iter().collect(),
    })
}

/// Facilities as they travel; none stands for all.
pub(super) fn facility_set(facilities: &[FacilityId]) -> Option<v1::FacilitySet> {
    let set: BTreeSet<_> = facilities.iter().map(ToString::to_string).collect();
    (!set.is_empty()).then(|| v1::FacilitySet {
        facilities: set.into_iter().collect(),
    })
}

/// A period that begins when it is recorded and covers its last day.
///
/// # Errors
/// That day is over.
pub(super) fn from_now(until: Option<Day>) -> Result<v1::Period, Failure> {
    if let Some(day) = until.filter(|day| day.end() <= ops::now()) {
        return Err(Failure::usage(
            format!("--until {day} はもう過ぎています。最後の有効日を書いてください"),
            format!("--until {day} is over; write the last day on which it holds"),
        ));
    }
    Ok(v1::Period {
        from_ms: 0,
        until_ms: until.map(|day| day.end().0),
    })
}

/// [`from_now`] as the ledger has it.
///
/// # Errors
/// That day is over.
pub(super) fn period_from_now(until: Option<Day>) -> Result<Period, Failure> {
    let period = from_now(until)?;
    Ok(Period {
        from: ops::now(),
        until: period.until_ms.map(TimeMs),
    })
}

/// A practitioner, as people name one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PractitionerArg {
    /// One of this network, by the id used there.
    Local(String),
    /// Any network's, by pseudonym.
    Pseudonym(PractitionerId),
}

impl FromStr for PractitionerArg {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.parse() {
            Ok(pseudonym) => Self::Pseudonym(pseudonym),
            Err(_) => Self::Local(text.to_owned()),
        })
    }
}

impl PractitionerArg {
    /// As it travels to the node.
    pub(super) fn message(&self) -> v1::Practitioner {
        use v1::practitioner::Practitioner;
        let practitioner = match self {
            Self::Local(id) => Practitioner::LocalId(id.clone()),
            Self::Pseudonym(id) => Practitioner::Pseudonym(id.0.to_vec()),
        };
        v1::Practitioner {
            practitioner: Some(practitioner),
        }
    }
}

/// A period of whole days, both included.
///
/// # Errors
/// It would end before it begins.
pub(super) fn days(from: Day, until: Option<Day>) -> Result<Period, Failure> {
    Period::new(from.start(), until.map(Day::end)).map_err(|_| {
        Failure::usage(
            format!("期間の終わりが始まり（{from}）より前です"),
            format!("the period ends before it begins ({from})"),
        )
    })
}

/// The instant a day begins or, as an end, stops being covered.
pub(super) fn instant(day: Option<Day>, of: fn(Day) -> TimeMs) -> Option<u64> {
    day.map(|day| of(day).0)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_patient_is_a_facility_and_local_id_or_a_pseudonym() {
        let facility: FacilityId = "4110100015".parse().unwrap();
        let pseudonym = "00112233445566778899aabbccddeeff";
        assert_eq!(
            "4110100015/A/1".parse(),
            Ok(PatientArg::Local(facility, "A/1".to_owned()))
        );
        assert_eq!(
            pseudonym.parse(),
            Ok(PatientArg::Subject(pseudonym.parse().unwrap()))
        );
        assert_eq!(
            format!("mamenet:{pseudonym}").parse(),
            pseudonym.parse::<PatientArg>()
        );
        for text in ["", "00001234", "4110100015/", "0011"] {
            assert_eq!(
                text.parse::<PatientArg>(),
                Err(PatientFault::Form),
                "{text:?}"
            );
        }
        let fault = "411/00001234"
            .parse::<PatientArg>()
            .unwrap_err()
            .to_string();
        assert!(
            fault.contains("10 digits") && !fault.contains("00001234"),
            "{fault}"
        );
    }

    #[test]
    fn a_purpose_comes_with_what_it_rests_on() {
        use clap::Parser;
        #[derive(Debug, Parser)]
        struct Line {
            #[command(flatten)]
            asking: Asking,
        }
        let asked = |words: &[&str]| {
            let fixed =
                "x --patient 4110100015/1 --facility 4110100015 --practitioner dr --role physician";
            let line = Line::try_parse_from(fixed.split(' ').chain(words.iter().copied()));
            let line = line.map_err(|e| e.to_string())?;
            line.asking.purpose().map_err(|failure| failure.words.en)
        };
        let emergency = Grounds::Emergency(EmergencyReason::Unconscious);
        let disaster = Grounds::Disaster {
            declaration: DisasterId(EntryIndex(57)),
            consent: DisasterConsent::NotPossible,
        };
        let law = Grounds::Law(LegalBasis::LifeAndBody);
        let good: [(&[&str], _); 5] = [
            (&["--purpose", "TREAT"], (Purpose::Treat, Grounds::Ordinary)),
            (
                &["--break-glass", "unconscious"],
                (Purpose::BreakGlass, emergency),
            ),
            (
                &["--purpose", "BTG", "--break-glass", "unconscious"],
                (Purpose::BreakGlass, emergency),
            ),
            (
                &["--disaster", "57", "--asked", "not-possible"],
                (Purpose::Disaster, disaster),
            ),
            (
                &[
                    "--purpose",
                    "THREAT",
                    "--law",
                    "protection-of-life-and-body",
                ],
                (Purpose::Threat, law),
            ),
        ];
        for (words, expected) in good {
            assert_eq!(asked(words), Ok(expected), "{words:?}");
        }
        let bad: [(&[&str], &str); 7] = [
            (&[], "--purpose"),
            (&["--purpose", "BTG"], "goes with --break-glass"),
            (&["--purpose", "DISASTER"], "goes with --disaster"),
            (&["--purpose", "HLEGAL"], "goes with --law"),
            (&["--disaster", "57"], "--asked"),
            (&["--law", "criminal-procedure"], "--purpose"),
            (
                &["--purpose", "TREAT", "--break-glass", "no-time"],
                "goes with none",
            ),
        ];
        for (words, expected) in bad {
            let said = asked(words).unwrap_err();
            assert!(said.contains(expected), "{words:?}: {said}");
        }
    }

    #[test]
    fn sets_are_ascending_without_repeats_and_empty_means_all() {
        let set = category_set(&[
            Category::LabResult,
            Category::Diagnosis,
            Category::LabResult,
        ]);
        assert_eq!(set.unwrap().categories, [2, 8]);
        assert_eq!(category_set(&[]), None);
    }
}
