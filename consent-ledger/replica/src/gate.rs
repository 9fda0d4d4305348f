//! The way to the leader, shared: so many submissions at once, those of each network in turn.

use crate::fair::{Fair, Pushed};
use sekisho_domain::NetworkId;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

/// A gate that lets so many through at once. Cheap to clone; all clones are one.
#[derive(Clone)]
pub(crate) struct Gate(Arc<Mutex<State>>);

struct State {
    free: usize,
    waiting: Fair<NetworkId, oneshot::Sender<Pass>>,
}

/// Leave to be through, until it is dropped.
pub(crate) struct Pass(Option<Gate>);

/// There is no room to wait, or what room there was went to a network that had less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crowded;

impl Gate {
    /// Lets `through` through at once, and has `waiting` wait at most.
    pub(crate) fn new(through: usize, waiting: usize) -> Self {
        Self(Arc::new(Mutex::new(State {
            free: through,
            waiting: Fair::new(waiting),
        })))
    }

    /// Waits for this network's turn. Dropping the future is leaving the queue.
    pub(crate) async fn pass(&self, network: NetworkId) -> Result<Pass, Crowded> {
        let turn = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if state.free > 0 {
                state.free -= 1;
                return Ok(Pass(Some(self.clone())));
            }
            let (call, turn) = oneshot::channel();
            match state.waiting.push(network, call) {
                Pushed::Queued => {}
                // Its caller learns by its end.
                Pushed::Displaced(call) => drop(call),
                Pushed::Refused(_) => return Err(Crowded),
            }
            turn
        };
        turn.await.map_err(|_| Crowded)
    }

    /// Calls the next one that still waits, or keeps the place free.
    fn leave(&self) {
        loop {
            let next = {
                let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                let next = state.waiting.pop_if(|_| true);
                if next.is_none() {
                    state.free += 1;
                }
                next
            };
            let Some(call) = next else {
                return;
            };
            match call.send(Pass(Some(self.clone()))) {
                Ok(()) => return,
                // It gave up: the place is still ours to give.
                Err(mut pass) => pass.0 = None,
            }
        }
    }
}

impl Drop for Pass {
    fn drop(&mut self) {
        if let Some(gate) = self.0.take() {
            gate.leave();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn network(n: u64) -> NetworkId {
        format!("net-{n}").parse().unwrap()
    }

    #[tokio::test]
    async fn those_who_wait_pass_in_turn_and_the_crowd_gives_way() {
        let gate = Gate::new(1, 4);
        let first = gate.pass(network(1)).await.ok();
        let mut flood: Vec<_> = (0..4).map(|_| Box::pin(gate.pass(network(1)))).collect();
        for waits in &mut flood {
            assert!(waits.now_or_never_mut().is_none());
        }
        let mut crowded = Box::pin(gate.pass(network(1)));
        assert!(matches!(crowded.now_or_never_mut(), Some(Err(Crowded))));
        let mut quiet = Box::pin(gate.pass(network(2)));
        assert!(quiet.now_or_never_mut().is_none());
        let displaced = flood.pop().unwrap().await;
        assert!(matches!(displaced, Err(Crowded)));
        drop(first);
        let second = flood.remove(0).await.ok();
        assert!(second.is_some() && quiet.now_or_never_mut().is_none());
        drop(second);
        let third = quiet.await.ok();
        assert!(third.is_some(), "the quiet one is second, not last");
        // Who gives up while waiting, or when called, takes no place away.
        drop(flood.pop());
        drop(third);
        drop(flood);
        let state = gate.0.lock().unwrap();
        assert_eq!((state.free, state.waiting.len()), (1, 0));
    }

    trait NowOrNeverMut: Future + Unpin + Sized {
        fn now_or_never_mut(&mut self) -> Option<Self::Output> {
            (&mut *self).now_or_never()
        }
    }
    impl<F: Future + Unpin> NowOrNeverMut for F {}
}
