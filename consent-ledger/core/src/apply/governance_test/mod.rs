//! Who may say what: the table of `docs/spec/governance.md`, cell by cell.

mod stage;

use crate::signature::SigningKey;
use crate::store::{StateRead, Table};
use crate::testing::key;
use crate::{Applied, EntryFault};
use sekisho_domain::{KeyPurpose, Outcome, RefusalReason};
use stage::{Stage, stage};

const PAGE: &str = include_str!("../../../../../docs/spec/governance.md");
/// What takes effect once more than half of the members said it.
const MAJORITY: [&str; 5] = [
    "network-admit",
    "authority-admit",
    "authority-end",
    "replica-promote",
    "replica-retire",
];

/// The key of a column; for a revoked one, of the purpose the row is said with.
fn author(column: &str, row: &str) -> SigningKey {
    use KeyPurpose::*;
    let purpose = |letter: &str| match letter {
        "G" => Governance,
        "N" => Node,
        "T" => Transport,
        "C" => Checkpoint,
        "O" => Officer,
        other => panic!("no column {other}"),
    };
    match column {
        "A" | "E" => key("saga-ken", Authority),
        "a" => key("fukuoka-ken", Authority),
        "U" => key("nobody", Node),
        "R" => {
            let right = columns().into_iter().find(|c| cell(row, c) == "✓");
            match right.unwrap_or_else(|| panic!("nobody may say {row}")) {
                "A" => key("old", Authority),
                letter => key("old", purpose(letter)),
            }
        }
        own if own.chars().all(char::is_uppercase) => key("saga", purpose(own)),
        other => key("kurume", purpose(&other.to_uppercase())),
    }
}

/// The table's lines, each with its cells.
fn table() -> Vec<Vec<&'static str>> {
    let lines = PAGE.lines().filter(|line| line.starts_with('|'));
    let rows =
        lines.map(|line| -> Vec<_> { line.trim_matches('|').split('|').map(str::trim).collect() });
    rows.filter(|row| !row[0].starts_with("--")).collect()
}

fn columns() -> Vec<&'static str> {
    table()[0][1..].to_vec()
}

fn cell(row: &str, column: &str) -> &'static str {
    let at = 1 + columns().iter().position(|c| *c == column).unwrap();
    let line = table().into_iter().find(|line| line[0] == row);
    line.unwrap_or_else(|| panic!("the page has no row {row}"))[at]
}

/// What saying it comes to, in the page's words.
fn came(stage: &Stage, row: &str, column: &str) -> String {
    let before = if column == "E" {
        &stage.ended
    } else {
        &stage.world
    };
    let mut world = before.clone();
    let applied = world.say_with(&author(column, row), stage.bodies[row].clone());
    match applied {
        Applied::Leaf {
            outcome: Outcome::Accepted | Outcome::Decided(_),
            ..
        } => {
            let strange = column.chars().all(char::is_lowercase);
            if strange && !MAJORITY.contains(&row) {
                assert!(!touches_saga(before, &world), "{row}, {column}");
                return "own".to_owned();
            }
            "✓".to_owned()
        }
        Applied::Leaf {
            outcome: Outcome::Refused(RefusalReason::NotAuthorised),
            ..
        } => "·".to_owned(),
        Applied::Leaf {
            outcome: Outcome::Refused(reason),
            ..
        } => reason.to_string(),
        Applied::Invalid(EntryFault::RevokedKey(_)) => "revoked".to_owned(),
        Applied::Invalid(EntryFault::UnknownKey(_)) => "unknown".to_owned(),
        other => format!("{other:?}"),
    }
}

/// Whether a row of the state that is new or changed is about Saga or its authority.
fn touches_saga(before: &crate::testing::World, after: &crate::testing::World) -> bool {
    // Leaves and what they rest on are evidence, not effect.
    let evidence = [Table::Leaf, Table::RestsOn, Table::TreeNode];
    let tables = Table::ALL.into_iter().filter(|t| !evidence.contains(t));
    let mut rows = tables.flat_map(|table| {
        let rows = after.state.scan(table, b"", b"", usize::MAX).unwrap();
        rows.into_iter()
            .map(move |(key, value)| (table, key, value))
    });
    rows.any(|(table, key, value)| {
        let changed = before.state.get(table, &key).unwrap().as_ref() != Some(&value);
        let row = [key, value].concat();
        changed && row.windows(4).any(|part| part == b"saga")
    })
}

#[test]
fn nobody_says_what_is_not_theirs_to_say() {
    let stage = stage();
    let mut wrong = Vec::new();
    for row in stage.bodies.keys() {
        for column in columns() {
            let (said, came) = (cell(row, column), came(&stage, row, column));
            if said != came {
                wrong.push(format!(
                    "{row}, {column}: the page says {said}, it came to {came}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_page_has_a_row_for_every_kind_of_entry() {
    let stage = stage();
    let mut rows: Vec<_> = table()[1..].iter().map(|line| line[0]).collect();
    rows.sort_unstable();
    let bodies: Vec<_> = stage.bodies.keys().copied().collect();
    assert_eq!(rows, bodies);
    let kinds = stage.bodies.values().map(std::mem::discriminant);
    let kinds: std::collections::BTreeSet<_> = kinds.map(|kind| format!("{kind:?}")).collect();
    assert_eq!(kinds.len(), 38);
    let cells = 1 + columns().len();
    assert!(table().iter().all(|line| line.len() == cells));
}
