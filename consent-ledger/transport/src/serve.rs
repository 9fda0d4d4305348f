//! The server's settings, the same for every service.

use crate::directory::MembersOnly;
use crate::limits;
use crate::unread::Watching;
use tonic::service::InterceptorLayer;
use tonic::transport::Server;
use tower::layer::util::{Identity, Stack};

/// A tonic server that answers members only.
pub type MembersServer = Server<Stack<InterceptorLayer<MembersOnly>, Stack<Watching, Identity>>>;

/// A tonic server builder with this crate's limits, which refuses requests on connections whose key is
/// no longer a member's, and notes whether its answers are read. Add services, then `serve_with_incoming_shutdown(incoming, signal)`.
pub fn server() -> MembersServer {
    Server::builder()
        .initial_stream_window_size(limits::STREAM_WINDOW_BYTES)
        .initial_connection_window_size(limits::CONNECTION_WINDOW_BYTES)
        .max_frame_size(limits::FRAME_BYTES)
        .max_concurrent_streams(limits::STREAMS_MAX)
        .http2_max_header_list_size(limits::HEADER_LIST_BYTES_MAX)
        .http2_keepalive_interval(Some(limits::KEEP_ALIVE_INTERVAL))
        .http2_keepalive_timeout(Some(limits::KEEP_ALIVE_TIMEOUT))
        .timeout(limits::DEADLINE_MAX)
        .layer(Watching)
        .layer(InterceptorLayer::new(MembersOnly))
}
