//! Short lists of names, places, drugs, tests and diseases. Codes of public systems stand only where
//! they are known to be right; all others are marked as the facility's own (`99X…`).

pub(crate) mod diseases;
pub(crate) mod drugs;
pub(crate) mod examinations;
pub(crate) mod kin;
pub(crate) mod labs;
pub(crate) mod names;
pub(crate) mod places;
