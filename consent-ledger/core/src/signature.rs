//! Ed25519, strict.
