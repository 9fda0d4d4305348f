//! What a broker may do to a document, and that it is then never whole.

use super::*;
use crate::ledger::{Question, Snapshot};
use crate::sealing::Sealer;
use crate::testing::{KURUME, KURUME_HOSPITAL, SAGA, SAGA_HOSPITAL, Setting, TOTTORI, network};
use sekisho_domain::{Action, Category, Commitment, DenyReason, KeyPurpose};
use sekisho_ledger::sealed::{ChunkTags, KEY_BYTES, PLAIN_BYTES};
use sekisho_ledger::testing::key;
use sekisho_ledger::{Statement, Strict};
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
        self.check_of(SAGA).unwrap()
    }

    fn check_of(&self, of: &str) -> Option<RetrieveCheck> {
        let reader = Reader::new(self.setting.environment.as_ref()).unwrap();
        RetrieveCheck::new(self.record.clone(), &network(of), ID.to_owned(), reader)
    }

    /// As Saga's node seals a document to the check's reader: its signed header, its chunks, its statement.
    fn sealed(&self, check: &RetrieveCheck, document: v1::DocumentEntry, content: &[u8]) -> Sent {
        let mut header = SealedDocument {
            ledger: self.setting.ledger.with(|world| world.ledger),
            access: self.record.index,
            request_id: self.record.request_id,
            network: network(SAGA),
            document,
            encapsulated_key: [0; KEY_BYTES],
            from_chunk: check.next_chunk(),
        };
        let environment = self.setting.environment.as_ref();
        let mut sealer = Sealer::to(check.reader.public(), &mut header, environment).unwrap();
        let envelope = header.sign(&key(SAGA, KeyPurpose::Node));
        let all = chunks_of(content.len() as u64);
        let chunks: Vec<_> = (header.from_chunk..all)
            .map(|n| {
                let plain = content
                    .chunks(PLAIN_BYTES)
                    .nth(n as usize)
                    .unwrap_or_default();
                sealer.seal(plain, n, n + 1 == all).unwrap()
            })
            .collect();
        let mut hash = AnswerHash::default();
        let mut tags = ChunkTags::default();
        chunks.iter().for_each(|chunk| tags.chunk(chunk));
        hash.sealed(&envelope.payload, &tags.finish());
        Sent {
            header: envelope,
            chunks,
            statement: Some(self.stating(ONE, hash)),
        }
    }

    fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Snapshot<'_>) -> T + Send + 'static,
    ) -> T {
        let (tell, told) = mpsc::channel();
        let question: Question = Box::new(move |snapshot| tell.send(question(snapshot)).unwrap());
        self.setting
            .ledger
            .with(|world| Snapshot::show(&world.state, &Strict, question));
        told.recv().unwrap()
    }

    fn header(&self, mut check: RetrieveCheck, header: &v1::Envelope) -> RetrieveCheck {
        let header = header.clone();
        self.ask(move |snapshot| {
            check.header(snapshot, &header).unwrap();
            check
        })
    }

    fn end(
        &self,
        mut check: RetrieveCheck,
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
        self.ask(move |snapshot| check.end(snapshot, wire).unwrap())
    }

    /// What is handed over of all this, and how it ends.
    fn received(
        &self,
        mut check: RetrieveCheck,
        sent: Sent,
        claim: NetworkOutcome,
    ) -> (Vec<u8>, Received) {
        check = self.header(check, &sent.header);
        let mut content: Vec<u8> = Vec::new();
        for chunk in &sent.chunks {
            content.extend(check.chunk(chunk.clone()).unwrap_or_default());
        }
        let received = self.end(check, SAGA, claim, sent.statement);
        content.extend(received.last.clone().unwrap_or_default());
        (content, received)
    }
}

/// What a broker hands on.
#[derive(Clone)]
struct Sent {
    header: v1::Envelope,
    chunks: Vec<Vec<u8>>,
    statement: Option<v1::Envelope>,
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
    for bytes in [0, 1, PLAIN_BYTES, PLAIN_BYTES + 5] {
        let content = vec![7; bytes];
        let check = case.check();
        let sent = case.sealed(&check, header(&content), &content);
        let (got, received) = case.received(check, sent, ONE);
        assert_eq!(received.outcome, ONE);
        assert!(got == content && received.last.is_some(), "{bytes}");
    }
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
        assert_eq!((received.outcome, received.last), (outcome, None));
    }
}

#[test]
fn a_document_that_was_touched_is_never_whole() {
    let case = Case::new();
    let content = vec![7; PLAIN_BYTES + 5];
    let good = header(&content);
    let entry = |change: fn(&mut v1::DocumentEntry)| {
        let mut entry = good.clone();
        change(&mut entry);
        entry
    };
    type Change = fn(&Case, &RetrieveCheck, &mut Sent);
    let changes: [(&str, Change); 10] = [
        ("altered", |_, _, sent| sent.chunks[1][2] ^= 1),
        ("cut short", |_, _, sent| sent.chunks[1].truncate(20)),
        ("without its end", |_, _, sent| drop(sent.chunks.pop())),
        ("lengthened", |_, _, sent| sent.chunks.push(vec![1; 20])),
        ("mixed up", |_, _, sent| sent.chunks.swap(0, 1)),
        ("without header", |_, _, sent| {
            sent.header = v1::Envelope::default()
        }),
        ("header altered", |_, _, sent| {
            sent.header.payload.extend([0xa0, 0x06, 1])
        }),
        ("no statement", |_, _, sent| sent.statement = None),
        ("another answer's statement", |case, _, sent| {
            sent.statement = Some(case.stating(ONE, AnswerHash::default()));
        }),
        ("of another part", |_, _, sent| {
            let mut later = SealedDocument::parse(&sent.header).unwrap();
            later.from_chunk = 1;
            sent.header = later.sign(&key(SAGA, KeyPurpose::Node));
        }),
    ];
    for (name, change) in changes {
        let check = case.check();
        let mut sent = case.sealed(&check, good.clone(), &content);
        change(&case, &check, &mut sent);
        let (got, received) = case.received(check, sent, ONE);
        assert_eq!(received.outcome, NetworkOutcome::Malformed, "{name}");
        assert!(
            got.len() < content.len() && received.last.is_none(),
            "{name}"
        );
    }
    for (name, header) in [
        ("another document", entry(|e| e.unique_id.push('9'))),
        ("of no category", entry(|e| e.category = 0)),
        (
            "of another network's facility",
            entry(|e| e.facility = KURUME_HOSPITAL.to_owned()),
        ),
        ("of other content", entry(|e| e.hash[0] ^= 1)),
        ("of another size", entry(|e| e.size_bytes += 1)),
    ] {
        let check = case.check();
        let sent = case.sealed(&check, header, &content);
        let (_, received) = case.received(check, sent, ONE);
        assert_eq!(
            (received.outcome, received.last),
            (NetworkOutcome::Malformed, None),
            "{name}"
        );
    }
    for claim in [
        NetworkOutcome::Answered { count: 0 },
        NetworkOutcome::Answered { count: 2 },
        NetworkOutcome::PatientUnknown,
        NetworkOutcome::Denied {
            reason: DenyReason::NoAgreement,
        },
    ] {
        let check = case.check();
        let sent = case.sealed(&check, good.clone(), &content);
        let (_, received) = case.received(check, sent, claim.clone());
        assert_eq!(received.outcome, NetworkOutcome::Malformed, "{claim:?}");
    }
    let check = case.check();
    let sent = case.sealed(&check, good.clone(), &content);
    let check = case.header(check, &sent.header);
    let (_, received) = case.received(check, sent, ONE);
    assert_eq!(received.outcome, NetworkOutcome::Malformed, "two headers");
}

#[test]
fn only_the_disclosing_nodes_own_header_for_this_request_is_believed() {
    let case = Case::new();
    let content = b"content".to_vec();
    let other = Case::new();
    type Change = fn(&mut SealedDocument);
    let changes: [(&str, &str, Change); 5] = [
        ("another signer", TOTTORI, |_| {}),
        ("another network", SAGA, |h| h.network = network(TOTTORI)),
        ("another request", SAGA, |h| h.request_id.0[0] ^= 1),
        ("another index", SAGA, |h| h.access.0 += 1),
        ("another ledger", SAGA, |h| h.ledger.0[0] ^= 1),
    ];
    for (name, signer, change) in changes {
        let check = case.check();
        let mut sent = case.sealed(&check, header(&content), &content);
        let mut said = SealedDocument::parse(&sent.header).unwrap();
        change(&mut said);
        sent.header = said.sign(&key(signer, KeyPurpose::Node));
        let (got, received) = case.received(check, sent, ONE);
        assert_eq!(received.outcome, NetworkOutcome::Malformed, "{name}");
        assert_eq!(got, b"", "{name}");
    }
    // Sealed to somebody else.
    let sent = case.sealed(&other.check(), header(&content), &content);
    let (got, received) = case.received(case.check(), sent, ONE);
    assert_eq!(
        (got.as_slice(), received.outcome),
        (b"".as_slice(), NetworkOutcome::Malformed)
    );
}

#[test]
fn a_part_goes_on_where_the_one_before_was_cut() {
    let case = Case::new();
    let content: Vec<u8> = (0..2 * PLAIN_BYTES + 9).map(|n| (n % 251) as u8).collect();
    let good = header(&content);
    let mut check = case.check();
    let first = case.sealed(&check, good.clone(), &content);
    check = case.header(check, &first.header);
    let mut got = check.chunk(first.chunks[0].clone()).unwrap();
    assert!(check.resume());
    assert_eq!(check.next_chunk(), 1);
    let second = case.sealed(&check, good.clone(), &content);
    check = case.header(check, &second.header);
    got.extend(check.chunk(second.chunks[0].clone()).unwrap());
    assert_eq!(
        check.chunk(second.chunks[1].clone()),
        None,
        "the last one is kept back"
    );
    // Cut before the end: the last one comes again.
    assert!(check.resume());
    assert_eq!(check.next_chunk(), 2);
    let third = case.sealed(&check, good.clone(), &content);
    let (last, received) = case.received(check, third, ONE);
    got.extend(last);
    assert!(received.outcome == ONE && got == content);
    // What changed meanwhile is not the same document's rest.
    let mut check = case.check();
    let first = case.sealed(&check, good.clone(), &content);
    check = case.header(check, &first.header);
    check.chunk(first.chunks[0].clone()).unwrap();
    assert!(check.resume());
    let changed = v1::DocumentEntry {
        title_en: "changed".to_owned(),
        ..good
    };
    let sent = case.sealed(&check, changed, &content);
    let (_, received) = case.received(check, sent, ONE);
    assert_eq!(received.outcome, NetworkOutcome::Malformed);
}

#[test]
fn what_happened_to_the_answer_leaves_no_document() {
    let case = Case::new();
    let (content, late) = (
        b"content".to_vec(),
        NetworkOutcome::TimedOut { waited_ms: 4 },
    );
    let check = case.check();
    let sent = case.sealed(&check, header(&content), &content);
    let mut check = case.header(check, &sent.header);
    assert_eq!(check.chunk(sent.chunks[0].clone()), None);
    let received = check.close(&late, 4);
    assert_eq!((received.outcome, received.last), (late, None));
    assert!(case.check_of(TOTTORI).is_none());
}
