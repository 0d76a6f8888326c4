//! The rows of a block scattered into partitions, one for each worker.

use std::hash::Hasher;

use crate::ledger::Marks;
use crate::parser::{PlainRow, PlainRows};
use crate::prefetch::prefetch;

/// Rows that are scattered together: what they need is made room for once.
pub(super) const SCATTERED_AT_ONCE: usize = 64;

/// The rows of a block that are for one worker.
#[derive(Debug, Default)]
pub(super) struct Partition {
    pub(super) rows: PlainRows,
    /// What the reader has found out about some of them.
    pub(super) notes: Vec<Note>,
    /// The places of those of them whose id an earlier row has, ascending.
    pub(super) duplicates: Vec<u32>,
}

/// How the shard of a row finds its transaction: what is to stand in the row instead of its id, and
/// the marks to be added.
#[derive(Clone, Copy, Debug)]
pub(super) struct Note {
    pub(super) key: u64,
    pub(super) at: u32,
    pub(super) marks: Marks,
}

impl Partition {
    /// Memory for so many rows is kept, however few there were.
    const KEPT_ROWS: usize = 256;

    /// Takes all rows out. A partition that had a few rows in memory for many gives it back:
    /// otherwise an input could make every partition of every batch as large as a block.
    pub(super) fn clear(&mut self) {
        let Self { rows, notes, duplicates } = self;
        // Those whose id an earlier row has may have been taken out.
        rows.shrink(Self::kept(rows.len() + duplicates.len()));
        notes.shrink_to(Self::kept(notes.len()));
        duplicates.shrink_to(Self::kept(duplicates.len()));
        rows.clear();
        notes.clear();
        duplicates.clear();
    }

    fn kept(used: usize) -> usize {
        Self::KEPT_ROWS.max(4 * used)
    }
}

/// Where a row has come to stand: the worker that it is for, and its place in that worker's
/// partition. Both in one word, as the reader waits for whatever it reads of another core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Position(u32);

impl Position {
    const PLACE_BITS: u32 = 20;
    /// So many workers can be told apart.
    pub(super) const MOST_LANES: usize = 1 << (u32::BITS - Self::PLACE_BITS);
    /// So many rows of a block can be told apart.
    pub(super) const MOST_ROWS: usize = 1 << Self::PLACE_BITS;

    #[inline]
    fn new(lane: usize, at: usize) -> Self {
        debug_assert!(lane < Self::MOST_LANES && at < Self::MOST_ROWS);
        // `Partitions::scatter` has asked whether both are few enough; for a single worker the size of
        // a block bounds the rows (`Config::MOST_BLOCK_BYTES`).
        let bits = lane << Self::PLACE_BITS | at;
        Self(u32::try_from(bits).expect("twelve bits and twenty"))
    }

    #[inline]
    pub(super) fn lane(self) -> usize {
        usize::try_from(self.0 >> Self::PLACE_BITS).expect("a lane")
    }

    #[inline]
    fn at(self) -> u32 {
        self.0 & !(u32::MAX << Self::PLACE_BITS)
    }
}

/// The rows of a block, by the worker that they are for.
#[derive(Debug, Default)]
pub(super) struct Partitions {
    pub(super) by_worker: Vec<Partition>,
    /// Where each row stands, unless there is one worker, who has them as they came.
    positions: Vec<Position>,
}

impl Partitions {
    /// Begins a block whose rows are for `shards` workers. A single one has them in the memory of
    /// `rows`, which gets other memory for them.
    pub(super) fn begin(&mut self, rows: &mut PlainRows, shards: usize) {
        self.by_worker.resize_with(shards, Partition::default);
        debug_assert!(self.by_worker.iter().all(|it| it.rows.is_empty() && it.notes.is_empty()));
        self.positions.clear();
        if let [partition] = &mut self.by_worker[..] {
            std::mem::swap(rows, &mut partition.rows);
        }
    }

    /// Tells whether rows are copied, as there are several workers.
    #[inline]
    pub(super) fn copies(&self) -> bool {
        self.by_worker.len() > 1
    }

    /// Scatters rows, unless there is one worker, who has them where they are.
    ///
    /// # Panics
    /// With more workers or rows of a block than a [`Position`] can tell apart.
    pub(super) fn scatter(&mut self, rows: &[PlainRow]) {
        let shards = self.by_worker.len();
        if !self.copies() {
            return;
        }
        let count = self.positions.len() + rows.len();
        assert!(
            shards <= Position::MOST_LANES && count <= Position::MOST_ROWS,
            "{shards}, {count}"
        );
        let partitions = &mut self.by_worker;
        for rows in rows.chunks(SCATTERED_AT_ONCE) {
            for partition in partitions.iter_mut() {
                partition.rows.reserve(rows.len());
            }
            self.positions.extend(rows.iter().map(|row| {
                let lane = lane_of(row, shards);
                let partition = &mut partitions[lane].rows;
                let position = Position::new(lane, partition.len());
                partition.put(*row);
                position
            }));
        }
    }

    /// Ends a block: what is left in `rows` is the single worker's.
    pub(super) fn end(&mut self, rows: &mut PlainRows) {
        if let [partition] = &mut self.by_worker[..] {
            std::mem::swap(rows, &mut partition.rows);
        }
    }

    /// Tells where a row stands, by its place in the block.
    #[inline]
    pub(super) fn position(&self, at: usize) -> Position {
        if self.copies() { self.positions[at] } else { Position::new(0, at) }
    }

    /// Fetches what [`Partitions::position`] will read for some rows, 64 at most.
    #[inline]
    pub(super) fn prefetch_positions(&self, at: usize) {
        for line in 0..4 {
            if let Some(position) = self.positions.get(at + 16 * line) {
                prefetch(position);
            }
        }
    }

    /// Notes how the shard of a row finds its transaction.
    #[inline]
    pub(super) fn note(&mut self, position: Position, (key, marks): (u64, Marks)) {
        self.by_worker[position.lane()].notes.push(Note { key, at: position.at(), marks });
    }

    /// Notes that a row has the id of an earlier one; they are noted in order.
    pub(super) fn note_duplicate(&mut self, position: Position) {
        self.by_worker[position.lane()].duplicates.push(position.at());
    }
}

/// Tells which of several lanes a row is for.
#[inline]
fn lane_of(row: &PlainRow, shards: usize) -> usize {
    route(if planted!(RoutedById) { row.tx } else { row.client }, shards)
}

/// Chooses the shard of a client among several.
///
/// The hash is unlike the one of the shards' maps, so that the clients of one shard do not share
/// a part of theirs.
#[inline]
fn route(client: u64, shards: usize) -> usize {
    let mut hasher = fxhash::FxHasher::default();
    hasher.write_u64(client);
    // The upper half of the hash, scaled to the number of shards, which is below 2³².
    let scaled = (hasher.finish() >> 32).wrapping_mul(u64::try_from(shards).expect("a count"));
    usize::try_from(scaled >> 32).expect("below the number of shards")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(client: u64, tx: u64) -> PlainRow {
        PlainRow { client, tx, ..PlainRow::NONE }
    }

    #[test]
    #[cfg_attr(miri, ignore = "210,000 clients, and nothing in it but numbers")]
    fn clients_are_spread_evenly() {
        for step in [1, 64, 4096] {
            let mut counts = [0_u32; 7];
            for client in 0..70_000 {
                counts[route(client * step, 7)] += 1;
            }
            assert!(counts.iter().all(|count| (8_000..12_000).contains(count)), "{counts:?}");
        }
    }

    #[test]
    fn each_row_is_found_in_the_partition_of_its_worker_and_in_order() {
        for (shards, count) in [(1, 0), (2, 1), (1, 500), (2, 500), (7, 500), (300, 129)] {
            let mut partitions = Partitions::default();
            // Twice, since memory is used again.
            for stride in [1, 7] {
                let mut rows = PlainRows::default();
                partitions.begin(&mut rows, shards);
                rows.clear();
                (0..count).for_each(|at| rows.push(row(at * stride % 97, at)));
                for rows in rows.chunks(100) {
                    partitions.scatter(rows);
                }
                partitions.end(&mut rows);
                assert_eq!(partitions.by_worker.len(), shards);
                let dealt_rows = partitions
                    .by_worker
                    .iter()
                    .map(|partition| partition.rows.len())
                    .sum::<usize>();
                assert_eq!(u64::try_from(dealt_rows), Ok(count));
                for (index, at) in (0..count).zip(0..) {
                    let position = partitions.position(at);
                    let place = usize::try_from(position.at()).unwrap();
                    let found = partitions.by_worker[position.lane()].rows[place];
                    assert_eq!((found.client, found.tx), (index * stride % 97, index));
                    let lane = if shards == 1 { 0 } else { route(found.client, shards) };
                    assert_eq!(position.lane(), lane);
                    partitions.note_duplicate(position);
                }
                for partition in &mut partitions.by_worker {
                    assert!(partition.rows.is_sorted_by_key(|row| row.tx));
                    let places = 0..u32::try_from(partition.rows.len()).unwrap();
                    assert!(partition.duplicates.iter().copied().eq(places));
                    partition.clear();
                }
            }
        }
    }

    #[test]
    fn positions_tell_all_lanes_and_places_apart() {
        assert_eq!((Position::MOST_LANES, Position::MOST_ROWS), (4096, 1 << 20));
        for (lane, at) in [(0, 0), (4095, 0), (0, (1 << 20) - 1), (4095, (1 << 20) - 1), (7, 9)] {
            let position = Position::new(lane, at);
            assert_eq!((position.lane(), usize::try_from(position.at())), (lane, Ok(at)));
        }
    }

    #[test]
    fn a_partition_of_few_rows_keeps_no_memory_for_many() {
        let note = Note { key: 1, at: 1, marks: Marks::NONE };
        let mut partition = Partition::default();
        for (used, kept) in [(10_000, 10_000), (3_000, 10_000), (1, 256), (0, 256)] {
            partition.notes.extend(vec![note; used]);
            partition.duplicates.extend(0..u32::try_from(used).unwrap());
            (0..used).for_each(|_| partition.rows.push(row(1, 1)));
            partition.clear();
            assert!(
                partition.rows.is_empty()
                    && partition.notes.is_empty()
                    && partition.duplicates.is_empty()
            );
            let rooms = [
                partition.notes.capacity(),
                partition.duplicates.capacity(),
                partition.rows.capacity(),
            ];
            assert!(rooms.iter().all(|room| (kept..2 * kept).contains(room)), "{used}: {rooms:?}");
        }
    }
}
