//! Where the ids of each page are: the entries of pages by their numbers.

use super::entry::Entry;
use super::far::FarEntries;

/// The entries of pages by their numbers: those of small numbers in a table, all others hashed.
///
/// The table grows with its entries, as the array part of a Lua table does, to at most 48 bytes for
/// each of them: ascending ids need no hashing, and scattered ids make no large table.
#[derive(Debug, Default)]
pub(super) struct Directory {
    near: Vec<Entry>,
    far: FarEntries,
    /// The entries of the table that are not empty.
    near_count: usize,
}

impl Directory {
    /// The table may have this size, however few entries there are.
    pub(super) const SMALL: usize = 1 << 10;

    #[inline]
    pub(super) fn get(&self, number: u64) -> Entry {
        self.near(number).unwrap_or_else(|| self.far.get(number))
    }

    /// Gives the entry of a number that the table reaches.
    #[inline]
    pub(super) fn near(&self, number: u64) -> Option<Entry> {
        self.near.get(usize::try_from(number).ok()?).copied()
    }

    /// Gives the entry of a number, if it is not empty.
    #[inline]
    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut Entry> {
        match usize::try_from(number).ok().and_then(|place| self.near.get_mut(place)) {
            Some(entry) => Some(entry).filter(|entry| **entry != Entry::EMPTY),
            None => self.far.get_mut(number),
        }
    }

    /// Gives an entry that will not be left empty.
    #[inline]
    pub(super) fn entry(&mut self, number: u64) -> &mut Entry {
        let place = usize::try_from(number).unwrap_or(usize::MAX);
        if place >= self.near.len() && !self.grow(place) {
            return self.far.entry(if planted!(FarIdsMerged) { 0 } else { number });
        }
        let entry = &mut self.near[place];
        self.near_count += usize::from(*entry == Entry::EMPTY);
        entry
    }

    /// Fetches what the other methods will read for a number; the table is small and needs none.
    #[inline]
    pub(super) fn prefetch(&self, number: u64) {
        if usize::try_from(number).map_or(true, |place| place >= self.near.len()) {
            self.far.prefetch(number);
        }
    }

    /// Makes the table reach a place, if there are enough entries for that.
    fn grow(&mut self, place: usize) -> bool {
        if place >= Self::SMALL.max(3 * self.near_count) {
            return false;
        }
        self.near.resize((place + 1).next_power_of_two(), Entry::EMPTY);
        let near = &mut self.near;
        let before = self.far.count();
        self.far.take_if(|number, entry| {
            let place = usize::try_from(number).ok().and_then(|place| near.get_mut(place));
            place.map(|place| *place = entry).is_some()
        });
        self.near_count += before - self.far.count();
        true
    }

    /// The bytes that the directory has taken from the allocator.
    #[cfg(test)]
    pub(super) fn held_bytes(&self) -> usize {
        self.far.held_bytes() + self.near.capacity() * size_of::<Entry>()
    }

    /// The entries that are hashed.
    #[cfg(test)]
    pub(super) fn far_count(&self) -> usize {
        self.far.count()
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
        // Those of the upper end are hashed until the table reaches them.
        for number in (0..numbers / 2).flat_map(|number| [numbers - 1 - number, number, number]) {
            directory.entry(number).set(number % 512, Entry::DECIDED);
            let filled = directory.near.iter().filter(|entry| **entry != Entry::EMPTY).count();
            assert_eq!(directory.near_count, filled);
        }
        assert_eq!(directory.near_count + directory.far_count(), directory.near.len());
    }
}
