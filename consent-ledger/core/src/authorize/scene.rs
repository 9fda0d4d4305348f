//! The world of the table tests: a request that is permitted, and every fault that denies it, alone or with others.

use crate::testing::{
    BEGIN, World, disaster, facility, grant, network, policy, practitioner, proxy, purposes_notice,
    reservation, rule,
};
use sekisho_domain::*;

pub(super) const PATIENT_SAGA: SubjectId = SubjectId([1; 16]);
pub(super) const PATIENT_KURUME: SubjectId = SubjectId([2; 16]);
pub(super) const SAGA: &str = "4110000001";
pub(super) const KURUME: &str = "4010000001";
pub(super) const KURUME_2: &str = "4010000002";

/// What the permit stands on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    /// Consents of both sides; the acts' faults are the viewing one's, unless there is to be none.
    Both,
    /// The rule of 2020.
    Recipient,
    /// A disaster drill, and a disclosing consent.
    Drill,
}

impl Base {
    /// Whether a fault can be found where a permit stands on this.
    pub(super) fn knows(self, fault: DenyReason) -> bool {
        use DenyReason::*;
        match fault {
            DisasterNotDeclared | OutsideDisasterArea => self == Self::Drill,
            ExplicitConsentNotRequired | PurposesNotPosted => self == Self::Recipient,
            NoDisclosingConsent => self != Self::Recipient,
            NoViewingConsent => self != Self::Drill,
            _ => true,
        }
    }
}

/// A patient of Saga at a hospital of Kurume: linked, agreed and consented.
pub(super) struct Scene {
    pub world: World,
    pub request: AccessRequest,
    pub agreement: Agreement,
}

impl Scene {
    pub(super) fn decide(&mut self) -> Decision {
        let (_, decisions) = self.world.ask(&self.request.clone());
        decisions.into_iter().next().unwrap().1
    }
    pub(super) fn reason(&mut self) -> Option<DenyReason> {
        match self.decide() {
            Decision::Deny(denial) => Some(denial.reason),
            Decision::Permit(_) => None,
        }
    }
}

pub(super) fn ended() -> Period {
    Period {
        from: BEGIN,
        until: Some(BEGIN.plus_ms(5)),
    }
}

/// The scene with these faults.
pub(super) fn scene(base: Base, faults: &[DenyReason]) -> Scene {
    use DenyReason::*;
    let has = |fault| faults.contains(&fault);
    let mut world = World::unsigned(&["kurume", "saga", "yame"]);
    world.hospital("saga", SAGA);
    world.hospital("kurume", KURUME);
    world.hospital("kurume", KURUME_2);
    let agreement = agree(&mut world, base, faults);
    let link = |world: &mut World| {
        world.link(("saga", PATIENT_SAGA), ("kurume", PATIENT_KURUME));
    };
    if !has(SubjectNotLinked) {
        link(&mut world);
    }
    if !has(PurposesNotPosted) {
        let notice = purposes_notice(None, [Purpose::Treat].into());
        world.accept("saga", Body::NoticePost(notice));
    }
    consent(&mut world, base, faults);
    let mut request = world.request("kurume", KURUME, PATIENT_KURUME, &["saga"]);
    if base == Base::Drill {
        request.purpose = Purpose::Disaster;
        request.grounds = drill(&mut world, faults);
    }
    if has(CategoryNotGranted) || has(ConsentForOtherCategory) {
        request.categories = Some([Category::Imaging].into());
    }
    if has(NotAMember) {
        request.targets = [network("iwami")].into();
    }
    if has(ReservedByPatient) {
        let all = reservation("kurume", PATIENT_KURUME, KURUME);
        world.accept("kurume", Body::ReservationSet(all));
    }
    if has(SubjectDeceased) {
        let died = Body::DeathRecord {
            subject: PATIENT_KURUME,
            recorded_by: facility(KURUME),
        };
        world.accept("kurume", died);
    }
    if has(FacilityNotRegistered) {
        world.leave("kurume", KURUME);
    }
    Scene {
        world,
        request,
        agreement,
    }
}

/// Checks 3 to 12.
fn agree(world: &mut World, base: Base, faults: &[DenyReason]) -> Agreement {
    use DenyReason::*;
    let has = |fault| faults.contains(&fault);
    // No agreement between the two: all of it is with somebody else.
    let other = if has(NoAgreement) { "yame" } else { "saga" };
    let mut granted = grant(other, "kurume", ConsentRule::Both);
    match base {
        Base::Both => {}
        Base::Recipient => {
            granted.consent_rule = ConsentRule::RecipientConsentWithProviderReservation;
        }
        Base::Drill => {
            granted.consent_rule = ConsentRule::NotNeeded;
            granted.purposes = [Purpose::Disaster].into();
        }
    }
    if has(DirectionNotGranted) {
        std::mem::swap(&mut granted.disclosing, &mut granted.viewing);
    }
    if has(GrantNotInPeriod) {
        granted.valid = ended();
    }
    if has(PurposeNotGranted) {
        granted.purposes = match base {
            Base::Drill => [Purpose::Legal].into(),
            _ => [Purpose::HealthcareResearch].into(),
        };
    }
    if has(FacilityKindNotGranted) {
        granted.facility_kinds = [FacilityKind::Pharmacy].into();
    }
    if has(RoleNotGranted) {
        granted.roles = [Role::Paramedic].into();
    }
    if has(CategoryNotGranted) {
        granted.categories = [Category::Allergy].into();
    }
    let mut agreement = Agreement {
        id: "link".parse().unwrap(),
        version: 1,
        parties: [network("kurume"), network(other)].into(),
        grants: vec![granted],
        retention: Retention::NotKept,
        settlement: Settlement::EachOwn,
        valid: crate::testing::ALWAYS,
        text_hash: Hash([8; 32]),
    };
    if has(AgreementNotInPeriod) {
        agreement.valid = ended();
    }
    world.propose(&agreement);
    if !has(AgreementNotSigned) {
        let signature = World::<crate::store::MemoryState>::signature(&agreement);
        world.accept(other, signature);
    }
    if has(AgreementSuspended) {
        let id = agreement.id.clone();
        world.accept("kurume", Body::AgreementSuspend { id });
    }
    agreement
}

/// Checks 13 and 14: the grounds of a drill.
fn drill(world: &mut World, faults: &[DenyReason]) -> Grounds {
    world.authority("kyushu", &["40", "44"]);
    let outside = faults.contains(&DenyReason::OutsideDisasterArea);
    let drill = Disaster {
        drill: true,
        ..disaster(&[if outside { "44" } else { "40" }], world.time)
    };
    let declaration = DisasterId(world.accept("kyushu", Body::DisasterDeclare(drill)));
    if faults.contains(&DenyReason::DisasterNotDeclared) {
        world.accept("kyushu", Body::DisasterEnd { declaration });
    }
    Grounds::Disaster {
        declaration,
        consent: DisasterConsent::Oral,
    }
}

/// Checks 17 to 30: policies and acts, one of which carries the faults.
fn consent(world: &mut World, base: Base, faults: &[DenyReason]) {
    use DenyReason::*;
    let has = |fault| faults.contains(&fault);
    let mut visited = rule(Scope::EachFacility);
    let mut blanket = rule(Scope::AllFacilities);
    if has(ConsentNoticeEnded) || has(ExplicitConsentNotRequired) {
        visited.capture.insert(Capture::NoticeWithOptOut);
        blanket.capture.insert(Capture::NoticeWithOptOut);
    }
    world.publish("saga", policy(0, Some(blanket.clone()), None));
    world.publish("kurume", policy(0, None, Some(visited.clone())));
    let sides = match base {
        Base::Drill => vec![(Side::Disclosing, true)],
        Base::Recipient => vec![(Side::Viewing, true)],
        // Where one side has no act at all, the other one carries the faults.
        Base::Both => {
            let viewing = has(NoViewingConsent);
            vec![(Side::Viewing, !viewing), (Side::Disclosing, viewing)]
        }
    };
    for (side, faulty) in sides {
        let missing = match side {
            Side::Disclosing => NoDisclosingConsent,
            Side::Viewing => NoViewingConsent,
        };
        if !has(missing) {
            act(world, side, if faulty { faults } else { &[] });
        }
    }
    // The policies that stand in the end.
    let explicit = !has(ExplicitConsentNotRequired);
    for (of, side, rule) in [
        ("saga", Side::Disclosing, blanket),
        ("kurume", Side::Viewing, visited),
    ] {
        let mut last = policy(0, None, None);
        last.voids_earlier = has(ConsentVoided);
        let mut rule = rule;
        if explicit {
            rule.capture.remove(Capture::NoticeWithOptOut);
        }
        let gone = has(NoConsentPolicy);
        match (side, gone) {
            (Side::Disclosing, false) | (Side::Viewing, true) => last.disclosing = Some(rule),
            (Side::Viewing, false) | (Side::Disclosing, true) => last.viewing = Some(rule),
        }
        world.publish(of, last);
    }
}

/// One act with its faults.
fn act(world: &mut World, side: Side, faults: &[DenyReason]) {
    use DenyReason::*;
    let has = |fault| faults.contains(&fault);
    let (of, patient, home) = match side {
        Side::Disclosing => ("saga", PATIENT_SAGA, SAGA),
        Side::Viewing => ("kurume", PATIENT_KURUME, KURUME),
    };
    let mut consent = match side {
        Side::Disclosing => world.consent(of, patient, side, home, FacilitySelector::All),
        Side::Viewing => {
            let at = if has(ConsentForOtherFacility) {
                KURUME_2
            } else {
                home
            };
            let own = FacilitySelector::Listed([facility(at)].into());
            world.consent(of, patient, side, at, own)
        }
    };
    if side == Side::Disclosing {
        // A drill opens only what was consented to for disasters by name.
        consent.purposes = Some([Purpose::Treat, Purpose::Disaster].into());
        if has(ConsentForOtherFacility) {
            consent.counterpart = Some([facility(KURUME_2)].into());
        }
    }
    if has(ConsentNotInPeriod) {
        consent.period.from = BEGIN.plus_ms(1_000_000_000);
    }
    let mut speaking = None;
    if has(ConsentProxyEnded) {
        let parent = proxy(of, patient, home, ProxyKind::Parent);
        speaking = Some(ProxyId(world.accept(of, Body::ProxyRegister(parent))));
        consent.proxy = speaking;
    }
    let mut posted = None;
    if has(ConsentNoticeEnded) {
        let notice = purposes_notice(None, [Purpose::Treat].into());
        posted = Some(NoticeId(world.accept(of, Body::NoticePost(notice))));
        consent.capture = Capture::NoticeWithOptOut;
    }
    if has(ConsentForOtherPractitioner) {
        consent.practitioners = Some([practitioner(5)].into());
    }
    if has(ConsentForOtherPurpose) {
        consent.purposes = Some([Purpose::PatientRequest].into());
    }
    if has(ConsentForOtherCategory) {
        consent.categories = Some([Category::Meal].into());
    }
    let recorded_by = consent.recorded_by.clone();
    let id = ConsentId(world.accept(of, Body::ConsentGrant(consent)));
    if let Some(notice) = posted {
        world.accept(of, Body::NoticeRemove { notice });
    }
    if let Some(proxy) = speaking {
        let ended = Body::ProxyEnd {
            proxy,
            reason: ProxyEndReason::CameOfAge,
            recorded_by,
        };
        world.accept(of, ended);
    }
    if has(ConsentWithdrawn) {
        world.withdraw(of, id, home);
    }
}
