//! A history that says one of everything and leaves a row in every table.

use crate::bundle;
use crate::commitment::{Opening, Salt};
use crate::patterns::REPEATED_DENIALS;
use crate::testing::{
    BEGIN, World, area, disaster, facility, grant, joining_notice, key, network, policy,
    practitioner, proxy, purposes_notice, reservation, review, rule, subject,
};
use crate::{Applied, tree};
use sekisho_domain::*;

/// One of everything; an access, and the opening of its document.
pub(crate) fn story() -> (World, EntryIndex, Opening) {
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
    let narrow = Reservation {
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
        purposes: None,
        proxy: None,
    };
    world.accept("saga", Body::ReservationSet(narrow.clone()));
    let cleared = Reservation {
        viewer: ViewerSelector::Anyone,
        ..narrow
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
    around_consents(&mut world);
    emergencies(&mut world);
    replicas(&mut world);
    recovered(&mut world);
    (world, access, opening)
}

/// Notices, proxies, a death, sealed reservations.
fn around_consents(world: &mut World) {
    const AT: &str = "4010000001";
    let recorded_by = facility(AT);
    let joined = NoticeId(world.accept("kurume", Body::NoticePost(joining_notice(AT))));
    let purposes = purposes_notice(Some(AT), [Purpose::Treat].into());
    world.accept("kurume", Body::NoticePost(purposes));
    world.accept("kurume", Body::NoticeRemove { notice: joined });
    let parent = proxy("kurume", subject(2), AT, ProxyKind::Parent);
    let parent = ProxyId(world.accept("kurume", Body::ProxyRegister(parent)));
    let visit = FacilitySelector::Listed([facility(AT)].into());
    let consent = Consent {
        counterpart: Some([facility("4110000001")].into()),
        practitioners: Some([practitioner(1)].into()),
        purposes: Some([Purpose::Disaster].into()),
        proxy: Some(parent),
        ..world.consent("kurume", subject(2), Side::Viewing, AT, visit)
    };
    world.accept("kurume", Body::ConsentGrant(consent));
    let reserved = Reservation {
        viewer: ViewerSelector::Practitioner(practitioner(3)),
        purposes: Some([Purpose::BreakGlass].into()),
        proxy: Some(parent),
        ..reservation("kurume", subject(2), AT)
    };
    world.accept("kurume", Body::ReservationSet(reserved));
    let ended = Body::ProxyEnd {
        proxy: parent,
        reason: ProxyEndReason::CameOfAge,
        recorded_by: recorded_by.clone(),
    };
    world.accept("kurume", ended);
    let died = Body::DeathRecord {
        subject: subject(2),
        recorded_by: recorded_by.clone(),
    };
    world.accept("kurume", died);
    let lives = Body::DeathRetract {
        subject: subject(2),
        recorded_by,
    };
    world.accept("kurume", lives);
    let sealed = Commitment([13; 32]);
    let seal = SealId(world.accept("kurume", Body::ReservationSeal { sealed }));
    world.accept("kurume", Body::ReservationUnseal { seal });
}

/// A machine that is lost, and the one in its place.
fn replicas(world: &mut World) {
    let lost = ReplicaId(2);
    world.accept("saga", Body::ReplicaRetire { replica: lost });
    let allocate = Body::ReplicaAllocate {
        endpoint: "second.saga.example:7420".to_owned(),
        transport_key: key("saga-3", KeyPurpose::Transport).public_key(),
        checkpoint_key: key("saga-3", KeyPurpose::Checkpoint).public_key(),
    };
    let replica = ReplicaId::allocated(1, world.accept("saga", allocate));
    world.accept("saga", Body::ReplicaPromote { replica });
}

/// A quorum is lost for good, and both networks go on with one replica.
fn recovered(world: &mut World) {
    let size = tree::size(&world.state).unwrap();
    let recovery = Recovery {
        size,
        root: tree::root(&world.state, size).unwrap(),
        seats: vec![Seat {
            network: network("kurume"),
            endpoint: "kurume.example:7420".to_owned(),
            transport_key: key("kurume", KeyPurpose::Transport).public_key(),
            checkpoint_key: key("kurume-2", KeyPurpose::Checkpoint).public_key(),
        }],
    };
    let applied = world.say_together(&["kurume", "saga"], Body::Recovery(recovery));
    let accepted = matches!(
        applied,
        Applied::Leaf {
            outcome: Outcome::Accepted,
            ..
        }
    );
    assert!(accepted, "{applied:?}");
}

/// Two accesses by break-glass, one judged; a declared disaster, prolonged and ended, by an authority that is ended.
fn emergencies(world: &mut World) {
    const AT: &str = "4010000001";
    let open = ConsentPolicy {
        voids_earlier: true,
        emergency: Some([Category::Allergy].into()),
        ..policy(0, None, Some(rule(Scope::EachFacility)))
    };
    world.publish("kurume", open);
    world.certify("kurume", KeyPurpose::Officer);
    let request = AccessRequest {
        purpose: Purpose::BreakGlass,
        grounds: Grounds::Emergency(EmergencyReason::Unconscious),
        ..world.request("kurume", AT, subject(2), &["kurume"])
    };
    world.ask(&request);
    let (access, decisions) = world.ask(&request);
    assert!(matches!(decisions[0].1, Decision::Permit(_)));
    let judged = review(access, Verdict::Appropriate);
    world.accept("kurume", Body::EmergencyReview(judged));
    let told = Body::PatientTold {
        access,
        way: Told::Letter,
        recorded_by: facility(AT),
    };
    world.accept("kurume", told);
    let accesses = (0..REPEATED_DENIALS).map(|_| {
        let request = world.request("kurume", AT, subject(3), &["kurume"]);
        world.ask(&request).0
    });
    let alert = SecurityAlert {
        pattern: Pattern::RepeatedDenials,
        viewing: network("kurume"),
        practitioner: practitioner(1),
        accesses: accesses.collect(),
    };
    world.accept("kurume", Body::SecurityAlert(alert));
    world.authority("fukuoka-ken", &["40"]);
    let quake = disaster(&["40"], world.time);
    let until = quake.until.plus_ms(1000);
    let declaration = DisasterId(world.accept("fukuoka-ken", Body::DisasterDeclare(quake)));
    let extend = Body::DisasterExtend { declaration, until };
    world.accept("fukuoka-ken", extend);
    let request = AccessRequest {
        purpose: Purpose::Disaster,
        grounds: Grounds::Disaster {
            declaration,
            consent: DisasterConsent::Oral,
        },
        ..request
    };
    let (_, decisions) = world.ask(&request);
    assert!(matches!(decisions[0].1, Decision::Permit(_)));
    world.accept("fukuoka-ken", Body::DisasterEnd { declaration });
    world.by_majority(&Body::AuthorityEnd {
        authority: network("fukuoka-ken"),
    });
    // A row of what members have said is left by this one.
    let lone = Body::AuthorityAdmit {
        authority: network("saga-ken"),
        name: "佐賀県".to_owned(),
        key: key("saga-ken", KeyPurpose::Authority).public_key(),
        prefectures: [area("41")].into(),
    };
    world.accept("saga", lone);
}
