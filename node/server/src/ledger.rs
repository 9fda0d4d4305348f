//! What a node needs of its own replica: put an entry in order, wait for one, read what is applied.
//!
//! A trait, so that the node can be built and tested over any real ledger: the replicated one, what two voters say
//! alike where there is no replica, or the pure core alone in one process. The state is handed out behind one type,
//! because the node asks it only through [`sekisho_ledger::View`].

use crate::NodeError;
use crate::bounds::NOTHING_PACE;
use sekisho_domain::{EntryIndex, Outcome, TimeMs};
use sekisho_ledger::store::{Row, StateRead, Table};
use sekisho_ledger::{CoreError, Leaf, SignatureCheck, View};
use sekisho_light::LightError;
use sekisho_proto::v1;
use sekisho_transport::Deadline;
use std::error::Error;
use std::time::Duration;
use tokio::sync::oneshot;

type Cause = Box<dyn Error + Send + Sync>;

/// Why the ledger did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum LedgerFault {
    /// The entry is not authentic for this ledger now; it was not put in order.
    #[error("the ledger does not take the entry")]
    NotTaken(#[source] Cause),
    /// Another entry stands under the same request id.
    #[error("the ledger has another entry under this request id")]
    RequestIdReused,
    /// Nothing was done; later it may work.
    #[error("the ledger cannot take entries now")]
    Unavailable(#[source] Cause),
    /// More is waiting than the ledger takes.
    #[error("the ledger is overloaded")]
    Overloaded,
    /// It may have been done: ask by request id.
    #[error("whether the ledger took the entry is unknown")]
    Unknown,
    /// The own replica has not applied it before the deadline.
    #[error("the replica has not applied index {0} in time")]
    Behind(EntryIndex),
    /// There is no own replica, and its voters told nothing that can be believed. Nothing was done.
    #[error("the ledger cannot be asked now: {0}")]
    NotTold(LightError),
    /// The own replica's state cannot be read.
    #[error("the ledger's state cannot be read")]
    State(#[source] Cause),
}

impl From<CoreError<StateFault>> for LedgerFault {
    fn from(error: CoreError<StateFault>) -> Self {
        Self::State(Box::new(error))
    }
}

/// An entry in order and applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Committed {
    /// Its leaf.
    pub index: EntryIndex,
    /// Its stamped time.
    pub time: TimeMs,
    /// What it came to.
    pub outcome: Outcome,
    /// Whether it stood there before this submission (P5).
    pub duplicate: bool,
}

/// A question to the state, asked off the async threads.
pub type Question = Box<dyn FnOnce(&Snapshot<'_>) + Send>;

/// The node's own replica.
#[tonic::async_trait]
pub trait Ledger: Send + Sync + 'static {
    /// Puts an entry in order and waits until it is applied at the leader.
    ///
    /// # Errors
    /// Every [`LedgerFault`] except `Behind`.
    async fn submit(
        &self,
        envelope: v1::Envelope,
        deadline: Deadline,
    ) -> Result<Committed, LedgerFault>;

    /// Waits until the own replica has applied an index.
    ///
    /// # Errors
    /// [`LedgerFault::Behind`] at the deadline, [`LedgerFault::Unavailable`] if the replica has stopped.
    async fn wait_applied(&self, index: EntryIndex, deadline: Deadline) -> Result<(), LedgerFault>;

    /// Asks one consistent view of what the own replica has applied.
    ///
    /// # Errors
    /// [`LedgerFault::State`].
    async fn read(&self, question: Question) -> Result<(), LedgerFault>;

    /// To whole multiples of what an answer that tells of nothing is held back: longer than it takes to find out that there
    /// is nothing, or that what there is must not be told (P9).
    fn pace(&self) -> Duration {
        NOTHING_PACE
    }

    /// A checkpoint over at least this many leaves that a majority of voters cosigned.
    ///
    /// # Errors
    /// [`LedgerFault::Unavailable`] if there is none before the deadline.
    async fn checkpoint(
        &self,
        min_size: u64,
        deadline: Deadline,
    ) -> Result<Checkpoint, LedgerFault>;
}

/// A cosigned checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The C2SP signed note.
    pub note: String,
    /// The leaves it covers.
    pub size: u64,
}

/// Asks a question and brings its answer back.
pub(crate) async fn ask<T: Send + 'static>(
    ledger: &dyn Ledger,
    question: impl FnOnce(&Snapshot<'_>) -> Result<T, NodeError> + Send + 'static,
) -> Result<T, NodeError> {
    let (tell, told) = oneshot::channel();
    ledger
        .read(Box::new(move |snapshot| {
            // Nobody listens any more where the caller was dropped.
            let _ = tell.send(question(snapshot));
        }))
        .await?;
    told.await.map_err(|_| NodeError::ShutDown)?
}

/// The state's storage failed.
#[derive(Debug, thiserror::Error)]
#[error("the replica's storage failed")]
pub struct StateFault(#[source] Cause);

/// The applied state at one moment, whatever holds it.
pub struct Snapshot<'a> {
    state: &'a dyn StateRead<Error = StateFault>,
    checks: &'a dyn SignatureCheck,
}

impl Snapshot<'_> {
    /// Shows a store's state to a question.
    pub fn show(state: &impl StateRead, checks: &dyn SignatureCheck, question: Question) {
        question(&Snapshot {
            state: &Erased(state),
            checks,
        });
    }

    /// What checks signatures here, perhaps remembering which held.
    pub fn checks(&self) -> &dyn SignatureCheck {
        self.checks
    }

    /// Typed questions to it.
    pub fn view(&self) -> View<'_, Self> {
        View(self)
    }

    /// The decoded leaf at an index.
    ///
    /// # Errors
    /// [`LedgerFault::State`] if storage failed or the leaf is damaged.
    pub fn leaf(&self, index: EntryIndex) -> Result<Option<Leaf>, LedgerFault> {
        self.view()
            .leaf(index)?
            .map(|bytes| Leaf::decode(&bytes).map_err(|e| LedgerFault::State(Box::new(e))))
            .transpose()
    }
}

impl std::fmt::Debug for Snapshot<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Snapshot(..)")
    }
}

impl StateRead for Snapshot<'_> {
    type Error = StateFault;
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StateFault> {
        self.state.get(table, key)
    }
    fn ahead(&self, table: Table, keys: &[Vec<u8>]) -> Result<(), StateFault> {
        self.state.ahead(table, keys)
    }
    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: &[u8],
        max: usize,
    ) -> Result<Vec<Row>, StateFault> {
        self.state.scan(table, prefix, from, max)
    }
}

struct Erased<'a, S>(&'a S);

impl<S: StateRead> StateRead for Erased<'_, S> {
    type Error = StateFault;
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StateFault> {
        self.0.get(table, key).map_err(|e| StateFault(Box::new(e)))
    }
    fn ahead(&self, table: Table, keys: &[Vec<u8>]) -> Result<(), StateFault> {
        let ahead = self.0.ahead(table, keys);
        ahead.map_err(|e| StateFault(Box::new(e)))
    }
    fn scan(
        &self,
        table: Table,
        prefix: &[u8],
        from: &[u8],
        max: usize,
    ) -> Result<Vec<Row>, StateFault> {
        self.0
            .scan(table, prefix, from, max)
            .map_err(|e| StateFault(Box::new(e)))
    }
}
