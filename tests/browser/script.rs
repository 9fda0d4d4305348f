//! Node.js, Chromium and the pinned npm packages; running a story with them.

use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Where a story is.
pub const HERE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/browser");
const BROWSERS: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];

/// What stories need beside the program.
pub struct Tools {
    chromium: PathBuf,
    modules: PathBuf,
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(name))
        .find(|file| file.is_file())
}

/// What is kept: pictures, and what was measured.
fn out() -> PathBuf {
    match std::env::var_os("SEKISHO_BROWSER_OUT") {
        Some(out) => out.into(),
        None => Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser/seen"),
    }
}

/// The packages of `package-lock.json`, installed once for each state of it.
fn modules() -> Result<PathBuf, String> {
    let said = |doing: &str, e: &dyn std::fmt::Display| format!("{doing}: {e}");
    let read = |name: &str| {
        let file = Path::new(HERE).join(name);
        std::fs::read(&file).map_err(|e| said(name, &e))
    };
    let (package, lock) = (read("package.json")?, read("package-lock.json")?);
    let state = hex::encode(<sha2::Sha256 as sha2::Digest>::digest(&lock));
    let all = Path::new(env!("CARGO_TARGET_TMPDIR")).join("browser");
    let place = all.join(format!("npm-{}", &state[..16]));
    if place.join("node_modules").is_dir() {
        return Ok(place);
    }
    // In a folder of its own first: what is in place is whole.
    std::fs::create_dir_all(&all).map_err(|e| said("target folder", &e))?;
    let fresh = tempfile::tempdir_in(&all).map_err(|e| said("target folder", &e))?;
    for (name, bytes) in [("package.json", package), ("package-lock.json", lock)] {
        std::fs::write(fresh.path().join(name), bytes).map_err(|e| said(name, &e))?;
    }
    let installed = Command::new("npm")
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
        .current_dir(fresh.path())
        .stdin(Stdio::null())
        .output()
        .map_err(|e| said("npm", &e))?;
    if !installed.status.success() {
        let told = String::from_utf8_lossy(&installed.stderr).into_owned();
        return Err(format!("npm ci: {told}"));
    }
    match std::fs::rename(fresh.path(), &place) {
        Ok(()) => Ok(place),
        // Another run was faster.
        Err(_) if place.join("node_modules").is_dir() => Ok(place),
        Err(e) => Err(said("target folder", &e)),
    }
}

fn find() -> Result<Tools, String> {
    if on_path("node").is_none() || on_path("npm").is_none() {
        return Err("node and npm are not installed (Debian: nodejs npm)".to_owned());
    }
    let chromium = match std::env::var_os("SEKISHO_CHROMIUM") {
        Some(named) => Some(PathBuf::from(named)),
        None => BROWSERS.iter().find_map(|name| on_path(name)),
    };
    let chromium = chromium.ok_or("there is no Chromium (Debian: chromium fonts-noto-cjk)")?;
    let modules = modules()?;
    Ok(Tools { chromium, modules })
}

impl Tools {
    /// What is here; none, and the reason, where something is missing. Under `CI=true` that is a failure.
    pub fn here(story: &str) -> Option<&'static Self> {
        static HERE: OnceLock<Result<Tools, String>> = OnceLock::new();
        match HERE.get_or_init(find) {
            Ok(tools) => Some(tools),
            Err(reason) => {
                let ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
                assert!(!ci, "{story} cannot be left out here: {reason}");
                println!("{story} left out: {reason}");
                None
            }
        }
    }

    /// Runs a story to its end; panics with all it said if something was not so.
    pub fn tell(&self, story: &str, args: &[&str], world: &Value) {
        let mut world = world.clone();
        let more = json!({
            "chromium": self.chromium, "modules": self.modules, "out": out(),
            "program": env!("CARGO_BIN_EXE_sekisho"), "messages": format!("{HERE}/../../portal/messages"),
        });
        for (name, value) in more.as_object().unwrap() {
            world[name] = value.clone();
        }
        let ended = Command::new("node")
            .arg(Path::new(HERE).join(format!("{story}.mjs")))
            .args(args)
            .env("SEKISHO_BROWSER", world.to_string())
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let said =
            [ended.stdout, ended.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
        let said = said.concat();
        let kept = out();
        assert!(
            ended.status.success(),
            "{story} {args:?}: {}\n{said}\nkept in {}",
            ended.status,
            kept.display()
        );
        println!("{said}");
    }
}
