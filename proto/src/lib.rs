//! The messages of `sekisho.v1` and their conversions to and from the domain.
//!
//! The pure crates use the messages alone; feature `grpc` adds clients and servers.
//! Conversions into the domain check everything a type of the domain promises; they never guess.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

/// Generated from `sekisho/v1/*.proto`; each message is documented there.
#[allow(missing_docs, clippy::all)]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/sekisho.v1.rs"));
}
