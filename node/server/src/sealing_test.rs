//! What is sealed opens for its reader, in its place, and for nobody else.

use super::*;
use crate::testing::Fixed;
use sekisho_domain::{EntryIndex, TimeMs};

fn header() -> SealedDocument {
    SealedDocument {
        ledger: LedgerId([1; 32]),
        access: EntryIndex(7),
        request_id: RequestId([2; 16]),
        network: "saga".parse().unwrap(),
        document: v1::DocumentEntry {
            unique_id: "1.2.3".to_owned(),
            size_bytes: 9,
            ..Default::default()
        },
        encapsulated_key: [0; KEY_BYTES],
        from_chunk: 0,
    }
}

/// A reader, a header with its key, and three sealed chunks.
fn sealed() -> (Reader, SealedDocument, Vec<Vec<u8>>) {
    let environment = Fixed::new("sealing", TimeMs(0));
    let reader = Reader::new(environment.as_ref()).unwrap();
    let mut header = header();
    let mut sealer = Sealer::to(&reader.public, &mut header, environment.as_ref()).unwrap();
    let chunks = [b"one", b"two", b"end"].iter().zip(0..);
    let chunks = chunks.map(|(plain, n)| sealer.seal(*plain, n, n == 2).unwrap());
    (reader, header, chunks.collect())
}

#[test]
fn the_reader_opens_it() {
    let (reader, header, chunks) = sealed();
    let mut opener = reader.opener(&header).unwrap();
    let opened: Vec<u8> = (0..)
        .zip(&chunks)
        .flat_map(|(n, chunk)| opener.open(chunk, n, n == 2).unwrap())
        .collect();
    assert_eq!(opened, b"onetwoend");
    assert!(
        chunks
            .iter()
            .all(|chunk| chunk.len() == 3 + sekisho_ledger::sealed::TAG_BYTES)
    );
    assert!(!chunks.concat().windows(3).any(|bytes| bytes == b"two"));
}

#[test]
fn nothing_opens_altered_moved_cut_off_or_under_another_header() {
    let (reader, header, chunks) = sealed();
    for bit in 0..chunks[0].len() * 8 {
        let mut altered = chunks[0].clone();
        altered[bit / 8] ^= 1 << (bit % 8);
        let opened = reader.opener(&header).unwrap().open(&altered, 0, false);
        assert_eq!(opened, Err(SealingFault::Chunk), "bit {bit}");
    }
    for (case, chunk, number, last) in [
        ("moved", 1, 1, false),
        ("moved, told so", 1, 0, false),
        ("cut off here", 0, 0, true),
        ("as another", 0, 1, false),
    ] {
        let opened = reader
            .opener(&header)
            .unwrap()
            .open(&chunks[chunk], number, last);
        assert_eq!(opened, Err(SealingFault::Chunk), "{case}");
    }
    let others: [fn(&mut SealedDocument); 7] = [
        |h| h.ledger.0[0] ^= 1,
        |h| h.access.0 += 1,
        |h| h.request_id.0[0] ^= 1,
        |h| h.network = "tottori".parse().unwrap(),
        |h| h.document.title_en = "another".to_owned(),
        |h| h.from_chunk = 1,
        |h| h.encapsulated_key[0] ^= 1,
    ];
    for (n, change) in others.into_iter().enumerate() {
        let mut other = header.clone();
        change(&mut other);
        let opened = reader
            .opener(&other)
            .map(|mut opener| opener.open(&chunks[0], 0, false));
        assert!(!matches!(opened, Ok(Ok(_))), "header {n}");
    }
    let stranger = Reader::new(Fixed::new("stranger", TimeMs(0)).as_ref()).unwrap();
    let opened = stranger.opener(&header).unwrap().open(&chunks[0], 0, false);
    assert_eq!(opened, Err(SealingFault::Chunk));
}

#[test]
fn without_random_bytes_nothing_is_sealed_and_no_key_is_made() {
    struct Dry;
    impl Environment for Dry {
        fn now(&self) -> TimeMs {
            TimeMs(0)
        }
        fn fill(&self, _: &mut [u8]) -> Result<(), NoRandomness> {
            Err(NoRandomness)
        }
    }
    let (reader, mut header, _) = sealed();
    assert!(matches!(
        Sealer::to(&reader.public, &mut header, &Dry),
        Err(SealingFault::NoRandomness(_))
    ));
    assert!(Reader::new(&Dry).is_err());
    // A point of small order gives everybody the same secret.
    let none = Sealer::to(&[0; KEY_BYTES], &mut header, &crate::SystemEnvironment);
    assert!(matches!(none, Err(SealingFault::Key)));
}
