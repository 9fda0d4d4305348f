//! P2, P3, P4 and P5 over random histories of three networks.

mod history;
mod plain_law;

use super::PERMIT_MS_MAX;
use crate::testing::BEGIN;
use crate::{Applied, View};
use history::*;
use plain_law::*;
use proptest::prelude::*;
use proptest::sample::Index;
use sekisho_domain::*;
use std::collections::BTreeSet;

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn p3_p4_exactly_what_the_plain_law_allows_can_be_seen(history in proptest::collection::vec(said(), 0..40)) {
        let mut world = settled();
        history.iter().for_each(|said| hear(&mut world, said));
        let lawful: BTreeSet<_> = sights(&world).into_iter().filter(|sight| may_see(&world, sight)).collect();
        let visible = visible(&world);
        prop_assert!(visible.is_subset(&lawful), "unlawful: {:?}", visible.difference(&lawful).next());
        prop_assert!(lawful.is_subset(&visible), "withheld: {:?}", lawful.difference(&visible).next());
    }

    #[test]
    fn p4_a_permit_lets_nothing_be_seen_that_would_be_denied_by_then(
        history in proptest::collection::vec(said(), 0..40), ms in 1..PERMIT_MS_MAX,
    ) {
        // Nothing is said any more; time alone passes, and the permits are used as late as they may be.
        let mut world = settled();
        history.iter().for_each(|said| hear(&mut world, said));
        let records = decided(&world);
        let ends = records.iter().flat_map(|r| &r.decisions).filter_map(|(_, d)| match d {
            Decision::Permit(terms) => Some(TimeMs(terms.expires.0 - 1)),
            Decision::Deny(_) => None,
        });
        let mut instants: BTreeSet<_> = ends.collect();
        instants.insert(world.time.plus_ms(ms));
        for instant in instants {
            world.time = instant;
            let (then, now) = (seen_under(&world, &records, instant), visible(&world));
            prop_assert!(then.is_subset(&now), "at {instant}: {:?}", then.difference(&now).next());
        }
    }

    #[test]
    fn p4_narrowing_never_lets_anybody_see_more(
        history in proptest::collection::vec(said(), 0..40),
        narrowings in proptest::collection::vec(narrowing(), 1..6),
    ) {
        let mut world = settled();
        history.iter().for_each(|said| hear(&mut world, said));
        let mut before = visible(&world);
        for narrowing in &narrowings {
            narrow(&mut world, narrowing);
            let after = visible(&world);
            prop_assert!(after.is_subset(&before), "{narrowing:?} let be seen: {:?}", after.difference(&before).next());
            before = after;
        }
    }

    #[test]
    fn p4_time_alone_never_renews_what_ended(history in proptest::collection::vec(said(), 0..40), ms in 1..500_000u64) {
        // Every period of these histories begins before now, so waiting can only end some of them.
        let mut world = settled();
        history.iter().for_each(|said| hear(&mut world, said));
        let before = visible(&world);
        world.time = world.time.plus_ms(ms);
        prop_assert!(visible(&world).is_subset(&before));
    }

    #[test]
    fn p5_sending_again_changes_nothing(history in proptest::collection::vec(said(), 1..20), again in any::<Index>()) {
        let mut world = world();
        history.iter().for_each(|said| hear(&mut world, said));
        let request = world.request("kurume", HOSPITALS[0].1, subject(0, 0), &NETWORKS);
        let envelope = world.sign("kurume", Body::AccessRequest(request));
        let first = world.apply(&envelope);
        history.iter().take(again.index(history.len())).for_each(|said| hear(&mut world, said));
        let Applied::Leaf { index, .. } = first else { return Err(TestCaseError::fail(format!("{first:?}"))) };
        world.time = BEGIN.plus_ms(10_000_000); // long after its window
        let meta = View(&world.state).meta().unwrap().unwrap();
        prop_assert_eq!(world.apply(&envelope), Applied::Duplicate { index });
        let after = View(&world.state).meta().unwrap().unwrap();
        prop_assert_eq!((meta.size, meta.digest), (after.size, after.digest));
    }

    #[test]
    fn p2_the_same_history_gives_the_same_tree_and_state(history in proptest::collection::vec(said(), 0..30)) {
        let (mut one, mut other) = (world(), world());
        history.iter().for_each(|said| hear(&mut one, said));
        history.iter().for_each(|said| hear(&mut other, said));
        prop_assert_eq!(&one.state, &other.state);
        let size = crate::tree::size(&one.state).unwrap();
        prop_assert_eq!(crate::tree::root(&one.state, size).unwrap(), crate::tree::root(&other.state, size).unwrap());
    }
}

#[test]
fn the_histories_do_lead_to_permits() {
    // A law about permits would hold of a world without any: make sure there are some.
    let mut world = world();
    let history = [
        Said::Agree {
            a: 1,
            b: 0,
            rule: ConsentRule::Viewing,
            categories: CATEGORIES.to_vec(),
            until: None,
        },
        Said::Link {
            a: 1,
            b: 0,
            subject: 0,
        },
        Said::Grant {
            network: 0,
            subject: 0,
            side: Side::Viewing,
            at: 0,
            categories: None,
            until: None,
        },
    ];
    history.iter().for_each(|said| hear(&mut world, said));
    assert_eq!(
        visible(&world)
            .iter()
            .filter(|sight| sight.target.as_str() == "saga")
            .count(),
        3
    );
}
