//! Invented patients in realistic SS-MIX2 storages, from a seed.
