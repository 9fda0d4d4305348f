//! Metrics over plain HTTP: no TLS, no users, so on loopback unless the operator says otherwise.
//!
//! Counts of who asks whom show what happens between institutions. Whoever opens the address to another machine
//! (`allow_remote`) protects it there, with a firewall or a proxy. On loopback only requests that name it as
//! loopback are answered: a page in a browser on this machine cannot be talked into asking under another site's name.
//!
//! Read-only, bounded: GET and HEAD of one path, so many connections of so long.

use super::PATH;
use super::now::Source;
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, HeaderValue, X_CONTENT_TYPE_OPTIONS,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use sekisho_replica::names_loopback;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Connections at once: a Prometheus or two, and somebody who looks.
const CONNECTIONS_MAX: usize = 8;
/// Time for a request's head to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest connection, idle or not. Prometheus connects again; its scrapes take 10 s at most by default.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest head of a request. hyper asks for at least 8 KiB.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Pause before connections are accepted again after the system refused one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// How often the ledger is asked for its members: new ones come some times a year, and must not long be `other`.
const MEMBERS_EVERY: Duration = Duration::from_secs(10);

/// The text format (Prometheus exposition formats, version 0.0.4).
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Whether metrics may be served at an address.
///
/// # Errors
/// It is reachable from elsewhere and `allow_remote` was not said: what to write, in English.
pub fn check_address(address: SocketAddr, allow_remote: bool) -> Result<(), String> {
    if allow_remote || address.ip().is_loopback() {
        return Ok(());
    }
    Err(format!(
        "metrics are served without TLS: {address} is reachable from elsewhere; write 127.0.0.1:port, or \
         allow_remote = true where a firewall lets nobody else reach it"
    ))
}

/// Serves metrics until `stop`.
pub async fn serve(listener: TcpListener, source: Source, stop: CancellationToken) {
    let loopback = listener.local_addr().is_ok_and(|a| a.ip().is_loopback());
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let source = Arc::new(source);
    let mut members = tokio::time::interval(MEMBERS_EVERY);
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            _ = members.tick() => {
                source.know_members().await;
                continue;
            }
            accepted = listener.accept() => accepted,
        };
        let Ok((connection, _)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        // Beyond the bound: closed at once.
        let Ok(place) = Arc::clone(&connections).try_acquire_owned() else {
            continue;
        };
        let (source, stop) = (Arc::clone(&source), stop.clone());
        tokio::spawn(async move {
            let _place = place;
            let service = service_fn(move |request| {
                let source = Arc::clone(&source);
                async move { Ok::<_, Infallible>(answer(&source, &request, loopback).await) }
            });
            let serving = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .max_buf_size(HEAD_BYTES_MAX)
                .serve_connection(TokioIo::new(connection), service);
            tokio::select! {
                () = stop.cancelled() => {}
                // A client that goes away or talks nonsense is its own affair.
                _ = tokio::time::timeout(CONNECTION_TIMEOUT, serving) => {}
            }
        });
    }
}

async fn answer(
    source: &Source,
    request: &Request<Incoming>,
    loopback: bool,
) -> Response<Full<Bytes>> {
    let host = request.headers().get(HOST);
    let host = host.and_then(|host| host.to_str().ok());
    if let Some(refused) = refused(request.method(), request.uri().path(), host, loopback) {
        return refused;
    }
    match source.text().await {
        Ok(text) => response(StatusCode::OK, text),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be gathered");
            response(StatusCode::INTERNAL_SERVER_ERROR, String::new())
        }
    }
}

/// The answer to what is not a scrape.
fn refused(
    method: &Method,
    path: &str,
    host: Option<&str>,
    loopback: bool,
) -> Option<Response<Full<Bytes>>> {
    if loopback && !host.is_some_and(names_loopback) {
        return Some(response(StatusCode::MISDIRECTED_REQUEST, String::new()));
    }
    if !matches!(*method, Method::GET | Method::HEAD) {
        let mut refused = response(StatusCode::METHOD_NOT_ALLOWED, String::new());
        let allowed = HeaderValue::from_static("GET, HEAD");
        refused.headers_mut().insert(ALLOW, allowed);
        return Some(refused);
    }
    (path != PATH).then(|| response(StatusCode::NOT_FOUND, String::new()))
}

fn response(status: StatusCode, text: String) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(text)));
    *response.status_mut() = status;
    for (name, value) in [
        (CONTENT_TYPE, TEXT),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn an_address_reachable_from_elsewhere_has_to_be_meant() {
        for (address, alone) in [
            ("127.0.0.1:9464", true),
            ("[::1]:9464", true),
            ("0.0.0.0:9464", false),
            ("[::]:9464", false),
            ("192.0.2.7:9464", false),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(check_address(address, false).is_ok(), alone, "{address}");
            assert_eq!(check_address(address, true), Ok(()), "{address}");
        }
    }

    #[test]
    fn only_a_scrape_is_answered() {
        let of = |method: Method, path: &str, host: Option<&str>, loopback| {
            refused(&method, path, host, loopback).map(|refused| refused.status().as_u16())
        };
        let (get, own) = (Method::GET, Some("127.0.0.1:9464"));
        assert_eq!(of(get.clone(), "/metrics", own, true), None);
        assert_eq!(of(Method::HEAD, "/metrics", Some("localhost"), true), None);
        assert_eq!(of(get.clone(), "/metrics", Some("a.example"), false), None);
        assert_eq!(
            of(get.clone(), "/metrics", Some("a.example"), true),
            Some(421)
        );
        assert_eq!(of(get.clone(), "/metrics", None, true), Some(421));
        assert_eq!(of(Method::POST, "/metrics", own, true), Some(405));
        for path in ["/", "/metrics/", "/metrics/..", "//metrics"] {
            assert_eq!(of(get.clone(), path, own, true), Some(404), "{path}");
        }
    }
}
