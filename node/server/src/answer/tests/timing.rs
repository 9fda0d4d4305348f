//! How long an answer takes does not tell what is sealed, or somebody else's, from what does not exist (P9).

use super::*;
use crate::testing::{SAGA_HOSPITAL, SAGA_OTHER, STRANGER};
use std::time::{Duration, Instant};
use v1::record_request::Record;
use v1::set_reservation::Viewer;

/// Answers timed of each kind.
const TRIALS: usize = 1_000;
/// How far from one half the chance may be that an answer of one kind took longer than one of the other: six standard
/// deviations of what equal kinds give by chance with so many trials.
const BOUND: f64 = 0.08;
/// Documents that are all hidden, and take long enough to read that it would be seen in few trials.
const DOCUMENTS: u32 = 1_000;
const LISTS: usize = 100;
/// As [`BOUND`], of so many.
const BOUND_OF_LISTS: f64 = 0.25;
/// A difference that must be found however busy the machine is, to know that the bound is one: part of the median.
const SHOWN: f64 = 0.5;

/// The chance that a value of the first kind is larger than one of the second (Mann and Whitney's U over all pairs).
fn longer(first: &[f64], second: &[f64]) -> f64 {
    let mut sorted = second.to_vec();
    sorted.sort_by(f64::total_cmp);
    let below = first.iter().map(|value| {
        let less = sorted.partition_point(|other| other < value);
        let equal = sorted.partition_point(|other| other <= value) - less;
        less as f64 + equal as f64 / 2.0
    });
    below.sum::<f64>() / (first.len() * second.len()) as f64
}

fn newest(node: &Node, facility: &str, patient: &str) -> String {
    let query = sekisho_documents::Query::of(chart(facility, patient));
    let page = node.0.index.find(&query).unwrap();
    page.entries[0].unique_id.to_string()
}

/// Hides what a facility has of the patient, or all there is, from everyone.
async fn seal(node: &Node, facility: Option<&str>) {
    let facilities = |id: &str| v1::FacilitySet {
        facilities: vec![id.to_owned()],
    };
    let sealed = v1::RecordRequest {
        request_id: vec![1; 16],
        record: Some(Record::SetReservation(v1::SetReservation {
            patient: Some(v1::Patient {
                patient: Some(v1::patient::Patient::Local(v1::patient::Local {
                    facility: SAGA_HOSPITAL.to_owned(),
                    local_id: PATIENT.to_owned(),
                })),
            }),
            viewer: Some(Viewer::Anyone(v1::Everything {})),
            disclosing_facilities: facility.map(facilities),
            recorded_by: SAGA_HOSPITAL.to_owned(),
            sealed: true,
            ..Default::default()
        })),
    };
    let operating = node.operating();
    operating.record_entry(sealed, patience()).await.unwrap();
}

#[tokio::test]
async fn what_is_hidden_takes_as_long_as_what_is_not_there() {
    let setting = Setting::new();
    setting.hospital.put(PATIENT, 1);
    setting.other.put(PATIENT, 2);
    setting.hospital.put(STRANGER, 3);
    let node = setting.saga().await;
    seal(&node, Some(SAGA_OTHER)).await;
    let absent = "urn:uuid:00000000-0000-8000-8000-000000000000".to_owned();
    let kinds = [
        newest(&node, SAGA_OTHER, PATIENT),
        newest(&node, SAGA_HOSPITAL, STRANGER),
        absent,
    ];
    let mut took: [Vec<f64>; 3] = Default::default();
    for trial in 0..TRIALS {
        // Each kind is as often first, second and last: the ledger grows meanwhile.
        for n in 0..kinds.len() {
            let kind = (trial + n) % kinds.len();
            let record = ask_for(&setting, &kinds[kind]);
            let request = retrieve_of(&setting, &record, &kinds[kind]);
            let began = Instant::now();
            let events = retrieve(&node, request).await.unwrap();
            took[kind].push(began.elapsed().as_secs_f64());
            assert!(matches!(events[..], [Got::Statement(_)]), "{events:?}");
        }
    }
    let [sealed, strangers, absent] = &took;
    for (name, hidden) in [("sealed", sealed), ("a stranger's", strangers)] {
        let chance = longer(hidden, absent);
        assert!((chance - 0.5).abs() < BOUND, "{name}: {chance:.3}");
        let mut median = absent.clone();
        median.sort_by(f64::total_cmp);
        let more = median[TRIALS / 2] * SHOWN;
        let slower: Vec<_> = hidden.iter().map(|took| took + more).collect();
        let chance = longer(&slower, absent);
        assert!(
            chance - 0.5 > BOUND,
            "half the median more would not be found: {chance:.3}"
        );
    }
}

#[tokio::test]
async fn a_list_of_nothing_takes_as_long_whether_all_of_it_is_hidden_or_there_is_none() {
    let setting = Setting::new();
    (1..=DOCUMENTS).for_each(|n| drop(setting.hospital.put(PATIENT, n)));
    let node = setting.saga().await;
    seal(&node, None).await;
    let none_yet = v1::Filter {
        service_from_ms: Some(i64::MAX as u64),
        ..Default::default()
    };
    setting.ledger.set_pace(Duration::from_millis(50));
    let filters = [None, Some(none_yet)];
    let mut took: [Vec<f64>; 2] = Default::default();
    for trial in 0..LISTS {
        for n in 0..filters.len() {
            let kind = (trial + n) % filters.len();
            let record = ask(&setting, |_| {});
            let request = v1::AnswerFindRequest {
                filter: filters[kind],
                ..find_of(&record)
            };
            let began = Instant::now();
            let events = find(&node, request).await.unwrap();
            took[kind].push(began.elapsed().as_secs_f64());
            assert!(matches!(events[..], [Found::Statement(_)]), "{events:?}");
        }
    }
    let [hidden, none] = &took;
    let chance = longer(hidden, none);
    assert!((chance - 0.5).abs() < BOUND_OF_LISTS, "{chance:.3}");
}

#[test]
fn the_chance_is_that_of_all_pairs() {
    assert_eq!(longer(&[2.0, 4.0], &[1.0, 3.0]), 0.75);
    assert_eq!(longer(&[1.0, 1.0], &[1.0]), 0.5);
    assert_eq!(longer(&[0.0], &[1.0, 2.0]), 0.0);
}
