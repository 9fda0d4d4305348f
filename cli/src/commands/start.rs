//! From the words on the command line to an exit code.

use super::{At, Cli, help, run};
use crate::ui::{Exit, Failure, Ui};
use clap::error::ErrorKind;
use clap::{CommandFactory, FromArgMatches};
use sekisho_domain::Language;
use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

/// Runs the program: parses the command line, does it, says what came of it.
pub fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let ui = spoken(&words, |name| std::env::var(name).ok());
    let cli = match parse(words, ui) {
        Ok(cli) => cli,
        Err(exit) => return exit.into(),
    };
    let at = At {
        ui,
        config: cli.common.config,
        timeout: cli.common.timeout.map(Duration::from_secs),
    };
    let ended = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|e| Failure::of(Exit::Unavailable, "起動することが", "start", &e))
        .and_then(|runtime| runtime.block_on(run(cli.command, &at)));
    ended
        .unwrap_or_else(|failure| {
            ui.failure(&failure);
            failure.exit
        })
        .into()
}

/// How to speak, known before the command line is understood, so that its faults are told in that way too.
fn spoken(words: &[OsString], variable: impl Fn(&str) -> Option<String>) -> Ui {
    let options = || words.iter().skip(1).take_while(|w| *w != "--");
    let mut named = None;
    let mut before: Option<&OsStr> = None;
    for word in options() {
        let after_equals = word.to_str().and_then(|w| w.strip_prefix("--lang="));
        let value = match before {
            Some(before) if before == "--lang" => word.to_str(),
            _ => after_equals,
        };
        named = value.and_then(|v| v.parse().ok()).or(named);
        before = Some(word);
    }
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"]
        .into_iter()
        .find_map(|name| variable(name).filter(|value| !value.is_empty()));
    Ui {
        language: named.unwrap_or_else(|| Language::of_locale(&locale.unwrap_or_default())),
        json: options().any(|w| w == "--json"),
    }
}

/// Parses; or prints help, the version or what is wrong, and says how to end.
fn parse(words: Vec<OsString>, ui: Ui) -> Result<Cli, Exit> {
    let command = help::in_language(Cli::command(), ui.language);
    let matches = command.try_get_matches_from(words);
    let error = match matches.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => return Ok(cli),
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // Nobody is left to tell when standard output is closed.
            let _ = write!(std::io::stdout().lock(), "{}", error.render());
            Err(Exit::Done)
        }
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand if !ui.json => {
            let _ = write!(std::io::stderr().lock(), "{}", error.render());
            Err(Exit::Usage)
        }
        _ => {
            let text = error.render().to_string();
            let text = text.trim_end();
            let text = text.strip_prefix("error: ").unwrap_or(text);
            let fault = help::fault(&error).map_or_else(String::new, |fault| fault + "\n");
            let failure = Failure::usage(
                format!("コマンドの書き方に誤りがあります。{fault}\n{text}"),
                format!("the command line is wrong: {text}"),
            );
            ui.failure(&failure);
            Err(failure.exit)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words, environment, the language and whether JSON is asked for.
    type Case<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], Language, bool);

    #[test]
    fn the_language_is_the_option_then_the_first_locale_set() {
        let cases: [Case<'_>; 8] = [
            (&[], &[], Language::En, false),
            (&["--lang", "ja"], &[("LANG", "C")], Language::Ja, false),
            (
                &["--lang=en", "--json"],
                &[("LANG", "ja_JP.UTF-8")],
                Language::En,
                true,
            ),
            (&[], &[("LANG", "ja_JP.UTF-8")], Language::Ja, false),
            (
                &[],
                &[("LC_ALL", "C"), ("LANG", "ja_JP.UTF-8")],
                Language::En,
                false,
            ),
            (
                &[],
                &[("LC_ALL", ""), ("LC_MESSAGES", "ja")],
                Language::Ja,
                false,
            ),
            (&["--lang", "fr"], &[("LANG", "ja_JP")], Language::Ja, false),
            (&["--", "--json", "--lang=ja"], &[], Language::En, false),
        ];
        for (words, environment, language, json) in cases {
            let words = std::iter::once(&"sekisho")
                .chain(words)
                .map(OsString::from)
                .collect::<Vec<_>>();
            let ui = spoken(&words, |name| {
                environment
                    .iter()
                    .find(|(n, _)| *n == name)
                    .map(|(_, v)| (*v).to_owned())
            });
            assert_eq!(
                (ui.language, ui.json),
                (language, json),
                "{words:?} {environment:?}"
            );
        }
    }
}
