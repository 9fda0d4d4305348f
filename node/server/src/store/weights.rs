//! The weights this network learnt from its own charts, each with who put them in force and why. Nobody's data is in
//! them. Kept for good: weights taken back stay, with who took them back.

use super::{NodeStore, Said, StoreError, WEIGHTS, format};
use crate::bounds::WEIGHTS_MAX;
use redb::{ReadableTable, ReadableTableMetadata};
use sekisho_identity::{Model, WEIGHTS_VERSION};
use serde::{Deserialize, Serialize};

const WHAT: &str = "learnt weights";

/// Weights somebody put in force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StoredWeights {
    /// What items and levels meant when they were learnt.
    pub version: u8,
    /// The weights.
    pub model: Model,
    /// Charts they were learnt from.
    pub charts: u64,
    /// Pairs of them.
    pub pairs: u64,
    /// Who put them in force.
    pub said: Said,
    /// Who took them back.
    pub undone: Option<Said>,
}

impl NodeStore {
    /// Keeps weights, which are in force from now on; their number, from 1.
    ///
    /// # Errors
    /// [`StoreError::Full`]; or the database failed.
    pub fn put_weights(&self, weights: &StoredWeights) -> Result<u64, StoreError> {
        self.write(|txn| {
            let number = {
                let table = txn.open_table(WEIGHTS).map_err(StoreError::database)?;
                table.len().map_err(StoreError::database)? + 1
            };
            if number > WEIGHTS_MAX {
                return Err(StoreError::Full {
                    what: WHAT,
                    max: WEIGHTS_MAX,
                });
            }
            format::put(txn, WEIGHTS, WHAT, &number.to_be_bytes(), weights)?;
            Ok(number)
        })
    }

    /// Takes the weights in force back; those before them are in force again. Their number.
    ///
    /// # Errors
    /// [`StoreError::NoWeights`] where none were learnt or all are taken back; or the database failed.
    pub fn undo_weights(&self, said: &Said) -> Result<u64, StoreError> {
        let last = self.weights()?.into_iter().rev();
        let standing = last.into_iter().find(|(_, w)| w.undone.is_none());
        let (number, mut weights) = standing.ok_or(StoreError::NoWeights)?;
        weights.undone = Some(said.clone());
        self.write(|txn| format::put(txn, WEIGHTS, WHAT, &number.to_be_bytes(), &weights))?;
        Ok(number)
    }

    /// All weights that were ever in force, oldest first, with their numbers.
    ///
    /// # Errors
    /// The database failed.
    pub fn weights(&self) -> Result<Vec<(u64, StoredWeights)>, StoreError> {
        let txn = self.read()?;
        let table = txn.open_table(WEIGHTS).map_err(StoreError::database)?;
        let rows = table.iter().map_err(StoreError::database)?;
        rows.map(|row| {
            let (key, value) = row.map_err(StoreError::database)?;
            let number = key.value().try_into().map(u64::from_be_bytes);
            let number = number.map_err(|_| StoreError::Damaged(WHAT))?;
            Ok((number, format::decode(WHAT, value.value())?))
        })
        .collect()
    }

    /// The weights in force: the last ones that stand, or the standard ones. Those learnt when items meant something else
    /// are passed over.
    ///
    /// # Errors
    /// The database failed.
    pub fn weights_in_force(&self) -> Result<Model, StoreError> {
        let last = self.weights()?.into_iter().rev();
        let standing = last
            .map(|(_, w)| w)
            .find(|w| w.undone.is_none() && w.version == WEIGHTS_VERSION);
        Ok(standing.map_or_else(Model::standard, |weights| weights.model))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sekisho_domain::TimeMs;

    fn said(at: u64) -> Said {
        Said {
            who: "clerk-1".to_owned(),
            why: "looked through".to_owned(),
            at: TimeMs(at),
        }
    }

    #[test]
    fn the_last_weights_that_stand_are_in_force_and_all_are_kept() {
        let dir = tempfile::tempdir().unwrap();
        let open = || NodeStore::open(&dir.path().join("node.redb")).unwrap();
        let weights = |bits: f64| StoredWeights {
            version: WEIGHTS_VERSION,
            model: Model::standard().with_bands(bits, 0.0),
            charts: 3,
            pairs: 2,
            said: said(1),
            undone: None,
        };
        let store = open();
        assert_eq!(store.weights_in_force().unwrap(), Model::standard());
        assert!(matches!(
            store.undo_weights(&said(2)),
            Err(StoreError::NoWeights)
        ));
        assert_eq!(store.put_weights(&weights(14.0)).unwrap(), 1);
        assert_eq!(store.put_weights(&weights(15.0)).unwrap(), 2);
        let other = StoredWeights {
            version: WEIGHTS_VERSION + 1,
            ..weights(16.0)
        };
        assert_eq!(store.put_weights(&other).unwrap(), 3);
        drop(store);
        let store = open();
        let in_force = || store.weights_in_force().unwrap().link_bits;
        assert_eq!(
            in_force(),
            15.0,
            "those of another version mean something else"
        );
        assert_eq!(store.undo_weights(&said(2)).unwrap(), 3);
        assert_eq!(store.undo_weights(&said(3)).unwrap(), 2);
        assert_eq!(in_force(), 14.0);
        let kept = store.weights().unwrap();
        assert_eq!(kept.len(), 3);
        assert_eq!(kept[1].1.undone, Some(said(3)));
        assert_eq!(kept[0].1, weights(14.0));
    }
}
