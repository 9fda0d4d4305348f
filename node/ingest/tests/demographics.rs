//! Who charts say their patients are, read from storages of every maker and matched: the storages carry the errors of a
//! population, and the truth table says who is who.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it measured"
)]

use sekisho_documents::LocalPatientId;
use sekisho_identity::quality::{Labelled, measure, measure_persons};
use sekisho_identity::{Folded, Model};
use sekisho_ingest::demographics;
use sekisho_sample::{ErrorClass, FacilitySpec, SampleSpec, Vendor, generate};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The valid ADT-00 of each patient of a storage.
fn basics(root: &Path) -> BTreeMap<String, PathBuf> {
    let (mut open, mut found) = (vec![root.to_owned()], BTreeMap::new());
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let name = path.file_name().unwrap().to_str().unwrap();
            let parts: Vec<&str> = name.split('_').collect();
            if let [id, _, "ADT-00", _, _, _, "1"] = parts.as_slice() {
                found.insert((*id).to_owned(), path.clone());
            }
        }
    }
    found
}

#[test]
fn people_of_every_makers_storage_are_matched() {
    let dir = tempfile::tempdir().unwrap();
    let facilities = Vendor::ALL.into_iter().zip(1..).map(|(vendor, n)| {
        let id = format!("411000000{n}").parse().unwrap();
        FacilitySpec::new(id, vendor, dir.path().join(n.to_string()))
    });
    let mut spec = SampleSpec::new(20_261_121, facilities.collect());
    spec.population = 150;
    spec.rates.stay_permille = 0;
    spec.patients_per_facility = 1;
    spec.visits_per_patient = (1, 1);
    let truth = generate(&spec, &mut |_| {}).unwrap();

    let files: Vec<_> = spec.facilities.iter().map(|f| basics(&f.dir)).collect();
    let (mut charts, mut errors, mut unread) = (Vec::new(), BTreeSet::new(), 0);
    for person in &truth.persons {
        for at in &person.at {
            let place = spec
                .facilities
                .iter()
                .position(|f| f.id == at.facility)
                .unwrap();
            // A chart whose ADT-00 was broken on purpose has none.
            let Some(path) = files[place].get(&at.local_id) else {
                unread += 1;
                continue;
            };
            let id: LocalPatientId = at.local_id.parse().unwrap();
            let Ok(read) = demographics(&std::fs::read(path).unwrap(), &id) else {
                unread += 1;
                continue;
            };
            assert!(read.birth.is_some() && read.sex.is_some());
            if !at.errors.contains(&ErrorClass::BirthSlip) {
                let born = person.birth_day.to_string();
                assert_eq!(read.birth.unwrap().to_string().replace('-', ""), born);
            }
            if !at.errors.contains(&ErrorClass::InsuranceMissing) {
                assert_eq!(read.insured.len(), 1);
            }
            errors.extend(at.errors.iter().copied());
            charts.push(Labelled {
                chart: Folded::of(&read),
                person: person.person,
                classes: at
                    .errors
                    .iter()
                    .fold(0, |bits, class| bits | 1 << (*class as u32)),
            });
        }
    }
    assert!(
        charts.len() > 300 && unread < charts.len() / 20,
        "{} {unread}",
        charts.len()
    );
    assert!(
        errors.len() >= 14,
        "most of what a storage can hold: {errors:?}"
    );
    assert!(!errors.contains(&ErrorClass::Width) && !errors.contains(&ErrorClass::EraDate));
    let model = Model::standard().for_charts(charts.len() as u64);
    let quality = measure(&charts, &model);
    println!("{:?}", quality.all);
    assert_eq!(quality.all.linked_wrongly, 0);
    assert!(quality.all.recall() > 0.97, "{:?}", quality.all);
    let persons = measure_persons(&charts, &model);
    assert_eq!(persons.linked_wrongly, 0);
    assert!(persons.recall() > 0.97, "{persons:?}");
}
