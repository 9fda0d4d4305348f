//! The ledger's core as a replicated, durable service.
