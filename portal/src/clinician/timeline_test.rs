//! What a calendar and a list show of documents.

use super::*;
use crate::clinician::visits::Listed;

fn listed(n: usize, facility: &str, day: &str, category: Category) -> Listed {
    Listed {
        service: day.parse::<Day>().unwrap().start(),
        ..Listed::invented(&format!("urn:uuid:{n}"), facility, category)
    }
}

fn some() -> Vec<Listed> {
    vec![
        listed(0, "saga", "2026-10-03", Category::Prescription),
        listed(1, "saga", "2026-11-20", Category::LabResult),
        listed(2, "kurume", "2026-11-02", Category::LabResult),
        listed(3, "saga", "2026-11-20", Category::Prescription),
        Listed {
            superseded: true,
            ..listed(4, "saga", "2026-11-21", Category::Prescription)
        },
    ]
}

#[test]
fn the_list_is_newest_first_and_leaves_out_what_is_superseded() {
    let all = lay_out(&some(), &Filter::default());
    assert_eq!(all.rows, [1, 3, 2, 0]);
    assert_eq!((all.total, all.page, all.pages), (4, 0, 1));
    let with = lay_out(
        &some(),
        &Filter {
            superseded: true,
            ..Filter::default()
        },
    );
    assert_eq!(with.rows, [4, 1, 3, 2, 0]);
}

#[test]
fn the_calendar_counts_by_facility_and_month() {
    let all = lay_out(&some(), &Filter::default());
    assert_eq!(all.months, ["2026-11", "2026-10"]);
    assert!(!all.older);
    let lane = |facility: &str, cells: &[usize]| Lane {
        facility: facility.into(),
        cells: cells.into(),
        total: cells.iter().sum(),
    };
    assert_eq!(all.lanes, [lane("saga", &[2, 1]), lane("kurume", &[1, 0])]);
    // Choosing a month narrows the list, not the calendar it is chosen in.
    let october = Filter {
        month: Some("2026-10".into()),
        ..Filter::default()
    };
    let october = lay_out(&some(), &october);
    assert_eq!(october.rows, [0]);
    assert_eq!(october.lanes, all.lanes);
    let labs = lay_out(
        &some(),
        &Filter {
            category: Some(Category::LabResult),
            ..Filter::default()
        },
    );
    assert_eq!(labs.lanes, [lane("kurume", &[1, 0]), lane("saga", &[1, 0])]);
    assert_eq!(
        labs.categories,
        [(Category::Prescription, 3), (Category::LabResult, 2)],
        "what could be chosen instead"
    );
}

#[test]
fn what_is_older_than_a_year_of_months_is_one_column() {
    let documents: Vec<_> = (0..20)
        .map(|n| {
            listed(
                n,
                "saga",
                &format!("{}-{:02}-01", 2024 + n / 12, n % 12 + 1),
                Category::LabResult,
            )
        })
        .collect();
    let timeline = lay_out(&documents, &Filter::default());
    assert_eq!(timeline.months.len(), MONTHS_MAX);
    assert!(timeline.older);
    assert_eq!(timeline.lanes[0].cells.last(), Some(&8));
    assert_eq!(timeline.lanes[0].cells.iter().sum::<usize>(), 20);
}

#[test]
fn ten_thousand_documents_are_pages() {
    let documents: Vec<_> = (0..10_000)
        .map(|n| listed(n, "saga", "2026-11-20", Category::LabResult))
        .collect();
    let pages = 10_000 / PAGE_DOCUMENTS;
    let last = lay_out(
        &documents,
        &Filter {
            page: usize::MAX,
            ..Filter::default()
        },
    );
    assert_eq!(
        (last.page, last.pages, last.rows.len()),
        (pages - 1, pages, PAGE_DOCUMENTS)
    );
    assert_eq!(last.rows.last(), Some(&9_999));
    assert_eq!(lay_out(&[], &Filter::default()).pages, 1);
}

#[test]
fn a_filter_is_read_back_from_its_own_address() {
    let filter = Filter {
        category: Some(Category::LabResult),
        facility: Some("41 & <x>".into()),
        month: Some("2026-10".into()),
        superseded: true,
        page: 3,
    };
    let query = filter.query(3, filter.facility.as_deref(), filter.month.as_deref());
    let fields: BTreeMap<String, String> = form_urlencoded::parse(query.as_bytes())
        .into_owned()
        .collect();
    assert_eq!(Filter::read(|name| fields.get(name).cloned()), filter);
    assert_eq!(Filter::read(|_| Some("nonsense".into())).category, None);
}
