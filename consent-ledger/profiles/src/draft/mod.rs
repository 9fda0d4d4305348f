//! Draws up an agreement between networks: in each direction the consent rule that satisfies both policies, what
//! may be seen, from where and by whom, with the reason for each choice; what is not covered; and, where nothing
//! can be drawn up, what is missing and from whom.
//!
//! A draft never allows what either policy does not (`meet`).

mod explain;
mod groups;
mod meet;
mod text;

pub use meet::{Meet, NoMeet};
pub use text::{day, prefecture};

use crate::profile::{Missing, NetworkProfile, Standing, Words};
use groups::Group;
use sekisho_domain::{
    Agreement, AgreementId, Category, Codes, ConsentRule, DomainError, FacilityKind, Grant, Hash,
    NetworkId, Period, Purpose, Retention, Role, Settlement,
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
}

impl Terms {
    /// The narrowest terms for a period: nothing kept, each bears its own cost.
    pub fn narrowest(valid: Period) -> Self {
        Self {
            id: None,
            version: 1,
            valid,
            retention: Retention::NotKept,
            settlement: Settlement::EachOwn,
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
    #[error("{0} networks have more directions than one agreement's {max} grants", max = Agreement::GRANTS_MAX)]
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
}

/// What stands in the way of one direction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hindrance {
    /// A network has not said what is needed.
    Missing(Missing),
    /// The two policies do not meet.
    NoMeet(NoMeet),
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
    // An agreement holds so many grants: with many parties, each direction gets fewer groups of facilities.
    let per_direction = Agreement::GRANTS_MAX / asked.len().max(1);
    let direction = |(d, v): &(NetworkId, NetworkId)| {
        Ok(Direction {
            disclosing: d.clone(),
            viewing: v.clone(),
            outcome: direction(of(d)?, of(v)?, &terms.valid, per_direction),
        })
    };
    let directions = asked
        .iter()
        .map(direction)
        .collect::<Result<_, DraftError>>()?;
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

fn direction(
    disclosing: &NetworkProfile,
    viewing: &NetworkProfile,
    valid: &Period,
    groups_max: usize,
) -> Result<Granted, Vec<Hindrance>> {
    let missing = disclosing.missing_to_disclose().into_iter();
    let missing = missing.chain(viewing.missing_to_view());
    let mut hindrances: Vec<_> = missing.map(Hindrance::Missing).collect();
    hindrances.dedup();
    if !hindrances.is_empty() {
        return Err(hindrances);
    }
    let meet = meet::meet(disclosing, viewing).map_err(|no| vec![Hindrance::NoMeet(no)])?;
    let common = Common::of(disclosing, viewing)?;
    let mut granted = Granted {
        rule: meet.rule,
        grants: Vec::new(),
        reasons: meet.reasons,
        not_covered: Vec::new(),
        to_confirm: meet.differences,
    };
    let mut left_out = common.categories;
    let mut kinds_left = common.kinds;
    for group in Group::ALL.iter().take(groups_max) {
        let Some(grant) = group.grant(disclosing, viewing, &common, meet.rule, valid) else {
            continue;
        };
        granted.reasons.push(group.reason(&grant));
        left_out = left_out.difference(&grant.categories);
        kinds_left = kinds_left.difference(&grant.facility_kinds);
        granted.grants.push(grant);
    }
    if granted.grants.is_empty() {
        let of = Words::new(
            "施設・職種・情報の組合せ",
            "facilities, professions and categories",
        );
        return Err(vec![Hindrance::NothingCommon { of }]);
    }
    granted.not_covered = not_covered(disclosing, &left_out, &kinds_left);
    granted.to_confirm.extend(to_confirm(disclosing, viewing));
    Ok(granted)
}

/// What both say, before it is divided among groups of facilities.
struct Common {
    categories: Codes<Category>,
    kinds: Codes<FacilityKind>,
    roles: Codes<Role>,
    purposes: Codes<Purpose>,
}

impl Common {
    fn of(disclosing: &NetworkProfile, viewing: &NetworkProfile) -> Result<Self, Vec<Hindrance>> {
        let nothing = |ja: &str, en: &str| {
            vec![Hindrance::NothingCommon {
                of: Words::new(ja, en),
            }]
        };
        // Nobody looks in a profession its own network does not let look, or the other does not know.
        let mut roles = Codes::all();
        for said in [disclosing, viewing].iter().filter_map(|p| p.roles.value) {
            roles = roles.intersection(&said);
        }
        let mut purposes = Codes::from([Purpose::Treat, Purpose::CoordinationOfCare]);
        for said in [disclosing, viewing]
            .iter()
            .filter_map(|p| p.purposes.value)
        {
            purposes = purposes.intersection(&said);
        }
        if roles.is_empty() {
            return Err(nothing("職種", "professions"));
        }
        if purposes.is_empty() {
            return Err(nothing(
                "利用目的（診療・診療連携）",
                "purposes (TREAT, COC)",
            ));
        }
        Ok(Self {
            categories: disclosing.categories.value.unwrap_or_default(),
            kinds: viewing.viewing_kinds.value.unwrap_or_default(),
            roles,
            purposes,
        })
    }
}

fn not_covered(
    disclosing: &NetworkProfile,
    categories: &Codes<Category>,
    kinds: &Codes<FacilityKind>,
) -> Vec<Words> {
    use crate::profile::codes_in_words as codes;
    let mut left = Vec::new();
    let mut add = |ja: String, en: String| left.push(Words::new(ja, en));
    if !categories.is_empty() {
        let of = codes(categories);
        add(
            format!(
                "共有されているが、閲覧する施設の種類に合わない情報：{}",
                of.ja
            ),
            format!(
                "shared, but not for the kinds of facility that look: {}",
                of.en
            ),
        );
    }
    if !kinds.is_empty() {
        let of = codes(kinds);
        add(
            format!("ひな型で扱わない種類の施設：{}", of.ja),
            format!("kinds of facility the draft grants nothing to: {}", of.en),
        );
    }
    if let Some(planned) = &disclosing.planned.value {
        let of = codes(planned);
        add(
            format!("共有が予定にとどまる情報：{}", of.ja),
            format!("planned to be shared, not yet: {}", of.en),
        );
    }
    add(
        "研究その他の二次利用、本人の求めによる開示".to_owned(),
        "research and other secondary use, requests of the patients themselves".to_owned(),
    );
    add(
        "同意によらない閲覧（緊急時・災害時・法令に基づくもの）".to_owned(),
        "access without consent (emergencies, disasters, by law)".to_owned(),
    );
    left
}

fn to_confirm(disclosing: &NetworkProfile, viewing: &NetworkProfile) -> Vec<Words> {
    let mut confirm: Vec<_> = [disclosing, viewing]
        .iter()
        .flat_map(|party| party.to_confirm())
        .map(|missing| Words::new(missing.ja(), missing.en()))
        .collect();
    let roles = [disclosing, viewing]
        .iter()
        .all(|p| p.roles.standing != Standing::Chosen);
    if roles {
        confirm.push(Words::new(
            "職種はどの調査でも問われていないため、ひな型の提案です",
            "no survey asks for professions: those named are the draft's proposal",
        ));
    }
    confirm
}

impl Draft {
    /// The directions that can be granted.
    pub fn granted(&self) -> impl Iterator<Item = (&Direction, &Granted)> {
        let directions = self.directions.iter();
        directions.filter_map(|d| Some((d, d.outcome.as_ref().ok()?)))
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
mod ledger_test;
