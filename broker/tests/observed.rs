//! An observer is told what the caller is told: each asked network once, with its outcome and no other (P8).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[allow(dead_code, reason = "shared; no file needs all of it")]
mod support;

use futures::StreamExt as _;
use sekisho_broker::testing::{Conduct, VIEWING};
use sekisho_broker::{Broker, End, Limits, Observe};
use sekisho_domain::Action;
use sekisho_proto::v1;
use sekisho_transport::Deadline;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::{PATIENCE, id, linked, seal_to};

/// For an asking and an asked network: each outcome, and whether the network was contacted.
type Ends = BTreeMap<(String, String), Vec<(&'static str, bool)>>;

/// What was told.
#[derive(Default)]
struct Told {
    ends: Mutex<Ends>,
    events: Mutex<Vec<&'static str>>,
}

impl Observe for Told {
    fn decided(&self, _: Duration) {
        self.events.lock().unwrap().push("decided");
    }
    fn ended(&self, end: End<'_>) {
        let pair = (end.asking.to_string(), end.asked.to_string());
        let told = (end.outcome.code(), end.took_ms.is_some());
        self.ends
            .lock()
            .unwrap()
            .entry(pair)
            .or_default()
            .push(told);
    }
    fn answered(&self, action: Action, _: Duration) {
        self.events.lock().unwrap().push(match action {
            Action::FindDocuments => "found",
            Action::RetrieveDocument => "retrieved",
            Action::FindPatients => "searched",
        });
    }
}

fn ends(of: &[(&str, &'static str, bool)]) -> Ends {
    let end = |(asked, code, contacted): &(&str, _, _)| {
        let pair = (VIEWING.to_owned(), (*asked).to_owned());
        (pair, vec![(*code, *contacted)])
    };
    of.iter().map(end).collect()
}

#[tokio::test]
async fn each_asked_network_is_told_once_as_the_caller_is() {
    let networks = [
        ("saga", Conduct::Answers),
        ("shimane", Conduct::PatientUnknown),
        ("wakayama", Conduct::Suspended),
        ("yame", Conduct::Answers),
    ];
    let (world, _nodes) = linked(&networks).await;
    let limits = Limits::default();
    let identity = world.identity(VIEWING).clone();
    let broker = Broker::new(
        Arc::clone(&world),
        identity,
        Arc::clone(&world) as _,
        limits,
    );
    let told = Arc::new(Told::default());
    broker.observe(Arc::clone(&told) as _);
    // The first observer stays.
    broker.observe(Arc::new(Told::default()));

    let message = v1::FindDocumentsRequest {
        request: Some(world.find(&["saga", "shimane", "wakayama", "nobody"])),
        filter: None,
    };
    let caller = id(VIEWING);
    let found = broker.find_documents(&caller, message, Deadline::after(PATIENCE));
    let events: Vec<_> = found.await.unwrap().collect().await;
    let said = events
        .iter()
        .filter_map(|event| match &event.as_ref().unwrap().event {
            Some(v1::find_documents_event::Event::End(end)) => Some(end.network.clone()),
            _ => None,
        });
    assert_eq!(said.count(), 4);
    let expected = ends(&[
        ("saga", "answered", true),
        ("shimane", "patient-unknown", true),
        ("wakayama", "suspended", true),
        ("nobody", "denied", false),
    ]);
    assert_eq!(*told.ends.lock().unwrap(), expected);
    assert_eq!(*told.events.lock().unwrap(), ["decided", "found"]);

    told.ends.lock().unwrap().clear();
    for (target, expected) in [("yame", ("answered", true)), ("nobody", ("denied", false))] {
        let message = v1::RetrieveDocumentRequest {
            request: Some(world.retrieve(target)),
            unique_id: "1.2.3".to_owned(),
            salt: vec![7; 32],
            seal_to: seal_to(),
        };
        let got = broker.retrieve_document(&caller, message, Deadline::after(PATIENCE));
        let events: Vec<_> = got.await.unwrap().collect().await;
        assert!(events.iter().all(Result::is_ok), "{target}");
        let (code, contacted) = expected;
        let told = std::mem::take(&mut *told.ends.lock().unwrap());
        assert_eq!(told, ends(&[(target, code, contacted)]));
    }
    let events = [
        "decided",
        "found",
        "decided",
        "retrieved",
        "decided",
        "retrieved",
    ];
    assert_eq!(*told.events.lock().unwrap(), events);
}
