//! The door: what passes, what does not, and when a call has ended.

use super::*;
use crate::metrics::Metrics;
use http_body_util::StreamBody;
use hyper::body::{Bytes, Frame};
use std::convert::Infallible;
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tower::ServiceExt;

const FIND: &str = "/sekisho.v1.BrokerService/FindDocuments";

type Frames = mpsc::UnboundedSender<Result<Frame<Bytes>, Infallible>>;

type Answered = Pin<Box<dyn Future<Output = Response<Body>>>>;

/// A service whose answer's frames the test sends.
fn behind(door: &Door) -> (impl Fn(&str) -> Answered, mpsc::UnboundedReceiver<Frames>) {
    let (frames, sent) = mpsc::unbounded_channel();
    let service = tower::service_fn(move |_: Request<()>| {
        let (sender, receiver) = mpsc::unbounded_channel();
        let _ = frames.send(sender);
        let body = Body::new(StreamBody::new(UnboundedReceiverStream::new(receiver)));
        std::future::ready(Ok::<_, Infallible>(Response::new(body)))
    });
    let guarded = door.layer(service);
    let call = move |path: &str| -> Answered {
        let request = Request::builder().uri(path).body(()).expect("a request");
        let answered = guarded.clone().oneshot(request);
        Box::pin(async move { answered.await.unwrap_or_else(|never| match never {}) })
    };
    (call, sent)
}

fn trailers(code: &'static str) -> Frame<Bytes> {
    let mut trailers = http::HeaderMap::new();
    trailers.insert("grpc-status", http::HeaderValue::from_static(code));
    Frame::trailers(trailers)
}

#[tokio::test]
async fn a_call_is_under_way_until_its_answers_body_ends() {
    let metrics = Metrics::new().expect("metrics");
    let door = Door::new(Some(metrics.calls()));
    let (call, mut sent) = behind(&door);
    let answer = call(FIND).await;
    let frames = sent.recv().await.expect("it was called");
    assert_eq!(door.under_way(Part::Queries), 1);
    assert_eq!(door.under_way(Part::People), 0);
    frames
        .send(Ok(Frame::data(Bytes::from_static(b"x"))))
        .expect("read");
    frames.send(Ok(trailers("5"))).expect("read");
    drop(frames);
    let read = answer.into_body().collect().await.expect("a body");
    assert!(read.trailers().is_some());
    drop(read);
    assert_eq!(door.under_way(Part::Queries), 0);
    let text = crate::metrics::kept_text(&metrics);
    let row = "sekisho_grpc_calls_total{code=\"not-found\",service=\"broker\"} 1";
    assert!(text.contains(row), "{text}");
    // One that nobody reads to the end.
    drop(call(FIND).await);
    assert_eq!(door.under_way(Part::Queries), 0);
    let text = crate::metrics::kept_text(&metrics);
    let row = "sekisho_grpc_calls_total{code=\"cancelled\",service=\"broker\"} 1";
    assert!(text.contains(row), "{text}");
}

#[tokio::test]
async fn a_closed_part_takes_nothing_and_says_so_while_the_others_go_on() {
    let door = Door::new(None);
    let (call, mut sent) = behind(&door);
    let under_way = call(FIND).await;
    let first = sent.recv().await.expect("it was called");
    door.close(Part::Queries);
    let refused = call(FIND).await;
    let status = Status::from_header_map(refused.headers()).expect("a status");
    assert_eq!(status.code(), Code::Unavailable);
    assert!(refused.headers().contains_key(NOT_TAKEN));
    assert!(sent.try_recv().is_err(), "the service was not called");
    for path in [
        "/sekisho.v1.LedgerService/Submit",
        "/sekisho.v1.RaftService/Append",
        "/grpc.health.v1.Health/Check",
        "/sekisho.v1.OperatorService/Find",
        "/nonsense",
        "",
    ] {
        let uri = if path.is_empty() { "/" } else { path };
        let taken = call(uri).await;
        assert!(!taken.headers().contains_key(NOT_TAKEN), "{path}");
    }
    // What was under way is waited for.
    let emptied = tokio::spawn({
        let door = door.clone();
        async move { door.empty(Part::Queries).await }
    });
    assert_eq!(door.under_way(Part::Queries), 1);
    drop((under_way, first));
    emptied.await.expect("it is empty");
}

#[tokio::test]
async fn a_node_that_stops_says_what_it_is() {
    let door = Door::new(None);
    let (call, _sent) = behind(&door);
    door.close(Part::Answers);
    let refused = call("/sekisho.v1.NodeService/AnswerFind").await;
    let status = Status::from_header_map(refused.headers()).expect("a status");
    let outcome = status.metadata().get(sekisho_broker::OUTCOME_METADATA);
    assert_eq!(outcome.map(|o| o.as_bytes()), Some(b"suspended".as_slice()));
}
