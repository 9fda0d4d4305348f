//! What grouping promises, by example and as laws.

use super::*;
use proptest::prelude::*;

fn edge(a: u32, b: u32, band: Band, score: f64) -> Edge<u32> {
    Edge {
        a,
        b,
        band,
        score,
        by_rule: band == Band::Apart,
    }
}

fn said(a: u32, b: u32, verdict: Verdict, at_ms: u64) -> Decision<u32> {
    Decision {
        a,
        b,
        verdict,
        who: "desk".to_owned(),
        at_ms,
        why: "asked".to_owned(),
    }
}

fn charts(n: u32) -> BTreeSet<u32> {
    (0..n).collect()
}

fn sets(of: &Persons<u32>) -> Vec<Vec<u32>> {
    of.persons
        .iter()
        .map(|p| p.iter().copied().collect())
        .collect()
}

#[test]
fn links_join_and_reviews_wait() {
    let edges = [
        edge(0, 1, Band::Link, 20.0),
        edge(1, 2, Band::Link, 30.0),
        edge(3, 4, Band::Review, 5.0),
        edge(0, 2, Band::Review, 3.0),
        edge(9, 1, Band::Link, 99.0),
        edge(1, 1, Band::Link, 99.0),
    ];
    let persons = group(&charts(5), &edges, &[]);
    assert_eq!(sets(&persons), [vec![0, 1, 2], vec![3], vec![4]]);
    // 0 and 2 came together through 1.
    assert_eq!(persons.waiting.len(), 1);
    assert_eq!(
        (persons.waiting[0].a, persons.waiting[0].doubt),
        (3, Doubt::Judged)
    );
}

#[test]
fn a_link_that_would_join_what_is_apart_waits_and_says_so() {
    // Twins 0 and 1, and a chart that fits both.
    let edges = [
        edge(0, 2, Band::Link, 20.0),
        edge(1, 2, Band::Link, 25.0),
        edge(0, 1, Band::Apart, 30.0),
    ];
    let persons = group(&charts(3), &edges, &[]);
    assert_eq!(sets(&persons), [vec![0], vec![1, 2]]);
    let waiting = persons.waiting[0];
    assert_eq!(
        (waiting.a, waiting.b, waiting.doubt),
        (0, 2, Doubt::WouldJoin(0, 1))
    );
}

#[test]
fn people_override_machines_and_later_words_earlier_ones() {
    let edges = [edge(0, 1, Band::Link, 40.0), edge(1, 2, Band::Apart, -9.0)];
    let apart = said(1, 0, Verdict::Apart, 5);
    let link = said(1, 2, Verdict::Link, 6);
    let persons = group(&charts(3), &edges, &[apart.clone(), link.clone()]);
    assert_eq!(sets(&persons), [vec![0], vec![1, 2]]);
    // The order of the list does not matter, the time does.
    assert_eq!(group(&charts(3), &edges, &[link, apart.clone()]), persons);
    let later = [apart.clone(), said(0, 1, Verdict::Link, 7)];
    assert_eq!(
        sets(&group(&charts(3), &edges, &later)),
        [vec![0, 1], vec![2]]
    );
    // Taken back: as if it had never been said.
    let undone = [apart, said(0, 1, Verdict::Undo, 8)];
    assert_eq!(
        group(&charts(3), &edges, &undone),
        group(&charts(3), &edges, &[])
    );
}

#[test]
fn where_people_contradict_each_other_the_newer_words_hold() {
    let words = [
        said(0, 1, Verdict::Link, 1),
        said(1, 2, Verdict::Link, 2),
        said(0, 2, Verdict::Apart, 3),
    ];
    let persons = group(&charts(3), &[], &words);
    assert_eq!(sets(&persons), [vec![0], vec![1, 2]]);
    assert_eq!(persons.waiting[0].doubt, Doubt::WouldJoin(0, 2));
    assert_eq!(persons.waiting[0].score, None);
}

#[test]
fn a_person_has_a_bounded_number_of_charts() {
    let n = PERSON_CHARTS_MAX as u32 + 10;
    let edges: Vec<_> = (1..n)
        .map(|k| edge(0, k, Band::Link, f64::from(n - k)))
        .collect();
    let persons = group(&charts(n), &edges, &[]);
    assert_eq!(persons.persons[0].len(), PERSON_CHARTS_MAX);
    assert_eq!(persons.waiting.len(), 10);
    assert!(
        persons
            .waiting
            .iter()
            .all(|w| w.doubt == Doubt::TooManyCharts)
    );
}

const CHARTS: u32 = 10;

fn edges() -> impl Strategy<Value = Vec<Edge<u32>>> {
    let band = prop_oneof![Just(Band::Link), Just(Band::Review), Just(Band::Apart)];
    let one = (0..CHARTS, 0..CHARTS, band, -20i32..40);
    let one = one.prop_map(|(a, b, band, score)| edge(a, b, band, f64::from(score)));
    proptest::collection::vec(one, 0..30)
}

fn words() -> impl Strategy<Value = Vec<Decision<u32>>> {
    let verdict = prop_oneof![
        Just(Verdict::Link),
        Just(Verdict::Apart),
        Just(Verdict::Undo)
    ];
    let one = (0..CHARTS, 0..CHARTS, verdict, 0u64..1000);
    let one = one.prop_map(|(a, b, verdict, at)| said(a, b, verdict, at));
    proptest::collection::vec(one, 0..12)
}

/// The last word on each pair.
fn last_words(words: &[Decision<u32>]) -> BTreeMap<(u32, u32), Verdict> {
    let mut sorted: Vec<_> = words.iter().collect();
    sorted.sort_by_key(|d| d.at_ms);
    sorted
        .iter()
        .map(|d| (pair(&d.a, &d.b), d.verdict))
        .collect()
}

proptest! {
    #[test]
    fn every_chart_is_in_one_person_and_what_is_apart_stays_apart(edges in edges(), words in words()) {
        let persons = group(&charts(CHARTS), &edges, &words);
        let mut all: Vec<u32> = persons.persons.iter().flatten().copied().collect();
        all.sort_unstable();
        prop_assert_eq!(all, charts(CHARTS).into_iter().collect::<Vec<_>>());
        for ((a, b), verdict) in last_words(&words) {
            let together = persons.persons.iter().any(|p| p.contains(&a) && p.contains(&b));
            if verdict == Verdict::Apart && a != b {
                prop_assert!(!together, "{} and {} were said to be apart", a, b);
            }
            if verdict == Verdict::Link && a != b && !together {
                prop_assert!(persons.waiting.iter().any(|w| (w.a, w.b) == (a, b)), "{} {} is lost", a, b);
            }
        }
    }

    #[test]
    fn every_link_is_kept_or_waits(edges in edges()) {
        let persons = group(&charts(CHARTS), &edges, &[]);
        let last: BTreeMap<_, _> = edges.iter().map(|e| (pair(&e.a, &e.b), e)).collect();
        for ((a, b), edge) in last.into_iter().filter(|((a, b), _)| a != b) {
            let together = persons.persons.iter().any(|p| p.contains(&a) && p.contains(&b));
            let waits = persons.waiting.iter().any(|w| (w.a, w.b) == (a, b));
            match edge.band {
                Band::Link => prop_assert!(together ^ waits),
                Band::Review => prop_assert!(together || waits),
                Band::Apart => prop_assert!(!together && !waits),
            }
        }
    }

    #[test]
    fn taking_back_gives_exactly_what_was(edges in edges(), words in words(), a in 0..CHARTS, b in 0..CHARTS) {
        let silent: Vec<_> = words.iter().filter(|d| pair(&d.a, &d.b) != pair(&a, &b)).cloned().collect();
        let mut more = silent.clone();
        more.push(said(a, b, Verdict::Apart, 2000));
        more.push(said(a, b, Verdict::Undo, 2001));
        prop_assert_eq!(group(&charts(CHARTS), &edges, &more), group(&charts(CHARTS), &edges, &silent));
    }

    #[test]
    fn an_unlink_touches_only_the_person_that_held_both(mut edges in edges(), a in 0..CHARTS, b in 0..CHARTS) {
        // Without charts kept apart by rules, persons are what links reach.
        edges.retain(|e| e.band != Band::Apart);
        let before = group(&charts(CHARTS), &edges, &[]);
        let after = group(&charts(CHARTS), &edges, &[said(a, b, Verdict::Apart, 1)]);
        for person in &before.persons {
            if !(person.contains(&a) && person.contains(&b)) || a == b {
                prop_assert!(after.persons.contains(person));
            } else {
                // It is split among its own charts.
                let parts = after.persons.iter().filter(|p| !p.is_disjoint(person));
                let parts: BTreeSet<u32> = parts.flatten().copied().collect();
                prop_assert_eq!(&parts, person);
            }
        }
    }
}
