//! A bounded stream of answers, fed until its deadline.

use crate::NodeError;
use sekisho_proto::ErrorCode;
use sekisho_transport::{Answers, Deadline};
use std::any::Any;
use std::sync::Arc;
use tokio::sync::mpsc;
use tonic::Status;

/// The sending half of an answer.
pub(crate) struct Feed<T> {
    sender: mpsc::Sender<Result<T, Status>>,
    /// The place of the last word, kept from the beginning: a stream cut short never looks as if it had ended.
    last: Option<mpsc::OwnedPermit<Result<T, Status>>>,
    deadline: Deadline,
    /// What it was begun in; given back when both halves are done with it.
    _slot: Arc<dyn Any + Send + Sync>,
}

impl<T: Send + 'static> Feed<T> {
    /// A stream that holds at most `ahead` messages nobody has taken yet, and the slot it was begun in.
    pub fn new(
        ahead: usize,
        deadline: Deadline,
        slot: impl Send + Sync + 'static,
    ) -> (Self, Answers<T>) {
        let (sender, messages) = mpsc::channel(ahead + 1);
        let slot: Arc<dyn Any + Send + Sync> = Arc::new(slot);
        let feed = Self {
            last: sender.clone().try_reserve_owned().ok(),
            sender,
            deadline,
            _slot: Arc::clone(&slot),
        };
        (feed, Answers::new(messages, slot))
    }

    /// Does what feeds the stream, as long as somebody listens.
    ///
    /// # Errors
    /// Those of the work; [`NodeError::Late`] when nobody listens any more.
    pub async fn while_heard(
        &self,
        work: impl Future<Output = Result<(), NodeError>>,
    ) -> Result<(), NodeError> {
        tokio::select! {
            biased;
            done = work => done,
            () = self.sender.closed() => Err(NodeError::Late),
        }
    }

    /// Sends a message, waiting for room.
    ///
    /// # Errors
    /// [`NodeError::Late`] at the deadline or when nobody listens any more.
    pub async fn send(&self, message: T) -> Result<(), NodeError> {
        match self.deadline.bound(self.sender.send(Ok(message))).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(NodeError::Late),
        }
    }

    /// Ends the stream, with the reason if it was not finished, as it is told to whoever reads this one.
    pub fn close(mut self, done: Result<(), NodeError>, told: fn(&NodeError) -> Status) {
        if let (Some(last), Err(error)) = (self.last.take(), done) {
            last.send(Err(told(&error)));
        }
    }
}

impl<T> Drop for Feed<T> {
    fn drop(&mut self) {
        if let Some(last) = self.last.take() {
            let early = "the work for this answer ended early";
            last.send(Err(ErrorCode::Internal.status(early)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio_stream::StreamExt;

    #[tokio::test]
    async fn what_nobody_took_in_time_ends_with_that_and_not_as_if_it_were_whole() {
        let soon = Deadline::after(Duration::from_millis(30));
        let (feed, mut stream) = Feed::new(2, soon, ());
        let fed = async {
            for n in 0..5 {
                feed.send(n).await?;
            }
            Ok(())
        };
        let done = feed.while_heard(fed).await;
        assert!(matches!(done, Err(NodeError::Late)));
        feed.close(done, NodeError::status);
        assert_eq!(stream.next().await.unwrap().unwrap(), 0);
        assert_eq!(stream.next().await.unwrap().unwrap(), 1);
        let last = stream.next().await.unwrap().unwrap_err();
        assert_eq!(last.code(), tonic::Code::DeadlineExceeded);
        assert!(stream.next().await.is_none());
    }

    #[tokio::test]
    async fn work_that_ends_early_ends_the_stream_with_an_error() {
        let soon = Deadline::after(Duration::from_secs(600));
        let (feed, mut stream) = Feed::<u8>::new(2, soon, ());
        drop(feed);
        let last = stream.next().await.unwrap().unwrap_err();
        assert_eq!(last.code(), tonic::Code::Internal);
    }

    #[tokio::test]
    async fn nothing_goes_on_for_who_left() {
        let (feed, stream) = Feed::<u8>::new(2, Deadline::after(Duration::from_secs(600)), ());
        drop(stream);
        let done = feed.while_heard(std::future::pending()).await;
        assert!(matches!(done, Err(NodeError::Late)));
    }

    #[tokio::test]
    async fn its_slot_is_given_back_when_it_is_done_and_read_or_left() {
        let soon = || Deadline::after(Duration::from_secs(600));
        let slot = Arc::new(());
        let (feed, mut stream) = Feed::new(2, soon(), Arc::clone(&slot));
        feed.send(1).await.unwrap();
        feed.close(Ok(()), NodeError::status);
        assert_eq!(Arc::strong_count(&slot), 2, "not read");
        while stream.next().await.is_some() {}
        assert_eq!(Arc::strong_count(&slot), 1);

        let (feed, stream) = Feed::<u8>::new(2, soon(), Arc::clone(&slot));
        drop(stream);
        assert_eq!(Arc::strong_count(&slot), 2, "still worked on");
        drop(feed);
        assert_eq!(Arc::strong_count(&slot), 1);
    }
}
