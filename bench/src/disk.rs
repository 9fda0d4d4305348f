//! The same state in a replica's own store on disk.
//!
//! Putting a million consents through Raft would take longer than all the rest, so the rows `apply` wrote in
//! memory are copied into the store of a replica that founded the same ledger (the layout stands with the
//! replica's store: one table, whose keys begin with the table's number). The replica then starts over them, and
//! must find the same tree: same size, same root.

use crate::BenchError;
use crate::population::Population;
use redb::{Database, TableDefinition};
use sekisho_domain::ReplicaId;
use sekisho_ledger::store::{MemoryState, Row, StateRead, Table};
use sekisho_ledger::tree;
use sekisho_replica::{Config, Keys, ReadState, Replica, ReplicaError, SystemClock};
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::runtime::Runtime;

const STATE: TableDefinition<'static, &'static [u8], &'static [u8]> = TableDefinition::new("state");
/// Rows read from memory at a time.
const ROWS_AT_ONCE: usize = 16_384;
/// Rows of one transaction: some hundred megabytes.
const ROWS_OF_TRANSACTION: usize = 1_000_000;
/// Page cache while copying.
const COPY_CACHE_BYTES: usize = 512 * 1024 * 1024;

/// A replica with a copied state.
pub(crate) struct OnDisk {
    replica: Replica,
    runtime: Runtime,
    _dir: TempDir,
}

impl OnDisk {
    /// Copies a population's state into a new replica's store, in a temporary directory.
    pub(crate) fn copy(population: &Population, state: &MemoryState) -> Result<Self, BenchError> {
        let runtime = Runtime::new().map_err(BenchError::system("a runtime"))?;
        let dir = tempfile::tempdir().map_err(BenchError::system("a temporary directory"))?;
        let data_dir = dir.path().join("data");
        let start = || {
            let federation = &population.federation;
            let keys = Keys {
                transport: federation.east.transport()?,
                checkpoint: federation.east.checkpoint(),
            };
            let config = Config::new(ReplicaId(1), &data_dir);
            let genesis = federation.genesis.clone();
            let clock = Arc::new(SystemClock);
            Ok::<_, BenchError>(runtime.block_on(Replica::start(config, genesis, keys, clock))?)
        };
        // The first start founds the store.
        let founder = start()?;
        runtime.block_on(founder.shutdown())?;
        drop(founder);
        fill(data_dir.join("ledger.redb"), state)?;
        let replica = start()?;

        let size = tree::size(state).map_err(BenchError::core::<MemoryState>)?;
        let root = tree::root(state, size).map_err(BenchError::core::<MemoryState>)?;
        let status = runtime.block_on(replica.status())?;
        if (status.tree_size, status.root) != (size, root) {
            return Err(BenchError::Wrong {
                what: "the tree on disk",
                expected: format!("{size} leaves, root {root}"),
                got: format!("{} leaves, root {}", status.tree_size, status.root),
            });
        }
        Ok(Self {
            replica,
            runtime,
            _dir: dir,
        })
    }

    /// Works on one consistent view of the state.
    pub(crate) fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&ReadState) -> Result<T, BenchError> + Send + 'static,
    ) -> Result<T, BenchError> {
        let read = self
            .replica
            .read(|state| Ok::<_, ReplicaError>(work(state)));
        self.runtime.block_on(read)?
    }
}

impl Drop for OnDisk {
    fn drop(&mut self) {
        // The directory goes with it; nothing of it is needed any more.
        let _ = self.runtime.block_on(self.replica.shutdown());
    }
}

fn fill(path: PathBuf, state: &MemoryState) -> Result<(), BenchError> {
    let database = Database::builder()
        .set_cache_size(COPY_CACHE_BYTES)
        .create(path)
        .map_err(BenchError::store)?;
    let mut pages = Table::ALL.into_iter().flat_map(|table| pages(state, table));
    let mut done = false;
    while !done {
        let txn = database.begin_write().map_err(BenchError::store)?;
        {
            let mut rows = txn.open_table(STATE).map_err(BenchError::store)?;
            let mut written = 0;
            while written < ROWS_OF_TRANSACTION && !done {
                match pages.next() {
                    None => done = true,
                    Some((table, page)) => {
                        written += page.len();
                        for (key, value) in page {
                            let key = [&[table as u8], key.as_slice()].concat();
                            rows.insert(key.as_slice(), value.as_slice())
                                .map_err(BenchError::store)?;
                        }
                    }
                }
            }
        }
        txn.commit().map_err(BenchError::store)?;
    }
    Ok(())
}

/// A table's rows, some at a time, in order.
fn pages(state: &MemoryState, table: Table) -> impl Iterator<Item = (Table, Vec<Row>)> {
    let mut from = Some(Vec::new());
    std::iter::from_fn(move || {
        let Ok(page) = state.scan(table, b"", &from.take()?, ROWS_AT_ONCE);
        // The least key after the last one.
        from = page.last().map(|(key, _)| [key.as_slice(), &[0]].concat());
        (!page.is_empty()).then_some((table, page))
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;
    use crate::held::Keep;
    use crate::population::{Case, Numbers, check};

    #[test]
    fn a_copied_state_has_the_same_rows_and_decides_the_same() {
        let numbers = Numbers {
            subjects: 200,
            consents: 700,
        };
        let population = Population::of(numbers).unwrap();
        let state = population.build(Keep::All, &mut std::io::sink()).unwrap();
        let state = state.state();
        let disk = OnDisk::copy(&population, state).unwrap();
        for table in Table::ALL.into_iter().filter(|table| *table != Table::Meta) {
            let rows = disk
                .read(move |state| {
                    let rows = state.scan(table, b"", b"", usize::MAX);
                    rows.map_err(BenchError::from)
                })
                .unwrap();
            let expected: Vec<Row> = pages(state, table).flat_map(|(_, page)| page).collect();
            assert_eq!(rows.len(), expected.len(), "{table:?}");
            assert!(rows == expected, "{table:?}");
        }
        for case in Case::ALL {
            let requests = population.requests(case);
            disk.read(move |state| check(state, case, &requests))
                .unwrap();
        }
    }
}
