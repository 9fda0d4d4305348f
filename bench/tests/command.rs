//! The program itself: exit codes, and which stream gets what.
#![allow(
    clippy::expect_used,
    reason = "a test fails by panicking, naming what failed"
)]

use std::process::{Command, Output};

fn bench(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_sekisho-bench"))
        .args(args)
        .output()
        .expect("the program runs")
}

#[test]
fn list_ends_well_and_a_wrong_name_does_not() {
    let listed = bench(&["list"]);
    assert_eq!(listed.status.code(), Some(0));
    let list = String::from_utf8(listed.stdout).expect("text");
    assert_eq!(list.lines().count(), 2, "{list}");
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
