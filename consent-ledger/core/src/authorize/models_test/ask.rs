//! Requests, and what was decided; reviews owed.

use super::script::{Script, same};
use super::words::{Words, Wrong, parse};
use crate::testing::{network, practitioner};
use crate::{Permit, View};
use sekisho_domain::*;
use std::fmt::Write as _;

impl Script {
    /// `ask FACILITY of NETWORK for TARGET …`
    pub(super) fn request(&mut self, words: &mut Words<'_>) -> Result<AccessRequest, Wrong> {
        let (at, of, target) = (words.at(1)?, words.at(3)?, words.at(5)?);
        let (at, patient) = (self.place(at)?, self.patient(of)?);
        let plain = self.world()?.request(of, at.as_str(), patient, &[target]);
        let emergency = words.take("emergency").map(parse).transpose()?;
        let law = words.take("law").map(parse).transpose()?;
        let declaration = words.take("disaster").map(|label| self.made(label));
        let (purpose, grounds) = match (emergency, law, declaration.transpose()?) {
            (Some(reason), ..) => (Purpose::BreakGlass, Grounds::Emergency(reason)),
            (_, Some(basis), _) => (Purpose::Legal, Grounds::Law(basis)),
            (.., Some(declaration)) => {
                let consent = words
                    .take("asked")
                    .map_or(Ok(DisasterConsent::Oral), parse)?;
                let declaration = DisasterId(declaration);
                let grounds = Grounds::Disaster {
                    declaration,
                    consent,
                };
                (Purpose::Disaster, grounds)
            }
            _ => (plain.purpose, plain.grounds),
        };
        Ok(AccessRequest {
            purpose: words.take("purpose").map_or(Ok(purpose), parse)?,
            grounds,
            role: words.take("role").map_or(Ok(plain.role), parse)?,
            practitioner_id: practitioner(words.take("by").map_or(Ok(1), parse)?),
            categories: words.codes("categories")?,
            ..plain
        })
    }

    pub(super) fn ask(
        &mut self,
        label: Option<&str>,
        request: &AccessRequest,
        expected: Option<&str>,
    ) -> Result<(), Wrong> {
        self.answers += 1;
        let (index, _) = self.world()?.ask(request);
        if let Some(label) = label {
            self.made.insert(label.to_owned(), index);
        }
        let target = request.targets.first().ok_or("nobody is asked")?;
        let state = &self.world()?.state.clone();
        let record = View(state).access(index).unwrap().ok_or("no record")?;
        let permit = match Permit::of(&record, target, record.time) {
            Ok(permit) => permit,
            Err(crate::NotPermitted::Denied(denial)) => {
                return same(expected, Some(&format!("denied {}", denial.reason)));
            }
            Err(other) => return Err(other.to_string()),
        };
        // Documents of every facility of the network asked, of every category.
        let mut seen = match permit.terms().footing {
            Footing::Consent => "sees".to_owned(),
            other => format!("sees by {other}"),
        };
        for (letter, code) in &self.places {
            let Some(member) = View(state).facility_of(code, target).unwrap() else {
                continue;
            };
            let shown: Codes<Category> = Category::ALL
                .iter()
                .copied()
                .filter(|category| permit.covers(*category, code, member.registered))
                .collect();
            let hidden = Codes::all().difference(&shown);
            let names = |set: Codes<Category>| {
                let codes: Vec<_> = set.iter().map(Category::code).collect();
                codes.join(",")
            };
            let written = match (shown.len(), hidden.len()) {
                (0, _) => Ok(()),
                (_, 0) => write!(seen, " {letter}"),
                (s, h) if s <= h => write!(seen, " {letter}[{}]", names(shown)),
                _ => write!(seen, " {letter}[-{}]", names(hidden)),
            };
            written.map_err(|e| e.to_string())?;
        }
        same(expected, Some(&seen))
    }

    /// `owes NETWORK -> N due, M overdue`
    pub(super) fn owes(&mut self, words: &Words<'_>, expected: Option<&str>) -> Result<(), Wrong> {
        self.answers += 1;
        let of = network(words.at(1)?);
        let world = self.world()?;
        let due = View(&world.state).reviews_due(&of, 100).unwrap();
        let overdue = due
            .iter()
            .filter(|(_, access)| access.is_overdue(world.time));
        let came = format!("{} due, {} overdue", due.len(), overdue.count());
        same(expected, Some(&came))
    }
}
