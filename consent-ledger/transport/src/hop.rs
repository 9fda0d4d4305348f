//! What every request takes along.

use crate::{Deadline, telemetry};
use tonic::Request;

/// A request with its deadline and the current span's trace context.
pub fn outgoing<T>(message: T, deadline: Deadline) -> Request<T> {
    let mut request = Request::new(message);
    deadline.set(request.metadata_mut());
    telemetry::inject(request.metadata_mut());
    request
}
