//! Looking for a patient in another network: over the real core, two nodes, and a broker that may lie.

use super::*;
use crate::testing::{HANAKO, Person, SAGA_HOSPITAL, SAGA_OTHER, TARO, chart};
use prost::Message;
use sekisho_domain::{
    Category, Disaster, DisasterConsent, DisasterId, Grounds, Period, Reservation, ViewerSelector,
};
use v1::patient_finding::Finding;
use v1::search_event::Event;

fn search(person: &Person) -> v1::SearchRequest {
    v1::SearchRequest {
        patient: patient(),
        person: Some(person.said()),
        practitioner: "dr-7".to_owned(),
        role: 1,
        facility: KURUME_HOSPITAL.to_owned(),
        purpose: 1,
        targets: vec![SAGA.to_owned()],
        ..Default::default()
    }
}

async fn case(people: &[(&str, &str, Person)]) -> Case {
    let setting = Setting::new();
    for (facility, id, person) in people {
        let storage = match *facility {
            SAGA_OTHER => &setting.other,
            _ => &setting.hospital,
        };
        storage.put_person(id, person);
    }
    let saga = setting.saga().await;
    let broker = TamperingBroker::new(&setting.ledger, saga.disclosing());
    let kurume = setting.kurume(broker.channel().await).await;
    Case {
        setting,
        saga,
        kurume,
        broker,
    }
}

impl Case {
    async fn search(&self, request: v1::SearchRequest) -> Vec<Event> {
        let stream = super::super::search::search(Arc::clone(&self.kurume.0), request, patience());
        let events = all(stream.await.unwrap()).await;
        events.into_iter().map(|e| e.event.unwrap()).collect()
    }

    /// What Saga ended in.
    async fn saga_said(&self, request: v1::SearchRequest) -> (NetworkOutcome, Option<Finding>) {
        let events = self.search(request).await;
        let summary = events.last().unwrap();
        assert!(
            matches!(summary, Event::Summary(s) if s.asked == s.outcomes.iter().map(|o| o.networks).sum::<u32>()),
            "{summary:?}"
        );
        let mut ends = events.into_iter().filter_map(|event| match event {
            Event::End(end) if end.network == SAGA => Some(end),
            _ => None,
        });
        let end = ends.next().unwrap();
        assert!(ends.next().is_none(), "one end");
        let outcome = end.outcome.unwrap().try_into().unwrap();
        (outcome, end.finding.and_then(|f| f.finding))
    }

    async fn found(&self, person: &Person) -> Option<Finding> {
        self.saga_said(search(person)).await.1
    }
}

const ONE: NetworkOutcome = NetworkOutcome::Answered { count: 1 };

#[tokio::test]
async fn who_is_looked_for_is_found_by_what_is_known_and_by_a_card() {
    let case = case(&[(SAGA_HOSPITAL, PATIENT, TARO), (SAGA_OTHER, PATIENT, TARO)]).await;
    let (outcome, found) = case.saga_said(search(&TARO)).await;
    let Some(Finding::One(one)) = found else {
        panic!("{outcome:?} {found:?}")
    };
    assert_eq!(outcome, ONE);
    assert_eq!(one.subject, case.setting.saga_subject.0.to_vec());
    assert!(one.certain, "the insured number with its branch: {one:?}");
    assert!(one.agreed.iter().any(|a| a.item == "insured"));
    // The disclosing side remembers that a link may follow, and nothing of who was looked for.
    let proposals = case.saga.0.store.proposals().unwrap();
    assert_eq!(proposals.len(), 1);
    let (own, other, _) = &proposals[0];
    assert_eq!(
        (*own, other.subject),
        (case.setting.saga_subject, case.setting.kurume_subject)
    );

    let request = v1::IssueCardRequest {
        patient: Some(v1::Patient {
            patient: Some(v1::patient::Patient::Subject(
                case.setting.saga_subject.0.to_vec(),
            )),
        }),
    };
    let card = super::super::people::card(&case.saga.0, request.clone())
        .await
        .unwrap()
        .card;
    let shown = |card: String| v1::SearchRequest {
        person: None,
        card: Some(card),
        targets: Vec::new(),
        ..search(&TARO)
    };
    let (outcome, found) = case.saga_said(shown(card.clone())).await;
    assert!(
        matches!(found, Some(Finding::One(one)) if one.certain),
        "{outcome:?}"
    );
    // Another card takes its place.
    let next = super::super::people::card(&case.saga.0, request)
        .await
        .unwrap()
        .card;
    assert_eq!(
        case.saga_said(shown(card)).await.0,
        NetworkOutcome::PatientUnknown
    );
    assert_eq!(case.saga_said(shown(next)).await.0, ONE);
}

#[tokio::test]
async fn who_may_not_be_seen_is_not_there() {
    let case = case(&[
        (SAGA_HOSPITAL, PATIENT, TARO),
        (SAGA_HOSPITAL, "00000077", HANAKO),
    ])
    .await;
    assert!(matches!(case.found(&TARO).await, Some(Finding::One(_))));
    let nobody = Person {
        kanji: "YAMADA^ICHIRO",
        kana: "ﾔﾏﾀﾞ^ｲﾁﾛｳ",
        birth: "19610101",
        phone: "0952-00-9999",
        insured: ["06410001", "9", "99", "01"],
        ..TARO
    };
    let unknown = case.saga_said(search(&nobody)).await;
    assert_eq!(unknown, (NetworkOutcome::PatientUnknown, None));
    let mut reserved = Reservation {
        network: network(SAGA),
        subject: case.setting.saga_subject,
        viewer: ViewerSelector::Network(network(KURUME)),
        disclosing_facilities: None,
        categories: None,
        purposes: None,
        proxy: None,
        period: Period {
            from: case.setting.ledger.now(),
            until: None,
        },
        recorded_by: SAGA_HOSPITAL.parse().unwrap(),
    };
    // What concerns other documents changes nothing.
    reserved.categories = Some([Category::Infection].into());
    let body = Body::ReservationSet(reserved.clone());
    case.setting.ledger.with(|world| world.accept(SAGA, body));
    assert!(matches!(case.found(&TARO).await, Some(Finding::One(_))));
    reserved.categories = None;
    let body = Body::ReservationSet(reserved);
    case.setting.ledger.with(|world| world.accept(SAGA, body));
    assert_eq!(case.saga_said(search(&TARO)).await, unknown);
    // And makes nobody else one of several.
    assert_eq!(case.saga.0.store.proposals().unwrap().len(), 1);
}

#[tokio::test]
async fn a_carrier_that_alters_keeps_or_swaps_letters_finds_nobody_a_patient() {
    let case = case(&[(SAGA_HOSPITAL, PATIENT, TARO)]).await;
    let kept = Arc::new(std::sync::Mutex::new(None::<v1::Envelope>));
    type Change = Box<dyn Fn(&mut v1::NetworkEnd) + Send + Sync>;
    let keep = Arc::clone(&kept);
    let swap = Arc::clone(&kept);
    let changes: [(&str, Change); 5] = [
        (
            "alters",
            Box::new(|end| {
                if let Some(reply) = &mut end.statement {
                    *reply.payload.last_mut().unwrap() ^= 1;
                }
            }),
        ),
        ("leaves out", Box::new(|end| end.statement = None)),
        (
            "says nobody",
            Box::new(|end| {
                end.outcome = Some((&NetworkOutcome::PatientUnknown).into());
            }),
        ),
        (
            "keeps",
            Box::new(move |end| {
                *keep.lock().unwrap() = end.statement.clone();
            }),
        ),
        (
            "gives what was kept",
            Box::new(move |end| {
                end.statement = swap.lock().unwrap().clone();
            }),
        ),
    ];
    for (name, change) in changes {
        case.broker.tamper_searches(move |mut events| {
            for event in &mut events {
                if let Some(v1::find_patients_event::Event::End(end)) = &mut event.event {
                    change(end);
                }
            }
            events
        });
        let (outcome, found) = case.saga_said(search(&TARO)).await;
        let honest = name == "keeps";
        assert_eq!(outcome == ONE, honest, "{name}: {outcome:?}");
        assert_eq!(found.is_some(), honest, "{name}");
        if !honest {
            assert_eq!(outcome, NetworkOutcome::Malformed, "{name}");
        }
    }
}

#[tokio::test]
async fn a_key_that_is_none_and_a_broker_that_stops_end_a_network_and_not_the_search() {
    let case = case(&[(SAGA_HOSPITAL, PATIENT, TARO)]).await;
    let saga = Arc::clone(&case.saga.0);
    case.broker.tamper_searches(move |mut events| {
        for event in &mut events {
            if let Some(v1::find_patients_event::Event::End(end)) = &mut event.event
                && let Some(said) = &mut end.statement
                && let Ok(key) = v1::SealingKey::decode(said.payload.as_slice())
            {
                let key = sekisho_ledger::sealed::SealingKey {
                    ledger: saga.ledger_id,
                    request_id: key.request_id.as_slice().try_into().unwrap(),
                    network: network(SAGA),
                    public_key: [0; 32],
                };
                *said = key.sign(&saga.key);
            }
        }
        events
    });
    let said = case.saga_said(search(&TARO)).await;
    assert_eq!(said, (NetworkOutcome::Malformed, None));
    let calls = std::sync::atomic::AtomicUsize::new(0);
    case.broker.tamper_searches(move |events| {
        let first = calls.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0;
        if first { events } else { Vec::new() }
    });
    let said = case.saga_said(search(&TARO)).await;
    assert_eq!(said, (NetworkOutcome::Unreachable, None));
}

#[test]
fn who_is_found_has_a_pseudonym_or_is_not_believed() {
    let of = |subject: &[u8]| v1::FoundPatient {
        subject: subject.to_vec(),
        ..Default::default()
    };
    let possible = |patients: &[v1::FoundPatient]| {
        let patients = patients.to_vec();
        Finding::Possible(v1::PossiblePatients { patients })
    };
    let subjects = |finding: &Finding| super::super::search::subjects(&network(SAGA), finding);
    let good = of(&[7; 16]);
    let found = subjects(&possible(std::slice::from_ref(&good))).unwrap();
    assert_eq!(found[0].0.subject.0, [7; 16]);
    assert!(subjects(&possible(&[good.clone(), of(&[7; 15])])).is_none());
    assert!(subjects(&Finding::One(of(&[]))).is_none());
    assert!(subjects(&Finding::One(good)).is_some());
}

#[tokio::test]
async fn whom_no_letter_can_hold_is_said_before_anything_is_signed() {
    let case = case(&[(SAGA_HOSPITAL, PATIENT, TARO)]).await;
    let mut person = TARO.said();
    person.addresses = vec![
        v1::PersonAddress {
            postal: "8400001".to_owned(),
            text: "長".repeat(250),
        };
        4
    ];
    let request = v1::SearchRequest {
        person: Some(person),
        ..search(&TARO)
    };
    let size = case.setting.ledger.bodies().len();
    let refused = super::super::search::search(Arc::clone(&case.kurume.0), request, patience());
    let refused = refused.await.err().unwrap();
    assert!(refused.to_string().contains("letter"), "{refused}");
    assert_eq!(
        case.setting.ledger.bodies().len(),
        size,
        "nothing is on the ledger"
    );
}

#[tokio::test]
async fn a_search_is_no_leave_to_see_documents() {
    let case = case(&[(SAGA_HOSPITAL, PATIENT, TARO)]).await;
    let events = case.search(search(&TARO)).await;
    let Event::Decided(decided) = &events[0] else {
        panic!()
    };
    let access = case.setting.ledger.access(EntryIndex(decided.index));
    let ask = v1::AnswerFindRequest {
        access: decided.index,
        request_id: access.request_id.0.to_vec(),
        filter: None,
    };
    let refused = case
        .saga
        .disclosing()
        .find(network(KURUME), ask, patience())
        .await;
    assert!(matches!(refused.err(), Some(NodeError::Forbidden)));
    // Nor is a search answered to another network, or without the key that was given for it.
    let ask = v1::AnswerPatientsRequest {
        access: decided.index,
        request_id: access.request_id.0.to_vec(),
        letter: None,
    };
    let disclosing = case.saga.disclosing();
    let other = disclosing
        .patients(network(TOTTORI), ask.clone(), patience())
        .await;
    assert!(matches!(other.err(), Some(NodeError::Forbidden)));
    assert!(
        disclosing
            .patients(network(KURUME), ask, patience())
            .await
            .is_ok()
    );
}

#[tokio::test]
async fn in_a_disaster_it_is_told_who_it_may_be_without_consent() {
    let case = case(&[
        (SAGA_HOSPITAL, PATIENT, TARO),
        (SAGA_OTHER, "00000077", HANAKO),
    ])
    .await;
    // An agreement for disasters, and a declaration.
    let declaration = case.setting.ledger.with(|world| {
        use sekisho_domain::{ConsentRule, DisasterKind, Purpose};
        let mut grant = sekisho_ledger::testing::grant(SAGA, KURUME, ConsentRule::NotNeeded);
        grant.purposes = [Purpose::Disaster].into();
        world.agree("disaster", vec![grant]);
        world.authority("kyushu", &["40", "41"]);
        let disaster = Disaster {
            kind: DisasterKind::ALL[0],
            area: [sekisho_ledger::testing::area("41")].into(),
            from: world.time,
            until: world.time.plus_ms(3_600_000),
            drill: false,
        };
        DisasterId(world.accept("kyushu", Body::DisasterDeclare(disaster)))
    });
    let grounds = Grounds::Disaster {
        declaration,
        consent: DisasterConsent::NotPossible,
    };
    let Some(v1::access_request::Grounds::Disaster(grounds)) = Some(grounds.into()) else {
        panic!()
    };
    // What was heard: kana alone, a slip in the birth date, the town.
    let heard = v1::Demographics {
        kanji: None,
        kana: Some(v1::PersonName {
            family: "セキショ".to_owned(),
            given: "タロー".to_owned(),
        }),
        birth: "19480504".to_owned(),
        sex: "M".to_owned(),
        addresses: vec![v1::PersonAddress {
            postal: String::new(),
            text: "佐賀県佐賀市".to_owned(),
        }],
        ..Default::default()
    };
    let request = v1::SearchRequest {
        person: Some(heard),
        purpose: sekisho_domain::Purpose::Disaster.number().into(),
        grounds: Some(v1::search_request::Grounds::Disaster(grounds)),
        ..search(&TARO)
    };
    let (outcome, found) = case.saga_said(request).await;
    let Some(Finding::Possible(possible)) = found else {
        panic!("{outcome:?} {found:?}")
    };
    assert_eq!(
        possible.patients[0].subject,
        case.setting.saga_subject.0.to_vec()
    );
    // A person here links somebody of the list only with another one.
    let link = |by: &[&str], n: u8| v1::RecordRequest {
        request_id: vec![n; 16],
        record: Some(v1::record_request::Record::LinkSubject(v1::LinkSubject {
            patient: patient(),
            other: Some(v1::SubjectRef {
                network: SAGA.to_owned(),
                subject: possible.patients[0].subject.clone(),
            }),
            confirmed_by: by.iter().map(|who| (*who).to_owned()).collect(),
        })),
    };
    for (n, by) in [&[][..], &["dr-7"], &["dr-7", " dr-7 "], &["dr-7", ""]]
        .iter()
        .enumerate()
    {
        let refused = case.record(link(by, n as u8)).await.unwrap_err();
        assert!(
            matches!(refused, NodeError::SecondPerson),
            "{by:?}: {refused}"
        );
    }
    // They are linked already in this town, so the ledger has nothing to add; the node lets it through.
    assert!(case.record(link(&["dr-7", "nurse-2"], 9)).await.is_ok());
    let store = &case.saga.0.store;
    // His sister has no pseudonym unless she was told of.
    let sister = store.subject_of(&chart(SAGA_OTHER, "00000077")).unwrap();
    assert_eq!(sister.is_some(), possible.patients.len() > 1);
    assert!(
        store
            .proposals()
            .unwrap()
            .iter()
            .all(|(_, _, p)| p.disaster)
    );
}

#[tokio::test]
async fn a_link_that_was_found_surely_is_said_by_both_without_anybody_here() {
    let case = case(&[(SAGA_HOSPITAL, "00000077", HANAKO)]).await;
    // Hanako comes to Kurume: another chart, another pseudonym, a consent to the visit.
    let here = v1::patient::Local {
        facility: KURUME_HOSPITAL.to_owned(),
        local_id: "K-2".to_owned(),
    };
    let hanako = Some(v1::Patient {
        patient: Some(v1::patient::Patient::Local(here)),
    });
    let made = case
        .kurume
        .operating()
        .subject_of(v1::SubjectRequest {
            patient: hanako.clone(),
            create: true,
        })
        .await
        .unwrap();
    let own = SubjectId::try_from(made.subject.as_slice()).unwrap();
    let at = KURUME_HOSPITAL;
    case.setting
        .ledger
        .with(|world| world.consent_to_visit(KURUME, own, at));
    let request = v1::SearchRequest {
        patient: hanako.clone(),
        ..search(&HANAKO)
    };
    let (outcome, found) = case.saga_said(request).await;
    let Some(Finding::One(one)) = found else {
        panic!("{outcome:?}")
    };
    let link = v1::LinkSubject {
        patient: hanako,
        other: Some(v1::SubjectRef {
            network: SAGA.to_owned(),
            subject: one.subject.clone(),
        }),
        confirmed_by: Vec::new(),
    };
    let record = v1::RecordRequest {
        request_id: vec![9; 16],
        record: Some(v1::record_request::Record::LinkSubject(link)),
    };
    case.record(record).await.unwrap();
    let asking = sekisho_domain::SubjectRef {
        network: network(KURUME),
        subject: own,
    };
    until(async || {
        case.setting.ledger.with(|world| {
            let view = sekisho_ledger::View(&world.state);
            view.linked(&asking, &network(SAGA)).unwrap().is_some()
        })
    })
    .await;
}
