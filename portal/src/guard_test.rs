//! Who gets which page, and what every page refuses.

use crate::accounts::Kind;
use crate::form::FORM_BYTES_MAX;
use crate::pages::Open;
use crate::sessions::{SESSION_MS_MAX, Stage};
use crate::testing::{Browser, Town};
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, HOST, ORIGIN};
use axum::http::{Method, StatusCode};
use std::fmt::Write;

/// Whoever may ask.
const ALL: [Option<Kind>; 5] = [
    None,
    Some(Kind::Clinician),
    Some(Kind::Patient),
    Some(Kind::Officer),
    Some(Kind::Operator),
];

fn browser(town: &Town, who: Option<Kind>) -> Browser {
    who.map_or_else(|| town.browser(), |kind| town.signed_in(kind))
}

/// A path of a pattern: what stands in the braces is nothing of anybody's.
fn path(pattern: &str) -> String {
    let parts = pattern
        .split('/')
        .map(|part| if part.starts_with('{') { "1" } else { part });
    parts.collect::<Vec<_>>().join("/")
}

/// Every page, and what each gets who asks for it: `UPDATE_GOLDEN=1 cargo test -p sekisho-portal` writes it anew, and a
/// review reads the difference.
#[tokio::test]
async fn every_page_answers_each_as_the_list_says() {
    let town = Town::new().await;
    let mut table = format!("{:<6}{:<56}{:<11}", "", "", "open to");
    for who in ALL {
        write!(table, "{:<10}", who.map_or("nobody", Kind::code)).unwrap();
    }
    let mut table = format!("{}\n", table.trim_end());
    for (method, pattern, open) in town.portal.page_list() {
        let to = match open {
            Open::Everybody => "everybody",
            Open::SignedIn => "signed-in",
            Open::To(kind) => kind.code(),
        };
        let mut line = format!("{method:<6}{pattern:<56}{to:<11}");
        for who in ALL {
            let mut browser = browser(&town, who);
            let answer = match method {
                "GET" => browser.get(&path(pattern)).await,
                _ => browser.post(&path(pattern), &[]).await,
            };
            let told = match (answer.status, who, open) {
                (StatusCode::SEE_OTHER, None, _) if answer.to().starts_with("/signin") => "sign-in",
                _ => answer.status.as_str(),
            };
            match (who, open) {
                (_, Open::Everybody) | (Some(_), Open::SignedIn) => (),
                (None, _) => assert_eq!(told, "sign-in", "{method} {pattern}"),
                (Some(kind), Open::To(one)) if kind == one => (),
                (Some(_), Open::To(_)) => assert_eq!(told, "403", "{method} {pattern}"),
            }
            write!(line, "{told:<10}").unwrap();
        }
        table.push_str(line.trim_end());
        table.push('\n');
    }
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/src/pages.golden");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(golden, &table).unwrap();
    }
    let kept = std::fs::read_to_string(golden).unwrap_or_default();
    assert!(
        kept == table,
        "who gets which page has changed; if it should have: UPDATE_GOLDEN=1 cargo test -p sekisho-portal\n{table}"
    );
}

#[tokio::test]
async fn a_form_from_elsewhere_does_nothing() {
    let town = Town::new().await;
    let refused = |answer: crate::testing::Answer, how: &str| {
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{how}");
    };
    for (method, pattern, open) in town.portal.page_list() {
        if method == "GET" {
            continue;
        }
        let path = path(pattern);
        for who in ALL {
            let admitted = match (who, open) {
                (_, Open::Everybody) | (Some(_), Open::SignedIn) => true,
                (Some(kind), Open::To(one)) => kind == one,
                (None, _) => false,
            };
            let mut one = browser(&town, who);
            let how = |what: &str| format!("{pattern} by {who:?} {what}");
            // From a page elsewhere, whoever it is and whatever token it has.
            let token = one.form_token.clone();
            for origin in [
                "https://evil.example",
                "null",
                "http://portal.example.jp",
                "https://portal.example.jp:444",
            ] {
                let mut request = one.request(Method::POST, &path, format!("form_token={token}"));
                let value = origin.parse().unwrap();
                request.headers_mut().insert(ORIGIN, value);
                refused(one.send(request).await, &how(origin));
            }
            let mut request = one.request(Method::POST, &path, format!("form_token={token}"));
            request.headers_mut().remove(ORIGIN);
            refused(one.send(request).await, &how("without Origin"));
            let mut request = one.request(Method::POST, &path, format!("form_token={token}"));
            request.headers_mut().remove(ORIGIN);
            let site = "cross-site".parse().unwrap();
            request.headers_mut().insert("sec-fetch-site", site);
            refused(one.send(request).await, &how("cross-site"));
            // Without a session there is nothing to carry a token: only where it came from speaks for the form.
            if who.is_none() || !admitted {
                continue;
            }
            refused(one.post_only(&path, &[]).await, &how("without token"));
            let wrong = [("form_token", "0".repeat(64))];
            let wrong: Vec<_> = wrong.iter().map(|(k, v)| (*k, v.as_str())).collect();
            refused(one.post_only(&path, &wrong).await, &how("wrong token"));
            let other = browser(&town, who).form_token;
            let others = [("form_token", other.as_str())];
            refused(one.post_only(&path, &others).await, &how("another's token"));
            let mut request = one.request(Method::POST, &path, format!("form_token={token}"));
            let plain = "text/plain".parse().unwrap();
            request.headers_mut().insert(CONTENT_TYPE, plain);
            refused(one.send(request).await, &how("not a form"));
        }
    }
    // Half signed in, the session has a token, and the form must carry it.
    let mut half = town.at(Stage::Code("a".to_owned()));
    refused(
        half.post_only("/signin/code", &[("code", "1")]).await,
        "half",
    );
}

#[tokio::test]
async fn every_answer_says_what_a_browser_may_do() {
    let town = Town::new().await;
    let plain = Town::with(|settings| settings.origin = "http://127.0.0.1:8443".to_owned()).await;
    for town in [&town, &plain] {
        let https = town.portal.settings.origin.starts_with("https");
        let mut one = town.signed_in(Kind::Operator);
        let mut answers = Vec::new();
        for path in [
            "/",
            "/signin",
            "/signin/again",
            "/nothing/here",
            "/clinician",
            "/static/style.css",
            "/static/none",
            "/language/en?back=/x",
            "/language/xx",
        ] {
            answers.push((path, one.get(path).await));
        }
        answers.push(("POST", one.post_only("/signout", &[]).await));
        one.host = "elsewhere.example".to_owned();
        answers.push(("other host", one.get("/").await));
        for (path, answer) in answers {
            let policy = answer.header("content-security-policy");
            for part in [
                "default-src 'none'",
                "frame-ancestors 'none'",
                "base-uri 'none'",
                "form-action 'self'",
            ] {
                assert!(policy.contains(part), "{path}: {policy}");
            }
            assert!(!policy.contains("unsafe") && !policy.contains('*'));
            assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
            // With `no-referrer` a browser would send `Origin: null` with our own forms (Fetch §3.2).
            assert_eq!(answer.header("referrer-policy"), "same-origin", "{path}");
            assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin");
            assert_eq!(answer.header("cross-origin-resource-policy"), "same-origin");
            let cache = match path {
                "/static/style.css" => "public, max-age=300",
                _ => "no-store",
            };
            assert_eq!(answer.header("cache-control"), cache, "{path}");
            let strict = answer.header("strict-transport-security");
            assert_eq!(strict.is_empty(), !https, "{path}");
        }
    }
}

#[tokio::test]
async fn the_portal_answers_under_its_own_name_and_within_its_bounds() {
    let town = Town::new().await;
    let mut one = town.signed_in(Kind::Operator);
    for host in [
        "portal.example.jp:443",
        "PORTAL.example.org",
        "localhost",
        "portal.example.jp.",
    ] {
        let mut other = one.clone();
        other.host = host.to_owned();
        for path in ["/", "/nothing"] {
            let answer = other.get(path).await;
            assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST, "{host}");
        }
    }
    let mut request = one.request(Method::GET, "/", Body::empty());
    request.headers_mut().remove(HOST);
    assert_eq!(
        one.send(request).await.status,
        StatusCode::MISDIRECTED_REQUEST
    );
    let large = format!(
        "form_token={}&x={}",
        one.form_token,
        "x".repeat(FORM_BYTES_MAX)
    );
    let request = one.request(Method::POST, "/signout", large);
    assert_eq!(
        one.send(request).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    for path in ["/signin/again", "/static/style.css"] {
        let request = one.request(Method::HEAD, path, Body::empty());
        let head = one.send(request).await;
        assert_eq!((head.status, head.body.as_str()), (StatusCode::OK, ""));
    }
    for method in [Method::PUT, Method::DELETE, Method::OPTIONS, Method::PATCH] {
        let request = one.request(method, "/signout", Body::empty());
        assert_eq!(one.send(request).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn only_a_living_session_is_one() {
    let town = Town::new().await;
    let live = town.signed_in(Kind::Operator);
    let ours = live.token().unwrap().0;
    let open = async |cookie: &str| {
        let mut browser = town.browser();
        let name = "__Host-sekisho".to_owned();
        browser.cookies.insert(name, cookie.to_owned());
        browser.get("/signin/again").await.status == StatusCode::OK
    };
    assert!(open(&ours).await);
    for forged in [
        "",
        "0",
        &"0".repeat(64),
        &ours[1..],
        &ours.to_uppercase(),
        &format!("{ours}0"),
        "\u{1}",
    ] {
        let printable = forged.bytes().all(|b| b.is_ascii_graphic());
        assert!(!printable || !open(forged).await, "{forged:?}");
    }
    // The name without its prefix, as a page of a neighbouring host could set it, is not looked at.
    let mut other = town.browser();
    other.cookies.insert("sekisho".to_owned(), ours.clone());
    assert_ne!(other.get("/signin/again").await.status, StatusCode::OK);

    let mut unused = town.signed_in(Kind::Officer);
    town.clock.advance(1_200_000);
    let answer = unused.get("/signin/again").await;
    assert_eq!(
        (answer.status, answer.to()),
        (StatusCode::SEE_OTHER, "/signin?to=/signin/again")
    );
    let mut busy = town.signed_in(Kind::Officer);
    for _ in 0..SESSION_MS_MAX / 600_000 - 1 {
        town.clock.advance(600_000);
        assert_eq!(busy.get("/signin/again").await.status, StatusCode::OK);
    }
    town.clock.advance(600_000);
    assert_ne!(busy.get("/signin/again").await.status, StatusCode::OK);
}

#[tokio::test]
async fn nobody_is_sent_to_another_site() {
    let town = Town::new().await;
    town.add("a", Kind::Operator);
    for to in [
        "https://evil.example",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "javascript:alert(1)",
        "/%0d%0aset-cookie:x=y",
        "/x\r\nset-cookie: x=y",
        "/a?b=//c",
        "evil.example",
    ] {
        let mut one = town.browser();
        let mut form = form_urlencoded::Serializer::new(String::new());
        let query = form.append_pair("back", to).finish();
        let answer = one.get(&format!("/language/en?{query}")).await;
        assert_eq!(answer.to(), "/", "{to}");
        let page = one
            .get(&format!("/signin?{}", query.replace("back", "to")))
            .await;
        assert!(page.body.contains("name=\"to\" value=\"/\""), "{to}");
        let fields = [
            ("name", "a"),
            ("password", crate::testing::PASSWORD),
            ("to", to),
        ];
        assert_eq!(one.post("/signin", &fields).await.to(), "/operator", "{to}");
    }
}
