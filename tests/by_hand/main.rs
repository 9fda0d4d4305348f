//! Three networks set up by hand, command by command, as their secretariats would: from keys to a verified proof,
//! and what each command says when something is wrong.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod drafted;
mod life;
mod patients;
mod town;

use serde_json::{Value, json};
use std::path::Path;
use town::{LIMIT, NETWORKS, Town, free_ports, program, text, town};

/// One test, because setting the town up takes longer than all checks, and its end must stop its processes.
#[test]
fn three_networks_by_hand() {
    let town = town();
    from_keys_to_a_verified_proof(&town);
    patients::who_is_found_linked_and_followed(&town);
    life::an_emergency_opens_what_was_agreed_and_is_judged_by_a_second_person(&town);
    life::a_disaster_is_declared_prolonged_and_ended_and_a_drill_opens_nothing(&town);
    life::what_is_sealed_is_kept_back_and_nobody_else_learns_of_it(&town);
    life::the_past_is_answered_from_the_ledger(&town);
    life::what_is_posted_is_listed(&town);
    life::asking_again_and_again_is_pointed_out_to_both_networks_officers(&town);
    drafted::a_new_version_is_drawn_up_compared_tried_and_signed(&town);
    the_ledger_stands_alike_at_every_network(&town);
    a_port_in_use_is_named(&town);
    the_data_of_another_replica_is_refused(&town);
    nobody_answering_is_unavailable_and_said_in_both_languages(&town);
    wrong_use_is_told_apart_from_refusals(&town);
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
    paged(town, &found);
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
    // Both retrievals have their release and their receipt; the first exit code that says otherwise is 1.
    let unmatched = town.says("kurume", &["audit", "unmatched"], 0);
    assert_eq!(unmatched["unmatched"], json!([]), "{unmatched:#}");

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

/// The result stays as it was found, page by page, for who asked and nobody else.
fn paged(town: &Town, found: &Value) {
    let id = found["result"]["id"].as_str().unwrap();
    let page = |more: &[&str], by: &str, code| {
        let words = ["page", id, "--practitioner", by, "--max", "3"];
        town.says("kurume", &[&words[..], more].concat(), code)
    };
    let ids = |all: &Value| -> Vec<String> {
        let documents = all["documents"].as_array().unwrap().iter();
        documents
            .map(|d| d["unique_id"].as_str().unwrap().to_owned())
            .collect()
    };
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let after = match next.as_str() {
            "" => vec![],
            next => vec!["--after", next],
        };
        let one = page(&after, "dr-1", 0);
        assert_eq!(one, page(&after, "dr-1", 0), "the same page twice");
        seen.extend(ids(&one));
        match one["next"].as_str() {
            Some(more) => next = more.to_owned(),
            None => break,
        }
    }
    let (mut shown, mut found) = (seen.clone(), ids(found));
    for all in [&mut shown, &mut found] {
        all.sort();
        all.dedup();
    }
    assert_eq!(shown, found, "all of it, and no document twice");
    assert_eq!(shown.len(), seen.len());
    page(&[], "dr-2", 2);
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
        "[network]\nid = \"yame\"\n[server]\nlisten = \"127.0.0.1:{port}\"\n[replica]\nid = 3\nexpected_rtt_ms = 1\n"
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
        let (path, to) = file.map(|f| (f.path(), to.join(f.file_name()))).unwrap();
        if path.is_dir() {
            copy(&path, &to);
        } else {
            std::fs::copy(path, to).unwrap();
        }
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
