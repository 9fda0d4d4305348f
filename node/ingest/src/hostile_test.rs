//! Storages as nobody should have them: other patients' messages, links, strange names, things that are no files.

use crate::fixture_test::*;
use crate::{QuarantineReason, Report, verify_patient};
use sekisho_documents::{Contents, ContentsError, Statuses};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};

#[test]
fn one_patient_in_another_ones_folder() {
    let fixture = Fixture::new();
    fixture.write(&path("1", FIRST, 1), &prescription("0009014", "錠剤"));
    let misfiled = path("2", FIRST, 1).replace("/0009013/", "/0009014/");
    fixture.write(&misfiled, &prescription(PATIENT, "錠剤"));
    let report = fixture.ingest();
    assert_eq!(report.documents(), 0);
    for patient in [PATIENT, "0009014"] {
        assert!(
            fixture
                .find(patient, Statuses::ApprovedAndDeprecated)
                .entries
                .is_empty()
        );
    }
    let list = fixture.index.quarantined(None, 10).unwrap();
    let ids = |n: usize| {
        let p = &list[n].patients;
        [&p.folder, &p.file_name, &p.message]
            .map(|id| id.as_ref().map_or("-", |t| t.as_str()).to_owned())
    };
    assert_eq!(
        (list[0].reason, ids(0)),
        (
            QuarantineReason::MessagePatientMismatch,
            [PATIENT, PATIENT, "0009014"].map(String::from)
        )
    );
    assert_eq!(
        (list[1].reason, ids(1)),
        (
            QuarantineReason::PathPatientMismatch,
            ["0009014", PATIENT, "-"].map(String::from)
        )
    );
    // The report is for everybody who runs a node: no patient in it.
    let json = serde_json::to_string(&report).unwrap();
    assert!(!json.contains("901"), "{json}");
    assert!(json.contains("\"message-patient-mismatch\":1"), "{json}");
    assert_eq!(serde_json::from_str::<Report>(&json).unwrap(), report);
}

#[test]
fn the_guard_holds_again_at_release() {
    let fixture = Fixture::new();
    fixture.write(&path("1", FIRST, 1), &prescription(PATIENT, "錠剤"));
    fixture.ingest();
    let entry = fixture.find(PATIENT, Statuses::Approved).entries.remove(0);
    let contents = Contents::new([(
        fixture.storage.source_id.clone(),
        fixture.storage.root.clone(),
    )]);
    let (_, bytes) = contents.open(&entry).unwrap().check_whole(0).unwrap();
    verify_patient(&bytes, &entry.local_patient_id).unwrap();
    assert!(verify_patient(&bytes, &"0009014".parse().unwrap()).is_err());
    // Replaced behind the index's back by another patient's message of the same size.
    fixture.write(&path("1", FIRST, 1), &prescription("0009014", "錠剤"));
    assert!(matches!(
        contents
            .open(&entry)
            .and_then(|opened| opened.check(0).map(drop)),
        Err(ContentsError::Changed(_))
    ));
}

#[test]
fn links_are_not_followed_and_nothing_outside_is_read() {
    let fixture = Fixture::new();
    fixture.write(&path("1", FIRST, 1), &prescription(PATIENT, "錠剤"));
    let outside = fixture.dir.path().join("outside");
    fs::create_dir_all(outside.join("0009015/20260401/OMP-01")).unwrap();
    let foreign = "0009015_20260401_OMP-01_1_20260401110000000_01_1";
    fs::write(
        outside.join("0009015/20260401/OMP-01").join(foreign),
        prescription("0009015", "錠剤"),
    )
    .unwrap();
    let link = |target: &std::path::Path, at: &str| symlink(target, fixture.full(at)).unwrap();
    link(&outside.join("0009015"), "000/901/0009015");
    link(
        &outside.join("0009015/20260401/OMP-01").join(foreign),
        &path("2", FIRST, 1),
    );
    link(&fixture.full("000/901/0009013"), "000/901/0009016");
    link(&fixture.full(&path("1", FIRST, 1)), &path("3", FIRST, 1));
    link(std::path::Path::new("/nowhere"), "broken");
    link(std::path::Path::new("."), "000/901/0009013/loop");
    fixture.ingest();
    assert_eq!(fixture.answered(), (1, 0));
    assert!(
        fixture
            .find("0009015", Statuses::ApprovedAndDeprecated)
            .entries
            .is_empty()
    );
    use QuarantineReason::{EscapesRoot, SymbolicLink};
    let count = |reason| {
        fixture
            .reasons()
            .into_iter()
            .filter(|r| *r == reason)
            .count()
    };
    assert_eq!((count(EscapesRoot), count(SymbolicLink)), (3, 3));
}

#[test]
fn a_folder_replaced_by_a_link_is_forgotten() {
    let fixture = Fixture::new();
    fixture.write(&path("1", FIRST, 1), &prescription(PATIENT, "錠剤"));
    fixture.ingest();
    let outside = fixture.dir.path().join("outside");
    fs::rename(fixture.full("000/901"), &outside).unwrap();
    symlink(&outside, fixture.full("000/901")).unwrap();
    fixture.ingest();
    assert_eq!(fixture.answered(), (0, 0));
    assert_eq!(fixture.reasons(), [QuarantineReason::EscapesRoot]);
    // And back again.
    fs::remove_file(fixture.full("000/901")).unwrap();
    fs::rename(&outside, fixture.full("000/901")).unwrap();
    fixture.ingest();
    assert_eq!((fixture.answered(), fixture.reasons()), ((1, 0), vec![]));
}

#[test]
fn names_that_are_not_utf8_are_listed_and_the_rest_is_read() {
    let fixture = Fixture::new();
    fixture.write(&path("1", FIRST, 1), &prescription(PATIENT, "錠剤"));
    let sjis = OsStr::from_bytes(b"\x8a\xb3\x8e\xd2");
    for folder in [
        "",
        "000/901",
        "000/901/0009013",
        "000/901/0009013/20260401/OMP-01",
    ] {
        fs::create_dir(fixture.full(folder).join(sjis)).unwrap();
    }
    fs::write(
        fixture
            .full("000/901/0009013/20260401/OMP-01")
            .join(OsStr::from_bytes(b"\xff_1")),
        b"",
    )
    .unwrap();
    fixture.ingest();
    assert_eq!(fixture.answered(), (1, 0));
    assert_eq!(fixture.reasons(), [QuarantineReason::NameNotUtf8; 5]);
    assert!(
        fixture
            .quarantine()
            .iter()
            .any(|(name, _)| name == "\\x8a\\xb3\\x8e\\xd2")
    );
}

#[test]
fn what_does_not_belong_is_listed_or_left_alone() {
    let fixture = Fixture::new();
    fixture.write(&path("1", FIRST, 1), &prescription(PATIENT, "錠剤"));
    // No part of a storage.
    fixture.write("2026/TR_20260401110000000_00001.DAT", b"INS");
    fixture.write(".DS_Store", b"");
    fixture.write("000/901/0009013/20260401/OMP-01/.nfs000001", b"");
    fixture.write(
        &format!(".snapshot/hourly/{}", path("1", FIRST, 1)),
        &prescription(PATIENT, "錠剤"),
    );
    let report = fixture.ingest();
    assert_eq!((report.ignored, fixture.reasons()), (4, vec![]));
    // Misplaced.
    let name = path("1", FIRST, 1);
    let name = name.rsplit('/').next().unwrap();
    for at in [
        "",
        "000/",
        "000/901/0009013/",
        "000/901/0009013/20260401/",
        "000/901/0009013/20260401/OMP-01/deeper/",
    ] {
        fixture.write(&format!("{at}{name}"), &prescription(PATIENT, "錠剤"));
    }
    fixture.write("000/901/0009013/20260401/OMP-01/Thumbs.db", b"");
    fixture.write(
        "000/901/0009013/20260401/OMP-99/0009013_20260401_OMP-99_1_20260401110000000_01_1",
        b"",
    );
    fixture.ingest();
    use QuarantineReason::{BadName, Misplaced, UnknownKind};
    let mut reasons = fixture.reasons();
    reasons.sort();
    assert_eq!(
        reasons,
        [
            UnknownKind,
            BadName,
            Misplaced,
            Misplaced,
            Misplaced,
            Misplaced,
            Misplaced
        ]
    );
    assert_eq!(fixture.answered(), (1, 0));
}

#[test]
fn large_and_special_files_are_not_read() {
    let fixture = Fixture::new();
    fixture.write(&path("1", FIRST, 1), b"");
    let file = fs::OpenOptions::new()
        .write(true)
        .open(fixture.full(&path("1", FIRST, 1)))
        .unwrap();
    file.set_len(sekisho_documents::FILE_BYTES_MAX + 1).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(fixture.dir.path().join("s")).unwrap();
    fs::rename(
        fixture.dir.path().join("s"),
        fixture.full(&path("2", FIRST, 1)),
    )
    .unwrap();
    let report = fixture.ingest();
    drop(socket);
    assert_eq!(
        fixture.reasons(),
        [QuarantineReason::TooLarge, QuarantineReason::NotAFile]
    );
    assert_eq!(report.read_bytes, 0);
}

#[test]
fn what_cannot_be_read_now_is_read_later() {
    let fixture = Fixture::new();
    fixture.write(&path("1", FIRST, 1), &prescription(PATIENT, "錠剤"));
    fixture.ingest();
    let folder = fixture.full("000/901/0009013/20260401/OMP-01");
    let mode = |path: &std::path::Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap()
    };
    mode(&folder, 0o000);
    if fs::read_dir(&folder).is_ok() {
        println!("left out: unreadable files and folders (the tests run as root)");
        mode(&folder, 0o755);
        return;
    }
    fixture.ingest();
    assert_eq!(fixture.reasons(), [QuarantineReason::Unreadable]);
    assert_eq!(
        fixture.answered(),
        (1, 0),
        "what is known below an unreadable folder stays"
    );
    mode(&folder, 0o755);
    fixture.write(&path("2", FIRST, 1), &prescription(PATIENT, "錠剤"));
    mode(&fixture.full(&path("2", FIRST, 1)), 0o000);
    fixture.ingest();
    assert_eq!(fixture.reasons(), [QuarantineReason::Unreadable]);
    mode(&fixture.full(&path("2", FIRST, 1)), 0o644);
    fixture.ingest();
    assert_eq!((fixture.answered(), fixture.reasons()), ((2, 0), vec![]));
}

#[test]
fn fields_of_megabytes_are_refused_or_read_in_time() {
    let fixture = Fixture::new();
    let with_field = |bytes: usize| {
        let mut message = prescription(PATIENT, "DRUG");
        message.extend_from_slice(b"NTE|1||");
        message.resize(message.len() + bytes, b'x');
        message.push(b'\r');
        message
    };
    fixture.write(&path("1", FIRST, 1), &with_field(10 << 20));
    fixture.write(&path("2", FIRST, 1), &with_field(7 << 20));
    // Ten megabytes of delimiters, and of shift sequences.
    let mut delimiters = prescription(PATIENT, "DRUG");
    delimiters.extend_from_slice(&b"|^~&".repeat(1 << 20));
    fixture.write(&path("3", FIRST, 1), &delimiters);
    let mut shifts = prescription(PATIENT, "DRUG");
    shifts.extend_from_slice(b"NTE|1||");
    // The line does not end: so it was cut off.
    shifts.extend_from_slice(&b"\x1b$B\x1b(B".repeat(1 << 20));
    fixture.write(&path("4", FIRST, 1), &shifts);
    fixture.write(&path("5", FIRST, 1), &vec![b'\r'; 7 << 20]);
    let began = std::time::Instant::now();
    fixture.ingest();
    // Generous: unoptimised, beside other work. What must not be is time that grows with the square.
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
    use QuarantineReason::*;
    assert_eq!(fixture.reasons(), [TooLarge, TooLarge, Truncated, TooShort]);
    assert_eq!(fixture.answered(), (1, 0));
}

#[test]
fn a_cda_document_of_megabytes_is_refused_or_read_in_time() {
    let mut fixture = Fixture::new();
    fixture.storage.layout = crate::Layout::Extended;
    let head = format!(
        "<ClinicalDocument xmlns=\"urn:hl7-org:v3\"><recordTarget><patientRole>\
         <id root=\"1.2.3\" extension=\"{PATIENT}\"/></patientRole></recordTarget>"
    );
    let with = |middle: String| format!("{head}{middle}</ClinicalDocument>").into_bytes();
    let kind = "^x^^18842-5^x^LN";
    let at = |key: u32| {
        format!(
            "000/901/{PATIENT}/20260401/{kind}/{PATIENT}_20260401_{kind}_{key}_{FIRST}_01_1/main_document.xml"
        )
    };
    let attributes = |n: usize| (0..n).map(|i| format!(" a{i}=''")).collect::<String>();
    let files = [
        with("x".repeat(7 << 20)),
        with("<p/>".repeat(400_000)),
        with("<p><q/></p>".repeat(400_000)),
        with(format!("<p{}/>", attributes(800)).repeat(700)),
        with("<a>".repeat(1_000_000)),
    ];
    for (key, bytes) in (0u32..).zip(&files) {
        fixture.write(&at(key), bytes);
    }
    let began = std::time::Instant::now();
    let report = fixture.ingest();
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
    assert_eq!(
        (report.documents(), report.quarantined_total()),
        (3, 2),
        "{:?}",
        report.quarantined
    );
}
