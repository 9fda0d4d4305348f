use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

/// What is done to a queue.
#[derive(Debug, Clone, Copy)]
enum Step {
    Push(u8),
    Pop,
    /// Looked at, not wanted.
    Leave,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..5u8).prop_map(Step::Push),
        2 => Just(Step::Push(0)),
        3 => Just(Step::Pop),
        1 => Just(Step::Leave),
    ]
}

/// The same, kept as plainly as can be.
#[derive(Default)]
struct Plain {
    waiting: BTreeMap<u8, Vec<u32>>,
}

impl Plain {
    fn len(&self) -> usize {
        self.waiting.values().map(Vec::len).sum()
    }
    fn of(&self, key: u8) -> usize {
        self.waiting.get(&key).map_or(0, Vec::len)
    }
    fn most(&self) -> usize {
        self.waiting.values().map(Vec::len).max().unwrap_or(0)
    }
}

proptest! {
    /// Nothing lost, nothing twice, each key in order, bounded; refused only where no other has more.
    #[test]
    fn a_fair_queue_keeps_its_promises(steps in vec(step(), 0..400), max in 1..24usize) {
        let mut fair: Fair<u8, (u8, u32)> = Fair::new(max);
        let mut plain = Plain::default();
        for (n, step) in steps.into_iter().enumerate() {
            let n = n as u32;
            match step {
                Step::Push(key) => {
                    let (own, most, full) = (plain.of(key), plain.most(), plain.len() == max);
                    match fair.push(key, (key, n)) {
                        Pushed::Queued => {
                            prop_assert!(!full);
                            plain.waiting.entry(key).or_default().push(n);
                        }
                        Pushed::Displaced((of, newest)) => {
                            prop_assert!(full && plain.of(of) == most && most > own + 1);
                            prop_assert_eq!(plain.waiting.get_mut(&of).unwrap().pop(), Some(newest));
                            plain.waiting.entry(key).or_default().push(n);
                        }
                        Pushed::Refused(again) => {
                            prop_assert_eq!(again, (key, n));
                            prop_assert!(full && most <= own + 1, "{} had {}, another {}", key, own, most);
                        }
                    }
                }
                Step::Pop => match fair.pop_if(|_| true) {
                    Some((of, item)) => prop_assert_eq!(plain.waiting.get_mut(&of).unwrap().remove(0), item),
                    None => prop_assert_eq!(plain.len(), 0),
                },
                Step::Leave => prop_assert!(fair.pop_if(|_| false).is_none()),
            }
            prop_assert_eq!(fair.len(), plain.len());
            prop_assert!(fair.len() <= max);
        }
        while let Some((of, item)) = fair.pop_if(|_| true) {
            prop_assert_eq!(plain.waiting.get_mut(&of).unwrap().remove(0), item);
        }
        prop_assert_eq!(plain.len(), 0);
    }

    /// Whoever waits is served once before anybody is served twice, whatever comes in meanwhile.
    #[test]
    fn in_each_round_everybody_who_waits_is_served_once(
        first in vec(0..6u8, 1..60),
        meanwhile in vec(0..6u8, 0..200),
    ) {
        let mut fair = Fair::new(1_000);
        let mut meanwhile = meanwhile.into_iter();
        for key in first {
            fair.push(key, key);
        }
        for _ in 0..20 {
            let waiting = fair.queues.len();
            let mut served = Vec::new();
            for _ in 0..waiting {
                served.extend(fair.pop_if(|_| true));
                if let Some(key) = meanwhile.next() {
                    fair.push(key, key);
                }
            }
            prop_assert_eq!(served.len(), waiting);
            served.sort_unstable();
            served.dedup();
            prop_assert_eq!(served.len(), waiting, "one was served twice in a round");
        }
    }

    /// Places: bounded, given back in full, and never all one key's.
    #[test]
    fn places_are_bounded_and_some_are_left(takes in vec((0..8u8, any::<bool>()), 0..600)) {
        const MAX: usize = 64;
        const ALWAYS: usize = 3;
        let mut shares = Shares::new(MAX, ALWAYS);
        let mut held: BTreeMap<u8, usize> = BTreeMap::new();
        for (key, take) in takes {
            let own = held.entry(key).or_default();
            if take {
                let taken = shares.take(&key);
                prop_assert!(taken || *own >= ALWAYS, "{} holds {} and is refused", key, own);
                *own += usize::from(taken);
            } else if *own > 0 {
                shares.give_back(&key);
                *own -= 1;
            }
            let total: usize = held.values().sum();
            prop_assert_eq!(shares.total, total);
            prop_assert!(total <= MAX + 8 * ALWAYS);
            prop_assert!(held.values().all(|own| *own <= MAX / 2 + ALWAYS));
        }
        for (key, own) in held {
            for _ in 0..own {
                shares.give_back(&key);
            }
        }
        prop_assert_eq!((shares.total, shares.held.len()), (0, 0));
    }
}

#[test]
fn a_flood_leaves_room_and_turns_to_others() {
    let mut fair = Fair::new(100);
    for n in 0..100 {
        assert_eq!(fair.push("flood", n), Pushed::Queued);
    }
    assert_eq!(fair.push("flood", 100), Pushed::Refused(100));
    // The newest of the flood gives way, until both have as much.
    for n in 0..50 {
        assert_eq!(fair.push("quiet", n), Pushed::Displaced(99 - n), "{n}");
    }
    assert_eq!(fair.push("quiet", 50), Pushed::Refused(50));
    assert_eq!(fair.push("third", 0), Pushed::Displaced(49));
    let served: Vec<_> = std::iter::from_fn(|| fair.pop_if(|_| true))
        .take(5)
        .collect();
    assert_eq!(served, [0, 0, 0, 1, 1]);
}

#[test]
fn one_alone_may_hold_half_of_the_places_and_the_next_half_of_the_rest() {
    let mut shares = Shares::new(64, 2);
    let mut all = |key: &'static str| {
        std::iter::repeat_with(|| shares.take(&key))
            .take_while(|t| *t)
            .count()
    };
    assert_eq!(["a", "b", "c"].map(&mut all), [32, 16, 8]);
    assert_eq!(all("d"), 4);
    assert_eq!(all("e"), 2);
    // Nothing but what is everybody's own.
    assert_eq!(["f", "g", "h", "i"].map(all), [2, 2, 2, 2]);
}
