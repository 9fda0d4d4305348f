//! The replicas' Raft logs, read again only where they may have changed.

use crate::cluster::Running;
use sekisho_replica::ReplicaError;
use sekisho_replica::simulation::{LogEntry, Observed};
use std::collections::BTreeMap;

/// Looks after which a log is read whole, whatever seems to have changed.
const WHOLE_EVERY: u64 = 16;

#[derive(Default)]
struct Log {
    start: u64,
    purged: Option<(u64, u64)>,
    entries: Vec<LogEntry>,
}

/// What was read of each replica's log.
#[derive(Default)]
pub(super) struct Logs {
    of: BTreeMap<u64, Log>,
    looks: u64,
}

impl Logs {
    /// One look at all logs begins.
    pub fn look(&mut self) {
        self.looks += 1;
    }

    /// A replica's log as it is now.
    pub async fn read(
        &mut self,
        id: u64,
        running: &Running,
        observed: &Observed,
    ) -> Result<Vec<LogEntry>, ReplicaError> {
        let known = self.of.entry(id).or_default();
        let whole = (self.looks + id).is_multiple_of(WHOLE_EVERY);
        let same = known.start == running.start && known.purged == observed.purged && !whole;
        if let (true, Some(last)) = (same, known.entries.last().copied()) {
            let read = running.replica.log_from(last.index).await?;
            if read.first() == Some(&last) {
                known.entries.extend(read.iter().skip(1));
                return Ok(known.entries.clone());
            }
        }
        *known = Log {
            start: running.start,
            purged: observed.purged,
            entries: running.replica.log_from(0).await?,
        };
        Ok(known.entries.clone())
    }
}
