//! What clients and servers do when the other end is slow, gone, or not one of ours at all.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "shared; no file needs all of it")]
mod support;

use sekisho_transport::{
    ClientLimits, Deadline, Failure, Incoming, ServerLimits, TransportError, channel, classify,
    server,
};
use std::net::SocketAddr;
use std::time::Duration;
use support::{Client, Members, PATIENCE, Running, identity, network, two_members};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tonic::Code;

#[tokio::test]
async fn garbage_gets_an_end_and_others_an_answer() {
    let (server, _, kurume, members) = two_members().await;
    for garbage in [
        &b"GET / HTTP/1.1\r\n\r\n"[..],
        &[0xff; 4096],
        &[0x16, 0x03, 0x01, 0xff, 0xff, 0x01, 0, 0],
    ] {
        let mut tcp = TcpStream::connect(server.address).await.unwrap();
        tcp.write_all(garbage).await.unwrap();
        tcp.shutdown().await.unwrap();
        assert!(!answered(&mut tcp).await, "{garbage:02x?}");
    }
    let client = Client::new(server.address, network("saga"), &kurume, members);
    assert_eq!(client.ask("whoami").await.unwrap(), "kurume");
}

#[tokio::test]
async fn silent_clients_delay_nobody() {
    let (saga, kurume) = (identity(), identity());
    let members = Members::of(&[(&saga, "saga"), (&kurume, "kurume")]);
    // Patient beyond the test's end, so that only giving way can let the member in.
    let limits = ServerLimits {
        handshake_timeout: 10 * PATIENCE,
        handshakes_max: 2,
        connections_max: 8,
        ..ServerLimits::default()
    };
    let server = Running::start(&saga, members.clone(), limits).await;
    let mut silent = Vec::new();
    for _ in 0..3 * limits.handshakes_max {
        silent.push(TcpStream::connect(server.address).await.unwrap());
    }
    let client = Client::new(server.address, network("saga"), &kurume, members);
    assert_eq!(
        timeout(PATIENCE, client.ask("whoami"))
            .await
            .unwrap()
            .unwrap(),
        "kurume"
    );
    assert!(!answered(&mut silent[0]).await, "the oldest gave way");
}

#[tokio::test]
async fn a_silent_client_is_dropped_when_its_time_is_up() {
    let saga = identity();
    let limits = ServerLimits {
        handshake_timeout: Duration::from_millis(50),
        ..ServerLimits::default()
    };
    let server = Running::start(&saga, Members::of(&[(&saga, "saga")]), limits).await;
    let mut silent = TcpStream::connect(server.address).await.unwrap();
    assert!(!answered(&mut silent).await);
}

#[tokio::test]
async fn connections_beyond_the_limit_are_closed_and_the_place_comes_free_again() {
    let (saga, kurume) = (identity(), identity());
    let members = Members::of(&[(&saga, "saga"), (&kurume, "kurume")]);
    let limits = ServerLimits {
        connections_max: 1,
        ..ServerLimits::default()
    };
    let server = Running::start(&saga, members.clone(), limits).await;
    let first = Client::new(server.address, network("saga"), &kurume, members.clone());
    assert_eq!(first.ask("whoami").await.unwrap(), "kurume");
    let second = Client::new(server.address, network("saga"), &kurume, members);
    assert_eq!(
        classify(&second.ask("whoami").await.unwrap_err()),
        Failure::Unreachable
    );
    assert_eq!(
        first.ask("whoami").await.unwrap(),
        "kurume",
        "the first is not disturbed"
    );
    drop(first);
    // The server sees the first connection's end a moment later.
    let freed = async { while second.ask("whoami").await.is_err() {} };
    timeout(PATIENCE, freed).await.unwrap();
}

#[tokio::test]
async fn nobody_there_is_unreachable_and_nobody_answering_is_timed_out() {
    let (saga, kurume) = (identity(), identity());
    let members = Members::of(&[(&saga, "saga"), (&kurume, "kurume")]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let limits = ClientLimits {
        connect_timeout: Duration::from_millis(100),
        ..ClientLimits::default()
    };
    let client = Client::with_limits(address, network("saga"), &kurume, members.clone(), limits);
    // The system accepts for the listener; nobody speaks TLS behind it.
    assert_eq!(
        classify(&client.ask("whoami").await.unwrap_err()),
        Failure::TimedOut
    );
    drop(listener);
    let status = client.ask("whoami").await.unwrap_err();
    assert_eq!(
        (status.code(), classify(&status)),
        (Code::Unavailable, Failure::Unreachable)
    );
    // And back again, by the same channel.
    let listener = TcpListener::bind(address).await.unwrap();
    let incoming = Incoming::new(listener, &saga, members, ServerLimits::default()).unwrap();
    let serving = tokio::spawn(
        server()
            .add_service(support::Probe::default())
            .serve_with_incoming(incoming),
    );
    assert_eq!(client.ask("whoami").await.unwrap(), "kurume");
    serving.abort();
}

#[tokio::test]
async fn a_server_that_speaks_no_tls_is_neither_unreachable_nor_wrong() {
    let kurume = identity();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let speaking = tokio::spawn(async move {
        let (mut tcp, _) = listener.accept().await.unwrap();
        tcp.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            .await
            .unwrap();
        tcp.read_to_end(&mut Vec::new()).await.ok();
    });
    let client = Client::new(address, network("saga"), &kurume, Members::of(&[]));
    assert_eq!(
        classify(&client.ask("whoami").await.unwrap_err()),
        Failure::Other
    );
    speaking.await.unwrap();
}

#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_timed_out() {
    let (server, _, kurume, members) = two_members().await;
    let client = Client::new(server.address, network("saga"), &kurume, members);
    assert_eq!(client.ask("whoami").await.unwrap(), "kurume");
    let status = client
        .ask_by("hang", Deadline::after(Duration::from_millis(100)))
        .await
        .unwrap_err();
    assert_eq!(classify(&status), Failure::TimedOut, "{status:?}");
}

#[tokio::test]
async fn a_server_that_gives_up_first_is_timed_out() {
    let (saga, kurume) = (identity(), identity());
    let members = Members::of(&[(&saga, "saga"), (&kurume, "kurume")]);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let incoming =
        Incoming::new(listener, &saga, members.clone(), ServerLimits::default()).unwrap();
    let address = incoming.local_addr().unwrap();
    let mut hasty = tonic::transport::Server::builder().timeout(Duration::from_millis(50));
    let serving = tokio::spawn(
        hasty
            .add_service(support::Probe::default())
            .serve_with_incoming(incoming),
    );
    let client = Client::new(address, network("saga"), &kurume, members);
    let status = client.ask("hang").await.unwrap_err();
    assert!(
        std::error::Error::source(&status).is_none(),
        "it came over the wire"
    );
    assert_eq!(classify(&status), Failure::TimedOut, "{status:?}");
    serving.abort();
}

#[tokio::test]
async fn a_peer_that_falls_silent_is_found_out_by_keep_alive() {
    let (server, _, kurume, members) = two_members().await;
    let relay = Relay::start(server.address).await;
    let limits = ClientLimits {
        keep_alive_interval: Duration::from_millis(50),
        keep_alive_timeout: Duration::from_millis(500),
        ..ClientLimits::default()
    };
    let client = Client::with_limits(relay.address, network("saga"), &kurume, members, limits);
    assert_eq!(client.ask("whoami").await.unwrap(), "kurume");
    relay.freeze();
    let status = timeout(
        PATIENCE / 2,
        client.ask_by("whoami", Deadline::after(PATIENCE)),
    )
    .await
    .unwrap()
    .unwrap_err();
    assert_eq!(classify(&status), Failure::Unreachable, "{status:?}");
}

#[test]
fn a_server_that_dies_under_a_request_is_unreachable() {
    let world = tokio::runtime::Runtime::new().unwrap();
    let far = tokio::runtime::Runtime::new().unwrap();
    let (server, _, kurume, members) = far.block_on(two_members());
    world.block_on(async {
        let client = Client::new(server.address, network("saga"), &kurume, members);
        assert_eq!(client.ask("whoami").await.unwrap(), "kurume");
        let waiting = tokio::spawn(async move { client.ask("hang").await });
        timeout(PATIENCE, async {
            while server.asked() < 2 {
                tokio::task::yield_now().await;
            }
        })
        .await
        .unwrap();
        far.shutdown_background();
        let status = timeout(PATIENCE, waiting)
            .await
            .unwrap()
            .unwrap()
            .unwrap_err();
        assert_eq!(classify(&status), Failure::Unreachable, "{status:?}");
    });
}

#[tokio::test]
async fn an_address_must_be_host_and_port() {
    let kurume = identity();
    for address in [
        "",
        "example",
        "http://example:1",
        "user@example:1",
        "example:1/path",
        ":1",
        "example:x",
    ] {
        let made = channel(
            address,
            network("saga"),
            &kurume,
            Members::of(&[]),
            ClientLimits::default(),
        );
        assert!(
            matches!(made, Err(TransportError::Address(a)) if a == address),
            "{address:?}"
        );
    }
}

/// A line between two machines that can go dead without either end being told.
struct Relay {
    address: SocketAddr,
    frozen: watch::Sender<bool>,
}

impl Relay {
    async fn start(to: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (frozen, mut is_frozen) = watch::channel(false);
        tokio::spawn(async move {
            let (mut near, _) = listener.accept().await.unwrap();
            let mut far = TcpStream::connect(to).await.unwrap();
            tokio::select! {
                _ = tokio::io::copy_bidirectional(&mut near, &mut far) => {}
                _ = is_frozen.wait_for(|frozen| *frozen) => {}
            }
            // Both ends stay open for as long as the test holds the relay.
            while is_frozen.changed().await.is_ok() {}
            drop((near, far));
        });
        Self { address, frozen }
    }
    fn freeze(&self) {
        self.frozen.send(true).unwrap();
    }
}

/// Whether anything but an alert arrives before the connection ends.
async fn answered(tcp: &mut TcpStream) -> bool {
    const TLS_ALERT: u8 = 21;
    let mut received = Vec::new();
    // A reset is an end as well.
    let _ = timeout(PATIENCE, tcp.read_to_end(&mut received))
        .await
        .unwrap();
    received.first().is_some_and(|kind| *kind != TLS_ALERT)
}
