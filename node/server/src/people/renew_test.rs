use super::*;
use crate::testing::{CoreLedger, Fixed, SAGA, SAGA_HOSPITAL, SAGA_OTHER, Storage, TARO, chart};
use crate::{Config, Node, NodeStore, Parts};
use sekisho_documents::MemoryIndex;
use sekisho_domain::KeyPurpose;
use sekisho_ingest::{FolderSource, Format};
use std::path::Path;
use std::sync::Arc;

fn dispensing(facility: &str, codes: [&str; 2]) -> String {
    let (prefecture, code) = (&facility[..2], &facility[3..]);
    let mut text = format!(
        "VER010603,20260401153322,,PC1,{prefecture},4,{code},PHARMACY,8400000,SAGA,0952000000,\r\n"
    );
    for code in codes {
        text.push_str(&format!(
            "1,{code},\u{ff7e}\u{ff77}\u{ff7c}\u{ff6e} \u{ff80}\u{ff9b}\u{ff73},SEKISHO TARO,1,19480405,8400801,佐賀県佐賀市駅前中央一丁目2番3号,,,,,2,2,01410016,,1234,567890,1\r\n\
             2,R-{code},41,A,20260401,,,20260401,0,0,0,206,0000002,41,H,8400002,S,0952000001,01,N,,,7,D,D,0\r\n\
             3,1,*1000,U,,,,,2,1,14,0,,1,0,0,,,,,,\r\n\
             4,1,1,1,3969010F2030,621951001,,M,M,M,0,0,0,0,0,0,1,1,T,0,0,0,0,1,82.1\r\n"
        ));
    }
    text
}

/// A node that has read its sources.
async fn started(dir: &Path, sources: Vec<Arc<dyn Source>>) -> Node {
    let ledger = CoreLedger::new(&[SAGA]);
    let environment = Fixed::new("saga", ledger.now());
    let config = Config {
        network: SAGA.parse().unwrap(),
        sources,
        budgets: crate::testing::BUDGETS,
    };
    let parts = Parts {
        ledger: Arc::clone(&ledger) as _,
        store: NodeStore::open(&dir.join("node.redb")).unwrap(),
        index: Arc::new(MemoryIndex::default()),
        directory: crate::store::Directory::in_memory(),
        key: sekisho_ledger::testing::key(SAGA, KeyPurpose::Node),
        carrier: Arc::new(crate::testing::nowhere()),
        broker: crate::testing::nowhere(),
        environment: environment as _,
    };
    let node = Node::start(config, parts).await.unwrap();
    crate::testing::until(async || node.answers_documents()).await;
    node
}

/// A hospital's messages and a pharmacy's files, in which a document is a part of a file.
#[tokio::test]
async fn charts_of_all_kinds_of_sources_are_there_and_go_with_their_documents() {
    let dir = tempfile::tempdir().unwrap();
    let hospital = Storage::new(dir.path(), "std01", SAGA_HOSPITAL);
    hospital.put_person("0009013", &TARO);
    // A pharmacy's code has a 4 in its third place.
    let pharmacy = "4144567890";
    let folder = dir.path().join("nsips");
    std::fs::create_dir(&folder).unwrap();
    let file = folder.join("1.txt");
    let text = dispensing(pharmacy, ["P-1", "P-2"]);
    std::fs::write(&file, encoding_rs::SHIFT_JIS.encode(&text).0).unwrap();
    let nsips = FolderSource {
        root: folder,
        facility: pharmacy.parse().unwrap(),
        source_id: "nsips".parse().unwrap(),
        format: Format::Nsips,
        patient_system: None,
    };
    let node = started(dir.path(), vec![hospital.of_node(), Arc::new(nsips)]).await;
    // Where an assertion fails, the runtime waits for the threads that look at the sources.
    let _stopped = node.0.stop.clone().drop_guard();
    let inner = &node.0;
    let known = |facility: &str, id: &str| inner.directory.chart(&chart(facility, id)).unwrap();
    assert_eq!(inner.directory.charts_total().unwrap(), 3);
    let (one, two) = (known(SAGA_HOSPITAL, "0009013"), known(pharmacy, "P-1"));
    let birth = |record: Option<ChartRecord>| record.unwrap().demographics.birth;
    assert_eq!(birth(one), birth(two));
    assert!(known(SAGA_OTHER, "0009013").is_none());
    // Read again, nothing is read anew.
    assert_eq!(renew(inner).unwrap(), Renewed::default());
    std::fs::remove_file(file).unwrap();
    let again = crate::ingestion::run(Arc::clone(inner), false, |_| {}).await;
    again.unwrap();
    assert_eq!(inner.directory.charts_total().unwrap(), 1);
    // It looks at its sources until it is told to stop.
    node.shutdown().await.unwrap();
}

/// A month's claims; each patient's code and name.
fn claims(facility: &str, month: u8, patients: &[(&str, &str)]) -> Vec<u8> {
    let (prefecture, code) = (&facility[..2], &facility[3..]);
    let mut text = format!(
        "IR,1,{prefecture},1,{code},,H,20260{},00,0952\r\n",
        month + 1
    );
    for (code, name) in patients {
        text.push_str(&format!(
            "RE,1,1112,20260{month},{name},1,19480405,,,,,,,{code},,,\r\nHO,01410016,1234,567890,2,1234\r\nSI,11,1,111000110,,291,1\r\n"
        ));
    }
    encoding_rs::SHIFT_JIS
        .encode(&(text + "GO,9,0,99\r\n"))
        .0
        .into_owned()
}

/// Claims come later than the register's message and say less.
#[tokio::test]
async fn a_chart_is_told_by_the_register_then_by_what_is_latest_and_nothing_is_read_twice() {
    let dir = tempfile::tempdir().unwrap();
    let hospital = Storage::new(dir.path(), "std01", SAGA_HOSPITAL);
    hospital.put_person("0009013", &TARO);
    let folder = dir.path().join("uke");
    std::fs::create_dir(&folder).unwrap();
    for (month, name) in [(4, "NEWER"), (3, "OLDER"), (5, "NEWEST"), (2, "OLDEST")] {
        let bytes = claims(
            SAGA_HOSPITAL,
            month,
            &[("0009013", name), ("0009014", name)],
        );
        std::fs::write(folder.join(format!("{name}.UKE")), bytes).unwrap();
    }
    let uke = FolderSource {
        root: folder.clone(),
        facility: SAGA_HOSPITAL.parse().unwrap(),
        source_id: "uke".parse().unwrap(),
        format: Format::Uke,
        patient_system: None,
    };
    let node = started(dir.path(), vec![hospital.of_node(), Arc::new(uke)]).await;
    let _stopped = node.0.stop.clone().drop_guard();
    let inner = &node.0;
    let known = |id: &str| {
        let chart = chart(SAGA_HOSPITAL, id);
        inner.directory.chart(&chart).unwrap().unwrap().demographics
    };
    let name = |id: &str| known(id).kanji.unwrap().family;
    assert_eq!(known("0009013").addresses.len(), 1);
    assert_eq!(
        (name("0009013").as_str(), name("0009014").as_str()),
        ("SEKISHO", "NEWEST")
    );
    for _ in 0..2 {
        assert_eq!(renew(inner).unwrap(), Renewed::default());
    }
    std::fs::remove_file(folder.join("NEWEST.UKE")).unwrap();
    crate::ingestion::run(Arc::clone(inner), false, |_| {})
        .await
        .unwrap();
    assert_eq!(
        (name("0009013").as_str(), name("0009014").as_str()),
        ("SEKISHO", "NEWER")
    );
    node.shutdown().await.unwrap();
}
