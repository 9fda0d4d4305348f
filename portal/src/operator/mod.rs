//! The pages of the operator: what is not well, why, and what to do; and where the networks are.
//!
//! Health and map are numbers of this node and this replica, and what the ledger says to all: no patients, no people.
//! Accounts are of the people who sign in here.

mod accounts;
mod health;
mod labels;
mod map;
mod map_data;
mod trouble;

#[cfg(test)]
mod accounts_test;
#[cfg(test)]
mod operator_test;

pub(crate) use accounts::changes_page;

use crate::accounts::Kind;
use crate::pages::{Open, Route, get, post};

pub(crate) const PLACES: &[(&str, &str)] = &[
    ("/operator", "operator-place-health"),
    ("/operator/map", "operator-place-map"),
    ("/operator/accounts", "operator-place-accounts"),
];

pub(crate) fn routes() -> Vec<Route> {
    let open = Open::To(Kind::Operator);
    vec![
        get("/operator", open, health::page),
        get("/operator/map", open, map::page),
        get("/operator/accounts", open, accounts::list),
        get("/operator/accounts/new/{kind}", open, accounts::new),
        post("/operator/accounts/new/{kind}", open, accounts::add),
        post("/operator/accounts/change/{what}", open, accounts::change),
        get("/operator/accounts/changes", open, accounts::changes),
    ]
}
