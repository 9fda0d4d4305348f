//! Asking which documents there are.

use super::record::grant;
use super::*;
use prost::Message as _;
use v1::find_documents_event::Event as Sent;

#[tokio::test]
async fn every_member_is_asked_and_each_outcome_is_the_true_one() {
    let case = Case::new().await;
    let events = case.find(find()).await.unwrap();
    let Found::Decided(decided) = &events[0] else {
        panic!("{:?}", events[0])
    };
    assert_eq!(decided.decisions.len(), 3, "all members");
    let mut outcomes = outcomes(&events);
    outcomes.sort_by(|a, b| a.0.cmp(&b.0));
    let codes: Vec<_> = outcomes
        .iter()
        .map(|(n, o)| (n.as_str(), o.code()))
        .collect();
    // Kurume asks itself too; this broker knows no node of it and leaves it open.
    assert_eq!(
        codes,
        [
            (KURUME, "malformed"),
            (SAGA, "answered"),
            (TOTTORI, "denied")
        ]
    );
    assert_eq!(documents(&events).len(), 3);
    let Some(Found::Summary(summary)) = events.last() else {
        panic!("the summary comes last")
    };
    assert_eq!(
        summary.asked,
        summary.outcomes.iter().map(|o| o.networks).sum::<u32>()
    );
    let access = case.setting.ledger.access(EntryIndex(decided.index));
    let opened = case
        .kurume
        .0
        .store
        .opening(&access.request.practitioner)
        .unwrap()
        .unwrap();
    assert_eq!(
        (opened.label(), opened.value()),
        ("practitioner", b"dr-7".as_slice())
    );
}

#[tokio::test]
async fn a_broker_that_alters_drops_or_adds_is_noticed() {
    let case = Case::new().await;
    type Page = fn(&mut Vec<Vec<u8>>);
    let cases: [(&str, Page); 4] = [
        ("alters", |page| {
            let mut entry = v1::DocumentEntry::decode(page[0].as_slice()).unwrap();
            entry.title_en.push('!');
            page[0] = entry.encode_to_vec();
        }),
        ("breaks", |page| page[0].truncate(1)),
        ("drops", |page| drop(page.pop())),
        ("adds", |page| page.push(page[0].clone())),
    ];
    let only_saga = || v1::FindRequest {
        targets: vec![SAGA.to_owned()],
        ..find()
    };
    for (name, change) in cases {
        case.broker.tamper_finds(move |mut events| {
            for event in &mut events {
                if let Some(Sent::Documents(page)) = &mut event.event {
                    change(&mut page.documents);
                }
            }
            events
        });
        let events = case.find(only_saga()).await.unwrap();
        assert_eq!(
            outcomes(&events),
            [(SAGA.to_owned(), NetworkOutcome::Malformed)],
            "{name}"
        );
        assert!(documents(&events).is_empty(), "{name}");
    }
    case.broker
        .tamper_finds(|events| events.into_iter().take(1).collect());
    let events = case.find(only_saga()).await.unwrap();
    assert_eq!(
        outcomes(&events),
        [(SAGA.to_owned(), NetworkOutcome::Malformed)],
        "says nothing more"
    );
    case.broker.tamper_finds(|mut events| {
        if let Some(Sent::Decided(decided)) = &mut events[0].event {
            decided.index -= 1;
        }
        events
    });
    let refused = case.find(only_saga()).await.unwrap_err();
    assert!(
        matches!(refused, NodeError::BrokerInvalid(_)),
        "another request's decision: {refused}"
    );
}

#[tokio::test]
async fn a_request_id_has_one_entry_however_often_it_is_sent() {
    let case = Case::new().await;
    let request = v1::FindRequest {
        request_id: vec![7; 16],
        ..find()
    };
    let index = |events: &[Found]| match &events[0] {
        Found::Decided(decided) => decided.index,
        other => panic!("{other:?}"),
    };
    let first = index(&case.find(request.clone()).await.unwrap());
    let filtered = v1::FindRequest {
        filter: Some(v1::Filter {
            max: 1,
            ..Default::default()
        }),
        ..request.clone()
    };
    let again = case.find(filtered).await.unwrap();
    assert_eq!((index(&again), documents(&again).len()), (first, 1));
    let other = v1::FindRequest {
        practitioner: "dr-8".to_owned(),
        ..request
    };
    let refused = case.find(other).await.unwrap_err();
    assert_eq!(refused.code(), ErrorCode::Conflict);

    let header = &documents(&again)[0];
    let retrieve = v1::RetrieveRequest {
        request_id: vec![8; 16],
        ..retrieve(&header.unique_id)
    };
    for _ in 0..2 {
        assert_eq!(case.retrieve(retrieve.clone()).await.unwrap().len(), 4);
    }
    until(async || case.kurume.outbox_total().unwrap() + case.saga.outbox_total().unwrap() == 0)
        .await;
    let transfers = case.setting.ledger.bodies().into_iter();
    let transfers = transfers.filter(|b| matches!(b, Body::Release(_) | Body::Receipt(_)));
    assert_eq!(transfers.count(), 2);
}

#[tokio::test]
async fn what_is_asked_wrongly_is_refused_before_anything_is_signed() {
    let case = Case::new().await;
    let before = case.setting.ledger.bodies().len();
    let cases = [
        (
            "no patient",
            v1::FindRequest {
                patient: None,
                ..find()
            },
        ),
        (
            "no practitioner",
            v1::FindRequest {
                practitioner: String::new(),
                ..find()
            },
        ),
        (
            "a long practitioner",
            v1::FindRequest {
                practitioner: "x".repeat(PRACTITIONER_BYTES_MAX + 1),
                ..find()
            },
        ),
        ("no role", v1::FindRequest { role: 0, ..find() }),
        (
            "a bad target",
            v1::FindRequest {
                targets: vec!["No Network".to_owned()],
                ..find()
            },
        ),
        (
            "a short request id",
            v1::FindRequest {
                request_id: vec![1; 15],
                ..find()
            },
        ),
    ];
    for (name, request) in cases {
        assert_eq!(
            case.find(request).await.unwrap_err().code(),
            ErrorCode::Invalid,
            "{name}"
        );
    }
    let long_id = case.retrieve(retrieve(&"x".repeat(300))).await.unwrap_err();
    let no_id = case
        .record(v1::RecordRequest {
            request_id: Vec::new(),
            ..grant(1)
        })
        .await
        .unwrap_err();
    for error in [long_id, no_id] {
        assert_eq!(error.code(), ErrorCode::Invalid, "{error}");
    }
    assert_eq!(case.setting.ledger.bodies().len(), before);
    let operating = case.kurume.operating();
    assert!(operating.allow(&network(KURUME)).is_ok());
    assert!(matches!(
        operating.allow(&network(SAGA)),
        Err(NodeError::Forbidden)
    ));
}

#[tokio::test]
async fn who_has_spent_the_budget_is_refused_before_anything_is_signed_and_emergencies_are_not() {
    let case = Case::new().await;
    let numbered = |n: u32| v1::FindRequest {
        request_id: [[0; 12].as_slice(), &n.to_be_bytes()].concat(),
        ..find()
    };
    for n in 0..BUDGETS.practitioner {
        case.find(numbered(n)).await.unwrap();
    }
    let said = case.setting.ledger.bodies().len();
    let refused = case.find(numbered(BUDGETS.practitioner)).await.unwrap_err();
    let NodeError::Budget { whose, .. } = &refused else {
        panic!("{refused}")
    };
    assert_eq!(
        (*whose, refused.code()),
        ("this practitioner", ErrorCode::Overloaded)
    );
    assert_eq!(
        case.setting.ledger.bodies().len(),
        said,
        "nothing was signed"
    );
    // One that is asked again is the same request.
    case.find(numbered(3)).await.unwrap();
    let colleague = v1::FindRequest {
        practitioner: "dr-8".to_owned(),
        ..numbered(1_000)
    };
    case.find(colleague).await.unwrap();
    let emergency = v1::FindRequest {
        purpose: 6,
        grounds: Some(v1::find_request::Grounds::Emergency(1)),
        ..numbered(2_000)
    };
    case.find(emergency).await.unwrap();
}

#[tokio::test]
async fn a_result_is_paged_by_who_found_it_and_by_nobody_else() {
    let case = Case::new().await;
    let events = case.find(find()).await.unwrap();
    let Some(Found::Summary(summary)) = events.last() else {
        panic!("{events:?}")
    };
    let frozen = summary.result.clone().unwrap();
    let shown = documents(&events);
    assert_eq!((frozen.documents, shown.len()), (3, 3));
    let operating = case.kurume.operating();
    let page = |after: Vec<u8>| v1::PageRequest {
        result: frozen.id.clone(),
        practitioner: "dr-7".to_owned(),
        max: 2,
        after,
    };
    // Whatever became of the patient's consent or the documents since.
    case.broker.tamper_finds(|_| Vec::new());
    let first = operating.page_of(&page(Vec::new())).unwrap();
    let second = operating.page_of(&page(first.next.clone())).unwrap();
    let paged: Vec<_> = first.documents.iter().chain(&second.documents).collect();
    let entries: Vec<_> = paged
        .iter()
        .map(|found| found.document.clone().unwrap())
        .collect();
    assert_eq!(entries, shown);
    assert!(
        paged
            .iter()
            .all(|found| found.networks == [SAGA] && found.versions.is_empty())
    );
    assert_eq!(
        (first.ends.len(), second.next.len()),
        (outcomes(&events).len(), 0)
    );
    let colleague = v1::PageRequest {
        practitioner: "dr-8".to_owned(),
        ..page(Vec::new())
    };
    let refused = operating.page_of(&colleague).unwrap_err();
    assert_eq!(refused.code(), ErrorCode::NotFound);
}
