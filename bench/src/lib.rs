//! Benchmarks against peers, each printing a ratio from one run.
