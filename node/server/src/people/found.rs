//! What another network's search is told: one, several, nobody; in a disaster, who it may be.
//!
//! Only patients count whom this very request could see if they were linked ([`sekisho_ledger::if_linked`]): consent,
//! reservations and sealed reservations, of that patient and at that facility. All others are not looked at, so a hidden
//! patient and one who does not exist are told of alike (P9), and a hidden namesake makes nobody one of several.

use super::persons::{Known, settle};
use super::wire::{code, demographics};
use crate::NodeError;
use crate::bounds::{CANDIDATES_MAX, POSSIBLE_MAX};
use crate::enforce::sealed_from;
use crate::environment::random;
use crate::ledger::Snapshot;
use crate::node::Inner;
use crate::seals;
use crate::store::StoredProposal;
use sekisho_documents::Patient;
use sekisho_domain::{
    AccessRecord, Category, Decision, Footing, PermitTerms, SubjectId, SubjectRef, TimeMs,
};
use sekisho_identity::{
    Band, Candidate, Demographics, Folded, Found, Judgement, Model, Why, evacuee, judge_folded,
    search,
};
use sekisho_proto::v1;
use std::collections::{BTreeMap, BTreeSet};
use v1::patient_finding::Finding;
use v1::patient_search::By;

/// What is answered, and whom the other network will want to link.
pub(crate) struct Looked {
    pub finding: v1::PatientFinding,
    pub proposals: Vec<(SubjectId, SubjectRef, StoredProposal)>,
}

/// Looks for whom a decided search is about. Blocks.
pub(crate) fn look(
    inner: &Inner,
    snapshot: &Snapshot<'_>,
    record: &AccessRecord,
    footing: Footing,
    sought: v1::PatientSearch,
) -> Result<Looked, NodeError> {
    let mut seen = Seen::new(inner, snapshot, record);
    let by = sought
        .by
        .ok_or(NodeError::Invalid("a search says nobody"))?;
    let (found, list) = match by {
        By::Card(secret) => (seen.by_card(&secret)?.into_iter().collect(), false),
        By::Person(person) => {
            let person = demographics(person)?;
            match footing {
                Footing::Disaster | Footing::DisasterDrill => (seen.possible(&person)?, true),
                _ => {
                    let several = seen.by_person(&person)?;
                    match several {
                        Ok(found) => (found.into_iter().collect(), false),
                        Err(deciding) => return Ok(several_of(deciding)),
                    }
                }
            }
        }
    };
    seen.tell(found, list, footing)
}

fn several_of(deciding: Vec<String>) -> Looked {
    Looked {
        finding: v1::PatientFinding {
            finding: Some(Finding::Several(v1::SeveralPatients { deciding })),
        },
        proposals: Vec::new(),
    }
}

/// Somebody who may be told of.
struct Told {
    subject: SubjectId,
    /// A chart of theirs that may be told of.
    chart: Patient,
    certain: bool,
    agreed: Vec<(String, String)>,
}

/// Who may be seen by one request, found out once for each patient.
struct Seen<'a> {
    inner: &'a Inner,
    snapshot: &'a Snapshot<'a>,
    record: &'a AccessRecord,
    now: TimeMs,
    known: BTreeMap<SubjectId, Option<PermitTerms>>,
}

impl<'a> Seen<'a> {
    fn new(inner: &'a Inner, snapshot: &'a Snapshot<'a>, record: &'a AccessRecord) -> Self {
        Self {
            inner,
            snapshot,
            record,
            now: record.time.max(inner.environment.now()),
            known: BTreeMap::new(),
        }
    }

    /// The pseudonym of a chart, one that nobody knows yet where it has none, if the request may be told of it.
    fn visible(&mut self, chart: &Patient) -> Result<Option<SubjectId>, NodeError> {
        let own = &self.inner.network;
        let view = self.snapshot.view();
        let Some(facility) = view.facility_of(&chart.facility, own)? else {
            return Ok(None);
        };
        let subject = match self.inner.store.subject_of(chart)? {
            Some(subject) => subject,
            None => SubjectId(random(self.inner.environment.as_ref())?),
        };
        if !self.known.contains_key(&subject) {
            let request = &self.record.request;
            let decided = sekisho_ledger::if_linked(view, request, own, subject, self.now)?;
            let mut terms = match decided {
                Decision::Permit(terms) => Some(terms),
                Decision::Deny(_) => None,
            };
            if let Some(terms) = &mut terms {
                let seals = seals::of(&self.inner.store, self.snapshot, own, &subject)?;
                let holding = seals.iter().filter(|seal| seal.holds());
                terms.withheld.extend(
                    holding.filter_map(|seal| sealed_from(&seal.reservation, request, self.now)),
                );
            }
            self.known.insert(subject, terms);
        }
        let terms = self.known.get(&subject).and_then(Option::as_ref);
        let told = terms.is_some_and(|terms| {
            let category = Category::Demographics;
            sekisho_ledger::covers(terms, category, &chart.facility, facility.registered)
        });
        Ok(told.then_some(subject))
    }

    fn by_card(&mut self, secret: &[u8]) -> Result<Option<Told>, NodeError> {
        let Some(subject) = self.inner.store.card(secret)? else {
            return Ok(None);
        };
        for chart in self.inner.store.charts_of(&subject)? {
            if self.visible(&chart)?.is_some() {
                let agreed = vec![("card".to_owned(), "exact".to_owned())];
                return Ok(Some(Told {
                    subject,
                    chart,
                    certain: true,
                    agreed,
                }));
            }
        }
        Ok(None)
    }

    /// The charts of those who may be seen and may be whom is sought.
    fn candidates(
        &mut self,
        person: &Demographics,
    ) -> Result<Vec<(SubjectId, Patient, Folded)>, NodeError> {
        let mut candidates = Vec::new();
        // A chart without a pseudonym stands for its person all the same: charts of one person count once.
        let mut fresh: BTreeMap<Patient, SubjectId> = BTreeMap::new();
        let decisions = Known::read(&self.inner.store)?;
        let charts = self.inner.directory.candidates(person)?;
        for (chart, demographics) in charts.into_iter().take(CANDIDATES_MAX) {
            let Some(mut subject) = self.visible(&chart)? else {
                continue;
            };
            if self.inner.store.subject_of(&chart)?.is_none() {
                let charts = super::person(&self.inner.directory, &decisions, &chart)?.charts;
                let first = charts.into_iter().next().unwrap_or_else(|| chart.clone());
                subject = *fresh.entry(first).or_insert(subject);
            }
            candidates.push((subject, chart, Folded::of(&demographics)));
        }
        Ok(candidates)
    }

    /// One or nobody; or, where there are several, the items that would decide.
    fn by_person(
        &mut self,
        person: &Demographics,
    ) -> Result<Result<Option<Told>, Vec<String>>, NodeError> {
        let (sought, candidates) = (Folded::of(person), self.candidates(person)?);
        let found = one_of(&sought, &candidates, &self.inner.directory.model());
        Ok(found.map(|one| one.map(|(subject, chart, judged)| told(subject, chart, &judged))))
    }

    /// Who it may be, the likeliest first.
    fn possible(&mut self, person: &Demographics) -> Result<Vec<Told>, NodeError> {
        let (sought, candidates) = (Folded::of(person), self.candidates(person)?);
        let offered: Vec<Candidate<'_, SubjectId>> = candidates
            .iter()
            .map(|(subject, _, folded)| (*subject, folded))
            .collect();
        let list = evacuee(&sought, &offered, &self.inner.directory.model());
        let mut possible = Vec::new();
        for one in list.into_iter().take(POSSIBLE_MAX) {
            let chart = candidates.iter().find(|(subject, ..)| *subject == one.id);
            if let Some((_, chart, _)) = chart {
                possible.push(told(one.id, chart, &one.judgement));
            }
        }
        Ok(possible)
    }

    /// Makes pseudonyms for those who have none, and says what was found.
    fn tell(&self, found: Vec<Told>, list: bool, footing: Footing) -> Result<Looked, NodeError> {
        let other = SubjectRef {
            network: self.record.request.viewing.clone(),
            subject: self.record.request.subject,
        };
        let disaster = matches!(footing, Footing::Disaster | Footing::DisasterDrill);
        let (mut patients, mut proposals) = (Vec::new(), Vec::new());
        let mut said = BTreeSet::new();
        for one in found {
            let store = &self.inner.store;
            let (subject, created) = store.subject_or(&one.chart, one.subject)?;
            if created {
                let known = Known::read(store)?;
                settle(store, &self.inner.directory, &known, &one.chart)?;
            }
            if !said.insert(subject) {
                continue;
            }
            let agreed = one.agreed.iter().map(|(item, level)| v1::Agreed {
                item: item.clone(),
                level: level.clone(),
            });
            patients.push(v1::FoundPatient {
                subject: subject.0.to_vec(),
                certain: one.certain,
                agreed: agreed.collect(),
            });
            let proposal = StoredProposal {
                access: self.record.index,
                certain: one.certain,
                disaster,
                agreed: one.agreed,
                at: self.now,
                here: false,
                confirmed_by: Vec::new(),
            };
            proposals.push((subject, other.clone(), proposal));
        }
        let finding = match (list, patients.len()) {
            (_, 0) => Finding::Nobody(v1::Everything {}),
            (true, _) => Finding::Possible(v1::PossiblePatients { patients }),
            (false, _) => match patients.into_iter().next() {
                Some(one) => Finding::One(one),
                None => Finding::Nobody(v1::Everything {}),
            },
        };
        Ok(Looked {
            finding: v1::PatientFinding {
                finding: Some(finding),
            },
            proposals,
        })
    }
}

/// The one who is sought, and the chart that says so best; or the items that would decide.
fn one_of<'c, I: Ord + Clone>(
    sought: &Folded,
    candidates: &'c [(I, Patient, Folded)],
    model: &Model,
) -> Result<Option<(I, &'c Patient, Judgement)>, Vec<String>> {
    let offered: Vec<Candidate<'_, I>> = candidates
        .iter()
        .map(|(who, _, folded)| (who.clone(), folded))
        .collect();
    match search(sought, &offered, model) {
        Found::None => Ok(None),
        Found::Several { deciding } => Err(deciding.iter().map(code).collect()),
        Found::One(who) => {
            let of = candidates.iter().filter(|(one, ..)| *one == who);
            let judged = of.map(|(_, chart, folded)| (chart, judge_folded(sought, folded, model)));
            let best = judged.min_by(|(_, x), (_, y)| {
                (x.band, -x.score)
                    .partial_cmp(&(y.band, -y.score))
                    .unwrap_or(std::cmp::Ordering::Equal)
            });
            Ok(best.map(|(chart, judged)| (who, chart, judged)))
        }
    }
}

/// Whose chart of this network somebody describes: for its own people, told as other networks are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sought {
    /// One, surely: a chart of theirs.
    One(Patient),
    /// Several, or one who is not sure.
    Several {
        /// The items that would decide, by their codes; never whose.
        deciding: Vec<String>,
    },
    /// Nobody.
    Nobody,
}

/// Looks among this network's own charts. Blocks.
pub(crate) fn seek(inner: &Inner, person: &Demographics) -> Result<Sought, NodeError> {
    let (store, directory) = (&inner.store, &inner.directory);
    let known = Known::read(store)?;
    let mut candidates = Vec::new();
    for (chart, demographics) in directory
        .candidates(person)?
        .into_iter()
        .take(CANDIDATES_MAX)
    {
        let mut charts = super::person(directory, &known, &chart)?.charts;
        if let Some(subject) = store.subject_of(&chart)? {
            charts.extend(store.charts_of(&subject)?);
        }
        let who = charts.into_iter().next().unwrap_or_else(|| chart.clone());
        candidates.push((who, chart, Folded::of(&demographics)));
    }
    let found = one_of(&Folded::of(person), &candidates, &directory.model());
    Ok(match found {
        Ok(Some((_, chart, _))) => Sought::One(chart.clone()),
        Ok(None) => Sought::Nobody,
        Err(deciding) => Sought::Several { deciding },
    })
}

fn told(subject: SubjectId, chart: &Patient, judged: &Judgement) -> Told {
    let known = judged
        .fields
        .iter()
        .filter(|evidence| evidence.level != sekisho_identity::Level::Missing);
    Told {
        subject,
        chart: chart.clone(),
        certain: judged.band == Band::Link && matches!(judged.why, Why::Rule(_)),
        agreed: known
            .map(|evidence| (code(&evidence.item), code(&evidence.level)))
            .collect(),
    }
}
