//! What the table is tried on.

use crate::patterns::REPEATED_DENIALS;
use crate::testing::{
    World, area, disaster, facility, grant, grant_without_consent, key, network, policy,
    practitioner, proxy, purposes_notice, reservation, review, rule, subject,
};
use sekisho_domain::*;
use std::collections::BTreeMap;

const SAGA: &str = "4110000001";
const KURUME: &str = "4010000001";

/// A world in which the network it is about is Saga and the authority Saga's: everything is there that a row needs.
pub(super) struct Stage {
    pub world: World,
    /// The same, once the authority has been ended.
    pub ended: World,
    /// One body for each row, that the right author may say now.
    pub bodies: BTreeMap<&'static str, Body>,
}

pub(super) fn stage() -> Stage {
    let mut world = World::of(&["kurume", "saga", "yame"]);
    for of in ["kurume", "saga"] {
        world.certify(of, KeyPurpose::Officer);
    }
    world.authority("saga-ken", &["41"]);
    world.authority("fukuoka-ken", &["40"]);
    world.hospital("saga", SAGA);
    world.hospital("kurume", KURUME);
    world.hospital("saga", "4110000002");
    for of in ["kurume", "saga"] {
        world.policy(of, Some(Scope::AllFacilities), Some(Scope::EachFacility));
    }
    revoked_keys(&mut world);
    let mut bodies = BTreeMap::new();
    let mut row = |name, body| drop(bodies.insert(name, body));
    members(&mut world, &mut row);
    agreements(&mut world, &mut row);
    patients(&mut world, &mut row);
    accesses(&mut world, &mut row);
    disasters(&mut world, &mut row);
    let mut ended = world.clone();
    ended.by_majority(&bodies["authority-end"]);
    Stage {
        world,
        ended,
        bodies,
    }
}

/// For each purpose a key of Saga, and one of its authority, that was registered and revoked.
fn revoked_keys(world: &mut World) {
    for purpose in KeyPurpose::ALL.iter().copied() {
        let ruler = match purpose {
            KeyPurpose::Authority => key("saga-ken", KeyPurpose::Authority),
            _ => key("saga", KeyPurpose::Governance),
        };
        let old = key("old", purpose);
        let endpoint = (purpose == KeyPurpose::Transport).then(|| "old.example:7410".to_owned());
        let added = Body::KeyAdd {
            purpose,
            public_key: old.public_key(),
            endpoint,
        };
        world.accept_with(&ruler, added);
        world.accept_with(&ruler, Body::KeyRevoke { key: old.key_id() });
    }
}

fn members(world: &mut World, row: &mut impl FnMut(&'static str, Body)) {
    let fresh = |name| key(name, KeyPurpose::Node).public_key();
    let name = "新しい組織".to_owned();
    let admitted = Body::NetworkAdmit {
        network: network("yanagawa"),
        name: name.clone(),
        governance_key: fresh("yanagawa"),
    };
    row("network-admit", admitted);
    let admitted = Body::AuthorityAdmit {
        authority: network("kumamoto-ken"),
        name,
        key: fresh("kumamoto-ken"),
        prefectures: [area("43")].into(),
    };
    row("authority-admit", admitted);
    let authority = network("saga-ken");
    row("authority-end", Body::AuthorityEnd { authority });
    let add = |purpose, public_key| Body::KeyAdd {
        purpose,
        public_key,
        endpoint: None,
    };
    let node = add(KeyPurpose::Node, fresh("a node"));
    row("key-add (node)", node);
    let authority = add(KeyPurpose::Authority, fresh("an authority"));
    row("key-add (authority)", authority);
    let transport = key("saga", KeyPurpose::Transport).key_id();
    row("key-revoke (transport)", Body::KeyRevoke { key: transport });
    let allocate = |of| Body::ReplicaAllocate {
        endpoint: "replica.example:7420".to_owned(),
        transport_key: key(of, KeyPurpose::Transport).public_key(),
        checkpoint_key: key(of, KeyPurpose::Checkpoint).public_key(),
    };
    row("replica-allocate", allocate("third of saga"));
    // Saga votes already, so that a second vote is for all to give.
    let second = world.accept("saga", allocate("second of saga"));
    let replica = ReplicaId::allocated(1, second);
    row("replica-promote", Body::ReplicaPromote { replica });
    row("replica-retire", Body::ReplicaRetire { replica });
    let second = key("saga-ken-2", KeyPurpose::Authority);
    let added = add(KeyPurpose::Authority, second.public_key());
    world.accept_with(&key("saga-ken", KeyPurpose::Authority), added);
    let key = second.key_id();
    row("key-revoke (authority)", Body::KeyRevoke { key });
    let registered = Body::FacilityRegister {
        facility: facility("4110000009"),
        kind: FacilityKind::Clinic,
        name: "診療所".to_owned(),
        municipality: None,
    };
    row("facility-register", registered);
    let left = facility("4110000002");
    row("facility-leave", Body::FacilityLeave { facility: left });
    let next = policy(2, Some(rule(Scope::AllFacilities)), None);
    row("consent-policy-publish", Body::ConsentPolicyPublish(next));
    let notice = purposes_notice(None, [Purpose::Treat].into());
    row("notice-post", Body::NoticePost(notice.clone()));
    let notice = NoticeId(world.accept("saga", Body::NoticePost(notice)));
    row("notice-remove", Body::NoticeRemove { notice });
}

/// Saga and Yame sign; Kurume is no party.
fn agreements(world: &mut World, row: &mut impl FnMut(&'static str, Body)) {
    let standing = world.agree("standing", vec![grant("saga", "yame", ConsentRule::Both)]);
    let next = Agreement {
        version: 2,
        ..standing.clone()
    };
    row("agreement-propose", Body::AgreementPropose(next));
    let id = standing.id.clone();
    row("agreement-suspend", Body::AgreementSuspend { id });
    let id = standing.id.clone();
    row("agreement-terminate", Body::AgreementTerminate { id });
    let offered = Agreement {
        id: "offered".parse().unwrap(),
        ..standing
    };
    world.accept("yame", Body::AgreementPropose(offered.clone()));
    row(
        "agreement-sign",
        World::<crate::store::MemoryState>::signature(&offered),
    );
}

fn patients(world: &mut World, row: &mut impl FnMut(&'static str, Body)) {
    let here = facility(SAGA);
    let all = FacilitySelector::All;
    let blanket = world.consent("saga", subject(1), Side::Disclosing, SAGA, all);
    row("consent-grant", Body::ConsentGrant(blanket.clone()));
    let consent = ConsentId(world.accept("saga", Body::ConsentGrant(blanket)));
    let withdrawn = Body::ConsentWithdraw {
        consent,
        way: Withdrawal::Written,
        recorded_by: here.clone(),
        evidence: Commitment([3; 32]),
    };
    row("consent-withdraw", withdrawn);
    let mut later = reservation("saga", subject(1), SAGA);
    later.period.from = world.time.plus_ms(1_000_000_000);
    row("reservation-set", Body::ReservationSet(later.clone()));
    let reservation = ReservationId(world.accept("saga", Body::ReservationSet(later)));
    let cleared = Body::ReservationClear {
        reservation,
        recorded_by: here.clone(),
    };
    row("reservation-clear", cleared);
    let sealed = Commitment([5; 32]);
    row("reservation-seal", Body::ReservationSeal { sealed });
    let seal = SealId(world.accept("saga", Body::ReservationSeal { sealed }));
    row("reservation-unseal", Body::ReservationUnseal { seal });

    let yame = |subject| SubjectRef {
        network: network("yame"),
        subject,
    };
    let (own, other) = (subject(1), yame(subject(3)));
    row("subject-link", Body::SubjectLink { own, other });
    let (own, other) = (subject(8), yame(subject(9)));
    let said = Body::SubjectLink {
        own,
        other: other.clone(),
    };
    world.accept("saga", said);
    row("subject-unlink", Body::SubjectUnlink { own, other });

    let guardian = proxy("saga", subject(1), SAGA, ProxyKind::Guardian);
    row("proxy-register", Body::ProxyRegister(guardian.clone()));
    let proxy = ProxyId(world.accept("saga", Body::ProxyRegister(guardian)));
    let ended = Body::ProxyEnd {
        proxy,
        reason: ProxyEndReason::Revoked,
        recorded_by: here.clone(),
    };
    row("proxy-end", ended);
    let died = |patient| Body::DeathRecord {
        subject: subject(patient),
        recorded_by: here.clone(),
    };
    row("death-record", died(1));
    world.accept("saga", died(7));
    let lives = Body::DeathRetract {
        subject: subject(7),
        recorded_by: here.clone(),
    };
    row("death-retract", lives);
}

/// Saga asks Kurume and gets, Kurume asks Saga and is given; and Saga has broken the glass.
fn accesses(world: &mut World, row: &mut impl FnMut(&'static str, Body)) {
    let mut grants = Vec::new();
    for (a, b) in [("saga", "kurume"), ("kurume", "saga")] {
        grants.push(grant(a, b, ConsentRule::Viewing));
        grants.push(grant_without_consent(a, b, [Purpose::BreakGlass].into()));
    }
    world.agree("mutual", grants);
    world.link(("saga", subject(4)), ("kurume", subject(5)));
    world.consent_to_visit("saga", subject(4), SAGA);
    world.consent_to_visit("kurume", subject(5), KURUME);
    let (document, content) = (Commitment([6; 32]), Commitment([7; 32]));
    let mut retrieve = |by: &str, at, patient, of| {
        let request = AccessRequest {
            action: Action::RetrieveDocument,
            document: Some(document),
            ..world.request(by, at, patient, &[of])
        };
        let (access, decisions) = world.ask(&request);
        assert!(matches!(decisions[0].1, Decision::Permit(_)));
        let transfer = Transfer {
            access,
            disclosing: network(of),
            document,
            content,
        };
        (request, transfer)
    };
    let (request, got) = retrieve("saga", SAGA, subject(4), "kurume");
    let (_, given) = retrieve("kurume", KURUME, subject(5), "saga");
    row("release", Body::Release(given));
    row("receipt", Body::Receipt(got));
    let broken = AccessRequest {
        purpose: Purpose::BreakGlass,
        grounds: Grounds::Emergency(EmergencyReason::NoTime),
        ..request.clone()
    };
    row("access-request", Body::AccessRequest(request));
    let (access, _) = world.ask(&broken);
    let judged = review(access, Verdict::Appropriate);
    row("emergency-review", Body::EmergencyReview(judged));
    let told = Body::PatientTold {
        access,
        way: Told::InPerson,
        recorded_by: facility(SAGA),
    };
    row("patient-told", told);
    row("security-alert", alert(world));
}

/// On a physician of Saga's, who asked only Saga itself.
fn alert(world: &mut World) -> Body {
    let accesses = (0..REPEATED_DENIALS).map(|_| {
        let request = world.request("saga", SAGA, subject(99), &["saga"]);
        world.ask(&request).0
    });
    Body::SecurityAlert(SecurityAlert {
        pattern: Pattern::RepeatedDenials,
        viewing: network("saga"),
        practitioner: practitioner(1),
        accesses: accesses.collect(),
    })
}

fn disasters(world: &mut World, row: &mut impl FnMut(&'static str, Body)) {
    let quake = disaster(&["41"], world.time);
    row("disaster-declare", Body::DisasterDeclare(quake.clone()));
    let until = quake.until.plus_ms(1000);
    let declaration = DisasterId(world.accept("saga-ken", Body::DisasterDeclare(quake)));
    let extended = Body::DisasterExtend { declaration, until };
    row("disaster-extend", extended);
    row("disaster-end", Body::DisasterEnd { declaration });
}
