//! Many ask at once while processes are killed or frozen, up to all three at a time. Each question ends in
//! time, and truthfully: a network's answer is all of it or none, and what is not known is called what it is. Once all is
//! well again, everything is answered, and recorded once.

use crate::asking::{connection, find, find_request, operator, retrieve_request};
use crate::place::{
    ALL, DISCLOSING, Disks, Federation, PATIENCE, PATIENT, STAYS, VIEWING, fresh_id,
};
use sekisho_domain::{EntryIndex, RequestId};
use sekisho_fire::{Dice, Town, alone, count, until};
use sekisho_proto::v1;
use sekisho_transport::{Deadline, outgoing};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tonic::{Code, Status};
use v1::network_outcome::Outcome;

const CLIENTS: usize = 6;
/// How long a question may take, an election included.
const ASK: Duration = Duration::from_secs(4);
/// How much later than its deadline a question may end on a busy machine.
const LATE: Duration = Duration::from_secs(3);
/// Between two questions of one client, in milliseconds.
const PAUSE_MS: u64 = 40;
/// How long a trouble lasts at most, in milliseconds; and until the next.
const TROUBLE_MS: u64 = 5_000;
const CALM_MS: u64 = 1_500;

/// What all clients know and note.
struct Shared {
    town: Arc<Town>,
    patient: v1::Patient,
    documents: Vec<v1::DocumentEntry>,
    /// Raised when trouble at the viewing side begins and when it is over: odd while it lasts.
    viewing: AtomicU64,
    stop: AtomicBool,
    /// Retrievals that were asked for, whatever came of them.
    asked: Mutex<Vec<Retrieval>>,
    met: Mutex<BTreeMap<String, u64>>,
}

/// Who asks for which document, under which request id.
#[derive(Clone)]
struct Retrieval {
    id: RequestId,
    practitioner: String,
    document: v1::DocumentEntry,
}

impl Shared {
    fn meet(&self, what: String) {
        *self.met.lock().unwrap().entry(what).or_default() += 1;
    }

    /// A question's end. Without trouble at the viewing side it comes in time, with a word for whatever went wrong.
    async fn ends<T>(
        &self,
        what: &str,
        question: impl Future<Output = Result<T, Status>>,
    ) -> Option<T> {
        let before = self.viewing.load(Ordering::SeqCst);
        let ended = timeout(ASK + LATE, question).await;
        let calm = before.is_multiple_of(2) && self.viewing.load(Ordering::SeqCst) == before;
        match ended {
            Ok(Ok(done)) => return Some(done),
            Ok(Err(status)) => {
                let code = status.code();
                let fine = matches!(
                    code,
                    Code::Unavailable | Code::DeadlineExceeded | Code::Aborted
                );
                assert!(fine || !calm, "{what}: {status:?}");
                self.meet(format!("{what} {code:?}"));
            }
            Err(_) => {
                assert!(!calm, "{what}: no end {LATE:?} after its deadline");
                self.meet(format!("{what} not ended"));
            }
        }
        None
    }
}

async fn client(shared: Arc<Shared>, n: usize, mut dice: Dice) {
    let node = connection(&shared.town, VIEWING, VIEWING);
    let practitioner = format!("dr-{n}");
    while !shared.stop.load(Ordering::Relaxed) {
        if dice.below(3) == 0 {
            let document = dice.below(shared.documents.len() as u64) as usize;
            let retrieval = Retrieval {
                id: fresh_id(&mut dice),
                practitioner: practitioner.clone(),
                document: shared.documents[document].clone(),
            };
            shared.asked.lock().unwrap().push(retrieval.clone());
            let asked = retrieved(&shared, &node, &retrieval);
            if let Some((outcome, _)) = shared.ends("retrieve", asked).await {
                shared.meet(format!("retrieve {outcome}"));
            }
        } else {
            let asked = found(&shared, &node, &practitioner);
            if let Some(outcome) = shared.ends("find", asked).await {
                shared.meet(format!("find {outcome}"));
            }
        }
        sleep(Duration::from_millis(dice.below(PAUSE_MS))).await;
    }
}

/// What became of a network that was asked, where nothing but trouble can have come between.
fn bearable(outcome: Option<v1::NetworkOutcome>) -> Outcome {
    let outcome = outcome.and_then(|it| it.outcome).expect("an outcome");
    assert!(
        matches!(
            outcome,
            Outcome::Answered(_)
                | Outcome::TimedOutMs(_)
                | Outcome::Unreachable(_)
                | Outcome::Stale(_)
        ),
        "{outcome:?}"
    );
    outcome
}

fn named(outcome: &Outcome) -> String {
    let said = format!("{outcome:?}");
    let name = said.split('(').next().unwrap_or_default();
    name.to_owned()
}

/// Asks two networks for the patient's documents: one that has some, and one with which there is no agreement.
async fn found(
    shared: &Shared,
    node: &tonic::transport::Channel,
    practitioner: &str,
) -> Result<String, Status> {
    let [has, has_not] = [DISCLOSING, STAYS].map(|n| shared.town.members[n].id.to_string());
    let (patient, targets) = (shared.patient.clone(), [DISCLOSING, STAYS]);
    let request = find_request(&shared.town, patient, practitioner, &targets);
    let mut stream = operator(node)
        .find(outgoing(request, Deadline::after(ASK)))
        .await?
        .into_inner();
    let (mut documents, mut ends, mut summary) = (Vec::new(), BTreeMap::new(), None);
    while let Some(event) = stream.message().await? {
        use v1::find_event::Event;
        assert!(summary.is_none(), "something after the summary");
        match event.event.expect("an event") {
            Event::Decided(decided) => assert_eq!(decided.decisions.len(), 2),
            Event::Documents(page) => {
                assert_eq!(page.network, has);
                documents.extend(page.documents);
            }
            Event::End(end) => {
                let before = ends.insert(end.network, end.outcome);
                assert!(before.is_none(), "a network ends twice");
            }
            Event::Summary(last) => summary = Some(last),
        }
    }
    let summary = summary.expect("a stream that ends well ends with the summary");
    let counted: u32 = summary.outcomes.iter().map(|of| of.networks).sum();
    assert_eq!(
        (summary.asked, counted, ends.len()),
        (2, 2, 2),
        "{summary:?}"
    );
    let denied = ends.remove(&has_not).flatten().and_then(|it| it.outcome);
    assert!(matches!(denied, Some(Outcome::Denied(_))), "{denied:?}");
    let outcome = bearable(ends.remove(&has).flatten());
    if let Outcome::Answered(count) = outcome {
        assert_eq!(count as usize, shared.documents.len());
        assert_eq!(documents, shared.documents, "all of them, as they are");
    }
    Ok(named(&outcome))
}

/// Asks for one document: what is said to be whole is.
async fn retrieved(
    shared: &Shared,
    node: &tonic::transport::Channel,
    of: &Retrieval,
) -> Result<(String, Option<EntryIndex>), Status> {
    let document = &of.document;
    let (town, patient) = (&shared.town, shared.patient.clone());
    let request = retrieve_request(town, patient, &of.practitioner, &document.unique_id, of.id);
    let mut stream = operator(node)
        .retrieve(outgoing(request, Deadline::after(ASK)))
        .await?
        .into_inner();
    let (mut hash, mut bytes, mut end) = (Sha256::new(), 0, None);
    let mut access = None;
    while let Some(event) = stream.message().await? {
        use v1::retrieve_event::Event;
        assert!(end.is_none(), "something after the end");
        match event.event.expect("an event") {
            Event::Decided(decided) => access = Some(EntryIndex(decided.index)),
            Event::Header(header) => assert_eq!(&header, document),
            Event::Chunk(chunk) => {
                bytes += chunk.len() as u64;
                hash.update(chunk);
            }
            Event::End(last) => end = Some(last),
        }
    }
    let outcome = bearable(end.expect("a stream that ends well has an end").outcome);
    if let Outcome::Answered(count) = outcome {
        let whole = (1, document.size_bytes, document.hash.as_slice());
        assert_eq!((count, bytes, hash.finalize().as_slice()), whole);
    }
    Ok((named(&outcome), access))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_asks_hears_the_truth_in_time_whatever_is_killed_or_frozen() {
    let _alone = alone().await;
    let mut dice = Dice::of_environment("trouble");
    let mut federation = Federation::start(&mut dice, Disks::Machine).await;
    let shared = Arc::new(Shared {
        town: Arc::clone(&federation.group.town),
        patient: federation.patient(VIEWING, PATIENT),
        documents: federation.documents.clone(),
        viewing: AtomicU64::new(0),
        stop: AtomicBool::new(false),
        asked: Mutex::default(),
        met: Mutex::default(),
    });
    let mut clients = JoinSet::new();
    for n in 0..CLIENTS {
        clients.spawn(client(Arc::clone(&shared), n, dice.split()));
    }
    let mut troubles = BTreeMap::<String, u64>::new();
    for _ in 0..count("SEKISHO_TROUBLES", 8) {
        sleep(Duration::from_millis(dice.below(CALM_MS))).await;
        let mut hurt: Vec<usize> = ALL.into_iter().filter(|_| dice.below(3) == 0).collect();
        if hurt.is_empty() {
            hurt.push(dice.below(ALL.len() as u64) as usize);
        }
        let frozen = dice.below(2) == 0;
        if hurt.contains(&VIEWING) {
            shared.viewing.fetch_add(1, Ordering::SeqCst);
        }
        for &machine in &hurt {
            match frozen {
                true => federation.group.process(machine).freeze(),
                false => federation.group.kill(machine),
            }
        }
        let how = if frozen { "frozen" } else { "killed" };
        *troubles.entry(format!("{hurt:?} {how}")).or_default() += 1;
        sleep(Duration::from_millis(dice.below(TROUBLE_MS))).await;
        for &machine in &hurt {
            match frozen {
                true => federation.group.process(machine).thaw(),
                false => federation.group.start(machine),
            }
        }
        federation.ready(&hurt).await;
        if hurt.contains(&VIEWING) {
            shared.viewing.fetch_add(1, Ordering::SeqCst);
        }
        if let Some(ended) = clients.try_join_next() {
            ended.expect("a client goes on");
        }
    }
    shared.stop.store(true, Ordering::Relaxed);
    while let Some(ended) = clients.join_next().await {
        ended.expect("each question ended as it may");
    }
    let met = std::mem::take(&mut *shared.met.lock().unwrap());
    println!("{troubles:?}\n{met:?}");
    for answered in ["find Answered", "retrieve Answered"] {
        assert!(met.contains_key(answered), "nothing was answered between");
    }

    // All is well again.
    let all = until("all documents are found", PATIENCE, || find(&federation)).await;
    assert_eq!(all, shared.documents);
    let asked = std::mem::take(&mut *shared.asked.lock().unwrap());
    assert!(asked.len() > CLIENTS, "{} retrievals", asked.len());
    let node = connection(&shared.town, VIEWING, VIEWING);
    let mut accesses = Vec::new();
    for of in asked {
        let access = until("the same question is answered", PATIENCE, || async {
            match retrieved(&shared, &node, &of).await {
                Ok((outcome, access)) if outcome == "Answered" => access,
                _ => None,
            }
        })
        .await;
        accesses.push(access);
    }
    federation.all_recorded(&accesses, 1, 1).await;
    federation.each_once().await;
}
