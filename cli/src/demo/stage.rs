//! The five processes of the demo: each network's keys, configuration, storages and `sekisho serve`.

use super::facts::{self, NetworkFacts};
use super::people;
use crate::commands::serve::END_WITH_STDIN;
use crate::config::Config;
use crate::ops::{self, Session};
use crate::ui::{Exit, Failure, Ui, Words};
use crate::{genesis, keys};
use sekisho_domain::{
    DomainError, FoundingNetwork, FoundingReplica, Genesis, KeyPurpose, NetworkId, ReplicaId,
};
use sekisho_proto::v1;
use sekisho_sample::{FacilitySpec, SampleReport, SampleSpec};
use sekisho_transport::{Deadline, outgoing};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::process::{Child, Command};

/// How long a process may take to be ready, five of them starting at once on a busy machine.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a process may take to end when asked to.
const END_TIMEOUT: Duration = Duration::from_secs(15);
/// Networks of the demo.
const NETWORKS: u16 = 5;
/// How often readiness is asked for.
const POLL: Duration = Duration::from_millis(50);
/// Patients of each hospital: with two hospitals some tens a network, some hundreds of files.
const PATIENTS: u32 = 12;

/// Where one network is reached.
#[derive(Debug, Clone, Copy)]
struct Addresses {
    /// By other processes.
    listen: SocketAddr,
    /// By browsers.
    portal: SocketAddr,
}

/// One network's place on this machine.
pub struct Place {
    /// Its facts.
    pub facts: &'static NetworkFacts,
    /// Its configuration file.
    pub config: PathBuf,
    /// A connection to its process.
    pub session: Session,
    /// Where its pages are.
    pub portal: String,
    process: Option<Child>,
}

/// The demo's world.
pub struct Stage {
    /// Everything it wrote.
    pub dir: PathBuf,
    /// The founding file.
    pub genesis: PathBuf,
    /// The networks by id.
    pub places: BTreeMap<String, Place>,
    /// Who the invented patients are.
    pub sample: SampleReport,
}

fn io(doing_ja: &str, doing_en: &str) -> impl Fn(std::io::Error) -> Failure {
    let (ja, en) = (doing_ja.to_owned(), doing_en.to_owned());
    move |e| Failure::of(Exit::Usage, &ja, &en, &e)
}

impl Stage {
    /// Founds the ledger, writes the storages and configurations, and starts the five processes.
    ///
    /// # Errors
    /// The folder cannot be written, no port is free, or a process does not become ready.
    pub async fn set(
        ui: Ui,
        dir: &Path,
        seed: u64,
        base_port: Option<u16>,
    ) -> Result<Self, Failure> {
        let name = dir.display();
        let doing = Words::new(
            format!("デモのフォルダー {name} に書き込むことが"),
            format!("write the demo's folder {name}"),
        );
        let failed = io(&doing.ja, &doing.en);
        std::fs::create_dir_all(dir).map_err(&failed)?;
        let dir = dir.canonicalize().map_err(&failed)?;
        // What an earlier demo left has keys and a ledger of its own: nothing of it is touched.
        if std::fs::read_dir(&dir).map_err(&failed)?.next().is_some() {
            let name = dir.display();
            return Err(Failure::usage(
                format!("{name} は空ではありません。新しいフォルダーを --dir で指定してください"),
                format!("{name} is not empty; name a new folder with --dir"),
            ));
        }
        let addresses = addresses(base_port)?;
        let sample = write_storages(&dir, seed)?;
        ui.note(
            format!(
                "架空の患者 {} 人、{} 件の SS-MIX2 ファイルを作りました。",
                sample.persons.len(),
                sample.files()
            ),
            format!(
                "Wrote {} SS-MIX2 files of {} invented patients.",
                sample.files(),
                sample.persons.len()
            ),
        );
        let genesis_path = dir.join("genesis.json");
        let founding = found(&dir, &addresses)?;
        let ledger = genesis::save(&genesis_path, &founding)?;
        let mut stage = Self {
            dir,
            genesis: genesis_path,
            places: BTreeMap::new(),
            sample,
        };
        for (n, facts) in facts::NETWORKS.iter().enumerate() {
            let at = addresses[n];
            let config = stage.configure(facts, n + 1, at)?;
            people::accounts(&stage.sample, facts, &config)?;
            let read =
                Config::load(&config).map_err(|e| Failure::usage(e.to_string(), e.to_string()))?;
            let mut session = Session::open(&read)?;
            session.timeout = Duration::from_secs(8);
            stage.places.insert(
                facts.id.to_owned(),
                Place {
                    facts,
                    config,
                    session,
                    portal: format!("http://{}", at.portal),
                    process: None,
                },
            );
        }
        ui.note(
            format!("台帳 {ledger} を創設しました。"),
            format!("Founded ledger {ledger}."),
        );
        let all: Vec<_> = facts::NETWORKS.iter().map(|n| n.id).collect();
        stage.start(&all).await?;
        Ok(stage)
    }

    /// A network's place.
    ///
    /// # Errors
    /// Not one of the five.
    pub fn place(&self, id: &str) -> Result<&Place, Failure> {
        self.places.get(id).ok_or_else(|| {
            Failure::usage(format!("{id} はありません"), format!("there is no {id}"))
        })
    }

    fn configure(
        &self,
        facts: &NetworkFacts,
        replica: usize,
        Addresses { listen, portal }: Addresses,
    ) -> Result<PathBuf, Failure> {
        let folder = self.dir.join(facts.id);
        // Both ways are in use, so that both are seen to work.
        let retrieve = ["broker", "direct"][replica % 2];
        let mut text = format!(
            "# {} ({})\n[network]\nid = \"{}\"\n[ledger]\ngenesis = \"../genesis.json\"\n[server]\nlisten = \"{listen}\"\n\
             [replica]\nid = {replica}\nexpected_rtt_ms = 1\n[portal]\nlisten = \"{portal}\"\n\
             demo = true\n[broker]\n[node]\nretrieve = \"{retrieve}\"\n",
            facts.name, facts.place, facts.id,
        );
        for (code, name, _) in &facts.hospitals {
            text.push_str(&format!(
                "# {name}\n[[node.source]]\nid = \"ssmix2-{code}\"\nkind = \"ss-mix2-standardised\"\nfacility = \"{code}\"\nroot = \"ssmix2/{code}\"\n"
            ));
        }
        let path = folder.join("sekisho.toml");
        std::fs::write(&path, text)
            .map_err(io("設定ファイルを書くことが", "write the configuration"))?;
        Ok(path)
    }

    /// Starts processes and waits until all of them serve.
    ///
    /// # Errors
    /// One cannot be started or does not become ready in time.
    pub async fn start(&mut self, ids: &[&str]) -> Result<(), Failure> {
        let program = std::env::current_exe()
            .map_err(io("実行ファイルを見つけることが", "find this program"))?;
        for id in ids {
            let Some(place) = self.places.get_mut(*id) else {
                continue;
            };
            let log = self.dir.join(id).join("log.txt");
            let open = || {
                std::fs::OpenOptions::new()
                    .create(true)
                    .append(true)
                    .open(&log)
            };
            let failed = io("プロセスを起動することが", "start a process");
            let child = Command::new(&program)
                .args(["serve", "--config"])
                .arg(&place.config)
                .env("OTEL_SERVICE_NAME", format!("sekisho-{id}"))
                .env(END_WITH_STDIN, "1")
                .stdin(Stdio::piped())
                .stdout(open().map_err(&failed)?)
                .stderr(open().map_err(&failed)?)
                .kill_on_drop(true)
                .spawn()
                .map_err(&failed)?;
            place.process = Some(child);
        }
        let until = Instant::now() + READY_TIMEOUT;
        for id in ids {
            self.wait_ready(id, until).await?;
        }
        Ok(())
    }

    async fn wait_ready(&mut self, id: &str, until: Instant) -> Result<(), Failure> {
        let log = self.dir.join(id).join("log.txt");
        let Some(place) = self.places.get_mut(id) else {
            return Ok(());
        };
        loop {
            let ask = outgoing(
                v1::StatusRequest {},
                Deadline::after(Duration::from_secs(2)),
            );
            if place
                .session
                .ledger_client()
                .status(ask)
                .await
                .is_ok_and(|s| s.get_ref().ready)
            {
                return Ok(());
            }
            let ended = place
                .process
                .as_mut()
                .and_then(|p| p.try_wait().ok().flatten());
            if ended.is_some() || Instant::now() > until {
                let name = place.facts.name;
                let (tail, log) = (tail(&log), log.display());
                return Err(Failure::new(
                    Exit::Unavailable,
                    format!("{name} のプロセスが使えるようになりません。{log}：\n{tail}"),
                    format!("the process of {id} does not become ready; {log}:\n{tail}"),
                ));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Ends one process at once, as a power cut would.
    ///
    /// # Errors
    /// It cannot be ended.
    pub async fn kill(&mut self, id: &str) -> Result<(), Failure> {
        if let Some(mut process) = self.places.get_mut(id).and_then(|p| p.process.take()) {
            process
                .kill()
                .await
                .map_err(io("プロセスを止めることが", "end a process"))?;
        }
        Ok(())
    }

    /// Asks all processes to end, and waits.
    ///
    /// # Errors
    /// One does not end in time (it is then ended at once), or ends with a failure.
    pub async fn strike(&mut self) -> Result<(), Failure> {
        let mut children = Vec::new();
        for (id, place) in &mut self.places {
            if let Some(child) = place.process.take() {
                if let Some(pid) = child
                    .id()
                    .and_then(|pid| i32::try_from(pid).ok())
                    .and_then(rustix::process::Pid::from_raw)
                {
                    let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
                }
                children.push((id.clone(), child));
            }
        }
        let mut failure = Ok(());
        for (id, mut child) in children {
            match tokio::time::timeout(END_TIMEOUT, child.wait()).await {
                Ok(Ok(status)) if status.success() => {}
                Ok(ended) => {
                    let how = ended.map_or_else(|e| e.to_string(), |s| s.to_string());
                    failure = Err(Failure::new(
                        Exit::Unavailable,
                        format!("{id} のプロセスが正しく終わりませんでした：{how}"),
                        format!("the process of {id} did not end well: {how}"),
                    ));
                }
                Err(_) => {
                    let _ = child.kill().await;
                    failure = Err(Failure::new(
                        Exit::Unavailable,
                        format!("{id} のプロセスが時間内に終わりませんでした"),
                        format!("the process of {id} did not end in time"),
                    ));
                }
            }
        }
        failure
    }

    /// The local id of the n-th traveller at a hospital.
    ///
    /// # Errors
    /// The traveller has never been there.
    pub fn local_id(&self, traveller: usize, hospital: &str) -> Result<v1::Patient, Failure> {
        let at = self
            .sample
            .travellers()
            .nth(traveller)
            .and_then(|p| p.at.iter().find(|a| a.facility.as_str() == hospital));
        let at =
            at.ok_or_else(|| Failure::usage("その患者はいません", "there is no such patient"))?;
        let local = v1::patient::Local {
            facility: hospital.to_owned(),
            local_id: at.local_id.clone(),
        };
        Ok(v1::Patient {
            patient: Some(v1::patient::Patient::Local(local)),
        })
    }
}

fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<_> = text.lines().collect();
    lines
        .get(lines.len().saturating_sub(12)..)
        .unwrap_or_default()
        .join("\n")
}

fn write_storages(dir: &Path, seed: u64) -> Result<SampleReport, Failure> {
    let mut facilities = Vec::new();
    for network in &facts::NETWORKS {
        for (code, name, vendor) in &network.hospitals {
            let id =
                facts::facility(code).map_err(|e| Failure::usage(e.to_string(), e.to_string()))?;
            let root = dir.join(network.id).join("ssmix2").join(code);
            std::fs::create_dir_all(&root)
                .map_err(io("ストレージを作ることが", "create a storage"))?;
            facilities.push(FacilitySpec {
                name: Some((*name).to_owned()),
                ..FacilitySpec::new(id, *vendor, root)
            });
        }
    }
    let mut spec = SampleSpec::new(seed, facilities);
    spec.patients_per_facility = PATIENTS;
    spec.overwrite = true;
    spec.travellers = facts::TRAVELLERS
        .iter()
        .map(|route| route.iter().map(|code| facts::facility(code)).collect())
        .collect::<Result<_, _>>()
        .map_err(|e| Failure::usage(e.to_string(), e.to_string()))?;
    let sample = |e: sekisho_sample::SampleError| {
        Failure::of(Exit::Usage, "見本を作ることが", "write the samples", &e)
    };
    let report = sekisho_sample::generate(&spec, &mut |_| {}).map_err(sample)?;
    report
        .write_truth(&dir.join("truth.json"))
        .map_err(sample)?;
    Ok(report)
}

/// Five free ports of loopback, or five from a given one on.
fn addresses(base: Option<u16>) -> Result<Vec<Addresses>, Failure> {
    let failed = io("ポートを得ることが", "find a free port");
    let mut held = Vec::new();
    for n in 0..2 * NETWORKS {
        let port = base.map_or(0, |base| base.saturating_add(n));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let listening = TcpListener::bind(address).map_err(|e| {
            Failure::of(
                Exit::Usage,
                &format!("{address} で待ち受けることが"),
                &format!("listen on {address}; --base-port names the first of ten free ports"),
                &e,
            )
        });
        held.push(listening?);
    }
    // All of them are held until all are known, so that no two are the same.
    let all: Result<Vec<_>, _> = held
        .iter()
        .map(|l| l.local_addr().map_err(&failed))
        .collect();
    let all = all?;
    let (nodes, portals) = all.split_at(usize::from(NETWORKS));
    let pairs = nodes.iter().zip(portals);
    Ok(pairs
        .map(|(listen, portal)| Addresses {
            listen: *listen,
            portal: *portal,
        })
        .collect())
}

/// Makes every network's keys and the founding file's content.
fn found(dir: &Path, addresses: &[Addresses]) -> Result<Genesis, Failure> {
    let mut networks = Vec::new();
    let mut replicas = Vec::new();
    for (n, (facts, address)) in (1..).zip(facts::NETWORKS.iter().zip(addresses)) {
        let folder = dir.join(facts.id).join("keys");
        std::fs::create_dir_all(&folder)
            .map_err(io("鍵のフォルダーを作ることが", "create the key folder"))?;
        let id: NetworkId = facts
            .id
            .parse()
            .map_err(|e: DomainError| Failure::usage(e.to_string(), e.to_string()))?;
        let key = |purpose| keys::create(&folder, purpose).map(|key| key.public_key());
        key(KeyPurpose::Node)?;
        networks.push(FoundingNetwork {
            id: id.clone(),
            name: facts.name.to_owned(),
            governance_key: key(KeyPurpose::Governance)?,
        });
        replicas.push(FoundingReplica {
            id: ReplicaId(n),
            network: id,
            endpoint: address.listen.to_string(),
            transport_key: key(KeyPurpose::Transport)?,
            checkpoint_key: key(KeyPurpose::Checkpoint)?,
        });
    }
    networks.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(Genesis {
        created: ops::now(),
        networks,
        replicas,
    })
}
