//! Invented patients in realistic SS-MIX2 storages, from a seed.
//!
//! Writes standardised storages as hospitals have them: several makers' habits, corrections,
//! cancellations, late entries and broken files, with a truth table beside them that says which local
//! ids are one person and which files are broken. The same specification gives the same bytes on
//! every machine; nothing here reads a clock. Reading storages is `sekisho-ingest`'s work, and this
//! crate shares no code with it, so that one can be checked against the other.
//!
//! All persons are invented.

mod build;
mod chart;
mod course;
mod day;
mod defect;
mod encode;
mod error;
mod facility;
mod kind;
mod message;
mod person;
mod population;
mod report;
mod rng;
mod site;
mod spec;
mod store;
mod tables;
mod vendor;

pub use day::{Day, DayError};
pub use defect::DefectKind;
pub use error::{SampleError, SpecFault};
pub use population::{
    ErrorClass, PERSONS_MAX, PLACES_MAX, PopulationSpec, Record, Written, population,
};
pub use report::{
    Appearance, BrokenFile, FacilityReport, KindCount, PersonTruth, Progress, SampleReport, Sex,
};
pub use spec::{
    FACILITIES_MAX, FacilitySpec, PATIENTS_MAX, Rates, SPAN_DAYS_MAX, SampleSpec, TRAVELLERS_MAX,
    VISITS_MAX,
};
pub use vendor::Vendor;

/// Writes the storages a specification asks for, and says what is in them.
///
/// Every specified root is checked before the first is touched. `progress` is called once a patient.
///
/// # Errors
/// [`SampleError::Spec`] with every fault of the specification, [`SampleError::Occupied`] where a root
/// holds something else, [`SampleError::Io`] where the disk refuses (what was written until then stays).
pub fn generate(
    spec: &SampleSpec,
    progress: &mut dyn FnMut(Progress),
) -> Result<SampleReport, SampleError> {
    let faults = spec.faults();
    if !faults.is_empty() {
        return Err(SampleError::Spec(faults));
    }
    for facility in &spec.facilities {
        store::check_root(&facility.dir, &facility.id, spec.overwrite)?;
    }
    let crowd = Crowd::gather(spec);
    let mut report = SampleReport {
        seed: spec.seed,
        last_day: spec.last_day,
        facilities: Vec::new(),
        persons: crowd
            .persons
            .iter()
            .map(|(p, traveller)| truth(p, *traveller))
            .collect(),
        broken: Vec::new(),
    };
    let patients_total = crowd.at.iter().map(|people| people.len() as u64).sum();
    let (mut patients_done, mut files) = (0, 0);
    for (facility, people) in spec.facilities.iter().zip(&crowd.at) {
        let mut writer = facility::Writer::begin(spec, facility)?;
        let booked: Vec<facility::Booked<'_>> = people
            .iter()
            .map(|n| &crowd.persons[*n])
            .map(|(person, traveller)| facility::Booked {
                person,
                traveller: *traveller,
            })
            .collect();
        let registered = writer.write(facility, &booked, |here| {
            patients_done += 1;
            progress(Progress {
                patients_done,
                patients_total,
                files: files + here,
            });
        })?;
        for one in registered {
            let facility = facility.id.clone();
            let (local_id, promised) = (one.local_id, one.promised);
            report.persons[one.person as usize].at.push(Appearance {
                facility,
                local_id,
                promised,
            });
        }
        files += writer.report.files;
        report.facilities.push(writer.report);
        report.broken.extend(writer.broken);
    }
    Ok(report)
}

/// Everybody, and who goes where.
struct Crowd {
    /// The person and whether it is a traveller, by number.
    persons: Vec<(person::Person, bool)>,
    /// For each facility, the numbers of its patients.
    at: Vec<Vec<usize>>,
}

impl Crowd {
    /// Travellers first, who live near the first facility of their route; then each facility's own.
    fn gather(spec: &SampleSpec) -> Self {
        let mut crowd = Self {
            persons: Vec::new(),
            at: vec![Vec::new(); spec.facilities.len()],
        };
        for route in &spec.travellers {
            let stops: Vec<usize> = route
                .iter()
                .filter_map(|id| spec.facilities.iter().position(|f| f.id == *id))
                .collect();
            let number = crowd.persons.len();
            if let Some(home) = stops.first() {
                crowd.invent(spec, &spec.facilities[*home], true);
            }
            for stop in stops {
                crowd.at[stop].push(number);
            }
        }
        for (n, facility) in spec.facilities.iter().enumerate() {
            while crowd.at[n].len() < spec.patients_per_facility as usize {
                crowd.at[n].push(crowd.persons.len());
                crowd.invent(spec, facility, false);
            }
        }
        crowd
    }

    fn invent(&mut self, spec: &SampleSpec, home: &FacilitySpec, traveller: bool) {
        let number = self.persons.len() as u32;
        let person = person::Person::invent(spec.seed, number, home, spec.last_day);
        self.persons.push((person, traveller));
    }
}

fn truth(person: &person::Person, traveller: bool) -> PersonTruth {
    let pair = |(a, b): (&str, &str)| (a.to_owned(), b.to_owned());
    PersonTruth {
        person: person.number,
        traveller,
        name: pair((person.family.0, person.given.0)),
        kana: pair((person.family.1, person.given.1)),
        birth_day: person.birth,
        sex: person.sex,
        at: Vec::new(),
    }
}
