//! What is typed into the one field that finds a patient: by a person, or by a reader of barcodes and QR codes, which
//! types like a keyboard.

use sekisho_documents::LocalPatientId;
use sekisho_node::Card;

/// What it is, by its form.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Recognised {
    /// A patient's number, as it came and, where a barcode's own marks are around it, without them.
    Numbers(Vec<LocalPatientId>),
    /// The card of a network.
    Card(Card),
    /// It begins as a card does, and is none.
    DamagedCard,
    /// Nothing that finds anybody.
    Nothing,
}

const CARD: &str = "sekisho:card:";

/// In half width: with a Japanese input method on, a reader types in full width.
fn half_width(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        _ => c,
    }
}

/// Without the start and stop characters of NW-7 (A to D) and Code 39 (*), which many readers type too.
fn without_marks(text: &str) -> Option<&str> {
    let mark = |c: char| matches!(c.to_ascii_uppercase(), 'A'..='D' | '*');
    let inner = text.strip_prefix(mark)?.strip_suffix(mark)?;
    let digits = |c: char| c.is_ascii_digit() || c == '-';
    (!inner.is_empty() && inner.chars().all(digits)).then_some(inner)
}

pub(super) fn recognise(typed: &str) -> Recognised {
    let text: String = typed.chars().map(half_width).collect();
    let text = text.trim();
    let lower = text.to_ascii_lowercase();
    if lower.starts_with(CARD) {
        // Some readers type capitals.
        return lower
            .parse()
            .map_or(Recognised::DamagedCard, Recognised::Card);
    }
    let numbers = [Some(text), without_marks(text)].into_iter().flatten();
    let numbers: Vec<_> = numbers.filter_map(|number| number.parse().ok()).collect();
    match numbers.is_empty() {
        true => Recognised::Nothing,
        false => Recognised::Numbers(numbers),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reader_types_is_recognised_by_its_form() {
        let numbers =
            |all: &[&str]| Recognised::Numbers(all.iter().map(|n| n.parse().unwrap()).collect());
        let card = "sekisho:card:v1:saga:07070707070707070707070707070707";
        let full: String = card
            .chars()
            .map(|c| char::from_u32(u32::from(c) + 0xfee0).unwrap())
            .collect();
        for (typed, is) in [
            ("00001234", numbers(&["00001234"])),
            (" ００００１２３４　", numbers(&["00001234"])),
            ("A00001234B", numbers(&["A00001234B", "00001234"])),
            ("*00001234*", numbers(&["*00001234*", "00001234"])),
            ("K-1", numbers(&["K-1"])),
            ("AB", numbers(&["AB"])),
            ("", Recognised::Nothing),
            ("花子", Recognised::Nothing),
            ("sekisho:card:v1:saga:07", Recognised::DamagedCard),
            (card, Recognised::Card(card.parse().unwrap())),
            (
                &card.to_ascii_uppercase(),
                Recognised::Card(card.parse().unwrap()),
            ),
            (&full, Recognised::Card(card.parse().unwrap())),
        ] {
            assert_eq!(recognise(typed), is, "{typed}");
        }
    }
}
