//! A hash map from ids, or the numbers of pages, to indices: one that can be fetched ahead.
//!
//! Open addressing with linear probing: the place of an entry is known without a read, and one or
//! two lines of cache hold what a look-up reads.

use super::homes::Homes;
use crate::huge_pages;
use crate::prefetch::prefetch_at;

/// Indices by keys; nothing is taken out.
#[derive(Debug, Default)]
pub(super) struct IndexMap {
    /// As many as a power of two, or none.
    slots: Vec<Slot>,
    /// The slots that are not empty.
    count: usize,
    /// The slots that keys are looked for first.
    homes: Homes,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    key: u64,
    index: usize,
}

impl Slot {
    /// No index into memory is so large.
    const EMPTY: Self = Self { key: 0, index: usize::MAX };

    fn is_empty(&self) -> bool {
        self.index == Self::EMPTY.index
    }
}

impl IndexMap {
    /// The slots of the smallest table.
    const FEWEST: usize = 64;

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Fetches what [`IndexMap::get`] will read.
    #[inline]
    pub(super) fn prefetch(&self, key: u64) {
        prefetch_at(&self.slots, self.homes.of(key));
    }

    #[inline]
    pub(super) fn get(&self, key: u64) -> Option<usize> {
        if self.count == 0 {
            return None;
        }
        let slot = &self.slots[self.find(key)];
        (!slot.is_empty()).then_some(slot.index)
    }

    /// Gives the index of a key, which is `index` where there is none yet.
    pub(super) fn get_or_insert(&mut self, key: u64, index: usize) -> usize {
        self.reserve(1);
        let place = self.find(key);
        let slot = &mut self.slots[place];
        if slot.is_empty() {
            *slot = Slot { key, index };
            self.count += 1;
        }
        slot.index
    }

    /// Finds the slot of a key, or the empty one that it would take.
    #[inline]
    fn find(&self, key: u64) -> usize {
        let last = self.slots.len() - 1;
        let mut place = self.homes.of(key);
        loop {
            let slot = &self.slots[place];
            if slot.key == key || slot.is_empty() {
                return place;
            }
            place = (place + 1) & last;
        }
    }

    /// Makes room for so many more keys.
    #[inline]
    pub(super) fn reserve(&mut self, more: usize) {
        // Five eighths may be in use: more would make probing read further.
        let least = ((self.count + more) * 8).div_ceil(5);
        if least > self.slots.len() {
            self.resize(least.next_power_of_two().max(Self::FEWEST));
        }
    }

    #[cold]
    fn resize(&mut self, size: usize) {
        let mut slots = huge_pages::room_for(size, size);
        slots.resize(size, Slot::EMPTY);
        let before = std::mem::replace(&mut self.slots, slots);
        self.homes.resize(size);
        for slot in before.into_iter().filter(|slot| !slot.is_empty()) {
            let place = self.find(slot.key);
            self.slots[place] = slot;
        }
    }

    /// The bytes that the table has taken from the allocator.
    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Slot>()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        #[cfg_attr(miri, ignore = "minutes, and no unsafe code on the way")]
        fn the_map_agrees_with_a_plain_one(
            keys in prop::collection::vec(
                prop_oneof![0..200_u64, (0..200_u64).prop_map(|key| key << 40), any::<u64>()],
                0..500,
            )
        ) {
            let (mut map, mut plain) = (IndexMap::default(), BTreeMap::new());
            for (&key, index) in keys.iter().zip(0..) {
                prop_assert_eq!(map.get(key), plain.get(&key).copied());
                let expected = *plain.entry(key).or_insert(index);
                prop_assert_eq!(map.get_or_insert(key, index), expected);
            }
            prop_assert_eq!(map.is_empty(), plain.is_empty());
            for key in keys.into_iter().flat_map(|key| [key, key.wrapping_add(1), 0, u64::MAX]) {
                prop_assert_eq!(map.get(key), plain.get(&key).copied());
            }
        }
    }
}
