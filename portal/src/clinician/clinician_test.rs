//! Finding a patient and saving a large document: pages of Kurume over real nodes of Kurume and Saga, a real ledger and
//! real storages.

use super::visits::{Asker, Clue, Listed, Opened};
use crate::accounts::{Holder, Kind};
use crate::sessions::{Person as SignedIn, Stage};
use crate::testing::{Answer, Browser, Town};
use axum::http::{Method, StatusCode};
use futures::FutureExt;
use http_body_util::BodyExt;
use sekisho_documents::MemoryIndex;
use sekisho_domain::{
    Body, Capture, Category, ConsentRule, Disaster, DisasterKind, Grounds, KeyPurpose, Purpose,
    Role, Rule, Scope, TimeMs,
};
use sekisho_ingest::{FolderSource, Format};
use sekisho_ledger::testing as core;
use sekisho_node::testing::{
    BUDGETS, Fixed, HANAKO, KURUME, KURUME_HOSPITAL, PATIENT, Person, SAGA, SAGA_HOSPITAL, Setting,
    Storage, TARO, TamperingBroker, chart, network, node, nowhere, until,
};
use sekisho_node::{Config, Directory, Environment, Node, Parts};
use sekisho_proto::v1;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use tower::ServiceExt;

/// Hanako's number in Saga; Taro's own chart in Kurume.
const HANAKO_THERE: &str = "0007700";
const TARO_HERE: &str = "0005500";
/// Bytes of a document that is too large to be shown, its last chunk not a full one.
const LARGE: usize = (9 << 20) + 12_345;

struct Region {
    town: Town,
    saga: Node,
    broker: Arc<TamperingBroker>,
    large: Vec<u8>,
}

/// A PDF of Saga's, with its sidecar.
fn large_pdf(setting: &Setting) -> (FolderSource, Vec<u8>) {
    let root = setting.dir.path().join("pdf");
    std::fs::create_dir(&root).unwrap();
    let mut bytes = b"%PDF-1.7\n".to_vec();
    bytes.extend((bytes.len()..LARGE).map(|n| (n * 31 % 251) as u8));
    let sha256 = hex::encode(Sha256::digest(&bytes));
    let sidecar = format!(
        "{{\"version\":1,\"sha256\":\"{sha256}\",\"patient\":\"{PATIENT}\",\"facility\":\"{SAGA_HOSPITAL}\",\
         \"category\":\"imaging-report\",\"document\":\"RAD-1\",\"created\":\"2026-04-01T10:00:00+09:00\"}}"
    );
    std::fs::write(root.join("large.pdf"), &bytes).unwrap();
    std::fs::write(root.join("large.pdf.json"), sidecar).unwrap();
    let source = FolderSource {
        root,
        facility: SAGA_HOSPITAL.parse().unwrap(),
        source_id: "pdf".parse().unwrap(),
        format: Format::Pdf,
        patient_system: None,
    };
    (source, bytes)
}

impl Region {
    async fn new() -> Self {
        let setting = Setting::new();
        setting.hospital.put(PATIENT, 1);
        setting.hospital.put_person(PATIENT, &TARO);
        setting.hospital.put_person(HANAKO_THERE, &HANAKO);
        setting.hospital.put(HANAKO_THERE, 2);
        let (pdf, large) = large_pdf(&setting);
        let config = Config {
            network: network(SAGA),
            sources: vec![setting.hospital.of_node(), Arc::new(pdf)],
            budgets: BUDGETS,
        };
        let parts = Parts {
            ledger: Arc::clone(&setting.ledger) as _,
            store: setting.saga_store(),
            index: Arc::new(MemoryIndex::default()),
            directory: Directory::in_memory(),
            key: core::key(SAGA, KeyPurpose::Node),
            carrier: Arc::new(nowhere()),
            broker: nowhere(),
            environment: Arc::clone(&setting.environment) as _,
        };
        let saga = Node::start(config, parts).await.unwrap();
        until(async || saga.answers_documents()).await;
        let broker = TamperingBroker::new(&setting.ledger, saga.disclosing());
        let here = Storage::new(setting.dir.path(), "kur01", KURUME_HOSPITAL);
        here.put_person(TARO_HERE, &TARO);
        let charts = [chart(KURUME_HOSPITAL, "K-1")];
        let store = setting.store("kurume.redb", &charts, setting.kurume_subject);
        let environment = Fixed::new("kurume", setting.environment.now());
        let (ledger, channel) = (&setting.ledger, broker.channel().await);
        let kurume = node(KURUME, ledger, &environment, store, &[&here], channel).await;
        let town = Town::over(setting, kurume, |_| ());
        Self {
            town,
            saga,
            broker,
            large,
        }
    }

    fn doctor(&self) -> Browser {
        self.town.signed_in(Kind::Clinician)
    }

    /// Somebody else of the same hospital, or the same person under another account.
    fn colleague(&self, account: &str, practitioner: &str) -> Browser {
        let person = SignedIn {
            account: account.to_owned(),
            shown: account.to_owned(),
            holder: Holder::Clinician {
                practitioner: practitioner.to_owned(),
                profession: Role::Nurse,
                facilities: [KURUME_HOSPITAL.parse().unwrap()].into(),
            },
        };
        self.town.at(Stage::In(Arc::new(person)))
    }

    fn entries(&self) -> usize {
        self.town.setting.ledger.bodies().len()
    }
}

/// A folder that is followed is let go of, or the runtime waits for it for good.
impl Drop for Region {
    fn drop(&mut self) {
        let _ = self.saga.shutdown().now_or_never();
    }
}

fn fields(person: &Person) -> Vec<(&'static str, &'static str)> {
    let name = |text: &'static str| text.split_once('^').unwrap();
    let (kanji, kana) = (name(person.kanji), name(person.kana));
    let (postal, address) = name(person.address);
    let [insurer, symbol, insured, branch] = person.insured;
    vec![
        ("facility", KURUME_HOSPITAL),
        ("purpose", "TREAT"),
        ("kanji-family", kanji.0),
        ("kanji-given", kanji.1),
        ("kana-family", kana.0),
        ("kana-given", kana.1),
        ("birth", person.birth),
        ("sex", person.sex),
        ("postal", postal),
        ("address", address),
        ("phone", person.phone),
        ("insurer", insurer),
        ("symbol", symbol),
        ("insured", insured),
        ("branch", branch),
    ]
}

fn said(person: &Person, items: &[&str]) -> Vec<(&'static str, &'static str)> {
    let mut fields = fields(person);
    fields.retain(|(name, _)| ["facility", "purpose"].contains(name) || items.contains(name));
    fields
}

fn started(patient: &str) -> [(&'static str, &str); 3] {
    [
        ("facility", KURUME_HOSPITAL),
        ("purpose", "TREAT"),
        ("patient", patient),
    ]
}

/// The visit's page when all have answered.
async fn over(browser: &mut Browser, visit: &str) -> Answer {
    for _ in 0..2_000 {
        let answer = browser.get(visit).await;
        assert_eq!(answer.status, StatusCode::OK);
        if answer.body.contains("data-complete=\"true\"") {
            return answer;
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    panic!("the networks never end");
}

/// What a hidden field of a page says.
fn hidden<'a>(body: &'a str, name: &str) -> &'a str {
    let (_, rest) = body
        .split_once(&format!("name=\"{name}\" value=\""))
        .unwrap();
    rest.split('"').next().unwrap()
}

#[tokio::test]
async fn by_what_is_known_one_several_or_nobody_is_told_and_never_whom() {
    let region = Region::new().await;
    let (mut doctor, before) = (region.doctor(), region.entries());
    doctor.get("/clinician/person").await;
    let one = doctor.post("/clinician/person", &fields(&TARO)).await;
    assert_eq!(one.status, StatusCode::SEE_OTHER, "{}", one.body);
    let page = doctor.get(one.to()).await;
    assert!(page.body.contains("SEKISHO TARO") && page.body.contains(TARO_HERE));
    assert!(
        page.body.contains("data-complete=\"true\""),
        "nobody was asked"
    );

    let namesake = said(&TARO, &["kanji-family", "kanji-given", "birth", "sex"]);
    let several = doctor.post("/clinician/person", &namesake).await;
    assert_eq!(several.status, StatusCode::OK);
    assert!(
        several.body.contains("電話番号"),
        "an item that would decide"
    );
    assert!(
        several.body.contains("value=\"SEKISHO\""),
        "what was typed stays"
    );
    for told in [TARO_HERE, "駅前中央", "0952-00-1234", "567890"] {
        assert!(!several.body.contains(told), "{told} of a stranger");
    }
    let nobody = doctor.post("/clinician/person", &fields(&HANAKO)).await;
    assert!(nobody.body.contains("このネットワークでは見つかりません"));
    assert_eq!(region.entries(), before, "nothing left this network");

    for (wrong, items) in [
        ("no birth date", vec![("birth", "yesterday")]),
        ("nothing", vec![("sex", "F")]),
    ] {
        let asked = [&started("")[..], &items].concat();
        let refused = doctor.post("/clinician/person", &asked).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
}

#[tokio::test]
async fn who_has_no_chart_here_is_found_elsewhere_linked_and_asked_about() {
    let region = Region::new().await;
    let mut doctor = region.doctor();
    doctor.get("/clinician/person").await;
    let new = [&fields(&HANAKO)[..], &[("new", "1")]].concat();
    let taken = [&new[..], &[("number", TARO_HERE)]].concat();
    let refused = doctor.post("/clinician/person", &taken).await;
    assert_eq!(
        refused.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "a number of somebody else's"
    );

    let begun = doctor.post("/clinician/person", &new).await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.body);
    let search = begun.to().to_owned();
    let visit = search.strip_suffix("/search").unwrap();
    let page = doctor.get(&search).await;
    assert!(page.body.contains("SEKISHO HANAKO") && page.body.contains("TEMP-"));
    // Before the patient consents, Saga tells of nobody.
    assert!(page.body.contains("見つかりません") && page.body.contains("/consent\""));
    let consent = [("way", "written"), ("informed", "1")];
    let given = doctor.post(&format!("{visit}/consent"), &consent).await;
    assert_eq!(given.to(), search, "{}", given.body);
    let page = doctor.get(&search).await;
    assert!(
        page.body.contains("番号またはカードで確かです"),
        "{}",
        page.body
    );
    let (there, subject) = (hidden(&page.body, "network"), hidden(&page.body, "subject"));
    // Only who was found here can be linked.
    let other = hex::encode(region.town.setting.saga_subject.0);
    let link = format!("{visit}/link");
    let forged = doctor
        .post(&link, &[("network", there), ("subject", &other)])
        .await;
    assert_eq!(forged.status, StatusCode::NOT_FOUND);
    let linked = doctor
        .post(&link, &[("network", there), ("subject", subject)])
        .await;
    assert_eq!((linked.status, linked.to()), (StatusCode::SEE_OTHER, visit));
    let answered = over(&mut doctor, visit).await;
    assert!(answered.body.contains("id=\"open-0\""), "{}", answered.body);
}

#[tokio::test]
async fn a_card_finds_its_holder_in_its_own_network_alone() {
    let region = Region::new().await;
    let mut doctor = region.doctor();
    let issue = |node: &Node, facility: &str, number: &str| {
        let asker = v1::patient::Local {
            facility: facility.to_owned(),
            local_id: number.to_owned(),
        };
        let request = v1::IssueCardRequest {
            patient: Some(v1::Patient {
                patient: Some(v1::patient::Patient::Local(asker)),
            }),
        };
        let node = node.operating();
        async move { node.card_for(request).await.unwrap().card }
    };
    let own = region.town.portal.node.clone();
    let request = v1::IssueCardRequest {
        patient: Some(super::begin::patient_wire(&chart(KURUME_HOSPITAL, "K-1"))),
    };
    let own = own.card_for(request).await.unwrap().card;
    doctor.get("/clinician").await;
    let begun = doctor.post("/clinician", &started(&own)).await;
    assert!(
        begun.to().starts_with("/clinician/visit/"),
        "{}",
        begun.body
    );
    let page = over(&mut doctor, begun.to()).await;
    assert!(page.body.contains("K-1"), "it is the chart of the card");
    let visit = begun.to().to_owned();

    // Taken as consent where the policy counts it: a card of this very patient, and kept without its secret.
    let policy = core::policy(
        0,
        None,
        Some(Rule {
            capture: [Capture::Written, Capture::CardPresented].into(),
            ..core::rule(Scope::EachFacility)
        }),
    );
    region
        .town
        .setting
        .ledger
        .with(|world| world.publish(KURUME, policy));
    let taken = |card: &str| {
        let card = card.to_owned();
        let (visit, mut doctor) = (visit.clone(), doctor.clone());
        async move {
            let fields = [
                ("way", "card-presented"),
                ("informed", "1"),
                ("card", &card),
            ];
            doctor
                .post(&format!("{visit}/consent"), &fields)
                .await
                .status
        }
    };
    let there = issue(&region.saga, SAGA_HOSPITAL, PATIENT).await;
    for (card, status) in [
        ("", StatusCode::UNPROCESSABLE_ENTITY),
        ("0009999", StatusCode::UNPROCESSABLE_ENTITY),
        (there.as_str(), StatusCode::UNPROCESSABLE_ENTITY),
        ("K-1", StatusCode::SEE_OTHER),
        (own.as_str(), StatusCode::SEE_OTHER),
    ] {
        assert_eq!(taken(card).await, status, "{card}");
    }

    // Another network's: the number here is asked for, and may be none yet.
    let asked = doctor.post("/clinician", &started(&there)).await;
    assert_eq!(asked.status, StatusCode::OK, "{}", asked.body);
    assert_eq!(hidden(&asked.body, "card"), there);
    let with = |patient| [&started(patient)[..], &[("card", there.as_str())]].concat();
    for (patient, said) in [
        ("K-1", "番号またはカードで確かです"),
        ("", "見つかりません"),
    ] {
        let begun = doctor.post("/clinician", &with(patient)).await;
        let page = doctor.get(begun.to()).await;
        assert!(page.body.contains(said), "{patient}: {}", page.body);
    }
    let searched = region.town.setting.ledger.bodies().into_iter().next_back();
    let Some(Body::AccessRequest(request)) = searched else {
        panic!("a search is on the ledger")
    };
    assert_eq!(request.targets, [network(SAGA)].into());

    for wrong in ["sekisho:card:v1:saga:00", "花子", ""] {
        let refused = doctor.post("/clinician", &started(wrong)).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
    let replaced = own.replace(&own[own.len() - 4..], "0000");
    let refused = doctor.post("/clinician", &started(&replaced)).await;
    assert_eq!(refused.status, StatusCode::NOT_FOUND, "nobody's card");
}

#[tokio::test]
async fn an_evacuee_is_looked_for_under_a_declaration_and_two_people_decide() {
    let region = Region::new().await;
    let (mut doctor, ledger) = (region.doctor(), Arc::clone(&region.town.setting.ledger));
    let heard = [
        ("facility", KURUME_HOSPITAL),
        ("asked", "not-possible"),
        ("kana-family", "セキショ"),
        ("kana-given", "ハナコ"),
        ("birth", "19500813"),
        ("address", "佐賀県佐賀市"),
    ];
    assert!(
        !doctor
            .get("/clinician")
            .await
            .body
            .contains("/clinician/evacuee")
    );
    for refused in [
        doctor.get("/clinician/evacuee").await,
        doctor
            .post(
                "/clinician/evacuee",
                &[&heard[..], &[("declaration", "3")]].concat(),
            )
            .await,
    ] {
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    let declaration = ledger.with(|world| {
        let mut grant = core::grant(SAGA, KURUME, ConsentRule::NotNeeded);
        grant.purposes = [Purpose::Disaster].into();
        world.agree("disaster", vec![grant]);
        world.authority("kyushu", &["40", "41"]);
        let disaster = Disaster {
            kind: DisasterKind::ALL[0],
            area: [core::area("41")].into(),
            from: world.time,
            until: world.time.plus_ms(3_600_000),
            drill: false,
        };
        world
            .accept("kyushu", Body::DisasterDeclare(disaster))
            .0
            .to_string()
    });
    region.town.clock.advance(60_000);
    assert!(
        doctor
            .get("/clinician")
            .await
            .body
            .contains("/clinician/evacuee")
    );
    doctor.get("/clinician/evacuee").await;
    let asked = [&heard[..], &[("declaration", declaration.as_str())]].concat();
    let begun = doctor.post("/clinician/evacuee", &asked).await;
    assert_eq!(begun.status, StatusCode::SEE_OTHER, "{}", begun.body);
    let search = begun.to().to_owned();
    let visit = search.strip_suffix("/search").unwrap().to_owned();
    let page = doctor.get(&search).await;
    assert!(page.body.contains("該当しそうな方が"), "{}", page.body);
    assert!(page.body.contains("災害時"), "it is marked");
    assert!(!page.body.contains("駅前中央") && !page.body.contains(HANAKO_THERE));

    let links = || {
        let all = ledger.bodies().into_iter();
        all.filter(|body| matches!(body, Body::SubjectLink { .. }))
            .count()
    };
    let before = links();
    let chosen = [
        ("network", hidden(&page.body, "network")),
        ("subject", hidden(&page.body, "subject")),
    ];
    let proposed = doctor.post(&format!("{visit}/link"), &chosen).await;
    assert_eq!(proposed.to(), search);
    assert_eq!(links(), before, "one person's word links nobody");
    let at = |body: &str| {
        let (_, rest) = body.split_once("href=\"/clinician/second/")?;
        Some(format!("/clinician/second/{}", rest.split('"').next()?))
    };
    assert_eq!(
        at(&doctor.get("/clinician").await.body),
        None,
        "not by the same person"
    );
    let mut again = region.colleague("another-account", "dr-1");
    assert_eq!(
        at(&again.get("/clinician").await.body),
        None,
        "nor under another account"
    );
    let mut nurse = region.colleague("nurse", "nurse-1");
    let second = at(&nurse.get("/clinician").await.body).unwrap();
    for browser in [&mut doctor, &mut again] {
        assert_eq!(browser.get(&second).await.status, StatusCode::NOT_FOUND);
        assert_eq!(
            browser.post(&second, &[]).await.status,
            StatusCode::NOT_FOUND
        );
    }
    let page = nurse.get(&second).await;
    assert!(
        page.body.contains("セキショ") && page.body.contains("dr-1"),
        "{}",
        page.body
    );
    assert_eq!(nurse.post(&second, &[]).await.status, StatusCode::SEE_OTHER);
    assert_eq!(links(), before + 2, "said here, and there by itself");
    assert_eq!(
        nurse.get(&second).await.status,
        StatusCode::NOT_FOUND,
        "once"
    );

    assert!(doctor.get(&search).await.body.contains("id=\"ask\""));
    doctor.post(&format!("{visit}/again"), &[]).await;
    let answered = over(&mut doctor, &visit).await;
    assert!(answered.body.contains("id=\"open-0\""), "{}", answered.body);
}

#[tokio::test]
async fn a_large_document_is_saved_whole_or_seen_to_be_incomplete() {
    let region = Region::new().await;
    let mut doctor = region.doctor();
    doctor.get("/clinician").await;
    let visit = doctor
        .post("/clinician", &started("K-1"))
        .await
        .to()
        .to_owned();
    let page = over(&mut doctor, &visit).await;
    let (_, number) = page.body.split_once("id=\"save-").unwrap();
    let number = number.split('"').next().unwrap().to_owned();
    let shown = doctor
        .post(&format!("{visit}/open"), &[("document", &number)])
        .await;
    assert_eq!(
        shown.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "not on a page"
    );

    let save = async || {
        let path = format!("{visit}/download");
        let form = format!("form_token={}&document={number}", doctor.form_token);
        let request = doctor.request(Method::POST, &path, form);
        let (head, body) = region
            .town
            .portal
            .router()
            .oneshot(request)
            .await
            .unwrap()
            .into_parts();
        assert_eq!(head.status, StatusCode::OK);
        assert_eq!(head.headers["content-length"], LARGE.to_string());
        assert_eq!(head.headers["content-type"], "application/pdf");
        let how = head.headers["content-disposition"].to_str().unwrap();
        assert!(how.starts_with("attachment"), "{how}");
        let (mut body, mut came) = (body, Vec::new());
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => came.extend_from_slice(&frame.into_data().unwrap()),
                Err(_) => return (came, false),
            }
        }
        (came, true)
    };
    let (came, whole) = save().await;
    assert!(whole && came == region.large, "{} bytes", came.len());

    type Change = fn(&mut Vec<v1::RetrieveDocumentEvent>);
    use v1::retrieve_document_event::Event;
    let changes: [(&str, Change); 3] = [
        ("without its end", |events| {
            events.pop();
        }),
        ("cut in the middle", |events| {
            events.truncate(events.len() / 2)
        }),
        ("with a bit changed in the last piece", |events| {
            let last = events
                .iter_mut()
                .rev()
                .find_map(|event| match &mut event.event {
                    Some(Event::Chunk(chunk)) => Some(chunk),
                    _ => None,
                });
            *last.unwrap().last_mut().unwrap() ^= 1;
        }),
    ];
    for (name, change) in changes {
        region.broker.tamper_retrieves(move |mut events| {
            change(&mut events);
            events
        });
        let (came, whole) = save().await;
        assert!(!whole && came.len() < LARGE, "{name}: {} bytes", came.len());
        assert!(
            region.large.starts_with(&came),
            "{name}: what came is the document's"
        );
    }
}

#[tokio::test]
async fn a_picture_is_shown_on_its_page_and_a_studys_thumbnail_on_the_studys() {
    let region = Region::new().await;
    let mut doctor = region.doctor();
    let asker = Asker {
        account: Kind::Clinician.code().to_owned(),
        practitioner: "dr-1".to_owned(),
        profession: Role::Physician,
        facility: KURUME_HOSPITAL.parse().unwrap(),
        patient: chart(KURUME_HOSPITAL, "K-1"),
        purpose: Purpose::Treat,
        grounds: Grounds::Ordinary,
        disaster: None,
        clue: Clue::Charts,
    };
    let portal = &region.town.portal;
    let visit = portal
        .visits
        .begin(asker, None, region.town.portal.environment.now())
        .unwrap();
    let listed = |format: &str, mime: &str| Listed {
        format: format.to_owned(),
        mime: mime.to_owned(),
        service: TimeMs(1),
        ..Listed::invented(format, SAGA_HOSPITAL, Category::Imaging)
    };
    visit.come().documents = vec![
        listed("urn:sekisho:dicom:study", "application/json"),
        listed("urn:sekisho:dicom:thumbnail", "image/jpeg"),
    ];
    let opened = |content: &[u8]| Opened {
        index: 7,
        content: Arc::new(content.to_vec()),
    };
    visit.keep(
        0,
        opened(br#"{"studyDate":"20260401","description":"CT","modalities":["CT"]}"#),
    );
    let at = |n: usize| format!("/clinician/visit/{}/document/{n}", visit.id);
    let picture = format!("<img src=\"{}/file\"", at(1));
    let page = doctor.get(&at(0)).await.body;
    assert!(
        page.contains("name=\"in\" value=\"0\"") && !page.contains("<img"),
        "{page}"
    );
    visit.keep(1, opened(b"\xff\xd8\xff\xe0 a picture"));
    assert!(doctor.get(&at(0)).await.body.contains(&picture));
    let page = doctor.get(&at(1)).await.body;
    assert!(page.contains(&picture) && !page.contains("--raw"), "{page}");
    let file = doctor.get(&format!("{}/file", at(1))).await;
    assert_eq!(file.header("content-type"), "image/jpeg");
}
