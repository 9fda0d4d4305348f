//! What each code of the surveys means in the normal form of consent policies: one table for each code list.
//!
//! How it is read:
//! - The surveys ask how a patient consents to *linking*, not to letting out and looking apart. Such an answer is the
//!   rule of both sides, the stricter reading: a document leaves, and a facility looks, only by an act that reaches
//!   it. Only codes that name the two acts apart are read apart.
//! - Where a code leaves open what a policy must say, the narrowest meaning is taken and called an [`Assumption`],
//!   for the network to confirm; never anything wider.
//! - Codes that decide nothing (`other`, `undecided`, `case_by_case` …) give no value at all.

use crate::vocabulary::{
    DataSource, Enrolment, Item, Kind, Mode, NewFacilityMode, Pickup, Recoded, SecondaryUse,
    Service, SourceSystem, WithdrawalMode,
};
use sekisho_domain::{
    Capture, Category, Codes, FacilityKind, NewFacility, Purpose, Scope, Withdrawal,
};

/// One way of consenting that a network offers: which acts, how far each reaches, and how it is taken where the
/// way itself says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Way {
    /// How far an act of disclosing reaches; none: no such act is asked for.
    pub disclosing: Option<Scope>,
    /// How far an act of viewing reaches; none: no such act is asked for.
    pub viewing: Option<Scope>,
    /// How it is taken, where that is part of the way; none: as everything else in the network.
    pub capture: Option<Capture>,
}

impl Way {
    /// One act for both sides.
    const fn both(scope: Scope) -> Self {
        Self {
            disclosing: Some(scope),
            viewing: Some(scope),
            capture: None,
        }
    }
    const fn by(self, capture: Capture) -> Self {
        Self {
            capture: Some(capture),
            ..self
        }
    }
    /// まめネット, おきなわ津梁: at once for disclosing, at each visit for viewing.
    const APART: Self = Self {
        disclosing: Some(Scope::AllFacilities),
        viewing: Some(Scope::EachFacility),
        capture: None,
    };
}

/// What was taken for granted where an answer leaves it open: the narrowest meaning, until the network confirms it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Assumption {
    /// "Explicit consent" does not say in which form: in writing.
    ExplicitIsWritten,
    /// Nothing usable is said of facilities that join later: earlier consents do not reach them.
    NewFacilityNotCovered,
    /// A notice for new facilities, but not for how many days: earlier consents do not reach them.
    NoticeDaysUnknown,
}

impl Assumption {
    /// In Japanese.
    pub fn ja(self) -> &'static str {
        match self {
            Self::ExplicitIsWritten => "「同意」の形式は問われていないため、最も狭い「書面」とした",
            Self::NewFacilityNotCovered => {
                "新しい施設の扱いが決まっていないため、最も狭い「及ばない」とした"
            }
            Self::NoticeDaysUnknown => {
                "周知の日数は問われていないため、日数が決まるまで「及ばない」とした"
            }
        }
    }
    /// In English.
    pub fn en(self) -> &'static str {
        match self {
            Self::ExplicitIsWritten => {
                "the form of the explicit consent was not asked: taken as written, the narrowest"
            }
            Self::NewFacilityNotCovered => {
                "nothing usable is said of new facilities: taken as not covered, the narrowest"
            }
            Self::NoticeDaysUnknown => {
                "for how many days a notice stands was not asked: until it is said, not covered"
            }
        }
    }
}

/// A value, and what was assumed for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meant<T> {
    /// The value.
    pub value: T,
    /// What was taken for granted.
    pub assumed: Option<Assumption>,
}

fn stated<T>(value: T) -> Option<Meant<T>> {
    Some(Meant {
        value,
        assumed: None,
    })
}

fn assumed<T>(value: T, rule: Assumption) -> Option<Meant<T>> {
    Some(Meant {
        value,
        assumed: Some(rule),
    })
}

/// The way a mode of 2016 stands for; none for "other".
pub fn mode(mode: Mode) -> Option<Way> {
    Some(match mode {
        Mode::Blanket => Way::both(Scope::AllFacilities),
        Mode::Designation => Way::both(Scope::ListedFacilities),
        Mode::EachFacility => Way::both(Scope::EachFacility),
        Mode::EachPhysician => Way::both(Scope::EachPractitioner),
        Mode::Other => return None,
    })
}

/// The way "other" stood for.
pub fn recoded(recoded: Recoded) -> Way {
    match recoded {
        Recoded::BlanketDisclosurePerVisitViewing => Way::APART,
        Recoded::CardPerFacility | Recoded::QrCardAtFacility => {
            Way::both(Scope::EachFacility).by(Capture::CardPresented)
        }
        Recoded::PhysicianDecides => {
            Way::both(Scope::ListedFacilities).by(Capture::PhysicianJudgement)
        }
        Recoded::ObjectionAfterwards => {
            Way::both(Scope::AllFacilities).by(Capture::NoticeWithOptOut)
        }
        Recoded::EachSideItsOwn => Way::both(Scope::EachFacility),
    }
}

/// The way "other" stood for where it was not recoded, but the same sheet says that no facility can ever be added:
/// what two facilities exchange stays between them.
pub fn closed(new_facility: NewFacilityMode) -> Option<Way> {
    (new_facility == NewFacilityMode::NotPossible).then_some(Way::both(Scope::FacilityPair))
}

/// The way of a picked-up case.
pub fn pickup(pickup: Pickup) -> Way {
    match pickup {
        Pickup::Designate => Way::both(Scope::ListedFacilities),
        Pickup::BlanketDisclosurePerVisitViewing => Way::APART,
        Pickup::PerVisitedFacility => Way::both(Scope::EachFacility),
        Pickup::Blanket => Way::both(Scope::AllFacilities),
        Pickup::EachFacilityWritten => Way::both(Scope::EachFacility).by(Capture::Written),
        Pickup::EachFacilityCard => Way::both(Scope::EachFacility).by(Capture::CardPresented),
    }
}

/// How a consent is taken; none where nothing is decided.
pub fn enrolment(enrolment: Enrolment) -> Option<Meant<Codes<Capture>>> {
    match enrolment {
        Enrolment::Explicit => assumed([Capture::Written].into(), Assumption::ExplicitIsWritten),
        Enrolment::Notice => stated([Capture::NoticeWithOptOut].into()),
        Enrolment::Oral => stated([Capture::Oral].into()),
        Enrolment::FacilityChoice => stated([Capture::Written, Capture::NoticeWithOptOut].into()),
        Enrolment::Contract => stated([Capture::Contract].into()),
        Enrolment::Other => None,
    }
}

/// How a consent is withdrawn; none where nothing is decided.
pub fn withdrawal(mode: WithdrawalMode) -> Option<Codes<Withdrawal>> {
    Some(match mode {
        WithdrawalMode::Written => [Withdrawal::Written].into(),
        WithdrawalMode::Oral => [Withdrawal::Oral].into(),
        WithdrawalMode::ViaPhysician => [Withdrawal::ViaPhysician].into(),
        WithdrawalMode::FacilityChoice => [Withdrawal::Written, Withdrawal::Oral].into(),
        WithdrawalMode::NoneByDesign => [Withdrawal::NotProvided].into(),
        WithdrawalMode::CaseByCase | WithdrawalMode::FormInPreparation | WithdrawalMode::Other => {
            return None;
        }
    })
}

/// What a new facility may expect of earlier consents; none where nothing is decided.
pub fn new_facility(mode: NewFacilityMode) -> Option<Meant<NewFacility>> {
    match mode {
        NewFacilityMode::Written => stated(NewFacility::NeedsConsent(Capture::Written)),
        NewFacilityMode::Oral => stated(NewFacility::NeedsConsent(Capture::Oral)),
        NewFacilityMode::Card => stated(NewFacility::WhenCardPresented),
        NewFacilityMode::FacilityChoice => stated(NewFacility::FacilityChoice),
        // Every consent is between one physician and the patient: none reaches a facility that joins.
        NewFacilityMode::PhysicianPatient | NewFacilityMode::NotPossible => {
            stated(NewFacility::NotCovered)
        }
        NewFacilityMode::Notice => assumed(NewFacility::NotCovered, Assumption::NoticeDaysUnknown),
        NewFacilityMode::Undecided | NewFacilityMode::Other => None,
    }
}

/// The categories a shared item belongs to; none for "other", and for an order whose result is an item of its own:
/// a category holds both, and who shares the order does not thereby share the result.
pub fn item(item: Item) -> Codes<Category> {
    let one = |category: Category| Codes::from([category]);
    match item {
        Item::Demographics => one(Category::Demographics),
        Item::Diagnosis => one(Category::Diagnosis),
        Item::Referral => one(Category::Referral),
        Item::PhysicianNotes => one(Category::ProgressNote),
        Item::Summary => one(Category::DischargeSummary),
        Item::OperationRecord => one(Category::Operation),
        Item::NursingRecord => one(Category::NursingNote),
        Item::PrescriptionOrder => one(Category::Prescription),
        Item::InjectionOrder => one(Category::Injection),
        Item::LabResult => one(Category::LabResult),
        Item::PhysiologyResult => one(Category::Physiology),
        // The questionnaire names radiology and endoscopy in one item.
        Item::Image => Codes::from([Category::Imaging, Category::Endoscopy]),
        Item::MealOrder => one(Category::Meal),
        Item::DispensingResult => one(Category::Dispensing),
        Item::OtherDocument => one(Category::OtherDocument),
        Item::LabOrder
        | Item::RadiologyOrder
        | Item::EndoscopyOrder
        | Item::PhysiologyOrder
        | Item::Other => Codes::new(),
    }
}

/// The category a service shares.
pub fn service(service: Service) -> Category {
    match service {
        Service::CheckUpSharing => Category::CheckUp,
    }
}

/// The kind of facility a system stands in; none for "other".
pub fn source_system(system: SourceSystem) -> Option<FacilityKind> {
    Some(match system {
        SourceSystem::HospitalEmr | SourceSystem::HospitalReceipt | SourceSystem::HospitalPacs => {
            FacilityKind::Hospital
        }
        SourceSystem::ClinicEmr | SourceSystem::ClinicReceipt => FacilityKind::Clinic,
        SourceSystem::DentalEmr | SourceSystem::DentalReceipt => FacilityKind::DentalClinic,
        SourceSystem::PharmacyReceipt => FacilityKind::Pharmacy,
        SourceSystem::LabCenter => FacilityKind::Laboratory,
        SourceSystem::Other => return None,
    })
}

/// The kind of facility that supplies data; none where data comes in by another way.
pub fn data_source(source: DataSource) -> Option<FacilityKind> {
    Some(match source {
        DataSource::Hospital => FacilityKind::Hospital,
        DataSource::Clinic => FacilityKind::Clinic,
        DataSource::DentalClinic => FacilityKind::DentalClinic,
        DataSource::Pharmacy => FacilityKind::Pharmacy,
        DataSource::Laboratory => FacilityKind::Laboratory,
        DataSource::NursingCare => FacilityKind::CareFacility,
        DataSource::VisitingNurse => FacilityKind::VisitingNurse,
        DataSource::CheckUpCentre => FacilityKind::CheckUpCentre,
        DataSource::Government => FacilityKind::Municipality,
        DataSource::Insurer => FacilityKind::Insurer,
        DataSource::FacilityEntry | DataSource::FacilityUpload | DataSource::ResidentEntry => {
            return None;
        }
    })
}

/// The kind of facility counted; none where several kinds are counted as one.
pub fn kind(kind: Kind) -> Option<FacilityKind> {
    Some(match kind {
        Kind::Hospital => FacilityKind::Hospital,
        Kind::Clinic => FacilityKind::Clinic,
        Kind::DentalClinic => FacilityKind::DentalClinic,
        Kind::Pharmacy => FacilityKind::Pharmacy,
        Kind::NursingCare => FacilityKind::CareFacility,
        Kind::NursingCareAndOther | Kind::Other => return None,
    })
}

/// The purpose of use a secondary use is; none where it is no use of one patient's documents.
pub fn secondary_use(of: SecondaryUse) -> Option<Purpose> {
    match of {
        SecondaryUse::Research => Some(Purpose::HealthcareResearch),
        SecondaryUse::CostOptimisation | SecondaryUse::OtherStatistics => None,
    }
}
