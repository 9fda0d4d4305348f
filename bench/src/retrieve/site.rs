//! One of the three processes: this program, called by its hidden name `site`.

use super::carry::{ByTurns, Shared};
use super::plain;
use crate::cluster::now;
use crate::federation::{FIRST_REQUEST, Federation, Member};
use crate::{BenchError, EXIT_FAILED};
use sekisho_broker::{Broker, Limits};
use sekisho_documents::{
    Availability, Change, Code, DocumentEntry, DocumentIndex, FileOutcome, FileRecord, Fingerprint,
    IndexKey, MemoryIndex, Patient, SourceLocation, Title, UniqueId,
};
use sekisho_domain::{Category, Hash, NetworkOutcome, Outcome, Purpose, Role, TimeMs};
use sekisho_ingest::{READER_VERSION, SsMix2Storage};
use sekisho_ledger::ledger_id;
use sekisho_node::{Budgets, Node, NodeStore, Parts, SystemEnvironment};
use sekisho_proto::v1;
use sekisho_replica::{Config, Keys, Replica, SystemClock, Timing};
use sekisho_transport::{
    ClientLimits, Deadline, Expected, Incoming, ServerLimits, channel, server,
};
use sha2::{Digest, Sha256};
use std::io::{self, BufRead, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, UNIX_EPOCH};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;

/// The first argument of a call that is one of the processes.
pub(crate) const SITE: &str = "site";
/// Their names, in order; the fourth address is the plain peer's.
pub(super) const SITES: [&str; 3] = ["viewing", "broker", "disclosing"];
pub(super) const VIEWING: usize = 0;
pub(super) const BROKER: usize = 1;
pub(super) const DISCLOSING: usize = 2;
const PLAIN: usize = 3;

const PATIENCE: Duration = Duration::from_secs(60);
/// The person's local ids.
const HERE: &str = "1";
const THERE: &str = "0000001";
const SOURCE: &str = "std01";

/// A document's file below a folder.
pub(super) fn file(dir: &Path, n: usize) -> PathBuf {
    dir.join(SOURCE).join(below(n))
}

fn below(n: usize) -> String {
    format!(
        "000/000/{THERE}/20260401/OMP-01/{THERE}_20260401_OMP-01_{n:015}_20260401110000000_01_1"
    )
}

/// East has a second machine, under the keys that are otherwise north's; north runs nothing.
fn federation(endpoints: &[String]) -> Result<Federation, BenchError> {
    let mut federation = Federation::at(endpoints)?;
    federation.genesis.replicas[BROKER].network = federation.east.id.clone();
    federation.ledger = ledger_id(&federation.genesis);
    Ok(federation)
}

fn wrong(what: &'static str, got: impl std::fmt::Display) -> BenchError {
    BenchError::Wrong {
        what,
        expected: "it works".to_owned(),
        got: got.to_string(),
    }
}

/// The process: `site DIR NUMBER near|far OWN-ADDRESS…(4) KNOWN-ADDRESS…(4)`. Ends well when its standard input does.
pub(crate) fn serve(args: &[&str], err: &mut dyn Write) -> io::Result<u8> {
    let served = match args {
        [dir, n, way, addresses @ ..] if addresses.len() == 8 => match n.parse() {
            Ok(n) if n < SITES.len() => {
                let all: Vec<_> = addresses.iter().map(ToString::to_string).collect();
                let (own, known) = all.split_at(4);
                run(Path::new(dir), n, *way == "far", own, known)
            }
            _ => return writeln!(err, "{SITE}: a number expected").map(|()| EXIT_FAILED),
        },
        _ => return writeln!(err, "{SITE}: for this program itself").map(|()| EXIT_FAILED),
    };
    match served {
        Ok(()) => Ok(0),
        Err(error) => writeln!(err, "{}", error.chain()).map(|()| EXIT_FAILED),
    }
}

fn run(
    dir: &Path,
    n: usize,
    far: bool,
    own: &[String],
    known: &[String],
) -> Result<(), BenchError> {
    let federation = federation(&known[..SITES.len()])?;
    let member = federation.members()[n];
    let mut config = Config::new(
        federation.genesis.replicas[n].id,
        dir.join(format!("replica-{n}")),
    );
    config.timing = if far {
        Timing::WIDE_AREA
    } else {
        Timing::LOOPBACK
    };
    let runtime = Runtime::new().map_err(BenchError::system("a runtime"))?;
    runtime.block_on(async {
        let keys = Keys {
            transport: member.transport()?,
            checkpoint: member.checkpoint(),
        };
        let bind = |at: &String| {
            let bound = std::net::TcpListener::bind(at).and_then(|it| {
                it.set_nonblocking(true)?;
                TcpListener::from_std(it)
            });
            bound.map_err(BenchError::system("a socket"))
        };
        let listener = bind(&own[n])?;
        let genesis = federation.genesis.clone();
        let replica = Replica::start(config, genesis, keys, Arc::new(SystemClock)).await?;
        let (identity, directory) = (member.transport()?, replica.directory());
        let incoming = Incoming::new(
            listener,
            &identity,
            Arc::clone(&directory) as _,
            ServerLimits::default(),
        )?;
        let broker = || {
            let identity = member.transport()?;
            let directory = replica.directory();
            let limits = Limits::default();
            Ok::<_, BenchError>(Broker::new(replica.clone(), identity, directory, limits))
        };
        let mut router = server()
            .add_service(replica.ledger_service())
            .add_service(replica.raft_service());
        let at = (dir, &federation, &replica);
        let (mut node, mut carrier) = (None, None);
        match n {
            VIEWING => {
                let by_turns = Arc::new(ByTurns {
                    here: broker()?,
                    network: federation.east.id.clone(),
                    broker: channel(
                        &known[BROKER],
                        Expected::Network(federation.east.id.clone()),
                        &identity,
                        replica.directory(),
                        ClientLimits::default(),
                    )?,
                    direct: AtomicBool::new(false),
                });
                node = Some(viewing(at, &by_turns).await?);
                carrier = Some(by_turns);
            }
            BROKER => router = router.add_service(broker()?.server()),
            _ => {
                let files = (0..2).map(|n| file(dir, n)).collect();
                plain::serve(bind(&own[PLAIN])?, dir, files).await?;
                let started = disclosing(at, &known[n]).await?;
                router = router.add_service(started.node_service());
                node = Some(started);
            }
        }
        tokio::spawn(router.serve_with_incoming(incoming));
        let mut orders = orders();
        if let (Some(node), Some(carrier)) = (&node, &carrier) {
            found(&federation, &replica).await?;
            say("answer 0");
            while let Some(order) = orders.recv().await {
                match obey(&order, node, carrier, (dir, &known[PLAIN])).await {
                    Ok(seconds) => say(&format!("answer {seconds}")),
                    Err(error) => say(&format!("answer {}", error.chain())),
                }
            }
        } else {
            while orders.recv().await.is_some() {}
        }
        if let Some(node) = node {
            node.shutdown()
                .await
                .map_err(|e| wrong("a node's end", e))?;
        }
        Ok(replica.shutdown().await?)
    })
}

#[expect(clippy::print_stdout, reason = "what this process is for")]
fn say(line: &str) {
    println!("{line}");
}

/// What comes on standard input, until it ends.
fn orders() -> mpsc::Receiver<String> {
    let (sender, orders) = mpsc::channel(1);
    // A thread of its own: reading standard input cannot be cancelled.
    std::thread::spawn(move || {
        let lines = io::stdin().lock().lines().map_while(Result::ok);
        for line in lines {
            if sender.blocking_send(line).is_err() {
                return;
            }
        }
    });
    orders
}

type At<'a> = (&'a Path, &'a Federation, &'a Replica);

fn chart(member: &Member, id: &str) -> Result<Patient, BenchError> {
    let local_patient_id = id.parse().map_err(|e| wrong("a local id", e))?;
    Ok(Patient {
        facility: member.hospital.clone(),
        local_patient_id,
    })
}

/// A node's store in which the one person has a chart.
fn store(dir: &Path, member: &Member, id: &str) -> Result<NodeStore, BenchError> {
    let failed = |e: sekisho_node::StoreError| wrong("a node's store", e);
    let store = NodeStore::open(&dir.join(format!("{}.redb", member.id))).map_err(failed)?;
    let known = store.subject_or(&chart(member, id)?, member.subject(0));
    known.map_err(failed)?;
    Ok(store)
}

async fn viewing((dir, of, replica): At<'_>, by: &Arc<ByTurns>) -> Result<Node, BenchError> {
    let parts = Parts {
        ledger: Arc::new(replica.clone()),
        store: store(dir, &of.east, HERE)?,
        index: Arc::new(MemoryIndex::default()),
        key: of.east.node_key(),
        broker: by.broker.clone(),
        carrier: Arc::new(Shared(Arc::clone(by))),
        environment: Arc::new(SystemEnvironment),
    };
    node(&of.east, Vec::new(), parts).await
}

async fn disclosing((dir, of, replica): At<'_>, known: &str) -> Result<Node, BenchError> {
    let storage = SsMix2Storage {
        root: dir.join(SOURCE),
        facility: of.west.hospital.clone(),
        source_id: SOURCE.parse().map_err(|e| wrong("a source's id", e))?,
    };
    let index = MemoryIndex::default();
    for n in 0..2 {
        let put = Change::Put(record(n, &storage)?);
        index.apply(&[put]).map_err(|e| wrong("an index", e))?;
    }
    // It asks nobody: a channel to itself.
    let nobody = channel(
        known,
        Expected::Network(of.west.id.clone()),
        &of.west.transport()?,
        replica.directory(),
        ClientLimits::default(),
    )?;
    let parts = Parts {
        ledger: Arc::new(replica.clone()),
        store: store(dir, &of.west, THERE)?,
        index: Arc::new(index),
        key: of.west.node_key(),
        broker: nobody.clone(),
        carrier: Arc::new(nobody),
        environment: Arc::new(SystemEnvironment),
    };
    node(&of.west, vec![storage], parts).await
}

async fn node(of: &Member, sources: Vec<SsMix2Storage>, parts: Parts) -> Result<Node, BenchError> {
    let config = sekisho_node::Config {
        network: of.id.clone(),
        sources,
        budgets: Budgets {
            practitioner: u32::MAX,
            facility: u32::MAX,
            network: u32::MAX,
        },
    };
    let started = Node::start(config, parts).await;
    started.map_err(|e| wrong("a node", e))
}

fn unique_id(of: &Patient, n: usize) -> UniqueId {
    let key = IndexKey {
        local_patient_id: &of.local_patient_id,
        care_date: "20260401",
        data_kind: "large",
        order_no: &n.to_string(),
    };
    UniqueId::derive(&of.facility, &key, "", &Hash([0; 32]))
}

/// An entry over one of the files, made by hand: no reader makes one of such a document yet.
fn record(n: usize, storage: &SsMix2Storage) -> Result<FileRecord, BenchError> {
    let failed = || BenchError::system("a document's file");
    let path = storage.root.join(below(n));
    let (mut hasher, mut part) = (Sha256::new(), vec![0; 1 << 20]);
    let mut file = std::fs::File::open(&path).map_err(failed())?;
    loop {
        match io::Read::read(&mut file, &mut part).map_err(failed())? {
            0 => break,
            length => hasher.update(&part[..length]),
        }
    }
    let metadata = file.metadata().map_err(failed())?;
    let modified = metadata.modified().map_err(failed())?;
    let modified = modified.duration_since(UNIX_EPOCH).unwrap_or_default();
    let location = SourceLocation::new(storage.source_id.clone(), below(n));
    let location = location.map_err(|e| wrong("a path", e))?;
    let local_patient_id = THERE.parse().map_err(|e| wrong("a local id", e))?;
    let patient = Patient {
        facility: storage.facility.clone(),
        local_patient_id,
    };
    let coded = |code: &str| Code::new(code, "urn:example:bench", "", code);
    let entry = DocumentEntry {
        unique_id: unique_id(&patient, n),
        facility: patient.facility,
        local_patient_id: patient.local_patient_id,
        category: Category::Prescription,
        data_kind: "large".to_owned(),
        class_code: coded("class"),
        type_code: coded("type"),
        format_code: coded("urn:example:large"),
        mime_type: "application/octet-stream".to_owned(),
        language: "ja-JP".to_owned(),
        creation: TimeMs(0),
        service_start: TimeMs(0),
        service_stop: TimeMs(0),
        practice_setting: None,
        confidentiality: coded("N"),
        hash: Hash(hasher.finalize().into()),
        size_bytes: metadata.len(),
        status: Availability::Approved,
        title: Title::new("見本", "sample"),
        location: location.clone(),
    };
    Ok(FileRecord {
        location,
        fingerprint: Fingerprint {
            size_bytes: metadata.len(),
            modified_ns: i64::try_from(modified.as_nanos()).unwrap_or(0),
            reader: READER_VERSION,
        },
        outcome: FileOutcome::Document(Box::new(entry)),
    })
}

/// Agreements, the person's links and the consent.
async fn found(of: &Federation, replica: &Replica) -> Result<(), BenchError> {
    let ready = replica.wait_ready(Deadline::after(PATIENCE)).await;
    ready.map_err(|e| wrong("the replicas", e))?;
    let time = now();
    let (east, west) = (&of.east, &of.west);
    let said = [
        (east, of.viewing_consent(0)),
        (east, of.link(east, west, 0)),
        (west, of.link(west, east, 0)),
    ];
    let said = (FIRST_REQUEST / 2..).zip(said);
    let said = said.map(|(n, (member, body))| of.node_says(member, n, time, body));
    for envelope in of.founding_acts(time)?.into_iter().chain(said) {
        let put = replica.submit(envelope, Deadline::after(PATIENCE)).await;
        let put = put.map_err(|e| wrong("an entry", e))?;
        if put.outcome != Outcome::Accepted {
            return Err(wrong("an entry", format!("{:?}", put.outcome)));
        }
    }
    Ok(())
}

/// `direct N`, `broker N` or `plain N`: fetches a document; the seconds it took.
async fn obey(
    order: &str,
    node: &Node,
    carrier: &ByTurns,
    (dir, peer): (&Path, &str),
) -> Result<f64, BenchError> {
    let unknown = || wrong("an order", order);
    let (way, wanted) = order.split_once(' ').ok_or_else(unknown)?;
    let wanted: u8 = wanted.parse().map_err(|_| unknown())?;
    let size = std::fs::metadata(file(dir, wanted.into()));
    let size = size.map_err(BenchError::system("a document's file"))?.len();
    let (seconds, bytes) = match way {
        "plain" => plain::fetch(peer, dir, wanted).await?,
        "direct" | "broker" => {
            carrier.direct.store(way == "direct", Ordering::Relaxed);
            fetch(node, wanted).await?
        }
        _ => return Err(unknown()),
    };
    if bytes != size {
        return Err(wrong("a document", format!("{bytes} of {size} bytes")));
    }
    Ok(seconds)
}

async fn fetch(node: &Node, wanted: u8) -> Result<(f64, u64), BenchError> {
    use v1::retrieve_event::Event;
    let failed = |e: &dyn std::fmt::Display| wrong("a retrieval", e);
    let members = Federation::at(&[])?;
    let local = v1::patient::Local {
        facility: members.east.hospital.to_string(),
        local_id: HERE.to_owned(),
    };
    let there = chart(&members.west, THERE)?;
    let request = v1::RetrieveRequest {
        patient: Some(v1::Patient {
            patient: Some(v1::patient::Patient::Local(local)),
        }),
        practitioner: "dr-1".to_owned(),
        role: Role::Physician.number().into(),
        facility: members.east.hospital.to_string(),
        purpose: Purpose::Treat.number().into(),
        network: members.west.id.to_string(),
        unique_id: unique_id(&there, wanted.into()).to_string(),
        request_id: Vec::new(),
        grounds: None,
    };
    let begun = Instant::now();
    let operating = node.operating();
    let stream = operating.retrieve_document(request, Deadline::after(PATIENCE));
    let mut stream = stream.await.map_err(|e| failed(&e))?;
    let mut bytes = 0;
    while let Some(event) = stream.next().await {
        match event.map_err(|e| failed(&e.message().to_owned()))?.event {
            Some(Event::Chunk(chunk)) => bytes += chunk.len() as u64,
            Some(Event::End(end)) => {
                let outcome = end.outcome.map(NetworkOutcome::try_from);
                return match outcome {
                    Some(Ok(NetworkOutcome::Answered { count: 1 })) => {
                        Ok((begun.elapsed().as_secs_f64(), bytes))
                    }
                    other => Err(wrong("a retrieval", format!("{other:?}"))),
                };
            }
            _ => {}
        }
    }
    Err(wrong("a retrieval", "it has no end"))
}
