//! Log matching: where two logs have the same leader's entry at an index, they are equal up to there.

use super::{Invariant, Scene};
use sekisho_replica::simulation::LogEntry;

pub(super) struct LogMatching;

/// The entries of a log from an index on.
fn from(log: &[LogEntry], index: u64) -> &[LogEntry] {
    let at = log.partition_point(|entry| entry.index < index);
    log.get(at..).unwrap_or_default()
}

/// The first place where two logs differ though they agree on a later one.
pub(super) fn difference(one: &[LogEntry], other: &[LogEntry]) -> Option<(LogEntry, LogEntry)> {
    let begin = one.first()?.index.max(other.first()?.index);
    let pairs: Vec<_> = from(one, begin).iter().zip(from(other, begin)).collect();
    let same = |(a, b): &(&LogEntry, &LogEntry)| (a.term, a.leader) == (b.term, b.leader);
    let agreed = pairs.iter().rposition(same)?;
    let differs = pairs.iter().take(agreed + 1).find(|(a, b)| a != b);
    differs.map(|(a, b)| (**a, **b))
}

impl Invariant for LogMatching {
    fn name(&self) -> &'static str {
        "log matching"
    }

    fn check(&mut self, scene: &Scene<'_>) -> Result<(), String> {
        let logs: Vec<_> = scene.replicas.iter().collect();
        for (at, (one, a)) in logs.iter().enumerate() {
            let gap = a
                .log
                .windows(2)
                .find(|two| two[1].index != two[0].index + 1);
            if let Some(gap) = gap {
                return Err(format!("replica {one} has a gap after {:?}", gap[0]));
            }
            for (other, b) in logs.iter().skip(at + 1) {
                if let Some((a, b)) = difference(&a.log, &b.log) {
                    return Err(format!(
                        "replica {one} has {a:?}, replica {other} has {b:?}"
                    ));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use sekisho_domain::Hash;

    fn log(first: u64, terms_and_says: &[(u64, u8)]) -> Vec<LogEntry> {
        let entry = |(index, &(term, says))| LogEntry {
            index,
            term,
            leader: 1,
            says: Hash([says; 32]),
        };
        (first..).zip(terms_and_says).map(entry).collect()
    }

    #[test]
    fn logs_may_differ_only_after_the_last_entry_they_share() {
        let whole = log(1, &[(1, 1), (1, 2), (2, 3)]);
        for (other, differs) in [
            (log(1, &[(1, 1), (1, 2), (2, 3)]), false),
            (log(3, &[(2, 3), (2, 4)]), false),
            (log(1, &[(1, 1), (1, 2), (3, 9), (3, 9)]), false),
            (log(4, &[(3, 9)]), false),
            (Vec::new(), false),
            (log(1, &[(1, 1), (1, 9), (2, 3)]), true),
            (log(2, &[(1, 2), (2, 9)]), true),
            (log(2, &[(2, 2), (2, 3)]), true),
        ] {
            assert_eq!(difference(&whole, &other).is_some(), differs, "{other:?}");
        }
    }
}
