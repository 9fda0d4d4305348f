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

fn moved(town: &Town, extra: &[&str], code: i32) -> Value {
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
    town.says("kurume", &[&words[..], extra].concat(), code)
}

const PREPARE: [&str; 5] = ["--prepare", "--by", "clerk-1", "--why", "moved in April"];

fn codes(of: &Value) -> Vec<&str> {
    let each = of.as_array().unwrap().iter();
    each.map(|one| one["code"].as_str().unwrap()).collect()
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
    let gone = moved(town, &[], 1);
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

    // Both take their word back: all that is missing is said at once.
    link(town, "unlink", "kurume", HERE, &saga);
    link(town, "unlink", "saga", THERE, &kurume);
    let both = moved(town, &[], 1);
    assert_eq!(
        codes(&both["steps"]),
        ["link", "viewing-consent"],
        "{both:#}"
    );
    assert_eq!(both["steps"][1]["who"], "patient");
    let granted = both["granted"].as_array().unwrap();
    assert!(granted.contains(&json!("prescription")), "{both:#}");
    // Nobody asks, and the patient has not consented: nothing can be done here.
    let nothing = moved(town, &PREPARE, 1);
    assert_eq!(nothing["done"], json!([]), "{nothing:#}");
    assert_eq!(codes(&nothing["steps"]), codes(&both["steps"]));
    let consented = moved(town, &[&PREPARE[..], &["--capture", "written"]].concat(), 1);
    assert_eq!(
        codes(&consented["done"]),
        ["viewing-consent"],
        "{consented:#}"
    );
    assert_eq!(codes(&consented["steps"]), ["link"]);
    let granted = consented["done"][0]["index"].as_u64().unwrap();

    // Found anew, and linked again: by itself where it is certain.
    let asks = [
        &PREPARE[..],
        &["--practitioner", "dr-1", "--capture", "written"],
    ]
    .concat();
    let patient = town.patient_at(HERE);
    let run = |words: &[&str]| {
        let config = town.config("kurume");
        let fixed = [
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
            &config,
            "--json",
        ];
        super::program().run(&[&fixed[..], words].concat(), LIMIT)
    };
    let ended = run(&asks);
    assert!(matches!(ended.code, Some(0 | 1)), "{ended:?}");
    let prepared = ended.json();
    assert_eq!(codes(&prepared["done"])[0], "search", "{prepared:#}");
    let found = find(town, &[]);
    assert_eq!(found["finding"], "one", "{found:#}");
    assert_eq!(found["patients"][0]["subject"], saga.as_str());
    if found["patients"][0]["certain"] == true {
        assert_eq!(codes(&prepared["done"]), ["search", "link"], "{prepared:#}");
    } else {
        assert_eq!(codes(&prepared["done"]), ["search"], "{prepared:#}");
        link(town, "link", "kurume", HERE, &saga);
        let waits = town.says("saga", &["patient", "proposals"], 0);
        assert_eq!(waits["proposals"][0]["other"], kurume.as_str(), "{waits:#}");
        link(town, "link", "saga", THERE, &kurume);
    }
    // Again, and nothing is done twice.
    let again = run(&asks).json();
    assert_eq!(again["done"], json!([]), "{again:#}");
    let until = Instant::now() + LIMIT;
    loop {
        let ended = run(&[]);
        if ended.code == Some(0) {
            break;
        }
        assert!(
            Instant::now() < until,
            "Saga does not say its half: {ended:?}"
        );
        std::thread::park_timeout(Duration::from_millis(100));
    }
    let covered = moved(town, &[], 0);
    let categories = covered["covered"].as_array().unwrap();
    assert!(categories.contains(&json!("prescription")), "{covered:#}");
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
    // A handful of charts is no network to learn from; there is nothing to take back.
    let learnt = town.says("saga", &["patient", "learn"], 1);
    assert_eq!(learnt["refused"]["code"], "too-few-pairs", "{learnt:#}");
    assert_eq!(learnt["history"], json!([]));
    let said = ["--by", "clerk-1", "--why", "a trial"];
    town.says(
        "saga",
        &[&["patient", "learn", "--undo"][..], &said].concat(),
        2,
    );
    town.says("saga", &["patient", "learn", "--apply"], 2);
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
