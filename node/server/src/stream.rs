//! A bounded stream of answers, fed until its deadline.

use crate::NodeError;
use sekisho_transport::Deadline;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

/// The sending half of an answer.
pub(crate) struct Feed<T> {
    sender: mpsc::Sender<Result<T, Status>>,
    deadline: Deadline,
}

impl<T: Send + 'static> Feed<T> {
    /// A stream that holds at most `ahead` messages nobody has taken yet.
    pub fn new(ahead: usize, deadline: Deadline) -> (Self, ReceiverStream<Result<T, Status>>) {
        let (sender, receiver) = mpsc::channel(ahead);
        (Self { sender, deadline }, ReceiverStream::new(receiver))
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

    /// Ends the stream, with the reason if it was not finished.
    pub async fn close(self, done: Result<(), NodeError>) {
        if let Err(error) = done {
            let status = error.status();
            // Past the deadline there is still the slot of a message; a reader that left takes nothing.
            if self.sender.try_send(Err(status.clone())).is_err() {
                let _ = self.deadline.bound(self.sender.send(Err(status))).await;
            }
        }
    }
}
