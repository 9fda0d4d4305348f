//! Who gets a connection and who does not, over real sockets.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod raw;
#[allow(dead_code, reason = "shared; no file needs all of it")]
mod support;

use raw::{
    anyone, certified, first_byte, h2, known_client, raw_client, ring, seeded_signer, stolen,
    stolen_client, tls,
};
use rustls::sign::SingleCertAndKey;
use rustls::{AlertDescription, ServerConfig};
use sekisho_transport::{ConnectFailure, Expected, Failure, classify};
use std::sync::Arc;
use support::{Client, Members, PATIENCE, identity, network, two_members};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::{TlsAcceptor, TlsConnector};
use tonic::Code;

#[tokio::test]
async fn members_know_each_other_by_the_ledger_alone() {
    let (server, saga, kurume, members) = two_members().await;
    for expected in [network("saga"), Expected::Key(saga.id())] {
        let client = Client::new(server.address, expected.clone(), &kurume, members.clone());
        assert_eq!(client.ask("whoami").await.unwrap(), "kurume", "{expected}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_client_the_ledger_does_not_name_is_refused() {
    let (server, _, _, members) = two_members().await;
    let client = Client::new(server.address, network("saga"), &identity(), members);
    let status = client.ask("whoami").await.unwrap_err();
    assert_eq!(classify(&status), Failure::Refused);
    assert!(
        is_refused_handshake(&status),
        "no request of it got through: {status:?}"
    );
    assert_eq!(server.asked(), 0);
}

#[tokio::test]
async fn a_member_admitted_later_needs_no_restart() {
    let (server, _, _, members) = two_members().await;
    let yame = identity();
    let client = Client::new(server.address, network("saga"), &yame, members.clone());
    assert_eq!(
        classify(&client.ask("whoami").await.unwrap_err()),
        Failure::Refused
    );
    members.admit(&yame, "yame");
    assert_eq!(client.ask("whoami").await.unwrap(), "yame");
}

#[tokio::test]
async fn a_server_that_is_not_the_expected_one_is_refused() {
    let (server, _, kurume, members) = two_members().await;
    let cases = [
        ("another member's address", network("kurume")),
        ("a network without keys", network("yame")),
        ("another key", Expected::Key(kurume.id())),
    ];
    for (case, expected) in cases {
        let client = Client::new(server.address, expected, &kurume, members.clone());
        assert_eq!(
            classify(&client.ask("whoami").await.unwrap_err()),
            Failure::WrongCertificate,
            "{case}"
        );
    }
    assert_eq!(server.asked(), 0);
}

#[tokio::test]
async fn a_client_key_revoked_during_a_connection_stops_at_the_next_request() {
    let (server, saga, kurume, members) = two_members().await;
    // The client's own copy of the ledger tells it nothing: the server alone must stop it.
    let client = Client::new(
        server.address,
        Expected::Key(saga.id()),
        &kurume,
        Members::of(&[]),
    );
    assert_eq!(client.ask("whoami").await.unwrap(), "kurume");
    members.revoke(&kurume);
    let status = client.ask("whoami").await.unwrap_err();
    // A status from the wire: the connection itself stayed up, the request was refused.
    assert_eq!(
        (status.code(), classify(&status)),
        (Code::Unauthenticated, Failure::Refused)
    );
    assert_eq!(server.asked(), 1, "no handler ran after the revocation");
    members.admit(&kurume, "kurume");
    assert_eq!(client.ask("whoami").await.unwrap(), "kurume");
}

#[tokio::test]
async fn a_server_key_revoked_during_a_connection_gets_no_further_request() {
    let (server, saga, kurume, _) = two_members().await;
    // Two copies of the ledger: the client's is ahead, so the client alone must stop.
    let ahead = Members::of(&[(&saga, "saga")]);
    let client = Client::new(server.address, network("saga"), &kurume, ahead.clone());
    assert_eq!(client.ask("whoami").await.unwrap(), "kurume");
    ahead.revoke(&saga);
    assert_eq!(
        classify(&client.ask("whoami").await.unwrap_err()),
        Failure::Unreachable,
        "the connection breaks"
    );
    assert_eq!(
        classify(&client.ask("whoami").await.unwrap_err()),
        Failure::WrongCertificate,
        "and no other is made"
    );
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn a_certificate_without_its_key_is_worth_nothing() {
    let (server, saga, kurume, members) = two_members().await;
    // As a client: Kurume's certificate, another's key.
    let error = first_byte(server.address, stolen_client(&kurume))
        .await
        .unwrap_err();
    assert!(
        matches!(tls(&error), Some(rustls::Error::AlertReceived(_))),
        "{error}"
    );
    // As a server: Saga's certificate, another's key.
    let impostor = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = impostor.local_addr().unwrap();
    let mut config = ServerConfig::builder_with_provider(ring())
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(stolen(&saga));
    config.alpn_protocols = h2();
    let accepted = tokio::spawn(async move {
        let (tcp, _) = impostor.accept().await.unwrap();
        TlsAcceptor::from(Arc::new(config))
            .accept(tcp)
            .await
            .map(drop)
    });
    let client = Client::new(address, network("saga"), &kurume, members);
    assert_eq!(
        classify(&client.ask("whoami").await.unwrap_err()),
        Failure::WrongCertificate
    );
    assert!(accepted.await.unwrap().is_err());
}

#[tokio::test]
async fn what_is_not_our_tls_is_refused_with_the_right_alert() {
    let (server, _, kurume, _) = two_members().await;
    let resolver = || {
        Arc::new(SingleCertAndKey::from(certified(
            &kurume,
            seeded_signer([1; 32]),
        )))
    };
    let cases = [
        (
            "no client certificate",
            raw_client(&[&rustls::version::TLS13]).with_no_client_auth(),
            h2(),
            AlertDescription::CertificateRequired,
        ),
        (
            "TLS 1.2 only",
            raw_client(&[&rustls::version::TLS12]).with_client_cert_resolver(resolver()),
            h2(),
            AlertDescription::ProtocolVersion,
        ),
        (
            "HTTP/1.1 only",
            raw_client(&[&rustls::version::TLS13]).with_client_cert_resolver(resolver()),
            vec![b"http/1.1".to_vec()],
            AlertDescription::NoApplicationProtocol,
        ),
    ];
    for (case, mut config, protocols, alert) in cases {
        config.alpn_protocols = protocols;
        let error = first_byte(server.address, config).await.unwrap_err();
        assert_eq!(
            tls(&error),
            Some(&rustls::Error::AlertReceived(alert)),
            "{case}"
        );
    }
    assert_eq!(server.asked(), 0);
}

#[tokio::test]
async fn a_session_is_never_resumed() {
    let (server, kurume_key, kurume) = known_client().await;
    let mut config = raw_client(&[&rustls::version::TLS13]).with_client_cert_resolver(Arc::new(
        SingleCertAndKey::from(certified(&kurume, kurume_key)),
    ));
    config.alpn_protocols = h2();
    let connector = TlsConnector::from(Arc::new(config));
    for round in 1..=2 {
        let tcp = TcpStream::connect(server.address).await.unwrap();
        let mut tls = connector.connect(anyone(), tcp).await.unwrap();
        // The server's settings: after them a ticket would have arrived too.
        let mut frame = [0; 9];
        timeout(PATIENCE, tls.read_exact(&mut frame))
            .await
            .unwrap()
            .unwrap();
        assert_eq!(
            tls.get_ref().1.handshake_kind(),
            Some(rustls::HandshakeKind::Full),
            "connection {round}"
        );
        assert_eq!(
            tls.get_ref().1.tls13_tickets_received(),
            0,
            "connection {round}"
        );
    }
}

fn is_refused_handshake(status: &tonic::Status) -> bool {
    let mut error = std::error::Error::source(status);
    while let Some(cause) = error {
        if let Some(failure) = cause.downcast_ref() {
            return matches!(failure, ConnectFailure::Refused { .. });
        }
        error = cause.source();
    }
    false
}
