use super::*;
use crate::testing::{World, grant, network, subject};
use crate::view::View;
use sekisho_domain::{AccessRequest, ConsentRule, Scope, Transfer};

const SAGA: &str = "4110000001";
const KURUME: &str = "4010000001";
const DOCUMENT: Commitment = Commitment([6; 32]);

fn transfer(access: EntryIndex, content: u8) -> Transfer {
    Transfer {
        access,
        disclosing: network("saga"),
        document: DOCUMENT,
        content: Commitment([content; 32]),
    }
}

fn unmatched(world: &World, now: TimeMs) -> Vec<Unmatched> {
    let (view, mut transfers) = (View(&world.state), Transfers::default());
    let size = view.meta().unwrap().unwrap().size;
    for index in 0..size {
        let leaf = view.leaf(EntryIndex(index)).unwrap().unwrap();
        transfers.take(&Leaf::decode(&leaf).unwrap());
    }
    transfers.unmatched(now)
}

#[test]
fn each_record_without_the_other_is_found_once_there_was_time_for_both() {
    let mut world = World::unsigned(&["kurume", "saga"]);
    world.hospital("saga", SAGA);
    world.hospital("kurume", KURUME);
    world.policy("kurume", None, Some(Scope::EachFacility));
    world.agree("link", vec![grant("saga", "kurume", ConsentRule::Viewing)]);
    world.link(("saga", subject(1)), ("kurume", subject(2)));
    world.consent_to_visit("kurume", subject(2), KURUME);
    let ask = |world: &mut World| {
        let request = AccessRequest {
            action: Action::RetrieveDocument,
            document: Some(DOCUMENT),
            ..world.request("kurume", KURUME, subject(2), &["saga"])
        };
        world.ask(&request).0
    };
    let [nothing, both, released, received, different] = [(); 5].map(|()| ask(&mut world));
    let release = |world: &mut World, access, content| {
        world.accept("saga", Body::Release(transfer(access, content)));
    };
    let receive = |world: &mut World, access, content| {
        world.accept("kurume", Body::Receipt(transfer(access, content)));
    };
    release(&mut world, both, 1);
    release(&mut world, released, 1);
    receive(&mut world, both, 1);
    receive(&mut world, received, 1);
    release(&mut world, different, 1);
    receive(&mut world, different, 2);
    let last = View(&world.state).meta().unwrap().unwrap().time;
    let found = |world: &World, now| -> Vec<(EntryIndex, Mismatch)> {
        let all = unmatched(world, now).into_iter();
        all.map(|it| (it.access, it.mismatch)).collect()
    };
    assert_eq!(found(&world, last), [(different, Mismatch::Different)]);
    let later = last.plus_ms(MATCH_MS);
    let expected = [
        (released, Mismatch::ReleaseOnly),
        (received, Mismatch::ReceiptOnly),
        (different, Mismatch::Different),
    ];
    assert_eq!(found(&world, later), expected);
    let all = unmatched(&world, later);
    assert!(
        all.iter()
            .all(|it| it.viewing == network("kurume") && it.disclosing == network("saga"))
    );
    assert!(all.iter().all(|it| it.access != nothing));
    receive(&mut world, released, 1);
    assert_eq!(found(&world, later), expected[1..]);
}
