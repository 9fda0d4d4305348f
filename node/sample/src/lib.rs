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
        persons: crowd.persons.iter().map(truth).collect(),
        broken: Vec::new(),
    };
    let patients_total = crowd.at.iter().map(|people| people.len() as u64).sum();
    let (mut patients_done, mut files) = (0, 0);
    for (facility, people) in spec.facilities.iter().zip(&crowd.at) {
        let mut writer = facility::Writer::begin(spec, facility)?;
        let booked: Vec<facility::Booked<'_>> = people
            .iter()
            .map(|(n, record)| facility::Booked {
                person: &crowd.persons[*n].person,
                traveller: crowd.persons[*n].traveller,
                record: record.as_ref(),
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
        for (one, booked) in registered.into_iter().zip(&booked) {
            let errors = booked.record.map(storable).unwrap_or_default();
            let facility = facility.id.clone();
            let (local_id, promised) = (one.local_id, one.promised);
            report.persons[one.person as usize].at.push(Appearance {
                facility,
                local_id,
                promised,
                errors,
            });
        }
        files += writer.report.files;
        report.facilities.push(writer.report);
        report.broken.extend(writer.broken);
    }
    Ok(report)
}

/// Somebody, and what the truth table says of them.
struct Somebody {
    person: person::Person,
    traveller: bool,
    /// Names in kanji and kana and the birth date, where they are not the person's.
    known_as: Option<([(String, String); 2], Day)>,
}

/// Everybody, and who goes where.
struct Crowd {
    /// By number.
    persons: Vec<Somebody>,
    /// For each facility, the numbers of its patients, with what it wrote down of people of a population.
    at: Vec<Vec<(usize, Option<Record>)>>,
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
                crowd.at[stop].push((number, None));
            }
        }
        crowd.settle(spec);
        for (n, facility) in spec.facilities.iter().enumerate() {
            while crowd.at[n].len() < spec.patients_per_facility as usize {
                crowd.at[n].push((crowd.persons.len(), None));
                crowd.invent(spec, facility, false);
            }
        }
        crowd
    }

    /// The people of a population.
    fn settle(&mut self, spec: &SampleSpec) {
        let first = self.persons.len();
        let people = population(&PopulationSpec {
            places: spec.facilities.len() as u32,
            ..PopulationSpec::new(spec.seed, spec.population)
        });
        for record in people {
            let (place, number) = (record.place as usize, first + record.person as usize);
            if number == self.persons.len() {
                self.invent(spec, &spec.facilities[place], false);
                if let Some(somebody) = self.persons.last_mut() {
                    somebody.person.sex = record.sex;
                    somebody.known_as = Some((record.name.clone(), record.birth));
                }
            }
            self.at[place].push((number, Some(record)));
        }
    }

    fn invent(&mut self, spec: &SampleSpec, home: &FacilitySpec, traveller: bool) {
        let number = self.persons.len() as u32;
        let person = person::Person::invent(spec.seed, number, home, spec.last_day);
        self.persons.push(Somebody {
            person,
            traveller,
            known_as: None,
        });
    }
}

/// The error classes of a record that a storage holds: SS-MIX2 has one width of kana and one notation of dates.
fn storable(record: &Record) -> Vec<ErrorClass> {
    let lost = |class: &&ErrorClass| !matches!(class, ErrorClass::Width | ErrorClass::EraDate);
    record.classes.iter().filter(lost).copied().collect()
}

fn truth(somebody: &Somebody) -> PersonTruth {
    let person = &somebody.person;
    let pair = |(a, b): (&str, &str)| (a.to_owned(), b.to_owned());
    let ([name, kana], birth_day) = somebody.known_as.clone().unwrap_or_else(|| {
        let name = pair((person.family.0, person.given.0));
        (
            [name, pair((person.family.1, person.given.1))],
            person.birth,
        )
    });
    PersonTruth {
        person: person.number,
        traveller: somebody.traveller,
        name,
        kana,
        birth_day,
        sex: person.sex,
        at: Vec::new(),
    }
}
