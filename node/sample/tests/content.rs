//! What is in the files: they decode, name the patient of their folder, and hold what the report says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

mod common;

use common::{Message, Name, Sample, busy_spec, care_day_field, check_care_day, id};
use sekisho_sample::{
    Appearance, DefectKind, FacilitySpec, PersonTruth, Rates, SampleReport, SampleSpec, Sex, Vendor,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

/// One run for the tests that only read it.
static SAMPLE: LazyLock<Sample> = LazyLock::new(|| Sample::of(busy_spec));

#[test]
fn every_file_decodes_and_agrees_with_its_path() {
    let Sample { spec, report, .. } = &*SAMPLE;
    let mut checked = 0;
    for (n, name, bytes) in SAMPLE.valid() {
        let message = Message::read(bytes);
        assert_eq!(message.segments[0][0], "MSH");
        assert_eq!(
            message.field("PID", 3).split('^').next(),
            Some(name.local_id.as_str())
        );
        assert_eq!(
            name.local_id.len(),
            spec.facilities[n].local_id_digits as usize
        );
        let event = message.event();
        assert!(name.kind != "ADT-12" || ["ADT^A04", "ADT^A01"].contains(&event.as_str()));
        check_care_day(&message, &name, care_day_field(&event));
        let time = message.field("MSH", 7);
        let (second, fraction) = time.split_once('.').unwrap_or((time, ""));
        let (name_second, milli) = name.occurred.split_at(14);
        assert_eq!(second, name_second);
        let kept = fraction.starts_with(milli) || milli.starts_with(fraction);
        assert!(
            kept || (fraction, milli) == ("0000", "000"),
            "{fraction} {milli}"
        );
        assert!(
            name.occurred[..8] <= spec.last_day.to_string()[..],
            "{name:?}"
        );
        checked += 1;
    }
    assert_eq!(checked, report.files() as usize - report.broken.len());
}

#[test]
fn the_bytes_are_strict_and_split_only_after_decoding() {
    let (mut hidden, mut torn) = (0usize, 0usize);
    for (n, name, bytes) in SAMPLE.valid() {
        let (mut at, mut in_jis) = (0, false);
        let mut ends = BTreeSet::new();
        while at < bytes.len() {
            let rest = &bytes[at..];
            if rest.starts_with(b"\x1b$B") || rest.starts_with(b"\x1b(B") {
                in_jis = rest[1] == b'$';
                at += 3;
            } else if in_jis {
                assert!(
                    matches!(rest[0], 0x21..=0x28 | 0x30..=0x74),
                    "{name:?}: {:02x}",
                    rest[0]
                );
                hidden += rest[..2].iter().filter(|b| b"|^~\\&".contains(b)).count();
                at += 2;
            } else if rest.starts_with(b"\r\n") {
                ends.insert("\r\n");
                at += 2;
            } else {
                match rest[0] {
                    b'\r' => _ = ends.insert("\r"),
                    b'\n' => _ = ends.insert("\n"),
                    other => assert!(matches!(other, b' '..=b'~'), "{name:?}: {other:02x}"),
                }
                at += 1;
            }
        }
        assert!(!in_jis, "{name:?} ends in kanji");
        let vendor = SAMPLE.spec.facilities[n].vendor;
        let expected = match vendor {
            Vendor::Botan | Vendor::Enju => "\n",
            Vendor::Chidori => "\r\n",
            _ => "\r",
        };
        assert_eq!(ends, BTreeSet::from([expected]), "{name:?}");
        assert_eq!(
            bytes.ends_with(expected.as_bytes()),
            vendor != Vendor::Fuyo,
            "{name:?}"
        );
        let by_bytes = bytes.iter().filter(|b| **b == b'|').count();
        let (text, _, _) = encoding_rs::ISO_2022_JP.decode(bytes);
        torn += usize::from(by_bytes != text.matches('|').count());
    }
    // Thousands of delimiter bytes lie inside kanji; a reader that splits bytes tears many messages.
    assert!(hidden > 5_000, "{hidden}");
    assert!(torn > 200, "{torn}");
}

#[test]
fn persons_are_the_same_everywhere_and_as_the_truth_table_says() {
    let Sample { spec, report, .. } = &*SAMPLE;
    let truth: BTreeMap<(&str, &str), &PersonTruth> = report
        .persons
        .iter()
        .flat_map(|p| {
            p.at.iter()
                .map(move |a| ((a.facility.as_str(), a.local_id.as_str()), p))
        })
        .collect();
    assert_eq!(
        truth.len(),
        6 * 8,
        "each facility has its patients, each under its own id"
    );
    let mut spelled = BTreeSet::new();
    for (n, name, bytes) in SAMPLE.valid() {
        let person = truth[&(spec.facilities[n].id.as_str(), name.local_id.as_str())];
        let message = Message::read(bytes);
        assert_eq!(message.field("PID", 7), person.birth_day.to_string());
        assert_eq!(
            message.field("PID", 8),
            if person.sex == Sex::M { "M" } else { "F" }
        );
        let repetitions: Vec<&str> = message.field("PID", 5).split('~').collect();
        let of = |code: &str| -> Vec<&str> {
            let one = repetitions
                .iter()
                .find(|r| r.ends_with(code))
                .expect("a name");
            one.split('^').take(2).collect()
        };
        assert_eq!(of("^P"), [&person.kana.0, &person.kana.1]);
        assert_eq!(of("^I")[1], person.name.1);
        // The family name may hold ■ or the common form for what JIS X 0208 lacks.
        let family: Vec<char> = of("^I")[0].chars().collect();
        let own: Vec<char> = person.name.0.chars().collect();
        let same =
            |(a, b): (&char, &char)| a == b || "髙﨑濵𠮷".contains(*a) && "■高崎浜吉".contains(*b);
        assert!(
            own.len() == family.len() && own.iter().zip(&family).all(same),
            "{family:?}"
        );
        spelled.insert(own);
    }
    assert!(spelled.len() > 15, "{}", spelled.len());
}

/// Every stop of every traveller has its valid, undamaged documents.
fn check_promises(sample: &Sample) {
    let Sample { spec, report, .. } = sample;
    let travellers: Vec<&PersonTruth> = report.travellers().collect();
    assert_eq!(travellers.len(), spec.travellers.len());
    for (person, route) in travellers.iter().zip(&spec.travellers) {
        let stops: BTreeSet<_> = person.at.iter().map(|a| &a.facility).collect();
        assert_eq!(stops, route.iter().collect());
        for stop in &person.at {
            let mut kinds = Vec::new();
            for path in &stop.promised {
                let name = Name::parse(path).expect("a valid name");
                assert_eq!((name.flag, &name.local_id), ('1', &stop.local_id));
                let message = Message::read(sample.bytes(&stop.facility, path));
                assert_eq!(
                    message.field("PID", 3).split('^').next(),
                    Some(&stop.local_id[..])
                );
                let (segment, least) = match name.kind.as_str() {
                    "OMP-01" => ("RXE", 1),
                    "OML-11" => ("OBX", 5),
                    "PPR-01" => ("PRB", 1),
                    _ => ("IN1", 1),
                };
                assert!(message.all(segment).count() >= least, "{path}");
                kinds.push(name.kind);
            }
            kinds.sort_unstable();
            assert_eq!(kinds, ["ADT-00", "OML-11", "OMP-01", "PPR-01"]);
        }
    }
}

#[test]
fn travellers_have_at_each_stop_what_is_promised() {
    check_promises(&SAMPLE);
}

#[test]
fn promises_hold_whatever_the_rates() {
    for seed in 0..12 {
        check_promises(&Sample::of(|dir| {
            let codes = ["4110000011", "4010000012"].map(id);
            let facility = |n: usize| {
                let vendor = Vendor::ALL[(seed as usize + n) % Vendor::ALL.len()];
                FacilitySpec::new(codes[n].clone(), vendor, dir.join(codes[n].as_str()))
            };
            let mut spec = SampleSpec::new(seed, (0..2).map(facility).collect());
            spec.patients_per_facility = 2;
            spec.span_days = 60;
            spec.travellers = vec![codes.to_vec(), codes.to_vec()];
            spec.rates = Rates {
                update_permille: 1000,
                delete_permille: 1000,
                late_permille: 1000,
                defect_permille: 1000,
                stay_permille: 1000,
            };
            spec
        }));
    }
}

#[test]
fn every_kind_and_every_defect_occurs_and_the_report_counts_them() {
    let Sample {
        spec,
        report,
        trees,
    } = &*SAMPLE;
    let mut kinds: Vec<BTreeMap<String, [u64; 3]>> = vec![BTreeMap::new(); trees.len()];
    for (n, name, _) in SAMPLE.valid() {
        kinds[n].entry(name.kind).or_default()[name.flag as usize - '0' as usize] += 1;
    }
    for ((tree, kinds), counted) in trees.iter().zip(kinds).zip(&report.facilities) {
        assert_eq!(kinds.len(), 26, "{:?}", kinds.keys());
        assert_eq!(counted.kinds.len(), 26);
        for (kind, [deleted, valid, superseded]) in kinds {
            let count = counted.kinds[kind.as_str()];
            let counts = [count.deleted, count.valid, count.superseded];
            assert_eq!(counts, [deleted, valid, superseded], "{kind}");
        }
        assert_eq!(counted.files, tree.len() as u64);
        assert_eq!(
            counted.bytes,
            tree.values().map(|b| b.len() as u64).sum::<u64>()
        );
        assert_eq!(counted.patients, spec.patients_per_facility);
        assert!(counted.late > 0);
    }
    let defects: BTreeSet<DefectKind> = report.broken.iter().map(|b| b.defect).collect();
    assert_eq!(defects, BTreeSet::from(DefectKind::ALL));
}

/// Who has a local id at a facility.
fn patient<'a>(report: &'a SampleReport, at: &Appearance) -> &'a PersonTruth {
    let here = |a: &Appearance| a.facility == at.facility && a.local_id == at.local_id;
    report
        .persons
        .iter()
        .find(|p| p.at.iter().any(here))
        .expect("a patient there")
}

#[test]
fn broken_files_are_broken_as_stated() {
    let report = &SAMPLE.report;
    for broken in &report.broken {
        let bytes = SAMPLE.bytes(&broken.facility, &broken.path);
        let name = Name::parse(&broken.path);
        match broken.defect {
            DefectKind::TwoBytes => assert_eq!(bytes, b"MS"),
            DefectKind::Truncated => {
                let (text, _, faulty) = encoding_rs::ISO_2022_JP.decode(bytes);
                assert!(faulty && text.contains("PID|") && !text.contains("PV1|"));
            }
            DefectKind::Misfiled => {
                let message = Message::read(bytes);
                let local_id = message
                    .field("PID", 3)
                    .split('^')
                    .next()
                    .expect("an id")
                    .to_owned();
                assert_ne!(local_id, name.expect("a valid name").local_id);
                let facility = broken.facility.clone();
                let at = Appearance {
                    facility,
                    local_id,
                    promised: Vec::new(),
                    errors: Vec::new(),
                };
                let other = patient(report, &at);
                assert_eq!(message.field("PID", 7), other.birth_day.to_string());
            }
            DefectKind::UnknownKind => {
                let kind = name.expect("seven parts").kind;
                assert!(
                    report
                        .facilities
                        .iter()
                        .all(|f| !f.kinds.contains_key(kind.as_str()))
                );
                Message::read(bytes);
            }
            DefectKind::BadName => assert!(name.is_none(), "{}", broken.path),
        }
    }
}

#[test]
fn late_entries_are_filed_under_the_day_of_entry() {
    let mut late = 0;
    for (_, name, bytes) in SAMPLE.valid() {
        if matches!(name.kind.as_str(), "OMP-01" | "OMP-02") && name.flag == '1' {
            let start = Message::read(bytes).field("TQ1", 7)[..8].to_owned();
            late += u64::from(start < name.care_day);
        }
    }
    assert_eq!(
        late,
        SAMPLE.report.facilities.iter().map(|f| f.late).sum::<u64>()
    );
}

#[test]
fn laboratory_values_fit_their_ranges_and_flags() {
    let (mut flagged, mut normal) = (0, 0);
    for (_, _, bytes) in SAMPLE.valid().filter(|(_, name, _)| name.kind == "OML-11") {
        for obx in Message::read(bytes).all("OBX").filter(|o| o[2] == "NM") {
            let number = |text: &str| text.parse::<f64>().expect("a number");
            let (low, high) = obx[7].split_once('-').expect("a range");
            let (value, low, high) = (number(&obx[5]), number(low), number(high));
            let expected = if value > high {
                "H"
            } else if value < low {
                "L"
            } else {
                ""
            };
            assert_eq!(obx[8], expected, "{obx:?}");
            if expected.is_empty() {
                normal += 1
            } else {
                flagged += 1
            }
        }
    }
    assert!(
        flagged > 50 && normal > 5 * flagged,
        "{flagged} out of range, {normal} within"
    );
}
