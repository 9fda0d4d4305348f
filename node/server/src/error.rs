//! What can go wrong in a node, and the code each thing has at the edge.

use crate::environment::NoRandomness;
use crate::ledger::{LedgerFault, StateFault};
use crate::sealing::SealingFault;
use crate::store::StoreError;
use sekisho_documents::ContentsError;
use sekisho_domain::{DomainError, EntryIndex, Purpose, RefusalReason};
use sekisho_ledger::bundle::BuildError;
use sekisho_ledger::{CoreError, EntryFault, ProofError};
use sekisho_proto::ErrorCode;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

/// Tells a broker which outcome a refusal stands for, where gRPC's code alone does not.
pub const OUTCOME_METADATA: &str = "sekisho-outcome";

/// A failure of the node, or a request it does not take. Displays never name a patient or a document.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The request is wrong: sending it again is useless.
    #[error("{0}")]
    Invalid(&'static str),
    /// A value of the request does not fit its type.
    #[error("in the request: {0}")]
    Domain(#[from] DomainError),
    /// The caller may not, for a reason that is nobody's business (P9).
    #[error("not permitted")]
    Forbidden,
    /// The grounds are not those the purpose of use needs.
    #[error("the purpose {} rests on {needs}, the request gives {given}", .purpose.code())]
    Grounds {
        /// The purpose.
        purpose: Purpose,
        /// What it needs.
        needs: &'static str,
        /// What was given.
        given: &'static str,
    },
    /// This node has no pseudonym for the patient.
    #[error("this network has no pseudonym of the patient")]
    NoSuchPatient,
    /// A patient found among others in a disaster is linked by two people.
    #[error(
        "a search in a disaster found who it may be: two people who looked at both confirm the link"
    )]
    SecondPerson,
    /// Nothing is known of a chart.
    #[error("this network knows no such chart")]
    NoSuchChart,
    /// Something a patient refused stands under a pseudonym that would be left without charts.
    #[error(
        "the other pseudonym has reservations that would no longer hold; record them for the patient who stays, clear them, and decide again"
    )]
    Reserved,
    /// This node has no pseudonym for the practitioner, or the pseudonym is not one of this network's.
    #[error("this network has no such practitioner")]
    NoSuchPractitioner,
    /// The ledger, as far as applied here, has no such record of this network.
    #[error("there is no {what} of this network at index {index}")]
    NotOnLedger {
        /// What was looked for.
        what: &'static str,
        /// Where.
        index: EntryIndex,
    },
    /// This node no longer has, or never had, what was sealed.
    #[error("this node does not hold what was sealed at index {0}")]
    NothingSealed(EntryIndex),
    /// A subject whose consents stand is not erased.
    #[error("{0} consents of the patient still stand; withdraw them first")]
    ConsentsStand(usize),
    /// A withdrawal that erasing a subject needs was refused.
    #[error("the ledger refused to withdraw the consent at index {consent}: {}", .reason.en())]
    WithdrawalRefused {
        /// The consent.
        consent: EntryIndex,
        /// Why.
        reason: RefusalReason,
    },
    /// The request id was used for something else.
    #[error("the request id was used for another request")]
    RequestIdReused,
    /// As much is under way as the bound allows.
    #[error("{max} {what} are under way; try again")]
    Overloaded {
        /// What there is too much of.
        what: &'static str,
        /// The bound.
        max: usize,
    },
    /// A budget of requests is spent.
    #[error(
        "{whose} has asked {an_hour} times within the hour, the most this network allows; again in {wait_s} s"
    )]
    Budget {
        /// Whose.
        whose: &'static str,
        /// The budget.
        an_hour: u32,
        /// Seconds until one more is allowed.
        wait_s: u64,
    },
    /// The own replica is behind the request.
    #[error("the replica has not applied the request yet")]
    Stale,
    /// The document index is being built: an answer now would leave documents out.
    #[error("the network's documents are being read; it does not answer yet")]
    Suspended,
    /// Nobody waits for the answer any more.
    #[error("the deadline has passed")]
    Late,
    /// The ledger failed or refused.
    #[error(transparent)]
    Ledger(LedgerFault),
    /// The node's store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The document index failed.
    #[error(transparent)]
    Index(#[from] sekisho_documents::Error),
    /// A source cannot be read.
    #[error(transparent)]
    Contents(#[from] ContentsError),
    /// Reading the sources failed.
    #[error(transparent)]
    Ingest(#[from] sekisho_ingest::Error),
    /// A value to commit to is too long.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// No random bytes.
    #[error(transparent)]
    Randomness(#[from] NoRandomness),
    /// A document cannot be sealed.
    #[error(transparent)]
    Sealing(#[from] SealingFault),
    /// The broker failed before it gave an answer.
    #[error("the broker gave no answer: {sentence}")]
    Broker {
        /// Why.
        code: ErrorCode,
        /// Its own sentence.
        sentence: String,
    },
    /// The broker answered something that contradicts the ledger.
    #[error("the broker's answer is not valid: {0}")]
    BrokerInvalid(&'static str),
    /// There is no such access request.
    #[error("there is no access request at this index")]
    NoSuchAccess,
    /// No such result is kept for this practitioner.
    #[error("there is no such result, or no longer; ask again")]
    NoSuchResult,
    /// No proof bundle can be made.
    #[error("no proof bundle can be made")]
    Bundle(#[source] Box<BuildError<StateFault>>),
    /// What this node signed before is not an entry.
    #[error("a stored request is damaged")]
    Entry(#[source] Box<EntryFault>),
    /// The node is shutting down.
    #[error("the node is shutting down")]
    ShutDown,
}

impl From<LedgerFault> for NodeError {
    fn from(fault: LedgerFault) -> Self {
        match fault {
            LedgerFault::RequestIdReused => Self::RequestIdReused,
            LedgerFault::Behind(_) => Self::Stale,
            other => Self::Ledger(other),
        }
    }
}

impl From<CoreError<StateFault>> for NodeError {
    fn from(error: CoreError<StateFault>) -> Self {
        Self::Ledger(error.into())
    }
}

impl NodeError {
    /// What a caller can do about it.
    pub fn code(&self) -> ErrorCode {
        match self {
            Self::Invalid(_)
            | Self::Domain(_)
            | Self::Grounds { .. }
            | Self::SecondPerson
            | Self::Sealing(SealingFault::Key) => ErrorCode::Invalid,
            Self::Forbidden => ErrorCode::Forbidden,
            Self::NoSuchPatient
            | Self::NoSuchPractitioner
            | Self::NoSuchChart
            | Self::Store(StoreError::NoSuchDecision(_) | StoreError::NoWeights)
            | Self::NoSuchAccess
            | Self::NoSuchResult
            | Self::NotOnLedger { .. }
            | Self::NothingSealed(_)
            | Self::Store(StoreError::Erased | StoreError::NoSuchSubject) => ErrorCode::NotFound,
            Self::RequestIdReused
            | Self::Reserved
            | Self::ConsentsStand(_)
            | Self::WithdrawalRefused { .. }
            | Self::Store(StoreError::OtherTransfer(_) | StoreError::Moved) => ErrorCode::Conflict,
            Self::Overloaded { .. }
            | Self::Budget { .. }
            | Self::Store(StoreError::Full { .. })
            | Self::Ledger(LedgerFault::Overloaded) => ErrorCode::Overloaded,
            Self::Stale
            | Self::Suspended
            | Self::ShutDown
            | Self::Ledger(LedgerFault::Unavailable(_) | LedgerFault::NotTold(_))
            | Self::Contents(_)
            | Self::Ingest(
                sekisho_ingest::Error::Root { .. } | sekisho_ingest::Error::Pacs { .. },
            ) => ErrorCode::Unavailable,
            Self::Late => ErrorCode::DeadlineExceeded,
            Self::Bundle(error) => match error.as_ref() {
                BuildError::CheckpointTooOld { .. } => ErrorCode::Unavailable,
                _ => ErrorCode::Internal,
            },
            Self::Ledger(LedgerFault::Unknown) => ErrorCode::Unknown,
            Self::Ledger(LedgerFault::NotTaken(_)) => ErrorCode::Invalid,
            Self::Broker { code, .. } => *code,
            Self::Ledger(_)
            | Self::Store(_)
            | Self::Index(_)
            | Self::Ingest(_)
            | Self::Proof(_)
            | Self::Randomness(_)
            | Self::Sealing(_)
            | Self::Entry(_)
            | Self::BrokerInvalid(_) => ErrorCode::Internal,
        }
    }

    /// The status to answer with: code and one short sentence. What is our own fault is logged, not told.
    pub fn status(&self) -> Status {
        let outcome = match self {
            Self::Stale => "stale",
            Self::Suspended => "suspended",
            _ if self.code() == ErrorCode::Internal => {
                tracing::error!(error = chain(self), "a request failed");
                return ErrorCode::Internal
                    .status("a fault of this node; its operator's log has the details");
            }
            _ => return self.code().status(self.to_string()),
        };
        self.refusal(outcome)
    }

    /// The status to answer another network with: a node that has no room, or cannot ask the ledger or read its sources,
    /// says that it does not answer now, so that nobody takes it for a broken one (P8).
    pub fn status_of_answer(&self) -> Status {
        use ContentsError::{Io, Root, Store};
        match self {
            Self::Stale => self.status(),
            Self::Contents(Io { .. } | Root { .. } | Store(_)) => self.refusal("suspended"),
            // This one document is not what it was.
            Self::Contents(_) => self.status(),
            _ => match self.code() {
                ErrorCode::Overloaded | ErrorCode::Unavailable => self.refusal("suspended"),
                _ => self.status(),
            },
        }
    }

    fn refusal(&self, outcome: &'static str) -> Status {
        let mut metadata = MetadataMap::new();
        metadata.insert(OUTCOME_METADATA, MetadataValue::from_static(outcome));
        Status::with_metadata(Code::FailedPrecondition, self.to_string(), metadata)
    }
}

/// An error with all its causes, for the log.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}
