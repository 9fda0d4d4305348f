#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use crate::limits::{
    BREAKER_FAILURES, BREAKER_PAUSE_MAX, BREAKER_PAUSE_MIN, EXTRA_CALLS_BURST,
    EXTRA_CALLS_PER_MILLE, NO_NODE_FOR,
};
use proptest::collection::vec;
use proptest::prelude::*;
use sekisho_domain::KeyId;

fn route(ports: &[u8]) -> Route {
    let endpoint = |port: &u8| Endpoint {
        key: KeyId([*port; 32]),
        address: format!("127.0.0.1:{port}"),
    };
    Route {
        endpoints: ports.iter().map(endpoint).collect(),
    }
}

fn saga() -> NetworkId {
    "saga".parse().unwrap()
}

/// A book with one network's page.
fn book(ports: &[u8], now: Instant) -> Book {
    let mut book = Book::default();
    assert!(
        !book.open(&saga(), &route(ports), now),
        "it was nowhere before"
    );
    book
}

/// Has the first endpoint fail until it is left alone.
fn shut_first(book: &mut Book, now: Instant) {
    for failure in 1..=BREAKER_FAILURES {
        let pass = book.first(&saga(), now).unwrap();
        assert_eq!(pass.at, 0);
        assert_eq!(
            book.not_reached(&saga(), &pass, now),
            failure == BREAKER_FAILURES
        );
    }
}

fn spend(book: &mut Book) {
    while book.again(&saga()) {}
}

#[test]
fn the_best_endpoint_is_called_first_and_each_other_once() {
    let now = Instant::now();
    let mut book = book(&[1, 2, 3], now);
    let first = book.first(&saga(), now).unwrap();
    assert_eq!(first.endpoint, route(&[1]).endpoints[0]);
    let mut tried = vec![first.at];
    for expected in [1, 2] {
        let next = book.another(&saga(), &tried, now).unwrap();
        assert_eq!(next.at, expected);
        tried.push(next.at);
    }
    assert_eq!(book.another(&saga(), &tried, now), None);
}

#[test]
fn an_endpoint_left_alone_is_passed_over_and_seen_to_again_after_its_pause() {
    let now = Instant::now();
    let mut book = book(&[1, 2], now);
    shut_first(&mut book, now);
    assert_eq!(book.first(&saga(), now).unwrap().at, 1);
    let due = now + BREAKER_PAUSE_MIN;
    let probe = book.first(&saga(), due).unwrap();
    assert!(probe.at == 0 && probe.probes());
    assert_eq!(book.first(&saga(), due).unwrap().at, 1, "one probe");
    book.reached(&saga(), &probe);
    assert_eq!(book.first(&saga(), due).unwrap().at, 0);
}

#[test]
fn with_all_endpoints_left_alone_there_is_nobody_to_call_until_a_probe_is_due() {
    let now = Instant::now();
    let mut book = book(&[1], now);
    shut_first(&mut book, now);
    assert_eq!(book.first(&saga(), now), None);
    let probe = book.first(&saga(), now + BREAKER_PAUSE_MIN).unwrap();
    book.given_up(&saga(), &probe, Duration::ZERO, now + BREAKER_PAUSE_MIN);
    assert!(book.first(&saga(), now + BREAKER_PAUSE_MIN).is_some());
}

#[test]
fn another_route_on_the_ledger_forgets_what_stood_against_the_last() {
    let now = Instant::now();
    for changed in [&[1, 2][..], &[2], &[2, 1]] {
        let mut book = book(&[1], now);
        shut_first(&mut book, now);
        assert!(!book.open(&saga(), &route(&[1]), now), "the same");
        assert_eq!(book.first(&saga(), now), None);
        assert!(book.open(&saga(), &route(changed), now), "{changed:?}");
        assert!(book.first(&saga(), now).is_some(), "{changed:?}");
    }
    // The same address with a new key is another endpoint too.
    let mut book = book(&[1], now);
    shut_first(&mut book, now);
    let mut renewed = route(&[1]);
    renewed.endpoints[0].key = KeyId([9; 32]);
    assert!(book.open(&saga(), &renewed, now));
    assert!(book.first(&saga(), now).is_some());
}

#[test]
fn a_word_about_an_earlier_route_is_none_about_this_one() {
    let now = Instant::now();
    let mut book = book(&[1], now);
    let old = book.first(&saga(), now).unwrap();
    book.open(&saga(), &route(&[2]), now);
    for _ in 0..2 * BREAKER_FAILURES {
        assert!(!book.not_reached(&saga(), &old, now));
    }
    assert!(book.first(&saga(), now).is_some());
}

#[test]
fn where_another_call_cannot_be_paid_the_safest_endpoint_is_the_first() {
    let now = Instant::now();
    let mut book = book(&[1, 2], now);
    let pass = book.first(&saga(), now).unwrap();
    book.not_reached(&saga(), &pass, now);
    assert_eq!(book.first(&saga(), now).unwrap().at, 0, "it can fail over");
    spend(&mut book);
    assert_eq!(book.another(&saga(), &vec![0], now), None);
    assert_eq!(book.first(&saga(), now).unwrap().at, 1);
}

#[test]
fn an_endpoint_without_a_node_or_overtaken_comes_after_the_others_for_a_while() {
    let now = Instant::now();
    let mut book = book(&[1, 2], now);
    let replica = book.first(&saga(), now).unwrap();
    book.behind(&saga(), &replica, now + NO_NODE_FOR);
    let node = book.first(&saga(), now).unwrap();
    assert_eq!((replica.at, node.at), (0, 1));
    assert_eq!(book.first(&saga(), now + NO_NODE_FOR).unwrap().at, 0);

    let mut book = self::book(&[1, 2], now);
    let slow = book.first(&saga(), now).unwrap();
    let tried = vec![slow.at, 1];
    let quick = book.another(&saga(), &vec![slow.at], now).unwrap();
    book.overtook(&saga(), &quick, &tried, now);
    assert_eq!(book.first(&saga(), now).unwrap().at, 1);
    assert_eq!(book.first(&saga(), now + SLOW_FOR).unwrap().at, 0);
}

#[test]
fn a_second_endpoint_is_worth_asking_only_where_there_is_one() {
    let now = Instant::now();
    for (ports, expected) in [(&[1][..], None), (&[1, 2], Some(Duration::from_millis(40)))] {
        let mut book = book(ports, now);
        assert_eq!(book.hedge_after(&saga(), now), None, "nothing known yet");
        for _ in 0..20 {
            book.took(&saga(), Duration::from_millis(40), now);
        }
        assert_eq!(book.hedge_after(&saga(), now), expected);
    }
}

#[test]
fn the_book_is_bounded_and_forgets_whom_nobody_asked_for_longest() {
    let mut now = Instant::now();
    let mut book = book(&[1], now);
    let network = |n: usize| format!("n{n}").parse::<NetworkId>().unwrap();
    for n in 1..NETWORKS_MAX {
        now += Duration::from_millis(1);
        book.open(&network(n), &route(&[1]), now);
    }
    now += Duration::from_millis(1);
    book.open(&saga(), &route(&[1]), now);
    book.open(&network(0), &route(&[1]), now);
    assert_eq!(book.pages.len(), NETWORKS_MAX);
    assert!(book.pages.contains_key(&saga()) && !book.pages.contains_key(&network(1)));
}

#[derive(Debug, Clone, Copy)]
enum End {
    Reached,
    NotReached,
    GivenUp,
}

proptest! {
    /// A flood of requests at a network whose three endpoints fail as they like; each request calls on as
    /// often as it may.
    #[test]
    fn no_fault_makes_more_calls_than_promised(
        requests in vec((0u64..400, vec((0u8..3, any::<bool>()), 6)), 1..400),
    ) {
        let mut now = Instant::now();
        let mut book = book(&[1, 2, 3], now);
        let (mut asks, mut calls) = (0u32, 0u32);
        for (pause_ms, ends) in requests {
            now += Duration::from_millis(pause_ms);
            let mut tried = Tried::new();
            let Some(mut pass) = book.first(&saga(), now) else { continue };
            asks += 1;
            calls += 1;
            for (end, again) in ends {
                tried.push(pass.at);
                calls += u32::from(again && book.again(&saga()));
                match [End::Reached, End::NotReached, End::GivenUp][usize::from(end)] {
                    End::Reached => book.reached(&saga(), &pass),
                    End::NotReached => { book.not_reached(&saga(), &pass, now); }
                    End::GivenUp => book.given_up(&saga(), &pass, Duration::ZERO, now),
                }
                let Some(next) = book.another(&saga(), &tried, now) else { break };
                calls += 1;
                pass = next;
            }
            prop_assert!(calls * 1_000 <= asks * (1_000 + EXTRA_CALLS_PER_MILLE) + EXTRA_CALLS_BURST * 1_000);
        }
        // Whatever happened, the network is tried again soon.
        prop_assert!(book.first(&saga(), now + BREAKER_PAUSE_MAX).is_some());
    }
}
