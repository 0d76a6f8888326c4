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
        longer.entries[..self.len()].copy_from_slice(&self.entries);
        if !self.held.is_empty() {
            longer.held = vec![0; length];
            longer.held[..self.held.len()].copy_from_slice(&self.held);
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
