//! The same world over a real replica, durable on disk: its answers are those of the core in memory.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "shared; no file needs all of it")]
mod support;

use sekisho_broker::testing::{Conduct, VIEWING, World};
use sekisho_broker::{Ledger, LedgerFailure, Limits};
use sekisho_domain::{NetworkId, Outcome};
use sekisho_ledger::EntryFault;
use sekisho_replica::{Config, Keys, Replica, SystemClock, Timing};
use sekisho_transport::Deadline;
use std::collections::BTreeSet;
use std::sync::Arc;
use support::{PATIENCE, Scene, linked};
use tonic::Code;

/// A group of one, which needs no other to decide, with the world's history.
async fn replica(world: &World, directory: &std::path::Path) -> Replica {
    let (genesis, history) = world.history();
    let mut config = Config::new(genesis.replicas[0].id, directory.join("store"));
    config.timing = Timing::LOOPBACK;
    let keys = Keys {
        transport: world.identity(VIEWING).clone(),
        checkpoint: World::checkpoint_key(),
    };
    let replica = Replica::start(config, genesis, keys, Arc::new(SystemClock))
        .await
        .unwrap();
    replica.wait_ready(Deadline::after(PATIENCE)).await.unwrap();
    for envelope in history {
        let submitted = replica
            .submit(envelope, Deadline::after(PATIENCE))
            .await
            .unwrap();
        assert_eq!(submitted.outcome, Outcome::Accepted);
    }
    replica
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_beside_a_replica_finds_and_retrieves() {
    let networks = [
        ("saga", Conduct::Answers),
        ("shimane", Conduct::WrongHash),
        ("yame", Conduct::Stale),
        ("kashima", Conduct::Altered),
        ("ogi", Conduct::OtherSigner),
    ];
    let (world, _nodes) = linked(&networks).await;
    let directory = tempfile::tempdir().unwrap();
    let replica = replica(&world, directory.path()).await;

    let asked: BTreeSet<NetworkId> = networks.iter().map(|(n, _)| n.parse().unwrap()).collect();
    assert_eq!(
        replica.routes(asked.clone()).await.unwrap(),
        Arc::clone(&world).routes(asked).await.unwrap()
    );

    let scene = Scene::over(replica.clone(), Arc::clone(&world), Limits::default()).await;
    // A replica remembers what it checked: a signature that does not hold is none the second time either.
    for _ in 0..2 {
        let names = networks.map(|(name, _)| name);
        let found = scene.find(&names, PATIENCE).await.unwrap();
        let codes = names.map(|network| found.code(network));
        assert_eq!(
            codes,
            ["answered", "malformed", "stale", "malformed", "malformed"]
        );
    }
    let got = scene.retrieve("saga", "1.2.3", PATIENCE).await.unwrap();
    assert_eq!(
        (got.outcome().code(), got.content.len()),
        ("answered", 15 + 16),
        "with its tag"
    );

    let mut altered = world.find(&["saga"]);
    altered.signatures[0].signature[0] ^= 1;
    let refused = replica
        .decide(altered, Deadline::after(PATIENCE))
        .await
        .unwrap_err();
    assert!(
        matches!(
            refused,
            LedgerFailure::NotAuthentic(EntryFault::BadSignature(_))
        ),
        "{refused:?}"
    );

    replica.shutdown().await.unwrap();
    let status = scene.find(&["saga"], PATIENCE).await.unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
}
