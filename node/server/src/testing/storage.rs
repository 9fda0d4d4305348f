//! An SS-MIX2 storage in a temporary folder.

use sekisho_ingest::{Source, SsMix2Storage};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A prescription for a patient, as a hospital's system writes it.
pub fn prescription(patient: &str, drug: &str) -> Vec<u8> {
    prescription_on("20260401", patient, drug)
}

fn prescription_on(day: &str, patient: &str, drug: &str) -> Vec<u8> {
    let lines = [
        "MSH|^~\\&|HIS|SEND|GW|RCV|20260401120000.12||RDE^O11|1|P|2.5||||||~ISO IR87||ISO 2022-1994".to_owned(),
        format!("PID|0001||{patient}^^^^PI||SEKISHO^TARO^^^^^L^A||19480405|M"),
        format!("ORC|NW|1||1|||||{day}103045||||||||01^NAIKA^99XY1"),
        format!("RXE||1^{drug}^HOT9|1||TAB^TAB^MR9P|||||15|TAB^TAB^MR9P"),
    ];
    format!("{}\r", lines.join("\r")).into_bytes()
}

fn day(order: u32) -> String {
    format!("202604{:02}", 1 + order % 28)
}

/// One hospital's storage.
pub struct Storage {
    pub source: SsMix2Storage,
}

impl Storage {
    pub fn new(below: &Path, source_id: &str, facility: &str) -> Self {
        let root = below.join(source_id);
        fs::create_dir(&root).unwrap();
        let mut source =
            SsMix2Storage::new(root, facility.parse().unwrap(), source_id.parse().unwrap());
        // A test says when a change is seen.
        source.follow = None;
        Self { source }
    }

    /// It as a node is given it.
    pub fn of_node(&self) -> Arc<dyn Source> {
        Arc::new(self.source.clone())
    }

    /// Where a prescription of a patient lies.
    pub fn path(&self, patient: &str, order: u32) -> PathBuf {
        let (first, second) = (&patient[..3], &patient[3..6]);
        let day = day(order);
        self.source.root.join(format!(
            "{first}/{second}/{patient}/{day}/OMP-01/{patient}_{day}_OMP-01_{order:015}_{day}110000000_01_1"
        ))
    }

    /// Writes a prescription; its bytes.
    pub fn put(&self, patient: &str, order: u32) -> Vec<u8> {
        let bytes = prescription_on(&day(order), patient, &format!("DRUG {order}"));
        self.write(patient, order, &bytes);
        bytes
    }

    pub fn write(&self, patient: &str, order: u32, bytes: &[u8]) {
        let path = self.path(patient, order);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// What a hospital writes down of somebody invented.
#[derive(Debug, Clone, Copy)]
pub struct Person {
    pub kanji: &'static str,
    pub kana: &'static str,
    pub birth: &'static str,
    pub sex: &'static str,
    pub address: &'static str,
    pub phone: &'static str,
    /// Insurer, symbol, number, branch.
    pub insured: [&'static str; 4],
}

/// Somebody.
pub const TARO: Person = Person {
    kanji: "SEKISHO^TARO",
    kana: "ｾｷｼｮ^ﾀﾛｳ",
    birth: "19480405",
    sex: "M",
    address: "8400801^佐賀県佐賀市駅前中央一丁目2番3号",
    phone: "0952-00-1234",
    insured: ["01410016", "1234", "567890", "01"],
};

/// His sister, who lives with him.
pub const HANAKO: Person = Person {
    kanji: "SEKISHO^HANAKO",
    kana: "ｾｷｼｮ^ﾊﾅｺ",
    birth: "19500812",
    sex: "F",
    insured: ["01410016", "1234", "567890", "02"],
    ..TARO
};

impl Person {
    /// What is said of them in a search.
    pub fn said(&self) -> sekisho_proto::v1::Demographics {
        use sekisho_proto::v1;
        let name = |text: &str| {
            let (family, given) = text.split_once('^').unwrap();
            Some(v1::PersonName {
                family: family.to_owned(),
                given: given.to_owned(),
            })
        };
        let (postal, text) = self.address.split_once('^').unwrap();
        let [insurer, symbol, number, branch] = self.insured.map(str::to_owned);
        v1::Demographics {
            kanji: name(self.kanji),
            kana: name(self.kana),
            birth: self.birth.to_owned(),
            sex: self.sex.to_owned(),
            addresses: vec![v1::PersonAddress {
                postal: postal.to_owned(),
                text: text.to_owned(),
            }],
            phones: vec![self.phone.to_owned()],
            insured: vec![v1::InsuredPerson {
                insurer,
                symbol,
                number,
                branch,
            }],
        }
    }
}

impl Storage {
    /// Writes a patient's basic data (ADT-00), in the place of those before.
    pub fn put_person(&self, patient: &str, person: &Person) {
        let folder = self.source.root.join(format!(
            "{}/{}/{patient}/-/ADT-00",
            &patient[..3],
            &patient[3..6]
        ));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        let [insurer, symbol, number, branch] = person.insured;
        let (postal, address) = person.address.split_once('^').unwrap();
        let lines = [
            "MSH|^~\\&|HIS|SEND|GW|RCV|20260401120000.12||ADT^A08|1|P|2.5||||||~ISO IR87||ISO 2022-1994".to_owned(),
            "EVN||20260401120000".to_owned(),
            format!(
                "PID|0001||{patient}^^^^PI||{}^^^^^L^I~{}^^^^^L^P||{}|{}|||^^^^{postal}^JPN^H^{address}||^PRN^PH^^^^^^^^^{}",
                person.kanji, person.kana, person.birth, person.sex, person.phone
            ),
            "PV1||O".to_owned(),
            format!("IN1|1|06^組合^JHSD0001|{insurer}|||||||{symbol}|{number}^{branch}|20200401"),
        ];
        let text = format!("{}\r", lines.join("\r"));
        let encoded = encoding_rs::ISO_2022_JP.encode(&text).0.into_owned();
        let name = format!("{patient}_-_ADT-00_999999999999999_20260401120000120_-_1");
        fs::write(folder.join(name), encoded).unwrap();
    }
}
