//! The configuration file: read once, checked whole, every fault reported together.
//!
//! `deploy/sekisho.example.toml` documents every setting; `sekisho config example` prints it and a test reads it back, so what
//! it says is what there is.

mod oidc;
mod portal;
mod read;
mod source;
mod ssmix2;
mod stores;
mod voters;

use crate::ui::{Failure, Words};
pub use oidc::OidcConfig;
pub use portal::{PortalConfig, WebCertificate};
use read::Reader;
use sekisho_documents::SourceId;
use sekisho_domain::{NetworkId, ReplicaId};
use sekisho_node::Budgets;
use sekisho_replica::{EXPECTED_RTT_DEFAULT_MS, EXPECTED_RTT_MS, Timing};
pub use source::{Holds, SourceConfig};
pub use ssmix2::SsMix2Config;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
pub use stores::{ContentsConfig, IndexConfig};

/// Every setting with its meaning and default.
pub const EXAMPLE: &str = include_str!("../../../deploy/sekisho.example.toml");

/// What one process is told. All paths are absolute or relative to the working directory, ready to use.
#[derive(Debug, Clone)]
pub struct Config {
    /// The network this machine belongs to.
    pub network: NetworkId,
    /// Folder of the network's secret keys.
    pub keys: PathBuf,
    /// The ledger's founding file.
    pub genesis: PathBuf,
    /// Where the one mutual-TLS port listens.
    pub listen: SocketAddr,
    /// Folder of everything this process stores.
    pub data: PathBuf,
    /// The replica, if this process runs one.
    pub replica: Option<ReplicaConfig>,
    /// The node, if this process runs it.
    pub node: Option<NodeConfig>,
    /// Whether this process runs a broker.
    pub broker: bool,
    /// Where it tells Prometheus how it is, if it does.
    pub metrics: Option<MetricsConfig>,
    /// The pages for people, if this process serves them.
    pub portal: Option<PortalConfig>,
}

/// Where metrics are served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricsConfig {
    /// Plain HTTP; on loopback unless the operator said that another address is meant.
    pub listen: SocketAddr,
}

/// A replica's settings.
#[derive(Debug, Clone)]
pub struct ReplicaConfig {
    /// Its id in the genesis file.
    pub id: ReplicaId,
    /// What follows from `expected_rtt_ms`; the same on all replicas.
    pub timing: Timing,
    /// Where it serves the ledger's tiles over plain HTTP, on loopback; none: nowhere.
    pub tiles: Option<SocketAddr>,
}

/// A node's settings.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// The broker's `host:port`; none: this process's own.
    pub broker: Option<String>,
    /// The voters whose word it takes, where this process has no replica; else none.
    pub voters: Vec<ReplicaId>,
    /// How its people's documents come.
    pub retrieve: RetrieveVia,
    /// How much its people may ask in an hour.
    pub budgets: Budgets,
    /// What it reads.
    pub sources: Vec<SourceConfig>,
    /// Where its document index is.
    pub index: IndexConfig,
    /// From where it releases contents.
    pub contents: ContentsConfig,
}

/// How a document comes to the node that may read it. Either way it is sealed, checked and recorded alike.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum RetrieveVia {
    /// Through the broker: where only the broker may connect to other networks.
    #[default]
    Broker,
    /// From the disclosing node itself.
    Direct,
}

impl std::str::FromStr for RetrieveVia {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "broker" => Ok(Self::Broker),
            "direct" => Ok(Self::Direct),
            _ => Err(format!("{text:?} is neither \"broker\" nor \"direct\"")),
        }
    }
}

/// Why a configuration cannot be used: everything that is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(|fault| fault.en.as_str()).collect::<Vec<_>>().join("\n"))]
pub struct ConfigFaults(pub Vec<Words>);

impl ConfigFaults {
    /// The same in Japanese.
    pub fn ja(&self) -> String {
        let all: Vec<_> = self.0.iter().map(|fault| fault.ja.as_str()).collect();
        all.join("\n")
    }

    fn one(ja: String, en: String) -> Self {
        Self(vec![Words::new(ja, en)])
    }
}

impl From<(&Path, ConfigFaults)> for Failure {
    fn from((path, faults): (&Path, ConfigFaults)) -> Self {
        let (name, ja) = (path.display(), faults.ja());
        Self::usage(
            format!("設定ファイル {name} に誤りがあります：\n{ja}"),
            format!("the configuration {name} has faults:\n{faults}"),
        )
    }
}

impl Config {
    /// Reads and checks a file.
    ///
    /// # Errors
    /// [`ConfigFaults`] with every fault, each with what to write instead.
    pub fn load(path: &Path) -> Result<Self, ConfigFaults> {
        let text = std::fs::read_to_string(path).map_err(|e| {
            ConfigFaults::one(
                format!("読めません：{e}"),
                format!("it cannot be read: {e}"),
            )
        })?;
        let base = path
            .parent()
            .filter(|p| !p.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        Self::parse(&text, base)
    }

    /// Checks a text; paths in it are relative to `base`.
    ///
    /// # Errors
    /// [`ConfigFaults`] with every fault, each with what to write instead.
    pub fn parse(text: &str, base: &Path) -> Result<Self, ConfigFaults> {
        let table = text.parse::<toml::Table>().map_err(|e| {
            ConfigFaults::one(
                format!("TOML ではありません：{e}"),
                format!("not TOML: {e}"),
            )
        })?;
        let mut faults = Vec::new();
        let config = read(table, base, &mut faults);
        match config {
            Some(config) if faults.is_empty() => Ok(config),
            _ => Err(ConfigFaults(faults)),
        }
    }

    /// The voters this process takes its ledger from, if it runs no replica.
    pub fn voters(&self) -> Option<&[ReplicaId]> {
        let node = self.node.as_ref().filter(|_| self.replica.is_none())?;
        Some(&node.voters)
    }

    /// Folder of the replica's store.
    pub fn ledger_data(&self) -> PathBuf {
        self.data.join("ledger")
    }

    /// The address this machine's own commands connect to: the listening one, or loopback where that is every
    /// interface.
    pub fn own_address(&self) -> String {
        let mut address = self.listen;
        if address.ip().is_unspecified() {
            address.set_ip(if address.is_ipv4() {
                std::net::Ipv4Addr::LOCALHOST.into()
            } else {
                std::net::Ipv6Addr::LOCALHOST.into()
            });
        }
        address.to_string()
    }
}

fn read(table: toml::Table, base: &Path, faults: &mut Vec<Words>) -> Option<Config> {
    let mut root = Reader::new(table, "", faults);
    let network = match root.section("network") {
        Some(mut section) => {
            let id = section.required("id", "pikapikalink");
            let keys = section.path("keys", base, "keys");
            section.finish();
            id.zip(keys)
        }
        None => missing(
            &mut root,
            "network",
            "[network] と id = \"...\"（この計算機がどのネットワークのものか）",
            "[network] and id = \"...\": which network this machine belongs to",
        ),
    };
    let ledger = match root.section("ledger") {
        Some(mut section) => {
            let genesis = section.path("genesis", base, "genesis.json");
            section.finish();
            genesis
        }
        None => Some(base.join("genesis.json")),
    };
    let server = match root.section("server") {
        Some(mut section) => {
            let listen = section.required("listen", "0.0.0.0:7443");
            let data = section.path("data", base, "data");
            section.finish();
            listen.zip(data)
        }
        None => missing(
            &mut root,
            "server",
            "[server] と listen = \"0.0.0.0:7443\"（どこで待ち受けるか）",
            "[server] and listen = \"0.0.0.0:7443\": where it listens",
        ),
    };
    let replica = root.section("replica").map(|mut section| {
        let id = section.number("id", 1..=u64::MAX >> 1);
        let expected_rtt_ms =
            section.optional_number("expected_rtt_ms", EXPECTED_RTT_MS, EXPECTED_RTT_DEFAULT_MS);
        let tiles = section.optional::<TilesAddress>("tiles", "127.0.0.1:7480");
        section.finish();
        let timing = expected_rtt_ms.and_then(|ms| Timing::for_rtt(ms).ok());
        id.zip(timing).map(|(id, timing)| ReplicaConfig {
            id: ReplicaId(id),
            timing,
            tiles: tiles.map(|address| address.0),
        })
    });
    let node = root.section("node").map(|section| node(section, base));
    let broker = root.section("broker").map(Reader::finish).is_some();
    let metrics = root.section("metrics").map(metrics);
    let portal = root
        .section("portal")
        .map(|section| portal::read(section, base));
    if portal.is_some() && node.is_none() {
        root.fault(
            "portal",
            Words::new(
                "同じファイルに [node] が必要です。ポータルは自分のノードのページです",
                "needs [node] in the same file: these are the pages of its own node",
            ),
        );
    }
    voters::rules(&mut root, node.as_ref(), replica.is_some(), broker);
    if node
        .as_ref()
        .is_some_and(|node| node.as_ref().is_some_and(|n| n.broker.is_none()))
        && !broker
    {
        root.fault(
            "node.broker",
            Words::new(
                "ありません。broker = \"ホスト:ポート\" と書くか、[broker] を書いてここで動かしてください",
                "is missing; write broker = \"host:port\", or [broker] to run one here",
            ),
        );
    }
    if replica.is_none() && node.is_none() && !broker {
        root.fault(
            "replica",
            Words::new(
                "動かすものがありません。[replica]、[node]、[broker] の少なくとも一つを書いてください",
                "nothing to run; write at least one of [replica], [node], [broker]",
            ),
        );
    }
    root.finish();
    let ((network, keys), (listen, data)) = (network?, server?);
    let (replica, node) = (transposed(replica)?, transposed(node)?);
    let (metrics, portal) = (transposed(metrics)?, transposed(portal)?);
    Some(Config {
        network,
        keys,
        genesis: ledger?,
        listen,
        data,
        replica,
        node,
        broker,
        metrics,
        portal,
    })
}

fn metrics(mut section: Reader<'_>) -> Option<MetricsConfig> {
    let listen = section.required::<SocketAddr>("listen", "127.0.0.1:9464");
    let allow_remote = section.flag("allow_remote", false);
    let checked = listen.zip(allow_remote).and_then(|(listen, allow_remote)| {
        match crate::metrics::check_address(listen, allow_remote) {
            Ok(()) => Some(MetricsConfig { listen }),
            Err(en) => {
                let ja = format!(
                    "メトリクスは TLS なしで公開されます。{listen} は他の計算機から届きます。127.0.0.1:ポート と書くか、\
                     ファイアウォールで守られている場合に限り allow_remote = true と書いてください"
                );
                section.fault("listen", Words::new(ja, en));
                None
            }
        }
    });
    section.finish();
    checked
}

fn missing<T>(root: &mut Reader<'_>, key: &str, ja: &str, en: &str) -> Option<T> {
    root.fault(
        key,
        Words::new(
            format!("ありません。書くもの：{ja}"),
            format!("is missing; write {en}"),
        ),
    );
    None
}

/// An absent section is fine, a faulty one is not.
fn transposed<T>(section: Option<Option<T>>) -> Option<Option<T>> {
    match section {
        None => Some(None),
        Some(Some(value)) => Some(Some(value)),
        Some(None) => None,
    }
}

fn node(mut section: Reader<'_>, base: &Path) -> Option<NodeConfig> {
    let broker = section
        .optional::<HostPort>("broker", "127.0.0.1:7443")
        .map(|b| b.0);
    let voters = voters::read(&mut section);
    let retrieve = section.optional("retrieve", "broker").unwrap_or_default();
    let usual = Budgets::default();
    let mut an_hour = |key: &str, usual: u32| {
        let number = section.optional_number(key, 1..=1_000_000, usual.into());
        number.and_then(|n| u32::try_from(n).ok()).unwrap_or(usual)
    };
    let budgets = Budgets {
        practitioner: an_hour("practitioner_per_hour", usual.practitioner),
        facility: an_hour("facility_per_hour", usual.facility),
        network: an_hour("network_per_hour", usual.network),
    };
    let mut sources: Vec<SourceConfig> = Vec::new();
    let mut ids: BTreeSet<SourceId> = BTreeSet::new();
    let mut complete = true;
    for (n, table) in section.tables("source").into_iter().enumerate() {
        let table = Reader::new(table, &format!("node.source[{n}]"), section.faults());
        match source::read(table, base, &mut ids) {
            Some(source) => sources.push(source),
            None => complete = false,
        }
    }
    let index = stores::index(section.section("index"), base);
    let contents = stores::contents(section.section("contents"), base);
    section.finish();
    let voters = voters.filter(|_| complete)?;
    Some(NodeConfig {
        index: index?,
        contents: contents?,
        broker,
        voters,
        retrieve,
        budgets,
        sources,
    })
}

/// Tiles are served without TLS and without asking who it is, so on this machine only.
struct TilesAddress(SocketAddr);

impl std::str::FromStr for TilesAddress {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let address = text
            .parse()
            .map_err(|_| "an address is 127.0.0.1:port or [::1]:port".to_owned())?;
        match sekisho_replica::check_tiles_address(address) {
            Ok(()) => Ok(Self(address)),
            Err(error) => Err(error.to_string()),
        }
    }
}

struct HostPort(String);

impl std::str::FromStr for HostPort {
    type Err = &'static str;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.rsplit_once(':') {
            Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                Ok(Self(text.to_owned()))
            }
            _ => Err("an address is host:port"),
        }
    }
}

#[cfg(test)]
#[expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]
#[path = "config_test.rs"]
mod tests;
