//! How the tables are read. One line says one thing; after `->` stands what comes of it.
//!
//! Facilities are capital letters, everywhere the same one. There is one patient, P, known to each network under a
//! pseudonym of its own. A line that names what it makes (`c1 = consent …`) can be referred to later.

use super::words::{Words, Wrong, codes, parse, span_ms};
use crate::Applied;
use crate::testing::{
    BEGIN, World, area, disaster, facility, grant, joining_notice, network, policy, practitioner,
    proxy, purposes_notice, reservation, review, subject,
};
use sekisho_domain::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub(super) struct Script {
    world: Option<World>,
    networks: Vec<String>,
    /// Every facility ever named, with its code.
    pub(super) places: BTreeMap<String, FacilityId>,
    /// What lines made, by their labels.
    pub(super) made: BTreeMap<String, EntryIndex>,
    /// Grants of the agreement that is being drawn up.
    grants: Vec<Grant>,
    /// How many requests and questions there were.
    pub(super) answers: usize,
}

impl Script {
    pub fn line(&mut self, line: &str) -> Result<(), Wrong> {
        let (said, expected) = match line.split_once(" -> ") {
            Some((said, expected)) => (said, Some(expected.trim())),
            None => (line, None),
        };
        let (label, said) = match said.split_once(" = ") {
            Some((label, said)) => (Some(label.trim()), said),
            None => (None, said),
        };
        let mut words = Words::of(said);
        match words.at(0)? {
            "networks" => {
                self.networks = words.plain[1..].iter().map(ToString::to_string).collect();
                let ids: Vec<_> = words.plain[1..].to_vec();
                self.world = Some(World::unsigned(&ids));
                return Ok(());
            }
            "wait" => {
                let ms = span_ms(words.at(1)?)?;
                let world = self.world()?;
                world.time = world.time.plus_ms(ms);
                return Ok(());
            }
            "grant" => return self.grant(&mut words),
            "sign" => return self.sign(words.at(1)?),
            "link" => {
                let (a, b) = (words.at(1)?, words.at(2)?);
                let (of_a, of_b) = (self.patient(a)?, self.patient(b)?);
                self.world()?.link((a, of_a), (b, of_b));
                return Ok(());
            }
            "authority" => {
                let prefectures: Vec<_> = words.at(2)?.split(',').collect();
                let id = words.at(1)?;
                self.world()?.authority(id, &prefectures);
                return Ok(());
            }
            "officer" => {
                let of = words.at(1)?;
                self.world()?.certify(of, KeyPurpose::Officer);
                return Ok(());
            }
            "end-authority" => {
                let authority = network(words.at(1)?);
                self.world()?.by_majority(&Body::AuthorityEnd { authority });
                return Ok(());
            }
            "owes" => return self.owes(&words, expected),
            "ask" => {
                let request = self.request(&mut words)?;
                words.done()?;
                return self.ask(label, &request, expected);
            }
            _ => {}
        }
        let (by, body) = self.body(&mut words)?;
        words.done()?;
        let came = match self.world()?.say(&by, body) {
            Applied::Leaf { index, outcome, .. } => {
                if let Some(label) = label {
                    self.made.insert(label.to_owned(), index);
                }
                match outcome {
                    Outcome::Refused(reason) => Some(format!("refused {reason}")),
                    _ => None,
                }
            }
            other => return Err(format!("{other:?}")),
        };
        same(expected, came.as_deref())
    }

    /// What a network, or an authority, says by a line, and who it is.
    fn body(&mut self, words: &mut Words<'_>) -> Result<(String, Body), Wrong> {
        let now = self.world()?.time;
        let (verb, by) = (words.at(0)?, words.at(1)?.to_owned());
        let body = match verb {
            "join" => {
                let (letter, prefecture) = (words.at(2)?, words.take("prefecture"));
                let code = self.code_of(letter, prefecture.unwrap_or("32"));
                Body::FacilityRegister {
                    facility: code,
                    kind: words
                        .take("kind")
                        .map_or(Ok(FacilityKind::Hospital), parse)?,
                    name: format!("施設 {letter}"),
                    municipality: words.take("municipality").map(area),
                }
            }
            "leave" => Body::FacilityLeave {
                facility: self.place(words.at(2)?)?,
            },
            "policy" => Body::ConsentPolicyPublish(self.policy(&by, words)?),
            "consent" => Body::ConsentGrant(self.consent(&by, words)?),
            "withdraw" => Body::ConsentWithdraw {
                consent: ConsentId(self.made(words.at(2)?)?),
                way: parse(words.at(3)?)?,
                recorded_by: self.at(words)?,
                evidence: Commitment([3; 32]),
            },
            "reserve" => Body::ReservationSet(self.reservation(&by, words)?),
            "clear" => Body::ReservationClear {
                reservation: ReservationId(self.made(words.at(2)?)?),
                recorded_by: self.at(words)?,
            },
            "seal" => Body::ReservationSeal {
                sealed: Commitment([5; 32]),
            },
            "proxy" => {
                let (patient, at) = (self.patient(&by)?, self.at(words)?);
                let period = words.period(BEGIN, now)?;
                let kind = parse(words.at(2)?)?;
                Body::ProxyRegister(Proxy {
                    period,
                    ..proxy(&by, patient, at.as_str(), kind)
                })
            }
            "end-proxy" => Body::ProxyEnd {
                proxy: ProxyId(self.made(words.at(2)?)?),
                reason: parse(words.at(3)?)?,
                recorded_by: self.at(words)?,
            },
            "death" => Body::DeathRecord {
                subject: self.patient(&by)?,
                recorded_by: self.at(words)?,
            },
            "alive" => Body::DeathRetract {
                subject: self.patient(&by)?,
                recorded_by: self.at(words)?,
            },
            "post" => {
                let place = words.take("at").map(|at| self.place(at)).transpose()?;
                let place = place.as_ref().map(FacilityId::as_str);
                let notice = match words.at(2)? {
                    "purposes" => purposes_notice(place, codes(words.at(3)?)?),
                    "joining" => joining_notice(self.place(words.at(3)?)?.as_str()),
                    other => return Err(format!("no notice of {other}")),
                };
                Body::NoticePost(Notice {
                    period: words.period(BEGIN, now)?,
                    ..notice
                })
            }
            "remove" => Body::NoticeRemove {
                notice: NoticeId(self.made(words.at(2)?)?),
            },
            "suspend" => Body::AgreementSuspend {
                id: parse(words.at(2)?)?,
            },
            "terminate" => Body::AgreementTerminate {
                id: parse(words.at(2)?)?,
            },
            "unlink" => {
                let to = words.at(2)?;
                Body::SubjectUnlink {
                    own: self.patient(&by)?,
                    other: SubjectRef {
                        network: network(to),
                        subject: self.patient(to)?,
                    },
                }
            }
            "declare" => {
                let areas: Vec<_> = words.at(2)?.split(',').collect();
                let mut declared = disaster(&areas, now);
                declared.drill = words.plain.contains(&"drill");
                if let Some(span) = words.take("for") {
                    declared.until = now.plus_ms(span_ms(span)?);
                }
                Body::DisasterDeclare(declared)
            }
            "extend" => Body::DisasterExtend {
                declaration: DisasterId(self.made(words.at(2)?)?),
                until: now.plus_ms(span_ms(words.at(3)?)?),
            },
            "end" => Body::DisasterEnd {
                declaration: DisasterId(self.made(words.at(2)?)?),
            },
            "review" => Body::EmergencyReview(Review {
                reviewer: practitioner(words.take("by").map_or(Ok(9), parse)?),
                ..review(self.made(words.at(2)?)?, parse(words.at(3)?)?)
            }),
            "told" => Body::PatientTold {
                access: self.made(words.at(2)?)?,
                way: parse(words.at(3)?)?,
                recorded_by: self.at(words)?,
            },
            other => return Err(format!("nobody says {other:?}")),
        };
        Ok((by, body))
    }

    /// `disclosing=SCOPE:WAYS:NEW-FACILITY`, the same for `viewing`.
    fn policy(&mut self, of: &str, words: &mut Words<'_>) -> Result<ConsentPolicy, Wrong> {
        let world = self.world()?;
        let (now, last) = (world.time, world.policy_version(of));
        let mut side = |name: &str| words.take(name).map(rule).transpose();
        let (disclosing, viewing) = (side("disclosing")?, side("viewing")?);
        let from = words.take("from").map(|text| span_ms(&text[1..]));
        Ok(ConsentPolicy {
            valid_from: from.transpose()?.map_or(BEGIN, |ms| now.plus_ms(ms)),
            voids_earlier: words.plain.contains(&"voids-earlier"),
            emergency: words.codes("emergency")?,
            ..policy(last + 1, disclosing, viewing)
        })
    }

    fn consent(&mut self, of: &str, words: &mut Words<'_>) -> Result<Consent, Wrong> {
        let patient = self.patient(of)?;
        let at = self.at(words)?;
        let facilities = match words.at(3)? {
            "all" => FacilitySelector::All,
            list => FacilitySelector::Listed(self.listed(list)?),
        };
        let side = parse(words.at(2)?)?;
        let world = self.world()?;
        let now = world.time;
        let plain = world.consent(of, patient, side, at.as_str(), facilities);
        let counterpart = words.take("counterpart");
        let practitioners = words.take("practitioners").map(practitioners).transpose()?;
        Ok(Consent {
            capture: parse(words.at(4)?)?,
            counterpart: counterpart.map(|list| self.listed(list)).transpose()?,
            practitioners,
            categories: words.codes("categories")?,
            purposes: words.codes("purposes")?,
            period: words.period(BEGIN, now)?,
            proxy: self.proxy(words)?,
            policy_version: words
                .take("version")
                .map_or(Ok(plain.policy_version), parse)?,
            ..plain
        })
    }

    fn reservation(&mut self, of: &str, words: &mut Words<'_>) -> Result<Reservation, Wrong> {
        let (patient, at) = (self.patient(of)?, self.at(words)?);
        let now = self.world()?.time;
        let (kind, whom) = words.at(2)?.split_once(':').unwrap_or((words.at(2)?, ""));
        let documents_of = words.take("of");
        Ok(Reservation {
            viewer: match kind {
                "anyone" => ViewerSelector::Anyone,
                "network" => ViewerSelector::Network(network(whom)),
                "facility" => ViewerSelector::Facility(self.place(whom)?),
                "practitioner" => ViewerSelector::Practitioner(practitioner(parse(whom)?)),
                other => return Err(format!("no viewer {other}")),
            },
            disclosing_facilities: documents_of.map(|list| self.listed(list)).transpose()?,
            categories: words.codes("categories")?,
            purposes: words.codes("purposes")?,
            period: words.period(BEGIN, now)?,
            proxy: self.proxy(words)?,
            ..reservation(of, patient, at.as_str())
        })
    }

    fn grant(&mut self, words: &mut Words<'_>) -> Result<(), Wrong> {
        let now = self.world()?.time;
        let plain = grant(words.at(1)?, words.at(2)?, parse(words.at(3)?)?);
        self.grants.push(Grant {
            purposes: words.codes("purposes")?.unwrap_or(plain.purposes),
            categories: words.codes("categories")?.unwrap_or(plain.categories),
            roles: words.codes("roles")?.unwrap_or(plain.roles),
            facility_kinds: words.codes("kinds")?.unwrap_or(plain.facility_kinds),
            valid: words.period(BEGIN, now)?,
            ..plain
        });
        words.done()
    }

    fn sign(&mut self, id: &str) -> Result<(), Wrong> {
        let grants = std::mem::take(&mut self.grants);
        self.world()?.agree(id, grants);
        Ok(())
    }

    pub(super) fn world(&mut self) -> Result<&mut World, Wrong> {
        self.world.as_mut().ok_or_else(|| "no networks".to_owned())
    }
    pub(super) fn patient(&self, of: &str) -> Result<SubjectId, Wrong> {
        let n = self.networks.iter().position(|id| id == of);
        let n = n.ok_or_else(|| format!("no network {of}"))?;
        Ok(subject(n as u8 + 1))
    }
    pub(super) fn made(&self, label: &str) -> Result<EntryIndex, Wrong> {
        let made = self.made.get(label).copied();
        made.ok_or_else(|| format!("nothing is called {label}"))
    }
    fn proxy(&self, words: &mut Words<'_>) -> Result<Option<ProxyId>, Wrong> {
        let label = words.take("proxy");
        label.map(|label| self.made(label).map(ProxyId)).transpose()
    }
    fn at(&self, words: &mut Words<'_>) -> Result<FacilityId, Wrong> {
        self.place(
            words
                .take("at")
                .ok_or("it does not say at which facility")?,
        )
    }
    pub(super) fn place(&self, letter: &str) -> Result<FacilityId, Wrong> {
        let code = self.places.get(letter).cloned();
        code.ok_or_else(|| format!("no facility {letter}"))
    }
    fn listed(&self, letters: &str) -> Result<BTreeSet<FacilityId>, Wrong> {
        letters
            .split(',')
            .map(|letter| self.place(letter))
            .collect()
    }
    fn code_of(&mut self, letter: &str, prefecture: &str) -> FacilityId {
        let code = || facility(&format!("{prefecture}1{:07}", letter.as_bytes()[0]));
        self.places
            .entry(letter.to_owned())
            .or_insert_with(code)
            .clone()
    }
}

/// `SCOPE:WAYS`, or with the rule on new facilities: `SCOPE:WAYS:RULE`.
fn rule(text: &str) -> Result<Rule, Wrong> {
    let parts: Vec<_> = text.split(':').collect();
    let new_facility = match parts.get(2).copied().unwrap_or("not-covered") {
        "not-covered" => NewFacility::NotCovered,
        "when-card-presented" => NewFacility::WhenCardPresented,
        "facility-choice" => NewFacility::FacilityChoice,
        other => match other
            .strip_prefix("after-")
            .and_then(|t| t.strip_suffix('d'))
        {
            Some(days) => NewFacility::AfterNotice { days: parse(days)? },
            None => NewFacility::NeedsConsent(parse(other)?),
        },
    };
    Ok(Rule {
        scope: parse(parts[0])?,
        capture: codes(parts.get(1).ok_or("a rule names its ways")?)?,
        new_facility,
        withdrawal: [Withdrawal::Written].into(),
    })
}

fn practitioners(text: &str) -> Result<BTreeSet<PractitionerId>, Wrong> {
    let bytes = text.split(',').map(parse);
    bytes.map(|byte| byte.map(practitioner)).collect()
}

pub(super) fn same(expected: Option<&str>, came: Option<&str>) -> Result<(), Wrong> {
    if expected == came {
        return Ok(());
    }
    Err(match came {
        Some(came) => format!("it came to: {came}"),
        None => "it was accepted".to_owned(),
    })
}
