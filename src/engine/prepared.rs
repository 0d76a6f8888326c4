//! Rows of a block made ready for those who come after the parser: a look over them for the reader,
//! and what each worker is to have.
//!
//! It is done some rows at a time, while they are in the first cache of the core that has parsed them.
//! The reader, whose work nobody can share, copies no row, and looks at none.

use super::config::Config;
use super::partition::Partitions;
use super::survey::{MASK_BITS, Survey};
use crate::parser::{PlainRow, PlainRows};
use crate::transaction::Kind;

/// So many rows are worth a look at once: 8 KiB of them.
const MANY: usize = 4 * MASK_BITS;

/// The well-formed rows of a block.
#[derive(Debug, Default)]
pub(super) struct Prepared {
    /// How many there are.
    pub(super) count: usize,
    pub(super) survey: Survey,
    pub(super) partitions: Partitions,
    /// What is computed of them where control totals are wanted.
    pub(super) sums: RowSums,
}

impl Prepared {
    /// Begins a block whose rows are for `shards` workers, and gives memory to parse them into.
    pub(super) fn begin(&mut self, rows: &mut PlainRows, shards: usize) {
        self.count = 0;
        self.survey.clear();
        self.partitions.begin(rows, shards);
        self.sums = RowSums::default();
    }

    /// Takes rows if there are many new ones.
    #[inline]
    pub(super) fn take_many(&mut self, rows: &mut PlainRows, config: &Config) {
        let count = rows.len() - self.first_new();
        if count >= MANY {
            self.take(rows, count / MASK_BITS * MASK_BITS, config);
        }
    }

    /// Takes the rows that are left and ends the block.
    pub(super) fn take_rest(&mut self, rows: &mut PlainRows, config: &Config) {
        self.take(rows, rows.len() - self.first_new(), config);
        self.partitions.end(rows);
    }

    /// The place of the first row that has not been taken.
    fn first_new(&self) -> usize {
        if self.partitions.copies() { 0 } else { self.count }
    }

    fn take(&mut self, rows: &mut PlainRows, count: usize, config: &Config) {
        let new = &rows[self.first_new()..][..count];
        if config.control_totals {
            self.sums.add(&RowSums::of(new));
        }
        self.partitions.scatter(new);
        self.survey.look(new, self.count, &self.partitions);
        self.count += count;
        if self.partitions.copies() {
            rows.remove_first(count);
        }
    }
}

/// Sums over well-formed rows, whatever becomes of them.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RowSums {
    pub(super) by_kind: [u64; Kind::ALL.len()],
    pub(super) clients: u64,
    pub(super) txs: u64,
}

impl RowSums {
    fn of(rows: &[PlainRow]) -> Self {
        let mut sums = Self::default();
        for row in rows {
            sums.by_kind[row.kind.index()] += 1;
            sums.clients = sums.clients.wrapping_add(row.client);
            sums.txs = sums.txs.wrapping_add(row.tx);
        }
        sums
    }

    pub(super) fn add(&mut self, other: &Self) {
        for (sum, rows) in self.by_kind.iter_mut().zip(other.by_kind) {
            *sum += rows;
        }
        self.clients = self.clients.wrapping_add(other.clients);
        self.txs = self.txs.wrapping_add(other.txs);
    }
}
