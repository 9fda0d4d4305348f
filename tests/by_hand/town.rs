//! Three running networks, set up through the commands alone.

use sekisho_harness::{Ended, Program, Running};
use serde_json::Value;
use std::net::TcpListener;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub const LIMIT: Duration = Duration::from_secs(90);
pub const NETWORKS: [(&str, &str, &str); 3] = [
    ("kurume", "アザレアネット", "4010000001"),
    ("saga", "ピカピカリンク", "4110000001"),
    ("yame", "八女筑後", "4010000002"),
];

pub fn program() -> Program {
    Program::at(env!("CARGO_BIN_EXE_sekisho")).with("RUST_LOG", "info")
}

/// Three running networks, an agreement between Saga and Kurume, and one patient of both.
pub struct Town {
    pub dir: tempfile::TempDir,
    /// In the order of [`NETWORKS`].
    #[allow(dead_code, reason = "kept running; some suites stop them")]
    pub running: Vec<Running>,
    /// The traveller's local ids, by facility.
    patient: Value,
}

impl Town {
    pub fn config(&self, network: &str) -> String {
        text(self.dir.path().join(network).join("sekisho.toml"))
    }
    /// Runs a command of a network, expecting an exit code, and returns its JSON.
    pub fn says(&self, network: &str, args: &[&str], code: i32) -> Value {
        let config = self.config(network);
        let all = [args, &["--config", &config, "--json"]].concat();
        program().run(&all, LIMIT).expect(code).json()
    }
    pub fn patient_at(&self, facility: &str) -> String {
        let at = self.patient["at"]
            .as_array()
            .unwrap()
            .iter()
            .find(|at| at["facility"] == facility)
            .unwrap();
        format!("{facility}/{}", at["local_id"].as_str().unwrap())
    }
    /// The day so many days from today in Japan, as the command line takes one.
    pub fn in_days(&self, days: u64) -> String {
        // 9 hours ahead of UTC, without summer time.
        let since =
            SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(9 * 3600);
        let days = since.as_secs() / 86_400 + days + 719_468;
        // Civil from days, counted from 1 March of year 0 so that a leap day comes last.
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let shifted = (5 * of_year + 2) / 153;
        let month = if shifted < 10 {
            shifted + 3
        } else {
            shifted - 9
        };
        let day = of_year - (153 * shifted + 2) / 5 + 1;
        let year = year + era * 400 + u64::from(month <= 2);
        format!("{year:04}-{month:02}-{day:02}")
    }
    pub fn query(&self, extra: &[&str], code: i32) -> Value {
        let patient = self.patient_at("4010000001");
        self.says("kurume", &[&ask(&patient), extra].concat(), code)
    }
}

pub fn ask(patient: &str) -> Vec<&str> {
    let asking = [
        "--facility",
        "4010000001",
        "--practitioner",
        "dr-1",
        "--role",
        "physician",
        "--purpose",
        "TREAT",
    ];
    [&["query", "--patient", patient], asking.as_slice()].concat()
}

pub fn text(path: PathBuf) -> String {
    path.to_str().unwrap().to_owned()
}

/// Ports nobody listens on. They are free again when this returns; a test that meets another's is run again by hand.
pub fn free_ports<const N: usize>() -> [u16; N] {
    let held: Vec<_> = (0..N)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    std::array::from_fn(|n| held[n].local_addr().unwrap().port())
}

pub fn town() -> Town {
    let dir = tempfile::tempdir().unwrap();
    let at = |path: &str| text(dir.path().join(path));
    let ports = free_ports::<3>();

    // Invented storages, one traveller who is a patient everywhere.
    let mut sample = vec![
        "sample".to_owned(),
        "ssmix2".to_owned(),
        "--out".to_owned(),
        at("ssmix2"),
    ];
    for (_, _, facility) in NETWORKS {
        sample.extend(["--facility".to_owned(), facility.to_owned()]);
    }
    sample.extend(["--patients", "3", "--travellers", "1"].map(ToOwned::to_owned));
    run(&sample, 0);
    let truth: Value =
        serde_json::from_slice(&std::fs::read(dir.path().join("ssmix2/truth.json")).unwrap())
            .unwrap();
    let patient = truth["persons"]
        .as_array()
        .unwrap()
        .iter()
        .find(|p| p["traveller"] == true)
        .unwrap()
        .clone();

    // Keys and cards, then one founding file for all.
    let mut found = vec![
        "network".to_owned(),
        "found".to_owned(),
        "--out".to_owned(),
        at("genesis.json"),
    ];
    for (n, (id, name, facility)) in NETWORKS.into_iter().enumerate() {
        let (listen, replica) = (format!("127.0.0.1:{}", ports[n]), (n + 1).to_string());
        let init = [
            "network",
            "init",
            "--id",
            id,
            "--name",
            name,
            "--listen",
            &listen,
            "--replica",
            &replica,
        ];
        let folder = at(id);
        let init = [
            init.as_slice(),
            &["--expected-rtt-ms", "1", "--dir", &folder],
        ]
        .concat();
        run(&init.iter().map(|a| (*a).to_owned()).collect::<Vec<_>>(), 0);
        found.extend(["--card".to_owned(), at(&format!("{id}/card.json"))]);
        let config = dir.path().join(id).join("sekisho.toml");
        let source = format!(
            "\n[[node.source]]\nid = \"{facility}\"\nkind = \"ss-mix2-standardised\"\nfacility = \"{facility}\"\nroot = \"../ssmix2/{facility}\"\n"
        );
        // The example ends with [broker], a section of its own: a list of tables may follow it.
        let whole = std::fs::read_to_string(&config).unwrap() + &source;
        std::fs::write(&config, whole).unwrap();
    }
    run(&found, 0);
    let running = NETWORKS
        .iter()
        .map(|(id, ..)| {
            std::fs::copy(at("genesis.json"), at(&format!("{id}/genesis.json"))).unwrap();
            program().start(
                &["serve", "--config", &at(&format!("{id}/sekisho.toml"))],
                "serving",
                LIMIT,
            )
        })
        .collect();
    let town = Town {
        dir,
        running,
        patient,
    };
    wait_ready(&town);
    prepare(&town);
    town
}

pub fn run(args: &[String], code: i32) -> Ended {
    program()
        .run(&args.iter().map(String::as_str).collect::<Vec<_>>(), LIMIT)
        .expect(code)
}

/// A replica serves once it has caught up with a majority, which takes an election after the first start.
pub fn wait_ready(town: &Town) {
    let until = Instant::now() + LIMIT;
    for (id, ..) in NETWORKS {
        while town.says(id, &["ledger", "status"], 0)["ready"] != true {
            assert!(Instant::now() < until, "{id} is not ready");
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }
}

/// Everything up to the patient's consent.
pub fn prepare(town: &Town) {
    let policy = town.dir.path().join("policy.toml");
    std::fs::write(
        &policy,
        "version = 1\nvalid_from = \"2026-01-01\"\ntext_sha256 = \"00000000000000000000000000000000000000000000000000000000000000aa\"\n\
         [viewing]\nscope = \"each-facility\"\ncapture = [\"written\"]\nnew_facility = { needs-consent = \"written\" }\nwithdrawal = [\"written\"]\n",
    )
    .unwrap();
    for (id, _, facility) in NETWORKS {
        town.says(id, &["network", "register"], 0);
        town.says(
            id,
            &[
                "network",
                "facility",
                "add",
                facility,
                "--kind",
                "hospital",
                "--name",
                "見本病院",
            ],
            0,
        );
        town.says(
            id,
            &[
                "network",
                "policy",
                "publish",
                "--file",
                &text(policy.clone()),
            ],
            0,
        );
    }
    let agreement = town.dir.path().join("agreement.toml");
    let example = program()
        .run(&["agreement", "example"], LIMIT)
        .expect(0)
        .out;
    let own = example
        .replace("pikapika-azalea", "saga-kurume")
        .replace("pikapikalink", "saga")
        .replace("azaleanet", "kurume");
    std::fs::write(&agreement, own).unwrap();
    town.says(
        "saga",
        &["agreement", "propose", "--file", &text(agreement)],
        0,
    );

    // Nobody signs what was not shown: without a terminal it is shown, and takes --yes.
    let config = town.config("kurume");
    let unasked = program()
        .run(
            &["agreement", "sign", "saga-kurume", "--config", &config],
            LIMIT,
        )
        .expect(2);
    let said = unasked.err.find("saga-kurume").unwrap();
    assert!(said < unasked.err.find("--yes").unwrap(), "{}", unasked.err);
    town.says("kurume", &["agreement", "sign", "saga-kurume", "--yes"], 0);

    let subject = |network: &str, facility: &str| {
        let patient = town.patient_at(facility);
        let shown = town.says(
            network,
            &["subject", "show", "--patient", &patient, "--create"],
            0,
        );
        shown["written"].as_str().unwrap().to_owned()
    };
    let (kurume, saga) = (
        subject("kurume", "4010000001"),
        subject("saga", "4110000001"),
    );
    town.says(
        "kurume",
        &[
            "subject",
            "link",
            "--patient",
            &town.patient_at("4010000001"),
            "--with",
            &saga,
        ],
        0,
    );
    town.says(
        "saga",
        &[
            "subject",
            "link",
            "--patient",
            &town.patient_at("4110000001"),
            "--with",
            &kurume,
        ],
        0,
    );
}
