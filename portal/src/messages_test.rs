//! Both languages say the same things, and the pages say nothing else.

use super::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// Ids and the values each takes.
fn ids(text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let (mut ids, mut id) = (BTreeMap::<_, BTreeSet<_>>::new(), String::new());
    for line in text.lines() {
        let begins = line.chars().next().is_some_and(|c| c.is_ascii_lowercase());
        if let Some((name, _)) = line.split_once('=').filter(|_| begins) {
            id = name.trim().to_owned();
            assert!(
                ids.insert(id.clone(), BTreeSet::new()).is_none(),
                "{id} stands twice"
            );
        }
        for value in line.split('$').skip(1) {
            let value: String = value
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '-')
                .collect();
            ids.entry(id.clone()).or_default().insert(value);
        }
    }
    ids
}

#[test]
fn both_languages_have_the_same_messages_with_the_same_values() {
    for (file, ja, en) in FILES {
        assert_eq!(ids(ja), ids(en), "{file}.ftl");
    }
    for language in [Language::Ja, Language::En] {
        Messages::read(language).unwrap();
    }
}

/// Text of every file below a folder with one of these endings.
fn sources(folder: &Path, endings: &[&str], into: &mut String) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, endings, into);
        } else if endings.iter().any(|e| path.to_string_lossy().ends_with(e))
            && !path.to_string_lossy().ends_with("_test.rs")
        {
            into.push_str(&std::fs::read_to_string(&path).unwrap());
        }
    }
}

#[test]
fn every_message_the_pages_use_exists_and_every_other_is_gone() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut text = String::new();
    sources(&root.join("src"), &[".rs"], &mut text);
    sources(&root.join("templates"), &[".html"], &mut text);
    let all: BTreeSet<String> = FILES
        .iter()
        .flat_map(|(_, ja, _)| ids(ja).into_keys())
        .collect();
    let quoted: BTreeSet<&str> = text.split('"').collect();
    // Ids that are put together end in a code of the domain: `…-{code}`.
    let made: Vec<&str> = quoted
        .iter()
        .filter_map(|q| q.strip_suffix("-{}"))
        .collect();
    let used = |id: &str| {
        quoted.contains(id)
            || made
                .iter()
                .any(|m| id.strip_prefix(m).is_some_and(|rest| rest.starts_with('-')))
    };
    let unused: Vec<_> = all.iter().filter(|id| !used(id)).collect();
    assert!(unused.is_empty(), "nobody says {unused:?}");
    for call in [".t(\"", ".with(\"", ".text(\""] {
        for part in text.split(call).skip(1) {
            let id: String = part.chars().take_while(|c| *c != '"').collect();
            if id.contains('{') || id.contains('[') {
                continue;
            }
            assert!(all.contains(&id), "there is no message {id}");
        }
    }
}

#[test]
fn what_is_put_in_is_put_in_as_it_is() {
    let messages = Messages::read(Language::En).unwrap();
    let text = messages.with("common-signed-in-as", &[("name", &"<b>{x}")]);
    assert!(text.contains("<b>{x}"), "{text}");
    assert_eq!(messages.text("no-such-message"), "[no-such-message]");
}
