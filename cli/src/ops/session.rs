//! A connection to this network's own process.

use crate::config::Config;
use crate::ui::{Exit, Failure};
use crate::{genesis, keys};
use sekisho_domain::{FoundingReplica, Genesis, KeyPurpose, LedgerId, NetworkId, PublicKey};
use sekisho_ledger::ledger_id;
use sekisho_ledger::signature::key_id;
use sekisho_node::OUTCOME_METADATA;
use sekisho_proto::ErrorCode;
use sekisho_proto::v1::ledger_service_client::LedgerServiceClient;
use sekisho_proto::v1::operator_service_client::OperatorServiceClient;
use sekisho_replica::Source;
use sekisho_transport::{
    ClientLimits, Deadline, Expected, Failure as Connection, Identity, Peer, PeerDirectory,
    TransportKey, channel, classify,
};
use std::collections::BTreeMap;
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tonic::Status;
use tonic::transport::Channel;

/// How long a command waits for its answer unless told otherwise.
pub const TIMEOUT: Duration = Duration::from_secs(10);

/// A connection, with what is needed to sign as the network.
#[derive(Clone)]
pub struct Session {
    /// The network.
    pub network: NetworkId,
    /// The ledger.
    pub ledger: LedgerId,
    /// Its founding file.
    pub genesis: Genesis,
    /// Folder of the network's keys.
    pub keys: PathBuf,
    /// Where the process answers.
    pub address: String,
    /// Where the ledger is asked: there too, or at a named voter where this machine has no replica.
    pub ledger_address: String,
    /// How long calls may take.
    pub timeout: Duration,
    channel: Channel,
    ledger_channel: Channel,
}

/// The one peer a session talks to is named by its key.
struct Nobody;

impl PeerDirectory for Nobody {
    fn peer(&self, _: &PublicKey) -> Option<Peer> {
        None
    }
}

/// The founders' keys, and those of nobody else: whom a machine that knows only the founding file can tell.
struct Founders(BTreeMap<PublicKey, Peer>);

impl Founders {
    fn of(genesis: &Genesis) -> Self {
        let peer = |r: &FoundingReplica| {
            let network = r.network.clone();
            let key = key_id(&r.transport_key);
            (r.transport_key, Peer { network, key })
        };
        Self(genesis.replicas.iter().map(peer).collect())
    }
}

impl PeerDirectory for Founders {
    fn peer(&self, key: &PublicKey) -> Option<Peer> {
        self.0.get(key).cloned()
    }
}

impl Session {
    /// A connection to another network's replica with the keys of a folder: for a machine that runs nothing yet.
    ///
    /// # Errors
    /// Keys cannot be read.
    pub fn to_peer(
        config: &Config,
        keys: &Path,
        genesis: &Genesis,
        peer: &Source,
    ) -> Result<Self, Failure> {
        let failed = |e: &_| Failure::of(Exit::Usage, "接続の準備が", "prepare the connection", e);
        let key = TransportKey::load(&keys::path(keys, KeyPurpose::Transport));
        let identity = key.and_then(Identity::new).map_err(|e| failed(&e))?;
        let expected = Expected::Network(peer.network.clone());
        let directory = Arc::new(Founders::of(genesis));
        let limits = ClientLimits::default();
        let channel = channel(&peer.endpoint, expected, &identity, directory, limits);
        let channel = channel.map_err(|e| failed(&e))?;
        Ok(Self {
            network: config.network.clone(),
            ledger: ledger_id(genesis),
            genesis: genesis.clone(),
            keys: keys.to_owned(),
            address: peer.endpoint.clone(),
            ledger_address: peer.endpoint.clone(),
            timeout: TIMEOUT,
            ledger_channel: channel.clone(),
            channel,
        })
    }

    /// Prepares the connection; it is made at the first call. Where this machine has no replica the ledger is asked at
    /// the first of the named voters that can be reached: what it says is one voter's word, unless a command checks it.
    ///
    /// # Errors
    /// Keys or founding file cannot be read.
    pub fn open(config: &Config) -> Result<Self, Failure> {
        let genesis = genesis::load(&config.genesis)?;
        let identity = keys::identity(config)?;
        let address = config.own_address();
        let expected = Expected::Key(identity.id());
        let limits = ClientLimits::default;
        let failed = |e: &_| Failure::of(Exit::Usage, "接続の準備が", "prepare the connection", e);
        let own = channel(&address, expected, &identity, Arc::new(Nobody), limits())
            .map_err(|e| failed(&e))?;
        let (ledger_address, ledger_channel) = match voter(config, &genesis) {
            None => (address.clone(), own.clone()),
            Some(voter) => {
                let expected = Expected::Key(key_id(&voter.transport_key));
                let to = channel(
                    &voter.endpoint,
                    expected,
                    &identity,
                    Arc::new(Nobody),
                    limits(),
                );
                (voter.endpoint.clone(), to.map_err(|e| failed(&e))?)
            }
        };
        Ok(Self {
            network: config.network.clone(),
            ledger: ledger_id(&genesis),
            genesis,
            keys: config.keys.clone(),
            address,
            ledger_address,
            timeout: TIMEOUT,
            channel: own,
            ledger_channel,
        })
    }

    /// The ledger's service.
    pub fn ledger_client(&self) -> LedgerServiceClient<Channel> {
        LedgerServiceClient::new(self.ledger_channel.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// The node's service for its own people.
    pub fn operator(&self) -> OperatorServiceClient<Channel> {
        OperatorServiceClient::new(self.channel.clone())
            .max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// The instant by which a call that starts now must have ended.
    pub fn deadline(&self) -> Deadline {
        Deadline::after(self.timeout)
    }
}

/// Time for a voter's machine to take a connection, before the next one is tried.
const VOTER_PATIENCE: Duration = Duration::from_millis(500);

/// The voter that is asked where this machine has no replica: the first named one of the founding file that takes a
/// connection, else the first.
fn voter<'a>(config: &Config, genesis: &'a Genesis) -> Option<&'a FoundingReplica> {
    let named = config.voters()?.iter();
    let founders = named.filter_map(|id| genesis.replicas.iter().find(|r| r.id == *id));
    let founders: Vec<_> = founders.collect();
    let takes = |r: &&&FoundingReplica| {
        let mut addresses = r.endpoint.to_socket_addrs().into_iter().flatten();
        addresses.any(|address| TcpStream::connect_timeout(&address, VOTER_PATIENCE).is_ok())
    };
    founders.iter().find(takes).or(founders.first()).copied()
}

/// The largest message a command takes from its own node: a whole proof bundle.
const MESSAGE_BYTES_MAX: usize = sekisho_ledger::bundle::BUNDLE_BYTES_MAX + 1024;

/// What a failed call means to the person who made it.
pub fn failure_of(status: &Status, address: &str) -> Failure {
    let message = status.message();
    if let Some(not_yet) = not_yet(status) {
        return not_yet;
    }
    match (classify(status), ErrorCode::of(status)) {
        (Connection::Unreachable, _) => Failure::new(
            Exit::Unavailable,
            format!("{address} に接続できません。`sekisho serve` は動いていますか"),
            format!("cannot connect to {address}; is `sekisho serve` running?"),
        ),
        (Connection::WrongCertificate, _) => Failure::new(
            Exit::Unverified,
            format!("{address} で応答したのは、このネットワークの鍵を持つプロセスではありません"),
            format!("what answers at {address} does not hold this network's key"),
        ),
        (Connection::Refused, _) | (_, ErrorCode::Forbidden) => Failure::new(
            Exit::Refused,
            format!("権限がありません：{message}"),
            format!("not allowed: {message}"),
        ),
        (Connection::TimedOut, _) | (_, ErrorCode::DeadlineExceeded) => Failure::new(
            Exit::Unavailable,
            format!("時間内に終わりませんでした：{message}"),
            format!("did not end in time: {message}"),
        ),
        (_, ErrorCode::Unavailable) => Failure::new(
            Exit::Unavailable,
            format!(
                "いまは判断できません。台帳の過半数と連絡がとれるようになってから、もう一度お試しください（詳細：{message}）"
            ),
            format!(
                "nothing can be decided now; try again when a majority of the ledger's voters can be reached ({message})"
            ),
        ),
        (_, ErrorCode::Overloaded) => Failure::new(
            Exit::Unavailable,
            format!("混み合っています。少し待って、もう一度お試しください（詳細：{message}）"),
            format!("too busy; try again in a moment ({message})"),
        ),
        (_, ErrorCode::Unknown) => Failure::new(
            Exit::Unavailable,
            format!(
                "結果が不明です。記録されたかどうかを `sekisho ledger log` で確かめ、なければもう一度行ってください（詳細：{message}）"
            ),
            format!(
                "the outcome is not known; see in `sekisho ledger log` whether it was recorded, and do it again if not ({message})"
            ),
        ),
        (_, ErrorCode::Invalid | ErrorCode::NotFound | ErrorCode::Conflict) => Failure::usage(
            format!("受け付けられません：{message}"),
            format!("not accepted: {message}"),
        ),
        (_, ErrorCode::Internal) => Failure::new(
            Exit::Unavailable,
            format!("{address} の内部で障害が起きました。ログを確認してください：{message}"),
            format!("a fault inside {address}; see its log: {message}"),
        ),
    }
}

/// What a node says that cannot answer at this moment, though nothing stands against the request.
fn not_yet(status: &Status) -> Option<Failure> {
    let (ja, en) = match status.metadata().get(OUTCOME_METADATA)?.to_str().ok()? {
        "suspended" => (
            "ノードは文書を読み込んでいる途中で、まだ回答できません。少し待って、もう一度お試しください",
            "the node is still reading its documents; try again in a moment",
        ),
        "stale" => (
            "このネットワークのレプリカは、台帳のその番号にまだ達していません。`sekisho ledger status` で確かめてください",
            "this network's replica has not reached that ledger index; see `sekisho ledger status`",
        ),
        _ => return None,
    };
    Some(Failure::new(Exit::Unavailable, ja, en))
}

/// [`failure_of`] a call about a patient: what is not found is the patient.
pub fn failure_about_patient(status: &Status, address: &str) -> Failure {
    match ErrorCode::of(status) {
        ErrorCode::NotFound => Failure::usage(
            "この患者の仮名がまだありません。施設コードと患者IDを確かめ、`sekisho subject show --patient … --create` で作ってください",
            "this network has no pseudonym of the patient yet; check facility code and patient id, then make one with \
             `sekisho subject show --patient ... --create`",
        ),
        _ => failure_of(status, address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_cannot_answer_yet_refuses_nothing() {
        for (outcome, words) in [
            ("suspended", "reading its documents"),
            ("stale", "ledger status"),
        ] {
            let mut status = Status::failed_precondition("not now");
            let value = tonic::metadata::MetadataValue::from_static(outcome);
            status.metadata_mut().insert(OUTCOME_METADATA, value);
            let failure = failure_of(&status, "127.0.0.1:1");
            assert_eq!(failure.exit, Exit::Unavailable, "{outcome}");
            assert!(failure.words.en.contains(words), "{}", failure.words.en);
        }
        let refused = failure_of(&Status::failed_precondition("no"), "127.0.0.1:1");
        assert_eq!(refused.exit, Exit::Refused);
    }

    #[test]
    fn what_is_not_found_is_said_with_what_to_do() {
        let failure = failure_about_patient(&Status::not_found("nobody"), "127.0.0.1:1");
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.words.en.contains("--create") && failure.words.ja.contains("--create"));
    }
}
