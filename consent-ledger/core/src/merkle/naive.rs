//! RFC 6962 §2.1 word for word, over a list of leaves: the oracle of the property tests.

use sekisho_domain::Hash;
use sha2::{Digest, Sha256};

fn sha256(parts: &[&[u8]]) -> Hash {
    Hash(Sha256::digest(parts.concat()).into())
}

/// "Let k be the largest power of two smaller than n (i.e., k < n <= 2k)."
fn k_of(n: usize) -> usize {
    let mut k = 1;
    while k * 2 < n {
        k *= 2;
    }
    k
}

/// MTH(D[n]), §2.1.
pub fn mth(d: &[Vec<u8>]) -> Hash {
    match d {
        [] => sha256(&[]),
        [d0] => sha256(&[&[0x00], d0]),
        _ => {
            let k = k_of(d.len());
            sha256(&[&[0x01], &mth(&d[..k]).0, &mth(&d[k..]).0])
        }
    }
}

/// PATH(m, D[n]), §2.1.1.
pub fn path(m: usize, d: &[Vec<u8>]) -> Vec<Hash> {
    if d.len() == 1 {
        return vec![];
    }
    let k = k_of(d.len());
    let (mut path, sibling) = if m < k {
        (path(m, &d[..k]), mth(&d[k..]))
    } else {
        (path(m - k, &d[k..]), mth(&d[..k]))
    };
    path.push(sibling);
    path
}

/// SUBPROOF(m, D[n], b), §2.1.2; PROOF(m, D[n]) is SUBPROOF(m, D[n], true).
pub fn subproof(m: usize, d: &[Vec<u8>], b: bool) -> Vec<Hash> {
    if m == d.len() {
        return if b { vec![] } else { vec![mth(d)] };
    }
    let k = k_of(d.len());
    let (mut proof, sibling) = if m <= k {
        (subproof(m, &d[..k], b), mth(&d[k..]))
    } else {
        (subproof(m - k, &d[k..], false), mth(&d[..k]))
    };
    proof.push(sibling);
    proof
}
