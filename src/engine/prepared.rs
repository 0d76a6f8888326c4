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

#[cfg(test)]
mod tests {
    use super::super::partition::Partition;
    use super::*;

    fn row(at: u64) -> PlainRow {
        let kind = Kind::ALL[usize::try_from(at % 7 % 5).unwrap()];
        PlainRow { client: at % 11, tx: at / 3, kind, ..PlainRow::NONE }
    }

    #[test]
    fn rows_taken_by_and_by_are_prepared_like_all_at_once() {
        let config = Config { control_totals: true, ..Config::default() };
        let (mut prepared, mut rows) = (Prepared::default(), PlainRows::default());
        // Again and again in the same memory, as blocks are.
        for (shards, step) in [(1, 1), (1, 300), (3, 1), (3, 64), (3, 257), (1, 1_000), (3, 1_000)]
        {
            prepared.partitions.by_worker.iter_mut().for_each(Partition::clear);
            prepared.begin(&mut rows, shards);
            rows.clear();
            for at in 0..1_000 {
                rows.push(row(at));
                if at % step == 0 {
                    prepared.take_many(&mut rows, &config);
                }
            }
            prepared.take_rest(&mut rows, &config);
            assert_eq!(prepared.count, 1_000);
            let RowSums { by_kind, clients, txs } = prepared.sums;
            assert_eq!(by_kind, [286, 285, 143, 143, 143], "{shards} shards, {step} at a time");
            assert_eq!((clients, txs), (4_995, 166_167));
            let groups = prepared.survey.groups.iter().map(|group| group.rows);
            assert_eq!(groups.sum::<usize>(), 1_000);
            let references = prepared.survey.references.iter().map(|it| u64::from(it.at));
            assert!(references.eq((0..1_000).filter(|&at| !row(at).kind.moves_money())));
            let scattered = prepared.partitions.by_worker.iter().map(|it| it.rows.len());
            assert_eq!(scattered.sum::<usize>(), 1_000);
            for partition in &prepared.partitions.by_worker {
                assert!(partition.rows.is_sorted_by_key(|row| row.tx));
            }
        }
    }
}
