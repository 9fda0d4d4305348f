//! One network's node: enforcement of the ledger's decisions over its own documents.
