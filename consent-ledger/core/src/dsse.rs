//! DSSE pre-authentication encoding.
