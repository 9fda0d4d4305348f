//! What somebody may change of themselves, and when.

use crate::accounts::{By, Hashed, Kind, Second, Secret};
use crate::testing::{PASSWORD, Town};
use axum::http::StatusCode;
use sekisho_domain::TimeMs;
use sekisho_node::Environment;

const NEW: &str = "a very different sentence";

#[tokio::test]
async fn a_password_is_changed_by_who_knows_it_and_has_just_shown_who_they_are() {
    let town = Town::new().await;
    let secret = Secret::fresh().unwrap();
    let second = Second::Totp {
        secret: secret.clone(),
        taken: None,
    };
    town.add_with("sato-hanako-9", Kind::Officer, second);
    let code = || secret.code(town.clock.now().0 / 1000).unwrap();
    let mut one = town.browser();
    one.sign_in("sato-hanako-9", PASSWORD).await;
    one.get("/signin/code").await;
    one.post("/signin/code", &[("code", &code())]).await;
    one.get("/account").await;
    let change = |now: &'static str, new: &'static str, repeated: &'static str| {
        [("password", now), ("new", new), ("repeated", repeated)]
    };
    for (fields, said) in [
        (change("not it, sorry", NEW, NEW), "signin-password-wrong"),
        (change(PASSWORD, NEW, "another"), "signin-password-differs"),
        (change(PASSWORD, "short", "short"), "signin-password-short"),
        (change(PASSWORD, PASSWORD, PASSWORD), "signin-password-same"),
        (
            change(PASSWORD, "Sato-Hanako-91", "Sato-Hanako-91"),
            "signin-password-name",
        ),
    ] {
        let answer = one.post("/account/password", &fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{said}");
        let message = town
            .portal
            .messages(sekisho_domain::Language::Ja)
            .text(said);
        assert!(answer.body.contains(&message), "{said}: {}", answer.body);
    }
    // Another device of theirs, which is signed out when the password changes.
    town.clock.advance(60_000);
    let mut other = town.browser();
    other.sign_in("sato-hanako-9", PASSWORD).await;
    other.get("/signin/code").await;
    other.post("/signin/code", &[("code", &code())]).await;
    assert!(
        one.get("/account")
            .await
            .body
            .contains("/account/sessions/end")
    );
    town.clock.advance(300_000);
    let fields = change(PASSWORD, NEW, NEW);
    let stale = one.post("/account/password", &fields).await;
    assert_eq!(stale.to(), "/signin/again?to=/account");
    one.get("/signin/again").await;
    one.post("/signin/again", &[("code", &code())]).await;
    assert_eq!(
        one.post("/account/password", &fields).await.to(),
        "/account"
    );
    assert_eq!(other.get("/account").await.status, StatusCode::SEE_OTHER);
    assert_eq!(one.get("/account").await.status, StatusCode::OK);
    let old = town.browser().sign_in("sato-hanako-9", PASSWORD).await;
    assert_eq!(old.status, StatusCode::UNAUTHORIZED);
    assert_eq!(
        town.browser().sign_in("sato-hanako-9", NEW).await.to(),
        "/signin/code"
    );
}

#[tokio::test]
async fn a_password_that_was_given_out_is_changed_before_anything_else() {
    let town = Town::new().await;
    town.add("a", Kind::Operator);
    let given = Hashed::of(PASSWORD).unwrap();
    town.portal
        .accounts
        .reset("a", given, true, &By::command(TimeMs(0)))
        .unwrap();
    let mut one = town.browser();
    assert_eq!(one.sign_in("a", PASSWORD).await.to(), "/signin/password");
    let mut two = one.clone();
    assert_eq!(
        one.get("/account").await.status,
        StatusCode::SEE_OTHER,
        "not in yet"
    );
    one.get("/signin/password").await;
    two.get("/signin/password").await;
    let same = one
        .post(
            "/signin/password",
            &[("new", PASSWORD), ("repeated", PASSWORD)],
        )
        .await;
    assert_eq!(same.status, StatusCode::UNPROCESSABLE_ENTITY);
    let new = one
        .post("/signin/password", &[("new", NEW), ("repeated", NEW)])
        .await;
    assert_eq!(new.to(), "/signin/enrol");
    // Whoever else was at it with the password given out is not.
    let late = two
        .post(
            "/signin/password",
            &[("new", "yet another one"), ("repeated", "yet another one")],
        )
        .await;
    assert_ne!(late.to(), "/signin/enrol");
    assert_eq!(
        town.browser().sign_in("a", PASSWORD).await.status,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(town.browser().sign_in("a", NEW).await.to(), "/signin/enrol");
}

#[tokio::test]
async fn sessions_end_with_the_account_and_when_their_owner_says_so() {
    let town = Town::new().await;
    town.add("a", Kind::Operator);
    let (mut one, mut two) = (town.browser(), town.browser());
    for browser in [&mut one, &mut two] {
        browser.sign_in("a", PASSWORD).await;
    }
    let mut stranger = town.signed_in(Kind::Operator);
    one.get("/account").await;
    assert_eq!(
        one.post("/account/sessions/end", &[]).await.to(),
        "/account"
    );
    assert_eq!(two.get("/account").await.status, StatusCode::SEE_OTHER);
    assert_eq!(stranger.get("/account").await.status, StatusCode::OK);
    let mut half = town.at(crate::sessions::Stage::Code("a".to_owned()));
    town.portal
        .disable("a", By::command(TimeMs(0)))
        .await
        .unwrap();
    assert_eq!(one.get("/account").await.status, StatusCode::SEE_OTHER);
    assert_eq!(half.get("/signin/code").await.status, StatusCode::SEE_OTHER);
    assert_eq!(
        town.browser().sign_in("a", PASSWORD).await.status,
        StatusCode::UNAUTHORIZED
    );
    town.portal
        .accounts
        .enable("a", &By::command(TimeMs(0)))
        .unwrap();
    assert_eq!(
        town.browser().sign_in("a", PASSWORD).await.to(),
        "/operator"
    );
}
