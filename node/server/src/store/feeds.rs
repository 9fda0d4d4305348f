//! How far each source's transaction storage was read.
//!
//! Written after what it named has been looked at and the index is on the disk: after a crash some is looked at twice,
//! nothing is left out.

use super::{FEEDS, NodeStore, StoreError, format};
use sekisho_documents::SourceId;
use sekisho_ingest::transactions::Position;

const WHAT: &str = "a feed's position";

impl NodeStore {
    /// How far a source's feed was read, if it was.
    ///
    /// # Errors
    /// The database failed, or what it holds cannot be read back.
    pub fn feed_position(&self, source: &SourceId) -> Result<Option<Position>, StoreError> {
        format::get(&self.read()?, FEEDS, WHAT, source.as_str().as_bytes())
    }

    /// Remembers how far a source's feed was read.
    ///
    /// # Errors
    /// The database failed.
    pub fn set_feed_position(
        &self,
        source: &SourceId,
        position: &Position,
    ) -> Result<(), StoreError> {
        self.write(|txn| format::put(txn, FEEDS, WHAT, source.as_str().as_bytes(), position))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_survive_a_restart_each_for_its_source() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("node.redb");
        let (one, two): (SourceId, SourceId) = ("std01".parse().unwrap(), "std02".parse().unwrap());
        let position = Position {
            file: "2026/TR_20260401000000000_00001.DAT".to_owned(),
            offset_bytes: 77,
        };
        {
            let store = NodeStore::open(&path).unwrap();
            assert_eq!(store.feed_position(&one).unwrap(), None);
            store.set_feed_position(&one, &position).unwrap();
        }
        let store = NodeStore::open(&path).unwrap();
        assert_eq!(store.feed_position(&one).unwrap(), Some(position));
        assert_eq!(store.feed_position(&two).unwrap(), None);
    }
}
