//! Three networks set up by hand, command by command, as their secretariats would: from keys to a verified proof,
//! and what each command says when something is wrong.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use sekisho_harness::{Ended, Program, Running};
use serde_json::Value;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(90);
const NETWORKS: [(&str, &str, &str); 3] = [
    ("kurume", "アザレアネット", "4010000001"),
    ("saga", "ピカピカリンク", "4110000001"),
    ("yame", "八女筑後", "4010000002"),
];

fn program() -> Program {
    Program::at(env!("CARGO_BIN_EXE_sekisho")).with("RUST_LOG", "info")
}

/// Three running networks, an agreement between Saga and Kurume, and one patient of both.
struct Town {
    dir: tempfile::TempDir,
    _running: Vec<Running>,
    /// The traveller's local ids, by facility.
    patient: Value,
}

impl Town {
    fn config(&self, network: &str) -> String {
        text(self.dir.path().join(network).join("sekisho.toml"))
    }
    /// Runs a command of a network, expecting an exit code, and returns its JSON.
    fn says(&self, network: &str, args: &[&str], code: i32) -> Value {
        let config = self.config(network);
        let all = [args, &["--config", &config, "--json"]].concat();
        program().run(&all, LIMIT).expect(code).json()
    }
    fn patient_at(&self, facility: &str) -> String {
        let at = self.patient["at"]
            .as_array()
            .unwrap()
            .iter()
            .find(|at| at["facility"] == facility)
            .unwrap();
        format!("{facility}/{}", at["local_id"].as_str().unwrap())
    }
    fn query(&self, extra: &[&str], code: i32) -> Value {
        let patient = self.patient_at("4010000001");
        self.says("kurume", &[&ask(&patient), extra].concat(), code)
    }
}

fn ask(patient: &str) -> Vec<&str> {
    let asking = [
        "--facility",
        "4010000001",
        "--practitioner",
        "dr-1",
        "--role",
        "physician",
        "--purpose",
        "TREAT",
    ];
    [&["query", "--patient", patient], asking.as_slice()].concat()
}

fn text(path: PathBuf) -> String {
    path.to_str().unwrap().to_owned()
}

/// Ports nobody listens on. They are free again when this returns; a test that meets another's is run again by hand.
fn free_ports<const N: usize>() -> [u16; N] {
    let held: Vec<_> = (0..N)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    std::array::from_fn(|n| held[n].local_addr().unwrap().port())
}

fn town() -> Town {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| text(dir.path().join(path));
    let ports = free_ports::<3>();

    // Invented storages, one traveller who is a patient everywhere.
    let mut sample = vec![
        "sample".to_owned(),
        "ssmix2".to_owned(),
        "--out".to_owned(),
        at("ssmix2"),
    ];
    for (_, _, facility) in NETWORKS {
        sample.extend(["--facility".to_owned(), facility.to_owned()]);
    }
    sample.extend(["--patients", "3", "--travellers", "1"].map(ToOwned::to_owned));
    run(&sample, 0);
    let truth: Value =
        serde_json::from_slice(&std::fs::read(dir.path().join("ssmix2/truth.json")).unwrap())
            .unwrap();
    let patient = truth["persons"]
        .as_array()
        .unwrap()
        .iter()
        .find(|p| p["traveller"] == true)
        .unwrap()
        .clone();

    // Keys and cards, then one founding file for all.
    let mut found = vec![
        "network".to_owned(),
        "found".to_owned(),
        "--out".to_owned(),
        at("genesis.json"),
    ];
    for (n, (id, name, facility)) in NETWORKS.into_iter().enumerate() {
        let (listen, replica) = (format!("127.0.0.1:{}", ports[n]), (n + 1).to_string());
        let init = [
            "network",
            "init",
            "--id",
            id,
            "--name",
            name,
            "--listen",
            &listen,
            "--replica",
            &replica,
        ];
        let folder = at(id);
        let init = [init.as_slice(), &["--timing", "loopback", "--dir", &folder]].concat();
        run(&init.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>(), 0);
        found.extend(["--card".to_owned(), at(&format!("{id}/card.json"))]);
        let config = dir.path().join(id).join("sekisho.toml");
        let source = format!(
            "\n[[node.source]]\nid = \"{facility}\"\nkind = \"ss-mix2-standardised\"\nfacility = \"{facility}\"\nroot = \"../ssmix2/{facility}\"\n"
        );
        // The example ends with [broker], a section of its own: a list of tables may follow it.
        let whole = std::fs::read_to_string(&config).unwrap() + &source;
        std::fs::write(&config, whole).unwrap();
    }
    run(&found, 0);
    let running = NETWORKS
        .iter()
        .map(|(id, ..)| {
            std::fs::copy(at("genesis.json"), at(&format!("{id}/genesis.json"))).unwrap();
            program().start(
                &["serve", "--config", &at(&format!("{id}/sekisho.toml"))],
                "serving",
                LIMIT,
            )
        })
        .collect();
    let town = Town {
        dir,
        _running: running,
        patient,
    };
    wait_ready(&town);
    prepare(&town);
    town
}

/// One test, because setting the town up takes longer than all checks, and its end must stop its processes.
#[test]
fn three_networks_by_hand() {
    let town = town();
    from_keys_to_a_verified_proof(&town);
    the_ledger_stands_alike_at_every_network(&town);
    a_port_in_use_is_named(&town);
    the_data_of_another_replica_is_refused(&town);
    nobody_answering_is_unavailable_and_said_in_both_languages(&town);
    wrong_use_is_told_apart_from_refusals(&town);
}

fn run(args: &[String], code: i32) -> Ended {
    program()
        .run(&args.iter().map(String::as_str).collect::<Vec<_>>(), LIMIT)
        .expect(code)
}

/// A replica serves once it has caught up with a majority, which takes an election after the first start.
fn wait_ready(town: &Town) {
    let until = Instant::now() + LIMIT;
    for (id, ..) in NETWORKS {
        while town.says(id, &["ledger", "status"], 0)["ready"] != true {
            assert!(Instant::now() < until, "{id} is not ready");
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }
}

/// Everything up to the patient's consent.
fn prepare(town: &Town) {
    let policy = town.dir.path().join("policy.toml");
    std::fs::write(
        &policy,
        "version = 1\nvalid_from = \"2026-01-01\"\ntext_sha256 = \"00000000000000000000000000000000000000000000000000000000000000aa\"\n\
         [viewing]\nscope = \"each-facility\"\ncapture = [\"written\"]\nnew_facility = { needs-consent = \"written\" }\nwithdrawal = [\"written\"]\n",
    )
    .unwrap();
    for (id, _, facility) in NETWORKS {
        town.says(id, &["network", "register"], 0);
        town.says(
            id,
            &[
                "network",
                "facility",
                "add",
                facility,
                "--kind",
                "hospital",
                "--name",
                "見本病院",
            ],
            0,
        );
        town.says(
            id,
            &[
                "network",
                "policy",
                "publish",
                "--file",
                &text(policy.clone()),
            ],
            0,
        );
    }
    let agreement = town.dir.path().join("agreement.toml");
    let example = program()
        .run(&["agreement", "example"], LIMIT)
        .expect(0)
        .out;
    let own = example
        .replace("pikapika-azalea", "saga-kurume")
        .replace("pikapikalink", "saga")
        .replace("azaleanet", "kurume");
    std::fs::write(&agreement, own).unwrap();
    town.says(
        "saga",
        &["agreement", "propose", "--file", &text(agreement)],
        0,
    );

    // Nobody signs what was not shown: without a terminal it takes --yes.
    let config = town.config("kurume");
    let unasked = program()
        .run(
            &["agreement", "sign", "saga-kurume", "--config", &config],
            LIMIT,
        )
        .expect(2);
    assert!(unasked.err.contains("--yes"), "{}", unasked.err);
    town.says("kurume", &["agreement", "sign", "saga-kurume", "--yes"], 0);

    let subject = |network: &str, facility: &str| {
        let patient = town.patient_at(facility);
        let shown = town.says(
            network,
            &["subject", "show", "--patient", &patient, "--create"],
            0,
        );
        shown["written"].as_str().unwrap().to_owned()
    };
    let (kurume, saga) = (
        subject("kurume", "4010000001"),
        subject("saga", "4110000001"),
    );
    town.says(
        "kurume",
        &[
            "subject",
            "link",
            "--patient",
            &town.patient_at("4010000001"),
            "--with",
            &saga,
        ],
        0,
    );
    town.says(
        "saga",
        &[
            "subject",
            "link",
            "--patient",
            &town.patient_at("4110000001"),
            "--with",
            &kurume,
        ],
        0,
    );
}

fn outcome<'a>(query: &'a Value, network: &str) -> &'a str {
    let all = query["outcomes"].as_array().unwrap();
    all.iter()
        .find(|o| o["network"] == network)
        .unwrap_or_else(|| panic!("{network} in {query:#}"))["outcome"]
        .as_str()
        .unwrap()
}

fn from_keys_to_a_verified_proof(town: &Town) {
    // Before consent: denied, exit code 1, nothing shown.
    let before = town.query(&[], 1);
    assert_eq!(outcome(&before, "saga"), "denied");
    assert_eq!(before["documents"].as_array().unwrap().len(), 0);

    let patient = town.patient_at("4010000001");
    let grant = [
        "consent",
        "grant",
        "--patient",
        &patient,
        "--side",
        "viewing",
        "--facility",
        "4010000001",
    ];
    let granted = town.says(
        "kurume",
        &[
            &grant[..],
            &["--recorded-by", "4010000001", "--capture", "written"],
        ]
        .concat(),
        0,
    );
    let found = town.query(&[], 0);
    assert_eq!(
        (
            outcome(&found, "saga"),
            outcome(&found, "kurume"),
            outcome(&found, "yame")
        ),
        ("answered", "answered", "denied")
    );
    let documents = found["documents"].as_array().unwrap();
    let prescription = documents
        .iter()
        .find(|d| d["network"] == "saga" && d["category"] == "prescription")
        .unwrap();

    let id = prescription["unique_id"].as_str().unwrap();
    let asking = [
        "--facility",
        "4010000001",
        "--practitioner",
        "dr-1",
        "--role",
        "physician",
        "--purpose",
        "TREAT",
    ];
    let retrieve = [
        &[
            "retrieve",
            "--network",
            "saga",
            "--document",
            id,
            "--patient",
            &patient,
        ],
        asking.as_slice(),
    ]
    .concat();
    let config = town.config("kurume");
    let opened = program()
        .run(
            &[&retrieve[..], &["--config", &config, "--lang", "ja"]].concat(),
            LIMIT,
        )
        .expect(0);
    assert!(
        opened.out.contains("処方") && !opened.out.contains('\u{fffd}'),
        "{}",
        opened.out
    );
    let index = town.says("kurume", &retrieve, 0)["index"].as_u64().unwrap();

    proved(town, index);

    // Withdrawn: denied from the next request on.
    let consent = granted["index"].as_u64().unwrap().to_string();
    town.says(
        "kurume",
        &[
            "consent",
            "withdraw",
            &consent,
            "--recorded-by",
            "4010000001",
            "--way",
            "written",
        ],
        0,
    );
    let after = town.query(&["--network", "saga"], 1);
    assert_eq!(outcome(&after, "saga"), "denied");
    assert_eq!(
        after["outcomes"][0]["detail"]["reason"],
        "consent-withdrawn"
    );
    // Withdrawn twice: a rule stands against it.
    town.says(
        "kurume",
        &[
            "consent",
            "withdraw",
            &consent,
            "--recorded-by",
            "4010000001",
            "--way",
            "written",
        ],
        1,
    );
}

/// The access is proved offline to whoever has the founding file, and a flipped byte is not.
fn proved(town: &Town, index: u64) {
    let (bundle, genesis) = (
        town.dir.path().join("proof"),
        text(town.dir.path().join("genesis.json")),
    );
    town.says(
        "kurume",
        &[
            "audit",
            "bundle",
            &index.to_string(),
            "--out",
            &text(bundle.clone()),
        ],
        0,
    );
    let verify = |file: &Path, code| {
        program()
            .run(
                &[
                    "audit",
                    "verify",
                    file.to_str().unwrap(),
                    "--genesis",
                    &genesis,
                    "--json",
                ],
                LIMIT,
            )
            .expect(code)
    };
    let verified = verify(&bundle, 0).json();
    assert_eq!(verified["verified"], true, "{verified:#}");
    let mut bytes = std::fs::read(&bundle).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    let forged = town.dir.path().join("forged");
    std::fs::write(&forged, bytes).unwrap();
    let refused = verify(&forged, 4);
    assert_eq!(refused.json()["verified"], false, "{}", refused.out);
    assert!(!refused.err.is_empty());
    // A file that is no bundle, and one that is not there.
    verify(Path::new(&genesis), 4);
    verify(&town.dir.path().join("nowhere"), 2);
}

fn the_ledger_stands_alike_at_every_network(town: &Town) {
    let status = |network: &str| town.says(network, &["ledger", "status"], 0);
    let all: Vec<_> = NETWORKS.iter().map(|(id, ..)| status(id)).collect();
    assert!(
        all.iter()
            .all(|s| s["ready"] == true && s["ledger"] == all[0]["ledger"]),
        "{all:#?}"
    );
    let members = town.says("yame", &["network", "show"], 0);
    assert_eq!(
        members["networks"].as_array().unwrap().len(),
        3,
        "{members:#}"
    );
}

fn a_port_in_use_is_named(town: &Town) {
    let config = town.config("saga");
    let ended = program()
        .run(&["serve", "--config", &config], LIMIT)
        .expect(2);
    assert!(
        ended.err.contains("127.0.0.1:") && ended.err.contains("in use"),
        "{}",
        ended.err
    );
}

fn the_data_of_another_replica_is_refused(town: &Town) {
    // Yame's own keys and configuration, pointed at a copy of Saga's data.
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (town.dir.path().join("yame"), dir.path().join("yame"));
    copy(&from.join("keys"), &to.join("keys"));
    copy(
        &town.dir.path().join("saga/data/ledger"),
        &to.join("data/ledger"),
    );
    std::fs::copy(
        town.dir.path().join("genesis.json"),
        to.join("genesis.json"),
    )
    .unwrap();
    let [port] = free_ports::<1>();
    let minimal = format!(
        "[network]\nid = \"yame\"\n[server]\nlisten = \"127.0.0.1:{port}\"\n[replica]\nid = 3\ntiming = \"loopback\"\n"
    );
    std::fs::write(to.join("sekisho.toml"), minimal).unwrap();
    let ended = program()
        .run(
            &[
                "serve",
                "--config",
                to.join("sekisho.toml").to_str().unwrap(),
            ],
            LIMIT,
        )
        .expect(2);
    assert!(
        ended.err.contains("belongs to replica 2, not to replica 3"),
        "{}",
        ended.err
    );
    // The same with nothing at all where its data were: it has voted before, and must not begin anew.
    std::fs::remove_dir_all(to.join("data")).unwrap();
    let ended = program()
        .run(
            &[
                "serve",
                "--config",
                to.join("sekisho.toml").to_str().unwrap(),
            ],
            LIMIT,
        )
        .expect(2);
    assert!(ended.err.contains("has run before"), "{}", ended.err);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

fn nobody_answering_is_unavailable_and_said_in_both_languages(town: &Town) {
    let dir = tempfile::tempdir().unwrap();
    copy(&town.dir.path().join("yame/keys"), &dir.path().join("keys"));
    std::fs::copy(
        town.dir.path().join("genesis.json"),
        dir.path().join("genesis.json"),
    )
    .unwrap();
    let [port] = free_ports::<1>();
    let config = dir.path().join("sekisho.toml");
    std::fs::write(
        &config,
        format!(
            "[network]\nid = \"yame\"\n[server]\nlisten = \"127.0.0.1:{port}\"\n[replica]\nid = 3\n"
        ),
    )
    .unwrap();
    let config = config.to_str().unwrap();
    for (language, words) in [
        ("en", "is `sekisho serve` running?"),
        ("ja", "動いていますか"),
    ] {
        let ended = program()
            .run(
                &["ledger", "status", "--config", config, "--lang", language],
                LIMIT,
            )
            .expect(3);
        assert!(ended.err.contains(words), "{}", ended.err);
        assert_eq!(ended.out, "");
    }
}

fn wrong_use_is_told_apart_from_refusals(town: &Town) {
    let config = town.config("kurume");
    let cases: [(&[&str], i32, &str); 6] = [
        (&["query", "--config", &config], 2, "--patient"),
        (&["frobnicate"], 2, "frobnicate"),
        (
            &["ledger", "status", "--config", "/nowhere/sekisho.toml"],
            2,
            "/nowhere/sekisho.toml",
        ),
        (
            &["subject", "show", "--patient", "12/34", "--config", &config],
            2,
            "10 digits",
        ),
        (
            &[
                "network",
                "facility",
                "add",
                "4010000001",
                "--kind",
                "castle",
                "--name",
                "x",
                "--config",
                &config,
            ],
            2,
            "castle",
        ),
        // Registered already: a rule stands against it.
        (
            &[
                "network",
                "facility",
                "add",
                "4010000001",
                "--kind",
                "hospital",
                "--name",
                "x",
                "--config",
                &config,
            ],
            1,
            "already",
        ),
    ];
    for (args, code, words) in cases {
        let ended = program().run(args, LIMIT);
        assert_eq!(ended.code, Some(code), "{args:?}: {}", ended.err);
        assert!(ended.err.contains(words), "{args:?}: {}", ended.err);
    }
}
