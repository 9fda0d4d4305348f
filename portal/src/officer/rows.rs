//! Accesses as lists show them.

use super::Asked;
use crate::accesses::{Decided, Row};
use crate::fault::Fault;
use crate::page::Page;
use sekisho_domain::{Action, FacilityId, Grounds};
use sekisho_node::{LedgerFault, NodeError, Snapshot};
use sekisho_words::Names;
use std::collections::{BTreeMap, BTreeSet};

/// Names of networks and facilities, as they are known on the ledger.
#[derive(Debug, Default)]
pub struct Known {
    pub names: Names,
    facilities: BTreeMap<FacilityId, String>,
}

impl Known {
    /// All networks', and those facilities'.
    pub fn of(
        snapshot: &Snapshot<'_>,
        facilities: BTreeSet<FacilityId>,
    ) -> Result<Self, NodeError> {
        let view = snapshot.view();
        let names = Names::of(view).map_err(LedgerFault::from)?;
        let mut known = BTreeMap::new();
        for id in facilities {
            if let Some(facility) = view.facility(&id).map_err(LedgerFault::from)? {
                known.insert(id, facility.value.name);
            }
        }
        Ok(Self {
            names,
            facilities: known,
        })
    }

    /// A facility's name, or its code alone.
    pub fn facility(&self, id: &FacilityId) -> String {
        match self.facilities.get(id) {
            Some(name) => format!("{name} ({id})"),
            None => id.to_string(),
        }
    }
}

/// A row in words.
pub struct Shown {
    pub index: u64,
    pub time: String,
    pub viewing: String,
    pub facility: String,
    pub role: String,
    pub who: String,
    pub purpose: String,
    pub action: String,
    pub targets: Vec<ShownTarget>,
    pub transfer: String,
}

pub struct ShownTarget {
    pub network: String,
    pub permitted: bool,
    pub said: String,
}

/// Rows in words, in the reader's language.
pub async fn shown(asked: &Asked, rows: &[Row]) -> Result<Vec<Shown>, Fault> {
    let facilities = rows.iter().map(|row| row.facility.clone()).collect();
    let known = asked.portal.ask(move |s| Known::of(s, facilities)).await?;
    let page = asked.page("officer-accesses");
    Ok(rows.iter().map(|row| one(row, &known, &page)).collect())
}

/// The grounds behind a purpose, where they are not consent.
pub fn grounds(grounds: &Grounds, page: &Page<'_>) -> String {
    match grounds {
        Grounds::Ordinary => String::new(),
        Grounds::Emergency(reason) => page.pick(reason.ja(), reason.en()).to_owned(),
        Grounds::Disaster {
            declaration,
            consent,
        } => format!("{} · {declaration}", page.pick(consent.ja(), consent.en())),
        Grounds::Law(basis) => page.pick(basis.ja(), basis.en()).to_owned(),
    }
}

fn one(row: &Row, known: &Known, page: &Page<'_>) -> Shown {
    let purpose = page.pick(row.purpose.ja(), row.purpose.en());
    let grounds = grounds(&row.grounds, page);
    let targets = row.targets.iter().map(|target| {
        let (permitted, said) = match target.decided {
            Decided::Permitted(footing, _) => (true, page.pick(footing.ja(), footing.en())),
            Decided::Denied(reason) => (false, page.pick(reason.ja(), reason.en())),
        };
        ShownTarget {
            network: target.network.to_string(),
            permitted,
            said: said.to_owned(),
        }
    });
    let transfer = match (row.action, row.release, row.receipt) {
        (Action::RetrieveDocument, Some(_), Some(_)) => page.t("officer-transfer-both"),
        (Action::RetrieveDocument, Some(_), None) => page.t("officer-transfer-release"),
        (Action::RetrieveDocument, None, Some(_)) => page.t("officer-transfer-receipt"),
        (Action::RetrieveDocument, None, None) => page.t("officer-transfer-none"),
        _ => String::new(),
    };
    Shown {
        index: row.index.0,
        time: page.moment(row.time),
        viewing: row.viewing.to_string(),
        facility: known.facility(&row.facility),
        role: page.pick(row.role.ja(), row.role.en()).to_owned(),
        who: row.practitioner.to_string(),
        purpose: match grounds.is_empty() {
            true => purpose.to_owned(),
            false => format!("{purpose} ({grounds})"),
        },
        action: page
            .pick(Action::ja(row.action), Action::en(row.action))
            .to_owned(),
        targets: targets.collect(),
        transfer,
    }
}
