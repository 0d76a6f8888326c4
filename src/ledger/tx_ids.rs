//! The set of transaction ids: which are decided, and which a later row may ask for.
//!
//! Ids that lie close together, as almost all do, take two bits each in pages of 512; the page of
//! the last id is at hand, so ascending ids cost no look-up. Ids that lie apart take one hash-map
//! entry per page and stay below 64 bytes each, whatever ids a file is crafted from.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// The ids of one page: a line of cache for each of the two bitmaps.
const PAGE_IDS: u64 = 512;
const WORDS: usize = 8;

/// Decided ids and named ids.
#[derive(Debug)]
pub struct TxIds {
    /// Every page that holds an id, by the number of the page.
    directory: HashMap<u64, Entry, RandomState>,
    pages: Vec<Page>,
    /// The full page that was used last.
    recent: Recent,
}

/// What the set knew of an id when it was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// No earlier row has decided the id.
    pub is_first: bool,
    /// The id was named beforehand.
    pub is_named: bool,
}

/// The bits of the ids of one page.
#[derive(Clone, Copy, Debug, Default)]
struct Page {
    decided: [u64; WORDS],
    named: [u64; WORDS],
}

#[derive(Clone, Copy, Debug)]
struct Recent {
    number: u64,
    index: usize,
}

impl Recent {
    /// No page: beyond the largest number a page can have.
    const NONE: Self = Self { number: u64::MAX, index: 0 };
}

/// A directory entry: up to five ids in the entry itself, or the index of a page.
///
/// An id takes 11 bits: its place in the page, whether it is decided, whether it is named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Entry(u64);

impl Entry {
    const EMPTY: Self = Self(0);
    const SLOTS: u32 = 5;
    const SLOT_BITS: u32 = 11;
    const COUNT_SHIFT: u32 = Self::SLOTS * Self::SLOT_BITS;
    const PLACE: u64 = PAGE_IDS - 1;
    const DECIDED: u64 = 1 << 9;
    const NAMED: u64 = 1 << 10;
    /// The rest of the entry is the index of a page.
    const FULL: u64 = 1 << 63;

    fn page(self) -> Option<usize> {
        (self.0 & Self::FULL != 0)
            .then(|| usize::try_from(self.0 & !Self::FULL).expect("an index into memory"))
    }

    fn of_page(index: usize) -> Self {
        Self(u64::try_from(index).expect("an index fits") | Self::FULL)
    }

    fn slots(self) -> impl Iterator<Item = (u32, u64)> {
        let count = u32::try_from(self.0 >> Self::COUNT_SHIFT).unwrap_or(Self::SLOTS);
        (0..count).map(move |slot| {
            let shift = slot * Self::SLOT_BITS;
            (shift, self.0 >> shift & ((1 << Self::SLOT_BITS) - 1))
        })
    }

    /// Sets `bit` of the id at `place`; gives the id's bits before, or `None` if there is no room.
    fn set(&mut self, place: u64, bit: u64) -> Option<u64> {
        if let Some((shift, slot)) = self.slots().find(|(_, slot)| slot & Self::PLACE == place) {
            self.0 |= bit << shift;
            return Some(slot);
        }
        let count = self.0 >> Self::COUNT_SHIFT;
        if count == u64::from(Self::SLOTS) {
            return None;
        }
        let shift = u32::try_from(count).expect("at most five") * Self::SLOT_BITS;
        self.0 |= (place | bit) << shift;
        self.0 += 1 << Self::COUNT_SHIFT;
        Some(0)
    }
}

impl Page {
    fn of_entry(entry: Entry) -> Self {
        let mut page = Self::default();
        for (_, slot) in entry.slots() {
            let place = slot & Entry::PLACE;
            for bit in [Entry::DECIDED, Entry::NAMED] {
                if slot & bit != 0 {
                    page.set(place, bit);
                }
            }
        }
        page
    }

    /// Gives the bits of the id at `place`.
    #[inline]
    fn bits(&self, place: u64) -> u64 {
        let (word, mask) = Self::locate(place);
        let decided = if self.decided[word] & mask != 0 { Entry::DECIDED } else { 0 };
        let named = if self.named[word] & mask != 0 { Entry::NAMED } else { 0 };
        decided | named
    }

    /// Sets `bit` of the id at `place`; gives the id's bits before.
    #[inline]
    fn set(&mut self, place: u64, bit: u64) -> u64 {
        let before = self.bits(place);
        let (word, mask) = Self::locate(place);
        if bit == Entry::DECIDED {
            self.decided[word] |= mask;
        } else {
            self.named[word] |= mask;
        }
        before
    }

    #[inline]
    fn locate(place: u64) -> (usize, u64) {
        (usize::try_from(place / 64).expect("below eight"), 1 << (place % 64))
    }
}

impl Default for TxIds {
    fn default() -> Self {
        Self { directory: HashMap::default(), pages: Vec::new(), recent: Recent::NONE }
    }
}

impl TxIds {
    /// Notes that some row refers to the transaction `tx`.
    pub fn name(&mut self, tx: u64) {
        self.set(tx, Entry::NAMED);
    }

    /// Decides the id `tx`: the first call for an id is the first, every later one is not.
    #[inline]
    pub fn decide(&mut self, tx: u64) -> Decision {
        let before = self.set(tx, Entry::DECIDED);
        Decision { is_first: before & Entry::DECIDED == 0, is_named: before & Entry::NAMED != 0 }
    }

    /// Tells whether some row refers to the transaction `tx`, as far as [`TxIds::name`] was told.
    pub fn is_named(&self, tx: u64) -> bool {
        let (number, place) = (tx / PAGE_IDS, tx % PAGE_IDS);
        self.directory.get(&number).is_some_and(|entry| match entry.page() {
            Some(index) => self.pages[index].bits(place) & Entry::NAMED != 0,
            None => entry
                .slots()
                .any(|(_, slot)| slot & Entry::PLACE == place && slot & Entry::NAMED != 0),
        })
    }

    /// Sets `bit` of an id and gives the id's bits before.
    #[inline]
    fn set(&mut self, tx: u64, bit: u64) -> u64 {
        let (number, place) = (tx / PAGE_IDS, tx % PAGE_IDS);
        if self.recent.number == number {
            return self.pages[self.recent.index].set(place, bit);
        }
        self.set_elsewhere(number, place, bit)
    }

    fn set_elsewhere(&mut self, number: u64, place: u64, bit: u64) -> u64 {
        let entry = self.directory.entry(number).or_insert(Entry::EMPTY);
        let index = if let Some(index) = entry.page() {
            index
        } else {
            if let Some(before) = entry.set(place, bit) {
                return before;
            }
            let index = self.pages.len();
            self.pages.push(Page::of_entry(*entry));
            *entry = Entry::of_page(index);
            index
        };
        self.recent = Recent { number, index };
        self.pages[index].set(place, bit)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Name(u64),
        Decide(u64),
    }

    fn id() -> impl Strategy<Value = u64> {
        prop_oneof![
            0..40_u64,
            500..530_u64,
            (0..6_u64).prop_map(|far| far << 40),
            u64::MAX - 20..=u64::MAX
        ]
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![id().prop_map(Step::Name), id().prop_map(Step::Decide)]
    }

    proptest! {
        #[test]
        fn the_set_agrees_with_plain_sets(steps in prop::collection::vec(step(), 1..200)) {
            let mut ids = TxIds::default();
            let (mut decided, mut named) = (BTreeSet::new(), BTreeSet::new());
            for step in steps {
                match step {
                    Step::Name(tx) => {
                        ids.name(tx);
                        named.insert(tx);
                    }
                    Step::Decide(tx) => {
                        let expected = Decision {
                            is_first: decided.insert(tx),
                            is_named: named.contains(&tx),
                        };
                        prop_assert_eq!(ids.decide(tx), expected);
                    }
                }
                for tx in &named {
                    prop_assert!(ids.is_named(*tx));
                }
            }
            for tx in &decided {
                prop_assert_eq!(ids.is_named(*tx), named.contains(tx));
            }
        }
    }

    /// Bytes that the set has taken from the allocator, at least.
    fn held_bytes(ids: &TxIds) -> usize {
        ids.directory.capacity() * (size_of::<(u64, Entry)>() + 1)
            + ids.pages.capacity() * size_of::<Page>()
    }

    #[test]
    fn ids_spread_over_pages_take_at_most_64_bytes_each() {
        for per_page in 1..=8_u64 {
            let mut ids = TxIds::default();
            let mut count = 0;
            for page in 0..(65_536 / per_page) {
                for place in 0..per_page {
                    assert!(ids.decide(page * PAGE_IDS + place * 7).is_first);
                    count += 1;
                }
            }
            let each = held_bytes(&ids) / count;
            assert!(each <= 64, "{per_page} ids per page take {each} bytes each");
        }
    }

    #[test]
    fn ascending_ids_take_two_bits_each() {
        let mut ids = TxIds::default();
        for tx in 0..1_000_000 {
            assert!(ids.decide(tx).is_first);
        }
        assert!(held_bytes(&ids) < 1_000_000);
        let twice: BTreeMap<u64, bool> =
            [0, 511, 512, 999_999].map(|tx| (tx, ids.decide(tx).is_first)).into();
        assert!(twice.values().all(|&is_first| !is_first));
    }
}
