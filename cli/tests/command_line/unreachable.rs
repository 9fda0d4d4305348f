//! Every command that needs the running node, when none runs.

use super::{Made, fails, run};
use std::net::TcpListener;

/// A founded network whose port nobody listens on.
fn nobody() -> Made {
    let held = TcpListener::bind("127.0.0.1:0").unwrap();
    Made::new("mamenet", 1, &held.local_addr().unwrap().to_string()).founded()
}

#[test]
fn nobody_listening_is_said_by_every_command_and_ends_with_three() {
    let made = nobody();
    let (config, draft, policy) = (
        made.file("sekisho.toml"),
        made.file("a.toml"),
        made.file("p.toml"),
    );
    std::fs::write(&draft, run(&["agreement", "example"]).expect(0).out).unwrap();
    std::fs::write(
        &policy,
        run(&["network", "policy", "example"]).expect(0).out,
    )
    .unwrap();
    let bundle = made.file("b.bundle");
    let patient = ["--patient", "4110100015/00001234"];
    let other = ["--with", "azaleanet:00112233445566778899aabbccddeeff"];
    let asking = [
        "--facility",
        "4110100015",
        "--practitioner",
        "dr-1",
        "--role",
        "physician",
        "--purpose",
        "TREAT",
    ];
    let taken = ["--recorded-by", "4110100015"];
    let facility = [
        "network",
        "facility",
        "add",
        "4110100015",
        "--kind",
        "hospital",
        "--name",
        "見本病院",
    ];
    let who = [
        "--subject",
        "azaleanet:00112233445566778899aabbccddeeff",
        "--document-category",
        "diagnosis",
        "--on",
        "2026-04-01",
    ];
    let cases: Vec<Vec<&str>> = vec![
        vec!["network", "register"],
        facility.to_vec(),
        vec!["network", "facility", "leave", "4110100015"],
        vec!["network", "policy", "publish", "--file", &policy],
        vec!["network", "show"],
        vec!["agreement", "propose", "--file", &draft],
        vec!["agreement", "sign", "pikapika-azalea"],
        vec!["agreement", "sign", "pikapika-azalea", "--yes"],
        vec!["agreement", "suspend", "pikapika-azalea"],
        vec!["agreement", "terminate", "pikapika-azalea"],
        vec!["agreement", "list"],
        vec!["agreement", "show", "pikapika-azalea"],
        [
            &[
                "consent",
                "grant",
                "--side",
                "viewing",
                "--all",
                "--capture",
                "written",
            ],
            &patient[..],
            &taken,
        ]
        .concat(),
        [
            &["consent", "withdraw", "3", "--way", "written"],
            &taken[..],
        ]
        .concat(),
        [&["consent", "reserve", "--anyone"], &patient[..], &taken].concat(),
        [&["consent", "clear", "3"], &taken[..]].concat(),
        [&["consent", "list"], &patient[..]].concat(),
        [&["subject", "show", "--create"], &patient[..]].concat(),
        [&["subject", "link"], &patient[..], &other].concat(),
        [&["subject", "unlink"], &patient[..], &other].concat(),
        [&["query"], &patient[..], &asking].concat(),
        [
            &["retrieve", "--network", "a", "--document", "1.2"],
            &patient[..],
            &asking,
        ]
        .concat(),
        vec!["ingest"],
        vec!["audit", "bundle", "3", "--out", &bundle],
        vec!["audit", "show", "3"],
        vec!["audit", "explain", "3"],
        vec!["audit", "widened", "3"],
        vec!["audit", "reviews"],
        [&["audit", "who-could-see"], &who[..]].concat(),
        [&["audit", "told", "3", "--way", "letter"], &taken[..]].concat(),
        vec!["network", "notice", "list"],
        vec!["network", "notice", "remove", "3"],
        vec![
            "network",
            "notice",
            "post",
            "--purpose",
            "TREAT",
            "--text",
            &policy,
        ],
        vec!["network", "key", "add", "--purpose", "officer"],
        vec!["network", "authority", "end", "fukuoka"],
        vec!["disaster", "list"],
        [&["consent", "unseal", "3"][..]].concat(),
        [&["consent", "proxy", "list"], &patient[..]].concat(),
        [&["subject", "died"], &patient[..], &taken].concat(),
        [&["subject", "erase", "--yes"], &patient[..]].concat(),
        vec!["ledger", "status"],
        vec!["ledger", "promote", "1204"],
        vec!["ledger", "leave", "1"],
        vec!["ledger", "checkpoint"],
        vec!["ledger", "log"],
    ];
    for case in cases {
        let args = [&case[..], &["--config", &config]].concat();
        let ended = run(&args).expect(3);
        assert!(
            ended.err.contains("is `sekisho serve` running?"),
            "{case:?}: {}",
            ended.err
        );
        assert!(
            !ended.err.contains("00001234"),
            "no local id in messages: {}",
            ended.err
        );
        assert_eq!(ended.out, "", "{case:?}");
    }
    assert!(!std::path::Path::new(&bundle).exists());
    fails(
        &["ledger", "status", "--config", &config],
        3,
        "cannot connect",
        "接続できません",
    );
}

#[test]
fn a_peer_that_never_answers_is_given_up_in_time() {
    // It takes connections and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let made = Made::new("mamenet", 1, &silent.local_addr().unwrap().to_string()).founded();
    let config = made.file("sekisho.toml");
    let ended = run(&["ledger", "status", "--timeout", "1", "--config", &config]).expect(3);
    assert!(ended.took.as_secs() < 20, "{:?}: {}", ended.took, ended.err);
}

#[test]
fn missing_or_open_keys_and_a_missing_founding_file_are_told_before_connecting() {
    use std::os::unix::fs::PermissionsExt;
    let made = nobody();
    let config = made.file("sekisho.toml");
    let status = ["ledger", "status", "--config", &config];
    let key = made.file("keys/transport.key");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    fails(&status, 2, "chmod 0600", "通信鍵");
    std::fs::remove_file(&key).unwrap();
    fails(&status, 2, "transport.key", "通信鍵");
    std::fs::remove_file(made.file("genesis.json")).unwrap();
    fails(&status, 2, "genesis.json", "創設ファイル");
}

#[test]
fn governance_needs_its_key_here() {
    let made = nobody();
    let config = made.file("sekisho.toml");
    std::fs::remove_file(made.file("keys/governance.key")).unwrap();
    let suspend = ["agreement", "suspend", "x", "--config", &config];
    fails(&suspend, 2, "the governance key", "運営鍵");
}
