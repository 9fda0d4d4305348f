//! The demo's scenes as a test: five real processes, run once with traces received over OTLP/gRPC.
//!
//! One run serves all the checks: that every scene ends as it should, that `--json` is what it says, that one trace
//! spans viewing node, broker, ledger and disclosing nodes, and that nothing written or traced names a patient.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use sekisho_harness::{Collector, Ended, Program, ReceivedSpan};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

/// Generous: a busy machine with an unoptimised build. How fast it is, is shown by the demo itself.
const LIMIT: Duration = Duration::from_secs(300);

struct Run {
    ended: Ended,
    spans: Vec<ReceivedSpan>,
    /// Where everything was written.
    dir: tempfile::TempDir,
}

fn run() -> Run {
    let collector = Collector::start();
    let dir = tempfile::tempdir().unwrap();
    let program = Program::at(env!("CARGO_BIN_EXE_sekisho"))
        .with("OTEL_EXPORTER_OTLP_ENDPOINT", &collector.endpoint())
        .with("RUST_LOG", "info,sekisho=debug");
    let folder = dir.path().to_str().unwrap();
    let ended = program.run(&["--json", "demo", "--once", "--dir", folder], LIMIT);
    Run {
        ended,
        spans: collector.spans(),
        dir,
    }
}

/// One test: it is one run of ten seconds, and its end removes what it wrote.
#[test]
fn the_demo() {
    let run = run();
    every_scene_ends_as_it_should(&run);
    the_withdrawal_is_decided_at_a_later_index(&run);
    one_trace_spans_viewing_node_broker_ledger_and_disclosing_nodes(&run);
    no_trace_names_a_patient_a_document_or_who_asked(&run);
    no_log_names_a_patient_a_document_or_who_asked(&run);
    the_ledger_on_disk_names_nobody(&run);
}

fn every_scene_ends_as_it_should(run: &Run) {
    let told = run.ended.json();
    let scenes = told["scenes"].as_array().unwrap();
    let ids: Vec<_> = scenes.iter().map(|s| s["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["a", "b", "c", "d", "e", "f", "g"]);
    for scene in scenes {
        assert_eq!(scene["ok"], true, "{scene:#}\n{}", run.ended.err);
        assert!(
            !scene["title"].as_str().unwrap().is_empty()
                && scene["seconds"].as_f64().unwrap() > 0.0
        );
        let asked: BTreeSet<_> = scene["asked"]
            .as_array()
            .unwrap()
            .iter()
            .map(Value::to_string)
            .collect();
        let ended: BTreeSet<_> = scene["outcomes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|o| o["network"].to_string())
            .collect();
        assert_eq!(asked, ended, "asked = outcomes in {scene:#}");
        assert!(scene["ledger_index"].is_u64(), "{scene:#}");
    }
    assert_eq!(told["ok"], true);
    assert_eq!(run.ended.code, Some(0));
}

fn the_withdrawal_is_decided_at_a_later_index(run: &Run) {
    let told = run.ended.json();
    let index = |id: &str| {
        let scenes = told["scenes"].as_array().unwrap();
        scenes.iter().find(|s| s["id"] == id).unwrap()["ledger_index"]
            .as_u64()
            .unwrap()
    };
    assert!(index("a") < index("b") && index("b") < index("e") && index("e") < index("f"));
}

fn one_trace_spans_viewing_node_broker_ledger_and_disclosing_nodes(run: &Run) {
    let mut traces: BTreeMap<&[u8], Vec<&ReceivedSpan>> = BTreeMap::new();
    for span in &run.spans {
        traces.entry(&span.trace).or_default().push(span);
    }
    let services = |spans: &[&ReceivedSpan]| {
        spans
            .iter()
            .map(|s| s.service.clone())
            .collect::<BTreeSet<_>>()
    };
    // A query of Kurume that Saga and Yame answered.
    let wanted = [
        "sekisho-azaleanet",
        "sekisho-pikapikalink",
        "sekisho-yamechikugo",
    ];
    let whole = traces.values().find(|spans| {
        let names: BTreeSet<_> = spans.iter().map(|s| s.name.as_str()).collect();
        wanted.iter().all(|w| services(spans).contains(*w))
            && names.contains("answer_find")
            && names.contains("submit")
    });
    let Some(spans) = whole else {
        let seen: BTreeSet<_> = run
            .spans
            .iter()
            .map(|s| (s.service.as_str(), s.name.as_str()))
            .collect();
        panic!("no trace spans {wanted:?}; seen: {seen:#?}");
    };
    // Connected: every span but one hangs on another of the same trace.
    let ids: BTreeSet<_> = spans.iter().map(|s| &s.id).collect();
    let roots: Vec<_> = spans
        .iter()
        .filter(|s| !ids.contains(&s.parent))
        .map(|s| (&s.service, &s.name))
        .collect();
    assert_eq!(roots.len(), 1, "one root: {roots:?}");
}

/// What must appear in no trace and no log: names, local ids and document ids of the invented patients, and who asked.
fn secrets(dir: &Path) -> Vec<String> {
    let truth: Value =
        serde_json::from_slice(&std::fs::read(dir.join("truth.json")).unwrap()).unwrap();
    let mut secrets = vec!["dr-4010200014".to_owned(), "urn:uuid:".to_owned()];
    for person in truth["persons"].as_array().unwrap() {
        for name in ["name", "kana"] {
            let parts: Vec<_> = person[name]
                .as_array()
                .unwrap()
                .iter()
                .map(|p| p.as_str().unwrap())
                .collect();
            secrets.push(parts.concat());
            secrets.push(parts.join(" "));
            secrets.push(parts.join("^"));
        }
        secrets.extend(
            person["at"]
                .as_array()
                .unwrap()
                .iter()
                .map(|at| at["local_id"].as_str().unwrap().to_owned()),
        );
    }
    assert!(secrets.len() > 100);
    secrets
}

fn no_trace_names_a_patient_a_document_or_who_asked(run: &Run) {
    assert!(
        run.spans.len() > 50,
        "there are spans to look at: {}",
        run.spans.len()
    );
    let secrets = secrets(run.dir.path());
    for span in &run.spans {
        for text in span.texts.iter().chain([&span.name]) {
            let found = secrets.iter().find(|secret| text.contains(secret.as_str()));
            assert_eq!(found, None, "in {} of {}: {text}", span.name, span.service);
        }
    }
}

fn no_log_names_a_patient_a_document_or_who_asked(run: &Run) {
    let dir = run.dir.path();
    let secrets = secrets(dir);
    let mut lines = 0;
    for network in [
        "azaleanet",
        "mamenet",
        "oshidorinet",
        "pikapikalink",
        "yamechikugo",
    ] {
        let log = std::fs::read_to_string(dir.join(network).join("log.txt")).unwrap();
        for line in log.lines() {
            lines += 1;
            let found = secrets.iter().find(|secret| line.contains(secret.as_str()));
            assert_eq!(found, None, "in the log of {network}: {line}");
        }
    }
    assert!(lines > 20, "there are logs to look at: {lines} lines");
}

fn the_ledger_on_disk_names_nobody(run: &Run) {
    let dir = run.dir.path();
    let names: Vec<_> = secrets(dir).into_iter().filter(|s| s.len() >= 8).collect();
    for network in ["azaleanet", "mamenet"] {
        for file in std::fs::read_dir(dir.join(network).join("data/ledger")).unwrap() {
            let path = file.unwrap().path();
            let Ok(bytes) = std::fs::read(&path) else {
                continue;
            };
            for name in &names {
                let found = memchr::memmem::find(&bytes, name.as_bytes());
                assert_eq!(found, None, "{name} stands in {}", path.display());
            }
        }
    }
}
