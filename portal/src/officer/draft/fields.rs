//! The form of an agreement: as it is filled in, and what it says.

use crate::form::Sent;
use sekisho_domain::{
    Agreement, AgreementId, Category, Code, Codes, ConsentRule, FacilityKind, Grant, Hash, Nature,
    NetworkId, Period, Purpose, Retention, Role, Settlement,
};
use sekisho_proto::v1;
use sekisho_words::Day;
use std::collections::BTreeSet;
use std::str::FromStr;

/// What cannot be so: a message, and in which direction if in one.
pub type FaultAt = (&'static str, Option<usize>);

/// The form as it is filled in.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Fields {
    pub id: String,
    pub parties: BTreeSet<String>,
    pub from: String,
    pub until: String,
    pub text: String,
    /// `not-kept`, `as-own-record` or `days`.
    pub retention: String,
    pub days: String,
    pub settlement: String,
    pub grants: Vec<GrantFields>,
}

/// One direction.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct GrantFields {
    pub disclosing: String,
    pub viewing: String,
    pub categories: Codes<Category>,
    pub purposes: Codes<Purpose>,
    pub facility_kinds: Codes<FacilityKind>,
    pub roles: Codes<Role>,
    pub rule: String,
    pub from: String,
    pub until: String,
}

impl Fields {
    /// An empty form of a network's: one direction, and most terms as most agreements have them.
    pub fn empty(own: &NetworkId) -> Self {
        Self {
            parties: [own.to_string()].into(),
            retention: "not-kept".to_owned(),
            settlement: Settlement::EachOwn.code().to_owned(),
            grants: vec![GrantFields::default()],
            ..Self::default()
        }
    }

    /// An agreement as the form shows it.
    pub fn of(agreement: &Agreement) -> Self {
        let (retention, days) = match agreement.retention {
            Retention::NotKept => ("not-kept", String::new()),
            Retention::AsOwnRecord => ("as-own-record", String::new()),
            Retention::Days(days) => ("days", days.to_string()),
        };
        let (from, until) = written(&agreement.valid);
        let grants = agreement.grants.iter().map(|grant| {
            let (from, until) = match grant.valid == agreement.valid {
                true => Default::default(),
                false => written(&grant.valid),
            };
            GrantFields {
                disclosing: grant.disclosing.to_string(),
                viewing: grant.viewing.to_string(),
                categories: grant.categories,
                purposes: grant.purposes,
                facility_kinds: grant.facility_kinds,
                roles: grant.roles,
                rule: grant.consent_rule.code().to_owned(),
                from,
                until,
            }
        });
        Self {
            id: agreement.id.to_string(),
            parties: agreement.parties.iter().map(ToString::to_string).collect(),
            from,
            until,
            text: agreement.text_hash.to_string(),
            retention: retention.to_owned(),
            days,
            settlement: agreement.settlement.code().to_owned(),
            grants: grants.collect(),
        }
    }

    /// What was sent. Directions somebody chose to leave out are left out.
    pub fn sent(sent: &Sent) -> Self {
        let text = |name: &str| sent.field(name).to_owned();
        let count = sent.field("grants").parse::<usize>().unwrap_or(0);
        let grants = (0..count.min(Agreement::GRANTS_MAX))
            .filter(|n| sent.field(&format!("g{n}-out")).is_empty())
            .map(|n| {
                let text = |name: &str| sent.field(&format!("g{n}-{name}")).to_owned();
                GrantFields {
                    disclosing: text("disclosing"),
                    viewing: text("viewing"),
                    categories: chosen(sent, &format!("g{n}-category")),
                    purposes: chosen(sent, &format!("g{n}-purpose")),
                    facility_kinds: chosen(sent, &format!("g{n}-kind")),
                    roles: chosen(sent, &format!("g{n}-role")),
                    rule: text("rule"),
                    from: text("from"),
                    until: text("until"),
                }
            });
        Self {
            id: text("id"),
            parties: sent.all("party").map(str::to_owned).collect(),
            from: text("from"),
            until: text("until"),
            text: text("text"),
            retention: text("retention"),
            days: text("days"),
            settlement: text("settlement"),
            grants: grants.collect(),
        }
    }

    /// The agreement it says, as the version after the last one. A period of that one that is written the same is the same,
    /// to the millisecond.
    ///
    /// # Errors
    /// Everything that cannot be so.
    pub fn agreement(
        &self,
        last: Option<&Agreement>,
        own: &NetworkId,
    ) -> Result<Agreement, Vec<FaultAt>> {
        let periods = last.into_iter().flat_map(|last| {
            let grants = last.grants.iter().map(|grant| grant.valid);
            std::iter::once(last.valid).chain(grants)
        });
        let mut faults = Faults {
            known: periods.collect(),
            ..Faults::default()
        };
        let version = last.map_or(1, |last| last.version.saturating_add(1));
        let id: Option<AgreementId> = faults.parsed(&self.id, "officer-draft-fault-id");
        let parties = self.parties.iter().map(|party| party.parse().ok());
        let parties: Option<BTreeSet<NetworkId>> = parties.collect();
        let parties = parties.filter(|all| all.len() >= 2 && all.contains(own));
        let parties = faults.some(parties, "officer-draft-fault-parties");
        let valid = faults.period(&self.from, &self.until, None);
        let text_hash: Option<Hash> = faults.parsed(&self.text, "officer-draft-fault-text");
        let retention = match self.retention.as_str() {
            "not-kept" => Some(Retention::NotKept),
            "as-own-record" => Some(Retention::AsOwnRecord),
            _ => {
                let days = self.days.parse().ok();
                let days = days.filter(|days| (1..=Retention::DAYS_MAX).contains(days));
                faults.some(days.map(Retention::Days), "officer-draft-fault-days")
            }
        };
        let settlement = faults.parsed(&self.settlement, "officer-draft-fault-settlement");
        if self.grants.is_empty() {
            faults.add("officer-draft-fault-grants");
        }
        let mut grants = Vec::new();
        for (n, grant) in self.grants.iter().enumerate() {
            faults.at = Some(n + 1);
            grants.extend(grant.grant(parties.as_ref(), valid.as_ref(), &mut faults));
        }
        faults.at = None;
        let whole = || {
            Some(Agreement {
                id: id?,
                version,
                parties: parties?,
                grants,
                retention: retention?,
                settlement: settlement?,
                valid: valid?,
                text_hash: text_hash?,
            })
        };
        let agreement = whole().filter(|_| faults.all.is_empty());
        // What the ledger's own bounds say, which the form keeps to.
        let agreement = agreement.and_then(|of| v1::Agreement::from(&of).try_into().ok());
        if agreement.is_none() && faults.all.is_empty() {
            faults.add("officer-draft-fault-other");
        }
        agreement.ok_or(faults.all)
    }
}

impl GrantFields {
    fn grant(
        &self,
        parties: Option<&BTreeSet<NetworkId>>,
        agreement: Option<&Period>,
        faults: &mut Faults,
    ) -> Option<Grant> {
        let party = |text: &str| {
            let id: Option<NetworkId> = text.parse().ok();
            id.filter(|id| parties.is_none_or(|parties| parties.contains(id)))
        };
        let sides = party(&self.disclosing).zip(party(&self.viewing));
        let sides = sides.filter(|(disclosing, viewing)| disclosing != viewing);
        let sides = faults.some(sides, "officer-draft-fault-sides");
        for (empty, fault) in [
            (self.categories.is_empty(), "officer-draft-fault-categories"),
            (self.purposes.is_empty(), "officer-draft-fault-purposes"),
            (self.facility_kinds.is_empty(), "officer-draft-fault-kinds"),
            (self.roles.is_empty(), "officer-draft-fault-roles"),
        ] {
            if empty {
                faults.add(fault);
            }
        }
        let rule: Option<ConsentRule> = faults.parsed(&self.rule, "officer-draft-fault-rule");
        let valid = match (self.from.is_empty(), self.until.is_empty()) {
            (true, true) => agreement.copied(),
            _ => faults.period(&self.from, &self.until, agreement),
        };
        let (disclosing, viewing) = sides?;
        let grant = Grant {
            disclosing,
            viewing,
            categories: self.categories,
            purposes: self.purposes,
            facility_kinds: self.facility_kinds,
            roles: self.roles,
            consent_rule: rule?,
            valid: valid?,
        };
        if grant.check().is_err() {
            let consented = grant.consent_rule != ConsentRule::NotNeeded;
            let fits = |p: Purpose| (p.nature() == Nature::Ordinary) == consented;
            faults.add(match grant.purposes.iter().all(fits) {
                true => "officer-draft-fault-glass",
                false => "officer-draft-fault-nature",
            });
            return None;
        }
        Some(grant)
    }
}

#[derive(Default)]
struct Faults {
    all: Vec<FaultAt>,
    at: Option<usize>,
    /// Periods of the last version.
    known: Vec<Period>,
}

impl Faults {
    fn add(&mut self, fault: &'static str) {
        self.all.push((fault, self.at));
    }

    fn some<T>(&mut self, value: Option<T>, fault: &'static str) -> Option<T> {
        if value.is_none() {
            self.add(fault);
        }
        value
    }

    fn parsed<T: FromStr>(&mut self, text: &str, fault: &'static str) -> Option<T> {
        self.some(text.parse().ok(), fault)
    }

    /// Whole days, both included; of a direction within the agreement's where it says none.
    fn period(&mut self, from: &str, until: &str, within: Option<&Period>) -> Option<Period> {
        let same = |known: &&Period| written(known) == (from.to_owned(), until.to_owned());
        if let Some(known) = self.known.iter().find(same) {
            return Some(*known);
        }
        let day = |text: &str| text.parse::<Day>().ok();
        let first = match (from, within) {
            ("", Some(within)) => Some(within.from),
            _ => day(from).map(Day::start),
        };
        let last = match (until, within) {
            ("", Some(within)) => Some(within.until),
            ("", None) => Some(None),
            _ => day(until).map(|day| Some(day.end())),
        };
        let period = first
            .zip(last)
            .and_then(|(from, until)| Period::new(from, until).ok());
        self.some(period, "officer-draft-fault-period")
    }
}

/// A period as days; an end within a day is that day.
fn written(period: &Period) -> (String, String) {
    let last =
        |end: sekisho_domain::TimeMs| Day::of(sekisho_domain::TimeMs(end.0.saturating_sub(1)));
    let until = period.until.map(|end| last(end).to_string());
    (Day::of(period.from).to_string(), until.unwrap_or_default())
}

fn chosen<T: Code + FromStr>(sent: &Sent, name: &str) -> Codes<T> {
    sent.all(name)
        .filter_map(|code| code.parse().ok())
        .collect()
}
