//! A hash map from ids, or the numbers of pages, to indices: one that can be fetched ahead.
//!
//! A bucket is a line of cache of four keys and their indices, all of which are compared at once: it is
//! known without a read which line answers for most keys, and no branch depends on where in it a key
//! is. A key that finds its bucket full goes to the next one.

use super::buckets::{Buckets, CacheLine};

/// Indices by keys; nothing is taken out.
#[derive(Debug, Default)]
pub(super) struct IndexMap {
    buckets: Buckets<Bucket>,
    /// The slots in use.
    count: usize,
}

/// A line of cache; its first slots are in use.
#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Bucket {
    keys: [u64; SLOTS],
    /// [`NONE`] where a slot is free.
    indices: [usize; SLOTS],
}

const SLOTS: usize = 4;

/// No index into memory is so large.
const NONE: usize = usize::MAX;

const _: () = assert!(size_of::<Bucket>() <= 64);

impl Bucket {
    /// The index of a key, or [`NONE`].
    #[inline]
    fn get(&self, key: u64) -> usize {
        let slots = self.keys.iter().zip(0..);
        // The first of them is in use, if one is.
        let found = slots.fold(0_usize, |found, (&it, at)| found | usize::from(it == key) << at);
        let slot = usize::try_from(found.trailing_zeros()).expect("at most 64");
        self.indices.get(slot).copied().unwrap_or(NONE)
    }
}

impl CacheLine for Bucket {
    /// A key and its index.
    type Entry = (u64, usize);

    const EMPTY: Self = Self { keys: [0; SLOTS], indices: [NONE; SLOTS] };

    fn key((key, _): (u64, usize)) -> u64 {
        key
    }

    #[inline]
    fn is_full(&self) -> bool {
        self.indices[SLOTS - 1] != NONE
    }

    #[inline]
    fn put(&mut self, (key, index): (u64, usize)) {
        let slot = self.indices.iter().position(|&index| index == NONE).expect("it is not full");
        (self.keys[slot], self.indices[slot]) = (key, index);
    }

    fn used(self) -> impl Iterator<Item = (u64, usize)> {
        self.keys.into_iter().zip(self.indices).filter(|&(_, index)| index != NONE)
    }
}

impl IndexMap {
    /// The buckets of the smallest table.
    const FEWEST: usize = 16;

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// Calls `visit` with every key that is kept, and its index, in no order that means anything. Nobody
    /// can guess which slots are in use, so no branch is taken on that.
    #[inline]
    pub(super) fn visit(&self, keep: impl Fn(u64) -> bool, mut visit: impl FnMut(u64, usize)) {
        const TOGETHER: usize = 16;
        let mut found = [(0, NONE); TOGETHER * SLOTS];
        for buckets in self.buckets.all().chunks(TOGETHER) {
            let (mut at, mut count) = (0_usize, 0_usize);
            for bucket in buckets {
                for (&key, &index) in bucket.keys.iter().zip(&bucket.indices) {
                    // At most `at` have been found before.
                    found[count.min(at)] = (key, index);
                    at += 1;
                    count += usize::from(index != NONE && keep(key));
                }
            }
            for &(key, index) in &found[..count] {
                visit(key, index);
            }
        }
    }

    /// Fetches what [`IndexMap::get`] will read.
    #[inline]
    pub(super) fn prefetch(&self, key: u64) {
        self.prefetch_from(self.home(key));
    }

    #[inline]
    pub(super) fn get(&self, key: u64) -> Option<usize> {
        if self.count == 0 { None } else { self.get_from(self.home(key), key) }
    }

    /// Where a key is looked for first, until the table grows.
    #[inline]
    pub(super) fn home(&self, key: u64) -> usize {
        self.buckets.home(key)
    }

    /// As [`IndexMap::prefetch`], of a key that is looked for first at a place.
    #[inline]
    pub(super) fn prefetch_from(&self, home: usize) {
        self.buckets.prefetch(home);
    }

    /// As [`IndexMap::get`], of a key that is looked for first at a place.
    #[inline]
    pub(super) fn get_from(&self, home: usize, key: u64) -> Option<usize> {
        debug_assert_eq!(home, self.home(key), "the table has grown");
        let mut at = home;
        loop {
            let bucket = &self.buckets[at];
            let index = bucket.get(key);
            if index != NONE {
                return Some(index);
            }
            if !bucket.is_full() {
                return None;
            }
            at = self.buckets.after(at);
        }
    }

    /// Gives the index of a key, which is `index` where there is none yet.
    pub(super) fn get_or_insert(&mut self, key: u64, index: usize) -> usize {
        if let Some(index) = self.get(key) {
            return index;
        }
        self.insert(key, index);
        index
    }

    /// Adds a key that is not there.
    pub(super) fn insert(&mut self, key: u64, index: usize) {
        debug_assert_eq!(self.get(key), None);
        self.reserve(1);
        self.buckets.insert((key, index));
        self.count += 1;
    }

    /// Makes room for so many more keys.
    #[inline]
    pub(super) fn reserve(&mut self, more: usize) {
        // Five eighths of the slots may be in use: more would make more of the keys go to the next bucket.
        let least = ((self.count + more) * 8).div_ceil(5 * SLOTS);
        if least > self.buckets.len() {
            self.buckets.resize(least.next_power_of_two().max(Self::FEWEST));
        }
    }

    /// The bytes of the table that have been used.
    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.buckets.len() * size_of::<Bucket>()
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
            prop_assert_eq!((map.is_empty(), map.len()), (plain.is_empty(), plain.len()));
            let mut visited = BTreeMap::new();
            map.visit(|key| key % 3 != 0, |key, index| assert_eq!(visited.insert(key, index), None));
            prop_assert!(visited.iter().eq(plain.iter().filter(|&(key, _)| key % 3 != 0)));
            for key in keys.into_iter().flat_map(|key| [key, key.wrapping_add(1), 0, u64::MAX]) {
                prop_assert_eq!(map.get(key), plain.get(&key).copied());
            }
        }
    }
}
