//! Everything the pages say, in message files (Fluent, projectfluent.org), one folder for each language.

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use sekisho_domain::Language;
use std::borrow::Cow;
use unic_langid::LanguageIdentifier;

/// The files of each language; the same names in both folders.
const FILES: [(&str, &str, &str); 6] = [
    file(
        "common",
        include_str!("../messages/ja/common.ftl"),
        include_str!("../messages/en/common.ftl"),
    ),
    file(
        "signin",
        include_str!("../messages/ja/signin.ftl"),
        include_str!("../messages/en/signin.ftl"),
    ),
    file(
        "clinician",
        include_str!("../messages/ja/clinician.ftl"),
        include_str!("../messages/en/clinician.ftl"),
    ),
    file(
        "patient",
        include_str!("../messages/ja/patient.ftl"),
        include_str!("../messages/en/patient.ftl"),
    ),
    file(
        "officer",
        include_str!("../messages/ja/officer.ftl"),
        include_str!("../messages/en/officer.ftl"),
    ),
    file(
        "operator",
        include_str!("../messages/ja/operator.ftl"),
        include_str!("../messages/en/operator.ftl"),
    ),
];

const fn file(
    name: &'static str,
    ja: &'static str,
    en: &'static str,
) -> (&'static str, &'static str, &'static str) {
    (name, ja, en)
}

/// A message file that is not in Fluent's form, or says one thing twice.
#[derive(Debug, thiserror::Error)]
#[error("messages/{language}/{file}.ftl: {fault}")]
pub struct MessageFault {
    language: &'static str,
    file: &'static str,
    fault: String,
}

/// One language's messages.
pub struct Messages {
    language: Language,
    bundle: FluentBundle<FluentResource>,
}

impl std::fmt::Debug for Messages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Messages({:?})", self.language)
    }
}

impl Messages {
    /// Reads a language's files.
    ///
    /// # Errors
    /// [`MessageFault`]: the first file that is faulty.
    pub fn read(language: Language) -> Result<Self, MessageFault> {
        let code = language.pick("ja", "en");
        let fault = |fault: String| MessageFault {
            language: code,
            file: "",
            fault,
        };
        let id = code
            .parse::<LanguageIdentifier>()
            .map_err(|e| fault(e.to_string()))?;
        let mut bundle = FluentBundle::new_concurrent(vec![id]);
        // Marks around what is put in would be read aloud and copied along.
        bundle.set_use_isolating(false);
        for (file, ja, en) in FILES {
            let fault = |fault: String| MessageFault {
                language: code,
                file,
                fault,
            };
            let text = language.pick(ja, en).to_owned();
            let resource = FluentResource::try_new(text)
                .map_err(|(_, faults)| fault(format!("{faults:?}")))?;
            bundle
                .add_resource(resource)
                .map_err(|faults| fault(format!("{faults:?}")))?;
        }
        Ok(Self { language, bundle })
    }

    /// Which language it is.
    pub fn language(&self) -> Language {
        self.language
    }

    /// A message. One that does not exist shows its id in brackets: a test looks for every id the pages use.
    pub fn text(&self, id: &str) -> String {
        self.with(id, &[])
    }

    /// A message with values put in. Numbers are given as numbers where a plural depends on them.
    pub fn with(&self, id: &str, values: &[(&str, &dyn Put)]) -> String {
        let pattern = self
            .bundle
            .get_message(id)
            .and_then(|message| message.value());
        let Some(pattern) = pattern else {
            tracing::error!(id, "the pages have no such message");
            return format!("[{id}]");
        };
        let mut args = FluentArgs::new();
        for (name, value) in values {
            args.set(Cow::Borrowed(*name), FluentValue::from(&value.value()));
        }
        let mut faults = Vec::new();
        let text = self
            .bundle
            .format_pattern(pattern, Some(&args), &mut faults);
        if !faults.is_empty() {
            tracing::error!(id, "a message lacks a value");
        }
        text.into_owned()
    }
}

/// What is put into a message.
#[derive(Debug, Clone, Copy)]
pub enum Value<'a> {
    /// Text, as it is.
    Text(&'a str),
    /// A number, by which a plural is chosen.
    Number(u64),
}

/// What can be put into a message.
pub trait Put {
    /// As a value.
    fn value(&self) -> Value<'_>;
}

impl Put for str {
    fn value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl Put for String {
    fn value(&self) -> Value<'_> {
        Value::Text(self)
    }
}

impl Put for u64 {
    fn value(&self) -> Value<'_> {
        Value::Number(*self)
    }
}

impl Put for usize {
    fn value(&self) -> Value<'_> {
        Value::Number(*self as u64)
    }
}

impl<T: Put + ?Sized> Put for &T {
    fn value(&self) -> Value<'_> {
        (**self).value()
    }
}

impl<'a> From<&Value<'a>> for FluentValue<'a> {
    fn from(value: &Value<'a>) -> Self {
        match *value {
            Value::Text(text) => Self::String(Cow::Borrowed(text)),
            Value::Number(number) => Self::from(number),
        }
    }
}

#[cfg(test)]
#[path = "messages_test.rs"]
mod tests;
