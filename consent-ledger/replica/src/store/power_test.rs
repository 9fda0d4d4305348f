//! What a power cut leaves, at any call: only what was synced, and perhaps some of the rest. And what a failed fsync
//! leaves: a stopped replica.

use super::tests::{batch, blank, genesis, log_id, machine, rows};
use super::volatile_disk::{Cut, Fails, Volatile};
use super::*;
use crate::config::Config;
use openraft::storage::{RaftLogStorage, RaftLogStorageExt, RaftStateMachine};
use openraft::{RaftLogReader, Vote};
use sekisho_ledger::ledger_id;
use sekisho_ledger::store::Table;

/// A machine of its own for each run: the marker lies outside the store's disk.
struct Machine {
    directory: tempfile::TempDir,
}

impl Machine {
    fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn open(&self, disk: &Volatile) -> Result<Store, ReplicaError> {
        let data_dir = self.directory.path().join("data");
        std::fs::create_dir_all(&data_dir).unwrap();
        let mut config = Config::new(ReplicaId(1), data_dir);
        config.disk = Some(Arc::new(disk.clone()));
        // Small, so that files end, begin and are used again within a few entries.
        config.log_file_bytes = 8 * 512;
        Store::open(&config, &genesis(), ledger_id(&genesis()))
    }
}

/// What a replica asks of its store.
#[derive(Debug, Clone, Copy)]
enum Op {
    Vote(u64),
    Append(u64, u64),
    Apply(u64, u64),
    Committed(u64),
    Cosign(u64),
    Truncate(u64),
    Purge(u64),
    Flush,
    Prepare,
}
use Op::{Append, Apply, Committed, Cosign, Flush, Prepare, Purge, Truncate};

const SCRIPT: &[Op] = &[
    Op::Vote(1),
    Append(0, 3),
    Committed(0),
    Apply(0, 1),
    Append(3, 4),
    Op::Vote(2),
    Apply(1, 3),
    Cosign(3),
    Truncate(3),
    Prepare,
    Append(3, 8),
    Apply(3, 7),
    Cosign(7),
    Purge(4),
    Append(8, 9),
    Flush,
    Apply(7, 9),
    Append(9, 16),
    Committed(12),
    Op::Vote(5),
    Apply(9, 13),
    Purge(12),
    Prepare,
    Append(16, 17),
    Cosign(13),
    Append(17, 22),
    Truncate(20),
    Append(20, 21),
    Apply(13, 20),
    Purge(18),
    Cosign(20),
];

/// What the store must say after some of the script.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Model {
    vote: Option<u64>,
    first: u64,
    next: u64,
    applied: u64,
    cosigned: u64,
}

impl Model {
    fn after(&self, op: Op) -> Self {
        let mut model = self.clone();
        match op {
            Op::Vote(term) => model.vote = Some(term),
            Append(_, until) => model.next = until,
            Truncate(since) => model.next = since,
            Apply(_, until) => model.applied = until,
            Cosign(size) => model.cosigned = size,
            Purge(upto) => model.first = upto + 1,
            Committed(_) | Flush | Prepare => {}
        }
        model
    }
}

async fn run(store: &mut Store, op: Op) -> Result<(), Box<dyn std::error::Error>> {
    match op {
        Op::Vote(term) => store.save_vote(&Vote::new(term, 1)).await?,
        Append(from, until) => store.blocking_append((from..until).map(batch)).await?,
        Apply(from, until) => machine(store)
            .apply((from..until).map(batch))
            .await
            .map(drop)?,
        Committed(index) => store.save_committed(Some(log_id(index))).await?,
        Cosign(size) => {
            let root = sekisho_ledger::tree::root(&store.read_state()?, size)?;
            assert_eq!(store.record_cosigned(size, root)?, Recorded::Latest);
        }
        Truncate(since) => store.truncate(log_id(since)).await?,
        Purge(upto) => store.purge(log_id(upto)).await?,
        Flush => store.guard(|| store.flush())?,
        Prepare => store.guard(|| store.0.wal.prepare())?,
    }
    Ok(())
}

type Rows = Vec<(Table, Vec<u8>, Vec<u8>)>;

/// The state after each number of batches, by a store that never fails.
async fn states() -> Vec<Rows> {
    let (machine_, disk) = (Machine::new(), Volatile::new(Fails::Never));
    let store = machine_.open(&disk).unwrap();
    let mut states = vec![rows(&store)];
    for index in 0..20 {
        machine(&store).apply([batch(index)]).await.unwrap();
        states.push(rows(&store));
    }
    states
}

/// Runs the script until the power fails, if it does. Says how many steps were reported as done.
async fn until_cut(machine_: &Machine, disk: &Volatile) -> usize {
    let Ok(mut store) = machine_.open(disk) else {
        return 0;
    };
    for (done, op) in SCRIPT.iter().enumerate() {
        if run(&mut store, *op).await.is_err() {
            return done;
        }
    }
    SCRIPT.len()
}

/// Opens what is left and compares it with what was reported: the step under way may have taken effect or not.
async fn check(machine_: &Machine, disk: &Volatile, done: usize, states: &[Rows], what: &str) {
    let mut store = match machine_.open(disk) {
        Ok(store) => store,
        Err(error) => panic!("{what}: not opened: {}", error.chain()),
    };
    let before = SCRIPT[..done]
        .iter()
        .fold(Model::default(), |model, op| model.after(*op));
    let after = SCRIPT
        .get(done)
        .map_or(before.clone(), |op| before.after(*op));
    let vote = store.read_vote().await.unwrap();
    let vote = vote.map(|vote| vote.leader_id.term);
    assert!(
        [before.vote, after.vote].contains(&vote),
        "{what}: vote {vote:?}"
    );
    let cosigned = store.cosigned().unwrap().map_or(0, |last| last.size);
    assert!(
        [before.cosigned, after.cosigned].contains(&cosigned),
        "{what}: cosigned {cosigned}"
    );
    let state = store.get_log_state().await.unwrap();
    let next = state.last_log_id.map_or(0, |id| id.index + 1);
    assert!(
        [before.next, after.next].contains(&next),
        "{what}: log ends at {next}, {before:?}"
    );
    let first = state.last_purged_log_id.map_or(0, |id| id.index + 1);
    assert!(
        [before.first, after.first].contains(&first),
        "{what}: log begins at {first}"
    );
    let entries = store.try_get_log_entries(0..99).await.unwrap();
    assert!(
        entries == (first..next).map(batch).collect::<Vec<_>>(),
        "{what}: the entries of the log"
    );
    let applied = machine(&store).applied_state().await.unwrap().0;
    let applied = applied.map_or(0, |id| id.index + 1);
    assert!(
        (first..=after.applied).contains(&applied),
        "{what}: applied {applied}, the log begins at {first}"
    );
    assert!(
        rows(&store) == states[applied as usize],
        "{what}: a state between two batches"
    );
    // What was applied before leads to the same again, and everything goes on.
    if next > applied {
        let missing = store.try_get_log_entries(applied..next).await.unwrap();
        let upto = next.min(states.len() as u64 - 1);
        let missing = missing
            .into_iter()
            .take((upto - applied) as usize)
            .collect::<Vec<_>>();
        machine(&store).apply(missing).await.unwrap();
        assert!(
            rows(&store) == states[upto as usize],
            "{what}: replay led elsewhere"
        );
    }
    store
        .blocking_append((next..next + 2).map(batch))
        .await
        .unwrap();
    drop(store);
    let mut store = machine_.open(disk).unwrap();
    let last = store.get_log_state().await.unwrap().last_log_id;
    assert_eq!(last, Some(log_id(next + 1)), "{what}: after going on");
}

#[tokio::test]
async fn whatever_was_reported_survives_a_power_cut_at_any_call() {
    let states = states().await;
    let (machine_, disk) = (Machine::new(), Volatile::new(Fails::Never));
    assert_eq!(until_cut(&machine_, &disk).await, SCRIPT.len());
    let calls = disk.calls();
    assert!(calls > 100, "{calls} calls");
    let mut cuts = 0;
    for call in 0..calls {
        for fails in [Fails::Before(call), Fails::After(call)] {
            for cut in [Cut::All, Cut::Parts(call * 2 + 1), Cut::Parts(call * 2 + 2)] {
                let (machine_, disk) = (Machine::new(), Volatile::new(fails));
                let done = until_cut(&machine_, &disk).await;
                let found = disk.cut(cut, Fails::Never);
                let what = format!("{fails:?}, {cut:?}, after {done} steps");
                check(&machine_, &found, done, &states, &what).await;
                cuts += 1;
            }
        }
    }
    assert!(cuts > 600, "{cuts} cuts");
}

/// Whoever asks for a spare file while another makes it must not fill the one that is put to use meanwhile.
#[tokio::test]
async fn a_spare_file_asked_for_many_times_at_once_is_made_once() {
    let machine_ = Machine::new();
    let disk = Volatile::new(Fails::Never);
    let mut store = machine_.open(&disk).unwrap();
    for turn in 0..20 {
        std::thread::scope(|threads| {
            for _ in 0..8 {
                threads.spawn(|| store.0.wal.prepare().unwrap());
            }
        });
        // Two files begin, and one was prepared.
        let from = turn * 24;
        for entries in [from..from + 8, from + 8..from + 16, from + 16..from + 24] {
            store.blocking_append(entries.map(batch)).await.unwrap();
        }
    }
    drop(store);
    let mut store = machine_.open(&disk).unwrap();
    let entries = store.try_get_log_entries(0..480).await.unwrap();
    assert!(entries == (0..480).map(batch).collect::<Vec<_>>());
}

/// While it is opened again it may be cut again.
#[tokio::test]
async fn a_cut_while_recovering_costs_nothing() {
    let states = states().await;
    for (turn, first) in [40, 75, 101, 120].into_iter().enumerate() {
        let (machine_, disk) = (Machine::new(), Volatile::new(Fails::Before(first)));
        let done = until_cut(&machine_, &disk).await;
        let seed = turn as u64 + 1;
        let whole = disk.cut(Cut::Parts(seed), Fails::Never);
        drop(machine_.open(&whole).unwrap());
        for call in 0..whole.calls() {
            let again = disk.cut(Cut::Parts(seed), Fails::After(call));
            drop(machine_.open(&again));
            let found = again.cut(Cut::Parts(call + 1), Fails::Never);
            let what = format!("cut {first}, recovering {call}");
            check(&machine_, &found, done, &states, &what).await;
        }
    }
}

/// R7, and a full disk.
#[tokio::test]
async fn a_failed_write_stops_the_replica_for_good() {
    let (machine_, disk) = (Machine::new(), Volatile::new(Fails::Never));
    let mut store = machine_.open(&disk).unwrap();
    store.save_vote(&Vote::new(1, 1)).await.unwrap();
    disk.fails(Fails::Before(disk.calls()));
    let error = store.save_vote(&Vote::new(2, 1)).await.unwrap_err();
    assert!(error.to_string().contains("written"), "{error}");
    assert!(store.poison().borrow().is_some());
    for again in [
        store.save_vote(&Vote::new(3, 1)).await.unwrap_err(),
        store.blocking_append([blank(0)]).await.unwrap_err(),
        store.read_vote().await.unwrap_err(),
        machine(&store).apply([blank(0)]).await.unwrap_err(),
    ] {
        assert!(again.to_string().contains("stopped for good"), "{again}");
    }
    let mut after = machine_.open(&disk.cut(Cut::All, Fails::Never)).unwrap();
    assert_eq!(
        after.read_vote().await.unwrap(),
        Some(Vote::new(1, 1)),
        "as it was before the fault"
    );
}

/// Entries one after the other by the leader of term 1, applied two by two; how many were appended and how many applied.
async fn lead(machine_: &Machine, disk: &Volatile) -> (u64, u64) {
    let Ok(mut store) = machine_.open(disk) else {
        return (0, 0);
    };
    if store.save_vote(&Vote::new_committed(1, 1)).await.is_err() {
        return (0, 0);
    }
    let (mut appended, mut applied) = (0, 0);
    for index in 0..20 {
        if store.blocking_append([batch(index)]).await.is_err() {
            break;
        }
        appended = index + 1;
        let entries = (applied..appended).map(batch);
        if index % 2 == 1 {
            if machine(&store).apply(entries).await.is_err() {
                break;
            }
            applied = appended;
        }
        if index % 8 == 7 && store.purge(log_id(index - 6)).await.is_err() {
            break;
        }
    }
    (appended, applied)
}

/// What a leader has not on its disk yet may go; what it applied may not, nor does anything keep it from opening.
#[tokio::test]
async fn what_a_leader_applied_survives_a_power_cut_at_any_call() {
    let states = states().await;
    let (machine_, disk) = (Machine::new(), Volatile::new(Fails::Never));
    assert_eq!(lead(&machine_, &disk).await, (20, 20));
    let (calls, mut lost) = (disk.calls(), 0);
    for call in 0..calls {
        for fails in [Fails::Before(call), Fails::After(call)] {
            for cut in [Cut::All, Cut::Parts(call * 2 + 1)] {
                let (machine_, disk) = (Machine::new(), Volatile::new(fails));
                let (appended, applied) = lead(&machine_, &disk).await;
                let what = format!("{fails:?}, {cut:?}, {appended} appended, {applied} applied");
                let found = disk.cut(cut, Fails::Never);
                let mut store = match machine_.open(&found) {
                    Ok(store) => store,
                    Err(error) => panic!("{what}: not opened: {}", error.chain()),
                };
                let state = store.get_log_state().await.unwrap();
                let next = state.last_log_id.map_or(0, |id| id.index + 1);
                assert!((applied..=appended + 1).contains(&next), "{what}: {next}");
                lost += u64::from(next < appended);
                let first = state.last_purged_log_id.map_or(0, |id| id.index + 1);
                let entries = store.try_get_log_entries(first..next).await.unwrap();
                assert!(
                    entries == (first..next).map(batch).collect::<Vec<_>>(),
                    "{what}"
                );
                let known = machine(&store).applied_state().await.unwrap().0;
                let known = known.map_or(0, |id| id.index + 1);
                assert!((first..=next).contains(&known), "{what}: {known}");
                if known < next {
                    let rest = (known..next).map(batch);
                    machine(&store).apply(rest).await.unwrap();
                }
                assert!(rows(&store) == states[next as usize], "{what}");
                let vote = store.read_vote().await.unwrap();
                assert!(
                    vote.is_none_or(|vote| !vote.is_committed()),
                    "{what}: leads on"
                );
            }
        }
    }
    assert!(
        lost > 0,
        "of {calls} calls, none met an append ahead of the disk"
    );
}

#[tokio::test]
async fn what_another_leader_sends_is_durable_before_it_is_acknowledged() {
    let (machine_, disk) = (Machine::new(), Volatile::new(Fails::Never));
    let mut store = machine_.open(&disk).unwrap();
    let durable = async |store: &mut Store, index: u64| {
        store.blocking_append([batch(index)]).await.unwrap();
        let machine_ = Machine::new();
        let mut left = machine_.open(&disk.cut(Cut::All, Fails::Never)).unwrap();
        let last = left.get_log_state().await.unwrap().last_log_id;
        last == Some(log_id(index))
    };
    // Entries of its own earlier term, which it lost and another brings back.
    store.save_vote(&Vote::new_committed(2, 2)).await.unwrap();
    assert!(durable(&mut store, 0).await);
    // It won a later term, and has not heard so yet.
    store.save_vote(&Vote::new(3, 1)).await.unwrap();
    assert!(durable(&mut store, 1).await);
    store.save_vote(&Vote::new_committed(3, 1)).await.unwrap();
    assert!(durable(&mut store, 2).await, "entries of another term");
}

#[tokio::test]
async fn a_log_that_begins_behind_the_state_is_not_opened() {
    let (machine_, disk) = (Machine::new(), Volatile::new(Fails::Never));
    let mut store = machine_.open(&disk).unwrap();
    store.blocking_append((0..6).map(batch)).await.unwrap();
    machine(&store).apply((0..6).map(batch)).await.unwrap();
    store.0.wal.purge(log_id(3)).unwrap();
    drop(store);
    let error = machine_.open(&disk.cut(Cut::All, Fails::Never)).err();
    let error = error.unwrap().to_string();
    assert!(error.contains("begins behind"), "{error}");
}
