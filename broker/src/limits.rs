//! Every bound of the broker, each with its reason (P12).

use sekisho_transport::ClientLimits;
use std::time::Duration;

/// Requests worked on at once; the next is refused as overloaded. While a network hangs, each request takes
/// its whole deadline: this many still allow some 25 new ones a second.
pub const REQUESTS_MAX: usize = 256;

/// The deadline of a request that names none: people wait about ten seconds for a list. The longest a
/// caller may ask for is `sekisho_transport::limits::DEADLINE_MAX`.
pub const DEADLINE_DEFAULT: Duration = Duration::from_secs(10);

/// Kept back from what nodes and ledger get of the caller's deadline, so that the last outcomes and the
/// summary are with the caller before it stops waiting: a round trip across the country and back twice.
pub const SUMMARY_RESERVE: Duration = Duration::from_millis(60);

/// Kept back from what the ledger gets of it, so that it can say itself that nothing was done.
pub const LEDGER_RESERVE: Duration = Duration::from_millis(20);

/// Documents of one network's answer: forty years of a document every working day.
pub const DOCUMENTS_MAX: usize = 10_000;

/// Bytes of one network's answer, held until its statement fits: a full one of entries of 1 KiB, twice what
/// they usually take.
pub const ANSWER_BYTES_MAX: usize = DOCUMENTS_MAX * 1024;

/// Bytes of answers of one network held for all requests together: six full ones. What is beyond it waits,
/// so a network that sends much and never ends takes memory and time from nobody but itself.
pub const HELD_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Bytes of one piece of a document's content (`RetrieveDocumentEvent.chunk`).
pub const CHUNK_BYTES_MAX: usize = 1024 * 1024;

/// Bytes of one document. It is passed on in pieces and never held; the bound stops an endless one.
pub const DOCUMENT_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Bytes of one message of a node: a chunk or a page of as many bytes, and what surrounds it.
pub const NODE_MESSAGE_BYTES_MAX: usize = CHUNK_BYTES_MAX + 16 * 1024;

/// Bytes of one message of a caller: an envelope's 16 KiB, its signatures, and a filter or document id.
pub const REQUEST_BYTES_MAX: usize = 64 * 1024;

/// Bytes of a document's unique id: an OID or URN (IHE ITI TF-3 §4.2.3.2.26) is far below it.
pub const UNIQUE_ID_BYTES_MAX: usize = 256;

/// Events waiting for a caller that reads slowly: at most this many chunks of a document.
pub const EVENTS_AHEAD: usize = 4;

/// Times a node is called for one request: over the connection there is and, if that one was dead, over a
/// new one. What fails on a new connection is the node's own failure.
pub const CALL_ATTEMPTS_MAX: u32 = 2;

/// The bounds a deployment may lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// See [`REQUESTS_MAX`].
    pub requests_max: usize,
    /// See [`DOCUMENTS_MAX`].
    pub documents_max: usize,
    /// See [`ANSWER_BYTES_MAX`].
    pub answer_bytes_max: usize,
    /// See [`HELD_BYTES_MAX`].
    pub held_bytes_max: usize,
    /// See [`DOCUMENT_BYTES_MAX`].
    pub document_bytes_max: u64,
    /// Of connections to nodes.
    pub client: ClientLimits,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            requests_max: REQUESTS_MAX,
            documents_max: DOCUMENTS_MAX,
            answer_bytes_max: ANSWER_BYTES_MAX,
            held_bytes_max: HELD_BYTES_MAX,
            document_bytes_max: DOCUMENT_BYTES_MAX,
            client: ClientLimits::default(),
        }
    }
}
