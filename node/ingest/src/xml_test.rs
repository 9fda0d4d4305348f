use super::*;
use proptest::prelude::*;

fn refused(text: &str) -> Option<XmlError> {
    parse(text).err()
}

fn nested(depth: usize) -> String {
    format!("{}{}", "<a>".repeat(depth), "</a>".repeat(depth))
}

#[test]
fn attacks_are_refused_before_a_tree_is_made() {
    let laughs =
        "<!DOCTYPE lolz [<!ENTITY lol \"lol\"><!ENTITY lol2 \"&lol;&lol;\">]><lolz>&lol2;</lolz>";
    let external =
        "<?xml version=\"1.0\"?><!DOCTYPE a [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><a>&e;</a>";
    let many = "<b/>".repeat(ELEMENTS_MAX as usize);
    let attributes: String = (0..TAG_BYTES_MAX / 6)
        .map(|n| format!(" a{n}=\">\""))
        .collect();
    let spaces: String = (0..=DECLARATIONS_MAX)
        .map(|n| format!(" xmlns:n{n}=\"urn:{n}\""))
        .collect();
    let everywhere = "<b xmlns:x=\"urn:x\"/>".repeat(DECLARING_TAGS_MAX + 1);
    let cases = [
        ("billion laughs", laughs.to_owned(), Some(XmlError::Doctype)),
        (
            "external entity",
            external.to_owned(),
            Some(XmlError::Doctype),
        ),
        (
            "an empty document type",
            "<!DOCTYPE a><a/>".to_owned(),
            Some(XmlError::Doctype),
        ),
        (
            "a document type behind a comment",
            "<!-- > --><!DOCTYPE a []><a/>".to_owned(),
            Some(XmlError::Doctype),
        ),
        (
            "an undeclared entity",
            "<a>&e;</a>".to_owned(),
            Some(XmlError::Malformed),
        ),
        ("nesting at the bound", nested(DEPTH_MAX), None),
        (
            "nesting beyond it",
            nested(DEPTH_MAX + 1),
            Some(XmlError::TooDeep),
        ),
        (
            "nesting of a million",
            "<a>".repeat(1_000_000),
            Some(XmlError::TooDeep),
        ),
        (
            "too many elements",
            format!("<a>{many}</a>"),
            Some(XmlError::TooManyElements),
        ),
        (
            "a tag of attributes",
            format!("<a{attributes}/>"),
            Some(XmlError::TagTooLong),
        ),
        (
            "a tag of namespaces",
            format!("<a{spaces}/>"),
            Some(XmlError::TooManyNamespaces),
        ),
        (
            "namespaces everywhere",
            format!("<a>{everywhere}</a>"),
            Some(XmlError::TooManyNamespaces),
        ),
        (
            "an open comment",
            "<a><!-- ".to_owned(),
            Some(XmlError::Malformed),
        ),
        (
            "an open value",
            "<a b=\"".to_owned(),
            Some(XmlError::Malformed),
        ),
        ("nothing", String::new(), Some(XmlError::Malformed)),
        (
            "two roots",
            "<a/><b/>".to_owned(),
            Some(XmlError::Malformed),
        ),
        (
            "markup inside CDATA",
            "<a><![CDATA[<!DOCTYPE x><b><b>]]></a>".to_owned(),
            None,
        ),
        (
            "a > inside a value",
            "<a b=\"x>y\" c='\">'><d/></a>".to_owned(),
            None,
        ),
        (
            "XML's own entities",
            "<a>&lt;&amp;&#x60A3;</a>".to_owned(),
            None,
        ),
    ];
    for (case, text, expected) in cases {
        assert_eq!(refused(&text), expected, "{case}");
    }
}

#[test]
fn japanese_encodings_are_decoded() {
    let text = "<a>患者太郎～</a>";
    for (label, encoding) in [
        ("UTF-8", UTF_8),
        ("Shift_JIS", SHIFT_JIS),
        ("EUC-JP", EUC_JP),
    ] {
        let full = format!("<?xml version=\"1.0\" encoding='{label}'?>{text}");
        let (bytes, _, lossy) = encoding.encode(&full);
        assert!(!lossy);
        assert_eq!(decode(&bytes), Ok(full), "{label}");
    }
    let mut utf16 = vec![0xff, 0xfe];
    utf16.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
    assert_eq!(decode(&utf16).as_deref(), Ok(text));
    assert_eq!(
        decode(format!("\u{feff}{text}").as_bytes()).as_deref(),
        Ok(text)
    );
    let refused: [(&[u8], XmlError); 5] = [
        (b"<a>\xff</a>", XmlError::Undecodable),
        (
            b"<?xml version='1.0' encoding='UTF-7'?><a/>",
            XmlError::Undecodable,
        ),
        (
            b"<?xml version='1.0' encoding='replacement'?><a/>",
            XmlError::Undecodable,
        ),
        (b"<?xml version='1.0' encoding=", XmlError::Malformed),
        (&vec![b' '; FILE_BYTES_MAX as usize + 1], XmlError::TooLarge),
    ];
    for (bytes, expected) in refused {
        assert_eq!(decode(bytes), Err(expected));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]
    #[test]
    fn is_total(bytes in prop::collection::vec(any::<u8>(), 0..300), text in "[<>/!?\\[\\]\"'=&;a-c: -]{0,200}") {
        for text in [decode(&bytes).unwrap_or_default(), text] {
            if let Ok(tree) = parse(&text) {
                prop_assert!(tree.descendants().all(|node| node.ancestors().count() <= DEPTH_MAX + 2));
            }
        }
    }
}
