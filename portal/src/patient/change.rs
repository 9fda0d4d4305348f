//! Withdrawing and refusing: two steps, and from when it holds.

use super::about;
use super::consents::{Given, given, records};
use crate::fault::Fault;
use crate::form::Sent;
use crate::guard::see_other;
use crate::names;
use crate::page::{Page, Visitor, answered, html};
use crate::state::Portal;
use askama::Template;
use axum::extract::{Path, State};
use axum::response::Response;
use sekisho_domain::{Category, FacilityId, Side, Withdrawal};
use sekisho_proto::v1;

/// Facilities offered for a refusal: those of all networks of one ledger.
const FACILITIES_MAX: usize = 5_000;

#[derive(Template)]
#[template(path = "patient-withdraw.html")]
struct WithdrawPage<'a> {
    page: Page<'a>,
    given: Given,
    counts: bool,
    said: Option<String>,
}

#[derive(Template)]
#[template(path = "patient-done.html")]
struct DonePage<'a> {
    page: Page<'a>,
    done: String,
    index: u64,
    when: String,
}

#[derive(Template)]
#[template(path = "patient-refuse.html")]
struct RefusePage<'a> {
    page: Page<'a>,
    networks: Vec<(String, String)>,
    facilities: Vec<(String, String)>,
    categories: Vec<(&'static str, &'static str)>,
    said: Option<String>,
}

pub(super) async fn ask_withdraw(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(index): Path<u64>,
) -> Response {
    answered(
        &portal,
        &visitor,
        withdraw_page(&portal, &visitor, index, None),
    )
    .await
}

async fn withdraw_page(
    portal: &Portal,
    visitor: &Visitor,
    index: u64,
    said: Option<String>,
) -> Result<Response, Fault> {
    let about = about(portal, visitor).await?;
    let page = Page::new(portal, visitor, "patient-withdraw-title");
    let one = given(&page, &about)
        .await?
        .into_iter()
        .find(|given| given.index == index && given.stands);
    let one = one.ok_or(Fault::NotFound)?;
    let counts = ways(portal, one.side).await?.contains(&Withdrawal::Portal);
    html(&WithdrawPage {
        given: one,
        counts,
        said,
        page,
    })
}

/// How this network's policy has consents of a side withdrawn. The ledger takes every way; what the network's rules say
/// besides is told.
async fn ways(portal: &Portal, side: Side) -> Result<Vec<Withdrawal>, Fault> {
    let (network, now) = (portal.settings.network.clone(), portal.environment.now());
    let policy = portal
        .ask(move |snapshot| Ok(snapshot.view().policy_at(&network, now)?))
        .await?;
    let rule = policy.and_then(|policy| match side {
        Side::Viewing => policy.policy.viewing,
        Side::Disclosing => policy.policy.disclosing,
    });
    Ok(rule
        .map(|rule| rule.withdrawal.iter().collect())
        .unwrap_or_default())
}

pub(super) async fn withdraw(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(index): Path<u64>,
    _: Sent,
) -> Response {
    answered(&portal, &visitor, async {
        let about = about(&portal, &visitor).await?;
        let (consents, _) = records(&portal, &about).await?;
        // Only one of this patient's own: an address of somebody else's leads nowhere.
        let one = consents
            .iter()
            .find(|given| given.granted.0 == index && given.withdrawn.is_none());
        let one = one.ok_or(Fault::NotFound)?;
        let said = v1::ConsentWithdraw {
            consent: index,
            way: Withdrawal::Portal.number().into(),
            recorded_by: one.consent.recorded_by.to_string(),
            evidence: Vec::new(),
        };
        let recorded =
            names::record(&portal, v1::record_request::Record::WithdrawConsent(said)).await?;
        match recorded.refused {
            None => done(&portal, &visitor, "patient-withdraw-done", &recorded),
            Some(words) => {
                let said = visitor.language.pick(words.0, words.1).to_owned();
                withdraw_page(&portal, &visitor, index, Some(said)).await
            }
        }
    })
    .await
}

fn done(
    portal: &Portal,
    visitor: &Visitor,
    id: &'static str,
    recorded: &names::Recorded,
) -> Result<Response, Fault> {
    let page = Page::new(portal, visitor, "patient-done-title");
    let (done, when) = (page.t(id), page.moment(recorded.time));
    html(&DonePage {
        done,
        index: recorded.index,
        when,
        page,
    })
}

pub(super) async fn ask_refuse(State(portal): State<Portal>, visitor: Visitor) -> Response {
    answered(&portal, &visitor, refuse_page(&portal, &visitor, None)).await
}

async fn refuse_page(
    portal: &Portal,
    visitor: &Visitor,
    said: Option<String>,
) -> Result<Response, Fault> {
    let page = Page::new(portal, visitor, "patient-refuse-title");
    let networks = names::networks(portal).await?.into_iter().collect();
    let all = portal
        .ask(|snapshot| Ok(snapshot.view().facilities(FACILITIES_MAX)?))
        .await?;
    let facilities = all
        .into_iter()
        .filter(|(_, facility)| facility.left.is_none());
    let facilities = facilities
        .map(|(id, facility)| (id.to_string(), facility.name))
        .collect();
    let categories = Category::ALL
        .iter()
        .map(|c| (c.code(), page.pick(c.ja(), c.en())))
        .collect();
    html(&RefusePage {
        networks,
        facilities,
        categories,
        said,
        page,
    })
}

pub(super) async fn refuse(State(portal): State<Portal>, visitor: Visitor, sent: Sent) -> Response {
    use v1::set_reservation::Viewer;
    answered(&portal, &visitor, async {
        let about = about(&portal, &visitor).await?;
        let viewer = match sent.field("viewer").split_once(':') {
            None if sent.field("viewer") == "anyone" => Viewer::Anyone(v1::Everything {}),
            Some(("network", id)) => Viewer::ViewerNetwork(id.to_owned()),
            Some(("facility", id)) => {
                let facility: FacilityId = id
                    .parse()
                    .map_err(|_| Fault::Entered("patient-fault-viewer"))?;
                Viewer::ViewerFacility(facility.to_string())
            }
            _ => return Err(Fault::Entered("patient-fault-viewer")),
        };
        let chosen: Result<Vec<Category>, _> = sent.all("category").map(str::parse).collect();
        let chosen = chosen.map_err(|_| Fault::Entered("patient-fault-category"))?;
        let categories = (!chosen.is_empty()).then(|| v1::CategorySet {
            categories: chosen
                .iter()
                .map(|category| category.number().into())
                .collect(),
        });
        // A pseudonym is made where there was none: a refusal holds from before anything else is known.
        let create = v1::SubjectRequest {
            patient: Some(about.wire()),
            create: true,
        };
        portal.node.subject_of(create).await?;
        let reservation = v1::SetReservation {
            patient: Some(about.wire()),
            viewer: Some(viewer),
            disclosing_facilities: None,
            categories,
            period: Some(v1::Period {
                from_ms: 0,
                until_ms: None,
            }),
            recorded_by: about.chart.facility.to_string(),
            purposes: None,
            proxy: None,
            sealed: false,
        };
        let recorded = names::record(
            &portal,
            v1::record_request::Record::SetReservation(reservation),
        )
        .await?;
        match recorded.refused {
            None => done(&portal, &visitor, "patient-refuse-done", &recorded),
            Some(words) => {
                let said = visitor.language.pick(words.0, words.1).to_owned();
                refuse_page(&portal, &visitor, Some(said)).await
            }
        }
    })
    .await
}

pub(super) async fn lift(
    State(portal): State<Portal>,
    visitor: Visitor,
    Path(index): Path<u64>,
    _: Sent,
) -> Response {
    answered(&portal, &visitor, async {
        let about = about(&portal, &visitor).await?;
        let (_, reservations) = records(&portal, &about).await?;
        let one = reservations
            .iter()
            .find(|given| given.set.0 == index && given.cleared.is_none());
        let one = one.ok_or(Fault::NotFound)?;
        let clear = v1::ReservationClear {
            reservation: index,
            recorded_by: one.reservation.recorded_by.to_string(),
        };
        let recorded =
            names::record(&portal, v1::record_request::Record::ClearReservation(clear)).await?;
        match recorded.refused {
            None => Ok(see_other("/patient/consents")),
            Some(_) => Err(Fault::Entered("patient-fault-not-lifted")),
        }
    })
    .await
}
