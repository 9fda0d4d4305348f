//! Image studies of a real PACS: Orthanc from Debian's packages, on loopback, with images made here.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test fails by panicking and says what it left out"
)]

use sekisho_documents::{
    Contents, DocumentEntry, DocumentIndex, MemoryIndex, Patient, QuarantineReason, Query,
};
use sekisho_ingest::{
    DicomWebSource, Language, Login, Report, Source, WrongPatient, render_document,
};
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const ORTHANC: &str = "/usr/sbin/Orthanc";
const PLUGIN: &str = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so";
const FACILITY: &str = "4110000001";
const ONE: &str = "0009013";
const OTHER: &str = "0009014";
const PATIENCE: Duration = Duration::from_secs(60);

/// A PACS of this test's own.
struct Pacs {
    process: Child,
    port: u16,
    _dir: tempfile::TempDir,
}

impl Drop for Pacs {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// None where Orthanc is not installed and cannot be.
fn installed() -> bool {
    let there = || Path::new(ORTHANC).exists() && Path::new(PLUGIN).exists();
    if there() {
        return true;
    }
    if std::env::var_os("CI").is_none() {
        println!("left out: image studies (orthanc and orthanc-dicomweb are not installed)");
        return false;
    }
    let install = [
        "install",
        "-y",
        "--no-install-recommends",
        "orthanc",
        "orthanc-dicomweb",
    ];
    let done = Command::new("apt-get").args(install).status();
    assert!(
        done.is_ok_and(|s| s.success()) && there(),
        "apt-get cannot install orthanc"
    );
    true
}

impl Pacs {
    fn start() -> Option<Self> {
        if !installed() {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let store = dir.path().join("store");
        let config = serde_json::json!({
            "Name": "test", "StorageDirectory": store, "IndexDirectory": store, "HttpPort": port,
            "DefaultEncoding": "Utf8", "RemoteAccessAllowed": false, "DicomServerEnabled": false, "AuthenticationEnabled": true,
            "RegisteredUsers": { "node": "6" }, "Plugins": [PLUGIN],
            "DicomWeb": { "Enable": true, "Root": "/dicom-web/" }
        });
        let path = dir.path().join("orthanc.json");
        fs::write(&path, config.to_string()).unwrap();
        let process = Command::new(ORTHANC)
            .arg(&path)
            .current_dir(dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let pacs = Self {
            process,
            port,
            _dir: dir,
        };
        let until = Instant::now() + PATIENCE;
        while pacs
            .try_ask("GET", "/dicom-web/studies", &[])
            .is_none_or(|(status, _)| status != 200)
        {
            assert!(Instant::now() < until, "the PACS does not begin to answer");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(pacs)
    }

    /// One request of the PACS' own interface; its status and its body.
    fn try_ask(&self, method: &str, path: &str, body: &[u8]) -> Option<(u16, Vec<u8>)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        // node:6
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic bm9kZTo2\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).ok()?;
        stream.write_all(body).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let text = String::from_utf8_lossy(&answer);
        let status = text.split(' ').nth(1)?.parse().ok()?;
        let at = answer.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
        Some((status, answer[at..].to_vec()))
    }

    fn put(&self, image: &[u8]) -> serde_json::Value {
        let (status, body) = self.try_ask("POST", "/instances", image).unwrap();
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap()
    }

    fn delete(&self, path: &str) {
        let (status, _) = self.try_ask("DELETE", path, &[]).unwrap();
        assert_eq!(status, 200);
    }

    fn source(&self, password: &str) -> DicomWebSource {
        DicomWebSource {
            service: format!("http://127.0.0.1:{}/dicom-web/", self.port)
                .parse()
                .unwrap(),
            login: Some(Login {
                user: "node".into(),
                password: password.into(),
            }),
            facility: FACILITY.parse().unwrap(),
            source_id: "pacs".parse().unwrap(),
        }
    }
}

/// An image of 64 by 64 grey pixels (Secondary Capture, explicit VR little endian), written element by element.
fn image(patient: &str, study: u32, number: u32, shade: u8) -> Vec<u8> {
    let mut dataset = Vec::new();
    let uid = |kind: u32, n: u32| format!("1.2.826.0.1.3680043.10.9999.{kind}.{study}.{n}");
    let mut put = |group: u16, element: u16, vr: &str, value: &[u8]| {
        let pad = if vr == "UI" { 0 } else { b' ' };
        let mut value = value.to_vec();
        if value.len() % 2 == 1 {
            value.push(pad);
        }
        dataset.extend(group.to_le_bytes());
        dataset.extend(element.to_le_bytes());
        dataset.extend(vr.as_bytes());
        if vr == "OW" {
            dataset.extend([0, 0]);
            dataset.extend((value.len() as u32).to_le_bytes());
        } else {
            dataset.extend((value.len() as u16).to_le_bytes());
        }
        dataset.extend(value);
    };
    let instance = uid(3, number);
    put(8, 5, "CS", b"ISO_IR 192");
    put(8, 0x16, "UI", b"1.2.840.10008.5.1.4.1.1.7");
    put(8, 0x18, "UI", instance.as_bytes());
    put(8, 0x20, "DA", b"20260401");
    put(8, 0x30, "TM", b"152000");
    put(8, 0x50, "SH", format!("A{study}").as_bytes());
    put(8, 0x60, "CS", b"CT");
    put(8, 0x1030, "LO", "胸部CT".as_bytes());
    put(8, 0x103e, "LO", "造影".as_bytes());
    put(0x10, 0x10, "PN", "SEKISHO^TARO=関所^太郎".as_bytes());
    put(0x10, 0x20, "LO", patient.as_bytes());
    put(0x10, 0x30, "DA", b"19480405");
    put(0x10, 0x40, "CS", b"M");
    put(0x18, 0x15, "CS", b"CHEST");
    put(0x20, 0xd, "UI", uid(1, 0).as_bytes());
    put(0x20, 0xe, "UI", uid(2, 0).as_bytes());
    put(0x20, 0x11, "IS", b"1");
    put(0x20, 0x13, "IS", number.to_string().as_bytes());
    put(0x28, 2, "US", &1u16.to_le_bytes());
    put(0x28, 4, "CS", b"MONOCHROME2");
    put(0x28, 0x10, "US", &64u16.to_le_bytes());
    put(0x28, 0x11, "US", &64u16.to_le_bytes());
    put(0x28, 0x100, "US", &8u16.to_le_bytes());
    put(0x28, 0x101, "US", &8u16.to_le_bytes());
    put(0x28, 0x102, "US", &7u16.to_le_bytes());
    put(0x28, 0x103, "US", &0u16.to_le_bytes());
    let pixels: Vec<u8> = (0..64u16 * 64)
        .map(|n| (n as u8).wrapping_mul(shade))
        .collect();
    put(0x7fe0, 0x10, "OW", &pixels);

    let mut meta = Vec::new();
    let mut put = |element: u16, value: &[u8]| {
        let mut value = value.to_vec();
        if value.len() % 2 == 1 {
            value.push(0);
        }
        meta.extend(2u16.to_le_bytes());
        meta.extend(element.to_le_bytes());
        meta.extend(b"UI");
        meta.extend((value.len() as u16).to_le_bytes());
        meta.extend(value);
    };
    put(2, b"1.2.840.10008.5.1.4.1.1.7");
    put(3, instance.as_bytes());
    put(0x10, b"1.2.840.10008.1.2.1");
    let mut file = vec![0; 128];
    file.extend(b"DICM");
    file.extend([2, 0, 0, 0]);
    file.extend(b"UL");
    file.extend(4u16.to_le_bytes());
    file.extend((meta.len() as u32).to_le_bytes());
    file.extend(meta);
    file.extend(dataset);
    file
}

fn found(index: &MemoryIndex, patient: &str, kind: &str) -> Vec<DocumentEntry> {
    let query = Query::of(Patient {
        facility: FACILITY.parse().unwrap(),
        local_patient_id: patient.parse().unwrap(),
    });
    let entries = index.find(&query).unwrap().entries;
    entries
        .into_iter()
        .filter(|e| e.data_kind == kind)
        .collect()
}

fn released(source: &DicomWebSource, entry: &DocumentEntry) -> Option<Vec<u8>> {
    let checked = source.release(&Contents::new([]), entry, 0).ok()?;
    let mut pieces = checked.pieces(1 << 20).unwrap();
    let mut bytes = Vec::new();
    pieces.next(&mut bytes).unwrap();
    Some(bytes)
}

#[test]
fn the_studies_of_a_real_pacs() {
    let Some(pacs) = Pacs::start() else {
        return;
    };
    let (source, index) = (pacs.source("6"), MemoryIndex::default());
    let ingest = || -> Report {
        let report = source.ingest(&index, &mut |_| {}).unwrap();
        let counters = index.counters().unwrap();
        assert_eq!(
            (&report.kinds, &report.quarantined),
            (&counters.kinds, &counters.quarantined)
        );
        let again = source.ingest(&index, &mut |_| {}).unwrap();
        assert_eq!((again.changed, again.forgotten), (0, 0), "read again");
        assert_eq!(again.files, again.unchanged);
        report
    };
    assert_eq!(ingest().files, 0, "an empty PACS");

    let stored = pacs.put(&image(ONE, 1, 1, 1));
    pacs.put(&image(ONE, 1, 2, 3));
    pacs.put(&image(OTHER, 2, 1, 5));
    pacs.put(&image("", 3, 1, 5));
    let report = ingest();
    assert_eq!(
        (report.files, report.documents(), report.patients),
        (3, 4, 2)
    );
    let reasons: Vec<_> = report.quarantined.into_iter().collect();
    assert_eq!(reasons, [(QuarantineReason::NoPatient, 1)]);

    // Facts and thumbnail, fetched again, are what was indexed; and of this patient only.
    let facts = found(&index, ONE, "DICOM-STUDY").remove(0);
    let thumbnail = found(&index, ONE, "DICOM-THUMBNAIL").remove(0);
    let bytes = released(&source, &facts).unwrap();
    let shown = render_document(&facts.format_code.code, &bytes).text(Language::Ja);
    for words in ["関所", "胸部CT", "造影", "CHEST", "2026-04-01", "CT"] {
        assert!(shown.contains(words), "{words} is not in\n{shown}");
    }
    let picture = released(&source, &thumbnail).unwrap();
    assert!(picture.starts_with(b"\xff\xd8") && thumbnail.mime_type == "image/jpeg");
    for mut confused in [facts.clone(), thumbnail.clone()] {
        confused.local_patient_id = OTHER.parse().unwrap();
        assert_eq!(released(&source, &confused), None);
    }
    assert!(matches!(
        source.verify(&facts, &picture),
        Err(WrongPatient { .. })
    ));
    for path in [
        "studies/../../instances",
        "studies/1/series",
        "instances",
        "studies/1?x=y",
    ] {
        let mut astray = facts.clone();
        astray.location.path = path.to_owned();
        assert_eq!(released(&source, &astray), None, "{path}");
    }

    // Another image: other facts, under another id.
    pacs.put(&image(ONE, 1, 3, 7));
    assert_eq!(
        released(&source, &facts),
        None,
        "it is not what was indexed any more"
    );
    ingest();
    let grown = found(&index, ONE, "DICOM-STUDY").remove(0);
    assert_ne!(grown.unique_id, facts.unique_id);
    assert!(released(&source, &grown).is_some());
    assert_eq!(found(&index, ONE, "DICOM-THUMBNAIL").len(), 1);

    // Deleted in the PACS.
    let study = stored["ParentStudy"].as_str().unwrap();
    pacs.delete(&format!("/studies/{study}"));
    assert_eq!(released(&source, &grown), None);
    let report = ingest();
    assert_eq!((report.forgotten, report.documents()), (2, 2));
    assert_eq!(found(&index, ONE, "DICOM-STUDY"), []);

    // The same study comes back as another patient's: what was indexed for the first is not given for the second.
    pacs.put(&image(ONE, 1, 1, 1));
    ingest();
    let first = found(&index, ONE, "DICOM-STUDY").remove(0);
    let again = pacs.put(&image(ONE, 1, 1, 1));
    pacs.delete(&format!(
        "/studies/{}",
        again["ParentStudy"].as_str().unwrap()
    ));
    pacs.put(&image(OTHER, 1, 1, 1));
    assert_eq!(released(&source, &first), None);

    // A PACS that refuses, and one that is away, forget nothing.
    let before = index.counters().unwrap();
    assert!(
        pacs.source("7").ingest(&index, &mut |_| {}).is_err(),
        "a wrong password"
    );
    drop(pacs);
    assert!(source.ingest(&index, &mut |_| {}).is_err());
    assert_eq!(index.counters().unwrap(), before);
    assert!(source.release(&Contents::new([]), &first, 0).is_err());
}
