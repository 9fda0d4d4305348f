//! How kana of names is written: long vowels, ヴ, small kana, slips, and half width.

use super::ErrorClass;
use super::writing::Habit;
use crate::rng::Rng;

/// A name in kana as the system and its clerk write it.
pub(super) fn spell(name: &str, habit: &Habit, rng: &mut Rng) -> (String, Vec<ErrorClass>) {
    let mut classes = Vec::new();
    let mut text = name.to_owned();
    let mut change = |text: &mut String, class: ErrorClass, to: String| {
        if *text != to {
            *text = to;
            classes.push(class);
        }
    };
    if rng.permille(60) {
        let to = long_vowel(&text, rng);
        change(&mut text, ErrorClass::LongVowel, to);
    }
    if text.contains('ヴ') && rng.permille(400) {
        let to = [
            ("ヴァ", "バ"),
            ("ヴィ", "ビ"),
            ("ヴェ", "ベ"),
            ("ヴォ", "ボ"),
            ("ヴ", "ブ"),
        ]
        .iter()
        .fold(text.clone(), |text, (from, to)| text.replace(from, to));
        change(&mut text, ErrorClass::VForB, to);
    }
    if rng.permille(6) {
        let to = kana_slip(&text, rng);
        change(&mut text, ErrorClass::KanaSlip, to);
    }
    if habit.large_kana {
        let large = |c: char| match c {
            'ャ' => 'ヤ',
            'ュ' => 'ユ',
            'ョ' => 'ヨ',
            'ッ' => 'ツ',
            other => other,
        };
        let to = text.chars().map(large).collect();
        change(&mut text, ErrorClass::SmallKana, to);
    }
    if habit.half_width {
        let to = half_width(&text);
        change(&mut text, ErrorClass::Width, to);
    }
    (text, classes)
}

/// オウ as オー, オオ as オー, a last ウ left out; unchanged where there is no long vowel.
fn long_vowel(text: &str, rng: &mut Rng) -> String {
    const LONG: &str = "オコソトノホモヨロゴゾドボョユクスツヌフムルュ";
    let chars: Vec<char> = text.chars().collect();
    let at = chars.windows(2).position(|pair| {
        matches!(pair, [a, 'ウ'] if LONG.contains(*a)) || matches!(pair, ['オ' | 'コ' | 'ト', 'オ'])
    });
    let Some(at) = at else {
        return text.to_owned();
    };
    let mut out = chars.clone();
    if at + 2 == chars.len() && rng.permille(300) {
        out.pop();
    } else {
        out[at + 1] = 'ー';
    }
    out.into_iter().collect()
}

/// One sound another: its voiced or unvoiced twin.
fn kana_slip(text: &str, rng: &mut Rng) -> String {
    const PAIRS: &[(char, char)] = &[
        ('カ', 'ガ'),
        ('キ', 'ギ'),
        ('ク', 'グ'),
        ('ケ', 'ゲ'),
        ('コ', 'ゴ'),
        ('サ', 'ザ'),
        ('シ', 'ジ'),
        ('ス', 'ズ'),
        ('セ', 'ゼ'),
        ('タ', 'ダ'),
        ('ト', 'ド'),
        ('ハ', 'バ'),
        ('ヒ', 'ビ'),
        ('ヘ', 'ベ'),
        ('ホ', 'ボ'),
        ('ソ', 'ゾ'),
    ];
    let mut chars: Vec<char> = text.chars().collect();
    let start = rng.below(chars.len() as u32) as usize;
    for step in 0..chars.len() {
        let at = (start + step) % chars.len();
        let twin = PAIRS.iter().find_map(|(a, b)| match chars[at] {
            c if c == *a => Some(*b),
            c if c == *b => Some(*a),
            _ => None,
        });
        if let Some(twin) = twin {
            chars[at] = twin;
            break;
        }
    }
    chars.into_iter().collect()
}

fn half_width(text: &str) -> String {
    const FULL: &str = "。「」、・ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン";
    let plain = |c: char| {
        FULL.chars()
            .position(|f| f == c)
            .and_then(|n| char::from_u32('｡' as u32 + n as u32))
    };
    let mut out = String::new();
    for c in text.chars() {
        let below = |step: u32| char::from_u32((c as u32).saturating_sub(step)).and_then(plain);
        match (plain(c), c) {
            (Some(half), _) => out.push(half),
            (None, 'ヴ') => out.push_str("ｳﾞ"),
            (None, 'ガ'..='ポ') => {
                // ガ…ド and バ行 stand behind their plain sound, パ行 two behind it.
                let (mark, half) = match (below(1), below(2)) {
                    (Some(half), _) => ('ﾞ', half),
                    (None, Some(half)) => ('ﾟ', half),
                    _ => ('?', '?'),
                };
                out.push(half);
                out.push(mark);
            }
            (None, other) => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kana_is_spelled_in_the_other_way_and_nothing_else_changes() {
        for (full, half) in [
            ("タカハシ", "ﾀｶﾊｼ"),
            ("ヴァスケス", "ｳﾞｧｽｹｽ"),
            ("パブロ", "ﾊﾟﾌﾞﾛ"),
            ("ギンジュウ", "ｷﾞﾝｼﾞｭｳ"),
            ("ドーデ", "ﾄﾞｰﾃﾞ"),
        ] {
            assert_eq!(half_width(full), half);
        }
        let rng = &mut Rng::of(1, &["spelling"]);
        let spelled = long_vowel("オオノ", rng);
        assert_eq!(spelled, "オーノ");
        assert_eq!(long_vowel("タナカ", rng), "タナカ");
        let slip = kana_slip("タナカ", rng);
        assert!(slip == "ダナカ" || slip == "タナガ", "{slip}");
    }
}
