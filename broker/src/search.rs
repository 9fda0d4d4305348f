//! Carrying a search for a patient: who is looked for, and who was found, is sealed between the two nodes. All a broker
//! sees of a reply is that there is one.

use crate::call::Way;
use crate::error::BrokerError;
use crate::events::Events;
use crate::fan_out::{Desk, Ending, Question};
use crate::fault::Fault;
use crate::ledger::{Ledger, LedgerFailure, Route};
use crate::limits::{LETTER_BYTES_MAX, TARGETS_MAX};
use crate::nodes::Lane;
use prost::Message as _;
use sekisho_domain::{NetworkId, NetworkOutcome};
use sekisho_proto::v1::node_service_client::NodeServiceClient;
use sekisho_proto::{LETTER_TYPE, SEALING_KEY_TYPE, v1};
use sekisho_transport::outgoing;
use std::collections::{BTreeMap, BTreeSet};
use tokio::time::Instant;
use tonic::transport::Channel;

/// The letters of a request, by whom they are for.
pub(crate) type Letters = BTreeMap<NetworkId, v1::Envelope>;

/// # Errors
/// [`BrokerError::Argument`] for letters that are none, too many, too long, or two for one network.
pub(crate) fn letters(wire: Vec<v1::SearchLetter>) -> Result<Letters, BrokerError> {
    if wire.len() > TARGETS_MAX {
        return Err(BrokerError::Argument(
            "there are more letters than a request has networks",
        ));
    }
    let mut letters = Letters::new();
    for one in wire {
        let network = one
            .network
            .parse()
            .map_err(|_| BrokerError::Argument("a letter is for no network"))?;
        let letter = one.letter.filter(|l| l.encoded_len() <= LETTER_BYTES_MAX);
        let letter = letter.ok_or(BrokerError::Argument("a letter is missing or too long"))?;
        if letters.insert(network, letter).is_some() {
            return Err(BrokerError::Argument(
                "there are two letters for one network",
            ));
        }
    }
    Ok(letters)
}

/// Asks one network for its key, or hands it its letter.
pub(crate) async fn ask<L: Ledger>(
    desk: &Desk<L>,
    question: &Question,
    network: &NetworkId,
    route: Option<&Route>,
    letter: Option<v1::Envelope>,
) -> Result<Ending, LedgerFailure> {
    let started = Instant::now();
    let wanted = match letter {
        Some(_) => LETTER_TYPE,
        None => SEALING_KEY_TYPE,
    };
    let message = v1::AnswerPatientsRequest {
        access: question.access.0,
        request_id: question.request_id.0.to_vec(),
        letter,
    };
    let letter_goes = message.letter.is_some();
    let way = Way::to(&desk.nodes, network, route, Lane::Lists);
    // The key a letter is sealed to is one machine's, and forgotten once it was used.
    let way = if letter_goes { way.once() } else { way };
    let ask_node = |mut client: NodeServiceClient<Channel>| {
        let asked = outgoing(message.clone(), question.deadline);
        async move { client.answer_patients(asked).await }
    };
    let reply = async {
        let mut answer = way.ask(ask_node).await?;
        let first = answer.next().await?;
        let more = answer.next().await?;
        if more.is_some() {
            return Err(Fault::Malformed("it sent more than one reply"));
        }
        let reply = first.and_then(|event| event.reply);
        let reply = reply.ok_or(Fault::Malformed("it sent no reply"))?;
        if reply.payload_type != wanted || reply.encoded_len() > LETTER_BYTES_MAX {
            return Err(Fault::Malformed("its reply is none, or too long"));
        }
        Ok(reply)
    };
    let (outcome, statement) = match way.until(question.until, reply).await {
        // Whatever was found: what that is, only the asking node can read.
        Ok(reply) => (NetworkOutcome::Answered { count: 0 }, Some(reply)),
        Err(fault) => (fault.outcome(started.elapsed())?, None),
    };
    Ok(Ending {
        outcome,
        statement,
        elapsed_ms: crate::outcome::millis(started.elapsed()),
    })
}

/// Whom a request is about: with letters those they are for, otherwise all of its targets.
///
/// # Errors
/// [`BrokerError::Argument`] for a letter to a network that was not asked.
pub(crate) fn whom(
    targets: &BTreeSet<NetworkId>,
    letters: &Letters,
) -> Result<BTreeSet<NetworkId>, BrokerError> {
    if letters.is_empty() {
        return Ok(targets.clone());
    }
    if !letters.keys().all(|network| targets.contains(network)) {
        return Err(BrokerError::Argument(
            "a letter is for a network that is not asked",
        ));
    }
    Ok(letters.keys().cloned().collect())
}

pub(crate) fn event(event: v1::find_patients_event::Event) -> v1::FindPatientsEvent {
    v1::FindPatientsEvent { event: Some(event) }
}

pub(crate) async fn tell(
    events: &Events<v1::FindPatientsEvent>,
    network: &NetworkId,
    ending: Ending,
) -> Result<(), BrokerError> {
    let end = v1::find_patients_event::Event::End(ending.wire(network));
    events.send(event(end)).await
}
