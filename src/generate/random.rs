//! Random numbers that are the same on every machine, for ever.
//!
//! The stream is xoshiro256++ (Blackman and Vigna, 2019), seeded through `SplitMix64`. Ranges are cut
//! here and not by a library of distributions, because those may change their values between
//! releases.

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub(super) struct Random(Xoshiro256PlusPlus);

impl Random {
    /// Starts the stream of this seed.
    pub(super) fn from_seed(seed: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// Gives any number.
    #[inline]
    pub(super) fn any(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Gives a number below `bound`, which is not zero.
    ///
    /// The upper half of a 128-bit product, after Lemire ("Fast random integer generation in an
    /// interval", 2019), without the rejection step: the bias is below `bound` / 2⁶⁴, and one number
    /// costs one draw, always.
    #[inline]
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        debug_assert!(bound > 0);
        let product = u128::from(self.any()) * u128::from(bound);
        u64::try_from(product >> 64).expect("the upper half of 128 bits")
    }

    /// Tells, once in `times` on average, yes.
    #[inline]
    pub(super) fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// Gives an index into a slice of `length` entries, at least one.
    #[inline]
    pub(super) fn index(&mut self, length: usize) -> usize {
        let bound = u64::try_from(length).expect("lengths fit 64 bits");
        usize::try_from(self.below(bound)).expect("below a length")
    }

    /// Gives one of the entries of a table, which is not empty.
    #[inline]
    pub(super) fn one_of<T: Copy>(&mut self, table: &[T]) -> T {
        table[self.index(table.len())]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_pinned() {
        // Computed from the published definitions of SplitMix64 and xoshiro256++.
        let mut random = Random::from_seed(0);
        assert_eq!(random.any(), 0x5317_5d61_490b_23df);
        assert_eq!(random.any(), 0x61da_6f3d_c380_d507);
    }

    #[test]
    fn every_number_below_the_bound_occurs_and_none_above() {
        let mut random = Random::from_seed(1);
        let mut counts = [0; 7];
        for _ in 0..70_000 {
            counts[random.index(7)] += 1;
        }
        assert!(counts.iter().all(|count| (9_500..10_500).contains(count)), "{counts:?}");
        assert_eq!(random.below(1), 0);
    }
}
