//! Accounts by their places, as columns.

use super::entry::Entry;
use crate::huge_pages;
use crate::prefetch::prefetch_at;

/// Accounts by their places. What most rows need is one column, which is as small as it can be.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Entries, as bits: a vector of zeros costs nothing until it is touched.
    entries: Vec<u64>,
    /// What is held, in units, or [`Table::WIDE`]; as long as the entries, or shorter.
    held: Vec<i64>,
}

impl Table {
    /// Makes a longer table that starts with the places of this one; the others are empty.
    pub(super) fn extended(&self, length: usize) -> Self {
        let mut longer = Self { entries: vec![0; length], held: Vec::new() };
        huge_pages::wish_for(&mut longer.entries);
        copy_used(&self.entries, &mut longer.entries);
        if !self.held.is_empty() {
            longer.extend_held();
            copy_used(&self.held, &mut longer.held);
        }
        longer
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.entries.len()
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
        self.entries.push(entry.bits());
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
            self.held = vec![0; self.entries.len()];
            huge_pages::wish_for(&mut self.held);
        } else {
            self.held.resize(self.entries.len(), 0);
        }
    }

    /// All entries, as bits.
    #[inline]
    pub(super) fn bits_mut(&mut self) -> &mut [u64] {
        &mut self.entries
    }

    /// Gives the entries of some places as bits, as far as there are such places.
    pub(super) fn bits(&self, first: usize, last: usize) -> &[u64] {
        let end = self.len().min(last.saturating_add(1));
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
        prefetch_at(&self.held, at);
    }
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
        let longer = table.extended(1 << 12);
        assert_eq!((longer.len(), longer.held(1_400), longer.held(3)), (1 << 12, 7, 0));
        for at in 0..1_500 {
            assert_eq!(longer.entry(at), table.entry(at), "{at}");
        }
        assert!(longer.bits(1_500, usize::MAX).iter().all(|&bits| bits == 0));
    }
}
