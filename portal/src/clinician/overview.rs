//! The latest prescriptions, results and allergies of all facilities on one page.
//!
//! It opens documents, each an access of its own on the ledger: so it says how many before it does.

use super::document::retrieve;
use super::summary::{Read, Summary, Trend, summarise};
use super::trend::curve;
use super::visit::Who;
use super::visit_of;
use super::visits::{Listed, Visit};
use crate::fault::Fault;
use crate::form::Sent;
use crate::guard::see_other;
use crate::names;
use crate::page::{Page, Visitor, answered, html};
use crate::state::Portal;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use futures::StreamExt;
use sekisho_domain::Category;
use sekisho_ingest::typed;
use std::collections::BTreeMap;

/// Of each facility, so many of each kind.
const EACH: [(Category, usize); 4] = [
    (Category::Prescription, 2),
    (Category::LabResult, 4),
    (Category::Allergy, 1),
    (Category::Demographics, 1),
];
/// Documents opened at a time, and in all.
const AT_ONCE: usize = 4;
const IN_ALL: usize = 32;

#[derive(Template)]
#[template(path = "clinician-overview.html")]
struct OverviewPage<'a> {
    page: Page<'a>,
    visit: &'a Visit,
    who: Who,
    wanted: usize,
    opened: usize,
    summary: Summary,
}

impl OverviewPage<'_> {
    fn curve(&self, trend: &Trend) -> String {
        curve(trend)
    }

    fn day(&self, time: &sekisho_domain::TimeMs) -> String {
        let day = sekisho_words::Day::of(*time);
        self.page.visitor.language.pick(day.ja(), day.en())
    }

    /// A prescription's duration; days, the unit of nearly all (UCUM `d`), in words.
    fn days(&self, duration: &str) -> String {
        match duration.strip_suffix(" d") {
            Some("1") => self.page.pick("1 日", "1 day").to_owned(),
            Some(days) => format!("{days} {}", self.page.pick("日", "days")),
            None => duration.to_owned(),
        }
    }

    fn range(&self, trend: &Trend) -> String {
        trend
            .range
            .map_or_else(String::new, |(low, high)| format!("{low} – {high}"))
    }

    fn joined(&self, names: &std::collections::BTreeSet<String>) -> String {
        names
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(self.page.pick("、", ", "))
    }
}

/// The documents an overview is made of: the latest of each facility and kind.
fn chosen(documents: &[Listed]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..documents.len()).collect();
    order.sort_by_key(|n| documents.get(*n).map(|d| std::cmp::Reverse(d.service)));
    let mut taken = BTreeMap::<(&str, u16), usize>::new();
    let mut chosen = Vec::new();
    for number in order {
        let Some(document) = documents
            .get(number)
            .filter(|d| d.stands() && !d.superseded)
        else {
            continue;
        };
        let Some((_, most)) = EACH
            .iter()
            .find(|(category, _)| *category == document.category)
        else {
            continue;
        };
        let so_far = taken
            .entry((
                document.facility.as_str(),
                document.category.number().into(),
            ))
            .or_default();
        if *so_far < *most && chosen.len() < IN_ALL {
            *so_far += 1;
            chosen.push(number);
        }
    }
    chosen
}

pub(super) async fn show(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Response {
    answered(&portal, &visitor, async {
        let visit = visit_of(&portal, &visitor, &id)?;
        let documents = visit.come().documents.clone();
        let wanted = chosen(&documents)
            .into_iter()
            .filter(|n| visit.opened(*n).is_none())
            .count();
        let names =
            names::facilities(&portal, documents.iter().map(|d| d.facility.clone())).await?;
        let opened: Vec<_> = documents
            .iter()
            .enumerate()
            .filter(|(_, document)| document.stands())
            .filter_map(|(number, document)| {
                Some((number, document.clone(), visit.opened(number)?))
            })
            .collect();
        let count = opened.len();
        let reading = tokio::task::spawn_blocking(move || {
            let read = opened.into_iter().filter_map(|(number, document, opened)| {
                Some(Read {
                    number,
                    facility: names
                        .get(&document.facility)
                        .cloned()
                        .unwrap_or(document.facility),
                    service: document.service,
                    // What is no message has no typed values; its page shows it.
                    content: typed::read(&opened.content).ok()?,
                })
            });
            summarise(&read.collect::<Vec<_>>())
        });
        let summary = reading.await.map_err(|_| Fault::Stopping)?;
        let page = Page::new(&portal, &visitor, "clinician-overview-title");
        html(&OverviewPage {
            who: Who::of(&page, &visit),
            visit: &visit,
            wanted,
            opened: count,
            summary,
            page,
        })
    })
    .await
}

pub(super) async fn gather(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(id): Path<String>,
    _: Sent,
) -> Response {
    answered(&portal, &visitor, async {
        let visit = visit_of(&portal, &visitor, &id)?;
        let documents = visit.come().documents.clone();
        let wanted = chosen(&documents)
            .into_iter()
            .filter(|n| visit.opened(*n).is_none());
        let wanted: Vec<(usize, Listed)> = wanted
            .filter_map(|n| Some((n, documents.get(n)?.clone())))
            .collect();
        let retrieving = wanted.into_iter().map(|(number, document)| {
            let (portal, visit) = (portal.clone(), visit.clone());
            async move {
                // One that cannot be had is not in the overview; the list shows it, and why when it is opened.
                if let Ok(opened) = retrieve(&portal, &visit.asker, &document).await {
                    visit.keep(number, opened);
                }
            }
        });
        futures::stream::iter(retrieving)
            .buffer_unordered(AT_ONCE)
            .collect::<()>()
            .await;
        Ok(see_other(&format!("/clinician/visit/{id}/overview")))
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;
    use sekisho_domain::TimeMs;

    #[test]
    fn the_latest_of_each_facility_and_kind_are_chosen() {
        let listed = |n: u64, facility: &str, category| Listed {
            service: TimeMs(n),
            ..Listed::invented(&n.to_string(), facility, category)
        };
        let documents = vec![
            listed(1, "a", Category::Prescription),
            listed(2, "a", Category::Prescription),
            Listed {
                superseded: true,
                ..listed(9, "a", Category::Prescription)
            },
            listed(3, "a", Category::Prescription),
            listed(1, "b", Category::Prescription),
            listed(5, "b", Category::Imaging),
        ];
        let mut numbers = chosen(&documents);
        numbers.sort_unstable();
        assert_eq!(numbers, [1, 3, 4]);
        let many: Vec<_> = (0..100)
            .map(|n| listed(n, &n.to_string(), Category::LabResult))
            .collect();
        assert_eq!(chosen(&many).len(), IN_ALL);
    }
}
