//! Matching measured on invented populations: weights are learnt from one seed's charts without their truth, and
//! measured on another seed's with it. A worse matcher fails here.
#![allow(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it measured"
)]

use sekisho_identity::quality::{Counts, Labelled, Quality, learn_model, measure};
use sekisho_identity::{Address, Date, Demographics, Folded, Insured, Model, Name, Sex};
use sekisho_sample::{ErrorClass, PopulationSpec, Record, population};

/// A record as a reader of its feed would have it.
fn demographics(record: &Record) -> Demographics {
    let written = &record.written;
    let [insurer, symbol, number, branch] = &written.insured;
    Demographics {
        kanji: Name::read(&written.kanji.0, &written.kanji.1),
        kana: Name::read(&written.kana.0, &written.kana.1),
        birth: Date::read(&written.birth).ok(),
        sex: Sex::read(written.sex),
        addresses: Address::read(&written.postal, &written.address)
            .into_iter()
            .collect(),
        phones: written.phones.clone(),
        insured: Insured::read(insurer, symbol, number, branch)
            .into_iter()
            .collect(),
    }
}

fn labelled(seed: u64, persons: u32) -> Vec<Labelled> {
    let records = population(&PopulationSpec::new(seed, persons));
    let of = |record: &Record| {
        let one = demographics(record);
        assert_eq!(one.check(), Ok(()));
        Labelled {
            chart: Folded::of(&one),
            person: record.person,
            classes: record
                .classes
                .iter()
                .fold(0, |bits, class| bits | 1 << (*class as u32)),
        }
    };
    records.iter().map(of).collect()
}

fn line(name: &str, counts: &Counts) {
    println!(
        "{name:18} pairs {:7} precision {:.5} ({} wrong) recall {:.4} review {:.4} ({}+{}) complete {:.4}",
        counts.pairs,
        counts.precision(),
        counts.linked_wrongly,
        counts.recall(),
        counts.review(),
        counts.reviewed,
        counts.reviewed_wrongly,
        counts.completeness()
    );
}

fn table(quality: &Quality) {
    line("all", &quality.all);
    for class in ErrorClass::ALL {
        if let Some(counts) = quality.classes.get(&(class as u32)) {
            line(class.name(), counts);
        }
    }
}

/// Persons of each population; some 26,000 charts.
const PERSONS: u32 = 12_000;

/// What must not get worse, far enough below what is measured (docs/identity.md) that only a worse matcher falls
/// below it.
fn held(quality: &Quality) {
    table(quality);
    let all = &quality.all;
    assert!(all.pairs > 20_000, "{all:?}");
    assert_eq!(
        all.linked_wrongly, 0,
        "a false link shows another person's chart"
    );
    assert!(all.recall() >= 0.98 && all.review() <= 0.02, "{all:?}");
    assert!(all.completeness() >= 0.995, "{all:?}");
    let class = |class: ErrorClass| quality.classes[&(class as u32)];
    for (kin, pairs) in [(ErrorClass::Twin, 1_000), (ErrorClass::Sibling, 7_000)] {
        assert!(
            class(kin).pairs > pairs && class(kin).precision() >= 0.9999,
            "{kin:?}"
        );
    }
    use ErrorClass::*;
    for (what, recall) in [
        (Width, 0.97),
        (LongVowel, 0.97),
        (SmallKana, 0.97),
        (VForB, 0.92),
        (Variant, 0.97),
        (Unreadable, 0.96),
        (KanaSlip, 0.92),
        (ScriptMissing, 0.95),
        (NotParted, 0.97),
        (SurnameChange, 0.93),
        (InsurerChange, 0.95),
        (MissingBranch, 0.97),
        (InsuranceMissing, 0.93),
        (BirthSlip, 0.80),
        (EraDate, 0.97),
        (AddressNotation, 0.98),
        (Moved, 0.91),
        (FamilyPhone, 0.97),
        (PhoneChange, 0.96),
        (PhoneMissing, 0.96),
    ] {
        let counts = class(what);
        assert!(counts.recall() >= recall, "{what:?}: {counts:?}");
    }
}

#[test]
fn what_is_learnt_on_one_population_holds_on_another() {
    let learning = labelled(1, PERSONS);
    let (model, learnt) =
        learn_model(learning.iter().map(|l| &l.chart)).expect("enough to learn from");
    println!("learnt in {} rounds", learnt.rounds);
    assert!(learnt.converged);
    assert_eq!(model.check(), Ok(()));
    held(&measure(&labelled(2, PERSONS), &model));
}

#[test]
fn the_standard_model_holds_until_a_network_has_learnt() {
    held(&measure(
        &labelled(3, PERSONS),
        &Model::standard().for_charts(26_000),
    ));
}
