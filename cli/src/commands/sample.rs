//! `sekisho sample`: storages of invented patients, as hospitals have them.

use super::At;
use super::show::{Progress, Table};
use crate::ui::{Exit, Failure};
use clap::{Args, Subcommand};
use sekisho_domain::FacilityId;
use sekisho_sample::{FacilitySpec, SampleError, SampleReport, SampleSpec, Vendor};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::str::FromStr;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Write SS-MIX2 standardised storages, one folder for each facility, and truth.json beside them
    #[command(
        name = "ssmix2",
        after_help = "Example:\n  sekisho sample ssmix2 --out samples --facility 4110100015:asagi \\\n    \
                      --facility 4010200014:chidori --patients 20 --seed 7 --travellers 3"
    )]
    SsMix2(SsMix2Args),
}

#[derive(Debug, Args)]
pub(super) struct SsMix2Args {
    /// The folder to write into; each storage gets a folder named by its facility
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// A facility's code and, after a colon, the invented maker of its system: asagi, botan, chidori, donguri, enju or fuyo
    #[arg(long, value_name = "CODE[:VENDOR]", required = true)]
    facility: Vec<FacilityArg>,
    /// Patients of each facility
    #[arg(long, value_name = "N", default_value_t = 15)]
    patients: u32,
    /// What the invented patients follow from: the same number gives the same bytes
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// People who are patients of every facility given
    #[arg(long, value_name = "N", default_value_t = 0)]
    travellers: u32,
    /// Replace storages this command has written before
    #[arg(long)]
    overwrite: bool,
}

/// A facility with the maker of its system.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FacilityArg {
    id: FacilityId,
    vendor: Option<Vendor>,
}

/// Not a facility with a maker.
#[derive(Debug, thiserror::Error)]
enum FacilityFault {
    #[error(transparent)]
    Id(#[from] sekisho_domain::DomainError),
    #[error("{0:?} is no maker; one of: {names}", names = Vendor::ALL.map(Vendor::name).join(", "))]
    Vendor(String),
}

impl FromStr for FacilityArg {
    type Err = FacilityFault;
    fn from_str(text: &str) -> Result<Self, FacilityFault> {
        let (id, vendor) = match text.split_once(':') {
            Some((id, vendor)) => {
                let known = Vendor::named(vendor);
                (
                    id,
                    Some(known.ok_or_else(|| FacilityFault::Vendor(vendor.to_owned()))?),
                )
            }
            None => (text, None),
        };
        Ok(Self {
            id: id.parse()?,
            vendor,
        })
    }
}

pub(super) fn run(command: &Command, at: &At) -> Result<Exit, Failure> {
    let Command::SsMix2(args) = command;
    let mut progress = Progress::new(at.ui);
    let report = sekisho_sample::generate(&spec(args), &mut |p| {
        let (done, all, files) = (p.patients_done, p.patients_total, p.files);
        progress.tell(|| {
            (
                format!("患者 {done}/{all} 人、{files} ファイル"),
                format!("{done} of {all} patients, {files} files"),
            )
        });
    })
    .map_err(|e| failure(&e))?;
    progress.end();
    let truth = args.out.join("truth.json");
    report.write_truth(&truth).map_err(|e| failure(&e))?;
    at.ui.result(
        &result(&report, &args.out, &truth),
        text(&report, &truth, at),
    );
    Ok(Exit::Done)
}

fn spec(args: &SsMix2Args) -> SampleSpec {
    // Makers nobody chose take turns, so that a sample shows how they differ.
    let makers = Vendor::ALL.into_iter().cycle();
    let facilities = args.facility.iter().zip(makers).map(|(facility, maker)| {
        let dir = args.out.join(facility.id.as_str());
        FacilitySpec::new(facility.id.clone(), facility.vendor.unwrap_or(maker), dir)
    });
    let mut spec = SampleSpec::new(args.seed, facilities.collect());
    let route: Vec<_> = args.facility.iter().map(|f| f.id.clone()).collect();
    spec.travellers = (0..args.travellers).map(|_| route.clone()).collect();
    spec.patients_per_facility = args.patients;
    spec.overwrite = args.overwrite;
    spec
}

fn failure(error: &SampleError) -> Failure {
    if let SampleError::Spec(faults) = error {
        let all: Vec<_> = faults.iter().map(|fault| format!("  - {fault}")).collect();
        let all = all.join("\n");
        return Failure::usage(
            format!("この指定では作れません：\n{all}"),
            format!("no sample can be made of this:\n{all}"),
        );
    }
    if let SampleError::Occupied { dir, why } = error {
        let dir = dir.display();
        return Failure::usage(
            format!(
                "{dir} は空ではありません（{why}）。以前に作ったものなら --overwrite で置き換えます"
            ),
            format!("{dir} is not empty and {why}; --overwrite replaces what was written before"),
        );
    }
    Failure::of(Exit::Usage, "見本を作ることが", "write the samples", error)
}

/// Counts, and where the truth is; the truth itself is a file.
fn result(report: &SampleReport, out: &Path, truth: &Path) -> serde_json::Value {
    json!({
        "out": out, "truth": truth, "seed": report.seed, "files": report.files(), "persons": report.persons.len(),
        "travellers": report.travellers().count(), "broken": report.broken.len(), "facilities": report.facilities,
    })
}

fn text(report: &SampleReport, truth: &Path, at: &At) -> String {
    let pick = |ja, en| at.ui.pick(ja, en);
    let mut table = Table::new([
        pick("施設", "facility"),
        pick("名称", "name"),
        pick("システム", "maker"),
        pick("患者", "patients"),
        pick("ファイル", "files"),
        pick("バイト", "bytes"),
    ]);
    for one in &report.facilities {
        table.row([
            one.id.to_string(),
            one.name.clone(),
            one.vendor.name().to_owned(),
            one.patients.to_string(),
            one.files.to_string(),
            one.bytes.to_string(),
        ]);
    }
    let (files, persons, broken) = (report.files(), report.persons.len(), report.broken.len());
    let (travellers, truth) = (report.travellers().count(), truth.display());
    let ja = format!(
        "{table}\n架空の患者 {persons} 人（うち複数の施設にかかる人 {travellers} 人）、{files} ファイル（うち故意に壊したもの {broken}）。\n\
         誰がどの患者IDか、どのファイルが壊れているかは {truth} にあります。"
    );
    let en = format!(
        "{table}\n{persons} invented patients ({travellers} of them at every facility), {files} files ({broken} broken on purpose).\n\
         Who is who, and which files are broken, is in {truth}."
    );
    pick(&ja, &en).to_owned()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn a_facility_may_name_its_maker() {
        let arg: FacilityArg = "4110100015:enju".parse().unwrap();
        assert_eq!(arg.vendor, Some(Vendor::Enju));
        assert_eq!("4110100015".parse::<FacilityArg>().unwrap().vendor, None);
        let fault = "4110100015:acme"
            .parse::<FacilityArg>()
            .unwrap_err()
            .to_string();
        assert!(fault.contains("asagi, botan"), "{fault}");
    }
}
