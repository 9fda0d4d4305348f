//! One voter that lies, lags or is silent: nothing it says is believed alone, and nobody waits for it.

use crate::impostor::{Impostor, Lie};
use crate::support::{patience, until};
use crate::{cluster, everywhere, expected, facilities, light};
use sekisho_domain::{EntryIndex, Outcome, ReplicaId, RequestId};
use sekisho_ledger::store::Table;
use sekisho_ledger::{CoreError, Leaf, View};
use sekisho_light::LightError;
use sekisho_light::limits::READ_MAX;
use sekisho_replica::SubmitError;
use sekisho_transport::Deadline;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::timeout;

#[tokio::test(flavor = "multi_thread")]
async fn one_voter_that_lies_is_not_believed_and_with_one_other_nothing_is() {
    let mut cluster = cluster().await;
    cluster.kill(3).await;
    cluster.leader().await;
    // What the third voter does, whether it is caught in the act while two others answer, and whether with one other
    // the truth is told all the same.
    let cases = [
        (Lie::None, false, true),
        (Lie::Alter(Table::Facility), true, false),
        (Lie::Omit(Table::Facility), true, false),
        (Lie::Size(u64::MAX), false, true),
        (Lie::Size(2), false, true),
        (Lie::Lineage, true, false),
        (Lie::Digest, true, false),
        (Lie::Ledger, true, false),
        (Lie::Replay, true, false),
        (Lie::Key, true, false),
        (Lie::Hang, false, false),
    ];
    for (lie, caught, told) in cases {
        let impostor = Impostor::start(&cluster, 3, 1, lie).await;
        let all = light(&cluster, &[1, 2, 3]);
        until("two voters", async || all.is_ready().then_some(())).await;
        let times = 20;
        for _ in 0..times {
            let (names, size) = facilities(&all).await.unwrap();
            assert_eq!(names, expected().0, "{lie:?}");
            assert!(
                size == 4 || matches!(lie, Lie::Size(_)) && size <= 4,
                "{lie:?}: {size}"
            );
        }
        if caught {
            // Whoever answers after two others did is not heard: ask until it is among the first.
            until(&format!("{lie:?} is noticed"), async || {
                facilities(&all).await.unwrap();
                let counts = all.standing().contradicted;
                assert!(
                    counts.keys().all(|id| *id == ReplicaId(3)),
                    "{lie:?}: {counts:?}"
                );
                counts.contains_key(&ReplicaId(3)).then_some(())
            })
            .await;
        }
        all.shutdown().await;

        // The same voter and one other: nothing is told but what both say.
        let two = light(&cluster, &[1, 3]);
        let answer = tokio::time::timeout(Duration::from_secs(11), facilities(&two)).await;
        match answer.unwrap() {
            Ok((names, size)) => {
                assert!(told, "{lie:?} was believed");
                assert_eq!(names, expected().0);
                assert!(size <= 4, "{lie:?}: {size}");
            }
            Err(error) => assert!(!told, "{lie:?}: {error}"),
        }
        two.shutdown().await;
        impostor.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_became_of_an_entry_is_believed_of_two_voters_only() {
    let mut cluster = cluster().await;
    cluster.kill(1).await;
    cluster.leader().await;
    // The liar is asked first.
    for (n, lie) in [
        Lie::None,
        Lie::Place,
        Lie::Invalid,
        Lie::Unknown,
        Lie::Hang,
        Lie::Key,
    ]
    .into_iter()
    .enumerate()
    {
        let impostor = Impostor::start(&cluster, 1, 2, lie).await;
        let light = light(&cluster, &[1, 2, 3]);
        let entry = cluster.envelope(20 + n as u64);
        let until = Deadline::after(Duration::from_secs(6));
        let done = light.submit(entry.clone(), until).await;
        let done = done.unwrap_or_else(|e| panic!("{lie:?}: {e}"));
        assert_eq!(done.outcome, Outcome::Accepted, "{lie:?}");
        let index = done.index;
        let applied = cluster.replica(3).wait_applied(index, patience()).await;
        assert_eq!(applied, Ok(()), "{lie:?}");
        let leaf = cluster.replica(3).leaf(index).await.unwrap().unwrap();
        let leaf = Leaf::decode(&leaf).unwrap();
        assert_eq!(leaf.envelope.payload, entry.payload, "{lie:?}");
        if lie != Lie::Hang {
            let cosigned = light.checkpoint(index.0 + 1, patience()).await.unwrap();
            assert!(cosigned.size > index.0, "{lie:?}");
        }
        light.shutdown().await;
        impostor.end().await;
    }
    // One voter's refusal, with nobody else to ask, says nothing about what the others did.
    let impostor = Impostor::start(&cluster, 1, 2, Lie::Invalid).await;
    cluster.kill(2).await;
    let light = light(&cluster, &[1, 2]);
    let until = Deadline::after(Duration::from_secs(2));
    let unknown = light.submit(cluster.envelope(40), until).await.unwrap_err();
    assert!(matches!(unknown, SubmitError::Unknown), "{unknown:?}");
    light.shutdown().await;
    impostor.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voter_that_lags_is_no_witness_of_what_it_has_not_seen() {
    let mut cluster = cluster().await;
    cluster.kill(3).await;
    cluster.leader().await;
    let impostor = Impostor::start(&cluster, 3, 1, Lie::Lag).await;
    let (two, all) = (light(&cluster, &[1, 3]), light(&cluster, &[1, 2, 3]));
    assert_eq!(facilities(&two).await.unwrap(), expected(), "equally far");
    let done = all.submit(cluster.envelope(9), patience()).await.unwrap();
    everywhere(&cluster, 5).await;
    assert_eq!(facilities(&all).await.unwrap().1, 5);
    let soon = || Deadline::after(Duration::from_secs(2));
    for error in [
        two.wait_applied(done.index, soon()).await.unwrap_err(),
        facilities(&two).await.unwrap_err(),
    ] {
        assert!(error.is_behind(), "{error}");
        assert!(
            error.to_string().contains("replica 3: not applied here"),
            "{error}"
        );
    }
    // What did not change both still say.
    let networks = two.read(|state| View(state).networks().unwrap().len());
    assert_eq!(networks.await.unwrap(), 4);
    // It was put in order all the same: that is not for one voter to say.
    let unknown = two.submit(cluster.envelope(10), soon()).await.unwrap_err();
    assert!(matches!(unknown, SubmitError::Unknown), "{unknown:?}");
    all.wait_applied(EntryIndex(5), patience()).await.unwrap();
    for light in [two, all] {
        light.shutdown().await;
    }
    impostor.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_voter_that_claims_to_be_far_ahead_holds_nobody_up() {
    let mut cluster = cluster().await;
    cluster.kill(3).await;
    cluster.kill(2).await;
    let liar = Impostor::start(&cluster, 3, 1, Lie::FarAhead).await;
    let late = Impostor::start(&cluster, 2, 1, Lie::Late).await;
    let all = light(&cluster, &[1, 2, 3]);
    for _ in 0..3 {
        assert_eq!(facilities(&all).await.unwrap(), expected());
    }
    all.shutdown().await;
    liar.end().await;
    late.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_rows_are_looked_at_together_the_voters_are_asked_once() {
    let mut cluster = cluster().await;
    cluster.kill(3).await;
    cluster.leader().await;
    let honest = Impostor::start(&cluster, 3, 1, Lie::None).await;
    let light = light(&cluster, &[1, 3]);
    facilities(&light).await.unwrap();
    for rows in [0, 1, 200] {
        let mut fewest = usize::MAX;
        // The keys are asked for now and then, by themselves.
        for _ in 0..5 {
            let before = honest.asked();
            let told = light.read(move |state| {
                let ids: Vec<_> = (0..rows).map(|n| RequestId([n; 16])).collect();
                let by = View(state).networks().unwrap().remove(0).0;
                View(state).requested_all(&by, &ids).unwrap().len()
            });
            assert_eq!(told.await.unwrap(), usize::from(rows));
            fewest = fewest.min(honest.asked() - before);
        }
        // Once for the networks, once for the rows.
        assert_eq!(fewest, 2, "{rows} rows");
    }
    light.shutdown().await;
    honest.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_asked_of_voters_for_whoever_left() {
    let mut cluster = cluster().await;
    let mut hang = Vec::new();
    for id in [2, 3] {
        cluster.kill(id).await;
        hang.push(Impostor::start(&cluster, id, 1, Lie::Hang).await);
    }
    let light = light(&cluster, &[1, 2, 3]);
    let (ended, end) = oneshot::channel();
    let read = light.read(move |state| {
        let read = View(state).facilities(64).map(drop);
        ended.send(read).unwrap();
    });
    let soon = Duration::from_millis(300);
    assert!(timeout(soon, read).await.is_err(), "two say nothing");
    let end = timeout(READ_MAX / 2, end).await.unwrap().unwrap();
    let Err(CoreError::Store(fault)) = end else {
        panic!("{end:?}")
    };
    assert_eq!(fault, LightError::Left);
    for impostor in hang {
        impostor.end().await;
    }
}
