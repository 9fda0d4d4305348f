//! What to write: a specification, its defaults and its checks. All faults are reported together.

use crate::SpecFault;
use crate::day::Day;
use crate::encode;
use crate::vendor::Vendor;
use sekisho_domain::FacilityId;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Most facilities in one run: every network of the largest federation foreseen, several facilities each.
pub const FACILITIES_MAX: usize = 200;
/// Most patients of one facility; some two million files, beyond which a sample teaches nothing new.
pub const PATIENTS_MAX: u32 = 50_000;
/// Most travellers in one run.
pub const TRAVELLERS_MAX: usize = 10_000;
/// Longest period covered, in days: the five years an outpatient chart is kept by law.
pub const SPAN_DAYS_MAX: u32 = 1827;
/// Most visits of one patient in the period.
pub const VISITS_MAX: u32 = 100;
const NAME_CHARS_MAX: usize = 20;

/// One facility and where its storage goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FacilitySpec {
    /// Its 10-digit code; the first two digits place it in a prefecture.
    pub id: FacilityId,
    /// Its name; an invented one where absent.
    pub name: Option<String>,
    /// The city it and most of its patients are in; one of the prefecture's where absent.
    pub city: Option<String>,
    /// The maker of its system, which decides how it writes.
    pub vendor: Vendor,
    /// Digits of its patients' local ids, 6 to 15, the same for all of them.
    pub local_id_digits: u32,
    /// The root of its standardised storage: absent, empty, or written by this crate before.
    pub dir: PathBuf,
}

impl FacilitySpec {
    /// A facility with an invented name and 8-digit local ids.
    pub fn new(id: FacilityId, vendor: Vendor, dir: impl Into<PathBuf>) -> Self {
        Self {
            id,
            name: None,
            city: None,
            vendor,
            local_id_digits: 8,
            dir: dir.into(),
        }
    }
}

/// How often something happens, in thousandths (clinical-formats §1.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rates {
    /// Documents that are written a second time: the first becomes flag 2.
    pub update_permille: u32,
    /// Orders that are cancelled: flag 0, with the cancelling message.
    pub delete_permille: u32,
    /// Orders entered on a later day than they are for.
    pub late_permille: u32,
    /// Files that are broken on purpose.
    pub defect_permille: u32,
    /// Patients who stay in hospital once.
    pub stay_permille: u32,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            update_permille: 30,
            delete_permille: 10,
            late_permille: 20,
            defect_permille: 10,
            stay_permille: 200,
        }
    }
}

/// What to write. The same specification gives the same bytes on every machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SampleSpec {
    /// Everything that is not fixed below follows from it.
    pub seed: u64,
    /// The storages' last day.
    pub last_day: Day,
    /// Days covered, the last one included.
    pub span_days: u32,
    /// The facilities, in the order in which they are written.
    pub facilities: Vec<FacilitySpec>,
    /// Patients at each facility, travellers included.
    pub patients_per_facility: u32,
    /// Least and most visits of a patient in the period, both included.
    pub visits_per_patient: (u32, u32),
    /// People who are patients at several facilities, of one network or of several. At each there is
    /// an undamaged, valid ADT-00, PPR-01, OMP-01 and OML-11 of theirs at least.
    pub travellers: Vec<Vec<FacilityId>>,
    /// Persons of a population ([`crate::population()`]) who are patients of the facilities too, one to four each,
    /// written down with the errors of [`crate::ErrorClass`] that such a storage can hold. None where 0.
    pub population: u32,
    /// How often things happen.
    pub rates: Rates,
    /// Whether storages written before may be replaced.
    pub overwrite: bool,
}

impl SampleSpec {
    /// The last day where none is given; fixed, so that a sample does not change with the calendar.
    pub const LAST_DAY: Day = Day::of(2026, 9, 30);

    /// A specification with the usual numbers: two years, 15 patients a facility.
    pub fn new(seed: u64, facilities: Vec<FacilitySpec>) -> Self {
        Self {
            seed,
            last_day: Self::LAST_DAY,
            span_days: 730,
            facilities,
            patients_per_facility: 15,
            visits_per_patient: (2, 8),
            travellers: Vec::new(),
            population: 0,
            rates: Rates::default(),
            overwrite: false,
        }
    }

    /// Every fault of the specification; none means that it can be met.
    pub fn faults(&self) -> Vec<SpecFault> {
        let mut faults = Vec::new();
        if self.facilities.is_empty() {
            faults.push(SpecFault::NoFacility);
        }
        let (least, most) = self.visits_per_patient;
        let ranges = [
            (
                "facilities",
                self.facilities.len() as u64,
                0,
                FACILITIES_MAX as u64,
            ),
            (
                "travellers",
                self.travellers.len() as u64,
                0,
                TRAVELLERS_MAX as u64,
            ),
            (
                "patients_per_facility",
                self.patients_per_facility.into(),
                1,
                PATIENTS_MAX.into(),
            ),
            (
                "population",
                self.population.into(),
                0,
                // At the worst all of them at each facility.
                PATIENTS_MAX.into(),
            ),
            // A stay with its orders needs a month; the first visit comes before it.
            ("span_days", self.span_days.into(), 60, SPAN_DAYS_MAX.into()),
            (
                "least visits_per_patient",
                least.into(),
                1,
                VISITS_MAX.into(),
            ),
            (
                "most visits_per_patient",
                most.into(),
                u64::from(least),
                VISITS_MAX.into(),
            ),
            (
                "update_permille",
                self.rates.update_permille.into(),
                0,
                1000,
            ),
            (
                "delete_permille",
                self.rates.delete_permille.into(),
                0,
                1000,
            ),
            ("late_permille", self.rates.late_permille.into(), 0, 1000),
            (
                "defect_permille",
                self.rates.defect_permille.into(),
                0,
                1000,
            ),
            ("stay_permille", self.rates.stay_permille.into(), 0, 1000),
        ];
        faults.extend(
            ranges
                .into_iter()
                .filter_map(|(what, value, min, max)| range(what, value, min, max)),
        );
        for (n, facility) in self.facilities.iter().enumerate() {
            facility_faults(facility, &self.facilities[..n], &mut faults);
        }
        self.traveller_faults(&mut faults);
        faults
    }

    fn traveller_faults(&self, faults: &mut Vec<SpecFault>) {
        let known: BTreeSet<&FacilityId> = self.facilities.iter().map(|f| &f.id).collect();
        let mut coming: BTreeMap<&FacilityId, usize> = BTreeMap::new();
        for (traveller, route) in self.travellers.iter().enumerate() {
            let stops: BTreeSet<&FacilityId> = route.iter().collect();
            if stops.len() < 2 || stops.len() < route.len() {
                faults.push(SpecFault::TravellerRoute(traveller));
            }
            for facility in stops {
                if known.contains(facility) {
                    *coming.entry(facility).or_default() += 1;
                } else {
                    faults.push(SpecFault::TravellerFacility {
                        traveller,
                        facility: facility.clone(),
                    });
                }
            }
        }
        for (facility, travellers) in coming {
            if travellers > self.patients_per_facility as usize {
                faults.push(SpecFault::TooManyTravellers {
                    facility: facility.clone(),
                    travellers,
                    patients: self.patients_per_facility,
                });
            }
        }
    }
}

fn range(what: &'static str, value: u64, min: u64, max: u64) -> Option<SpecFault> {
    (!(min..=max).contains(&value)).then_some(SpecFault::Range {
        what,
        value,
        min,
        max,
    })
}

fn facility_faults(facility: &FacilitySpec, before: &[FacilitySpec], faults: &mut Vec<SpecFault>) {
    let id = facility.id.as_str();
    let prefecture: u32 = id.get(..2).and_then(|p| p.parse().ok()).unwrap_or(0);
    if !(1..=47).contains(&prefecture) || !matches!(id.as_bytes().get(2), Some(b'1' | b'3')) {
        faults.push(SpecFault::FacilityClass(facility.id.clone()));
    }
    faults.extend(range(
        "local_id_digits",
        facility.local_id_digits.into(),
        6,
        15,
    ));
    for (what, text) in [("the name", &facility.name), ("the city", &facility.city)] {
        if let Some(text) = text
            && (text.is_empty()
                || text.chars().count() > NAME_CHARS_MAX
                || !text.chars().all(encode::is_plain))
        {
            faults.push(SpecFault::Text {
                what,
                facility: facility.id.clone(),
                max_chars: NAME_CHARS_MAX,
            });
        }
    }
    for other in before {
        if other.id == facility.id {
            faults.push(SpecFault::FacilityTwice(facility.id.clone()));
        }
        if other.dir.starts_with(&facility.dir) || facility.dir.starts_with(&other.dir) {
            faults.push(SpecFault::DirShared(other.id.clone(), facility.id.clone()));
        }
    }
}
