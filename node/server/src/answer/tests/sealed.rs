//! Sealed reservations: an answer without what is sealed is, byte by byte, the answer of a patient who never had it.

use super::*;
use crate::testing::{SAGA_HOSPITAL, SAGA_OTHER, STRANGER};
use prost::Message;
use sekisho_domain::{Category, FacilityId, Grant, Outcome, Purpose};
use sekisho_ledger::testing;
use v1::record_request::Record;
use v1::set_reservation::Viewer;

const DAY_MS: u64 = 24 * 60 * 60 * 1000;

fn local(id: &str) -> Option<v1::Patient> {
    let local = v1::patient::Local {
        facility: SAGA_HOSPITAL.to_owned(),
        local_id: id.to_owned(),
    };
    Some(v1::Patient {
        patient: Some(v1::patient::Patient::Local(local)),
    })
}

/// Everybody, everything, from now on.
fn everything(of: &str) -> v1::SetReservation {
    v1::SetReservation {
        patient: local(of),
        viewer: Some(Viewer::Anyone(v1::Everything {})),
        recorded_by: SAGA_HOSPITAL.to_owned(),
        sealed: true,
        ..Default::default()
    }
}

async fn record(node: &Node, id: u8, record: Record) -> Result<v1::RecordReply, NodeError> {
    let request = v1::RecordRequest {
        request_id: vec![id; 16],
        record: Some(record),
    };
    node.operating().record_entry(request, patience()).await
}

/// What the ledger made of it must be that it took effect; its index.
async fn accepted(node: &Node, id: u8, what: Record) -> u64 {
    let reply = record(node, id, what).await.unwrap();
    let outcome = Outcome::try_from(reply.outcome.unwrap()).unwrap();
    assert_eq!(outcome, Outcome::Accepted);
    reply.index
}

/// Saga with the patient's documents 1 to `here` at the hospital and 1 to `there` at the other, and a stranger's chart.
async fn saga(here: u32, there: u32) -> (Setting, Node) {
    let setting = Setting::new();
    (1..=here).for_each(|n| drop(setting.hospital.put(PATIENT, n)));
    (11..=10 + there).for_each(|n| drop(setting.other.put(PATIENT, n)));
    let store = setting.saga_store();
    let stranger = chart(SAGA_HOSPITAL, STRANGER);
    store.subject_or(&stranger, testing::subject(0x77)).unwrap();
    let node = setting.saga_with(store).await;
    (setting, node)
}

async fn bytes_of_find(setting: &Setting, node: &Node) -> (Vec<Vec<u8>>, u64) {
    let record = ask(setting, |_| {});
    let events = find(node, find_of(&record)).await.unwrap();
    let (documents, outcome) = verified(setting, &record, &events);
    let count = documents.len() as u64;
    assert_eq!(outcome, NetworkOutcome::Answered { count });
    let wire = |event| v1::AnswerFindEvent { event: Some(event) };
    let bytes = events.into_iter().map(|e| wire(e).encode_to_vec());
    (bytes.collect(), count)
}

async fn bytes_of_retrieve(setting: &Setting, node: &Node, unique_id: &str) -> Vec<Vec<u8>> {
    let record = ask_for(setting, unique_id);
    let events = retrieve(node, retrieve_of(setting, &record, unique_id))
        .await
        .unwrap();
    let release = node.0.store.transfer(TransferKind::Release, record.index);
    assert_eq!(release.unwrap().is_some(), events.len() > 1);
    let wire = |event| v1::AnswerRetrieveEvent { event: Some(event) };
    events
        .into_iter()
        .map(|e| wire(e).encode_to_vec())
        .collect()
}

/// The newest document at the other hospital, whatever is sealed.
fn at_other(node: &Node) -> String {
    let query = sekisho_documents::Query::of(chart(SAGA_OTHER, PATIENT));
    let page = node.0.index.find(&query).unwrap();
    page.entries[0].unique_id.to_string()
}

#[tokio::test]
async fn an_answer_without_what_is_sealed_is_that_of_a_patient_who_never_had_it() {
    let other_hospital = || v1::SetReservation {
        disclosing_facilities: Some(v1::FacilitySet {
            facilities: vec![SAGA_OTHER.to_owned()],
        }),
        ..everything(PATIENT)
    };
    let from = |viewer| v1::SetReservation {
        viewer: Some(viewer),
        ..other_hospital()
    };
    let practitioner = v1::Practitioner {
        // Who asks in the world's requests, by the pseudonym Kurume's node gave out.
        practitioner: Some(v1::practitioner::Practitioner::Pseudonym(vec![1; 16])),
    };
    let categories = |category: Category| v1::CategorySet {
        categories: vec![category.number().into()],
    };
    let purposes = |purpose: Purpose| v1::PurposeSet {
        purposes: vec![purpose.number().into()],
    };
    let patients = |here, there| (here, there);
    let cases = [
        ("one hospital", other_hospital(), patients(3, 0)),
        (
            "from the network",
            from(Viewer::ViewerNetwork(KURUME.to_owned())),
            patients(3, 0),
        ),
        (
            "from the facility",
            from(Viewer::ViewerFacility(KURUME_HOSPITAL.to_owned())),
            patients(3, 0),
        ),
        (
            "from the practitioner",
            from(Viewer::ViewerPractitioner(practitioner)),
            patients(3, 0),
        ),
        (
            "for the purpose",
            v1::SetReservation {
                purposes: Some(purposes(Purpose::Treat)),
                ..other_hospital()
            },
            patients(3, 0),
        ),
        ("everything", everything(PATIENT), patients(0, 0)),
        (
            "the only category there is",
            v1::SetReservation {
                categories: Some(categories(Category::Prescription)),
                ..everything(PATIENT)
            },
            patients(0, 0),
        ),
    ];
    for (case, sealed, (here, there)) in cases {
        let (setting, node) = saga(3, 2).await;
        let (without, without_node) = saga(here, there).await;
        let sealed_id = at_other(&node);
        accepted(&node, 1, Record::SetReservation(sealed)).await;
        // The same number of entries, about somebody else.
        accepted(
            &without_node,
            1,
            Record::SetReservation(everything(STRANGER)),
        )
        .await;

        let (answer, count) = bytes_of_find(&setting, &node).await;
        let (expected, _) = bytes_of_find(&without, &without_node).await;
        assert_eq!(count, u64::from(here + there), "{case}");
        assert_eq!(answer, expected, "{case}");

        let answer = bytes_of_retrieve(&setting, &node, &sealed_id).await;
        let expected = bytes_of_retrieve(&without, &without_node, &sealed_id).await;
        assert_eq!(answer.len(), 1, "{case}: a statement and nothing else");
        assert_eq!(answer, expected, "{case}");
    }
}

#[tokio::test]
async fn who_is_not_kept_out_sees_all_of_it() {
    let now = Setting::new().ledger.now().0;
    let purposes = |purpose: Purpose| v1::PurposeSet {
        purposes: vec![purpose.number().into()],
    };
    let from = |viewer| v1::SetReservation {
        viewer: Some(viewer),
        ..everything(PATIENT)
    };
    let stranger = v1::Practitioner {
        practitioner: Some(v1::practitioner::Practitioner::Pseudonym(vec![2; 16])),
    };
    let lasting = |from_ms, until_ms| v1::SetReservation {
        period: Some(v1::Period { from_ms, until_ms }),
        ..everything(PATIENT)
    };
    let cases = [
        (
            "another network",
            from(Viewer::ViewerNetwork(TOTTORI.to_owned())),
        ),
        (
            "another facility",
            from(Viewer::ViewerFacility(SAGA_OTHER.to_owned())),
        ),
        (
            "another practitioner",
            from(Viewer::ViewerPractitioner(stranger)),
        ),
        (
            "another purpose",
            v1::SetReservation {
                purposes: Some(purposes(Purpose::BreakGlass)),
                ..everything(PATIENT)
            },
        ),
        (
            "another category",
            v1::SetReservation {
                categories: Some(v1::CategorySet {
                    categories: vec![Category::Imaging.number().into()],
                }),
                ..everything(PATIENT)
            },
        ),
        ("another patient", everything(STRANGER)),
        ("not yet", lasting(now + DAY_MS, None)),
    ];
    for (case, sealed) in cases {
        let (setting, node) = saga(3, 2).await;
        accepted(&node, 1, Record::SetReservation(sealed)).await;
        let (_, count) = bytes_of_find(&setting, &node).await;
        assert_eq!(count, 5, "{case}");
        let got = bytes_of_retrieve(&setting, &node, &at_other(&node)).await;
        assert!(got.len() > 1, "{case}");
    }
}

#[tokio::test]
async fn a_seal_holds_from_its_acceptance_until_it_is_lifted() {
    let (setting, node) = saga(3, 0).await;
    let decided_before = ask(&setting, |_| {});
    setting.ledger.down();
    let failed = record(&node, 1, Record::SetReservation(everything(PATIENT))).await;
    assert!(failed.is_err());
    setting.ledger.up();
    // On disk, but nowhere on the ledger: an officer could not be shown why something is held back.
    assert_eq!(
        node.0.store.seals_of(&setting.saga_subject).unwrap().len(),
        1
    );
    assert_eq!(bytes_of_find(&setting, &node).await.1, 3);

    setting.ledger.mute();
    let unknown = record(&node, 1, Record::SetReservation(everything(PATIENT))).await;
    assert!(unknown.is_err(), "the answer was lost");
    setting.ledger.up();
    assert_eq!(
        bytes_of_find(&setting, &node).await.1,
        0,
        "the ledger has it"
    );
    let seal = accepted(&node, 1, Record::SetReservation(everything(PATIENT))).await;
    assert_eq!(
        node.0.store.seals_of(&setting.saga_subject).unwrap().len(),
        1
    );

    // Also for what was permitted before and not answered yet.
    let events = find(&node, find_of(&decided_before)).await.unwrap();
    assert_eq!(verified(&setting, &decided_before, &events).0, []);

    let listed = node
        .operating()
        .seals_of(v1::SealedReservationsRequest {
            patient: local(PATIENT),
        })
        .await
        .unwrap();
    let [known] = &listed.reservations[..] else {
        panic!("{listed:?}")
    };
    assert_eq!((known.seal, known.lifted), (Some(seal), false));
    let unseal = v1::ReservationUnseal { seal };
    accepted(&node, 2, Record::UnsealReservation(unseal)).await;
    assert_eq!(bytes_of_find(&setting, &node).await.1, 3);
    let wrong = v1::ReservationUnseal { seal: 0 };
    let refused = record(&node, 3, Record::UnsealReservation(wrong))
        .await
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "there is no sealed reservation of this network at index 0"
    );
}

#[tokio::test]
async fn a_seal_ends_with_its_period() {
    let (setting, node) = saga(3, 0).await;
    let until_ms = setting.ledger.now().0 + DAY_MS;
    let sealed = v1::SetReservation {
        period: Some(v1::Period {
            from_ms: 0,
            until_ms: Some(until_ms),
        }),
        ..everything(PATIENT)
    };
    accepted(&node, 1, Record::SetReservation(sealed)).await;
    assert_eq!(bytes_of_find(&setting, &node).await.1, 0);
    setting
        .ledger
        .with(|world| world.time = sekisho_domain::TimeMs(until_ms));
    assert_eq!(bytes_of_find(&setting, &node).await.1, 3);
}

#[tokio::test]
async fn the_ledger_gets_a_commitment_that_only_the_node_can_open() {
    let (setting, node) = saga(1, 0).await;
    let seal = accepted(&node, 1, Record::SetReservation(everything(PATIENT))).await;
    let body = setting.ledger.bodies()[usize::try_from(seal).unwrap()].clone();
    let Body::ReservationSeal { sealed } = body else {
        panic!("{body:?}")
    };
    let opened = node
        .operating()
        .opened_seal(v1::OpenSealRequest { seal }, patience())
        .await
        .unwrap();
    let salt = Salt::from_bytes(opened.salt.clone().try_into().unwrap());
    assert_eq!(commit(&salt, commitments::SEALED, &opened.value), sealed);
    let reservation = opened.reservation.unwrap();
    assert_eq!(reservation.encode_to_vec(), opened.value);
    assert_eq!(reservation.subject, setting.saga_subject.0);
    // An officer checks the receipt against the founding file alone.
    let genesis = setting.ledger.with(|world| world.genesis.clone());
    let receipt = sekisho_ledger::tlog::Receipt::parse(opened.receipt.as_bytes()).unwrap();
    let verified = receipt.verify(&genesis, &Default::default()).unwrap();
    assert_eq!(verified.leaf().entry.body, Body::ReservationSeal { sealed });

    // Never by itself: not in the bundle of an access it bears on.
    let record = ask(&setting, |_| {});
    let bundle = node.operating().bundle_of(record.index, patience()).await;
    let bundle = bundle.unwrap().bundle;
    let holds = |bytes: &[u8]| bundle.windows(bytes.len()).any(|w| w == bytes);
    assert!(!holds(&opened.salt) && !holds(&sealed.0));
    let none = v1::OpenSealRequest {
        seal: record.index.0,
    };
    let refused = node
        .operating()
        .opened_seal(none, patience())
        .await
        .unwrap_err();
    assert!(
        matches!(refused, NodeError::NotOnLedger { .. }),
        "{refused}"
    );
}

#[tokio::test]
async fn what_cannot_be_sealed_is_told_before_anything_is_signed() {
    let (setting, node) = saga(1, 0).await;
    let size = setting.ledger.bodies().len();
    let now = setting.ledger.now().0;
    let cases = [
        (
            "a facility of another network",
            v1::SetReservation {
                recorded_by: KURUME_HOSPITAL.to_owned(),
                ..everything(PATIENT)
            },
        ),
        (
            "a period that is over",
            v1::SetReservation {
                period: Some(v1::Period {
                    from_ms: now - DAY_MS,
                    until_ms: Some(now - 1),
                }),
                ..everything(PATIENT)
            },
        ),
        (
            "nobody's proxy",
            v1::SetReservation {
                proxy: Some(0),
                ..everything(PATIENT)
            },
        ),
        (
            "from nobody",
            v1::SetReservation {
                viewer: None,
                ..everything(PATIENT)
            },
        ),
    ];
    for (case, sealed) in cases {
        let refused = record(&node, 1, Record::SetReservation(sealed))
            .await
            .unwrap_err();
        assert_eq!(
            refused.code(),
            sekisho_proto::ErrorCode::Invalid,
            "{case}: {refused}"
        );
        assert_eq!(setting.ledger.bodies().len(), size, "{case}");
        assert!(
            node.0
                .store
                .seals_of(&setting.saga_subject)
                .unwrap()
                .is_empty(),
            "{case}"
        );
    }
}

#[tokio::test]
async fn it_binds_the_networks_own_people_and_yields_to_a_law() {
    let (setting, node) = saga(2, 1).await;
    let by_law = Grant {
        purposes: [Purpose::PublicHealth].into(),
        ..testing::grant(SAGA, KURUME, sekisho_domain::ConsentRule::NotNeeded)
    };
    setting.ledger.with(|world| {
        world.consent_to_visit(SAGA, setting.saga_subject, SAGA_HOSPITAL);
        world.agree("saga-kurume-law", vec![by_law]);
    });
    let asked_at_home = || {
        let index = setting.ledger.with(|world| {
            let request = world.request(SAGA, SAGA_HOSPITAL, setting.saga_subject, &[SAGA]);
            world.ask(&request).0
        });
        setting.ledger.access(index)
    };
    let at_home = async |record: &AccessRecord| {
        let disclosing = node.disclosing();
        let question = disclosing.find(network(SAGA), find_of(record), patience());
        let events = all(question.await.unwrap()).await;
        let events: Vec<_> = events.into_iter().map(|e| e.event.unwrap()).collect();
        verified(&setting, record, &events).0
    };
    assert_eq!(at_home(&asked_at_home()).await.len(), 3);
    accepted(&node, 1, Record::SetReservation(everything(PATIENT))).await;
    assert_eq!(at_home(&asked_at_home()).await, []);

    let record = ask(&setting, |request| {
        request.purpose = Purpose::PublicHealth;
        request.grounds =
            sekisho_domain::Grounds::Law(sekisho_domain::LegalBasis::InfectiousDiseases);
    });
    let events = find(&node, find_of(&record)).await.unwrap();
    let (documents, _) = verified(&setting, &record, &events);
    let facilities: Vec<FacilityId> = documents
        .iter()
        .map(|d| d.facility.parse().unwrap())
        .collect();
    assert_eq!(
        facilities.len(),
        3,
        "no reservation stands in the way of a law"
    );
}

#[tokio::test]
async fn who_is_not_permitted_learns_nothing_of_a_seal_or_of_an_erasure() {
    let mut told = Vec::new();
    for case in ["as it was", "sealed", "erased"] {
        let (setting, node) = saga(3, 2).await;
        match case {
            "sealed" => {
                accepted(&node, 1, Record::SetReservation(everything(PATIENT))).await;
            }
            "erased" => {
                let erase = v1::EraseSubjectRequest {
                    patient: local(PATIENT),
                    request_id: vec![1; 16],
                    withdraw_first: None,
                };
                node.operating().erase(erase, patience()).await.unwrap();
            }
            _ => {}
        }
        let good = ask_for(&setting, &at_other(&node));
        // Kurume has no grant to break the glass.
        let denied = ask(&setting, |request| {
            request.purpose = Purpose::BreakGlass;
            request.grounds =
                sekisho_domain::Grounds::Emergency(sekisho_domain::EmergencyReason::NoTime);
        });
        let disclosing = node.disclosing();
        let wanted = |record: &AccessRecord| retrieve_of(&setting, record, &at_other(&node));
        let elsewhere = disclosing.retrieve(network(TOTTORI), wanted(&good), patience());
        told.push(elsewhere.await.unwrap_err().status());
        let forged = v1::AnswerRetrieveRequest {
            salt: vec![0; 32],
            ..wanted(&good)
        };
        let forged = disclosing.retrieve(network(KURUME), forged, patience());
        told.push(forged.await.unwrap_err().status());
        let refused = disclosing.find(network(KURUME), find_of(&denied), patience());
        told.push(refused.await.unwrap_err().status());
    }
    let mut told: Vec<_> = told.iter().map(|status| format!("{status:?}")).collect();
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
}
