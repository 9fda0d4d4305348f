//! The public table of postal codes: Japan Post's `KEN_ALL.CSV` (15 columns, CP932) or its edition in UTF-8, as
//! downloaded by the operator; too large to ship. Read from bytes; columns 3, 7, 8 and 9 (code, prefecture,
//! municipality, town) count.

use super::address::{line, prefecture_of};
use super::{POSTAL_DIGITS, plain};
use std::collections::BTreeMap;

/// Most places taken: the table has some 125,000.
pub const PLACES_MAX: usize = 300_000;

/// One place of a postal code, folded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The prefecture's number (JIS X 0401).
    pub prefecture: u8,
    /// The municipality, without its district.
    pub city: String,
    /// The town; empty where the code is for all that has none of its own.
    pub town: String,
}

/// Places by postal code.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PostalTable {
    places: BTreeMap<String, Vec<Place>>,
}

/// Why a file is no table of postal codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PostalFault {
    /// Neither CP932 nor UTF-8.
    #[error("the file is neither CP932 nor UTF-8")]
    Encoding,
    /// A line has too few columns, or no postal code or prefecture in its place.
    #[error(
        "line {0} is not one of KEN_ALL.CSV: expected 15 columns, the third a postal code of 7 digits"
    )]
    Line(usize),
    /// More places than there can be.
    #[error("more than {PLACES_MAX} places")]
    TooMany,
}

impl PostalTable {
    /// Reads the bytes of `KEN_ALL.CSV` or `utf_ken_all.csv`.
    ///
    /// # Errors
    /// What is not such a table, with the first line that is not.
    pub fn read(bytes: &[u8]) -> Result<Self, PostalFault> {
        let decoded;
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.trim_start_matches('\u{FEFF}'),
            Err(_) => {
                let (text, faulty) = encoding_rs::SHIFT_JIS.decode_without_bom_handling(bytes);
                if faulty {
                    return Err(PostalFault::Encoding);
                }
                decoded = text;
                &decoded
            }
        };
        let mut table = Self::default();
        let (mut count, mut open) = (0usize, false);
        for (n, row) in text
            .lines()
            .enumerate()
            .filter(|(_, row)| !row.trim().is_empty())
        {
            let columns: Vec<&str> = row.split(',').map(|c| c.trim().trim_matches('"')).collect();
            let [_, _, code, _, _, _, prefecture, city, town, ..] = columns.as_slice() else {
                return Err(PostalFault::Line(n + 1));
            };
            let digits = code.len() == POSTAL_DIGITS && code.bytes().all(|b| b.is_ascii_digit());
            let (prefecture, rest) = prefecture_of(prefecture);
            let (Some(prefecture), true, "") = (prefecture, digits, rest) else {
                return Err(PostalFault::Line(n + 1));
            };
            // A town's remark in brackets may go over several lines, which are no towns.
            let continued = open;
            open = (open || town.contains('（')) && !town.contains('）');
            if continued {
                continue;
            }
            count += 1;
            if count > PLACES_MAX {
                return Err(PostalFault::TooMany);
            }
            let place = Place {
                prefecture,
                city: without_district(&line(city)),
                town: town_name(town),
            };
            let places = table.places.entry((*code).to_owned()).or_default();
            if !places.contains(&place) {
                places.push(place);
            }
        }
        Ok(table)
    }

    /// The places of a code of seven digits.
    pub fn places(&self, code: &str) -> &[Place] {
        self.places.get(code).map_or(&[], Vec::as_slice)
    }

    /// How many codes there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether it is empty.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }
}

/// 久留米市 as it is, 三井郡大刀洗町 without its district (蒲郡市 has none).
fn without_district(city: &str) -> String {
    match city.split_once('郡') {
        Some((district, rest)) if !district.is_empty() && rest.ends_with(['町', '村']) => {
            rest.to_owned()
        }
        _ => city.to_owned(),
    }
}

/// The town of the ninth column: without remarks, and empty where it is none.
fn town_name(column: &str) -> String {
    let name = column.split('（').next().unwrap_or_default();
    if name == "以下に掲載がない場合"
        || name.ends_with("一円")
        || name.ends_with("次に番地がくる場合")
    {
        return String::new();
    }
    super::address::town_of(&line(&plain(name, &['-']))).0
}
