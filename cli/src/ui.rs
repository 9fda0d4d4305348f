//! How the program speaks: one result on standard output, everything else on standard error.

use sekisho_domain::Language;
pub use sekisho_words::Words;
use serde_json::Value;
use std::fmt;
use std::io::Write;
use std::process::ExitCode;

/// How a command ended, for scripts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: it is done.
    Done,
    /// 1: a rule stands against it.
    Refused,
    /// 2: it was called wrongly, or the configuration is wrong.
    Usage,
    /// 3: something needed could not be reached, or not in time.
    Unavailable,
    /// 4: a proof or signature does not hold.
    Unverified,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Refused => 1,
            Exit::Usage => 2,
            Exit::Unavailable => 3,
            Exit::Unverified => 4,
        })
    }
}

/// Why a command did not do what it was asked to: how it ends, and what to tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// How the program ends.
    pub exit: Exit,
    /// What people are told.
    pub words: Words,
}

impl Failure {
    /// A failure with its sentence.
    pub fn new(exit: Exit, ja: impl Into<String>, en: impl Into<String>) -> Self {
        Self {
            exit,
            words: Words::new(ja, en),
        }
    }
    /// Called wrongly.
    pub fn usage(ja: impl Into<String>, en: impl Into<String>) -> Self {
        Self::new(Exit::Usage, ja, en)
    }
    /// Something technical, whose own words are English; the Japanese says what was being done.
    pub fn of(
        exit: Exit,
        doing_ja: &str,
        doing_en: &str,
        error: &(dyn std::error::Error + 'static),
    ) -> Self {
        let mut chain = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !chain.ends_with(&text) {
                chain = format!("{chain}: {text}");
            }
            source = cause.source();
        }
        Self::new(
            exit,
            format!("{doing_ja}できませんでした：{chain}"),
            format!("could not {doing_en}: {chain}"),
        )
    }
}

/// The two ways of speaking, chosen on the command line.
#[derive(Debug, Clone, Copy)]
pub struct Ui {
    /// Which language people read.
    pub language: Language,
    /// Whether the result is one JSON object.
    pub json: bool,
}

impl Ui {
    /// Picks the language's text.
    pub fn pick<'a>(&self, ja: &'a str, en: &'a str) -> &'a str {
        self.language.pick(ja, en)
    }
    /// The one result: the JSON object, or the text for people.
    pub fn result(&self, json: &Value, text: impl fmt::Display) {
        let line = if self.json {
            json.to_string()
        } else {
            text.to_string()
        };
        let mut out = std::io::stdout().lock();
        // Nobody is left to tell when standard output is closed.
        let _ = writeln!(out, "{}", line.trim_end_matches('\n'));
    }
    /// A remark for people, on standard error.
    pub fn note(&self, ja: impl AsRef<str>, en: impl AsRef<str>) {
        let mut err = std::io::stderr().lock();
        let _ = writeln!(err, "{}", self.language.pick(ja.as_ref(), en.as_ref()));
    }
    /// The failure, on standard error; with `--json` the object goes to standard output as well.
    pub fn failure(&self, failure: &Failure) {
        if self.json {
            let object = serde_json::json!({
                "error": { "ja": failure.words.ja, "en": failure.words.en, "exit": failure.exit as u8 }
            });
            self.result(&object, "");
        }
        self.note(&failure.words.ja, &failure.words.en);
    }
}
