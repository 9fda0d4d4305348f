//! The second person: somebody else of the same facility, signed in as themselves, who looks at whom the first one means
//! and says so too. Only then is the link recorded, in both names (the node refuses it with fewer).

use super::clinician;
use super::find::{fits, linked_soon, say_linked};
use super::visit::Who;
use super::visits::{Proposed, Visit};
use crate::fault::Fault;
use crate::form::Sent;
use crate::guard::see_other;
use crate::names;
use crate::page::{Page, Visitor, answered, html};
use crate::state::Portal;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use std::sync::Arc;

#[derive(Template)]
#[template(path = "clinician-second.html")]
struct SecondPage<'a> {
    page: Page<'a>,
    visit: &'a Visit,
    who: Who,
    id: String,
    network: String,
    agreed: Vec<String>,
}

/// What waits under this address for this very person.
fn waiting(portal: &Portal, visitor: &Visitor, id: &str) -> Result<(Arc<Visit>, Proposed), Fault> {
    let (practitioner, _, facilities) = clinician(visitor)?;
    let (account, now) = (&visitor.person()?.account, portal.environment.now());
    let all = portal.visits.proposed_to(account, practitioner, now);
    all.into_iter()
        .find(|(visit, proposed)| proposed.id == id && facilities.contains(&visit.asker.facility))
        .ok_or(Fault::NotFound)
}

pub(super) async fn form(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(id): Path<String>,
) -> Response {
    answered(&portal, &visitor, async {
        let (visit, proposed) = waiting(&portal, &visitor, &id)?;
        let names = names::networks(&portal).await?;
        let page = Page::new(&portal, &visitor, "clinician-second-title");
        html(&SecondPage {
            who: Who::of(&page, &visit),
            visit: &visit,
            id,
            network: names
                .get(proposed.network.as_str())
                .cloned()
                .unwrap_or_else(|| proposed.network.to_string()),
            agreed: proposed
                .agreed
                .iter()
                .filter_map(|a| fits(&page, a))
                .collect(),
            page,
        })
    })
    .await
}

pub(super) async fn decide(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(id): Path<String>,
    sent: Sent,
) -> Response {
    answered(&portal, &visitor, async {
        let (visit, proposed) = waiting(&portal, &visitor, &id)?;
        let (practitioner, ..) = clinician(&visitor)?;
        if !sent.field("other").is_empty() {
            visit.come().proposed = None;
            return Ok(see_other("/clinician"));
        }
        let both = vec![visit.asker.practitioner.clone(), practitioner.to_owned()];
        let (network, subject) = (&proposed.network, proposed.subject);
        say_linked(&portal, &visit, network, subject, both).await?;
        {
            let mut come = visit.come();
            come.proposed = None;
            come.linked = true;
        }
        linked_soon(&portal, &visit, network).await;
        Ok(see_other("/clinician"))
    })
    .await
}
