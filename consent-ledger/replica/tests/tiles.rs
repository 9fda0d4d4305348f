//! The ledger as files and over HTTP (C2SP tlog-tiles), read back by something that shares no code with it.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod support;

use sekisho_replica::{Replica, TILES_CONNECTIONS_MAX};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;
use support::{Cluster, patience, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

type Hash = [u8; 32];

/// RFC 6962 §2.1: MTH, over hashes of leaves.
fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Sha256::digest(b"").into(),
        [one] => *one,
        _ => {
            let mut k = 1;
            while 2 * k < leaves.len() {
                k *= 2;
            }
            let (left, right) = leaves.split_at(k);
            Sha256::digest([&[1u8][..], &root(left), &root(right)].concat()).into()
        }
    }
}

/// A response: its status, its headers (names in lower case), its body.
struct Response {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

async fn ask(at: SocketAddr, request: &str) -> Response {
    let mut connection = TcpStream::connect(at).await.unwrap();
    connection.write_all(request.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    connection.read_to_end(&mut bytes).await.unwrap();
    let end = bytes.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    let head = std::str::from_utf8(&bytes[..end]).unwrap();
    let mut lines = head.split("\r\n");
    let status = lines.next().unwrap().split(' ').nth(1).unwrap();
    let headers = lines.map(|line| line.split_once(": ").unwrap());
    Response {
        status: status.parse().unwrap(),
        headers: headers
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect(),
        body: bytes[end + 4..].to_vec(),
    }
}

async fn get(at: SocketAddr, path: &str) -> Response {
    let request = format!("GET /{path} HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n");
    ask(at, &request).await
}

async fn serve(replica: &Replica) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(replica.clone().serve_tiles(listener));
    address
}

/// The size and root a checkpoint says: its second and third line.
fn said(checkpoint: &[u8]) -> (usize, String) {
    let text = std::str::from_utf8(checkpoint).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("sekisho/"), "{text}");
    (lines[1].parse().unwrap(), lines[2].to_owned())
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// As a monitor does it: the checkpoint, then every bundle and every tile it calls for, of which nothing is
/// believed but what the root says.
async fn read_all(at: SocketAddr) -> Vec<Vec<u8>> {
    let checkpoint = get(at, "checkpoint").await;
    assert_eq!(checkpoint.status, 200);
    assert_eq!(
        checkpoint.headers["content-type"],
        "text/plain; charset=utf-8"
    );
    let (size, expected) = said(&checkpoint.body);
    let mut leaves = Vec::new();
    let suffix = |width: usize| match width {
        256 => String::new(),
        width => format!(".p/{width}"),
    };
    for (n, begin) in (0..size).step_by(256).enumerate() {
        let width = (size - begin).min(256);
        let response = get(at, &format!("tile/entries/{n:03}{}", suffix(width))).await;
        assert_eq!(response.status, 200, "bundle {n} of {size} leaves");
        assert_eq!(response.headers["content-type"], "application/octet-stream");
        assert!(response.headers["cache-control"].contains("immutable"));
        let mut rest = response.body.as_slice();
        for _ in 0..width {
            let length = usize::from(rest[0]) << 8 | usize::from(rest[1]);
            leaves.push(rest[2..2 + length].to_vec());
            rest = &rest[2 + length..];
        }
        assert!(rest.is_empty());
    }
    let mut row: Vec<Hash> = leaves
        .iter()
        .map(|leaf| Sha256::digest([&[0u8][..], leaf].concat()).into())
        .collect();
    assert_eq!(base64(&root(&row)), expected);
    for level in 0.. {
        if row.is_empty() {
            break;
        }
        for (n, tile) in row.chunks(256).enumerate() {
            let path = format!("tile/{level}/{n:03}{}", suffix(tile.len()));
            let response = get(at, &path).await;
            assert_eq!(
                (response.status, response.body),
                (200, tile.concat()),
                "{path}"
            );
        }
        row = row.chunks_exact(256).map(root).collect();
    }
    leaves
}

/// Submits entries `from` up to `until`, many at once.
async fn submit(cluster: &Cluster, from: u64, until: u64) {
    let leader = cluster.leader().await;
    let mut tasks = tokio::task::JoinSet::new();
    for n in from..until {
        let (replica, envelope) = (cluster.replica(leader).clone(), cluster.envelope(n));
        tasks.spawn(async move { replica.submit(envelope, patience()).await.unwrap() });
    }
    tasks.join_all().await;
}

async fn published(cluster: &Cluster, id: u64, size: u64) {
    until("the checkpoint to be published", async || {
        let published = cluster.replica(id).published()?;
        (published.checkpoint.size() >= size).then_some(())
    })
    .await;
}

/// Waits for a file that is written once the checkpoint over it is published.
async fn sealed(path: &Path) -> Vec<u8> {
    until("a tile to be sealed", async || std::fs::read(path).ok()).await
}

fn tile(cluster: &Cluster, id: u64, path: &str) -> PathBuf {
    cluster.config(id).data_dir.join("tiles").join(path)
}

async fn publishing() -> Cluster {
    let mut cluster = Cluster::of(3, 3).await;
    cluster.publish_every = Duration::from_millis(10);
    cluster.start_all().await;
    cluster
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_can_be_fetched_and_leads_to_the_published_root() {
    let cluster = publishing().await;
    let mut at = Vec::new();
    for id in 1..=3 {
        at.push(serve(cluster.replica(id)).await);
    }
    let mut size = 0;
    for grown in [1, 255, 256, 257, 700] {
        submit(&cluster, size, grown).await;
        size = grown;
        let mut read = Vec::new();
        for id in 1..=3 {
            published(&cluster, id, size).await;
            read.push(read_all(at[id as usize - 1]).await);
        }
        assert_eq!(read[0].len() as u64, size);
        assert!(
            read[0] == read[1] && read[1] == read[2],
            "the same bytes from each"
        );
    }

    // On disk: the full ones, and the same bytes as served, at every replica.
    for path in [
        "tile/entries/000",
        "tile/entries/001",
        "tile/0/000",
        "tile/0/001",
    ] {
        let served = get(at[0], path).await.body;
        for id in 1..=3 {
            assert_eq!(
                sealed(&tile(&cluster, id, path)).await,
                served,
                "{path} at {id}"
            );
        }
    }
    for path in ["tile/entries/002", "tile/1/000"] {
        assert!(!tile(&cluster, 1, path).exists(), "{path} is not full");
    }
    for (path, status) in [
        ("tile/entries/002", 404),
        ("tile/entries/002.p/189", 404),
        ("tile/entries/002.p/1", 200),
        ("tile/0/000.p/7", 200),
        ("tile/1/000.p/2", 200),
        ("tile/1/000.p/3", 404),
        ("tile/2/000.p/1", 404),
        ("tile/entries/../0/000", 404),
        ("tile/0/000.p/256", 404),
        ("tile/0/x000/000", 404),
        ("tiles/checkpoint", 404),
        ("", 404),
    ] {
        assert_eq!(get(at[0], path).await.status, status, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_reading_from_this_machine_is_answered() {
    let cluster = publishing().await;
    let at = serve(cluster.replica(1)).await;
    assert_eq!(
        get(at, "checkpoint").await.status,
        404,
        "nothing is published yet"
    );
    submit(&cluster, 0, 1).await;
    published(&cluster, 1, 1).await;
    let whole = get(at, "checkpoint").await;
    assert_eq!(
        (whole.status, whole.headers["cache-control"].as_str()),
        (200, "no-cache")
    );
    for (request, status, length) in [
        (
            format!("HEAD /checkpoint HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n"),
            200,
            whole.body.len(),
        ),
        (
            format!(
                "POST /checkpoint HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
            ),
            405,
            0,
        ),
        (
            format!("DELETE /tile/0/000 HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n"),
            405,
            0,
        ),
        (
            "GET /checkpoint HTTP/1.1\r\nHost: ledger.example\r\nConnection: close\r\n\r\n"
                .to_owned(),
            421,
            0,
        ),
        (
            "GET /checkpoint HTTP/1.1\r\nConnection: close\r\n\r\n".to_owned(),
            421,
            0,
        ),
    ] {
        let response = ask(at, &request).await;
        assert_eq!(response.status, status, "{request}");
        assert_eq!(
            response.headers["content-length"],
            length.to_string(),
            "{request}"
        );
        assert!(response.body.is_empty(), "{request}");
    }
    // A head without end is cut off at its bound, not collected.
    let mut endless = TcpStream::connect(at).await.unwrap();
    let _ = endless
        .write_all(format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(64 * 1024)).as_bytes())
        .await;
    let mut answer = Vec::new();
    let _ = endless.read_to_end(&mut answer).await;
    assert!(
        answer.is_empty() || answer.starts_with(b"HTTP/1.1 431"),
        "{answer:?}"
    );

    // Beyond the bound on connections a newcomer is closed; when others leave there is room again.
    let mut idle = Vec::new();
    for _ in 0..TILES_CONNECTIONS_MAX {
        let mut connection = TcpStream::connect(at).await.unwrap();
        let request = format!("GET /checkpoint HTTP/1.1\r\nHost: {at}\r\n\r\n");
        connection.write_all(request.as_bytes()).await.unwrap();
        assert_ne!(
            connection.read_u8().await.unwrap(),
            0,
            "answered and kept open"
        );
        idle.push(connection);
    }
    let mut beyond = TcpStream::connect(at).await.unwrap();
    assert!(beyond.read_u8().await.is_err(), "closed at once");
    drop(idle);
    until("room again", async || {
        let mut connection = TcpStream::connect(at).await.unwrap();
        let request =
            format!("GET /checkpoint HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\n\r\n");
        connection.write_all(request.as_bytes()).await.ok()?;
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).await.ok()?;
        answer.starts_with(b"HTTP/1.1 200").then_some(())
    })
    .await;

    let elsewhere = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let refused = cluster.replica(1).clone().serve_tiles(elsewhere).await;
    assert!(refused.unwrap_err().to_string().contains("loopback only"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_file_is_written_again_and_one_that_differs_stops_the_replica() {
    let mut cluster = publishing().await;
    submit(&cluster, 0, 300).await;
    let (bundle, hashes) = (
        tile(&cluster, 2, "tile/entries/000"),
        tile(&cluster, 2, "tile/0/000"),
    );
    let (bundle_was, hashes_was) = (sealed(&bundle).await, sealed(&hashes).await);
    cluster.stop(2).await;
    std::fs::remove_file(&bundle).unwrap();
    std::fs::write(bundle.with_extension("tmp"), b"what a crash left").unwrap();
    cluster.start(2).await;
    cluster.replica(2).wait_ready(patience()).await.unwrap();
    assert_eq!(sealed(&bundle).await, bundle_was);

    cluster.stop(2).await;
    let mut flipped = hashes_was.clone();
    flipped[1000] ^= 1;
    std::fs::write(&hashes, &flipped).unwrap();
    cluster.start(2).await;
    cluster.replica(2).stopped().await;
    let fault = cluster.replica(2).status().await.unwrap().fault.unwrap();
    assert!(
        fault.contains("tile/0/000") && fault.contains("from byte 1000"),
        "{fault}"
    );
    assert_eq!(
        std::fs::read(&hashes).unwrap(),
        flipped,
        "the evidence is left"
    );
    // The others go on.
    submit(&cluster, 300, 310).await;
    published(&cluster, 1, 310).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkpoint_on_disk_that_nobody_cosigned_is_not_believed() {
    let mut cluster = publishing().await;
    submit(&cluster, 0, 3).await;
    published(&cluster, 1, 3).await;
    cluster.stop(1).await;
    let checkpoint = tile(&cluster, 1, "checkpoint");
    let text = std::fs::read_to_string(&checkpoint).unwrap();
    let forged = text.replacen("\n3\n", "\n2\n", 1);
    assert_ne!(forged, text);
    std::fs::write(&checkpoint, forged).unwrap();
    let keys = sekisho_replica::Keys {
        transport: support::genesis::transport(1),
        checkpoint: support::genesis::checkpoint(1),
    };
    let clock = std::sync::Arc::new(sekisho_replica::SystemClock);
    let started = Replica::start(cluster.config(1), cluster.genesis.clone(), keys, clock).await;
    let error = started.err().unwrap().to_string();
    assert!(
        error.contains("checkpoint is not a checkpoint of this ledger"),
        "{error}"
    );
}
