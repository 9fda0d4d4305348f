//! The page a running process shows Prometheus.

use sekisho_fire::{Place, Town};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};

pub fn metrics_address(place: &Place) -> String {
    place.address.replace(":7443", ":9464")
}
pub fn scraped(address: &str) -> String {
    let mut connection = TcpStream::connect(address).expect("metrics are served");
    let request = format!("GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    connection.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    connection.read_to_string(&mut answer).expect("a text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert!(head.contains("text/plain; version=0.0.4"), "{head}");
    body.to_owned()
}

pub fn value(page: &str, series: &str) -> f64 {
    let rows = page.lines().filter(|line| !line.starts_with('#'));
    let mut found = rows.filter_map(|line| line.rsplit_once(' ').filter(|(s, _)| *s == series));
    let (_, value) = found
        .next()
        .unwrap_or_else(|| panic!("no {series} in:\n{page}"));
    value.parse().expect("a number")
}

/// The handbook has every metric of a running process, and no label names a network that is none.
pub fn explained(page: &str, town: &Town) {
    let handbook = include_str!("../../../../docs/operate/metrics.md");
    let types = page.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    for (name, kind) in types.filter_map(|line| line.split_once(' ')) {
        assert!(
            handbook.contains(&format!("| `{name}` | {kind} |")),
            "{name} {kind}"
        );
    }
    let members: Vec<_> = town.members.iter().map(|m| m.id.as_str()).collect();
    for label in ["asked", "asking", "to", "from", "network"] {
        for rest in page.split(&format!("{label}=\"")).skip(1) {
            let (network, _) = rest.split_once('"').expect("a label ends");
            assert!(members.contains(&network), "{label}={network}");
        }
    }
}

/// Prometheus' own reader finds no fault in a running process's page.
pub fn promtool_finds_nothing(page: &str) {
    let tool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut tool = match tool {
        Ok(tool) => tool,
        Err(error) => {
            let ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
            assert!(!ci, "promtool cannot be left out here: {error}");
            println!("promtool left out: {error}");
            return;
        }
    };
    let mut input = tool.stdin.take().expect("a pipe");
    input.write_all(page.as_bytes()).expect("it reads");
    drop(input);
    let ended = tool.wait_with_output().expect("it ends");
    let said = [ended.stdout, ended.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(ended.status.success() && said.is_empty(), "{said}");
}
