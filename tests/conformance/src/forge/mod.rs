//! Forgeries of bundles: of the file's bytes, of what it is made of, and of the ledger itself, hashed and cosigned
//! anew, so that only what the leaves say can give them away.

mod file;

pub use file::file;

use crate::dice::Dice;
use crate::leaves::Leaves;
use crate::swap::Pool;
use crate::town::{Town, every_key};
use prost::Message;
use sekisho_domain::{Entry, KeyId, Outcome, RefusalReason};
use sekisho_ledger::dsse;
use sekisho_ledger::signature::SigningKey;
use sekisho_proto::{ENTRY_TYPE, v1};
use std::collections::BTreeMap;

/// What was done, and the file.
pub type Forged = (&'static str, Vec<u8>);

/// Whoever can sign as anybody.
#[derive(Debug)]
pub struct Forger {
    keys: BTreeMap<KeyId, SigningKey>,
    pool: Pool,
    leaves: Leaves,
}

impl Forger {
    /// One who knows a town's ledger.
    pub fn of(town: &Town) -> Self {
        let leaves = Leaves::of(&town.world);
        let mut pool = Pool::default();
        for index in 0..leaves.all.len() as u64 {
            let leaf = leaves.read(index);
            pool.learn(&serde_json::to_value(&leaf.entry).expect("JSON"));
            pool.learn(&serde_json::to_value(&leaf.outcome).expect("JSON"));
        }
        let keys = every_key().into_iter().map(|key| (key.key_id(), key));
        Self {
            keys: keys.collect(),
            pool,
            leaves,
        }
    }

    /// The ledger as it is.
    pub fn leaves(&self) -> &Leaves {
        &self.leaves
    }

    /// The same bundle about a ledger with one or two leaves forged.
    pub fn ledger(&self, dice: &mut Dice, good: &v1::ProofBundle) -> Forged {
        let mut indices: Vec<u64> = good.leaves.iter().map(|l| l.index).collect();
        let mut leaves = self.leaves.clone();
        let mut what = "nothing";
        for _ in 0..1 + dice.below(2) {
            let at = *dice.pick(&indices) as usize;
            if !leaves.is_readable(at) {
                continue;
            }
            what = match dice.below(14) {
                0..=1 => self.payload_bits(dice, &mut leaves, at),
                2..=5 => self.payload_value(dice, &mut leaves, at),
                6 => outcome_bits(dice, &mut leaves, at),
                7..=8 => self.outcome_value(dice, &mut leaves, at),
                9 => another_outcome(dice, &mut leaves, at),
                10 => place_in_time(dice, &mut leaves, at),
                11 => self.envelope(dice, &mut leaves, at),
                12 => leaf_bits(dice, &mut leaves, at),
                _ => {
                    if dice.chance(50) {
                        repeated(&mut leaves, &mut indices, at)
                    } else {
                        exchanged(dice, &mut leaves, &indices, at)
                    }
                }
            };
        }
        let mut forged = leaves.bundle(&indices, good.access, &[]);
        forged.openings = good.openings.clone();
        (what, forged.encode_to_vec())
    }

    /// Signs an entry anew: by those who signed it, and by whom it now names as its author.
    fn sign(&self, envelope: &mut v1::Envelope, payload: Vec<u8>) {
        envelope.payload = payload;
        let message = dsse::pae(&envelope.payload_type, &envelope.payload);
        if let Ok(entry) = v1::Entry::decode(envelope.payload.as_slice()) {
            let other = envelope.signatures.iter().all(|s| s.key_id != entry.author);
            if let (true, Some(first)) = (other, envelope.signatures.first_mut()) {
                first.key_id = entry.author;
            }
        }
        for signature in &mut envelope.signatures {
            let id = KeyId::try_from(signature.key_id.as_slice()).ok();
            if let Some(key) = id.and_then(|id| self.keys.get(&id)) {
                signature.signature = key.sign(&message).0.to_vec();
            }
        }
    }

    fn payload_bits(&self, dice: &mut Dice, leaves: &mut Leaves, at: usize) -> &'static str {
        let mut leaf = leaves.message(at);
        if let Some(envelope) = &mut leaf.envelope {
            let mut payload = envelope.payload.clone();
            match dice.below(6) {
                0 => payload.extend([0xfa, 0x3f, 0x00]),
                1 => payload.extend([0x38, 0x00]),
                _ => flip(dice, &mut payload),
            }
            self.sign(envelope, payload);
        }
        leaves.all[at] = leaf.encode_to_vec();
        "an entry's bits, signed"
    }

    fn payload_value(&self, dice: &mut Dice, leaves: &mut Leaves, at: usize) -> &'static str {
        let mut leaf = leaves.message(at);
        let Some(envelope) = &mut leaf.envelope else {
            return "nothing";
        };
        let read = v1::Entry::decode(envelope.payload.as_slice()).ok();
        let Some(entry) = read.and_then(|wire| Entry::try_from(wire).ok()) else {
            return "nothing";
        };
        for _ in 0..20 {
            let document = serde_json::to_value(&entry).expect("JSON");
            let swapped = self.pool.swap(dice, &document);
            let swapped = swapped.and_then(|value| serde_json::from_value::<Entry>(value).ok());
            if let Some(swapped) = swapped {
                self.sign(envelope, v1::Entry::from(&swapped).encode_to_vec());
                break;
            }
        }
        leaves.all[at] = leaf.encode_to_vec();
        "an entry's value, signed"
    }

    fn outcome_value(&self, dice: &mut Dice, leaves: &mut Leaves, at: usize) -> &'static str {
        let mut leaf = leaves.message(at);
        let read = leaf.outcome.clone().map(Outcome::try_from);
        let Some(Ok(outcome)) = read else {
            return "nothing";
        };
        for _ in 0..20 {
            let document = serde_json::to_value(&outcome).expect("JSON");
            let swapped = self.pool.swap(dice, &document);
            let swapped = swapped.and_then(|value| serde_json::from_value::<Outcome>(value).ok());
            if let Some(swapped) = swapped {
                leaf.outcome = Some((&swapped).into());
                break;
            }
        }
        leaves.all[at] = leaf.encode_to_vec();
        "an outcome's value"
    }

    fn envelope(&self, dice: &mut Dice, leaves: &mut Leaves, at: usize) -> &'static str {
        let mut leaf = leaves.message(at);
        let Some(envelope) = &mut leaf.envelope else {
            return "nothing";
        };
        if envelope.signatures.is_empty() {
            return "nothing";
        }
        let message = dsse::pae(&envelope.payload_type, &envelope.payload);
        let ids: Vec<KeyId> = self.keys.keys().copied().collect();
        let id = *dice.pick(&ids);
        let by = |id: KeyId| v1::Signature {
            key_id: id.0.to_vec(),
            signature: self.keys[&id].sign(&message).0.to_vec(),
        };
        let what = match dice.below(9) {
            0 => {
                envelope.signatures.clear();
                "no signature"
            }
            1 => {
                let one = envelope.signatures[0].clone();
                envelope.signatures = vec![one; 9];
                "nine signatures"
            }
            2 => {
                envelope.signatures.push(by(id));
                "one signature more"
            }
            3 => {
                envelope.signatures.insert(0, by(id));
                "one signature before"
            }
            4 => {
                envelope.signatures = vec![by(id)];
                "somebody else's signature"
            }
            5 => {
                flip(dice, &mut envelope.signatures[0].signature);
                "a signature's bits"
            }
            6 => {
                flip(dice, &mut envelope.signatures[0].key_id);
                "a key id's bits"
            }
            7 => {
                add_order(&mut envelope.signatures[0].signature);
                "a signature with S + L"
            }
            _ => {
                envelope.payload_type = if dice.chance(50) {
                    "application/vnd.sekisho.answer.v1+protobuf".to_owned()
                } else {
                    format!("{ENTRY_TYPE} ")
                };
                let payload = envelope.payload.clone();
                self.sign(envelope, payload);
                "another payload type, signed"
            }
        };
        leaves.all[at] = leaf.encode_to_vec();
        what
    }
}

/// Flips one to three bits, or puts a byte in, or takes one out.
fn flip(dice: &mut Dice, bytes: &mut Vec<u8>) {
    for _ in 0..1 + dice.below(3) {
        if bytes.is_empty() {
            return;
        }
        let at = dice.below(bytes.len());
        match dice.below(8) {
            0 => bytes.insert(at, dice.below(256) as u8),
            1 => {
                bytes.remove(at);
            }
            2 => bytes[at] = dice.below(256) as u8,
            _ => bytes[at] ^= 1 << dice.below(8),
        }
    }
}

/// Adds the group's order to the second half, which a lenient verifier takes for the same signature.
fn add_order(signature: &mut [u8]) {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let mut carry = 0;
    for (byte, order) in signature.iter_mut().skip(32).zip(ORDER) {
        let sum = u16::from(*byte) + u16::from(order) + carry;
        *byte = sum as u8;
        carry = sum >> 8;
    }
}

fn leaf_bits(dice: &mut Dice, leaves: &mut Leaves, at: usize) -> &'static str {
    match dice.below(6) {
        0 => {
            let mut leaf = leaves.message(at);
            leaf.version = 2;
            leaves.all[at] = leaf.encode_to_vec();
            "a leaf's version"
        }
        1 => {
            let mut leaf = leaves.message(at);
            leaf.state_digest.pop();
            leaves.all[at] = leaf.encode_to_vec();
            "a short digest"
        }
        2 => {
            let mut leaf = leaves.message(at);
            flip(dice, &mut leaf.state_digest);
            leaves.all[at] = leaf.encode_to_vec();
            "another digest"
        }
        3 => {
            let mut leaf = leaves.message(at);
            if dice.chance(50) {
                leaf.outcome = None;
            } else {
                leaf.envelope = None;
            }
            leaves.all[at] = leaf.encode_to_vec();
            "a leaf without a part"
        }
        _ => {
            flip(dice, &mut leaves.all[at]);
            "a leaf's bits"
        }
    }
}

fn outcome_bits(dice: &mut Dice, leaves: &mut Leaves, at: usize) -> &'static str {
    let mut leaf = leaves.message(at);
    let mut bytes = leaf.outcome.unwrap_or_default().encode_to_vec();
    flip(dice, &mut bytes);
    leaf.outcome = v1::Outcome::decode(bytes.as_slice()).ok();
    leaves.all[at] = leaf.encode_to_vec();
    "an outcome's bits"
}

fn another_outcome(dice: &mut Dice, leaves: &mut Leaves, at: usize) -> &'static str {
    let mut leaf = leaves.message(at);
    let other = match dice.below(4) {
        0 => Some((&Outcome::Accepted).into()),
        1 => Some((&Outcome::Refused(*dice.pick(RefusalReason::ALL))).into()),
        _ => {
            let other = dice.below(leaves.all.len());
            v1::Leaf::decode(leaves.all[other].as_slice())
                .ok()
                .and_then(|leaf| leaf.outcome)
        }
    };
    leaf.outcome = other;
    if let Some(v1::outcome::Outcome::Decided(decided)) =
        leaf.outcome.as_mut().and_then(|o| o.outcome.as_mut())
        && dice.chance(50)
    {
        decided.decisions.reverse();
        for decision in &mut decided.decisions {
            if let Some(v1::network_decision::Decision::Permit(terms)) = &mut decision.decision {
                terms.bases.reverse();
                terms.withheld.reverse();
                terms.bases.iter_mut().for_each(|b| b.categories.reverse());
            }
        }
    }
    leaves.all[at] = leaf.encode_to_vec();
    "another outcome"
}

fn place_in_time(dice: &mut Dice, leaves: &mut Leaves, at: usize) -> &'static str {
    let mut leaf = leaves.message(at);
    let step = 1 + dice.upto(100_000);
    match dice.below(5) {
        0 => {
            leaf.index = leaf.index.wrapping_add(1 + dice.upto(2));
            leaves.all[at] = leaf.encode_to_vec();
            return "another index";
        }
        1 => leaf.time_ms = 0,
        2 => leaf.time_ms = leaf.time_ms.saturating_add(step),
        _ => leaf.time_ms = leaf.time_ms.saturating_sub(step / 20),
    }
    leaves.all[at] = leaf.encode_to_vec();
    "another time"
}

fn repeated(leaves: &mut Leaves, indices: &mut Vec<u64>, at: usize) -> &'static str {
    let mut again = leaves.message(at);
    let index = leaves.all.len() as u64;
    if let Some(last) = leaves.all.last().map(Vec::as_slice)
        && let Ok(last) = v1::Leaf::decode(last)
    {
        // In time, where the window lets it.
        again.time_ms = again.time_ms.max(last.time_ms);
    }
    again.index = index;
    leaves.all.push(again.encode_to_vec());
    indices.push(index);
    "an entry twice"
}

fn exchanged(dice: &mut Dice, leaves: &mut Leaves, indices: &[u64], at: usize) -> &'static str {
    let other = *dice.pick(indices) as usize;
    if !leaves.is_readable(other) {
        return "nothing";
    }
    let (mut one, mut two) = (leaves.message(at), leaves.message(other));
    std::mem::swap(&mut one.index, &mut two.index);
    if dice.chance(80) {
        std::mem::swap(&mut one.time_ms, &mut two.time_ms);
    }
    leaves.all[at] = two.encode_to_vec();
    leaves.all[other] = one.encode_to_vec();
    "two leaves exchanged"
}
