//! A visit's documents as a calendar and a list: a lane for each facility, a column for each month, newest first.
//!
//! Pure: what is shown follows from the documents and the filter alone.

use super::visits::Listed;
use sekisho_domain::Category;
use sekisho_words::Day;
use std::collections::{BTreeMap, BTreeSet};

/// Documents on one page of the list.
pub const PAGE_DOCUMENTS: usize = 100;
/// Months the calendar has columns for; what is older is in one column.
pub const MONTHS_MAX: usize = 12;
/// Lanes of the calendar; further facilities are in the list alone.
pub const LANES_MAX: usize = 60;

/// What somebody wants to see.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Of this kind only.
    pub category: Option<Category>,
    /// Of this facility only.
    pub facility: Option<String>,
    /// Of this month only, `2026-11`.
    pub month: Option<String>,
    /// Superseded versions too.
    pub superseded: bool,
    /// Which page of the list, from 0.
    pub page: usize,
}

impl Filter {
    /// The filter of a page's address; what cannot be read filters nothing.
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Self {
        let text = |name: &str| get(name).filter(|value| !value.is_empty());
        Self {
            category: text("category").and_then(|code| code.parse().ok()),
            facility: text("facility"),
            month: text("month"),
            superseded: text("superseded").is_some(),
            page: text("page").and_then(|page| page.parse().ok()).unwrap_or(0),
        }
    }

    /// The same as a query, with another page, facility or month.
    pub fn query(&self, page: usize, facility: Option<&str>, month: Option<&str>) -> String {
        let mut query = form_urlencoded::Serializer::new(String::new());
        if let Some(category) = self.category {
            query.append_pair("category", category.code());
        }
        if let Some(facility) = facility {
            query.append_pair("facility", facility);
        }
        if let Some(month) = month {
            query.append_pair("month", month);
        }
        if self.superseded {
            query.append_pair("superseded", "1");
        }
        if page > 0 {
            query.append_pair("page", &page.to_string());
        }
        query.finish()
    }

    fn lets(&self, document: &Listed, month: &str) -> bool {
        document.stands()
            && self
                .category
                .is_none_or(|category| document.category == category)
            && self
                .facility
                .as_ref()
                .is_none_or(|facility| document.facility == *facility)
            && self.month.as_ref().is_none_or(|wanted| month == wanted)
            && (self.superseded || !document.superseded)
    }
}

/// A lane of the calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    /// The facility.
    pub facility: String,
    /// Documents in each column.
    pub cells: Vec<usize>,
    /// In all.
    pub total: usize,
}

/// What is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Timeline {
    /// The calendar's months, newest first.
    pub months: Vec<String>,
    /// Whether there is a last column for what is older.
    pub older: bool,
    /// Its lanes, those with most documents first.
    pub lanes: Vec<Lane>,
    /// Numbers of the documents on this page, newest first.
    pub rows: Vec<usize>,
    /// Documents the filter lets through.
    pub total: usize,
    /// This page, from 0, and how many there are.
    pub page: usize,
    /// How many pages there are; at least 1.
    pub pages: usize,
    /// Every kind there is, with how many of it.
    pub categories: Vec<(Category, usize)>,
    /// Every facility there is.
    pub facilities: BTreeSet<String>,
}

/// The month a document is of, in Japan.
fn month(document: &Listed) -> String {
    Day::of(document.service)
        .to_string()
        .chars()
        .take(7)
        .collect()
}

/// Lays documents out.
pub fn lay_out(documents: &[Listed], filter: &Filter) -> Timeline {
    let months: Vec<String> = documents.iter().map(month).collect();
    let mut categories = BTreeMap::<Category, usize>::new();
    let mut by_month = BTreeSet::new();
    let mut facilities = BTreeSet::new();
    for (document, month) in documents
        .iter()
        .zip(&months)
        .filter(|(document, _)| document.stands())
    {
        *categories.entry(document.category).or_default() += 1;
        by_month.insert(month.as_str());
        facilities.insert(document.facility.clone());
    }
    let columns: Vec<String> = by_month
        .iter()
        .rev()
        .take(MONTHS_MAX)
        .map(ToString::to_string)
        .collect();
    let older = by_month.len() > columns.len();
    let width = columns.len() + usize::from(older);
    let mut lanes = BTreeMap::<&str, Lane>::new();
    // The calendar shows what there is of the chosen kinds; facility and month are chosen in it.
    let whole = Filter {
        facility: None,
        month: None,
        ..filter.clone()
    };
    for (document, month) in documents
        .iter()
        .zip(&months)
        .filter(|(document, month)| whole.lets(document, month))
    {
        let facility = document.facility.as_str();
        let lane = lanes.entry(facility).or_insert_with(|| Lane {
            facility: facility.to_owned(),
            cells: vec![0; width],
            total: 0,
        });
        let column = columns
            .iter()
            .position(|c| c == month)
            .unwrap_or(columns.len());
        if let Some(cell) = lane.cells.get_mut(column) {
            *cell += 1;
        }
        lane.total += 1;
    }
    let mut lanes: Vec<Lane> = lanes.into_values().collect();
    lanes.sort_by(|a, b| {
        b.total
            .cmp(&a.total)
            .then_with(|| a.facility.cmp(&b.facility))
    });
    lanes.truncate(LANES_MAX);

    let mut rows: Vec<(usize, &Listed)> = documents
        .iter()
        .enumerate()
        .zip(&months)
        .filter(|((_, document), month)| filter.lets(document, month))
        .map(|(row, _)| row)
        .collect();
    rows.sort_by(|(n, a), (m, b)| b.service.cmp(&a.service).then(n.cmp(m)));
    let total = rows.len();
    let pages = total.div_ceil(PAGE_DOCUMENTS).max(1);
    let page = filter.page.min(pages - 1);
    let rows = rows
        .into_iter()
        .skip(page * PAGE_DOCUMENTS)
        .take(PAGE_DOCUMENTS)
        .map(|(n, _)| n)
        .collect();
    let mut categories: Vec<_> = categories.into_iter().collect();
    categories.sort_by_key(|(category, _)| category.number());
    Timeline {
        months: columns,
        older,
        lanes,
        rows,
        total,
        page,
        pages,
        categories,
        facilities,
    }
}

#[cfg(test)]
#[path = "timeline_test.rs"]
mod tests;
