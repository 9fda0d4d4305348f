use super::*;
use sekisho_domain::NetworkOutcome;

const NOW: TimeMs = TimeMs(1_700_000_000_000);

fn entry(unique_id: &str, content: u8, service: u64, created: u64) -> v1::DocumentEntry {
    v1::DocumentEntry {
        unique_id: unique_id.to_owned(),
        hash: vec![content; 32],
        service_start_ms: Some(service),
        creation_time_ms: created,
        ..Default::default()
    }
}

fn ended(network: &str, documents: Vec<v1::DocumentEntry>) -> Ended {
    Ended {
        network: network.parse().unwrap(),
        outcome: NetworkOutcome::Answered {
            count: documents.len() as u64,
        },
        documents,
        elapsed_ms: 1,
        statement: None,
        footing: None,
    }
}

fn ask(id: ResultId, max: u32, after: &[u8]) -> v1::PageRequest {
    v1::PageRequest {
        result: id.to_vec(),
        practitioner: "dr-7".to_owned(),
        max,
        after: after.to_vec(),
    }
}

fn keep(frozen: &Frozen, id: ResultId, ended: &[Ended], now: TimeMs) -> Option<v1::FrozenResult> {
    let answers = ended.iter().map(Answered::of).collect();
    frozen.keep(id, "dr-7", EntryIndex(9), answers, now)
}

#[test]
fn equal_documents_are_one_and_other_contents_are_versions() {
    let answers = [
        ended(
            "saga",
            vec![
                entry("b", 1, 20, 5),
                entry("a", 1, 10, 5),
                entry("c", 1, 20, 5),
            ],
        ),
        ended(
            "yame",
            vec![
                entry("a", 1, 10, 5),
                entry("b", 2, 20, 7),
                entry("b", 3, 20, 6),
            ],
        ),
    ];
    let found = |answers: &[Ended]| -> Vec<_> {
        let merged = merged(answers.iter().map(Answered::of).collect());
        merged.iter().map(|it| shown(it).unwrap()).collect()
    };
    let [saga, yame] = answers.clone();
    let turned = found(&[yame, saga]);
    let found = found(&answers);
    let told: Vec<_> = found
        .iter()
        .map(|found| {
            let of = |it: &v1::FoundDocument| {
                (it.document.as_ref().unwrap().hash[0], it.networks.join("+"))
            };
            let id = found.document.as_ref().unwrap().unique_id.clone();
            (
                id,
                of(found),
                found.versions.iter().map(of).collect::<Vec<_>>(),
            )
        })
        .collect();
    let is = |content, networks: &str| (content, networks.to_owned());
    let expected = [
        (
            "b".to_owned(),
            is(2, "yame"),
            vec![is(3, "yame"), is(1, "saga")],
        ),
        ("c".to_owned(), is(1, "saga"), vec![]),
        ("a".to_owned(), is(1, "saga+yame"), vec![]),
    ];
    assert_eq!(told, expected);
    assert_eq!(turned, found, "whoever answered first");
}

#[test]
fn pages_are_the_same_however_often_and_together_the_whole() {
    let frozen = Frozen::default();
    let documents = (0..250)
        .map(|n| entry(&format!("{n:03}"), 1, n, n))
        .collect();
    let told = keep(&frozen, [1; 16], &[ended("saga", documents)], NOW).unwrap();
    assert_eq!((told.documents, told.until_ms), (250, NOW.0 + KEPT_MS));
    for (max, pages) in [(0, 3), (7, 36), (250, 1), (1_000, 1)] {
        let (mut ids, mut after, mut count) = (Vec::new(), Vec::new(), 0);
        loop {
            let page = frozen.page(&ask([1; 16], max, &after), NOW).unwrap();
            assert_eq!(
                page,
                frozen
                    .page(&ask([1; 16], max, &after), NOW.plus_ms(1))
                    .unwrap()
            );
            assert_eq!(
                (page.documents_total, page.access, page.ends.len()),
                (250, 9, 1)
            );
            let of = page.documents.into_iter();
            ids.extend(of.map(|found| found.document.unwrap().unique_id));
            (after, count) = (page.next, count + 1);
            if after.is_empty() {
                break;
            }
        }
        let expected: Vec<_> = (0..250).rev().map(|n| format!("{n:03}")).collect();
        assert_eq!((ids, count), (expected, pages), "{max}");
    }
}

#[test]
fn what_is_not_there_or_somebody_elses_is_said_to_be_neither() {
    let frozen = Frozen::default();
    keep(
        &frozen,
        [1; 16],
        &[ended("saga", vec![entry("a", 1, 1, 1)])],
        NOW,
    )
    .unwrap();
    let gone = |request: &v1::PageRequest, now| {
        matches!(frozen.page(request, now), Err(NodeError::NoSuchResult))
    };
    let good = ask([1; 16], 1, &[]);
    assert!(
        !gone(&good, NOW.plus_ms(60 * 60 * 1000)),
        "valid for an hour"
    );
    assert!(gone(&good, NOW.plus_ms(KEPT_MS)));
    assert!(gone(&ask([2; 16], 1, &[]), NOW));
    let other = v1::PageRequest {
        practitioner: "dr-8".to_owned(),
        ..good.clone()
    };
    assert!(gone(&other, NOW));
    for bad in [
        v1::PageRequest {
            result: vec![1; 15],
            ..good.clone()
        },
        ask([1; 16], 1_001, &[]),
        ask([1; 16], 1, &[0, 0, 0, 1]),
        ask([1; 16], 1, &[1]),
    ] {
        assert!(
            matches!(frozen.page(&bad, NOW), Err(NodeError::Invalid(_))),
            "{bad:?}"
        );
    }
}

#[test]
fn a_full_shelf_keeps_what_it_has_and_takes_nothing_new_until_something_runs_out() {
    let frozen = Frozen::default();
    let id = |n: usize| {
        let mut id = [0; 16];
        id[..8].copy_from_slice(&n.to_be_bytes());
        id
    };
    let take = |n: usize, now| {
        let (who, access) = (format!("dr-{}", n % 10), EntryIndex(n as u64));
        frozen.keep(id(n), &who, access, Vec::new(), now)
    };
    for n in 0..RESULTS_MAX {
        take(n, NOW.plus_ms(n as u64)).unwrap();
    }
    let later = NOW.plus_ms(RESULTS_MAX as u64);
    assert_eq!(take(RESULTS_MAX, later), None);
    assert!(frozen.page(&ask(id(7), 1, &[]), later).is_ok());
    assert!(take(RESULTS_MAX, NOW.plus_ms(KEPT_MS)).is_some());
    let large = Frozen::default();
    let mut title = entry("a", 1, 1, 1);
    title.title_ja = "x".repeat(BYTES_MAX);
    assert_eq!(
        keep(&large, id(0), &[ended("saga", vec![title])], NOW),
        None
    );
}

#[test]
fn asked_again_it_is_the_same_result_for_longer_and_one_practitioner_has_a_share() {
    let frozen = Frozen::default();
    let id = |n: usize| -> ResultId {
        [[n as u8; 8], (n as u64).to_be_bytes()]
            .concat()
            .try_into()
            .unwrap()
    };
    let answer = |content| [ended("saga", vec![entry("a", content, 1, 1)])];
    let first = keep(&frozen, id(0), &answer(1), NOW).unwrap();
    let mut slower = answer(1);
    slower[0].elapsed_ms = 700;
    let later = NOW.plus_ms(60 * 60 * 1000);
    for n in 1..3 * RESULTS_MAX {
        let again = keep(&frozen, id(n), &slower, later).unwrap();
        assert_eq!(again.id, first.id);
        assert_eq!(again.until_ms, later.0 + KEPT_MS);
    }
    let request = ask(id(0), 1, &[]);
    assert!(
        frozen.page(&request, NOW.plus_ms(KEPT_MS)).is_ok(),
        "kept for longer"
    );
    // Another answer, or another's, is another result.
    let other = keep(&frozen, id(1), &answer(2), later).unwrap();
    assert_eq!(other.id, id(1));
    let page = frozen.page(&request, later).unwrap();
    assert_eq!(page.documents[0].document.as_ref().unwrap().hash, [1; 32]);
    for n in 2..RESULTS_MAX / SHARE {
        assert!(
            keep(&frozen, id(n), &answer(n as u8 + 1), later).is_some(),
            "{n}"
        );
    }
    assert_eq!(keep(&frozen, id(200), &answer(200), later), None);
    let others = answer(200).iter().map(Answered::of).collect();
    let others = frozen.keep(id(200), "dr-8", EntryIndex(9), others, later);
    assert!(others.is_some(), "there is room for others");
}
