//! For processors of another kind, which have no such lanes.

use crate::Pick;
use curve25519_dalek::EdwardsPoint;

/// That the processor has the instructions; here it never has.
#[derive(Clone, Copy, Debug)]
pub enum Lanes {}

/// A point ready to be added, of which there are none here.
#[derive(Clone, Copy, Debug)]
pub enum Entry {}

impl Lanes {
    /// `None`.
    pub fn detect() -> Option<Self> {
        None
    }

    /// Never called.
    pub fn entries(self, _: &[EdwardsPoint]) -> Vec<Entry> {
        match self {}
    }

    /// Never called.
    pub fn sums(self, _: &[Vec<Pick<'_>>]) -> Vec<[u8; 32]> {
        match self {}
    }
}
