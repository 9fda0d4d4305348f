//! The ledger tree: RFC 6962 hashing over a node store.
