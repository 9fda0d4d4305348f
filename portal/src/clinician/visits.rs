//! A visit: one clinician, one patient, one question to all networks, and what has come of it so far.
//!
//! It lives in memory for as long as its owner is likely to look at it, and belongs to the account that began it: nobody
//! else's address leads to it. Documents that were opened are in it too, so that looking twice is one access.

use super::begin::patient_wire;
use super::evacuee::Declared;
use crate::sessions::Token;
use sekisho_documents::{FILE_BYTES_MAX, Patient};
use sekisho_domain::{
    Category, Decision, FacilityId, Footing, Grounds, NetworkId, NetworkOutcome, Purpose, Role,
    SubjectId, TimeMs,
};
use sekisho_identity::Demographics;
use sekisho_node::Card;
use sekisho_proto::v1;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Visits kept at once; beyond it the oldest goes.
pub const VISITS_MAX: usize = 2_000;
/// How long one is kept after it began: as long as a frozen result.
pub const VISIT_MS_MAX: u64 = 65 * 60_000;
/// Documents listed of one visit.
pub const DOCUMENTS_MAX: usize = 50_000;
/// Bytes of opened documents one visit holds.
pub const OPENED_BYTES_MAX: usize = 64 << 20;

/// By what the patient is looked for in other networks.
#[derive(Clone)]
pub enum Clue {
    /// What the charts here say.
    Charts,
    /// What was said of somebody who has no chart here.
    Person(Box<v1::Demographics>),
    /// Another network's card.
    Card(Card),
}

/// Whom a visit is about, who asks, and why.
#[derive(Clone)]
pub struct Asker {
    /// The account that asks.
    pub account: String,
    /// The network's local identifier of the practitioner.
    pub practitioner: String,
    /// In which profession.
    pub profession: Role,
    /// At which facility.
    pub facility: FacilityId,
    /// The patient's chart there.
    pub patient: Patient,
    /// Why.
    pub purpose: Purpose,
    /// What it rests on.
    pub grounds: Grounds,
    /// The declared disaster, where it rests on one.
    pub disaster: Option<Declared>,
    /// By what the patient is looked for elsewhere.
    pub clue: Clue,
}

impl Asker {
    /// The patient, as the node is told.
    pub fn patient_wire(&self) -> v1::Patient {
        patient_wire(&self.patient)
    }
}

/// One document in the list.
#[derive(Debug, Clone)]
pub struct Listed {
    /// Its unique id.
    pub unique_id: String,
    /// Every network whose last answer has it; none while they are asked again, and where it is denied now.
    pub networks: BTreeSet<NetworkId>,
    /// The facility whose document it is.
    pub facility: String,
    /// Its kind.
    pub category: Category,
    /// Its title.
    pub title: (String, String),
    /// When the service began; else when it was made.
    pub service: TimeMs,
    /// Its format code.
    pub format: String,
    /// Its MIME type.
    pub mime: String,
    /// Its size in bytes, as the list says.
    pub size_bytes: u64,
    /// Whether a later version has taken its place.
    pub superseded: bool,
    /// SHA-256 of its content.
    pub(super) hash: Vec<u8>,
}

impl Listed {
    /// For tests: a document of which only these are of interest.
    #[cfg(test)]
    pub fn invented(unique_id: &str, facility: &str, category: Category) -> Self {
        Self {
            unique_id: unique_id.to_owned(),
            networks: ["saga".parse().unwrap()].into(),
            facility: facility.to_owned(),
            category,
            title: (category.ja().to_owned(), category.en().to_owned()),
            service: TimeMs(0),
            format: String::new(),
            mime: String::new(),
            size_bytes: 0,
            superseded: false,
            hash: unique_id.as_bytes().to_vec(),
        }
    }

    /// Whether it is too large to be shown: it is saved as a file.
    pub fn is_large(&self) -> bool {
        self.size_bytes > FILE_BYTES_MAX
    }

    /// Whether it may be seen, as far as is known now.
    pub fn stands(&self) -> bool {
        !self.networks.is_empty()
    }

    fn of(network: NetworkId, wire: v1::DocumentEntry) -> Option<Self> {
        Some(Self {
            category: Category::from_number(wire.category.into()).ok()?,
            service: TimeMs(wire.service_start_ms.unwrap_or(wire.creation_time_ms)),
            unique_id: wire.unique_id,
            networks: [network].into(),
            facility: wire.facility,
            title: (wire.title_ja, wire.title_en),
            format: wire.format_code.map(|code| code.code).unwrap_or_default(),
            mime: wire.mime_type,
            size_bytes: wire.size_bytes,
            superseded: wire.deprecated,
            hash: wire.hash,
        })
    }
}

/// Where one asked network stands.
#[derive(Debug, Clone)]
pub enum Asked {
    /// It has not ended yet.
    Waiting,
    /// It ended.
    Ended {
        /// In what.
        outcome: NetworkOutcome,
        /// After how long.
        elapsed_ms: u64,
        /// What its permit stood on.
        footing: Option<Footing>,
    },
}

impl Asked {
    /// Whether asking again may help: nothing stands against it.
    pub fn may_be_asked_again(&self) -> bool {
        use NetworkOutcome as O;
        match self {
            Self::Waiting => false,
            Self::Ended { outcome, .. } => {
                matches!(
                    outcome,
                    O::TimedOut { .. } | O::Unreachable | O::Malformed | O::Suspended | O::Stale
                )
            }
        }
    }
}

/// How many networks have come how far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tally {
    /// Answered with documents.
    pub answered: usize,
    /// Have not ended yet: all others are not waited for, denied ones among them.
    pub waiting: usize,
}

/// What other networks answered to a search for the patient.
#[derive(Debug, Clone)]
pub struct Searched {
    /// The ledger index of the search.
    pub index: u64,
    /// Each network's answer.
    pub ends: Vec<v1::SearchEnd>,
}

/// Somebody of another network who a first person says is the patient, and a second has to.
#[derive(Debug, Clone)]
pub struct Proposed {
    /// How it is addressed: random.
    pub id: String,
    /// The other network.
    pub network: NetworkId,
    /// Its pseudonym.
    pub subject: SubjectId,
    /// How the items fit.
    pub agreed: Vec<v1::Agreed>,
}

/// A document that was opened.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The ledger index of the access.
    pub index: u64,
    /// Its content.
    pub content: Arc<Vec<u8>>,
}

/// What has come so far.
#[derive(Debug, Clone, Default)]
pub struct Come {
    /// The ledger index and time of the last question.
    pub decided: Option<(u64, TimeMs)>,
    /// Every asked network.
    pub networks: BTreeMap<NetworkId, Asked>,
    /// Every document, in the order they came; a document's number is its place here.
    pub documents: Vec<Listed>,
    /// Whether every network has ended.
    pub over: bool,
    /// Why there is no answer at all: a message's id.
    pub fault: Option<&'static str>,
    /// More documents came than are listed.
    pub cut: bool,
    /// The last search for the patient in other networks.
    pub searched: Option<Searched>,
    /// What waits for a second person.
    pub proposed: Option<Proposed>,
    /// A link was recorded in this visit.
    pub linked: bool,
    opened: BTreeMap<usize, Opened>,
    opened_bytes: usize,
    consents: Vec<u64>,
    known: HashMap<(String, Vec<u8>), usize>,
}

impl Come {
    /// How far it has come.
    pub fn tally(&self) -> Tally {
        let count = |is: fn(&Asked) -> bool| self.networks.values().filter(|a| is(a)).count();
        Tally {
            answered: count(|asked| {
                let Asked::Ended { outcome, .. } = asked else {
                    return false;
                };
                matches!(outcome, NetworkOutcome::Answered { .. })
            }),
            waiting: count(|asked| matches!(asked, Asked::Waiting)),
        }
    }

    fn add(&mut self, network: &NetworkId, wire: v1::DocumentEntry) {
        let Some(listed) = Listed::of(network.clone(), wire) else {
            return;
        };
        let key = (listed.unique_id.clone(), listed.hash.clone());
        if let Some(at) = self.known.get(&key) {
            // The same document by another route.
            if let Some(known) = self.documents.get_mut(*at) {
                known.networks.insert(network.clone());
            }
            return;
        }
        if self.documents.len() >= DOCUMENTS_MAX {
            self.cut = true;
            return;
        }
        self.known.insert(key, self.documents.len());
        self.documents.push(listed);
    }
}

/// One visit.
pub struct Visit {
    /// How it is addressed: random.
    pub id: String,
    /// Who asks about whom, and why.
    pub asker: Asker,
    /// Who the patient is, by this network's own charts.
    pub who: Option<Demographics>,
    /// When it began.
    pub began: TimeMs,
    come: Mutex<Come>,
}

impl Visit {
    fn lives(&self, now: TimeMs) -> bool {
        now.0.saturating_sub(self.began.0) < VISIT_MS_MAX
    }

    /// What has come so far.
    pub fn come(&self) -> MutexGuard<'_, Come> {
        self.come.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A document that was opened before.
    pub fn opened(&self, number: usize) -> Option<Opened> {
        self.come().opened.get(&number).cloned()
    }

    /// Keeps an opened document, unless there are too many bytes of them already; it is then opened anew each time.
    pub fn keep(&self, number: usize, opened: Opened) {
        let mut come = self.come();
        let more = opened.content.len();
        if come.opened_bytes.saturating_add(more) <= OPENED_BYTES_MAX {
            come.opened_bytes += more;
            come.opened.insert(number, opened);
        }
    }

    /// Whether the patient, who has no chart here or came with another network's card, is not found elsewhere yet.
    pub fn is_to_be_found(&self) -> bool {
        !matches!(self.asker.clue, Clue::Charts) && !self.come().linked
    }

    /// Consents recorded in this visit that stand, by ledger index.
    pub fn consents(&self) -> Vec<u64> {
        self.come().consents.clone()
    }

    /// A consent was recorded.
    pub fn consented(&self, index: u64) {
        self.come().consents.push(index);
    }

    /// A consent of this visit was taken back.
    pub fn withdrawn(&self, index: u64) {
        self.come().consents.retain(|given| *given != index);
    }

    /// Begins a question: those asked wait, the others stay as they are. What those asked answered before is no longer
    /// shown: a consent may have ended since. It keeps its number, and comes back with their answer.
    pub fn ask(&self, only: Option<&BTreeSet<NetworkId>>) {
        let mut come = self.come();
        (come.over, come.fault) = (false, None);
        for (network, asked) in &mut come.networks {
            if only.is_none_or(|only| only.contains(network)) {
                *asked = Asked::Waiting;
            }
        }
        for document in &mut come.documents {
            match only {
                Some(only) => document.networks.retain(|network| !only.contains(network)),
                None => document.networks.clear(),
            }
        }
    }

    /// Takes one event of the node's answer.
    pub fn take(&self, event: v1::find_event::Event) {
        use v1::find_event::Event;
        let mut come = self.come();
        match event {
            Event::Decided(decided) => {
                come.decided = Some((decided.index, TimeMs(decided.time_ms)));
                for decision in decided.decisions {
                    let decision: Result<(NetworkId, Decision), _> = decision.try_into();
                    if let Ok((network, decision)) = decision {
                        // The ledger's denial is an end: that network is not asked.
                        let asked = match decision {
                            Decision::Permit(_) => Asked::Waiting,
                            Decision::Deny(denial) => Asked::Ended {
                                outcome: NetworkOutcome::Denied {
                                    reason: denial.reason,
                                },
                                elapsed_ms: 0,
                                footing: None,
                            },
                        };
                        come.networks.insert(network, asked);
                    }
                }
            }
            Event::Documents(page) => {
                if let Ok(network) = page.network.parse() {
                    for document in page.documents {
                        come.add(&network, document);
                    }
                }
            }
            Event::End(end) => {
                let outcome: Option<NetworkOutcome> =
                    end.outcome.and_then(|outcome| outcome.try_into().ok());
                if let (Ok(network), Some(outcome)) = (end.network.parse(), outcome) {
                    let footing = Footing::from_number(end.footing.into()).ok();
                    let ended = Asked::Ended {
                        outcome,
                        elapsed_ms: end.elapsed_ms,
                        footing,
                    };
                    come.networks.insert(network, ended);
                }
            }
            Event::Summary(_) => {}
        }
    }

    /// The answer is over; what has not ended by now did not answer in time.
    pub fn end(&self, fault: Option<&'static str>, waited_ms: u64) {
        let mut come = self.come();
        for asked in come.networks.values_mut() {
            if matches!(asked, Asked::Waiting) {
                let outcome = NetworkOutcome::TimedOut { waited_ms };
                *asked = Asked::Ended {
                    outcome,
                    elapsed_ms: waited_ms,
                    footing: None,
                };
            }
        }
        (come.over, come.fault) = (true, fault);
    }
}

impl std::fmt::Debug for Visit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Visit(withheld)")
    }
}

/// All visits.
#[derive(Debug, Default)]
pub struct Visits(Mutex<HashMap<String, Arc<Visit>>>);

impl Visits {
    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Visit>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins one. None if the machine gives no random bytes.
    pub fn begin(
        &self,
        asker: Asker,
        who: Option<Demographics>,
        now: TimeMs,
    ) -> Option<Arc<Visit>> {
        let id = Token::fresh()?.0;
        let visit = Arc::new(Visit {
            id: id.clone(),
            asker,
            who,
            began: now,
            come: Mutex::default(),
        });
        let mut all = self.lock();
        all.retain(|_, visit| visit.lives(now));
        if all.len() >= VISITS_MAX {
            let oldest = all
                .values()
                .min_by_key(|visit| visit.began)
                .map(|visit| visit.id.clone());
            all.remove(&oldest.unwrap_or_default());
        }
        all.insert(id, Arc::clone(&visit));
        Some(visit)
    }

    /// The visit of an address, if it is this account's.
    pub fn of(&self, id: &str, account: &str, now: TimeMs) -> Option<Arc<Visit>> {
        let visit = self.lock().get(id).cloned()?;
        (visit.asker.account == account && visit.lives(now)).then_some(visit)
    }

    /// What waits for somebody else than who proposed it, latest first.
    pub fn proposed_to(
        &self,
        account: &str,
        practitioner: &str,
        now: TimeMs,
    ) -> Vec<(Arc<Visit>, Proposed)> {
        let all = self.lock();
        let others = all.values().filter(|visit| {
            let by = &visit.asker;
            by.account != account && by.practitioner != practitioner && visit.lives(now)
        });
        let mut waiting: Vec<_> = others
            .filter_map(|visit| Some((Arc::clone(visit), visit.come().proposed.clone()?)))
            .collect();
        waiting.sort_by_key(|(visit, _)| std::cmp::Reverse(visit.began));
        waiting
    }

    /// An account's visits, latest first.
    pub fn all_of(&self, account: &str, now: TimeMs) -> Vec<Arc<Visit>> {
        let all = self.lock();
        let ours = |visit: &&Arc<Visit>| visit.asker.account == account && visit.lives(now);
        let mut visits: Vec<_> = all.values().filter(ours).cloned().collect();
        visits.sort_by_key(|visit| std::cmp::Reverse(visit.began));
        visits
    }
}

#[cfg(test)]
#[path = "visits_test.rs"]
mod tests;
