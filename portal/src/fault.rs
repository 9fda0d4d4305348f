//! What a page says when it cannot do what was asked: one sentence of what happened and what to do, never a detail of the
//! inside, never a patient's data.

use crate::accesses::AccessesFault;
use crate::accounts::AccountsFault;
use axum::http::StatusCode;
use sekisho_node::{LedgerFault, NodeError};

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// There is nothing here, or nothing of this person's.
    #[error("there is no such page")]
    NotFound,
    /// Not for this person.
    #[error("not for this person")]
    Forbidden,
    /// The form was not sent by a page of this session.
    #[error("the form was not sent by a page of this session")]
    NotOurForm,
    /// Asked under another name than the portal's own.
    #[error("asked under another name")]
    OtherHost,
    /// Something typed cannot be so; the message of this id says what.
    #[error("what was entered cannot be so: {0}")]
    Entered(&'static str),
    /// Somebody is not let in; the message of this id says why.
    #[error("not let in: {1}")]
    SignIn(StatusCode, &'static str),
    /// Tried too often; again in so many seconds.
    #[error("tried too often")]
    TooOften(u64),
    /// The request is larger than any form.
    #[error("the request is too large")]
    TooLarge,
    /// An emergency is declared by somebody who has just shown a second factor.
    #[error("a second factor must be shown again")]
    ShowAgain,
    /// The node refused or failed.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The node refused or failed while it answered.
    #[error("the node refused: {0:?}")]
    Refused(tonic::Code),
    /// The accounts failed.
    #[error(transparent)]
    Accounts(#[from] AccountsFault),
    /// The list of accesses failed.
    #[error(transparent)]
    Accesses(#[from] AccessesFault),
    /// A page could not be written.
    #[error("a page could not be written")]
    Page(#[from] askama::Error),
    /// The portal stops.
    #[error("the portal is about to stop")]
    Stopping,
}

impl From<LedgerFault> for Fault {
    fn from(fault: LedgerFault) -> Self {
        Self::Node(fault.into())
    }
}

impl Fault {
    /// The status and the message's id.
    pub fn said(&self) -> (StatusCode, &'static str) {
        use StatusCode as S;
        match self {
            Self::NotFound => (S::NOT_FOUND, "common-fault-not-found"),
            Self::Forbidden => (S::FORBIDDEN, "common-fault-forbidden"),
            Self::NotOurForm => (S::FORBIDDEN, "common-fault-not-our-form"),
            Self::OtherHost => (S::MISDIRECTED_REQUEST, "common-fault-other-host"),
            Self::Entered(id) => (S::UNPROCESSABLE_ENTITY, id),
            Self::SignIn(status, id) => (*status, id),
            Self::TooOften(_) => (S::TOO_MANY_REQUESTS, "common-fault-too-often"),
            Self::TooLarge => (S::PAYLOAD_TOO_LARGE, "common-fault-too-large"),
            Self::ShowAgain => (S::FORBIDDEN, "common-fault-show-again"),
            Self::Node(error) => of_node(error),
            Self::Refused(code) => of_code(*code),
            Self::Accounts(AccountsFault::Taken) => (S::CONFLICT, "common-fault-name-taken"),
            Self::Accounts(AccountsFault::Name) => (S::UNPROCESSABLE_ENTITY, "common-fault-name"),
            Self::Accounts(AccountsFault::Shown) => (S::UNPROCESSABLE_ENTITY, "common-fault-shown"),
            Self::Accounts(_) | Self::Accesses(_) | Self::Page(_) => {
                (S::INTERNAL_SERVER_ERROR, "common-fault-inside")
            }
            Self::Stopping => (S::SERVICE_UNAVAILABLE, "common-fault-stopping"),
        }
    }
}

fn of_node(error: &NodeError) -> (StatusCode, &'static str) {
    use StatusCode as S;
    match error {
        NodeError::NoSuchPatient | NodeError::NoSuchChart => {
            (S::NOT_FOUND, "common-fault-no-such-patient")
        }
        NodeError::Budget { .. } => (S::TOO_MANY_REQUESTS, "common-fault-budget"),
        NodeError::Overloaded { .. } => (S::SERVICE_UNAVAILABLE, "common-fault-busy"),
        NodeError::Suspended => (S::SERVICE_UNAVAILABLE, "common-fault-reading-documents"),
        NodeError::Late => (S::GATEWAY_TIMEOUT, "common-fault-late"),
        other => of_code(other.status().code()),
    }
}

fn of_code(code: tonic::Code) -> (StatusCode, &'static str) {
    use StatusCode as S;
    match code {
        tonic::Code::InvalidArgument | tonic::Code::FailedPrecondition => {
            (S::UNPROCESSABLE_ENTITY, "common-fault-not-accepted")
        }
        tonic::Code::NotFound => (S::NOT_FOUND, "common-fault-not-found"),
        tonic::Code::PermissionDenied => (S::FORBIDDEN, "common-fault-forbidden"),
        tonic::Code::ResourceExhausted => (S::SERVICE_UNAVAILABLE, "common-fault-busy"),
        tonic::Code::DeadlineExceeded => (S::GATEWAY_TIMEOUT, "common-fault-late"),
        tonic::Code::Unavailable | tonic::Code::Aborted => {
            (S::SERVICE_UNAVAILABLE, "common-fault-no-majority")
        }
        tonic::Code::Unknown => (S::SERVICE_UNAVAILABLE, "common-fault-unknown"),
        _ => (S::INTERNAL_SERVER_ERROR, "common-fault-inside"),
    }
}
