//! The two ways a document is asked for here: as the viewing network's broker asks the disclosing node, and as its people
//! ask their own node.

use crate::place::{DISCLOSING, Federation, PATIENCE, PATIENT, Question, VIEWING, connection_of};
use sekisho_domain::{EntryIndex, KeyPurpose, PublicKey, RequestId};
use sekisho_fire::{Town, until};
use sekisho_ledger::sealed::SealingKey;
use sekisho_proto::v1;
use sekisho_proto::v1::node_service_client::NodeServiceClient;
use sekisho_proto::v1::operator_service_client::OperatorServiceClient;
use sekisho_transport::{
    ClientLimits, Deadline, Expected, Peer, PeerDirectory, channel, key_id, outgoing,
};
use std::sync::Arc;
use std::time::Duration;
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

/// How long one question may take; the power is cut before.
const ASK: Duration = Duration::from_secs(5);

struct Nobody;

impl PeerDirectory for Nobody {
    fn peer(&self, _key: &PublicKey) -> Option<Peer> {
        None
    }
}

/// A connection of one network to another's process, which may have been another one before.
pub fn connection(town: &Town, from: usize, to: usize) -> Channel {
    let founded = &town.genesis.replicas[to];
    channel(
        &founded.endpoint,
        Expected::Key(key_id(&founded.transport_key)),
        &town.members[from].identity(),
        Arc::new(Nobody),
        ClientLimits::default(),
    )
    .expect("a channel")
}

pub fn operator(connection: &Channel) -> OperatorServiceClient<Channel> {
    OperatorServiceClient::new(connection.clone()).max_decoding_message_size(2 << 20)
}

pub fn bounded<T>(message: T) -> Request<T> {
    outgoing(message, Deadline::after(ASK))
}

/// A physician of the viewing network asks these networks which documents of a patient they have.
pub fn find_request(
    town: &Town,
    patient: v1::Patient,
    practitioner: &str,
    targets: &[usize],
) -> v1::FindRequest {
    let targets = targets.iter().map(|&n| town.members[n].id.to_string());
    v1::FindRequest {
        patient: Some(patient),
        practitioner: practitioner.to_owned(),
        role: v1::Role::Physician.into(),
        facility: town.members[VIEWING].hospital().to_string(),
        purpose: v1::Purpose::Treat.into(),
        targets: targets.collect(),
        ..v1::FindRequest::default()
    }
}

/// The same asks the disclosing network for one of them.
pub fn retrieve_request(
    town: &Town,
    patient: v1::Patient,
    practitioner: &str,
    unique_id: &str,
    request_id: RequestId,
) -> v1::RetrieveRequest {
    v1::RetrieveRequest {
        patient: Some(patient),
        practitioner: practitioner.to_owned(),
        role: v1::Role::Physician.into(),
        facility: town.members[VIEWING].hospital().to_string(),
        purpose: v1::Purpose::Treat.into(),
        network: town.members[DISCLOSING].id.to_string(),
        unique_id: unique_id.to_owned(),
        request_id: request_id.0.to_vec(),
        grounds: None,
    }
}

/// How much of a document came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Came {
    Nothing,
    Something,
    Whole,
}

/// Asks the disclosing node as the viewing network's broker does.
pub async fn ask_disclosing(federation: &Federation, question: &Question) -> Came {
    let town = &federation.group.town;
    let viewing = &town.members[VIEWING];
    // X25519 takes any 32 bytes that are no point of small order; nobody opens what is sealed to these.
    let key = SealingKey {
        ledger: town.ledger,
        request_id: question.request_id,
        network: viewing.id.clone(),
        public_key: [9; 32],
    };
    let request = v1::AnswerRetrieveRequest {
        access: question.access.0,
        request_id: question.request_id.0.to_vec(),
        unique_id: question.unique_id.clone(),
        salt: question.salt.to_vec(),
        seal_to: Some(v1::SealTo {
            key: Some(key.sign(&viewing.key(KeyPurpose::Node))),
            from_chunk: 0,
        }),
    };
    let mut node = NodeServiceClient::new(connection(town, VIEWING, DISCLOSING))
        .max_decoding_message_size(2 << 20);
    let answer = node.answer_retrieve(bounded(request)).await;
    came(answer.map(tonic::Response::into_inner), |event| {
        use v1::answer_retrieve_event::Event;
        match event.event.expect("an event") {
            Event::Sealed(_) | Event::Chunk(_) => Came::Something,
            Event::Statement(_) => Came::Whole,
        }
    })
    .await
}

async fn came<T>(answer: Result<Streaming<T>, Status>, mut of: impl FnMut(T) -> Came) -> Came {
    let mut came = Came::Nothing;
    let Ok(mut stream) = answer else {
        return came;
    };
    while let Ok(Some(event)) = stream.message().await {
        came = match (came, of(event)) {
            // A statement with no document before it says that there is none.
            (Came::Nothing, Came::Whole) => Came::Nothing,
            (before, Came::Nothing) => before,
            (_, now) => now,
        };
    }
    came
}

/// Asks the viewing node as its people do; also the access, once it is decided.
pub async fn ask_viewing(
    federation: &Federation,
    request_id: RequestId,
) -> (Came, Option<EntryIndex>) {
    let town = &federation.group.town;
    let patient = federation.patient(VIEWING, PATIENT);
    let unique_id = &federation.documents[0].unique_id;
    let request = retrieve_request(town, patient, "dr-1", unique_id, request_id);
    let mut node = operator(&connection_of(federation, VIEWING));
    let answer = node.retrieve(bounded(request)).await;
    let mut access = None;
    let came = came(answer.map(tonic::Response::into_inner), |event| {
        use v1::network_outcome::Outcome;
        use v1::retrieve_event::Event;
        match event.event.expect("an event") {
            Event::Decided(decided) => {
                access = Some(EntryIndex(decided.index));
                Came::Nothing
            }
            Event::Header(_) | Event::Chunk(_) => Came::Something,
            Event::End(end) => match end.outcome.and_then(|it| it.outcome) {
                Some(Outcome::Answered(1)) => Came::Whole,
                _ => Came::Nothing,
            },
        }
    })
    .await;
    (came, access)
}

/// The documents the second network shows of the patient, if it answers and has some.
pub async fn find(federation: &Federation) -> Option<Vec<v1::DocumentEntry>> {
    let town = &federation.group.town;
    let patient = federation.patient(VIEWING, PATIENT);
    let request = find_request(town, patient, "dr-1", &[DISCLOSING]);
    let mut node = operator(&connection_of(federation, VIEWING));
    let mut stream = node.find(bounded(request)).await.ok()?.into_inner();
    let (mut found, mut answered) = (Vec::new(), None);
    while let Ok(Some(event)) = stream.message().await {
        use v1::find_event::Event;
        match event.event? {
            Event::Documents(page) => found.extend(page.documents),
            Event::End(end) => answered = end.outcome.and_then(|it| it.outcome),
            Event::Decided(_) | Event::Summary(_) => {}
        }
    }
    let all = v1::network_outcome::Outcome::Answered(found.len() as u64);
    (answered == Some(all) && !found.is_empty()).then_some(found)
}

/// Puts one act on the ledger, once.
pub async fn record(node: &Channel, id: RequestId, act: v1::record_request::Record) {
    until("an act is on the ledger", PATIENCE, || async {
        let request = v1::RecordRequest {
            request_id: id.0.to_vec(),
            record: Some(act.clone()),
        };
        let reply = operator(node)
            .record(bounded(request))
            .await
            .ok()?
            .into_inner();
        let outcome = reply.outcome.and_then(|it| it.outcome);
        assert!(
            matches!(outcome, Some(v1::outcome::Outcome::Accepted(_))),
            "{outcome:?}"
        );
        Some(())
    })
    .await;
}
