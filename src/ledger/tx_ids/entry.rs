//! What the directory knows of the ids of one page.

use super::page::PAGE_IDS;

/// A directory entry: up to five ids in the entry itself, or the index of a page.
///
/// An id takes 11 bits: its place in the page, whether it is decided, whether it is named. A number
/// of a named id that is the only one takes the room of the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry(u64);

impl Entry {
    pub(super) const EMPTY: Self = Self(0);
    /// The ids that there is room for.
    pub(super) const SLOTS: u32 = 5;
    const SLOT_BITS: u32 = 11;
    const SLOT: u64 = (1 << Self::SLOT_BITS) - 1;
    const COUNT_SHIFT: u32 = Self::SLOTS * Self::SLOT_BITS;
    pub(super) const PLACE: u64 = PAGE_IDS - 1;
    pub(super) const DECIDED: u64 = 1 << 9;
    pub(super) const NAMED: u64 = 1 << 10;
    /// The rest of the entry is the index of a page.
    const FULL: u64 = 1 << 63;
    /// The rest of the entry is one id and its number.
    const NUMBERED: u64 = 1 << 62;
    /// The numbers that there is room for.
    const NUMBERS: u64 = 1 << (62 - Self::SLOT_BITS);

    pub(super) fn page(self) -> Option<usize> {
        (self.0 & Self::FULL != 0)
            .then(|| usize::try_from(self.0 & !Self::FULL).expect("an index into memory"))
    }

    pub(super) fn of_page(index: usize) -> Self {
        Self(u64::try_from(index).expect("an index fits") | Self::FULL)
    }

    /// How many ids are in the entry itself.
    #[inline]
    fn count(self) -> u64 {
        if self.0 & Self::NUMBERED == 0 { self.0 >> Self::COUNT_SHIFT } else { 1 }
    }

    #[inline]
    pub(super) fn slots(self) -> impl Iterator<Item = (u32, u64)> {
        let count = u32::try_from(self.count()).unwrap_or(Self::SLOTS);
        (0..count).map(move |slot| {
            let shift = slot * Self::SLOT_BITS;
            (shift, self.0 >> shift & Self::SLOT)
        })
    }

    /// Gives the bits of the id at `place`, none where it is not in the entry.
    #[inline]
    pub(super) fn bits(self, place: u64) -> u64 {
        self.slots().find(|(_, slot)| slot & Self::PLACE == place).map_or(0, |(_, slot)| slot)
    }

    /// Sets `bit` of the id at `place`; gives the id's bits before, or `None` if there is no room.
    ///
    /// An id that comes to another must find the number of that forgotten.
    #[inline]
    pub(super) fn set(&mut self, place: u64, bit: u64) -> Option<u64> {
        if let Some((shift, slot)) = self.slots().find(|(_, slot)| slot & Self::PLACE == place) {
            self.0 |= bit << shift;
            return Some(slot);
        }
        debug_assert_eq!(self.number(), None, "the number stands where the id is to be");
        let count = self.count();
        if count == u64::from(Self::SLOTS) {
            return None;
        }
        let shift = u32::try_from(count).expect("at most five") * Self::SLOT_BITS;
        self.0 |= (place | bit) << shift;
        self.0 += 1 << Self::COUNT_SHIFT;
        Some(0)
    }

    /// Gives the number of the only id, if it has been set.
    #[inline]
    pub(super) fn number(self) -> Option<usize> {
        let number = (self.0 & !Self::NUMBERED) >> Self::SLOT_BITS;
        (self.0 & (Self::FULL | Self::NUMBERED) == Self::NUMBERED)
            .then(|| usize::try_from(number).expect("it was one"))
    }

    /// Sets the number of the only id; does nothing and says so where there are several ids, or
    /// where the number is too large.
    #[inline]
    pub(super) fn set_number(&mut self, number: usize) -> bool {
        let number = u64::try_from(number).unwrap_or(u64::MAX);
        let fits = self.0 >> Self::COUNT_SHIFT == 1 && number < Self::NUMBERS;
        if fits {
            self.0 = self.0 & Self::SLOT | number << Self::SLOT_BITS | Self::NUMBERED;
        }
        fits
    }

    /// Makes room for an id at `place`: forgets the number of another, and gives the place of that
    /// id and its number.
    #[inline]
    pub(super) fn forget_number(&mut self, place: u64) -> Option<(u64, usize)> {
        let number = self.number()?;
        let slot = self.0 & Self::SLOT;
        (slot & Self::PLACE != place).then(|| {
            self.0 = slot | 1 << Self::COUNT_SHIFT;
            (slot & Self::PLACE, number)
        })
    }
}
