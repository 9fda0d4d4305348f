//! What an officer and a draftsman do without any network.

use super::{Made, fails, run, text};

#[test]
fn a_bundle_that_proves_nothing_is_refused_and_the_reason_named() {
    let made = Made::new("mamenet", 1, "127.0.0.1:1001").founded();
    let (bundle, genesis) = (made.file("a.bundle"), made.file("genesis.json"));
    let verify = ["audit", "verify", &bundle, "--genesis", &genesis];
    fails(&verify, 2, "could not read the bundle", "証拠ファイル");
    let cases = [
        (b"".as_slice(), "the file is empty", "ファイルが空です"),
        (
            b"\xff\xff\xff",
            "not a proof bundle",
            "証拠ファイルの形式ではありません",
        ),
        (
            b"{}",
            "not a proof bundle",
            "証拠ファイルの形式ではありません",
        ),
    ];
    for (bytes, en, ja) in cases {
        std::fs::write(&bundle, bytes).unwrap();
        for (language, expected) in [
            ("en", format!("the first thing that does not hold: {en}")),
            ("ja", format!("最初に成り立たない点：{ja}")),
        ] {
            let ended = run(&[&verify[..], &["--lang", language]].concat()).expect(4);
            let said = ended.err.replace("the file is not a", "not a");
            assert!(said.contains(&expected), "{bytes:?}: {}", ended.err);
            assert_eq!(ended.out, "", "{bytes:?}");
        }
        let object = run(&[&verify[..], &["--json"]].concat()).expect(4).json();
        assert_eq!(object["verified"], false, "{object:#}");
        assert!(
            object["fault"]
                .as_str()
                .is_some_and(|fault| !fault.is_empty()),
            "{object:#}"
        );
    }
}

#[test]
fn a_founding_file_that_was_altered_is_not_believed() {
    let made = Made::new("mamenet", 1, "127.0.0.1:1001").founded();
    let genesis = made.file("genesis.json");
    let whole = std::fs::read_to_string(&genesis).unwrap();
    std::fs::write(&genesis, whole.replace("127.0.0.1:1001", "127.0.0.1:1002")).unwrap();
    fails(
        &["audit", "verify", &genesis, "--genesis", &genesis],
        4,
        "it was altered",
        "改変されています",
    );
    // Altered into what is no key at all: the id tells before the key is looked at.
    let key = serde_json::from_str::<serde_json::Value>(&whole).unwrap();
    let key = key["genesis"]["networks"][0]["governance_key"]
        .as_str()
        .unwrap()
        .to_owned();
    std::fs::write(&genesis, whole.replace(&key, &"0".repeat(64))).unwrap();
    fails(
        &["audit", "verify", &genesis, "--genesis", &genesis],
        4,
        "it was altered",
        "改変されています",
    );
    // Not read to its end, however long it is.
    let file = std::fs::File::create(&genesis).unwrap();
    file.set_len(1 << 40).unwrap();
    fails(
        &["audit", "verify", &genesis, "--genesis", &genesis],
        2,
        "bytes and no genesis file",
        "創設ファイルではありません",
    );
    std::fs::write(&genesis, "{}").unwrap();
    fails(
        &["audit", "verify", &genesis, "--genesis", &genesis],
        2,
        "could not read the genesis file",
        "創設ファイル",
    );
}

#[test]
fn drafts_are_checked_before_anybody_is_asked() {
    let made = Made::new("mamenet", 1, "127.0.0.1:1001");
    let (config, draft) = (made.file("sekisho.toml"), made.file("draft.toml"));
    let agreement = run(&["agreement", "example"]).expect(0).out;
    let policy = run(&["network", "policy", "example"]).expect(0).out;
    let propose = [
        "agreement",
        "propose",
        "--file",
        &draft,
        "--config",
        &config,
    ];
    let publish = [
        "network", "policy", "publish", "--file", &draft, "--config", &config,
    ];
    fails(&propose, 2, "could not read", "読むことが");
    let cases: [(&[&str], String, &str, &str); 6] = [
        (
            &propose,
            agreement.replace("\"physician\"", "\"doctor\""),
            "laboratory-technician",
            "1 番目の [[grant]]",
        ),
        (
            &propose,
            agreement.replace("version = 1", ""),
            "version",
            "書き方の見本",
        ),
        (
            &propose,
            agreement.replace("2029-03-31", "2020-03-31"),
            "ends before it begins",
            "始まり",
        ),
        (
            &propose,
            agreement.replace("# text =", "text ="),
            "exactly one of",
            "どちらか一方",
        ),
        (
            &publish,
            policy.replace("\"each-facility\"", "\"anywhere\""),
            "policy example",
            "anywhere",
        ),
        (
            &publish,
            policy.replace("valid_from", "valid_form"),
            "valid_form",
            "valid_form",
        ),
    ];
    for (args, content, en, ja) in cases {
        std::fs::write(&draft, content).unwrap();
        fails(args, 2, en, ja);
    }
}

#[test]
fn json_is_one_object_also_for_examples() {
    for args in [
        ["config", "example"].as_slice(),
        &["agreement", "example"],
        &["network", "policy", "example"],
    ] {
        let plain = run(args).expect(0).out;
        let object = run(&[args, &["--json"]].concat()).expect(0).json();
        assert_eq!(object["example"].as_str().unwrap(), plain, "{args:?}");
    }
}

#[test]
fn nothing_is_overwritten_and_standard_output_is_not_shared() {
    let made = Made::new("mamenet", 1, "127.0.0.1:1001").founded();
    let config = made.file("sekisho.toml");
    let asking = [
        "retrieve",
        "--network",
        "a",
        "--document",
        "1.2",
        "--patient",
        "4110100015/1",
        "--facility",
        "4110100015",
        "--practitioner",
        "dr-1",
        "--role",
        "physician",
        "--purpose",
        "TREAT",
        "--config",
        &config,
    ];
    let out = text(&config);
    let bundle = ["audit", "bundle", "3", "--config", &config];
    for command in [&asking[..], &bundle] {
        fails(
            &[command, &["--out", &out]].concat(),
            2,
            "it is not overwritten",
            "上書きしません",
        );
    }
    let until = [
        "consent",
        "grant",
        "--patient",
        "4110100015/1",
        "--side",
        "viewing",
        "--all",
        "--recorded-by",
        "4110100015",
        "--capture",
        "written",
        "--until",
        "2026-01-31",
        "--config",
        &config,
    ];
    fails(&until, 2, "2026-01-31 is over", "もう過ぎています");
    let object = run(&[&asking[..], &["--raw", "--json"]].concat())
        .expect(2)
        .json();
    assert!(
        object["error"]["en"]
            .as_str()
            .unwrap()
            .contains("--out FILE"),
        "{object:#}"
    );
}
