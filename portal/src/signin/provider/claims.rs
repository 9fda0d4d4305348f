//! What the identity provider says of somebody, as what they are here.

use super::Refusal;
use crate::accounts::Holder;
use sekisho_documents::Patient;
use sekisho_domain::{FacilityId, Role};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// Facilities of one person.
const FACILITIES_MAX: usize = 64;

/// What a value of the role claim entitles to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Entitled {
    /// To ask for documents, in this profession.
    Clinician(Role),
    /// To see what is theirs.
    Patient,
    /// To watch.
    Officer,
    /// To keep it running.
    Operator,
}

impl FromStr for Entitled {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let profession = text.strip_prefix("clinician:").map(Role::from_str);
        match (text, profession) {
            (_, Some(Ok(role))) => Ok(Self::Clinician(role)),
            ("patient", _) => Ok(Self::Patient),
            ("officer", _) => Ok(Self::Officer),
            ("operator", _) => Ok(Self::Operator),
            _ => Err("a role is clinician:<profession>, patient, officer or operator"),
        }
    }
}

/// Which claims say what.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// What somebody is: a text or a list of texts.
    pub role: String,
    /// Where a clinician works: 10-digit codes.
    pub facility: String,
    /// The network's local identifier of a clinician or an officer.
    pub practitioner: String,
    /// A patient's chart: `facility/local id`.
    pub chart: String,
    /// What each value of the role claim entitles to; others are passed over.
    pub roles: BTreeMap<String, Entitled>,
}

/// Claims beyond the standard ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Extra(BTreeMap<String, Value>);

impl openidconnect::AdditionalClaims for Extra {}

impl Extra {
    /// Takes the claims of the other that are not here.
    pub fn add(&mut self, other: &Self) {
        for (name, value) in &other.0 {
            self.0.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }

    /// A claim by its name, or by its path where a provider nests them: `resource_access.sekisho.roles`.
    fn get(&self, name: &str) -> Option<&Value> {
        if let Some(value) = self.0.get(name) {
            return Some(value);
        }
        let mut parts = name.split('.');
        let first = self.0.get(parts.next()?)?;
        parts.try_fold(first, |value, part| value.get(part))
    }

    pub fn has(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// A claim's texts: one, or a list; anything else is none.
    fn texts(&self, name: &str) -> Vec<&str> {
        match self.get(name) {
            Some(Value::String(text)) => vec![text],
            Some(Value::Array(items)) => items.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    fn one(&self, name: &str) -> Result<&str, Refusal> {
        match self.texts(name).as_slice() {
            [one] if !one.is_empty() => Ok(one),
            _ => Err(Refusal::Incomplete),
        }
    }
}

impl Mapping {
    /// What the claims make of somebody.
    pub(super) fn holder(&self, claims: &Extra) -> Result<Holder, Refusal> {
        let values = claims.texts(&self.role);
        let entitled: BTreeSet<_> = values.iter().filter_map(|v| self.roles.get(*v)).collect();
        let mut entitled = entitled.into_iter();
        let one = entitled.next().ok_or(Refusal::Unmapped)?;
        if entitled.next().is_some() {
            return Err(Refusal::Several);
        }
        Ok(match one {
            Entitled::Clinician(profession) => Holder::Clinician {
                practitioner: claims.one(&self.practitioner)?.to_owned(),
                profession: *profession,
                facilities: self.facilities(claims)?,
            },
            Entitled::Patient => Holder::Patient {
                chart: chart(claims.one(&self.chart)?).ok_or(Refusal::Incomplete)?,
                represents: Vec::new(),
            },
            Entitled::Officer => Holder::Officer {
                practitioner: claims.one(&self.practitioner)?.to_owned(),
            },
            Entitled::Operator => Holder::Operator,
        })
    }

    fn facilities(&self, claims: &Extra) -> Result<BTreeSet<FacilityId>, Refusal> {
        let texts = claims.texts(&self.facility);
        if !(1..=FACILITIES_MAX).contains(&texts.len()) {
            return Err(Refusal::Incomplete);
        }
        let codes = texts.into_iter().map(FacilityId::from_str);
        codes
            .collect::<Result<_, _>>()
            .map_err(|_| Refusal::Incomplete)
    }
}

/// `facility/local id`.
pub fn chart(text: &str) -> Option<Patient> {
    let (facility, local_patient_id) = text.split_once('/')?;
    Some(Patient {
        facility: facility.parse().ok()?,
        local_patient_id: local_patient_id.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn mapping() -> Mapping {
        let roles = [
            ("doctors", "clinician:physician"),
            ("nurses", "clinician:nurse"),
            ("patients", "patient"),
            ("compliance", "officer"),
            ("it", "operator"),
        ];
        Mapping {
            role: "realm.roles".to_owned(),
            facility: "facilities".to_owned(),
            practitioner: "number".to_owned(),
            chart: "chart".to_owned(),
            roles: roles
                .map(|(value, to)| (value.to_owned(), to.parse().unwrap()))
                .into(),
        }
    }

    #[test]
    fn claims_make_one_thing_of_somebody_or_nothing() {
        use crate::accounts::Kind;
        let cases = [
            (json!({}), Err(Refusal::Unmapped)),
            (json!({"realm": {"roles": "it"}}), Ok(Kind::Operator)),
            (
                json!({"realm.roles": ["offline_access", "it"]}),
                Ok(Kind::Operator),
            ),
            (
                json!({"realm": {"roles": ["it", "patients"]}}),
                Err(Refusal::Several),
            ),
            (
                json!({"realm": {"roles": ["doctors", "nurses"]}}),
                Err(Refusal::Several),
            ),
            (
                json!({"realm": {"roles": {"it": true}}}),
                Err(Refusal::Unmapped),
            ),
            (json!({"realm": {"roles": 3}}), Err(Refusal::Unmapped)),
            (
                json!({"realm": {"roles": ["IT", "it "]}}),
                Err(Refusal::Unmapped),
            ),
            (
                json!({"realm": {"roles": "compliance"}}),
                Err(Refusal::Incomplete),
            ),
            (
                json!({"realm": {"roles": "compliance"}, "number": "o-1"}),
                Ok(Kind::Officer),
            ),
            (
                json!({"realm": {"roles": "compliance"}, "number": ["o-1", "o-2"]}),
                Err(Refusal::Incomplete),
            ),
            (
                json!({"realm": {"roles": "doctors"}, "number": "d-1"}),
                Err(Refusal::Incomplete),
            ),
            (
                json!({"realm": {"roles": "doctors"}, "number": "d-1", "facilities": []}),
                Err(Refusal::Incomplete),
            ),
            (
                json!({"realm": {"roles": "doctors"}, "number": "d-1", "facilities": ["x"]}),
                Err(Refusal::Incomplete),
            ),
            (
                json!({"realm": {"roles": "doctors"}, "number": "d-1", "facilities": "4011234567"}),
                Ok(Kind::Clinician),
            ),
            (
                json!({"realm": {"roles": "patients"}, "chart": "4011234567"}),
                Err(Refusal::Incomplete),
            ),
            (
                json!({"realm": {"roles": "patients"}, "chart": "4011234567/K-1"}),
                Ok(Kind::Patient),
            ),
        ];
        for (claims, expected) in cases {
            let extra: Extra = serde_json::from_value(claims.clone()).unwrap();
            let holder = mapping().holder(&extra).map(|holder| holder.kind());
            assert_eq!(holder, expected, "{claims}");
        }
    }

    #[test]
    fn what_a_role_entitles_to_is_one_of_few_words() {
        for bad in [
            "",
            "clinician",
            "clinician:",
            "clinician:surgeon-general",
            "Officer",
            "admin",
        ] {
            assert!(bad.parse::<Entitled>().is_err(), "{bad}");
        }
    }
}
