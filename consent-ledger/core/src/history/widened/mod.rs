//! Whose consent a change of the membership widened: those patients must be told.
//!
//! A consent may come to reach more without the patient doing anything: a facility joins, an agreement comes into
//! force, a policy changes, a notice matures. Found by deciding before and after the entry, at the instant from which
//! it counts, for every subject of one network.

mod compare;

use super::members;
use super::{Heard, HistoryError};
use crate::record::CoreError;
use crate::store::StateRead;
use crate::view::View;
use compare::Comparing;
use sekisho_domain::{
    AgreementId, Body, Category, Codes, ConsentId, FacilityId, NetworkId, NewFacility, Notice,
    NoticeAbout, Purpose, Role, SubjectId, SubjectRef, TimeMs,
};
use serde::Serialize;
use std::collections::BTreeSet;

/// Subjects read at a time.
const PAGE: usize = 4_096;
const DAY_MS: u64 = 24 * 60 * 60 * 1000;

/// What may have widened consents, and from when on it counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "change")]
pub enum Change {
    /// A network was admitted. It has no agreement yet: nothing is widened by that alone.
    NetworkAdmitted {
        /// The network.
        network: NetworkId,
    },
    /// A facility joined, or its joining was posted and that has stood long enough.
    FacilityJoined {
        /// Its network.
        network: NetworkId,
        /// The facility.
        facility: FacilityId,
        /// From when on it counts.
        from: TimeMs,
    },
    /// An agreement was signed by its last party.
    AgreementSigned {
        /// The agreement.
        id: AgreementId,
        /// Its version.
        version: u32,
        /// Its parties.
        parties: BTreeSet<NetworkId>,
        /// From when on it counts.
        from: TimeMs,
    },
    /// A consent policy was published.
    PolicyPublished {
        /// Whose.
        network: NetworkId,
        /// Its version.
        version: u32,
        /// From when on it counts.
        from: TimeMs,
    },
    /// Purposes of use were posted.
    PurposesPosted {
        /// By whom.
        network: NetworkId,
        /// From when on they stand.
        from: TimeMs,
    },
}

/// What an entry of `author`, stamped `time`, changes in that way; none where it cannot widen a consent. `before` is
/// the state it was applied to.
///
/// # Errors
/// The state cannot be read.
pub fn change_of<S: StateRead>(
    before: View<'_, S>,
    author: &NetworkId,
    body: &Body,
    time: TimeMs,
) -> Result<Option<Change>, CoreError<S::Error>> {
    Ok(match body {
        Body::NetworkAdmit { network, .. } => Some(Change::NetworkAdmitted {
            network: network.clone(),
        }),
        Body::FacilityRegister { facility, .. } => Some(Change::FacilityJoined {
            network: author.clone(),
            facility: facility.clone(),
            from: time,
        }),
        Body::AgreementSign { id, version, .. } => {
            let Some(proposed) = before.agreement(id, *version)? else {
                return Ok(None);
            };
            let agreement = proposed.value.agreement;
            let others = agreement.parties.iter().filter(|party| *party != author);
            let last = others
                .into_iter()
                .all(|p| proposed.value.signed.contains_key(p));
            last.then(|| Change::AgreementSigned {
                id: id.clone(),
                version: *version,
                from: begins(&agreement).max(time),
                parties: agreement.parties,
            })
        }
        Body::ConsentPolicyPublish(policy) => Some(Change::PolicyPublished {
            network: author.clone(),
            version: policy.version,
            from: policy.valid_from.max(time),
        }),
        Body::NoticePost(notice) => posted(before, author, notice, time)?,
        _ => None,
    })
}

/// When the last of its grants has begun.
fn begins(agreement: &sekisho_domain::Agreement) -> TimeMs {
    let grants = agreement.grants.iter().map(|grant| grant.valid.from);
    grants
        .chain([agreement.valid.from])
        .max()
        .unwrap_or(agreement.valid.from)
}

fn posted<S: StateRead>(
    before: View<'_, S>,
    author: &NetworkId,
    notice: &Notice,
    time: TimeMs,
) -> Result<Option<Change>, CoreError<S::Error>> {
    let stands = notice.period.from.max(time);
    Ok(Some(match &notice.about {
        NoticeAbout::Purposes { .. } => Change::PurposesPosted {
            network: author.clone(),
            from: stands,
        },
        NoticeAbout::Joining { facility } => {
            // The longest any version of the policy asks for: a consent waits as its own version and today's say.
            let policies = before.policies(author)?;
            let rules = policies
                .iter()
                .flat_map(|p| [&p.policy.disclosing, &p.policy.viewing]);
            let days = rules.flatten().filter_map(|rule| match rule.new_facility {
                NewFacility::AfterNotice { days } => Some(days),
                _ => None,
            });
            let Some(days) = days.max() else {
                return Ok(None);
            };
            Change::FacilityJoined {
                network: author.clone(),
                facility: facility.clone(),
                from: stands.plus_ms(u64::from(days) * DAY_MS),
            }
        }
    }))
}

impl Change {
    /// From when on it counts; none where it widens nothing by itself.
    pub fn from(&self) -> Option<TimeMs> {
        match self {
            Self::NetworkAdmitted { .. } => None,
            Self::FacilityJoined { from, .. }
            | Self::AgreementSigned { from, .. }
            | Self::PolicyPublished { from, .. }
            | Self::PurposesPosted { from, .. } => Some(*from),
        }
    }

    /// Whether it can bear on documents of the one seen by the other.
    fn is_between(&self, disclosing: &NetworkId, viewing: &NetworkId) -> bool {
        match self {
            Self::NetworkAdmitted { .. } => false,
            Self::AgreementSigned { parties, .. } => {
                disclosing != viewing && parties.contains(disclosing) && parties.contains(viewing)
            }
            Self::FacilityJoined { network, .. }
            | Self::PolicyPublished { network, .. }
            | Self::PurposesPosted { network, .. } => network == disclosing || network == viewing,
        }
    }
}

/// A subject whose consent reaches more than before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Widened {
    /// The subject of the network that asked.
    pub subject: SubjectId,
    /// What more can be seen, by network and direction.
    pub gains: Vec<Gain>,
}

/// What more can be seen of one network's documents by another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Gain {
    /// Whose documents.
    pub disclosing: NetworkId,
    /// Who sees them.
    pub viewing: NetworkId,
    /// Which kinds of information are new.
    pub categories: Codes<Category>,
    /// For which purposes.
    pub purposes: Codes<Purpose>,
    /// By which professions.
    pub roles: Codes<Role>,
    /// The consents this rests on.
    pub consents: BTreeSet<ConsentId>,
}

/// The subjects of a network whose consents reach more in the second state than in the first, both looked at at the
/// instant from which the change counts. Only what rests on consent is looked at; `found` gets each as it is found,
/// ascending; `heard` how many subjects have been looked at, of at least how many.
///
/// # Errors
/// A state cannot be read, or there is more of something than is looked at.
pub fn widened<S: StateRead, T: StateRead<Error = S::Error>>(
    before: View<'_, S>,
    after: View<'_, T>,
    change: &Change,
    own: &NetworkId,
    found: &mut dyn FnMut(Widened),
    heard: Heard<'_>,
) -> Result<(), HistoryError<S::Error>> {
    let Some(time) = change.from() else {
        return Ok(());
    };
    let networks: Vec<_> = after.networks()?.into_iter().map(|(id, _)| id).collect();
    let all = networks.iter();
    let directions = all.flat_map(|other| [(own, other), (other, own)]);
    let directions: BTreeSet<_> = directions
        .filter(|(disclosing, viewing)| change.is_between(disclosing, viewing))
        .collect();
    if directions.is_empty() {
        return Ok(());
    }
    let comparing = Comparing::of(before, after, change, time, &directions)?;
    let mut from = SubjectId([0; SubjectId::LEN]);
    let mut looked_at = 0;
    loop {
        let page = members::subjects(after, own, &from, PAGE)?;
        for subject in &page {
            let of = SubjectRef {
                network: own.clone(),
                subject: *subject,
            };
            let gains = comparing.gains(&of, &directions)?;
            if !gains.is_empty() {
                found(Widened {
                    subject: *subject,
                    gains,
                });
            }
            looked_at += 1;
            heard(looked_at, looked_at);
        }
        match page.last().and_then(next) {
            Some(after) if page.len() == PAGE => from = after,
            _ => return Ok(()),
        }
    }
}

/// The subject after this one, if there is room for one.
fn next(subject: &SubjectId) -> Option<SubjectId> {
    let number = u128::from_be_bytes(*subject.as_bytes()).checked_add(1)?;
    Some(SubjectId(number.to_be_bytes()))
}
