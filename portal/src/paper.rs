//! Plain text as PDF pages (ISO 32000-1), to keep or to print.
//!
//! The font is not in the file: text is in the predefined encoding for Japanese (§9.7.5.2), and whoever shows the file takes a
//! Japanese font of theirs for it. So the file stays small, and no font travels with this program.

use pdf_writer::types::{CidFontType, FontFlags, SystemInfo};
use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str, TextStr};

/// A4, in points.
const WIDTH: f32 = 595.0;
const HEIGHT: f32 = 842.0;
const MARGIN: f32 = 56.0;
/// One em of text, and of a heading.
const TEXT: f32 = 10.5;
const HEADING: f32 = 14.0;
/// From one line to the next, in em.
const LEADING: f32 = 1.6;
const FONT: Name<'static> = Name(b"F");
/// A gothic typeface that readers know by name; they take a like one where it is missing.
const TYPEFACE: Name<'static> = Name(b"HeiseiKakuGo-W5");
/// Unicode in UTF-16BE to the characters of Adobe-Japan1, horizontally.
const ENCODING: Name<'static> = Name(b"UniJIS-UTF16-H");
const TYPE0: Name<'static> = Name(b"HeiseiKakuGo-W5-UniJIS-UTF16-H");
/// Characters of Adobe-Japan1 half an em wide: Latin, and half-width katakana (Adobe Technical Note 5078).
const HALF_WIDE: [(u16, u16); 2] = [(1, 230), (231, 632)];

/// What stands on the pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Line {
    /// Begins a part.
    Heading(String),
    /// A paragraph; broken where it is too long.
    Text(String),
    /// The same, a little to the right.
    Under(String),
}

/// A line as it is set: size, from the left, text.
struct Set {
    size: f32,
    left: f32,
    above: f32,
    text: String,
}

/// Half an em for what is half as wide as a kanji.
fn halves(c: char) -> u16 {
    match c {
        '\u{0}'..='\u{7f}' | '\u{ff61}'..='\u{ff9f}' => 1,
        _ => 2,
    }
}

/// What does not begin a line (JIS X 4051), of what our texts hold.
fn closes(c: char) -> bool {
    "、。，．・：；？！）」』】〕］｝ー々)]},.:;?!".contains(c)
}

/// A paragraph in lines of at most `most` halves of an em.
fn broken(text: &str, most: u16) -> Vec<String> {
    let (mut lines, mut line, mut used) = (Vec::new(), String::new(), 0);
    for c in text.chars() {
        let c = if c.is_control() { ' ' } else { c };
        if used + halves(c) > most && !closes(c) && !line.is_empty() {
            // A word stays whole, if it is not as long as the line.
            let word = |c: char| c.is_ascii() && c != ' ';
            let cut = match line.rfind(|of: char| !word(of)) {
                Some(at) if word(c) => at + line[at..].chars().next().map_or(0, char::len_utf8),
                _ => line.len(),
            };
            let rest = line.split_off(cut);
            lines.push(line.trim_end().to_owned());
            used = rest.chars().map(halves).sum();
            line = rest;
            if c == ' ' && line.is_empty() {
                continue;
            }
        }
        used += halves(c);
        line.push(c);
    }
    lines.push(line);
    lines
}

fn set(lines: &[Line]) -> Vec<Set> {
    let mut all = Vec::new();
    for line in lines {
        let (size, left, above, text) = match line {
            Line::Heading(text) => (HEADING, 0.0, HEADING, text),
            Line::Text(text) => (TEXT, 0.0, TEXT * 0.4, text),
            Line::Under(text) => (TEXT, TEXT * 1.5, 0.0, text),
        };
        let mut most = 0;
        while f32::from(most + 1) * size / 2.0 <= WIDTH - 2.0 * MARGIN - left {
            most += 1;
        }
        let broken = broken(text, most).into_iter().enumerate();
        all.extend(broken.map(|(n, text)| Set {
            size,
            left,
            above: if n == 0 { above } else { 0.0 },
            text,
        }));
    }
    all
}

/// Lines by page, each with its height above the page's foot.
fn pages(lines: Vec<Set>) -> Vec<Vec<(f32, Set)>> {
    let top = HEIGHT - MARGIN;
    let (mut pages, mut page, mut at) = (Vec::new(), Vec::new(), top);
    let mut lines = lines.into_iter().peekable();
    while let Some(line) = lines.next() {
        let high = line.size * LEADING;
        // A heading does not stand alone at a page's foot.
        let below = match lines.peek() {
            Some(next) if line.size > next.size => next.size * LEADING + next.above,
            _ => 0.0,
        };
        if at - line.above - high - below < MARGIN && !page.is_empty() {
            pages.push(std::mem::take(&mut page));
            at = top;
        }
        let above = if page.is_empty() { 0.0 } else { line.above };
        at -= above + high;
        page.push((at, line));
    }
    pages.push(page);
    pages
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_be_bytes).collect()
}

fn content(page: &[(f32, Set)], number: &str) -> Vec<u8> {
    let mut content = Content::new();
    content.begin_text();
    for (at, line) in page {
        content.set_font(FONT, line.size);
        content.set_text_matrix([1.0, 0.0, 0.0, 1.0, MARGIN + line.left, *at]);
        content.show(Str(&utf16(&line.text)));
    }
    content.set_font(FONT, TEXT);
    content.set_text_matrix([1.0, 0.0, 0.0, 1.0, WIDTH / 2.0 - TEXT, MARGIN / 2.0]);
    content.show(Str(&utf16(number)));
    content.end_text();
    content.finish().into_vec()
}

/// The file. `language` is a tag of BCP 47.
pub(crate) fn pdf(title: &str, language: &str, lines: &[Line]) -> Vec<u8> {
    let pages = pages(set(lines));
    let mut next = 0;
    let mut id = || {
        next += 1;
        Ref::new(next)
    };
    let (catalog, tree, info, font, descendant, descriptor) = (id(), id(), id(), id(), id(), id());
    let ids: Vec<_> = pages.iter().map(|_| (id(), id())).collect();
    let mut pdf = Pdf::new();
    let mut root = pdf.catalog(catalog);
    root.pages(tree).lang(TextStr(language));
    root.viewer_preferences().display_doc_title(true);
    root.finish();
    pdf.document_info(info)
        .title(TextStr(title))
        .producer(TextStr("Sekisho"));
    let count = i32::try_from(ids.len()).unwrap_or(i32::MAX);
    pdf.pages(tree)
        .kids(ids.iter().map(|(page, _)| *page))
        .count(count);
    for (n, ((page, text), lines)) in ids.into_iter().zip(&pages).enumerate() {
        let mut writer = pdf.page(page);
        writer
            .parent(tree)
            .media_box(Rect::new(0.0, 0.0, WIDTH, HEIGHT))
            .contents(text);
        writer.resources().fonts().pair(FONT, font);
        writer.finish();
        pdf.stream(text, &content(lines, &format!("{} / {count}", n + 1)));
    }
    pdf.type0_font(font)
        .base_font(TYPE0)
        .encoding_predefined(ENCODING)
        .descendant_font(descendant);
    let mut cid = pdf.cid_font(descendant);
    cid.subtype(CidFontType::Type0)
        .base_font(TYPEFACE)
        .font_descriptor(descriptor)
        .default_width(1000.0);
    cid.system_info(SystemInfo {
        registry: Str(b"Adobe"),
        ordering: Str(b"Japan1"),
        supplement: 6,
    });
    let mut widths = cid.widths();
    for (first, last) in HALF_WIDE {
        widths.same(first, last, 500.0);
    }
    widths.finish();
    cid.finish();
    pdf.font_descriptor(descriptor)
        .name(TYPEFACE)
        .flags(FontFlags::SYMBOLIC)
        .bbox(Rect::new(-100.0, -250.0, 1100.0, 950.0))
        .italic_angle(0.0)
        .ascent(880.0)
        .descent(-120.0)
        .cap_height(740.0)
        .stem_v(90.0);
    pdf.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_break_between_words_and_not_before_what_closes() {
        assert_eq!(broken("記録を、見る", 6), ["記録を、", "見る"]);
        assert_eq!(broken("who looked at it", 10), ["who looked", "at it"]);
        assert_eq!(broken("病院 Saga Hospital", 12), ["病院 Saga", "Hospital"]);
        assert_eq!(broken("abcdefgh", 4), ["abcd", "efgh"]);
        assert_eq!(broken("a\nb", 10), ["a b"]);
        assert_eq!(broken("", 4), [""]);
    }

    proptest! {
        #[test]
        fn breaking_loses_nothing_and_ends(text in "[a-z あ-ん、。]{0,80}", most in 2_u16..40) {
            let lines = broken(&text, most);
            let plain = |text: &str| text.chars().filter(|c| *c != ' ').collect::<String>();
            prop_assert_eq!(plain(&lines.concat()), plain(&text));
        }
    }

    #[test]
    fn pages_are_filled_and_a_heading_stays_with_what_follows() {
        let mut lines = vec![Line::Heading("題".to_owned())];
        lines.extend((0..200).map(|n| Line::Text(format!("{n}"))));
        lines.push(Line::Heading("終".to_owned()));
        lines.push(Line::Under("本文".to_owned()));
        let pages = pages(set(&lines));
        assert!(pages.len() > 3);
        for page in &pages {
            assert!(page.iter().all(|(at, _)| *at >= MARGIN));
            assert!(page.last().unwrap().1.size < HEADING);
        }
        let count: usize = pages.iter().map(Vec::len).sum();
        assert_eq!(count, 203);
        assert_eq!(super::pages(Vec::new()).len(), 1, "one empty page");
    }

    /// Poppler reads back what was written. Left out where its programs or its Japanese encodings are not installed.
    #[test]
    fn another_program_reads_the_text() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("p.pdf");
        let lines = [
            Line::Heading("わたしの記録の控え".to_owned()),
            Line::Text("令和8年 (2026) Saga ﾊﾝｶｸ 𠮷野".to_owned()),
        ];
        std::fs::write(&path, pdf("控え", "ja", &lines)).unwrap();
        let ran = std::process::Command::new("pdftotext")
            .arg(&path)
            .arg("-")
            .output();
        let encodings = std::path::Path::new("/usr/share/poppler/cMap/Adobe-Japan1/UniJIS-UTF16-H");
        let (Ok(ran), true) = (ran, encodings.exists()) else {
            assert!(
                std::env::var_os("CI").is_none(),
                "pdftotext and poppler-data are installed in CI"
            );
            println!(
                "left out: pdftotext or poppler-data is not installed (Debian: poppler-utils poppler-data)"
            );
            return;
        };
        let text = String::from_utf8_lossy(&ran.stdout).into_owned();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(ran.status.success() && said.is_empty(), "{said}");
        for part in [
            "わたしの記録の控え",
            "令和8年 (2026) Saga ﾊﾝｶｸ 𠮷野",
            "1 / 1",
        ] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
    }
}
