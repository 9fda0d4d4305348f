//! What the processor is asked for, and the only place where that is believed.

use crate::Pick;
use crate::point::{encoded_sums, niels};
use curve25519_dalek::EdwardsPoint;

pub use crate::point::Entry;

/// That this processor has AVX-512 F and IFMA.
#[derive(Clone, Copy, Debug)]
pub struct Lanes(());

impl Lanes {
    /// The lanes, where the processor and its operating system have them.
    pub fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512ifma"))
            .then_some(Self(()))
    }

    /// Points of any order made ready to be added; 128 bytes each, and the time of some two additions.
    #[allow(unsafe_code, reason = "instructions that were asked for")]
    pub fn entries(self, points: &[EdwardsPoint]) -> Vec<Entry> {
        // SAFETY: `niels` needs avx512f and avx512ifma and nothing else; a `Lanes` is made by `detect` only, which found both.
        unsafe { niels(points) }
    }

    /// The encodings (RFC 8032 §5.1.2) of some sums, in the order given. Eight are computed together, as long as the longest
    /// of them takes; of the last ones, if fewer, each is spread over several lanes.
    #[allow(unsafe_code, reason = "instructions that were asked for")]
    pub fn sums(self, sums: &[Vec<Pick<'_>>]) -> Vec<[u8; 32]> {
        // SAFETY: as in `entries`.
        unsafe { encoded_sums(sums) }
    }
}
