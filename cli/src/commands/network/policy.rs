//! A network's consent policy: its file, and putting it on the ledger.

use crate::commands::{At, agreement, text};
use crate::ops;
use crate::ui::{Exit, Failure};
use clap::Subcommand;
use sekisho_domain::{
    Body, Capture, Codes, ConsentPolicy, Hash, NewFacility, Rule, Scope, Withdrawal,
};
use sekisho_words::{Day, policy as words};
use serde::Deserialize;
use serde_json::json;
use std::path::{Path, PathBuf};

/// A policy file with every setting explained.
const EXAMPLE: &str = include_str!("policy.toml");
const EXAMPLE_COMMAND: &str = "sekisho network policy example";

#[derive(Debug, Subcommand)]
pub(in crate::commands) enum Command {
    /// Print a consent policy with every setting explained
    #[command(after_help = "Example:\n  sekisho network policy example > policy.toml")]
    Example,
    /// Publish the next version of this network's consent policy
    #[command(after_help = "Example:\n  sekisho network policy publish --file policy.toml")]
    Publish {
        /// The policy, as `policy example` shows it
        #[arg(long, value_name = "FILE")]
        file: PathBuf,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyFile {
    version: u32,
    valid_from: Day,
    text: Option<PathBuf>,
    text_sha256: Option<Hash>,
    disclosing: Option<RuleFile>,
    viewing: Option<RuleFile>,
    #[serde(default)]
    voids_earlier: bool,
    emergency: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleFile {
    scope: Scope,
    capture: Codes<Capture>,
    new_facility: NewFacility,
    withdrawal: Codes<Withdrawal>,
}

impl RuleFile {
    fn rule(self) -> Result<Rule, Failure> {
        let Self {
            scope,
            capture,
            new_facility,
            withdrawal,
        } = self;
        if capture.is_empty() || withdrawal.is_empty() {
            return Err(Failure::usage(
                "capture と withdrawal には少なくとも一つの方法が必要です",
                "capture and withdrawal each need at least one way",
            ));
        }
        if let NewFacility::AfterNotice { days } = new_facility
            && !(1..=NewFacility::NOTICE_DAYS_MAX).contains(&days)
        {
            let max = NewFacility::NOTICE_DAYS_MAX;
            return Err(Failure::usage(
                format!("after-notice の日数は 1〜{max} です（{days}）"),
                format!("after-notice is 1 to {max} days, not {days}"),
            ));
        }
        Ok(Rule {
            scope,
            capture,
            new_facility,
            withdrawal,
        })
    }
}

fn parse(content: &str, base: &Path) -> Result<ConsentPolicy, Failure> {
    let file: PolicyFile = text::parse(content, EXAMPLE_COMMAND)?;
    if file.disclosing.is_none() && file.viewing.is_none() {
        return Err(Failure::usage(
            "[disclosing] と [viewing] の少なくとも一方が必要です",
            "at least one of [disclosing] and [viewing] is needed",
        ));
    }
    Ok(ConsentPolicy {
        version: file.version,
        valid_from: file.valid_from.start(),
        text_hash: text::hash(file.text.as_deref(), file.text_sha256, base)?,
        disclosing: file.disclosing.map(RuleFile::rule).transpose()?,
        viewing: file.viewing.map(RuleFile::rule).transpose()?,
        voids_earlier: file.voids_earlier,
        emergency: file
            .emergency
            .map(|set| agreement::codes("emergency", &set))
            .transpose()?,
    })
}

pub(super) async fn run(command: Command, at: &At) -> Result<Exit, Failure> {
    let file = match command {
        Command::Example => {
            at.ui.result(&json!({ "example": EXAMPLE }), EXAMPLE);
            return Ok(Exit::Done);
        }
        Command::Publish { file } => file,
    };
    let (content, base) = text::read(&file)?;
    let policy = parse(&content, base)?;
    let said = words(&policy);
    at.ui.note(said.ja, said.en);
    let body = Body::ConsentPolicyPublish(policy.clone());
    let done = ops::govern(&at.session()?, body).await?.accepted()?;
    let version = policy.version;
    let ja = format!("同意ポリシー第{version}版を公表しました");
    let en = format!("Consent policy version {version} is published");
    at.recorded(&done, &json!({ "policy": policy }), &ja, &en);
    Ok(Exit::Done)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_example_is_a_policy() {
        let policy = parse(EXAMPLE, Path::new(".")).unwrap();
        assert_eq!(
            policy.viewing.unwrap().new_facility,
            NewFacility::NotCovered
        );
        assert_eq!((policy.voids_earlier, policy.emergency), (false, None));
        let disclosing = policy.disclosing.unwrap();
        assert_eq!(
            disclosing.new_facility,
            NewFacility::NeedsConsent(Capture::Written)
        );
    }

    #[test]
    fn every_rule_on_new_facilities_can_be_written() {
        for (written, expected) in [
            (
                "{ after-notice = { days = 30 } }",
                NewFacility::AfterNotice { days: 30 },
            ),
            ("\"when-card-presented\"", NewFacility::WhenCardPresented),
            ("\"facility-choice\"", NewFacility::FacilityChoice),
            (
                "{ needs-consent = \"portal\" }",
                NewFacility::NeedsConsent(Capture::Portal),
            ),
        ] {
            let content = EXAMPLE.replace("\"not-covered\"", written);
            let policy = parse(&content, Path::new(".")).unwrap();
            assert_eq!(policy.viewing.unwrap().new_facility, expected, "{written}");
        }
        let content = EXAMPLE
            .replace("# emergency = ", "emergency = ")
            .replace("# voids_earlier = ", "voids_earlier = ");
        let policy = parse(&content, Path::new(".")).unwrap();
        assert!(policy.voids_earlier && policy.emergency.unwrap().len() == 3);
    }

    #[test]
    fn what_is_no_policy_is_refused_with_its_place() {
        let cases = [
            (
                EXAMPLE.replace("\"each-facility\"", "\"anywhere\""),
                "anywhere",
            ),
            (
                EXAMPLE.replace("version = 1", "version = 1\ncolour = 2"),
                "colour",
            ),
            (EXAMPLE.replace("2026-04-01", "2026-02-30"), "YYYY-MM-DD"),
            (EXAMPLE.replace("# text =", "text ="), "exactly one"),
            (
                EXAMPLE.replace("[\"written\", \"oral\"]", "[]"),
                "at least one way",
            ),
            (
                EXAMPLE.replace("\"not-covered\"", "{ after-notice = { days = 400 } }"),
                "1 to 366 days",
            ),
            (
                EXAMPLE.replace("# emergency = ", "emergency = [\"x-ray\"] # "),
                "x-ray",
            ),
            (
                EXAMPLE
                    .split("# How a patient lets documents")
                    .next()
                    .unwrap()
                    .to_owned(),
                "[disclosing]",
            ),
        ];
        for (content, expected) in cases {
            let failure = parse(&content, Path::new(".")).unwrap_err();
            assert_eq!(failure.exit, Exit::Usage);
            assert!(
                failure.words.en.contains(expected),
                "{expected}: {}",
                failure.words.en
            );
        }
    }

    #[test]
    fn a_text_is_hashed_where_it_lies() {
        let dir = tempfile::tempdir().unwrap();
        let content = EXAMPLE
            .replace("# text =", "text =")
            .replace("text_sha256", "# text_sha256");
        assert!(
            parse(&content, dir.path())
                .unwrap_err()
                .words
                .en
                .contains("policy.pdf")
        );
        std::fs::write(dir.path().join("policy.pdf"), "abc").unwrap();
        // FIPS 180-4, the one-block message.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(
            parse(&content, dir.path()).unwrap().text_hash.to_string(),
            expected
        );
    }
}
