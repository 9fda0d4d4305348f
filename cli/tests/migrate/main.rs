//! `sekisho node migrate` as a process of its own, killed on its way, against a real PostgreSQL and a real S3 server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../../node/documents/src/private_postgres.rs"]
mod private_postgres;
#[path = "../../../node/documents/src/private_s3.rs"]
mod private_s3;

use private_postgres::Postgres;
use private_s3::{BUCKET, S3};
use sekisho::config::Config;
use sekisho::stores;
use sekisho_documents::migrate::{Summary, summary};
use sekisho_documents::{Contents, DocumentIndex, FileOutcome, PAGE_ENTRIES_MAX};
use sekisho_node::{NodeStore, ingested_digest};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Documents: more than one batch, and a second or two of storing.
const PATIENTS: u32 = 1300;
/// How long anything may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(240);

/// A network's machine: two configurations of one node, and what each leads to.
struct Place {
    dir: tempfile::TempDir,
    postgres: Postgres,
    s3: S3,
}

impl Place {
    fn new(postgres: Postgres) -> Self {
        let place = Self {
            dir: tempfile::tempdir().unwrap(),
            postgres,
            s3: S3::start(),
        };
        place.postgres.sql("postgres", "CREATE DATABASE node");
        let common = "[network]\nid = \"saga\"\n[server]\nlisten = \"127.0.0.1:1\"\n[replica]\nid = 1\n[broker]\n[node]\n\
                      [[node.source]]\nid = \"std01\"\nkind = \"ss-mix2-standardised\"\nfacility = \"4110000001\"\n\
                      root = \"hospital\"\n";
        let (url, endpoint) = (place.postgres.url("node"), place.s3.endpoint());
        let (access, secret) = (place.s3.credential("access"), place.s3.credential("secret"));
        let elsewhere = format!(
            "{common}[node.index]\nkind = \"postgres\"\nurl = \"{url}\"\n\
             [node.contents]\nkind = \"object-store\"\nendpoint = \"{endpoint}\"\nbucket = \"{BUCKET}\"\nprefix = \"saga\"\n\
             access_key_file = \"{}\"\nsecret_key_file = \"{}\"\n",
            access.display(),
            secret.display()
        );
        fs::write(place.at("here.toml"), common).unwrap();
        fs::write(place.at("there.toml"), elsewhere).unwrap();
        fs::create_dir(place.at("data")).unwrap();
        for patient in 0..PATIENTS {
            place.prescribe(patient, "DRUG");
        }
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn prescribe(&self, patient: u32, drug: &str) -> PathBuf {
        let id = format!("{patient:07}");
        let folder = self.at("hospital").join(&id[..3]).join(&id[3..6]).join(&id);
        let folder = folder.join("20260401/OMP-01");
        fs::create_dir_all(&folder).unwrap();
        let lines = [
            "MSH|^~\\&|HIS|SEND|GW|RCV|20260401120000.12||RDE^O11|1|P|2.5||||||~ISO IR87||ISO 2022-1994".to_owned(),
            format!("PID|0001||{id}^^^^PI||SEKISHO^TARO^^^^^L^A||19480405|M"),
            "ORC|NW|1||1|||||20260401103045||||||||01^NAIKA^99XY1".to_owned(),
            format!("RXE||1^{drug} {id}^HOT9|1||TAB^TAB^MR9P|||||15|TAB^TAB^MR9P"),
        ];
        let file = folder.join(format!(
            "{id}_20260401_OMP-01_000000000000001_20260401110000000_01_1"
        ));
        fs::write(&file, format!("{}\r", lines.join("\r"))).unwrap();
        file
    }

    fn config(&self, name: &str) -> Config {
        Config::load(&self.at(name)).unwrap()
    }

    fn index(&self, name: &str) -> Box<dyn DocumentIndex> {
        let config = self.config(name);
        stores::open_index(&config, config.node.as_ref().unwrap()).unwrap()
    }

    fn summary(&self, name: &str) -> Summary {
        summary(self.index(name).as_ref(), &mut |_| {}).unwrap()
    }

    fn contents(&self, name: &str) -> Contents {
        let config = self.config(name);
        let of = config.node.as_ref().unwrap();
        stores::files(&stores::sources(of)).released_from(stores::contents(of).unwrap())
    }

    /// What a node that read everything remembers.
    fn read_everything(&self) {
        let config = self.config("here.toml");
        let index = self.index("here.toml");
        let sources = stores::sources(config.node.as_ref().unwrap());
        for source in &sources {
            source.ingest(index.as_ref(), &mut |_| {}).unwrap();
        }
        index.flush().unwrap();
        let memory = NodeStore::open(&config.data.join("node.redb")).unwrap();
        memory
            .set_ingested(Some(ingested_digest(&sources, None)))
            .unwrap();
    }

    fn remembers(&self, name: &str) -> bool {
        let config = self.config(name);
        let of = config.node.as_ref().unwrap();
        let store = stores::contents(of).unwrap();
        let digest = ingested_digest(&stores::sources(of), store.as_ref().map(|store| store.id()));
        let memory = NodeStore::open(&config.data.join("node.redb")).unwrap();
        memory.ingested().unwrap() == Some(digest)
    }

    fn command(&self, from: &str, to: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sekisho"));
        command.args(["node", "migrate", "--lang", "en", "--json", "--config"]);
        command.arg(self.at(from)).arg("--to").arg(self.at(to));
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    fn migrate(&self, from: &str, to: &str) -> (Output, Value) {
        let output = self.command(from, to).output().unwrap();
        let json = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        (output, json)
    }

    /// Kills it as soon as something is so; whether it was still at work.
    fn killed_when(&self, from: &str, to: &str, so: impl Fn() -> bool) -> bool {
        let mut child = self.command(from, to).spawn().unwrap();
        let begun = Instant::now();
        while !so() && child.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < PATIENCE, "it neither got there nor ended");
            std::thread::sleep(Duration::from_millis(5));
        }
        child.kill().unwrap();
        !child.wait().unwrap().success()
    }

    fn rows(&self) -> u64 {
        let count = "SELECT count(*) FROM sekisho_file";
        let there = "SELECT count(*) FROM pg_tables WHERE tablename = 'sekisho_file'";
        match self.postgres.sql("node", there).trim() {
            "0" => 0,
            _ => self.postgres.sql("node", count).trim().parse().unwrap(),
        }
    }
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Every document of an index is released as it was indexed.
fn all_released(index: &dyn DocumentIndex, contents: &Contents) -> u64 {
    let (mut after, mut released) = (None, 0);
    loop {
        let page = index.records(after.as_ref(), PAGE_ENTRIES_MAX).unwrap();
        for record in &page {
            if let FileOutcome::Document(entry) = &record.outcome {
                contents
                    .open(entry)
                    .and_then(|opened| opened.check(0))
                    .unwrap();
                released += 1;
            }
        }
        match page.last() {
            Some(last) => after = Some(last.location.clone()),
            None => return released,
        }
    }
}

#[test]
fn there_and_back_and_nothing_is_lost_or_doubled_when_it_is_killed() {
    let Some(postgres) = Postgres::start() else {
        return;
    };
    let place = Place::new(postgres);
    place.read_everything();
    let whole = place.summary("here.toml");
    assert_eq!(whole.counters.documents(), u64::from(PATIENTS));

    // While contents are stored, and while entries are copied.
    let objects = || place.s3.files().len() as u64;
    let killed = place.killed_when("here.toml", "there.toml", || objects() > 200);
    assert!(
        killed && (200..u64::from(PATIENTS)).contains(&objects()),
        "{} objects",
        objects()
    );
    assert_eq!(place.rows(), 0);
    let killed = place.killed_when("here.toml", "there.toml", || place.rows() > 0);
    let (stored, rows) = (objects(), place.rows());
    assert_eq!(stored, u64::from(PATIENTS));
    assert!(rows > 0);
    assert_eq!(place.summary("here.toml"), whole);
    if killed {
        let unfinished = place.summary("there.toml");
        assert!(
            unfinished.records == 0 || unfinished == whole,
            "nothing is seen before all of it"
        );
    }

    let (output, json) = place.migrate("here.toml", "there.toml");
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(json["switched"], true, "{json}");
    assert_eq!(json["index"]["same"], true, "{json}");
    assert_eq!(json["index"]["copy"]["records"], whole.records, "{json}");
    assert_eq!(json["checked"]["there"], u64::from(PATIENTS), "{json}");
    assert_eq!(
        json["stored"]["there"],
        u64::from(PATIENTS),
        "none is stored twice: {json}"
    );
    assert!(
        !killed || json["index"]["copied"]["same"].as_u64() > Some(0),
        "it went on: {json}"
    );
    assert!(
        json["next"].as_str().unwrap().contains("data/index"),
        "{json}"
    );
    assert_eq!(place.summary("there.toml"), whole);
    assert_eq!(objects(), u64::from(PATIENTS));
    assert_eq!(place.rows(), u64::from(PATIENTS));
    assert!(place.remembers("there.toml") && !place.remembers("here.toml"));
    let released = all_released(
        place.index("there.toml").as_ref(),
        &place.contents("there.toml"),
    );
    assert_eq!(released, u64::from(PATIENTS));

    // Back: the files are where they were; one that has changed meanwhile is told, and nothing is switched.
    let file = place.prescribe(7, "ANOTHER DRUG");
    let before = fs::read(&file).unwrap();
    let (output, json) = place.migrate("there.toml", "here.toml");
    assert_eq!(output.status.code(), Some(4), "{}", said(&output));
    assert_eq!(
        (&json["switched"], &json["checked"]["wrong"]["changed"]),
        (&false.into(), &1.into()),
        "{json}"
    );
    assert!(place.remembers("there.toml"));
    assert!(!said(&output).contains("0000007") && !before.is_empty());
    place.prescribe(7, "DRUG");
    let (output, json) = place.migrate("there.toml", "here.toml");
    assert!(output.status.success(), "{}", said(&output));
    assert_eq!(json["index"]["same"], true, "{json}");
    assert_eq!(place.summary("here.toml"), whole);
    assert!(place.remembers("here.toml"));
    all_released(
        place.index("here.toml").as_ref(),
        &place.contents("here.toml"),
    );
    is_refused_where_it_cannot_be_done(&place);
}

fn is_refused_where_it_cannot_be_done(place: &Place) {
    let running = NodeStore::open(&place.at("data/node.redb")).unwrap();
    let (output, _) = place.migrate("here.toml", "there.toml");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(
        said(&output).contains("the node is running"),
        "{}",
        said(&output)
    );
    drop(running);
    let (output, _) = place.migrate("here.toml", "here.toml");
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(
        said(&output).contains("nothing to move"),
        "{}",
        said(&output)
    );
    let there = fs::read_to_string(place.at("there.toml")).unwrap();
    for (name, from, to, words) in [
        ("network", "\"saga\"", "\"kurume\"", "must be the same"),
        ("source", "std01", "std02", "must be the same"),
        ("database", "/node\"", "/none\"", "does not exist"),
        (
            "bucket",
            "bucket = \"contents\"",
            "bucket = \"nowhere\"",
            "no such bucket",
        ),
    ] {
        fs::write(place.at("wrong.toml"), there.replacen(from, to, 1)).unwrap();
        let (output, _) = place.migrate("here.toml", "wrong.toml");
        assert!(!output.status.success(), "{name}");
        assert!(said(&output).contains(words), "{name}: {}", said(&output));
    }
    assert!(Path::new(&place.at("data/index")).exists());
}
