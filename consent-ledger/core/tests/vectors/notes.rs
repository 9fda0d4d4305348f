//! Notes and checkpoints: the examples of the C2SP specifications, the Tessera test log, and what
//! torchwood's witness is tested with.

use crate::{files, set, text};
use sekisho_domain::Hash;
use sekisho_ledger::ProofError;
use sekisho_ledger::checkpoint::{Checkpoint, Extensions};
use sekisho_ledger::merkle::{MemoryTree, leaf_hash, parse_proof, root, verify_consistency};
use sekisho_ledger::note::{Note, NoteKey, SignatureKind};
use std::fs;

fn note(text: &str) -> Note {
    let note = Note::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"));
    assert_eq!(note.to_string(), text, "the same bytes again");
    note
}

#[test]
fn c2sp_examples() {
    let Some(folder) = set("c2sp-notes") else {
        return;
    };
    let read = |file: &str| note(&text(&folder.join(file)));
    let key: NoteKey = text(&folder.join("signed-note-example.vkey"))
        .trim_end()
        .parse()
        .expect("a verifier key");
    let verified = read("signed-note-example.note")
        .verify(&[key])
        .expect("the signature holds");
    assert_eq!(verified.len(), 1);

    // The keys of these two are not public: form only.
    for (file, signatures) in [
        ("tlog-checkpoint-example.note", 1),
        ("tlog-cosignature-example.note", 2),
    ] {
        let note = read(file);
        assert_eq!(note.signatures().len(), signatures, "{file}");
        let checkpoint = Checkpoint::parse(note.text(), Extensions::Refuse).expect("a checkpoint");
        assert_eq!(
            (checkpoint.size(), checkpoint.text().as_str()),
            (20_852_163, note.text()),
            "{file}"
        );
    }
    eprintln!("left out: tlog-proof-example, whose signatures the specification shortens");
}

#[test]
fn tessera_log() {
    let Some(folder) = set("tessera-log/testdata/log") else {
        return;
    };
    let key: NoteKey =
        "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx"
            .parse()
            .expect("a verifier key");
    let entries = fs::read(folder.join("tile/entries/000.p/15")).expect("the bundle of 15 entries");
    let hashes = fs::read(folder.join("tile/0/000.p/15")).expect("the tile of 15 hashes");

    // An entry bundle: length as u16 big-endian, bytes (C2SP tlog-tiles).
    let (mut tree, mut rest) = (MemoryTree::new(), entries.as_slice());
    while let Some((length, after)) = rest.split_first_chunk() {
        let (entry, after) = after.split_at(u16::from_be_bytes(*length).into());
        let place = usize::try_from(tree.size()).expect("small") * Hash::LEN;
        assert_eq!(
            leaf_hash(entry).as_bytes().as_slice(),
            &hashes[place..place + Hash::LEN],
            "leaf {}",
            tree.size()
        );
        tree.append(leaf_hash(entry)).expect("far below the bound");
        rest = after;
    }
    assert_eq!(tree.size(), 15);

    let (mut sizes, mut signatures) = (Vec::new(), 0);
    for path in files(&folder) {
        if !path
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("checkpoint"))
        {
            continue;
        }
        let note = note(&text(&path));
        signatures += note
            .verify(std::slice::from_ref(&key))
            .expect("the signature holds")
            .len();
        let checkpoint = Checkpoint::parse(note.text(), Extensions::Refuse).expect("a checkpoint");
        assert_eq!(checkpoint.origin(), "example.com/log/testdata");
        assert_eq!(
            root(&tree, checkpoint.size()),
            Ok(checkpoint.root()),
            "{}",
            path.display()
        );
        sizes.push(checkpoint.size());
    }
    // One of each size from 0 to 15, and the newest once more under its plain name.
    sizes.sort_unstable();
    sizes.dedup();
    assert_eq!((sizes, signatures), ((0..=15).collect(), 17));
}

/// Requests to a witness: the size it knows, a consistency proof, a checkpoint.
#[test]
fn torchwood_witness_requests() {
    let Some(folder) = set("torchwood/cmd/litewitness/testdata") else {
        return;
    };
    let log = "sigsum.org/v1/tree/4d6d8825a6bb689d459628312889dfbb0bcd41b5211d9e1ce768b0ff0309e562";
    let key = "ffdc2d4d98e4124d3feaf788c0c2f9abfd796083d1f0495437f302ec79cf100f"
        .parse()
        .expect("32 bytes");
    let key = NoteKey::new(
        log.parse().expect("a key name"),
        SignatureKind::Ed25519,
        &key,
    )
    .expect("a strong key");
    let mut known: Vec<(u64, Hash)> = Vec::new();
    let mut story = Vec::new();
    for request in requests(&text(&folder.join("litewitness.txt"))) {
        let note = match request.note {
            Ok(note) => note,
            Err(ProofError::NoteSignatureLine { fault, .. }) => {
                story.push(fault);
                continue;
            }
            Err(error) => panic!("{error}"),
        };
        story.push(
            match note
                .verify(std::slice::from_ref(&key))
                .expect("signatures that are in form hold")
            {
                verified if verified.is_empty() => "unknown log",
                _ => {
                    let checkpoint =
                        Checkpoint::parse(note.text(), Extensions::Refuse).expect("a checkpoint");
                    let (size, root) = (checkpoint.size(), checkpoint.root());
                    match known.iter().find(|(known, _)| *known == request.old) {
                        None if request.old == 0 => {
                            known.push((size, root));
                            "first"
                        }
                        None => panic!("size {} was never seen", request.old),
                        Some((size1, root1)) => {
                            match verify_consistency(*size1, size, &request.proof, root1, &root) {
                                Ok(()) => {
                                    known.push((size, root));
                                    "consistent"
                                }
                                Err(
                                    ProofError::ProofLength { .. }
                                    | ProofError::RootMismatch { .. },
                                ) => "inconsistent",
                                Err(error) => panic!("{error}"),
                            }
                        }
                    }
                }
            },
        );
    }
    // What the witness answers: 200, 403, 403, 422, 422, 200, 409, 200, 409. The first 403 is for a wrong
    // signature, whose last character also leaves bits over, which we do not let pass as base64. The two
    // 409 tell that the caller's size is out of date, which a verifier without memory does not see.
    let expected = [
        "first",
        "the signature is not base64",
        "unknown log",
        "inconsistent",
        "inconsistent",
        "consistent",
        "consistent",
        "consistent",
        "first",
    ];
    assert_eq!(story, expected);

    // The Go checksum database: its key's name is not its origin.
    let key: NoteKey = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
        .parse()
        .expect("a verifier key");
    let requests = requests(&text(&folder.join("sumdb.txt")));
    assert_eq!(requests.len(), 1);
    let note = requests[0].note.as_ref().expect("a note");
    assert_eq!(note.verify(&[key]).map(|verified| verified.len()), Ok(1));
    let checkpoint = Checkpoint::parse(note.text(), Extensions::Refuse).expect("a checkpoint");
    assert_eq!(
        (checkpoint.origin(), checkpoint.size()),
        ("go.sum database tree", 35_225_469)
    );
}

struct Request {
    old: u64,
    proof: Vec<Hash>,
    note: Result<Note, ProofError>,
}

fn requests(script: &str) -> Vec<Request> {
    use base64::Engine as _;
    let decode = |line: &str| {
        base64::engine::general_purpose::STANDARD
            .decode(line)
            .expect("base64")
    };
    let bodies = script.split("```\n").skip(1).step_by(2);
    bodies
        .map(|body| {
            let (head, checkpoint) = body
                .split_once("\n\n")
                .expect("a checkpoint after an empty line");
            let mut lines = head.lines();
            let old = lines
                .next()
                .and_then(|line| line.strip_prefix("old "))
                .expect("old SIZE");
            Request {
                old: old.parse().expect("a size"),
                proof: parse_proof(lines.map(decode)).expect("hashes"),
                note: Note::parse(checkpoint.as_bytes()),
            }
        })
        .collect()
}
