//! What is particular to PostgreSQL, on a real server; the rest is in `contract_test.rs`.

use super::*;
use crate::agreement_test::agrees_with_memory;
use crate::contract_test::{entry, holds, location, of, put};
use crate::private_postgres::Postgres;
use crate::{BATCH_CHANGES_MAX, PAGE_ENTRIES_MAX, Statuses};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

fn open(server: &Postgres, database: &str, owner: &str) -> Result<PostgresIndex, Error> {
    PostgresIndex::open(
        PostgresSettings::new(&server.url(database), None, None)?,
        owner,
    )
}

#[test]
fn postgres_index_holds_the_contract() {
    let Some(server) = Postgres::start() else {
        return;
    };
    server.sql("postgres", "CREATE DATABASE one");
    let index = open(&server, "one", "saga/1").unwrap();
    holds(&index);
    agrees_with_memory(&index, 24);
    index.clear().unwrap();
    // Encodings and collations of Japan's older databases, under which text sorts otherwise or is not taken at all.
    server.sql(
        "postgres",
        "CREATE DATABASE two ENCODING 'EUC_JP' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
    );
    holds(&open(&server, "two", "saga/1").unwrap());
    everything_is_there_again(&server);
    readers_see_whole_batches(&server);
    writers_are_one(&server);
    conflicts_are_tried_again(&server);
    another_version(&server);
    nothing_of_what_is_gone_is_left(&server);
    charts_longer_than_a_page(&server);
    connections_that_break(&server);
    a_server_that_goes_away(server);
}

fn everything_is_there_again(server: &Postgres) {
    let index = open(server, "one", "saga/1").unwrap();
    index.apply(&[put(entry(1, "10", 7, "a", "a"))]).unwrap();
    drop(index);
    let index = open(server, "one", "saga/1").unwrap();
    assert_eq!(index.find(&of(1, "10")).unwrap().entries.len(), 1);
    assert_eq!(index.counters().unwrap().documents(), 1);
    assert!(format!("{index:?}").contains("/one"));
    let error = open(server, "one", "kurume/1").unwrap_err();
    assert!(
        matches!(&error, Error::Owned { owner } if owner == "saga/1"),
        "{error}"
    );
}

/// Batches that move two documents from one time to another, and readers that look meanwhile.
fn readers_see_whole_batches(server: &Postgres) {
    server.sql("postgres", "CREATE DATABASE whole");
    let index = open(server, "whole", "saga/1").unwrap();
    let batch = |start| {
        let of = |n: u64| put(entry(1, "10", start, &n.to_string(), &n.to_string()));
        (0..20).map(of).collect::<Vec<_>>()
    };
    index.apply(&batch(0)).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut seen = 0;
                    while !done.load(Ordering::SeqCst) {
                        let page = index.find(&of(1, "10")).unwrap();
                        assert_eq!(page.entries.len(), 20);
                        let first = page.entries[0].service_start;
                        assert!(page.entries.iter().all(|e| e.service_start == first));
                        seen += 1;
                    }
                    seen
                })
            })
            .collect();
        for start in 1..60 {
            index.apply(&batch(start)).unwrap();
        }
        done.store(true, Ordering::SeqCst);
        for reader in readers {
            assert!(reader.join().unwrap() > 0);
        }
    });
}

fn writers_are_one(server: &Postgres) {
    let first = open(server, "whole", "saga/1").unwrap();
    let second = open(server, "whole", "saga/1").unwrap();
    let change = [put(entry(1, "10", 7, "b", "b"))];
    assert!(matches!(first.apply(&change), Err(Error::TakenOver)));
    assert!(matches!(first.clear(), Err(Error::TakenOver)));
    second.apply(&change).unwrap();
    // What it reads is true all the same.
    assert_eq!(first.counters().unwrap(), second.counters().unwrap());
}

/// Under serializable isolation, as some distributed databases always have it, transactions fail and are repeated.
fn conflicts_are_tried_again(server: &Postgres) {
    server.sql("postgres", "CREATE DATABASE strict");
    server.sql(
        "postgres",
        "ALTER DATABASE strict SET default_transaction_isolation = 'serializable'",
    );
    let index = open(server, "strict", "saga/1").unwrap();
    std::thread::scope(|scope| {
        for writer in 0..4u64 {
            let index = &index;
            scope.spawn(move || {
                for n in 0..15 {
                    let name = format!("{writer}-{n}");
                    index
                        .apply(&[put(entry(1, "10", n, &name, &name))])
                        .unwrap();
                }
            });
        }
    });
    assert_eq!(index.counters().unwrap().documents(), 60);
    assert_eq!(index.records(None, PAGE_ENTRIES_MAX).unwrap().len(), 60);
    let conflicts = server.sql(
        "strict",
        "SELECT xact_rollback > 0 FROM pg_stat_database WHERE datname = 'strict'",
    );
    assert_eq!(conflicts.trim(), "t", "there were conflicts");
}

fn another_version(server: &Postgres) {
    server.sql("postgres", "CREATE DATABASE other");
    let index = open(server, "other", "saga/1").unwrap();
    index.apply(&[put(entry(1, "10", 7, "a", "a"))]).unwrap();
    server.sql("other", "UPDATE sekisho_index SET records = records + 1");
    let index = open(server, "other", "saga/1").unwrap();
    assert_eq!(index.counters().unwrap(), Counters::default());
    assert_eq!(index.records(None, 10).unwrap(), []);
    index.apply(&[put(entry(1, "10", 7, "a", "a"))]).unwrap();
    server.sql("other", "UPDATE sekisho_file SET record = '\\x0102'");
    let find = index.find(&of(1, "10"));
    assert!(matches!(find, Err(Error::Corrupt { .. })), "{find:?}");
    // Such an index is built anew beside itself.
    let beside = index.beside().unwrap();
    beside.apply(&[put(entry(1, "10", 7, "a", "a"))]).unwrap();
    drop(beside);
    index.take_beside().unwrap();
    assert_eq!(index.find(&of(1, "10")).unwrap().entries.len(), 1);
    server.sql("other", "UPDATE sekisho_index SET format = format + 1");
    let error = open(server, "other", "saga/1").unwrap_err();
    assert!(
        matches!(
            error,
            Error::Schema {
                found: 2,
                supported: 1
            }
        ),
        "{error}"
    );
}

fn nothing_of_what_is_gone_is_left(server: &Postgres) {
    server.sql("postgres", "CREATE DATABASE erased");
    let index = open(server, "erased", "saga/1").unwrap();
    let (gone, kept) = ("4100-gone", "4100-kept");
    for n in 0..50u64 {
        let put_of = |patient: &str| {
            put(entry(
                1,
                patient,
                n,
                &n.to_string(),
                &format!("{patient}/{n}"),
            ))
        };
        index.apply(&[put_of(gone), put_of(kept)]).unwrap();
        index
            .apply(&[Change::Forget(location("std01", &format!("{gone}/{n}")))])
            .unwrap();
    }
    server.sql("erased", "CHECKPOINT");
    assert!(
        server.tables_hold("erased", gone),
        "the server keeps old rows"
    );
    index.compact().unwrap();
    server.sql("erased", "CHECKPOINT");
    assert!(!server.tables_hold("erased", gone));
    assert!(server.tables_hold("erased", kept));
    assert_eq!(index.find(&of(1, kept)).unwrap().entries.len(), 50);
}

/// More rows than one statement reads, most of which a filter leaves out.
fn charts_longer_than_a_page(server: &Postgres) {
    server.sql("postgres", "CREATE DATABASE long");
    let index = open(server, "long", "saga/1").unwrap();
    let memory = crate::MemoryIndex::default();
    let entries: Vec<Change> = (0..3000u64)
        .map(|n| {
            let mut entry = entry(
                1 + (n % 2) as u8,
                "10",
                n / 3,
                &n.to_string(),
                &n.to_string(),
            );
            if n % 100 != 0 {
                entry.status = crate::Availability::Deprecated;
            }
            put(entry)
        })
        .collect();
    for batch in entries.chunks(BATCH_CHANGES_MAX) {
        index.apply(batch).unwrap();
        memory.apply(batch).unwrap();
    }
    for statuses in [Statuses::Approved, Statuses::ApprovedAndDeprecated] {
        for limit in [1, 7, 1000] {
            let mut query = Query {
                statuses,
                limit,
                ..of(1, "10")
            };
            query.patients.extend(of(2, "10").patients);
            loop {
                let page = index.find(&query).unwrap();
                assert_eq!(page, memory.find(&query).unwrap(), "{limit}");
                match page.next {
                    Some(next) if limit > 1 => query.after = Some(next),
                    _ => break,
                }
            }
        }
    }
}

/// Connections cut at any moment, also in the middle of a batch: nobody notices, and nothing is counted twice.
fn connections_that_break(server: &Postgres) {
    server.sql("postgres", "CREATE DATABASE broken");
    let index = open(server, "broken", "saga/1").unwrap();
    for batch in 0..20 {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                server.sql(
                    "postgres",
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'broken'",
                )
            });
            let of = |n: u64| put(entry(1, "10", batch, &n.to_string(), &n.to_string()));
            index.apply(&(0..200).map(of).collect::<Vec<_>>()).unwrap();
            assert_eq!(index.counters().unwrap().documents(), 200);
        });
    }
    assert_eq!(index.records(None, 1000).unwrap().len(), 200);
}

fn a_server_that_goes_away(mut server: Postgres) {
    let index = open(&server, "one", "saga/1").unwrap();
    let before = index.counters().unwrap();
    // Its connections are cut: nobody notices.
    server.sql(
        "postgres",
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sekisho'",
    );
    assert_eq!(index.counters().unwrap(), before);
    index.apply(&[put(entry(1, "10", 9, "z", "z"))]).unwrap();
    server.stop();
    let begun = Instant::now();
    let error = index.counters().unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("refused"), "{error}");
    assert!(begun.elapsed() < Duration::from_secs(30));
    // A node that starts meanwhile waits for it.
    let settings = PostgresSettings::new(&server.url("one"), None, None).unwrap();
    let later = PostgresIndex::open_or_wait(settings, "saga/1").unwrap();
    assert!(matches!(later.counters(), Err(Error::Unreachable { .. })));
    server.again();
    assert_eq!(
        later.counters().unwrap().documents(),
        before.documents() + 1
    );
    later.apply(&[put(entry(1, "10", 9, "z", "z"))]).unwrap();
    assert!(matches!(
        index.apply(&[put(entry(1, "10", 9, "y", "y"))]),
        Err(Error::TakenOver)
    ));
    assert_eq!(
        index.counters().unwrap().documents(),
        before.documents() + 1
    );
}
