//! Who looked at what, when and why, in words without jargon.

use super::question::{Mine, mine};
use super::{About, about, everywhere};
use crate::accesses::{Decided, Row, Window};
use crate::fault::Fault;
use crate::names;
use crate::page::{Page, Visitor, answered, html};
use crate::state::Portal;
use askama::Template;
use axum::extract::{Query, State};
use axum::response::Response;
use sekisho_domain::{Action, EntryIndex, Footing, PractitionerId, TimeMs};
use sekisho_proto::v1;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Accesses on one page.
const PAGE_ACCESSES: usize = 50;

/// How close in time accesses of one person are told of as one.
const TOGETHER_MS: u64 = 30 * 60_000;

/// One access, for its patient; or several alike, right after each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Looked {
    pub index: u64,
    pub count: usize,
    pub time: TimeMs,
    pub who_id: PractitionerId,
    pub when: String,
    pub facility: String,
    pub network: String,
    pub profession: String,
    pub who: Option<String>,
    pub purpose: String,
    pub what: String,
    pub seen: Vec<String>,
    pub refused: Vec<String>,
    pub emergency: bool,
    pub went: bool,
}

#[derive(Template)]
#[template(path = "patient-accesses.html")]
struct AccessesPage<'a> {
    page: Page<'a>,
    looked: Vec<Looked>,
    older: Option<u64>,
    behind: u64,
    questions: Vec<Mine>,
}

#[derive(Deserialize)]
pub(super) struct Before {
    before: Option<u64>,
}

pub(super) async fn show(
    State(portal): State<Portal>,
    visitor: Visitor,
    Query(Before { before }): Query<Before>,
) -> Response {
    answered(&portal, &visitor, async {
        let about = about(&portal, &visitor).await?;
        let page = Page::new(&portal, &visitor, "patient-accesses-title");
        let (looked, older) = looked(&page, &about, before, PAGE_ACCESSES).await?;
        let looked = together(looked);
        html(&AccessesPage {
            looked,
            older,
            behind: portal.rows.behind(),
            questions: mine(&page, &about).await?,
            page,
        })
    })
    .await
}

/// The rows of a patient's accesses, newest first, and where older ones begin.
pub(super) async fn rows(
    portal: &Portal,
    about: &About,
    before: Option<u64>,
    max: usize,
) -> Result<(Vec<Row>, Option<u64>), Fault> {
    let Some(subject) = about.subject else {
        return Ok((Vec::new(), None));
    };
    let subjects = everywhere(portal, subject).await?;
    let rows = portal.accesses(move |accesses| {
        accesses.of_subjects(
            &subjects,
            Window::default(),
            before.map(EntryIndex),
            max + 1,
        )
    });
    let mut rows = rows.await?;
    let more = rows.len() > max;
    rows.truncate(max);
    let older = rows.last().filter(|_| more).map(|row| row.index.0);
    Ok((rows, older))
}

pub(super) async fn looked(
    page: &Page<'_>,
    about: &About,
    before: Option<u64>,
    max: usize,
) -> Result<(Vec<Looked>, Option<u64>), Fault> {
    let (rows, older) = rows(page.portal, about, before, max).await?;
    let networks = names::networks(page.portal).await?;
    let facilities =
        names::facilities(page.portal, rows.iter().map(|row| row.facility.to_string())).await?;
    let mut people = BTreeMap::new();
    let mut all = Vec::with_capacity(rows.len());
    for row in &rows {
        let name = |id: &str| networks.get(id).cloned().unwrap_or_else(|| id.to_owned());
        let facility = facilities
            .get(row.facility.as_str())
            .cloned()
            .unwrap_or_else(|| row.facility.to_string());
        let (mut seen, mut refused, mut emergency) = (Vec::new(), Vec::new(), false);
        for target in &row.targets {
            match target.decided {
                Decided::Permitted(footing, _) => {
                    emergency |= footing == Footing::BreakGlass;
                    seen.push(name(target.network.as_str()));
                }
                Decided::Denied(_) => refused.push(name(target.network.as_str())),
            }
        }
        let what = match row.action {
            Action::FindDocuments => "patient-what-list",
            Action::RetrieveDocument => "patient-what-document",
            Action::FindPatients => "patient-what-search",
        };
        let who = match row.viewing == page.portal.settings.network {
            true => who(page.portal, row, &mut people).await?,
            false => None,
        };
        all.push(Looked {
            index: row.index.0,
            count: 1,
            time: row.time,
            who_id: row.practitioner,
            when: page.moment(row.time),
            facility,
            network: name(row.viewing.as_str()),
            profession: page.pick(row.role.ja(), row.role.en()).to_owned(),
            who,
            purpose: page.pick(row.purpose.ja(), row.purpose.en()).to_owned(),
            what: page.t(what),
            seen,
            refused,
            emergency,
            went: row.release.is_some() || row.receipt.is_some(),
        });
    }
    Ok((all, older))
}

/// Puts accesses of one person together that came right after each other, newest first: who opens twenty documents looked
/// once. The number is that of the newest.
pub(super) fn together(looked: Vec<Looked>) -> Vec<Looked> {
    let mut all: Vec<Looked> = Vec::new();
    // When the earliest of the last ones was.
    let mut since = TimeMs(0);
    for one in looked {
        if let Some(last) = all.last_mut() {
            let alike = last.who_id == one.who_id
                && last.what == one.what
                && last.purpose == one.purpose
                && last.facility == one.facility
                && last.emergency == one.emergency;
            if alike && since.0.saturating_sub(one.time.0) <= TOGETHER_MS {
                last.count += one.count;
                last.went |= one.went;
                for (all, more) in [(&mut last.seen, one.seen), (&mut last.refused, one.refused)] {
                    all.extend(more);
                    all.sort();
                    all.dedup();
                }
                since = one.time;
                continue;
            }
        }
        since = one.time;
        all.push(one);
    }
    all
}

/// The name of one of this network's own practitioners, as the staff here know them. Other networks' people only they
/// themselves can name.
async fn who(
    portal: &Portal,
    row: &Row,
    known: &mut BTreeMap<Vec<u8>, Option<String>>,
) -> Result<Option<String>, Fault> {
    let pseudonym = row.practitioner.as_bytes().to_vec();
    if let Some(name) = known.get(&pseudonym) {
        return Ok(name.clone());
    }
    let request = v1::PractitionerRequest {
        practitioner: Some(v1::Practitioner {
            practitioner: Some(v1::practitioner::Practitioner::Pseudonym(pseudonym.clone())),
        }),
        create: false,
    };
    let name = match portal.node.practitioner_of(request).await {
        Ok(reply) => {
            let local = reply.local_id;
            let of = local.clone();
            let shown = portal.accounts(move |accounts| accounts.of_practitioner(&of));
            Some(shown.await?.map_or(local, |account| account.shown))
        }
        Err(_) => None,
    };
    known.insert(pseudonym, name.clone());
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(index: u64, minutes: u64, who: u8, what: &str, seen: &str) -> Looked {
        Looked {
            index,
            count: 1,
            time: TimeMs(minutes * 60_000),
            who_id: PractitionerId::try_from([who; 16].as_slice()).unwrap(),
            when: String::new(),
            facility: "a hospital".into(),
            network: String::new(),
            profession: String::new(),
            who: None,
            purpose: "treatment".into(),
            what: what.into(),
            seen: vec![seen.into()],
            refused: Vec::new(),
            emergency: false,
            went: false,
        }
    }

    #[test]
    fn accesses_right_after_each_other_are_told_of_as_one() {
        let looked = vec![
            one(9, 100, 1, "opened", "saga"),
            one(8, 80, 1, "opened", "kurume"),
            one(7, 60, 1, "opened", "saga"),
            one(6, 59, 2, "opened", "saga"),
            one(5, 58, 2, "listed", "saga"),
            Looked {
                emergency: true,
                ..one(4, 57, 2, "listed", "saga")
            },
            one(3, 10, 2, "listed", "saga"),
        ];
        let told: Vec<_> = together(looked)
            .into_iter()
            .map(|l| (l.index, l.count, l.seen))
            .collect();
        let saga = vec!["saga".to_owned()];
        assert_eq!(
            told,
            [
                (9, 3, vec!["kurume".to_owned(), "saga".to_owned()]),
                (6, 1, saga.clone()),
                (5, 1, saga.clone()),
                (4, 1, saga.clone()),
                (3, 1, saga),
            ]
        );
    }
}
