//! What is told: parsed, compared with the handbook, bounded, and read by Prometheus' own tool.

use super::kept::Metrics;
use super::now::{Holding, REFUSALS, ledger, sign_in, voters};
use super::page::Page;
use prometheus::TextEncoder;
use sekisho_broker::End;
use sekisho_documents::{Counters, FileOutcome, QuarantineReason};
use sekisho_domain::{
    Action, DenyReason, Hash, LedgerId, NetworkId, NetworkOutcome, ReplicaId, TimeMs,
};
use sekisho_ingest::Report;
use sekisho_light::Standing;
use sekisho_node::IngestReport;
use sekisho_portal::Refusal;
use sekisho_replica::Status;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;
use tonic::Code;

const HANDBOOK: &str = include_str!("../../../docs/operate/metrics.md");

/// Names no label may have, nor be made of: what belongs to people, and free text.
const FORBIDDEN: [&str; 12] = [
    "patient",
    "practitioner",
    "document",
    "subject",
    "facility",
    "person",
    "name",
    "user",
    "request",
    "message",
    "error",
    "path",
];

/// One row of the text format: name, labels, value.
type Row = (String, BTreeMap<String, String>, f64);

fn network(name: &str) -> NetworkId {
    name.parse().expect("a network id")
}

/// Everything that can happen, between members and strangers.
fn eventful() -> Metrics {
    let metrics = Metrics::new().expect("metrics");
    let members = ["saga", "kurume", "yame"].map(network);
    metrics.names().set(members.clone().into());
    let strangers = (0..2_000).map(|n| network(&format!("stranger-{n}")));
    let asked: Vec<_> = members.iter().cloned().chain(strangers).collect();
    let outcomes = [
        NetworkOutcome::Answered { count: 3 },
        NetworkOutcome::Denied {
            reason: DenyReason::ALL[0],
        },
        NetworkOutcome::PatientUnknown,
        NetworkOutcome::TimedOut { waited_ms: 9_000 },
        NetworkOutcome::Unreachable,
        NetworkOutcome::Malformed,
        NetworkOutcome::Suspended,
        NetworkOutcome::Stale,
    ];
    let broker: &dyn sekisho_broker::Observe = &metrics;
    let node: &dyn sekisho_node::Observe = &metrics;
    for (n, asked) in asked.iter().enumerate() {
        for outcome in &outcomes {
            broker.ended(End {
                asking: &members[0],
                asked,
                outcome,
                took_ms: (n % 2 == 0).then_some(12),
            });
            node.answered(asked, outcome);
        }
        node.sent(asked, 1_000);
        node.received(asked, 10);
    }
    broker.decided(Duration::from_millis(3));
    for action in [Action::FindDocuments, Action::RetrieveDocument] {
        broker.answered(action, Duration::from_secs(1));
    }
    node.ingested(&IngestReport {
        resumed: None,
        sources: vec![Report {
            source_id: "hospital-a".parse().expect("a source"),
            facility: "4110000001".parse().expect("a facility"),
            patients: 4,
            files: 9,
            unchanged: 2,
            changed: 5,
            ignored: 1,
            vanished: 0,
            forgotten: 1,
            read_bytes: 4_096,
            duration_ms: 7,
            kinds: BTreeMap::new(),
            quarantined: BTreeMap::new(),
            quirks: BTreeMap::new(),
        }],
    });
    for code in (0..17).map(Code::from) {
        metrics.calls().began("broker");
        metrics
            .calls()
            .ended("broker", code, Duration::from_millis(1));
    }
    metrics.calls().not_taken("broker");
    metrics
}

fn status() -> Status {
    Status {
        replica: ReplicaId(1),
        network: network("saga"),
        ledger: LedgerId([1; 32]),
        lineage: 0,
        ready: true,
        fault: None,
        leader: Some(ReplicaId(1)),
        term: 4,
        log_last: 90,
        log_applied: 89,
        tree_size: 70,
        root: Hash([2; 32]),
        time: TimeMs(1_790_000_000_500),
        quorum_ack_ms: Some(250),
        published_size: 64,
        alarms: Vec::new(),
        members: Vec::new(),
        retired: Vec::new(),
        waits: Some("replica 3 has not been seen; its network was asked".to_owned()),
        expected_rtt_ms: 40,
        refused: vec![("malformed", 3), ("connection-slow", 2)],
    }
}

/// A whole page, but for what only a running process has.
fn text() -> String {
    let page = Page::default();
    ledger(&page, &status()).expect("a page");
    let standing = Standing {
        named: 3,
        voting: 2,
        ready: true,
        leaves: 70,
        contradicted: [(ReplicaId(3), 2)].into(),
    };
    voters(&page, &standing).expect("a page");
    sign_in(&page, &Refusal::ALL.map(|reason| (reason, 1))).expect("a page");
    let mut documents = Counters::default();
    documents.add(&FileOutcome::Quarantined {
        reason: QuarantineReason::TooShort,
        patients: Default::default(),
    });
    let holding = Holding {
        sources_read: true,
        outbox: 2,
        documents,
    };
    holding.tell(&page).expect("a page");
    let mut families = page.families();
    families.extend(eventful().registry().gather());
    TextEncoder::new()
        .encode_to_string(&families)
        .expect("a text")
}

/// Reads the text format strictly (Prometheus exposition formats 0.0.4); the type of each family, and every row.
fn parsed(text: &str) -> (BTreeMap<String, String>, Vec<Row>) {
    let (mut types, mut helped, mut rows) = (BTreeMap::new(), BTreeSet::new(), Vec::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a help line has a text");
            assert!(help.ends_with('.'), "{line}");
            assert!(helped.insert(name.to_owned()), "{name} twice");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a type line has a type");
            let before = types.insert(name.to_owned(), kind.to_owned());
            assert_eq!(before, None, "{name} twice");
        } else {
            let (series, value) = line.rsplit_once(' ').expect("a row has a value");
            let value = value
                .parse()
                .unwrap_or_else(|_| panic!("no number: {line}"));
            rows.push(row(series, value));
        }
    }
    assert_eq!(helped, types.keys().cloned().collect());
    (types, rows)
}

fn row(series: &str, value: f64) -> Row {
    let Some((name, labels)) = series.split_once('{') else {
        return (series.to_owned(), BTreeMap::new(), value);
    };
    let labels = labels.strip_suffix('}').expect("labels end");
    let labels = labels.split(',').map(|label| {
        let (name, value) = label.split_once('=').expect("a label has a value");
        let value = value.strip_prefix('"').and_then(|v| v.strip_suffix('"'));
        (name.to_owned(), value.expect("in quotes").to_owned())
    });
    (name.to_owned(), labels.collect(), value)
}

/// The family a row belongs to.
fn family<'a>(types: &BTreeMap<String, String>, row: &'a str) -> &'a str {
    if types.contains_key(row) {
        return row;
    }
    let parts = ["_bucket", "_sum", "_count"];
    let base = parts.iter().find_map(|part| row.strip_suffix(part));
    base.filter(|base| types.get(*base).is_some_and(|kind| kind == "histogram"))
        .unwrap_or_else(|| panic!("{row} belongs to no family"))
}

#[test]
fn the_handbook_has_each_metric_with_its_type_and_labels_and_no_other() {
    let (types, rows) = parsed(&text());
    let mut labels: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for (name, of, _) in &rows {
        let family = family(&types, name);
        let of = of.keys().filter(|label| *label != "le").cloned();
        labels.entry(family).or_default().extend(of);
    }
    // Of a running process only; its own test looks at them.
    let process = [
        ("process_start_time_seconds", "gauge", ""),
        ("sekisho_build_info", "gauge", "version"),
        ("sekisho_ledger_stopped", "gauge", ""),
        ("sekisho_network_info", "gauge", "network"),
        ("sekisho_serving", "gauge", ""),
    ];
    let mut told: BTreeSet<String> = process
        .iter()
        .map(|(name, kind, labels)| format!("| `{name}` | {kind} | {labels} |"))
        .collect();
    for (name, kind) in &types {
        let of: Vec<_> = labels[name.as_str()].iter().cloned().collect();
        told.insert(format!("| `{name}` | {kind} | {} |", of.join(", ")));
    }
    let rows = HANDBOOK.lines().filter(|line| line.starts_with("| `"));
    let explained: BTreeSet<String> = rows
        .filter(|line| {
            line.contains("| gauge |")
                || line.contains("| counter |")
                || line.contains("| histogram |")
        })
        .map(|line| line.splitn(5, '|').take(4).collect::<Vec<_>>().join("|") + "|")
        .collect();
    assert_eq!(told, explained);
}

#[test]
fn labels_are_of_known_sets_and_of_nobody() {
    let (_, rows) = parsed(&text());
    let members = ["saga", "kurume", "yame", "other"];
    let mut of: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (_, labels, _) in &rows {
        for (label, value) in labels {
            of.entry(label).or_default().insert(value);
            let fine =
                |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.+Inf".contains(c);
            assert!(
                value.len() <= 40 && value.chars().all(fine),
                "{label}={value}"
            );
        }
    }
    for label in of.keys() {
        let word = FORBIDDEN.iter().find(|word| label.contains(*word));
        assert_eq!(word, None, "{label}");
    }
    for (label, values) in &of {
        let most = match *label {
            "asking" | "asked" | "to" | "from" => {
                assert!(values.is_subset(&members.into()), "{label}: {values:?}");
                members.len()
            }
            "outcome" => 8,
            "code" => 17,
            "service" => 6,
            "action" => 2,
            "state" => 4,
            "role" => 5,
            "kind" => REFUSALS.len(),
            "reason" => QuarantineReason::ALL.len(),
            "refusal" => Refusal::ALL.len(),
            "replica" => sekisho_light::limits::VOTERS_MAX,
            "le" => 12,
            other => panic!("{other} is a label nobody bounded"),
        };
        assert!(values.len() <= most, "{label}: {values:?}");
    }
    // Two thousand strangers are one row of each outcome.
    let strangers: f64 = rows
        .iter()
        .filter(|(name, labels, _)| {
            name == "sekisho_broker_outcomes_total" && labels["asked"] == "other"
        })
        .map(|(_, _, value)| value)
        .sum();
    assert_eq!(strangers, 16_000.0);
    let outcomes = rows
        .iter()
        .filter(|(name, ..)| name == "sekisho_broker_outcomes_total");
    assert_eq!(outcomes.count(), 4 * 8);
}

#[test]
fn values_are_what_happened() {
    let (_, rows) = parsed(&text());
    let value = |name: &str, with: &[(&str, &str)]| {
        let fits = |row: &&Row| {
            let (of, labels, _) = row;
            of == name && with.iter().all(|(label, value)| labels[*label] == *value)
        };
        let found: Vec<_> = rows.iter().filter(fits).collect();
        assert_eq!(found.len(), 1, "{name} {with:?}: {found:?}");
        found[0].2
    };
    for (name, with, expected) in [
        ("sekisho_ledger_role", &[("role", "leader")][..], 1.0),
        ("sekisho_ledger_role", &[("role", "follower")], 0.0),
        ("sekisho_ledger_quorum_ack_age_seconds", &[], 0.25),
        ("sekisho_ledger_log_applied_index", &[], 89.0),
        ("sekisho_ledger_membership_waits", &[], 1.0),
        (
            "sekisho_ledger_last_entry_time_seconds",
            &[],
            1_790_000_000.5,
        ),
        (
            "sekisho_ledger_refusals_total",
            &[("kind", "malformed")],
            3.0,
        ),
        (
            "sekisho_ledger_refusals_total",
            &[("kind", "displaced")],
            0.0,
        ),
        ("sekisho_node_outbox_entries", &[], 2.0),
        (
            "sekisho_node_quarantined_files",
            &[("reason", "too-short")],
            1.0,
        ),
        (
            "sekisho_node_content_sent_bytes_total",
            &[("to", "saga")],
            1_000.0,
        ),
        (
            "sekisho_node_content_received_bytes_total",
            &[("from", "other")],
            20_000.0,
        ),
        (
            "sekisho_node_ingest_files_total",
            &[("state", "changed")],
            5.0,
        ),
        (
            "sekisho_grpc_calls_under_way",
            &[("service", "broker")],
            0.0,
        ),
        (
            "sekisho_broker_ask_seconds_count",
            &[("asked", "saga")],
            8.0,
        ),
        (
            "sekisho_broker_ask_seconds_bucket",
            &[("asked", "saga"), ("le", "0.01")],
            0.0,
        ),
        (
            "sekisho_broker_ask_seconds_bucket",
            &[("asked", "saga"), ("le", "0.025")],
            8.0,
        ),
    ] {
        assert_eq!(value(name, with), expected, "{name} {with:?}");
    }
}

#[test]
fn a_replica_that_does_not_lead_has_no_age_of_its_majority() {
    let page = Page::default();
    let follows = Status {
        leader: Some(ReplicaId(2)),
        quorum_ack_ms: None,
        ..status()
    };
    ledger(&page, &follows).expect("a page");
    let names: Vec<_> = page
        .families()
        .iter()
        .map(|f| f.name().to_owned())
        .collect();
    assert!(
        !names.iter().any(|name| name.contains("quorum_ack")),
        "{names:?}"
    );
}

#[test]
fn every_kind_of_refusal_is_counted_from_nought() {
    let refusals = include_str!("../../../docs/operate/refusals.md");
    let explained: BTreeSet<_> = refusals
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .collect();
    assert_eq!(BTreeSet::from(REFUSALS), explained);
}

#[test]
fn alerts_speak_of_metrics_there_are() {
    let rules = include_str!("../../../deploy/prometheus/sekisho.rules.yml");
    let words = rules.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let named: BTreeSet<_> = words.filter(|word| word.starts_with("sekisho_")).collect();
    assert!(named.len() >= 10, "{named:?}");
    for name in named {
        assert!(HANDBOOK.contains(&format!("| `{name}` |")), "{name}");
    }
}

/// `promtool check metrics`: the names, types and units Prometheus expects.
#[test]
fn promtool_finds_nothing() {
    let started = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut tool = match started {
        Ok(tool) => tool,
        Err(error) => {
            let ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
            assert!(!ci, "promtool cannot be left out here: {error}");
            #[expect(clippy::print_stdout, reason = "what was left out is said")]
            {
                println!("promtool left out: {error}");
            }
            return;
        }
    };
    let mut input = tool.stdin.take().expect("a pipe");
    input.write_all(text().as_bytes()).expect("it reads");
    drop(input);
    let ended = tool.wait_with_output().expect("it ends");
    let said = [ended.stdout, ended.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(ended.status.success() && said.is_empty(), "{said}");
}
