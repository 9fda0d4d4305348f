//! Answers to other networks, over the real core, real files and a real store.

mod find;
mod retrieve;
mod sealed;
mod streamed;
mod timing;

use super::*;
use crate::bounds::PAGE_ENTRIES_MAX;
use crate::sealing::Reader;
use crate::store::{FailingDisk, NodeStore, TransferKind};
use crate::testing::{
    Fixed, KURUME, KURUME_HOSPITAL, PATIENT, SAGA, Setting, TOTTORI, all, chart, network, patience,
    until,
};
use crate::{Node, commitments};
use prost::Message as _;
use sekisho_domain::{AccessRequest, Body, EntryIndex, KeyPurpose, TimeMs};
use sekisho_ledger::commitment::{Salt, commit};
use sekisho_ledger::sealed::{ChunkTags, SealedDocument, chunks_of};
use sekisho_ledger::{AnswerHash, Strict, View, testing};
use v1::answer_find_event::Event as Found;
use v1::answer_retrieve_event::Event as Got;

const SALT: [u8; 32] = [0x5a; 32];

fn ask(setting: &Setting, change: impl FnOnce(&mut AccessRequest)) -> AccessRecord {
    let index = setting.ledger.with(|world| {
        let mut request = world.request(KURUME, KURUME_HOSPITAL, setting.kurume_subject, &[SAGA]);
        change(&mut request);
        world.ask(&request).0
    });
    setting.ledger.access(index)
}

fn ask_for(setting: &Setting, unique_id: &str) -> AccessRecord {
    let salt = Salt::from_bytes(SALT);
    ask(setting, |request| {
        request.action = Action::RetrieveDocument;
        request.document = Some(commit(&salt, commitments::DOCUMENT, unique_id.as_bytes()));
    })
}

fn find_of(record: &AccessRecord) -> v1::AnswerFindRequest {
    v1::AnswerFindRequest {
        access: record.index.0,
        request_id: record.request_id.0.to_vec(),
        filter: None,
    }
}

/// Kurume's node's key for a retrieval: always the same.
fn reader() -> Reader {
    Reader::new(Fixed::new("reader", TimeMs(0)).as_ref()).unwrap()
}

fn retrieve_of(
    setting: &Setting,
    record: &AccessRecord,
    unique_id: &str,
) -> v1::AnswerRetrieveRequest {
    let ledger = setting.ledger.with(|world| world.ledger);
    let node = testing::key(KURUME, KeyPurpose::Node);
    let key = reader().signed(ledger, record.request_id, &network(KURUME), &node);
    v1::AnswerRetrieveRequest {
        access: record.index.0,
        request_id: record.request_id.0.to_vec(),
        unique_id: unique_id.to_owned(),
        salt: SALT.to_vec(),
        seal_to: Some(v1::SealTo {
            key: Some(key),
            from_chunk: 0,
        }),
    }
}

/// A document as Kurume's node opens it: its header, its content from the first chunk sent on, and the hash its
/// statement must have.
fn opened(
    setting: &Setting,
    record: &AccessRecord,
    events: &[Got],
) -> (SealedDocument, Vec<u8>, Hash) {
    let [Got::Sealed(envelope), chunks @ .., Got::Statement(_)] = events else {
        panic!("{events:?}")
    };
    let header = setting.ledger.with(|world| {
        let (view, from) = (View(&world.state), network(SAGA));
        SealedDocument::verify(view, envelope, record.index, &record.request_id, &from)
            .unwrap()
            .unwrap()
    });
    let mut opener = reader().opener(&header).unwrap();
    let all = chunks_of(header.document.size_bytes);
    let (mut content, mut tags) = (Vec::new(), ChunkTags::default());
    for (number, chunk) in (header.from_chunk..).zip(chunks) {
        let Got::Chunk(chunk) = chunk else {
            panic!("{chunk:?}")
        };
        content.extend(opener.open(chunk, number, number + 1 == all).unwrap());
        tags.chunk(chunk);
    }
    let mut hash = AnswerHash::default();
    hash.sealed(&envelope.payload, &tags.finish());
    (header, content, hash.finish())
}

async fn find(node: &Node, request: v1::AnswerFindRequest) -> Result<Vec<Found>, NodeError> {
    let stream = node
        .disclosing()
        .find(network(KURUME), request, patience())
        .await?;
    Ok(all(stream)
        .await
        .into_iter()
        .map(|e| e.event.unwrap())
        .collect())
}

async fn retrieve(node: &Node, request: v1::AnswerRetrieveRequest) -> Result<Vec<Got>, NodeError> {
    let stream = node
        .disclosing()
        .retrieve(network(KURUME), request, patience())
        .await?;
    Ok(all(stream)
        .await
        .into_iter()
        .map(|e| e.event.unwrap())
        .collect())
}

/// The documents found, after the statement about them was verified.
fn verified(
    setting: &Setting,
    record: &AccessRecord,
    events: &[Found],
) -> (Vec<v1::DocumentEntry>, NetworkOutcome) {
    let (last, pages) = events.split_last().unwrap();
    let Found::Statement(envelope) = last else {
        panic!("the statement comes last")
    };
    let (mut documents, mut hash) = (Vec::new(), AnswerHash::default());
    for page in pages {
        let Found::Page(page) = page else {
            panic!("two statements")
        };
        assert!((1..=PAGE_ENTRIES_MAX).contains(&page.documents.len()));
        page.documents.iter().for_each(|d| hash.entry(d));
        let decoded = page.documents.iter();
        documents.extend(decoded.map(|d| v1::DocumentEntry::decode(d.as_slice()).unwrap()));
    }
    let statement = statement_of(setting, record, envelope);
    assert_eq!(statement.answer_hash, hash.finish());
    (documents, statement.outcome)
}

fn statement_of(setting: &Setting, record: &AccessRecord, envelope: &v1::Envelope) -> Statement {
    setting.ledger.with(|world| {
        let view = View(&world.state);
        Statement::verify(
            view,
            &Strict,
            envelope,
            record.index,
            &record.request_id,
            &network(SAGA),
        )
        .unwrap()
        .unwrap()
    })
}

fn releases(setting: &Setting) -> Vec<sekisho_domain::Transfer> {
    let release = |body| match body {
        Body::Release(transfer) => Some(transfer),
        _ => None,
    };
    setting
        .ledger
        .bodies()
        .into_iter()
        .filter_map(release)
        .collect()
}

/// The patient's newest document, by a question of its own.
async fn some_document(setting: &Setting, node: &Node) -> v1::DocumentEntry {
    let record = ask(setting, |_| {});
    let (documents, _) = verified(
        setting,
        &record,
        &find(node, find_of(&record)).await.unwrap(),
    );
    documents[0].clone()
}
