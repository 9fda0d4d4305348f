//! From samples and keys to a founded ledger.

use super::{Made, fails, run, text};
use serde_json::Value;
use std::os::unix::fs::PermissionsExt;

fn json(path: &str) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn a_sample_is_written_once_and_replaced_only_when_told() {
    let dir = tempfile::tempdir().unwrap();
    let out = text(dir.path());
    let facilities = ["--facility", "4110100015:enju", "--facility", "4010200014"];
    let numbers = ["--patients", "2", "--travellers", "1", "--seed", "7"];
    let args = [
        &["sample", "ssmix2", "--out", &out],
        &facilities[..],
        &numbers,
    ]
    .concat();
    let object = run(&[&args[..], &["--json"]].concat()).expect(0).json();
    assert_eq!(
        (&object["persons"], &object["travellers"]),
        (&3.into(), &1.into()),
        "{object:#}"
    );
    assert_eq!(object["facilities"][0]["vendor"], "enju");
    let truth = std::fs::read(dir.path().join("truth.json")).unwrap();
    fails(&args, 2, "--overwrite", "--overwrite");
    let said = run(&[&args[..], &["--overwrite", "--lang", "ja"]].concat()).expect(0);
    assert!(
        said.out.contains("架空の患者 3 人") && said.out.contains("enju"),
        "{}",
        said.out
    );
    assert_eq!(
        std::fs::read(dir.path().join("truth.json")).unwrap(),
        truth,
        "the seed decides"
    );

    let pharmacy = [
        "sample",
        "ssmix2",
        "--out",
        &out,
        "--facility",
        "4140100015",
        "--patients",
        "0",
    ];
    let object = fails(&pharmacy, 2, "4140100015", "この指定では作れません");
    let all = object["error"]["en"].as_str().unwrap();
    assert!(all.contains("patients"), "both faults at once: {all}");
}

#[test]
fn init_makes_private_keys_a_working_configuration_and_a_card_without_secrets() {
    let made = Made::new("mamenet", 3, "127.0.0.1:7443");
    let mode = |name: &str| {
        std::fs::metadata(made.file(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode("keys"), 0o700);
    for key in ["governance", "node", "transport", "checkpoint"] {
        assert_eq!(mode(&format!("keys/{key}.key")), 0o600, "{key}");
        let secret = std::fs::read(made.file(&format!("keys/{key}.key"))).unwrap();
        let card = std::fs::read_to_string(made.file("card.json")).unwrap();
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!card.contains(&hex), "{key}");
    }
    let config = made.file("sekisho.toml");
    let checked = run(&["config", "check", "--config", &config, "--json"])
        .expect(0)
        .json();
    assert_eq!(checked["network"], "mamenet");
    assert_eq!(
        checked["roles"],
        serde_json::json!(["replica", "node", "broker"])
    );

    // The same again is harmless: the keys stay what they are. Anything else is refused.
    let card = json(&made.file("card.json"));
    assert_eq!(
        (&card["replica"], &card["endpoint"]),
        (&3.into(), &"127.0.0.1:7443".into())
    );
    made.init("mamenet", 3, "127.0.0.1:7443").expect(0);
    assert_eq!(json(&made.file("card.json")), card);
    let refused = made.init("mamenet", 4, "127.0.0.1:7443").expect(2);
    assert!(refused.err.contains("not overwritten"), "{}", refused.err);
    assert_eq!(json(&made.file("card.json")), card);
}

#[test]
fn an_address_nobody_reaches_and_a_long_name_are_refused_before_anything_is_made() {
    let dir = tempfile::tempdir().unwrap();
    let folder = text(dir.path().join("made"));
    let init = |name: &str, more: &[&str], en: &str, ja: &str| {
        let args = [
            "network", "init", "--id", "a", "--name", name, "--dir", &folder,
        ];
        fails(&[&args[..], more].concat(), 2, en, ja);
    };
    init(
        "見本",
        &["--listen", "0.0.0.0:7443"],
        "--endpoint HOST:PORT",
        "--endpoint HOST:PORT",
    );
    init(
        "見本",
        &["--listen", "127.0.0.1:7443", "--endpoint", "a.jp"],
        "is not HOST:PORT",
        "の形ではありません",
    );
    init(
        &"長".repeat(101),
        &["--listen", "127.0.0.1:7443"],
        "1 to 100",
        "1〜100",
    );
    assert!(!dir.path().join("made").exists());
}

#[test]
fn founders_cards_make_one_ledger_that_nothing_overwrites() {
    let (a, b) = (
        Made::new("azaleanet", 2, "127.0.0.1:1001"),
        Made::new("mamenet", 1, "127.0.0.1:1002"),
    );
    let (card_a, card_b, out) = (
        a.file("card.json"),
        b.file("card.json"),
        a.file("genesis.json"),
    );
    let found = [
        "network", "found", "--card", &card_a, "--card", &card_b, "--out", &out,
    ];
    let object = run(&[&found[..], &["--json"]].concat()).expect(0).json();
    let genesis = json(&out);
    assert_eq!(genesis["ledger"], object["ledger"]);
    assert_eq!(object["networks"].as_array().unwrap().len(), 2);
    // In order of replica ids, whatever the order of the cards.
    assert_eq!(object["replicas"][0]["network"], "mamenet");
    fails(&found, 2, "never overwritten", "上書きしません");

    let same = Made::new("oshidorinet", 2, "127.0.0.1:1003");
    let (card_c, out) = (same.file("card.json"), same.file("genesis.json"));
    let twice = [
        "network", "found", "--card", &card_a, "--card", &card_c, "--out", &out,
    ];
    fails(&twice, 2, "both take replica 2", "重複しています");
    let other = Made::new("azaleanet", 5, "127.0.0.1:1004");
    let differing = [
        "network",
        "found",
        "--card",
        &card_a,
        "--card",
        &other.file("card.json"),
        "--out",
        &out,
    ];
    fails(
        &differing,
        2,
        "differ in name or governance key",
        "運営鍵が異なります",
    );
    let no_card = [
        "network",
        "found",
        "--card",
        &a.file("sekisho.toml"),
        "--out",
        &out,
    ];
    fails(&no_card, 2, "could not read the card", "名刺ファイル");
    fails(
        &["network", "found", "--card", "/nowhere.json", "--out", &out],
        2,
        "/nowhere.json",
        "/nowhere.json",
    );
    assert!(!std::path::Path::new(&out).exists());
}

#[test]
fn a_card_with_a_weak_or_reused_key_founds_nothing() {
    let made = Made::new("mamenet", 1, "127.0.0.1:1001");
    let (card, out) = (made.file("card.json"), made.file("genesis.json"));
    let whole = json(&card);
    let found = ["network", "found", "--card", &card, "--out", &out];
    // The neutral element: every message would seem signed by it.
    let weak = "0100000000000000000000000000000000000000000000000000000000000000";
    let reused = whole["keys"]["transport"].clone();
    for (key, expected) in [
        (weak.into(), "its order is small"),
        (reused, "used more than once"),
    ] {
        let mut altered = whole.clone();
        altered["keys"]["checkpoint"] = key;
        std::fs::write(&card, altered.to_string()).unwrap();
        fails(&found, 2, expected, "台帳を創設できません");
    }
    assert!(!std::path::Path::new(&out).exists());
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    held.local_addr().unwrap().port()
}

#[test]
fn serve_checks_whose_machine_this_is_and_all_its_keys_before_anything_starts() {
    use std::os::unix::fs::PermissionsExt;
    let made = Made::new("mamenet", 1, &format!("127.0.0.1:{}", free_port())).founded();
    let (config, key) = (made.file("sekisho.toml"), made.file("keys/node.key"));
    let serve = ["serve", "--config", &config];
    let whole = std::fs::read_to_string(&config).unwrap();
    let nothing_started = || {
        assert!(!std::path::Path::new(&made.file("data")).exists());
        assert!(!std::path::Path::new(&made.file("keys/replica-1.started")).exists());
    };

    std::fs::write(&config, whole.replace("\"mamenet\"", "\"oshidorinet\"")).unwrap();
    fails(
        &serve,
        2,
        "network.id is oshidorinet, but in the founding file replica 1 is mamenet's",
        "レプリカ 1 は mamenet のものです",
    );
    nothing_started();

    std::fs::write(&config, whole).unwrap();
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    fails(&serve, 2, "mode 0644", "ノード鍵を読むことが");
    nothing_started();

    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::remove_file(made.file("genesis.json")).unwrap();
    fails(&serve, 2, "there is no genesis file", "創設ファイル");
    nothing_started();
}
