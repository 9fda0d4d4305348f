//! Every bound of a node, each with its reason (P12).

use std::time::Duration;

/// Document entries in one message of an answer: about 256 KiB, far below gRPC's 4 MiB.
pub const PAGE_ENTRIES_MAX: usize = 256;
/// Document entries in one network's answer, newest first: a chart of decades; nobody reads more at once.
pub const ANSWER_ENTRIES_MAX: usize = 10_000;
/// Bytes of document entries kept of all networks of one query until each network's statement is verified.
pub const FIND_BYTES_MAX: usize = 64 << 20;
/// Times the rest of a document is asked for after a cut.
pub const RESUMES_MAX: usize = 8;
/// Bytes of one request: a note of evidence or a list of facilities, and what surrounds it.
pub const REQUEST_BYTES_MAX: usize = 64 * 1024;
/// Chunks of a document read and sealed ahead of those in the stream: one is read while another is sent.
pub const READ_AHEAD: usize = 1;
/// Answers to other networks under way at once. Each holds at most one page or a few chunks, whatever the document's
/// size, and while it checks one a message of at most `sekisho_documents::FILE_BYTES_MAX`.
pub const ANSWERS_MAX: usize = 64;
/// Of these, to one network.
pub const ANSWERS_OF_ONE: usize = 32;
/// Queries of the network's own people under way at once.
pub const FINDS_MAX: usize = 16;
/// Retrievals of the network's own people under way at once. Each holds a few chunks, whatever the document's size.
pub const RETRIEVES_MAX: usize = 8;
/// Messages of a stream made ahead of the network.
pub const STREAM_AHEAD: usize = 2;
/// Reports of an ingest's progress nobody has taken yet; beyond it some are left out.
pub const INGEST_PROGRESS_AHEAD: usize = 16;
/// Longest note of evidence kept for a consent: a reference to a scanned form or a card's log, some words.
pub const EVIDENCE_BYTES_MAX: usize = 16 * 1024;
/// Longest local identifier of a practitioner.
pub const PRACTITIONER_BYTES_MAX: usize = 256;
/// Longest unique id of a document that is asked for (XDS allows 128, a `urn:uuid:` has 45).
pub const UNIQUE_ID_BYTES_MAX: usize = 256;
/// Sealed reservations of one patient over time: each answer looks at all of them.
pub const SEALS_MAX: usize = 192;
/// Charts of one person: what one query of the document index takes.
pub const CHARTS_MAX: usize = sekisho_documents::PATIENTS_MAX;
/// Entries still to be put on the ledger. At ten releases a second, nearly three hours without a quorum; beyond it
/// nothing more is released.
pub const OUTBOX_MAX: u64 = 100_000;
/// Entries of the outbox submitted together.
pub const OUTBOX_BATCH: usize = 64;
/// Time for one attempt to put an entry on the ledger.
pub const OUTBOX_ATTEMPT: Duration = Duration::from_secs(10);
/// Pause after a failed attempt, doubled each time up to [`OUTBOX_PAUSE_MAX`].
pub const OUTBOX_PAUSE_MIN: Duration = Duration::from_millis(100);
/// Longest pause between attempts: an officer should not wait longer for what a recovered ledger can take.
pub const OUTBOX_PAUSE_MAX: Duration = Duration::from_secs(15);
/// Pause before sources that could not be read at start are tried again: a volume may still be mounting.
pub const INGEST_PAUSE: Duration = Duration::from_secs(5);
/// Pause after a folder of a source could not be looked at: the others are still to be seen within two seconds.
pub const LOOK_PAUSE: Duration = Duration::from_secs(1);
/// Pause between two looks at the ledger for patterns of accesses: an officer looks after hours.
pub const ALERTS_PAUSE: Duration = Duration::from_secs(5);
/// Leaves looked at together: as many as voters can tell a light node at once, if each is as long as one may be.
pub const ALERTS_LEAVES: usize =
    sekisho_ledger::attested::REPLY_BYTES_MAX / (sekisho_ledger::LEAF_BYTES_MAX + 1024);
/// Alerts seen and not said yet; each needs ten accesses at least.
pub const ALERTS_WAITING_MAX: usize = 1024;
/// How long the practitioner's own network has to say it first.
pub const ALERT_PATIENCE_MS: u64 = 60 * 1000;
/// How long before now an entry's window begins: the leader's clock may be this much behind (twice the largest
/// skew replicas accept of each other).
pub const WINDOW_BEFORE_MS: u64 = 60 * 1000;
/// How long after now it ends; both together are the longest window there is.
pub const WINDOW_AFTER_MS: u64 = sekisho_domain::Entry::WINDOW_MS_MAX - WINDOW_BEFORE_MS;
/// How long an answer waits for the own replica: one that is further behind will not catch up while a person waits,
/// and whoever names an index that does not exist must not hold a slot for long.
pub const REPLICA_WAIT_MAX: Duration = Duration::from_secs(5);
/// Time kept back from a deadline for whoever is asked next, so that its own account of what happened still arrives.
pub const MARGIN_MAX: Duration = Duration::from_millis(250);
/// Searches for patients by other networks that have a key and sent no letter yet.
pub const SEARCH_KEYS_MAX: usize = 1024;
/// How long a search's key waits for its letter: the longest deadline there is.
pub const SEARCH_KEY_MS: u64 = 60 * 1000;
/// Answers that tell of no document leave at whole multiples of this after the question: far longer than reading all of a
/// chart that is hidden takes, so that the time says nothing of it (P9). Those that tell of some leave at once.
pub const NOTHING_PACE: Duration = Duration::from_millis(50);
/// The same where each row of the ledger's state is asked of voters.
pub const LIGHT_PACE: Duration = Duration::from_secs(1);
/// Answers to searches leave at whole multiples of this after the question, if not of [`LIGHT_PACE`]: far longer than
/// looking for a patient takes, so that the time says nothing of what was found (P9), and nobody waiting notices.
pub const SEARCH_PACE: Duration = Duration::from_millis(150);
/// Charts compared with somebody who is looked for; more than this with the same birth date and name nobody has.
pub const CANDIDATES_MAX: usize = 2_000;
/// Of whom it may be in a disaster at most so many are told.
pub const POSSIBLE_MAX: usize = 5;
/// Decisions of people about charts, those taken back too: one for each of a million patients.
pub const DECISIONS_MAX: u64 = 1_000_000;
/// Links other networks' searches gave rise to that nobody has confirmed; beyond it the oldest are forgotten.
pub const PROPOSALS_MAX: u64 = 10_000;
/// How long a proposed link waits for a person.
pub const PROPOSAL_MS_MAX: u64 = 90 * 24 * 60 * 60 * 1000;
/// People who confirm one link.
pub const CONFIRMED_BY_MAX: usize = 8;
/// Pause between two looks whether proposals or the ledger have changed, so that there may be links to be said: somebody
/// waits at a desk for it.
pub const LINKS_PAUSE: Duration = Duration::from_secs(2);
/// Weights learnt over time, those taken back too: new ones each month for eighty years.
pub const WEIGHTS_MAX: u64 = 1_000;
/// Longest reason of a decision about charts.
pub const REASON_BYTES_MAX: usize = 2 * 1024;
/// Page cache of the directory of charts.
pub const DIRECTORY_CACHE_BYTES: usize = 64 << 20;
/// Charts put into the directory in one durable step.
pub const DIRECTORY_BATCH: usize = 256;
/// Page cache of the node's store.
pub const STORE_CACHE_BYTES: usize = 32 << 20;
/// Time for work under way to end at shutdown.
pub const SHUTDOWN_GRACE: Duration = Duration::from_secs(5);
