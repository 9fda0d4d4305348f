//! What a new version of an agreement changes: who gains and who loses access, in which direction, to what.
//!
//! Each direction is taken apart into single accesses (category, kind of facility, profession, purpose), each with
//! the rules of consent and periods it may rest on, and what differs is put together again into few lines.

use crate::profile::{Words, codes_in_words as codes};
use sekisho_domain::{
    Agreement, Category, Codes, ConsentRule, FacilityKind, Nature, NetworkId, Period, Purpose, Role,
};
use sekisho_words::{Day, listed};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that differs between two versions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Diff {
    /// What somebody may see and could not before.
    pub gained: Vec<Access>,
    /// What somebody may no longer see.
    pub lost: Vec<Access>,
    /// What may be seen before and after, but under other conditions.
    pub changed: Vec<Changed>,
    /// Networks that are parties now and were not.
    pub joined: BTreeSet<NetworkId>,
    /// Networks that no longer are.
    pub left: BTreeSet<NetworkId>,
    /// What else differs, in words: period, retention, cost, text.
    pub terms: Vec<Words>,
}

/// Accesses of one direction that go together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Access {
    /// Whose documents.
    pub disclosing: NetworkId,
    /// Who sees them.
    pub viewing: NetworkId,
    /// What kinds of information.
    pub categories: Codes<Category>,
    /// From which kinds of facility.
    pub facility_kinds: Codes<FacilityKind>,
    /// By which professions.
    pub roles: Codes<Role>,
    /// For which purposes.
    pub purposes: Codes<Purpose>,
    /// Under which conditions: any one of them suffices.
    pub conditions: Conditions,
}

/// Rules of consent and when each holds.
pub type Conditions = BTreeSet<(ConsentRule, Period)>;

/// An access under other conditions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Changed {
    /// The access, with the conditions from now on.
    pub access: Access,
    /// The conditions before.
    pub before: Conditions,
}

/// One single access, without its category.
type Asker = (FacilityKind, Role, Purpose);
/// The categories that share conditions, for one asker.
type Seen<C> = BTreeMap<(Asker, C), Codes<Category>>;

/// What differs between the version before and the one after; none before: everything is new.
pub fn diff(before: Option<&Agreement>, after: &Agreement) -> Diff {
    let mut diff = Diff::default();
    let none = BTreeSet::new();
    let parties = before.map_or(&none, |b| &b.parties);
    diff.joined = after.parties.difference(parties).cloned().collect();
    diff.left = parties.difference(&after.parties).cloned().collect();
    let everybody: BTreeSet<_> = parties.union(&after.parties).collect();
    for disclosing in &everybody {
        for viewing in everybody.iter().filter(|v| *v != disclosing) {
            direction(&mut diff, disclosing, viewing, before, after);
        }
    }
    if let Some(before) = before {
        diff.terms = terms(before, after);
    }
    diff
}

fn direction(
    diff: &mut Diff,
    disclosing: &NetworkId,
    viewing: &NetworkId,
    before: Option<&Agreement>,
    after: &Agreement,
) {
    let was = before
        .map(|b| cells(b, disclosing, viewing))
        .unwrap_or_default();
    let is = cells(after, disclosing, viewing);
    let (mut gained, mut lost) = (Seen::new(), Seen::new());
    let mut changed: Seen<(Conditions, Conditions)> = Seen::new();
    let keys: BTreeSet<_> = was.keys().chain(is.keys()).collect();
    for key @ (asker, category) in keys {
        match (was.get(key), is.get(key)) {
            (None, Some(now)) => note(&mut gained, *asker, now.clone(), *category),
            (Some(then), None) => note(&mut lost, *asker, then.clone(), *category),
            (Some(then), Some(now)) if then != now => {
                note(&mut changed, *asker, (now.clone(), then.clone()), *category);
            }
            _ => {}
        }
    }
    let access = |of: Joined<Conditions>| of.access(disclosing, viewing, Clone::clone);
    diff.gained.extend(joined(gained).into_iter().map(access));
    diff.lost.extend(joined(lost).into_iter().map(access));
    diff.changed
        .extend(joined(changed).into_iter().map(|of| Changed {
            before: of.conditions.1.clone(),
            access: of.access(disclosing, viewing, |(now, _)| now.clone()),
        }));
}

/// Every single access of one direction, with its conditions.
fn cells(
    of: &Agreement,
    disclosing: &NetworkId,
    viewing: &NetworkId,
) -> BTreeMap<(Asker, Category), Conditions> {
    let mut cells: BTreeMap<_, Conditions> = BTreeMap::new();
    let grants = of.grants.iter();
    for grant in grants.filter(|g| g.disclosing == *disclosing && g.viewing == *viewing) {
        // A grant never holds outside its agreement's period.
        let until = [grant.valid.until, of.valid.until]
            .into_iter()
            .flatten()
            .min();
        let period = Period {
            from: grant.valid.from.max(of.valid.from),
            until,
        };
        for kind in grant.facility_kinds.iter() {
            for role in grant.roles.iter() {
                for purpose in grant.purposes.iter() {
                    for category in grant.categories.iter() {
                        let cell = cells.entry(((kind, role, purpose), category));
                        cell.or_default().insert((grant.consent_rule, period));
                    }
                }
            }
        }
    }
    cells
}

fn note<C: Ord>(seen: &mut Seen<C>, asker: Asker, conditions: C, category: Category) {
    seen.entry((asker, conditions))
        .or_default()
        .insert(category);
}

/// What was put together, of one direction.
struct Joined<C> {
    kinds: Codes<FacilityKind>,
    roles: Codes<Role>,
    purposes: Codes<Purpose>,
    categories: Codes<Category>,
    conditions: C,
}

impl<C> Joined<C> {
    fn access(
        &self,
        disclosing: &NetworkId,
        viewing: &NetworkId,
        now: impl Fn(&C) -> Conditions,
    ) -> Access {
        Access {
            disclosing: disclosing.clone(),
            viewing: viewing.clone(),
            categories: self.categories,
            facility_kinds: self.kinds,
            roles: self.roles,
            purposes: self.purposes,
            conditions: now(&self.conditions),
        }
    }
}

/// Puts single accesses together: first those that differ in the purpose alone, then in the profession, then in the
/// kind of facility. The lines cover exactly the accesses, each once.
fn joined<C: Ord + Clone>(seen: Seen<C>) -> Vec<Joined<C>> {
    let mut by_purpose: BTreeMap<_, Codes<Purpose>> = BTreeMap::new();
    for (((kind, role, purpose), conditions), categories) in seen {
        // What opens in emergencies, in disasters and by law is never one line with anything else.
        let key = (kind, role, categories, conditions, purpose.nature());
        by_purpose.entry(key).or_default().insert(purpose);
    }
    let mut by_role: BTreeMap<_, Codes<Role>> = BTreeMap::new();
    for ((kind, role, categories, conditions, _), purposes) in by_purpose {
        let key = (kind, categories, conditions, purposes);
        by_role.entry(key).or_default().insert(role);
    }
    let mut by_kind: BTreeMap<_, Codes<FacilityKind>> = BTreeMap::new();
    for ((kind, categories, conditions, purposes), roles) in by_role {
        let key = (categories, conditions, purposes, roles);
        by_kind.entry(key).or_default().insert(kind);
    }
    let lines = by_kind.into_iter();
    lines
        .map(
            |((categories, conditions, purposes, roles), kinds)| Joined {
                kinds,
                roles,
                purposes,
                categories,
                conditions,
            },
        )
        .collect()
}

fn terms(before: &Agreement, after: &Agreement) -> Vec<Words> {
    let mut terms = Vec::new();
    let mut add = |ja: String, en: String| terms.push(Words::new(ja, en));
    if before.id != after.id {
        add(
            format!("別の協定です：{} と {}", before.id, after.id),
            format!(
                "these are different agreements: {} and {}",
                before.id, after.id
            ),
        );
    }
    if before.version != after.version {
        let (b, a) = (before.version, after.version);
        add(
            format!("版：第{b}版 → 第{a}版"),
            format!("version: {b} → {a}"),
        );
    }
    if before.valid != after.valid {
        let (b, a) = (period(&before.valid), period(&after.valid));
        add(
            format!("有効期間：{} → {}", b.ja, a.ja),
            format!("valid: {} → {}", b.en, a.en),
        );
    }
    if before.retention != after.retention {
        let (b, a) = (retention(before.retention), retention(after.retention));
        add(
            format!("保存：{} → {}", b.ja, a.ja),
            format!("retention: {} → {}", b.en, a.en),
        );
    }
    if before.settlement != after.settlement {
        let (b, a) = (before.settlement, after.settlement);
        add(
            format!("費用：{} → {}", b.ja(), a.ja()),
            format!("settlement: {} → {}", b.en(), a.en()),
        );
    }
    if before.text_hash != after.text_hash {
        let (b, a) = (before.text_hash, after.text_hash);
        add(
            format!("協定書のSHA-256：{b} → {a}"),
            format!("SHA-256 of the text: {b} → {a}"),
        );
    }
    terms
}

fn retention(of: sekisho_domain::Retention) -> Words {
    use sekisho_domain::Retention;
    match of {
        Retention::NotKept => Words::new("保存しない", "not kept"),
        Retention::Days(days) => {
            Words::new(format!("{days}日以内"), format!("at most {days} days"))
        }
        Retention::AsOwnRecord => Words::new("診療録の一部", "part of the own record"),
    }
}

fn period(of: &Period) -> Words {
    let iso = |time| Day::of(time).to_string();
    match of.until {
        None => Words::new(
            format!("{}～", iso(of.from)),
            format!("from {}", iso(of.from)),
        ),
        Some(until) => {
            let last = iso(sekisho_domain::TimeMs(until.0.saturating_sub(1)));
            let from = iso(of.from);
            Words::new(format!("{from}～{last}"), format!("{from} to {last}"))
        }
    }
}

/// What access for these purposes, all of one nature, needs: the rule of consent, or what stands in its place.
fn conditions(of: &Conditions, purposes: &Codes<Purpose>) -> Words {
    let nature = purposes.iter().map(Purpose::nature).next();
    let hours = sekisho_domain::Review::DUE_MS / 3_600_000;
    listed(of.iter().map(|(rule, when)| {
        let when = period(when);
        let needs = match nature {
            Some(Nature::BreakGlass) => Words::new(
                format!("同意によらない：理由を示し、{hours}時間以内に別の者が確認し、患者に知らせる"),
                format!("without consent: a reason stated, reviewed by another within {hours} hours, the patient told"),
            ),
            Some(Nature::Disaster) => Words::new(
                "前もっての同意によらない：宣言された区域と期間に限り、口頭で同意を得る（得られないときは記録する）",
                "without prior consent: in the declared area and period, asked orally, or recorded that it was not possible",
            ),
            Some(Nature::Law) => Words::new("同意によらない：法令に基づく", "without consent: by law"),
            Some(Nature::Ordinary) | None => Words::new(rule.ja(), rule.en()),
        };
        Words::new(
            format!("{}（{}）", needs.ja, when.ja),
            format!("{} ({})", needs.en, when.en),
        )
    }))
}

impl Access {
    /// Whether it is for purposes that do not rest on consent.
    pub fn is_without_consent(&self) -> bool {
        self.purposes.iter().any(|p| p.nature() != Nature::Ordinary)
    }
    /// In both languages.
    pub fn words(&self) -> Words {
        let (d, v) = (&self.disclosing, &self.viewing);
        let (what, kinds) = (codes(&self.categories), codes(&self.facility_kinds));
        let roles = codes(&self.roles);
        let why = match self.purposes.iter().map(Purpose::nature).next() {
            Some(Nature::BreakGlass) => Words::new("緊急時", "emergencies"),
            Some(Nature::Disaster) => Words::new("災害時", "disasters"),
            _ => codes(&self.purposes),
        };
        let on = conditions(&self.conditions, &self.purposes);
        Words::new(
            format!(
                "{d} の文書 → {v}：{}の{}が閲覧する {}〔目的：{}〕〔条件：{}〕",
                kinds.ja, roles.ja, what.ja, why.ja, on.ja
            ),
            format!(
                "documents of {d} → {v}: {} at {}, for {}: {} [{}]",
                roles.en, kinds.en, why.en, what.en, on.en
            ),
        )
    }
    fn json(&self) -> Value {
        json!({
            "disclosing": self.disclosing, "viewing": self.viewing, "categories": self.categories,
            "facility_kinds": self.facility_kinds, "roles": self.roles, "purposes": self.purposes,
            "conditions": of_conditions(&self.conditions),
        })
    }
}

fn of_conditions(of: &Conditions) -> Vec<Value> {
    let one = |(rule, period): &(ConsentRule, Period)| json!({ "rule": rule, "period": period });
    of.iter().map(one).collect()
}

impl Diff {
    /// Whether nothing differs but the version and the text.
    pub fn is_same_access(&self) -> bool {
        self.gained.is_empty() && self.lost.is_empty() && self.changed.is_empty()
    }
    /// In both languages.
    pub fn words(&self) -> Words {
        let mut out = Words::default();
        let mut add = |ja: &str, en: &str| {
            out.ja.push_str(ja);
            out.ja.push('\n');
            out.en.push_str(en);
            out.en.push('\n');
        };
        for network in &self.joined {
            add(
                &format!("＋ 当事者：{network}"),
                &format!("+ party: {network}"),
            );
        }
        for network in &self.left {
            add(
                &format!("－ 当事者：{network}"),
                &format!("- party: {network}"),
            );
        }
        for (sign_ja, sign_en, of) in [("＋", "+", &self.gained), ("－", "-", &self.lost)] {
            for access in of {
                let words = access.words();
                add(
                    &format!("{sign_ja} {}", words.ja),
                    &format!("{sign_en} {}", words.en),
                );
            }
        }
        for changed in &self.changed {
            let (words, before) = (
                changed.access.words(),
                conditions(&changed.before, &changed.access.purposes),
            );
            add(
                &format!("△ {}　以前：{}", words.ja, before.ja),
                &format!("~ {}, before: {}", words.en, before.en),
            );
        }
        for words in &self.terms {
            add(&format!("  {}", words.ja), &format!("  {}", words.en));
        }
        if self.gained.iter().any(Access::is_without_consent) {
            add(
                "注意：患者の同意によらない閲覧が加わります。患者への周知が必要です",
                "Note: access without the patient's consent is added; patients must be told",
            );
        }
        if self.is_same_access() {
            add(
                "閲覧できる範囲は変わりません",
                "nobody gains or loses access",
            );
        }
        out
    }
    /// For machines.
    pub fn json(&self) -> Value {
        let list = |of: &[Access]| of.iter().map(Access::json).collect::<Vec<_>>();
        let changed = self.changed.iter().map(|changed| {
            let mut value = changed.access.json();
            value["before"] = of_conditions(&changed.before).into();
            value
        });
        json!({
            "gained": list(&self.gained), "lost": list(&self.lost),
            "changed": changed.collect::<Vec<_>>(),
            "joined": self.joined, "left": self.left,
            "terms": self.terms.iter().map(|w| json!({ "ja": w.ja, "en": w.en })).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
#[path = "diff_test.rs"]
mod tests;
