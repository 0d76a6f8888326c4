//! Accounts by their places, as columns.

use super::entry::Entry;
use crate::huge_pages;
use crate::prefetch::prefetch_at;

/// Accounts by their places. What most rows need is one column, which is as small as it can be.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Entries, as bits; room beyond the places in a large table.
    entries: Vec<u64>,
    /// What is held, in units, or [`Table::WIDE`]; as long as the entries, or shorter.
    held: Vec<i64>,
    /// How many places there are.
    length: usize,
}

impl Table {
    /// Makes the table longer; the new places are empty.
    pub(super) fn extend(&mut self, length: usize) {
        if length > self.entries.len() {
            // The next doubling of a large table finds its place free then, in both columns.
            let least = length.next_power_of_two();
            let is_large = length > MOST_WRITTEN && huge_pages::has_room_for::<u64>(least * 4);
            let room = if is_large { least * 2 } else { least };
            extend_column(&mut self.entries, room);
            if !self.held.is_empty() {
                extend_column(&mut self.held, room);
            }
        }
        self.length = length;
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.length
    }

    #[inline]
    pub(super) fn entry(&self, at: usize) -> Entry {
        Entry::of_bits(self.entries[at])
    }

    #[inline]
    pub(super) fn set(&mut self, at: usize, entry: Entry) {
        self.entries[at] = entry.bits();
    }

    /// Adds a place at the end.
    pub(super) fn push(&mut self, entry: Entry) {
        debug_assert_eq!(self.length, self.entries.len(), "not beyond room for others");
        if self.length == self.entries.capacity() && self.length >= MOST_WRITTEN {
            // Moved by the allocator, it would come to lie in small pages.
            let mut longer = huge_pages::room_for(self.length * 2, self.length * 8);
            longer.extend_from_slice(&self.entries);
            self.entries = longer;
        }
        self.entries.push(entry.bits());
        self.length = self.entries.len();
    }

    /// What is held where it is more than 64 bits can tell.
    pub(super) const WIDE: i64 = i64::MIN;

    /// Tells what is held.
    #[inline]
    pub(super) fn held(&self, at: usize) -> i64 {
        self.held.get(at).copied().unwrap_or(0)
    }

    /// Gives what is held, to be changed.
    #[inline]
    pub(super) fn held_mut(&mut self, at: usize) -> &mut i64 {
        let at = if planted!(HeldShared) { 0 } else { at };
        if self.held.len() <= at {
            self.extend_held();
        }
        &mut self.held[at]
    }

    #[cold]
    fn extend_held(&mut self) {
        if self.held.is_empty() {
            extend_column(&mut self.held, self.entries.len());
        } else {
            self.held.resize(self.entries.len(), 0);
        }
    }

    /// All entries, as bits.
    #[inline]
    pub(super) fn bits_mut(&mut self) -> &mut [u64] {
        &mut self.entries[..self.length]
    }

    /// Gives the entries of some places as bits, as far as there are such places.
    pub(super) fn bits(&self, first: usize, last: usize) -> &[u64] {
        let end = self.length.min(last.saturating_add(1));
        self.entries.get(first..end).unwrap_or_default()
    }

    /// Fetches what deposits and withdrawals look at.
    #[inline]
    pub(super) fn prefetch(&self, at: usize) {
        prefetch_at(&self.entries, at);
    }

    /// Fetches what rows look at that refer to others.
    #[inline]
    pub(super) fn prefetch_held(&self, at: usize) {
        // To look for an address that is nowhere takes long.
        if !self.held.is_empty() {
            prefetch_at(&self.held, at);
        }
    }
}

/// The places of a column that is written when it is made, 1 MiB of them. Memory that is read first
/// is mapped twice, and every core that maps it has to hear of that.
const MOST_WRITTEN: usize = 1 << 17;

/// Makes a column longer, with zeros. A large one takes no memory where nobody has touched it.
fn extend_column<T: Copy + Default + PartialEq>(column: &mut Vec<T>, length: usize) {
    if length <= MOST_WRITTEN {
        return column.resize(length, T::default());
    }
    let mut longer = vec![T::default(); length];
    huge_pages::wish_for(&mut longer);
    copy_used(column, &mut longer);
    *column = longer;
}

/// Copies what is not zero to the start of zeros, page by page: what nobody has touched stays so, and
/// takes no memory.
fn copy_used<T: Copy + Default + PartialEq>(from: &[T], to: &mut [T]) {
    const PAGE: usize = 512;
    for (from, to) in from.chunks(PAGE).zip(to.chunks_mut(PAGE)) {
        if from.iter().any(|it| *it != T::default()) {
            to[..from.len()].copy_from_slice(from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::amount::Balance;

    #[test]
    fn a_table_keeps_its_places_when_it_grows() {
        let mut table = Table::default();
        for units in 0..1_500 {
            table.push(if units % 700 == 0 {
                Entry::new(Balance::from_units(units), false)
            } else {
                Entry::default()
            });
        }
        *table.held_mut(1_400) = 7;
        let before = table.bits(0, usize::MAX).to_vec();
        // By writing zeros, by a copy, within the room of that copy.
        for length in [1 << 12, 1 << 19, 1 << 20, 1 << 22] {
            table.extend(length);
            assert_eq!((table.len(), table.held(1_400), table.held(3)), (length, 7, 0));
            assert_eq!(table.bits(0, 1_499), before);
            assert_eq!(table.bits(1_500, usize::MAX).len(), length - 1_500);
            assert_eq!(table.bits_mut().len(), length);
            assert!(table.bits(1_500, usize::MAX).iter().all(|&bits| bits == 0));
            *table.held_mut(length - 1) = 0;
        }
    }
}
