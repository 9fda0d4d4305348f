//! A real browser makes and uses passkeys; and what is sent without one.

use super::*;
use crate::accounts::Kind;
use crate::node_programs::{left_out, script};
use crate::testing::{PASSWORD, Town};
use std::path::Path;
use tokio_util::sync::CancellationToken;

/// Where browsers of Debian, Ubuntu and Google are.
const BROWSERS: [&str; 3] = [
    "/usr/bin/chromium",
    "/usr/bin/chromium-browser",
    "/usr/bin/google-chrome",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_real_browser_makes_uses_and_loses_a_passkey() {
    let Some(chromium) = BROWSERS.into_iter().find(|at| Path::new(at).exists()) else {
        left_out("there is no Chromium");
        return;
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let origin = format!("http://localhost:{port}");
    let town = Town::with(|settings| settings.origin.clone_from(&origin)).await;
    town.add("sato", Kind::Clinician);
    let stop = CancellationToken::new();
    let serving = tokio::spawn(town.portal.clone().serve(listener, None, stop.clone()));
    let run = move || script("passkey.mjs", &[&origin, chromium, "sato", PASSWORD]);
    let ended = tokio::task::spawn_blocking(run).await.unwrap();
    if let Some(ended) = ended {
        assert_eq!(ended.said, "done");
    }
    stop.cancel();
    serving.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_is_no_passkey_opens_nothing() {
    let town = Town::new().await;
    let mut one = town.browser();
    for credential in [
        "",
        "{}",
        "null",
        "{\"id\":\"AA\",\"rawId\":\"AA\",\"type\":\"public-key\"}",
    ] {
        let answer = one
            .post("/signin/passkey", &[("credential", credential)])
            .await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        let begun = one.post("/signin/passkey/begin", &[]).await;
        assert_eq!(begun.header("content-type"), "application/json");
        let told: serde_json::Value = serde_json::from_str(&begun.body).unwrap();
        assert_eq!(told["publicKey"]["userVerification"], "required");
        assert_eq!(told["publicKey"]["rpId"], "portal.example.jp");
        // No name was asked for, so none is known: the list of keys is empty for everybody.
        assert!(
            told["publicKey"]["allowCredentials"]
                .as_array()
                .is_none_or(Vec::is_empty)
        );
        one.form_token = told["form_token"].as_str().unwrap().to_owned();
    }
    // Where browsers make no passkeys, the pages offer none.
    let numbers = Town::with(|settings| settings.origin = "http://127.0.0.1:8443".to_owned()).await;
    let mut one = numbers.browser();
    assert!(!one.get("/signin").await.body.contains("passkey"));
    assert_eq!(
        one.post("/signin/passkey/begin", &[]).await.status,
        StatusCode::NOT_FOUND
    );
}

#[test]
fn passkeys_are_of_a_name_under_tls_or_of_this_machine() {
    for (origin, can) in [
        ("https://portal.example.jp", true),
        ("https://portal.example.jp:8443", true),
        ("http://localhost:8443", true),
        ("http://portal.example.jp", false),
        ("https://192.0.2.1", false),
        ("http://127.0.0.1:8443", false),
        ("https://[::1]:8443", false),
    ] {
        assert_eq!(of_origin(origin).is_some(), can, "{origin}");
    }
}
