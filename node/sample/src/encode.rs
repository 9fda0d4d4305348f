//! Strict ISO-2022-JP: ASCII and JIS X 0208 only, and back in ASCII before every segment ends
//! (clinical-formats §1.4). What JIS X 0208 lacks becomes ■ (geta), never a vendor's extension and
//! never a character reference.

use encoding_rs::EUC_JP;
use std::sync::LazyLock;

const TO_ASCII: &[u8] = b"\x1b(B";
const TO_JIS: &[u8] = b"\x1b$B";
/// ■ in JIS X 0208: row 2, cell 3.
const GETA: [u8; 2] = [0x22, 0x23];

/// The two JIS X 0208 bytes of a character, if it has a place there.
fn jis(c: char) -> Option<[u8; 2]> {
    // WHATWG maps three punctuation marks to other code points than JIS does.
    let c = match c {
        '〜' => '～',
        '‖' => '∥',
        '−' => '－',
        '¥' => '￥',
        '‾' => '￣',
        other => other,
    };
    let code = *TABLE.get(c as usize)?;
    (code != 0).then(|| code.to_be_bytes())
}

/// The code of every character of JIS X 0208 by its code point, 0 where there is none. All of them lie
/// in the basic plane. Built from the decoder, whose way is the quick one.
static TABLE: LazyLock<Vec<u16>> = LazyLock::new(|| {
    let mut table = vec![0; 0x1_0000];
    // Rows 1 to 8 and 16 to 84 are the standard's; 13 and above 84 are NEC's and IBM's.
    for row in (0x21..=0x28).chain(0x30..=0x74) {
        for cell in 0x21..=0x7E {
            let bytes = [row | 0x80, cell | 0x80];
            let (text, faulty) = EUC_JP.decode_without_bom_handling(&bytes);
            if let (Some(c), false) = (text.chars().next(), faulty)
                && let Some(code) = table.get_mut(c as usize)
            {
                *code = u16::from_be_bytes([row, cell]);
            }
        }
    }
    table
});

/// Whether a text may hold the character as it is: JIS X 0208, or ASCII that is no HL7 delimiter.
pub(crate) fn is_plain(c: char) -> bool {
    match c {
        '|' | '^' | '~' | '\\' | '&' => false,
        ' '..='~' => true,
        other => jis(other).is_some(),
    }
}

/// The text as SS-MIX2 bytes. Half-width kana become full-width, the CP932 extras their spelled-out
/// form (NHO conversion rule), all else outside JIS X 0208 ■.
pub(crate) fn encode(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() * 2);
    let mut in_jis = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_ascii() {
            if in_jis {
                out.extend_from_slice(TO_ASCII);
                in_jis = false;
            }
            out.push(c as u8);
            continue;
        }
        if let Some(spelled) = spelled_out(c) {
            if in_jis {
                out.extend_from_slice(TO_ASCII);
                in_jis = false;
            }
            // A spelled-out form may mix ASCII and kanji; it holds no extra itself, so this ends.
            out.extend_from_slice(&encode(spelled));
            continue;
        }
        if !in_jis {
            out.extend_from_slice(TO_JIS);
            in_jis = true;
        }
        let full = full_width_kana(c, chars.peek().copied());
        if full.1 {
            chars.next();
        }
        out.extend_from_slice(&jis(full.0).unwrap_or(GETA));
    }
    if in_jis {
        out.extend_from_slice(TO_ASCII);
    }
    out
}

/// CP932 extras that have an agreed spelling; a few, those that occur in our texts.
fn spelled_out(c: char) -> Option<&'static str> {
    Some(match c {
        '①' => "(1)",
        '②' => "(2)",
        '③' => "(3)",
        '④' => "(4)",
        '⑤' => "(5)",
        'Ⅰ' => "I",
        'Ⅱ' => "II",
        'Ⅲ' => "III",
        'Ⅳ' => "IV",
        'Ⅴ' => "V",
        '㈱' => "(株)",
        '㎎' => "mg",
        '㎏' => "kg",
        '㎝' => "cm",
        '㏄' => "cc",
        _ => return None,
    })
}

/// The full-width form of a half-width kana with the mark that follows it, and whether that was used.
fn full_width_kana(c: char, next: Option<char>) -> (char, bool) {
    const PLAIN: &str = "。「」、・ヲァィゥェォャュョッーアイウエオカキクケコサシスセソタチツテトナニヌネノハヒフヘホマミムメモヤユヨラリルレロワン゛゜";
    if !('｡'..='ﾟ').contains(&c) {
        return (c, false);
    }
    let plain = PLAIN.chars().nth(c as usize - '｡' as usize).unwrap_or('■');
    let voiced = |step: u32| char::from_u32(plain as u32 + step).unwrap_or(plain);
    match next {
        Some('ﾞ') if plain == 'ウ' => ('ヴ', true),
        Some('ﾞ') if ('カ'..='ト').contains(&plain) || ('ハ'..='ホ').contains(&plain) => {
            (voiced(1), true)
        }
        Some('ﾟ') if ('ハ'..='ホ').contains(&plain) => (voiced(2), true),
        _ => (plain, false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use encoding_rs::ISO_2022_JP;

    fn back(bytes: &[u8]) -> String {
        let (text, _, faulty) = ISO_2022_JP.decode(bytes);
        assert!(!faulty, "{bytes:02x?}");
        text.into_owned()
    }

    #[test]
    fn text_comes_back_or_is_folded_as_documented() {
        for (text, expected) in [
            ("PID|0001||山田^太郎", "PID|0001||山田^太郎"),
            ("髙﨑濵𠮷", "■■■■"),
            ("①㈱㎎Ⅳ", "(1)(株)mgIV"),
            ("ﾀｶﾊｼ ﾊﾟﾌﾞﾘｯｸ ｳﾞｧ｡", "タカハシ パブリック ヴァ。"),
            ("１−２〜３", "１－２～３"),
            ("¥100", "￥100"),
            ("カ゚", "カ■"),
        ] {
            assert_eq!(back(&encode(text)), expected, "{text}");
        }
    }

    #[test]
    fn every_line_ends_in_ascii_and_holds_only_the_standard() {
        let every: String = ('\u{80}'..='\u{FFFF}')
            .filter(|c| !c.is_control())
            .collect();
        let text: String = every.chars().flat_map(|c| [c, '\r']).collect();
        let bytes = encode(&text);
        let (mut at, mut in_jis, mut pairs) = (0, false, 0);
        while at < bytes.len() {
            let rest = &bytes[at..];
            if rest.starts_with(TO_JIS) || rest.starts_with(TO_ASCII) {
                in_jis = rest.starts_with(TO_JIS);
                at += 3;
            } else if in_jis {
                assert!(
                    matches!(rest[0], 0x21..=0x28 | 0x30..=0x74),
                    "row {:02x}",
                    rest[0]
                );
                assert!(matches!(rest[1], 0x21..=0x7E), "cell {:02x}", rest[1]);
                (at, pairs) = (at + 2, pairs + 1);
            } else {
                assert!(
                    rest[0] == b'\r' || matches!(rest[0], b' '..=b'~'),
                    "{:02x}",
                    rest[0]
                );
                at += 1;
            }
        }
        assert!(!in_jis && pairs > 60_000, "{pairs}");
    }

    #[test]
    fn a_delimiter_byte_inside_a_kanji_survives() {
        let found: Vec<char> = ('一'..='龠')
            .filter(|c| jis(*c).is_some_and(|b| b.iter().any(|b| b"|^~\\&".contains(b))))
            .collect();
        assert!(found.len() > 250, "{}", found.len());
        for c in found {
            assert_eq!(back(&encode(&format!("A^{c}^B"))), format!("A^{c}^B"));
        }
    }
}
