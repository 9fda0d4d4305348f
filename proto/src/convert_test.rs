//! There and back for every message, and every refusal on the way in.

use crate::arbitrary::{self, BODIES};
use crate::v1;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use prost::Message;
use sekisho_domain::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_entry_comes_back_as_it_went(entry in (0..BODIES).prop_flat_map(arbitrary::entry)) {
        let bytes = v1::Entry::from(&entry).encode_to_vec();
        let back = v1::Entry::decode(bytes.as_slice()).unwrap();
        prop_assert_eq!(Entry::try_from(back), Ok(entry));
    }

    #[test]
    fn an_outcome_comes_back_as_it_went(outcome in arbitrary::outcome()) {
        let bytes = v1::Outcome::from(&outcome).encode_to_vec();
        prop_assert_eq!(Outcome::try_from(v1::Outcome::decode(bytes.as_slice()).unwrap()), Ok(outcome));
    }

    #[test]
    fn a_networks_outcome_comes_back_as_it_went(outcome in arbitrary::network_outcome()) {
        let bytes = v1::NetworkOutcome::from(&outcome).encode_to_vec();
        prop_assert_eq!(NetworkOutcome::try_from(v1::NetworkOutcome::decode(bytes.as_slice()).unwrap()), Ok(outcome));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(entry) = v1::Entry::decode(bytes.as_slice()) {
            let _ = Entry::try_from(entry);
        }
        if let Ok(outcome) = v1::Outcome::decode(bytes.as_slice()) {
            let _ = Outcome::try_from(outcome);
        }
    }
}

/// One entry of a kind, always the same.
fn sample(kind: usize) -> v1::Entry {
    let mut runner = TestRunner::deterministic();
    let tree = arbitrary::entry(kind).new_tree(&mut runner).unwrap();
    (&tree.current()).into()
}

#[test]
fn every_kind_of_body_is_sampled() {
    let kinds: std::collections::BTreeSet<_> = (0..BODIES)
        .map(|kind| {
            let body = sample(kind).body.unwrap();
            let debug = format!("{body:?}");
            debug.split('(').next().unwrap().to_owned()
        })
        .collect();
    assert_eq!(kinds.len(), BODIES);
    let in_schema = include_str!("../sekisho/v1/entry.proto");
    let body = in_schema.split("oneof body {").nth(1).unwrap();
    let fields = body.split('}').next().unwrap().matches(" = ").count();
    assert_eq!(fields, BODIES, "a body in entry.proto that no test knows");
}

/// Changes the body of a sample and expects it refused.
macro_rules! refused {
    ($($kind:literal $variant:ident: { $($case:literal => |$m:ident| $change:expr;)+ })+) => {$($({
        let mut entry = sample($kind);
        let Some(v1::entry::Body::$variant($m)) = entry.body.as_mut() else { panic!("kind {}", $kind) };
        $change;
        let refused = Entry::try_from(entry);
        assert!(refused.is_err(), "{} {}: {refused:?}", stringify!($variant), $case);
    })+)+};
}

fn codes(n: usize) -> Vec<String> {
    (0..n).map(|n| format!("{n:010}")).collect()
}

#[test]
fn each_refusal_of_a_body_has_its_case() {
    refused! {
        0 NetworkAdmit: {
            "a network id in capitals" => |m| m.network = "A".into();
            "no name" => |m| m.name.clear();
            "a name too long" => |m| m.name = "名".repeat(101);
            "a control character" => |m| m.name.push('\u{7}');
            "a text that turns around" => |m| m.name.insert(0, '\u{202e}');
            "a key of 31 bytes" => |m| m.governance_key.truncate(1);
        }
        1 KeyAdd: {
            "no purpose" => |m| m.purpose = 0;
            "a purpose nobody knows" => |m| m.purpose = 99;
            "a key of 33 bytes" => |m| m.public_key.push(0);
            "an endpoint without a port" => |m| m.endpoint = Some("host".into());
            "an endpoint with port 0" => |m| m.endpoint = Some("host:0".into());
            "an empty endpoint" => |m| m.endpoint = Some(String::new());
            "an endpoint too long" => |m| m.endpoint = Some(format!("{}:1", "a".repeat(254)));
        }
        2 KeyRevoke: { "no key" => |m| m.key.clear(); }
        3 FacilityRegister: {
            "nine digits" => |m| m.facility.truncate(1);
            "no kind" => |m| m.kind = 0;
            "a line break" => |m| m.name = "a\nb".into();
            "a prefecture for a municipality" => |m| m.municipality = Some("41".into());
            "a 48th prefecture" => |m| m.municipality = Some("48201".into());
        }
        37 Recovery: {
            "no seats" => |m| m.seats.clear();
            "seventeen seats" => |m| m.seats = vec![m.seats[0].clone(); 17];
            "a short root" => |m| m.root.truncate(31);
            "a seat of nobody" => |m| m.seats[0].network.clear();
            "a seat nowhere" => |m| m.seats[0].endpoint.clear();
            "a seat without a transport key" => |m| m.seats[0].transport_key.clear();
            "a seat without a checkpoint key" => |m| m.seats[0].checkpoint_key.clear();
        }
        34 ReplicaAllocate: {
            "an endpoint without a port" => |m| m.endpoint = "host".into();
            "no endpoint" => |m| m.endpoint.clear();
            "a transport key of 31 bytes" => |m| m.transport_key.truncate(31);
            "no checkpoint key" => |m| m.checkpoint_key.clear();
        }
        4 FacilityLeave: { "no facility" => |m| m.facility.clear(); }
        5 ConsentPolicyPublish: {
            "no side" => |m| (m.disclosing, m.viewing) = (None, None);
            "a short hash" => |m| m.text_hash.truncate(1);
            "no way of taking" => |m| {
                m.viewing = m.viewing.take().or(m.disclosing.clone());
                m.viewing.as_mut().unwrap().capture.clear();
            };
            "no way of withdrawing" => |m| {
                m.viewing = m.viewing.take().or(m.disclosing.clone());
                m.viewing.as_mut().unwrap().withdrawal.clear();
            };
            "no rule on new facilities" => |m| {
                m.viewing = m.viewing.take().or(m.disclosing.clone());
                m.viewing.as_mut().unwrap().new_facility = None;
            };
            "an empty rule on new facilities" => |m| {
                m.viewing = m.viewing.take().or(m.disclosing.clone());
                m.viewing.as_mut().unwrap().new_facility = Some(v1::NewFacility { rule: None });
            };
            "no scope" => |m| {
                m.viewing = m.viewing.take().or(m.disclosing.clone());
                m.viewing.as_mut().unwrap().scope = 0;
            };
            "a notice of no day" => |m| {
                m.viewing = m.viewing.take().or(m.disclosing.clone());
                let rule = Some(v1::new_facility::Rule::AfterNoticeDays(0));
                m.viewing.as_mut().unwrap().new_facility = Some(v1::NewFacility { rule });
            };
            "a notice of 65 537 days" => |m| {
                m.viewing = m.viewing.take().or(m.disclosing.clone());
                let rule = Some(v1::new_facility::Rule::AfterNoticeDays(65_537));
                m.viewing.as_mut().unwrap().new_facility = Some(v1::NewFacility { rule });
            };
            "an emergency that opens nothing" => |m| m.emergency = Some(v1::CategorySet::default());
        }
        6 AgreementPropose: {
            "one party" => |m| m.parties.truncate(1);
            "one party twice" => |m| { m.parties.truncate(1); m.parties.push(m.parties[0].clone()); };
            "65 parties" => |m| m.parties = (0..65).map(|n| format!("n{n:03}")).collect();
            "no grant" => |m| m.grants.clear();
            "65 grants" => |m| m.grants = vec![m.grants[0].clone(); 65];
            "a grant to a stranger" => |m| m.grants[0].viewing = "a-stranger".into();
            "a grant of a stranger's" => |m| m.grants[0].disclosing = "a-stranger".into();
            "a grant to itself" => |m| m.grants[0].viewing = m.grants[0].disclosing.clone();
            "no period" => |m| m.valid = None;
            "a period that ends before it starts" => |m| m.valid = Some(v1::Period { from_ms: 2, until_ms: Some(1) });
            "a period of no instant" => |m| m.valid = Some(v1::Period { from_ms: 2, until_ms: Some(2) });
            "no categories" => |m| m.grants[0].categories.clear();
            "category 0" => |m| m.grants[0].categories[0] = 0;
            "no purposes" => |m| m.grants[0].purposes.clear();
            "no kinds" => |m| m.grants[0].facility_kinds.clear();
            "no roles" => |m| m.grants[0].roles.clear();
            "no rule" => |m| m.grants[0].consent_rule = 0;
            "no period of a grant" => |m| m.grants[0].valid = None;
            "an id too long" => |m| m.id = "a".repeat(65);
            "no text" => |m| m.text_hash.clear();
            "no word on copies" => |m| m.retention = None;
            "copies for no day" => |m| m.retention = Some(v1::Retention { retention: Some(v1::retention::Retention::Days(0)) });
            "no word on costs" => |m| m.settlement = 0;
            "treatment without consent" => |m| (m.grants[0].purposes, m.grants[0].consent_rule) = (vec![1], 6);
            "break-glass by consent" => |m| (m.grants[0].purposes, m.grants[0].consent_rule) = (vec![6], 1);
            "treatment and disaster in one" => |m| (m.grants[0].purposes, m.grants[0].consent_rule) = (vec![1, 7], 6);
            "a clerk who breaks the glass" => |m| {
                (m.grants[0].purposes, m.grants[0].consent_rule, m.grants[0].roles) = (vec![6], 6, vec![9]);
            };
        }
        7 AgreementSign: { "no id" => |m| m.id.clear(); "a short digest" => |m| m.digest.truncate(1); }
        8 AgreementSuspend: { "no id" => |m| m.id.clear(); }
        9 AgreementTerminate: { "a space" => |m| m.id.push(' '); }
        10 ConsentGrant: {
            "no network" => |m| m.network.clear();
            "a subject of 15 bytes" => |m| m.subject.truncate(1);
            "no side" => |m| m.side = 0;
            "no facilities" => |m| m.facilities = None;
            "an empty list" => |m| m.facilities = Some(v1::consent::Facilities::ListedFacilities(v1::FacilitySet::default()));
            "257 facilities" => |m| m.facilities = Some(v1::consent::Facilities::ListedFacilities(
                v1::FacilitySet { facilities: codes(257) }));
            "an empty set of categories" => |m| m.categories = Some(v1::CategorySet::default());
            "an empty set of purposes" => |m| m.purposes = Some(v1::PurposeSet::default());
            "no period" => |m| m.period = None;
            "no way it was taken" => |m| m.capture = 0;
            "nobody took it" => |m| m.recorded_by.clear();
            "no evidence" => |m| m.evidence.clear();
            "nobody at the other end" => |m| m.counterpart = Some(v1::FacilitySet::default());
            "no practitioner" => |m| m.practitioners = Some(v1::PractitionerSet::default());
            "65 practitioners" => |m| m.practitioners = Some(v1::PractitionerSet { practitioners: vec![vec![0; 16]; 65] });
            "a short practitioner" => |m| m.practitioners = Some(v1::PractitionerSet { practitioners: vec![vec![0; 15]] });
        }
        11 ConsentWithdraw: {
            "no way" => |m| m.way = 0;
            "nobody took it" => |m| m.recorded_by.clear();
            "short evidence" => |m| m.evidence.truncate(1);
        }
        12 ReservationSet: {
            "against nobody" => |m| m.viewer = None;
            "against no network" => |m| m.viewer = Some(v1::reservation::Viewer::ViewerNetwork(String::new()));
            "against no facility" => |m| m.viewer = Some(v1::reservation::Viewer::ViewerFacility("1".into()));
            "of no facilities" => |m| m.disclosing_facilities = Some(v1::FacilitySet::default());
            "of no categories" => |m| m.categories = Some(v1::CategorySet::default());
            "for no purpose" => |m| m.purposes = Some(v1::PurposeSet::default());
            "against a short practitioner" => |m| m.viewer = Some(v1::reservation::Viewer::ViewerPractitioner(vec![1]));
            "no period" => |m| m.period = None;
            "no subject" => |m| m.subject.clear();
        }
        13 ReservationClear: { "nobody took it" => |m| m.recorded_by.clear(); }
        14 SubjectLink: { "nobody else" => |m| m.other = None; "no subject" => |m| m.own.clear(); }
        15 SubjectUnlink: { "nobody else" => |m| m.other = None; "a long subject" => |m| m.own.push(0); }
        16 AccessRequest: {
            "nobody asked" => |m| m.targets.clear();
            "65 asked" => |m| m.targets = (0..65).map(|n| format!("n{n:03}")).collect();
            "no action" => |m| m.action = 0;
            "a document in a search" => |m| (m.action, m.document) = (1, Some(vec![0; 32]));
            "a retrieval of nothing" => |m| (m.action, m.document) = (2, None);
            "a retrieval from two" => |m| {
                (m.action, m.document) = (2, Some(vec![0; 32]));
                m.targets = vec!["a".into(), "b".into()];
            };
            "a short document" => |m| (m.action, m.document) = (2, Some(vec![0; 31]));
            "no role" => |m| m.role = 0;
            "no purpose" => |m| m.purpose = 0;
            "nobody asks" => |m| m.practitioner.clear();
            "no patient" => |m| m.subject.clear();
            "no category" => |m| m.categories = Some(v1::CategorySet::default());
            "no pseudonym of who asks" => |m| m.practitioner_id.clear();
            "no grounds" => |m| m.grounds = None;
            "break-glass on ordinary grounds" => |m| {
                (m.purpose, m.grounds) = (6, Some(v1::access_request::Grounds::Ordinary(v1::Everything {})));
            };
            "treatment on a law" => |m| (m.purpose, m.grounds) = (1, Some(v1::access_request::Grounds::Law(1)));
            "an emergency of no kind" => |m| (m.purpose, m.grounds) = (6, Some(v1::access_request::Grounds::Emergency(0)));
        }
        17 Release: { "no document" => |m| m.document.clear(); "no content" => |m| m.content.clear(); }
        18 Receipt: { "of nobody" => |m| m.disclosing.clear(); }
        19 AuthorityAdmit: {
            "of no prefecture" => |m| m.prefectures.clear();
            "of a municipality" => |m| m.prefectures = vec!["41201".into()];
            "of 48 prefectures" => |m| m.prefectures = vec!["41".into(); 48];
            "no name" => |m| m.name.clear();
            "a short key" => |m| m.key.truncate(1);
        }
        20 AuthorityEnd: { "of nobody" => |m| m.authority.clear(); }
        21 NoticePost: {
            "about nothing" => |m| m.about = None;
            "of no purpose" => |m| m.about = Some(v1::notice::About::Purposes(v1::PurposesNotice::default()));
            "of break-glass" => |m| m.about = Some(v1::notice::About::Purposes(
                v1::PurposesNotice { facility: None, purposes: vec![6] }));
            "of no facility" => |m| m.about = Some(v1::notice::About::JoiningFacility(String::new()));
            "no period" => |m| m.period = None;
            "no text" => |m| m.text_hash.clear();
        }
        23 ProxyRegister: {
            "of no kind" => |m| m.kind = 0;
            "no period" => |m| m.period = None;
            "no evidence" => |m| m.evidence.clear();
        }
        24 ProxyEnd: { "no reason" => |m| m.reason = 0; "nobody told" => |m| m.recorded_by.clear(); }
        25 DeathRecord: { "of nobody" => |m| m.subject.clear(); }
        26 DeathRetract: { "nobody told" => |m| m.recorded_by.clear(); }
        27 ReservationSeal: { "a short commitment" => |m| m.sealed.truncate(3); }
        29 EmergencyReview: {
            "no verdict" => |m| m.verdict = 0;
            "nobody judges" => |m| m.reviewer.clear();
            "no reasons" => |m| m.evidence.clear();
        }
        30 PatientTold: { "no way" => |m| m.way = 0; "nobody told them" => |m| m.recorded_by.clear(); }
        38 SecurityAlert: {
            "of no pattern" => |m| m.pattern = 0;
            "of nobody's" => |m| m.viewing.clear();
            "on nobody" => |m| m.practitioner_id.clear();
            "of no access" => |m| m.accesses.clear();
            "of 65 accesses" => |m| m.accesses = (0..65).collect();
            "of one access twice" => |m| m.accesses = vec![1, 1];
            "of accesses out of order" => |m| m.accesses = vec![2, 1];
        }
        31 DisasterDeclare: {
            "of no kind" => |m| m.kind = 0;
            "nowhere" => |m| m.area.clear();
            "in 257 places" => |m| m.area = vec!["41".into(); 257];
            "in no place there is" => |m| m.area = vec!["412".into()];
            "that ends before it starts" => |m| m.until_ms = m.from_ms;
            "for more than 7 days" => |m| m.until_ms = m.from_ms + Disaster::PERIOD_MS_MAX + 1;
        }
    }
}

#[test]
fn each_refusal_of_an_entry_has_its_case() {
    type Change = fn(&mut v1::Entry);
    let cases: [(&str, Change); 8] = [
        ("no body", |e| e.body = None),
        ("a short ledger id", |e| e.ledger.truncate(1)),
        ("a short author", |e| e.author.truncate(1)),
        ("a long request id", |e| e.request_id.push(0)),
        ("a window of no instant", |e| {
            e.not_after_ms = e.not_before_ms
        }),
        ("a window that ends before it starts", |e| {
            (e.not_before_ms, e.not_after_ms) = (5, 4)
        }),
        ("a window over five minutes", |e| {
            e.not_after_ms = e.not_before_ms + Entry::WINDOW_MS_MAX + 1
        }),
        ("the longest window there could be", |e| {
            (e.not_before_ms, e.not_after_ms) = (0, u64::MAX)
        }),
    ];
    for (case, change) in cases {
        let mut entry = sample(2);
        change(&mut entry);
        assert!(Entry::try_from(entry).is_err(), "{case}");
    }
    let mut longest = sample(2);
    longest.not_after_ms = longest.not_before_ms + Entry::WINDOW_MS_MAX;
    assert!(Entry::try_from(longest).is_ok());
}

#[test]
fn each_refusal_of_a_decision_has_its_case() {
    let basis = v1::Basis {
        agreement: Some(v1::AgreementRef {
            id: "a".into(),
            version: 1,
        }),
        grant: 1,
        consents: vec![1],
        categories: vec![1],
        facilities: Some(v1::basis::Facilities::All(v1::Everything {})),
    };
    let terms = v1::PermitTerms {
        subject: vec![0; 16],
        bases: vec![basis],
        withheld: vec![],
        expires_ms: 1,
        footing: 1,
    };
    assert!(PermitTerms::try_from(terms.clone()).is_ok());
    type Change = fn(&mut v1::PermitTerms);
    let cases: [(&str, Change); 14] = [
        ("no footing", |t| t.footing = 0),
        ("consents under break-glass", |t| t.footing = 2),
        ("no subject", |t| t.subject.clear()),
        ("no basis", |t| t.bases.clear()),
        ("33 bases", |t| t.bases = vec![t.bases[0].clone(); 33]),
        ("33 withheld", |t| {
            t.withheld = vec![v1::Withheld::default(); 33]
        }),
        ("an empty set withheld", |t| {
            t.withheld = vec![v1::Withheld {
                categories: Some(v1::CategorySet::default()),
                facilities: None,
            }];
        }),
        ("no consent", |t| t.bases[0].consents.clear()),
        ("1025 consents", |t| {
            t.bases[0].consents = (0..1025).collect()
        }),
        ("no category", |t| t.bases[0].categories.clear()),
        ("a category nobody knows", |t| {
            t.bases[0].categories.push(77)
        }),
        ("no facilities", |t| t.bases[0].facilities = None),
        ("a place in no agreement", |t| t.bases[0].agreement = None),
        ("an agreement without id", |t| {
            t.bases[0].agreement = Some(v1::AgreementRef::default())
        }),
    ];
    for (case, change) in cases {
        let mut terms = terms.clone();
        change(&mut terms);
        assert!(PermitTerms::try_from(terms).is_err(), "{case}");
    }
    use v1::outcome::Outcome as Wire;
    let decided = |decisions| Some(Wire::Decided(v1::Decisions { decisions }));
    let no_decision = v1::NetworkDecision {
        network: "a".into(),
        decision: None,
    };
    let no_reason = v1::NetworkDecision {
        network: "a".into(),
        decision: Some(v1::network_decision::Decision::Deny(v1::Denial::default())),
    };
    for outcome in [
        None,
        Some(Wire::Refused(0)),
        Some(Wire::Refused(99)),
        decided(vec![no_decision]),
        decided(vec![no_reason.clone()]),
        decided(vec![no_reason; 65]),
    ] {
        assert!(Outcome::try_from(v1::Outcome { outcome }).is_err());
    }
    assert!(NetworkOutcome::try_from(v1::NetworkOutcome { outcome: None }).is_err());
    let denied = Some(v1::network_outcome::Outcome::Denied(0));
    assert!(NetworkOutcome::try_from(v1::NetworkOutcome { outcome: denied }).is_err());
}
