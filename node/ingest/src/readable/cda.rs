//! CDA R2 documents: their narrative, which is what their authors attest (CDA R2 §4.3.4.2): sections as text, the
//! tables in them as tables.

use super::{Item, Readable, Table, headings, item, row, time, value};
use crate::formats::cda::{attribute, child, children};
use crate::formats::markup;
use roxmltree::Node;
use sekisho_documents::Title;

pub(super) fn render(root: Node<'_, '_>, readable: &mut Readable) {
    if let Some(title) = child(root, "title") {
        let title = value(&markup::text_of_node(title));
        readable.title = Title::new(title.clone(), title);
    }
    let target = child(root, "recordTarget").and_then(|t| child(t, "patientRole"));
    if let Some(role) = target {
        of_patient(role, &mut readable.header);
    }
    let header = &mut readable.header;
    let at = |name| child(root, name).map(|t| time(attribute(t, "value")));
    item(
        header,
        "作成日時",
        "Created",
        at("effectiveTime").unwrap_or_default(),
    );
    for author in children(root, "author") {
        let author = child(author, "assignedAuthor");
        let name = author
            .and_then(|a| child(a, "assignedPerson"))
            .and_then(|p| child(p, "name"));
        item(
            header,
            "作成者",
            "Author",
            name.map(name_of).unwrap_or_default(),
        );
    }
    let custodian = root
        .descendants()
        .find(|n| n.tag_name().name() == "representedCustodianOrganization");
    let custodian = custodian
        .and_then(|c| child(c, "name"))
        .map(markup::text_of_node);
    item(
        header,
        "医療機関",
        "Institution",
        custodian.unwrap_or_default(),
    );

    let mut rows = Vec::new();
    let mut tables = Vec::new();
    let body = child(root, "component").and_then(|c| child(c, "structuredBody"));
    for section in body.iter().flat_map(|body| children(*body, "component")) {
        if let Some(section) = child(section, "section") {
            of_section(section, 0, &mut rows, &mut tables);
        }
    }
    if !rows.is_empty() {
        readable.push(Table {
            title: Title::new("本文", "Text"),
            headings: headings(&[("見出し", "Heading"), ("内容", "Content")]),
            rows,
        });
    }
    for table in tables {
        readable.push(table);
    }
    let body = child(root, "component").and_then(|c| child(c, "nonXMLBody"));
    if let Some(text) = body.and_then(|body| child(body, "text")) {
        let kind = value(attribute(text, "mediaType"));
        readable.notes.push(Title::new(
            format!("本文は別の形式（{kind}）で含まれています。--raw で取り出してください。"),
            format!("The body is within, in another format ({kind}). Take it out with --raw."),
        ));
    }
}

fn of_patient(role: Node<'_, '_>, header: &mut Vec<Item>) {
    let ids: Vec<&str> = children(role, "id")
        .map(|id| attribute(id, "extension"))
        .collect();
    item(header, "患者ID", "Patient id", ids.join("、"));
    let Some(patient) = child(role, "patient") else {
        return;
    };
    let names: Vec<String> = children(patient, "name").map(name_of).collect();
    item(header, "氏名", "Name", names.join("、"));
    let of = |name, key| {
        child(patient, name)
            .map(|n| attribute(n, key))
            .unwrap_or_default()
    };
    item(header, "生年月日", "Born", time(of("birthTime", "value")));
    item(
        header,
        "性別",
        "Sex",
        super::sex(of("administrativeGenderCode", "code")),
    );
}

fn name_of(name: Node<'_, '_>) -> String {
    let parts = name
        .children()
        .filter(Node::is_element)
        .map(markup::text_of_node);
    let parts: Vec<String> = parts.filter(|p| !p.is_empty()).collect();
    if parts.is_empty() {
        return markup::text_of_node(name);
    }
    parts.join(" ")
}

/// A section and those within it. Depth is bounded by [`crate::xml::DEPTH_MAX`].
fn of_section(
    section: Node<'_, '_>,
    depth: usize,
    rows: &mut Vec<Vec<String>>,
    tables: &mut Vec<Table>,
) {
    let title = child(section, "title")
        .map(markup::text_of_node)
        .unwrap_or_default();
    let text = child(section, "text");
    let words = text.map(markup::text_outside_tables).unwrap_or_default();
    rows.push(row([format!("{}{title}", "　".repeat(depth)), words]));
    for table in text.iter().flat_map(|text| text.descendants()) {
        if table.is_element() && table.tag_name().name() == "table" {
            tables.push(of_table(&title, table));
        }
    }
    for component in children(section, "component") {
        if let Some(section) = child(component, "section") {
            of_section(section, depth + 1, rows, tables);
        }
    }
}

fn of_table(section: &str, table: Node<'_, '_>) -> Table {
    let caption = child(table, "caption")
        .map(markup::text_of_node)
        .unwrap_or_default();
    let title = [section, caption.as_str()]
        .iter()
        .filter(|t| !t.is_empty())
        .copied()
        .collect::<Vec<_>>();
    let title = value(&title.join("："));
    let mut header: Vec<String> = Vec::new();
    let mut rows: Vec<Vec<String>> = Vec::new();
    for tr in table
        .descendants()
        .filter(|n| n.is_element() && n.tag_name().name() == "tr")
    {
        let cells = tr
            .children()
            .filter(|c| matches!(c.tag_name().name(), "td" | "th"));
        let cells: Vec<String> = cells.map(|c| value(&markup::text_of_node(c))).collect();
        let in_head = tr.ancestors().any(|a| a.tag_name().name() == "thead");
        if in_head && header.is_empty() {
            header = cells;
        } else {
            rows.push(cells);
        }
    }
    let width = rows
        .iter()
        .map(Vec::len)
        .chain([header.len()])
        .max()
        .unwrap_or(0);
    header.resize(width, String::new());
    for row in &mut rows {
        row.resize(width, String::new());
    }
    Table {
        title: Title::new(title.clone(), title),
        headings: header
            .into_iter()
            .map(|h| Title::new(h.clone(), h))
            .collect(),
        rows,
    }
}
