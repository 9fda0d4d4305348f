use super::*;
use crate::store::ChartRecord;
use crate::testing::{HANAKO, Person, SAGA_HOSPITAL, SAGA_OTHER, TARO, chart};
use sekisho_domain::TimeMs;

struct Case {
    _dir: tempfile::TempDir,
    store: NodeStore,
    directory: Directory,
}

const OWN: SubjectId = SubjectId([1; 16]);
const OTHER: SubjectId = SubjectId([2; 16]);

fn said(at: u64) -> Said {
    Said {
        who: "clerk-1".to_owned(),
        why: "asked at the desk".to_owned(),
        at: TimeMs(at),
    }
}

fn put(directory: &Directory, chart: &Patient, person: &Person) {
    let record = ChartRecord {
        demographics: crate::people::demographics(person.said()).unwrap(),
        document: [1; 16],
    };
    directory.put(&[(chart.clone(), Some(record))]).unwrap();
}

impl Case {
    fn of(people: &[(&Patient, &Person)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = NodeStore::open(&dir.path().join("node.redb")).unwrap();
        let directory = Directory::in_memory();
        for (chart, person) in people {
            put(&directory, chart, person);
        }
        Self {
            _dir: dir,
            store,
            directory,
        }
    }
    fn settle(&self, chart: &Patient) {
        let known = Known::read(&self.store).unwrap();
        settle(&self.store, &self.directory, &known, chart).unwrap();
    }
    fn decide(&self, a: &Patient, b: &Patient, same: bool, at: u64) -> Result<Decided, NodeError> {
        let never = |_: &SubjectId| Ok(false);
        decide(
            &self.store,
            &self.directory,
            (a, b),
            (same, said(at)),
            &never,
        )
    }
    fn undo(&self, id: u64, reserved: Reserved<'_>) -> Result<Decided, NodeError> {
        undo(&self.store, &self.directory, (id, &said(9)), reserved)
    }
    fn subject(&self, chart: &Patient) -> Option<SubjectId> {
        self.store.subject_of(chart).unwrap()
    }
}

#[test]
fn charts_of_one_person_share_the_pseudonym_one_of_them_has() {
    let (a, b, c) = (
        chart(SAGA_HOSPITAL, "1"),
        chart(SAGA_OTHER, "2"),
        chart(SAGA_OTHER, "3"),
    );
    let case = Case::of(&[(&a, &TARO), (&b, &TARO), (&c, &HANAKO)]);
    case.settle(&a);
    assert_eq!(case.subject(&b), None, "nobody needs one yet");
    case.store.subject_or(&a, OWN).unwrap();
    case.settle(&b);
    assert_eq!((case.subject(&b), case.subject(&c)), (Some(OWN), None));
}

#[test]
fn a_decision_splits_and_taking_it_back_joins_again() {
    let (a, b) = (chart(SAGA_HOSPITAL, "1"), chart(SAGA_OTHER, "2"));
    let case = Case::of(&[(&a, &TARO), (&b, &TARO)]);
    case.store.subject_or(&a, OWN).unwrap();
    case.settle(&a);
    let decided = case.decide(&a, &b, false, 1).unwrap();
    assert_eq!(decided.person_a, [a.clone()].into());
    assert_eq!(decided.person_b, [b.clone()].into());
    assert_eq!((case.subject(&a), case.subject(&b)), (Some(OWN), None));
    // The next run over the sources changes nothing of it.
    case.settle(&b);
    assert_eq!(case.subject(&b), None);
    case.undo(decided.id, &|_| Ok(false)).unwrap();
    assert_eq!((case.subject(&a), case.subject(&b)), (Some(OWN), Some(OWN)));
}

#[test]
fn two_pseudonyms_become_one_unless_something_reserved_would_fall_away() {
    let (a, b) = (chart(SAGA_HOSPITAL, "1"), chart(SAGA_OTHER, "2"));
    let case = Case::of(&[(&a, &TARO), (&b, &TARO)]);
    case.store.subject_or(&a, OWN).unwrap();
    case.store.subject_or(&b, OTHER).unwrap();
    case.settle(&a);
    assert_eq!(
        case.subject(&b),
        Some(OTHER),
        "two pseudonyms wait for a person"
    );
    let reserved = |subject: &SubjectId| Ok(*subject == OTHER);
    let pair = (&a, &b);
    let refused = decide(
        &case.store,
        &case.directory,
        pair,
        (true, said(1)),
        &reserved,
    );
    assert!(matches!(refused, Err(NodeError::Reserved)));
    assert_eq!(case.subject(&b), Some(OTHER));
    assert!(
        case.store.decisions().unwrap().is_empty(),
        "nothing is kept"
    );
    let decided = case.decide(&a, &b, true, 2).unwrap();
    assert_eq!(decided.left, Some(OTHER));
    assert_eq!((case.subject(&a), case.subject(&b)), (Some(OWN), Some(OWN)));
    assert!(case.store.charts_of(&OTHER).unwrap().is_empty());
}

#[test]
fn charts_nothing_says_are_alike_are_joined_by_a_person_and_by_nobody_else() {
    let (a, b, c) = (
        chart(SAGA_HOSPITAL, "1"),
        chart(SAGA_OTHER, "2"),
        chart(SAGA_OTHER, "3"),
    );
    let case = Case::of(&[(&a, &TARO), (&b, &HANAKO)]);
    case.store.subject_or(&a, OWN).unwrap();
    assert!(matches!(
        case.decide(&a, &a, true, 1),
        Err(NodeError::Invalid(_))
    ));
    assert!(matches!(
        case.decide(&a, &c, true, 1),
        Err(NodeError::NoSuchChart)
    ));
    let decided = case.decide(&a, &b, true, 1).unwrap();
    assert_eq!(decided.person_a, [a.clone(), b.clone()].into());
    assert_eq!(case.subject(&b), Some(OWN));
    // A later word holds.
    case.decide(&a, &b, false, 2).unwrap();
    assert_eq!(case.subject(&b), None);
}

#[test]
fn what_is_reserved_meanwhile_keeps_a_decision_from_being_taken_back() {
    let (a, b) = (chart(SAGA_HOSPITAL, "1"), chart(SAGA_OTHER, "2"));
    let case = Case::of(&[(&a, &TARO), (&b, &TARO)]);
    case.store.subject_or(&a, OWN).unwrap();
    case.settle(&a);
    let decided = case.decide(&a, &b, false, 1).unwrap();
    case.store.subject_or(&b, OTHER).unwrap();
    let refused = case.undo(decided.id, &|subject| Ok(*subject == OTHER));
    assert!(matches!(refused, Err(NodeError::Reserved)));
    assert_eq!(
        (case.subject(&a), case.subject(&b)),
        (Some(OWN), Some(OTHER))
    );
    // It stands as before, and can be taken back when nothing is reserved any more.
    let decided = case.undo(decided.id, &|_| Ok(false)).unwrap();
    assert_eq!(decided.left, Some(OTHER));
    assert_eq!((case.subject(&a), case.subject(&b)), (Some(OWN), Some(OWN)));
}

#[test]
fn a_third_chart_of_the_person_is_looked_at_for_what_is_reserved() {
    let (a, b, c) = (
        chart(SAGA_HOSPITAL, "1"),
        chart(SAGA_HOSPITAL, "2"),
        chart(SAGA_OTHER, "3"),
    );
    // All three are one person by rule, and have had pseudonyms of their own; b has none in the second round.
    for of_b in [Some(SubjectId([3; 16])), None] {
        let case = Case::of(&[(&a, &TARO), (&b, &TARO), (&c, &TARO)]);
        case.store.subject_or(&a, OWN).unwrap();
        if let Some(subject) = of_b {
            case.store.subject_or(&b, subject).unwrap();
        }
        case.store.subject_or(&c, OTHER).unwrap();
        let refused = decide(
            &case.store,
            &case.directory,
            (&a, &b),
            (true, said(1)),
            &|subject| Ok(*subject == OTHER),
        );
        assert!(matches!(refused, Err(NodeError::Reserved)), "{of_b:?}");
        assert_eq!(case.subject(&c), Some(OTHER));
        assert!(case.store.decisions().unwrap().is_empty());
    }
}

#[test]
fn a_decision_whose_charts_cannot_be_settled_is_not_kept() {
    let (a, b) = (chart(SAGA_HOSPITAL, "1"), chart(SAGA_OTHER, "2"));
    let case = Case::of(&[(&a, &TARO), (&b, &HANAKO)]);
    case.store.subject_or(&a, OWN).unwrap();
    let more: BTreeSet<Patient> = (0..crate::bounds::CHARTS_MAX)
        .map(|n| chart(SAGA_OTHER, &format!("9{n}")))
        .collect();
    let decision = StoredDecision {
        a: a.clone(),
        b: b.clone(),
        same: true,
        said: said(1),
        undone: None,
    };
    let too_many = more.into_iter().chain([b.clone()]).collect();
    let change = Change {
        subject: OWN,
        before: [a.clone()].into(),
        now: too_many,
    };
    let kept = case.store.put_decision(&decision, &[change]);
    assert!(matches!(kept, Err(StoreError::Full { .. })), "{kept:?}");
    assert!(case.store.decisions().unwrap().is_empty());
    assert_eq!(case.subject(&a), Some(OWN));
}

#[test]
fn what_becomes_somebodys_meanwhile_stays_so() {
    let (a, b) = (chart(SAGA_HOSPITAL, "1"), chart(SAGA_OTHER, "2"));
    let meanwhile = chart(SAGA_OTHER, "9");
    // Of the other chart nothing is known but whose it is said to be.
    let case = Case::of(&[(&a, &TARO)]);
    case.store.subject_or(&a, OWN).unwrap();
    case.store.subject_or(&b, OTHER).unwrap();
    let asked = std::cell::Cell::new(0);
    // While it is asked what stands under the other pseudonym, another chart of a's person is read.
    let reserved = |_: &SubjectId| {
        asked.set(asked.get() + 1);
        put(&case.directory, &meanwhile, &TARO);
        case.settle(&meanwhile);
        Ok(false)
    };
    let both = (&a, &b);
    let same = (true, said(1));
    decide(&case.store, &case.directory, both, same, &reserved).unwrap();
    let charts: BTreeSet<_> = case.store.charts_of(&OWN).unwrap().into_iter().collect();
    assert!(charts.contains(&meanwhile), "{charts:?}");
    assert!(charts.contains(&a) && charts.contains(&b));
    assert_eq!((asked.get(), case.store.decisions().unwrap().len()), (2, 1));
}
