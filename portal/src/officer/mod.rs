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
mod draft;
mod list;
mod policies;
mod questions;
mod readings;
mod replay;
mod reviews;
mod rows;
mod signing;
mod unmatched;
mod why;

#[cfg(test)]
mod officer_test;

use crate::accounts::{Kind, Question, Reading};
use crate::fault::Fault;
use crate::form::Sent;
use crate::operator;
use crate::page::{Page, Visitor, answered};
use crate::pages::{Open, Route, get, post};
use crate::state::Portal;
use axum::extract::{Query, RawPathParams, State};
use axum::response::Response;
use sekisho_domain::EntryIndex;

pub(crate) const PLACES: &[(&str, &str)] = &[
    ("/officer", "officer-place-attention"),
    ("/officer/accesses", "officer-place-accesses"),
    ("/officer/questions", "officer-place-questions"),
    ("/officer/reviews", "officer-place-reviews"),
    ("/officer/unmatched", "officer-place-unmatched"),
    ("/officer/alerts", "officer-place-alerts"),
    ("/officer/agreements", "officer-place-agreements"),
    ("/officer/policies", "officer-place-policies"),
    ("/officer/readings", "officer-place-readings"),
    ("/officer/accounts", "officer-place-accounts"),
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
        read("/officer/questions", questions::page),
        read("/officer/questions/{number}", questions::one),
        act("/officer/questions/{number}", questions::answer),
        read("/officer/reviews", reviews::page),
        read("/officer/unmatched", unmatched::page),
        read("/officer/alerts", alerts::page),
        read("/officer/agreements", agreements::page),
        read("/officer/agreements/{id}", agreements::one),
        read("/officer/agreements/{id}/sign", signing::page),
        read("/officer/draft", draft::page),
        act("/officer/draft", draft::sent),
        act("/officer/draft/file", signing::file),
        act("/officer/draft/effect", signing::effect),
        act("/officer/draft/submit", signing::submit),
        read("/officer/policies", policies::page),
        read("/officer/readings", readings::page),
        read("/officer/accounts", accounts),
    ]
}

/// Whoever keeps accounts could make themselves anything: officers see what they do.
async fn accounts(asked: Asked) -> Result<Response, Fault> {
    let before = asked.said_index("before").map(|index| index.0);
    let (portal, visitor) = (&asked.portal, &asked.visitor);
    operator::changes_page(portal, visitor, "/officer/accounts", before).await
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
        let asked = Asked::of(&portal, &visitor, &segments, query);
        async move { answered(&portal, &visitor, recorded(path, asked, make)).await }
    };
    get(path, Open::To(Kind::Officer), handler)
}

/// What a form of the officer's does, recorded before as a page that was read: what it answers tells as much.
fn act<F, P>(path: &'static str, make: F) -> Route
where
    F: Fn(Asked, Sent) -> P + Clone + Send + Sync + 'static,
    P: Future<Output = Result<Response, Fault>> + Send + 'static,
{
    let handler = move |State(portal): State<Portal>,
                        visitor: Visitor,
                        segments: RawPathParams,
                        sent: Sent| {
        let make = make.clone();
        let asked = Asked::of(&portal, &visitor, &segments, Vec::new());
        let make = move |asked| make(asked, sent);
        async move { answered(&portal, &visitor, recorded(path, asked, make)).await }
    };
    post(path, Open::To(Kind::Officer), handler)
}

async fn recorded<P>(
    path: &'static str,
    asked: Asked,
    make: impl FnOnce(Asked) -> P,
) -> Result<Response, Fault>
where
    P: Future<Output = Result<Response, Fault>>,
{
    asked.record(path).await?;
    make(asked).await
}

impl Asked {
    fn of(
        portal: &Portal,
        visitor: &Visitor,
        segments: &RawPathParams,
        query: Vec<(String, String)>,
    ) -> Self {
        let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        Self {
            path: segments.iter().map(owned).collect(),
            query,
            portal: portal.clone(),
            visitor: visitor.clone(),
        }
    }

    async fn record(&self, page: &'static str) -> Result<(), Fault> {
        let about = if page.contains("{index}") {
            Some(self.index()?.0)
        } else if page.contains("{number}") {
            self.question(self.number()?).await?.map(|of| of.about)
        } else {
            None
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

    /// The number of a question in the path.
    fn number(&self) -> Result<u64, Fault> {
        self.segment("number").parse().map_err(|_| Fault::NotFound)
    }

    async fn question(&self, number: u64) -> Result<Option<Question>, Fault> {
        self.portal
            .accounts(move |accounts| accounts.question(number))
            .await
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
