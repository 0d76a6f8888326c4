//! Accounts by their places, as columns.

use std::num::NonZeroU32;

use super::entry::Entry;
use crate::huge_pages;
use crate::prefetch::prefetch_at;

/// Accounts by their places. What most rows need is one column, which is as small as it can be.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Entries, as bits: a vector of zeros costs nothing until it is touched.
    entries: Vec<u64>,
    /// Where what is held stands, from 1, and 0 where nothing ever was; as long as the entries, or
    /// shorter.
    held: Vec<u32>,
}

impl Table {
    /// Makes a longer table that starts with the places of this one; the others are empty.
    pub(super) fn extended(&self, length: usize) -> Self {
        let mut longer = Self { entries: vec![0; length], held: Vec::new() };
        huge_pages::wish_for(&mut longer.entries);
        copy_used(&self.entries, &mut longer.entries);
        if !self.held.is_empty() {
            longer.held = vec![0; length];
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

    /// Tells where what is held stands, from 0, if anything ever was.
    #[inline]
    pub(super) fn held(&self, at: usize) -> Option<usize> {
        let place = self.held.get(at).copied().and_then(NonZeroU32::new)?;
        usize::try_from(place.get() - 1).ok()
    }

    pub(super) fn set_held(&mut self, at: usize, place: usize) {
        if self.held.len() <= at {
            self.held.resize(self.entries.len(), 0);
        }
        self.held[at] = u32::try_from(place + 1).expect("fewer accounts than 2³²");
    }

    /// All entries, as bits.
    #[inline]
    pub(super) fn bits_mut(&mut self) -> &mut [u64] {
        &mut self.entries
    }

    /// Gives the entries of some places, as far as there are such places.
    pub(super) fn entries(&self, first: usize, last: usize) -> impl Iterator<Item = Entry> {
        let end = self.len().min(last.saturating_add(1));
        let bits = self.entries.get(first..end).unwrap_or_default();
        bits.iter().map(|&bits| Entry::of_bits(bits))
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
        table.set_held(1_400, 7);
        let longer = table.extended(1 << 12);
        assert_eq!((longer.len(), longer.held(1_400), longer.held(3)), (1 << 12, Some(7), None));
        for at in 0..1_500 {
            assert_eq!(longer.entry(at), table.entry(at), "{at}");
        }
        assert!(longer.entries(1_500, usize::MAX).all(|entry| !entry.is_open()));
    }
}
