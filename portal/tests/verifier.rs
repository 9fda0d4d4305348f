//! The verifier that browsers load is what its sources make, byte for byte.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it left out"
)]

use std::path::Path;
use std::process::Command;

#[test]
fn the_verifier_for_browsers_is_built_from_these_sources() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = Command::new("rustup")
        .args(["target", "list", "--installed"])
        .output();
    let there = target
        .is_ok_and(|list| String::from_utf8_lossy(&list.stdout).contains("wasm32-unknown-unknown"));
    if !there {
        // Nothing else needs that target: where it is missing, who changes the verifier's sources elsewhere sees it there.
        println!(
            "left out: the target wasm32-unknown-unknown is not installed (rustup target add wasm32-unknown-unknown)"
        );
        return;
    }
    let built = tempfile::tempdir()
        .expect("a folder")
        .path()
        .join("verify.wasm");
    std::fs::create_dir_all(built.parent().expect("a folder")).expect("a folder");
    let status = Command::new(folder.join("verifier/build"))
        .arg(&built)
        .status()
        .expect("the build runs");
    assert!(status.success(), "portal/verifier does not build");
    let (kept, built) = (
        std::fs::read(folder.join("static/verify.wasm")),
        std::fs::read(&built),
    );
    assert!(
        kept.expect("the kept one") == built.expect("the built one"),
        "portal/static/verify.wasm is not what its sources make: run portal/verifier/build"
    );
}
