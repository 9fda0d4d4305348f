//! Asking a network for its list, at a second endpoint too where the first has not begun to answer in time.
//!
//! The second attempt gets the same question and the same deadline. The first answer that is believed is the
//! network's, and the other attempt is dropped, which ends it at its node. Nothing of two answers is ever
//! mixed: each is collected and checked by itself (P8).

use crate::answer::Finding;
use crate::attempts::Pass;
use crate::call::{Answer, Turn, Way};
use crate::fan_out::{Desk, Question, believe};
use crate::fault::Fault;
use crate::held::Held;
use crate::ledger::{Ledger, Route};
use crate::nodes::Lane;
use futures::future::{Either, select};
use prost::Message as _;
use sekisho_domain::{NetworkId, NetworkOutcome};
use sekisho_proto::v1;
use sekisho_proto::v1::node_service_client::NodeServiceClient;
use sekisho_transport::outgoing;
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::time::{Instant, timeout_at};
use tonic::transport::Channel;

/// An answer that is believed.
pub(crate) struct Answered {
    pub outcome: NetworkOutcome,
    pub statement: v1::Envelope,
    pub pages: Vec<v1::DocumentPage>,
    pub held: Held,
}

/// What the attempts at one network share.
struct Ask<'a, L> {
    desk: &'a Desk<L>,
    question: &'a Question,
    network: &'a NetworkId,
    documents_max: usize,
}

/// Asks a network for its list until the question's deadline.
pub(crate) async fn ask_find<L: Ledger>(
    desk: &Desk<L>,
    question: &Question,
    network: &NetworkId,
    route: Option<&Route>,
    filter: v1::Filter,
) -> Result<Answered, Fault> {
    let ask = Ask {
        desk,
        question,
        network,
        documents_max: usize::try_from(filter.max).unwrap_or(usize::MAX),
    };
    let message = v1::AnswerFindRequest {
        access: question.access.0,
        request_id: question.request_id.0.to_vec(),
        filter: Some(filter),
    };
    let ask_node = |mut client: NodeServiceClient<Channel>| {
        let asked = outgoing(message.clone(), question.deadline);
        async move { client.answer_find(asked).await }
    };
    let way = Way::to(&desk.nodes, network, route, Lane::Lists);
    let asking = async {
        let visit = way.set_out(Turn::First).ok_or(Fault::Unreachable)?;
        let hedge_at = way.hedge_after().map(|after| Instant::now() + after);
        let begun = AtomicBool::new(false);
        let first = async {
            let answer = way.call(visit, &ask_node).await?;
            begun.store(true, Ordering::Relaxed);
            ask.read(answer).await
        };
        let mut first = pin!(first);
        let Some(hedge_at) = hedge_at.filter(|at| *at < question.until) else {
            return first.await;
        };
        if let Ok(done) = timeout_at(hedge_at, first.as_mut()).await {
            return done;
        }
        if begun.load(Ordering::Relaxed) {
            return first.await;
        }
        let Some(visit) = way.set_out(Turn::Hedge) else {
            return first.await;
        };
        tracing::debug!("no answer has begun: asking at a second endpoint too");
        let second = async { ask.read(way.call(visit, &ask_node).await?).await };
        let (answered, by) = either(first, pin!(second), question.until).await?;
        if !begun.load(Ordering::Relaxed) {
            way.overtook(&by);
        }
        Ok((answered, by))
    };
    let (answered, _) = way.until(question.until, asking).await?;
    Ok(answered)
}

/// The first of two attempts that is believed; of two faults the one that says more.
async fn either<T, A, B>(first: A, second: B, until: Instant) -> Result<T, Fault>
where
    A: Future<Output = Result<T, Fault>> + Unpin,
    B: Future<Output = Result<T, Fault>> + Unpin,
{
    let late = Err(Fault::TimedOut);
    match timeout_at(until, select(first, second)).await {
        Err(_) => late,
        Ok(Either::Left((Ok(answered), _)) | Either::Right((Ok(answered), _))) => Ok(answered),
        Ok(Either::Left((Err(fault), _)) | Either::Right((Err(fault), _))) if fault.is_final() => {
            Err(fault)
        }
        Ok(Either::Left((Err(fault), other))) => {
            let other = timeout_at(until, other).await.unwrap_or(late);
            other.map_err(|other| fault.or(other))
        }
        Ok(Either::Right((Err(fault), other))) => {
            let other = timeout_at(until, other).await.unwrap_or(late);
            other.map_err(|other| fault.or(other))
        }
    }
}

impl<L: Ledger> Ask<'_, L> {
    /// Reads an answer to its end, and who gave it.
    async fn read(
        &self,
        mut answer: Answer<'_, v1::AnswerFindEvent>,
    ) -> Result<(Answered, Pass), Fault> {
        let desk = self.desk;
        let mut finding = Finding::within(&desk.limits, self.documents_max);
        let mut held = desk.nodes.held(self.network, &self.question.viewing);
        while let Some(event) = answer.next().await? {
            held.more(event.encoded_len()).await;
            finding.take(event)?;
        }
        let (statement, claim, pages) = finding.ended()?;
        let outcome = believe(desk, self.question, self.network, &statement, &claim).await?;
        let answered = Answered {
            outcome,
            statement,
            pages,
            held,
        };
        Ok((answered, answer.pass))
    }
}
