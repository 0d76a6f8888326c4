//! The set of transaction ids: which are decided, and which a later row may ask for.
//!
//! Ids that lie close together, as almost all do, take two bits each in pages of 512; the page of
//! the last id is at hand, so ascending ids cost no look-up. Ids that lie apart take one hash-map
//! entry per page and stay below 64 bytes each, whatever ids a file is crafted from.
//!
//! Named ids can be numbered, densely from 0: within a page by rank, so that a number costs no
//! look-up beyond that of the page.

use std::collections::HashMap;

use foldhash::fast::RandomState;

/// The ids of one page: a line of cache for each of the two bitmaps.
const PAGE_IDS: u64 = 512;
const WORDS: usize = 8;

/// Decided ids and named ids.
#[derive(Debug)]
pub struct TxIds {
    /// Every page that holds an id, by the number of the page.
    directory: Directory,
    pages: Vec<Page>,
    /// The full page that was used last.
    recent: Recent,
    /// The numbers of the named ids of each page that was asked for one.
    rankings: Vec<Option<Ranking>>,
    /// The numbers of named ids that had no page when they were asked for.
    scattered: HashMap<u64, usize, RandomState>,
    /// The numbers given away.
    numbers: usize,
}

/// What the set knew of an id when it was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// No earlier row has decided the id.
    pub is_first: bool,
    /// The id was named beforehand.
    pub is_named: bool,
}

/// What the set knew of the ids of some rows: bit 0 stands for the first row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Decisions {
    /// An earlier row has decided the id.
    pub duplicate: u64,
    /// The id was named beforehand, and no earlier row has decided it.
    pub named: u64,
}

/// The ids whose bits share a word.
const WORD_IDS: u64 = 64;

/// One word of the bitmaps of a page, taken out.
#[derive(Clone, Copy, Debug)]
struct OpenWord {
    /// Its ids divided by [`WORD_IDS`].
    number: u64,
    decided: u64,
    named: u64,
}

impl OpenWord {
    /// No word: beyond the largest number that one can have.
    const NONE: Self = Self { number: u64::MAX, decided: 0, named: 0 };
}

/// The bits of the ids of one page.
#[derive(Clone, Copy, Debug, Default)]
struct Page {
    decided: [u64; WORDS],
    named: [u64; WORDS],
}

/// The entries of pages by their numbers: those of small numbers in a table, all others in a map.
///
/// The table grows with the entries, as the array part of a Lua table does, to at most 32 bytes for
/// each of them: ascending ids need no hashing, and scattered ids make no large table.
#[derive(Debug, Default)]
struct Directory {
    near: Vec<Entry>,
    far: HashMap<u64, Entry, RandomState>,
    /// The entries of the table that are not empty.
    near_count: usize,
}

impl Directory {
    /// The table may have this size, however few entries there are.
    const SMALL: usize = 1 << 10;

    #[inline]
    fn get(&self, number: u64) -> Entry {
        match usize::try_from(number).ok().and_then(|place| self.near.get(place)) {
            Some(&entry) => entry,
            None if self.far.is_empty() => Entry::EMPTY,
            None => self.far.get(&number).copied().unwrap_or(Entry::EMPTY),
        }
    }

    /// Gives an entry that will not be left empty.
    #[inline]
    fn entry(&mut self, number: u64) -> &mut Entry {
        let place = usize::try_from(number).unwrap_or(usize::MAX);
        if place >= self.near.len() && !self.grow(place) {
            return self.far.entry(number).or_insert(Entry::EMPTY);
        }
        let entry = &mut self.near[place];
        self.near_count += usize::from(*entry == Entry::EMPTY);
        entry
    }

    /// Makes the table reach a place, if there are enough entries for that.
    fn grow(&mut self, place: usize) -> bool {
        let count = self.near_count + self.far.len();
        if place >= Self::SMALL.max(2 * count) {
            return false;
        }
        self.near.resize((place + 1).next_power_of_two(), Entry::EMPTY);
        let near = &mut self.near;
        self.far.retain(|&number, entry| {
            let place = usize::try_from(number).ok().and_then(|place| near.get_mut(place));
            let is_far = place.is_none();
            if let Some(place) = place {
                *place = *entry;
                self.near_count += 1;
            }
            is_far
        });
        true
    }
}

/// The numbers of the named ids of one page.
#[derive(Clone, Copy, Debug)]
struct Ranking {
    /// The number of the first.
    first: usize,
    /// How many there are in the words before each word.
    before: [u16; WORDS],
}

impl Ranking {
    /// Numbers the named ids of a page from `first` on; gives the number after the last.
    fn new(page: &Page, first: usize) -> (Self, usize) {
        let mut count = 0;
        let before = page.named.map(|word| {
            let before = count;
            count += u16::try_from(word.count_ones()).expect("at most 64");
            before
        });
        (Self { first, before }, first + usize::from(count))
    }

    fn number(&self, page: &Page, place: u64) -> usize {
        let (word, mask) = Page::locate(place);
        let below = (page.named[word] & (mask - 1)).count_ones();
        self.first + usize::from(self.before[word]) + usize::try_from(below).expect("at most 63")
    }
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

    /// Gives the bits of the id at `place`, none where it is not in the entry.
    fn bits(self, place: u64) -> u64 {
        self.slots().find(|(_, slot)| slot & Self::PLACE == place).map_or(0, |(_, slot)| slot)
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
        Self {
            directory: Directory::default(),
            pages: Vec::new(),
            recent: Recent::NONE,
            rankings: Vec::new(),
            scattered: HashMap::default(),
            numbers: 0,
        }
    }
}

impl TxIds {
    /// Notes that some row refers to the transaction `tx`. Names come before the first number.
    pub fn name(&mut self, tx: u64) {
        debug_assert_eq!(self.numbers, 0, "numbers are ranks among the names");
        self.set(tx, Entry::NAMED);
    }

    /// Decides the id `tx`: the first call for an id is the first, every later one is not.
    #[inline]
    pub fn decide(&mut self, tx: u64) -> Decision {
        let before = self.set(tx, Entry::DECIDED);
        Decision { is_first: before & Entry::DECIDED == 0, is_named: before & Entry::NAMED != 0 }
    }

    /// Decides the ids of some rows in turn, those that decide one; the others do nothing. At most
    /// 64 rows.
    ///
    /// Ascending ids stay in one word, which is at hand; and which rows decide takes no branch, as
    /// nobody can guess it.
    #[inline]
    pub fn decide_all(&mut self, rows: impl Iterator<Item = (bool, u64)>) -> Decisions {
        let mut decisions = Decisions::default();
        let mut word = OpenWord::NONE;
        for (at, (decides, tx)) in rows.enumerate() {
            if decides && word.number != tx / WORD_IDS {
                self.put_back(word);
                word = self.open(tx);
                if word.number != tx / WORD_IDS {
                    // Its page is not full.
                    let decision = self.decide(tx);
                    decisions.duplicate |= u64::from(!decision.is_first) << at;
                    decisions.named |= u64::from(decision.is_named) << at;
                    continue;
                }
            }
            let (place, decides) = (tx % WORD_IDS, u64::from(decides));
            decisions.duplicate |= (word.decided >> place & decides) << at;
            decisions.named |= (word.named >> place & decides) << at;
            word.decided |= decides << place;
        }
        self.put_back(word);
        decisions.named &= !decisions.duplicate;
        decisions
    }

    /// Takes the word of an id out of its page, if it has a full one.
    fn open(&mut self, tx: u64) -> OpenWord {
        let number = tx / PAGE_IDS;
        if self.recent.number != number {
            let Some(index) = self.directory.get(number).page() else {
                return OpenWord::NONE;
            };
            self.recent = Recent { number, index };
        }
        let page = &self.pages[self.recent.index];
        let (word, _) = Page::locate(tx % PAGE_IDS);
        OpenWord { number: tx / WORD_IDS, decided: page.decided[word], named: page.named[word] }
    }

    /// Puts a word back into its page, the recent one.
    fn put_back(&mut self, word: OpenWord) {
        if word.number != OpenWord::NONE.number {
            let (index, _) = Page::locate(word.number * WORD_IDS % PAGE_IDS);
            self.pages[self.recent.index].decided[index] = word.decided;
        }
    }

    /// Tells whether some row refers to the transaction `tx`, as far as [`TxIds::name`] was told.
    pub fn is_named(&self, tx: u64) -> bool {
        let (number, place) = (tx / PAGE_IDS, tx % PAGE_IDS);
        let entry = self.directory.get(number);
        let bits = match entry.page() {
            Some(index) => self.pages[index].bits(place),
            None => entry.bits(place),
        };
        bits & Entry::NAMED != 0
    }

    /// Gives the number of a named id, always the same, densely from 0;
    /// `None` for an id that was not named.
    pub fn number(&mut self, tx: u64) -> Option<usize> {
        let (number, place) = (tx / PAGE_IDS, tx % PAGE_IDS);
        let index = if self.recent.number == number {
            self.recent.index
        } else {
            let entry = self.directory.get(number);
            match entry.page() {
                Some(index) => index,
                None if entry.bits(place) & Entry::NAMED == 0 => return None,
                None => return Some(self.scattered_number(tx)),
            }
        };
        let page = &self.pages[index];
        if page.bits(place) & Entry::NAMED == 0 {
            return None;
        }
        // The id may have been asked for before it had a page.
        if !self.scattered.is_empty()
            && let Some(&number) = self.scattered.get(&tx)
        {
            return Some(number);
        }
        if index >= self.rankings.len() {
            self.rankings.resize(self.pages.len(), None);
        }
        let ranking = self.rankings[index].get_or_insert_with(|| {
            let (ranking, next) = Ranking::new(page, self.numbers);
            self.numbers = next;
            ranking
        });
        Some(ranking.number(page, place))
    }

    fn scattered_number(&mut self, tx: u64) -> usize {
        *self.scattered.entry(tx).or_insert_with(|| {
            self.numbers += 1;
            self.numbers - 1
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
        let entry = self.directory.entry(number);
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
            (0..4_u64).prop_map(|far| far << 20),
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

    proptest! {
        /// Whether an id has a page of its own when it is first asked for, gets one later or never.
        #[test]
        fn every_named_id_has_one_number_of_its_own(
            named in prop::collection::btree_set(id(), 1..40),
            asked in prop::collection::vec(id(), 1..80),
            decided in prop::collection::vec(id(), 80),
        ) {
            let mut ids = TxIds::default();
            for &tx in &named {
                ids.name(tx);
            }
            let mut numbers = BTreeMap::new();
            for (&tx, &other) in asked.iter().chain(&named).zip(decided.iter().cycle()) {
                let number = ids.number(tx);
                prop_assert_eq!(number.is_some(), named.contains(&tx));
                if let Some(number) = number {
                    prop_assert_eq!(*numbers.entry(tx).or_insert(number), number);
                }
                ids.decide(other);
            }
            let distinct: BTreeSet<_> = numbers.values().collect();
            prop_assert_eq!(distinct.len(), named.len());
        }
    }

    proptest! {
        #[test]
        fn rows_decided_together_are_decided_as_one_by_one(
            named in prop::collection::vec(id(), 0..40),
            rows in prop::collection::vec((any::<bool>(), id()), 0..300),
        ) {
            let (mut together, mut singly) = (TxIds::default(), TxIds::default());
            for &tx in &named {
                together.name(tx);
                singly.name(tx);
            }
            for rows in rows.chunks(64) {
                let mut expected = Decisions::default();
                for (at, &(_, tx)) in rows.iter().enumerate().filter(|(_, row)| row.0) {
                    let Decision { is_first, is_named } = singly.decide(tx);
                    expected.duplicate |= u64::from(!is_first) << at;
                    expected.named |= u64::from(is_first & is_named) << at;
                }
                prop_assert_eq!(together.decide_all(rows.iter().copied()), expected);
            }
        }
    }

    #[test]
    fn numbers_are_dense_where_the_ids_are() {
        let mut ids = TxIds::default();
        for tx in (0..10_000).step_by(3) {
            ids.name(tx);
        }
        let numbers: BTreeSet<_> = (0..10_000).filter_map(|tx| ids.number(tx)).collect();
        assert_eq!(numbers.into_iter().collect::<Vec<_>>(), (0..3334).collect::<Vec<_>>());
    }

    /// Bytes that the set has taken from the allocator, at least.
    fn held_bytes(ids: &TxIds) -> usize {
        ids.directory.far.capacity() * (size_of::<(u64, Entry)>() + 1)
            + ids.directory.near.capacity() * size_of::<Entry>()
            + ids.pages.capacity() * size_of::<Page>()
    }

    #[test]
    fn ids_spread_over_pages_take_at_most_64_bytes_each() {
        for (per_page, first) in (1..=8_u64).flat_map(|it| [(it, 0), (it, 1 << 30)]) {
            let mut ids = TxIds::default();
            let mut count = 0;
            for page in first..first + 65_536 / per_page {
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
    fn pages_move_to_the_table_when_it_reaches_them() {
        let mut ids = TxIds::default();
        // From both ends of a range that only all of them together are enough for.
        let pages = 4 * u64::try_from(Directory::SMALL).unwrap();
        for page in (0..pages / 2).flat_map(|page| [pages - 1 - page, page]) {
            assert!(ids.decide(page * PAGE_IDS).is_first);
        }
        assert!(ids.directory.far.is_empty());
        assert!((0..pages).all(|page| !ids.decide(page * PAGE_IDS).is_first));
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
