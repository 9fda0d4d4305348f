//! An agreement as people write it, in TOML.

use crate::commands::args::days;
use crate::commands::text;
use crate::ui::Failure;
use sekisho_domain::{
    Agreement, AgreementId, Code, Codes, ConsentRule, DomainError, FacilityKind, Grant, Hash,
    Nature, NetworkId, Period, Purpose, Retention, Role, Settlement,
};
use sekisho_proto::v1;
use sekisho_words::Day;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// An agreement with every setting explained.
pub(in crate::commands) const EXAMPLE: &str = include_str!("example.toml");
const EXAMPLE_COMMAND: &str = "sekisho agreement example";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgreementFile {
    id: AgreementId,
    version: u32,
    parties: BTreeSet<NetworkId>,
    valid_from: Day,
    valid_until: Option<Day>,
    text: Option<PathBuf>,
    text_sha256: Option<Hash>,
    retention: Retention,
    settlement: Settlement,
    grant: Vec<GrantFile>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GrantFile {
    disclosing: NetworkId,
    viewing: NetworkId,
    categories: Vec<String>,
    purposes: Vec<String>,
    facility_kinds: Vec<String>,
    roles: Vec<String>,
    consent_rule: ConsentRule,
    valid_from: Option<Day>,
    valid_until: Option<Day>,
}

/// Reads an agreement; paths in it are relative to `base`.
///
/// # Errors
/// It is not in the form of [`EXAMPLE`], or contradicts itself.
pub(in crate::commands) fn parse(content: &str, base: &Path) -> Result<Agreement, Failure> {
    // The object that `agreement draft` writes: what is signed, with nothing left to fill in.
    if content.trim_start().starts_with('{') {
        return object(content);
    }
    let file: AgreementFile = text::parse(content, EXAMPLE_COMMAND)?;
    let valid = days(file.valid_from, file.valid_until)?;
    let grants = file.grant.into_iter().enumerate().map(|(n, grant)| {
        let grant = grant
            .grant(&valid)
            .map_err(|failure| of_grant(n + 1, &failure))?;
        for party in [&grant.disclosing, &grant.viewing] {
            if !file.parties.contains(party) {
                return Err(of_grant(
                    n + 1,
                    &Failure::usage(
                        format!("{party} は当事者ではありません"),
                        format!("{party} is not among the parties"),
                    ),
                ));
            }
        }
        grant
            .check()
            .map_err(|e| of_grant(n + 1, &misfit(&grant, &e)))?;
        Ok(grant)
    });
    let grants = grants.collect::<Result<Vec<_>, _>>()?;
    if file.parties.len() < 2 || grants.is_empty() {
        return Err(Failure::usage(
            "協定には二つ以上の当事者と、一つ以上の [[grant]] が必要です",
            "an agreement needs at least two parties and one [[grant]]",
        ));
    }
    if let Retention::Days(days) = file.retention
        && !(1..=Retention::DAYS_MAX).contains(&days)
    {
        let max = Retention::DAYS_MAX;
        return Err(Failure::usage(
            format!("retention の日数は 1〜{max} です（{days}）"),
            format!("retention is 1 to {max} days, not {days}"),
        ));
    }
    Ok(Agreement {
        id: file.id,
        version: file.version,
        parties: file.parties,
        grants,
        retention: file.retention,
        settlement: file.settlement,
        valid,
        text_hash: text::hash(file.text.as_deref(), file.text_sha256, base)?,
    })
}

/// An agreement as `agreement draft --object` writes it, held to what may be on the wire.
fn object(content: &str) -> Result<Agreement, Failure> {
    let refused = |why: String| {
        Failure::usage(
            format!("`sekisho agreement draft --object` の形ではありません：{why}"),
            format!("it is not in the form that `sekisho agreement draft --object` writes: {why}"),
        )
    };
    let agreement: Agreement = serde_json::from_str(content).map_err(|e| refused(e.to_string()))?;
    let agreement = Agreement::try_from(v1::Agreement::from(&agreement));
    let agreement = agreement.map_err(|e| refused(e.to_string()))?;
    for (n, grant) in agreement.grants.iter().enumerate() {
        for party in [&grant.disclosing, &grant.viewing] {
            if !agreement.parties.contains(party) {
                return Err(refused(format!(
                    "grant {}: {party} is not among the parties",
                    n + 1
                )));
            }
        }
        grant
            .check()
            .map_err(|e| refused(format!("grant {}: {e}", n + 1)))?;
    }
    Ok(agreement)
}

fn of_grant(n: usize, failure: &Failure) -> Failure {
    Failure::usage(
        format!("{n} 番目の [[grant]]：{}", failure.words.ja),
        format!("[[grant]] number {n}: {}", failure.words.en),
    )
}

/// A grant whose purposes, roles and rule of consent do not go together, with what to do.
fn misfit(grant: &Grant, fault: &DomainError) -> Failure {
    let allowed = Codes::from(Grant::BREAK_GLASS_ROLES);
    if grant.purposes.contains(&Purpose::BreakGlass) && !grant.roles.is_subset(&allowed) {
        return Failure::usage(
            "緊急時の同意によらない閲覧（BTG）ができるのは医師と救急救命士だけです。roles をこの二つに限ってください",
            format!("{fault}; limit roles to physician and paramedic"),
        );
    }
    Failure::usage(
        "同意にもとづく利用目的と、緊急時・災害時・法令による利用目的は、別々の [[grant]] に書きます。後者の consent_rule は \"not-needed\" です",
        fault.to_string(),
    )
}

impl GrantFile {
    fn grant(self, agreement: &Period) -> Result<Grant, Failure> {
        let valid = match (self.valid_from, self.valid_until) {
            (None, None) => *agreement,
            (from, until) => Period::new(
                from.map_or(agreement.from, Day::start),
                until.map(Day::end).or(agreement.until),
            )
            .map_err(|e| Failure::usage(e.to_string(), e.to_string()))?,
        };
        Ok(Grant {
            disclosing: self.disclosing,
            viewing: self.viewing,
            categories: codes("categories", &self.categories)?,
            purposes: purposes(&self.purposes, self.consent_rule)?,
            facility_kinds: codes::<FacilityKind>("facility_kinds", &self.facility_kinds)?,
            roles: codes::<Role>("roles", &self.roles)?,
            consent_rule: self.consent_rule,
            valid,
        })
    }
}

/// Purposes; all of them are all that rest on what the rule says: on consent, or not.
fn purposes(texts: &[String], rule: ConsentRule) -> Result<Codes<Purpose>, Failure> {
    let set = codes("purposes", texts)?;
    if texts != ["all"] {
        return Ok(set);
    }
    let consented = rule != ConsentRule::NotNeeded;
    let fits = |purpose: &Purpose| (purpose.nature() == Nature::Ordinary) == consented;
    Ok(set.iter().filter(fits).collect())
}

/// Codes, or the one word for all of them.
pub(in crate::commands) fn codes<T: Code + FromStr<Err = DomainError>>(
    key: &str,
    texts: &[String],
) -> Result<Codes<T>, Failure> {
    if texts == ["all"] {
        return Ok(Codes::all());
    }
    let set = texts
        .iter()
        .map(|text| text.parse())
        .collect::<Result<Codes<T>, _>>();
    match set {
        Ok(set) if set.is_empty() => Err(Failure::usage(
            format!("{key} に何もありません。すべてなら [\"all\"] と書きます"),
            format!("{key} is empty; for all of them write [\"all\"]"),
        )),
        Ok(set) => Ok(set),
        Err(e) => Err(Failure::usage(format!("{key}：{e}"), format!("{key}: {e}"))),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use sekisho_domain::Category;

    #[test]
    fn the_example_is_an_agreement_of_two_directions_with_emergencies_and_disasters() {
        let agreement = parse(EXAMPLE, Path::new(".")).unwrap();
        assert_eq!((agreement.parties.len(), agreement.grants.len()), (2, 4));
        assert_eq!(agreement.retention, Retention::AsOwnRecord);
        assert_eq!(agreement.grants[0].categories.len(), 7);
        assert_eq!(agreement.grants[1].categories.len(), Category::ALL.len());
        assert_eq!(agreement.grants[1].valid, agreement.valid);
        // The last day is covered: it ends when 2029-04-01 begins in Japan.
        assert_eq!(
            agreement.valid.until,
            Some("2029-04-01".parse::<Day>().unwrap().start())
        );
    }

    #[test]
    fn what_is_no_agreement_is_refused_with_its_place() {
        let cases = [
            (
                "viewing = \"pikapikalink\"",
                "viewing = \"mamenet\"",
                "number 2: mamenet is not among the parties",
            ),
            (
                "roles = [\"physician\"]",
                "roles = [\"doctor\"]",
                "number 1: roles: \"doctor\" is not a role",
            ),
            (
                "roles = [\"physician\"]",
                "roles = []",
                "number 1: roles is empty",
            ),
            (
                "# valid_until = \"2027-12-31\"",
                "valid_until = \"2020-01-01\"",
                "a period must end after it starts",
            ),
            (
                "valid_until = \"2029-03-31\"",
                "valid_until = \"2026-03-31\"",
                "the period ends before it begins",
            ),
            (
                "version = 1",
                "version = \"1\"",
                "sekisho agreement example",
            ),
            (
                "[\"pikapikalink\", \"azaleanet\"]",
                "[\"pikapikalink\"]",
                "azaleanet is not among the parties",
            ),
            (
                "purposes = [\"TREAT\", \"COC\"]",
                "purposes = [\"TREAT\", \"BTG\"]",
                "number 1: a grant is either for purposes that rest on consent",
            ),
            (
                "roles = [\"physician\", \"paramedic\"]",
                "roles = [\"physician\", \"nurse\"]",
                "number 3: only a physician or a paramedic",
            ),
            (
                "retention = \"as-own-record\"",
                "retention = { days = 0 }",
                "retention is 1 to 36525 days",
            ),
        ];
        for (from, to, expected) in cases {
            let failure = parse(&EXAMPLE.replacen(from, to, 1), Path::new(".")).unwrap_err();
            assert!(
                failure.words.en.contains(expected),
                "{expected}: {}",
                failure.words.en
            );
        }
    }
}
