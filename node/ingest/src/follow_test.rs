//! Storages written to while they are followed: what the index holds, within the time promised.

use super::*;
use crate::fixture_test::{FIRST, Fixture, PATIENT, SECOND, path, prescription};
use crate::{ingest, look};
use sekisho_documents::Statuses;
use std::fs;

/// What is promised, and the longest a test waits for it.
const PROMISED: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(30);

struct Followed {
    fixture: Fixture,
    follower: Follower,
    walks: u32,
}

impl Followed {
    fn begin(fixture: Fixture, follow: Follow) -> Self {
        let follower = Follower::begin(&fixture.storage, follow, None).unwrap();
        ingest(&fixture.storage, &*fixture.index, &mut |_| {}).unwrap();
        Self {
            fixture,
            follower,
            walks: 0,
        }
    }

    fn once(&mut self) {
        let heard = self.follower.next(Duration::from_millis(50)).unwrap();
        if heard.reconcile {
            self.walks += 1;
            ingest(&self.fixture.storage, &*self.fixture.index, &mut |_| {}).unwrap();
            self.follower.walked();
        } else if !heard.folders.is_empty() {
            look(&self.fixture.storage, &*self.fixture.index, &heard.folders).unwrap();
        }
    }

    /// Follows until it holds; how long that took.
    fn until(&mut self, holds: impl Fn(&Fixture) -> bool) -> Duration {
        let began = Instant::now();
        while !holds(&self.fixture) {
            assert!(began.elapsed() < PATIENCE, "not seen");
            self.once();
        }
        began.elapsed()
    }

    /// What a whole walk would still find.
    fn nothing_is_left(&self) {
        let report = ingest(&self.fixture.storage, &*self.fixture.index, &mut |_| {}).unwrap();
        assert_eq!((report.changed, report.forgotten), (0, 0));
    }
}

fn documents(fixture: &Fixture) -> u64 {
    fixture.index.counters().unwrap().documents()
}

/// Without whole walks but those that are needed.
fn seldom() -> Follow {
    Follow {
        reconcile_every: PATIENCE * 10,
        ..Follow::default()
    }
}

#[test]
fn an_orders_life_is_seen_as_it_happens() {
    let fixture = Fixture::new();
    fixture.write(&path("1", FIRST, 1), &prescription(PATIENT, "旧"));
    let mut followed = Followed::begin(fixture, seldom());
    assert!(matches!(
        followed.follower.sight(),
        Sight::Watched { folders: 6 }
    ));

    followed
        .fixture
        .rename(&path("1", FIRST, 1), &path("1", FIRST, 2));
    followed
        .fixture
        .write(&path("1", SECOND, 1), &prescription(PATIENT, "新"));
    assert!(followed.until(|f| f.answered() == (1, 1)) < PROMISED);

    followed
        .fixture
        .rename(&path("1", FIRST, 2), &path("1", FIRST, 0));
    followed
        .fixture
        .rename(&path("1", SECOND, 1), &path("1", SECOND, 0));
    assert!(followed.until(|f| f.answered() == (0, 0)) < PROMISED);

    // A new patient: folders three levels deep and more, and the file, at once.
    let new = "012/345/0123456/20260401/OMP-01/0123456_20260401_OMP-01_1_20260401110000000_01_1";
    followed.fixture.write(new, &prescription("0123456", "錠"));
    let took = followed.until(|f| f.find("0123456", Statuses::Approved).entries.len() == 1);
    assert!(took < PROMISED, "{took:?}");

    // Into a folder that was not there when the watch began; and written over.
    let second = new.replace("OMP-01_1_", "OMP-01_2_");
    followed.fixture.write(&second, b"MS");
    assert!(followed.until(|f| f.quarantine().len() == 1) < PROMISED);
    followed
        .fixture
        .write(&second, &prescription("0123456", "錠"));
    assert!(
        followed.until(|f| f.find("0123456", Statuses::Approved).entries.len() == 2) < PROMISED
    );

    // A whole tree moved in, and out again.
    let staged = followed.fixture.dir.path().join("staged");
    fs::create_dir_all(staged.join("678/0126789/20260401/OMP-01")).unwrap();
    let name = "0126789_20260401_OMP-01_1_20260401110000000_01_1";
    fs::write(
        staged.join("678/0126789/20260401/OMP-01").join(name),
        prescription("0126789", "錠"),
    )
    .unwrap();
    let moved = followed.fixture.full("012/678");
    fs::rename(staged.join("678"), &moved).unwrap();
    assert!(followed.until(|f| documents(f) == 3) < PROMISED);
    fs::rename(&moved, staged.join("678")).unwrap();
    assert!(followed.until(|f| documents(f) == 2) < PROMISED);
    fs::remove_dir_all(followed.fixture.full("012")).unwrap();
    assert!(followed.until(|f| documents(f) == 0) < PROMISED);
    assert_eq!(followed.walks, 0, "events alone did it");
    followed.nothing_is_left();
}

#[test]
fn a_burst_is_seen_whole() {
    let mut followed = Followed::begin(Fixture::new(), seldom());
    for patient in 0..300u32 {
        let id = format!("{patient:07}");
        for order in 0..3 {
            let file = format!(
                "000/{}/{id}/20260401/OMP-01/{id}_20260401_OMP-01_{order}_{FIRST}_01_1",
                &id[3..6]
            );
            followed.fixture.write(&file, &prescription(&id, "錠"));
        }
    }
    followed.until(|f| documents(f) == 900);
    assert_eq!(followed.walks, 0);
    followed.nothing_is_left();
}

#[test]
fn a_spent_budget_keeps_the_newest_days_and_whole_walks_see_the_rest() {
    let fixture = Fixture::new();
    let at = |day: u32, order: u32| {
        let day = format!("202604{day:02}");
        format!("000/901/{PATIENT}/{day}/OMP-01/{PATIENT}_{day}_OMP-01_{order}_{FIRST}_01_1")
    };
    for day in 1..=9 {
        fixture.write(&at(day, 1), &prescription(PATIENT, "錠"));
    }
    // Root and three levels, and two days with one kind each.
    let follow = Follow {
        watches_max: 8,
        reconcile_every: Duration::from_secs(4),
        ..Follow::default()
    };
    let mut followed = Followed::begin(fixture, follow);
    assert!(matches!(
        followed.follower.sight(),
        Sight::Partly {
            folders: 8,
            unwatched: 7
        }
    ));
    followed
        .fixture
        .write(&at(9, 2), &prescription(PATIENT, "錠"));
    assert!(followed.until(|f| documents(f) == 10) < PROMISED);
    assert_eq!(followed.walks, 0);
    // A new day makes room for itself.
    followed
        .fixture
        .write(&at(10, 1), &prescription(PATIENT, "錠"));
    followed.until(|f| documents(f) == 11);
    followed
        .fixture
        .write(&at(10, 2), &prescription(PATIENT, "錠"));
    followed.until(|f| documents(f) == 12);
    assert_eq!(followed.walks, 0);
    assert!(matches!(
        followed.follower.sight(),
        Sight::Partly { folders: 8, .. }
    ));
    // An old one is seen by the next walk.
    followed
        .fixture
        .write(&at(1, 2), &prescription(PATIENT, "錠"));
    followed.until(|f| documents(f) == 13);
    assert!(followed.walks > 0);
}

#[test]
fn an_overflow_of_the_kernels_queue_is_made_good_by_a_walk() {
    let limit: u64 = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events")
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    if limit > 100_000 {
        println!("left out: the kernel's queue holds {limit} events, more than this test makes");
        return;
    }
    let fixture = Fixture::new();
    fixture.write(&path("1", FIRST, 1), &prescription(PATIENT, "錠"));
    let follow = Follow {
        reconcile_every: PATIENCE * 10,
        ..Follow::default()
    };
    let mut followed = Followed::begin(fixture, follow);
    // Renames to and fro, two events each, until the queue must have run over; then one more change.
    let scratch = path("9", FIRST, 2);
    let full = followed.fixture.full(&path("1", FIRST, 1));
    let other = full.with_file_name(scratch.rsplit('/').next().unwrap());
    for _ in 0..=limit / 4 {
        fs::rename(&full, &other).unwrap();
        fs::rename(&other, &full).unwrap();
    }
    let new = "012/345/0123456/20260401/OMP-01/0123456_20260401_OMP-01_1_20260401110000000_01_1";
    followed.fixture.write(new, &prescription("0123456", "錠"));
    followed.until(|f| documents(f) == 2);
    assert_eq!(followed.walks, 1, "the lost events were noticed");
    // And the folders made meanwhile are watched.
    followed.fixture.write(
        &new.replace("OMP-01_1_", "OMP-01_2_"),
        &prescription("0123456", "錠"),
    );
    assert!(followed.until(|f| documents(f) == 3) < PROMISED);
    assert_eq!(followed.walks, 1);
}

#[test]
fn without_events_the_feed_or_else_the_clock_leads() {
    let mut fixture = Fixture::new();
    let feed = fixture.dir.path().join("TR");
    fs::create_dir_all(feed.join("2026")).unwrap();
    fixture.storage.transactions = Some(feed.clone());
    let follow = Follow {
        watches_max: 0,
        ..seldom()
    };
    let mut followed = Followed::begin(fixture, follow);
    assert_eq!(followed.follower.sight(), Sight::Polled);
    let record = [b"INS".as_slice(), &prescription(PATIENT, "錠")].concat();
    fs::write(feed.join("2026/TR_20260401110000000_00001.DAT"), &record).unwrap();
    // The file comes a moment after the record that tells of it.
    followed.once();
    followed
        .fixture
        .write(&path("1", FIRST, 1), &prescription(PATIENT, "錠"));
    assert!(followed.until(|f| documents(f) == 1) < PROMISED);
    assert_eq!(followed.walks, 0);
    let position = followed.follower.position().cloned().unwrap();
    assert_eq!(position.file, "2026/TR_20260401110000000_00001.DAT");

    // Away and back: the feed goes on from where it was, whatever happened meanwhile.
    let Followed { fixture, .. } = followed;
    fixture.write(&path("2", FIRST, 1), &prescription(PATIENT, "錠"));
    fs::write(feed.join("2026/TR_20260402000000000_00001.DAT"), &record).unwrap();
    let follower = Follower::begin(&fixture.storage, follow, Some(position)).unwrap();
    let mut followed = Followed {
        fixture,
        follower,
        walks: 0,
    };
    followed.until(|f| documents(f) == 2);
    assert_eq!(followed.walks, 0);

    // Without feed, whole walks.
    let Followed { mut fixture, .. } = followed;
    fixture.storage.transactions = None;
    let follow = Follow {
        poll_every: Duration::from_millis(300),
        ..follow
    };
    let mut followed = Followed::begin(fixture, follow);
    followed
        .fixture
        .write(&path("3", FIRST, 1), &prescription(PATIENT, "錠"));
    followed.until(|f| documents(f) == 3);
    assert!(followed.walks > 0);
}
