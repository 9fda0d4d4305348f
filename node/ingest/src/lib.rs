//! Readers of hospitals' real stores: SS-MIX2 to document entries.
