//! Directory entries whose pages lie far apart: a hash table that can be fetched ahead.
//!
//! Open addressing with linear probing, so that the place of an entry is known without a read, and
//! one line of cache holds what a look-up reads. The hash is seeded: ids crafted to collide in one
//! run do not in the next. The upper bits of a hash are the place, so that a table that doubles is
//! read and written in order, in the same memory.

use std::hash::BuildHasher;
use std::mem::take;

use foldhash::fast::RandomState;

use super::entry::Entry;
use crate::prefetch::prefetch;

/// Entries by the numbers of their pages.
#[derive(Debug, Default)]
pub(super) struct FarEntries {
    /// As many as a power of two, or none.
    slots: Vec<Slot>,
    /// The slots that are not empty.
    count: usize,
    /// How many bits of a hash are no part of a place.
    shift: u32,
    hasher: RandomState,
}

/// An entry and the number of its page; an empty entry has no page.
#[derive(Clone, Copy, Debug)]
struct Slot {
    number: u64,
    entry: Entry,
}

const _: () = assert!(size_of::<Slot>() == 16);

impl Slot {
    const EMPTY: Self = Self { number: 0, entry: Entry::EMPTY };

    fn is_empty(&self) -> bool {
        self.entry == Entry::EMPTY
    }
}

impl FarEntries {
    /// The slots of the smallest table.
    const SMALLEST: usize = 64;

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The bytes that the table has taken from the allocator.
    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
    }

    /// Fetches what a look-up of `number` will read.
    #[inline]
    pub(super) fn prefetch(&self, number: u64) {
        if let Some(slot) = self.slots.get(self.home(number)) {
            prefetch(slot);
        }
    }

    #[inline]
    pub(super) fn get(&self, number: u64) -> Entry {
        if self.count == 0 { Entry::EMPTY } else { self.slots[self.find(number)].entry }
    }

    /// Gives the entry of a number, if it is not empty.
    #[inline]
    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut Entry> {
        if self.count == 0 {
            return None;
        }
        let place = self.find(number);
        Some(&mut self.slots[place].entry).filter(|entry| **entry != Entry::EMPTY)
    }

    /// Gives an entry that will not be left empty.
    #[inline]
    pub(super) fn entry(&mut self, number: u64) -> &mut Entry {
        if !Self::is_roomy(self.count + 1, self.slots.len()) {
            self.double();
        }
        let place = self.find(number);
        let slot = &mut self.slots[place];
        if slot.is_empty() {
            slot.number = number;
            self.count += 1;
        }
        &mut slot.entry
    }

    /// Takes out the entries that `take_one` takes.
    pub(super) fn take_if(&mut self, mut take_one: impl FnMut(u64, Entry) -> bool) {
        let mut slots = take(&mut self.slots);
        for slot in slots.iter_mut().filter(|slot| !slot.is_empty()) {
            if take_one(slot.number, slot.entry) {
                *slot = Slot::EMPTY;
                self.count -= 1;
            }
        }
        // A table of the right size from the start: the entries come in the order of their hashes,
        // which would crowd the front of one that grows.
        let mut size = if self.count == 0 { 0 } else { Self::SMALLEST };
        while !Self::is_roomy(self.count, size) {
            size *= 2;
        }
        self.resize(size);
        for slot in slots.into_iter().filter(|slot| !slot.is_empty()) {
            self.settle(slot);
        }
    }

    /// Tells whether a table is large enough: three quarters may be in use.
    fn is_roomy(count: usize, slots: usize) -> bool {
        count * 4 <= slots * 3
    }

    /// The slot that a number is looked for first; beyond the end of an empty table.
    #[inline]
    fn home(&self, number: u64) -> usize {
        let hash = self.hasher.hash_one(number);
        usize::try_from(hash >> self.shift).expect("a place in memory")
    }

    /// Finds the slot of a number, or the empty one that it would take.
    #[inline]
    fn find(&self, number: u64) -> usize {
        let last = self.slots.len() - 1;
        let mut place = self.home(number);
        loop {
            let slot = &self.slots[place];
            if slot.number == number || slot.is_empty() {
                return place;
            }
            place = (place + 1) & last;
        }
    }

    /// Sets the number of slots, which are a power of two or none.
    fn resize(&mut self, size: usize) {
        self.slots.reserve_exact(size - self.slots.len());
        self.slots.resize(size, Slot::EMPTY);
        self.shift = u64::BITS - size.max(2).ilog2();
    }

    /// Puts an entry, which is in no slot, into one.
    fn settle(&mut self, slot: Slot) {
        let place = self.find(slot.number);
        self.slots[place] = slot;
    }

    /// Doubles the table where it is.
    #[cold]
    fn double(&mut self) {
        let before = self.slots.len();
        self.resize((2 * before).max(Self::SMALLEST));
        let mut others = Vec::new();
        // From the last on, so that the slots in which entries settle have been emptied.
        for at in (0..before).rev() {
            let slot = std::mem::replace(&mut self.slots[at], Slot::EMPTY);
            if !slot.is_empty() && !self.settle_from(at, slot) {
                others.push(slot);
            }
        }
        for slot in others {
            self.settle(slot);
        }
    }

    /// Puts an entry into a slot if that passes none below `first` and not the end.
    fn settle_from(&mut self, first: usize, slot: Slot) -> bool {
        let home = self.home(slot.number);
        if home < first {
            return false;
        }
        let place = self.slots[home..].iter_mut().find(|slot| slot.is_empty());
        place.map(|place| *place = slot).is_some()
    }
}
