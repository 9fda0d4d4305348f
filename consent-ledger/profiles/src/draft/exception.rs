//! What a draft opens without consent, and only if the parties ask for it: in a stated emergency, and under a declared
//! disaster. No survey asks what may be seen then, so everything here is a proposal, and says so.

use super::direction::Common;
use crate::profile::{Field, NetworkProfile, Words, codes_in_words as codes};
use crate::vocabulary::{Aim, SurveyCode};
use sekisho_domain::{Category, Codes, ConsentRule, FacilityKind, Grant, Period, Purpose, Role};

/// The least that first treatment of a person who cannot answer needs: what they suffer from, what they must not be
/// given, what they take, and how they were last. Everything else can wait until they, or who speaks for them, are
/// asked.
pub fn proposed_ceiling() -> Codes<Category> {
    Codes::from([
        Category::Diagnosis,
        Category::Allergy,
        Category::Infection,
        Category::Prescription,
        Category::Dispensing,
        Category::LabResult,
        Category::DischargeSummary,
    ])
}

/// Grounds on which something is opened without consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exception {
    /// A stated emergency, reviewed afterwards.
    Emergency,
    /// An authority's declaration.
    Disaster,
}

impl Exception {
    /// In the order of the agreement's text.
    pub const ALL: [Self; 2] = [Self::Emergency, Self::Disaster];

    /// The purpose of use that stands for it.
    pub fn purpose(self) -> Purpose {
        match self {
            Self::Emergency => Purpose::BreakGlass,
            Self::Disaster => Purpose::Disaster,
        }
    }

    /// When.
    pub(super) fn name(self) -> Words {
        match self {
            Self::Emergency => Words::new("緊急時", "emergencies"),
            Self::Disaster => Words::new("災害時", "disasters"),
        }
    }

    fn aim(self) -> Aim {
        match self {
            Self::Emergency => Aim::Emergency,
            Self::Disaster => Aim::Disaster,
        }
    }

    /// Where the sick and injured are brought; in a disaster also where those who lost their medicines go.
    fn kinds(self) -> Codes<FacilityKind> {
        use FacilityKind::{Ambulance, Clinic, Hospital, Pharmacy};
        match self {
            Self::Emergency => Codes::from([Hospital, Clinic, Ambulance]),
            Self::Disaster => Codes::from([Hospital, Clinic, Pharmacy, Ambulance]),
        }
    }

    fn roles(self, kinds: &Codes<FacilityKind>) -> Codes<Role> {
        let mut roles = Codes::new();
        for kind in kinds.iter() {
            let of: &[Role] = match (self, kind) {
                (Self::Emergency, FacilityKind::Hospital) => &[Role::Physician, Role::Paramedic],
                (Self::Emergency, FacilityKind::Clinic) => &[Role::Physician],
                (Self::Disaster, FacilityKind::Hospital | FacilityKind::Clinic) => {
                    &[Role::Physician, Role::Nurse]
                }
                (Self::Disaster, FacilityKind::Pharmacy) => &[Role::Pharmacist],
                (_, FacilityKind::Ambulance) => &[Role::Paramedic],
                _ => &[],
            };
            roles.extend(of.iter().copied());
        }
        roles
    }

    /// The grant: what was asked for, of what the disclosing network shares (and of what it opens to its own
    /// facilities in an emergency, where it says so), to facilities and professions that may look.
    ///
    /// # Errors
    /// Nothing is left of it: what is lacking.
    pub(super) fn grant(
        self,
        disclosing: &NetworkProfile,
        viewing: &NetworkProfile,
        common: &Common,
        ceiling: &Codes<Category>,
        valid: &Period,
    ) -> Result<Grant, Words> {
        let shared = common.categories.intersection(ceiling);
        let own = disclosing.emergency.value.unwrap_or_else(Codes::all);
        let categories = shared.intersection(&own);
        let facility_kinds = self.kinds().intersection(&common.kinds);
        let roles = self.roles(&facility_kinds).intersection(&common.roles);
        let name = self.name();
        let lacking = |ja: String, en: String| {
            Err(Words::new(
                format!("{}の閲覧：求められたが、{ja}", name.ja),
                format!("{}: asked for, but {en}", name.en),
            ))
        };
        let d = &disclosing.id;
        if shared.is_empty() {
            let of = codes(ceiling);
            return lacking(
                format!("{d} は次のどれも共有していない：{}", of.ja),
                format!("{d} shares none of: {}", of.en),
            );
        }
        if categories.is_empty() {
            let of = codes(&shared);
            return lacking(
                format!(
                    "{d} は次のどれも、緊急時に自らの施設にさえ開いていない：{}",
                    of.ja
                ),
                format!(
                    "{d} opens none of these even to its own facilities: {}",
                    of.en
                ),
            );
        }
        if facility_kinds.is_empty() || roles.is_empty() {
            let (v, kinds) = (&viewing.id, codes(&self.kinds()));
            return lacking(
                format!(
                    "{v} には、閲覧してよい職種の人がいる施設（{}）がない",
                    kinds.ja
                ),
                format!(
                    "{v} has no facility ({}) with a profession that may look",
                    kinds.en
                ),
            );
        }
        Ok(Grant {
            disclosing: disclosing.id.clone(),
            viewing: viewing.id.clone(),
            categories,
            purposes: [self.purpose()].into(),
            facility_kinds,
            roles,
            consent_rule: ConsentRule::NotNeeded,
            valid: *valid,
        })
    }

    pub(super) fn reason(self, disclosing: &NetworkProfile, grant: &Grant) -> Words {
        let own = match disclosing.emergency.value {
            Some(_) => Words::new(
                "。開示側が緊急時に自らの施設に許す範囲を超えない",
                "; no more than the disclosing network opens to its own facilities",
            ),
            None => Words::default(),
        };
        let (kinds, roles) = (codes(&grant.facility_kinds), codes(&grant.roles));
        let name = self.name();
        Words::new(
            format!(
                "{}に、{}の{}：本人が答えられないときの手当てに要る情報のうち、共有されているものに限る（当事者の求めによる）{}",
                name.ja, kinds.ja, roles.ja, own.ja
            ),
            format!(
                "in {}, {} at {}: of what treatment needs of somebody who cannot answer, only what is shared (as the parties asked){}",
                name.en, roles.en, kinds.en, own.en
            ),
        )
    }

    pub(super) fn to_confirm(self) -> Words {
        let name = self.name();
        Words::new(
            format!(
                "{}に同意なく閲覧できる情報・施設・職種は、どの調査でも問われていないため、ひな型の提案です。双方の規程で認めているかを確かめてください",
                name.ja
            ),
            format!(
                "no survey asks what may be seen without consent in {}, where and by whom: it is the draft's proposal; make sure that the rules of both allow it",
                name.en
            ),
        )
    }

    /// That it could be asked for, where both networks name it among what they are for.
    pub(super) fn mention(self, a: &NetworkProfile, b: &NetworkProfile) -> Option<Words> {
        let row = |of: &Field<std::collections::BTreeSet<Aim>>| {
            let said = of.said.iter().find(|said| said.code == self.aim().code());
            said.map(|said| said.row.clone())
        };
        let (of_a, of_b) = (row(&a.aims)?, row(&b.aims)?);
        let (name, aim) = (self.name(), self.aim());
        Some(Words::new(
            format!(
                "双方が目的に「{}」を挙げている（{}：{}、{}：{}）。{}に同意なく閲覧できる範囲を、求めがあれば加えられる",
                aim.ja(),
                a.id,
                of_a.ja(),
                b.id,
                of_b.ja(),
                name.ja
            ),
            format!(
                "both name \"{}\" among their aims ({}: {}; {}: {}): what may be seen without consent in {} can be added, if you ask for it",
                aim.en(),
                a.id,
                of_a.en(),
                b.id,
                of_b.en(),
                name.en
            ),
        ))
    }
}
