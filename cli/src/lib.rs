//! Sekisho: consent-enforcing document queries across Japan's regional medical networks.
//!
//! The parts of the program: [`commands`] turns words on a command line into calls, [`ops`] makes the calls to
//! this network's own process, [`demo`] plays five networks on one machine, [`ui`] says what came of it. What is
//! decided, stored and proved lives in the crates below.

pub mod commands;
pub mod config;
pub mod demo;
mod direct;
pub mod genesis;
pub mod keys;
pub mod metrics;
pub mod ops;
pub mod side;
pub mod stores;
pub mod ui;
