//! A new replica takes its place: keys, the entry that gives it the place, the ledger's history from any peer.
//!
//! Every step leaves a file in the key folder, so that the command can be run again after any interruption and goes
//! on where it was: the keys, the request, and which replica this machine is.

use crate::commands::At;
use crate::commands::serve::replica_config;
use crate::commands::show::Progress;
use crate::config::{Config, ReplicaConfig};
use crate::ops::{self, Session};
use crate::ui::{Exit, Failure};
use crate::{genesis, keys};
use clap::Args;
use sekisho_domain::{
    Body, DomainError, Genesis, KeyPurpose, NetworkId, Outcome, PublicKey, RefusalReason,
    ReplicaId, check_endpoint,
};
use sekisho_replica::{JoinError, Keys, Source, Timing, join};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// What the new machine asks for; made before its place is known.
const REQUEST: &str = "join-request.json";
/// Which replica this machine is to be.
const PLACE: &str = "join-replica.json";
/// The longest of these files looked at.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// A peer on the command line: `NETWORK@HOST:PORT`.
#[derive(Debug, Clone)]
pub(super) struct PeerArg(Source);

impl FromStr for PeerArg {
    type Err = DomainError;
    fn from_str(text: &str) -> Result<Self, DomainError> {
        let (network, endpoint) = text.split_once('@').ok_or(DomainError::Invalid(
            "a peer is written NETWORK@HOST:PORT, as in pikapikalink@sekisho.example.jp:7443",
        ))?;
        check_endpoint(endpoint)?;
        Ok(Self(Source {
            network: network.parse()?,
            endpoint: endpoint.to_owned(),
        }))
    }
}

#[derive(Debug, Args)]
pub(in crate::commands) struct JoinArgs {
    /// HOST:PORT where the other replicas will reach this one
    #[arg(long, value_name = "HOST:PORT")]
    endpoint: String,
    /// A replica to fetch the history from, and to send the request to; once for each, tried in order [default: the
    /// founders]
    #[arg(long, value_name = "NETWORK@HOST:PORT")]
    peer: Vec<PeerArg>,
    /// The place another machine asked for in this one's name with `ledger allocate`
    #[arg(long, value_name = "ID")]
    replica: Option<ReplicaId>,
    /// This network's replica that is lost, to be retired first: its machine's transport key can then be used again
    #[arg(long, value_name = "ID")]
    replaces: Option<ReplicaId>,
    /// Folder with the network's governance key and a transport key the ledger knows; else this machine's own keys
    #[arg(long, value_name = "DIR")]
    credentials: Option<PathBuf>,
}

/// What a machine needs to be given a place: public keys only.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Request {
    /// Whose replica it is.
    pub network: NetworkId,
    /// Where it will answer.
    pub endpoint: String,
    /// The key of its TLS certificate.
    pub transport_key: PublicKey,
    /// The key it will cosign checkpoints with.
    pub checkpoint_key: PublicKey,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Place {
    replica: ReplicaId,
}

impl Request {
    pub fn load(path: &Path) -> Result<Self, Failure> {
        let request: Self = read(path)?;
        check_endpoint(&request.endpoint).map_err(|e| unreadable(path, &e))?;
        Ok(request)
    }

    pub fn body(&self) -> Body {
        Body::ReplicaAllocate {
            endpoint: self.endpoint.clone(),
            transport_key: self.transport_key,
            checkpoint_key: self.checkpoint_key,
        }
    }
}

pub(super) fn unreadable(path: &Path, e: &(dyn std::error::Error + 'static)) -> Failure {
    let name = path.display();
    Failure::of(
        Exit::Usage,
        &format!("{name} を読むことが"),
        &format!("read {name}"),
        e,
    )
}

pub(super) fn read<T: for<'a> Deserialize<'a>>(path: &Path) -> Result<T, Failure> {
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(|e| unreadable(path, &e))?;
    file.take(FILE_BYTES_MAX)
        .read_to_string(&mut text)
        .map_err(|e| unreadable(path, &e))?;
    serde_json::from_str(&text).map_err(|e| unreadable(path, &e))
}

pub(super) fn write(path: &Path, value: &impl Serialize) -> Result<(), Failure> {
    let name = path.display();
    let failed = |e: &(dyn std::error::Error + 'static)| {
        Failure::of(
            Exit::Usage,
            &format!("{name} を書くことが"),
            &format!("write {name}"),
            e,
        )
    };
    let text = serde_json::to_string_pretty(value).map_err(|e| failed(&e))?;
    std::fs::write(path, text + "\n").map_err(|e| failed(&e))
}

pub(super) async fn run(args: &JoinArgs, at: &At) -> Result<Exit, Failure> {
    check_endpoint(&args.endpoint).map_err(|e| {
        Failure::usage(
            format!(
                "--endpoint {} は HOST:PORT の形ではありません",
                args.endpoint
            ),
            format!("--endpoint {}: {e}", args.endpoint),
        )
    })?;
    let config = at.config()?;
    let genesis = genesis::load(&config.genesis)?;
    let request = prepare(&config, &args.endpoint)?;
    let peers = peers(args, &genesis);
    let replica = match place(&config, args.replica)? {
        Some(replica) => replica,
        None => match allocated(&config, args, &request, &genesis, &peers, at).await? {
            Some(replica) => replica,
            None => return Ok(wait_for_place(&config, &request, at)),
        },
    };
    keep_place(&config, replica)?;
    fetched(&config, replica, &genesis, &peers, at).await
}

/// Makes the keys and the request, or takes up those of the run before.
pub(super) fn prepare(config: &Config, endpoint: &str) -> Result<Request, Failure> {
    forget_past(config)?;
    let path = config.keys.join(REQUEST);
    if path.exists() {
        let request = Request::load(&path)?;
        if request.network != config.network || request.endpoint != endpoint {
            let (network, endpoint) = (&request.network, &request.endpoint);
            return Err(Failure::usage(
                format!(
                    "{} は {network} の {endpoint} のための申請です。同じ --endpoint で続けるか、このファイルを移してから始めてください",
                    path.display()
                ),
                format!(
                    "{} is a request for {endpoint} of {network}: go on with the same --endpoint, or move the file away to begin anew",
                    path.display()
                ),
            ));
        }
        return Ok(request);
    }
    std::fs::create_dir_all(&config.keys).map_err(|e| unreadable(&config.keys, &e))?;
    put_aside(config)?;
    let transport = keys::create(&config.keys, KeyPurpose::Transport)?;
    let checkpoint = keys::create(&config.keys, KeyPurpose::Checkpoint)?;
    let request = Request {
        network: config.network.clone(),
        endpoint: endpoint.to_owned(),
        transport_key: transport.public_key(),
        checkpoint_key: checkpoint.public_key(),
    };
    write(&path, &request)?;
    Ok(request)
}

/// What led to a replica that has run here since is of the past: the next one begins anew.
fn forget_past(config: &Config) -> Result<(), Failure> {
    let path = config.keys.join(PLACE);
    if !path.exists() {
        return Ok(());
    }
    let replica = read::<Place>(&path)?.replica;
    if !store_of(config, replica).marker.exists() {
        return Ok(());
    }
    for name in [PLACE, REQUEST] {
        let path = config.keys.join(name);
        if path.exists() {
            let aside = config.keys.join(format!("{name}.{replica}"));
            std::fs::rename(&path, &aside).map_err(|e| unreadable(&aside, &e))?;
        }
    }
    Ok(())
}

/// Notes which replica this machine is to be.
pub(super) fn keep_place(config: &Config, replica: ReplicaId) -> Result<(), Failure> {
    write(&config.keys.join(PLACE), &Place { replica })
}

/// The checkpoint key of a replica that ran here before stays its own: a replica has a new one, always.
fn put_aside(config: &Config) -> Result<(), Failure> {
    let path = keys::path(&config.keys, KeyPurpose::Checkpoint);
    if !path.exists() {
        return Ok(());
    }
    let old = keys::signing(&config.keys, KeyPurpose::Checkpoint)?;
    let id = old.key_id().to_string();
    let short = id.get(..8).unwrap_or_default();
    let aside = config.keys.join(format!("checkpoint-{short}.key.old"));
    std::fs::rename(&path, &aside).map_err(|e| unreadable(&aside, &e))
}

/// Which replica this machine is to be, if that is known.
pub(super) fn place(
    config: &Config,
    given: Option<ReplicaId>,
) -> Result<Option<ReplicaId>, Failure> {
    let path = config.keys.join(PLACE);
    let known = match path.exists() {
        true => Some(read::<Place>(&path)?.replica),
        false => None,
    };
    match (known, given) {
        (Some(known), Some(given)) if known != given => Err(Failure::usage(
            format!(
                "{} によれば、このマシンはレプリカ {known} です",
                path.display()
            ),
            format!("by {} this machine is replica {known}", path.display()),
        )),
        (known, given) => Ok(given.or(known)),
    }
}

fn peers(args: &JoinArgs, genesis: &Genesis) -> Vec<Source> {
    if !args.peer.is_empty() {
        return args.peer.iter().map(|peer| peer.0.clone()).collect();
    }
    let founder = |r: &sekisho_domain::FoundingReplica| Source {
        network: r.network.clone(),
        endpoint: r.endpoint.clone(),
    };
    genesis.replicas.iter().map(founder).collect()
}

/// Has the network's governance key give this machine its place, if that key is here.
async fn allocated(
    config: &Config,
    args: &JoinArgs,
    request: &Request,
    genesis: &Genesis,
    peers: &[Source],
    at: &At,
) -> Result<Option<ReplicaId>, Failure> {
    let credentials = args.credentials.as_ref().unwrap_or(&config.keys);
    if !keys::path(credentials, KeyPurpose::Governance).exists() {
        return Ok(None);
    }
    let mut last = None;
    for peer in peers {
        // Nobody is asked to take this machine's own word for it.
        if peer.endpoint == args.endpoint {
            continue;
        }
        let session = Session::to_peer(config, credentials, genesis, peer)?;
        match retire_and_allocate(&session, args.replaces, request).await {
            Ok(done) => {
                let done = done.accepted()?;
                let replica = done.replica();
                at.ui.note(
                    format!(
                        "レプリカ {replica} の席を設けました（台帳 {} 番）",
                        done.index
                    ),
                    format!(
                        "Replica {replica} has its place (ledger index {})",
                        done.index
                    ),
                );
                return Ok(Some(replica));
            }
            Err(failure) if failure.exit == Exit::Refused => return Err(failure),
            Err(failure) => last = Some(failure),
        }
    }
    Err(last.unwrap_or_else(|| {
        Failure::usage(
            "申請の送り先がありません。--peer で動いているレプリカを指定してください",
            "there is nobody to send the request to; name a running replica with --peer",
        )
    }))
}

/// Retires the replica that is replaced, if that was not done, and asks for the place.
async fn retire_and_allocate(
    session: &Session,
    replaces: Option<ReplicaId>,
    request: &Request,
) -> Result<ops::Recorded, Failure> {
    if let Some(replica) = replaces {
        let retired = ops::govern(session, Body::ReplicaRetire { replica }).await?;
        if retired.outcome != Outcome::Refused(RefusalReason::Ended) {
            retired.accepted()?;
        }
    }
    ops::govern(session, request.body()).await
}

/// The governance key is elsewhere: what is to be carried there.
fn wait_for_place(config: &Config, request: &Request, at: &At) -> Exit {
    let path = config.keys.join(REQUEST);
    let (name, endpoint) = (path.display(), &request.endpoint);
    let ja = format!(
        "鍵を作り、申請を {name} に書きました。運営鍵のあるマシンで `sekisho ledger allocate join-request.json` を実行し、\
         示された番号で、ここで `sekisho ledger join --endpoint {endpoint} --replica 番号` を続けてください"
    );
    let en = format!(
        "The keys are made and the request is in {name}. Where the governance key is, run \
         `sekisho ledger allocate join-request.json`; go on here with the id it shows: \
         `sekisho ledger join --endpoint {endpoint} --replica ID`"
    );
    let object = json!({ "joined": false, "request": path, "public": request });
    at.ui.result(&object, at.ui.pick(&ja, &en));
    Exit::Done
}

async fn fetched(
    config: &Config,
    replica: ReplicaId,
    genesis: &Genesis,
    peers: &[Source],
    at: &At,
) -> Result<Exit, Failure> {
    let keys = Keys {
        transport: keys::identity(config)?,
        checkpoint: keys::signing(&config.keys, KeyPurpose::Checkpoint)?,
    };
    let filled = store_of(config, replica);
    let mut progress = Progress::new(at.ui);
    let mut tell = |done: u64, of: u64| {
        progress.tell(|| {
            (
                format!("台帳の記録を取り寄せて検証しています：{done} / {of} 件"),
                format!("fetching and checking the ledger: {done} of {of} leaves"),
            )
        });
    };
    let joined = join(&filled, genesis, &keys, peers, &mut tell).await;
    progress.end();
    let joined = joined.map_err(|error| failure(&error))?;
    let (size, root, resumed) = (joined.size, joined.root, joined.resumed);
    let ja = format!(
        "✓ {size} 件を取り寄せ、過半数が連署した検証点と照合しました。設定ファイルの [replica] に id = {replica} と書き、\
         `sekisho serve` で始めてください。追いついたら `sekisho ledger promote {replica}` で投票権を得ます"
    );
    let en = format!(
        "✓ {size} leaves are here and fit a checkpoint a majority cosigned. Write id = {replica} under [replica] in the \
         configuration and start with `sekisho serve`; once it has caught up, `sekisho ledger promote {replica}` gives it a vote"
    );
    let object = json!({
        "joined": true, "replica": replica, "leaves": size, "root": root, "resumed": resumed,
    });
    at.ui.result(&object, at.ui.pick(&ja, &en));
    Ok(Exit::Done)
}

/// Where the store of a replica of this machine is.
pub(super) fn store_of(config: &Config, replica: ReplicaId) -> sekisho_replica::Config {
    let of = ReplicaConfig {
        id: replica,
        timing: config
            .replica
            .as_ref()
            .map_or(Timing::WIDE_AREA, |of| of.timing),
        tiles: None,
    };
    replica_config(config, &of)
}

/// Why the store could not be filled.
fn failure(error: &JoinError) -> Failure {
    let altered = |fault: &JoinError| matches!(fault, JoinError::Altered { .. });
    let exit = match error {
        JoinError::NoPeer(faults) if faults.iter().any(altered) => Exit::Unverified,
        JoinError::Altered { .. } => Exit::Unverified,
        JoinError::NoPeer(_) | JoinError::Unreachable { .. } => Exit::Unavailable,
        JoinError::Replica(_) => Exit::Usage,
    };
    Failure::of(
        exit,
        "台帳の記録を取り寄せることが",
        "fetch the ledger",
        error,
    )
}
