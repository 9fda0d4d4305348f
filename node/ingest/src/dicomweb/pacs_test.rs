//! A real PACS of a test's own: Orthanc from Debian's packages, on loopback, with images made here.

use super::{DicomWebSource, Login, Trust};
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const ORTHANC: &str = "/usr/sbin/Orthanc";
const PLUGIN: &str = "/usr/share/orthanc/plugins/libOrthancDicomWeb.so";
const PATIENCE: Duration = Duration::from_secs(60);

pub struct Pacs {
    process: Child,
    pub address: SocketAddr,
    _dir: tempfile::TempDir,
}

impl Drop for Pacs {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Whether Orthanc is here; installed where the test may install, under CI.
fn installed() -> bool {
    let there = || Path::new(ORTHANC).exists() && Path::new(PLUGIN).exists();
    if there() {
        return true;
    }
    if std::env::var_os("CI").is_none() {
        println!("left out: image studies (orthanc and orthanc-dicomweb are not installed)");
        return false;
    }
    let mut install = Command::new("apt-get");
    install.args(["install", "-y", "--no-install-recommends"]);
    let done = install.args(["orthanc", "orthanc-dicomweb"]).status();
    assert!(
        done.is_ok_and(|s| s.success()) && there(),
        "apt-get cannot install orthanc"
    );
    true
}

impl Pacs {
    /// Starts one; none, and a word of it, where Orthanc is not installed.
    pub fn start() -> Option<Self> {
        if !installed() {
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        Some(Self {
            process: run(dir.path(), address),
            address,
            _dir: dir,
        })
    }

    pub fn stop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    /// One request of the PACS' own interface; its status and its body.
    fn ask(&self, method: &str, path: &str, body: &[u8]) -> (u16, Vec<u8>) {
        let mut stream = TcpStream::connect(self.address).unwrap();
        // node:6
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Basic bm9kZTo2\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let text = String::from_utf8_lossy(&answer);
        let status = text.split(' ').nth(1).unwrap().parse().unwrap();
        let at = answer.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
        (status, answer[at..].to_vec())
    }

    /// Stores an image; the PACS' names of what it is part of.
    pub fn put(&self, image: &[u8]) -> serde_json::Value {
        let (status, body) = self.ask("POST", "/instances", image);
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        serde_json::from_slice(&body).unwrap()
    }

    pub fn delete(&self, path: &str) {
        let (status, _) = self.ask("DELETE", path, &[]);
        assert_eq!(status, 200);
    }

    pub fn clear(&self) {
        let (_, patients) = self.ask("GET", "/patients", &[]);
        let patients: Vec<String> = serde_json::from_slice(&patients).unwrap();
        for patient in patients {
            self.delete(&format!("/patients/{patient}"));
        }
    }

    /// A source of it, answered at `authority`.
    pub fn source_at(&self, scheme: &str, authority: &str, trust: Option<Trust>) -> DicomWebSource {
        DicomWebSource {
            service: format!("{scheme}://{authority}/dicom-web/")
                .parse()
                .unwrap(),
            trust,
            login: Some(Login {
                user: "node".into(),
                password: "6".into(),
            }),
            facility: crate::contract_test::FACILITY.parse().unwrap(),
            source_id: "pacs".parse().unwrap(),
        }
    }

    pub fn source(&self) -> DicomWebSource {
        self.source_at("http", &self.address.to_string(), None)
    }
}

/// Runs Orthanc over a folder, and waits until it answers.
fn run(dir: &Path, address: SocketAddr) -> Child {
    let store = dir.join("store");
    let config = serde_json::json!({
        "Name": "test", "StorageDirectory": store, "IndexDirectory": store, "HttpPort": address.port(),
        "DefaultEncoding": "Utf8", "RemoteAccessAllowed": false, "DicomServerEnabled": false, "AuthenticationEnabled": true,
        "RegisteredUsers": { "node": "6" }, "Plugins": [PLUGIN],
        "DicomWeb": { "Enable": true, "Root": "/dicom-web/" }
    });
    let path = dir.join("orthanc.json");
    fs::write(&path, config.to_string()).unwrap();
    let process = Command::new(ORTHANC)
        .arg(&path)
        .current_dir(dir)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // Its plugins are there before it listens.
    let until = Instant::now() + PATIENCE;
    while TcpStream::connect(address).is_err() {
        assert!(Instant::now() < until, "the PACS does not begin to answer");
        std::thread::sleep(Duration::from_millis(20));
    }
    process
}

/// An image of 16 by 16 grey pixels (Secondary Capture, explicit VR little endian), written element by element.
pub fn image(patient: &str, study: u32, number: u32, shade: u8) -> Vec<u8> {
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
    put(0x28, 0x10, "US", &16u16.to_le_bytes());
    put(0x28, 0x11, "US", &16u16.to_le_bytes());
    put(0x28, 0x100, "US", &8u16.to_le_bytes());
    put(0x28, 0x101, "US", &8u16.to_le_bytes());
    put(0x28, 0x102, "US", &7u16.to_le_bytes());
    put(0x28, 0x103, "US", &0u16.to_le_bytes());
    let pixels: Vec<u8> = (0..16u16 * 16)
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
