//! One network whose patients' names, documents, titles and own names are markup, and a patient with 10,000 documents.

use crate::demo::free_port;
use sekisho::config::Config;
use sekisho_documents::Patient;
use sekisho_domain::Role;
use sekisho_harness::{Program, Running};
use sekisho_portal::accounts::{Account, Accounts, By, DEMO_PASSWORD, Hashed, Holder, Second};
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;
use std::time::{Duration, Instant};

const LIMIT: Duration = Duration::from_secs(120);
const FACILITY: &str = "4110000001";
const MARKED: &str = "0001";
const MANY: &str = "0002";
const OTHER: &str = "0003";
/// Documents of the patient with many.
const DOCUMENTS: usize = 10_000;
/// What every name and text is: it says so if it ever runs.
const MARKUP: &str = "<script>alert('run')</script><img src=x onerror=alert('run')>&lt;\"'";

const POLICY: &str = "version = 1\nvalid_from = \"2026-01-01\"\n\
    text_sha256 = \"00000000000000000000000000000000000000000000000000000000000000aa\"\n\
    [viewing]\nscope = \"each-facility\"\ncapture = [\"written\"]\n\
    new_facility = { needs-consent = \"written\" }\nwithdrawal = [\"written\"]\n";

pub struct Town {
    portal: String,
    _process: Running,
    _dir: tempfile::TempDir,
}

fn program() -> Program {
    Program::at(env!("CARGO_BIN_EXE_sekisho"))
}

/// A table of one patient, as a CSV file: a value a row, a document a row.
fn table(dir: &Path, name: &str, title: &str, rows: impl Iterator<Item = [String; 6]>) -> String {
    let root = dir.join(name);
    std::fs::create_dir_all(&root).unwrap();
    let columns = ["番号", "姓", "名", "生年月日", "測定日時", "所見"];
    let quoted = |row: &[String]| -> String {
        let fields = row
            .iter()
            .map(|field| format!("\"{}\"", field.replace('"', "\"\"")));
        fields.collect::<Vec<_>>().join(",") + "\r\n"
    };
    let mut text = quoted(&columns.map(str::to_owned));
    for row in rows {
        text.push_str(&quoted(&row));
    }
    std::fs::write(root.join("table.csv"), text).unwrap();
    let title = toml::Value::from(title);
    let mapping = format!(
        "version = 1\nname = \"{name}\"\ncategory = \"vitals\"\ntitle = {{ ja = {title}, en = {title} }}\n\
         encoding = \"utf-8\"\ncolumns = {columns:?}\npatient = \"番号\"\ndate = \"測定日時\"\n\
         document = [\"測定日時\"]\n[person]\nkanji = [\"姓\", \"名\"]\nbirth = \"生年月日\"\n"
    );
    let file = dir.join(format!("{name}.toml"));
    std::fs::write(&file, mapping).unwrap();
    format!(
        "[[node.source]]\nid = \"{name}\"\nkind = \"csv\"\nfacility = \"{FACILITY}\"\nroot = {root:?}\nmapping = {file:?}\n"
    )
}

fn row(patient: &str, name: [&str; 2], at: String, said: &str) -> [String; 6] {
    let [family, given] = name.map(str::to_owned);
    [
        patient.to_owned(),
        family,
        given,
        "19480405".to_owned(),
        at,
        said.to_owned(),
    ]
}

fn storages(dir: &Path) -> String {
    let marked = (1..=3).map(|day| {
        let at = format!("2026-04-{day:02}T09:00:00");
        row(MARKED, [MARKUP, MARKUP], at, MARKUP)
    });
    let other = row(
        OTHER,
        ["別の", "患者"],
        "2026-04-01T09:00:00".to_owned(),
        "なし",
    );
    let mut all = table(dir, "marked", MARKUP, marked.chain([other]));
    let many = (0..DOCUMENTS).map(|n| {
        let (year, month, day) = (2016 + n / 1000, 1 + n / 84 % 12, 1 + n / 3 % 28);
        let at = format!(
            "{year}-{month:02}-{day:02}T{:02}:{:02}:00",
            n % 24,
            n / 24 % 60
        );
        row(MANY, ["見本", "多子"], at, &n.to_string())
    });
    write!(all, "{}", table(dir, "many", "測定", many)).unwrap();
    all
}

fn accounts(config: &Path) {
    let config = Config::load(config).unwrap();
    std::fs::create_dir_all(&config.data).unwrap();
    let accounts = Accounts::open(&config.data.join("portal.redb")).unwrap();
    let password = Hashed::of(DEMO_PASSWORD).unwrap();
    let clinician = |practitioner: &str| Holder::Clinician {
        practitioner: practitioner.to_owned(),
        profession: Role::Physician,
        facilities: [FACILITY.parse().unwrap()].into(),
    };
    let patient = |number: &str| Holder::Patient {
        chart: Patient {
            facility: FACILITY.parse().unwrap(),
            local_patient_id: number.parse().unwrap(),
        },
        represents: Vec::new(),
    };
    for (name, holder) in [
        ("doctor", clinician("dr-1")),
        ("colleague", clinician("dr-2")),
        ("patient", patient(MARKED)),
        ("other", patient(OTHER)),
    ] {
        let account = Account {
            name: name.to_owned(),
            shown: format!("{name} {MARKUP}"),
            holder,
            password: Some(password.clone()),
            temporary: false,
            second: Second::Waived,
            disabled: false,
            handle: None,
            passkeys: Vec::new(),
        };
        accounts
            .add(&account, &By::command(sekisho_domain::TimeMs(0)))
            .unwrap();
    }
}

impl Town {
    pub fn new() -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let dir = temporary.path();
        let at = |path: &str| dir.join(path).to_str().unwrap().to_owned();
        let run = |args: &[&str]| program().run(args, LIMIT).expect(0);
        let (listen, portal) = (free_port(), free_port());
        let (listen, portal) = (format!("127.0.0.1:{listen}"), format!("127.0.0.1:{portal}"));
        let config = at("n/sekisho.toml");
        let init = [
            "network",
            "init",
            "--id",
            "marked",
            "--name",
            MARKUP,
            "--dir",
            &at("n"),
        ];
        run(&[&init[..], &["--listen", &listen, "--expected-rtt-ms", "1"]].concat());
        run(&[
            "network",
            "found",
            "--card",
            &at("n/card.json"),
            "--out",
            &at("n/genesis.json"),
        ]);
        let whole = std::fs::read_to_string(&config).unwrap() + "\n" + &storages(dir);
        let whole = format!("{whole}\n[portal]\nlisten = \"{portal}\"\ndemo = true\n");
        std::fs::write(&config, whole).unwrap();
        accounts(Path::new(&config));

        let began = Instant::now();
        let process = program().start(&["serve", "--config", &config], "serving", LIMIT);
        let says = |args: &[&str]| {
            program()
                .run(&[args, &["--config", &config]].concat(), LIMIT)
                .expect(0)
        };
        says(&["network", "register"]);
        says(&[
            "network", "facility", "add", FACILITY, "--kind", "hospital", "--name", MARKUP,
        ]);
        std::fs::write(at("policy.toml"), POLICY).unwrap();
        says(&["network", "policy", "publish", "--file", &at("policy.toml")]);
        // Waits for what the node reads at its start.
        says(&["ingest"]);
        println!("{DOCUMENTS} documents are read after {:?}", began.elapsed());
        for patient in [MARKED, MANY, OTHER] {
            let patient = format!("{FACILITY}/{patient}");
            says(&["subject", "show", "--patient", &patient, "--create"]);
            let grant = [
                "consent",
                "grant",
                "--patient",
                &patient,
                "--side",
                "viewing",
            ];
            let by = [
                "--facility",
                FACILITY,
                "--recorded-by",
                FACILITY,
                "--capture",
                "written",
            ];
            says(&[&grant[..], &by].concat());
        }
        Self {
            portal: format!("http://{portal}"),
            _process: process,
            _dir: temporary,
        }
    }

    /// What the story is told.
    pub fn world(&self) -> Value {
        json!({
            "portals": { "marked": self.portal },
            "markup": MARKUP,
            "documents": DOCUMENTS,
            "patients": { "marked": MARKED, "many": MANY, "other": OTHER },
        })
    }
}
