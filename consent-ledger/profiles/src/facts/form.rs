//! The form of the facts file: UTF-8 lines, a network's sheets below it, a sheet's answers below that. An indent is
//! two spaces. Nothing may stand in a place that is not shown here.
//!
//! ```text
//! network mhlw-171 32 しまね医療情報ネットワーク(まめネット)    id, prefecture (JIS X 0401), name; `network?`: unnamed
//!   alias まめネット                                  any number
//!   adds-up mhlw-057 mhlw-058                         only of a row that is no network of its own
//!   sheet 2016#0026 2017-02-24 certain                survey#row, as of (`-`: not said), how surely it is this one
//!     since 2013                                      year of beginning
//!     withdrawal written_form                         question, codes; `~` after a code: planned, not in use
//!     consent other, blanket_all_facilities~ +words   `+words`: something was said in words besides
//!     count 2017-02-24 patients=35450 facilities.hospital=43     `count?`: doubtful, `count?care`: care columns
//! link link-04 one_way_link a_reads_b mhlw-171 mhlw-168 pickup#6 2016#0035    `kind/group`; `-`: no network of the surveys
//! ```

use super::{Answered, Count, Doubt, Facts, LinkFacts, NetworkFacts, Row, Sheet};
use crate::vocabulary::{Kind, State, SurveyCode};
use std::fmt::Write;

/// A facts file that is not in its form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct FormError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

/// The facts in their form; [`read`] reads them back.
pub fn write(facts: &Facts) -> String {
    let mut out = String::new();
    let mut line = |depth: usize, text: &str| {
        out.push_str(&"  ".repeat(depth));
        out.push_str(text);
        out.push('\n');
    };
    for network in &facts.networks {
        let mark = if network.named { "" } else { "?" };
        let NetworkFacts {
            id,
            name,
            prefecture,
            ..
        } = network;
        line(0, &format!("network{mark} {id} {prefecture} {name}"));
        for alias in &network.aliases {
            line(1, &format!("alias {alias}"));
        }
        if !network.members.is_empty() {
            line(1, &format!("adds-up {}", joined(&network.members)));
        }
        for sheet in &network.sheets {
            let dated = or_dash(&sheet.dated);
            line(
                1,
                &format!("sheet {} {dated} {}", sheet.row, sheet.join.code()),
            );
            if let Some(year) = sheet.since {
                line(2, &format!("since {year}"));
            }
            for (name, text) in sheet.answers.lines() {
                line(2, &format!("{name} {text}"));
            }
            for count in &sheet.counts {
                line(2, &of_count(count));
            }
        }
    }
    for link in &facts.links {
        let kind = match &link.group {
            Some(group) => format!("{}/{group}", link.kind),
            None => link.kind.clone(),
        };
        let end = |network: &Option<_>| match network {
            Some(id) => format!("{id}"),
            None => "-".to_owned(),
        };
        let LinkFacts { id, a, b, rows, .. } = link;
        let direction = link.direction.code();
        let (a, b, rows) = (end(a), end(b), joined(rows));
        line(0, &format!("link {id} {kind} {direction} {a} {b} {rows}"));
    }
    out
}

/// Reads facts in their form.
///
/// # Errors
/// [`FormError`], with the line.
pub fn read(text: &str) -> Result<Facts, FormError> {
    let mut facts = Facts::default();
    for (number, line) in text.lines().enumerate() {
        one(&mut facts, line).map_err(|why| FormError {
            line: number + 1,
            why,
        })?;
    }
    Ok(facts)
}

fn one(facts: &mut Facts, line: &str) -> Result<(), String> {
    let text = line.trim_start_matches(' ');
    let depth = (line.len() - text.len()) / 2;
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    match (depth, word) {
        (0, "network" | "network?") => facts.networks.push(network(rest, word == "network")?),
        (0, "link") => facts.links.push(link(rest)?),
        _ => {
            let network = facts
                .networks
                .last_mut()
                .ok_or("it belongs below a network")?;
            match (depth, word) {
                (1, "alias") => network.aliases.push(rest.to_owned()),
                (1, "adds-up") => network.members = parsed(rest)?,
                (1, "sheet") => network.sheets.push(sheet(rest)?),
                (2, _) => {
                    let sheet = network
                        .sheets
                        .last_mut()
                        .ok_or("it belongs below a sheet")?;
                    answer(sheet, word, rest)?;
                }
                _ => return Err(format!("{word:?} does not belong here")),
            }
        }
    }
    Ok(())
}

fn network(rest: &str, named: bool) -> Result<NetworkFacts, String> {
    let mut parts = rest.splitn(3, ' ');
    let mut next = || {
        parts
            .next()
            .ok_or("a network has an id, a prefecture, a name")
    };
    Ok(NetworkFacts {
        id: next()?.parse().map_err(said)?,
        prefecture: next()?.parse().map_err(said)?,
        name: next()?.to_owned(),
        named,
        aliases: Vec::new(),
        members: Vec::new(),
        sheets: Vec::new(),
    })
}

fn sheet(rest: &str) -> Result<Sheet, String> {
    let [row, dated, join] = words(rest)?;
    Ok(Sheet {
        row: self::row(row)?,
        dated: if dated == "-" { "" } else { dated }.to_owned(),
        join: join.parse().map_err(said)?,
        since: None,
        answers: super::Answers::default(),
        counts: Vec::new(),
    })
}

fn answer(sheet: &mut Sheet, word: &str, rest: &str) -> Result<(), String> {
    match word {
        "since" => sheet.since = Some(rest.parse().map_err(said)?),
        "count" => sheet.counts.push(count(rest, Doubt::None)?),
        "count?care" => sheet.counts.push(count(rest, Doubt::CareColumns)?),
        "count?" => sheet.counts.push(count(rest, Doubt::Facilities)?),
        _ if sheet.answers.set(word, rest)? => {}
        _ => return Err(format!("{word:?} is no question")),
    }
    Ok(())
}

fn link(rest: &str) -> Result<LinkFacts, String> {
    let mut parts = rest.splitn(6, ' ');
    let mut next = || {
        parts
            .next()
            .ok_or("a link has an id, a kind, a direction, two ends and rows")
    };
    let (id, kind, direction, a, b, rows) = (next()?, next()?, next()?, next()?, next()?, next()?);
    let end = |text: &str| match text {
        "-" => Ok(None),
        id => id.parse().map(Some).map_err(said),
    };
    let (kind, group) = match kind.split_once('/') {
        Some((kind, group)) => (kind, Some(group.to_owned())),
        None => (kind, None),
    };
    Ok(LinkFacts {
        id: id.to_owned(),
        kind: kind.to_owned(),
        group,
        direction: direction.parse().map_err(said)?,
        a: end(a)?,
        b: end(b)?,
        rows: rows.split(' ').map(row).collect::<Result<_, _>>()?,
    })
}

/// `survey#number`.
pub(crate) fn row(text: &str) -> Result<Row, String> {
    let (survey, number) = text
        .split_once('#')
        .ok_or_else(|| format!("{text:?} is not survey#row"))?;
    Ok(Row {
        survey: survey.parse().map_err(said)?,
        number: number.to_owned(),
    })
}

const IN_WORDS: &str = "+words";

pub(super) fn answered<T: SurveyCode>(text: &str) -> Result<Answered<T>, String> {
    let (codes, words) = match text.strip_suffix(IN_WORDS) {
        Some(codes) => (codes.trim_end(), true),
        None => (text, false),
    };
    let codes = codes.split(", ").filter(|code| !code.is_empty());
    let marks = codes.map(|code| {
        let (code, state) = match code.strip_suffix('~') {
            Some(code) => (code, State::Planned),
            None => (code, State::InUse),
        };
        Ok((code.parse().map_err(said)?, state))
    });
    Ok(Answered {
        marks: marks.collect::<Result<_, String>>()?,
        words,
    })
}

pub(super) fn of_answered<T: SurveyCode>(answered: &Answered<T>) -> String {
    let marks = answered.marks.iter().map(|(code, state)| match state {
        State::InUse => code.code().to_owned(),
        State::Planned => format!("{}~", code.code()),
    });
    let mut text = marks.collect::<Vec<_>>().join(", ");
    if answered.words {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(IN_WORDS);
    }
    text
}

fn count(rest: &str, doubt: Doubt) -> Result<Count, String> {
    let (as_of, figures) = rest
        .split_once(' ')
        .ok_or("a count has a date and figures")?;
    let mut count = Count {
        as_of: as_of.to_owned(),
        doubt,
        ..Count::default()
    };
    for figure in figures.split(' ') {
        let (name, value) = figure
            .split_once('=')
            .ok_or_else(|| format!("{figure:?} is not name=figure"))?;
        let value: u64 = value
            .parse()
            .map_err(|_| format!("{value:?} is not a figure"))?;
        match name.split_once('.') {
            Some(("facilities", kind)) => {
                count.facilities.insert(kind.parse().map_err(said)?, value);
            }
            Some(("bidirectional", kind)) => {
                count
                    .bidirectional
                    .insert(kind.parse().map_err(said)?, value);
            }
            _ => {
                let of = match name {
                    "patients" => &mut count.patients,
                    "participating" => &mut count.participating,
                    "disclosing" => &mut count.disclosing,
                    "accessing" => &mut count.accessing,
                    _ => return Err(format!("{name:?} is no figure")),
                };
                *of = Some(value);
            }
        }
    }
    Ok(count)
}

fn of_count(count: &Count) -> String {
    let mark = match count.doubt {
        Doubt::None => "",
        Doubt::CareColumns => "?care",
        Doubt::Facilities => "?",
    };
    let mut text = format!("count{mark} {}", count.as_of);
    let mut put = |name: &str, kind: Option<&Kind>, value: u64| {
        let dot = if kind.is_some() { "." } else { "" };
        let kind = kind.map_or("", |k| k.code());
        // Writing into a String cannot fail.
        let _ = write!(text, " {name}{dot}{kind}={value}");
    };
    let single = [
        ("patients", count.patients),
        ("participating", count.participating),
        ("disclosing", count.disclosing),
        ("accessing", count.accessing),
    ];
    for (name, value) in single {
        if let Some(value) = value {
            put(name, None, value);
        }
    }
    count
        .facilities
        .iter()
        .for_each(|(kind, n)| put("facilities", Some(kind), *n));
    count
        .bidirectional
        .iter()
        .for_each(|(kind, n)| put("bidirectional", Some(kind), *n));
    text
}

fn words<const N: usize>(text: &str) -> Result<[&str; N], String> {
    let parts: Vec<_> = text.split(' ').collect();
    parts
        .try_into()
        .map_err(|parts: Vec<_>| format!("{N} words are needed, here are {}", parts.len()))
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<Vec<T>, String> {
    text.split(' ').map(|t| t.parse().map_err(said)).collect()
}

fn joined<T: std::fmt::Display>(list: &[T]) -> String {
    let list: Vec<_> = list.iter().map(ToString::to_string).collect();
    list.join(" ")
}

fn or_dash(text: &str) -> &str {
    if text.is_empty() { "-" } else { text }
}

fn said(error: impl std::fmt::Display) -> String {
    error.to_string()
}
