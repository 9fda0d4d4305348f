//! Finding a patient in the neighbouring network, linking, following who moved: with the commands alone.

use super::town::{LIMIT, Town, text};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const HERE: &str = "4010000001";
const THERE: &str = "4110000001";

fn find(town: &Town, extra: &[&str]) -> Value {
    let patient = town.patient_at(HERE);
    let asking = [
        "patient",
        "find",
        "--patient",
        &patient,
        "--facility",
        HERE,
        "--practitioner",
        "dr-1",
        "--role",
        "physician",
        "--purpose",
        "TREAT",
        "--network",
        "saga",
    ];
    let found = town.says("kurume", &[&asking[..], extra].concat(), 0);
    found["ends"][0].clone()
}

fn moved(town: &Town, code: i32) -> Value {
    let patient = town.patient_at(HERE);
    let words = [
        "patient",
        "move",
        "--patient",
        &patient,
        "--from",
        "saga",
        "--facility",
        HERE,
        "--role",
        "physician",
    ];
    town.says("kurume", &words, code)
}

fn link(town: &Town, verb: &str, network: &str, facility: &str, with: &str) {
    let patient = town.patient_at(facility);
    let words = ["subject", verb, "--patient", &patient, "--with", with];
    town.says(network, &words, 0);
}

fn written(town: &Town, network: &str, facility: &str) -> String {
    let patient = town.patient_at(facility);
    let shown = town.says(network, &["subject", "show", "--patient", &patient], 0);
    shown["written"].as_str().unwrap().to_owned()
}

/// The patient is linked, and the consent to the visit is withdrawn; so they are again in the end.
pub fn who_is_found_linked_and_followed(town: &Town) {
    let (kurume, saga) = (written(town, "kurume", HERE), written(town, "saga", THERE));
    // Without the consent the patient is not to be told of, and what is missing is said.
    let gone = moved(town, 1);
    assert_eq!(gone["reason"], "consent-withdrawn", "{gone:#}");
    assert_eq!(gone["steps"][0]["code"], "viewing-consent");
    let hidden = find(town, &[]);
    assert_eq!(hidden["finding"], "nobody", "{hidden:#}");
    let nobody = town.dir.path().join("nobody.json");
    let stranger = json!({ "kana": { "family": "ダレデモナイ", "given": "ヒト" }, "birth": "S25.8.12", "sex": "F" });
    std::fs::write(&nobody, stranger.to_string()).unwrap();
    let nobody = text(nobody);
    let unknown = find(town, &["--person", &nobody]);
    assert_eq!(unknown, hidden, "hidden and unknown look alike");

    let patient = town.patient_at(HERE);
    let grant = [
        "consent",
        "grant",
        "--patient",
        &patient,
        "--side",
        "viewing",
        "--facility",
        HERE,
        "--recorded-by",
        HERE,
        "--capture",
        "written",
    ];
    let granted = town.says("kurume", &grant, 0)["index"].as_u64().unwrap();
    let covered = moved(town, 0);
    let categories = covered["covered"].as_array().unwrap();
    assert!(categories.contains(&json!("prescription")), "{covered:#}");

    // Both take their word back; found anew, and linked again.
    link(town, "unlink", "kurume", HERE, &saga);
    link(town, "unlink", "saga", THERE, &kurume);
    assert_eq!(moved(town, 1)["steps"][0]["code"], "link");
    let found = find(town, &[]);
    assert_eq!(found["finding"], "one", "{found:#}");
    assert_eq!(found["patients"][0]["subject"], saga.as_str());
    link(town, "link", "kurume", HERE, &saga);
    if found["patients"][0]["certain"] == false {
        let waits = town.says("saga", &["patient", "proposals"], 0);
        assert_eq!(waits["proposals"][0]["other"], kurume.as_str(), "{waits:#}");
        link(town, "link", "saga", THERE, &kurume);
    }
    let until = Instant::now() + LIMIT;
    loop {
        let words = [
            "patient",
            "move",
            "--patient",
            &patient,
            "--from",
            "saga",
            "--facility",
            HERE,
            "--role",
            "physician",
            "--config",
            &town.config("kurume"),
            "--json",
        ];
        let ended = super::program().run(&words, LIMIT);
        if ended.code == Some(0) {
            break;
        }
        assert!(
            Instant::now() < until,
            "Saga does not say its half: {ended:?}"
        );
        std::thread::park_timeout(Duration::from_millis(100));
    }
    assert_eq!(
        town.says("saga", &["patient", "proposals"], 0)["proposals"],
        json!([])
    );

    // By the patient's card.
    let there = town.patient_at(THERE);
    let card = town.says("saga", &["patient", "card", "--patient", &there], 0);
    let file = town.dir.path().join("card.txt");
    std::fs::write(&file, card["card"].as_str().unwrap()).unwrap();
    let shown = find(town, &["--card", &text(file)]);
    assert_eq!(
        (&shown["finding"], &shown["patients"][0]["certain"]),
        (&json!("one"), &json!(true))
    );

    of_this_network(town, &there);
    let granted = granted.to_string();
    let withdraw = [
        "consent",
        "withdraw",
        &granted,
        "--recorded-by",
        HERE,
        "--way",
        "written",
    ];
    town.says("kurume", &withdraw, 0);
}

/// Two charts of Saga's are decided to be one patient's, and parted again.
fn of_this_network(town: &Town, patient: &str) {
    let shown = town.says("saga", &["patient", "show", "--patient", patient], 0);
    assert_eq!(shown["charts"], json!([patient]), "{shown:#}");
    town.says("saga", &["patient", "reviews"], 0);
    let other = format!("{THERE}/0000000000");
    let decide = |verb: &str, b: &str, code| {
        let words = [
            "patient", verb, patient, b, "--by", "clerk-1", "--why", "a trial",
        ];
        town.says("saga", &words, code)
    };
    // Nothing is known of the other chart.
    decide("same", &other, 2);
    decide("same", patient, 2);
    let undo = [
        "patient", "undo", "77", "--by", "clerk-1", "--why", "a trial",
    ];
    town.says("saga", &undo, 2);
}
