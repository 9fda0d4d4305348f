//! What can go wrong: a wrong specification, with every fault at once, or a disk that refuses.

use sekisho_domain::FacilityId;
use std::path::PathBuf;

/// Why no sample storages were written.
#[derive(Debug, thiserror::Error)]
pub enum SampleError {
    /// The specification cannot be met; every fault is listed.
    #[error("the sample specification has {} fault(s): {}", .0.len(), sentences(.0))]
    Spec(Vec<SpecFault>),
    /// The directory of a storage holds something that was not written here, or may not be overwritten.
    #[error("{dir} is not empty and {why}")]
    Occupied {
        /// The directory asked for.
        dir: PathBuf,
        /// What is missing for it to be overwritten.
        why: &'static str,
    },
    /// The disk refused.
    #[error("cannot {doing} {path}")]
    Io {
        /// What was being done.
        doing: &'static str,
        /// With which path (made of the root, invented ids and codes only).
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The truth table could not be written as JSON.
    #[error("cannot write the truth table")]
    Json(#[source] serde_json::Error),
}

fn sentences(faults: &[SpecFault]) -> String {
    let list: Vec<String> = faults.iter().map(SpecFault::to_string).collect();
    list.join("; ")
}

/// One fault of a specification, with the value and the bound it broke.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecFault {
    /// There is nothing to write.
    #[error("no facility is given")]
    NoFacility,
    /// The same code is given to two facilities.
    #[error("facility {0} is given twice")]
    FacilityTwice(FacilityId),
    /// Two facilities would write into one directory, or one inside another's.
    #[error("the directories of facilities {0} and {1} are the same or lie in each other")]
    DirShared(FacilityId, FacilityId),
    /// The code does not begin with a prefecture (01 to 47) and fee table 1 (medical) or 3 (dental).
    #[error(
        "facility {0} is no hospital's: expected prefecture 01 to 47, then 1 (medical) or 3 (dental)"
    )]
    FacilityClass(FacilityId),
    /// A number is outside its range.
    #[error("{what} is {value}, expected {min} to {max}")]
    Range {
        /// The field, with its unit.
        what: &'static str,
        /// The value given.
        value: u64,
        /// Least value allowed.
        min: u64,
        /// Greatest value allowed.
        max: u64,
    },
    /// A given name of a facility or city cannot be written in JIS X 0208, or is too long.
    #[error("{what} of facility {facility} must have 1 to {max_chars} characters of JIS X 0208")]
    Text {
        /// Which text.
        what: &'static str,
        /// Whose.
        facility: FacilityId,
        /// Most characters allowed.
        max_chars: usize,
    },
    /// A traveller goes to a facility that is not given.
    #[error("traveller {traveller} goes to {facility}, which is not among the facilities")]
    TravellerFacility {
        /// Position in the list, from 0.
        traveller: usize,
        /// The unknown facility.
        facility: FacilityId,
    },
    /// A traveller needs two different facilities at least.
    #[error("traveller {0} needs at least two facilities, each once")]
    TravellerRoute(usize),
    /// More travellers come to a facility than it has patients.
    #[error("facility {facility} has {travellers} travellers but only {patients} patients")]
    TooManyTravellers {
        /// The facility.
        facility: FacilityId,
        /// Travellers who come there.
        travellers: usize,
        /// Patients it has in all.
        patients: u32,
    },
}
