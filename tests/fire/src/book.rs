//! What clients were told, and whether it is so on every replica in the end.

use crate::{Acknowledged, Caller, until};
use sekisho_domain::{Hash, KeyId, RequestId};
use sekisho_ledger::merkle::RightEdge;
use sekisho_ledger::{Leaf, merkle};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long the replicas may take to be equal once nothing breaks them any more.
const SETTLE: Duration = Duration::from_secs(60);

/// Everything clients were told.
#[derive(Debug, Default)]
pub struct Book(Mutex<Pages>);

#[derive(Debug, Default)]
struct Pages {
    /// By place.
    acknowledged: BTreeMap<u64, (Hash, RequestId)>,
    places: BTreeMap<RequestId, u64>,
    unknown: BTreeSet<RequestId>,
    not_sent: BTreeSet<RequestId>,
    /// Each acknowledgement's arrival, oldest first.
    arrivals: Vec<(Instant, KeyId)>,
    client_failed: bool,
}

/// Tells the book when the client that holds it fails.
pub(crate) struct Watch(Arc<Book>);

impl Drop for Watch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.pages().client_failed = true;
        }
    }
}

/// What [`Book::check`] went through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checked {
    /// Leaves of the tree, on each replica.
    pub leaves: usize,
    /// Acknowledged entries found at their place on each replica.
    pub acknowledged: usize,
    /// Submissions without an answer that are on the ledger, once.
    pub unknown_taken: usize,
    /// Submissions without an answer that are on no replica.
    pub unknown_not_taken: usize,
}

/// What was acknowledged and is not there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lost {
    /// Places whose entry is another one, or none.
    pub entries: Vec<u64>,
}

impl Book {
    fn pages(&self) -> MutexGuard<'_, Pages> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an acknowledgement; panics if it contradicts an earlier one.
    pub fn acknowledged(&self, request: RequestId, told: &Acknowledged) {
        let mut pages = self.pages();
        let (place, noted) = (told.index.0, (told.leaf_hash, request));
        let before = pages.acknowledged.insert(place, noted);
        assert!(
            before.is_none_or(|before| before == noted),
            "two entries at place {place}: {before:?} and {noted:?}"
        );
        let before = pages.places.insert(request, place);
        assert!(
            before.is_none_or(|before| before == place),
            "request {request} at two places: {before:?} and {place}"
        );
        assert!(
            !pages.not_sent.contains(&request),
            "request {request} was said not to be sent, and is at {place}"
        );
        pages.unknown.remove(&request);
        pages.arrivals.push((Instant::now(), told.by));
    }

    /// Notes a submission nobody answered.
    pub fn unknown(&self, request: RequestId) {
        let mut pages = self.pages();
        if !pages.places.contains_key(&request) {
            pages.unknown.insert(request);
        }
    }

    /// Notes a submission that was said not to be sent, whenever it was tried.
    pub fn not_sent(&self, request: RequestId) {
        let mut pages = self.pages();
        if !pages.unknown.contains(&request) && !pages.places.contains_key(&request) {
            pages.not_sent.insert(request);
        }
    }

    /// Notes that a submission nobody answered was looked for everywhere and is nowhere: it must stay so.
    pub fn never(&self, request: RequestId) {
        let mut pages = self.pages();
        pages.unknown.remove(&request);
        pages.not_sent.insert(request);
    }

    /// How many entries are acknowledged. Panics once a client that notes here has: nobody waits for it in vain.
    pub fn count(&self) -> usize {
        let pages = self.pages();
        assert!(
            !pages.client_failed,
            "a client failed; what it saw stands above"
        );
        pages.acknowledged.len()
    }

    /// What a client holds while it runs.
    pub(crate) fn watch(self: &Arc<Self>) -> Watch {
        Watch(Arc::clone(self))
    }

    /// Leaves the tree must have at least.
    pub fn size(&self) -> u64 {
        let last = self.pages().acknowledged.last_key_value().map(|(n, _)| *n);
        last.map_or(0, |last| last + 1)
    }

    /// The first acknowledgement after an instant that another key than this one signed.
    pub fn first_by_another(&self, since: Instant, than: &KeyId) -> Option<Instant> {
        let pages = self.pages();
        let later = pages
            .arrivals
            .iter()
            .rev()
            .take_while(|(at, _)| *at > since);
        let others = later.filter(|(_, by)| by != than);
        others.map(|(at, _)| *at).min()
    }

    /// Waits until all replicas are equal and checks everything on each of them; panics at what does not hold.
    pub async fn check(&self, caller: &Caller) -> Checked {
        let everyone: Vec<usize> = (0..caller.replicas()).collect();
        self.check_on(caller, &everyone).await
    }

    /// The same on some replicas.
    pub async fn check_on(&self, caller: &Caller, replicas: &[usize]) -> Checked {
        let needed = self.size();
        let (size, root) = until("all replicas stand at the same leaf", SETTLE, || async {
            let mut standings = Vec::new();
            for replica in replicas {
                standings.push(caller.standing(*replica).await?);
            }
            let first = standings.first()?.clone();
            let equal = standings
                .iter()
                .all(|s| s.ready && (s.size, &s.root) == (first.size, &first.root));
            (equal && first.size >= needed).then_some((first.size, first.root))
        })
        .await;
        let mut checked = None;
        for replica in replicas {
            let leaves = caller.leaves(*replica).await;
            assert_eq!(leaves.len() as u64, size, "replica {replica} shows all");
            let now = self.check_leaves(*replica, &leaves, &root);
            assert!(
                checked.is_none_or(|before| before == now),
                "replica {replica} differs: {checked:?} and {now:?}"
            );
            checked = Some(now);
        }
        checked.unwrap_or_else(|| panic!("there are no replicas"))
    }

    /// What is acknowledged and not among these leaves at its place.
    pub fn lost(&self, leaves: &[Vec<u8>]) -> Lost {
        let pages = self.pages();
        let there = |place: u64, hash: &Hash| {
            let leaf = usize::try_from(place).ok().and_then(|at| leaves.get(at));
            leaf.is_some_and(|leaf| merkle::leaf_hash(leaf) == *hash)
        };
        let lost = pages
            .acknowledged
            .iter()
            .filter(|(place, (hash, _))| !there(**place, hash));
        Lost {
            entries: lost.map(|(place, _)| *place).collect(),
        }
    }

    fn check_leaves(&self, replica: usize, leaves: &[Vec<u8>], root: &[u8]) -> Checked {
        let lost = self.lost(leaves);
        assert!(
            lost.entries.is_empty(),
            "replica {replica} lost acknowledged entries: {:?}",
            lost.entries
        );
        let (mut edge, mut seen) = (RightEdge::empty(), BTreeMap::new());
        for (place, leaf) in (0u64..).zip(leaves) {
            edge.append(merkle::leaf_hash(leaf))
                .expect("the tree grows");
            let leaf = Leaf::decode(leaf)
                .unwrap_or_else(|e| panic!("replica {replica}, leaf {place}: {e}"));
            assert_eq!(leaf.index.0, place, "a leaf of another place");
            let before = seen.insert(leaf.entry.request_id, place);
            assert!(before.is_none(), "one request at {before:?} and {place}");
        }
        assert_eq!(
            edge.root().0.as_slice(),
            root,
            "the root of replica {replica}"
        );
        let pages = self.pages();
        for (request, place) in &pages.places {
            assert_eq!(seen.get(request), Some(place), "request {request}");
        }
        for request in &pages.not_sent {
            let place = seen.get(request);
            assert!(
                place.is_none(),
                "{request} was not sent, and is at {place:?}"
            );
        }
        let taken = pages.unknown.iter().filter(|id| seen.contains_key(id));
        let unknown_taken = taken.count();
        Checked {
            leaves: leaves.len(),
            acknowledged: pages.acknowledged.len(),
            unknown_taken,
            unknown_not_taken: pages.unknown.len() - unknown_taken,
        }
    }

    /// Asks every replica for each submission nobody answered: one and the same answer from all.
    pub async fn ask_unknown(&self, caller: &Caller) -> usize {
        let unknown: Vec<_> = self.pages().unknown.iter().copied().collect();
        for request in &unknown {
            let mut answers = Vec::new();
            for replica in 0..caller.replicas() {
                let answer = caller.outcome_of(replica, *request).await;
                answers.push(answer.unwrap_or_else(|code| {
                    panic!("replica {replica} does not say what became of {request}: {code:?}")
                }));
            }
            assert!(
                answers.windows(2).all(|pair| pair[0] == pair[1]),
                "{request} came out in several ways: {answers:?}"
            );
        }
        unknown.len()
    }
}
