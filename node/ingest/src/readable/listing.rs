//! The plain listing of segments, and comments.

use super::{Table, headings, row};
use crate::message::Message;
use sekisho_documents::Title;

/// Every field that says something, except of the header, the patient and the segments shown elsewhere.
pub(super) fn segments(message: &Message<'_>, elsewhere: &[&str]) -> Table {
    let mut rows = Vec::new();
    for segment in message
        .segments()
        .filter(|s| !matches!(s.name(), "MSH" | "PID") && !elsewhere.contains(&s.name()))
    {
        for field in 1..=segment.fields() {
            let repeats =
                (1..=segment.repeats(field)).map(|r| segment.parts_of(field, r).join(" "));
            let value = repeats
                .filter(|v| !v.is_empty())
                .collect::<Vec<_>>()
                .join("\n");
            if !value.is_empty() {
                rows.push(row([segment.name().to_owned(), field.to_string(), value]));
            }
        }
    }
    Table {
        title: Title::new("内容", "Content"),
        headings: headings(&[
            ("セグメント", "Segment"),
            ("項目", "Field"),
            ("値", "Value"),
        ]),
        rows,
    }
}

/// NTE segments, with the segment they follow.
pub(super) fn comments(message: &Message<'_>) -> Table {
    let mut rows = Vec::new();
    let mut about = "";
    for segment in message.segments() {
        if segment.name() == "NTE" {
            let lines = (1..=segment.repeats(3)).map(|r| segment.parts_of(3, r).join(" "));
            rows.push(row([
                about.to_owned(),
                lines.collect::<Vec<_>>().join("\n"),
            ]));
        } else {
            about = segment.name();
        }
    }
    Table {
        title: Title::new("コメント", "Comments"),
        headings: headings(&[("対象", "About"), ("コメント", "Comment")]),
        rows,
    }
}
