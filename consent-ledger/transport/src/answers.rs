//! What whoever asked reads (P12).

use std::any::Any;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tonic::Status;

/// A stream of answers that keeps the place it was begun in.
///
/// Whoever reads nothing holds what waits to be read. So the place is given back when the stream is read to its end or
/// dropped, and not when the work for it is done: streams nobody reads are no more than there are places.
#[derive(Debug)]
pub struct Answers<T> {
    messages: mpsc::Receiver<Result<T, Status>>,
    place: Option<Arc<dyn Any + Send + Sync>>,
}

impl<T> Answers<T> {
    /// A stream of these messages in this place, which the work that sends them may keep as well.
    pub fn new(
        messages: mpsc::Receiver<Result<T, Status>>,
        place: Arc<dyn Any + Send + Sync>,
    ) -> Self {
        Self {
            messages,
            place: Some(place),
        }
    }
}

impl<T> Stream for Answers<T> {
    type Item = Result<T, Status>;
    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = ready!(self.messages.poll_recv(context));
        if next.is_none() {
            self.place = None;
        }
        Poll::Ready(next)
    }
}
