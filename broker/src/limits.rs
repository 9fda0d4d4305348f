//! Every bound of the broker, each with its reason (P12).

use sekisho_transport::ClientLimits;
use std::time::Duration;

/// Requests worked on at once; the next is refused as overloaded. While a network hangs, each request takes
/// its whole deadline: this many still allow some 25 new ones a second.
pub const REQUESTS_MAX: usize = 256;

/// Of them, requests of one network: more than its nodes make at once, and the other networks' have room beside them.
pub const REQUESTS_OF_ONE: usize = REQUESTS_MAX / 2;

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

/// Bytes of answers of one network held for all requests together: six full ones. One caller has half of them,
/// and one full one beside. What is beyond it waits, so a network that sends much and never ends, and a caller
/// that takes nothing, take memory and time from nobody but themselves.
pub const HELD_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Bytes of one network's answer that may be under way unread. An answer that waits for room must not fill its
/// connection: see [`LISTS_WINDOW_BYTES`].
pub const LIST_WINDOW_BYTES: u32 = 256 * 1024;

/// Bytes of all of a node's answers that may be under way unread: as many as there are requests, and one more.
pub const LISTS_WINDOW_BYTES: u32 = (REQUESTS_MAX as u32 + 1) * LIST_WINDOW_BYTES;

/// Bytes of one piece of a document's content (`RetrieveDocumentEvent.chunk`).
pub const CHUNK_BYTES_MAX: usize = sekisho_ledger::sealed::CHUNK_BYTES;

/// Bytes of one document. It is passed on in pieces and never held; the bound stops an endless one.
pub const DOCUMENT_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// Bytes of one message of a node: a chunk or a page of as many bytes, and what surrounds it.
pub const NODE_MESSAGE_BYTES_MAX: usize = CHUNK_BYTES_MAX + 16 * 1024;

/// Bytes of one message of a caller: an envelope's 16 KiB, its signatures, and a filter, a document id, or a search's
/// letters to as many networks as a request can ask.
pub const REQUEST_BYTES_MAX: usize = 64 * 1024 + TARGETS_MAX * LETTER_BYTES_MAX;

/// Networks one request can ask.
pub const TARGETS_MAX: usize = sekisho_domain::AccessRequest::TARGETS_MAX;

/// Bytes of a sealed letter with its signature: all of them are padded to half of that.
pub const LETTER_BYTES_MAX: usize = 4 * 1024;

/// Bytes of a document's unique id: an OID or URN (IHE ITI TF-3 §4.2.3.2.26) is far below it.
pub const UNIQUE_ID_BYTES_MAX: usize = 256;

/// Events waiting for a caller that reads slowly: at most this many chunks of a document.
pub const EVENTS_AHEAD: usize = 4;

/// Times a node is called at one endpoint for one attempt: over the connection there is and, if that one was
/// dead, over a new one. What fails on a new connection is the node's own failure.
pub const CALL_ATTEMPTS_MAX: u32 = 2;

/// Endpoints of one network: two machines, each moved once while the old key is still valid.
pub const ENDPOINTS_MAX: usize = 4;

/// Networks whose endpoints, calls and answer times are kept in mind: far more than a federation has. Beyond
/// it the one that was not asked for longest is forgotten.
pub const NETWORKS_MAX: usize = 1_024;

/// What each first call to a network earns, in thousandths of a call, for extra ones there: hedges,
/// reconnects and next endpoints. So no fault makes this broker send more than 1.05 calls for each.
pub const EXTRA_CALLS_PER_MILLE: u32 = 50;

/// Extra calls a network's account holds at most, and begins with: one request can try every endpoint over
/// an old and a new connection.
pub const EXTRA_CALLS_BURST: u32 = 2 * ENDPOINTS_MAX as u32;

/// Answer times kept of one network: the 95th percentile is then the fourth longest of them.
pub const ANSWER_TIMES_MAX: usize = 64;

/// Answer times that must be there before any is relied on: with fewer the 95th percentile is a guess.
pub const ANSWER_TIMES_MIN: usize = 20;

/// How long an answer time counts: a line or machine that was slow ten minutes ago says little about now.
pub const ANSWER_TIMES_AGE: Duration = Duration::from_secs(600);

/// The earliest second attempt: below it lie the pauses of any busy machine, not of a stuck one.
pub const HEDGE_AFTER_MIN: Duration = Duration::from_millis(20);

/// The latest second attempt: it leaves most of [`DEADLINE_DEFAULT`] to the other endpoint.
pub const HEDGE_AFTER_MAX: Duration = Duration::from_secs(2);

/// How long an endpoint that lost to a second attempt comes after the others.
pub const SLOW_FOR: Duration = Duration::from_secs(10);

/// How long an endpoint where no node is (a replica's, which has a transport key as well) comes after the
/// others; then it is seen whether one is there now.
pub const NO_NODE_FOR: Duration = Duration::from_secs(60);

/// Failures to connect, one after the other, after which an endpoint is not tried for a while: two could be
/// a restart.
pub const BREAKER_FAILURES: u32 = 5;

/// How long it is not tried the first time: about a restart of a node.
pub const BREAKER_PAUSE_MIN: Duration = Duration::from_millis(250);

/// The longest it is not tried, doubled up to here: so long it may be called unreachable after it came back.
pub const BREAKER_PAUSE_MAX: Duration = Duration::from_secs(10);

/// The bounds a deployment may lower.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// See [`REQUESTS_MAX`].
    pub requests_max: usize,
    /// See [`REQUESTS_OF_ONE`].
    pub requests_of_one: usize,
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
            requests_of_one: REQUESTS_OF_ONE,
            documents_max: DOCUMENTS_MAX,
            answer_bytes_max: ANSWER_BYTES_MAX,
            held_bytes_max: HELD_BYTES_MAX,
            document_bytes_max: DOCUMENT_BYTES_MAX,
            client: ClientLimits::default(),
        }
    }
}
