//! Forgeries of a file about a ledger that is as it was.

use super::{Forged, flip};
use crate::dice::Dice;
use crate::leaves::Leaves;
use crate::town::Town;
use prost::Message;
use sekisho_proto::v1;

/// The same ledger, but another file.
pub fn file(dice: &mut Dice, town: &Town, leaves: &Leaves, good: &v1::ProofBundle) -> Forged {
    let mut bundle = good.clone();
    let what = match dice.below(16) {
        0..=2 => {
            let mut bytes = good.encode_to_vec();
            flip(dice, &mut bytes);
            return ("the file's bits", bytes);
        }
        3 => {
            let mut bytes = good.encode_to_vec();
            let from = dice.below(bytes.len());
            let to = (from + 1 + dice.below(40)).min(bytes.len());
            match dice.below(3) {
                0 => bytes.truncate(from),
                1 => drop(bytes.drain(from..to)),
                _ => {
                    let again = bytes[from..to].to_vec();
                    bytes.splice(to..to, again);
                }
            }
            return ("a piece of the file", bytes);
        }
        4 => {
            match dice.below(3) {
                0 => bundle.version = dice.below(4) as u32,
                1 => flip(dice, &mut bundle.ledger),
                _ => bundle.access = bundle.access.wrapping_add(dice.upto(3)).wrapping_sub(1),
            }
            "the head"
        }
        5..=6 => checkpoint(dice, leaves, &mut bundle),
        7..=8 => {
            for _ in 0..1 + dice.below(3) {
                if !bundle.leaves.is_empty() {
                    let at = dice.below(bundle.leaves.len());
                    bundle.leaves.remove(at);
                }
            }
            "leaves left out"
        }
        9 => {
            let at = dice.below(bundle.leaves.len());
            match dice.below(3) {
                0 => {
                    let again = bundle.leaves[at].clone();
                    bundle.leaves.insert(at, again);
                }
                1 => {
                    let other = dice.below(bundle.leaves.len());
                    bundle.leaves.swap(at, other);
                }
                _ => bundle.leaves[at].index = dice.upto(leaves.all.len() as u64 + 2),
            }
            "leaves out of order"
        }
        10 => {
            let at = dice.below(bundle.leaves.len());
            let proof = &mut bundle.leaves[at].inclusion_proof;
            match dice.below(4) {
                0 => drop(proof.pop()),
                1 => proof.push(vec![0; 32]),
                2 => proof.reverse(),
                _ => {
                    if let Some(hash) = proof.first_mut() {
                        flip(dice, hash);
                    }
                }
            }
            "a proof"
        }
        11..=12 => {
            let mut indices: Vec<u64> = good.leaves.iter().map(|l| l.index).collect();
            indices.push(dice.upto(leaves.all.len() as u64));
            indices.push(dice.upto(leaves.all.len() as u64));
            indices.sort_unstable();
            indices.dedup();
            bundle.leaves = leaves.bundle(&indices, good.access, &[]).leaves;
            "leaves added"
        }
        13 => {
            let other = *dice.pick(&town.accesses);
            bundle.access = other.0;
            "another access"
        }
        _ => openings(dice, town, &mut bundle),
    };
    (what, bundle.encode_to_vec())
}

fn checkpoint(dice: &mut Dice, leaves: &Leaves, bundle: &mut v1::ProofBundle) -> &'static str {
    let voters = leaves.genesis.replicas.len();
    let (size, note) = (leaves.all.len(), bundle.checkpoint.clone());
    let lines: Vec<&str> = note.split_inclusive('\n').collect();
    match dice.below(9) {
        0 => {
            bundle.checkpoint = leaves.checkpoint(size, 1 + dice.below(voters));
            "fewer cosigners"
        }
        1 => {
            bundle.checkpoint = leaves.checkpoint(dice.below(size + 1), voters);
            "an older checkpoint"
        }
        2 => {
            let again = lines[lines.len() - 1];
            bundle.checkpoint.push_str(again);
            "a cosignature twice"
        }
        3 => {
            let last = lines[lines.len() - 1].replace("replica-", "witness-");
            bundle.checkpoint.push_str(&last);
            "a stranger's cosignature"
        }
        4 => {
            let at = lines.len() - 1;
            bundle.checkpoint = [&lines[..at - 1], &[lines[at], lines[at - 1]]]
                .concat()
                .concat();
            "cosignatures exchanged"
        }
        5 => {
            let mut other = leaves.clone();
            other.genesis.created.0 += 1;
            bundle.checkpoint = other.checkpoint(size, voters);
            "another origin"
        }
        6 => {
            bundle.checkpoint = lines[..lines.len() - 1].concat() + "\n" + lines[lines.len() - 1];
            "an empty line"
        }
        _ => {
            let mut bytes = note.into_bytes();
            flip(dice, &mut bytes);
            bundle.checkpoint = String::from_utf8_lossy(&bytes).into_owned();
            "the checkpoint's bits"
        }
    }
}

fn openings(dice: &mut Dice, town: &Town, bundle: &mut v1::ProofBundle) -> &'static str {
    if bundle.openings.is_empty() || dice.chance(15) {
        let shown = dice.pick(&town.openings);
        bundle.openings.push(v1::Opening {
            index: shown.index.0,
            label: shown.opening.label().to_owned(),
            salt: shown.opening.salt().as_bytes().to_vec(),
            value: shown.opening.value().to_vec(),
        });
        return "an opening more";
    }
    let at = dice.below(bundle.openings.len());
    let other = dice.pick(&bundle.openings.clone()).clone();
    let opening = &mut bundle.openings[at];
    match dice.below(6) {
        0 => flip(dice, &mut opening.salt),
        1 => flip(dice, &mut opening.value),
        2 => opening.label = (*dice.pick(&["document", "content", "Evidence", "", "x"])).to_owned(),
        3 => opening.index = other.index,
        4 => *opening = other,
        _ => opening.value = vec![7; 65_537],
    }
    "an opening"
}
