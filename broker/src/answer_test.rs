//! Answers as nodes may send them, good and bad.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use proptest::prelude::*;
use sekisho_domain::{EntryIndex, LedgerId, RequestId};
use sha2::{Digest as _, Sha256};

fn entry(unique_id: &str, content: &[u8]) -> v1::DocumentEntry {
    v1::DocumentEntry {
        unique_id: unique_id.to_owned(),
        facility: "4110000001".to_owned(),
        category: v1::Category::Prescription.into(),
        hash: Sha256::digest(content).to_vec(),
        size_bytes: content.len() as u64,
        ..Default::default()
    }
}

fn page(documents: Vec<v1::DocumentEntry>) -> v1::AnswerFindEvent {
    let documents = documents.iter().map(|entry| entry.encode_to_vec());
    let page = v1::DocumentPage {
        documents: documents.collect(),
    };
    v1::AnswerFindEvent {
        event: Some(v1::answer_find_event::Event::Page(page)),
    }
}

fn find_statement() -> v1::AnswerFindEvent {
    v1::AnswerFindEvent {
        event: Some(v1::answer_find_event::Event::Statement(
            v1::Envelope::default(),
        )),
    }
}

fn part(event: v1::answer_retrieve_event::Event) -> v1::AnswerRetrieveEvent {
    v1::AnswerRetrieveEvent { event: Some(event) }
}

fn statement(outcome: NetworkOutcome, answer_hash: Hash) -> Statement {
    Statement {
        ledger: LedgerId([0; 32]),
        access: EntryIndex(0),
        request_id: RequestId([0; 16]),
        network: "saga".parse().unwrap(),
        outcome,
        answer_hash,
    }
}

fn limits() -> Limits {
    Limits {
        documents_max: 3,
        answer_bytes_max: 1_000,
        document_bytes_max: 100,
        ..Limits::default()
    }
}

fn found(events: Vec<v1::AnswerFindEvent>, documents_max: usize) -> Checked<Claim> {
    let mut finding = Finding::within(&limits(), documents_max);
    for event in events {
        finding.take(event)?;
    }
    finding.ended().map(|(_, claim, _)| claim)
}

#[test]
fn every_fault_of_a_list_has_its_own_words() {
    let with = |change: fn(&mut v1::DocumentEntry)| {
        let mut entry = entry("1", b"");
        change(&mut entry);
        page(vec![entry])
    };
    let good = || entry("1", b"");
    let cases = [
        (vec![], "it ended without a statement"),
        (vec![page(vec![good()])], "it ended without a statement"),
        (
            vec![find_statement(), page(vec![])],
            "it sent more after its statement",
        ),
        (
            vec![find_statement(), find_statement()],
            "it sent more after its statement",
        ),
        (
            vec![v1::AnswerFindEvent { event: None }],
            "it sent an event of no known kind",
        ),
        (
            vec![with(|e| e.category = 0)],
            "it sent a document of no known category",
        ),
        (
            vec![with(|e| e.category = 999)],
            "it sent a document of no known category",
        ),
        (
            vec![with(|e| e.facility.clear())],
            "it sent a document of no well-formed facility",
        ),
        (
            vec![with(|e| e.hash.truncate(31))],
            "it sent a document without a SHA-256 hash",
        ),
        (
            vec![with(|e| e.unique_id.clear())],
            "it sent a document without a unique id",
        ),
        (
            vec![v1::AnswerFindEvent {
                event: Some(v1::answer_find_event::Event::Page(v1::DocumentPage {
                    documents: vec![b"\x0a\x05one".to_vec()],
                })),
            }],
            "it sent a document's entry that is none",
        ),
        (
            vec![page(vec![good(); 4])],
            "its answer is over the bound of documents",
        ),
        (
            vec![page(vec![good(); 2]), page(vec![good(); 2])],
            "its answer is over the bound of documents",
        ),
        (
            vec![with(|e| e.title_ja = "題".repeat(400))],
            "its answer is over the bound of bytes",
        ),
        (
            vec![page(vec![]); 1_001],
            "its answer is over the bound of bytes",
        ),
    ];
    for (events, why) in cases {
        assert_eq!(found(events, 9), Err(Malformed(why)));
    }
    let two = vec![page(vec![good(); 2]), find_statement()];
    assert_eq!(
        found(two.clone(), 1),
        Err(Malformed("its answer is over the bound of documents"))
    );
    assert_eq!(found(two, 2).unwrap().documents, 2);
}

#[test]
fn every_fault_of_a_document_has_its_own_words() {
    use v1::answer_retrieve_event::Event::{Chunk, Sealed, Statement};
    let chunk = |bytes: usize| part(Chunk(vec![7; bytes]));
    let done = || part(Statement(v1::Envelope::default()));
    let other = |change: fn(&mut v1::SealedDocument)| {
        let mut header = v1::SealedDocument {
            ledger: vec![0; 32],
            request_id: vec![0; 16],
            network: "saga".to_owned(),
            document: Some(entry("1", b"content")),
            encapsulated_key: vec![0; 32],
            ..Default::default()
        };
        change(&mut header);
        part(Sealed(v1::Envelope {
            payload_type: sekisho_proto::SEALED_TYPE.to_owned(),
            payload: header.encode_to_vec(),
            signatures: Vec::new(),
        }))
    };
    let header = || other(|_| {});
    // Seven bytes of content and a tag.
    let cases = [
        (
            vec![header(), chunk(23)],
            Err("it ended without a statement"),
        ),
        (vec![chunk(23)], Err("it sent content before the header")),
        (vec![header(), header()], Err("it sent a second header")),
        (
            vec![other(|h| h.encapsulated_key.truncate(31))],
            Err("its document's header is none"),
        ),
        (
            vec![other(|h| h.document = None)],
            Err("its document's header is none"),
        ),
        (
            vec![part(Sealed(v1::Envelope::default()))],
            Err("its document's header is none"),
        ),
        (
            vec![other(|h| h.document = Some(entry("2", b"content")))],
            Err("it sent another document than the one asked for"),
        ),
        (
            vec![other(|h| h.document = Some(entry("1", &[0; 101])))],
            Err("its document is over the bound of bytes"),
        ),
        (
            vec![other(|h| h.from_chunk = 1)],
            Err("it sent another part than the one asked for"),
        ),
        (
            vec![header(), chunk(24)],
            Err("it sent more content than its header says"),
        ),
        (
            vec![header(), chunk(0)],
            Err("it sent an empty chunk, or one over the bound"),
        ),
        (
            vec![header(), chunk(22), done()],
            Err("it sent less content than its header says"),
        ),
        (
            vec![header(), done(), chunk(23)],
            Err("it sent more after its statement"),
        ),
        (vec![header(), chunk(3), chunk(20), done()], Ok(1)),
        (vec![done()], Ok(0)),
    ];
    for (events, expected) in cases {
        let mut retrieving = Retrieving::within(&limits(), "1".to_owned(), 0);
        let result = events
            .into_iter()
            .try_for_each(|event| retrieving.take(event).map(drop))
            .and_then(|()| retrieving.ended())
            .map(|(_, claim)| claim.documents);
        assert_eq!(result, expected.map_err(Malformed));
    }
    let mut beyond = Retrieving::within(&limits(), "1".to_owned(), 1);
    assert_eq!(
        beyond.take(other(|h| h.from_chunk = 1)),
        Err(Malformed("it sent a part that its document does not have"))
    );
}

#[test]
fn a_statement_fits_only_its_own_answer() {
    let none = found(vec![find_statement()], 9).unwrap();
    let one = found(vec![page(vec![entry("1", b"")]), find_statement()], 9).unwrap();
    let answered = |count| NetworkOutcome::Answered { count };
    let cases = [
        (&none, answered(0), none.hash, true),
        (&none, NetworkOutcome::PatientUnknown, none.hash, true),
        (&none, answered(1), none.hash, false),
        (&one, answered(1), one.hash, true),
        (&one, answered(1), none.hash, false),
        (&one, answered(0), one.hash, false),
        (&one, answered(2), one.hash, false),
        (&one, NetworkOutcome::PatientUnknown, one.hash, false),
        (&none, NetworkOutcome::Suspended, none.hash, false),
    ];
    for (claim, outcome, hash, fits) in cases {
        let statement = statement(outcome, hash);
        assert_eq!(claim.fits(&statement).is_ok(), fits, "{statement:?}");
    }
}

proptest! {
    /// However an answer is cut into pages, its hash is that of its documents in their order.
    #[test]
    fn pages_do_not_change_the_hash(ids in proptest::collection::vec("[a-z]{1,8}", 0..3), cut in 0usize..4) {
        let documents: Vec<_> = ids.iter().map(|id| entry(id, id.as_bytes())).collect();
        let cut = cut.min(documents.len());
        let (first, second) = documents.split_at(cut);
        let cut_up = found(vec![page(first.to_vec()), page(second.to_vec()), find_statement()], 9);
        let mut hash = AnswerHash::default();
        documents.iter().for_each(|d| hash.entry(&d.encode_to_vec()));
        let expected = Claim { documents: documents.len() as u64, hash: hash.finish() };
        prop_assert_eq!(cut_up, Ok(expected));
    }

    #[test]
    fn another_order_of_the_same_documents_does_not_fit(a in "[a-m]{1,8}", b in "[n-z]{1,8}") {
        let claim = |ids: [&str; 2]| {
            let documents = ids.iter().map(|id| entry(id, b"")).collect();
            found(vec![page(documents), find_statement()], 9).unwrap()
        };
        let (there, back) = (claim([&a, &b]), claim([&b, &a]));
        let said = statement(NetworkOutcome::Answered { count: 2 }, there.hash);
        prop_assert!(there.fits(&said).is_ok() && back.fits(&said).is_err());
    }
}
