//! A facility as its messages show it: name, address, departments, physicians, wards.

use crate::FacilitySpec;
use crate::rng::Rng;
use crate::tables::names;
use crate::tables::places::{self, City};
use crate::vendor::{Quirks, Vendor};
use sekisho_domain::FacilityId;

/// A facility.
#[derive(Debug)]
pub(crate) struct Site {
    pub(crate) id: FacilityId,
    pub(crate) name: String,
    pub(crate) postal: String,
    pub(crate) address: String,
    pub(crate) phone: String,
    pub(crate) vendor: Vendor,
    pub(crate) quirks: &'static Quirks,
    /// At least one of each department, in the order of the departments.
    doctors: Vec<Doctor>,
    clerk: Doctor,
    nurse: Doctor,
}

/// Somebody who works there.
#[derive(Debug, Clone)]
pub(crate) struct Doctor {
    id: String,
    family: (String, &'static str),
    given: (String, &'static str),
    department: &'static str,
}

/// The prefecture's number and the city a facility's people live in.
pub(crate) fn place_of(spec: &FacilitySpec) -> (u32, City) {
    let prefecture = spec
        .id
        .as_str()
        .get(..2)
        .and_then(|p| p.parse().ok())
        .unwrap_or(0);
    let wanted = spec.city.as_deref();
    let near: Vec<&City> = places::CITIES
        .iter()
        .filter(|c| c.prefecture == prefecture)
        .collect();
    let named = near.iter().find(|c| Some(c.name) == wanted);
    let any =
        near.get(spec.id.as_str().bytes().map(usize::from).sum::<usize>() % near.len().max(1));
    let city = named.or(any).map_or(places::ELSEWHERE, |c| **c);
    (prefecture, city)
}

/// The prefecture's name, empty outside 1 to 47.
pub(crate) fn prefecture_name(number: u32) -> &'static str {
    sekisho_domain::prefecture_name(number as usize).unwrap_or("")
}

impl Site {
    /// The facility of a specification.
    pub(crate) fn invent(seed: u64, spec: &FacilitySpec) -> Self {
        let mut rng = Rng::of(seed, &["site", spec.id.as_str()]);
        let (prefecture, city) = place_of(spec);
        let city_name = spec.city.as_deref().unwrap_or(city.name);
        let quirks = spec.vendor.quirks();
        let short = city_name.trim_end_matches(['市', '町', '村']);
        let mut site = Self {
            id: spec.id.clone(),
            name: spec
                .name
                .clone()
                .unwrap_or_else(|| format!("{short}{}", rng.word(places::HOSPITALS))),
            postal: format!("{}{:04}", city.postal, rng.between(1, 9999)),
            address: format!(
                "{}{city_name}{}{}-{}",
                prefecture_name(prefecture),
                rng.word(places::TOWNS),
                rng.between(1, 9),
                rng.between(1, 30)
            ),
            phone: format!("{}-00-{}", city.area_code, rng.digits(4)),
            vendor: spec.vendor,
            quirks,
            doctors: Vec::new(),
            clerk: Doctor::invent(&mut rng, "C001", "01", quirks),
            nurse: Doctor::invent(&mut rng, "N001", "01", quirks),
        };
        for (department, _) in places::DEPARTMENTS {
            for n in 0..rng.between(1, 3) {
                let id = format!("D{department}{n:02}");
                site.doctors
                    .push(Doctor::invent(&mut rng, &id, department, quirks));
            }
        }
        site
    }

    /// One of a department's physicians; the clerk where there is none.
    pub(crate) fn doctor(&self, department: &str, rng: &mut Rng) -> &Doctor {
        let own = || self.doctors.iter().filter(|d| d.department == department);
        let chosen = rng.below(own().count() as u32) as usize;
        own().nth(chosen).unwrap_or(&self.clerk)
    }

    /// Who enters orders for the physicians.
    pub(crate) fn clerk(&self) -> String {
        self.clerk.xcn(self.quirks)
    }

    /// Who gives drugs on the ward.
    pub(crate) fn nurse(&self) -> String {
        self.nurse.xcn(self.quirks)
    }

    /// A name as this facility's system can hold it.
    pub(crate) fn spell(&self, name: &str) -> String {
        spell(name, self.quirks)
    }

    /// A postal code as this facility writes it.
    pub(crate) fn postal_code(&self, seven_digits: &str) -> String {
        match seven_digits.split_at_checked(3) {
            Some((a, b)) if self.quirks.postal_hyphen => format!("{a}-{b}"),
            _ => seven_digits.to_owned(),
        }
    }
}

fn spell(name: &str, quirks: &Quirks) -> String {
    let common = |c: char| {
        names::COMMON_FORM
            .iter()
            .find(|(rare, _)| *rare == c)
            .map_or(c, |(_, common)| *common)
    };
    if quirks.variants_folded {
        name.chars().map(common).collect()
    } else {
        name.to_owned()
    }
}

impl Doctor {
    fn invent(rng: &mut Rng, id: &str, department: &'static str, quirks: &Quirks) -> Self {
        let family = rng.pick(names::FAMILY);
        let names = if rng.permille(700) {
            names::MALE
        } else {
            names::FEMALE
        };
        let given = rng.pick(names);
        Self {
            id: id.to_owned(),
            family: (spell(family.0, quirks), family.1),
            given: (spell(given.0, quirks), given.1),
            department,
        }
    }

    /// The name as XCN, in the maker's habit.
    pub(crate) fn xcn(&self, quirks: &Quirks) -> String {
        let (id, family, given) = (&self.id, &self.family.0, &self.given.0);
        let mut text = if quirks.names_combined {
            format!("{id}^{family}{given}^^^^^^^^L^^^^^I")
        } else {
            format!("{id}^{family}^{given}^^^^^^^L^^^^^I")
        };
        if quirks.physician_kana {
            text.push_str(&format!(
                "~^{}^{}^^^^^^^L^^^^^P",
                self.family.1, self.given.1
            ));
        }
        text
    }
}
