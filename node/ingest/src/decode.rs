//! Bytes to text: ISO-2022-JP, decoded before anything is split.
//!
//! Delimiter bytes (`| ^ ~ \ &`) occur inside two-byte characters thousands of times in any storage, so splitting
//! first would cut kanji apart. Only CR and LF may be split on: they are never part of a character. The shift state
//! starts again on each line, as the specification demands of writers; so one spoiled line does not spoil the rest.

use encoding_rs::ISO_2022_JP;
use std::borrow::Cow;

/// What a message's bytes say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decoded {
    /// The lines that are not empty, joined by CR.
    pub text: String,
    /// First line (from 0, of those in `text`) in which a byte sequence has no meaning.
    pub malformed_line: Option<usize>,
    /// Lines in `text`.
    pub lines: usize,
    /// Whether the bytes end with a line end.
    pub ended: bool,
}

/// Decodes a message. Total: what has no meaning becomes U+FFFD.
pub(crate) fn decode(bytes: &[u8]) -> Decoded {
    // Frames and padding that transports and old editors leave around a message (MLLP, NUL, EOF).
    let frame = |b: &u8| matches!(b, 0x00 | 0x0b | 0x1a | 0x1c);
    let start = bytes.iter().position(|b| !frame(b)).unwrap_or(bytes.len());
    let end = bytes
        .iter()
        .rposition(|b| !frame(b))
        .map_or(start, |last| last + 1);
    let bytes = &bytes[start..end];

    let mut text = String::with_capacity(bytes.len());
    let mut malformed_line = None;
    let mut lines = 0;
    for line in bytes
        .split(|b| matches!(b, b'\r' | b'\n'))
        .filter(|l| !l.is_empty())
    {
        if lines > 0 {
            text.push('\r');
        }
        let is_good = push_line(&mut text, line);
        if !is_good && malformed_line.is_none() {
            malformed_line = Some(lines);
        }
        lines += 1;
    }
    let ended = matches!(bytes.last(), Some(b'\r' | b'\n'));
    Decoded {
        text,
        malformed_line,
        lines,
        ended,
    }
}

/// Adds a line's text; whether all of it has a meaning.
fn push_line(text: &mut String, line: &[u8]) -> bool {
    let shifts = |b: &u8| matches!(b, 0x0e | 0x0f | 0x1b);
    // Half of the lines are ASCII and nothing else.
    if line.is_ascii()
        && !line.iter().any(shifts)
        && let Ok(ascii) = std::str::from_utf8(line)
    {
        text.push_str(ascii);
        return true;
    }
    let line = normalise_designations(line);
    let (decoded, malformed) = ISO_2022_JP.decode_without_bom_handling(&line);
    let mut rest = &*decoded;
    while let Some(at) = rest.find(|c| canonical(c) != c) {
        let (same, behind) = rest.split_at(at);
        text.push_str(same);
        let mut chars = behind.chars();
        text.extend(chars.next().map(canonical));
        rest = chars.as_str();
    }
    text.push_str(rest);
    !malformed
}

/// Rewrites the two designations that would decode to something harmful:
/// - `ESC ( J` (JIS X 0201 Roman) becomes ASCII: its `\` and `~` would turn into ¥ and ‾, and they are delimiters;
/// - `ESC $ ( D` (JIS X 0212, which no decoder here knows) becomes one 〓 for each character, so that its bytes are
///   not taken for delimiters.
fn normalise_designations(line: &[u8]) -> Cow<'_, [u8]> {
    const ROMAN: &[u8] = b"\x1b(J";
    const SUPPLEMENT: &[u8] = b"\x1b$(D";
    let mut designations = line.split(|b| *b == 0x1b).skip(1);
    let harmful = |rest: &[u8]| rest.starts_with(&ROMAN[1..]) || rest.starts_with(&SUPPLEMENT[1..]);
    if !designations.any(harmful) {
        return Cow::Borrowed(line);
    }
    let mut out = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some(&first) = rest.first() {
        if let Some(after) = rest.strip_prefix(ROMAN) {
            out.extend_from_slice(b"\x1b(B");
            rest = after;
        } else if let Some(after) = rest.strip_prefix(SUPPLEMENT) {
            let run = after.iter().position(|b| *b == 0x1b).unwrap_or(after.len());
            let (run, after) = after.split_at(run);
            out.extend_from_slice(b"\x1b$B");
            for pair in run.chunks(2) {
                // A character cut in half stays half, and is reported.
                out.extend_from_slice(if pair.len() == 2 { b"\x22\x2e" } else { pair });
            }
            rest = after;
        } else {
            out.push(first);
            rest = &rest[1..];
        }
    }
    Cow::Owned(out)
}

/// The WHATWG table maps some characters of JIS X 0208 as Windows does; this is what JIS maps them to.
fn canonical(c: char) -> char {
    match c {
        '\u{ff5e}' => '\u{301c}', // 〜 wave dash
        '\u{ff0d}' => '\u{2212}', // − minus
        '\u{2225}' => '\u{2016}', // ‖ double vertical line
        '\u{ffe0}' => '\u{00a2}', // ¢
        '\u{ffe1}' => '\u{00a3}', // £
        '\u{ffe2}' => '\u{00ac}', // ¬
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(bytes: &[u8]) -> String {
        let decoded = decode(bytes);
        assert_eq!(decoded.malformed_line, None, "{bytes:?}");
        decoded.text
    }

    #[test]
    fn kanji_hold_delimiter_bytes() {
        // 斉 is 40 46, 淵 2a... what counts: each of | ^ ~ \ & as first or second byte of a character.
        for (bytes, expected) in [
            (
                &b"\x1b$B\x3c\x7c\x1b(B|"[..],
                "次|".replace('次', &text(b"\x1b$B\x3c\x7c\x1b(B")),
            ),
            (
                b"A\x1b$B\x25\x5e\x25\x26\x1b(B^B",
                "AマウB".replace('B', "^B"),
            ),
            (
                b"\x1b$B\x30\x7e\x30\x5c\x1b(B~",
                format!("{}~", text(b"\x1b$B\x30\x7e\x30\x5c\x1b(B")),
            ),
        ] {
            assert_eq!(text(bytes), expected);
        }
        assert_eq!(text(b"\x1b$B\x25\x5e\x1b(B").chars().count(), 1);
    }

    #[test]
    fn line_ends_of_every_kind_are_one() {
        for bytes in [
            &b"MSH|a\rPID|b\r"[..],
            b"MSH|a\nPID|b",
            b"MSH|a\r\nPID|b\r\n",
            b"\x0bMSH|a\r\n\r\nPID|b\r\x1c\r",
        ] {
            let decoded = decode(bytes);
            assert_eq!(
                (
                    decoded.text.trim_end_matches('\u{1c}').trim_end(),
                    decoded.malformed_line
                ),
                ("MSH|a\rPID|b", None)
            );
        }
    }

    #[test]
    fn shift_state_ends_with_the_line() {
        // The first line never returns to ASCII.
        assert_eq!(text(b"A\x1b$B\x25\x5e\rPID|1"), "Aマ\rPID|1");
    }

    #[test]
    fn delimiters_survive_roman_and_the_supplement() {
        assert_eq!(text(b"\x1b$B\x25\x5e\x1b(J^~\\&|x"), "マ^~\\&|x");
        assert_eq!(text(b"\x1b$(D\x30\x7c\x7c\x5e\x1b(B|x"), "〓〓|x");
    }

    #[test]
    fn characters_are_those_of_jis() {
        assert_eq!(text(b"\x1b$B\x21\x41\x21\x5d\x21\x42\x1b(B"), "〜−‖");
    }

    #[test]
    fn what_has_no_meaning_is_reported_by_line() {
        let sjis = b"MSH|a\rPID|\x8a\xb3\x8e\xd2";
        assert_eq!(decode(sjis).malformed_line, Some(1));
        assert_eq!(decode("MSH|患者".as_bytes()).malformed_line, Some(0));
        let cut = b"MSH|a\rPID|\x1b$B\x25";
        assert_eq!(decode(cut).malformed_line, Some(1));
        assert!(decode(cut).text.starts_with("MSH|a\rPID|"));
        assert_eq!(decode(b"").lines, 0);
        assert_eq!(decode(b"\0\0").text, "");
    }

    proptest! {
        #[test]
        fn is_total(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let decoded = decode(&bytes);
            prop_assert!(!decoded.text.contains('\n'));
        }
        /// Text of the JIS repertoire comes back, whatever its bytes look like.
        #[test]
        fn gives_back_what_was_written(
            lines in prop::collection::vec("[ -~ぁ-んァ-ン一二三四五六七八九十患者太郎薬剤検査結果高血圧症]{1,30}", 1..6)
        ) {
            let bytes: Vec<u8> = lines.iter().flat_map(|line| {
                let (encoded, _, unmappable) = ISO_2022_JP.encode(line);
                assert!(!unmappable, "{line}");
                [&encoded[..], b"\r"].concat()
            }).collect();
            let decoded = decode(&bytes);
            prop_assert_eq!(decoded.malformed_line, None);
            prop_assert_eq!(decoded.text, lines.join("\r"));
        }
    }
}
