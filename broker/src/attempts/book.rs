//! What is known of each network's endpoints, and which of them to call next.

use super::account::Account;
use super::breaker::{Admission, Breaker, Ticket};
use super::times::Times;
use crate::ledger::{Endpoint, Route};
use crate::limits::{NETWORKS_MAX, SLOW_FOR};
use sekisho_domain::NetworkId;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Leave to call an endpoint once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pass {
    pub endpoint: Endpoint,
    /// Its place in the route.
    pub at: usize,
    ticket: Ticket,
    edition: u64,
}

impl Pass {
    /// Whether others are kept from the endpoint until this call has met it.
    pub(crate) fn probes(&self) -> bool {
        self.ticket.probes()
    }
}

/// One endpoint.
struct Door {
    breaker: Breaker,
    /// Until then the others come first.
    behind_until: Option<Instant>,
}

struct Page {
    route: Route,
    /// In the route's order.
    doors: Vec<Door>,
    account: Account,
    times: Times,
    /// Tells this state of the doors from those before it.
    edition: u64,
    used: Instant,
}

/// The endpoints already called for one request, by their place in the route.
pub(crate) type Tried = Vec<usize>;

/// A page for each network that was asked, at most [`NETWORKS_MAX`].
#[derive(Default)]
pub(crate) struct Book {
    pages: BTreeMap<NetworkId, Page>,
    editions: u64,
}

impl Book {
    /// Opens a network's page. Another route than last time is somebody's deed: what was known of the
    /// endpoints is forgotten. Whether it was another.
    pub(crate) fn open(&mut self, network: &NetworkId, route: &Route, now: Instant) -> bool {
        if let Some(page) = self.pages.get_mut(network) {
            page.used = now;
            if page.route == *route {
                return false;
            }
            self.editions += 1;
            page.edition = self.editions;
            page.doors = doors(route);
            page.route = route.clone();
            return true;
        }
        if self.pages.len() == NETWORKS_MAX {
            let longest = self.pages.iter().min_by_key(|(_, page)| page.used);
            if let Some(longest) = longest.map(|(network, _)| network.clone()) {
                self.pages.remove(&longest);
            }
        }
        self.editions += 1;
        let page = Page {
            route: route.clone(),
            doors: doors(route),
            account: Account::new(),
            times: Times::default(),
            edition: self.editions,
            used: now,
        };
        self.pages.insert(network.clone(), page);
        false
    }

    /// Forgets a network that is nowhere; whether it was somewhere.
    pub(crate) fn close(&mut self, network: &NetworkId) -> bool {
        self.pages.remove(network).is_some()
    }

    /// The first call of a request to an opened network: to the best endpoint that may be tried. Where
    /// another could not be paid for, the safest is the best.
    pub(crate) fn first(&mut self, network: &NetworkId, now: Instant) -> Option<Pass> {
        let page = self.pages.get_mut(network)?;
        let pass = page.pass(&Tried::new(), !page.account.can_pay(), now)?;
        page.account.earn();
        Some(pass)
    }

    /// One more call, to the best endpoint not yet tried, if it can be paid for.
    pub(crate) fn another(
        &mut self,
        network: &NetworkId,
        tried: &Tried,
        now: Instant,
    ) -> Option<Pass> {
        let page = self.pages.get_mut(network)?;
        if !page.account.can_pay() {
            return None;
        }
        let pass = page.pass(tried, false, now)?;
        page.account.pay();
        Some(pass)
    }

    /// The same call once more; whether it can be paid for.
    pub(crate) fn again(&mut self, network: &NetworkId) -> bool {
        let page = self.pages.get_mut(network);
        page.is_some_and(|page| page.account.pay())
    }

    /// The call reached its endpoint.
    pub(crate) fn reached(&mut self, network: &NetworkId, pass: &Pass) {
        if let Some(door) = self.door(network, pass) {
            door.breaker.reached();
        }
    }

    /// The call could not connect; whether its endpoint is left alone for a while by that.
    pub(crate) fn not_reached(&mut self, network: &NetworkId, pass: &Pass, now: Instant) -> bool {
        let door = self.door(network, pass);
        door.is_some_and(|door| door.breaker.not_reached(pass.ticket, now))
    }

    /// The call ended without meeting its endpoint, or failing to; it was waited for so long.
    pub(crate) fn given_up(
        &mut self,
        network: &NetworkId,
        pass: &Pass,
        waited: Duration,
        now: Instant,
    ) {
        if let Some(door) = self.door(network, pass) {
            door.breaker.given_up(pass.ticket, now);
        }
        if let Some(page) = self.pages.get_mut(network) {
            page.times.gave_up(now, waited);
        }
    }

    /// Until then the network's other endpoints come before this one.
    pub(crate) fn behind(&mut self, network: &NetworkId, pass: &Pass, until: Instant) {
        if let Some(door) = self.door(network, pass) {
            door.behind_until = Some(until);
        }
    }

    /// The call's endpoint answered in full while all others that were called had not begun.
    pub(crate) fn overtook(
        &mut self,
        network: &NetworkId,
        pass: &Pass,
        tried: &Tried,
        now: Instant,
    ) {
        let Some(page) = self.pages.get_mut(network) else {
            return;
        };
        if page.edition != pass.edition {
            return;
        }
        for at in tried.iter().filter(|at| **at != pass.at) {
            if let Some(door) = page.doors.get_mut(*at) {
                door.behind_until = Some(now + SLOW_FOR);
            }
        }
    }

    /// An answer of the network began after so long.
    pub(crate) fn took(&mut self, network: &NetworkId, took: Duration, now: Instant) {
        if let Some(page) = self.pages.get_mut(network) {
            page.times.add(now, took);
        }
    }

    /// After how long a second endpoint is worth asking, if there is one and it can be known.
    pub(crate) fn hedge_after(&self, network: &NetworkId, now: Instant) -> Option<Duration> {
        let page = self.pages.get(network)?;
        (page.doors.len() > 1).then(|| page.times.hedge_after(now))?
    }

    fn door(&mut self, network: &NetworkId, pass: &Pass) -> Option<&mut Door> {
        let page = self.pages.get_mut(network)?;
        let current = page.edition == pass.edition;
        page.doors.get_mut(pass.at).filter(|_| current)
    }
}

impl Page {
    fn pass(&mut self, tried: &Tried, safest: bool, now: Instant) -> Option<Pass> {
        let mut best: Option<(bool, Option<Admission>, usize)> = None;
        for (at, door) in self.doors.iter().enumerate() {
            let Some(admission) = door.breaker.admits(now).filter(|_| !tried.contains(&at)) else {
                continue;
            };
            let behind = door.behind_until.is_some_and(|until| now < until);
            let rank = (behind, safest.then_some(admission), at);
            if best.is_none_or(|best| rank < best) {
                best = Some(rank);
            }
        }
        let (_, _, at) = best?;
        let ticket = self.doors.get_mut(at)?.breaker.admit(now)?;
        Some(Pass {
            endpoint: self.route.endpoints.get(at)?.clone(),
            at,
            ticket,
            edition: self.edition,
        })
    }
}

fn doors(route: &Route) -> Vec<Door> {
    let door = |_: &Endpoint| Door {
        breaker: Breaker::new(),
        behind_until: None,
    };
    route.endpoints.iter().map(door).collect()
}

#[cfg(test)]
#[path = "book_test.rs"]
mod tests;
