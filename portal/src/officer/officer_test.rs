//! The officer's pages over a real node and a real ledger.

use crate::accounts::{Holder, Kind, Part, Question};
use crate::pages::Open;
use crate::stand::{Browser, Stand};
use axum::http::StatusCode;
use sekisho_domain::{
    AccessRequest, Action, Body, Commitment, ConsentRule, EmergencyReason, EntryIndex,
    FacilityKind, Grant, Grounds, Pattern, Purpose, Role, SecurityAlert, Transfer,
};
use sekisho_domain::{KeyPurpose, RequestId, TimeMs};
use sekisho_ledger::View;
use sekisho_ledger::history::MATCH_MS;
use sekisho_ledger::testing::{World, facility, grant, key, practitioner};
use sekisho_ledger::unsigned::{Act, Unsigned, to_text};
use sekisho_node::testing::{KURUME, KURUME_HOSPITAL, SAGA, chart, network};
use std::collections::BTreeSet;

const HOSTILE: &str = "<script>alert('病院')</script>";

fn officer(stand: &Stand) -> Browser {
    let practitioner = "officer-1".to_owned();
    stand.browser("tanaka", Holder::Officer { practitioner })
}

fn request(world: &World, stand: &Stand, who: u8) -> AccessRequest {
    AccessRequest {
        practitioner_id: practitioner(who),
        ..world.request(
            KURUME,
            KURUME_HOSPITAL,
            stand.setting.kurume_subject,
            &[SAGA],
        )
    }
}

fn asks(stand: &Stand, who: u8) -> EntryIndex {
    stand.ledger.with(|world| {
        world.time = world.time.plus_ms(1000);
        let request = request(world, stand, who);
        world.ask(&request).0
    })
}

fn retrieves(stand: &Stand, release: Option<u8>, receipt: Option<u8>) -> EntryIndex {
    stand.ledger.with(|world| {
        let asked = AccessRequest {
            action: Action::RetrieveDocument,
            document: Some(Commitment([4; 32])),
            ..request(world, stand, 1)
        };
        let access = world.ask(&asked).0;
        let transfer = |content| Transfer {
            access,
            disclosing: network(SAGA),
            document: Commitment([4; 32]),
            content: Commitment([content; 32]),
        };
        release.map(|content| world.accept(SAGA, Body::Release(transfer(content))));
        receipt.map(|content| world.accept(KURUME, Body::Receipt(transfer(content))));
        access
    })
}

/// An emergency access that an agreement allows.
fn breaks_glass(stand: &Stand) -> EntryIndex {
    stand.ledger.with(|world| {
        let emergency = Grant {
            purposes: [Purpose::BreakGlass].into(),
            consent_rule: ConsentRule::NotNeeded,
            ..grant(SAGA, KURUME, ConsentRule::NotNeeded)
        };
        world.agree("in-need", vec![emergency]);
        let asked = AccessRequest {
            purpose: Purpose::BreakGlass,
            grounds: Grounds::Emergency(EmergencyReason::ALL[0]),
            ..request(world, stand, 1)
        };
        let (index, decisions) = world.ask(&asked);
        assert!(
            matches!(decisions[0].1, sekisho_domain::Decision::Permit(_)),
            "{decisions:?}"
        );
        index
    })
}

fn readings(stand: &Stand) -> Vec<(String, String, Option<u64>)> {
    let all = stand.portal.accounts.readings(Part::Newest, 1000).unwrap();
    all.into_iter()
        .map(|(_, r)| (r.account, r.page, r.about))
        .collect()
}

/// A patient's question about an access.
fn question(stand: &Stand, about: EntryIndex, text: &str) {
    let question = Question {
        time: stand.portal.environment.now(),
        account: "patient".to_owned(),
        about: about.0,
        chart: None,
        text: text.to_owned(),
        answers: Vec::new(),
        seen: None,
    };
    stand.portal.accounts.ask(&question).unwrap();
}

#[tokio::test]
async fn every_page_of_the_officers_is_recorded_before_it_is_shown_and_is_nobody_elses() {
    let stand = Stand::of(KURUME).await;
    let access = asks(&stand, 1);
    question(&stand, access, "why?");
    let officer = officer(&stand);
    let list = stand.portal.page_list();
    let pages = list
        .into_iter()
        .filter(|(method, path, _)| *method == "GET" && path.starts_with("/officer"));
    let pages: Vec<_> = pages.collect();
    assert!(pages.len() >= 16, "{pages:?}");
    for (_, path, open) in pages {
        assert_eq!(open, Open::To(Kind::Officer), "{path}");
        let real = path
            .replace("{index}", &access.to_string())
            .replace("{number}", "1")
            .replace("{id}", "saga-kurume");
        for browser in [officer.clone(), officer.japanese()] {
            let before = readings(&stand).len();
            let got = browser.get(&real).await;
            assert_eq!(got.status, StatusCode::OK, "{path}: {}", got.text());
            let all = readings(&stand);
            assert_eq!(all.len(), before + 1, "{path}");
            let about = path.contains("{index}") || path.contains("{number}");
            let about = about.then_some(access.0);
            assert_eq!(all[0], ("tanaka".to_owned(), path.to_owned(), about));
            let text = got.text();
            assert!(
                !text.contains("[officer-"),
                "{path} lacks a message\n{text}"
            );
            let html = got.headers["content-type"]
                .to_str()
                .unwrap()
                .starts_with("text/html");
            assert!(!html || text.matches("<h1>").count() == 1, "{path}");
        }
        let got = stand.browser("other", Holder::Operator).get(&real).await;
        assert_eq!(got.status, StatusCode::FORBIDDEN, "{path}");
        let got = stand.stranger().get(&real).await;
        assert_eq!(got.status, StatusCode::SEE_OTHER, "{path}");
        assert!(readings(&stand).iter().all(|(who, ..)| who == "tanaka"));
    }
}

#[tokio::test]
async fn what_needs_attention_stands_first_and_each_thing_on_its_page() {
    let stand = Stand::of(KURUME).await;
    let officer = officer(&stand);
    officer
        .get("/officer")
        .await
        .holds(&["Nothing waits for you."]);
    let urgent = breaks_glass(&stand);
    let half = retrieves(&stand, Some(5), None);
    let whole = retrieves(&stand, Some(5), Some(5));
    let differs = retrieves(&stand, Some(5), Some(6));
    let alert = SecurityAlert {
        pattern: Pattern::ALL[0],
        viewing: network(KURUME),
        practitioner: practitioner(1),
        accesses: vec![half, whole],
    };
    let alert = stand.ledger.with(|world| {
        // Alerts name enough accesses to be a pattern, or are refused: then nothing is shown.
        world.say(KURUME, Body::SecurityAlert(alert.clone()));
        View(&world.state)
            .alerted(&alert.viewing, alert.pattern, &alert.practitioner)
            .unwrap()
    });
    let first = officer.get("/officer").await.text();
    assert!(first.contains("1</strong> accesses wait"), "{first}");
    assert!(
        first.contains("1</strong> transfers do not match"),
        "only what differs already\n{first}"
    );
    assert_eq!(
        first.contains("1</strong> alerts"),
        alert.is_some(),
        "{first}"
    );
    stand.environment.advance(MATCH_MS + 60_000);
    let officer = self::officer(&stand);
    let unmatched = officer.get("/officer/unmatched").await.holds(&[
        "let go, and no receipt",
        "they are about different content",
        &format!("/officer/access/{half}\""),
        &format!("/officer/access/{differs}\""),
    ]);
    assert!(!unmatched.contains(&format!("/officer/access/{whole}\"")));
    let reviews = format!("sekisho audit review {urgent} --verdict appropriate");
    let page = officer.get("/officer/reviews").await.holds(&[&reviews]);
    assert!(!page.contains("tag bad"), "not due yet");
    stand.environment.advance(73 * 3_600_000);
    let officer = self::officer(&stand);
    officer
        .get("/officer/reviews")
        .await
        .holds(&["One review is overdue", "overdue</span>"]);
    officer
        .get("/officer")
        .await
        .holds(&["1</strong> reviews overdue"]);
    officer
        .get(&format!("/officer/access/{urgent}"))
        .await
        .holds(&["Emergency access", "overdue", "owed"]);
    // Not Kurume's own: another network's officer is told of all only when they ask.
    let all = officer.get("/officer/alerts?all=1").await;
    assert_eq!(all.status, StatusCode::OK);
}

#[tokio::test]
async fn filters_filter_and_what_cannot_be_so_is_told() {
    let stand = Stand::of(KURUME).await;
    let officer = officer(&stand);
    let (one, two) = (asks(&stand, 1), asks(&stand, 2));
    let denied = stand.ledger.with(|world| {
        let stranger = sekisho_ledger::testing::subject(9);
        let asked = AccessRequest {
            practitioner_id: practitioner(3),
            ..world.request(KURUME, KURUME_HOSPITAL, stranger, &[SAGA])
        };
        world.ask(&asked).0
    });
    let listed = async |query: &str| -> BTreeSet<u64> {
        let text = officer
            .get(&format!("/officer/accesses?{query}"))
            .await
            .holds(&[]);
        let found = text.split("href=\"/officer/access/").skip(1);
        found
            .map(|part| part.split('"').next().unwrap().parse().unwrap())
            .collect()
    };
    let who = practitioner(2).to_string();
    let (a, b, c) = (one.0, two.0, denied.0);
    let cases = [
        ("", vec![a, b, c]),
        (&*format!("who={who}"), vec![b]),
        ("decided=permitted", vec![a, b]),
        ("decided=denied", vec![c]),
        ("network=saga", vec![a, b, c]),
        ("network=tottori", vec![]),
        ("purpose=TREAT", vec![a, b, c]),
        ("purpose=COC", vec![]),
        ("facility=4011234567", vec![a, b, c]),
        ("facility=4111234567", vec![]),
        ("from=2020-01-01&to=2099-12-31", vec![a, b, c]),
        ("to=2020-01-01", vec![]),
        ("from=2099-01-01", vec![]),
    ];
    for (query, expected) in cases {
        assert_eq!(
            listed(query).await,
            expected.into_iter().collect(),
            "{query}"
        );
    }
    for (query, told) in [
        ("from=yesterday", "Write a day as"),
        ("facility=%22%3E", "10 digits"),
        ("who=%3Cscript%3E", "32 hexadecimal digits"),
        ("network=NO", "Choose a network"),
        ("decided=maybe", "Choose a decision"),
        ("purpose=x", "Choose a purpose"),
    ] {
        let got = officer.get(&format!("/officer/accesses?{query}")).await;
        assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY, "{query}");
        let text = got.text();
        assert!(
            text.contains(told) && !text.contains("<script>"),
            "{query}\n{text}"
        );
    }
}

#[tokio::test]
async fn a_long_list_turns_page_by_page() {
    let stand = Stand::of(KURUME).await;
    let officer = officer(&stand);
    let all: Vec<u64> = (0..230).map(|_| asks(&stand, 1).0).collect();
    let mut path = "/officer/accesses?decided=permitted".to_owned();
    let mut seen = Vec::new();
    for turn in 0..3 {
        let text = officer.get(&path).await.holds(&[]);
        let found = text.split("href=\"/officer/access/").skip(1);
        let found = found.map(|part| part.split('"').next().unwrap().parse::<u64>().unwrap());
        seen.extend(found);
        assert_eq!(text.contains("rel=\"prev\""), turn > 0);
        let next = text.split("rel=\"next\" href=\"").nth(1);
        match next {
            Some(next) => path = next.split('"').next().unwrap().replace("&#38;", "&"),
            None => assert_eq!(turn, 2),
        }
    }
    assert_eq!(seen, all.into_iter().rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn one_access_is_explained_and_its_bundle_verifies_elsewhere() {
    let stand = Stand::of(KURUME).await;
    let officer = officer(&stand);
    let access = retrieves(&stand, Some(5), Some(5));
    officer
        .get(&format!("/officer/access/{access}"))
        .await
        .holds(&[
            "saga-kurume",
            "permitted",
            "sekisho audit verify",
            "/officer/agreements/saga-kurume",
            "What it rests on",
        ]);
    let why = officer.get(&format!("/officer/access/{access}/why")).await;
    why.holds(&["membership (checks 1-2)", "consents (20-30)"]);
    let bundle = officer
        .get(&format!("/officer/access/{access}/bundle"))
        .await;
    assert_eq!(bundle.status, StatusCode::OK);
    let name = bundle.headers["content-disposition"].to_str().unwrap();
    assert!(
        name.contains(&format!("sekisho-access-{access}.sekisho-proof")),
        "{name}"
    );
    let genesis = stand.ledger.with(|world| world.genesis.clone());
    let verified = sekisho_ledger::bundle::verify(&bundle.body, &genesis).unwrap();
    assert_eq!(verified.access.index, access);
    for no in ["0", "999999", "x", "-1", "18446744073709551616"] {
        for tail in ["", "/why", "/bundle"] {
            let got = officer.get(&format!("/officer/access/{no}{tail}")).await;
            assert_eq!(got.status, StatusCode::NOT_FOUND, "{no}{tail}");
        }
    }
}

#[tokio::test]
async fn agreements_are_told_version_by_version_with_their_difference() {
    let stand = Stand::of(KURUME).await;
    let officer = officer(&stand);
    officer
        .get("/officer/agreements")
        .await
        .holds(&["saga-kurume", "signed by all"]);
    let one = officer.get("/officer/agreements/saga-kurume").await;
    assert!(!one.holds(&["Version 1"]).contains("What a version changes"));
    stand.ledger.with(|world| {
        let mut wider = grant(SAGA, KURUME, ConsentRule::Viewing);
        wider.roles = [Role::Physician, Role::Nurse].into();
        world.agree("saga-kurume", vec![wider]);
    });
    let both = officer.get("/officer/agreements/saga-kurume").await;
    both.holds(&["Version 2", "From version 1 to version 2", "nurse"]);
    let back = officer
        .get("/officer/agreements/saga-kurume?from=2&to=1")
        .await;
    back.holds(&["From version 2 to version 1"]);
    for no in ["none", "UPPER", "%3Cb%3E"] {
        let got = officer.get(&format!("/officer/agreements/{no}")).await;
        assert_eq!(got.status, StatusCode::NOT_FOUND, "{no}");
    }
    officer
        .get("/officer/policies")
        .await
        .holds(&["Consent policy, version 1", SAGA, KURUME]);
}

#[tokio::test]
async fn what_others_wrote_on_the_ledger_is_text() {
    let stand = Stand::of(SAGA).await;
    let code = "4011234599";
    let access = stand.ledger.with(|world| {
        let body = Body::FacilityRegister {
            facility: facility(code),
            kind: FacilityKind::Hospital,
            name: HOSTILE.to_owned(),
            municipality: None,
        };
        world.accept(KURUME, body);
        let asked = world.request(KURUME, code, stand.setting.kurume_subject, &[SAGA]);
        world.ask(&asked).0
    });
    let officer = officer(&stand);
    let one = format!("/officer/access/{access}");
    let why = format!("{one}/why");
    for path in ["/officer", "/officer/accesses", &one, &why] {
        let text = officer.get(path).await.holds(&[]);
        assert!(!text.contains("<script>alert"), "{path}");
        assert!(
            path == why || text.contains("alert(&#39;病院&#39;)"),
            "{path}\n{text}"
        );
    }
}

#[tokio::test]
async fn questions_are_answered_and_corrected_and_no_answer_is_lost() {
    let stand = Stand::of(KURUME).await;
    let officer = officer(&stand);
    let access = asks(&stand, 1);
    question(&stand, access, &format!("why? {HOSTILE}"));
    question(&stand, access, "and this?");
    officer
        .get("/officer")
        .await
        .holds(&["2</strong> questions wait"]);
    let list = officer.get("/officer/questions").await.holds(&[
        "why?",
        "and this?",
        &format!("/officer/access/{access}\""),
    ]);
    assert!(!list.contains("<script>alert"));
    let one = "/officer/questions/1";
    officer.get(one).await.holds(&[
        &format!("/officer/access/{access}/why\""),
        "Send the answer",
    ]);
    for (known, answer, told) in [
        ("0", "", "at most 1,000 characters"),
        ("0", &*"a".repeat(Question::TEXT_BYTES_MAX + 1), "at most"),
        ("1", "because", "Somebody else has answered meanwhile"),
        ("x", "because", "Somebody else has answered meanwhile"),
    ] {
        let form = [("known", known), ("answer", answer)];
        let got = officer.post(one, &form).await;
        assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY, "{told}");
        assert!(got.text().contains(told), "{}", got.text());
    }
    for (known, answer) in [("0", "a mistake"), ("1", HOSTILE)] {
        let before = readings(&stand).len();
        let form = [("known", known), ("answer", answer)];
        let got = officer.post(one, &form).await;
        assert_eq!(got.status, StatusCode::SEE_OTHER);
        assert_eq!(got.headers["location"], one);
        let all = readings(&stand);
        assert_eq!(all.len(), before + 1, "what a form tells is a reading");
        let path = "/officer/questions/{number}".to_owned();
        assert_eq!(all[0], ("tanaka".to_owned(), path, Some(access.0)));
    }
    let page = officer.get(one).await.holds(&[
        "a mistake",
        "Answer before it was corrected",
        "has not seen this answer yet",
        "Correct it",
    ]);
    assert!(!page.contains("<script>alert"));
    officer
        .get("/officer")
        .await
        .holds(&["1</strong> questions wait"]);
    for no in ["9", "x", "-1"] {
        let path = format!("/officer/questions/{no}");
        let got = officer.get(&path).await;
        assert_eq!(got.status, StatusCode::NOT_FOUND, "{no}");
        let form = [("known", "0"), ("answer", "a")];
        let got = officer.post(&path, &form).await;
        assert_eq!(got.status, StatusCode::NOT_FOUND, "{no}");
    }
}

#[tokio::test]
async fn a_patient_asks_and_sees_the_answer_and_nobody_elses() {
    let stand = Stand::of(KURUME).await;
    let (officer, access) = (officer(&stand), asks(&stand, 1));
    let patient = |account: &str, number: &str| {
        let chart = chart(KURUME_HOSPITAL, number);
        let represents = Vec::new();
        stand.browser(account, Holder::Patient { chart, represents })
    };
    let (asker, stranger) = (patient("asker", "K-1"), patient("stranger", "K-9"));
    // Of the same records, by another account.
    let other = patient("other", "K-1");
    let path = format!("/patient/accesses/{access}");
    let ask = async |by: &Browser| by.post(&path, &[("question", "why?")]).await;
    assert_eq!(ask(&stranger).await.status, StatusCode::NOT_FOUND);
    ask(&asker).await.holds(&["Your question was received"]);
    officer
        .post("/officer/questions/1", &[("known", "0"), ("answer", "so")])
        .await;
    for page in ["/patient", "/patient/accesses"] {
        asker.get(page).await.holds(&["a new answer", &path]);
        assert!(!other.get(page).await.holds(&[]).contains("answer"));
    }
    let text = other.get(&path).await.holds(&[]);
    assert!(!text.contains("why?") && !text.contains(">so<"), "{text}");
    asker.get(&path).await.holds(&["why?", ">so<"]);
    let home = asker.get("/patient").await.holds(&["answered"]);
    assert!(!home.contains("a new answer"), "seen, it is no news");
    for _ in 0..Question::OPEN_MAX {
        ask(&asker).await.holds(&[]);
    }
    let got = ask(&asker).await;
    assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(got.text().contains("Too many of your questions"));
    ask(&other).await.holds(&[]);
}

#[tokio::test]
async fn many_questions_and_readings_turn_page_by_page() {
    let stand = Stand::of(KURUME).await;
    let officer = officer(&stand);
    let access = asks(&stand, 1);
    for n in 0..230 {
        question(&stand, access, &format!("question-{n:03}"));
        officer.get("/officer/policies").await.holds(&[]);
    }
    let texts = |text: &str| -> Vec<usize> {
        let found = text.split("question-").skip(1);
        found.map(|part| part[..3].parse().unwrap()).collect()
    };
    let next = |text: &str| -> Option<String> {
        let link = text.split("rel=\"next\" href=\"").nth(1)?;
        Some(link.split('"').next()?.to_owned())
    };
    let mut seen = Vec::new();
    let mut link = Some(String::new());
    while let Some(query) = link {
        let path = format!("/officer/questions{query}");
        let text = officer.get(&path).await.holds(&[]);
        seen.extend(texts(&text));
        link = next(&text);
    }
    assert_eq!(seen, (0..230).collect::<Vec<_>>(), "oldest first");
    let mut turns = 0;
    let mut link = Some(String::new());
    while let Some(query) = link {
        let path = format!("/officer/readings{query}");
        let text = officer.get(&path).await.holds(&[]);
        assert_eq!(text.contains("rel=\"prev\""), turns > 0);
        link = next(&text);
        turns += 1;
    }
    assert_eq!(turns, 3);
}

/// What a page carries to be signed.
fn carried(page: &str) -> Unsigned {
    let field = page.split("name=\"unsigned\" value=\"").nth(1).unwrap();
    let text = field.split('"').next().unwrap();
    let text = text.replace("&#34;", "\"").replace("&quot;", "\"");
    serde_json::from_str(&text).unwrap()
}

fn signed(of: &Unsigned, by: &str, purpose: KeyPurpose, now: TimeMs) -> String {
    static ONCE: std::sync::atomic::AtomicU8 = std::sync::atomic::AtomicU8::new(0);
    let once = ONCE.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    to_text(&of.sign(&key(by, purpose), RequestId([once; 16]), now))
}

const DRAFT: [(&str, &str); 17] = [
    ("do", "check"),
    ("id", "saga-kurume"),
    ("party", SAGA),
    ("party", KURUME),
    ("from", "2026-04-01"),
    ("until", ""),
    (
        "text",
        "0808080808080808080808080808080808080808080808080808080808080808",
    ),
    ("retention", "not-kept"),
    ("settlement", "each-bears-own"),
    ("grants", "1"),
    ("g0-disclosing", SAGA),
    ("g0-viewing", KURUME),
    ("g0-category", "prescription"),
    ("g0-purpose", "TREAT"),
    ("g0-kind", "hospital"),
    ("g0-role", "physician"),
    ("g0-rule", "viewing"),
];

#[tokio::test]
async fn an_agreement_is_drafted_compared_tried_and_signed_where_the_key_is() {
    let stand = Stand::of(KURUME).await;
    let officer = officer(&stand);
    let wrong = [("do", "check"), ("grants", "1"), ("id", "x")];
    let got = officer.post("/officer/draft", &wrong).await;
    assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY);
    for told in [
        "64 hexadecimal digits",
        "two parties or more",
        "Direction 1: Choose",
    ] {
        assert!(got.text().contains(told), "{told}\n{}", got.text());
    }
    let mut longer = DRAFT;
    longer[0] = ("do", "add");
    officer
        .post("/officer/draft", &longer)
        .await
        .holds(&["name=\"g1-rule\"", "value=\"prescription\" checked"]);
    let page = officer.post("/officer/draft", &DRAFT).await;
    let policy = page.headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("wasm-unsafe-eval"), "{policy}");
    let page = page.holds(&[
        "Propose agreement saga-kurume, version 2",
        "From version 1 to version 2",
        "prescription",
        "第2版",
    ]);
    let unsigned = carried(&page);
    assert_eq!(unsigned.act, Act::Propose);
    let text = serde_json::to_string(&unsigned).unwrap();
    let tried = [("unsigned", &*text)];
    officer
        .post("/officer/draft/effect", &tried)
        .await
        .holds(&["Patients, if this agreement came into force", "Narrower"]);
    let file = officer.post("/officer/draft/file", &tried).await;
    let name = file.headers["content-disposition"].to_str().unwrap();
    assert!(name.contains("sekisho-saga-kurume-v2.json"), "{name}");
    assert_eq!(
        serde_json::from_slice::<Unsigned>(&file.body).unwrap(),
        unsigned
    );
    // Filled in again from what it says.
    let object = serde_json::to_string(&unsigned.agreement).unwrap();
    officer
        .post("/officer/draft", &[("do", "edit"), ("object", &object)])
        .await
        .holds(&["value=\"prescription\" checked", "value=\"2026-04-01\""]);
    let other = Unsigned {
        agreement: sekisho_domain::Agreement {
            id: "other".parse().unwrap(),
            ..unsigned.agreement.clone()
        },
        ..unsigned.clone()
    };
    let now = stand.ledger.now();
    let governance = KeyPurpose::Governance;
    let good = signed(&unsigned, KURUME, governance, now);
    let early = TimeMs(now.0 - 600_000);
    let elsewhere = Unsigned {
        ledger: sekisho_domain::LedgerId([1; 32]),
        ..unsigned.clone()
    };
    let before = stand.ledger.bodies().len();
    for (envelope, told) in [
        (String::new(), "cannot be read"),
        (good[..80].to_owned(), "cannot be read"),
        (
            signed(&other, KURUME, governance, now),
            "not what is shown here",
        ),
        (
            signed(&unsigned, SAGA, governance, now),
            "not a governance key of this network",
        ),
        (
            signed(&unsigned, KURUME, KeyPurpose::Node, now),
            "not a governance key",
        ),
        (
            signed(&unsigned, "nobody", governance, now),
            "not a governance key",
        ),
        (
            signed(&unsigned, KURUME, governance, early),
            "more than four minutes",
        ),
        (
            signed(&elsewhere, KURUME, governance, now),
            "another ledger",
        ),
    ] {
        let form = [("unsigned", &*text), ("envelope", &*envelope)];
        let got = officer.post("/officer/draft/submit", &form).await;
        assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY, "{told}");
        assert!(got.text().contains(told), "{told}\n{}", got.text());
    }
    assert_eq!(
        stand.ledger.bodies().len(),
        before,
        "nothing was put in order"
    );
    let form = [("unsigned", &*text), ("envelope", &*good)];
    for _ in 0..2 {
        let done = officer.post("/officer/draft/submit", &form).await;
        done.holds(&[&format!("Recorded at ledger index {before}"), SAGA]);
    }
    assert_eq!(stand.ledger.bodies().len(), before + 1, "once");
    // Said again by a new entry, it is recorded without effect.
    let again = signed(&unsigned, KURUME, governance, now);
    let form = [("unsigned", &*text), ("envelope", &*again)];
    officer
        .post("/officer/draft/submit", &form)
        .await
        .holds(&["without effect"]);
    let sign = "/officer/agreements/saga-kurume/sign";
    officer
        .get(sign)
        .await
        .holds(&["This network has signed it"]);
}

#[tokio::test]
async fn a_party_signs_what_another_proposed() {
    let stand = Stand::of(KURUME).await;
    let officer = officer(&stand);
    let mut proposed = stand.ledger.with(|world| {
        let id = "saga-kurume".parse().unwrap();
        View(&world.state)
            .agreement(&id, 1)
            .unwrap()
            .unwrap()
            .value
            .agreement
    });
    proposed.version = 2;
    stand
        .ledger
        .with(|world| world.accept(SAGA, Body::AgreementPropose(proposed)));
    let path = "/officer/agreements/saga-kurume";
    officer
        .get(path)
        .await
        .holds(&["Read and sign", "Draft the next version"]);
    let page = officer.get(&format!("{path}/sign")).await;
    let unsigned = carried(&page.holds(&["Sign agreement saga-kurume, version 2"]));
    assert_eq!(unsigned.act, Act::Sign);
    let text = serde_json::to_string(&unsigned).unwrap();
    let envelope = signed(
        &unsigned,
        KURUME,
        KeyPurpose::Governance,
        stand.ledger.now(),
    );
    let form = [("unsigned", &*text), ("envelope", &*envelope)];
    officer
        .post("/officer/draft/submit", &form)
        .await
        .holds(&["Recorded at ledger index", "signed by all"]);
    stand.ledger.with(|world| {
        let id = "saga-kurume".parse().unwrap();
        let end = Body::AgreementTerminate { id };
        world.accept(SAGA, end);
    });
    let got = officer.get(&format!("{path}/sign")).await;
    assert_eq!(got.status, StatusCode::UNPROCESSABLE_ENTITY);
    let got = officer.post("/officer/draft", &DRAFT).await;
    assert!(got.text().contains("was terminated"), "{}", got.text());
    for path in ["file", "effect", "submit"] {
        let path = format!("/officer/draft/{path}");
        for text in ["", "{}", "[1]"] {
            let got = officer.post(&path, &[("unsigned", text)]).await;
            assert_eq!(
                got.status,
                StatusCode::UNPROCESSABLE_ENTITY,
                "{path} {text}"
            );
        }
    }
}
