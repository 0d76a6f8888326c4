//! Accounts by their places, as columns.

use std::num::NonZeroU32;

use super::entry::Entry;
use crate::huge_pages;
use crate::prefetch::prefetch_at;

/// A number of an account that rows refer to, its own for good.
pub(in crate::ledger) type Owner = NonZeroU32;

/// Accounts by their places. What most rows need is one column, which is as small as it can be.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Entries, as bits: a vector of zeros costs nothing until it is touched.
    entries: Vec<u64>,
    /// The owners, 0 where there is none; as long as the entries, or shorter.
    owners: Vec<u32>,
}

impl Table {
    /// Makes a longer table that starts with the places of this one; the others are empty.
    pub(super) fn extended(&self, length: usize) -> Self {
        let mut longer = Self { entries: vec![0; length], owners: Vec::new() };
        huge_pages::wish_for(&mut longer.entries);
        longer.entries[..self.len()].copy_from_slice(&self.entries);
        if !self.owners.is_empty() {
            longer.owners = vec![0; length];
            longer.owners[..self.owners.len()].copy_from_slice(&self.owners);
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

    #[inline]
    pub(super) fn owner(&self, at: usize) -> Option<Owner> {
        self.owners.get(at).copied().and_then(NonZeroU32::new)
    }

    pub(super) fn set_owner(&mut self, at: usize, owner: Owner) {
        if self.owners.len() <= at {
            self.owners.resize(self.entries.len(), 0);
        }
        self.owners[at] = owner.get();
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
    pub(super) fn prefetch_owner(&self, at: usize) {
        prefetch_at(&self.owners, at);
    }
}
