//! The replica's files checked byte by byte, carried out, and a new replica filled from them.

use super::REPLICA;
use crate::authorize::grouped;
use crate::group::Group;
use crate::{BenchError, Row};
use sekisho_replica::Config;
use sekisho_replica::offline::{export_stopped, fsck, import, verify_archive};
use std::io::Write;
use std::time::Instant;

/// Three rows: `fsck`, `export`, and the check of the export with `import`. The replica must be stopped.
pub(super) fn measure(
    group: &Group,
    checks: f64,
    progress: &mut dyn Write,
) -> Result<[Row; 3], BenchError> {
    let (data_dir, genesis) = (group.data_dir(REPLICA), &group.federation.genesis);
    let scratch = tempfile::tempdir().map_err(BenchError::system("a temporary directory"))?;
    let folder = |name: &str| {
        let folder = scratch.path().join(name);
        let made = std::fs::create_dir(&folder);
        made.map(|()| folder)
            .map_err(BenchError::system("a temporary directory"))
    };
    // Progress nobody can see is no reason to stop.
    let mut say = |what: &str| drop(writeln!(progress, "{what}"));
    let mut quiet = |_: u64, _: u64| {};

    say("fsck");
    let begun = Instant::now();
    let report = fsck(&data_dir, genesis, &folder("scratch")?, &mut quiet)?;
    let fsck_s = begun.elapsed().as_secs_f64();
    if !report.is_sound() {
        return Err(BenchError::Wrong {
            what: "the replica's files",
            expected: "they are sound".to_owned(),
            got: format!("{:?}", report.findings),
        });
    }
    say("export");
    let (begun, exported) = (Instant::now(), folder("export")?);
    let size = export_stopped(&data_dir, genesis, &exported, &mut quiet)?;
    let export_s = begun.elapsed().as_secs_f64();
    say("import");
    let begun = Instant::now();
    let archive = verify_archive(&exported, genesis, &mut quiet)?;
    let first = genesis.replicas.first();
    let first = first.ok_or_else(|| BenchError::Wrong {
        what: "the founding act",
        expected: "a replica".to_owned(),
        got: "none".to_owned(),
    })?;
    let config = Config::new(first.id, scratch.path().join("imported"));
    let imported = import(&archive, &config, genesis, &mut quiet)?;
    let import_s = begun.elapsed().as_secs_f64();
    if imported.size != size {
        return Err(BenchError::Wrong {
            what: "an import",
            expected: format!("{size} leaves"),
            got: imported.size.to_string(),
        });
    }
    let row = |what: &str, leaves: u64, seconds: f64| Row {
        case: format!(
            "{what} of {} leaves in {seconds:.1} s, leaves, against strict signature checks by one core",
            grouped(leaves)
        ),
        ours: leaves as f64 / seconds,
        peer: checks,
        unit: "1/s",
    };
    Ok([
        row("fsck", report.leaves, fsck_s),
        row("export", size, export_s),
        row(
            "a new replica filled from an export: check and import",
            size,
            import_s,
        ),
    ])
}
