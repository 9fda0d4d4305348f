//! Help, and what is said of a wrong command line or configuration.

use super::{LIMIT, fails, program, run, text};
use std::io::Read;
use std::process::{Command, Stdio};

/// Every command there is, as the help of each lists those below it.
fn commands() -> Vec<Vec<String>> {
    let mut all = vec![Vec::new()];
    let mut next = 0;
    while let Some(path) = all.get(next).cloned() {
        next += 1;
        let args: Vec<&str> = path.iter().map(String::as_str).chain(["--help"]).collect();
        let help = run(&args).expect(0).out;
        let list = help.split("Commands:\n").nth(1).unwrap_or_default();
        let below = list.lines().take_while(|line| !line.is_empty());
        let names = below.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
        for name in names.filter_map(|line| line.split_whitespace().next()) {
            all.push([path.as_slice(), &[name.to_owned()]].concat());
        }
    }
    all
}

#[test]
fn every_command_explains_itself_in_both_languages() {
    let all = commands();
    assert!(all.len() > 85, "{all:?}");
    for path in all {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let en = run(&[&path[..], &["--help", "--lang", "en"]].concat()).expect(0);
        let ja = run(&[&path[..], &["--lang", "ja", "-h"]].concat()).expect(0);
        assert!(en.out.contains("Usage: sekisho"), "{path:?}: {}", en.out);
        assert!(ja.out.contains("使い方： sekisho"), "{path:?}: {}", ja.out);
        assert!(ja.out.contains("共通オプション"), "{path:?}: {}", ja.out);
        assert!(!ja.out.contains("Options"), "{path:?}: {}", ja.out);
        assert_eq!((en.err.as_str(), ja.err.as_str()), ("", ""));
        let has_commands = en.out.contains("Commands:\n");
        let has_example = en.out.contains("Example:\n") && ja.out.contains("例：\n");
        assert!(has_commands || has_example, "{path:?}: {}", en.out);
    }
}

#[test]
fn the_locale_chooses_the_language_unless_told() {
    let cases = [
        ("LC_ALL", "ja_JP.UTF-8", "使い方"),
        ("LC_ALL", "en_US.UTF-8", "Usage"),
    ];
    for (name, value, expected) in cases {
        let ended = program()
            .with(name, value)
            .run(&["--help"], LIMIT)
            .expect(0);
        assert!(
            ended.out.contains(expected),
            "{name}={value}: {}",
            ended.out
        );
    }
}

#[test]
fn a_wrong_command_line_is_told_in_both_languages() {
    let pseudonym = "azaleanet:00112233445566778899aabbccddeeff";
    let cases: [(&[&str], &str); 24] = [
        (&["frobnicate"], "frobnicate"),
        (&["agreement", "sing", "x"], "sing"),
        (&["query"], "--patient"),
        (&["audit", "widened"], "INDEX"),
        (
            &["audit", "who-could-see", "--on", "2026-13-01"],
            "YYYY-MM-DD",
        ),
        (
            &["network", "notice", "post", "--until", "2027-01-01"],
            "--purpose",
        ),
        (
            &["network", "key", "add", "--purpose", "transport"],
            "--endpoint",
        ),
        (&["disaster", "declare", "--area", "48"], "01 to 47"),
        (&["subject", "erase", "--patient", pseudonym], "--yes"),
        (
            &["consent", "reserve", "--patient", pseudonym],
            "--practitioner",
        ),
        (&["ledger", "log", "--max", "0"], "--max"),
        (&["ledger", "status", "--timeout", "0"], "--timeout"),
        (&["ledger", "status", "--timeout", "61"], "--timeout"),
        (
            &["subject", "show", "--patient", "00001234"],
            "FACILITY/LOCALID",
        ),
        (
            &["subject", "show", "--patient", "411/00001234"],
            "10 digits",
        ),
        (
            &[
                "subject",
                "link",
                "--patient",
                "4110100015/1",
                "--with",
                "azaleanet",
            ],
            "NETWORK:PSEUDONYM",
        ),
        (&["subject", "link", "--with", pseudonym], "--patient"),
        (
            &[
                "network",
                "facility",
                "add",
                "4110100015",
                "--kind",
                "castle",
                "--name",
                "x",
            ],
            "hospital",
        ),
        (
            &[
                "network",
                "init",
                "--id",
                "ピカピカ",
                "--name",
                "x",
                "--listen",
                "127.0.0.1:1",
                "--dir",
                "x",
            ],
            "a-z, 0-9",
        ),
        (
            &[
                "network", "init", "--id", "a", "--name", "x", "--listen", "7443", "--dir", "x",
            ],
            "--listen",
        ),
        (&["agreement", "show", "Saga"], "a-z, 0-9"),
        (
            &[
                "consent",
                "withdraw",
                "x",
                "--recorded-by",
                "4110100015",
                "--way",
                "oral",
            ],
            "INDEX",
        ),
        (
            &[
                "consent",
                "withdraw",
                "1",
                "--recorded-by",
                "4110100015",
                "--way",
                "by-post",
            ],
            "via-physician",
        ),
        (
            &[
                "sample",
                "ssmix2",
                "--out",
                "x",
                "--facility",
                "4110100015:acme",
            ],
            "asagi",
        ),
    ];
    for (args, expected) in cases {
        let object = fails(args, 2, expected, "コマンドの書き方に誤りがあります");
        assert!(object["error"]["ja"].as_str().unwrap().contains(expected));
    }
    let grant = [
        "consent",
        "grant",
        "--patient",
        "4110100015/1",
        "--side",
        "viewing",
    ];
    let taken = ["--recorded-by", "4110100015", "--capture", "written"];
    fails(&[&grant[..], &taken].concat(), 2, "--all", "--facility");
    let both = ["--all", "--facility", "4110100015"];
    fails(
        &[&grant[..], &taken, &both].concat(),
        2,
        "--all",
        "--facility",
    );
    fails(
        &[&grant[..], &taken, &["--all", "--until", "2027-02-30"]].concat(),
        2,
        "YYYY-MM-DD",
        "YYYY-MM-DD",
    );
}

#[test]
fn a_configuration_with_five_mistakes_has_all_five_reported() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sekisho.toml");
    let wrong = "[network]\nid = \"ピカピカ\"\n[server]\nlisten = \"7443\"\n[replica]\nid = -1\nexpected_rtt_ms = 0\ncolour = \"red\"\n";
    std::fs::write(&path, wrong).unwrap();
    let check = ["config", "check", "--config", &text(&path)];
    let object = fails(&check, 2, "has faults", "誤りがあります");
    for fault in [
        "network.id",
        "server.listen",
        "replica.id",
        "replica.expected_rtt_ms",
        "replica.colour",
    ] {
        assert!(
            object["error"]["en"].as_str().unwrap().contains(fault),
            "{fault}: {object:#}"
        );
    }
    fails(
        &["config", "check", "--config", "/nowhere/sekisho.toml"],
        2,
        "/nowhere/sekisho.toml",
        "SEKISHO_CONFIG",
    );
}

#[test]
fn the_demo_touches_nothing_that_is_there_and_names_a_busy_port() {
    let dir = tempfile::tempdir().unwrap();
    let folder = text(dir.path());
    let demo = ["demo", "--once", "--dir", &folder];
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = held.local_addr().unwrap().port().min(65_531);
    let _last = std::net::TcpListener::bind(("127.0.0.1", port));
    let first = port.to_string();
    let busy = [&demo[..], &["--base-port", &first]].concat();
    let said = format!("127.0.0.1:{port}");
    fails(&busy, 2, &said, &said);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);

    std::fs::write(dir.path().join("genesis.json"), "mine").unwrap();
    fails(&demo, 2, "is not empty", "空ではありません");
    let kept = std::fs::read_to_string(dir.path().join("genesis.json")).unwrap();
    assert_eq!(
        (
            kept.as_str(),
            std::fs::read_dir(dir.path()).unwrap().count()
        ),
        ("mine", 1)
    );
}

#[test]
fn the_configuration_is_named_or_in_the_environment_or_here() {
    let dir = tempfile::tempdir().unwrap();
    let example = run(&["config", "example"]).expect(0);
    std::fs::write(dir.path().join("sekisho.toml"), &example.out).unwrap();
    std::fs::write(
        dir.path().join("other.toml"),
        example.out.replace("pikapikalink", "mamenet"),
    )
    .unwrap();
    let check = |program: sekisho_harness::Program, args: &[&str]| {
        let args = [&["config", "check", "--json"], args].concat();
        program
            .run_in(&args, Some(dir.path()), LIMIT)
            .expect(0)
            .json()["network"]
            .clone()
    };
    assert_eq!(check(program(), &[]), "pikapikalink");
    assert_eq!(
        check(program().with("SEKISHO_CONFIG", "other.toml"), &[]),
        "mamenet"
    );
    let named = ["--config", "sekisho.toml"];
    assert_eq!(
        check(program().with("SEKISHO_CONFIG", "other.toml"), &named),
        "pikapikalink"
    );
}

#[test]
fn a_reader_that_leaves_early_breaks_nothing() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_sekisho"))
        .args(["config", "example"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let mut err = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut err)
        .unwrap();
    assert!(child.wait().unwrap().success(), "{err}");
    assert_eq!(err, "");
}
