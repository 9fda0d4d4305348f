//! Real processes: three networks with replicas, and a fourth that gave its replica up and names their voters. It is
//! asked and asks, a withdrawal holds, one voter's end changes nothing, and with one voter left nothing is answered.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use sekisho_harness::{Ended, Program, Running};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(90);
/// The light one first.
const NETWORKS: [(&str, &str); 4] = [
    ("kurume", "4010000001"),
    ("saga", "4110000001"),
    ("yame", "4010000002"),
    ("yufu", "4410000001"),
];
const WRITTEN: [&str; 2] = ["--capture", "written"];

fn program() -> Program {
    Program::at(env!("CARGO_BIN_EXE_sekisho")).with("RUST_LOG", "info")
}

struct Town {
    dir: tempfile::TempDir,
    running: BTreeMap<&'static str, Running>,
    traveller: Value,
}

impl Town {
    fn at(&self, path: &str) -> String {
        let path: PathBuf = self.dir.path().join(path);
        path.to_str().unwrap().to_owned()
    }
    fn config(&self, network: &str) -> String {
        self.at(&format!("{network}/sekisho.toml"))
    }
    fn run(&self, network: &str, args: &[&str]) -> Ended {
        let config = self.config(network);
        program().run(&[args, &["--config", &config, "--json"]].concat(), LIMIT)
    }
    fn says(&self, network: &str, args: &[&str], code: i32) -> Value {
        self.run(network, args).expect(code).json()
    }
    fn serve(&mut self, network: &'static str) {
        let config = self.config(network);
        let running = program().start(&["serve", "--config", &config], "serving", LIMIT);
        self.running.insert(network, running);
    }
    fn patient(&self, network: &str) -> String {
        let facility = facility(network);
        let mut at = self.traveller["at"].as_array().unwrap().iter();
        let at = at.find(|at| at["facility"] == facility).unwrap();
        format!("{facility}/{}", at["local_id"].as_str().unwrap())
    }
    /// Asks from one network for the traveller's documents at another.
    fn query(&self, from: &str, to: &str) -> Ended {
        let patient = self.patient(from);
        let query = ["query", "--patient", &patient, "--network", to];
        self.run(from, &[&query, &asking(from)[..]].concat())
    }
    fn outcome(&self, from: &str, to: &str, code: i32) -> (String, Value) {
        let found = self.query(from, to).expect(code).json();
        let outcome = found["outcomes"][0]["outcome"].as_str().unwrap().to_owned();
        (outcome, found["documents"].clone())
    }
    fn consent(&self, network: &str) -> String {
        let (patient, facility) = (self.patient(network), facility(network));
        let grant = [
            "consent",
            "grant",
            "--patient",
            &patient,
            "--side",
            "viewing",
        ];
        let by = ["--facility", facility, "--recorded-by", facility];
        let granted = self.says(network, &[&grant[..], &by, &WRITTEN].concat(), 0);
        granted["index"].as_u64().unwrap().to_string()
    }
    /// Fetches the first of these documents, in full.
    fn retrieves(&self, from: &str, to: &str, documents: &Value) {
        let document = documents[0]["unique_id"].as_str().unwrap();
        let patient = self.patient(from);
        let retrieve = ["retrieve", "--network", to, "--document", document];
        let of = ["--patient", &patient];
        let all = [&retrieve[..], &of, &asking(from)].concat();
        let done = self.says(from, &all, 0);
        assert!(done["index"].as_u64().is_some(), "{done:#}");
    }
}

fn facility(network: &str) -> &'static str {
    let of = NETWORKS.iter().find(|(id, _)| *id == network);
    of.unwrap().1
}

fn asking(network: &str) -> [&'static str; 8] {
    let facility = facility(network);
    [
        "--facility",
        facility,
        "--practitioner",
        "dr-1",
        "--role",
        "physician",
        "--purpose",
        "TREAT",
    ]
}

/// Ports nobody listens on, a moment ago.
fn free_ports() -> [u16; 4] {
    let held = NETWORKS.map(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    held.map(|listener| listener.local_addr().unwrap().port())
}

/// Four networks with a replica each.
fn town() -> Town {
    let dir = tempfile::tempdir().unwrap();
    let mut town = Town {
        dir,
        running: BTreeMap::new(),
        traveller: Value::Null,
    };
    let storages = town.at("ssmix2");
    let mut sample = vec!["sample", "ssmix2", "--out", &storages];
    sample.extend(["--patients", "3", "--travellers", "1"]);
    for (_, facility) in NETWORKS {
        sample.extend(["--facility", facility]);
    }
    program().run(&sample, LIMIT).expect(0);
    let truth = std::fs::read(town.dir.path().join("ssmix2/truth.json")).unwrap();
    let truth: Value = serde_json::from_slice(&truth).unwrap();
    let mut persons = truth["persons"].as_array().unwrap().iter();
    town.traveller = persons.find(|p| p["traveller"] == true).unwrap().clone();

    let genesis = town.at("genesis.json");
    let mut found = vec!["network".to_owned(), "found".to_owned()];
    found.extend(["--out".to_owned(), genesis.clone()]);
    for (n, ((id, facility), port)) in NETWORKS.into_iter().zip(free_ports()).enumerate() {
        let (listen, replica) = (format!("127.0.0.1:{port}"), (n + 1).to_string());
        let folder = town.at(id);
        let init = [
            "network", "init", "--id", id, "--name", id, "--listen", &listen,
        ];
        let more = [
            "--replica",
            &replica,
            "--expected-rtt-ms",
            "1",
            "--dir",
            &folder,
        ];
        program().run(&[&init[..], &more].concat(), LIMIT).expect(0);
        found.extend(["--card".to_owned(), town.at(&format!("{id}/card.json"))]);
        let source = format!(
            "\n[[node.source]]\nid = \"a\"\nkind = \"ss-mix2-standardised\"\nfacility = \"{facility}\"\nroot = \"../ssmix2/{facility}\"\n"
        );
        let config = town.config(id);
        let whole = std::fs::read_to_string(&config).unwrap() + &source;
        std::fs::write(&config, whole).unwrap();
    }
    let found: Vec<_> = found.iter().map(String::as_str).collect();
    program().run(&found, LIMIT).expect(0);
    for (id, _) in NETWORKS {
        std::fs::copy(&genesis, town.at(&format!("{id}/genesis.json"))).unwrap();
        town.serve(id);
    }
    for (id, _) in NETWORKS {
        wait(&format!("{id} is ready"), || {
            town.says(id, &["ledger", "status"], 0)["ready"] == true
        });
    }
    town
}

fn wait(what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + LIMIT;
    while !done() {
        assert!(Instant::now() < until, "waited in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(50));
    }
}

/// Puts the voters of the others in the place of `[replica]`.
fn names_voters(town: &Town, network: &str) {
    let config = town.config(network);
    let text = std::fs::read_to_string(&config).unwrap();
    let (before, rest) = text.split_once("\n[replica]").unwrap();
    let (_, node) = rest.split_once("\n[node]").unwrap();
    let light = format!("{before}\n[node]\nvoters = [2, 3, 4]{node}");
    std::fs::write(&config, light).unwrap();
}

/// A network that never had a replica is admitted, has its transport key registered on a member's machine, is asked.
fn a_newcomer_is_asked(town: &mut Town) {
    let [port, ..] = free_ports();
    let (listen, folder) = (format!("127.0.0.1:{port}"), town.at("oita"));
    let init = [
        "network", "init", "--id", "oita", "--name", "oita", "--listen", &listen,
    ];
    let more = ["--replica", "9", "--expected-rtt-ms", "1", "--dir", &folder];
    program().run(&[&init[..], &more].concat(), LIMIT).expect(0);
    std::fs::copy(town.at("genesis.json"), town.at("oita/genesis.json")).unwrap();
    names_voters(town, "oita");
    let card = town.at("oita/card.json");
    for member in ["kurume", "saga", "yame"] {
        town.says(member, &["network", "admit", "--card", &card], 0);
    }
    // On Saga's machine, with the newcomer's governance key.
    std::fs::create_dir_all(town.at("guest/keys")).unwrap();
    let (saga, guest) = (town.config("saga"), town.config("guest"));
    let text = std::fs::read_to_string(&saga).unwrap();
    let text = text.replacen("id = \"saga\"", "id = \"oita\"", 1);
    std::fs::write(&guest, text).unwrap();
    for (from, to) in [
        ("genesis.json", "guest/genesis.json"),
        ("oita/keys/governance.key", "guest/keys/governance.key"),
        ("saga/keys/transport.key", "guest/keys/transport.key"),
    ] {
        std::fs::copy(town.at(from), town.at(to)).unwrap();
    }
    let key = town.at("oita/keys/transport.key");
    let add = [
        "network",
        "key",
        "add",
        "--purpose",
        "transport",
        "--file",
        &key,
    ];
    town.says("guest", &[&add[..], &["--endpoint", &listen]].concat(), 0);
    town.serve("oita");
    town.says("oita", &["network", "register"], 0);
    let found = town.query("saga", "oita");
    let found = found.json();
    assert_eq!(
        found["outcomes"][0]["outcome"], "denied",
        "no agreement: {found:#}"
    );
}

/// Kurume gives up its replica and names those of the others.
fn becomes_light(town: &mut Town) {
    town.run("kurume", &["ledger", "leave", "1"]);
    wait("replica 1 is retired", || {
        let status = town.says("saga", &["ledger", "status"], 0);
        let voters = status["members"].as_array().unwrap().iter();
        let voters = voters.filter(|m| m["voter"] == true).count();
        voters == 3 && status["ready"] == true
    });
    town.running.remove("kurume");
    names_voters(town, "kurume");
    std::fs::remove_file(town.at("kurume/keys/checkpoint.key")).unwrap();
    let roles = &town.says("kurume", &["config", "check"], 0)["roles"];
    assert_eq!(*roles, serde_json::json!(["light", "node", "broker"]));
    town.serve("kurume");
    // What is not there is said.
    let none = town.run("kurume", &["ledger", "status"]).expect(2);
    assert!(
        none.err.contains("no replica on this machine"),
        "{}",
        none.err
    );
}

/// Policies, an agreement both ways, and the traveller's records linked: all by way of each network's own commands.
fn prepare(town: &Town) {
    let policy = town.at("policy.toml");
    std::fs::write(
        &policy,
        "version = 1\nvalid_from = \"2026-01-01\"\ntext_sha256 = \"00000000000000000000000000000000000000000000000000000000000000aa\"\n\
         [viewing]\nscope = \"each-facility\"\ncapture = [\"written\"]\nnew_facility = { needs-consent = \"written\" }\nwithdrawal = [\"written\"]\n",
    )
    .unwrap();
    for (id, facility) in NETWORKS {
        town.says(id, &["network", "register"], 0);
        let add = [
            "network",
            "facility",
            "add",
            facility,
            "--kind",
            "hospital",
            "--name",
            "見本病院",
        ];
        town.says(id, &add, 0);
        town.says(id, &["network", "policy", "publish", "--file", &policy], 0);
    }
    let example = program()
        .run(&["agreement", "example"], LIMIT)
        .expect(0)
        .out;
    let own = example
        .replace("pikapika-azalea", "saga-kurume")
        .replace("pikapikalink", "saga")
        .replace("azaleanet", "kurume");
    let agreement = town.at("agreement.toml");
    std::fs::write(&agreement, own).unwrap();
    town.says("saga", &["agreement", "propose", "--file", &agreement], 0);
    town.says("kurume", &["agreement", "sign", "saga-kurume", "--yes"], 0);
    let subjects = ["kurume", "saga"].map(|network| {
        let patient = town.patient(network);
        let show = ["subject", "show", "--patient", &patient, "--create"];
        let shown = town.says(network, &show, 0);
        shown["written"].as_str().unwrap().to_owned()
    });
    for (network, other) in [("kurume", &subjects[1]), ("saga", &subjects[0])] {
        let patient = town.patient(network);
        town.says(
            network,
            &["subject", "link", "--patient", &patient, "--with", other],
            0,
        );
    }
}

#[test]
fn a_network_without_a_replica_asks_and_is_asked() {
    let mut town = town();
    becomes_light(&mut town);
    prepare(&town);

    assert_eq!(
        town.outcome("kurume", "saga", 1).0,
        "denied",
        "before consent"
    );
    let consent = town.consent("kurume");
    town.consent("saga");
    let (outcome, documents) = town.outcome("kurume", "saga", 0);
    assert_eq!(outcome, "answered");
    town.retrieves("kurume", "saga", &documents);
    let (outcome, documents) = town.outcome("saga", "kurume", 0);
    assert_eq!(outcome, "answered", "the light node answers");
    town.retrieves("saga", "kurume", &documents);

    // Withdrawn: denied from the next request on.
    let withdraw = [
        "consent",
        "withdraw",
        &consent,
        "--recorded-by",
        facility("kurume"),
    ];
    let withdraw = [&withdraw[..], &["--way", "written"]].concat();
    town.says("kurume", &withdraw, 0);
    assert_eq!(
        town.outcome("kurume", "saga", 1).0,
        "denied",
        "after withdrawal"
    );
    town.consent("kurume");

    a_newcomer_is_asked(&mut town);

    // One voter ends, and another may have to lead.
    town.running.remove("yufu");
    wait("asked and answered without yufu", || {
        town.query("kurume", "saga").code == Some(0) && town.query("saga", "kurume").code == Some(0)
    });

    // With one voter left nothing is decided and nothing is told.
    town.running.remove("yame");
    let closed = town.query("kurume", "saga");
    assert_ne!(closed.code, Some(0), "{}", closed.out);
    assert!(
        closed.err.contains("only 1 of 3 named voters answered"),
        "{}",
        closed.err
    );
}
