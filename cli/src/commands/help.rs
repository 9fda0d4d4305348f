//! Help in Japanese: clap's commands with their sentences, headings and arguments replaced from a table.

mod japanese;

use clap::Command;
use clap::error::{ContextKind, ContextValue, Error, ErrorKind};
use sekisho_domain::Language;

/// The heading of what every command takes.
pub(super) const COMMON: &str = "Common options";

const TEMPLATE: &str = "{about-with-newline}\n使い方： {usage}\n\n{all-args}{after-help}";

/// The command line with its help in a language.
pub(super) fn in_language(command: Command, language: Language) -> Command {
    match language {
        Language::En => command,
        Language::Ja => japanese(command, ""),
    }
}

/// `path` is the command's own words without the program's name, `agreement sign`.
fn japanese(mut command: Command, path: &str) -> Command {
    if let Some(about) = japanese::command(path) {
        command = command.about(about).long_about(None::<&str>);
    }
    if let Some(examples) = command.get_after_help().map(ToString::to_string) {
        command = command.after_help(examples.replacen("Example:", "例：", 1));
    }
    command = command
        .help_template(TEMPLATE)
        .subcommand_help_heading("コマンド")
        .mut_args(|arg| {
            let heading = match arg.get_help_heading() {
                Some(COMMON) => "共通オプション",
                _ if arg.is_positional() => "引数",
                _ => "オプション",
            };
            let help = japanese::argument(path, arg.get_id().as_str());
            let arg = arg.help_heading(heading);
            match help {
                Some(help) => arg.help(help).long_help(None::<&str>),
                None => arg,
            }
        });
    let names: Vec<_> = command
        .get_subcommands()
        .map(|c| c.get_name().to_owned())
        .collect();
    for name in names {
        let below = if path.is_empty() {
            name.clone()
        } else {
            format!("{path} {name}")
        };
        command = command.mut_subcommand(&name, |c| japanese(c, &below));
    }
    command
}

/// The commonest faults of a command line in a Japanese sentence; clap's own words follow it.
pub(super) fn fault(error: &Error) -> Option<String> {
    let named = |kind| match error.get(kind)? {
        ContextValue::String(one) => Some(one.clone()),
        ContextValue::Strings(all) => Some(all.join("、")),
        _ => None,
    };
    let argument = named(ContextKind::InvalidArg);
    Some(match error.kind() {
        ErrorKind::MissingRequiredArgument => format!("{} が必要です。", argument?),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            format!("{} の値が正しくありません。", argument?)
        }
        ErrorKind::UnknownArgument => format!("{} という引数はありません。", argument?),
        ErrorKind::ArgumentConflict => format!("{} は他の引数と併用できません。", argument?),
        ErrorKind::InvalidSubcommand => {
            let name = named(ContextKind::InvalidSubcommand)?;
            format!("{name} というコマンドはありません。")
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::Cli;
    use clap::CommandFactory;

    fn check(command: &Command, path: &str, missing: &mut Vec<String>) {
        if japanese::command(path).is_none() {
            missing.push(path.to_owned());
        }
        let unsaid = |id: &str| japanese::argument(path, id).is_none();
        let arguments = command.get_arguments().map(|a| a.get_id().as_str());
        missing.extend(
            arguments
                .filter(|id| unsaid(id))
                .map(|id| format!("{path}#{id}")),
        );
        for below in command.get_subcommands() {
            let name = below.get_name();
            let below_path = if path.is_empty() {
                name.to_owned()
            } else {
                format!("{path} {name}")
            };
            check(below, &below_path, missing);
        }
    }

    #[test]
    fn every_command_and_argument_is_explained_in_both_languages() {
        let mut missing = Vec::new();
        check(&Cli::command(), "", &mut missing);
        assert!(missing.is_empty(), "without Japanese: {missing:#?}");
        let mut unsaid = Vec::new();
        english(&Cli::command(), &mut unsaid);
        assert!(unsaid.is_empty(), "without English or example: {unsaid:#?}");
    }

    fn english(command: &Command, unsaid: &mut Vec<String>) {
        let leaf = command.get_subcommands().next().is_none();
        if command.get_about().is_none() || (leaf && command.get_after_help().is_none()) {
            unsaid.push(command.get_name().to_owned());
        }
        let silent = command.get_arguments().filter(|a| a.get_help().is_none());
        unsaid.extend(silent.map(|a| format!("{}#{}", command.get_name(), a.get_id())));
        command.get_subcommands().for_each(|c| english(c, unsaid));
    }

    #[test]
    fn what_is_wrong_is_said_in_japanese_too() {
        let cases: [(&[&str], &str); 5] = [
            (&["query"], "--patient <PATIENT>、"),
            (&["frobnicate"], "frobnicate というコマンドはありません"),
            (&["ledger", "log", "--max", "0"], "--max <N> の値"),
            (&["demo", "--twice"], "--twice という引数"),
            (&["audit", "show"], "<INDEX> が必要です"),
        ];
        for (words, expected) in cases {
            let words = std::iter::once(&"sekisho").chain(words);
            let said = Cli::command()
                .try_get_matches_from(words)
                .err()
                .and_then(|error| fault(&error))
                .unwrap_or_default();
            assert!(said.contains(expected), "{said}");
        }
    }

    #[test]
    fn the_command_line_is_well_formed_in_both_languages() {
        for language in [Language::Ja, Language::En] {
            in_language(Cli::command(), language).debug_assert();
        }
    }
}
