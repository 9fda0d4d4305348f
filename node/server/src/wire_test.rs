use super::*;
use proptest::prelude::*;
use sekisho_documents::{IndexKey, PieceHashes, SourceLocation, Title, UniqueId};
use sekisho_domain::{Category, Hash, TimeMs};

fn any_code() -> impl Strategy<Value = Code> {
    ("[a-z]{0,3}", "[a-z]{0,3}", "[処方]{0,2}", "[a-z]{0,3}")
        .prop_map(|(code, system, ja, en)| Code::new(code, system, ja, en))
}

fn any_kind() -> impl Strategy<Value = Arc<DocumentKind>> {
    let coded = (any_code(), any_code(), any_code(), any_code());
    let said = ("[A-Z]{0,3}", "[a-z/]{0,9}", "[a-z]{0,2}", "[注射]{0,3}");
    (0..Category::ALL.len(), coded, said).prop_map(|(category, coded, said)| {
        let (class_code, type_code, format_code, confidentiality) = coded;
        Arc::new(DocumentKind {
            data_kind: said.0,
            category: Category::ALL[category],
            class_code,
            type_code,
            format_code,
            mime_type: said.1,
            language: said.2,
            confidentiality,
            title: Title::new(said.3, ""),
        })
    })
}

prop_compose! {
    fn any_entry(kind: Arc<DocumentKind>)(
        n in 0..9u8,
        time in 0..3u64,
        practice_setting in prop::option::of(any_code()),
        deprecated in any::<bool>(),
    ) -> DocumentEntry {
        let local_patient_id = "1".parse().unwrap();
        let key = IndexKey { local_patient_id: &local_patient_id, care_date: "-", data_kind: "x", order_no: "1" };
        let (facility, hash) = ("4111234567".parse().unwrap(), Hash([n; 32]));
        DocumentEntry {
            unique_id: UniqueId::derive(&facility, &key, "", &hash),
            facility,
            kind: Arc::clone(&kind),
            creation: TimeMs(time),
            service_start: TimeMs(time),
            service_stop: TimeMs(time),
            practice_setting: practice_setting.map(Arc::new),
            hash,
            size_bytes: n.into(),
            pieces: PieceHashes::default(),
            status: if deprecated { Availability::Deprecated } else { Availability::Approved },
            location: SourceLocation::new("std01".parse().unwrap(), "a").unwrap(),
            local_patient_id,
        }
    }
}

fn any_entries() -> impl Strategy<Value = Vec<DocumentEntry>> {
    let kinds = (any_kind(), any_kind());
    kinds.prop_flat_map(|(one, other)| {
        let of_one = prop::collection::vec(any_entry(one), 0..4);
        (of_one, prop::collection::vec(any_entry(other), 0..4))
            .prop_map(|(one, other)| [one, other].concat())
    })
}

proptest! {
    /// What is encoded in parts is the entry, whichever came before.
    #[test]
    fn parts_make_the_entry(entries in any_entries()) {
        let mut encoder = Encoder::default();
        for entry in &entries {
            let encoded = encoder.encode(entry);
            prop_assert_eq!(v1::DocumentEntry::decode(encoded.as_slice()).unwrap(), document(entry));
        }
    }
}
