//! Groups of facilities a draft grants to, each with the professions and the information of its work. A proposal:
//! no survey asks which professions look at what.

use super::direction::Common;
use crate::profile::{NetworkProfile, Words, codes_in_words as codes};
use sekisho_domain::{Category, Codes, ConsentRule, FacilityKind, Grant, Period, Role};

/// One group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    /// Where patients are examined and treated.
    Treating,
    /// Where prescriptions are dispensed.
    Dispensing,
    /// Where patients are cared for.
    Caring,
}

impl Group {
    pub const ALL: [Self; 3] = [Self::Treating, Self::Dispensing, Self::Caring];

    fn kinds(self) -> Codes<FacilityKind> {
        match self {
            Self::Treating => Codes::from([
                FacilityKind::Hospital,
                FacilityKind::Clinic,
                FacilityKind::DentalClinic,
            ]),
            Self::Dispensing => Codes::from([FacilityKind::Pharmacy]),
            Self::Caring => Codes::from([
                FacilityKind::VisitingNurse,
                FacilityKind::CareFacility,
                FacilityKind::CareManager,
            ]),
        }
    }

    /// The professions of these kinds of facility.
    fn roles(kinds: &Codes<FacilityKind>) -> Codes<Role> {
        let mut roles = Codes::new();
        for kind in kinds.iter() {
            let of: &[Role] = match kind {
                FacilityKind::Hospital | FacilityKind::Clinic => &[Role::Physician, Role::Nurse],
                FacilityKind::DentalClinic => &[Role::Dentist],
                FacilityKind::Pharmacy => &[Role::Pharmacist],
                FacilityKind::VisitingNurse | FacilityKind::CareFacility => &[Role::Nurse],
                FacilityKind::CareManager => &[Role::CareManager],
                _ => &[],
            };
            roles.extend(of.iter().copied());
        }
        roles
    }

    fn categories(self) -> Codes<Category> {
        use Category as C;
        let basic = Codes::from([
            C::Demographics,
            C::Diagnosis,
            C::Allergy,
            C::Infection,
            C::Prescription,
            C::Dispensing,
            C::DischargeSummary,
        ]);
        match self {
            Self::Treating => Codes::all(),
            Self::Dispensing => basic.union(&Codes::from([C::Injection, C::LabResult])),
            Self::Caring => basic.union(&Codes::from([
                C::Referral,
                C::NursingNote,
                C::Meal,
                C::Vitals,
                C::CarePlan,
            ])),
        }
    }

    /// The group's grant, of what both say; none if nothing of it is left.
    pub fn grant(
        self,
        disclosing: &NetworkProfile,
        viewing: &NetworkProfile,
        common: &Common,
        consent_rule: ConsentRule,
        valid: &Period,
    ) -> Option<Grant> {
        let facility_kinds = self.kinds().intersection(&common.kinds);
        let roles = Self::roles(&facility_kinds).intersection(&common.roles);
        let categories = self.categories().intersection(&common.categories);
        let empty = facility_kinds.is_empty() || roles.is_empty() || categories.is_empty();
        (!empty).then(|| Grant {
            disclosing: disclosing.id.clone(),
            viewing: viewing.id.clone(),
            categories,
            purposes: common.purposes,
            facility_kinds,
            roles,
            consent_rule,
            valid: *valid,
        })
    }

    pub fn reason(self, grant: &Grant) -> Words {
        let (kinds, roles) = (codes(&grant.facility_kinds), codes(&grant.roles));
        let (ja, en) = match self {
            Self::Treating => (
                "診療に用いる、共有されている情報すべて",
                "everything shared",
            ),
            Self::Dispensing => ("調剤と薬学的管理に用いる情報", "what dispensing needs"),
            Self::Caring => ("看護・介護に用いる情報", "what nursing and care need"),
        };
        Words::new(
            format!("{}の{}：{ja}", kinds.ja, roles.ja),
            format!("{} at {}: {en}", roles.en, kinds.en),
        )
    }
}
