//! Signing in, and every way in which it must not succeed.

use crate::accounts::{Kind, Second, Secret};
use crate::testing::{PASSWORD, Town};
use axum::http::StatusCode;
use sekisho_node::Environment;
use std::time::Instant;

fn now_s(town: &Town) -> u64 {
    town.clock.now().0 / 1000
}

#[tokio::test]
async fn a_wrong_name_and_a_wrong_password_are_told_of_alike() {
    let town = Town::new().await;
    town.add("known", Kind::Officer);
    let mut disabled = town.add("gone", Kind::Officer);
    disabled.disabled = true;
    town.portal
        .accounts
        .change("gone", |a| {
            *a = disabled;
            (true, ())
        })
        .unwrap();
    let mut first = None;
    for (name, password) in [
        ("known", "not the password"),
        ("unknown", "not the password"),
        ("unknown", PASSWORD),
        ("gone", PASSWORD),
        ("", ""),
        ("known ", ""),
        ("名前", PASSWORD),
    ] {
        let mut one = town.browser();
        let answer = one.sign_in(name, password).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert!(one.token().is_none());
        let said = (answer.headers, answer.body);
        match &first {
            None => first = Some(said),
            Some(first) => assert_eq!(*first, said, "{name}"),
        }
    }
}

/// Both hash once: the fastest of several of either is not far from that of the other. On a busy machine it takes more of
/// them until both have run undisturbed once.
#[tokio::test]
async fn a_wrong_name_takes_as_long_as_a_wrong_password() {
    let town = Town::new().await;
    let mut fastest = [u128::MAX; 2];
    let alike = |[known, unknown]: [u128; 2]| known < 2 * unknown && unknown < 2 * known;
    for n in 0..60 {
        if n >= 6 && alike(fastest) {
            break;
        }
        town.add(&format!("known-{n}"), Kind::Officer);
        for (at, name) in [format!("known-{n}"), format!("unknown-{n}")]
            .iter()
            .enumerate()
        {
            let mut one = town.browser();
            let began = Instant::now();
            one.post("/signin", &[("name", name), ("password", "not it, sorry")])
                .await;
            fastest[at] = fastest[at].min(began.elapsed().as_micros());
        }
    }
    let [known, unknown] = fastest;
    assert!(alike(fastest), "{known} us against {unknown} us");
}

#[tokio::test]
async fn a_token_planted_before_is_worth_nothing_after() {
    let town = Town::new().await;
    town.add("a", Kind::Operator);
    let mut victim = town.browser();
    let planted = crate::sessions::Token("ab".repeat(32));
    victim.keep(&planted);
    let answer = victim.sign_in("a", PASSWORD).await;
    assert_eq!(answer.to(), "/operator");
    let cookie = answer.header("set-cookie");
    for part in [
        "__Host-sekisho=",
        "; Path=/",
        "; HttpOnly",
        "; SameSite=Lax",
        "; Secure",
    ] {
        assert!(cookie.contains(part), "{cookie}");
    }
    assert_ne!(victim.token(), Some(planted.clone()));
    let mut other = town.browser();
    other.keep(&planted);
    assert_eq!(
        other.get("/signin/again").await.status,
        StatusCode::SEE_OTHER
    );
    // The session of one who signs in anew is gone, and so is that of one who signs out.
    let before = victim.clone();
    victim.get("/signin/again").await;
    let out = victim.post("/signout", &[]).await;
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    for mut old in [before, victim] {
        assert_eq!(old.get("/signin/again").await.status, StatusCode::SEE_OTHER);
    }
}

#[tokio::test]
async fn somebody_who_tries_too_often_waits() {
    let town = Town::new().await;
    town.add("a", Kind::Operator);
    for _ in 0..5 {
        let answer = town.browser().sign_in("a", "wrong, wrong").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
    }
    let answer = town.browser().sign_in("a", PASSWORD).await;
    assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(answer.header("retry-after"), "30");
    let unknown = async || town.browser().sign_in("nobody", PASSWORD).await;
    for _ in 0..5 {
        assert_eq!(unknown().await.status, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(unknown().await.status, StatusCode::TOO_MANY_REQUESTS);
    town.clock.advance(30_000);
    assert_eq!(
        town.browser().sign_in("a", PASSWORD).await.to(),
        "/operator"
    );
}

#[tokio::test]
async fn a_code_opens_once() {
    let town = Town::new().await;
    let secret = Secret::fresh().unwrap();
    let second = Second::Totp {
        secret: secret.clone(),
        taken: None,
    };
    town.add_with("a", Kind::Clinician, second);
    let code = secret.code(now_s(&town)).unwrap();
    let (mut one, mut two) = (town.browser(), town.browser());
    for browser in [&mut one, &mut two] {
        assert_eq!(browser.sign_in("a", PASSWORD).await.to(), "/signin/code");
        assert_eq!(
            browser.get("/signin/again").await.status,
            StatusCode::SEE_OTHER,
            "half in is out"
        );
        browser.get("/signin/code").await;
    }
    let half = one.token();
    let wrong = one.post("/signin/code", &[("code", "12345")]).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        one.post("/signin/code", &[("code", &code)]).await.to(),
        "/clinician"
    );
    assert_ne!(one.token(), half, "a token of its own");
    let again = two.post("/signin/code", &[("code", &code)]).await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED);
    one.get("/signin/again").await;
    let again = one.post("/signin/again", &[("code", &code)]).await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED);
    town.clock.advance(30_000);
    let code = secret.code(now_s(&town)).unwrap();
    let fields = [("code", code.as_str()), ("to", "/clinician/x")];
    assert_eq!(
        one.post("/signin/again", &fields).await.to(),
        "/clinician/x"
    );
    // Codes are not guessed either.
    for _ in 0..5 {
        two.post("/signin/code", &[("code", "000000")]).await;
    }
    let late = two.post("/signin/code", &[("code", &code)]).await;
    assert_eq!(late.status, StatusCode::TOO_MANY_REQUESTS);
}

#[tokio::test]
async fn codes_are_set_up_once() {
    let town = Town::new().await;
    town.add_with("a", Kind::Officer, Second::Missing);
    let (mut one, mut two) = (town.browser(), town.browser());
    let mut codes = Vec::new();
    for browser in [&mut one, &mut two] {
        assert_eq!(browser.sign_in("a", PASSWORD).await.to(), "/signin/enrol");
        let page = browser.get("/signin/enrol").await.body;
        let typed = page.split("class=\"secret\">").nth(1).unwrap();
        let typed = typed.split('<').next().unwrap();
        codes.push(Secret::typed(typed).code(now_s(&town)).unwrap());
    }
    assert_ne!(codes[0], codes[1], "each its own secret");
    let wrong = one.post("/signin/enrol", &[("code", &codes[1])]).await;
    assert_eq!(wrong.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        one.post("/signin/enrol", &[("code", &codes[0])]).await.to(),
        "/officer"
    );
    let second = two.post("/signin/enrol", &[("code", &codes[1])]).await;
    assert_eq!(second.status, StatusCode::FORBIDDEN);
    assert_eq!(
        town.browser().sign_in("a", PASSWORD).await.to(),
        "/signin/code"
    );
    // Signing in may not take for ever.
    let mut slow = town.browser();
    slow.sign_in("a", PASSWORD).await;
    town.clock.advance(600_000);
    assert_eq!(slow.get("/signin/code").await.to(), "/signin");
}
