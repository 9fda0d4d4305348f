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

/// What patients read, message by message, without the values put in.
fn of_patients(language: Language) -> Vec<String> {
    let of = FILES.iter().find(|(file, ..)| *file == "patient").unwrap();
    let text = language.pick(of.1, of.2);
    let said = text.lines().filter_map(|line| {
        let said = line.split_once(" = ").map_or(line, |(_, said)| said);
        let mut plain = String::new();
        for (n, part) in said.split(['{', '}']).enumerate() {
            plain.push_str(if n % 2 == 0 { part } else { "x" });
        }
        let choice = said.contains("->") || said.trim() == "}";
        (!choice).then(|| plain.trim().to_owned())
    });
    said.filter(|said| !said.is_empty()).collect()
}

/// Vowels in a row are one syllable, a silent e at the end none: near enough over a whole file.
fn syllables(word: &str) -> usize {
    let word = word.to_ascii_lowercase();
    let word = word.strip_suffix('e').unwrap_or(&word);
    let vowel = |c: char| "aeiouy".contains(c);
    word.split(|c| !vowel(c))
        .filter(|run| !run.is_empty())
        .count()
        .max(1)
}

/// Words of ours that a patient need not know. What they are called instead stands in the message files.
const OURS: [&str; 22] = [
    "台帳",
    "ノード",
    "レプリカ",
    "仮名",
    "署名",
    "開示",
    "閲覧側",
    "当事者",
    "プロトコル",
    "エンベロープ",
    "トークン",
    "認証",
    "ledger",
    "replica",
    "node",
    "pseudonym",
    "envelope",
    "token",
    "disclos",
    "practitioner",
    "subject",
    "entry",
];

#[test]
fn what_patients_read_is_as_plain_as_a_form_of_consent_must_be() {
    for language in [Language::Ja, Language::En] {
        for said in of_patients(language) {
            let plain = said.to_ascii_lowercase();
            let ours: Vec<_> = OURS.iter().filter(|word| plain.contains(**word)).collect();
            assert!(ours.is_empty(), "{ours:?} in {said:?}");
        }
    }
    // Short sentences, and not many kanji: newspapers have some 45 in a hundred characters.
    let ja = of_patients(Language::Ja);
    for sentence in ja.iter().flat_map(|said| said.split('。')) {
        assert!(sentence.chars().count() <= 45, "too long: {sentence}");
    }
    let all: Vec<char> = ja.iter().flat_map(|said| said.chars()).collect();
    let kanji = all.iter().filter(|c| ('一'..='龠').contains(*c)).count();
    let in_hundred = kanji * 100 / all.len();
    assert!(
        in_hundred <= 33,
        "{in_hundred} kanji in a hundred characters"
    );
    // The grade of Flesch and Kincaid over the whole sentences: forms of consent are asked to be at the eighth or below.
    let en = of_patients(Language::En);
    let sentences = en
        .iter()
        .filter(|said| said.ends_with('.'))
        .flat_map(|said| said.split(['.', ':', ';']));
    let sentences: Vec<_> = sentences.filter(|s| s.contains(' ')).collect();
    let words: Vec<_> = sentences
        .iter()
        .flat_map(|s| s.split_whitespace())
        .collect();
    let syllables: usize = words.iter().map(|word| syllables(word)).sum();
    let (n, w, s) = (sentences.len() as f64, words.len() as f64, syllables as f64);
    let grade = 0.39 * w / n + 11.8 * s / w - 15.59;
    println!("English: grade {grade:.1}; Japanese: {in_hundred} kanji in a hundred characters");
    assert!(grade <= 8.0, "grade {grade:.1}");
}
