//! What a broker may do to a document, and that nothing of it is then handed over.

use super::*;
use crate::ledger::{Question, Snapshot};
use crate::testing::{KURUME, KURUME_HOSPITAL, SAGA, SAGA_HOSPITAL, Setting, TOTTORI, network};
use sekisho_domain::{Action, Category, Commitment, DenyReason, KeyPurpose};
use sekisho_ledger::Statement;
use sekisho_ledger::testing::key;
use std::sync::mpsc;

const ID: &str = "urn:uuid:00000000-0000-8000-8000-000000000001";

struct Case {
    setting: Setting,
    record: AccessRecord,
}

impl Case {
    fn new() -> Self {
        let setting = Setting::new();
        let index = setting.ledger.with(|world| {
            let mut request =
                world.request(KURUME, KURUME_HOSPITAL, setting.kurume_subject, &[SAGA]);
            request.action = Action::RetrieveDocument;
            request.document = Some(Commitment([1; 32]));
            world.ask(&request).0
        });
        let record = setting.ledger.access(index);
        Self { setting, record }
    }

    fn statement(&self, header: &v1::DocumentEntry, content: &[u8]) -> v1::Envelope {
        let mut hash = AnswerHash::default();
        hash.entry(header);
        hash.content(&Hash(Sha256::digest(content).into()));
        self.stating(NetworkOutcome::Answered { count: 1 }, hash)
    }

    fn stating(&self, outcome: NetworkOutcome, hash: AnswerHash) -> v1::Envelope {
        Statement {
            ledger: self.setting.ledger.with(|world| world.ledger),
            access: self.record.index,
            request_id: self.record.request_id,
            network: network(SAGA),
            outcome,
            answer_hash: hash.finish(),
        }
        .sign(&key(SAGA, KeyPurpose::Node))
    }

    fn check(&self) -> RetrieveCheck {
        RetrieveCheck::new(self.record.clone(), &network(SAGA), ID.to_owned()).unwrap()
    }

    fn end(
        &self,
        check: RetrieveCheck,
        of: &str,
        claim: NetworkOutcome,
        statement: Option<v1::Envelope>,
    ) -> Received {
        let wire = v1::NetworkEnd {
            network: of.to_owned(),
            outcome: Some((&claim).into()),
            elapsed_ms: 3,
            statement,
            footing: 0,
        };
        let (tell, told) = mpsc::channel();
        let question: Question = Box::new(move |snapshot| {
            tell.send(check.end(snapshot, wire).unwrap()).unwrap();
        });
        self.setting
            .ledger
            .with(|world| Snapshot::show(&world.state, question));
        told.recv().unwrap()
    }
}

fn header(content: &[u8]) -> v1::DocumentEntry {
    v1::DocumentEntry {
        unique_id: ID.to_owned(),
        facility: SAGA_HOSPITAL.to_owned(),
        category: Category::Prescription.number().into(),
        hash: Sha256::digest(content).to_vec(),
        size_bytes: content.len() as u64,
        ..Default::default()
    }
}

const ONE: NetworkOutcome = NetworkOutcome::Answered { count: 1 };

#[test]
fn a_true_document_is_handed_over_whole() {
    let case = Case::new();
    let content = vec![7; CHUNK_BYTES_MAX + 5];
    let header = header(&content);
    let mut check = case.check();
    check.header(header.clone());
    content
        .chunks(CHUNK_BYTES_MAX)
        .for_each(|chunk| check.chunk(chunk));
    let received = case.end(check, SAGA, ONE, Some(case.statement(&header, &content)));
    assert_eq!(received.outcome, ONE);
    let hash = Hash(Sha256::digest(&content).into());
    assert!(received.document == Some((header, content, hash)));
}

#[test]
fn an_honest_absence_is_told_as_such() {
    let case = Case::new();
    for outcome in [
        NetworkOutcome::Answered { count: 0 },
        NetworkOutcome::PatientUnknown,
    ] {
        let statement = case.stating(outcome.clone(), AnswerHash::default());
        let received = case.end(case.check(), SAGA, outcome.clone(), Some(statement));
        assert_eq!((received.outcome, received.document), (outcome, None));
    }
}

#[test]
fn a_document_that_was_touched_is_not_handed_over() {
    let case = Case::new();
    let content = b"content".to_vec();
    let good = header(&content);
    let statement = || Some(case.statement(&good, &content));
    let lab = v1::DocumentEntry {
        category: 0,
        ..good.clone()
    };
    let other = v1::DocumentEntry {
        unique_id: "urn:uuid:00000000-0000-8000-8000-000000000002".to_owned(),
        ..good.clone()
    };
    let huge = v1::DocumentEntry {
        size_bytes: RETRIEVE_BYTES_MAX as u64 + 1,
        ..good.clone()
    };
    let titled = v1::DocumentEntry {
        title_en: "x".to_owned(),
        ..good.clone()
    };
    let forged = header(b"forged!");
    type Sent<'a> = (
        &'a str,
        Vec<&'a v1::DocumentEntry>,
        Vec<&'a [u8]>,
        NetworkOutcome,
        Option<v1::Envelope>,
    );
    let cases: Vec<Sent<'_>> = vec![
        ("altered", vec![&good], vec![b"CONTENT"], ONE, statement()),
        (
            "altered with its header",
            vec![&forged],
            vec![b"forged!"],
            ONE,
            statement(),
        ),
        ("cut short", vec![&good], vec![b"conten"], ONE, statement()),
        (
            "lengthened",
            vec![&good],
            vec![b"content", b"!"],
            ONE,
            statement(),
        ),
        ("without content", vec![&good], vec![], ONE, statement()),
        ("without header", vec![], vec![b"content"], ONE, statement()),
        (
            "header altered",
            vec![&titled],
            vec![b"content"],
            ONE,
            statement(),
        ),
        (
            "two headers",
            vec![&good, &good],
            vec![b"content"],
            ONE,
            statement(),
        ),
        (
            "another document",
            vec![&other],
            vec![b"content"],
            ONE,
            Some(case.statement(&other, &content)),
        ),
        (
            "of no category",
            vec![&lab],
            vec![b"content"],
            ONE,
            Some(case.statement(&lab, &content)),
        ),
        (
            "too large",
            vec![&huge],
            vec![],
            ONE,
            Some(case.statement(&huge, b"")),
        ),
        (
            "withheld",
            vec![],
            vec![],
            NetworkOutcome::Answered { count: 0 },
            statement(),
        ),
        (
            "withheld as unknown",
            vec![],
            vec![],
            NetworkOutcome::PatientUnknown,
            statement(),
        ),
        (
            "denied, though permitted",
            vec![&good],
            vec![b"content"],
            NetworkOutcome::Denied {
                reason: DenyReason::NoAgreement,
            },
            statement(),
        ),
        ("no statement", vec![&good], vec![b"content"], ONE, None),
    ];
    for (name, headers, chunks, claim, statement) in cases {
        let mut check = case.check();
        headers.into_iter().for_each(|h| check.header(h.clone()));
        chunks.into_iter().for_each(|c| check.chunk(c));
        let received = case.end(check, SAGA, claim, statement);
        assert_eq!(
            (received.outcome, received.document),
            (NetworkOutcome::Malformed, None),
            "{name}"
        );
    }
    let mut check = case.check();
    check.header(good.clone());
    check.chunk(&content);
    let received = case.end(check, TOTTORI, ONE, statement());
    assert_eq!(
        received.outcome,
        NetworkOutcome::Malformed,
        "the end of another network"
    );
}

#[test]
fn what_happened_to_the_answer_leaves_no_document() {
    let case = Case::new();
    let (content, late) = (
        b"content".to_vec(),
        NetworkOutcome::TimedOut { waited_ms: 4 },
    );
    let mut check = case.check();
    check.header(header(&content));
    check.chunk(&content);
    let received = check.close(&late, 4);
    assert_eq!((received.outcome, received.document), (late, None));
    assert!(RetrieveCheck::new(case.record.clone(), &network(TOTTORI), ID.to_owned()).is_none());
}

#[test]
fn a_node_whose_header_is_of_other_content_is_not_believed() {
    let case = Case::new();
    let content = b"content".to_vec();
    let other_hash = header(b"CONTENT");
    let other_size = v1::DocumentEntry {
        size_bytes: 9,
        ..header(&content)
    };
    for header in [other_hash, other_size] {
        let mut check = case.check();
        check.header(header.clone());
        check.chunk(&content);
        let received = case.end(check, SAGA, ONE, Some(case.statement(&header, &content)));
        assert_eq!(
            (received.outcome, received.document),
            (NetworkOutcome::Malformed, None)
        );
    }
}
