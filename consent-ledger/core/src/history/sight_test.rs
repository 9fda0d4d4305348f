//! What the condensed answer says is what every single request would have come to.

use super::members::{Way, ways};
use super::town::{EAST, Town, patient, town};
use super::{KeptOut, Seen, Sight, who_could_see};
use crate::testing::{facility, network, practitioner};
use crate::{View, authorize};
use sekisho_domain::*;

fn seen(town: &Town, of: &SubjectRef, category: Category) -> Seen {
    let (mut last, mut all) = (0, 0);
    let seen = who_could_see(
        View(&town.world.state),
        of,
        category,
        town.world.time,
        &mut |done, of| (last, all) = (done, of),
    )
    .unwrap();
    assert_eq!(last, all, "every facility was looked at");
    seen
}

/// What the answer says of one request.
fn says(
    seen: &Seen,
    disclosing: &SubjectRef,
    viewing: &SubjectRef,
    at: &FacilityId,
    by: PractitionerId,
    way: Way,
) -> Option<Result<Vec<Basis>, ()>> {
    let disaster = match way.grounds {
        Grounds::Disaster { declaration, .. } => Some(declaration),
        _ => None,
    };
    let asked = |asked: &[super::Asked]| {
        asked
            .iter()
            .any(|a| a.roles.contains(&way.role) && a.purposes.contains(&way.purpose))
    };
    let sight = |s: &&Sight, who| {
        (&s.disclosing, &s.viewing, s.disaster, s.practitioner)
            == (disclosing, viewing, disaster, who)
            && s.facilities.contains_key(at)
            && asked(&s.asked)
    };
    let kept = |k: &&KeptOut, who| {
        (&k.disclosing, &k.viewing, k.disaster, k.practitioner)
            == (disclosing, viewing, disaster, who)
            && k.facilities.contains_key(at)
            && asked(&k.asked)
    };
    // What is said of one practitioner comes before what is said of all.
    for who in [Some(by), None] {
        let sights: Vec<_> = seen.sights.iter().filter(|s| sight(s, who)).collect();
        let kept_out: Vec<_> = seen.kept_out.iter().filter(|k| kept(k, who)).collect();
        assert!(sights.len() + kept_out.len() <= 1, "said once");
        if let Some(sight) = sights.first() {
            return Some(Ok(sight.bases.clone()));
        }
        if !kept_out.is_empty() {
            return Some(Err(()));
        }
    }
    None
}

#[test]
fn the_condensed_answer_is_what_each_request_would_have_come_to() {
    let town = town();
    let view = View(&town.world.state);
    let mut permitted = 0;
    let mut reserved = 0;
    for category in [
        Category::Diagnosis,
        Category::Infection,
        Category::ProgressNote,
    ] {
        for of in ["west", "east", "north"].map(patient) {
            let seen = seen(&town, &of, category);
            let mut patients = vec![of.clone()];
            patients.extend(super::members::linked(view, &of).unwrap());
            for disclosing in &patients {
                for viewing in ["west", "east", "north"].map(patient) {
                    let linked = viewing == *disclosing
                        || view.linked(&viewing, &disclosing.network).unwrap()
                            == Some(disclosing.subject);
                    for (at, member) in view.facilities(100).unwrap() {
                        if member.network != viewing.network {
                            continue;
                        }
                        for by in [1, 7, 8].map(practitioner) {
                            for way in ways(&[town.disaster]) {
                                let request = AccessRequest {
                                    role: way.role,
                                    practitioner_id: by,
                                    purpose: way.purpose,
                                    grounds: way.grounds,
                                    categories: Some([category].into()),
                                    ..town.world.request(
                                        viewing.network.as_str(),
                                        at.as_str(),
                                        viewing.subject,
                                        &[disclosing.network.as_str()],
                                    )
                                };
                                let decided = authorize(view, &request, town.world.time).unwrap();
                                let said = says(&seen, disclosing, &viewing, &at, by, way);
                                match &decided[0].1 {
                                    Decision::Permit(terms) => {
                                        permitted += 1;
                                        assert!(linked);
                                        assert_eq!(said, Some(Ok(terms.bases.clone())));
                                    }
                                    Decision::Deny(d)
                                        if d.reason == DenyReason::ReservedByPatient =>
                                    {
                                        reserved += 1;
                                        assert_eq!(said, Some(Err(())), "{request:?}");
                                    }
                                    Decision::Deny(_) => assert_eq!(said, None, "{request:?}"),
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    assert!(permitted > 20 && reserved > 10, "{permitted} {reserved}");
}

#[test]
fn who_is_kept_out_is_told_with_the_reservation_that_does_it() {
    let town = town();
    let by = |seen: &Seen, practitioner: Option<PractitionerId>, purpose: Purpose| {
        let kept = seen.kept_out.iter().find(|k| {
            k.practitioner == practitioner
                && k.asked.iter().any(|a| a.purposes.contains(&purpose))
                && k.facilities.contains_key(&facility(EAST[0]))
                && k.disclosing.network == network("west")
        });
        kept.map(|k| k.reservations.iter().copied().collect::<Vec<_>>())
    };
    let west = patient("west");
    let infection = seen(&town, &west, Category::Infection);
    assert_eq!(
        by(&infection, None, Purpose::Treat),
        Some(vec![town.infection])
    );
    assert_eq!(
        by(&infection, Some(practitioner(8)), Purpose::Treat),
        Some(vec![town.infection, town.eight]),
        "each alone"
    );
    let notes = seen(&town, &west, Category::ProgressNote);
    assert_eq!(
        by(&notes, None, Purpose::BreakGlass),
        Some(vec![town.ceiling])
    );
    assert_eq!(by(&notes, None, Purpose::Treat), None, "not held back");
    assert_eq!(
        by(&notes, Some(practitioner(8)), Purpose::Treat),
        Some(vec![town.eight])
    );
}

#[test]
fn what_many_have_in_common_is_one_line() {
    let town = town();
    let seen = seen(&town, &patient("west"), Category::Diagnosis);
    let by_law: Vec<_> = seen
        .sights
        .iter()
        .filter(|s| s.footing == Footing::Law && s.disclosing == patient("west"))
        .collect();
    assert_eq!(by_law.len(), 1, "{by_law:#?}");
    let hospitals: Vec<_> = by_law[0]
        .facilities
        .keys()
        .map(FacilityId::as_str)
        .collect();
    assert_eq!(hospitals, EAST);
    assert_eq!(by_law[0].asked.len(), 1);
    assert!(seen.sights.len() < 12, "{:#?}", seen.sights);
}

#[test]
fn nobody_sees_what_nobody_may() {
    let mut town = town();
    let at = |town: &Town| {
        let seen = seen(town, &patient("west"), Category::Diagnosis);
        let by_consent = |s: &&Sight| s.footing == Footing::Consent;
        seen.sights.iter().filter(by_consent).count()
    };
    assert!(at(&town) > 0);
    town.world
        .withdraw("west", town.blanket, super::town::WEST[0]);
    let seen = seen(&town, &patient("west"), Category::Diagnosis);
    let wests = seen
        .sights
        .iter()
        .filter(|s| s.disclosing.network == network("west") && s.footing == Footing::Consent);
    assert_eq!(wests.count(), 0, "the blanket consent is gone");
}
