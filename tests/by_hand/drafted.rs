//! A new version of an agreement: drawn up from what the networks say of themselves, compared with the old one, tried
//! on the ledger, proposed and signed.

use crate::town::{LIMIT, Town, program, text};
use serde_json::Value;

/// What a network's secretariat writes of it: the policy the town publishes, and what it shares.
fn profile(town: &Town, id: &str) -> String {
    let path = town.dir.path().join(format!("{id}-profile.toml"));
    let file = format!(
        "form = 1\nid = \"{id}\"\nname = \"{id}\"\nprefecture = \"41\"\n\
         [consent]\nacts = [\"viewing\"]\n\
         [consent.viewing]\nscope = \"each-facility\"\ncapture = [\"written\"]\n\
         new_facility = {{ needs-consent = \"written\" }}\nwithdrawal = [\"written\"]\n\
         [sharing]\ncategories = [\"prescription\", \"imaging\"]\nviewing_kinds = [\"hospital\"]\nroles = [\"physician\"]\n"
    );
    std::fs::write(&path, file).unwrap();
    text(path)
}

fn says(args: &[&str]) -> Value {
    let all = [args, &["--json"]].concat();
    program().run(&all, LIMIT).expect(0).json()
}

/// What `preview` counts where Saga's documents are seen in Kurume.
fn preview(town: &Town, file: &str) -> [u64; 6] {
    let found = town.says("saga", &["agreement", "preview", file], 0);
    let all = found["preview"]["directions"].as_array().unwrap();
    let of_saga = all.iter().find(|d| d["disclosing"] == "saga").unwrap();
    [
        "patients",
        "visible_before",
        "visible_after",
        "gained",
        "lost",
        "other",
    ]
    .map(|name| of_saga[name].as_u64().unwrap())
}

pub fn a_new_version_is_drawn_up_compared_tried_and_signed(town: &Town) {
    let (saga, kurume) = (profile(town, "saga"), profile(town, "kurume"));
    let at = |name: &str| text(town.dir.path().join(name));
    let (object, markdown) = (at("v2.json"), at("v2.md"));
    let written = ["--object", &object, "--markdown", &markdown];
    let named = [
        "--id",
        "saga-kurume",
        "--version",
        "2",
        "--valid-from",
        "2026-04-01",
    ];
    let drawn = says(
        &[
            &["agreement", "draft", &saga, &kurume],
            &named[..],
            &written[..],
        ]
        .concat(),
    );
    assert!(
        std::fs::read_to_string(&markdown)
            .unwrap()
            .contains("協定 `saga-kurume` 第2版")
    );
    let directions = drawn["directions"].as_array().unwrap();
    assert!(
        directions.iter().all(|d| d["rule"] == "viewing"),
        "{drawn:#}"
    );

    // The version before let six categories of Saga be seen, imaging not among them, and everything of Kurume.
    let old = at("agreement.toml");
    let diff = says(&["agreement", "diff", &old, &object]);
    let of_saga = |d: &&Value| d["disclosing"] == "saga";
    let gained = diff["gained"]
        .as_array()
        .unwrap()
        .iter()
        .find(of_saga)
        .unwrap();
    assert_eq!(
        gained["categories"],
        serde_json::json!(["imaging"]),
        "{diff:#}"
    );
    assert!(!diff["lost"].as_array().unwrap().is_empty(), "{diff:#}");

    // Nobody consents now: nothing is seen either way. Then the patient does.
    assert_eq!(preview(town, &object), [1, 0, 0, 0, 0, 0]);
    let patient = town.patient_at("4010000001");
    let grant = [
        "consent",
        "grant",
        "--patient",
        &patient,
        "--side",
        "viewing",
        "--facility",
        "4010000001",
    ];
    let taken = ["--recorded-by", "4010000001", "--capture", "written"];
    town.says("kurume", &[&grant[..], &taken[..]].concat(), 0);
    // Some categories are added and some go.
    assert_eq!(preview(town, &object), [1, 1, 1, 0, 0, 1]);

    town.says("saga", &["agreement", "propose", "--file", &object], 0);
    town.says("kurume", &["agreement", "sign", "saga-kurume", "--yes"], 0);
    let shown = town.says("kurume", &["agreement", "show", "saga-kurume"], 0);
    let hash = drawn["agreement"]["text_hash"].as_str().unwrap();
    assert!(shown.to_string().contains(hash), "{shown:#}");
    // In force, as foretold: nothing changes any more, and proposing it again is refused.
    assert_eq!(preview(town, &object), [1, 1, 1, 0, 0, 0]);
    let odd =
        std::fs::read_to_string(&object)
            .unwrap()
            .replacen("\"version\": 2", "\"version\": 7", 1);
    std::fs::write(&object, odd).unwrap();
    town.says("saga", &["agreement", "preview", &object], 1);
}
