//! The operator's pages over a real node and a real ledger.

use crate::accounts::Holder;
use crate::stand::Stand;
use axum::http::StatusCode;
use sekisho_domain::{AccessRequest, Body, FacilityKind, Purpose};
use sekisho_ledger::testing::facility;
use sekisho_node::testing::{KURUME, KURUME_HOSPITAL, SAGA, TOTTORI};
use sekisho_proto::v1;

fn member(replica: u64, network: &str, log_matched: Option<u64>) -> v1::MemberStatus {
    v1::MemberStatus {
        replica,
        network: network.to_owned(),
        endpoint: format!("{network}.example:4433"),
        voter: true,
        promoted: true,
        in_group: true,
        log_matched,
    }
}

fn status() -> v1::StatusReply {
    v1::StatusReply {
        replica: 1,
        ready: true,
        leader: Some(1),
        term: 3,
        log_last: 90_000,
        log_applied: 90_000,
        quorum_ack_ms: Some(12),
        members: vec![member(1, KURUME, None), member(2, SAGA, Some(5))],
        ..v1::StatusReply::default()
    }
}

#[tokio::test]
async fn what_is_not_well_stands_first_with_what_to_do() {
    let stand = Stand::of(SAGA).await;
    let operator = stand.browser("ops", Holder::Operator);
    operator.get("/operator").await.holds(&[
        "Everything is well.",
        "There is no replica on this machine",
        "std01",
        "not configured",
    ]);
    let alarm = "the root differs <b>from</b> replica 2's".to_owned();
    *stand.standing.0.lock().unwrap() = Some(v1::StatusReply {
        alarms: vec![alarm],
        refused: vec![v1::Refusals {
            kind: "entry-too-large".to_owned(),
            count: 4,
        }],
        ..status()
    });
    let text = operator.get("/operator").await.holds(&[
        "alarm:",
        "the root differs &#60;b&#62;",
        "89995",
        "entry-too-large",
        "saga.example:4433",
        "the leader",
    ]);
    assert!(
        !text.contains("Everything is well") && !text.contains("[operator-"),
        "{text}"
    );
    let text = operator.japanese().get("/operator").await.holds(&["警報"]);
    assert!(!text.contains("[operator-"), "{text}");
    for other in ["/operator", "/operator/map"] {
        let practitioner = "o".to_owned();
        let officer = stand.browser("tanaka", Holder::Officer { practitioner });
        assert_eq!(officer.get(other).await.status, StatusCode::FORBIDDEN);
        assert_eq!(
            stand.stranger().get(other).await.status,
            StatusCode::SEE_OTHER
        );
    }
}

#[tokio::test]
async fn the_map_and_its_tables_say_the_same_and_escape_what_others_wrote() {
    let stand = Stand::of(KURUME).await;
    stand.ledger.with(|world| {
        let body = Body::FacilityRegister {
            facility: facility("3111234567"),
            kind: FacilityKind::Hospital,
            name: "<script>".to_owned(),
            municipality: None,
        };
        world.accept(TOTTORI, body);
        let patient = stand.setting.kurume_subject;
        for purpose in [Purpose::Treat, Purpose::CoordinationOfCare] {
            let asked = AccessRequest {
                purpose,
                ..world.request(KURUME, KURUME_HOSPITAL, patient, &[SAGA])
            };
            world.ask(&asked);
        }
    });
    *stand.standing.0.lock().unwrap() = Some(status());
    let operator = stand.browser("ops", Holder::Operator);
    let text = operator.get("/operator/map").await.holds(&[
        "<title>Hokkaido</title>",
        "2 asked, 1 permitted",
        "0 asked, 0 permitted",
        "Fukuoka",
        "Tottori",
        "its replica is behind",
        "it cosigned the last checkpoint",
        "href=\"#net-saga\"",
        "id=\"net-saga\"",
    ]);
    assert_eq!(
        text.matches("<circle").count(),
        3,
        "each network has its mark"
    );
    assert_eq!(text.matches("<line").count(), 1);
    assert!(text.contains("class=\"agreed\"") && !text.contains("<script>"));
    assert!(
        !text.contains("style="),
        "the policy forbids styles within pages"
    );
    let text = operator
        .japanese()
        .get("/operator/map")
        .await
        .holds(&["福岡県", "佐賀県"]);
    assert!(!text.contains("[operator-"), "{text}");
}
