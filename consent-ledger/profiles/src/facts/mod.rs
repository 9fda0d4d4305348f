//! What the surveys say, as facts: codes, figures, years, ids and names, each with the survey and row it was
//! printed in. No sentence of a survey is kept; where an answer was given in words, only that it was.
//!
//! [`built_in`] is the copy that is part of the crate (`data/surveys.facts`, its form in `form.rs`); [`crate::import`]
//! reads the same facts from the data files they were compiled into, and a test compares the two.

mod form;

pub use form::{FormError, read, write};

use crate::vocabulary::{
    Aim, Area, DataSource, Direction, Enrolment, Item, Join, Kind, LinkDirection, Mode,
    NewFacilityMode, Participation, Pickup, Recoded, SecondaryUse, Service, SourceSystem, State,
    Status, Survey, SurveyCode, WithdrawalMode,
};
use sekisho_domain::{AreaCode, NetworkId};
use std::collections::BTreeMap;
use std::fmt;

/// Everything the surveys say of the networks and the links between them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Every network, in the order of the surveys.
    pub networks: Vec<NetworkFacts>,
    /// Every stated link.
    pub links: Vec<LinkFacts>,
}

impl Facts {
    /// A network by its id, or by a name of which there is only one.
    pub fn network(&self, id_or_name: &str) -> Option<&NetworkFacts> {
        let by_id = self.networks.iter().find(|n| n.id.as_str() == id_or_name);
        let mut named = self
            .networks
            .iter()
            .filter(|n| n.name == id_or_name || n.aliases.iter().any(|a| a == id_or_name));
        by_id.or_else(|| match (named.next(), named.next()) {
            (Some(one), None) => Some(one),
            _ => None,
        })
    }
}

/// The copy that is part of this crate.
///
/// # Errors
/// Never for the file as committed; a test reads it.
pub fn built_in() -> Result<Facts, FormError> {
    read(include_str!("../../data/surveys.facts"))
}

/// A row of a survey: what every value is cited by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// The survey.
    pub survey: Survey,
    /// The row's number there, as printed; empty for a source without rows.
    pub number: String,
}

impl Row {
    /// In Japanese.
    pub fn ja(&self) -> String {
        match (self.survey, self.number.as_str()) {
            (survey, "") => survey.ja().to_owned(),
            (Survey::Nationwide2016, number) => {
                format!("{} 整理番号{number}", Survey::Nationwide2016.ja())
            }
            (survey, number) => format!("{} {number}番", survey.ja()),
        }
    }
    /// In English.
    pub fn en(&self) -> String {
        match (self.survey, self.number.as_str()) {
            (survey, "") => survey.en().to_owned(),
            (Survey::Nationwide2016, number) => {
                format!("{}, sheet {number}", Survey::Nationwide2016.en())
            }
            (survey, number) => format!("{}, row {number}", survey.en()),
        }
    }
}

/// `survey#number`, as in the facts file.
impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.survey.code(), self.number)
    }
}

/// One network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkFacts {
    /// Its id in the compiled data, in lower case with `-` for `_`.
    pub id: NetworkId,
    /// The name printed first.
    pub name: String,
    /// Other names printed.
    pub aliases: Vec<String>,
    /// Whether the name is one; not where the survey says "not stated" or the like.
    pub named: bool,
    /// Where.
    pub prefecture: AreaCode,
    /// The networks this row adds up, where it is no network of its own.
    pub members: Vec<NetworkId>,
    /// Every row about it.
    pub sheets: Vec<Sheet>,
}

impl NetworkFacts {
    /// Every mark given to one question, over all sheets, with its row.
    pub fn marks<T: SurveyCode>(
        &self,
        of: impl Fn(&Answers) -> &Answered<T>,
    ) -> Vec<(T, State, &Row)> {
        let mut marks = Vec::new();
        for sheet in &self.sheets {
            let of_sheet = of(&sheet.answers).marks.iter();
            marks.extend(of_sheet.map(|(code, state)| (*code, *state, &sheet.row)));
        }
        marks
    }
    /// The rows in which the question was answered in words.
    pub fn in_words<T>(&self, of: impl Fn(&Answers) -> &Answered<T>) -> Vec<&Row> {
        let sheets = self.sheets.iter();
        sheets
            .filter(|sheet| of(&sheet.answers).words)
            .map(|sheet| &sheet.row)
            .collect()
    }
}

/// One row about a network and what was answered in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// The row.
    pub row: Row,
    /// As of when, as printed: a date, a month or a fiscal year; empty where it is not said.
    pub dated: String,
    /// How surely it is about this network.
    pub join: Join,
    /// The year the network began, as printed there.
    pub since: Option<u16>,
    /// The answers.
    pub answers: Answers,
    /// The figures, each set with its own date.
    pub counts: Vec<Count>,
}

/// The answer to one question: the marked codes, and whether something was said in words besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered<T> {
    /// The codes, in the order printed; none: not answered.
    pub marks: Vec<(T, State)>,
    /// Whether there is an answer in words.
    pub words: bool,
}

impl<T> Default for Answered<T> {
    fn default() -> Self {
        Self {
            marks: Vec::new(),
            words: false,
        }
    }
}

macro_rules! answers {
    ($($(#[$doc:meta])* $field:ident: $type:ident = $name:literal;)+) => {
        /// The answers of one sheet.
        #[derive(Debug, Clone, PartialEq, Eq, Default)]
        pub struct Answers { $($(#[$doc])* pub $field: Answered<$type>,)+ }

        impl Answers {
            /// Sets the answer of this name from its form; whether there is a question of this name.
            fn set(&mut self, name: &str, text: &str) -> Result<bool, String> {
                match name {
                    $($name => self.$field = form::answered(text)?,)+
                    _ => return Ok(false),
                }
                Ok(true)
            }
            /// The answered questions, in their form.
            fn lines(&self) -> Vec<(&'static str, String)> {
                let mut lines = Vec::new();
                $(if self.$field != Answered::default() {
                    lines.push(($name, form::of_answered(&self.$field)));
                })+
                lines
            }
        }
    };
}

answers! {
    /// How a patient consents (2016).
    modes: Mode = "consent";
    /// What "other" stood for.
    recoded: Recoded = "consent-other";
    /// How a patient consents (picked-up cases).
    pickup: Pickup = "consent-pickup";
    /// How a consent is obtained.
    enrolment: Enrolment = "enrolment";
    /// How a consent is withdrawn.
    withdrawal: WithdrawalMode = "withdrawal";
    /// What a new facility asks for.
    new_facility: NewFacilityMode = "new-facility";
    /// How medical facilities join.
    participation: Participation = "participation";
    /// How care facilities join.
    care_participation: Participation = "care-participation";
    /// Which way documents are shared.
    direction: Direction = "direction";
    /// What is shared.
    items: Item = "items";
    /// What is offered, as far as it says what is shared.
    services: Service = "services";
    /// Where the data comes from (2016).
    source_systems: SourceSystem = "source-systems";
    /// Who supplies data (picked-up cases).
    data_sources: DataSource = "data-sources";
    /// Secondary uses.
    secondary_use: SecondaryUse = "secondary-use";
    /// What the network is for.
    aims: Aim = "aims";
    /// The area served.
    area: Area = "area";
    /// Where it stood in 2016.
    status: Status = "status";
}

/// What is doubtful about printed figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Doubt {
    /// Nothing.
    #[default]
    None,
    /// The columns of care and other facilities may be swapped.
    CareColumns,
    /// Any column or row of facilities may be another.
    Facilities,
}

/// Figures of one date.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Count {
    /// As of when, as printed.
    pub as_of: String,
    /// What the compilers doubt of how it was printed.
    pub doubt: Doubt,
    /// Participating facilities by kind.
    pub facilities: BTreeMap<Kind, u64>,
    /// Of them those that also disclose.
    pub bidirectional: BTreeMap<Kind, u64>,
    /// Registered patients.
    pub patients: Option<u64>,
    /// Participating medical institutions.
    pub participating: Option<u64>,
    /// Disclosing medical institutions.
    pub disclosing: Option<u64>,
    /// Medical institutions that looked at something, in one month.
    pub accessing: Option<u64>,
}

/// A stated link between two networks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkFacts {
    /// Its id.
    pub id: String,
    /// What kind of link, by the compilers' code.
    pub kind: String,
    /// The group it belongs to, where a link has more than two parties.
    pub group: Option<String>,
    /// The first party, where it is a network of the surveys.
    pub a: Option<NetworkId>,
    /// The second.
    pub b: Option<NetworkId>,
    /// Which way it runs.
    pub direction: LinkDirection,
    /// Where it is stated.
    pub rows: Vec<Row>,
}
