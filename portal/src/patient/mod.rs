//! Pages for patients: who looked, what I agreed to, and changing it.
//!
//! A patient sees their own accesses and consents, and those of the people they speak for; every address is checked
//! against that, and what is somebody else's looks as if it did not exist.

mod accesses;
mod change;
mod consents;
mod download;
mod home;
mod question;

use crate::accounts::{Holder, Kind};
use crate::fault::Fault;
use crate::page::Visitor;
use crate::pages::{Open, Route, get, post};
use crate::state::Portal;
use sekisho_documents::Patient;
use sekisho_domain::{NetworkId, SubjectId, SubjectRef};
use sekisho_node::NodeError;
use sekisho_proto::v1;

/// Where a patient can go.
pub(crate) const PLACES: &[(&str, &str)] = &[
    ("/patient", "patient-place-home"),
    ("/patient/accesses", "patient-place-accesses"),
    ("/patient/consents", "patient-place-consents"),
    ("/patient/download", "patient-place-download"),
];

const TO: Open = Open::To(Kind::Patient);

pub(crate) fn routes() -> Vec<Route> {
    vec![
        get("/patient", TO, home::show),
        post("/patient/person", TO, home::choose),
        get("/patient/accesses", TO, accesses::show),
        get("/patient/accesses/{index}", TO, question::form),
        post("/patient/accesses/{index}", TO, question::ask),
        get("/patient/consents", TO, consents::show),
        get(
            "/patient/consents/{index}/withdraw",
            TO,
            change::ask_withdraw,
        ),
        post("/patient/consents/{index}/withdraw", TO, change::withdraw),
        get("/patient/refuse", TO, change::ask_refuse),
        post("/patient/refuse", TO, change::refuse),
        post("/patient/refusals/{index}/lift", TO, change::lift),
        get("/patient/download", TO, download::show),
        get("/patient/download/records.json", TO, download::json),
        get("/patient/download/records.pdf", TO, download::paper),
    ]
}

/// Whose records are shown: the patient's own, or those of somebody they speak for.
#[derive(Debug, Clone)]
struct About {
    chart: Patient,
    /// None while nothing was ever recorded of this patient.
    subject: Option<SubjectId>,
    /// The patient speaks for this person.
    represented: bool,
}

impl About {
    fn wire(&self) -> v1::Patient {
        wire(&self.chart)
    }
}

fn wire(chart: &Patient) -> v1::Patient {
    let local = v1::patient::Local {
        facility: chart.facility.to_string(),
        local_id: chart.local_patient_id.as_str().to_owned(),
    };
    v1::Patient {
        patient: Some(v1::patient::Patient::Local(local)),
    }
}

/// The charts somebody signed in as a patient may see: their own first.
fn charts(visitor: &Visitor) -> Result<Vec<Patient>, Fault> {
    match &visitor.person()?.holder {
        Holder::Patient { chart, represents } => {
            Ok([std::slice::from_ref(chart), represents.as_slice()].concat())
        }
        _ => Err(Fault::Forbidden),
    }
}

/// Whose records this session is at.
async fn about(portal: &Portal, visitor: &Visitor) -> Result<About, Fault> {
    let charts = charts(visitor)?;
    let chosen = visitor.session.as_ref().map_or(0, |session| session.chosen);
    let chart = charts
        .get(chosen)
        .or(charts.first())
        .cloned()
        .ok_or(Fault::Forbidden)?;
    let mut about = About {
        chart,
        subject: None,
        represented: chosen > 0,
    };
    let known = v1::SubjectRequest {
        patient: Some(about.wire()),
        create: false,
    };
    about.subject = match portal.node.subject_of(known).await {
        Ok(reply) => SubjectId::try_from(reply.subject.as_slice()).ok(),
        Err(NodeError::NoSuchPatient) => None,
        Err(error) => return Err(error.into()),
    };
    Ok(about)
}

/// The patient by every pseudonym: this network's, and those of networks that both sides linked.
async fn everywhere(
    portal: &Portal,
    subject: SubjectId,
) -> Result<Vec<(NetworkId, SubjectId)>, Fault> {
    let own = portal.settings.network.clone();
    let all = portal.ask(move |snapshot| {
        let view = snapshot.view();
        let here = SubjectRef {
            network: own.clone(),
            subject,
        };
        let mut all = vec![(own, subject)];
        for (network, _) in view.networks()? {
            let linked = view.linked(&here, &network)?;
            all.extend(linked.map(|subject| (network, subject)));
        }
        Ok(all)
    });
    Ok(all.await?)
}
