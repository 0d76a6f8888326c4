//! Plain rows in memory that is used again.

use std::ops::{Deref, DerefMut};

use super::fast::{PlainRow, RUN_ROWS};
use crate::prefetch::prefetch_for_writing_at;

/// So many rows ahead of one that is put, memory is fetched: another core often has it.
const PUT_AHEAD: usize = 32;

/// Plain rows, one after the other.
///
/// Unlike a vector, it keeps what stood in its room: the fast path writes its rows over it, and
/// nothing is cleared or copied for that.
#[derive(Clone, Debug, Default)]
pub(crate) struct PlainRows {
    slots: Vec<PlainRow>,
    count: usize,
}

impl PlainRows {
    /// Takes all rows out.
    pub(crate) fn clear(&mut self) {
        self.count = 0;
    }

    /// Tells how many rows there is memory for.
    #[cfg(test)]
    pub(crate) fn capacity(&self) -> usize {
        self.slots.capacity()
    }

    /// Gives back the memory beyond room for so many rows.
    pub(crate) fn shrink(&mut self, rows: usize) {
        if self.slots.capacity() > rows {
            self.slots.truncate(rows.max(self.count));
            self.slots.shrink_to(rows);
        }
    }

    /// Takes the rows behind the first `count` out.
    pub(crate) fn truncate(&mut self, count: usize) {
        self.count = self.count.min(count);
    }

    /// Takes the first `count` rows out.
    pub(crate) fn remove_first(&mut self, count: usize) {
        self.slots.copy_within(count..self.count, 0);
        self.count -= count;
    }

    /// Adds a row at the end.
    #[inline]
    pub(crate) fn push(&mut self, row: PlainRow) {
        match self.slots.get_mut(self.count) {
            Some(slot) => *slot = row,
            None => self.slots.push(row),
        }
        self.count += 1;
    }

    /// Adds a row at the end, where room has been made for it.
    ///
    /// # Panics
    /// Without room.
    #[inline]
    pub(crate) fn put(&mut self, row: PlainRow) {
        self.slots[self.count] = row;
        prefetch_for_writing_at(&self.slots, self.count + PUT_AHEAD);
        self.count = self.count.wrapping_add(1);
    }

    /// Keeps only rows that `keeps` agrees to.
    pub(crate) fn retain(&mut self, keeps: impl FnMut(&PlainRow) -> bool) {
        self.slots.truncate(self.count);
        self.slots.retain(keeps);
        self.count = self.slots.len();
    }

    /// Gives the room for a run behind the rows; [`PlainRows::add`] makes rows of it.
    #[inline]
    pub(super) fn room(&mut self) -> &mut [PlainRow; RUN_ROWS] {
        self.reserve(RUN_ROWS);
        self.slots[self.count..].first_chunk_mut().expect("it was reserved")
    }

    /// Makes room for some rows.
    #[inline]
    pub(crate) fn reserve(&mut self, rows: usize) {
        let needed = self.count + rows;
        if self.slots.len() < needed {
            let most = self.slots.len() + self.slots.len() / 2;
            self.slots.resize(needed.max(most), PlainRow::NONE);
        }
    }

    /// Takes the first `count` slots of the room for rows.
    #[inline]
    pub(super) fn add(&mut self, count: usize) {
        self.count += count;
        debug_assert!(self.count <= self.slots.len());
    }
}

impl Deref for PlainRows {
    type Target = [PlainRow];

    #[inline]
    fn deref(&self) -> &[PlainRow] {
        &self.slots[..self.count]
    }
}

impl DerefMut for PlainRows {
    #[inline]
    fn deref_mut(&mut self) -> &mut [PlainRow] {
        &mut self.slots[..self.count]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(tx: u64) -> PlainRow {
        PlainRow { tx, ..PlainRow::NONE }
    }

    #[test]
    fn what_stood_in_the_room_before_is_no_row() {
        let mut rows = PlainRows::default();
        for tx in [1, 2, 3] {
            rows.push(row(tx));
        }
        rows.truncate(2);
        rows.push(row(4));
        rows.retain(|row| row.tx != 1);
        let ids = |rows: &PlainRows| rows.iter().map(|row| row.tx).collect::<Vec<_>>();
        assert_eq!(ids(&rows), [2, 4]);
        rows.clear();
        assert!(rows.is_empty());
        rows.shrink(64);
        rows.room()[0] = row(5);
        rows.add(1);
        assert_eq!(ids(&rows), [5]);
    }
}
