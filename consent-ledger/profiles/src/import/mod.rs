//! Reads the facts from the two data files they were compiled into: `networks.json`, an array of networks, and
//! `interconnections.json`. What this crate does not use is not read; what it uses must be a code of its list.

mod links;
mod network;
mod raw;

use crate::facts::{Facts, LinkFacts, NetworkFacts, Row};
use crate::vocabulary::Survey;
use sekisho_domain::NetworkId;

/// Data that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// Not in the form of the data files.
    #[error("line {}, column {}: {source}", source.line(), source.column())]
    Json {
        /// What serde found.
        #[from]
        source: serde_json::Error,
    },
    /// A value of one network that has no meaning.
    #[error("{network}: {field}: {why}")]
    Value {
        /// The network's or link's id.
        network: String,
        /// The field.
        field: &'static str,
        /// What is wrong.
        why: String,
    },
    /// Two networks of one id.
    #[error("{0} stands there twice")]
    Twice(NetworkId),
}

/// The networks of `networks.json`. `heard` gets how many are done and how many there are.
///
/// # Errors
/// [`ImportError`], with the place.
pub fn networks(
    json: &[u8],
    mut heard: impl FnMut(usize, usize),
) -> Result<Vec<NetworkFacts>, ImportError> {
    let raw: Vec<raw::RawNetwork> = serde_json::from_slice(json)?;
    let mut seen = std::collections::BTreeSet::new();
    let total = raw.len();
    let mut facts = Vec::with_capacity(total);
    for (done, raw) in raw.into_iter().enumerate() {
        let name = raw.id.clone();
        let network = raw.facts().map_err(|(field, why)| ImportError::Value {
            network: name,
            field,
            why,
        })?;
        if !seen.insert(network.id.clone()) {
            return Err(ImportError::Twice(network.id));
        }
        facts.push(network);
        heard(done + 1, total);
    }
    Ok(facts)
}

/// The links of `interconnections.json`.
///
/// # Errors
/// [`ImportError`], with the place.
pub fn links(json: &[u8]) -> Result<Vec<LinkFacts>, ImportError> {
    let raw: links::RawLinks = serde_json::from_slice(json)?;
    let link = |raw: links::RawLink| {
        let network = raw.id.clone();
        raw.facts().map_err(|(field, why)| ImportError::Value {
            network,
            field,
            why,
        })
    };
    raw.links.into_iter().map(link).collect()
}

/// Both files together.
///
/// # Errors
/// [`ImportError`], with the place.
pub fn facts(networks_json: &[u8], links_json: &[u8]) -> Result<Facts, ImportError> {
    Ok(Facts {
        networks: networks(networks_json, |_, _| ())?,
        links: links(links_json)?,
    })
}

/// A field and what is wrong with it.
type Wrong = (&'static str, String);

fn wrong<E: std::fmt::Display>(field: &'static str) -> impl Fn(E) -> Wrong {
    move |error| (field, error.to_string())
}

/// An id of the compiled data as a [`NetworkId`].
fn id(raw: &str) -> Result<NetworkId, Wrong> {
    raw.to_lowercase()
        .replace('_', "-")
        .parse()
        .map_err(wrong("id"))
}

/// `004#0026` as a row.
fn row(reference: &str) -> Result<Row, Wrong> {
    let (seed, number) = reference.split_once('#').unwrap_or((reference, ""));
    let survey = survey(seed).ok_or_else(|| ("sources", format!("{seed:?} is no source")))?;
    let number = if number.starts_with("unnumbered") {
        "unnumbered"
    } else {
        number
    };
    Ok(Row {
        survey,
        number: number.to_owned(),
    })
}

fn survey(seed: &str) -> Option<Survey> {
    Some(match seed {
        "000" => Survey::PickUp,
        "001" => Survey::Casebook,
        "002" => Survey::FollowUp2019,
        "003" => Survey::CloudGrant,
        "004" => Survey::Nationwide2016,
        _ => return None,
    })
}

/// A name: the facts file has one a line.
fn one_line(field: &'static str, text: &str) -> Result<String, Wrong> {
    if text.is_empty() || text.trim() != text || text.chars().any(char::is_control) {
        return Err((field, format!("{text:?} is not a name on one line")));
    }
    Ok(text.to_owned())
}

fn one_word(field: &'static str, text: &str) -> Result<String, Wrong> {
    if text.is_empty() || text.chars().any(|c| c.is_whitespace() || c == '/') {
        return Err((field, format!("{text:?} is not one word")));
    }
    Ok(text.to_owned())
}
