#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// One that opened just now.
fn opened(now: Instant) -> Breaker {
    let mut breaker = Breaker::new();
    for failure in 1..=BREAKER_FAILURES {
        let ticket = breaker.admit(now).unwrap();
        assert!(!ticket.probes());
        assert_eq!(
            breaker.not_reached(ticket, now),
            failure == BREAKER_FAILURES
        );
    }
    breaker
}

#[test]
fn it_opens_after_failures_in_a_row_and_lets_one_probe_through_after_the_pause() {
    let now = Instant::now();
    let mut breaker = opened(now);
    let due = now + BREAKER_PAUSE_MIN;
    assert_eq!(breaker.admit(due - Duration::from_millis(1)), None);
    assert!(breaker.admit(due).unwrap().probes());
    assert_eq!(breaker.admit(due), None, "one probe at a time");
    breaker.reached();
    assert_eq!(breaker.admits(due), Some(Admission::Free));
}

#[test]
fn what_was_reached_in_between_begins_the_count_anew() {
    let now = Instant::now();
    let mut breaker = Breaker::new();
    for _ in 0..10 {
        for _ in 1..BREAKER_FAILURES {
            assert!(!breaker.not_reached(Ticket(None), now));
        }
        assert_eq!(breaker.admits(now), Some(Admission::Doubtful));
        breaker.reached();
    }
}

#[test]
fn each_failed_probe_doubles_the_pause_up_to_the_bound() {
    let mut now = Instant::now();
    let mut breaker = opened(now);
    let mut pauses = Vec::new();
    for _ in 0..40 {
        let State::Open { until, .. } = breaker.state else {
            unreachable!("{breaker:?}");
        };
        pauses.push(until - now);
        now = until;
        let probe = breaker.admit(now).unwrap();
        assert!(breaker.not_reached(probe, now));
    }
    let ms: Vec<_> = pauses.iter().map(Duration::as_millis).collect();
    assert_eq!(ms[..7], [250, 500, 1_000, 2_000, 4_000, 8_000, 10_000]);
    assert!(ms[7..].iter().all(|pause| *pause == 10_000));
}

#[test]
fn a_probe_that_is_given_up_leaves_its_turn_to_the_next_call() {
    let now = Instant::now();
    let mut breaker = opened(now);
    let due = now + BREAKER_PAUSE_MIN;
    let probe = breaker.admit(due).unwrap();
    breaker.given_up(Ticket(None), due);
    assert_eq!(breaker.admit(due), None, "another call's end is no probe's");
    breaker.given_up(probe, due);
    let next = breaker.admit(due).unwrap();
    assert!(next.probes() && next != probe);
    assert!(
        !breaker.not_reached(probe, due),
        "nor is an earlier probe's"
    );
    assert_eq!(breaker.admit(due), None);
}

#[test]
fn what_was_begun_before_it_opened_neither_lengthens_the_pause_nor_ends_the_probe() {
    let now = Instant::now();
    let mut breaker = opened(now);
    let open = breaker.state;
    assert!(!breaker.not_reached(Ticket(None), now));
    assert_eq!(breaker.state, open);
    let due = now + BREAKER_PAUSE_MIN;
    assert!(breaker.admit(due).unwrap().probes());
    assert!(!breaker.not_reached(Ticket(None), due));
    assert_eq!(breaker.admit(due), None);
}

/// What can happen to an endpoint: time passes, a call sets out, and one of those under way ends.
#[derive(Debug, Clone)]
enum Event {
    Pass(u64),
    Call,
    End(usize, End),
}

#[derive(Debug, Clone, Copy)]
enum End {
    Reached,
    NotReached,
    GivenUp,
}

fn event() -> impl Strategy<Value = Event> {
    let end = prop_oneof![
        1 => Just(End::Reached),
        5 => Just(End::NotReached),
        1 => Just(End::GivenUp),
    ];
    prop_oneof![
        (0u64..12_000).prop_map(Event::Pass),
        Just(Event::Call),
        Just(Event::Call),
        (0usize..8, end).prop_map(|(call, end)| Event::End(call, end)),
    ]
}

proptest! {
    #[test]
    fn whatever_happens(events in vec(event(), 1..300)) {
        let mut now = Instant::now();
        let mut breaker = Breaker::new();
        // Calls under way, and which of them is the probe; when it opened last.
        let (mut calls, mut failures): (Vec<(Ticket, bool)>, u32) = (Vec::new(), 0);
        let mut opened: Option<Instant> = None;
        for event in events {
            let probing = calls.iter().any(|(_, probe)| *probe);
            match event {
                Event::Pass(ms) => now += Duration::from_millis(ms),
                Event::Call => {
                    let admitted = breaker.admit(now);
                    match (opened, admitted) {
                        (None, ticket) => {
                            prop_assert_eq!(ticket, Some(Ticket(None)), "closed: everybody");
                        }
                        (Some(at), Some(ticket)) => {
                            prop_assert!(ticket.probes() && !probing, "open: one probe at a time");
                            prop_assert!(now - at >= BREAKER_PAUSE_MIN);
                        }
                        (Some(at), None) => {
                            prop_assert!(probing || now - at < BREAKER_PAUSE_MAX, "shut for too long");
                        }
                    }
                    calls.extend(admitted.map(|ticket| (ticket, ticket.probes())));
                }
                Event::End(call, end) if !calls.is_empty() => {
                    let (ticket, probe) = calls.swap_remove(call % calls.len());
                    match end {
                        End::Reached => {
                            breaker.reached();
                            calls.iter_mut().for_each(|(_, probe)| *probe = false);
                            (failures, opened) = (0, None);
                        }
                        End::NotReached => {
                            failures += u32::from(opened.is_none());
                            let due = opened.is_none() && failures == BREAKER_FAILURES;
                            prop_assert_eq!(breaker.not_reached(ticket, now), due || probe);
                            if due || probe {
                                opened = Some(now);
                            }
                        }
                        End::GivenUp => breaker.given_up(ticket, now),
                    }
                }
                Event::End(..) => {}
            }
        }
    }
}
