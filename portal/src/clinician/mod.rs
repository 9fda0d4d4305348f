//! Pages for clinicians: find the patient, see one list of all networks' documents, open them.
//!
//! ```text
//! /clinician ──number or card─────▶ visit ──▶ timeline (fills as networks answer) ──▶ document
//!   ├─ person ──name, birth …─────▶   ├─ ask again whoever could not be reached
//!   └─ evacuee ──what was heard───▶   ├─ consent, given here and now
//!                                     ├─ overview: drugs, results, allergies of the latest documents
//!                                     └─ look for the patient in other networks ──two people──▶ link
//! ```
//! The address of a visit is random and says nothing; patients' numbers are in forms and pages only.

mod ask;
mod begin;
mod consent;
mod document;
mod download;
mod evacuee;
mod find;
mod overview;
mod person;
mod recognise;
mod second;
mod summary;
mod timeline;
mod trend;
mod visit;
mod visits;

#[cfg(test)]
#[path = "clinician_test.rs"]
mod tests;

pub use visits::Visits;

use crate::accounts::{Holder, Kind};
use crate::fault::Fault;
use crate::page::Visitor;
use crate::pages::{Open, Route, get, post};
use crate::state::Portal;
use sekisho_domain::{FacilityId, Role};
use std::collections::BTreeSet;
use std::sync::Arc;
use visits::Visit;

/// Where a clinician can go.
pub(crate) const PLACES: &[(&str, &str)] = &[("/clinician", "clinician-place-find")];

const TO: Open = Open::To(Kind::Clinician);

pub(crate) fn routes() -> Vec<Route> {
    vec![
        get("/clinician", TO, begin::form),
        post("/clinician", TO, begin::begin),
        get("/clinician/person", TO, person::form),
        post("/clinician/person", TO, person::look),
        get("/clinician/evacuee", TO, evacuee::form),
        post("/clinician/evacuee", TO, evacuee::look),
        get("/clinician/second/{proposed}", TO, second::form),
        post("/clinician/second/{proposed}", TO, second::decide),
        get("/clinician/visit/{visit}", TO, visit::show),
        post("/clinician/visit/{visit}/again", TO, ask::again),
        post("/clinician/visit/{visit}/open", TO, document::open),
        post("/clinician/visit/{visit}/download", TO, download::begin),
        get(
            "/clinician/visit/{visit}/document/{number}",
            TO,
            document::show,
        ),
        get(
            "/clinician/visit/{visit}/document/{number}/file",
            TO,
            document::file,
        ),
        get("/clinician/visit/{visit}/consent", TO, consent::form),
        post("/clinician/visit/{visit}/consent", TO, consent::give),
        get("/clinician/visit/{visit}/consent/paper", TO, consent::paper),
        get("/clinician/visit/{visit}/overview", TO, overview::show),
        post("/clinician/visit/{visit}/overview", TO, overview::gather),
        get("/clinician/visit/{visit}/search", TO, find::form),
        post("/clinician/visit/{visit}/search", TO, find::search),
        post("/clinician/visit/{visit}/link", TO, find::link),
    ]
}

/// The clinician who is signed in: local identifier, profession, facilities.
fn clinician(visitor: &Visitor) -> Result<(&str, Role, &BTreeSet<FacilityId>), Fault> {
    match &visitor.person()?.holder {
        Holder::Clinician {
            practitioner,
            profession,
            facilities,
        } => Ok((practitioner, *profession, facilities)),
        _ => Err(Fault::Forbidden),
    }
}

/// The visit of an address; of this person's own alone.
fn visit_of(portal: &Portal, visitor: &Visitor, id: &str) -> Result<Arc<Visit>, Fault> {
    let account = &visitor.person()?.account;
    portal
        .visits
        .of(id, account, portal.environment.now())
        .ok_or(Fault::NotFound)
}
