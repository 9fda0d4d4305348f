//! Whom a visit is about and why: the first page, which takes a patient's number or card.

use super::ask::{ask, named};
use super::evacuee::{self, Declared};
use super::recognise::{Recognised, recognise};
use super::visits::{Asker, Clue, Visit};
use super::{clinician, find};
use crate::fault::Fault;
use crate::form::Sent;
use crate::guard::see_other;
use crate::names;
use crate::page::{Page, Visitor, answered, html};
use crate::state::Portal;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_documents::{LocalPatientId, Patient};
use sekisho_domain::{EmergencyReason, FacilityId, Grounds, Purpose};
use sekisho_identity::Demographics;
use sekisho_node::{Card, NodeError, Shown};
use sekisho_proto::v1;
use std::sync::Arc;

/// Why a clinician may ask from here. What rests on a law is asked for on the command line.
const PURPOSES: [Purpose; 3] = [
    Purpose::Treat,
    Purpose::CoordinationOfCare,
    Purpose::EmergencyTreatment,
];
/// How a number begins that is given here to somebody who has none yet: until the facility gives one.
const PROVISIONAL: &str = "TEMP-";

type Choices = Vec<(&'static str, &'static str)>;

/// What a form offers: where, and why.
pub(super) struct Offer {
    pub facilities: Vec<(String, String)>,
    pub purposes: Choices,
    pub emergencies: Choices,
}

impl Offer {
    pub async fn of(portal: &Portal, visitor: &Visitor) -> Result<Self, Fault> {
        let (_, _, facilities) = clinician(visitor)?;
        let names = names::facilities(portal, facilities.iter().map(ToString::to_string)).await?;
        let pick = |ja, en| visitor.language.pick(ja, en);
        let purposes = PURPOSES.iter().map(|p| (p.code(), pick(p.ja(), p.en())));
        let reasons = EmergencyReason::ALL.iter();
        Ok(Self {
            facilities: names.into_iter().collect(),
            purposes: purposes.collect(),
            emergencies: reasons.map(|r| (r.code(), pick(r.ja(), r.en()))).collect(),
        })
    }
}

/// Where and why somebody asks, as a form says.
pub(super) struct Why {
    pub facility: FacilityId,
    pub purpose: Purpose,
    pub grounds: Grounds,
    pub disaster: Option<Declared>,
}

impl Why {
    /// # Errors
    /// What was chosen is not offered; an emergency needs a second factor just shown.
    pub fn of(portal: &Portal, visitor: &Visitor, sent: &Sent) -> Result<Self, Fault> {
        let wrong = || Fault::Entered("clinician-fault-purpose");
        let (purpose, grounds) = match sent.field("emergency") {
            "" => {
                let named = |purpose: &Purpose| purpose.code() == sent.field("purpose");
                let chosen = PURPOSES.into_iter().find(named);
                (chosen.ok_or_else(wrong)?, Grounds::Ordinary)
            }
            code => {
                let reason: EmergencyReason = code.parse().map_err(|_| wrong())?;
                let now = portal.environment.now();
                if !visitor.session.as_ref().is_some_and(|s| s.is_fresh(now)) {
                    return Err(Fault::ShowAgain);
                }
                (Purpose::BreakGlass, Grounds::Emergency(reason))
            }
        };
        Ok(Self {
            facility: facility(visitor, sent)?,
            purpose,
            grounds,
            disaster: None,
        })
    }
}

/// What was chosen, for a form that is shown again.
pub(super) fn chosen(sent: &Sent) -> [String; 3] {
    ["facility", "purpose", "emergency"].map(|field| sent.field(field).to_owned())
}

/// The facility of the clinician's that a form names.
pub(super) fn facility(visitor: &Visitor, sent: &Sent) -> Result<FacilityId, Fault> {
    let (_, _, facilities) = clinician(visitor)?;
    let chosen = facilities
        .iter()
        .find(|f| f.as_str() == sent.field("facility"));
    let chosen = chosen.ok_or(Fault::Entered("clinician-fault-facility"))?;
    Ok(chosen.clone())
}

/// A visit to go back to.
struct Earlier {
    id: String,
    patient: String,
    began: String,
}

/// What waits for a second person.
struct Waiting {
    id: String,
    patient: String,
    network: String,
}

#[derive(Template)]
#[template(path = "clinician-find.html")]
struct FindPage<'a> {
    page: Page<'a>,
    offer: Offer,
    disasters: Vec<Declared>,
    waiting: Vec<Waiting>,
    earlier: Vec<Earlier>,
    chosen: [String; 3],
    card: Option<(String, String)>,
}

pub(super) async fn form(State(portal): State<Portal>, visitor: Visitor) -> Response {
    answered(
        &portal,
        &visitor,
        page(&portal, &visitor, None, Default::default()),
    )
    .await
}

/// The page; with another network's card that was read, and that network's name.
async fn page(
    portal: &Portal,
    visitor: &Visitor,
    card: Option<(String, String)>,
    chosen: [String; 3],
) -> Result<Response, Fault> {
    let page = Page::new(portal, visitor, "clinician-find-title");
    let (practitioner, _, facilities) = clinician(visitor)?;
    let account = &visitor.person()?.account;
    let now = portal.environment.now();
    let names = names::networks(portal).await?;
    let waiting = portal.visits.proposed_to(account, practitioner, now);
    let waiting = waiting
        .iter()
        .filter(|(visit, _)| facilities.contains(&visit.asker.facility))
        .map(|(visit, proposed)| Waiting {
            id: proposed.id.clone(),
            patient: named(&page, visit),
            network: names
                .get(proposed.network.as_str())
                .unwrap_or(&proposed.network.to_string())
                .clone(),
        })
        .collect();
    let earlier = portal.visits.all_of(account, now);
    let earlier = earlier.iter().take(10).map(|visit| Earlier {
        id: visit.id.clone(),
        patient: named(&page, visit),
        began: page.moment(visit.began),
    });
    html(&FindPage {
        offer: Offer::of(portal, visitor).await?,
        disasters: evacuee::declared(portal).await?,
        waiting,
        earlier: earlier.collect(),
        chosen,
        card,
        page,
    })
}

pub(super) async fn begin(State(portal): State<Portal>, visitor: Visitor, sent: Sent) -> Response {
    answered(&portal, &visitor, async {
        let why = Why::of(&portal, &visitor, &sent)?;
        if !sent.field("card").is_empty() {
            return with_card(&portal, &visitor, why, &sent).await;
        }
        match recognise(sent.field("patient")) {
            Recognised::Numbers(numbers) => {
                let (patient, shown) = of_numbers(&portal, &why.facility, numbers).await?;
                let visit = existing(&portal, &visitor, why, patient, shown, Clue::Charts).await?;
                Ok(asked(&portal, &visit))
            }
            Recognised::Card(card) if card.network == portal.settings.network => {
                let shown = portal.node.holder(card).await?;
                // The chart at this facility, where there is one.
                let here = |chart: &&Patient| chart.facility == why.facility;
                let charts = &shown.charts;
                let patient = charts.iter().find(here).or(charts.first()).cloned();
                let patient = patient.ok_or(NodeError::NoSuchPatient)?;
                let visit = existing(&portal, &visitor, why, patient, shown, Clue::Charts).await?;
                Ok(asked(&portal, &visit))
            }
            Recognised::Card(card) => {
                let names = names::networks(&portal).await?;
                let name = names.get(card.network.as_str()).cloned();
                let name = name.ok_or(Fault::Entered("clinician-fault-card-network"))?;
                let card = (card.to_string(), name);
                page(&portal, &visitor, Some(card), chosen(&sent)).await
            }
            Recognised::DamagedCard => Err(Fault::Entered("clinician-fault-card")),
            Recognised::Nothing => Err(Fault::Entered("clinician-fault-patient")),
        }
    })
    .await
}

/// Begins with another network's card: its network is asked whose it is, and nobody else.
async fn with_card(
    portal: &Portal,
    visitor: &Visitor,
    why: Why,
    sent: &Sent,
) -> Result<Response, Fault> {
    let card: Card = sent
        .field("card")
        .parse()
        .map_err(|_| Fault::Entered("clinician-fault-card"))?;
    let clue = Clue::Card(card);
    let visit = match recognise(sent.field("patient")) {
        Recognised::Numbers(numbers) => {
            let (patient, shown) = of_numbers(portal, &why.facility, numbers).await?;
            existing(portal, visitor, why, patient, shown, clue).await?
        }
        Recognised::Nothing if sent.field("patient").is_empty() => {
            new(portal, visitor, why, "", None, clue).await?
        }
        _ => return Err(Fault::Entered("clinician-fault-patient")),
    };
    visit.end(None, 0);
    find::look(portal, &visit, None).await?;
    Ok(see_other(&format!("/clinician/visit/{}/search", visit.id)))
}

/// The first of these numbers there is a chart of. Only a chart that is there: a slip of the pen must not make a patient.
async fn of_numbers(
    portal: &Portal,
    facility: &FacilityId,
    numbers: Vec<LocalPatientId>,
) -> Result<(Patient, Shown), Fault> {
    for local_patient_id in numbers {
        let patient = Patient {
            facility: facility.clone(),
            local_patient_id,
        };
        match portal.node.shown(patient_wire(&patient)).await {
            Ok(shown) => return Ok((patient, shown)),
            Err(NodeError::NoSuchChart | NodeError::NoSuchPatient) => {}
            Err(other) => return Err(other.into()),
        }
    }
    Err(NodeError::NoSuchChart.into())
}

/// A patient by chart, as the node is told.
pub(super) fn patient_wire(patient: &Patient) -> v1::Patient {
    let local = v1::patient::Local {
        facility: patient.facility.to_string(),
        local_id: patient.local_patient_id.as_str().to_owned(),
    };
    v1::Patient {
        patient: Some(v1::patient::Patient::Local(local)),
    }
}

fn asked(portal: &Portal, visit: &Arc<Visit>) -> Response {
    ask(portal, visit, None);
    see_other(&format!("/clinician/visit/{}", visit.id))
}

/// Begins a visit of somebody who has a chart here; nobody is asked yet.
pub(super) async fn existing(
    portal: &Portal,
    visitor: &Visitor,
    why: Why,
    patient: Patient,
    shown: Shown,
    clue: Clue,
) -> Result<Arc<Visit>, Fault> {
    begun(portal, visitor, why, patient, shown.demographics, clue).await
}

/// Begins a visit of whoever has this number here, else of somebody new; nobody is asked yet.
pub(super) async fn either(
    portal: &Portal,
    visitor: &Visitor,
    why: Why,
    number: &str,
    who: Demographics,
    clue: Clue,
) -> Result<Arc<Visit>, Fault> {
    if let Recognised::Numbers(numbers) = recognise(number) {
        match of_numbers(portal, &why.facility, numbers).await {
            Ok((patient, shown)) => {
                return existing(portal, visitor, why, patient, shown, clue).await;
            }
            Err(Fault::Node(NodeError::NoSuchChart)) => {}
            Err(other) => return Err(other),
        }
    }
    new(portal, visitor, why, number, Some(who), clue).await
}

/// Begins a visit of somebody who has no chart here, by the number the facility gave (it must be nobody else's), else by
/// a provisional one; nobody is asked yet.
pub(super) async fn new(
    portal: &Portal,
    visitor: &Visitor,
    why: Why,
    number: &str,
    who: Option<Demographics>,
    clue: Clue,
) -> Result<Arc<Visit>, Fault> {
    let local_patient_id = match recognise(number) {
        Recognised::Nothing if number.is_empty() => provisional()?,
        Recognised::Numbers(numbers) => {
            let last = numbers.into_iter().next_back();
            last.ok_or(Fault::Entered("clinician-fault-patient"))?
        }
        _ => return Err(Fault::Entered("clinician-fault-patient")),
    };
    let patient = Patient {
        facility: why.facility.clone(),
        local_patient_id,
    };
    match portal.node.shown(patient_wire(&patient)).await {
        Ok(_) => Err(Fault::Entered("clinician-fault-number-taken")),
        Err(NodeError::NoSuchChart | NodeError::NoSuchPatient) => {
            begun(portal, visitor, why, patient, who, clue).await
        }
        Err(other) => Err(other.into()),
    }
}

fn provisional() -> Result<LocalPatientId, Fault> {
    let mut bytes = [0; 5];
    getrandom::fill(&mut bytes).map_err(|_| Fault::Stopping)?;
    let number = format!("{PROVISIONAL}{}", hex::encode_upper(bytes));
    number.parse().map_err(|_| Fault::Stopping)
}

async fn begun(
    portal: &Portal,
    visitor: &Visitor,
    why: Why,
    patient: Patient,
    who: Option<Demographics>,
    clue: Clue,
) -> Result<Arc<Visit>, Fault> {
    let (practitioner, profession, _) = clinician(visitor)?;
    let create = v1::SubjectRequest {
        patient: Some(patient_wire(&patient)),
        create: true,
    };
    portal.node.subject_of(create).await?;
    let asker = Asker {
        account: visitor.person()?.account.clone(),
        practitioner: practitioner.to_owned(),
        profession,
        facility: why.facility,
        patient,
        purpose: why.purpose,
        grounds: why.grounds,
        disaster: why.disaster,
        clue,
    };
    let visit = portal.visits.begin(asker, who, portal.environment.now());
    visit.ok_or(Fault::Stopping)
}
