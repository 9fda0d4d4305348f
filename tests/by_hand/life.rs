//! What happens around a patient's consents: emergencies and their review, disasters and drills, proxies, sealed
//! reservations, death; and what the ledger says of it afterwards.

use crate::outcome;
use crate::town::{LIMIT, Town, program, text};
use serde_json::Value;
use std::time::{Duration, Instant};

const KURUME: &str = "4010000001";
const SAGA: &str = "4110000001";

/// The physician's question to Saga, on other grounds than consent.
fn asks(town: &Town, grounds: &[&str], code: i32) -> Value {
    let patient = town.patient_at(KURUME);
    let asking = [
        "query",
        "--network",
        "saga",
        "--patient",
        &patient,
        "--facility",
        KURUME,
        "--practitioner",
        "dr-1",
        "--role",
        "physician",
    ];
    town.says("kurume", &[&asking, grounds].concat(), code)
}

fn reason(query: &Value) -> &str {
    query["outcomes"][0]["detail"]["reason"].as_str().unwrap()
}

fn index(said: &Value) -> String {
    said["index"].as_u64().unwrap().to_string()
}

fn count(query: &Value) -> usize {
    query["documents"].as_array().unwrap().len()
}

pub fn an_emergency_opens_what_was_agreed_and_is_judged_by_a_second_person(town: &Town) {
    let opened = asks(town, &["--break-glass", "unconscious"], 0);
    assert_eq!(outcome(&opened, "saga"), "answered");
    assert_eq!(opened["outcomes"][0]["footing"], "break-glass");
    let shown = opened["documents"].as_array().unwrap();
    assert!(shown.iter().any(|d| d["category"] == "prescription"));
    assert!(shown.iter().all(|d| d["category"] != "lab-result"));
    let access = index(&opened);

    let owed = town.says("kurume", &["audit", "reviews"], 0);
    assert_eq!((&owed["owing"], &owed["overdue"]), (&1.into(), &0.into()));
    let elsewhere = town.says("saga", &["audit", "reviews"], 0);
    assert_eq!(
        elsewhere["owing"], 0,
        "it is the asking network's to review"
    );

    town.says(
        "kurume",
        &["network", "key", "add", "--purpose", "officer"],
        0,
    );
    let review = |by: &str, code| {
        let judged = ["audit", "review", &access, "--verdict", "appropriate"];
        let by = ["--reviewer", by, "--note", "救急外来の記録と照合した"];
        town.says("kurume", &[judged.as_slice(), &by].concat(), code)
    };
    let own = review("dr-1", 1);
    let said = own["error"]["en"].as_str().unwrap();
    assert!(said.contains("a second person must"), "{said}");
    review("officer-1", 0);
    let told = ["audit", "told", &access, "--way", "in-person"];
    town.says(
        "kurume",
        &[told.as_slice(), &["--recorded-by", KURUME]].concat(),
        0,
    );
    let after = town.says("kurume", &["audit", "reviews", "--all"], 0);
    assert_eq!((&after["owing"], &after["overdue"]), (&0.into(), &0.into()));

    // Everybody's copy of the ledger explains it alike, what became of it too.
    let explained = town.says("saga", &["audit", "explain", &access], 0);
    assert_eq!(explained["kind"], "access-request");
    let stages = explained["why"][0]["stages"].as_array().unwrap();
    let standing = |stage: &str| {
        let found = stages.iter().find(|s| s["stage"] == stage).unwrap();
        found["standing"].as_str().unwrap().to_owned()
    };
    assert_eq!(standing("agreements"), "passed");
    assert_eq!(standing("consents"), "not-needed");
    assert_eq!(
        explained["since"].as_array().unwrap().len(),
        2,
        "{explained:#}"
    );
    rotated(town);
}

/// Ten requests that the patient's will stands against, and both networks' officers are told of the physician.
pub fn asking_again_and_again_is_pointed_out_to_both_networks_officers(town: &Town) {
    let alerts = |network: &str| {
        let said = town.says(network, &["audit", "alerts"], 0);
        said["alerts"].as_array().unwrap().clone()
    };
    for _ in 0..10 {
        let denied = asks(town, &["--purpose", "TREAT"], 1);
        assert_eq!(outcome(&denied, "saga"), "denied", "{denied:#}");
    }
    let begun = Instant::now();
    let mut told = Vec::new();
    while told.is_empty() {
        assert!(begun.elapsed() < LIMIT, "nobody points it out");
        std::thread::sleep(Duration::from_millis(250));
        told = alerts("kurume");
    }
    let alert = &told[0];
    assert_eq!(alert["pattern"], "repeated-denials");
    assert_eq!(
        (&alert["viewing"], &alert["local_id"]),
        (&"kurume".into(), &"dr-1".into())
    );
    let accesses = alert["accesses"].as_array().unwrap();
    assert_eq!(accesses.len(), 10);
    let explained = town.says("saga", &["audit", "explain", &index(alert)], 0);
    assert_eq!(explained["kind"], "security-alert");
    // Saga was asked and sees it, without knowing who it is.
    let elsewhere = alerts("saga");
    assert_eq!(
        (
            elsewhere[0]["index"].clone(),
            elsewhere[0]["local_id"].clone()
        ),
        (alert["index"].clone(), Value::Null)
    );
    let config = town.config("kurume");
    let words = ["audit", "alerts", "--lang", "ja", "--config", &config];
    let said = program().run(&words, LIMIT).expect(0).out;
    assert!(
        said.contains("dr-1") && said.contains("患者の意思に反する"),
        "{said}"
    );
}

/// A key nobody's process holds is replaced in one go; the old one is revoked.
fn rotated(town: &Town) {
    let rotated = town.says(
        "kurume",
        &["network", "key", "rotate", "--purpose", "officer"],
        0,
    );
    assert!(rotated["revoked"].is_u64() && rotated["key"] != rotated["old"]);
    assert!(std::fs::exists(rotated["old_file"].as_str().unwrap()).unwrap());
    let fixed = town.says(
        "kurume",
        &["network", "key", "rotate", "--purpose", "checkpoint"],
        2,
    );
    assert!(fixed["error"]["en"].as_str().unwrap().contains("genesis"));
}

pub fn a_disaster_is_declared_prolonged_and_ended_and_a_drill_opens_nothing(town: &Town) {
    let folder = text(town.dir.path().join("authority"));
    let init = [
        "network",
        "authority",
        "init",
        "--id",
        "fukuoka",
        "--name",
        "福岡県",
    ];
    let init = [init.as_slice(), &["--prefecture", "40", "--dir", &folder]].concat();
    let made = town.says("kurume", &init, 0);
    let (card, key) = (
        made["card"].as_str().unwrap(),
        made["key"].as_str().unwrap(),
    );
    let until = town.in_days(5);
    let declare = ["disaster", "declare", "--key", key, "--kind", "earthquake"];
    let declare = [declare.as_slice(), &["--area", "40", "--until", &until]].concat();
    // Nobody knows the key yet.
    town.says("kurume", &declare, 2);
    for (network, in_force) in [("kurume", false), ("yame", true)] {
        let said = town.says(
            network,
            &["network", "authority", "admit", "--card", card],
            0,
        );
        assert_eq!(said["in_force"], in_force, "{network}");
    }
    let declared = town.says("kurume", &declare, 0);
    let disaster = index(&declared);
    let drill = town.says("kurume", &[&declare[..], &["--drill"]].concat(), 0);
    let elsewhere = [
        &declare[..4],
        &["--kind", "flood", "--area", "41", "--until", &until],
    ]
    .concat();
    let said = town.says("kurume", &elsewhere, 1);
    assert!(
        said["error"]["en"]
            .as_str()
            .unwrap()
            .contains("may not say this")
    );

    let under = |id: &str, code| asks(town, &["--disaster", id, "--asked", "not-possible"], code);
    let opened = under(&disaster, 0);
    assert_eq!(opened["outcomes"][0]["footing"], "disaster");
    assert!(count(&opened) > 0);
    let drilled = under(&index(&drill), 1);
    assert_eq!(
        reason(&drilled),
        "no-consent-policy",
        "a drill opens nothing by itself"
    );

    let until = town.in_days(6);
    town.says(
        "kurume",
        &[
            "disaster", "extend", &disaster, "--until", &until, "--key", key,
        ],
        0,
    );
    let shown = town.says("saga", &["network", "show"], 0);
    assert_eq!(shown["authorities"][0]["prefectures"][0], "40");
    let listed = town.says("saga", &["disaster", "list"], 0);
    let held = listed["disasters"].as_array().unwrap();
    assert!(
        held.len() == 2 && held.iter().all(|d| d["holds"] == true),
        "{listed:#}"
    );
    town.says("kurume", &["disaster", "end", &disaster, "--key", key], 0);
    assert_eq!(reason(&under(&disaster, 1)), "disaster-not-declared");
    town.says(
        "kurume",
        &["disaster", "end", &index(&drill), "--key", key],
        0,
    );
}

pub fn what_is_sealed_is_kept_back_and_nobody_else_learns_of_it(town: &Town) {
    let before = asks(town, &["--break-glass", "no-time"], 0);
    let patient = town.patient_at(SAGA);
    let reserve = [
        "consent",
        "reserve",
        "--patient",
        &patient,
        "--anyone",
        "--sealed",
    ];
    let reserve = [
        &reserve[..],
        &["--category", "prescription", "--recorded-by", SAGA],
    ]
    .concat();
    let seal = index(&town.says("saga", &reserve, 0));
    let after = asks(town, &["--break-glass", "no-time"], 0);
    assert!(count(&after) < count(&before));
    assert!(
        after["documents"]
            .as_array()
            .unwrap()
            .iter()
            .all(|d| d["category"] != "prescription")
    );

    let listed = town.says("saga", &["consent", "list", "--patient", &patient], 0);
    assert_eq!(listed["sealed"][0]["index"].to_string(), seal);
    assert_eq!(listed["reservations"].as_array().unwrap().len(), 0);
    let known = town.says("kurume", &["audit", "explain", &seal], 0);
    let body = known["body"]["reservation-seal"].as_object().unwrap();
    assert_eq!(
        body.keys().collect::<Vec<_>>(),
        ["sealed"],
        "a commitment and nothing else"
    );
    let opened = text(town.dir.path().join("seal.json"));
    let open = ["audit", "open-seal", &seal, "--out", &opened];
    town.says("kurume", &open, 2);
    town.says("saga", &open, 0);
    let opened: Value = serde_json::from_slice(&std::fs::read(&opened).unwrap()).unwrap();
    assert_eq!(opened["reservation"]["categories"][0], "prescription");
    assert!(
        opened["receipt"]
            .as_str()
            .unwrap()
            .starts_with("c2sp.org/tlog-proof")
    );
    town.says("saga", &["consent", "unseal", &seal], 0);
    assert_eq!(
        count(&asks(town, &["--break-glass", "no-time"], 0)),
        count(&before)
    );
    let access = asks(town, &["--break-glass", "no-time"], 0);
    assert!(count(&access) > 0);
}

pub fn the_past_is_answered_from_the_ledger(town: &Town) {
    let patient = town.patient_at(KURUME);
    let taken = ["--recorded-by", KURUME];
    let register = [
        "consent",
        "proxy",
        "register",
        "--patient",
        &patient,
        "--kind",
        "appointed",
    ];
    let until = town.in_days(300);
    let proxy = town.says(
        "kurume",
        &[&register[..], &["--until", &until], &taken].concat(),
        0,
    );
    let proxy = index(&proxy);
    let grant = [
        "consent",
        "grant",
        "--patient",
        &patient,
        "--side",
        "viewing",
        "--facility",
        KURUME,
    ];
    let grant = [
        &grant[..],
        &["--capture", "written", "--proxy", &proxy],
        &taken,
    ]
    .concat();
    let consent = index(&town.says("kurume", &grant, 0));
    let treat = ["--purpose", "TREAT"];
    asks(town, &treat, 0);

    // A hospital joins Saga: the consent given in Kurume opens its documents too, and the patient must be told.
    let add = [
        "network",
        "facility",
        "add",
        "4110000009",
        "--kind",
        "hospital",
        "--name",
        "新見本病院",
    ];
    let joined = index(&town.says("saga", &add, 0));
    for network in ["saga", "kurume"] {
        let widened = town.says(network, &["audit", "widened", &joined], 0);
        assert_eq!(widened["widened"], 1, "{network}: {widened:#}");
        let gain = &widened["changes"][0]["subjects"][0]["gains"][0];
        assert_eq!(
            (&gain["disclosing"], &gain["viewing"]),
            (&"saga".into(), &"kurume".into())
        );
        assert_eq!(gain["consents"][0].to_string(), consent);
    }
    let of_yame = town.says("yame", &["audit", "widened", "--since", &joined], 0);
    assert_eq!(of_yame["widened"], 0);
    town.says("yame", &["audit", "widened", &consent], 2);
    town.says("saga", &["network", "facility", "leave", "4110000009"], 0);

    // Who could have seen it, now that a colleague is kept out.
    let reserve = [
        "consent",
        "reserve",
        "--patient",
        &patient,
        "--practitioner",
        "dr-2",
    ];
    let reservation = index(&town.says("kurume", &[&reserve[..], &taken].concat(), 0));
    let subject = town.says("kurume", &["subject", "show", "--patient", &patient], 0);
    let subject = subject["written"].as_str().unwrap().to_owned();
    let today = town.in_days(0);
    let who = [
        "audit",
        "who-could-see",
        "--subject",
        &subject,
        "--document-category",
        "prescription",
    ];
    let who = [&who[..], &["--on", &today]].concat();
    let seen = town.says("saga", &who, 0);
    let sights = seen["sights"].as_array().unwrap();
    let by_consent: Vec<_> = sights
        .iter()
        .filter(|s| s["disclosing"]["network"] == "saga" && s["footing"] == "consent")
        .collect();
    assert_eq!(by_consent.len(), 1, "{seen:#}");
    assert_eq!(by_consent[0]["facilities"][KURUME], "hospital");
    assert_eq!(
        by_consent[0]["bases"][0]["consents"][0].to_string(),
        consent
    );
    assert!(sights.iter().any(|s| s["footing"] == "break-glass"));
    let kept = seen["kept_out"].as_array().unwrap();
    assert!(
        !kept.is_empty()
            && kept
                .iter()
                .all(|k| k["reservations"][0].as_u64() == reservation.parse().ok())
    );
    town.says(
        "kurume",
        &[&["consent", "clear", &reservation], &taken[..]].concat(),
        0,
    );

    // Who consented no longer speaks for the patient: the reason, and what would have been needed.
    let end = ["consent", "proxy", "end", &proxy, "--reason", "revoked"];
    town.says("kurume", &[&end[..], &taken].concat(), 0);
    let denied = asks(town, &treat, 1);
    assert_eq!(reason(&denied), "consent-proxy-ended");
    let config = town.config("kurume");
    let explain = [
        "audit",
        "explain",
        &index(&denied),
        "--config",
        &config,
        "--lang",
    ];
    for (language, expected) in [
        ("ja", "代理人による同意"),
        ("en", "somebody who speaks for them now"),
    ] {
        let said = program()
            .run(&[&explain[..], &[language]].concat(), LIMIT)
            .expect(0)
            .out;
        assert!(said.contains(expected), "{said}");
    }
    let withdraw = ["consent", "withdraw", &consent, "--way", "written"];
    town.says("kurume", &[&withdraw[..], &taken].concat(), 0);

    // The dead are left alone, and the living given back.
    let death = |what: &str| {
        let said = ["subject", what, "--patient", &patient];
        town.says("kurume", &[&said[..], &taken].concat(), 0);
    };
    death("died");
    assert_eq!(reason(&asks(town, &treat, 1)), "subject-deceased");
    // The record may be somebody else's: an emergency goes on.
    assert_eq!(
        outcome(&asks(town, &["--break-glass", "no-time"], 0), "saga"),
        "answered"
    );
    death("retract-death");
    assert_eq!(reason(&asks(town, &treat, 1)), "consent-withdrawn");
}

pub fn what_is_posted_is_listed(town: &Town) {
    let policy = text(town.dir.path().join("policy.toml"));
    let post = [
        "network",
        "notice",
        "post",
        "--purpose",
        "TREAT",
        "--text",
        &policy,
    ];
    let notice = index(&town.says("yame", &post, 0));
    let by_law = [
        "network",
        "notice",
        "post",
        "--purpose",
        "HLEGAL",
        "--text",
        &policy,
    ];
    town.says("yame", &by_law, 2);
    let listed = town.says("yame", &["network", "notice", "list"], 0);
    assert_eq!(listed["notices"][0]["stands"], true);
    town.says("yame", &["network", "notice", "remove", &notice], 0);
    let listed = town.says("yame", &["network", "notice", "list"], 0);
    assert_eq!(listed["notices"][0]["stands"], false);
}
