//! Draws up an agreement between networks: in each direction the consent rule that satisfies both policies, what
//! may be seen, from where and by whom, with the reason for each choice; what is not covered; and, where nothing
//! can be drawn up, what is missing and from whom.
//!
//! A draft never allows what either policy does not (`meet`).

mod direction;
mod exception;
mod explain;
mod groups;
mod meet;
mod text;

pub use exception::{Exception, proposed_ceiling};
pub use meet::{Meet, NoMeet, NoRecipientRule};
pub use text::prefecture;

use crate::profile::{Missing, NetworkProfile, Words};
use sekisho_domain::{
    Agreement, AgreementId, Category, Codes, ConsentRule, DomainError, Grant, Hash, NetworkId,
    Period, Retention, Settlement,
};
use sha2::{Digest, Sha256};

/// What the parties choose; nothing of it can be read from a survey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// The agreement's id; none: made from the parties'.
    pub id: Option<AgreementId>,
    /// Its version, from 1.
    pub version: u32,
    /// When it holds.
    pub valid: Period,
    /// How long the viewing side keeps what it got.
    pub retention: Retention,
    /// Who bears the cost.
    pub settlement: Settlement,
    /// What may be opened without consent in a stated emergency, at most; none: nothing.
    pub emergency: Option<Codes<Category>>,
    /// What may be opened without consent under a declared disaster, at most; none: nothing.
    pub disaster: Option<Codes<Category>>,
    /// Whether every direction is to follow the ministry's rule of 2020
    /// ([`ConsentRule::RecipientConsentWithProviderReservation`]), or not be granted.
    pub recipient: bool,
}

impl Terms {
    /// The narrowest terms for a period: nothing kept, each bears its own cost, nothing without consent.
    pub fn narrowest(valid: Period) -> Self {
        Self {
            id: None,
            version: 1,
            valid,
            retention: Retention::NotKept,
            settlement: Settlement::EachOwn,
            emergency: None,
            disaster: None,
            recipient: false,
        }
    }
    /// What may be opened on these grounds, at most, if the parties ask for it.
    pub fn ceiling(&self, on: Exception) -> Option<Codes<Category>> {
        match on {
            Exception::Emergency => self.emergency,
            Exception::Disaster => self.disaster,
        }
    }
}

/// Parties between which nothing can be drawn up.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// Fewer than two networks.
    #[error("an agreement needs at least two networks, here is {0}")]
    TooFew(usize),
    /// More directions than an agreement holds grants.
    #[error("{0} networks need more grants than one agreement's {max}: draw up agreements of fewer networks, or without what was asked for besides", max = Agreement::GRANTS_MAX)]
    TooMany(usize),
    /// The same network twice.
    #[error("{0} is named twice")]
    Twice(NetworkId),
    /// A direction of a network that is no party.
    #[error("{0} is not among the parties")]
    NotAParty(NetworkId),
    /// The agreement's id.
    #[error(transparent)]
    Id(#[from] DomainError),
}

/// A drawn-up agreement, before anybody signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    /// Its id.
    pub id: AgreementId,
    /// What the parties choose.
    pub terms: Terms,
    /// The parties, by id.
    pub parties: Vec<NetworkProfile>,
    /// Every direction asked for, by both ids.
    pub directions: Vec<Direction>,
}

/// One direction: documents of one network, seen by another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Direction {
    /// Whose documents.
    pub disclosing: NetworkId,
    /// Who would see them.
    pub viewing: NetworkId,
    /// What can be granted, or what stands in the way.
    pub outcome: Result<Granted, Vec<Hindrance>>,
}

/// What can be granted in one direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Granted {
    /// Which acts of consent it needs.
    pub rule: ConsentRule,
    /// The grants.
    pub grants: Vec<Grant>,
    /// Why it is so.
    pub reasons: Vec<Words>,
    /// What it leaves out.
    pub not_covered: Vec<Words>,
    /// What the parties must know or confirm before they sign.
    pub to_confirm: Vec<Words>,
    /// What both networks' surveys name among their aims, and nobody has asked this draft for.
    pub could_add: Vec<(Exception, Words)>,
}

impl Granted {
    /// The grants that rest on consent.
    pub fn consented(&self) -> impl Iterator<Item = &Grant> {
        let rests = |g: &&Grant| g.consent_rule != ConsentRule::NotNeeded;
        self.grants.iter().filter(rests)
    }
    /// The grant without consent on these grounds, if there is one.
    pub fn exception(&self, on: Exception) -> Option<&Grant> {
        let of = |g: &&Grant| g.purposes.contains(&on.purpose());
        self.grants.iter().find(of)
    }
}

/// What stands in the way of one direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hindrance {
    /// A network has not said what is needed.
    Missing(Missing),
    /// The two policies do not meet.
    NoMeet(NoMeet),
    /// The ministry's rule of 2020 was asked for, and one of the policies does not admit it.
    NoRecipientRule(NoRecipientRule),
    /// Nothing is left of what both say.
    NothingCommon {
        /// Of what.
        of: Words,
    },
}

impl Hindrance {
    /// In both languages.
    pub fn words(&self) -> Words {
        match self {
            Self::Missing(missing) => Words::new(missing.ja(), missing.en()),
            Self::NoMeet(no) => no.words(),
            Self::NoRecipientRule(no) => no.words(),
            Self::NothingCommon { of } => Words::new(
                format!("双方に共通する{}がありません", of.ja),
                format!("the two have no {} in common", of.en),
            ),
        }
    }
}

/// Draws up an agreement: in the directions given (disclosing, viewing), or in all.
///
/// # Errors
/// [`DraftError`]; that a direction cannot be granted is no error, but its outcome.
pub fn draft(
    mut parties: Vec<NetworkProfile>,
    directions: Option<&[(NetworkId, NetworkId)]>,
    terms: Terms,
) -> Result<Draft, DraftError> {
    parties.sort_by(|a, b| a.id.cmp(&b.id));
    let n = parties.len();
    if n < 2 {
        return Err(DraftError::TooFew(n));
    }
    if let Some([twice, _]) = parties.array_windows().find(|[a, b]| a.id == b.id) {
        return Err(DraftError::Twice(twice.id.clone()));
    }
    if n * (n - 1) > Agreement::GRANTS_MAX {
        return Err(DraftError::TooMany(n));
    }
    let of = |id: &NetworkId| {
        let party = parties.iter().find(|p| p.id == *id);
        party.ok_or_else(|| DraftError::NotAParty(id.clone()))
    };
    let mut asked = match directions {
        Some(directions) => directions.to_vec(),
        None => {
            let pairs = parties
                .iter()
                .flat_map(|d| parties.iter().map(move |v| (d, v)));
            let other = pairs.filter(|(d, v)| d.id != v.id);
            other.map(|(d, v)| (d.id.clone(), v.id.clone())).collect()
        }
    };
    asked.sort();
    asked.dedup();
    let with = |groups_max: usize| {
        let direction = |(d, v): &(NetworkId, NetworkId)| {
            Ok(Direction {
                disclosing: d.clone(),
                viewing: v.clone(),
                outcome: direction::direction(of(d)?, of(v)?, &terms, groups_max),
            })
        };
        let directions = asked.iter().map(direction);
        directions.collect::<Result<Vec<_>, DraftError>>()
    };
    // An agreement holds so many grants: with many parties, each direction gets fewer groups of facilities.
    let fits = |directions: &Vec<Direction>| {
        let granted = directions.iter().flat_map(|d| &d.outcome);
        granted.map(|g| g.grants.len()).sum::<usize>() <= Agreement::GRANTS_MAX
    };
    let mut directions = with(groups::Group::ALL.len())?;
    for fewer in (1..groups::Group::ALL.len()).rev() {
        if !fits(&directions) {
            directions = with(fewer)?;
        }
    }
    if !fits(&directions) {
        return Err(DraftError::TooMany(n));
    }
    let id = match &terms.id {
        Some(id) => id.clone(),
        None => id_of(&parties)?,
    };
    Ok(Draft {
        id,
        terms,
        parties,
        directions,
    })
}

fn id_of(parties: &[NetworkProfile]) -> Result<AgreementId, DomainError> {
    let ids: Vec<_> = parties.iter().map(|p| p.id.as_str()).collect();
    ids.join("-").parse().or_else(|_| {
        let others = ids.len() - 1;
        format!("{}-and-{others}", ids.first().unwrap_or(&"")).parse()
    })
}

impl Draft {
    /// The directions that can be granted.
    pub fn granted(&self) -> impl Iterator<Item = (&Direction, &Granted)> {
        let directions = self.directions.iter();
        directions.filter_map(|d| Some((d, d.outcome.as_ref().ok()?)))
    }
    /// Whether anything is granted without consent on these grounds, in some direction.
    pub fn has(&self, on: Exception) -> bool {
        self.granted().any(|(_, g)| g.exception(on).is_some())
    }
    /// A party.
    pub fn party(&self, id: &NetworkId) -> Option<&NetworkProfile> {
        self.parties.iter().find(|p| p.id == *id)
    }
    /// The standard agreement (協定書) in Markdown, if anything can be granted: what people sign.
    pub fn text(&self) -> Option<String> {
        self.granted().next().map(|_| text::markdown(self))
    }
    /// The object that is signed: what the text says, with the text's hash.
    pub fn agreement(&self) -> Option<Agreement> {
        let text = self.text()?;
        Some(Agreement {
            id: self.id.clone(),
            version: self.terms.version,
            parties: self.parties.iter().map(|p| p.id.clone()).collect(),
            grants: self.granted().flat_map(|(_, g)| g.grants.clone()).collect(),
            retention: self.terms.retention,
            settlement: self.terms.settlement,
            valid: self.terms.valid,
            text_hash: Hash(Sha256::digest(text.as_bytes()).into()),
        })
    }
    /// What a patient must have done for each direction, in words.
    pub fn explain(&self) -> Vec<Words> {
        let granted = self.granted();
        granted
            .filter_map(|(d, g)| explain::direction(self, d, g))
            .collect()
    }
}

#[cfg(test)]
mod draft_test;
#[cfg(test)]
mod exception_test;
#[cfg(test)]
mod ledger_test;
