//! Every parser of outside bytes as a function of anything: it must not panic, and what it lets in must be what it
//! writes. `tests/` feeds them the corpus and seeded mutations of it, `libfuzzer/` what coverage finds.

mod readers;
mod ssmix2;

use prost::Message;
use sekisho_domain::{Entry, Genesis};
use sekisho_ledger::attested::Ask;
use sekisho_ledger::checkpoint::{Checkpoint, Extensions};
use sekisho_ledger::note::Note;
use sekisho_ledger::patterns::Seen;
use sekisho_ledger::tlog::{self, Receipt, TilePath, TlogProof};
use sekisho_ledger::{Leaf, bundle, check_genesis, form};
use sekisho_proto::v1;
use std::sync::OnceLock;

/// A parser's name, which is its corpus' folder, and the parser.
pub type Target = (&'static str, fn(&[u8]));

/// Every parser of bytes that come from outside.
pub const TARGETS: [Target; 26] = [
    ("envelope", envelope),
    ("entry", entry),
    ("leaf", leaf),
    ("genesis", genesis),
    ("note", note),
    ("tile", tile),
    ("tile-path", tile_path),
    ("proof", proof),
    ("bundle", proof_bundle),
    ("profile", profile),
    ("state-request", state_request),
    ("fold", fold),
    ("birth-date", birth_date),
    ("address", address),
    ("postal-table", postal_table),
    ("ssmix2-message", ssmix2::message),
    ("ssmix2-cda", ssmix2::cda),
    ("ssmix2-path", ssmix2::path),
    ("transactions", ssmix2::transactions),
    ("fhir", readers::fhir),
    ("cda", readers::cda),
    ("pdf", readers::pdf),
    ("nsips", readers::nsips),
    ("uke", readers::uke),
    ("csv", readers::csv),
    ("csv-mapping", readers::csv_mapping),
];

/// The target of a name.
pub fn target(name: &str) -> Option<fn(&[u8])> {
    TARGETS.iter().find(|(n, _)| *n == name).map(|(_, f)| *f)
}

/// What a client submits.
fn envelope(bytes: &[u8]) {
    let Ok(envelope) = v1::Envelope::decode(bytes) else {
        return;
    };
    if let Ok(formed) = form(&envelope) {
        let again = v1::Entry::from(&formed.entry).encode_to_vec();
        assert_eq!(again, envelope.payload, "an entry has one spelling");
    }
}

/// What an envelope holds.
fn entry(bytes: &[u8]) {
    let Some(entry) = v1::Entry::decode(bytes).ok().map(Entry::try_from) else {
        return;
    };
    if let Ok(entry) = entry {
        let again = v1::Entry::from(&entry);
        let bytes = again.encode_to_vec();
        let back = v1::Entry::decode(bytes.as_slice()).map(Entry::try_from);
        assert_eq!(back, Ok(Ok(entry)), "an entry comes back as it went");
    }
}

/// What another replica's files, an export or a bundle hold.
fn leaf(bytes: &[u8]) {
    let glance = Seen::read(bytes);
    if let Ok(leaf) = Leaf::decode(bytes) {
        assert_eq!(
            glance.ok(),
            Some((leaf.index, Seen::of(&leaf))),
            "what is looked at by itself is what all of it says"
        );
        let payload = v1::Entry::from(&leaf.entry).encode_to_vec();
        assert_eq!(
            payload, leaf.envelope.payload,
            "a leaf's entry has one spelling"
        );
    }
}

/// What a network without a replica asks a voter.
fn state_request(bytes: &[u8]) {
    let Some(ask) = v1::StateRequest::decode(bytes).ok().map(Ask::try_from) else {
        return;
    };
    if let Ok(ask) = ask {
        let back = Ask::try_from(v1::StateRequest::from(&ask));
        assert_eq!(back, Ok(ask), "a request comes back as it went");
    }
}

/// The founding file.
fn genesis(bytes: &[u8]) {
    if let Ok(genesis) = serde_json::from_slice::<Genesis>(bytes) {
        check_genesis(&genesis);
    }
}

/// Signed notes and the checkpoints in them.
fn note(bytes: &[u8]) {
    if let Ok(note) = Note::parse(bytes) {
        assert_eq!(
            note.to_string().as_bytes(),
            bytes,
            "a note has one spelling"
        );
        for extensions in [Extensions::Refuse, Extensions::Keep] {
            if let Ok(checkpoint) = Checkpoint::parse(note.text(), extensions) {
                assert_eq!(checkpoint.text(), note.text(), "so has a checkpoint");
            }
        }
    }
}

/// A tile or bundle of entries: two bytes of width, then the file.
fn tile(bytes: &[u8]) {
    let Some((width, file)) = bytes.split_first_chunk::<2>() else {
        return;
    };
    let width = u16::from_be_bytes(*width);
    if let Ok(hashes) = tlog::read_tile(file, width) {
        assert_eq!(hashes.len(), usize::from(width));
    }
    if let Ok(entries) = tlog::entries(file, width) {
        assert_eq!(entries.len(), usize::from(width));
        let mut again = Vec::new();
        for entry in entries {
            assert!(tlog::write_entry(&mut again, entry).is_ok());
        }
        assert_eq!(again, file, "a bundle of entries has one spelling");
    }
}

/// The name under which a tile is asked for.
fn tile_path(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    if let Ok(path) = text.parse::<TilePath>() {
        assert_eq!(path.to_string(), text, "a tile has one name");
    }
}

/// Proof files and receipts.
fn proof(bytes: &[u8]) {
    if let Ok(proof) = TlogProof::parse(bytes) {
        assert_eq!(
            proof.to_string().as_bytes(),
            bytes,
            "a proof has one spelling"
        );
    }
    if let Ok(receipt) = Receipt::parse(bytes) {
        assert_eq!(receipt.to_string().as_bytes(), bytes, "so has a receipt");
    }
}

/// Proof bundles, checked to the end against a ledger's founding file.
fn proof_bundle(bytes: &[u8]) {
    static GENESIS: OnceLock<Option<Genesis>> = OnceLock::new();
    let genesis = GENESIS.get_or_init(|| {
        serde_json::from_slice(include_bytes!("../corpus/genesis/two-networks")).ok()
    });
    assert!(genesis.is_some(), "the corpus holds the founding file");
    if let Some(genesis) = genesis {
        let _ = bundle::verify(bytes, genesis);
    }
}

/// A network's profile, written by hand.
fn profile(bytes: &[u8]) {
    use sekisho_profiles::profile::{parse, write};
    if let Ok(profile) = parse(bytes) {
        let written = write(&profile);
        let again = parse(written.as_bytes());
        assert!(
            again.is_ok_and(|again| again == profile),
            "a profile comes back as it went"
        );
    }
}

/// A name as feeds hold it, folded: as kana, as kanji, as a telephone number, as a part of an insured number.
fn fold(bytes: &[u8]) {
    use sekisho_identity::fold;
    let text = String::from_utf8_lossy(bytes);
    for by in [fold::kana, fold::kanji, fold::insured_part] {
        let once = by(&text);
        assert_eq!(by(&once), once, "folding what is folded changes nothing");
    }
    if let Some(once) = fold::phone(&text) {
        assert_eq!(fold::phone(&once), Some(once), "nor of a telephone number");
    }
}

/// A birth date as feeds hold it.
fn birth_date(bytes: &[u8]) {
    use sekisho_identity::Date;
    let text = String::from_utf8_lossy(bytes);
    if let Ok(date) = Date::read(&text) {
        assert_eq!(
            Date::read(&date.to_string()),
            Ok(date),
            "a date comes back as it went"
        );
    }
}

/// An address as feeds hold it, the postal code in its first line.
fn address(bytes: &[u8]) {
    use sekisho_identity::{Address, fold};
    let text = String::from_utf8_lossy(bytes);
    let (postal, text) = text.split_once('\n').unwrap_or(("", &text));
    if let Some(read) = Address::read(postal, text) {
        let folded = fold::address(&read);
        assert!(folded.numbers.len() <= 3, "block, house and branch");
        assert_eq!(folded, fold::address(&read), "the same each time");
    }
}

/// A table of postal codes as it was downloaded.
fn postal_table(bytes: &[u8]) {
    use sekisho_identity::{Address, PostalTable, fold};
    if let Ok(table) = PostalTable::read(bytes) {
        let read = Address {
            postal: Some("8300001".to_owned()),
            text: "福岡県久留米市見本町1-2-3".to_owned(),
        };
        let folded = fold::address_by(&read, Some(&table));
        assert!(folded.says(), "a table takes nothing away");
    }
}
