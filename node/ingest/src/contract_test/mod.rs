//! One suite for every [`Source`]: what each must do, whatever it reads. A [`Place`] says only how documents of its kind
//! come to be, are damaged and go; everything that is expected of the source is here.

mod files;

use crate::{Report, Says, Source, Withheld};
use sekisho_documents::{
    Availability, Contents, DocumentEntry, DocumentIndex, MemoryIndex, PAGE_ENTRIES_MAX, Patient,
    Quarantined, Query, Statuses,
};
use sekisho_identity::{Date, Name};

pub const FACILITY: &str = "4110000001";
pub const ONE: &str = "0009013";
pub const OTHER: &str = "0009014";

/// What a kind of source is, as far as the suite must know.
pub struct Kind {
    /// Its name in configurations.
    pub name: &'static str,
    /// Whether an earlier version stays, superseded; else a newer one takes its place.
    pub supersedes: bool,
    /// Whether documents are deleted in a way of its own.
    pub deletes: bool,
    /// Whether the format says where a document ends: without that, one that lost its last fields is a document.
    pub has_end: bool,
    /// In what capacity its documents say who their patient is: 関所 太郎, born on 5 April 1948.
    pub says: Option<Says>,
    /// How many documents the index has of one that is put.
    pub documents: usize,
}

/// Where documents of one kind of source are, none at first; written as that kind's systems write them.
pub trait Place {
    /// A source that reads it.
    fn source(&self) -> Box<dyn Source>;
    /// Writes a version (1 to 9) of a patient's document.
    fn put(&self, patient: &str, version: u8);
    /// Deletes a patient's first version as its systems do.
    fn delete(&self, patient: &str);
    /// Takes back the last step there was, as if it had not been taken.
    fn undo(&self);
    /// What is read of a patient's first version.
    fn bytes(&self, patient: &str) -> Vec<u8>;
    /// Has other bytes be read in their place.
    fn replace(&self, patient: &str, bytes: &[u8]);
    /// Puts another patient's document in the place of this one's first version, as a careless system does.
    fn confuse(&self, patient: &str, other: &str);
    /// Ways from a document's path to what the source must not reach.
    fn astray(&self, path: &str) -> Vec<String>;
    /// Makes all of it unreachable.
    fn away(&self);
}

/// Makes a place with nothing in it; what was in another one may be gone.
pub type Fresh<'f> = dyn FnMut() -> Box<dyn Place + 'f> + 'f;

/// A place read into an index of its own.
pub struct Held {
    source: Box<dyn Source>,
    index: MemoryIndex,
}

impl Held {
    pub fn of(place: &dyn Place) -> Self {
        Self {
            source: place.source(),
            index: MemoryIndex::default(),
        }
    }

    /// Reads the source and checks what holds after every reading: the report is what the index holds, its numbers add
    /// up, and a second reading changes nothing.
    pub fn ingest(&self, case: &str) -> Report {
        let report = self.source.ingest(&self.index, &mut |_| {}).unwrap();
        let counters = self.index.counters().unwrap();
        assert_eq!(report.kinds, counters.kinds, "{case}");
        assert_eq!(report.quarantined, counters.quarantined, "{case}");
        let again = self.source.ingest(&self.index, &mut |_| {}).unwrap();
        assert_eq!(
            (again.changed, again.forgotten),
            (0, 0),
            "{case}: read again"
        );
        assert_eq!(
            again.files,
            again.unchanged + again.ignored + again.vanished,
            "{case}"
        );
        assert_eq!(
            (&again.kinds, &again.quarantined),
            (&report.kinds, &report.quarantined),
            "{case}"
        );
        report
    }

    pub fn found(&self, patient: &str, statuses: Statuses) -> Vec<DocumentEntry> {
        let query = Query {
            statuses,
            ..Query::of(Patient {
                facility: FACILITY.parse().unwrap(),
                local_patient_id: patient.parse().unwrap(),
            })
        };
        self.index.find(&query).unwrap().entries
    }

    fn in_force(&self, patient: &str) -> Vec<DocumentEntry> {
        self.found(patient, Statuses::Approved)
    }

    fn all(&self, patient: &str) -> Vec<DocumentEntry> {
        self.found(patient, Statuses::ApprovedAndDeprecated)
    }

    fn quarantined(&self) -> Vec<Quarantined> {
        self.index.quarantined(None, PAGE_ENTRIES_MAX).unwrap()
    }

    /// The bytes that leave, or why none do.
    pub fn release(&self, entry: &DocumentEntry) -> Result<Vec<u8>, Withheld> {
        let root = self.source.root().map(ToOwned::to_owned);
        let contents = Contents::new(root.map(|root| (self.source.id().clone(), root)));
        let checked = self.source.release(&contents, entry, 0)?;
        let mut pieces = checked.pieces()?;
        let (mut bytes, mut piece) = (Vec::new(), Vec::new());
        while pieces.next(&mut piece)? {
            bytes.extend_from_slice(&piece);
        }
        Ok(bytes)
    }
}

/// Holds a kind of source to everything a source must do. `at` makes a source of a place of that name, at which nothing
/// need be.
pub fn holds<'f>(kind: &Kind, at: &dyn Fn(&str) -> Box<dyn Source>, fresh: &mut Fresh<'f>) {
    its_settings_are_in_its_digest(kind, at);
    finds_what_is_there_and_releases_it_to_its_patient_only(kind, fresh);
    what_says_who_its_patient_is_says_it_of_nobody_else(kind, fresh);
    versions_give_way_and_come_back(kind, fresh);
    if kind.deletes {
        what_is_deleted_is_not_answered(kind, fresh);
        a_deletion_that_goes_away_gives_back_what_it_deleted(kind, fresh);
    }
    what_vanished_or_changed_is_never_served_as_what_it_was(kind, fresh);
    another_patients_bytes_are_never_this_ones(kind, fresh);
    what_is_damaged_is_kept_back_with_its_reason_and_the_rest_goes_on(kind, fresh);
    nothing_astray_is_reached_and_what_is_away_forgets_nothing(kind, fresh);
}

fn its_settings_are_in_its_digest(kind: &Kind, at: &dyn Fn(&str) -> Box<dyn Source>) {
    let (one, other) = (at("a"), at("b"));
    assert_eq!((one.kind(), other.kind()), (kind.name, kind.name));
    assert_eq!(one.digest(), at("a").digest(), "{}", kind.name);
    assert_ne!(one.digest(), other.digest(), "{}", kind.name);
}

fn finds_what_is_there_and_releases_it_to_its_patient_only(kind: &Kind, fresh: &mut Fresh<'_>) {
    let (name, place) = (kind.name, fresh());
    let held = Held::of(place.as_ref());
    assert_eq!(held.ingest(name).files, 0, "{name}: nothing yet");
    place.put(ONE, 1);
    place.put(OTHER, 1);
    let report = held.ingest(name);
    let documents = 2 * kind.documents as u64;
    assert_eq!(
        (report.documents(), report.patients),
        (documents, 2),
        "{name}"
    );
    assert_eq!(held.quarantined(), [], "{name}");
    for (patient, stranger) in [(ONE, OTHER), (OTHER, ONE)] {
        let found = held.in_force(patient);
        assert_eq!(found.len(), kind.documents, "{name}");
        for entry in &found {
            assert_eq!(entry.facility.as_str(), FACILITY);
            assert!(!entry.kind.title.ja.is_empty() && !entry.kind.title.en.is_empty());
            assert!(
                !entry.kind.type_code.code.is_empty() && !entry.kind.format_code.code.is_empty()
            );
            assert!(entry.service_start <= entry.service_stop);
            let bytes = held.release(entry).unwrap();
            assert_eq!(bytes.len() as u64, entry.size_bytes, "{name}");
            // The index, or somebody who wrote to it, says that these bytes are the other patient's.
            let mut confused = entry.clone();
            confused.local_patient_id = stranger.parse().unwrap();
            assert!(held.release(&confused).is_err(), "{name}");
        }
    }
    let ids = || -> Vec<_> {
        let both = [ONE, OTHER].iter();
        both.flat_map(|p| held.in_force(p))
            .map(|e| e.unique_id)
            .collect()
    };
    let before = ids();
    held.index.clear().unwrap();
    held.ingest(name);
    assert_eq!(
        ids(),
        before,
        "{name}: an id is the same in an index built again"
    );
}

fn what_says_who_its_patient_is_says_it_of_nobody_else(kind: &Kind, fresh: &mut Fresh<'_>) {
    let (name, place) = (kind.name, fresh());
    let held = Held::of(place.as_ref());
    place.put(ONE, 1);
    held.ingest(name);
    for entry in held.in_force(ONE) {
        assert_eq!(held.source.says_who(&entry), kind.says, "{name}");
        if kind.says.is_none() {
            continue;
        }
        let bytes = held.release(&entry).unwrap();
        let said = held.source.demographics(&entry, &bytes).unwrap();
        assert_eq!(said.kanji, Some(Name::new("関所", "太郎")), "{name}");
        assert_eq!(said.birth, Date::new(1948, 4, 5), "{name}");
        assert_eq!(said.check(), Ok(()), "{name}");
        let mut confused = entry.clone();
        confused.local_patient_id = OTHER.parse().unwrap();
        assert_eq!(held.source.demographics(&confused, &bytes), None, "{name}");
        // Of damaged bytes it says nothing or what they say, within bounds.
        for (damage, bytes) in damages(&bytes) {
            let said = held.source.demographics(&entry, &bytes);
            assert!(
                said.is_none_or(|said| said.check() == Ok(())),
                "{name}: {damage}"
            );
        }
    }
}

fn versions_give_way_and_come_back(kind: &Kind, fresh: &mut Fresh<'_>) {
    let (name, place) = (kind.name, fresh());
    let held = Held::of(place.as_ref());
    place.put(ONE, 1);
    held.ingest(name);
    let ids = |entries: Vec<DocumentEntry>| -> Vec<_> {
        entries.into_iter().map(|entry| entry.unique_id).collect()
    };
    let first = held.in_force(ONE);
    place.put(ONE, 2);
    held.ingest(name);
    let newer = held.in_force(ONE);
    assert_eq!(newer.len(), kind.documents, "{name}");
    for entry in &first {
        assert!(
            newer.iter().all(|n| n.unique_id != entry.unique_id),
            "{name}"
        );
        let older = held.index.get(&entry.unique_id).unwrap();
        assert_eq!(older.is_some(), kind.supersedes, "{name}");
        if let Some(older) = older {
            assert_eq!(older.status, Availability::Deprecated, "{name}");
            held.release(&older).unwrap();
        }
    }
    place.undo();
    held.ingest(name);
    assert_eq!(
        ids(held.all(ONE)),
        ids(first),
        "{name}: in force again, and alone"
    );
}

fn what_is_deleted_is_not_answered(kind: &Kind, fresh: &mut Fresh<'_>) {
    let (name, place) = (kind.name, fresh());
    let held = Held::of(place.as_ref());
    place.put(ONE, 1);
    place.put(OTHER, 1);
    held.ingest(name);
    let before = held.in_force(ONE);
    place.delete(ONE);
    held.ingest(name);
    assert_eq!(held.all(ONE), [], "{name}");
    for entry in before {
        assert_eq!(held.index.get(&entry.unique_id).unwrap(), None, "{name}");
    }
    assert_eq!(held.in_force(OTHER).len(), kind.documents, "{name}");
    // Read for the first time after the deletion.
    held.index.clear().unwrap();
    held.ingest(name);
    assert_eq!(held.all(ONE), [], "{name}");
}

fn a_deletion_that_goes_away_gives_back_what_it_deleted(kind: &Kind, fresh: &mut Fresh<'_>) {
    let (name, place) = (kind.name, fresh());
    let held = Held::of(place.as_ref());
    place.put(ONE, 1);
    place.delete(ONE);
    held.ingest(name);
    assert_eq!(held.all(ONE), [], "{name}");
    place.undo();
    held.ingest(name);
    assert_eq!(held.in_force(ONE).len(), kind.documents, "{name}");
}

fn what_vanished_or_changed_is_never_served_as_what_it_was(kind: &Kind, fresh: &mut Fresh<'_>) {
    let (name, place) = (kind.name, fresh());
    let held = Held::of(place.as_ref());
    place.put(ONE, 1);
    held.ingest(name);
    let indexed = held.in_force(ONE);
    let released = |entry: &DocumentEntry| (entry.clone(), held.release(entry).unwrap());
    let good: Vec<_> = indexed.iter().map(released).collect();
    let bytes = place.bytes(ONE);
    // Each of some hundred bytes changed in turn: what leaves is what was indexed, or nothing.
    for at in (0..bytes.len()).step_by(bytes.len() / 100 + 1) {
        let mut changed = bytes.clone();
        changed[at] ^= 1;
        place.replace(ONE, &changed);
        for (entry, good) in &good {
            if let Ok(left) = held.release(entry) {
                assert!(left == *good, "{name}: byte {at}");
            }
        }
        place.undo();
    }
    place.replace(ONE, &bytes[..bytes.len() / 2]);
    for entry in &indexed {
        assert!(held.release(entry).is_err(), "{name}: half of it");
    }
    place.undo();
    place.undo();
    for entry in &indexed {
        assert!(held.release(entry).is_err(), "{name}: gone");
    }
    assert!(held.ingest(name).forgotten > 0, "{name}");
    assert_eq!(held.all(ONE), [], "{name}");
}

fn another_patients_bytes_are_never_this_ones(kind: &Kind, fresh: &mut Fresh<'_>) {
    let (name, place) = (kind.name, fresh());
    let held = Held::of(place.as_ref());
    place.put(ONE, 1);
    held.ingest(name);
    let indexed = held.in_force(ONE);
    place.confuse(ONE, OTHER);
    for when in ["before it is read again", "after"] {
        for entry in &indexed {
            assert!(held.release(entry).is_err(), "{name}: {when}");
        }
        held.ingest(name);
        assert_eq!(held.all(ONE), [], "{name}");
    }
}

fn what_is_damaged_is_kept_back_with_its_reason_and_the_rest_goes_on(
    kind: &Kind,
    fresh: &mut Fresh<'_>,
) {
    let good = {
        let place = fresh();
        place.put(ONE, 1);
        place.bytes(ONE)
    };
    for (damage, bytes) in damages(&good) {
        if damage == "cut off near the end" && !kind.has_end {
            continue;
        }
        let (place, label) = (fresh(), format!("{}: {damage}", kind.name));
        let held = Held::of(place.as_ref());
        place.put(ONE, 1);
        place.put(OTHER, 1);
        place.replace(ONE, &bytes);
        let report = held.ingest(&label);
        assert_eq!(held.in_force(OTHER).len(), kind.documents, "{label}");
        assert_eq!(held.all(ONE), [], "{label}");
        let kept_back = &report.quarantined;
        assert_eq!(report.quarantined_total(), 1, "{label}: {kept_back:?}");
        // Set right, it is a document again.
        place.undo();
        held.ingest(&label);
        assert_eq!(held.in_force(ONE).len(), kind.documents, "{label}");
        assert_eq!(held.quarantined(), [], "{label}");
    }
}

/// Ways in which what is read is damaged.
fn damages(good: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let middle = good.len() / 2;
    let spliced = |with: &[u8]| [&good[..middle], with, &good[middle..]].concat();
    vec![
        ("empty", Vec::new()),
        ("one byte", good[..1].to_vec()),
        ("cut off", good[..middle].to_vec()),
        ("cut off near the end", good[..good.len().saturating_sub(20)].to_vec()),
        ("zeroes", vec![0; good.len()]),
        ("zeroes inside", spliced(&[0; 64])),
        ("bytes of no encoding", spliced(b"\xff\xfe\xfd\xa0\x80")),
        ("a field of 10 MB", spliced(&vec![b'x'; 10 << 20])),
        ("deep JSON", "[".repeat(200_000).into_bytes()),
        ("deep XML", "<a>".repeat(200_000).into_bytes()),
        ("an external entity", b"<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY x SYSTEM \"file:///etc/passwd\">]><a>&x;</a>".to_vec()),
        ("a billion laughs", b"<!DOCTYPE a [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;\">]><a>&b;</a>".to_vec()),
        ("many line ends", vec![b'\n'; 100_000]),
        ("many commas", vec![b','; 100_000]),
        ("quotes", vec![b'"'; 100_001]),
    ]
}

fn nothing_astray_is_reached_and_what_is_away_forgets_nothing(kind: &Kind, fresh: &mut Fresh<'_>) {
    let (name, place) = (kind.name, fresh());
    let held = Held::of(place.as_ref());
    place.put(ONE, 1);
    held.ingest(name);
    let indexed = held.in_force(ONE);
    for entry in &indexed {
        for path in place.astray(&entry.location.path) {
            let mut astray = entry.clone();
            astray.location.path = path;
            let path = &astray.location.path;
            assert!(held.release(&astray).is_err(), "{name}: {path}");
        }
    }
    let before = held.index.counters().unwrap();
    place.away();
    let again = held.source.ingest(&held.index, &mut |_| {});
    assert!(again.is_err(), "{name}: away");
    assert_eq!(held.index.counters().unwrap(), before, "{name}");
    for entry in &indexed {
        assert!(held.release(entry).is_err(), "{name}: away");
    }
}
