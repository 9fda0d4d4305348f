//! A network's profile: its consent policy in the normal form, what it shares and who takes part, field by field
//! with the source of each value; and what is missing before it may sign anything.

mod choice;
mod field;
mod file;
mod report;
mod survey;

pub use field::{Field, Said, Standing};
pub use file::{FILE_BYTES_MAX, FileError, parse, write};
pub use report::{Line, Words};
pub(crate) use report::{Named, codes as codes_in_words, new_facility as new_facility_in_words};

use crate::mapping::Way;
use crate::vocabulary::{Aim, Direction};
use sekisho_domain::{
    AreaCode, Capture, Category, Codes, ConsentPolicy, FacilityKind, Hash, NetworkId, NewFacility,
    Purpose, Role, Rule, Scope, Side, TimeMs, Withdrawal,
};
use std::collections::BTreeSet;

/// A network as it describes itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkProfile {
    /// Its id.
    pub id: NetworkId,
    /// Its name.
    pub name: String,
    /// Where.
    pub prefecture: AreaCode,
    /// The networks it stands for, where it is only a sum of them and signs nothing itself.
    pub members: Vec<NetworkId>,
    /// The way of consenting, where there is one to act on.
    pub ways: Field<Way>,
    /// Every way in use that some survey names.
    pub offered: Vec<Way>,
    /// How a patient lets documents out; none: it asks for no such act.
    pub disclosing: Option<RuleFields>,
    /// How a patient lets a facility look; none: it asks for no such act.
    pub viewing: Option<RuleFields>,
    /// Whether its policy ends the consents given before it: a new system, and everybody is asked again.
    pub voids_earlier: bool,
    /// What its own facilities may break the glass for among themselves.
    pub emergency: Field<Codes<Category>>,
    /// What it shares.
    pub categories: Field<Codes<Category>>,
    /// What it plans to share besides.
    pub planned: Field<Codes<Category>>,
    /// Kinds of facilities that disclose.
    pub disclosing_kinds: Field<Codes<FacilityKind>>,
    /// Kinds of facilities that take part, and may look.
    pub viewing_kinds: Field<Codes<FacilityKind>>,
    /// Which way documents are shared inside it.
    pub direction: Field<Direction>,
    /// Professions that may look.
    pub roles: Field<Codes<Role>>,
    /// Purposes for which may be looked.
    pub purposes: Field<Codes<Purpose>>,
    /// Secondary uses inside the network.
    pub secondary: Field<Codes<Purpose>>,
    /// What it is for. Grants nothing: a draft only mentions what could be asked for.
    pub aims: Field<BTreeSet<Aim>>,
    /// What else the surveys say, for people; nothing is decided by it.
    pub background: Vec<Line>,
}

/// One side's rule, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleFields {
    /// How far one consent reaches.
    pub scope: Field<Scope>,
    /// How it is taken.
    pub capture: Field<Codes<Capture>>,
    /// What a new facility may expect.
    pub new_facility: Field<NewFacility>,
    /// How it is withdrawn.
    pub withdrawal: Field<Codes<Withdrawal>>,
}

impl RuleFields {
    /// The rule, if every field of it has a value.
    pub fn rule(&self) -> Option<Rule> {
        Some(Rule {
            scope: self.scope.value?,
            capture: self.capture.value?,
            new_facility: self.new_facility.value?,
            withdrawal: self.withdrawal.value?,
        })
    }
}

/// The fields an agreement needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// It is the sum of other networks: each signs for itself.
    Members,
    /// How far a consent reaches, and which acts there are.
    Scope,
    /// How a consent is taken.
    Capture,
    /// How it is withdrawn.
    Withdrawal,
    /// What a new facility may expect.
    NewFacility,
    /// What is shared, to disclose anything.
    Categories,
    /// Which kinds of facility take part, to look at anything.
    ViewingKinds,
}

impl Need {
    /// In Japanese.
    pub fn ja(self) -> &'static str {
        match self {
            Self::Members => "構成ネットワークごとの署名",
            Self::Scope => "同意の及ぶ範囲（開示・閲覧）",
            Self::Capture => "同意の取得方法",
            Self::Withdrawal => "同意の撤回方法",
            Self::NewFacility => "新しい施設の扱い",
            Self::Categories => "共有する情報の種類",
            Self::ViewingKinds => "参加する施設の種類",
        }
    }
    /// In English.
    pub fn en(self) -> &'static str {
        match self {
            Self::Members => "each member network's own signature",
            Self::Scope => "how far a consent reaches (disclosing, viewing)",
            Self::Capture => "how a consent is taken",
            Self::Withdrawal => "how a consent is withdrawn",
            Self::NewFacility => "what a new facility may expect of earlier consents",
            Self::Categories => "which kinds of information are shared",
            Self::ViewingKinds => "which kinds of facility take part",
        }
    }
    /// The code in JSON.
    pub fn code(self) -> &'static str {
        match self {
            Self::Members => "members",
            Self::Scope => "scope",
            Self::Capture => "capture",
            Self::Withdrawal => "withdrawal",
            Self::NewFacility => "new-facility",
            Self::Categories => "categories",
            Self::ViewingKinds => "viewing-kinds",
        }
    }
}

/// Something a network must say before it may sign.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Missing {
    /// Which network.
    pub network: NetworkId,
    /// What.
    pub need: Need,
    /// How it stands now.
    pub standing: Standing,
}

impl Missing {
    /// In Japanese.
    pub fn ja(&self) -> String {
        format!(
            "{}：{}（{}）",
            self.network,
            self.need.ja(),
            self.standing.ja()
        )
    }
    /// In English.
    pub fn en(&self) -> String {
        format!(
            "{}: {} ({})",
            self.network,
            self.need.en(),
            self.standing.en()
        )
    }
}

impl NetworkProfile {
    /// What is missing for a policy in the normal form; empty: [`NetworkProfile::policy`] gives one.
    pub fn missing_policy(&self) -> Vec<Missing> {
        if !self.members.is_empty() {
            return self.named(vec![(Need::Members, Standing::NotAsked)]);
        }
        let mut needs = Vec::new();
        for side in [&self.disclosing, &self.viewing].into_iter().flatten() {
            needs.extend(lacks(Need::Scope, &side.scope));
            needs.extend(lacks(Need::Capture, &side.capture));
            needs.extend(lacks(Need::NewFacility, &side.new_facility));
            needs.extend(lacks(Need::Withdrawal, &side.withdrawal));
        }
        if self.disclosing.is_none() && self.viewing.is_none() {
            needs.push((Need::Scope, self.ways.standing));
        }
        self.named(needs)
    }
    /// What is missing before it may disclose anything.
    pub fn missing_to_disclose(&self) -> Vec<Missing> {
        let categories = lacks(Need::Categories, &self.categories);
        self.missing_besides(categories)
    }
    /// What is missing before it may look at anything.
    pub fn missing_to_view(&self) -> Vec<Missing> {
        self.missing_besides(lacks(Need::ViewingKinds, &self.viewing_kinds))
    }
    /// What is missing before it may sign an agreement of both directions.
    pub fn missing(&self) -> Vec<Missing> {
        let mut missing = self.missing_to_disclose();
        missing.extend(self.missing_to_view());
        missing.sort();
        missing.dedup();
        missing
    }
    /// What was assumed, for the network to confirm before it signs.
    pub fn to_confirm(&self) -> Vec<Missing> {
        let mut needs = Vec::new();
        for side in [&self.disclosing, &self.viewing].into_iter().flatten() {
            let stands = [
                (Need::Capture, side.capture.standing),
                (Need::NewFacility, side.new_facility.standing),
            ];
            let assumed = |(_, standing): &(_, Standing)| matches!(standing, Standing::Assumed(_));
            needs.extend(stands.into_iter().filter(assumed));
        }
        self.named(needs)
    }
    /// The policy in the normal form.
    ///
    /// # Errors
    /// What is missing for it.
    pub fn policy(
        &self,
        version: u32,
        valid_from: TimeMs,
        text_hash: Hash,
    ) -> Result<ConsentPolicy, Vec<Missing>> {
        let missing = self.missing_policy();
        if !missing.is_empty() {
            return Err(missing);
        }
        Ok(ConsentPolicy {
            version,
            valid_from,
            text_hash,
            disclosing: self.rule(Side::Disclosing),
            viewing: self.rule(Side::Viewing),
            voids_earlier: self.voids_earlier,
            emergency: self.emergency.value,
        })
    }
    /// One side's rule, if there is such an act and everything of it is known.
    pub fn rule(&self, side: Side) -> Option<Rule> {
        let fields = match side {
            Side::Disclosing => &self.disclosing,
            Side::Viewing => &self.viewing,
        };
        fields.as_ref().and_then(RuleFields::rule)
    }

    fn missing_besides(&self, need: Option<(Need, Standing)>) -> Vec<Missing> {
        let mut missing = self.missing_policy();
        if self.members.is_empty() {
            missing.extend(self.named(need.into_iter().collect()));
        }
        missing
    }

    fn named(&self, mut needs: Vec<(Need, Standing)>) -> Vec<Missing> {
        needs.sort();
        needs.dedup();
        let missing = |(need, standing)| Missing {
            network: self.id.clone(),
            need,
            standing,
        };
        needs.into_iter().map(missing).collect()
    }
}

fn lacks<T>(need: Need, field: &Field<T>) -> Option<(Need, Standing)> {
    field.value.is_none().then_some((need, field.standing))
}

#[cfg(test)]
mod profile_test;
