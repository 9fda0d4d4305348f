use super::*;
use crate::testing::{HANAKO, Person, SAGA_HOSPITAL, SAGA_OTHER, TARO, chart};

fn record(person: &Person, document: u8) -> Option<ChartRecord> {
    Some(ChartRecord {
        demographics: crate::people::demographics(person.said()).unwrap(),
        document: [document; 16],
    })
}

#[test]
fn charts_are_compared_as_they_come_change_and_go() {
    let directory = Directory::in_memory();
    let (a, b, c) = (
        chart(SAGA_HOSPITAL, "1"),
        chart(SAGA_OTHER, "12"),
        chart(SAGA_OTHER, "1"),
    );
    directory
        .put(&[
            (a.clone(), record(&TARO, 1)),
            (b.clone(), record(&HANAKO, 2)),
            (c.clone(), record(&TARO, 3)),
        ])
        .unwrap();
    assert_eq!(directory.edges(&a).unwrap(), [(c.clone(), Band::Link)]);
    assert_eq!(directory.edges(&c).unwrap(), [(a.clone(), Band::Link)]);
    // "1" begins "12", and is another chart.
    assert_eq!(directory.edges(&b).unwrap(), []);
    let nobody = |_: &Patient| Vec::new();
    assert_eq!(
        directory.around(&a, &nobody).unwrap(),
        [a.clone(), c.clone()].into()
    );
    let found = directory
        .candidates(&record(&TARO, 0).unwrap().demographics)
        .unwrap();
    assert!(found.contains_key(&a) && found.contains_key(&c));
    assert_eq!(directory.charts(None, 2).unwrap().len(), 2);
    let all = directory.charts(None, 9).unwrap();
    assert_eq!(directory.charts(Some(&all[0]), 9).unwrap(), all[1..]);
    // A correction at the hospital: it was somebody else.
    directory.put(&[(c.clone(), record(&HANAKO, 4))]).unwrap();
    assert_eq!(directory.edges(&a).unwrap(), []);
    assert_eq!(directory.edges(&b).unwrap(), [(c.clone(), Band::Link)]);
    directory.put(&[(b.clone(), None)]).unwrap();
    assert_eq!(directory.edges(&c).unwrap(), []);
    assert_eq!(
        (
            directory.chart(&b).unwrap(),
            directory.charts_total().unwrap()
        ),
        (None, 2)
    );
}

#[test]
fn what_is_doubtful_is_listed_once_and_in_pages() {
    let directory = Directory::in_memory();
    // Nothing beside name, birth date and sex: a person looks.
    let bare = Person {
        address: "^",
        phone: "",
        insured: ["", "", "", ""],
        ..TARO
    };
    let charts: Vec<_> = (0..4)
        .map(|n| chart(SAGA_HOSPITAL, &format!("{n}")))
        .collect();
    let rows: Vec<_> = charts
        .iter()
        .map(|c| (c.clone(), record(&bare, 1)))
        .collect();
    directory.put(&rows).unwrap();
    let all = directory.reviews(None, 100).unwrap();
    assert_eq!(all.len(), 6, "each pair of four");
    let mut paged = Vec::new();
    let mut after = None;
    loop {
        let page = directory.reviews(after.as_ref(), 4).unwrap();
        let Some(last) = page.last() else { break };
        after = Some(last.clone());
        paged.extend(page);
    }
    assert_eq!(paged, all);
}

#[test]
fn one_of_another_layout_is_emptied() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("people.redb");
    let one = chart(SAGA_HOSPITAL, "1");
    let directory = Directory::open(&path).unwrap();
    directory.put(&[(one.clone(), record(&TARO, 1))]).unwrap();
    assert!(matches!(Directory::open(&path), Err(StoreError::InUse(_))));
    drop(directory);
    let directory = Directory::open(&path).unwrap();
    assert!(directory.chart(&one).unwrap().is_some());
    directory
        .write(|txn| {
            let mut meta = txn.open_table(META).map_err(StoreError::database)?;
            meta.insert(FORMAT, [0, BLOCK_VERSION].as_slice())
                .map_err(StoreError::database)?;
            Ok(())
        })
        .unwrap();
    drop(directory);
    assert_eq!(Directory::open(&path).unwrap().charts_total().unwrap(), 0);
}
