//! A visit holds what came, once, and for its owner alone.

use super::*;
use sekisho_domain::{Basis, Denial, DenyReason, DisclosingFacilities, PermitTerms};
use v1::find_event::Event;

fn asker(account: &str) -> Asker {
    Asker {
        account: account.to_owned(),
        practitioner: "dr-1".to_owned(),
        profession: Role::Physician,
        facility: "4010200014".parse().unwrap(),
        patient: Patient {
            facility: "4010200014".parse().unwrap(),
            local_patient_id: "0001".parse().unwrap(),
        },
        purpose: Purpose::Treat,
        grounds: Grounds::Ordinary,
        disaster: None,
        clue: Clue::Charts,
    }
}

fn document(id: &str, hash: u8) -> v1::DocumentEntry {
    v1::DocumentEntry {
        unique_id: id.to_owned(),
        facility: "4110100015".to_owned(),
        category: Category::LabResult.number().into(),
        hash: vec![hash; 32],
        service_start_ms: Some(5),
        ..Default::default()
    }
}

fn documents(network: &str, documents: Vec<v1::DocumentEntry>) -> Event {
    Event::Documents(v1::FoundDocuments {
        network: network.to_owned(),
        documents,
    })
}

fn end(network: &str, outcome: v1::network_outcome::Outcome) -> Event {
    Event::End(v1::NetworkEnd {
        network: network.to_owned(),
        outcome: Some(v1::NetworkOutcome {
            outcome: Some(outcome),
        }),
        elapsed_ms: 12,
        ..Default::default()
    })
}

#[test]
fn a_document_by_two_routes_is_listed_once_with_both() {
    let visits = Visits::default();
    let visit = visits.begin(asker("a"), None, TimeMs(0)).unwrap();
    visit.take(documents(
        "saga",
        vec![document("urn:uuid:1", 1), document("urn:uuid:2", 1)],
    ));
    visit.take(documents(
        "kurume",
        vec![document("urn:uuid:1", 1), document("urn:uuid:1", 2)],
    ));
    visit.take(documents(
        "kurume",
        vec![v1::DocumentEntry {
            category: 999,
            ..document("urn:uuid:9", 1)
        }],
    ));
    let come = visit.come();
    let routes: Vec<_> = come
        .documents
        .iter()
        .map(|d| (d.unique_id.as_str(), d.networks.len()))
        .collect();
    assert_eq!(
        routes,
        [("urn:uuid:1", 2), ("urn:uuid:2", 1), ("urn:uuid:1", 1)],
        "another content is another document"
    );
}

#[test]
fn what_has_not_ended_did_not_answer_in_time_and_may_be_asked_again() {
    let visits = Visits::default();
    let visit = visits.begin(asker("a"), None, TimeMs(0)).unwrap();
    for network in ["saga", "kurume"] {
        visit
            .come()
            .networks
            .insert(network.parse().unwrap(), Asked::Waiting);
    }
    visit.take(end("saga", v1::network_outcome::Outcome::Answered(3)));
    assert!(!visit.come().over);
    visit.end(None, 9000);
    let again: Vec<_> = visit
        .come()
        .networks
        .iter()
        .filter(|(_, a)| a.may_be_asked_again())
        .map(|(n, _)| n.to_string())
        .collect();
    assert_eq!(again, ["kurume"]);
    visit.ask(Some(&["kurume".parse().unwrap()].into()));
    let come = visit.come();
    assert!(
        !come.over
            && matches!(
                come.networks.get(&"kurume".parse().unwrap()),
                Some(Asked::Waiting)
            )
    );
    assert!(
        matches!(
            come.networks.get(&"saga".parse().unwrap()),
            Some(Asked::Ended { .. })
        ),
        "who answered is not asked again"
    );
}

#[test]
fn a_visit_is_its_owners_and_ends() {
    let visits = Visits::default();
    let visit = visits.begin(asker("a"), None, TimeMs(0)).unwrap();
    assert!(visits.of(&visit.id, "a", TimeMs(1)).is_some());
    assert!(
        visits.of(&visit.id, "b", TimeMs(1)).is_none(),
        "nobody else's"
    );
    assert!(visits.of("", "a", TimeMs(1)).is_none());
    assert!(
        visits.of(&visit.id, "a", TimeMs(VISIT_MS_MAX)).is_none(),
        "nor for ever"
    );
    assert_eq!(visits.all_of("a", TimeMs(1)).len(), 1);
    for n in 1..=VISITS_MAX as u64 {
        visits.begin(asker("b"), None, TimeMs(n)).unwrap();
    }
    assert!(
        visits.of(&visit.id, "a", TimeMs(1)).is_none(),
        "the oldest makes room"
    );
    assert_eq!(visits.lock().len(), VISITS_MAX);
}

#[test]
fn opened_documents_are_held_within_their_bound() {
    let visits = Visits::default();
    let visit = visits.begin(asker("a"), None, TimeMs(0)).unwrap();
    let opened = |bytes: usize| Opened {
        index: 7,
        content: Arc::new(vec![0; bytes]),
    };
    visit.keep(0, opened(OPENED_BYTES_MAX));
    visit.keep(1, opened(1));
    assert!(visit.opened(0).is_some() && visit.opened(1).is_none());
}

#[test]
fn what_is_asked_for_again_is_listed_again_only_when_it_comes() {
    let visits = Visits::default();
    let visit = visits.begin(asker("a"), None, TimeMs(0)).unwrap();
    let of = |network| documents(network, vec![document("urn:uuid:1", 1)]);
    let routes = || visit.come().documents.first().map(|d| d.networks.len());
    visit.take(of("saga"));
    visit.take(of("kurume"));
    visit.ask(Some(&["saga".parse().unwrap()].into()));
    assert_eq!(routes(), Some(1), "kurume's answer stands");
    visit.ask(None);
    assert_eq!(routes(), Some(0), "a consent may have been withdrawn");
    visit.take(of("saga"));
    assert_eq!(routes(), Some(1), "under the same number");
}

#[test]
fn who_is_denied_is_not_waited_for() {
    let visits = Visits::default();
    let visit = visits.begin(asker("a"), None, TimeMs(0)).unwrap();
    let permit = Decision::Permit(PermitTerms {
        footing: Footing::Disaster,
        subject: SubjectId([1; 16]),
        bases: vec![Basis {
            grant: None,
            consents: Vec::new(),
            categories: [Category::LabResult].into(),
            facilities: DisclosingFacilities::All,
        }],
        withheld: Vec::new(),
        expires: TimeMs(9),
    });
    let denial = Decision::Deny(Denial {
        reason: DenyReason::NoViewingConsent,
        agreement: None,
    });
    let decided = [("saga", &permit), ("kurume", &denial), ("tottori", &permit)];
    let decided = decided.map(|(network, decision)| {
        let one: (NetworkId, Decision) = (network.parse().unwrap(), decision.clone());
        (&one).into()
    });
    visit.take(Event::Decided(v1::Decided {
        index: 3,
        time_ms: 4,
        decisions: decided.into(),
    }));
    let tally = |answered, waiting| Tally { answered, waiting };
    assert_eq!(visit.come().tally(), tally(0, 2), "of three");
    visit.take(end("saga", v1::network_outcome::Outcome::Answered(3)));
    assert_eq!(visit.come().tally(), tally(1, 1));
    visit.end(None, 9000);
    assert_eq!(visit.come().tally(), tally(1, 0));
}
