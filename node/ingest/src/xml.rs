//! XML of documents, read so that nothing in it can reach out, grow or run deep.
//!
//! Before a tree is made, one pass over the text looks at its shape: a document type declaration is refused (with it
//! every entity but the five of XML itself, so neither external entities nor entities that multiply can exist), and
//! nesting, tags, elements and namespace declarations have bounds, because a tree costs up to thirty times its text
//! and some checks of it grow with the square of a tag. The tree itself is made by roxmltree.
//!
//! Sources: XML 1.0 (fifth edition) §2.8 and §4.3.3; Namespaces in XML 1.0 §3.

use encoding_rs::{EUC_JP, Encoding, ISO_2022_JP, SHIFT_JIS, UTF_8};
use roxmltree::{Document, ParsingOptions};
use sekisho_documents::{FILE_BYTES_MAX, QuarantineReason};

/// Deepest nesting: CDA documents with tables in nested sections reach some thirty.
pub const DEPTH_MAX: usize = 128;
/// Most elements: a year's results as one CDA table have some ten thousand. roxmltree spends about 150 bytes on one.
pub const ELEMENTS_MAX: u32 = 500_000;
/// Longest start tag, in bytes: an address of some hundred characters in an attribute. Attributes of one tag are
/// compared with each other.
pub const TAG_BYTES_MAX: usize = 8 << 10;
/// Most tags that declare namespaces: some writers declare one on every element. Each copies its parent's list.
pub const DECLARING_TAGS_MAX: usize = 20_000;
/// Most namespace declarations in one tag: FHIR and CDA need four.
pub const DECLARATIONS_MAX: usize = 16;
/// Nodes of a tree for each element at most: its text before and behind each child.
const NODES_PER_ELEMENT: u32 = 3;
/// Where an XML declaration must have ended, in bytes.
const DECLARATION_BYTES_MAX: usize = 256;

/// Why a text is not read as XML. None of it repeats what the text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum XmlError {
    /// More bytes than any source file may have.
    #[error("larger than {FILE_BYTES_MAX} bytes")]
    TooLarge,
    /// Not in an encoding that is read.
    #[error("an encoding that is not read, or bytes without meaning in it")]
    Undecodable,
    /// A document type declaration; with it every entity is refused.
    #[error("it declares a document type")]
    Doctype,
    /// Beyond [`DEPTH_MAX`].
    #[error("deeper than {DEPTH_MAX} elements")]
    TooDeep,
    /// Beyond [`ELEMENTS_MAX`].
    #[error("more than {ELEMENTS_MAX} elements")]
    TooManyElements,
    /// Beyond [`TAG_BYTES_MAX`].
    #[error("a tag longer than {TAG_BYTES_MAX} bytes")]
    TagTooLong,
    /// Beyond [`DECLARING_TAGS_MAX`] or [`DECLARATIONS_MAX`].
    #[error("too many namespace declarations")]
    TooManyNamespaces,
    /// Not XML.
    #[error("not well-formed")]
    Malformed,
}

impl From<XmlError> for QuarantineReason {
    fn from(error: XmlError) -> Self {
        match error {
            XmlError::TooLarge => Self::TooLarge,
            _ => Self::BadXml,
        }
    }
}

/// The text of an XML document: UTF-8, UTF-16 with its mark, or what its declaration names of the encodings Japanese
/// systems write.
///
/// # Errors
/// [`XmlError::TooLarge`], [`XmlError::Undecodable`], or [`XmlError::Malformed`] for a declaration that is none.
pub fn decode(bytes: &[u8]) -> Result<String, XmlError> {
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(XmlError::TooLarge);
    }
    let (encoding, mark_bytes) = match Encoding::for_bom(bytes) {
        Some(marked) => marked,
        None => (declared(bytes)?, 0),
    };
    let text = encoding
        .decode_without_bom_handling_and_without_replacement(
            bytes.get(mark_bytes..).unwrap_or_default(),
        )
        .ok_or(XmlError::Undecodable)?;
    Ok(text.into_owned())
}

/// The encoding a declaration names; UTF-8 where none does.
fn declared(bytes: &[u8]) -> Result<&'static Encoding, XmlError> {
    if !bytes.starts_with(b"<?xml") {
        return Ok(UTF_8);
    }
    let head = bytes.get(..DECLARATION_BYTES_MAX).unwrap_or(bytes);
    let end = head
        .windows(2)
        .position(|w| w == b"?>")
        .ok_or(XmlError::Malformed)?;
    let head = std::str::from_utf8(head.get(..end).unwrap_or_default())
        .map_err(|_| XmlError::Undecodable)?;
    let Some((_, after)) = head.split_once("encoding") else {
        return Ok(UTF_8);
    };
    let after = after
        .trim_start()
        .strip_prefix('=')
        .ok_or(XmlError::Malformed)?
        .trim_start();
    let mut quoted = after.split(['"', '\'']);
    let label = quoted.nth(1).ok_or(XmlError::Malformed)?;
    let encoding = Encoding::for_label(label.as_bytes()).ok_or(XmlError::Undecodable)?;
    // UTF-16 has its mark; anything else is no encoding a Japanese document is written in.
    let read = [UTF_8, SHIFT_JIS, EUC_JP, ISO_2022_JP].contains(&encoding)
        || label.eq_ignore_ascii_case("us-ascii");
    read.then_some(encoding).ok_or(XmlError::Undecodable)
}

/// The tree of a text whose shape is within the bounds above.
///
/// # Errors
/// One variant for each bound and for what is not XML.
pub fn parse(text: &str) -> Result<Document<'_>, XmlError> {
    check_shape(text)?;
    let options = ParsingOptions {
        allow_dtd: false,
        nodes_limit: ELEMENTS_MAX.saturating_mul(NODES_PER_ELEMENT),
        ..ParsingOptions::default()
    };
    Document::parse_with_options(text, options).map_err(|error| match error {
        roxmltree::Error::DtdDetected => XmlError::Doctype,
        roxmltree::Error::NodesLimitReached => XmlError::TooManyElements,
        _ => XmlError::Malformed,
    })
}

/// One pass over the markup; what is not well-formed beyond it is left to the parser.
fn check_shape(text: &str) -> Result<(), XmlError> {
    let (mut depth, mut elements, mut declaring) = (0usize, 0u32, 0usize);
    let mut rest = text;
    while let Some((_, markup)) = rest.split_once('<') {
        rest = match markup.as_bytes().first() {
            Some(b'!') => behind_declaration(markup)?,
            Some(b'?') => behind(markup, "?>")?,
            Some(b'/') => {
                depth = depth.saturating_sub(1);
                behind(markup, ">")?
            }
            _ => {
                let length = tag_bytes(markup)?;
                let (tag, after) = markup.split_at_checked(length).ok_or(XmlError::Malformed)?;
                elements += 1;
                if elements > ELEMENTS_MAX {
                    return Err(XmlError::TooManyElements);
                }
                let declarations = tag.matches("xmlns").count();
                declaring += usize::from(declarations > 0);
                if declarations > DECLARATIONS_MAX || declaring > DECLARING_TAGS_MAX {
                    return Err(XmlError::TooManyNamespaces);
                }
                if !tag.ends_with('/') {
                    depth += 1;
                    if depth > DEPTH_MAX {
                        return Err(XmlError::TooDeep);
                    }
                }
                after
            }
        };
    }
    Ok(())
}

/// What follows a comment or a CDATA section; any other declaration is of a document type.
fn behind_declaration(markup: &str) -> Result<&str, XmlError> {
    if let Some(comment) = markup.strip_prefix("!--") {
        behind(comment, "-->")
    } else if let Some(data) = markup.strip_prefix("![CDATA[") {
        behind(data, "]]>")
    } else {
        Err(XmlError::Doctype)
    }
}

fn behind<'t>(markup: &'t str, end: &str) -> Result<&'t str, XmlError> {
    markup
        .split_once(end)
        .map(|(_, after)| after)
        .ok_or(XmlError::Malformed)
}

/// Bytes of a start tag up to its `>`, which may also stand inside a quoted value.
fn tag_bytes(markup: &str) -> Result<usize, XmlError> {
    let mut quote = None;
    for (at, byte) in markup.bytes().enumerate().take(TAG_BYTES_MAX + 1) {
        match (quote, byte) {
            (None, b'>') => return Ok(at),
            (None, b'"' | b'\'') => quote = Some(byte),
            (Some(open), byte) if open == byte => quote = None,
            _ => {}
        }
    }
    Err(if markup.len() > TAG_BYTES_MAX {
        XmlError::TagTooLong
    } else {
        XmlError::Malformed
    })
}

#[cfg(test)]
#[path = "xml_test.rs"]
mod tests;
