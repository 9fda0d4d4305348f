//! Every consent model of the surveys, and everything that narrows or opens it, as tables in text: what is said,
//! and who then sees what, or why not. The tables stand beside this file; how they are read is in `script`.
//!
//! A case about a real network names it with its row in the surveys; the facts are looked up in the project's own
//! copy of them, so that no table cites what no survey says.

mod ask;
mod script;
mod words;

use script::Script;

const TABLES: [(&str, &str); 9] = [
    ("consents", include_str!("consents.txt")),
    ("new-facilities", include_str!("new_facilities.txt")),
    ("policies", include_str!("policies.txt")),
    ("agreements", include_str!("agreements.txt")),
    ("rule-2020", include_str!("rule_2020.txt")),
    ("reservations", include_str!("reservations.txt")),
    ("proxies", include_str!("proxies.txt")),
    ("emergencies", include_str!("emergencies.txt")),
    ("disasters", include_str!("disasters.txt")),
];

/// The blocks of a table, each with the number of its first line.
fn cases(table: &'static str) -> Vec<(usize, Vec<&'static str>)> {
    let mut cases: Vec<(usize, Vec<&str>)> = Vec::new();
    for (n, line) in (1..).zip(table.lines()) {
        if line.starts_with("case ") {
            cases.push((n, vec![line]));
        } else if let Some((_, lines)) = cases.last_mut() {
            lines.push(line);
        }
    }
    cases
}

fn run(name: &str) {
    let (_, table) = TABLES.iter().find(|(of, _)| *of == name).unwrap();
    for (first, lines) in cases(table) {
        let mut script = Script::default();
        for (n, line) in (first + 1..).zip(&lines[1..]) {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Err(wrong) = script.line(line) {
                panic!("{name}, line {n}, {}\n  {line}\n  but {wrong}", lines[0]);
            }
        }
        assert!(script.answers > 0, "{name}, {}: nothing is asked", lines[0]);
    }
}

macro_rules! tables {
    ($($test:ident: $name:literal,)*) => {
        $(#[test]
        fn $test() {
            run($name);
        })*
    };
}
tables! {
    each_way_of_consenting: "consents",
    each_rule_on_facilities_that_join: "new-facilities",
    versions_of_a_policy_with_their_dates: "policies",
    what_an_agreement_opens: "agreements",
    the_ministrys_rule_of_2020: "rule-2020",
    what_a_patient_reserves: "reservations",
    who_speaks_for_a_patient_and_death: "proxies",
    break_glass_and_its_review: "emergencies",
    disasters_and_drills: "disasters",
}

/// A case that names a network names one of the surveys, by a name it has there, with a row that speaks of it.
#[test]
fn every_network_cited_is_in_the_surveys() {
    let facts = include_str!("../../../../profiles/data/surveys.facts");
    let blocks: Vec<&str> = facts.split("\nnetwork").collect();
    let mut cited = std::collections::BTreeSet::new();
    for (_, table) in TABLES {
        for (_, lines) in cases(table) {
            let Some((citation, _)) = lines[0]["case ".len()..].split_once("): ") else {
                continue;
            };
            let (name, rest) = citation.split_once(" (").unwrap();
            let (id, row) = rest.split_once(", ").unwrap();
            // `network?` is one the surveys' readers are not sure of.
            let is_it = |block: &&&str| {
                let block = block.trim_start_matches(['?', ' ']);
                block.starts_with(&format!("{id} "))
            };
            let block = blocks.iter().find(is_it);
            let block = block.unwrap_or_else(|| panic!("{id} is not in the surveys"));
            assert!(block.contains(name), "{id} is not called {name}");
            assert!(block.contains(&format!(" {row} ")), "{id} has no row {row}");
            cited.insert(id);
        }
    }
    assert!(cited.len() >= 20, "{} networks: {cited:?}", cited.len());
}
