//! Whole networks: replicas, brokers, nodes with their stores and documents, as shipped.
//!
//! ```text
//! queries ───▶ Country ─▶ one League a ledger ─▶ keepers (replica, broker) and nodes, relays before the nodes
//! exchange ──▶ Sites ───▶ one League ─────────▶ processes, each replica, broker and node on one port
//! ```

mod client;
mod country;
mod documents;
mod echo;
mod league;
mod outage;
mod site;

pub(crate) use client::{Found, Requests, submitted};
pub(crate) use country::{Country, PARTS, Trouble};
pub(crate) use documents::{Chart, document, put};
pub(crate) use league::{League, Shape};
pub(crate) use site::{Documents, hosted};
