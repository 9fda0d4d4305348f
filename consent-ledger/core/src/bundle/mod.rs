//! Proof bundles: one file with which an officer checks an access on a machine with no network.
//!
//! A bundle holds the access request's leaf, its releases and receipts, every leaf they rest on (consents,
//! agreement, policies, facilities, keys), a proof of each under one checkpoint that a majority of voters
//! cosigned, and the openings of commitments its maker chose to show. Trust roots are given apart: the genesis
//! file of the ledger. The verifier believes nothing else; it applies the leaves again in their order and
//! compares each outcome, the access decision among them.
//!
//! What a bundle cannot show by itself is that nothing was left out: that a withdrawal not in it never
//! happened. That rests on the cosigned outcome in the leaf: a majority of voters decided the same with the
//! whole ledger before them.

mod build;
mod fault;
mod verify;

#[cfg(test)]
mod bundle_test;
#[cfg(test)]
mod closure_test;

pub use build::{BuildError, ShownOpening, build};
pub use fault::BundleFault;
pub use verify::{Verified, VerifiedTransfer, verify};

use sekisho_domain::{Body, Commitment, Entry};

/// The version of the layout.
pub const BUNDLE_VERSION: u32 = 1;
/// Leaves of one bundle: an access by a patient with some hundreds of consents between networks that changed
/// their keys and facilities many times. Bounds a verifier's work to seconds.
pub const BUNDLE_LEAVES_MAX: usize = 4096;
/// Bytes of one bundle: its leaves at 2 KiB with their proofs, several times what one needs in practice. A
/// verifier's memory is bounded by some thirty times as much, the worst that can be packed into it.
pub const BUNDLE_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Openings of one bundle.
pub const OPENINGS_MAX: usize = 1024;

/// Label of the commitment to who asked.
pub const PRACTITIONER: &str = "practitioner";
/// Label of the commitment to a document's unique id.
pub const DOCUMENT: &str = "document";
/// Label of the commitment to a content's SHA-256.
pub const CONTENT: &str = "content";
/// Label of the commitment to the evidence of a consent, withdrawal, proxy or review.
pub const EVIDENCE: &str = "evidence";
/// Label of the commitment to a sealed reservation.
pub const SEALED: &str = "sealed";

/// The commitment an entry holds under a label.
pub fn commitment_in(entry: &Entry, label: &str) -> Option<Commitment> {
    match (&entry.body, label) {
        (Body::AccessRequest(request), PRACTITIONER) => Some(request.practitioner),
        (Body::AccessRequest(request), DOCUMENT) => request.document,
        (Body::Release(transfer) | Body::Receipt(transfer), DOCUMENT) => Some(transfer.document),
        (Body::Release(transfer) | Body::Receipt(transfer), CONTENT) => Some(transfer.content),
        (Body::ConsentGrant(consent), EVIDENCE) => Some(consent.evidence),
        (Body::ConsentWithdraw { evidence, .. }, EVIDENCE) => Some(*evidence),
        (Body::ProxyRegister(proxy), EVIDENCE) => Some(proxy.evidence),
        (Body::EmergencyReview(review), EVIDENCE) => Some(review.evidence),
        (Body::ReservationSeal { sealed }, SEALED) => Some(*sealed),
        _ => None,
    }
}
