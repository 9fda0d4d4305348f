//! The program itself: exit codes, which stream gets what, and each benchmark with other processes, once and shortly.
//! Peers that are not on this machine are left out, except under `CI=true`.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, naming what failed, and says what it left out"
)]

use std::process::{Command, Output};
use std::sync::{Mutex, PoisonError};

fn bench(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sekisho-bench"))
        .args(args)
        .output()
        .expect("the program runs")
}

/// The result of a short run as JSON; none if its peer is not here.
fn quick(name: &str) -> Option<serde_json::Value> {
    quick_with(&[name])
}

fn quick_with(words: &[&str]) -> Option<serde_json::Value> {
    // One at a time: each starts several processes.
    static TURN: Mutex<()> = Mutex::new(());
    let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let output = bench(&[words, &["--quick", "--json"]].concat());
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(3)
        && said.contains(" is not here; get it by: ")
        && std::env::var_os("CI").is_none_or(|ci| ci != "true")
    {
        println!("{words:?} left out: {}", said.trim());
        return None;
    }
    assert_eq!(output.status.code(), Some(0), "{words:?}: {said}");
    let report = serde_json::from_slice(&output.stdout);
    Some(report.expect("one JSON object"))
}

/// The cases of a report; every row has two numbers and their ratio.
fn cases(report: &serde_json::Value) -> Vec<&str> {
    let rows = report["rows"].as_array().expect("rows");
    let case = |row: &'static str| move |value: &serde_json::Value| value[row].as_f64();
    for row in rows {
        for number in ["ours", "peer", "ratio"] {
            assert!(case(number)(row).is_some(), "{number} of {row}");
        }
    }
    let cases = rows.iter().map(|row| row["case"].as_str());
    cases.map(|case| case.expect("a case")).collect()
}

#[test]
fn list_ends_well_and_a_wrong_name_does_not() {
    let listed = bench(&["list"]);
    assert_eq!(listed.status.code(), Some(0));
    let list = String::from_utf8(listed.stdout).expect("text");
    assert_eq!(list.lines().count(), 14, "{list}");
    assert!(listed.stderr.is_empty());

    let unknown = bench(&["latency", "--json"]);
    assert_eq!(unknown.status.code(), Some(2));
    assert!(unknown.stdout.is_empty());
    let message = String::from_utf8(unknown.stderr).expect("text");
    assert!(
        message.contains("\"latency\"") && message.ends_with(&list),
        "{message}"
    );
}

#[test]
fn a_peer_that_is_not_here_is_said_and_nothing_is_measured() {
    for name in ["etcd", "postgres"] {
        let output = Command::new(env!("CARGO_BIN_EXE_sekisho-bench"))
            .args([name, "--quick"])
            .env("PATH", "")
            .output()
            .expect("the program runs");
        let said = String::from_utf8_lossy(&output.stderr);
        // PostgreSQL's programs are not on the path; whoever is not root needs nothing else of it.
        if name == "postgres" && output.status.code() == Some(0) {
            continue;
        }
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(said.contains(" is not here; get it by: "), "{said}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn etcd_and_ours_by_turns() {
    let Some(report) = quick("etcd") else {
        return;
    };
    let cases = cases(&report);
    assert_eq!(cases.len(), 6, "{cases:?}");
    assert!(cases[0].starts_with("1 client, committed requests"));
    for row in report["rows"].as_array().expect("rows") {
        assert!(row["ours"].as_f64() > Some(0.0) && row["peer"].as_f64() > Some(0.0));
    }
}

#[test]
fn peers_over_mutual_tls_and_ours_by_turns() {
    for (peer, said) in [
        ("etcd", "etcd's (mutual TLS) puts"),
        ("postgres", "mutual TLS"),
    ] {
        let Some(report) = quick_with(&[peer, "--tls"]) else {
            continue;
        };
        let cases = cases(&report);
        assert!(cases[0].ends_with(said), "{cases:?}");
        for row in report["rows"].as_array().expect("rows") {
            assert!(row["ours"].as_f64() > Some(0.0) && row["peer"].as_f64() > Some(0.0));
        }
    }
}

#[test]
fn two_builds_by_turns() {
    let report = quick_with(&["builds", env!("CARGO_BIN_EXE_sekisho-bench")]);
    let report = report.expect("it needs nobody else");
    assert_eq!(cases(&report).len(), 4);
    for row in report["rows"].as_array().expect("rows") {
        assert!(row["ours"].as_f64() > Some(0.0) && row["peer"].as_f64() > Some(0.0));
    }
    let nobody = bench(&["builds", "/nowhere/sekisho-bench", "--quick"]);
    let said = String::from_utf8_lossy(&nobody.stderr);
    assert_eq!(nobody.status.code(), Some(3), "{said}");
    assert!(
        said.contains("builds could not be measured") && said.contains("/nowhere/sekisho-bench"),
        "{said}"
    );
}

#[test]
fn postgres_and_ours_by_turns() {
    let Some(report) = quick("postgres") else {
        return;
    };
    assert_eq!(cases(&report).len(), 1);
    let row = &report["rows"][0];
    assert!(row["ours"].as_f64() > Some(0.0) && row["peer"].as_f64() > Some(0.0));
}

#[test]
fn a_killed_leader_is_replaced() {
    let report = quick("failover").expect("it needs nobody else");
    assert_eq!(cases(&report).len(), 2);
    // Nobody calls an election before the shortest timeout is over.
    let ours = report["rows"][0]["ours"].as_f64().expect("a number");
    assert!(ours > 100.0, "{report}");
}

#[test]
fn a_document_goes_every_way() {
    let report = quick("retrieve").expect("it needs nobody else");
    let cases = cases(&report);
    // Two ways for each of two documents; three processes' memory; two ways 30 ms apart over each of two lines.
    assert_eq!(cases.len(), 4 + 3 + 4, "{cases:#?}");
    for row in report["rows"].as_array().expect("rows") {
        if row["unit"] == "B" {
            assert!(row["ratio"].as_f64() <= Some(1.0), "{row}");
        }
    }
}

#[test]
fn a_replica_grows_and_is_repaired() {
    let report = quick("growth").expect("it needs nobody else");
    let cases = cases(&report);
    for part in [
        "database, at 2,000 entries",
        "resident memory",
        "start-up after a clean stop",
        "start-up after SIGKILL",
        "p99 of a commit, 1 client, at 2,000 entries",
        "p99 of a bare fdatasync meanwhile, at 2,000 entries",
        "while snapshots are taken, at 0 entries",
        "while snapshots are taken, at 2,000 entries",
        "fsck of",
        "export of",
        "a new replica filled",
    ] {
        assert!(
            cases.iter().any(|case| case.contains(part)),
            "{part}: {cases:#?}"
        );
    }
}

/// The row whose case has this in it: ours and the peer's.
fn numbers(report: &serde_json::Value, part: &str) -> (f64, f64) {
    let rows = report["rows"].as_array().expect("rows").iter();
    let of = |row: &&serde_json::Value| row["case"].as_str().is_some_and(|it| it.contains(part));
    let row = rows.clone().find(of).expect(part);
    let number = |name: &str| row[name].as_f64().expect("a number");
    (number("ours"), number("peer"))
}

#[test]
fn many_networks_are_asked_over_a_longer_way_and_in_trouble() {
    let report = quick("queries").expect("it needs nobody else");
    assert_eq!(cases(&report).len(), 13, "{report}");
    for networks in [2, 3, 7] {
        // Nothing comes back before it has gone there.
        let all = numbers(
            &report,
            &format!("{networks} networks 10 ms away, documents of all"),
        );
        assert!(all.0 >= 10.0 && all.1 >= 10.0, "{report}");
    }
    // Who hangs is waited for, and no longer than the caller waits.
    let (end, deadline) = numbers(&report, "end, p99, against the deadline");
    assert!(end > deadline / 2.0, "{report}");
    let (first, _) = numbers(&report, "first documents, p50");
    assert!(first >= 10.0 && first < end, "{report}");
}

#[test]
fn networks_ask_each_other_end_to_end() {
    let report = quick("federation").expect("it needs nobody else");
    assert_eq!(cases(&report).len(), 3);
    // A query has a commit in it.
    let (query, commit) = numbers(&report, "a query, p50");
    assert!(query > 0.0 && commit > 0.0, "{report}");
}

#[test]
fn documents_are_found_in_a_large_index() {
    let report = quick("index").expect("it needs nobody else");
    let cases = cases(&report);
    // Four of sled's, and as many of PostgreSQL's where it is installed.
    assert!([4, 8].contains(&cases.len()), "{cases:?}");
    assert!(
        cases[0].contains("among 20,000, one thread, against among 2,000"),
        "{cases:?}"
    );
    let (disk, entry) = numbers(&report, "disk of a document");
    assert!(disk > 0.0 && entry > 100.0, "{report}");
}

#[test]
fn matching_is_measured_for_each_class_of_error() {
    let report = quick("identity").expect("it needs nobody else");
    let cases = cases(&report);
    for part in ["twin, ", "birth_slip, recall", "as persons", "pairs judged"] {
        assert!(
            cases.iter().any(|case| case.contains(part)),
            "{part}: {cases:#?}"
        );
    }
    let (precision, aim) = numbers(&report, "precision of links");
    assert!(precision >= aim, "{report}");
    let (recall, aim) = numbers(&report, "recall of links");
    assert!(recall >= aim, "{report}");
}
