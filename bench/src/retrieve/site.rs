//! One of the three processes: this program, called by its hidden name `site`.

use super::carry::{ByTurns, Shared};
use super::entry::{SOURCE, THERE, file, record, unique_id};
use super::{plain, wrong};
use crate::cluster::now;
use crate::federation::{FIRST_REQUEST, Federation, Member};
use crate::{BenchError, EXIT_FAILED};
use sekisho_broker::{Broker, Limits};
use sekisho_documents::{Change, DocumentIndex, MemoryIndex, Patient};
use sekisho_domain::{NetworkOutcome, Outcome, Purpose, Role};
use sekisho_ingest::{Source, SsMix2Storage};
use sekisho_ledger::ledger_id;
use sekisho_node::{Budgets, Directory, Node, NodeStore, Parts, SystemEnvironment};
use sekisho_proto::v1;
use sekisho_replica::{Config, Keys, Replica, SystemClock, Timing};
use sekisho_transport::{
    ClientLimits, Deadline, Expected, Incoming, ServerLimits, channel, server,
};
use std::io::{self, BufRead, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio_stream::StreamExt;

/// The first argument of a call that is one of the processes.
pub(crate) const SITE: &str = "retrieve-site";
/// Their names, in order; the fourth address is the plain peer's.
pub(super) const SITES: [&str; 3] = ["viewing", "broker", "disclosing"];
pub(super) const VIEWING: usize = 0;
pub(super) const BROKER: usize = 1;
pub(super) const DISCLOSING: usize = 2;
const PLAIN: usize = 3;

const PATIENCE: Duration = Duration::from_secs(60);
/// The person's local id at east.
const HERE: &str = "1";

/// East has a second machine, under the keys that are otherwise north's; north runs nothing.
fn federation(endpoints: &[String]) -> Result<Federation, BenchError> {
    let mut federation = Federation::at(endpoints)?;
    federation.genesis.replicas[BROKER].network = federation.east.id.clone();
    federation.ledger = ledger_id(&federation.genesis);
    Ok(federation)
}

/// The process: `site DIR NUMBER near|far OWN-ADDRESS…(4) KNOWN-ADDRESS…(4)`. Ends well when its standard input
/// does.
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

fn directory(dir: &Path, member: &Member) -> Result<Directory, BenchError> {
    let path = dir.join(format!("{}-people.redb", member.id));
    Directory::open(&path).map_err(|e| wrong("a directory of charts", e))
}

async fn viewing((dir, of, replica): At<'_>, by: &Arc<ByTurns>) -> Result<Node, BenchError> {
    let parts = Parts {
        ledger: Arc::new(replica.clone()),
        store: store(dir, &of.east, HERE)?,
        index: Arc::new(MemoryIndex::default()),
        directory: directory(dir, &of.east)?,
        key: of.east.node_key(),
        broker: by.broker.clone(),
        carrier: Arc::new(Shared(Arc::clone(by))),
        environment: Arc::new(SystemEnvironment),
    };
    node(&of.east, Vec::new(), parts).await
}

async fn disclosing((dir, of, replica): At<'_>, known: &str) -> Result<Node, BenchError> {
    let storage = SsMix2Storage::new(
        dir.join(SOURCE),
        of.west.hospital.clone(),
        SOURCE.parse().map_err(|e| wrong("a source's id", e))?,
    );
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
        directory: directory(dir, &of.west)?,
        key: of.west.node_key(),
        broker: nobody.clone(),
        carrier: Arc::new(nobody),
        environment: Arc::new(SystemEnvironment),
    };
    node(&of.west, vec![Arc::new(storage)], parts).await
}

async fn node(
    of: &Member,
    sources: Vec<Arc<dyn Source>>,
    parts: Parts,
) -> Result<Node, BenchError> {
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
