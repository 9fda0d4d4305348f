//! A wrong specification is refused with all its faults at once, and nothing is touched.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod common;

use common::{id, spec};
use sekisho_sample::{FacilitySpec, SampleError, SampleSpec, SpecFault, Vendor, generate};

#[test]
fn every_fault_is_reported_at_once() {
    let dir = tempfile::tempdir().expect("temp dir");
    let mut wrong = spec(dir.path(), 1, 1);
    wrong.facilities[1].dir = wrong.facilities[0].dir.join("inside");
    wrong.facilities[2].id = wrong.facilities[3].id.clone();
    wrong.facilities[4].id = id("4810000001");
    wrong.facilities[5].id = id("3140000001");
    wrong.facilities[5].name = Some("髙橋病院".to_owned());
    wrong.facilities[5].city = Some("鳥取市|".to_owned());
    wrong.facilities[0].local_id_digits = 5;
    wrong.span_days = 30;
    wrong.visits_per_patient = (9, 3);
    wrong.rates.late_permille = 1001;
    wrong.travellers = vec![
        vec![id("4110000011"), id("4110000029")],
        vec![id("4110000011"), id("1310000001")],
        vec![id("4110000029")],
    ];
    let mut called = false;
    let result = generate(&wrong, &mut |_| called = true);
    let Err(SampleError::Spec(faults)) = result else {
        panic!("{result:?}")
    };
    let expected: &[fn(&SpecFault) -> bool] = &[
        |f| matches!(f, SpecFault::DirShared(..)),
        |f| matches!(f, SpecFault::FacilityTwice(i) if i.as_str() == "4010000020"),
        |f| matches!(f, SpecFault::FacilityClass(i) if i.as_str() == "4810000001"),
        |f| matches!(f, SpecFault::FacilityClass(i) if i.as_str() == "3140000001"),
        |f| {
            matches!(
                f,
                SpecFault::Text {
                    what: "the name",
                    ..
                }
            )
        },
        |f| {
            matches!(
                f,
                SpecFault::Text {
                    what: "the city",
                    ..
                }
            )
        },
        |f| {
            matches!(
                f,
                SpecFault::Range {
                    what: "local_id_digits",
                    value: 5,
                    min: 6,
                    max: 15
                }
            )
        },
        |f| {
            matches!(
                f,
                SpecFault::Range {
                    what: "span_days",
                    value: 30,
                    ..
                }
            )
        },
        |f| {
            matches!(
                f,
                SpecFault::Range {
                    what: "most visits_per_patient",
                    value: 3,
                    min: 9,
                    ..
                }
            )
        },
        |f| {
            matches!(
                f,
                SpecFault::Range {
                    what: "late_permille",
                    value: 1001,
                    ..
                }
            )
        },
        |f| matches!(f, SpecFault::TravellerFacility { traveller: 1, .. }),
        |f| matches!(f, SpecFault::TravellerRoute(2)),
        |f| {
            matches!(
                f,
                SpecFault::TooManyTravellers {
                    travellers: 2,
                    patients: 1,
                    ..
                }
            )
        },
    ];
    for (n, expected) in expected.iter().enumerate() {
        assert!(
            faults.iter().any(expected),
            "fault {n} is missing of {faults:#?}"
        );
    }
    assert!(!called);
    assert_eq!(std::fs::read_dir(dir.path()).expect("listed").count(), 0);
}

#[test]
fn a_root_that_is_not_ours_stops_the_run_before_the_first_file() {
    let dir = tempfile::tempdir().expect("temp dir");
    let mut spec = spec(dir.path(), 1, 2);
    spec.overwrite = true;
    let last = &spec.facilities[5].dir;
    std::fs::create_dir(last).expect("made");
    std::fs::write(last.join("thesis.txt"), "years of work").expect("written");
    let result = generate(&spec, &mut |_| {});
    assert!(
        matches!(&result, Err(SampleError::Occupied { dir, .. }) if dir == last),
        "{result:?}"
    );
    assert!(!spec.facilities[0].dir.exists());
    assert_eq!(std::fs::read_dir(last).expect("listed").count(), 1);
}

#[test]
fn the_smallest_and_a_named_facility_work() {
    let dir = tempfile::tempdir().expect("temp dir");
    let mut facility =
        FacilitySpec::new(id("4010000012"), Vendor::Chidori, dir.path().join("root"));
    facility.name = Some("久留米見本病院".to_owned());
    facility.city = Some("久留米市".to_owned());
    let mut spec = SampleSpec::new(9, vec![facility]);
    spec.patients_per_facility = 1;
    spec.span_days = 60;
    spec.visits_per_patient = (1, 1);
    // With one patient nobody else's chart can be misfiled.
    spec.rates.defect_permille = 1000;
    let report = generate(&spec, &mut |_| {}).expect("generated");
    assert_eq!(report.facilities[0].name, "久留米見本病院");
    assert_eq!(report.persons.len(), 1);
    assert!(
        report
            .broken
            .iter()
            .all(|b| b.defect != sekisho_sample::DefectKind::Misfiled)
    );
    let (_, bytes) = common::files(&spec.facilities[0].dir)
        .into_iter()
        .find(|(path, _)| path.contains("/ADT-00/"))
        .expect("an ADT-00");
    assert!(
        common::Message::read(&bytes)
            .field("PID", 11)
            .contains("福岡県久留米市")
    );
}
