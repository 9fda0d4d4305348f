//! The consent ledger's pure core: apply, authorize, tree, checkpoints, proof bundles.
