use super::*;
use crate::testing::{SAGA_HOSPITAL, SAGA_OTHER, chart, network};

fn store(dir: &tempfile::TempDir) -> NodeStore {
    NodeStore::open(&dir.path().join("node.redb")).unwrap()
}

fn said(who: &str, at: u64) -> Said {
    Said {
        who: who.to_owned(),
        why: "the card was shown".to_owned(),
        at: TimeMs(at),
    }
}

fn proposal(at: u64) -> StoredProposal {
    StoredProposal {
        access: EntryIndex(7),
        certain: true,
        disaster: false,
        agreed: vec![("birth".to_owned(), "exact".to_owned())],
        at: TimeMs(at),
        here: false,
        confirmed_by: Vec::new(),
    }
}

#[test]
fn a_decision_stays_as_it_was_and_is_taken_back_once() {
    let dir = tempfile::tempdir().unwrap();
    let decision = StoredDecision {
        a: chart(SAGA_HOSPITAL, "0009013"),
        b: chart(SAGA_OTHER, "77"),
        same: true,
        said: said("clerk-1", 1),
        undone: None,
    };
    let id = store(&dir).put_decision(&decision, &[]).unwrap();
    let store = store(&dir);
    assert_eq!(store.decisions().unwrap(), [(id, decision.clone())]);
    assert_eq!(
        store.undo_decision(id, &said("clerk-2", 2), &[]).unwrap(),
        decision
    );
    let again = store
        .undo_decision(id, &said("clerk-3", 3), &[])
        .unwrap_err();
    assert!(matches!(again, StoreError::NoSuchDecision(n) if n == id));
    let (_, kept) = store.decisions().unwrap().remove(0);
    assert_eq!(
        (kept.said, kept.undone),
        (decision.said, Some(said("clerk-2", 2)))
    );
    assert!(!format!("{:?}", said("clerk-1", 1)).contains("clerk"));
}

#[test]
fn cards_and_proposals_go_with_their_subject() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(&dir);
    let (one, other) = (SubjectId([1; 16]), SubjectId([2; 16]));
    for (n, subject) in [one, other].into_iter().enumerate() {
        store
            .subject_or(&chart(SAGA_HOSPITAL, &format!("000901{n}")), subject)
            .unwrap();
        store.put_card(&subject, &[n as u8; 16]).unwrap();
        let there = SubjectRef {
            network: network("kurume"),
            subject: SubjectId([9; 16]),
        };
        store
            .put_proposal(&subject, &there, &proposal(n as u64))
            .unwrap();
    }
    assert_eq!(
        (store.proposals_written(), store.proposals_total().unwrap()),
        (2, 2)
    );
    // The next card takes the place of the one before.
    store.put_card(&one, &[7; 16]).unwrap();
    assert_eq!(store.card(&[0; 16]).unwrap(), None);
    assert_eq!(store.card(&[7; 16]).unwrap(), Some(one));
    store.erase(&one, TimeMs(5)).unwrap();
    assert_eq!(store.card(&[7; 16]).unwrap(), None);
    assert_eq!(store.card(&[1; 16]).unwrap(), Some(other));
    let left = store.proposals().unwrap();
    assert_eq!(
        left.iter().map(|(own, ..)| *own).collect::<Vec<_>>(),
        [other]
    );
    assert!(matches!(
        store.put_card(&one, &[3; 16]),
        Err(StoreError::Erased)
    ));
}
