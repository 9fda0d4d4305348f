//! Kanji names: variants brought to one form, kana in them to katakana, repetition marks spelled out, and
//! placeholders of characters that a system could not write kept as what they are: unreadable.

use super::{kana, plain, variants};

/// What stands for a character that a system could not write: SS-MIX2 puts `■`, others `〓`, `□`, `?` or U+FFFD.
pub const UNREADABLE: char = '〓';

/// Folds a name in kanji; a name in kana alone, as in the field for kanji of people from abroad, as kana. Total.
pub fn kanji(text: &str) -> String {
    let plain = plain(text, &['■', '〓', '□', '\u{FFFD}', '?', '〻']);
    if plain.chars().all(|c| matches!(c, 'ぁ'..='ヿ')) {
        return kana::kana(&plain);
    }
    let mut out: Vec<char> = Vec::new();
    for c in plain.chars() {
        let c = match c {
            '■' | '□' | '\u{FFFD}' | '?' => UNREADABLE,
            '々' | '〻' | '仝' => match out.last() {
                Some(last) => *last,
                None => '々',
            },
            other => kana::large(kana::katakana(other)),
        };
        out.push(variants::common(c));
    }
    out.into_iter().collect()
}

/// Whether two folded names may be the same: each character is, or is unreadable in one of them, and at least one that
/// can be read agrees.
pub fn same_kanji(a: &str, b: &str) -> bool {
    if a == b {
        return a.chars().any(|c| c != UNREADABLE);
    }
    let (mut a, mut b, mut agreeing) = (a.chars(), b.chars(), 0);
    loop {
        match (a.next(), b.next()) {
            (None, None) => return agreeing > 0,
            (Some(x), Some(y)) if x == UNREADABLE || y == UNREADABLE => {}
            (Some(x), Some(y)) if x == y => agreeing += 1,
            _ => return false,
        }
    }
}
