//! Ids that lie close together: two bits each, and their numbers by rank.

use super::entry::Entry;

/// The ids of one page: a line of cache for each of the two bitmaps.
pub(super) const PAGE_IDS: u64 = 512;
/// The ids whose bits share a word.
pub(super) const WORD_IDS: u64 = 64;
const WORDS: usize = 8;

/// The bits of the ids of one page.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Page {
    pub(super) decided: [u64; WORDS],
    pub(super) named: [u64; WORDS],
}

impl Page {
    pub(super) fn of_entry(entry: Entry) -> Self {
        let mut page = Self::default();
        for (_, slot) in entry.slots() {
            page.set_all(slot & Entry::PLACE, slot);
        }
        page
    }

    /// Sets those of `bits` that stand for something.
    pub(super) fn set_all(&mut self, place: u64, bits: u64) {
        for bit in [Entry::DECIDED, Entry::NAMED] {
            if bits & bit != 0 {
                self.set(place, bit);
            }
        }
    }

    /// Gives the bits of the id at `place`.
    #[inline]
    pub(super) fn bits(&self, place: u64) -> u64 {
        let (word, mask) = Self::locate(place);
        let decided = if self.decided[word] & mask != 0 { Entry::DECIDED } else { 0 };
        let named = if self.named[word] & mask != 0 { Entry::NAMED } else { 0 };
        decided | named
    }

    /// Tells whether the id at `place` is named, without a look at what is decided.
    #[inline]
    pub(super) fn is_named(&self, place: u64) -> bool {
        let (word, mask) = Self::locate(place);
        self.named[word] & mask != 0
    }

    /// Sets `bit` of the id at `place`; gives the id's bits before.
    #[inline]
    pub(super) fn set(&mut self, place: u64, bit: u64) -> u64 {
        let before = self.bits(place);
        let (word, mask) = Self::locate(place);
        if bit == Entry::DECIDED {
            self.decided[word] |= mask;
        } else {
            self.named[word] |= mask;
        }
        before
    }

    /// Decides `count` ids from `place` on, 1 … 64 that are all on the page, if none of them is
    /// decided; gives which of them are named, the first lowest.
    #[inline]
    pub(super) fn decide_run(&mut self, place: u64, count: u32) -> Option<u64> {
        let (word, first) = Self::locate(place);
        let shift = first.trailing_zeros();
        let run = u64::MAX >> (u64::BITS - count);
        let (low, high) = (run << shift, run.checked_shr(u64::BITS - shift).unwrap_or(0));
        if high == 0 {
            if self.decided[word] & low != 0 {
                return None;
            }
            self.decided[word] |= low;
            return Some((self.named[word] & low) >> shift);
        }
        let next = word + 1;
        if self.decided[word] & low != 0 || self.decided[next] & high != 0 {
            return None;
        }
        self.decided[word] |= low;
        self.decided[next] |= high;
        let before_next = u64::BITS - shift;
        Some((self.named[word] & low) >> shift | (self.named[next] & high) << before_next)
    }

    /// Takes back what [`Page::decide_run`] has decided.
    #[cold]
    pub(super) fn forget_run(&mut self, place: u64, count: u32) {
        for place in place..place + u64::from(count) {
            let (word, mask) = Self::locate(place);
            self.decided[word] &= !mask;
        }
    }

    #[inline]
    pub(super) fn locate(place: u64) -> (usize, u64) {
        (usize::try_from(place / 64).expect("below eight"), 1 << (place % 64))
    }
}

/// The numbers of the named ids of one page: small, as references jump about among them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ranking {
    /// The number of the first.
    first: usize,
    /// How many there are in the words before each word but the first, in nine bits each.
    before: u64,
}

impl Ranking {
    /// That of a page whose ids have no numbers yet.
    pub(super) const NONE: Self = Self { first: usize::MAX, before: 0 };
    const COUNT_BITS: usize = 9;
    const COUNT: u64 = (1 << Self::COUNT_BITS) - 1;

    /// Tells whether the ids have no numbers yet.
    #[inline]
    pub(super) fn is_none(self) -> bool {
        self.first == usize::MAX
    }

    /// Numbers the named ids of a page from `first` on; gives the number after the last.
    pub(super) fn new(page: &Page, first: usize) -> (Self, usize) {
        let (mut before, mut count) = (0, 0_u64);
        for (word, bits) in page.named.iter().enumerate() {
            if word > 0 {
                before |= count << (Self::COUNT_BITS * (word - 1));
            }
            count += u64::from(bits.count_ones());
        }
        let next = first + usize::try_from(count).expect("at most 512");
        (Self { first, before }, next)
    }

    #[inline]
    pub(super) fn number(self, page: &Page, place: u64) -> usize {
        let (word, mask) = Page::locate(place);
        let below = (page.named[word] & (mask - 1)).count_ones();
        let before = match word {
            0 => 0,
            _ => self.before >> (Self::COUNT_BITS * (word - 1)) & Self::COUNT,
        };
        let rank = before + u64::from(below);
        self.first + usize::try_from(rank).expect("below 512")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn named_ids_are_numbered_by_rank_however_many_there_are() {
        for step in [1, 2, 63, 64, 65, 511] {
            let mut page = Page::default();
            let named = || (0..PAGE_IDS).rev().step_by(step);
            named().for_each(|place| page.set_all(place, Entry::NAMED));
            let (ranking, next) = Ranking::new(&page, 7);
            assert!(!ranking.is_none() && Ranking::NONE.is_none());
            let numbers: Vec<_> = named().map(|place| ranking.number(&page, place)).collect();
            assert_eq!(numbers, (7..next).rev().collect::<Vec<_>>(), "one in {step}");
            assert_eq!(next - 7, named().count());
        }
    }
}
