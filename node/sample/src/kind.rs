//! The data kinds of a standardised storage, as a table (SS-MIX2 Ver.1.2, データ種別; clinical-formats §1.3).

/// A data kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Basics,
    PhysicianChange,
    Reception,
    AdmissionPlan,
    Admission,
    Leave,
    LeaveReturn,
    TransferPlan,
    Transfer,
    DischargePlan,
    Discharge,
    Allergy,
    Diagnosis,
    Meal,
    Prescription,
    PrescriptionGiven,
    Injection,
    InjectionGiven,
    LabOrder,
    LabResult,
    ImagingOrder,
    ImagingDone,
    EndoscopyOrder,
    EndoscopyDone,
    PhysiologyOrder,
    PhysiologyResult,
}

/// One row of the table.
#[derive(Debug)]
pub(crate) struct KindRow {
    pub(crate) code: &'static str,
    /// MSH-9 of an entry.
    pub(crate) insert: &'static str,
    /// MSH-9 of a cancellation; the same message where ORC-1 `CA` cancels, none where nothing can.
    pub(crate) cancel: Option<&'static str>,
}

const fn row(code: &'static str, insert: &'static str, cancel: Option<&'static str>) -> KindRow {
    KindRow {
        code,
        insert,
        cancel,
    }
}

impl Kind {
    /// The row of a kind.
    pub(crate) const fn row(self) -> KindRow {
        match self {
            Self::Basics => row("ADT-00", "ADT^A08^ADT_A01", Some("ADT^A23^ADT_A21")),
            Self::PhysicianChange => row("ADT-01", "ADT^A54^ADT_A54", Some("ADT^A55^ADT_A52")),
            Self::Reception => row("ADT-12", "ADT^A04^ADT_A01", None),
            Self::AdmissionPlan => row("ADT-21", "ADT^A14^ADT_A05", Some("ADT^A27^ADT_A21")),
            Self::Admission => row("ADT-22", "ADT^A01^ADT_A01", Some("ADT^A11^ADT_A09")),
            Self::Leave => row("ADT-31", "ADT^A21^ADT_A21", Some("ADT^A52^ADT_A52")),
            Self::LeaveReturn => row("ADT-32", "ADT^A22^ADT_A21", Some("ADT^A53^ADT_A52")),
            Self::TransferPlan => row("ADT-41", "ADT^A15^ADT_A15", Some("ADT^A26^ADT_A21")),
            Self::Transfer => row("ADT-42", "ADT^A02^ADT_A02", Some("ADT^A12^ADT_A09")),
            Self::DischargePlan => row("ADT-51", "ADT^A16^ADT_A16", Some("ADT^A25^ADT_A21")),
            Self::Discharge => row("ADT-52", "ADT^A03^ADT_A03", Some("ADT^A13^ADT_A01")),
            Self::Allergy => row("ADT-61", "ADT^A60^ADT_A60", None),
            Self::Diagnosis => row("PPR-01", "PPR^ZD1^PPR_ZD1", Some("PPR^ZD1^PPR_ZD1")),
            Self::Meal => row("OMD", "OMD^O03^OMD_O03", Some("OMD^O03^OMD_O03")),
            Self::Prescription => row("OMP-01", "RDE^O11^RDE_O11", Some("RDE^O11^RDE_O11")),
            Self::PrescriptionGiven => row("OMP-11", "RAS^O17^RAS_O17", Some("RAS^O17^RAS_O17")),
            Self::Injection => row("OMP-02", "RDE^O11^RDE_O11", Some("RDE^O11^RDE_O11")),
            Self::InjectionGiven => row("OMP-12", "RAS^O17^RAS_O17", Some("RAS^O17^RAS_O17")),
            Self::LabOrder => row("OML-01", "OML^O33^OML_O33", Some("OML^O33^OML_O33")),
            Self::LabResult => row("OML-11", "OUL^R22^OUL_R22", Some("OUL^R22^OUL_R22")),
            Self::ImagingOrder => row("OMG-01", "OMG^O19^OMG_O19", Some("OMG^O19^OMG_O19")),
            Self::ImagingDone => row("OMG-11", "OMI^Z23^OMI_Z23", Some("OMI^Z23^OMI_Z23")),
            Self::EndoscopyOrder => row("OMG-02", "OMG^O19^OMG_O19", Some("OMG^O19^OMG_O19")),
            Self::EndoscopyDone => row("OMG-12", "OMI^Z23^OMI_Z23", Some("OMI^Z23^OMI_Z23")),
            Self::PhysiologyOrder => row("OMG-03", "OMG^O19^OMG_O19", Some("OMG^O19^OMG_O19")),
            Self::PhysiologyResult => row("OMG-13", "ORU^R01^ORU_R01", Some("ORU^R01^ORU_R01")),
        }
    }

    /// The code, as folder and file names have it.
    pub(crate) const fn code(self) -> &'static str {
        self.row().code
    }

    /// Whether it is a movement or other record without an order number of its own.
    pub(crate) fn is_movement(self) -> bool {
        self.code().starts_with("ADT")
    }

    /// Whether it is an order or result of imaging, endoscopy or physiology.
    pub(crate) fn is_imaging(self) -> bool {
        self.code().starts_with("OMG")
    }
}
