//! P9 and P11, the ledger's part.

mod erasure;
mod silence;
