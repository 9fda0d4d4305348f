//! What a message says, as values: for viewers that lay things out themselves, and for whoever asks who a person is.
//!
//! A value is what the message says, neither completed nor judged; what is absent is empty or none. Where the message
//! is not whole or names nobody, the guard has refused it before this is asked.
//!
//! Sources: HL7 v2.5 chapters 3, 4, 6, 7 and 12; JAMI SS-MIX2 specification 1.2 (segments ZI1 and PRB); NHO field tables.

mod clinical;
mod medication;
mod person;

pub use clinical::{Allergy, Diagnosis, Flag, LabResult};
pub use medication::{Amount, Drug, Prescription};
pub use person::{Insurance, Person, PersonName};

use crate::message::{Message, Segment, decode_strictly};
use sekisho_documents::QuarantineReason;

/// A code with the name the message gives it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Coded {
    /// The code.
    pub code: String,
    /// Its name there.
    pub name: String,
    /// The coding system as HL7 names it, e.g. `HOT9`, `JC10`, `MDCDX2`.
    pub system: String,
}

impl Coded {
    fn of(segment: &Segment<'_, '_>, field: usize) -> Self {
        Self {
            code: segment.text(field, 1),
            name: segment.text(field, 2),
            system: segment.text(field, 3),
        }
    }

    /// Whether there is neither code nor name.
    pub fn is_empty(&self) -> bool {
        self.code.is_empty() && self.name.is_empty()
    }
}

/// What one message says. `Debug` shows nothing of it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Content {
    /// Who it is about.
    pub person: Person,
    /// Their insurances (IN1, ZI1).
    pub insurances: Vec<Insurance>,
    /// Allergies (IAM, AL1).
    pub allergies: Vec<Allergy>,
    /// Diagnoses (PRB).
    pub diagnoses: Vec<Diagnosis>,
    /// Prescriptions and injections ordered (RXE) or given (RXA).
    pub prescriptions: Vec<Prescription>,
    /// Results and observations (OBX).
    pub results: Vec<LabResult>,
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Content(withheld)")
    }
}

/// Reads a message of SS-MIX2 storage.
///
/// # Errors
/// The reason for which a file with these bytes would be quarantined.
pub fn read(bytes: &[u8]) -> Result<Content, QuarantineReason> {
    let decoded = decode_strictly(bytes)?;
    let message = Message::parse(&decoded.text)?;
    Ok(Content {
        person: person::of(&message),
        insurances: person::insurances(&message),
        allergies: clinical::allergies(&message),
        diagnoses: clinical::diagnoses(&message),
        prescriptions: medication::prescriptions(&message),
        results: clinical::results(&message),
    })
}

#[cfg(test)]
#[path = "../typed_test.rs"]
mod tests;
