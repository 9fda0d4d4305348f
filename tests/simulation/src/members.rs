//! Networks that put a new replica in the place of their old one, while all else goes on.

use crate::client::{Client, Shared, now};
use crate::federation::{FederationError, Member, checkpoint_key, endpoint, transport};
use crate::life::Life;
use crate::random::Random;
use sekisho_domain::{Body, Outcome, ReplicaId};
use sekisho_replica::Submitted;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::sleep;

/// Places of replicas that join have numbers from here on.
const JOINED_FROM: u64 = 100;
/// Looks at whether something has come about.
const PAUSE: Duration = Duration::from_millis(200);

/// What the ledger was told, for whoever has the machines.
#[derive(Debug, Default)]
pub struct Plans {
    /// Places with the ids of replicas that have one now and no machine yet.
    pub allocated: Vec<(u64, u64)>,
    /// Places whose replica is retired, or will be.
    pub retiring: BTreeSet<u64>,
    /// Places that serve.
    pub ready: BTreeSet<u64>,
}

/// The same, shared.
#[derive(Debug, Clone, Default)]
pub struct Shares(Arc<Mutex<Plans>>);

impl Shares {
    /// Looks at it.
    pub fn plans(&self) -> MutexGuard<'_, Plans> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whoever changes the members.
pub struct Changes {
    shared: Arc<Shared>,
    shares: Shares,
    random: Random,
    life: Life,
}

impl Changes {
    /// One that has done nothing yet, and ends with `life`.
    pub fn new(shared: &Arc<Shared>, shares: &Shares, random: Random, life: &Life) -> Self {
        Self {
            shared: Arc::clone(shared),
            shares: shares.clone(),
            random,
            life: life.clone(),
        }
    }

    /// Replaces one network's replica after the other.
    ///
    /// # Errors
    /// The federation is not one.
    pub async fn run(mut self) -> Result<(), FederationError> {
        let shared = Arc::clone(&self.shared);
        for (member, place) in shared.federation.members.iter().rev().zip(JOINED_FROM..) {
            sleep(self.random.time(Duration::ZERO, Duration::from_secs(4))).await;
            if !self.replace(member, place).await? {
                break;
            }
        }
        Ok(())
    }

    async fn replace(&mut self, member: &Member, place: u64) -> Result<bool, FederationError> {
        let body = Body::ReplicaAllocate {
            endpoint: endpoint(place),
            transport_key: transport(place)?.public(),
            checkpoint_key: checkpoint_key(place).public_key(),
        };
        let Some(allocated) = self.say(member, body).await? else {
            return Ok(false);
        };
        let id = ReplicaId::allocated(1, allocated.index);
        self.shares.plans().allocated.push((place, id.0));
        while !self.shares.plans().ready.contains(&place) {
            if self.life.is_over() {
                return Ok(false);
            }
            sleep(PAUSE).await;
        }
        self.shares.plans().retiring.insert(member.number);
        let replica = ReplicaId(member.number);
        let retired = self.say(member, Body::ReplicaRetire { replica }).await?;
        if retired.is_none() {
            return Ok(false);
        }
        let promoted = self
            .say(member, Body::ReplicaPromote { replica: id })
            .await?;
        Ok(promoted.is_some())
    }

    /// Says something until it is accepted, or given up.
    async fn say(
        &mut self,
        member: &Member,
        body: Body,
    ) -> Result<Option<Submitted>, FederationError> {
        let shared = Arc::clone(&self.shared);
        let n = shared.next();
        let envelope = shared.federation.governance_says(member, n, now(), body);
        let random = Random::of(self.random.next(), "change");
        let mut client = Client::new(&shared, random, &self.life);
        // The same entry again and again, so that it is not two.
        while !self.life.is_over() {
            match client.submit(member, n, envelope.clone()).await? {
                Some(submitted) if submitted.outcome == Outcome::Accepted => {
                    return Ok(Some(submitted));
                }
                Some(submitted) => {
                    let outcome = submitted.outcome;
                    shared.trace.note("refused", || format!("{n}: {outcome:?}"));
                    break;
                }
                None => sleep(PAUSE).await,
            }
        }
        Ok(None)
    }
}
