//! Programs of node.js that tests talk to: installed once into the temporary folder, exactly as their lock file says.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{LazyLock, Mutex};

/// Where the scripts and their lock file are.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/node");

/// A node.js script that is running; ends with the test.
pub(crate) struct Script {
    child: Child,
    /// The first line it said.
    pub said: String,
    _rest: BufReader<std::process::ChildStdout>,
}

/// The folder of installed packages, or why there is none.
static MODULES: LazyLock<Result<PathBuf, String>> = LazyLock::new(install);

fn install() -> Result<PathBuf, String> {
    use sha2::Digest;
    let read = |name: &str| std::fs::read(Path::new(FOLDER).join(name)).unwrap();
    let digest = sha2::Sha256::digest(read("package-lock.json"));
    let home = std::env::temp_dir().join(format!("sekisho-node-{}", hex::encode(&digest[..8])));
    let modules = home.join("node_modules");
    if modules.join(".installed").exists() {
        return Ok(modules);
    }
    // One installs, in a folder of its own; another process that does the same is not disturbed.
    let own = tempfile::Builder::new()
        .prefix("sekisho-node-")
        .tempdir()
        .unwrap();
    for name in ["package.json", "package-lock.json"] {
        std::fs::write(own.path().join(name), read(name)).unwrap();
    }
    let npm = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(own.path())
        .stdin(Stdio::null())
        .output();
    let npm = npm.map_err(|e| format!("npm cannot be run: {e}"))?;
    if !npm.status.success() {
        let said = String::from_utf8_lossy(&npm.stderr).into_owned();
        return Err(format!("npm ci failed: {said}"));
    }
    std::fs::write(own.path().join("node_modules/.installed"), "").unwrap();
    // Whoever is first stays; of the same lock file, both are the same.
    let _ = std::fs::rename(own.path(), &home);
    match modules.join(".installed").exists() {
        true => Ok(modules),
        false => Err(format!("{} is in the way", home.display())),
    }
}

/// Says that a test is left out; under CI=true that is a failure.
pub(crate) fn left_out(why: &str) {
    let ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
    assert!(!ci, "{why}");
    eprintln!("left out: {why}");
}

/// Starts a script with the packages' folder and these arguments. Without node.js, npm or a package the test is left out,
/// and says so; under CI=true that is a failure.
pub(crate) fn script(name: &str, arguments: &[&str]) -> Option<Script> {
    static ONE: Mutex<()> = Mutex::new(());
    let modules = {
        let _one = ONE.lock();
        MODULES.clone()
    };
    let started = modules.and_then(|modules| {
        Command::new("node")
            .arg(Path::new(FOLDER).join(name))
            .arg(modules)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| format!("node cannot be run: {e}"))
    });
    match started {
        Ok(mut child) => {
            let mut rest = BufReader::new(child.stdout.take().unwrap());
            let mut said = String::new();
            rest.read_line(&mut said).unwrap();
            let said = said.trim().to_owned();
            assert!(!said.is_empty(), "{name} ended without a word");
            Some(Script {
                child,
                said,
                _rest: rest,
            })
        }
        Err(why) => {
            left_out(&why);
            None
        }
    }
}

impl Drop for Script {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
