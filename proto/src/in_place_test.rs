//! [`EntryInPlace`] against prost's own reading of the same bytes.

use crate::{EntryInPlace, v1};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use prost::Message as _;

fn coded() -> impl Strategy<Value = v1::Coded> {
    (".{0,6}", ".{0,6}", ".{0,6}").prop_map(|(code, system, display)| v1::Coded {
        code,
        system,
        display,
    })
}

fn entry() -> impl Strategy<Value = v1::DocumentEntry> {
    let texts = vec(".{0,6}", 6);
    let codes = vec(option::of(coded()), 5);
    let numbers = vec(option::of(any::<u64>()), 4);
    let rest = (any::<i32>(), vec(any::<u8>(), 0..40), any::<bool>());
    (texts, codes, numbers, rest).prop_map(
        |(texts, codes, numbers, (category, hash, deprecated))| {
            let number = |n: usize| numbers[n];
            v1::DocumentEntry {
                unique_id: texts[0].clone(),
                facility: texts[1].clone(),
                category,
                class_code: codes[0].clone(),
                type_code: codes[1].clone(),
                format_code: codes[2].clone(),
                mime_type: texts[2].clone(),
                language_code: texts[3].clone(),
                creation_time_ms: number(0).unwrap_or_default(),
                service_start_ms: number(1),
                service_stop_ms: number(2),
                practice_setting: codes[3].clone(),
                confidentiality: codes[4].clone(),
                hash,
                size_bytes: number(3).unwrap_or_default(),
                title_ja: texts[4].clone(),
                title_en: texts[5].clone(),
                deprecated,
            }
        },
    )
}

/// What one reads, the other reads too, to the same.
fn agree(encoded: &[u8]) -> Result<(), TestCaseError> {
    let whole = v1::DocumentEntry::decode(encoded);
    let in_place = EntryInPlace::read(encoded);
    match (&whole, in_place) {
        (Ok(whole), Ok(in_place)) => prop_assert_eq!(in_place, whole.into()),
        (Err(_), Err(_)) => {}
        differ => prop_assert!(false, "{differ:?}"),
    }
    Ok(())
}

proptest! {
    #[test]
    fn reads_what_prost_writes(entry in entry()) {
        let encoded = entry.encode_to_vec();
        prop_assert_eq!(EntryInPlace::read(&encoded), Ok((&entry).into()));
    }

    /// Two entries behind each other are one, with the later one's fields: as protobuf has it.
    #[test]
    fn spoilt_bytes_are_read_by_both_or_by_neither(
        (one, two) in (entry(), entry()),
        at in any::<prop::sample::Index>(),
        change in 1u8..,
        cut in any::<prop::sample::Index>(),
    ) {
        let whole = [one.encode_to_vec(), two.encode_to_vec()].concat();
        agree(&whole)?;
        agree(&whole[..cut.index(whole.len() + 1)])?;
        if !whole.is_empty() {
            let mut spoilt = whole;
            let at = at.index(spoilt.len());
            spoilt[at] ^= change;
            agree(&spoilt)?;
        }
    }

    #[test]
    fn any_bytes_are_read_by_both_or_by_neither(bytes in vec(any::<u8>(), 0..64)) {
        agree(&bytes)?;
    }

    /// Fields of every number and kind, those that no version knows too.
    #[test]
    fn any_fields_are_read_by_both_or_by_neither(
        fields in vec((1u32..24, 0u8..6, vec(any::<u8>(), 0..12)), 0..6),
    ) {
        let mut bytes = Vec::new();
        for (tag, wire, content) in fields {
            prost::encoding::encode_varint(u64::from(tag << 3 | u32::from(wire)), &mut bytes);
            if wire == 2 {
                prost::encoding::encode_varint(content.len() as u64, &mut bytes);
            }
            bytes.extend(content);
        }
        agree(&bytes)?;
    }
}
