//! A ledger's leaves outside any state, where they can be forged, and bundles of them: hashed, proved and cosigned
//! anew by voters whose keys are known.

use prost::Message;
use sekisho_domain::{Body, EntryIndex, Genesis, KeyPurpose};
use sekisho_ledger::bundle::{BUNDLE_VERSION, ShownOpening};
use sekisho_ledger::checkpoint::{Checkpoint, cosign};
use sekisho_ledger::merkle::{MemoryTree, inclusion_proof, leaf_hash};
use sekisho_ledger::note::Note;
use sekisho_ledger::testing::{World, key};
use sekisho_ledger::{Leaf, View, checkpoint_origin, checkpoint_voters, ledger_id};
use sekisho_proto::v1;

/// The leaves, encoded.
#[derive(Debug, Clone)]
pub struct Leaves {
    /// Who founded the ledger.
    pub genesis: Genesis,
    /// From index 0 on.
    pub all: Vec<Vec<u8>>,
    time_s: u64,
}

impl Leaves {
    /// Those of a world.
    pub fn of(world: &World) -> Self {
        let view = View(&world.state);
        let size = view.meta().unwrap().expect("a founded ledger").size;
        let leaf = |index| view.leaf(EntryIndex(index)).unwrap().expect("a leaf");
        Self {
            genesis: world.genesis.clone(),
            all: (0..size).map(leaf).collect(),
            time_s: world.time.0 / 1000,
        }
    }

    /// Every leaf but the transfers of other accesses than this: what a bundle about it may hold.
    pub fn whole(&self, access: u64) -> Vec<u64> {
        (0..self.all.len() as u64)
            .filter(|index| match self.read(*index).entry.body {
                Body::Release(t) | Body::Receipt(t) => t.access.0 == access,
                _ => true,
            })
            .collect()
    }

    /// A leaf that has not been forged.
    pub fn read(&self, index: u64) -> Leaf {
        Leaf::decode(&self.all[index as usize]).expect("a leaf")
    }

    /// Whether a leaf is a message still.
    pub fn is_readable(&self, index: usize) -> bool {
        v1::Leaf::decode(self.all[index].as_slice()).is_ok()
    }

    /// The message of a readable leaf.
    pub fn message(&self, index: usize) -> v1::Leaf {
        v1::Leaf::decode(self.all[index].as_slice()).expect("a leaf")
    }

    fn tree(&self, size: usize) -> MemoryTree {
        let mut tree = MemoryTree::new();
        for leaf in &self.all[..size] {
            tree.append(leaf_hash(leaf)).expect("a small tree");
        }
        tree
    }

    /// A checkpoint over the first leaves, cosigned by so many voters.
    pub fn checkpoint(&self, size: usize, cosigners: usize) -> String {
        let origin = checkpoint_origin(&ledger_id(&self.genesis));
        let root = self.tree(size).root();
        let checkpoint = Checkpoint::new(origin, size as u64, root).expect("a checkpoint");
        self.cosigned(&checkpoint, cosigners)
    }

    /// Whatever it says, cosigned by so many voters.
    pub fn cosigned(&self, checkpoint: &Checkpoint, cosigners: usize) -> String {
        let voters = checkpoint_voters(&self.genesis).expect("voters");
        let signatures = self.genesis.replicas.iter().zip(&voters).take(cosigners);
        let signatures = signatures.map(|(replica, (name, _))| {
            let key = key(replica.network.as_str(), KeyPurpose::Checkpoint);
            cosign(checkpoint, name, &key, self.time_s).expect("a time")
        });
        Note::new(checkpoint.text(), signatures.collect())
            .expect("a note")
            .to_string()
    }

    /// A bundle of some of the leaves, under a checkpoint over all, cosigned by all voters.
    pub fn bundle(
        &self,
        indices: &[u64],
        access: u64,
        openings: &[ShownOpening],
    ) -> v1::ProofBundle {
        let size = self.all.len();
        let tree = self.tree(size);
        let proven = |index: &u64| v1::ProvenLeaf {
            index: *index,
            leaf: self.all[*index as usize].clone(),
            inclusion_proof: inclusion_proof(&tree, *index, size as u64)
                .expect("a leaf of the tree")
                .iter()
                .map(|hash| hash.0.to_vec())
                .collect(),
        };
        let shown = openings.iter().filter(|o| indices.contains(&o.index.0));
        v1::ProofBundle {
            version: BUNDLE_VERSION,
            ledger: ledger_id(&self.genesis).0.to_vec(),
            access,
            checkpoint: self.checkpoint(size, self.genesis.replicas.len()),
            leaves: indices.iter().map(proven).collect(),
            openings: shown.map(opening).collect(),
        }
    }
}

fn opening(shown: &ShownOpening) -> v1::Opening {
    v1::Opening {
        index: shown.index.0,
        label: shown.opening.label().to_owned(),
        salt: shown.opening.salt().as_bytes().to_vec(),
        value: shown.opening.value().to_vec(),
    }
}
