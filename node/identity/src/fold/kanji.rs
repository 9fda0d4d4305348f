//! Kanji names: variants brought to one form, kana in them to katakana, repetition marks spelled out, and
//! placeholders of characters that a system could not write kept as what they are: unreadable.

use super::{kana, plain, variants};

/// What stands for a character that a system could not write: SS-MIX2 puts `■`, others `〓`, `□`, `?` or U+FFFD.
pub const UNREADABLE: char = '〓';

/// Folds a name in kanji; a name in kana alone, as in the field for kanji of people from abroad, as kana. Total.
pub fn kanji(text: &str) -> String {
    let mut spelled: Vec<char> = Vec::new();
    for c in plain(text, &['■', '〓', '□', '\u{FFFD}', '?', '〻']).chars() {
        spelled.push(match (c, spelled.last()) {
            ('■' | '□' | '\u{FFFD}' | '?', _) => UNREADABLE,
            // Of kanji and kana: letters before them might compose with what they repeat.
            ('々' | '〻' | '仝', Some(last)) if *last >= '\u{2E80}' => *last,
            ('々' | '〻' | '仝', _) => '々',
            (other, _) => other,
        });
    }
    if spelled.iter().all(|c| matches!(c, 'ぁ'..='ヿ')) {
        return kana::kana(&spelled.into_iter().collect::<String>());
    }
    let one = |c| variants::common(kana::large(kana::katakana(c)));
    spelled.into_iter().map(one).collect()
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
