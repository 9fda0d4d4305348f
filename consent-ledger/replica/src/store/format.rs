//! How this crate's own values are stored: a version byte, then protobuf.
//!
//! A change of a message that an older reader would misread takes a new version and a migration.

use super::META;
use crate::ReplicaError;
use crate::raft::{Entry, LogId, StoredMembership, wire};
use prost::Message;
use redb::{ReadTransaction, ReadableTable, WriteTransaction};
use sekisho_proto::v1;

/// The format of every value below.
pub(super) const VERSION: u8 = 1;

/// Whose store it is.
#[derive(Clone, PartialEq, Message)]
pub(super) struct Identity {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) ledger: Vec<u8>,
    #[prost(uint64, tag = "2")]
    pub(super) replica: u64,
}

/// How the store as a whole is laid out: 1 had the Raft log in the database.
pub(super) const FORMAT_NUMBER: u32 = 2;

/// [`FORMAT_NUMBER`] as stored.
#[derive(Clone, Copy, PartialEq, Message)]
pub(super) struct Format {
    #[prost(uint32, tag = "1")]
    pub(super) number: u32,
}

/// The membership applied last, with its place in the log.
#[derive(Clone, PartialEq, Message)]
pub(super) struct AppliedMembership {
    #[prost(message, optional, tag = "1")]
    pub(super) log_id: Option<v1::RaftLogId>,
    #[prost(message, optional, tag = "2")]
    pub(super) membership: Option<v1::RaftMembership>,
}

/// A size and root this replica cosigned.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Cosigned {
    #[prost(uint64, tag = "1")]
    pub(crate) size: u64,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) root: Vec<u8>,
}

pub(super) fn log_id_record(id: &LogId) -> v1::RaftLogId {
    wire::log_id(id)
}

pub(super) fn membership_record(membership: &StoredMembership) -> AppliedMembership {
    AppliedMembership {
        log_id: membership.log_id().as_ref().map(wire::log_id),
        membership: Some(wire::membership(membership.membership())),
    }
}

pub(super) fn from_membership_record(record: AppliedMembership) -> StoredMembership {
    StoredMembership::new(
        record.log_id.map(wire::from_log_id),
        wire::from_membership(record.membership.unwrap_or_default()),
    )
}

/// A message under a name in the `meta` table.
pub(super) struct Record;

impl Record {
    pub(super) fn get<M: Message + Default>(
        txn: &ReadTransaction,
        name: &'static str,
    ) -> Result<Option<M>, ReplicaError> {
        Self::read(&txn.open_table(META).map_err(ReplicaError::database)?, name)
    }

    pub(super) fn put<M: Message>(
        txn: &WriteTransaction,
        name: &'static str,
        message: &M,
    ) -> Result<(), ReplicaError> {
        let mut table = txn.open_table(META).map_err(ReplicaError::database)?;
        table
            .insert(name, encode(message).as_slice())
            .map_err(ReplicaError::database)?;
        Ok(())
    }

    pub(super) fn remove(txn: &WriteTransaction, name: &'static str) -> Result<(), ReplicaError> {
        let mut table = txn.open_table(META).map_err(ReplicaError::database)?;
        table.remove(name).map_err(ReplicaError::database)?;
        Ok(())
    }

    fn read<M: Message + Default>(
        table: &impl ReadableTable<&'static str, &'static [u8]>,
        name: &'static str,
    ) -> Result<Option<M>, ReplicaError> {
        match table.get(name).map_err(ReplicaError::database)? {
            Some(value) => decode(name, value.value()).map(Some),
            None => Ok(None),
        }
    }
}

pub(super) fn encode(message: &impl Message) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(1 + message.encoded_len());
    bytes.push(VERSION);
    bytes.extend_from_slice(&message.encode_to_vec());
    bytes
}

pub(super) fn decode<M: Message + Default>(
    what: &'static str,
    bytes: &[u8],
) -> Result<M, ReplicaError> {
    match bytes.split_first() {
        Some((&VERSION, message)) => M::decode(message).map_err(|_| ReplicaError::Damaged(what)),
        Some((&got, _)) => Err(ReplicaError::Format {
            what,
            got,
            expected: VERSION,
        }),
        None => Err(ReplicaError::Damaged(what)),
    }
}

pub(super) fn encode_entry(entry: &Entry) -> Vec<u8> {
    encode(&wire::entry(entry))
}

/// An entry, which must have this index if one is given.
pub(super) fn decode_entry(index: Option<u64>, bytes: &[u8]) -> Result<Entry, ReplicaError> {
    let entry = wire::from_entry(decode("a Raft log entry", bytes)?)?;
    if index.is_some_and(|index| entry.log_id.index != index) {
        return Err(ReplicaError::Damaged("a Raft log entry"));
    }
    Ok(entry)
}

#[cfg(test)]
#[path = "format_test.rs"]
mod tests;
