//! Asking on other grounds than consent, and who is named as asking.

use super::*;
use sekisho_domain::{
    ConsentRule, Decision, Disaster, DisasterConsent, DisasterId, DisasterKind, EmergencyReason,
    FacilitySelector, Footing, Grant, Grounds, KeyPurpose, LegalBasis, PractitionerId, Purpose,
    Scope, Side, TimeMs,
};
use sekisho_ledger::testing;

/// Saga lets Kurume's physicians see everything for one purpose that does not rest on consent.
fn granted(case: &Case, purpose: Purpose) {
    let grant = Grant {
        purposes: [purpose].into(),
        ..testing::grant(SAGA, KURUME, ConsentRule::NotNeeded)
    };
    let id = format!("saga-kurume-{}", purpose.number());
    case.setting
        .ledger
        .with(|world| world.agree(&id, vec![grant]));
}

fn find_for(purpose: Purpose, grounds: v1::find_request::Grounds) -> v1::FindRequest {
    v1::FindRequest {
        purpose: purpose.number().into(),
        grounds: Some(grounds),
        targets: vec![SAGA.to_owned()],
        ..find()
    }
}

/// What the operator is told the permit stands on, and the request as the ledger has it.
async fn asked(
    case: &Case,
    request: v1::FindRequest,
) -> (Footing, sekisho_domain::AccessRecord, usize) {
    let events = case.find(request).await.unwrap();
    let Found::Decided(decided) = &events[0] else {
        panic!("{events:?}")
    };
    let footing = events.iter().find_map(|event| match event {
        Found::End(end) => Footing::from_number(end.footing.into()).ok(),
        _ => None,
    });
    let record = case.setting.ledger.access(EntryIndex(decided.index));
    let Decision::Permit(terms) = &record.decisions[0].1 else {
        panic!("{:?}", record.decisions)
    };
    assert_eq!(footing, Some(terms.footing));
    (terms.footing, record, documents(&events).len())
}

#[tokio::test]
async fn the_glass_is_broken_for_a_reason_and_a_law_is_named() {
    use v1::find_request::Grounds as Wire;
    let case = Case::new().await;
    granted(&case, Purpose::BreakGlass);
    granted(&case, Purpose::PublicHealth);
    case.setting.ledger.with(|world| {
        // Without any consent.
        let consent = sekisho_ledger::View(&world.state)
            .consents_of(
                &network(KURUME),
                &case.setting.kurume_subject,
                Side::Viewing,
            )
            .unwrap();
        world.accept(
            KURUME,
            Body::ConsentWithdraw {
                consent: sekisho_domain::ConsentId(consent[0].granted),
                way: sekisho_domain::Withdrawal::Written,
                recorded_by: testing::facility(crate::testing::KURUME_HOSPITAL),
                evidence: sekisho_domain::Commitment([1; 32]),
            },
        );
    });
    assert_eq!(case.documents().await, []);
    let reason = Wire::Emergency(EmergencyReason::Unconscious.number().into());
    let (footing, record, count) = asked(&case, find_for(Purpose::BreakGlass, reason)).await;
    assert_eq!((footing, count), (Footing::BreakGlass, 3));
    let grounds = Grounds::Emergency(EmergencyReason::Unconscious);
    assert_eq!(record.request.grounds, grounds);

    let law = Wire::Law(LegalBasis::InfectiousDiseases.number().into());
    let (footing, record, count) = asked(&case, find_for(Purpose::PublicHealth, law)).await;
    assert_eq!((footing, count), (Footing::Law, 3));
    let grounds = Grounds::Law(LegalBasis::InfectiousDiseases);
    assert_eq!(record.request.grounds, grounds);

    // The document itself, on the same grounds.
    let reason = v1::retrieve_request::Grounds::Emergency(EmergencyReason::NoTime.number().into());
    let unique_id = {
        let law = Wire::Law(LegalBasis::InfectiousDiseases.number().into());
        let found = case
            .find(find_for(Purpose::PublicHealth, law))
            .await
            .unwrap();
        documents(&found)[0].unique_id.clone()
    };
    let request = v1::RetrieveRequest {
        purpose: Purpose::BreakGlass.number().into(),
        grounds: Some(reason),
        ..retrieve(&unique_id)
    };
    let got = case.retrieve(request).await.unwrap();
    let Some(Got::End(end)) = got.last() else {
        panic!("{got:?}")
    };
    assert_eq!(end.footing, i32::from(Footing::BreakGlass.number()));
    assert!(got.iter().any(|event| matches!(event, Got::Header(_))));
}

#[tokio::test]
async fn a_drill_is_marked_as_one() {
    let case = Case::new().await;
    granted(&case, Purpose::Disaster);
    let declared = |drill| {
        case.setting.ledger.with(|world| {
            let disaster = Disaster {
                kind: DisasterKind::Flood,
                area: ["40".parse().unwrap()].into(),
                from: world.time,
                until: TimeMs(world.time.0 + Disaster::PERIOD_MS_MAX),
                drill,
            };
            world
                .accept("fukuoka-pref", Body::DisasterDeclare(disaster))
                .0
        })
    };
    case.setting.ledger.with(|world| {
        for member in [SAGA, KURUME] {
            let admit = Body::AuthorityAdmit {
                authority: network("fukuoka-pref"),
                name: "県防災".to_owned(),
                key: testing::key("fukuoka-pref", KeyPurpose::Authority).public_key(),
                prefectures: ["40".parse().unwrap()].into(),
            };
            world.accept(member, admit);
        }
        world.policy(SAGA, Some(Scope::AllFacilities), Some(Scope::EachFacility));
        let (subject, at) = (case.setting.saga_subject, crate::testing::SAGA_HOSPITAL);
        let side = Side::Disclosing;
        let mut consent = world.consent(SAGA, subject, side, at, FacilitySelector::All);
        consent.purposes = Some([Purpose::Treat, Purpose::Disaster].into());
        world.accept(SAGA, Body::ConsentGrant(consent));
    });
    for (drill, expected) in [(true, Footing::DisasterDrill), (false, Footing::Disaster)] {
        let declaration = declared(drill);
        let disaster = v1::find_request::Grounds::Disaster(v1::DisasterGrounds {
            declaration,
            consent: DisasterConsent::Oral.number().into(),
        });
        let (footing, record, count) = asked(&case, find_for(Purpose::Disaster, disaster)).await;
        assert_eq!((footing, count), (expected, 3));
        let grounds = Grounds::Disaster {
            declaration: DisasterId(EntryIndex(declaration)),
            consent: DisasterConsent::Oral,
        };
        assert_eq!(record.request.grounds, grounds);
    }
}

#[tokio::test]
async fn grounds_that_do_not_fit_are_told_before_anything_is_signed() {
    let case = Case::new().await;
    let size = case.setting.ledger.bodies().len();
    let emergency = v1::find_request::Grounds::Emergency(1);
    let cases = [
        v1::FindRequest {
            purpose: Purpose::BreakGlass.number().into(),
            ..find()
        },
        find_for(Purpose::Treat, emergency),
        find_for(
            Purpose::BreakGlass,
            v1::find_request::Grounds::Emergency(99),
        ),
    ];
    for request in cases {
        let refused = case.find(request).await.unwrap_err();
        assert_eq!(refused.code(), ErrorCode::Invalid, "{refused}");
    }
    let request = v1::RetrieveRequest {
        purpose: Purpose::Legal.number().into(),
        ..retrieve("urn:uuid:00000000-0000-8000-8000-000000000000")
    };
    let refused = case.retrieve(request).await.unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the purpose HLEGAL rests on a law, the request gives the patient's consent"
    );
    assert_eq!(case.setting.ledger.bodies().len(), size);
    assert_eq!(case.kurume.0.store.practitioner_of("dr-7").unwrap(), None);
}

#[tokio::test]
async fn who_asks_has_one_pseudonym_that_only_the_own_node_can_read() {
    use v1::practitioner::Practitioner as Wire;
    let case = Case::new().await;
    let ask = |practitioner, create| {
        let operating = case.kurume.operating();
        async move {
            let request = v1::PractitionerRequest {
                practitioner: Some(v1::Practitioner {
                    practitioner: Some(practitioner),
                }),
                create,
            };
            operating.practitioner_of(request).await
        }
    };
    let local = || Wire::LocalId("dr-7".to_owned());
    let unknown = ask(local(), false).await.unwrap_err();
    assert_eq!(unknown.code(), ErrorCode::NotFound);

    let mut ids = Vec::new();
    for _ in 0..2 {
        let events = case.find(find()).await.unwrap();
        let Found::Decided(decided) = &events[0] else {
            panic!("{events:?}")
        };
        let record = case.setting.ledger.access(EntryIndex(decided.index));
        ids.push(record.request.practitioner_id);
    }
    assert_eq!(ids[0], ids[1]);
    let known = ask(local(), false).await.unwrap();
    assert_eq!(
        (known.pseudonym.as_slice(), known.created),
        (ids[0].0.as_slice(), false)
    );
    let back = ask(Wire::Pseudonym(ids[0].0.to_vec()), false)
        .await
        .unwrap();
    assert_eq!(back.local_id, "dr-7");
    let made = ask(Wire::LocalId("dr-8".to_owned()), true).await.unwrap();
    assert!(made.created && made.pseudonym != known.pseudonym);
    let stranger = ask(Wire::Pseudonym(vec![9; PractitionerId::LEN]), true).await;
    assert_eq!(stranger.unwrap_err().code(), ErrorCode::NotFound);
    // Another network's node cannot read it.
    let saga = case.saga.operating();
    let request = v1::PractitionerRequest {
        practitioner: Some(v1::Practitioner {
            practitioner: Some(Wire::Pseudonym(ids[0].0.to_vec())),
        }),
        create: false,
    };
    let refused = saga.practitioner_of(request).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::NotFound);
}
