//! The ledger of a network that is too small to run a replica: it names two or more voters, and believes what two of
//! them, of two networks, say alike and sign (docs/decisions/0017-light-nodes.md).
//!
//! ```text
//! question ──▶ LightState ── a row not known yet ──▶ LedgerService.State at every named voter, in parallel
//!                  ▲                                      │ signed: this request, these rows, how far it is
//!                  └── rows of one moment ◀── settle ◀────┘ two alike; who contradicts two is named
//! ```
//! One lying voter, of any kind, changes nothing but the time it takes (`sekisho_ledger::attested`). With fewer than
//! two that answer nothing is believed: it fails closed.
//!
//! Promises: P2 (a question behind [`Light::wait_applied`] sees that entry, for both voters must have applied it),
//! P5 (an entry is sent again under its own request id), P8 (what is not known is *unknown*), P12 (the bounds of
//! [`limits`]).

mod ask;
mod checkpoint;
mod error;
pub mod limits;
mod pins;
mod refresh;
mod state;
mod submit;
mod voters;

pub use checkpoint::Cosigned;
pub use error::LightError;
pub use state::LightState;
pub use submit::Committed;

use sekisho_domain::{EntryIndex, Genesis, LedgerId, ReplicaId};
use sekisho_ledger::ledger_id;
use sekisho_transport::{Deadline, Identity, PeerDirectory};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The ledger as two voters say it is. Cheap to clone; all clones are one.
#[derive(Clone)]
pub struct Light(Arc<Inner>);

struct Inner {
    genesis: Genesis,
    ledger: LedgerId,
    voters: voters::Voters,
    pins: Arc<pins::Pins>,
    /// Leaves that two voters had: what was seen once is not unseen.
    at_least: AtomicU64,
    /// Which voter an entry is sent to first: the one that took the last.
    first: AtomicUsize,
    /// How often each voter contradicted two others.
    contradicted: Mutex<BTreeMap<ReplicaId, u64>>,
    /// When two voters last told whose keys are whose, and how many answered.
    refreshed: Mutex<Option<(Instant, usize)>>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

/// How it stands with the voters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Replicas the configuration names.
    pub named: usize,
    /// Those that vote, as far as is known here.
    pub voting: usize,
    /// Whether two told the same within [`limits::READY_FOR`].
    pub ready: bool,
    /// Leaves two of them have.
    pub leaves: u64,
    /// How often each contradicted two others.
    pub contradicted: BTreeMap<ReplicaId, u64>,
}

impl Light {
    /// Prepares the connections to the named voters and begins to ask them whose keys are whose. Nothing is waited for.
    ///
    /// # Errors
    /// [`LightError::Config`] where the founding file does not know two of those named, of two networks; or TLS
    /// cannot be set up.
    pub fn start(
        genesis: Genesis,
        named: &[ReplicaId],
        identity: Identity,
    ) -> Result<Self, LightError> {
        let ledger = ledger_id(&genesis);
        let pins = Arc::new(pins::Pins::founded(&genesis));
        let light = Self(Arc::new(Inner {
            voters: voters::Voters::founded(&genesis, named, identity, Arc::clone(&pins) as _)?,
            genesis,
            ledger,
            pins,
            at_least: AtomicU64::new(0),
            first: AtomicUsize::new(0),
            contradicted: Mutex::default(),
            refreshed: Mutex::default(),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
        }));
        light.0.tasks.spawn(refresh::work(light.clone()));
        Ok(light)
    }

    /// Waits until two voters have applied the leaf at an index; every later question sees it.
    ///
    /// # Errors
    /// [`LightError`]; [`LightError::is_behind`] where they are reached and not so far.
    pub async fn wait_applied(
        &self,
        index: EntryIndex,
        deadline: Deadline,
    ) -> Result<(), LightError> {
        let size = index.0.saturating_add(1);
        if self.at_least() >= size {
            return Ok(());
        }
        self.ask(&[], size, deadline).await.map(drop)
    }

    /// Whose the transport keys are: as two voters last said, from the founding file before they did.
    pub fn directory(&self) -> Arc<dyn PeerDirectory> {
        Arc::clone(&self.0.pins) as _
    }

    /// Which ledger.
    pub fn ledger(&self) -> LedgerId {
        self.0.ledger
    }

    /// The act that founded it.
    pub fn genesis(&self) -> &Genesis {
        &self.0.genesis
    }

    /// Whether two voters told the same within [`limits::READY_FOR`].
    pub fn is_ready(&self) -> bool {
        let refreshed = self.0.refreshed.lock();
        let refreshed = *refreshed.unwrap_or_else(PoisonError::into_inner);
        refreshed.is_some_and(|(at, _)| at.elapsed() <= limits::READY_FOR)
    }

    /// How it stands with the voters.
    pub fn standing(&self) -> Standing {
        let contradicted = self.0.contradicted.lock();
        Standing {
            named: self.0.voters.named().len(),
            voting: self.0.voters.all().len(),
            ready: self.is_ready(),
            leaves: self.at_least(),
            contradicted: contradicted.unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    /// Ends what runs by itself.
    pub async fn shutdown(&self) {
        self.0.stop.cancel();
        self.0.tasks.close();
        self.0.tasks.wait().await;
    }

    fn at_least(&self) -> u64 {
        self.0.at_least.load(Ordering::Relaxed)
    }
}
