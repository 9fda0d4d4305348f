//! Two nodes over one real ledger: who points a pattern out, when, and that it is said once.

use super::Lookout;
use crate::bounds::ALERT_PATIENCE_MS;
use crate::testing::{Fixed, KURUME, KURUME_HOSPITAL, SAGA, Setting, TOTTORI, node, nowhere};
use crate::{Node, NodeError};
use sekisho_domain::{Body, EntryIndex, Pattern, SecurityAlert};
use sekisho_ledger::patterns::REPEATED_DENIALS;
use sekisho_ledger::testing::subject;
use std::sync::Arc;

/// A physician of Kurume's asks Saga so many times about a patient who gave no consent; those accesses.
fn denied(setting: &Setting, times: usize) -> Vec<EntryIndex> {
    setting.ledger.with(|world| {
        if world.refusal(SAGA, link(1, KURUME, 2)).is_none() {
            world.accept(KURUME, link(2, SAGA, 1));
        }
        let request = world.request(KURUME, KURUME_HOSPITAL, subject(2), &[SAGA]);
        (0..times).map(|_| world.ask(&request).0).collect()
    })
}

fn link(own: u8, network: &str, other: u8) -> Body {
    let other = sekisho_domain::SubjectRef {
        network: crate::testing::network(network),
        subject: subject(other),
    };
    Body::SubjectLink {
        own: subject(own),
        other,
    }
}

fn alerts(setting: &Setting) -> Vec<SecurityAlert> {
    let bodies = setting.ledger.bodies().into_iter();
    bodies
        .filter_map(|body| match body {
            Body::SecurityAlert(alert) => Some(alert),
            _ => None,
        })
        .collect()
}

/// A node that looks only when the test says so.
struct Asleep {
    node: Node,
    lookout: Lookout,
    clock: Arc<Fixed>,
}

impl Asleep {
    async fn of(setting: &Setting, network: &str) -> Self {
        let clock = Fixed::new(network, setting.ledger.now());
        let store = setting.store(&format!("{network}-asleep.redb"), &[], subject(9));
        let node = node(network, &setting.ledger, &clock, store, &[], nowhere()).await;
        // Its own task has ended; what a test calls still works.
        node.shutdown().await.unwrap();
        let lookout = Lookout::begin(&node.0).await.unwrap();
        Self {
            node,
            lookout,
            clock,
        }
    }

    async fn looks(&mut self) -> Result<(), NodeError> {
        self.lookout.round(&self.node.0).await
    }
}

#[tokio::test]
async fn the_practitioners_own_network_says_it_at_once_and_nobody_again() {
    let setting = Setting::new();
    let mut kurume = Asleep::of(&setting, KURUME).await;
    let mut saga = Asleep::of(&setting, SAGA).await;
    let accesses = denied(&setting, REPEATED_DENIALS - 1);
    kurume.looks().await.unwrap();
    assert_eq!(alerts(&setting), []);
    let accesses = [accesses, denied(&setting, 1)].concat();
    saga.looks().await.unwrap();
    assert_eq!(alerts(&setting), [], "it is not Saga's turn");
    kurume.looks().await.unwrap();
    let said = alerts(&setting);
    assert_eq!(said.len(), 1);
    assert_eq!(
        (said[0].pattern, &said[0].accesses),
        (Pattern::RepeatedDenials, &accesses)
    );
    assert_eq!(said[0].viewing, crate::testing::network(KURUME));
    saga.clock.advance(ALERT_PATIENCE_MS);
    for node in [&mut saga, &mut kurume] {
        node.looks().await.unwrap();
    }
    // Whoever starts anew finds it again, and says nothing.
    let mut again = Lookout::begin(&kurume.node.0).await.unwrap();
    again.round(&kurume.node.0).await.unwrap();
    assert_eq!(alerts(&setting).len(), 1);
    // Ten more are another.
    denied(&setting, REPEATED_DENIALS);
    kurume.looks().await.unwrap();
    assert_eq!(alerts(&setting).len(), 2);
}

#[tokio::test]
async fn the_network_that_was_asked_says_it_where_the_other_does_not() {
    let setting = Setting::new();
    let mut saga = Asleep::of(&setting, SAGA).await;
    let mut tottori = Asleep::of(&setting, TOTTORI).await;
    denied(&setting, REPEATED_DENIALS);
    for node in [&mut tottori, &mut saga] {
        node.looks().await.unwrap();
        node.clock.advance(ALERT_PATIENCE_MS - 1);
        node.looks().await.unwrap();
    }
    assert_eq!(alerts(&setting), []);
    tottori.clock.advance(1);
    tottori.looks().await.unwrap();
    assert_eq!(alerts(&setting), [], "Tottori was not asked");
    saga.clock.advance(1);
    saga.looks().await.unwrap();
    assert_eq!(alerts(&setting).len(), 1);
}

#[tokio::test]
async fn what_the_ledger_cannot_take_is_said_later_and_once() {
    let setting = Setting::new();
    let mut kurume = Asleep::of(&setting, KURUME).await;
    denied(&setting, REPEATED_DENIALS);
    setting.ledger.down();
    assert!(kurume.looks().await.is_err());
    // Taken, and nobody hears of it.
    setting.ledger.mute();
    assert!(kurume.looks().await.is_err());
    setting.ledger.up();
    kurume.looks().await.unwrap();
    kurume.looks().await.unwrap();
    assert_eq!(alerts(&setting).len(), 1);
}

#[tokio::test]
async fn a_running_node_looks_by_itself_and_from_the_last_hours_on() {
    let setting = Setting::new();
    denied(&setting, REPEATED_DENIALS);
    let kurume = setting.kurume(nowhere()).await;
    crate::testing::until(async || {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        alerts(&setting).len() == 1
    })
    .await;
    kurume.shutdown().await.unwrap();
}
