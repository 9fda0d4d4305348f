//! The text of narrative markup: XHTML in FHIR, StrucDoc in CDA, as [`crate::xml`] lets it in.

use crate::xml;
use roxmltree::Node;

/// Elements that begin a line of their own.
const LINES: &[&str] = &[
    "p",
    "div",
    "br",
    "tr",
    "li",
    "item",
    "paragraph",
    "table",
    "ul",
    "ol",
    "list",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "caption",
];

/// The text of a fragment of XHTML, a line for each block; as it stands where it is no XML.
pub(crate) fn text_of(fragment: &str) -> String {
    match xml::parse(fragment) {
        Ok(document) => text_of_node(document.root_element()),
        Err(_) => fragment.to_owned(),
    }
}

/// The text within an element.
pub(crate) fn text_of_node(node: Node<'_, '_>) -> String {
    text(node, false)
}

/// The same without what stands in tables, which are shown as such.
pub(crate) fn text_outside_tables(node: Node<'_, '_>) -> String {
    text(node, true)
}

fn text(node: Node<'_, '_>, outside_tables: bool) -> String {
    let mut text = String::new();
    // By document order, without recursion. Cells of a row are told apart by a stroke.
    for node in node.descendants().skip(1) {
        if outside_tables && node.ancestors().any(|a| a.tag_name().name() == "table") {
            continue;
        }
        if let Some(words) = node.text().filter(|_| node.is_text()) {
            let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
            if !words.is_empty() {
                let joins = text.is_empty() || text.ends_with(['\n', ' ']);
                if !joins && !is_inline(node) {
                    text.push(' ');
                }
                text.push_str(&words);
            }
        } else if node.is_element() {
            let name = node.tag_name().name();
            if LINES.contains(&name) && !text.is_empty() && !text.ends_with('\n') {
                text.push('\n');
            } else if matches!(name, "td" | "th") && node.prev_sibling_element().is_some() {
                text.push_str(" | ");
            }
        }
    }
    text.trim().to_owned()
}

/// Whether a text stands within a line of others, as in `<b>`: Japanese has no spaces between words.
fn is_inline(node: Node<'_, '_>) -> bool {
    let parent = node
        .parent()
        .map(|p| p.tag_name().name())
        .unwrap_or_default();
    !matches!(parent, "td" | "th")
}
