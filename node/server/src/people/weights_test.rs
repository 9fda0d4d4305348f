use super::*;
use crate::people::{decide, demographics, person};
use crate::store::{ChartRecord, Said, StoredWeights};
use crate::testing::{Person, SAGA_HOSPITAL, SAGA_OTHER, TARO, chart};
use sekisho_domain::{SubjectId, TimeMs};
use sekisho_identity::{Band, Model, WEIGHTS_VERSION};

const OWN: SubjectId = SubjectId([1; 16]);

fn said() -> Said {
    Said {
        who: "clerk-1".to_owned(),
        why: "a trial".to_owned(),
        at: TimeMs(1),
    }
}

fn weights(link_bits: f64, review_bits: f64) -> StoredWeights {
    StoredWeights {
        version: WEIGHTS_VERSION,
        model: Model::standard().with_bands(link_bits, review_bits),
        charts: 2,
        pairs: 1,
        said: said(),
        undone: None,
    }
}

fn record(person: &Person) -> Option<ChartRecord> {
    Some(ChartRecord {
        demographics: demographics(person.said()).unwrap(),
        document: [1; 16],
    })
}

/// Who moved, without insurance: the telephone number alone is left, and the score decides.
const MOVED: Person = Person {
    address: "8300001^福岡県久留米市見本町9-8-7",
    insured: ["", "", "", ""],
    ..TARO
};

#[test]
fn weights_bring_pseudonyms_to_whom_they_link_and_part_nobody() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("people.redb");
    let store = NodeStore::open(&dir.path().join("node.redb")).unwrap();
    let (a, b, c) = (
        chart(SAGA_HOSPITAL, "1"),
        chart(SAGA_OTHER, "2"),
        chart(SAGA_OTHER, "3"),
    );
    let directory = Directory::open(&path).unwrap();
    // Nothing has changed: nothing is done.
    assert_eq!(weigh(&store, &directory).unwrap(), 0);
    store.put_weights(&weights(1_000.0, -1_000.0)).unwrap();
    assert_eq!(weigh(&store, &directory).unwrap(), 0);
    let rows = [(&a, &TARO), (&b, &MOVED), (&c, &TARO)];
    directory
        .put(&rows.map(|(chart, person)| (chart.clone(), record(person))))
        .unwrap();
    store.subject_or(&a, OWN).unwrap();
    let subject = |chart: &Patient| store.subject_of(chart).unwrap();
    assert_eq!(
        directory.edges(&b).unwrap(),
        [(a.clone(), Band::Review), (c.clone(), Band::Review)]
    );
    // Somebody says of one that he is another.
    let never = |_: &SubjectId| Ok(false);
    decide(&store, &directory, (&a, &c), (false, said()), &never).unwrap();

    // The standard weights link; the next start brings it about where this one was cut off.
    store.undo_weights(&said()).unwrap();
    drop(directory);
    let directory = Directory::open(&path).unwrap();
    assert_eq!(weigh(&store, &directory).unwrap(), 0);
    assert!(!directory.unsettled().unwrap());
    assert_eq!(*directory.model(), Model::standard());
    assert_eq!(
        directory.edges(&b).unwrap(),
        [(a.clone(), Band::Link), (c.clone(), Band::Link)]
    );
    assert_eq!((subject(&b), subject(&c)), (Some(OWN), None));

    // By these nothing but a rule links; who shares a pseudonym stays, and waits.
    store.put_weights(&weights(1_000.0, 900.0)).unwrap();
    assert_eq!(weigh(&store, &directory).unwrap(), 1);
    assert_eq!(directory.edges(&b).unwrap(), [(a.clone(), Band::Review)]);
    assert_eq!((subject(&b), subject(&c)), (Some(OWN), None));
    let known = Known::read(&store).unwrap();
    let charts = person(&directory, &known, &a).unwrap().charts;
    assert_eq!(charts, [a.clone()].into(), "the decision stands");
    let directory = {
        drop(directory);
        Directory::open(&path).unwrap()
    };
    assert_eq!(
        weigh(&store, &directory).unwrap(),
        0,
        "nothing is done twice"
    );
    assert_eq!(directory.model().link_bits, 1_000.0);
    assert_eq!(directory.edges(&b).unwrap(), [(a, Band::Review)]);
}
