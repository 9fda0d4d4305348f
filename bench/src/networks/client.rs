//! What a network's own people's machine does: it signs, asks and checks what comes.

use super::league::League;
use crate::BenchError;
use crate::cluster::{PATIENCE, now, submit};
use crate::federation::fresh_id;
use crate::replicated::{outcome, wrong};
use prost::Message;
use sekisho_domain::{Body, Decision, NetworkOutcome, Outcome};
use sekisho_proto::v1;
use sekisho_proto::v1::broker_service_client::BrokerServiceClient;
use sekisho_proto::v1::ledger_service_client::LedgerServiceClient;
use sekisho_proto::v1::node_service_client::NodeServiceClient;
use sekisho_transport::{Deadline, outgoing};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tonic::Streaming;
use tonic::transport::Channel;
use v1::answer_find_event::Event as Answer;

/// Signed requests, each with an id nobody used before.
#[derive(Debug, Default)]
pub(crate) struct Requests(u64);

impl Requests {
    /// The next one of a network, about one of so many persons; also its id.
    pub(crate) fn next(
        &mut self,
        league: &League,
        asking: usize,
        persons: u64,
    ) -> (v1::Envelope, [u8; 16]) {
        let (n, now) = (self.0, now());
        let id = fresh_id("asked", n, now);
        self.0 += 1;
        let body = Body::AccessRequest(league.request(asking, n % persons));
        let key = &league.members[asking].node;
        (league.sign(key, id, now, body), id.0)
    }
}

/// What a query came to.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// When the first network's documents were there.
    pub(crate) first: Option<Instant>,
    /// Documents of each network that sent some.
    pub(crate) documents: BTreeMap<String, u64>,
    /// How each network ended.
    pub(crate) ends: BTreeMap<String, NetworkOutcome>,
    /// Of all documents and ends.
    pub(crate) bytes: usize,
    /// Whether there was a summary, and all ended in it.
    asked: Option<u32>,
}

/// What counts of an event, from a broker or from one's own node.
pub(crate) enum Seen {
    Documents { network: String, count: u64 },
    End(v1::NetworkEnd),
    Summary(v1::Summary),
    Other,
}

/// A broker's event: its documents are read as the node that asks would read them.
impl TryFrom<v1::FindDocumentsEvent> for Seen {
    type Error = BenchError;

    fn try_from(event: v1::FindDocumentsEvent) -> Result<Self, BenchError> {
        use v1::find_documents_event::Event;
        Ok(match event.event {
            Some(Event::Documents(page)) => {
                let mut count = 0;
                for encoded in &page.documents {
                    let entry = v1::DocumentEntry::decode(encoded.as_slice());
                    entry.map_err(|fault| wrong("a document", "its entry", &fault))?;
                    count += 1;
                }
                Self::Documents {
                    network: page.network,
                    count,
                }
            }
            Some(Event::End(end)) => Self::End(end),
            Some(Event::Summary(summary)) => Self::Summary(summary),
            Some(Event::Decided(_)) | None => Self::Other,
        })
    }
}

/// The own node's event.
impl TryFrom<v1::FindEvent> for Seen {
    type Error = BenchError;

    fn try_from(event: v1::FindEvent) -> Result<Self, BenchError> {
        use v1::find_event::Event;
        Ok(match event.event {
            Some(Event::Documents(page)) => Self::Documents {
                count: page.documents.len() as u64,
                network: page.network,
            },
            Some(Event::End(end)) => Self::End(end),
            Some(Event::Summary(summary)) => Self::Summary(summary),
            Some(Event::Decided(_)) | None => Self::Other,
        })
    }
}

impl Found {
    /// Reads a query's events to their end.
    pub(crate) async fn read<E>(mut events: Streaming<E>) -> Result<Self, BenchError>
    where
        E: Message + TryInto<Seen, Error = BenchError> + 'static,
    {
        let mut found = Self::default();
        while let Some(event) = events.message().await? {
            let bytes = event.encoded_len();
            match event.try_into()? {
                Seen::Documents { network, count } => {
                    found.first.get_or_insert_with(Instant::now);
                    found.bytes += bytes;
                    *found.documents.entry(network).or_default() += count;
                }
                Seen::End(end) => {
                    found.bytes += bytes;
                    let outcome = end.outcome.map(NetworkOutcome::try_from).transpose()?;
                    let outcome = outcome.ok_or_else(|| wrong("an end", "an outcome", &()))?;
                    found.ends.insert(end.network, outcome);
                }
                Seen::Summary(summary) => found.asked = Some(summary.asked),
                Seen::Other => {}
            }
        }
        Ok(found)
    }

    /// Each of so many asked networks has ended, at least this many of them with so many documents, which came.
    pub(crate) fn check(&self, asked: usize, answered: usize, each: u64) -> Result<(), BenchError> {
        let all = |network: &&String| self.documents.get(*network) == Some(&each);
        let full = |(network, outcome): &(&String, &NetworkOutcome)| {
            **outcome == NetworkOutcome::Answered { count: each } && all(network)
        };
        let complete = self.ends.iter().filter(full).count();
        let whole = self.asked.and_then(|asked| usize::try_from(asked).ok()) == Some(asked)
            && self.ends.len() == asked;
        // What came without its network's word is nobody's answer.
        let orphans = self.documents.keys().any(|network| {
            !matches!(
                self.ends.get(network),
                Some(NetworkOutcome::Answered { .. })
            )
        });
        if whole && !orphans && complete >= answered {
            return Ok(());
        }
        let expected = format!("{asked} networks end, {answered} with {each} documents");
        let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
        for outcome in self.ends.values() {
            *outcomes.entry(format!("{outcome:?}")).or_default() += 1;
        }
        Err(wrong("a query", &expected, &(outcomes, complete)))
    }
}

/// Asks a broker which documents there are.
pub(crate) async fn find(
    channel: Channel,
    envelope: v1::Envelope,
    deadline: Duration,
) -> Result<Found, BenchError> {
    let question = v1::FindDocumentsRequest {
        request: Some(envelope),
        filter: None,
    };
    let asked = outgoing(question, Deadline::after(deadline));
    let answer = BrokerServiceClient::new(channel)
        .find_documents(asked)
        .await?;
    Found::read(answer.into_inner()).await
}

/// Has the ledger decide a request, which all asked networks must be permitted by; its index.
pub(crate) async fn submitted(channel: Channel, envelope: v1::Envelope) -> Result<u64, BenchError> {
    let reply = submit(&mut LedgerServiceClient::new(channel), envelope).await?;
    let index = reply.index;
    match outcome(reply)? {
        Outcome::Decided(decisions)
            if decisions
                .iter()
                .all(|(_, it)| matches!(it, Decision::Permit(_))) =>
        {
            Ok(index)
        }
        other => Err(wrong("a request", "it is permitted", &other)),
    }
}

/// Asks a node itself about a decided request, as a broker does; how many documents, and the bytes of all.
pub(crate) async fn answer_find(
    channel: Channel,
    access: u64,
    id: [u8; 16],
) -> Result<(u64, usize), BenchError> {
    let question = v1::AnswerFindRequest {
        access,
        request_id: id.to_vec(),
        filter: None,
    };
    let asked = outgoing(question, Deadline::after(PATIENCE));
    let answer = NodeServiceClient::new(channel).answer_find(asked).await?;
    let (mut events, mut count, mut bytes, mut signed) = (answer.into_inner(), 0, 0, false);
    while let Some(event) = events.message().await? {
        bytes += event.encoded_len();
        match event.event {
            Some(Answer::Page(page)) => count += page.documents.len() as u64,
            Some(Answer::Statement(_)) => signed = true,
            None => {}
        }
    }
    if signed {
        Ok((count, bytes))
    } else {
        Err(wrong("a node's answer", "a statement at its end", &count))
    }
}
