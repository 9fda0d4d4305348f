//! Addresses: prefecture, municipality, town and the numbers of block and house, so that `1丁目2番3号`, `１−２−３` and
//! `一丁目２－３` are one. What follows the numbers (a building, a room) is left out: feeds cut it off where they like.
//!
//! Without a table of postal codes the parts are found by the characters they end in (都道府県, 郡, 市, 区, 町, 村); with one
//! ([`super::PostalTable`]) municipality and town are the table's where the text begins with them, and filled in
//! where it leaves them out.

use super::{Place, PostalTable, kana, plain, postal_code, variants};
use crate::Address;

/// Numbers kept: block, house, branch. A fourth is a room.
const NUMBERS_MAX: usize = 3;
/// Within how many characters a municipality's name ends; the longest have seven.
const CITY_CHARS_MAX: usize = 8;
/// Within how many characters a ward's name ends.
const WARD_CHARS_MAX: usize = 5;

/// An address in parts; a part that could not be found is empty.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct FoldedAddress {
    /// The postal code's seven digits.
    pub postal: Option<String>,
    /// The prefecture's number (JIS X 0401).
    pub prefecture: Option<u8>,
    /// The municipality with its ward, without its district (郡).
    pub city: String,
    /// The town (町, 大字, 字).
    pub town: String,
    /// Block, house and branch numbers, as far as they are written.
    pub numbers: Vec<u32>,
}

impl FoldedAddress {
    /// Whether it says anything.
    pub fn says(&self) -> bool {
        self.postal.is_some() || !self.city.is_empty() || !self.town.is_empty()
    }
}

impl std::fmt::Debug for FoldedAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FoldedAddress(withheld)")
    }
}

/// Folds an address by the rules alone.
pub fn address(one: &Address) -> FoldedAddress {
    address_by(one, None)
}

/// Folds an address, with a table of postal codes where there is one.
pub fn address_by(one: &Address, table: Option<&PostalTable>) -> FoldedAddress {
    let postal = one.postal.as_deref().and_then(postal_code);
    let text = line(&one.text);
    let (prefecture, rest) = prefecture_of(&text);
    let places = match (table, &postal) {
        (Some(table), Some(postal)) => table.places(postal),
        _ => &[],
    };
    if let Some(folded) = by_places(&postal, prefecture, rest, places) {
        return folded;
    }
    let (city, rest) = city_of(rest, prefecture.is_some());
    let (town, numbers) = town_of(rest);
    FoldedAddress {
        postal,
        prefecture,
        city: city.to_owned(),
        town,
        numbers,
    }
}

/// The parts by the places of its postal code: the longest town the text goes on with after the municipality.
fn by_places(
    postal: &Option<String>,
    prefecture: Option<u8>,
    rest: &str,
    places: &[Place],
) -> Option<FoldedAddress> {
    let fits = |place: &Place| {
        if prefecture.is_some_and(|p| p != place.prefecture) {
            return None;
        }
        let after = match rest.strip_prefix(place.city.as_str()) {
            Some(after) => after,
            // With its district, or left out.
            None => match rest.split_once(place.city.as_str()) {
                Some((district, after)) if district.ends_with('郡') => after,
                _ => rest,
            },
        };
        // Folded as the table's towns are: 東雁来十四条 is 東雁来14条 there.
        let (town, numbers) = town_of(after);
        town.starts_with(place.town.as_str())
            .then_some((town, numbers))
    };
    let found = places.iter().filter_map(|p| Some((p, fits(p)?)));
    let (place, (town, numbers)) = found.max_by_key(|(place, _)| place.town.len())?;
    Some(FoldedAddress {
        postal: postal.clone(),
        prefecture: Some(place.prefecture),
        city: place.city.clone(),
        town,
        numbers,
    })
}

/// The number of the prefecture a text begins with, and the rest.
pub(super) fn prefecture_of(text: &str) -> (Option<u8>, &str) {
    let found = sekisho_domain::PREFECTURES
        .iter()
        .zip(1u8..)
        .find_map(|(name, number)| {
            // Folded as the text is (変体 such as 縣 are the common form already).
            Some((number, text.strip_prefix(name)?))
        });
    match found {
        Some((number, rest)) => (Some(number), rest),
        None => (None, text),
    }
}

/// One line: letters, digits and `-`, kanji in their common form, one script of kana.
pub(super) fn line(text: &str) -> String {
    let dashed: String = text
        .chars()
        .map(|c| match c {
            '‐' | '‑' | '‒' | '–' | '—' | '―' | '−' | '－' | '﹣' | 'ｰ' | '─' | '~' | '〜'
            | '～' => '-',
            other => other,
        })
        .collect();
    let chars: Vec<char> = plain(&dashed, &['-'])
        .chars()
        .map(|c| match kana::large(kana::katakana(c)) {
            // が丘, ガ丘 and ヶ丘; 之 and ノ.
            'ガ' => 'ケ',
            '之' => 'ノ',
            other => variants::common(other),
        })
        .collect();
    let digit_at = |n: Option<usize>| {
        n.and_then(|n| chars.get(n))
            .is_some_and(char::is_ascii_digit)
    };
    let mut out = String::with_capacity(text.len());
    let kana_at = |n: Option<usize>| {
        n.and_then(|n| chars.get(n))
            .is_some_and(|c| ('ァ'..='ヺ').contains(c) && !matches!(c, 'ノ' | 'ケ'))
    };
    for (n, c) in chars.iter().enumerate() {
        let (before, behind) = (n.checked_sub(1), n.checked_add(1));
        // A long mark beside a digit is a dash of whoever typed it, but for that of a word (流通センター1).
        match c {
            'ー' if digit_at(before) || (digit_at(behind) && !kana_at(before)) => out.push('-'),
            other => out.push(*other),
        }
    }
    out
}

/// Municipality with ward, and the rest.
fn city_of(text: &str, in_prefecture: bool) -> (&str, &str) {
    let ends = |text: &str, last: &[char], within: usize| {
        let mut seen = text.char_indices().take(within).skip(1);
        seen.find(|(_, c)| last.contains(c))
            .map(|(at, c)| at + c.len_utf8())
    };
    let cut = |text, at| str::split_at_checked(text, at).unwrap_or((text, ""));
    // A district's town or village; the district is left out, as many do.
    if let Some(at) = ends(text, &['郡'], WARD_CHARS_MAX + 1) {
        let (_, rest) = cut(text, at);
        if let Some(at) = ends(rest, &['町', '村'], CITY_CHARS_MAX) {
            return cut(rest, at);
        }
    }
    if let Some(mut at) = ends(text, &['市'], CITY_CHARS_MAX) {
        // 四日市市, 野々市市, 八日市場市.
        for more in ["市", "場市"] {
            if cut(text, at).1.starts_with(more) {
                at += more.len();
                break;
            }
        }
        let (_, rest) = cut(text, at);
        at += ends(rest, &['区'], WARD_CHARS_MAX).unwrap_or(0);
        return cut(text, at);
    }
    if let Some(at) = ends(text, &['区'], WARD_CHARS_MAX) {
        return cut(text, at);
    }
    match ends(text, &['町', '村'], CITY_CHARS_MAX) {
        Some(at) if in_prefecture => cut(text, at),
        _ => ("", text),
    }
}

fn without_section(text: &str) -> &str {
    let text = text.strip_prefix("大字").unwrap_or(text);
    text.strip_prefix('字').unwrap_or(text)
}

/// Town and numbers.
pub(super) fn town_of(text: &str) -> (String, Vec<u32>) {
    let text = arabic(without_section(text));
    let mut at = 0;
    // The town ends where the numbers begin; 北１条西２丁目, 三番町 and 西３線北 have a street's number in their names.
    while let Some((_, rest)) = text.split_at_checked(at) {
        let Some(begins) = rest.find(|c: char| c.is_ascii_digit()) else {
            at = text.len();
            break;
        };
        let after = rest.get(begins..).unwrap_or_default();
        let digits = after
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(after.len());
        if after.get(digits..).is_some_and(of_a_name) {
            at += begins + digits;
        } else {
            at += begins;
            break;
        }
    }
    let (town, rest) = text.split_at_checked(at).unwrap_or((&text, ""));
    let town: String = town
        .split("大字")
        .flat_map(|part| part.chars())
        .filter(|c| *c != '-')
        .collect();
    let town = match town.rsplit_once('字') {
        Some((before, "")) => before.to_owned(),
        _ => town,
    };
    (town, numbers_of(rest))
}

/// Whether what follows a number makes a name of it.
fn of_a_name(behind: &str) -> bool {
    let street = |rest: &str| rest.starts_with(['東', '西', '南', '北']);
    ["条", "番町", "番丁"]
        .iter()
        .any(|word| behind.starts_with(word))
        || behind.strip_prefix('線').is_some_and(street)
}

/// The numbers a text begins with, as long as nothing but what joins them is between.
fn numbers_of(mut text: &str) -> Vec<u32> {
    const JOINTS: [&str; 12] = [
        "丁目",
        "番地ノ",
        "番地",
        "番ノ",
        "番",
        "号",
        "ノ",
        "-",
        "地割",
        "線",
        "街区",
        "条",
    ];
    let mut numbers = Vec::new();
    while numbers.len() < NUMBERS_MAX {
        let end = text
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len());
        let (digits, rest) = text.split_at_checked(end).unwrap_or((text, ""));
        let Ok(number) = digits.parse() else {
            break;
        };
        numbers.push(number);
        let mut joined = rest;
        while let Some(after) = JOINTS.iter().find_map(|joint| joined.strip_prefix(joint)) {
            joined = after;
        }
        if joined.len() == rest.len() {
            break;
        }
        text = joined;
    }
    numbers
}

/// Kanji numerals that count blocks and houses as digits; those of names (三条, 千代田) stay.
fn arabic(text: &str) -> String {
    const COUNTED: [&str; 6] = ["丁目", "番", "号", "条", "-", "ノ"];
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let end = rest
            .find(|c| kanji_digit(c).is_none())
            .unwrap_or(rest.len());
        let (numeral, after) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let after_number = out.ends_with(|c: char| c.is_ascii_digit() || c == '-');
        // After digits, or before what only a number stands before; ノ alone joins names too (三ノ宮).
        let counts = COUNTED
            .iter()
            .any(|word| after.starts_with(word) && (*word != "ノ" || after_number));
        match value(numeral) {
            Some(value) if counts || (after_number && after.is_empty()) => {
                out.push_str(&value.to_string());
                rest = after;
            }
            Some(_) => {
                out.push_str(numeral);
                rest = after;
            }
            None => {
                out.push(c);
                rest = rest.get(c.len_utf8()..).unwrap_or_default();
            }
        }
    }
    out
}

fn kanji_digit(c: char) -> Option<u32> {
    "〇一二三四五六七八九十百千"
        .chars()
        .position(|k| k == c)
        .map(|at| at as u32)
}

/// The value of a numeral in kanji, by places (二五) or by units (二十五).
fn value(numeral: &str) -> Option<u32> {
    let (mut sum, mut last) = (0u32, None::<u32>);
    for c in numeral.chars() {
        let unit = match kanji_digit(c)? {
            digit @ 0..=9 => {
                last = Some(last.unwrap_or(0).checked_mul(10)?.checked_add(digit)?);
                continue;
            }
            10 => 10,
            11 => 100,
            _ => 1000,
        };
        sum = sum.checked_add(last.take().unwrap_or(1).checked_mul(unit)?)?;
    }
    (!numeral.is_empty()).then(|| sum.checked_add(last.unwrap_or(0)))?
}
