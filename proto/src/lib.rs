//! The messages of `sekisho.v1` and their conversions to and from the domain.
//!
//! The pure crates use the messages alone; feature `grpc` adds clients and servers.
//! `From` a domain value is total; `TryFrom` a message checks everything the domain type promises and never guesses.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        reason = "a test fails by panicking"
    )
)]

mod convert;
mod in_place;

#[cfg(test)]
mod arbitrary;
#[cfg(test)]
mod codes_test;
#[cfg(test)]
mod convert_test;
#[cfg(feature = "grpc")]
mod error_code;
#[cfg(test)]
mod in_place_test;

#[cfg(feature = "grpc")]
pub use error_code::ErrorCode;
pub use in_place::{EntryInPlace, NoEntry};

/// Generated from `sekisho/v1/*.proto`; each message is documented there.
#[allow(missing_docs, clippy::all)]
pub mod v1 {
    include!(concat!(env!("OUT_DIR"), "/sekisho.v1.rs"));
}

/// The files of `sekisho.v1` as an encoded `FileDescriptorSet`, for gRPC server reflection.
#[cfg(feature = "grpc")]
pub const FILE_DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/sekisho.v1.bin"));

/// DSSE payload type of an [`v1::Entry`].
pub const ENTRY_TYPE: &str = "application/vnd.sekisho.entry.v1+protobuf";
/// DSSE payload type of an [`v1::AnswerStatement`].
pub const ANSWER_TYPE: &str = "application/vnd.sekisho.answer.v1+protobuf";
/// DSSE payload type of a [`v1::SealingKey`].
pub const SEALING_KEY_TYPE: &str = "application/vnd.sekisho.sealing-key.v1+protobuf";
/// DSSE payload type of a [`v1::SealedDocument`].
pub const SEALED_TYPE: &str = "application/vnd.sekisho.sealed.v1+protobuf";
/// DSSE payload type of a [`v1::SealedLetter`].
pub const LETTER_TYPE: &str = "application/vnd.sekisho.letter.v1+protobuf";
/// Metadata key of the absolute deadline, milliseconds since 1970, UTC.
pub const DEADLINE_METADATA: &str = "sekisho-deadline-ms";
