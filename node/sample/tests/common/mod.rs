//! What the tests share: a specification with all makers, a walk over a storage, and a reader of its
//! own that decodes first and splits afterwards.
#![allow(dead_code, reason = "each test uses a part")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use sekisho_domain::FacilityId;
use sekisho_sample::{BrokenFile, FacilitySpec, SampleReport, SampleSpec, Vendor, generate};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Facilities of five networks, all makers among them, and two travellers.
pub fn spec(dir: &Path, seed: u64, patients: u32) -> SampleSpec {
    let codes = [
        "4110000011",
        "4110000029",
        "4010000012",
        "4010000020",
        "3210000013",
        "3110000014",
    ];
    let facilities = codes
        .iter()
        .zip(Vendor::ALL)
        .zip([8, 6, 10, 7, 15, 9])
        .map(|((code, vendor), digits)| FacilitySpec {
            local_id_digits: digits,
            ..FacilitySpec::new(id(code), vendor, dir.join(code))
        })
        .collect();
    let mut spec = SampleSpec::new(seed, facilities);
    spec.patients_per_facility = patients;
    spec.travellers = vec![
        vec![id(codes[0]), id(codes[2])],
        vec![id(codes[4]), id(codes[5]), id(codes[1])],
    ];
    spec
}

pub fn id(code: &str) -> FacilityId {
    code.parse().expect("a facility code")
}

/// A specification whose storages hold much of everything that is rare.
pub fn busy_spec(dir: &Path) -> SampleSpec {
    let mut spec = spec(dir, 11, 8);
    spec.rates.update_permille = 200;
    spec.rates.delete_permille = 200;
    spec.rates.late_permille = 200;
    spec.rates.defect_permille = 60;
    spec.rates.stay_permille = 700;
    spec
}

pub fn run(spec: &SampleSpec) -> SampleReport {
    generate(spec, &mut |_| {}).expect("generated")
}

/// All files below a directory by path relative to it, `/` between parts, hidden ones left out.
pub fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in std::fs::read_dir(&dir).expect("listed") {
            let path = entry.expect("entry").path();
            let name = path
                .file_name()
                .and_then(|n| n.to_str())
                .expect("a name")
                .to_owned();
            if path.is_dir() {
                open.push(path);
            } else if !name.starts_with('.') {
                let relative = path
                    .strip_prefix(root)
                    .expect("below")
                    .to_str()
                    .expect("UTF-8");
                found.insert(
                    relative.replace('\\', "/"),
                    std::fs::read(&path).expect("read"),
                );
            }
        }
    }
    found
}

/// The seven parts of a file's name.
#[derive(Debug, Clone)]
pub struct Name {
    pub local_id: String,
    pub care_day: String,
    pub kind: String,
    pub order: String,
    pub occurred: String,
    pub department: String,
    pub flag: char,
}

impl Name {
    pub fn parse(path: &str) -> Option<Self> {
        let name = path.rsplit('/').next()?;
        let parts: Vec<&str> = name.split('_').collect();
        let [local_id, care_day, kind, order, occurred, department, flag] = parts[..] else {
            return None;
        };
        let mut flag = flag.chars();
        Some(Self {
            local_id: local_id.to_owned(),
            care_day: care_day.to_owned(),
            kind: kind.to_owned(),
            order: order.to_owned(),
            occurred: occurred.to_owned(),
            department: department.to_owned(),
            flag: flag
                .next()
                .filter(|f| "012".contains(*f) && flag.next().is_none())?,
        })
    }

    /// The folder the name belongs into.
    pub fn folder(&self) -> String {
        let id = &self.local_id;
        format!(
            "{}/{}/{id}/{}/{}",
            &id[..3],
            &id[3..6],
            self.care_day,
            self.kind
        )
    }

    /// The index key.
    pub fn key(&self) -> [String; 4] {
        [&self.local_id, &self.care_day, &self.kind, &self.order].map(String::clone)
    }
}

/// A message: segments of fields, as text; field 0 is the segment's id.
#[derive(Debug)]
pub struct Message {
    pub segments: Vec<Vec<String>>,
}

impl Message {
    /// Decodes the whole, then splits.
    pub fn read(bytes: &[u8]) -> Self {
        let (text, _, faulty) = encoding_rs::ISO_2022_JP.decode(bytes);
        assert!(!faulty, "bytes that are no ISO-2022-JP");
        let segments = text
            .split(['\r', '\n'])
            .filter(|line| !line.is_empty())
            .map(|line| {
                let mut fields: Vec<String> = line.split('|').map(str::to_owned).collect();
                if fields[0] == "MSH" {
                    // MSH-1 is the separator, so that MSH-2 is what follows it.
                    fields.insert(1, "|".to_owned());
                }
                fields
            })
            .collect();
        Self { segments }
    }

    pub fn all<'a>(&'a self, id: &'a str) -> impl Iterator<Item = &'a Vec<String>> {
        self.segments.iter().filter(move |s| s[0] == id)
    }

    /// A field of the first segment of an id, empty where absent.
    pub fn field<'a>(&'a self, id: &'a str, field: usize) -> &'a str {
        self.all(id)
            .next()
            .and_then(|s| s.get(field))
            .map_or("", String::as_str)
    }

    /// MSH-9's first two components, `ADT^A08`.
    pub fn event(&self) -> String {
        self.field("MSH", 9)
            .split('^')
            .take(2)
            .collect::<Vec<_>>()
            .join("^")
    }
}

/// A specification, what its run reported, and the storages as they were then, in memory.
pub struct Sample {
    pub spec: SampleSpec,
    pub report: SampleReport,
    /// The files of each facility, in the order of the specification.
    pub trees: Vec<BTreeMap<String, Vec<u8>>>,
}

impl Sample {
    /// Runs a specification in a directory of its own.
    pub fn of(spec: impl FnOnce(&Path) -> SampleSpec) -> Self {
        let dir = tempfile::tempdir().expect("temp dir");
        let spec = spec(dir.path());
        let report = run(&spec);
        let trees = spec.facilities.iter().map(|f| files(&f.dir)).collect();
        Self {
            spec,
            report,
            trees,
        }
    }

    /// Every unbroken file: facility by position, name, bytes.
    pub fn valid(&self) -> impl Iterator<Item = (usize, Name, &[u8])> {
        let files = self.trees.iter().enumerate();
        files
            .flat_map(|(n, tree)| tree.iter().map(move |(path, bytes)| (n, path, bytes)))
            .filter_map(|(n, path, bytes)| {
                let facility = &self.spec.facilities[n].id;
                let broken = |b: &BrokenFile| b.facility == *facility && b.path == *path;
                if self.report.broken.iter().any(broken) {
                    return None;
                }
                let name = Name::parse(path).expect("a valid name");
                assert_eq!(
                    path.rsplit_once('/').map(|(folder, _)| folder),
                    Some(&name.folder()[..])
                );
                Some((n, name, bytes.as_slice()))
            })
    }

    /// A file by facility and path.
    pub fn bytes(&self, facility: &FacilityId, path: &str) -> &[u8] {
        let n = self
            .spec
            .facilities
            .iter()
            .position(|f| f.id == *facility)
            .expect("known");
        self.trees[n].get(path).expect("the file is there")
    }
}

/// The field 診療日 comes from, by message (clinical-formats §1.3); empty where the day is `-`.
pub fn care_day_field(event: &str) -> &'static str {
    match event {
        "ADT^A04" | "ADT^A01" | "ADT^A11" => "PV1-44",
        "ADT^A14" | "ADT^A27" | "ADT^A15" | "ADT^A26" => "PV2-8",
        "ADT^A21" | "ADT^A52" | "ADT^A22" | "ADT^A02" | "ADT^A12" => "EVN-6",
        "ADT^A53" => "PV2-47",
        "ADT^A16" | "ADT^A25" => "PV2-9",
        "ADT^A03" | "ADT^A13" => "PV1-45",
        "OMD^O03" | "RDE^O11" | "OML^O33" | "OMG^O19" => "ORC-9",
        "RAS^O17" => "RXA-3",
        "OUL^R22" => "SPM-17",
        "OMI^Z23" | "ORU^R01" => "OBR-7",
        _ => "",
    }
}

/// Checks that the field 診療日 comes from holds the day of the path, in every segment that has it.
pub fn check_care_day(message: &Message, name: &Name, field: &str) {
    let Some((segment, number)) = field.split_once('-') else {
        assert_eq!(name.care_day, "-", "{}", message.event());
        return;
    };
    let number: usize = number.parse().expect("a number");
    let mut seen = 0;
    for one in message.all(segment) {
        let value = one.get(number).map_or("", String::as_str);
        assert!(
            value.starts_with(&name.care_day),
            "{} {field} {value:?}",
            message.event()
        );
        seen += 1;
    }
    assert!(seen > 0, "{} lacks {segment}", message.event());
}
