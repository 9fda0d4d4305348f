//! What clients did and were told.

use sekisho_domain::{NetworkId, RequestId};
use sekisho_replica::Submitted;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// One entry a client wanted on the ledger.
#[derive(Debug, Clone)]
pub struct Submission {
    /// Whose.
    pub by: NetworkId,
    /// Its id.
    pub request: RequestId,
    /// When it was first sent: so many submissions had been answered by then.
    pub after: usize,
    /// Attempts whose end is not known, or that are under way.
    pub open: u64,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answered {
    /// To whose submission.
    pub by: NetworkId,
    /// Which.
    pub request: RequestId,
    /// The answer.
    pub submitted: Submitted,
    /// How many answers there had been when it was first sent.
    pub after: usize,
}

/// What clients did and were told. All clones are one.
#[derive(Debug, Clone, Default)]
pub struct History(Arc<Mutex<Told>>);

/// The same, in the open.
#[derive(Debug, Default)]
pub struct Told {
    /// By request id.
    pub submissions: BTreeMap<RequestId, Submission>,
    /// In the order in which they came.
    pub answers: Vec<Answered>,
}

impl History {
    /// Looks at it.
    pub fn told(&self) -> MutexGuard<'_, Told> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An attempt begins.
    pub fn begins(&self, by: &NetworkId, request: RequestId) {
        let mut told = self.told();
        let after = told.answers.len();
        let submission = told.submissions.entry(request).or_insert(Submission {
            by: by.clone(),
            request,
            after,
            open: 0,
        });
        submission.open += 1;
    }

    /// An attempt ended; nothing was sent, and nothing will be.
    pub fn not_sent(&self, request: RequestId) {
        if let Some(submission) = self.told().submissions.get_mut(&request) {
            submission.open -= 1;
        }
    }

    /// An attempt was answered.
    pub fn answered(&self, request: RequestId, submitted: Submitted) {
        let mut told = self.told();
        if let Some(Submission { by, after, .. }) = told.submissions.get(&request).cloned() {
            told.answers.push(Answered {
                by,
                request,
                submitted,
                after,
            });
        }
    }
}
