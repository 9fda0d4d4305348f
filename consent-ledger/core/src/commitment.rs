//! Salted commitments.
