//! Parts of what a document says of its patient: what cannot be kept is left out, and never the rest with it.

use sekisho_identity::{
    ADDRESSES_MAX, Address, Demographics, INSURED_MAX, Insured, Name, PHONES_MAX, TEXT_CHARS_MAX,
};

/// A text as it is kept: one that is too long says nothing.
pub(super) fn text(text: &str) -> &str {
    match text.char_indices().nth(TEXT_CHARS_MAX) {
        Some(_) => "",
        None => text.trim(),
    }
}

/// Takes a name as the one in kana where it is said to be, or where nothing is said and it is written so. The first of
/// each script stays.
pub(super) fn name(said: &mut Demographics, name: Option<Name>, in_kana: Option<bool>) {
    let in_kana = in_kana.unwrap_or_else(|| name.as_ref().is_some_and(is_kana));
    let slot = match in_kana {
        true => &mut said.kana,
        false => &mut said.kanji,
    };
    *slot = slot.take().or(name);
}

pub(super) fn address(said: &mut Demographics, address: Option<Address>) {
    keep(&mut said.addresses, address, ADDRESSES_MAX);
}

pub(super) fn phone(said: &mut Demographics, number: &str) {
    let number = text(number);
    let phone = number.chars().any(char::is_numeric);
    keep(
        &mut said.phones,
        phone.then(|| number.to_owned()),
        PHONES_MAX,
    );
}

pub(super) fn insured(said: &mut Demographics, insured: Option<Insured>) {
    keep(&mut said.insured, insured, INSURED_MAX);
}

/// Whether a name is written in kana alone.
fn is_kana(name: &Name) -> bool {
    let kana = |c: char| {
        matches!(c, '\u{3040}'..='\u{30ff}' | '\u{ff65}'..='\u{ff9f}') || c.is_whitespace()
    };
    name.family.chars().chain(name.given.chars()).all(kana)
}

fn keep<T: PartialEq>(all: &mut Vec<T>, one: Option<T>, max: usize) {
    if let Some(one) = one
        && all.len() < max
        && !all.contains(&one)
    {
        all.push(one);
    }
}
