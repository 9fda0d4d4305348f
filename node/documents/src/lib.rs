//! Document index and contents of one network.
