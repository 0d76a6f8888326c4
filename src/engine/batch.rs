//! What travels from the reader to a worker: rows of fixed size, in batches.

use super::parsed::InBlock;
use super::partition::Partition;
use crate::ledger::{Marks, Posting};
use crate::outcome::Reason;
use crate::parser::{Legible, PlainRow};

/// What a row is on its way to its shard: as the parser left it, so that whole blocks of rows travel
/// as they are. Once its worker has entered what the reader noted, its own note holds the marks, and
/// its id the key of the posting.
impl PlainRow {
    #[inline]
    pub(super) fn posting(&self) -> Posting {
        let &Self { client, tx, amount, kind, note, .. } = self;
        Posting { kind, client, amount, key: tx, marks: Marks::of_bits(note) }
    }

    /// Where the row stands in its block.
    pub(super) fn place(&self) -> InBlock {
        InBlock { offset: self.offset, line: self.line }
    }

    /// What the row means, unless its id has made room for a place.
    pub(super) fn unplaced(&self) -> Option<Legible> {
        let is_placed = Marks::of_bits(self.note).has(Marks::PLACED);
        (!is_placed).then(|| self.transaction().into())
    }
}

/// Rows for one worker, all of them from one block where outcomes are reported.
#[derive(Debug, Default)]
pub(super) struct Batch {
    /// Parts of blocks, in order; those behind the first `filled` are empty ones, kept for their
    /// memory.
    partitions: Vec<Partition>,
    filled: usize,
    /// How many rows there are.
    rows: usize,
    /// The number of the block, from 0.
    pub(super) block: u64,
    /// No further batch of the block goes to this worker.
    pub(super) ends_block: bool,
}

impl Batch {
    /// So many partitions fill it, however few rows they have: each has memory of its own, and a
    /// hundred workers and more have some fifty rows of a block each.
    const MOST_PARTITIONS: usize = 16;

    /// Adds a partition, and leaves an empty one in its place.
    #[inline]
    pub(super) fn add(&mut self, partition: &mut Partition) {
        if partition.rows.is_empty() {
            partition.clear();
            return;
        }
        self.rows += partition.rows.len();
        match self.partitions.get_mut(self.filled) {
            Some(empty) => std::mem::swap(empty, partition),
            None => self.partitions.push(std::mem::take(partition)),
        }
        self.filled += 1;
    }

    /// Tells whether it has so many rows, or as many partitions as one may have.
    pub(super) fn is_full(&self, rows: usize) -> bool {
        self.rows >= rows || self.filled >= Self::MOST_PARTITIONS
    }

    /// Gives the partitions in order.
    pub(super) fn partitions_mut(&mut self) -> &mut [Partition] {
        &mut self.partitions[..self.filled]
    }

    /// Takes all rows out.
    pub(super) fn clear(&mut self) {
        // Those behind the filled ones, too, or they would keep what they once had.
        self.partitions.iter_mut().for_each(Partition::clear);
        self.filled = 0;
        self.rows = 0;
    }
}

/// A row that was not applied, by its place in its block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused {
    pub(super) place: InBlock,
    pub(super) reason: Reason,
    /// Where its fields are in the list of these, or [`Refused::NOT_AT_HAND`].
    fields: u32,
}

const _: () = assert!(size_of::<Refused>() == 16);

impl Refused {
    const NOT_AT_HAND: u32 = u32::MAX;
}

/// Rows of one block that were not applied, and what can be read of them where that is at hand:
/// nobody needs to read it again. It takes much more memory than the rest, so only some have it.
#[derive(Debug, Default)]
pub(super) struct RefusedRows {
    pub(super) rows: Vec<Refused>,
    legibles: Vec<Legible>,
}

impl RefusedRows {
    /// Of so many rows what can be read is kept: half of those that a block has of the usual length.
    pub(super) const MOST_LEGIBLES: usize = 4096;

    pub(super) fn push(&mut self, place: InBlock, reason: Reason, legible: Option<Legible>) {
        let legible = legible.filter(|_| self.legibles.len() < Self::MOST_LEGIBLES);
        let fields = legible.map_or(Refused::NOT_AT_HAND, |_| self.next());
        self.legibles.extend(legible);
        self.rows.push(Refused { place, reason, fields });
    }

    /// Adds the rows that another worker has refused of the block.
    pub(super) fn append(&mut self, mut others: Self) {
        if self.rows.is_empty() {
            *self = others;
            return;
        }
        let before = self.next();
        for row in &mut others.rows {
            if row.fields != Refused::NOT_AT_HAND {
                row.fields += before;
            }
        }
        self.rows.append(&mut others.rows);
        self.legibles.append(&mut others.legibles);
    }

    /// Takes all rows out, and makes room for as many: blocks are much alike.
    pub(super) fn take(&mut self) -> Self {
        let room = |length: usize| length + length / 8;
        let rows = Vec::with_capacity(room(self.rows.len()));
        let legibles = Vec::with_capacity(room(self.legibles.len()));
        std::mem::replace(self, Self { rows, legibles })
    }

    /// Gives what can be read of one of the rows, if that is at hand.
    pub(super) fn legible(&self, row: &Refused) -> Option<Legible> {
        self.legibles.get(usize::try_from(row.fields).ok()?).copied()
    }

    fn next(&self) -> u32 {
        u32::try_from(self.legibles.len()).expect("some thousand for each worker")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partition(client: u64, rows: usize) -> Partition {
        let mut partition = Partition::default();
        (0..rows).for_each(|_| partition.rows.push(PlainRow { client, ..PlainRow::NONE }));
        partition
    }

    #[test]
    fn a_batch_is_full_with_many_rows_or_partitions_and_can_be_filled_again() {
        let mut batch = Batch::default();
        for rows in [1, 100] {
            for client in 0..16 {
                assert!(!batch.is_full(16 * rows), "{client}");
                let mut partition = partition(client, rows);
                batch.add(&mut partition);
                assert!(partition.rows.is_empty());
                batch.add(&mut partition);
            }
            assert!(batch.is_full(16 * rows) && batch.is_full(usize::MAX));
            let clients =
                batch.partitions_mut().iter().map(|it| (it.rows[0].client, it.rows.len()));
            assert!(clients.eq((0..16).map(|client| (client, rows))));
            batch.clear();
            assert!(!batch.is_full(1) && batch.partitions_mut().is_empty());
        }
    }

    /// Batches with a large partition in one place after the other made all places large.
    #[test]
    fn no_order_of_partitions_makes_all_of_a_batch_large() {
        const LARGE: usize = 2_000;
        let mut batch = Batch::default();
        for small in (0..16).rev() {
            (0..small).for_each(|client| batch.add(&mut partition(client, 1)));
            batch.add(&mut partition(99, LARGE));
            batch.clear();
        }
        let kept: usize = batch.partitions.iter().map(|it| it.rows.capacity()).sum();
        assert!(kept < 4 * LARGE, "{kept}");
    }
}
