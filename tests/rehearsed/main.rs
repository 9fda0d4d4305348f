//! What an operator rehearses before it is needed, with the commands alone and real processes: a second machine joins and
//! votes, a lost machine is replaced in its own place, a backup fills a new machine, and when a quorum is lost for good the
//! networks agree on what is left and go on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "../by_hand/town.rs"]
#[allow(dead_code, reason = "shared; no suite needs all of it")]
mod town;

use sekisho_harness::Running;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use town::{LIMIT, Town, free_ports, program, text, town};

/// The machines, in the order in which the town starts the networks'.
const KURUME: usize = 0;
const YAME: usize = 2;

/// One test: each step stands on the one before, as on the day it is needed.
#[test]
fn machines_join_are_replaced_and_the_ledger_is_recovered() {
    let mut town = town();
    let (second, second_id) = a_second_machine_joins_and_gets_its_vote(&mut town);
    let first_id = a_lost_machine_is_replaced_in_its_own_place(&mut town);
    let backup = a_backup_is_checked_and_fills_a_new_machine(&town);
    a_quorum_is_lost_and_the_ledger_goes_on(town, second, [second_id, first_id], &backup);
}

/// A folder of a machine with a configuration and the founding file.
struct Machine {
    dir: PathBuf,
    endpoint: String,
}

impl Machine {
    /// One more of Kurume's, with keys of its own.
    fn new(town: &Town, name: &str) -> Self {
        let dir = town.dir.path().join(name);
        std::fs::create_dir(&dir).unwrap();
        std::fs::copy(
            town.dir.path().join("genesis.json"),
            dir.join("genesis.json"),
        )
        .unwrap();
        let [port] = free_ports::<1>();
        let machine = Self {
            dir,
            endpoint: format!("127.0.0.1:{port}"),
        };
        machine.is_replica(1);
        machine
    }

    fn config(&self) -> String {
        text(self.dir.join("sekisho.toml"))
    }

    fn is_replica(&self, id: u64) {
        let endpoint = &self.endpoint;
        let config = format!(
            "[network]\nid = \"kurume\"\n[server]\nlisten = \"{endpoint}\"\n[replica]\nid = {id}\nexpected_rtt_ms = 1\n"
        );
        std::fs::write(self.config(), config).unwrap();
    }

    fn says(&self, args: &[&str], code: i32) -> Value {
        says(&self.config(), args, code)
    }
}

fn says(config: &str, args: &[&str], code: i32) -> Value {
    let all = [args, &["--config", config, "--json"]].concat();
    program().run(&all, LIMIT).expect(code).json()
}

fn serve(config: &str) -> Running {
    program().start(&["serve", "--config", config], "serving", LIMIT)
}

/// Asks until it is so.
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let end = Instant::now() + LIMIT;
    while !so() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn ready(config: &str) {
    until("a replica is ready", || {
        says(config, &["ledger", "status"], 0)["ready"] == true
    });
}

/// How a machine sees a replica; none if it is no member.
fn member(config: &str, replica: u64) -> Option<Value> {
    let status = says(config, &["ledger", "status"], 0);
    let members = status["members"].as_array().unwrap();
    members.iter().find(|m| m["replica"] == replica).cloned()
}

fn votes(config: &str, replica: u64) -> Option<bool> {
    member(config, replica).map(|m| m["voter"] == true)
}

/// Writes another replica id into a configuration that `network init` wrote.
fn renumber(config: &str, from: u64, to: u64) {
    let before = std::fs::read_to_string(config).unwrap();
    let after = before.replace(&format!("\nid = {from}\n"), &format!("\nid = {to}\n"));
    assert_ne!(before, after, "the configuration names replica {from}");
    std::fs::write(config, after).unwrap();
}

/// By the word of two of three networks.
fn promoted(by: [&str; 2], replica: u64) {
    let id = replica.to_string();
    until("it is in the group", || {
        by.iter()
            .all(|config| member(config, replica).is_some_and(|m| m["in_group"] == true))
    });
    for (config, in_force) in by.into_iter().zip([false, true]) {
        let said = says(config, &["ledger", "promote", &id], 0);
        assert_eq!(said["in_force"], in_force, "{said:#}");
    }
    for config in by {
        until("it votes", || votes(config, replica) == Some(true));
    }
}

fn a_second_machine_joins_and_gets_its_vote(town: &mut Town) -> (Machine, u64) {
    let machine = Machine::new(town, "kurume-2");
    let join = ["ledger", "join", "--endpoint", &machine.endpoint];
    // The governance key is not on this machine: a request is to be carried to where it is.
    let waiting = machine.says(&join, 0);
    assert_eq!(waiting["joined"], false, "{waiting:#}");
    let request = waiting["request"].as_str().unwrap();
    let elsewhere = town.says("saga", &["ledger", "allocate", request], 2);
    assert!(
        elsewhere["error"]["en"]
            .as_str()
            .unwrap()
            .contains("kurume"),
        "{elsewhere:#}"
    );
    let placed = town.says("kurume", &["ledger", "allocate", request], 0);
    let id = placed["replica"].as_u64().unwrap();
    let given = id.to_string();
    let joined = machine.says(&[&join[..], &["--replica", &given]].concat(), 0);
    assert_eq!(
        (&joined["joined"], &joined["replica"]),
        (&true.into(), &id.into()),
        "{joined:#}"
    );
    // Run again, there is nothing left to fetch.
    let again = machine.says(&join, 2);
    let said = again["error"]["en"].as_str().unwrap();
    assert!(said.contains("filled to its end"), "{said}");
    machine.is_replica(id);
    town.running.push(serve(&machine.config()));
    ready(&machine.config());
    assert_eq!(
        votes(&machine.config(), id),
        Some(false),
        "it copies and does not vote yet"
    );
    promoted([&town.config("kurume"), &town.config("saga")], id);
    (machine, id)
}

/// Kurume's first machine lost its ledger: same address and certificate, another replica.
fn a_lost_machine_is_replaced_in_its_own_place(town: &mut Town) -> u64 {
    let config = town.config("kurume");
    let status = says(&config, &["ledger", "status"], 0);
    let member = status["members"]
        .as_array()
        .unwrap()
        .iter()
        .find(|m| m["replica"] == 1);
    let endpoint = member.unwrap()["endpoint"].as_str().unwrap().to_owned();
    // Killed, and what it stored is gone.
    drop(town.running.remove(KURUME));
    std::fs::remove_dir_all(town.dir.path().join("kurume/data/ledger")).unwrap();
    let refused = program()
        .run(&["serve", "--config", &config], LIMIT)
        .expect(2);
    assert!(
        refused.err.contains("replica 1"),
        "an id is not used twice: {}",
        refused.err
    );
    let join = ["ledger", "join", "--endpoint", &endpoint, "--replaces", "1"];
    let joined = says(&config, &join, 0);
    let id = joined["replica"].as_u64().unwrap();
    assert_ne!(id, 1);
    renumber(&config, 1, id);
    town.running.insert(KURUME, serve(&config));
    ready(&config);
    promoted([&config, &town.config("saga")], id);
    assert_eq!(
        votes(&town.config("saga"), 1),
        None,
        "the lost one is no member any more"
    );
    // And the network's people ask again.
    let asked = town.query(&[], 1);
    assert_eq!(asked["outcomes"].as_array().unwrap().len(), 3, "{asked:#}");
    id
}

fn a_backup_is_checked_and_fills_a_new_machine(town: &Town) -> PathBuf {
    let backup = town.dir.path().join("backup");
    let out = text(backup.clone());
    let written = town.says("saga", &["ledger", "backup", "--out", &out], 0);
    assert!(written["leaves"].as_u64().unwrap() > 0, "{written:#}");
    let checked = town.says("yame", &["ledger", "restore", &out, "--check-only"], 0);
    assert_eq!(checked["verified"], true);
    let machine = Machine::new(town, "kurume-3");
    let join = ["ledger", "join", "--endpoint", &machine.endpoint];
    let request = machine.says(&join, 0)["request"]
        .as_str()
        .unwrap()
        .to_owned();
    let id = town.says("kurume", &["ledger", "allocate", &request], 0)["replica"].to_string();
    let restored = machine.says(&["ledger", "restore", &out, "--replica", &id], 0);
    assert_eq!(restored["leaves"], written["leaves"]);
    // What the backup does not have comes from the peers.
    let joined = machine.says(&[&join[..], &["--replica", &id]].concat(), 0);
    assert!(
        joined["leaves"].as_u64() > restored["leaves"].as_u64(),
        "{joined:#}"
    );
    // It was a rehearsal.
    let left = town.says("kurume", &["ledger", "leave", &id], 0);
    assert_eq!(left["in_force"], true, "{left:#}");
    backup
}

/// Two of four voters burn down. What is left is looked at, and two of the three networks go on.
fn a_quorum_is_lost_and_the_ledger_goes_on(
    mut town: Town,
    second: Machine,
    [_, first_id]: [u64; 2],
    backup: &Path,
) {
    let yame = town.dir.path().join("yame");
    drop(town.running.remove(YAME + 1));
    drop(town.running.remove(YAME));
    for burnt in [&second.dir, &yame] {
        std::fs::remove_dir_all(burnt.join("data")).unwrap();
    }
    let grant = [
        "consent",
        "list",
        "--patient",
        &town.patient_at("4010000001"),
    ];
    town.says("kurume", &grant, 0);
    let register = [
        "network",
        "facility",
        "add",
        "4010000099",
        "--kind",
        "clinic",
        "--name",
        "見本診療所",
    ];
    let nobody = [&register[..], &["--timeout", "5"]].concat();
    town.says("saga", &nobody, 3);
    town.running.clear();

    let at = |network: &str| text(town.dir.path().join(network).join("data/ledger"));
    let (ours, theirs, out) = (at("saga"), at("kurume"), text(backup.to_owned()));
    let found = town.says(
        "saga",
        &["ledger", "recover", "look", &ours, &theirs, &out],
        0,
    );
    let longest = found["longest"].as_u64().unwrap();
    let places = found["places"].as_array().unwrap();
    assert!(
        places[2]["leaves"].as_u64().unwrap() < longest,
        "the backup is older: {found:#}"
    );
    let best = if places[0]["leaves"] == longest {
        &ours
    } else {
        &theirs
    };
    let prefix = text(town.dir.path().join("prefix"));
    let kept = town.says(
        "saga",
        &["ledger", "recover", "keep", best, "--out", &prefix],
        0,
    );
    assert_eq!(kept["leaves"], longest);

    let mut propose = vec!["ledger", "recover", "propose", "--prefix", &prefix];
    let seats = ["saga", "kurume"].map(|network| {
        let config = std::fs::read_to_string(town.config(network)).unwrap();
        let listen = config
            .lines()
            .find_map(|line| line.strip_prefix("listen = "));
        let endpoint = listen.unwrap().trim_matches('"').to_owned();
        let seat = town.says(
            network,
            &["ledger", "recover", "seat", "--endpoint", &endpoint],
            0,
        );
        seat["request"].as_str().unwrap().to_owned()
    });
    let statement = text(town.dir.path().join("recovery.json"));
    for seat in &seats {
        propose.extend(["--seat", seat.as_str()]);
    }
    propose.extend(["--out", statement.as_str()]);
    let drawn = town.says("saga", &propose, 0);
    assert_eq!(
        (&drawn["lineage"], &drawn["signatures"]),
        (&2.into(), &1.into()),
        "{drawn:#}"
    );
    // One network of three is not enough.
    let start = [
        "ledger", "recover", "start", &statement, "--prefix", &prefix,
    ];
    town.says("saga", &start, 1);
    let signed = town.says(
        "kurume",
        &["ledger", "recover", "sign", &statement, "--have", &theirs],
        0,
    );
    assert_eq!(signed["signatures"], 2);
    let begun = [("saga", 2), ("kurume", first_id)].map(|(network, before)| {
        // What was there stays as it is: it is moved aside, never filled again.
        let refused = town.says(network, &start, 2);
        assert!(
            refused["error"]["en"]
                .as_str()
                .unwrap()
                .contains("move it aside")
        );
        let data = town.dir.path().join(network).join("data");
        std::fs::rename(data.join("ledger"), data.join("ledger-lineage-1")).unwrap();
        let begun = town.says(network, &start, 0);
        assert_eq!(
            (&begun["lineage"], &begun["leaves"]),
            (&2.into(), &(longest + 1).into()),
            "{begun:#}"
        );
        renumber(
            &town.config(network),
            before,
            begun["replica"].as_u64().unwrap(),
        );
        begun["root"].clone()
    });
    assert_eq!(begun[0], begun[1], "the same on every machine");

    for network in ["kurume", "saga"] {
        town.running.push(serve(&town.config(network)));
    }
    for network in ["kurume", "saga"] {
        ready(&town.config(network));
    }
    town.says("saga", &register, 0);
    let asked = town.query(&["--network", "saga"], 1);
    assert_eq!(asked["outcomes"][0]["outcome"], "denied", "{asked:#}");
}
