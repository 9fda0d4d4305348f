//! Sums of points of edwards25519 (RFC 8032 §5.1), eight at once: one in each 64-bit lane of AVX-512, with the 52-bit
//! multiplications of its extension IFMA. A sum costs a seventh of what it costs with the processor's other instructions.
//!
//! For what everybody may know, never for secrets: time and memory accesses depend on the points that are added.
//!
//! Points come from `curve25519-dalek` and sums leave as the 32 bytes of their encoding; here they are only added. Whoever
//! has no [`Lanes`], for the processor has none, adds them by that crate.
//!
//! ```
//! # use curve25519_dalek::constants::ED25519_BASEPOINT_POINT as B;
//! # use sekisho_lanes::{Lanes, Pick};
//! let Some(lanes) = Lanes::detect() else { return };
//! let entries = lanes.entries(&[B, B + B]);
//! let pick = |n: usize, negative| Pick { entry: &entries[n], negative };
//! let sums = lanes.sums(&[vec![pick(0, false), pick(1, false)], vec![pick(1, false), pick(0, true)], vec![]]);
//! assert_eq!(sums, [B + B + B, B, B - B].map(|point| point.compress().to_bytes()));
//! ```

#[cfg(target_arch = "x86_64")]
mod field;
#[cfg(target_arch = "x86_64")]
mod point;
#[cfg(target_arch = "x86_64")]
mod x86;
#[cfg(target_arch = "x86_64")]
pub use x86::{Entry, Lanes};

#[cfg(not(target_arch = "x86_64"))]
mod none;
#[cfg(not(target_arch = "x86_64"))]
pub use none::{Entry, Lanes};

/// A point to add, or to subtract.
#[derive(Clone, Copy, Debug)]
pub struct Pick<'a> {
    /// The point.
    pub entry: &'a Entry,
    /// Whether it is subtracted.
    pub negative: bool,
}
