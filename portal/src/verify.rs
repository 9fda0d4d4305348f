//! A proof bundle verified in the browser: by the ledger's own verifier, compiled to WebAssembly (`portal/verifier`), from
//! the bundle and a founding file that whoever checks brings along. Nothing is sent anywhere; once loaded, the page works
//! without the server.

use crate::page::{Page, Visitor, answered, html};
use crate::pages::{Open, Route, get};
use crate::state::Portal;
use askama::Template;
use axum::extract::{Query, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, HeaderValue};
use axum::response::Response;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// The verifier.
pub(crate) const VERIFIER: &[u8] = include_bytes!("../static/verify.wasm");

/// By which it is known: the same on every machine that builds it from these sources.
static DIGEST: LazyLock<String> = LazyLock::new(|| hex::encode(Sha256::digest(VERIFIER)));

/// As everywhere, and WebAssembly of ours may be compiled.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; \
                      img-src data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

pub(crate) fn routes() -> Vec<Route> {
    vec![get("/verify", Open::Everybody, show)]
}

#[derive(Deserialize)]
struct Of {
    access: Option<u64>,
}

#[derive(Template)]
#[template(path = "verify.html")]
struct VerifyPage<'a> {
    page: Page<'a>,
    access: Option<u64>,
    digest: &'a str,
}

async fn show(
    State(portal): State<Portal>,
    visitor: Visitor,
    Query(Of { access }): Query<Of>,
) -> Response {
    let page = async {
        let page = Page::new(&portal, &visitor, "common-verify-title");
        html(&VerifyPage {
            page,
            access,
            digest: DIGEST.as_str(),
        })
    };
    with_wasm(answered(&portal, &visitor, page).await)
}

/// The same page, on which WebAssembly of ours may run.
pub(crate) fn with_wasm(mut response: Response) -> Response {
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    response
}
