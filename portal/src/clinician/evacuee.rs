//! Looking for an evacuee under a declared disaster: by what was heard, in networks whose agreement allows it, without the
//! patient's consent where that cannot be had. Offered only while a declaration holds; whether it covers this facility or
//! the network that is asked, the ledger decides. Who of a short list it is, two people decide.

use super::begin::{Offer, Why, either, facility};
use super::find;
use super::person::Typed;
use super::visits::Clue;
use crate::fault::Fault;
use crate::form::Sent;
use crate::guard::see_other;
use crate::page::{Page, Visitor, answered, html};
use crate::state::Portal;
use askama::Template;
use axum::extract::State;
use axum::response::Response;
use sekisho_domain::{DisasterConsent, DisasterId, Footing, Grounds, Language, Purpose, TimeMs};
use sekisho_ledger::history::DISASTERS_MAX;
use sekisho_words::moment;

/// A declaration that holds.
#[derive(Debug, Clone)]
pub struct Declared {
    /// Its id.
    pub id: DisasterId,
    /// What it is called, drills marked as such, in Japanese and English.
    name: (String, String),
    until: TimeMs,
}

impl Declared {
    /// What it is called, and until when it holds.
    pub fn name(&self, language: Language) -> String {
        let until = moment(self.until, language);
        language.pick(
            format!("{}（{until} まで）", self.name.0),
            format!("{} (until {until})", self.name.1),
        )
    }

    fn index(&self) -> u64 {
        self.id.0.0
    }
}

/// The declarations that hold now, latest first.
pub(super) async fn declared(portal: &Portal) -> Result<Vec<Declared>, Fault> {
    let now = portal.environment.now();
    let declared = portal.ask(move |snapshot| {
        let view = snapshot.view();
        let mut all = Vec::new();
        for (id, declared) in view.disasters(DISASTERS_MAX)?.into_iter().rev() {
            let authority = view.authority(&declared.authority)?;
            let Some(authority) = authority.filter(|a| a.value.ended.is_none()) else {
                continue;
            };
            let disaster = &declared.disaster;
            if declared.holds(now) {
                let marked = sekisho_words::footing(match disaster.drill {
                    true => Footing::DisasterDrill,
                    false => Footing::Disaster,
                });
                let (kind, by) = (disaster.kind, &authority.value.name);
                all.push(Declared {
                    id,
                    name: (
                        format!("{}{by}：{}", marked.ja, kind.ja()),
                        format!("{}{by}: {}", marked.en, kind.en()),
                    ),
                    until: disaster.until,
                });
            }
        }
        Ok(all)
    });
    Ok(declared.await?)
}

#[derive(Template)]
#[template(path = "clinician-evacuee.html")]
struct EvacueePage<'a> {
    page: Page<'a>,
    offer: Offer,
    disasters: Vec<Declared>,
    asked: Vec<(&'static str, &'static str)>,
    typed: Typed,
    chosen: [String; 3],
}

impl EvacueePage<'_> {
    fn name(&self, declared: &Declared) -> String {
        declared.name(self.page.visitor.language)
    }
}

pub(super) async fn form(State(portal): State<Portal>, visitor: Visitor) -> Response {
    answered(&portal, &visitor, async {
        let page = Page::new(&portal, &visitor, "clinician-evacuee-title");
        let disasters = declared(&portal).await?;
        if disasters.is_empty() {
            return Err(Fault::Entered("clinician-fault-no-disaster"));
        }
        let asked = DisasterConsent::ALL.iter();
        html(&EvacueePage {
            offer: Offer::of(&portal, &visitor).await?,
            disasters,
            asked: asked
                .map(|how| (how.code(), page.pick(how.ja(), how.en())))
                .collect(),
            typed: Typed::default(),
            chosen: Default::default(),
            page,
        })
    })
    .await
}

pub(super) async fn look(State(portal): State<Portal>, visitor: Visitor, sent: Sent) -> Response {
    answered(&portal, &visitor, async {
        let held = declared(&portal).await?.into_iter();
        let mut held = held.filter(|one| one.index().to_string() == sent.field("declaration"));
        let disaster = held.next();
        let disaster = disaster.ok_or(Fault::Entered("clinician-fault-no-disaster"))?;
        let consent: DisasterConsent = sent
            .field("asked")
            .parse()
            .map_err(|_| Fault::Entered("clinician-fault-asked"))?;
        let why = Why {
            facility: facility(&visitor, &sent)?,
            purpose: Purpose::Disaster,
            grounds: Grounds::Disaster {
                declaration: disaster.id,
                consent,
            },
            disaster: Some(disaster),
        };
        let (wire, person) = Typed::of(&sent)?.read()?;
        let clue = Clue::Person(Box::new(wire));
        let number = sent.field("number");
        let visit = either(&portal, &visitor, why, number, person, clue).await?;
        visit.end(None, 0);
        find::look(&portal, &visit, None).await?;
        Ok(see_other(&format!("/clinician/visit/{}/search", visit.id)))
    })
    .await
}
