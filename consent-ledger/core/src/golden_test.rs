//! Golden bytes: a change of anything on the wire or on disk must be meant, and comes with a version and a way to
//! read what was written before. One history that leaves a row in every table is kept byte for byte in
//! `golden/ledger.txt`: the genesis, its id, every row of the state (leaves with their envelopes and payloads
//! among them), a checkpoint and a proof bundle. Ed25519 signatures are deterministic, so nothing in it varies.
//!
//! After a change that is meant: `SEKISHO_WRITE_GOLDEN=1 cargo test -p sekisho-ledger golden`.

use crate::bundle::{self, ShownOpening};
use crate::commitment::{Opening, Salt};
use crate::store::{StateRead, Table};
use crate::testing::{BEGIN, World, facility, genesis, grant, key, network, subject};
use crate::{Leaf, ledger_id, tree};
use prost::Message;
use sekisho_domain::*;
use sekisho_proto::v1;
use std::fmt::Write as _;

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/ledger.txt");

/// One of everything.
fn story() -> (World, EntryIndex, Opening) {
    let mut world = World::of(&["kurume", "saga"]);
    world.hospital("saga", "4110000001");
    world.hospital("saga", "4110000002");
    world.hospital("kurume", "4010000001");
    world.policy("saga", Some(Scope::AllFacilities), None);
    world.policy(
        "kurume",
        Some(Scope::ListedFacilities),
        Some(Scope::EachFacility),
    );
    world.agree("link", vec![grant("saga", "kurume", ConsentRule::Both)]);
    world.accept(
        "saga",
        Body::AgreementSuspend {
            id: "link".parse().unwrap(),
        },
    );
    let agreement = world.agree("link", vec![grant("saga", "kurume", ConsentRule::Both)]);
    world.link(("saga", subject(1)), ("kurume", subject(2)));
    let blanket = Consent {
        purposes: Some([Purpose::Treat, Purpose::CoordinationOfCare].into()),
        ..world.consent(
            "saga",
            subject(1),
            Side::Disclosing,
            "4110000001",
            FacilitySelector::All,
        )
    };
    world.accept("saga", Body::ConsentGrant(blanket));
    let withdrawn = world.consent_to_visit("kurume", subject(2), "4010000001");
    world.consent_to_visit("kurume", subject(2), "4010000001");
    world.accept(
        "kurume",
        Body::ConsentWithdraw {
            consent: withdrawn,
            way: Withdrawal::ViaPhysician,
            recorded_by: facility("4010000001"),
            evidence: Commitment([3; 32]),
        },
    );
    let reservation = Reservation {
        network: network("saga"),
        subject: subject(1),
        viewer: ViewerSelector::Network(network("kurume")),
        disclosing_facilities: Some([facility("4110000002")].into()),
        categories: Some([Category::Infection, Category::ProgressNote].into()),
        period: Period {
            from: BEGIN,
            until: Some(BEGIN.plus_ms(1_000_000)),
        },
        recorded_by: facility("4110000001"),
    };
    world.accept("saga", Body::ReservationSet(reservation.clone()));
    let cleared = Reservation {
        viewer: ViewerSelector::Anyone,
        ..reservation
    };
    let cleared = ReservationId(world.accept("saga", Body::ReservationSet(cleared)));
    world.accept(
        "saga",
        Body::ReservationClear {
            reservation: cleared,
            recorded_by: facility("4110000001"),
        },
    );
    let opening = Opening::new(
        bundle::DOCUMENT,
        Salt::from_bytes([5; 32]),
        b"urn:uuid:1".to_vec(),
    )
    .unwrap();
    let request = AccessRequest {
        action: Action::RetrieveDocument,
        document: Some(opening.commitment()),
        ..world.request("kurume", "4010000001", subject(2), &["saga"])
    };
    let (access, decisions) = world.ask(&request);
    assert!(matches!(decisions[0].1, Decision::Permit(_)));
    let transfer = Transfer {
        access,
        disclosing: network("saga"),
        document: opening.commitment(),
        content: Commitment([6; 32]),
    };
    world.accept("saga", Body::Release(transfer.clone()));
    world.accept("kurume", Body::Receipt(transfer));
    let admit = Body::NetworkAdmit {
        network: network("yame"),
        name: "八女".to_owned(),
        governance_key: key("yame", KeyPurpose::Governance).public_key(),
    };
    world.accept("saga", admit);
    let transport = Body::KeyAdd {
        purpose: KeyPurpose::Transport,
        public_key: key("saga-2", KeyPurpose::Transport).public_key(),
        endpoint: Some("node.saga.example:7410".to_owned()),
    };
    world.accept("saga", transport);
    world.accept(
        "saga",
        Body::KeyRevoke {
            key: key("saga", KeyPurpose::Transport).key_id(),
        },
    );
    world.accept(
        "saga",
        Body::FacilityLeave {
            facility: facility("4110000002"),
        },
    );
    let other = SubjectRef {
        network: network("kurume"),
        subject: subject(2),
    };
    world.accept(
        "saga",
        Body::SubjectUnlink {
            own: subject(1),
            other,
        },
    );
    world.say(
        "saga",
        Body::AgreementSign {
            id: agreement.id.clone(),
            version: 9,
            digest: Hash([0; 32]),
        },
    );
    world.accept("kurume", Body::AgreementTerminate { id: agreement.id });
    let find = world.request(
        "kurume",
        "4010000001",
        subject(2),
        &["iwami", "kurume", "saga"],
    );
    world.ask(&find);
    (world, access, opening)
}

fn dump() -> String {
    let (world, access, opening) = story();
    let mut out = String::new();
    let founding = genesis(&["kurume", "saga"]);
    let mut line =
        |name: &str, bytes: &[u8]| writeln!(out, "{name} {}", hex::encode(bytes)).unwrap();
    line("genesis", &v1::Genesis::from(&founding).encode_to_vec());
    line("ledger-id", ledger_id(&founding).as_bytes());
    for table in Table::ALL {
        let rows = world.state.scan(table, b"", b"", usize::MAX).unwrap();
        assert!(!rows.is_empty(), "the story leaves no row in {table:?}");
        for (key, value) in rows {
            line(
                &format!("{:02}-{table:?} {}", table as u8, hex::encode(key)),
                &value,
            );
        }
    }
    let (note, size) = world.checkpoint(2);
    line("root", tree::root(&world.state, size).unwrap().as_bytes());
    line("checkpoint", note.as_bytes());
    let shown = ShownOpening {
        index: access,
        opening,
    };
    line(
        "bundle",
        &bundle::build(&world.state, access, &note, size, &[shown]).unwrap(),
    );
    out
}

#[test]
fn wire_and_disk_are_byte_for_byte_what_they_were() {
    let now = dump();
    if std::env::var_os("SEKISHO_WRITE_GOLDEN").is_some() {
        std::fs::write(GOLDEN, &now).unwrap();
    }
    let then = std::fs::read_to_string(GOLDEN).unwrap();
    for (n, (now, then)) in now.lines().zip(then.lines()).enumerate() {
        assert_eq!(now, then, "line {} of {GOLDEN}", n + 1);
    }
    assert_eq!(now.lines().count(), then.lines().count());
}

#[test]
fn what_was_written_is_still_read_and_verified() {
    let then = std::fs::read_to_string(GOLDEN).unwrap();
    let of = |prefix: &str| -> Vec<Vec<u8>> {
        let lines = then.lines().filter(|line| line.starts_with(prefix));
        lines
            .map(|line| hex::decode(line.rsplit(' ').next().unwrap()).unwrap())
            .collect()
    };
    let founding = genesis(&["kurume", "saga"]);
    let verified = bundle::verify(&of("bundle ")[0], &founding).unwrap();
    assert_eq!((verified.transfers.len(), verified.openings.len()), (2, 1));
    let mut kinds = std::collections::BTreeSet::new();
    for bytes in of("17-Leaf ") {
        let leaf = Leaf::decode(&bytes).unwrap();
        kinds.insert(
            format!("{:?}", leaf.entry.body)
                .split(['(', ' '])
                .next()
                .unwrap()
                .to_owned(),
        );
    }
    assert_eq!(kinds.len(), 19, "every kind of entry: {kinds:?}");
}
