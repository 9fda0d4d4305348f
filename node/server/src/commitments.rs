//! What this node commits to, and under which label.

use crate::NodeError;
use crate::environment::{Environment, salt};
use sekisho_domain::Hash;
pub(crate) use sekisho_ledger::bundle::{CONTENT, DOCUMENT, EVIDENCE, PRACTITIONER, SEALED};
use sekisho_ledger::commitment::{Opening, Salt};

/// A commitment to a value, under a salt of its own.
pub(crate) fn fresh(
    environment: &dyn Environment,
    label: &str,
    value: &[u8],
) -> Result<Opening, NodeError> {
    Ok(Opening::new(label, salt(environment)?, value.to_vec())?)
}

/// The two commitments of a transfer, both under the salt the viewing node chose for its request, so that a release
/// and its receipt can be compared.
pub(crate) fn of_transfer(
    salt: &Salt,
    unique_id: &str,
    content: &Hash,
) -> Result<[Opening; 2], NodeError> {
    Ok([
        Opening::new(DOCUMENT, salt.clone(), unique_id.as_bytes().to_vec())?,
        Opening::new(CONTENT, salt.clone(), content.0.to_vec())?,
    ])
}
