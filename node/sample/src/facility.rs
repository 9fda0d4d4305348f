//! Writes one facility's storage: registers its patients, has their charts filled, breaks some files on
//! purpose, puts everything in its place and counts.

use crate::chart::{Chart, Filing, Flag, Version};
use crate::day::Day;
use crate::defect::{DefectKind, truncate};
use crate::kind::Kind;
use crate::message::{header, render};
use crate::person::{Patient, Person};
use crate::population::Record;
use crate::report::{BrokenFile, FacilityReport, KindCount};
use crate::rng::Rng;
use crate::site::Site;
use crate::store::Store;
use crate::{FacilitySpec, SampleError, SampleSpec, course, encode};
use std::collections::{BTreeMap, BTreeSet};

/// A patient to be: the person and whether promises are made about them.
pub(crate) struct Booked<'a> {
    pub(crate) person: &'a Person,
    pub(crate) traveller: bool,
    /// What the facility wrote down, for people of a population.
    pub(crate) record: Option<&'a Record>,
}

/// A person's local id and promised documents at the facility.
pub(crate) struct Registered {
    pub(crate) person: u32,
    pub(crate) local_id: String,
    pub(crate) promised: Vec<String>,
}

/// A facility's storage while it is written.
pub(crate) struct Writer<'a> {
    spec: &'a SampleSpec,
    site: Site,
    store: Store,
    rng: Rng,
    control_ids: u64,
    pub(crate) report: FacilityReport,
    pub(crate) broken: Vec<BrokenFile>,
}

/// Registers people, each under a local id of its own, in the order given.
pub(crate) fn register(
    spec: &SampleSpec,
    facility: &FacilitySpec,
    site: &Site,
    people: &[Booked<'_>],
) -> Vec<Patient> {
    let mut rng = Rng::of(spec.seed, &["register", facility.id.as_str()]);
    let mut taken = BTreeSet::new();
    let mut fresh = |rng: &mut Rng| loop {
        // Ends: PATIENTS_MAX is a small part of the least number of ids, 10^6.
        let id = rng.digits(facility.local_id_digits);
        if taken.insert(id.clone()) {
            return id;
        }
    };
    people
        .iter()
        .map(|booked| {
            let id = fresh(&mut rng);
            let patient = Patient::register(site, booked.person, id, &mut rng);
            match booked.record {
                Some(record) => patient.written(record),
                None => patient,
            }
        })
        .collect()
}

impl<'a> Writer<'a> {
    /// Empties the root and begins.
    pub(crate) fn begin(
        spec: &'a SampleSpec,
        facility: &FacilitySpec,
    ) -> Result<Self, SampleError> {
        let site = Site::invent(spec.seed, facility);
        let store = Store::create(&facility.dir, &facility.id)?;
        let report = FacilityReport {
            id: facility.id.clone(),
            name: site.name.clone(),
            vendor: site.vendor,
            patients: 0,
            files: 0,
            bytes: 0,
            kinds: BTreeMap::new(),
            late: 0,
        };
        let rng = Rng::of(spec.seed, &["defects", facility.id.as_str()]);
        Ok(Self {
            spec,
            site,
            store,
            rng,
            control_ids: 0,
            report,
            broken: Vec::new(),
        })
    }

    /// Writes the charts of all people; `done` is called after each with the files written so far.
    pub(crate) fn write(
        &mut self,
        facility: &FacilitySpec,
        people: &[Booked<'_>],
        mut done: impl FnMut(u64),
    ) -> Result<Vec<Registered>, SampleError> {
        let patients = register(self.spec, facility, &self.site, people);
        let mut orders = u64::from(
            Rng::of(self.spec.seed, &["orders", facility.id.as_str()]).below(900_000_000),
        );
        let first_day = self.spec.last_day.plus(1 - self.spec.span_days as i32);
        // One chart holds every kind; a traveller's is left as it is where possible.
        let complete = people
            .iter()
            .rposition(|p| !p.traveller)
            .unwrap_or(people.len());
        let mut registered = Vec::new();
        for (n, (patient, booked)) in patients.iter().zip(people).enumerate() {
            let name = ["chart", facility.id.as_str(), &patient.local_id];
            let mut chart = Chart::new(
                &self.site,
                patient,
                self.spec.rates,
                (first_day, self.spec.last_day),
                Rng::of(self.spec.seed, &name),
                &mut orders,
            );
            chart.traveller = booked.traveller;
            chart.complete = n == complete;
            course::fill(&mut chart, self.spec.visits_per_patient);
            let (filings, intact) = (chart.filings, chart.complete);
            let mut promised = Vec::new();
            for filing in &filings {
                promised.extend(self.put(patient, &patients, filing, intact)?);
            }
            self.store.next_patient();
            self.report.patients += 1;
            registered.push(Registered {
                person: patient.person.number,
                local_id: patient.local_id.clone(),
                promised,
            });
            done(self.report.files);
        }
        Ok(registered)
    }

    /// Writes the files of one key, one of them broken perhaps unless all are to be `intact`; the path
    /// of what was promised.
    fn put(
        &mut self,
        patient: &Patient,
        all: &[Patient],
        filing: &Filing,
        intact: bool,
    ) -> Result<Option<String>, SampleError> {
        let mut promised = None;
        for version in &filing.versions {
            let place = Place::of(&patient.local_id, filing, version);
            let mut bytes = self.bytes(version);
            let defect = self.defect(filing, all.len()).filter(|_| !intact);
            let place = match defect {
                None => {
                    self.count(filing, version);
                    place
                }
                Some(DefectKind::Truncated) => {
                    bytes.truncate(truncate(&bytes).len());
                    place
                }
                Some(DefectKind::TwoBytes) => {
                    bytes.truncate(2);
                    place
                }
                Some(DefectKind::Misfiled) => {
                    bytes = self.misfiled(version, patient, all);
                    place
                }
                Some(DefectKind::UnknownKind) => place.of_unknown_kind(&mut self.rng),
                Some(DefectKind::BadName) => place.badly_named(&mut self.rng),
            };
            self.store.put(&place.folder, &place.name, &bytes)?;
            self.report.files += 1;
            self.report.bytes += bytes.len() as u64;
            let path = format!("{}/{}", place.folder, place.name);
            if let Some(defect) = defect {
                let facility = self.site.id.clone();
                self.broken.push(BrokenFile {
                    facility,
                    path,
                    defect,
                });
            } else if filing.promised && version.flag == Flag::Valid {
                promised = Some(path);
            }
        }
        Ok(promised)
    }

    /// The bytes of a version as its maker writes them.
    fn bytes(&mut self, version: &Version) -> Vec<u8> {
        self.control_ids += 1;
        let control_id = format!("{:012}", self.control_ids);
        let mut segments = vec![header(
            &self.site,
            version.message_type,
            version.occurred,
            &control_id,
        )];
        segments.extend(version.segments.iter().cloned());
        encode::encode(&render(&segments, self.site.quirks))
    }

    /// The message with another patient's PID: somebody else's chart in this patient's folder.
    fn misfiled(&mut self, version: &Version, patient: &Patient, all: &[Patient]) -> Vec<u8> {
        let others: Vec<&Patient> = all
            .iter()
            .filter(|p| p.local_id != patient.local_id)
            .collect();
        let other = *self.rng.pick(&others);
        let scene = crate::build::Scene {
            site: &self.site,
            patient: other,
            doctor: self.site.doctor("01", &mut self.rng),
            department: "01",
            bed: None,
        };
        let pid = scene.pid();
        let segments = version.segments.iter();
        let segments = segments
            .map(|s| if s.is("PID") { pid.clone() } else { s.clone() })
            .collect();
        let version = Version {
            segments,
            ..*version
        };
        self.bytes(&version)
    }

    /// Whether and how a file is broken. Promised documents never are, nor are those with a history:
    /// their life cycle is to be read whole.
    fn defect(&mut self, filing: &Filing, patients: usize) -> Option<DefectKind> {
        let hit = self.rng.permille(self.spec.rates.defect_permille);
        if !hit || filing.promised || filing.versions.len() > 1 || filing.kind == Kind::Basics {
            return None;
        }
        match *self.rng.pick(&DefectKind::ALL) {
            DefectKind::Misfiled if patients < 2 => Some(DefectKind::TwoBytes),
            defect => Some(defect),
        }
    }

    fn count(&mut self, filing: &Filing, version: &Version) {
        let count: &mut KindCount = self.report.kinds.entry(filing.kind.code()).or_default();
        match version.flag {
            Flag::Valid => count.valid += 1,
            Flag::Superseded => count.superseded += 1,
            Flag::Deleted => count.deleted += 1,
        }
        if filing.late && version.flag == Flag::Valid {
            self.report.late += 1;
        }
    }
}

/// Where a file lies: folder relative to the root and name (clinical-formats §1.1).
struct Place {
    folder: String,
    name: String,
    kind: &'static str,
}

impl Place {
    fn of(local_id: &str, filing: &Filing, version: &Version) -> Self {
        let care_day = filing
            .care_day
            .map_or("-".to_owned(), |d: Day| d.to_string());
        let kind = filing.kind.code();
        let department = filing.department.unwrap_or("-");
        let (order, flag) = (&filing.order, version.flag.digit());
        let occurred = version.occurred.to_milli();
        Self {
            // Validated: an id has at least six digits.
            folder: format!(
                "{}/{}/{local_id}/{care_day}/{kind}",
                &local_id[..3],
                &local_id[3..6]
            ),
            name: format!("{local_id}_{care_day}_{kind}_{order}_{occurred}_{department}_{flag}"),
            kind,
        }
    }

    fn of_unknown_kind(self, rng: &mut Rng) -> Self {
        let other = *rng.pick(&["ZZZ-01", "RAD-99", "OMX"]);
        Self {
            folder: self.folder.replace(self.kind, other),
            name: self.name.replace(self.kind, other),
            kind: self.kind,
        }
    }

    fn badly_named(self, rng: &mut Rng) -> Self {
        let name = match rng.below(3) {
            0 => format!("{}.bak", self.name),
            1 => self.name.trim_end_matches("_1").to_owned(),
            _ => format!("{}9", self.name.trim_end_matches('1')),
        };
        Self { name, ..self }
    }
}
