//! Checking a bundle, trusting only the genesis file.

use super::{
    BUNDLE_BYTES_MAX, BUNDLE_LEAVES_MAX, BUNDLE_VERSION, BundleFault, CONTENT, OPENINGS_MAX,
    commitment_in,
};
use crate::apply::replay;
use crate::checkpoint::{Quorum, VerifiedCheckpoint};
use crate::commitment::{Opening, Salt};
use crate::genesis::{check_genesis, checkpoint_origin, checkpoint_voters, found};
use crate::leaf::Leaf;
use crate::merkle::{leaf_hash, parse_proof};
use crate::note::{Note, NoteKey, SignatureKind};
use crate::record::CoreError;
use crate::store::MemoryState;
use crate::view::View;
use prost::Message;
use sekisho_domain::{
    AccessRecord, Body, EntryIndex, Genesis, LedgerId, Outcome, TimeMs, Transfer,
};
use sekisho_proto::v1;
use std::collections::BTreeMap;
use std::convert::Infallible;

/// What a bundle proves. Only [`verify`] makes one.
#[derive(Debug, Clone)]
#[expect(
    clippy::manual_non_exhaustive,
    reason = "the rest of this crate may make none either"
)]
pub struct Verified {
    /// The ledger.
    pub ledger: LedgerId,
    /// The checkpoint everything stands under, and who cosigned it.
    pub checkpoint: VerifiedCheckpoint,
    /// The request and its decisions.
    pub access: AccessRecord,
    /// Releases and receipts.
    pub transfers: Vec<VerifiedTransfer>,
    /// Every leaf, ascending.
    pub leaves: Vec<Leaf>,
    /// Every opening with the leaf it opens.
    pub openings: Vec<(EntryIndex, Opening)>,
    _checked: (),
}

/// A release or receipt that was proved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedTransfer {
    /// The leaf.
    pub index: EntryIndex,
    /// Whether it is the disclosing side's release; else the viewing side's receipt.
    pub release: bool,
    /// What it says.
    pub transfer: Transfer,
}

/// Checks a bundle from the first byte to the last, trusting the genesis alone: form, checkpoint, each leaf's
/// place in the tree, signature and outcome in ledger order, the transfers, the openings. The order, and what each
/// check is, is that of `docs/spec/proof-bundle.md`.
///
/// # Errors
/// [`BundleFault`]: the first thing that does not hold.
pub fn verify(bytes: &[u8], genesis: &Genesis) -> Result<Verified, BundleFault> {
    if let Some(fault) = check_genesis(genesis).into_iter().next() {
        return Err(BundleFault::Genesis(Box::new(fault)));
    }
    let bundle = parse(bytes)?;
    let mut state = MemoryState::default();
    let ledger = found(&mut state, genesis).map_err(storage)?;
    if bundle.ledger != ledger.0 {
        return Err(BundleFault::WrongLedger {
            got: hex::encode(&bundle.ledger),
            expected: ledger,
        });
    }
    let checkpoint = check_checkpoint(&bundle.checkpoint, genesis, &ledger)?;
    let leaves = check_leaves(&bundle, &checkpoint, genesis.created)?;
    let mut meta = View(&state)
        .meta()
        .map_err(storage)?
        .ok_or(BundleFault::Form("an empty genesis".to_owned()))?;
    for leaf in &leaves {
        let index = leaf.index.0;
        match replay(&mut state, &mut meta, leaf).map_err(storage)? {
            Err(fault) => return Err(BundleFault::NotAuthentic { index, fault }),
            Ok(outcome) if outcome != leaf.outcome => return Err(BundleFault::Outcome { index }),
            Ok(_) => {}
        }
    }
    let access = View(&state)
        .access(EntryIndex(bundle.access))
        .map_err(storage)?;
    let access = access.ok_or(BundleFault::AccessMissing(bundle.access))?;
    let transfers = check_transfers(&leaves, access.index)?;
    let openings = check_openings(&bundle, &leaves)?;
    Ok(Verified {
        ledger,
        checkpoint,
        access,
        transfers,
        leaves,
        openings,
        _checked: (),
    })
}

/// Memory does not fail; a contradiction in what was replayed is the bundle's fault.
fn storage(error: CoreError<Infallible>) -> BundleFault {
    BundleFault::Form(error.to_string())
}

fn parse(bytes: &[u8]) -> Result<v1::ProofBundle, BundleFault> {
    if bytes.len() > BUNDLE_BYTES_MAX {
        return Err(BundleFault::TooLarge {
            got_bytes: bytes.len(),
        });
    }
    // An empty message takes two bytes here and thirty times as many once decoded: count before decoding.
    let fields = top_level(bytes)?;
    check_count("leaves", fields.leaves, BUNDLE_LEAVES_MAX)?;
    check_count("openings", fields.openings, OPENINGS_MAX)?;
    if fields.version != u64::from(BUNDLE_VERSION) {
        return Err(BundleFault::Version(fields.version));
    }
    let bundle = v1::ProofBundle::decode(bytes).map_err(|e| BundleFault::Form(e.to_string()))?;
    if bundle.encode_to_vec() != bytes {
        return Err(BundleFault::NotCanonical);
    }
    Ok(bundle)
}

fn check_count(what: &'static str, got: usize, max: usize) -> Result<(), BundleFault> {
    if got > max {
        Err(BundleFault::TooMany { what, got, max })
    } else {
        Ok(())
    }
}

/// Tags of a `sekisho.v1.ProofBundle`: the field's number and its wire type, 0 (varint) or 2 (length-delimited).
const VERSION_TAG: usize = 1 << 3;
const LEAVES_TAG: usize = 5 << 3 | 2;
const OPENINGS_TAG: usize = 6 << 3 | 2;

/// What a file says of itself before anything in it is decoded.
struct TopLevel {
    version: u64,
    leaves: usize,
    openings: usize,
}

/// Walks over the file's fields without decoding any. The version comes first.
fn top_level(mut bytes: &[u8]) -> Result<TopLevel, BundleFault> {
    let form = || BundleFault::Form("it does not consist of a bundle's fields".to_owned());
    let mut fields = TopLevel {
        version: 0,
        leaves: 0,
        openings: 0,
    };
    let mut first = true;
    while !bytes.is_empty() {
        let tag = prost::decode_length_delimiter(&mut bytes).map_err(|_| form())?;
        let value = prost::decode_length_delimiter(&mut bytes).map_err(|_| form())?;
        match tag & 7 {
            0 => {}
            2 => bytes = bytes.get(value..).ok_or_else(form)?,
            _ => return Err(form()),
        }
        if first {
            if tag != VERSION_TAG {
                return Err(form());
            }
            fields.version = value as u64;
        }
        first = false;
        fields.leaves += usize::from(tag == LEAVES_TAG);
        fields.openings += usize::from(tag == OPENINGS_TAG);
    }
    if first { Err(form()) } else { Ok(fields) }
}

/// Strict: besides a majority, every line of the note must be by a voter, so that no byte of it is idle.
fn check_checkpoint(
    note: &str,
    genesis: &Genesis,
    ledger: &LedgerId,
) -> Result<VerifiedCheckpoint, BundleFault> {
    let voters = checkpoint_voters(genesis).map_err(BundleFault::Checkpoint)?;
    let note = Note::parse(note.as_bytes()).map_err(BundleFault::Checkpoint)?;
    let quorum =
        Quorum::majority(checkpoint_origin(ledger), &voters).map_err(BundleFault::Checkpoint)?;
    let verified = quorum.verify(&note).map_err(BundleFault::Checkpoint)?;
    for signature in note.signatures() {
        let own = voters.iter().find(|(name, _)| *name == signature.name);
        let by_voter = own.and_then(|(name, key)| {
            NoteKey::new(name.clone(), SignatureKind::Cosignature, key).ok()
        });
        if by_voter.is_none_or(|key| key.hash() != signature.key_hash) {
            return Err(BundleFault::UnknownCosigner(signature.name.to_string()));
        }
    }
    if let Some(twice) = note.signatures().get(verified.cosigners().len()) {
        return Err(BundleFault::CosignedTwice(twice.name.to_string()));
    }
    Ok(verified)
}

fn check_leaves(
    bundle: &v1::ProofBundle,
    checkpoint: &VerifiedCheckpoint,
    created: TimeMs,
) -> Result<Vec<Leaf>, BundleFault> {
    let mut leaves: Vec<Leaf> = Vec::with_capacity(bundle.leaves.len());
    for proven in &bundle.leaves {
        let index = proven.index;
        if let Some(before) = leaves.last().filter(|before| before.index.0 >= index) {
            return Err(BundleFault::Order {
                index,
                after: before.index.0,
            });
        }
        let hash = leaf_hash(&proven.leaf);
        parse_proof(&proven.inclusion_proof)
            .and_then(|proof| checkpoint.verify_inclusion(&hash, index, &proof))
            .map_err(|fault| BundleFault::NotInTree { index, fault })?;
        let leaf =
            Leaf::decode(&proven.leaf).map_err(|fault| BundleFault::Leaf { index, fault })?;
        if leaf.index.0 != index {
            return Err(BundleFault::Place {
                index,
                says: leaf.index,
            });
        }
        if leaf.time < leaves.last().map_or(created, |before| before.time) {
            return Err(BundleFault::Time { index });
        }
        leaves.push(leaf);
    }
    Ok(leaves)
}

fn check_transfers(
    leaves: &[Leaf],
    access: EntryIndex,
) -> Result<Vec<VerifiedTransfer>, BundleFault> {
    let mut transfers = Vec::new();
    for leaf in leaves {
        // What the ledger refused is no release or receipt, whatever it says.
        if leaf.outcome != Outcome::Accepted {
            continue;
        }
        let (transfer, release) = match &leaf.entry.body {
            Body::Release(transfer) => (transfer, true),
            Body::Receipt(transfer) => (transfer, false),
            _ => continue,
        };
        if transfer.access != access {
            return Err(BundleFault::Stray {
                index: leaf.index.0,
            });
        }
        transfers.push(VerifiedTransfer {
            index: leaf.index,
            release,
            transfer: transfer.clone(),
        });
    }
    let releases: BTreeMap<_, _> = transfers
        .iter()
        .filter(|t| t.release)
        .map(|t| (t.transfer.document, (t.index, t.transfer.content)))
        .collect();
    for receipt in transfers.iter().filter(|t| !t.release) {
        if let Some((release, content)) = releases.get(&receipt.transfer.document)
            && *content != receipt.transfer.content
        {
            return Err(BundleFault::TransfersDiffer {
                release: *release,
                receipt: receipt.index,
            });
        }
    }
    Ok(transfers)
}

fn check_openings(
    bundle: &v1::ProofBundle,
    leaves: &[Leaf],
) -> Result<Vec<(EntryIndex, Opening)>, BundleFault> {
    let mut opened = Vec::with_capacity(bundle.openings.len());
    for (position, wire) in bundle.openings.iter().enumerate() {
        let fault = |fault: String| BundleFault::Opening {
            position,
            index: wire.index,
            label: wire.label.clone(),
            fault,
        };
        let leaf = leaves.iter().find(|l| l.index.0 == wire.index);
        let commitment = leaf.and_then(|leaf| commitment_in(&leaf.entry, &wire.label));
        let commitment =
            commitment.ok_or_else(|| fault("the leaf holds no such commitment".to_owned()))?;
        let salt = wire
            .salt
            .as_slice()
            .try_into()
            .map_err(|_| fault("the salt is not 32 bytes".to_owned()))?;
        let opening = Opening::new(
            wire.label.clone(),
            Salt::from_bytes(salt),
            wire.value.clone(),
        )
        .map_err(|e| fault(e.to_string()))?;
        opening
            .verify(&commitment)
            .map_err(|e| fault(e.to_string()))?;
        if wire.label == CONTENT && wire.value.len() != 32 {
            return Err(fault(
                "a content is committed to by its SHA-256, 32 bytes".to_owned(),
            ));
        }
        opened.push((EntryIndex(wire.index), opening));
    }
    Ok(opened)
}
