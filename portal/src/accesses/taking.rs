//! Leaves of the ledger taken into the tables.

use super::row::{Decided, Row};
use super::tables::{
    ALERTS, Answer, LOOSE, OF_FACILITY, OF_SUBJECT, OF_WHO, PLACE, ROWS, Raised, TRAFFIC, VERSION,
    counted, counts, encoded, facility_prefix, failed, indexed, row_of, subject_prefix,
    traffic_key,
};
use redb::{ReadableTable, Table, WriteTransaction};
use sekisho_domain::{Body, EntryIndex, Hash, LedgerId, Outcome, Transfer};
use sekisho_ledger::Leaf;

/// A stretch of the ledger, in order.
#[derive(Debug)]
pub(super) struct Chunk {
    pub ledger: LedgerId,
    /// Whether what was taken before no longer stands: everything is made again.
    pub anew: bool,
    pub leaves: Vec<(Leaf, Hash)>,
}

/// Takes a chunk, and notes the place behind it.
pub(super) fn taken(txn: &WriteTransaction, chunk: &Chunk) -> Answer<()> {
    let mut taking = Taking::of(txn)?;
    for (leaf, _) in &chunk.leaves {
        taking.leaf(leaf)?;
    }
    if let Some((leaf, hash)) = chunk.leaves.last() {
        let mut place = vec![VERSION];
        place.extend(chunk.ledger.as_bytes());
        place.extend((leaf.index.0 + 1).to_be_bytes());
        place.extend(hash.as_bytes());
        let mut table = txn.open_table(PLACE).map_err(failed)?;
        table.insert("place", place.as_slice()).map_err(failed)?;
    }
    Ok(())
}

/// Leaves being taken into open tables.
struct Taking<'t> {
    rows: Table<'t, u64, &'static [u8]>,
    of_subject: Table<'t, &'static [u8], ()>,
    of_who: Table<'t, &'static [u8], ()>,
    of_facility: Table<'t, &'static [u8], ()>,
    loose: Table<'t, u64, [u8; 32]>,
    alerts: Table<'t, u64, &'static [u8]>,
    traffic: Table<'t, &'static [u8], [u8; 16]>,
}

impl<'t> Taking<'t> {
    fn of(txn: &'t WriteTransaction) -> Answer<Self> {
        Ok(Self {
            rows: txn.open_table(ROWS).map_err(failed)?,
            of_subject: txn.open_table(OF_SUBJECT).map_err(failed)?,
            of_who: txn.open_table(OF_WHO).map_err(failed)?,
            of_facility: txn.open_table(OF_FACILITY).map_err(failed)?,
            loose: txn.open_table(LOOSE).map_err(failed)?,
            alerts: txn.open_table(ALERTS).map_err(failed)?,
            traffic: txn.open_table(TRAFFIC).map_err(failed)?,
        })
    }

    fn leaf(&mut self, leaf: &Leaf) -> Answer<()> {
        match (&leaf.entry.body, &leaf.outcome) {
            (Body::AccessRequest(request), Outcome::Decided(decisions)) => {
                self.access(&Row::of(leaf.index, leaf.time, request, decisions))
            }
            (Body::Release(transfer), Outcome::Accepted) => {
                self.transfer(leaf.index, transfer, true)
            }
            (Body::Receipt(transfer), Outcome::Accepted) => {
                self.transfer(leaf.index, transfer, false)
            }
            (Body::SecurityAlert(alert), Outcome::Accepted) => {
                let raised = Raised {
                    index: leaf.index,
                    time: leaf.time,
                    alert: alert.clone(),
                };
                let bytes = encoded(&raised)?;
                self.alerts
                    .insert(leaf.index.0, bytes.as_slice())
                    .map_err(failed)?;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn access(&mut self, row: &Row) -> Answer<()> {
        let index = row.index.0;
        self.put(row)?;
        for (network, subject) in row.subjects() {
            let key = indexed(&subject_prefix(network, &subject), index);
            self.of_subject.insert(key.as_slice(), ()).map_err(failed)?;
        }
        let who = indexed(row.practitioner.as_bytes(), index);
        self.of_who.insert(who.as_slice(), ()).map_err(failed)?;
        let facility = indexed(&facility_prefix(&row.facility), index);
        self.of_facility
            .insert(facility.as_slice(), ())
            .map_err(failed)?;
        for target in &row.targets {
            let key = traffic_key(row.time, &row.viewing, &target.network);
            let so_far = self.traffic.get(key.as_slice()).map_err(failed)?;
            let (asked, permitted) = so_far.map_or((0, 0), |value| counts(value.value()));
            let more = u64::from(matches!(target.decided, Decided::Permitted(..)));
            let value = counted(asked + 1, permitted + more);
            self.traffic.insert(key.as_slice(), value).map_err(failed)?;
        }
        Ok(())
    }

    fn transfer(&mut self, index: EntryIndex, transfer: &Transfer, release: bool) -> Answer<()> {
        let access = transfer.access.0;
        let Some(mut row) = row_of(&self.rows, access)? else {
            return Ok(());
        };
        let (own, other) = match release {
            true => (&mut row.release, row.receipt),
            false => (&mut row.receipt, row.release),
        };
        *own = Some(index);
        self.put(&row)?;
        let content = *transfer.content.as_bytes();
        let standing = self.loose.get(access).map_err(failed)?.map(|c| c.value());
        match (other, standing) {
            (Some(_), Some(known)) if known == content => {
                self.loose.remove(access).map_err(failed)?;
            }
            // Matched before, and one side says more: a page looks at it again.
            _ => {
                let known = standing.unwrap_or(content);
                self.loose.insert(access, known).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn put(&mut self, row: &Row) -> Answer<()> {
        let bytes = encoded(row)?;
        self.rows
            .insert(row.index.0, bytes.as_slice())
            .map_err(failed)?;
        Ok(())
    }
}

/// Makes the tables that are not there.
pub(super) fn tables(txn: &WriteTransaction) -> Answer<()> {
    txn.open_table(PLACE).map_err(failed)?;
    Taking::of(txn).map(drop)
}

/// Forgets everything.
pub(super) fn cleared(txn: &mut WriteTransaction) -> Answer<()> {
    txn.delete_table(PLACE).map_err(failed)?;
    txn.delete_table(ROWS).map_err(failed)?;
    for table in [OF_SUBJECT, OF_WHO, OF_FACILITY] {
        txn.delete_table(table).map_err(failed)?;
    }
    txn.delete_table(LOOSE).map_err(failed)?;
    txn.delete_table(ALERTS).map_err(failed)?;
    txn.delete_table(TRAFFIC).map_err(failed)?;
    tables(txn)
}
