//! Two networks as processes, with a broker of its own at one of them.
//!
//! ```text
//! Kurume's node ──▶ Kurume's broker, a process of its own ──▶ Saga's node, which holds the documents
//! ```

use crate::document::{Document, documents};
use crate::process::resident;
use sekisho::config::Config;
use sekisho::ops::Session;
use sekisho_domain::{Purpose, Role};
use sekisho_harness::{Program, Running};
use sekisho_proto::v1;
use sekisho_transport::outgoing;
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

pub const LIMIT: Duration = Duration::from_secs(120);
const HERE: &str = "4010000001";
const THERE: &str = "4110000001";
const PATIENT_FROM: &str = "truth.json";

pub fn program() -> Program {
    Program::at(env!("CARGO_BIN_EXE_sekisho"))
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

pub struct Town {
    pub dir: tempfile::TempDir,
    ports: [u16; 3],
    pub saga: Running,
    kurume: Option<Running>,
    carrier: Option<Running>,
    patient: String,
    config: String,
    /// What each process had before it carried anything, by its id.
    pub idle: BTreeMap<u32, u64>,
    pub large: Document,
    pub marked: Document,
    pub edited: Document,
}

/// A document on its way, which nobody reads on.
pub struct UnderWay {
    runtime: Runtime,
    stream: tonic::Streaming<v1::RetrieveEvent>,
}

impl UnderWay {
    /// Reads on, to the end.
    pub fn whole(mut self) -> Vec<u8> {
        use v1::retrieve_event::Event;
        self.runtime.block_on(async {
            let mut bytes = Vec::new();
            loop {
                match self.stream.message().await.unwrap().unwrap().event.unwrap() {
                    Event::Chunk(chunk) => bytes.extend_from_slice(&chunk),
                    Event::End(_) => return bytes,
                    Event::Decided(_) | Event::Header(_) => panic!("in the middle"),
                }
            }
        })
    }
}

impl Town {
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = |path: &str| text(&dir.path().join(path));
        // Free again below; a test that meets another's is run again by hand.
        let held: [_; 3] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
        let ports = held.map(|held| held.local_addr().unwrap().port());
        let run = |args: &[&str]| program().run(args, LIMIT).expect(0);
        let storages = at("ssmix2");
        let sample = ["sample", "ssmix2", "--out", &storages];
        let of = ["--facility", HERE, "--facility", THERE];
        run(&[&sample[..], &of, &["--patients", "2", "--travellers", "1"]].concat());
        let truth = std::fs::read(dir.path().join("ssmix2").join(PATIENT_FROM)).unwrap();
        let truth: Value = serde_json::from_slice(&truth).unwrap();

        let mut found = vec!["network".to_owned(), "found".to_owned()];
        let of = [
            ("kurume", "kurume"),
            ("saga", "saga"),
            ("carrier", "kurume"),
        ];
        for (n, (folder, id)) in of.into_iter().enumerate() {
            let (listen, replica) = (format!("127.0.0.1:{}", ports[n]), (n + 1).to_string());
            let folder = at(folder);
            let init = [
                "network", "init", "--id", id, "--name", id, "--dir", &folder,
            ];
            let rest = ["--listen", &listen, "--replica", &replica];
            run(&[&init[..], &rest, &["--expected-rtt-ms", "1"]].concat());
            found.extend(["--card".to_owned(), format!("{folder}/card.json")]);
        }
        // Kurume's second machine is under the same governance key as the first.
        let card = |folder: &str| -> Value {
            let card = std::fs::read(dir.path().join(folder).join("card.json"));
            serde_json::from_slice(&card.unwrap()).unwrap()
        };
        let mut second = card("carrier");
        second["keys"]["governance"] = card("kurume")["keys"]["governance"].clone();
        std::fs::write(at("carrier/card.json"), second.to_string()).unwrap();
        found.extend(["--out".to_owned(), at("genesis.json")]);
        run(&found.iter().map(String::as_str).collect::<Vec<_>>());
        for (folder, _) in of {
            std::fs::copy(at("genesis.json"), at(&format!("{folder}/genesis.json"))).unwrap();
        }

        let id_at = |facility: &str| -> String {
            let persons = truth["persons"].as_array().unwrap();
            let traveller = persons.iter().find(|p| p["traveller"] == true).unwrap();
            let charts = traveller["at"].as_array().unwrap();
            let chart = charts.iter().find(|at| at["facility"] == facility).unwrap();
            chart["local_id"].as_str().unwrap().to_owned()
        };
        let [large, marked, edited] = documents(dir.path(), (THERE, &id_at(THERE)));
        let saga = with_source(ports[1], 2, THERE, "[broker]\n[node]\n");
        std::fs::write(at("saga/sekisho.toml"), base("saga") + &saga).unwrap();
        let patient = format!("{HERE}/{}", id_at(HERE));
        let config = at("kurume/sekisho.toml");
        let start = program().with("RUST_LOG", "info");
        let saga = start.start(
            &["serve", "--config", &at("saga/sekisho.toml")],
            "serving",
            LIMIT,
        );
        let mut town = Self {
            dir,
            ports,
            saga,
            kurume: None,
            carrier: None,
            patient,
            config,
            idle: BTreeMap::new(),
            large,
            marked,
            edited,
        };
        town.carry("info");
        town.view("broker");
        town.agree(&id_at(THERE));
        town.at_rest();
        town
    }

    pub fn kurume(&self) -> &Running {
        self.kurume.as_ref().unwrap()
    }
    pub fn carrier(&self) -> &Running {
        self.carrier.as_ref().unwrap()
    }

    /// Starts Kurume's broker, again where it runs.
    pub fn carry(&mut self, log: &str) {
        drop(self.carrier.take());
        let config = text(&self.dir.path().join("carrier/sekisho.toml"));
        let of = server(self.ports[2], 3);
        std::fs::write(&config, base("kurume") + &of + "[broker]\n").unwrap();
        let program = program().with("RUST_LOG", log);
        self.carrier = Some(program.start(&["serve", "--config", &config], "serving", LIMIT));
        self.wait_ready();
    }

    /// Starts Kurume's node, again where it runs, to fetch documents in a way.
    pub fn view(&mut self, way: &str) {
        drop(self.kurume.take());
        let port = self.ports[2];
        let node = format!("[node]\nbroker = \"127.0.0.1:{port}\"\nretrieve = \"{way}\"\n");
        let of = with_source(self.ports[0], 1, HERE, &node);
        std::fs::write(&self.config, base("kurume") + &of).unwrap();
        let program = program().with("RUST_LOG", "info");
        self.kurume = Some(program.start(&["serve", "--config", &self.config], "serving", LIMIT));
        self.wait_ready();
    }

    /// Notes what each process has now, if it was not noted before.
    pub fn at_rest(&mut self) {
        let ids = [self.saga.id(), self.kurume().id(), self.carrier().id()];
        for id in ids {
            self.idle
                .entry(id)
                .or_insert_with(|| resident(id, "VmRSS:"));
        }
    }

    fn wait_ready(&self) {
        let until = Instant::now() + LIMIT;
        for folder in ["saga", "carrier", "kurume"] {
            if (folder == "kurume" && self.kurume.is_none())
                || (folder == "carrier" && self.carrier.is_none())
            {
                continue;
            }
            while self.says(folder, &["ledger", "status"])["ready"] != true {
                assert!(Instant::now() < until, "{folder} is not ready");
                std::thread::park_timeout(Duration::from_millis(50));
            }
        }
    }

    fn says(&self, folder: &str, args: &[&str]) -> Value {
        let config = text(&self.dir.path().join(folder).join("sekisho.toml"));
        let all = [args, &["--config", &config, "--json"]].concat();
        program().run(&all, LIMIT).expect(0).json()
    }

    /// The words that fetch a document.
    pub fn retrieve<'a>(&'a self, id: &'a str) -> Vec<&'a str> {
        let what = ["retrieve", "--network", "saga", "--document", id];
        let who = ["--patient", &self.patient, "--facility", HERE];
        let why = [
            "--practitioner",
            "dr-1",
            "--role",
            "physician",
            "--purpose",
            "TREAT",
        ];
        [&what[..], &who, &why, &["--config", &self.config]].concat()
    }

    /// Asks for the marked document, and reads no further than its header.
    pub fn begin_marked(&self) -> UnderWay {
        use v1::retrieve_event::Event;
        let (facility, local_id) = self.patient.split_once('/').unwrap();
        let local = v1::patient::Local {
            facility: facility.to_owned(),
            local_id: local_id.to_owned(),
        };
        let request = v1::RetrieveRequest {
            patient: Some(v1::Patient {
                patient: Some(v1::patient::Patient::Local(local)),
            }),
            practitioner: "dr-1".to_owned(),
            role: Role::Physician.number().into(),
            facility: HERE.to_owned(),
            purpose: Purpose::Treat.number().into(),
            network: "saga".to_owned(),
            unique_id: self.marked.id.clone(),
            request_id: Vec::new(),
            grounds: None,
        };
        let runtime = Runtime::new().unwrap();
        let stream = runtime.block_on(async {
            let config = Config::load(Path::new(&self.config)).unwrap();
            let mut session = Session::open(&config).unwrap();
            session.timeout = Duration::from_secs(60);
            let asked = outgoing(request, session.deadline());
            let mut stream = session
                .operator()
                .retrieve(asked)
                .await
                .unwrap()
                .into_inner();
            loop {
                match stream.message().await.unwrap().unwrap().event.unwrap() {
                    Event::Decided(_) => {}
                    Event::Header(_) => return stream,
                    other => panic!("{other:?}"),
                }
            }
        });
        UnderWay { runtime, stream }
    }

    fn agree(&self, there: &str) {
        let policy = self.dir.path().join("policy.toml");
        let said = "version = 1\nvalid_from = \"2026-01-01\"\ntext_sha256 = \"00000000000000000000000000000000000000000000000000000000000000aa\"\n\
                    [viewing]\nscope = \"each-facility\"\ncapture = [\"written\"]\nnew_facility = { needs-consent = \"written\" }\nwithdrawal = [\"written\"]\n";
        std::fs::write(&policy, said).unwrap();
        let policy = text(&policy);
        for (id, facility) in [("kurume", HERE), ("saga", THERE)] {
            self.says(id, &["network", "register"]);
            let add = ["network", "facility", "add", facility];
            self.says(
                id,
                &[&add[..], &["--kind", "hospital", "--name", "見本病院"]].concat(),
            );
            self.says(id, &["network", "policy", "publish", "--file", &policy]);
        }
        let example = program()
            .run(&["agreement", "example"], LIMIT)
            .expect(0)
            .out;
        let example = example.replace("pikapika-azalea", "saga-kurume");
        let example = example
            .replace("pikapikalink", "saga")
            .replace("azaleanet", "kurume");
        let agreement = self.dir.path().join("agreement.toml");
        std::fs::write(&agreement, example).unwrap();
        self.says(
            "saga",
            &["agreement", "propose", "--file", &text(&agreement)],
        );
        self.says("kurume", &["agreement", "sign", "saga-kurume", "--yes"]);
        let patients = [
            ("kurume", self.patient.clone()),
            ("saga", format!("{THERE}/{there}")),
        ];
        let subjects = patients.each_ref().map(|(id, patient)| {
            let shown = self.says(id, &["subject", "show", "--patient", patient, "--create"]);
            shown["written"].as_str().unwrap().to_owned()
        });
        for (n, (id, patient)) in patients.iter().enumerate() {
            let with = &subjects[1 - n];
            self.says(
                id,
                &["subject", "link", "--patient", patient, "--with", with],
            );
        }
        let consent = [
            "consent",
            "grant",
            "--patient",
            &self.patient,
            "--side",
            "viewing",
        ];
        let at = [
            "--facility",
            HERE,
            "--recorded-by",
            HERE,
            "--capture",
            "written",
        ];
        self.says("kurume", &[&consent[..], &at].concat());
    }
}

fn base(network: &str) -> String {
    format!("[network]\nid = \"{network}\"\n")
}

fn server(port: u16, replica: u8) -> String {
    format!(
        "[server]\nlisten = \"127.0.0.1:{port}\"\n[replica]\nid = {replica}\nexpected_rtt_ms = 1\n"
    )
}

fn with_source(port: u16, replica: u8, facility: &str, sections: &str) -> String {
    let source = format!(
        "[[node.source]]\nid = \"{facility}\"\nkind = \"ss-mix2-standardised\"\nfacility = \"{facility}\"\nroot = \"../ssmix2/{facility}\"\nfollow = false\n"
    );
    server(port, replica) + sections + &source
}
