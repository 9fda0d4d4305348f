//! TLS with real servers: a PostgreSQL that speaks it, and an S3 server behind a front that does.

use crate::contract_test::{entry, holds, put};
use crate::private_postgres::Postgres;
use crate::private_s3::{BUCKET, S3};
use crate::private_tls::{Certified, Front};
use crate::{
    Contents, MemoryIndex, ObjectContents, PostgresIndex, PostgresSettings, StoreError,
    StoreSettings,
};
use sekisho_domain::Hash;
use sha2::{Digest, Sha256};
use std::path::Path;
use std::sync::Arc;

#[test]
fn a_server_over_tls_is_known_by_its_certificate() {
    let Some(mut server) = Postgres::start() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (shown, other) = (
        Certified::by("the network's", "127.0.0.1"),
        Certified::by("another's", "127.0.0.1"),
    );
    let (ca, other_ca) = (
        file("ca", &shown.authority),
        file("other", &other.authority),
    );
    let password = file("password", "not-in-any-error\n");
    let open = |server: &Postgres, user: &str, host: &str, query: &str, ca: Option<&Path>| {
        let url = format!("postgresql://{user}@{host}:{}/tls{query}", server.port());
        let settings = PostgresSettings::new(&url, Some(&password), ca).unwrap();
        PostgresIndex::open(settings, "saga/1")
    };
    let required = "?sslmode=require";
    server.sql("postgres", "CREATE DATABASE tls");
    let told = open(&server, "sekisho", "127.0.0.1", required, Some(&ca)).unwrap_err();
    assert!(
        told.to_string().contains("server does not support TLS"),
        "{told}"
    );

    server.speak_tls(&shown.certificate, &shown.key, "not-in-any-error");
    server.sql("tls", "ALTER DATABASE tls OWNER TO remote");
    // A server that lets nobody in without TLS, and asks for a password that is bound to the certificate.
    let index = open(&server, "remote", "127.0.0.1", required, Some(&ca)).unwrap();
    holds(&index);
    let over = "SELECT DISTINCT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE usename = 'remote'";
    assert_eq!(server.sql("tls", over).trim(), "t");
    drop(index);
    for (host, ca, reason) in [
        ("127.0.0.1", Some(&other_ca), "UnknownIssuer"),
        ("localhost", Some(&ca), "not valid for name \"localhost\""),
        ("127.0.0.1", None, "UnknownIssuer"),
    ] {
        let told = open(&server, "remote", host, required, ca.map(|ca| ca.as_path())).unwrap_err();
        let told = format!("{told}");
        let server = format!("{host}:{}/tls", server.port());
        assert!(told.contains(&server) && told.contains(reason), "{told}");
        assert!(!told.contains("not-in-any-error"), "{told}");
    }
    // On this machine nothing need be encrypted, whatever certificate a server's package made for itself.
    let told = open(&server, "remote", "127.0.0.1", "", None).unwrap_err();
    assert!(told.to_string().contains("pg_hba.conf rejects"), "{told}");
    server.sql("postgres", "CREATE DATABASE here");
    let settings = PostgresSettings::new(&server.url("here"), None, None).unwrap();
    holds(&PostgresIndex::open(settings, "saga/1").unwrap());
}

#[test]
fn a_store_over_tls_is_known_by_its_certificate() {
    let (server, dir) = (S3::start(), tempfile::tempdir().unwrap());
    let behind = server.endpoint();
    let behind = behind.strip_prefix("http://").unwrap().parse().unwrap();
    let shown = Certified::by("the network's", "127.0.0.1");
    let other = Certified::by("another's", "127.0.0.1");
    let front = Front::before(behind, &shown);
    for (name, text) in [("ca", &shown.authority), ("other", &other.authority)] {
        std::fs::write(dir.path().join(name), text).unwrap();
    }
    let settings = StoreSettings {
        endpoint: server.endpoint(),
        bucket: BUCKET.into(),
        prefix: "tls".into(),
        region: "jp".into(),
        path_style: true,
        access_key_file: server.credential("access"),
        secret_key_file: server.credential("secret"),
        ca: None,
    };
    let by = |host: &str, ca: Option<&str>| {
        let endpoint = format!("https://{host}:{}", front.address.port());
        let ca = ca.map(|ca| dir.path().join(ca));
        let settings = StoreSettings {
            endpoint,
            ca,
            ..settings.clone()
        };
        ObjectContents::open(&settings).unwrap()
    };
    let store = by("127.0.0.1", Some("ca"));
    store.probe().unwrap();
    let contents = Contents::new([("std01".parse().unwrap(), dir.path().to_owned())]);
    let kept = contents.clone().released_from(Some(store));
    let index = kept.kept_for(Arc::new(MemoryIndex::default()));
    let bytes = vec![7; 300_000];
    std::fs::write(dir.path().join("a"), &bytes).unwrap();
    let mut document = entry(1, "10", 1, "a", "a");
    document.hash = Hash(Sha256::digest(&bytes).into());
    document.size_bytes = bytes.len() as u64;
    index.apply(&[put(document.clone())]).unwrap();
    std::fs::remove_file(dir.path().join("a")).unwrap();
    let (_, left) = kept.open(&document).unwrap().check_whole(0).unwrap();
    assert_eq!(left, bytes);
    for (host, ca, reason) in [
        ("127.0.0.1", Some("other"), "UnknownIssuer"),
        ("127.0.0.1", None, "UnknownIssuer"),
        ("localhost", Some("ca"), "not valid for name \"localhost\""),
    ] {
        let store = by(host, ca);
        let told = store.probe().unwrap_err();
        assert!(matches!(told, StoreError::Failed { .. }), "{told}");
        let told = told.to_string();
        assert!(told.contains(host) && told.contains(reason), "{told}");
        let elsewhere = contents.clone().released_from(Some(store));
        assert!(elsewhere.open(&document).is_err(), "{reason}");
    }
}
