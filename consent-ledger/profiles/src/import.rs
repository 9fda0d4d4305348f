//! Reads the facts from the two data files they were compiled into: `networks.json`, an array of networks, and
//! `interconnections.json`. What this crate does not use is not read; what it uses must be a code of its list.

use crate::facts::{Answered, Answers, Count, Doubt, Facts, LinkFacts, NetworkFacts, Row, Sheet};
use crate::vocabulary::{Join, Kind, Service, State, Survey, SurveyCode};
use sekisho_domain::NetworkId;
use serde::Deserialize;
use std::collections::BTreeMap;

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
    let raw: Vec<RawNetwork> = serde_json::from_slice(json)?;
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
    let raw: RawLinks = serde_json::from_slice(json)?;
    let link = |raw: RawLink| {
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

#[derive(Deserialize)]
struct RawNetwork {
    id: String,
    name: String,
    aliases: Vec<String>,
    prefecture_code: String,
    #[serde(default)]
    unnamed: bool,
    #[serde(default)]
    member_ids: Vec<String>,
    sources: Vec<RawSource>,
    area: Option<RawArea>,
    lifecycle: RawLifecycle,
    #[serde(default)]
    scale: Vec<RawScale>,
    consent: Option<RawConsent>,
    sharing: Option<RawSharing>,
    content: Option<RawContent>,
    services: Option<RawItems>,
    secondary_use: Option<RawItems>,
}

#[derive(Deserialize)]
struct RawSource {
    r#ref: String,
    survey: String,
    join_confidence: Option<String>,
}

#[derive(Deserialize)]
struct RawArea {
    observations: Vec<RawObservation>,
}

#[derive(Deserialize)]
struct RawObservation {
    src: String,
    class: String,
}

#[derive(Deserialize)]
struct RawLifecycle {
    status_2016: Option<String>,
    status_src: Option<String>,
    start_observations: Vec<RawStart>,
}

#[derive(Deserialize)]
struct RawStart {
    src: String,
    year: u16,
}

#[derive(Deserialize)]
struct RawScale {
    src: String,
    as_of: String,
    note: Option<String>,
    registered_patients: Option<u64>,
    participating_medical_institutions: Option<u64>,
    disclosing_medical_institutions: Option<u64>,
    accessing_medical_institutions_per_month: Option<u64>,
    #[serde(default)]
    facilities: BTreeMap<String, u64>,
    #[serde(default)]
    bidirectional_facilities: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct RawMark {
    code: String,
    state: String,
}

/// A question with one answer, and sometimes words.
#[derive(Deserialize)]
struct RawAnswer {
    code: String,
    text: Option<String>,
}

#[derive(Deserialize)]
struct RawPickup {
    src: String,
    mode: String,
}

#[derive(Deserialize)]
struct RawConsent {
    src: Option<String>,
    #[serde(default)]
    facility_participation: Vec<RawMark>,
    facility_participation_text: Option<String>,
    #[serde(default)]
    care_facility_participation: Vec<RawMark>,
    care_facility_participation_text: Option<String>,
    #[serde(default)]
    patient_modes: Vec<RawMark>,
    patient_modes_text: Option<String>,
    #[serde(default)]
    patient_modes_recoded: Vec<String>,
    enrolment: Option<RawAnswer>,
    withdrawal: Option<RawAnswer>,
    new_facility_rule: Option<RawAnswer>,
    pickup: Option<RawPickup>,
}

#[derive(Deserialize)]
struct RawSharing {
    src: String,
    direction: Vec<RawMark>,
    direction_text: Option<String>,
}

#[derive(Deserialize)]
struct RawContent {
    src: Option<String>,
    #[serde(default)]
    items: Vec<RawMark>,
    items_text: Option<String>,
    #[serde(default)]
    source_systems: Vec<RawMark>,
    source_systems_text: Option<String>,
    #[serde(default)]
    pickup_data_sources: Vec<String>,
}

#[derive(Deserialize)]
struct RawItems {
    src: String,
    items: Vec<RawMark>,
}

impl RawNetwork {
    fn facts(self) -> Result<NetworkFacts, Wrong> {
        let mut sheets = self.sheets()?;
        for start in &self.lifecycle.start_observations {
            of(&mut sheets, "lifecycle", &start.src)?.since = Some(start.year);
        }
        if let (Some(status), Some(src)) = (&self.lifecycle.status_2016, &self.lifecycle.status_src)
        {
            answers(&mut sheets, "lifecycle", src)?.status = alone("status_2016", status, false)?;
        }
        for seen in self.area.iter().flat_map(|area| &area.observations) {
            answers(&mut sheets, "area", &seen.src)?.area = alone("area", &seen.class, false)?;
        }
        for scale in &self.scale {
            of(&mut sheets, "scale", &scale.src)?
                .counts
                .push(scale.count()?);
        }
        if let Some(consent) = &self.consent {
            consent.put(&mut sheets)?;
        }
        if let Some(sharing) = &self.sharing {
            answers(&mut sheets, "sharing", &sharing.src)?.direction =
                marked("direction", &sharing.direction, &sharing.direction_text)?;
        }
        if let Some(content) = &self.content {
            content.put(&mut sheets)?;
        }
        if let Some(services) = &self.services {
            let known = |mark: &&RawMark| mark.code == Service::CheckUpSharing.code();
            let marks = services.items.iter().filter(known);
            answers(&mut sheets, "services", &services.src)?.services = Answered {
                marks: marks
                    .map(|m| mark("services", m))
                    .collect::<Result<_, _>>()?,
                words: false,
            };
        }
        if let Some(uses) = &self.secondary_use {
            answers(&mut sheets, "secondary_use", &uses.src)?.secondary_use =
                marked("secondary_use", &uses.items, &None)?;
        }
        Ok(NetworkFacts {
            id: id(&self.id)?,
            name: one_line("name", &self.name)?,
            aliases: self
                .aliases
                .iter()
                .map(|a| one_line("aliases", a))
                .collect::<Result<_, _>>()?,
            named: !self.unnamed,
            prefecture: self
                .prefecture_code
                .parse()
                .map_err(wrong("prefecture_code"))?,
            members: self
                .member_ids
                .iter()
                .map(|m| id(m))
                .collect::<Result<_, _>>()?,
            sheets,
        })
    }

    fn sheets(&self) -> Result<Vec<Sheet>, Wrong> {
        let sheet = |source: &RawSource| {
            // The date stands after the last comma: "…, sheet updated 2017-02-24", "…, FY2019".
            let dated = source.survey.rsplit_once(", ").map_or("", |(_, date)| date);
            let dated = dated.strip_prefix("sheet updated ").unwrap_or(dated);
            Ok(Sheet {
                row: row(&source.r#ref)?,
                dated: dated.to_owned(),
                join: match &source.join_confidence {
                    Some(join) => join.parse().map_err(wrong("join_confidence"))?,
                    None => Join::Own,
                },
                since: None,
                answers: Answers::default(),
                counts: Vec::new(),
            })
        };
        self.sources.iter().map(sheet).collect()
    }
}

impl RawConsent {
    fn put(&self, sheets: &mut [Sheet]) -> Result<(), Wrong> {
        if let Some(src) = &self.src {
            let answers = answers(sheets, "consent", src)?;
            answers.modes = marked(
                "patient_modes",
                &self.patient_modes,
                &self.patient_modes_text,
            )?;
            answers.recoded = coded("patient_modes_recoded", &self.patient_modes_recoded)?;
            answers.enrolment = single("enrolment", &self.enrolment)?;
            answers.withdrawal = single("withdrawal", &self.withdrawal)?;
            answers.new_facility = single("new_facility_rule", &self.new_facility_rule)?;
            answers.participation = marked(
                "facility_participation",
                &self.facility_participation,
                &self.facility_participation_text,
            )?;
            answers.care_participation = marked(
                "care_facility_participation",
                &self.care_facility_participation,
                &self.care_facility_participation_text,
            )?;
        }
        if let Some(pickup) = &self.pickup {
            answers(sheets, "consent.pickup", &pickup.src)?.pickup =
                alone("consent.pickup", &pickup.mode, false)?;
        }
        Ok(())
    }
}

impl RawContent {
    fn put(&self, sheets: &mut [Sheet]) -> Result<(), Wrong> {
        if let Some(src) = &self.src {
            let answers = answers(sheets, "content", src)?;
            answers.items = marked("items", &self.items, &self.items_text)?;
            answers.source_systems = marked(
                "source_systems",
                &self.source_systems,
                &self.source_systems_text,
            )?;
        }
        if !self.pickup_data_sources.is_empty() {
            let field = "pickup_data_sources";
            let sheet = sheets.iter_mut().find(|s| s.row.survey == Survey::PickUp);
            let sheet = sheet.ok_or_else(|| (field, "there is no picked-up case".to_owned()))?;
            sheet.answers.data_sources = coded(field, &self.pickup_data_sources)?;
        }
        Ok(())
    }
}

impl RawScale {
    fn count(&self) -> Result<Count, Wrong> {
        let kinds = |of: &BTreeMap<String, u64>| {
            let kind = |(kind, n): (&String, &u64)| Ok((kind.parse::<Kind>()?, *n));
            of.iter()
                .map(kind)
                .collect::<Result<_, crate::vocabulary::UnknownCode>>()
                .map_err(wrong("scale.facilities"))
        };
        Ok(Count {
            as_of: one_word("scale.as_of", &self.as_of)?,
            doubt: self.note.as_deref().map_or(Doubt::None, doubt),
            facilities: kinds(&self.facilities)?,
            bidirectional: kinds(&self.bidirectional_facilities)?,
            patients: self.registered_patients,
            participating: self.participating_medical_institutions,
            disclosing: self.disclosing_medical_institutions,
            accessing: self.accessing_medical_institutions_per_month,
        })
    }
}

/// What a compilers' note says of the figures.
fn doubt(note: &str) -> Doubt {
    match note {
        // About patients counted twice or not at all, not about how it was printed.
        n if n.contains("患者") || n.contains("重複") => Doubt::None,
        n if n.starts_with("header lost its last column") => Doubt::CareColumns,
        _ => Doubt::Facilities,
    }
}

#[derive(Deserialize)]
struct RawLinks {
    links: Vec<RawLink>,
}

#[derive(Deserialize)]
struct RawLink {
    id: String,
    kind: String,
    group: Option<String>,
    a: RawEnd,
    b: RawEnd,
    direction: String,
    evidence: Vec<RawEvidence>,
}

#[derive(Deserialize)]
struct RawEnd {
    network_id: Option<String>,
}

#[derive(Deserialize)]
struct RawEvidence {
    seed: String,
    key: Option<String>,
}

impl RawLink {
    fn facts(self) -> Result<LinkFacts, Wrong> {
        let end = |end: &RawEnd| end.network_id.as_deref().map(id).transpose();
        let mut rows = Vec::new();
        for evidence in &self.evidence {
            let key = evidence.key.as_deref().unwrap_or("");
            let row = row(&format!("{}#{key}", evidence.seed))?;
            if !rows.contains(&row) {
                rows.push(row);
            }
        }
        Ok(LinkFacts {
            id: one_word("id", &self.id)?,
            kind: one_word("kind", &self.kind)?,
            group: self
                .group
                .as_deref()
                .map(|g| one_word("group", g))
                .transpose()?,
            a: end(&self.a)?,
            b: end(&self.b)?,
            direction: self.direction.parse().map_err(wrong("direction"))?,
            rows,
        })
    }
}

fn of<'a>(sheets: &'a mut [Sheet], field: &'static str, src: &str) -> Result<&'a mut Sheet, Wrong> {
    let row = row(src)?;
    sheets
        .iter_mut()
        .find(|sheet| sheet.row == row)
        .ok_or_else(|| (field, format!("{src} is not among the network's sources")))
}

fn answers<'a>(
    sheets: &'a mut [Sheet],
    field: &'static str,
    src: &str,
) -> Result<&'a mut Answers, Wrong> {
    of(sheets, field, src).map(|sheet| &mut sheet.answers)
}

fn mark<T: SurveyCode>(field: &'static str, raw: &RawMark) -> Result<(T, State), Wrong> {
    let code = raw.code.parse().map_err(wrong(field))?;
    Ok((code, raw.state.parse().map_err(wrong(field))?))
}

fn marked<T: SurveyCode>(
    field: &'static str,
    raw: &[RawMark],
    text: &Option<String>,
) -> Result<Answered<T>, Wrong> {
    Ok(Answered {
        marks: raw
            .iter()
            .map(|m| mark(field, m))
            .collect::<Result<_, _>>()?,
        words: text.is_some(),
    })
}

fn coded<T: SurveyCode>(field: &'static str, raw: &[String]) -> Result<Answered<T>, Wrong> {
    let code = |code: &String| Ok((code.parse().map_err(wrong(field))?, State::InUse));
    Ok(Answered {
        marks: raw.iter().map(code).collect::<Result<_, Wrong>>()?,
        words: false,
    })
}

fn alone<T: SurveyCode>(
    field: &'static str,
    code: &str,
    words: bool,
) -> Result<Answered<T>, Wrong> {
    Ok(Answered {
        marks: vec![(code.parse().map_err(wrong(field))?, State::InUse)],
        words,
    })
}

fn single<T: SurveyCode>(
    field: &'static str,
    raw: &Option<RawAnswer>,
) -> Result<Answered<T>, Wrong> {
    match raw {
        Some(raw) => alone(field, &raw.code, raw.text.is_some()),
        None => Ok(Answered::default()),
    }
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
