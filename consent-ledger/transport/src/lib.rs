//! Mutual TLS pinned by the ledger, and trace context across gRPC hops.
