//! One network of the data files as facts.

use super::raw::{RawAnswer, RawConsent, RawContent, RawMark, RawNetwork, RawScale, RawSource};
use super::{Wrong, id, one_line, one_word, row, wrong};
use crate::facts::{Answered, Answers, Count, Doubt, NetworkFacts, Sheet};
use crate::vocabulary::{Join, Kind, Service, State, Survey, SurveyCode};
use std::collections::BTreeMap;

impl RawNetwork {
    pub(super) fn facts(self) -> Result<NetworkFacts, Wrong> {
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
        if let Some(context) = &self.context {
            let aims = coded("context.purposes", &context.purposes)?;
            answers(&mut sheets, "context", &context.src)?.aims = Answered {
                words: context.purposes_text.is_some(),
                ..aims
            };
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
