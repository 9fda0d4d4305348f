//! Erasing: nothing of the person is left in the file, all else is, and a kill anywhere leaves one or the other.

use super::*;
use crate::commitments::{DOCUMENT, EVIDENCE, PRACTITIONER, SEALED as SEAL_LABEL};
use crate::store::{Kept, StoredRequest, TransferKind};
use crate::testing::{KURUME, SAGA, SAGA_HOSPITAL, SAGA_OTHER, chart, network};
use prost::Message;
use sekisho_domain::{
    Commitment, EntryIndex, Hash, Period, PractitionerId, RequestId, Reservation, Transfer,
    ViewerSelector,
};
use sekisho_ledger::commitment::{Opening, Salt};
use sekisho_proto::v1;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

const DIE_AT: &str = "SEKISHO_TEST_DIE_AT";
const FILE: &str = "SEKISHO_TEST_FILE";
const NOW: TimeMs = TimeMs(1_790_000_000_000);

const LEAVER: SubjectId = SubjectId([0x1e; 16]);
const STAYER: SubjectId = SubjectId([0x57; 16]);

/// What is a person's, with one mark for each of the two.
fn words(who: &str) -> [String; 4] {
    ["at-hospital", "at-other", "evidence", "document"].map(|what| format!("{who}-{what}"))
}

fn salt(subject: &SubjectId, n: u8) -> Salt {
    let mut bytes = [subject.0[0] ^ 0x80; 32];
    bytes[31] = n;
    Salt::from_bytes(bytes)
}

fn request(n: u8) -> StoredRequest {
    StoredRequest {
        asked: Hash([n; 32]),
        envelope: v1::Envelope {
            payload_type: "t".to_owned(),
            payload: vec![n; 40],
            signatures: Vec::new(),
        },
    }
}

fn reservation(subject: SubjectId) -> Reservation {
    Reservation {
        network: network(SAGA),
        subject,
        viewer: ViewerSelector::Network(network(KURUME)),
        disclosing_facilities: None,
        categories: None,
        purposes: None,
        period: Period {
            from: NOW,
            until: None,
        },
        recorded_by: SAGA_HOSPITAL.parse().unwrap(),
        proxy: None,
    }
}

/// Everything a node comes to hold of a patient.
fn live(store: &NodeStore, subject: SubjectId, who: &str, n: u8) {
    let [first, second, evidence, document] = words(who);
    store
        .subject_or(&chart(SAGA_HOSPITAL, &first), subject)
        .unwrap();
    store
        .add_chart(subject, &chart(SAGA_OTHER, &second))
        .unwrap();
    let opening =
        |label, n, value: &[u8]| Opening::new(label, salt(&subject, n), value.to_vec()).unwrap();
    let evidence = opening(EVIDENCE, 1, evidence.as_bytes());
    let asked_by = opening(PRACTITIONER, 2, b"dr-who-asked");
    let value = v1::Reservation::from(&reservation(subject)).encode_to_vec();
    let sealed = opening(SEAL_LABEL, 3, &value);
    for (id, openings, seal) in [
        (n, vec![evidence], None),
        (n + 1, vec![asked_by], None),
        (n + 2, vec![sealed.clone()], Some(sealed.commitment())),
    ] {
        let kept = Kept {
            about: &subject,
            openings: &openings,
            sealed: seal.as_ref(),
        };
        store
            .put_request(&RequestId([id; 16]), &request(id), &kept)
            .unwrap();
    }
    let transfer = Transfer {
        access: EntryIndex(n.into()),
        disclosing: network(SAGA),
        document: Commitment([0x80 + n; 32]),
        content: Commitment([0x80 + n; 32]),
    };
    let openings = [opening(DOCUMENT, 4, document.as_bytes())];
    let id = RequestId([n + 3; 16]);
    store
        .record_transfer(
            TransferKind::Release,
            &transfer,
            &subject,
            &openings,
            id,
            NOW,
        )
        .unwrap();
}

fn filled(path: &Path) -> NodeStore {
    let store = NodeStore::open(path).unwrap();
    store.set_ingested(Some(Hash([3; 32]))).unwrap();
    store
        .practitioner_or("dr-who-asked", PractitionerId([4; 16]))
        .unwrap();
    live(&store, LEAVER, "leaver", 10);
    live(&store, STAYER, "stayer", 20);
    store
}

/// The marks of a person that the files of a folder hold: words, salts, digests of what was asked.
fn traces(folder: &Path, subject: SubjectId, who: &str, n: u8) -> Vec<String> {
    let mut marks: Vec<(String, Vec<u8>)> = words(who)
        .into_iter()
        .map(|word| (word.clone(), word.into_bytes()))
        .collect();
    for salted in [1, 3, 4] {
        let name = format!("salt {salted}");
        marks.push((name, salt(&subject, salted).as_bytes().to_vec()));
    }
    for id in n..n + 3 {
        marks.push((format!("digest {id}"), vec![id; 32]));
        marks.push((format!("envelope {id}"), vec![id; 40]));
    }
    let files: Vec<_> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| fs::read(entry.unwrap().path()).unwrap())
        .collect();
    let found = |mark: &[u8]| {
        let windows = |file: &Vec<u8>| file.windows(mark.len()).any(|window| window == mark);
        files.iter().any(windows)
    };
    marks.retain(|(_, mark)| found(mark));
    marks.into_iter().map(|(name, _)| name).collect()
}

fn check_whole(store: &NodeStore, subject: SubjectId, who: &str, n: u8) {
    let [first, second, ..] = words(who);
    let charts = [chart(SAGA_HOSPITAL, &first), chart(SAGA_OTHER, &second)];
    assert_eq!(store.charts_of(&subject).unwrap(), charts);
    assert_eq!(store.subject_of(&charts[1]).unwrap(), Some(subject));
    assert_eq!(store.erased(&subject).unwrap(), None);
    for id in n..n + 3 {
        assert_eq!(
            store.request(&RequestId([id; 16])).unwrap(),
            Some(request(id))
        );
    }
    let seals = store.seals_of(&subject).unwrap();
    assert_eq!(seals.len(), 1);
    assert_eq!(seals[0].reservation, reservation(subject));
}

fn check_erased(store: &NodeStore) {
    let [first, ..] = words("leaver");
    assert!(store.charts_of(&LEAVER).unwrap().is_empty());
    assert_eq!(
        store.subject_of(&chart(SAGA_HOSPITAL, &first)).unwrap(),
        None
    );
    assert!(store.seals_of(&LEAVER).unwrap().is_empty());
    assert_eq!(store.erased(&LEAVER).unwrap(), Some(NOW));
    for id in 10..13 {
        assert_eq!(store.request(&RequestId([id; 16])).unwrap(), None);
    }
    // What is evidence of the network's own doing stays: who asked, and that something was let go.
    let asked_by = Opening::new(PRACTITIONER, salt(&LEAVER, 2), b"dr-who-asked".to_vec()).unwrap();
    let kept = store.opening(&asked_by.commitment()).unwrap();
    assert_eq!(kept.unwrap().value(), b"dr-who-asked");
    let release = store
        .transfer(TransferKind::Release, EntryIndex(10))
        .unwrap();
    assert!(release.is_some());
    assert_eq!(store.pending_total().unwrap(), 2);
    assert_eq!(store.ingested().unwrap(), Some(Hash([3; 32])));
    let pseudonym = PractitionerId([4; 16]);
    assert_eq!(
        store.practitioner_of("dr-who-asked").unwrap(),
        Some(pseudonym)
    );
    assert_eq!(
        store.practitioner(&pseudonym).unwrap().unwrap(),
        "dr-who-asked"
    );
}

#[test]
fn nothing_of_the_person_is_left_and_all_else_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.redb");
    let store = filled(&path);
    let all = traces(dir.path(), LEAVER, "leaver", 10).len();
    assert_eq!(all, 4 + 3 + 6, "the scan finds what is there");
    let narrow = fs::Permissions::from_mode(0o600);
    fs::set_permissions(&path, narrow).unwrap();
    let erased = store.erase(&LEAVER, NOW).unwrap();
    let mode = fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let expected = Erased {
        at: NOW,
        before: false,
        charts: 2,
        requests: 3,
        openings: 3,
        sealed: 1,
    };
    assert_eq!(erased, expected);
    let check = |store: &NodeStore| {
        check_erased(store);
        check_whole(store, STAYER, "stayer", 20);
        let left = traces(dir.path(), LEAVER, "leaver", 10);
        assert_eq!(left, Vec::<String>::new());
        let kept = traces(dir.path(), STAYER, "stayer", 20);
        assert_eq!(kept.len(), all, "the other's is where it was");
    };
    check(&store);
    let mut steps = Vec::new();
    let again = store
        .erase_by_steps(&LEAVER, TimeMs(NOW.0 + 1), &mut |step| steps.push(step))
        .unwrap();
    // The first time may have failed at just that.
    assert_eq!(steps, [Step::Synced]);
    assert!(again.before && again.at == NOW, "{again:?}");
    let nobody = store.erase(&SubjectId([9; 16]), NOW);
    assert!(
        matches!(nobody, Err(StoreError::NoSuchSubject)),
        "{nobody:?}"
    );
    drop(store);
    let store = NodeStore::open(&path).unwrap();
    check(&store);

    // The person comes back as somebody new, and writes go into the file that is read at the next start.
    let [first, ..] = words("leaver");
    let back = SubjectId([0x77; 16]);
    let (known, new) = store
        .subject_or(&chart(SAGA_HOSPITAL, &first), back)
        .unwrap();
    assert_eq!((known, new), (back, true));
    drop(store);
    assert_eq!(
        NodeStore::open(&path)
            .unwrap()
            .charts_of(&back)
            .unwrap()
            .len(),
        1
    );
}

#[test]
fn work_under_way_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let store = filled(&dir.path().join("node.redb"));
    store.erase(&LEAVER, NOW).unwrap();
    let opening = Opening::new(EVIDENCE, salt(&LEAVER, 9), b"leaver-late".to_vec()).unwrap();
    let openings = [opening];
    let kept = Kept {
        about: &LEAVER,
        openings: &openings,
        sealed: None,
    };
    let transfer = Transfer {
        access: EntryIndex(99),
        disclosing: network(SAGA),
        document: Commitment([1; 32]),
        content: Commitment([1; 32]),
    };
    let id = RequestId([99; 16]);
    let late = [
        store.put_request(&id, &request(99), &kept),
        store.put_request_again(&RequestId([10; 16]), &request(10)),
        store.put_opening(&LEAVER, &openings[0]),
        store
            .subject_or(&chart(SAGA_HOSPITAL, "late"), LEAVER)
            .map(drop),
        store
            .record_transfer(
                TransferKind::Receipt,
                &transfer,
                &LEAVER,
                &openings,
                id,
                NOW,
            )
            .map(drop),
    ];
    for late in late {
        assert!(matches!(late, Err(StoreError::Erased)), "{late:?}");
    }
    assert_eq!(store.opening(&openings[0].commitment()).unwrap(), None);
    assert_eq!(store.request(&RequestId([10; 16])).unwrap(), None);
}

/// Not a test of its own: what [`killed_anywhere_all_or_nothing_is_erased`] starts as another process.
#[test]
fn erases_until_killed() {
    let (Ok(at), Ok(file)) = (std::env::var(DIE_AT), std::env::var(FILE)) else {
        return;
    };
    let store = NodeStore::open(Path::new(&file)).unwrap();
    let erased = store.erase_by_steps(&LEAVER, NOW, &mut |step| {
        if format!("{step:?}") == at {
            std::process::abort();
        }
    });
    panic!("it was not killed: {erased:?}");
}

#[test]
fn killed_anywhere_all_or_nothing_is_erased() {
    let steps = [
        (Step::Copying, false),
        (Step::Copied, false),
        (Step::Renamed, true),
        (Step::Synced, true),
    ];
    for (step, erased) in steps {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.redb");
        drop(filled(&path));
        let killed = Command::new(std::env::current_exe().unwrap())
            .args(["store::erase::tests::erases_until_killed", "--exact"])
            .env(DIE_AT, format!("{step:?}"))
            .env(FILE, &path)
            .output()
            .unwrap();
        assert_eq!(killed.status.code(), None, "{step:?}: {killed:?}");
        let store = NodeStore::open(&path).unwrap();
        let files: Vec<_> = fs::read_dir(dir.path()).unwrap().collect();
        assert_eq!(files.len(), 1, "{step:?} leaves {files:?}");
        check_whole(&store, STAYER, "stayer", 20);
        if erased {
            check_erased(&store);
        } else {
            check_whole(&store, LEAVER, "leaver", 10);
        }
        let again = store.erase(&LEAVER, NOW).unwrap();
        assert_eq!(again.before, erased, "{step:?}");
        check_erased(&store);
        let left = traces(dir.path(), LEAVER, "leaver", 10);
        assert_eq!(left, Vec::<String>::new(), "{step:?}");
    }
}
