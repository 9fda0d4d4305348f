//! The world of the table tests: a request that is permitted, from which each case changes one thing.

use crate::testing::{BEGIN, World, facility, grant, network};
use sekisho_domain::*;

pub(super) const PATIENT_SAGA: SubjectId = SubjectId([1; 16]);
pub(super) const PATIENT_KURUME: SubjectId = SubjectId([2; 16]);
pub(super) const SAGA: &str = "4110000001";
pub(super) const KURUME: &str = "4010000001";
pub(super) const KURUME_2: &str = "4010000002";

/// A patient of Saga at a hospital of Kurume: linked, agreed, and consented to disclosure there and viewing here.
pub(super) struct Scene {
    pub world: World,
    pub request: AccessRequest,
    pub disclosing: ConsentId,
    pub viewing: ConsentId,
    pub agreement: Agreement,
}

pub(super) fn scene(rule: ConsentRule) -> Scene {
    scene_with(rule, |_| {})
}

pub(super) fn scene_with(consent_rule: ConsentRule, change: impl Fn(&mut Grant)) -> Scene {
    let mut world = World::of(&["saga", "kurume", "yame"]);
    world.hospital("saga", SAGA);
    world.hospital("kurume", KURUME);
    world.hospital("kurume", KURUME_2);
    world.policy("saga", Some(Scope::AllFacilities), None);
    world.policy("kurume", None, Some(Scope::EachFacility));
    let mut granted = grant("saga", "kurume", consent_rule);
    change(&mut granted);
    let agreement = world.agree("saga-kurume", vec![granted]);
    world.link(("saga", PATIENT_SAGA), ("kurume", PATIENT_KURUME));
    let blanket = world.consent(
        "saga",
        PATIENT_SAGA,
        Side::Disclosing,
        SAGA,
        FacilitySelector::All,
    );
    let disclosing = ConsentId(world.accept("saga", Body::ConsentGrant(blanket)));
    let viewing = world.consent_to_visit("kurume", PATIENT_KURUME, KURUME);
    let request = world.request("kurume", KURUME, PATIENT_KURUME, &["saga"]);
    Scene {
        world,
        request,
        disclosing,
        viewing,
        agreement,
    }
}

impl Scene {
    pub(super) fn decide(&mut self) -> Decision {
        let (_, decisions) = self.world.ask(&self.request.clone());
        decisions.into_iter().next().unwrap().1
    }
    pub(super) fn withdraw(&mut self, network: &str, consent: ConsentId, at: &str) {
        let body = Body::ConsentWithdraw {
            consent,
            way: Withdrawal::Written,
            recorded_by: facility(at),
            evidence: Commitment([3; 32]),
        };
        self.world.accept(network, body);
    }
    pub(super) fn reservation(&self) -> Reservation {
        Reservation {
            network: network("kurume"),
            subject: PATIENT_KURUME,
            viewer: ViewerSelector::Anyone,
            disclosing_facilities: None,
            categories: None,
            period: Period {
                from: BEGIN,
                until: None,
            },
            recorded_by: facility(KURUME),
            purposes: None,
            proxy: None,
        }
    }
    /// The viewing consent is replaced by another.
    pub(super) fn instead(&mut self, change: impl Fn(&mut Consent)) {
        self.world = scene_without_viewing();
        let listed = FacilitySelector::Listed([facility(KURUME)].into());
        let mut consent =
            self.world
                .consent("kurume", PATIENT_KURUME, Side::Viewing, KURUME, listed);
        change(&mut consent);
        self.world.accept("kurume", Body::ConsentGrant(consent));
    }
}

pub(super) fn scene_without_viewing() -> World {
    let mut world = World::of(&["saga", "kurume", "yame"]);
    world.hospital("saga", SAGA);
    world.hospital("kurume", KURUME);
    world.hospital("kurume", KURUME_2);
    world.policy("saga", Some(Scope::AllFacilities), None);
    world.policy("kurume", None, Some(Scope::EachFacility));
    world.agree(
        "saga-kurume",
        vec![grant("saga", "kurume", ConsentRule::Viewing)],
    );
    world.link(("saga", PATIENT_SAGA), ("kurume", PATIENT_KURUME));
    world
}

pub(super) fn ended() -> Period {
    Period {
        from: BEGIN,
        until: Some(BEGIN.plus_ms(5)),
    }
}
