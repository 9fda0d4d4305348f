//! Every bound of this crate, each with its reason (P12).

use std::time::Duration;

/// A handshake is two flights and about 100 µs of computing; five seconds leave room for the slowest
/// mobile link of a home-visit station and still free the slot of a silent client soon.
pub const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(5);

/// Handshakes at once. Each costs a signature and a few kilobytes; a federation of some tens of
/// networks reconnecting all together fits, a flood of strangers does not starve the machine.
pub const HANDSHAKES_MAX: usize = 64;

/// Connections at once. Some tens of networks, each with a broker, a node and a replica or two, and
/// the tools of their operators.
pub const CONNECTIONS_MAX: usize = 1024;

/// Connections at once of one key. A network's node, broker and replica share a process and a key, and each makes one
/// connection; the rest is for its operator's tools, which come and go.
pub const CONNECTIONS_PER_KEY_MAX: usize = 32;

/// Pause after the system refused to accept (no file descriptors left): retrying at once would spin.
pub const ACCEPT_RETRY: Duration = Duration::from_millis(50);

/// Bytes every HTTP/2 client begins with (RFC 9113 §3.4), sent together with the end of its handshake.
pub const PREFACE_BYTES: usize = 24;

/// Time for TCP, TLS and the first bytes of HTTP/2 together.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Idle time before a ping asks whether the peer still lives.
pub const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(10);

/// Time for the ping's answer; then the connection is given up.
pub const KEEP_ALIVE_TIMEOUT: Duration = Duration::from_secs(5);

/// Flow-control window of one request at a server. The default 64 KiB allows 2 MB/s at 30 ms round trip; 2 MiB
/// cover a 500 Mbit/s line there.
pub const STREAM_WINDOW_BYTES: u32 = 2 * 1024 * 1024;

/// Flow-control window of a connection at a server: several requests at full speed.
pub const CONNECTION_WINDOW_BYTES: u32 = 8 * 1024 * 1024;

/// Flow-control window of one answer at a client, where documents come in: 2 Gbit/s at 30 ms round trip. It is also
/// what one answer takes of a client that does not read on.
pub const ANSWER_WINDOW_BYTES: u32 = 8 * 1024 * 1024;

/// Flow-control window of a connection at a client, and what all its unread answers together take: two documents at
/// full speed.
pub const ANSWERS_WINDOW_BYTES: u32 = 16 * 1024 * 1024;

/// Bytes of one HTTP/2 frame: a document's chunk in 16 of them rather than 64.
pub const FRAME_BYTES: u32 = 64 * 1024;

/// Requests at once on one connection.
pub const STREAMS_MAX: u32 = 256;

/// Headers of one request: trace context, deadline and gRPC's own are under 1 KiB.
pub const HEADER_LIST_BYTES_MAX: u32 = 16 * 1024;

/// Bytes read ahead while waiting for a server's first frame.
pub const FIRST_READ_BYTES: usize = 16 * 1024;

/// Longest time a request may take whatever its caller asks: a request that outlives it would hold its
/// slot for nobody. Also the deadline of a request that names none.
pub const DEADLINE_MAX: Duration = Duration::from_secs(60);

/// Longest time a client may leave an answer standing: longer than any request takes, so that nobody is cut off whose
/// request is still of use.
pub const UNREAD_MAX: Duration = Duration::from_secs(75);

/// Time for the last spans to leave when the process ends; an absent collector must not hold it up.
pub const TELEMETRY_FLUSH_TIMEOUT: Duration = Duration::from_secs(3);

/// Limits of a server's [`Incoming`](crate::Incoming).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerLimits {
    /// See [`HANDSHAKE_TIMEOUT`]; as long again for the first bytes after it.
    pub handshake_timeout: Duration,
    /// See [`HANDSHAKES_MAX`].
    pub handshakes_max: usize,
    /// See [`CONNECTIONS_MAX`].
    pub connections_max: usize,
    /// See [`CONNECTIONS_PER_KEY_MAX`].
    pub connections_per_key_max: usize,
    /// See [`UNREAD_MAX`].
    pub unread_max: Duration,
}

impl Default for ServerLimits {
    fn default() -> Self {
        Self {
            handshake_timeout: HANDSHAKE_TIMEOUT,
            handshakes_max: HANDSHAKES_MAX,
            connections_max: CONNECTIONS_MAX,
            connections_per_key_max: CONNECTIONS_PER_KEY_MAX,
            unread_max: UNREAD_MAX,
        }
    }
}

/// Limits of a client's [`channel`](crate::channel()).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientLimits {
    /// See [`CONNECT_TIMEOUT`].
    pub connect_timeout: Duration,
    /// See [`KEEP_ALIVE_INTERVAL`].
    pub keep_alive_interval: Duration,
    /// See [`KEEP_ALIVE_TIMEOUT`].
    pub keep_alive_timeout: Duration,
    /// See [`ANSWER_WINDOW_BYTES`].
    pub answer_window_bytes: u32,
    /// See [`ANSWERS_WINDOW_BYTES`].
    pub answers_window_bytes: u32,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            connect_timeout: CONNECT_TIMEOUT,
            keep_alive_interval: KEEP_ALIVE_INTERVAL,
            keep_alive_timeout: KEEP_ALIVE_TIMEOUT,
            answer_window_bytes: ANSWER_WINDOW_BYTES,
            answers_window_bytes: ANSWERS_WINDOW_BYTES,
        }
    }
}
