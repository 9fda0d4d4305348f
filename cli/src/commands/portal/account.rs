//! `sekisho portal account`: accounts of people who sign in here. The node holds them open while it runs.

use super::password::PasswordArgs;
use crate::commands::At;
use crate::commands::args::codes_of;
use crate::commands::serve::{accounts_path, create_data};
use crate::ops::now;
use crate::ui::{Exit, Failure};
use clap::{Args, Subcommand, ValueEnum};
use sekisho_documents::Patient;
use sekisho_domain::{FacilityId, Role};
use sekisho_portal::accounts::{Account, Accounts, AccountsFault, By, Holder, Second};
use serde_json::{Value, json};
use std::fmt::Write;

/// Accounts listed at once.
const LISTED: u16 = 100;

#[derive(Debug, Subcommand)]
pub(in crate::commands) enum Command {
    /// Add somebody; they set up one-time codes at their first sign-in
    #[command(
        after_help = "Example:\n  sekisho portal account add sato@example.jp --shown '佐藤 花子' --kind clinician \\\n    \
                      --practitioner dr-sato --profession physician --facility 4110100015 --one-time\n  \
                      sekisho portal account add oidc:00u1ab --shown '監査室' --kind officer --practitioner officer-1"
    )]
    Add(AddArgs),
    /// List accounts in the order of their names
    #[command(after_help = "Example:\n  sekisho portal account list --max 20")]
    List {
        /// Begin behind this name
        #[arg(long, value_name = "NAME", default_value = "")]
        after: String,
        /// At most so many, 1 to 1000
        #[arg(long, value_name = "COUNT", default_value_t = LISTED, value_parser = clap::value_parser!(u16).range(1..=1000))]
        max: u16,
    },
    /// Let nobody sign in with an account any more; `enable` takes it back
    #[command(after_help = "Example:\n  sekisho portal account disable sato@example.jp")]
    Disable {
        /// The account's name
        name: String,
    },
    /// Take a `disable` back; password, codes and passkeys are as they were
    #[command(after_help = "Example:\n  sekisho portal account enable sato@example.jp")]
    Enable {
        /// The account's name
        name: String,
    },
    /// Give a new password to somebody who lost theirs or their device; codes are set up anew, passkeys removed
    #[command(after_help = "Example:\n  sekisho portal account reset sato@example.jp --one-time")]
    Reset {
        /// The account's name
        name: String,
        #[command(flatten)]
        password: PasswordArgs,
    },
}

/// What somebody is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum KindArg {
    /// 医療従事者 / asks for patients' documents
    Clinician,
    /// 患者 / sees what others saw of them
    Patient,
    /// 監査担当 / watches that all of it was lawful
    Officer,
    /// 運用担当 / keeps it running
    Operator,
}

#[derive(Debug, Args)]
pub(in crate::commands) struct AddArgs {
    /// By which they sign in: printable ASCII without spaces; oidc:SUBJECT for somebody the identity provider knows
    name: String,
    /// As others here know them
    #[arg(long, value_name = "TEXT")]
    shown: String,
    /// What they are
    #[arg(long, value_enum, value_name = "KIND")]
    kind: KindArg,
    /// The network's local identifier of a clinician or an officer
    #[arg(long, value_name = "ID", required_if_eq_any([("kind", "clinician"), ("kind", "officer")]))]
    practitioner: Option<String>,
    /// A clinician's profession
    #[arg(long, value_name = "ROLE", value_parser = codes_of!(Role), required_if_eq("kind", "clinician"))]
    profession: Option<Role>,
    /// A facility at which a clinician works; again for each
    #[arg(long, value_name = "CODE", required_if_eq("kind", "clinician"))]
    facility: Vec<FacilityId>,
    /// A patient's chart, FACILITY/LOCALID
    #[arg(long, value_name = "CHART", value_parser = chart, required_if_eq("kind", "patient"))]
    chart: Option<Patient>,
    /// A chart of somebody the patient speaks for, FACILITY/LOCALID; again for each
    #[arg(long, value_name = "CHART", value_parser = chart)]
    represents: Vec<Patient>,
    #[command(flatten)]
    password: PasswordArgs,
}

/// Does not repeat the text, for it holds a local id.
fn chart(text: &str) -> Result<Patient, &'static str> {
    sekisho_portal::chart(text).ok_or("a chart is written FACILITY/LOCALID")
}

impl AddArgs {
    fn holder(&self) -> Result<Holder, Failure> {
        let missing = |what: &str| {
            Failure::usage(
                format!("--{what} がありません"),
                format!("--{what} is missing"),
            )
        };
        let practitioner = || {
            self.practitioner
                .clone()
                .ok_or_else(|| missing("practitioner"))
        };
        Ok(match self.kind {
            KindArg::Clinician => Holder::Clinician {
                practitioner: practitioner()?,
                profession: self.profession.ok_or_else(|| missing("profession"))?,
                facilities: self.facility.iter().cloned().collect(),
            },
            KindArg::Patient => Holder::Patient {
                chart: self.chart.clone().ok_or_else(|| missing("chart"))?,
                represents: self.represents.clone(),
            },
            KindArg::Officer => Holder::Officer {
                practitioner: practitioner()?,
            },
            KindArg::Operator => Holder::Operator,
        })
    }
}

fn open(at: &At) -> Result<Accounts, Failure> {
    let config = at.config()?;
    if config.portal.is_none() {
        return Err(Failure::usage(
            "この設定ファイルに [portal] がありません。アカウントは、ページを出すノードの設定ファイルを指定して扱ってください",
            "this configuration file has no [portal]; name that of the node which serves the pages",
        ));
    }
    create_data(&config.data)?;
    Accounts::open(&accounts_path(&config)).map_err(|fault| failed(&fault))
}

fn failed(fault: &AccountsFault) -> Failure {
    let (exit, ja) = match fault {
        AccountsFault::InUse(path) => {
            let path = path.display();
            return Failure::new(
                Exit::Unavailable,
                format!(
                    "{path} はほかのプロセス（動いているノード）が開いています。運用担当の画面（/operator/accounts）を使うか、\
                     ノードを止めてから実行してください"
                ),
                format!(
                    "{path} is open in another process, the running node most likely; use the operator's page \
                     (/operator/accounts), or stop the node first"
                ),
            );
        }
        AccountsFault::Absent => (Exit::Refused, "その名前のアカウントはありません"),
        AccountsFault::Taken => (Exit::Refused, "その名前のアカウントはすでにあります"),
        AccountsFault::Name => (Exit::Usage, "名前は、空白のない半角の文字で書いてください"),
        AccountsFault::Shown => (Exit::Usage, "表示名が空か、長すぎるか、制御文字を含みます"),
        AccountsFault::Full => (Exit::Refused, "アカウントの数が上限に達しています"),
        _ => {
            return Failure::of(
                Exit::Unavailable,
                "アカウントを扱うことが",
                "work on the accounts",
                fault,
            );
        }
    };
    Failure::new(exit, ja, fault.to_string())
}

fn told(account: &Account) -> Value {
    json!({
        "name": account.name, "shown": account.shown, "kind": account.holder.kind().code(),
        "disabled": account.disabled, "password": account.password.is_some(), "temporary": account.temporary,
        "codes": matches!(account.second, Second::Totp { .. }), "passkeys": account.passkeys.len(),
    })
}

/// The result, with the one-time password where one was made: it is told this once.
fn done(at: &At, name: &str, ja: &str, en: &str, made: Option<String>) -> Exit {
    let (mut ja, mut en) = (format!("{name}：{ja}"), format!("{name}: {en}"));
    if let Some(made) = &made {
        let _ = write!(ja, "\n一度だけ使えるパスワード：{made}");
        let _ = write!(en, "\none-time password: {made}");
    }
    let object = json!({"name": name, "one_time_password": made});
    at.ui.result(&object, at.ui.pick(&ja, &en));
    Exit::Done
}

pub(super) fn run(command: Command, at: &At) -> Result<Exit, Failure> {
    let accounts = open(at)?;
    let by = By::command(now());
    match command {
        Command::Add(args) => add(&args, &accounts, &by, at),
        Command::List { after, max } => list(&accounts, &after, usize::from(max), at),
        Command::Disable { name } => {
            accounts
                .disable(&name, &by)
                .map_err(|fault| failed(&fault))?;
            Ok(done(
                at,
                &name,
                "使えなくしました。戻すには enable を実行します",
                "disabled; `enable` takes it back",
                None,
            ))
        }
        Command::Enable { name } => {
            accounts
                .enable(&name, &by)
                .map_err(|fault| failed(&fault))?;
            Ok(done(at, &name, "また使えます", "enabled", None))
        }
        Command::Reset { name, password } => {
            check_local(&name)?;
            // Known before somebody types a password for nobody.
            let known = accounts.get(&name).map_err(|fault| failed(&fault))?;
            known.ok_or_else(|| failed(&AccountsFault::Absent))?;
            let given = password.get(at.ui)?;
            let temporary = given.made.is_some();
            let reset = accounts.reset(&name, given.hashed, temporary, &by);
            reset.map_err(|fault| failed(&fault))?;
            Ok(done(
                at,
                &name,
                "パスワードを新しくしました",
                "has a new password",
                given.made,
            ))
        }
    }
}

fn check_local(name: &str) -> Result<(), Failure> {
    match name.starts_with(Account::PROVIDER) {
        true => Err(Failure::usage(
            "認証サービスで本人を確かめるアカウントには、パスワードがありません",
            "an account of somebody the identity provider knows has no password",
        )),
        false => Ok(()),
    }
}

fn add(args: &AddArgs, accounts: &Accounts, by: &By, at: &At) -> Result<Exit, Failure> {
    let holder = args.holder()?;
    let provider = args.name.starts_with(Account::PROVIDER);
    let known = accounts.get(&args.name).map_err(|fault| failed(&fault))?;
    if known.is_some() {
        return Err(failed(&AccountsFault::Taken));
    }
    let given = match provider {
        true => None,
        false => Some(args.password.get(at.ui)?),
    };
    let (hashed, made) = given.map_or((None, None), |given| (Some(given.hashed), given.made));
    let mut account = Account::new(&args.name, &args.shown, holder, hashed);
    account.temporary = made.is_some();
    accounts.add(&account, by).map_err(|fault| failed(&fault))?;
    Ok(done(at, &args.name, "追加しました", "added", made))
}

fn list(accounts: &Accounts, after: &str, max: usize, at: &At) -> Result<Exit, Failure> {
    let listed = accounts.list(after, max).map_err(|fault| failed(&fault))?;
    let mut text = String::new();
    for account in &listed {
        let state = match (account.disabled, account.temporary) {
            (true, _) => at.ui.pick("使用不可", "disabled"),
            (_, true) => at.ui.pick("初回前", "not yet in"),
            _ => "",
        };
        let kind = account.holder.kind().code();
        let _ = writeln!(text, "{}\t{kind}\t{}\t{state}", account.name, account.shown);
    }
    if listed.is_empty() {
        text.push_str(
            at.ui
                .pick("アカウントはありません", "there are no accounts"),
        );
    }
    let object = json!({"accounts": listed.iter().map(told).collect::<Vec<_>>()});
    at.ui.result(&object, text);
    Ok(Exit::Done)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::ui::Ui;
    use clap::Parser;
    use sekisho_domain::Language;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(subcommand)]
        command: Command,
    }

    #[test]
    fn accounts_come_go_and_come_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sekisho.toml");
        let text = "[network]\nid = \"a\"\n[server]\nlisten = \"127.0.0.1:1\"\n[replica]\nid = 1\n[broker]\n[node]\n\
                    [portal]\nlisten = \"127.0.0.1:2\"\n";
        std::fs::write(&path, text).unwrap();
        let ui = Ui {
            language: Language::En,
            json: true,
        };
        let at = At {
            ui,
            config: Some(path.clone()),
            timeout: None,
        };
        let said = |words: &[&str]| {
            let words = ["account"].iter().chain(words);
            let line = Line::try_parse_from(words).map_err(|e| e.to_string())?;
            run(line.command, &at).map_err(|failure| failure.words.en)
        };
        let kept = || Accounts::open(&dir.path().join("data/portal.redb")).unwrap();
        let doctor = [
            "add",
            "sato",
            "--shown",
            "佐藤",
            "--kind",
            "clinician",
            "--one-time",
        ];
        let rest = [
            "--practitioner",
            "dr-1",
            "--profession",
            "physician",
            "--facility",
            "4110100015",
        ];
        assert!(said(&doctor).unwrap_err().contains("--practitioner"));
        let all: Vec<_> = doctor.into_iter().chain(rest).collect();
        said(&all).unwrap();
        assert!(said(&all).unwrap_err().contains("account of this name"));
        let account = kept().get("sato").unwrap().unwrap();
        assert!(account.temporary && account.second == Second::Missing);
        said(&[
            "add",
            "oidc:u-1",
            "--shown",
            "x",
            "--kind",
            "patient",
            "--chart",
            "4110100015/1",
        ])
        .unwrap();
        assert_eq!(kept().get("oidc:u-1").unwrap().unwrap().password, None);
        assert!(
            said(&["reset", "oidc:u-1", "--one-time"])
                .unwrap_err()
                .contains("no password")
        );
        let secret = "4110100015:0009013";
        let wrong = said(&[
            "add", "p", "--shown", "x", "--kind", "patient", "--chart", secret,
        ]);
        assert!(wrong.unwrap_err().contains("FACILITY/LOCALID"));
        said(&["disable", "sato"]).unwrap();
        assert!(kept().get("sato").unwrap().unwrap().disabled);
        said(&["enable", "sato"]).unwrap();
        said(&["reset", "sato", "--one-time"]).unwrap();
        let again = kept().get("sato").unwrap().unwrap();
        assert!(!again.disabled && again.temporary && again.password != account.password);
        assert!(
            said(&["reset", "nobody", "--one-time"])
                .unwrap_err()
                .contains("no such account")
        );
        said(&["list", "--max", "1"]).unwrap();
        let held = kept();
        assert!(
            said(&["list"])
                .unwrap_err()
                .contains("open in another process")
        );
        drop(held);
    }
}
