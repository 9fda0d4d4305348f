//! The pages of the compliance officer: what needs attention, who asked for what and what was decided, and how anybody
//! can check it.
//!
//! Reading these pages is itself recorded: [`read`] is the one way a page gets into the list, and it writes down who opens
//! what before anything of it is made. A page whose reading cannot be written is not shown.

mod access;
mod agreements;
mod alerts;
mod attention;
mod bundle;
mod list;
mod policies;
mod readings;
mod reviews;
mod rows;
mod unmatched;
mod why;

#[cfg(test)]
mod officer_test;

use crate::accounts::{Kind, Reading};
use crate::fault::Fault;
use crate::page::{Page, Visitor, answered};
use crate::pages::{Open, Route, get};
use crate::state::Portal;
use axum::extract::{Query, RawPathParams, State};
use axum::response::Response;
use sekisho_domain::EntryIndex;

pub(crate) const PLACES: &[(&str, &str)] = &[
    ("/officer", "officer-place-attention"),
    ("/officer/accesses", "officer-place-accesses"),
    ("/officer/reviews", "officer-place-reviews"),
    ("/officer/unmatched", "officer-place-unmatched"),
    ("/officer/alerts", "officer-place-alerts"),
    ("/officer/agreements", "officer-place-agreements"),
    ("/officer/policies", "officer-place-policies"),
    ("/officer/readings", "officer-place-readings"),
];

/// Rows a page shows; there are links to more.
const ROWS_MAX: usize = 100;

pub(crate) fn routes() -> Vec<Route> {
    vec![
        read("/officer", attention::page),
        read("/officer/accesses", list::page),
        read("/officer/access/{index}", access::page),
        read("/officer/access/{index}/why", why::page),
        read("/officer/access/{index}/bundle", bundle::download),
        read("/officer/reviews", reviews::page),
        read("/officer/unmatched", unmatched::page),
        read("/officer/alerts", alerts::page),
        read("/officer/agreements", agreements::page),
        read("/officer/agreements/{id}", agreements::one),
        read("/officer/policies", policies::page),
        read("/officer/readings", readings::page),
    ]
}

/// What was asked for, and by whom; its reading is on the disk.
struct Asked {
    portal: Portal,
    visitor: Visitor,
    path: Vec<(String, String)>,
    query: Vec<(String, String)>,
}

/// A page of the officer's, recorded as read before it is made.
fn read<F, P>(path: &'static str, make: F) -> Route
where
    F: Fn(Asked) -> P + Clone + Send + Sync + 'static,
    P: Future<Output = Result<Response, Fault>> + Send + 'static,
{
    let handler = move |State(portal): State<Portal>,
                        visitor: Visitor,
                        segments: RawPathParams,
                        Query(query): Query<Vec<(String, String)>>| {
        let make = make.clone();
        async move {
            let segments = segments.iter();
            let asked = Asked {
                path: segments
                    .map(|(k, v)| (k.to_owned(), v.to_owned()))
                    .collect(),
                query,
                portal: portal.clone(),
                visitor: visitor.clone(),
            };
            answered(&portal, &visitor, async {
                asked.record(path).await?;
                make(asked).await
            })
            .await
        }
    };
    get(path, Open::To(Kind::Officer), handler)
}

impl Asked {
    async fn record(&self, page: &'static str) -> Result<(), Fault> {
        let about = match page.contains("{index}") {
            true => Some(self.index()?.0),
            false => None,
        };
        let reading = Reading {
            time: self.portal.environment.now(),
            account: self.visitor.person()?.account.clone(),
            page: page.to_owned(),
            about,
        };
        self.portal
            .accounts(move |accounts| accounts.read(&reading))
            .await
    }

    fn page(&self, title: &'static str) -> Page<'_> {
        Page::new(&self.portal, &self.visitor, title)
    }

    fn segment(&self, name: &str) -> &str {
        let found = self.path.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }

    /// The ledger index in the path.
    fn index(&self) -> Result<EntryIndex, Fault> {
        let index = self.segment("index").parse().map_err(|_| Fault::NotFound)?;
        Ok(EntryIndex(index))
    }

    /// What the query says under a name, without spaces around it.
    fn said(&self, name: &str) -> &str {
        let found = self.query.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value.trim())
    }

    /// The ledger index the query says under a name, if it says one.
    fn said_index(&self, name: &str) -> Option<EntryIndex> {
        self.said(name).parse().ok().map(EntryIndex)
    }
}
