//! Clients that hold on to what they get, or want more than their share: each bound, and that it is counted.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "shared; no file needs all of it")]
mod raw;
#[allow(dead_code, reason = "shared; no file needs all of it")]
mod support;

use raw::{anyone, certified, h2, known_client_of, raw_client};
use rustls::sign::SingleCertAndKey;
use sekisho_transport::{ClientLimits, Deadline, Failure, Identity, ServerLimits, classify};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use support::{Client, Members, PATIENCE, Running, identity, network};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Long enough for an honest handshake on a busy machine, short enough for a test.
const SOON: Duration = Duration::from_millis(700);

fn hasty() -> ServerLimits {
    ServerLimits {
        handshake_timeout: SOON,
        ..ServerLimits::default()
    }
}

/// A member's connection as far as TLS, by a client that has not said anything in HTTP/2.
async fn handshaken(
    address: SocketAddr,
    kurume: &Identity,
    key: Arc<dyn rustls::sign::SigningKey>,
) -> TlsStream<TcpStream> {
    let resolver = Arc::new(SingleCertAndKey::from(certified(kurume, key)));
    let mut config = raw_client(&[&rustls::version::TLS13]).with_client_cert_resolver(resolver);
    config.alpn_protocols = h2();
    let tcp = TcpStream::connect(address).await.unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let connecting = connector.connect(anyone(), tcp);
    timeout(PATIENCE, connecting).await.unwrap().unwrap()
}

/// Waits for the connection's end.
async fn ended(stream: &mut (impl AsyncReadExt + Unpin)) {
    let mut said = Vec::new();
    // A reset is an end as well.
    let _ = timeout(PATIENCE, stream.read_to_end(&mut said))
        .await
        .unwrap();
}

#[tokio::test]
async fn a_member_that_says_nothing_after_its_handshake_is_closed() {
    let (server, key, kurume) = known_client_of(hasty()).await;
    let mut silent = handshaken(server.address, &kurume, key.clone()).await;
    ended(&mut silent).await;
    server.turned_away("connection-slow", 1).await;
    // Nor does it help to begin, byte by byte.
    let mut trickling = handshaken(server.address, &kurume, key).await;
    for byte in b"PRI * HTTP/2.0\r\n" {
        if trickling.write_all(&[*byte]).await.is_err() || trickling.flush().await.is_err() {
            break;
        }
        tokio::time::sleep(SOON / 10).await;
    }
    ended(&mut trickling).await;
    server.turned_away("connection-slow", 2).await;
    assert_eq!(server.asked(), 0);
}

#[tokio::test]
async fn a_handshake_that_trickles_has_no_more_time_than_another() {
    let (server, _, _) = known_client_of(hasty()).await;
    let mut tcp = TcpStream::connect(server.address).await.unwrap();
    let started = tokio::time::Instant::now();
    // The beginning of a ClientHello of 512 bytes, one byte after the other.
    let hello = [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3][..], &[0; 500]].concat();
    for byte in hello {
        if tcp.write_all(&[byte]).await.is_err() {
            break;
        }
        tokio::time::sleep(SOON / 20).await;
    }
    ended(&mut tcp).await;
    assert!(started.elapsed() < 20 * SOON, "it was heard to its end");
    server.turned_away("connection-slow", 1).await;
}

#[tokio::test]
async fn one_key_has_its_share_of_connections_and_others_theirs() {
    let (saga, kurume, yame) = (identity(), identity(), identity());
    let members = Members::of(&[(&saga, "saga"), (&kurume, "kurume"), (&yame, "yame")]);
    let limits = ServerLimits {
        connections_per_key_max: 2,
        ..ServerLimits::default()
    };
    let server = Running::start(&saga, members.clone(), limits).await;
    let client = |key| Client::new(server.address, network("saga"), key, members.clone());
    let mut held = vec![client(&kurume), client(&kurume)];
    for client in &held {
        assert_eq!(client.ask("whoami").await.unwrap(), "kurume");
    }
    let third = client(&kurume);
    let refused = third.ask("whoami").await.unwrap_err();
    assert_eq!(classify(&refused), Failure::Unreachable, "{refused:?}");
    server.turned_away("connection-too-many-of-one", 1).await;
    assert_eq!(client(&yame).ask("whoami").await.unwrap(), "yame");
    drop(held.pop());
    // The server sees the connection's end a moment later.
    let freed = async { while third.ask("whoami").await.is_err() {} };
    timeout(PATIENCE, freed).await.unwrap();
    assert_eq!(held[0].ask("whoami").await.unwrap(), "kurume");
}

#[tokio::test]
async fn a_flood_from_one_address_pushes_out_its_own_handshakes_only() {
    let saga = identity();
    let limits = ServerLimits {
        handshake_timeout: 10 * PATIENCE,
        handshakes_max: 4,
        ..ServerLimits::default()
    };
    let server = Running::start(&saga, Members::of(&[(&saga, "saga")]), limits).await;
    // The oldest of all, from elsewhere, which has not begun to speak.
    let elsewhere = TcpSocket::new_v4().unwrap();
    elsewhere.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut slow = elsewhere.connect(server.address).await.unwrap();
    let mut flood = Vec::new();
    for _ in 0..40 {
        flood.push(TcpStream::connect(server.address).await.unwrap());
    }
    server.turned_away("connection-gave-way", 37).await;
    for tcp in &mut flood[..30] {
        ended(tcp).await;
    }
    let waits = timeout(Duration::from_millis(50), slow.read_u8()).await;
    assert!(waits.is_err(), "it had to give way: {waits:?}");
}

#[tokio::test]
async fn what_is_turned_away_is_counted_by_kind() {
    let saga = identity();
    let limits = ServerLimits {
        connections_max: 2,
        ..hasty()
    };
    let server = Running::start(&saga, Members::of(&[(&saga, "saga")]), limits).await;
    assert_eq!(server.turned_away.counts(), []);
    let mut garbage = TcpStream::connect(server.address).await.unwrap();
    garbage.write_all(&[0xff; 64]).await.unwrap();
    ended(&mut garbage).await;
    server.turned_away("connection-handshake", 1).await;
    let mut silent = Vec::new();
    for _ in 0..5 {
        silent.push(TcpStream::connect(server.address).await.unwrap());
    }
    server.turned_away("connection-too-many", 3).await;
    server.turned_away("connection-slow", 2).await;
}

#[tokio::test]
async fn a_client_that_leaves_an_answer_unread_is_closed_and_one_that_waits_for_us_is_not() {
    let (saga, kurume) = (identity(), identity());
    let members = Members::of(&[(&saga, "saga"), (&kurume, "kurume")]);
    let limits = ServerLimits {
        unread_max: SOON,
        ..ServerLimits::default()
    };
    let server = Running::start(&saga, members.clone(), limits).await;
    let small = ClientLimits {
        answer_window_bytes: 1_024,
        ..ClientLimits::default()
    };
    let address = server.address;
    let client = Client::with_limits(address, network("saga"), &kurume, members, small);
    // As much as one window holds at a time, and all of it.
    assert_eq!(client.ask("long").await.unwrap().len(), 4 * 64 * 1024);
    let ours = client.ask_by("hang", Deadline::after(3 * SOON)).await;
    assert!(ours.is_err(), "{ours:?}");
    assert_eq!(server.turned_away.counts(), [], "it was we who were slow");

    let deadline = Deadline::after(PATIENCE);
    let mut unread = client.begin("long", deadline).await.unwrap();
    let beside = client.clone();
    let beside = tokio::spawn(async move { beside.ask_by("hang", deadline).await });
    server.turned_away("connection-unread", 1).await;
    let cut = timeout(PATIENCE, unread.message()).await.unwrap();
    assert!(cut.is_err(), "{cut:?}");
    // All of the connection's went with it; a new one is as good as any.
    assert!(timeout(PATIENCE, beside).await.unwrap().unwrap().is_err());
    assert_eq!(client.ask("whoami").await.unwrap(), "kurume");
}
