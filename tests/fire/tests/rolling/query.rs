//! Clients of brokers: what they are told, and what of it may be a refusal.

use crate::{BROKERS, PERSON, QUERY};
use sekisho::commands::serve::NOT_TAKEN;
use sekisho_domain::PublicKey;
use sekisho_fire::{Dice, Town};
use sekisho_proto::v1;
use sekisho_proto::v1::broker_service_client::BrokerServiceClient;
use sekisho_transport::{
    ClientLimits, ConnectFailure, Deadline, Expected, Peer, PeerDirectory, channel, key_id,
    outgoing,
};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};
use v1::find_documents_event::Event;

struct Nobody;

impl PeerDirectory for Nobody {
    fn peer(&self, _key: &PublicKey) -> Option<Peer> {
        None
    }
}

/// A connection of the first network to a process, known by its key.
pub fn connection(town: &Town, replica: usize) -> Channel {
    let founded = &town.genesis.replicas[replica];
    channel(
        &founded.endpoint,
        Expected::Key(key_id(&founded.transport_key)),
        &town.members[0].identity(),
        Arc::new(Nobody),
        ClientLimits::default(),
    )
    .expect("a channel")
}
/// Why there is no answer.
#[derive(Debug)]
pub enum Refused {
    /// The process said so.
    NotTaken,
    /// There was no connection.
    NotConnected,
}

/// Only what certainly did nothing is a refusal; anything else is a request lost.
fn refused(status: &Status) -> Refused {
    if status.metadata().contains_key(NOT_TAKEN) {
        assert_eq!(status.code(), Code::Unavailable, "{status:?}");
        return Refused::NotTaken;
    }
    let mut source = status.source();
    while let Some(error) = source {
        if error.is::<ConnectFailure>() {
            return Refused::NotConnected;
        }
        // The server closed the connection before it saw this request (RFC 9113 §6.8), or it was never sent.
        let unprocessed = error.downcast_ref::<h2::Error>().is_some_and(|e| {
            e.is_go_away() && e.is_remote() && e.reason() == Some(h2::Reason::NO_ERROR)
                || e.reason() == Some(h2::Reason::REFUSED_STREAM)
        });
        let unsent = error
            .downcast_ref::<hyper::Error>()
            .is_some_and(hyper::Error::is_canceled);
        if unprocessed || unsent {
            return Refused::NotConnected;
        }
        source = error.source();
    }
    panic!("a request is lost: {status:?}");
}

/// A query's answer as it begins: the stream after its decision.
pub async fn asked(
    broker: &Channel,
    request: &v1::Envelope,
) -> Result<Streaming<v1::FindDocumentsEvent>, Refused> {
    let message = v1::FindDocumentsRequest {
        request: Some(request.clone()),
        filter: None,
    };
    let mut client = BrokerServiceClient::new(broker.clone());
    let answer = client.find_documents(outgoing(message, Deadline::after(QUERY)));
    let mut stream = answer.await.map_err(|s| refused(&s))?.into_inner();
    let first = stream.message().await.expect("a decision").expect("one");
    let Some(Event::Decided(decided)) = first.event else {
        panic!("begins with {first:?}");
    };
    assert_eq!(decided.decisions.len(), 1);
    Ok(stream)
}

/// The rest of it: to its summary, with the node's own answer.
pub async fn answered(mut stream: Streaming<v1::FindDocumentsEvent>) {
    let mut summary = None;
    while let Some(event) = stream.message().await.expect("an answer to its end") {
        assert!(summary.is_none(), "something after the summary");
        if let Some(Event::Summary(last)) = event.event {
            summary = Some(last);
        }
    }
    let summary = summary.expect("a summary");
    let outcomes: Vec<_> = summary
        .outcomes
        .iter()
        .map(|o| o.outcome.as_str())
        .collect();
    assert_eq!((summary.asked, outcomes), (1, vec!["patient-unknown"]));
}

/// What clients met.
#[derive(Debug, Default)]
pub struct Count {
    pub answers: AtomicU64,
    pub not_taken: AtomicU64,
    pub not_connected: AtomicU64,
}

/// Asks all the time, beginning at either broker; refused by one, the other must answer.
pub async fn client(town: Arc<Town>, count: Arc<Count>, stop: Arc<AtomicBool>, mut dice: Dice) {
    let brokers = BROKERS.map(|broker| connection(&town, broker));
    while !stop.load(Ordering::Relaxed) {
        let (_, request) = town.request(PERSON);
        let first = dice.below(2) as usize;
        let stream = match asked(&brokers[first], &request).await {
            Ok(stream) => stream,
            Err(why) => {
                match why {
                    Refused::NotTaken => &count.not_taken,
                    Refused::NotConnected => &count.not_connected,
                }
                .fetch_add(1, Ordering::Relaxed);
                let other = asked(&brokers[1 - first], &request).await;
                other.unwrap_or_else(|e| panic!("both brokers refused: {why:?}, then {e:?}"))
            }
        };
        answered(stream).await;
        count.answers.fetch_add(1, Ordering::Relaxed);
    }
}
