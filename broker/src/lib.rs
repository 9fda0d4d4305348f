//! Plan, fan out, merge: one honest outcome for each asked network.
