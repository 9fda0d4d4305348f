//! What pages load: styles and scripts, files of this program.

use crate::fault::Fault;
use crate::guard::{COOKIE_LANGUAGE, COOKIE_TEXT, LARGE, NORMAL, see_other};
use crate::page::{self, Visitor};
use crate::pages::{Open, Route, get};
use crate::state::Portal;
use axum::extract::{Path, Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue, SET_COOKIE};
use axum::response::{IntoResponse, Response};
use sekisho_domain::Language;
use serde::Deserialize;

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// Every file, with its type.
const FILES: &[(&str, &str, &[u8])] = &[
    ("style.css", CSS, include_bytes!("../static/style.css")),
    ("follow.js", SCRIPT, include_bytes!("../static/follow.js")),
    (
        "signature.js",
        SCRIPT,
        include_bytes!("../static/signature.js"),
    ),
    ("verify.js", SCRIPT, include_bytes!("../static/verify.js")),
    ("sign.js", SCRIPT, include_bytes!("../static/sign.js")),
    ("verify.wasm", "application/wasm", crate::verify::VERIFIER),
    ("passkey.js", SCRIPT, include_bytes!("../static/passkey.js")),
];

pub(crate) fn routes() -> Vec<Route> {
    vec![
        get("/", Open::Everybody, begin),
        get("/static/{file}", Open::Everybody, file),
        get("/language/{code}", Open::Everybody, language),
        get("/text/{size}", Open::Everybody, text),
    ]
}

/// To the first page of whoever it is.
async fn begin(visitor: Visitor) -> Response {
    see_other(visitor.kind().map_or("/signin", |kind| kind.home()))
}

async fn file(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(name): Path<String>,
) -> Response {
    let Some((_, kind, bytes)) = FILES.iter().find(|(file, ..)| *file == name) else {
        return page::fault(&portal, &visitor, &Fault::NotFound);
    };
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static(kind)),
        // A new version of the program is soon seen; nothing here is about anybody.
        (
            CACHE_CONTROL,
            HeaderValue::from_static("public, max-age=300"),
        ),
    ];
    (headers, *bytes).into_response()
}

#[derive(Deserialize)]
struct Back {
    #[serde(default)]
    back: String,
}

/// Remembers the chosen size of text.
async fn text(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(size): Path<String>,
    Query(Back { back }): Query<Back>,
) -> Response {
    match size.as_str() {
        LARGE => chosen(COOKIE_TEXT, LARGE, &back),
        NORMAL => chosen(COOKIE_TEXT, NORMAL, &back),
        _ => page::fault(&portal, &visitor, &Fault::NotFound),
    }
}

/// Remembers the chosen language.
async fn language(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(code): Path<String>,
    Query(Back { back }): Query<Back>,
) -> Response {
    let Ok(language) = code.parse::<Language>() else {
        return page::fault(&portal, &visitor, &Fault::NotFound);
    };
    chosen(COOKIE_LANGUAGE, language.pick("ja", "en"), &back)
}

/// Remembers a choice for a year and goes back to where it was made.
fn chosen(cookie: &str, choice: &str, back: &str) -> Response {
    let mut response = see_other(&local_page(back));
    let cookie = format!("{cookie}={choice}; Path=/; Max-Age=31536000; SameSite=Lax");
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(SET_COOKIE, cookie);
    }
    response
}

/// A path of this portal, whatever was asked for: never another site's address.
pub(crate) fn local(path: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '-' | '_' | '.');
    let ours = path.starts_with('/') && !path.starts_with("//") && path.chars().all(plain);
    if ours {
        path.to_owned()
    } else {
        "/".to_owned()
    }
}

/// The same with a query, if it is one our own pages make.
fn local_page(page: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/-_.=&%+*".contains(c);
    match page.split_once('?') {
        Some((path, query)) => {
            let ours = query.chars().all(plain) && !query.contains("//") && local(path) == path;
            if ours { page } else { "/" }.to_owned()
        }
        None => local(page),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_sent_to_another_site() {
        assert_eq!(local("/clinician/visit/3"), "/clinician/visit/3");
        for other in [
            "",
            "https://example.com",
            "//example.com",
            "/\\example.com",
            "/a?b",
            "/a\r\nx: y",
            "javascript:x",
        ] {
            assert_eq!(local(other), "/", "{other:?}");
        }
        let filtered = "/clinician/visit/3?category=lab-result&month=2026-11";
        assert_eq!(local_page(filtered), filtered);
        assert_eq!(local_page("/patient"), "/patient");
        for other in [
            "//example.com?a=b",
            "/a?b\r\nx: y",
            "https://example.com?a=b",
            "?a",
        ] {
            assert_eq!(local_page(other), "/", "{other:?}");
        }
    }
}
