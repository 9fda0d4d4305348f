//! The ledger over HTTP, as C2SP tlog-tiles says: `checkpoint`, `tile/…`, `tile/entries/…`.
//!
//! Leaves hold pseudonyms, institutions and exact times, which only the federation may see. Members read them
//! over the pinned mutual TLS of the one port (`LedgerService`); this server has no TLS and no users, so it
//! listens on loopback only, for tools on the same machine, and answers only requests that name it as
//! loopback: a page in a browser on this machine cannot be talked into asking for another site's name.
//!
//! Read-only, bounded: GET and HEAD, so many connections of so long, nothing but what a published checkpoint
//! covers.

use crate::replica::Replica;
use crate::store::blocking;
use crate::{ReplicaError, state_error};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HOST, X_CONTENT_TYPE_OPTIONS};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use sekisho_ledger::tlog::TilePath;
use sekisho_ledger::tree;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

/// Connections at once. Each may hold one entry bundle, at most 17 MB and commonly far below 1 MB.
pub const TILES_CONNECTIONS_MAX: usize = 16;
/// Time for a request's head to arrive.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest connection, idle or not: whoever reads the whole ledger connects again.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);
/// Longest head of a request; a path is at most some 40 bytes. hyper asks for at least 8 KiB.
const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Pause before connections are accepted again after the system refused one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A tile never changes under its name. Private: no shared cache may keep what only members may see.
const FOR_EVER: &str = "private, max-age=31536000, immutable";
const NOT_LONG: &str = "no-cache";

/// Whether tiles may be served at an address.
///
/// # Errors
/// [`ReplicaError::Config`] unless it is a loopback address.
pub fn check_address(address: SocketAddr) -> Result<(), ReplicaError> {
    if address.ip().is_loopback() {
        return Ok(());
    }
    Err(ReplicaError::Config(format!(
        "tiles are served on loopback only, without TLS: {address} is reachable from elsewhere; write \
         127.0.0.1:port, and let members read the ledger over the mutual-TLS port"
    )))
}

impl Replica {
    /// Serves the ledger's tiles at a loopback address until the replica stops.
    ///
    /// # Errors
    /// [`ReplicaError::Config`] where the listener is not on loopback.
    pub async fn serve_tiles(self, listener: TcpListener) -> Result<(), ReplicaError> {
        let address = listener
            .local_addr()
            .map_err(|error| ReplicaError::Config(format!("the tiles' listener: {error}")))?;
        check_address(address)?;
        tracing::info!(%address, "serving tiles");
        let connections = Arc::new(Semaphore::new(TILES_CONNECTIONS_MAX));
        loop {
            let accepted = tokio::select! {
                () = self.stopped() => return Ok(()),
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
            let replica = self.clone();
            self.tasks().spawn(async move {
                let _place = place;
                let answering = replica.clone();
                let service = service_fn(move |request| {
                    let replica = answering.clone();
                    async move { Ok::<_, Infallible>(replica.answer(&request).await) }
                });
                let serving = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(HEAD_TIMEOUT)
                    .max_buf_size(HEAD_BYTES_MAX)
                    .serve_connection(TokioIo::new(connection), service);
                tokio::select! {
                    () = replica.stopped() => {}
                    // A client that goes away or talks nonsense is its own affair.
                    _ = tokio::time::timeout(CONNECTION_TIMEOUT, serving) => {}
                }
            });
        }
    }

    async fn answer(&self, request: &Request<Incoming>) -> Response<Full<Bytes>> {
        let host = request
            .headers()
            .get(HOST)
            .and_then(|host| host.to_str().ok());
        if !host.is_some_and(names_loopback) {
            return refusal(StatusCode::MISDIRECTED_REQUEST);
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            let mut refused = refusal(StatusCode::METHOD_NOT_ALLOWED);
            let allowed = hyper::header::HeaderValue::from_static("GET, HEAD");
            refused.headers_mut().insert(ALLOW, allowed);
            return refused;
        }
        if !self.is_ready() {
            return refusal(StatusCode::SERVICE_UNAVAILABLE);
        }
        let Some(published) = self.published() else {
            return refusal(StatusCode::NOT_FOUND);
        };
        let path = request.uri().path().strip_prefix('/').unwrap_or_default();
        if path == super::CHECKPOINT {
            let note = published.note.clone().into_bytes();
            return found(note, "text/plain; charset=utf-8", NOT_LONG);
        }
        match path.parse::<TilePath>() {
            Ok(path) if path.tree_size() <= published.checkpoint.size() => {
                match self.tile(path).await {
                    Ok(bytes) => found(bytes, "application/octet-stream", FOR_EVER),
                    Err(error) => {
                        tracing::error!(error = error.chain(), %path, "a tile cannot be served");
                        refusal(StatusCode::INTERNAL_SERVER_ERROR)
                    }
                }
            }
            _ => refusal(StatusCode::NOT_FOUND),
        }
    }

    async fn tile(&self, path: TilePath) -> Result<Vec<u8>, ReplicaError> {
        let this = self.clone();
        blocking(move || tree::tile(&this.store().read_state()?, path).map_err(state_error)).await
    }
}

/// Whether a Host header names this machine to itself: `127.0.0.1:80`, `[::1]`, `localhost`.
pub fn names_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.parse::<u16>().is_ok() => name,
        _ => host,
    };
    let bare = name
        .strip_prefix('[')
        .and_then(|name| name.strip_suffix(']'));
    let address = bare.unwrap_or(name).parse::<IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|ip| ip.is_loopback())
}

fn found(bytes: Vec<u8>, kind: &'static str, caching: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(bytes)));
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, caching),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, hyper::header::HeaderValue::from_static(value));
    }
    response
}

fn refusal(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = found(Vec::new(), "text/plain; charset=utf-8", NOT_LONG);
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_is_served_and_named() {
        for (address, allowed) in [
            ("127.0.0.1:80", true),
            ("127.9.9.9:80", true),
            ("[::1]:80", true),
            ("0.0.0.0:80", false),
            ("[::]:80", false),
            ("192.0.2.7:80", false),
            ("[::ffff:127.0.0.1]:80", false),
        ] {
            let checked = check_address(address.parse().unwrap());
            assert_eq!(checked.is_ok(), allowed, "{address}: {checked:?}");
        }
        for (host, named) in [
            ("127.0.0.1", true),
            ("127.0.0.1:7480", true),
            ("[::1]:7480", true),
            ("[::1]", true),
            ("localhost", true),
            ("LOCALHOST:7480", true),
            ("localhost.example:7480", false),
            ("ledger.example", false),
            ("127.0.0.1.example", false),
            ("192.0.2.7:7480", false),
            ("", false),
        ] {
            assert_eq!(names_loopback(host), named, "{host}");
        }
    }
}
