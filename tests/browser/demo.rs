//! The demo, started once for all stories. It ends with this process, however that ends: its standard input closes.

use sekisho_domain::TimeMs;
use sekisho_harness::Program;
use sekisho_words::Day;
use serde_json::{Map, Value, json};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

const LIMIT: Duration = Duration::from_secs(120);
const AGREEMENT: &str = "id = \"disaster-west\"\nversion = 1\nparties = [\"azaleanet\", \"pikapikalink\"]\n\
    valid_from = \"2026-01-01\"\nretention = \"as-own-record\"\nsettlement = \"each-bears-own\"\n\
    text_sha256 = \"00000000000000000000000000000000000000000000000000000000000000aa\"\n\
    [[grant]]\ndisclosing = \"pikapikalink\"\nviewing = \"azaleanet\"\ncategories = [\"all\"]\n\
    purposes = [\"DISASTER\"]\nfacility_kinds = [\"hospital\"]\nroles = [\"physician\", \"nurse\"]\n\
    consent_rule = \"not-needed\"\n";
/// The hospital of each network where its physician is.
const PLACES: [(&str, &str); 5] = [
    ("pikapikalink", "4110100015"),
    ("azaleanet", "4010200014"),
    ("yamechikugo", "4010300012"),
    ("mamenet", "3210100013"),
    ("oshidorinet", "3110100011"),
];

pub struct Demo {
    process: Child,
    dir: PathBuf,
    truth: Value,
    portals: Map<String, Value>,
}

/// A process that stands still until this is dropped.
pub struct Stopped(u32);

impl Stopped {
    pub fn id(&self) -> u32 {
        self.0
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        signal(self.0, "CONT");
    }
}

fn signal(process: u32, name: &str) {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &process.to_string()])
        .status();
    assert!(sent.unwrap().success());
}

fn program() -> Program {
    Program::at(env!("CARGO_BIN_EXE_sekisho"))
}

impl Demo {
    /// The one demo.
    pub fn running() -> &'static Self {
        static DEMO: OnceLock<Demo> = OnceLock::new();
        DEMO.get_or_init(Self::start)
    }

    fn start() -> Self {
        let began = Instant::now();
        let mut process = Command::new(env!("CARGO_BIN_EXE_sekisho"))
            .args(["demo", "--lang", "en"])
            .env("SEKISHO_END_WITH_STDIN", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (sender, heard) = std::sync::mpsc::channel();
        let lines = BufReader::new(process.stderr.take().unwrap());
        // Read to the end, so that the demo never waits for its reader.
        thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut said = String::new();
        while !said.contains("audit verify") || !said.contains("keep running") {
            let Ok(line) = heard.recv_timeout(LIMIT.saturating_sub(began.elapsed())) else {
                let _ = process.kill();
                panic!("the demo does not come to its end:\n{said}");
            };
            said.push_str(&line);
            said.push('\n');
        }
        println!("the demo runs after {:?}", began.elapsed());
        let (_, genesis) = said.rsplit_once("--genesis ").unwrap();
        let dir = PathBuf::from(genesis.trim()).parent().unwrap().to_owned();
        let truth = std::fs::read(dir.join("truth.json")).unwrap();
        let truth = serde_json::from_slice(&truth).unwrap();
        let portals = PLACES.map(|(network, _)| {
            let config = std::fs::read_to_string(dir.join(network).join("sekisho.toml")).unwrap();
            let config: toml::Table = config.parse().unwrap();
            let listen = config["portal"]["listen"].as_str().unwrap();
            (network.to_owned(), json!(format!("http://{listen}")))
        });
        Self {
            process,
            dir,
            truth,
            portals: portals.into_iter().collect(),
        }
    }

    fn config(&self, network: &str) -> String {
        let config = self.dir.join(network).join("sekisho.toml");
        config.to_str().unwrap().to_owned()
    }

    /// A person's number at each network.
    fn numbers(&self, person: &Value) -> Value {
        let at = person["at"].as_array().unwrap().iter().filter_map(|at| {
            let (network, _) = PLACES.iter().find(|(_, code)| at["facility"] == *code)?;
            Some(((*network).to_owned(), at["local_id"].clone()))
        });
        Value::Object(at.collect())
    }

    /// What a story is told.
    pub fn world(&self) -> Value {
        let persons = self.truth["persons"].as_array().unwrap();
        let travellers: Vec<_> = persons.iter().filter(|p| p["traveller"] == true).collect();
        let unasked = persons.iter().find(|person| {
            person["traveller"] == false && self.numbers(person).get("azaleanet").is_some()
        });
        let names = persons.iter().flat_map(|person| {
            let of = |name: &str| person[name].as_array().unwrap().clone();
            of("name").into_iter().chain(of("kana"))
        });
        let keys = PLACES.map(|(network, _)| {
            let key = self.dir.join(network).join("keys/governance.key");
            (network.to_owned(), json!(key))
        });
        json!({
            "portals": self.portals,
            "keys": keys.into_iter().collect::<Map<_, _>>(),
            "genesis": self.dir.join("genesis.json"),
            "data": names.collect::<Vec<_>>(),
            "patients": {
                "withdrew": self.numbers(travellers[0]),
                "hesitant": self.numbers(travellers[1]),
                "border": self.numbers(travellers[2]),
                "unasked": self.numbers(unasked.unwrap()),
            },
        })
    }

    fn says(&self, network: &str, args: &[&str]) -> Value {
        let config = self.config(network);
        let args = [args, &["--json", "--config", &config]].concat();
        program().run(&args, LIMIT).expect(0).json()
    }

    /// Two of Saga's patients who are nowhere else, others for each language; the first has a card.
    pub fn elsewhere(&self, lang: &str) -> Value {
        let persons = self.truth["persons"].as_array().unwrap();
        let of_saga = persons.iter().filter(|person| {
            let at = person["at"].as_array().unwrap();
            at.len() == 1 && at[0]["facility"] == PLACES[0].1
        });
        let of_saga: Vec<_> = of_saga
            .skip(if lang == "ja" { 0 } else { 2 })
            .take(2)
            .collect();
        let number = of_saga[0]["at"][0]["local_id"].as_str().unwrap();
        let patient = format!("{}/{number}", PLACES[0].1);
        self.says(
            "pikapikalink",
            &["subject", "show", "--patient", &patient, "--create"],
        );
        let card = self.says("pikapikalink", &["patient", "card", "--patient", &patient]);
        json!({ "card": card["card"], "evacuee": of_saga[1] })
    }

    /// An authority declares a disaster around Kurume, once; Saga and Kurume have agreed what it opens.
    pub fn declare_disaster(&self) {
        static DECLARED: OnceLock<()> = OnceLock::new();
        DECLARED.get_or_init(|| {
            let at = |path: &str| self.dir.join(path).to_str().unwrap().to_owned();
            let (dir, card) = (at("authority"), at("authority/authority-card.json"));
            let init = [
                "network",
                "authority",
                "init",
                "--id",
                "fukuoka",
                "--name",
                "Fukuoka",
            ];
            let init = [&init[..], &["--prefecture", "40", "--dir", &dir]].concat();
            program().run(&init, LIMIT).expect(0);
            for network in ["azaleanet", "pikapikalink", "yamechikugo"] {
                self.says(network, &["network", "authority", "admit", "--card", &card]);
            }
            let file = at("disaster.toml");
            std::fs::write(&file, AGREEMENT).unwrap();
            self.says("azaleanet", &["agreement", "propose", "--file", &file]);
            self.says(
                "pikapikalink",
                &["agreement", "sign", "disaster-west", "--yes"],
            );
            let (now, until) = (SystemTime::now(), Duration::from_secs(24 * 60 * 60));
            let until = (now + until)
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap();
            let until = Day::of(TimeMs(until.as_millis().try_into().unwrap())).to_string();
            let key = at("authority/authority.key");
            let declare = ["disaster", "declare", "--key", &key, "--kind", "earthquake"];
            self.says(
                "azaleanet",
                &[&declare[..], &["--area", "40", "--until", &until]].concat(),
            );
        });
    }

    /// Whose replica leads, as a network sees it; empty while nobody does.
    pub fn leader(&self, of: &str) -> String {
        let status = ["ledger", "status", "--json", "--config", &self.config(of)];
        let status = program().run(&status, LIMIT).json();
        let members = status["members"].as_array().cloned().unwrap_or_default();
        let leads = members
            .iter()
            .find(|member| member["replica"] == status["leader"]);
        leads.map_or_else(String::new, |member| {
            member["network"].as_str().unwrap().to_owned()
        })
    }

    /// Waits until somebody else leads.
    pub fn wait_led_by_another(&self, of: &str, than: &str) {
        let until = Instant::now() + LIMIT;
        while matches!(self.leader(of), leader if leader.is_empty() || leader == than) {
            assert!(Instant::now() < until, "nobody else leads");
            thread::park_timeout(Duration::from_millis(50));
        }
    }

    /// Makes a network's process stand still.
    pub fn stop(&self, network: &str) -> Stopped {
        let (config, demo) = (self.config(network), self.process.id().to_string());
        let of_demo = |process: &PathBuf| {
            let stat = std::fs::read_to_string(process.join("stat")).unwrap_or_default();
            // pid (name) state parent …
            let parent = stat
                .rsplit_once(')')
                .map(|(_, rest)| rest.split_whitespace().nth(1));
            let args = std::fs::read(process.join("cmdline")).unwrap_or_default();
            parent.flatten() == Some(demo.as_str())
                && args
                    .split(|byte| *byte == 0)
                    .any(|arg| arg == config.as_bytes())
        };
        let process = std::fs::read_dir("/proc")
            .unwrap()
            .filter_map(|process| Some(process.ok()?.path()))
            .find(of_demo)
            .unwrap_or_else(|| panic!("no process of {network}"));
        let id = process
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        signal(id, "STOP");
        Stopped(id)
    }
}

/// A port nobody listens on, a moment ago.
pub fn free_port() -> u16 {
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    held.local_addr().unwrap().port()
}
