//! Kana: one script (katakana), one width, one size, one spelling of long vowels and of the sounds that are written
//! in two ways (ヴァ and バ, ヂ and ジ, ヅ and ズ, ヲ and オ).
//!
//! Long vowels: after a syllable of the o and u rows a further ウ, オ or ー is dropped (オオノ, オーノ, オウノ and オノ are
//! one), ー elsewhere repeats the vowel, and エイ is エエ (ケイコ and ケーコ are one).

use super::plain;

/// Folds kana of any script, width and size. Total; what is no kana stays as it is after NFKC.
pub fn kana(text: &str) -> String {
    let mut out: Vec<char> = Vec::new();
    for c in plain(text, &[]).chars() {
        let c = katakana(c);
        let last = out.last().copied();
        match (c, last) {
            // ヴ and the small vowel after it.
            ('ァ' | 'ィ' | 'ェ' | 'ォ', Some('ブ')) if voiced_v(&out) => {
                out.pop();
                out.pop();
                out.push(match c {
                    'ァ' => 'バ',
                    'ィ' => 'ビ',
                    'ェ' => 'ベ',
                    _ => 'ボ',
                });
                continue;
            }
            ('ヴ', _) => {
                // Marked until the next character is known; the mark is no letter and leaves below.
                out.push(V_MARK);
                out.push('ブ');
                continue;
            }
            _ => {}
        }
        push(&mut out, large(c));
    }
    let mut folded: Vec<char> = Vec::with_capacity(out.len());
    for c in out.into_iter().filter(|c| *c != V_MARK) {
        push(&mut folded, c);
    }
    folded.into_iter().collect()
}

/// How many sounds a name has, as written: a long vowel counts as two however it is spelled, ヴァ and バ as one. Of kanji
/// the characters.
pub(super) fn length(text: &str) -> usize {
    let (mut count, mut last) = (0, None);
    for c in plain(text, &['■', '〓', '□', '\u{FFFD}', '?', '〻'])
        .chars()
        .map(katakana)
    {
        let second = last == Some('ヴ') && matches!(c, 'ァ' | 'ィ' | 'ェ' | 'ォ');
        count += usize::from(!second);
        last = Some(c);
    }
    count
}

/// Stands before a ブ that was ヴ.
const V_MARK: char = '\u{0}';

fn voiced_v(out: &[char]) -> bool {
    matches!(out, [.., V_MARK, 'ブ'])
}

/// Adds one sound, or lengthens the one before.
fn push(out: &mut Vec<char>, c: char) {
    let last = out.last().copied();
    match (c, last.and_then(vowel)) {
        ('ウ', Some('ウ' | 'オ')) | ('オ', Some('オ')) | ('ー', Some('ウ' | 'オ')) => {}
        // Between what is no kana it stays: without it, its neighbours might compose.
        ('ー', None) if matches!(last, None | Some('ン')) => {}
        ('ー', Some(vowel)) => out.push(vowel),
        ('イ', Some('エ')) => out.push('エ'),
        _ => out.push(c),
    }
}

/// Katakana of hiragana.
pub(super) fn katakana(c: char) -> char {
    match c {
        'ぁ'..='ゖ' | 'ゝ' | 'ゞ' => char::from_u32(c as u32 + 0x60).unwrap_or(c),
        other => other,
    }
}

/// The large form of small kana, and the common one of sounds with two spellings.
pub(super) fn large(c: char) -> char {
    match c {
        'ァ' => 'ア',
        'ィ' | 'ヰ' => 'イ',
        'ゥ' => 'ウ',
        'ェ' | 'ヱ' => 'エ',
        'ォ' | 'ヲ' => 'オ',
        'ッ' => 'ツ',
        'ャ' => 'ヤ',
        'ュ' => 'ユ',
        'ョ' => 'ヨ',
        'ヮ' => 'ワ',
        'ヵ' => 'カ',
        'ヶ' => 'ケ',
        'ヂ' => 'ジ',
        'ヅ' => 'ズ',
        'ヷ' => 'バ',
        'ヸ' => 'ビ',
        'ヹ' => 'ベ',
        'ヺ' => 'ボ',
        other => other,
    }
}

/// The vowel a sound ends in.
fn vowel(c: char) -> Option<char> {
    const ROWS: [(char, &str); 5] = [
        ('ア', "アカガサザタダナハバパマヤラワ"),
        ('イ', "イキギシジチニヒビピミリ"),
        ('ウ', "ウクグスズツヌフブプムユル"),
        ('エ', "エケゲセゼテデネヘベペメレ"),
        ('オ', "オコゴソゾトドノホボポモヨロ"),
    ];
    ROWS.iter()
        .find(|(_, row)| row.contains(c))
        .map(|(v, _)| *v)
}
