//! Directory entries whose pages lie far apart: a hash table that can be fetched ahead.
//!
//! Open addressing with linear probing: the place of an entry is known without a read, and one or
//! two lines of cache hold what a look-up reads. The hash is seeded: ids crafted to collide in one
//! run do not in the next. The upper bits of a hash are the place, so that a table that doubles is
//! read and written in order, within the same memory.

use std::hash::BuildHasher;
use std::mem::{replace, take};

use foldhash::fast::RandomState;

use super::entry::Entry;
use crate::huge_pages;
use crate::prefetch::prefetch;

/// Entries by the numbers of their pages.
#[derive(Debug, Default)]
pub(super) struct FarEntries {
    /// As many as a power of two, or none.
    slots: Vec<Slot>,
    /// The slots that hold an entry.
    count: usize,
    /// The slots that are not empty: they hold an entry, or did.
    used: usize,
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

/// The slots in a line of cache.
const LINE_SLOTS: usize = 4;

const _: () = assert!(size_of::<Slot>() * LINE_SLOTS == 64);

impl Slot {
    const EMPTY: Self = Self { number: 0, entry: Entry::EMPTY };
    /// The entry has been taken out; probing goes on. No page has this number.
    const TAKEN: Self = Self { number: u64::MAX, entry: Entry::NONE };

    fn is_empty(&self) -> bool {
        self.entry == Entry::EMPTY
    }

    fn holds_entry(&self) -> bool {
        !self.is_empty() && self.number != Self::TAKEN.number
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

    /// Fetches what a look-up of `number` will read: two lines, which is enough for almost all.
    #[inline]
    pub(super) fn prefetch(&self, number: u64) {
        let home = self.home(number);
        for place in [home, home.saturating_add(LINE_SLOTS)] {
            if let Some(slot) = self.slots.get(place) {
                prefetch(slot);
            }
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
        if !Self::is_roomy(self.used + 1, self.slots.len()) {
            self.double();
        }
        let place = self.find(number);
        let slot = &mut self.slots[place];
        if slot.is_empty() {
            slot.number = number;
            self.count += 1;
            self.used += 1;
        }
        &mut slot.entry
    }

    /// Takes out the entries that `take_one` takes.
    pub(super) fn take_if(&mut self, mut take_one: impl FnMut(u64, Entry) -> bool) {
        for slot in self.slots.iter_mut().filter(|slot| slot.holds_entry()) {
            if take_one(slot.number, slot.entry) {
                *slot = Slot::TAKEN;
                self.count -= 1;
            }
        }
        // Not for every few, as all others move.
        if self.count < self.used - self.used / 8 {
            self.shrink();
        }
    }

    /// Moves the entries to a table of the right size. It has it from the start, since the entries
    /// come in the order of their hashes and would crowd the front of one that grows.
    fn shrink(&mut self) {
        let slots = take(&mut self.slots);
        let mut size = if self.count == 0 { 0 } else { Self::SMALLEST };
        while !Self::is_roomy(self.count, size) {
            size *= 2;
        }
        self.resize(size);
        self.used = self.count;
        for slot in slots.into_iter().filter(Slot::holds_entry) {
            self.settle(slot);
        }
    }

    /// Tells whether a table is large enough. Five eighths may be in use: more would make probing
    /// read further than what was fetched, fewer would take more than 64 bytes an entry.
    fn is_roomy(count: usize, slots: usize) -> bool {
        count * 8 <= slots * 5
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

    /// Adds empty slots up to `size`, which is a power of two or none.
    fn resize(&mut self, size: usize) {
        self.slots.reserve_exact(size - self.slots.len());
        huge_pages::wish_for(&mut self.slots);
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
        self.used = self.count;
        let mut others = Vec::new();
        // From the last on, so that the slots in which entries settle have been emptied.
        for at in (0..before).rev() {
            let slot = replace(&mut self.slots[at], Slot::EMPTY);
            if slot.holds_entry() && !planted!(FarEntryLost) && !self.settle_from(at, slot) {
                others.push(slot);
            }
        }
        // Those that passed the end, and those that have moved by less than their probing had.
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::super::page::PAGE_IDS;
    use super::*;

    /// The largest number of a page.
    const LAST: u64 = u64::MAX / PAGE_IDS;

    /// An entry that can be told from others.
    fn entry(mark: u64) -> Entry {
        let mut entry = Entry::EMPTY;
        entry.set(mark % 512, Entry::DECIDED);
        entry
    }

    fn insert(far: &mut FarEntries, number: u64, mark: u64) {
        *far.entry(number) = entry(mark);
    }

    /// What is in the table, by asking it for each of these numbers.
    fn found(far: &mut FarEntries, numbers: &[u64]) -> Vec<Entry> {
        numbers
            .iter()
            .map(|&number| {
                let entry = far.get(number);
                assert_eq!(far.get_mut(number).map_or(Entry::EMPTY, |entry| *entry), entry);
                entry
            })
            .collect()
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Insert(u64, u64),
        TakeBelow(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let number = prop_oneof![
            0..200_u64,
            (0..200_u64).prop_map(|number| number << 40),
            LAST - 50..=LAST,
            0..=LAST
        ];
        prop_oneof![
            60 => (number.clone(), 0..512_u64).prop_map(|(number, mark)| Step::Insert(number, mark)),
            1 => number.prop_map(Step::TakeBelow)
        ]
    }

    proptest! {
        #[test]
        #[cfg_attr(miri, ignore = "minutes, and no unsafe code on the way")]
        fn the_table_agrees_with_a_plain_map(steps in prop::collection::vec(step(), 1..500)) {
            let (mut far, mut plain) = (FarEntries::default(), BTreeMap::new());
            let mut numbers = vec![0, LAST];
            for step in steps {
                match step {
                    Step::Insert(number, mark) => {
                        insert(&mut far, number, mark);
                        plain.insert(number, entry(mark));
                        numbers.push(number);
                    }
                    Step::TakeBelow(limit) => {
                        let mut taken = BTreeMap::new();
                        far.take_if(|number, entry| {
                            number < limit && taken.insert(number, entry).is_none()
                        });
                        let kept = plain.split_off(&limit);
                        prop_assert_eq!(taken, replace(&mut plain, kept));
                    }
                }
                prop_assert_eq!(far.count(), plain.len());
            }
            let expected: Vec<_> = numbers
                .iter()
                .map(|number| plain.get(number).copied().unwrap_or(Entry::EMPTY))
                .collect();
            prop_assert_eq!(found(&mut far, &numbers), expected);
        }
    }

    /// Numbers that are looked for last in a table of the smallest size.
    fn numbers_of_the_end(far: &mut FarEntries, count: usize) -> Vec<u64> {
        insert(far, 0, 0);
        let last = FarEntries::SMALLEST - 2;
        (1..).filter(|&number| far.home(number) >= last).take(count).collect()
    }

    #[test]
    #[cfg_attr(miri, ignore = "750,000 look-ups")]
    fn probing_goes_on_at_the_front_and_growth_keeps_what_it_finds_there() {
        for taken in [0, 1, 20] {
            let mut far = FarEntries::default();
            let numbers = numbers_of_the_end(&mut far, 500);
            for (at, &number) in numbers.iter().enumerate() {
                insert(&mut far, number, number);
                let there = found(&mut far, &numbers[..=at]);
                assert!(there.iter().zip(&numbers).all(|(it, &number)| *it == entry(number)));
                assert_eq!(far.get(numbers[(at + 1) % 500]) == Entry::EMPTY, at < 499);
            }
            assert_eq!((far.count(), far.slots.len()), (501, 1024));
            far.take_if(|number, _| !numbers[..taken].contains(&number));
            assert_eq!(far.count(), taken);
            assert_eq!(far.slots.len(), if taken == 0 { 0 } else { FarEntries::SMALLEST });
            let there = found(&mut far, &numbers);
            assert!(there[..taken].iter().zip(&numbers).all(|(it, &number)| *it == entry(number)));
            assert!(there[taken..].iter().all(|entry| *entry == Entry::EMPTY));
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "240,000 look-ups")]
    fn crafted_numbers_are_found_about_where_they_are_looked_for_first() {
        // The last two undo multiplication by a well-known constant, and by ones of few bits.
        let orders: [fn(u64) -> u64; 6] = [
            |it| it,
            |it| it << 31,
            |it| it << 40,
            u64::reverse_bits,
            |it| it.wrapping_mul(0xf1de_83e1_9937_733d),
            |it| it.wrapping_mul(0xffff_ffff_0000_0001),
        ];
        for order in orders {
            let mut far = FarEntries::default();
            for number in 0..20_000 {
                insert(&mut far, order(number), number);
            }
            let probes = |number| {
                let number = order(number);
                (far.find(number) + far.slots.len() - far.home(number)) % far.slots.len()
            };
            let total: usize = (0..20_000).map(probes).sum();
            // With a random hash it is one slot on average.
            assert!(total < 20 * 20_000, "{total}");
        }
    }
}
