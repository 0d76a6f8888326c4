//! Rows dealt out: those of a block by the worker that they are for.

use std::hash::Hasher;

use crate::ledger::Marks;
use crate::parser::{PlainRow, PlainRows};
use crate::prefetch::prefetch;

/// Rows that are dealt out together: what they need is made room for once.
pub(super) const HAND: usize = 64;

/// The rows of a block that are for one worker.
#[derive(Debug, Default)]
pub(super) struct Part {
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

impl Part {
    /// Of memory for so many rows no part gets rid.
    const KEPT_ROWS: usize = 2048;

    /// Takes all rows out. A part that had a few rows in memory for many gives it back: otherwise an
    /// input could make every part of every batch as large as a block.
    pub(super) fn clear(&mut self) {
        let Self { rows, notes, duplicates } = self;
        rows.shrink(Self::kept(rows.len()));
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

/// Where a row has come to stand: the worker that it is for, and its place in that worker's part. Both
/// in one word, as the reader waits for whatever it reads of another core.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Home(u32);

impl Home {
    const PLACE_BITS: u32 = 20;
    /// So many workers can be told apart.
    pub(super) const MOST_LANES: usize = 1 << (u32::BITS - Self::PLACE_BITS);
    /// So many rows of a block can be told apart.
    pub(super) const MOST_ROWS: usize = 1 << Self::PLACE_BITS;

    #[inline]
    fn new(lane: usize, at: usize) -> Self {
        debug_assert!(lane < Self::MOST_LANES && at < Self::MOST_ROWS);
        // `Dealt::deal` has asked whether both are few enough.
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

// A lane and a place fill a word.
const _: () = assert!(Home::MOST_LANES as u64 * Home::MOST_ROWS as u64 == 1 << u32::BITS);

/// The rows of a block, by the worker that they are for.
#[derive(Debug, Default)]
pub(super) struct Dealt {
    pub(super) parts: Vec<Part>,
    /// Where each row stands, unless there is one worker, who has them as they came.
    homes: Vec<Home>,
}

impl Dealt {
    /// Begins a block whose rows are for `shards` workers. A single one has them in the memory of
    /// `rows`, which gets other memory for them.
    pub(super) fn begin(&mut self, rows: &mut PlainRows, shards: usize) {
        self.parts.resize_with(shards, Part::default);
        debug_assert!(self.parts.iter().all(|part| part.rows.is_empty() && part.notes.is_empty()));
        self.homes.clear();
        if let [part] = &mut self.parts[..] {
            std::mem::swap(rows, &mut part.rows);
        }
    }

    /// Tells whether rows are copied, as there are several workers.
    #[inline]
    pub(super) fn copies(&self) -> bool {
        self.parts.len() > 1
    }

    /// Deals out rows, unless there is one worker, who has them where they are.
    ///
    /// # Panics
    /// With more workers or rows of a block than a [`Home`] can tell apart.
    pub(super) fn deal(&mut self, rows: &[PlainRow]) {
        let shards = self.parts.len();
        if !self.copies() {
            return;
        }
        assert!(shards <= Home::MOST_LANES && self.homes.len() + rows.len() <= Home::MOST_ROWS);
        let parts = &mut self.parts;
        for rows in rows.chunks(HAND) {
            for part in parts.iter_mut() {
                part.rows.reserve(rows.len());
            }
            self.homes.extend(rows.iter().map(|row| {
                let lane = lane_of(row, shards);
                let part = &mut parts[lane].rows;
                let home = Home::new(lane, part.len());
                part.put(*row);
                home
            }));
        }
    }

    /// Ends a block: what is left in `rows` is the single worker's.
    pub(super) fn end(&mut self, rows: &mut PlainRows) {
        if let [part] = &mut self.parts[..] {
            std::mem::swap(rows, &mut part.rows);
        }
    }

    /// Tells where a row stands, by its place in the block.
    #[inline]
    pub(super) fn home(&self, at: usize) -> Home {
        if self.copies() { self.homes[at] } else { Home::new(0, at) }
    }

    /// Fetches what [`Dealt::home`] will read for some rows, 64 at most.
    #[inline]
    pub(super) fn prefetch_homes(&self, at: usize) {
        for line in 0..4 {
            if let Some(home) = self.homes.get(at + 16 * line) {
                prefetch(home);
            }
        }
    }

    /// Notes how the shard of a row finds its transaction.
    #[inline]
    pub(super) fn note(&mut self, home: Home, (key, marks): (u64, Marks)) {
        self.parts[home.lane()].notes.push(Note { key, at: home.at(), marks });
    }

    /// Notes that a row has the id of an earlier one; they are noted in order.
    pub(super) fn note_duplicate(&mut self, home: Home) {
        self.parts[home.lane()].duplicates.push(home.at());
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
    use crate::transaction::Kind;

    fn row(client: u64, tx: u64) -> PlainRow {
        let (offset, kind, note, line) = (0, Kind::Dispute, 0, 0);
        PlainRow { client, tx, amount: None, offset, kind, note, line }
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
    fn each_row_is_found_in_the_part_of_its_worker_and_in_order() {
        for (shards, count) in [(1, 0), (2, 1), (1, 500), (2, 500), (7, 500), (300, 129)] {
            let mut dealt = Dealt::default();
            // Twice, since memory is used again.
            for stride in [1, 7] {
                let mut rows = PlainRows::default();
                dealt.begin(&mut rows, shards);
                rows.clear();
                (0..count).for_each(|at| rows.push(row(at * stride % 97, at)));
                for rows in rows.chunks(100) {
                    dealt.deal(rows);
                }
                dealt.end(&mut rows);
                assert_eq!(dealt.parts.len(), shards);
                let dealt_rows = dealt.parts.iter().map(|part| part.rows.len()).sum::<usize>();
                assert_eq!(u64::try_from(dealt_rows), Ok(count));
                for (index, at) in (0..count).zip(0..) {
                    let home = dealt.home(at);
                    let place = usize::try_from(home.at()).unwrap();
                    let found = dealt.parts[home.lane()].rows[place];
                    assert_eq!((found.client, found.tx), (index * stride % 97, index));
                    let lane = if shards == 1 { 0 } else { route(found.client, shards) };
                    assert_eq!(home.lane(), lane);
                    dealt.note_duplicate(home);
                }
                for part in &mut dealt.parts {
                    assert!(part.rows.is_sorted_by_key(|row| row.tx));
                    let places = 0..u32::try_from(part.rows.len()).unwrap();
                    assert!(part.duplicates.iter().copied().eq(places));
                    part.clear();
                }
            }
        }
    }

    #[test]
    fn a_part_of_few_rows_keeps_no_memory_for_many() {
        let note = Note { key: 1, at: 1, marks: Marks::NONE };
        let mut part = Part::default();
        for (used, kept) in [(10_000, 10_000), (3_000, 10_000), (1, Part::KEPT_ROWS), (0, 2_048)] {
            part.notes.extend(vec![note; used]);
            part.duplicates.extend(0..u32::try_from(used).unwrap());
            (0..used).for_each(|_| part.rows.push(row(1, 1)));
            part.clear();
            assert!(part.rows.is_empty() && part.notes.is_empty() && part.duplicates.is_empty());
            let rooms = [part.notes.capacity(), part.duplicates.capacity(), part.rows.capacity()];
            assert!(rooms.iter().all(|room| (kept..2 * kept).contains(room)), "{used}: {rooms:?}");
        }
    }
}
