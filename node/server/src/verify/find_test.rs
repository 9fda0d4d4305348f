//! What a broker may do to an answer, and what becomes of it.

use super::*;
use crate::ledger::{Question, Snapshot};
use crate::testing::{KURUME, KURUME_HOSPITAL, SAGA, SAGA_HOSPITAL, Setting, TOTTORI, network};
use sekisho_domain::{Category, DenyReason, Hash, KeyPurpose, RequestId};
use sekisho_ledger::testing::key;
use sekisho_ledger::{AnswerHash, Statement, Strict};
use std::sync::mpsc;

fn document(id: &str) -> v1::DocumentEntry {
    v1::DocumentEntry {
        unique_id: id.to_owned(),
        facility: SAGA_HOSPITAL.to_owned(),
        category: Category::Prescription.number().into(),
        ..Default::default()
    }
}

/// Kurume asks Saga (permitted) and Tottori (no agreement).
struct Case {
    setting: Setting,
    record: AccessRecord,
}

impl Case {
    fn new() -> Self {
        let setting = Setting::new();
        let index = setting.ledger.with(|world| {
            let asked = [SAGA, TOTTORI];
            let mut request =
                world.request(KURUME, KURUME_HOSPITAL, setting.kurume_subject, &asked);
            request.categories = Some([Category::Prescription].into());
            world.ask(&request).0
        });
        let record = setting.ledger.access(index);
        Self { setting, record }
    }

    fn statement(
        &self,
        documents: &[v1::DocumentEntry],
        change: impl FnOnce(&mut Statement),
    ) -> v1::Envelope {
        let mut hash = AnswerHash::default();
        documents
            .iter()
            .for_each(|d| hash.entry(&d.encode_to_vec()));
        let mut statement = Statement {
            ledger: self.setting.ledger.with(|world| world.ledger),
            access: self.record.index,
            request_id: self.record.request_id,
            network: network(SAGA),
            outcome: NetworkOutcome::Answered {
                count: documents.len() as u64,
            },
            answer_hash: hash.finish(),
        };
        change(&mut statement);
        statement.sign(&key(SAGA, KeyPurpose::Node))
    }

    /// What Saga's end becomes when these documents come with this claim and statement.
    fn judge(
        &self,
        documents: &[v1::DocumentEntry],
        claim: NetworkOutcome,
        statement: Option<v1::Envelope>,
    ) -> Ended {
        let mut check = FindCheck::new(self.record.clone());
        for page in documents.chunks(2) {
            check.documents(v1::NetworkDocuments {
                network: SAGA.to_owned(),
                documents: page.iter().map(|d| d.encode_to_vec()).collect(),
            });
        }
        self.end(check, SAGA, claim, statement).1.unwrap()
    }

    fn end(
        &self,
        mut check: FindCheck,
        of: &str,
        claim: NetworkOutcome,
        statement: Option<v1::Envelope>,
    ) -> (FindCheck, Option<Ended>) {
        let wire = v1::NetworkEnd {
            network: of.to_owned(),
            outcome: Some((&claim).into()),
            elapsed_ms: 3,
            statement,
            footing: 0,
        };
        let (tell, told) = mpsc::channel();
        let question: Question = Box::new(move |snapshot| {
            let ended = check.end(snapshot, wire).unwrap();
            tell.send((check, ended)).unwrap();
        });
        self.setting
            .ledger
            .with(|world| Snapshot::show(&world.state, &Strict, question));
        told.recv().unwrap()
    }
}

const fn answered(count: u64) -> NetworkOutcome {
    NetworkOutcome::Answered { count }
}

#[test]
fn a_true_answer_is_shown_whole_with_its_statement() {
    let case = Case::new();
    let documents = [document("a"), document("b"), document("c")];
    let statement = case.statement(&documents, |_| {});
    let ended = case.judge(&documents, answered(3), Some(statement.clone()));
    assert_eq!(
        (&ended.outcome, &ended.documents[..]),
        (&answered(3), &documents[..])
    );
    assert_eq!(
        (ended.statement.as_ref(), ended.elapsed_ms),
        (Some(&statement), 3)
    );
    assert_eq!(ended.into_events().len(), 2, "one page and the end");

    let nothing = case.judge(&[], answered(0), Some(case.statement(&[], |_| {})));
    assert_eq!(nothing.outcome, answered(0));
    let unknown = case.statement(&[], |s| s.outcome = NetworkOutcome::PatientUnknown);
    let unknown = case.judge(&[], NetworkOutcome::PatientUnknown, Some(unknown));
    assert_eq!(unknown.outcome, NetworkOutcome::PatientUnknown);
}

#[test]
fn whatever_a_broker_changes_is_noticed_and_nothing_of_it_is_shown() {
    let case = Case::new();
    let (a, b, c) = (document("a"), document("b"), document("c"));
    let two = [a.clone(), b.clone()];
    let good = || Some(case.statement(&two, |_| {}));
    let altered = v1::DocumentEntry {
        deprecated: true,
        ..b.clone()
    };
    let other_category = [v1::DocumentEntry {
        category: Category::LabResult.number().into(),
        ..a.clone()
    }];
    let other_facility = [v1::DocumentEntry {
        facility: KURUME_HOSPITAL.to_owned(),
        ..a.clone()
    }];
    let nowhere = [v1::DocumentEntry {
        facility: "0".to_owned(),
        ..a.clone()
    }];
    let mut forged = case.statement(&two, |_| {});
    forged.signatures[0].signature[0] ^= 1;
    let mut of_tottori = case.statement(&two, |_| {});
    let tottori = key(TOTTORI, KeyPurpose::Node);
    of_tottori = sekisho_ledger::seal(&of_tottori.payload_type, of_tottori.payload, &[&tottori]);
    let cases: Vec<(
        &str,
        Vec<v1::DocumentEntry>,
        NetworkOutcome,
        Option<v1::Envelope>,
    )> = vec![
        ("one dropped", vec![a.clone()], answered(2), good()),
        (
            "one dropped, and the count with it",
            vec![a.clone()],
            answered(1),
            good(),
        ),
        ("all dropped", vec![], answered(2), good()),
        (
            "all dropped: unknown",
            vec![],
            NetworkOutcome::PatientUnknown,
            good(),
        ),
        (
            "one added",
            vec![a.clone(), b.clone(), c.clone()],
            answered(2),
            good(),
        ),
        (
            "one added, and counted",
            vec![a.clone(), b.clone(), c],
            answered(3),
            good(),
        ),
        ("one altered", vec![a.clone(), altered], answered(2), good()),
        ("another order", vec![b, a.clone()], answered(2), good()),
        ("one twice", vec![a.clone(), a], answered(2), good()),
        ("no statement", two.to_vec(), answered(2), None),
        (
            "a forged statement",
            two.to_vec(),
            answered(2),
            Some(forged),
        ),
        (
            "another network's signature",
            two.to_vec(),
            answered(2),
            Some(of_tottori),
        ),
        (
            "about another request",
            two.to_vec(),
            answered(2),
            Some(case.statement(&two, |s| s.request_id = RequestId([0; 16]))),
        ),
        (
            "about another index",
            two.to_vec(),
            answered(2),
            Some(case.statement(&two, |s| s.access.0 += 1)),
        ),
        (
            "about another network",
            two.to_vec(),
            answered(2),
            Some(case.statement(&two, |s| s.network = network(TOTTORI))),
        ),
        (
            "another hash",
            two.to_vec(),
            answered(2),
            Some(case.statement(&two, |s| s.answer_hash = Hash([0; 32]))),
        ),
        (
            "beyond the permit: category",
            other_category.to_vec(),
            answered(1),
            Some(case.statement(&other_category, |_| {})),
        ),
        (
            "beyond the permit: facility",
            other_facility.to_vec(),
            answered(1),
            Some(case.statement(&other_facility, |_| {})),
        ),
        (
            "of no facility",
            nowhere.to_vec(),
            answered(1),
            Some(case.statement(&nowhere, |_| {})),
        ),
        (
            "denied, though permitted",
            two.to_vec(),
            NetworkOutcome::Denied {
                reason: DenyReason::NoAgreement,
            },
            good(),
        ),
    ];
    for (name, documents, claim, statement) in cases {
        let ended = case.judge(&documents, claim, statement);
        assert_eq!(ended.outcome, NetworkOutcome::Malformed, "{name}");
        assert_eq!(
            (ended.documents.len(), ended.statement),
            (0, None),
            "{name}"
        );
    }
}

#[test]
fn what_the_broker_saw_happen_is_passed_on_without_documents() {
    let case = Case::new();
    let some = [document("a")];
    for claim in [
        NetworkOutcome::TimedOut { waited_ms: 5 },
        NetworkOutcome::Unreachable,
        NetworkOutcome::Malformed,
        NetworkOutcome::Suspended,
        NetworkOutcome::Stale,
    ] {
        let ended = case.judge(&some, claim.clone(), Some(case.statement(&some, |_| {})));
        assert_eq!(
            (ended.outcome, ended.documents.len(), ended.statement),
            (claim, 0, None)
        );
    }
}

#[test]
fn what_the_ledger_denied_stays_denied_whatever_the_broker_says() {
    let case = Case::new();
    let mut check = FindCheck::new(case.record.clone());
    check.documents(v1::NetworkDocuments {
        network: TOTTORI.to_owned(),
        documents: vec![document("x").encode_to_vec()],
    });
    let statement = case.statement(&[document("x")], |_| {});
    let (_, ended) = case.end(check, TOTTORI, answered(1), Some(statement));
    let ended = ended.unwrap();
    let denied = NetworkOutcome::Denied {
        reason: DenyReason::NoAgreement,
    };
    assert_eq!(
        (ended.outcome, ended.documents.len(), ended.statement),
        (denied, 0, None)
    );
}

#[test]
fn each_network_ends_once_and_the_summary_counts_them() {
    let case = Case::new();
    let check = FindCheck::new(case.record.clone());
    let (check, first) = case.end(check, SAGA, NetworkOutcome::Unreachable, None);
    assert!(first.is_some() && !check.is_complete());
    let (check, second) = case.end(check, SAGA, NetworkOutcome::Stale, None);
    assert_eq!(second, None, "its second end");
    let (mut check, nobody) = case.end(check, "nobody-asked", NetworkOutcome::Stale, None);
    assert_eq!(nobody, None);
    check.documents(v1::NetworkDocuments {
        network: SAGA.to_owned(),
        documents: vec![document("late").encode_to_vec()],
    });

    let left = check.close(&NetworkOutcome::TimedOut { waited_ms: 9 }, 9);
    let outcomes: Vec<_> = left
        .iter()
        .map(|e| (e.network.as_str(), e.outcome.code()))
        .collect();
    assert_eq!(
        outcomes,
        [(TOTTORI, "denied")],
        "left open by the broker, denied by the ledger"
    );
    let summary = check.summary(10);
    let counted: u32 = summary.outcomes.iter().map(|o| o.networks).sum();
    assert_eq!((summary.asked, counted, check.is_complete()), (2, 2, true));

    let mut untouched = FindCheck::new(case.record.clone());
    let left = untouched.close(&NetworkOutcome::TimedOut { waited_ms: 9 }, 9);
    let outcomes: Vec<_> = left
        .iter()
        .map(|e| (e.network.as_str(), e.outcome.code()))
        .collect();
    assert_eq!(outcomes, [(SAGA, "timed-out"), (TOTTORI, "denied")]);
}

#[test]
fn a_patient_without_link_is_unknown_there() {
    let setting = Setting::new();
    let index = setting.ledger.with(|world| {
        let stranger = sekisho_ledger::testing::subject(0x77);
        let request = world.request(KURUME, KURUME_HOSPITAL, stranger, &[SAGA]);
        world.ask(&request).0
    });
    let mut check = FindCheck::new(setting.ledger.access(index));
    let left = check.close(&NetworkOutcome::Unreachable, 1);
    assert_eq!(left[0].outcome, NetworkOutcome::PatientUnknown);
}

#[test]
fn more_than_an_answer_may_have_is_not_kept() {
    let case = Case::new();
    let many = vec![document("a"); ANSWER_ENTRIES_MAX + 1];
    let statement = case.statement(&many, |_| {});
    let ended = case.judge(&many, answered(many.len() as u64), Some(statement));
    assert_eq!(
        (ended.outcome, ended.documents.len()),
        (NetworkOutcome::Malformed, 0)
    );
    let whole = &many[..ANSWER_ENTRIES_MAX];
    let ended = case.judge(
        whole,
        answered(whole.len() as u64),
        Some(case.statement(whole, |_| {})),
    );
    assert_eq!(ended.documents.len(), ANSWER_ENTRIES_MAX);
}

#[test]
fn a_node_that_contradicts_itself_is_not_believed() {
    let case = Case::new();
    let two = [document("a"), document("b")];
    let three = case.statement(&two, |s| s.outcome = answered(3));
    let unknown = case.statement(&[], |s| s.outcome = NetworkOutcome::PatientUnknown);
    let unknown_with_some = case.statement(&two, |s| s.outcome = NetworkOutcome::PatientUnknown);
    let none = case.statement(&[], |_| {});
    let cases = [
        ("it counts one too many", &two[..], answered(3), three),
        (
            "it knows nobody, told as none found",
            &[],
            answered(0),
            unknown,
        ),
        (
            "it found none, told as nobody known",
            &[],
            NetworkOutcome::PatientUnknown,
            none,
        ),
        (
            "it knows nobody and has documents",
            &two[..],
            NetworkOutcome::PatientUnknown,
            unknown_with_some,
        ),
    ];
    for (name, documents, claim, statement) in cases {
        let ended = case.judge(documents, claim, Some(statement));
        assert_eq!(
            (ended.outcome, ended.documents.len()),
            (NetworkOutcome::Malformed, 0),
            "{name}"
        );
    }
}
