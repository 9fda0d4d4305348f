//! Tiles, entry bundles and proof files: the Tessera test log and the example of C2SP tlog-proof.

use crate::{set, text};
use sekisho_domain::Hash;
use sekisho_ledger::merkle::{MemoryTree, leaf_hash, root};
use sekisho_ledger::note::Note;
use sekisho_ledger::tlog::{
    Content, ProofFileFault, TlogProof, entries, read_tile, tiles_of, write_entries, write_tile,
};
use std::fs;

/// Every file the log ever wrote, of its sizes 1 to 15, under its name and byte for byte.
#[test]
fn tessera_tiles_and_bundles() {
    let Some(folder) = set("tessera-log/testdata/log") else {
        return;
    };
    let (mut tree, mut leaves, mut files) = (MemoryTree::new(), Vec::<Vec<u8>>::new(), 0);
    for size in 1..=15u64 {
        for path in tiles_of(size) {
            let bytes = fs::read(folder.join(path.to_string())).expect("a file of that name");
            files += 1;
            match path.content() {
                Content::Entries => {
                    let read = entries(&bytes, path.width()).expect("a bundle");
                    let newest = read.last().expect("an entry").to_vec();
                    tree.append(leaf_hash(&newest))
                        .expect("far below the bound");
                    leaves.push(newest);
                    assert_eq!(write_entries(&leaves), Ok(bytes), "{path}");
                }
                Content::Hashes { .. } => {
                    let read = read_tile(&bytes, path.width()).expect("a tile");
                    let hashed: Vec<Hash> = leaves.iter().map(|leaf| leaf_hash(leaf)).collect();
                    assert_eq!(read, hashed, "{path}");
                    assert_eq!(write_tile(&tree, path), Ok(Some(bytes)), "{path}");
                }
            }
        }
        let note = text(&folder.join(format!("checkpoint.{size}")));
        let note = Note::parse(note.as_bytes()).expect("a note");
        let computed = root(&tree, size).expect("a root");
        assert!(note.text().contains(&base64(&computed)), "root of {size}");
    }
    assert_eq!(files, 30);
}

fn base64(hash: &Hash) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(hash.as_bytes())
}

/// The specification's example is shortened: its signatures hold `[...]`, and are refused as none. All the rest is
/// read, and written the same.
#[test]
fn c2sp_proof_example() {
    let Some(folder) = set("c2sp-notes") else {
        return;
    };
    let whole = text(&folder.join("tlog-proof-example-ELIDED.txt"));
    assert!(matches!(
        TlogProof::parse(whole.as_bytes()),
        Err(ProofFileFault::Checkpoint(_))
    ));
    let (head, _) = whole.split_once("\u{2014} ").expect("signatures");
    let signed = format!("{head}\u{2014} example.com/fancylog AAAAAAE=\n");
    let proof = TlogProof::parse(signed.as_bytes()).expect("a proof file");
    assert_eq!((proof.index, proof.hashes.len()), (73_894, 5));
    assert_eq!(proof.extra.as_ref().map(Vec::len), Some(39));
    assert_eq!(proof.to_string(), signed);
}
