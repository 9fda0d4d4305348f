//! Where a password comes from: typed without being shown, a line of standard input, or made here. Never an argument:
//! those are seen by everybody on the machine.

use crate::ui::{Failure, Ui};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use sekisho_portal::accounts::{Hashed, PASSWORD_CHARS_MIN, PasswordFault, one_time};
use std::io::{BufRead, IsTerminal, Write};

/// Longest line read.
const LINE_BYTES_MAX: u64 = 4096;

/// How a password is given.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(in crate::commands) struct PasswordArgs {
    /// Make a one-time password and print it; it must be changed at the first sign-in
    #[arg(long, conflicts_with = "password_stdin")]
    one_time: bool,
    /// Read the password from the first line of standard input
    #[arg(long)]
    password_stdin: bool,
}

/// A password, hashed.
pub(in crate::commands) struct Given {
    pub hashed: Hashed,
    /// The one-time password that was made, which is told once.
    pub made: Option<String>,
}

impl PasswordArgs {
    /// Asks for the password, or makes it.
    ///
    /// # Errors
    /// It is too short, not the same twice, or cannot be read.
    pub fn get(self, ui: Ui) -> Result<Given, Failure> {
        let (text, made) = match (self.one_time, self.password_stdin) {
            (true, _) => {
                let made = one_time().map_err(|e| failed(&e))?;
                (made.clone(), Some(made))
            }
            (_, true) => (line()?, None),
            _ => (ask(ui)?, None),
        };
        let hashed = Hashed::of(&text).map_err(refused)?;
        Ok(Given { hashed, made })
    }
}

fn refused(fault: PasswordFault) -> Failure {
    let ja = match &fault {
        PasswordFault::TooShort => {
            format!("パスワードは{PASSWORD_CHARS_MIN}文字以上にしてください")
        }
        PasswordFault::TooLong => "パスワードが長すぎます".to_owned(),
        PasswordFault::Hash(_) => "パスワードを処理できませんでした".to_owned(),
    };
    Failure::usage(ja, fault.to_string())
}

fn failed(error: &dyn std::fmt::Display) -> Failure {
    Failure::usage(
        format!("パスワードを読み取れませんでした：{error}"),
        format!("the password cannot be read: {error}"),
    )
}

fn line() -> Result<String, Failure> {
    use std::io::Read;
    let mut text = String::new();
    let mut input = std::io::stdin().lock().take(LINE_BYTES_MAX);
    input.read_line(&mut text).map_err(|e| failed(&e))?;
    Ok(text.trim_end_matches(['\n', '\r']).to_owned())
}

/// Typed twice on a terminal, without being shown.
fn ask(ui: Ui) -> Result<String, Failure> {
    let terminal = std::io::stdin();
    if !terminal.is_terminal() {
        return Err(Failure::usage(
            "端末ではないため、パスワードを尋ねられません。--password-stdin か --one-time を付けてください",
            "there is no terminal to ask for the password on; add --password-stdin or --one-time",
        ));
    }
    let before = tcgetattr(&terminal).map_err(|e| failed(&e))?;
    let mut hidden = before.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    hidden.local_modes.insert(LocalModes::ECHONL);
    tcsetattr(&terminal, OptionalActions::Flush, &hidden).map_err(|e| failed(&e))?;
    let prompt = |ja: &str, en: &str| {
        let mut err = std::io::stderr().lock();
        let _ = write!(err, "{}", ui.pick(ja, en)).and_then(|()| err.flush());
        line()
    };
    let typed = prompt("パスワード：", "Password: ")
        .and_then(|one| Ok((one, prompt("もう一度：", "Once more: ")?)));
    // Whatever came of it, the terminal shows again what is typed.
    tcsetattr(&terminal, OptionalActions::Flush, &before).map_err(|e| failed(&e))?;
    match typed? {
        (one, two) if one == two => Ok(one),
        _ => Err(Failure::usage(
            "二度入力したパスワードが同じではありません",
            "the two passwords differ",
        )),
    }
}
