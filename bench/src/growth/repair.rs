//! The replica's files checked byte by byte, carried out, and a new replica filled from them.

use super::REPLICA;
use crate::authorize::grouped;
use crate::group::Group;
use crate::{BenchError, Row};
use sekisho_replica::Config;
use sekisho_replica::offline::{export_stopped, fsck, import, verify_archive};
use std::io::Write;
use std::time::{Duration, Instant};

/// Time between two words on how far it is.
const SAY_EVERY: Duration = Duration::from_secs(10);

/// Says how far something is, and how long it will take yet.
fn said<'a>(what: &'static str, progress: &'a mut dyn Write) -> impl FnMut(u64, u64) + 'a {
    let (begun, mut last) = (Instant::now(), Instant::now());
    move |done, all| {
        if last.elapsed() > SAY_EVERY || done == all {
            last = Instant::now();
            let rate = done as f64 / begun.elapsed().as_secs_f64();
            let left_s = (all - done) as f64 / rate;
            // Progress nobody can see is no reason to stop.
            let _ = writeln!(
                progress,
                "{what}: {} of {} leaves, {rate:.0} a second, about {:.0} min left",
                grouped(done),
                grouped(all),
                (left_s / 60.0).ceil()
            );
        }
    }
}

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
    let begun = Instant::now();
    let report = fsck(
        &data_dir,
        genesis,
        &folder("scratch")?,
        &mut said("fsck", progress),
    )?;
    let fsck_s = begun.elapsed().as_secs_f64();
    if !report.is_sound() {
        return Err(BenchError::Wrong {
            what: "the replica's files",
            expected: "they are sound".to_owned(),
            got: format!("{:?}", report.findings),
        });
    }
    let (begun, exported) = (Instant::now(), folder("export")?);
    let size = export_stopped(&data_dir, genesis, &exported, &mut said("export", progress))?;
    let export_s = begun.elapsed().as_secs_f64();
    let begun = Instant::now();
    let archive = verify_archive(&exported, genesis, &mut said("check", progress))?;
    let first = genesis.replicas.first();
    let first = first.ok_or_else(|| BenchError::Wrong {
        what: "the founding act",
        expected: "a replica".to_owned(),
        got: "none".to_owned(),
    })?;
    let config = Config::new(first.id, scratch.path().join("imported"));
    let imported = import(&archive, &config, genesis, &mut said("import", progress))?;
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
