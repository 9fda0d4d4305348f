//! Finding a patient by what is known of the person: first among this network's own charts, where one, several or nobody
//! is told and never whom else there is; then, for somebody who has no chart here, in other networks.

use super::begin::{Offer, Why, chosen, existing, new, patient_wire};
use super::find;
use super::visits::Clue;
use crate::fault::Fault;
use crate::form::Sent;
use crate::guard::see_other;
use crate::page::{Page, Visitor, answered, html};
use crate::state::Portal;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_identity::Demographics;
use sekisho_node::{NodeError, Sought};
use sekisho_proto::v1;
use std::collections::BTreeMap;

/// Longest item, in bytes: an address runs to a hundred or two.
const ITEM_BYTES_MAX: usize = 512;

/// The items a form asks for.
const ITEMS: [&str; 13] = [
    "kanji-family",
    "kanji-given",
    "kana-family",
    "kana-given",
    "birth",
    "sex",
    "postal",
    "address",
    "phone",
    "insurer",
    "symbol",
    "insured",
    "branch",
];

/// What is known of a person, as it was typed.
#[derive(Default)]
pub(super) struct Typed(BTreeMap<&'static str, String>);

impl Typed {
    pub fn of(sent: &Sent) -> Result<Self, Fault> {
        let items = ITEMS.map(|item| (item, sent.field(item).to_owned()));
        match items.iter().all(|(_, said)| said.len() <= ITEM_BYTES_MAX) {
            true => Ok(Self(items.into())),
            false => Err(Fault::Entered("clinician-fault-person")),
        }
    }

    /// An item; empty where it was not said.
    pub fn get(&self, item: &str) -> &str {
        self.0.get(item).map_or("", String::as_str)
    }

    fn all(&self, items: [&str; 2]) -> Option<[String; 2]> {
        let said = items.map(|item| self.get(item).to_owned());
        said.iter().any(|one| !one.is_empty()).then_some(said)
    }

    /// As the node is told.
    ///
    /// # Errors
    /// Nothing is said that finds anybody, or the birth date is none.
    pub fn read(&self) -> Result<(v1::Demographics, Demographics), Fault> {
        let name = |items| {
            let said = self.all(items);
            said.map(|[family, given]| v1::PersonName { family, given })
        };
        let address = self.all(["postal", "address"]);
        let phone = Some(self.get("phone").to_owned()).filter(|phone| !phone.is_empty());
        let insured = self.all(["insurer", "insured"]);
        let wire = v1::Demographics {
            kanji: name(["kanji-family", "kanji-given"]),
            kana: name(["kana-family", "kana-given"]),
            birth: self.get("birth").to_owned(),
            sex: self.get("sex").to_owned(),
            addresses: address
                .map(|[postal, text]| v1::PersonAddress { postal, text })
                .into_iter()
                .collect(),
            phones: phone.into_iter().collect(),
            insured: insured
                .map(|[insurer, number]| v1::InsuredPerson {
                    insurer,
                    number,
                    symbol: self.get("symbol").to_owned(),
                    branch: self.get("branch").to_owned(),
                })
                .into_iter()
                .collect(),
        };
        let person = sekisho_node::demographics(wire.clone())
            .map_err(|_| Fault::Entered("clinician-fault-person"))?;
        let nothing = Demographics {
            sex: person.sex,
            ..Demographics::default()
        };
        match person == nothing {
            true => Err(Fault::Entered("clinician-fault-person-nothing")),
            false => Ok((wire, person)),
        }
    }
}

/// What this network's own charts say.
enum Answer {
    Several(String),
    Nobody,
}

#[derive(Template)]
#[template(path = "clinician-person.html")]
struct PersonPage<'a> {
    page: Page<'a>,
    offer: Offer,
    typed: Typed,
    number: String,
    chosen: [String; 3],
    answer: Option<Answer>,
}

pub(super) async fn form(State(portal): State<Portal>, visitor: Visitor) -> Response {
    answered(&portal, &visitor, async {
        html(&PersonPage {
            page: Page::new(&portal, &visitor, "clinician-person-title"),
            offer: Offer::of(&portal, &visitor).await?,
            typed: Typed::default(),
            number: String::new(),
            chosen: Default::default(),
            answer: None,
        })
    })
    .await
}

pub(super) async fn look(State(portal): State<Portal>, visitor: Visitor, sent: Sent) -> Response {
    answered(&portal, &visitor, async {
        let why = Why::of(&portal, &visitor, &sent)?;
        let typed = Typed::of(&sent)?;
        let (wire, person) = typed.read()?;
        if !sent.field("new").is_empty() {
            let clue = Clue::Person(Box::new(wire));
            let number = sent.field("number");
            let visit = new(&portal, &visitor, why, number, Some(person), clue).await?;
            visit.end(None, 0);
            find::look(&portal, &visit, None).await?;
            return Ok(see_other(&format!("/clinician/visit/{}/search", visit.id)));
        }
        let page = Page::new(&portal, &visitor, "clinician-person-title");
        let answer = match portal.node.seek(wire).await? {
            Sought::One(chart) => {
                let shown = portal.node.shown(patient_wire(&chart)).await;
                let shown = shown.map_err(|_| NodeError::NoSuchChart)?;
                // The chart at this facility, where there is one.
                let here = shown.charts.iter().find(|c| c.facility == why.facility);
                let chart = here.cloned().unwrap_or(chart);
                let visit = existing(&portal, &visitor, why, chart, shown, Clue::Charts).await?;
                visit.end(None, 0);
                return Ok(see_other(&format!("/clinician/visit/{}", visit.id)));
            }
            Sought::Several { deciding } => Answer::Several(find::deciding(&page, &deciding)),
            Sought::Nobody => Answer::Nobody,
        };
        html(&PersonPage {
            page,
            offer: Offer::of(&portal, &visitor).await?,
            typed,
            number: sent.field("number").to_owned(),
            chosen: chosen(&sent),
            answer: Some(answer),
        })
    })
    .await
}
