//! The portal: pages for the four kinds of people of one network, served by their own node.
//!
//! ```text
//! browser ──TLS──▶ guard ──▶ page ──▶ node (what its own people may do) ──▶ broker, other nodes
//!                  who, what  │
//!                  may they   └─────▶ ledger, as this node's own replica applied it
//! ```
//! A page decides nothing about patients' documents: it asks the node in the name of who is signed in, and the ledger
//! decides (P1, P3). Pages are written by the server and work without scripts; scripts, styles and the map are files of
//! this program, and nothing is asked for from anywhere else.
//!
//! Where to begin: [`pages`] lists every page and who may open it, [`guard`] is what all of them pass.
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::print_stdout,
        reason = "a test fails by panicking, and says what it left out or measured"
    )
)]

pub mod accesses;
mod account;
pub mod accounts;
mod clinician;
mod fault;
mod form;
mod guard;
mod limits;
mod listener;
mod messages;
mod names;
#[cfg(test)]
mod node_programs;
mod officer;
mod operator;
mod page;
mod pages;
mod paper;
mod patient;
mod sessions;
mod signin;
#[cfg(test)]
mod stand;
mod state;
mod statics;
#[cfg(test)]
mod testing;
mod verify;

pub use fault::Fault;
pub use listener::{Certificate, CertificateFault};
pub use messages::MessageFault;
pub use pages::Open;
pub use signin::{Entitled, Mapping, ProviderSettings, Refusal, chart};
pub use state::{Parts, Portal, Settings, Standing};

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::from_fn_with_state;
use std::collections::BTreeMap;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

impl Portal {
    /// Makes a portal; it serves nothing yet.
    ///
    /// # Errors
    /// [`MessageFault`]: its own message files are faulty.
    pub fn start(settings: Settings, parts: Parts) -> Result<Self, MessageFault> {
        signin::prepare();
        let rules = pages::all()
            .into_iter()
            .map(|route| ((route.method.to_string(), route.path), route.open));
        Self::new(settings, parts, rules.collect())
    }

    /// Every page: method, path, and who may open it.
    pub fn page_list(&self) -> Vec<(&str, &'static str, Open)> {
        self.rules
            .iter()
            .map(|((method, path), open)| (method.as_str(), *path, *open))
            .collect()
    }

    /// The pages as a service.
    pub fn router(&self) -> Router {
        let mut by_path = BTreeMap::<_, axum::routing::MethodRouter<Self>>::new();
        for route in pages::all() {
            let at = by_path.entry(route.path).or_default();
            *at = std::mem::take(at).merge(route.handler);
        }
        let router = by_path
            .into_iter()
            .fold(Router::new(), |router, (path, handler)| {
                router.route(path, handler)
            });
        router
            .layer(from_fn_with_state(self.clone(), guard::guard))
            .layer(DefaultBodyLimit::max(form::FORM_BYTES_MAX))
            .fallback(guard::nothing)
            .with_state(self.clone())
    }

    /// Serves until `stop`: with a certificate over TLS, without one over plain HTTP, which is for loopback.
    ///
    /// # Errors
    /// The listener failed for good.
    pub async fn serve(
        self,
        listener: TcpListener,
        certificate: Option<Certificate>,
        stop: CancellationToken,
    ) -> std::io::Result<()> {
        let following = tokio::spawn(accesses::keep(self.clone(), stop.clone()));
        let served = listener::serve(self.router(), listener, certificate, stop).await;
        following.abort();
        served
    }
}
