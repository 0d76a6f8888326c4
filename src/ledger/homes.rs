//! Where a hash table looks for a key first.

use std::hash::BuildHasher;

use foldhash::quality::RandomState;

/// The places of keys in a table of as many as a power of two.
///
/// The hash is seeded: keys crafted to collide in one run do not in the next; and it is the better one
/// of foldhash, since the faster one crowds keys that are multiples of a power of two, under some seeds,
/// into a third of the places. Its upper bits are the place, so that a table is read and written in
/// order while it grows.
#[derive(Debug, Default)]
pub(super) struct Homes {
    /// How many bits of a hash are no part of a place.
    shift: u32,
    hasher: RandomState,
}

impl Homes {
    /// The place that a key is looked for first.
    #[inline]
    pub(super) fn of(&self, key: u64) -> usize {
        let hash = self.hasher.hash_one(key);
        usize::try_from(hash >> self.shift).expect("a place in memory")
    }

    /// Makes them those of a table of `size` places, a power of two from two on.
    pub(super) fn resize(&mut self, size: usize) {
        self.shift = u64::BITS - size.ilog2();
    }
}
