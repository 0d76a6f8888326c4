//! Where the ids of each page are: in the entry of the page, in a page of bits, or loose.

use super::super::index_map::IndexMap;
use super::entry::Entry;
use super::loose::LooseIds;
use super::page::PAGE_IDS;

/// What is known of ids by the numbers of their pages: entries in a table for the pages of small
/// numbers; for all others the ids themselves, hashed, and the indices of those that have bits.
///
/// The table grows with its entries, as the array part of a Lua table does, to at most 48 bytes for
/// each of them: ascending ids need no hashing, and scattered ids make no large table.
#[derive(Debug, Default)]
pub(super) struct Directory {
    near: Vec<Entry>,
    /// The entries of the table that are not empty.
    near_count: usize,
    pub(super) loose: LooseIds,
    /// The indices of the far pages that have bits, and of some that have come near since.
    far_pages: IndexMap,
}

impl Directory {
    /// The table may have this size, however few entries there are.
    pub(super) const SMALL: usize = 1 << 10;

    /// Gives the entry of a number that the table reaches.
    #[inline]
    pub(super) fn near(&self, number: u64) -> Option<Entry> {
        self.near.get(usize::try_from(number).ok()?).copied()
    }

    /// Gives the entry of a number that the table reaches, to be changed.
    #[inline]
    pub(super) fn near_mut(&mut self, number: u64) -> Option<&mut Entry> {
        self.near.get_mut(usize::try_from(number).ok()?)
    }

    /// Gives an entry that will not be left empty, if the table reaches the number, or does from
    /// now on.
    #[inline]
    pub(super) fn near_entry(&mut self, number: u64) -> Option<&mut Entry> {
        let place = usize::try_from(number).ok()?;
        if place >= self.near.len() && !self.grow(place) {
            return None;
        }
        let entry = &mut self.near[place];
        self.near_count += usize::from(*entry == Entry::EMPTY);
        Some(entry)
    }

    /// Gives the index of a far page that has bits.
    pub(super) fn far_page(&self, number: u64) -> usize {
        self.far_pages.get(number).expect("it was noted when the page got its bits")
    }

    /// Notes the index of a far page that has bits now.
    pub(super) fn note_far_page(&mut self, number: u64, index: usize) {
        self.far_pages.get_or_insert(number, index);
    }

    /// Fetches what the other methods will read for a number; the table is small and needs none.
    #[inline]
    pub(super) fn prefetch(&self, number: u64) {
        if usize::try_from(number).map_or(true, |place| place >= self.near.len()) {
            self.loose.prefetch(number);
        }
    }

    /// Makes the table reach a place, if there are enough entries for that.
    fn grow(&mut self, place: usize) -> bool {
        if place >= Self::SMALL.max(3 * self.near_count) {
            return false;
        }
        let length = (place + 1).next_power_of_two();
        self.near.resize(length, Entry::EMPTY);
        let Self { near, near_count, loose, far_pages } = self;
        loose.take_below(u64::try_from(length).expect("64 bits"), |tx, bits| {
            let number = tx / PAGE_IDS;
            let entry = &mut near[usize::try_from(number).expect("below the length")];
            *near_count += usize::from(*entry == Entry::EMPTY);
            if let Some(bits) = bits {
                entry.set(tx % PAGE_IDS, bits).expect("no more ids than an entry has room for");
            } else {
                let index = far_pages.get(number).expect("the page has bits");
                *entry = Entry::of_page(index);
            }
        });
        true
    }

    /// The bytes that the directory has taken from the allocator.
    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        let far = self.loose.held_bytes() + self.far_pages.held_bytes();
        far + self.near.capacity() * size_of::<Entry>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "looks at every entry after every change")]
    fn the_count_of_the_table_is_that_of_its_entries_however_they_came() {
        let mut directory = Directory::default();
        let numbers = 8 * u64::try_from(Directory::SMALL).unwrap();
        // Those of the upper end are loose until the table reaches them.
        for number in (0..numbers / 2).flat_map(|number| [numbers - 1 - number, number, number]) {
            let place = number % 512;
            match directory.near_entry(number) {
                Some(entry) => assert!(entry.set(place, Entry::DECIDED).is_some()),
                None => {
                    directory.loose.set(number * PAGE_IDS + place, Entry::DECIDED);
                }
            }
            let filled = directory.near.iter().filter(|entry| **entry != Entry::EMPTY).count();
            assert_eq!(directory.near_count, filled);
        }
        assert_eq!(directory.near_count + directory.loose.count(), directory.near.len());
    }
}
