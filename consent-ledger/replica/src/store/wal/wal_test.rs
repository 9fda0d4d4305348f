use super::*;
use crate::store::tests::{batch, blank, log_id};
use crate::store::volatile_disk::{Cut, Fails, Volatile};
use sekisho_domain::{LedgerId, ReplicaId};
use std::path::Path;

const FILE_BYTES: u64 = 4 * 512;

fn found(disk: &Volatile) -> Wal {
    found_with(disk, FILE_BYTES)
}

fn found_with(disk: &Volatile, file_bytes: u64) -> Wal {
    let (ledger, disk) = (LedgerId([7; 32]), Arc::new(disk.clone()));
    Wal::found(disk, Path::new(""), ledger, ReplicaId(1), None, file_bytes).unwrap()
}

fn opened(disk: &Volatile) -> Result<Option<Opened>, ReplicaError> {
    Opened::read(Arc::new(disk.clone()), Path::new(""))
}

fn reopened(disk: &Volatile) -> Wal {
    let opened = opened(disk).unwrap().unwrap();
    assert_eq!(
        opened.identity().unwrap(),
        (LedgerId([7; 32]), ReplicaId(1))
    );
    opened.resume(FILE_BYTES).unwrap()
}

fn names(disk: &Volatile) -> Vec<String> {
    Disk::names(disk).unwrap()
}

#[test]
fn files_are_ended_used_again_and_bounded_in_number() {
    let disk = Volatile::new(Fails::Never);
    let wal = found(&disk);
    let mut most = 0;
    for round in 0..40u64 {
        wal.append((round * 3..round * 3 + 3).map(batch).collect())
            .unwrap();
        if round >= 2 {
            wal.purge(log_id(round * 3 - 4)).unwrap();
        }
        most = most.max(names(&disk).len());
        let wal = reopened(&disk.cut(Cut::All, Fails::Never));
        let (last, _) = wal.ends();
        assert_eq!(last, Some(log_id(round * 3 + 2)), "round {round}");
    }
    assert!(most <= 4 + LOG_SPARES_MAX, "{most} files");
    assert!(names(&disk).iter().any(|name| name.starts_with("spare-")));
}

/// Many appends pass while one file is being made: only one of them asks for it.
#[test]
fn a_spare_file_is_asked_for_once_and_then_used() {
    let disk = Volatile::new(Fails::Never);
    let wal = found_with(&disk, 16 * 512);
    let begun = |wal: &Wal| wal.writer().unwrap().files.len();
    let (mut index, mut asked) = (0, 0);
    while begun(&wal) < 2 {
        asked += u64::from(wal.append(vec![batch(index)]).unwrap());
        index += 1;
    }
    assert_eq!(asked, 1, "nobody heard, and nobody asked again");
    while !wal.append(vec![batch(index)]).unwrap() {
        index += 1;
    }
    wal.prepare().unwrap();
    wal.prepare().unwrap();
    let spares = |disk: &Volatile| {
        let names = names(disk).into_iter();
        names.filter(|name| name.starts_with("spare-")).count()
    };
    assert_eq!(spares(&disk), 1);
    while begun(&wal) < 3 {
        index += 1;
        assert!(!wal.append(vec![batch(index)]).unwrap(), "there is one");
    }
    assert_eq!(spares(&disk), 0, "it was used");
}

#[test]
fn what_is_not_in_memory_is_read_back_and_checked() {
    let disk = Volatile::new(Fails::Never);
    let wal = found(&disk);
    wal.append((0..5).map(batch).collect()).unwrap();
    let mut entries = wal.entries();
    for slot in &mut entries.slots {
        slot.entry = None;
    }
    drop(entries);
    let read = wal.read(1, 4, usize::MAX).unwrap();
    assert!(read == (1..4).map(batch).collect::<Vec<_>>());
    let (place, file) = {
        let entries = wal.entries();
        let slot = &entries.slots[2];
        (slot.place, Arc::clone(&slot.file))
    };
    file.write_at(place.at + 40, &[0xee]).unwrap();
    let error = wal.read(1, 4, usize::MAX).unwrap_err();
    assert!(matches!(error, ReplicaError::Damaged(_)), "{error}");
    assert_eq!(wal.read(0, 2, usize::MAX).unwrap().len(), 2);
}

#[test]
fn memory_for_entries_is_bounded() {
    let disk = Volatile::new(Fails::Never);
    let wal = found(&disk);
    let mut entries = wal.entries();
    let file = disk.open(&name(1)).unwrap().unwrap();
    let place = Place {
        at: 0,
        length: LOG_CACHE_BYTES as u32 / 4,
        crc: 0,
    };
    for index in 0..10 {
        let slot = Slot {
            log_id: log_id(index),
            file: Arc::clone(&file),
            of: 1,
            place,
            entry: Some(blank(index)),
        };
        entries.push(slot).unwrap();
    }
    let cached = |entries: &Entries| -> Vec<u64> {
        let cached = entries.slots.iter().filter(|slot| slot.entry.is_some());
        cached.map(|slot| slot.log_id.index).collect()
    };
    assert_eq!(cached(&entries), [6, 7, 8, 9]);
    entries.truncate(8);
    assert_eq!(cached(&entries), [6, 7]);
    entries.purge(6);
    assert_eq!((cached(&entries), entries.cached_from), (vec![7], 0));
    entries.purge(7);
    assert_eq!((entries.cached_bytes, entries.cached_from), (0, 0));
    drop(entries);
    assert!(wal.is_in_memory(8));
}

/// A frame that was synced cannot go missing by a power cut: where one does, the disk is to blame.
#[test]
fn a_spoilt_frame_before_a_whole_one_is_damage_and_not_an_end() {
    for spoil in [0u64, 5, 9, 17, 25, 300] {
        let disk = Volatile::new(Fails::Never);
        let wal = found_with(&disk, 64 * 512);
        let places: Vec<u64> = (0..3)
            .map(|index| {
                wal.append(vec![batch(index)]).unwrap();
                let entries = wal.entries();
                let at = entries.slots.back().unwrap().place.at;
                at / 512 * 512
            })
            .collect();
        let file = disk.open(&name(1)).unwrap().unwrap();
        let spoil_at = |place: u64| {
            let mut byte = [0];
            file.read_at(place + spoil, &mut byte).unwrap();
            file.write_at(place + spoil, &[byte[0] ^ 0x10]).unwrap();
        };
        spoil_at(places[1]);
        let error = opened(&disk).err().map(|error| error.to_string());
        assert_eq!(
            error.as_deref(),
            Some("the write-ahead log in the store is damaged"),
            "byte {spoil}"
        );
        // The last one may be spoilt: it was never reported.
        spoil_at(places[1]);
        spoil_at(places[2]);
        assert_eq!(reopened(&disk).ends().0, Some(log_id(1)), "byte {spoil}");
    }
}

#[test]
fn a_missing_file_is_damage() {
    let disk = Volatile::new(Fails::Never);
    let wal = found(&disk);
    for index in 0..30 {
        wal.append(vec![batch(index)]).unwrap();
    }
    let files = names(&disk);
    assert!(files.len() > 3);
    disk.remove(&files[1]).unwrap();
    assert!(matches!(opened(&disk), Err(ReplicaError::Damaged(_))));
}

/// Members write what entries hold. What looks like a frame within one must not become one, whatever is left of it.
#[test]
fn an_entry_that_holds_a_frame_does_not_become_one() {
    let disk = Volatile::new(Fails::Never);
    let wal = found(&disk);
    let salt = wal.writer().unwrap().files[0].salt;
    let forged = |salt: u64, number: u64| {
        let mut frame = Frame::new();
        frame.push(&Record::Vote(v1::RaftVote {
            term: 666,
            replica: 6,
            committed: true,
        }));
        frame.finish(number, salt).unwrap()
    };
    let number = wal.writer().unwrap().number;
    let at = wal.writer().unwrap().at;
    let file = disk.open(&name(1)).unwrap().unwrap();
    // As it would be left of a file used again, where the next frame goes.
    file.write_at(at, &forged(salt ^ 1, number)).unwrap();
    assert_eq!(reopened(&disk).vote(), None);
    // The salt is what makes the difference.
    file.write_at(at, &forged(salt, number)).unwrap();
    assert_eq!(reopened(&disk).vote().map(|vote| vote.term), Some(666));
}

/// Were two appends ahead of the disk, a cut could leave the second without the first, which is damage.
#[test]
fn one_append_at_most_is_ahead_of_the_disk() {
    let disk = Volatile::new(Fails::Never);
    let wal = found(&disk);
    let left = || reopened(&disk.cut(Cut::All, Fails::Never)).ends().0;
    let ahead = wal.ahead();
    wal.append_ahead(vec![batch(0), batch(1)]).unwrap();
    assert_eq!((*ahead.borrow(), left()), (Some(0), None));
    assert_eq!(wal.read(0, 9, usize::MAX).unwrap().len(), 2, "read at once");
    wal.append_ahead(vec![batch(2)]).unwrap();
    assert_eq!((*ahead.borrow(), left()), (Some(2), Some(log_id(1))));
    wal.sync().unwrap();
    assert_eq!((*ahead.borrow(), left()), (None, Some(log_id(2))));
    // Whatever is written next makes it durable, in a next file too.
    for index in 3..20 {
        wal.append_ahead(vec![batch(index)]).unwrap();
        assert_eq!(left(), Some(log_id(index - 1)));
    }
    wal.truncate(19).unwrap();
    assert_eq!((*ahead.borrow(), left()), (None, Some(log_id(18))));
    wal.append_ahead(vec![batch(19)]).unwrap();
    wal.close().unwrap();
    assert_eq!(left(), Some(log_id(19)));

    let disk = Volatile::new(Fails::Never);
    let wal = found_with(&disk, 64 * 512);
    disk.fails(Fails::Before(disk.calls() + 1));
    wal.append_ahead(vec![batch(0)]).unwrap();
    assert!(wal.sync().is_err());
    let error = wal.append(vec![batch(1)]).unwrap_err();
    assert!(error.to_string().contains("failed write"), "{error}");
    assert_eq!(*wal.ahead().borrow(), Some(0));
}

/// What a killed process wrote is read back from the system's memory; the next power cut must not make a hole of it.
#[test]
fn what_was_read_back_is_durable_before_anything_follows() {
    let disk = Volatile::new(Fails::Never);
    let wal = found_with(&disk, 64 * 512);
    wal.append(vec![batch(0)]).unwrap();
    wal.append_ahead(vec![batch(1)]).unwrap();
    drop(wal);
    // Killed, not cut: the same disk, and what is in its cache.
    let wal = reopened(&disk);
    assert_eq!(wal.ends().0, Some(log_id(1)));
    let left = reopened(&disk.cut(Cut::All, Fails::Never));
    assert_eq!(left.ends().0, Some(log_id(1)));
    wal.append(vec![batch(2)]).unwrap();
    let left = reopened(&disk.cut(Cut::All, Fails::Never));
    assert_eq!(left.ends().0, Some(log_id(2)));
}
