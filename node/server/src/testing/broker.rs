//! A broker that has requests decided, asks the disclosing node, and hands its answer on as told: true or not.

use super::{CoreLedger, KURUME, SAGA, all, network, patience};
use crate::answer::Disclosing;
use crate::ledger::Ledger;
use sekisho_domain::{Decision, NetworkOutcome, Outcome};
use sekisho_ledger::form;
use sekisho_proto::v1;
use sekisho_proto::v1::broker_service_server::{BrokerService, BrokerServiceServer};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};

/// What it does to the answers on their way.
type Tamper<E> = Box<dyn Fn(Vec<E>) -> Vec<E> + Send + Sync>;

/// The broker of Kurume, which knows Saga's node.
pub struct TamperingBroker {
    ledger: Arc<CoreLedger>,
    saga: Disclosing,
    finds: Mutex<Tamper<v1::FindDocumentsEvent>>,
    retrieves: Mutex<Tamper<v1::RetrieveDocumentEvent>>,
    searches: Mutex<Tamper<v1::FindPatientsEvent>>,
}

impl TamperingBroker {
    /// An honest one at first.
    pub fn new(ledger: &Arc<CoreLedger>, saga: Disclosing) -> Arc<Self> {
        Arc::new(Self {
            ledger: Arc::clone(ledger),
            saga,
            finds: Mutex::new(Box::new(|events| events)),
            retrieves: Mutex::new(Box::new(|events| events)),
            searches: Mutex::new(Box::new(|events| events)),
        })
    }

    pub fn tamper_finds(
        &self,
        with: impl Fn(Vec<v1::FindDocumentsEvent>) -> Vec<v1::FindDocumentsEvent>
        + Send
        + Sync
        + 'static,
    ) {
        *self.finds.lock().unwrap() = Box::new(with);
    }

    pub fn tamper_retrieves(
        &self,
        with: impl Fn(Vec<v1::RetrieveDocumentEvent>) -> Vec<v1::RetrieveDocumentEvent>
        + Send
        + Sync
        + 'static,
    ) {
        *self.retrieves.lock().unwrap() = Box::new(with);
    }

    pub fn tamper_searches(
        &self,
        with: impl Fn(Vec<v1::FindPatientsEvent>) -> Vec<v1::FindPatientsEvent> + Send + Sync + 'static,
    ) {
        *self.searches.lock().unwrap() = Box::new(with);
    }

    /// Serves it on a port of its own and connects to it.
    pub async fn channel(self: &Arc<Self>) -> Channel {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = BrokerServiceServer::new(Served(Arc::clone(self)));
        tokio::spawn(
            Server::builder()
                .add_service(service)
                .serve_with_incoming(TcpListenerStream::new(listener)),
        );
        Endpoint::from_shared(format!("http://{address}"))
            .unwrap()
            .connect_lazy()
    }

    /// Has the request decided: its index, request id, decisions, and whether Saga may answer.
    async fn decide(&self, envelope: v1::Envelope) -> (v1::Decided, Vec<u8>, bool) {
        let id = form(&envelope).unwrap().entry.request_id;
        let committed = self.ledger.submit(envelope, patience()).await.unwrap();
        let Outcome::Decided(decisions) = committed.outcome else {
            panic!("not decided: {:?}", committed.outcome);
        };
        let permitted = decisions
            .iter()
            .any(|(n, d)| *n == network(SAGA) && matches!(d, Decision::Permit(_)));
        let decided = v1::Decided {
            index: committed.index.0,
            time_ms: committed.time.0,
            decisions: decisions.iter().map(Into::into).collect(),
        };
        (decided, id.0.to_vec(), permitted)
    }
}

fn ended(
    network: &str,
    outcome: &NetworkOutcome,
    statement: Option<v1::Envelope>,
) -> v1::NetworkEnd {
    v1::NetworkEnd {
        network: network.to_owned(),
        outcome: Some(outcome.into()),
        elapsed_ms: 1,
        statement,
        footing: 0,
    }
}

struct Served(Arc<TamperingBroker>);

type Stream<E> = tokio_stream::Iter<std::vec::IntoIter<Result<E, Status>>>;

fn stream<E>(events: Vec<E>) -> Response<Stream<E>> {
    let events: Vec<_> = events.into_iter().map(Ok).collect();
    Response::new(tokio_stream::iter(events))
}

/// What the statement says, as an honest broker repeats it.
fn stated(statement: &v1::Envelope) -> NetworkOutcome {
    use prost::Message;
    let statement = v1::AnswerStatement::decode(statement.payload.as_slice()).unwrap();
    statement.outcome.unwrap().try_into().unwrap()
}

#[tonic::async_trait]
impl BrokerService for Served {
    type FindDocumentsStream = Stream<v1::FindDocumentsEvent>;
    type RetrieveDocumentStream = Stream<v1::RetrieveDocumentEvent>;
    type FindPatientsStream = Stream<v1::FindPatientsEvent>;

    async fn find_patients(
        &self,
        request: Request<v1::FindPatientsRequest>,
    ) -> Result<Response<Self::FindPatientsStream>, Status> {
        use v1::find_patients_event::Event;
        let request = request.into_inner();
        let (decided, request_id, permitted) = self.0.decide(request.request.unwrap()).await;
        let mut letters = request.letters.into_iter();
        let ask = v1::AnswerPatientsRequest {
            access: decided.index,
            request_id,
            letter: letters.next().and_then(|letter| letter.letter),
        };
        let mut events = vec![Event::Decided(decided)];
        if permitted {
            let reply = self.0.saga.patients(network(KURUME), ask, patience()).await;
            let end = match reply {
                Ok(reply) => ended(SAGA, &NetworkOutcome::Answered { count: 0 }, Some(reply)),
                Err(error) => {
                    eprintln!("{error:?}");
                    ended(SAGA, &NetworkOutcome::Suspended, None)
                }
            };
            events.push(Event::End(end));
        }
        events.push(Event::Summary(v1::Summary::default()));
        let events = events
            .into_iter()
            .map(|event| v1::FindPatientsEvent { event: Some(event) })
            .collect();
        Ok(stream((self.0.searches.lock().unwrap())(events)))
    }

    async fn find_documents(
        &self,
        request: Request<v1::FindDocumentsRequest>,
    ) -> Result<Response<Self::FindDocumentsStream>, Status> {
        use v1::answer_find_event::Event as Answer;
        use v1::find_documents_event::Event;
        let request = request.into_inner();
        let (decided, request_id, permitted) = self.0.decide(request.request.unwrap()).await;
        let access = decided.index;
        let mut events = vec![Event::Decided(decided.clone())];
        for decision in &decided.decisions {
            if decision.network == SAGA && permitted {
                continue;
            }
            if let Some(v1::network_decision::Decision::Deny(denial)) = &decision.decision {
                let reason = sekisho_domain::DenyReason::from_number(denial.reason.into()).unwrap();
                let outcome = NetworkOutcome::Denied { reason };
                events.push(Event::End(ended(&decision.network, &outcome, None)));
            }
        }
        if permitted {
            let ask = v1::AnswerFindRequest {
                access,
                request_id,
                filter: request.filter,
            };
            let answer = self.0.saga.find(network(KURUME), ask, patience()).await;
            for event in all(answer.map_err(|e| e.status())?).await {
                match event.event.unwrap() {
                    Answer::Page(page) => events.push(Event::Documents(v1::NetworkDocuments {
                        network: SAGA.to_owned(),
                        documents: page.documents,
                    })),
                    Answer::Statement(statement) => {
                        let outcome = stated(&statement);
                        events.push(Event::End(ended(SAGA, &outcome, Some(statement))));
                    }
                }
            }
        }
        events.push(Event::Summary(v1::Summary::default()));
        let events = events
            .into_iter()
            .map(|event| v1::FindDocumentsEvent { event: Some(event) })
            .collect();
        Ok(stream((self.0.finds.lock().unwrap())(events)))
    }

    async fn retrieve_document(
        &self,
        request: Request<v1::RetrieveDocumentRequest>,
    ) -> Result<Response<Self::RetrieveDocumentStream>, Status> {
        use v1::answer_retrieve_event::Event as Answer;
        use v1::retrieve_document_event::Event;
        let request = request.into_inner();
        let (decided, request_id, permitted) = self.0.decide(request.request.unwrap()).await;
        assert!(permitted, "denials are tested with finds");
        let ask = v1::AnswerRetrieveRequest {
            access: decided.index,
            request_id,
            unique_id: request.unique_id,
            salt: request.salt,
            seal_to: request.seal_to,
        };
        let mut events = vec![Event::Decided(decided)];
        let answer = self.0.saga.retrieve(network(KURUME), ask, patience()).await;
        for event in all(answer.map_err(|e| e.status())?).await {
            events.push(match event.event.unwrap() {
                Answer::Sealed(header) => Event::Sealed(header),
                Answer::Chunk(chunk) => Event::Chunk(chunk),
                Answer::Statement(statement) => {
                    Event::End(ended(SAGA, &stated(&statement), Some(statement)))
                }
            });
        }
        let events = events
            .into_iter()
            .map(|event| v1::RetrieveDocumentEvent { event: Some(event) })
            .collect();
        Ok(stream((self.0.retrieves.lock().unwrap())(events)))
    }
}
