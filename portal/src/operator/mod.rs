//! The pages of the operator: what is not well, why, and what to do; and where the networks are.
//!
//! Everything here is numbers of this node and this replica, and what the ledger says to all: no patients, no people.

mod health;
mod map;
mod map_data;
mod trouble;

#[cfg(test)]
mod operator_test;

use crate::accounts::Kind;
use crate::pages::{Open, Route, get};

pub(crate) const PLACES: &[(&str, &str)] = &[
    ("/operator", "operator-place-health"),
    ("/operator/map", "operator-place-map"),
];

pub(crate) fn routes() -> Vec<Route> {
    let open = Open::To(Kind::Operator);
    vec![
        get("/operator", open, health::page),
        get("/operator/map", open, map::page),
    ]
}
