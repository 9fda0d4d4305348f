//! Signed tree heads: C2SP tlog-checkpoint, made and verified with cosignatures.
