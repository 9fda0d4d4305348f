//! The way from a request's work to its caller: bounded, and never ending without a last word.

use crate::BrokerError;
use crate::limits::EVENTS_AHEAD;
use sekisho_proto::ErrorCode;
use sekisho_transport::{Answers, Place};
use std::future::Future;
use std::sync::Arc;
use tokio::sync::mpsc::{self, OwnedPermit, Sender};
use tokio::time::{Instant, timeout_at};
use tonic::Status;

/// What a caller reads. Dropping it ends the request's work, at the nodes too.
pub type EventStream<T> = Answers<T>;

/// The writing end. A stream that would end without [`Events::finish`] ends with an error instead: a caller
/// must not take half an answer for a whole one.
pub(crate) struct Events<T> {
    ahead: Sender<Result<T, Status>>,
    /// Kept free from the start, so that the last word gets through to whoever has stopped reading.
    last: Option<OwnedPermit<Result<T, Status>>>,
    until: Instant,
    _place: Arc<Place>,
}

impl<T: Send + 'static> Events<T> {
    /// A stream whose caller waits until that instant, and the place of its request.
    pub(crate) fn open(until: Instant, place: &Arc<Place>) -> (Self, EventStream<T>) {
        let (ahead, events) = mpsc::channel(EVENTS_AHEAD + 1);
        let stream = Answers::new(events, Arc::clone(place) as _);
        let events = Self {
            last: ahead.clone().try_reserve_owned().ok(),
            ahead,
            until,
            _place: Arc::clone(place),
        };
        (events, stream)
    }

    /// Sends an event, waiting for a slow caller until its deadline.
    ///
    /// # Errors
    /// [`BrokerError::NotRead`].
    pub(crate) async fn send(&self, event: T) -> Result<(), BrokerError> {
        match timeout_at(self.until, self.ahead.send(Ok(event))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(BrokerError::NotRead),
        }
    }

    /// Says the last word.
    pub(crate) fn finish(mut self, last: Result<T, BrokerError>) {
        if let Some(place) = self.last.take() {
            place.send(last.map_err(|error| error.status()));
        }
    }

    /// Done when the caller no longer wants to hear.
    pub(crate) fn gone(&self) -> impl Future<Output = ()> + Send + use<T> {
        let ahead = self.ahead.clone();
        async move { ahead.closed().await }
    }
}

impl<T> Drop for Events<T> {
    fn drop(&mut self) {
        if let Some(place) = self.last.take() {
            place.send(Err(
                ErrorCode::Internal.status("the request's work ended early")
            ));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use futures::StreamExt as _;
    use sekisho_transport::Places;
    use std::time::Duration;
    use tonic::Code;

    fn place() -> Arc<Place> {
        let places = Places::new(1, 1);
        Arc::new(places.take(&"saga".parse().unwrap()).unwrap())
    }

    fn in_a_minute() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[tokio::test(start_paused = true)]
    async fn a_caller_that_does_not_read_is_waited_for_until_its_deadline_and_then_told() {
        let started = Instant::now();
        let (events, stream) = Events::open(in_a_minute(), &place());
        for n in 0..EVENTS_AHEAD {
            events.send(n).await.unwrap();
        }
        assert!(matches!(events.send(9).await, Err(BrokerError::NotRead)));
        assert_eq!(started.elapsed().as_secs(), 60);
        events.finish(Err(BrokerError::NotRead));
        let mut read: Vec<_> = stream.collect().await;
        let last = read.pop().unwrap().unwrap_err();
        assert_eq!(
            (read.len(), last.code()),
            (EVENTS_AHEAD, Code::DeadlineExceeded)
        );
    }

    #[tokio::test]
    async fn work_that_ends_early_ends_the_stream_with_an_error() {
        let (events, stream) = Events::<u32>::open(in_a_minute(), &place());
        events.send(1).await.unwrap();
        drop(events);
        let read: Vec<_> = stream.collect().await;
        assert_eq!(read[1].as_ref().unwrap_err().code(), Code::Internal);
    }

    #[tokio::test]
    async fn a_caller_that_leaves_is_noticed() {
        let (events, stream) = Events::<u32>::open(in_a_minute(), &place());
        let gone = events.gone();
        drop(stream);
        gone.await;
        assert!(matches!(events.send(1).await, Err(BrokerError::NotRead)));
    }
}
